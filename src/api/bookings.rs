//! Bookings: made by a desk, read and given back here.
//!
//! A booking belongs to the user who made it or, made without an account, to whoever has its token. The
//! token is answered once, in `X-Booking-Token` and `data.token`; the database keeps its hash.

pub(super) mod cancel;
pub(super) mod create;
pub(super) mod read;

use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::Rng;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult};
use super::extract::header_text;
use super::idempotency::GivenKey;
use crate::auth::Caller;
use crate::store::Store;
use crate::store::bookings::{Found, Name};
use crate::ticketing::BookingId;
use crate::ticketing::record::Booking;

/// Proves that an anonymous buyer made the booking.
pub(super) const BOOKING_TOKEN: HeaderName = HeaderName::from_static("x-booking-token");

/// A booking as it is answered.
#[derive(Serialize, ToSchema)]
pub(super) struct BookingData {
    #[serde(flatten)]
    booking: Booking,
    /// The clock by which `expires_at` is measured.
    #[schema(value_type = String, format = DateTime)]
    server_time: Timestamp,
    /// With the answer that made an anonymous booking: what `X-Booking-Token` must say from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl BookingData {
    fn new(booking: Booking, server_time: Timestamp) -> BookingData {
        BookingData {
            booking,
            server_time,
            token: None,
        }
    }
}

/// The token of an anonymous booking. With an idempotency key it is derived from it, so that a replay
/// gives the token again although only its hash is stored.
fn token(booking: BookingId, key: Option<&GivenKey>) -> String {
    let secret: [u8; 32] = match key {
        None => rand::rng().random(),
        Some(key) => Sha256::new()
            .chain_update(b"seatcast booking token")
            .chain_update(booking.as_bytes())
            .chain_update(key.text.as_bytes())
            .finalize()
            .into(),
    };
    URL_SAFE_NO_PAD.encode(secret)
}

fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The booking, if the caller is its owner, its event's organizer or an admin. To all others it does not
/// exist, so that references cannot be tried out.
async fn find(
    store: &Store,
    name: Name<'_>,
    caller: &Caller,
    headers: &HeaderMap,
) -> ApiResult<Found> {
    let token = header_text(headers, &BOOKING_TOKEN);
    if *caller == Caller::Anonymous && token.is_none() {
        return Err(ApiError::unauthenticated());
    }
    let found = store.booking(name).await?;
    let visible = found.filter(|found| is_visible(found, caller, token));
    visible.ok_or_else(|| ApiError::not_found("BOOKING_NOT_FOUND"))
}

fn is_visible(found: &Found, caller: &Caller, token: Option<&str>) -> bool {
    let owner = found.booking.user_id;
    let by_token = match (token, &found.token_hash) {
        (Some(token), Some(hash)) => token_hash(token).as_slice() == hash.as_slice(),
        _ => false,
    };
    by_token
        || owner.is_some_and(|owner| caller.may_act_for(owner))
        || caller.may_organize(found.organizer_id)
}
