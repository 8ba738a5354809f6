//! One event in memory: its state, and a ring of the recent deltas that lead to it. Pure.
//!
//! From these follows which delta or state brings a viewer from its revision to the current one.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Opening, Publication};
use crate::ticketing::Revision;
use crate::ticketing::live::{Delta, EventState};

/// The state and the recent past of one event.
#[derive(Debug, Clone)]
pub struct History {
    state: Arc<EventState>,
    /// Contiguous: each delta begins where the one before ended; the last ends at the state's revision.
    ring: VecDeque<Arc<Delta>>,
    ring_deltas_max: usize,
    /// See [`Opening::lost`].
    lost: Revision,
    latest: Option<Arc<Publication>>,
}

/// The way from a viewer's revision to the current one.
#[derive(Debug)]
pub enum HistoryStep<'a> {
    /// The viewer is current.
    Level,
    /// It has the revision before the last publication, like most viewers: the shared frame.
    Latest(&'a Arc<Publication>),
    /// It lagged: all missed changes merged into one delta.
    Merged(Box<Delta>),
    /// It lagged beyond the ring, or has nothing: the whole state.
    Whole(&'a Arc<EventState>),
}

/// A publication begins after the known state: an earlier one was lost in a full mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryGap;

impl History {
    pub fn open(opening: &Opening, ring_deltas_max: usize) -> Self {
        let mut entry = Self {
            state: opening.state.clone(),
            ring: opening.ring.iter().cloned().collect(),
            ring_deltas_max,
            lost: opening.lost,
            latest: None,
        };
        entry.trim();
        entry
    }

    pub fn state(&self) -> &Arc<EventState> {
        &self.state
    }

    pub fn revision(&self) -> Revision {
        self.state.revision
    }

    /// Whether a client that comes back with this revision may resume from it: not if it is ahead of ours (of another
    /// database), nor if it may be of lost history, where the same number meant another state.
    pub fn resumes(&self, since: Revision) -> bool {
        let is_here = since > self.lost || mistaken!(ResumeLost);
        is_here && since > 0 && since <= self.revision()
    }

    /// Whether the database lost history between this state and the opening: then no delta leads from one to the other,
    /// whichever revision is higher.
    pub fn is_lost_to(&self, opening: &Opening) -> bool {
        opening.lost > self.lost || opening.state.revision < self.revision()
    }

    /// Applies a publication; ignores one that is not newer.
    ///
    /// # Errors
    /// [`HistoryGap`] if it begins after the known state, which then does not change.
    pub fn publish(&mut self, publication: Arc<Publication>) -> Result<bool, HistoryGap> {
        let delta = &publication.delta;
        if delta.to <= self.revision() {
            return Ok(false);
        }
        if delta.from > self.revision() && !mistaken!(PublishOverGap) {
            return Err(HistoryGap);
        }
        if delta.from == 0 && self.revision() > 0 {
            // A whole state: earlier deltas do not lead to it.
            self.ring.clear();
        }
        self.ring.push_back(delta.clone());
        self.state = publication.state.clone();
        self.latest = Some(publication);
        self.trim();
        Ok(true)
    }

    /// Whether a viewer that has revision `have` missed more than the last publication.
    pub fn is_lagging(&self, have: Revision) -> bool {
        self.latest
            .as_ref()
            .is_some_and(|latest| have < latest.delta.from)
    }

    /// The revision at which the frame for a viewer with revision `have` begins; 0 for the whole state. Viewers with the same
    /// origin get the same frame.
    pub fn origin(&self, have: Revision) -> Revision {
        if have == 0 || have > self.revision() || !self.reaches(have) {
            return if have == self.revision() { have } else { 0 };
        }
        let first = self.ring.partition_point(|delta| delta.to <= have);
        self.ring.get(first).map_or(have, |delta| delta.from)
    }

    /// The way from revision `have` to the current one. One that is ahead gets the whole state, so the caller first has to
    /// wait for that revision; if it does not come, it is of another database or of lost history.
    pub fn step_from(&self, have: Revision) -> HistoryStep<'_> {
        if have == self.revision() {
            return HistoryStep::Level;
        }
        if let Some(latest) = &self.latest
            && latest.delta.from == have
            && have > 0
        {
            return HistoryStep::Latest(latest);
        }
        if have == 0 || have > self.revision() || !self.reaches(have) {
            return HistoryStep::Whole(&self.state);
        }
        let first = self.ring.partition_point(|delta| delta.to <= have);
        let mut deltas = self.ring.range(first..);
        let Some(oldest) = deltas.next() else {
            return HistoryStep::Whole(&self.state);
        };
        let mut merged = Box::new(Delta::clone(oldest));
        deltas.for_each(|delta| merged.merge(delta));
        HistoryStep::Merged(merged)
    }

    /// Whether the ring holds every change after `have`. A delta from 0 holds everything.
    fn reaches(&self, have: Revision) -> bool {
        let have = have + Revision::from(mistaken!(RingOffByOne));
        let oldest = self.ring.front();
        oldest.is_some_and(|oldest| oldest.from <= have || mistaken!(ResumeBeyondRing))
    }

    fn trim(&mut self) {
        while self.ring.len() > self.ring_deltas_max {
            self.ring.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ticketing::EventId;
    use crate::ticketing::live::samples;

    /// An entry at revision `at` whose ring was filled from the log after `log_from`.
    fn entry(log_from: Revision, at: Revision, ring_deltas_max: usize) -> History {
        let ring = (log_from..at)
            .map(|from| Arc::new(delta(from, from + 1)))
            .collect();
        let opening = Opening {
            event: EventId(1),
            state: Arc::new(samples::state(at)),
            ring,
            lost: 0,
            proven_at: None,
        };
        History::open(&opening, ring_deltas_max)
    }

    fn delta(from: Revision, to: Revision) -> Delta {
        Delta {
            from,
            to,
            ..Delta::default()
        }
    }

    fn publication(from: Revision, to: Revision) -> Arc<Publication> {
        Arc::new(Publication::new(
            EventId(1),
            Arc::new(delta(from, to)),
            Arc::new(samples::state(to)),
        ))
    }

    #[test]
    fn a_level_viewer_is_given_the_shared_publication() {
        let mut entry = entry(5, 7, 10);
        assert_eq!(entry.publish(publication(7, 9)), Ok(true));
        assert!(matches!(entry.step_from(7), HistoryStep::Latest(latest) if latest.delta.to == 9));
        assert!(matches!(entry.step_from(9), HistoryStep::Level));
    }

    #[test]
    fn a_laggard_is_given_one_delta_that_covers_all_it_missed() {
        let mut entry = entry(2, 7, 10);
        assert_eq!(entry.publish(publication(7, 9)), Ok(true));
        for have in 2..7 {
            let HistoryStep::Merged(merged) = entry.step_from(have) else {
                panic!("no delta from {have}")
            };
            assert!(merged.from <= have && merged.to == 9);
        }
    }

    #[test]
    fn what_the_ring_does_not_reach_is_answered_with_the_whole_state() {
        let entry = entry(2, 7, 3);
        for have in [0, 1, 2, 3, 8, 1_000] {
            assert!(
                matches!(entry.step_from(have), HistoryStep::Whole(_)),
                "from {have}"
            );
        }
        assert!(matches!(entry.step_from(4), HistoryStep::Merged(_)));
    }

    #[test]
    fn viewers_who_are_given_the_same_have_one_origin() {
        let mut entry = entry(2, 7, 4);
        assert_eq!(entry.publish(publication(7, 10)), Ok(true));
        let origins =
            |entry: &History| [0, 1, 3, 4, 6, 7, 9, 10, 11].map(|have| entry.origin(have));
        assert_eq!(origins(&entry), [0, 0, 0, 4, 6, 7, 7, 10, 0]);
        assert_eq!(entry.publish(publication(0, 11)), Ok(true));
        assert_eq!(origins(&entry), [0, 0, 0, 0, 0, 0, 0, 0, 11]);
    }

    #[test]
    fn a_gap_is_refused_and_what_is_known_is_dropped() {
        let mut entry = entry(2, 7, 10);
        assert_eq!(entry.publish(publication(8, 9)), Err(HistoryGap));
        assert_eq!(entry.publish(publication(5, 7)), Ok(false));
        assert_eq!(entry.revision(), 7);
    }

    #[test]
    fn a_whole_state_leads_over_a_gap() {
        let mut entry = entry(2, 7, 10);
        assert_eq!(entry.publish(publication(0, 20)), Ok(true));
        let HistoryStep::Merged(merged) = entry.step_from(5) else {
            panic!("no delta")
        };
        assert_eq!((merged.from, merged.to), (0, 20));
    }
}
