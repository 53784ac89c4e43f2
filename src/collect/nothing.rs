//! What stands where a value is missing: the words and signs that programs and people write for "nothing",
//! and what a spreadsheet leaves of a value that it damaged.
//!
//! As an identifier or a key each of them would make one person of all who have none. Too long a list keeps
//! apart two records of somebody whose customer number is `guest`; too short a one shows a person's data to
//! strangers. So the list is long, and a policy adds its own (`ignore`).

/// How programs write a value that isn't there, in lower case.
#[rustfmt::skip]
const OF_PROGRAMS: &[&str] = &[
    // Databases and their exports; MySQL writes \N.
    "null", "(null)", "<null>", "[null]", "nul", "\\n", "nil", "<nil>", "none", "(none)", "<none>",
    "void",
    // Numbers that are none: C, Java, pandas, the old Windows libraries.
    "nan", "-nan", "+nan", "<na>", "nat", "inf", "-inf", "+inf", "infinity", "-infinity",
    // JavaScript that wrote a thing instead of its text.
    "undefined", "[object object]", "[object undefined]", "[object null]", "[object]",
    "invalid date",
    // A flag that came into the wrong column.
    "true", "false",
    // Web analytics.
    "(not set)", "(not provided)", "(direct)", "(other)", "(empty)", "(blank)",
];

/// What people write who have nothing to write, in lower case: English, German, French, Spanish, Italian,
/// Dutch, Portuguese, Polish.
#[rustfmt::skip]
const OF_PEOPLE: &[&str] = &[
    "na", "n/a", "n.a.", "n.a", "n/a.", "#n/a n/a", "not available", "not applicable",
    "not provided", "not set", "not known", "not given", "unknown", "unkown", "anonymous", "anon",
    "guest", "empty", "blank", "missing", "nothing", "no value", "no data", "no email", "no mail",
    "no card", "no number", "no phone", "tbd", "tbc", "t.b.d.", "default", "dummy", "placeholder",
    "xx", "xxx", "xxxx", "keine", "keine angabe", "keine angaben", "k.a.", "k. a.", "k.a", "k/a",
    "ohne", "unbekannt", "anonym", "gast", "leer", "nicht vorhanden", "entfällt", "inconnu",
    "inconnue", "aucun", "aucune", "néant", "neant", "non renseigné", "anonyme", "vide",
    "desconocido", "desconocida", "ninguno", "ninguna", "sin datos", "anónimo", "anonimo", "vacío",
    "sconosciuto", "sconosciuta", "nessuno", "nessuna", "vuoto", "onbekend", "geen", "anoniem",
    "leeg", "n.v.t.", "nvt", "desconhecido", "nenhum", "nenhuma", "vazio", "brak", "nieznany",
    "nie dotyczy",
];

/// Before the @ of an address that nobody reads, in lower case.
#[rustfmt::skip]
const LOCAL_PARTS: &[&str] = &[
    "none", "noreply", "no-reply", "no.reply", "no_reply", "donotreply", "do-not-reply", "example",
    "na", "n/a", "null", "nan", "undefined", "nomail", "no-mail", "noemail", "no-email",
];

/// Whether a text stands for "nothing".
pub(super) fn is_word(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.contains('@') {
        return false;
    }
    // Signs alone name nobody: `?`, `--`, `...`, `#####`; nor do zeros: `000`, `0.00`, the nil UUID.
    let names = |c: char| c.is_alphanumeric() && c != '0' && c != '\u{ff10}';
    if !text.chars().any(names) || is_error_cell(text) {
        return true;
    }
    // What holds another digit is a number or a code: -1, and what C writes on Windows for no number.
    if text.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        return text == "-1" || unsigned.starts_with("1.#");
    }
    let text = text.to_lowercase();
    OF_PROGRAMS.contains(&&*text) || OF_PEOPLE.contains(&&*text)
}

/// Whether an address stands for "nothing". Whoever is called Test has an address of a company; the one of
/// a domain called test is nobody's, and so is a word for nothing at a domain of its own name.
pub(super) fn is_address(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let Some((local, domain)) = text.split_once('@') else { return false };
    let label = domain.split('.').next().unwrap_or_default();
    match local {
        "test" => domain.starts_with("test"),
        _ => LOCAL_PARTS.contains(&local) || (local == label && is_word(local)),
    }
}

/// Whether a text is what a spreadsheet shows for an error: `#N/A`, `#REF!`, `#NAME?`, and so in other languages
/// (`#BEZUG!`, `#NV`, `#¡VALOR!`).
pub(super) fn is_error_cell(text: &str) -> bool {
    const WITHOUT_A_SIGN: [&str; 8] =
        ["n/a", "nv", "n/d", "n/v", "nd", "getting_data", "n.d.", "#"];
    let Some(name) = text.trim().strip_prefix('#') else { return false };
    let is_shouted = name.ends_with(['!', '?'])
        && name.chars().any(char::is_alphabetic)
        && !name.chars().any(|c| c.is_lowercase() || c.is_whitespace());
    is_shouted || WITHOUT_A_SIGN.contains(&&*name.to_lowercase())
}

/// Whether a text is a number that a spreadsheet shortened, `2.06893E+11` for 206893012345: it stands for
/// many numbers, and for the one that was meant only by chance.
pub(super) fn is_shortened_number(text: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let Some((number, exponent)) = text.split_once(['e', 'E']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = match number.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    // `12e5` may be somebody's number; with a sign or a point it is a number in scientific notation.
    let is_marked = fraction.is_some() || unsigned != exponent;
    is_marked && digits(unsigned) && digits(whole) && fraction.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_nothing() {
        for text in [
            "#N/A",
            "NaN",
            "\\N",
            "(null)",
            "<NULL>",
            "?",
            "n.a.",
            "[object Object]",
            "#REF!",
            "#BEZUG!",
            "#NV",
            "#¡VALOR!",
            "#NAME?",
            "#DIV/0!",
            "#GETTING_DATA",
            "1.#QNAN",
            "########",
            "--",
            "...",
            "0",
            "000",
            "0.00",
            "00000000-0000-0000-0000-000000000000",
            "Unbekannt",
            "ENTFÄLLT",
            "(not set)",
            "true",
            "０００",
        ] {
            assert!(is_word(text), "{text}");
        }
        for text in [
            "",
            "10",
            "-10",
            "nullable",
            "LC30363995",
            "#42",
            "#ann",
            "#wow!",
            "Nanette",
            "K.A.7",
            "é",
            "李",
            "0a",
            "0x1",
            "C-0",
            "12e5",
            "Nina",
        ] {
            assert!(!is_word(text), "{text}");
        }
    }

    #[test]
    fn addresses_of_nobody() {
        for text in
            ["none@x.org", "TEST@test.de", "unknown@unknown.com", "NaN@shop.de", "xxx@xxx.xx"]
        {
            assert!(is_address(text), "{text}");
        }
        for text in
            ["test@company.com", "unknown@x.org", "nora@na.com", "ann@ann.ie", "guest@house.ie"]
        {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn numbers_that_a_spreadsheet_shortened() {
        for text in ["2.06893E+11", "2,06893E+11", "2E+11", "-1.5e10", "3.53871234567e11", "1E-05"]
        {
            assert!(is_shortened_number(text), "{text}");
        }
        for text in
            ["12e5", "E+11", "2.E+11", "1e", "2e+", "abe+1", "e", "206893012345", "1.2.3e+4"]
        {
            assert!(!is_shortened_number(text), "{text}");
        }
    }

    #[test]
    fn lists_are_as_they_are_looked_up() {
        for list in [OF_PROGRAMS, OF_PEOPLE, LOCAL_PARTS] {
            for word in list {
                assert_eq!(*word, word.trim().to_lowercase(), "{word}");
                assert_eq!(list.iter().filter(|other| *other == word).count(), 1, "{word}");
            }
        }
    }
}
