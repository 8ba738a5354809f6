//! Reads a user's own bookings and the tickets that the user took over (`user:{id}`), and an organizer's figures
//! (`admin:{id}`), and sends them to the shards.
//!
//! The doorbell names the users whose bookings or tickets were written. For those with viewers here, the versions are read,
//! many users in one query, and then what is new or has another version. `hub::private::picture` makes each
//! viewer's frames.
//!
//! - `planner` decides what is read and which shards get it, without I/O; `read` asks the store; this file carries out.

pub(crate) mod planner;
mod read;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use self::planner::{TopicCause, TopicEffect, TopicPlanner};
use self::read::read;
use crate::config::{FeedConfig, PrivateConfig};
use crate::hub::Hub;
use crate::hub::private::{PrivateTopics, TopicReport};
use crate::metrics;
use crate::pacing::{now, until};
use crate::store::doorbell::PrivateRing;
use crate::store::private::OwnMost;
use crate::store::{QueryFailure, Store, StoreError};
use crate::tasks::Tasks;
use crate::telemetry::with_causes;
use crate::ticketing::EventId;

/// The inputs of the task: messages of the shards, and rings of the doorbell.
pub struct PrivateInputs {
    pub said: mpsc::Receiver<TopicReport>,
    pub rings: mpsc::Receiver<PrivateRing>,
}

/// Starts the task that reads watched topics when they ring, and at intervals.
pub(crate) fn start(
    back: &mut Tasks,
    config: (FeedConfig, PrivateConfig),
    store: &Store,
    rings: mpsc::Receiver<PrivateRing>,
    hub: &Hub,
) -> PrivateTopics {
    let (topics, said) = PrivateTopics::new();
    let inputs = PrivateInputs { said, rings };
    let telling = run(store.clone(), inputs, hub.clone(), config, back.end());
    back.spawn("the private topics", telling);
    topics
}

/// Runs until `end`.
///
/// # Errors
/// A query's task panicked.
pub async fn run(
    store: Store,
    inputs: PrivateInputs,
    hub: Hub,
    (feed, config): (FeedConfig, PrivateConfig),
    end: CancellationToken,
) -> Result<(), JoinError> {
    let patience = Duration::from_millis(feed.read_timeout_ms);
    let mut task = TopicTask {
        planner: TopicPlanner::new(config.clone(), &feed, now()),
        reading: JoinSet::new(),
        counting: JoinSet::new(),
        joins: HashMap::new(),
        store,
        hub,
        config,
        patience,
    };
    task.run(inputs, end).await
}

struct TopicTask {
    planner: TopicPlanner,
    /// The reads under way: at most one of users and one of figures, and one retry of each.
    reading: JoinSet<TopicCause>,
    /// The statement that stores join counts: at most one. It returns the counts that were not stored.
    counting: JoinSet<Vec<(EventId, i64)>>,
    /// Joins that are not stored yet.
    joins: HashMap<EventId, i64>,
    store: Store,
    hub: Hub,
    config: PrivateConfig,
    patience: Duration,
}

impl TopicTask {
    async fn run(
        &mut self,
        mut inputs: PrivateInputs,
        end: CancellationToken,
    ) -> Result<(), JoinError> {
        let every = Duration::from_millis(self.config.joins_interval_ms);
        let mut count = tokio::time::interval(every);
        count.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let cause = tokio::select! {
                () = end.cancelled() => return Ok(()),
                Some(ring) = inputs.rings.recv() => TopicCause::Rang(ring),
                Some(said) = inputs.said.recv() => match said {
                    TopicReport::Wish(wish) => TopicCause::Wish(wish),
                    TopicReport::Joined(event, joins) => {
                        self.count(event, joins);
                        continue;
                    }
                },
                Some(read) = self.reading.join_next() => read?,
                Some(unsaid) = self.counting.join_next() => {
                    unsaid?.into_iter().for_each(|(event, joins)| self.count(event, joins));
                    continue;
                }
                _ = count.tick() => {
                    self.store_joins();
                    continue;
                }
                () = until(self.planner.next_at()) => TopicCause::Time,
            };
            for effect in self.planner.on(cause, now()) {
                self.carry_out(effect);
            }
        }
    }

    fn carry_out(&mut self, effect: TopicEffect) {
        match effect {
            TopicEffect::Read(batch) => {
                let (store, patience) = (self.store.clone(), self.patience);
                let most = OwnMost {
                    bookings: self.config.own_bookings_max,
                    tickets: self.config.own_tickets_max,
                };
                self.reading.spawn(async move {
                    let answer = read(&store, &batch.asked, most);
                    let answer = match tokio::time::timeout(patience, answer).await {
                        Ok(answer) => answer.map_err(|error| fault(&error)),
                        Err(_) => Err(QueryFailure::Unusable),
                    };
                    TopicCause::Read(batch, answer)
                });
            }
            TopicEffect::Tell(shards, picture) => {
                metrics::PRIVATE_TOLD.add(1);
                self.hub.private(shards, &picture);
            }
            TopicEffect::Answer(shard, ask, picture) => {
                self.hub.answer_private(shard, ask, picture)
            }
            TopicEffect::Refuse(shards, topic, why) => self.hub.no_private(shards, topic, why),
        }
    }

    fn count(&mut self, event: EventId, joins: i64) {
        if self.joins.len() < self.config.joined_events_max || self.joins.contains_key(&event) {
            *self.joins.entry(event).or_default() += joins;
        }
    }

    fn store_joins(&mut self) {
        if self.joins.is_empty() || !self.counting.is_empty() {
            return;
        }
        let (store, patience) = (self.store.clone(), self.patience);
        let joins: Vec<_> = self.joins.drain().collect();
        self.counting.spawn(async move {
            match tokio::time::timeout(patience, store.count_joins(&joins)).await {
                Ok(Ok(())) => Vec::new(),
                Ok(Err(_)) | Err(_) => joins,
            }
        });
    }
}

/// Classifies a failed read. A slow query may be slow because of one of its topics, so only a missing connection is the
/// database's fault as a whole.
fn fault(error: &StoreError) -> QueryFailure {
    let said = with_causes(error);
    match error.is_transient() && !matches!(error, StoreError::Busy(_)) {
        true => {
            tracing::debug!(error = said, "private topics were not answered");
            QueryFailure::Unavailable
        }
        false => {
            tracing::error!(error = said, "private topics cannot be read");
            QueryFailure::Unusable
        }
    }
}
