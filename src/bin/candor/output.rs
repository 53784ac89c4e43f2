//! Where answers and errors go: people's words or one JSON document.

use std::cell::RefCell;
use std::io::{ErrorKind, IsTerminal, Write};
use std::rc::Rc;

use candor::base::error::Error;
use serde_json::{Value, json};

/// The streams, and in which form they are wanted.
pub struct Output {
    json: bool,
    /// Where documents are kept that are to be a part of another one.
    kept: Option<Rc<RefCell<Vec<Value>>>>,
}

impl Output {
    /// Text, or JSON.
    pub fn new(json: bool) -> Output {
        Output { json, kept: None }
    }

    /// Keeps the JSON documents of the answer in a list instead of printing them.
    pub fn kept_in(&self, documents: &Rc<RefCell<Vec<Value>>>) -> Output {
        let kept = self.json.then(|| Rc::clone(documents));
        Output { json: self.json, kept }
    }

    /// Whether JSON is wanted.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line of the answer for people; nothing when JSON is wanted.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.json {
            write_line(&text.to_string());
        }
    }

    /// Prints the answer as JSON; nothing when text is wanted.
    pub fn give(&self, value: &impl serde::Serialize) {
        match &self.kept {
            Some(kept) => {
                kept.borrow_mut().push(serde_json::to_value(value).expect("answers are JSON"));
            }
            None if self.json => {
                write_line(&serde_json::to_string_pretty(value).expect("answers are JSON"));
            }
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
        let mut out = std::io::stdout().lock();
        finish(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    /// Tells people something beside the answer.
    pub fn note(&self, text: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Whether a person watches.
    pub fn is_watched(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// Prints how it failed.
    pub fn error(&self, error: &Error) {
        if self.json {
            let document = json!({"error": {
                "code": error.code, "what": error.what, "where": error.place, "next": error.next,
                "exit": error.exit_code(),
            }});
            let text = serde_json::to_string_pretty(&document).expect("errors are JSON");
            let _ = writeln!(std::io::stderr(), "{text}");
        } else {
            let _ = writeln!(std::io::stderr(), "error {error}");
        }
    }
}

fn write_line(text: &str) {
    finish(writeln!(std::io::stdout(), "{text}"));
}

/// Whoever reads may stop reading (`| head`): that is a success, and there is no more to say.
fn finish(result: std::io::Result<()>) {
    if let Err(error) = result
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(0);
    }
}
