//! Topics that are told whole: `user:{id}` and the figures of `admin:{id}`.
//!
//! The doorbell says whose bookings changed; those that somebody watches are read anew, many in one query, and
//! what differs from what was shown is handed to the shards. No log and no ring: a picture takes the place of the
//! one before, and its revision says which of two is newer (`sql/V13__sheets.sql`).
//!
//! - `planner` decides what is read and told, purely; this file listens and carries out.

mod planner;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use self::planner::{Answer, Asked, Cause, Effect, Planner, Told};
use crate::config::{FeedConfig, PrivateConfig};
use crate::hub::Hub;
use crate::hub::private::Said;
use crate::metrics;
use crate::pacing::{now, until};
use crate::protocol::topic::Topic;
use crate::store::doorbell::PrivateRing;
use crate::store::{Failure, Store, StoreError};
use crate::ticketing::EventId;
use crate::ticketing::record::Booking;

/// Where the task hears from: the shards and the doorbell.
pub struct Inputs {
    pub said: mpsc::Receiver<Said>,
    pub rings: mpsc::Receiver<PrivateRing>,
}

/// Runs until `end`.
///
/// # Errors
/// When a query's task panicked.
pub async fn run(
    store: Store,
    inputs: Inputs,
    hub: Hub,
    (feed, config): (FeedConfig, PrivateConfig),
    end: CancellationToken,
) -> Result<(), JoinError> {
    let patience = Duration::from_millis(feed.read_timeout_ms);
    let mut task = Task {
        planner: Planner::new(config.clone(), &feed, now()),
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

struct Task {
    planner: Planner,
    /// The reads under way: one at most of users and one of figures, and one of each that failed before.
    reading: JoinSet<Cause>,
    /// The count of joins under way: one at most. It gives back what was not stored.
    counting: JoinSet<Vec<(EventId, i64)>>,
    /// Joins since the last count.
    joins: HashMap<EventId, i64>,
    store: Store,
    hub: Hub,
    config: PrivateConfig,
    patience: Duration,
}

impl Task {
    async fn run(&mut self, mut inputs: Inputs, end: CancellationToken) -> Result<(), JoinError> {
        let every = Duration::from_millis(self.config.joins_interval_ms);
        let mut count = tokio::time::interval(every);
        count.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let cause = tokio::select! {
                () = end.cancelled() => return Ok(()),
                Some(ring) = inputs.rings.recv() => Cause::Rang(ring),
                Some(said) = inputs.said.recv() => match said {
                    Said::Wish(wish) => Cause::Wish(wish),
                    Said::Joined(event, joins) => {
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
                () = until(self.planner.next_at()) => Cause::Time,
            };
            for effect in self.planner.on(cause, now()) {
                self.carry_out(effect);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Read(batch) => {
                let (store, patience) = (self.store.clone(), self.patience);
                let bookings_max = self.config.own_bookings_max;
                self.reading.spawn(async move {
                    let at = Timestamp::now();
                    let told = read(&store, &batch.asked, bookings_max);
                    let told = match tokio::time::timeout(patience, told).await {
                        Ok(told) => told.map_err(|error| fault(&error)),
                        Err(_) => Err(Failure::Unusable),
                    };
                    Cause::Read(batch, told.map(|told| Answer { at, told }))
                });
            }
            Effect::Tell(shards, picture) => {
                metrics::PRIVATE_TOLD.add(1);
                self.hub.private(shards, &picture);
            }
            Effect::Refuse(shards, topic, why) => self.hub.no_private(shards, topic, why),
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

/// A query that is too slow may be so for one of its topics: only without a connection is none to blame.
fn fault(error: &StoreError) -> Failure {
    let error_logged = error as &dyn std::error::Error;
    match error.is_transient() && !matches!(error, StoreError::Busy(_)) {
        true => {
            tracing::debug!(error = error_logged, "private topics were not answered");
            Failure::Unavailable
        }
        false => {
            tracing::error!(error = error_logged, "private topics cannot be read");
            Failure::Unusable
        }
    }
}

async fn read(
    store: &Store,
    asked: &[Asked],
    bookings_max: i64,
) -> Result<HashMap<Topic, Told>, StoreError> {
    let (mut users, mut events): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for asked in asked {
        match asked.topic {
            Topic::User(user) => users.push((user, asked.known)),
            Topic::Admin(event) => events.push(event),
            _ => {}
        }
    }
    let mut told = HashMap::with_capacity(asked.len());
    if !users.is_empty() {
        for own in store.own_bookings(&users, bookings_max).await? {
            let body = own.bookings.as_deref().map(own_body);
            let (topic, owner) = (Topic::User(own.user), own.user);
            told.insert(
                topic,
                Told {
                    revision: own.revision,
                    owner,
                    body,
                },
            );
        }
    }
    if !events.is_empty() {
        for figures in store.figures(&events).await? {
            let topic = Topic::Admin(figures.event);
            let (revision, owner) = (figures.revision, figures.organizer);
            told.insert(
                topic,
                Told {
                    revision,
                    owner,
                    body: Some(raw(&figures)),
                },
            );
        }
    }
    Ok(told)
}

fn own_body(bookings: &[Booking]) -> Arc<RawValue> {
    #[derive(Serialize)]
    struct Own<'a> {
        bookings: &'a [Booking],
    }
    raw(&Own { bookings })
}

/// Our own structs have string keys and finite numbers: they always become JSON.
fn raw(value: &impl Serialize) -> Arc<RawValue> {
    to_raw_value(value).map_or_else(|_| RawValue::NULL.to_owned().into(), Arc::from)
}
