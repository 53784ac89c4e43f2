//! Law 8: what was acknowledged survives kill -9, with its decision and its ledger entry, or nothing
//! of it is there. The real program is killed at random moments; afterwards the store must verify,
//! and the same command must go on to the very end that an undisturbed run reaches.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use candor::base::clock::Moment;
use candor::consent::desk::{self, Spoken};
use candor::consent::history;
use candor::policy::types::ConsentState;
use candor::profile::record::Record;
use candor::profile::{lookup, read};
use candor::store::{self, Access, Store, side_files};
use candor::subject::scan::{Pattern, scan};
use common::{POLICY, contains, deep, numbers, raw, verify};
use tempfile::TempDir;

const CANDOR: &str = env!("CARGO_BIN_EXE_candor");
const ROWS: usize = 24_000;
/// More than the small disk holds.
#[cfg(target_os = "linux")]
const FULL_ROWS: usize = 8_000;
const ROUNDS: u64 = 12;

/// A folder with a policy, generated exports and a fresh store.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        std::fs::write(place.file("policy.toml"), POLICY).unwrap();
        let policy = place.file("policy.toml");
        let out = place.run(&["init", text(&place.store()), "--policy", text(&policy)]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> PathBuf {
        self.file("t.candor")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(CANDOR);
        command.arg("--json").args(args).env("CANDOR_STORE", self.store());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts a command and kills it after so many milliseconds. Returns whether it had ended.
    fn kill(&self, args: &[&str], after: u64) -> bool {
        let mut child = self.start(args);
        std::thread::sleep(Duration::from_millis(after));
        let ended = child.try_wait().unwrap().is_some();
        let _ = child.kill(); // SIGKILL
        child.wait().unwrap();
        ended
    }

    fn open(&self) -> Store {
        Store::open(&self.store(), Access::Write, "test").unwrap()
    }

    fn assert_verifies(&self) {
        let store = self.open();
        let verdict = verify(store.conn(), &[]);
        assert!(verdict.holds(), "{:?}", verdict.findings);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The pauses before each kill: spread, and the same in each run of the tests.
fn pauses(rounds: u64, most: u64) -> impl Iterator<Item = u64> {
    let step =
        |x: u64| x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    std::iter::successors(Some(step(20_260_105)), move |x| Some(step(*x)))
        .map(move |x| (x >> 33) % most)
        .take(usize::try_from(rounds).unwrap())
}

/// Rows of a shop: every fifth person comes twice, some consent, some refuse.
fn shop_rows(rows: usize) -> String {
    let mut csv = String::from("customer_id,at,name,email,card,optin,notice\n");
    for i in 0..rows {
        let person = i % (rows * 4 / 5);
        let optin = ["yes", "no", ""][i % 3];
        csv += &format!(
            "c{person},2026-01-{:02},Name{i},p{person}@x.example,K{person},{optin},letter-form@1\n",
            1 + i / (rows * 4 / 5)
        );
    }
    csv
}

/// Everything that a store holds, by the names that people know: independent of numbers and times.
fn picture(store: &Store) -> BTreeMap<String, String> {
    let rules = store::latest(store.conn(), store.words()).unwrap();
    let mut all = BTreeMap::new();
    for subject in lookup::live_subjects(store.conn()).unwrap() {
        let profile =
            read::profile(store.conn(), store.words(), &rules, subject, store.log().last_at())
                .unwrap();
        let key = profile.records.first().map(|r| r.key.clone()).unwrap_or_default();
        let identifiers: Vec<_> =
            profile.identifiers.values().flatten().map(|said| &said.value).collect();
        let attributes: Vec<_> =
            profile.attributes.values().map(|attribute| &attribute.shown.value).collect();
        let before = all.insert(
            key,
            format!("{identifiers:?} {attributes:?} {} records", profile.records.len()),
        );
        assert_eq!(before, None, "one profile for each key");
    }
    all
}

fn counts(store: &Store) -> Vec<i64> {
    ["record", "value", "statement", "identifier", "event", "rollup"]
        .map(|table| numbers(store.conn(), &format!("SELECT COUNT(*) FROM {table}"))[0])
        .to_vec()
}

#[test]
fn a_killed_import_goes_on_and_ends_like_an_undisturbed_one() {
    let csv = shop_rows(ROWS);
    let calm = Place::new();
    std::fs::write(calm.file("shop.csv"), &csv).unwrap();
    let args = |place: &Place| {
        [
            "import".to_owned(),
            text(&place.file("shop.csv")).to_owned(),
            "--source".into(),
            "shop".into(),
        ]
    };
    let calm_args = args(&calm);
    let calm_args: Vec<&str> = calm_args.iter().map(String::as_str).collect();
    assert!(calm.run(&calm_args).status.success());

    let place = Place::new();
    std::fs::write(place.file("shop.csv"), &csv).unwrap();
    let args = args(&place);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut killed = 0;
    for pause in pauses(ROUNDS, 300) {
        killed += u32::from(!place.kill(&args, pause));
        place.assert_verifies();
    }
    assert!(killed > 0, "no run was killed before its end");
    // And once right after a batch was acknowledged: what is in stays in.
    let acknowledged =
        || numbers(place.open().conn(), "SELECT COALESCE(MAX(resume_line), 0) FROM import")[0];
    if acknowledged() <= 1 {
        let mut child = place.start(&args);
        while acknowledged() <= 1 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = child.kill();
        child.wait().unwrap();
        assert!(acknowledged() > 1);
        assert!(counts(&place.open())[0] > 0);
        place.assert_verifies();
    }
    let line = acknowledged();
    assert_eq!(numbers(place.open().conn(), "SELECT COUNT(*) FROM import WHERE state = 2"), [1]);
    let end = place.run(&args);
    assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
    let told: serde_json::Value = serde_json::from_slice(&end.stdout).unwrap();
    assert_eq!(told["resumed_at_line"], line, "it doesn't begin anew");
    place.assert_verifies();
    assert_eq!(counts(&place.open()), counts(&calm.open()));
    assert_eq!(picture(&place.open()), picture(&calm.open()));
}

#[test]
fn a_killed_erasure_is_whole_or_not_at_all() {
    let place = Place::new();
    std::fs::write(place.file("shop.csv"), shop_rows(400)).unwrap();
    let file = place.file("shop.csv");
    assert!(place.run(&["import", text(&file), "--source", "shop"]).status.success());
    for (i, pause) in pauses(ROUNDS, 60).enumerate() {
        let who = format!("email:p{i}@x.example");
        let email = format!("p{i}@x.example");
        let before = picture(&place.open());
        place.kill(&["erase", &who], pause);
        place.assert_verifies();
        let after = picture(&place.open());
        let mut expected = before.clone();
        if !after.contains_key(&format!("c{i}")) {
            expected.remove(&format!("c{i}"));
        }
        assert_eq!(after, expected, "erased whole, or not at all");
        // The same command again comes to an end.
        let again = place.run(&["erase", &who]);
        let gone = before.len() - after.len() == 1;
        assert_eq!(again.status.code(), Some(i32::from(gone)));
        assert!(!picture(&place.open()).contains_key(&format!("c{i}")));
        assert!(!contains(&raw(&place.store()), email.as_bytes()));
    }
}

#[test]
fn a_killed_restore_starts_again_and_forgets_the_erased() {
    let place = Place::new();
    std::fs::write(place.file("shop.csv"), shop_rows(3_000)).unwrap();
    let file = place.file("shop.csv");
    assert!(place.run(&["import", text(&file), "--source", "shop"]).status.success());
    let backup = place.file("backup");
    assert!(place.run(&["backup", text(&backup)]).status.success());
    assert!(place.run(&["erase", "email:p7@x.example"]).status.success());
    let expected = picture(&place.open());
    for pause in pauses(ROUNDS, 150) {
        for gone in side_files(&place.store()).iter().chain([&place.store()]) {
            let _ = std::fs::remove_file(gone);
        }
        place.kill(&["restore", text(&backup)], pause);
        // What it leaves behind may hold them, and opens for nobody.
        let left = place.file("t.candor.restoring");
        if left.exists() && !place.store().exists() {
            let opened = Store::open(&left, Access::Read, "test");
            let whole = opened.as_ref().is_ok_and(|store| picture(store) == expected);
            assert!(opened.is_err() || whole, "after {pause} ms");
        }
        if !place.store().exists() {
            let again = place.run(&["restore", text(&backup)]);
            assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
        }
        place.assert_verifies();
        assert_eq!(picture(&place.open()), expected);
    }
}

#[test]
fn two_restores_at_once_bring_one_store_back() {
    let place = Place::new();
    std::fs::write(place.file("shop.csv"), shop_rows(600)).unwrap();
    let file = place.file("shop.csv");
    assert!(place.run(&["import", text(&file), "--source", "shop"]).status.success());
    let backup = place.file("backup");
    assert!(place.run(&["backup", text(&backup)]).status.success());
    for who in 0..5 {
        assert!(place.run(&["erase", &format!("email:p{who}@x.example")]).status.success());
    }
    let expected = picture(&place.open());
    for _ in 0..6 {
        for gone in side_files(&place.store()).iter().chain([&place.store()]) {
            let _ = std::fs::remove_file(gone);
        }
        let both = [(); 2].map(|()| place.start(&["restore", text(&backup)]));
        let codes = both.map(|mut child| child.wait().unwrap().code());
        assert!(codes.contains(&Some(0)), "{codes:?}");
        // The other is told that one goes on, or that the store is there.
        assert!(codes.contains(&Some(4)) || codes.contains(&Some(2)), "{codes:?}");
        place.assert_verifies();
        assert_eq!(picture(&place.open()), expected);
    }
}

/// SQLite's locks are the process's, and go with any descriptor of the file that it closes: the next one to leave
/// would take itself for the last, and sweep away what is still in use.
#[test]
fn looking_through_the_files_leaves_the_store_in_use() {
    let place = Place::new();
    std::fs::write(place.file("shop.csv"), shop_rows(3)).unwrap();
    let file = place.file("shop.csv");
    assert!(place.run(&["import", text(&file), "--source", "shop"]).status.success());
    let store = place.open();
    let subject = lookup::live_subjects(store.conn()).unwrap();
    assert!(!subject.is_empty());
    scan(&place.store(), &[Pattern::clear(b"nobody@x.example")]).unwrap();
    let no = [
        "consent",
        "record",
        "email:p1@x.example",
        "--purpose",
        "newsletter",
        "--state",
        "withdrawn",
    ];
    assert!(place.run(&no).status.success());
    let [wal, shm] = side_files(&place.store());
    assert!(wal.exists() && shm.exists(), "another process took the store for closed");
}

/// Laws 6 and 7: a key that was destroyed meanwhile seals nothing more.
#[test]
fn nothing_is_said_of_a_person_who_was_erased_meanwhile() {
    let place = Place::new();
    std::fs::write(place.file("shop.csv"), shop_rows(3)).unwrap();
    let file = place.file("shop.csv");
    assert!(place.run(&["import", text(&file), "--source", "shop"]).status.success());
    let mut store = place.open();
    let now = Moment::now();
    let find = |store: &Store| {
        let rules = store::latest(store.conn(), store.words()).unwrap();
        read::find_one(store.conn(), store.secret(), &rules.policy, "email:p1@x.example")
    };
    let subject = find(&store).unwrap();
    let record = lookup::records_of(store.conn(), subject).unwrap()[0];
    let looked_up = Record::load(store.conn(), store.words(), record).unwrap();
    assert!(place.run(&["erase", "email:p1@x.example"]).status.success());
    let rules = store::latest(store.conn(), store.words()).unwrap();
    let no =
        Spoken { purpose: Some("newsletter"), state: ConsentState::Withdrawn, ..Spoken::default() };
    let said = desk::statements(&rules, &no, now).unwrap();
    let Record { home, key, .. } = &looked_up;
    let refused = store
        .write(now, |writer| history::record(writer, record, *home, key, &said[0]))
        .unwrap_err();
    assert_eq!(refused.code, "person-gone");
    drop(store);
    place.assert_verifies();
    assert!(deep(&place.store(), None).holds);
}

#[test]
fn two_imports_at_a_time_lose_and_double_nothing() {
    let csv = shop_rows(4_000);
    let calm = Place::new();
    let place = Place::new();
    let (header, body) = csv.split_once('\n').unwrap();
    let lines: Vec<&str> = body.lines().collect();
    let (one, two) = lines.split_at(2_000);
    for (name, lines) in [("one.csv", one), ("two.csv", two)] {
        let text = format!("{header}\n{}\n", lines.join("\n"));
        std::fs::write(place.file(name), &text).unwrap();
        std::fs::write(calm.file(name), &text).unwrap();
    }
    let mut children: Vec<(String, Child)> = ["one.csv", "two.csv"]
        .map(|name| {
            let file = text(&place.file(name)).to_owned();
            let child = place.start(&["import", &file, "--source", "shop"]);
            (file, child)
        })
        .into();
    for (file, child) in &mut children {
        match child.wait().unwrap().code() {
            Some(0) => {}
            Some(4) => {
                let again = place.run(&["import", file, "--source", "shop"]);
                assert!(again.status.success());
            }
            other => panic!("an import beside another ended with {other:?}"),
        }
    }
    for name in ["one.csv", "two.csv"] {
        let file = calm.file(name);
        assert!(calm.run(&["import", text(&file), "--source", "shop"]).status.success());
    }
    place.assert_verifies();
    let (together, after) = (picture(&place.open()), picture(&calm.open()));
    assert_eq!(together.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert_eq!(counts(&place.open())[0], counts(&calm.open())[0], "records");
    assert_eq!(counts(&place.open())[2], counts(&calm.open())[2], "statements");
}

/// Whether this process may write where its rights forbid it.
#[cfg(unix)]
fn is_root(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(folder).unwrap().uid() == 0
}

#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_is_left_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    if is_root(place.folder.path()) {
        eprintln!("SKIPPED: root may write to read-only files");
        return;
    }
    std::fs::write(place.file("shop.csv"), shop_rows(10)).unwrap();
    place.open().truncate_wal().unwrap();
    let before = std::fs::read(place.store()).unwrap();
    std::fs::set_permissions(place.store(), std::fs::Permissions::from_mode(0o400)).unwrap();
    let file = place.file("shop.csv");
    let out = place.run(&["import", text(&file), "--source", "shop"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(3), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(std::fs::read(place.store()).unwrap(), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_an_import_and_loses_nothing() {
    let place = Place::new();
    let disk = place.file("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs", text(&disk)]).output();
    if !mount.is_ok_and(|out| out.status.success()) {
        eprintln!("SKIPPED: no right to mount a small disk here");
        return;
    }
    let outcome = std::panic::catch_unwind(|| fill(&place, &disk));
    let unmounted = Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|status| status.success()), "the small disk stays mounted");
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[cfg(target_os = "linux")]
fn fill(place: &Place, disk: &Path) {
    let store = disk.join("t.candor");
    let (store, policy) = (text(&store), place.file("policy.toml"));
    let csv = place.file("shop.csv");
    std::fs::write(&csv, shop_rows(FULL_ROWS)).unwrap();
    assert!(place.run(&["init", store, "--policy", text(&policy)]).status.success());
    let import = ["--store", store, "import", text(&csv), "--source", "shop"];
    let out = place.run(&import);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success(), "the disk wasn't full");
    assert!(said.contains("disk-full"), "{said}");
    let halves: Vec<_> =
        std::fs::read_dir(disk).unwrap().map(|file| file.unwrap().path()).collect();
    let is_half = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "new");
    assert!(!halves.iter().any(is_half), "half a file stays behind: {halves:?}");
    {
        let opened = Store::open(Path::new(store), Access::Write, "test").unwrap();
        let verdict = verify(opened.conn(), &[]);
        assert!(verdict.holds(), "{:?}", verdict.findings);
    }
    // Where not a byte is left, it can still be asked.
    let fill = disk.join("fill");
    let zeros = std::fs::File::create(&fill).and_then(|mut file| {
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 1 << 30), &mut file)
    });
    assert!(zeros.is_err(), "the disk isn't full");
    for asks in [
        &["audit", "verify"][..],
        &["audit", "report", "basis"],
        &["profile", "find", "email:p0@x.example"],
    ] {
        let out = place.run(&[&["--store", store], asks].concat());
        assert!(out.status.success(), "{asks:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
    std::fs::remove_file(&fill).unwrap();
    let more =
        Command::new("mount").args(["-o", "remount,size=200m", text(disk)]).output().unwrap();
    assert!(more.status.success());
    assert!(place.run(&import).status.success(), "it goes on once there is space");
    let opened = Store::open(Path::new(store), Access::Write, "test").unwrap();
    assert!(verify(opened.conn(), &[]).holds());
    assert_eq!(lookup::live_subjects(opened.conn()).unwrap().len(), FULL_ROWS * 4 / 5);
}

#[cfg(target_os = "linux")]
#[test]
fn a_store_on_a_read_only_disk_opens_for_reading() {
    let place = Place::new();
    let disk = place.file("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=9m", "tmpfs", text(&disk)]).output();
    if !mount.is_ok_and(|out| out.status.success()) {
        eprintln!("SKIPPED: no right to mount a small disk here");
        return;
    }
    let outcome = std::panic::catch_unwind(|| read_only(&place, &disk));
    let unmounted = Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|status| status.success()), "the small disk stays mounted");
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[cfg(target_os = "linux")]
fn read_only(place: &Place, disk: &Path) {
    let file = place.file("shop.csv");
    std::fs::write(&file, shop_rows(10)).unwrap();
    assert!(place.run(&["import", text(&file), "--source", "shop"]).status.success());
    place.open().truncate_wal().unwrap();
    // A name that a URI would read otherwise.
    let store = disk.join("a %41?b#.candor");
    std::fs::copy(place.store(), &store).unwrap();
    let remount = |how: &str| {
        let done = Command::new("mount").args(["-o", how, text(disk)]).output().unwrap();
        assert!(done.status.success());
    };
    remount("remount,ro");
    let ask = |args: &[&str]| {
        let out = place.run(&[&["--store", text(&store)], args].concat());
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    for args in [
        &["audit", "verify", "--deep"][..],
        &["audit", "report", "consent"],
        &["profile", "show", "email:p1@x.example"],
        &["consent", "state", "email:p1@x.example"],
        &["sql", "SELECT text FROM v_value"],
    ] {
        let (code, said) = ask(args);
        assert_eq!(code, Some(0), "{args:?}: {said}");
    }
    let (code, said) = ask(&["import", text(&file), "--source", "shop"]);
    assert_eq!(code, Some(3), "{said}");
    // With a change that waits in the write-ahead log the file alone would tell an old story.
    remount("remount,rw");
    std::fs::write(&side_files(&store)[0], "x").unwrap();
    remount("remount,ro");
    let (code, said) = ask(&["audit", "verify"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("store-wal-pending"), "{said}");
}
