//! One person among all, looked up: everything that is held, warm and cold.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use candor::base::error::Result;
use candor::consent::history::History;
use candor::profile::read::{find_one, open_events, open_records};
use candor::store::{Access, Store, latest};

use crate::brand::Brand;
use crate::data::{Random, email};
use crate::measure::{Spent, percentile};
use crate::note;
use crate::table::{Bound, Table, millions, millis};

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
    /// Sums them up.
    pub fn of(spent: &[Spent]) -> Spread {
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
fn warm(brand: &Brand, times: usize) -> Result<Spread> {
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
fn cold(brand: &Brand, times: usize) -> Result<Option<Spread>> {
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

/// The lines about subject access.
pub fn lines(table: &mut Table, brand: &Brand) -> Result<()> {
    note("subject access");
    let warm = warm(brand, 1000)?;
    let cold = cold(brand, 100)?;
    if cold.is_none() {
        table.skip("cold subject access", "dd with iflag=nocache isn't there");
    }
    for (name, spread, target) in [("warm", Some(warm), 5.0), ("cold", cold, 25.0)] {
        let Some(spread) = spread else { continue };
        table.row(
            &format!("subject access, {} people, {name} p50 / p99", millions(brand.people)),
            format!("{} / {}", millis(spread.half), millis(spread.most)),
            String::new(),
            format!("cpu {}", millis(spread.cpu)),
            spread.most.as_secs_f64() * 1e3,
            Bound::AtMost(target),
        );
    }
    Ok(())
}
