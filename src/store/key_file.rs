//! The file beside a store that says who signs for it: a key, a locked key, or a key that an ssh-agent
//! holds.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::base::error::{Error, Result, io};
use crate::base::secret::Randomness;
use crate::ledger::key::SigningKey;
use crate::ledger::locked;
use crate::ledger::vkey::{KeyKind, VerifierKey};

use super::agent::Agent;
use super::signer::write_private;

/// Whoever signs.
pub enum Hand {
    /// This process, with a key in its memory.
    Key(SigningKey),
    /// An ssh-agent.
    Agent(Agent),
}

/// What a key file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// A key that lies open: whoever reads the file can sign.
    Open,
    /// A key under a passphrase.
    Locked,
    /// The name of a key that an ssh-agent holds.
    Agent,
}

/// What helps to use a key that doesn't lie open: how to ask for a passphrase, and where the agent is.
pub struct Unlocking<'a> {
    /// Gives the passphrase of a key file.
    pub passphrase: &'a dyn Fn(&Path) -> Result<Zeroizing<String>>,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
}

impl Unlocking<'_> {
    /// No help: only a key that lies open can sign.
    pub fn none() -> Unlocking<'static> {
        Unlocking {
            passphrase: &|path| {
                Err(Error::no("key-locked", "the key is locked, and nobody gave its passphrase")
                    .at(path.display())
                    .next("name a file that holds it with --passphrase-file"))
            },
            agent: None,
        }
    }
}

impl KeyForm {
    fn of(text: &str) -> KeyForm {
        if locked::is_locked(text) {
            KeyForm::Locked
        } else if Agent::public_of(text).is_some() {
            KeyForm::Agent
        } else {
            KeyForm::Open
        }
    }

    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            KeyForm::Open => "open",
            KeyForm::Locked => "locked",
            KeyForm::Agent => "ssh-agent",
        }
    }
}

/// The text of a key file and what it holds; `None` when there is none.
///
/// # Errors
/// Those of reading.
pub fn read_key_file(path: &Path) -> Result<Option<(Zeroizing<String>, KeyForm)>> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let form = KeyForm::of(&text);
            Ok(Some((Zeroizing::new(text), form)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(path)(error)),
    }
}

/// Opens a key file; `None` when there is none.
///
/// # Errors
/// Those of reading, and what `unlocking` answers for a locked key.
pub fn open_key_file(path: &Path, unlocking: &Unlocking<'_>) -> Result<Option<Hand>> {
    let Some((text, form)) = read_key_file(path)? else { return Ok(None) };
    let hand = match form {
        KeyForm::Open => Hand::Key(SigningKey::from_pem(&text).map_err(|e| e.at(path.display()))?),
        KeyForm::Locked => {
            let passphrase = (unlocking.passphrase)(path)?;
            Hand::Key(locked::unlock(&text, &passphrase).map_err(|e| e.at(path.display()))?)
        }
        KeyForm::Agent => {
            let public = Agent::public_of(&text).expect("its form was told by that");
            Hand::Agent(Agent { socket: unlocking.agent.clone(), public })
        }
    };
    Ok(Some(hand))
}

/// A new key to be written to a file.
pub enum NewKey<'a> {
    /// A random key that lies open.
    Open,
    /// A random key under a passphrase.
    Locked(&'a str),
    /// The key that an ssh-agent holds, by its public line.
    Agent {
        /// `ssh-ed25519 AAAA… comment`
        line: &'a str,
        /// The agent's socket.
        socket: Option<PathBuf>,
    },
}

impl NewKey<'_> {
    /// Makes the key and writes its file, which must not exist.
    ///
    /// # Errors
    /// `ssh-key-unreadable`, and those of writing.
    pub fn write(&self, path: &Path, randomness: &mut dyn Randomness) -> Result<Hand> {
        match self {
            NewKey::Open => {
                let key = SigningKey::from_seed(&Zeroizing::new(randomness.key()));
                write_private(path, key.to_pem().as_bytes())?;
                Ok(Hand::Key(key))
            }
            NewKey::Locked(passphrase) => {
                let key = SigningKey::from_seed(&Zeroizing::new(randomness.key()));
                write_private(path, lock_text(&key, passphrase, randomness).as_bytes())?;
                Ok(Hand::Key(key))
            }
            NewKey::Agent { line, socket } => {
                let public = Agent::public_of(line).ok_or_else(|| {
                    Error::usage("ssh-key-unreadable", "this is no public Ed25519 key of SSH")
                        .next("make one with `ssh-keygen -t ed25519`, and name its .pub file")
                })?;
                let agent = Agent { socket: socket.clone(), public };
                // Asked once, so that nothing is made that can't sign.
                agent.sign(b"candor asks whether you hold this key\n")?;
                write_private(path, format!("{}\n", line.trim()).as_bytes())?;
                Ok(Hand::Agent(agent))
            }
        }
    }
}

/// The text of a locked key file.
pub fn lock_text(
    key: &SigningKey,
    passphrase: &str,
    randomness: &mut dyn Randomness,
) -> Zeroizing<String> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    randomness.fill(&mut salt);
    randomness.fill(&mut iv);
    locked::lock(key, passphrase, &salt, iv)
}

impl Hand {
    /// The public key, named for a log.
    pub fn verifier_key(&self, origin: &str) -> Result<VerifierKey> {
        match self {
            Hand::Key(key) => key.verifier_key(origin, KeyKind::Log),
            Hand::Agent(agent) => VerifierKey::new(origin, KeyKind::Log, &agent.public),
        }
    }

    /// Signs bytes.
    ///
    /// # Errors
    /// Those of the agent.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        match self {
            Hand::Key(key) => Ok(key.sign(message)),
            Hand::Agent(agent) => agent.sign(message),
        }
    }
}
