//! The seat map of an event: replaced as a whole by its organizer, fetched once per version by everybody.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use super::input::{self, SeatmapBody, SeatmapUpload};
use super::kept::{self, KeptKey, MapKey};
use super::runs::SeatRuns;
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
use crate::store::seats::Geometry;
use crate::ticketing::{EventId, SeatId, TicketTypeId};

/// A seat map in the form that was asked for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::api) enum SeatmapData {
    Columns(Seatmap),
    Runs(SeatRuns),
}

/// The seats' places as columns: one entry for each place of the layout, in its order. A place without a seat has
/// `null` for `id`.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Seatmap {
    layout: i32,
    sections: Vec<SeatmapSection>,
    seats: SeatColumns,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SeatmapSection {
    pub(super) id: i64,
    pub(super) name: String,
}

#[derive(Serialize, ToSchema, Default)]
struct SeatColumns {
    id: Vec<Option<SeatId>>,
    /// Index into `sections`.
    section: Vec<usize>,
    row: Vec<String>,
    number: Vec<String>,
    ticket_type_id: Vec<TicketTypeId>,
    x: Vec<f32>,
    y: Vec<f32>,
}

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

/// How the seats' places are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(in crate::api) enum Form {
    #[default]
    Columns,
    Runs,
}

const FORMS: [(&str, Form); 2] = [("columns", Form::Columns), ("runs", Form::Runs)];

fn forms() -> utoipa::openapi::Object {
    schema::choice(FORMS.map(|(name, _)| name))
}

impl Input for Version {
    fn read(fields: &mut Fields) -> Option<Version> {
        let layout = fields.integer("layout", 0..=i64::from(i32::MAX));
        Some(Version {
            layout: layout.map(|layout| layout as i32),
            form: fields.choice("form", &FORMS).unwrap_or_default(),
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
        let tag = version.form.tag(layout);
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
            lang,
        };
        match state
            .seatmaps
            .get(KeptKey::Map(key), make(&state, key))
            .await
        {
            Ok(body) => return Ok(marked(sent(body, lang, &headers).await?, &tag, control)),
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

/// Reads the map and packs it.
async fn make(state: &ApiState, key: MapKey) -> Result<Bytes, NotMade> {
    let geometry = state.store.geometry(key.event).await;
    let geometry = geometry.map_err(ApiError::from)?;
    let geometry = geometry.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
    if geometry.layout != key.layout {
        return Err(NotMade::Now(geometry.layout));
    }
    let packing = spawn_blocking(move || {
        let data = SeatmapData::of(geometry, key.form);
        kept::packed(&envelope::body("SEATMAP", data, key.lang))
    });
    let packed = packing.await.map_err(ApiError::internal)?;
    Ok(packed.map_err(ApiError::internal)?)
}

/// Answers a packed body, unpacked for callers that do not take it so.
async fn sent(body: Bytes, lang: Lang, asked: &HeaderMap) -> ApiResult<Response> {
    let accepted = header_text(asked, &header::ACCEPT_ENCODING).unwrap_or_default();
    let mut answer = match takes(accepted, "gzip") {
        true => {
            let mut answer = envelope::ready(body, lang);
            let gzip = HeaderValue::from_static("gzip");
            answer.headers_mut().insert(header::CONTENT_ENCODING, gzip);
            answer
        }
        false => {
            let plain = spawn_blocking(move || kept::unpacked(&body)).await;
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
/// names the columns: `section`, `row`, `number`, `x`, `y`, `ticket_type_id` or `ticket_type` (its name), and
/// `blocked`; a line is a seat.
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
    let data = SeatmapSaved {
        layout: saved.value,
        seats: map.seats.len(),
    };
    Ok(Reply::ok("SEATMAP_SAVED", data).revision(saved.revision))
}

impl Form {
    /// The version of a body.
    fn tag(self, layout: i32) -> String {
        match self {
            Form::Columns => layout.to_string(),
            Form::Runs => format!("{layout}-runs"),
        }
    }
}

impl SeatmapData {
    fn of(geometry: Geometry, form: Form) -> SeatmapData {
        let index: HashMap<i64, usize> = geometry
            .sections
            .iter()
            .enumerate()
            .map(|(index, (id, _))| (*id, index))
            .collect();
        let section_of = |id: i64| index.get(&id).copied().unwrap_or_default();
        let sections = geometry.sections.iter().map(|(id, name)| SeatmapSection {
            id: *id,
            name: name.clone(),
        });
        let sections = sections.collect();
        match form {
            Form::Columns => SeatmapData::Columns(Seatmap::of(geometry, sections, section_of)),
            Form::Runs => SeatmapData::Runs(SeatRuns::of(&geometry, sections, section_of)),
        }
    }
}

impl Seatmap {
    fn of(
        geometry: Geometry,
        sections: Vec<SeatmapSection>,
        section_of: impl Fn(i64) -> usize,
    ) -> Seatmap {
        let mut seats = SeatColumns::default();
        for seat in geometry.seats {
            while seats.id.len() < seat.position as usize {
                seats.push(
                    None,
                    0,
                    String::new(),
                    String::new(),
                    TicketTypeId(0),
                    (0.0, 0.0),
                );
            }
            let section = section_of(seat.section_id);
            let at = (seat.x, seat.y);
            seats.push(
                Some(seat.id),
                section,
                seat.row,
                seat.number,
                seat.ticket_type_id,
                at,
            );
        }
        Seatmap {
            layout: geometry.layout,
            sections,
            seats,
        }
    }
}

impl SeatColumns {
    fn push(
        &mut self,
        id: Option<SeatId>,
        section: usize,
        row: String,
        number: String,
        ticket_type_id: TicketTypeId,
        (x, y): (f32, f32),
    ) {
        self.id.push(id);
        self.section.push(section);
        self.row.push(row);
        self.number.push(number);
        self.ticket_type_id.push(ticket_type_id);
        self.x.push(x);
        self.y.push(y);
    }
}
