//! `identity link` as it is typed, and what its probabilities are worth on made-up people.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use candor::identity::{Linked, Records, Request, link, read};

#[path = "../benches/identity/generate.rs"]
mod generate;

const SECRET: [u8; 16] = [9; 16];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/identity/people.csv")
}

fn candor(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_candor"));
    command.args(["identity", "link"]).args(args).env_remove("CANDOR_STORE").output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The clusters of a file as sets of ids.
fn persons(path: &Path) -> HashSet<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("record_id,cluster"));
    let mut persons: HashMap<String, Vec<String>> = HashMap::new();
    for line in lines {
        let (id, cluster) = line.split_once(',').unwrap();
        persons.entry(cluster.to_owned()).or_default().push(id.to_owned());
    }
    persons
        .into_values()
        .map(|mut ids| {
            ids.sort();
            ids
        })
        .collect()
}

fn run_on(text: &str, more: &[&str]) -> (Output, PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (file, clusters) = (folder.path().join("in.csv"), folder.path().join("clusters.csv"));
    std::fs::write(&file, text).unwrap();
    let (file, out) = (file.display().to_string(), clusters.display().to_string());
    let mut args = vec![file.as_str(), "--clusters", out.as_str()];
    args.extend(more);
    (candor(&args), clusters, folder)
}

/// Nicknames, scripts, swapped names, slips, a second phone form; and relatives stay apart.
#[test]
fn a_small_brand_is_told_apart() {
    let text = std::fs::read_to_string(fixture()).unwrap();
    let (output, clusters, _folder) = run_on(&text, &["--country", "ie"]);
    assert!(output.status.success(), "{}", words(&output));
    let expected = [
        vec!["p01", "p02", "p03"],
        vec!["p04", "p05"],
        vec!["p06", "p07"],
        vec!["p08", "p09", "p21"],
        vec!["p10", "p11", "p12"],
        vec!["p13"],
        vec!["p14", "p15"],
        vec!["p16"],
        vec!["p17", "p18"],
        vec!["p19"],
        vec!["p20"],
    ];
    let expected: HashSet<Vec<String>> =
        expected.into_iter().map(|ids| ids.into_iter().map(str::to_owned).collect()).collect();
    assert_eq!(persons(&clusters), expected);
    let words = words(&output);
    assert!(words.contains("21 records") && words.contains("persons    11"), "{words}");
    assert!(words.contains("not used   source, notes"), "{words}");
}

/// The documented comparison links one set after the other, and the same again.
#[test]
fn sets_are_compared_one_after_the_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let rows = "record_id,first_name,email\n1,Anna,a@x.example\n2,Anna,a@x.example\n";
    let set = folder.path().join("set.csv");
    std::fs::write(&set, rows).unwrap();
    let labels = "record_id,entity_id\n1,1\n2,1\n";
    std::fs::write(folder.path().join("set_labels.csv"), labels).unwrap();
    let mut compare = Command::new("python3");
    compare.arg(root.join("benches/identity/compare.py")).arg(env!("CARGO_BIN_EXE_candor"));
    let Ok(output) = compare.arg(folder.path()).args([&set, &set]).output() else {
        return eprintln!("SKIPPED: no python3 here");
    };
    assert!(output.status.success(), "{}", words(&output));
    assert_eq!(words(&output).matches("| set | candor |").count(), 2, "{}", words(&output));
}

#[test]
fn the_order_of_the_rows_changes_nothing() {
    let text = std::fs::read_to_string(fixture()).unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    let mut rows: Vec<&str> = rows.lines().collect();
    rows.reverse();
    rows.swap(3, 11);
    let other = format!("{head}\n{}\n", rows.join("\n"));
    let (_, one, _keep) = run_on(&text, &[]);
    let (_, two, _keep_too) = run_on(&other, &[]);
    assert_eq!(std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
}

#[test]
fn across_links_only_between_sources() {
    let text = std::fs::read_to_string(fixture()).unwrap().replace("p05,till", "p05,shop");
    let (output, clusters, folder) = run_on(&text, &["--across", "source"]);
    assert!(output.status.success(), "{}", words(&output));
    let persons = persons(&clusters);
    assert!(persons.contains(&vec!["p01".to_owned(), "p02".into(), "p03".into()]), "{persons:?}");
    assert!(persons.contains(&vec!["p04".to_owned()]), "{persons:?}");
    drop(folder);
}

#[test]
fn columns_of_other_names_are_mapped_and_json_tells_all() {
    let text = "nr,vorname,nachname,mail\n1,Anna,Lind,a@x.example\n2,Anna,Lind,a@x.example\n";
    let map = ["--map", "nr=record_id", "--map", "vorname=given", "--map", "nachname=last_name"];
    let (output, ..) = run_on(text, &[&map[..], &["--map", "mail=email", "--json"]].concat());
    assert!(output.status.success(), "{}", words(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["records"], &answer["persons"]), (&2.into(), &1.into()), "{answer}");
    assert_eq!(answer["columns"][2]["field"], "family");
    assert_eq!(answer["model"]["fields"].as_array().unwrap().len(), candor::identity::FIELDS);
}

#[test]
fn a_header_is_read_however_it_is_spelled_and_a_file_of_nobody_is_an_empty_set() {
    let text = "Record-ID,First Name,LAST NAME,e-mail\n1,Anna,Lind,a@x.example\n\
        2,Anna,Lind,a@x.example\n";
    let (output, ..) = run_on(text, &["--json"]);
    assert!(output.status.success(), "{}", words(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["records"], &answer["persons"]), (&2.into(), &1.into()), "{answer}");
    let (output, clusters, _folder) = run_on("record_id,first_name\n", &["--json"]);
    assert!(output.status.success(), "{}", words(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["records"], &answer["persons"]), (&0.into(), &0.into()), "{answer}");
    assert_eq!(std::fs::read_to_string(clusters).unwrap().lines().count(), 1);
}

#[test]
fn faults_say_what_where_and_how_to_go_on() {
    let cases: [(&str, &[&str], i32, &str, &str); 8] = [
        ("", &[], 3, "file-empty", ""),
        ("id,first_name\n1,Anna\n", &[], 3, "key-column-missing", "--map COLUMN=record_id"),
        ("record_id,first_name\n1,Anna\n1,Bob\n", &[], 3, "record-id-twice", "in.csv:3"),
        ("record_id,first_name\n1,Anna\n,Bob\n", &[], 3, "record-id-empty", "in.csv:3"),
        ("record_id,first_name\n1,Anna,x\n", &[], 3, "row-unreadable", "in.csv:2"),
        ("record_id,shoe\n1,42\n", &[], 3, "columns-unknown", "--map"),
        ("record_id,first_name\n1,Anna\n", &["--map", "x=shoe"], 2, "field-unknown", "family"),
        ("record_id,first_name\n1,Anna\n", &["--across", "shop"], 3, "column-missing", "shop"),
    ];
    for (text, more, exit, code, hint) in cases {
        let (output, clusters, _folder) = run_on(text, more);
        let words = words(&output);
        assert_eq!(output.status.code(), Some(exit), "{code}: {words}");
        assert!(words.contains(code) && words.contains(hint), "{code}: {words}");
        assert!(!words.contains("Anna") && !words.contains("Bob"), "{code}: {words}");
        assert!(!clusters.exists(), "{code}");
    }
    let missing = candor(&["nowhere.csv"]);
    assert_eq!(missing.status.code(), Some(3), "{}", words(&missing));
    let file = fixture().display().to_string();
    let over = candor(&[&file, "--clusters", &file]);
    assert_eq!(over.status.code(), Some(2), "{}", words(&over));
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("no/such/folder/clusters.csv");
    let output =
        candor(&[&fixture().display().to_string(), "--clusters", &out.display().to_string()]);
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A full disk is said, and a device stays one.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_a_device_stays_a_device() {
    use std::os::unix::fs::FileTypeExt;
    let full = Path::new("/dev/full");
    let is_device = || full.metadata().is_ok_and(|about| about.file_type().is_char_device());
    if !is_device() {
        println!("SKIPPED: there is no /dev/full");
        return;
    }
    // By another name, so that even a program that did wrong could not take the device's place.
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("full");
    std::os::unix::fs::symlink(full, &link).unwrap();
    let output =
        candor(&[&fixture().display().to_string(), "--pairs", &link.display().to_string()]);
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    assert!(words(&output).contains("disk-full"), "{}", words(&output));
    assert!(is_device() && link.is_symlink());
}

fn made_up(records: usize, slips: f64, seed: u64) -> (Records, Linked, HashMap<String, String>) {
    let (set, labels) = generate::generate(&generate::Kind { records, slips, seed });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.csv");
    std::fs::write(&path, set).unwrap();
    let records = read(&path, &Request::default()).unwrap();
    let linked = link(&records.table, &SECRET, 1);
    let labels = labels
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').unwrap())
        .map(|(id, entity)| (id.to_owned(), entity.to_owned()))
        .collect();
    (records, linked, labels)
}

/// Of the pairs that get a probability, so many are true as the probability says.
#[test]
fn probabilities_are_calibrated() {
    let (records, linked, labels) = made_up(3000, 0.05, 11);
    let is_true = |a, b| labels[records.id(a)] == labels[records.id(b)];
    for (from, to) in [(0.9, 1.01), (0.66, 1.01), (0.01, 0.5)] {
        let bin: Vec<_> =
            linked.pairs.iter().filter(|pair| (from..to).contains(&pair.probability())).collect();
        let count = bin.len() as f64;
        let said: f64 = bin.iter().map(|pair| pair.probability()).sum::<f64>() / count;
        let found = bin.iter().filter(|pair| is_true(pair.a, pair.b)).count() as f64 / count;
        assert!(count > 50.0, "{from}: {count}");
        assert!((said - found).abs() < 0.12, "from {from}: said {said:.3}, found {found:.3}");
    }
}

/// Most of what is true is found and nearly all of what is found is true, relatives included.
#[test]
fn made_up_people_are_told_apart() {
    let (records, linked, labels) = made_up(3000, 0.03, 5);
    let mut persons: HashMap<u32, Vec<&str>> = HashMap::new();
    let mut entities: HashMap<&str, f64> = HashMap::new();
    for (record, number) in (0..).zip(linked.clusters.numbers()) {
        let entity = labels[records.id(record)].as_str();
        persons.entry(number).or_default().push(entity);
        *entities.entry(entity).or_default() += 1.0;
    }
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let all: f64 = entities.values().map(|n| pairs(*n)).sum();
    let (mut found, mut right) = (0.0, 0.0);
    for members in persons.values() {
        found += pairs(members.len() as f64);
        let mut counts: HashMap<&str, f64> = HashMap::new();
        members.iter().for_each(|entity| *counts.entry(entity).or_default() += 1.0);
        right += counts.values().map(|n| pairs(*n)).sum::<f64>();
    }
    let (precision, recall) = (right / found, right / all);
    assert!(precision > 0.97 && recall > 0.95, "{precision:.3} {recall:.3}");
}
