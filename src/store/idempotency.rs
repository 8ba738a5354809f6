//! Answers of requests that carried an `Idempotency-Key`, stored in the transaction of their
//! effect: after a crash the same request finds both or neither.
//!
//! How a write other than a booking uses it, inside its transaction and before its effect:
//! [`recall`] or [`recall_made`]; after the effect: [`remember`] or [`remember_made`]. Two nodes that do so at once meet at the primary
//! key: the later one's transaction ends with [`KEY_TAKEN`] and, run again, recalls.

use deadpool_postgres::GenericClient;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::StoreError;

/// The constraint that judges when two transactions store the same key.
pub const KEY_TAKEN: &str = "idempotency_keys_pkey";

/// A caller's key for one request of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey {
    /// Whose key, and for what: the same text from another caller, or on another route, is another key.
    pub scope: String,
    /// SHA-256 of the caller's text, in hexadecimal. The text itself opens an anonymous buyer's
    /// booking (see `api/bookings.rs`), so it is not stored.
    pub digest: String,
    /// SHA-256 of the canonical body: the same key with another body is a mistake of the caller's.
    pub body_hash: [u8; 32],
}

/// What the first request with a key was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAnswer {
    pub body_hash: Vec<u8>,
    /// HTTP status.
    pub status: i32,
    /// What the answer is written from: its `data`, or what was made with its revision.
    pub response: Value,
}

/// What became of a request that makes something and may be a repetition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Once<T> {
    Made(T),
    /// The same request made it before; it is as it was then.
    Replayed(T),
    /// The key belongs to another body.
    Mismatch,
}

impl<T> Once<T> {
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Once<U> {
        match self {
            Once::Made(made) => Once::Made(with(made)),
            Once::Replayed(made) => Once::Replayed(with(made)),
            Once::Mismatch => Once::Mismatch,
        }
    }
}

/// HTTP status of what was made.
const CREATED: u16 = 201;

impl IdempotencyKey {
    pub fn new(scope: String, key: &str, body_hash: [u8; 32]) -> IdempotencyKey {
        let digest = Sha256::digest(key.as_bytes());
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        IdempotencyKey {
            scope,
            digest,
            body_hash,
        }
    }

    /// What this request is to be answered, given what is stored under its key; `None`: it is the first.
    pub fn judge(&self, stored: Option<StoredAnswer>) -> Option<Once<StoredAnswer>> {
        let stored = stored?;
        Some(match stored.body_hash == self.body_hash {
            true => Once::Replayed(stored),
            false => Once::Mismatch,
        })
    }
}

pub async fn recall(
    client: &impl GenericClient,
    key: &IdempotencyKey,
) -> Result<Option<Once<StoredAnswer>>, StoreError> {
    let sql =
        "select body_hash, status, response from idempotency_keys where scope = $1 and key = $2";
    let statement = client.prepare_cached(sql).await?;
    let row = client
        .query_opt(&statement, &[&key.scope, &key.digest])
        .await?;
    let stored = match row {
        None => None,
        Some(row) => Some(StoredAnswer {
            body_hash: row.try_get(0)?,
            status: row.try_get(1)?,
            response: row.try_get(2)?,
        }),
    };
    Ok(key.judge(stored))
}

/// Stores the answer of a request that had an effect. Refusals are not stored: they changed
/// nothing, and the same request may be tried again.
pub async fn remember(
    client: &impl GenericClient,
    key: &IdempotencyKey,
    status: u16,
    response: &Value,
) -> Result<(), StoreError> {
    let sql = "insert into idempotency_keys (scope, key, body_hash, status, response)
               values ($1, $2, $3, $4, $5)";
    let statement = client.prepare_cached(sql).await?;
    let body_hash = key.body_hash.as_slice();
    let status = i32::from(status);
    client
        .execute(
            &statement,
            &[&key.scope, &key.digest, &body_hash, &status, response],
        )
        .await?;
    Ok(())
}

/// What an earlier request with the key made; `None` where there was none, or there is no key.
pub async fn recall_made<T: DeserializeOwned>(
    client: &impl GenericClient,
    key: Option<&IdempotencyKey>,
) -> Result<Option<Once<T>>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let read = |answer: StoredAnswer| {
        let made = serde_json::from_value(answer.response);
        made.map_err(|error| StoreError::corrupt(format!("answer: {error}")))
    };
    match recall(client, key).await? {
        None => Ok(None),
        Some(Once::Mismatch) => Ok(Some(Once::Mismatch)),
        Some(Once::Made(answer) | Once::Replayed(answer)) => {
            Ok(Some(Once::Replayed(read(answer)?)))
        }
    }
}

/// Stores what was made under the request's key, if it has one.
pub async fn remember_made<T: Serialize>(
    client: &impl GenericClient,
    key: Option<&IdempotencyKey>,
    made: &T,
) -> Result<(), StoreError> {
    let Some(key) = key else { return Ok(()) };
    let response = serde_json::to_value(made);
    let response = response.map_err(|error| StoreError::corrupt(format!("answer: {error}")))?;
    remember(client, key, CREATED, &response).await
}
