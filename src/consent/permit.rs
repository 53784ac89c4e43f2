//! A permit: the only way to hand anything to a destination.
//!
//! A `Permit` can be made by the gate alone. What has not passed it can't be sent because it doesn't
//! compile:
//!
//! ```compile_fail
//! use candor::consent::permit::Permit;
//! let forged = Permit { item: "ann@example.com" }; // private fields
//! ```
//!
//! ```compile_fail
//! let row: candor::send::Outbound = todo!();
//! candor::send::table_of(&["email".to_owned()], &[row]); // wants permits, not rows
//! ```

use crate::base::clock::Moment;
use crate::policy::rulebook::{PurposeRule, Rulebook};

use super::fold::Standing;
use super::gate::{Direction, Grounds, Question, Reason, decide};

/// Something that the gate let out, with what it stood on.
#[derive(Clone, Debug)]
pub struct Permit<T> {
    item: T,
    grounds: Grounds,
    at: Moment,
}

impl<T> Permit<T> {
    /// What may go out.
    pub fn item(&self) -> &T {
        &self.item
    }

    /// The basis, and the consent where it is one.
    pub fn grounds(&self) -> Grounds {
        self.grounds
    }

    /// When the gate was asked: at the moment of sending.
    pub fn at(&self) -> Moment {
        self.at
    }
}

/// Asks the gate to let something out for a purpose, at the moment of the question; whichever way
/// the question says, it is asked as one about going out.
pub fn permit<T>(
    rules: &Rulebook,
    rule: &PurposeRule,
    question: Question<'_>,
    standing: &Standing,
    item: T,
) -> Result<Permit<T>, Reason> {
    let question = Question { direction: Direction::Out, ..question };
    let grounds = decide(rules, rule, question, standing)?;
    Ok(Permit { item, grounds, at: question.at })
}
