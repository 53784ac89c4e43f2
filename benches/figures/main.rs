//! Prints the table of figures: candor beside plain baselines, in one run on one machine.
//!
//! `cargo bench --bench figures -- [--size SIZE] [--only GROUPS] [--in FOLDER]`. CPU time is what
//! counts, since it is nearly the same on a busy machine as on an idle one; wall time stands beside
//! it. All data is made from a fixed seed, in a folder that is removed at the end unless it is named.

mod access;
mod brand;
mod data;
mod erasure;
mod http;
mod ingest;
mod log;
mod measure;
mod parts;
mod plain;
mod program;
mod python;
mod reports;
mod table;

use std::path::{Path, PathBuf};

use candor::base::error::Result;
use table::Table;

const USAGE: &str = "usage: cargo bench --bench figures -- [--size small|medium|large]
       [--only ingest,tax,ledger,access,reports,program,http,erasure] [--in FOLDER]";

/// What is measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Ingest,
    Tax,
    Ledger,
    Access,
    Reports,
    Program,
    Http,
    Erasure,
}

/// All groups, in the order in which they are measured: erasures change the store, so they come last.
const GROUPS: [(&str, Group); 8] = [
    ("ingest", Group::Ingest),
    ("tax", Group::Tax),
    ("ledger", Group::Ledger),
    ("access", Group::Access),
    ("reports", Group::Reports),
    ("program", Group::Program),
    ("http", Group::Http),
    ("erasure", Group::Erasure),
];

/// What was asked for.
struct Asked {
    size: u64,
    groups: Vec<Group>,
    folder: Option<PathBuf>,
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [brand::CHILD, store, file] => return brand::run_child(Path::new(store), Path::new(file)),
        [reports::CHILD, store, name, as_of] => {
            return reports::run_child(Path::new(store), name, as_of);
        }
        _ => {}
    }
    let Some(asked) = parse(&arguments) else {
        eprintln!("{USAGE}");
        std::process::exit(2);
    };
    let made = tempfile::tempdir().expect("a folder for the data can be made");
    let folder = asked.folder.as_deref().unwrap_or(made.path());
    std::fs::create_dir_all(folder).expect("the folder for the data can be made");
    match run(folder, &asked) {
        Ok(table) => print!("{table}"),
        Err(error) => {
            eprintln!("the figures could not be measured: {error}");
            drop(made);
            std::process::exit(1);
        }
    }
}

fn parse(arguments: &[String]) -> Option<Asked> {
    let groups = GROUPS.map(|(_, group)| group).to_vec();
    let mut asked = Asked { size: ingest::SMALLEST, groups, folder: None };
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match (word, words.next()?) {
            ("--size", "small") => asked.size = ingest::SMALLEST,
            ("--size", "medium") => asked.size = 10 * ingest::SMALLEST,
            ("--size", "large") => asked.size = 100 * ingest::SMALLEST,
            ("--in", folder) => asked.folder = Some(folder.into()),
            ("--only", names) => {
                let found = |name| GROUPS.iter().find(|(known, _)| *known == name);
                asked.groups = names
                    .split(',')
                    .map(|name| found(name).map(|(_, g)| *g))
                    .collect::<Option<_>>()?;
            }
            _ => return None,
        }
    }
    Some(asked)
}

fn run(folder: &Path, asked: &Asked) -> Result<Table> {
    let mut table = Table::new(asked.size);
    let wanted = |group| asked.groups.contains(&group);
    let rounds = match wanted(Group::Ingest) {
        true => ingest::measure(&mut table, folder, asked.size)?,
        false => Vec::new(),
    };
    let brand = match rounds.last() {
        Some(round) => round.brand.clone(),
        None => brand::Brand::in_folder(folder, asked.size)?,
    };
    if wanted(Group::Tax) {
        ingest::tax(&mut table, folder, &brand)?;
    }
    if wanted(Group::Ledger) {
        log::lines(&mut table, folder, &brand)?;
    }
    if wanted(Group::Access) {
        access::lines(&mut table, &brand)?;
    }
    if wanted(Group::Reports) {
        reports::lines(&mut table, folder, &brand)?;
    }
    if wanted(Group::Program) {
        program::lines(&mut table, &brand);
    }
    if wanted(Group::Http) {
        http::lines(&mut table, folder)?;
    }
    if wanted(Group::Erasure) {
        erasure::lines(&mut table, folder, &brand)?;
    }
    Ok(table)
}

/// Says on the standard error what is going on.
fn note(what: &str) {
    eprintln!("… {what}");
}

/// Removes a database with its side files.
fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut file = path.to_owned().into_os_string();
        file.push(end);
        let _ = std::fs::remove_file(file);
    }
}
