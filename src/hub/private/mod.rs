//! Private topics: a user's own bookings (`user:{id}`), an organizer's figures of an event (`admin:{id}`).
//!
//! They have no log. Each node reads them again when their rows were written, and [`picture`] makes the frames that bring
//! viewers to the latest read.

pub mod picture;
#[cfg(test)]
mod tests;

use tokio::sync::mpsc;

pub use self::picture::{FoundContent, Listed, Picture};

use crate::config::inside::PRIVATE_SAID_MAX;
use crate::protocol::topic::Topic;
use crate::ticketing::EventId;

/// The number of a shard's question, in the order of asking; 0 is none.
pub type AskNumber = u64;

/// A request of a shard to the task of private topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicRequest {
    /// Send the topic's picture from a read that begins after this request, and every later one.
    Watch {
        topic: Topic,
        shard: usize,
        ask: AskNumber,
    },
    Unwatch {
        topic: Topic,
        shard: usize,
    },
}

/// A message of a shard to the task of private topics.
#[derive(Debug)]
pub enum TopicReport {
    Wish(TopicRequest),
    Joined(EventId, i64),
}

/// Sends messages to the task of private topics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PrivateTopics(mpsc::Sender<TopicReport>);

impl PrivateTopics {
    /// The sender and its receiver.
    pub fn new() -> (PrivateTopics, mpsc::Receiver<TopicReport>) {
        let (say, said) = mpsc::channel(PRIVATE_SAID_MAX);
        (PrivateTopics(say), said)
    }

    /// Queues a request; `false` when too many wait, and the shard has to ask again.
    pub fn wish(&self, wish: TopicRequest) -> bool {
        self.0.try_send(TopicReport::Wish(wish)).is_ok()
    }

    /// Reports joins of an event's topics; `false` when too many messages wait, and the shard has to report them again.
    pub fn joined(&self, event: EventId, joins: i64) -> bool {
        self.0.try_send(TopicReport::Joined(event, joins)).is_ok()
    }
}
