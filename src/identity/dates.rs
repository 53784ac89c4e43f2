//! Dates as people write them, read into eight digits.
//!
//! A date that can't be read says nothing: it would otherwise stand as a different date, which is strong
//! evidence of another person. A date of digits with a slip is another matter, it is nearly the same one.

use chrono::NaiveDate;

use super::fold::fold;

/// How the names of the months begin, from January on, folded: English, French, German, Spanish, Italian,
/// Dutch, Polish, Russian.
const MONTHS: [&str; 12] = [
    "jan ene gen sty ian",
    "feb fev lut",
    "mar mrz maa",
    "apr avr abr kwi",
    "may mai maj mei mag",
    "jun juin giu cze iiun",
    "jul juil lug lip iiul",
    "aug aou ago sie avg",
    "sep set wrz sen",
    "oct okt ott paz",
    "nov lis noi noia",
    "dec dez dic gru dek",
];

/// A part of a date: a number with its digits, or a month's name.
#[derive(Clone, Copy)]
enum Part {
    Number { value: u32, digits: usize },
    Month(u32),
}

/// Eight digits, year first, or four of a year alone; day first where day and month could each be both. What
/// can't be read is nothing, but for a date of digits with a slip, which keeps its signs.
pub fn date(text: &str) -> String {
    let text = with_plain_digits(text);
    read(&text).unwrap_or_else(|| {
        let signs: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        let digits = signs.bytes().filter(u8::is_ascii_digit).count();
        let is_slip = signs.is_ascii() && (7..=9).contains(&signs.len()) && digits >= 6;
        if is_slip { signs.to_ascii_lowercase() } else { String::new() }
    })
}

fn read(text: &str) -> Option<String> {
    let mut parts = parts(text)?;
    if let [Part::Number { value, digits }] = parts[..] {
        return match digits {
            4 => Some(format!("{value:04}")),
            8 => Some(format!("{value:08}")),
            _ => None,
        };
    }
    let [first, _, third] = parts[..] else { return None };
    let is_year = |part| matches!(part, Part::Number { digits: 4, .. });
    let year_first = is_year(first);
    if !year_first {
        if !is_year(third) {
            return None;
        }
        parts.reverse();
    }
    let Part::Number { value: year, .. } = parts[0] else { return None };
    let (month, day) = match (parts[1], parts[2]) {
        (Part::Month(month), Part::Number { value: day, digits: ..=2 })
        | (Part::Number { value: day, digits: ..=2 }, Part::Month(month)) => (month, day),
        (
            Part::Number { value: month, digits: ..=2 },
            Part::Number { value: day, digits: ..=2 },
        ) => {
            let is_date = |month, day| NaiveDate::from_ymd_opt(year as i32, month, day).is_some();
            if !is_date(month, day) && is_date(day, month) { (day, month) } else { (month, day) }
        }
        _ => return None,
    };
    Some(format!("{year:04}{month:02}{day:02}"))
}

/// The first three numbers and months' names of a text; `None` where another word stands among them.
fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::with_capacity(3);
    let mut rest = text;
    while parts.len() < 3 {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let Some(first) = rest.chars().next() else { break };
        let is_number = first.is_ascii_digit();
        let ends = |c: char| !c.is_alphanumeric() || c.is_ascii_digit() != is_number;
        let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        rest = after;
        if is_number {
            let value = word.parse().ok().filter(|_| word.len() <= 8)?;
            parts.push(Part::Number { value, digits: word.len() });
            if word.len() == 8 {
                break;
            }
        } else if let Some(month) = month(word) {
            parts.push(Part::Month(month));
        } else if !matches!(
            word,
            "年" | "月" | "日" | "년" | "월" | "일" | "de" | "st" | "nd" | "rd" | "th"
        ) {
            return None;
        }
    }
    Some(parts)
}

fn month(word: &str) -> Option<u32> {
    let folded = fold(word);
    let begins = |names: &&str| names.split(' ').any(|name| folded.starts_with(name));
    (1..).zip(&MONTHS).find(|(_, names)| begins(names)).map(|(month, _)| month)
}

/// The text with full-width, Arabic, Persian and Devanagari digits as plain ones.
pub fn with_plain_digits(text: &str) -> String {
    let plain = |c: char| {
        let zero = match c {
            '０'..='９' => '０',
            '٠'..='٩' => '٠',
            '۰'..='۹' => '۰',
            '०'..='९' => '०',
            _ => return c,
        };
        char::from(b'0' + (c as u32 - zero as u32) as u8)
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_meet() {
        for text in [
            "1971-05-23",
            "1971-5-23",
            "1971-05-23T00:00:00+02:00",
            "1971-05-23 00:00:00",
            "19710523",
            "23.05.1971",
            "23. 05. 1971",
            "1971. 5. 23.",
            "05/23/1971",
            "1971-23-05",
            "1971年5月23日",
            "1971년 5월 23일",
            "23 May 1971",
            "May 23rd, 1971",
            "23. Mai 1971",
            "23 de mayo de 1971",
            "23 maja 1971",
            "23 мая 1971",
            "１９７１－０５－２３",
            "١٩٧١-٠٥-٢٣",
        ] {
            assert_eq!(date(text), "19710523", "{text}");
        }
        assert_eq!(
            (date("3 juin 1971"), date("3 juillet 1971")),
            ("19710603".into(), "19710703".into())
        );
        assert_eq!(
            (date("3. März 1971"), date("03/05/1971")),
            ("19710303".into(), "19710503".into())
        );
        assert_eq!((date("1971"), date("2020-03-z7")), ("1971".into(), "202003z7".into()));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for text in
            ["23/05/71", "23-May-71", "昭和46年5月23日", "43804800000", "May 1971", "spring", "?"]
        {
            assert_eq!(date(text), "", "{text}");
        }
    }
}
