//! The hash by which buyers without an account are known again: of their address and the event, under a secret that
//! the nodes share. So the address itself is stored nowhere, and hashes of two events cannot be compared.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::address::Client;
use crate::ticketing::EventId;
use crate::ticketing::stock::GuestHash;

#[derive(Clone)]
pub struct GuestHasher(Hmac<Sha256>);

impl GuestHasher {
    pub fn new(secret: [u8; 32]) -> GuestHasher {
        // A block of HMAC is longer than the secret, so this is its key as it is.
        let mut block = [0; 64];
        block[..secret.len()].copy_from_slice(&secret);
        GuestHasher(Hmac::new(&block.into()))
    }

    /// The same for all addresses of one network.
    pub fn hash(&self, event: EventId, client: Client) -> GuestHash {
        GuestHash(self.of(event, client))
    }

    /// Of no event: for the audit trail.
    pub fn hash_of_address(&self, client: Client) -> [u8; 16] {
        self.of(EventId(0), client)
    }

    fn of(&self, event: EventId, client: Client) -> [u8; 16] {
        let mut hash = self.0.clone();
        hash.update(&event.0.to_be_bytes());
        hash.update(&client.network().bytes());
        let digest: [u8; 32] = hash.finalize().into_bytes().into();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        short
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_hash_tells_network_event_and_secret_apart_and_nothing_else() {
        let hash = |secret: u8, event, address: &str| {
            let client = Client::new(address.parse().unwrap());
            GuestHasher::new([secret; 32]).hash(EventId(event), client)
        };
        let one = hash(1, 1, "2001:db8::1");
        assert_eq!(one, hash(1, 1, "2001:db8::2"));
        assert_ne!(one, hash(2, 1, "2001:db8::1"));
        assert_ne!(one, hash(1, 2, "2001:db8::1"));
        assert_ne!(one, hash(1, 1, "2001:db8:0:1::1"));
    }
}
