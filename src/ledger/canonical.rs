//! JSON of which every value has exactly one spelling: RFC 8785 (JCS) without its hard parts.
//!
//! Objects, arrays, strings, booleans and whole numbers below 2^53; no floats, whose spelling differs
//! between languages, and no nulls. Keys are plain ASCII in byte order, there is no space, and only
//! what JSON forces is escaped. Python's `json.dumps(value, sort_keys=True, separators=(",", ":"),
//! ensure_ascii=False)` writes the same bytes, so an outsider needs no library to check them.
//!
//! Writing goes from a value to bytes; `skip` goes over bytes without building a value. The two are
//! written apart and tested against each other.

use serde_json::Value;

use crate::base::error::{Error, Result};

/// Whole numbers are below this in magnitude, so that every JSON reader holds them exactly.
pub const INTEGER_LIMIT: u64 = 1 << 53;

/// Arrays and objects are nested no deeper than this.
pub const DEPTH_MAX: usize = 16;

/// Appends the one spelling of `value`; fails on what has none (floats, nulls, numbers of 2^53 or
/// more, keys that are not plain ASCII, deep nesting).
pub fn write(value: &Value, out: &mut Vec<u8>) -> Result<()> {
    write_nested(value, out, DEPTH_MAX)
}

fn write_nested(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    let refuse = |what| Err(Error::usage("not-canonical", what).next("run `candor audit verify`"));
    match value {
        Value::Null => return refuse("a null has no place in a ledger entry; leave the key out"),
        Value::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Number(number) => match number.as_i64() {
            Some(n) if n.unsigned_abs() < INTEGER_LIMIT => {
                out.extend_from_slice(n.to_string().as_bytes());
            }
            _ => return refuse("a number in a ledger entry is whole and below 2^53"),
        },
        Value::String(text) => write_string(text, out),
        Value::Array(_) | Value::Object(_) if depth == 0 => {
            return refuse("a ledger entry is nested too deep");
        }
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_nested(item, out, depth - 1)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| key.as_bytes());
            out.push(b'{');
            for (i, (key, item)) in sorted.into_iter().enumerate() {
                if !key.bytes().all(is_key_byte) {
                    return refuse("a key in a ledger entry is plain ASCII without quotes");
                }
                if i > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                write_nested(item, out, depth - 1)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// Appends a string in quotes, escaping only what RFC 8785 (section 3.2.2.2) says.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The length of the canonical value that `bytes` begin with; `None` when they begin with none.
pub fn skip(bytes: &[u8]) -> Option<usize> {
    skip_nested(bytes, 0, DEPTH_MAX)
}

/// Reads a canonical whole number of at least zero; gives it and its length.
pub fn read_natural(bytes: &[u8]) -> Option<(u64, usize)> {
    let (mut value, mut length) = (0_u64, 0);
    while let Some(digit @ b'0'..=b'9') = bytes.get(length) {
        value = value * 10 + u64::from(digit - b'0');
        length += 1;
        if value >= INTEGER_LIMIT {
            return None;
        }
    }
    let padded = length > 1 && bytes[0] == b'0';
    (length > 0 && !padded).then_some((value, length))
}

/// Where the value that begins at `at` ends.
fn skip_nested(bytes: &[u8], at: usize, depth: usize) -> Option<usize> {
    match bytes.get(at)? {
        b't' => bytes[at..].starts_with(b"true").then_some(at + 4),
        b'f' => bytes[at..].starts_with(b"false").then_some(at + 5),
        b'"' => skip_string(bytes, at),
        b'-' => match read_natural(&bytes[at + 1..])? {
            (0, _) => None,
            (_, length) => Some(at + 1 + length),
        },
        b'0'..=b'9' => Some(at + read_natural(&bytes[at..])?.1),
        b'[' if depth > 0 => {
            let mut at = at + 1;
            if bytes.get(at)? == &b']' {
                return Some(at + 1);
            }
            loop {
                at = skip_nested(bytes, at, depth - 1)?;
                match bytes.get(at)? {
                    b',' => at += 1,
                    b']' => return Some(at + 1),
                    _ => return None,
                }
            }
        }
        b'{' if depth > 0 => skip_object(bytes, at + 1, depth),
        _ => None,
    }
}

/// As `skip_nested`, behind the opening brace.
fn skip_object(bytes: &[u8], mut at: usize, depth: usize) -> Option<usize> {
    if bytes.get(at)? == &b'}' {
        return Some(at + 1);
    }
    let mut previous: Option<&[u8]> = None;
    loop {
        let end = skip_string(bytes, at)?;
        let key = &bytes[at + 1..end - 1];
        let in_order = previous.is_none_or(|previous| previous < key);
        if !in_order || !key.iter().copied().all(is_key_byte) || bytes.get(end)? != &b':' {
            return None;
        }
        previous = Some(key);
        at = skip_nested(bytes, end + 1, depth - 1)?;
        match bytes.get(at)? {
            b',' => at += 1,
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// As `skip_nested`, at what must be a quote.
fn skip_string(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at)? != &b'"' {
        return None;
    }
    let mut end = at + 1;
    loop {
        match bytes.get(end)? {
            b'"' => break,
            b'\\' => end += escape_length(&bytes[end + 1..])?,
            0x00..=0x1f => return None,
            _ => end += 1,
        }
    }
    std::str::from_utf8(&bytes[at + 1..end]).ok()?;
    Some(end + 1)
}

/// The length of a canonical escape, its backslash included, of which `rest` follows the backslash.
fn escape_length(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r', ..] => Some(2),
        [b'u', b'0', b'0', high @ (b'0' | b'1'), low, ..] => {
            let low_value = match low {
                b'0'..=b'9' => low - b'0',
                b'a'..=b'f' => low - b'a' + 10,
                _ => return None,
            };
            let has_short_form = *high == b'0' && matches!(low_value, 0x8..=0xa | 0xc | 0xd);
            (!has_short_form).then_some(6)
        }
        _ => None,
    }
}

fn is_key_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}
