//! The currencies that tickets may be sold in, with the decimals of their minor unit, and the least that a card payment
//! may be in each.

/// A currency in use, of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency {
    pub decimals: u8,
}

/// Without decimals. ISO 4217 gives the ariary (MGA) two, but it has five parts and no hundredths, and nobody pays with them.
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF";
/// With three.
const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";
/// With two, as most are.
const TWO: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY \
    COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR \
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO \
    NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB \
    TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";

/// The least that Stripe charges, in minor units.
const MINIMUM_CHARGES: &[(&str, i64)] = &[
    ("AED", 200),
    ("AUD", 50),
    ("BGN", 100),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17500),
    ("INR", 50),
    ("JPY", 50),
    ("MXN", 1000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1000),
    ("USD", 50),
];

impl Currency {
    /// `None`: there is no such currency, or none with a minor unit of 0, 2 or 3 decimals.
    pub fn of(code: &str) -> Option<Currency> {
        let is_in = |codes: &str| codes.split_ascii_whitespace().any(|one| one == code);
        let decimals = match code {
            _ if is_in(TWO) => 2,
            _ if is_in(WHOLE) => 0,
            _ if is_in(THREE) => 3,
            _ => return None,
        };
        Some(Currency { decimals })
    }

    /// All amounts are multiples of it. Card networks round the third decimal away, so it is always 0.
    pub fn step(self) -> i64 {
        match self.decimals {
            3 => STEPS_MAX,
            _ => 1,
        }
    }
}

/// An amount of minor units as a number of major ones: `-0.45` are -45 cents. A whole part of 0 has the sign of its rest.
pub fn in_units(minor: i64, decimals: usize) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    match decimals {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{part}"),
    }
}

/// Digits of the minor unit; 2 of a code that is none.
pub fn decimals(code: &str) -> usize {
    Currency::of(code).map_or(2, |currency| usize::from(currency.decimals))
}

/// A multiple of every currency's step.
pub const STEPS_MAX: i64 = 10;

/// The step of a currency's amounts; 1 of a code that is none.
pub fn step(code: &str) -> i64 {
    Currency::of(code).map_or(1, Currency::step)
}

/// The least that the card provider charges, in minor units; 0 where it names none for the currency.
pub fn minimum_charge(code: &str) -> i64 {
    let mut minimums = MINIMUM_CHARGES.iter();
    minimums
        .find(|(of, _)| *of == code)
        .map_or(0, |(_, least)| *least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_those_of_the_standard() {
        let decimals = |code| Currency::of(code).map(|currency| currency.decimals);
        assert_eq!(decimals("EUR"), Some(2));
        assert_eq!(decimals("JPY"), Some(0));
        assert_eq!(decimals("KWD"), Some(3));
        assert_eq!(decimals("MGA"), Some(0), "as card networks have it");
        for code in ["", "EU", "eur", "XXX", "EUR ", "EUR USD"] {
            assert_eq!(decimals(code), None, "{code:?}");
        }
        assert_eq!((step("KWD"), step("THB"), step("JPY")), (10, 1, 1));
    }

    #[test]
    fn amounts_have_their_decimals_and_their_sign() {
        for (decimals, minor, text) in [
            (2, 4_500, "45.00"),
            (2, 5, "0.05"),
            (2, -45, "-0.45"),
            (2, -105, "-1.05"),
            (0, 4_500, "4500"),
            (0, -4, "-4"),
            (3, 12_340, "12.340"),
            (3, -990, "-0.990"),
            (2, i64::MIN, "-92233720368547758.08"),
        ] {
            assert_eq!(in_units(minor, decimals), text);
        }
    }

    #[test]
    fn pages_count_as_the_server_does() {
        let page = include_str!("../../web/src/elements/internal/format.ts");
        for codes in [WHOLE, THREE] {
            let pattern = format!("/{}/", codes.replace(' ', "|"));
            assert!(page.contains(&pattern), "{pattern}");
        }
    }

    #[test]
    fn every_minimum_is_of_a_currency() {
        for (code, least) in MINIMUM_CHARGES {
            assert!(Currency::of(code).is_some(), "{code}");
            assert_eq!(minimum_charge(code), *least);
        }
        assert_eq!(minimum_charge("IRR"), 0);
    }
}
