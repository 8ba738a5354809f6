//! The public keys of an issuer, as in RFC 7517.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::config::inside::JWKS_KEYS_MAX;

/// Shorter RSA keys sign nothing (RFC 7518 §3.3), in bytes.
const RSA_BYTES_MIN: usize = 256;

/// The keys of one issuer that sign tokens and that we can check.
pub struct KeySet(Vec<IssuerKey>);

pub(super) struct IssuerKey {
    id: Option<String>,
    pub(super) decoding: DecodingKey,
    /// Fixed by the key, so that a token cannot choose another: a public key is never an HMAC secret.
    pub(super) algorithms: Vec<Algorithm>,
}

/// A body is no list of keys.
#[derive(Debug, thiserror::Error)]
#[error("no set of keys in JSON (JWKS)")]
pub struct NotAKeySet(#[from] serde_json::Error);

#[derive(Deserialize)]
struct KeySetBody {
    keys: Vec<Value>,
}

impl KeySet {
    /// Keys of unknown kinds are left out, as RFC 7517 §5 asks.
    pub fn parse(body: &[u8]) -> Result<KeySet, NotAKeySet> {
        let body: KeySetBody = serde_json::from_slice(body)?;
        let keys = body.keys.into_iter().filter_map(key).take(JWKS_KEYS_MAX);
        Ok(KeySet(keys.collect()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn named(&self, id: &str) -> Option<&IssuerKey> {
        self.0.iter().find(|key| key.id.as_deref() == Some(id))
    }

    /// The key, where there is one only.
    pub(super) fn only(&self) -> Option<&IssuerKey> {
        match self.0.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

fn key(value: Value) -> Option<IssuerKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let said = &jwk.common;
    if said
        .public_key_use
        .as_ref()
        .is_some_and(|used| *used != PublicKeyUse::Signature)
    {
        return None;
    }
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
            if bytes < RSA_BYTES_MIN {
                return None;
            }
            vec![Algorithm::RS256, Algorithm::RS384, Algorithm::RS512]
        }
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(pair) => match pair.curve {
            EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
            _ => return None,
        },
        // Secrets are no public keys, whoever publishes them.
        _ => return None,
    };
    if let Some(named) = said.key_algorithm {
        algorithms.retain(|algorithm| named_as(*algorithm) == Some(named));
    }
    if algorithms.is_empty() {
        return None;
    }
    Some(IssuerKey {
        id: said.key_id.clone(),
        decoding: DecodingKey::from_jwk(&jwk).ok()?,
        algorithms,
    })
}

fn named_as(algorithm: Algorithm) -> Option<KeyAlgorithm> {
    match algorithm {
        Algorithm::RS256 => Some(KeyAlgorithm::RS256),
        Algorithm::RS384 => Some(KeyAlgorithm::RS384),
        Algorithm::RS512 => Some(KeyAlgorithm::RS512),
        Algorithm::ES256 => Some(KeyAlgorithm::ES256),
        Algorithm::ES384 => Some(KeyAlgorithm::ES384),
        Algorithm::EdDSA => Some(KeyAlgorithm::EdDSA),
        _ => None,
    }
}
