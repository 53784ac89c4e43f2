//! Every statement that a recipient's database is asked: PostgreSQL's own, unlike those of the store.
//!
//! Names of tables and columns are quoted; values are parameters, whose types the columns decide. Functions
//! are named with their schema, so that none of the recipient's own is taken for them.

use std::fmt::Write;

use crate::policy::postgres::{Holds, Postgres};
use crate::policy::types::{Destination, Policy, ValueType};

/// Begins. By whatever a database is set to, each statement has to see what was done before it ran: a
/// deletion the row for which it waited.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Ends a statement that takes too long (milliseconds), so that none waits there for ever.
pub const PATIENCE: &str = "SELECT pg_catalog.set_config('statement_timeout', $1, true)";

/// Waits for whoever writes of the same person.
pub const ALONE: &str = "SELECT pg_catalog.pg_advisory_xact_lock($1::bigint)";

/// The server's clock (milliseconds).
pub const CLOCK: &str =
    "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint::text";

/// Whether it is before a moment of the server's clock; after a statement it says that this was in time.
pub const IN_TIME: &str =
    "SELECT ((extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint < $1::bigint)::text";

/// Ends it, and has it stand.
pub const COMMIT: &str = "COMMIT";

/// What every statement that changes something ends with; the parameter follows.
const WHILE_IN_TIME: &str = "(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint < $";

/// Writes a row, over the one that stands there already.
pub fn upsert(postgres: &Postgres, parts: &[Holds<'_>]) -> String {
    let columns: Vec<String> = parts.iter().map(|part| quoted(postgres.column(*part))).collect();
    let numbers: Vec<String> = (1..=parts.len()).map(|number| format!("${number}")).collect();
    let (key, others) = columns.split_first().expect("a row is known by its first column");
    let news: Vec<String> = others.iter().map(|name| format!("{name} = EXCLUDED.{name}")).collect();
    format!(
        "INSERT INTO {} ({}) SELECT {} WHERE {WHILE_IN_TIME}{}::bigint ON CONFLICT ({key}) DO UPDATE SET {}",
        table(postgres),
        columns.join(", "),
        numbers.join(", "),
        parts.len() + 1,
        news.join(", "),
    )
}

/// Takes every row of a person away.
pub fn delete(postgres: &Postgres) -> String {
    let person = quoted(postgres.column(Holds::Person));
    format!("DELETE FROM {} WHERE {person} = $1 AND {WHILE_IN_TIME}2::bigint", table(postgres))
}

/// What makes the table of a destination, and lets candor's user do there what it has to and nothing else.
pub fn create(policy: &Policy, destination: &Destination, postgres: &Postgres) -> String {
    let parts = destination.parts();
    let mut text = format!("CREATE TABLE {} (\n", table(postgres));
    for (at, part) in parts.iter().enumerate() {
        let key = if at == 0 { " PRIMARY KEY" } else { "" };
        let comma = if at + 1 < parts.len() { "," } else { "" };
        let (name, kind) = (quoted(postgres.column(*part)), kind(policy, *part));
        writeln!(text, "  {name} {kind}{key}{comma}").expect("writing to a string can't fail");
    }
    text += ");\n";
    let (table, user) = (table(postgres), quoted(&postgres.user));
    if !destination.events.is_empty() {
        let person = quoted(postgres.column(Holds::Person));
        writeln!(text, "CREATE INDEX ON {table} ({person});").expect("as above");
    }
    let schema = quoted(&postgres.schema);
    text + &format!(
        "GRANT USAGE ON SCHEMA {schema} TO {user};\nGRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {user};\n"
    )
}

/// The type of a column; any that reads the same text will do.
fn kind(policy: &Policy, part: Holds<'_>) -> &'static str {
    match part {
        Holds::Field(name) => match policy.type_of(name) {
            ValueType::Text => "text",
            ValueType::Date => "date",
            ValueType::Time => "timestamptz",
            ValueType::Integer | ValueType::Decimal => "numeric",
            ValueType::Boolean => "boolean",
        },
        Holds::At => "timestamptz NOT NULL",
        Holds::Property("amount") => "bigint",
        Holds::Property("lines") => "jsonb",
        Holds::Property(_) => "text",
        Holds::Person | Holds::Event => "text NOT NULL",
        Holds::Message => "text",
    }
}

fn table(postgres: &Postgres) -> String {
    format!("{}.{}", quoted(&postgres.schema), quoted(&postgres.table))
}

/// A name as it stands, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_say_nothing_but_itself() {
        let hostile = "a\"; DROP TABLE b; --";
        let postgres = Postgres {
            schema: "letters".to_owned(),
            table: hostile.to_owned(),
            columns: [("email".to_owned(), "E-Mail".to_owned())].into(),
            ..Postgres::default()
        };
        let parts = [Holds::Person, Holds::Field("email")];
        assert_eq!(
            upsert(&postgres, &parts),
            "INSERT INTO \"letters\".\"a\"\"; DROP TABLE b; --\" (\"candor_person\", \"E-Mail\") SELECT $1, $2 \
             WHERE (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint < $3::bigint \
             ON CONFLICT (\"candor_person\") DO UPDATE SET \"E-Mail\" = EXCLUDED.\"E-Mail\""
        );
        assert_eq!(
            delete(&postgres),
            "DELETE FROM \"letters\".\"a\"\"; DROP TABLE b; --\" WHERE \"candor_person\" = $1 AND \
             (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint < $2::bigint"
        );
    }

    #[test]
    fn a_table_has_the_types_of_what_comes() {
        let text = include_str!("../../../fixtures/postgres/policy.toml");
        let policy = crate::policy::check(text).expect("it has no mistakes").policy;
        let create = |name: &str| {
            let destination = &policy.destinations[name];
            create(&policy, destination, destination.postgres().expect("it is a table"))
        };
        let grants = "GRANT USAGE ON SCHEMA \"letters\" TO \"candor\";\n\
                      GRANT SELECT, INSERT, UPDATE, DELETE ON \"letters\".";
        assert_eq!(
            create("readers"),
            format!(
                "CREATE TABLE \"letters\".\"readers\" (\n  \"candor_person\" text NOT NULL PRIMARY KEY,\n  \
                 \"email\" text,\n  \"vorname\" text,\n  \"born\" date\n);\n{grants}\"readers\" TO \"candor\";\n"
            )
        );
        let orders = create("orders");
        for line in [
            "  \"candor_message\" text PRIMARY KEY,\n  \"candor_person\" text NOT NULL,\n",
            "  \"candor_at\" timestamptz NOT NULL,\n",
            "  \"amount\" bigint\n);\nCREATE INDEX ON \"letters\".\"orders\" (\"candor_person\");\n",
        ] {
            assert!(orders.contains(line), "{orders}");
        }
    }
}
