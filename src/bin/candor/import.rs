//! `import`: files through the gate, with progress, explanations and rejects.

use std::path::{Path, PathBuf};

use candor::base::clock::Moment;
use candor::base::error::{Detail, Error, Result};
use candor::collect::{Progress, Reject, format_of};
use candor::linking::newcomers::Received;
use candor::pipeline::ask::Explanation;
use candor::pipeline::import::{Carry, Listener, Outcome, Request, import};
use candor::pipeline::summary::Summary;
use candor::send::outbox::count_by_hand;
use candor::store::{self, Access, Store, is_same_place};
use candor::view::Table;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::args::Import;
use crate::output::counted;
use crate::rejects::Rejects;
use crate::{Answer, Context, linking};

struct Terminal<'a, 'r> {
    context: &'a Context,
    file: &'a Path,
    explain: bool,
    rejects: Option<&'r mut Rejects<'a>>,
    rejected: u64,
    bar: Option<ProgressBar>,
}

/// Rejected rows that are named one by one on the terminal; the summary counts all.
const REJECTS_SHOWN_MAX: u64 = 20;

impl Listener for Terminal<'_, '_> {
    fn progress(&mut self, progress: Progress) {
        if let Some(bar) = &self.bar {
            bar.set_length(progress.bytes_total);
            bar.set_position(progress.bytes_read);
            bar.set_message(counted(progress.rows, "row", "rows"));
        }
    }

    fn reject(&mut self, reject: &Reject, header: Option<&[u8]>) -> Result<()> {
        self.rejected += 1;
        if self.rejected <= REJECTS_SHOWN_MAX {
            self.context.out.note(format!("{}:{}: {reject}", self.file.display(), reject.line));
        }
        match &mut self.rejects {
            Some(rejects) => rejects.write(&reject.raw, header),
            None => Ok(()),
        }
    }

    fn explain(&mut self, e: Explanation) {
        if !self.explain {
            return;
        }
        let purpose =
            if e.purpose.is_empty() { String::new() } else { format!(" for {}", e.purpose) };
        let words = format!(
            "{}:{}: {}{purpose}: {}: {}",
            self.file.display(),
            e.line,
            e.what,
            e.reason,
            e.words
        );
        if self.context.out.is_json() {
            let document = json!({
                "file": self.file, "line": e.line, "what": e.what, "purpose": e.purpose,
                "reason": e.reason, "words": e.words,
            });
            self.context.out.note(document);
        } else {
            self.context.out.note(words);
        }
    }
}

pub fn run(context: &Context, args: &Import) -> Result<Answer> {
    if let Some(path) = &args.rejects {
        check_rejects(context, path, &args.files)?;
    }
    let mut store = context.open(Access::Write)?;
    if let Some(path) = &args.rejects {
        check_formats(&store, path, args)?;
    }
    let carry = match (args.dry_run, args.again) {
        (true, _) => Carry::DryRun,
        (_, true) => Carry::Again,
        _ => Carry::Out,
    };
    let mut rejects = args.rejects.as_deref().map(Rejects::open).transpose()?;
    let mut outcomes = Vec::new();
    let mut unreadable = 0;
    for file in &args.files {
        let bar = context.out.is_watched().then(|| {
            let style = ProgressStyle::with_template(
                "{bar:30} {percent:>3} %  {binary_bytes_per_sec}  {eta} left  {msg}",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        });
        let mut terminal = Terminal {
            context,
            file,
            explain: args.explain,
            rejects: rejects.as_mut(),
            rejected: 0,
            bar,
        };
        let before = count_by_hand(&store)?;
        let request = Request { path: file, source: &args.source, carry };
        let outcome = import(&mut store, &request, &Moment::now, &mut terminal)?;
        if let Some(bar) = terminal.bar.take() {
            bar.finish_and_clear();
        }
        say(context, file, args, &outcome);
        let to_tell = count_by_hand(&store)?.saturating_sub(before);
        if to_tell > 0 {
            context.out.say(format!(
                "  to tell    {} of data that may not be used any more, by hand (Art 19): candor outbox list",
                counted(to_tell, "holder", "holders")
            ));
        }
        let linking = match args.dry_run {
            true => Received::default(),
            false => linking::receive(context, &mut store)?,
        };
        let document = json!({
            "file": file, "source": args.source, "dry_run": args.dry_run, "import": outcome.import,
            "policy": outcome.policy, "resumed_at_line": outcome.resumed_at_line, "known_from": outcome.known_from,
            "changed": !outcome.summary.changed_nothing(), "summary": outcome.summary,
            "linking": linking, "to_tell_by_hand": to_tell,
        });
        let words = match outcome.summary.is_unreadable() {
            true => format!("{}: {}", file.display(), reasons("", &outcome.summary.unreadable)),
            false => format!("{}: read", file.display()),
        };
        unreadable += u64::from(outcome.summary.is_unreadable());
        outcomes.push(Detail { words, document });
    }
    if unreadable > 0 {
        let mut error = Error::damaged(
            "rows-unreadable",
            format!("of {} no row can be read", counted(unreadable, "file", "files")),
        )
        .next(
            "check that the file is this source's, and of the format that the policy names for it",
        );
        error.details = outcomes;
        return Err(error);
    }
    let documents: Vec<_> = outcomes.into_iter().map(|outcome| outcome.document).collect();
    match documents.as_slice() {
        [only] => context.out.give(only),
        several => context.out.give(&several),
    }
    Ok(Answer::Yes)
}

/// Rejects are added to what earlier runs wrote, and to nothing else that is known.
fn check_rejects(context: &Context, path: &Path, files: &[PathBuf]) -> Result<()> {
    context.check_apart(path)?;
    if !files.iter().any(|file| is_same_place(file, path)) {
        return Ok(());
    }
    Err(Error::usage(
        "file-named-twice",
        "the rejects would be added to the file that they come from",
    )
    .at(path.display())
    .next("name another file with --rejects"))
}

/// Rows of several formats, below the header of one, could be repaired by nobody.
fn check_formats(store: &Store, path: &Path, args: &Import) -> Result<()> {
    let rules = store::latest(store.conn(), store.words())?;
    let said = rules.policy.sources.get(&args.source).and_then(|source| source.format);
    let mut formats = args.files.iter().map(|file| said.map_or_else(|| format_of(file), Ok));
    let Some(first) = formats.next().transpose()? else { return Ok(()) };
    for format in formats {
        if format? != first {
            return Err(Error::usage(
                "rejects-mixed",
                "the rejected rows of files of several formats don't fit into one file",
            )
            .at(path.display())
            .next(
                "import the files of each format by themselves, with a --rejects file of their own",
            ));
        }
    }
    Ok(())
}

/// What to say of a file that changed nothing: "known already" only where that is so.
fn nothing(s: &Summary) -> &'static str {
    let is_known = s.records_unchanged + s.events_known > 0;
    match (is_known, s.kept_something_out()) {
        (true, true) if s.events_differ > 0 => {
            "nothing new: what is known already stays as it was first said"
        }
        (true, false) => "nothing new: everything in it is known already",
        (true, true) => {
            "nothing new: what may be kept of it is known already, and the rest stays out"
        }
        (false, _) => "nothing of it is kept, for the reasons below",
    }
}

fn say(context: &Context, file: &Path, args: &Import, outcome: &Outcome) {
    let s = &outcome.summary;
    let out = &context.out;
    let tried = if args.dry_run { " (dry run: nothing was changed)" } else { "" };
    let rows = counted(s.rows, "row", "rows");
    out.say(format!("{} as {}: {rows}{tried}", file.display(), args.source));
    if let Some(line) = outcome.resumed_at_line {
        out.say(format!("  went on at line {line}, where an earlier run was cut off"));
    }
    if let Some(import) = outcome.known_from {
        out.say(format!(
            "  import {import} took this very file in: nothing changes (--again has the gate decide anew)"
        ));
    } else if s.rows == 0 {
        out.say("  the file holds a header and no rows");
    } else if s.changed_nothing() {
        out.say(format!("  {}", nothing(s)));
    }
    out.say(format!(
        "  records    {} new, {} changed, {} unchanged{}",
        s.records_new,
        s.records_changed,
        s.records_unchanged,
        reasons(", refused: ", &s.records_refused)
    ));
    out.say(format!(
        "  kept       {}, {}{}",
        counted(s.values_new, "value", "values"),
        counted(s.events_new, "event", "events"),
        match s.events_known {
            0 => String::new(),
            known => format!(" ({} held already)", counted(known, "event was", "events were")),
        }
    ));
    if s.values_older > 0 {
        let values = counted(s.values_older, "value was", "values were");
        out.say(format!(
            "  older      {values} said before what is held, and nothing was kept of that"
        ));
    }
    if s.events_differ > 0 {
        let events = counted(s.events_differ, "event is", "events are");
        let say = if s.events_differ == 1 { "says" } else { "say" };
        out.say(format!(
            "  differ     {events} known already, and {say} something else: kept as first said (--explain tells the lines)"
        ));
        if s.rows_of_known_events > 0 {
            let rows = counted(s.rows_of_known_events, "row", "rows");
            out.say(format!(
                "             {rows} of events of many rows handed back (--rejects FILE): an event that goes on in \
                 another file stays as it began; give the rest an id of its own"
            ));
        }
    }
    let statements: Vec<String> = s
        .statements
        .iter()
        .map(|(purpose, states)| format!("{purpose}{}", reasons(" ", states)))
        .collect();
    if !statements.is_empty() {
        out.say(format!("  consents   {}", statements.join("; ")));
    }
    if s.noes_of_no_purpose > 0 {
        let noes = counted(s.noes_of_no_purpose, "no names", "noes name");
        out.say(format!(
            "             {noes} no purpose that the policy declares: taken for each that the source serves \
             (--explain tells the lines)"
        ));
    }
    if !s.statements_refused.is_empty() {
        out.say(format!("  consents not taken: {}", reasons("", &s.statements_refused)));
    }
    if s.merges > 0 {
        out.say(format!("  merges     {}", s.merges));
    }
    if s.partings > 0 {
        let people = counted(s.partings, "profile", "profiles");
        out.say(format!(
            "  parted     {people} from others: what held them together turned out to be shared"
        ));
    }
    if s.returned > 0 {
        let people = counted(s.returned, "erased person", "erased people");
        out.say(format!("  came back  {people}, by their own fresh consent"));
    }
    if s.rows_without_person > 0 {
        let rows = counted(s.rows_without_person, "row names", "rows name");
        out.say(format!("  no person  {rows} nobody; nothing was kept of that"));
    }
    if !s.unreadable.is_empty() {
        out.say(format!("  unreadable {}", reasons("", &s.unreadable)));
    }
    if s.rows_of_unknown_events > 0 {
        let rows = counted(s.rows_of_unknown_events, "row", "rows");
        out.say(format!(
            "             of {rows} the event can't be told: it may be in without that row"
        ));
    }
    say_purposes(context, s);
    say_stripped(context, s);
}

fn say_purposes(context: &Context, s: &Summary) {
    if s.purposes.is_empty() {
        return;
    }
    let mut table = Table::new("by purpose", ["purpose", "values", "events", "not admitted"]);
    for (name, count) in &s.purposes {
        table.push([
            name.clone(),
            count.values.to_string(),
            count.events.to_string(),
            reasons("", &count.withheld),
        ]);
    }
    context.out.say(table.to_text(None).trim_end());
}

fn say_stripped(context: &Context, s: &Summary) {
    if s.stripped.is_empty() && s.events_refused.is_empty() {
        return;
    }
    let mut table = Table::new("kept out", ["field", "how many, and why"]);
    for (field, why) in s.stripped.iter().chain(&s.events_refused) {
        table.push([field.clone(), reasons("", why)]);
    }
    context.out.say(table.to_text(None).trim_end());
}

fn reasons(before: &str, counts: &std::collections::BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let all: Vec<String> =
        counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    format!("{before}{}", all.join(", "))
}
