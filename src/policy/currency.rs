//! Currencies by ISO 4217: which codes there are, and an amount as people write it.

use super::types::Policy;

/// Every currency of ISO 4217 that is money to pay with, and those that were until a few years ago.
const CODES: &str = "\
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD \
CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD \
KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK \
NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS \
SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF \
XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL";

/// Those that have no smaller unit.
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";

/// Those whose smallest unit is a thousandth.
const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// Whether a text is a code, in capitals.
pub fn is_currency(code: &str) -> bool {
    is_of(CODES, code)
}

/// How many decimals the smallest unit of a currency has.
pub fn decimals(currency: &str) -> u32 {
    if is_of(WHOLE, currency) {
        0
    } else if is_of(THOUSANDTHS, currency) {
        3
    } else {
        2
    }
}

/// An amount in the smallest unit as people write it: `44.12 EUR`.
pub fn amount(smallest: i64, currency: &str) -> String {
    let digits = decimals(currency);
    let sign = if smallest < 0 { "-" } else { "" };
    let unit = 10u64.pow(digits);
    let (whole, rest) = (smallest.unsigned_abs() / unit, smallest.unsigned_abs() % unit);
    match digits {
        0 => format!("{sign}{whole} {currency}"),
        digits => format!("{sign}{whole}.{rest:0width$} {currency}", width = digits as usize),
    }
}

/// The currency of the amounts that a source's events of a name bear, where the policy says it.
pub fn currency_of<'p>(policy: &'p Policy, source: &str, event: &str) -> Option<&'p str> {
    let maps = &policy.sources.get(source)?.events;
    maps.iter().find(|map| map.name == event && map.amount.is_some())?.currency.as_deref()
}

fn is_of(codes: &str, code: &str) -> bool {
    codes.split(' ').any(|known| known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_sorted_and_hold_the_exceptions() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(codes.iter().all(|code| code.len() == 3));
        assert!(WHOLE.split(' ').chain(THOUSANDTHS.split(' ')).all(is_currency));
        assert!(!is_currency("eur") && !is_currency("EURO") && !is_currency(""));
    }

    #[test]
    fn an_amount_stands_in_the_unit_that_people_pay_in() {
        for (smallest, currency, said) in [
            (4412, "EUR", "44.12 EUR"),
            (5, "EUR", "0.05 EUR"),
            (-399, "GBP", "-3.99 GBP"),
            (0, "USD", "0.00 USD"),
            (4412, "JPY", "4412 JPY"),
            (4412, "KWD", "4.412 KWD"),
            (i64::MIN, "EUR", "-92233720368547758.08 EUR"),
        ] {
            assert_eq!(amount(smallest, currency), said);
        }
    }
}
