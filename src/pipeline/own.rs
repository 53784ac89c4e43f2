//! Takes in what a person says on a page of their own: one row of the source that the policy marks as theirs.
//!
//! It goes the way of any row: the consent that it carries first, then the gate for the address that it is
//! said for. So a yes brings what it needs with it, a person who was erased comes back by it, and it is
//! counted in the source's import of the day.

use crate::base::error::Result;
use crate::collect::Record as Inbound;
use crate::policy::rulebook::Rulebook;
use crate::profile::items::Looking;
use crate::store::{WordKind, Writer};

use super::admit::Admission;
use super::intake::DAY_MS;
use super::sql;
use super::summary::Summary;

/// Takes one row of a source in, within a transaction.
///
/// # Errors
/// Those of writing.
pub fn take(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    source: &str,
    row: &mut Inbound,
) -> Result<()> {
    let code = writer.words.code(WordKind::Source, source).unwrap_or(0);
    let day = writer.now.0.div_euclid(DAY_MS).to_string();
    let version = rules.version.to_string();
    let print = writer.secret.fingerprint("own page", &[source, &day, &version]);
    let (import, mut summary) = match sql::running_import(writer.conn, code, &print)? {
        Some(row) => (row.id, serde_json::from_str(&row.totals).unwrap_or_default()),
        None => {
            sql::finish_intakes(writer.conn, code, writer.now.0)?;
            let policy = i64::from(rules.version);
            let id = sql::insert_import(writer.conn, code, &print, policy, writer.now.0)?;
            (id, Summary::default())
        }
    };
    summary.rows += 1;
    row.line = summary.rows;
    let mut admission = Admission::new(writer, rules, source, import, Looking::Exact)?;
    let mut items = admission.begin_batch(writer)?;
    admission.admit(writer, &mut items, row, &mut summary, &mut |_| {})?;
    admission.end_batch(writer, items, &mut summary)?;
    let totals = serde_json::to_string(&summary.to_keep()).expect("counts are JSON");
    let line = i64::try_from(summary.rows + 1).unwrap_or(i64::MAX);
    sql::put_progress(writer.conn, import, line, &totals)
}
