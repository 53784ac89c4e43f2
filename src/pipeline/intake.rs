//! Drives items that come in one by one through the gate: what `import` is for files, for senders.
//!
//! What a source sends on one day under one policy is one import, so that what is admitted and what is
//! kept out is counted in the same place, and a consent names the place that it was said in ("import 7,
//! line 30": the thirtieth item of that day). The counts are written in the transaction of the items.

use std::collections::BTreeMap;

use crate::base::clock::{DAY_MS, Moment};
use crate::base::error::{Error, Result};
use crate::collect::sent::Read;
use crate::consent::gate::Reason;
use crate::policy::rulebook::Rulebook;
use crate::policy::types::{Format, Source};
use crate::profile::items::{Items, Looking};
use crate::store::{self, Store, WordKind, Writer};

use super::admit::Admission;
use super::sent::{One, Reader};
use super::sql;
use super::summary::{Summary, UNDECLARED, count, count_reason};

/// What stands for the names of events that the policy doesn't declare.
pub const UNDECLARED_EVENTS: &str = "events that the policy does not declare";

const UNKNOWN_EVENT: &str = "unknown_event";

/// Reasons that are told of one item, at most.
const REASONS_MAX: usize = 40;

pub use super::admit::Sender;
pub use super::sent::Sent;

/// What a sender hands over together.
pub struct Delivery {
    /// The source, as the policy names it.
    pub source: String,
    /// What was sent.
    pub sent: Sent,
    /// Who sends it.
    pub sender: Sender,
}

/// Why something of an item was kept out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOut {
    /// The field, event or consent; empty for the item as a whole.
    pub what: String,
    /// The purpose that was asked, or empty.
    pub purpose: String,
    /// The code of the reason.
    pub reason: &'static str,
    /// The reason in words.
    pub words: String,
}

/// What became of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Values, events and consents that it brought.
    pub kept: u64,
    /// It is held already.
    pub is_known: bool,
    /// What was kept out of it.
    pub kept_out: Vec<KeptOut>,
}

/// The way in of senders, under one policy. After an error it must be made anew.
pub struct Intake<'r> {
    rules: &'r Rulebook,
    lanes: BTreeMap<String, Lane<'r>>,
    /// The source that was taken in last.
    last: String,
}

/// The way in of one source, on one day.
struct Lane<'r> {
    admission: Admission<'r>,
    reader: Reader,
    import: i64,
    day: i64,
    summary: Summary,
}

/// The source that a policy declares for calls of the tracking API.
///
/// # Errors
/// `source-not-sent` where there is none of that name, or its data comes in by another way.
pub fn sending<'p>(rules: &'p Rulebook, name: &str) -> Result<&'p Source> {
    let source = rules.policy.sources.get(name);
    source.filter(|source| source.format == Some(Format::Tracking)).ok_or_else(|| {
        let sources = rules.policy.sources.iter();
        let fit = sources.filter(|(_, source)| source.format == Some(Format::Tracking));
        let names: Vec<&str> = fit.map(|(name, _)| name.as_str()).collect();
        let known = match names.as_slice() {
            [] => "declare one in the policy, with format = \"tracking\"".to_owned(),
            some => format!("use one of {}", some.join(", ")),
        };
        let what = format!("the policy declares no source {name} that is sent to candor");
        Error::usage("source-not-sent", what).next(known)
    })
}

impl<'r> Intake<'r> {
    /// The way in under a policy.
    pub fn new(rules: &'r Rulebook) -> Intake<'r> {
        Intake { rules, lanes: BTreeMap::new(), last: String::new() }
    }

    /// The policy.
    pub fn rules(&self) -> &'r Rulebook {
        self.rules
    }

    /// The source of a delivery, where the policy declares one that is sent so.
    fn source_of(&self, delivery: &Delivery) -> Option<&'r Source> {
        let source = self.rules.policy.sources.get(&delivery.source)?;
        (source.format == Some(delivery.sent.format())).then_some(source)
    }

    /// Takes deliveries in, all in one transaction; when it returns they are on disk. `check` is asked
    /// under the write lock whether a delivery may still come in; it gets none of one that may not.
    ///
    /// # Errors
    /// `policy-changed` where another policy is in force, and those of [`Store::write`]. Nothing of the
    /// deliveries is kept then.
    pub fn take(
        &mut self,
        store: &mut Store,
        now: Moment,
        deliveries: &[Delivery],
        check: &mut dyn FnMut(&Writer<'_>, usize) -> Result<bool>,
    ) -> Result<Vec<Option<Vec<Fate>>>> {
        store.write(now, |writer| {
            if store::last_policy_version(writer.conn)? != Some(self.rules.version) {
                let what = "another policy came into force";
                return Err(Error::no("policy-changed", what).next("take it in under that one"));
            }
            let mut fates: Vec<Option<Vec<Fate>>> = Vec::with_capacity(deliveries.len());
            let mut sources: Vec<&str> = Vec::new();
            for (n, delivery) in deliveries.iter().enumerate() {
                let may = check(writer, n)? && self.source_of(delivery).is_some();
                fates.push(may.then(Vec::new));
                if may && !sources.contains(&&*delivery.source) {
                    sources.push(&delivery.source);
                }
            }
            // The rows of a source stand in one stretch: its ledger entry commits to them.
            for source in sources {
                let mut lane = self.lane(writer, source)?;
                let mut out = lane.admission.begin_batch(writer)?;
                let own = deliveries.iter().zip(&mut fates).filter(|(d, _)| d.source == source);
                for (delivery, fates) in own {
                    let Some(fates) = fates else { continue };
                    lane.admission.sender = delivery.sender;
                    for one in delivery.sent.each() {
                        fates.push(lane.take(writer, &mut out, one)?);
                    }
                }
                let Lane { admission, summary, import, .. } = &mut lane;
                admission.end_batch(writer, out, summary)?;
                put_progress(writer, *import, summary)?;
                self.lanes.insert(source.to_owned(), lane);
                source.clone_into(&mut self.last);
            }
            Ok(fates)
        })
    }

    /// The lane of a source for today: the one that is open, the one that an earlier process left, or
    /// a new one.
    fn lane(&mut self, writer: &Writer<'_>, name: &str) -> Result<Lane<'r>> {
        let day = writer.now.0.div_euclid(DAY_MS);
        let before = self.lanes.remove(name);
        if let Some(mut before) = before {
            if before.day == day {
                // What another source said may have changed where everybody stands.
                if self.last != name {
                    before.admission.forget(writer)?;
                }
                return Ok(before);
            }
            sql::finish_import(writer.conn, before.import, writer.now.0)?;
        }
        let source = &self.rules.policy.sources[name];
        let (import, summary) = import_of_today(writer, self.rules, name, "intake")?;
        Ok(Lane {
            admission: Admission::new(writer, self.rules, name, import, Looking::Exact)?,
            reader: Reader::new(&self.rules.policy, source)?,
            import,
            day,
            summary,
        })
    }
}

/// The import that a source's items of today are counted in, and what it counted: the one that runs, or a new
/// one. `way` is by which they come in.
pub(super) fn import_of_today(
    writer: &Writer<'_>,
    rules: &Rulebook,
    source: &str,
    way: &str,
) -> Result<(i64, Summary)> {
    let code = writer.words.code(WordKind::Source, source).unwrap_or(0);
    let (day, version) = (writer.now.0.div_euclid(DAY_MS).to_string(), rules.version.to_string());
    let print = writer.secret.fingerprint(way, &[source, &day, &version]);
    if let Some(row) = sql::running_import(writer.conn, code, &print)? {
        return Ok((row.id, serde_json::from_str(&row.totals).unwrap_or_default()));
    }
    sql::finish_intakes(writer.conn, code, writer.now.0)?;
    let policy = i64::from(rules.version);
    let id = sql::insert_import(writer.conn, code, &print, policy, writer.now.0)?;
    Ok((id, Summary::default()))
}

/// Writes down how far that import came.
pub(super) fn put_progress(writer: &Writer<'_>, import: i64, summary: &Summary) -> Result<()> {
    let line = i64::try_from(summary.rows + 1).unwrap_or(i64::MAX);
    sql::put_progress(writer.conn, import, line, &totals_of(summary))
}

impl Lane<'_> {
    /// Takes one thing in, and tells what became of it.
    fn take(&mut self, writer: &mut Writer<'_>, out: &mut Items<'_>, one: One<'_>) -> Result<Fate> {
        self.summary.rows += 1;
        let (line, now) = (self.summary.rows, writer.now);
        match self.reader.read(one, line, now) {
            Ok(read) => self.take_read(writer, out, read),
            Err((reason, words)) => {
                match reason == Reason::NoSubject.code() {
                    true => self.summary.rows_without_person += 1,
                    false => count(&mut self.summary.unreadable, reason),
                }
                Ok(Fate::refused(reason, words.to_owned()))
            }
        }
    }

    fn take_read(
        &mut self,
        writer: &mut Writer<'_>,
        out: &mut Items<'_>,
        read: Read,
    ) -> Result<Fate> {
        let summary = &mut self.summary;
        let record = match read.record {
            Ok(record) => record,
            Err(reason) if reason.is_keyless() => {
                summary.rows_without_person += 1;
                let words = Reason::NoSubject.words().to_owned();
                return Ok(Fate::refused(Reason::NoSubject.code(), words));
            }
            Err(reason) => {
                let counts = match reason.is_passed_over() {
                    true => &mut summary.records_refused,
                    false => &mut summary.unreadable,
                };
                count(counts, reason.code());
                return Ok(Fate::refused(reason.code(), reason.to_string()));
            }
        };
        let mut fate = Fate::default();
        for field in read.unknown {
            count_reason(&mut summary.stripped, UNDECLARED, Reason::UnknownField.code());
            fate.keep_out(&field, "", Reason::UnknownField.code(), Reason::UnknownField.words());
        }
        if read.is_undeclared_event {
            count_reason(&mut summary.events_refused, UNDECLARED_EVENTS, UNKNOWN_EVENT);
            fate.keep_out("event", "", UNKNOWN_EVENT, "the policy declares no such event");
        }
        let before = brought(summary);
        let (known_before, same_before) = (summary.events_known, summary.records_unchanged);
        let mut explain = |told: super::ask::Explanation| {
            fate.keep_out(&told.what, &told.purpose, told.reason, &told.words);
        };
        self.admission.admit(writer, out, &record, summary, &mut explain)?;
        fate.kept = brought(summary) - before;
        let says_nothing_new = summary.records_unchanged > same_before && fate.kept_out.is_empty();
        fate.is_known = fate.kept == 0 && (summary.events_known > known_before || says_nothing_new);
        Ok(fate)
    }
}

/// Values, events and consents that came in so far.
fn brought(summary: &Summary) -> u64 {
    let said: u64 = summary.statements.values().flat_map(BTreeMap::values).sum();
    summary.values_new + summary.events_new + said
}

fn totals_of(summary: &Summary) -> String {
    serde_json::to_string(&summary.to_keep()).expect("counts are JSON")
}

impl Fate {
    fn refused(reason: &'static str, words: String) -> Fate {
        let (what, purpose) = (String::new(), String::new());
        Fate { kept_out: vec![KeptOut { what, purpose, reason, words }], ..Fate::default() }
    }

    fn keep_out(&mut self, what: &str, purpose: &str, reason: &'static str, words: &str) {
        if self.kept_out.len() < REASONS_MAX {
            let (what, purpose) = (what.to_owned(), purpose.to_owned());
            self.kept_out.push(KeptOut { what, purpose, reason, words: words.to_owned() });
        }
    }
}
