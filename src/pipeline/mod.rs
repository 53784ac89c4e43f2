//! The product on one page: what happens to a record on its way in, and to a profile on its way out.
//!
//! ```text
//! collect ──► recognise ──► gate ──► merge ──► profile ──► gate ──► send
//!                            │         │                     │
//!                            └─────────┴────── ledger ◄──────┘
//! ```
//!
//! `import` drives a file through `admit`, a batch a transaction (`progress` says how far it came), `intake` what
//! senders hand over (`sent`), and `own` what people say on pages of their own. `admit` takes one record down the
//! arrows: `plan` knows what its source may say, `people` where its person stands, `said` takes in its statements
//! and `doubts` what can't be read of them, `age` tells how old it is, `ask` puts its values to the gate, `keep`
//! writes what the gate let in; `summary` counts what was let in and what was not, with the reason.

pub mod admit;
mod age;
pub mod ask;
mod doubts;
mod keep;
pub mod own;
mod people;
mod plan;
mod progress;
mod said;
mod sent;
pub mod import;
pub mod intake;
pub(crate) mod sql;
mod resumed;
pub mod summary;
