//! Messages to browsers: of what they are to be told. The messages themselves are jobs (`jobs/push.rs`).
//!
//! A browser is proved by the secret of its push subscription (`auth`), which only it and this server know: so it knows its
//! subscriptions without an account, and without keeping anything.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::availability;
use super::bookings::{self, BOOKING_TOKEN};
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Body, NoBody, Query, header_text};
use super::fields::{Fields, Input};
use super::page::{self, LongPage, RequestedUri};
use crate::auth::Caller;
use crate::config::inside::PUSH_HOLD_LEAD;
use crate::config::rest::{LIST_ROWS_MAX, NAME_CHARS_MAX, URL_CHARS_MAX};
use crate::lang::Lang;
use crate::push::{Pusher, encryption};
use crate::schema;
use crate::store::bookings::Name;
use crate::store::push::{
    AUTH_BYTES, HoldPush, NewPush, PushKind, PushRecipient, PushSubscription, TooManyPushes,
};
use crate::store::waitlist::WaitingStatus;
use crate::ticketing::availability::SaleState;
use crate::ticketing::record::BookingStatus;
use crate::ticketing::{BookingId, EventId, PushSubscriptionId, TicketTypeId, UserId};

/// Proves a browser, by the secret of its push subscription in base64url.
const PUSH_AUTH: HeaderName = HeaderName::from_static("x-push-auth");

/// The key that browsers subscribe with.
#[derive(Serialize, ToSchema)]
pub(super) struct PushKey {
    /// P-256, uncompressed, in base64url: `applicationServerKey` of `pushManager.subscribe`.
    #[schema(
        example = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    )]
    key: String,
}

/// Keys of a browser, as `PushSubscription.toJSON()` has them.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of the body; `browser` reads it")]
pub(super) struct PushKeys {
    /// A point of P-256, uncompressed, in base64url.
    #[schema(schema_with = schema::push_point)]
    p256dh: String,
    /// 16 bytes in base64url.
    #[schema(schema_with = schema::push_auth)]
    auth: String,
}

/// A browser, and of what it is to be told.
#[derive(ToSchema)]
#[schema(example = json!({
    "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABk",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
    "kind": "tickets_back",
    "event_id": 2,
}))]
#[expect(dead_code, reason = "describes the body; `PushInput` reads it")]
pub(super) struct PushBody {
    /// Address of the browser at its push service: https, of the open internet.
    #[schema(schema_with = schema::push_endpoint)]
    endpoint: String,
    keys: PushKeys,
    kind: PushKind,
    /// Of `tickets_back` and `waitlist_offer`.
    event_id: Option<EventId>,
    /// Of `tickets_back`: one ticket type; without it any of the event's.
    ticket_type_id: Option<TicketTypeId>,
    /// Of `hold_ends`.
    #[schema(schema_with = schema::uuid, required = false)]
    booking_id: Option<BookingId>,
}

pub(super) struct PushInput {
    to: PushRecipient,
    about: PushSubject,
}

/// Of what a browser is to be told.
enum PushSubject {
    TicketsBack(EventId, Option<TicketTypeId>),
    HoldEnds(BookingId),
    WaitlistOffer(EventId),
}

impl Input for PushInput {
    fn read(fields: &mut Fields) -> Option<PushInput> {
        fields.require(&["kind"]);
        let to = browser(fields);
        let about = match fields.choice("kind", &PushKind::ALL) {
            Some(PushKind::TicketsBack) => {
                fields.require(&["event_id"]);
                let ticket_type = fields.id("ticket_type_id");
                let event = fields.id("event_id");
                event.map(|event| PushSubject::TicketsBack(event, ticket_type))
            }
            Some(PushKind::HoldEnds) => {
                fields.require(&["booking_id"]);
                fields
                    .uuid("booking_id")
                    .map(BookingId)
                    .map(PushSubject::HoldEnds)
            }
            Some(PushKind::WaitlistOffer) => {
                fields.require(&["event_id"]);
                fields.id("event_id").map(PushSubject::WaitlistOffer)
            }
            None => {
                fields.known(&["event_id", "ticket_type_id", "booking_id"]);
                None
            }
        };
        Some(PushInput {
            to: to?,
            about: about?,
        })
    }
}

/// `{endpoint, keys: {p256dh, auth}}`, as browsers write their subscription. Whether the address may be asked is judged by
/// the way out, which knows what is allowed.
fn browser(fields: &mut Fields) -> Option<PushRecipient> {
    fields.require(&["endpoint", "keys"]);
    let endpoint = fields.filled_text("endpoint", URL_CHARS_MAX);
    let keys = fields.take("keys").and_then(|keys| {
        fields.within("keys", keys, |inner| {
            inner.require(&["p256dh", "auth"]);
            let p256dh = bytes(inner, "p256dh", encryption::is_public_key);
            let auth = bytes(inner, "auth", is_auth);
            Some((p256dh?, auth?))
        })
    });
    let (p256dh, auth) = keys?;
    Some(PushRecipient {
        endpoint: endpoint?,
        p256dh,
        auth,
    })
}

fn is_auth(bytes: &[u8]) -> bool {
    bytes.len() == AUTH_BYTES
}

fn bytes(fields: &mut Fields, name: &str, is_good: fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let text = fields.filled_text(name, NAME_CHARS_MAX)?;
    let bytes = decoded(&text).filter(|bytes| is_good(bytes));
    if bytes.is_none() {
        fields.refuse(name, "NOT_A_PUSH_KEY", "");
    }
    bytes
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// A browser that has another address now.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body; `RenewInput` reads it")]
pub(super) struct RenewBody {
    /// The secret of the subscription that the browser had.
    #[schema(schema_with = schema::push_auth)]
    auth: String,
    #[schema(schema_with = schema::push_endpoint)]
    endpoint: String,
    keys: PushKeys,
}

pub(super) struct RenewInput {
    auth: Vec<u8>,
    to: PushRecipient,
}

impl Input for RenewInput {
    fn read(fields: &mut Fields) -> Option<RenewInput> {
        fields.require(&["auth"]);
        let auth = bytes(fields, "auth", is_auth);
        let to = browser(fields)?;
        Some(RenewInput { auth: auth?, to })
    }
}

/// The key that browsers subscribe with
///
/// It stays the same as long as the database does.
#[utoipa::path(
    get, path = "/push/key", tag = "push",
    responses(
        (status = 200, body = Envelope<PushKey>),
        (status = 501, description = "`NO_PUSH`: this server sends no messages to browsers", body = Failure),
    )
)]
pub(super) async fn key(State(state): State<ApiState>) -> ApiResult<Reply<PushKey>> {
    let key = pusher(&state)?.public_key().to_owned();
    Ok(Reply::ok("PUSH_KEY", PushKey { key }))
}

/// Have a browser told of something, once
///
/// `tickets_back`: tickets of a sold-out event, or of one type of it, can be booked again, after those on the waitlist had
/// theirs. `hold_ends`: three minutes before a pending booking ends, if it is not paid by then; also by `X-Booking-Token`.
/// `waitlist_offer`: tickets are offered to the caller, who waits. Once told, a subscription is used up; asked for again
/// before that, it is the same one. Messages are in the language of `Accept-Language`.
#[utoipa::path(
    post, path = "/push/subscriptions", tag = "push", request_body = PushBody,
    responses(
        (status = 201, body = Envelope<PushSubscription>),
        (status = 403, description = "`ACCOUNT_REQUIRED`: only accounts are on waitlists", body = Failure),
        (status = 404, description = "`EVENT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`, `BOOKING_NOT_FOUND`", body = Failure),
        (status = 409, description = "`NOT_SOLD_OUT`: there are tickets, book them; `SALES_CLOSED`: they will not be sold any \
            more; `NOT_PENDING {status}`: the booking is not held; `NOT_WAITING`: the caller is not on the waitlist", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`: also where the address is not https (`NOT_HTTPS`) or not of the open \
            internet (`PRIVATE_HOST`), or a key is none (`NOT_A_PUSH_KEY`)", body = Failure),
        (status = 429, description = "`TOO_MANY_SUBSCRIPTIONS {max}`: of this browser or account", body = Failure),
        (status = 501, description = "`NO_PUSH`: this server sends no messages to browsers", body = Failure),
    )
)]
pub(super) async fn subscribe(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    Body { input, .. }: Body<PushInput>,
) -> ApiResult<Reply<PushSubscription>> {
    let PushInput { to, about } = input;
    check(pusher(&state)?, &to)?;
    let lang = Lang::of(&headers);
    let mut new = NewPush {
        to,
        user: caller.user_id(),
        kind: PushKind::TicketsBack,
        event: EventId(0),
        ticket_type: None,
        booking: None,
        lang,
        hold: None,
    };
    match about {
        PushSubject::TicketsBack(event, ticket_type) => {
            await_tickets(&state, &caller, event, ticket_type).await?;
            (new.event, new.ticket_type) = (event, ticket_type);
        }
        PushSubject::HoldEnds(booking) => {
            let (event, hold) = held(&state, &caller, &headers, booking).await?;
            new.kind = PushKind::HoldEnds;
            (new.event, new.booking, new.hold) = (event, Some(booking), Some(hold));
        }
        PushSubject::WaitlistOffer(event) => {
            let user = new.user;
            let user = user.ok_or_else(|| ApiError::new(StatusCode::FORBIDDEN, "ACCOUNT_REQUIRED"));
            waits(&state, user?, event).await?;
            (new.kind, new.event) = (PushKind::WaitlistOffer, event);
        }
    }
    let made = state.store.subscribe_push(&new).await?;
    let made = made.map_err(|TooManyPushes { max }| {
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_SUBSCRIPTIONS").with("max", max)
    })?;
    Ok(Reply::created("PUSH_SUBSCRIBED", made))
}

/// Of what a browser is to be told, the newest first
///
/// By `X-Push-Auth` that of the browser with this secret, by an account that of all of its browsers. What was told is not
/// there any more. Without `limit` at most 100.
#[utoipa::path(
    get, path = "/push/subscriptions/mine", tag = "push", params(LongPage),
    responses((status = 200, body = Envelope<Vec<PushSubscription>>, headers(("X-Total-Count" = i64), ("Link" = String))))
)]
pub(super) async fn mine(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<PushSubscription>>> {
    let (user, auth) = proof(&caller, &headers)?;
    let mine = state
        .store
        .push_subscriptions(user, auth.as_deref())
        .await?;
    let asked = (&page, &asked);
    page::of_whole("PUSH_SUBSCRIPTIONS", "pushes", mine, asked, |one| one.id)
}

/// Have a browser not told of it
///
/// By `X-Push-Auth` of the browser, or by the account that asked for it.
#[utoipa::path(
    delete, path = "/push/subscriptions/{subscription_id}", tag = "push",
    params(("subscription_id" = PushSubscriptionId, Path)),
    responses(
        (status = 200, body = Envelope<Option<bool>>),
        (status = 404, description = "`PUSH_SUBSCRIPTION_NOT_FOUND`: there is none, it was used up, or it is somebody else's", body = Failure),
    )
)]
pub(super) async fn unsubscribe(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<PushSubscriptionId>,
    headers: HeaderMap,
    _: NoBody,
) -> ApiResult<Reply<Option<bool>>> {
    let (user, auth) = proof(&caller, &headers)?;
    match state
        .store
        .unsubscribe_push(id, user, auth.as_deref())
        .await?
    {
        true => Ok(Reply::ok("PUSH_UNSUBSCRIBED", None)),
        false => Err(not_found()),
    }
}

/// Tell a browser's new address
///
/// When its push service gave it another subscription (`pushsubscriptionchange`): what it is to be told of goes with it.
#[utoipa::path(
    post, path = "/push/subscriptions/renew", tag = "push", request_body = RenewBody,
    responses(
        (status = 200, body = Envelope<Option<bool>>),
        (status = 404, description = "`PUSH_SUBSCRIPTION_NOT_FOUND`: no browser has this secret", body = Failure),
        (status = 422, description = "As for a subscription", body = Failure),
        (status = 501, description = "`NO_PUSH`: this server sends no messages to browsers", body = Failure),
    )
)]
pub(super) async fn renew(
    State(state): State<ApiState>,
    _: Caller,
    Body { input, .. }: Body<RenewInput>,
) -> ApiResult<Reply<Option<bool>>> {
    check(pusher(&state)?, &input.to)?;
    match state.store.renew_push(&input.auth, &input.to).await? {
        true => Ok(Reply::ok("PUSH_RENEWED", None)),
        false => Err(not_found()),
    }
}

fn not_found() -> ApiError {
    ApiError::not_found("PUSH_SUBSCRIPTION_NOT_FOUND")
}

fn pusher(state: &ApiState) -> ApiResult<&Pusher> {
    let none = || ApiError::new(StatusCode::NOT_IMPLEMENTED, "NO_PUSH");
    state.pusher.as_ref().ok_or_else(none)
}

fn check(pusher: &Pusher, to: &PushRecipient) -> ApiResult<()> {
    let checked = pusher.check(&to.endpoint);
    checked.map_err(|fault| ApiError::invalid_field("endpoint", fault.code()))
}

/// The caller's account, or the secret of a browser: who has neither is nobody.
fn proof(caller: &Caller, headers: &HeaderMap) -> ApiResult<(Option<UserId>, Option<Vec<u8>>)> {
    let auth = header_text(headers, &PUSH_AUTH).and_then(decoded);
    let auth = auth.filter(|auth| is_auth(auth));
    match (caller.user_id(), auth) {
        (None, None) if *caller == Caller::Anonymous => Err(ApiError::unauthenticated()),
        (None, None) => Err(ApiError::forbidden()),
        proof => Ok(proof),
    }
}

/// Tickets that cannot be booked now, and may be later.
async fn await_tickets(
    state: &ApiState,
    caller: &Caller,
    event: EventId,
    ticket_type: Option<TicketTypeId>,
) -> ApiResult<()> {
    let stock = availability::visible(state, caller, event).await?;
    let now = state.desk.now();
    let mut asked = stock.ticket_types();
    if let Some(id) = ticket_type {
        asked.retain(|one| one.id == id);
        if asked.is_empty() {
            return Err(ApiError::not_found("TICKET_TYPE_NOT_FOUND"));
        }
    }
    let is_over = |one| SaleState::of(stock.event(), one, now) == SaleState::Closed;
    if asked.into_iter().all(is_over) {
        return Err(ApiError::conflict("SALES_CLOSED"));
    }
    let bookable = state.store.bookable_types(event).await?;
    let is_asked = |one: &TicketTypeId| ticket_type.is_none_or(|asked| asked == *one);
    match bookable.iter().any(is_asked) {
        true => Err(ApiError::conflict("NOT_SOLD_OUT")),
        false => Ok(()),
    }
}

/// The event of the caller's pending booking, and when to tell of its end.
async fn held(
    state: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    id: BookingId,
) -> ApiResult<(EventId, HoldPush)> {
    let token = header_text(headers, &BOOKING_TOKEN);
    let found = state.store.booking(Name::Id(id)).await?;
    let found = found.filter(|found| bookings::is_owner(state, &found.belongs, caller, token));
    let found = found.ok_or_else(bookings::not_found)?;
    let booking = found.booking;
    match (booking.status, booking.expires_at) {
        (BookingStatus::Pending, Some(until)) => {
            Ok((booking.event_id, hold_push(until, found.now)))
        }
        (status, _) => Err(ApiError::conflict("NOT_PENDING").with("status", status.as_str())),
    }
}

fn hold_push(until: Timestamp, now: Timestamp) -> HoldPush {
    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    let lead = PUSH_HOLD_LEAD.min(left / 2);
    HoldPush {
        after: left - lead,
        lead,
    }
}

async fn waits(state: &ApiState, user: UserId, event: EventId) -> ApiResult<()> {
    let places = state.store.waiting_of_user(user, None, LIST_ROWS_MAX, 0);
    let (places, _) = places.await?;
    let mut places = places.iter().filter(|place| place.event_id == event);
    match places.any(|place| place.status == WaitingStatus::Waiting) {
        true => Ok(()),
        false => Err(ApiError::conflict("NOT_WAITING")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_told_of_three_minutes_before_its_end_or_halfway() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
        let told = |left: i64| {
            let hold = hold_push(at(left), at(0));
            (hold.after.as_secs(), hold.lead.as_secs())
        };
        assert_eq!(told(900), (720, 180));
        assert_eq!(told(100), (50, 50));
        assert_eq!(told(-5), (0, 0));
    }
}
