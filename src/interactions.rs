//! INTERACTIONS: clicks and steps that clients report for analytics.
//!
//! `POST /interactions` and `track` on a socket put them into a bounded buffer and answer at once; one task
//! stores them, many rows in one statement. Interactions that do not fit are refused and counted, so a flood
//! of clicks loses clicks and delays nothing else. Each address and account has a rate of rows, so that none of them fills
//! the database's disk. A batch that the database refuses is kept and tried again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{self, PermitIterator};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::InteractionsConfig;
use crate::limits::address::Network;
use crate::limits::rates::{RateKind, Rates, TooOften, Who};
use crate::metrics;
use crate::pacing::{Backoff, TokenBucket};
use crate::store::Store;
use crate::tasks::Tasks;
use crate::telemetry::outage::Outage;
use crate::telemetry::with_causes;
use crate::ticketing::UserId;
use crate::ticketing::interaction::Interaction;

/// First and longest pause between attempts to store a batch.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Puts interactions into the buffer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Interactions {
    told: mpsc::Sender<Interaction>,
    /// Shared by all clones; the lock is held for a few instructions and never across an await.
    rate: Arc<Mutex<TokenBucket>>,
    /// Zero of the bucket's clock.
    since: Instant,
    /// Of addresses and accounts.
    rates: Rates,
}

/// Why none of some interactions were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// Their sender reports too many.
    TooOften(TooOften),
    /// Too many wait, or the node takes no more in this second.
    NoRoom,
}

impl Interactions {
    /// The sender, and the receiver that [`run`] empties.
    pub fn new(
        config: &InteractionsConfig,
        rates: Rates,
    ) -> (Interactions, mpsc::Receiver<Interaction>) {
        let (told, heard) = mpsc::channel(config.interactions_waiting_max);
        let rate = TokenBucket::new(config.interactions_per_s_max);
        let interactions = Interactions {
            told,
            rate: Arc::new(Mutex::new(rate)),
            since: Instant::now(),
            rates,
        };
        (interactions, heard)
    }

    /// Queues all of them, or none. Never waits. They are one sender's.
    ///
    /// # Errors
    /// Their sender reports too many, or there is no room.
    pub fn tell(&self, from: Network, interactions: Vec<Interaction>) -> Result<(), Untold> {
        let count = interactions.len();
        let Some(first) = interactions.first() else {
            return Ok(());
        };
        let account = first.user_id;
        let admitted = self.admit(from, account, count);
        let room = admitted.inspect_err(|_| metrics::INTERACTIONS_DROPPED.add(count as u64))?;
        for (permit, interaction) in room.zip(interactions) {
            permit.send(interaction);
        }
        Ok(())
    }

    /// Room for so many. It is taken first, since it goes back where the rates then refuse; the sender's rate before the
    /// node's, so that one who floods takes nothing from others.
    fn admit(
        &self,
        from: Network,
        account: Option<UserId>,
        count: usize,
    ) -> Result<PermitIterator<'_, Interaction>, Untold> {
        let room = self.told.try_reserve_many(count);
        let room = room.map_err(|_| Untold::NoRoom)?;
        let senders = [Some(Who::Network(from)), account.map(Who::Account)];
        for who in senders.into_iter().flatten() {
            let counted = self.rates.count_many(RateKind::Interactions, who, count);
            counted.map_err(Untold::TooOften)?;
        }
        let now_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        // A panic cannot leave the bucket half changed.
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = rate.take_all(count, now_ms);
        allowed.then_some(room).ok_or(Untold::NoRoom)
    }
}

/// Starts the task that stores what is told.
pub(crate) fn start(
    back: &mut Tasks,
    config: &InteractionsConfig,
    store: &Store,
    rates: Rates,
) -> Interactions {
    let (interactions, told) = Interactions::new(config, rates);
    let storing = run(told, store.clone(), config.clone(), back.end());
    back.spawn_endless("interactions", storing);
    interactions
}

/// Stores interactions until `end`; then tries once to store those that are left.
pub async fn run(
    mut told: mpsc::Receiver<Interaction>,
    store: Store,
    config: InteractionsConfig,
    end: CancellationToken,
) {
    let interval = Duration::from_millis(config.interactions_interval_ms);
    let sizes = (config.interactions_enough, config.interactions_batch_max);
    let outage = Outage::new();
    'batches: while let Some(batch) = gather(&mut told, sizes, interval, &end).await {
        let mut backoff = Backoff::new(RETRY_PAUSE_MIN, RETRY_PAUSE_MAX);
        while let Err(error) = store.store_interactions(&batch).await {
            if !error.is_transient() || end.is_cancelled() {
                tracing::error!(
                    error = %with_causes(&error),
                    count = batch.len(),
                    "interactions are lost"
                );
                metrics::INTERACTIONS_DROPPED.add(batch.len() as u64);
                continue 'batches;
            }
            if let Some(tries) = outage.failed() {
                tracing::warn!(
                    tries,
                    error = %with_causes(&error),
                    "interactions cannot be stored yet"
                );
            }
            tokio::select! {
                () = end.cancelled() => {}
                () = tokio::time::sleep(backoff.pause()) => {}
            }
        }
        if outage.over() {
            tracing::info!("interactions are stored again");
        }
    }
}

/// The next batch: enough of them, or what there is `interactions_interval_ms` after its first interaction. `None` when all senders are gone.
async fn gather(
    told: &mut mpsc::Receiver<Interaction>,
    (enough, batch_max): (usize, usize),
    interval: Duration,
    end: &CancellationToken,
) -> Option<Vec<Interaction>> {
    let mut batch = Vec::new();
    tokio::select! {
        biased;
        count = told.recv_many(&mut batch, batch_max) => {
            if count == 0 {
                return None;
            }
        }
        () = end.cancelled() => return None,
    }
    let late = tokio::time::sleep(interval);
    tokio::pin!(late);
    while batch.len() < enough.min(batch_max) {
        let room = batch_max - batch.len();
        tokio::select! {
            count = told.recv_many(&mut batch, room) => {
                if count == 0 {
                    break;
                }
            }
            () = &mut late => break,
            () = end.cancelled() => {
                while batch.len() < batch_max && let Ok(one) = told.try_recv() {
                    batch.push(one);
                }
                break;
            }
        }
    }
    Some(batch)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::net::Ipv4Addr;

    use serde_json::{Map, json};

    use super::*;
    use crate::config::Config;
    use crate::limits::address::Client;

    fn from_one(
        config: &InteractionsConfig,
    ) -> (
        impl Fn(usize) -> Result<(), Untold>,
        mpsc::Receiver<Interaction>,
    ) {
        let rates = Rates::new(&Config::default().limits);
        let (interactions, told) = Interactions::new(config, rates);
        let somebody = Client::new(Ipv4Addr::LOCALHOST.into()).network();
        let tell = move |count| interactions.tell(somebody, clicks(count));
        (tell, told)
    }

    fn clicks(count: usize) -> Vec<Interaction> {
        let click: Map<_, _> = [("action".to_owned(), json!("click"))]
            .into_iter()
            .collect();
        vec![Interaction::read(click, None).unwrap(); count]
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_whole() {
        let mut config = Config::default().interactions;
        config.interactions_waiting_max = 5;
        let (tell, mut told) = from_one(&config);
        assert_eq!(tell(3), Ok(()));
        assert_eq!(tell(3), Err(Untold::NoRoom), "no half batches");
        assert_eq!(tell(2), Ok(()));
        let end = CancellationToken::new();
        let batch = gather(&mut told, (50, 500), Duration::from_millis(1), &end).await;
        assert_eq!(batch.expect("a batch").len(), 5);
    }

    #[tokio::test]
    async fn core_21_fifty_are_stored_at_once_and_fewer_after_five_seconds() {
        let config = Config::default().interactions;
        let sizes = (config.interactions_enough, config.interactions_batch_max);
        assert_eq!(sizes.0, 50);
        assert_eq!(config.interactions_interval_ms, 5_000);
        let (tell, mut told) = from_one(&config);
        let end = CancellationToken::new();
        let (at_once, soon) = (Duration::MAX, Duration::from_millis(1));
        for (count, interval) in [(49, soon), (50, at_once), (120, at_once)] {
            assert_eq!(tell(count), Ok(()));
            let batch = gather(&mut told, sizes, interval, &end).await;
            assert_eq!(batch.expect("a batch").len(), count);
        }
    }
}
