//! Other histories, written by somebody who has the key: made by candor itself from an earlier moment,
//! or leaf by leaf, with every link made anew and signed.

use candor::ledger::leaf::Leaf;
use candor::store::{Access, Store, key_path};
use rusqlite::Connection;
use serde_json::json;

use super::dice::Dice;
use super::scene::{Scene, later, put_store};
use crate::small::sign_anew;

/// Candor itself goes on from an earlier moment, with the key of then and without its memory.
pub fn continued(dice: &mut Dice, scene: &Scene, path: &std::path::Path) {
    let moment = dice.one(&scene.past[..scene.past.len() - 1]);
    put_store(path, &moment.file, &[]);
    std::fs::write(key_path(path), &moment.key).unwrap();
    let mut store = Store::open(path, Access::Write, "insider").unwrap();
    for n in 0..=dice.below(40) {
        store.write(later(), |writer| writer.append("backup", json!({ "n": n }))).unwrap();
    }
    store.truncate_wal().unwrap();
}

/// Every leaf from some place on is made anew after one was edited, removed, doubled or swapped; the
/// tree is signed with the present key.
pub fn rebuilt(dice: &mut Dice, scene: &Scene, conn: &Connection) {
    let parsed = scene.leaves.iter().map(|leaf| Leaf::parse_strict(leaf).unwrap());
    let mut leaves: Vec<Leaf> = parsed.collect();
    let at = 1 + dice.below(leaves.len() - 2);
    match dice.below(6) {
        0 => drop(leaves.remove(at)),
        1 => leaves.insert(at, leaves[at].clone()),
        2 => leaves.swap(at, at + 1),
        3 => leaves[at].actor = "somebody".to_owned(),
        4 => leaves[at].body = Some(json!({ "other": dice.next() >> 12 })),
        _ => leaves.truncate(at),
    }
    let mut last_at = leaves[0].at;
    for leaf in &mut leaves {
        last_at = last_at.max(leaf.at);
        leaf.at = last_at;
    }
    let key = &scene.past.last().expect("there is a past").key;
    conn.execute_batch("BEGIN").unwrap();
    sign_anew(conn, scene.keys[0].name(), std::str::from_utf8(key).unwrap(), leaves);
    conn.execute_batch("COMMIT").unwrap();
}
