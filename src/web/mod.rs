//! WEB: systems of the brand send data in over HTTP, by the tracking API that their clients speak, or by
//! webhooks; people and systems ask what may be known of somebody for a purpose; and people have pages of
//! their own (`pages`).
//!
//! The edge is thin: it finds out who calls (`route`, `credentials`, `key`), hands what `collect` makes
//! of the body to the one writer (`queue`, `writer`), and answers once that is on disk (`reply`). What
//! may come in is decided by the gate, as for a file. Questions go to a thread of their own (`clerk`), by
//! token (`token`, `role`), and are answered once they are on record. Connections come in over TLS where there is
//! a certificate (`tls`, `certificate`). Which paths there are says one table (`route`), and `openapi` describes
//! them. `README.md` and `ASKING.md` beside this file have paths, fields, answers and threats.

mod ask;
mod body;
pub mod certificate;
mod clerk;
mod credentials;
mod decide;
mod edge;
mod fresh;
mod herald;
mod hook;
mod io;
pub mod key;
pub mod log;
mod meters;
mod openapi;
mod pace;
mod pages;
pub mod peers;
pub mod queue;
pub mod rate;
mod reply;
pub mod role;
mod route;
mod segment;
mod sender;
mod serve;
mod signature;
mod sql;
mod stream;
mod tls;
pub mod token;
mod writer;

#[cfg(test)]
mod signature_tests;

pub use hook::unset_secrets;
pub use serve::{Door, Stores, serve};
