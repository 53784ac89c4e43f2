//! Attacks on what was handed out, looked at by somebody who has nothing but it and the keys.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use candor::evidence::check::check;
use candor::ledger::carrier::detach;
use candor::ledger::checkpoint::Trust;
use candor::ledger::evidence::Evidence;
use candor::ledger::growth::Growth;
use candor::ledger::key::SigningKey;
use candor::ledger::note::Note;
use candor::ledger::vkey::KeyKind;

use super::beside::edit_json;
use super::dice::{Dice, scratch};
use super::scene::{Scene, files_of};
use super::{Held, Outcome};

/// Changes one artefact of a kind, and has it checked.
pub fn attack(dice: &mut Dice, scene: &Scene, folder: &Path, kind: &str) -> (Held, Outcome) {
    let of_kind: Vec<&str> =
        scene.artefacts.iter().filter(|(_, k)| *k == kind).map(|(name, _)| name.as_str()).collect();
    let name = *dice.one(&of_kind);
    let mut trust = Trust::in_log(scene.keys[0].clone());
    trust.log_keys.extend(scene.keys[1..].iter().cloned());
    let names_witness = dice.once_in(4);
    if names_witness {
        trust.witness_keys.push(scene.witness.clone());
    }
    let held = if names_witness { Held::ArtefactAndWitness } else { Held::Artefact };
    let path = folder.join(name);
    let files: Vec<&String> =
        scene.handed.keys().filter(|file| **file == name || within(file, name)).collect();
    for file in &files {
        put(&folder.join(file), &scene.handed[*file]);
    }
    let takes = || match catch_unwind(AssertUnwindSafe(|| check(&path, &trust, None))) {
        Ok(Ok(checked)) => Ok(checked.holds),
        Ok(Err(_)) => Ok(false),
        Err(_) => Err(Outcome::Missed(format!("{name}: the check panicked"))),
    };
    let file = (*dice.one(&files)).clone();
    let own = &scene.handed[&file];
    let changed = change(dice, scene, own);
    put(&folder.join(&file), &changed);
    let outcome = match takes() {
        Ok(false) => Outcome::Found,
        Ok(true) => taken(&file, &essence(own, &trust), &essence(&changed, &trust)),
        Err(outcome) => outcome,
    };
    clear(folder, &files);
    (held, outcome)
}

/// What it means that a changed artefact is taken.
fn taken(file: &str, said: &BTreeSet<String>, says: &BTreeSet<String>) -> Outcome {
    if says == said {
        Outcome::NothingClaimed
    } else if says.is_subset(said) {
        Outcome::NotFound("an artefact that says less, and nothing else")
    } else {
        Outcome::Missed(format!("{file} is taken, and says something else"))
    }
}

/// Whether a file is beside or inside what was handed out under a name.
fn within(file: &str, name: &str) -> bool {
    file.strip_prefix(name).is_some_and(|rest| rest.starts_with('/') || rest == ".proof.json")
}

/// An artefact as it is, checked with a key that isn't the ledger's, or is of another name.
pub fn wrong_key(dice: &mut Dice, scene: &Scene, folder: &Path) -> (Held, Outcome) {
    let (name, _) = dice.one(&scene.artefacts);
    let files: Vec<&String> =
        scene.handed.keys().filter(|file| *file == name || within(file, name)).collect();
    for file in &files {
        put(&folder.join(file), &scene.handed[*file]);
    }
    let seed = dice.bytes(32).try_into().expect("32 bytes");
    let other = SigningKey::from_seed(&seed);
    let own = scene.keys[0].name();
    let named = if dice.once_in(2) { own.to_owned() } else { "other.example/log".to_owned() };
    let mut trust = Trust::in_log(other.verifier_key(&named, KeyKind::Log).unwrap());
    if dice.once_in(2) {
        trust.origin = own.to_owned();
    }
    let outcome = match check(&folder.join(name), &trust, None) {
        Ok(checked) if checked.holds => Outcome::Missed(format!("{name} under another key")),
        _ => Outcome::Found,
    };
    clear(folder, &files);
    (Held::Artefact, outcome)
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a file has a folder")).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn clear(folder: &Path, files: &[&String]) {
    for file in files_of(folder).keys().filter(|file| files.contains(file)) {
        std::fs::remove_file(folder.join(file)).unwrap();
    }
}

/// Other bytes than before.
fn change(dice: &mut Dice, scene: &Scene, own: &[u8]) -> Vec<u8> {
    for _ in 0..100 {
        let changed = match dice.below(10) {
            0 | 1 => edit_inside(dice, own),
            2 => respelled(dice, own),
            3 => lines(dice, own),
            4 => crossed(dice, scene, own),
            5 => note_lines(dice, own),
            _ => Some(scratch(dice, own)),
        };
        if let Some(changed) = changed.filter(|changed| changed != own) {
            return changed;
        }
    }
    scratch(dice, own)
}

/// Edits one member of the document or of its evidence, and spells all the rest as it was.
fn edit_inside(dice: &mut Dice, own: &[u8]) -> Option<Vec<u8>> {
    if let Ok(evidence) = Evidence::parse(own) {
        let edited = edit_json(dice, evidence.to_line().as_bytes());
        return Evidence::parse(&edited).ok().map(|evidence| evidence.to_file().into_bytes());
    }
    let carried = detach(own).ok()??;
    let content = String::from_utf8(carried.content.to_vec()).ok()?;
    if dice.once_in(2) {
        let edited = scratch(dice, content.as_bytes());
        let content = String::from_utf8(edited).ok()?;
        return Some(carried.carrier.attach(&content, &carried.evidence).into_bytes());
    }
    let edited = edit_json(dice, carried.evidence.to_line().as_bytes());
    let evidence = Evidence::parse(&edited).ok()?;
    Some(carried.carrier.attach(&content, &evidence).into_bytes())
}

/// The same bytes in another spelling of base64: the bits that padding leaves unused.
pub fn respelled(dice: &mut Dice, own: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let ends: Vec<usize> = (1..own.len())
        .filter(|at| own[*at] == b'=' && own[at - 1] != b'=' && ALPHABET.contains(&own[at - 1]))
        .collect();
    let last = dice.one(if ends.is_empty() { return None } else { &ends }) - 1;
    let place = ALPHABET.iter().position(|letter| *letter == own[last]).expect("one of them");
    let mut other = own.to_vec();
    other[last] = ALPHABET[place ^ 1];
    Some(other)
}

/// Lines dropped, doubled or swapped.
pub fn lines(dice: &mut Dice, own: &[u8]) -> Option<Vec<u8>> {
    let mut all: Vec<&[u8]> = own.split_inclusive(|byte| *byte == b'\n').collect();
    let (a, b) = (dice.below(all.len().max(1)), dice.below(all.len().max(1)));
    match dice.below(3) {
        _ if all.is_empty() => return None,
        0 => drop(all.remove(a)),
        1 => all.insert(b, all[a]),
        _ => all.swap(a, b),
    }
    Some(all.concat())
}

/// The evidence of one document under the content of another.
fn crossed(dice: &mut Dice, scene: &Scene, own: &[u8]) -> Option<Vec<u8>> {
    let names: Vec<&String> = scene.handed.keys().collect();
    let other = &scene.handed[*dice.one(&names)];
    match (detach(own).ok().flatten(), detach(other).ok().flatten()) {
        (Some(mine), Some(theirs)) => {
            let content = String::from_utf8(mine.content.to_vec()).ok()?;
            Some(mine.carrier.attach(&content, &theirs.evidence).into_bytes())
        }
        // Evidence in files of its own, notes and plain files: another one of them in its place.
        (None, None) if !is_sound_alone(other) => Some(other.clone()),
        _ => None,
    }
}

/// Whether the bytes are proven by themselves, wherever they lie.
fn is_sound_alone(bytes: &[u8]) -> bool {
    let alone = Evidence::parse(bytes).is_ok_and(|evidence| evidence.document_salt.is_none());
    alone
        || Evidence::parse_proof_text(bytes).is_ok()
        || Growth::parse(bytes).is_ok()
        || Note::parse(bytes).is_ok()
}

/// Signatures of a note dropped, doubled or edited.
fn note_lines(dice: &mut Dice, own: &[u8]) -> Option<Vec<u8>> {
    let mut note = Note::parse(own).ok()?;
    let at = dice.below(note.signatures.len());
    match dice.below(4) {
        0 => drop(note.signatures.remove(at)),
        1 => note.signatures.insert(at, note.signatures[at].clone()),
        2 => note.signatures[at].id = dice.bytes(4).try_into().expect("four bytes"),
        _ => note.signatures[at].signature = scratch(dice, &note.signatures[at].signature),
    }
    Some(note.to_text().into_bytes())
}

/// What an artefact says to somebody who trusts these keys, statement by statement: all of it, but for
/// signatures by others.
fn essence(bytes: &[u8], trust: &Trust) -> BTreeSet<String> {
    let mut says = BTreeSet::new();
    let evidence = |evidence: Evidence, says: &mut BTreeSet<String>| {
        says.extend(note_essence(evidence.checkpoint.as_bytes(), trust));
        says.extend(evidence.document_salt);
        for shown in evidence.entries {
            says.extend(shown.opened.map(|opened| format!("{} {opened:?}", shown.leaf)));
            says.extend(shown.item.map(|item| format!("{} {item:?}", shown.leaf)));
            says.insert(shown.leaf);
        }
    };
    if let Ok(Some(carried)) = detach(bytes) {
        says.insert(String::from_utf8_lossy(carried.content).into_owned());
        evidence(carried.evidence, &mut says);
    } else if let Ok(alone) = Evidence::parse(bytes).or_else(|_| Evidence::parse_proof_text(bytes))
    {
        evidence(alone, &mut says);
    } else {
        says.extend(note_essence(bytes, trust));
    }
    says
}

/// A note with the line ends that were signed: mail changes them, and adds some.
fn as_signed(bytes: &[u8]) -> Vec<u8> {
    let lines = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    format!("{}\n", lines.trim_end_matches('\n')).into_bytes()
}

/// What a note says: its text, and that each of those who are trusted signed it; any other bytes as they
/// are.
pub fn note_essence(bytes: &[u8], trust: &Trust) -> BTreeSet<String> {
    let Ok(note) = Note::parse(bytes).or_else(|_| Note::parse(&as_signed(bytes))) else {
        return BTreeSet::from([format!("{bytes:?}")]);
    };
    let keys = || trust.log_keys.iter().chain(&trust.witness_keys);
    let trusted = note.signatures.iter().filter(|line| keys().any(|key| line.is_by(key)));
    let signed = trusted.map(|line| format!("{} {line:?}", note.text));
    signed.chain([note.text.clone()]).collect()
}
