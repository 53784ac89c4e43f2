//! The one piece of DER that is read by hand: a constructed value's parts, in their order.

use pkcs8::der::asn1::AnyRef;
use pkcs8::der::{Decode, Reader, SliceReader, Tag, Tagged};

/// The parts of a constructed value; `None` where it isn't one of this tag, or can't be read.
pub fn items(any: AnyRef<'_>, tag: Tag) -> Option<Vec<AnyRef<'_>>> {
    if any.tag() != tag {
        return None;
    }
    let mut reader = SliceReader::new(any.value()).ok()?;
    let mut parts = Vec::new();
    while !reader.is_finished() {
        parts.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(parts)
}
