//! Money back: `POST /bookings/{id}/refunds` by staff, or by the owner as the event's policy says, and the policy itself.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Array;
use uuid::Uuid;

use super::ApiState;
use super::bookings::not_found;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::events::organizer_to_change;
use super::extract::{At, Body, Query};
use super::fields::{Fields, Input};
use super::idempotency::{self, IdempotencyHeader};
use super::money;
use super::page::{self, LongPage, RequestedUri};
use crate::auth::{Caller, Right};
use crate::config::rest::{BOOKING_ITEMS_MAX, REASON_CHARS_MAX};
use crate::payments::give_back::{NotGiven, RefundOrder, give_back};
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::store::bookings::{Belongs, Name};
use crate::store::idempotency::Once;
use crate::store::payment_terms::PaymentTerms;
use crate::store::refunds::{Refund, RefundState};
use crate::ticketing::record::{Booking, Money, TicketStatus};
use crate::ticketing::reference::typed_ticket_code;
use crate::ticketing::refund::RefundWish;
use crate::ticketing::refund_policy::{RefundPolicy, UNTIL_MINUTES_MAX};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::{BookingId, EventId, PaymentId, RefundId};

/// Tickets that one request names.
pub(super) const REFUND_TICKETS_MAX: usize = BOOKING_ITEMS_MAX * 100;
/// Days that a hold may wait for a transfer; `sql/V14__ledger.sql` says the same, as of the instructions' length.
const OFFLINE_DAYS_MAX: i64 = 60;
const TERMS_CHARS_MAX: usize = 1_000;
/// Characters of a ticket's code as it comes: with marks and spaces, where it was copied from a text.
const CODE_CHARS_MAX: usize = 100;
/// Of codes in one parameter, with the commas between them.
pub(super) const CODES_CHARS_MAX: usize = 4_000;

/// The amount to give back: one of `all`, `ticket_ids` and `amount`.
#[derive(ToSchema)]
#[schema(example = json!({"all": true, "reason": "The seat was broken"}))]
#[expect(dead_code, reason = "documents the body that `RefundInput` reads")]
pub(super) struct RefundBody {
    /// All that is left, and every ticket becomes void.
    #[schema(required = false)]
    all: Option<bool>,
    /// Codes of tickets, which become void; what they cost is given back.
    #[schema(schema_with = ticket_codes, required = false)]
    ticket_ids: Option<Vec<String>>,
    /// Money alone: the tickets stay good.
    #[schema(required = false)]
    amount: Option<money::BackAmount>,
    #[schema(schema_with = schema::reason, required = false)]
    reason: Option<String>,
}

pub(super) fn ticket_codes() -> Array {
    schema::list_of(schema::filled_up_to(CODE_CHARS_MAX), 1, REFUND_TICKETS_MAX)
}

pub(super) struct RefundInput {
    wish: RefundWish,
    /// Of `amount`, if it is named.
    currency: Option<String>,
    reason: String,
}

impl Input for RefundInput {
    fn read(fields: &mut Fields) -> Option<RefundInput> {
        let reason = fields.text("reason", REASON_CHARS_MAX);
        let given = ["all", "ticket_ids", "amount"].map(|name| fields.has(name));
        let (mut currency, mut wish) = (None, None);
        match given {
            [true, false, false] => match fields.boolean("all") {
                Some(true) => wish = Some(RefundWish::All),
                Some(false) => fields.refuse("all", "ONE_OF_THREE", ""),
                None => {}
            },
            [false, true, false] => {
                wish = codes(fields, "ticket_ids").map(RefundWish::Tickets);
            }
            [false, false, true] => {
                let amount = money::amount_within(fields, "amount", 1..=i64::MAX);
                if let Some(amount) = amount {
                    currency = amount.currency;
                    wish = Some(RefundWish::Amount(amount.amount));
                }
            }
            _ => {
                fields.known(&["all", "ticket_ids", "amount"]);
                fields.refuse("all", "ONE_OF_THREE", "");
            }
        }
        Some(RefundInput {
            wish: wish?,
            currency,
            reason: reason.unwrap_or_default(),
        })
    }
}

/// Codes of tickets, one at least, however they were copied.
pub(super) fn codes(fields: &mut Fields, name: &str) -> Option<BTreeSet<String>> {
    let codes = fields.items(name, REFUND_TICKETS_MAX, code)?;
    if codes.is_empty() {
        fields.refuse(name, "EMPTY", "");
    }
    Some(codes.into_iter().collect())
}

fn code(fields: &mut Fields, place: &str, value: Value) -> Option<String> {
    match value {
        Value::String(code) if !code.is_empty() && code.chars().count() <= CODE_CHARS_MAX => {
            Some(typed_ticket_code(&code))
        }
        _ => {
            fields.refuse(place, "NOT_TEXT", "");
            None
        }
    }
}

/// Money on its way back to the one who paid.
#[derive(Serialize, ToSchema)]
pub(super) struct RefundData {
    #[schema(value_type = Uuid)]
    id: RefundId,
    #[schema(value_type = Uuid)]
    payment_id: PaymentId,
    #[schema(value_type = Uuid)]
    booking_id: BookingId,
    amount: Money,
    reason: String,
    status: RefundState,
    /// Codes of the tickets that are void by it.
    tickets: Vec<String>,
    /// Why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Refund> for RefundData {
    fn from(refund: Refund) -> RefundData {
        RefundData {
            id: refund.id,
            payment_id: refund.payment_id,
            booking_id: refund.booking_id,
            amount: Money {
                amount: refund.amount,
                currency: refund.currency,
            },
            reason: refund.reason,
            status: refund.state,
            tickets: refund.tickets.unwrap_or_default(),
            failure: refund.failure,
            created_at: refund.created_at,
        }
    }
}

/// Give money of a booking back
///
/// By those who keep the money of the event's organization. All that is left, what some tickets cost, or an amount; it
/// goes to the one who paid. Tickets that are given back become void at once and are on sale again. With an
/// `Idempotency-Key` a repeated request is answered with the same refund.
#[utoipa::path(
    post, path = "/bookings/{id}/refunds", tag = "payments", request_body = RefundBody,
    params(("id" = Uuid, Path), IdempotencyHeader),
    responses(
        (status = 201, description = "On its way", body = Envelope<RefundData>,
            headers(("X-Event-Revision" = u64, description = "The event's revision, with this in it"))),
        (status = 403, description = "`FORBIDDEN`", body = Failure),
        (status = 404, description = "`BOOKING_NOT_FOUND`", body = Failure),
        (status = 409, description = "`NOT_REFUNDABLE {used}`: nothing was paid, or these tickets cannot be taken back; \
            `REFUND_EXCEEDS {left}`", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`, `CURRENCY_MISMATCH`, `IDEMPOTENCY_MISMATCH`", body = Failure),
    )
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    headers: HeaderMap,
    body: Body<RefundInput>,
) -> ApiResult<Reply<RefundData>> {
    let found = staffed(&state, &caller, id).await?;
    let route = format!("POST /bookings/{id}/refunds");
    let keyed = state
        .in_flight
        .begin(&headers, &caller, &route, body.hash())?;
    let key = keyed.stored();
    let known = match key {
        None => None,
        Some(key) => state.store.recall_answer(key).await?,
    };
    if known == Some(Once::Mismatch) {
        return Err(idempotency::mismatch());
    }
    // One refund for each key, also once the stored answer is forgotten.
    let refund_key = match key {
        Some(key) => format!("asked:{}:{}", key.scope, key.digest),
        None => format!("asked:{id}:{}", Uuid::now_v7()),
    };
    let RefundInput {
        wish,
        currency,
        reason,
    } = body.input;
    if let RefundWish::Amount(amount) = wish {
        let booking = state.store.booking(Name::Id(id)).await?;
        let booking = booking.ok_or_else(not_found)?.booking;
        if currency.is_some_and(|currency| currency != booking.total.currency) {
            return Err(ApiError::invalid_field("amount", "CURRENCY_MISMATCH"));
        }
        let off = money::off_step("amount", amount, &booking.total.currency);
        if let Some(off) = off {
            return Err(ApiError::invalid(vec![off]));
        }
    }
    let wish = RefundOrder {
        booking: id,
        payment: None,
        wish,
        reason: &reason,
        key: &refund_key,
        audit: Some(AuditEntry::of_booking(&caller, found.organizer_id, id)),
        asked: key,
    };
    let refund = give_back(&state.store, &state.payments, wish).await?;
    let refund = refund.map_err(not_given)?;
    if let (Some(key), None) = (key, &known) {
        // Another node may have made it in the meantime, as another body says.
        let known = state.store.recall_answer(key).await?;
        if known == Some(Once::Mismatch) {
            return Err(idempotency::mismatch());
        }
    }
    if refund.state == RefundState::Failed {
        // Somebody was admitted in this moment, or the booking ended otherwise.
        let booking = state.store.booking(Name::Id(id)).await?;
        let booking = booking.ok_or_else(not_found)?.booking;
        let codes = refund.tickets.unwrap_or_default().into_iter().collect();
        let used = used_of(&booking, &codes);
        return Err(not_given(NotGiven::Tickets { used }));
    }
    let reply = Reply::created("REFUND_CREATED", RefundData::from(refund));
    let reply = with_revision(&state, found.event_id, reply).await?;
    Ok(idempotency::replayed(reply, known.is_some()))
}

/// The refunds of a booking, the newest first
///
/// Without `limit` at most 100.
#[utoipa::path(
    get, path = "/bookings/{id}/refunds", tag = "payments", params(("id" = Uuid, Path), LongPage),
    responses(
        (status = 200, body = Envelope<Vec<RefundData>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 403, description = "`FORBIDDEN`", body = Failure),
        (status = 404, description = "`BOOKING_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<RefundData>>> {
    staffed(&state, &caller, id).await?;
    let refunds = state.store.refunds_of(id).await?;
    let refunds = refunds.into_iter().map(RefundData::from).collect();
    page::of_whole(
        "REFUNDS",
        "refunds",
        refunds,
        (&page, &asked),
        |refund: &RefundData| refund.id,
    )
}

/// The booking, if the caller keeps the money of its event.
async fn staffed(state: &ApiState, caller: &Caller, id: BookingId) -> ApiResult<Belongs> {
    let found = state.store.booking_belongs(id).await?;
    let found = found.ok_or_else(not_found)?;
    match caller.may(Right::Money, found.organizer_id) {
        true => Ok(found),
        // As everywhere: to strangers it does not exist.
        false if !caller.may(Right::Sell, found.organizer_id) => Err(not_found()),
        false => Err(ApiError::forbidden()),
    }
}

/// Those of these tickets with which somebody was admitted.
pub(super) fn used_of(booking: &Booking, codes: &BTreeSet<String>) -> Vec<String> {
    let tickets = booking.tickets.iter();
    let used = tickets.filter(|ticket| ticket.status == TicketStatus::Used);
    let codes = used.filter(|ticket| codes.contains(&ticket.code));
    codes.map(|ticket| ticket.code.clone()).collect()
}

pub(super) fn not_given(refusal: NotGiven) -> ApiError {
    match refusal {
        NotGiven::NoBooking => not_found(),
        NotGiven::NotCaptured => {
            ApiError::conflict("NOT_REFUNDABLE").with("used", Vec::<String>::new())
        }
        NotGiven::Nothing => {
            ApiError::conflict("NOT_REFUNDABLE").with("used", Vec::<String>::new())
        }
        NotGiven::Tickets { used } => ApiError::conflict("NOT_REFUNDABLE").with("used", used),
        NotGiven::HandedOn => Refusal::TicketTransferred.into(),
        NotGiven::Exceeds { left } => {
            ApiError::conflict("REFUND_EXCEEDS").with("left", json!(left))
        }
    }
}

/// The reply to a write on the event, with its revision as it is now: what this node shows from now on is not older.
pub(super) async fn with_revision<T: Serialize>(
    state: &ApiState,
    event: EventId,
    reply: Reply<T>,
) -> ApiResult<Reply<T>> {
    let Some(revision) = state.store.revision(event).await? else {
        return Ok(reply);
    };
    state.board.committed(event, revision);
    Ok(reply.revision(revision))
}

impl Input for RefundPolicy {
    fn read(fields: &mut Fields) -> Option<RefundPolicy> {
        let usual = RefundPolicy::default();
        let percent = fields.integer("percent", 0..=100);
        let until_minutes = fields.integer("until_minutes", 0..=UNTIL_MINUTES_MAX);
        let by_ticket = fields.boolean("by_ticket");
        let keeps_fees = fields.boolean("keeps_fees");
        Some(RefundPolicy {
            percent: percent.unwrap_or(usual.percent),
            until_minutes: until_minutes.unwrap_or(usual.until_minutes),
            by_ticket: by_ticket.unwrap_or(usual.by_ticket),
            keeps_fees: keeps_fees.unwrap_or(usual.keeps_fees),
        })
    }
}

/// The refund policy: how much owners get back who cancel
#[utoipa::path(
    get, path = "/events/{event_id}/refund-policy", tag = "events", params(("event_id" = EventId, Path)),
    responses(
        (status = 200, body = Envelope<RefundPolicy>),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn policy(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
) -> ApiResult<Reply<RefundPolicy>> {
    super::availability::visible(&state, &caller, event_id).await?;
    let found = state.store.refund_policy(event_id).await?;
    let found = found.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
    Ok(Reply::ok("REFUND_POLICY_SHOWN", found.policy))
}

/// Say what owners get back who cancel
///
/// Of bookings that are paid. What is left out is as for an event without a policy: all of the price, until the event
/// begins, only as a whole. It counts from now on, for all bookings.
#[utoipa::path(
    put, path = "/events/{event_id}/refund-policy", tag = "events", request_body = RefundPolicy,
    params(("event_id" = EventId, Path)),
    responses(
        (status = 200, body = Envelope<RefundPolicy>,
            headers(("X-Event-Revision" = u64, description = "The event's revision"))),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn set_policy(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    body: Body<RefundPolicy>,
) -> ApiResult<Reply<RefundPolicy>> {
    let organizer = organizer_to_change(&state, &caller, event_id).await?;
    let (of, policy) = ((organizer, event_id), body.input);
    state.store.set_refund_policy(&caller, of, &policy).await?;
    let reply = Reply::ok("REFUND_POLICY_SET", policy);
    with_revision(&state, event_id, reply).await
}

impl Input for PaymentTerms {
    fn read(fields: &mut Fields) -> Option<PaymentTerms> {
        let offline_days = fields.integer("offline_days", 0..=OFFLINE_DAYS_MAX);
        let instructions = fields.text("instructions", TERMS_CHARS_MAX);
        Some(PaymentTerms {
            offline_days: offline_days.unwrap_or(0),
            instructions: instructions.unwrap_or_default(),
        })
    }
}

/// Whether buyers may pay in days
#[utoipa::path(
    get, path = "/events/{event_id}/payment-terms", tag = "events", params(("event_id" = EventId, Path)),
    responses(
        (status = 200, body = Envelope<PaymentTerms>),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn terms(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
) -> ApiResult<Reply<PaymentTerms>> {
    super::availability::visible(&state, &caller, event_id).await?;
    let found = state.store.payment_terms(event_id).await?;
    let found = found.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
    Ok(Reply::ok("PAYMENT_TERMS_SHOWN", found))
}

/// Say whether buyers may pay in days
///
/// By transfer, on an invoice or in cash at the door: their hold waits `offline_days`, but no longer than until the event
/// begins. Staff confirm the booking when the money is there. It counts for those who begin to pay from now on.
#[utoipa::path(
    put, path = "/events/{event_id}/payment-terms", tag = "events", request_body = PaymentTerms,
    params(("event_id" = EventId, Path)),
    responses(
        (status = 200, body = Envelope<PaymentTerms>,
            headers(("X-Event-Revision" = u64, description = "The event's revision"))),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn set_terms(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    body: Body<PaymentTerms>,
) -> ApiResult<Reply<PaymentTerms>> {
    let organizer = organizer_to_change(&state, &caller, event_id).await?;
    let of = (organizer, event_id);
    let terms = body.input;
    state.store.set_payment_terms(&caller, of, &terms).await?;
    let reply = Reply::ok("PAYMENT_TERMS_SET", terms);
    with_revision(&state, event_id, reply).await
}
