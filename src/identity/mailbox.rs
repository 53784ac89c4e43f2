//! Whether an e-mail address says anything that a name doesn't.
//!
//! Most people make their address of their names. That two namesakes both did says nothing more about them
//! than that they are namesakes, which their names have said already.

use super::han::latin;

/// Whether what stands before the @ is made of these names and nothing else: one of them, or both, either
/// perhaps by its beginning only.
pub fn follows_from(address: &str, given: &str, family: &str) -> bool {
    let local = &address[..address.find(['@', '+']).unwrap_or(address.len())];
    if local.bytes().any(|sign| sign.is_ascii_digit()) {
        return false;
    }
    let (local, given, family) = (letters(local), letters(&latin(given)), letters(&latin(family)));
    [(&given, &family), (&family, &given)].into_iter().any(|(one, other)| {
        let rest = [local.strip_prefix(&**one), local.strip_suffix(&**one)];
        one.len() >= 2 && rest.into_iter().flatten().any(|rest| other.starts_with(rest))
    })
}

/// The letters alone, umlauts as one letter.
fn letters(text: &str) -> String {
    let letters: String = text.chars().filter(|c| c.is_alphabetic()).collect();
    letters.replace("ae", "a").replace("oe", "o").replace("ue", "u")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_names_follows_from_them() {
        for local in
            ["robert.kowalski", "r.kowalski", "kowalski", "robert", "kowalskir", "robert-k"]
        {
            assert!(follows_from(&format!("{local}@x.example"), "robert", "kowalski"), "{local}");
        }
        for local in ["robert.kowalski87", "blue.whale", "robert.lind", "rob", "anna.kowalski", "x"]
        {
            assert!(!follows_from(&format!("{local}@x.example"), "robert", "kowalski"), "{local}");
        }
        assert!(follows_from("juergen.mueller@x.example", "jurgen", "muller"));
        assert!(follows_from("wangxiaoming@x.example", "小明", "王"));
        assert!(!follows_from("anna@x.example", "", ""));
    }
}
