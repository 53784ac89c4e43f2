//! Drives a file through the gate, a batch a transaction, so that it can be killed and gone on with.
//!
//! The place to go on from and the counts so far are written in the same transaction as the batch.
//! Whoever imports the same file again after a crash goes on at that line; whoever imports it again
//! after its end changes nothing, because every value, event and statement is known already.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::base::clock::Moment;
use crate::base::error::{Error, Kind, Result, io};
use crate::collect::{self, Content, Progress, ReadOptions, Reading, Reject, looks_like_data};
use crate::consent::gate::Reason;
use crate::policy::rulebook::Rulebook;
use crate::policy::types::Source;
use crate::profile::items::Looking;
use crate::store::{self, Store, WordKind, Writer, hex};

use super::admit::Admission;
use super::ask::Explanation;
use super::progress::{FileImport, Reached};
use super::resumed::{Kept, Settled};
use super::sql;
use super::summary::{Summary, UNDECLARED, count};

/// Rows in one transaction, at most. Larger ones save no more time.
const BATCH_ROWS_MAX: usize = 50_000;
/// How long a transaction takes in rows (milliseconds): others wait for the write lock that long, and
/// a run that is cut off loses no more.
const BATCH_MS_MAX: i64 = 1_000;
/// How often others are let in, in milliseconds: what they have to write waits no longer than that and
/// one transaction.
const LET_IN_MS: i64 = 500;
/// How many rows are taken between two looks at the clock.
const ROWS_A_LOOK: usize = 256;

/// Whether an import is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// Carried out; a file that was imported to its end under this very policy changes nothing.
    Out,
    /// Carried out, also where the very file was imported before: the gate decides anew, by the
    /// consents that have come in since.
    Again,
    /// Only tried: prints the same and changes nothing.
    DryRun,
}

/// What is to be imported.
pub struct Request<'a> {
    /// The file.
    pub path: &'a Path,
    /// The source, as the policy names it.
    pub source: &'a str,
    /// Whether it is carried out.
    pub carry: Carry,
}

/// What the caller wants to hear of on the way.
pub trait Listener {
    /// A batch is done.
    fn progress(&mut self, progress: Progress);
    /// A row could not be read; `header` is the file's, to stand above the rows in a file of rejects.
    fn reject(&mut self, reject: &Reject, header: Option<&[u8]>) -> Result<()>;
    /// Something was kept out.
    fn explain(&mut self, explanation: Explanation);
}

/// How an import ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its number.
    pub import: i64,
    /// The policy version that decided.
    pub policy: u32,
    /// The counts.
    pub summary: Summary,
    /// The line that it went on from, when an earlier run was cut off.
    pub resumed_at_line: Option<u64>,
    /// The import that took this very file in before: what the gate decided then stands.
    pub known_from: Option<i64>,
}

/// Imports a file.
///
/// # Errors
/// `source-unknown`, `no-policy`, `import-busy` where another process takes the very file in, unreadable
/// files, and those of [`Store::write`]. Everything up to the last full batch stays, and the same command
/// goes on from there.
pub fn import(
    store: &mut Store,
    request: &Request<'_>,
    now: &dyn Fn() -> Moment,
    listener: &mut dyn Listener,
) -> Result<Outcome> {
    let rules = store::latest(store.conn(), store.words())?;
    let Some(source) = rules.policy.sources.get(request.source) else {
        let known: Vec<&str> = rules.policy.sources.keys().map(String::as_str).collect();
        return Err(Error::usage(
            "source-unknown",
            format!("the policy declares no source {}", request.source),
        )
        .next(format!("use one of {}, or declare it in the policy", known.join(", "))));
    };
    let file = FileImport {
        source: request.source,
        source_code: store.words().code(WordKind::Source, request.source).unwrap_or(0),
        print: file_fingerprint(store, request.path)?,
    };
    let known_from = match request.carry {
        Carry::Again => None,
        Carry::Out | Carry::DryRun => file.finished(store.conn(), rules.version)?,
    };
    if request.carry != Carry::DryRun && known_from.is_none() {
        return carry_out(store, &rules, source, request, &file, now, listener);
    }
    let options = ReadOptions::of(&rules.policy, now());
    let items = collect::read(request.path, source, request.source, &options)?;
    let mut run = Run::new(items, 0, Kept::default());
    let mut summary = store.rehearse(now(), |writer| {
        let mut admission = Admission::new(writer, &rules, request.source, 0, Looking::Sparing)?;
        run.batch(writer, &mut admission, &|_| false, listener)
    })?;
    summary.rows_of_known_events = run.hand_back(request.path, source, &options, listener)?;
    let summary = if known_from.is_some() { summary.as_known() } else { summary };
    Ok(Outcome { import: 0, policy: rules.version, summary, resumed_at_line: None, known_from })
}

fn carry_out(
    store: &mut Store,
    rules: &Rulebook,
    source: &Source,
    request: &Request<'_>,
    file: &FileImport<'_>,
    now: &dyn Fn() -> Moment,
    listener: &mut dyn Listener,
) -> Result<Outcome> {
    let cut_off = file.cut_off(store.conn())?;
    let counted =
        cut_off.as_ref().map(|row| file.counted(store.conn(), row)).transpose()?.flatten();
    let (resumed_at_line, kept) = match (&cut_off, counted) {
        (Some(row), Some(kept)) => (Some(row.resume_line).filter(|line| *line > 1), kept),
        _ => (None, Kept::default()),
    };
    let mut options = ReadOptions::of(&rules.policy, now());
    options.start_line = resumed_at_line.unwrap_or(1);
    let items = collect::read(request.path, source, request.source, &options)?;
    let import = match cut_off {
        Some(row) => row,
        None => store.write(now(), |writer| {
            let is_done =
                request.carry == Carry::Out && file.finished(writer.conn, rules.version)?.is_some();
            if is_done || file.cut_off(writer.conn)?.is_some() {
                return Err(import_busy(request.path));
            }
            file.begin(writer, rules)
        })?,
    };
    let mut reached_line = import.resume_line;
    let mut run = Run::new(items, resumed_at_line.unwrap_or(1), kept);
    let mut admission: Option<Admission<'_>> = None;
    let mut let_in = now();
    while !run.ended {
        run.summary = store.write(now(), |writer| {
            if store::last_policy_version(writer.conn)? != Some(rules.version) {
                return Err(policy_changed(request.path, run.resume_line));
            }
            if sql::reached_line(writer.conn, import.id)? != Some(reached_line) {
                return Err(import_busy(request.path));
            }
            if admission.is_none() {
                admission = Some(Admission::new(
                    writer,
                    rules,
                    request.source,
                    import.id,
                    Looking::Sparing,
                )?);
            }
            let admission = admission.as_mut().expect("made above");
            let end = Moment(writer.now.0.saturating_add(BATCH_MS_MAX));
            let is_over = |rows: usize| {
                rows >= BATCH_ROWS_MAX || (rows.is_multiple_of(ROWS_A_LOOK) && now() >= end)
            };
            let mut summary = run.batch(writer, admission, &is_over, listener)?;
            if run.ended {
                let options = ReadOptions::of(&rules.policy, writer.now);
                summary.rows_of_known_events =
                    run.hand_back(request.path, source, &options, listener)?;
            }
            // Of an unreadable file nothing was taken in: the same bytes may come again under the right name or format.
            let is_nothing = run.ended && summary.is_unreadable();
            if is_nothing {
                (run.resume_line, run.settled) = (1, Settled::default());
            }
            let kept = if is_nothing { Kept::default() } else { run.settled.keep(&summary) };
            let reached =
                Reached { line: run.resume_line, is_done: run.ended && !is_nothing, kept: &kept };
            file.reach(writer, rules, &import, &reached)?;
            Ok(summary)
        })?;
        reached_line = run.resume_line;
        listener.progress(run.items.progress());
        if !run.ended && now().0 >= let_in.0.saturating_add(LET_IN_MS) {
            store::let_others_write();
            let_in = now();
        }
    }
    Ok(Outcome {
        import: import.id,
        policy: rules.version,
        summary: run.summary,
        resumed_at_line,
        known_from: None,
    })
}

/// A policy acts from the moment of its application on, also on a file that is half read.
fn policy_changed(path: &Path, line: u64) -> Error {
    Error::no("policy-changed", "another policy came into force while the file was being read")
        .at(format!("{}, line {line}", path.display()))
        .next("run the same command again: it goes on from there, under the policy in force")
}

/// Two who read one file would each count and write what the other does, so the second one stops: whoever
/// finds that the import has moved since its own last batch.
fn import_busy(path: &Path) -> Error {
    let what = "another process is taking this very file in, or has just done so";
    Error::new(Kind::Busy, "import-busy", what).at(path.display()).next(
        "let it end; the same command then says what was taken in, or goes on where it stopped",
    )
}

/// A file being read, and what has been counted of it up to the last batch.
struct Run {
    items: Reading,
    resume_line: u64,
    summary: Summary,
    settled: Settled,
    rows_before: u64,
    ended: bool,
    /// The ids of events of many rows that are held already and say something else.
    differing: BTreeSet<String>,
}

impl Run {
    fn new(items: Reading, resume_line: u64, kept: Kept) -> Run {
        let (summary, settled) = kept.resumed();
        let rows_before = summary.rows;
        Run {
            items,
            resume_line,
            summary,
            settled,
            rows_before,
            ended: false,
            differing: BTreeSet::new(),
        }
    }

    /// Takes items in until the batch `is_over`, by how many it has, or the file ends; one at least.
    /// Returns the counts with this batch, which stand once it is committed.
    fn batch(
        &mut self,
        writer: &mut Writer<'_>,
        admission: &mut Admission<'_>,
        is_over: &dyn Fn(usize) -> bool,
        listener: &mut dyn Listener,
    ) -> Result<Summary> {
        let mut summary = self.summary.clone();
        let mut out = admission.begin_batch(writer)?;
        for taken in 0.. {
            if taken > 0 && is_over(taken) {
                break;
            }
            let Some(item) = self.items.next() else {
                self.ended = true;
                break;
            };
            let item = item?;
            self.settled.meet(item.is_settled, &summary);
            summary.rows = self.rows_before + item.rows;
            match item.content {
                Content::Record(inbound) => {
                    let mut explain = |explanation| listener.explain(explanation);
                    let before = (summary.events_known, summary.records_unchanged);
                    admission.admit(writer, &mut out, &inbound, &mut summary, &mut explain)?;
                    self.settled.recognise(before, &mut summary);
                }
                Content::Reject(reject) if reject.reason.is_keyless() => {
                    summary.rows_without_person += 1;
                    let reason = Reason::NoSubject;
                    listener.explain(Explanation::by_gate(reject.line, "row", "", reason));
                }
                Content::Reject(reject) if reject.reason.is_passed_over() => {
                    count(&mut summary.records_refused, reject.reason.code());
                    listener.explain(Explanation::of_row(reject.line, reject.reason));
                }
                Content::Reject(reject) => {
                    count(&mut summary.unreadable, reject.reason.code());
                    summary.rows_of_unknown_events += u64::from(reject.of_unknown_event);
                    listener.reject(&reject, self.items.header())?;
                }
            }
            self.resume_line = item.resume_line;
        }
        if self.ended {
            self.settled = Settled::default();
            for (field, rows) in self.items.unknown_fields() {
                let name = if looks_like_data(&field) { UNDECLARED } else { &*field };
                let reasons = summary.stripped.entry(name.to_owned()).or_default();
                *reasons.entry(Reason::UnknownField.code().to_owned()).or_default() += rows;
            }
        }
        admission.end_batch(writer, out, &mut summary)?;
        self.differing.append(&mut admission.differing);
        Ok(summary)
    }

    /// Hands back the rows of events that were held already and say something else: what a file holds of an
    /// event that began in another one isn't lost in silence. Returns how many rows.
    fn hand_back(
        &self,
        path: &Path,
        source: &Source,
        options: &ReadOptions<'_>,
        listener: &mut dyn Listener,
    ) -> Result<u64> {
        if self.differing.is_empty() {
            return Ok(0);
        }
        let mut each = |reject: &Reject, header: Option<&[u8]>| listener.reject(reject, header);
        collect::rows_of_events(path, source, options, &self.differing, &mut each)
    }
}

/// A keyed fingerprint of a file's bytes: says that it is the same file, and nothing else.
fn file_fingerprint(store: &Store, path: &Path) -> Result<[u8; 16]> {
    if path.is_dir() {
        return Err(Error::usage("file-is-folder", "this is a folder, not a file")
            .at(path.display())
            .next("name the file to import"));
    }
    let mut file = std::fs::File::open(path).map_err(io(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut buffer).map_err(io(path))?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
    }
    Ok(store.secret().fingerprint("file", &[&hex(&hash.finalize())]))
}
