//! Ends holds at their deadline: any number of nodes may sweep, and any of them may die.
//!
//! A sweep ends what is due, then sleeps until the next deadline in the database. The sleep is
//! bounded, because a deadline may come from elsewhere: another node, or a statement typed
//! by hand. The bound is far below the shortest hold (a minute), so a hold made by this node
//! needs no wake-up of its own.
//!
//! Beside it, what is kept for a time only is dropped now and then: the log, and stored answers.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use crate::config::SweepConfig;
use crate::metrics;
use crate::store::{Store, StoreError};
use crate::ticketing::EventId;

/// Pause after a sweep that found due holds and could not end one: somebody else has them in hand.
const CROSSED_PAUSE: Duration = Duration::from_millis(50);
/// Events that one look at the deadlines takes on.
const EVENTS_MAX: usize = 1_000;

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
    loop {
        let pause = pauses.after(sweep(store, config).await);
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
async fn sweep(store: &Store, config: &SweepConfig) -> Result<Option<Duration>, StoreError> {
    loop {
        let due = store.due_holds(EVENTS_MAX).await?;
        if due.events.is_empty() {
            return Ok(due.next_in);
        }
        let ended = stream::iter(due.events)
            .map(|event| end_holds(store, event, config.holds_per_transaction_max))
            .buffer_unordered(config.events_parallel_max.max(1))
            .collect::<Vec<_>>()
            .await;
        let ended = ended.into_iter().collect::<Result<Vec<u64>, _>>()?;
        if ended.iter().sum::<u64>() == 0 {
            return Ok(Some(CROSSED_PAUSE));
        }
    }
}

async fn end_holds(store: &Store, event: EventId, holds_max: usize) -> Result<u64, StoreError> {
    let expired = store.expire_due(event, holds_max).await?;
    if expired.claims > 0 {
        metrics::HOLDS_EXPIRED.add(expired.claims);
        let (claims, revision) = (expired.claims, expired.revision);
        tracing::debug!(event, claims, revision, "holds ran out");
    }
    Ok(expired.claims)
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

/// How long to sleep: until the next deadline, or, while the database fails, longer each time.
struct Pauses {
    most: Duration,
    failing_most: Duration,
    /// The pause after the latest failure; `None` while all is well.
    failing: Option<Duration>,
}

impl Pauses {
    fn new(config: &SweepConfig) -> Pauses {
        Pauses {
            most: Duration::from_millis(config.sweep_pause_ms_max),
            failing_most: Duration::from_millis(config.sweep_failing_pause_ms_max),
            failing: None,
        }
    }

    fn after(&mut self, swept: Result<Option<Duration>, StoreError>) -> Duration {
        match swept {
            Ok(next_in) => {
                if self.failing.take().is_some() {
                    tracing::info!("holds are swept again");
                }
                next_in.unwrap_or(self.most).min(self.most)
            }
            Err(error) => {
                if self.failing.is_none() {
                    let cause = std::error::Error::source(&error);
                    tracing::warn!(%error, ?cause, "holds cannot be swept");
                }
                let doubled = self.failing.map_or(self.most, |pause| pause * 2);
                let pause = doubled.min(self.failing_most);
                self.failing = Some(pause);
                pause
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::config::Config;

    #[test]
    fn sleeps_to_the_next_deadline_and_backs_off_while_failing() {
        let config = Config::default().sweep;
        let most = Duration::from_millis(config.sweep_pause_ms_max);
        let mut pauses = Pauses::new(&config);
        let soon = Duration::from_millis(3);
        assert_eq!(pauses.after(Ok(Some(soon))), soon);
        assert_eq!(pauses.after(Ok(Some(Duration::from_secs(900)))), most);
        assert_eq!(pauses.after(Ok(None)), most);
        let failure = || Err(StoreError::Unavailable("gone".into()));
        assert_eq!(pauses.after(failure()), most);
        assert_eq!(pauses.after(failure()), most * 2);
        for _ in 0..40 {
            pauses.after(failure());
        }
        let longest = Duration::from_millis(config.sweep_failing_pause_ms_max);
        assert_eq!(pauses.after(failure()), longest);
        assert_eq!(pauses.after(Ok(Some(soon))), soon);
        assert_eq!(pauses.after(failure()), most);
    }
}
