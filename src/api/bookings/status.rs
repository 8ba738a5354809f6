//! `PUT /bookings/{id}/status`.

use axum::extract::State;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::{BookingData, ProofToken, is_owner, is_visible, not_found};
use crate::api::ApiState;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::{At, Body};
use crate::api::fields::{Fields, Input};
use crate::api::idempotency::made;
use crate::auth::{Caller, Right};
use crate::config::rest::REASON_CHARS_MAX;
use crate::desk::{Change, Companions};
use crate::payments::give_back::with_cancellation;
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::store::bookings::{Belongs, Name};
use crate::store::payments::{parts_of, staff_paid_job};
use crate::ticketing::payment::PaymentState;
use crate::ticketing::record::{BookingStatus, PaidBy};
use crate::ticketing::refund_policy::PolicyRefusal;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, Paid, Transition};
use crate::ticketing::{BookingId, EventId};

#[derive(ToSchema)]
#[schema(example = json!({"status": "cancelled", "reason": "I cannot come"}))]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body; `NewStatus` reads it")]
pub(in crate::api) enum NewStatusBody {
    Cancelled {
        #[schema(schema_with = cancelled)]
        status: BookingStatus,
        #[schema(schema_with = schema::reason, required = false)]
        reason: Option<String>,
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
    Confirmed { paid_by: PaidBy },
    Cancelled { reason: Option<String> },
    Other(BookingStatus),
}

impl Input for NewStatus {
    fn read(fields: &mut Fields) -> Option<NewStatus> {
        fields.require(&["status"]);
        let choices = BookingStatus::ALL.map(|status| (status.as_str(), status));
        let status = fields.choice("status", &choices);
        let reason = fields.text("reason", REASON_CHARS_MAX);
        let choices = PaidBy::ALL.map(|by| (by.as_str(), by));
        let paid_by = fields.choice("paid_by", &choices);
        Some(match status? {
            BookingStatus::Confirmed => {
                fields.require(&["paid_by"]);
                let paid_by = paid_by?;
                NewStatus::Confirmed { paid_by }
            }
            BookingStatus::Cancelled => NewStatus::Cancelled {
                reason: reason.filter(|reason| !reason.is_empty()),
            },
            other => NewStatus::Other(other),
        })
    }
}

/// Confirm or cancel a booking
///
/// Cancelling, by its owner, the event's organizer or an admin: its stock is on sale again, its tickets are void. A
/// booking that is pending or confirmed can be cancelled, unless somebody was admitted with one of its tickets;
/// its owner cannot cancel a confirmed one once the event has begun. What was paid goes back: to an owner who cancels as
/// the event's refund policy says, else whole. Confirming, by the organizer or an
/// admin: the hold was paid and becomes a sale, with tickets. Either one repeated is answered with what was done.
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
            `REFUND_POLICY {until}`: too late for an owner to cancel what was paid", body = Failure),
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
    let (said, transition) = match body.input {
        NewStatus::Confirmed { .. } if !staff => return Err(ApiError::forbidden()),
        NewStatus::Confirmed { paid_by } => {
            let paid = Paid::ByStaff(paid_by);
            ("BOOKING_CONFIRMED", Transition::Confirm { paid })
        }
        // Somebody who only reads the bookings sees it.
        NewStatus::Cancelled { .. } if !staff && !is_owner(&state, &found, &caller, token) => {
            return Err(ApiError::forbidden());
        }
        NewStatus::Cancelled { reason } => {
            may_give_back(&state, &caller, &found, token).await?;
            let by = match staff && !is_owner(&state, &found, &caller, token) || caller.is_admin() {
                true => Canceller::Staff,
                false => Canceller::Owner,
            };
            ("BOOKING_CANCELLED", Transition::Cancel { by, reason })
        }
        NewStatus::Other(to) => {
            let found = state
                .store
                .booking(crate::store::bookings::Name::Id(id))
                .await?;
            let from = found.ok_or_else(not_found)?.booking.status;
            return Err(Refusal::InvalidTransition {
                from,
                to,
                used: false,
                started: false,
            }
            .into());
        }
    };
    let back = match &transition {
        Transition::Cancel { by, .. } => given_back(&state, id, event_id, *by).await?,
        _ => Companions::default(),
    };
    let act = match &transition {
        Transition::Confirm {
            paid: Paid::ByStaff(by),
        } => Some(json!({ "status": "confirmed", "paid_by": by })),
        Transition::Cancel {
            by: Canceller::Staff,
            ..
        } => Some(json!({ "status": "cancelled" })),
        _ => None,
    };
    let mut change = Change::new(event_id, id, transition);
    change.with = back;
    change.with.audit =
        act.map(|act| AuditEntry::of_booking(&caller, found.organizer_id, id).with(act));
    if let Transition::Confirm { .. } = change.transition {
        change.with.jobs.push(staff_paid_job(id));
    }
    let (answer, _) = made(state.desk.change(change).await?)?;
    state.board.committed(event_id, answer.revision);
    let data = BookingData::new(answer.booking, answer.now);
    Ok(Reply::ok(said, data).revision(answer.revision))
}

/// Cancelling gives back what was paid: people of the organization need the right for it.
async fn may_give_back(
    state: &ApiState,
    caller: &Caller,
    found: &Belongs,
    token: Option<&str>,
) -> ApiResult<()> {
    if is_owner(state, found, caller, token) || caller.may(Right::Money, found.organizer_id) {
        return Ok(());
    }
    let booking = state.store.booking(Name::Id(found.id)).await?;
    match booking.is_some_and(|found| found.booking.is_paid()) {
        true => Err(ApiError::forbidden()),
        false => Ok(()),
    }
}

/// The companions of the cancellation: the job that gives the money back, to an owner what the event's policy says,
/// else all that is left.
async fn given_back(
    state: &ApiState,
    id: BookingId,
    event_id: EventId,
    by: Canceller,
) -> ApiResult<Companions> {
    let found = state.store.booking(Name::Id(id)).await?;
    let found = found.ok_or_else(not_found)?;
    let store = &state.store;
    let Canceller::Owner = by else {
        return Ok(with_cancellation(&found.booking, None));
    };
    if found.booking.status != BookingStatus::Confirmed {
        return Ok(with_cancellation(&found.booking, None));
    }
    let Some(of) = store.refund_policy(event_id).await? else {
        return Ok(Companions::default());
    };
    let attempts = store.payments_of(id).await?;
    let captured = (attempts.iter()).find(|attempt| attempt.state == PaymentState::Captured);
    let total = found.booking.total.amount;
    // It may be about to come in.
    let (paid, left) = captured.map_or((total, total), |paid| {
        (
            paid.captured_amount,
            paid.captured_amount - paid.refunded_amount,
        )
    });
    let fees = parts_of(&found.booking).fees;
    let amount = of.policy.gives_back(
        &found.booking,
        (paid, fees, left),
        None,
        of.starts_at,
        of.now,
    );
    match amount {
        Ok(amount) => Ok(with_cancellation(&found.booking, Some(amount))),
        // Past the beginning the desk refuses in its own words.
        Err(PolicyRefusal::TooLate { .. }) if of.starts_at <= of.now => Ok(Companions::default()),
        Err(PolicyRefusal::TooLate { until }) => {
            Err(ApiError::conflict("REFUND_POLICY").with("until", until.to_string()))
        }
        Err(PolicyRefusal::WholeOnly) => Err(ApiError::conflict("REFUND_POLICY")),
    }
}
