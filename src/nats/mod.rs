//! THE BUS: with `--bus nats` one node reads the log for all, and NATS brings each change to the nodes that watch
//! its event.
//!
//! Without it every node reads the log itself, which is right for a few nodes. With it one of them, the `relay`,
//! publishes each change to `seatcast.<installation>.change.<event>` and announces itself on
//! `seatcast.<installation>.relay` twice a second; the others subscribe to the events that they watch. NATS may lose
//! anything: a missing revision shows as a gap, the log is still polled, and every node reads it once when the relay falls
//! silent or another takes over. Postgres stays the only truth.
//!
//! The name of the installation is derived from its database and schema ([`Store::installation`]), so several may share one
//! NATS. Nodes ask for it when they start: one that started before a dump was restored elsewhere has another name than one that
//! started after it, and then reads the log itself.
//!
//! `follower` is the subscriber; it passes each [`BusMessage`] to the feed. Both sides are built with the feature `nats`.

#[cfg(feature = "nats")]
mod follower;
#[cfg(feature = "nats")]
mod relay;

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

#[cfg(feature = "nats")]
use crate::config::Bus;
use crate::config::Config;
use crate::config::inside::HEARD_CHANGES_MAX;
use crate::metrics;
use crate::store::Store;
use crate::tasks::Tasks;
use crate::ticketing::EventId;
use crate::ticketing::live::Delta;

/// A message from the bus to the feed.
#[derive(Debug)]
pub enum BusMessage {
    /// One change of a watched event.
    Change(EventId, Box<Delta>),
    /// The event has, or may have, changes that the bus did not bring: read the log.
    LookAgain(EventId),
    /// A new relay publishes from here on, or (`false`) none does. Earlier changes may not have been published:
    /// read the log once.
    Carried(bool),
}

/// The events to subscribe to. Clones share one set, bounded by
/// [`crate::config::FeedConfig::watched_events_max`].
#[derive(Clone, Default)]
pub struct Interest(Arc<Wanted>);

#[derive(Default)]
struct Wanted {
    /// Written by the feed, read by the bus.
    events: Mutex<HashSet<EventId>>,
    changed: Notify,
}

impl Interest {
    pub fn add(&self, event: EventId) {
        self.lock().insert(event);
        self.0.changed.notify_one();
    }

    pub fn remove(&self, event: EventId) {
        self.lock().remove(&event);
        self.0.changed.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<EventId>> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The subjects of an installation.
#[derive(Debug, Clone)]
pub struct Subjects {
    prefix: Arc<str>,
}

impl Subjects {
    pub fn of(installation: &str) -> Subjects {
        let prefix = format!("seatcast.{installation}").into();
        Subjects { prefix }
    }

    /// Changes of an event.
    pub fn change(&self, event: EventId) -> String {
        format!("{}.change.{event}", self.prefix)
    }

    /// The relay's announcements.
    pub fn relay(&self) -> String {
        format!("{}.relay", self.prefix)
    }
}

/// Starts what `--bus` asks for. What the bus brings: nothing ever, where there is none.
///
/// # Errors
/// The address of NATS is not one, or the database does not answer.
#[cfg_attr(
    not(feature = "nats"),
    expect(unused_variables, clippy::unused_async, reason = "the feature is off")
)]
pub(crate) async fn start(
    back: &mut Tasks,
    config: &Config,
    store: &Store,
    interest: &Interest,
) -> Result<mpsc::Receiver<BusMessage>, Box<dyn Error + Send + Sync>> {
    let (out, heard) = mpsc::channel(HEARD_CHANGES_MAX);
    metrics::BUS_CONNECTED.set(-1);
    #[cfg(feature = "nats")]
    if config.bus.bus == Bus::Nats {
        metrics::BUS_CONNECTED.set(0);
        let client = follower::connect(&config.bus.nats_url).await?;
        let subjects = Subjects::of(&store.installation().await?);
        let following = follower::follow(
            (client.clone(), subjects.clone()),
            interest.clone(),
            out,
            back.end(),
        );
        back.spawn_endless("the bus", following);
        let probe_interval = std::time::Duration::from_millis(config.feed.probe_interval_ms);
        let bus = config.bus.clone();
        let relaying = relay::run(
            store.clone(),
            (client, subjects),
            bus,
            probe_interval,
            back.end(),
        );
        back.spawn_endless("the relay", relaying);
    }
    Ok(heard)
}
