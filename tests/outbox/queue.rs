//! The queue itself: workers side by side, backups, and requests in a recipient's own form.

use candor::send::outbox;
use candor::subject::backup::{Certificates, backup, restore};

use crate::common::{World, hour};
use crate::recipient::Recipient;
use crate::scene::{READERS, Scene, policy};

#[test]
fn two_workers_send_each_message_once() {
    let mut scene = Scene::new();
    let mut more = String::from("customer_id,at,name,email,optin,notice\n");
    for n in 10..70 {
        more += &format!("c{n},2026-01-04,N,n{n}@x.example,yes,letter-form@1\n");
    }
    scene.world.import("shop", &more, hour(1));
    assert_eq!(scene.push(), 62);
    let workers: Vec<_> = (0..2).map(|_| scene.worker()).collect();
    let threads: Vec<_> = workers
        .into_iter()
        .map(|mut worker| std::thread::spawn(move || worker.run_once().unwrap().delivered))
        .collect();
    let sent: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!((sent, scene.recipient.heard().len()), (62, 62));
    assert!(scene.reached().values().all(|count| *count == 1));
    assert_eq!(scene.disclosures(), 62);
    scene.is_sound();
}

#[test]
fn what_waited_in_a_backup_waits_for_a_person() {
    let mut scene = Scene::new();
    scene.push();
    let (path, now) = (scene.world.path(), scene.now());
    let copy = scene.world.folder.path().join("copy.db");
    backup(&mut scene.world.store, &copy, now).unwrap();
    assert_eq!(scene.send().delivered, 2);
    for side in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(side);
        let _ = std::fs::rename(&name, scene.world.folder.path().join(format!("old{side}")));
    }
    restore(&path, &copy, Certificates::Some(&[]), "test", now).unwrap();
    scene.world.reopen();
    assert!(scene.rows().iter().all(|row| row.state == "dead"), "{:?}", scene.rows());
    assert_eq!(scene.rows().len(), 2);
    assert!(scene.send().is_empty());
    assert_eq!(scene.recipient.heard().len(), 2, "nothing is sent twice by itself");
    scene.is_sound();
}

#[test]
fn a_recipient_gets_the_form_that_it_asks_for() {
    let recipient = Recipient::start();
    let own = format!(
        "kind = \"http\"\nrate = \"99 in PT1S\"\n[destination.hook.http]\nmethod = \"PUT\"\n\
         url = \"{}\"\nheaders = {{ Authorization = \"Bearer {{{{ secret.mailer }}}}\" }}\n\
         body = '{{\"hash\": \"{{{{ data.email|lower|sha256 }}}}\", \"name\": {{{{ data.first_name|tojson }}}}}}'\n",
        recipient.url("/v1/{{ data.email }}/x?id={{ id }}")
    );
    let text = policy(&recipient, "");
    let at = text.find("kind = \"webhook\"").unwrap();
    let mut world = World::under(&format!("{}{own}", &text[..at]));
    world.import("shop", &READERS.replace("Ann", "A\"n\\n"), hour(1));
    let path = world.path();
    let mut secrets = candor::store::Secrets::beside(&path).unwrap();
    let value = zeroize::Zeroizing::new("t0p-s3cret\n".to_owned());
    secrets.set("mailer", value, candor::store::Before::Dropped).unwrap();
    outbox::queue_audience(&mut world.store, &world.rules, "hook", hour(2)).unwrap();
    let store = candor::store::Store::open(&path, candor::store::Access::Write, "w").unwrap();
    let mut worker = outbox::Worker::new(store, std::sync::Arc::new(|| hour(2)));
    assert_eq!(worker.run_once().unwrap().delivered, 2);
    let heard = recipient.heard();
    let ann = heard.iter().find(|heard| heard.line.contains("ann%40x.example")).unwrap();
    assert!(ann.line.starts_with("PUT /v1/ann%40x.example/x?id=msg_"), "{}", ann.line);
    assert_eq!(ann.header("authorization"), Some("Bearer t0p-s3cret"));
    assert_eq!(ann.json()["name"], "A\"n\\n");
    let hash = "d7b42c0a1a5bb0ac2f5a2d5a4ba4a0b4";
    assert_eq!(ann.json()["hash"].as_str().unwrap().len(), 2 * hash.len());
    // The secret stands nowhere in the store.
    let raw = world.raw();
    assert!(!raw.windows(10).any(|window| window == b"t0p-s3cret"));
}
