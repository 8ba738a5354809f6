//! A seat map in a request, read into one list of seats.

use std::collections::HashSet;

use utoipa::ToSchema;

use crate::api::fields::{Fields, Input};
use crate::config::rest::{NAME_CHARS_MAX, SEATS_MAX};
use crate::store::seatmap::{NewSeat, NewSeatMap};
use crate::ticketing::TicketTypeId;

/// Longest row label and seat number.
const LABEL_CHARS_MAX: usize = 20;
/// Largest coordinate; the unit is the organizer's.
const COORDINATE_MAX: f64 = 1_000_000.0;

/// A seat map in layout order. A ticket type may be named for a section, a row or a seat; the innermost counts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that `SeatmapInput` reads")]
pub(in crate::api) struct SeatmapBody {
    sections: Vec<SectionBody>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that `SeatmapInput` reads")]
struct SectionBody {
    #[schema(max_length = 200)]
    name: String,
    ticket_type_id: Option<TicketTypeId>,
    rows: Vec<RowBody>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that `SeatmapInput` reads")]
struct RowBody {
    #[schema(max_length = 20)]
    label: String,
    ticket_type_id: Option<TicketTypeId>,
    seats: Vec<SeatBody>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that `SeatmapInput` reads")]
struct SeatBody {
    /// Unique in its row.
    #[schema(max_length = 20)]
    number: String,
    x: f64,
    y: f64,
    ticket_type_id: Option<TicketTypeId>,
    /// Whether the seat is off sale; without it a seat stays as it was.
    blocked: Option<bool>,
}

/// A seat map read into one list of seats.
pub(in crate::api) struct SeatmapInput(NewSeatMap);

impl SeatmapInput {
    pub(super) fn into_map(self) -> NewSeatMap {
        self.0
    }
}

impl Input for SeatmapInput {
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
        Some(SeatmapInput(map))
    }
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
    })
}
