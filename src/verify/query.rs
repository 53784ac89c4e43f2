//! Questions in SQL that can change nothing and see no more than their role.
//!
//! SQLite's authorizer is asked for every column that a statement reads while it is prepared: only
//! the inner views may read tables (see `views`), and only functions that compute are let through.
//! Where a join's columns go unused, SQLite asks for the table alone and doesn't say on whose behalf;
//! so each query is first prepared where nothing but the views' names exists.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::functions::FunctionFlags;
use rusqlite::hooks::{AuthAction, Authorization};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};
use serde_json::Value;

use crate::base::error::{Error, Result};
use crate::base::secret::{Randomness, RecordKey, Sealed, SystemRandomness, apply_seal};
use crate::profile::pack::Unpacker;
use crate::profile::record::value_text;
use crate::store::{reader, refuse_backup};

use super::sql;
use super::views::{self, Role};

/// How much a query may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows of the answer.
    pub rows: usize,
    /// Time to compute.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { rows: 100_000, time: Duration::from_secs(60) }
    }
}

/// An answer: column names, and rows of JSON values (blobs as hexadecimal text).
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than the limit.
    pub cut: bool,
}

/// Functions that compute and see nothing but their arguments.
const FUNCTIONS: &[&str] = &[
    "abs",
    "avg",
    "ceil",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "date",
    "datetime",
    "dense_rank",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_object",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "lower",
    "ltrim",
    "max",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "percent_rank",
    "printf",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "time",
    "timediff",
    "total",
    "trim",
    "typeof",
    "unicode",
    "unixepoch",
    "upper",
    "->",
    "->>",
];

fn refused(role: Role) -> Error {
    let next = match role {
        Role::Operator => {
            "ask the views v_* of VIEWS.md, one SELECT at a time: the operator's role reads all of them \
             with their contents, no table behind them, and changes nothing"
        }
        Role::Auditor => {
            "ask the views v_* of VIEWS.md, one SELECT at a time: the auditor's role reads them without \
             what names a person, no table behind them, and changes nothing"
        }
    };
    Error::no(
        "query-forbidden",
        "the query asks for more than its role may see, or to change something",
    )
    .next(next)
}

/// Asks a store. `before_reading` is called once the query is known to be allowed and before any row
/// is read; it is told whether the query opens personal data.
///
/// # Errors
/// `query-forbidden`, `query-unreadable` (with SQLite's words about the query itself),
/// `query-too-long`; errors never quote data.
pub fn ask(
    path: &Path,
    role: Role,
    limits: Limits,
    query: &str,
    before_reading: &mut dyn FnMut(Opens) -> Result<()>,
) -> Result<Answer> {
    names_only_views(role, query)?;
    let mut conn = reader(path)?;
    refuse_backup(&conn, path)?;
    let (opened, prefix) = prepare(&mut conn, role)?;
    let computed = sql::computed_tables(&conn)?;
    let allowed = Arc::clone(&opened);
    conn.authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| {
        let inside = context.accessor.is_some_and(|name| name.starts_with(&prefix));
        match context.action {
            AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
            AuthAction::Read { .. } if inside => Authorization::Allow,
            // What these tables hold is computed from what the query gives them.
            AuthAction::Read { table_name: "json_each" | "json_tree", .. } => Authorization::Allow,
            // A table of a view, or a part of the query with a name of its own (`with`), from which nothing
            // is taken: the query itself names neither tables nor what any file of SQLite has.
            AuthAction::Read { table_name, column_name: "" }
                if !table_name.starts_with("sqlite_")
                    && !table_name.starts_with("pragma_")
                    && !computed.contains(table_name) =>
            {
                Authorization::Allow
            }
            AuthAction::Read { table_name, .. } => {
                let known = views::VIEWS.iter().any(|view| view.name == table_name);
                let inner = context.accessor.is_some() && table_name.starts_with(&prefix);
                if known || inner { Authorization::Allow } else { Authorization::Deny }
            }
            AuthAction::Function { function_name } => {
                if inside && function_name.starts_with("candor_") {
                    allowed.store(true, Ordering::Relaxed);
                    return Authorization::Allow;
                }
                let known = FUNCTIONS.iter().any(|name| function_name.eq_ignore_ascii_case(name));
                if known { Authorization::Allow } else { Authorization::Deny }
            }
            _ => Authorization::Deny,
        }
    }))?;
    let end = Instant::now() + limits.time;
    conn.progress_handler(10_000, Some(move || Instant::now() > end))?;
    let mut statement = conn.prepare(query).map_err(|error| preparing(role, &error))?;
    if !statement.readonly() || statement.column_count() == 0 {
        return Err(refused(role));
    }
    let opens = if opened.load(Ordering::Relaxed) { Opens::Personal } else { Opens::Nothing };
    before_reading(opens)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut answer = Answer { columns, rows: Vec::new(), cut: false };
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| running(&error))? {
        if answer.rows.len() == limits.rows {
            answer.cut = true;
            break;
        }
        let cells = 0..answer.columns.len();
        let cells = cells.map(|i| Ok(json(row.get_ref(i).map_err(|error| running(&error))?)));
        answer.rows.push(cells.collect::<Result<_>>()?);
    }
    Ok(answer)
}

/// Refuses a query that names anything but the role's views, in a place where nothing else is.
fn names_only_views(role: Role, query: &str) -> Result<()> {
    let empty = Connection::open_in_memory()?;
    for view in views::VIEWS {
        let columns: Vec<&str> = view
            .columns
            .iter()
            .filter(|column| role == Role::Operator || !column.opens)
            .map(|column| column.name)
            .collect();
        empty.execute_batch(&sql::stand_in(view.name, &columns))?;
    }
    match empty.prepare(query) {
        Ok(_) => Ok(()),
        Err(error) if error.to_string().contains("no such table") => Err(refused(role)),
        Err(error) => Err(preparing(role, &error)),
    }
}

/// Whether a query opens what is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// It reads integers and texts of the policy.
    Nothing,
    /// It opens values or events.
    Personal,
}

/// Makes the views; returns the flag for opened contents and the inner views' secret prefix.
fn prepare(conn: &mut Connection, role: Role) -> Result<(Arc<AtomicBool>, String)> {
    let mut random = [0; 16];
    SystemRandomness.fill(&mut random);
    let prefix = format!("inner_{}_", crate::store::hex(&random));
    // Views may call only what is declared harmless, because the store's schema isn't trusted.
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    if role == Role::Operator {
        let unseal = |kind: Sealed, context: &rusqlite::functions::Context<'_>| {
            let key: Vec<u8> = context.get(0)?;
            let mut body: Vec<u8> = context.get(2)?;
            let key = RecordKey(key.try_into().unwrap_or([0; 32]));
            apply_seal(&key, kind, context.get(1)?, &mut body);
            Ok::<_, rusqlite::Error>(body)
        };
        conn.create_scalar_function("candor_value", 3, flags, move |context| {
            Ok(value_text(&unseal(Sealed::Value, context)?).ok())
        })?;
        let unpacker = std::sync::Mutex::new(Unpacker::new(conn)?);
        conn.create_scalar_function("candor_event", 3, flags, move |context| {
            let body = unseal(Sealed::Event, context)?;
            let opened = unpacker.lock().ok().and_then(|mut unpacker| unpacker.unpack(&body).ok());
            Ok(opened.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        })?;
    }
    conn.execute_batch(&views::script(role, &prefix))?;
    Ok((Arc::new(AtomicBool::new(false)), prefix))
}

fn preparing(role: Role, error: &rusqlite::Error) -> Error {
    if error.sqlite_error_code() == Some(ErrorCode::AuthorizationForStatementDenied) {
        return refused(role);
    }
    match error {
        // These are SQLite's words about the query; no row was read yet.
        rusqlite::Error::SqlInputError { msg, .. } if msg.contains("prohibited") => refused(role),
        rusqlite::Error::SqlInputError { msg, offset, .. } if !msg.contains("inner_") => {
            Error::usage("query-unreadable", format!("{msg}, at character {offset}"))
                .next("src/verify/VIEWS.md lists the views and their columns")
        }
        rusqlite::Error::MultipleStatement => {
            Error::usage("query-unreadable", "only one statement can be asked at a time")
                .next("ask them one after the other")
        }
        _ => refused(role),
    }
}

fn running(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            Error::no("query-too-long", "the query took longer than it may")
                .next("ask for less at once")
        }
        _ => Error::no("query-failed", "the query failed while it ran; what it read isn't told")
            .next("ask in another way; if that fails too, run `candor audit verify`"),
    }
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(bytes) => crate::store::hex(bytes).into(),
    }
}
