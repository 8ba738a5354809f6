//! Messages that only the browser reads (RFC 8291): a key agreed on with its public key and secret, and one record of
//! `aes128gcm` (RFC 8188).

use hkdf::Hkdf;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey, ecdh};
use rand::Rng;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;

use crate::store::push::{POINT_BYTES, PushRecipient};

const SALT_BYTES: usize = 16;
/// The one record's size as it is told; push services take no more either.
const RECORD_BYTES: u32 = 4_096;
/// Payload that fits into it beside its header, tag and the byte that ends it.
pub const PAYLOAD_BYTES_MAX: usize = 3_993;
/// Ends the last record.
const LAST: u8 = 2;

/// The body of a request to a push service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encrypted(pub Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    #[error("the browser's key is no point of the curve")]
    BadKey,
    #[error("the payload is too long")]
    TooLong,
}

/// Whether these bytes are a public key.
pub fn is_public_key(bytes: &[u8]) -> bool {
    bytes.len() == POINT_BYTES && PublicKey::from_sec1_bytes(bytes).is_ok()
}

/// A secret key of which nobody knows anything.
pub(super) fn random_key() -> SecretKey {
    loop {
        let bytes: [u8; 32] = rand::rng().random();
        // Almost every number is one.
        if let Ok(key) = SecretKey::from_slice(&bytes) {
            return key;
        }
    }
}

/// # Errors
/// The browser's key is none, or the payload is longer than [`PAYLOAD_BYTES_MAX`].
pub fn encrypt(to: &PushRecipient, payload: &[u8]) -> Result<Encrypted, EncryptionError> {
    seal(to, payload, &random_key(), &rand::rng().random())
}

fn seal(
    to: &PushRecipient,
    payload: &[u8],
    ours: &SecretKey,
    salt: &[u8; SALT_BYTES],
) -> Result<Encrypted, EncryptionError> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(EncryptionError::TooLong);
    }
    let bad = |_| EncryptionError::BadKey;
    let theirs = PublicKey::from_sec1_bytes(&to.p256dh).map_err(bad)?;
    let public = ours.public_key().to_encoded_point(false);
    let shared = ecdh::diffie_hellman(ours.to_nonzero_scalar(), theirs.as_affine());
    let of_both = [b"WebPush: info\0", &*to.p256dh, public.as_bytes()].concat();
    let secret: [u8; 32] = derive(&to.auth, shared.raw_secret_bytes(), &of_both)?;
    let key: [u8; 16] = derive(salt, &secret, b"Content-Encoding: aes128gcm\0")?;
    let nonce: [u8; 12] = derive(salt, &secret, b"Content-Encoding: nonce\0")?;

    let mut record = [payload, &[LAST]].concat();
    let key = UnboundKey::new(&AES_128_GCM, &key).map_err(|_| EncryptionError::BadKey)?;
    LessSafeKey::new(key)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut record,
        )
        .map_err(|_| EncryptionError::TooLong)?;
    let header = [
        salt.as_slice(),
        &RECORD_BYTES.to_be_bytes(),
        &[POINT_BYTES as u8],
        public.as_bytes(),
    ];
    Ok(Encrypted([&header.concat()[..], &record].concat()))
}

fn derive<const N: usize>(
    salt: &[u8],
    secret: &[u8],
    info: &[u8],
) -> Result<[u8; N], EncryptionError> {
    let mut derived = [0; N];
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(info, &mut derived)
        .map_err(|_| EncryptionError::TooLong)?;
    Ok(derived)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::store::push::AUTH_BYTES;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// That of RFC 8291, appendix A.
    #[test]
    fn the_example_of_the_standard() {
        let to = PushRecipient {
            endpoint: String::new(),
            p256dh: bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let ours = SecretKey::from_slice(&bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"));
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let sealed = seal(
            &to,
            b"When I grow up, I want to be a watermelon",
            &ours.unwrap(),
            &salt,
        );
        let wanted = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(sealed.unwrap().0, bytes(wanted));
    }

    #[test]
    fn what_cannot_be_encrypted_is_refused() {
        let good = random_key().public_key().to_encoded_point(false);
        let mut to = PushRecipient {
            endpoint: String::new(),
            p256dh: good.as_bytes().to_vec(),
            auth: vec![7; AUTH_BYTES],
        };
        let body = encrypt(&to, &[0; PAYLOAD_BYTES_MAX]).unwrap().0;
        assert_eq!(body.len(), RECORD_BYTES as usize);
        let long = encrypt(&to, &[0; PAYLOAD_BYTES_MAX + 1]);
        assert_eq!(long, Err(EncryptionError::TooLong));
        assert!(is_public_key(&to.p256dh));
        to.p256dh[40] ^= 1;
        assert!(!is_public_key(&to.p256dh));
        assert_eq!(encrypt(&to, b"x"), Err(EncryptionError::BadKey));
    }
}
