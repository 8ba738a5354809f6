//! The text in a ticket's QR: what a gate needs to know without network, and a signature over it.
//!
//! `SC1:` and base45, which a QR carries in its alphanumeric mode: as dense as bytes, and text for every reader. The bytes
//! are big-endian: version 1, key 1, event 6, ticket 6, generation 2, not-after 4 (seconds since 1970), ticket type 7,
//! seat 7 (0: none), signature 64. A later version begins with another byte.
//!
//! A good signature says «ours», never «not used yet».

use super::{EventId, SeatId, TicketId, TicketTypeId};

/// Prefix of the text.
const SCHEME: &str = "SC1:";
const VERSION: u8 = 1;
/// Keeps a signature made for something else from passing for a ticket's.
pub const DOMAIN: &[u8] = b"seatcast-ticket-v1\0";
const BODY_BYTES: usize = 34;
pub const SIGNATURE_BYTES: usize = 64;
/// No text of ours is longer.
pub const PASS_CHARS_MAX: usize = 200;

const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// The content of a ticket's QR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The number of the key that signs it.
    pub key: u8,
    pub event: EventId,
    pub ticket: TicketId,
    pub generation: u16,
    /// Seconds since 1970, after which a gate need not look at it.
    pub not_after: u32,
    pub ticket_type: TicketTypeId,
    pub seat: Option<SeatId>,
}

/// A text that was read, whose signature nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPass {
    pub pass: Pass,
    /// The bytes that are signed.
    pub signed: Vec<u8>,
    pub signature: [u8; SIGNATURE_BYTES],
}

impl Pass {
    /// The bytes to be signed; `None`: an id is beyond what a QR has room for.
    pub fn to_sign(&self) -> Option<Vec<u8>> {
        Some([DOMAIN, &self.body()?].concat())
    }

    /// The text of the QR.
    pub fn text(&self, signature: &[u8; SIGNATURE_BYTES]) -> Option<String> {
        let bytes = [self.body()?.as_slice(), signature].concat();
        Some(format!("{SCHEME}{}", base45(&bytes)))
    }

    fn body(&self) -> Option<[u8; BODY_BYTES]> {
        let mut body = [0; BODY_BYTES];
        let seat = self.seat.map_or(0, |seat| seat.0);
        let fields: [(u64, usize); 8] = [
            (u64::from(VERSION), 1),
            (u64::from(self.key), 1),
            (u64::try_from(self.event.0).ok()?, 6),
            (u64::try_from(self.ticket.0).ok()?, 6),
            (u64::from(self.generation), 2),
            (u64::from(self.not_after), 4),
            (u64::try_from(self.ticket_type.0).ok()?, 7),
            (u64::try_from(seat).ok()?, 7),
        ];
        let mut rest = body.as_mut_slice();
        for (value, width) in fields {
            let bytes = value.to_be_bytes();
            let (zeros, kept) = bytes.split_at(bytes.len() - width);
            if zeros.iter().any(|byte| *byte != 0) {
                return None;
            }
            let (place, after) = rest.split_at_mut_checked(width)?;
            place.copy_from_slice(kept);
            rest = after;
        }
        Some(body)
    }
}

/// Reads a scanned text; `None`: it is no ticket of this version.
pub fn read(text: &str) -> Option<ReadPass> {
    let bytes = from_base45(text.trim().strip_prefix(SCHEME)?)?;
    let (body, signature) = bytes.split_first_chunk::<BODY_BYTES>()?;
    let signature = signature.try_into().ok()?;
    let mut rest = body.as_slice();
    let mut next = |width: usize| {
        let (field, after) = rest.split_at_checked(width)?;
        rest = after;
        Some(
            field
                .iter()
                .fold(0_u64, |value, byte| value << 8 | u64::from(*byte)),
        )
    };
    if next(1)? != u64::from(VERSION) {
        return None;
    }
    let key = u8::try_from(next(1)?).ok()?;
    let event = EventId(i64::try_from(next(6)?).ok()?);
    let ticket = TicketId(i64::try_from(next(6)?).ok()?);
    let generation = u16::try_from(next(2)?).ok()?;
    let not_after = u32::try_from(next(4)?).ok()?;
    let ticket_type = TicketTypeId(i64::try_from(next(7)?).ok()?);
    let seat = i64::try_from(next(7)?).ok()?;
    let pass = Pass {
        key,
        event,
        ticket,
        generation,
        not_after,
        ticket_type,
        seat: (seat > 0).then_some(SeatId(seat)),
    };
    Some(ReadPass {
        pass,
        signed: [DOMAIN, body].concat(),
        signature,
    })
}

/// RFC 9285.
fn base45(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3 / 2 + 2);
    for pair in bytes.chunks(2) {
        let mut value = pair
            .iter()
            .fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
        for _ in 0..=pair.len() {
            text.push(char::from(ALPHABET[value % 45]));
            value /= 45;
        }
    }
    text
}

fn from_base45(text: &str) -> Option<Vec<u8>> {
    if text.len() > PASS_CHARS_MAX || text.len() % 3 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 2 / 3);
    for group in text.as_bytes().chunks(3) {
        let digits = group.iter().rev();
        let value = digits.into_iter().try_fold(0_u32, |value, sign| {
            let digit = ALPHABET.iter().position(|one| one == sign)?;
            Some(value * 45 + u32::try_from(digit).ok()?)
        })?;
        match group.len() {
            3 => bytes.extend(u16::try_from(value).ok()?.to_be_bytes()),
            _ => bytes.push(u8::try_from(value).ok()?),
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base45_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("AB", "BB8"),
            ("Hello!!", "%69 VD92EX0"),
            ("base-45", "UJCLQE7W581"),
            ("ietf!", "QED8WEX0"),
        ] {
            assert_eq!(base45(bytes.as_bytes()), text);
            assert_eq!(from_base45(text).unwrap(), bytes.as_bytes());
        }
        for wrong in ["GGW", "::", "A", "abc", "BB8é"] {
            assert_eq!(from_base45(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_id_that_has_no_room_is_refused_and_not_cut() {
        let pass = Pass {
            key: 1,
            event: EventId(1 << 48),
            ticket: TicketId(1),
            generation: 1,
            not_after: 0,
            ticket_type: TicketTypeId(1),
            seat: None,
        };
        assert_eq!(pass.to_sign(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            key in 1_u8.., event in 1_i64..1 << 48, ticket in 1_i64..1 << 48, generation in 1_u16..,
            not_after: u32, ticket_type in 1_i64..1 << 55, seat in proptest::option::of(1_i64..1 << 55),
            signature in proptest::collection::vec(any::<u8>(), SIGNATURE_BYTES),
        ) {
            let pass = Pass {
                key, event: EventId(event), ticket: TicketId(ticket), generation, not_after,
                ticket_type: TicketTypeId(ticket_type), seat: seat.map(SeatId),
            };
            let signature: [u8; SIGNATURE_BYTES] = signature.try_into().unwrap();
            let text = pass.text(&signature).unwrap();
            prop_assert_eq!(text.len(), 151);
            let again = read(&text).unwrap();
            prop_assert_eq!(again.pass, pass);
            prop_assert_eq!(again.signature, signature);
            prop_assert_eq!(Some(again.signed), pass.to_sign());
        }

        #[test]
        fn no_text_makes_it_fall(text in "(SC1:)?[0-9A-Z $%*+./:é-]{0,250}") {
            let _ = read(&text);
        }
    }
}
