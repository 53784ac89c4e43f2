//! Any bytes as a signed note: what is taken is written back byte for byte.
#![no_main]

use candor::ledger::note::Note;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_text().as_bytes(), bytes);
    }
});
