//! What went out is taken back: whoever got it is told to stop, or to delete, once, and nobody else is.

use candor::consent::desk::Spoken;
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState;
use candor::send::{self, outbox, recall};
use candor::subject::backup::{Certificates, backup, restore};
use serde_json::{Value, json};

use crate::common::{POLICY, World, blobs, contains, hour, numbers};
use crate::recipient::{Heard, Recipient, Reply};
use crate::scene::{Scene, policy};

fn of_type(scene: &Scene, kind: &str) -> Vec<Value> {
    let heard: Vec<Heard> = scene.recipient.heard();
    heard.iter().map(Heard::json).filter(|body| body["type"] == kind).collect()
}

/// The name that a person had in what was sent first.
fn name_of(scene: &Scene, email: &str) -> Value {
    let sent = of_type(scene, "profile.updated");
    sent.iter().find(|body| body["data"]["email"] == email).unwrap()["data"]["id"].clone()
}

#[test]
fn whoever_withdraws_is_taken_back_once_from_those_who_got_them() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    let ann = name_of(&scene, "ann@x.example");
    scene.wait(60);
    scene.withdraw("email:ann@x.example");
    assert_eq!(scene.rows().len(), 1);
    assert_eq!(
        (scene.rows()[0].act, scene.rows()[0].person.clone()),
        ("profile.stop", ann.as_str().unwrap().to_owned())
    );
    assert_eq!(scene.send().delivered, 1);
    let stops = of_type(&scene, "profile.stop");
    assert_eq!(stops.len(), 1);
    assert_eq!(stops[0]["data"], json!({"id": ann}), "nothing but the name");
    assert_eq!(stops[0]["purpose"], "newsletter");
    assert_eq!(scene.disclosures(), 2, "a recall discloses nothing");
    // Said again, and swept again: nobody is told twice.
    scene.withdraw("email:ann@x.example");
    assert!(scene.rows().is_empty());
    scene.is_sound();
}

#[test]
fn nobody_is_told_to_stop_who_got_nothing() {
    let mut scene = Scene::new();
    scene.push();
    scene.withdraw("email:ann@x.example");
    assert!(scene.rows().iter().all(|row| row.act == "profile.updated"));
    scene.send();
    assert!(of_type(&scene, "profile.stop").is_empty());
    scene.is_sound();
}

#[test]
fn who_comes_back_and_goes_again_is_taken_back_again_in_this_order() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    let say = |scene: &mut Scene, state, notice| {
        scene.wait(60);
        let now = scene.now();
        let spoken = Spoken {
            purpose: Some("newsletter"),
            channel: Some("email"),
            state,
            notice,
            ..Spoken::default()
        };
        scene.world.say("email:ann@x.example", &spoken, now);
    };
    // The recipient is down when it is told to stop: what comes later waits for that.
    scene.recipient.will([Reply::Status(503, "")]);
    say(&mut scene, ConsentState::Withdrawn, None);
    scene.send();
    say(&mut scene, ConsentState::Given, Some("letter-form@1"));
    scene.push();
    scene.send();
    scene.wait(3_600);
    scene.send();
    say(&mut scene, ConsentState::Withdrawn, None);
    scene.send();
    let ann = name_of(&scene, "ann@x.example");
    let order: Vec<String> = scene
        .recipient
        .heard()
        .iter()
        .map(Heard::json)
        .filter(|body| body["data"]["id"] == ann)
        .map(|body| body["type"].as_str().unwrap().to_owned())
        .collect();
    let [updated, stop] = ["profile.updated", "profile.stop"];
    assert_eq!(order, [updated, stop, stop, updated, stop]);
    scene.is_sound();
}

#[test]
fn a_withdrawal_that_comes_in_a_file_an_objection_and_a_restriction_count_too() {
    for way in ["file", "restriction", "objection", "channel"] {
        let mut scene = Scene::under(|recipient| {
            // One destination by consent, one by legitimate interests.
            let own = policy(recipient, "").replace(
                "[destination.caller]\n",
                "[destination.caller]\nkind = \"webhook\"\nsecret = \"mailer\"\nurl = \"URL\"\n",
            );
            own.replace("URL", &recipient.url("/caller"))
        });
        let permitted = Spoken {
            axis: Axis::Permission,
            channel: Some("email"),
            state: ConsentState::Given,
            ..Spoken::default()
        };
        let now = scene.now();
        scene.world.say("email:ann@x.example", &permitted, now);
        scene.push();
        scene.push_to("caller").unwrap();
        scene.send();
        assert_eq!(scene.disclosures(), 3);
        scene.wait(60);
        let now = scene.now();
        let told = match way {
            "file" => {
                let out = "customer_id,at,name,email,optin,notice\n\
                    c1,2026-01-06,Ann,ann@x.example,out,letter-form@1\n";
                scene.world.import("shop", out, now);
                vec!["hook"]
            }
            "restriction" => {
                let spoken = Spoken { axis: Axis::Restriction, ..Spoken::default() };
                scene.world.say("email:ann@x.example", &spoken, now);
                vec!["caller", "hook"]
            }
            "objection" => {
                let spoken =
                    Spoken { axis: Axis::Objection, purpose: Some("winback"), ..Spoken::default() };
                scene.world.say("email:ann@x.example", &spoken, now);
                vec!["caller"]
            }
            _ => {
                let spoken = Spoken { state: ConsentState::Withdrawn, ..permitted };
                scene.world.say("email:ann@x.example", &spoken, now);
                vec!["caller", "hook"]
            }
        };
        let mut rows: Vec<String> = scene.rows().into_iter().map(|row| row.destination).collect();
        rows.sort();
        assert_eq!(rows, told, "{way}");
        scene.send();
        assert_eq!(of_type(&scene, "profile.stop").len(), told.len(), "{way}");
        scene.is_sound();
    }
}

/// A destination that left the policy, and one that gets files, can't be told: that is said by name, waits for
/// somebody, and goes where a policy has a way again.
#[test]
fn whoever_cannot_be_told_is_named_and_told_once_there_is_a_way() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    let with = policy(&scene.recipient, "");
    assert_eq!(recall::held_by(&scene.world.store, "hook").unwrap(), 2);
    scene.apply(&with[..with.find("[destination.hook]").unwrap()]);
    scene.withdraw("email:ann@x.example");
    let rows = scene.rows();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (row.act, row.state, row.recipient.as_str()),
        ("profile.stop", "dead", "Letterbox Ltd")
    );
    let ann = scene.world.subject("email:ann@x.example").unwrap();
    let told = outbox::by_hand(&scene.world.store, ann).unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].words.contains("Letterbox Ltd") && told[0].words.contains("outbox drop"));
    assert_eq!(recall::held_by(&scene.world.store, "hook").unwrap(), 1, "it is on the list");
    scene.withdraw("email:ann@x.example");
    let now = scene.now();
    let certificate = scene.world.erase("email:bo@x.example", now);
    let told = &certificate.recipients[0];
    assert_eq!((told.recipient.as_str(), told.told_by_message), ("Letterbox Ltd", false));
    assert_eq!(scene.rows().len(), 2, "nobody is listed twice");
    assert_eq!(scene.send().dead, 0);
    scene.is_sound();

    scene.apply(&with);
    let now = scene.now();
    let policy = scene.world.rules.policy.clone();
    let again = scene.world.store.write(now, |writer| recall::take_up(writer, &policy));
    assert_eq!(again.unwrap(), 2);
    assert_eq!(scene.send().delivered, 2);
    assert_eq!(of_type(&scene, "profile.stop").len(), 1);
    assert_eq!(of_type(&scene, "profile.delete").len(), 1);
    scene.is_sound();
}

#[test]
fn a_withdrawal_names_whoever_got_a_file_and_waits_until_somebody_told_them() {
    let mut scene = Scene::new();
    let now = scene.now();
    let World { store, rules, .. } = &mut scene.world;
    let out = store.path().with_extension("csv");
    send::push(store, rules, "mailer", &out, now).unwrap();
    scene.wait(60);
    scene.withdraw("email:ann@x.example");
    let rows = scene.rows();
    let by_hand: Vec<_> = rows.iter().map(|row| (row.destination.as_str(), row.state)).collect();
    assert_eq!(by_hand, [("mailer", "dead")]);
    let now = scene.now();
    outbox::drop_row(&mut scene.world.store, rows[0].id, now).unwrap();
    scene.withdraw("email:ann@x.example");
    assert!(scene.rows().is_empty(), "they were told");
    scene.is_sound();
}

#[test]
fn an_erasure_is_told_to_each_recipient_and_the_certificate_says_so() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    let ann = name_of(&scene, "ann@x.example");
    let now = scene.now();
    let certificate = scene.world.erase("email:ann@x.example", now);
    assert_eq!(certificate.recipients.len(), 1);
    assert!(certificate.recipients[0].told_by_message);
    assert!(!contains(&scene.world.raw(), b"ann@x.example"));
    scene.is_sound();
    // The recipient is down for long, and is told in the end.
    scene.recipient.will([Reply::Status(503, ""), Reply::Status(503, "")]);
    for _ in 0..3 {
        scene.send();
        scene.wait(3_600);
        scene.is_sound();
    }
    let deletions = of_type(&scene, "profile.delete");
    assert_eq!(deletions.len(), 3);
    assert!(deletions.iter().all(|body| body["data"] == json!({"id": ann})));
    assert!(scene.rows().is_empty());
    scene.is_sound();
}

/// A recipient that knows people by a digest of their address, and wants the first name beside it.
fn by_digest(recipient: &Recipient) -> String {
    let text = policy(recipient, "");
    let at = text.find("kind = \"webhook\"").unwrap();
    let url = |path: &str| recipient.url(path);
    format!(
        "{}kind = \"http\"\n[destination.hook.http]\nurl = \"{}\"\n\
         body = '{{\"type\": \"{{{{ type }}}}\", \"data\": {{{{ data|tojson }}}}}}'\n\
         [destination.hook.recall]\nurl = \"{}\"\n\
         body = '{{\"type\": \"{{{{ type }}}}\", \"hash\": \"{{{{ data.email|sha256 }}}}\"}}'\n",
        &text[..at],
        url("/contacts"),
        url("/contacts/{{ data.email }}"),
    )
}

#[test]
fn what_a_recall_needs_is_sealed_until_it_is_taken_and_then_overwritten() {
    let mut scene = Scene::under(by_digest);
    scene.push();
    scene.send();
    let now = scene.now();
    scene.recipient.will([Reply::Status(500, ""), Reply::End]);
    scene.world.erase("email:ann@x.example", now);
    for _ in 0..2 {
        scene.send();
        scene.wait(600);
        let raw = scene.world.raw();
        assert!(!contains(&raw, b"ann@x.example"), "law 6: not a byte while it waits");
        scene.is_sound();
    }
    let sealed = blobs(scene.world.store.conn(), "SELECT body FROM outbox_body");
    assert_eq!(sealed.len(), 1);
    let names = String::from_utf8_lossy(&sealed[0]).into_owned();
    assert!(!names.contains("email") && sealed[0].iter().any(|byte| *byte != 0));
    assert_eq!(scene.send().delivered, 1);
    let heard = scene.recipient.heard();
    assert_eq!(heard.last().unwrap().line, "DELETE /contacts/ann%40x.example");
    let raw = scene.world.raw();
    assert!(!contains(&raw, &sealed[0]), "nor what was sealed, once it was taken");
    assert!(!contains(&raw, b"ann@x.example"));
    scene.is_sound();
}

#[test]
fn a_stop_names_the_person_although_the_address_is_forgotten_at_once() {
    let mut scene = Scene::under(by_digest);
    let lead = "lead,at,name,email,optin,notice\n\
        l1,2026-01-04,Dee,dee@x.example,yes,letter-form@1\n";
    scene.world.import("leads", lead, hour(1));
    scene.push();
    scene.send();
    scene.wait(60);
    scene.withdraw("email:dee@x.example");
    assert!(!scene.world.held().iter().any(|(_, _, text)| text == "dee@x.example"), "forgotten");
    assert_eq!(scene.send().delivered, 1);
    assert_eq!(scene.recipient.heard().last().unwrap().line, "DELETE /contacts/dee%40x.example");
    scene.is_sound();
    // Erased while a stop waits: the deletion says it all.
    scene.recipient.will([Reply::Status(500, "")]);
    scene.wait(60);
    scene.withdraw("email:ann@x.example");
    scene.send();
    let now = scene.now();
    scene.world.erase("email:ann@x.example", now);
    scene.is_sound();
    scene.wait(60);
    scene.send();
    let last = scene.recipient.heard().last().unwrap().json();
    assert_eq!(last["type"], "profile.delete");
    scene.is_sound();
}

#[test]
fn an_address_that_would_name_nobody_is_not_asked_for() {
    // Of a person without a first name the address would be that of all contacts.
    let mut scene = Scene::under(|recipient| {
        by_digest(recipient)
            .replace("/contacts/{{ data.email }}", "/contacts/{{ data.first_name }}")
    });
    let lead = "lead,at,name,email,optin,notice\nl1,2026-01-04,,dee@x.example,yes,letter-form@1\n";
    scene.world.import("leads", lead, hour(1));
    scene.push();
    scene.send();
    scene.wait(60);
    let now = scene.now();
    scene.world.erase("email:dee@x.example", now);
    assert_eq!(scene.send().dead, 1);
    assert!(scene.recipient.heard().iter().all(|heard| !heard.line.starts_with("DELETE")));
    let row = scene.rows().remove(0);
    assert_eq!((row.act, row.state), ("profile.delete", "dead"));
    // Somebody tells the recipient by hand, and drops it: what was sealed goes.
    let now = scene.now();
    outbox::drop_row(&mut scene.world.store, row.id, now).unwrap();
    let left = numbers(
        scene.world.store.conn(),
        "SELECT COUNT(*) FROM outbox_body WHERE body <> zeroblob(length(body)) OR k <> zeroblob(32)",
    );
    assert_eq!(left, [0]);
    scene.is_sound();
}

#[test]
fn a_stop_waits_for_what_is_being_sent_and_for_nothing_else() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    scene.push();
    // Another process sends it just now.
    let until = scene.now().0 + 20_000;
    let conn = rusqlite::Connection::open(scene.world.path()).unwrap();
    conn.execute("UPDATE outbox SET state = 3, attempts = 1, next_at = ?1", [until]).unwrap();
    drop(conn);
    scene.wait(1);
    scene.withdraw("email:ann@x.example");
    scene.wait(18);
    assert!(scene.send().is_empty());
    scene.wait(2);
    scene.send();
    assert_eq!(of_type(&scene, "profile.stop").len(), 1);
    assert_eq!(scene.reached()["ann@x.example"], 1, "and what was being sent isn't sent again");
    scene.is_sound();
}

#[test]
fn parted_after_they_were_sent_as_one_each_is_taken_back_by_their_own_name() {
    let mut scene = Scene::new();
    let lead = "lead,at,name,email,optin,notice\n\
        l1,2026-01-04T12:00:00Z,Dee,dee@x.example,yes,letter-form@1\n";
    scene.world.import("leads", lead, hour(1));
    let (one, two) = (
        scene.world.subject("email:ann@x.example").unwrap(),
        scene.world.subject("email:dee@x.example").unwrap(),
    );
    scene.join(two, one);
    scene.push();
    scene.send();
    // One of the two addresses went out: the stop is for whoever it is of, and for nobody else.
    let went = |who: &&str| scene.reached().contains_key(*who);
    let (sent, other): (Vec<&str>, Vec<&str>) =
        ["ann@x.example", "dee@x.example"].into_iter().partition(went);
    let ([sent], [other]) = (sent.as_slice(), other.as_slice()) else { panic!("one went out") };
    let name = name_of(&scene, sent);
    scene.wait(60);
    scene.part(one);
    scene.withdraw(&format!("email:{other}"));
    assert!(scene.rows().is_empty(), "nothing of their own went out");
    scene.withdraw(&format!("email:{sent}"));
    scene.send();
    let stops = of_type(&scene, "profile.stop");
    assert_eq!(stops.len(), 1);
    assert_eq!(stops[0]["data"]["id"], name);
    scene.is_sound();
}

#[test]
fn what_has_no_way_any_more_is_left_to_a_person() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    scene.wait(60);
    scene.withdraw("email:ann@x.example");
    let now = scene.now();
    scene.world.erase("email:bo@x.example", now);
    scene.apply(POLICY);
    assert_eq!(scene.send().dead, 2);
    let rows = scene.rows();
    assert!(rows.iter().all(|row| row.words.contains("by hand")), "{rows:?}");
    for row in rows {
        let now = scene.now();
        outbox::drop_row(&mut scene.world.store, row.id, now).unwrap();
    }
    scene.withdraw("email:ann@x.example");
    assert!(scene.rows().is_empty(), "what was dropped isn't queued again");
    scene.is_sound();
}

#[test]
fn a_restore_tells_recipients_of_erasures_again() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    let (path, now) = (scene.world.path(), scene.now());
    let copy = scene.world.folder.path().join("copy.db");
    backup(&mut scene.world.store, &copy, now).unwrap();
    scene.wait(60);
    let now = scene.now();
    scene.world.erase("email:ann@x.example", now);
    scene.send();
    for side in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(side);
        let _ = std::fs::rename(&name, scene.world.folder.path().join(format!("old{side}")));
    }
    restore(&path, &copy, Certificates::Some(&[]), "test", now).unwrap();
    scene.world.reopen();
    scene.wait(60);
    scene.send();
    assert_eq!(of_type(&scene, "profile.delete").len(), 2, "deleting twice harms nobody");
    assert!(scene.rows().is_empty());
    scene.is_sound();
}

/// Nobody can put a recall off for ever by writing to the file, or by a clock that was wrong.
#[test]
fn a_recall_that_is_put_off_for_years_is_due() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    scene.wait(60);
    scene.withdraw("email:ann@x.example");
    let conn = rusqlite::Connection::open(scene.world.path()).unwrap();
    conn.execute("UPDATE outbox SET next_at = 4102444800000 WHERE act = 4", []).unwrap();
    drop(conn);
    assert_eq!(scene.send().delivered, 1);
    assert_eq!(of_type(&scene, "profile.stop").len(), 1);
    scene.is_sound();
}
