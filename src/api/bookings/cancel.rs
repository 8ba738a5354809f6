//! `PUT /bookings/{id}/status`.

use axum::extract::State;
use axum::http::HeaderMap;
use tracing::Span;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{BookingData, find};
use crate::api::ApiState;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::{At, Body};
use crate::api::fields::{Fields, Input};
use crate::auth::Caller;
use crate::config::rest::REASON_CHARS_MAX;
use crate::store::bookings::{Cancelled, Name};
use crate::telemetry::trail;
use crate::ticketing::record::BookingStatus;

#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "describes the body; `NewStatus` reads it")]
pub(in crate::api) struct NewStatusBody {
    /// `cancelled`. Every other status comes about by itself: by payment, by the deadline, by refunds.
    status: BookingStatus,
    reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::api) struct NewStatus {
    status: BookingStatus,
    reason: Option<String>,
}

impl Input for NewStatus {
    fn read(fields: &mut Fields) -> Option<NewStatus> {
        fields.require(&["status"]);
        let choices = BookingStatus::ALL.map(|status| (status.as_str(), status));
        let status = fields.choice("status", &choices);
        let reason = fields.text("reason", REASON_CHARS_MAX);
        Some(NewStatus {
            status: status?,
            reason: reason.filter(|reason| !reason.is_empty()),
        })
    }
}

/// Cancel a booking: its stock is on sale again, its tickets are void
///
/// By its owner, the event's organizer or an admin. A booking that is pending or confirmed can be cancelled,
/// unless somebody was admitted with one of its tickets.
#[utoipa::path(
    put, path = "/bookings/{id}/status", tag = "bookings", request_body = NewStatusBody,
    params(
        ("id" = Uuid, Path),
        ("X-Booking-Token" = Option<String>, Header, description = "Of an anonymous booking"),
    ),
    responses(
        (status = 200, description = "Cancelled", body = Envelope<BookingData>,
            headers(("X-Event-Revision" = u64, description = "The event's revision, without this booking"))),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`INVALID_TRANSITION {from, to}`", body = Failure),
    )
)]
pub(in crate::api) async fn set_status(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<Uuid>,
    headers: HeaderMap,
    body: Body<NewStatus>,
) -> ApiResult<Reply<BookingData>> {
    let found = find(&state.store, Name::Id(id), &caller, &headers).await?;
    let NewStatus { status: to, reason } = body.input;
    if to != BookingStatus::Cancelled {
        return Err(invalid_transition(found.booking.status, to));
    }
    let event = found.booking.event_id;
    let cancelled = state.store.cancel_booking(id, event, reason.as_deref());
    match cancelled.await? {
        Cancelled::Done(given_back) => {
            state.board.committed(event, given_back.revision);
            let (reference, revision) = (&given_back.booking.reference, given_back.revision);
            trail::booked(&Span::current(), event, reference, revision);
            trail::committed(event, revision, &Span::current());
            let data = BookingData::new(given_back.booking, given_back.now);
            Ok(Reply::ok("BOOKING_CANCELLED", data).revision(given_back.revision))
        }
        Cancelled::Not { status, used } => Err(invalid_transition(status, to).with("used", used)),
    }
}

fn invalid_transition(from: BookingStatus, to: BookingStatus) -> ApiError {
    ApiError::conflict("INVALID_TRANSITION")
        .with("from", from.as_str())
        .with("to", to.as_str())
}
