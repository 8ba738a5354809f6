//! `PUT /bookings/{id}/status`.

use std::collections::BTreeSet;

use axum::extract::State;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use uuid::Uuid;

use super::{BookingData, ProofToken, is_buyer, is_visible, not_found};
use crate::api::ApiState;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::{At, Body};
use crate::api::fields::{Fields, Input};
use crate::api::idempotency::made;
use crate::api::refunds::{codes, not_given, ticket_codes, used_of, with_revision};
use crate::auth::{Caller, Right};
use crate::config::rest::REASON_CHARS_MAX;
use crate::desk::{Answer, Change, Companions, DeskError};
use crate::payments::give_back::{NotGiven, RefundOrder, give_back, with_cancellation};
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::store::bookings::{Belongs, Name};
use crate::store::idempotency::Once;
use crate::store::payment_terms::PolicyOf;
use crate::store::payments::staff_paid_job;
use crate::store::refunds::TICKETS_GIVEN_BACK;
use crate::store::refunds::{Refund, RefundState};
use crate::ticketing::record::{Booking, BookingStatus, PaidBy, Ticket, TicketStatus};
use crate::ticketing::refund::{OwnersTickets, RefundWish};
use crate::ticketing::refund_policy::PolicyRefusal;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, Paid, Transition, is_over_for_owners};
use crate::ticketing::{BookingId, EventId};

#[derive(ToSchema)]
#[schema(example = json!({"status": "cancelled", "reason": "I cannot come"}))]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body; `NewStatus` reads it")]
pub(in crate::api) enum NewStatusBody {
    Cancelled {
        #[schema(schema_with = cancelled)]
        status: BookingStatus,
        /// With `ticket_ids` that of the refund, if money goes back.
        #[schema(schema_with = schema::reason, required = false)]
        reason: Option<String>,
        /// Codes of tickets: only these are given back, and the booking stands with the others.
        #[schema(schema_with = ticket_codes, required = false)]
        ticket_ids: Option<Vec<String>>,
    },
    /// By the event's organizer and admins.
    Confirmed {
        #[schema(schema_with = confirmed)]
        status: BookingStatus,
        /// How it was paid.
        paid_by: PaidBy,
    },
}

fn cancelled() -> Object {
    schema::choice([BookingStatus::Cancelled.as_str()])
}

fn confirmed() -> Object {
    schema::choice([BookingStatus::Confirmed.as_str()])
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::api) enum NewStatus {
    Confirmed {
        paid_by: PaidBy,
    },
    Cancelled {
        reason: Option<String>,
        tickets: Option<BTreeSet<String>>,
    },
    Other(BookingStatus),
}

impl Input for NewStatus {
    fn read(fields: &mut Fields) -> Option<NewStatus> {
        fields.require(&["status"]);
        let choices = BookingStatus::ALL.map(|status| (status.as_str(), status));
        let status = fields.choice("status", &choices);
        let Some(status) = status else {
            fields.known(&["paid_by", "reason", "ticket_ids"]);
            return None;
        };
        Some(match status {
            BookingStatus::Confirmed => {
                fields.require(&["paid_by"]);
                let choices = PaidBy::ALL.map(|by| (by.as_str(), by));
                let paid_by = fields.choice("paid_by", &choices)?;
                NewStatus::Confirmed { paid_by }
            }
            BookingStatus::Cancelled => {
                let reason = fields.text("reason", REASON_CHARS_MAX);
                let tickets = match fields.has("ticket_ids") {
                    true => Some(codes(fields, "ticket_ids")?),
                    false => None,
                };
                NewStatus::Cancelled {
                    reason: reason.filter(|reason| !reason.is_empty()),
                    tickets,
                }
            }
            other => {
                fields.known(&["paid_by", "reason", "ticket_ids"]);
                NewStatus::Other(other)
            }
        })
    }
}

/// Confirm or cancel a booking
///
/// Cancelling, by its owner, the event's organizer or an admin: its stock is on sale again, its tickets are void. A
/// booking that is pending or confirmed can be cancelled, unless somebody was admitted with one of its tickets;
/// its owner cannot cancel a confirmed one once the event has begun. What was paid goes back: to an owner who cancels as
/// the event's refund policy says, else whole. With `ticket_ids` its owner gives single tickets back, where the policy lets
/// owners do so, for what the policy gives; staff who keep the event's money do it for them, and what the tickets cost goes
/// back, whatever the policy says. The last of them ends the booking as `refunded`. Staff who sold a booking are no owners of
/// it. Confirming, by the organizer or an admin: the hold was paid and becomes a sale, with tickets. Either one repeated is
/// answered with what was done.
#[utoipa::path(
    put, path = "/bookings/{id}/status", tag = "bookings", request_body = NewStatusBody,
    params(
        ("id" = Uuid, Path),
    ),
    responses(
        (status = 200, description = "Done, now or before", body = Envelope<BookingData>,
            headers(("X-Event-Revision" = u64, description = "The event's revision, with this in it"))),
        (status = 403, description = "Confirming somebody else's event; \
            cancelling what was paid without the right `money`", body = Failure),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`INVALID_TRANSITION {from, to, used, started}`, `TICKET_TRANSFERRED`; \
            `REFUND_POLICY {until}`: too late for an owner to cancel what was paid, or, without `until`, only as a whole; \
            `NOT_REFUNDABLE {used}`: these tickets cannot be given back; `REFUND_EXCEEDS {left}`", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`", body = Failure),
        (status = 503, description = "`BUSY`, `TOO_LATE`, `UNAVAILABLE`, `STORAGE_FULL`: come again after `Retry-After`",
            body = Failure),
    )
)]
pub(in crate::api) async fn set_status(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    ProofToken(token): ProofToken,
    body: Body<NewStatus>,
) -> ApiResult<Reply<BookingData>> {
    let token = token.as_deref();
    let found = state.store.booking_belongs(id).await?;
    let found = found.filter(|found| is_visible(&state, found, &caller, token));
    let found = found.ok_or_else(not_found)?;
    let staff = caller.may(Right::Sell, found.organizer_id);
    let event_id = found.event_id;
    let paid_by = match body.input {
        NewStatus::Confirmed { .. } if !staff => return Err(ApiError::forbidden()),
        NewStatus::Confirmed { paid_by } => paid_by,
        NewStatus::Cancelled {
            reason,
            tickets: Some(tickets),
        } => {
            let booking = read(&state, id).await?;
            let by = canceller(&state, &caller, &found, &booking, token)?;
            let of = (&found, &booking);
            return give_tickets_back(&state, &caller, of, by, (tickets, reason)).await;
        }
        NewStatus::Cancelled { reason, .. } => {
            return cancel(&state, &caller, &found, token, reason).await;
        }
        NewStatus::Other(to) => {
            let from = read(&state, id).await?.status;
            return Err(Refusal::InvalidTransition {
                from,
                to,
                used: false,
                started: false,
            }
            .into());
        }
    };
    let paid = Paid::ByStaff(paid_by);
    let mut change = Change::new(event_id, id, Transition::Confirm { paid });
    let act = json!({ "status": "confirmed", "paid_by": paid_by });
    let entry = AuditEntry::of_booking(&caller, found.organizer_id, id);
    change.with.audit = Some(entry.with(act));
    change.with.jobs.push(staff_paid_job(id));
    let outcome = state.desk.change(change).await?;
    changed(&state, event_id, "BOOKING_CONFIRMED", outcome)
}

fn changed(
    state: &ApiState,
    event_id: EventId,
    said: &'static str,
    outcome: Once<Answer>,
) -> ApiResult<Reply<BookingData>> {
    let (answer, _) = made(outcome)?;
    state.board.committed(event_id, answer.revision);
    let data = BookingData::answered(answer.booking, answer.now);
    Ok(Reply::ok(said, data).revision(answer.revision))
}

/// Cancels the whole booking. Who may, and what goes back, is judged by the booking as it is read. If it was a hold then, and is
/// paid before its turn comes, it is judged again.
async fn cancel(
    state: &ApiState,
    caller: &Caller,
    of: &Belongs,
    token: Option<&str>,
    reason: Option<String>,
) -> ApiResult<Reply<BookingData>> {
    loop {
        let booking = read(state, of.id).await?;
        let by = canceller(state, caller, of, &booking, token)?;
        let cancel = Transition::Cancel {
            by,
            reason: reason.clone(),
            as_unpaid: !booking.is_paid(),
        };
        let mut change = Change::new(of.event_id, of.id, cancel);
        change.with = given_back(state, &booking, by).await?;
        if by == Canceller::Staff {
            let entry = AuditEntry::of_booking(caller, of.organizer_id, of.id);
            change.with.audit = Some(entry.with(json!({ "status": "cancelled" })));
        }
        match state.desk.change(change).await {
            // A booking that was sold is no hold again, so this comes once.
            Err(DeskError::Refused(Refusal::InvalidTransition {
                from: BookingStatus::Confirmed,
                ..
            })) if booking.status != BookingStatus::Confirmed => {}
            outcome => return changed(state, of.event_id, "BOOKING_CANCELLED", outcome?),
        }
    }
}

/// The one who cancels a booking: its owner, or staff. Those who sold it are staff, although it is under their name; somebody
/// who only reads bookings is neither. Cancelling gives back what was paid: staff need the right for it.
pub(super) fn canceller(
    state: &ApiState,
    caller: &Caller,
    of: &Belongs,
    booking: &Booking,
    token: Option<&str>,
) -> ApiResult<Canceller> {
    if is_buyer(state, of, caller, token) && !caller.is_admin() {
        return Ok(Canceller::Owner);
    }
    let may_give_back = caller.may(Right::Money, of.organizer_id) || !booking.is_paid();
    match caller.may(Right::Sell, of.organizer_id) && may_give_back {
        true => Ok(Canceller::Staff),
        false => Err(ApiError::forbidden()),
    }
}

pub(super) async fn read(state: &ApiState, id: BookingId) -> ApiResult<Booking> {
    let found = state.store.booking(Name::Id(id)).await?;
    Ok(found.ok_or_else(not_found)?.booking)
}

pub(super) async fn policy_of(state: &ApiState, booking: &Booking) -> ApiResult<PolicyOf> {
    let of = state.store.refund_policy(booking.event_id).await?;
    of.ok_or_else(not_found)
}

/// Whether the policy lets an owner give back: single tickets, or all of the booking.
pub(super) fn check_policy(of: &PolicyOf, booking: &Booking, by_ticket: bool) -> ApiResult<()> {
    if is_over_for_owners(of.status, of.starts_at, of.now) {
        return Err(Refusal::InvalidTransition {
            from: booking.status,
            to: BookingStatus::Cancelled,
            used: (booking.tickets.iter()).any(|ticket| ticket.status == TicketStatus::Used),
            started: true,
        }
        .into());
    }
    match of.policy.allows(by_ticket, of.starts_at, of.now) {
        Ok(()) => Ok(()),
        Err(PolicyRefusal::TooLate { until }) => {
            Err(ApiError::conflict("REFUND_POLICY").with("until", until.to_string()))
        }
        Err(PolicyRefusal::WholeOnly) => Err(ApiError::conflict("REFUND_POLICY")),
    }
}

/// An owner gives no ticket back that somebody else holds.
pub(super) fn check_holders(booking: &Booking, tickets: &BTreeSet<String>) -> ApiResult<()> {
    let mut named = booking.tickets.iter();
    let is_handed_on = named
        .any(|ticket| ticket.status == TicketStatus::Transferred && tickets.contains(&ticket.code));
    match is_handed_on {
        true => Err(Refusal::TicketTransferred.into()),
        false => Ok(()),
    }
}

/// The companions of the cancellation: the job that gives the money back, to an owner what the event's policy says,
/// else all that is left.
async fn given_back(state: &ApiState, booking: &Booking, by: Canceller) -> ApiResult<Companions> {
    if by != Canceller::Owner || !booking.is_paid() {
        return Ok(with_cancellation(booking, None));
    }
    let of = policy_of(state, booking).await?;
    check_policy(&of, booking, false)?;
    if of.policy.keeps_something() {
        // Of a card whose money is not taken when its booking ends nothing can be kept.
        state.payments.book_sale(booking).await;
    }
    Ok(with_cancellation(booking, Some(of.policy)))
}

/// Gives single tickets of a confirmed booking back: an owner by the event's policy, staff for what they cost. The `reason` is
/// that of the refund.
async fn give_tickets_back(
    state: &ApiState,
    caller: &Caller,
    (of, booking): (&Belongs, &Booking),
    by: Canceller,
    (tickets, reason): (BTreeSet<String>, Option<String>),
) -> ApiResult<Reply<BookingData>> {
    let is_theirs = |ticket: &&Ticket| tickets.contains(&ticket.code);
    let theirs = || booking.tickets.iter().filter(is_theirs);
    let is_done = theirs().count() == tickets.len()
        && theirs().all(|ticket| ticket.status == TicketStatus::Void);
    if is_done {
        return answered(state, of).await;
    }
    if let Some(begun) = begun_before(state, of, &tickets).await? {
        for refund in begun.iter().filter(|one| one.state.is_open()) {
            drop(state.payments.drive_refund(refund.id).await);
        }
        // Nothing went back where somebody was admitted meanwhile: then it is judged as any other.
        if begun_before(state, of, &tickets).await?.is_some() {
            return answered(state, of).await;
        }
    }
    let audit = AuditEntry::of_booking(caller, of.organizer_id, of.id);
    let (wish, audit) = match by {
        Canceller::Owner => {
            check_holders(booking, &tickets)?;
            let policy = policy_of(state, booking).await?;
            check_policy(&policy, booking, true)?;
            let wish = RefundWish::ByPolicy {
                policy: policy.policy,
                tickets: OwnersTickets::These(tickets.clone()),
            };
            (wish, None)
        }
        Canceller::Staff | Canceller::Event if !caller.may(Right::Money, of.organizer_id) => {
            return Err(ApiError::forbidden());
        }
        Canceller::Staff | Canceller::Event => (RefundWish::Tickets(tickets.clone()), Some(audit)),
    };
    let is_free = booking.total.amount == 0 || booking.paid_by == Some(PaidBy::Comp);
    let is_without_money = match &wish {
        _ if is_free => true,
        RefundWish::ByPolicy { policy, .. } => policy.percent == 0,
        _ => false,
    };
    if is_without_money {
        if !is_free {
            // As where all of it is cancelled: of a card whose money is not taken nothing can be kept.
            state.payments.book_sale(booking).await;
        }
        take_back(state, of, (tickets, by), audit).await?;
        return answered(state, of).await;
    }
    let key = format!("own:{}:{}", of.id, Uuid::now_v7());
    let order = RefundOrder {
        booking: of.id,
        payment: None,
        wish,
        reason: reason.as_deref().unwrap_or(TICKETS_GIVEN_BACK),
        key: &key,
        audit: audit.clone(),
        asked: None,
    };
    match give_back(&state.store, &state.payments, order).await? {
        Ok(refund) if refund.state == RefundState::Failed => {
            let used = used_of(&read(state, of.id).await?, &tickets);
            Err(Refusal::NotRefundable { used }.into())
        }
        Ok(_) => answered(state, of).await,
        // So little that it comes to nothing.
        Err(NotGiven::Nothing) => {
            take_back(state, of, (tickets, by), audit).await?;
            answered(state, of).await
        }
        Err(refusal) => Err(not_given(refusal)),
    }
}

/// The refunds by which all of these tickets go back, or went: their request was made before, and its answer was lost, or the
/// desk was busy.
async fn begun_before(
    state: &ApiState,
    of: &Belongs,
    tickets: &BTreeSet<String>,
) -> ApiResult<Option<Vec<Refund>>> {
    let refunds = state.store.refunds_of(of.id).await?;
    let named = |one: &Refund| {
        let codes = one.tickets.iter().flatten();
        codes.filter(|code| tickets.contains(*code)).count()
    };
    let stand = refunds.into_iter();
    let stand = stand.filter(|one| one.state != RefundState::Failed && named(one) > 0);
    let stand: Vec<Refund> = stand.collect();
    let all = stand.iter().map(named).sum::<usize>() == tickets.len();
    Ok((all && !tickets.is_empty()).then_some(stand))
}

/// Takes tickets back for which no money goes.
async fn take_back(
    state: &ApiState,
    of: &Belongs,
    (tickets, by): (BTreeSet<String>, Canceller),
    audit: Option<AuditEntry>,
) -> ApiResult<()> {
    let tickets = Some(tickets);
    let back = Transition::Refund {
        tickets,
        used_too: false,
        by_owner: by == Canceller::Owner,
    };
    let mut change = Change::new(of.event_id, of.id, back);
    change.with.audit = audit;
    let (answer, _) = made(state.desk.change(change).await?)?;
    state.board.committed(of.event_id, answer.revision);
    Ok(())
}

/// The booking as it is now.
async fn answered(state: &ApiState, of: &Belongs) -> ApiResult<Reply<BookingData>> {
    let found = state.store.booking(Name::Id(of.id)).await?;
    let found = found.ok_or_else(not_found)?;
    let data = BookingData::new(found.booking, found.now);
    with_revision(state, of.event_id, Reply::ok("REFUND_CREATED", data)).await
}
