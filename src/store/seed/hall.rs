//! The demo's halls. Pure.
//!
//! The stage is at the top, its middle at (500, 0); a seat is 10 units wide. Rows are arcs of nearly a quarter circle,
//! with two aisles.

use crate::store::seats::{SeatKind, Stage};

/// Width of a seat, and the distance between rows.
const SEAT: f32 = 10.0;
const ROW: f32 = 14.0;
/// Width of an aisle, in seats.
const AISLE: f32 = 1.6;
const MIDDLE: f32 = 500.0;

/// A section: its rows, and its distance from the stage. Every further row has two seats more.
struct Tier {
    section: &'static str,
    rows: u16,
    seats_in_first_row: u16,
    distance: f32,
}

const fn tier(section: &'static str, rows: u16, seats_in_first_row: u16, distance: f32) -> Tier {
    Tier {
        section,
        rows,
        seats_in_first_row,
        distance,
    }
}

/// 624 + 690 + 686 = 2,000 seats.
const THEATRE: &[Tier] = &[
    tier("Stalls", 16, 24, 150.0),
    tier("Circle", 10, 60, 400.0),
    tier("Balcony", 7, 92, 566.0),
];

/// The same with a gallery of ten: 2,010 seats.
const OPERA: &[Tier] = &[
    tier("Stalls", 16, 24, 150.0),
    tier("Circle", 10, 60, 400.0),
    tier("Balcony", 7, 92, 566.0),
    tier("Gallery", 1, 10, 680.0),
];

/// Three rows of ten.
const STUDIO: &[Tier] = &[
    tier("Eco", 1, 10, 180.0),
    tier("Normal", 1, 10, 140.0),
    tier("VIP", 1, 10, 100.0),
];

/// The first rows of the stalls are the dearest.
const PREMIUM_ROWS: u16 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hall {
    /// A theatre in three tiers; some seats are the house's own.
    Theatre,
    Opera,
    /// Each section has seats of every class.
    Studio,
}

pub(super) struct HallSeat {
    pub(super) section: &'static str,
    pub(super) class: &'static str,
    pub(super) row: String,
    pub(super) number: u16,
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) blocked: bool,
    pub(super) kind: SeatKind,
}

impl Hall {
    fn tiers(self) -> &'static [Tier] {
        match self {
            Hall::Theatre => THEATRE,
            Hall::Opera => OPERA,
            Hall::Studio => STUDIO,
        }
    }

    pub(super) fn sections(self) -> Vec<&'static str> {
        self.tiers().iter().map(|tier| tier.section).collect()
    }

    pub(super) fn stage(self) -> Stage {
        let (y, width, height) = match self {
            Hall::Theatre | Hall::Opera => (0.0, 200.0, 60.0),
            Hall::Studio => (30.0, 120.0, 20.0),
        };
        Stage {
            x: MIDDLE - width / 2.0,
            y,
            width,
            height,
            label: String::new(),
        }
    }

    /// Every seat, in layout order: tier by tier, row by row, from the left.
    pub(super) fn seats(self) -> Vec<HallSeat> {
        let mut seats = Vec::new();
        for tier in self.tiers() {
            for row in 0..tier.rows {
                let count = tier.seats_in_first_row + 2 * row;
                let radius = tier.distance + ROW * f32::from(row);
                seats.extend(
                    (0..count).map(|index| self.seat(tier.section, row, index, count, radius)),
                );
            }
        }
        seats
    }

    fn seat(
        self,
        section: &'static str,
        row: u16,
        index: u16,
        count: u16,
        radius: f32,
    ) -> HallSeat {
        let along = f32::from(index) - f32::from(count - 1) / 2.0;
        // The row has three blocks; the outer ones are moved outwards by an aisle.
        let block = f32::from(index * 3 / count) - 1.0;
        let angle = (along + AISLE * block) * SEAT / radius;
        HallSeat {
            section,
            class: self.class(section, row, index),
            row: char::from(b'A' + row as u8).to_string(),
            number: index + 1,
            x: MIDDLE + radius * angle.sin(),
            y: radius * angle.cos(),
            kind: kind_of(section, row, index, count),
            blocked: self == Hall::Theatre && house_seat(section, row, index, count),
        }
    }

    fn class(self, section: &'static str, row: u16, index: u16) -> &'static str {
        match (self, section) {
            (Hall::Studio, _) => ["Normal", "VIP", "Student"][usize::from(index % 3)],
            (_, "Stalls") if row < PREMIUM_ROWS => "Premium",
            (_, "Gallery") => "Balcony",
            _ => section,
        }
    }
}

/// Whether the seat is blocked: the director's row in the circle, and behind the sound desk at the end of the stalls.
fn house_seat(section: &str, row: u16, index: u16, count: u16) -> bool {
    let from_middle = index.abs_diff(count / 2);
    match section {
        "Circle" => row == 0 && from_middle < 3,
        "Stalls" => row == 15 && from_middle < 5,
        _ => false,
    }
}

/// Wheelchairs get to the ends of the last row of the stalls.
fn kind_of(section: &str, row: u16, index: u16, count: u16) -> SeatKind {
    match (section, row, index.min(count - 1 - index)) {
        ("Stalls", 15, 0) => SeatKind::Wheelchair,
        ("Stalls", 15, 1) => SeatKind::Companion,
        _ => SeatKind::Standard,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_seat_is_on_another() {
        for (hall, count) in [
            (Hall::Theatre, 2_000),
            (Hall::Opera, 2_010),
            (Hall::Studio, 30),
        ] {
            let seats = hall.seats();
            assert_eq!(seats.len(), count);
            assert_apart(&seats);
        }
    }

    fn assert_apart(seats: &[HallSeat]) {
        let names: HashSet<_> = seats
            .iter()
            .map(|s| (s.section, &s.row, s.number))
            .collect();
        assert_eq!(names.len(), seats.len());
        for (at, one) in seats.iter().enumerate() {
            for other in &seats[..at] {
                let apart = (one.x - other.x).hypot(one.y - other.y);
                assert!(apart > SEAT * 0.95, "seats at ({}, {}) touch", one.x, one.y);
            }
        }
    }
}
