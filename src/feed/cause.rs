//! The feed's inputs (causes) and its actions (effects).

use std::sync::Arc;
use std::time::Instant;

use super::entry::Flush;
use crate::hub::{Looked, NotOpened, Opening, ShardSet, Watch};
use crate::store::LiveEvent;
use crate::store::LogMark;
pub(crate) use crate::store::QueryFailure;
use crate::store::doorbell::HistoryPlace;
use crate::ticketing::live::Delta;
use crate::ticketing::{EventId, Revision};

/// An input of the feed.
#[derive(Debug)]
pub(crate) enum FeedCause {
    Watch(Watch),
    /// The doorbell listens (again), in this place if that is known; rings of earlier commits may have been missed.
    Listening(Option<HistoryPlace>),
    Rang(EventId),
    /// A change came by the bus, or inside a NOTIFY payload; accepted only as the event's next revision.
    Delivered(EventId, Box<Delta>),
    /// The bus could not bring a change of this event.
    LookAgain(EventId),
    /// Whether the bus brings changes from here on; it may not bring earlier commits.
    Carried(bool),
    /// The doorbell's connection is gone.
    BellLost,
    Read(Result<LogPage, QueryFailure>),
    Loaded(EventId, Result<Option<Box<LiveEvent>>, QueryFailure>),
    /// Time passed; see `Planner::next_at`.
    Time,
}

/// The result of a read of the log.
#[derive(Debug, Default)]
pub(crate) struct LogPage {
    pub(crate) rows: Vec<(EventId, Delta)>,
    /// Events whose revision in the database is lower than the feed's, or another change: a backup was restored, or a replica
    /// that lagged took over. Empty unless all events were read.
    pub(crate) ahead_of: Vec<EventId>,
}

/// An action of the feed.
#[derive(Debug)]
pub(super) enum FeedEffect {
    /// Read the log after these revisions; answer with [`FeedCause::Read`].
    Read {
        heads: Vec<(EventId, Revision)>,
        /// Of all events: also check that the database still has these revisions, and these changes.
        marks: Option<Vec<LogMark>>,
    },
    /// The event is wanted again, and the read of its state that is under way serves: bus and board have to expect it.
    Expect(EventId),
    /// Expect the event, and read its state; answer with [`FeedCause::Loaded`].
    Load(EventId),
    /// All commits before the time, if there is one, are in the state; else all that are in those of the other events.
    Opened(ShardSet, Arc<Opening>, Option<Instant>),
    NotOpened(ShardSet, EventId, NotOpened),
    Publish(ShardSet, EventId, Flush),
    /// Answers a shard's question: the database has nothing newer than what was published.
    Looked(usize, EventId, Looked),
    /// The event is deleted, or its viewers have to start again.
    Closed(ShardSet, EventId, NotOpened),
    /// The event has no viewers any more.
    Left(EventId),
    /// All commits before the beginning of the read of all events, or before `not_after` if that is earlier, have been
    /// read. Not sent while a watched event has a gap in its log: then the earlier time stays, too early for the other
    /// events, for as long as `cannot_load` allows.
    Checked {
        not_after: Option<Instant>,
    },
    /// The database, or its doorbell, does not answer.
    DatabaseDown,
}
