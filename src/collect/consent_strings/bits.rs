//! Bits in text: six in each character of the base64 alphabet for addresses (RFC 4648, section 5), without
//! padding.

use super::STRING_BYTES_MAX;

/// Bits that are still to be read. Past their end there is nothing.
pub struct Bits<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// The bits of a text; none where it isn't of that alphabet, or too long.
    pub fn of(text: &'a str) -> Option<Bits<'a>> {
        let text = text.as_bytes();
        let is_fit = text.len() <= STRING_BYTES_MAX && text.iter().all(|c| digit(*c).is_some());
        is_fit.then_some(Bits { text, at: 0 })
    }

    /// The next bit.
    pub fn flag(&mut self) -> Option<bool> {
        let digit = digit(*self.text.get(self.at / 6)?)?;
        let bit = digit >> (5 - self.at % 6) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// The next bits as a number, the highest first; at most 63.
    pub fn number(&mut self, width: u32) -> Option<u64> {
        (0..width).try_fold(0, |number, _| Some(number << 1 | u64::from(self.flag()?)))
    }

    /// The next number in Fibonacci's code, which two ones end.
    pub fn fibonacci(&mut self) -> Option<u64> {
        let (mut number, mut before) = (0, false);
        let (mut worth, mut next) = (1_u64, 2_u64);
        loop {
            let bit = self.flag()?;
            if bit && before {
                return Some(number);
            }
            if bit {
                number += worth;
            }
            before = bit;
            // Far beyond every number that a section can have.
            if worth > u64::from(u32::MAX) {
                return None;
            }
            (worth, next) = (next, worth + next);
        }
    }
}

fn digit(character: u8) -> Option<u8> {
    Some(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_from_the_highest() {
        let mut bits = Bits::of("DB_-").unwrap();
        assert_eq!((bits.number(6), bits.number(6)), (Some(3), Some(1)));
        assert_eq!((bits.flag(), bits.number(11)), (Some(true), Some(0b111_1111_1110)));
        assert_eq!((bits.flag(), bits.number(1)), (None, None));
        for text in ["DB=", "D B", "D+B", "D/B", "é", &"A".repeat(STRING_BYTES_MAX + 1)] {
            assert!(Bits::of(text).is_none(), "{text}");
        }
    }

    #[test]
    fn numbers_in_fibonaccis_code() {
        // 11 is 1, 011 is 2, 0011 is 3, 1011 is 4.
        let mut bits = Bits::of("2dg").unwrap();
        let read: Vec<_> = std::iter::from_fn(|| bits.fibonacci()).take(4).collect();
        assert_eq!(read, [1, 2, 3, 4]);
        // Without an end there is no number.
        assert_eq!(Bits::of(&"A".repeat(100)).unwrap().fibonacci(), None);
        assert_eq!(Bits::of("").unwrap().fibonacci(), None);
    }
}
