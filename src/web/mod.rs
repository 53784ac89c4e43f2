//! WEB: systems of the brand send data in over HTTP, by the tracking API that their clients speak, or by
//! webhooks; and people have pages of their own (`pages`).
//!
//! The edge is thin: it finds out who calls (`route`, `credentials`, `key`), hands what `collect` makes
//! of the body to the one writer (`queue`, `writer`), and answers once that is on disk (`reply`). What
//! may come in is decided by the gate, as for a file. `README.md` beside this file has paths, fields,
//! answers and threats.

mod credentials;
mod edge;
mod hook;
mod io;
pub mod key;
pub mod log;
mod pace;
mod pages;
pub mod queue;
mod reply;
mod route;
mod sender;
mod serve;
mod signature;
mod sql;
mod writer;

#[cfg(test)]
mod signature_tests;

pub use hook::unset_secrets;
pub use serve::serve;
