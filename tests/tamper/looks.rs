//! Looks with `verify::watch`: what is new since the last one, and what is refused.

use std::path::Path;

use candor::base::error::Result;
use candor::verify::watch::{News, Seen, Turn};
use candor::verify::{Depth, Options, Report, Standing, verify};

use super::small::{Small, at, file_only};

/// A look as the terminal takes it.
fn look(store: &Path, file: &Path) -> Result<(Report, News)> {
    look_as(store, file, Depth::Deep)
}

fn look_as(store: &Path, file: &Path, depth: Depth) -> Result<(Report, News)> {
    let last = Seen::read(file)?;
    let mut options = Options { depth, ..file_only() };
    options.held.extend(last.as_ref().map(|last| last.held(file)));
    let report = verify(store, &options)?;
    let news = News::of(&report, last.as_ref());
    if news.extends {
        Seen::now(&report, last.as_ref(), at("2018-02-01T02:30:00Z"))?.write(file, store)?;
    }
    Ok((report, news))
}

#[test]
fn a_look_says_what_is_new() {
    let small = Small::new();
    let copy = small.copy(&small.older);
    let file = small.path.with_extension("watch");
    let (older, first) = look(&copy.path, &file).unwrap();
    assert_eq!((first.since, first.new_entries), (None, older.entries));

    // The store goes on: the newer file continues the older one.
    std::fs::copy(&small.path, &copy.path).unwrap();
    let (report, news) = look(&copy.path, &file).unwrap();
    assert!(news.extends && news.changes.iter().all(|c| c.claim == "held-checkpoint"), "{news:?}");
    assert_eq!(news.since.as_deref(), Some("2018-02-01T02:30:00Z"));
    assert_eq!(news.new_entries, report.entries - older.entries);
    assert_eq!(news.new_checkpoints, report.checkpoints - older.checkpoints);

    // A claim breaks, stays broken, breaks in another place too, and is mended.
    let lift = "UPDATE rollup SET sum = sum + 1 WHERE record = (SELECT MIN(record) FROM rollup)";
    copy.with(|conn| conn.execute(lift, [])).unwrap();
    let (_, news) = look(&copy.path, &file).unwrap();
    let [change] = &news.changes[..] else { panic!("{news:?}") };
    assert_eq!((change.claim.as_str(), change.turn), ("rollups", Turn::Worse));
    assert_eq!((change.was, change.is), (Some(Standing::Proven), Standing::Broken));
    let (_, news) = look(&copy.path, &file).unwrap();
    assert!(news.changes.is_empty());
    assert_eq!(news.still_broken, ["rollups"]);
    // Who looks at the ledger alone sees nothing of it, and isn't told that all is well.
    let (report, news) = look_as(&copy.path, &file, Depth::Ledger).unwrap();
    assert!(report.holds && news.extends && !news.is_good(), "{news:?}");
    assert_eq!((news.not_looked_at, news.still_broken), (vec!["rollups".to_owned()], vec![]));
    assert!(!look_as(&copy.path, &file, Depth::Ledger).unwrap().1.is_good(), "nor the next time");
    copy.with(|conn| {
        conn.execute("DELETE FROM rollup WHERE record = (SELECT MAX(record) FROM rollup)", [])
    })
    .unwrap();
    let (_, news) = look(&copy.path, &file).unwrap();
    assert_eq!(news.changes[0].turn, Turn::Worse, "{news:?}");
    std::fs::copy(&small.path, &copy.path).unwrap();
    let (_, news) = look(&copy.path, &file).unwrap();
    assert_eq!(news.changes[0].turn, Turn::Better);
    assert!(news.still_broken.is_empty());

    // Nothing personal is in the file.
    let text = std::fs::read_to_string(&file).unwrap();
    for word in ["mira", "jonas", "example.org", "LC1000"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_ledger_that_does_not_continue_is_refused_until_somebody_looks() {
    let small = Small::new();
    let file = small.path.with_extension("watch");
    look(&small.path, &file).unwrap();
    let seen = std::fs::read(&file).unwrap();
    let older = small.copy(&small.older);
    for other in [&older.path, &Small::new().path] {
        let (report, news) = look(other, &file).unwrap();
        assert!(!news.extends && !report.holds);
        assert_eq!(std::fs::read(&file).unwrap(), seen, "the record stays as it was");
    }
    assert!(look(&small.path, &file).unwrap().1.extends);
}

#[test]
fn a_damaged_record_and_the_stores_own_files_are_refused() {
    let small = Small::new();
    let file = small.path.with_extension("watch");
    for text in ["", "{}", "{\"schema\":\"candor.watch/2\"}"] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(look(&small.path, &file).unwrap_err().code, "watch-file-damaged");
    }
    let options = file_only();
    let report = verify(&small.path, &options).unwrap();
    let seen = Seen::now(&report, None, at("2018-02-01T02:30:00Z")).unwrap();
    let before = std::fs::read(&small.path).unwrap();
    let refused = seen.write(&small.path, &small.path).unwrap_err();
    assert_eq!(refused.code, "watch-file-in-the-way");
    assert_eq!(std::fs::read(&small.path).unwrap(), before);
}
