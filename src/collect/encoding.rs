//! Character sets: which one a file is in, and the text of one row's bytes.
//!
//! A file whose character set isn't declared is looked through once; only when all of it is valid
//! UTF-8 is it taken for that, else for Windows-1252, which gives every byte a character. A byte
//! order mark says more than a declaration and wins.

use encoding_rs::WINDOWS_1252;

use super::feed::Feed;
use super::reject::RejectReason;
use crate::base::error::{Error, Result};
use crate::policy::types::Encoding;

/// The character set that a file is read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// Windows-1252, which holds Latin-1's letters.
    Windows1252,
}

const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Decides the character set and leaves the feed behind the byte order mark, if there is one.
///
/// UTF-16, with its mark or known by its NUL bytes, is an error that says how to convert it.
pub fn settle(feed: &mut Feed, declared: Encoding) -> Result<Charset> {
    while feed.window().len() < 4 && !feed.is_last() {
        feed.more()?;
    }
    let head = feed.window();
    let wide = head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF");
    let nuls =
        head.len() >= 4 && ((head[0] == 0) != (head[1] == 0)) && (head[0] == 0) == (head[2] == 0);
    if wide || nuls {
        let name = feed.place().display();
        return Err(Error::damaged("file-utf16", "the file is in UTF-16")
            .at(name)
            .next("convert it first: iconv -f UTF-16 -t UTF-8 FILE > NEW-FILE"));
    }
    if head.starts_with(UTF8_MARK) {
        feed.consume(UTF8_MARK.len());
        return Ok(Charset::Utf8);
    }
    match declared {
        Encoding::Utf8 => Ok(Charset::Utf8),
        Encoding::Windows1252 => Ok(Charset::Windows1252),
        Encoding::Detect => {
            let charset = if is_utf8(feed)? { Charset::Utf8 } else { Charset::Windows1252 };
            feed.rewind(0)?;
            Ok(charset)
        }
    }
}

/// Whether everything up to the file's end is valid UTF-8.
fn is_utf8(feed: &mut Feed) -> Result<bool> {
    loop {
        let window = feed.window();
        let valid = match std::str::from_utf8(window) {
            Ok(_) => window.len(),
            Err(fault) if fault.error_len().is_some() => return Ok(false),
            Err(fault) => fault.valid_up_to(),
        };
        feed.consume(valid);
        if feed.is_last() {
            return Ok(feed.window().is_empty());
        }
        feed.more()?;
    }
}

/// Appends the text of one row's bytes.
#[inline]
pub fn decode(charset: Charset, raw: &[u8], text: &mut String) -> Result<(), RejectReason> {
    match (charset, std::str::from_utf8(raw)) {
        (Charset::Utf8, Ok(valid)) => text.push_str(valid),
        (Charset::Utf8, Err(_)) => return Err(RejectReason::Encoding),
        (Charset::Windows1252, Ok(valid)) if valid.is_ascii() => text.push_str(valid),
        (Charset::Windows1252, _) => {
            text.push_str(&WINDOWS_1252.decode_without_bom_handling(raw).0);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(bytes: &[u8], declared: Encoding) -> (Result<Charset>, u64) {
        let mut feed = Feed::of_bytes(bytes.to_vec(), "test");
        let charset = settle(&mut feed, declared);
        (charset, feed.passed())
    }

    #[test]
    fn detection_looks_at_the_whole_file() {
        let mut late = vec![b'a'; 600_000];
        assert_eq!(settled(&late, Encoding::Detect), (Ok(Charset::Utf8), 0));
        late.push(0xFC);
        late.push(b'b');
        assert_eq!(settled(&late, Encoding::Detect), (Ok(Charset::Windows1252), 0));
        let split = "ü".repeat(400_001);
        assert_eq!(settled(split.as_bytes(), Encoding::Detect).0, Ok(Charset::Utf8));
        let cut = &split.as_bytes()[..split.len() - 1];
        assert_eq!(settled(cut, Encoding::Detect).0, Ok(Charset::Windows1252));
        assert_eq!(settled(b"", Encoding::Detect), (Ok(Charset::Utf8), 0));
    }

    #[test]
    fn a_mark_wins_over_the_declaration() {
        let marked = b"\xEF\xBB\xBFa,b\n";
        for declared in [Encoding::Detect, Encoding::Utf8, Encoding::Windows1252] {
            assert_eq!(settled(marked, declared), (Ok(Charset::Utf8), 3));
        }
    }

    #[test]
    fn utf16_is_named() {
        for bytes in [&b"\xFF\xFEa\0"[..], b"\xFE\xFF\0a", b"a\0b\0", b"\0a\0b"] {
            let error = settled(bytes, Encoding::Detect).0.unwrap_err();
            assert_eq!(error.code, "file-utf16");
            assert!(error.next.contains("iconv"));
        }
    }

    #[test]
    fn windows_1252_has_a_character_for_every_byte() {
        let all: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        decode(Charset::Windows1252, &all, &mut text).unwrap();
        assert_eq!(text.chars().count(), 256);
        assert!(text.contains('€') && text.contains('ü') && text.contains('ÿ'));
        assert_eq!(decode(Charset::Utf8, &all, &mut text), Err(RejectReason::Encoding));
    }
}
