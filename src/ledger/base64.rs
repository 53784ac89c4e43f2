//! Base64 (RFC 4648) of which every value has exactly one spelling.
//!
//! Most decoders let the unused bits of the last character differ: "fQ==" and "fS==" are both "}".
//! In a signed note or a leaf such slack is a bit that can be flipped unseen. So each text is taken
//! only if encoding its value gives the very same text.

use base64ct::{Base64, Encoding};

/// The length of 32 bytes in unpadded base64url.
pub const URL_LENGTH: usize = 43;

const URL_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The value of each base64url character; the top bit marks the bytes that are none.
const URL_VALUES: [u8; 256] = {
    let mut values = [0x80; 256];
    let mut i = 0;
    while i < 64 {
        values[URL_ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
};

/// Encodes in the standard alphabet with padding (RFC 4648 section 4), as C2SP's notes do.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = vec![0; Base64::encoded_len(bytes)];
    Base64::encode(bytes, &mut text).expect("the buffer was made to fit").to_owned()
}

/// Decodes the standard alphabet with padding; `None` unless the text is the canonical spelling.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 4 * 3 + 3];
    let length = Base64::decode(text, &mut bytes).ok()?.len();
    bytes.truncate(length);
    (encode(&bytes) == text).then_some(bytes)
}

/// Encodes 32 bytes in the URL alphabet without padding (RFC 4648 section 5), as leaves do.
pub fn encode_url(bytes: &[u8; 32]) -> [u8; URL_LENGTH] {
    let mut text = [0; URL_LENGTH];
    let character = |value: u32, shift: u32| URL_ALPHABET[(value >> shift & 63) as usize];
    for (four, three) in text.chunks_exact_mut(4).zip(bytes.chunks_exact(3)) {
        let value = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for (i, slot) in four.iter_mut().enumerate() {
            *slot = character(value, 18 - 6 * i as u32);
        }
    }
    let value = u32::from_be_bytes([0, bytes[30], bytes[31], 0]);
    for (i, slot) in text[40..].iter_mut().enumerate() {
        *slot = character(value, 18 - 6 * i as u32);
    }
    text
}

/// Whether the text is the canonical spelling of some 32 bytes.
pub fn is_url(text: &[u8; URL_LENGTH]) -> bool {
    // Comparisons without branches, which the compiler makes for 16 characters at a time; the second
    // half begins early so that both are whole.
    let plain = |part: &[u8]| {
        part.iter().fold(true, |plain, c| {
            let letter = (c | 0x20).wrapping_sub(b'a') < 26;
            let digit = c.wrapping_sub(b'0') < 10;
            plain & (letter | digit | (*c == b'-') | (*c == b'_'))
        })
    };
    plain(&text[..32])
        & plain(&text[URL_LENGTH - 16..])
        & (URL_VALUES[text[URL_LENGTH - 1] as usize] & 3 == 0)
}

/// Decodes what `encode_url` wrote; `None` unless the text is the canonical spelling.
pub fn decode_url(text: &[u8; URL_LENGTH]) -> Option<[u8; 32]> {
    if !is_url(text) {
        return None;
    }
    let mut bytes = [0; 32];
    let value = |part: &[u8]| {
        part.iter().fold(0_u32, |value, c| value << 6 | u32::from(URL_VALUES[*c as usize]))
    };
    for (three, four) in bytes.chunks_exact_mut(3).zip(text.chunks_exact(4)) {
        three.copy_from_slice(&value(four).to_be_bytes()[1..]);
    }
    bytes[30..].copy_from_slice(&((value(&text[40..]) >> 2) as u16).to_be_bytes());
    Some(bytes)
}
