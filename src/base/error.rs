//! One error for the whole program: what happened, where, and how to go on.
//!
//! Every message reaches a person, so wording lives where the fault is found. No message may hold
//! personal data: name the file, the line, the field or the code, never the value.

use std::fmt;

/// The class of an error, which is also the exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The answer is "no": verification failed, a request is refused, the gate is closed. Exit 1.
    No = 1,
    /// The command or its arguments are wrong. Exit 2.
    Usage = 2,
    /// The store or an input is damaged, missing or unreadable. Exit 3.
    Damaged = 3,
    /// Another process holds the store; trying again later helps. Exit 4.
    Busy = 4,
}

/// A fault, told as `code: what (place)`, its details, and `try: next`.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    /// The class, which decides the exit code.
    pub kind: Kind,
    /// A stable, kebab-case name for programs, such as `store-not-found`.
    pub code: &'static str,
    /// What happened, in a sentence without a final stop.
    pub what: String,
    /// Where: a file, a line, a field; empty when `what` says it all.
    pub place: String,
    /// How to go on: a command or an action; empty when there is none.
    pub next: String,
    /// What it consists of, where several things are told at once; empty otherwise.
    pub details: Vec<Detail>,
}

/// One of several things that an error tells at once.
#[derive(Debug, PartialEq, Eq)]
pub struct Detail {
    /// For people: a line or more.
    pub words: String,
    /// For programs: a JSON object.
    pub document: serde_json::Value,
}

/// The result of everything in candor that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of the given class.
    pub fn new(kind: Kind, code: &'static str, what: impl Into<String>) -> Self {
        let (place, next) = (String::new(), String::new());
        Error { kind, code, what: what.into(), place, next, details: Vec::new() }
    }

    /// The answer is "no" (exit 1).
    pub fn no(code: &'static str, what: impl Into<String>) -> Self {
        Self::new(Kind::No, code, what)
    }

    /// Wrong usage (exit 2).
    pub fn usage(code: &'static str, what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, code, what)
    }

    /// A damaged or unreadable store or input (exit 3).
    pub fn damaged(code: &'static str, what: impl Into<String>) -> Self {
        Self::new(Kind::Damaged, code, what)
    }

    /// Adds where it happened.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = place.to_string();
        self
    }

    /// Adds how to go on.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Adds what it consists of: each with its words and as a document.
    #[must_use]
    pub fn with<T: fmt::Display + serde::Serialize>(mut self, details: &[T]) -> Self {
        let detail = |detail: &T| Detail {
            words: detail.to_string(),
            document: serde_json::to_value(detail).expect("details are plain data"),
        };
        self.details.extend(details.iter().map(detail));
        self
    }

    /// The exit code of the process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        self.kind as u8
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.what)?;
        if !self.place.is_empty() {
            write!(f, " ({})", self.place)?;
        }
        for detail in &self.details {
            write!(f, "\n{}", detail.words)?;
        }
        if !self.next.is_empty() {
            write!(f, "\n  try: {}", self.next)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    /// SQLite's own words can quote data, so only its codes are passed on.
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as C;
        let code = error.sqlite_error_code();
        match code {
            Some(C::DatabaseBusy | C::DatabaseLocked) => {
                Error::new(Kind::Busy, "store-busy", "another process is writing to the store")
                    .next("run the command again when the other process has finished")
            }
            Some(C::DiskFull) => Error::damaged(
                "disk-full",
                "the disk is full; nothing of the last step was kept",
            )
            .next("free some space and run the same command again: it goes on where it stopped"),
            Some(C::ReadOnly) => Error::damaged("store-read-only", "the store can't be written")
                .next("check the permissions of the file and of its folder"),
            Some(C::NotADatabase | C::DatabaseCorrupt) => {
                Error::damaged("store-damaged", "the file is damaged or no candor store")
                    .next("restore a backup with `candor restore`")
            }
            Some(C::CannotOpen) => Error::damaged("store-unreadable", "the store can't be opened")
                .next(
                    "check that the file exists and that you may read and write it and its folder",
                ),
            Some(C::SystemIoFailure) => {
                Error::damaged("disk-failed", "the disk refused a read or a write")
                    .next("check the disk; nothing of the last step was kept")
            }
            _ => {
                let detail = match &error {
                    rusqlite::Error::SqliteFailure(e, _) => {
                        format!("SQLite code {}", e.extended_code)
                    }
                    rusqlite::Error::QueryReturnedNoRows => {
                        "a row that must exist is missing".into()
                    }
                    rusqlite::Error::InvalidColumnType(i, name, kind) => {
                        format!("column {i} ({name}) holds {kind}")
                    }
                    rusqlite::Error::FromSqlConversionFailure(i, kind, _) => {
                        format!("column {i} holds {kind} of another form")
                    }
                    rusqlite::Error::IntegralValueOutOfRange(i, _) => {
                        format!("column {i} holds a number that is too large")
                    }
                    rusqlite::Error::Utf8Error(i, _) => {
                        format!("column {i} holds text that is no UTF-8")
                    }
                    rusqlite::Error::SqlInputError { msg, offset, .. } => {
                        format!("{msg}, at character {offset}")
                    }
                    other => format!("{:?}", std::mem::discriminant(other)),
                };
                Error::damaged("store-failed", format!("the store answered unexpectedly: {detail}"))
                    .next("run `candor audit verify --deep` to find out where")
            }
        }
    }
}

/// Wraps an I/O fault with the file that it befell.
pub fn io(path: &std::path::Path) -> impl Fn(std::io::Error) -> Error + '_ {
    move |error| {
        use std::io::ErrorKind as K;
        let (code, words, next) = match error.kind() {
            K::NotFound => ("file-not-found", "there is no such file".to_owned(), "check the name"),
            K::PermissionDenied => {
                ("file-forbidden", "you may not read or write it".into(), "check the permissions")
            }
            K::StorageFull => {
                ("disk-full", "the disk is full".into(), "free some space and run it again")
            }
            K::InvalidData => ("file-unreadable", "it isn't UTF-8 text".into(), "check the file"),
            kind => ("file-unreadable", kind.to_string(), "check the disk and the file"),
        };
        Error::damaged(code, words).at(path.display()).next(next)
    }
}
