//! "Did you mean …?": the known name that is nearest to a misspelt one.
//!
//! Nearness is Levenshtein's edit distance, with a swap of neighbours as one edit, without regard
//! to case; a name is only offered when at
//! most a third of it differs, since a far-fetched offer misleads more than a list.

/// The fix for a name that means nothing: the nearest name that does, when one is near, or else all
/// of them; and `otherwise` what to do when none was meant, which may be empty.
pub(super) fn suggest<'n>(
    given: &str,
    known: impl IntoIterator<Item = &'n str>,
    otherwise: impl AsRef<str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match (nearest(given, known.iter().copied()), otherwise.as_ref()) {
        (Some(near), "") => format!("did you mean {near:?}?"),
        (Some(near), otherwise) => format!("did you mean {near:?}? If not, {otherwise}"),
        (None, "") => format!("write one of {}", known.join(", ")),
        (None, otherwise) if known.is_empty() => otherwise.to_owned(),
        (None, otherwise) => format!("write one of {}; or {otherwise}", known.join(", ")),
    }
}

/// The nearest of the known names, when one is near enough.
pub(super) fn nearest<'n>(
    given: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let given = given.trim().to_lowercase().replace(' ', "_");
    let tolerated = (given.chars().count() / 3).clamp(1, 4);
    let near = known.into_iter().filter(|name| name.len().abs_diff(given.len()) <= 4 * tolerated);
    near.map(|name| (distance(&given, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many characters must be put in, left out, replaced or swapped with their neighbour to make
/// one text from the other.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 0..one.len() {
        let mut row = vec![i + 1];
        for j in 0..other.len() {
            let replaced = last[j] + usize::from(one[i] != other[j]);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && one[i] == other[j - 1] && one[i - 1] == other[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_textbook_distances() {
        for (one, other, edits) in [
            ("kitten", "sitting", 3),
            ("saturday", "sunday", 3),
            ("", "abc", 3),
            ("flaw", "lawn", 2),
            ("gumbo", "gambol", 2),
            ("é", "e", 1),
            ("tilte", "title", 1),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(one, other), edits, "{one} to {other}");
        }
    }

    #[test]
    fn offers_only_what_is_near() {
        let names = ["contact", "order", "support"];
        assert_eq!(nearest("contcat", names), Some("contact"));
        assert_eq!(nearest("Orders", names), Some("order"));
        assert_eq!(nearest("behaviour", names), None);
        assert_eq!(nearest("", names), None);
    }

    /// The definition, without a table.
    fn by_definition(one: &[char], other: &[char]) -> usize {
        let (Some(mine), Some(theirs)) = (one.last(), other.last()) else {
            return one.len() + other.len();
        };
        let (shorter_one, shorter_other) = (&one[..one.len() - 1], &other[..other.len() - 1]);
        let replaced = by_definition(shorter_one, shorter_other) + usize::from(mine != theirs);
        let left_out = by_definition(shorter_one, other) + 1;
        let put_in = by_definition(one, shorter_other) + 1;
        let least = replaced.min(left_out).min(put_in);
        match (shorter_one, shorter_other) {
            ([rest_one @ .., a], [rest_other @ .., b]) if a == theirs && b == mine => {
                least.min(by_definition(rest_one, rest_other) + 1)
            }
            _ => least,
        }
    }

    proptest! {
        #[test]
        fn is_what_the_definition_says(one in "[abc]{0,5}", other in "[abc]{0,5}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = by_definition(&chars(&one), &chars(&other));
            prop_assert_eq!(distance(&one, &other), expected);
            prop_assert_eq!(distance(&other, &one), expected);
        }
    }
}
