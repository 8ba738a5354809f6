//! WHO IS HERE. Its source is sockets, not tables.
//!
//! Shards say who came, moved on and left; one task merges what they say with what other nodes
//! say, and hands every shard a [`View`](crate::hub::presence::View) of each
//! event when it changed. Counts are absolute and
//! leave at most once a second; the dialect's list of members is bounded and goes out as diffs.
//! A viewer has the serials of what it was last sent, so presence needs no queue either.
//!
//! - [`roster`] is one event's presence, pure: who is there, what changed since the last view.
//! - `rosters` is all of them, and when each has something to show.
//! - `showing` hands views out: the latest of each event, until every shard has taken it.
//! - `peers` decides, as purely, what this node and the others tell each other through the database.
//! - Cost: what shards say is merged by event, so a tick costs the events that changed and their
//!   viewers, however many came and went in between.

pub(crate) mod peers;
pub mod roster;
pub(crate) mod rosters;
pub(crate) mod showing;

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::peers::{Answer, Peers, Query};
use self::roster::Listed;
use self::rosters::Rosters;
use self::showing::Showing;
use crate::config::PresenceConfig;
use crate::config::inside::{PRESENCE_MESSAGES_AT_ONCE_MAX, PRESENCE_MESSAGES_MAX};
use crate::hub::Hub;
use crate::protocol::presence::Counts;
use crate::store::presence::PresenceRing;
use crate::store::{Store, StoreError};
use crate::ticketing::EventId;

/// Who tracked something: unique on this node, for as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    pub shard: u32,
    pub serial: u64,
}

/// What a shard says.
#[derive(Debug)]
pub enum Said {
    /// Somebody on this shard began to watch the event, or nobody does any more.
    Watched {
        shard: usize,
        event: EventId,
        watched: bool,
    },
    /// How many native viewers of the event are at which step, on this shard, now.
    Counted {
        shard: usize,
        event: EventId,
        counts: Counts,
    },
    /// A member of the dialect's `registration:` channel, new or changed.
    Tracked {
        event: EventId,
        owner: Owner,
        member: Listed,
    },
    Untracked {
        event: EventId,
        owner: Owner,
    },
}

impl Said {
    fn event(&self) -> EventId {
        match self {
            Said::Watched { event, .. }
            | Said::Counted { event, .. }
            | Said::Tracked { event, .. }
            | Said::Untracked { event, .. } => *event,
        }
    }
}

/// The shards' way to say something. Cheap to clone.
#[derive(Clone)]
pub struct Presence {
    said: mpsc::Sender<Said>,
}

impl Presence {
    pub fn new() -> (Presence, mpsc::Receiver<Said>) {
        let (said, heard) = mpsc::channel(PRESENCE_MESSAGES_MAX);
        (Presence { said }, heard)
    }

    /// Says it, or gives it back when too much waits: the shard says it again at its next tick.
    ///
    /// # Errors
    /// What was to be said.
    pub fn say(&self, said: Said) -> Result<(), Said> {
        self.said.try_send(said).map_err(|error| error.into_inner())
    }
}

/// Where presence hears from.
pub struct Inputs {
    /// The shards of this node.
    pub said: mpsc::Receiver<Said>,
    /// The other nodes.
    pub rings: mpsc::Receiver<PresenceRing>,
}

/// Time that the database has to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time that it has to take the lease back at the end; past it the lease runs out.
const FAREWELL: Duration = Duration::from_secs(1);
/// Rows of nodes that did not say farewell are kept this long after the end of their lease, in case they
/// are only slow.
const ENDED_LEASES_KEPT: Duration = Duration::from_secs(60);

/// Runs until `cancel`.
///
/// # Errors
/// When a query's task panicked, which leaves it unknown what the other nodes were told.
pub async fn run(
    store: Store,
    mut inputs: Inputs,
    hub: Hub,
    config: PresenceConfig,
    cancel: CancellationToken,
) -> Result<(), JoinError> {
    let node = Uuid::new_v4();
    let lease = Duration::from_millis(config.lease_ms);
    let mut peers = Peers::new(node, &config, now());
    let mut rosters = Rosters::new(config);
    let mut queries = JoinSet::new();
    let mut showing = Showing::new(hub);
    let mut in_touch = true;
    loop {
        let wake_at = [rosters.next_at(), peers.next_at(), showing.next_at()];
        let mut batch = Vec::new();
        tokio::select! {
            () = cancel.cancelled() => break,
            count = inputs.said.recv_many(&mut batch, PRESENCE_MESSAGES_AT_ONCE_MAX) => if count == 0 { break },
            Some(ring) = inputs.rings.recv() => peers.rang(&ring, rosters.all(), now()),
            Some(answer) = queries.join_next() => {
                let answer = answer?;
                let was_in_touch = std::mem::replace(&mut in_touch, !matches!(answer, Answer::Failed));
                if in_touch && !was_in_touch {
                    tracing::info!("presence reaches the other nodes again");
                }
                let elsewhere = peers.answered(answer, rosters.all(), now());
                rosters.count_elsewhere(elsewhere, now());
            }
            () = until(wake_at.into_iter().flatten().min()) => {}
        }
        batch
            .into_iter()
            .for_each(|said| rosters.hear(said, &mut peers, now()));
        for view in rosters.due(now()) {
            showing.show(view, now());
        }
        showing.show_missed(now());
        if let Some(query) = peers.query(rosters.all(), now()) {
            queries.spawn(ask(store.clone(), node, lease, query, in_touch));
        }
    }
    queries.shutdown().await;
    say_farewell(&store, node).await;
    Ok(())
}

/// Says at once that the database is lost, but not again at each query until it is back.
async fn ask(
    store: Store,
    node: Uuid,
    lease: Duration,
    query: Query,
    was_in_touch: bool,
) -> Answer {
    let answer = async {
        Ok::<_, StoreError>(match query {
            Query::Renew => {
                let renewed = store.renew_presence_lease(node, lease).await?;
                if renewed.is_new {
                    store.remove_ended_leases(ENDED_LEASES_KEPT).await?;
                }
                Answer::Renewed(renewed)
            }
            Query::Publish(counts) => {
                store.publish_presence(node, &counts).await?;
                Answer::Published
            }
            Query::Read(events) => Answer::Read(store.presence_elsewhere(node, &events).await?),
        })
    };
    match timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if is_about_the_query(&error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the database refused what presence asked");
            Answer::Refused
        }
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            if was_in_touch {
                tracing::warn!(error, "presence cannot reach the other nodes");
            }
            Answer::Failed
        }
        Err(_) => {
            if was_in_touch {
                tracing::warn!("the database did not answer presence in time");
            }
            Answer::Failed
        }
    }
}

/// The database answered, and will answer the same query in the same way.
fn is_about_the_query(error: &StoreError) -> bool {
    !error.is_transient()
}

/// The others need not wait for the end of the lease.
async fn say_farewell(store: &Store, node: Uuid) {
    match timeout(FAREWELL, store.end_presence_lease(node)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::info!(error, "the lease of presence runs out by itself");
        }
        Err(_) => tracing::info!("the lease of presence runs out by itself"),
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
