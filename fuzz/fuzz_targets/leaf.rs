//! Any bytes as a ledger entry: what the fast reader takes, the strict one may refuse, but what the
//! strict one takes is written back byte for byte.
#![no_main]

use candor::ledger::{leaf::Leaf, scan};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let scanned = scan::fields(bytes);
    if let Ok(leaf) = Leaf::parse_strict(bytes) {
        assert_eq!(leaf.to_bytes().as_deref(), Ok(bytes));
        assert_eq!(scanned.map(|view| view.number), Ok(leaf.number));
    }
});
