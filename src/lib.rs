//! candor: a customer data platform in one file, which can prove why it holds every byte.
#![forbid(unsafe_code)]

pub mod audit;
pub mod base;
pub mod collect;
pub mod consent;
pub mod ledger;
pub mod pipeline;
pub mod policy;
pub mod profile;
pub mod send;
pub mod store;
pub mod subject;
pub mod view;
