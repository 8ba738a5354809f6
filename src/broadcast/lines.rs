//! Broadcasts that wait, in a line for each event.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use super::SentBroadcast;
use crate::config::inside::BROADCASTS_OF_EVENT_WAITING_MAX;
use crate::ticketing::EventId;

#[derive(Debug, Default)]
pub(super) struct Lines {
    /// An event whose broadcast is being stored has a line, too.
    lines: HashMap<EventId, VecDeque<Box<SentBroadcast>>>,
    /// Events whose first one may be stored, in the order in which they came to be so.
    ready: VecDeque<EventId>,
    waiting: usize,
}

impl Lines {
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The broadcast comes back if too many of its event wait.
    pub(super) fn push(&mut self, said: Box<SentBroadcast>) -> Result<(), Box<SentBroadcast>> {
        let event = said.event;
        match self.lines.entry(event) {
            Entry::Occupied(line) if line.get().len() >= BROADCASTS_OF_EVENT_WAITING_MAX => {
                return Err(said);
            }
            Entry::Occupied(mut line) => line.get_mut().push_back(said),
            Entry::Vacant(place) => {
                place.insert(VecDeque::from([said]));
                self.ready.push_back(event);
            }
        }
        self.waiting += 1;
        Ok(())
    }

    /// The next one to store, of an event of which none is being stored.
    pub(super) fn pop(&mut self) -> Option<Box<SentBroadcast>> {
        let event = self.ready.pop_front()?;
        let said = self.lines.get_mut(&event)?.pop_front()?;
        self.waiting -= 1;
        Some(said)
    }

    /// One of the event has been stored, or refused.
    pub(super) fn done(&mut self, event: EventId) {
        if let Entry::Occupied(line) = self.lines.entry(event) {
            if line.get().is_empty() {
                line.remove();
            } else {
                self.ready.push_back(event);
            }
        }
    }
}
