//! Remembers the events whose history the database lost (a restored backup), and the highest revision that clients may
//! have of it. The database writes the same revision numbers again, with other changes, so such a client must not resume.
//!
//! Kept after the event's slot is gone, since clients may come back at any time; newer losses push out the oldest.

use std::collections::{HashMap, VecDeque};

use crate::config::inside::{LOST_UNSEEN_MAX, REWINDS_MAX};
use crate::ticketing::{EventId, Revision};

#[derive(Debug, Default)]
pub(super) struct Rewinds {
    lost: HashMap<EventId, Revision>,
    oldest: VecDeque<EventId>,
}

impl Rewinds {
    /// The highest revision that may have been lost; 0 if none was.
    pub(super) fn lost(&self, event: EventId) -> Revision {
        self.lost.get(&event).copied().unwrap_or(0)
    }

    /// Notes that the event's history went on in another database at this revision, which the other nodes know as well.
    pub(super) fn moved(&mut self, event: EventId, at: Revision) {
        let lost = at.saturating_add(LOST_UNSEEN_MAX);
        if lost > self.lost(event) {
            self.keep(event, lost);
        }
    }

    /// Notes a loss. The noted revision grows with each by at least one, so a shard that knows of the one before sees that
    /// there was another.
    pub(super) fn note(&mut self, event: EventId, head: Revision) {
        let head = head.saturating_add(LOST_UNSEEN_MAX);
        let known = self.lost.get(&event);
        self.keep(event, known.map_or(head, |lost| head.max(lost + 1)));
    }

    fn keep(&mut self, event: EventId, lost: Revision) {
        if let Some(known) = self.lost.get_mut(&event) {
            *known = lost;
            return;
        }
        if self.oldest.len() >= REWINDS_MAX
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.lost.remove(&oldest);
        }
        self.lost.insert(event, lost);
        self.oldest.push_back(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_is_remembered_until_newer_ones_push_it_out() {
        let mut rewinds = Rewinds::default();
        let lost = |head| head + LOST_UNSEEN_MAX;
        rewinds.note(EventId(1), 13);
        rewinds.note(EventId(1), 11);
        assert_eq!(
            (rewinds.lost(EventId(1)), rewinds.lost(EventId(2))),
            (lost(13) + 1, 0)
        );
        for event in (2..=REWINDS_MAX as i64).map(EventId) {
            rewinds.note(event, 5);
        }
        assert_eq!(rewinds.lost(EventId(1)), lost(13) + 1);
        rewinds.note(EventId(0), 5);
        assert_eq!(
            (rewinds.lost(EventId(1)), rewinds.lost(EventId(2))),
            (0, lost(5))
        );
    }
}
