//! The messages of PostgreSQL's protocol, version 3.0: those that writing a row takes.
//!
//! Whoever answers may be anybody, so each answer is read within limits: a message of so many bytes, so many
//! bytes between two questions, and the time of the line.

use std::io::{Error, ErrorKind, Read, Result};

use super::state::SqlState;

/// The longest message that is read (bytes).
const MESSAGE_MAX: usize = 64 * 1024;

/// How much is read until what was asked is answered (bytes).
pub const ANSWER_MAX: usize = 256 * 1024;

/// The version of the protocol, 3.0.
const VERSION: i32 = 3 << 16;

/// What asks whether the server can encrypt.
pub const ASK_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What is to be sent.
#[derive(Default)]
pub struct Asked(Vec<u8>);

impl Asked {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Who signs in, and where.
    pub fn startup(mut self, parameters: &[(&str, &str)]) -> Result<Asked> {
        self.framed(|body| {
            body.extend(VERSION.to_be_bytes());
            for (name, value) in parameters {
                text(body, name)?;
                text(body, value)?;
            }
            body.push(0);
            Ok(())
        })?;
        Ok(self)
    }

    /// What begins signing in by a way of SASL.
    pub fn sasl_begin(self, mechanism: &str, first: &[u8]) -> Result<Asked> {
        self.message(b'p', |body| {
            text(body, mechanism)?;
            body.extend(length(first.len())?);
            body.extend(first);
            Ok(())
        })
    }

    /// What goes on with it.
    pub fn sasl(self, bytes: &[u8]) -> Result<Asked> {
        self.message(b'p', |body| {
            body.extend(bytes);
            Ok(())
        })
    }

    /// A statement with its parameters, as texts.
    pub fn statement<'v>(
        self,
        statement: &str,
        values: impl ExactSizeIterator<Item = Option<&'v str>>,
    ) -> Result<Asked> {
        let asked = self.message(b'P', |body| {
            text(body, "")?;
            text(body, statement)?;
            body.extend(0_i16.to_be_bytes());
            Ok(())
        })?;
        let asked = asked.message(b'B', |body| {
            text(body, "")?;
            text(body, "")?;
            body.extend(0_i16.to_be_bytes());
            let count = i16::try_from(values.len()).map_err(|_| ErrorKind::InvalidInput)?;
            body.extend(count.to_be_bytes());
            for value in values {
                match value {
                    None => body.extend((-1_i32).to_be_bytes()),
                    Some(value) => {
                        body.extend(length(value.len())?);
                        body.extend(value.as_bytes());
                    }
                }
            }
            body.extend(0_i16.to_be_bytes());
            Ok(())
        })?;
        asked.message(b'E', |body| {
            text(body, "")?;
            body.extend(0_i32.to_be_bytes());
            Ok(())
        })
    }

    /// That all was said.
    pub fn end(self) -> Result<Asked> {
        self.message(b'S', |_| Ok(()))
    }

    /// That the connection ends.
    pub fn farewell(self) -> Result<Asked> {
        self.message(b'X', |_| Ok(()))
    }

    fn message(mut self, tag: u8, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Asked> {
        self.0.push(tag);
        self.framed(write)?;
        Ok(self)
    }

    /// A length, which counts itself, and what has it.
    fn framed(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let at = self.0.len();
        self.0.extend([0; 4]);
        write(&mut self.0)?;
        let whole = length(self.0.len() - at)?;
        self.0[at..at + 4].copy_from_slice(&whole);
        Ok(())
    }
}

fn length(bytes: usize) -> Result<[u8; 4]> {
    let length = i32::try_from(bytes).map_err(|_| ErrorKind::InvalidInput)?;
    Ok(length.to_be_bytes())
}

/// A text that ends with a NUL, and has none before.
fn text(body: &mut Vec<u8>, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(ErrorKind::InvalidInput.into());
    }
    body.extend(text.as_bytes());
    body.push(0);
    Ok(())
}

/// A message of the server.
#[derive(Debug)]
pub struct Answer {
    /// Its kind.
    pub tag: u8,
    body: Vec<u8>,
}

/// Reads the next message, of so many bytes that are left.
pub fn read(line: &mut impl Read, left: &mut usize) -> Result<Answer> {
    let mut head = [0; 5];
    line.read_exact(&mut head)?;
    let [tag, length @ ..] = head;
    let whole = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    let length = whole.checked_sub(4).filter(|length| *length <= MESSAGE_MAX);
    let length = length.ok_or(ErrorKind::InvalidData)?;
    *left = left.checked_sub(5 + length).ok_or(ErrorKind::InvalidData)?;
    let mut body = vec![0; length];
    line.read_exact(&mut body)?;
    Ok(Answer { tag, body })
}

impl Answer {
    /// The code of a message that says what went wrong; what else it says is not looked at.
    pub fn state(&self) -> Option<SqlState> {
        let mut fields = self.body.split(|byte| *byte == 0);
        SqlState::read(fields.find_map(|field| field.strip_prefix(b"C"))?)
    }

    /// The number of a message about signing in, and what follows it.
    pub fn signing_in(&self) -> Result<(i32, &[u8])> {
        let (number, rest) = self.body.split_first_chunk().ok_or(ErrorKind::InvalidData)?;
        Ok((i32::from_be_bytes(*number), rest))
    }

    /// The first value of a row, as text.
    pub fn value(&self) -> Result<&str> {
        let rest = self.body.get(2..).and_then(|rest| rest.split_first_chunk::<4>());
        let (length, rest) = rest.ok_or(ErrorKind::InvalidData)?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let value = length.and_then(|length| rest.get(..length)).ok_or(ErrorKind::InvalidData)?;
        std::str::from_utf8(value).map_err(|_| Error::from(ErrorKind::InvalidData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_three_messages() {
        let asked = Asked::default().statement("SELECT", [Some("é"), None].into_iter()).unwrap();
        let expected: &[u8] = b"P\0\0\0\x0e\0SELECT\0\0\0\
            B\0\0\0\x16\0\0\0\0\0\x02\0\0\0\x02\xc3\xa9\xff\xff\xff\xff\0\0\
            E\0\0\0\x09\0\0\0\0\0";
        assert_eq!(asked.bytes(), expected);
        assert!(Asked::default().startup(&[("user", "a\0database\0b")]).is_err());
    }

    #[test]
    fn answers_are_read_within_limits() {
        let one = |mut bytes: &[u8]| read(&mut bytes, &mut ANSWER_MAX.clone());
        let failed = |bytes: &[u8]| one(bytes).unwrap_err().kind();
        let answer = one(b"D\0\0\0\x0d\0\x01\0\0\0\x03abc").unwrap();
        assert_eq!((answer.tag, answer.value().unwrap()), (b'D', "abc"));
        for (bytes, kind) in [
            (&b"Z\0\0\0"[..], ErrorKind::UnexpectedEof),
            (b"Z\0\0\0\x05", ErrorKind::UnexpectedEof),
            (b"Z\0\0\0\x03I", ErrorKind::InvalidData),
            (b"Z\xff\xff\xff\xffI", ErrorKind::InvalidData),
            (b"Z\x00\x02\x00\x00I", ErrorKind::InvalidData),
        ] {
            assert_eq!(failed(bytes), kind, "{bytes:?}");
        }
        let notice: Vec<u8> = [b"N\0\0\x40\0".to_vec(), vec![b' '; 0x4000 - 4]].concat();
        let notices = notice.repeat(1_000);
        let (mut line, mut left) = (&notices[..], ANSWER_MAX);
        let count = std::iter::from_fn(|| read(&mut line, &mut left).ok()).count();
        assert!((10..20).contains(&count), "{count}");
        for short in [
            &b"D\0\0\0\x05\0"[..],
            b"D\0\0\0\x0a\0\x01\0\0\0\x03",
            b"D\0\0\0\x0a\0\x01\xff\xff\xff\xff",
        ] {
            assert!(one(short).unwrap().value().is_err(), "{short:?}");
        }
    }

    #[test]
    fn of_what_went_wrong_the_code_alone_is_taken() {
        let body = b"SERROR\0VERROR\0C22P02\0Minvalid input: \"ann@x.example\"\0DCannot: ann\0\0";
        let answer = Answer { tag: b'E', body: body.to_vec() };
        assert_eq!(answer.state(), SqlState::read(b"22P02"));
        for none in [&b"SERROR\0\0"[..], b"", b"C\0", b"Cann@x.example\0"] {
            assert_eq!(Answer { tag: b'E', body: none.to_vec() }.state(), None);
        }
    }
}
