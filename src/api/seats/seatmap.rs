//! The seat map of an event: replaced as a whole by its organizer, fetched once per version by everybody.

use std::collections::HashMap;
use std::io;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use super::input::{self, SeatmapBody, SeatmapUpload};
use super::kept::{KeptKey, MapKey};
use crate::accept::takes;
use crate::api::ApiState;
use crate::api::availability;
use crate::api::cache::{self, IfNoneMatch, is_known, marked};
use crate::api::envelope::{self, Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::events;
use crate::api::extract::{At, Query, header_text};
use crate::api::fields::{Fields, Input};
use crate::auth::Caller;
use crate::lang::Lang;
use crate::schema;
use crate::seatmap::{self, Form, Packed, Packing, SeatmapData};
use crate::ticketing::EventId;

/// The saved map.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct SeatmapSaved {
    /// The map's version.
    layout: u32,
    seats: usize,
}

/// The requested version.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Version {
    /// A version, as events name it in `layout`. The content at this address never changes.
    #[param(schema_with = schema::layout, required = false)]
    layout: Option<i32>,
    /// `columns` (the default) has a value for each seat; `runs` is a twentieth of that, with places rounded to a sixteenth of the usual
    /// distance of two seats.
    #[param(schema_with = forms, required = false)]
    form: Form,
}

fn forms() -> utoipa::openapi::Object {
    schema::choice(Form::ALL.map(Form::name))
}

impl Input for Version {
    fn read(fields: &mut Fields) -> Option<Version> {
        let layout = fields.integer("layout", 0..=i64::from(i32::MAX));
        let forms = Form::ALL.map(|form| (form.name(), form));
        Some(Version {
            layout: layout.map(|layout| layout as i32),
            form: fields.choice("form", &forms).unwrap_or_default(),
        })
    }
}

/// The seat map: geometry only
#[utoipa::path(get, path = "/events/{event_id}/seatmap", tag = "seats", params(("event_id" = EventId, Path), IfNoneMatch, Version),
    responses(
        (status = 200, body = Envelope<SeatmapData>, headers(("ETag" = String))),
        (status = 304, description = "Nothing changed since the version in `If-None-Match`"),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `LAYOUT_NOT_FOUND` with the current `layout`"),
    ))]
pub(in crate::api) async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(version): Query<Version>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let event = availability::visible(&state, &caller, event_id).await?;
    let mut layout = event.event().layout.cast_signed();
    if version.layout.is_some_and(|asked| asked != layout) {
        // This node may not have heard of it yet.
        layout = state.store.layout(event_id).await?.unwrap_or(layout);
    }
    let control = match version.layout {
        _ if event.is_draft() => cache::PRIVATE,
        Some(_) => cache::FOR_EVER,
        None => cache::ASK_AGAIN,
    };
    let lang = Lang::of(&headers);
    loop {
        if version.layout.is_some_and(|asked| asked != layout) {
            return Err(ApiError::not_found("LAYOUT_NOT_FOUND").with("layout", layout));
        }
        let tag = tag(version.form, layout);
        if is_known(&headers, &tag) {
            return Ok(marked(
                StatusCode::NOT_MODIFIED.into_response(),
                &tag,
                control,
            ));
        }
        let key = MapKey {
            event: event_id,
            layout,
            form: version.form,
        };
        let made = make(&state, key);
        match state.seatmaps.get(KeptKey::Map(key), made).await {
            Ok(packed) => return Ok(marked(sent(packed, lang, &headers).await?, &tag, control)),
            // It was drawn anew.
            Err(NotMade::Now(newer)) => layout = newer,
            Err(NotMade::Failed(error)) => return Err(error),
        }
    }
}

/// Why a body could not be made.
enum NotMade {
    /// The map has another version now.
    Now(i32),
    Failed(ApiError),
}

impl From<ApiError> for NotMade {
    fn from(error: ApiError) -> NotMade {
        NotMade::Failed(error)
    }
}

/// The packed map: a large one as it was stored, or read and packed.
async fn make(state: &ApiState, key: MapKey) -> Result<Bytes, NotMade> {
    let stored = state
        .store
        .packed_seatmap(key.event, key.layout, key.form.name());
    if let Some(packed) = stored.await.map_err(ApiError::from)?.and_then(Packed::read) {
        return Ok(packed.bytes().clone());
    }
    let geometry = state.store.geometry(key.event).await;
    let geometry = geometry.map_err(ApiError::from)?;
    let geometry = geometry.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
    if geometry.layout != key.layout {
        return Err(NotMade::Now(geometry.layout));
    }
    let is_large = seatmap::is_large(&geometry);
    let (done, packed) = oneshot::channel();
    let kept = state.seatmaps.clone();
    spawn_blocking(move || {
        let data = seatmap::data(geometry, key.form);
        let packed = |packing| match &data {
            Ok(data) => Packed::of(data, packing),
            Err(error) => Err(io::Error::other(error.to_string())),
        };
        let first = packed(if is_large {
            Packing::Fast
        } else {
            Packing::Small
        });
        let is_wanted = done.send(first).is_ok();
        // Those who come later get fewer bytes.
        if is_large
            && is_wanted
            && let Ok(small) = packed(Packing::Small)
        {
            kept.replace(KeptKey::Map(key), small.bytes().clone());
        }
    });
    let packed = packed.await.map_err(ApiError::internal)?;
    Ok(packed.map_err(ApiError::internal)?.bytes().clone())
}

/// Answers a packed map, unpacked for callers that do not take it so.
async fn sent(packed: Bytes, lang: Lang, asked: &HeaderMap) -> ApiResult<Response> {
    let packed = Packed::read(packed).ok_or_else(|| ApiError::internal("no packed map"))?;
    let (before, after) = envelope::around("SEATMAP", lang);
    let accepted = header_text(asked, &header::ACCEPT_ENCODING).unwrap_or_default();
    let mut answer = match takes(accepted, "gzip") {
        true => {
            let mut answer = envelope::ready(packed.gzip(&before, &after), lang);
            let gzip = HeaderValue::from_static("gzip");
            answer.headers_mut().insert(header::CONTENT_ENCODING, gzip);
            answer
        }
        false => {
            let plain = spawn_blocking(move || packed.plain(&before, &after)).await;
            let plain = plain.map_err(ApiError::internal)?;
            envelope::ready(plain.map_err(ApiError::internal)?, lang)
        }
    };
    let vary = HeaderValue::from_static("accept-encoding");
    answer.headers_mut().append(header::VARY, vary);
    Ok(answer)
}

/// Draw the seat map
///
/// The map is replaced as a whole. A seat with the same section, row and number stays the same seat. In CSV the header
/// names the columns: `section`, `row`, `number`, `x`, `y`, `ticket_type_id` or `ticket_type` (its name),
/// `blocked`, and `kind`; a line is a seat.
#[utoipa::path(put, path = "/events/{event_id}/seatmap", tag = "seats",
    params(("event_id" = EventId, Path)), 
    request_body(content((SeatmapBody = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, body = Envelope<SeatmapSaved>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`SEAT_SOLD`, `SEAT_HELD` with `seats`: somebody has seats \
            that the new map lacks, blocks or sells as another ticket type"),
    ))]
pub(in crate::api) async fn replace(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    upload: SeatmapUpload,
) -> ApiResult<Reply<SeatmapSaved>> {
    let map = match upload {
        SeatmapUpload::Json(input) => input.into_map(),
        SeatmapUpload::Csv(text) => {
            let event = events::visible(&state, &caller, event_id).await?;
            let mut by_name = HashMap::new();
            for ticket_type in &event.row.ticket_types {
                by_name
                    .entry(ticket_type.name.as_str())
                    .and_modify(|id| *id = None)
                    .or_insert(Some(ticket_type.id));
            }
            input::read_csv(&text, &by_name)?
        }
    };
    let saved = state.store.replace_seatmap(event_id, &caller, &map).await?;
    state.board.committed(event_id, saved.revision);
    // A large map has a job, which packs it.
    state.jobs.wake();
    let data = SeatmapSaved {
        layout: saved.value,
        seats: map.seats.len(),
    };
    Ok(Reply::ok("SEATMAP_SAVED", data).revision(saved.revision))
}

/// The version of a body.
fn tag(form: Form, layout: i32) -> String {
    match form {
        Form::Columns => layout.to_string(),
        Form::Runs => format!("{layout}-runs"),
    }
}
