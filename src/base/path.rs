//! Names of files that belong to another file.

use std::path::{Path, PathBuf};

/// A path with more at its end: `shop.db` and `.key` is `shop.db.key`.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
