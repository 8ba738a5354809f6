//! The feed without its waiting: hands causes to the planner, carries out its effects on hub and board, and returns the
//! queries to make. No I/O and no clock, so the simulation uses it as it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::cause::{FeedCause, FeedEffect};
use super::planner::Planner;
use crate::board::Board;
use crate::config::FeedConfig;
use crate::hub::{Hub, Publication};
use crate::metrics;
use crate::nats::{BusMessage, Interest};
use crate::store::LogMark;
use crate::store::doorbell::Ring;
use crate::store::relay::read_log_row;
use crate::telemetry::trail;
use crate::ticketing::live::Delta;
use crate::ticketing::{EventId, Revision};

/// The outputs of the feed.
pub struct Outputs {
    pub hub: Hub,
    pub board: Board,
    /// The events that the bus has to bring.
    pub interest: Interest,
}

/// A query to make; the answer is a [`FeedCause`].
#[derive(Debug)]
pub(crate) enum FeedQuery {
    /// The log after these revisions: [`FeedCause::Read`]. With `marks`: also check that the database still has them, and
    /// these changes.
    Log {
        heads: Vec<(EventId, Revision)>,
        marks: Option<Vec<LogMark>>,
    },
    /// An event's state and the end of its log: [`FeedCause::Loaded`].
    State(EventId),
}

/// A time by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Monotonic, for timers.
    pub(crate) now: Instant,
    /// By the database's clock, for viewers: they compare what nodes say.
    pub(crate) at: Timestamp,
}

pub(crate) struct Publisher {
    planner: Planner,
    /// The last reported state, so that each change is logged once. `None` before the first read.
    database_up: Option<bool>,
    /// All commits before this have been read.
    checked_at: Timestamp,
    /// The beginning of the read under way.
    asked: Moment,
    outputs: Outputs,
}

impl Publisher {
    pub(crate) fn new(config: FeedConfig, outputs: Outputs, moment: Moment) -> Self {
        Self {
            planner: Planner::new(config, moment.now),
            database_up: None,
            checked_at: moment.at,
            asked: moment,
            outputs,
        }
    }

    /// Handles a cause: publishes to the shards, and returns the next queries.
    pub(crate) fn on(&mut self, cause: FeedCause, moment: Moment) -> Vec<FeedQuery> {
        let mut queries = Vec::new();
        for effect in self.planner.on(cause, moment.now) {
            self.carry_out(effect, moment, &mut queries);
        }
        queries
    }

    #[cfg(test)]
    pub(crate) fn watches(&self, event: EventId) -> bool {
        self.planner.watches(event)
    }

    /// When [`FeedCause::Time`] is due, unless something else happens before.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.planner.next_at()
    }

    /// Turns a ring into a cause.
    pub(crate) fn rang(&self, ring: Ring) -> Option<FeedCause> {
        match ring {
            Ring::Event(_) | Ring::Change(..) | Ring::Probe | Ring::Listening(_) => {
                metrics::LAST_RING.now();
            }
            Ring::Lost => metrics::DOORBELL_LOST.add(1),
        }
        match ring {
            Ring::Event(event) => {
                metrics::RINGS.add(1);
                Some(FeedCause::Rang(event))
            }
            Ring::Change(event, row) => {
                metrics::RINGS.add(1);
                Some(self.rode(event, &row))
            }
            // A probe is of interest to the doorbell only.
            Ring::Probe => None,
            Ring::Listening(place) => {
                self.outputs.board.listening(true);
                Some(FeedCause::Listening(place))
            }
            Ring::Lost => {
                self.outputs.board.listening(false);
                Some(FeedCause::BellLost)
            }
        }
    }

    /// Parses a row of the log that came inside a NOTIFY, if its event is watched.
    fn rode(&self, event: EventId, row: &str) -> FeedCause {
        if !self.planner.is_open(event) {
            return FeedCause::Rang(event);
        }
        match read_log_row(row.as_bytes()) {
            Ok(delta) => {
                metrics::RINGS_WITH_CHANGE.add(1);
                FeedCause::Delivered(event, Box::new(delta))
            }
            Err(error) => {
                tracing::warn!(%error, event = event.0, "the change on a ring cannot be read");
                FeedCause::Rang(event)
            }
        }
    }

    fn carry_out(&mut self, effect: FeedEffect, moment: Moment, queries: &mut Vec<FeedQuery>) {
        let Outputs {
            hub,
            board,
            interest,
        } = &self.outputs;
        match effect {
            FeedEffect::Read { heads, marks } => {
                self.asked = moment;
                queries.push(FeedQuery::Log { heads, marks });
            }
            FeedEffect::Expect(event) => {
                board.expect(event);
                interest.add(event);
            }
            FeedEffect::Load(event) => {
                metrics::LOADS.add(1);
                board.expect(event);
                interest.add(event);
                queries.push(FeedQuery::State(event));
            }
            FeedEffect::Opened(shards, opening, not_after) => {
                board.show(opening.event, opening.state.clone());
                let mut opening = Arc::unwrap_or_clone(opening);
                opening.proven_at =
                    not_after.map(|at| moment.at - moment.now.saturating_duration_since(at));
                let opening = Arc::new(opening);
                for shard in shards.iter() {
                    hub.opened(shard, opening.clone());
                }
            }
            FeedEffect::NotOpened(shards, event, why) => {
                for shard in shards.iter() {
                    hub.not_opened(shard, event, why);
                }
            }
            FeedEffect::Publish(shards, event, flush) => {
                let Delta { from, to, .. } = *flush.delta;
                let span = tracing::debug_span!("publish", event = event.0, from, to).entered();
                trail::published(event, from, to, &span);
                board.show(event, flush.state.clone());
                metrics::PUBLICATIONS.add(1);
                let changes = to.saturating_sub(from.max(1));
                metrics::CONFLATED.add(changes.saturating_sub(1));
                let publication = Publication::new(event, flush.delta, flush.state);
                hub.publish(shards, Arc::new(publication));
                tracing::debug!("published");
            }
            FeedEffect::Looked(shard, event, looked) => hub.looked(shard, event, looked),
            FeedEffect::Closed(shards, event, why) => hub.closed(shards, event, why),
            FeedEffect::Left(event) => {
                board.remove(event);
                interest.remove(event);
            }
            FeedEffect::Checked { not_after } => {
                let earlier = not_after.map_or(Duration::ZERO, |at| {
                    self.asked.now.saturating_duration_since(at)
                });
                self.checked_at = self.asked.at - earlier;
                metrics::LAST_READ.now();
                self.checked(true);
            }
            FeedEffect::DatabaseDown => self.checked(false),
        }
    }

    fn checked(&mut self, database_up: bool) {
        metrics::DATABASE_UP.set(i64::from(database_up));
        match (self.database_up.replace(database_up), database_up) {
            (Some(true) | None, false) => {
                tracing::warn!("the feed lost the database or its doorbell")
            }
            (Some(false), true) => tracing::info!("the feed reads the log again"),
            _ => {}
        }
        let Outputs { hub, board, .. } = &self.outputs;
        board.checked(self.checked_at, database_up);
        hub.checked(self.checked_at, database_up);
    }
}

/// Turns a message of the bus into a cause.
pub(crate) fn cause_of(heard: BusMessage) -> FeedCause {
    match heard {
        BusMessage::Change(event, delta) => FeedCause::Delivered(event, delta),
        BusMessage::LookAgain(event) => FeedCause::LookAgain(event),
        BusMessage::Carried(carried) => FeedCause::Carried(carried),
    }
}
