//! What can happen to the feed, and what it can do.

use std::sync::Arc;
use std::time::Instant;

use super::entry::Flush;
use crate::hub::{Looked, NotOpened, Opening, ShardSet, Watch};
pub(crate) use crate::store::Failure;
use crate::store::LiveEvent;
use crate::ticketing::live::Delta;
use crate::ticketing::{EventId, Revision};

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Cause {
    Watch(Watch),
    /// The doorbell listens (again): whatever was committed before may have gone unheard.
    Listening,
    Rang(EventId),
    /// The bus brought a change, or it rode on a ring: believed only as the event's next revision.
    Delivered(EventId, Box<Delta>),
    /// The bus cannot say what changed.
    LookAgain(EventId),
    /// Whether the bus brings changes from here on; what was committed before may not come by it.
    Carried(bool),
    /// The doorbell's connection is gone.
    BellLost,
    Read(Result<LogPage, Failure>),
    Loaded(EventId, Result<Option<Box<LiveEvent>>, Failure>),
    /// Time passed; see [`Planner::next_at`].
    Time,
}

/// What a read of the log brought.
#[derive(Debug, Default)]
pub(crate) struct LogPage {
    pub(crate) rows: Vec<(EventId, Delta)>,
    /// Events whose revision in the database is lower than the head that was asked after: a backup
    /// was restored, or a replica that lagged took over. Empty unless all was read.
    pub(crate) ahead_of: Vec<EventId>,
}

/// Something to be done.
#[derive(Debug)]
pub(super) enum Effect {
    /// Read the log after these revisions; answer with [`Cause::Read`].
    Read {
        heads: Vec<(EventId, Revision)>,
        /// Find out, too, whether the database still has them.
        all: bool,
    },
    /// Read the event's state; answer with [`Cause::Loaded`].
    Load(EventId),
    Opened(ShardSet, Arc<Opening>),
    NotOpened(ShardSet, EventId, NotOpened),
    Publish(ShardSet, EventId, Flush),
    /// A shard's question is answered: the database has no more than what was published.
    Looked(usize, EventId, Looked),
    /// The event is gone for good, or its viewers are to start anew.
    Closed(ShardSet, EventId, NotOpened),
    /// Nobody watches the event any more.
    Left(EventId),
    /// All that was committed before the read of all began has been read, or before `not_after` where that
    /// is earlier. Not said while the log of a watched event has a gap: the time last said stays, which is
    /// the truth for that event's viewers and only too modest for the others'. See `cannot_load` for how long.
    Checked {
        not_after: Option<Instant>,
    },
    /// The database, or its doorbell, does not answer.
    DatabaseDown,
}
