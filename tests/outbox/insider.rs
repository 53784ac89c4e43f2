//! Law 3 against somebody who writes to the file: a row of the queue says nothing of what is on record.

use std::collections::BTreeSet;

use candor::send::outbox::Report;
use rusqlite::Connection;

use crate::common::deep;
use crate::recipient::Reply;
use crate::scene::Scene;

/// Queues Ann once more by a row that names her first disclosure, under the number of a message or a new one.
fn put_in(scene: &Scene, number: &str) {
    let conn = Connection::open(scene.world.path()).unwrap();
    let sql = format!(
        "INSERT INTO outbox (id, destination, record, act, item, queued_at, attempts, next_at, state, disclosure, status)
         SELECT {number}, destination, record, 2, 0, at, 1, at, 2, id, 503 FROM disclosure WHERE id = 1"
    );
    assert_eq!(conn.execute(&sql, []).unwrap(), 1);
}

fn found(scene: &Scene) -> BTreeSet<&'static str> {
    let report = deep(&scene.world.path(), None);
    report.claims.iter().flat_map(|claim| &claim.faults).map(|fault| fault.code).collect()
}

#[test]
fn a_row_that_names_an_old_disclosure_is_disclosed_anew() {
    let mut scene = Scene::new();
    scene.withdraw("email:bo@x.example");
    scene.push();
    assert_eq!((scene.send().delivered, scene.disclosures()), (1, 1));
    scene.wait(3_600);
    put_in(&scene, "NULL");
    assert_eq!(found(&scene), BTreeSet::from(["message-undisclosed"]));
    assert_eq!((scene.send().delivered, scene.disclosures()), (1, 2));
    scene.is_sound();
    // So whoever withdraws afterwards is taken back, after a first withdrawal too.
    scene.withdraw("email:ann@x.example");
    assert_eq!(scene.send().delivered, 1);
    let told = scene.recipient.heard();
    assert_eq!(told.last().unwrap().json()["type"], "profile.stop");
}

#[test]
fn a_row_that_names_an_old_disclosure_goes_past_no_limit() {
    let mut scene = Scene::with("at_most = \"1 in P30D\"");
    scene.withdraw("email:bo@x.example");
    scene.push();
    assert_eq!(scene.send().delivered, 1);
    scene.wait(3_600);
    put_in(&scene, "NULL");
    let report = scene.send();
    assert_eq!((report.delivered, report.withheld.values().sum::<u64>()), (0, 1));
    assert_eq!((scene.disclosures(), scene.recipient.heard().len()), (1, 1));
    scene.is_sound();
}

/// A message that was delivered and is put back goes under its own id once more, as every second copy does. That it
/// ended twice stays in the ledger.
#[test]
fn a_message_that_was_delivered_is_not_put_back_unseen() {
    let mut scene = Scene::new();
    scene.withdraw("email:bo@x.example");
    scene.push();
    assert_eq!(scene.send().delivered, 1);
    scene.wait(3_600);
    put_in(&scene, "1");
    assert_eq!(found(&scene), BTreeSet::from(["message-ended"]));
    assert_eq!(scene.send(), Report { delivered: 1, ..Report::default() });
    assert_eq!(found(&scene), BTreeSet::from(["message-ended-twice"]));
}

/// What is tried again is on record once, and ends once, whichever way it ends.
#[test]
fn what_is_tried_again_goes_on_under_its_own_disclosure() {
    for ending in ["delivered", "withheld", "dropped"] {
        let mut scene = Scene::with("at_most = \"1 in P30D\"");
        scene.withdraw("email:bo@x.example");
        scene.push();
        scene.recipient.will([Reply::Status(503, ""), Reply::Status(503, "")]);
        for _ in 0..2 {
            assert_eq!(scene.send().again, 1);
            scene.is_sound();
            scene.wait(3_600);
        }
        match ending {
            "withheld" => scene.withdraw("email:ann@x.example"),
            "dropped" => {
                let (id, now) = (scene.rows()[0].id, scene.now());
                candor::send::outbox::drop_row(&mut scene.world.store, id, now).unwrap();
            }
            _ => {}
        }
        scene.send();
        assert!(scene.rows().is_empty(), "{ending}");
        assert_eq!(scene.disclosures(), 1, "{ending}");
        scene.is_sound();
    }
}

/// Empty texts where what takes somebody back will lie stand in nobody's way.
#[test]
fn nobody_can_be_kept_from_withdrawing() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    let conn = Connection::open(scene.world.path()).unwrap();
    let plant = "INSERT INTO outbox_body WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 40)
                 SELECT x, zeroblob(32), zeroblob(0) FROM n";
    conn.execute(plant, []).unwrap();
    assert_eq!(found(&scene), BTreeSet::from(["outbox-body-left"]));
    scene.withdraw("email:ann@x.example");
    let now = scene.now();
    scene.world.erase("email:bo@x.example", now);
    assert_eq!(scene.send().delivered, 2, "one is to stop, the other to be deleted");
    conn.execute("DELETE FROM outbox_body WHERE outbox > 4", []).unwrap();
    scene.is_sound();
}
