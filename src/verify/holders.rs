//! Whose the items are: each record's key and where it comes from, read once in the order of records; that
//! neither keys nor numbers of records were given to others; and that an entry brought each record.
//!
//! Items lie in the order in which they came, so their records come in any order. Looking a record up in
//! memory costs a tenth of asking SQLite for it; a record takes 72 bytes.

use rusqlite::Connection;

use crate::base::error::Result;
use crate::base::secret::RecordKey;

use super::claim::Claim;
use super::facts::Facts;
use super::sql;

/// What is held of a record.
pub(super) struct Holder {
    record: i64,
    /// What opens its items.
    pub(super) key: RecordKey,
    /// Its source, its blind key and the subject that it was born into; `None` where its row is gone.
    pub(super) row: Option<[i64; 3]>,
}

/// Everybody of whom a key is there, in the order of records.
pub(super) struct Holders(Vec<Holder>);

impl Holders {
    pub(super) fn load(conn: &Connection) -> Result<Holders> {
        let mut all = Vec::new();
        sql::held_records(conn, |record, key, row| {
            let key = RecordKey(key.try_into().unwrap_or([0; 32]));
            all.push(Holder { record, key, row });
        })?;
        Ok(Holders(all))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The place of a record. Records are numbered without gaps, so it is nearly always the first one that
    /// is looked at.
    pub(super) fn place(&self, record: i64) -> Option<usize> {
        let first = self.0.first()?.record;
        let guess = record.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        match guess.filter(|place| self.0.get(*place).is_some_and(|h| h.record == record)) {
            Some(place) => Some(place),
            None => self.0.binary_search_by_key(&record, |h| h.record).ok(),
        }
    }

    /// What is held of the record of a place.
    pub(super) fn at(&self, place: usize) -> &Holder {
        &self.0[place]
    }

    /// Whether whatever is committed to under a record's key can be its own alone. A key of two records
    /// would open what was said of one as if it was said of the other. And a record is numbered when its
    /// first thing comes in, so that no later number can have an earlier one.
    /// What comes between the entries of two batches is not told apart, for a batch's own entry stands after all
    /// that came with it.
    pub(super) fn check(&self, conn: &Connection, births: &Births, facts: &Facts) -> Result<Claim> {
        let mut claim = Claim::new(
            "record-numbers",
            "no two records have one key; each came in by an entry, and in the order of its number",
        );
        claim.checked = self.0.len() as u64;
        let mut living: Vec<&Holder> = self.0.iter().filter(|h| !h.key.is_destroyed()).collect();
        living.sort_unstable_by_key(|holder| (holder.key.0, holder.record));
        for two in living.windows(2).filter(|two| two[0].key.0 == two[1].key.0) {
            let (a, b) = (two[0].record, two[1].record);
            claim.find("key-shared", None, format!("records {a} and {b} have one key"));
        }
        let mut latest = 0;
        for (holder, birth) in self.0.iter().zip(&births.first).filter(|(_, n)| **n != NOTHING) {
            let came = facts.batches.partition_point(|n| n < birth);
            claim.expect(came >= latest, "record-order", Some(*birth), || {
                format!("record {} came in before one of a lower number", holder.record)
            });
            latest = latest.max(came);
        }
        // One that is put in waits for whoever comes with its key, to make them somebody else. Of an erased person's
        // nothing need be left; of others' what was forgotten names the entry that forgot it.
        let by_nothing = self.0.iter().zip(&births.says).filter(|(_, says)| !**says);
        for (holder, _) in by_nothing.filter(|(holder, _)| holder.row.is_some()) {
            let forgot = |n: &i64| facts.forgettings.get(n).is_some_and(|said| said.records == 0);
            let came = !sql::is_untouched(conn, holder.record)?
                || sql::forgotten_of(conn, holder.record)?.iter().any(forgot);
            claim.expect(came, "record-without-entry", None, || {
                format!("record {} was brought in by no entry", holder.record)
            });
        }
        Ok(claim)
    }
}

/// A record of which nothing was met.
const NOTHING: i64 = i64::MAX;

/// What entries tell of each record, or of something that came in as its own; by place.
pub(super) struct Births {
    /// The first of them.
    first: Vec<i64>,
    /// Whether one still says something under the record's key.
    says: Vec<bool>,
}

impl Births {
    pub(super) fn of(holders: &Holders) -> Births {
        Births { first: vec![NOTHING; holders.len()], says: vec![false; holders.len()] }
    }

    /// Notes that an entry tells of the record of a place, and whether what it tells is still there.
    pub(super) fn note(&mut self, place: usize, n: i64, says: bool) {
        self.first[place] = self.first[place].min(n);
        self.says[place] |= says;
    }

    /// Takes in what another pass met.
    pub(super) fn join(&mut self, other: &Births) {
        let first = self.first.iter_mut().zip(&other.first);
        first.for_each(|(mine, theirs)| *mine = (*mine).min(*theirs));
        self.says.iter_mut().zip(&other.says).for_each(|(mine, theirs)| *mine |= theirs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_is_found_with_and_without_gaps() {
        let all = [-3, 1, 2, 3, 7, 40, i64::MAX].map(|record| Holder {
            record,
            key: RecordKey([u8::try_from(record & 0x7f).unwrap(); 32]),
            row: None,
        });
        let holders = Holders(all.into());
        for record in [-3, 1, 2, 3, 7, 40, i64::MAX] {
            assert_eq!(holders.at(holders.place(record).unwrap()).record, record);
        }
        for record in [i64::MIN, -4, 0, 4, 39, 41, i64::MAX - 1] {
            assert!(holders.place(record).is_none(), "{record}");
        }
    }
}
