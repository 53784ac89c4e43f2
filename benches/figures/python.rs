//! The Python that has what the baselines need.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python of `target/baselines`, or else `python3`, where it has a package; else what is missing.
pub fn having(package: &str) -> Result<PathBuf, String> {
    let beside = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../baselines/bin/python3");
    let has = |python: &PathBuf| {
        let output = Command::new(python).args(["-c", &format!("import {package}")]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = [beside, PathBuf::from("python3")].into_iter().find(has);
    found.ok_or_else(|| format!("no python3 with the package {package} (see benches/README.md)"))
}

/// A script of this folder.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/figures").join(name)
}
