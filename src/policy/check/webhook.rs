//! `[source.NAME.webhook]`: who may deliver, and how they prove it.

use crate::base::secret::is_secret_name;
use crate::policy::keys::WEBHOOK;
use crate::policy::mistake::Report;
use crate::policy::period::short;
use crate::policy::reader::Table;
use crate::policy::types::{ConsentMap, ConsentState, Take};
use crate::policy::webhook::{Digits, Scheme, Signed, TOLERANCE, Webhook};

const SCHEMES: [(&str, Kind); 6] = [
    ("standard", Kind::Standard),
    ("shopify", Kind::Shopify),
    ("stripe", Kind::Stripe),
    ("github", Kind::Github),
    ("hmac", Kind::Hmac),
    ("url", Kind::Url),
];

const ENCODINGS: [(&str, Digits); 2] = [("hex", Digits::Hex), ("base64", Digits::Base64)];

/// Keys that only a signature of the author's own description has.
const OF_HMAC: [&str; 4] = ["header", "timestamp", "encoding", "prefix"];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Standard,
    Shopify,
    Stripe,
    Github,
    Hmac,
    Url,
}

/// Reads the table of a source whose format is `webhook`.
pub(super) fn read(report: &mut Report, source: &Table) -> Option<Webhook> {
    if source.value("webhook").is_none() {
        report.mistake(
            (source.line_of("format"), &source.at("webhook")),
            "webhook-missing",
            "the source is sent by webhooks, and nothing says who may send them",
            "whoever knows the address could make things up about people",
            format!("[{}]\nscheme = \"standard\"\nsecret = \"…\"", source.at("webhook")),
        );
        return None;
    }
    let table = source.table(report, "webhook", &WEBHOOK)?;
    let why = "what proves who sent a delivery is different with each vendor";
    if table.value("scheme").is_none() {
        table.needed(report, "scheme", why, "\"standard\"");
    }
    let kind = table.choice(report, "scheme", "unknown-choice", why, &SCHEMES);
    let secret = secret(report, &table);
    let scheme = match kind? {
        Kind::Hmac => Scheme::Hmac(signed(report, &table)?),
        kind => {
            note_unused(report, &table);
            match kind {
                Kind::Standard => Scheme::Standard,
                Kind::Shopify => Scheme::Shopify,
                Kind::Stripe => Scheme::Stripe,
                Kind::Github => Scheme::Github,
                Kind::Hmac | Kind::Url => Scheme::Url,
            }
        }
    };
    let tolerance = tolerance(report, &table, &scheme);
    Some(Webhook { scheme, secret: secret?, tolerance })
}

/// Notes what stands there for webhooks where the source has another format.
pub(super) fn note_other_format(report: &mut Report, source: &Table) {
    for key in ["webhook", "items"] {
        if source.value(key).is_some() {
            report.mistake(
                (source.line_of(key), &source.at(key)),
                "webhook-unused",
                format!("{key:?} is for webhooks, and the source has another format"),
                "a rule that nothing follows would be taken for one that holds",
                format!("format = \"webhook\", or leave {key} out"),
            );
        }
    }
}

/// Notes a "yes" that would count from whenever it is delivered.
pub(super) fn note_untimed(report: &mut Report, source: &Table, consents: &[ConsentMap]) {
    let says_yes = |map: &&ConsentMap| {
        let loosens = |word: &String| word.parse::<ConsentState>().is_ok_and(ConsentState::loosens);
        match &map.state {
            Take::Fixed(word) => loosens(word),
            Take::Field { values, .. } => values.is_empty() || values.values().any(loosens),
        }
    };
    let untimed = |map: &&ConsentMap| map.at.is_none();
    if source.value("observed").is_none() && consents.iter().filter(says_yes).any(|m| untimed(&m)) {
        report.mistake(
            (source.line_of("consent"), &source.at("consent")),
            "consent-untimed",
            "a consent is delivered without the time at which it was given",
            "deliveries come late, twice and out of order: an old yes must not outlive a later no",
            "at = { from = \"…\" } for the consent, or observed = { from = \"…\" } for the source",
        );
    }
}

fn secret(report: &mut Report, table: &Table) -> Option<String> {
    let why = "both sides know it, and nobody else";
    let said = table.needed(report, "secret", why, "\"shop\"")?;
    if !is_secret_name(&said.value) {
        report.mistake(
            (said.line, &table.at("secret")),
            "bad-secret-name",
            "this names no secret: a name has up to 64 letters, digits and -_.",
            "the policy is kept for good and shown to many, so it names the secret and never holds it",
            "secret = \"shop\", and `candor secret set shop`",
        );
    }
    Some(said.value)
}

fn signed(report: &mut Report, table: &Table) -> Option<Signed> {
    let why = "each vendor puts its signature in a header of its own";
    let header = table.needed(report, "header", why, "\"X-WC-Webhook-Signature\"");
    let header = header.map(|said| header_name(report, table, "header", said.value));
    let timestamp = table.text(report, "timestamp");
    let timestamp = timestamp.map(|said| header_name(report, table, "timestamp", said.value));
    let why = "a signature is bytes, and a header is text";
    let encoding = table.choice(report, "encoding", "unknown-choice", why, &ENCODINGS);
    let prefix = table.text(report, "prefix").map(|said| said.value).unwrap_or_default();
    Some(Signed { header: header?, timestamp, encoding: encoding.unwrap_or_default(), prefix })
}

/// A header's name in lower case, as HTTP compares them.
fn header_name(report: &mut Report, table: &Table, key: &str, name: String) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.bytes().all(is_plain) {
        report.mistake(
            (table.line_of(key), &table.at(key)),
            "bad-header-name",
            format!("{name:?} is no name of a header"),
            "a header that is never sent would keep every delivery out",
            "letters, digits and hyphens, without the colon",
        );
    }
    name.to_ascii_lowercase()
}

fn note_unused(report: &mut Report, table: &Table) {
    for key in OF_HMAC.into_iter().filter(|key| table.value(key).is_some()) {
        report.mistake(
            (table.line_of(key), &table.at(key)),
            "webhook-unused",
            format!("the scheme says itself what {key:?} would say"),
            "a rule that nothing follows would be taken for one that holds",
            format!("leave {key} out, or scheme = \"hmac\""),
        );
    }
}

fn tolerance(report: &mut Report, table: &Table, scheme: &Scheme) -> u32 {
    let Some(said) = table.text(report, "tolerance") else { return TOLERANCE };
    let at = (said.line, &*table.at("tolerance"));
    if !scheme.signs_time() {
        report.mistake(
            at,
            "webhook-unused",
            "the scheme signs no time, so nothing can be too old",
            "a rule that nothing follows would be taken for one that holds",
            "leave tolerance out; what is delivered again changes nothing",
        );
    }
    short(&said.value).unwrap_or_else(|fault| {
        report.mistake(
            at,
            "bad-tolerance",
            fault,
            "whoever caught a delivery could send it again for so long",
            "tolerance = \"PT5M\"",
        );
        TOLERANCE
    })
}
