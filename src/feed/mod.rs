//! Reads the log of watched events and publishes it to the shards. The only publisher of table state.
//!
//! One loop over a closed set of causes: the doorbell rang, a shard wants an event, a query answered, time passed. The
//! `planner`, which is pure, decides what follows; the `publisher` carries it out. This file receives inputs and starts
//! queries as tasks with a deadline, so the loop never waits for the database. While the database is away the feed
//! keeps its states, reports the loss at once, and tries again.
//!
//! - `entry` is one watched event: state, ring of recent deltas, conflation.
//! - `cause` lists the inputs and the actions.

pub(crate) mod cause;
mod entry;
mod planner;
pub(crate) mod publisher;

use std::mem;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use self::cause::{FeedCause, LogPage, QueryFailure};
pub use self::publisher::Outputs;
use self::publisher::{FeedQuery, Moment, Publisher, cause_of};
use crate::clock::database_now;
use crate::config::inside::{FEED_CONNECTIONS_MAX, RINGS_MAX};
use crate::config::{Config, DatabaseConfig, FeedConfig};
use crate::hub::Watch;
use crate::metrics;
use crate::nats::BusMessage;
use crate::pacing::{now, until};
use crate::store::doorbell::{self, Hearers, PrivateRing, Ring};
use crate::store::presence::PresenceRing;
use crate::store::{LogMark, Store, StoreError};
use crate::tasks::Tasks;
use crate::telemetry::with_causes;
use crate::ticketing::{EventId, Revision};

/// The inputs of the feed.
pub struct FeedInputs {
    /// Rings of the database.
    pub rings: mpsc::Receiver<Ring>,
    /// Requests of the shards.
    pub watches: mpsc::Receiver<Watch>,
    /// Messages of the bus, if there is one.
    pub heard: mpsc::Receiver<BusMessage>,
}

/// Starts the feed, and the doorbell, which other stages use as well.
pub(crate) fn start(
    back: &mut Tasks,
    config: &FeedConfig,
    store: Store,
    (watches, heard): (mpsc::Receiver<Watch>, mpsc::Receiver<BusMessage>),
    (presence, private): (mpsc::Sender<PresenceRing>, mpsc::Sender<PrivateRing>),
    outputs: Outputs,
) {
    let (log, rings) = mpsc::channel(RINGS_MAX);
    let hearers = Hearers {
        log,
        presence: Some(presence),
        private: Some(private),
    };
    let probe_interval = Duration::from_millis(config.probe_interval_ms);
    let ringing = doorbell::run(store.clone(), probe_interval, hearers, back.end());
    back.spawn_endless("the doorbell", ringing);
    let inputs = FeedInputs {
        rings,
        watches,
        heard,
    };
    back.spawn(
        "the feed",
        run(store, inputs, outputs, config.clone(), back.end()),
    );
}

/// Settings of the feed's own pool, so that viewers do not wait for connections that buyers use.
pub(crate) fn database(config: &Config) -> DatabaseConfig {
    DatabaseConfig {
        pool_connections_max: FEED_CONNECTIONS_MAX + config.feed.loads_parallel_max,
        // The feed gives up after this time, so the database should as well.
        statement_timeout_ms: config
            .database
            .statement_timeout_ms
            .min(config.feed.read_timeout_ms),
        ..config.database.clone()
    }
}

/// Runs until `cancel`.
///
/// # Errors
/// A query's task panicked, so the feed does not know what was read.
pub async fn run(
    store: Store,
    inputs: FeedInputs,
    outputs: Outputs,
    config: FeedConfig,
    cancel: CancellationToken,
) -> Result<(), JoinError> {
    let feed = Feed {
        publisher: Publisher::new(config.clone(), outputs, moment()),
        jobs: JoinSet::new(),
        read_span: Span::none(),
        store,
        config,
    };
    feed.run(inputs, cancel).await
}

struct Feed {
    publisher: Publisher,
    /// Queries under way: at most one read and `loads_parallel_max` loads.
    jobs: JoinSet<FeedCause>,
    /// The span of the read under way.
    read_span: Span,
    store: Store,
    config: FeedConfig,
}

impl Feed {
    async fn run(
        mut self,
        mut inputs: FeedInputs,
        cancel: CancellationToken,
    ) -> Result<(), JoinError> {
        loop {
            let cause = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                Some(ring) = inputs.rings.recv() => self.publisher.rang(ring),
                Some(heard) = inputs.heard.recv() => Some(cause_of(heard)),
                Some(watch) = inputs.watches.recv() => Some(FeedCause::Watch(watch)),
                Some(answer) = self.jobs.join_next() => Some(answer?),
                () = until(self.publisher.next_at()) => Some(FeedCause::Time),
            };
            let waiting = inputs.rings.len() + inputs.heard.len() + inputs.watches.len();
            metrics::FEED_QUEUE.set(i64::try_from(waiting).unwrap_or(i64::MAX));
            let Some(cause) = cause else { continue };
            let _within = self.span_of(&cause).entered();
            for query in self.publisher.on(cause, moment()) {
                match query {
                    FeedQuery::Log { heads, marks } => self.read(heads, marks),
                    FeedQuery::State(event) => self.load(event),
                }
            }
        }
    }

    /// The span in which a cause is handled: the rows of a read are published within the read's span.
    fn span_of(&mut self, cause: &FeedCause) -> Span {
        match cause {
            FeedCause::Read(_) => mem::replace(&mut self.read_span, Span::none()),
            _ => Span::none(),
        }
    }

    fn read(&mut self, heads: Vec<(EventId, Revision)>, marks: Option<Vec<LogMark>>) {
        self.read_span = tracing::debug_span!(parent: None, "read", events = heads.len());
        let (store, rows_max, limit) = (
            self.store.clone(),
            self.config.log_rows_max,
            self.patience(),
        );
        self.jobs.spawn(async move {
            let page = async {
                if heads.is_empty() {
                    // Nothing to read, but the answer shows that the database is there.
                    store.ping().await?;
                    return Ok(LogPage::default());
                }
                let rows = store.changes_after(&heads, rows_max).await?;
                let ahead_of = match &marks {
                    Some(marks) => store.events_behind(&heads, marks).await?,
                    None => Vec::new(),
                };
                Ok(LogPage { rows, ahead_of })
            };
            FeedCause::Read(in_time(limit, page).await)
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
            FeedCause::Loaded(event, live.map(|live| live.map(Box::new)))
        });
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.config.read_timeout_ms)
    }
}

/// The answer, or the failure after a timeout.
async fn in_time<T>(
    limit: Duration,
    query: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, QueryFailure> {
    match timeout(limit, query).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => Err(QueryFailure::Unavailable),
    }
}

fn failure(error: &StoreError) -> QueryFailure {
    match error.is_transient() {
        true => {
            tracing::debug!(
                error = %with_causes(error),
                "the feed was not answered"
            );
            QueryFailure::Unavailable
        }
        false => {
            tracing::error!(
                error = %with_causes(error),
                "the feed cannot use the answer"
            );
            QueryFailure::Unusable
        }
    }
}

fn moment() -> Moment {
    Moment {
        now: now(),
        at: database_now(),
    }
}
