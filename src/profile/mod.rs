//! PROFILE: groups records into subjects, keeps what each source said, and can take any merge back.
//!
//! `items` appends values and events; `recognise` decides to which subject a record belongs; `names` says
//! under an entry what finds a record without being held; `merge` joins and splits; `read` puts a profile
//! together; `then` finds who was one person with whom at an earlier point; `covered` asks what a later policy
//! still covers; `why` explains one stored value. A subject is nothing but the set of records that point at it,
//! so a merge moves integers and a split moves them back.

pub mod apart;
pub mod covered;
pub mod items;
pub mod lookup;
pub mod merge;
pub mod names;
pub mod pack;
pub mod read;
pub mod recognise;
pub mod record;
mod repeat;
mod shape;
pub mod sharing;
pub(crate) mod sql;
pub mod then;
pub mod why;
