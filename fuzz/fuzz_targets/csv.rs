//! Any bytes as input of the reader: it never panics.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| candor::collect::fuzz::csv(bytes));
