//! Booking references and ticket codes, which people read aloud and type.
//!
//! The alphabet has 30 characters, and none that look alike: no 0 and O, no 1, I and L, no U beside V.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::{CryptoRng, Rng};

const ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

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

/// Brings a typed reference into its stored form; `None` if it cannot be one.
pub fn parse_booking_reference(typed: &str) -> Option<String> {
    let upper = typed.trim().to_ascii_uppercase();
    let signs = upper.strip_prefix("BK-")?;
    let well_formed = signs.len() == 6 && signs.bytes().all(|sign| ALPHABET.contains(&sign));
    well_formed.then_some(upper)
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

    #[test]
    fn references_and_codes_have_their_form() {
        let mut random = rand::rng();
        let reference = booking_reference(&mut random);
        assert_eq!(parse_booking_reference(&reference), Some(reference.clone()));
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
