//! A bookshop that is served, with two readers, a mail server, and a browser of a few lines.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::POLICY;
use crate::mailserver::{Mail, MailServer};
use crate::served::{Heard, Served, now};

/// The shop, served.
pub struct Shop {
    pub served: Served,
    pub server: MailServer,
}

fn policy(server: &MailServer) -> String {
    let port = server.port;
    let smtp = |name: &str, subject: &str, text: &str| {
        format!(
            "kind = \"smtp\"\n[destination.{name}.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n\
             from = \"letters@harbourbooks.example\"\n[[destination.{name}.smtp.text]]\nlanguage = \"en\"\n\
             subject = \"{subject}\"\ntext = \"{text}\"\n"
        )
    };
    let base = POLICY
        .replace("title = \"Monthly letter\"\n", "title = \"Monthly <letter>\"\ndouble_opt_in = true\n")
        .replace(
            "[source.leads]\ntitle = \"Newsletter tool\"\nkey = \"lead\"\nobserved = { from = \"at\" }\npurposes = [",
            "[source.leads]\ntitle = \"Newsletter tool\"\nkey = \"lead\"\nobserved = { from = \"at\" }\npurposes = [\"confirmations\", ",
        )
        .replace(
            "own = true\nobserved = { from = \"at\" }\npurposes = [",
            "own = true\nobserved = { from = \"at\" }\npurposes = [\"confirmations\", ",
        )
        .replace(
            "text = \"We send you a monthly letter.\"\n",
            "text = \"We send you a monthly letter.\"\n[[notice.letter-form.version]]\nversion = 2\nlanguage = \"de\"\n\
             text = \"Wir senden Ihnen einen Monatsbrief.\"\n",
        );
    format!(
        "{base}\n[purpose.confirmations]\ntitle = \"Ask whether it was meant\"\nbasis = \"legitimate_interests\"\n\
         assessment = \"LIA-9\"\nchannels = [\"email\"]\ncategories = [\"contact\"]\nretention = \"P7D\"\n\
         [destination.asking]\nrecipient = \"Our mail server\"\npurpose = \"confirmations\"\nchannel = \"email\"\n\
         fields = [\"email\"]\ncountry = \"IE\"\n{}\
         [destination.letters]\nrecipient = \"Our mail server\"\npurpose = \"newsletter\"\nchannel = \"email\"\n\
         fields = [\"email\"]\ncountry = \"IE\"\n{}\
         [pages]\nurl = \"http://127.0.0.1:8600\"\nsource = \"page\"\nconfirm = \"asking\"\n",
        smtp("asking", "Please confirm", "{{ links.confirm }}"),
        smtp("letters", "News", "{{ links.unsubscribe }} {{ links.preferences }}"),
    )
}

impl Shop {
    /// The shop, with somebody who asked for the newsletter in a form.
    pub fn new() -> Shop {
        let server = MailServer::start();
        let served = Served::under(&policy(&server));
        let mut shop = Shop { served, server };
        let now = now();
        shop.import(
            "leads",
            &format!(
                "lead,at,name,email,optin,notice\nl1,{now},Dee,dee@x.example,yes,letter-form@2\n"
            ),
        );
        shop.import(
            "shop",
            "customer_id,at,name,email,optin,notice\nc1,2026-01-04,Ann,ann@x.example,,\n",
        );
        shop.served.start();
        shop
    }

    pub fn import(&mut self, source: &str, csv: &str) {
        std::fs::write(self.served.folder.path().join("in.csv"), csv).unwrap();
        let out = self.served.run(&["import", "in.csv", "--source", source]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    }

    /// Runs a command that answers in JSON.
    pub fn run(&self, args: &[&str]) -> Value {
        let out = self.served.run(args);
        assert!(out.status.success(), "{args:?} {}", String::from_utf8_lossy(&out.stdout));
        serde_json::from_slice(&out.stdout).unwrap()
    }

    /// Waits until so many mails went to an address.
    pub fn mails(&self, address: &str, count: usize) -> Vec<Mail> {
        let started = Instant::now();
        loop {
            let mails = self.server.to(address);
            if mails.len() >= count || started.elapsed() > Duration::from_secs(20) {
                assert_eq!(mails.len(), count);
                return mails;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The path of a link.
    pub fn path(link: &str) -> String {
        link.trim_matches(['<', '>']).trim_start_matches("http://127.0.0.1:8600").to_owned()
    }

    pub fn get(&self, path: &str, language: &str) -> Heard {
        self.served.ask("GET", path, &[("Accept-Language", language)], b"")
    }

    pub fn post(&self, path: &str, form: &str) -> Heard {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        self.served.ask("POST", path, &[kind], form.as_bytes())
    }

    /// Where somebody stands with the newsletter by e-mail.
    pub fn stands(&self, who: &str) -> String {
        let said = self.run(&["consent", "state", who]);
        let states = said["purposes"].as_array().unwrap();
        let own = states.iter().find(|state| state["purpose"] == "newsletter").unwrap();
        own["stands"].as_str().unwrap().to_owned()
    }

    /// No word of anybody stands in the log, nor any link.
    pub fn log_says_nothing(&self, hidden: &[&str]) {
        let log = std::fs::read_to_string(self.served.log()).unwrap();
        for hidden in hidden.iter().chain(&["x.example", "Dee", "newsletter"]) {
            assert!(!log.contains(hidden), "{hidden} stands in {log}");
        }
    }
}

/// Whether a page is one that a browser may only show, and its form send back.
pub fn is_strict(heard: &Heard) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-type", "text/html; charset=utf-8"),
        ("x-robots-tag", "noindex, nofollow"),
    ] {
        assert_eq!(heard.header(name), Some(value), "{name}");
    }
    let policy = heard.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("form-action 'self'; base-uri 'none'; frame-ancestors 'none'"));
    assert!(heard.header("access-control-allow-origin").is_none());
    let body = &heard.body;
    assert!(
        !body.contains("<script") && !body.contains("<link") && !body.contains("<img"),
        "{body}"
    );
    assert!(!body.contains(" on") || !body.contains(" onclick"), "{body}");
    for landmark in ["<header>", "<nav ", "<main ", "<footer>", "<h1>", "<title>"] {
        assert_eq!(body.matches(landmark).count(), 1, "{landmark}");
    }
    // The style that stands there is the one that the policy names.
    let style = body.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    use base64ct::Encoding as _;
    use sha2::Digest as _;
    let digest = base64ct::Base64::encode_string(&sha2::Sha256::digest(style.as_bytes()));
    assert!(policy.contains(&digest));
    // A title stands in the browser's history.
    let title = body.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
    assert!(!title.contains("letter") && !title.contains('@'), "{title}");
    // Whoever hears the page knows what each button and each choice is.
    assert_eq!(body.matches("<input type=\"radio\"").count(), body.matches("<label>").count());
    assert_eq!(body.matches("<fieldset>").count(), body.matches("<legend").count());
}
