//! How linking stands: persons and links, the biggest profiles, links that deserve a look, identifiers
//! that several people share, the questions that wait, and what was learned. It names profiles by their
//! ids and says nothing of what they hold.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::identity::{Field, Model};
use crate::policy::rulebook::Rulebook;
use crate::profile::merge::public_text;
use crate::profile::sql as profile_sql;
use crate::store::{Store, WordKind};
use crate::view::{Bar, Block, Chart, Document, NoteKind, Table, counted};

use super::bridges::{Bridge, Edge, bridges};
use super::pair::learned;
use super::review::state_word;
use super::run::{Done, LeftOutCount, look};
use super::sql;

/// Rows of the tables of biggest profiles and of bridges, at most.
const ROWS_MAX: usize = 20;

/// A bridge is suspicious from so many records on its smaller side.
const SIDE_LEAST: usize = 2;

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// As of when.
    pub as_of: String,
    /// The purposes under which records are linked.
    pub purposes: Vec<String>,
    /// Records that take part.
    pub records: u64,
    /// Records that don't, by reason.
    pub left_out: Vec<LeftOutCount>,
    /// Profiles in the store.
    pub persons: u64,
    /// How many profiles have how many records.
    pub sizes: Vec<Size>,
    /// Standing links by kind; of relations those between two profiles.
    pub links: Vec<LinkCount>,
    /// The biggest profiles.
    pub biggest: Vec<Big>,
    /// Links that alone hold two parts of a profile together: the weakest of them.
    pub bridges: Vec<Suspicious>,
    /// How many such links there are.
    pub all_bridges: usize,
    /// How far the values of each kind of identifier are shared.
    pub identifiers: Vec<Shared>,
    /// Questions by state.
    pub questions: BTreeMap<&'static str, u64>,
    /// Questions that wait, for each hundred records that take part.
    pub load: f64,
    /// What a run would change now.
    pub due: Done,
    /// What was learned; absent before the first run.
    pub model: Option<Learned>,
}

/// How many profiles have so many records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Records of each.
    pub records: i64,
    /// Profiles.
    pub profiles: i64,
}

/// Standing links of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinkCount {
    /// What they say, and who says it.
    pub kind: &'static str,
    /// How many.
    pub links: u64,
}

/// One of the biggest profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Big {
    /// Its id.
    pub subject: String,
    /// Its records by source.
    pub records: BTreeMap<String, u64>,
}

/// A link that alone holds two parts of a profile together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspicious {
    /// The profile.
    pub subject: String,
    /// The two records that it links.
    pub between: [i64; 2],
    /// How many records are on its smaller side.
    pub smaller: usize,
    /// How many the profile has.
    pub records: usize,
    /// What the link says, and who says it.
    pub kind: &'static str,
    /// log2 of the odds, where it was found by linking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<f64>,
}

/// How far the values of one kind of identifier are shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// The kind.
    pub kind: String,
    /// Values that one record has.
    pub single: i64,
    /// Values on several records of one profile.
    pub own: i64,
    /// Values on several profiles.
    pub shared: i64,
    /// Profiles on the most shared value.
    pub most: i64,
}

/// The card of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Learned {
    /// Its version.
    pub version: i64,
    /// The ledger entry that brought it.
    pub entry: i64,
    /// When.
    pub at: String,
    /// The fields in which the records that take part say anything; of the others the model holds what it
    /// began with.
    pub compared: Vec<&'static str>,
    /// What was learned.
    pub model: Model,
}

/// Looks at a store and says how linking stands.
///
/// # Errors
/// `linking-undeclared` when the policy names no purpose for it.
pub fn report(store: &Store, rules: &Rulebook, now: Moment) -> Result<Report> {
    let (due, compared) = look(store, rules, now)?;
    let conn = store.conn();
    let sizes: Vec<Size> = sql::sizes(conn)?
        .into_iter()
        .map(|(records, profiles)| Size { records, profiles })
        .collect();
    let counts = sql::question_counts(conn)?;
    let (bridges, all_bridges) = suspicious(store)?;
    let waiting: u64 = counts
        .iter()
        .filter(|(state, _)| matches!(*state, sql::OPEN | sql::PUT_OFF))
        .map(|(_, count)| count)
        .sum();
    let model = match sql::latest_model(conn)? {
        None => None,
        Some(row) => Some(Learned {
            version: row.version,
            entry: row.entry,
            at: Moment(row.at).to_string(),
            compared,
            model: learned(store)?.0,
        }),
    };
    Ok(Report {
        as_of: now.to_string(),
        purposes: due.purposes.clone(),
        records: due.records,
        left_out: due.left_out.clone(),
        persons: sizes.iter().map(|size| size.profiles.unsigned_abs()).sum(),
        sizes,
        links: links(store)?,
        biggest: biggest(store)?,
        bridges,
        all_bridges,
        identifiers: identifiers(store)?,
        questions: counts.iter().map(|(state, count)| (state_word(*state), *count)).collect(),
        load: 100.0 * waiting as f64 / due.records.max(1) as f64,
        due,
        model,
    })
}

/// What a kind of link says.
fn kind_word(kind: i64, is_found: bool) -> &'static str {
    match (kind, is_found) {
        (profile_sql::LINK_EXACT, _) => "same person, by an identifier",
        (profile_sql::LINK_LIKELY, _) => "same person, found by linking",
        (profile_sql::LINK_PERSON, _) => "same person, decided by people",
        (profile_sql::LINK_CANNOT, _) => "not the same person, decided by people",
        (profile_sql::LINK_RELATED, true) => "related, found by linking",
        (profile_sql::LINK_RELATED, false) => {
            "related, by a shared identifier or decided by people"
        }
        _ => "unknown",
    }
}

fn links(store: &Store) -> Result<Vec<LinkCount>> {
    let counts = sql::link_counts(store.conn())?.into_iter();
    Ok(counts
        .map(|(kind, is_found, links)| LinkCount { kind: kind_word(kind, is_found), links })
        .collect())
}

fn biggest(store: &Store) -> Result<Vec<Big>> {
    let mut biggest = Vec::new();
    for (subject, _) in sql::biggest(store.conn(), ROWS_MAX as i64)? {
        let mut records: BTreeMap<String, u64> = BTreeMap::new();
        for record in profile_sql::records_of(store.conn(), subject)? {
            let source = profile_sql::record(store.conn(), record)?.source;
            *records.entry(store.words().text(WordKind::Source, source).to_owned()).or_default() +=
                1;
        }
        biggest.push(Big { subject: public(store, subject)?, records });
    }
    Ok(biggest)
}

/// The weakest bridges, and how many there are.
fn suspicious(store: &Store) -> Result<(Vec<Suspicious>, usize)> {
    let conn = store.conn();
    let mut by_subject: BTreeMap<i64, Vec<profile_sql::LinkRow>> = BTreeMap::new();
    for kind in [profile_sql::LINK_EXACT, profile_sql::LINK_LIKELY, profile_sql::LINK_PERSON] {
        for link in profile_sql::links_of_kind(conn, kind)? {
            let subject = profile_sql::record(conn, link.a)?.subject;
            if profile_sql::record(conn, link.b)?.subject == subject {
                by_subject.entry(subject).or_default().push(link);
            }
        }
    }
    let mut found = Vec::new();
    for (subject, links) in by_subject {
        let edges: Vec<Edge> =
            links.iter().map(|link| Edge { link: link.id, a: link.a, b: link.b }).collect();
        let known: HashMap<i64, &profile_sql::LinkRow> =
            links.iter().map(|link| (link.id, link)).collect();
        let records = profile_sql::records_of(conn, subject)?.len();
        for Bridge { link, smaller } in bridges(&edges) {
            let link = known[&link];
            // What people decided isn't suspicious.
            if smaller < SIDE_LEAST || link.kind == profile_sql::LINK_PERSON {
                continue;
            }
            let bits = (link.kind == profile_sql::LINK_LIKELY).then(|| link.weight as f64 / 1000.0);
            found.push(Suspicious {
                subject: public(store, subject)?,
                between: [link.a, link.b],
                smaller,
                records,
                kind: kind_word(link.kind, link.model != 0),
                bits,
            });
        }
    }
    // The weakest first; exact identifiers last.
    found.sort_by(|x, y| {
        let bits = |s: &Suspicious| s.bits.unwrap_or(f64::MAX);
        bits(x).total_cmp(&bits(y)).then(y.smaller.cmp(&x.smaller))
    });
    let all = found.len();
    found.truncate(ROWS_MAX);
    Ok((found, all))
}

fn identifiers(store: &Store) -> Result<Vec<Shared>> {
    let spread = sql::identifier_spread(store.conn())?.into_iter();
    Ok(spread
        .map(|(field, [single, own, shared], most)| {
            let name = store.words().text(WordKind::Field, field);
            let kind = name.strip_prefix("identifier.").unwrap_or(name).to_owned();
            Shared { kind, single, own, shared, most }
        })
        .collect())
}

fn public(store: &Store, subject: i64) -> Result<String> {
    Ok(public_text(profile_sql::public_id(store.conn(), subject)?))
}

impl Report {
    /// The report for people.
    pub fn document(&self) -> Document {
        let mut document = Document::new(
            "Who is who",
            format!("As of {}, linking under {}", self.as_of, self.purposes.join(", ")),
        );
        self.say_who(&mut document);
        self.say_links(&mut document);
        self.say_looks(&mut document);
        self.say_questions(&mut document);
        match &self.model {
            Some(learned) => learned.say(&mut document),
            None => {
                let text = "Nothing was learned yet: run `candor identity run`.";
                document.push(Block::Note(NoteKind::Info, text.into()));
            }
        }
        document
    }

    fn say_who(&self, document: &mut Document) {
        document.push(Block::Heading(2, "Who takes part".into()));
        document.push(Block::Facts(vec![
            ("profiles, with those who take no part".into(), self.persons.to_string()),
            ("records that take part".into(), self.records.to_string()),
            (
                "a run now would".into(),
                format!(
                    "join {}, ask {}, relate {}",
                    counted(self.due.joined, "profile", "profiles"),
                    counted(self.due.asked, "new question", "new questions"),
                    counted(self.due.related, "pair", "pairs")
                ),
            ),
        ]));
        let mut table = Table::new("Records that are left out", ["why", "records", "code"]);
        for left in &self.left_out {
            table.push([left.reason.words, &left.records.to_string(), left.reason.code]);
        }
        document.push(Block::Table(table));
        let mut table = Table::new("Profiles by their number of records", ["records", "profiles"]);
        for size in &self.sizes {
            table.push([size.records.to_string(), size.profiles.to_string()]);
        }
        document.push(Block::Table(table));
        let bar =
            |size: &Size| Bar::count(counted(size.records, "record", "records"), size.profiles);
        document.push(Block::Chart(Chart::counts(
            "Profiles by their number of records",
            self.sizes.iter().map(bar).collect(),
        )));
    }

    fn say_links(&self, document: &mut Document) {
        document.push(Block::Heading(2, "Links".into()));
        let mut table = Table::new("Standing links", ["what they say", "links"]);
        for link in &self.links {
            table.push([link.kind, &link.links.to_string()]);
        }
        document.push(Block::Table(table));
        let columns = ["identifier", "on one record", "on one profile", "on several", "most"];
        let mut table = Table::new("Identifiers by how far their values are shared", columns);
        for shared in &self.identifiers {
            let numbers = [shared.single, shared.own, shared.shared, shared.most];
            let cells = numbers.iter().map(ToString::to_string);
            table.push(std::iter::once(shared.kind.clone()).chain(cells));
        }
        document.push(Block::Table(table));
    }

    fn say_looks(&self, document: &mut Document) {
        document.push(Block::Heading(2, "Worth a look".into()));
        let mut table = Table::new("The biggest profiles", ["profile", "records", "of"]);
        for big in &self.biggest {
            let of: Vec<String> = big.records.iter().map(|(s, n)| format!("{n} {s}")).collect();
            let all: u64 = big.records.values().sum();
            table.push([big.subject.clone(), all.to_string(), of.join(", ")]);
        }
        document.push(Block::Table(table));
        let columns =
            ["profile", "records", "on the smaller side", "between", "what it says", "bits"];
        let mut caption =
            "Bridges: links that alone hold two parts of a profile together".to_owned();
        if self.all_bridges > self.bridges.len() {
            let (shown, all) = (self.bridges.len(), self.all_bridges);
            caption = format!("{caption}; the weakest {shown} of {all}");
        }
        let mut table = Table::new(&caption, columns);
        for bridge in &self.bridges {
            table.push([
                bridge.subject.clone(),
                bridge.records.to_string(),
                bridge.smaller.to_string(),
                format!("{} and {}", bridge.between[0], bridge.between[1]),
                bridge.kind.to_owned(),
                bridge.bits.map(|bits| format!("{bits:.1}")).unwrap_or_default(),
            ]);
        }
        document.push(Block::Table(table));
    }

    fn say_questions(&self, document: &mut Document) {
        document.push(Block::Heading(2, "Questions to people".into()));
        let mut table = Table::new("Questions", ["state", "questions"]);
        for (state, count) in &self.questions {
            table.push([(*state).to_owned(), count.to_string()]);
        }
        document.push(Block::Table(table));
        document.push(Block::Paragraph(format!(
            "{:.1} wait for each hundred records that take part.",
            self.load
        )));
    }
}

impl Learned {
    fn say(&self, document: &mut Document) {
        let model = &self.model;
        document.push(Block::Heading(2, "What was learned".into()));
        let share = |pairs: f64| format!("1 in {:.0}", (model.pairs / pairs).max(1.0));
        document.push(Block::Facts(vec![
            ("model".into(), format!("{}, since {} (entry {})", self.version, self.at, self.entry)),
            ("learned from".into(), counted(model.records, "record", "records")),
            ("pairs of one person".into(), share(model.person_pairs)),
            ("pairs of one household".into(), share(model.household_pairs)),
        ]));
        let columns = ["field", "agreement", "one person", "one household", "strangers", "bits"];
        let caption = "How often each kind of pair shows each level of agreement (m and u)";
        let mut table = Table::new(caption, columns);
        let mut bars = Vec::new();
        let fields = Field::ALL.into_iter().zip(&model.fields);
        for (field, learned) in fields.filter(|(f, _)| self.compared.contains(&f.about().name)) {
            for (at, level) in field.levels().iter().enumerate() {
                let (person, household, stranger) =
                    (learned.person[at], learned.household[at], learned.stranger[at]);
                let bits = (person / stranger).log2();
                let percent = |share: f32| format!("{:.3}%", share * 100.0);
                table.push([
                    learned.field.clone(),
                    level.words.to_owned(),
                    percent(person),
                    percent(household),
                    percent(stranger),
                    format!("{bits:.1}"),
                ]);
                if at == 0 {
                    let thousandths = super::findings::thousandths(bits);
                    bars.push(Bar { label: learned.field.clone(), thousandths });
                }
            }
        }
        document.push(Block::Table(table));
        document.push(Block::Chart(Chart {
            unit: "bits".into(),
            ..Chart::counts("What it is worth that two records agree, before frequencies", bars)
        }));
    }
}
