//! Canonical JSON of event properties: RFC 8785 with strings and whole numbers only.
//!
//! The bytes are hashed and stored as they are, so the same event must always give the same bytes.

use super::row::Kind;

/// Whole numbers beyond this stay text, because RFC 8785 numbers are IEEE doubles.
const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Appends a value: a whole number in its one canonical spelling, unless the format says that it is
/// a text; else a string.
#[inline]
pub(super) fn write_value(text: &str, kind: Kind, out: &mut Vec<u8>) {
    if kind == Kind::Bare && is_integer(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_string(text, out);
    }
}

/// Appends a string with its quotes; escapes only what RFC 8785 (3.2.2.2) escapes.
#[inline]
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[byte as usize >> 4], HEX[byte as usize & 15]]);
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

#[inline]
fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] if rest.len() < 16 && rest.iter().all(u8::is_ascii_digit) => {
            rest.len() < 15
                || digits.iter().fold(0, |sum, b| sum * 10 + i64::from(b - b'0')) <= INTEGER_MAX
        }
        _ => false,
    }
}

/// Sorts names as RFC 8785 (3.2.3) does: by UTF-16 code units.
pub(crate) fn order(one: &str, other: &str) -> std::cmp::Ordering {
    one.encode_utf16().cmp(other.encode_utf16())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str, kind: Kind) -> String {
        let mut out = Vec::new();
        write_value(text, kind, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_one_spelling_is_a_number() {
        for text in ["0", "7", "-7", "839849", "9007199254740991", "-9007199254740991"] {
            assert_eq!(value(text, Kind::Bare), text);
            assert_eq!(value(text, Kind::Text), format!("\"{text}\""));
        }
        for text in
            ["", "-", "-0", "00", "07", "+7", "1.0", "1e3", "9007199254740992", "99999999999999999"]
        {
            assert_eq!(value(text, Kind::Bare), format!("\"{text}\""));
        }
    }

    #[test]
    fn names_sort_by_code_units() {
        // RFC 8785, 3.2.3: the expected order of its example.
        let sorted = ["\r", "1", "\u{80}", "ö", "€", "😀", "\u{fb33}"];
        let mut names = sorted;
        names.reverse();
        names.sort_by(|a, b| order(a, b));
        assert_eq!(names, sorted);
    }

    proptest! {
        #[test]
        fn serde_json_reads_and_writes_the_same(text in any::<String>()) {
            let written = value(&text, Kind::Text);
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text.clone());
            // serde_json's compact writer escapes exactly what RFC 8785 does.
            prop_assert_eq!(serde_json::to_string(&text).unwrap(), written);
        }
    }
}
