//! Topics: the names that a client may join.
//!
//! A number in a topic has one spelling only (no sign, no leading zero), so a topic's text is exactly the one that the
//! client sent.

use std::fmt;

use serde::{Serialize, Serializer};

use super::code::{self, ErrorReply};
use super::excerpt;
use crate::ticketing::{EventId, UserId};

/// The length of a topic is one byte in binary frames; our topics are far shorter.
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

/// The three channels of the Supabase dialect, without their `realtime:`.
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

/// A text that is not a topic.
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

/// A prefix, and the topic that it makes with the number after it. `realtime:` alone is handled apart.
type TopicPrefix = (&'static str, fn(i64) -> Topic);

const KINDS: [TopicPrefix; 7] = [
    ("event:", |id| Topic::Event(EventId(id))),
    ("seats:", |id| Topic::Seats(EventId(id))),
    ("user:", |id| Topic::User(UserId(id))),
    ("admin:", |id| Topic::Admin(EventId(id))),
    ("realtime:event-tickets:", |id| {
        Topic::Realtime(RealtimeTopic::EventTickets(EventId(id)))
    }),
    ("realtime:registration:", |id| {
        Topic::Realtime(RealtimeTopic::Registration(EventId(id)))
    }),
    ("realtime:event-updates:", |id| {
        Topic::Realtime(RealtimeTopic::EventUpdates(EventId(id)))
    }),
];

impl Topic {
    /// The beginnings of all topics that can be joined; a number follows.
    pub fn prefixes() -> [&'static str; KINDS.len()] {
        KINDS.map(|(prefix, _)| prefix)
    }

    /// # Errors
    /// The text is not a topic; the error becomes an error reply.
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

/// A positive number without sign and leading zero.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::{RealtimeTopic, Topic, TopicError};
    use crate::protocol::code::ErrorReply;
    use crate::ticketing::{EventId, UserId};

    #[test]
    fn a_topic_and_its_text_stand_for_each_other() {
        let topics = [
            ("phoenix", Topic::Phoenix),
            ("event:42", Topic::Event(EventId(42))),
            ("seats:42", Topic::Seats(EventId(42))),
            ("user:3", Topic::User(UserId(3))),
            ("admin:42", Topic::Admin(EventId(42))),
            (
                "realtime:event-tickets:42",
                Topic::Realtime(RealtimeTopic::EventTickets(EventId(42))),
            ),
            (
                "realtime:registration:42",
                Topic::Realtime(RealtimeTopic::Registration(EventId(42))),
            ),
            (
                "realtime:event-updates:9223372036854775807",
                Topic::Realtime(RealtimeTopic::EventUpdates(EventId(i64::MAX))),
            ),
        ];
        for (text, topic) in topics {
            assert_eq!(Topic::parse(text), Ok(topic));
            assert_eq!(topic.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_topic_is_told_why() {
        let wants_a_number = [
            "event:",
            "event:abc",
            "event:-1",
            "event:+1",
            "event:01",
            "event:0",
            "event:1 ",
            "event: 1",
            "event:1\0",
            "event:1:2",
            "event:9223372036854775808",
            "seats:١",
            "realtime:event-tickets:",
            "realtime:event-tickets:x",
        ];
        for text in wants_a_number {
            let error = Topic::parse(text).unwrap_err();
            assert!(matches!(error, TopicError::BadId { .. }), "{text}: {error}");
            assert_eq!(ErrorReply::from(error).code, "UNMATCHED_TOPIC");
        }
        for text in [
            "",
            "event",
            "Event:1",
            "phoenix:1",
            "realtime",
            "realtime:lobby",
            "\0",
        ] {
            let error = Topic::parse(text).unwrap_err();
            assert!(matches!(error, TopicError::Unknown(_)), "{text}: {error}");
        }
        let long = "x".repeat(10_240);
        assert_eq!(Topic::parse(&long), Err(TopicError::TooLong(10_240)));
        let nameless = ErrorReply::from(Topic::parse("realtime:").unwrap_err());
        assert_eq!(nameless.code, "TOPIC_NAME_REQUIRED");
        assert_eq!(
            nameless.reason,
            "TopicNameRequired: You must provide a topic name"
        );
    }

    #[test]
    fn an_error_does_not_repeat_all_that_it_was_given() {
        let error = Topic::parse(&format!("event:{}\n", "9".repeat(200))).unwrap_err();
        assert!(error.to_string().len() < 120, "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_or_refused(text in "(event:|seats:|user:|realtime:event-tickets:)?[0-9+ -]{0,21}|.{0,30}") {
            if let Ok(topic) = Topic::parse(&text) {
                prop_assert_eq!(topic.to_string(), text);
            }
        }
    }
}
