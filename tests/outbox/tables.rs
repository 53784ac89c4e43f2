//! Rows of a recipient's table: what is written, what is taken away, and what is never believed.

use candor::send::outbox::Report;

use crate::common::hour;
use crate::database::{Database, Greeting, Reply, message};
use crate::sending::Sending;

const FIXTURE: &str = include_str!("../../fixtures/postgres/policy.toml");

const READERS: &str = "customer_id,at,email,first_name,born,letter\n\
    c1,2026-01-04,ann@x.example,\"A\"\"n'n\",1990-02-03,yes\n\
    c2,2026-01-04,bo@x.example,,,yes\n";

const BOUGHT: &str = "customer_id,at,email,receipt,cents,what\n\
    t1,2026-01-04T10:00:00Z,ann@x.example,b1,1250,Tea\n";

/// The fixture with its database on this machine, and two readers.
fn scene(more: &str) -> (Sending, Database) {
    let database = Database::start();
    let at = format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"", database.port);
    let text = FIXTURE.replace("host = \"db.ternandpine.example\"", &at);
    let mut shop = Sending::under(&text.replace("secret = \"database\"\n", more));
    shop.world.import("shop", READERS, hour(1));
    (shop, database)
}

fn sent(more: &str) -> (Sending, Database) {
    let (mut shop, database) = scene(more);
    assert_eq!(shop.push_to("readers").unwrap().queued, 2);
    assert_eq!(shop.send().delivered, 2);
    (shop, database)
}

/// What became of the two readers, where the database isn't as it should be.
fn fails(shop: &Sending) -> (Report, String) {
    let report = shop.send();
    let row = shop.rows().into_iter().next().unwrap();
    assert!(!row.words.contains("x.example"), "{}", row.words);
    (report, row.words)
}

#[test]
fn a_person_is_a_row_and_goes_with_their_yes() {
    let (mut shop, database) = sent("");
    let rows = database.rows();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].statement.starts_with(
        "INSERT INTO \"letters\".\"readers\" (\"candor_person\", \"email\", \"vorname\", \"born\") SELECT"
    ));
    let ann = rows[0].values[0].clone().unwrap();
    assert!(ann.starts_with("p_"));
    let said = |at: usize| rows[at].values[1..4].to_vec();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(said(0), [text("ann@x.example"), text("A\"n'n"), text("1990-02-03")]);
    assert_eq!(said(1), [text("bo@x.example"), None, None], "nothing is nothing");
    // Once more, under the same name.
    shop.push_to("readers").unwrap();
    assert_eq!(shop.send().delivered, 2);
    assert_eq!(database.rows()[2].values[0].as_ref(), Some(&ann));
    shop.wait(60);
    shop.withdraw("email:ann@x.example");
    let now = shop.now();
    let certificate = shop.world.erase("email:bo@x.example", now);
    assert!(certificate.recipients.iter().all(|recipient| recipient.told_by_message));
    assert_eq!(shop.send().delivered, 2);
    let rows = database.rows();
    assert_eq!(rows.len(), 6);
    for row in &rows[4..] {
        assert!(row.statement.starts_with("DELETE FROM \"letters\".\"readers\" WHERE"), "{row:?}");
    }
    let mut gone: Vec<_> = rows[4..].iter().map(|row| row.values[0].clone()).collect();
    gone.sort();
    let mut were = [rows[0].values[0].clone(), rows[1].values[0].clone()];
    were.sort();
    assert_eq!(gone, were);
    shop.is_sound();
}

#[test]
fn an_event_is_a_row_under_its_message() {
    let (mut shop, database) = scene("");
    shop.world.import("till", BOUGHT, hour(1));
    assert_eq!(shop.rows().len(), 1);
    let message = shop.rows()[0].message.clone();
    database.will([Reply::Refused("57P03")]);
    shop.send();
    shop.wait(5);
    assert_eq!(shop.send().delivered, 1);
    let rows = database.rows();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let values: Vec<_> = row.values.iter().map(|value| value.clone().unwrap()).collect();
        assert_eq!(values[0], message, "the same over all tries");
        assert_eq!(
            values[2..7],
            ["bought", "2026-01-04T10:00:00Z", "ann@x.example", "Tea", "1250"].map(str::to_owned)
        );
    }
    shop.is_sound();
    assert_eq!(shop.push_to("orders").unwrap_err().code, "destination-events");
}

#[test]
fn what_is_against_a_row_is_given_up_and_trouble_with_the_server_isnt() {
    for (code, is_dead, words) in [
        ("22P02", true, "column's type"),
        ("23505", true, "rule of the table"),
        ("P0001", true, "trigger"),
        ("42P01", false, "candor policy table"),
        ("42703", false, "a column isn't there"),
        ("28P01", false, "secret"),
        ("53300", false, "too many connections"),
        ("XX000", false, "answered XX000"),
    ] {
        let (mut shop, database) = scene("");
        shop.push_to("readers").unwrap();
        database.will([Reply::Refused(code), Reply::Refused(code)]);
        let (report, said) = fails(&shop);
        let (dead, again) = if is_dead { (2, 0) } else { (0, 2) };
        assert_eq!((report.dead, report.again, report.delivered), (dead, again, 0), "{code}");
        assert!(said.contains(words), "{code}: {said}");
        shop.is_sound();
    }
}

#[test]
fn what_is_not_answered_in_time_is_tried_again_and_nothing_is_done_of_it_later() {
    let (mut shop, database) = scene("");
    shop.push_to("readers").unwrap();
    database.will([Reply::Late, Reply::End]);
    let began = std::time::Instant::now();
    let report = shop.send();
    assert_eq!((report.delivered, report.again), (0, 2));
    assert!(began.elapsed().as_secs() >= 4, "whoever heard nothing waits until it can't be run");
    let rows = database.rows();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        let until: u128 = row.values.last().unwrap().as_ref().unwrap().parse().unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        assert!(now >= until, "it may be run no more");
        assert!(row.statement.contains("clock_timestamp()) * 1000)::bigint < $5::bigint"));
    }
    shop.wait(5);
    assert_eq!(shop.send().delivered, 2);
    shop.is_sound();
}

#[test]
fn a_password_is_given_to_nobody() {
    let asks = |way: u32, more: &[u8]| message(b'R', &[&way.to_be_bytes()[..], more].concat());
    let welcome = [asks(0, b""), message(b'Z', b"I")].concat();
    for greeting in [
        // In the clear, by MD5, not at all, by another way, and by a way that proves nothing.
        asks(3, b""),
        asks(5, b"salt"),
        welcome.clone(),
        message(b'Z', b"I"),
        asks(10, b"PLAIN\0\0"),
        asks(11, b"r=x,s=c2FsdA==,i=1"),
        [asks(10, b"SCRAM-SHA-256\0\0"), asks(12, b"v=AAAA")].concat(),
        [asks(10, b"SCRAM-SHA-256\0\0"), asks(11, b"r=x,s=c2FsdA==,i=1"), welcome].concat(),
    ] {
        let (mut shop, database) = scene("secret = \"database\"\n");
        shop.secret("database", "pine-and-tern");
        shop.push_to("readers").unwrap();
        database.greets(Greeting::Bytes(greeting.clone()));
        let (report, said) = fails(&shop);
        assert_eq!((report.again, report.delivered), (2, 0), "{greeting:?}");
        assert!(said.contains("SCRAM-SHA-256"), "{said}");
        let heard = String::from_utf8_lossy(&database.heard()).into_owned();
        assert!(!heard.contains("pine-and-tern") && !heard.contains("x.example"), "{heard}");
        assert!(database.rows().is_empty());
    }
    // Without the secret nothing is sent, and nothing is on record as sent.
    let (mut shop, database) = scene("secret = \"database\"\n");
    shop.push_to("readers").unwrap();
    assert_eq!(shop.send().without_secret, 2);
    assert_eq!((shop.disclosures(), database.rows().len()), (0, 0));
}

#[test]
fn whatever_a_hostile_server_says_ends_in_time() {
    let notice = message(b'N', &[b' '; 60_000]);
    for (at, greeting) in [
        Greeting::Bytes(b"R".to_vec()),
        Greeting::Bytes(b"R\0\0\0".to_vec()),
        Greeting::Bytes(b"R\0\0\0\x03".to_vec()),
        Greeting::Bytes(b"R\xff\xff\xff\xff".to_vec()),
        Greeting::Bytes(b"R\x7f\xff\xff\xff\0".to_vec()),
        Greeting::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Greeting::Bytes(message(b'R', b"")),
        Greeting::Bytes(message(b'E', b"")),
        Greeting::Bytes(message(b'E', b"Cann@x.example\0")),
        Greeting::Endless(notice.clone()),
        Greeting::Endless(vec![0; 1_000]),
    ]
    .into_iter()
    .enumerate()
    {
        let (mut shop, database) = scene("");
        shop.push_to("readers").unwrap();
        database.greets(greeting);
        let began = std::time::Instant::now();
        let (report, _) = fails(&shop);
        assert_eq!((report.again, report.delivered), (2, 0), "{at}");
        assert!(began.elapsed().as_secs() < 12, "{at}");
    }
    // Let in, and then.
    let (mut shop, database) = scene("");
    shop.push_to("readers").unwrap();
    database.will([
        Reply::Bytes(message(b'D', b"\0\x01\x7f\xff\xff\xfftrue")),
        Reply::Bytes(notice.repeat(6)),
    ]);
    let (report, _) = fails(&shop);
    assert_eq!((report.again, report.delivered), (2, 0));
    shop.is_sound();
}
