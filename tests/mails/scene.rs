//! A bookshop that writes to its readers, with a mail server on this machine and a clock that stands where it
//! is put.

use std::ops::{Deref, DerefMut};

use candor::consent::fold::AsOf;
use candor::send::audience;
use candor::subject::state::state;

use crate::common::{POLICY, hour};
use crate::mailserver::MailServer;
use crate::sending::Sending;

/// Two readers who said yes, one of them with a name that needs encoding, and one who didn't.
pub const READERS: &str = "customer_id,at,name,email,optin,notice\n\
    c1,2026-01-04,Zoë 王,ann@x.example,yes,letter-form@1\n\
    c2,2026-01-04,Bo,bo@x.example,yes,letter-form@1\n\
    c3,2026-01-04,Cy,cy@x.example,no,letter-form@1\n";

/// The bookshop.
pub struct Scene {
    shop: Sending,
    pub server: MailServer,
}

/// The policy with its mails.
pub fn policy(server: &MailServer) -> String {
    let port = server.port;
    format!(
        r#"{POLICY}
[destination.letters]
recipient = "Our own mail server"
purpose = "newsletter"
channel = "email"
fields = ["email", "first_name"]
country = "IE"
kind = "smtp"
[destination.letters.smtp]
host = "127.0.0.1"
port = {port}
tls = "none"
from = "Harbour Books <letters@harbourbooks.example>"
secret = "smtp"
[[destination.letters.smtp.text]]
language = "en"
subject = "News for {{{{ data.first_name }}}}"
text = """
Good morning, {{{{ data.first_name }}}}!
.
To hear no more: {{{{ links.unsubscribe }}}}
Your choices: {{{{ links.preferences }}}}
"""

[pages]
url = "https://me.harbourbooks.example"
source = "page"
"#
    )
}

/// The same, where the newsletter asks for a confirmation that candor mails.
pub fn confirming(server: &MailServer) -> String {
    let port = server.port;
    let text = policy(server).replace(
        "[purpose.newsletter]\ntitle = \"Monthly letter\"\n",
        "[purpose.newsletter]\ntitle = \"Monthly letter\"\ndouble_opt_in = true\n",
    );
    let leads = "[source.leads]\ntitle = \"Newsletter tool\"\nkey = \"lead\"\nobserved = { from = \"at\" }\n\
                 purposes = [\"newsletter\"";
    let text = text.replace(leads, &format!("{leads}, \"confirmations\""));
    let page = "own = true\nobserved = { from = \"at\" }\npurposes = [\"newsletter\"";
    assert_eq!(text.matches(page).count(), 1);
    let text = text.replace(page, &format!("{page}, \"confirmations\""));
    let text = text.replace("source = \"page\"\n", "source = \"page\"\nconfirm = \"asking\"\n");
    format!(
        r#"{text}
[purpose.confirmations]
title = "Ask whether somebody who signed up meant it"
basis = "legitimate_interests"
assessment = "LIA-2026-09"
channels = ["email"]
categories = ["contact"]
retention = "P7D"

[destination.asking]
recipient = "Our own mail server"
purpose = "confirmations"
channel = "email"
fields = ["email"]
country = "IE"
kind = "smtp"
[destination.asking.smtp]
host = "127.0.0.1"
port = {port}
tls = "none"
from = "Harbour Books <letters@harbourbooks.example>"
[[destination.asking.smtp.text]]
language = "en"
subject = "Please confirm: {{{{ request.title }}}}"
text = """
Somebody asked for this in your name:
{{{{ request.notice }}}}
To confirm, until {{{{ request.until }}}}: {{{{ links.confirm }}}}
"""
"#
    )
}

/// The same, where nobody has verified the addresses that a form sends in.
pub fn unverified(server: &MailServer) -> String {
    let leads = "[source.leads.fields]\nname = { as = \"attribute.first_name\", category = \"contact\" }\n\
                 email = { as = \"identifier.email\", category = \"contact\"";
    let text = confirming(server);
    assert!(text.contains(leads));
    text.replace(leads, &format!("{leads}, verified = false"))
}

impl Deref for Scene {
    type Target = Sending;
    fn deref(&self) -> &Sending {
        &self.shop
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Sending {
        &mut self.shop
    }
}

impl Scene {
    /// Queues everybody.
    pub fn push(&mut self) -> u64 {
        self.push_to("letters").unwrap().queued
    }

    pub fn new() -> Scene {
        Scene::under(policy)
    }

    /// Somebody fills in the form of the newsletter tool.
    pub fn sign_up(&mut self, lead: &str, address: &str) {
        let now = self.now();
        let csv = format!(
            "lead,at,name,email,optin,notice\n{lead},{now},Dee,{address},yes,letter-form@2\n"
        );
        self.world.import("leads", &csv, now);
    }

    /// Where somebody stands with the newsletter by e-mail.
    pub fn stands(&self, who: &str) -> &'static str {
        let Some(subject) = self.world.subject(who) else { return "nobody" };
        let (store, rules) = (&self.world.store, &self.world.rules);
        let state = state(store, rules, subject, AsOf::at(self.now())).unwrap();
        state.purposes.iter().find(|p| p.purpose == "newsletter").unwrap().stands.code()
    }

    /// Whether somebody would get the next letter.
    pub fn is_reached(&self, address: &str) -> bool {
        let (store, rules) = (&self.world.store, &self.world.rules);
        let audience = audience(store, rules, "letters", self.now()).unwrap();
        audience.permitted.iter().any(|permit| permit.item().fields[0] == address)
    }

    pub fn under(text: impl Fn(&MailServer) -> String) -> Scene {
        let server = MailServer::start();
        let shop = Sending::under(&text(&server));
        let mut scene = Scene { shop, server };
        scene.secret("smtp", "user:pass");
        scene.world.import("shop", READERS, hour(1));
        scene
    }

    /// The token of a link in a mail.
    pub fn token(link: &str) -> String {
        link.rsplit('/').next().unwrap().trim_end_matches('>').to_owned()
    }
}
