//! DATABASE → HUB. The only publisher of table state.
//!
//! One loop over a closed set of causes: the doorbell rang, a shard wants an event, a query
//! answered, time passed. What follows from each is decided by the `planner`, which is pure;
//! this file listens, carries out, and never waits for the database: queries are jobs of
//! their own, with a deadline. While the database is away the feed keeps what it has, says so at
//! once, and asks again.
//!
//! - `sheets` are topics that are told whole instead of by changes: users' bookings, events' figures.
//! - `entry` is one watched event: state, ring of recent deltas, conflation.
//! - `cause` lists what can happen and what can be done about it.

mod cause;
mod entry;
mod planner;
pub mod sheets;

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use self::cause::{Cause, Effect, Failure, LogPage};
use self::planner::Planner;
use crate::board::Board;
use crate::bus::{Heard, Interest};
use crate::config::FeedConfig;
use crate::hub::{Hub, Publication, Watch};
use crate::metrics;
use crate::store::doorbell::Ring;
use crate::store::{Store, StoreError};
use crate::telemetry::trail;
use crate::ticketing::live::Delta;
use crate::ticketing::{EventId, Revision};

/// Where the feed hears from.
pub struct Inputs {
    /// The database's doorbell.
    pub rings: mpsc::Receiver<Ring>,
    /// The shards' wishes.
    pub watches: mpsc::Receiver<Watch>,
    /// What the bus brings, where there is one.
    pub heard: mpsc::Receiver<Heard>,
}

/// Where the feed writes to.
pub struct Outputs {
    pub hub: Hub,
    pub board: Board,
    /// What the bus is to bring.
    pub interest: Interest,
}

/// Runs until `cancel`.
///
/// # Errors
/// When a query's task panicked, which leaves the feed not knowing what it has read.
pub async fn run(
    store: Store,
    inputs: Inputs,
    outputs: Outputs,
    config: FeedConfig,
    cancel: CancellationToken,
) -> Result<(), JoinError> {
    let now = now();
    let feed = Feed {
        planner: Planner::new(config.clone(), now),
        jobs: JoinSet::new(),
        database_up: None,
        checked_at: Timestamp::now(),
        asked_at: Timestamp::now(),
        read_span: Span::none(),
        store,
        outputs,
        config,
    };
    feed.run(inputs, cancel).await
}

struct Feed {
    planner: Planner,
    /// Queries under way: at most one read and `loads_parallel_max` loads.
    jobs: JoinSet<Cause>,
    /// What was last said, to log each change once. `None` before the first read.
    database_up: Option<bool>,
    /// All that was committed before this has been read.
    checked_at: Timestamp,
    /// When the read under way began.
    asked_at: Timestamp,
    /// Of the read under way.
    read_span: Span,
    store: Store,
    outputs: Outputs,
    config: FeedConfig,
}

impl Feed {
    async fn run(mut self, mut inputs: Inputs, cancel: CancellationToken) -> Result<(), JoinError> {
        loop {
            let cause = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                Some(ring) = inputs.rings.recv() => self.rang(ring),
                Some(heard) = inputs.heard.recv() => Some(cause_of(heard)),
                Some(watch) = inputs.watches.recv() => Some(Cause::Watch(watch)),
                Some(answer) = self.jobs.join_next() => Some(answer?),
                () = until(self.planner.next_at()) => Some(Cause::Time),
            };
            let waiting = inputs.rings.len() + inputs.heard.len() + inputs.watches.len();
            metrics::FEED_QUEUE.set(i64::try_from(waiting).unwrap_or(i64::MAX));
            let Some(cause) = cause else { continue };
            let _within = self.span_of(&cause).entered();
            for effect in self.planner.on(cause, now()) {
                self.carry_out(effect);
            }
        }
    }

    /// What a read brought is published within its span.
    fn span_of(&mut self, cause: &Cause) -> Span {
        match cause {
            Cause::Read(_) => mem::replace(&mut self.read_span, Span::none()),
            _ => Span::none(),
        }
    }

    fn rang(&mut self, ring: Ring) -> Option<Cause> {
        match ring {
            Ring::Event(_) | Ring::Probe | Ring::Listening => metrics::LAST_RING.now(),
            Ring::Lost => metrics::DOORBELL_LOST.add(1),
        }
        match ring {
            Ring::Event(event) => {
                metrics::RINGS.add(1);
                Some(Cause::Rang(event))
            }
            // It proves that the doorbell works, to the doorbell itself.
            Ring::Probe => None,
            Ring::Listening => {
                self.outputs.board.listening(true);
                Some(Cause::Listening)
            }
            Ring::Lost => {
                self.outputs.board.listening(false);
                Some(Cause::BellLost)
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        let Outputs {
            hub,
            board,
            interest,
        } = &self.outputs;
        match effect {
            Effect::Read { heads, all } => self.read(heads, all),
            Effect::Load(event) => {
                metrics::LOADS.add(1);
                board.expect(event);
                interest.add(event);
                self.load(event);
            }
            Effect::Opened(shards, opening) => {
                board.show(opening.event, opening.state.clone());
                for shard in shards.iter() {
                    hub.opened(shard, opening.clone());
                }
            }
            Effect::NotOpened(shards, event, why) => {
                for shard in shards.iter() {
                    hub.not_opened(shard, event, why);
                }
            }
            Effect::Publish(shards, event, flush) => {
                let Delta { from, to, .. } = *flush.delta;
                let span = tracing::debug_span!("publish", event, from, to).entered();
                trail::published(event, from, to, &span);
                board.show(event, flush.state.clone());
                metrics::PUBLICATIONS.add(1);
                let changes = to.saturating_sub(from.max(1));
                metrics::CONFLATED.add(changes.saturating_sub(1));
                let publication = Publication::new(event, flush.delta, flush.state);
                hub.publish(shards, Arc::new(publication));
                tracing::debug!("published");
            }
            Effect::Closed(shards, event, why) => hub.closed(shards, event, why),
            Effect::Left(event) => {
                board.remove(event);
                interest.remove(event);
            }
            Effect::Checked { database_up } => self.checked(database_up),
        }
    }

    fn read(&mut self, heads: Vec<(EventId, Revision)>, all: bool) {
        self.asked_at = Timestamp::now();
        self.read_span = tracing::debug_span!(parent: None, "read", events = heads.len());
        let (store, rows_max, limit) = (
            self.store.clone(),
            self.config.log_rows_max,
            self.patience(),
        );
        self.jobs.spawn(async move {
            let page = async {
                if heads.is_empty() {
                    // Nothing to read, yet the answer says whether the database is there.
                    store.ping().await?;
                    return Ok(LogPage::default());
                }
                let rows = store.changes_after(&heads, rows_max).await?;
                let ahead_of = if all {
                    store.events_behind(&heads).await?
                } else {
                    Vec::new()
                };
                Ok(LogPage { rows, ahead_of })
            };
            Cause::Read(in_time(limit, page).await)
        });
    }

    fn load(&mut self, event: EventId) {
        let (store, ring_max, limit) = (
            self.store.clone(),
            self.config.ring_deltas_max,
            self.patience(),
        );
        self.jobs.spawn(async move {
            let live = store.live_event(event, ring_max);
            let live = in_time(limit, live).await;
            Cause::Loaded(event, live.map(|live| live.map(Box::new)))
        });
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.config.read_timeout_ms)
    }

    fn checked(&mut self, database_up: bool) {
        metrics::DATABASE_UP.set(i64::from(database_up));
        if database_up {
            metrics::LAST_READ.now();
            self.checked_at = self.asked_at;
        }
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

fn cause_of(heard: Heard) -> Cause {
    match heard {
        Heard::Change(event, delta) => Cause::Delivered(event, delta),
        Heard::LookAgain(event) => Cause::LookAgain(event),
        Heard::Carried(carried) => Cause::Carried(carried),
    }
}

/// The answer, or what its absence means.
async fn in_time<T>(
    limit: Duration,
    query: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Failure> {
    match timeout(limit, query).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => Err(Failure::Unavailable),
    }
}

fn failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::Contended(_) => {
            tracing::debug!(
                error = error as &dyn std::error::Error,
                "the feed was not answered"
            );
            Failure::Unavailable
        }
        _ => {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the feed cannot use the answer"
            );
            Failure::Unusable
        }
    }
}

/// The runtime's clock, which tests may hold.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
