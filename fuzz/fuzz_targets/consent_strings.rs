//! Any bytes as a consent string: nothing panics, and what is read holds the string.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| candor::collect::fuzz::consent_strings(bytes));
