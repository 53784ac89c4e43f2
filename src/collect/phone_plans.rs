//! Calling codes, national prefixes and lengths of telephone numbers, by country.
//!
//! From ITU-T E.164 Annex (list of assigned codes) and the national numbering plans. Lengths count
//! the digits behind the calling code; they are wide where a plan mixes old and new numbers.

/// How a country's numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PhonePlan {
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// The calling code.
    pub code: &'static str,
    /// What is dialled before a number within the country, and not from abroad.
    pub trunks: &'static [&'static str],
    /// The fewest digits behind the calling code.
    pub least: usize,
    /// The most digits behind the calling code.
    pub most: usize,
}

const fn plan(
    country: &'static str,
    code: &'static str,
    trunks: &'static [&'static str],
    least: usize,
    most: usize,
) -> PhonePlan {
    PhonePlan { country, code, trunks, least, most }
}

/// No prefix within the country.
const NO: &[&str] = &[];
const ZERO: &[&str] = &["0"];
const ONE: &[&str] = &["1"];
const EIGHT: &[&str] = &["8"];

/// Every country that national numbers are understood of.
#[rustfmt::skip]
pub(super) const PLANS: &[PhonePlan] = &[
    // EU and EEA
    plan("AT", "43", ZERO, 4, 13), plan("BE", "32", ZERO, 8, 9), plan("BG", "359", ZERO, 6, 9),
    plan("HR", "385", ZERO, 6, 9), plan("CY", "357", NO, 8, 8), plan("CZ", "420", NO, 9, 9),
    plan("DK", "45", NO, 8, 8), plan("EE", "372", NO, 7, 8), plan("FI", "358", ZERO, 5, 12),
    plan("FR", "33", ZERO, 9, 9), plan("DE", "49", ZERO, 5, 13), plan("GR", "30", NO, 10, 10),
    plan("HU", "36", &["06"], 8, 9), plan("IE", "353", ZERO, 7, 10), plan("IT", "39", NO, 6, 12),
    plan("LV", "371", NO, 8, 8), plan("LT", "370", &["0", "8"], 8, 8), plan("LU", "352", NO, 4, 11),
    plan("MT", "356", NO, 8, 8), plan("NL", "31", ZERO, 9, 9), plan("PL", "48", NO, 9, 9),
    plan("PT", "351", NO, 9, 9), plan("RO", "40", ZERO, 9, 9), plan("SK", "421", ZERO, 9, 9),
    plan("SI", "386", ZERO, 8, 8), plan("ES", "34", NO, 9, 9), plan("SE", "46", ZERO, 7, 10),
    plan("IS", "354", NO, 7, 9), plan("LI", "423", NO, 7, 9), plan("NO", "47", NO, 8, 8),
    // the rest of Europe
    plan("GB", "44", ZERO, 9, 10), plan("GG", "44", ZERO, 10, 10), plan("IM", "44", ZERO, 10, 10),
    plan("JE", "44", ZERO, 10, 10), plan("CH", "41", ZERO, 9, 9), plan("AL", "355", ZERO, 8, 9),
    plan("AD", "376", NO, 6, 9), plan("AM", "374", ZERO, 8, 8), plan("BA", "387", ZERO, 8, 9),
    plan("BY", "375", &["80", "8"], 9, 9), plan("FO", "298", NO, 6, 6), plan("GE", "995", ZERO, 9, 9),
    plan("GI", "350", NO, 8, 8), plan("MC", "377", ZERO, 8, 9), plan("MD", "373", ZERO, 8, 8),
    plan("ME", "382", ZERO, 8, 9), plan("MK", "389", ZERO, 8, 8), plan("RS", "381", ZERO, 7, 12),
    plan("RU", "7", EIGHT, 10, 10), plan("SM", "378", NO, 6, 10), plan("TR", "90", ZERO, 10, 10),
    plan("UA", "380", ZERO, 9, 9), plan("XK", "383", ZERO, 8, 9),
    // the Americas
    plan("US", "1", ONE, 10, 10), plan("CA", "1", ONE, 10, 10), plan("AR", "54", ZERO, 10, 11),
    plan("BR", "55", ZERO, 10, 11), plan("CL", "56", NO, 9, 9), plan("CO", "57", NO, 10, 10),
    plan("MX", "52", NO, 10, 10), plan("PE", "51", ZERO, 8, 9),
    // Asia and the Pacific
    plan("CN", "86", ZERO, 9, 11), plan("AE", "971", ZERO, 8, 9), plan("AU", "61", ZERO, 9, 9),
    plan("BD", "880", ZERO, 8, 10), plan("HK", "852", NO, 8, 8), plan("ID", "62", ZERO, 8, 12),
    plan("IL", "972", ZERO, 8, 9), plan("IN", "91", ZERO, 10, 10), plan("JP", "81", ZERO, 9, 10),
    plan("KR", "82", ZERO, 8, 10), plan("KZ", "7", EIGHT, 10, 10), plan("MY", "60", ZERO, 8, 10),
    plan("NZ", "64", ZERO, 8, 10), plan("PH", "63", ZERO, 8, 10), plan("PK", "92", ZERO, 9, 10),
    plan("SA", "966", ZERO, 8, 9), plan("SG", "65", NO, 8, 8), plan("TH", "66", ZERO, 8, 9),
    plan("TW", "886", ZERO, 8, 9), plan("VN", "84", ZERO, 9, 10),
    // Africa
    plan("EG", "20", ZERO, 8, 10), plan("KE", "254", ZERO, 7, 9), plan("MA", "212", ZERO, 9, 9),
    plan("NG", "234", ZERO, 8, 10), plan("ZA", "27", ZERO, 9, 9),
];

/// The plan of a country.
pub(super) fn of_country(country: &str) -> Option<&'static PhonePlan> {
    PLANS.iter().find(|plan| plan.country.eq_ignore_ascii_case(country))
}

/// The plan whose calling code a number starts with; no code is the start of another's.
pub(super) fn of_number(digits: &str) -> Option<&'static PhonePlan> {
    PLANS.iter().find(|plan| digits.starts_with(plan.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_prefix_free_and_countries_unique() {
        for (at, one) in PLANS.iter().enumerate() {
            assert!(one.least <= one.most && one.code.len() + one.most <= 15, "{one:?}");
            for other in &PLANS[at + 1..] {
                assert_ne!(one.country, other.country);
                assert!(one.code == other.code || !one.code.starts_with(other.code));
                assert!(one.code == other.code || !other.code.starts_with(one.code));
            }
        }
    }
}
