//! Law 8: whoever is killed while sending loses nothing, and sends nothing that isn't on record.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::recipient::Reply;
use crate::scene::{Scene, reached};

#[test]
fn killed_between_the_record_and_the_answer_it_is_sent_again_under_the_same_id() {
    let mut scene = Scene::new();
    scene.withdraw("email:bo@x.example");
    scene.push();
    scene.recipient.will([Reply::Silence]);
    let path = scene.world.path();
    let mut worker = Command::new(env!("CARGO_BIN_EXE_candor"))
        .args(["--store", path.to_str().unwrap(), "outbox", "run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while scene.recipient.heard().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing was sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    worker.kill().unwrap();
    worker.wait().unwrap();
    scene.world.reopen();
    assert_eq!(scene.disclosures(), 1, "what went out is on record");
    assert_eq!(scene.rows()[0].state, "sending");
    // The machine's own clock moved the row: another worker takes it once its time is over.
    let next = candor::base::clock::Moment::parse(&scene.rows()[0].next_at).unwrap();
    scene.wait((next.0 - scene.now().0) / 1_000 - 1);
    assert!(scene.send().is_empty(), "whoever was killed might live");
    scene.wait(3);
    assert_eq!(scene.send().delivered, 1);
    let heard = scene.recipient.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].header("webhook-id"), heard[1].header("webhook-id"));
    assert_eq!(scene.reached(), reached(&[("ann@x.example", 2)]));
    assert_eq!(scene.disclosures(), 1);
    scene.is_sound();
}
