//! Consecutive deltas lead to the same state, however they are grouped, repeated or delayed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::samples::{event, notice, state, ticket_type};
use super::*;

fn row_change<T: Clone + std::fmt::Debug + 'static>(row: T) -> impl Strategy<Value = RowChange<T>> {
    prop_oneof![
        Just(RowChange::insert(row.clone())),
        Just(RowChange::update(row)),
        Just(RowChange::delete()),
    ]
}

fn seat_status() -> impl Strategy<Value = SeatStatus> {
    (0i64..4).prop_map(|bits| SeatStatus::try_from(bits).unwrap())
}

/// One row of the log, its revisions still to be set.
fn change() -> impl Strategy<Value = Delta> {
    (
        option::weighted(
            0.2,
            (0i64..500).prop_map(|capacity| event("Renamed", capacity, 1)),
        ),
        btree_map(
            (1i64..4).prop_map(TicketTypeId),
            (0i64..9)
                .prop_flat_map(|sold| row_change(ticket_type(TicketTypeId(1), 1, sold, 99 - sold))),
            0..3,
        ),
        btree_map(
            (1i64..4).prop_map(NoticeId),
            row_change(notice(NoticeId(1))),
            0..2,
        ),
        btree_map(0u32..12, seat_status(), 0..4),
        option::weighted(0.2, (2u32..9, 0u32..12, 0u32..12)),
    )
        .prop_map(|(event, ticket_types, notices, seats, relaid)| Delta {
            at: "2026-11-21T11:00:00Z".to_owned(),
            event,
            ticket_types,
            notices,
            seats,
            layout: relaid.map(|(layout, _, _)| layout),
            seat_count: relaid.map_or(0, |(_, seat_count, _)| seat_count),
            kept: relaid.map_or(0, |(_, seat_count, kept)| kept.min(seat_count)),
            ..Delta::default()
        })
}

/// Neighbours in the log after revision `after`. As in the database, an event's row names the
/// newest layout.
fn log(after: Revision) -> impl Strategy<Value = Vec<Delta>> {
    vec(change(), 1..12).prop_map(move |mut deltas| {
        let (mut newest_layout, mut seats) = (1, state(after).seats.len());
        for (delta, from) in deltas.iter_mut().zip(after..) {
            (delta.from, delta.to) = (from, from + 1);
            newest_layout = delta.layout.unwrap_or(newest_layout);
            if delta.layout.is_some() {
                delta.kept = delta.kept.min(seats);
                seats = delta.seat_count;
            }
            if let Some(event) = &mut delta.event {
                event.layout = newest_layout;
            }
        }
        deltas
    })
}

fn replay(mut state: EventState, deltas: &[Delta]) -> EventState {
    for delta in deltas {
        state.apply(delta).unwrap();
    }
    state
}

proptest! {
    #[test]
    fn a_merged_delta_does_what_its_parts_do(deltas in log(7), cut in 0usize..12) {
        let (early, late) = deltas.split_at(cut.min(deltas.len()));
        let groups: Vec<Delta> = [early, late].into_iter().filter_map(Delta::merged).collect();
        let by_parts = replay(state(7), &deltas);
        prop_assert_eq!(&replay(state(7), &groups), &by_parts);
        prop_assert_eq!(&replay(state(7), &[Delta::merged(&deltas).unwrap()]), &by_parts);
    }

    #[test]
    fn a_delta_that_comes_again_or_late_changes_nothing(deltas in log(7), again in 0usize..12) {
        let mut now = replay(state(7), &deltas);
        let before = now.clone();
        now.apply(&deltas[again % deltas.len()]).unwrap();
        now.apply(&Delta::merged(&deltas).unwrap()).unwrap();
        prop_assert_eq!(now, before);
    }

    /// A viewer in the middle is brought up to date by what overlaps with what it has.
    #[test]
    fn a_merged_delta_may_start_before_what_the_reader_has(deltas in log(7), seen in 0usize..12) {
        let seen = seen.min(deltas.len());
        let halfway = replay(state(7), &deltas[..seen]);
        prop_assert_eq!(replay(halfway, &[Delta::merged(&deltas).unwrap()]), replay(state(7), &deltas));
    }

    #[test]
    fn a_whole_state_replaces_whatever_the_reader_has(one in log(7), other in log(7)) {
        let (mut stale, fresh) = (replay(state(7), &one), replay(state(7), &other));
        stale.revision = 3;
        stale.apply(&fresh.whole()).unwrap();
        prop_assert_eq!(&stale, &fresh);
        prop_assert_eq!(EventState::from_whole(&fresh.whole()), Some(fresh));
    }

    #[test]
    fn a_seat_map_keeps_every_seat(statuses in vec(seat_status(), 0..40)) {
        let mut map = SeatMap::new(statuses.len() as u32);
        for (position, &status) in (0..).zip(&statuses) {
            map.set(position, status);
        }
        prop_assert_eq!(map.iter().map(|(_, status)| status).collect::<Vec<_>>(), statuses);
        prop_assert_eq!(map.get(map.len()), None);
        let counts = map.counts();
        prop_assert_eq!(counts.available + counts.held + counts.sold + counts.blocked, map.len());
    }
}

#[test]
fn a_gap_is_said_and_nothing_is_applied() {
    let mut have = state(7);
    let late = Delta {
        from: 8,
        to: 9,
        ..Delta::default()
    };
    assert_eq!(have.apply(&late), Err(Gap { have: 7, from: 8 }));
    assert_eq!(have, state(7));
}

#[test]
fn merged_rows_say_what_their_reader_has_to_do() {
    use Op::{Delete, Insert, Update};
    let change = |op| match op {
        Delete => RowChange::delete(),
        Insert => RowChange::insert(notice(NoticeId(1))),
        Update => RowChange::update(notice(NoticeId(1))),
    };
    for (earlier, later, both) in [
        (Insert, Update, Insert),
        (Insert, Delete, Delete),
        (Update, Update, Update),
        (Update, Delete, Delete),
        (Delete, Insert, Insert),
    ] {
        let mut first = Delta {
            to: 1,
            notices: [(NoticeId(1), change(earlier))].into(),
            ..Delta::default()
        };
        first.merge(&Delta {
            from: 1,
            to: 2,
            notices: [(NoticeId(1), change(later))].into(),
            ..Delta::default()
        });
        let merged = &first.notices[&NoticeId(1)];
        let is_both = (earlier, later) == (Insert, Update);
        assert_eq!(
            (merged.op, merged.updated),
            (both, is_both),
            "{earlier:?} then {later:?}"
        );
    }
}

#[test]
fn the_first_seat_is_in_the_lowest_bits() {
    let mut map = SeatMap::new(5);
    map.set(0, SeatStatus::Held);
    map.set(3, SeatStatus::Blocked);
    map.set(4, SeatStatus::Sold);
    assert_eq!(map.bytes(), [0b1100_0001, 0b10]);
}

#[test]
fn what_is_left_of_an_event_is_bound_by_its_own_capacity() {
    let totals = state(1).totals();
    assert_eq!(
        totals,
        Totals {
            capacity: 150,
            held: 5,
            sold: 30,
            available: 115
        }
    );
}
