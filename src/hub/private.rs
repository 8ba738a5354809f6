//! What is told whole: a user's own bookings, an organizer's figures of an event.
//!
//! A picture has no deltas, no ring and no resume: whoever looks is given the latest one, and again when it has
//! changed, each in place of the one before.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::config::inside::PRIVATE_SAID_MAX;
use crate::protocol::native;
use crate::protocol::phoenix::{self, Vsn};
use crate::protocol::topic::Topic;
use crate::ticketing::{EventId, Revision, UserId};

/// The latest of one topic. Made by the feed, shared by all shards, encoded once.
#[derive(Debug)]
pub struct Picture {
    /// `user:{id}`, or `admin:{id}` for the figures.
    pub topic: Topic,
    /// Grows with each picture of this node; a viewer that was shown a lower one is shown this.
    pub serial: u64,
    /// The database's: never lower in a newer picture, on any node.
    pub revision: Revision,
    /// Who may see it, beside admins where it is an event's.
    pub owner: UserId,
    pub body: Arc<RawValue>,
    /// When the latest read began that found it, in microseconds. The feed moves it on; a shard that missed a
    /// newer picture sees it stand still.
    read_at_us: AtomicI64,
    frames: [OnceLock<Bytes>; 2],
}

impl Picture {
    pub fn new(
        topic: Topic,
        serial: u64,
        revision: Revision,
        owner: UserId,
        body: Arc<RawValue>,
    ) -> Self {
        Self {
            topic,
            serial,
            revision,
            owner,
            body,
            read_at_us: AtomicI64::new(0),
            frames: Default::default(),
        }
    }

    /// A read that began at this time found it as it is.
    pub fn was_read(&self, at: Timestamp) {
        self.read_at_us
            .fetch_max(at.as_microsecond(), Ordering::Relaxed);
    }

    /// All that was committed before is in it.
    pub fn read_at(&self) -> Timestamp {
        let read_at_us = self.read_at_us.load(Ordering::Relaxed);
        Timestamp::from_microsecond(read_at_us).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// What a viewer of it is sent: an `update` from 0, or `figures`.
    pub fn frame(&self, vsn: Vsn) -> Bytes {
        let encode = || {
            let topic = self.topic.to_string();
            match self.topic {
                Topic::Admin(_) => phoenix::push(vsn, &topic, native::FIGURES, &self.body),
                _ => {
                    let update = native::whole(self.revision, &self.body);
                    phoenix::push(vsn, &topic, native::UPDATE, &update)
                }
            }
        };
        self.frames[usize::from(vsn == Vsn::V2)]
            .get_or_init(encode)
            .clone()
    }
}

/// What a shard wishes of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To be given the topic's picture, by a read that begins after this, and each later one.
    Watch {
        topic: Topic,
        shard: usize,
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

/// The shards' way to the private. Cheap to clone.
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
