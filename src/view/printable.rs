//! Makes text safe to show: nothing in it can steer a terminal or turn the reading direction.

/// Shows control characters as signs (`␛`), and direction overrides and non-characters as `�`; keeps
/// line breaks (as `\n`) and tabs.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\n' | '\t' => out.push(c),
            '\0'..='\u{1f}' => out.push(control_picture(c)),
            '\u{7f}' => out.push('␡'),
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('�')
            }
            c if is_noncharacter(c) => out.push('�'),
            c => out.push(c),
        }
    }
    out
}

/// The same on one line: what somebody else wrote can't make lines of the answer.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    let sign = |c| if matches!(c, '\n' | '\t') { control_picture(c) } else { c };
    printable(text).chars().map(sign).collect()
}

/// U+2400 and following are pictures of U+0000 and following.
fn control_picture(c: char) -> char {
    char::from_u32(0x2400 + u32::from(c)).unwrap_or('�')
}

/// Code points that Unicode will never assign, and that HTML calls a parse error.
fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_and_overrides_become_visible() {
        assert_eq!(printable("a\u{1b}[31mb\0\u{7f}"), "a␛[31mb␀␡");
        assert_eq!(printable("x\u{202e}y\u{9b}z\u{fdd0}\u{1fffe}"), "x�y�z��");
        assert_eq!(printable("one\r\ntwo\rthree\tfour"), "one\ntwo\nthree\tfour");
    }

    proptest! {
        #[test]
        fn no_control_is_left_and_nothing_else_is_touched(text in any::<String>()) {
            let shown = printable(&text);
            prop_assert!(shown.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            prop_assert_eq!(printable(&shown), shown.clone());
            let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
            let kept: String = shown.chars().filter(|c| c.is_alphanumeric()).collect();
            prop_assert_eq!(plain, kept);
        }
    }
}
