//! `GET /bookings/{id}/cancellation`: what would come back, by the rules that `PUT /bookings/{id}/status` goes by.

use std::collections::BTreeSet;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::status::{canceller, check_holders, check_policy, policy_of, read};
use super::{ProofToken, is_visible, not_found};
use crate::api::ApiState;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::ApiResult;
use crate::api::extract::{At, Query};
use crate::api::fields::{Fields, Input};
use crate::api::refunds::{CODES_CHARS_MAX, REFUND_TICKETS_MAX, not_given};
use crate::auth::Caller;
use crate::payments::give_back::{NotGiven, would_give_back};
use crate::schema;
use crate::store::payment_terms::PolicyOf;
use crate::store::settlements::parts_of;
use crate::ticketing::BookingId;
use crate::ticketing::record::{Booking, BookingStatus, Money, TicketStatus};
use crate::ticketing::reference::typed_ticket_code;
use crate::ticketing::refund::{OwnersTickets, RefundWish, void_tickets};
use crate::ticketing::refund_policy::RefundPolicy;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, check_cancel};

/// The tickets that are asked about.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct CancellationQuery {
    /// Codes of tickets, separated by commas: only these would be given back.
    #[param(schema_with = ticket_list, required = false)]
    ticket_ids: BTreeSet<String>,
}

fn ticket_list() -> Object {
    schema::filled_up_to(CODES_CHARS_MAX)
        .examples(["TK-7F3K9Q2M,TK-4W8N2B6C"])
        .build()
}

impl Input for CancellationQuery {
    fn read(fields: &mut Fields) -> Option<CancellationQuery> {
        let named = fields.filled_text("ticket_ids", CODES_CHARS_MAX);
        let codes = named.iter().flat_map(|named| named.split(','));
        let ticket_ids: BTreeSet<String> = codes
            .map(typed_ticket_code)
            .filter(|code| !code.is_empty())
            .collect();
        if ticket_ids.len() > REFUND_TICKETS_MAX {
            fields.refuse("ticket_ids", "TOO_MANY", REFUND_TICKETS_MAX);
        }
        Some(CancellationQuery { ticket_ids })
    }
}

/// The terms of a cancellation, now.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct CancellationData {
    /// Owners can cancel until then. Absent for staff, and where nothing was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    until: Option<Timestamp>,
    /// It goes to the one who paid. Absent where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    amount: Option<Money>,
    /// Of the price, by the event's refund policy.
    #[schema(minimum = 0, maximum = 100)]
    percent: i64,
    /// There are fees, and they stay.
    keeps_fees: bool,
    /// Codes of the tickets that can be given back one by one; none where it is all or nothing.
    ticket_ids: Vec<String>,
}

/// Preview of a cancellation: the money that it would give back
///
/// For those who may cancel it. The refusals are those of the cancellation itself, which judges once more: another refund may
/// come in between.
#[utoipa::path(
    get, path = "/bookings/{id}/cancellation", tag = "bookings",
    params(("id" = Uuid, Path), CancellationQuery),
    responses(
        (status = 200, description = "It can be cancelled", body = Envelope<CancellationData>),
        (status = 403, description = "Cancelling what was paid without the right `money`", body = Failure),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`INVALID_TRANSITION {from, to, used, started}`, `TICKET_TRANSFERRED`; \
            `REFUND_POLICY {until}`: too late for an owner to cancel what was paid, or, without `until`, only as a whole; \
            `NOT_REFUNDABLE {used}`: these tickets cannot be given back", body = Failure),
    )
)]
pub(in crate::api) async fn preview(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    Query(of): Query<CancellationQuery>,
    ProofToken(token): ProofToken,
) -> ApiResult<Reply<CancellationData>> {
    let token = token.as_deref();
    let found = state.store.booking_belongs(id).await?;
    let found = found.filter(|found| is_visible(&state, found, &caller, token));
    let found = found.ok_or_else(not_found)?;
    let booking = read(&state, id).await?;
    let by = canceller(&state, &caller, &found, &booking, token)?;
    let chosen = (!of.ticket_ids.is_empty()).then_some(of.ticket_ids);
    let of = policy_of(&state, &booking).await?;
    match booking.status {
        BookingStatus::Pending => {}
        BookingStatus::Confirmed => match &chosen {
            None => {
                if by == Canceller::Owner && booking.is_paid() {
                    check_policy(&of, &booking, false)?;
                }
                check_cancel(&booking, by, of.status, of.starts_at, of.now)?;
            }
            Some(codes) if by == Canceller::Owner => check_holders(&booking, codes)?,
            Some(_) => {}
        },
        from @ (BookingStatus::Cancelled | BookingStatus::Expired | BookingStatus::Refunded) => {
            return Err(Refusal::InvalidTransition {
                from,
                to: BookingStatus::Cancelled,
                used: false,
                started: false,
            }
            .into());
        }
    }
    let data = match by {
        Canceller::Owner => as_owner(&state, &booking, of, chosen).await?,
        Canceller::Staff | Canceller::Event => {
            let wish = chosen.map_or(RefundWish::All, RefundWish::Tickets);
            CancellationData {
                until: None,
                amount: amount(&state, &booking, &wish).await?,
                percent: RefundPolicy::default().percent,
                keeps_fees: false,
                ticket_ids: good(&booking),
            }
        }
    };
    Ok(Reply::ok("CANCELLATION_TERMS", data))
}

async fn as_owner(
    state: &ApiState,
    booking: &Booking,
    of: PolicyOf,
    chosen: Option<BTreeSet<String>>,
) -> ApiResult<CancellationData> {
    let by_policy = booking.is_paid();
    if chosen.is_some() {
        check_policy(&of, booking, true)?;
    }
    let is_sold = booking.status == BookingStatus::Confirmed;
    let by_ticket = is_sold && of.policy.allows(true, of.starts_at, of.now).is_ok();
    let fees = parts_of(booking).fees;
    let wish = RefundWish::ByPolicy {
        policy: of.policy,
        tickets: chosen.map_or_else(
            || OwnersTickets::Rest {
                gone: void_tickets(booking),
            },
            OwnersTickets::These,
        ),
    };
    Ok(CancellationData {
        until: by_policy.then(|| of.policy.until(of.starts_at)),
        amount: amount(state, booking, &wish).await?,
        percent: of.policy.percent,
        keeps_fees: of.policy.keeps_fees && fees > 0,
        ticket_ids: if by_ticket { good(booking) } else { Vec::new() },
    })
}

fn good(booking: &Booking) -> Vec<String> {
    let tickets = booking.tickets.iter();
    tickets
        .filter(|ticket| ticket.status == TicketStatus::Valid)
        .map(|ticket| ticket.code.clone())
        .collect()
}

/// `None` where nothing was paid.
async fn amount(
    state: &ApiState,
    booking: &Booking,
    wish: &RefundWish,
) -> ApiResult<Option<Money>> {
    if !booking.is_paid() {
        return Ok(None);
    }
    let amount = match would_give_back(&state.store, booking, wish).await? {
        Ok(amount) => amount,
        // So little that it comes to nothing, or all of it went back before.
        Err(NotGiven::Nothing | NotGiven::Exceeds { .. }) => 0,
        Err(refusal) => return Err(not_given(refusal)),
    };
    Ok(Some(Money {
        amount,
        currency: booking.total.currency.clone(),
    }))
}
