//! The header row of a table: which column fills which slot, and which columns nobody asked for.
//!
//! A file without a header shows its first person there, so column names are quoted in errors only
//! when they look like names.

use std::sync::Arc;

use super::row::Plan;
use crate::base::error::{Error, Result};

/// A column whose content is known and not wanted.
pub(super) const IGNORED: u32 = u32::MAX;

const NAMES_SHOWN_MAX: usize = 40;
const NAME_CHARS_MAX: usize = 60;

/// What a header row says.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// Column → slot, or `IGNORED`; columns that nobody asked for get the slots after the plan's.
    pub columns: Vec<u32>,
    /// The columns that nobody asked for, by slot after the plan's, with how often each was filled.
    pub unknown: Vec<(Arc<str>, u64)>,
    /// The first slot that isn't the plan's.
    pub known: usize,
}

impl Header {
    /// Resolves column names. Names are unique and none is empty; the key is among them.
    pub fn resolve(names: &[&str], plan: &Plan, key: &str) -> Result<Header> {
        let names: Vec<&str> = names.iter().map(|name| name.trim()).collect();
        if let Some(column) = names.iter().position(|name| name.is_empty()) {
            return Err(Error::damaged(
                "header-name-empty",
                format!("column {} has no name in the header", column + 1),
            )
            .next("name every column in the first line"));
        }
        let mut sorted = names.clone();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::damaged(
                "header-name-twice",
                format!("the header has a column twice: {}", shown(&pair[..1])),
            )
            .next("give every column a name of its own"));
        }
        if !names.contains(&key) {
            return Err(Error::damaged(
                "key-column-missing",
                format!("there is no column {key:?}, the source's key; found: {}", shown(&names)),
            )
            .next("check that the file belongs to this source, and its delimiter"));
        }
        let known = plan.wanted().len();
        let mut unknown = Vec::new();
        let columns = names
            .iter()
            .map(|name| match plan.slot(name) {
                Some(slot) => slot as u32,
                None if plan.is_ignored(name) => IGNORED,
                None => {
                    unknown.push((Arc::from(*name), 0));
                    (known + unknown.len() - 1) as u32
                }
            })
            .collect();
        Ok(Header { columns, unknown, known })
    }

    /// Slots that a row needs.
    pub fn slots(&self) -> usize {
        self.known + self.unknown.len()
    }

    /// Starts the counts again.
    pub fn forget(&mut self) {
        self.unknown.iter_mut().for_each(|(_, count)| *count = 0);
    }

    /// Counts the filled fields of a row that nobody asked for.
    #[inline]
    pub fn count_unknown(&mut self, row: &super::row::Row) {
        for (at, (_, count)) in self.unknown.iter_mut().enumerate() {
            *count += u64::from(row.spans[self.known + at].is_filled());
        }
    }
}

/// Whether a column or a path in an object looks like someone's data, not like a name: an address, a
/// number.
pub fn looks_like_data(name: &str) -> bool {
    let digits = |part: &str| part.chars().filter(char::is_ascii_digit).count();
    name.contains('@')
        || !name.chars().any(char::is_alphabetic)
        || name.split('.').any(|part| digits(part) > 4)
}

/// Column names for people, or how many there are when they look like someone's data.
fn shown(names: &[&str]) -> String {
    if names.iter().any(|name| looks_like_data(name)) {
        return format!("{} columns that look like data, not like names", names.len());
    }
    let mut shown: Vec<String> = names
        .iter()
        .take(NAMES_SHOWN_MAX)
        .map(|name| name.chars().take(NAME_CHARS_MAX).collect())
        .collect();
    if names.len() > NAMES_SHOWN_MAX {
        shown.push(format!("and {} more", names.len() - NAMES_SHOWN_MAX));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(names: &[&str]) -> Result<Header> {
        let mut plan = Plan::default();
        plan.want("id");
        plan.want("mail");
        plan.ignore("note");
        Header::resolve(names, &plan, "id")
    }

    #[test]
    fn columns_find_their_slots() {
        let header = resolve(&["mail", "other", " id ", "note", "more"]).unwrap();
        assert_eq!(header.columns, [1, 2, 0, IGNORED, 3]);
        assert_eq!(header.slots(), 4);
        assert_eq!(&*header.unknown[1].0, "more");
    }

    #[test]
    fn faults_name_columns_and_never_people() {
        let error = resolve(&["mail", "name"]).unwrap_err();
        assert_eq!(error.code, "key-column-missing");
        assert!(error.what.contains("found: mail, name"));
        let error = resolve(&["ann@example.com", "Ann"]).unwrap_err();
        assert!(!error.to_string().contains("ann@") && error.what.contains("2 columns"));
        assert_eq!(resolve(&["id", ""]).unwrap_err().code, "header-name-empty");
        assert_eq!(resolve(&["id", "a", "a"]).unwrap_err().code, "header-name-twice");
    }
}
