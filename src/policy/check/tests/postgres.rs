//! Tables: what is read of them, and each mistake that they can have.

use super::{line_of, spoil};
use crate::policy::check::check;
use crate::policy::outline::outline;
use crate::policy::postgres::{Encrypted, Holds, PORT};
use crate::policy::types::ValueType;

const TABLES: &str = include_str!("../../../../fixtures/postgres/policy.toml");

/// What is said of the readers' table, which stands there once.
const READERS: &str = "host = \"db.ternandpine.example\"\ndatabase = \"shop\"\nuser = \"candor\"\n\
    secret = \"database\"\ntable = \"letters.readers\"";

/// The same with another first line.
fn with(line: &str) -> String {
    format!("{line}\n{}", READERS.split_once('\n').unwrap().1)
}

/// An authority, as anybody can make one.
const CA: &str = include_str!("../../../../fixtures/postgres/ca.pem");

#[test]
fn tables_are_read() {
    let checked = check(TABLES).unwrap_or_else(|found| panic!("{}", found[0]));
    assert_eq!(checked.warnings, []);
    let policy = checked.policy;
    let readers = policy.destinations["readers"].postgres().unwrap();
    assert_eq!((readers.port, readers.tls), (PORT, Encrypted::VerifyFull));
    assert_eq!((readers.schema.as_str(), readers.table.as_str()), ("letters", "readers"));
    assert_eq!(readers.column(Holds::Field("first_name")), "vorname");
    assert_eq!(readers.column(Holds::Person), "candor_person");
    assert_eq!(policy.type_of("born"), ValueType::Date);
    assert_eq!(policy.type_of("email"), ValueType::Text);
    let parts: Vec<_> = policy.destinations["orders"].parts().iter().map(|p| p.name()).collect();
    let own = ["candor_message", "candor_person", "candor_event", "candor_at"];
    assert_eq!(parts, [&own[..], &["email", "what", "amount"]].concat());
    let lines = outline(&policy);
    for (path, said) in [
        ("destination.readers.kind", "postgres"),
        ("destination.readers.postgres.table", "letters.readers"),
        ("destination.readers.postgres.tls", "verify-full"),
        ("destination.readers.postgres.columns.first_name", "vorname"),
    ] {
        assert_eq!(lines[path], said);
    }
    // A socket is this machine's own; a table without a schema is in the one that every database has.
    let socket = with("host = \"/run/postgresql\"").replace("letters.readers", "readers");
    let text = spoil(TABLES, READERS, &socket);
    let policy = check(&text).unwrap_or_else(|found| panic!("{}", found[0])).policy;
    let readers = policy.destinations["readers"].postgres().unwrap();
    assert_eq!((readers.tls, readers.schema.as_str()), (Encrypted::None, "public"));
    let text =
        spoil(TABLES, "table = \"letters.readers\"", &format!("ca = '''\n{CA}'''\ntable = \"x\""));
    assert!(check(&text).is_ok());
}

#[test]
fn each_mistake_is_told_with_its_line_and_its_remedy() {
    let and = |line: &str| format!("{READERS}\n{line}");
    let ca = CA.replace('M', "N");
    let long = "x".repeat(64);
    for (code, good, bad, line, remedy) in [
        (
            "bad-host",
            READERS,
            with("host = \"db.example\"\ntls = \"none\""),
            "host = \"db.example",
            "127.0.0.1",
        ),
        (
            "bad-host",
            READERS,
            with("host = \"https://db.example\""),
            "host = \"https",
            "certificate",
        ),
        (
            "bad-host",
            READERS,
            with("host = \"/run/p\"\ntls = \"verify-full\""),
            "host = \"/run",
            "socket",
        ),
        ("unknown-choice", READERS, and("tls = \"require\""), "tls = \"require\"", "verify-full"),
        ("wrong-number", READERS, and("port = 70000"), "port = 70000", "5432"),
        ("bad-certificate", READERS, and(&format!("ca = '''\n{ca}'''")), "ca = '''", "PEM"),
        ("bad-certificate", READERS, and("ca = \"/etc/ca.pem\""), "ca = \"/etc", "PEM"),
        (
            "bad-certificate",
            READERS,
            with(&format!("host = \"127.0.0.1\"\ntls = \"none\"\nca = '''\n{CA}'''")),
            "ca = '''",
            "leave ca out",
        ),
        (
            "bad-secret",
            READERS,
            and("").replace("\"database\"\ntable", "\"Data base\"\ntable"),
            "secret = \"Data base",
            "candor secret set",
        ),
        (
            "bad-table",
            "table = \"letters.readers\"",
            "table = \"a.b.c\"".to_owned(),
            "table = \"a.b.c",
            "schema.table",
        ),
        (
            "bad-table",
            "table = \"letters.readers\"",
            format!("table = \"{long}\""),
            "table = \"xxx",
            "schema.table",
        ),
        ("bad-table", "vorname", long.clone(), "columns = { first_name = \"xxx", "schema.table"),
        (
            "key-missing",
            "table = \"letters.readers\"",
            String::new(),
            "[destination.readers.postgres]",
            "table = ",
        ),
        (
            "field-not-listed",
            "first_name = \"vorname\"",
            "first_nam = \"vorname\"".to_owned(),
            "columns = { first_nam =",
            "first_name",
        ),
        (
            "column-twice",
            "first_name = \"vorname\"",
            "first_name = \"email\"".to_owned(),
            "columns = {",
            "email_2",
        ),
        (
            "key-of-another-kind",
            "kind = \"postgres\"\nrate",
            "kind = \"postgres\"\nsecret = \"s\"\nrate".to_owned(),
            "secret = \"s\"",
            "webhook",
        ),
    ] {
        let text = spoil(TABLES, good, &bad);
        let found = check(&text).err().unwrap_or_default();
        let [only] = found.as_slice() else { panic!("{code} for {bad:?}: {found:?}") };
        assert_eq!((only.code, only.line), (code, line_of(&text, line)), "{bad:?}: {only}");
        assert!(only.fix.contains(remedy), "{bad:?}: {only}");
    }
    let at = TABLES.find("[destination.readers.postgres]").unwrap();
    let end = TABLES.find("# One row for each thing").unwrap();
    let without = format!("{}{}", &TABLES[..at], &TABLES[end..]);
    assert_eq!(check(&without).unwrap_err()[0].code, "key-missing");
}
