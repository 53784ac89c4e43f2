//! US Privacy strings, version 1: four characters such as `1YNN`.
//!
//! Source: IAB Tech Lab, "US Privacy String". The third says whether the person opted out of sale.

use super::tcf::truth;
use crate::collect::object::Writing;

/// What a US Privacy string says.
#[derive(Clone, Debug, PartialEq)]
pub struct Usp {
    string: String,
    /// Whether the person opted out of sale, where the law applies to them.
    pub sale_opt_out: Option<bool>,
}

impl Usp {
    /// Reads a string; nothing where it isn't one of version 1.
    pub fn read(string: &str) -> Option<Usp> {
        let [b'1', rest @ ..] = string.as_bytes() else { return None };
        let [_, sale, _] = rest else { return None };
        if !rest.iter().all(|character| b"YyNn-".contains(character)) {
            return None;
        }
        let sale_opt_out = match sale.to_ascii_uppercase() {
            b'Y' => Some(true),
            b'N' => Some(false),
            _ => None,
        };
        Some(Usp { string: string.to_owned(), sale_opt_out })
    }

    /// Of two, the one that opts out.
    pub fn either(self, other: Usp) -> Usp {
        if other.sale_opt_out == Some(true) { other } else { self }
    }

    /// The fields that a policy can map.
    pub fn write(&self) -> String {
        let mut out = Writing::new();
        out.text("string", &self.string);
        if let Some(is_out) = self.sale_opt_out {
            out.raw("saleOptOut", truth(is_out));
        }
        out.end()
    }
}
