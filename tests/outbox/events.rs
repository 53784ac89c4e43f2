//! Events that are sent on as they come in: what came in for the destination's purpose, with what the policy
//! lists, and through the gate as everything else.

use candor::consent::desk::Spoken;
use candor::policy::types::ConsentState;
use serde_json::json;

use crate::common::{POLICY, hour};
use crate::recipient::{Recipient, Reply};
use crate::scene::Scene;

const BOUGHT: &str = "card,at,basket,cents,what,looked_at\n\
    k1,2026-01-04T10:00:00Z,b1,1250,Tea,\n\
    k1,2026-01-04T11:00:00Z,b2,300,Ink,\n\
    k2,2026-01-04T12:00:00Z,b3,700,Oak,\n";

fn destination(name: &str, purpose: &str, events: &str, recipient: &Recipient) -> String {
    format!(
        "\n[destination.{name}]\nrecipient = \"Sums Ltd\"\npurpose = \"{purpose}\"\nfields = [\"card\"]\n\
         country = \"IE\"\nkind = \"webhook\"\nsecret = \"mailer\"\nurl = \"{}\"\n{events}\n",
        recipient.url(&format!("/{name}"))
    )
}

/// The bookshop, with a destination for what is bought and one for what is looked at.
fn policy(recipient: &Recipient) -> String {
    let text = POLICY.replace(
        "profiling = true\ncategories = [\"behaviour\"]",
        "profiling = true\ncategories = [\"behaviour\", \"contact\"]",
    );
    assert_ne!(text, POLICY);
    let sales = "events = [\"order\"]\nproperties = [\"amount\"]";
    let looks = "events = [\"look\"]\nproperties = [\"what\"]";
    format!(
        "{text}{}{}",
        destination("sales", "orders", sales, recipient),
        destination("looks", "tips", looks, recipient)
    )
}

fn scene() -> Scene {
    Scene::under(policy)
}

fn tips(state: ConsentState) -> Spoken<'static> {
    Spoken { purpose: Some("tips"), state, notice: Some("tips-form@1"), ..Spoken::default() }
}

#[test]
fn what_came_in_goes_out_once_with_what_is_listed() {
    let mut scene = scene();
    scene.world.import("till", BOUGHT, hour(1));
    assert_eq!(scene.rows().len(), 3);
    assert!(scene.rows().iter().all(|row| row.act == "event" && row.destination == "sales"));
    scene.world.import("till", BOUGHT, hour(1));
    assert_eq!(scene.rows().len(), 3, "known events are known");
    assert_eq!(scene.send().delivered, 3);
    let mut told: Vec<_> = scene.recipient.heard().iter().map(|heard| heard.json()).collect();
    told.sort_by_key(|body| body["event"]["at"].to_string());
    let first = json!({
        "name": "order", "at": "2026-01-04T10:00:00Z", "amount": 1250, "properties": {},
    });
    assert_eq!(told[0]["event"], first, "what isn't listed stays here");
    assert_eq!(told[0]["type"], "event");
    assert_eq!(told[0]["data"]["card"], "k1");
    assert_eq!(told[0]["data"]["id"], told[1]["data"]["id"]);
    assert_ne!(told[0]["data"]["id"], told[2]["data"]["id"]);
    assert_eq!(scene.disclosures(), 3, "each is one");
    scene.is_sound();
}

#[test]
fn events_of_a_person_arrive_in_their_order() {
    let mut scene = scene();
    scene.world.import("till", BOUGHT, hour(1));
    scene.recipient.will([Reply::Status(503, "")]);
    scene.send();
    scene.wait(60);
    scene.send();
    let order: Vec<i64> = scene
        .recipient
        .heard()
        .iter()
        .map(|heard| heard.json())
        .filter(|body| body["data"]["card"] == "k1")
        .map(|body| body["event"]["amount"].as_i64().unwrap())
        .collect();
    assert_eq!(order, [1250, 1250, 300], "the second waits for the first");
    scene.is_sound();
}

#[test]
fn what_did_not_come_in_for_the_purpose_is_not_even_queued() {
    let mut scene = scene();
    scene.world.import("till", BOUGHT, hour(1));
    scene.send();
    let heard = scene.recipient.heard().len();
    let looked = "card,at,basket,cents,what,looked_at\nk1,,b9,,Tea,2026-01-04T13:00:00Z\n";
    scene.world.import("till", looked, hour(2));
    assert!(scene.rows().is_empty(), "nobody consented");
    let now = scene.now();
    scene.world.say("card:k1", &tips(ConsentState::Given), now);
    scene.world.import("till", looked, hour(2));
    assert_eq!(scene.rows().len(), 1);
    scene.wait(60);
    let now = scene.now();
    scene.world.say("card:k1", &tips(ConsentState::Withdrawn), now);
    let report = scene.send();
    assert_eq!((report.delivered, report.withheld.values().sum::<u64>()), (0, 1));
    assert_eq!(scene.recipient.heard().len(), heard);
    scene.is_sound();
}

#[test]
fn erased_while_an_event_waits_nothing_is_sent() {
    let mut scene = scene();
    scene.world.import("till", BOUGHT, hour(1));
    let now = scene.now();
    let certificate = scene.world.erase("card:k1", now);
    assert_eq!(certificate.rows["outbox"], 2);
    assert_eq!(scene.send().delivered, 1);
    assert_eq!(scene.recipient.heard()[0].json()["data"]["card"], "k2");
    scene.is_sound();
}

#[test]
fn templates_see_the_event_and_such_a_destination_gets_events_alone() {
    let mut scene = Scene::under(|recipient| {
        let own = format!(
            "kind = \"http\"\nevents = [\"order\"]\nproperties = [\"amount\", \"what\"]\n\
             [destination.sales.http]\nurl = \"{}\"\n\
             body = '{{\"n\": \"{{{{ event.name }}}}\", \"c\": {{{{ event.amount }}}}, \"p\": {{{{ event.properties|tojson }}}}, \"w\": \"{{{{ event.properties.what }}}}\"}}'\n",
            recipient.url("/track")
        );
        let text = destination("sales", "orders", "", recipient);
        let at = text.find("kind = ").unwrap();
        format!("{POLICY}{}{own}", &text[..at])
    });
    scene.world.import("till", BOUGHT, hour(1));
    assert_eq!(scene.send().delivered, 3);
    let heard = scene.recipient.heard();
    let tea = heard.iter().map(|heard| heard.json()).find(|body| body["w"] == "Tea").unwrap();
    assert_eq!(tea, json!({"n": "order", "c": 1250, "p": {"what": "Tea"}, "w": "Tea"}));
    assert_eq!(scene.push_to("sales").unwrap_err().code, "destination-events");
}
