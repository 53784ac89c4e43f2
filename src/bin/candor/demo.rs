//! `demo`: the main job on a built-in example brand, told step by step.
//!
//! Each step is a command as a user would type it, run through the same code, so the story can't
//! drift from the program. Only the last step is not a command: somebody edits one letter of the
//! file behind candor's back, and `audit verify` names the entry.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Parser;
use serde_json::{Value, json};

use candor::base::error::{Error, Result, io};

use crate::args::{Cli, Demo};
use crate::{Answer, Context, run as run_command};

macro_rules! example {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../../fixtures/brand/", $name)).as_slice())),*]
    };
}

/// The example brand, as it stands in `fixtures/brand`.
const EXAMPLE: [(&str, &[u8]); 9] = example![
    "policy.toml",
    "exports/crm_customers.csv",
    "exports/web_accounts.ndjson",
    "exports/store_cards.csv",
    "exports/support_tickets.ndjson",
    "exports/till_lines.csv",
    "exports/webshop_lines.csv",
    "exports/preference_changes.csv",
    "exports/broken.csv",
];

pub fn run(context: &Context, args: &Demo) -> Result<Answer> {
    let temporary = args.dir.is_none();
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => std::env::temp_dir().join(format!("candor-demo-{}", std::process::id())),
    };
    if dir.exists() {
        return Err(Error::usage("folder-exists", "the folder exists already")
            .at(dir.display())
            .next("name a new one"));
    }
    let steps = RefCell::default();
    let told = Story { context, dir: &dir, steps: &steps }.tell();
    if temporary {
        let _ = fs::remove_dir_all(&dir);
    } else if told.is_ok() {
        context.out.note(format!("everything is in {}", dir.display()));
    }
    if told.is_ok() {
        context.out.give(&json!({"steps": steps.into_inner()}));
    }
    told
}

struct Story<'a> {
    context: &'a Context,
    dir: &'a Path,
    /// Each command with its answer, for the one document of `--json`.
    steps: &'a RefCell<Vec<Value>>,
}

impl Story<'_> {
    fn tell(&self) -> Result<Answer> {
        fs::create_dir_all(self.dir.join("exports")).map_err(io(self.dir))?;
        for (name, bytes) in EXAMPLE {
            let path = self.dir.join(name);
            fs::write(&path, bytes).map_err(io(&path))?;
        }
        self.title("1. Declare why data may be held, before any comes in");
        self.step("init shop.db --policy policy.toml")?;

        self.title("2. Take in what the brand's systems know, through the gate");
        self.step("import exports/crm_customers.csv --source crm")?;
        self.step("import exports/web_accounts.ndjson --source web")?;
        self.step("import exports/store_cards.csv --source store")?;
        self.step("import exports/support_tickets.ndjson --source support")?;
        self.step("import exports/till_lines.csv --source till")?;
        self.step("import exports/webshop_lines.csv --source webshop")?;
        self.step("import exports/preference_changes.csv --source preferences")?;
        self.say("A broken file: what can't be read is named, and the rest goes on.");
        self.step("import exports/broken.csv --source crm")?;

        self.title("3. One person, one profile; and why each value is held");
        self.step("profile show email:mira.okafor@example.net")?;
        self.step("profile why email:edda.lind@example.com email")?;

        self.title("4. Consent has a history, and an answer for any moment");
        self.step("consent history email:edda.lind@example.com")?;
        self.step("consent state email:edda.lind@example.com --at 2017-07-15")?;
        self.step("consent state email:edda.lind@example.com")?;

        self.title("5. Only those who said yes are written to, and each is on record");
        self.step("audience push mailer --out mailer.csv")?;
        self.say("Rosa had said stop in 2018; her letter reaches the office only now.");
        self.step(
            "consent record email:rosa.marin@example.com --purpose newsletter --state withdrawn \
             --method letter --at 2018-01-15T10:00:00Z",
        )?;
        self.say("What was done in between is told apart from what was wrong.");
        self.step("audit report unlawful")?;

        self.title("6. A person asks: what do you hold on me?");
        self.step("access email:edda.lind@example.com --out access-edda")?;

        self.title("7. A person asks: delete it");
        self.step("erase email:mira.okafor@example.net --certificate mira-certificate.json")?;
        self.say("The same exports come again: she stays out.");
        self.step("import exports/web_accounts.ndjson --source web")?;

        self.title("8. A regulator asks");
        self.step("audit report consent")?;
        self.step("audit report disclosures")?;

        self.title("9. An auditor trusts nobody");
        self.step("audit checkpoint --out kept-by-the-auditor.txt")?;
        self.step("audit verify --deep --checkpoint kept-by-the-auditor.txt")?;
        self.say("Now somebody changes one letter of one ledger entry in a copy of the file.");
        self.tamper()?;
        let found = self.step("--store tampered.db audit verify")?;
        if found == Answer::Yes {
            return Err(Error::no("demo-failed", "the change was not found")
                .next("report this: the demo is a part of the program"));
        }
        self.say("It was found, and named.");
        Ok(Answer::Yes)
    }

    fn title(&self, text: &str) {
        self.context.out.say(format!("\n=== {text}\n"));
    }

    fn say(&self, text: &str) {
        self.context.out.say(format!("# {text}\n"));
    }

    /// Runs a command line in the demo's folder, in which names without a path are meant.
    fn step(&self, line: &str) -> Result<Answer> {
        self.context.out.say(format!("$ candor {line}"));
        let words: Vec<String> = line
            .split_whitespace()
            .map(|word| if is_file(word) { self.path(word) } else { word.to_owned() })
            .collect();
        // The demo's own store, whatever the user's environment names.
        let own = ["candor".to_owned(), "--store".to_owned(), self.path("shop.db")];
        let skipped = if words.first().is_some_and(|word| word == "--store") { 1 } else { 3 };
        let cli =
            Cli::try_parse_from(own.into_iter().take(skipped).chain(words)).map_err(|error| {
                Error::usage("demo-failed", error.to_string())
                    .next("report this: the demo is a part of the program")
            })?;
        let documents = Rc::default();
        let context = Context {
            store: Some(cli.store.unwrap_or_else(|| self.dir.join("shop.db"))),
            actor: "demo".to_owned(),
            out: self.context.out.kept_in(&documents),
            secrets: crate::unlock::Secrets::new(None),
        };
        let answer = run_command(&context, cli.command)?;
        drop(context);
        let exit = u8::from(answer == Answer::No);
        let answers = documents.take();
        let answer_of = answers.into_iter().next().unwrap_or_default();
        self.steps.borrow_mut().push(json!({"command": line, "exit": exit, "answer": answer_of}));
        self.context.out.say("");
        Ok(answer)
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    /// Copies the store and changes one letter in one ledger entry, as an editor would.
    fn tamper(&self) -> Result<()> {
        let from = self.dir.join("shop.db");
        let to: PathBuf = self.dir.join("tampered.db");
        let mut bytes = fs::read(&from).map_err(io(&from))?;
        let word = b"consent.withdrawn";
        let at = bytes.windows(word.len()).position(|window| window == word).ok_or_else(|| {
            Error::no("demo-failed", "no withdrawal in the ledger")
                .next("report this: the demo is a part of the program")
        })?;
        bytes[at + word.len() - 1] = b'm';
        fs::write(&to, bytes).map_err(io(&to))
    }
}

/// Whether a word of a command line is a file of the demo.
fn is_file(word: &str) -> bool {
    let endings = [".db", ".toml", ".csv", ".ndjson", ".json", ".txt"];
    word == "access-edda"
        || (endings.iter().any(|ending| word.ends_with(ending)) && !word.contains(':'))
}
