//! What an import remembers of people from row to row and from batch to batch, so that a row that
//! carries nothing but events asks the store nothing.
//!
//! All of it can be read again at any time, and is dropped as soon as it might be stale: where
//! somebody said something, people were joined or parted, or another process wrote. Time makes
//! answers stale too; each says until when it holds.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::RecordKey;
use crate::consent::answers::{Answers, steady_until};
use crate::consent::fold::AsOf;
use crate::consent::history::History;
use crate::policy::rulebook::Rulebook;
use crate::profile::sql::{self, RecordRow};
use crate::store::Writer;

/// Records and people remembered, at most this many of each (some 100 bytes for both).
const REMEMBERED_MAX: usize = 110_000;

/// A record, as far as its events need it.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) record: i64,
    pub(super) subject: i64,
    pub(super) home: i64,
    pub(super) key: RecordKey,
}

/// Where a person stands, for the home that was asked for last.
struct Standing {
    home: i64,
    answers: Rc<Answers>,
    until: Moment,
}

/// The memory.
#[derive(Default)]
pub(super) struct People {
    /// By the blind name of the source's key.
    records: HashMap<i64, Known>,
    /// By subject.
    standings: HashMap<i64, Standing>,
    /// Each list of answers once: there are few, and many people.
    answers: HashSet<Rc<Answers>>,
    /// The newest record when the batch began.
    newest: i64,
}

impl People {
    /// Begins a batch: what it brings in as a new record's stands in the store when it ends.
    pub(super) fn begin_batch(&mut self, newest: i64) {
        self.newest = newest;
    }

    /// The record of a source's key, as the store holds it.
    ///
    /// # Errors
    /// `record-without-entry` for one that nothing ever came in for: somebody put it into the file, so that whoever
    /// comes with this key is taken for somebody else.
    pub(super) fn held(
        &self,
        writer: &Writer<'_>,
        source: i64,
        blind: i64,
    ) -> Result<Option<(i64, RecordRow, RecordKey)>> {
        let found = sql::record_by_key(writer.conn, source, blind)?;
        if let Some((record, row, _)) = &found
            && row.last_value == 0
            && *record <= self.newest
            && !sql::is_brought(writer.conn, *record)?
        {
            return Err(Error::damaged("record-without-entry", "a record is there that no entry brought")
                .at(format!("record {record}"))
                .next("somebody wrote to the file: run `candor audit verify --deep`, and restore a backup from before"));
        }
        Ok(found)
    }

    /// Forgets everything: another process has written, or people were joined or parted.
    pub(super) fn forget(&mut self) {
        self.records.clear();
        self.standings.clear();
    }

    /// Forgets where a person stands: something was said about them.
    pub(super) fn forget_subject(&mut self, subject: i64) {
        self.standings.remove(&subject);
    }

    /// Whether the record of a source's key is remembered.
    pub(super) fn remembers(&self, blind: i64) -> bool {
        self.records.contains_key(&blind)
    }

    /// The record of a source's key, if there is one. To be asked for only once it is clear that the
    /// key isn't one of those that stay out.
    pub(super) fn record(
        &mut self,
        writer: &Writer<'_>,
        source: i64,
        blind: i64,
    ) -> Result<Option<Known>> {
        if let Some(known) = self.records.get(&blind) {
            return Ok(Some(known.clone()));
        }
        let Some((record, row, key)) = self.held(writer, source, blind)? else { return Ok(None) };
        let known = Known { record, subject: row.subject, home: row.home, key };
        if self.records.len() >= REMEMBERED_MAX {
            self.records.clear();
        }
        self.records.insert(blind, known.clone());
        Ok(Some(known))
    }

    /// What the gate answers for a home of a subject, by all that was said.
    pub(super) fn answers(
        &mut self,
        writer: &Writer<'_>,
        rules: &Rulebook,
        subject: i64,
        home: i64,
    ) -> Result<Rc<Answers>> {
        let now = writer.now;
        if let Some(standing) = self.standings.get(&subject)
            && standing.home == home
            && now < standing.until
        {
            return Ok(Rc::clone(&standing.answers));
        }
        let history = History::load(writer.conn, subject)?;
        let standing = history.standing_of(home, AsOf::at(now));
        let until = steady_until(rules, &history, &standing, now);
        let answers = self.shared(Answers::of(rules, &standing, now));
        if self.standings.len() >= REMEMBERED_MAX {
            self.standings.clear();
        }
        self.standings.insert(subject, Standing { home, answers: Rc::clone(&answers), until });
        Ok(answers)
    }

    fn shared(&mut self, answers: Answers) -> Rc<Answers> {
        if let Some(known) = self.answers.get(&answers) {
            return Rc::clone(known);
        }
        let answers = Rc::new(answers);
        self.answers.insert(Rc::clone(&answers));
        answers
    }
}
