//! LINKING: the store's own records go through `identity`, and what it says becomes joins, questions and
//! relations that a person can look into, answer and take back.
//!
//! `takes_part` asks the gate who may be compared at all; `run` compares everybody and learns; `newcomers`
//! compares who came since with those whom they meet in the `index`; `guards` holds apart whom the policy
//! holds apart; `findings` writes what either found;
//! `parting` takes joins back where the person objects; `review` is the queue of questions to people; `pair` explains two records; `report` tells how it
//! stands. Joins go through `profile::merge` like every other, so a split takes them back and no consent
//! is widened.

pub mod index;
pub mod newcomers;
pub mod pair;
pub mod report;
pub mod review;
pub mod run;
mod bridges;
mod findings;
mod guards;
mod parting;
pub(crate) mod sql;
mod takes_part;

pub use parting::part_objectors;
pub use run::{Done, plan, run};
pub use takes_part::{LeftOut, linking_purposes};
