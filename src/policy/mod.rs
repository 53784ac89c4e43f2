//! POLICY: what the controller declares before any data comes in.
//!
//! A policy is a TOML file. `check` reads it and reports every mistake at once, with line, reason and
//! fix; what it returns holds no contradictions, so later stages need not check again.

pub mod check;
pub mod country;
pub mod currency;
pub mod diff;
pub mod mail;
pub mod mistake;
pub mod period;
pub mod postgres;
pub mod rulebook;
pub mod show;
pub mod template;
pub mod types;
pub mod webhook;

mod keys;
mod md5;
mod nearest;
mod outline;
mod reader;
mod value;
mod words;

pub use check::{Checked, InForce, check, check_after};
pub use mistake::Mistake;
