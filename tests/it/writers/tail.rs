//! A reader that follows the log of every event while it grows.

use std::collections::BTreeMap;

use seatcast::store::Store;
use seatcast::ticketing::live::{Delta, EventState};
use seatcast::ticketing::{EventId, Revision};
use tokio_util::sync::CancellationToken;

/// More events than the test makes.
const EVENTS: i64 = 400;

pub(super) struct Followed {
    /// `None`: deleted.
    pub(super) states: BTreeMap<EventId, Option<EventState>>,
    pub(super) changes: usize,
}

/// Reads until `done`, and then until nothing is new. Panics when a revision is missing: what
/// is seen once at revision n has to have everything before.
pub(super) async fn follow(store: Store, done: CancellationToken) -> Followed {
    let mut heads: BTreeMap<EventId, (Revision, String)> = (1..=EVENTS)
        .map(|id| (EventId(id), (0, String::new())))
        .collect();
    let mut followed = Followed {
        states: BTreeMap::new(),
        changes: 0,
    };
    loop {
        let was_done = done.is_cancelled();
        let asked: Vec<_> = heads.iter().map(|(&id, head)| (id, head.0)).collect();
        let new = store.changes_after(&asked, 300).await.unwrap();
        if new.is_empty() && was_done {
            return followed;
        }
        followed.changes += new.len();
        for (event, delta) in new {
            let (revision, at) = heads.get_mut(&event).unwrap();
            assert_eq!(delta.from, *revision, "event {event} has a gap");
            assert!(
                *at <= delta.at,
                "event {event} at {} goes back in time",
                delta.to
            );
            *revision = delta.to;
            at.clone_from(&delta.at);
            step(followed.states.entry(event).or_default(), &delta);
        }
    }
}

fn step(state: &mut Option<EventState>, delta: &Delta) {
    match state {
        _ if delta.deleted => *state = None,
        Some(state) => state.apply(delta).unwrap(),
        None => *state = EventState::from_whole(delta),
    }
}
