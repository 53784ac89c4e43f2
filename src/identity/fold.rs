//! One spelling of letters: lower case, without accents, in Latin letters where the script is an
//! alphabet.
//!
//! Han characters stay, simplified: their sound depends on who speaks. Greek, Cyrillic, Georgian and Armenian
//! letters get the Latin ones of a passport, so that a till that can't type them still finds the person. Katakana
//! become Hiragana, and of the forms of an Arabic letter one stands for all.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::han::simplified;

/// Folds a text to letters, digits and single spaces. Apostrophes vanish, other signs part words.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.is_ascii() {
        for byte in text.bytes() {
            push(&mut out, byte.to_ascii_lowercase() as char);
        }
    } else {
        for c in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
            match latin(c) {
                Some("y") if out.ends_with('o') => out.push('u'),
                Some(letters) => out.push_str(letters),
                None => push(&mut out, simplified(one_form(c))),
            }
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

fn push(out: &mut String, c: char) {
    if c.is_alphanumeric() {
        out.push(c);
    } else if !matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '`' | '\u{b4}')
        && !is_combining_mark(c)
        && !out.is_empty()
        && !out.ends_with(' ')
    {
        out.push(' ');
    }
}

/// Whether a character is Han, Kana or Hangul: written without spaces, family name first.
pub fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// One of the forms of a letter that are written for each other.
fn one_form(c: char) -> char {
    match c {
        'ى' | 'ی' => 'ي',
        'ک' => 'ك',
        'ة' => 'ه',
        'ァ'..='ヶ' => char::from_u32(c as u32 - 0x60).unwrap_or(c),
        c => c,
    }
}

/// From ა on, in the order of their code points.
const GEORGIAN: [&str; 33] = [
    "a", "b", "g", "d", "e", "v", "z", "t", "i", "k", "l", "m", "n", "o", "p", "zh", "r", "s", "t",
    "u", "p", "k", "gh", "q", "sh", "ch", "ts", "dz", "ts", "ch", "kh", "j", "h",
];

/// From ա on.
const ARMENIAN: [&str; 38] = [
    "a", "b", "g", "d", "e", "z", "e", "y", "t", "zh", "i", "l", "kh", "ts", "k", "h", "dz", "gh",
    "ch", "m", "y", "n", "sh", "o", "ch", "p", "j", "r", "s", "v", "t", "r", "ts", "v", "p", "k",
    "o", "f",
];

/// The Latin letters of a lower-case letter without accents, where it isn't one itself.
fn latin(c: char) -> Option<&'static str> {
    if let 'ა'..='ჰ' | 'ա'..='ֆ' = c {
        let (letters, first) =
            if c >= 'ა' { (&GEORGIAN[..], 'ა') } else { (&ARMENIAN[..], 'ա') };
        return letters.get(c as usize - first as usize).copied();
    }
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'þ' => "th",
        'ı' => "i",
        'ħ' => "h",
        'ŋ' => "n",
        'α' => "a",
        'β' => "v",
        'γ' => "g",
        'δ' => "d",
        'ε' => "e",
        'ζ' => "z",
        'η' | 'ι' => "i",
        'θ' => "th",
        'κ' => "k",
        'λ' => "l",
        'μ' => "m",
        'ν' => "n",
        'ξ' => "x",
        'ο' | 'ω' => "o",
        'π' => "p",
        'ρ' => "r",
        'σ' | 'ς' => "s",
        'τ' => "t",
        'υ' => "y",
        'φ' => "f",
        'χ' => "ch",
        'ψ' => "ps",
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' => "d",
        'е' | 'э' => "e",
        'є' => "ie",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' | 'й' | 'ј' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' | 'ў' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' => "ie",
        'ы' => "y",
        'ь' => "",
        'ю' => "iu",
        'я' => "ia",
        'ђ' => "dj",
        'љ' => "lj",
        'њ' => "nj",
        'ћ' => "c",
        'џ' => "dz",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_meet() {
        for (text, folded) in [
            ("  O'Brien-Smith ", "obrien smith"),
            ("Müller", "muller"),
            ("Strauß", "strauss"),
            ("Łukasz", "lukasz"),
            ("Παπαδόπουλος", "papadopoulos"),
            ("Шевченко", "shevchenko"),
            ("ＡＮＮ", "ann"),
            ("გიორგი ბერიძე", "giorgi beridze"),
            ("Արամ Պետրոսյան", "aram petrosyan"),
            ("サクラ", "さくら"),
            ("على الحسیني", "علي الحسيني"),
            ("王小明", "王小明"),
            ("陳曉明", "陈晓明"),
            ("g.w.t.", "g w t"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "[\\PC]{0,30}|[a-zÄß' .αя王-]{0,20}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once.clone());
            prop_assert!(!once.contains("  ") && !once.starts_with(' ') && !once.ends_with(' '));
        }
    }
}
