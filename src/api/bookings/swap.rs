//! `PATCH /bookings/{id}`.

use axum::extract::State;
use utoipa::ToSchema;

use super::create::{NewBookingItem, charges_by_card, expected_total, others, sells, wish};
use super::{BookingData, ProofToken, is_owner, not_found};
use crate::api::ApiState;
use crate::api::counted::Counted;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::{At, Body};
use crate::api::fields::{Fields, Input};
use crate::api::idempotency::made;
use crate::api::money::TotalAmount;
use crate::auth::{Caller, Right};
use crate::desk::{Change, DeskError};
use crate::limits::address::Client;
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::telemetry::with_causes;
use crate::ticketing::booking::{ExpectedTotal, Request, Wish};
use crate::ticketing::record::{BookingKind, BookingStatus};
use crate::ticketing::stock::Share;
use crate::ticketing::transition::Transition;
use crate::ticketing::{BookingId, TicketTypeId};

/// Either `items`, or `quantity` with or without `ticket_type_id`, as for a new booking.
#[derive(ToSchema)]
#[schema(example = json!({"items": [{"ticket_type_id": 3, "quantity": 1}]}))]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body; `OtherTickets` reads it")]
pub(in crate::api) enum OtherTicketsBody {
    Items {
        /// All of them or nothing.
        #[schema(min_items = 1, max_items = 100)]
        items: Vec<NewBookingItem>,
        /// The total that the buyer was shown.
        #[schema(value_type = Option<TotalAmount>)]
        expected_total: Option<TotalAmount>,
    },
    Quantity {
        #[schema(schema_with = schema::quantity)]
        quantity: i64,
        ticket_type_id: Option<TicketTypeId>,
        /// The total that the buyer was shown.
        #[schema(value_type = Option<TotalAmount>)]
        expected_total: Option<TotalAmount>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::api) struct OtherTickets {
    wish: Wish,
    expected_total: Option<ExpectedTotal>,
}

impl Input for OtherTickets {
    fn read(fields: &mut Fields) -> Option<OtherTickets> {
        let wish = wish(fields);
        let expected_total = expected_total(fields);
        Some(OtherTickets {
            wish: wish?,
            expected_total,
        })
    }
}

/// Put other tickets in place of a booking's
///
/// By its owner, while it is pending: all of the new items or none, and then the booking stays as it was. What it holds
/// counts as free for this. The deadline does not move. Its vouchers are judged again for the new items, and its price is
/// made anew, as a quote of them says. Sent again, it is answered with the booking as it is.
#[utoipa::path(
    patch, path = "/bookings/{id}", tag = "bookings", request_body = OtherTicketsBody,
    params(
        ("id" = Uuid, Path),
    ),
    responses(
        (status = 200, description = "Done, now or before", body = Envelope<BookingData>,
            headers(("X-Event-Revision" = u64, description = "The event's revision, with this in it"))),
        (status = 403, description = "`MEMBERSHIP_REQUIRED`, `ACCOUNT_REQUIRED`, `EMAIL_PROOF_REQUIRED`", body = Failure),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's; `TICKET_TYPE_NOT_FOUND`, \
            `SEAT_NOT_FOUND`", body = Failure),
        (status = 409, description = "`INVALID_TRANSITION {from, to}`: it is not pending, or a payment is being processed; \
            `NOT_ENOUGH_LEFT {left, by_type}`, `SOLD_OUT {by_type}`, `TICKET_TYPE_SOLD_OUT`, `EVENT_AT_CAPACITY`, \
            `SEAT_TAKEN {seats}`, `NO_ADJACENT_SEATS {alternatives}`, `SALES_NOT_STARTED`, `SALES_CLOSED`, `PRICE_CHANGED {total}`, \
            `VOUCHER_NOT_APPLICABLE`, `VOUCHER_ENDED`",
            body = Failure),
        (status = 410, description = "`EVENT_CANCELLED`", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`, `LIMIT_EXCEEDED {max}`, `BELOW_MINIMUM {min}`, `NOT_SEATED`",
            body = Failure),
        (status = 429, description = "`HOLDS_EXCEEDED {max, of}`, `RATE_LIMITED`", body = Failure),
        (status = 503, description = "`BUSY`, `TOO_LATE`, `UNAVAILABLE`, `STORAGE_FULL`: come again after `Retry-After`",
            body = Failure),
    )
)]
pub(in crate::api) async fn swap(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    ProofToken(token): ProofToken,
    client: Client,
    body: Body<OtherTickets>,
) -> ApiResult<Reply<BookingData>> {
    let found = state.store.booking_belongs(id).await?;
    let found = found.filter(|found| is_owner(&state, found, &caller, token.as_deref()));
    let found = found.ok_or_else(not_found)?;
    // By the rules of a buyer it would become the seller's own.
    if found.kind == BookingKind::Staff && !caller.may(Right::Sell, found.organizer_id) {
        return Err(ApiError::forbidden());
    }
    let mail = Counted::mail(&state, &caller, client, None).await?;
    let event_id = found.event_id;
    let limits = &state.config.limits;
    let guests_share = limits.guests_share().filter(|_| found.user_id.is_none());
    let guest = match guests_share {
        Some(_) => state.store.booking_guest(id).await?,
        None => None,
    };
    let share = match caller.is_admin() {
        true => Share::default(),
        false => guests_share.unwrap_or_else(|| limits.accounts_share()),
    };
    let asked = others::AskedTypes::of(&body.input.wish, &caller, false);
    let request = Request {
        booking_id: id,
        buyer: found.user_id,
        guest,
        share,
        sells: sells(&caller),
        member: matches!(caller, Caller::User { member: true, .. }),
        email_proven: false,
        wish: body.input.wish,
        expected_total: body.input.expected_total,
        vouchers: state.store.booking_vouchers(id).await?,
        least_charge: charges_by_card(&state),
    };
    let mut change = Change::new(event_id, id, Transition::Swap(Box::new(request)));
    if caller.is_admin() && caller.user_id() != found.user_id {
        change.with.audit = Some(AuditEntry::of_booking(&caller, found.organizer_id, id));
    }
    let outcome = match state.desk.change(change).await {
        Err(DeskError::Refused(refusal)) if refusal.is_shortage() => {
            let others = others::of(&state, &caller, event_id, &asked).await;
            return Err(ApiError::from(refusal).with("others", others));
        }
        outcome => outcome?,
    };
    let (answer, _) = made(outcome)?;
    state.board.committed(event_id, answer.revision);
    // The swap is done; if this fails, the attempt is looked at a little later.
    if let Err(error) = state.payments.repriced(id).await {
        tracing::debug!(error = %with_causes(&error), booking = %id, "an attempt to pay is not looked at yet");
    }
    let said = match answer.booking.status {
        BookingStatus::Confirmed => {
            mail.counts();
            "BOOKING_CONFIRMED"
        }
        _ => "BOOKING_CHANGED",
    };
    let data = BookingData::answered(answer.booking, answer.now);
    Ok(Reply::ok(said, data).revision(answer.revision))
}
