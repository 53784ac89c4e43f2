//! The header row of a table: which column fills which slot, and which columns nobody asked for.
//!
//! A file without a header shows its first person there, so errors name only columns that the policy
//! names too.

use std::borrow::Cow;
use std::sync::Arc;

use super::row::Plan;
use crate::base::error::{Error, Result};

/// A column whose content is known and not wanted.
pub(super) const IGNORED: u32 = u32::MAX;

const NAMES_SHOWN_MAX: usize = 20;

const FIRST_LINE: &str = "the first line must be the header, with the names that the policy says";

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
        let meant: Vec<Cow<'_, str>> = names.iter().map(|name| plan.meant(name.trim())).collect();
        let names: Vec<&str> = meant.iter().map(|name| &**name).collect();
        if let Some(column) = names.iter().position(|name| name.is_empty()) {
            return Err(Error::damaged(
                "header-name-empty",
                format!("column {} has no name in the header", column + 1),
            )
            .next(format!("{FIRST_LINE}; name every column there")));
        }
        let mut sorted: Vec<usize> = (0..names.len()).collect();
        sorted.sort_by_key(|column| (names[*column], *column));
        if let Some(pair) = sorted.windows(2).find(|pair| names[pair[0]] == names[pair[1]]) {
            let (name, columns) = (names[pair[0]], format!("{} and {}", pair[0] + 1, pair[1] + 1));
            let is_known = plan.slot(name).is_some() || plan.is_ignored(name);
            return Err(Error::damaged(
                "header-name-twice",
                match is_known {
                    true => format!("the header names columns {columns} alike: {name}"),
                    false => format!("the header names columns {columns} alike"),
                },
            )
            .next(format!("{FIRST_LINE}; give every column a name of its own")));
        }
        if !names.contains(&key) {
            let is_there = |name: &&str| names.contains(name);
            let looked_for: Vec<&str> = plan.wanted().iter().map(|name| &**name).collect();
            let (there, missing): (Vec<&str>, Vec<&str>) =
                looked_for.iter().partition(|name| is_there(name));
            return Err(Error::damaged(
                "key-column-missing",
                format!(
                    "there is no column {key:?}, the source's key; found {} of the {} columns that are \
                     looked for{}; missing: {}",
                    there.len(),
                    looked_for.len(),
                    if there.is_empty() { String::new() } else { format!(" ({})", shown(&there)) },
                    shown(&missing)
                ),
            )
            .next(format!(
                "{FIRST_LINE}; check that the file belongs to this source, and its delimiter"
            )));
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

/// Names of the policy for people.
fn shown(names: &[&str]) -> String {
    let more = names.len().saturating_sub(NAMES_SHOWN_MAX);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
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
    fn spelling_is_forgiven_where_the_plan_says_so() {
        let mut plan = Plan::default();
        ["record_id", "first_name"].iter().for_each(|name| _ = plan.want(name));
        let names = ["Record-ID", "FIRST NAME", "Shoe Size"];
        assert_eq!(
            Header::resolve(&names, &plan, "record_id").unwrap_err().code,
            "key-column-missing"
        );
        plan.forgive_spelling();
        let header = Header::resolve(&names, &plan, "record_id").unwrap();
        assert_eq!(header.columns, [0, 1, 2]);
        assert_eq!(&*header.unknown[0].0, "Shoe Size");
        let twice = Header::resolve(&["record_id", "First Name", "first-name"], &plan, "record_id");
        assert_eq!(twice.unwrap_err().code, "header-name-twice");
    }

    #[test]
    fn faults_name_the_policys_columns_and_never_people() {
        let error = resolve(&["mail", "Ann Lee"]).unwrap_err();
        assert_eq!(error.code, "key-column-missing");
        assert_eq!(
            error.what,
            "there is no column \"id\", the source's key; found 1 of the 2 columns that are looked for \
             (mail); missing: id"
        );
        assert!(error.next.contains("the first line must be the header"));
        assert_eq!(resolve(&["id", ""]).unwrap_err().code, "header-name-empty");
        let error = resolve(&["id", "mail", "mail"]).unwrap_err();
        assert_eq!(error.code, "header-name-twice");
        assert_eq!(error.what, "the header names columns 2 and 3 alike: mail");
        let first_people: [&[&str]; 3] =
            [&["Ann", "Lee", "Main Road"], &["Lee", "Main Road", "Lee"], &["Lee", "", "Ann"]];
        for names in first_people {
            let error = resolve(names).unwrap_err().to_string();
            assert!(!["Ann", "Lee", "Main"].iter().any(|name| error.contains(name)), "{error}");
        }
    }
}
