//! What verification says: claims, each with where it stands and where it is broken.

use serde::{Deserialize, Serialize};

use crate::base::error::{Kind, Result};

/// No more faults than this are told of one claim; the rest are counted.
const FAULTS_MAX: usize = 100;

/// Where a claim stands, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It was checked and holds.
    Proven,
    /// It could not be checked with what was at hand.
    NotProven,
    /// It does not hold.
    Broken,
}

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A stable, kebab-case name for programs.
    pub code: &'static str,
    /// A sentence that holds no personal data.
    pub what: String,
    /// The ledger entry that it is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}

/// A claim that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// A stable, kebab-case name for programs.
    pub claim: &'static str,
    /// Where it stands.
    pub standing: Standing,
    /// What it says.
    pub what: String,
    /// How many things were checked.
    pub checked: u64,
    /// How many of them were erased lawfully, where that can be.
    #[serde(skip_serializing_if = "is_zero")]
    pub erased: u64,
    /// Where it is broken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// How many more faults there were.
    #[serde(skip_serializing_if = "is_zero")]
    pub faults_untold: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The claims of a part. Where its rows can't be read as such, a broken one that says so takes their place, and
/// the other parts are checked all the same.
pub(super) fn legible(part: &'static str, claims: Result<Vec<Claim>>) -> Result<Vec<Claim>> {
    match claims {
        Err(error) if error.kind == Kind::Damaged => {
            let mut claim = Claim::new(part, "its rows can be read");
            let place = if error.place.is_empty() { "" } else { &format!(" ({})", error.place) };
            let what = format!("{}{place}; nothing more of this was checked", error.what);
            claim.find("rows-unreadable", None, what);
            Ok(vec![claim])
        }
        claims => claims,
    }
}

impl Claim {
    /// A claim that holds until a fault is found.
    pub(super) fn new(claim: &'static str, what: &str) -> Claim {
        Claim {
            claim,
            standing: Standing::Proven,
            what: what.to_owned(),
            checked: 0,
            erased: 0,
            faults: Vec::new(),
            faults_untold: 0,
        }
    }

    /// A claim that can't be checked.
    pub(super) fn unproven(claim: &'static str, what: &str) -> Claim {
        Claim { standing: Standing::NotProven, ..Claim::new(claim, what) }
    }

    /// Adds a fault.
    pub(super) fn find(&mut self, code: &'static str, entry: Option<i64>, what: impl Into<String>) {
        self.standing = Standing::Broken;
        if self.faults.len() >= FAULTS_MAX {
            self.faults_untold += 1;
            return;
        }
        let entry = entry.and_then(|n| u64::try_from(n).ok());
        self.faults.push(Fault { code, what: what.into(), entry });
    }

    /// Adds a fault unless `holds`.
    pub(super) fn expect(
        &mut self,
        holds: bool,
        code: &'static str,
        entry: Option<i64>,
        what: impl FnOnce() -> String,
    ) {
        if !holds {
            self.find(code, entry, what());
        }
    }
}
