//! RIGHTS: what a person may ask, and by when the answer is due.
//!
//! The law stands here as data and arithmetic: which right applies to which lawful basis (`rights`),
//! the last day for an answer (`deadline`) and the days that do not count as working days
//! (`holidays`). `access` answers with everything that is held, `told` with what was said, `state`
//! with where that leaves the person, `receipt` with the proof of one consent;
//! `grouping` joins and parts profiles at the desk;
//! `forget` overwrites single items, `retain` those whose time is over, `erase` whole people; `hold`
//! keeps what a legal claim needs; `scan` and `gone` look whether it is true, and `finish` closes the
//! request; `backup` restores without bringing back those whom `erased` knows.

pub mod access;
pub mod backup;
pub mod certificate;
pub mod deadline;
pub mod erase;
pub mod erased;
pub mod finish;
pub mod forget;
pub(crate) mod gone;
pub mod grouping;
pub mod hold;
pub mod kept;
pub mod holidays;
pub mod notice;
pub mod receipt;
pub mod request;
pub mod retain;
pub mod rights;
pub mod scan;
pub(crate) mod sql;
pub mod state;
pub mod told;
