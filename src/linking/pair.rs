//! Two records side by side, and why they are one person's or not: in bits, in words, and as a picture.
//!
//! Nothing of it is stored: what is known of a pair is compared anew each time, by the model that was
//! learned last, so whoever was erased stands in no explanation.

use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::identity::{Explanation, Model, Scales, Step, explain};
use crate::policy::rulebook::Rulebook;
use crate::profile::merge::public_text;
use crate::profile::sql as profile_sql;
use crate::store::Store;
use crate::view::{Bar, Block, Chart, Document, NoteKind, Table};

use super::sql;
use super::takes_part::{Asking, LeftOut, Person, Taking};

const KEPT_APART: &str = "Somebody decided that they are two people, or one of them objected to being linked. \
     That stands also when the objection is lifted; `candor profile merge` joins them.";

/// One of the two: a record and the profile that it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The record's number.
    pub record: i64,
    /// Its source.
    pub source: String,
    /// The subject's id.
    pub subject: String,
    /// How many records the profile has.
    pub records: u64,
}

/// What the two say in one field. The records are what is weighed; what else their profiles say stands apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldPair {
    /// The field.
    pub field: &'static str,
    /// What the first record says.
    pub a: Vec<String>,
    /// What the second says.
    pub b: Vec<String>,
    /// What the other records of the first one's profile say, where they differ.
    pub beside_a: Vec<String>,
    /// Of the second one's.
    pub beside_b: Vec<String>,
}

/// Two records, what they say, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The first.
    pub a: Side,
    /// The second.
    pub b: Side,
    /// What is known to stand: `one profile`, `kept apart`, `related`, or `open`.
    pub stands: &'static str,
    /// What both say, field by field.
    pub fields: Vec<FieldPair>,
    /// Why they are one person's or not.
    pub why: Explanation,
    /// The version of the model that says so.
    pub model: i64,
}

/// Explains two records.
///
/// # Errors
/// `linking-undeclared`, `linking-unlearned` before the first run, `record-left-out` where one of the two
/// may not be compared.
pub fn pair(store: &Store, rules: &Rulebook, now: Moment, records: (i64, i64)) -> Result<Pair> {
    let lookout = Lookout::new(store, rules, now)?;
    lookout.pair(records)
}

/// Explains the two records of two profiles that speak most for their being one person.
///
/// # Errors
/// As [`pair()`].
pub fn likeliest(
    store: &Store,
    rules: &Rulebook,
    now: Moment,
    subjects: (i64, i64),
) -> Result<Pair> {
    let lookout = Lookout::new(store, rules, now)?;
    let rows = |subject: i64| {
        let rows = (0..).zip(&lookout.taking.subjects);
        rows.filter(move |(_, of)| **of == subject).map(|(row, _)| row)
    };
    let scales = Scales::new(&lookout.model, &lookout.taking.table);
    let mut best: Option<(f32, (u32, u32))> = None;
    for a in rows(subjects.0) {
        for b in rows(subjects.1).filter(|b| *b != a) {
            let weight = scales.weigh_records(&lookout.taking.table, a, b, f32::MIN);
            let bits = weight.map_or(f32::MIN, crate::identity::Weight::bits);
            if best.is_none_or(|(most, _)| bits > most) {
                best = Some((bits, (a, b)));
            }
        }
    }
    match best {
        Some((_, (a, b))) => {
            let records = &lookout.taking.records;
            lookout.pair((records[a as usize], records[b as usize]))
        }
        None => {
            // One of them has nothing that may be compared: the first record says why.
            let first = |subject| profile_sql::records_of(store.conn(), subject).map(|all| all[0]);
            lookout.pair((first(subjects.0)?, first(subjects.1)?))
        }
    }
}

/// All that explaining needs: the records that may be compared, and what was learned.
struct Lookout<'a> {
    store: &'a Store,
    asking: Asking<'a>,
    taking: Taking,
    model: Model,
    version: i64,
}

impl<'a> Lookout<'a> {
    fn new(store: &'a Store, rules: &'a Rulebook, now: Moment) -> Result<Lookout<'a>> {
        let asking = Asking::new(store.words(), rules, now);
        let taking = Taking::load(store, &asking)?;
        let (model, version) = learned(store)?;
        Ok(Lookout { store, asking, taking, model, version })
    }

    fn pair(&self, (a, b): (i64, i64)) -> Result<Pair> {
        let conn = self.store.conn();
        let subject = |record| profile_sql::record(conn, record).map(|row| row.subject);
        let subjects = (subject(a)?, subject(b)?);
        let persons = (
            self.asking.person(conn, self.store.words(), subjects.0)?,
            self.asking.person(conn, self.store.words(), subjects.1)?,
        );
        for (person, record) in [(&persons.0, a), (&persons.1, b)] {
            person.of(record).map_err(|reason| left_out(record, reason))?;
        }
        let rows = self.taking.row(a).zip(self.taking.row(b));
        let (row_a, row_b) = rows.ok_or_else(|| {
            Error::no("record-left-out", "a record of the two may not be compared")
                .next("`candor identity run --dry-run` tells who takes part")
        })?;
        let scales = Scales::new(&self.model, &self.taking.table);
        Ok(Pair {
            a: side(self.store, &persons.0, subjects.0, a)?,
            b: side(self.store, &persons.1, subjects.1, b)?,
            stands: stands(self.store, subjects)?,
            fields: fields((&persons.0, a), (&persons.1, b)),
            why: explain(&self.taking.table, &scales, row_a, row_b),
            model: self.version,
        })
    }
}

/// The model that was learned last, and its version.
pub(super) fn learned(store: &Store) -> Result<(Model, i64)> {
    let row = sql::latest_model(store.conn())?.ok_or_else(|| {
        Error::no("linking-unlearned", "nothing was learned yet of how records agree")
            .next("run `candor identity run` first")
    })?;
    let model = serde_json::from_str(&row.body).map_err(|_| {
        Error::damaged(
            "model-unreadable",
            format!("the model of version {} can't be read", row.version),
        )
        .next("run `candor audit verify --deep`")
    })?;
    Ok((model, row.version))
}

fn left_out(record: i64, reason: LeftOut) -> Error {
    Error::no("record-left-out", format!("record {record} may not be compared: {}", reason.words))
        .next("`candor identity run --dry-run` tells who takes part")
}

fn side(store: &Store, person: &Person, subject: i64, record: i64) -> Result<Side> {
    let known = person.records.iter().find(|known| known.id == record);
    Ok(Side {
        record,
        source: known.map(|known| known.source.clone()).unwrap_or_default(),
        subject: public_text(profile_sql::public_id(store.conn(), subject)?),
        records: person.records.len() as u64,
    })
}

/// What is known to stand between two records.
fn stands(store: &Store, subjects: (i64, i64)) -> Result<&'static str> {
    if subjects.0 == subjects.1 {
        return Ok("one profile");
    }
    let (mut apart, mut related) = (false, false);
    for record in profile_sql::records_of(store.conn(), subjects.0)? {
        for link in profile_sql::links_of(store.conn(), record)? {
            let other = if link.a == record { link.b } else { link.a };
            if profile_sql::record(store.conn(), other)?.subject == subjects.1 {
                apart |= link.kind == profile_sql::LINK_CANNOT;
                related |= link.kind == profile_sql::LINK_RELATED;
            }
        }
    }
    Ok(match (apart, related) {
        (_, true) => "related",
        (true, false) => "kept apart",
        (false, false) => "open",
    })
}

fn fields(a: (&Person, i64), b: (&Person, i64)) -> Vec<FieldPair> {
    let (a, b) = (said(a.0, a.1), said(b.0, b.1));
    let order = std::iter::once("name")
        .chain(crate::identity::Field::ALL.iter().map(|field| field.about().name));
    let texts = |all: &[Words], field: &str, own: bool| -> Vec<String> {
        let of = all.iter().filter(|said| said.field == field && said.own == own);
        of.map(|said| said.text.clone()).collect()
    };
    order
        .map(|field| FieldPair {
            field,
            a: texts(&a, field, true),
            b: texts(&b, field, true),
            beside_a: texts(&a, field, false),
            beside_b: texts(&b, field, false),
        })
        .filter(|pair| {
            [&pair.a, &pair.b, &pair.beside_a, &pair.beside_b].iter().any(|said| !said.is_empty())
        })
        .collect()
}

/// What somebody says in a field, and whether the record does that is compared.
struct Words {
    field: &'static str,
    text: String,
    own: bool,
}

/// What a person's records say, the named record's words first, nothing twice.
fn said(person: &Person, record: i64) -> Vec<Words> {
    let mut all: Vec<Words> = Vec::new();
    let own = person.records.iter().zip(&person.answers).filter(|(known, _)| known.id == record);
    let others = person.records.iter().zip(&person.answers).filter(|(known, _)| known.id != record);
    for (known, answer) in own.chain(others) {
        for (field, text) in answer.iter().flat_map(|texts| texts.shown()) {
            if !all.iter().any(|said| said.field == field && said.text == text) {
                all.push(Words { field, text: text.to_owned(), own: known.id == record });
            }
        }
    }
    all
}

/// A probability as people read it.
pub(super) fn percent(probability: f32) -> String {
    match probability {
        p if p > 0.999 => "over 99.9 %".to_owned(),
        p if p < 0.001 => "under 0.1 %".to_owned(),
        p => format!("{:.1} %", p * 100.0),
    }
}

impl Pair {
    /// The pair as a waterfall of bits.
    pub fn chart(&self) -> Chart {
        let bar = |label: String, bits: f32| Bar {
            label,
            thousandths: super::findings::thousandths(bits),
        };
        let steps = self.why.steps.iter().map(|step| bar(label(step), step.bits)).collect();
        Chart::waterfall(
            format!("What each step adds, records {} and {}", self.a.record, self.b.record),
            "bits",
            steps,
            bar("together".into(), self.why.bits),
        )
    }

    /// The pair for people.
    pub fn document(&self) -> Document {
        let (a, b) = (&self.a, &self.b);
        let mut document = Document::new(
            format!("Are records {} and {} one person's?", a.record, b.record),
            format!("By model {}", self.model),
        );
        let why = &self.why;
        document.push(Block::Facts(vec![
            ("one person".into(), percent(why.probability)),
            ("one household".into(), percent(why.household)),
            ("stands now".into(), self.stands.into()),
        ]));
        if self.stands == "kept apart" {
            document.push(Block::Note(NoteKind::Info, KEPT_APART.into()));
        }
        document.push(Block::Heading(2, "What they say".into()));
        let head = |side: &Side| format!("{} of {}", side.record, side.source);
        let mut table = Table::new("", ["field".to_owned(), head(a), head(b)]);
        table.push([
            "profile".to_owned(),
            format!("{}, {}", a.subject, records(a.records)),
            format!("{}, {}", b.subject, records(b.records)),
        ]);
        for pair in &self.fields {
            let cell = |own: &[String], beside: &[String]| match beside {
                [] => own.join("; "),
                some => format!("{} (its profile: {})", own.join("; "), some.join("; ")),
            };
            let (a, b) = (cell(&pair.a, &pair.beside_a), cell(&pair.b, &pair.beside_b));
            table.push([pair.field.to_owned(), a.trim().to_owned(), b.trim().to_owned()]);
        }
        document.push(Block::Table(table));
        document.push(Block::Heading(2, "What it weighs".into()));
        let mut table = Table::new("", ["what", "found", "shared by", "bits"]);
        for step in &why.steps {
            let shared =
                if step.shared_by == 0 { String::new() } else { step.shared_by.to_string() };
            table.push([
                step.what.to_owned(),
                step.found.clone(),
                shared,
                format!("{:+.1}", step.bits).replace('-', "\u{2212}"),
            ]);
        }
        document.push(Block::Table(table));
        document.push(Block::Chart(self.chart()));
        document.push(Block::Note(NoteKind::Info, self.in_words()));
        document
    }

    /// What the waterfall says, in sentences that hold nothing personal.
    pub fn in_words(&self) -> String {
        let steps = &self.why.steps;
        // What corrects the sum of an address speaks neither for nor against anybody.
        let is_found = |step: &&Step| !matches!(step.what, "prior" | "address");
        let extreme = |sign: f32| {
            let told = steps.iter().filter(is_found).filter(|step| step.bits * sign > 0.5);
            told.max_by(|x, y| (x.bits * sign).total_cmp(&(y.bits * sign)))
        };
        let mut words = vec![format!(
            "Each bit doubles the odds; the steps add up to {:+.1}, which is {}.",
            self.why.bits,
            percent(self.why.probability)
        )];
        words.extend(
            extreme(1.0).map(|step| format!("Most speaks for one person: {}.", told(step))),
        );
        words.extend(extreme(-1.0).map(|step| format!("Most speaks against it: {}.", told(step))));
        if self.why.household > 0.5 {
            words.push("They are rather two members of one household.".into());
        }
        words.join(" ")
    }
}

fn label(step: &Step) -> String {
    match step.shared_by {
        0 => step.what.to_owned(),
        n => format!("{} (shared by {n})", step.what),
    }
}

fn told(step: &Step) -> String {
    format!("{} ({})", step.what, step.found)
}

fn records(count: u64) -> String {
    crate::view::counted(count, "record", "records")
}

/// What stands behind a name of one of the two: a record's number, or a person.
pub fn record_named(store: &Store, name: &str) -> Result<Option<i64>> {
    let Ok(record) = name.parse::<i64>() else { return Ok(None) };
    match profile_sql::has_record(store.conn(), record)? {
        true => Ok(Some(record)),
        false => Err(Error::no("record-unknown", format!("there is no record {record}"))
            .next("`candor profile show WHO` lists a person's records")),
    }
}

/// The subject that a record is of.
pub fn subject_of(store: &Store, record: i64) -> Result<i64> {
    Ok(profile_sql::record(store.conn(), record)?.subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_told_without_false_certainty() {
        assert_eq!(percent(1.0), "over 99.9 %");
        assert_eq!(percent(0.0), "under 0.1 %");
        assert_eq!(percent(0.873), "87.3 %");
    }
}
