//! `POST /bookings/quote`.

use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::create::{NewBookingBody, WantedBooking};
use super::holder;
use crate::api::ApiState;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::ApiResult;
use crate::api::extract::Body;
use crate::auth::Caller;
use crate::limits::address::Client;
use crate::ticketing::price::LineKind;
use crate::ticketing::record::{BookingLine, Money};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::{BookingId, EventId};

/// The price that a booking would have.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct QuoteData {
    event_id: EventId,
    /// Tickets.
    quantity: i64,
    total: Money,
    /// Their amounts add up to the total.
    lines: Vec<BookingLine>,
    #[schema(value_type = String, format = DateTime)]
    server_time: Timestamp,
}

/// The price that a booking would have
///
/// Takes what `POST /bookings` takes and answers with the lines and the total that it would have now. Nothing is held.
/// It refuses for the reasons that a booking is refused for, except that too little is left, that the buyer has too
/// much already, and that an address is not proven yet. What a voucher is used for by the caller's own hold, by account or
/// by `X-Booking-Token`, is not used up for them.
#[utoipa::path(
    post, path = "/bookings/quote", tag = "bookings", request_body = NewBookingBody,
    responses(
        (status = 200, description = "The price", body = Envelope<QuoteData>),
        (status = 403, description = "`MEMBERSHIP_REQUIRED`, `ACCOUNT_REQUIRED`", body = Failure),
        (status = 404, description = "`EVENT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`, `SEAT_NOT_FOUND`, `USER_NOT_FOUND`, \
            `VOUCHER_NOT_FOUND`",
            body = Failure),
        (status = 409, description = "`SALES_NOT_STARTED`, `SALES_CLOSED`, `PRICE_CHANGED {total}`, `VOUCHER_USED_UP`, \
            `VOUCHER_NOT_APPLICABLE`, `VOUCHER_NOT_STARTED`, `VOUCHER_ENDED`; of `{event_id, quantity}` alone also `SOLD_OUT`", body = Failure),
        (status = 410, description = "`EVENT_CANCELLED`", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`, `LIMIT_EXCEEDED {max}`, `BELOW_MINIMUM {min}`, `NOT_SEATED`, \
            `BELOW_MINIMUM_CHARGE {minimum}`", body = Failure),
        (status = 429, description = "`RATE_LIMITED`", body = Failure),
        (status = 503, description = "`UNAVAILABLE`: come again after `Retry-After`", body = Failure),
    )
)]
pub(in crate::api) async fn quote(
    State(state): State<ApiState>,
    caller: Caller,
    client: Client,
    headers: HeaderMap,
    body: Body<WantedBooking>,
) -> ApiResult<Reply<QuoteData>> {
    let guess = body.input.guess(&state, client).await?;
    let event_id = body.input.event_id();
    let id = BookingId(Uuid::now_v7());
    let mut request = body.input.request(&state, &caller, id);
    // Somebody who asked with one code after the other would hear which is right.
    request.email_proven = true;
    // A voucher's uses by the caller's own hold are there for them.
    let holder = holder(&caller, &headers);
    let quote = state.desk.quote(event_id, &request, &holder).await?;
    if let (Err(Refusal::VoucherNotFound { .. }), Some(guess)) = (&quote, guess) {
        guess.counts();
    }
    let quote = quote?;
    let lines = quote.price.lines.into_iter().map(BookingLine::from);
    let lines: Vec<BookingLine> = lines.collect();
    let tickets = lines.iter().filter(|line| line.kind == LineKind::Ticket);
    let data = QuoteData {
        event_id,
        quantity: tickets.map(|line| line.quantity).sum(),
        total: Money {
            amount: quote.price.total,
            currency: quote.currency,
        },
        lines,
        server_time: quote.now,
    };
    Ok(Reply::ok("QUOTE", data))
}
