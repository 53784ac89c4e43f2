//! How far two texts of a field agree: a level of the field's kind.
//!
//! Every comparison is symmetric. What is cheap to see is looked at first, because most pairs of
//! different texts have little in common.

use rapidfuzz::distance::{jaro_winkler, osa};

use super::field::{Kind, MISSING};
use super::han::{family_pinyin, pinyin};
use super::names::{families, generation};

/// Similarity of texts with one slip, by Jaro–Winkler.
const SLIP: f64 = 0.92;
/// Of texts that are similar.
const SIMILAR: f64 = 0.85;
/// Of texts that are slightly similar.
const SLIGHT: f64 = 0.72;

/// Jaro–Winkler similarity of two texts in 0..=1; 0 below `least`. A name in Han characters is compared
/// with one in Latin letters by how it sounds.
pub fn alike(a: &str, b: &str, least: f64) -> f64 {
    if a.is_ascii() == b.is_ascii() {
        return as_written(a, b, least);
    }
    let (characters, letters) = if a.is_ascii() { (b, a) } else { (a, b) };
    match (pinyin(characters), family_pinyin(characters)) {
        (Some(one), Some(two)) => {
            let letters = letters.replace(' ', "");
            as_written(&one, &letters, least).max(as_written(&two, &letters, least))
        }
        _ => as_written(a, b, least),
    }
}

fn as_written(a: &str, b: &str, least: f64) -> f64 {
    if most_alike(a, b) < least {
        return 0.0;
    }
    let args = jaro_winkler::Args::default().score_cutoff(least);
    let similarity = if a.is_ascii() && b.is_ascii() {
        jaro_winkler::similarity_with_args(a.bytes(), b.bytes(), &args)
    } else {
        jaro_winkler::similarity_with_args(a.chars(), b.chars(), &args)
    };
    similarity.unwrap_or(0.0)
}

/// What the similarity can be at most, from the letters that only one of the two has: most pairs of
/// different names are told apart by this alone.
fn most_alike(a: &str, b: &str) -> f64 {
    let letters = |text: &str| text.bytes().fold(0u64, |set, byte| set | 1 << (byte & 63));
    let (has_a, has_b) = (letters(a), letters(b));
    let only = |one: u64, two: u64| (one & !two).count_ones() as usize;
    let (len_a, len_b) = (a.len(), b.len());
    let matching = (len_a - only(has_a, has_b)).min(len_b - only(has_b, has_a));
    if matching == 0 || !a.is_ascii() || !b.is_ascii() {
        return if a.is_ascii() && b.is_ascii() { 0.0 } else { 1.0 };
    }
    let share = matching as f64;
    let jaro = (share / len_a as f64 + share / len_b as f64 + 1.0) / 3.0;
    let prefix = a.bytes().zip(b.bytes()).take(4).take_while(|(x, y)| x == y).count();
    jaro + 0.1 * prefix as f64 * (1.0 - jaro)
}

/// How many signs of two codes differ, where one is written wrong, left out, added or swapped with
/// its neighbour (1), or two are written wrong (2); 3 for more.
fn slips(a: &[u8], b: &[u8]) -> usize {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[head..], &b[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    match (a.len(), b.len()) {
        (0, 0) => 0,
        (0 | 1, 1) | (1, 0) => 1,
        (2, 2) if a[0] == b[1] && a[1] == b[0] => 1,
        (x, y) if x == y && a.iter().zip(b).filter(|(x, y)| x != y).count() == 2 => 2,
        _ => 3,
    }
}

/// How many letters have to be changed, left out, added or swapped with their neighbour; 3 for more.
fn edits(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return 3;
    }
    let args = osa::Args::default().score_cutoff(2);
    osa::distance_with_args(a.bytes(), b.bytes(), &args).unwrap_or(3)
}

/// The level of two different texts of a kind; `MISSING` where they can't be compared.
pub fn level_of(kind: Kind, a: &str, b: &str) -> u8 {
    match kind {
        Kind::Given => given(a, b),
        Kind::Family => family(a, b),
        Kind::Order => 1,
        Kind::Middle => middle(a, b),
        Kind::Date => date(a, b),
        Kind::Email => email(a, b),
        Kind::Code => match slips(a.as_bytes(), b.as_bytes()) {
            1 if a.len().min(b.len()) >= 4 => 1,
            2 if a.len().min(b.len()) >= 6 => 2,
            _ => 3,
        },
        Kind::Class => 1,
        Kind::Words => words(a, b),
        Kind::Postcode => postcode(a, b),
    }
}

fn given(a: &str, b: &str) -> u8 {
    if families(a).iter().any(|family| families(b).contains(family)) {
        return 1;
    }
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.chars().count() == 1 && long.starts_with(short) {
        return 4;
    }
    match alike(a, b, SLIGHT) {
        s if s >= SLIP => 2,
        s if s >= SIMILAR => 3,
        s if s >= SLIGHT => 5,
        _ => 6,
    }
}

fn family(a: &str, b: &str) -> u8 {
    if has_common_word(a, b, 3) {
        return 1;
    }
    match alike(a, b, SLIGHT) {
        s if s >= SLIP => 2,
        s if s >= SIMILAR => 3,
        s if s >= SLIGHT => 4,
        _ => 5,
    }
}

fn middle(a: &str, b: &str) -> u8 {
    // Which generation somebody is of is told beside the given name.
    let (a, b) = (generation(a).0, generation(b).0);
    if a.is_empty() || b.is_empty() {
        return MISSING;
    }
    let fits = |x: &str, y: &str| x.starts_with(y) || y.starts_with(x);
    let all_fit = a
        .split(' ')
        .zip(b.split(' '))
        .all(|(x, y)| fits(x, y) && (x.chars().count() == 1 || y.chars().count() == 1 || x == y));
    if all_fit {
        1
    } else if a.split(' ').any(|x| b.split(' ').any(|y| x == y || alike(x, y, SLIP) > 0.0)) {
        2
    } else {
        3
    }
}

fn has_common_word(a: &str, b: &str, letters: usize) -> bool {
    (a.contains(' ') || b.contains(' '))
        && a.split(' ').any(|x| x.len() >= letters && b.split(' ').any(|y| x == y))
}

fn date(a: &str, b: &str) -> u8 {
    let (x, y) = (a.as_bytes(), b.as_bytes());
    // A year alone.
    if x.len() == 4 || y.len() == 4 {
        return if x.starts_with(y) || y.starts_with(x) { 3 } else { 5 };
    }
    let slips = slips(x, y);
    if x.len() != 8 || y.len() != 8 {
        return if slips <= 2 { slips as u8 } else { 5 };
    }
    let turned = x[..4] == y[..4] && x[4..6] == y[6..] && x[6..] == y[4..6];
    match slips {
        1 => 1,
        _ if turned => 1,
        2 => 2,
        _ if x[..4] == y[..4] => 3,
        _ if x[4..] == y[4..] => 4,
        _ => 5,
    }
}

fn email(a: &str, b: &str) -> u8 {
    let local = |text: &'_ str| text.find(['@', '+']).unwrap_or(text.len());
    let (one, two) = (&a[..local(a)], &b[..local(b)]);
    if one == two {
        return 1;
    }
    // Namesakes tell their addresses apart by numbers.
    if !one.bytes().filter(u8::is_ascii_digit).eq(two.bytes().filter(u8::is_ascii_digit)) {
        return 4;
    }
    match edits(a, b) {
        ..=2 => 2,
        _ if edits(one, two) <= 1 && one.len().min(two.len()) >= 5 => 3,
        _ => 4,
    }
}

fn words(a: &str, b: &str) -> u8 {
    match alike(a, b, SIMILAR) {
        s if s >= SLIP => 1,
        s if s >= SIMILAR => 2,
        _ if has_common_word(a, b, 4) => 3,
        _ => 4,
    }
}

fn postcode(a: &str, b: &str) -> u8 {
    let area = |text: &str| -> usize {
        let chars = text.chars().count();
        text.char_indices().nth(chars.saturating_sub(3).max(2)).map_or(text.len(), |(at, _)| at)
    };
    match slips(a.as_bytes(), b.as_bytes()) {
        1 => 1,
        _ if a[..area(a)] == b[..area(b)] => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Kind; 9] = [
        Kind::Given,
        Kind::Family,
        Kind::Middle,
        Kind::Date,
        Kind::Email,
        Kind::Code,
        Kind::Class,
        Kind::Words,
        Kind::Postcode,
    ];

    #[test]
    fn levels_by_example() {
        for (kind, a, b, level) in [
            (Kind::Given, "alfred", "fred", 1),
            (Kind::Given, "michael", "micheal", 2),
            (Kind::Given, "j", "john", 4),
            (Kind::Given, "anna", "robert", 6),
            (Kind::Given, "小明", "xiaoming", 2),
            (Kind::Given, "小明", "晓明", 6),
            (Kind::Given, "小明", "anna", 6),
            (Kind::Family, "曾", "zeng", 2),
            (Kind::Family, "张", "章", 5),
            (Kind::Words, "上海", "shanghai", 1),
            (Kind::Family, "smith jones", "jones", 1),
            (Kind::Family, "sidgwick", "sidgqick", 2),
            (Kind::Middle, "t", "thomas", 1),
            (Kind::Middle, "a thomas", "thomas", 2),
            (Kind::Date, "19980917", "19981709", 1),
            (Kind::Date, "19980917", "19980918", 1),
            (Kind::Date, "19980917", "19980317", 1),
            (Kind::Date, "19980917", "19980321", 3),
            (Kind::Date, "19980917", "20110917", 4),
            (Kind::Date, "19980917", "20110321", 5),
            (Kind::Date, "1998", "19980317", 3),
            (Kind::Date, "1998", "1999", 5),
            (Kind::Email, "ann+shop@a.com", "ann@a.com", 1),
            (Kind::Email, "ann@a.com", "ann@b.com", 1),
            (Kind::Code, "3417740", "3417741", 1),
            (Kind::Code, "12", "13", 3),
            (Kind::Postcode, "po138bs", "po139zz", 2),
        ] {
            assert_eq!(level_of(kind, a, b), level, "{kind:?} {a} {b}");
        }
    }

    proptest! {
        #[test]
        fn symmetric_and_within_the_levels(a in "[a-c1-3 @王]{1,9}|[0-9]{8}", b in "[a-c1-3 @王]{1,9}|[0-9]{8}") {
            for kind in KINDS {
                let level = level_of(kind, &a, &b);
                prop_assert_eq!(level, level_of(kind, &b, &a), "{:?}", kind);
                prop_assert!(usize::from(level) < super::super::field::levels(kind).len());
            }
        }
    }
}
