//! What a person says by a link of their own: for themselves, in time, and with what a yes needs.

use candor::consent::desk::Spoken;
use candor::person::{ask, choose, handed, preferences};
use candor::policy::types::ConsentState;
use candor::subject::told;

use crate::common::{World, numbers};
use crate::scene::{Scene, confirming, policy, unverified};

fn mailed(scene: &Scene, address: &str) -> String {
    let mail = scene.server.to(address).pop().expect("it was mailed");
    Scene::token(&mail.link("preferences").expect("with a link"))
}

fn hand(scene: &mut Scene, who: &str, seconds: i64) -> String {
    let subject = scene.world.subject(who).unwrap();
    hand_to(scene, subject, seconds)
}

fn hand_to(scene: &mut Scene, subject: i64, seconds: i64) -> String {
    let now = scene.now();
    let until = candor::base::clock::Moment(now.0 + 1_000 * seconds);
    let World { store, rules, .. } = &mut scene.world;
    let handed = handed::link(store, rules, (subject, None), until, now).unwrap();
    Scene::token(&handed.url)
}

fn choose(scene: &mut Scene, token: &str, answers: &[(&str, &str)]) -> Option<choose::Chosen> {
    let now = scene.now();
    let page = preferences::look(&scene.world.store, token, &["en"], now).unwrap()?;
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut form: Vec<(String, String)> = answers.iter().map(own).collect();
    for consent in &page.consents {
        let notice = consent.offered.as_ref().map(preferences::Notice::sha256);
        form.push((format!("notice.{}", consent.name), notice.unwrap_or_default()));
    }
    choose::choose(&mut scene.world.store, token, &form, &["en"], now).unwrap()
}

const YES: [(&str, &str); 1] = [("consent.newsletter.email", "yes")];
const NO: [(&str, &str); 1] = [("consent.newsletter.email", "no")];

#[test]
fn a_mailed_link_says_no_and_yes_again_and_ends() {
    let mut scene = Scene::under(confirming);
    scene.sign_up("l1", "dee@x.example");
    scene.send();
    let confirm = scene.server.to("dee@x.example").remove(0).link("confirm").unwrap();
    let now = scene.now();
    candor::person::confirm::confirm(&mut scene.world.store, &Scene::token(&confirm), now).unwrap();
    scene.push();
    scene.send();
    let token = mailed(&scene, "dee@x.example");
    scene.wait(60);
    assert_eq!(choose(&mut scene, &token, &NO).unwrap().said, 1);
    assert_eq!(scene.stands("email:dee@x.example"), "withdrawn");
    assert!(!scene.is_reached("dee@x.example"));
    scene.wait(60);
    // Whoever reads the mail holds the address: a yes by its link needs no second mail.
    let chosen = choose(&mut scene, &token, &YES).unwrap();
    assert_eq!((chosen.said, chosen.waits), (1, false));
    assert_eq!(scene.stands("email:dee@x.example"), "given");
    assert!(scene.is_reached("dee@x.example"));
    assert_eq!(choose(&mut scene, &token, &YES).unwrap().said, 0, "what stands isn't said again");
    scene.wait(90 * 86_400);
    assert!(choose(&mut scene, &token, &NO).is_none(), "it lasts 90 days");
    scene.is_sound();
}

#[test]
fn a_yes_that_was_withdrawn_comes_back_only_as_the_persons_own() {
    let mut scene = Scene::new();
    scene.withdraw("email:ann@x.example");
    scene.wait(60);
    let token = hand(&mut scene, "email:ann@x.example", 3_600);
    assert_eq!(choose(&mut scene, &token, &YES).unwrap().said, 1);
    assert_eq!(scene.stands("email:ann@x.example"), "given");
    assert!(scene.is_reached("ann@x.example"));
    scene.wait(3_600);
    assert!(choose(&mut scene, &token, &NO).is_none(), "it ended");
    scene.is_sound();
}

#[test]
fn a_link_speaks_for_its_own_person_alone() {
    let mut scene = Scene::new();
    let ann = hand(&mut scene, "email:ann@x.example", 9_999);
    choose(&mut scene, &ann, &[("all", "no")]).unwrap();
    assert_eq!(scene.stands("email:ann@x.example"), "withdrawn");
    assert_eq!(scene.stands("email:bo@x.example"), "given");
    let now = scene.now();
    scene.world.erase("email:ann@x.example", now);
    let entries = |scene: &Scene| numbers(scene.world.store.conn(), "SELECT COUNT(*) FROM entry");
    let before = entries(&scene);
    assert!(preferences::look(&scene.world.store, &ann, &["en"], now).unwrap().is_none());
    assert!(choose(&mut scene, &ann, &YES).is_none());
    assert_eq!(ask::ask(&mut scene.world.store, &ann, "erasure", now).unwrap(), None);
    assert_eq!(entries(&scene), before);
    scene.is_sound();
}

/// A link that is handed over proves no address: by it, whoever wrote another's into a form would become them.
#[test]
fn a_handed_link_makes_nobody_the_holder_of_an_address() {
    let mut scene = Scene::under(unverified);
    let ann = scene.world.subject("email:ann@x.example").unwrap();
    scene.sign_up("l1", "ann@x.example");
    let newest = "SELECT subject FROM record ORDER BY id DESC LIMIT 1";
    let stranger = numbers(scene.world.store.conn(), newest)[0];
    assert_ne!(stranger, ann);
    let token = hand_to(&mut scene, stranger, 3_600);
    choose(&mut scene, &token, &YES).unwrap();
    assert_eq!(scene.world.subjects("email:ann@x.example"), [ann]);
    let of_ann = format!("SELECT COUNT(*) FROM record WHERE subject = {ann}");
    assert_eq!(numbers(scene.world.store.conn(), &of_ann), [1]);
    scene.is_sound();
}

/// Where the policy's own source doesn't serve a purpose, nobody can say yes to it there, and everybody no.
#[test]
fn a_purpose_that_the_page_does_not_serve_is_only_denied_there() {
    let mut scene = Scene::new();
    let till = "card,at,basket,cents,what,looked_at\nK1,2026-01-04,b1,100,atlas,2026-01-04\n";
    let now = scene.now();
    scene.world.import("till", till, now);
    let tips = Spoken {
        purpose: Some("tips"),
        notice: Some("tips-form@1"),
        state: ConsentState::Given,
        ..Spoken::default()
    };
    scene.world.say("card:K1", &tips, now);
    let token = hand(&mut scene, "card:K1", 9_999);
    let page = preferences::look(&scene.world.store, &token, &[], now).unwrap().unwrap();
    let tips = page.consents.iter().find(|consent| consent.name == "tips").unwrap();
    assert!(tips.offered.is_none() && tips.seen.is_some());
    scene.wait(60);
    assert_eq!(choose(&mut scene, &token, &[("consent.tips.", "no")]).unwrap().said, 1);
    assert_eq!(choose(&mut scene, &token, &[("consent.tips.", "yes")]).unwrap().said, 0);
    // Somebody without an address says yes on the record that there is.
    scene.wait(60);
    assert_eq!(choose(&mut scene, &token, &YES).unwrap().said, 1);
    let subject = scene.world.subject("card:K1").unwrap();
    let said = told::told(&scene.world.store, subject).unwrap();
    assert_eq!(
        (&*said.last().unwrap().purpose, &*said.last().unwrap().source),
        ("newsletter", "page")
    );
    scene.is_sound();
}

#[test]
fn without_pages_there_is_no_link() {
    let mut scene = Scene::under(|server| {
        let text = policy(server);
        let text =
            text.replace("{{ links.unsubscribe }}", "").replace("{{ links.preferences }}", "");
        text[..text.find("[pages]").unwrap()].to_owned()
    });
    let (now, subject) = (scene.now(), scene.world.subject("email:ann@x.example").unwrap());
    let World { store, rules, .. } = &mut scene.world;
    let refused = handed::link(store, rules, (subject, None), now, now);
    assert_eq!(refused.unwrap_err().code, "pages-missing");
    scene.push();
    scene.send();
    assert_eq!(scene.server.taken()[0].head("List-Unsubscribe"), None);
}
