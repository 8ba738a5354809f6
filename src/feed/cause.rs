//! What can happen to the feed, and what it can do.

use std::sync::Arc;

use super::entry::Flush;
use crate::hub::{NotOpened, Opening, ShardSet, Watch};
use crate::store::LiveEvent;
use crate::ticketing::live::Delta;
use crate::ticketing::{EventId, Revision};

/// Something that happened.
#[derive(Debug)]
pub(super) enum Cause {
    Watch(Watch),
    /// The doorbell listens (again): whatever was committed before may have gone unheard.
    Listening,
    Rang(EventId),
    /// The bus brought a change.
    Delivered(EventId, Box<Delta>),
    /// The bus cannot say what changed.
    LookAgain(EventId),
    /// Whether the bus brings changes from here on; what was committed before may not come by it.
    Carried(bool),
    /// The doorbell's connection is gone.
    BellLost,
    Read(Result<Vec<(EventId, Delta)>, Failure>),
    Loaded(EventId, Result<Option<Box<LiveEvent>>, Failure>),
    /// Time passed; see [`Planner::next_at`].
    Time,
}

/// Why a query brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The database does not answer: nothing will succeed until it does.
    Unavailable,
    /// It answered, and with something that cannot be used. Other events may be fine.
    Unusable,
}

/// Something to be done.
#[derive(Debug)]
pub(super) enum Effect {
    /// Read the log after these revisions; answer with [`Cause::Read`].
    Read(Vec<(EventId, Revision)>),
    /// Read the event's state; answer with [`Cause::Loaded`].
    Load(EventId),
    Opened(ShardSet, Arc<Opening>),
    NotOpened(ShardSet, EventId, NotOpened),
    Publish(ShardSet, EventId, Flush),
    /// The event is gone for good.
    Closed(ShardSet, EventId),
    /// Nobody watches the event any more.
    Left(EventId),
    /// Whether all that was committed until now has been read.
    Checked {
        database_up: bool,
    },
}
