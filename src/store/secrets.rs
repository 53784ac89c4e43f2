//! What other systems share with candor, so that each knows the other: the file `FILE.secrets` beside a
//! store.
//!
//! It lies outside of the store on purpose, as the key does: who copies, backs up or queries the store gets
//! none of it, and no ledger tells of it, because a shared secret is nobody's data. Each line is a name and a
//! value in base64 (so that values of many lines fit on one, not to hide them). The newest value of a name
//! comes first; the one before it may stay beside it while the other side changes over.
//!
//! The file is its owner's alone, and is refused where others may read or write it: whoever reads it can
//! speak in the other system's name.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::base::error::{Error, Result, io};
use crate::base::path::with_ending;
use crate::base::secret::{SECRET_NAME_MAX, is_secret_name};

use super::signer::{read_private, replace_private};

/// The most bytes of a value: a private key in PEM has room, a file that was piped by mistake has none.
pub const LONGEST_SECRET: usize = 16 * 1024;

/// A value that two systems share. It is wiped from memory after use, and doesn't print itself.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The value itself: to sign with, to compare with, to send to whom it belongs to, and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What becomes of the value that a name had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It is forgotten.
    Dropped,
    /// It holds beside the new one, until the other system has the new one too.
    Kept,
}

/// The secrets beside a store, as they were when they were read.
#[derive(Debug)]
pub struct Secrets {
    path: PathBuf,
    /// In the order of their names; of one name the newest first.
    held: Vec<(String, Secret)>,
}

/// Where the secrets of a store lie.
pub fn secrets_path(store: &Path) -> PathBuf {
    with_ending(store, ".secrets")
}

impl Secrets {
    /// Reads the secrets beside a store; there are none where there is no file.
    ///
    /// # Errors
    /// `secrets-exposed` where others may read or write the file, `secrets-damaged` with the line, and I/O
    /// errors.
    pub fn beside(store: &Path) -> Result<Secrets> {
        let path = secrets_path(store);
        let text = match read_private(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Err(exposed(&path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Zeroizing::default(),
            Err(error) => return Err(io(&path)(error)),
        };
        let mut held = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let secret = read_line(line).ok_or_else(|| {
                Error::damaged("secrets-damaged", "a line isn't a name and a value")
                    .at(format!("{}:{}", path.display(), number + 1))
                    .next(
                        "remove the line, and set that secret again with `candor secret set NAME`",
                    )
            })?;
            held.push(secret);
        }
        Ok(Secrets { path, held })
    }

    /// The value of a name: the newest one, which is to be sent or signed with.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.all(name).next()
    }

    /// Every value of a name that holds, the newest first: what is to be believed of the other side.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &Secret> {
        self.held.iter().filter(move |(held, _)| held == name).map(|(_, secret)| secret)
    }

    /// The names, each once, in their order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.held.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names
    }

    /// Gives a name a value, and says what becomes of the one that it had.
    ///
    /// # Errors
    /// `secret-name-unfit`, `secret-empty`, `secret-too-long`, and those of writing: what was there stays.
    pub fn set(&mut self, name: &str, value: Zeroizing<String>, before: Before) -> Result<()> {
        check_name(name)?;
        check_value(&value)?;
        let at = self.held.partition_point(|(held, _)| held.as_str() < name);
        let had = self.all(name).count();
        let kept = match before {
            Before::Dropped => 0,
            Before::Kept => had.min(1),
        };
        self.held.drain(at + kept..at + had);
        self.held.insert(at, (name.to_owned(), Secret(value)));
        self.write()
    }

    /// Forgets a name with all its values; `false` where there is no such name.
    ///
    /// # Errors
    /// Those of writing: what was there stays.
    pub fn remove(&mut self, name: &str) -> Result<bool> {
        self.keep(|held, _| held != name)
    }

    /// Forgets the values of a name but its newest; `false` where there is no older one.
    ///
    /// # Errors
    /// Those of writing: what was there stays.
    pub fn remove_older(&mut self, name: &str) -> Result<bool> {
        self.keep(|held, is_newest| held != name || is_newest)
    }

    fn keep(&mut self, stays: impl Fn(&str, bool) -> bool) -> Result<bool> {
        let before = self.held.len();
        let mut last = None;
        self.held.retain(|(name, _)| {
            let is_newest = last.as_ref() != Some(name);
            last = Some(name.clone());
            stays(name, is_newest)
        });
        if self.held.len() == before {
            return Ok(false);
        }
        self.write().map(|()| true)
    }

    fn write(&self) -> Result<()> {
        let line =
            |(name, secret): &(String, Secret)| name.len() + 2 + 4 * secret.0.len().div_ceil(3);
        // As long as it will be at once: a text that grows leaves copies of itself behind.
        let mut text = Zeroizing::new(String::with_capacity(self.held.iter().map(line).sum()));
        for (name, secret) in &self.held {
            let value = Zeroizing::new(Base64::encode_string(secret.0.as_bytes()));
            text.extend([name, " ", value.as_str(), "\n"]);
        }
        replace_private(&self.path, text.as_bytes())
    }
}

fn exposed(path: &Path) -> Error {
    Error::no("secrets-exposed", "others may read or write the secrets")
        .at(path.display())
        .next("take the right from them with `chmod 600`, and change what they may have read")
}

fn read_line(line: &str) -> Option<(String, Secret)> {
    let (name, value) = line.split_once(' ')?;
    let bytes = Zeroizing::new(Base64::decode_vec(value).ok()?);
    let value = Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned());
    (check_name(name).is_ok() && check_value(&value).is_ok())
        .then(|| (name.to_owned(), Secret(value)))
}

fn check_name(name: &str) -> Result<()> {
    if is_secret_name(name) {
        return Ok(());
    }
    let what = format!("a secret is named with up to {SECRET_NAME_MAX} letters, digits and -_.");
    Err(Error::usage("secret-name-unfit", what).next("for example shop-webhooks"))
}

fn check_value(value: &str) -> Result<()> {
    if value.is_empty() {
        return Err(Error::usage("secret-empty", "an empty value keeps nobody out")
            .next("pipe the value in, or type it at the terminal"));
    }
    if value.len() > LONGEST_SECRET {
        let what = format!("the value has more than {LONGEST_SECRET} bytes");
        return Err(Error::usage("secret-too-long", what)
            .next("pipe the secret alone in, not the file that it stands in"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    fn told(secrets: &Secrets, name: &str) -> Vec<String> {
        secrets.all(name).map(|secret| secret.expose().to_owned()).collect()
    }

    #[test]
    fn what_is_set_is_there_for_the_next_who_reads() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("s.db");
        let mut secrets = Secrets::beside(&store).unwrap();
        assert!(secrets.names().is_empty());
        assert!(!secrets_path(&store).exists(), "reading makes no file");
        secrets.set("shop", value("one"), Before::Dropped).unwrap();
        secrets.set("a.pem", value("-----BEGIN\nüñ\n-----END\n"), Before::Kept).unwrap();
        secrets.set("z_last", value("z"), Before::Dropped).unwrap();
        let read = Secrets::beside(&store).unwrap();
        assert_eq!(read.names(), ["a.pem", "shop", "z_last"]);
        assert_eq!(read.get("shop").unwrap().expose(), "one");
        assert_eq!(read.get("a.pem").unwrap().expose(), "-----BEGIN\nüñ\n-----END\n");
        assert!(read.get("sho").is_none());
        assert_eq!(format!("{:?}", read.get("shop").unwrap()), "Secret(…)");
        assert!(!format!("{read:?}").contains("one"));
    }

    #[test]
    fn a_value_may_stay_beside_its_successor_and_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("s.db");
        let mut secrets = Secrets::beside(&store).unwrap();
        secrets.set("a", value("other"), Before::Dropped).unwrap();
        for (text, before, expected) in [
            ("one", Before::Kept, vec!["one"]),
            ("two", Before::Kept, vec!["two", "one"]),
            ("three", Before::Kept, vec!["three", "two"]),
            ("four", Before::Dropped, vec!["four"]),
            ("five", Before::Kept, vec!["five", "four"]),
        ] {
            secrets.set("shop", value(text), before).unwrap();
            assert_eq!(told(&Secrets::beside(&store).unwrap(), "shop"), expected);
        }
        assert!(secrets.remove_older("shop").unwrap());
        assert!(!secrets.remove_older("shop").unwrap());
        assert_eq!(told(&Secrets::beside(&store).unwrap(), "shop"), ["five"]);
        assert!(secrets.remove("shop").unwrap());
        assert!(!secrets.remove("shop").unwrap());
        assert_eq!(Secrets::beside(&store).unwrap().names(), ["a"]);
    }

    #[test]
    fn unfit_names_and_values_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("s.db");
        let mut secrets = Secrets::beside(&store).unwrap();
        for name in ["", "two words", "new\nline", "ü", &"n".repeat(65)] {
            let refused = secrets.set(name, value("v"), Before::Dropped).unwrap_err();
            assert_eq!(refused.code, "secret-name-unfit", "{name:?}");
        }
        let refused = secrets.set("n", value(""), Before::Dropped).unwrap_err();
        assert_eq!(refused.code, "secret-empty");
        let long = value(&"v".repeat(LONGEST_SECRET + 1));
        assert_eq!(secrets.set("n", long, Before::Dropped).unwrap_err().code, "secret-too-long");
        secrets.set("n", value(&"v".repeat(LONGEST_SECRET)), Before::Dropped).unwrap();
        assert_eq!(Secrets::beside(&store).unwrap().names(), ["n"]);
    }

    #[test]
    fn a_damaged_file_is_told_by_its_line_and_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("s.db");
        for text in ["shop c2VjcmV0\nbroken hushhush!\n", "a c2VjcmV0\nnothing\n", "a b2s=\n\n"] {
            replace_private(&secrets_path(&store), text.as_bytes()).unwrap();
            let error = Secrets::beside(&store).unwrap_err();
            assert_eq!(error.code, "secrets-damaged");
            let told = error.to_string();
            assert!(told.contains("s.db.secrets:2"), "{told}");
            assert!(!told.contains("hush") && !told.contains("c2Vj"), "{told}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("s.db");
        let mut secrets = Secrets::beside(&store).unwrap();
        secrets.set("shop", value("one"), Before::Dropped).unwrap();
        let path = secrets_path(&store);
        let mode = |bits| std::fs::set_permissions(&path, PermissionsExt::from_mode(bits)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for wide in [0o640, 0o604, 0o620, 0o601] {
            mode(wide);
            assert_eq!(Secrets::beside(&store).unwrap_err().code, "secrets-exposed", "{wide:o}");
        }
        mode(0o400);
        assert_eq!(Secrets::beside(&store).unwrap().names(), ["shop"]);
    }
}
