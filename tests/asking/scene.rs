//! The bookshop with a few people, served, and tokens of every role.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde_json::{Value, json};

use crate::common::POLICY;
use crate::served::{Heard, Served};

/// Ann consented to the letter, Ben withdrew, Cy said nothing, Di never gave an address.
const SHOP: &str = "customer_id,at,name,email,phone,card,seen,allergy,optin,notice\n\
    a1,2026-01-02,Ann,ann@x.example,,card-a,maps,nuts,yes,letter-form@2\n\
    b1,2026-01-02,Ben,ben@x.example,,,,,out,letter-form@2\n\
    c1,2026-01-02,Cy,cy@x.example,,,,,,\n";

/// Ann buys, and looks.
const TILL: &str = "card,at,looked_at,basket,cents,what\n\
    card-a,2026-01-03,,b-1,1250,atlas\ncard-a,2026-01-04,,b-2,300,pencil\n";

/// The program with people and tokens.
pub struct Scene {
    served: Served,
    /// The tokens, by what they are called.
    pub tokens: BTreeMap<&'static str, String>,
}

impl Deref for Scene {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.served
    }
}

impl Scene {
    /// Made and served, with a token of each role.
    pub fn new() -> Scene {
        let mut scene = Scene::unserved();
        scene.served.start();
        scene
    }

    /// Made, and not served yet.
    pub fn unserved() -> Scene {
        let served = Served::under(POLICY);
        let mut scene = Scene { served, tokens: BTreeMap::new() };
        scene.import("shop", SHOP);
        scene.import("till", TILL);
        for (name, args) in [
            ("desk", &["service-desk", "--purpose", "orders", "--purpose", "newsletter"][..]),
            ("shop", &["system", "--purpose", "orders"]),
            ("letters", &["system", "--purpose", "newsletter", "--label", "letters"]),
            ("dpo", &["dpo"]),
            ("marketer", &["marketer", "--purpose", "newsletter"]),
            ("auditor", &["auditor"]),
            ("monitor", &["monitor"]),
            ("mailer", &["recipient", "--destination", "mailer"]),
        ] {
            let token = scene.add_token(args);
            scene.tokens.insert(name, token);
        }
        scene
    }

    pub fn import(&self, source: &str, csv: &str) {
        let path = self.folder.path().join("in.csv");
        std::fs::write(&path, csv).unwrap();
        self.does(&["import", "in.csv", "--source", source]);
        std::fs::remove_file(path).unwrap();
    }

    /// Runs a command that works, and gives its document.
    pub fn does(&self, args: &[&str]) -> Value {
        let out = self.run(args);
        let told = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{args:?}: {told} {}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_str(&told).unwrap_or(Value::Null)
    }

    /// Makes a token: its role, and what else is typed.
    pub fn add_token(&self, args: &[&str]) -> String {
        let made = self.does(&[&["token", "add", "--role"], args].concat());
        made["token"].as_str().unwrap().to_owned()
    }

    pub fn start(&mut self) {
        self.served.start();
    }

    pub fn start_with(&mut self, options: &[&str]) {
        self.served.start_with(options);
    }

    /// Asks a path with a token.
    pub fn get(&self, token: &str, path: &str) -> Heard {
        let bearer = format!("Bearer {}", self.tokens.get(token).map_or(token, String::as_str));
        self.ask("GET", path, &[("Authorization", &bearer)], b"")
    }

    pub fn stop(&mut self) {
        self.served.stop();
    }

    pub fn kill(&mut self) {
        self.served.kill();
    }

    /// Asks for the context with a token.
    pub fn context(&self, token: &str, who: &str, purpose: &str) -> Heard {
        self.context_of(token, &json!({"who": who, "purpose": purpose}))
    }

    /// The same with a body as it is.
    pub fn context_of(&self, token: &str, body: &Value) -> Heard {
        let bearer = format!("Bearer {}", self.tokens.get(token).map_or(token, String::as_str));
        let body = body.to_string();
        self.ask("POST", "/v1/context", &[("Authorization", &bearer)], body.as_bytes())
    }

    /// The newest entry.
    pub fn newest(&self) -> i64 {
        crate::common::numbers(self.store().conn(), "SELECT MAX(n) FROM entry")[0]
    }

    /// How many entries of a kind there are.
    pub fn entries(&self, kind: &str) -> i64 {
        let store = self.store();
        let query = format!("SELECT COUNT(*) FROM entry WHERE instr(leaf, '\"{kind}\"') > 0");
        crate::common::numbers(store.conn(), &query)[0]
    }
}

/// An answer with a status, a code and words.
pub fn error(heard: &Heard, status: u16, code: &str) {
    let body = heard.json();
    assert_eq!((heard.status, &body["code"]), (status, &json!(code)), "{heard:?}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()));
}
