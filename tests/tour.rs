//! The tour of README.md is typed as it is printed, from its first block to its last, and what the
//! program says is what stands there.
//!
//! `…` stands for the rest of a line, or, alone, for any number of lines. Moments of today, keys and
//! sizes of files differ from run to run and are left out of the comparison.

use std::path::Path;
use std::process::{Command, Stdio};

use candor::base::clock::Moment;

/// Stands between the outputs of two commands.
const MARK: char = '\u{1e}';

/// One command with the lines that README prints below it.
struct Step {
    command: String,
    expected: Vec<String>,
}

fn steps(readme: &str) -> Vec<Step> {
    let tour = readme.split("## A tour").nth(1).and_then(|rest| rest.split("\n## ").next());
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in tour.expect("README has a tour").lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => {
                    steps.push(Step { command: command.to_owned(), expected: Vec::new() });
                }
                None => steps.last_mut().expect("a command first").expected.push(line.to_owned()),
            },
            _ => {}
        }
    }
    steps
}

/// A line without what differs from run to run.
fn lasting(line: &str) -> String {
    let now = Moment::parse("2026-01-01").unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let lasting = words.iter().enumerate().map(|(at, word)| {
        let bare = word.trim_end_matches([',', ')', ':']);
        match Moment::parse(bare) {
            Ok(moment) if bare.len() > 10 && moment > now => "(moment)",
            _ if word.starts_with("candor/") => "(key)",
            _ if words.get(at + 1) == Some(&"bytes") => "(size)",
            _ => word,
        }
    });
    lasting.collect::<Vec<_>>().join(" ")
}

fn is_as_expected(expected: &[String], said: &[&str]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((line, rest)) if line.trim() == "…" => {
            (0..=said.len()).any(|skipped| is_as_expected(rest, &said[skipped..]))
        }
        Some((line, rest)) => {
            let Some((first, others)) = said.split_first() else { return false };
            let same = match line.split_once('…') {
                Some((start, _)) => lasting(first).starts_with(&lasting(start)),
                None => lasting(first) == lasting(line),
            };
            same && is_as_expected(rest, others)
        }
    }
}

#[cfg(unix)]
#[test]
fn the_tour_runs_as_it_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let steps = steps(&std::fs::read_to_string(root.join("README.md")).unwrap());
    assert!(steps.len() > 15, "the tour has {} commands", steps.len());
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root.join("fixtures"), folder.path().join("fixtures")).unwrap();
    let typed: String = steps
        .iter()
        .map(|step| format!("{{ {}; }} 2>&1\nprintf '{MARK}'\n", step.command))
        .collect();
    let program = Path::new(env!("CARGO_BIN_EXE_candor")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-c", &typed])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", program.display()))
        .env_remove("CANDOR_STORE")
        .env_remove("CANDOR_ACTOR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<&str> = said.split(MARK).collect();
    assert_eq!(answers.len(), steps.len() + 1, "{said}");
    for (step, answer) in steps.iter().zip(&answers) {
        let lines: Vec<&str> = answer.lines().collect();
        assert!(
            is_as_expected(&step.expected, &lines),
            "README prints below `{}`:\n{}\nand the program says:\n{answer}",
            step.command,
            step.expected.join("\n")
        );
    }
}

#[test]
fn lines_are_compared_by_what_lasts() {
    let expected = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let holds = |readme: &str, said: &str| {
        is_as_expected(&expected(readme), &said.lines().collect::<Vec<_>>())
    };
    assert!(holds("a  b\n…\nz", "a b\nc\nd\nz"));
    assert!(holds(
        "at 2026-11-25T16:03:03.602Z, in 12 bytes",
        "at 2027-01-02T00:00:00Z, in 9 bytes"
    ));
    assert!(!holds("at 2017-04-19T13:37:42Z", "at 2017-04-19T13:37:43Z"), "a moment of the data");
    assert!(!holds("2 values", "3 values"));
    assert!(!holds("a", "a\nb"));
    assert!(!holds("a\n…\nz", "a\nz\nb"));
    assert!(holds("public …", "public candor/1+2+3"));
}
