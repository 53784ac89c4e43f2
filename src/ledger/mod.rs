//! LEDGER: the append-only log of what was decided and done, in a form that an outsider can check.
//!
//! Each entry is one line of canonical JSON (`leaf`), which holds the hash of the entry before it.
//! The same hash is the entry's leaf in an RFC 6962 tree (`hash`, `tree`, `proof`, `tiles`), so chain
//! and tree can't disagree. A signed `checkpoint` (a C2SP `note`, made with a `key`) states size and
//! root; whoever holds one can later tell whether history was changed (`verify`). Keys follow one another
//! (`key_chain`), and may be `locked`; witnesses are asked to sign too (`add_checkpoint`). An entry names
//! nobody: what is personal is only committed to (`commit`), with salts that die with the subject's
//! key. What is handed out carries its `evidence` (`carrier`; of two checkpoints: `growth`).
//! Everything here is pure: bytes come in as arguments, and nothing reads a clock or a file.

pub mod add_checkpoint;
pub mod base64;
pub mod canonical;
pub mod carrier;
pub mod checkpoint;
pub mod commit;
pub mod evidence;
pub mod finding;
pub mod growth;
pub mod hash;
pub mod key;
pub mod key_chain;
pub mod leaf;
pub mod locked;
pub mod note;
pub mod proof;
pub mod proof_text;
pub mod proven;
pub mod scan;
pub mod section;
pub mod tiles;
pub mod tree;
pub mod verify;
pub mod vkey;

#[cfg(test)]
mod tests;
