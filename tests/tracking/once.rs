//! What is sent again is taken once, for as long as it is held.

use candor::base::clock::Moment;
use candor::collect::tracking::{Arrival, Call, read};
use candor::pipeline::intake::{Delivery, Fate, Intake, Sender, Sent};
use serde_json::{Value, json};

use crate::common::{World, hour};
use crate::served::{Served, order, policy};

#[test]
fn the_same_message_is_one_event_also_after_a_restart() {
    let mut served = Served::new();
    let first = json!({"batch": [order("u-1", "m-1"), order("u-1", "m-2"), order("u-1", "m-1")]});
    assert_eq!(served.post("/v1/batch", &first).json()["kept"], 2);
    let again = served.post("/v1/batch", &first).json();
    assert_eq!((&again["kept"], &again["known"]), (&json!(0), &json!(3)));
    served.stop();
    served.start();
    assert_eq!(served.post("/v1/batch", &first).json()["known"], 3);
    // The same content under another id is another event.
    assert_eq!(served.post("/v1/track", &order("u-1", "m-3")).json()["kept"], 1);
    for message in ["m-1", "m-2", "m-3"] {
        assert_eq!(served.count(&format!("order_completed:{message}")), 1);
    }
    let imports = "SELECT COUNT(*) FROM import";
    assert_eq!(crate::common::numbers(served.store().conn(), imports), [1], "one day, one intake");
    served.is_sound();
}

/// An id counts for the person whom the item names: whoever guesses or sees one can't have somebody else's event taken
/// for one that came before.
#[test]
fn nobody_uses_up_the_ids_of_others() {
    let served = Served::new();
    let mut guessed = order("somebody", "order-1001");
    guessed["writeKey"] = served.public.clone().into();
    let heard = served.ask("POST", "/v1/track", &[], guessed.to_string().as_bytes());
    assert_eq!(heard.status, 200);
    assert_eq!(served.post("/v1/track", &order("u-1", "order-1001")).json()["kept"], 1);
    assert_eq!(served.post("/v1/track", &order("u-1", "order-1001")).json()["known"], 1);
    assert_eq!(served.count("order_completed:order-1001"), 2);
}

/// Takes a body in, as the writer does.
pub fn take(world: &mut World, body: &Value, now: Moment) -> Vec<Fate> {
    let rules = world.rules.clone();
    take_by(&mut Intake::new(&rules), world, "web", body, now)
}

/// The same, by what is remembered of earlier deliveries.
pub fn take_by(
    intake: &mut Intake<'_>,
    world: &mut World,
    source: &str,
    body: &Value,
    now: Moment,
) -> Vec<Fate> {
    take_from(Sender::Known, intake, world, source, body, now)
}

/// The same of pages, or of servers.
pub fn take_from(
    sender: Sender,
    intake: &mut Intake<'_>,
    world: &mut World,
    source: &str,
    body: &Value,
    now: Moment,
) -> Vec<Fate> {
    let arrival = Arrival { at: now, privacy_signal: false };
    let items = read(Call::Batch, body.to_string().as_bytes(), arrival).unwrap().items;
    let delivery = Delivery { source: source.into(), sent: Sent::Calls(items), sender };
    let mut fates = intake.take(&mut world.store, now, &[delivery], &mut |_, _| Ok(true)).unwrap();
    fates.remove(0).unwrap()
}

/// A client whose clock is wrong sends again: its event is set right to another moment each time, and
/// later than all that are held, of whom there are more than an import would look through.
#[test]
fn however_many_are_held_and_whatever_the_clock_says() {
    let mut world = World::under(&policy());
    let item = |n: usize| {
        json!({"type": "track", "userId": "u-1", "event": "Order Completed",
               "messageId": format!("m-{n}"), "timestamp": hour(1).to_string()})
    };
    let kept = |fates: Vec<Fate>| -> u64 { fates.iter().map(|fate| fate.kept).sum() };
    for batch in 0..5 {
        let items: Vec<Value> = (batch * 2_400..(batch + 1) * 2_400).map(item).collect();
        take(&mut world, &json!({"batch": items}), hour(2));
    }
    let off = |sent: Moment| {
        let mut one = item(7);
        one["sentAt"] = sent.to_string().into();
        json!({"batch": [one]})
    };
    for n in 0..3 {
        let fates = take(&mut world, &off(hour(1)), Moment(hour(9).0 + n));
        assert!(fates[0].is_known && fates[0].kept_out.is_empty(), "{fates:?}");
        assert_eq!(kept(fates), 0);
    }
    let other = json!({"batch": [item(1_000_000)]});
    assert_eq!(kept(take(&mut world, &other, hour(10))), 1);
    world.is_sound();
}

/// Traits that come in late and again don't bring back what they were before.
#[test]
fn an_old_identify_changes_nothing() {
    let served = Served::new();
    let identify = |message: &str, name: &str, at: &str| {
        json!({"type": "identify", "userId": "u-1", "messageId": message, "timestamp": at,
               "traits": {"name": name}})
    };
    let old = identify("m-1", "Ann", "2026-03-03T10:00:00Z");
    served.post("/v1/identify", &old);
    served.post("/v1/identify", &identify("m-2", "Anna", "2026-03-03T11:00:00Z"));
    served.post("/v1/identify", &old);
    let name = served.held().into_iter().find(|held| held.starts_with("attribute.name"));
    assert_eq!(name.as_deref(), Some("attribute.name=Anna"));
}
