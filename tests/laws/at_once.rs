//! Laws 3, 6 and 8 while two processes work at once: what is decided is decided under the write lock,
//! so nothing that the other one commits in between is overlooked.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::collect::{Progress, Reject};
use candor::consent::desk::{self, Spoken};
use candor::pipeline::ask::Explanation;
use candor::pipeline::import::{Carry, Listener, Request, import};
use candor::policy::types::ConsentState;
use candor::send;
use candor::store::{Access, Store};
use candor::subject::erase::erase;
use candor::subject::retain;
use candor::verify::{Depth, Options, verify};

use crate::common::{World, hour, numbers};

const SHOP: &str = "customer_id,at,name,email,card,optin,notice\n\
    c1,2026-01-04,Ann,ann@x.example,K1,yes,letter-form@1\n";

/// How long the first one keeps the lock after the second one was let go: long enough for it to have
/// read whatever it reads before it waits.
const HELD: Duration = Duration::from_millis(400);

fn other(world: &World) -> Store {
    Store::open(&world.path(), Access::Write, "other").unwrap()
}

#[test]
fn a_withdrawal_that_comes_while_a_run_waits_is_heard() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    let ann = world.subject("email:ann@x.example").unwrap();
    let (mut second, rules) = (other(&world), world.rules.clone());
    let out = world.folder.path().join("letter.csv");
    let spoken =
        Spoken { purpose: Some("newsletter"), state: ConsentState::Withdrawn, ..Spoken::default() };
    let said = desk::statements(&world.rules, &spoken, hour(3)).unwrap();
    let (go, wait) = channel();
    let run = std::thread::scope(|scope| {
        let sending = scope.spawn(move || {
            Receiver::recv(&wait).unwrap();
            // The run began before the person spoke, and its clock says so.
            send::push(&mut second, &rules, "mailer", &out, hour(2)).unwrap()
        });
        let written = world.store.write(hour(3), |writer| {
            go.send(()).unwrap();
            std::thread::sleep(HELD);
            desk::record(writer, ann, &said)
        });
        written.unwrap();
        sending.join().unwrap()
    });
    assert_eq!((run.sent, run.withheld["consent_withdrawn"]), (0, 1));
    let report = candor::audit::unlawful::unlawful(&world.store, None, hour(9)).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

/// What is to go is decided under the lock too: a consent that comes while a run waits is kept.
#[test]
fn a_consent_that_comes_while_retention_waits_keeps_its_data() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    let ann = world.subject("email:ann@x.example").unwrap();
    let spoken =
        |notice, state| Spoken { purpose: Some("tips"), notice, state, ..Spoken::default() };
    let given = spoken(Some("tips-form@1"), ConsentState::Given);
    world.say("card:K1", &given, hour(2));
    world.import("till", "basket,at,looked_at,card,cents,what\nb1,,2026-01-05,K1,,Book\n", hour(3));
    let held = world.held();
    assert!(held.iter().any(|(_, name, _)| name == "look"));
    let rules = world.rules.clone();
    let out = desk::statements(&rules, &spoken(None, ConsentState::Withdrawn), hour(4)).unwrap();
    world.store.write(hour(4), |writer| desk::record(writer, ann, &out)).unwrap();
    let back = desk::statements(&rules, &given, hour(5)).unwrap();
    let mut second = other(&world);
    let (go, wait) = channel();
    let done = std::thread::scope(|scope| {
        let retaining = scope.spawn(move || {
            Receiver::recv(&wait).unwrap();
            retain::run(&mut second, &rules, hour(5), retain::Carry::Out).unwrap()
        });
        let written = world.store.write(hour(5), |writer| {
            go.send(()).unwrap();
            std::thread::sleep(HELD);
            desk::record(writer, ann, &back)
        });
        written.unwrap();
        retaining.join().unwrap()
    });
    assert_eq!((done.values, done.events, done.people), (0, 0, 0));
    assert_eq!(world.held(), held);
    world.is_sound();
}

/// Signals from inside an import's transaction, once, and keeps it open for a while.
struct Slow(Option<std::sync::mpsc::Sender<()>>);

impl Listener for Slow {
    fn progress(&mut self, _: Progress) {}
    fn reject(&mut self, _: &Reject, _: Option<&[u8]>) -> Result<()> {
        Ok(())
    }
    fn explain(&mut self, _: Explanation) {
        if let Some(go) = self.0.take() {
            go.send(()).unwrap();
            std::thread::sleep(HELD);
        }
    }
}

#[test]
fn an_erasure_that_waits_for_an_import_erases_what_it_brought_too() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    let ann = world.subject("email:ann@x.example").unwrap();
    let (mut second, rules) = (other(&world), world.rules.clone());
    // The first row's unknown channel of consent is explained inside the transaction.
    let csv = "basket,at,looked_at,card,cents,what\n\
        b0,2026-01-04,,,,\n\
        b1,2026-01-04,,K1,500,First\nb2,2026-01-04,,K1,700,Second\nb3,2026-01-04,,K1,900,Third\n";
    let path = world.folder.path().join("till.csv");
    std::fs::write(&path, csv).unwrap();
    let (go, wait) = channel();
    std::thread::scope(|scope| {
        let erasing = scope.spawn(move || {
            Receiver::recv(&wait).unwrap();
            erase(&mut second, &rules, ann, hour(3)).unwrap()
        });
        let request = Request { path: &path, source: "till", carry: Carry::Out };
        let moment: &dyn Fn() -> Moment = &|| hour(2);
        let mut slow = Slow(Some(go));
        let outcome = import(&mut world.store, &request, moment, &mut slow).unwrap();
        assert!(slow.0.is_none(), "the import was held open");
        assert_eq!(outcome.summary.events_new, 3);
        let certificate = erasing.join().unwrap();
        assert_eq!(certificate.scan.found, 0);
        assert_eq!(certificate.rows["event"], 3);
    });
    assert_eq!(numbers(world.store.conn(), "SELECT COUNT(*) FROM event WHERE purposes <> 2"), [0]);
    world.is_sound();
}

#[test]
fn looking_while_others_write_finds_no_fault() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    let ann = world.subject("email:ann@x.example").unwrap();
    let path = world.path();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let writing = |store: &mut Store, axis_hours: i64| {
        for turn in 0..15 {
            let spoken = Spoken {
                purpose: Some("newsletter"),
                state: ConsentState::Withdrawn,
                ..Spoken::default()
            };
            let now = hour(axis_hours + turn);
            let rules = candor::store::latest(store.conn(), store.words()).unwrap();
            let said = desk::statements(&rules, &spoken, now).unwrap();
            store.write(now, |writer| desk::record(writer, ann, &said)).unwrap();
        }
    };
    let looks = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let options = Options {
                    depth: Depth::Ledger,
                    key: None,
                    held: Vec::new(),
                    witnesses: Vec::new(),
                };
                match verify(&path, &options) {
                    Ok(report) => assert!(report.holds, "{:?}", report.claims),
                    Err(error) => assert_eq!(error.code, "store-busy"),
                }
                // A reader opens beside them as well.
                drop(Store::open(&path, Access::Read, "reader").unwrap());
                looks += 1;
            }
            looks
        });
        let mut second = other(&world);
        let third = scope.spawn(move || writing(&mut second, 100));
        let first = scope.spawn(|| writing(&mut world.store, 10));
        let written = [first.join(), third.join()];
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for written in written {
            written.unwrap();
        }
        looking.join().unwrap()
    });
    assert!(looks > 3, "{looks}");
    world.is_sound();
}

/// Does something in another process as soon as a first batch is in.
struct Meanwhile<Act>(Option<Act>);

impl<Act: FnOnce()> Listener for Meanwhile<Act> {
    fn progress(&mut self, _: Progress) {
        if let Some(act) = self.0.take() {
            act();
        }
    }
    fn reject(&mut self, _: &Reject, _: Option<&[u8]>) -> Result<()> {
        Ok(())
    }
    fn explain(&mut self, _: Explanation) {}
}

/// A file of 600 customers, and a clock by which a batch ends at the first look at it.
fn many_customers(world: &World) -> (std::path::PathBuf, impl Fn() -> Moment + use<>) {
    let mut rows = String::from("customer_id,at,name,email\n");
    for n in 0..600 {
        rows.push_str(&format!("c{n},2026-01-04,Ann,c{n}@x.example\n"));
    }
    let path = world.folder.path().join("rows.csv");
    std::fs::write(&path, rows).unwrap();
    let ticks = std::cell::Cell::new(hour(4).0);
    let clock = move || {
        ticks.set(ticks.get() + 2_000);
        Moment(ticks.get())
    };
    (path, clock)
}

/// Law 1: a policy acts from its application on, also on a file of which half is read. The same command
/// goes on from there, under the new one.
#[test]
fn an_import_stops_where_another_policy_comes_into_force() {
    let mut world = World::new();
    let (path, clock) = many_customers(&world);
    let field = "name = { as = \"attribute.first_name\", category = \"contact\" }\n";
    let shop = crate::common::POLICY.find("[source.shop.fields]").unwrap();
    let mut without = crate::common::POLICY.to_owned();
    let at = shop + without[shop..].find(field).unwrap();
    without.replace_range(at..at + field.len(), "");
    let mut second = other(&world);
    let mut listener = Meanwhile(Some(|| crate::common::apply(&mut second, &without, hour(5))));
    let request = Request { path: &path, source: "shop", carry: Carry::Out };
    let error = import(&mut world.store, &request, &clock, &mut listener).unwrap_err();
    assert_eq!(error.code, "policy-changed", "{error:?}");
    let names =
        |world: &World| world.held().iter().filter(|(_, f, _)| f == "attribute.first_name").count();
    let before = names(&world);
    assert!(before > 0 && before < 600, "{before} names came in under the first");
    let outcome = import(&mut world.store, &request, &|| hour(6), &mut listener).unwrap();
    assert!(outcome.resumed_at_line.is_some());
    assert_eq!(names(&world), before, "no name came in under the second");
    assert_eq!(numbers(world.store.conn(), "SELECT COUNT(*) FROM record"), [600]);
}

/// Two processes that take one file in don't count and write it twice: the one that finds the other ahead
/// of it stops, and the file is in once.
#[test]
fn a_file_that_two_take_in_at_once_is_in_once() {
    let (mut world, mut alone) = (World::new(), World::new());
    let (path, clock) = many_customers(&world);
    let request = Request { path: &path, source: "shop", carry: Carry::Out };
    let mut second = other(&world);
    let ahead = || {
        let mut quiet = Slow(None);
        let done = import(&mut second, &request, &|| hour(5), &mut quiet).unwrap();
        assert_eq!(done.summary.rows, 600);
    };
    let mut listener = Meanwhile(Some(ahead));
    let error = import(&mut world.store, &request, &clock, &mut listener).unwrap_err();
    assert_eq!(error.code, "import-busy", "{error:?}");
    let again = import(&mut world.store, &request, &|| hour(6), &mut Slow(None)).unwrap();
    assert!(again.known_from.is_some(), "what is in is known");
    import(&mut alone.store, &request, &|| hour(5), &mut Slow(None)).unwrap();
    assert_eq!(world.held(), alone.held());
    let imports = "SELECT state FROM import";
    assert_eq!(numbers(world.store.conn(), imports), numbers(alone.store.conn(), imports));
    world.is_sound();
}
