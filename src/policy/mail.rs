//! What a policy says of mails, and of the pages that their links lead to.

use serde::Serialize;

use super::types::{Destination, Means, Period, Policy, Purpose};

/// How a mail gets to a mail server, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Smtp {
    /// The server's name, which its certificate must bear.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How what passes is encrypted.
    pub tls: Tls,
    /// The sender, as `Name <address>` or an address alone.
    pub from: String,
    /// Where answers go, where that is elsewhere.
    pub reply_to: Option<String>,
    /// The name of the secret, `user:password`; without one nobody signs in.
    pub secret: Option<String>,
    /// The listed field that says which language a person reads.
    pub language: Option<String>,
    /// What is written, a text for each language; the first for whoever reads none of them.
    pub texts: Vec<MailText>,
}

impl Smtp {
    /// The text in a person's language (BCP 47): that very one, else one of the same primary language, else
    /// the first.
    pub fn text_in(&self, language: &str) -> Option<&MailText> {
        let languages: Vec<&str> = self.texts.iter().map(|text| text.language.as_str()).collect();
        pick(&languages, &[language]).and_then(|at| self.texts.get(at))
    }
}

/// The place of the best of some languages for whoever reads these, the most wanted first: the first where
/// none of them is read. `None` of nothing.
pub fn pick(languages: &[&str], wanted: &[&str]) -> Option<usize> {
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let same = |tag: &str| languages.iter().position(|known| known.eq_ignore_ascii_case(tag));
    let near = |tag: &str| languages.iter().position(|known| primary(known) == primary(tag));
    let found = wanted.iter().find_map(|tag| same(tag).or_else(|| near(tag)));
    found.or(if languages.is_empty() { None } else { Some(0) })
}

/// How what passes to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// From the first byte on (RFC 8314), by custom on port 465.
    Implicit,
    /// After STARTTLS (RFC 3207), by custom on port 587; without it nothing is sent.
    Starttls,
    /// Not at all: to this machine alone.
    None,
}

/// What a mail says in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MailText {
    /// BCP 47, such as `en`.
    pub language: String,
    /// The subject, a template.
    pub subject: String,
    /// The text, a template.
    pub text: String,
}

/// The pages that `candor serve` has for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pages {
    /// The address under which people reach them, without a slash at its end.
    pub url: String,
    /// The source, of the person's own act, as which what they say there comes in.
    pub source: String,
    /// The destination that mails the link by which a consent is confirmed (double opt-in).
    pub confirm: Option<String>,
    /// How long such a link lasts, and how old a request may be that gets one.
    pub confirm_within: Period,
    /// How long a link to the preferences lasts that a mail brings.
    pub link_lasts: Period,
}

/// How long a link lasts by which a consent is confirmed, where the policy doesn't say.
pub const CONFIRM_WITHIN: Period = Period { months: 0, days: 7 };
/// How long a link to the preferences lasts that a mail brings, where the policy doesn't say.
pub const LINK_LASTS: Period = Period { months: 0, days: 90 };

impl Policy {
    /// The destination that mails the links by which consents to a purpose are confirmed, with its name: where
    /// the purpose asks for that, and the policy has one.
    pub fn confirming(&self, purpose: &Purpose) -> Option<(&Pages, &str, &Destination)> {
        let pages = self.pages.as_ref().filter(|_| purpose.double_opt_in)?;
        let name = pages.confirm.as_deref()?;
        Some((pages, name, self.destinations.get(name)?))
    }

    /// The purpose for which people are asked to confirm what they signed up for.
    pub fn confirmed_for(&self) -> Option<&str> {
        let name = self.pages.as_ref()?.confirm.as_deref()?;
        Some(&self.destinations.get(name)?.purpose)
    }

    /// Whether a destination of a name mails links by which consents are confirmed, and nothing else.
    pub fn confirms(&self, name: &str) -> bool {
        self.pages.as_ref().and_then(|pages| pages.confirm.as_deref()) == Some(name)
    }
}

impl Destination {
    /// What it says of mails, where it takes them.
    pub fn smtp(&self) -> Option<&Smtp> {
        match &self.means {
            Means::Smtp(smtp) => Some(smtp),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_by_its_tag_then_by_its_kin_then_by_its_place() {
        let known = ["en", "de-AT", "fr"];
        for (wanted, place) in [
            (vec!["de-AT"], Some(1)),
            (vec!["DE"], Some(1)),
            (vec!["zh", "fr-CA"], Some(2)),
            (vec!["zh"], Some(0)),
            (vec![], Some(0)),
        ] {
            assert_eq!(pick(&known, &wanted), place, "{wanted:?}");
        }
        assert_eq!(pick(&[], &["en"]), None);
    }
}
