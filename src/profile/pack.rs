//! Packs event bodies: zstd with a dictionary made of the policy's own words.
//!
//! A dictionary trained on events would hold pieces of people's data for ever. This one is written
//! from the policy's field names alone, so it names nobody, and it still carries most of what events
//! share: their shape.

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

/// The dictionary of a policy: one example of each event, with empty values.
pub fn dictionary(policy: &Policy) -> Vec<u8> {
    let mut text = String::new();
    for source in policy.sources.values() {
        for event in &source.events {
            text.push_str(&example(event));
        }
    }
    // The most telling bytes stand last: zstd finds near matches cheapest.
    text.into_bytes()
}

fn example(event: &EventMap) -> String {
    let mut properties: BTreeMap<&str, String> = BTreeMap::new();
    for (name, take) in &event.properties {
        let value = if let Take::Fixed(text) = take { text.as_str() } else { "" };
        properties.insert(name, serde_json::Value::String(value.to_owned()).to_string());
    }
    if !event.lines.is_empty() {
        let line: Vec<String> = event.lines.keys().map(|key| format!("\"{key}\":\"\"")).collect();
        let line = format!("{{{}}}", line.join(","));
        properties.insert("lines", format!("[{line},{line}]"));
    }
    let properties: Vec<String> =
        properties.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    let amount = if event.amount.is_some() { "\"amount\":100," } else { "" };
    format!(
        "{{{amount}\"at\":1700000000000,\"for\":1,\"id\":\"\",\"name\":\"{}\",\"properties\":{{{}}}}}",
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
            && packed.len() < body.len()
        {
            let mut bytes = Vec::with_capacity(packed.len() + 1);
            bytes.push(self.id);
            bytes.extend_from_slice(&packed);
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
        let size = Decompressor::upper_bound(body).unwrap_or(BODY_BYTES_MAX).min(BODY_BYTES_MAX);
        decompressor.decompress(body, size).map_err(|_| unreadable("event"))
    }
}
