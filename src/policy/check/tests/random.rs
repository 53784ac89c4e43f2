//! Arbitrary and mutated files: the check answers, and never panics.

use proptest::prelude::*;

use super::{GOOD, example};
use crate::policy::check::check;

/// The check of a text; whatever it finds has a line of the text and something to say.
fn answers(text: &str) {
    if let Err(mistakes) = check(text) {
        let lines = text.matches('\n').count() + 1;
        assert!(!mistakes.is_empty());
        for mistake in mistakes {
            assert!((1..=lines).contains(&(mistake.line as usize)), "{mistake}");
            assert!(!mistake.what.is_empty() && !mistake.why.is_empty() && !mistake.fix.is_empty());
        }
    }
}

/// A line of a policy with something taken out, put in, or put in its place.
fn mutated(text: String) -> impl Strategy<Value = String> {
    let count = text.lines().count();
    let piece = prop_oneof![
        Just("\"".to_owned()),
        Just("[".to_owned()),
        Just(" = ".to_owned()),
        Just("0".to_owned()),
        Just("{ from = \"é\" }".to_owned()),
        Just("[[]]".to_owned()),
        Just("\u{0}".to_owned()),
        "\\PC{0,4}",
    ];
    let edits =
        prop::collection::vec((0..count, any::<prop::sample::Index>(), 0_usize..6, piece), 1..4);
    edits.prop_map(move |edits| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (number, at, cut, piece) in edits {
            let mut chars: Vec<char> = lines[number].chars().collect();
            let from = at.index(chars.len() + 1);
            let to = (from + cut).min(chars.len());
            chars.splice(from..to, piece.chars());
            lines[number] = chars.into_iter().collect();
        }
        lines.join("\n")
    })
}

/// A policy some of whose values stand in the places of others, so that it is still TOML.
fn shuffled(text: String) -> impl Strategy<Value = String> {
    let count = text.lines().count();
    prop::collection::vec((0..count, 0..count), 1..5).prop_map(move |swaps| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (one, other) in swaps {
            let value = lines[other].split_once(" = ").map(|(_, value)| value.to_owned());
            let key = lines[one].split_once(" = ").map(|(key, _)| key.to_owned());
            if let (Some(key), Some(value)) = (key, value) {
                lines[one] = format!("{key} = {value}");
            }
        }
        lines.join("\n")
    })
}

proptest! {
    #[test]
    fn arbitrary_text_is_answered(text in "\\PC{0,200}|[\\[\\]{}=\"'.,a-z0-9 \n\r\t#\\\\-]{0,200}") {
        answers(&text);
    }

    #[test]
    fn mutated_policies_are_answered(text in prop_oneof![mutated(GOOD.to_owned()), mutated(example())]) {
        answers(&text);
    }

    #[test]
    fn shuffled_policies_are_answered(text in prop_oneof![shuffled(GOOD.to_owned()), shuffled(example())]) {
        answers(&text);
    }
}

#[test]
fn line_ends_and_byte_order_marks_make_no_difference() {
    let plain = check(GOOD).expect("it has no mistakes");
    assert_eq!(check(&GOOD.replace('\n', "\r\n")).as_ref(), Ok(&plain));
    assert_eq!(check(&format!("\u{feff}{GOOD}")).as_ref(), Ok(&plain));
}

#[test]
fn an_empty_file_says_what_is_missing() {
    for text in ["", "\n\n", "# only a comment"] {
        let mistakes = check(text).expect_err("nobody answers for it");
        assert_eq!((mistakes.len(), mistakes[0].code), (1, "controller-missing"));
    }
}
