//! People of whom the same counts stand alike: the fold and the gate are asked once for each group.
//!
//! The fold looks at which kinds of statements count and in which order, and the gate at what the
//! fold finds and at whether its time has run out. Nothing else of a person decides, so long as they
//! have one home. Whoever has several, or has said a great deal, is asked for alone.

use crate::base::clock::Moment;
use crate::consent::fold::AsOf;
use crate::consent::gate::after;
use crate::consent::statement::Axis;
use crate::policy::rulebook::Rulebook;

use super::people::{People, Said};

/// More statements than this are looked at alone.
const MANY: usize = 6;

/// What counts of what somebody said, in the order in which it counts: the numbers of its kinds from
/// 1, twice, and one more where its time has run out; and for each, the first that the same record said.
/// Zeros fill it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alike([u32; MANY], [u8; MANY]);

impl People {
    /// What counts for a person at a moment; `None` for one who must be looked at alone. Two people
    /// with the same answer stand alike under these rules then.
    pub fn alike(&self, person: usize, rules: &Rulebook, asked: AsOf) -> Option<Alike> {
        let said = self.said(person);
        if said.len() > MANY || !self.is_simple(person) {
            return None;
        }
        let mut counting = [(Moment(0), false, Moment(0), 0u32, 0u32); MANY];
        let mut count = 0;
        for said in said {
            let kind = self.kind(said.kind);
            let said_at = said.said_at();
            if said.recorded_at <= asked.known && self.counts_from(said) <= asked.valid {
                let over = self.expires(rules, said).is_some_and(|end| end <= asked.valid);
                let number = (said.kind + 1) << 1 | u32::from(over);
                counting[count] = (said_at, kind.protects(), said.recorded_at, number, said.record);
                count += 1;
            }
        }
        // Stable, and in ledger order before: as the fold sorts.
        counting[..count].sort_by_key(|(said_at, protects, recorded_at, ..)| {
            (*said_at, *protects, *recorded_at)
        });
        let first = |record: u32| counting.iter().position(|(.., other)| *other == record);
        let firsts = counting.map(|(.., record)| first(record).unwrap_or(0) as u8);
        Some(Alike(counting.map(|(.., number, _)| number), firsts))
    }

    /// From when a statement counts.
    pub(super) fn counts_from(&self, said: &Said) -> Moment {
        match self.kind(said.kind).protects() {
            true => said.said_at(),
            false => said.valid_at,
        }
    }

    /// When the time of a consent runs out, by the rules; `None` where it doesn't.
    pub(super) fn expires(&self, rules: &Rulebook, said: &Said) -> Option<Moment> {
        let kind = self.kind(said.kind);
        let rule = rules.rule(kind.purpose).filter(|_| kind.axis == Axis::Consent)?;
        Some(after(said.valid_at, rule.purpose.consent_expires?))
    }
}
