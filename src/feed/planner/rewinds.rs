//! Events whose database went back, and how far this node had been: what clients have of that history
//! must not be taken for the one that is written now, which comes by the same revisions.
//!
//! It outlives the event's slot, since clients may come back at any time; only newer ones replace it.

use std::collections::{HashMap, VecDeque};

use crate::config::inside::{LOST_UNSEEN_MAX, REWINDS_MAX};
use crate::ticketing::{EventId, Revision};

#[derive(Debug, Default)]
pub(super) struct Rewinds {
    lost: HashMap<EventId, Revision>,
    oldest: VecDeque<EventId>,
}

impl Rewinds {
    /// The highest revision that may be lost; 0 if none is.
    pub(super) fn lost(&self, event: EventId) -> Revision {
        self.lost.get(&event).copied().unwrap_or(0)
    }

    /// Notes lost history. The noted revision grows each time, by at least one, so that a shard that knows of the last time
    /// sees that there was another.
    pub(super) fn note(&mut self, event: EventId, head: Revision) {
        let head = head.saturating_add(LOST_UNSEEN_MAX);
        if let Some(lost) = self.lost.get_mut(&event) {
            *lost = head.max(*lost + 1);
            return;
        }
        if self.oldest.len() >= REWINDS_MAX
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.lost.remove(&oldest);
        }
        self.lost.insert(event, head);
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
