//! Topics of one person: a user's own bookings (`user:{id}`), an organizer's figures of an event (`admin:{id}`).
//!
//! They have no log. Their node reads them anew when their rows were written, and [`picture`] says what leads a viewer
//! to the latest read.

pub mod picture;
#[cfg(test)]
mod tests;

use tokio::sync::mpsc;

pub use self::picture::{Found, Listed, Picture, ReadTime};

use crate::config::inside::PRIVATE_SAID_MAX;
use crate::protocol::topic::Topic;
use crate::ticketing::EventId;

/// A shard's questions, numbered in the order in which they were asked; 0 is none.
pub type Ask = u64;

/// What a shard wishes of `private/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To be given the topic's picture by a read that begins after this, and each later one.
    Watch {
        topic: Topic,
        shard: usize,
        ask: Ask,
    },
    Unwatch {
        topic: Topic,
        shard: usize,
    },
}

/// What shards say.
#[derive(Debug)]
pub enum Said {
    Wish(Wish),
    Joined(EventId, i64),
}

/// The shards' way to `private/`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PrivateTopics(mpsc::Sender<Said>);

impl PrivateTopics {
    /// The shards' way, and its other end.
    pub fn new() -> (PrivateTopics, mpsc::Receiver<Said>) {
        let (say, said) = mpsc::channel(PRIVATE_SAID_MAX);
        (PrivateTopics(say), said)
    }

    /// Leaves a wish; `false` when too many wait, and the shard has to ask again.
    pub fn wish(&self, wish: Wish) -> bool {
        self.0.try_send(Said::Wish(wish)).is_ok()
    }

    /// Counts joins of an event's topics; `false` when they were not, and are to be said again.
    pub fn joined(&self, event: EventId, joins: i64) -> bool {
        self.0.try_send(Said::Joined(event, joins)).is_ok()
    }
}
