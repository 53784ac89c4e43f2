//! Double opt-in: a request is mailed once, to the address of its form; a link confirms it once, in time, and
//! says nothing of whom it can't speak for.

use candor::person::confirm;
use candor::policy::check;
use candor::subject::told;

use crate::common::{blobs, contains, numbers};
use crate::mailserver::MailServer;
use crate::scene::{Scene, confirming, unverified};

fn link(scene: &Scene, address: &str) -> String {
    let mail = scene.server.to(address).pop().expect("it was mailed");
    Scene::token(&mail.link("confirm").expect("with a link"))
}

fn confirm(scene: &mut Scene, token: &str) -> bool {
    let now = scene.now();
    confirm::confirm(&mut scene.world.store, token, now).unwrap()
}

#[test]
fn a_request_is_mailed_and_its_link_confirms_it_once() {
    let mut scene = Scene::under(confirming);
    scene.sign_up("l1", "dee@x.example");
    assert_eq!(scene.stands("email:dee@x.example"), "unconfirmed");
    assert!(!scene.is_reached("dee@x.example"));
    assert_eq!(scene.send().delivered, 1);
    let mail = scene.server.to("dee@x.example").remove(0);
    assert!(mail.body().contains("We send you a monthly letter."), "{}", mail.body());
    assert_eq!(mail.head("Subject").as_deref(), Some("Please confirm: Monthly letter"));
    assert_eq!(mail.head("List-Unsubscribe"), None);
    let token = link(&scene, "dee@x.example");
    // Of the token the store has no byte.
    assert!(!contains(&scene.world.raw(), token.as_bytes()));
    // A program that looks through mails opens each link, and confirms nothing.
    for _ in 0..3 {
        let asked =
            confirm::look(&scene.world.store, &token, &["en"], scene.now()).unwrap().unwrap();
        assert_eq!((&*asked.title, &*asked.channel), ("Monthly letter", "email"));
        assert_eq!(asked.notice.unwrap().1, "We send you a monthly letter.");
    }
    assert_eq!(scene.stands("email:dee@x.example"), "unconfirmed");

    scene.wait(3_600);
    assert!(confirm(&mut scene, &token));
    assert_eq!(scene.stands("email:dee@x.example"), "given");
    assert!(scene.is_reached("dee@x.example"), "the address came in with the yes");
    let subject = scene.world.subject("email:dee@x.example").unwrap();
    let said = told::told(&scene.world.store, subject).unwrap();
    let given = said.last().unwrap();
    assert_eq!((&*given.state, given.confirmed, &*given.notice), ("given", true, "letter-form@2"));
    assert_eq!((&*given.method, &*given.source), ("double opt-in", "page"));
    assert!(given.evidence.starts_with("asked in entry "), "{}", given.evidence);
    assert!(given.evidence.contains("link mailed 2026-01-05T11:00:00Z"), "{}", given.evidence);
    // Used.
    assert!(!confirm(&mut scene, &token));
    assert_eq!(confirm::look(&scene.world.store, &token, &["en"], scene.now()).unwrap(), None);
    assert_eq!(told::told(&scene.world.store, subject).unwrap().len(), said.len());
    scene.push();
    scene.send();
    assert_eq!(scene.server.to("dee@x.example").len(), 2);
    scene.is_sound();
}

#[test]
fn a_link_ends_with_its_time() {
    let mut scene = Scene::under(confirming);
    scene.sign_up("l1", "dee@x.example");
    scene.send();
    let token = link(&scene, "dee@x.example");
    scene.wait(7 * 86_400 - 1);
    assert!(confirm::look(&scene.world.store, &token, &["en"], scene.now()).unwrap().is_some());
    scene.wait(1);
    assert!(confirm::look(&scene.world.store, &token, &["en"], scene.now()).unwrap().is_none());
    assert!(!confirm(&mut scene, &token));
    assert_eq!(scene.stands("email:dee@x.example"), "unconfirmed");
    scene.is_sound();
}

#[test]
fn who_takes_it_back_before_confirming_has_taken_it_back() {
    // Before the mail was sent, and after.
    for sent in [false, true] {
        let mut scene = Scene::under(confirming);
        scene.sign_up("l1", "dee@x.example");
        if sent {
            scene.send();
        }
        scene.wait(60);
        scene.withdraw("email:dee@x.example");
        scene.send();
        assert_eq!(scene.server.to("dee@x.example").len(), usize::from(sent));
        if sent {
            let token = link(&scene, "dee@x.example");
            assert!(!confirm(&mut scene, &token));
        }
        assert_eq!(scene.stands("email:dee@x.example"), "withdrawn");
        scene.is_sound();
    }
}

#[test]
fn a_link_of_somebody_erased_says_nothing() {
    let mut scene = Scene::under(confirming);
    scene.sign_up("l1", "dee@x.example");
    scene.send();
    let token = link(&scene, "dee@x.example");
    let now = scene.now();
    scene.world.erase("email:dee@x.example", now);
    assert_eq!(confirm::look(&scene.world.store, &token, &["en"], now).unwrap(), None);
    assert!(!confirm(&mut scene, &token));
    let left = "SELECT COUNT(*) FROM opt_in WHERE mailed_at <> 0";
    assert_eq!(numbers(scene.world.store.conn(), left), [0]);
    for nonsense in ["", "AAAA", &"A".repeat(43), "../../etc"] {
        assert!(!confirm(&mut scene, nonsense));
    }
    scene.is_sound();
}

#[test]
fn nobody_is_bombed_by_forms() {
    for policy in [confirming, unverified] {
        let mut scene = Scene::under(policy);
        for n in 0..9 {
            // Several wait for the same turn.
            scene.sign_up(&format!("l{n}"), "dee@x.example");
            scene.sign_up(&format!("m{n}"), "dee@x.example");
            scene.sign_up("same", "dee@x.example");
            scene.send();
            scene.wait(600);
        }
        let mails = scene.server.to("dee@x.example").len();
        assert_eq!(mails, 3, "three a day, from however many forms");
        scene.wait(86_400);
        scene.sign_up("same", "dee@x.example");
        scene.send();
        assert_eq!(scene.server.to("dee@x.example").len(), 4);
        scene.is_sound();
    }
}

#[test]
fn a_form_that_is_filled_in_twice_is_mailed_once_and_old_files_are_not_mailed() {
    let mut scene = Scene::under(confirming);
    scene.sign_up("l1", "dee@x.example");
    scene.wait(1);
    scene.sign_up("l1", "dee@x.example");
    let old =
        "lead,at,name,email,optin,notice\nl2,2025-06-01,Eve,eve@x.example,yes,letter-form@1\n";
    let now = scene.now();
    scene.world.import("leads", old, now);
    assert_eq!(scene.send().delivered, 1);
    assert_eq!(scene.server.taken().len(), 1);
    scene.is_sound();
}

#[test]
fn a_mail_that_is_tried_again_has_a_new_link_and_the_old_one_ends() {
    let mut scene = Scene::under(confirming);
    scene.sign_up("l1", "dee@x.example");
    // It was taken, and the server didn't say so.
    scene.server.will(".", "451 who knows");
    scene.send();
    let prints = |scene: &Scene| blobs(scene.world.store.conn(), "SELECT print FROM opt_in");
    let first = prints(&scene);
    scene.wait(3_600);
    assert_eq!(scene.send().delivered, 1);
    assert_ne!(prints(&scene), first);
    let token = link(&scene, "dee@x.example");
    assert!(confirm(&mut scene, &token));
    assert_eq!(scene.disclosures(), 1);
    scene.is_sound();
}

#[test]
fn what_comes_in_confirmed_is_not_asked_again() {
    let mut scene = Scene::under(|server| {
        confirming(server).replace(
            "notice = { from = \"notice\" }\nmethod = \"form\"\n",
            "notice = { from = \"notice\" }\nmethod = \"form\"\nconfirmed_at = { from = \"confirmed\" }\n",
        )
    });
    let now = scene.now();
    let csv = format!(
        "lead,at,name,email,optin,notice,confirmed\n\
         l1,{now},Dee,dee@x.example,yes,letter-form@2,{now}\n\
         l2,{now},Eve,eve@x.example,yes,letter-form@2,\n"
    );
    scene.world.import("leads", &csv, now);
    assert_eq!(scene.stands("email:dee@x.example"), "given");
    assert_eq!(scene.stands("email:eve@x.example"), "requested");
    let report = scene.send();
    // The shop's readers gave no address to ask them at.
    let withheld: Vec<_> = report.withheld.into_iter().collect();
    assert_eq!((report.delivered, withheld), (1, vec![("nothing_to_send", 2)]));
    assert_eq!(scene.server.to("eve@x.example").len(), 1);
    scene.is_sound();
}

/// The destination that asks for confirmations sends nothing else, and rests on no consent.
#[test]
fn what_asks_for_confirmations_asks_for_nothing_else() {
    let mut scene = Scene::under(confirming);
    assert_eq!(scene.push_to("asking").unwrap_err().code, "destination-confirms");
    let good = confirming(&MailServer::start());
    for (from, to, code) in [
        ("purpose = \"confirmations\"", "purpose = \"newsletter\"", "confirm-unfit"),
        ("purpose = \"confirmations\"", "purpose = \"winback\"", "confirm-unfit"),
        ("confirm = \"asking\"", "confirm = \"mailer\"", "confirm-unfit"),
        ("confirm = \"asking\"", "confirm = \"askin\"", "confirm-unfit"),
        ("{{ links.confirm }}", "", "confirm-link-missing"),
        ("{{ links.confirm }}", "{{ links.confirm }} {{ links.unsubscribe }}", "bad-template"),
    ] {
        let bad = good.replace(from, to);
        assert!(check(&bad).expect_err(code).iter().any(|m| m.code == code), "{to}");
    }
}

/// A mail that was given up and is replayed long after nobody waits for it is no mail any more.
#[test]
fn what_is_replayed_too_late_is_not_mailed() {
    let mut scene = Scene::under(confirming);
    scene.sign_up("l1", "dee@x.example");
    scene.server.will("RCPT", "550 nobody");
    scene.send();
    let row = scene.rows().into_iter().find(|row| row.state == "dead").unwrap();
    assert_eq!(row.act, "consent.confirm");
    scene.wait(9 * 86_400);
    // Somebody else's sign-up clears away what has ended.
    scene.sign_up("l2", "eve@x.example");
    let now = scene.now();
    candor::send::outbox::replay(
        &mut scene.world.store,
        candor::send::outbox::Which::Row(row.id),
        now,
    )
    .unwrap();
    let report = scene.send();
    assert_eq!((report.delivered, report.withheld.get("nothing_asked")), (1, Some(&1)));
    assert!(scene.server.to("dee@x.example").is_empty());
    scene.is_sound();
}

/// A page's form sends in anybody's name, so its address is verified by nobody until its link was used. That is what
/// the mail is for.
#[test]
fn an_address_that_nobody_verified_is_asked_and_verified_by_its_link() {
    let mut scene = Scene::under(unverified);
    scene.sign_up("l1", "dee@x.example");
    assert_eq!(scene.send().delivered, 1);
    let token = link(&scene, "dee@x.example");
    scene.wait(3_600);
    assert!(confirm(&mut scene, &token));
    assert_eq!(scene.stands("email:dee@x.example"), "given");
    assert!(scene.is_reached("dee@x.example"));
    // Whoever fills in another's address gets nothing by it before its holder has confirmed.
    scene.sign_up("l2", "ann@x.example");
    let held = scene.world.subjects("email:ann@x.example");
    assert_eq!(held.len(), 1, "the form's row joined nobody");
    scene.is_sound();
}
