//! `GET /api/v1/events/{event_id}/stream`: from a request to a stream.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use utoipa::openapi::OpenApi;
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shown::Ask;
use super::viewer::{StreamBody as Events, StreamViewer};
use super::{StreamAdmission, Streams};
use crate::api::envelope::Failure;
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::{At, Query};
use crate::api::fields::{Fields, Input};
use crate::auth::{self, Caller};
use crate::config::inside::{REACH_PATIENCE_MS, STREAM_KEY_MS_MAX};
use crate::hub::{NativeView, NotOpened};
use crate::limits::address::Client;
use crate::schema::{self, revision};
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

/// The topic to follow, and from where on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct StreamWish {
    /// The revision that the caller has.
    #[param(schema_with = revision, required = false)]
    since: Option<Revision>,
    /// The counts (`event`, if none is named), or the seats.
    #[param(schema_with = topics, required = false)]
    topic: NativeView,
    #[param(ignore)]
    access_token: Option<String>,
}

const TOPICS: [(&str, NativeView); 2] =
    [("event", NativeView::Event), ("seats", NativeView::Seats)];

fn topics() -> Object {
    schema::choice(TOPICS.map(|(name, _)| name))
}

/// The longest `access_token` that is read, in characters.
const TOKEN_CHARS_MAX: usize = 8_192;

impl Input for StreamWish {
    fn read(fields: &mut Fields) -> Option<StreamWish> {
        let since = fields.integer("since", 0..=i64::MAX);
        Some(StreamWish {
            since: since.map(|since| since as Revision),
            topic: fields.choice("topic", &TOPICS).unwrap_or(NativeView::Event),
            access_token: fields
                .text("access_token", TOKEN_CHARS_MAX)
                .filter(|token| !token.is_empty()),
        })
    }
}

/// An event of a stream.
#[derive(ToSchema)]
#[schema(example = json!({"event": "update", "id": "58", "data": "{\"from\":57,\"to\":58,\"ticket_types\":[{\"id\":3,\"available\":41}]}"}))]
#[expect(dead_code, reason = "documents the answer that `viewer` writes")]
struct StreamEvent {
    #[schema(schema_with = event_names)]
    event: String,
    /// The revision; absent where the event has none.
    #[schema(pattern = "^[0-9]+$")]
    id: Option<String>,
    /// The messages of the socket's topic, as docs/wire.md describes them.
    #[schema(content_media_type = "application/json")]
    data: String,
    /// How long to wait before coming back, in milliseconds.
    #[schema(minimum = 0)]
    retry: Option<i64>,
}

fn event_names() -> Object {
    schema::choice(["snapshot", "update", "presence", "beat", "drain"])
}

/// Where a client goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `stream` reads")]
struct Resumption {
    /// The `id` of the last event, which counts before `since`. What is no revision is ignored.
    #[param(rename = "Last-Event-ID")]
    last_event_id: Option<String>,
}

/// Follow an event live
///
/// Server-sent events: a `snapshot` with the whole state, then an `update` per change, each with the
/// revision as its `id`; in between `presence`, and a `beat` that says how fresh all this is. Apply an
/// update iff `from <= have < to`. `Last-Event-ID` (browsers send it when they come back) or `since`
/// resume: what follows is an update from there, or a snapshot where memory does not reach back so far.
#[utoipa::path(get, path = "/api/v1/events/{event_id}/stream", tag = "events",
    params(
        ("event_id" = EventId, Path),
        StreamWish, Resumption,
    ),
    responses(
        (status = 200, body = StreamEvent, content_type = "text/event-stream",
            description = "Events without end; the schema is that of each"),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: the database does not answer, or this node is \
            behind what the caller has and does not reach the database; `Retry-After` says when to come again"),
    ))]
async fn stream(
    State(streams): State<Streams>,
    client: Client,
    At(event): At<EventId>,
    Query(wish): Query<StreamWish>,
    caller: Caller,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (view, since) = (wish.topic, last_seen(&headers).or(wish.since));
    let caller = match &wish.access_token {
        Some(token) => streams.node.auth.check(token).await?,
        None => caller,
    };
    let busy = || ApiError::unavailable("BUSY", RETRY_AFTER_S);
    let admission = StreamAdmission::to(&streams.node, client.network()).ok_or_else(busy)?;
    let viewer = streams.open(event, view, since, caller).await?;
    Ok(response(Events::new(viewer, end_of(&caller), admission)))
}

/// The revision of the last event. What is not a revision is ignored, since an `EventSource` that is refused never
/// comes back.
fn last_seen(headers: &HeaderMap) -> Option<Revision> {
    headers.get(LAST_EVENT_ID)?.to_str().ok()?.parse().ok()
}

/// Until when the stream goes by the caller's rights.
fn end_of(caller: &Caller) -> Option<Instant> {
    let left = match caller {
        Caller::User {
            token_expires: Some(end),
            ..
        } => Duration::try_from(auth::token_time().duration_until(*end)).unwrap_or_default(),
        Caller::Key { .. } => Duration::from_millis(STREAM_KEY_MS_MAX),
        _ => return None,
    };
    Some(Instant::now() + left)
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

fn response(body: Events) -> Response {
    let mut response = Body::from_stream(body.into_stream()).into_response();
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
