//! Passphrases and the ssh-agent: what the terminal knows and the library asks for.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use candor::base::error::{Error, Result, io};
use candor::store::Unlocking;
use zeroize::Zeroizing;

/// Where the passphrase comes from; it is asked for once.
pub struct Secrets {
    file: Option<PathBuf>,
    told: RefCell<Option<Zeroizing<String>>>,
}

impl Secrets {
    /// From the first line of a file, or from the person at the terminal.
    pub fn new(file: Option<PathBuf>) -> Secrets {
        Secrets { file, told: RefCell::new(None) }
    }

    /// The passphrase of a key that is locked.
    pub fn passphrase(&self, key: &Path) -> Result<Zeroizing<String>> {
        if let Some(told) = self.told.borrow().as_ref() {
            return Ok(told.clone());
        }
        let told = match &self.file {
            Some(file) => from_file(file)?,
            None => ask(&format!("passphrase of {}", key.display()), nobody_to_unlock)?,
        };
        *self.told.borrow_mut() = Some(told.clone());
        Ok(told)
    }

    /// A passphrase for a key that is to be locked: typed twice, or from the file.
    pub fn new_passphrase(&self) -> Result<Zeroizing<String>> {
        let told = match &self.file {
            Some(file) => from_file(file)?,
            None => {
                let told = ask("new passphrase", nobody_to_unlock)?;
                if ask("the same again", nobody_to_unlock)? != told {
                    return Err(Error::usage("passphrase-differs", "the two are not the same")
                        .next("run it again and type the same passphrase twice"));
                }
                told
            }
        };
        if told.is_empty() {
            return Err(Error::usage("passphrase-empty", "an empty passphrase locks nothing")
                .next("choose one of several words"));
        }
        *self.told.borrow_mut() = Some(told.clone());
        Ok(told)
    }

    /// For opening a store with.
    pub fn with<T>(&self, work: impl FnOnce(&Unlocking<'_>) -> T) -> T {
        work(&Unlocking { passphrase: &|key| self.passphrase(key), agent: agent() })
    }
}

/// The ssh-agent's socket, as every SSH program finds it.
pub fn agent() -> Option<PathBuf> {
    std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn from_file(file: &Path) -> Result<Zeroizing<String>> {
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(io(file))?);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// Asks at the terminal, without echo. `nobody` is the error where there is none.
pub fn ask(what: &str, nobody: impl Fn() -> Error) -> Result<Zeroizing<String>> {
    let terminal = console::Term::stderr();
    if !terminal.is_term() {
        return Err(nobody());
    }
    terminal.write_str(&format!("{what}: ")).map_err(|_| nobody())?;
    terminal.read_secure_line().map(Zeroizing::new).map_err(|_| nobody())
}

fn nobody_to_unlock() -> Error {
    Error::no("key-locked", "a passphrase is needed, and there is no terminal to ask at")
        .next("name a file that holds it with --passphrase-file")
}
