//! A shard's entry of one watched event: the state, and the ring of recent deltas.
//!
//! Pure. The one question it answers is: what brings a viewer from the revision that it has to now?

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Opening, Publication};
use crate::ticketing::Revision;
use crate::ticketing::live::{Delta, EventState};

/// What the node knows of an event, in one shard.
#[derive(Debug)]
pub struct TopicEntry {
    state: Arc<EventState>,
    /// Contiguous: each delta begins where the one before ended; the last ends at the state's revision.
    ring: VecDeque<Arc<Delta>>,
    ring_deltas_max: usize,
    latest: Option<Arc<Publication>>,
}

/// What brings a viewer from its revision to now.
#[derive(Debug)]
pub enum Step<'a> {
    /// It is current.
    Level,
    /// It is where everybody was before the last publication: the shared frame.
    Latest(&'a Arc<Publication>),
    /// It lagged: one delta made of all that it missed.
    Merged(Delta),
    /// It lagged beyond the ring, or never had anything: the whole state.
    Whole(&'a Arc<EventState>),
}

/// A publication begins after what the entry has: something was lost on the way here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap;

impl TopicEntry {
    pub fn open(opening: &Opening, ring_deltas_max: usize) -> Self {
        let mut entry = Self {
            state: opening.state.clone(),
            ring: opening.ring.iter().cloned().collect(),
            ring_deltas_max,
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

    /// Takes a publication over. One that brings nothing new is dropped.
    ///
    /// # Errors
    /// [`Gap`] when it begins after what the entry has; the entry is unchanged.
    pub fn publish(&mut self, publication: Arc<Publication>) -> Result<bool, Gap> {
        let delta = &publication.delta;
        if delta.to <= self.revision() {
            return Ok(false);
        }
        if delta.from > self.revision() {
            return Err(Gap);
        }
        if delta.from == 0 && self.revision() > 0 {
            // The whole state: what came before it leads nowhere.
            self.ring.clear();
        }
        self.ring.push_back(delta.clone());
        self.state = publication.state.clone();
        self.latest = Some(publication);
        self.trim();
        Ok(true)
    }

    /// What brings a viewer that has revision `have` to now. A viewer that claims to be ahead
    /// (another database, a restored backup) is given the whole state.
    pub fn step_from(&self, have: Revision) -> Step<'_> {
        if have == self.revision() {
            return Step::Level;
        }
        if let Some(latest) = &self.latest
            && latest.delta.from == have
            && have > 0
        {
            return Step::Latest(latest);
        }
        if have == 0 || have > self.revision() || !self.reaches(have) {
            return Step::Whole(&self.state);
        }
        let first = self.ring.partition_point(|delta| delta.to <= have);
        let mut deltas = self.ring.range(first..);
        let Some(oldest) = deltas.next() else {
            return Step::Whole(&self.state);
        };
        let mut merged = Delta::clone(oldest);
        deltas.for_each(|delta| merged.merge(delta));
        Step::Merged(merged)
    }

    /// Whether the ring holds every change after `have`. A delta from 0 holds everything.
    fn reaches(&self, have: Revision) -> bool {
        self.ring.front().is_some_and(|oldest| oldest.from <= have)
    }

    fn trim(&mut self) {
        while self.ring.len() > self.ring_deltas_max {
            self.ring.pop_front();
        }
    }
}
