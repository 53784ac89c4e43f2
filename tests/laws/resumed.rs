//! Law 8, for its summary too: an import that was cut off tells in the end what one that wasn't tells, also
//! where it reads again what it had counted, since a basket's rows lay scattered.

use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::collect::{Progress, Reject};
use candor::pipeline::ask::Explanation;
use candor::pipeline::import::{Carry, Listener, Request, import};
use candor::store::hex;
use sha2::{Digest, Sha256};

use crate::common::{Heard, POLICY, World, hour};

/// Gives up at the so-manieth row that can't be read.
struct GivesUp(usize);

impl Listener for GivesUp {
    fn progress(&mut self, _: Progress) {}
    fn reject(&mut self, _: &Reject, _: Option<&[u8]>) -> Result<()> {
        self.0 = self.0.saturating_sub(1);
        match self.0 {
            0 => Err(Error::no("given-up", "as on a disk that is full")),
            _ => Ok(()),
        }
    }
    fn explain(&mut self, _: Explanation) {}
}

const BASKETS: usize = 400;

/// Three rows a basket, scattered; one basket in forty has a row that can't be read.
fn till() -> String {
    let mut rows = String::from("basket,at,looked_at,card,cents,what\n");
    for i in 0..3 * BASKETS {
        let row = i * 701 % (3 * BASKETS);
        let basket = row / 3;
        let cents = if basket % 40 == 7 && row % 3 == 1 { "much" } else { "5" };
        rows += &format!("b{basket},2026-01-04,,K{},{cents},thing-{row}\n", basket % 30);
    }
    rows
}

/// A till whose baskets are of many rows, and people with cards K0 to K29.
pub fn world() -> World {
    let order = "[[source.till.event]]\nname = \"order\"\n";
    let grouped = "amount = { from = \"cents\" }\nproperties = { what = { from = \"what\" } }\n\
                   [[source.till.event]]";
    let policy = POLICY
        .replace(order, &format!("{order}grouped = true\n"))
        .replace(grouped, &grouped.replace("properties", "lines"));
    assert_eq!(
        policy.len(),
        POLICY.len() + "grouped = true\n".len() + "lines".len() - "properties".len()
    );
    let mut world = World::under(&policy);
    let mut shop = String::from("customer_id,at,name,email,card\n");
    for n in 0..30 {
        shop += &format!("c{n},2026-01-04,Ann,c{n}@x.example,K{n}\n");
    }
    world.import("shop", &shop, hour(1));
    world
}

#[test]
fn an_import_that_was_cut_off_counts_each_row_once() {
    let mut calm = world();
    let all = calm.import("till", &till(), hour(2)).summary;
    assert_eq!(all.rows, 3 * BASKETS as u64);
    assert!(all.events_new > 300 && !all.unreadable.is_empty(), "{all:?}");
    let mut world = world();
    let path = world.folder.path().join("till.csv");
    std::fs::write(&path, till()).unwrap();
    let request = Request { path: &path, source: "till", carry: Carry::Out };
    // A batch ends at each look at the clock.
    let ticks = std::cell::Cell::new(hour(2).0);
    let clock = || {
        ticks.set(ticks.get() + 2_000);
        Moment(ticks.get())
    };
    let mut told = 0;
    for rejects in [16, 24, 28] {
        let cut = import(&mut world.store, &request, &clock, &mut GivesUp(rejects)).unwrap_err();
        assert_eq!(cut.code, "given-up");
        let held = crate::common::rows(world.store.conn(), "event").len();
        assert!(held >= told, "goes on");
        told = held;
    }
    assert!(told > 0 && told < crate::common::rows(calm.store.conn(), "event").len());
    let outcome = import(&mut world.store, &request, &clock, &mut Heard::default()).unwrap();
    assert_eq!(outcome.summary, all);
    world.is_sound();
    assert_eq!(world.held(), calm.held());
}

/// Whoever writes to the table of imports lets no file of withdrawals be passed over: a file is known, or gone on
/// with, only where an entry of the ledger says so.
#[test]
fn no_planted_row_keeps_a_file_from_being_read() {
    let policy = crate::common::POLICY;
    for planted in ["3, 1, 0, 900", "2, 1000000, 0, 0"] {
        let mut world = World::under(policy);
        world.import(
            "shop",
            "customer_id,at,name,email,optin,notice\nc1,2026-01-04,Ann,ann@x.example,yes,letter-form@1\n",
            hour(1),
        );
        let path = world.folder.path().join("no.csv");
        std::fs::write(&path, "customer_id,at,optin\nc1,2026-01-05,no\n").unwrap();
        let digest = hex(&Sha256::digest(std::fs::read(&path).unwrap()));
        let print = world.store.secret().fingerprint("file", &[&digest]);
        let raw = rusqlite::Connection::open(world.path()).unwrap();
        let row = format!(
            "INSERT INTO import (id, source, file, policy, state, resume_line, started_at, finished_at, totals)
             SELECT 9, source, x'{}', policy, {planted}, '{{}}' FROM import WHERE id = 1",
            hex(&print)
        );
        raw.execute(&row, []).unwrap();
        raw.execute(
            "INSERT INTO import_entry SELECT 9, entry FROM import_entry WHERE import = 1",
            [],
        )
        .unwrap();
        drop(raw);
        let request = Request { path: &path, source: "shop", carry: Carry::Out };
        let done = import(&mut world.store, &request, &|| hour(3), &mut Heard::default()).unwrap();
        assert_eq!((done.known_from, done.resumed_at_line), (None, None), "{planted}");
        let told = &done.summary.statements["newsletter"];
        assert_eq!(told.get("refused"), Some(&1), "{planted}: {told:?}");
    }
}
