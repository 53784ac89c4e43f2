//! Attacks on the two files beside the key: its memory of what it signed, and its journal of erasures.

use std::path::Path;

use candor::store::{ErasureNote, SignedState, erasures_path, state_path};
use serde_json::Value;

use super::Outcome;
use super::dice::{Dice, scratch};
use super::scene::{Scene, put_store};
use super::stores::Look;

/// The whole store, and beside it a memory that was changed.
pub fn memory(dice: &mut Dice, scene: &Scene, path: &Path) -> Outcome {
    let changed = match dice.below(4) {
        0 => {
            // Once true: an earlier checkpoint, as the key remembered it then.
            let mut state: Value = serde_json::from_slice(&scene.memory).unwrap();
            let note = String::from_utf8_lossy(&dice.one(&scene.notes).1).into_owned();
            let lines: Vec<&str> = note.lines().collect();
            state["size"] = lines[1].parse::<u64>().unwrap().into();
            state["root"] = lines[2].into();
            serde_json::to_vec(&state).unwrap()
        }
        1 => edit_json(dice, &scene.memory),
        _ => scratch(dice, &scene.memory),
    };
    put_store(path, &scene.file, &[]);
    std::fs::write(state_path(path), &changed).unwrap();
    std::fs::write(erasures_path(path), &scene.journal).unwrap();
    if let Some(outcome) = Look::beside(scene).verdict(path) {
        return outcome;
    }
    let state = |bytes: &[u8]| serde_json::from_slice::<SignedState>(bytes).ok();
    match state(&changed) {
        Some(state) if Some(&state) == self::state(&scene.memory).as_ref() => {
            Outcome::NothingClaimed
        }
        Some(state) if signed(scene, &state) => {
            Outcome::NotFound("an earlier memory of the key, once true")
        }
        other => Outcome::Missed(format!("a memory that says {other:?}")),
    }
}

fn state(bytes: &[u8]) -> Option<SignedState> {
    serde_json::from_slice(bytes).ok()
}

/// Whether the key ever signed this.
fn signed(scene: &Scene, state: &SignedState) -> bool {
    let mut notes = scene.notes.iter().map(|(_, note)| String::from_utf8_lossy(note));
    let text = format!("\n{}\n{}\n\n", state.size, state.root);
    notes.any(|note| note.contains(&text))
}

/// The whole store, and beside it a journal that was changed.
pub fn journal(dice: &mut Dice, scene: &Scene, path: &Path) -> Outcome {
    let text = String::from_utf8(scene.journal.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let at = dice.below(lines.len());
    let with = |lines: &[&str]| format!("{}\n", lines.join("\n")).into_bytes();
    let mut other = lines.clone();
    let changed = match dice.below(8) {
        0 => {
            other.remove(at);
            with(&other)
        }
        1 => {
            other.insert(at, lines[at]);
            with(&other)
        }
        2 => {
            other.swap(at, dice.below(lines.len()));
            with(&other)
        }
        3 | 4 => {
            let edited = String::from_utf8(edit_json(dice, lines[at].as_bytes())).unwrap();
            other[at] = &edited;
            with(&other)
        }
        _ => scratch(dice, &scene.journal),
    };
    put_store(path, &scene.file, &[]);
    std::fs::write(state_path(path), &scene.memory).unwrap();
    std::fs::write(erasures_path(path), &changed).unwrap();
    if let Some(outcome) = Look::beside(scene).verdict(path) {
        return outcome;
    }
    let (before, after) = (notes(scene, &scene.journal), notes(scene, &changed));
    match before == after {
        true => Outcome::NothingClaimed,
        false => Outcome::Missed(format!("a journal of {} erasures", after.len())),
    }
}

/// All that a journal says of the erasures that the ledger knows. A crash may leave a note of one that
/// didn't happen; the same note twice says nothing more.
fn notes(scene: &Scene, journal: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(journal);
    let parsed = text.lines().filter_map(|line| serde_json::from_str::<ErasureNote>(line).ok());
    let known = parsed.filter(|note| {
        let leaf = usize::try_from(note.entry).ok().and_then(|n| scene.leaves.get(n));
        let leaf: Option<Value> = leaf.and_then(|leaf| serde_json::from_slice(leaf).ok());
        leaf.is_some_and(|leaf| leaf["k"] == "erasure" && leaf["t"] == note.at)
    });
    let mut all: Vec<_> = known.map(|note| serde_json::to_string(&note).unwrap()).collect();
    all.sort();
    all.dedup();
    all
}

/// Changes one number or one text somewhere in a JSON document.
pub fn edit_json(dice: &mut Dice, document: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(document) else {
        return scratch(dice, document);
    };
    let before = value.clone();
    for _ in 0..100 {
        edit_somewhere(dice, &mut value);
        if value != before {
            return serde_json::to_vec(&value).unwrap();
        }
    }
    scratch(dice, document)
}

fn edit_somewhere(dice: &mut Dice, value: &mut Value) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let at = dice.below(members.len());
            let name = members.keys().nth(at).expect("there are so many").clone();
            if dice.once_in(12) {
                members.remove(&name);
                return;
            }
            edit_somewhere(dice, &mut members[&name]);
        }
        Value::Array(items) if !items.is_empty() => {
            let at = dice.below(items.len());
            match dice.below(8) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                _ => edit_somewhere(dice, &mut items[at]),
            }
        }
        Value::Number(number) => {
            let number = number.as_i64().unwrap_or(0);
            *value = [number + 1, number - 1, 0, -number][dice.below(4)].into();
        }
        Value::String(text) => {
            *value = String::from_utf8_lossy(&scratch(dice, text.as_bytes())).into_owned().into();
        }
        Value::Bool(yes) => *value = (!*yes).into(),
        other => *other = 7.into(),
    }
}
