//! Which right applies to data on which lawful basis, in words for the person who asks.
//!
//! The rights of GDPR Chapter III do not all hold for every purpose: what is kept because the law
//! demands it can't be erased, what rests on consent can't be objected to but is withdrawn. The table
//! is data, so that an answer, a refusal and a report say the same. It tells the general case of an
//! ordinary category; Art 9(2)(a) adds withdrawal and portability for special categories, and the
//! exceptions of Art 17(3)(a), (c), (d) and (e) must be weighed by a person.

use serde::Serialize;

use crate::policy::types::Basis;

/// A right of the person whose data it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Arts 13 and 14: to be told what is done with the data.
    Information,
    /// Art 15: to know what is held, and to have a copy.
    Access,
    /// Art 16: to have it corrected and completed.
    Rectification,
    /// Art 17: to have it erased.
    Erasure,
    /// Art 18: to have it kept but not used.
    Restriction,
    /// Art 19: that recipients are told of a correction, erasure or restriction.
    NotifyRecipients,
    /// Art 20: to have it in a machine-readable form, or sent on.
    Portability,
    /// Art 21(1): to object on grounds of one's own situation.
    Object,
    /// Art 21(2) and (3): to object to direct marketing.
    ObjectToMarketing,
    /// Art 7(3): to withdraw a consent.
    Withdraw,
    /// Art 22: not to be subject to a solely automated decision.
    AutomatedDecision,
    /// Art 77: to complain to a supervisory authority.
    Complain,
}

/// Whether a right applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "applies", content = "because")]
pub enum Applies {
    /// It applies.
    Yes,
    /// It applies when what the sentence says is so.
    Conditional(&'static str),
    /// It does not apply, for the reason that the sentence gives.
    No(&'static str),
}

impl Right {
    /// All rights, in the order of the table.
    pub const ALL: [Right; 12] = [
        Right::Information,
        Right::Access,
        Right::Rectification,
        Right::Erasure,
        Right::Restriction,
        Right::NotifyRecipients,
        Right::Portability,
        Right::Object,
        Right::ObjectToMarketing,
        Right::Withdraw,
        Right::AutomatedDecision,
        Right::Complain,
    ];

    /// In words, such as `to have it erased`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Right::Information => "to be told what is done with it",
            Right::Access => "to know it and have a copy",
            Right::Rectification => "to have it corrected",
            Right::Erasure => "to have it erased",
            Right::Restriction => "to have its use restricted",
            Right::NotifyRecipients => "to have recipients told of changes",
            Right::Portability => "to take it along",
            Right::Object => "to object",
            Right::ObjectToMarketing => "to object to marketing",
            Right::Withdraw => "to withdraw your consent",
            Right::AutomatedDecision => "not to be decided over by a machine alone",
            Right::Complain => "to complain to the authority",
        }
    }

    /// The article of the GDPR, such as `Art 17`.
    #[must_use]
    pub fn article(self) -> &'static str {
        match self {
            Right::Information => "Art 13, 14",
            Right::Access => "Art 15",
            Right::Rectification => "Art 16",
            Right::Erasure => "Art 17",
            Right::Restriction => "Art 18",
            Right::NotifyRecipients => "Art 19",
            Right::Portability => "Art 20",
            Right::Object => "Art 21(1)",
            Right::ObjectToMarketing => "Art 21(2), (3)",
            Right::Withdraw => "Art 7(3)",
            Right::AutomatedDecision => "Art 22",
            Right::Complain => "Art 77",
        }
    }
}

/// Whether `right` applies to data that is processed on `basis` (privacy law as of 2026).
///
/// Where the answer changes with time, it is the one for the moment of asking: data under a legal
/// duty can't be erased while the duty lasts, so that is `No`, and its sentence tells what follows.
#[must_use]
pub fn applies(right: Right, basis: Basis) -> Applies {
    use Applies::{Conditional, No, Yes};
    use Basis as B;
    use Right as R;
    match (right, basis) {
        (R::Information | R::Access | R::Rectification | R::NotifyRecipients | R::Complain, _) => {
            Yes
        }

        (R::Erasure, B::Consent) => Yes,
        (R::Erasure, B::Contract) => Conditional(
            "We erase it when it is no longer needed for the contract, or if it was used unlawfully.",
        ),
        (R::Erasure, B::LegalObligation) => No(
            "The law obliges us to keep it; we erase it when that duty ends, or if it was collected \
             unlawfully.",
        ),
        (R::Erasure, B::VitalInterests) => Conditional(
            "We erase it when it is no longer needed to protect a life, or if it was used unlawfully.",
        ),
        (R::Erasure, B::PublicTask) => No(
            "We need it for a task in the public interest; we erase it when an objection of yours is \
             upheld, when it is no longer needed, or if it was used unlawfully.",
        ),
        (R::Erasure, B::LegitimateInterests) => Conditional(
            "We erase it when you object and no compelling reason of ours outweighs yours, when it is \
             no longer needed, or if it was used unlawfully.",
        ),

        (R::Restriction, B::PublicTask | B::LegitimateInterests) => Conditional(
            "We keep it without using it while we check that it is correct or weigh your objection, \
             if it was used unlawfully, or if you need it for a legal claim.",
        ),
        (R::Restriction, _) => Conditional(
            "We keep it without using it while we check that it is correct, if it was used \
             unlawfully, or if you need it for a legal claim.",
        ),

        (R::Portability, B::Consent | B::Contract) => Yes,
        (R::Portability, B::LegalObligation) => No(
            "This right does not cover what the law obliges us to keep; you can have a copy of it.",
        ),
        (R::Portability, B::VitalInterests) => {
            No("This right does not cover what protects a life; you can have a copy of it.")
        }
        (R::Portability, B::PublicTask) => No(
            "This right does not cover tasks in the public interest; you can have a copy of the data.",
        ),
        (R::Portability, B::LegitimateInterests) => No(
            "This right covers only what rests on your consent or on a contract with you; you can \
             have a copy of the data.",
        ),

        (R::Object, B::PublicTask | B::LegitimateInterests) => Yes,
        (R::Object, B::Consent) => {
            No("It rests on your consent: withdraw that instead, at any time and without a reason.")
        }
        (R::Object, B::Contract) => {
            No("It is needed for the contract with you, against which there is no right to object.")
        }
        (R::Object, B::LegalObligation) => {
            No("The law obliges us to do this, and gives no right to object to it.")
        }
        (R::Object, B::VitalInterests) => {
            No("It protects a life, and the law gives no right to object to that.")
        }

        (R::ObjectToMarketing, B::LegalObligation) => {
            No("What we keep under a legal duty is not used for marketing.")
        }
        (R::ObjectToMarketing, B::VitalInterests) => {
            No("What we keep to protect a life is not used for marketing.")
        }
        (R::ObjectToMarketing, _) => Yes,

        (R::Withdraw, B::Consent) => Yes,
        (R::Withdraw, B::Contract) => {
            No("It rests on the contract with you, not on a consent that could be withdrawn.")
        }
        (R::Withdraw, B::LegalObligation) => {
            No("It rests on a legal duty, not on a consent that could be withdrawn.")
        }
        (R::Withdraw, B::VitalInterests) => {
            No("It protects a life, and does not rest on a consent that could be withdrawn.")
        }
        (R::Withdraw, B::PublicTask) => No(
            "It rests on a public task, not on a consent that could be withdrawn; you can object \
             instead.",
        ),
        (R::Withdraw, B::LegitimateInterests) => No(
            "It rests on our legitimate interests, not on a consent that could be withdrawn; you can \
             object instead.",
        ),

        (R::AutomatedDecision, B::Consent) => Conditional(
            "A decision by a machine alone is allowed only with your explicit consent; you can have a \
             person look at it, say what you think and contest it.",
        ),
        (R::AutomatedDecision, B::Contract) => Conditional(
            "A decision by a machine alone is allowed only where the contract needs it; you can have \
             a person look at it, say what you think and contest it.",
        ),
        (R::AutomatedDecision, B::LegalObligation | B::PublicTask) => Conditional(
            "A decision by a machine alone is allowed only where a law permits it and protects you.",
        ),
        (R::AutomatedDecision, B::VitalInterests | B::LegitimateInterests) => Yes,
    }
}

/// Tells the person, in one or two plain sentences, what the right means for data on this basis.
#[must_use]
pub fn sentence(right: Right, basis: Basis) -> &'static str {
    match applies(right, basis) {
        Applies::Conditional(sentence) | Applies::No(sentence) => sentence,
        Applies::Yes => yes(right, basis),
    }
}

fn yes(right: Right, basis: Basis) -> &'static str {
    match (right, basis) {
        (Right::Information, Basis::Consent) => {
            "We tell you what we do with it, and that you can withdraw your consent at any time."
        }
        (Right::Information, Basis::Contract) => {
            "We tell you what we do with it, and whether you must give it and what follows if you \
             don't."
        }
        (Right::Information, Basis::LegitimateInterests) => {
            "We tell you what we do with it, and which interest of ours it serves."
        }
        (Right::Information, _) => "We tell you what we do with it, and why.",
        (Right::Access, _) => "You can know what we hold about you, and have a copy of it, free.",
        (Right::Rectification, _) => "You can have it corrected, and completed.",
        (Right::Erasure, _) => {
            "We erase it when you withdraw your consent or ask for it, unless another purpose still \
             needs it."
        }
        (Right::Restriction, _) => "You can have it kept without being used.",
        (Right::NotifyRecipients, _) => {
            "We tell those who received it when it is corrected, erased or restricted, and tell you \
             who they are."
        }
        (Right::Portability, _) => {
            "You can have what you gave us in a machine-readable form, or have it sent to someone \
             else."
        }
        (Right::Object, _) => {
            "You can object for reasons of your own situation; we stop unless compelling reasons \
             outweigh yours, and don't use it meanwhile."
        }
        (Right::ObjectToMarketing, Basis::Consent) => {
            "You can object to marketing at any time and without a reason, and we stop at once. Your \
             consent stays on record but counts for nothing while you object; you can withdraw it too."
        }
        (Right::ObjectToMarketing, _) => {
            "You can object to marketing at any time and without a reason, and we stop at once."
        }
        (Right::Withdraw, _) => {
            "You can withdraw your consent at any time, as easily as you gave it, and we stop at once."
        }
        (Right::AutomatedDecision, _) => {
            "No decision that matters to you is made by a machine alone on this ground."
        }
        (Right::Complain, _) => "You can complain to the data protection authority.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASES: [Basis; 6] = [
        Basis::Consent,
        Basis::Contract,
        Basis::LegalObligation,
        Basis::VitalInterests,
        Basis::PublicTask,
        Basis::LegitimateInterests,
    ];

    /// Written from the articles, apart from the code: Y applies, C conditional, N does not.
    const TABLE: &str = "
        right                 consent contract legal vital public interests
        Information           Y       Y        Y     Y     Y      Y
        Access                Y       Y        Y     Y     Y      Y
        Rectification         Y       Y        Y     Y     Y      Y
        Erasure               Y       C        N     C     N      C
        Restriction           C       C        C     C     C      C
        NotifyRecipients      Y       Y        Y     Y     Y      Y
        Portability           Y       Y        N     N     N      N
        Object                N       N        N     N     Y      Y
        ObjectToMarketing     Y       Y        N     N     Y      Y
        Withdraw              Y       N        N     N     N      N
        AutomatedDecision     C       C        C     Y     C      Y
        Complain              Y       Y        Y     Y     Y      Y
    ";

    #[test]
    fn every_cell_is_as_the_law_says() {
        let rows: Vec<Vec<&str>> =
            TABLE.trim().lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), Right::ALL.len());
        for (right, row) in Right::ALL.into_iter().zip(&rows) {
            assert_eq!(format!("{right:?}"), row[0]);
            for (basis, expected) in BASES.into_iter().zip(&row[1..]) {
                let letter = match applies(right, basis) {
                    Applies::Yes => "Y",
                    Applies::Conditional(_) => "C",
                    Applies::No(_) => "N",
                };
                assert_eq!(letter, *expected, "{right:?} on {basis:?}");
            }
        }
    }

    #[test]
    fn every_cell_has_a_sentence_for_the_person() {
        for right in Right::ALL {
            for basis in BASES {
                let sentence = sentence(right, basis);
                assert!(sentence.ends_with('.') && sentence.len() > 20, "{right:?} {basis:?}");
                assert!(!sentence.contains("  "), "{sentence}");
            }
        }
    }

    #[test]
    fn only_what_can_be_objected_to_is_restricted_meanwhile() {
        // Art 18(1)(d) stands only where Art 21(1) does.
        for basis in BASES {
            let objection = applies(Right::Object, basis) == Applies::Yes;
            let Applies::Conditional(sentence) = applies(Right::Restriction, basis) else {
                panic!("restriction is conditional");
            };
            assert_eq!(sentence.contains("objection"), objection, "{basis:?}");
        }
    }

    #[test]
    fn consent_alone_is_withdrawn_and_says_so() {
        assert!(sentence(Right::Object, Basis::Consent).contains("withdraw"));
        assert!(sentence(Right::Information, Basis::Consent).contains("withdraw"));
        assert!(!sentence(Right::Information, Basis::Contract).contains("withdraw"));
    }
}
