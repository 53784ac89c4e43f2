//! Command lines that can't be understood, and requests for help.
//!
//! People get the words of the library that reads the command line. Programs that asked for JSON get
//! the document that every other error is; it names options and never the values that were typed.

use std::process::ExitCode;

use candor::base::error::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::output::Output;

/// Answers a command line that names no command to run.
pub fn end(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && wants_json() {
        return ExitCode::from(Output::new(true).end(Err(wrong(error))));
    }
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Whether `--json` was typed: the command line as a whole couldn't be read.
fn wants_json() -> bool {
    std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json")
}

fn wrong(error: &clap::Error) -> Error {
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing",
        kind => kind.as_str().unwrap_or("the command line can't be understood"),
    };
    let names = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg, ContextKind::PriorArg]
        .into_iter()
        .filter_map(|kind| error.get(kind))
        .flat_map(|value| match value {
            ContextValue::String(name) => vec![name.clone()],
            ContextValue::Strings(names) => names.clone(),
            _ => Vec::new(),
        })
        .filter(|name| name.starts_with(['-', '<']))
        .collect::<Vec<_>>();
    let colon = if names.is_empty() { "" } else { ": " };
    Error::usage("usage-wrong", format!("{what}{colon}{}", names.join(", ")))
        .next("`candor --help` and `candor COMMAND --help` say what can be typed")
}
