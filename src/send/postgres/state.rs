//! What a database says when it doesn't do what it is asked: a code of five characters, and nothing else.
//!
//! What it says beside that is never looked at: it quotes the row.

/// A SQLSTATE (SQL standard; PostgreSQL's appendix A lists them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlState([u8; 5]);

/// The digits of a code, and how many codes there can be.
const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE: i64 = 36;

impl SqlState {
    /// Reads a code; `None` where it is none.
    pub fn read(text: &[u8]) -> Option<SqlState> {
        let code: [u8; 5] = text.try_into().ok()?;
        code.iter().all(|byte| DIGITS.contains(byte)).then_some(SqlState(code))
    }

    /// The code as a number.
    pub fn number(self) -> i64 {
        let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte).unwrap_or(0);
        let digits = self.0.iter().map(digit);
        digits.fold(0, |number, digit| BASE * number + i64::try_from(digit).unwrap_or(0))
    }

    /// The code of a number.
    pub fn of(mut number: i64) -> SqlState {
        let mut code = [b'0'; 5];
        for place in code.iter_mut().rev() {
            *place = usize::try_from(number % BASE).ok().map_or(b'0', |digit| DIGITS[digit]);
            number /= BASE;
        }
        SqlState(code)
    }

    /// Whether it is against this one row (its values, a rule of the table, a trigger of the recipient's),
    /// which no other try changes; else it is trouble with the server or the table, which has nothing to do
    /// with whom the row is about.
    pub fn is_about_the_row(self) -> bool {
        matches!(&self.0[..2], b"21" | b"22" | b"23" | b"44" | b"54" | b"P0")
    }

    /// The code in words.
    pub fn words(self) -> String {
        let code = String::from_utf8_lossy(&self.0);
        let what = match &self.0 {
            b"28P01" | b"28000" => {
                "it doesn't let this user in: is the secret the user's password?"
            }
            b"3D000" => "it has no such database",
            b"42P01" => "the table isn't there: `candor policy table NAME` prints what makes it",
            b"3F000" => "the table's schema isn't there",
            b"42703" => "a column isn't there: `candor policy table NAME` prints them all",
            b"42P10" => "the first column isn't unique: `candor policy table NAME` prints the key",
            b"42501" => "the user may not do that: `candor policy table NAME` prints the grants",
            b"25006" => "it takes no changes, as a copy of another does",
            b"53300" => "it has too many connections",
            b"57P03" => "it is starting up",
            [b'2', b'2', ..] => "a value isn't one of its column's type",
            [b'2', b'3', ..] => "a value is against a rule of the table",
            [b'5', b'4', ..] => "a value is longer than the table takes",
            [b'P', b'0', ..] => "a trigger of the table refuses the row",
            _ => return format!("the database answered {code}"),
        };
        format!("the database answered {code}: {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_number_and_back() {
        for code in [b"00000", b"22P02", b"42P01", b"XX000", b"ZZZZZ"] {
            let state = SqlState::read(code).unwrap();
            assert_eq!(SqlState::of(state.number()), state);
        }
        for none in [&b"2200"[..], b"220000", b"22p02", b"22 02", b"ann@x"] {
            assert_eq!(SqlState::read(none), None);
        }
    }

    #[test]
    fn what_is_against_a_row_is_no_trouble_with_the_server() {
        for (code, is_about_the_row) in [
            (b"22P02", true),
            (b"23505", true),
            (b"54000", true),
            (b"P0001", true),
            (b"28P01", false),
            (b"42P01", false),
            (b"57P01", false),
            (b"53300", false),
            (b"40001", false),
            (b"XX000", false),
        ] {
            assert_eq!(SqlState::read(code).unwrap().is_about_the_row(), is_about_the_row);
        }
    }
}
