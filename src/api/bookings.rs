//! Bookings: read here; made, confirmed and cancelled by the desk.
//!
//! A booking belongs to the user who made it or, made without an account, to whoever has its token. The
//! token is answered once, in `X-Booking-Token` and `data.token`; the database keeps its hash. What staff sell by their account
//! belongs to whoever proves the address in its contact, and to the seller only while selling for the organization.

pub(super) mod cancellation;
pub(super) mod create;
pub(super) mod find;
pub(super) mod quote;
pub(super) mod read;
pub(super) mod status;
pub(super) mod swap;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult};
use super::extract::header_text;
use super::idempotency::GivenKey;
use crate::api::ApiState;
use crate::auth::proofs::Proofs;
use crate::auth::{Caller, Right, secrets};
use crate::store::bookings::{Belongs, FoundBooking, Holder, Name};
use crate::ticketing::movement::DisputeState;
use crate::ticketing::record::{Attendee, Booking, BookingKind, Contact, Money};
use crate::ticketing::{BookingId, UserId};

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
    /// How its buyer can be reached, where the booking said so; for those who may `sell`, else as the account says.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Contact>,
    /// Those who come, in the order of `tickets`: each name is one ticket's, until that is handed on. For its owner and those
    /// who may `sell`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    attendees: Vec<Attendee>,
    /// With the answer that made an anonymous booking: what `X-Booking-Token` must say from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// For the people of the event's organization: what cardholders dispute of its payments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    disputes: Vec<DisputeData>,
}

/// Money that a cardholder's bank took back, or tries to.
#[derive(Serialize, ToSchema)]
pub(super) struct DisputeData {
    /// The provider's name for it.
    #[schema(example = "dp_1")]
    id: String,
    amount: Money,
    status: DisputeState,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl BookingData {
    pub(super) fn new(booking: Booking, server_time: Timestamp) -> BookingData {
        BookingData {
            booking,
            server_time,
            contact: None,
            attendees: Vec::new(),
            token: None,
            disputes: Vec::new(),
        }
    }

    /// A booking as the desk answered with it.
    pub(super) fn answered(booking: Arc<Booking>, server_time: Timestamp) -> BookingData {
        BookingData::new(Arc::unwrap_or_clone(booking), server_time)
    }

    fn found(found: FoundBooking) -> BookingData {
        let mut data = BookingData::new(found.booking, found.now);
        data.contact = found.contact;
        data.attendees = found.attendees;
        data
    }

    /// A booking that is read: its staff see its disputes, and those who keep its money alone see nobody's name or address.
    async fn read(
        state: &ApiState,
        caller: &Caller,
        token: Option<&str>,
        found: FoundBooking,
    ) -> ApiResult<BookingData> {
        let is_paid = found.booking.payment.is_some();
        let (id, currency) = (found.booking.id, found.booking.total.currency.clone());
        let is_staff = sees_bookings(caller, found.belongs.organizer_id);
        let sells = caller.may(Right::Sell, found.belongs.organizer_id);
        let mut data = match sees_people(state, &found.belongs, caller, token) {
            true => BookingData::found(found),
            false => BookingData::new(found.booking.without_people(), found.now),
        };
        if sells && let Some(buyer) = state.store.buyers(&[id]).await?.pop() {
            data.contact = Some(buyer).filter(|buyer| *buyer != Contact::default());
        }
        if is_staff && is_paid {
            let disputes = state.store.disputes_of(id).await?.into_iter();
            let shown = disputes.map(|dispute| DisputeData {
                id: dispute.provider_ref,
                amount: Money {
                    amount: dispute.amount,
                    currency: currency.clone(),
                },
                status: dispute.state,
                created_at: dispute.created_at,
            });
            data.disputes = shown.collect();
        }
        Ok(data)
    }
}

/// The token of an anonymous booking.
fn token(proofs: &Proofs, booking: BookingId, key: Option<&GivenKey>) -> String {
    match key {
        None => secrets::random(),
        Some(key) => proofs.keyed_token(booking, &key.text),
    }
}

fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The booking, if the caller is its owner, its event's organizer or an admin. To all others it does not
/// exist, so that references cannot be tried out.
async fn find(
    state: &ApiState,
    name: Name<'_>,
    caller: &Caller,
    token: Option<&str>,
) -> ApiResult<FoundBooking> {
    let found = state.store.booking(name).await?;
    let visible = found.filter(|found| is_visible(state, &found.belongs, caller, token));
    visible.ok_or_else(not_found)
}

/// The token that the caller sent, before the body is read: who proves nothing hears so first.
pub(super) struct ProofToken(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for ProofToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<ProofToken> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let token = token_of(&caller, &parts.headers)?;
        Ok(ProofToken(token.map(str::to_owned)))
    }
}

/// The token that the caller sent. Somebody who has neither account nor token is nobody's owner.
fn token_of<'a>(caller: &Caller, headers: &'a HeaderMap) -> ApiResult<Option<&'a str>> {
    let token = header_text(headers, &BOOKING_TOKEN);
    match *caller == Caller::Anonymous && token.is_none() {
        true => Err(ApiError::unauthenticated()),
        false => Ok(token),
    }
}

/// The caller as somebody who may have a hold, by account or by token.
pub(super) fn holder(caller: &Caller, headers: &HeaderMap) -> Holder {
    match (caller.user_id(), header_text(headers, &BOOKING_TOKEN)) {
        (Some(user), _) => Holder::User(user),
        (None, Some(token)) => Holder::Token(token_hash(token)),
        (None, None) => Holder::Nobody,
    }
}

pub(super) fn not_found() -> ApiError {
    ApiError::not_found("BOOKING_NOT_FOUND")
}

pub(super) fn is_visible(
    state: &ApiState,
    booking: &Belongs,
    caller: &Caller,
    token: Option<&str>,
) -> bool {
    is_owner(state, booking, caller, token) || sees_bookings(caller, booking.organizer_id)
}

/// With one of these a caller may read the bookings of an event.
const SEES_BOOKINGS: [Right; 2] = [Right::Sell, Right::Figures];

fn sees_bookings(caller: &Caller, organizer: UserId) -> bool {
    SEES_BOOKINGS
        .iter()
        .any(|right| caller.may(*right, organizer))
}

/// Whether the caller may know who the buyer is, and who comes: its owner and those who sell. Money is kept without names.
pub(super) fn sees_people(
    state: &ApiState,
    booking: &Belongs,
    caller: &Caller,
    token: Option<&str>,
) -> bool {
    is_owner(state, booking, caller, token) || caller.may(Right::Sell, booking.organizer_id)
}

/// Whether the caller proves by a token to be the buyer. What was sold by an account has no token but the one that a link to
/// the address in its contact opens.
fn has_token(state: &ApiState, booking: &Belongs, token: Option<&str>) -> bool {
    let Some(token) = token else { return false };
    let is_kept = |hash: &Vec<u8>| token_hash(token).as_slice() == hash.as_slice();
    let may_be_mailed = booking.token_hash.is_some() || booking.kind == BookingKind::Staff;
    booking.token_hash.as_ref().is_some_and(is_kept)
        || may_be_mailed && state.proofs.is_booking_token(booking.id, token)
}

/// Whether the caller is the buyer, and not somebody who sold it, whose name it has then.
pub(super) fn is_buyer(
    state: &ApiState,
    booking: &Belongs,
    caller: &Caller,
    token: Option<&str>,
) -> bool {
    match booking.kind {
        BookingKind::Staff => has_token(state, booking, token),
        BookingKind::Checkout | BookingKind::Offer => is_owner(state, booking, caller, token),
    }
}

/// Whether the booking is the caller's. Of what staff sold the name tells who sold it: that proves nothing once they sell for its
/// organization no more. Keep in step with `owner_of` in `sql/V11__accounts.sql`.
pub(super) fn is_owner(
    state: &ApiState,
    booking: &Belongs,
    caller: &Caller,
    token: Option<&str>,
) -> bool {
    let is_named = (booking.user_id).is_some_and(|owner| caller.may_act_for(owner));
    let counts =
        booking.kind != BookingKind::Staff || caller.may(Right::Sell, booking.organizer_id);
    has_token(state, booking, token) || is_named && counts
}
