//! The consent strings of the field: what IAB Tech Lab's frameworks write for one person into one text.
//!
//! They are read and never made: what a string says becomes fields that a policy can map, and the string itself
//! stays beside them as evidence. They come from pages and apps, so nothing of them is trusted: each is bounded
//! in length, every range is looked at before it is counted, and one that can't be read whole says nothing.

mod bits;
mod gpp;
mod tcf;
mod usp;

#[cfg(test)]
mod tests;

pub(super) use gpp::Gpp;
pub(super) use tcf::Tcf;
pub(super) use usp::Usp;

/// The longest string that is looked at, in bytes: one with every vendor of the list has room.
const STRING_BYTES_MAX: usize = 8 * 1024;
