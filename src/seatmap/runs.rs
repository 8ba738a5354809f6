//! A seat map in few bytes: runs of numbers, and places as second differences. A twentieth of its columns.
//!
//! Rows of seats are nearly regular: ids and numbers go up by the same step, and the distance from seat to seat hardly
//! changes. `web/src/sdk/seat-runs.ts` reads it.

use serde::Serialize;
use utoipa::ToSchema;

use super::{SeatmapSection, SpecialPlaces};
use crate::store::seats::{Geometry, PlacedSeat, Stage};

/// Coordinates are rounded to this part of the usual distance of two seats in a row, or less.
const PITCH_PARTS: f64 = 16.0;
/// Coordinates in units are below this, so that no difference leaves what JavaScript counts exactly.
const UNITS_MAX: f64 = (1_i64 << 40) as f64;
/// A number of a seat with more digits is a text.
const NUMBER_DIGITS_MAX: usize = 9;

/// Ids are written as runs where these are at most one number for so many places. Packed, a number of a run takes more than
/// a byte and a step less than half of one.
const PLACES_PER_RUN_NUMBER_MIN: usize = 2;

/// The seats' places, row by row in the order of the layout. A list of runs has three numbers for each: its first value, the
/// step from one value to the next, and how many there are.
#[derive(Serialize, ToSchema)]
pub struct SeatRuns {
    layout: i32,
    sections: Vec<SeatmapSection>,
    /// In the unit of the seats, as [`Stage`] has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    stage: Option<Stage>,
    rows: RowColumns,
    #[serde(flatten)]
    ids: Ids,
    /// Runs of numbers; a text stands for one place.
    number: Vec<NumberOrText>,
    /// Runs.
    ticket_type_id: Vec<i64>,
    /// The size of a step of `x` and `y`.
    unit: f64,
    /// For the first place of a row the distance from the first place of the row before, for the second that from the
    /// first, for each other one how much its distance from the one before differs from the distance before that.
    x: Vec<i64>,
    /// As `x`.
    y: Vec<i64>,
    #[serde(flatten)]
    special: SpecialPlaces,
}

/// Ids of the seats, in the shorter of two ways: a run costs three numbers, and where seats were deleted all over the hall
/// nearly every one of them would be a run.
#[derive(Serialize, ToSchema)]
enum Ids {
    /// Runs; a place without a seat has 0.
    #[serde(rename = "id")]
    Runs(Vec<i64>),
    /// For each place the distance from the id of the seat before, of the first seat from 0; a place without a seat has 0.
    #[serde(rename = "id_steps")]
    Steps(Vec<i64>),
}

/// Places that follow each other in the layout and are in the same row of the same section.
#[derive(Serialize, ToSchema, Default)]
struct RowColumns {
    /// Index into `sections`.
    section: Vec<usize>,
    label: Vec<String>,
    /// How many places each has.
    places: Vec<usize>,
}

#[derive(Serialize, ToSchema, Debug, Clone, PartialEq)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
}

impl SeatRuns {
    /// `section_of` gives the index of a section by its id.
    pub(super) fn of(
        geometry: &Geometry,
        sections: Vec<SeatmapSection>,
        section_of: impl Fn(i64) -> usize,
    ) -> SeatRuns {
        let places = by_place(&geometry.seats);
        let rows = rows_of(&places, section_of);
        let unit = unit_of(&geometry.seats);
        let along = |of: fn(&PlacedSeat) -> f32| differences(&places, &rows.places, unit, of);
        SeatRuns {
            layout: geometry.layout,
            sections,
            stage: geometry.stage.clone(),
            ids: Ids::of(&places),
            number: numbers(&places),
            ticket_type_id: runs(
                places
                    .iter()
                    .map(|seat| seat.map_or(0, |seat| seat.ticket_type_id.0)),
            ),
            x: along(|seat| seat.x),
            y: along(|seat| seat.y),
            unit,
            rows,
            special: SpecialPlaces::of(&geometry.seats),
        }
    }
}

impl Ids {
    fn of(places: &[Option<&PlacedSeat>]) -> Ids {
        let runs = runs(places.iter().map(|seat| seat.map_or(0, |seat| seat.id.0)));
        if runs.len() * PLACES_PER_RUN_NUMBER_MIN <= places.len() {
            return Ids::Runs(runs);
        }
        let mut before = 0;
        let steps = places.iter().map(|seat| {
            seat.map_or(0, |seat| {
                seat.id.0 - std::mem::replace(&mut before, seat.id.0)
            })
        });
        Ids::Steps(steps.collect())
    }
}

/// The seat at each place, as far as there are places.
fn by_place(seats: &[PlacedSeat]) -> Vec<Option<&PlacedSeat>> {
    let mut places = Vec::with_capacity(seats.len());
    for seat in seats {
        places.resize(seat.position as usize, None);
        places.push(Some(seat));
    }
    places
}

/// A place without a seat is in the row that is before it.
fn rows_of(places: &[Option<&PlacedSeat>], section_of: impl Fn(i64) -> usize) -> RowColumns {
    let mut rows = RowColumns::default();
    let mut current: Option<&PlacedSeat> = None;
    for seat in places {
        let begins = match (current, *seat) {
            (None, _) => rows.places.is_empty() || seat.is_some(),
            (Some(_), None) => false,
            (Some(row), Some(seat)) => (row.section_id, &row.row) != (seat.section_id, &seat.row),
        };
        if begins {
            rows.section
                .push(seat.map_or(0, |seat| section_of(seat.section_id)));
            rows.label
                .push(seat.map_or(String::new(), |seat| seat.row.clone()));
            rows.places.push(0);
        }
        current = seat.or(current);
        if let Some(places) = rows.places.last_mut() {
            *places += 1;
        }
    }
    rows
}

/// Values as runs: first, step, count of each.
fn runs(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let values: Vec<i64> = values.collect();
    let mut runs = Vec::new();
    let mut rest = values.as_slice();
    while !rest.is_empty() {
        let (step, count) = run(rest);
        runs.extend([rest[0], step, count as i64]);
        rest = &rest[count..];
    }
    runs
}

/// The step of the run that `values` begin with, and how many are in it.
fn run(values: &[i64]) -> (i64, usize) {
    let [first, second, ..] = values else {
        return (0, values.len());
    };
    let step = second - first;
    let more = values
        .windows(2)
        .take_while(|pair| pair[1] - pair[0] == step);
    (step, 1 + more.count())
}

fn numbers(places: &[Option<&PlacedSeat>]) -> Vec<NumberOrText> {
    let texts: Vec<&str> = places
        .iter()
        .map(|seat| seat.map_or("", |seat| seat.number.as_str()))
        .collect();
    let mut written = Vec::new();
    let mut rest = texts.as_slice();
    while let [text, after @ ..] = rest {
        let counted: Vec<i64> = rest.iter().map_while(|text| number(text)).collect();
        if counted.is_empty() {
            written.push(NumberOrText::Text((*text).to_owned()));
            rest = after;
        } else {
            rest = &rest[counted.len()..];
            written.extend(
                runs(counted.into_iter())
                    .into_iter()
                    .map(NumberOrText::Number),
            );
        }
    }
    written
}

/// A number that is written as a program would write it: `7`, and neither `07` nor `7a`.
fn number(text: &str) -> Option<i64> {
    let is_plain = text.len() <= NUMBER_DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
    let is_plain = is_plain && (text == "0" || !text.starts_with('0'));
    is_plain.then(|| text.parse().ok()).flatten()
}

/// A power of two: whole coordinates of seats that are far enough from each other stay as they are.
fn unit_of(seats: &[PlacedSeat]) -> f64 {
    let mut steps: Vec<f64> = seats
        .windows(2)
        .filter(|pair| (pair[0].section_id, &pair[0].row) == (pair[1].section_id, &pair[1].row))
        .map(|pair| {
            let away =
                |of: fn(&PlacedSeat) -> f32| coordinate(of(&pair[1])) - coordinate(of(&pair[0]));
            away(|seat| seat.x).hypot(away(|seat| seat.y))
        })
        .filter(|step| *step > 0.0)
        .collect();
    let middle = steps.len() / 2;
    let pitch = match steps.is_empty() {
        true => 1.0,
        false => *steps.select_nth_unstable_by(middle, f64::total_cmp).1,
    };
    let farthest = seats
        .iter()
        .flat_map(|seat| [coordinate(seat.x).abs(), coordinate(seat.y).abs()])
        .fold(0.0, f64::max);
    let fine = (pitch / PITCH_PARTS).log2().floor();
    let coarse = (farthest / UNITS_MAX).log2().ceil();
    fine.max(coarse).exp2()
}

/// The database stores what is no number as well.
fn coordinate(value: f32) -> f64 {
    match value.is_finite() {
        true => f64::from(value),
        false => 0.0,
    }
}

/// Second differences of a coordinate along each row. A place without a seat goes on as the seats before it.
fn differences(
    places: &[Option<&PlacedSeat>],
    rows: &[usize],
    unit: f64,
    of: fn(&PlacedSeat) -> f32,
) -> Vec<i64> {
    let mut differences = Vec::with_capacity(places.len());
    let (mut rest, mut row_before) = (places, 0);
    for count in rows {
        let (row, after) = rest.split_at(*count);
        rest = after;
        let (mut at, mut step) = (row_before, 0);
        for (place, seat) in row.iter().enumerate() {
            let expected = at + step;
            let value = seat.map_or(expected, |seat| {
                (coordinate(of(seat)) / unit).round() as i64
            });
            differences.push(value - expected);
            // From the row before to this one is no step along the row.
            step = if place == 0 { 0 } else { value - at };
            at = value;
            if place == 0 {
                row_before = value;
            }
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::store::seats::SeatKind;
    use crate::ticketing::{SeatId, TicketTypeId};

    fn seat(position: i32, row: &str, number: &str, at: (f32, f32)) -> PlacedSeat {
        PlacedSeat {
            id: SeatId(100 + i64::from(position)),
            section_id: 5,
            row: row.to_owned(),
            number: number.to_owned(),
            ticket_type_id: TicketTypeId(3),
            x: at.0,
            y: at.1,
            position,
            kind: SeatKind::default(),
        }
    }

    fn encoded(seats: Vec<PlacedSeat>) -> Value {
        let geometry = Geometry {
            layout: 1,
            sections: vec![(5, "Stalls".to_owned())],
            stage: None,
            seats,
        };
        serde_json::to_value(SeatRuns::of(&geometry, Vec::new(), |_| 0)).unwrap()
    }

    fn expanded(runs: &Value) -> Vec<Value> {
        let mut values = Vec::new();
        let mut runs = runs.as_array().unwrap().iter();
        while let Some(first) = runs.next() {
            let Some(first) = first.as_i64() else {
                values.push(first.clone());
                continue;
            };
            let step = runs.next().unwrap().as_i64().unwrap();
            let count = runs.next().unwrap().as_i64().unwrap();
            values.extend((0..count).map(|nth| Value::from(first + nth * step)));
        }
        values
    }

    /// In either of the two ways.
    fn ids(map: &Value) -> Vec<Value> {
        let Some(steps) = map["id_steps"].as_array() else {
            return expanded(&map["id"]);
        };
        let mut id = 0;
        let seats = steps.iter().map(|step| match step.as_i64().unwrap() {
            0 => 0.into(),
            step => {
                id += step;
                id.into()
            }
        });
        seats.collect()
    }

    fn coordinates(map: &Value, column: &str) -> Vec<f64> {
        let unit = map["unit"].as_f64().unwrap();
        let mut differences = map[column].as_array().unwrap().iter();
        let mut values = Vec::new();
        let mut row_before = 0;
        for places in map["rows"]["places"].as_array().unwrap() {
            let (mut at, mut step) = (row_before, 0);
            for place in 0..places.as_u64().unwrap() {
                let value = at + step + differences.next().unwrap().as_i64().unwrap();
                step = if place == 0 { 0 } else { value - at };
                at = value;
                if place == 0 {
                    row_before = value;
                }
                values.push(value as f64 * unit);
            }
        }
        values
    }

    /// The tests of `web/` read the same file.
    #[test]
    fn maps_are_written_as_the_golden_ones() {
        let golden = include_str!("../../tests/wire/seatmap.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        for name in ["regular", "irregular"] {
            is_written_as(&golden[name]);
        }
    }

    fn is_written_as(golden: &Value) {
        let columns = &golden["columns"]["seats"];
        let sections = golden["columns"]["sections"].as_array().unwrap();
        let section =
            |place: usize| &sections[columns["section"][place].as_u64().unwrap() as usize];
        let is_among = |name: &str, place: usize| {
            let places = golden["columns"][name].as_array().unwrap();
            places.contains(&Value::from(place))
        };
        let kind_of = |place: usize| match () {
            () if is_among("wheelchair", place) => SeatKind::Wheelchair,
            () if is_among("companion", place) => SeatKind::Companion,
            () => SeatKind::Standard,
        };
        let mut seats = Vec::new();
        for (place, id) in columns["id"].as_array().unwrap().iter().enumerate() {
            let Some(id) = id.as_i64() else { continue };
            let text = |column: &str| columns[column][place].as_str().unwrap().to_owned();
            let real = |column: &str| columns[column][place].as_f64().unwrap() as f32;
            seats.push(PlacedSeat {
                id: SeatId(id),
                section_id: section(place)["id"].as_i64().unwrap(),
                row: text("row"),
                number: text("number"),
                ticket_type_id: TicketTypeId(columns["ticket_type_id"][place].as_i64().unwrap()),
                x: real("x"),
                y: real("y"),
                position: place as i32,
                kind: kind_of(place),
            });
        }
        let geometry = Geometry {
            layout: 4,
            sections: Vec::new(),
            stage: serde_json::from_value(golden["columns"]["stage"].clone()).unwrap(),
            seats,
        };
        let shown = |section: &Value| SeatmapSection {
            id: section["id"].as_i64().unwrap(),
            name: section["name"].as_str().unwrap().to_owned(),
        };
        let place_of = |id: i64| {
            sections
                .iter()
                .position(|section| section["id"] == id)
                .unwrap()
        };
        let runs = SeatRuns::of(&geometry, sections.iter().map(shown).collect(), place_of);
        assert_eq!(serde_json::to_value(runs).unwrap(), golden["runs"]);
    }

    #[test]
    fn a_straight_row_is_a_few_numbers() {
        let row = (0..30).map(|n| seat(n, "A", &(n + 1).to_string(), (10.0 * n as f32, 20.0)));
        let map = encoded(row.collect());
        assert_eq!(map["id"], serde_json::json!([100, 1, 30]));
        assert_eq!(map["number"], serde_json::json!([1, 1, 30]));
        assert_eq!(map["ticket_type_id"], serde_json::json!([3, 0, 30]));
        assert_eq!(map["unit"], 0.5);
        assert_eq!(
            map["x"].as_array().unwrap()[..3],
            [0.into(), 20.into(), 0.into()] as [Value; 3]
        );
    }

    #[test]
    fn places_without_a_seat_and_numbers_that_are_none_are_kept() {
        let map = encoded(vec![
            seat(2, "A", "07", (0.0, 0.0)),
            seat(3, "A", "8", (10.0, 0.0)),
            seat(5, "A", "9", (30.0, 0.0)),
            seat(6, "B", "9a", (0.0, 12.0)),
        ]);
        assert_eq!(ids(&map), [0, 0, 102, 103, 0, 105, 106].map(Value::from));
        let numbers = ["", "", "07", "8", "", "9", "9a"];
        let read = expanded(&map["number"]);
        let read: Vec<String> = read
            .iter()
            .map(|n| n.to_string().replace('"', ""))
            .collect();
        assert_eq!(read, numbers);
        assert_eq!(map["rows"]["label"], serde_json::json!(["", "A", "B"]));
        assert_eq!(map["rows"]["places"], serde_json::json!([2, 4, 1]));
        assert_eq!(coordinates(&map, "x")[2..], [0.0, 10.0, 20.0, 30.0, 0.0]);
        assert_eq!(coordinates(&map, "y")[6], 12.0);
    }

    proptest! {
        #[test]
        fn every_seat_is_where_it_was(
            rows in prop::collection::vec((0..4_u8, prop::collection::vec(
                (any::<bool>(), -1e6_f32..1e6, prop::num::f32::ANY, "[0-9]{1,3}|[a-z]{0,2}"), 0..20)), 0..6)
        ) {
            let mut seats = Vec::new();
            let mut position = 0;
            for (row, cells) in rows {
                for (is_there, x, y, number) in cells {
                    if is_there {
                        seats.push(seat(position, &row.to_string(), &number, (x, y)));
                    }
                    position += 1;
                }
            }
            let map = encoded(seats.clone());
            let unit = map["unit"].as_f64().unwrap();
            let (ids, numbers) = (ids(&map), expanded(&map["number"]));
            let (x, y) = (coordinates(&map, "x"), coordinates(&map, "y"));
            for seat in &seats {
                let place = seat.position as usize;
                prop_assert_eq!(&ids[place], &Value::from(seat.id.0));
                let number = numbers[place].to_string().replace('"', "");
                prop_assert_eq!(&number, &seat.number);
                prop_assert!((x[place] - coordinate(seat.x)).abs() <= unit / 2.0);
                prop_assert!((y[place] - coordinate(seat.y)).abs() <= unit / 2.0);
            }
            let there = ids.iter().filter(|id| **id != 0).count();
            prop_assert_eq!(there, seats.len());
        }
    }
}
