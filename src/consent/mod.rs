//! GATE: decides what may come in, be used and go out, from a history that is only added to.
//!
//! `statement` holds the nouns, `fold` turns history into a standing as of any moment, `gate`
//! decides, `doubt` holds what couldn't be read, `stands` says what a consent comes to by it, `retention` counts how long. None of them
//! reads a clock or a store.

pub mod answers;
pub mod desk;
pub mod doubt;
pub mod fold;
pub mod gate;
pub mod history;
pub mod kept;
pub mod origin;
pub mod permit;
pub mod retention;
pub(crate) mod sql;
pub mod stands;
pub mod statement;
