//! A ledger of made-up consent entries: verified, and proven from.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::base::secret::RecordKey;
use candor::evidence::{Opening, entry as entry_proof};
use candor::ledger::canonical;
use candor::ledger::hash::{Hash, leaf_hash};
use candor::ledger::leaf::Leaf;
use candor::ledger::proof;
use candor::ledger::tiles::TileReader;
use candor::ledger::verify::{Claim, Holder, Verifier};
use candor::store::{Access, Creation, Store};
use candor::verify::{Depth, Options, verify};
use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::brand::Brand;
use crate::data::Random;
use crate::measure::{Spent, cpu_of_children, cpu_of_process, percentile};
use crate::note;
use crate::table::{Bound, Table, millions, millis, rate};

/// What was measured over a ledger.
struct Figures {
    /// Entries.
    size: u64,
    /// Bare scan of the leaves.
    scan: Spent,
    /// The verifier, one thread.
    verify: Spent,
    /// The verifier, one thread: wall time, the best of a few tries.
    verify_by_one: Duration,
    /// The verifier, two threads, alike: a busy machine gives no two cores, but now and then.
    verify_by_two: Duration,
    /// `openssl speed` over messages as long as a leaf: messages a second, where there is an openssl.
    openssl: Option<f64>,
    /// The same checks, written down plainly.
    naive: Spent,
    /// One inclusion proof: CPU time on average, wall time of 99 % of them.
    inclusion: (Duration, Duration),
    /// One consistency proof, alike.
    consistency: (Duration, Duration),
}

const PROOFS: u32 = 2000;
const TRIES: u32 = 9;
const ORIGIN: &str = "candor.example/figures-log";

/// Makes a ledger of `size` entries and measures it.
fn measure(folder: &Path, size: u64) -> Result<Figures> {
    let path = folder.join(format!("ledger-{size}.db"));
    if !path.exists() {
        fill(&path, size)?;
    }
    let store = Store::open(&path, Access::Read, "figures")?;
    let (size, root) = (store.log().size(), store.log().root());
    let conn = store.conn();
    // The pages are in memory from here on, for everybody.
    scan(conn, |_| {});
    let claims = vec![Claim { size, root, holder: Holder::Own }];
    // In turn, so that a busy spell meets all of them; the best of each counts.
    let (mut scanned, mut verify) = (None::<Spent>, None::<Spent>);
    let (mut verify_by_one, mut verify_by_two) = (Duration::MAX, Duration::MAX);
    for _ in 0..TRIES {
        let ((), one) = Spent::of(|| scan(conn, |_| {}));
        scanned = Some(scanned.map_or(one, |best| if one.cpu < best.cpu { one } else { best }));
        let (verified, one) = Spent::of(|| {
            let mut verifier = Verifier::new(ORIGIN, claims.clone());
            scan(conn, |leaf| verifier.push(leaf));
            verifier.finish()
        });
        assert!(verified.holds() && verified.root == Some(root), "the whole ledger holds");
        verify = Some(verify.map_or(one, |best| if one.cpu < best.cpu { one } else { best }));
        verify_by_one = verify_by_one.min(one.wall);
        verify_by_two = verify_by_two.min(by_two(&path, size, claims.clone()));
    }
    let (scanned, verify) = (scanned.unwrap_or_default(), verify.unwrap_or_default());
    let mut leaf_bytes = 0;
    scan_range(conn, size as i64 - 1, size as i64, |leaf| leaf_bytes = leaf.len());
    let (naive_root, naive) = Spent::of(|| naive(conn));
    assert_eq!(naive_root, root, "both ways lead to one root");
    let openssl = openssl_speed(leaf_bytes);
    let (inclusion, consistency) = proofs(&store, size)?;
    Ok(Figures {
        size,
        scan: scanned,
        verify,
        verify_by_one,
        verify_by_two,
        openssl,
        naive,
        inclusion,
        consistency,
    })
}

fn fill(path: &Path, size: u64) -> Result<()> {
    let mut store = Store::create(&Creation {
        path,
        origin: Some(ORIGIN),
        now: Moment::now(),
        actor: "figures",
    })?;
    let key = RecordKey([7; 32]);
    let payload =
        json!({"axis": 1, "state": "given", "purpose": "suggestions", "notice": "form@1"});
    while store.log().size() < size {
        let batch = (size - store.log().size()).min(20_000);
        store.write(Moment::now(), |writer| {
            for _ in 0..batch {
                let record = writer.log.size() as i64 / 3 + 1;
                writer.append_about("consent.given", record, &key, &payload, None)?;
            }
            Ok(())
        })?;
    }
    store.truncate_wal()?;
    Ok(())
}

fn scan(conn: &Connection, each: impl FnMut(&[u8])) {
    scan_range(conn, 0, i64::MAX, each);
}

fn scan_range(conn: &Connection, first: i64, end: i64, mut each: impl FnMut(&[u8])) {
    let mut statement = conn
        .prepare_cached("SELECT leaf FROM entry WHERE n >= $1 AND n < $2 ORDER BY n")
        .expect("the table is there");
    let mut rows = statement.query([first, end]).expect("it can be read");
    while let Some(row) = rows.next().expect("it can be read") {
        each(row.get_ref(0).and_then(|leaf| Ok(leaf.as_blob()?)).expect("a leaf is bytes"));
    }
}

/// The same checks as a straightforward program makes them: parse, write anew and compare, hash with
/// a general hasher, build the tree level by level.
fn naive(conn: &Connection) -> Hash {
    let (mut row, mut before) = (Vec::new(), None::<Hash>);
    scan(conn, |bytes| {
        let value: serde_json::Value = serde_json::from_slice(bytes).expect("a leaf is JSON");
        let mut again = Vec::new();
        canonical::write(&value, &mut again).expect("a leaf is canonical");
        assert_eq!(again, bytes);
        let leaf = Leaf::parse_strict(bytes).expect("a leaf is readable");
        assert_eq!(leaf.number, row.len() as u64);
        assert!(before.is_none_or(|before| before == leaf.previous));
        let hash = Hash(Sha256::new().chain_update([0]).chain_update(bytes).finalize().into());
        before = Some(hash);
        row.push(hash);
    });
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| if let [left, right] = pair { node(left, right) } else { pair[0] })
            .collect();
    }
    row[0]
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([1])
            .chain_update(left.0)
            .chain_update(right.0)
            .finalize()
            .into(),
    )
}

/// How many messages of this length openssl hashes in a second.
fn openssl_speed(bytes: usize) -> Option<f64> {
    let length = bytes.to_string();
    let output = Command::new("openssl")
        .args(["speed", "-mr", "-evp", "sha256", "-bytes", &length, "-seconds", "1"])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate: f64 = text.lines().last()?.rsplit(':').next()?.trim().parse().ok()?;
    Some(rate / bytes as f64)
}

/// `audit verify --deep` of a whole store, beside `sha256sum` over the file that its events came
/// from: CPU time of all threads, and of the program.
fn deep(store: &Path, events_file: &Path) -> Result<(Duration, Duration)> {
    let options =
        Options { depth: Depth::Deep, key: None, held: Vec::new(), witnesses: Vec::new() };
    let before = cpu_of_process();
    let report = verify(store, &options)?;
    let ours = cpu_of_process().saturating_sub(before);
    assert!(report.holds, "a store that was just made holds");
    let before = cpu_of_children();
    let sum = Command::new("sha256sum").arg(events_file).output();
    assert!(sum.is_ok_and(|output| output.status.success()), "sha256sum is at hand");
    Ok((ours, cpu_of_children().saturating_sub(before)))
}

fn by_two(path: &Path, size: u64, claims: Vec<Claim>) -> Duration {
    let middle = size / 2 / 256;
    let started = Instant::now();
    let mut verifier = Verifier::new(ORIGIN, claims);
    let sections = [verifier.section(0), verifier.section(middle)];
    let ends = [middle * 256, size];
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = sections
            .into_iter()
            .zip(ends)
            .map(|(mut section, end)| {
                scope.spawn(move || {
                    let store = Store::open(path, Access::Read, "figures").expect("it opens");
                    let first = section.next() as i64;
                    scan_range(store.conn(), first, end as i64, |leaf| {
                        section.push(leaf);
                    });
                    section
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread ends well")).collect()
    });
    done.into_iter().for_each(|section| verifier.join(section));
    assert!(verifier.finish().holds(), "the whole ledger holds");
    started.elapsed()
}

type Took = (Duration, Duration);

fn proofs(store: &Store, size: u64) -> Result<(Took, Took)> {
    let conn = store.conn();
    let reader = TileReader::new(
        |first, count| {
            let mut hashes = Vec::new();
            scan_range(conn, first as i64, (first + count) as i64, |leaf| {
                hashes.push(leaf_hash(leaf))
            });
            Ok(hashes)
        },
        |level, first, count| {
            let mut statement = conn.prepare_cached(
                "SELECT h FROM node WHERE level = $1 AND i >= $2 AND i < $3 ORDER BY i",
            )?;
            let rows = statement
                .query_map([i64::from(level), first as i64, (first + count) as i64], |row| {
                    row.get::<_, Vec<u8>>(0)
                })?;
            let rows: Vec<Vec<u8>> = rows.collect::<rusqlite::Result<_>>()?;
            Ok(rows.iter().filter_map(|hash| Hash::from_slice(hash)).collect())
        },
    );
    let of_entry =
        |entry: u64| entry_proof(store.conn(), entry as i64, Opening::Sealed).map(|_| ());
    let from_size = |entry: u64| {
        proof::consistency(entry + 1, size, |level, index| reader.hash(level, index)).map(|_| ())
    };
    Ok((many(size, of_entry)?, many(size, from_size)?))
}

/// Makes many proofs of one kind, each for another entry.
fn many(size: u64, make: impl Fn(u64) -> Result<()>) -> Result<Took> {
    let mut random = Random::new(11);
    let mut walls = Vec::new();
    let (done, spent) = Spent::of(|| -> Result<()> {
        for _ in 0..PROOFS {
            let started = Instant::now();
            make(random.below(size))?;
            walls.push(started.elapsed());
        }
        Ok(())
    });
    done?;
    Ok((spent.cpu / PROOFS, percentile(&mut walls, 0.99)))
}

/// The lines about the ledger.
pub fn lines(table: &mut Table, folder: &Path, brand: &Brand) -> Result<()> {
    note("the ledger");
    let figures = measure(folder, brand.count)?;
    let entries = figures.size;
    let rates = [figures.verify, figures.scan, figures.naive].map(|spent| spent.rate(entries));
    let [verify, scan, naive] = rates;
    let name = format!("verify, {} entries", millions(entries));
    let target = Bound::AtLeast(0.4);
    table.ratio(&format!("{name} / bare scan"), rate(verify), rate(scan), verify / scan, target);
    let target = Bound::AtLeast(1.8);
    table.ratio(&format!("{name} / naive"), rate(verify), rate(naive), verify / naive, target);
    match figures.openssl {
        Some(openssl) => {
            let name = format!("{name} / openssl's hashes of leaves");
            table.ratio(&name, rate(verify), rate(openssl), verify / openssl, Bound::None);
        }
        None => table.skip("hashes by openssl", "there is no openssl"),
    }
    let two = figures.verify_by_one.as_secs_f64() / figures.verify_by_two.as_secs_f64();
    table.ratio(
        "verify by two threads / by one (wall time)",
        millis(figures.verify_by_two),
        millis(figures.verify_by_one),
        two,
        Bound::AtLeast(1.7),
    );
    for (name, (cpu, most)) in
        [("inclusion", figures.inclusion), ("consistency", figures.consistency)]
    {
        table.value(
            &format!("{name} proof at {}, CPU / wall p99", millions(entries)),
            format!("{} / {}", millis(cpu), millis(most)),
            cpu.as_secs_f64() * 1e3,
            Bound::AtMost(2.0),
        );
    }
    note("verify --deep");
    let (ours, theirs) = deep(&brand.store, &brand.events_file)?;
    table.ratio(
        &format!("verify --deep, {} events / sha256sum of their file", millions(brand.count)),
        millis(ours),
        millis(theirs),
        theirs.as_secs_f64() / ours.as_secs_f64(),
        Bound::AtLeast(1.0),
    );
    Ok(())
}
