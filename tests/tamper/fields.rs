//! A policy with more fields than a word has bits: chains of values are told apart exactly.

use std::fmt::Write as _;

use candor::store::{self, Creation, Store};
use rusqlite::Connection;

use super::small::{at, bring, file_only, found};

const FIELDS: usize = 140;

fn policy() -> String {
    let mut text = String::from(
        "[controller]\nname = \"Many\"\ncountry = \"IE\"\ntimezone = \"Europe/Dublin\"\n\
         contact = \"privacy@many.example\"\n[category.contact]\ntitle = \"Name\"\n\
         [purpose.orders]\ntitle = \"Deliver\"\nbasis = \"contract\"\ncategories = [\"contact\"]\n\
         retention = \"P50Y\"\n[source.crm]\ntitle = \"crm\"\nkey = \"id\"\npurposes = [\"orders\"]\n\
         [source.crm.fields]\n",
    );
    for n in 0..FIELDS {
        writeln!(text, "f{n} = {{ as = \"attribute.f{n:03}\", category = \"contact\" }}").unwrap();
    }
    text
}

/// One person of whom some fields are said anew, and some of those once more.
#[test]
fn a_policy_may_have_any_number_of_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.db");
    let now = at("2018-01-01T10:00:00Z");
    let creation = Creation { path: &path, origin: None, now, actor: "test" };
    let mut store = Store::create(&creation).unwrap();
    let text = policy();
    let checked = candor::policy::check(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    store.write(now, |writer| store::apply(writer, &text, &checked.policy)).unwrap();
    for round in 0..3 {
        let (mut head, mut row) = ("id".to_owned(), "k1".to_owned());
        for n in 0..FIELDS {
            write!(head, ",f{n}").unwrap();
            write!(row, ",v{}", if n % 3 < round { round } else { 0 }).unwrap();
        }
        let csv = folder.path().join(format!("{round}.csv"));
        std::fs::write(&csv, format!("{head}\n{row}\n")).unwrap();
        bring(&mut store, &csv, "crm", now);
    }
    store.truncate_wal().unwrap();
    drop(store);
    assert_eq!(found(&path, &file_only()).into_iter().collect::<Vec<_>>(), [""; 0]);

    // Each of them, told as what it isn't, is found.
    let conn = Connection::open(&path).unwrap();
    let mut statement = conn.prepare("SELECT seq, state FROM value ORDER BY seq").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let all: Vec<(i64, i64)> = rows.map(Result::unwrap).collect();
    let last = all.iter().filter(|(_, state)| *state == 3).map(|(seq, _)| *seq).max().unwrap();
    assert!(last > i64::try_from(FIELDS).unwrap(), "a field beyond the first word was said anew");
    let set = |seq: i64, state: i64| {
        conn.execute("UPDATE value SET state = $1 WHERE seq = $2", [state, seq]).unwrap();
    };
    for (seq, state) in all.iter().copied().step_by(5).chain([(last, 3)]) {
        set(seq, 5 - state);
        let codes = found(&path, &file_only());
        assert!(codes.contains("value-state"), "value {seq}: {codes:?}");
        set(seq, state);
    }
}
