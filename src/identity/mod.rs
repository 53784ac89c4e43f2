//! WHO IS WHO: which records are one person's, found without labels and explained in bits.
//!
//! Records go in as values, a model and clusters come out as values; nothing here knows a store, a
//! clock or a file, but for `file`, which reads one. `README.md` beside this file tells the model.

mod block;
mod chance;
mod cluster;
mod compare;
mod dates;
mod explain;
mod field;
mod file;
mod fold;
mod guard;
mod han;
mod isotonic;
mod keys;
mod level;
mod link;
mod mailbox;
mod model;
mod names;
mod normalise;
mod table;
mod trace;
mod train;
mod turned;
mod verdict;
mod weigh;
mod whole;

#[cfg(test)]
mod link_tests;

pub use block::Blocks;
pub use cluster::{CLUSTER_MAX, Clusters, Edge, Given};
pub use compare::{Pattern, compare};
pub use explain::{Explanation, Step, explain};
pub use field::{FIELDS, FULL_NAME_COLUMNS, Field, MISSING};
pub use file::{Records, Request, read};
pub use guard::{Facts, Guard, Guards};
pub use keys::{Keys, Secret};
pub use link::{JOIN_LEAST, Linked, link};
pub use model::{FieldModel, MODEL_FORM, Model, Shared, shared};
pub use normalise::{Raw, normalise};
pub use table::Table;
pub use trace::{Trace, door_hash, trace, value_hash};
pub use train::train;
pub use verdict::{
    Question, RELATED_LEAST, SURE, Verdict, WORTH_A_LOOK, arrival, verdict, worth_a_look,
};
pub use weigh::{Scales, Weight};
