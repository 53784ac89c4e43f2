//! The terminal side of candor: what was typed, one function for each command, and how it ends.

#![forbid(unsafe_code)]

mod access;
mod args;
mod audience;
mod audit;
mod backup;
mod checkpoint;
mod consent;
mod demo;
mod doctor;
mod erase;
mod evidence;
mod hold;
mod identity;
mod import;
mod init;
mod key;
mod linking;
mod outbox;
mod output;
mod policy;
mod preferences;
mod profile;
mod query;
mod rejects;
mod report;
mod request;
mod retain;
mod secret;
mod serve;
mod time;
mod token;
mod unlock;
mod usage;
mod witness;
mod write_key;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::base::path::with_ending;
use candor::policy::types::Policy;
use candor::profile::{lookup, read};
use candor::store::{self, Access, OutFile, Store};
use candor::subject::finish::finish_open;
use candor::subject::kept;
use output::Output;

/// What every command gets.
pub struct Context {
    /// The store's file, if one was named.
    store: Option<std::path::PathBuf>,
    /// Who acts.
    actor: String,
    /// Where the answer goes.
    out: Output,
    /// How a locked key is opened.
    secrets: unlock::Secrets,
}

impl Context {
    /// The store's file.
    pub fn path(&self) -> Result<&Path> {
        self.store.as_deref().ok_or_else(|| {
            Error::usage("store-unnamed", "no store was named")
                .next("use --store FILE, or set CANDOR_STORE")
        })
    }

    /// The subjects that WHO names; of nobody it says what an erasure left.
    pub fn find(&self, store: &Store, policy: &Policy, who: &str) -> Result<Vec<i64>> {
        read::find(store.conn(), store.secret(), policy, who)
            .map_err(|error| kept::or_what_is_kept(store, policy, who, error))
    }

    /// The one subject that WHO names; of nobody it says what an erasure left.
    pub fn find_one(&self, store: &Store, policy: &Policy, who: &str) -> Result<i64> {
        read::find_one(store.conn(), store.secret(), policy, who)
            .map_err(|error| kept::or_what_is_kept(store, policy, who, error))
    }

    /// Opens the store.
    pub fn open(&self, access: Access) -> Result<Store> {
        let path = self.path()?;
        let mut store = self
            .secrets
            .with(|unlocking| Store::open_with(path, access, &self.actor, unlocking))?;
        if access == Access::Write && store.signer().is_some() {
            self.finish_erasures(&mut store)?;
        }
        let left = with_ending(path, ".restoring");
        if left.exists() {
            self.out.note(format!(
                "a restore was ended before its end, or goes on now: {} is a copy of its backup, with \
                 people's data; remove it if no restore goes on",
                left.display()
            ));
        }
        Ok(store)
    }

    /// Finishes what a killed process or a reader beside it kept an erasure from, as soon as it can be.
    fn finish_erasures(&self, store: &mut Store) -> Result<()> {
        match finish_open(store, Moment::now()) {
            Err(error) if is_unwritable(&error) || error.code == "erasure-blocked" => Ok(()),
            Err(error) if error.code == "erasure-incomplete" => {
                self.out.note(format!("an erasure stays open: {error}"));
                Ok(())
            }
            finished => finished.map(|requests| {
                for request in requests {
                    self.out.note(format!(
                        "the erasure of request {request} was ended before its proof; now the raw \
                         files were looked through, and it is closed"
                    ));
                }
            }),
        }
    }

    /// Who acts.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Claims the place of a file that is to be written, before the work that fills it.
    pub fn claim(&self, path: &Path) -> Result<OutFile> {
        OutFile::claim(path, self.store.as_deref())
    }

    /// Refuses a place that the store needs itself.
    pub fn check_apart(&self, path: &Path) -> Result<()> {
        store::check_apart(path, self.store.as_deref())
    }
}

impl Context {
    /// Opens the store for looking at a person, which is to be noted in the ledger; for reading where
    /// it can't be written.
    pub fn open_to_look(&self) -> Result<Store> {
        match self.open(Access::Write) {
            Err(error) if is_unwritable(&error) => self.open(Access::Read),
            opened => opened,
        }
    }

    /// Notes in the ledger that somebody looked; says so where that can't be.
    pub fn note_look(&self, store: &mut Store, subject: i64, what: &str) -> Result<()> {
        let because = match store.signer() {
            None => "the key isn't here",
            Some(_) => match lookup::record_read(store, subject, what, Moment::now()) {
                Err(error) if is_unwritable(&error) => "the store can't be written",
                noted => return noted.map(|_| ()),
            },
        };
        self.out.note(format!("{because}, so the ledger can't note that this was asked"));
        Ok(())
    }
}

/// Whether an error says that the store, or where it lies, can't be written.
fn is_unwritable(error: &Error) -> bool {
    matches!(error.code, "store-read-only" | "store-unreadable" | "disk-failed" | "disk-full")
}

/// How a command ended that came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Yes,
    /// The answer is "no".
    No,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::end(&error),
    };
    let context = Context {
        store: args::named(cli.store),
        actor: cli.actor,
        out: Output::new(cli.json),
        secrets: unlock::Secrets::new(args::named(cli.passphrase_file)),
    };
    let outcome = check_actor(&context.actor).and_then(|()| run(&context, cli.command));
    ExitCode::from(context.out.end(outcome))
}

/// Who acts is written into the ledger, which forgets nothing: one word, which no address, telephone
/// number or full name can be.
fn check_actor(actor: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    let digits = actor.chars().filter(char::is_ascii_digit).count();
    if (1..=32).contains(&actor.len()) && actor.chars().all(is_plain) && digits <= 6 {
        return Ok(());
    }
    let what = "--as names who acts in one word: letters, up to six digits, and -_.:/";
    Err(Error::usage("actor-unfit", what)
        .next("name a role or a staff number, such as dpo-2: it stays in the ledger for good"))
}

fn run(context: &Context, command: Command) -> Result<Answer> {
    match command {
        Command::Init(args) => init::run(context, &args),
        Command::Policy(command) => policy::run(context, &command),
        Command::Import(args) => import::run(context, &args),
        Command::Consent(command) => consent::run(context, &command),
        Command::Preferences(command) => preferences::run(context, &command),
        Command::Identity(command) => identity::run(context, &command),
        Command::Profile(command) => profile::run(context, &command),
        Command::Access(args) => access::run(context, &args),
        Command::Erase(args) => erase::run(context, &args),
        Command::Hold(args) => hold::run(context, &args),
        Command::Request(command) => request::run(context, &command),
        Command::Audience(command) => audience::run(context, &command),
        Command::Outbox(command) => outbox::run(context, &command),
        Command::Audit(command) => audit::run(context, &command),
        Command::Key(command) => key::run(context, &command),
        Command::Witness(command) => witness::run(context, &command),
        Command::Serve(args) => serve::run(context, &args),
        Command::WriteKey(command) => write_key::run(context, &command),
        Command::Token(command) => token::run(context, &command),
        Command::Secret(command) => secret::run(context, &command),
        Command::Retain(command) => retain::run(context, &command),
        Command::Backup(args) => backup::backup(context, &args),
        Command::Restore(args) => backup::restore(context, &args),
        Command::Sql(args) => query::run(context, &args),
        Command::Doctor(args) => doctor::run(context, &args),
        Command::Demo(args) => demo::run(context, &args),
    }
}
