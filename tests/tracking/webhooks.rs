//! Deliveries as the vendors document them (`fixtures/webhooks`), signed by openssl, to the real program.

use std::io::Write;
use std::process::{Command, Stdio};

use candor::profile::read;
use candor::store::{Before, Secrets, WordKind};
use serde_json::Value;

use crate::served::{Heard, Served};

const POLICY: &str = include_str!("../../fixtures/webhooks/policy.toml");
const DELIVERIES: &str = include_str!("../../fixtures/webhooks/deliveries.json");

/// Secrets by their names; the standard's is bytes in base64.
const SECRETS: [(&str, &str); 6] = [
    ("shopify", "shpss_0123456789abcdef"),
    ("woo", "woo secret, with blanks"),
    ("stripe", "whsec_0123456789abcdef"),
    ("mailchimp", "tok-0123456789abcdef/+"),
    ("zendesk", "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="),
    ("till", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
];

/// A shop under the worked policy, whose times never grow too old, with its secrets.
fn shop() -> Served {
    let policy = POLICY.replace("\"P6Y\"", "\"P60Y\"").replace("\"P2Y\"", "\"P60Y\"");
    let mut served = Served::under(&policy.replace("P24M after", "P720M after"));
    let mut secrets = Secrets::beside(&served.path()).unwrap();
    for (name, value) in SECRETS {
        secrets.set(name, value.to_owned().into(), Before::Dropped).unwrap();
    }
    served.start();
    served
}

/// HMAC-SHA256 as openssl makes it.
fn openssl(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("hexkey:{hex}"), "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl signs what the tests deliver");
    child.stdin.take().unwrap().write_all(&parts.concat()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.success(), out.stdout.len()), (true, 32));
    out.stdout
}

fn base64(bytes: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64::encode_string(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since 1970, by the clock that the program has too.
fn seconds() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

/// One delivery, before it is signed.
struct Post {
    source: String,
    scheme: String,
    secret: String,
    body: Vec<u8>,
    is_form: bool,
}

impl Post {
    fn of(delivery: &Value) -> Post {
        let text = |name: &str| delivery[name].as_str().map(str::to_owned);
        let form = text("form");
        Post {
            source: text("source").unwrap(),
            scheme: text("scheme").unwrap(),
            secret: text("secret").unwrap(),
            is_form: form.is_some(),
            body: form.unwrap_or_else(|| delivery["body"].to_string()).into_bytes(),
        }
    }

    fn signs_time(&self) -> bool {
        ["stripe", "zendesk", "standard"].contains(&&*self.scheme)
    }

    /// The address and the headers of a delivery that a secret signs at a time, as each vendor says.
    fn signed(&self, secret: &str, at: i64) -> (String, Vec<(String, String)>) {
        let (key, body) = (secret.as_bytes(), self.body.as_slice());
        let time = at.to_string();
        let mut path = format!("/v1/hooks/{}", self.source);
        let headers = match &*self.scheme {
            "shopify" => {
                vec![("X-Shopify-Hmac-SHA256", base64(&openssl(key, &[body])))]
            }
            "woo" => vec![("X-WC-Webhook-Signature", base64(&openssl(key, &[body])))],
            "stripe" => {
                let signature = hex(&openssl(key, &[time.as_bytes(), b".", body]));
                vec![("Stripe-Signature", format!("t={time},v1={signature}"))]
            }
            "zendesk" => {
                let time = candor::base::clock::Moment(at * 1000).to_string();
                let signature = base64(&openssl(key, &[time.as_bytes(), body]));
                vec![
                    ("X-Zendesk-Webhook-Signature", signature),
                    ("X-Zendesk-Webhook-Signature-Timestamp", time),
                ]
            }
            "standard" => {
                use base64ct::Encoding as _;
                let key = secret.strip_prefix("whsec_").unwrap();
                let key = base64ct::Base64::decode_vec(key).unwrap();
                let signature = openssl(&key, &[b"msg_1.", time.as_bytes(), b".", body]);
                vec![
                    ("webhook-id", "msg_1".to_owned()),
                    ("webhook-timestamp", time),
                    ("webhook-signature", format!("v1,{}", base64(&signature))),
                ]
            }
            "url" => {
                let token = secret.replace('+', "%2B").replace('/', "%2F");
                path = format!("{path}?token={token}");
                Vec::new()
            }
            other => panic!("{other}"),
        };
        (path, headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn send(&self, served: &Served, secret: &str, at: i64, body: &[u8]) -> Heard {
        let (path, headers) = self.signed(secret, at);
        let kind = match self.is_form {
            true => "application/x-www-form-urlencoded; charset=UTF-8",
            false => "application/json",
        };
        let own = headers.iter().map(|(name, value)| (&**name, &**value));
        let headers: Vec<(&str, &str)> = own.chain([("Content-Type", kind)]).collect();
        served.ask("POST", &path, &headers, body)
    }
}

fn secret(name: &str) -> &'static str {
    SECRETS.iter().find(|(known, _)| *known == name).unwrap().1
}

/// All that is held: `KIND=value` and `EVENT:id:amount`.
fn held(served: &Served) -> Vec<String> {
    let store = served.store();
    let mut held = Vec::new();
    for subject in crate::common::numbers(store.conn(), "SELECT DISTINCT subject FROM record") {
        for record in read::open_records(store.conn(), store.words(), subject).unwrap() {
            for value in record.values.iter().filter(|value| value.current) {
                let field = store.words().text(WordKind::Field, value.field);
                if field != "record.key" {
                    held.push(format!("{field}={}", value.text));
                }
            }
            for event in read::open_events(store.conn(), store.words(), &record).unwrap() {
                let body: Value = serde_json::from_slice(&event.bytes).unwrap();
                let amount = body["amount"].as_i64().map(|n| n.to_string()).unwrap_or_default();
                held.push(format!("{}:{}:{amount}", event.name, body["id"].as_str().unwrap()));
            }
        }
    }
    held.sort();
    held
}

/// How much there is of everything that could grow.
fn sizes(served: &Served) -> Vec<i64> {
    let store = served.store();
    ["value", "event", "statement", "record", "identifier"]
        .map(|table| {
            let count = format!("SELECT COUNT(*) FROM {table}");
            store.conn().query_row(&count, [], |row| row.get(0)).unwrap()
        })
        .to_vec()
}

/// The word for where somebody stands with the newsletter.
fn standing(served: &Served, who: &str, channel: &str) -> String {
    let out = served.run(&["consent", "state", who]);
    let text = String::from_utf8(out.stdout).unwrap();
    let said: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let states = said["purposes"].as_array().cloned().unwrap_or_else(|| panic!("{said}"));
    let own = states.iter().find(|s| s["purpose"] == "newsletter" && s["channel"] == channel);
    own.unwrap_or_else(|| panic!("{said}"))["state"].as_str().unwrap().to_owned()
}

#[test]
fn every_vendor_delivers_and_is_believed_by_its_signature_alone() {
    let served = shop();
    let deliveries: Vec<Value> = serde_json::from_str(DELIVERIES).unwrap();
    for delivery in deliveries {
        let what = delivery["what"].as_str().unwrap();
        let post = Post::of(&delivery);
        let (own, now) = (secret(&post.secret), seconds());
        let (before, sizes_before) = (held(&served), sizes(&served));
        let refused = |heard: &Heard, code: &str| {
            assert_eq!((heard.status, &heard.json()["code"]), (401, &code.into()), "{what}");
            assert_eq!(sizes(&served), sizes_before, "{what}");
        };

        refused(&post.send(&served, "whsec_AAAA", now, &post.body), "invalid_signature");
        if post.scheme != "url" {
            for at in [0, post.body.len() / 2, post.body.len() - 1] {
                let mut changed = post.body.clone();
                changed[at] ^= 1;
                refused(&post.send(&served, own, now, &changed), "invalid_signature");
            }
        }
        if post.signs_time() {
            for off in [-301, 305] {
                let late = post.send(&served, own, now + off, &post.body);
                refused(&late, "signature_expired");
            }
        }

        let heard = post.send(&served, own, seconds(), &post.body);
        assert_eq!((heard.status, &*heard.body), (200, r#"{"success":true}"#), "{what}");
        let mut fresh = held(&served);
        let gone: Vec<&str> = delivery["gone"]
            .as_array()
            .map_or(Vec::new(), |gone| gone.iter().map(|one| one.as_str().unwrap()).collect());
        for known in before.iter().filter(|known| !gone.contains(&&***known)) {
            let at = fresh.iter().position(|one| one == known);
            fresh.remove(at.unwrap_or_else(|| panic!("{what}: {known} went")));
        }
        let mut expected: Vec<&str> =
            delivery["held"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        expected.sort_unstable();
        assert_eq!(fresh, expected, "{what}");

        // What is delivered again changes nothing.
        let (all, sizes_after) = (held(&served), sizes(&served));
        assert_eq!(post.send(&served, own, seconds(), &post.body).status, 200);
        assert_eq!((held(&served), sizes(&served)), (all, sizes_after), "{what}");

        if let Some(stands) = delivery["stands"].as_object() {
            let text = |name: &str| stands[name].as_str().unwrap();
            let said = standing(&served, text("who"), text("channel"));
            assert_eq!(said, text("state"), "{what}");
        }
        if let Some(same) = delivery["same"].as_array() {
            let found: Vec<Vec<u8>> = same
                .iter()
                .map(|who| served.run(&["profile", "find", who.as_str().unwrap()]).stdout)
                .collect();
            assert!(!found[0].is_empty() && found[0] == found[1], "{what}");
        }
    }
    served.is_sound();
}

#[test]
fn an_old_yes_that_comes_late_does_not_undo_a_no() {
    let served = shop();
    let form = |kind: &str, at: &str| Post {
        source: "mailchimp".into(),
        scheme: "url".into(),
        secret: "mailchimp".into(),
        is_form: true,
        body: format!("type={kind}&fired_at={at}&data[email]=a%40example.com").into_bytes(),
    };
    let own = secret("mailchimp");
    let yes = form("subscribe", "2026-03-01 10:00:00");
    let no = form("unsubscribe", "2026-03-02 10:00:00");
    let untimed = form("subscribe", "");
    for (post, state) in [(&no, "withdrawn"), (&yes, "withdrawn"), (&untimed, "withdrawn")] {
        assert_eq!(post.send(&served, own, 0, &post.body).status, 200);
        assert_eq!(standing(&served, "email:a@example.com", "email"), state);
    }
    let again = form("subscribe", "2026-03-03 10:00:00");
    assert_eq!(again.send(&served, own, 0, &again.body).status, 200);
    assert_eq!(standing(&served, "email:a@example.com", "email"), "given");
}

#[test]
fn two_secrets_hold_during_a_change_and_one_that_is_removed_at_once_no_more() {
    let served = shop();
    let deliveries: Vec<Value> = serde_json::from_str(DELIVERIES).unwrap();
    let post = Post::of(&deliveries[0]);
    let send = |secret: &str| post.send(&served, secret, 0, &post.body).status;
    let change = |work: &dyn Fn(&mut Secrets)| work(&mut Secrets::beside(&served.path()).unwrap());
    let own = secret("shopify");
    assert_eq!((send(own), send("next")), (200, 401));
    change(&|secrets| secrets.set("shopify", "next".to_owned().into(), Before::Kept).unwrap());
    assert_eq!((send(own), send("next")), (200, 200));
    change(&|secrets| assert!(secrets.remove_older("shopify").unwrap()));
    assert_eq!((send(own), send("next")), (401, 200));
    change(&|secrets| assert!(secrets.remove("shopify").unwrap()));
    assert_eq!((send(own), send("next")), (404, 404));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = candor::store::secrets_path(&served.path());
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        assert_eq!(send("next"), 503);
    }
}

#[test]
fn nobody_learns_which_sources_there_are() {
    let served = shop();
    let json = [("Content-Type", "application/json")];
    let ask = |method: &str, path: &str, body: &[u8]| {
        let heard = served.ask(method, path, &json, body);
        (heard.status, heard.body)
    };
    let unknown = ask("POST", "/v1/nothing/there", b"{}");
    assert_eq!(unknown.0, 404);
    let mut secrets = Secrets::beside(&served.path()).unwrap();
    assert!(secrets.remove("till").unwrap());
    for path in ["/v1/hooks/nobody", "/v1/hooks/till", "/v1/hooks/%2e%2e"] {
        assert_eq!(ask("POST", path, b"{}"), unknown, "{path}");
    }
    for path in ["/v1/hooks/nobody", "/v1/hooks/till", "/v1/hooks/mailchimp"] {
        assert_eq!(ask("GET", path, b"").0, 200, "{path}");
        assert_eq!(ask("HEAD", path, b"").0, 200, "{path}");
        assert_eq!(ask("PUT", path, b"").0, 405, "{path}");
    }
}

#[test]
fn what_cannot_be_taken_says_so_and_keeps_nothing() {
    let served = shop();
    let deliveries: Vec<Value> = serde_json::from_str(DELIVERIES).unwrap();
    let before = sizes(&served);
    let of =
        |n: usize, body: &str| Post { body: body.as_bytes().to_vec(), ..Post::of(&deliveries[n]) };
    let send = |post: &Post| {
        let heard = post.send(&served, secret(&post.secret), seconds(), &post.body);
        (heard.status, heard.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    let till = deliveries.len() - 1;
    for (n, body, status, code) in [
        (0, "{\"id\":", 400, "invalid_json"),
        (0, "7", 400, "invalid_json"),
        (till, "{\"data\":{}}", 400, "items_missing"),
        // Nobody is named: heard, counted, and nothing kept.
        (0, "{\"id\":1,\"currency\":\"EUR\"}", 200, ""),
        (0, "[7]", 200, ""),
    ] {
        assert_eq!(send(&of(n, body)), (status, code.to_owned()), "{body}");
    }
    // What WooCommerce asks with when a webhook is saved is signed by nobody.
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let ping = |path: &str, body: &[u8]| served.ask("POST", path, &form, body).status;
    assert_eq!(ping("/v1/hooks/woo_orders", b"webhook_id=7"), 200);
    assert_eq!(ping("/v1/hooks/woo_orders", b"webhook_id=7&email=a%40example.com"), 401);
    assert_eq!(ping("/v1/hooks/shopify_orders", b"webhook_id=7"), 401);
    // An erasure that Shopify asks for isn't a customer's data, and isn't done.
    let redact = of(0, r#"{"customer":{"id":7,"email":"gone@example.com"},"orders_to_redact":[]}"#);
    let (path, mut headers) = redact.signed(secret("shopify"), 0);
    headers.push(("X-Shopify-Topic".into(), "customers/redact".into()));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
    let heard = served.ask("POST", &path, &headers, &redact.body);
    assert_eq!((heard.status, &heard.json()["code"]), (422, &"rights_request".into()));
    assert_eq!(sizes(&served), before);
    let log = std::fs::read_to_string(served.log()).unwrap();
    assert!(
        log.contains("\"fault\":\"rights_request\"") && log.contains("\"source\":\"woo_orders\"")
    );
    for hidden in ["token", "gone@", "a%40", "example.com"] {
        assert!(!log.contains(hidden), "{hidden} stands in the log");
    }
}

/// A policy that names another secret acts on the very next delivery.
#[test]
fn another_policy_closes_the_door_at_once() {
    let served = shop();
    let deliveries: Vec<Value> = serde_json::from_str(DELIVERIES).unwrap();
    let post = Post::of(&deliveries[0]);
    assert_eq!(post.send(&served, secret("shopify"), 0, &post.body).status, 200);
    let text = std::fs::read_to_string(served.folder.path().join("policy.toml")).unwrap();
    let other = text.replace("secret = \"shopify\"", "secret = \"another\"");
    std::fs::write(served.folder.path().join("other.toml"), other).unwrap();
    assert!(served.run(&["policy", "apply", "other.toml"]).status.success());
    assert_eq!(post.send(&served, secret("shopify"), 0, &post.body).status, 404);
}
