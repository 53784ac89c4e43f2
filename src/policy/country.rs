//! Countries by ISO 3166-1 alpha-2, and where a transfer of data counts as one abroad (Art 44).

/// Every code that ISO 3166-1 has officially assigned, in order.
const CODES: &str = "\
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT \
HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS \
LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI \
NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG \
SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG \
UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// The European Economic Area: the 27 members of the Union, Iceland, Liechtenstein and Norway.
const EEA: &str = "\
AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK";

/// Whether a text is an assigned code, in capitals.
pub fn is_country(code: &str) -> bool {
    CODES.split(' ').any(|known| known == code)
}

/// Whether sending data to a country is a transfer that needs safeguards (Art 44, 46).
///
/// The EEA is one space. A controller in the United Kingdom may send within it as well (UK GDPR
/// Art 44), and to the EEA, which its regulations deem adequate.
pub fn needs_safeguards(controller: &str, recipient: &str) -> bool {
    let within = EEA.split(' ').any(|member| member == recipient);
    let at_home = controller == "GB" && recipient == "GB";
    !within && !at_home
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_249_and_sorted() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "each code once, in order");
        assert!(codes.iter().all(|c| c.len() == 2 && c.bytes().all(|b| b.is_ascii_uppercase())));
    }

    #[test]
    fn the_area_is_thirty_countries() {
        assert_eq!(EEA.split(' ').count(), 30);
        assert!(EEA.split(' ').all(is_country));
    }

    #[test]
    fn what_is_abroad() {
        assert!(!needs_safeguards("IE", "NO"));
        assert!(needs_safeguards("IE", "GB"));
        assert!(!needs_safeguards("GB", "GB"));
        assert!(!needs_safeguards("GB", "FR"));
        assert!(needs_safeguards("GB", "US"));
        assert!(needs_safeguards("US", "US"));
    }

    #[test]
    fn only_capitals_are_codes() {
        assert!(is_country("IE"));
        for wrong in ["ie", "UK", "EU", "", "I", "IE ", "AD AE", "XX"] {
            assert!(!is_country(wrong), "{wrong:?}");
        }
    }
}
