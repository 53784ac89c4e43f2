//! AUDIENCE: rules that choose among those who may be reached for a purpose on a channel.
//!
//! An audience only narrows. What may be looked at is what the policy lets the purpose hold, whom the gate lets
//! be reached is asked before any rule, and where their data goes is a destination's own purpose, channel and fields. So
//! an audience is no policy: who writes one can leave people out and reach nobody new, and what is
//! law-bearing stays in the one file that is declared beforehand. Its text is kept whole, each version under an
//! entry that commits to it.
//!
//! `rule` reads a text, `decide` is pure, `facts` is what is looked at of a person, `desk` keeps versions.
//! `README.md` beside this file has the language.

mod decide;
pub mod desk;
mod facts;
mod rule;
pub(crate) mod sql;

pub use decide::Told;
pub use facts::Person;
pub use rule::{Condition, Segment};
