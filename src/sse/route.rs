//! `GET /api/v1/events/{event_id}/stream`: from a request to a stream.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shown::Ask;
use super::stall;
use super::viewer::{StreamBody as Events, StreamViewer};
use super::{StreamAdmission, Streams};
use crate::api::envelope::Failure;
use crate::api::error::{ApiError, ApiResult};
use crate::api::fields::FieldError;
use crate::auth::Caller;
use crate::config::inside::REACH_PATIENCE_MS;
use crate::http::Cut;
use crate::hub::{NativeView, NotOpened};
use crate::limits::address::Client;
use crate::ticketing::{EventId, Revision};

/// Browsers send it when they reconnect.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// `Retry-After` while there are too many streams, or while the database is away.
const RETRY_AFTER_S: u64 = 5;
/// Extra time to wait for an answer beyond its deadline.
const GRACE: Duration = Duration::from_millis(500);

/// The stream's route. It needs the caller in the request, which `api::with_callers` puts there.
pub fn router(streams: Streams) -> Router {
    let (router, _) = routes().split_for_parts();
    router.with_state(streams)
}

/// Its part of the OpenAPI document.
pub fn document() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<Streams> {
    OpenApiRouter::new().routes(routes!(stream)) // GET /api/v1/events/{event_id}/stream
}

#[derive(Deserialize)]
struct StreamWish {
    since: Option<String>,
    topic: Option<String>,
    /// A token, for browsers, whose `EventSource` cannot send an `Authorization` header.
    access_token: Option<String>,
}

/// Follow an event live
///
/// Server-sent events: a `snapshot` with the whole state, then an `update` per change, each with the
/// revision as its `id`; in between `presence`, and a `beat` that says how fresh all this is. Apply an
/// update iff `from <= have < to`. `Last-Event-ID` (browsers send it when they come back) or `since`
/// resume: what follows is an update from there, or a snapshot where memory does not reach back so far.
#[utoipa::path(get, path = "/api/v1/events/{event_id}/stream", tag = "events",
    params(
        ("event_id" = i64, Path),
        ("since" = Option<u64>, Query, description = "The revision that the caller has"),
        ("topic" = Option<String>, Query, description = "`event` (the counts, if none is given) or `seats`"),
        ("access_token" = Option<String>, Query, description = "For an `EventSource`, which sends no headers"),
        ("Last-Event-ID" = Option<u64>, Header, description = "As `since`, and before it"),
    ),
    responses(
        (status = 200, body = String, content_type = "text/event-stream",
            description = "`event:` is snapshot, update, presence, beat or drain; `data:` is JSON"),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: the database does not answer, or this node is \
            behind what the caller has and does not reach the database; `Retry-After` says when to come again"),
    ))]
async fn stream(
    State(streams): State<Streams>,
    client: Client,
    Extension(cut): Extension<Cut>,
    Path(event): Path<String>,
    Query(wish): Query<StreamWish>,
    caller: Caller,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let not_found = || ApiError::not_found("EVENT_NOT_FOUND");
    let event: EventId = event.parse().map_err(|_| not_found())?;
    let view = match wish.topic.as_deref() {
        None | Some("event") => NativeView::Event,
        Some("seats") => NativeView::Seats,
        Some(_) => return Err(no_such_topic()),
    };
    let since = since(&headers, wish.since.as_deref())?;
    let caller = match &wish.access_token {
        Some(token) => streams.node.auth.verify(token)?,
        None => caller,
    };
    let busy = || ApiError::unavailable("BUSY", RETRY_AFTER_S);
    let admission = StreamAdmission::to(&streams.node, client.network()).ok_or_else(busy)?;
    let viewer = streams.open(event, view, since, caller).await?;
    let body = Events::new(viewer, end_of(&caller), admission);
    let patience = Duration::from_millis(streams.node.config.stream.stall_timeout_ms);
    Ok(response(body, patience, cut))
}

/// The client's revision: `Last-Event-ID`, else `since`. A `Last-Event-ID` that is not a revision is ignored, since an
/// `EventSource` that is refused never comes back.
fn since(headers: &HeaderMap, asked: Option<&str>) -> ApiResult<Option<Revision>> {
    let last = headers.get(LAST_EVENT_ID);
    if let Some(last) = last.and_then(|id| id.to_str().ok()?.parse().ok()) {
        return Ok(Some(last));
    }
    let since = asked.map(str::parse).transpose();
    since.map_err(|_| ApiError::invalid_field("since", "NOT_AN_INTEGER"))
}

fn no_such_topic() -> ApiError {
    ApiError::invalid(vec![FieldError {
        field: "topic".to_owned(),
        code: "NOT_A_CHOICE",
        bound: "event, seats".to_owned(),
    }])
}

fn end_of(caller: &Caller) -> Option<Instant> {
    let Caller::User {
        token_expires: Some(end),
        ..
    } = caller
    else {
        return None;
    };
    let left = Timestamp::now().duration_until(*end);
    Some(Instant::now() + Duration::try_from(left).unwrap_or_default())
}

impl Streams {
    async fn open(
        &self,
        event: EventId,
        view: NativeView,
        since: Option<Revision>,
        caller: Caller,
    ) -> ApiResult<StreamViewer> {
        let refused = |why| match why {
            NotOpened::NoSuchEvent => ApiError::not_found("EVENT_NOT_FOUND"),
            _ => ApiError::unavailable("UNAVAILABLE", RETRY_AFTER_S),
        };
        let (shown, config) = (&self.node.shown, &self.node.config);
        if shown.drain.is_cancelled() {
            return Err(refused(NotOpened::Restarting));
        }
        let (answer, answered) = oneshot::channel();
        let ask = Ask {
            since,
            caller,
            answer,
        };
        shown.ask(event, ask);
        // Time to open the event, and then to wait for the client's revision.
        let patience = Duration::from_millis(config.feed.open_timeout_ms + REACH_PATIENCE_MS);
        match timeout(patience + GRACE, answered).await {
            Ok(Ok(Ok(()))) => shown.admit(event, view, since, caller).map_err(refused),
            Ok(Ok(Err(why))) => Err(refused(why)),
            _ => Err(refused(NotOpened::Unavailable)),
        }
    }
}

fn response(body: Events, patience: Duration, cut: Cut) -> Response {
    let stream = stall::guard(body.into_stream(), patience, cut);
    let mut response = Body::from_stream(stream).into_response();
    let headers = response.headers_mut();
    let says = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Otherwise nginx would hold events back until its buffer is full.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    for (name, value) in says {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
