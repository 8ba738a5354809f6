//! Reads that failed, though the database is there: made again in halves beside the others, until what spoils
//! them is alone. That one is tried ever more rarely, by itself.

use std::time::{Duration, Instant};

use crate::protocol::topic::Topic;

/// First and longest pause before a topic that fails alone is read again.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Doubts {
    waiting: Vec<Doubt>,
    /// One of them is being read.
    pub(super) reading: bool,
}

/// What is read in one query, and when.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) topics: Vec<Topic>,
    due: Instant,
    /// Before the attempt after this one.
    pub(super) pause: Duration,
}

impl Doubts {
    /// Takes the one that has waited longest, if it is time and none is being read.
    pub(super) fn next(&mut self, now: Instant) -> Option<Doubt> {
        if self.reading {
            return None;
        }
        let waiting = self.waiting.iter().enumerate();
        let first = waiting.min_by_key(|(_, doubt)| doubt.due);
        let (place, _) = first.filter(|(_, doubt)| doubt.due <= now)?;
        Some(self.waiting.swap_remove(place))
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        let due = self.waiting.iter().map(|doubt| doubt.due);
        due.min().filter(|_| !self.reading)
    }

    /// The database listens again: whatever failed may succeed now.
    pub(super) fn hurry(&mut self, now: Instant) {
        for doubt in &mut self.waiting {
            doubt.due = doubt.due.min(now);
        }
    }

    /// The same once more, after this pause.
    pub(super) fn again(&mut self, topics: Vec<Topic>, pause: Duration, now: Instant) {
        if !topics.is_empty() {
            self.waiting.push(Doubt {
                topics,
                due: now + pause,
                pause: (pause * 2).min(PAUSE_MAX),
            });
        }
    }

    /// In halves now, or later if it failed alone. `pause`: it failed before.
    pub(super) fn halve(&mut self, mut topics: Vec<Topic>, pause: Option<Duration>, now: Instant) {
        if topics.len() <= 1 {
            return self.again(topics, pause.unwrap_or(PAUSE_MIN), now);
        }
        let second = topics.split_off(topics.len() / 2);
        for topics in [topics, second] {
            self.waiting.push(Doubt {
                topics,
                due: now,
                pause: PAUSE_MIN,
            });
        }
    }
}
