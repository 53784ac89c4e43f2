//! Packs event bodies: zstd with a dictionary made of the policy's own words.
//!
//! A dictionary trained on events would hold pieces of people's data for ever. This one is made from
//! the policy's field names and from made-up filler, so it names nobody, and it still carries most of
//! what events share: their shape, and how often which letter stands in texts, numbers and links.

use std::collections::BTreeMap;

use rusqlite::Connection;
use zstd::bulk::{Compressor, Decompressor};

use crate::base::error::Result;
use crate::policy::types::{EventMap, Policy, Take};
use crate::store::{meta, set_meta};

use super::record::unreadable;

/// A packed body may not open to more than this (bytes).
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bodies shorter than this stay as they are (bytes).
const PACKED_BYTES_MIN: usize = 48;
const LEVEL: i32 = 1;

/// Every frame begins with these bytes (RFC 8878, section 3.1.1), so they are not stored.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Made-up events that the tables of a dictionary are made from.
const SAMPLES: usize = 500;
/// The made part of a dictionary: its tables, and filler that is as good as none (bytes).
const TRAINED_BYTES_MAX: usize = 1024;

/// The dictionary of a policy: tables made from filler in the shape of its events, then one example
/// of each event with empty values. The same policy always makes the same dictionary.
pub fn dictionary(policy: &Policy) -> Vec<u8> {
    let events: Vec<&EventMap> =
        policy.sources.values().flat_map(|source| &source.events).collect();
    let mut filler = Filler(0);
    let samples: Vec<String> = events
        .iter()
        .cycle()
        .take(if events.is_empty() { 0 } else { SAMPLES })
        .map(|event| example(event, &mut || filler.text()))
        .collect();
    // Without the tables a dictionary of text alone does its work, only less well.
    let mut bytes = zstd::dict::from_samples(&samples, TRAINED_BYTES_MAX).unwrap_or_default();
    // The most telling bytes stand last: zstd finds near matches cheapest.
    for event in events {
        bytes.extend_from_slice(example(event, &mut String::new).as_bytes());
    }
    bytes
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

fn meta_name(id: u8) -> String {
    format!("dictionary:{id}")
}

/// Keeps a policy's dictionary for good, unless the newest one is the same. At most 250 are kept;
/// later policies go on with the newest.
pub fn keep_dictionary(conn: &Connection, policy: &Policy) -> Result<()> {
    let new = dictionary(policy);
    let (newest, bytes) = newest_dictionary(conn)?;
    if !new.is_empty() && bytes != new && newest < 250 {
        set_meta(conn, &meta_name(newest + 1), &new)?;
    }
    Ok(())
}

fn newest_dictionary(conn: &Connection) -> Result<(u8, Vec<u8>)> {
    let mut found = (0, Vec::new());
    for id in 1..=250 {
        match meta(conn, &meta_name(id))? {
            Some(bytes) => found = (id, bytes),
            None => break,
        }
    }
    Ok(found)
}

/// Packs with the newest dictionary.
pub struct Packer {
    id: u8,
    compressor: Option<Compressor<'static>>,
}

impl Packer {
    /// Makes a packer for a store.
    pub fn new(conn: &Connection) -> Result<Packer> {
        let (id, bytes) = newest_dictionary(conn)?;
        let compressor = (id != 0)
            .then(|| {
                let mut compressor = Compressor::with_dictionary(LEVEL, &bytes)?;
                compressor.include_checksum(false)?;
                compressor.include_dictid(false)?;
                Ok::<_, std::io::Error>(compressor)
            })
            .transpose()
            .map_err(|_| unreadable("dictionary"))?;
        Ok(Packer { id, compressor })
    }

    /// One byte that names the dictionary (0: none), then the body.
    pub fn pack(&mut self, body: &[u8]) -> Vec<u8> {
        if body.len() >= PACKED_BYTES_MIN
            && let Some(compressor) = &mut self.compressor
            && let Ok(packed) = compressor.compress(body)
            && let Some(frame) = packed.strip_prefix(&MAGIC)
            && frame.len() < body.len()
        {
            let mut bytes = Vec::with_capacity(frame.len() + 1);
            bytes.push(self.id);
            bytes.extend_from_slice(frame);
            return bytes;
        }
        let mut bytes = Vec::with_capacity(body.len() + 1);
        bytes.push(0);
        bytes.extend_from_slice(body);
        bytes
    }
}

/// Opens what any packer of the store packed.
pub struct Unpacker {
    decompressors: BTreeMap<u8, Decompressor<'static>>,
}

impl Unpacker {
    /// Makes an unpacker for a store.
    pub fn new(conn: &Connection) -> Result<Unpacker> {
        let mut decompressors = BTreeMap::new();
        for id in 1..=250 {
            let Some(bytes) = meta(conn, &meta_name(id))? else { break };
            let opened =
                Decompressor::with_dictionary(&bytes).map_err(|_| unreadable("dictionary"))?;
            decompressors.insert(id, opened);
        }
        Ok(Unpacker { decompressors })
    }

    /// The body of packed bytes.
    pub fn unpack(&mut self, packed: &[u8]) -> Result<Vec<u8>> {
        let (id, body) = packed.split_first().ok_or_else(|| unreadable("event"))?;
        if *id == 0 {
            return Ok(body.to_vec());
        }
        let decompressor = self.decompressors.get_mut(id).ok_or_else(|| unreadable("event"))?;
        let frame = [&MAGIC, body].concat();
        let size = Decompressor::upper_bound(&frame).unwrap_or(BODY_BYTES_MAX).min(BODY_BYTES_MAX);
        decompressor.decompress(&frame, size).map_err(|_| unreadable("event"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = include_str!("../../fixtures/brand/policy.toml");

    #[test]
    fn packs_smaller_and_opens_again() {
        let policy = crate::policy::check(POLICY).unwrap().policy;
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)")
            .unwrap();
        keep_dictionary(&conn, &policy).unwrap();
        let (id, kept) = newest_dictionary(&conn).unwrap();
        keep_dictionary(&conn, &policy).unwrap();
        assert_eq!(
            newest_dictionary(&conn).unwrap(),
            (id, kept),
            "the same policy, the same bytes"
        );
        let mut packer = Packer::new(&conn).unwrap();
        let mut unpacker = Unpacker::new(&conn).unwrap();
        let mut filler = Filler(99);
        for event in policy.sources.values().flat_map(|source| &source.events) {
            let body = example(event, &mut || filler.text()).into_bytes();
            let packed = packer.pack(&body);
            assert!(packed.len() * 3 < body.len() * 2, "{} of {}", packed.len(), body.len());
            assert_eq!(unpacker.unpack(&packed).unwrap(), body);
        }
        for body in [&b""[..], &b"short"[..], &[7; 100_000][..]] {
            let packed = packer.pack(body);
            assert_eq!(unpacker.unpack(&packed).unwrap(), body);
        }
        assert!(unpacker.unpack(&[]).is_err() && unpacker.unpack(&[id, 1, 2, 3]).is_err());
    }
}
