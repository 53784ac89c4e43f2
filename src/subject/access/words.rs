//! Plain words for the person: what they said, what an entry is about, why something isn't used, and
//! moments in the controller's time zone. No code, no key and no column name is left to be guessed.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::base::clock::Moment;
use crate::consent::doubt;
use crate::consent::gate::Reason;
use crate::subject::state::Mark;
use crate::subject::told::Told;

/// A moment (RFC 3339) as people of a time zone read it: `12 July 2017, 10:40`.
pub fn time(moment: &str, zone: Tz) -> String {
    match Moment::parse(moment) {
        Ok(moment) => moment.utc().with_timezone(&zone).format("%-d %B %Y, %H:%M").to_string(),
        Err(_) => moment.to_owned(),
    }
}

/// A day (`2017-07-12`) as people read it: `12 July 2017`.
pub fn day(day: &str) -> String {
    match day.parse::<NaiveDate>() {
        Ok(date) => date.format("%-d %B %Y").to_string(),
        Err(_) => day.to_owned(),
    }
}

/// A name of a policy or a file, such as `first_name`, with spaces.
pub fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

/// The gate's reason, said to the person.
pub fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Suppressed => {
            "you had an identifier that stands here erased, and have not brought it back by your own act"
        }
        Reason::Restricted => {
            "the use of your data is restricted: we store it and do nothing else with it"
        }
        Reason::Objected => "you objected",
        Reason::ConsentUnknown => "we have no record that you consented, so we treat it as no",
        Reason::ConsentRefused => "you were asked and did not consent",
        Reason::ConsentWithdrawn => "you withdrew your consent",
        Reason::ConsentRenewalDue => {
            "what we told you about it has changed since in a way that matters, so we must ask you again"
        }
        Reason::ChannelDenied => "you don't want to be contacted this way",
        Reason::ChannelNotPermitted => "contacting you this way needs your permission",
        Reason::SharedNo => {
            "somebody who has the same address said no, and it would reach them too"
        }
        Reason::NoticeDue => "the data doesn't come from you, and we haven't told you of it yet",
        Reason::FrequencyWished => "you asked to hear from us less often this way",
        other => other.words(),
    }
}

/// The same for a reason's code.
pub fn reason_of(code: &str) -> &'static str {
    Reason::ALL.iter().find(|known| known.code() == code).map_or("", |known| reason(*known))
}

/// What was said, to the person who said it; `source` is the title of the source that it is from, or,
/// of an Art 14 notice, about.
pub fn said(told: &Told, source: &str) -> String {
    let yes = matches!(told.state.as_str(), "given" | "renewed");
    let plain = match (told.about, told.state.as_str()) {
        ("channel", _) if yes => "you allowed us to contact you this way",
        ("channel", _) => "you asked us not to contact you this way",
        ("objection", _) if yes => "you objected",
        ("objection", _) => "you took your objection back",
        ("restriction", _) if yes => "you had the use of your data restricted",
        ("restriction", _) => "the restriction of your data ended",
        ("notice", _) if yes => {
            return format!("we told you that we have data about you from: {source}");
        }
        ("notice", _) => return format!("we took back what we told you about: {source}"),
        ("frequency", _) if yes => {
            let days = told.every_days.unwrap_or_default();
            return format!("you asked to hear from us at most once in {days} days");
        }
        ("frequency", _) => "you took back your wish about how often we write",
        ("hold", _) => {
            let what = told.category.as_deref().map(spaced);
            let what = what.map_or_else(
                || "all data about you".to_owned(),
                |what| format!("your data of the kind “{what}”"),
            );
            let because = told.because.as_deref().map(|why| format!(" ({why})"));
            let because = because.unwrap_or_default();
            return match yes {
                true => {
                    format!("we put a legal hold on {what}{because}: it is kept for a legal claim")
                }
                false => format!("the legal hold on {what} was lifted"),
            };
        }
        (_, "requested") => "you were asked for your consent, or had still to confirm it",
        (_, "given") => "you consented",
        (_, "refused") => "you did not consent",
        (_, "withdrawn") => "you withdrew your consent",
        (_, "renewed") => "you consented anew",
        (_, "expired") => "your consent ran out",
        _ if told.method == doubt::METHOD => {
            "we were told something about your consent that we could not read, so we treat it as no"
        }
        _ => "your consent was found not to be valid",
    };
    let mut words = plain.to_owned();
    if told.explicit {
        words.push_str(", in so many words");
    }
    if told.confirmed {
        words.push_str(", and confirmed it in a second step");
    }
    words
}

/// A mark of where the person stands; `purpose` and `source` give the titles of names.
pub fn mark(
    mark: &Mark,
    purpose: impl Fn(&str) -> String,
    source: impl Fn(&str) -> String,
) -> String {
    match mark {
        Mark::Objected { purpose: name } => {
            format!("You objected to this: {}. We don't use your data for it.", purpose(name))
        }
        Mark::Channel { channel, permitted: true } => {
            format!("You allowed us to contact you by {}.", spaced(channel))
        }
        Mark::Channel { channel, permitted: false } => {
            format!("You asked us not to contact you by {}.", spaced(channel))
        }
        Mark::AtMost { channel, days } if channel.is_empty() => {
            format!("You asked to hear from us at most once in {days} days.")
        }
        Mark::AtMost { channel, days } => {
            format!("You asked to hear from us by {} at most once in {days} days.", spaced(channel))
        }
        Mark::Told { purpose: name, source: from } => format!(
            "We told you that data about you comes from “{}”, for this: {}.",
            source(from),
            purpose(name)
        ),
        Mark::ToTell { source: from, purposes, by } => {
            let purposes: Vec<String> = purposes.iter().map(|name| purpose(name)).collect();
            format!(
                "By {} at the latest we owe you word that data about you comes from “{}”, for this: {}.",
                day(by),
                source(from),
                purposes.join("; ")
            )
        }
        Mark::SharedNo { purpose: name } => format!(
            "We send nothing to an address that you share with somebody else, for this: {}.",
            purpose(name)
        ),
        Mark::Held { category, until } => {
            let what = if category.is_empty() {
                "all data about you".to_owned()
            } else {
                format!("your data of the kind “{}”", spaced(category))
            };
            let until = until.as_deref().map_or_else(
                || "as long as the claim needs it".to_owned(),
                |until| format!("until {}", day(until)),
            );
            format!(
                "We hold {what} for a legal claim, {until}: it is kept, also if you are erased \
                 (Art 17(3)(e)), and by this alone nothing else is done with it."
            )
        }
        Mark::Restricted => {
            "The use of your data is restricted: we store it and do nothing else with it."
                .to_owned()
        }
    }
}

/// What an entry of the ledger is about, to the person.
pub fn entry(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "data.admit" => "data about you came in",
        "data.forget" => "data about you was deleted, because nothing let us hold it any longer",
        "disclosure.run" => "data about you was sent to a recipient",
        "erasure" => "all that no law made us keep of you was erased",
        "suppression.lift" => "you came back after an erasure",
        "profile.merge" => "two profiles were found to be yours and joined",
        "profile.split" => "a profile was parted from yours",
        "profile.named" => {
            "it was noted by which names you are found that we don't hold (as fingerprints)"
        }
        "identity.run" | "identity.newcomer" => "it was asked whether two entries are one person's",
        "identity.answer" => {
            "somebody who works for us decided whether two entries are one person's"
        }
        "access.read" => "somebody who works for us, or a system of ours, looked at your data",
        "access.export" => "an answer to you was written",
        "request.open" => "a request of yours came",
        "request.close" => "a request of yours was answered",
        "receipt.issue" => "a receipt of what you said was written",
        "report.issue" => "a report about you was written",
        _ => return None,
    })
}

/// What a kind of request asks for.
pub fn request(kind: &str) -> &'static str {
    match kind {
        "access" => "to know what we hold about you",
        "portability" => "to have your data in a form for machines",
        "erasure" => "to be erased",
        _ => "something else",
    }
}

/// What the rows of a table are.
pub fn table(name: &str) -> &str {
    match name {
        "record" => "entries of you in our systems",
        "value" => "identifiers, attributes and keys",
        "identifier" => "identifiers by which you are found",
        "event" => "events",
        "rollup" => "summaries of events",
        "outbox_body" => "what such messages held, sealed",
        "outbox" => "messages about you that waited to be sent",
        "opt_in" => "links that waited for you to confirm something",
        "statement" => "things that you said or were told",
        "payload" => "sealed notes of the ledger that speak of you",
        "disclosure" => "times that data about you was sent",
        "request" => "requests of yours before this one",
        "link" => "findings that entries are, or are not, of one person",
        "question" => "questions whether an entry is yours",
        "merge" => "profiles that were joined with yours",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_zone() {
        let dublin = chrono_tz::Europe::Dublin;
        assert_eq!(time("2017-07-12T09:40:34Z", dublin), "12 July 2017, 10:40");
        assert_eq!(time("2017-12-31T23:59:59.500Z", dublin), "31 December 2017, 23:59");
        assert_eq!(time("2017-12-31T23:59:59Z", chrono_tz::Asia::Tokyo), "1 January 2018, 08:59");
        assert_eq!(day("2032-02-03"), "3 February 2032");
    }

    #[test]
    fn no_reason_speaks_of_the_person_to_the_person() {
        for known in Reason::ALL {
            let words = reason(*known);
            assert!(!words.contains("the person"), "{known:?}: {words}");
            assert_eq!(reason_of(known.code()), words);
        }
    }
}
