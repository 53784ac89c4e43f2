//! Attacks with SQL on any row of any table: what there is to attack is read from the file's own schema.

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::claimed::{columns, texts};
use super::dice::{Dice, scratch};

/// What is done to rows.
#[derive(Clone, Copy)]
pub enum Deed {
    Edit,
    Delete,
    Swap,
    Insert,
}

/// Opens a store as somebody does who may write its file: no trigger stands in the way.
pub fn open(path: &std::path::Path) -> Connection {
    let conn = Connection::open(path).expect("the file was put there");
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).expect("SQLite knows it");
    conn.execute_batch("PRAGMA synchronous = OFF").expect("SQLite knows it");
    conn
}

/// Every table but those named; all of them when none is.
pub fn tables(conn: &Connection, only: &[&str]) -> Vec<String> {
    let names = texts(conn, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let names = names.expect("the schema is readable");
    names.into_iter().filter(|name| only.is_empty() || only.contains(&name.as_str())).collect()
}

/// Does it to one row (or two) of one of the tables, so that something is other than before.
pub fn attack(dice: &mut Dice, conn: &Connection, tables: &[String], deed: Deed) {
    for _ in 0..1000 {
        let table = Table::read(conn, dice.one::<String>(tables));
        conn.execute_batch("BEGIN").expect("nobody else writes");
        let done = !table.rows.is_empty() && table.suffer(dice, conn, deed).is_ok();
        let same = done && Table::read(conn, &table.name).rows == table.rows;
        let end = if done && !same { "COMMIT" } else { "ROLLBACK" };
        // SQLite may find at the commit that it can't be.
        if conn.execute_batch(end).is_ok() && end == "COMMIT" {
            return;
        }
        if !conn.is_autocommit() {
            conn.execute_batch("ROLLBACK").expect("a transaction can be taken back");
        }
    }
    panic!("nothing could be attacked in {tables:?}");
}

struct Table {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    fn read(conn: &Connection, name: &str) -> Table {
        let columns = columns(conn, name).expect("the table is there");
        let mut statement = conn.prepare(&format!("SELECT * FROM \"{name}\"")).expect("as above");
        let rows = statement
            .query_map([], |row| (0..columns.len()).map(|i| row.get(i)).collect())
            .and_then(Iterator::collect::<rusqlite::Result<_>>);
        // Text that isn't UTF-8 any more can't be read; then there is nothing more to attack.
        Table { name: name.to_owned(), rows: rows.unwrap_or_default(), columns }
    }

    fn suffer(&self, dice: &mut Dice, conn: &Connection, deed: Deed) -> rusqlite::Result<()> {
        let at = dice.below(self.rows.len());
        let row = &self.rows[at];
        let column = dice.below(self.columns.len());
        match deed {
            Deed::Edit => {
                let mut changed = row.clone();
                changed[column] = self.other(dice, row, column);
                self.delete(conn, row)?;
                self.insert(conn, &changed)
            }
            Deed::Delete => self.delete(conn, row),
            Deed::Swap => {
                let other = &self.rows[dice.below(self.rows.len())];
                let (mut a, mut b) = (row.clone(), other.clone());
                std::mem::swap(&mut a[column], &mut b[column]);
                self.delete(conn, row)?;
                self.delete(conn, other)?;
                self.insert(conn, &a)?;
                self.insert(conn, &b)
            }
            Deed::Insert => {
                let mut fresh = row.clone();
                for _ in 0..=dice.below(3) {
                    let column = dice.below(self.columns.len());
                    fresh[column] = self.other(dice, &fresh, column);
                }
                self.insert(conn, &fresh)
            }
        }
    }

    /// Another value for a column: near, far, or another row's.
    fn other(&self, dice: &mut Dice, row: &[Value], column: usize) -> Value {
        if dice.once_in(4) {
            return self.rows[dice.below(self.rows.len())][column].clone();
        }
        match &row[column] {
            Value::Integer(number) => Value::Integer(match dice.below(8) {
                0 | 1 => number.wrapping_add(1),
                2 | 3 => number.wrapping_sub(1),
                4 => number ^ (1 << dice.below(63)),
                5 => 0,
                6 => i64::try_from(dice.below(100)).expect("it is small"),
                _ => dice.next().cast_signed(),
            }),
            Value::Blob(bytes) => Value::Blob(match dice.below(6) {
                0 => vec![0; bytes.len()],
                1 => dice.bytes(bytes.len()),
                _ => scratch(dice, bytes),
            }),
            Value::Text(text) => {
                let changed = scratch(dice, text.as_bytes());
                Value::Text(String::from_utf8_lossy(&changed).into_owned())
            }
            other => other.clone(),
        }
    }

    fn delete(&self, conn: &Connection, row: &[Value]) -> rusqlite::Result<()> {
        let all: Vec<String> = self.columns.iter().map(|name| format!("\"{name}\" IS ?")).collect();
        let sql = format!("DELETE FROM \"{}\" WHERE {}", self.name, all.join(" AND "));
        conn.prepare_cached(&sql)?.execute(params_from_iter(row))?;
        Ok(())
    }

    fn insert(&self, conn: &Connection, row: &[Value]) -> rusqlite::Result<()> {
        let marks = vec!["?"; row.len()].join(", ");
        let sql = format!("INSERT INTO \"{}\" VALUES ({marks})", self.name);
        conn.prepare_cached(&sql)?.execute(params_from_iter(row))?;
        Ok(())
    }
}

/// Changes the declaration of a table, an index or a trigger, or adds or drops one.
pub fn attack_schema(dice: &mut Dice, conn: &Connection) {
    let mut of = |kind: &str| {
        let query =
            format!("SELECT name FROM sqlite_schema WHERE type = '{kind}' AND sql NOT NULL");
        dice.one(&texts(conn, &query).expect("the schema is readable")).clone()
    };
    let (index, trigger) = (of("index"), of("trigger"));
    let sql = match dice.below(7) {
        0 => format!("DROP INDEX {index}"),
        1 => format!("DROP TRIGGER {trigger}"),
        2 => "CREATE TABLE more (text TEXT)".to_owned(),
        3 => "CREATE INDEX more ON entry (leaf)".to_owned(),
        4 => "CREATE VIEW more AS SELECT * FROM entry".to_owned(),
        5 => {
            "CREATE TRIGGER more AFTER INSERT ON entry BEGIN DELETE FROM statement; END".to_owned()
        }
        _ => format!("PRAGMA user_version = {}", [0, 2, 3, -1][dice.below(4)]),
    };
    conn.execute_batch(&sql).expect("the schema can be changed");
}
