//! Payloads of the native topics, of the beat and of the drain notice.
//!
//! Encoders borrow their input: a publication is encoded once per version, and once more for every group of viewers
//! that lag by the same revisions.

mod event;
mod join;
mod seats;
#[cfg(test)]
mod tests;
mod user;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

pub use event::{event_changes, event_state, event_update};
pub use join::{Join, VisitorStep};
pub use seats::{seats_changes, seats_state, seats_update};
pub use user::{EntityId, EntityKind, Told, figures, user_update};

use super::topic::Topic;
use crate::ticketing::Revision;

/// `update` of the topics whose content has a revision.
pub const UPDATE: &str = "update";
/// An organizer's [`figures`] of an event, on `admin:`: absolute each time.
pub const FIGURES: &str = "figures";
/// [`beat`] on the topic `phoenix`.
pub const BEAT: &str = "beat";
/// [`drain`] on the topic `phoenix`.
pub const DRAIN: &str = "drain";

/// The response of a native join: `{"revision", "resumed", "state"}`.
///
/// The state is everything, or, when resumed, the changes after the `since` of the join.
#[derive(Debug, Clone, Serialize)]
pub struct Response<S> {
    pub revision: Revision,
    pub resumed: bool,
    pub state: S,
}

/// How recently a node heard from its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// The time at which the log was last read to its end.
    pub at: Timestamp,
    /// Whether the latest attempt to read it was answered.
    pub database_up: bool,
}

impl Checked {
    /// The database answered at this time.
    pub fn up(at: Timestamp) -> Checked {
        Checked {
            at,
            database_up: true,
        }
    }
}

/// A beat: `{"revisions": {"event:42": 61}, "checked_at": "…"}`, with the newest known revisions of the topics that
/// the connection joined, and the time at which the node last heard from the database.
///
/// While the database does not answer, `"database": "down"` is added, so that clients show their numbers as stale at
/// once, and not only when `checked_at` has stood still for too long.
pub fn beat(revisions: &[(Topic, Revision)], checked: Checked) -> impl Serialize + use<'_> {
    #[derive(Serialize)]
    struct Beat<'a> {
        #[serde(serialize_with = "map")]
        revisions: &'a [(Topic, Revision)],
        checked_at: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        database: Option<&'static str>,
    }
    fn map<S: Serializer>(
        revisions: &&[(Topic, Revision)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(revisions.iter().map(|(topic, revision)| (topic, revision)))
    }
    Beat {
        revisions,
        checked_at: checked.at,
        database: (!checked.database_up).then_some("down"),
    }
}

/// An `update` that holds everything: `{"from": 0, "to": 57, …body}`. The body is an object that is not empty.
pub fn whole(to: Revision, body: &RawValue) -> Box<RawValue> {
    let fields = body.get().strip_prefix('{').unwrap_or("}");
    RawValue::from_string(format!("{{\"from\":0,\"to\":{to},{fields}"))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A drain notice: `{"reconnect_in_ms": 1250}`. The connection is closed with 1001, and the client should reconnect
/// that much later; delays differ, so that clients do not come back all at once.
pub fn drain(reconnect_in_ms: u64) -> impl Serialize {
    #[derive(Serialize)]
    struct Drain {
        reconnect_in_ms: u64,
    }
    Drain { reconnect_in_ms }
}
