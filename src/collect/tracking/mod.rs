//! Calls of the tracking API become items of one shape, whichever client they come from.
//!
//! The shape is one JSON object with few names (see `src/web/README.md`): what clients write in
//! different places stands in one, what is plumbing between client and server is left out, and values
//! stay the text that they were written as. `Reader` makes records of items by a source's map, as it
//! is done with the rows of a file. Everything here is pure: the time of arrival is a parameter.

mod consents;
mod item;
mod pixel;
mod reader;

#[cfg(test)]
mod tests;

pub use item::{Item, ItemFault, Kind, Shape};
pub use pixel::item_of_query;
pub use reader::Reader;

use crate::base::clock::Moment;
use crate::collect::object::{Object, Raw};
use item::Envelope;

/// The longest item, in bytes.
pub const ITEM_BYTES_MAX: usize = 32 * 1024;

/// The longest body, in bytes as they are read. RudderStack's servers take as many; Segment's clients
/// end a batch at 500 KB.
pub const BODY_BYTES_MAX: usize = 4_000 * 1024;

/// Items in one batch.
pub const BATCH_ITEMS_MAX: usize = 2_500;

/// The longest id of an item, in characters.
pub const MESSAGE_CHARS_MAX: usize = 100;

/// What a path calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// One item of this kind.
    One(Kind),
    /// Many.
    Batch,
}

/// What is known of a call beside its body.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When it arrived.
    pub at: Moment,
    /// The person's browser asks not to sell or share their data (Global Privacy Control).
    pub privacy_signal: bool,
}

/// Why a body isn't taken at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It is no JSON object.
    NotJson,
    /// A batch without a list of items.
    NoBatch,
    /// More items than one batch may have.
    TooManyItems,
}

impl BodyFault {
    /// The stable name.
    pub fn code(self) -> &'static str {
        match self {
            BodyFault::NotJson => "invalid_json",
            BodyFault::NoBatch => "batch_missing",
            BodyFault::TooManyItems => "batch_too_large",
        }
    }

    /// In words; never with what the body says.
    pub fn words(self) -> &'static str {
        match self {
            BodyFault::NotJson => "the body is no JSON object",
            BodyFault::NoBatch => "the body has no list named batch",
            BodyFault::TooManyItems => "a batch has at most 2,500 items",
        }
    }
}

/// A body that was read: its items, in their order, and the key that it names.
#[derive(Debug, PartialEq)]
pub struct Body {
    /// The key of the source, where the body names one.
    pub write_key: Option<String>,
    /// The items.
    pub items: Vec<Item>,
}

/// Reads the body of a call.
///
/// # Errors
/// Where nothing of it can be taken. An item that can't be taken costs that item.
pub fn read(call: Call, body: &[u8], arrival: Arrival) -> Result<Body, BodyFault> {
    let text = std::str::from_utf8(body).map_err(|_| BodyFault::NotJson)?;
    let text = text.trim_start_matches('\u{feff}');
    let whole: Object<'_> = serde_json::from_str(text).map_err(|_| BodyFault::NotJson)?;
    let write_key = whole.text("writeKey");
    let items = match call {
        Call::One(kind) => {
            vec![Item::read(Some(kind), Raw(text.trim()), &Envelope::default(), arrival)]
        }
        Call::Batch => {
            let all = whole.get("batch").and_then(Raw::list).ok_or(BodyFault::NoBatch)?;
            if all.len() > BATCH_ITEMS_MAX {
                return Err(BodyFault::TooManyItems);
            }
            let envelope = Envelope::of(&whole);
            all.into_iter().map(|raw| Item::read(None, raw, &envelope, arrival)).collect()
        }
    };
    Ok(Body { write_key, items })
}
