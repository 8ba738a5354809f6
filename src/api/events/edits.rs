//! Making, changing and deleting events. Each write is one function of the store, and is answered with the event
//! after the change.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::input::{EventBody, EventCancellation, EventCreation, EventPatch, Kept};
use super::view::EventDetail;
use super::{context, shown, visible};
use crate::api::ApiState;
use crate::api::cache::{self, IfMatch};
use crate::api::envelope::{Deleted, Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::{At, Body, NoBody};
use crate::api::fields::in_the_future;
use crate::api::idempotency::{self, IdempotencyHeader};
use crate::auth::{Caller, Right, Role};
use crate::store::event_edits::Created;
use crate::store::refunds::event_refunds_key;
use crate::ticketing::edit::EventChange;
use crate::ticketing::live::EventStatus;
use crate::ticketing::{EventId, UserId};

/// Make an event
#[utoipa::path(post, path = "/events", tag = "events", request_body = EventBody,
    params(IdempotencyHeader),
    responses(
        (status = 201, body = Envelope<EventDetail>,
            headers(("Location" = String), ("X-Event-Revision" = i64), ("Idempotent-Replay" = bool))),
        (status = 404, body = Failure, description = "`USER_NOT_FOUND`: the organizer is no user"),
        (status = 409, body = Failure, description = "`IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<EventCreation>,
) -> ApiResult<Reply<Value>> {
    let keyed = state
        .in_flight
        .begin(&headers, &caller, "POST /events", body.hash())?;
    let organizer = match body.input.organizer_id() {
        Some(named) => named,
        None => own_organization(&caller).ok_or_else(ApiError::forbidden)?,
    };
    if !caller.may(Right::Manage, organizer) {
        return Err(ApiError::forbidden());
    }
    let event = body
        .input
        .into_event(organizer, state.config.stripe.payment_timeout_minutes);
    let context = context(&state);
    let begins = in_the_future("starts_at", Some(event.starts_at), context.now);
    idempotency::unless_asked_before(&state.store, &keyed, begins).await?;
    let render = |event| json!(EventDetail::of(event, context));
    let key = keyed.stored();
    let made = state.store.create_event(&caller, &event, key, render);
    match made.await? {
        Created::New(made) => {
            let (id, answer) = made.value;
            let reply = Reply::created("EVENT_CREATED", answer).revision(made.revision);
            Ok(reply.at(&format!("/api/v1/events/{id}")))
        }
        Created::Replayed(answer) => {
            let revision = answer["revision"].as_u64().unwrap_or_default();
            let address = format!("/api/v1/events/{}", answer["id"]);
            let reply = Reply::created("EVENT_CREATED", answer).revision(revision);
            Ok(idempotency::replayed(reply.at(&address), true))
        }
        Created::Mismatch => Err(idempotency::mismatch()),
    }
}

/// The organization that an event is made for if none is named: the own one, or the only one that the caller manages.
fn own_organization(caller: &Caller) -> Option<UserId> {
    if caller.role() >= Some(Role::Organizer) {
        return caller.user_id();
    }
    match caller.organizations_with(Right::Manage)[..] {
        [only] => Some(only.founder()),
        _ => None,
    }
}

/// Change an event as a whole
///
/// Fields that are left out get the default of a new event; status and ticket types stay. A currency, organizer or ticket
/// types may be named as the event has them; others are refused.
#[utoipa::path(put, path = "/events/{event_id}", tag = "events",
    request_body(content = EventBody, example = json!({
        "title": "Harbour Jazz Weekend", "venue": "Pier 9, Rotterdam", "starts_at": "2031-06-01T14:00:00+02:00",
        "timezone": "Europe/Amsterdam", "capacity": 3000,
    })),
    params(("event_id" = EventId, Path), IfMatch),
    responses(
        (status = 200, body = Envelope<EventDetail>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`VERSION_CONFLICT` with `revision`, \
            `CAPACITY_BELOW_COMMITTED` with `minimum`, `MAP_BEYOND_CAPACITY {seats, capacity}`, `INVALID_TRANSITION`, `SEVERAL_TICKET_TYPES`"),
    ))]
pub(in crate::api) async fn replace(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<EventBody>,
) -> ApiResult<Reply<EventDetail>> {
    agrees(&state, &caller, event_id, &body.input.kept()).await?;
    let change = body
        .input
        .into_change(state.config.stripe.payment_timeout_minutes);
    changed(&state, &caller, event_id, &headers, change).await
}

/// Change an event
///
/// A change of capacity, time, venue or status of a published event is told to its viewers by a notice.
#[utoipa::path(patch, path = "/events/{event_id}", tag = "events", request_body = EventPatch,
    params(("event_id" = EventId, Path), IfMatch),
    responses(
        (status = 200, body = Envelope<EventDetail>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`VERSION_CONFLICT` with `revision`, \
            `CAPACITY_BELOW_COMMITTED` with `minimum`, `MAP_BEYOND_CAPACITY {seats, capacity}`, `INVALID_TRANSITION`, `SEVERAL_TICKET_TYPES`"),
    ))]
pub(in crate::api) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<EventPatch>,
) -> ApiResult<Reply<EventDetail>> {
    agrees(&state, &caller, event_id, &body.input.kept()).await?;
    let change = body.input.into_change();
    changed(&state, &caller, event_id, &headers, change).await
}

/// Delete an event that nobody has booked
///
/// Its history stays; it vanishes from lists and pages.
#[utoipa::path(delete, path = "/events/{event_id}", tag = "events", params(("event_id" = EventId, Path), IfMatch),
    responses(
        (status = 200, body = Envelope<Deleted>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`EVENT_HAS_BOOKINGS` with `live_bookings`: cancel the event first; \
            its confirmed bookings stay live until each is cancelled; `VERSION_CONFLICT` with `revision`"),
    ))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    _: NoBody,
) -> ApiResult<Reply<Deleted>> {
    let if_match = cache::if_match(&headers);
    let removed = state
        .store
        .delete_event(event_id, &caller, if_match.as_deref())
        .await?;
    state.board.committed(event_id, removed.revision);
    Ok(Reply::ok("EVENT_DELETED", Deleted { id: event_id.0 }).revision(removed.revision))
}

/// Stop selling for a while
#[utoipa::path(post, path = "/events/{event_id}/pause", tag = "events", params(("event_id" = EventId, Path), IfMatch),
    responses(
        (status = 200, body = Envelope<EventDetail>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`INVALID_TRANSITION`"),
    ))]
pub(in crate::api) async fn pause(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    _: NoBody,
) -> ApiResult<Reply<EventDetail>> {
    let change = to_status(EventStatus::Paused);
    changed(&state, &caller, event_id, &headers, change).await
}

/// Go on selling
#[utoipa::path(post, path = "/events/{event_id}/resume", tag = "events", params(("event_id" = EventId, Path), IfMatch),
    responses(
        (status = 200, body = Envelope<EventDetail>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`INVALID_TRANSITION`"),
    ))]
pub(in crate::api) async fn resume(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    _: NoBody,
) -> ApiResult<Reply<EventDetail>> {
    let change = to_status(EventStatus::Active);
    changed(&state, &caller, event_id, &headers, change).await
}

/// The event has taken place
#[utoipa::path(post, path = "/events/{event_id}/complete", tag = "events", params(("event_id" = EventId, Path), IfMatch),
    responses(
        (status = 200, body = Envelope<EventDetail>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`INVALID_TRANSITION`"),
    ))]
pub(in crate::api) async fn complete(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    _: NoBody,
) -> ApiResult<Reply<EventDetail>> {
    let change = to_status(EventStatus::Completed);
    changed(&state, &caller, event_id, &headers, change).await
}

/// Cancel an event
///
/// Its viewers are told by a notice, and no more is sold. Pending bookings are cancelled with it and their stock
/// is given back; a job, whose address is in `Location`, gives back what was paid for confirmed ones, and then ends those
/// that are left. Once more changes nothing.
#[utoipa::path(post, path = "/events/{event_id}/cancel", tag = "events", request_body = Option<EventCancellation>,
    params(("event_id" = EventId, Path), IfMatch),
    responses(
        (status = 202, body = Envelope<EventDetail>, headers(("X-Event-Revision" = i64), ("Location" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`INVALID_TRANSITION`: of a draft, or of an event that is \
            completed; `VERSION_CONFLICT` with `revision`"),
    ))]
pub(in crate::api) async fn cancel(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Option<Body<EventCancellation>>,
) -> ApiResult<Reply<EventDetail>> {
    let change = EventChange {
        cancel_reason: body.and_then(|body| body.input.reason),
        ..to_status(EventStatus::Cancelled)
    };
    let reply = changed(&state, &caller, event_id, &headers, change).await?;
    state.jobs.wake();
    let job = state.store.job_named(&event_refunds_key(event_id)).await?;
    let reply = reply.status(StatusCode::ACCEPTED);
    Ok(match job {
        Some(job) => reply.at(&format!("/api/v1/jobs/{job}")),
        None => reply,
    })
}

fn to_status(status: EventStatus) -> EventChange {
    EventChange {
        status: Some(status),
        ..EventChange::default()
    }
}

/// Refuses a body that names a currency, an organizer or ticket types which are not the event's.
async fn agrees(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
    kept: &Kept,
) -> ApiResult<()> {
    if !kept.is_asked() {
        return Ok(());
    }
    let event = visible(state, caller, event_id).await?;
    if !caller.may(Right::Manage, event.row.event.organizer_id) {
        return Err(ApiError::forbidden());
    }
    match kept.contradictions(&event) {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(ApiError::invalid(wrong)),
    }
}

async fn changed(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
    headers: &HeaderMap,
    change: EventChange,
) -> ApiResult<Reply<EventDetail>> {
    let if_match = cache::if_match(headers);
    let edited = state
        .store
        .change_event(event_id, caller, &change, if_match.as_deref())
        .await?;
    state.board.committed(event_id, edited.revision);
    let event = visible(state, caller, event_id).await?;
    Ok(shown("EVENT_UPDATED", state, event).revision(edited.revision))
}
