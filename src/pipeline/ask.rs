//! Asks the gate for each value of a row, counts the answers, and says the "no" in words.

use crate::base::clock::Moment;
use crate::collect::RejectReason;
use crate::consent::answers::Answers;
use crate::consent::gate::Reason;
use crate::policy::rulebook::{PurposeMask, Rulebook, bit, codes};

use super::age::RowAge;
use super::plan::Asked;
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

    /// A row that the source doesn't take in.
    pub(super) fn of_row(line: u64, reason: RejectReason) -> Explanation {
        Explanation {
            line,
            what: "row".to_owned(),
            purpose: String::new(),
            reason: reason.code(),
            words: reason.to_string(),
        }
    }

    /// An event that is held already, and of which the file says something else.
    pub(super) fn of_known(line: u64, what: &str) -> Explanation {
        Explanation {
            line,
            what: what.to_owned(),
            purpose: String::new(),
            reason: "event_differs",
            words: "known already, and says something else: kept as first said".to_owned(),
        }
    }
}

/// The gate, with a person in front of it.
pub(super) struct Gate<'a> {
    pub(super) rules: &'a Rulebook,
    pub(super) answers: &'a Answers,
    pub(super) age: &'a RowAge,
    /// Purposes of which the row says something that can't be read.
    pub(super) doubted: PurposeMask,
}

impl Gate<'_> {
    /// The purposes that admit a value, or the reason why none does. A category that no purpose of
    /// the source can ever serve is closed beforehand.
    pub(super) fn ask(
        &self,
        line: u64,
        what: &str,
        asked: Asked,
        happened_at: Option<Moment>,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<PurposeMask, Reason> {
        if let Some(reason) = asked.closed {
            explain(Explanation::by_gate(line, what, "", reason));
            return Err(reason);
        }
        let open = self.answers.open & !self.doubted;
        let admitted = asked.candidates & open & !self.age.over(happened_at);
        let mut last = Reason::ConsentUnknown;
        for code in codes(asked.candidates & !admitted) {
            let Some(rule) = self.rules.rule(code) else { continue };
            let is_doubted = self.doubted & bit(code) != 0;
            let reason = match self.answers.open & bit(code) {
                0 => match self.answers.reason(code) {
                    // What the row says badly is what put the yes out of force.
                    Reason::ConsentInvalidated if is_doubted => Reason::ConsentUnreadable,
                    reason => reason,
                },
                _ if is_doubted => Reason::ConsentUnreadable,
                // The person's standing lets it in; its age doesn't.
                _ => Reason::RetentionOver,
            };
            last = reason;
            count(&mut summary.purpose(&rule.name).withheld, reason.code());
            if admitted == 0 {
                explain(Explanation::by_gate(line, what, &rule.name, reason));
            }
        }
        if admitted == 0 { Err(last) } else { Ok(admitted) }
    }
}
