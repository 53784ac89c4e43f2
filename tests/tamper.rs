//! Verification against attacks: each is found, or stands in `ATTACKS.md` as one that can't be.

#[path = "tamper/attacks.rs"]
mod attacks;
#[path = "tamper/claimed.rs"]
mod claimed;
#[path = "tamper/crafted.rs"]
mod crafted;
#[path = "campaign/dice.rs"]
#[allow(dead_code)]
mod dice;
#[path = "tamper/fields.rs"]
mod fields;
#[path = "tamper/flips.rs"]
mod flips;
#[path = "tamper/letters.rs"]
mod letters;
#[path = "tamper/looks.rs"]
mod looks;
#[path = "common/recipient.rs"]
#[allow(dead_code)]
mod recipient;
#[path = "tamper/small.rs"]
mod small;
#[path = "tamper/town.rs"]
mod town;

use std::fmt::Write as _;

use attacks::{ATTACKS, Attack, How, LINKING};
use candor::ledger::key::SigningKey;
use candor::ledger::vkey::KeyKind;
use candor::store::{Access, Store, key_path, side_files};
use candor::subject::backup::restore;
use candor::verify::{Depth, Held, Options, Standing, verify};
use crafted::CRAFTED;
use small::{Copy, Small, at, codes, file_only, found};
use town::linked;

/// Whether one way of looking finds what it has to; says what is wrong otherwise.
fn told(found: &std::collections::BTreeSet<&'static str>, expected: &str) -> bool {
    match expected {
        "" => found.is_empty(),
        "*" => !found.is_empty(),
        code => found.contains(code),
    }
}

#[test]
fn a_clean_store_proves_everything() {
    for small in [Small::new(), linked()] {
        let copy = small.copy(&small.path);
        small.remember(&copy);
        let report = verify(&copy.path, &small.with_checkpoint()).unwrap();
        assert!(report.holds, "{:?}", codes(&report));
        for claim in &report.claims {
            assert_eq!(claim.standing, Standing::Proven, "{}", claim.claim);
        }
        assert_eq!(report.entries_since_held, 0);
        let erased: u64 = report.claims.iter().map(|claim| claim.erased).sum();
        assert!(erased > 5, "the erasure left its marks");
    }
}

#[test]
fn every_attack_is_found_or_named() {
    tried(&Small::new(), ATTACKS.iter().chain(CRAFTED));
}

#[test]
fn every_attack_on_linking_is_found_or_named() {
    tried(&linked(), LINKING.iter());
}

fn tried(small: &Small, attacks: impl Iterator<Item = &'static Attack>) {
    let mut wrong = String::new();
    for attack in attacks {
        let Attack { name, how, .. } = attack;
        let copy = small.copy(&small.path);
        copy.with(|conn| match how {
            How::Sql(sql) => {
                let changed = conn.execute(sql, []).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert!(changed > 0, "{name}: nothing was attacked");
            }
            How::Does(attack) => attack(small, conn),
        });
        check(small, &copy, attack, &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn check(small: &Small, copy: &Copy, attack: &Attack, wrong: &mut String) {
    let alone = found(&copy.path, &file_only());
    let kept = found(&copy.path, &small.with_checkpoint());
    small.remember(copy);
    let beside = found(&copy.path, &file_only());
    for (way, found, expected) in [
        ("file only", alone, attack.file_only),
        ("kept checkpoint", kept, attack.kept),
        ("beside the key", beside, attack.beside),
    ] {
        if !told(&found, expected) {
            writeln!(wrong, "{} ({way}): {expected:?}, but {found:?}", attack.name).unwrap();
        }
    }
}

/// Attacks on files, not on rows.
const OLDER_FILE: Attack = Attack {
    name: "put the whole file of an earlier moment in its place",
    how: How::Sql(""),
    file_only: "",
    kept: "rollback",
    beside: "rollback",
};
const OLDER_LOG: Attack = Attack {
    name: "put the whole write-ahead log of an earlier moment beside it",
    how: How::Sql(""),
    file_only: "",
    kept: "rollback",
    beside: "rollback",
};
const MIDDLE_LOG: Attack = Attack {
    name: "put the write-ahead log of one change in the middle beside it",
    how: How::Sql(""),
    file_only: "*",
    kept: "*",
    beside: "*",
};

#[test]
fn an_older_file_is_found_by_what_was_kept() {
    let small = Small::new();
    let mut wrong = String::new();
    check(&small, &small.copy(&small.older), &OLDER_FILE, &mut wrong);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn an_older_log_is_found() {
    let small = Small::new();
    let mut wrong = String::new();
    for (log, attack) in [(&small.older_wal, &OLDER_LOG), (&small.middle_wal, &MIDDLE_LOG)] {
        let copy = small.copy(&small.path);
        std::fs::copy(log, &side_files(&copy.path)[0]).unwrap();
        check(&small, &copy, attack, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_wrong_key_and_a_foreign_checkpoint_are_found() {
    let (small, other) = (Small::new(), Small::new());
    let key = Some(other.vkey.clone());
    let options = Options { depth: Depth::Deep, key, held: Vec::new(), witnesses: Vec::new() };
    let codes = found(&small.path, &options);
    assert!(codes.contains("key-differs") && codes.contains("origin-differs"), "{codes:?}");

    // A key of the ledger's own name that isn't the store's.
    let key = SigningKey::from_seed(&[7; 32]);
    let key = Some(key.verifier_key(small.vkey.name(), KeyKind::Log).unwrap());
    let options = Options { depth: Depth::Deep, key, held: Vec::new(), witnesses: Vec::new() };
    let codes = found(&small.path, &options);
    assert!(codes.contains("key-differs") && codes.contains("signature-wrong"), "{codes:?}");

    let held = vec![Held { name: "foreign".into(), note: other.note.clone() }];
    let options = Options { depth: Depth::Deep, key: None, held, witnesses: Vec::new() };
    let codes = found(&small.path, &options);
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["origin-differs"]);
}

/// Once somebody was erased, what linking did before is accounted for as far as entries still tell.
#[test]
fn what_linking_did_before_an_erasure_is_neither_doubled_nor_taken_where_that_can_be_told() {
    let small = linked();
    let mut store = Store::open(&small.path, Access::Write, "test").unwrap();
    let rules = candor::store::latest(store.conn(), store.words()).unwrap();
    let who = "loyalty_card:LC10000006";
    let otto =
        candor::profile::read::find_one(store.conn(), store.secret(), &rules.policy, who).unwrap();
    candor::subject::erase::erase(&mut store, &rules, otto, at("2018-01-09T10:00:00Z")).unwrap();
    store.truncate_wal().unwrap();
    drop(store);
    assert!(found(&small.copy(&small.path).path, &file_only()).is_empty(), "it is sound");
    let columns = "a, b, kind, identifier, weight, model, entry, retired_entry";
    let double = |which: &str| {
        format!(
            "INSERT INTO link ({columns}) SELECT {columns} FROM link WHERE id = (SELECT MIN(id) FROM link WHERE {which})"
        )
    };
    let said = "kind = 5 AND entry IN (SELECT decided_entry FROM question WHERE state IN (5, 6))";
    for (sql, code) in [
        ("DELETE FROM question WHERE state = 5".to_owned(), "question-missing"),
        ("DELETE FROM question WHERE state = 4".to_owned(), "question-missing"),
        (double("kind = 3"), "link-doubled"),
        (double("kind = 4"), "link-doubled"),
        (double("kind = 6 AND model <> 0"), "link-doubled"),
        (double(said), "link-doubled"),
        (double("kind = 5"), "link-doubled"),
    ] {
        let copy = small.copy(&small.path);
        let changed = copy.with(|conn| conn.execute(&sql, [])).unwrap();
        assert!(changed > 0, "{sql}");
        let found = found(&copy.path, &file_only());
        assert!(found.contains(code), "{sql}: {found:?}");
    }
}

/// Where one part can't be read, the others are checked, and what is wrong there is told as well.
#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let small = Small::new();
    let copy = small.copy(&small.path);
    copy.with(|conn| {
        conn.execute_batch(
            "INSERT INTO meta (name, value) VALUES ('shapes:1', CAST('{}' AS BLOB));
             UPDATE statement SET valid_at = valid_at - 1;
             UPDATE value SET field = field + 1 WHERE seq = (SELECT MAX(seq) FROM value WHERE state = 2);
             UPDATE request SET due_on = '2030-01-01'",
        )
        .unwrap();
    });
    let report = verify(&copy.path, &file_only()).unwrap();
    let found = codes(&report);
    for code in ["rows-unreadable", "statement-differs", "row-differs", "request-differs"] {
        assert!(found.contains(code), "{code}: {found:?}");
    }
    let events = report.claims.iter().find(|claim| claim.claim == "events").unwrap();
    assert!(events.faults[0].what.contains("shapes:1"), "{events:?}");
}

/// Whoever comes under a key for which somebody put a record into the file isn't taken for the one to whom it was given.
#[test]
fn nobody_comes_in_by_a_record_that_no_entry_brought() {
    let small = Small::new();
    for (source, head, row) in [
        (
            "crm",
            "crm_id,first_name,last_name,created_at",
            "k9001,Mallory,Case,2018-01-08T09:12:00Z",
        ),
        (
            "till",
            "basket,at,loyalty_id,product_id,category,type,qty,cents,store",
            "79001,2018-01-08T11:02:10Z,LC10009001,839849,SOFT DRINKS,GINGER ALE,2,318,12",
        ),
    ] {
        let copy = small.copy(&small.path);
        small.remember(&copy);
        std::fs::copy(key_path(&small.path), key_path(&copy.path)).unwrap();
        let key = row.split(',').nth(if source == "crm" { 0 } else { 2 }).unwrap();
        let secret = Store::open(&copy.path, Access::Read, "test").unwrap();
        let blind = candor::profile::recognise::key_blind(secret.secret(), source, key);
        drop(secret);
        let file = copy.path.with_file_name("newcomer.csv");
        std::fs::write(&file, format!("{head}\n{row}\n")).unwrap();
        let bring = || {
            let mut store = Store::open(&copy.path, Access::Write, "test").unwrap();
            small::try_to_bring(&mut store, &file, source, at("2018-01-09T10:00:00Z"))
        };
        copy.with(|conn| crafted::ghost(conn, source, blind));
        assert_eq!(bring().unwrap_err().code, "record-without-entry");
        // Without it, the same row comes in.
        copy.with(|conn| {
            conn.execute(
                "UPDATE record SET key_blind = key_blind + 1 WHERE key_blind = $1",
                [blind],
            )
            .unwrap()
        });
        bring().unwrap();
    }
}

/// What entries of an older candor don't say is neither called proven nor broken.
#[test]
fn what_older_entries_do_not_say_is_not_proven() {
    use candor::subject::request::{self, RequestKind};
    let small = Small::new();
    let unproven = |path: &std::path::Path| {
        let report = verify(path, &file_only()).unwrap();
        assert!(report.holds, "{:?}", codes(&report));
        let open = report.claims.iter().filter(|claim| claim.standing == Standing::NotProven);
        let open = open.map(|claim| claim.claim);
        open.filter(|claim| ["who-asked", "messages-carry"].contains(claim)).collect::<Vec<_>>()
    };
    let copy = small.copy(&small.path);
    copy.with(|conn| {
        conn.execute_batch(
            "INSERT INTO outbox (destination, record, act, item, queued_at, attempts, next_at, state, disclosure, status)
             SELECT destination, record, 2, 0, at, 1, at, 2, id, 503 FROM disclosure WHERE id = 1",
        )
        .unwrap();
    });
    assert_eq!(unproven(&copy.path), ["messages-carry"]);
    // One that is answered at once isn't bound by its opening; left open, it is as they were.
    let mut store = Store::open(&small.path, Access::Write, "test").unwrap();
    let rules = candor::store::latest(store.conn(), store.words()).unwrap();
    let record =
        "SELECT MAX(r.id) FROM record r JOIN subject s ON s.id = r.subject WHERE s.state = 2";
    let record: i64 = store.conn().query_row(record, [], |row| row.get(0)).unwrap();
    let now = at("2018-01-06T10:00:00Z");
    store
        .write(now, |writer| request::take_up(writer, &rules, record, RequestKind::Access, None))
        .unwrap();
    drop(store);
    assert_eq!(unproven(&small.path), ["who-asked"]);
}

/// What somebody wrote under the number of a merge that is to come moves with nobody.
#[test]
fn a_merge_moves_what_it_says_and_nothing_that_waited_for_it() {
    let small = Small::new();
    let copy = small.copy(&small.path);
    small.remember(&copy);
    std::fs::copy(key_path(&small.path), key_path(&copy.path)).unwrap();
    let [a, b] = copy.with(|conn| {
        let plant =
            "INSERT INTO merge_record SELECT (SELECT MAX(id) + 1 FROM merge), MIN(id) FROM record";
        conn.execute(plant, []).unwrap();
        let two =
            "SELECT MIN(subject), MAX(subject) FROM record r JOIN subject s ON s.id = r.subject
                   WHERE s.state = 2 AND r.id > (SELECT MIN(id) FROM record)";
        conn.query_row(two, [], |row| Ok([row.get::<_, i64>(0)?, row.get(1)?])).unwrap()
    });
    assert!(found(&copy.path, &file_only()).contains("merge-differs"));
    let mut store = Store::open(&copy.path, Access::Write, "test").unwrap();
    let decider = candor::profile::merge::Decider::Person;
    let now = at("2018-01-09T10:00:00Z");
    store.write(now, |writer| candor::profile::merge::join(writer, b, a, decider)).unwrap();
    drop(store);
    let report = verify(&copy.path, &file_only()).unwrap();
    let faults: Vec<_> = report.claims.iter().flat_map(|claim| &claim.faults).collect();
    assert!(report.holds, "{faults:?}");
}

/// A report takes no memory for numbers that somebody made up.
#[test]
fn a_report_refuses_a_number_that_was_never_given() {
    let small = Small::new();
    let copy = small.copy(&small.path);
    copy.with(|conn| {
        let sql =
            "UPDATE record SET id = 9223372036854775807 WHERE id = (SELECT MAX(id) FROM record)";
        conn.execute(sql, []).unwrap();
    });
    let store = Store::open(&copy.path, Access::Read, "test").unwrap();
    let forever = candor::base::clock::Moment::FOREVER;
    let refused = candor::audit::unlawful::unlawful(&store, None, forever).err().unwrap();
    assert_eq!(refused.code, "store-damaged");
}

/// A restore repeats the erasures that the backup doesn't know, and what it leaves is sound.
#[test]
fn a_restored_store_proves_everything_too() {
    let small = Small::new();
    let copy = small.copy(&small.path);
    small.remember(&copy);
    std::fs::copy(key_path(&small.path), key_path(&copy.path)).unwrap();
    std::fs::remove_file(&copy.path).unwrap();
    let now = at("2018-02-01T10:00:00Z");
    let done = restore(
        &copy.path,
        &small.early,
        candor::subject::backup::Certificates::Some(&[]),
        "test",
        now,
    )
    .unwrap();
    assert_eq!(done.erasures_repeated, 3);
    let report = verify(&copy.path, &file_only()).unwrap();
    assert!(report.holds, "{:?}", codes(&report));
}

/// The page says what the tests show, word for word.
#[test]
fn the_page_of_attacks_is_what_the_tests_show() {
    let cell = |code: &str| match code {
        "" => "not found".to_owned(),
        "*" => "found; as what, depends on the pages".to_owned(),
        code => format!("`{code}`"),
    };
    let mut table = String::from(
        "| attack | file only | file + kept checkpoint | file + what lies beside the key |\n\
         | --- | --- | --- | --- |\n",
    );
    for attack in
        ATTACKS.iter().chain(LINKING).chain(CRAFTED).chain([&OLDER_FILE, &OLDER_LOG, &MIDDLE_LOG])
    {
        let [alone, kept, beside] = [attack.file_only, attack.kept, attack.beside].map(cell);
        writeln!(table, "| {} | {alone} | {kept} | {beside} |", attack.name).unwrap();
    }
    let page = include_str!("../src/verify/ATTACKS.md");
    assert!(page.contains(&table), "the table has to be:\n{table}");
}
