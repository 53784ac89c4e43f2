//! One click ends what a mail was sent for, whatever else is closed, and nobody else's.

use candor::consent::desk::Spoken;
use candor::consent::statement::Axis;
use candor::person::unsubscribe;
use candor::policy::types::ConsentState;
use candor::subject::told;

use crate::common::numbers;
use crate::scene::{Scene, policy};

/// The link of the letter that somebody got.
fn link(scene: &Scene, address: &str) -> String {
    let mail = scene.server.to(address).pop().expect("it was mailed");
    Scene::token(&mail.head("List-Unsubscribe").expect("with a way out"))
}

fn click(scene: &mut Scene, token: &str) -> bool {
    let now = scene.now();
    unsubscribe::unsubscribe(&mut scene.world.store, token, now).unwrap()
}

fn sent() -> Scene {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    scene.wait(60);
    scene
}

#[test]
fn one_click_withdraws_at_once_and_for_that_alone() {
    let mut scene = sent();
    let token = link(&scene, "ann@x.example");
    let ends = unsubscribe::look(&scene.world.store, &token, scene.now()).unwrap().unwrap();
    assert_eq!((&*ends.title, &*ends.channel), ("Monthly letter", "email"));
    assert_eq!(scene.stands("email:ann@x.example"), "given", "a look changes nothing");
    scene.push();
    assert!(click(&mut scene, &token));
    assert_eq!(scene.stands("email:ann@x.example"), "withdrawn");
    assert_eq!(scene.stands("email:bo@x.example"), "given");
    // What waited for her doesn't go.
    assert_eq!(scene.send().delivered, 1);
    assert_eq!(scene.server.to("ann@x.example").len(), 1);
    let subject = scene.world.subject("email:ann@x.example").unwrap();
    let said = told::told(&scene.world.store, subject).unwrap();
    let last = said.last().unwrap();
    assert_eq!((&*last.state, &*last.method, &*last.source), ("withdrawn", "one-click", "page"));
    // Clicked again, it says the same and nothing is said twice.
    assert!(click(&mut scene, &token));
    assert_eq!(told::told(&scene.world.store, subject).unwrap().len(), said.len());
    scene.is_sound();
}

#[test]
fn a_click_says_no_also_where_the_yes_has_run_out() {
    let mut scene = sent();
    let token = link(&scene, "ann@x.example");
    let ran_out = Spoken {
        purpose: Some("newsletter"),
        channel: Some("email"),
        state: ConsentState::Expired,
        ..Spoken::default()
    };
    let now = scene.now();
    scene.world.say("email:ann@x.example", &ran_out, now);
    assert_eq!(scene.stands("email:ann@x.example"), "expired");
    assert!(click(&mut scene, &token));
    assert_eq!(scene.stands("email:ann@x.example"), "withdrawn");
}

#[test]
fn nothing_that_is_closed_keeps_a_no_out() {
    for way in ["restricted", "objected", "denied", "pages gone", "years later"] {
        let mut scene = sent();
        let token = link(&scene, "ann@x.example");
        let now = scene.now();
        let spoken = Spoken::default();
        match way {
            "restricted" => {
                let spoken = Spoken { axis: Axis::Restriction, ..spoken };
                scene.world.say("email:ann@x.example", &spoken, now);
            }
            "objected" => {
                let spoken =
                    Spoken { axis: Axis::Objection, purpose: Some("newsletter"), ..spoken };
                scene.world.say("email:ann@x.example", &spoken, now);
            }
            "denied" => {
                let (channel, state) = (Some("email"), ConsentState::Withdrawn);
                let spoken = Spoken { axis: Axis::Permission, channel, state, ..spoken };
                scene.world.say("email:ann@x.example", &spoken, now);
            }
            "pages gone" => {
                let text = policy(&scene.server);
                let text = text.replace("{{ links.unsubscribe }}", "");
                let text = text.replace("{{ links.preferences }}", "");
                let text = &text[..text.find("[pages]").unwrap()];
                scene.apply(text);
            }
            _ => scene.wait(10 * 366 * 86_400),
        }
        scene.wait(60);
        assert!(click(&mut scene, &token), "{way}");
        let subject = scene.world.subject("email:ann@x.example").unwrap();
        let said = told::told(&scene.world.store, subject).unwrap();
        let last = said.iter().rfind(|told| told.about == "consent").unwrap();
        assert_eq!((&*last.state, &*last.purpose), ("withdrawn", "newsletter"), "{way}");
        scene.world.is_sound();
    }
}

#[test]
fn what_rests_on_interests_is_objected_to() {
    let mut scene = Scene::under(|server| {
        let letters = policy(server);
        let at = letters.find("[destination.letters]").unwrap();
        let end = letters.find("[pages]").unwrap();
        let second =
            letters[at..end].replace("letters]", "offers]").replace("letters.smtp", "offers.smtp");
        let second = second.replace("purpose = \"newsletter\"", "purpose = \"winback\"");
        format!("{letters}\n{second}")
    });
    let allowed = Spoken { axis: Axis::Permission, channel: Some("email"), ..Spoken::default() };
    let now = scene.now();
    scene.world.say("email:ann@x.example", &allowed, now);
    scene.push_to("offers").unwrap();
    scene.send();
    let token = link(&scene, "ann@x.example");
    scene.wait(60);
    assert!(click(&mut scene, &token));
    assert!(click(&mut scene, &token));
    let subject = scene.world.subject("email:ann@x.example").unwrap();
    let said = told::told(&scene.world.store, subject).unwrap();
    let objections: Vec<_> = said.iter().filter(|told| told.about == "objection").collect();
    assert_eq!(objections.len(), 1);
    assert_eq!((&*objections[0].purpose, &*objections[0].state), ("winback", "given"));
    assert_eq!(scene.stands("email:ann@x.example"), "given", "the newsletter is another matter");
    scene.is_sound();
}

#[test]
fn a_link_of_somebody_erased_or_made_up_says_nothing() {
    let mut scene = sent();
    let (ann, bo) = (link(&scene, "ann@x.example"), link(&scene, "bo@x.example"));
    let now = scene.now();
    scene.world.erase("email:ann@x.example", now);
    let entries = |scene: &Scene| numbers(scene.world.store.conn(), "SELECT COUNT(*) FROM entry");
    let before = entries(&scene);
    assert_eq!(unsubscribe::look(&scene.world.store, &ann, now).unwrap(), None);
    assert!(!click(&mut scene, &ann));
    // One letter of a link is another link, which nobody made.
    for at in 0..bo.len() {
        let mut other: Vec<u8> = bo.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        assert!(!click(&mut scene, &String::from_utf8(other).unwrap()), "{at}");
    }
    let preferences = scene.server.to("bo@x.example").remove(0).link("preferences").unwrap();
    assert!(!click(&mut scene, &Scene::token(&preferences)), "one kind of link isn't another");
    assert_eq!(entries(&scene), before);
    assert!(click(&mut scene, &bo));
    scene.is_sound();
}

/// A purpose that one can't say no to brings no such link.
#[test]
fn what_a_contract_needs_has_no_way_out_of_one_click() {
    let mut scene = Scene::under(|server| {
        policy(server)
            .replace("purpose = \"newsletter\"\nchannel = \"email\"\nfields = [\"email\", \"first_name\"]\ncountry = \"IE\"\nkind", "purpose = \"orders\"\nfields = [\"email\", \"first_name\"]\ncountry = \"IE\"\nkind")
    });
    assert_eq!(scene.push(), 3);
    scene.send();
    let mail = scene.server.to("ann@x.example").remove(0);
    assert_eq!(mail.head("List-Unsubscribe"), None);
    assert!(mail.link("preferences").is_some());
}
