//! Where answers and errors go: people's words or one JSON document.
//!
//! One rule for `--json`: standard output holds one document in any case, the answer or
//! `{"error": …}`, and the exit code says which. Words for people, errors among them, go to standard
//! error.
//!
//! Words for people may hold what a source sent: control characters in them are shown, and steer no
//! terminal.
//!
//! Whoever reads the answer may go away (`| head`), and the disk that it goes to may be full. Neither
//! ends the work: what can't be printed is remembered, and said when the work is done.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, IsTerminal, Write};
use std::rc::Rc;

use candor::base::error::Error;
pub use candor::view::counted;
use candor::view::{Document, printable};
use serde_json::{Value, json};

use crate::Answer;
use crate::args::ReportFormat;

/// The width of a document on a terminal, in columns.
const TERMINAL_COLUMNS: u16 = 140;

/// How many columns a document may take on standard output; `None` where nobody watches it.
pub fn screen() -> Option<u16> {
    std::io::stdout().is_terminal().then_some(TERMINAL_COLUMNS)
}

/// A report in one of its forms; `rows` is the same for programs.
pub fn report(
    format: ReportFormat,
    document: &Document,
    rows: &Value,
    screen: Option<u16>,
) -> String {
    match format {
        ReportFormat::Text => document.to_text(screen),
        ReportFormat::Json => format!("{rows:#}\n"),
        ReportFormat::Csv => document.to_csv(),
        ReportFormat::Html => document.to_html("en"),
    }
}

/// The streams, and in which form they are wanted.
pub struct Output {
    json: bool,
    /// Where documents are kept that are to be a part of another one.
    kept: Option<Rc<RefCell<Vec<Value>>>>,
    told: Rc<Told>,
}

/// What has become of standard output so far.
#[derive(Default)]
struct Told {
    /// Why it can't be written any more.
    failed: Cell<Option<ErrorKind>>,
    /// The one document stands there.
    document: Cell<bool>,
}

impl Output {
    /// Text, or JSON.
    pub fn new(json: bool) -> Output {
        Output { json, kept: None, told: Rc::default() }
    }

    /// Keeps the JSON documents of the answer in a list instead of printing them.
    pub fn kept_in(&self, documents: &Rc<RefCell<Vec<Value>>>) -> Output {
        let kept = self.json.then(|| Rc::clone(documents));
        Output { json: self.json, kept, told: Rc::clone(&self.told) }
    }

    /// Whether JSON is wanted.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line of the answer for people; nothing when JSON is wanted.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.json {
            self.write(&printable(&format!("{text}\n")));
        }
    }

    /// Prints the answer as JSON; nothing when text is wanted.
    pub fn give(&self, value: &impl serde::Serialize) {
        match &self.kept {
            Some(kept) => {
                kept.borrow_mut().push(serde_json::to_value(value).expect("answers are JSON"));
            }
            None if self.json => self.document(value),
            None => {}
        }
    }

    /// Prints the answer as it is, whatever form is wanted.
    pub fn raw(&self, text: &str) {
        if let Some(kept) = &self.kept {
            let document = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
            kept.borrow_mut().push(document);
            return;
        }
        self.told.document.set(true);
        self.write(text);
    }

    /// Tells people something beside the answer.
    pub fn note(&self, text: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr(), "{}", printable(&text.to_string()));
    }

    /// Whether a person watches.
    pub fn is_watched(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// Ends a command: says how it failed, if it did, and with which code the program exits.
    ///
    /// A reader who went away before the end has had what they wanted; an answer that is lost in any
    /// other way makes exit 3, though what the command did stands.
    pub fn end(&self, outcome: Result<Answer, Error>) -> u8 {
        let exit = match &outcome {
            Ok(Answer::Yes) => 0,
            Ok(Answer::No) => 1,
            Err(error) => {
                self.error(error);
                error.exit_code()
            }
        };
        self.write("");
        match self.told.failed.get() {
            Some(why) if why != ErrorKind::BrokenPipe && outcome.is_ok() => {
                let lost = answer_lost(why);
                self.error(&lost);
                lost.exit_code()
            }
            _ => exit,
        }
    }

    fn error(&self, error: &Error) {
        self.note(format!("error {error}"));
        if self.json && !self.told.document.get() {
            let details: Vec<&Value> = error.details.iter().map(|d| &d.document).collect();
            self.document(&json!({"error": {
                "code": error.code, "what": error.what, "where": error.place, "next": error.next,
                "exit": error.exit_code(), "details": details,
            }}));
        }
    }

    fn document(&self, value: &impl serde::Serialize) {
        self.told.document.set(true);
        let text = serde_json::to_string_pretty(value).expect("answers are JSON");
        self.write(&format!("{text}\n"));
    }

    /// Writes to standard output, until that fails.
    fn write(&self, text: &str) {
        if self.told.failed.get().is_some() {
            return;
        }
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            self.told.failed.set(Some(error.kind()));
        }
    }
}

fn answer_lost(why: ErrorKind) -> Error {
    Error::damaged("answer-lost", format!("the answer couldn't be written: {why}"))
        .at("standard output")
        .next("what the command did stands, so look at the store before you run it again")
}
