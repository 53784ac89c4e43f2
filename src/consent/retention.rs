//! How long a purpose may keep something: the arithmetic that admission, deletion and reports share.
//!
//! What `retain run` would delete at a moment must not come in at that moment, so both ask here.

use crate::base::clock::Moment;
use crate::policy::rulebook::{PurposeMask, PurposeRule, Rulebook, bit, codes};
use crate::policy::types::{Period, RetentionFrom};

use super::gate::after;

/// From when retention counts for one value or event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// When the value was observed or the event happened.
    pub observed_at: Moment,
    /// When the person was last heard of.
    pub last_contact: Moment,
}

impl Age {
    /// What is observed now: nothing is younger.
    pub fn fresh(now: Moment) -> Age {
        Age { observed_at: now, last_contact: now }
    }

    fn counts_from(self, from: RetentionFrom) -> Moment {
        match from {
            RetentionFrom::Observed => self.observed_at,
            RetentionFrom::LastContact => self.observed_at.max(self.last_contact),
        }
    }
}

/// When a purpose's retention of something ends: from that moment on it is over.
pub fn kept_until(rule: &PurposeRule, age: Age) -> Moment {
    let retention = rule.purpose.retention;
    let period = Period { months: retention.months, days: retention.days };
    after(age.counts_from(retention.from), period)
}

/// Of a set of purposes, those whose retention isn't over at a moment.
pub fn retained(rules: &Rulebook, purposes: PurposeMask, age: Age, now: Moment) -> PurposeMask {
    codes(purposes)
        .filter_map(|code| rules.rule(code))
        .filter(|rule| kept_until(rule, age) > now)
        .fold(0, |mask, rule| mask | bit(rule.code))
}

/// For each purpose the earliest moment of which its retention isn't over yet at one moment. Asking
/// it costs a comparison, where a calendar would be asked for each value.
#[derive(Clone, Debug)]
pub struct Horizons {
    purposes: Vec<(PurposeMask, RetentionFrom, Moment)>,
    latest: Moment,
}

impl Horizons {
    /// The horizons of every purpose at a moment.
    pub fn at(rules: &Rulebook, now: Moment) -> Horizons {
        let purposes: Vec<_> = rules
            .rules()
            .map(|rule| {
                let from = rule.purpose.retention.from;
                (bit(rule.code), from, horizon(rule, now))
            })
            .collect();
        let latest = purposes.iter().map(|(.., horizon)| *horizon).max();
        Horizons { purposes, latest: latest.unwrap_or(Moment(i64::MIN)) }
    }

    /// Whether no purpose's retention is over for what was observed at a moment, whoever was heard of
    /// when.
    pub fn none_over(&self, observed_at: Moment) -> bool {
        observed_at >= self.latest
    }

    /// The purposes whose retention is over.
    pub fn over(&self, age: Age) -> PurposeMask {
        if self.none_over(age.observed_at) {
            return 0;
        }
        self.purposes
            .iter()
            .filter(|(_, from, horizon)| age.counts_from(*from) < *horizon)
            .fold(0, |mask, (bit, ..)| mask | bit)
    }
}

/// The earliest moment of which a purpose's retention isn't over. Calendar periods don't run
/// backwards (a month back from 31 March is no day), so it is searched for.
fn horizon(rule: &PurposeRule, now: Moment) -> Moment {
    let kept = |from: i64| {
        let age = Age { observed_at: Moment(from), last_contact: Moment(from) };
        kept_until(rule, age) > now
    };
    // Periods are at most 200 years long.
    let (mut over, mut still) = (now.0 - 210 * 366 * 86_400_000, now.0 + 1);
    if kept(over) {
        return Moment(i64::MIN);
    }
    while over + 1 < still {
        let middle = over + (still - over) / 2;
        if kept(middle) { still = middle } else { over = middle }
    }
    Moment(still)
}
