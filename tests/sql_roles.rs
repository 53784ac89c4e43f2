//! Questions in SQL: an operator's open what is sealed, an auditor's never do, and nothing that is
//! refused says what it would have shown.

#[path = "tamper/small.rs"]
mod small;

use candor::base::error::{Error, Kind};
use candor::verify::query::{Answer, Limits, Opens, ask};
use candor::verify::views::{Role, VIEWS};
use small::Small;

fn query(small: &Small, role: Role, sql: &str) -> (Result<Answer, Error>, Option<Opens>) {
    let mut opens = None;
    let answer = ask(&small.path, role, Limits::default(), sql, &mut |what| {
        opens = Some(what);
        Ok(())
    });
    (answer, opens)
}

#[test]
fn an_operator_sees_what_is_sealed_and_is_told_of_it_before() {
    let small = Small::new();
    let sql = "SELECT field, text FROM v_value LIMIT 2";
    let (answer, opens) = query(&small, Role::Operator, sql);
    let answer = answer.unwrap();
    assert_eq!(opens, Some(Opens::Personal));
    assert_eq!((answer.columns, answer.rows.len()), (vec!["field".into(), "text".into()], 2));

    let sql = "SELECT text FROM v_value WHERE field = 'identifier.email' ORDER BY text";
    let emails = query(&small, Role::Operator, sql).0.unwrap().rows;
    assert!(emails.iter().any(|row| row[0] == "edda.lind@example.com"), "opened text");
    let sql = "SELECT body FROM v_event WHERE body IS NOT NULL LIMIT 1";
    let (events, opens) = query(&small, Role::Operator, sql);
    let events = events.unwrap().rows;
    let event: serde_json::Value = serde_json::from_str(events[0][0].as_str().unwrap()).unwrap();
    assert!(event["name"].is_string(), "an opened event is JSON");
    assert_eq!(opens, Some(Opens::Personal));

    let (_, opens) = query(&small, Role::Operator, "SELECT COUNT(*) FROM v_record");
    assert_eq!(opens, Some(Opens::Nothing), "numbers of records open nothing");
}

/// The row of what is forgotten is an empty place: it says so, and shows no time that never was.
#[test]
fn a_forgotten_row_shows_itself_as_one() {
    let small = Small::new();
    for view in ["v_event", "v_value"] {
        let time = if view == "v_event" { "at" } else { "observed_at" };
        let sql = format!(
            "SELECT state = 4, COUNT(*), COUNT({time}) FROM {view} GROUP BY state = 4 ORDER BY 1"
        );
        let rows = query(&small, Role::Auditor, &sql).0.unwrap().rows;
        let counts: Vec<(i64, i64)> =
            rows.iter().map(|row| (row[1].as_i64().unwrap(), row[2].as_i64().unwrap())).collect();
        let [(held, timed), (gone, untimed)] = counts[..] else { panic!("{view}: {rows:?}") };
        assert!(held > 0 && held == timed && gone > 0 && untimed == 0, "{view}: {rows:?}");
    }
}

#[test]
fn an_auditor_asks_every_view() {
    let small = Small::new();
    for view in VIEWS {
        let (answer, opens) = query(&small, Role::Auditor, &format!("SELECT * FROM {}", view.name));
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", view.name));
        let shown: Vec<&str> = view.columns.iter().filter(|c| !c.opens).map(|c| c.name).collect();
        assert_eq!(answer.columns, shown, "{}", view.name);
        assert!(!answer.rows.is_empty(), "{} shows something", view.name);
        assert_eq!(opens, Some(Opens::Nothing), "{}", view.name);
    }
    let sql = "WITH v AS (SELECT field, COUNT(*) AS n FROM v_value GROUP BY field)
               SELECT field, n FROM v WHERE n > 1 ORDER BY n DESC";
    assert!(!query(&small, Role::Auditor, sql).0.unwrap().rows.is_empty());
    let sql = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 10)
               SELECT COUNT(*) FROM c";
    assert_eq!(
        query(&small, Role::Auditor, sql).0.unwrap().rows,
        [[10]],
        "nothing is taken from it"
    );
}

/// What no role may ask, an auditor least of all.
const FORBIDDEN: &[&str] = &[
    "SELECT k FROM record_key",
    "SELECT * FROM main.record_key",
    "SELECT hex(k) FROM \"record_key\"",
    "SELECT body FROM value",
    "SELECT COUNT(*) FROM value",
    "SELECT body FROM payload",
    "SELECT body FROM event",
    "SELECT blind FROM identifier",
    "SELECT value FROM meta WHERE name = 'secret'",
    "SELECT fingerprint FROM suppression",
    "SELECT salt FROM kept_salt",
    "SELECT public_id FROM subject",
    "SELECT leaf FROM entry",
    "SELECT candor_value(zeroblob(32), 1, x'00')",
    "SELECT candor_event(zeroblob(32), 1, x'00')",
    "SELECT candor_value(record, value, field) FROM v_value",
    "ATTACH DATABASE ':memory:' AS other",
    "DETACH DATABASE main",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA table_info(record_key)",
    "SELECT * FROM pragma_table_info('record_key')",
    "UPDATE entry SET leaf = x''",
    "UPDATE v_entry SET leaf = ''",
    "DELETE FROM entry",
    "INSERT INTO checkpoint VALUES (1, x'')",
    "DROP TRIGGER entry_is_append_only_u",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE TEMP VIEW v_mine AS SELECT k FROM record_key",
    "CREATE TEMP TRIGGER t AFTER INSERT ON entry BEGIN SELECT 1; END",
    "VACUUM INTO '/tmp/elsewhere.db'",
    "BEGIN",
    "SELECT sql FROM sqlite_schema",
    "SELECT sql FROM sqlite_temp_schema",
    "SELECT name FROM sqlite_master",
    "SELECT COUNT(*) FROM sqlite_schema",
    "SELECT COUNT(*) FROM pragma_table_info('record_key')",
    "SELECT COUNT(*) FROM pragma_database_list",
    "SELECT load_extension('x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT randomblob(16)",
    "SELECT zeroblob(1000000000)",
    "SELECT * FROM json_each((SELECT k FROM record_key LIMIT 1))",
    "SELECT (SELECT k FROM record_key LIMIT 1) FROM v_record",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM record_key WHERE substr(hex(k), 1, 1) = '0')",
    "WITH v_record AS (SELECT k FROM record_key) SELECT * FROM v_record",
    "WITH RECURSIVE t(x) AS (SELECT k FROM record_key UNION ALL SELECT x FROM t) SELECT x FROM t",
    "SELECT record FROM v_record UNION SELECT k FROM record_key",
    "SELECT record FROM v_record ORDER BY (SELECT k FROM record_key LIMIT 1)",
    "SELECT r.record, k.k FROM v_record r JOIN record_key k ON k.record = r.record",
    "SELECT record FROM v_record EXCEPT SELECT record FROM record_key",
    "SELECT main.value.body FROM v_record, main.value",
    "SELECT * FROM inner_v_value",
    "SELECT rowid FROM value",
    "SELECT 1; SELECT k FROM record_key",
    "EXPLAIN SELECT k FROM record_key",
    "VALUES ((SELECT k FROM record_key LIMIT 1))",
    "",
];

/// What an operator may ask and an auditor may not.
const OPERATORS_ONLY: &[&str] = &[
    "SELECT text FROM v_value",
    "SELECT v.text FROM v_value v",
    "SELECT 1 FROM v_value WHERE text LIKE 'a%'",
    "SELECT COUNT(*) FROM v_value GROUP BY text",
    "SELECT body FROM v_event",
    "WITH v AS (SELECT text FROM v_value) SELECT * FROM v",
];

#[test]
fn what_is_forbidden_is_refused_and_shows_nothing() {
    let small = Small::new();
    let mut secrets: Vec<String> = ["SELECT text FROM v_value", "SELECT body FROM v_event"]
        .iter()
        .flat_map(|sql| query(&small, Role::Operator, sql).0.unwrap().rows)
        .filter_map(|row| row[0].as_str().map(str::to_owned))
        .filter(|text| text.len() > 4)
        .collect();
    let conn = rusqlite::Connection::open(&small.path).unwrap();
    let mut keys = conn.prepare("SELECT hex(k) FROM record_key").unwrap();
    secrets.extend(keys.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap));
    assert!(secrets.len() > 50);
    let before = std::fs::read(&small.path).unwrap();

    let both = FORBIDDEN.iter().flat_map(|sql| [(Role::Auditor, sql), (Role::Operator, sql)]);
    for (role, sql) in both.chain(OPERATORS_ONLY.iter().map(|sql| (Role::Auditor, sql))) {
        let (answer, opens) = query(&small, role, sql);
        let Err(error) = answer else { panic!("{role:?} may ask {sql}") };
        let said = format!("{error} {error:?}");
        assert!(matches!(error.kind, Kind::No | Kind::Usage), "{role:?} {sql}: {said}");
        assert!(opens.is_none(), "{sql}: refused before anything is read");
        for secret in &secrets {
            assert!(!said.contains(secret.as_str()), "{sql}: the answer shows data");
        }
    }
    for sql in OPERATORS_ONLY {
        assert!(query(&small, Role::Operator, sql).0.is_ok(), "{sql}: an operator may");
    }
    assert_eq!(std::fs::read(&small.path).unwrap(), before, "nothing was changed");
}

/// The page lists the views and columns that there are, no more and no fewer, and says which open.
#[test]
fn the_page_of_views_is_true() {
    let page = include_str!("../src/verify/VIEWS.md");
    let names: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(names, VIEWS.iter().map(|view| view.name).collect::<Vec<_>>());
    for (view, section) in VIEWS.iter().zip(page.split("\n## ").skip(1)) {
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
        let rows: Vec<(&str, bool)> = rows.map(|(n, what)| (n, what.contains("*opens*"))).collect();
        let columns: Vec<_> = view.columns.iter().map(|c| (c.name, c.opens)).collect();
        assert_eq!(rows, columns, "{}", view.name);
    }
}
