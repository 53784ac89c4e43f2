//! Roles: what the holder of a token may ask for, in one table.
//!
//! Least privilege: a role opens what its work needs, and nothing by default. Beside the table a token is
//! bound to the purposes that it may ask for, or to the destination of the policy whose recipient holds it.

use crate::base::error::{Error, Result};

/// What whoever holds a token works as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Role {
    /// The data protection officer.
    Dpo = 2,
    /// People who answer customers.
    ServiceDesk = 3,
    /// A system of the brand's own, such as its shop.
    System = 4,
    /// People who plan what is sent: they learn who changed by names that mean nothing to others.
    Marketer = 5,
    /// Whoever checks the ledger.
    Auditor = 6,
    /// Somebody else who gets data, as the policy's destination says (Art 4(9)).
    Recipient = 7,
    /// What watches the server: counts alone.
    Monitor = 8,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// What may be known of a person for a purpose.
    Context,
    /// The same, in the shape of Segment's Profile API.
    Profile,
    /// Who changed, for a purpose.
    Changes,
    /// The ledger's newest checkpoint.
    Checkpoint,
    /// What the server counts of itself.
    Metrics,
}

/// What a token of a role is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The purposes that it names, one at least.
    ToPurposes,
    /// The purposes that it names; all where it names none.
    ToPurposesOrNone,
    /// A destination of the policy, and with it to its purpose, channel and fields.
    ToDestination,
    /// It asks about nobody.
    ToNothing,
}

/// The table: each role, what it opens, and what its tokens are bound to.
const TABLE: [(Role, &str, Bound, &[Endpoint]); 7] = {
    use Endpoint::{Changes, Checkpoint, Context, Metrics, Profile};
    [
        (Role::Dpo, "dpo", Bound::ToPurposesOrNone, &[Context, Profile, Changes, Checkpoint]),
        (Role::ServiceDesk, "service-desk", Bound::ToPurposes, &[Context, Profile]),
        (Role::System, "system", Bound::ToPurposes, &[Context, Profile, Changes]),
        (Role::Marketer, "marketer", Bound::ToPurposes, &[Changes]),
        (Role::Auditor, "auditor", Bound::ToNothing, &[Checkpoint]),
        (Role::Recipient, "recipient", Bound::ToDestination, &[Context, Changes]),
        (Role::Monitor, "monitor", Bound::ToNothing, &[Metrics]),
    ]
};

impl Role {
    fn row(self) -> &'static (Role, &'static str, Bound, &'static [Endpoint]) {
        TABLE.iter().find(|(role, ..)| *role == self).expect("every role has its row")
    }

    /// The word that commands and entries use.
    pub fn word(self) -> &'static str {
        self.row().1
    }

    /// What its tokens are bound to.
    pub fn bound(self) -> Bound {
        self.row().2
    }

    /// Whether it opens something.
    pub fn opens(self, endpoint: Endpoint) -> bool {
        self.row().3.contains(&endpoint)
    }

    /// The role of a number in the store.
    pub fn of(code: i64) -> Option<Role> {
        TABLE.iter().map(|(role, ..)| *role).find(|role| *role as i64 == code)
    }

    /// The role of a word.
    ///
    /// # Errors
    /// `role-unknown`, with the words that there are.
    pub fn named(word: &str) -> Result<Role> {
        let found = TABLE.iter().find(|(_, name, ..)| *name == word);
        found.map(|(role, ..)| *role).ok_or_else(|| {
            let known: Vec<&str> = TABLE.iter().map(|(_, name, ..)| *name).collect();
            Error::usage("role-unknown", format!("there is no role {word}"))
                .next(format!("use one of {}", known.join(", ")))
        })
    }
}
