//! The keys of a log, one after the other: which of them must have signed a checkpoint of which size.
//!
//! A key's time begins with the ledger entry that names it (`log.init`, later `key.rotate`). The
//! checkpoint right behind that entry is signed by the old key and the new one: so whoever trusts the
//! old key is led to the new one, and whoever trusts the new one has everything before vouched for by
//! it. A lost key can't sign its successor, and a stolen one isn't to be believed when it does: there
//! the way from the old key ends, and the new one must be learned from the controller.

use super::checkpoint::{SignedCheckpoint, Trust};
use super::finding::Finding;
use super::note::Note;
use super::verify::own_checkpoint;
use super::vkey::VerifierKey;
use crate::base::error::{Error, Result};

/// Why a key was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// As planned, or as a precaution: the old key vouches for the new one.
    Routine,
    /// Somebody else may have the old key: it vouches for nothing any more.
    Stolen,
    /// Nobody has the old key: it could sign nothing.
    Lost,
}

impl Reason {
    /// As the ledger says it.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Routine => "routine",
            Reason::Stolen => "stolen",
            Reason::Lost => "lost",
        }
    }

    /// Reads what the ledger says.
    pub fn from_word(word: &str) -> Option<Reason> {
        [Reason::Routine, Reason::Stolen, Reason::Lost].into_iter().find(|r| r.word() == word)
    }
}

/// A key and the entry that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The entry that names the key.
    pub entry: u64,
    /// The key.
    pub key: VerifierKey,
    /// Why it took the place of the one before; routine for the first.
    pub reason: Reason,
}

/// All keys of a log, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChain(Vec<Tenure>);

impl KeyChain {
    /// A log that has had one key.
    pub fn new(first: VerifierKey) -> KeyChain {
        KeyChain(vec![Tenure { entry: 0, key: first, reason: Reason::Routine }])
    }

    /// Adds the key that entry `entry` brings.
    ///
    /// # Errors
    /// `key-chain` unless the entry is a later one and the key bears the log's name and is a new one.
    pub fn hand_over(&mut self, entry: u64, key: VerifierKey, reason: Reason) -> Result<()> {
        let last = self.0.last().expect("a chain has a first key");
        let fits = entry > last.entry
            && key.name() == last.key.name()
            && self.0.iter().all(|tenure| tenure.key != key);
        if !fits {
            return Err(Error::no("key-chain", "a key doesn't follow the one before it")
                .next("run `candor audit verify`"));
        }
        self.0.push(Tenure { entry, key, reason });
        Ok(())
    }

    /// The keys, oldest first.
    pub fn tenures(&self) -> &[Tenure] {
        &self.0
    }

    /// The key that signs now.
    pub fn current(&self) -> &VerifierKey {
        &self.0.last().expect("a chain has a first key").key
    }

    /// Checks a checkpoint that the store kept under `size`: signed by exactly the keys whose time it
    /// was, and strictly read, so that no bit of it can differ.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn own_checkpoint(&self, size: u64, note: &[u8]) -> Result<SignedCheckpoint, Finding> {
        let keys = self.signers_at(size);
        let count = keys.len();
        let origin = self.current().name().to_owned();
        let signed =
            own_checkpoint(size, note, &Trust { origin, log_keys: keys, witness_keys: vec![] })?;
        let lines =
            if count == 1 { 1 } else { Note::parse(note).map_or(0, |n| n.signatures.len()) };
        if lines == count { Ok(signed) } else { Err(Finding::Signature { size }) }
    }

    /// The keys that must all have signed the checkpoint of this size.
    pub fn signers_at(&self, size: u64) -> Vec<VerifierKey> {
        let index = self.0.iter().rposition(|tenure| tenure.entry < size).unwrap_or(0);
        let tenure = &self.0[index];
        let handed_over = index > 0 && self.hand_overs().any(|(at, _)| at == size);
        let before = handed_over.then(|| self.0[index - 1].key.clone());
        before.into_iter().chain([tenure.key.clone()]).collect()
    }

    /// The keys that the one before them had to sign for, and the size of the checkpoint that says so:
    /// without it nobody is led from the one to the other. A lost key could sign for none.
    pub fn hand_overs(&self) -> impl Iterator<Item = (u64, &Tenure)> {
        let signed_for = |tenure: &&Tenure| tenure.reason != Reason::Lost;
        self.0.iter().skip(1).filter(signed_for).map(|tenure| (tenure.entry + 1, tenure))
    }

    /// What an outsider believes who was given `key`: checkpoints by any key of the chain.
    pub fn trust(&self) -> Trust {
        Trust {
            origin: self.current().name().to_owned(),
            log_keys: self.0.iter().map(|tenure| tenure.key.clone()).collect(),
            witness_keys: Vec::new(),
        }
    }

    /// The keys whose word still counts: none from before a theft.
    pub fn vouching(&self) -> Vec<VerifierKey> {
        let thefts = self.0.iter().rposition(|tenure| tenure.reason == Reason::Stolen);
        self.0[thefts.unwrap_or(0)..].iter().map(|tenure| tenure.key.clone()).collect()
    }

    /// Where the way from `key` to the present key is cut: the first later key that it doesn't vouch
    /// for. `None` when `key` leads to the present one.
    pub fn cut_after(&self, key: &VerifierKey) -> Option<&Tenure> {
        self.0
            .iter()
            .skip_while(|tenure| tenure.key != *key)
            .skip(1)
            .find(|tenure| tenure.reason != Reason::Routine)
    }

    /// Whether `key` is one of them.
    pub fn holds(&self, key: &VerifierKey) -> bool {
        self.0.iter().any(|tenure| tenure.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::checkpoint::Checkpoint;
    use crate::ledger::hash::EMPTY_ROOT;
    use crate::ledger::key::SigningKey;
    use crate::ledger::vkey::KeyKind;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32])
    }

    fn public(seed: u8) -> VerifierKey {
        key(seed).verifier_key("log.example/a", KeyKind::Log).unwrap()
    }

    fn note(size: u64, seeds: &[u8]) -> Vec<u8> {
        let checkpoint = Checkpoint { origin: "log.example/a".into(), size, root: EMPTY_ROOT };
        let text = checkpoint.text();
        let signatures =
            seeds.iter().map(|s| key(*s).sign_note("log.example/a", &text).unwrap()).collect();
        Note { text, signatures }.to_text().into_bytes()
    }

    /// Key 1 until entry 10, key 2 until entry 20 (which says that key 2 was lost), then key 3.
    fn chain() -> KeyChain {
        let mut chain = KeyChain::new(public(1));
        chain.hand_over(10, public(2), Reason::Routine).unwrap();
        chain.hand_over(20, public(3), Reason::Lost).unwrap();
        chain
    }

    #[test]
    fn each_size_has_the_keys_whose_time_it_was() {
        let chain = chain();
        for size in 0..30_u64 {
            let right: &[u8] = match size {
                0..=10 => &[1],
                11 => &[1, 2],
                12..=20 => &[2],
                _ => &[3],
            };
            for seeds in [&[1][..], &[2], &[3], &[1, 2], &[2, 3], &[1, 3], &[1, 2, 3], &[4]] {
                let taken = chain.own_checkpoint(size, &note(size, seeds)).is_ok();
                assert_eq!(taken, seeds == right, "size {size}, keys {seeds:?}");
            }
        }
    }

    #[test]
    fn a_key_that_was_not_lost_signs_for_the_next() {
        let mut chain = chain();
        chain.hand_over(30, public(4), Reason::Stolen).unwrap();
        let sizes: Vec<u64> = chain.hand_overs().map(|(size, _)| size).collect();
        assert_eq!(sizes, [11, 31]);
    }

    #[test]
    fn a_lost_or_stolen_key_leads_nowhere() {
        let mut chain = chain();
        assert_eq!(chain.cut_after(&public(1)).map(|t| t.entry), Some(20));
        assert_eq!(chain.cut_after(&public(2)).map(|t| t.entry), Some(20));
        assert_eq!(chain.cut_after(&public(3)), None);
        chain.hand_over(30, public(4), Reason::Stolen).unwrap();
        assert_eq!(chain.cut_after(&public(3)).map(|t| t.entry), Some(30));
        assert!(chain.hand_over(30, public(5), Reason::Routine).is_err(), "no later entry");
        assert!(chain.hand_over(40, public(2), Reason::Routine).is_err(), "a key comes once");
    }
}
