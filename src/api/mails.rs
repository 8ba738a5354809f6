//! Mails to buyers and holders of tickets, and whether they went out: `GET /mails`.

use axum::extract::State;
use utoipa::IntoParams;

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::Query;
use super::fields::{Fields, Input};
use crate::auth::{Caller, Right};
use crate::config::rest::LIST_ROWS_MAX;
use crate::store::jobs::JobState;
use crate::store::letters::EventMail;
use crate::ticketing::EventId;

/// Which mails are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichMails {
    #[param(example = 2)]
    event_id: EventId,
    /// Those in this state alone.
    status: Option<JobState>,
    /// The last `id` that the caller has seen.
    #[param(minimum = 1)]
    before: Option<i64>,
}

impl Input for WhichMails {
    fn read(fields: &mut Fields) -> Option<WhichMails> {
        fields.require(&["event_id"]);
        let status = fields.choice("status", &JobState::ALL);
        let before = fields.integer("before", 1..=i64::MAX);
        Some(WhichMails {
            event_id: fields.id("event_id")?,
            status,
            before,
        })
    }
}

/// Mails about an event's bookings and tickets, newest first
///
/// At most 100; `before` asks for older ones. For those who may read the bookings. One that went out is known for an hour,
/// one that needs a person (`needs_review`) for a week after it was worth anything. Addresses are in the bookings.
#[utoipa::path(
    get, path = "/mails", tag = "jobs", params(WhichMails),
    responses(
        (status = 200, body = Envelope<Vec<EventMail>>),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Query(which): Query<WhichMails>,
) -> ApiResult<Reply<Vec<EventMail>>> {
    let event = which.event_id;
    let organizer = state.store.organizer_of(event).await?;
    let organizer = organizer.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
    if !caller.may(Right::Sell, organizer) {
        return Err(ApiError::forbidden());
    }
    let (status, before) = (which.status, which.before);
    let mails = state
        .store
        .mails_of_event(event, status, before, LIST_ROWS_MAX);
    Ok(Reply::ok("MAILS", mails.await?))
}
