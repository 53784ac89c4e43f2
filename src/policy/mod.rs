//! POLICY: what the controller declares before any data comes in.
//!
//! A policy is a TOML file. `check` reads it and reports every mistake at once, with line, reason and
//! fix; what it returns holds no contradictions, so later stages need not check again.

pub mod types;
