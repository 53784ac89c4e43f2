//! Files that leave: never in the place of a file that is there or that the store needs, and whole or not
//! at all.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Kind, Result, io};
use crate::base::path::with_ending;

/// What ends the name of a file that isn't whole yet.
const UNFINISHED: &str = ".new";

/// How the names of files go on that candor and SQLite keep beside a store.
const BESIDE_A_STORE: [&str; 6] = ["-wal", "-shm", "-journal", ".key", ".restoring", ".secrets"];

/// A place that was claimed for a file. Whatever keeps the file from being written leaves nothing there; what a
/// process leaves that is killed is swept away by the next to claim the place.
///
/// What is no file, such as a pipe, is written to as it stands.
pub struct OutFile {
    path: PathBuf,
    /// Where it is until it is whole; `None` where `path` is no file.
    fresh: Option<PathBuf>,
    file: File,
}

impl OutFile {
    /// Claims a place, before the work whose outcome is to lie there.
    ///
    /// # Errors
    /// Those of [`check_free`]; `file-busy` where another process is writing it; I/O errors.
    pub fn claim(path: &Path, store: Option<&Path>) -> Result<OutFile> {
        let mut options = OpenOptions::new();
        options.write(true);
        if path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir()) {
            let file = options.open(path).map_err(io(path))?;
            return Ok(OutFile { path: path.to_owned(), fresh: None, file });
        }
        check_free(path, store)?;
        let fresh = with_ending(path, UNFINISHED);
        let file = claim_fresh(&fresh)?;
        let claimed = OutFile { path: path.to_owned(), fresh: Some(fresh), file };
        // Whoever wrote it until now may have ended between the two looks.
        check_free(path, store)?;
        Ok(claimed)
    }

    /// Writes bytes that will be replaced: whether there is room is known before anything is done that
    /// stays.
    ///
    /// # Errors
    /// I/O errors.
    pub fn reserve(&mut self, bytes: &[u8]) -> Result<()> {
        match self.fresh {
            Some(_) => self.file.write_all(bytes).map_err(io(&self.path)),
            None => Ok(()),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// I/O errors; nothing is there then.
    pub fn write(self, bytes: &[u8]) -> Result<()> {
        self.write_with(|out| out.write_all(bytes))
    }

    /// Writes the file piece by piece.
    ///
    /// # Errors
    /// I/O errors; nothing is there then.
    pub fn write_with(
        mut self,
        fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<()> {
        let written = self.fill(fill);
        written.map_err(io(&self.path))
    }

    /// Lets another program's code write the file, which it finds empty under another name.
    ///
    /// # Errors
    /// `file-not-plain` where there is no file to write, such as in a pipe; those of `fill`.
    pub fn write_by(mut self, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let Some(fresh) = self.fresh.clone() else {
            return Err(Error::usage("file-not-plain", "this can only be written to a plain file")
                .at(self.path.display())
                .next("name a file that isn't there yet"));
        };
        fill(&fresh)?;
        self.put().map_err(io(&self.path))
    }

    fn fill(
        &mut self,
        fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        if self.fresh.is_some() {
            self.file.rewind()?;
            self.file.set_len(0)?;
        }
        let mut out = BufWriter::new(&self.file);
        fill(&mut out)?;
        out.flush()?;
        drop(out);
        self.put()
    }

    /// Gives a file that is whole its name.
    fn put(&mut self) -> std::io::Result<()> {
        if let Some(fresh) = &self.fresh {
            self.file.sync_all()?;
            std::fs::rename(fresh, &self.path)?;
            self.fresh = None;
        }
        Ok(())
    }
}

impl Drop for OutFile {
    /// Removes what isn't whole.
    fn drop(&mut self) {
        if let Some(fresh) = &self.fresh {
            let _ = std::fs::remove_file(fresh);
        }
    }
}

/// Makes the file that isn't whole yet, and locks it: a lock goes with its process, so one that nobody holds is
/// on what a killed process left.
fn claim_fresh(fresh: &Path) -> Result<File> {
    let busy = || {
        Error::new(Kind::Busy, "file-busy", "another command is writing this file now")
            .at(fresh.display())
            .next("wait until it has ended, or name another file")
    };
    let mut options = OpenOptions::new();
    options.write(true);
    if let Ok(left) = options.open(fresh) {
        left.try_lock().map_err(|_| busy())?;
        std::fs::remove_file(fresh).map_err(io(fresh))?;
    }
    options.create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(fresh).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => busy(),
        _ => io(fresh)(error),
    })?;
    file.try_lock().map_err(|_| busy())?;
    Ok(file)
}

/// Refuses a place for a new file where something is already, or where the store needs its own.
///
/// # Errors
/// `file-of-store`; `file-exists`.
pub fn check_free(path: &Path, store: Option<&Path>) -> Result<()> {
    check_apart(path, store)?;
    // A link that leads nowhere is something, too.
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Error::usage("file-exists", "the file exists already")
        .at(path.display())
        .next("name another one; what is there is never written over"))
}

/// Refuses the places of a store's own files, those that aren't there at the moment too.
///
/// # Errors
/// `file-of-store`.
pub fn check_apart(path: &Path, store: Option<&Path>) -> Result<()> {
    let own = |store: &Path| {
        // What is written appears under another name first.
        [path.to_owned(), with_ending(path, UNFINISHED)].iter().any(|path| is_of_store(path, store))
    };
    if !store.is_some_and(own) {
        return Ok(());
    }
    Err(Error::usage("file-of-store", "the store needs this file itself")
        .at(path.display())
        .next("name another one"))
}

/// Whether two names lead to one place.
pub fn is_same_place(one: &Path, other: &Path) -> bool {
    let [one, other] = [one, other].map(places);
    one.iter().any(|place| other.contains(place))
}

fn is_of_store(path: &Path, store: &Path) -> bool {
    let places_of_store = places(store);
    places(path).iter().any(|place| {
        places_of_store.iter().any(|store| {
            place.parent() == store.parent()
                && rest_of_name(place, store).is_some_and(|rest| {
                    rest.is_empty() || BESIDE_A_STORE.iter().any(|b| rest.starts_with(b.as_bytes()))
                })
        })
    })
}

/// How the name of a file goes on after that of another.
fn rest_of_name<'a>(file: &'a Path, other: &Path) -> Option<&'a [u8]> {
    let bytes = |path: &'a Path| path.file_name().map(OsStr::as_encoded_bytes);
    bytes(file)?.strip_prefix(other.file_name()?.as_encoded_bytes())
}

/// Where a name lies, and where it leads to.
fn places(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    let beside = folder.ok().zip(path.file_name()).map(|(folder, name)| folder.join(name));
    beside.into_iter().chain(path.canonicalize().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_written_whole_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let failing = OutFile::claim(&path, None).unwrap().write_with(|out| {
            out.write_all(b"half")?;
            Err(std::io::Error::other("the disk is full"))
        });
        assert!(failing.is_err());
        drop(OutFile::claim(&path, None).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut out = OutFile::claim(&path, None).unwrap();
        out.reserve(b"a longer text").unwrap();
        out.write(b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_process_writes_a_file_and_what_a_killed_one_left_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::fs::write(with_ending(&path, UNFINISHED), "left by one that was killed").unwrap();
        let first = OutFile::claim(&path, None).unwrap();
        let second = OutFile::claim(&path, None).err().unwrap();
        assert_eq!((second.code, second.kind), ("file-busy", Kind::Busy));
        first.write(b"whole").unwrap();
        assert_eq!(OutFile::claim(&path, None).err().unwrap().code, "file-exists");
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn no_file_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let store = file("s.db.new");
        std::fs::write(&store, "a store").unwrap();
        std::fs::write(file("other"), "text").unwrap();
        let refused = |name: &str| {
            let free = check_free(&file(name), Some(&store));
            free.err().map(|error| error.code)
        };
        for own in [
            "",
            "-wal",
            "-shm",
            ".key",
            ".key.state",
            ".key.erasures",
            ".restoring.key",
            ".secrets",
        ] {
            assert_eq!(refused(&format!("s.db.new{own}")), Some("file-of-store"), "{own}");
        }
        assert_eq!(refused("s.db"), Some("file-of-store"), "it is s.db.new until it is whole");
        assert_eq!(refused("other"), Some("file-exists"));
        assert_eq!(refused("s.db.new.certificate-1.json"), None);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(file("s.db.new.key"), file("link")).unwrap();
            assert_eq!(refused("link"), Some("file-exists"), "where it leads nothing is yet");
            std::fs::write(file("s.db.new.key"), "a key").unwrap();
            assert_eq!(refused("link"), Some("file-of-store"));
            std::os::unix::fs::symlink(&store, file("store")).unwrap();
            let through = check_free(&file("store-wal"), Some(&file("store")));
            assert!(through.is_err());
            let through = check_free(&file("s.db.new-wal"), Some(&file("store")));
            assert!(through.is_err());
        }
    }
}
