//! Seat maps as they are sent: columns, or runs of numbers ([`runs`]), packed once for all languages ([`packed`]).
//!
//! `api` answers with them. A large map is packed by a job, soon after it was drawn, and stored, since reading and packing
//! 100,000 seats takes a third of a second.

mod packed;
mod runs;

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

pub use self::packed::{Packed, Packing};
pub use self::runs::SeatRuns;
use crate::config::inside::SEATMAP_STORED_SEATS_MIN;
use crate::store::seats::{Geometry, PlacedSeat, SeatKind, Stage};
use crate::ticketing::{SeatId, TicketTypeId};

/// How the seats' places are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Form {
    #[default]
    Columns,
    Runs,
}

impl Form {
    pub const ALL: [Form; 2] = [Form::Columns, Form::Runs];

    /// As requests and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Form::Columns => "columns",
            Form::Runs => "runs",
        }
    }
}

/// The data of an answer in this form, as JSON.
///
/// # Errors
/// None in practice: names and numbers can be written.
pub fn data(geometry: Geometry, form: Form) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&SeatmapData::of(geometry, form))
}

/// Whether a map of so many seats is packed beforehand, and stored.
pub fn is_large(geometry: &Geometry) -> bool {
    geometry.seats.len() >= SEATMAP_STORED_SEATS_MIN
}

/// A seat map in the form that was asked for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SeatmapData {
    Columns(Seatmap),
    Runs(SeatRuns),
}

/// The seats' places as columns: one entry for each place of the layout, in its order. A place without a seat has
/// `null` for `id`.
#[derive(Serialize, ToSchema)]
pub struct Seatmap {
    layout: i32,
    sections: Vec<SeatmapSection>,
    /// Absent where the hall has none, or its place is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    stage: Option<Stage>,
    seats: SeatColumns,
    #[serde(flatten)]
    special: SpecialPlaces,
}

/// Places in the layout, from 0, of seats that are made for somebody; those lists that are empty are left out.
#[derive(Serialize, ToSchema, Default)]
pub struct SpecialPlaces {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    wheelchair: Vec<i32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    companion: Vec<i32>,
}

impl SpecialPlaces {
    fn of(seats: &[PlacedSeat]) -> SpecialPlaces {
        let places = |kind: SeatKind| {
            let of_kind = seats.iter().filter(|seat| seat.kind == kind);
            of_kind.map(|seat| seat.position).collect()
        };
        SpecialPlaces {
            wheelchair: places(SeatKind::Wheelchair),
            companion: places(SeatKind::Companion),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct SeatmapSection {
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

impl SeatmapData {
    pub fn of(geometry: Geometry, form: Form) -> SeatmapData {
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
        let special = SpecialPlaces::of(&geometry.seats);
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
            stage: geometry.stage,
            seats,
            special,
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
