//! Asks the gate for each value of a row, counts the answers, and says the "no" in words.

use crate::base::clock::Moment;
use crate::consent::fold::Standing;
use crate::consent::gate::{Direction, Question, Reason, decide};
use crate::policy::rulebook::{PurposeMask, Rulebook, codes};

use super::summary::{Summary, count};

/// Something that was kept out, for `--explain`.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The line of the row.
    pub line: u64,
    /// The field, event or consent that was kept out.
    pub what: String,
    /// The purpose that was asked, or empty.
    pub purpose: String,
    /// The code of the reason.
    pub reason: &'static str,
    /// The reason in words.
    pub words: String,
}

impl Explanation {
    /// Something that the gate kept out.
    pub fn by_gate(line: u64, what: &str, purpose: &str, reason: Reason) -> Explanation {
        Explanation {
            line,
            what: what.to_owned(),
            purpose: purpose.to_owned(),
            reason: reason.code(),
            words: format!("{} ({})", reason.words(), reason.law()),
        }
    }
}

/// The gate, with a person in front of it.
pub(super) struct Gate<'a> {
    pub(super) rules: &'a Rulebook,
    pub(super) standing: &'a Standing,
    pub(super) open: PurposeMask,
    pub(super) at: Moment,
}

/// A value or event that asks to be let in.
pub(super) struct Asked<'a> {
    pub(super) line: u64,
    pub(super) what: &'a str,
    pub(super) category: &'a str,
    pub(super) candidates: PurposeMask,
    pub(super) closed: Option<Reason>,
}

impl Gate<'_> {
    /// The purposes that admit a value, or the reason why none does. A category that no purpose of
    /// the source can ever serve is closed beforehand.
    pub(super) fn ask(
        &self,
        asked: &Asked<'_>,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<PurposeMask, Reason> {
        let explanation =
            |purpose: &str, reason| Explanation::by_gate(asked.line, asked.what, purpose, reason);
        if let Some(reason) = asked.closed {
            explain(explanation("", reason));
            return Err(reason);
        }
        let admitted = asked.candidates & self.open;
        let mut last = Reason::ConsentUnknown;
        for code in codes(asked.candidates & !admitted) {
            let Some(rule) = self.rules.rule(code) else { continue };
            let question = Question {
                direction: Direction::In,
                channel: None,
                category: Some(asked.category),
                at: self.at,
            };
            if let Err(reason) = decide(self.rules, rule, question, self.standing) {
                last = reason;
                count(&mut summary.purpose(&rule.name).withheld, reason.code());
                if admitted == 0 {
                    explain(explanation(&rule.name, reason));
                }
            }
        }
        if admitted == 0 { Err(last) } else { Ok(admitted) }
    }
}
