//! The whole attack campaign: prints the table that stands in `src/verify/ATTACKS.md`.
//!
//! `cargo bench --bench campaign -- [--mutations N] [--seed N] [--threads N] [--in FOLDER]
//! [--only N] [--python PROGRAM]`. It is a program of its own beside the figures, and not a test,
//! because it takes minutes and wants the optimiser; a share of it runs among the tests
//! (`tests/campaign.rs`). With `--in` the store that is attacked is made in that folder and stays
//! there: the same folder and seed give the same changes, one of which `--only` looks at again, and
//! the files of what was missed are put beside it. Exit code 0 when nothing was missed.

#[path = "../../tests/campaign/mod.rs"]
mod campaign;
#[path = "../../tests/tamper/claimed.rs"]
mod claimed;
#[path = "../../tests/tamper/letters.rs"]
mod letters;
#[path = "../../tests/common/recipient.rs"]
#[allow(dead_code)]
mod recipient;
#[path = "../../tests/tamper/small.rs"]
mod small;
#[path = "../../tests/tamper/town.rs"]
mod town;

use std::process::ExitCode;
use std::time::Instant;

use campaign::Orders;
use campaign::scene::Scene;

const USAGE: &str =
    "usage: cargo bench --bench campaign -- [--mutations N] [--seed N] [--threads N]
       [--in FOLDER] [--only N] [--python PROGRAM]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let python = Some("python3".to_owned());
    let mut orders =
        Orders { mutations: 100_000, seed: 2018, threads, python, only: None, keep: None };
    for pair in words.chunks(2) {
        let [name, value] = pair else { return usage() };
        let number = value.parse::<u64>();
        match (name.as_str(), number) {
            ("--mutations", Ok(number)) => orders.mutations = number,
            ("--seed", Ok(number)) => orders.seed = number,
            ("--threads", Ok(number @ 1..)) => orders.threads = number as usize,
            ("--only", Ok(number)) => orders.only = Some(number),
            ("--in", _) => orders.keep = Some(value.into()),
            ("--python", _) => orders.python = Some(value.clone()),
            _ => return usage(),
        }
    }
    let made = tempfile::tempdir().expect("a folder can be made");
    let folder = orders.keep.clone().unwrap_or_else(|| made.path().to_owned());
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let scene = Scene::in_folder(&folder);
    // What panics is counted as missed, and said there.
    std::panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let table = campaign::run(&scene, &orders);
    println!("{table}");
    let (entries, bytes) = (scene.leaves.len(), scene.file.len());
    println!("a store of {entries} entries in {bytes} bytes; {} s", start.elapsed().as_secs());
    if table.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
