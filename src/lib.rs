//! candor: a customer data platform in one file, which can prove why it holds every byte.
#![forbid(unsafe_code)]

pub mod base;
pub mod policy;
pub mod ledger;
pub mod store;
pub mod collect;
pub mod consent;
pub mod profile;
pub mod view;
pub mod subject;
pub mod verify;
pub mod pipeline;
