//! `sql`: asks the store, read-only.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::store::{Access, key_path};
use candor::verify::query::{self, Limits, Opens};
use candor::verify::views;
use serde_json::{Map, Value, json};

use crate::args::{Role, Sql};
use crate::{Answer, Context, is_unwritable};

pub fn run(context: &Context, args: &Sql) -> Result<Answer> {
    let role = match args.role {
        Role::Operator => views::Role::Operator,
        Role::Auditor => views::Role::Auditor,
    };
    let path = context.path()?;
    // Whoever opens people's data is on record before the first row is read.
    let mut record = |opens| {
        if opens == Opens::Personal && key_path(path).exists() {
            let noted = context.open(Access::Write).and_then(|mut store| {
                let note = json!({"role": "operator"});
                store.write(Moment::now(), |w| w.append("access.query", note))
            });
            match noted {
                Err(error) if is_unwritable(&error) => context.out.note(
                    "the store can't be written, so the ledger can't note that this was asked",
                ),
                noted => drop(noted?),
            }
        }
        Ok(())
    };
    let answer = query::ask(path, role, Limits::default(), &args.query, &mut record)?;
    if context.out.is_json() {
        let rows: Vec<Value> = answer
            .rows
            .iter()
            .map(|row| {
                Value::Object(
                    answer.columns.iter().cloned().zip(row.clone()).collect::<Map<_, _>>(),
                )
            })
            .collect();
        context.out.give(&rows);
    } else {
        context.out.say(answer.columns.join("\t"));
        for row in &answer.rows {
            context.out.say(row.iter().map(cell).collect::<Vec<_>>().join("\t"));
        }
    }
    if answer.cut {
        context.out.note("there are more rows than these; ask for less at once");
    }
    Ok(Answer::Yes)
}

/// A value for a terminal, which data must not steer.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
