//! Any bytes as the body of a webhook: nothing panics.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| candor::collect::fuzz::webhook(bytes));
