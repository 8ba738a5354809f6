//! Secrets that are shown once and stored as hashes: refresh tokens, links in mails, API keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The beginning of every API key, by which it is told from a token.
pub const API_KEY_PREFIX: &str = "sk_";

/// 256 random bits as text.
pub fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// The hash that is stored of a secret. It has too many bits to be guessed, so that one fast hash will do.
pub fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
