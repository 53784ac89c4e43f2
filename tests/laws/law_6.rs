//! Law 6: after an erasure no byte of the person is left, everybody else is untouched, the chain and
//! every earlier checkpoint still verify, the person stays out, and a restored backup forgets too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::common::{World, blobs, contains, deep, hour, numbers, raw, verify};
use candor::consent::desk::Spoken;
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState;
use candor::profile::lookup;
use candor::profile::merge::{self, Decider};
use candor::store::{self, Access, Store, side_files};
use candor::subject::{backup, erase};
use candor::verify::query::{self, Limits};
use candor::verify::views::Role;

const PEOPLE: usize = 5;
const NAMES: [&str; PEOPLE] =
    ["Aoibheann", "Bartholomew", "Caoilfhionn", "Desdemona", "Ermengarde"];

#[derive(Clone, Debug)]
enum Act {
    Shop(usize),
    Till(usize),
    Merge(usize, usize),
    Split(usize),
    Erase(usize),
    Return(usize),
    Backup,
    Restore,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..PEOPLE).prop_map(Act::Shop),
        4 => (0..PEOPLE).prop_map(Act::Till),
        2 => (0..PEOPLE, 0..PEOPLE).prop_map(|(a, b)| Act::Merge(a, b)),
        1 => (0..PEOPLE).prop_map(Act::Split),
        4 => (0..PEOPLE).prop_map(Act::Erase),
        2 => (0..PEOPLE).prop_map(Act::Return),
        1 => Just(Act::Backup),
        1 => Just(Act::Restore),
    ]
}

fn email(who: usize) -> String {
    format!("{}@post.example", NAMES[who].to_lowercase())
}

fn who(person: usize) -> String {
    format!("email:{}", email(person))
}

/// Everything in the clear that the tests ever import of a person.
fn clear(person: usize) -> Vec<String> {
    vec![
        NAMES[person].to_owned(),
        email(person),
        format!("CARD-{person}{person}{person}7"),
        format!("cust-{person}-key"),
        format!("book-of-{person}"),
    ]
}

/// The rows of a person as they are stored: sealed values, events, payloads and keys.
fn stored(world: &World, subject: i64) -> Vec<Vec<u8>> {
    let conn = world.store.conn();
    let of = |table: &str, body: &str| {
        blobs(
            conn,
            &format!(
                "SELECT {body} FROM {table} WHERE record IN
                 (SELECT id FROM record WHERE subject = {subject})"
            ),
        )
    };
    [of("value", "body"), of("event", "body"), of("payload", "body"), of("record_key", "k")]
        .concat()
        .into_iter()
        // Forgotten rows are zeros; a few bytes alone occur by chance.
        .filter(|body| body.len() >= 8 && body.iter().any(|byte| *byte != 0))
        .map(|body| body[..body.len().min(24)].to_vec())
        .collect()
}

/// What has happened so far, as the test knows it.
struct Story {
    world: World,
    /// Whether a person's last word was an erasure.
    erased: [bool; PEOPLE],
    /// Whether the store knows whose card it is, and whether it did when the person was erased: a
    /// card that it never held can't be recognised.
    card_held: [bool; PEOPLE],
    card_out: [bool; PEOPLE],
    /// Who was erased since the backup, and so is erased again by a restore.
    erased_since: [bool; PEOPLE],
    /// What must never be found again.
    gone: Vec<Vec<u8>>,
    /// Checkpoints that outsiders hold, by size.
    held: BTreeMap<u64, String>,
    backup: Option<Kept>,
    at: i64,
}

/// A backup: where it lies, its ledger's size, and what the test knew then.
#[derive(Clone)]
struct Kept {
    path: PathBuf,
    size: u64,
    erased: [bool; PEOPLE],
    card_held: [bool; PEOPLE],
}

impl Story {
    fn perform(&mut self, act: &Act) {
        self.at += 1;
        let now = hour(self.at);
        match act {
            Act::Shop(p) => {
                let csv = format!(
                    "customer_id,at,name,email,card,optin,notice\n\
                     cust-{p}-key,{now},{},{},CARD-{p}{p}{p}7,yes,letter-form@1\n",
                    NAMES[*p],
                    email(*p)
                );
                let outcome = self.world.import("shop", &csv, now);
                let refused = outcome.summary.records_refused.get("suppressed").copied();
                // Whoever came back did so by their own act: what other sources held of them before
                // the erasure, by their key and the card, stays out.
                let out = self.erased[*p] || self.card_out[*p];
                assert_eq!(refused.unwrap_or(0) == 1, out, "a source's word on {p}");
                self.card_held[*p] |= !out;
            }
            Act::Till(p) => {
                let csv = format!(
                    "basket,at,looked_at,card,cents,what\n\
                     basket-{p}-{},{now},,CARD-{p}{p}{p}7,500,book-of-{p}\n",
                    self.at
                );
                let outcome = self.world.import("till", &csv, now);
                if self.erased[*p] && self.card_out[*p] {
                    assert_eq!(outcome.summary.events_new, 0, "an erased person's till line");
                }
            }
            Act::Merge(a, b) => {
                let (Some(a), Some(b)) = (self.subject(*a), self.subject(*b)) else { return };
                if a != b {
                    let (from, into) = (a.max(b), a.min(b));
                    let store = &mut self.world.store;
                    store.write(now, |w| merge::join(w, from, into, Decider::Person)).unwrap();
                }
            }
            Act::Split(p) => {
                let Some(subject) = self.subject(*p) else { return };
                let merges = lookup::merges_into(self.world.store.conn(), subject).unwrap();
                if let Some(last) = merges.first().copied() {
                    self.world.store.write(now, |w| merge::split(w, &last)).unwrap();
                }
                // A record that came after the merge stays where it came in, so that its person now
                // has two profiles, which the desk makes one again.
                for person in 0..PEOPLE {
                    if let [one, other, ..] = self.world.subjects(&who(person))[..] {
                        let (from, into) = (one.max(other), one.min(other));
                        let store = &mut self.world.store;
                        store.write(now, |w| merge::join(w, from, into, Decider::Person)).unwrap();
                    }
                }
            }
            Act::Erase(p) => self.erase(*p),
            Act::Return(p) => {
                let csv = format!("email,at,optin,notice\n{},{now},yes,letter-form@2\n", email(*p));
                let outcome = self.world.import("page", &csv, now);
                assert_eq!(outcome.summary.returned, u64::from(self.erased[*p]), "{p} comes back");
                assert!(self.subject(*p).is_some());
                // The card was kept out too: only what came by their own act is let in again.
                if self.erased[*p] {
                    self.returned(*p);
                }
            }
            Act::Backup => {
                let to = self.world.folder.path().join(format!("backup-{}", self.at));
                let report = backup::backup(&mut self.world.store, &to, now).unwrap();
                self.backup = Some(Kept {
                    path: to,
                    size: report.entries,
                    erased: self.erased,
                    card_held: self.card_held,
                });
                self.erased_since = [false; PEOPLE];
            }
            Act::Restore => self.restore(),
        }
        let log = self.world.store.log();
        self.held.insert(log.size(), self.world.store.signer().unwrap().note(log).unwrap());
    }

    fn subject(&self, person: usize) -> Option<i64> {
        self.world.subject(&who(person))
    }

    fn returned(&mut self, person: usize) {
        self.erased[person] = false;
        // Their other identifiers may still be kept out: the test's people come back whole.
        let now = hour(self.at);
        let csv = format!("email,at,optin,notice\n{},{now},yes,letter-form@2\n", email(person));
        self.world.import("page", &csv, now);
    }

    fn erase(&mut self, person: usize) {
        let Some(subject) = self.subject(person) else { return };
        let together: Vec<usize> =
            (0..PEOPLE).filter(|p| self.subject(*p) == Some(subject)).collect();
        let others: Vec<i64> =
            (0..PEOPLE).filter_map(|p| self.subject(p)).filter(|other| *other != subject).collect();
        let before: Vec<_> = others.iter().map(|o| self.world.profile(*o)).collect();
        let bodies = stored(&self.world, subject);
        assert!(!bodies.is_empty());
        let raw_before = self.world.raw();
        assert!(bodies.iter().all(|b| contains(&raw_before, b)), "what is looked for was there");
        let certificate = self.world.erase(&who(person), hour(self.at));
        assert_eq!(certificate.scan.found, 0);
        let after: Vec<_> = others.iter().map(|o| self.world.profile(*o)).collect();
        assert_eq!(before, after, "other people are untouched");
        for p in together {
            self.erased[p] = true;
            self.erased_since[p] = true;
            self.card_out[p] |= self.card_held[p];
            assert_eq!(self.world.subjects(&who(p)), [0; 0]);
        }
        self.gone.extend(bodies);
    }

    fn restore(&mut self) {
        let Some(kept) = self.backup.clone() else { return };
        let path = self.world.path();
        // The store is lost; its key and its journal are not.
        let folder = self.world.folder.path().to_owned();
        let lost = folder.join("lost");
        self.world.store = crate::common::bare(&folder.join(format!("spare-{}", self.at)));
        std::fs::rename(&path, lost).unwrap();
        for side in side_files(&path) {
            let _ = std::fs::remove_file(side);
        }
        backup::restore(&path, &kept.path, backup::Certificates::Some(&[]), "test", hour(self.at))
            .unwrap();
        self.world.reopen();
        // What outsiders hold of the lost part is another branch; the restore entry says so.
        self.held.retain(|held, _| *held <= kept.size);
        // A return since then is lost with the rest, an erasure is not.
        self.erased = std::array::from_fn(|p| kept.erased[p] || self.erased_since[p]);
        self.card_held = kept.card_held;
    }

    fn check(&self) {
        let raw = self.world.raw();
        for body in &self.gone {
            assert!(!contains(&raw, body), "an erased row is still in the files");
        }
        for person in 0..PEOPLE {
            for text in clear(person) {
                assert!(!contains(&raw, text.as_bytes()), "{text} lies in the clear");
            }
            if self.erased[person] {
                assert_eq!(self.subject(person), None, "{person} is held again");
            }
        }
        let held: Vec<String> = self.held.values().cloned().collect();
        let verdict = verify(self.world.store.conn(), &held);
        assert!(verdict.holds(), "{:?}", verdict.findings);
    }
}

fn story() -> Story {
    Story {
        world: World::new(),
        erased: [false; PEOPLE],
        card_held: [false; PEOPLE],
        card_out: [false; PEOPLE],
        erased_since: [false; PEOPLE],
        gone: Vec::new(),
        held: BTreeMap::new(),
        backup: None,
        at: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_byte_is_left_and_nobody_else_is_touched(acts in prop::collection::vec(act(), 4..24)) {
        let mut story = story();
        for act in &acts {
            story.perform(act);
            story.check();
        }
        // A copy made now holds nothing of them either.
        let copy = story.world.folder.path().join("copy");
        backup::backup(&mut story.world.store, &copy, hour(story.at + 1)).unwrap();
        let raw = raw(Path::new(&copy));
        prop_assert!(story.gone.iter().all(|body| !contains(&raw, body)));
    }
}

#[test]
fn a_restore_forgets_again_whom_the_backup_still_holds() {
    let mut story = story();
    for act in [
        Act::Shop(0),
        Act::Shop(1),
        Act::Till(0),
        Act::Backup,
        Act::Erase(0),
        Act::Shop(2),
        Act::Restore,
        Act::Shop(0),
        Act::Till(0),
        Act::Shop(1),
        Act::Return(0),
    ] {
        story.perform(&act);
        story.check();
    }
    assert!(story.subject(0).is_some() && story.subject(1).is_some());
}

#[test]
fn an_own_consent_from_before_the_erasure_brings_nobody_back() {
    let mut story = story();
    story.perform(&Act::Shop(0));
    let before = hour(0);
    story.perform(&Act::Erase(0));
    let csv = format!("email,at,optin,notice\n{},{before},yes,letter-form@2\n", email(0));
    let outcome = story.world.import("page", &csv, hour(9));
    assert_eq!(outcome.summary.records_refused["suppressed"], 1);
    // A consent that another source passes on is not their own act.
    let csv = format!(
        "lead,at,name,email,optin,notice\nl1,{},X,{},yes,letter-form@1\n",
        hour(10),
        email(0)
    );
    let outcome = story.world.import("leads", &csv, hour(10));
    assert_eq!(outcome.summary.records_refused["suppressed"], 1);
    story.check();
}

#[test]
fn what_the_law_keeps_is_kept_and_nothing_else() {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card\nc1,2026-01-04,Aoibheann,a@post.example,CARD-1\n";
    world.import("shop", shop, hour(1));
    let books = "basket,at,card,cents,what\ninv-1,2026-01-04,CARD-1,999,The Third Policeman\n";
    world.import("ledgers", books, hour(2));
    let before = world.held();
    assert_eq!(before.len(), 5, "{before:?}");
    // The books have no identifier of their own, so they are another subject: erase that one.
    let record = crate::common::numbers(world.store.conn(), "SELECT MAX(subject) FROM record")[0];
    let rules = &world.rules;
    let certificate =
        candor::subject::erase::erase(&mut world.store, rules, record, hour(3)).unwrap();
    let order = certificate.categories.iter().find(|c| c.category == "order").unwrap();
    assert_eq!((order.kept, order.ground.as_deref()), (1, Some("Art 17(3)(b)")));
    let left: Vec<_> = world.held().into_iter().filter(|(s, ..)| s == "ledgers").collect();
    assert!(left.iter().any(|(_, name, _)| name == "invoice"), "{left:?}");
    assert!(world.verify(&[]).holds());
}

/// A person's name can be a word of the policy as well, and their number a part of the ledger's times:
/// those texts hold nothing personal, and stay.
#[test]
fn a_value_that_is_also_a_word_of_the_policy_blocks_no_proof() {
    assert!(crate::common::POLICY.contains("Letterbox Ltd"));
    // The second is how SQLite writes down that there is a table "timestamp".
    for word in ["Letterbox Ltd", "tablet"] {
        let mut story = story();
        let shop = format!(
            "customer_id,at,name,email,card\ncust-0-key,{},{word},{},\n",
            hour(1),
            email(0)
        );
        story.world.import("shop", &shop, hour(1));
        story.perform(&Act::Backup);
        let certificate = story.world.erase(&who(0), hour(9));
        let scan = certificate.scan;
        assert_eq!((scan.found, scan.in_open_texts, scan.rebuilt), (0, 1, false), "{word}");
        let said = scan.sentence();
        assert!(said.contains("1 erased value, such as a town, is also a word of texts"), "{said}");
        story.erased[0] = true;
        story.erased_since[0] = true;
        story.perform(&Act::Restore);
        story.check();
    }
}

#[test]
fn an_erased_person_under_a_shared_address_stays_out_under_a_new_key_too() {
    let form = "[identifier.email]\n";
    let told_apart = format!("{form}unless_differ = [\"first_name\"]\n");
    let mut world = World::under(&crate::common::POLICY.replace(form, &told_apart));
    let family = "customer_id,at,name,email,card\n\
        c1,2026-01-04,Aoibheann,family@post.example,\nc2,2026-01-04,Muiris,family@post.example,\n";
    world.import("shop", family, hour(1));
    let [one, other] = world.subjects("email:family@post.example")[..] else {
        panic!("two people")
    };
    let rules = &world.rules;
    candor::subject::erase::erase(&mut world.store, rules, one, hour(2)).unwrap();
    let left = world.profile(other).to_string();
    let (erased, stays) =
        if left.contains("Muiris") { ("Aoibheann", "Muiris") } else { ("Muiris", "Aoibheann") };
    let row = |key: &str, name: &str| {
        format!("customer_id,at,name,email,card\n{key},2026-01-06,{name},family@post.example,\n")
    };
    let outcome = world.import("shop", &row("c9", erased), hour(3));
    assert_eq!(outcome.summary.records_refused["suppressed"], 1, "a new key, the same person");
    let outcome = world.import("shop", &row("c8", stays), hour(4));
    assert!(outcome.summary.records_refused.is_empty(), "the other one may come");
    assert!(world.held().iter().all(|(_, _, text)| text != erased));
}

#[test]
fn a_certificate_can_be_had_again_and_says_what_the_first_one_said() {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card\nc1,2026-01-04,Aoibheann,a@post.example,CARD-1\n";
    world.import("shop", shop, hour(1));
    let first = world.erase("email:a@post.example", hour(2));
    let again =
        candor::subject::certificate::certificate_of(&mut world.store, first.request, hour(3))
            .unwrap();
    assert_eq!(serde_json::to_value(&first).unwrap(), serde_json::to_value(&again).unwrap());
    let none =
        candor::subject::certificate::certificate_of(&mut world.store, 77, hour(3)).unwrap_err();
    assert_eq!(none.code, "request-unknown");
}

/// Puts the store away and a backup in its place, as after a lost disk.
pub fn restore_over(
    world: &mut World,
    kept: &Path,
    now: i64,
) -> candor::base::error::Result<usize> {
    let path = world.path();
    world.store = crate::common::bare(&world.folder.path().join(format!("spare-{now}")));
    let lost = world.folder.path().join(format!("lost-{now}"));
    std::fs::rename(&path, &lost).unwrap();
    for side in side_files(&path) {
        let _ = std::fs::remove_file(side);
    }
    let none = backup::Certificates::Some(&[]);
    let done = backup::restore(&path, kept, none, "test", hour(now));
    if done.is_err() {
        assert!(!path.exists(), "a refused restore leaves no store");
        std::fs::rename(&lost, &path).unwrap();
    }
    world.reopen();
    done.map(|report| report.erasures_repeated)
}

pub fn customer(key: &str, email: &str) -> String {
    format!("customer_id,at,name,email,card\n{key},2026-01-04,,{email},\n")
}

/// A backup may hold people who were erased since. It says of itself that it is one, so that nothing tells
/// of them, wherever it lies: only a restore opens it, and verifying it tells nothing of anybody.
#[test]
fn a_backup_serves_nobody_before_its_restore() {
    let mut world = World::new();
    let kept = world.folder.path().join("kept");
    world.import("shop", &customer("c1", "ann@x.example"), hour(1));
    backup::backup(&mut world.store, &kept, hour(2)).unwrap();
    world.erase("email:ann@x.example", hour(3));
    for key_beside in [false, true] {
        if key_beside {
            std::fs::copy(store::key_path(&world.path()), store::key_path(&kept)).unwrap();
        }
        let before = std::fs::read(&kept).unwrap();
        for access in [Access::Read, Access::Write] {
            let error = Store::open(&kept, access, "test").err().expect("refused");
            assert_eq!((error.code, error.exit_code()), ("store-is-backup", 1));
            assert!(error.next.contains("restore"), "{}", error.next);
        }
        assert_eq!(
            Store::open_keyless(&kept, "test").err().map(|e| e.code),
            Some("store-is-backup")
        );
        let limits = Limits::default();
        let asked = query::ask(&kept, Role::Auditor, limits, "SELECT 1", &mut |_| Ok(()));
        assert_eq!(asked.err().map(|e| e.code), Some("store-is-backup"));
        assert!(std::fs::read(&kept).unwrap() == before, "nothing was changed");
        let report = deep(&kept, None);
        assert!(report.holds, "{:?}", report.claims);
    }
    restore_over(&mut world, &kept, 5).unwrap();
    assert_eq!(world.subject("email:ann@x.example"), None);
    world.is_sound();
    // And what was restored is a store, of which there is a backup again.
    backup::backup(&mut world.store, &world.folder.path().join("next"), hour(6)).unwrap();
}

/// After a restore the ledger goes on otherwise; a backup of what it left would bring back whom the
/// journal calls erased, and its record numbers are other people's.
#[test]
fn a_backup_of_a_history_that_a_restore_left_is_refused() {
    let mut world = World::new();
    world.import("shop", &customer("c1", "alice@post.example"), hour(1));
    let file = |world: &World, name: &str| world.folder.path().join(name);
    let [early, left, since] = ["early", "left", "since"].map(|name| file(&world, name));
    backup::backup(&mut world.store, &early, hour(2)).unwrap();
    world.import("shop", &customer("c2", "carol@post.example"), hour(3));
    backup::backup(&mut world.store, &left, hour(4)).unwrap();

    restore_over(&mut world, &early, 5).unwrap();
    world.import("shop", &customer("c3", "bob@post.example"), hour(6));
    world.erase("email:alice@post.example", hour(7));
    backup::backup(&mut world.store, &since, hour(8)).unwrap();
    world.erase("email:bob@post.example", hour(9));

    let error = restore_over(&mut world, &left, 10).unwrap_err();
    assert_eq!(error.code, "backup-abandoned", "{error:?}");
    for (kept, now) in [(&since, 11), (&early, 12), (&early, 13)] {
        restore_over(&mut world, kept, now).unwrap();
        for gone in ["alice", "bob"] {
            let csv = customer(&format!("new-{gone}"), &format!("{gone}@post.example"));
            let outcome = world.import("shop", &csv, hour(now));
            assert_eq!(outcome.summary.records_refused.get("suppressed"), Some(&1), "{gone} {now}");
        }
    }
    let error = restore_over(&mut world, &since, 14).unwrap_err();
    assert_eq!(error.code, "backup-abandoned", "{error:?}");
}

/// People of whom a backup knows nothing are kept out by one entry of its restore, each for good.
#[test]
fn everybody_who_was_erased_after_a_backup_stays_out_through_every_restore_of_it() {
    let mut world = World::new();
    let early = world.folder.path().join("early");
    backup::backup(&mut world.store, &early, hour(1)).unwrap();
    for who in ["ann", "ben", "cay"] {
        world.import("shop", &customer(who, &format!("{who}@post.example")), hour(2));
        world.erase(&format!("email:{who}@post.example"), hour(3));
    }
    for now in 4..7 {
        assert_eq!(restore_over(&mut world, &early, now).unwrap(), 3, "one for each of them");
        for who in ["ann", "ben", "cay"] {
            let outcome =
                world.import("shop", &customer(who, &format!("{who}@post.example")), hour(now));
            assert_eq!(outcome.summary.records_refused.get("suppressed"), Some(&1), "{who} {now}");
        }
    }
}

/// A process may be killed between the journal's note and the commit. The next erasure has the same
/// entry's number, and it is the one that a restore must repeat.
#[test]
fn an_erasure_that_was_noted_and_never_came_to_be_is_not_repeated() {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card\n\
        c1,2026-01-04,,ann@post.example,\nc2,2026-01-04,,ben@post.example,\n";
    world.import("shop", shop, hour(1));
    let early = world.folder.path().join("early");
    backup::backup(&mut world.store, &early, hour(2)).unwrap();
    let undone = candor::store::ErasureNote {
        entry: world.store.log().size() + 1,
        at: hour(3).0,
        records: vec![1],
        fingerprints: vec!["00".repeat(16)],
        ..candor::store::ErasureNote::default()
    };
    let mut line = Vec::new();
    let signed = world.store.signer().unwrap().signed(&undone).unwrap();
    candor::store::push_line(&mut line, &signed);
    std::fs::write(candor::store::erasures_path(&world.path()), line).unwrap();
    let done = world.erase("email:ben@post.example", hour(4));
    assert_eq!(u64::try_from(done.entry).unwrap(), undone.entry, "the number is given again");
    restore_over(&mut world, &early, 5).unwrap();
    assert!(world.subject("email:ann@post.example").is_some(), "Ann was never erased");
    assert!(world.subject("email:ben@post.example").is_none());
    let again = world.import("shop", shop, hour(6));
    assert_eq!(again.summary.records_refused.get("suppressed"), Some(&1));
}

/// An erasure is fulfilled when no old page holds the person any more. A reader beside it keeps such
/// pages; the request stays open until they are gone, and is closed then by whoever comes next.
#[test]
fn an_erasure_beside_a_reader_is_closed_when_the_reader_is_gone() {
    let mut world = World::new();
    world.import("shop", &customer("c1", "ann@post.example"), hour(1));
    let reader = candor::store::reader(&world.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM entry").unwrap();
    let subject = world.subject("email:ann@post.example").unwrap();
    let key = blobs(world.store.conn(), "SELECT k FROM record_key WHERE record = 1").remove(0);
    let rules = &world.rules;
    let erase = candor::subject::erase::erase;
    let error = erase(&mut world.store, rules, subject, hour(2)).unwrap_err();
    assert_eq!(error.code, "erasure-blocked");
    let open =
        |world: &World| numbers(world.store.conn(), "SELECT COUNT(*) FROM request WHERE state = 2");
    assert_eq!(open(&world), [1], "not answered yet");
    assert!(candor::subject::finish::finish_open(&mut world.store, hour(3)).is_err());
    drop(reader);
    assert_eq!(candor::subject::finish::finish_open(&mut world.store, hour(4)).unwrap(), [1]);
    assert_eq!(open(&world), [0]);
    assert!(!contains(&world.raw(), &key), "the key is gone from the files");
    let certificate = candor::subject::certificate::certificate_of(&mut world.store, 1, hour(5));
    let scan = certificate.unwrap().scan;
    assert!(scan.looked_for == 2 && scan.found == 0 && !scan.in_clear, "{scan:?}");
    assert!(
        scan.sentence().contains("another command than the one that began it"),
        "{}",
        scan.sentence()
    );
    assert_eq!(numbers(world.store.conn(), "SELECT COUNT(*) FROM sought"), [0]);
    assert!(world.verify(&[]).holds());
}

#[test]
fn an_erasure_that_was_cut_off_is_not_closed_while_a_row_of_it_is_left() {
    let mut world = World::new();
    world.import("shop", &customer("c1", "ann@post.example"), hour(1));
    let copy = "INSERT INTO meta (name, value) SELECT 'copy', body FROM value WHERE seq = 1";
    world.store.conn().execute_batch(copy).unwrap();
    let reader = candor::store::reader(&world.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM entry").unwrap();
    let subject = world.subject("email:ann@post.example").unwrap();
    let rules = &world.rules;
    candor::subject::erase::erase(&mut world.store, rules, subject, hour(2)).unwrap_err();
    drop(reader);
    for at in [3, 4] {
        let error = candor::subject::finish::finish_open(&mut world.store, hour(at)).unwrap_err();
        assert_eq!(error.code, "erasure-incomplete");
    }
    world.store.conn().execute_batch("DELETE FROM meta WHERE name = 'copy'").unwrap();
    assert_eq!(candor::subject::finish::finish_open(&mut world.store, hour(5)).unwrap(), [1]);
}

/// Whose memory begins again says so: neither the key's nor the journal's tells of what was before.
#[test]
fn what_the_key_forgot_is_not_called_proven() {
    use candor::verify::Standing;
    let mut world = World::new();
    for (n, who) in (1..).zip(["ann", "ben"]) {
        world.import("shop", &customer(who, &format!("{who}@post.example")), hour(n));
    }
    let early = world.folder.path().join("early");
    backup::backup(&mut world.store, &early, hour(3)).unwrap();
    world.erase("email:ann@post.example", hour(4));
    let path = world.path();
    std::fs::remove_file(candor::store::state_path(&path)).unwrap();
    std::fs::remove_file(candor::store::erasures_path(&path)).unwrap();
    world.erase("email:ben@post.example", hour(5));
    let report = deep(&path, None);
    assert!(report.holds, "{:?}", report.claims);
    for claim in ["key-memory", "kept-out"] {
        let all = report.claims.iter().filter(|c| c.claim == claim);
        assert!(all.clone().any(|c| c.standing == Standing::NotProven), "{claim}");
        assert!(all.clone().any(|c| c.standing == Standing::Proven), "{claim}");
    }
    // And a restore from before doesn't take the journal's silence for "nobody was erased".
    let error = restore_over(&mut world, &early, 6).unwrap_err();
    assert_eq!(error.code, "restore-blind", "{error:?}");
}

/// Two profiles were one when the backup was made, and two when one of them was erased. The restore parts
/// them again: the other keeps what is theirs, and gets nothing of whom the law keeps something.
#[test]
fn a_restore_parts_those_who_were_parted_before_one_was_erased() {
    for keeps in [false, true] {
        let mut world = World::new();
        let shop = "customer_id,at,name,email,card\n\
            c1,2026-01-04,Ann,ann@post.example,K1\nc2,2026-01-04,Ben,ben@post.example,K2\n";
        world.import("shop", shop, hour(1));
        if keeps {
            let books = "basket,at,card,cents,what\ninv-1,2026-01-04,K1,999,Book\n";
            world.import("ledgers", books, hour(1));
        }
        let [ann, ben] =
            ["ann", "ben"].map(|who| world.subject(&format!("email:{who}@post.example")).unwrap());
        let books = numbers(world.store.conn(), "SELECT MAX(subject) FROM record")[0];
        for other in [books].into_iter().filter(|other| keeps && *other != ann && *other != ben) {
            world.store.write(hour(2), |w| merge::join(w, other, ann, Decider::Person)).unwrap();
        }
        world.store.write(hour(3), |w| merge::join(w, ben, ann, Decider::Person)).unwrap();
        let kept = world.folder.path().join("kept");
        backup::backup(&mut world.store, &kept, hour(4)).unwrap();
        let last = lookup::merges_into(world.store.conn(), ann).unwrap()[0];
        world.store.write(hour(5), |w| merge::split(w, &last)).unwrap();
        let rules = &world.rules;
        candor::subject::erase::erase(&mut world.store, rules, ann, hour(6)).unwrap();
        let mut before = world.held();
        restore_over(&mut world, &kept, 7).unwrap();
        let mut after = world.held();
        before.sort();
        after.sort();
        assert_eq!(before, after);
        let ben = world.subject("email:ben@post.example").expect("he was never erased");
        let profile = world.profile(ben).to_string();
        assert!(profile.contains("Ben") && !profile.contains("inv-1"), "{profile}");
        world.is_sound();
    }
}

/// An older candor noted no restore of its own, only the erasures that it repeated. Its stores are sound.
#[test]
fn what_an_older_candor_restored_is_sound() {
    let mut world = World::new();
    world.import("shop", &customer("c1", "ann@post.example"), hour(1));
    let early = world.folder.path().join("early");
    backup::backup(&mut world.store, &early, hour(2)).unwrap();
    world.erase("email:ann@post.example", hour(3));
    restore_over(&mut world, &early, 4).unwrap();
    let journal = candor::store::erasures_path(&world.path());
    let notes = candor::store::read_erasures(&journal).unwrap();
    let mut older = Vec::new();
    for note in notes.iter().filter(|note| !note.records.is_empty()) {
        candor::store::push_line(&mut older, note);
    }
    assert!(notes.len() > 1 && !older.is_empty());
    std::fs::write(&journal, &older).unwrap();
    let state = candor::store::state_path(&world.path());
    let mut memory: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    memory.as_object_mut().unwrap().remove("notes");
    std::fs::write(&state, memory.to_string()).unwrap();
    world.is_sound();
}

/// A journal that was cut, or copied long ago, doesn't say that nobody was erased since.
#[test]
fn a_restore_believes_no_journal_that_is_cut_or_old() {
    for way in ["emptied", "cut", "old"] {
        let mut world = World::new();
        for who in ["ann", "ben", "cay"] {
            world.import("shop", &customer(who, &format!("{who}@post.example")), hour(1));
        }
        let path = world.path();
        let beside = [candor::store::erasures_path(&path), candor::store::state_path(&path)];
        let copies = beside.clone().map(|file| std::fs::read(file).unwrap());
        world.erase("email:ann@post.example", hour(2));
        let kept = world.folder.path().join("kept");
        backup::backup(&mut world.store, &kept, hour(3)).unwrap();
        world.erase("email:ben@post.example", hour(4));
        let [journal, _] = &beside;
        match way {
            "emptied" => std::fs::write(journal, "").unwrap(),
            "cut" => {
                let text = std::fs::read_to_string(journal).unwrap();
                let first = text.lines().next().unwrap();
                std::fs::write(journal, format!("{first}\n")).unwrap();
            }
            _ => beside
                .iter()
                .zip(&copies)
                .for_each(|(file, old)| std::fs::write(file, old).unwrap()),
        }
        world.store = crate::common::bare(&world.folder.path().join("spare"));
        std::fs::remove_file(&path).unwrap();
        for side in side_files(&path) {
            let _ = std::fs::remove_file(side);
        }
        let none = backup::Certificates::Some(&[]);
        let error = backup::restore(&path, &kept, none, "test", hour(5)).unwrap_err();
        assert_eq!(error.code, "restore-blind", "{way}: {error:?}");
    }
}

/// Whoever withdrew everything before they had themselves erased: nothing but blind names was left, and
/// these keep them out, so that an old "yes" doesn't come back with the next export.
#[test]
fn whoever_said_no_before_the_erasure_stays_out_too() {
    let policy = crate::common::POLICY.replacen(
        "purposes = [\"newsletter\"]\n[source.leads",
        "purposes = [\"newsletter\", \"winback\"]\n[source.leads",
        1,
    );
    for (axis, purpose, optin) in
        [(Axis::Consent, "newsletter", "yes"), (Axis::Objection, "winback", "no")]
    {
        let lead = format!(
            "lead,at,name,email,optin,notice\nl1,2026-01-04,Ann,ann@post.example,{optin},letter-form@2\n"
        );
        let mut world = World::under(&policy);
        world.import("leads", &lead, hour(1));
        assert!(world.subject("email:ann@post.example").is_some());
        // Whatever is held for one of the two goes with it.
        for (axis, purpose) in [(axis, purpose), (Axis::Objection, "winback")] {
            let state = match axis {
                Axis::Consent => ConsentState::Withdrawn,
                _ => ConsentState::Given,
            };
            let purpose = Some(purpose);
            world.say(
                "email:ann@post.example",
                &Spoken { axis, purpose, state, ..Spoken::default() },
                hour(2),
            );
        }
        assert!(world.held().is_empty(), "{axis:?}");
        let certificate = world.erase("email:ann@post.example", hour(3));
        assert!(!certificate.fingerprints.is_empty(), "{axis:?}");
        let outcome = world.import("leads", &lead, hour(4));
        assert_eq!(outcome.summary.records_refused.get("suppressed"), Some(&1), "{axis:?}");
        let another = lead.replace("l1", "l2");
        let outcome = world.import("leads", &another, hour(5));
        assert_eq!(outcome.summary.records_refused.get("suppressed"), Some(&1), "{axis:?}");
        assert_eq!(world.subject("email:ann@post.example"), None);
        // Their own fresh consent brings them back, as everybody else.
        let own =
            format!("email,at,optin,notice\nann@post.example,{},yes,letter-form@2\n", hour(6));
        assert_eq!(world.import("page", &own, hour(7)).summary.returned, 1, "{axis:?}");
    }
}

/// A record that was parted from a profile outlives it: the number of the subject that it was born into
/// stays, and nothing else.
#[test]
fn who_was_parted_from_an_erased_person_is_sound() {
    let mut world = World::new();
    world.import("shop", &customer("c1", "ann@x.example"), hour(1));
    world.import("shop", &customer("c2", "bob@x.example"), hour(1));
    let [ann, bob] =
        ["ann", "bob"].map(|who| world.subject(&format!("email:{who}@x.example")).unwrap());
    world.store.write(hour(2), |w| merge::join(w, bob, ann, Decider::Person)).unwrap();
    let record = lookup::records_of(world.store.conn(), ann).unwrap()[1];
    world.store.write(hour(3), |w| merge::part_record(w, record)).unwrap();
    let gone = [ann, bob]
        .map(|subject| merge::public_text(lookup::public_id(world.store.conn(), subject).unwrap()));
    world.erase("email:ann@x.example", hour(4));
    world.is_sound();
    assert!(world.subject("email:bob@x.example").is_some());
    assert!(gone.iter().all(|id| world.subject(id).is_none()), "of whom nothing is held");
    world.erase("email:bob@x.example", hour(5));
    world.is_sound();
}

/// What the gate doesn't take for a consent brings nobody back.
#[test]
fn a_consent_that_is_not_in_force_brings_nobody_back() {
    let asked_twice = |text: &str| {
        text.replacen(
            "channels = [\"email\"]\n",
            "channels = [\"email\"]\ndouble_opt_in = true\n",
            1,
        )
    };
    let mut world = World::under(&asked_twice(crate::common::POLICY));
    world.import("shop", &customer("c1", "ann@post.example"), hour(1));
    world.erase("email:ann@post.example", hour(2));
    let click = format!("email,at,optin,notice\nann@post.example,{},yes,letter-form@2\n", hour(3));
    let outcome = world.import("page", &click, hour(4));
    assert_eq!(outcome.summary.returned, 0, "nobody confirmed it");
    assert_eq!(outcome.summary.records_refused["suppressed"], 1);
    assert_eq!(world.subject("email:ann@post.example"), None);
}

/// A certificate that nobody's key signed erases nobody.
#[test]
fn a_restore_believes_no_certificate_without_its_proof() {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card\n\
        c1,2026-01-04,Aoibheann,a@post.example,\nc2,2026-01-04,Muiris,m@post.example,\n";
    world.import("shop", shop, hour(1));
    let kept = world.folder.path().join("kept");
    backup::backup(&mut world.store, &kept, hour(2)).unwrap();
    let certificate = world.erase("email:a@post.example", hour(3));
    let issue = candor::subject::certificate::issue_certificate;
    let form = candor::subject::certificate::CertificateForm::Json;
    let true_one = issue(&mut world.store, &certificate, form, hour(4)).unwrap();
    let mut forged: serde_json::Value = serde_json::from_str(&true_one).unwrap();
    forged["records"] = serde_json::json!([2]);
    let bare = serde_json::to_string(&certificate).unwrap();
    let path = world.path();
    world.store = crate::common::bare(&world.folder.path().join("spare"));
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(candor::store::erasures_path(&path)).unwrap();
    for side in side_files(&path) {
        let _ = std::fs::remove_file(side);
    }
    let file = world.folder.path().join("certificate.json");
    let restore = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let files = [file.clone()];
        let certificates = backup::Certificates::Complete(&files);
        backup::restore(&path, &kept, certificates, "test", hour(5))
    };
    for wrong in [forged.to_string(), bare] {
        let error = restore(&wrong).unwrap_err();
        assert!(error.what.contains("proof doesn't hold"), "{error:?}");
        assert!(!path.exists());
    }
    assert_eq!(restore(&true_one).unwrap().records_erased, 1);
    world.reopen();
    assert_eq!(world.subject("email:a@post.example"), None);
    assert!(world.subject("email:m@post.example").is_some());
}

/// A backup in the store's place is refused to readers too: it would show erased people again.
#[test]
fn an_older_file_in_the_stores_place_shows_nobody() {
    let mut story = story();
    story.perform(&Act::Shop(0));
    story.perform(&Act::Backup);
    story.perform(&Act::Erase(0));
    let (path, kept) = (story.world.path(), story.backup.clone().unwrap().path);
    story.world.store = crate::common::bare(&story.world.folder.path().join("spare"));
    for side in side_files(&path) {
        let _ = std::fs::remove_file(side);
    }
    std::fs::copy(&kept, &path).unwrap();
    let error =
        candor::store::Store::open(&path, candor::store::Access::Read, "test").err().unwrap();
    assert_eq!(error.code, "ledger-rolled-back");
}

/// Everything that is left after an erasure is verified, events of a record that is gone among it.
#[test]
fn deep_verification_holds_after_whole_people_are_erased() {
    let mut story = story();
    for act in [Act::Shop(0), Act::Till(0), Act::Till(0), Act::Till(0), Act::Shop(1), Act::Erase(0)]
    {
        story.perform(&act);
    }
    story.world.is_sound();
}

/// The certificate says of each table how many rows went, and says it of every table.
#[test]
fn the_certificate_counts_every_row_that_went() {
    let mut world = World::new();
    world.import("shop", SHOP_OF_TWO, hour(1));
    world.import("till", TILL_OF_ANN, hour(1));
    let out = world.folder.path().join("letter.csv");
    candor::send::push(&mut world.store, &world.rules, "mailer", &out, hour(2)).unwrap();
    let count = |world: &World| -> BTreeMap<&'static str, i64> {
        [
            ("record", "SELECT COUNT(*) FROM record"),
            ("subject", "SELECT COUNT(*) FROM subject"),
            ("value", "SELECT COUNT(*) FROM value WHERE state <> 4"),
            ("event", "SELECT COUNT(*) FROM event WHERE purposes <> 2"),
            ("identifier", "SELECT COUNT(*) FROM identifier"),
            ("statement", "SELECT COUNT(*) FROM statement"),
            ("disclosure", "SELECT COUNT(*) FROM disclosure"),
            ("link", "SELECT COUNT(*) FROM link"),
            ("rollup", "SELECT COUNT(*) FROM rollup"),
            ("payload", "SELECT COUNT(*) FROM payload WHERE body <> zeroblob(length(body))"),
            ("record_key", "SELECT COUNT(*) FROM record_key WHERE k <> zeroblob(length(k))"),
        ]
        .into_iter()
        .map(|(table, query)| (table, numbers(world.store.conn(), query)[0]))
        .collect()
    };
    let before = count(&world);
    let certificate = world.erase("email:ann@x.example", hour(3));
    let mut gone = count(&world);
    for (table, left) in &mut gone {
        *left = before[table] - *left;
    }
    gone.retain(|_, rows| *rows != 0);
    let told: BTreeMap<&str, i64> = certificate
        .rows
        .iter()
        .map(|(table, rows)| (table.as_str(), i64::try_from(*rows).unwrap()))
        .collect();
    assert_eq!(told, gone);
    for table in before.keys() {
        assert!(gone.contains_key(table), "nothing of {table} was there to go: {gone:?}");
    }
    assert_eq!(certificate.kept_as, None, "nothing is kept of her");
}

const SHOP_OF_TWO: &str = "customer_id,at,name,email,card,optin,notice\n\
    c1,2026-01-04,Ann,ann@x.example,K1,yes,letter-form@1\n\
    c2,2026-01-04,Bob,bob@x.example,K2,yes,letter-form@1\n";

const TILL_OF_ANN: &str = "basket,at,card,cents,what\n\
    b1,2026-01-04,K1,1200,Ulysses\n\
    b2,2026-01-04,K1,900,Emma\n";

/// A trigger of somebody else's could keep each value as it is overwritten; then nothing is erased or forgotten.
#[test]
fn nothing_is_written_before_a_foreign_trigger_is_gone() {
    let mut world = World::new();
    world.import("shop", &customer("c1", "ann@x.example"), hour(1));
    let ann = world.subject("email:ann@x.example").unwrap();
    let conn = rusqlite::Connection::open(world.path()).unwrap();
    conn.execute_batch("CREATE TRIGGER keeper BEFORE UPDATE OF body ON value BEGIN SELECT 1; END;")
        .unwrap();
    let refused = erase::erase(&mut world.store, &world.rules, ann, hour(2)).unwrap_err();
    assert_eq!(refused.code, "schema-differs");
    let other = world.store.write(hour(2), |_| Ok(())).unwrap_err();
    assert_eq!(other.code, "schema-differs", "nor anything else written");
    assert_eq!(world.subject("email:ann@x.example"), Some(ann), "nothing was done");
    conn.execute_batch("DROP TRIGGER keeper").unwrap();
    drop(conn);
    world.erase("email:ann@x.example", hour(3));
    world.is_sound();
}

/// What ANALYZE leaves stops nobody, and is told: it holds samples of the data.
#[test]
fn statistics_of_sqlite_are_told() {
    let mut world = World::new();
    world.import("shop", &customer("c1", "ann@x.example"), hour(1));
    let conn = rusqlite::Connection::open(world.path()).unwrap();
    conn.execute_batch("ANALYZE").unwrap();
    world.erase("email:ann@x.example", hour(2));
    assert!(!deep(&world.path(), None).holds);
    conn.execute_batch("DROP TABLE sqlite_stat1; DROP TABLE IF EXISTS sqlite_stat4").unwrap();
    drop(conn);
    world.is_sound();
}
