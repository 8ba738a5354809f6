//! Links and codes in mails prove that their reader owns an address, and so a booking. They are signed under a secret
//! that all nodes share; nothing is stored.

use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::ticketing::reference::{plain_code, signs_of};
use crate::ticketing::{BookingId, TicketId, TransferId};

/// How long a mailed link opens its booking, in seconds: a day.
pub const LINK_LIFE_S: i64 = 24 * 3_600;
/// A mailed code is good in the window of its making and the next one: 15 to 30 minutes.
const CODE_WINDOW_S: i64 = 15 * 60;
/// Signs of a code: 39 random bits.
const CODE_SIGNS: usize = 8;

/// Why a link opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadLink {
    Invalid,
    Expired,
}

/// Makes and checks proofs. Cheap to clone.
#[derive(Clone)]
pub struct Proofs(Hmac<Sha256>);

impl Proofs {
    pub fn new(secret: [u8; 32]) -> Proofs {
        // A block of HMAC is longer than the secret, so this is its key as it is.
        let mut block = [0; 64];
        block[..secret.len()].copy_from_slice(&secret);
        Proofs(Hmac::new(&block.into()))
    }

    /// The text of a link that opens the booking until [`LINK_LIFE_S`] after `now`.
    pub fn link(&self, booking: BookingId, now: Timestamp) -> String {
        let until = now.as_second().saturating_add(LINK_LIFE_S);
        let signature = self.signed("link", &[booking.0.as_bytes(), &until.to_be_bytes()]);
        let parts = [
            booking.0.as_bytes().as_slice(),
            &until.to_be_bytes(),
            &signature,
        ];
        URL_SAFE_NO_PAD.encode(parts.concat())
    }

    /// The booking that a link opens.
    pub fn open(&self, link: &str, now: Timestamp) -> Result<BookingId, BadLink> {
        let bytes = URL_SAFE_NO_PAD.decode(link).map_err(|_| BadLink::Invalid)?;
        let (id, rest) = bytes.split_first_chunk::<16>().ok_or(BadLink::Invalid)?;
        let (until, signature) = rest.split_first_chunk::<8>().ok_or(BadLink::Invalid)?;
        if !self.has_signed("link", &[id, until], signature) {
            return Err(BadLink::Invalid);
        }
        match i64::from_be_bytes(*until) > now.as_second() {
            true => Ok(BookingId(Uuid::from_bytes(*id))),
            false => Err(BadLink::Expired),
        }
    }

    /// A second token of the booking, beside the one that it was answered with, for `X-Booking-Token` of whoever opened a
    /// link.
    pub fn booking_token(&self, booking: BookingId) -> String {
        URL_SAFE_NO_PAD.encode(self.signed("token", &[booking.0.as_bytes()]))
    }

    pub fn is_booking_token(&self, booking: BookingId, token: &str) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        self.has_signed("token", &[booking.0.as_bytes()], &signature)
    }

    /// The token of a booking that came with an idempotency key: a replay is given it again, though only its hash is
    /// stored. The booking's id and a key that somebody guesses do not make it.
    pub fn keyed_token(&self, booking: BookingId, key: &str) -> String {
        let parts = [booking.0.as_bytes().as_slice(), key.as_bytes()];
        URL_SAFE_NO_PAD.encode(self.signed("keyed token", &parts))
    }

    /// The token of whoever a ticket was handed to, for `X-Booking-Token`: good for one generation of the ticket.
    pub fn ticket_token(&self, ticket: TicketId, generation: u16) -> String {
        let parts = [&ticket.0.to_be_bytes()[..], &generation.to_be_bytes()];
        URL_SAFE_NO_PAD.encode(self.signed("ticket", &parts))
    }

    pub fn is_ticket_token(&self, ticket: TicketId, generation: u16, token: &str) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        let parts = [&ticket.0.to_be_bytes()[..], &generation.to_be_bytes()];
        self.has_signed("ticket", &parts, &signature)
    }

    /// The text of the link by which an offered ticket is accepted. The offer's row says until when it is good.
    pub fn transfer_link(&self, transfer: TransferId) -> String {
        let signature = self.signed("transfer", &[transfer.0.as_bytes()]);
        URL_SAFE_NO_PAD.encode([transfer.0.as_bytes().as_slice(), &signature].concat())
    }

    /// The offer that a link is of.
    pub fn open_transfer(&self, link: &str) -> Option<TransferId> {
        let bytes = URL_SAFE_NO_PAD.decode(link).ok()?;
        let (id, signature) = bytes.split_first_chunk::<16>()?;
        let ours = self.has_signed("transfer", &[id], signature);
        ours.then(|| TransferId(Uuid::from_bytes(*id)))
    }

    /// The code that proves that its reader owns the e-mail address (in lower case).
    pub fn email_code(&self, email: &str, now: Timestamp) -> String {
        let window = now.as_second().div_euclid(CODE_WINDOW_S);
        let signature = self.signed("email", &[&window.to_be_bytes(), email.as_bytes()]);
        signs_of(&signature, CODE_SIGNS)
    }

    /// Whether `typed` is a code that went to the address in the last 15 to 30 minutes.
    pub fn is_email_code(&self, email: &str, typed: &str, now: Timestamp) -> bool {
        let typed = plain_code(typed);
        let before = now.saturating_sub(SignedDuration::from_secs(CODE_WINDOW_S));
        let moments = [Some(now), before.ok()];
        let mut codes = moments
            .iter()
            .flatten()
            .map(|at| self.email_code(email, *at));
        // Each comparison is of digests under a secret: its time tells nothing of the code.
        codes.any(|code| {
            self.signed("typed", &[code.as_bytes()]) == self.signed("typed", &[typed.as_bytes()])
        })
    }

    /// A name for `text` from which it cannot be found.
    pub fn key(&self, text: &str) -> String {
        let signature = self.signed("key", &[text.as_bytes()]);
        URL_SAFE_NO_PAD.encode(&signature[..16])
    }

    fn signed(&self, what: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.over(what, parts).finalize().into_bytes().into()
    }

    fn has_signed(&self, what: &str, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.over(what, parts).verify_slice(signature).is_ok()
    }

    /// Each part but the last has a length of its own, so no two lists of parts look the same.
    fn over(&self, what: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut hash = self.0.clone();
        hash.update(what.as_bytes());
        hash.update(&[0]);
        for part in parts {
            hash.update(part);
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_link_opens_its_booking_for_a_day_and_nothing_else() {
        let proofs = Proofs::new([7; 32]);
        let booking = BookingId(Uuid::now_v7());
        let link = proofs.link(booking, at(1_000));
        assert_eq!(proofs.open(&link, at(1_000)), Ok(booking));
        assert_eq!(proofs.open(&link, at(999 + LINK_LIFE_S)), Ok(booking));
        assert_eq!(
            proofs.open(&link, at(1_000 + LINK_LIFE_S)),
            Err(BadLink::Expired)
        );
        for bad in ["", "x", "!", &link[1..], &proofs.booking_token(booking)] {
            assert_eq!(proofs.open(bad, at(1_000)), Err(BadLink::Invalid), "{bad}");
        }
        assert_eq!(
            Proofs::new([8; 32]).open(&link, at(1_000)),
            Err(BadLink::Invalid)
        );
        let mut longer = URL_SAFE_NO_PAD.decode(&link).unwrap();
        longer[23] ^= 1;
        let longer = URL_SAFE_NO_PAD.encode(longer);
        assert_eq!(
            proofs.open(&longer, at(1_000)),
            Err(BadLink::Invalid),
            "the time is signed"
        );
    }

    #[test]
    fn a_booking_token_is_that_of_its_booking() {
        let proofs = Proofs::new([7; 32]);
        let (one, other) = (BookingId(Uuid::now_v7()), BookingId(Uuid::now_v7()));
        assert!(proofs.is_booking_token(one, &proofs.booking_token(one)));
        assert!(!proofs.is_booking_token(one, &proofs.booking_token(other)));
        assert!(!proofs.is_booking_token(one, ""));
    }

    #[test]
    fn a_code_is_good_for_its_address_and_for_a_while() {
        let proofs = Proofs::new([7; 32]);
        let code = proofs.email_code("ada@example.org", at(0));
        assert_eq!(code.len(), CODE_SIGNS);
        let typed = format!(" {} ", code.to_lowercase());
        for (second, good) in [(0, true), (CODE_WINDOW_S, true), (2 * CODE_WINDOW_S, false)] {
            assert_eq!(
                proofs.is_email_code("ada@example.org", &typed, at(second)),
                good,
                "{second}"
            );
        }
        assert!(!proofs.is_email_code("eve@example.org", &code, at(0)));
        assert!(!proofs.is_email_code("ada@example.org", "", at(0)));
    }
}
