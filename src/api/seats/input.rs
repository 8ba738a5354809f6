//! A seat map in a request, read into one list of seats.

use std::collections::{HashMap, HashSet};

use axum::extract::{FromRequest, Request};
use utoipa::ToSchema;

use super::csv;
use crate::api::error::ApiError;
use crate::api::extract::{self, BYTE_ORDER_MARK, Body};
use crate::api::fields::{self, FieldError, Fields, Input};
use crate::config::inside::SEATMAP_MEMORY_BYTES_MAX;
use crate::config::rest::{LABEL_CHARS_MAX, NAME_CHARS_MAX, SEATS_MAX};
use crate::schema;
use crate::store::seatmap::{NewSeat, NewSeatMap, NewStage};
use crate::store::seats::{SeatKind, Stage};
use crate::ticketing::TicketTypeId;

/// Largest coordinate; the unit is the organizer's.
const COORDINATE_MAX: f64 = 1_000_000.0;
/// Least width and height of a stage: a double that is more than nothing as the float that is stored, too.
const STAGE_SIDE_MIN: f64 = 0.001;

/// A seat map in layout order. A ticket type may be named for a section, a row or a seat; the innermost counts.
#[derive(ToSchema)]
#[schema(example = json!({"stage": {"x": 0, "y": -3, "width": 2, "height": 1.5}, "sections": [{"name": "Stalls", "ticket_type_id": 3, "rows": [
    {"label": "A", "seats": [{"number": "1", "x": 0, "y": 0}, {"number": "2", "x": 1, "y": 0}]},
]}]}))]
#[expect(dead_code, reason = "documents the body that `SeatmapInput` reads")]
pub(in crate::api) struct SeatmapBody {
    #[schema(max_items = 100_000)]
    sections: Vec<SectionBody>,
    /// Where the stage is; without it that stays as it was, and `null` takes it away.
    #[schema(required = false)]
    stage: Option<StageBody>,
}

/// The corner has the least values of both axes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that `SeatmapInput` reads")]
struct StageBody {
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    x: f64,
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    y: f64,
    #[schema(minimum = 0.001, maximum = 1_000_000)]
    width: f64,
    #[schema(minimum = 0.001, maximum = 1_000_000)]
    height: f64,
    /// Without it viewers read the word for a stage in their language.
    #[schema(schema_with = schema::label, required = false)]
    label: Option<String>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that `SeatmapInput` reads")]
struct SectionBody {
    #[schema(schema_with = schema::name)]
    name: String,
    ticket_type_id: Option<TicketTypeId>,
    #[schema(max_items = 100_000)]
    rows: Vec<RowBody>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that `SeatmapInput` reads")]
struct RowBody {
    #[schema(schema_with = schema::label)]
    label: String,
    ticket_type_id: Option<TicketTypeId>,
    #[schema(max_items = 100_000)]
    seats: Vec<SeatBody>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that `SeatmapInput` reads")]
struct SeatBody {
    /// Unique in its row.
    #[schema(schema_with = schema::label)]
    number: String,
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    x: f64,
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    y: f64,
    ticket_type_id: Option<TicketTypeId>,
    /// Whether the seat is off sale; without it a seat stays as it was.
    blocked: Option<bool>,
    /// For whom the place is made; without it a seat stays as it was, and a new one is a standard seat.
    #[schema(schema_with = kinds, required = false)]
    kind: Option<SeatKind>,
}

fn kinds() -> utoipa::openapi::Object {
    schema::choice(SeatKind::ALL.map(SeatKind::name))
}

/// A seat map read into one list of seats.
pub(in crate::api) struct SeatmapInput(NewSeatMap);

impl SeatmapInput {
    pub(super) fn into_map(self) -> NewSeatMap {
        self.0
    }
}

/// A seat map as it came: JSON, which is read already, or a table, whose ticket types have to be known by name.
pub(in crate::api) enum SeatmapUpload {
    Json(SeatmapInput),
    Csv(String),
}

impl<S: Send + Sync> FromRequest<S> for SeatmapUpload {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<SeatmapUpload, ApiError> {
        if extract::media_type(request.headers()) != "text/csv" {
            let body = Body::<SeatmapInput>::large(request, state).await?;
            return Ok(SeatmapUpload::Json(body.input));
        }
        let bytes = extract::read(request, state).await?;
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
        match std::str::from_utf8(text) {
            Ok(text) => Ok(SeatmapUpload::Csv(text.to_owned())),
            Err(error) => Err(ApiError::bad_request("BAD_CSV").with("reason", error.to_string())),
        }
    }
}

/// Columns of a seat map in CSV. A line names its ticket type by id or by name.
const COLUMNS: [&str; 9] = [
    "section",
    "row",
    "number",
    "ticket_type_id",
    "ticket_type",
    "x",
    "y",
    "blocked",
    "kind",
];

/// Reads a seat map in CSV: a header with the names in [`COLUMNS`], in any order, and a line for each seat.
/// `ticket_types` has the event's types by name; `None` where several have that name.
pub(super) fn read_csv(
    text: &str,
    ticket_types: &HashMap<&str, Option<TicketTypeId>>,
) -> Result<NewSeatMap, ApiError> {
    let bad = |error: csv::Unclosed| {
        ApiError::bad_request("BAD_CSV").with("reason", format!("line {}: {error}", error.line))
    };
    // One more of each tells that there are too many.
    let (cells_max, lines_max) = (COLUMNS.len() + 1, 1 + SEATS_MAX + 1);
    let lines = csv::lines(text, cells_max, lines_max).map_err(bad)?;
    let mut lines = lines.into_iter();
    let (_, header) = lines
        .next()
        .ok_or_else(|| ApiError::bad_request("BAD_CSV"))?;
    let names: Vec<String> = header
        .iter()
        .map(|name| name.trim().to_lowercase())
        .collect();
    check_columns(&names)?;
    if lines.len() > SEATS_MAX {
        let error = FieldError::new("line", "TOO_MANY", SEATS_MAX);
        return Err(ApiError::invalid(vec![error]));
    }
    // A file that broke off: a map without seats is sent as JSON.
    if lines.len() == 0 {
        return Err(ApiError::invalid_field("line", "EMPTY"));
    }
    let mut places = HashSet::new();
    let seats = fields::read_lines(&names, lines, |fields| {
        fields.require(&["section", "row"]);
        let section = fields.filled_text("section", NAME_CHARS_MAX);
        let row = fields.filled_text("row", LABEL_CHARS_MAX);
        let ticket_type = type_by_name(fields, ticket_types);
        let by_id = fields.id("ticket_type_id");
        if ticket_type
            .zip(by_id)
            .is_some_and(|(named, id)| named != id)
        {
            fields.refuse("ticket_type", "DUPLICATE", "");
        }
        let seat = read_seat(
            fields,
            section.as_deref().unwrap_or_default(),
            row.as_deref().unwrap_or_default(),
            ticket_type,
        )?;
        if !places.insert((section?, row?, seat.number.clone())) {
            fields.refuse("number", "DUPLICATE", "");
        }
        Some(seat)
    })?;
    // A table has no place for it.
    let stage = NewStage::Kept;
    Ok(NewSeatMap { seats, stage })
}

fn check_columns(names: &[String]) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if !COLUMNS.contains(&name.as_str()) {
            errors.push(FieldError::new(name, "UNKNOWN_FIELD", ""));
        } else if names[..place].contains(name) {
            errors.push(FieldError::new(name, "DUPLICATE", ""));
        }
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(ApiError::invalid(errors)),
    }
}

fn type_by_name(
    fields: &mut Fields,
    ticket_types: &HashMap<&str, Option<TicketTypeId>>,
) -> Option<TicketTypeId> {
    let name = fields.filled_text("ticket_type", NAME_CHARS_MAX)?;
    let found = ticket_types.get(name.as_str()).copied().flatten();
    if found.is_none() {
        let names: Vec<&str> = ticket_types.keys().copied().collect();
        fields.refuse("ticket_type", "NOT_A_CHOICE", names.join(", "));
        // One error is enough for this line's type.
        return Some(TicketTypeId(0));
    }
    found
}

impl Input for SeatmapInput {
    const MEMORY_BYTES_MAX: usize = SEATMAP_MEMORY_BYTES_MAX;

    fn read(fields: &mut Fields) -> Option<SeatmapInput> {
        fields.require(&["sections"]);
        let mut map = NewSeatMap::default();
        let mut names = HashSet::new();
        fields.items("sections", SEATS_MAX, |fields, place, section| {
            fields.within(place, section, |fields| {
                let name = read_section(fields, &mut map)?;
                if !names.insert(name) {
                    fields.refuse("name", "DUPLICATE", "");
                }
                Some(())
            })
        });
        if map.seats.len() > SEATS_MAX {
            fields.refuse("sections", "TOO_MANY", SEATS_MAX);
        }
        map.stage = match fields.take("stage") {
            None if fields.is_null("stage") => NewStage::Set(None),
            None => NewStage::Kept,
            Some(value) => NewStage::Set(Some(fields.within("stage", value, read_stage)?)),
        };
        Some(SeatmapInput(map))
    }
}

fn read_stage(fields: &mut Fields) -> Option<Stage> {
    fields.require(&["x", "y", "width", "height"]);
    let x = fields.real("x", -COORDINATE_MAX..=COORDINATE_MAX);
    let y = fields.real("y", -COORDINATE_MAX..=COORDINATE_MAX);
    let width = fields.real("width", STAGE_SIDE_MIN..=COORDINATE_MAX);
    let height = fields.real("height", STAGE_SIDE_MIN..=COORDINATE_MAX);
    let label = fields.filled_text("label", LABEL_CHARS_MAX);
    Some(Stage {
        x: x? as f32,
        y: y? as f32,
        width: width? as f32,
        height: height? as f32,
        label: label.unwrap_or_default(),
    })
}

fn read_section(fields: &mut Fields, map: &mut NewSeatMap) -> Option<String> {
    fields.require(&["name", "rows"]);
    let name = fields.filled_text("name", NAME_CHARS_MAX);
    let ticket_type = fields.id("ticket_type_id");
    let section = name.clone().unwrap_or_default();
    let mut labels = HashSet::new();
    fields.items("rows", SEATS_MAX, |fields, place, row| {
        fields.within(place, row, |fields| {
            let label = read_row(fields, &section, ticket_type, map)?;
            if !labels.insert(label) {
                fields.refuse("label", "DUPLICATE", "");
            }
            Some(())
        })
    });
    name
}

fn read_row(
    fields: &mut Fields,
    section: &str,
    ticket_type: Option<TicketTypeId>,
    map: &mut NewSeatMap,
) -> Option<String> {
    fields.require(&["label", "seats"]);
    let label = fields.filled_text("label", LABEL_CHARS_MAX);
    let ticket_type = fields.id("ticket_type_id").or(ticket_type);
    let row = label.clone().unwrap_or_default();
    let mut numbers = HashSet::new();
    fields.items("seats", SEATS_MAX, |fields, place, seat| {
        fields.within(place, seat, |fields| {
            let seat = read_seat(fields, section, &row, ticket_type)?;
            if !numbers.insert(seat.number.clone()) {
                fields.refuse("number", "DUPLICATE", "");
            }
            map.seats.push(seat);
            Some(())
        })
    });
    label
}

fn read_seat(
    fields: &mut Fields,
    section: &str,
    row: &str,
    ticket_type: Option<TicketTypeId>,
) -> Option<NewSeat> {
    fields.require(&["number", "x", "y"]);
    let number = fields.filled_text("number", LABEL_CHARS_MAX);
    let x = fields.real("x", -COORDINATE_MAX..=COORDINATE_MAX);
    let y = fields.real("y", -COORDINATE_MAX..=COORDINATE_MAX);
    let blocked = fields.boolean("blocked");
    let kind = fields.choice("kind", &SeatKind::ALL.map(|kind| (kind.name(), kind)));
    let ticket_type = fields.id("ticket_type_id").or(ticket_type);
    if ticket_type.is_none() {
        fields.refuse("ticket_type_id", "REQUIRED", "");
    }
    Some(NewSeat {
        section: section.to_owned(),
        row: row.to_owned(),
        number: number?,
        ticket_type: ticket_type?,
        x: x? as f32,
        y: y? as f32,
        blocked,
        kind,
    })
}
