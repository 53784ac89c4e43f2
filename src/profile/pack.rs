//! Packs event bodies: folded by the shape that the policy gives them, then zstd with a dictionary.
//!
//! A dictionary trained on events would hold pieces of people's data for ever. This one is made from
//! the policy's own words and from made-up filler, so it names nobody, and it still carries what
//! events share beside their shape: how often which letter stands in texts, numbers and links.

use std::collections::BTreeMap;

use rusqlite::Connection;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use crate::base::error::{Error, Result};
use crate::policy::types::{EventMap, Policy, Take};
use crate::store::{meta, set_meta};

use super::record::unreadable;
use super::shape::{Folder, Shape, shapes};

/// A packed body may not open to more than this (bytes).
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bodies shorter than this aren't compressed (bytes).
const COMPRESSED_BYTES_MIN: usize = 32;
const LEVEL: i32 = 1;
/// What is left of an event repeats little of itself: small tables find it, and cost little to clear.
const HASH_LOG: u32 = 8;

/// Every frame begins with these bytes (RFC 8878, section 3.1.1), so they are not stored.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Made-up events that a dictionary is made from.
const SAMPLES: usize = 2000;
/// The longest dictionary (bytes).
const DICTIONARY_BYTES_MAX: usize = 2048;

/// The first byte of a packed body: which shapes and dictionary it was packed with, or that it stands
/// as it is.
const PLAIN: u8 = 0;
/// Shapes and dictionaries are numbered from 1 to this.
const NUMBER_MAX: u8 = 250;
/// The second byte: a shape's number, from 1, or 0 for none; and this bit where it is compressed.
const COMPRESSED: u8 = 0x80;
const SHAPES_MAX: usize = 0x7f;

/// What a policy's events are packed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Packing {
    shapes: Vec<Shape>,
    dictionary: Vec<u8>,
}

impl Packing {
    /// The same policy always makes the same words.
    fn of(policy: &Policy) -> Packing {
        let events: Vec<&EventMap> =
            policy.sources.values().flat_map(|source| &source.events).collect();
        let mut shapes = shapes(events.iter().copied());
        shapes.truncate(SHAPES_MAX);
        let folders: Vec<Folder> = shapes.iter().map(Folder::new).collect();
        let mut filler = Filler(0);
        let samples: Vec<Vec<u8>> = events
            .iter()
            .cycle()
            .take(if events.is_empty() { 0 } else { SAMPLES })
            .map(|event| {
                let example = example(event, &mut || filler.text());
                let mut folded = Vec::new();
                match fold(&folders, example.as_bytes(), &mut folded) {
                    Some(_) => folded,
                    None => example.into_bytes(),
                }
            })
            .collect();
        // Without a dictionary everything still packs, only less well.
        let dictionary = zstd::dict::from_samples(&samples, DICTIONARY_BYTES_MAX);
        Packing { shapes, dictionary: dictionary.unwrap_or_default() }
    }

    fn read(conn: &Connection, number: u8) -> Result<Option<Packing>> {
        let Some(shapes) = meta(conn, &format!("shapes:{number}"))? else { return Ok(None) };
        let dictionary = meta(conn, &format!("dictionary:{number}"))?;
        Ok(Some(Packing {
            shapes: serde_json::from_slice(&shapes)
                .map_err(|_| damaged(&format!("shapes:{number}")))?,
            dictionary: dictionary.unwrap_or_default(),
        }))
    }

    fn newest(conn: &Connection) -> Result<(u8, Packing)> {
        let mut found = (0, Packing::default());
        for number in 1..=NUMBER_MAX {
            match Packing::read(conn, number)? {
                Some(words) => found = (number, words),
                None => break,
            }
        }
        Ok(found)
    }

    fn folders(&self) -> Vec<Folder> {
        self.shapes.iter().map(Folder::new).collect()
    }
}

/// `fact` of the store doesn't open, so neither does any event that was packed with it.
fn damaged(fact: &str) -> Error {
    Error::damaged("row-unreadable", "what events are packed with can't be read")
        .at(fact)
        .next("restore a backup with `candor restore`; `candor audit verify --deep` says what is still sound")
}

/// Keeps for good what a policy's events are packed with, unless the newest is the same. At most 250
/// are kept; later policies go on with the newest.
pub fn keep_dictionary(conn: &Connection, policy: &Policy) -> Result<()> {
    let new = Packing::of(policy);
    let (newest, known) = Packing::newest(conn)?;
    if !new.shapes.is_empty() && known != new && newest < NUMBER_MAX {
        let shapes = serde_json::to_vec(&new.shapes).expect("shapes are JSON");
        set_meta(conn, &format!("shapes:{}", newest + 1), &shapes)?;
        set_meta(conn, &format!("dictionary:{}", newest + 1), &new.dictionary)?;
    }
    Ok(())
}

/// Folds by the first shape that fits, and leaves what is left in `folded`. Returns the shape's number,
/// from 1.
fn fold(folders: &[Folder], body: &[u8], folded: &mut Vec<u8>) -> Option<u8> {
    (1..).zip(folders).find_map(|(number, folder)| {
        folded.clear();
        folder.fold(body, folded).map(|()| number)
    })
}

/// Texts such as exports hold, made up: words, numbers, codes and links.
struct Filler(u64);

impl Filler {
    /// A number below `bound` (SplitMix64, so that it is the same everywhere).
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    /// A word of letters about as frequent as in European languages.
    fn word(&mut self) -> String {
        const LETTERS: &[u8] =
            b"eeeeeeeeeeetttttttaaaaaaaaooooooiiiiiiinnnnnnnssssssrrrrrrhhhhddddllllcccuuummmwwffggyyppbbvvk";
        let length = 3 + self.below(6);
        let letter = |_| char::from(LETTERS[self.below(LETTERS.len() as u64) as usize]);
        (0..length).map(letter).collect()
    }

    fn text(&mut self) -> String {
        match self.below(4) {
            0 => (0..=self.below(3)).map(|_| self.word()).collect::<Vec<_>>().join(" "),
            1 => self.below(1_000_000).to_string(),
            2 => format!("{:012x}", self.below(1 << 48)),
            _ => format!("https://{}.example/{}/{}", self.word(), self.word(), self.below(100_000)),
        }
    }
}

/// An event with the values that `value` gives, in the canonical form.
fn example(event: &EventMap, value: &mut dyn FnMut() -> String) -> String {
    let mut properties: BTreeMap<&str, String> = BTreeMap::new();
    for (name, take) in &event.properties {
        let text = if let Take::Fixed(text) = take { text.clone() } else { value() };
        properties.insert(name, serde_json::Value::String(text).to_string());
    }
    if !event.lines.is_empty() {
        let mut line = || {
            let keys: Vec<String> =
                event.lines.keys().map(|key| format!("\"{key}\":\"{}\"", value())).collect();
            format!("{{{}}}", keys.join(","))
        };
        properties.insert("lines", format!("[{},{}]", line(), line()));
    }
    let properties: Vec<String> =
        properties.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    let amount = if event.amount.is_some() { "\"amount\":100," } else { "" };
    format!(
        "{{{amount}\"at\":1700000000000,\"for\":1,\"id\":\"{}\",\"name\":\"{}\",\"properties\":{{{}}}}}",
        value(),
        event.name,
        properties.join(",")
    )
}

/// Packs with the newest shapes and dictionary.
pub struct Packer {
    number: u8,
    folders: Vec<Folder>,
    compressor: Option<Compressor<'static>>,
    /// Buffers that are used again for the next event.
    folded: Vec<u8>,
    frame: Vec<u8>,
}

impl Packer {
    /// Makes a packer for a store.
    pub fn new(conn: &Connection) -> Result<Packer> {
        let (number, words) = Packing::newest(conn)?;
        let compressor = (number != PLAIN)
            .then(|| {
                let mut compressor = Compressor::with_dictionary(LEVEL, &words.dictionary)?;
                compressor.include_checksum(false)?;
                compressor.include_dictid(false)?;
                compressor.include_contentsize(true)?;
                compressor.set_parameter(CParameter::HashLog(HASH_LOG))?;
                Ok::<_, std::io::Error>(compressor)
            })
            .transpose()
            .map_err(|_| damaged(&format!("dictionary:{number}")))?;
        Ok(Packer {
            number,
            folders: words.folders(),
            compressor,
            folded: Vec::new(),
            frame: Vec::new(),
        })
    }

    /// Packs the canonical bytes of an event.
    pub fn pack(&mut self, body: &[u8]) -> Vec<u8> {
        let Packer { number, folders, compressor, folded, frame } = self;
        let (form, folded) = match fold(folders, body, folded) {
            Some(shape) => (shape, &**folded),
            None => (0, body),
        };
        let (head, rest) = match compress(compressor.as_mut(), folded, frame) {
            Some(frame) => ([*number, form | COMPRESSED], frame),
            None if form == 0 => return [&[PLAIN], body].concat(),
            None => ([*number, form], folded),
        };
        let mut bytes = Vec::with_capacity(rest.len() + 2);
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(rest);
        bytes
    }
}

/// A frame without its magic, where it is shorter than the bytes are.
fn compress<'f>(
    compressor: Option<&mut Compressor<'static>>,
    bytes: &[u8],
    frame: &'f mut Vec<u8>,
) -> Option<&'f [u8]> {
    if bytes.len() < COMPRESSED_BYTES_MIN {
        return None;
    }
    frame.clear();
    frame.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
    compressor?.compress_to_buffer(bytes, frame).ok()?;
    frame.strip_prefix(&MAGIC).filter(|frame| frame.len() < bytes.len())
}

/// Opens what any packer of the store packed.
pub struct Unpacker {
    words: BTreeMap<u8, (Vec<Folder>, Decompressor<'static>)>,
}

impl Unpacker {
    /// Makes an unpacker for a store.
    pub fn new(conn: &Connection) -> Result<Unpacker> {
        let mut all = BTreeMap::new();
        for number in 1..=NUMBER_MAX {
            let Some(words) = Packing::read(conn, number)? else { break };
            let opened = Decompressor::with_dictionary(&words.dictionary)
                .map_err(|_| damaged(&format!("dictionary:{number}")))?;
            all.insert(number, (words.folders(), opened));
        }
        Ok(Unpacker { words: all })
    }

    /// The body of packed bytes.
    pub fn unpack(&mut self, packed: &[u8]) -> Result<Vec<u8>> {
        self.open(packed).ok_or_else(|| unreadable("event"))
    }

    fn open(&mut self, packed: &[u8]) -> Option<Vec<u8>> {
        let (number, rest) = packed.split_first()?;
        if *number == PLAIN {
            return Some(rest.to_vec());
        }
        let (folders, decompressor) = self.words.get_mut(number)?;
        let (form, rest) = rest.split_first()?;
        let folded = if form & COMPRESSED == 0 {
            std::borrow::Cow::Borrowed(rest)
        } else {
            let frame = [&MAGIC, rest].concat();
            let bound = Decompressor::upper_bound(&frame).unwrap_or(BODY_BYTES_MAX);
            let opened = decompressor.decompress(&frame, bound.min(BODY_BYTES_MAX));
            std::borrow::Cow::Owned(opened.ok()?)
        };
        match usize::from(form & !COMPRESSED).checked_sub(1) {
            None => Some(folded.into_owned()),
            Some(shape) => folders.get(shape)?.unfold(&folded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = include_str!("../../fixtures/brand/policy.toml");

    fn store() -> (Policy, Connection) {
        let policy = crate::policy::check(POLICY).unwrap().policy;
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)")
            .unwrap();
        keep_dictionary(&conn, &policy).unwrap();
        (policy, conn)
    }

    #[test]
    fn the_same_policy_is_kept_once() {
        let (policy, conn) = store();
        let kept = Packing::newest(&conn).unwrap();
        keep_dictionary(&conn, &policy).unwrap();
        assert_eq!(Packing::newest(&conn).unwrap(), kept);
        assert_eq!(kept.0, 1);
    }

    #[test]
    fn packs_smaller_and_opens_again() {
        let (policy, conn) = store();
        let mut packer = Packer::new(&conn).unwrap();
        let mut unpacker = Unpacker::new(&conn).unwrap();
        let mut filler = Filler(99);
        for event in policy.sources.values().flat_map(|source| &source.events) {
            let body = example(event, &mut || filler.text()).into_bytes();
            let packed = packer.pack(&body);
            assert!(packed.len() * 2 < body.len(), "{} of {}", packed.len(), body.len());
            assert_eq!(unpacker.unpack(&packed).unwrap(), body);
        }
        for body in [&b""[..], &b"short"[..], &[7; 100_000][..]] {
            let packed = packer.pack(body);
            assert_eq!(unpacker.unpack(&packed).unwrap(), body);
        }
        for broken in [&[][..], &[1], &[1, 1, 2, 3], &[1, COMPRESSED, 1, 2, 3], &[9, 9]] {
            assert!(unpacker.unpack(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn without_a_dictionary_all_stands_as_it_is() {
        let (_, conn) = store();
        conn.execute("DELETE FROM meta", []).unwrap();
        let packed = Packer::new(&conn).unwrap().pack(b"body");
        assert_eq!(packed, b"\0body");
        assert_eq!(Unpacker::new(&conn).unwrap().unpack(&packed).unwrap(), b"body");
    }
}
