//! Any bytes as calls of the tracking API: nothing panics.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| candor::collect::fuzz::tracking(bytes));
