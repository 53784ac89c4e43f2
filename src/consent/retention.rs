//! How long a purpose may keep something: the arithmetic that admission, deletion and reports share.
//!
//! What `retain run` would delete at a moment must not come in at that moment, so both ask here.

use crate::base::clock::{DAY_MS, Moment};
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

/// For each purpose how old something may be at one moment. Asking it costs a comparison, where a
/// calendar would be asked for each value.
#[derive(Clone, Debug)]
pub struct Horizons {
    purposes: Vec<Horizon>,
    latest: Moment,
    now: Moment,
}

#[derive(Clone, Copy, Debug)]
struct Horizon {
    purpose: PurposeMask,
    from: RetentionFrom,
    period: Period,
    /// What is older than the first is over, what is younger than the second isn't; in between the
    /// calendar decides.
    edge: (Moment, Moment),
}

/// Calendar periods don't keep the order of moments: six months after 30 August 20:00 and after
/// 31 August 15:00 are both 28 February, the later one earlier in the day. Months differ by three days
/// at most (milliseconds).
const UNSURE_MS: i64 = 4 * DAY_MS;

impl Horizons {
    /// The horizons of every purpose at a moment.
    pub fn at(rules: &Rulebook, now: Moment) -> Horizons {
        let purposes: Vec<Horizon> = rules
            .rules()
            .map(|rule| {
                let middle = horizon(rule, now).0;
                let edge = (middle.saturating_sub(UNSURE_MS), middle.saturating_add(UNSURE_MS));
                let retention = rule.purpose.retention;
                Horizon {
                    purpose: bit(rule.code),
                    from: retention.from,
                    period: Period { months: retention.months, days: retention.days },
                    edge: (Moment(edge.0), Moment(edge.1)),
                }
            })
            .collect();
        let latest = purposes.iter().map(|horizon| horizon.edge.1).max();
        Horizons { purposes, latest: latest.unwrap_or(Moment(i64::MIN)), now }
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
        let is_over = |horizon: &&Horizon| {
            let from = age.counts_from(horizon.from);
            from < horizon.edge.0
                || (from < horizon.edge.1 && after(from, horizon.period) <= self.now)
        };
        self.purposes.iter().filter(is_over).fold(0, |mask, horizon| mask | horizon.purpose)
    }
}

/// A moment near which a purpose's retention begins to be over. Calendar periods don't run backwards
/// (a month back from 31 March is no day), so it is searched for.
fn horizon(rule: &PurposeRule, now: Moment) -> Moment {
    let kept = |from: i64| {
        let age = Age { observed_at: Moment(from), last_contact: Moment(from) };
        kept_until(rule, age) > now
    };
    // Periods are at most 200 years long.
    let (mut over, mut still) = (now.0 - 210 * 366 * DAY_MS, now.0 + 1);
    if kept(over) {
        return Moment(i64::MIN);
    }
    while over + 1 < still {
        let middle = over + (still - over) / 2;
        if kept(middle) { still = middle } else { over = middle }
    }
    Moment(still)
}
