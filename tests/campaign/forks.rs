//! Other histories, written by somebody who has the key: made by candor itself from an earlier moment,
//! or leaf by leaf, with every link made anew and signed.

use candor::ledger::checkpoint::Checkpoint;
use candor::ledger::hash::leaf_hash;
use candor::ledger::key::SigningKey;
use candor::ledger::leaf::{Leaf, first_previous};
use candor::ledger::tree::root_of;
use candor::store::{Access, Store, key_path};
use rusqlite::{Connection, params};
use serde_json::json;

use super::dice::Dice;
use super::scene::{Scene, later, put_store};

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
    let origin = scene.keys[0].name();
    let mut previous = first_previous(origin);
    let (mut hashes, mut last_at) = (Vec::new(), leaves[0].at);
    conn.execute_batch("BEGIN; DELETE FROM entry; DELETE FROM checkpoint").unwrap();
    for (n, leaf) in (0_i64..).zip(&mut leaves) {
        leaf.number = n.unsigned_abs();
        leaf.previous = previous;
        last_at = last_at.max(leaf.at);
        leaf.at = last_at;
        let bytes = leaf.to_bytes().unwrap();
        previous = leaf_hash(&bytes);
        hashes.push(previous);
        conn.execute("INSERT INTO entry VALUES ($1, $2)", params![n, bytes]).unwrap();
    }
    let size = hashes.len();
    assert!(size < 256, "no node is stored");
    let origin = origin.to_owned();
    let checkpoint = Checkpoint { origin, size: size as u64, root: root_of(hashes) };
    let key = &scene.past.last().expect("there is a past").key;
    let key = SigningKey::from_pem(std::str::from_utf8(key).unwrap()).unwrap();
    let note = key.sign_checkpoint(&checkpoint).unwrap().to_text();
    let size = i64::try_from(size).unwrap();
    conn.execute("INSERT INTO checkpoint VALUES ($1, $2)", params![size, note.as_bytes()]).unwrap();
    conn.execute_batch("COMMIT").unwrap();
}
