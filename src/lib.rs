//! candor: a customer data platform in one file, which can prove why it holds every byte.
#![forbid(unsafe_code)]

pub mod base;
pub mod ledger;
pub mod policy;
