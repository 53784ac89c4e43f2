//! candor: a customer data platform in one file, which can prove why it holds every byte.
//!
//! The modules stand in the order in which they may know each other: each imports only from those
//! above it. `README.md` beside this file is the map.
#![forbid(unsafe_code)]

pub mod base;
pub mod policy;
pub mod ledger;
pub mod store;
pub mod anchor;
pub mod collect;
pub mod identity;
pub mod consent;
pub mod profile;
pub mod evidence;
pub mod view;
pub mod linking;
pub mod segment;
pub mod send;
pub mod subject;
pub mod verify;
pub mod audit;
pub mod pipeline;
pub mod person;
pub mod web;
