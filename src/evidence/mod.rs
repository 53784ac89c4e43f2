//! EVIDENCE: what candor hands to outsiders, and how they check it without candor.
//!
//! A document that leaves is issued: a ledger entry commits to its content, and the document carries
//! that entry, its way to a signed checkpoint, and the entries that stand behind what it says
//! (`issue`). `prove` makes proofs of single entries, of items in a batch, and of growth; `bundle`
//! writes a whole ledger for an auditor; `check` verifies all of these offline, with nothing at hand
//! but a public key. `PROOFS.md` has the formats, and says what each artefact proves and what not.

mod bundle;
pub mod check;
mod disclose;
mod folder;
mod howto;
mod issue;
mod prove;
mod said;
mod sql;
mod tiles;

pub use bundle::{Bundled, Selection, bundle, check_bundle};
pub use disclose::Disclose;
pub use howto::{VERIFIER, verifier_sha256};
pub use issue::{Issued, about, commit_to, evidence_of, issue, issue_content, latest_size};
pub use prove::{End, Opening, entry, growth, item};
pub use sql::{Whose, subject_of};
