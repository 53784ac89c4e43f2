//! GPP strings of the Global Privacy Platform: a header that names sections, and the sections.
//!
//! Source: IAB Tech Lab, "Global Privacy Platform", the consent string's specification and the specifications of
//! its sections. Of the European section the TC string is read, of those of US states who opted out of what; a
//! section of another law is named and not read.

use super::bits::Bits;
use super::tcf::truth;
use super::{STRING_BYTES_MAX, Tcf, Usp};
use crate::collect::object::Writing;

/// Sections of one string; there are laws for fewer.
const SECTIONS_MAX: usize = 64;

const EUROPE: u64 = 2;
const US_PRIVACY: u64 = 6;

/// Sections of US laws: their number, their name, and at which bits their core says whether the person opted
/// out of sale, of sharing, and of targeted advertising.
const STATES: [(u64, &str, [Option<u32>; 3]); 21] = [
    (7, "usnat", [Some(18), Some(20), Some(22)]),
    (8, "usca", [Some(12), Some(14), None]),
    (9, "usva", [Some(12), None, Some(14)]),
    (10, "usco", [Some(12), None, Some(14)]),
    (11, "usut", [Some(14), None, Some(16)]),
    (12, "usct", [Some(12), None, Some(14)]),
    (13, "usfl", [Some(12), None, Some(14)]),
    (14, "usmt", [Some(12), None, Some(14)]),
    (15, "usor", [Some(12), None, Some(14)]),
    (16, "ustx", [Some(12), None, Some(14)]),
    (17, "usde", [Some(12), None, Some(14)]),
    (18, "usia", [Some(14), None, Some(16)]),
    (19, "usne", [Some(12), None, Some(14)]),
    (20, "usnh", [Some(12), None, Some(14)]),
    (21, "usnj", [Some(12), None, Some(14)]),
    (22, "ustn", [Some(12), None, Some(14)]),
    (23, "usmn", [Some(12), None, Some(14)]),
    (24, "usmd", [Some(16), None, Some(18)]),
    (25, "usin", [Some(16), None, Some(18)]),
    (26, "usky", [Some(16), None, Some(18)]),
    (27, "usri", [Some(16), None, Some(18)]),
];

/// The names of what a person may opt out of, in the order of the table.
const OPT_OUTS: [&str; 3] = ["saleOptOut", "sharingOptOut", "targetedAdvertisingOptOut"];

/// What a GPP string says.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpp {
    string: String,
    sections: Vec<u64>,
    states: Vec<State>,
    /// The European section.
    pub tcf: Option<Tcf>,
    /// The section of US Privacy.
    pub usp: Option<Usp>,
}

/// What a section of a US law says.
#[derive(Clone, Debug, PartialEq)]
struct State {
    name: &'static str,
    /// Whether the person opted out; `None` where the section doesn't ask, or it doesn't apply.
    opt_outs: [Option<bool>; 3],
    /// Whether the browser's signal was there when the person was asked.
    gpc: Option<bool>,
}

impl Gpp {
    /// Reads a string; nothing where its header or a section that is known can't be read.
    pub fn read(string: &str) -> Option<Gpp> {
        if string.len() > STRING_BYTES_MAX {
            return None;
        }
        let (header, rest) = string.split_once('~').unwrap_or((string, ""));
        let sections = header_sections(header)?;
        let texts: Vec<&str> = match rest {
            "" => Vec::new(),
            rest => rest.split('~').collect(),
        };
        if texts.len() != sections.len() {
            return None;
        }
        let mut read = Gpp {
            string: string.to_owned(),
            sections: sections.clone(),
            states: Vec::new(),
            tcf: None,
            usp: None,
        };
        for (id, text) in sections.into_iter().zip(texts) {
            match id {
                EUROPE => read.tcf = Some(Tcf::read(text)?),
                US_PRIVACY => read.usp = Some(Usp::read(text)?),
                id => {
                    let known = STATES.iter().find(|(known, ..)| *known == id);
                    if let Some((_, name, places)) = known {
                        read.states.push(State::read(name, *places, text)?);
                    }
                }
            }
        }
        Some(read)
    }

    /// The fields that a policy can map; the European section and US Privacy are told by themselves.
    pub fn write(&self) -> String {
        let mut out = Writing::new();
        out.text("string", &self.string);
        let ids: Vec<String> = self.sections.iter().map(u64::to_string).collect();
        out.text("sections", &ids.join(" "));
        for state in &self.states {
            out.raw(state.name, &state.write());
        }
        out.end()
    }
}

/// The numbers of the sections that a header names, in their order.
fn header_sections(header: &str) -> Option<Vec<u64>> {
    let mut bits = Bits::of(header)?;
    // Of type 3, in version 1.
    if (bits.number(6)?, bits.number(6)?) != (3, 1) {
        return None;
    }
    let (mut ids, mut last) = (Vec::new(), 0);
    for _ in 0..bits.number(12)? {
        let is_range = bits.flag()?;
        let first = last + bits.fibonacci()?;
        last = if is_range { first + bits.fibonacci()? } else { first };
        if last - first >= SECTIONS_MAX as u64 || ids.len() > SECTIONS_MAX {
            return None;
        }
        ids.extend(first..=last);
    }
    (ids.len() <= SECTIONS_MAX).then_some(ids)
}

impl State {
    fn read(name: &'static str, places: [Option<u32>; 3], text: &str) -> Option<State> {
        let mut segments = text.split('.');
        let core = segments.next()?;
        let mut opt_outs = [None; 3];
        for (place, said) in places.into_iter().zip(&mut opt_outs) {
            let Some(place) = place else { continue };
            let mut bits = Bits::of(core)?;
            bits.number(place)?;
            *said = match bits.number(2)? {
                0 => None,
                1 => Some(true),
                2 => Some(false),
                _ => return None,
            };
        }
        let mut gpc = None;
        for segment in segments {
            let mut bits = Bits::of(segment)?;
            if bits.number(2)? == 1 {
                gpc = Some(bits.flag()?);
            }
        }
        Some(State { name, opt_outs, gpc })
    }

    fn write(&self) -> String {
        let mut out = Writing::new();
        let said = OPT_OUTS.into_iter().zip(self.opt_outs).chain([("gpc", self.gpc)]);
        for (name, answer) in said {
            if let Some(is_so) = answer {
                out.raw(name, truth(is_so));
            }
        }
        out.end()
    }
}
