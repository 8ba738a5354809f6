//! Notices of organizers to all viewers of an event. A notice is a row; the triggers push it.

use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::ApiState;
use super::availability;
use super::envelope::{Deleted, Envelope, Failure, Reply};
use super::error::ApiResult;
use super::extract::{At, Body, NoBody, Query};
use super::fields::{Fields, Input, in_the_future};
use super::idempotency::{self, IdempotencyHeader};
use super::page::{self, LongPage, RequestedUri};
use crate::auth::Caller;
use crate::config::rest::{MESSAGE_CHARS_MAX, NOTICE_DATA_BYTES_MAX};
use crate::schema;
use crate::ticketing::edit::{NewNotice, holds_nul};
use crate::ticketing::live::Notice;
use crate::ticketing::{EventId, NoticeId};

/// A new notice.
#[derive(ToSchema)]
#[schema(example = json!({"type": "info_update", "message": "Doors open half an hour earlier.", "data": {"doors": "18:00"}}))]
#[expect(dead_code, reason = "documents the body that `NoticeInput` reads")]
pub(super) struct NoticeBody {
    #[schema(value_type = NoticeKind)]
    r#type: &'static str,
    #[schema(schema_with = schema::message)]
    message: String,
    /// Data for pages to act on; at most 8 KiB.
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    /// RFC 3339; without it the notice stays for good.
    #[schema(schema_with = schema::time, required = false)]
    until: Option<Timestamp>,
}

/// The subject of a notice.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents the values of `type`")]
enum NoticeKind {
    CapacityChange,
    InfoUpdate,
    Cancellation,
    Custom,
}

const KINDS: [(&str, &str); 4] = [
    ("capacity_change", "capacity_change"),
    ("info_update", "info_update"),
    ("cancellation", "cancellation"),
    ("custom", "custom"),
];

/// A valid new notice.
pub(super) struct NoticeInput(NewNotice);

impl Input for NoticeInput {
    fn read(fields: &mut Fields) -> Option<NoticeInput> {
        fields.require(&["type", "message"]);
        let kind = fields.choice("type", &KINDS);
        let message = fields.filled_text("message", MESSAGE_CHARS_MAX);
        let data = data(fields);
        let until = fields.time("until");
        Some(NoticeInput(NewNotice {
            kind: kind?,
            message: message?,
            data: data.unwrap_or_else(|| json!({})),
            until,
            sender: None,
            sent: None,
        }))
    }
}

/// The `data` of a notice: an object, small since it goes to every viewer, and storable in Postgres.
fn data(fields: &mut Fields) -> Option<Value> {
    let data = fields.take("data")?;
    let text = data.to_string();
    if !data.is_object() {
        fields.refuse("data", "NOT_AN_OBJECT", "");
    } else if text.len() > NOTICE_DATA_BYTES_MAX {
        fields.refuse("data", "TOO_LONG", NOTICE_DATA_BYTES_MAX);
    } else if holds_nul(&data) {
        fields.refuse("data", "NUL_IN_TEXT", "");
    } else {
        return Some(data);
    }
    None
}

/// The notices of an event that have not ended, oldest first
///
/// Without `limit` at most 100.
#[utoipa::path(get, path = "/events/{event_id}/notices", tag = "notices", params(("event_id" = EventId, Path), LongPage),
    responses(
        (status = 200, body = Envelope<Vec<Notice>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Notice>>> {
    availability::visible(&state, &caller, event_id).await?;
    let after = page.after_id("notices")?;
    let notices = state
        .store
        .notices(event_id, after, page.rows_wanted(), page.offset)
        .await?;
    let asked = (&page, &asked);
    Ok(page::by_id(
        "NOTICES",
        "notices",
        notices,
        asked,
        |notice| notice.id,
    ))
}

/// Publish a notice to all viewers of an event
#[utoipa::path(post, path = "/events/{event_id}/notices", tag = "notices",
    params(("event_id" = EventId, Path), IdempotencyHeader),
    request_body = NoticeBody,
    responses(
        (status = 201, body = Envelope<Notice>,
            headers(("X-Event-Revision" = i64), ("Idempotent-Replay" = bool))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<NoticeInput>,
) -> ApiResult<Reply<Notice>> {
    let route = format!("POST /events/{event_id}/notices");
    let keyed = state
        .in_flight
        .begin(&headers, &caller, &route, body.hash())?;
    let key = keyed.stored();
    let notice = body.input.0;
    let ends = in_the_future("until", notice.until, state.desk.now());
    idempotency::unless_asked_before(&state.store, &keyed, ends).await?;
    let once = state
        .store
        .create_notice(event_id, &caller, &notice, key)
        .await?;
    let (made, replayed) = idempotency::made(once)?;
    state.board.committed(event_id, made.revision);
    let reply = Reply::created("NOTICE_CREATED", made.value).revision(made.revision);
    Ok(idempotency::replayed(reply, replayed))
}

/// Withdraw a notice
#[utoipa::path(delete, path = "/events/{event_id}/notices/{notice_id}", tag = "notices",
    params(("event_id" = EventId, Path), ("notice_id" = NoticeId, Path)),
    responses(
        (status = 200, body = Envelope<Deleted>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `NOTICE_NOT_FOUND`"),
    ))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, notice_id)): At<(EventId, NoticeId)>,
    _: NoBody,
) -> ApiResult<Reply<Deleted>> {
    let removed = state
        .store
        .delete_notice(event_id, notice_id, &caller)
        .await?;
    state.board.committed(event_id, removed.revision);
    Ok(Reply::ok("NOTICE_DELETED", Deleted { id: notice_id.0 }).revision(removed.revision))
}
