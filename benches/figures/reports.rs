//! The regulator's two heavy questions, asked of candor and of DuckDB over the same rows.
//!
//! The rows are exported once, with each item's moment of admission written beside it, which spares
//! DuckDB a join that candor has to make. DuckDB loads them into its own columns before its clock
//! starts; candor reads its file within the time that is measured. Both must come to one answer.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use candor::audit::consent::consent;
use candor::audit::unlawful::unlawful;
use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::consent::desk::{self, Spoken};
use candor::policy::types::ConsentState;
use candor::profile::read::find_one;
use candor::store::{Access, Store, latest};

use crate::brand::Brand;
use crate::data::{Random, email};
use crate::measure::{Spent, peak_memory};
use crate::note;
use crate::python;
use crate::table::{Bound, Table, millions};

/// The first argument of the child that makes a report.
pub const CHILD: &str = "--report-as-child";
/// People who withdraw late: what was done before is told apart.
const LATE: usize = 100;
/// How often each question is asked; the middle counts.
const TIMES: usize = 3;

/// What a report took, and the numbers that it comes to.
struct Told {
    cpu: Duration,
    peak: u64,
    answer: String,
}

/// The lines about reports.
pub fn lines(table: &mut Table, folder: &Path, brand: &Brand) -> Result<()> {
    note("late withdrawals");
    let before = Moment::now();
    withdraw_late(brand)?;
    note("reports");
    let ours = [("unlawful", Moment::now()), ("consent", before)].map(|(name, as_of)| {
        let mut told: Vec<Told> = (0..TIMES).map(|_| ask(brand, name, as_of)).collect();
        told.sort_by_key(|told| told.cpu);
        (name, told.swap_remove(TIMES / 2))
    });
    note("the same of DuckDB");
    let theirs = duckdb(folder, brand, before)?;
    for ((name, told), least) in ours.iter().zip([3.0, 5.0]) {
        let line = match *name {
            "unlawful" => format!("report unlawful, {} events", millions(brand.count)),
            _ => format!("consent of all as of T, {} people", millions(brand.people)),
        };
        let cpu = told.cpu.as_secs_f64();
        match &theirs {
            Ok(found) => {
                let (other, answer) = &found[*name];
                assert_eq!(&told.answer, answer, "candor and DuckDB say the same");
                let line = format!("{line} / DuckDB");
                table.ratio(
                    &line,
                    seconds(cpu),
                    seconds(*other),
                    other / cpu,
                    Bound::AtLeast(least),
                );
            }
            Err(why) => {
                table.value(&line, seconds(cpu), 0.0, Bound::None);
                table.skip(&format!("{line} by DuckDB"), why);
            }
        }
        let megabytes = told.peak as f64 / 1e6;
        let value = format!("{megabytes:.0} MB");
        table.value(&format!("  its peak memory ({name})"), value, megabytes, Bound::AtMost(100.0));
    }
    Ok(())
}

fn seconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1e3)
}

/// Some people withdraw by letter; candor learns of it long after it was so.
fn withdraw_late(brand: &Brand) -> Result<()> {
    let mut store = brand.open()?;
    let rules = latest(store.conn(), store.words())?;
    let spoken = Spoken {
        purpose: Some("suggestions"),
        state: ConsentState::Withdrawn,
        ..Spoken::default()
    };
    let letter = Moment::parse("2026-01-02").expect("a date");
    let statements = desk::statements(&rules, &spoken, letter)?;
    let mut random = Random::new(7);
    let subjects = (0..LATE)
        .map(|_| {
            let who = format!("email:{}", email(random.below(brand.people)));
            find_one(store.conn(), store.secret(), &rules.policy, &who)
        })
        .collect::<Result<Vec<_>>>()?;
    store.write(Moment::now(), |writer| {
        subjects
            .iter()
            .try_for_each(|subject| desk::record(writer, *subject, &statements).map(drop))
    })?;
    store.truncate_wal()?;
    Ok(())
}

/// Makes a report in a process of its own, so that its memory is its own.
fn ask(brand: &Brand, name: &str, as_of: Moment) -> Told {
    let own = std::env::current_exe().expect("a program knows its own file");
    let output = Command::new(own)
        .arg(CHILD)
        .arg(&brand.store)
        .args([name, &as_of.0.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("a child can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words: Vec<&str> = text.trim().splitn(3, ' ').collect();
    let [cpu, peak, answer] = words[..] else { panic!("the report failed: {text}") };
    Told {
        cpu: Duration::from_nanos(cpu.parse().expect("nanoseconds")),
        peak: peak.parse().expect("bytes"),
        answer: answer.to_owned(),
    }
}

/// What the child does: opens the store, makes the report, prints its cost and its numbers.
pub fn run_child(store: &Path, name: &str, as_of: &str) {
    let as_of = Moment(as_of.parse().expect("milliseconds"));
    let (answer, spent) = Spent::of(|| -> Result<String> {
        let store = Store::open(store, Access::Read, "figures")?;
        if name == "unlawful" {
            let told = unlawful(&store, None, as_of)?;
            let consent = |found: &[candor::audit::unlawful::Finding]| {
                found.iter().filter(|finding| finding.purpose == "suggestions").count()
            };
            return Ok(format!("{} {}", consent(&told.unlawful), consent(&told.before_known)));
        }
        let told = consent(&store, None, as_of)?;
        let counts: BTreeMap<&str, u64> =
            told.states.iter().map(|state| (state.state, state.people)).collect();
        Ok(counts
            .iter()
            .map(|(state, people)| format!("{state}={people}"))
            .collect::<Vec<_>>()
            .join(" "))
    });
    let answer = answer.expect("the report is made");
    println!("{} {} {answer}", spent.cpu.as_nanos(), peak_memory());
}

type Answers = BTreeMap<String, (f64, String)>;

/// Asks DuckDB, where python3 and its package are there; else tells why not.
fn duckdb(
    folder: &Path,
    brand: &Brand,
    as_of: Moment,
) -> Result<std::result::Result<Answers, String>> {
    let python = match python::having("duckdb") {
        Ok(python) => python,
        Err(missing) => return Ok(Err(missing)),
    };
    export(folder, brand)?;
    let output = Command::new(python)
        .arg(python::script("reports.py"))
        .arg(folder)
        .args([as_of.0.to_string(), TIMES.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let answers: Answers = text
        .unwrap_or_default()
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let (name, cpu) = (words.next()?, words.next()?.parse().ok()?);
            Some((name.to_owned(), (cpu, words.next()?.to_owned())))
        })
        .collect();
    Ok(if answers.len() == 2 { Ok(answers) } else { Err("the script failed".into()) })
}

/// Writes the rows that both questions are about as CSV.
fn export(folder: &Path, brand: &Brand) -> Result<()> {
    let store = Store::open(&brand.store, Access::Read, "figures")?;
    for (name, query) in [
        ("record", "SELECT id, subject FROM record"),
        (
            "said",
            "SELECT record, purpose, state, recorded_at, n,
                    CASE WHEN state IN (4, 5, 8) THEN min(valid_at, recorded_at) ELSE valid_at END
             FROM statement WHERE axis = 1",
        ),
        (
            "member",
            "SELECT p.id, w.code FROM purpose_set p JOIN word w ON w.kind = 'purpose'
                    WHERE w.text = 'suggestions' AND p.mask >> (w.code - 1) & 1",
        ),
        (
            "item",
            "SELECT v.record, v.purposes, b.recorded_at FROM batch b CROSS JOIN value v
             WHERE v.seq >= b.first_value AND v.seq < b.first_value + b.value_count AND v.state <> 4
             UNION ALL
             SELECT e.record, e.purposes, b.recorded_at FROM batch b CROSS JOIN event e
             WHERE e.seq >= b.first_event AND e.seq < b.first_event + b.event_count
               AND e.purposes <> 2",
        ),
    ] {
        let file =
            File::create(folder.join(format!("{name}.csv"))).expect("the folder takes a file");
        let mut file = BufWriter::with_capacity(1 << 20, file);
        let mut statement = store.conn().prepare(query)?;
        let width = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..width {
                let end = if column + 1 == width { '\n' } else { ',' };
                write!(file, "{}{end}", row.get::<_, i64>(column)?).expect("the disk has room");
            }
        }
        file.flush().expect("the disk has room");
    }
    Ok(())
}
