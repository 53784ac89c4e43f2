//! Whether a person is in an audience. Pure: what is known of them and the moment are handed in.

use serde::Serialize;
use serde_json::Value;

use crate::base::clock::Moment;
use crate::consent::gate::after;
use crate::consent::stands::Stands;
use crate::policy::rulebook::{PurposeRule, Rulebook};

use super::facts::{Event, Person};
use super::rule::{Asks, Bound, Condition, Happened, Segment};

/// What came of one condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// How deep it stands in others.
    pub depth: usize,
    /// The condition in words.
    pub condition: String,
    /// Whether it holds.
    pub holds: bool,
}

impl Segment {
    /// Whether a person is in it.
    pub fn holds(&self, rules: &Rulebook, person: &Person, now: Moment) -> bool {
        self.condition.as_ref().is_none_or(|condition| holds(condition, rules, person, now))
    }

    /// What comes of each condition for a person, the outer ones first.
    pub fn explain(&self, rules: &Rulebook, person: &Person, now: Moment) -> Vec<Told> {
        let mut told = Vec::new();
        if let Some(condition) = &self.condition {
            explain(condition, 0, (rules, person, now), &mut told);
        }
        told
    }
}

fn explain(
    condition: &Condition,
    depth: usize,
    asked: (&Rulebook, &Person, Moment),
    told: &mut Vec<Told>,
) {
    let (rules, person, now) = asked;
    let holds = holds(condition, rules, person, now);
    told.push(Told { depth, condition: words(condition), holds });
    match condition {
        Condition::All(all) | Condition::Any(all) => {
            all.iter().for_each(|one| explain(one, depth + 1, asked, told));
        }
        Condition::Not(not) => explain(not, depth + 1, asked, told),
        _ => {}
    }
}

fn holds(condition: &Condition, rules: &Rulebook, person: &Person, now: Moment) -> bool {
    let inner = |one: &Condition| holds(one, rules, person, now);
    match condition {
        Condition::All(all) => all.iter().all(inner),
        Condition::Any(any) => any.iter().any(inner),
        Condition::Not(not) => !inner(not),
        Condition::Identifier(kind) => person.values.contains_key(&format!("identifier.{kind}")),
        Condition::Attribute { name, asks } => {
            let value = person.values.get(&format!("attribute.{name}"));
            value.is_some_and(|value| answers(asks, value))
        }
        Condition::Event(asked) => happened(asked, &person.events, now),
        Condition::Consent { purpose, channel, is, .. } => {
            let Some(rule) = rules.rule(*purpose) else { return false };
            let channels = match channel {
                Some(channel) => vec![*channel],
                None if rule.channels.is_empty() => vec![0],
                None => rule.channels.clone(),
            };
            channels.iter().any(|channel| amounts_to(rule, *channel, person, now).code() == is)
        }
    }
}

fn amounts_to(rule: &PurposeRule, channel: u16, person: &Person, now: Moment) -> Stands {
    Stands::of(rule, person.standing.consents.get(&(rule.code, channel)), now)
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

fn answers(asks: &Asks, value: &str) -> bool {
    match asks {
        Asks::Held => !value.is_empty(),
        Asks::In(texts) => texts.iter().any(|text| same(text, value)),
        Asks::Between(low, high) => {
            let number = value.trim().parse::<f64>().ok();
            let from = |bound: &Bound| match bound {
                Bound::Number(low) => number.is_some_and(|number| number >= *low),
                Bound::Text(low) => value >= low.as_str(),
            };
            // A day as the upper end is all of that day.
            let to = |bound: &Bound| match bound {
                Bound::Number(high) => number.is_some_and(|number| number <= *high),
                Bound::Text(high) => value <= high.as_str() || value.starts_with(high.as_str()),
            };
            low.as_ref().is_none_or(from) && high.as_ref().is_none_or(to)
        }
    }
}

fn happened(asked: &Happened, events: &[Event], now: Moment) -> bool {
    let has = |event: &Event, (name, text): (&String, &String)| match &event.properties[name] {
        Value::String(held) => same(held, text),
        Value::Number(held) => held.to_string() == *text,
        Value::Bool(held) => held.to_string() == *text,
        _ => false,
    };
    let counts = |event: &&Event| {
        event.name == asked.name
            && event.at <= now
            && asked.within.is_none_or(|within| after(event.at, within) > now)
            && asked.with.iter().all(|with| has(event, with))
    };
    let (mut count, mut sum) = (0_u64, 0_i64);
    for event in events.iter().filter(counts) {
        count += 1;
        sum = sum.saturating_add(event.amount);
    }
    count >= asked.at_least
        && asked.at_most.is_none_or(|most| count <= most)
        && asked.sum_at_least.is_none_or(|least| sum >= least)
        && asked.sum_at_most.is_none_or(|most| sum <= most)
}

fn words(condition: &Condition) -> String {
    match condition {
        Condition::All(_) => "all of these".to_owned(),
        Condition::Any(_) => "one of these".to_owned(),
        Condition::Not(_) => "not".to_owned(),
        Condition::Identifier(kind) => format!("has {kind}"),
        Condition::Attribute { name, asks } => match asks {
            Asks::Held => format!("has {name}"),
            Asks::In(texts) => format!("{name} is {}", texts.join(" or ")),
            Asks::Between(low, high) => format!("{name} is{}", span(low.as_ref(), high.as_ref())),
        },
        Condition::Event(asked) => {
            let with: Vec<String> =
                asked.with.iter().map(|(name, text)| format!("{name} {text}")).collect();
            let mut words = format!("{} {}", asked.name, with.join(", ")).trim_end().to_owned();
            words += &format!(", at least {}", asked.at_least);
            for (name, number) in [
                ("at most", asked.at_most.and_then(|most| i64::try_from(most).ok())),
                ("for at least", asked.sum_at_least),
                ("for at most", asked.sum_at_most),
            ] {
                words += &number.map(|number| format!(", {name} {number}")).unwrap_or_default();
            }
            if let Some(within) = asked.within {
                words += &format!(", in {}", crate::policy::period::period_in_words(within));
            }
            words
        }
        Condition::Consent { name, is, .. } => format!("consent to {name} is {is}"),
    }
}

fn span(low: Option<&Bound>, high: Option<&Bound>) -> String {
    let text = |bound: &Bound| match bound {
        Bound::Number(number) => number.to_string(),
        Bound::Text(text) => text.clone(),
    };
    let from = low.map(|low| format!(" from {}", text(low))).unwrap_or_default();
    let to = high.map(|high| format!(" to {}", text(high))).unwrap_or_default();
    from + &to
}
