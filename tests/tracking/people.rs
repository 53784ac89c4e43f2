//! Who is whom among those who sign in: two names are two people in whatever order they come, and what a page
//! sends makes nobody somebody else.

use candor::consent::fold::{AsOf, in_force_state};
use candor::consent::history::History;
use candor::pipeline::intake::{Intake, Sender};
use serde_json::{Value, json};

use crate::common::{World, hour};
use crate::once::take_from;
use crate::served::{order, policy};

fn send(world: &mut World, sender: Sender, items: &[Value], at: i64) {
    let rules = world.rules.clone();
    let mut intake = Intake::new(&rules);
    for (n, item) in (0..).zip(items) {
        let body = json!({"batch": [item]});
        take_from(sender, &mut intake, world, "web", &body, hour(at + n));
    }
}

/// Somebody of a browser, signed in or not, who lets themselves be looked at or doesn't.
fn seen(browser: &str, user: Option<&str>, advertising: bool) -> Value {
    let kind = if user.is_some() { "identify" } else { "page" };
    let consent = json!({"categoryPreferences": {"Advertising": advertising}});
    let mut item = json!({"type": kind, "anonymousId": browser, "name": "Home",
        "messageId": format!("{browser}-{user:?}"), "context": {"consent": consent}});
    if let Some(user) = user {
        item["userId"] = user.into();
        item["traits"] = json!({"name": user});
    }
    item
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[test]
fn two_who_sign_in_are_two_people_in_every_order_and_by_every_key() {
    let senders = [Sender::Known, Sender::Anybody];
    for max_records in [2, 5] {
        let text = policy()
            .replace("max_records = 2", &format!("max_records = {max_records}"))
            .replace("max_values = 1\n", "");
        for order in ORDERS {
            for by in senders.iter().flat_map(|a| senders.map(|b| [*a, b, Sender::Anybody])) {
                let mut world = World::under(&text);
                let items = [Some("ann"), Some("ben"), None].map(|user| seen("dev1", user, true));
                for (n, item) in (1..).zip(order) {
                    send(&mut world, by[item], &items[item..=item], n);
                }
                let [ann, ben] = ["ann", "ben"].map(|user| {
                    let found = world.subjects(&format!("user_id:{user}"));
                    assert_eq!(found.len(), 1, "{user} {order:?} {by:?}");
                    found[0]
                });
                assert_ne!(ann, ben, "{max_records} {order:?} {by:?}");
            }
        }
    }
}

#[test]
fn under_the_shipped_policy_it_is_all_one_who_comes_first() {
    for order in ORDERS {
        let mut world = World::under(&policy());
        let items = [Some("ann"), Some("ben"), None].map(|user| seen("dev1", user, true));
        for (n, item) in (1..).zip(order) {
            send(&mut world, Sender::Known, &items[item..=item], n);
        }
        let subjects = crate::common::numbers(
            world.store.conn(),
            "SELECT COUNT(DISTINCT subject) FROM record",
        );
        assert_eq!(subjects, [3], "{order:?}");
        world.is_sound();
    }
}

/// Ann, whom the shop's servers know, with an order.
fn ann() -> (World, i64) {
    let mut world = World::under(&policy());
    let traits = json!({"name": "Ann", "email": "ann@post.example"});
    let consent = json!({"categoryPreferences": {"Advertising": true}});
    let ann = json!({"type": "identify", "userId": "u-ann", "traits": traits,
        "context": {"consent": consent}});
    send(&mut world, Sender::Known, &[ann, order("u-ann", "m-1")], 1);
    let subject = world.subject("email:ann@post.example").unwrap();
    (world, subject)
}

fn mallory(advertising: bool) -> Value {
    let mut item = seen("dev-m", Some("mallory"), advertising);
    item["traits"]["email"] = "Ann@post.example".into();
    item
}

fn consents(world: &World, subject: i64) -> bool {
    let history = History::load(world.store.conn(), subject).unwrap();
    let standing = history.standing(AsOf::at(hour(500)));
    standing.consents.values().any(|consent| in_force_state(consent.state))
}

/// Whoever types somebody's address into a page is not that person.
#[test]
fn an_address_that_a_page_sends_joins_nobody_until_somebody_who_knows_says_it() {
    let (mut world, ann) = ann();
    let before = world.profile(ann);
    send(&mut world, Sender::Anybody, &[mallory(true)], 10);
    let mallory_is = world.subject("user_id:mallory").unwrap();
    assert_ne!(mallory_is, ann);
    assert_eq!(world.profile(ann), before, "nothing of Ann's is otherwise");
    assert_eq!(world.subjects("email:ann@post.example"), [ann]);
    assert_eq!(world.subjects("unverified.email:ann@post.example"), [mallory_is]);
    let theirs = world.profile(mallory_is).to_string();
    assert!(!theirs.contains("Order Completed") && !theirs.contains("order_completed"), "{theirs}");
    world.is_sound();
    // However often it is said.
    for n in 0..9 {
        let mut other = mallory(true);
        (other["userId"], other["anonymousId"]) = (format!("m{n}").into(), format!("d{n}").into());
        send(&mut world, Sender::Anybody, &[other], 20 + n);
    }
    assert_eq!(world.profile(ann), before);
    // The shop's own servers know whose it is; a second name to sign in by is still a second person.
    let mut nameless = mallory(true);
    nameless.as_object_mut().unwrap().remove("userId");
    nameless["anonymousId"] = "dev-a".into();
    let browser = |world: &World| world.subject("anonymous_id:dev-a").unwrap();
    send(&mut world, Sender::Anybody, &[nameless.clone()], 50);
    assert_ne!(browser(&world), ann);
    send(&mut world, Sender::Known, &[nameless, mallory(true)], 51);
    assert_eq!(browser(&world), ann);
    assert_ne!(world.subject("user_id:mallory").unwrap(), ann);
    world.is_sound();
}

/// A "no" protects whoever it may be about; a "yes" of somebody unknown gives nobody's consent.
#[test]
fn a_no_that_a_page_sends_reaches_whom_it_names_and_a_yes_does_not() {
    let (mut world, ann) = ann();
    assert!(consents(&world, ann));
    send(&mut world, Sender::Anybody, &[mallory(false)], 10);
    assert!(!consents(&world, ann));
    send(&mut world, Sender::Anybody, &[mallory(true)], 20);
    assert!(!consents(&world, ann));
    world.is_sound();
}

/// Whoever knows how somebody signs in is not that person: what is agreed to in their name counts for nobody that
/// a server knows, whichever of the two comes first, and undoes no "no".
#[test]
fn a_yes_in_somebodys_name_is_nobodys_whichever_comes_first() {
    let said = |letter: Option<bool>| {
        let consent =
            letter.map(|yes| json!({"consent": {"categoryPreferences": {"Advertising": yes}}}));
        json!({"type": "identify", "userId": "bob", "context": consent.unwrap_or(json!({})),
            "traits": {"email": "bob@post.example", "name": "Bob"}})
    };
    let asks = |letter| {
        json!({"type": "track", "event": "Seen", "userId": "bob",
        "context": {"consent": {"categoryPreferences": {"Advertising": letter}}}})
    };
    for before in [Some(false), None] {
        let mut world = World::under(&policy());
        send(&mut world, Sender::Known, &[said(before)], 1);
        let bob = world.subject("user_id:bob").unwrap();
        // By a userId, and by one that is given out as a browser's name.
        send(&mut world, Sender::Anybody, &[asks(true)], 10);
        let mut browser = asks(true);
        browser.as_object_mut().unwrap().remove("userId");
        browser["anonymousId"] = "bob".into();
        send(&mut world, Sender::Anybody, &[browser], 20);
        send(&mut world, Sender::Known, &[said(None)], 30);
        assert!(!consents(&world, bob), "{before:?}");
        // A server says it for them.
        send(&mut world, Sender::Known, &[said(Some(true))], 40);
        assert!(consents(&world, bob));
        // And a page's no holds.
        send(&mut world, Sender::Anybody, &[asks(false)], 50);
        assert!(!consents(&world, bob));
        world.is_sound();
    }
    // The visitor first: it counts for what they sent themselves, until a server says who that is.
    let mut world = World::under(&policy());
    send(&mut world, Sender::Anybody, &[said(Some(true))], 1);
    let claimed = world.subject("unverified.email:bob@post.example").unwrap();
    assert!(consents(&world, claimed));
    send(&mut world, Sender::Known, &[said(None)], 10);
    let bob = world.subject("email:bob@post.example").unwrap();
    assert!(!consents(&world, bob));
    send(&mut world, Sender::Known, &[said(Some(true))], 20);
    assert!(consents(&world, bob));
    world.is_sound();
}

/// Erasing whoever claimed an address keeps out nobody but them.
#[test]
fn who_claimed_an_address_and_is_erased_shuts_nobody_out() {
    let (mut world, ann) = ann();
    send(&mut world, Sender::Anybody, &[mallory(true)], 10);
    world.erase("user_id:mallory", hour(11));
    let said = json!({"type": "identify", "userId": "u-ann", "traits": {"name": "Anna",
        "email": "ann@post.example"}});
    send(&mut world, Sender::Known, &[said], 12);
    assert!(world.profile(ann).to_string().contains("Anna"));
    send(&mut world, Sender::Anybody, &[mallory(true)], 13);
    assert!(world.subjects("user_id:mallory").is_empty(), "and they stay out");
    // Who is erased stays out under an address that somebody only claims.
    world.erase("email:ann@post.example", hour(14));
    let mut again = mallory(true);
    (again["userId"], again["anonymousId"]) = ("u-other".into(), "d-other".into());
    send(&mut world, Sender::Anybody, &[again], 15);
    assert!(world.subjects("unverified.email:ann@post.example").is_empty());
    world.is_sound();
}
