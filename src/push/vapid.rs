//! The signature by which push services know this server (VAPID, RFC 8292).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::EncodePrivateKey;
use reqwest::Url;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::tasks::BoxError;

/// How long a signature is good; push services take at most a day.
const LIFE: Duration = Duration::from_secs(12 * 3_600);

pub(super) struct Vapid {
    key: EncodingKey,
    public_key: String,
    /// `mailto:` or `https:`: whom a push service asks if something is wrong.
    contact: String,
}

#[derive(Serialize)]
struct VapidClaims<'a> {
    aud: String,
    exp: u64,
    sub: &'a str,
}

impl Vapid {
    /// The key is made of `secret`, the same on every node.
    pub(super) fn new(secret: [u8; 32], contact: &str) -> Result<Vapid, BoxError> {
        let secret = key_of(secret);
        let public = secret.public_key().to_encoded_point(false);
        let der = secret.to_pkcs8_der().map_err(|error| error.to_string())?;
        Ok(Vapid {
            key: EncodingKey::from_ec_der(der.as_bytes()),
            public_key: URL_SAFE_NO_PAD.encode(public.as_bytes()),
            contact: contact.to_owned(),
        })
    }

    pub(super) fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The header for a message to this address.
    pub(super) fn authorization(&self, to: &Url) -> Result<String, BoxError> {
        let until = SystemTime::now().duration_since(UNIX_EPOCH)? + LIFE;
        let claims = VapidClaims {
            aud: to.origin().ascii_serialization(),
            exp: until.as_secs(),
            sub: &self.contact,
        };
        let header = Header::new(Algorithm::ES256);
        let token = jsonwebtoken::encode(&header, &claims, &self.key)?;
        Ok(format!("vapid t={token}, k={}", self.public_key))
    }
}

/// One in four thousand million numbers is no key; then its hash is taken.
fn key_of(mut secret: [u8; 32]) -> SecretKey {
    loop {
        match SecretKey::from_slice(&secret) {
            Ok(key) => return key,
            Err(_) => secret = Sha256::digest(secret).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_signature_is_of_this_server_for_that_service() {
        let vapid = Vapid::new([7; 32], "mailto:push@example.org").unwrap();
        let to = Url::parse("https://push.example.org:8443/send/1?x=y").unwrap();
        let said = vapid.authorization(&to).unwrap();
        let (token, key) = said.split_once(", k=").unwrap();
        let key = URL_SAFE_NO_PAD.decode(key).unwrap();
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&["https://push.example.org:8443"]);
        let token = token.strip_prefix("vapid t=").unwrap();
        let read = jsonwebtoken::decode::<Value>(token, &DecodingKey::from_ec_der(&key), &rules);
        assert_eq!(read.unwrap().claims["sub"], "mailto:push@example.org");
    }

    #[test]
    fn every_secret_is_a_key() {
        assert!(Vapid::new([0xff; 32], "mailto:push@example.org").is_ok());
        assert!(Vapid::new([0; 32], "mailto:push@example.org").is_ok());
    }
}
