//! The names that a client may join.
//!
//! A number in a topic is written in one way only (no sign, no leading zero), so a topic and
//! its text can stand for each other: what a reply shows is what the client sent.

use std::fmt;

use serde::{Serialize, Serializer};

use super::code::{self, ErrorReply};
use super::excerpt;
use crate::ticketing::{EventId, UserId};

/// No topic of ours is near this, and the binary frames' length bytes end here.
const TOPIC_BYTES_MAX: usize = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The connection itself: heartbeats, beats, the drain notice. Never joined.
    Phoenix,
    /// Counts, fields and notices of an event.
    Event(EventId),
    /// Seat statuses of an event.
    Seats(EventId),
    /// A user's own bookings.
    User(UserId),
    /// Live totals for an event's organizer.
    Admin(EventId),
    /// The Supabase dialect.
    Realtime(RealtimeTopic),
}

/// What follows `realtime:`. The three channels of the Supabase dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RealtimeTopic {
    EventTickets(EventId),
    Registration(EventId),
    EventUpdates(EventId),
}

impl RealtimeTopic {
    pub fn event(self) -> EventId {
        match self {
            RealtimeTopic::EventTickets(id)
            | RealtimeTopic::Registration(id)
            | RealtimeTopic::EventUpdates(id) => id,
        }
    }
}

/// Why a text names no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    #[error("there is no topic \"{0}\"")]
    Unknown(String),
    #[error("a topic has at most {TOPIC_BYTES_MAX} bytes, this has {0}")]
    TooLong(usize),
    #[error("You must provide a topic name")]
    NameRequired,
    #[error("\"{prefix}\" wants a number after it, not \"{found}\"")]
    BadId { prefix: &'static str, found: String },
}

impl From<TopicError> for ErrorReply {
    fn from(error: TopicError) -> Self {
        let code = match error {
            TopicError::NameRequired => code::TOPIC_NAME_REQUIRED,
            _ => code::UNMATCHED_TOPIC,
        };
        code.because(error)
    }
}

/// A prefix and what it makes of the number after it. `realtime:` alone is handled apart.
type Kind = (&'static str, fn(i64) -> Topic);

const KINDS: [Kind; 7] = [
    ("event:", Topic::Event),
    ("seats:", Topic::Seats),
    ("user:", Topic::User),
    ("admin:", Topic::Admin),
    ("realtime:event-tickets:", |id| {
        Topic::Realtime(RealtimeTopic::EventTickets(id))
    }),
    ("realtime:registration:", |id| {
        Topic::Realtime(RealtimeTopic::Registration(id))
    }),
    ("realtime:event-updates:", |id| {
        Topic::Realtime(RealtimeTopic::EventUpdates(id))
    }),
];

impl Topic {
    /// # Errors
    /// What is wrong with the text, to be answered with an error reply.
    pub fn parse(text: &str) -> Result<Topic, TopicError> {
        if text.len() > TOPIC_BYTES_MAX {
            return Err(TopicError::TooLong(text.len()));
        }
        match text {
            "phoenix" => return Ok(Topic::Phoenix),
            "realtime:" => return Err(TopicError::NameRequired),
            _ => {}
        }
        for (prefix, topic) in KINDS {
            if let Some(id) = text.strip_prefix(prefix) {
                let found = || excerpt(id);
                return number(id).map(topic).ok_or_else(|| TopicError::BadId {
                    prefix,
                    found: found(),
                });
            }
        }
        Err(TopicError::Unknown(excerpt(text)))
    }
}

/// A positive number in its one spelling.
fn number(text: &str) -> Option<i64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    canonical.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::Phoenix => f.write_str("phoenix"),
            Topic::Event(id) => write!(f, "event:{id}"),
            Topic::Seats(id) => write!(f, "seats:{id}"),
            Topic::User(id) => write!(f, "user:{id}"),
            Topic::Admin(id) => write!(f, "admin:{id}"),
            Topic::Realtime(topic) => topic.fmt(f),
        }
    }
}

impl fmt::Display for RealtimeTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RealtimeTopic::EventTickets(id) => write!(f, "realtime:event-tickets:{id}"),
            RealtimeTopic::Registration(id) => write!(f, "realtime:registration:{id}"),
            RealtimeTopic::EventUpdates(id) => write!(f, "realtime:event-updates:{id}"),
        }
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
