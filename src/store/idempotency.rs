//! Answers of requests that carried an `Idempotency-Key`, stored in the transaction of their effect, so that after a
//! crash the repeated request finds both or neither.
//!
//! Writes other than bookings call [`recall`] or [`recall_made`] in their transaction before the effect, and
//! [`remember`] or [`remember_made`] after it. If two nodes do so at once, the later transaction fails at the primary
//! key ([`KEY_TAKEN`]); run again, it recalls the answer.

use deadpool_postgres::GenericClient;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;

use super::{Store, StoreError};

/// The constraint that fails when two transactions store the same key.
pub const KEY_TAKEN: &str = "idempotency_keys_pkey";

/// A caller's key for one request of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey {
    /// Caller and route: the same text from another caller, or on another route, is another key.
    pub scope: String,
    /// SHA-256 of the caller's text, in hexadecimal. The text itself is not stored, since it gives access to an anonymous
    /// buyer's booking (see `api/bookings.rs`).
    pub digest: String,
    /// SHA-256 of the canonical body: the same key with another body is refused.
    pub body_hash: [u8; 32],
}

/// The answer to the first request with a key.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAnswer {
    pub body_hash: Vec<u8>,
    /// HTTP status.
    pub status: i32,
    /// The content of the answer: its `data`, or the thing that was made with its revision.
    pub response: Value,
}

impl StoredAnswer {
    /// Reads `body_hash, status, response`, of which the first is column `first`.
    pub(super) fn read(row: &Row, first: usize) -> Result<StoredAnswer, StoreError> {
        let response: &str = row.try_get(first + 2)?;
        Ok(StoredAnswer {
            body_hash: row.try_get(first)?,
            status: row.try_get(first + 1)?,
            response: serde_json::from_str(response).map_err(unreadable)?,
        })
    }
}

/// An answer as it is stored.
pub(super) fn text(answer: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(answer).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::corrupt(format!("answer: {error}"))
}

/// The result of a request that makes something and may be a repetition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Once<T> {
    Made(T),
    /// The same request made it before; this is its state at that time.
    Replayed(T),
    /// The key was used with another body.
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

/// HTTP status of a stored answer.
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

    /// The answer to this request, given the answer stored under its key; `None`: this is the first one.
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
        Some(row) => Some(StoredAnswer::read(&row, 0)?),
    };
    Ok(key.judge(stored))
}

/// Stores the answer of a request that had an effect. Refusals changed nothing and are not stored: the same request may
/// be tried again.
pub async fn remember(
    client: &impl GenericClient,
    key: &IdempotencyKey,
    status: u16,
    response: &impl Serialize,
) -> Result<(), StoreError> {
    let sql = "insert into idempotency_keys (scope, key, body_hash, status, response)
               values ($1, $2, $3, $4, $5)";
    let statement = client.prepare_cached(sql).await?;
    let body_hash = key.body_hash.as_slice();
    let status = i32::from(status);
    let response = text(response)?;
    client
        .execute(
            &statement,
            &[&key.scope, &key.digest, &body_hash, &status, &response],
        )
        .await?;
    Ok(())
}

/// The result of an earlier request with the key; `None` if there was none, or there is no key.
pub async fn recall_made<T: DeserializeOwned>(
    client: &impl GenericClient,
    key: Option<&IdempotencyKey>,
) -> Result<Option<Once<T>>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let read = |answer: StoredAnswer| serde_json::from_value(answer.response).map_err(unreadable);
    match recall(client, key).await? {
        None => Ok(None),
        Some(Once::Mismatch) => Ok(Some(Once::Mismatch)),
        Some(Once::Made(answer) | Once::Replayed(answer)) => {
            Ok(Some(Once::Replayed(read(answer)?)))
        }
    }
}

/// Stores the result under the request's key, if it has one.
pub async fn remember_made<T: Serialize>(
    client: &impl GenericClient,
    key: Option<&IdempotencyKey>,
    made: &T,
) -> Result<(), StoreError> {
    let Some(key) = key else { return Ok(()) };
    remember(client, key, CREATED, made).await
}

impl Store {
    /// Whether a request with this key was answered before.
    pub async fn recall_answer(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Once<()>>, StoreError> {
        let known = recall(&self.client().await?, key).await?;
        Ok(known.map(|once| once.map(|_| ())))
    }
}
