//! The demo's theatre: 2,000 seats in three tiers, fanned around the stage. Pure.
//!
//! The stage is at the top, its middle at (500, 0); one unit is a tenth of a seat's width. Rows are arcs
//! of nearly a quarter circle, with two aisles.

/// Width of a seat, and the distance between rows.
const SEAT: f32 = 10.0;
const ROW: f32 = 14.0;
/// Width of an aisle, in seats.
const AISLE: f32 = 1.6;
const MIDDLE: f32 = 500.0;

/// `(section, rows, seats in the first row, its distance from the stage)`; every further row has two
/// seats more. 624 + 690 + 686 = 2,000.
const TIERS: [(&str, u16, u16, f32); 3] = [
    ("Stalls", 16, 24, 150.0),
    ("Circle", 10, 60, 400.0),
    ("Balcony", 7, 92, 566.0),
];

/// The first rows of the stalls are the dearest.
const PREMIUM_ROWS: u16 = 6;

pub(super) struct HallSeat {
    pub(super) section: &'static str,
    pub(super) class: &'static str,
    pub(super) row: String,
    pub(super) number: u16,
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) blocked: bool,
}

pub(super) fn sections() -> Vec<&'static str> {
    TIERS.iter().map(|tier| tier.0).collect()
}

/// Every seat, in layout order: tier by tier, row by row, from the left.
pub(super) fn seats() -> Vec<HallSeat> {
    let mut seats = Vec::new();
    for (section, rows, first, distance) in TIERS {
        for row in 0..rows {
            let count = first + 2 * row;
            let radius = distance + ROW * f32::from(row);
            seats.extend((0..count).map(|index| seat(section, row, index, count, radius)));
        }
    }
    seats
}

fn seat(section: &'static str, row: u16, index: u16, count: u16, radius: f32) -> HallSeat {
    let along = f32::from(index) - f32::from(count - 1) / 2.0;
    // Thirds of the row, the outer ones an aisle further out.
    let block = f32::from(index * 3 / count) - 1.0;
    let angle = (along + AISLE * block) * SEAT / radius;
    HallSeat {
        section,
        class: if section == "Stalls" && row < PREMIUM_ROWS {
            "Premium"
        } else {
            section
        },
        row: char::from(b'A' + row as u8).to_string(),
        number: index + 1,
        x: MIDDLE + radius * angle.sin(),
        y: radius * angle.cos(),
        blocked: house_seat(section, row, index, count),
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn two_thousand_seats_none_on_another() {
        let seats = seats();
        assert_eq!(seats.len(), 2_000);
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
