//! The seat map of an event: replaced as a whole by its organizer, fetched once per version by everybody.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::input::{self, SeatmapBody, SeatmapUpload};
use crate::api::ApiState;
use crate::api::availability;
use crate::api::cache::{self, IfNoneMatch, tagged};
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::events;
use crate::api::extract::{At, Query};
use crate::api::fields::{Fields, Input};
use crate::auth::Caller;
use crate::schema;
use crate::store::seats::Geometry;
use crate::ticketing::{EventId, SeatId, TicketTypeId};

/// The seats' places as columns: one entry for each place of the layout, in its order. A place without a seat has
/// `null` for `id`.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Seatmap {
    layout: i32,
    sections: Vec<SeatmapSection>,
    seats: SeatColumns,
}

#[derive(Serialize, ToSchema)]
struct SeatmapSection {
    id: i64,
    name: String,
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
}

impl Input for Version {
    fn read(fields: &mut Fields) -> Option<Version> {
        let layout = fields.integer("layout", 0..=i64::from(i32::MAX));
        Some(Version {
            layout: layout.map(|layout| layout as i32),
        })
    }
}

/// The seat map: geometry only
#[utoipa::path(get, path = "/events/{event_id}/seatmap", tag = "seats", params(("event_id" = EventId, Path), IfNoneMatch, Version),
    responses(
        (status = 200, body = Envelope<Seatmap>, headers(("ETag" = String))),
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
    let geometry = state.store.geometry(event_id).await?;
    let geometry = geometry.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
    let layout = geometry.layout;
    if version.layout.is_some_and(|asked| asked != layout) {
        return Err(ApiError::not_found("LAYOUT_NOT_FOUND").with("layout", layout));
    }
    let control = match version.layout {
        _ if event.is_draft() => cache::PRIVATE,
        Some(_) => cache::FOR_EVER,
        None => cache::ASK_AGAIN,
    };
    let tag = layout.to_string();
    Ok(tagged(&headers, &tag, control, "SEATMAP", || {
        Seatmap::of(geometry)
    }))
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

impl Seatmap {
    fn of(geometry: Geometry) -> Seatmap {
        let index: HashMap<i64, usize> = geometry
            .sections
            .iter()
            .enumerate()
            .map(|(index, (id, _))| (*id, index))
            .collect();
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
            let section = index.get(&seat.section_id).copied().unwrap_or_default();
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
        let sections = geometry.sections.into_iter();
        Seatmap {
            layout: geometry.layout,
            sections: sections
                .map(|(id, name)| SeatmapSection { id, name })
                .collect(),
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
