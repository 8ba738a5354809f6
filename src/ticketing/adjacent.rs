//! Chooses seats side by side.
//!
//! Side by side means consecutive in the layout order of one row, without an aisle between. Of all such blocks, the one
//! that leaves the fewest single free seats (which are the hardest to sell) is taken; then the one nearest to the front;
//! then the one nearest to the middle of its row.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{SeatId, TicketTypeId};

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
    stretches: Vec<Vec<RowSeat>>,
    seats: usize,
    /// Seats that are free, so that a row without enough of them is passed over.
    free: usize,
}

/// A seat in its row. A hall has a hundred thousand of them, and each is looked at for each block: all that is asked is here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowSeat {
    pub id: SeatId,
    pub ticket_type_id: TicketTypeId,
    /// Neither held, sold nor blocked.
    pub free: bool,
}

/// A seat's place as the layout draws it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub seat: RowSeat,
    pub x: f32,
    pub y: f32,
}

/// Where a seat stands in its row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowPlace {
    stretch: usize,
    at: usize,
}

impl SeatRow {
    /// `rank` counts the rows of a section from the front; `places` are in layout order.
    pub fn new(rank: usize, places: &[Place]) -> SeatRow {
        let usual = usual_step(places);
        let mut stretches: Vec<Vec<RowSeat>> = Vec::new();
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
            free: places.iter().filter(|place| place.seat.free).count(),
        }
    }

    /// The seats in layout order, each with its place.
    pub fn places(&self) -> impl Iterator<Item = (SeatId, RowPlace)> {
        let stretches = self.stretches.iter().enumerate();
        stretches.flat_map(|(stretch, seats)| {
            let seats = seats.iter().enumerate();
            seats.map(move |(at, seat)| (seat.id, RowPlace { stretch, at }))
        })
    }

    /// The seat at this place is taken, or free again.
    pub fn set_free(&mut self, place: RowPlace, free: bool) {
        let stretch = self.stretches.get_mut(place.stretch);
        let Some(seat) = stretch.and_then(|seats| seats.get_mut(place.at)) else {
            return;
        };
        if seat.free != free {
            seat.free = free;
            self.free = match free {
                true => self.free + 1,
                false => self.free - 1,
            };
        }
    }
}

/// The best `count` free seats side by side, of those that are `meant`; `None` if no row has them.
pub fn best(
    rows: &[SeatRow],
    count: usize,
    meant: impl Fn(&RowSeat) -> bool,
) -> Option<Vec<SeatId>> {
    let mut best: Option<((usize, usize), &[RowSeat])> = None;
    for row in rows {
        // The least that a block of this row costs: where nothing of it can be better, its seats are not looked at.
        let of_rank = row.rank * ROW_WORTH_SEATS * 2;
        if row.free < count || best.is_some_and(|(least, _)| least <= (0, of_rank)) {
            continue;
        }
        let mut before = 0;
        for stretch in &row.stretches {
            for run in free_runs(stretch, &meant) {
                for start in blocks(run.clone(), count) {
                    let singles = singles_left(&run, start, count);
                    let middle = 2 * (before + start) + count;
                    let cost = of_rank + middle.abs_diff(row.seats);
                    if best.is_none_or(|(least, _)| (singles, cost) < least) {
                        best = Some(((singles, cost), &stretch[start..start + count]));
                    }
                }
            }
            before += stretch.len();
        }
    }
    best.map(|(_, seats)| ids(seats).collect())
}

fn ids(seats: &[RowSeat]) -> impl Iterator<Item = SeatId> {
    seats.iter().map(|seat| seat.id)
}

/// `count` free seats in few blocks, the longest first, for people who cannot all sit side by side; `None` if there
/// are not that many.
pub fn apart(
    rows: &[SeatRow],
    count: usize,
    meant: impl Fn(&RowSeat) -> bool,
) -> Option<Vec<SeatId>> {
    let mut runs: Vec<(usize, &[RowSeat])> = Vec::new();
    for row in rows.iter().filter(|row| row.free > 0) {
        for stretch in &row.stretches {
            let free = free_runs(stretch, &meant).into_iter();
            runs.extend(free.map(|run| (row.rank, &stretch[run])));
        }
    }
    runs.sort_by_key(|(rank, run)| (Reverse(run.len()), *rank));
    let mut seats: Vec<SeatId> = Vec::new();
    for (_, run) in runs {
        let left = count - seats.len();
        if run.len() < left {
            seats.extend(ids(run));
            continue;
        }
        let taken: BTreeSet<SeatId> = seats.iter().copied().collect();
        seats.extend(best(rows, left, |seat| {
            meant(seat) && !taken.contains(&seat.id)
        })?);
        return Some(seats);
    }
    None
}

type Run = std::ops::Range<usize>;

/// The longest runs of free seats of a stretch.
fn free_runs(stretch: &[RowSeat], meant: impl Fn(&RowSeat) -> bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (index, seat) in stretch.iter().enumerate() {
        if !seat.free || !meant(seat) {
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
    use proptest::prelude::*;

    use super::*;

    /// A row of seats numbered from `first`, one unit apart.
    fn row(rank: usize, first: SeatId, seats: i64) -> SeatRow {
        let places: Vec<Place> = (0..seats)
            .map(|n| place(SeatId(first.0 + n), n as f32))
            .collect();
        SeatRow::new(rank, &places)
    }

    fn place(id: SeatId, x: f32) -> Place {
        let seat = RowSeat {
            id,
            ticket_type_id: TicketTypeId(1),
            free: true,
        };
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
            best(&rows, 2, |seat| seat.id != SeatId(1)),
            Some([3, 4].map(SeatId).to_vec())
        );
        assert_eq!(best(&rows, 2, |seat| seat.id.0 % 2 == 0), None);
    }

    #[test]
    fn seats_apart_who_cannot_sit_together() {
        let rows = [row(1, SeatId(11), 3), row(0, SeatId(1), 5)];
        let free = |seat: &RowSeat| seat.id != SeatId(2);
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

    #[test]
    fn a_large_hall_is_not_gone_through_for_each_block() {
        const ROWS: usize = 500;
        const SEATS: i64 = 100;
        let rows = 0..ROWS;
        let rows = rows.map(|number| row(number % 50, SeatId(number as i64 * SEATS), SEATS));
        let mut rows: Vec<SeatRow> = rows.collect();
        let looked_at = |rows: &[SeatRow]| {
            let looks = std::cell::Cell::new(0);
            let found = best(rows, 2, |_| {
                looks.set(looks.get() + 1);
                true
            });
            assert!(found.is_some());
            looks.get()
        };
        // One row of each section, and those that are as near to the front as its middle is to its end.
        assert!(looked_at(&rows) <= 20 * SEATS);
        for row in &mut rows[..ROWS - 5] {
            let places: Vec<(SeatId, RowPlace)> = row.places().collect();
            for (_, place) in &places[1..] {
                row.set_free(*place, false);
            }
        }
        assert!(looked_at(&rows) <= 5 * SEATS);
    }

    /// The same by looking at every block of every row.
    fn best_by_trying(rows: &[SeatRow], count: usize) -> Option<Vec<SeatId>> {
        let mut all = Vec::new();
        for row in rows {
            let mut before = 0;
            for stretch in &row.stretches {
                for start in 0..(stretch.len() + 1).saturating_sub(count) {
                    let block = start..start + count;
                    if !stretch[block.clone()].iter().all(|seat| seat.free) {
                        continue;
                    }
                    let free = |at: usize| stretch.get(at).is_some_and(|seat| seat.free);
                    let single_before = start.checked_sub(1).is_some_and(free)
                        && !start.checked_sub(2).is_some_and(free);
                    let single_after = free(block.end) && !free(block.end + 1);
                    let singles = usize::from(single_before) + usize::from(single_after);
                    let from_middle = (2 * (before + start) + count).abs_diff(row.seats);
                    let seats: Vec<SeatId> = ids(&stretch[block]).collect();
                    all.push(((singles, row.rank * 4 + from_middle), seats));
                }
                before += stretch.len();
            }
        }
        // The first of those that are as good.
        let best = all.into_iter().min_by_key(|(cost, _)| *cost);
        best.map(|(_, seats)| seats).filter(|_| count > 0)
    }

    proptest! {
        #[test]
        fn what_is_passed_over_would_not_have_been_taken(
            halls in prop::collection::vec((0usize..6, prop::collection::vec((any::<bool>(), 0u8..9), 0..12)), 0..9),
            count in 0usize..5,
            toggled in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut next = 0;
            let mut rows: Vec<SeatRow> = Vec::new();
            for (rank, seats) in halls {
                let mut x = 0.0;
                let places: Vec<Place> = seats.into_iter().map(|(free, gap)| {
                    next += 1;
                    // Now and then an aisle.
                    x += if gap == 0 { 3.0 } else { 1.0 };
                    let place = place(SeatId(next), x);
                    Place { seat: RowSeat { free, ..place.seat }, ..place }
                }).collect();
                rows.push(SeatRow::new(rank, &places));
            }
            for index in toggled {
                let Some(at) = (!rows.is_empty()).then(|| index.index(rows.len())) else { break };
                let places: Vec<(SeatId, RowPlace)> = rows[at].places().collect();
                if let Some((_, place)) = places.get(index.index(places.len().max(1))) {
                    let is_free = rows[at].stretches[place.stretch][place.at].free;
                    rows[at].set_free(*place, !is_free);
                }
            }
            for row in &rows {
                let free = row.stretches.iter().flatten().filter(|seat| seat.free).count();
                prop_assert_eq!(row.free, free);
            }
            prop_assert_eq!(best(&rows, count, |_| true), best_by_trying(&rows, count));
        }
    }
}
