//! `doctor`: looks at everything around a store that a person has to keep in order, and says what to do.
//!
//! It changes nothing, opens no locked key and asks nobody else, so that it can run when something is wrong.
//! What a claim of the ledger is worth is said by `audit verify`.

use std::collections::BTreeMap;
use std::path::Path;

use candor::anchor::sql::witnesses;
use candor::audit::{self, Question, requests, retention};
use candor::base::clock::{DAY_MS, Moment};
use candor::base::error::{Error, Result};
use candor::send::outbox;
use candor::store::{
    self, Access, KeyForm, Secrets, Store, key_path, read_key_file, secrets_path, side_files,
};
use candor::subject::backup::{BACKUP, BACKUP_FAILED};
use candor::verify::{Depth, Options, verify};
use candor::web::certificate::Files;
use candor::web::{key, token, unset_secrets};
use serde::Serialize;
use serde_json::json;

use crate::args::TlsArgs;
use crate::outbox::{failing, keeps_failing};
use crate::output::counted;
use crate::{Answer, Context};

/// How something stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// As it should be.
    Well,
    /// Somebody should look at it.
    Look,
    /// It keeps candor from what it is for.
    Wrong,
}

/// What was looked at, and what was seen.
#[derive(Serialize)]
struct Finding {
    part: &'static str,
    state: State,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A write-ahead log that is longer than this is held back by somebody who reads.
const LOG_BYTES_MANY: u64 = 256 << 20;

/// Days without a backup that are a few too many.
const DAYS_WITHOUT_BACKUP: i64 = 7;

/// Days before an end at which somebody should know of it.
const DAYS_BEFORE: i64 = 14;

pub fn run(context: &Context, tls: &TlsArgs) -> Result<Answer> {
    let path = context.path()?;
    let mut all = Findings(Vec::new());
    if path.exists() {
        all.files(path);
        all.ledger(path);
    }
    match context.open(Access::Read) {
        Ok(store) => {
            if let Err(error) = all.store(&store) {
                all.error("store", &error);
            }
        }
        Err(error) => all.error("store", &error),
    }
    if let Some(files) = tls.files() {
        all.certificate(&files, Moment::now());
    }
    let is_wrong = all.0.iter().any(|finding| finding.state == State::Wrong);
    for Finding { part, state, what, next } in &all.0 {
        let mark = match state {
            State::Well => "well ",
            State::Look => "look ",
            State::Wrong => "WRONG",
        };
        context.out.say(format!("{mark}  {part:<10} {what}"));
        if let Some(next) = next {
            context.out.say(format!("                   {next}"));
        }
    }
    context.out.give(&json!({"well": !is_wrong, "findings": all.0}));
    Ok(if is_wrong { Answer::No } else { Answer::Yes })
}

struct Findings(Vec<Finding>);

impl Findings {
    fn well(&mut self, part: &'static str, what: impl Into<String>) {
        self.0.push(Finding { part, state: State::Well, what: what.into(), next: None });
    }

    fn look(&mut self, part: &'static str, what: impl Into<String>, next: impl Into<String>) {
        let next = Some(next.into());
        self.0.push(Finding { part, state: State::Look, what: what.into(), next });
    }

    fn wrong(&mut self, part: &'static str, what: impl Into<String>, next: impl Into<String>) {
        let next = Some(next.into());
        self.0.push(Finding { part, state: State::Wrong, what: what.into(), next });
    }

    fn error(&mut self, part: &'static str, error: &Error) {
        let at = if error.place.is_empty() { String::new() } else { format!(" ({})", error.place) };
        self.wrong(part, format!("{}{at}", error.what), error.next.clone());
    }

    /// What lies on the disk.
    fn files(&mut self, path: &Path) {
        let key = key_path(path);
        match read_key_file(&key) {
            Ok(None) => self.look(
                "key",
                "the store's key isn't beside it: it can be read and verified, and not written",
                "put it back, or see KEYS.md for a lost one",
            ),
            Ok(Some((_, form))) if !is_private(&key) => self.wrong(
                "key",
                format!("others may read the key ({})", form.word()),
                format!(
                    "chmod 600 {}; where somebody may have read it, `candor key rotate`",
                    key.display()
                ),
            ),
            Ok(Some((_, form))) => self.well("key", format!("its owner's alone ({})", form.word())),
            Err(error) => self.error("key", &error),
        }
        if let Ok(Some((_, KeyForm::Open))) = read_key_file(&key)
            && path.parent().is_some_and(|folder| key.parent() == Some(folder))
        {
            self.look(
                "key",
                "it lies open in the folder of the store: whoever copies the folder can sign",
                "`candor key lock` asks for a passphrase; keep the key out of the store's backups",
            );
        }
        match Secrets::beside(path) {
            Ok(secrets) if secrets.names().is_empty() => {}
            Ok(secrets) => {
                let names = counted(secrets.names().len() as u64, "secret", "secrets");
                self.well("secrets", format!("{names} in {}", secrets_path(path).display()));
            }
            Err(error) => self.error("secrets", &error),
        }
        let [log, _] = side_files(path);
        let length = std::fs::metadata(&log).map_or(0, |found| found.len());
        if length > LOG_BYTES_MANY {
            self.look(
                "log",
                format!(
                    "the write-ahead log has {} MB: somebody has been reading for long",
                    length >> 20
                ),
                "end that reader; until then an erasure can't say that it is done",
            );
        }
        for left in left_behind(path) {
            self.look(
                "files",
                format!("{left} was left by a process that was ended"),
                "remove it when no candor runs; it may hold what the store holds",
            );
        }
    }

    /// The ledger, and who vouches for it.
    fn ledger(&mut self, path: &Path) {
        let options =
            Options { depth: Depth::Ledger, key: None, held: Vec::new(), witnesses: Vec::new() };
        let report = match verify(path, &options) {
            Ok(report) => report,
            Err(error) => return self.error("ledger", &error),
        };
        let entries = counted(report.entries, "entry", "entries");
        if !report.holds {
            let next = "`candor audit verify --deep` says what is broken, and where";
            return self.wrong("ledger", format!("{entries}, and it doesn't hold"), next);
        }
        self.well("ledger", format!("{entries}, and it holds"));
        let last = report.last_entry_at.as_deref().and_then(|at| Moment::parse(at).ok());
        if last.is_some_and(|at| at.0 > Moment::now().0 + 60_000) {
            self.wrong(
                "clock",
                "the ledger's last entry is in the future: this clock is behind, or was ahead then",
                "set the machine's clock right; what comes in is dated by it",
            );
        }
        match (report.unwitnessed, report.witnessed_to) {
            (0, _) => self.well("witnesses", "every entry was seen by a witness"),
            (_, 0) => self.look(
                "witnesses",
                "nobody outside has seen the ledger: whoever has file and key could write another one",
                "hand out `candor audit checkpoint`, or ask a witness (`candor audit witness add`)",
            ),
            (open, seen) => {
                let open = counted(open, "entry", "entries");
                self.look(
                    "witnesses",
                    format!("{open} after the first {seen} were seen by no witness"),
                    "`candor audit witness ask` shows them the newest checkpoint",
                );
            }
        }
    }

    /// What the store tells of its own work.
    fn store(&mut self, store: &Store) -> Result<()> {
        let now = Moment::now();
        let Ok(rules) = store::latest(store.conn(), store.words()) else {
            self.wrong(
                "policy",
                "no policy is in force: nothing comes in",
                "`candor policy apply FILE`",
            );
            return Ok(());
        };
        self.well("policy", format!("of {}", rules.policy.controller.name));
        for (source, secret) in unset_secrets(&rules.policy, store.path())? {
            self.wrong(
                "secrets",
                format!("webhooks of {source} are refused: the secret {secret} isn't set"),
                format!("`candor secret set {secret}`"),
            );
        }
        self.outbox(store)?;
        self.requests(store, now)?;
        self.retention(store, now)?;
        self.ends(store, now)?;
        self.backups(store, now)?;
        let asked = witnesses(store.conn())?.len() as u64;
        if asked > 0 {
            self.well(
                "witnesses",
                format!("{} asked", counted(asked, "witness is", "witnesses are")),
            );
        }
        Ok(())
    }

    fn outbox(&mut self, store: &Store) -> Result<()> {
        let rows = outbox::list(store)?;
        let mut given_up: BTreeMap<&str, u64> = BTreeMap::new();
        let mut by_hand: BTreeMap<&str, u64> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.state == "dead") {
            match row.status {
                outbox::NO_WAY => *by_hand.entry(&row.recipient).or_default() += 1,
                _ => *given_up.entry(&row.destination).or_default() += 1,
            }
        }
        for (recipient, count) in by_hand {
            let messages = counted(count, "withdrawal or erasure", "withdrawals or erasures");
            self.wrong(
                "outbox",
                format!("{recipient} isn't told of {messages}: the policy in force has no way to"),
                "`candor outbox list` says about whom; tell it by hand (Art 19), and `candor outbox drop` each",
            );
        }
        let recalls = rows.iter().filter(|row| row.state == "dead" && row.status != outbox::NO_WAY);
        let recalls = recalls.filter(|row| ["profile.stop", "profile.delete"].contains(&row.act));
        let recalls = recalls.count() as u64;
        if recalls > 0 {
            self.wrong(
                "outbox",
                format!(
                    "{} given up that ask recipients to stop or delete",
                    counted(recalls, "message is", "messages are")
                ),
                "the law wants them told (Art 19): `candor outbox list`, then `outbox replay`",
            );
        }
        for (destination, count) in given_up {
            self.look(
                "outbox",
                format!("{destination}: {} given up", counted(count, "message is", "messages are")),
                format!("`candor outbox list`; `candor outbox replay --destination {destination}`"),
            );
        }
        for (destination, count) in failing(&rows) {
            let what = keeps_failing(count);
            self.look("outbox", format!("{destination}: {what}"), "`candor outbox list` says why");
        }
        let waiting = rows.iter().filter(|row| row.state != "dead").count() as u64;
        match rows.first().filter(|_| waiting > 0) {
            None => self.well("outbox", "nothing waits"),
            Some(first) => {
                let what = counted(waiting, "message waits", "messages wait");
                self.well("outbox", format!("{what}, the oldest since {}", first.queued_at));
            }
        }
        Ok(())
    }

    fn requests(&mut self, store: &Store, now: Moment) -> Result<()> {
        let asked = Question { as_of: now, from: None, to: None, who: None };
        let report = requests::requests(store, &asked)?;
        let count =
            |standing| report.requests.iter().filter(|r| r.standing == standing).count() as u64;
        let (overdue, open) = (count(requests::Standing::Overdue), count(requests::Standing::Open));
        match (overdue, open) {
            (0, 0) => self.well("requests", "none is open"),
            (0, open) => self.look(
                "requests",
                format!("{} open", counted(open, "request is", "requests are")),
                "`candor audit report requests` says until when each is to be answered",
            ),
            (overdue, _) => self.wrong(
                "requests",
                format!("{} overdue", counted(overdue, "request is", "requests are")),
                "`candor audit report requests` names them",
            ),
        }
        Ok(())
    }

    fn retention(&mut self, store: &Store, now: Moment) -> Result<()> {
        let report = retention::retention(store, None, now)?;
        let due = report.values_past_due + report.events_past_due;
        match due {
            0 => self.well("retention", "nothing is held past its time"),
            due => self.look(
                "retention",
                format!(
                    "{} held past the time that the policy gives",
                    counted(due, "item is", "items are")
                ),
                "`candor retain run --dry-run` shows what, `candor retain run` deletes it",
            ),
        }
        Ok(())
    }

    /// Keys and tokens that end by themselves.
    fn ends(&mut self, store: &Store, now: Moment) -> Result<()> {
        for row in key::list(store.conn())?.iter().filter(|row| row.revoked_entry == 0) {
            if let Some(ends) = ends(row.expires_at, now) {
                self.look(
                    "write keys",
                    format!("key {} of {} {ends}", row.id, row.source),
                    format!("`candor write-key add {}`, then revoke the old one", row.source),
                );
            }
        }
        for row in token::list(store.conn())?.iter().filter(|row| row.revoked_entry == 0) {
            if let Some(ends) = ends(row.expires_at, now) {
                let role = row.role.word();
                self.look(
                    "tokens",
                    format!("token {} of the role {role} {ends}", row.id),
                    format!("`candor token add --role {role}`, then revoke the old one"),
                );
            }
        }
        Ok(())
    }

    /// What `serve` shows to callers.
    fn certificate(&mut self, files: &Files, now: Moment) {
        let shown = match files.read() {
            Ok(shown) => shown,
            Err(error) => return self.error("certificate", &error),
        };
        let next = "have it renewed; `serve` takes the new files up by itself";
        match ends(shown.until.0, now) {
            Some(ends) if shown.until <= now => {
                self.wrong("certificate", format!("it {ends}"), next)
            }
            Some(ends) => self.look("certificate", format!("it {ends}"), next),
            None if shown.from > now => {
                let what = format!("it isn't good before {}", shown.from);
                self.wrong(
                    "certificate",
                    what,
                    "set the machine's clock right, or use the one before it",
                );
            }
            None => self.well("certificate", format!("good until {}", shown.until)),
        }
    }

    fn backups(&mut self, store: &Store, now: Moment) -> Result<()> {
        let next = "`candor backup FILE`, onto another disk, without the key";
        let last = audit::last_of(store.conn(), BACKUP)?;
        let failed =
            audit::last_of(store.conn(), BACKUP_FAILED)?.filter(|failed| Some(*failed) >= last);
        if let Some(at) = failed {
            self.look("backup", format!("the last one failed at {at}"), next);
            return Ok(());
        }
        match last {
            None => self.look("backup", "no backup was ever made", next),
            Some(at) if now.0 - at.0 > DAYS_WITHOUT_BACKUP * DAY_MS => {
                let days = (now.0 - at.0) / DAY_MS;
                self.look("backup", format!("the last one was made {days} days ago"), next);
            }
            Some(at) => self.well(
                "backup",
                format!("the last one was begun at {at}, and nothing says that it failed"),
            ),
        }
        Ok(())
    }
}

/// That something ended by itself, or will soon.
fn ends(at: i64, now: Moment) -> Option<String> {
    let left = at - now.0;
    let is_near = at != 0 && left <= DAYS_BEFORE * DAY_MS;
    let word = if left <= 0 { "ended" } else { "ends" };
    is_near.then(|| format!("{word} at {}", Moment(at)))
}

/// Whether nobody but a file's owner may read or write it; where there are no such rights, it counts as so.
fn is_private(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 == 0)
    }
    #[cfg(not(unix))]
    {
        path.exists()
    }
}

/// Files beside a store that a process was to put in another's place, and didn't live to.
fn left_behind(path: &Path) -> Vec<String> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Vec::new();
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut left: Vec<String> = names
        .filter(|other| {
            other.starts_with(name) && (other.contains(".new-") || other.ends_with(".restoring"))
        })
        .collect();
    left.sort_unstable();
    left
}
