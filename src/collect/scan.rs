//! Finds where one CSV record ends, without copying anything.
//!
//! RFC 4180 with the liberties that exports take: any one-byte delimiter, lines that end in LF, CRLF
//! or CR, quotes within unquoted fields. A quote that opens a field and is never closed would eat the
//! rest of the file, so it costs only the physical line that it stands in.

use memchr::{memchr, memchr2};

use super::feed::{LINE_BYTES_MAX, ROW_BYTES_MAX};
use super::reject::RejectReason;

/// How a file separates fields and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Between two fields.
    pub delimiter: u8,
    /// At a line's end: `\n` (a `\r` before it belongs to the end) or `\r`.
    pub line_end: u8,
}

/// What stands at the start of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// A record.
    Record {
        /// Its bytes, without the line's end.
        bytes: usize,
        /// Its bytes, with the line's end.
        next: usize,
        /// Whether one of its fields is quoted.
        quoted: bool,
    },
    /// A fault of the quoting; `opened` is where the quote stands that can't be made sense of.
    Fault {
        /// Offset of the opening quote.
        opened: usize,
        /// What is wrong with it.
        reason: RejectReason,
    },
    /// A record that is longer than a record may be; the offset is on its last physical line.
    TooLong(usize),
    /// The window ends before the record does.
    More,
}

/// Looks for the end of the record at the start of `window`; `last` when the file ends with it.
#[inline]
pub(super) fn scan(window: &[u8], last: bool, shape: Shape) -> Scan {
    match memchr2(shape.line_end, b'"', window) {
        Some(at) if at > LINE_BYTES_MAX => Scan::TooLong(0),
        Some(at) if window[at] == shape.line_end => record(window, at, at + 1, shape, false),
        Some(_) => scan_quoted(window, last, shape),
        None if window.len() > LINE_BYTES_MAX => Scan::TooLong(0),
        None if last => record(window, window.len(), window.len(), shape, false),
        None => Scan::More,
    }
}

fn record(window: &[u8], end: usize, next: usize, shape: Shape, quoted: bool) -> Scan {
    let carriage = shape.line_end == b'\n' && end > 0 && window[end - 1] == b'\r';
    let most = if quoted { ROW_BYTES_MAX } else { LINE_BYTES_MAX };
    if end > most {
        return Scan::TooLong(end);
    }
    Scan::Record { bytes: end - usize::from(carriage), next, quoted }
}

fn scan_quoted(window: &[u8], last: bool, shape: Shape) -> Scan {
    let (mut at, mut quoted) = (0, false);
    while at <= ROW_BYTES_MAX {
        if window.get(at) == Some(&b'"') {
            quoted = true;
            let close = match closing_quote(window, at, last) {
                Ok(close) => close,
                Err(scan) => return scan,
            };
            let end = close + 1;
            match (window.get(end), window.get(end + 1)) {
                (None, _) if last => return record(window, end, end, shape, true),
                (Some(b'\r'), None) if last => return record(window, end, end + 1, shape, true),
                (None, _) => return Scan::More,
                (Some(&b), _) if b == shape.delimiter => at = end + 1,
                (Some(&b), _) if b == shape.line_end => {
                    return record(window, end, end + 1, shape, true);
                }
                (Some(b'\r'), None) => return Scan::More,
                (Some(b'\r'), Some(&b)) if b == shape.line_end => {
                    return record(window, end, end + 2, shape, true);
                }
                _ => return Scan::Fault { opened: at, reason: RejectReason::StrayQuote },
            }
        } else {
            match memchr2(shape.delimiter, shape.line_end, &window[at..]) {
                Some(found) if found > LINE_BYTES_MAX => return Scan::TooLong(at),
                Some(found) if window[at + found] == shape.delimiter => at += found + 1,
                Some(found) => return record(window, at + found, at + found + 1, shape, quoted),
                None if window.len() - at > LINE_BYTES_MAX => return Scan::TooLong(at),
                None if last => return record(window, window.len(), window.len(), shape, quoted),
                None => return Scan::More,
            }
        }
    }
    Scan::TooLong(at)
}

/// Where the quote at `opened` is closed.
fn closing_quote(window: &[u8], opened: usize, last: bool) -> Result<usize, Scan> {
    let mut from = opened + 1;
    loop {
        let found = memchr(b'"', &window[from..]).map(|found| from + found);
        if found.unwrap_or(window.len()) - opened > LINE_BYTES_MAX {
            return Err(Scan::Fault { opened, reason: RejectReason::UnclosedQuote });
        }
        match found {
            Some(at) if window.get(at + 1) == Some(&b'"') => from = at + 2,
            Some(at) if at + 1 == window.len() && !last => return Err(Scan::More),
            Some(at) => return Ok(at),
            None if last => {
                return Err(Scan::Fault { opened, reason: RejectReason::UnclosedQuote });
            }
            None => return Err(Scan::More),
        }
    }
}

/// The delimiter of a header line: of `,` `;` tab and `|` the one that stands most often outside
/// quotes; a comma when there is none.
pub(super) fn detect_delimiter(header: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut inside = false;
    for &byte in header {
        if byte == b'"' {
            inside = !inside;
        } else if !inside && let Some((_, count)) = counts.iter_mut().find(|(d, _)| *d == byte) {
            *count += 1;
        }
    }
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

/// The line end of a file, by the first one in `head`: `\r` only when no `\n` follows it.
pub(super) fn detect_line_end(head: &[u8]) -> u8 {
    match memchr2(b'\r', b'\n', head) {
        Some(at) if head[at] == b'\r' && head.get(at + 1) != Some(&b'\n') => b'\r',
        _ => b'\n',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Shape = Shape { delimiter: b',', line_end: b'\n' };

    #[test]
    fn records_end_at_lines_outside_quotes() {
        let found = |bytes, next, quoted| Scan::Record { bytes, next, quoted };
        assert_eq!(scan(b"a,b\nc", false, COMMA), found(3, 4, false));
        assert_eq!(scan(b"a,b\r\nc", false, COMMA), found(3, 5, false));
        assert_eq!(scan(b"a,\"b\nc\"\nd", false, COMMA), found(7, 8, true));
        assert_eq!(scan(b"\"a\"\"b\"\r\nd", false, COMMA), found(6, 8, true));
        assert_eq!(scan(b"a,5\" pipe\nd", false, COMMA), found(9, 10, false));
        assert_eq!(scan(b"a,\"b\"", true, COMMA), found(5, 5, true));
        for cut in [&b"a,b"[..], b"a,\"b", b"a,\"b\"", b"a,\"b\"\r"] {
            assert_eq!(scan(cut, false, COMMA), Scan::More);
        }
    }

    #[test]
    fn quotes_that_make_no_sense_are_faults() {
        let fault = |opened, reason| Scan::Fault { opened, reason };
        assert_eq!(scan(b"a,\"b\nc", true, COMMA), fault(2, RejectReason::UnclosedQuote));
        assert_eq!(scan(b"a,\"b\"c\nd", true, COMMA), fault(2, RejectReason::StrayQuote));
        let mut long = b"a,\"".to_vec();
        long.resize(LINE_BYTES_MAX + 10, b'\n');
        assert_eq!(scan(&long, false, COMMA), fault(2, RejectReason::UnclosedQuote));
        assert_eq!(scan(&vec![b'x'; LINE_BYTES_MAX + 1], false, COMMA), Scan::TooLong(0));
    }

    #[test]
    fn shapes_are_detected() {
        for (header, delimiter) in [
            (&b"a;b;c,d"[..], b';'),
            (b"a\tb", b'\t'),
            (b"a|b|c", b'|'),
            (b"\"a;b;c\",d", b','),
            (b"alone", b','),
        ] {
            assert_eq!(detect_delimiter(header), delimiter);
        }
        assert_eq!(detect_line_end(b"a\r\nb\rc"), b'\n');
        assert_eq!(detect_line_end(b"a\rb\r\n"), b'\r');
        assert_eq!(detect_line_end(b"a"), b'\n');
    }
}
