//! Any text as a policy: mistakes are explained, and nothing panics.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| drop(candor::policy::check(text)));
