//! Booking references and ticket codes, which people read aloud and type.
//!
//! The alphabet has 30 characters, and none that look alike: no 0 and O, no 1, I and L, no U beside V.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::{CryptoRng, Rng};

const ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The zeros of the scripts that write numbers with ten digits of their own (Unicode's category Nd, in the plane that
/// people type from); their other digits follow each.
const ZEROS: [u32; 37] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
];

/// A reference such as `BK-7F3K9Q`. There are 30⁶ = 729 million, so two may be equal: check that it is free before
/// storing it.
pub fn booking_reference(random: &mut (impl Rng + CryptoRng)) -> String {
    let mut reference = String::from("BK-");
    push_signs(&mut reference, 6, random);
    reference
}

/// A code such as `TKT-20261121-7F3K9QWX`: the day of issue (UTC) and 39 random bits, enough that a valid one cannot be
/// guessed at the gate.
pub fn ticket_code(issued: Timestamp, random: &mut (impl Rng + CryptoRng)) -> String {
    let day = issued
        .to_zoned(TimeZone::UTC)
        .strftime("%Y%m%d")
        .to_string();
    let mut code = format!("TKT-{day}-");
    push_signs(&mut code, 8, random);
    code
}

/// Brings a typed reference into its stored form, with or without its hyphen; `None` if it cannot be one.
pub fn parse_booking_reference(typed: &str) -> Option<String> {
    let signs = plain_code(typed).replace('-', "");
    let signs = signs.strip_prefix("BK")?;
    let well_formed = signs.len() == 6 && signs.bytes().all(|sign| ALPHABET.contains(&sign));
    well_formed.then(|| format!("BK-{signs}"))
}

/// A ticket's code as it is stored, of one that was typed as [`plain_code`] reads it, also without its hyphens. Anything else
/// stays as that has it.
pub fn typed_ticket_code(typed: &str) -> String {
    let plain = plain_code(typed);
    let signs = plain.replace('-', "");
    let parts = signs
        .strip_prefix("TKT")
        .and_then(|signs| signs.split_at_checked(8));
    match parts {
        Some((day, signs))
            if day.bytes().all(|sign| sign.is_ascii_digit())
                && signs.len() == 8
                && signs.bytes().all(|sign| ALPHABET.contains(&sign)) =>
        {
            format!("TKT-{day}-{signs}")
        }
        _ => plain,
    }
}

/// A code as it is stored, of one that was typed, or copied from a mail or a PDF: without spaces and marks that nobody sees
/// (ours stand between U+2066 and U+2069, for texts from right to left), with plain hyphens, in upper case, in ASCII digits.
pub fn plain_code(typed: &str) -> String {
    let signs = typed.chars();
    let seen = signs.filter(|sign| !sign.is_whitespace() && !is_format(*sign));
    let plain = seen.map(|sign| match sign {
        // Hyphens and dashes that text programs put in the place of the plain one.
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        // Letters as wide as ideographs.
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            char::from_u32(u32::from(sign) - 0xfee0).unwrap_or(sign)
        }
        sign => digit(sign).unwrap_or(sign),
    });
    plain.map(|sign| sign.to_ascii_uppercase()).collect()
}

/// Unicode's category Cf, and the selectors of variants: signs that steer a text and are not seen.
fn is_format(sign: char) -> bool {
    matches!(
        u32::from(sign),
        0xad | 0x600..=0x605
            | 0x61c
            | 0x6dd
            | 0x70f
            | 0x890..=0x891
            | 0x8e2
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x206f
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xfff9..=0xfffb
            | 0x110bd
            | 0x110cd
            | 0x13430..=0x1343f
            | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a
            | 0xe0001
            | 0xe0020..=0xe007f
            | 0xe0100..=0xe01ef
    )
}

/// The text with the digits of all scripts as ASCII digits.
pub fn plain_digits(typed: &str) -> String {
    typed
        .chars()
        .map(|sign| digit(sign).unwrap_or(sign))
        .collect()
}

/// The ASCII digit that a digit of any script stands for.
pub fn digit(sign: char) -> Option<char> {
    let code = u32::from(sign);
    let zero = ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

/// The first `count` bytes as signs of the alphabet, for a code that is derived instead of drawn. Signs are not quite
/// equally likely: 256 is no multiple of 30.
pub fn signs_of(bytes: &[u8], count: usize) -> String {
    let signs = bytes.iter().take(count);
    signs
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

fn push_signs(text: &mut String, count: usize, random: &mut (impl Rng + CryptoRng)) {
    for _ in 0..count {
        text.push(char::from(ALPHABET[random.random_range(0..ALPHABET.len())]));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    /// Signs of all kinds that come along when a code is copied.
    fn unseen() -> impl Strategy<Value = String> {
        let signs = "[ \\t\\n\u{a0}\u{ad}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{2069}\u{feff}\u{3000}]{0,3}";
        prop::string::string_regex(signs).unwrap()
    }

    proptest! {
        #[test]
        fn a_code_is_read_however_it_was_copied(
            seed in any::<u64>(), between in prop::collection::vec((unseen(), 0..4_u8), 22),
        ) {
            use rand::SeedableRng;
            let mut random = rand::rngs::StdRng::seed_from_u64(seed);
            let code = format!("TKT-20261121-{}", {
                let mut signs = String::new();
                push_signs(&mut signs, 8, &mut random);
                signs
            });
            let mut copied = String::new();
            for (sign, (unseen, how)) in code.chars().zip(&between) {
                copied.push_str(unseen);
                let wide = u32::from(sign) + 0xfee0;
                copied.push(match how {
                    0 => sign.to_ascii_lowercase(),
                    1 if sign == '-' => '\u{2011}',
                    1 => char::from_u32(wide).unwrap(),
                    2 => sign.to_digit(10).map_or(sign, |digit| char::from_u32(0x6f0 + digit).unwrap()),
                    _ => sign,
                });
            }
            copied.push_str(&between[21].0);
            prop_assert_eq!(plain_code(&copied), code.as_str());
            prop_assert_eq!(typed_ticket_code(&copied), code.as_str());
            let signs = copied.replace(['-', '\u{2011}', '\u{ff0d}'], "");
            prop_assert_eq!(typed_ticket_code(&signs), code);
        }

        #[test]
        fn a_code_that_is_plain_stays_as_it_is(code in "[A-Z0-9_-]{0,40}") {
            prop_assert_eq!(plain_code(&code), code.as_str());
            prop_assert_eq!(typed_ticket_code(&code), code);
        }
    }

    #[test]
    fn references_and_codes_have_their_form() {
        let mut random = rand::rng();
        let reference = booking_reference(&mut random);
        assert_eq!(parse_booking_reference(&reference), Some(reference.clone()));
        assert_eq!(
            parse_booking_reference(" bk-۷F๓K9q "),
            Some("BK-7F3K9Q".to_owned())
        );
        let code = ticket_code("2026-11-21T23:59:59Z".parse().unwrap(), &mut random);
        assert!(code.starts_with("TKT-20261121-"), "{code}");
        assert_eq!(code.len(), 21);
    }

    #[test]
    fn a_typed_reference_is_read_as_people_type() {
        assert_eq!(
            parse_booking_reference(" bk-7f3k9q "),
            Some("BK-7F3K9Q".into())
        );
        assert_eq!(
            parse_booking_reference("bk7f3k9q"),
            Some("BK-7F3K9Q".into())
        );
        for wrong in [
            "",
            "BK-",
            "BK-7F3K9",
            "BK-7F3K9O",
            "TK-7F3K9Q",
            "BK-7F3K9Q\0",
        ] {
            assert_eq!(parse_booking_reference(wrong), None, "{wrong:?}");
        }
    }
}
