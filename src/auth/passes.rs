//! Signs what a ticket's QR says, and checks it.

use rand::Rng;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::ticketing::pass::{Pass, ReadPass, read};

/// A key as it is stored.
#[derive(Clone)]
pub struct TicketKey {
    /// 1 to 255; every QR says it.
    pub id: u8,
    pub secret: [u8; 32],
    pub public: [u8; 32],
}

impl TicketKey {
    /// `None`: the random bytes made no key, which does not happen.
    pub fn draw(id: u8) -> Option<TicketKey> {
        let secret: [u8; 32] = rand::rng().random();
        let pair = Ed25519KeyPair::from_seed_unchecked(&secret).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(TicketKey { id, secret, public })
    }
}

/// The public half of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    pub id: u8,
    pub public: [u8; 32],
}

/// The text of the ticket's QR, signed by `key`; `None`: an id has no room in it.
pub fn sign(key: &TicketKey, mut pass: Pass) -> Option<String> {
    pass.key = key.id;
    let pair = Ed25519KeyPair::from_seed_unchecked(&key.secret).ok()?;
    let signature = pair.sign(&pass.to_sign()?);
    pass.text(signature.as_ref().try_into().ok()?)
}

/// The pass in a scanned text, if we signed it.
pub fn verify(keys: &[PublicKey], text: &str) -> Option<Pass> {
    let ReadPass {
        pass,
        signed,
        signature,
    } = read(text)?;
    let key = keys.iter().find(|key| key.id == pass.key)?;
    let key = UnparsedPublicKey::new(&ED25519, key.public);
    key.verify(&signed, &signature).ok()?;
    Some(pass)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ticketing::{EventId, TicketId, TicketTypeId};

    #[test]
    fn old_keys_verify_and_no_other_text_does() {
        let (old, new) = (TicketKey::draw(1).unwrap(), TicketKey::draw(2).unwrap());
        let pass = Pass {
            key: 0,
            event: EventId(7),
            ticket: TicketId(8),
            generation: 1,
            not_after: 1_800_000_000,
            ticket_type: TicketTypeId(9),
            seat: None,
        };
        let keys = [&old, &new].map(|key| PublicKey {
            id: key.id,
            public: key.public,
        });
        for key in [&old, &new] {
            let text = sign(key, pass).unwrap();
            let read = verify(&keys, &text).unwrap();
            assert_eq!((read.ticket, read.key), (TicketId(8), key.id));
            for at in 0..text.len() {
                let mut other = text.clone().into_bytes();
                other[at] = if other[at] == b'0' { b'1' } else { b'0' };
                let other = String::from_utf8(other).unwrap();
                assert_eq!(verify(&keys, &other), None, "{at}");
            }
        }
        assert_eq!(verify(&keys[1..], &sign(&old, pass).unwrap()), None);
    }
}
