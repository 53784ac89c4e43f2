//! One person among all: looked up, and erased without a trace.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::consent::history::History;
use candor::profile::read::{find_one, open_events, open_records};
use candor::store::{Access, Store, latest};
use candor::subject::erase::erase;
use candor::subject::scan::{Pattern, ScanReport, scan};

use crate::brand::Brand;
use crate::data::{Random, email, key};
use crate::measure::{Spent, percentile};

/// Durations of many repetitions.
pub struct Spread {
    /// Half of them took no longer.
    pub half: Duration,
    /// 99 % of them took no longer.
    pub most: Duration,
    /// CPU time of one, on average.
    pub cpu: Duration,
}

impl Spread {
    fn of(spent: &[Spent]) -> Spread {
        let mut walls: Vec<Duration> = spent.iter().map(|spent| spent.wall).collect();
        let cpu: Duration = spent.iter().map(|spent| spent.cpu).sum();
        Spread {
            half: percentile(&mut walls, 0.5),
            most: percentile(&mut walls, 0.99),
            cpu: cpu / u32::try_from(spent.len().max(1)).unwrap_or(1),
        }
    }
}

/// Finds a person by e-mail address and opens all that is held: records, values, events, consents.
fn look_up(
    store: &Store,
    rules: &candor::policy::rulebook::Rulebook,
    person: u64,
) -> Result<usize> {
    let (conn, words) = (store.conn(), store.words());
    let who = format!("email:{}", email(person));
    let subject = find_one(conn, store.secret(), &rules.policy, &who)?;
    let history = History::load(conn, subject)?;
    let mut held = history.statements.len();
    for record in open_records(conn, words, subject)? {
        held += record.values.len() + open_events(conn, words, &record)?.len();
    }
    Ok(held)
}

/// Looks up `times` people over one open connection, after as many to warm it up.
pub fn warm(brand: &Brand, times: usize) -> Result<Spread> {
    let store = Store::open(&brand.store, Access::Read, "figures")?;
    let rules = latest(store.conn(), store.words())?;
    let mut spent = Vec::new();
    for round in 0..2 {
        let mut random = Random::new(3);
        for _ in 0..times {
            let person = random.below(brand.people);
            let (held, took) = Spent::of(|| look_up(&store, &rules, person));
            assert!(held? >= 5, "a person has values and a statement");
            if round == 1 {
                spent.push(took);
            }
        }
    }
    Ok(Spread::of(&spent))
}

/// Looks up people, each over a new connection and with the file's pages dropped from the system's
/// cache before (by dd, which asks the kernel with posix_fadvise). `None` where dd can't do that.
pub fn cold(brand: &Brand, times: usize) -> Result<Option<Spread>> {
    let mut random = Random::new(4);
    let mut spent = Vec::new();
    for _ in 0..times {
        if !drop_pages(&brand.store) {
            return Ok(None);
        }
        let person = random.below(brand.people);
        let store = Store::open(&brand.store, Access::Read, "figures")?;
        let rules = latest(store.conn(), store.words())?;
        let (held, took) = Spent::of(|| look_up(&store, &rules, person));
        held?;
        spent.push(took);
    }
    Ok(Some(Spread::of(&spent)))
}

fn drop_pages(file: &Path) -> bool {
    let mut input = std::ffi::OsString::from("if=");
    input.push(file);
    let dd =
        Command::new("dd").arg(input).args(["iflag=nocache", "count=0", "status=none"]).status();
    dd.is_ok_and(|status| status.success())
}

/// What erasing people came to.
pub struct Erasures {
    /// How many.
    pub count: usize,
    /// One erasure with its truncated log and its look at the raw file.
    pub whole: Spread,
    /// The same look at the raw file by itself, which grows with the file.
    pub look: Spread,
    /// The rest: transaction and truncation.
    pub rest: Spread,
    /// One fsync of the disk, between the erasures.
    pub fsync: Spread,
    /// What a last look for everything that was erased found.
    pub ghosts: ScanReport,
}

/// Erases `times` people, and then looks for all of them at once.
pub fn erasures(brand: &Brand, folder: &Path, times: usize) -> Result<Erasures> {
    let mut store = brand.open()?;
    let rules = latest(store.conn(), store.words())?;
    let mut probe = std::fs::File::create(folder.join("fsync")).expect("the folder can be written");
    let mut random = Random::new(5);
    let mut gone = Vec::new();
    let (mut whole, mut look, mut rest, mut fsync) = (vec![], vec![], vec![], vec![]);
    while whole.len() < times {
        let person = random.below(brand.people);
        let who = format!("email:{}", email(person));
        let Ok(subject) = find_one(store.conn(), store.secret(), &rules.policy, &who) else {
            continue;
        };
        let patterns = patterns_of(&store, subject, person)?;
        let (done, took) = Spent::of(|| erase(&mut store, &rules, subject, Moment::now()));
        assert_eq!(done?.scan.found, 0, "an erasure says that nothing was found");
        let (report, looked) = Spent::of(|| scan(&brand.store, &patterns));
        report?;
        whole.push(took);
        look.push(looked);
        rest.push(Spent {
            cpu: took.cpu.saturating_sub(looked.cpu),
            wall: took.wall.saturating_sub(looked.wall),
        });
        gone.extend(patterns);
        probe.write_all(&[1; 4096]).expect("the disk has room");
        fsync.push(Spent::of(|| probe.sync_data().expect("the disk keeps what it is told")).1);
    }
    let ghosts = scan(&brand.store, &gone)?;
    Ok(Erasures {
        count: times,
        whole: Spread::of(&whole),
        look: Spread::of(&look),
        rest: Spread::of(&rest),
        fsync: Spread::of(&fsync),
        ghosts,
    })
}

/// Everything of a person that must be gone: identifiers in the clear, keys and rows as stored.
fn patterns_of(store: &Store, subject: i64, person: u64) -> Result<Vec<Pattern>> {
    let (conn, words) = (store.conn(), store.words());
    let mut patterns =
        vec![Pattern::clear(email(person).as_bytes()), Pattern::clear(key(person).as_bytes())];
    let body = |sql: &str, number: i64| -> Result<Vec<u8>> {
        Ok(conn.prepare_cached(sql)?.query_row([number], |row| row.get(0))?)
    };
    for record in open_records(conn, words, subject)? {
        patterns.push(Pattern::stored(&record.key.0));
        for value in &record.values {
            let stored = body("SELECT body FROM value WHERE seq = $1", value.seq)?;
            patterns.push(Pattern::stored(&stored));
        }
        for event in open_events(conn, words, &record)? {
            patterns.push(Pattern::clear(&event.bytes));
            let stored = body("SELECT body FROM event WHERE seq = $1", event.seq)?;
            patterns.push(Pattern::stored(&stored));
        }
    }
    Ok(patterns)
}

/// Wall time from the start of the program to its end, for `key show`; CPU time on average.
pub fn start_up(program: &Path, store: &Path, times: u32) -> Spread {
    let mut walls = Vec::new();
    let cpu_before = crate::measure::cpu_of_children();
    for _ in 0..times {
        let started = Instant::now();
        let output = Command::new(program).arg("--store").arg(store).args(["key", "show"]).output();
        walls.push(started.elapsed());
        assert!(output.is_ok_and(|output| output.status.success()), "the key is shown");
    }
    let cpu = (crate::measure::cpu_of_children() - cpu_before) / times;
    Spread { half: percentile(&mut walls, 0.5), most: percentile(&mut walls, 0.99), cpu }
}
