//! Remembers events that the database was just found not to have, so that a client that asks for one again and again costs
//! one load a second at most.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::config::FeedConfig;
use crate::ticketing::EventId;

#[derive(Debug)]
pub(super) struct Absent {
    until: HashMap<EventId, Instant>,
    /// In the order of noting; events that were removed meanwhile are skipped.
    oldest: VecDeque<(Instant, EventId)>,
    memory: Duration,
    events_max: usize,
}

impl Absent {
    pub(super) fn new(config: &FeedConfig) -> Self {
        Absent {
            until: HashMap::new(),
            oldest: VecDeque::new(),
            memory: Duration::from_millis(config.absent_ms),
            events_max: config.absent_events_max,
        }
    }

    pub(super) fn has(&self, event: EventId, now: Instant) -> bool {
        self.until.get(&event).is_some_and(|&until| now < until)
    }

    pub(super) fn note(&mut self, event: EventId, now: Instant) {
        while let Some(&(until, event)) = self.oldest.front()
            && (until <= now || self.oldest.len() >= self.events_max)
        {
            self.oldest.pop_front();
            if self.until.get(&event) == Some(&until) {
                self.until.remove(&event);
            }
        }
        if self.oldest.len() < self.events_max {
            let until = now + self.memory;
            self.until.insert(event, until);
            self.oldest.push_back((until, event));
        }
    }

    /// The event rang, so it exists now.
    pub(super) fn forget(&mut self, event: EventId) {
        self.until.remove(&event);
    }

    /// Events that were made while the doorbell was not connected did not ring.
    pub(super) fn clear(&mut self) {
        self.until.clear();
        self.oldest.clear();
    }
}
