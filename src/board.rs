//! The latest published state of every watched event, from which REST answers reads without a query.
//!
//! The feed writes it and `api` reads it, so neither has to name the other. It answers nothing older than the
//! revision that a write of this node has already told its caller: `None` means: ask the database. While the
//! database is out of reach it says since when nobody knows. It holds watched events only, so `watched_events_max`
//! bounds it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use jiff::Timestamp;

use crate::ticketing::live::EventState;
use crate::ticketing::{EventId, Revision};

/// A handle; clones share one board.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<BoardShared>);

#[derive(Debug, Default)]
struct BoardShared {
    /// The feed adds and removes slots; REST writes raise their `at_least`. A sharded map, since requests read it
    /// from every thread.
    slots: DashMap<EventId, BoardSlot>,
    /// Copy of `freshness.database_up`, for readers who want nothing else.
    current: AtomicBool,
    /// Written by the feed about once a second, read by the health routes.
    freshness: Mutex<Freshness>,
}

#[derive(Debug, Default)]
struct BoardSlot {
    /// `None` while the event is being loaded.
    state: Option<Arc<EventState>>,
    /// The newest revision that a write of this node answered with.
    at_least: Revision,
}

/// The last known state of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub state: Arc<EventState>,
    /// The database is out of reach: when it was last known to be so. `None`: it is so.
    pub stale_since: Option<Timestamp>,
}

/// How recently this node has heard from the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When the log was last read up to its end; `None` before the first time.
    pub checked_at: Option<Timestamp>,
    /// Whether the last attempt to read it succeeded.
    pub database_up: bool,
    /// Whether the doorbell is connected. Without it changes are seen at the next poll.
    pub listening: bool,
}

impl Board {
    /// The event's state, when it is watched.
    pub fn get(&self, event: EventId) -> Option<Known> {
        let stale_since = match self.0.current.load(Ordering::Acquire) {
            true => None,
            false => Some(self.freshness().checked_at?),
        };
        let slot = self.0.slots.get(&event)?;
        let state = slot.state.as_ref()?;
        (state.revision >= slot.at_least).then(|| Known {
            state: state.clone(),
            stale_since,
        })
    }

    /// Every write of this node calls it between its commit and its answer: from then on [`Board::get`] returns
    /// nothing older than `revision`.
    pub fn committed(&self, event: EventId, revision: Revision) {
        if let Some(mut slot) = self.0.slots.get_mut(&event) {
            slot.at_least = slot.at_least.max(revision);
        }
    }

    pub fn freshness(&self) -> Freshness {
        *self.lock()
    }

    /// The event is about to be loaded. Writes from now on raise its `at_least`; earlier ones are in the loaded state.
    pub(crate) fn expect(&self, event: EventId) {
        self.0.slots.entry(event).or_default();
    }

    pub(crate) fn show(&self, event: EventId, state: Arc<EventState>) {
        self.0.slots.entry(event).or_default().state = Some(state);
    }

    pub(crate) fn remove(&self, event: EventId) {
        self.0.slots.remove(&event);
    }

    pub(crate) fn checked(&self, at: Timestamp, database_up: bool) {
        let mut freshness = self.lock();
        freshness.database_up = database_up;
        if database_up {
            freshness.checked_at = Some(at);
        }
        self.0.current.store(database_up, Ordering::Release);
    }

    pub(crate) fn listening(&self, listening: bool) {
        self.lock().listening = listening;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Freshness> {
        self.0
            .freshness
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::ticketing::live::samples::state;

    fn board() -> Board {
        let board = Board::default();
        board.checked(Timestamp::UNIX_EPOCH, true);
        board.expect(EventId(1));
        board
    }

    #[test]
    fn nothing_is_older_than_what_a_write_was_answered_with() {
        let board = board();
        board.committed(EventId(1), 6);
        board.show(EventId(1), Arc::new(state(5)));
        assert_eq!(
            board.get(EventId(1)),
            None,
            "committed while it was being loaded"
        );
        board.show(EventId(1), Arc::new(state(6)));
        assert_eq!(board.get(EventId(1)).unwrap().state.revision, 6);
        board.committed(EventId(1), 4);
        assert_eq!(board.get(EventId(1)).unwrap().state.revision, 6);
    }

    #[test]
    fn only_watched_events_are_known() {
        let board = board();
        board.committed(EventId(2), 1);
        assert_eq!(board.get(EventId(2)), None);
        board.show(EventId(1), Arc::new(state(5)));
        board.remove(EventId(1));
        assert_eq!(board.get(EventId(1)), None);
        assert!(board.0.slots.is_empty());
    }

    #[test]
    fn without_its_database_the_board_says_since_when() {
        let board = board();
        board.show(EventId(1), Arc::new(state(5)));
        assert_eq!(board.get(EventId(1)).unwrap().stale_since, None);
        board.checked(Timestamp::MAX, false);
        let known = board.get(EventId(1)).unwrap();
        assert_eq!(known.stale_since, Some(Timestamp::UNIX_EPOCH));
        board.committed(EventId(1), 6);
        assert_eq!(board.get(EventId(1)), None, "a writer saw something newer");
        let freshness = board.freshness();
        assert_eq!(freshness.checked_at, Some(Timestamp::UNIX_EPOCH));
        assert!(!freshness.database_up);
    }
}
