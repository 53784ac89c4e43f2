//! A share of the attack campaign (`cargo bench --bench campaign` is the whole): seeded random changes
//! to the store, its log, what lies beside its key, and everything that was handed out.

#[path = "campaign/mod.rs"]
mod campaign;
#[path = "tamper/claimed.rs"]
mod claimed;
#[path = "tamper/letters.rs"]
mod letters;
#[path = "common/recipient.rs"]
#[allow(dead_code)]
mod recipient;
#[path = "tamper/small.rs"]
mod small;
#[path = "tamper/town.rs"]
mod town;

use campaign::scene::Scene;
use campaign::{KINDS, Orders};

#[test]
fn a_share_of_the_campaign_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::in_folder(folder.path());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let python = Some("python3".to_owned());
    let orders = Orders { mutations: 300, seed: 7, threads, python, only: None, keep: None };
    let table = campaign::run(&scene, &orders);
    println!("{table}");
    assert!(table.missed.is_empty(), "{:#?}", table.missed);
    let met = table.found_by_kind();
    for kind in KINDS {
        let found = met.get(kind.name);
        let skipped = found.is_none() && kind.name.contains("bundle");
        assert!(skipped || found > Some(&0), "{}: nothing of this kind was found", kind.name);
    }
}
