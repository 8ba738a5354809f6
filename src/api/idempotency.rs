//! `Idempotency-Key`: a request that is sent again is done once.
//!
//! The answer is stored with the effect (`store/idempotency.rs`), so it holds across nodes
//! and crashes. [`InFlight`] adds what only this node can know: the first request with the key
//! is still running.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use utoipa::IntoParams;

use super::envelope::Reply;
use super::error::{ApiError, ApiResult};
use crate::auth::Caller;
use crate::config::rest::{IDEMPOTENCY_KEY_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MIN_ANONYMOUS};
use crate::schema;
use crate::store::Store;
use crate::store::idempotency::{IdempotencyKey, Once};

pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// `true` on an answer that an earlier request was given already.
pub const IDEMPOTENT_REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");

/// Does a request once, however often it is sent.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `begin` reads")]
pub struct IdempotencyHeader {
    /// The same key and body make one thing, and are given the same answer, for 24 h. Without an account a key has at
    /// least 16 characters; a random UUID is good.
    #[param(rename = "Idempotency-Key", schema_with = schema::idempotency_key)]
    idempotency_key: Option<String>,
}

/// A caller's key as it came, and as it is stored.
#[derive(Debug, Clone)]
pub struct GivenKey {
    pub text: String,
    pub stored: IdempotencyKey,
}

/// The request's key, if it has one.
///
/// Callers without an account share one name, so their keys must be too long to be guessed or
/// drawn twice: a random UUID is.
fn given_key(
    headers: &HeaderMap,
    caller: &Caller,
    route: &str,
    body_hash: [u8; 32],
) -> ApiResult<Option<GivenKey>> {
    let mut values = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bad = || ApiError::bad_request("BAD_KEY");
    // `to_str` takes visible ASCII, space and tab.
    let text = value.to_str().map_err(|_| bad())?.trim();
    if text.is_empty() || text.len() > IDEMPOTENCY_KEY_BYTES_MAX || values.next().is_some() {
        return Err(bad());
    }
    let who = match caller {
        Caller::User { id, .. } => format!("user {id}"),
        Caller::Key { id, .. } => format!("key {id}"),
        Caller::Anonymous if text.len() < IDEMPOTENCY_KEY_BYTES_MIN_ANONYMOUS => {
            return Err(ApiError::bad_request("WEAK_KEY")
                .with("minimum", IDEMPOTENCY_KEY_BYTES_MIN_ANONYMOUS));
        }
        Caller::Anonymous => "anonymous".to_owned(),
    };
    let stored = IdempotencyKey::new(format!("{who} {route}"), text, body_hash);
    let text = text.to_owned();
    Ok(Some(GivenKey { text, stored }))
}

/// The keys of requests that this node is working on. Clones share them.
#[derive(Clone)]
pub struct InFlight {
    keys: Arc<DashMap<(String, String), ()>>,
    keys_max: usize,
}

/// A request with the key that it came with, if any; until this is dropped, others with the same key are refused.
pub struct KeyedRequest(Option<(GivenKey, Working)>);

impl KeyedRequest {
    pub fn given(&self) -> Option<&GivenKey> {
        self.0.as_ref().map(|(key, _)| key)
    }

    pub fn stored(&self) -> Option<&IdempotencyKey> {
        self.given().map(|key| &key.stored)
    }
}

/// The key is being worked on until this is dropped.
struct Working {
    of: InFlight,
    key: (String, String),
}

impl InFlight {
    pub fn new(keys_max: usize) -> InFlight {
        InFlight {
            keys: Arc::default(),
            keys_max,
        }
    }

    /// Begins the work for a request. `route` names what is done (`POST /bookings`): a key counts for one caller and one
    /// route.
    ///
    /// # Errors
    /// For a key that is no good, or that another request is being worked on with.
    pub fn begin(
        &self,
        headers: &HeaderMap,
        caller: &Caller,
        route: &str,
        body_hash: [u8; 32],
    ) -> ApiResult<KeyedRequest> {
        let key = given_key(headers, caller, route, body_hash)?;
        let enter = |key| -> ApiResult<_> {
            let working = self.enter(&key)?;
            Ok((key, working))
        };
        Ok(KeyedRequest(key.map(enter).transpose()?))
    }

    /// Refuses a key that is being worked on.
    fn enter(&self, key: &GivenKey) -> ApiResult<Working> {
        // Asked before the entry is locked, because `len` locks every shard of the map in turn.
        if self.keys.len() >= self.keys_max {
            return Err(ApiError::unavailable("BUSY", 1));
        }
        let name = (key.stored.scope.clone(), key.stored.digest.clone());
        match self.keys.entry(name.clone()) {
            Entry::Occupied(_) => Err(ApiError::conflict("IDEMPOTENCY_IN_FLIGHT")),
            Entry::Vacant(place) => {
                place.insert(());
                let of = self.clone();
                Ok(Working { of, key: name })
            }
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.of.keys.remove(&self.key);
    }
}

/// Says so when an answer was given before.
pub fn replayed<T: serde::Serialize>(reply: Reply<T>, replayed: bool) -> Reply<T> {
    match replayed {
        true => reply.header(IDEMPOTENT_REPLAY, HeaderValue::from_static("true")),
        false => reply,
    }
}

/// The row that was made, by this request or (`true`) by an earlier one with its key.
pub fn made<T>(once: Once<T>) -> ApiResult<(T, bool)> {
    match once {
        Once::Made(made) => Ok((made, false)),
        Once::Replayed(made) => Ok((made, true)),
        Once::Mismatch => Err(mismatch()),
    }
}

/// The refusal of what a request asks, unless it was asked before with the same key: then it was done in its time, and its
/// answer is recalled where it would be done.
///
/// # Errors
/// The refusal, of a request that is the first.
pub async fn unless_asked_before(
    store: &Store,
    keyed: &KeyedRequest,
    judged: ApiResult<()>,
) -> ApiResult<()> {
    match (judged, keyed.stored()) {
        (Err(refusal), Some(key)) => match store.recall_answer(key).await? {
            Some(_) => Ok(()),
            None => Err(refusal),
        },
        (judged, _) => judged,
    }
}

/// The key was used with another body.
pub fn mismatch() -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_MISMATCH")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(value: &'static str) -> ApiResult<Option<GivenKey>> {
        let mut headers = HeaderMap::new();
        headers.insert(
            IDEMPOTENCY_KEY,
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        given_key(&headers, &Caller::Anonymous, "POST /bookings", [0; 32])
    }

    #[test]
    fn keys_are_printable_bounded_and_not_to_be_guessed() {
        for wrong in ["", " ", "caf\u{e9}-caf\u{e9}-caf\u{e9}-caf\u{e9}"] {
            assert_eq!(read(wrong).unwrap_err().code(), "BAD_KEY", "{wrong:?}");
        }
        let long = "k".repeat(256).leak();
        assert_eq!(read(long).unwrap_err().code(), "BAD_KEY");
        assert_eq!(read("order-1").unwrap_err().code(), "WEAK_KEY");
        assert!(read("7a0f0d0c-4a8e-4a3e").unwrap().is_some());
        let none = given_key(&HeaderMap::new(), &Caller::Anonymous, "", [0; 32]);
        assert!(none.unwrap().is_none());
    }

    #[test]
    fn a_key_is_in_flight_until_its_request_ends() {
        let in_flight = InFlight::new(1);
        let key = read("7a0f0d0c-4a8e-4a3e").unwrap().unwrap();
        let working = in_flight.enter(&key).unwrap();
        drop(working);
        let in_flight = InFlight::new(2);
        let _working = in_flight.enter(&key).unwrap();
        let again = in_flight.enter(&key).err().unwrap();
        assert_eq!(again.code(), "IDEMPOTENCY_IN_FLIGHT");
        let other = read("another-key-of-16").unwrap().unwrap();
        let _other = in_flight.enter(&other).unwrap();
        let third = read("a-third-key-of-16").unwrap().unwrap();
        assert_eq!(in_flight.enter(&third).err().unwrap().code(), "BUSY");
    }
}
