//! People erased without a trace: how long it takes beside one fsync, and whether anything is left.

use std::io::Write as _;
use std::path::Path;

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::profile::read::{find_one, open_events, open_records};
use candor::store::{Store, latest};
use candor::subject::erase::erase;
use candor::subject::scan::{Pattern, ScanReport, scan};

use crate::access::Spread;
use crate::brand::Brand;
use crate::data::{Random, email, key};
use crate::ingest::SMALLEST;
use crate::measure::Spent;
use crate::note;
use crate::table::{Bound, Table, millis};

/// What erasing people came to.
struct Erasures {
    /// How many.
    count: usize,
    /// One erasure with its truncated log and its look at the raw file.
    whole: Spread,
    /// The same look at the raw file by itself, which grows with the file.
    look: Spread,
    /// The rest: transaction and truncation.
    rest: Spread,
    /// One fsync of the disk, between the erasures.
    fsync: Spread,
    /// What a last look for everything that was erased found.
    ghosts: ScanReport,
}

/// Erases `times` people, and then looks for all of them at once.
fn erasures(brand: &Brand, folder: &Path, times: usize) -> Result<Erasures> {
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

/// The lines about erasure.
pub fn lines(table: &mut Table, folder: &Path, brand: &Brand) -> Result<()> {
    note("erasures");
    let times = if brand.count > 10 * SMALLEST { 20 } else { 200 };
    let done = erasures(brand, folder, times)?;
    let fsync = format!("{} / {}", millis(done.fsync.half), millis(done.fsync.most));
    let p99 = |spread: &Spread| spread.most.as_secs_f64() / done.fsync.most.as_secs_f64();
    for (name, spread, target) in [
        ("erasure of one, p50 / p99, of fsync", &done.whole, Bound::AtMost(8.0)),
        ("  its transaction and truncation", &done.rest, Bound::AtMost(8.0)),
        ("  its look at the raw file", &done.look, Bound::None),
    ] {
        table.row(
            name,
            format!("{} / {}", millis(spread.half), millis(spread.most)),
            fsync.clone(),
            format!("{:.1}", p99(spread)),
            p99(spread),
            target,
        );
    }
    table.value(
        // The design's figure is of 10,000: whoever reads "reached" must see of how many it is.
        &format!(
            "ghosts of {} erased people, not 10,000 ({} patterns)",
            done.count, done.ghosts.looked_for
        ),
        done.ghosts.found.to_string(),
        done.ghosts.found as f64,
        Bound::AtMost(0.0),
    );
    Ok(())
}
