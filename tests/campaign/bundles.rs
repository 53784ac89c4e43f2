//! Attacks on a bundle, each looked at by the verifier in Python that shares no code with candor.
//!
//! Starting Python takes far longer than a look, so one process of each thread looks at all of its
//! bundles: it calls the verifier as its own `main` does, with the same arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use candor::ledger::checkpoint::Trust;
use serde_json::{Value, json};

use super::artefacts::{lines, note_essence, respelled};
use super::beside::edit_json;
use super::dice::{Dice, scratch};
use super::scene::Scene;
use super::{Held, Outcome};

/// Takes argument lists (JSON, one a line), runs the verifier with each, and answers with its exit code.
const LOOKS: &str = "
import contextlib, io, json, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import verify_bundle
for line in sys.stdin:
    sys.argv[1:] = json.loads(line)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = verify_bundle.main()
        except SystemExit as stopped:
            code = stopped.code
        except Exception:
            code = 99
    print(code, flush=True)
";

/// A Python that looks at one bundle after another.
pub struct Python {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts it, if there is one with `cryptography` on this machine.
    pub fn start(program: &str) -> Option<Python> {
        let found = Command::new(program).args(["-c", "import cryptography"]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let verifier = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/evidence");
        let mut child = Command::new(program)
            .args(["-c", LOOKS])
            .arg(verifier)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let questions = child.stdin.take()?;
        let answers = BufReader::new(child.stdout.take()?);
        Some(Python { child, questions, answers })
    }

    fn look(&mut self, arguments: &[&str]) -> String {
        writeln!(self.questions, "{}", json!(arguments)).expect("Python listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("Python answers");
        line.trim().to_owned()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Changes one file of the bundle, takes one away or adds one, and has it looked at.
pub fn attack(
    dice: &mut Dice,
    scene: &Scene,
    python: &mut Python,
    folder: &Path,
) -> (Held, Outcome) {
    let mut files = scene.bundle.clone();
    while files == scene.bundle {
        change(dice, &mut files);
    }
    let keys: Vec<String> = scene.keys.iter().map(ToString::to_string).collect();
    let witness = scene.witness.to_string();
    let mut trust = Trust::in_log(scene.keys[0].clone());
    trust.log_keys.extend(scene.keys[1..].iter().cloned());
    let place = folder.display().to_string();
    let mut arguments = vec![place.as_str(), "--key", &keys[0], "--key", &keys[1]];
    let mut held = Held::Bundle;
    if dice.once_in(4) {
        arguments.extend(["--witness", &witness]);
        trust.witness_keys.push(scene.witness.clone());
        held = Held::BundleAndWitness;
    }
    let touched: Vec<PathBuf> = differing(&files, &scene.bundle).map(|n| folder.join(n)).collect();
    for path in &touched {
        let _ = std::fs::remove_file(path);
    }
    put(folder, &files, &scene.bundle);
    let code = python.look(&arguments);
    let outcome = match code.as_str() {
        "0" => taken(&Says::of(&scene.bundle, &trust), &Says::of(&files, &trust)),
        "1" => Outcome::Found,
        "2" => Outcome::Unreadable,
        other => Outcome::Missed(format!("the verifier in Python ended with {other}")),
    };
    for path in &touched {
        let _ = std::fs::remove_file(path);
    }
    put(folder, &scene.bundle, &files);
    (held, outcome)
}

type Files = BTreeMap<String, Vec<u8>>;

/// The files of which two folders hold something else.
fn differing<'a>(a: &'a Files, b: &'a Files) -> impl Iterator<Item = &'a String> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    names.into_iter().filter(move |name| a.get(*name) != b.get(*name))
}

/// Puts files in a folder that holds others.
pub fn put(folder: &Path, files: &Files, held: &Files) {
    for name in differing(files, held) {
        let Some(bytes) = files.get(name) else { continue };
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn change(dice: &mut Dice, files: &mut Files) {
    let mut names: Vec<String> = files.keys().cloned().collect();
    // There are many old checkpoints: without this, nearly all attacks were on those.
    if !dice.once_in(3) {
        names.retain(|name| !name.starts_with("checkpoints/"));
    }
    let name = dice.one(&names).clone();
    let other = dice.one(&names).clone();
    let own = files[&name].clone();
    let changed = match dice.below(12) {
        0 => {
            files.remove(&name);
            return;
        }
        1 => {
            let bytes = files[&other].clone();
            files.insert(other, own);
            bytes
        }
        2 => {
            files.insert(format!("{name}0"), scratch(dice, &own));
            return;
        }
        3 | 4 => lines(dice, &own).unwrap_or(own),
        5 => respelled(dice, &own).unwrap_or(own),
        6 | 7 if name.ends_with(".jsonl") => edit_line(dice, &own),
        8 => own[..dice.below(own.len().max(1))].to_vec(),
        _ => scratch(dice, &own),
    };
    files.insert(name, changed);
}

fn edit_line(dice: &mut Dice, own: &[u8]) -> Vec<u8> {
    let mut all: Vec<Vec<u8>> = own.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = dice.below(all.len().max(2) - 1);
    all[at] = edit_json(dice, &all[at]);
    all.join(&b'\n')
}

/// What a bundle says to somebody who trusts these keys.
#[derive(PartialEq, Eq)]
struct Says {
    checkpoint: BTreeSet<String>,
    older: BTreeSet<String>,
    entries: BTreeMap<String, Vec<u8>>,
    payloads: BTreeSet<(i64, String, String)>,
    /// For other people's tools: what candor's verifier doesn't read.
    beside: BTreeMap<String, Vec<u8>>,
}

impl Says {
    fn of(files: &Files, trust: &Trust) -> Says {
        let mut says = Says {
            checkpoint: BTreeSet::new(),
            older: BTreeSet::new(),
            entries: BTreeMap::new(),
            payloads: BTreeSet::new(),
            beside: BTreeMap::new(),
        };
        for (name, bytes) in files {
            if name == "checkpoint" {
                says.checkpoint = note_essence(bytes, trust);
            } else if name.starts_with("checkpoints/") {
                // Taken, it is signed; at a rotation by two keys, of which one is enough.
                let text = String::from_utf8_lossy(bytes);
                says.older.insert(text.split("\n\n").next().unwrap_or_default().to_owned());
            } else if name.starts_with("tile/entries/") {
                says.entries.insert(name.clone(), bytes.clone());
            } else if name == "payloads.jsonl" {
                says.payloads = payloads(bytes);
            } else {
                says.beside.insert(name.clone(), bytes.clone());
            }
        }
        says
    }
}

fn payloads(bytes: &[u8]) -> BTreeSet<(i64, String, String)> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let parsed = lines.map(|line| {
        let line: Value = serde_json::from_slice(line).unwrap_or_default();
        let text = |name: &str| line[name].as_str().unwrap_or("?").to_owned();
        (line["n"].as_i64().unwrap_or(-1), text("salt"), text("payload"))
    });
    parsed.collect()
}

/// What it means that a changed bundle is taken.
fn taken(said: &Says, says: &Says) -> Outcome {
    // The checkpoint says which files of entries there are: no other one is read.
    let whole = says.checkpoint.is_subset(&said.checkpoint)
        && says.payloads == said.payloads
        && said.entries.iter().all(|(name, bytes)| says.entries.get(name) == Some(bytes));
    let more = says.entries.len() > said.entries.len();
    if whole && says.checkpoint != said.checkpoint {
        Outcome::NotFound("an artefact that says less, and nothing else")
    } else if whole && !more && said.older == says.older && said.beside == says.beside {
        Outcome::NothingClaimed
    } else if whole && said.older == says.older {
        Outcome::NotFound("a file of a bundle for other tools: tiles of hashes, time-stamps, words")
    } else if whole && says.older.is_subset(&said.older) {
        Outcome::NotFound("an old checkpoint that a later one contains")
    } else {
        Outcome::Missed("the bundle is taken, and says something else".to_owned())
    }
}
