//! PRESENCE: how many visitors an event has, at which step, and the dialect's members by name. Its source is
//! sockets, not tables.
//!
//! Shards report their visitors; one task merges these reports with the counts of other nodes, and gives every
//! shard a [`PresenceView`](crate::hub::presence::View) of each event that changed. Counts are absolute and sent at most
//! once a second; the dialect's list of members is bounded and sent as diffs. A viewer has the serial of the view
//! that it was last sent, so presence needs no queue.
//!
//! - [`roster`]: one event's presence, pure: the visitors, and the difference from the last view.
//! - `rosters`: those of all events, and when each has a view to send.
//! - `showing`: offers the latest view of each event until every shard has taken it.
//! - `whereabouts`: a shard's end, with the reports that the task had no room for.
//! - `peers`: what this node writes for the others and reads of them, through the database; pure as well.
//! - Cost: reports are merged by event, so a tick costs the events that changed and their viewers, however many
//!   visitors came and went.

pub(crate) mod peers;
pub mod roster;
pub(crate) mod rosters;
pub(crate) mod showing;
pub(crate) mod whereabouts;

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::peers::{PeerAnswer, PeerQuery, Peers};
use self::roster::ListedMember;
use self::rosters::Rosters;
use self::showing::Showing;
use crate::config::PresenceConfig;
use crate::config::inside::{PRESENCE_MESSAGES_AT_ONCE_MAX, PRESENCE_MESSAGES_MAX};
use crate::hub::Hub;
use crate::protocol::presence::Counts;
use crate::store::presence::PresenceRing;
use crate::store::{Store, StoreError};
use crate::tasks::Tasks;
use crate::telemetry::with_causes;
use crate::ticketing::EventId;

/// Identifies a member's connection and join; unique on this node while the join lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    pub shard: u32,
    pub serial: u64,
}

/// A report from a shard.
#[derive(Debug)]
pub enum PresenceReport {
    /// The event has its first viewer on this shard, or has none any more.
    Watched {
        shard: usize,
        event: EventId,
        watched: bool,
    },
    /// The current counts of the event's native visitors on this shard, by step.
    Counted {
        shard: usize,
        event: EventId,
        counts: Counts,
    },
    /// A member of the dialect's `registration:` channel, new or changed.
    Tracked {
        event: EventId,
        owner: Owner,
        member: ListedMember,
    },
    Untracked {
        event: EventId,
        owner: Owner,
    },
}

impl PresenceReport {
    fn event(&self) -> EventId {
        match self {
            PresenceReport::Watched { event, .. }
            | PresenceReport::Counted { event, .. }
            | PresenceReport::Tracked { event, .. }
            | PresenceReport::Untracked { event, .. } => *event,
        }
    }
}

/// Sends reports from shards to the presence task. Cheap to clone.
#[derive(Clone)]
pub struct Presence {
    said: mpsc::Sender<PresenceReport>,
}

impl Presence {
    pub fn new() -> (Presence, mpsc::Receiver<PresenceReport>) {
        let (said, heard) = mpsc::channel(PRESENCE_MESSAGES_MAX);
        (Presence { said }, heard)
    }

    /// Queues a report.
    ///
    /// # Errors
    /// The report, when too many wait: the shard sends it again at its next tick.
    pub fn say(&self, said: PresenceReport) -> Result<(), PresenceReport> {
        self.said.try_send(said).map_err(|error| error.into_inner())
    }
}

/// The inputs of the presence task.
pub struct PresenceInputs {
    /// Reports of this node's shards.
    pub said: mpsc::Receiver<PresenceReport>,
    /// Rings of other nodes whose counts changed.
    pub rings: mpsc::Receiver<PresenceRing>,
}

/// Time that the database has to answer a query.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time that the database has to delete the lease at shutdown; otherwise the lease runs out by itself.
const FAREWELL: Duration = Duration::from_secs(1);
/// Rows of nodes that died are kept this long after their lease ended, in case such a node is only slow.
const ENDED_LEASES_KEPT: Duration = Duration::from_secs(60);

/// Starts the task, which `rings` tell of other nodes' counts.
pub(crate) fn start(
    back: &mut Tasks,
    config: &PresenceConfig,
    store: &Store,
    rings: mpsc::Receiver<PresenceRing>,
    hub: &Hub,
) -> Presence {
    let (presence, said) = Presence::new();
    let inputs = PresenceInputs { said, rings };
    let counting = run(
        store.clone(),
        inputs,
        hub.clone(),
        config.clone(),
        back.end(),
    );
    back.spawn("presence", counting);
    presence
}

/// Runs until `cancel`.
///
/// # Errors
/// A query's task panicked, so it is unknown what the other nodes can read of this one.
pub async fn run(
    store: Store,
    mut inputs: PresenceInputs,
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
                let was_in_touch = std::mem::replace(&mut in_touch, !matches!(answer, PeerAnswer::Failed));
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

/// Makes a query. Logs the loss of the database once, not at each failing query.
async fn ask(
    store: Store,
    node: Uuid,
    lease: Duration,
    query: PeerQuery,
    was_in_touch: bool,
) -> PeerAnswer {
    let answer = async {
        Ok::<_, StoreError>(match query {
            PeerQuery::Renew => {
                let renewed = store.renew_presence_lease(node, lease).await?;
                if renewed.is_new {
                    store.remove_ended_leases(ENDED_LEASES_KEPT).await?;
                }
                PeerAnswer::Renewed(renewed)
            }
            PeerQuery::Publish(counts) => {
                store.publish_presence(node, &counts).await?;
                PeerAnswer::Published
            }
            PeerQuery::Read(events) => {
                PeerAnswer::Read(store.presence_elsewhere(node, &events).await?)
            }
        })
    };
    match timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if is_about_the_query(&error) => {
            let error = with_causes(&error);
            tracing::warn!(error, "the database refused what presence asked");
            PeerAnswer::Refused
        }
        Ok(Err(error)) => {
            let error = with_causes(&error);
            if was_in_touch {
                tracing::warn!(error, "presence cannot reach the other nodes");
            }
            PeerAnswer::Failed
        }
        Err(_) => {
            if was_in_touch {
                tracing::warn!("the database did not answer presence in time");
            }
            PeerAnswer::Failed
        }
    }
}

/// Whether the database refused this very query, so that repeating it is useless.
fn is_about_the_query(error: &StoreError) -> bool {
    !error.is_transient()
}

/// Deletes the lease, so that the other nodes need not wait for its end.
async fn say_farewell(store: &Store, node: Uuid) {
    match timeout(FAREWELL, store.end_presence_lease(node)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let error = with_causes(&error);
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
