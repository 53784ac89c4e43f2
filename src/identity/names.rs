//! Names of people, taken apart: given name, further names, family name; titles left out.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fold::{fold, is_east_asian};
use super::han::latin;

/// A person's name in its parts, folded; an absent part is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// The first given name.
    pub given: String,
    /// Further names and initials, in their order, without particles; last the generation, where it is told.
    pub middle: String,
    /// The family name with its particles.
    pub family: String,
}

const TITLES: [&str; 33] = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "prof",
    "professor",
    "sir",
    "dame",
    "rev",
    "reverend",
    "herr",
    "frau",
    "monsieur",
    "madame",
    "mme",
    "mlle",
    "senor",
    "senora",
    "jr",
    "sr",
    "med",
    "habil",
    "phd",
    "ing",
    "dipl",
    "bt",
    "bart",
    "rt",
    "hon",
    "esq",
    "lady",
];

const PARTICLES: [&str; 20] = [
    "de", "del", "della", "da", "di", "du", "des", "dos", "la", "le", "van", "von", "der", "den",
    "ter", "zu", "zur", "of", "the", "y",
];

/// What is written for somebody whose name nobody knew, folded.
#[rustfmt::skip]
const NOBODY: [&str; 27] = [
    "unknown", "unbekannt", "inconnu", "inconnue", "desconocido", "desconocida", "anon", "anonymous",
    "anonym", "anonyme", "anonimo", "nobody", "no name", "noname", "none", "null", "undefined",
    "test", "customer", "client", "cliente", "kunde", "kundin", "guest", "gast", "resident",
    "occupant",
];

/// What is written in place of a given name, folded: who somebody is to others.
#[rustfmt::skip]
const ROLES: [&str; 44] = [
    "mom", "mommy", "mum", "mummy", "mother", "dad", "daddy", "father", "parent", "husband", "wife",
    "spouse", "daughter", "grandson", "granddaughter", "grandma", "grandpa", "grandmother",
    "grandfather", "sister", "brother", "nephew", "niece", "aunt", "uncle", "cousin", "friend",
    "roommate", "baby", "infant", "child", "girl", "boy", "woman", "gentleman", "mutter", "vater",
    "tochter", "ehemann", "ehefrau", "maman", "papa", "madre", "padre",
];

/// What tells the generations of a family apart that have one name, and what it is called here.
const GENERATIONS: [(&str, &str); 7] = [
    ("sr", "sr"),
    ("senior", "sr"),
    ("jr", "jr"),
    ("junior", "jr"),
    ("ii", "jr"),
    ("iii", "iii"),
    ("iv", "iv"),
];

/// Chinese family names of two characters, simplified; all others have one.
const TWO_CHARACTERS: [&str; 20] = [
    "欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "宇文", "司徒",
    "夏侯", "端木", "独孤", "南宫", "长孙", "万俟", "单于", "澹台",
];

impl Name {
    /// Takes a name apart. Parts that have a column of their own are believed; the whole name adds
    /// what they don't tell, and what isn't a name is left out. A comma in a whole name stands behind the family name, unless what
    /// follows is a rank or the family name has a column.
    pub fn read(full: &str, given: &str, middle: &str, family: &str) -> Name {
        let mut name = Name { middle: fold(middle), ..Name::default() };
        let (given, beside_given) = parted_from_generation(given);
        let (family, beside_family) = parted_from_generation(family);
        let (full, beside_full) = parted_from_generation(full);
        let mut given = without_titles(&fold(given));
        if NOBODY.contains(&&*given) || ROLES.contains(&&*given) {
            given.clear();
        }
        name.family = without_titles(&fold(family));
        // Le and Van are names too, but beside a whole name they are what was cut off from it.
        let is_cut = !full.is_empty() && PARTICLES.contains(&&*name.family);
        if is_cut || NOBODY.contains(&&*name.family) {
            name.family.clear();
        }
        let mut further: Vec<&str> = Vec::new();
        let mut words = given.split(' ');
        name.given = words.next().unwrap_or_default().to_owned();
        further.extend(words);
        let whole = full_name(full, !name.family.is_empty());
        if name.given.is_empty() && name.family.is_empty() {
            whole.part(&mut name);
        } else {
            let known = |word: &&str| {
                !word.is_empty()
                    && !given.split(' ').any(|own| own == *word)
                    && !name.family.split(' ').any(|own| own == *word)
            };
            further.extend(whole.words.iter().map(String::as_str).filter(known));
        }
        let generation = beside_family.or(beside_given).or(beside_full);
        let further = further.into_iter().filter(|word| !PARTICLES.contains(word));
        for word in further.chain(generation) {
            if !name.middle.is_empty() {
                name.middle.push(' ');
            }
            name.middle.push_str(word);
        }
        name
    }
}

/// A name as it was written, and the generation that stands behind it.
fn parted_from_generation(text: &str) -> (&str, Option<&'static str>) {
    let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | '.');
    let text = text.trim_end_matches(is_between);
    let Some((before, last)) = text.rsplit_once(is_between) else { return (text, None) };
    let last = GENERATIONS.iter().find(|(written, _)| last.eq_ignore_ascii_case(written));
    match last {
        Some((_, called)) => (before.trim_end_matches(is_between), Some(called)),
        None => (text, None),
    }
}

/// Parts what [`Name::middle`] holds: further names, and the generation.
pub fn generation(middle: &str) -> (&str, &str) {
    let (before, last) = middle.rsplit_once(' ').unwrap_or(("", middle));
    match last {
        "sr" | "jr" | "iii" | "iv" => (before, last),
        _ => (middle, ""),
    }
}

/// A whole name in words, without titles.
struct Whole {
    words: Vec<String>,
    family_first: bool,
}

fn full_name(full: &str, has_family: bool) -> Whole {
    let (before, behind) = full.split_once(',').unwrap_or((full, ""));
    let turned = !has_family
        && behind.trim_start().starts_with(char::is_alphabetic)
        && before.split_whitespace().count() <= 3;
    let text = if turned { format!("{behind} {before}") } else { before.to_owned() };
    let folded = without_titles(&fold(&text));
    let words: Vec<String> =
        folded.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let family_first = words.first().is_some_and(|word| word.chars().any(is_east_asian));
    Whole { words, family_first }
}

impl Whole {
    fn part(&self, name: &mut Name) {
        if self.family_first {
            let whole: String = if self.words.len() == 1 {
                self.words[0].clone()
            } else {
                name.family.clone_from(&self.words[0]);
                name.given = self.words[1..].concat();
                return;
            };
            let length =
                if TWO_CHARACTERS.iter().any(|two| whole.starts_with(two)) { 2 } else { 1 };
            let at = whole.char_indices().nth(length).map_or(whole.len(), |(at, _)| at);
            name.family = whole[..at].to_owned();
            name.given = whole[at..].to_owned();
            return;
        }
        let Some((given, rest)) = self.words.split_first() else { return };
        name.given.clone_from(given);
        let mut start = rest.len().saturating_sub(1);
        while start > 0 && PARTICLES.contains(&rest[start - 1].as_str()) {
            start -= 1;
        }
        name.family = rest[start..].join(" ");
        let middle = rest[..start].join(" ");
        if !middle.is_empty() {
            name.middle = middle;
        }
    }
}

fn without_titles(folded: &str) -> String {
    // "3rd", "20th": ranks.
    let is_title = |word: &&str| {
        TITLES.contains(word)
            || word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with(char::is_alphabetic)
    };
    if !folded.split(' ').any(|word| is_title(&word)) {
        return folded.to_owned();
    }
    folded.split(' ').filter(|word| !is_title(word)).collect::<Vec<_>>().join(" ")
}

/// Families of names, each a line of `nicknames.txt`.
static FAMILIES: LazyLock<HashMap<&'static str, Vec<u16>>> = LazyLock::new(|| {
    let mut families: HashMap<&str, Vec<u16>> = HashMap::new();
    let lines = include_str!("nicknames.txt").lines().filter(|line| !line.starts_with('#'));
    for (index, line) in lines.enumerate() {
        for name in line.split(' ') {
            families.entry(name).or_default().push(index as u16);
        }
    }
    families
});

/// The families of names that a folded given name belongs to, in order.
pub fn families(given: &str) -> &'static [u16] {
    FAMILIES.get(given).map_or(&[], Vec::as_slice)
}

/// How a name sounds, roughly: its first letter and up to four kinds of consonants. A name in Han
/// characters sounds as it does in Mandarin, one in other characters like nothing but itself.
pub fn sound(folded: &str) -> String {
    let mut out = String::new();
    let mut last = 0;
    for c in latin(folded).chars().filter(|c| *c != ' ') {
        let class = match c {
            'b' | 'f' | 'p' | 'v' => 1,
            'c' | 'g' | 'j' | 'k' | 'q' | 's' | 'x' | 'z' => 2,
            'd' | 't' => 3,
            'l' => 4,
            'm' | 'n' => 5,
            'r' => 6,
            'h' | 'w' => last,
            c if c.is_ascii() => 0,
            c => {
                out.push(c);
                0
            }
        };
        if out.is_empty() {
            out.push(c);
        } else if class != 0 && class != last {
            out.push(char::from(b'0' + class));
        }
        last = class;
        if out.len() >= 5 {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(given: &str, middle: &str, family: &str) -> Name {
        Name { given: given.into(), middle: middle.into(), family: family.into() }
    }

    #[test]
    fn names_come_apart() {
        for (full, parts) in [
            ("Dr. Harry Frank Blanford", name("harry", "frank", "blanford")),
            ("Blanford, Harry Frank", name("harry", "frank", "blanford")),
            ("Jan van der Berg", name("jan", "", "van der berg")),
            ("margaret monthermer, 3rd baroness", name("margaret", "", "monthermer")),
            ("王小明", name("小明", "", "王")),
            ("欧阳修", name("修", "", "欧阳")),
            ("歐陽修", name("修", "", "欧阳")),
            ("王 小明", name("小明", "", "王")),
            ("Cher", name("cher", "", "")),
            ("", Name::default()),
        ] {
            assert_eq!(Name::read(full, "", "", ""), parts, "{full}");
        }
    }

    #[test]
    fn columns_are_believed_and_the_whole_name_adds() {
        let read = |full, given, middle, family| Name::read(full, given, middle, family);
        assert_eq!(read("g.w.t. omond", "g.w.t.", "", "omond"), name("g", "w t", "omond"));
        assert_eq!(
            read("robert drew hicks", "Robert", "", "Hicks"),
            name("robert", "drew", "hicks")
        );
        assert_eq!(read("", "Anna-Maria", "T", "Brooks"), name("anna", "t maria", "brooks"));
        assert_eq!(read("", "Tyler", "T", "Le"), name("tyler", "t", "le"));
        assert_eq!(read("charles de", "charles", "", "de"), name("charles", "", ""));
    }

    #[test]
    fn what_is_written_for_want_of_a_name_is_none() {
        let read = |given, middle, family| Name::read("", given, middle, family);
        assert_eq!(read("Mom", "J", "Brooks"), name("", "j", "brooks"));
        assert_eq!(read("Unknown", "", "ANONYMOUS"), Name::default());
        assert_eq!(read("Lady Anna", "", "Guest"), name("anna", "", ""));
        for word in NOBODY.iter().chain(&ROLES) {
            assert_eq!(fold(word), *word);
            assert!(families(word).is_empty(), "{word} is a short name");
        }
    }

    #[test]
    fn generations_are_kept() {
        for (full, middle) in [
            ("John Smithson Jr.", "jr"),
            ("John T. Smithson, Sr", "t sr"),
            ("Smithson, John II", "jr"),
            ("John Smithson III", "iii"),
            ("John Smithson", ""),
        ] {
            assert_eq!(Name::read(full, "", "", "").middle, middle, "{full}");
        }
        let read = |given, family| Name::read("", given, "", family);
        assert_eq!(read("John", "Smithson Jr"), name("john", "jr", "smithson"));
        assert_eq!(generation("t sr"), ("t", "sr"));
        assert_eq!((generation("iii"), generation("t anna")), (("", "iii"), ("t anna", "")));
        assert_eq!(read("Prof. Dr. med. Anna", "Grün"), name("anna", "", "grun"));
    }

    #[test]
    fn nicknames_and_sounds() {
        let related = |a, b| families(a).iter().any(|x| families(b).contains(x));
        assert!(related("alfred", "fred") && related("bob", "robert") && related("jack", "john"));
        for (called, named) in [
            ("gosia", "malgorzata"),
            ("kasia", "katarzyna"),
            ("wojtek", "wojciech"),
            ("kostas", "konstantinos"),
            ("uschi", "ursula"),
            ("hannes", "johannes"),
            ("pepe", "jose"),
            ("paco", "francisco"),
            ("peppe", "giuseppe"),
            ("sasha", "aleksandr"),
        ] {
            assert!(related(called, named), "{called}");
        }
        assert!(!related("anna", "robert") && families("quetzal").is_empty());
        assert_eq!(sound("sidgwick"), sound("sidgqick"));
        assert_eq!(sound("王"), sound("wang"));
        assert_eq!(sound("김"), "김");
        assert_ne!(sound("hicks"), sound("brooks"));
    }
}
