//! One record in memory: its key, its subject, and what its source said last.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::policy::rulebook::PurposeMask;
use crate::store::Words;

use super::sql;

/// A stored value, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredValue {
    /// Its row.
    pub seq: i64,
    /// Its record.
    pub record: i64,
    /// The code of its field.
    pub field: i64,
    /// The purposes that admitted it.
    pub purposes: PurposeMask,
    /// When it was observed.
    pub observed_at: Moment,
    /// Whether the same source has said something newer.
    pub current: bool,
    /// What the source said.
    pub text: String,
}

/// The canonical bytes of a value: what is committed to, and what is sealed. The purposes that
/// admitted it stand in it too, so that nobody can widen them afterwards.
/// So does the record's home, so that nobody can say it was born as somebody else's.
pub fn value_bytes(
    field: &str,
    home: i64,
    purposes: PurposeMask,
    observed_at: Moment,
    text: &str,
) -> Vec<u8> {
    // Keys in byte order, no white space: the restricted JCS of the ledger.
    let text = serde_json::Value::String(text.to_owned());
    let at = observed_at.0;
    format!(r#"{{"at":{at},"field":"{field}","for":{purposes},"home":{home},"value":{text}}}"#)
        .into_bytes()
}

/// Reads the text out of canonical value bytes.
pub fn value_text(bytes: &[u8]) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        value: String,
    }
    serde_json::from_slice::<Body>(bytes).map(|body| body.value).map_err(|_| unreadable("value"))
}

/// The error of a sealed row that doesn't open.
pub fn unreadable(what: &str) -> Error {
    Error::damaged("row-unreadable", format!("a stored {what} doesn't open under its record's key"))
        .next("run `candor audit verify --deep` to find it")
}

/// A record with its key and its current values.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its row.
    pub id: i64,
    /// The subject it belongs to.
    pub subject: i64,
    /// The subject it was born into.
    pub birth: i64,
    /// The same, or the one that it was parted into since.
    pub home: i64,
    /// Its source's code.
    pub source: i64,
    /// Its key.
    pub key: RecordKey,
    /// The newest of its values (0: none).
    pub last_value: i64,
    /// What its source said last, by field.
    pub current: HashMap<i64, StoredValue>,
}

impl Record {
    /// Reads a record with its current values.
    pub fn load(conn: &Connection, words: &Words, id: i64) -> Result<Record> {
        let mut record = Record::of_row(id, &sql::record(conn, id)?, sql::record_key(conn, id)?);
        record.load_values(conn, words)?;
        Ok(record)
    }

    /// A record without its values, which [`Record::load_values`] reads when they matter.
    pub(crate) fn of_row(id: i64, row: &sql::RecordRow, key: RecordKey) -> Record {
        Record {
            id,
            subject: row.subject,
            birth: row.birth,
            home: row.home,
            source: row.source,
            key,
            last_value: row.last_value,
            current: HashMap::new(),
        }
    }

    /// Reads the current values.
    pub(crate) fn load_values(&mut self, conn: &Connection, words: &Words) -> Result<()> {
        for value in values(conn, words, &self.key, self.last_value)? {
            if value.current {
                self.current.insert(value.field, value);
            }
        }
        Ok(())
    }

    /// The current text of a field.
    pub fn text(&self, field: i64) -> Option<&str> {
        self.current.get(&field).map(|value| value.text.as_str())
    }
}

/// All values of a record that still hold something, newest first, superseded ones too.
pub fn values(
    conn: &Connection,
    words: &Words,
    key: &RecordKey,
    last_value: i64,
) -> Result<Vec<StoredValue>> {
    let mut all = Vec::new();
    let mut seq = last_value;
    while seq != 0 {
        let row = sql::value(conn, seq)?;
        let state = row.state;
        seq = row.prev;
        if state == sql::VALUE_ERASED {
            continue;
        }
        let mut body = row.body;
        apply_seal(key, Sealed::Value, row.seq, &mut body);
        all.push(StoredValue {
            seq: row.seq,
            record: row.record,
            field: row.field,
            purposes: words.mask_of(row.purposes),
            observed_at: Moment(row.observed_at),
            current: state == sql::VALUE_CURRENT,
            text: value_text(&body)?,
        });
    }
    Ok(all)
}
