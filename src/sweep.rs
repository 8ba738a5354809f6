//! Ends holds at their deadline: any number of nodes may sweep, and any of them may die.
//!
//! A sweep ends what is due, then sleeps until the next deadline in the database. The sleep is
//! bounded, because a deadline may come from elsewhere: another node, or a statement typed
//! by hand. The bound is far below the shortest hold (a minute), so a hold made by this node
//! needs no wake-up of its own.
//!
//! An event whose holds cannot be ended rests by itself, longer each time; the others go on. Only a
//! database that is away holds up all.
//!
//! Beside it, what is kept for a time only is dropped now and then: the log, and stored answers.

mod pauses;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use self::pauses::{Pauses, Rests};
use crate::config::SweepConfig;
use crate::metrics;
use crate::store::{Store, StoreError};
use crate::tasks::Tasks;
use crate::ticketing::EventId;

/// Pause after a sweep that found due holds and could not end one: somebody else has them in hand.
const CROSSED_PAUSE: Duration = Duration::from_millis(50);
/// Events that one look at the deadlines takes on.
const EVENTS_MAX: usize = 1_000;

/// Starts the task.
pub(crate) fn start(
    back: &mut Tasks,
    config: &SweepConfig,
    log_retention_hours: u32,
    store: &Store,
) {
    let sweeping = run(
        store.clone(),
        config.clone(),
        log_retention_hours,
        back.end(),
    );
    back.spawn_endless("the sweeper", sweeping);
}

/// Sweeps and prunes until `cancel`, side by side: however much there is to drop, no hold waits
/// for it. Errors of the database are logged and waited out.
pub async fn run(
    store: Store,
    config: SweepConfig,
    log_retention_hours: u32,
    cancel: CancellationToken,
) {
    tokio::join!(
        keep_sweeping(&store, &config, &cancel),
        keep_pruning(&store, &config, log_retention_hours, &cancel),
    );
}

async fn keep_sweeping(store: &Store, config: &SweepConfig, cancel: &CancellationToken) {
    let mut pauses = Pauses::new(config);
    let mut rests = Rests::new(config);
    loop {
        let pause = pauses.after(sweep(store, config, &mut rests).await);
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// A failure waits for the next round: what is old can grow older.
async fn keep_pruning(
    store: &Store,
    config: &SweepConfig,
    log_retention_hours: u32,
    cancel: &CancellationToken,
) {
    let pruning = async {
        loop {
            if let Err(error) = prune(store, config, log_retention_hours).await {
                let cause = std::error::Error::source(&error);
                tracing::warn!(%error, ?cause, "what is old cannot be dropped");
            }
            tokio::time::sleep(Duration::from_secs(config.prune_interval_s)).await;
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = pruning => {}
    }
}

/// Ends everything that is due. Answers how long there will be nothing more to do, if that is known.
async fn sweep(
    store: &Store,
    config: &SweepConfig,
    rests: &mut Rests,
) -> Result<Option<Duration>, StoreError> {
    loop {
        let due = store.due_holds(EVENTS_MAX).await?;
        let now = Instant::now();
        let events = rests.awake(due.events, now);
        if events.is_empty() {
            return Ok(due.next_in.into_iter().chain(rests.next_in(now)).min());
        }
        let outcomes = stream::iter(events)
            .map(|event| end_holds(store, event, config.holds_per_transaction_max))
            .buffer_unordered(config.events_parallel_max.max(1))
            .collect::<Vec<_>>()
            .await;
        let mut ended = 0;
        for (event, outcome) in outcomes {
            match outcome {
                Ok(claims) => {
                    rests.ended(event);
                    ended += claims;
                }
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                Err(error) => rests.failed(event, &error, Instant::now()),
            }
        }
        if ended == 0 {
            return Ok(Some(CROSSED_PAUSE));
        }
    }
}

/// Answers with the event how many claims ended.
async fn end_holds(
    store: &Store,
    event: EventId,
    holds_max: usize,
) -> (EventId, Result<u64, StoreError>) {
    let expired = store.expire_due(event, holds_max).await;
    if let Ok(expired) = &expired
        && expired.claims > 0
    {
        metrics::HOLDS_EXPIRED.add(expired.claims);
        let (claims, revision) = (expired.claims, expired.revision);
        tracing::debug!(event, claims, revision, "holds ran out");
    }
    (event, expired.map(|expired| expired.claims))
}

/// Drops what is old, in chunks small enough to hurt nobody.
async fn prune(
    store: &Store,
    config: &SweepConfig,
    log_retention_hours: u32,
) -> Result<(), StoreError> {
    let rows_max = config.prune_rows_max;
    let full = |dropped: u64| usize::try_from(dropped).is_ok_and(|dropped| dropped >= rows_max);
    while full(store.prune_changes(log_retention_hours, rows_max).await?) {}
    while full(
        store
            .prune_idempotency_keys(config.idempotency_retention_hours, rows_max)
            .await?,
    ) {}
    while full(
        store
            .prune_interactions(config.interactions_retention_hours, rows_max)
            .await?,
    ) {}
    Ok(())
}
