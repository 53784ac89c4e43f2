//! A message as a mail: in the person's language, with the ways out of it in its head.
//!
//! What stands in a head comes from a person, and the end of a line there would begin another one, or
//! another mail. So values are one line before they are written (`policy::template`), the library encodes
//! what isn't plain (RFC 2047), and the whole is looked over once more before it may go.

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Letter, SinglePart};
use zeroize::Zeroizing;

use crate::policy::mail::{Smtp, Tls};
use crate::policy::template::{self, Place};

use super::message::Message;
use super::request::{Secrets, Unsendable};

/// A mail server, and who signs in there. It holds a secret, so it prints nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct MailServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) login: Option<(String, Zeroizing<String>)>,
}

/// A mail, ready to go. It holds personal data, so it prints nothing of itself.
pub struct Mail {
    pub(super) server: MailServer,
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mail(…)")
    }
}

/// The longest subject, in characters: a head's line has its limits, and a list of mails as well.
const SUBJECT_MAX: usize = 200;

/// Writes a message as a mail to its first field.
///
/// # Errors
/// `SecretMissing` where nobody can sign in, `Unwritable` where the address is none that a mail can go to.
pub(super) fn mail(
    smtp: &Smtp,
    message: &Message,
    secrets: Secrets<'_>,
) -> Result<Mail, Unsendable> {
    let login = match &smtp.secret {
        None => None,
        Some(name) => {
            let value = secrets(name).ok_or(Unsendable::SecretMissing)?;
            let (user, password) = value.split_once(':').ok_or(Unsendable::SecretMissing)?;
            Some((user.to_owned(), Zeroizing::new(password.to_owned())))
        }
    };
    let field = |wanted: &str| message.fields.iter().find(|(name, _)| name == wanted);
    let language = smtp.language.as_deref().and_then(field).map_or("", |(_, text)| text.as_str());
    let text = smtp.text_in(language).ok_or(Unsendable::Unwritable)?;
    let document = message.mailed();
    let write = |text: &str, place| {
        template::render(text, place, &document).map_err(|_| Unsendable::Unwritable)
    };
    let subject: String = write(&text.subject, Place::Line)?.chars().take(SUBJECT_MAX).collect();
    let body = write(&text.text, Place::Text)?;
    let unwritable = |_| Unsendable::Unwritable;
    let from: Mailbox = smtp.from.parse().map_err(|_| Unsendable::Unwritable)?;
    let (_, address) = message.fields.first().ok_or(Unsendable::Unwritable)?;
    let to: Address = address.parse().map_err(|_| Unsendable::Unwritable)?;
    let domain = from.email.domain().to_owned();
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()]).map_err(unwritable)?;
    let at = u64::try_from(message.at.0).unwrap_or(0);
    let mut letter = Letter::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(subject.trim())
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(at))
        // The same over all tries, so that a second copy is known for one.
        .message_id(Some(format!("<{}@{domain}>", message.id)))
        .raw_header(header("Auto-Submitted", "auto-generated"));
    if let Some(reply_to) = &smtp.reply_to {
        letter = letter.reply_to(reply_to.parse().map_err(|_| Unsendable::Unwritable)?);
    }
    if !message.links.unsubscribe.is_empty() {
        let link = format!("<{}>", message.links.unsubscribe);
        // As it stands: a folded address is none to many readers.
        let name = HeaderName::new_from_ascii_str("List-Unsubscribe");
        letter = letter
            .raw_header(HeaderValue::dangerous_new_pre_encoded(name, link.clone(), link))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body);
    let letter = letter.singlepart(text).map_err(|_| Unsendable::Unwritable)?;
    let bytes = letter.formatted();
    if !is_one_letter(&bytes, &message.links.unsubscribe) {
        return Err(Unsendable::Unwritable);
    }
    let Smtp { host, port, tls, .. } = smtp;
    let server = MailServer { host: host.clone(), port: *port, tls: *tls, login };
    Ok(Mail { server, envelope, bytes })
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The heads that a mail has, each once at most.
const HEADS: [&str; 12] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "auto-submitted",
    "reply-to",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "content-type",
    "content-transfer-encoding",
    "mime-version",
];

/// Whether the bytes are a mail with the heads that were meant and no other, and of plain ASCII: whatever came
/// in by a value, no line of the head is of its making.
fn is_one_letter(bytes: &[u8], link: &str) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let Ok(head) = std::str::from_utf8(&bytes[..end]) else { return false };
    let plain = |line: &str| line.bytes().all(|b| b == b' ' || b == b'\t' || b.is_ascii_graphic());
    let mut seen: Vec<String> = Vec::new();
    for line in head.split("\r\n") {
        if !plain(line) {
            return false;
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { return false };
        let name = name.to_ascii_lowercase();
        if !HEADS.contains(&name.as_str()) || seen.contains(&name) {
            return false;
        }
        seen.push(name);
    }
    let unsubscribes = seen.iter().any(|name| name == "list-unsubscribe");
    unsubscribes != link.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::clock::Moment;
    use crate::policy::mail::MailText;
    use crate::send::message::{Act, Links};

    fn smtp() -> Smtp {
        let text = |language: &str, subject: &str| MailText {
            language: language.to_owned(),
            subject: subject.to_owned(),
            text: "{{ data.first_name }}\n{{ links.preferences }}\n".to_owned(),
        };
        Smtp {
            host: "127.0.0.1".to_owned(),
            port: 25,
            tls: Tls::None,
            from: "Tern & Pine <post@ternandpine.example>".to_owned(),
            reply_to: Some("help@ternandpine.example".to_owned()),
            secret: None,
            language: Some("language".to_owned()),
            texts: vec![text("en", "News for {{ data.first_name }}"), text("de", "Neues")],
        }
    }

    fn message(address: &str, name: &str, language: &str) -> Message {
        let field = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        Message {
            id: "msg_1".to_owned(),
            act: Act::Profile,
            at: Moment::parse("2026-03-03T12:00:00Z").unwrap(),
            person: "p_1".to_owned(),
            fields: vec![
                field("email", address),
                field("first_name", name),
                field("language", language),
            ],
            event: None,
            purpose: "newsletter".to_owned(),
            channel: "email".to_owned(),
            permitted: Vec::new(),
            links: Links {
                unsubscribe: "https://p.example/unsubscribe/AAAA".to_owned(),
                preferences: "https://p.example/preferences/BBBB".to_owned(),
                confirm: None,
            },
        }
    }

    fn written(message: &Message) -> Result<String, Unsendable> {
        mail(&smtp(), message, &|_| None).map(|mail| String::from_utf8(mail.bytes).unwrap())
    }

    proptest! {
        /// Whatever somebody is called, and whatever their address is said to be: no head is of their making.
        #[test]
        fn no_value_makes_a_head(name in any::<String>(), local in "[a-z\r\n\u{0}<>@ ,;:\"]{1,12}") {
            let text = written(&message("ann@x.example", &name, "en")).unwrap();
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            let heads: Vec<&str> = head.split("\r\n").filter(|l| !l.starts_with(' ')).collect();
            prop_assert_eq!(heads.len(), 12);
            if let Ok(text) = written(&message(&format!("{local}@x.example"), &name, "en")) {
                prop_assert!(!text.to_lowercase().contains("\r\nbcc:"));
            }
        }
    }

    #[test]
    fn hostile_names_stay_names() {
        for name in
            ["Ann\r\nBcc: eve@x.example", "Ann\nBcc: eve@x.example", "\r\n\r\n.\r\nMAIL FROM:<a@b>"]
        {
            let text = written(&message("ann@x.example", name, "en")).unwrap();
            assert!(!text.contains("\r\nBcc:") && !text.contains("\nBcc:"), "{text}");
            assert!(!text.contains("\r\n.\r\n"), "{text}");
        }
        for address in
            ["ann@x.example\r\nRCPT TO:<eve@x.example>", "a@x.example, eve@x.example", "ann", ""]
        {
            assert!(written(&message(address, "Ann", "en")).is_err(), "{address:?}");
        }
    }

    #[test]
    fn names_of_any_script_are_encoded_and_languages_kept() {
        let text = written(&message("ann@x.example", "Zoë 王", "en-IE")).unwrap();
        assert!(text.contains("Subject: News for =?utf-8?b?"), "{text}");
        assert!(text.is_ascii());
        assert!(text.contains("Message-ID: <msg_1@ternandpine.example>\r\n"));
        assert!(text.contains("List-Unsubscribe: <https://p.example/unsubscribe/AAAA>\r\n"));
        assert!(text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
        let german = written(&message("ann@x.example", "Ann", "de-AT")).unwrap();
        assert!(german.contains("Subject: Neues\r\n"));
        let unknown = written(&message("ann@x.example", "Ann", "")).unwrap();
        assert!(unknown.contains("Subject: News for Ann\r\n"), "{unknown}");
    }

    #[test]
    fn who_signs_in_is_a_secret_of_two_parts() {
        let smtp = Smtp { secret: Some("smtp".to_owned()), ..smtp() };
        let message = message("ann@x.example", "Ann", "en");
        let with = |value: Option<&str>| {
            let value = value.map(str::to_owned);
            mail(&smtp, &message, &move |_| value.clone().map(Zeroizing::new)).map(|_| ())
        };
        assert_eq!(with(None), Err(Unsendable::SecretMissing));
        assert_eq!(with(Some("password")), Err(Unsendable::SecretMissing));
        assert_eq!(with(Some("user:pass:word")), Ok(()));
    }
}
