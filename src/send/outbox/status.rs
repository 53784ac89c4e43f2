//! What came of a try, and what follows from it. Pure.

use crate::send::SqlState;
use crate::send::http::Heard;

/// The outbox's own numbers, below those of HTTP.
pub const UNREACHABLE: i64 = 1;
/// No answer in time.
pub const TIMED_OUT: i64 = 2;
/// What the policy asks for can't be written for this person.
pub const UNWRITABLE: i64 = 3;
/// The policy names a secret that isn't there.
pub const SECRET_MISSING: i64 = 4;
/// The store was restored from a backup while it waited.
pub const RESTORED: i64 = 5;
/// The policy in force has no way to tell the recipient.
pub const NO_WAY: i64 = 6;
/// Somebody dropped it.
pub const DROPPED: i64 = 7;

/// A database or a mail server offers no encryption, or a database bears a certificate that nobody vouches for.
pub const NOT_ENCRYPTED: i64 = 8;
/// A database doesn't let the user in by SCRAM-SHA-256.
pub const NOT_SIGNED_IN: i64 = 9;

/// Above this stand the codes that mail servers answered with (RFC 5321): 1550 is a 550.
const MAIL: i64 = 1_000;

/// Above this stand the codes of databases, as numbers.
const DATABASE: i64 = 100_000_000;

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was taken: the row goes.
    Delivered,
    /// It is tried again, at the earliest after so many seconds where the recipient says so.
    Again(i64, Option<u64>),
    /// It is given up.
    Dead(i64),
    /// It was not tried: it is due as before.
    Untried,
}

impl Fate {
    /// What follows from what was heard at a row's try of this number, of at most so many.
    pub fn of(heard: Heard, attempt: i64, most: i64) -> Fate {
        let again = |status, asked| match attempt < most {
            true => Fate::Again(status, asked),
            false => Fate::Dead(status),
        };
        match heard {
            Heard::TooLate => Fate::Untried,
            Heard::Unreachable => again(UNREACHABLE, None),
            Heard::TimedOut => again(TIMED_OUT, None),
            Heard::Status(200..=299, _) => Fate::Delivered,
            // What the recipient will not take by being asked again.
            Heard::Status(status @ 400..=499, _) if !matches!(status, 408 | 425 | 429) => {
                Fate::Dead(i64::from(status))
            }
            Heard::Status(status, asked) => again(i64::from(status), asked),
            Heard::Mail(200..=299) | Heard::Written => Fate::Delivered,
            Heard::NotEncrypted => again(NOT_ENCRYPTED, None),
            Heard::NotSignedIn => again(NOT_SIGNED_IN, None),
            Heard::Database(state) if state.is_about_the_row() => {
                Fate::Dead(DATABASE + state.number())
            }
            Heard::Database(state) => again(DATABASE + state.number(), None),
            Heard::Mail(code @ 500..) => Fate::Dead(MAIL + i64::from(code)),
            Heard::Mail(code) | Heard::MailServer(code) => again(MAIL + i64::from(code), None),
        }
    }
}

/// Whether the recipient is in trouble, rather than against this one message.
pub fn is_failure(heard: Heard) -> bool {
    match heard {
        Heard::Unreachable | Heard::TimedOut | Heard::NotEncrypted | Heard::NotSignedIn => true,
        Heard::Database(state) => !state.is_about_the_row(),
        Heard::Status(status, _) => matches!(status, 408 | 425 | 429 | 500..),
        // A 421 ends the connection; another 4xx is about the one mailbox, such as greylisting.
        Heard::Mail(code) => code == 421,
        Heard::MailServer(_) => true,
        Heard::Written | Heard::TooLate => false,
    }
}

/// A status in words: a number and nothing that a recipient wrote.
pub fn words(status: i64) -> String {
    match status {
        0 => "not tried yet".to_owned(),
        UNREACHABLE => "the recipient couldn't be reached".to_owned(),
        TIMED_OUT => "the recipient didn't answer in time".to_owned(),
        UNWRITABLE => "what the policy asks for can't be written for this person".to_owned(),
        SECRET_MISSING => {
            "the secret that the policy names isn't set, or isn't of its form: `candor secret set NAME`"
                .to_owned()
        }
        RESTORED => "it waited in a backup that was restored: look whether it was sent".to_owned(),
        NO_WAY => {
            "the policy in force has no way to tell the recipient: tell it by hand (Art 19)"
                .to_owned()
        }
        DROPPED => "somebody dropped it".to_owned(),
        status @ 300..=399 => {
            format!("the recipient answered {status}: it moved, and redirects aren't followed")
        }
        NOT_ENCRYPTED => {
            "it offers no encryption (STARTTLS, TLS), or bears a certificate that nobody vouches for".to_owned()
        }
        NOT_SIGNED_IN => {
            "the database lets nobody in by SCRAM-SHA-256, or the policy names no secret for it"
                .to_owned()
        }
        status @ DATABASE.. => SqlState::of(status - DATABASE).words(),
        status @ MAIL.. => format!("the mail server answered {}", status - MAIL),
        status => format!("the recipient answered {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_an_answer() {
        for (heard, fate) in [
            (Heard::Status(200, None), Fate::Delivered),
            (Heard::Status(204, Some(9)), Fate::Delivered),
            (Heard::Status(301, None), Fate::Again(301, None)),
            (Heard::Status(400, None), Fate::Dead(400)),
            (Heard::Status(404, Some(1)), Fate::Dead(404)),
            (Heard::Status(410, None), Fate::Dead(410)),
            (Heard::Status(408, None), Fate::Again(408, None)),
            (Heard::Status(425, None), Fate::Again(425, None)),
            (Heard::Status(429, Some(30)), Fate::Again(429, Some(30))),
            (Heard::Status(500, None), Fate::Again(500, None)),
            (Heard::Status(503, Some(7)), Fate::Again(503, Some(7))),
            (Heard::Unreachable, Fate::Again(UNREACHABLE, None)),
            (Heard::TimedOut, Fate::Again(TIMED_OUT, None)),
            (Heard::TooLate, Fate::Untried),
            (Heard::Mail(250), Fate::Delivered),
            (Heard::Mail(450), Fate::Again(1450, None)),
            (Heard::Mail(550), Fate::Dead(1550)),
            (Heard::MailServer(535), Fate::Again(1535, None)),
        ] {
            assert_eq!(Fate::of(heard, 7, 8), fate, "{heard:?}");
        }
        assert_eq!(Fate::of(Heard::Status(503, None), 8, 8), Fate::Dead(503), "the last try");
        assert_eq!(Fate::of(Heard::TooLate, 8, 8), Fate::Untried, "it was no try");
    }
}
