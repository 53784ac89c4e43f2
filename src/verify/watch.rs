//! What is new since the last look: for a verification that runs every night.
//!
//! A report as a whole is read once and then skipped. Somebody who looks each morning wants to know
//! what has changed: entries that were added, claims that broke, claims that hold again. The last
//! look is kept in a file: the newest signed checkpoint and where each claim stood. The checkpoint is
//! handed to the verifier like any that was kept elsewhere, so a ledger that doesn't continue the one
//! that was last seen is refused, and the file stays as it was. It holds no personal data.
//! `WATCH.md` beside this file shows how to run it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result, io};
use crate::store::{replace_private, state_path};

use super::claim::Standing;
use super::entries::{Held, Report};

/// The form of the file.
const SCHEMA: &str = "candor.watch/1";

/// What was seen at one look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    schema: String,
    /// When it was looked.
    pub at: String,
    /// The ledger's name.
    pub origin: String,
    /// The number of entries.
    pub entries: u64,
    /// The root over them, in base64.
    pub root: String,
    /// The number of stored checkpoints.
    pub checkpoints: u64,
    /// The newest signed checkpoint, as it was signed.
    pub checkpoint: String,
    /// Where each claim stood, by its name.
    pub claims: BTreeMap<String, SeenClaim>,
}

/// Where a claim stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenClaim {
    standing: Standing,
    /// Code and entry of each fault that was told.
    faults: BTreeSet<(String, Option<u64>)>,
}

/// How a claim stands beside the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// It stands worse, or is broken in places where it was not.
    Worse,
    /// It stands better.
    Better,
}

/// A claim that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The claim's name.
    pub claim: String,
    /// Whether to worry.
    pub turn: Turn,
    /// Where it stood; absent when it wasn't checked before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<Standing>,
    /// Where it stands.
    pub is: Standing,
    /// Faults that were not there at the last look.
    pub new_faults: u64,
    /// Faults that are there no more.
    pub gone_faults: u64,
}

/// What is new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct News {
    /// When the last look was; absent at the first one.
    pub since: Option<String>,
    /// Whether the ledger continues the one that was last seen.
    pub extends: bool,
    /// Entries that were added.
    pub new_entries: u64,
    /// Checkpoints that were added.
    pub new_checkpoints: u64,
    /// Claims that changed.
    pub changes: Vec<Change>,
    /// Claims that are broken as they were before.
    pub still_broken: Vec<String>,
    /// Claims that were broken at the last look, and weren't looked at this time.
    pub not_looked_at: Vec<String>,
}

impl Seen {
    /// Reads the last look; `None` when there was none yet.
    ///
    /// # Errors
    /// `watch-file-damaged` when the file is none of these.
    pub fn read(file: &Path) -> Result<Option<Seen>> {
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(file)(error)),
        };
        let seen = serde_json::from_slice::<Seen>(&bytes).ok();
        seen.filter(|seen| seen.schema == SCHEMA).map(Some).ok_or_else(|| {
            Error::damaged("watch-file-damaged", "this is no record of an earlier look")
                .at(file.display())
                .next("name another file; the first look with it has nothing to compare with")
        })
    }

    /// The checkpoint that the ledger has to continue, for the verifier: the first in its list.
    pub fn held(&self, file: &Path) -> Held {
        Held { name: file.display().to_string(), note: self.checkpoint.clone().into_bytes() }
    }

    /// What this look saw. Claims that were not checked this time stand as they did at the last one.
    ///
    /// # Errors
    /// `checkpoint-missing` when the store never signed anything.
    pub fn now(report: &Report, last: Option<&Seen>, at: Moment) -> Result<Seen> {
        let checkpoint = report.newest_checkpoint.clone().ok_or_else(|| {
            Error::no("checkpoint-missing", "nothing was ever signed")
                .next("run `candor audit verify`")
        })?;
        let mut claims = last.map(|last| last.claims.clone()).unwrap_or_default();
        claims.extend(seen_claims(report));
        Ok(Seen {
            schema: SCHEMA.to_owned(),
            at: at.to_string(),
            origin: report.origin.clone(),
            entries: report.entries,
            root: report.root.clone().unwrap_or_default(),
            checkpoints: report.checkpoints,
            checkpoint,
            claims,
        })
    }

    /// Keeps this look, in one step: after a crash the file holds this look or the last one.
    ///
    /// # Errors
    /// `watch-file-in-the-way` for one of the store's own files; I/O errors.
    pub fn write(&self, file: &Path, store: &Path) -> Result<()> {
        if file == store || file == state_path(store) {
            return Err(Error::usage("watch-file-in-the-way", "the store needs this file itself")
                .at(file.display())
                .next("name a file of its own, best on another machine's disk"));
        }
        let bytes = serde_json::to_vec_pretty(self).expect("a look is JSON");
        replace_private(file, &bytes)
    }
}

impl News {
    /// Compares a report with the last look.
    pub fn of(report: &Report, last: Option<&Seen>) -> News {
        let Some(last) = last else {
            return News {
                since: None,
                extends: true,
                new_entries: report.entries,
                new_checkpoints: report.checkpoints,
                changes: Vec::new(),
                still_broken: Vec::new(),
                not_looked_at: Vec::new(),
            };
        };
        // The last look's checkpoint is the first of those that were kept elsewhere; a ledger that
        // doesn't continue it breaks that claim.
        let held = report.claims.iter().find(|claim| claim.claim == "held-checkpoint");
        let extends = held.is_some_and(|claim| claim.standing != Standing::Broken);
        let (mut changes, mut still_broken) = (Vec::new(), Vec::new());
        let now = seen_claims(report);
        let broken = last.claims.iter().filter(|(_, was)| was.standing == Standing::Broken);
        let not_looked_at: Vec<String> = broken
            .filter(|(name, _)| !now.contains_key(*name))
            .map(|(name, _)| name.clone())
            .collect();
        for (name, is) in now {
            let was = last.claims.get(&name);
            let old = was.map(|was| was.faults.clone()).unwrap_or_default();
            let new_faults = is.faults.difference(&old).count() as u64;
            let gone_faults = old.difference(&is.faults).count() as u64;
            let before = was.map_or(Standing::Proven, |was| was.standing);
            let turn = match is.standing.cmp(&before) {
                std::cmp::Ordering::Greater => Some(Turn::Worse),
                std::cmp::Ordering::Less => Some(Turn::Better),
                std::cmp::Ordering::Equal if new_faults > 0 => Some(Turn::Worse),
                std::cmp::Ordering::Equal if gone_faults > 0 => Some(Turn::Better),
                std::cmp::Ordering::Equal => None,
            };
            if let Some(turn) = turn {
                let was = was.map(|was| was.standing);
                let is = is.standing;
                changes.push(Change { claim: name, turn, was, is, new_faults, gone_faults });
            } else if is.standing == Standing::Broken {
                still_broken.push(name);
            }
        }
        News {
            since: Some(last.at.clone()),
            extends,
            new_entries: report.entries.saturating_sub(last.entries),
            new_checkpoints: report.checkpoints.saturating_sub(last.checkpoints),
            changes,
            still_broken,
            not_looked_at,
        }
    }

    /// Whether the ledger goes on from the last look, and nothing that was broken then was passed over.
    pub fn is_good(&self) -> bool {
        self.extends && self.not_looked_at.is_empty()
    }
}

/// Where each claim of a report stands; several of one name stand as the worst of them does.
fn seen_claims(report: &Report) -> BTreeMap<String, SeenClaim> {
    let mut all: BTreeMap<String, SeenClaim> = BTreeMap::new();
    for claim in &report.claims {
        let seen = all
            .entry(claim.claim.to_owned())
            .or_insert_with(|| SeenClaim { standing: claim.standing, faults: BTreeSet::new() });
        seen.standing = seen.standing.max(claim.standing);
        let faults = claim.faults.iter().map(|fault| (fault.code.to_owned(), fault.entry));
        seen.faults.extend(faults);
    }
    all
}
