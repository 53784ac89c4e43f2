//! Names in Han characters beside the same names in Latin letters: one person writes 王小明 in the shop,
//! Wang Xiaoming on a passport, and 王曉明 in Hong Kong.
//!
//! Traditional characters fold to simplified ones. How a name sounds is only a bridge to names in Latin
//! letters, by the readings of Mandarin: two names in characters are compared as written, because many
//! names share one sound.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The first and the last character of the tables.
const FIRST: u32 = 0x4e00;
const LAST: u32 = 0x9fff;

/// Family names that sound otherwise than their characters do elsewhere.
const FAMILIES: [(&str, &str); 21] = [
    ("万俟", "moqi"),
    ("单", "shan"),
    ("单于", "chanyu"),
    ("仇", "qiu"),
    ("任", "ren"),
    ("区", "ou"),
    ("卜", "bu"),
    ("召", "shao"),
    ("员", "yun"),
    ("尉迟", "yuchi"),
    ("折", "she"),
    ("曾", "zeng"),
    ("朴", "piao"),
    ("查", "zha"),
    ("盖", "ge"),
    ("种", "chong"),
    ("缪", "miao"),
    ("翟", "zhai"),
    ("覃", "qin"),
    ("解", "xie"),
    ("澹台", "tantai"),
];

/// The simplified character that a traditional one became; every other character as it is.
pub fn simplified(c: char) -> char {
    static PAIRS: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
        let pairs = lines(include_str!("han/simplified.txt")).flat_map(|line| line.split(' '));
        pairs
            .filter_map(|pair| {
                let mut characters = pair.chars();
                Some((characters.next()?, characters.next()?))
            })
            .collect()
    });
    if (FIRST..=LAST).contains(&u32::from(c)) { *PAIRS.get(&c).unwrap_or(&c) } else { c }
}

/// How a folded name is written in Latin letters, without tones and spaces; `None` unless all of it
/// stands in Han characters.
pub fn pinyin(name: &str) -> Option<String> {
    if !starts_in_han(name) {
        return None;
    }
    name.chars().filter(|c| *c != ' ').map(sound_of).collect()
}

/// The same, read as a family name.
pub fn family_pinyin(name: &str) -> Option<String> {
    if !starts_in_han(name) {
        return None;
    }
    let family = FAMILIES.iter().find(|(characters, _)| *characters == name);
    family.map_or_else(|| pinyin(name), |(_, sound)| Some((*sound).to_owned()))
}

/// A name in Latin letters where it stands in Han characters; every other as it is.
pub fn latin(name: &str) -> Cow<'_, str> {
    family_pinyin(name).map_or(Cow::Borrowed(name), Cow::Owned)
}

/// Most names stand in Latin letters and are told apart here, before any table is asked.
fn starts_in_han(name: &str) -> bool {
    name.chars().next().is_some_and(|c| (FIRST..=LAST).contains(&u32::from(c)))
}

/// How one character sounds.
fn sound_of(c: char) -> Option<&'static str> {
    static SOUNDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let mut sounds = vec![""; (LAST - FIRST + 1) as usize];
        for line in lines(include_str!("han/pinyin.txt")) {
            let Some((sound, characters)) = line.split_once(' ') else { continue };
            for c in characters.chars() {
                sounds[(u32::from(c) - FIRST) as usize] = sound;
            }
        }
        sounds
    });
    let at = u32::from(c).checked_sub(FIRST)?;
    SOUNDS.get(at as usize).copied().filter(|sound| !sound.is_empty())
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_on_a_passport() {
        for (name, written) in [
            ("王", "wang"),
            ("小明", "xiaoming"),
            ("小 明", "xiaoming"),
            ("欧阳", "ouyang"),
            ("吕", "lu"),
            ("曾", "zeng"),
            ("万俟", "moqi"),
        ] {
            assert_eq!(family_pinyin(name).as_deref(), Some(written), "{name}");
        }
        for name in ["", "wang", "王x", "田中さくら", "김"] {
            assert_eq!(family_pinyin(name), None, "{name}");
        }
    }

    #[test]
    fn traditional_characters_have_one_simplified_form_that_sounds() {
        for (traditional, one) in
            [('張', '张'), ('曉', '晓'), ('陳', '陈'), ('王', '王'), ('a', 'a')]
        {
            assert_eq!(simplified(traditional), one);
        }
        for code in FIRST..=LAST {
            let c = char::from_u32(code).unwrap();
            assert_eq!(simplified(simplified(c)), simplified(c), "{c}");
        }
        let sounding = (FIRST..=LAST).filter_map(char::from_u32);
        let silent = sounding.filter(|c| sound_of(simplified(*c)).is_none()).count();
        assert!(silent < 150, "{silent} characters have no sound");
    }
}
