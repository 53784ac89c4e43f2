//! Normal forms of identifiers, and the placeholders that mean nobody.
//!
//! Two records meet only where their normalised identifiers are equal, so a form must bring every
//! way of writing one address or number to the same text, and must not bring two people together.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfkc};

use super::nothing::{self, is_shortened_number};
use super::phones;
use crate::policy::types::IdentifierForm;

/// The longest e-mail address (RFC 5321, 4.5.3.1), in bytes.
const EMAIL_BYTES_MAX: usize = 254;

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It isn't of the form.
    Invalid,
    /// It stands for "none".
    Placeholder,
    /// A number of which a spreadsheet left the first digits.
    Shortened,
}

/// The normal form of an identifier. `country` is the ISO country of national phone numbers.
///
/// Normalising a normal form changes nothing. An empty text is invalid.
pub fn normalise(form: IdentifierForm, text: &str, country: Option<&str>) -> Result<String, Unfit> {
    let visible = visible(text);
    let text = visible.trim();
    if is_placeholder(IdentifierForm::Text, text) || is_placeholder(form, text) {
        return Err(Unfit::Placeholder);
    }
    if is_shortened_number(text) {
        return Err(Unfit::Shortened);
    }
    let normal = match form {
        IdentifierForm::Email => email(text),
        IdentifierForm::Phone => phones::e164(whole_number(text), country),
        IdentifierForm::Text => Some(nfkc(text).trim().to_owned()).filter(|text| !text.is_empty()),
    };
    match normal {
        None => Err(Unfit::Invalid),
        Some(normal) if is_placeholder(form, &normal) => Err(Unfit::Placeholder),
        Some(normal) => Ok(normal),
    }
}

/// Whether a text of the form, normalised or not, stands for "none".
pub fn is_placeholder(form: IdentifierForm, text: &str) -> bool {
    match form {
        IdentifierForm::Text => nothing::is_word(text),
        IdentifierForm::Email => nothing::is_address(text),
        IdentifierForm::Phone => phones::is_placeholder(text),
    }
}

/// A text without what nobody sees of it: marks of direction, joiners and breaks, which come along when an address
/// is copied out of a mail or a contact card (Unicode's Default_Ignorable_Code_Point).
fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(is_invisible) {
        return text.into();
    }
    text.chars().filter(|c| !is_invisible(*c)).collect::<String>().into()
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfkc(text) {
        text.into()
    } else {
        text.nfkc().collect::<String>().into()
    }
}

/// A number without the `.0` that a spreadsheet's or a script's decimals put behind it: read as a digit it would make
/// somebody else's number.
fn whole_number(text: &str) -> &str {
    let whole = text.strip_suffix(".0");
    whole.filter(|whole| whole.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or(text)
}

/// A domain in the letters that people read: one mailbox is the same however its domain is spelled (RFC 5890).
fn domain_in_letters(domain: &str) -> Option<String> {
    if !domain.split('.').any(|label| label.starts_with("xn--")) {
        return None;
    }
    match idna::domain_to_unicode(domain) {
        (letters, Ok(())) => Some(letters),
        _ => None,
    }
}

/// An address without what mail programs, links and spreadsheets write around it: a name and angle brackets
/// (RFC 5322, 3.4), `mailto:` (RFC 6068), quotes, and what ends a sentence. A text of several addresses stays as it is.
fn bare_address(text: &str) -> &str {
    const QUOTES: [char; 10] = ['"', '\'', '`', '“', '”', '„', '‘', '’', '«', '»'];
    let around = |c: char| c.is_whitespace() || QUOTES.contains(&c);
    let behind =
        |c: char| around(c) || matches!(c, '.' | ',' | ';' | ':' | '!' | '。' | '，' | '；');
    let text = text.trim_start_matches(around).trim_end_matches(behind);
    let bracketed = text.strip_suffix('>').and_then(|text| text.split_once('<'));
    let text = match bracketed {
        Some((name, address)) => {
            let name = name.trim_matches(around);
            if name.contains('@') && name != address.trim() {
                return text;
            }
            address.trim_matches(around)
        }
        None => text,
    };
    match text.split_at_checked("mailto:".len()) {
        Some((scheme, address)) if scheme.eq_ignore_ascii_case("mailto:") => {
            address.split('?').next().unwrap_or(address)
        }
        _ => text,
    }
}

/// One `@`, something before it, a domain with a dot behind it, no spaces; lower case.
fn email(text: &str) -> Option<String> {
    let mut normal = nfkc(bare_address(text)).to_lowercase();
    if !normal.is_ascii() {
        normal = nfkc(&normal).replace('。', ".");
    }
    if !normal.contains('@') {
        normal = normal.replacen("%40", "@", 1);
    }
    let normal = normal.trim();
    let (local, domain) = normal.split_once('@')?;
    let is_odd = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"' | '\\')
    };
    let fits = !local.is_empty()
        && !domain.contains('@')
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && normal.len() <= EMAIL_BYTES_MAX
        && !normal.chars().any(is_odd);
    fits.then(|| match domain_in_letters(domain) {
        Some(letters) => format!("{local}@{letters}"),
        None => normal.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn email_of(text: &str) -> Result<String, Unfit> {
        normalise(IdentifierForm::Email, text, None)
    }

    #[test]
    fn an_address_is_read_as_mail_programs_and_links_write_it() {
        for written in [
            "Cyd Moor <cyd@x.example>",
            "\"Moor, Cyd\" <Cyd@X.example>;",
            "cyd@x.example <cyd@x.example>",
            "<cyd@x.example>",
            "mailto:cyd@x.example",
            "MailTo:cyd@x.example?subject=unsubscribe",
            "<mailto:cyd@x.example>",
            "'cyd@x.example",
            "“cyd@x.example”",
            "cyd@x.example.",
            "cyd@x.example, ",
            "cyd@x.example。",
            "cyd@x。example",
            "cyd%40x.example",
        ] {
            assert_eq!(email_of(written).as_deref(), Ok("cyd@x.example"), "{written}");
        }
        for several in ["ann@x.example <bob@x.example>", "ann@x.example, bob@x.example"] {
            assert_eq!(email_of(several), Err(Unfit::Invalid), "{several}");
        }
    }

    #[test]
    fn emails() {
        assert_eq!(email_of(" Ann@Example.COM ").unwrap(), "ann@example.com");
        assert_eq!(email_of("JÖRG@BÜRO.DE").unwrap(), "jörg@büro.de");
        assert_eq!(email_of("jo\u{308}rg@x.de"), email_of("jörg@x.de"));
        for copied in
            ["ann@x.ie\u{200b}", "\u{202a}ann@x.ie\u{202c}", "an\u{ad}n@x.ie", "\u{feff} ann@x.ie"]
        {
            assert_eq!(email_of(copied).unwrap(), "ann@x.ie", "{copied:?}");
        }
        assert_eq!(email_of("ann@xn--bcher-kva.example").unwrap(), "ann@bücher.example");
        assert_eq!(email_of("ann@XN--BCHER-KVA.example"), email_of("ann@Bücher.example"));
        for bad in [
            "",
            "ann",
            "ann@",
            "@x.de",
            "a@b@c.de",
            "a b@c.de",
            "a@c",
            "a@.de",
            "a@de.",
            "a@b..de",
            "Ann <a@b.de>, Bob <b@b.de>",
            "a@b.de,c@d.de",
            "a\u{7}@b.de",
        ] {
            assert_eq!(email_of(bad), Err(Unfit::Invalid), "{bad:?}");
        }
        assert_eq!(email_of(&format!("{}@b.de", "a".repeat(250))), Err(Unfit::Invalid));
    }

    #[test]
    fn the_decimals_of_a_spreadsheet_are_no_digits_of_a_phone() {
        let phone = |text| normalise(IdentifierForm::Phone, text, Some("IE"));
        assert_eq!(phone("871234567.0"), phone("871234567"));
        assert_ne!(phone("871234567.0"), phone("08712345670"));
    }

    #[test]
    fn placeholders() {
        for text in [
            "none@none.com",
            "NoReply@shop.com",
            "no-reply@x.org",
            "test@test.com",
            "TEST@TEST.de",
            "example@mail.com",
            "na@na.com",
            "n/a",
            "none",
            "NULL",
        ] {
            assert_eq!(email_of(text), Err(Unfit::Placeholder), "{text}");
        }
        for text in ["nonesuch@x.com", "tester@test.com", "test@mycompany.com", "nora@na.com"] {
            assert!(email_of(text).is_ok(), "{text}");
        }
        for text in ["0", "000", "-", "-1", "0-0", "null", "None", "N/A", "Anonymous", "undefined"]
        {
            assert!(is_placeholder(IdentifierForm::Text, text), "{text}");
        }
        for text in ["", "10", "-10", "nullable", "LC30363995"] {
            assert!(!is_placeholder(IdentifierForm::Text, text), "{text}");
        }
    }

    #[test]
    fn texts() {
        let text = |text| normalise(IdentifierForm::Text, text, None);
        assert_eq!(text(" ＬＣ１ ").unwrap(), "LC1");
        assert_eq!(text("LC30363995").unwrap(), "LC30363995");
        assert_eq!(text("  "), Err(Unfit::Invalid));
        assert_eq!(text("０００"), Err(Unfit::Placeholder));
    }

    proptest! {
        #[test]
        fn normal_forms_stay(text in "\\PC{0,30}|[a@\u{ad}\u{200b}\u{202a}\u{fe0f}.é]{1,8}|[a-zA-Z0-9.İıſKÅ]{1,8}@[a-zA-ZÄİ]{1,5}\\.[a-z]{2}|[+0-9 ()/.-]{0,20}") {
            for form in [IdentifierForm::Email, IdentifierForm::Phone, IdentifierForm::Text] {
                if let Ok(normal) = normalise(form, &text, Some("DE")) {
                    prop_assert_eq!(normalise(form, &normal, Some("DE")), Ok(normal.clone()));
                    prop_assert_eq!(normalise(form, &normal, None), Ok(normal));
                }
            }
        }
    }
}
