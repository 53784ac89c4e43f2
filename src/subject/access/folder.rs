//! The folder of an answer: its owner's alone, and whole or not there.
//!
//! Each file is written under a temporary name and gets its own only when the request is closed in the
//! ledger. Whatever fails before that leaves nothing behind.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result, io};
use crate::store::{hex, write_private_file};

/// What ends the name of a file that is not finished.
const UNFINISHED: &str = ".part";

/// A file of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileNote {
    /// Its name in the folder.
    pub name: String,
    /// Its length.
    pub bytes: usize,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

impl FileNote {
    fn of(name: &str, bytes: &[u8]) -> FileNote {
        let sha256 = hex(&Sha256::digest(bytes));
        FileNote { name: name.to_owned(), bytes: bytes.len(), sha256 }
    }
}

/// A folder that is being filled.
pub struct Folder {
    path: PathBuf,
    made: bool,
    files: Vec<FileNote>,
    finished: bool,
}

impl Folder {
    /// Makes the folder (mode 0700), or takes one that is empty.
    ///
    /// # Errors
    /// `folder-not-empty`; `folder-is-file`; I/O errors.
    pub fn claim(path: &Path) -> Result<Folder> {
        let made = !path.exists();
        if made {
            let mut builder = DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(path).map_err(io(path))?;
        } else if !path.is_dir() {
            return Err(Error::usage("folder-is-file", "this is a file, not a folder")
                .at(path.display())
                .next("name a folder that doesn't exist yet"));
        } else if std::fs::read_dir(path).map_err(io(path))?.next().is_some() {
            return Err(Error::usage(
                "folder-not-empty",
                "the folder holds files already, perhaps another person's",
            )
            .at(path.display())
            .next("name a folder that doesn't exist yet"));
        }
        Ok(Folder { path: path.to_owned(), made, files: Vec::new(), finished: false })
    }

    /// Writes a file (mode 0600) under its temporary name, durably.
    pub fn put(&mut self, name: &str, bytes: &[u8]) -> Result<&FileNote> {
        let path = self.path.join(format!("{name}{UNFINISHED}"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(io(&path))?;
        self.files.push(FileNote::of(name, bytes));
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io(&path))?;
        Ok(self.files.last().expect("it was just added"))
    }

    /// The files so far with their hashes, as `sha256sum` writes and checks them.
    pub fn manifest(&self) -> String {
        self.files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect()
    }

    /// Gives the files their names.
    pub fn finish(mut self) -> Result<Vec<FileNote>> {
        // From here on the request is answered in the ledger: nothing may be removed any more.
        self.finished = true;
        for file in &self.files {
            let from = self.path.join(format!("{}{UNFINISHED}", file.name));
            std::fs::rename(&from, self.path.join(&file.name)).map_err(io(&from))?;
        }
        Ok(std::mem::take(&mut self.files))
    }
}

/// Writes one more file (mode 0600) into a folder that is finished.
pub fn put_after(folder: &Path, name: &str, bytes: &[u8]) -> Result<FileNote> {
    write_private_file(&folder.join(name), bytes)?;
    Ok(FileNote::of(name, bytes))
}

impl Drop for Folder {
    /// Removes what it wrote, unless the answer was finished.
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        for file in &self.files {
            let _ = std::fs::remove_file(self.path.join(format!("{}{UNFINISHED}", file.name)));
        }
        if self.made {
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("answer");
        let mut folder = Folder::claim(&path).unwrap();
        folder.put("access.json", b"{}").unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_with_anything_in_it_is_refused() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("x"), "").unwrap();
        let error = Folder::claim(root.path()).err().expect("refused");
        assert_eq!((error.code, error.exit_code()), ("folder-not-empty", 2));
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("answer");
        let mut folder = Folder::claim(&path).unwrap();
        folder.put("access.json", b"{}").unwrap();
        let files = folder.finish().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("access.json"))), (0o700, 0o600));
        assert_eq!(files[0].bytes, 2);
        assert!(!path.join("access.json.part").exists());
    }
}
