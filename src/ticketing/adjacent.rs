//! Chooses seats side by side.
//!
//! Side by side means consecutive in the layout order of one row, without an aisle between. Of all such blocks, the one
//! that leaves the fewest single free seats (which are the hardest to sell) is taken; then the one nearest to the front;
//! then the one nearest to the middle of its row.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::SeatId;

/// Where the step to the next seat is longer than the row's usual step by this factor, there is an aisle.
const AISLE_FACTOR: f32 = 1.75;
/// One row further back is as good as this many seats further from the middle.
const ROW_WORTH_SEATS: usize = 2;

/// One row of a section, all its seats in layout order.
#[derive(Debug, Clone, PartialEq)]
pub struct SeatRow {
    /// 0 for the row of its section that is nearest to the front.
    rank: usize,
    /// Seats between two aisles, in order.
    stretches: Vec<Vec<SeatId>>,
    seats: usize,
}

/// A seat's place as the layout draws it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub seat: SeatId,
    pub x: f32,
    pub y: f32,
}

impl SeatRow {
    /// `rank` counts the rows of a section from the front; `places` are in layout order.
    pub fn new(rank: usize, places: &[Place]) -> SeatRow {
        let usual = usual_step(places);
        let mut stretches: Vec<Vec<SeatId>> = Vec::new();
        for (index, place) in places.iter().enumerate() {
            let aisle = index == 0 || step(places[index - 1], *place) > usual * AISLE_FACTOR;
            match stretches.last_mut() {
                Some(stretch) if !aisle => stretch.push(place.seat),
                _ => stretches.push(vec![place.seat]),
            }
        }
        SeatRow {
            rank,
            stretches,
            seats: places.len(),
        }
    }
}

/// The best `count` free seats side by side; `None` if no row has them.
pub fn best(rows: &[SeatRow], count: usize, free: impl Fn(SeatId) -> bool) -> Option<Vec<SeatId>> {
    let mut best: Option<((usize, usize), &[SeatId])> = None;
    for row in rows {
        let mut before = 0;
        for stretch in &row.stretches {
            for run in free_runs(stretch, &free) {
                for start in blocks(run.clone(), count) {
                    let singles = singles_left(&run, start, count);
                    let middle = 2 * (before + start) + count;
                    let cost = row.rank * ROW_WORTH_SEATS * 2 + middle.abs_diff(row.seats);
                    if best.is_none_or(|(least, _)| (singles, cost) < least) {
                        best = Some(((singles, cost), &stretch[start..start + count]));
                    }
                }
            }
            before += stretch.len();
        }
    }
    best.map(|(_, seats)| seats.to_vec())
}

/// `count` free seats in few blocks, the longest first, for people who cannot all sit side by side; `None` if there
/// are not that many.
pub fn apart(rows: &[SeatRow], count: usize, free: impl Fn(SeatId) -> bool) -> Option<Vec<SeatId>> {
    let mut runs: Vec<(usize, &[SeatId])> = Vec::new();
    for row in rows {
        for stretch in &row.stretches {
            let free = free_runs(stretch, &free).into_iter();
            runs.extend(free.map(|run| (row.rank, &stretch[run])));
        }
    }
    runs.sort_by_key(|(rank, run)| (Reverse(run.len()), *rank));
    let mut seats: Vec<SeatId> = Vec::new();
    for (_, run) in runs {
        let left = count - seats.len();
        if run.len() < left {
            seats.extend(run);
            continue;
        }
        let taken: BTreeSet<SeatId> = seats.iter().copied().collect();
        seats.extend(best(rows, left, |seat| {
            free(seat) && !taken.contains(&seat)
        })?);
        return Some(seats);
    }
    None
}

type Run = std::ops::Range<usize>;

/// The longest runs of free seats of a stretch.
fn free_runs(stretch: &[SeatId], free: impl Fn(SeatId) -> bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (index, seat) in stretch.iter().enumerate() {
        if !free(*seat) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

/// The positions in a run at which a block of `count` seats can begin.
fn blocks(run: Run, count: usize) -> Run {
    match run.len() >= count && count > 0 {
        true => run.start..run.end - count + 1,
        false => 0..0,
    }
}

/// The number of single free seats that a block leaves at its two ends.
fn singles_left(run: &Run, start: usize, count: usize) -> usize {
    let before = start - run.start;
    let after = run.end - (start + count);
    usize::from(before == 1) + usize::from(after == 1)
}

fn step(from: Place, to: Place) -> f32 {
    (to.x - from.x).hypot(to.y - from.y)
}

/// The median step between neighbours.
fn usual_step(places: &[Place]) -> f32 {
    let mut steps: Vec<f32> = places.windows(2).map(|two| step(two[0], two[1])).collect();
    steps.sort_by(f32::total_cmp);
    steps.get(steps.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of seats numbered from `first`, one unit apart.
    fn row(rank: usize, first: SeatId, seats: i64) -> SeatRow {
        let places: Vec<Place> = (0..seats)
            .map(|n| place(SeatId(first.0 + n), n as f32))
            .collect();
        SeatRow::new(rank, &places)
    }

    fn place(seat: SeatId, x: f32) -> Place {
        Place { seat, x, y: 0.0 }
    }

    #[test]
    fn takes_the_front_and_the_middle() {
        let rows = [row(1, SeatId(100), 10), row(0, SeatId(1), 10)];
        assert_eq!(
            best(&rows, 4, |_| true),
            Some([4, 5, 6, 7].map(SeatId).to_vec())
        );
    }

    #[test]
    fn leaves_no_single_seat_if_it_can() {
        let rows = [row(0, SeatId(1), 5)];
        assert_eq!(
            best(&rows, 3, |_| true),
            Some([1, 2, 3].map(SeatId).to_vec())
        );
        assert_eq!(
            best(&rows, 4, |_| true),
            Some([1, 2, 3, 4].map(SeatId).to_vec())
        );
    }

    #[test]
    fn does_not_seat_people_across_an_aisle_or_a_taken_seat() {
        let places = [
            place(SeatId(1), 0.0),
            place(SeatId(2), 1.0),
            place(SeatId(3), 3.0),
            place(SeatId(4), 4.0),
        ];
        let rows = [SeatRow::new(0, &places)];
        assert_eq!(best(&rows, 3, |_| true), None);
        assert_eq!(
            best(&rows, 2, |seat| seat != SeatId(1)),
            Some([3, 4].map(SeatId).to_vec())
        );
        assert_eq!(best(&rows, 2, |seat| seat.0 % 2 == 0), None);
    }

    #[test]
    fn seats_apart_who_cannot_sit_together() {
        let rows = [row(1, SeatId(11), 3), row(0, SeatId(1), 5)];
        let free = |seat: SeatId| seat != SeatId(2);
        assert_eq!(best(&rows, 5, free), None);
        assert_eq!(
            apart(&rows, 5, free),
            Some([3, 4, 5, 11, 12].map(SeatId).to_vec())
        );
        assert_eq!(
            apart(&rows, 7, free),
            Some([3, 4, 5, 11, 12, 13, 1].map(SeatId).to_vec())
        );
        assert_eq!(apart(&rows, 8, free), None);
    }

    #[test]
    fn a_layout_without_places_has_no_aisles() {
        let places: Vec<Place> = (1..=4).map(|seat| place(SeatId(seat), 0.0)).collect();
        assert_eq!(
            best(&[SeatRow::new(0, &places)], 4, |_| true),
            Some([1, 2, 3, 4].map(SeatId).to_vec())
        );
    }

    #[test]
    fn asks_for_nothing_gets_nothing() {
        assert_eq!(best(&[row(0, SeatId(1), 3)], 0, |_| true), None);
        assert_eq!(best(&[], 1, |_| true), None);
    }
}
