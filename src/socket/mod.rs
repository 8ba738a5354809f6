//! The WebSocket endpoint, and the shards that own its connections.
//!
//! - [`handshake`]: axum routes the request and answers 101; then the socket leaves the async runtime
//!   for a shard.
//! - `shard` is the loop of one thread. Its parts own their data: `connections` the sockets (each a `connection` with its
//!   `outbox`), [`watching`](crate::hub::watching) the events, `channels` the viewers of each view, `fan_out` the sends to
//!   many viewers, `wheel` the timers. Its actions are in files of their own: `intake` reads, `joins` answers joins,
//!   `perform` carries out effects of sessions, `bring` brings one connection to the current state, `visits` handles beats
//!   and timeouts, `drain` the shutdown.
//! - `session` is one client's conversation as a pure state machine; `channel` makes the frames of one topic.
//!
//! Connections are not tasks of tokio: waking a task for each delivery costs more than the write, and a buffer for each
//! connection more memory than the rest of it (`ARCHITECTURE.md`, «Decisions»).

mod bring;
mod channel;
mod channels;
mod clock;
mod connection;
mod connections;
mod drain;
mod errands;
mod fan_out;
pub mod handshake;
#[cfg(test)]
pub(crate) mod held;
mod intake;
mod joins;
mod outbox;
mod perform;
mod private;
mod session;
mod shard;
mod visits;
mod wheel;
mod whereabouts;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use bytes::Bytes;
use dashmap::DashMap;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::session::Rules;

use crate::auth::{self, Auth, Caller};
use crate::broadcast::Broadcasts;
use crate::config::inside::{INTAKE_CONNECTIONS_MAX, PORTION_VIEWERS};
use crate::config::{AvailabilityConfig, Config, PresenceConfig, Rate, SocketConfig, Switch};
use crate::http::ConnectionPlace;
use crate::hub::private::PrivateTopics;
use crate::hub::{Bell, Mailbox, ToShard};
use crate::interactions::Interactions;
use crate::limits::address::Network;
use crate::metrics;
use crate::pacing::SharedTokenBucket;
use crate::presence::Presence;
use crate::protocol::phoenix::Vsn;
use crate::tasks::Tasks;

/// The configuration of a shard.
pub(crate) struct ShardConfig {
    socket: SocketConfig,
    availability: AvailabilityConfig,
    presence: PresenceConfig,
    presence_task: Presence,
    broadcasts: Broadcasts,
    private: PrivateTopics,
    interactions: Interactions,
    auth: Arc<Auth>,
    ring_deltas_max: usize,
    unwatch_grace_ms: u64,
    /// The number of viewers that are sent to before sockets are read again.
    portion_viewers: usize,
    drain_timeout_ms: u64,
    counts: Arc<ConnectionCounts>,
}

/// Handles on the tasks that do I/O for the shards, or serve all of them.
pub struct Errands {
    pub presence: Presence,
    pub broadcasts: Broadcasts,
    pub private: PrivateTopics,
    pub interactions: Interactions,
}

impl ShardConfig {
    fn of(config: &Config, auth: Arc<Auth>, errands: Errands) -> Self {
        Self {
            socket: config.socket.clone(),
            availability: config.availability.clone(),
            presence: config.presence.clone(),
            presence_task: errands.presence,
            broadcasts: errands.broadcasts,
            private: errands.private,
            interactions: errands.interactions,
            auth,
            ring_deltas_max: config.feed.ring_deltas_max,
            unwatch_grace_ms: config.feed.unwatch_grace_s * 1_000,
            portion_viewers: PORTION_VIEWERS,
            drain_timeout_ms: config.http.drain_timeout_ms,
            counts: Arc::default(),
        }
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            limits: &self.socket,
            auth: &self.auth,
            presence: &self.presence,
            now: auth::token_time(),
        }
    }

    /// Connections of the whole node.
    fn clients(&self) -> usize {
        self.counts.total.load(Ordering::Relaxed)
    }

    /// Connections of the whole node when it began to shut down: one number for all shards, which begin one after the other.
    fn clients_at_drain(&self) -> usize {
        *self.counts.at_drain.get_or_init(|| self.clients())
    }
}

/// The number of connections, in all and from each address.
#[derive(Default)]
struct ConnectionCounts {
    total: AtomicUsize,
    at_drain: OnceLock<usize>,
    by_address: DashMap<Network, FromAddress>,
}

/// The connections of one address.
struct FromAddress {
    count: usize,
    joins: Option<Arc<SharedTokenBucket>>,
}

/// Counts one connection until it is dropped.
struct Admission {
    counts: Arc<ConnectionCounts>,
    address: Network,
    /// The joins of all connections of the address; `None` where these are not limited.
    joins: Option<Arc<SharedTokenBucket>>,
    /// Its share of the open files, given back when this is dropped.
    _place: Option<ConnectionPlace>,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.counts.total.fetch_sub(1, Ordering::Relaxed);
        metrics::CONNECTIONS.add(-1);
        self.counts
            .by_address
            .remove_if_mut(&self.address, |_, from_address| {
                from_address.count -= 1;
                from_address.count == 0
            });
    }
}

/// A connection after its handshake, on its way to a shard.
struct AcceptedSocket {
    stream: std::net::TcpStream,
    /// Bytes that the client sent right after its handshake request.
    leftover: Bytes,
    vsn: Vsn,
    caller: Caller,
    api_key: Option<Box<str>>,
    admission: Admission,
    /// Set if it is over a limit: it is refused by a close frame, since browsers do not show HTTP statuses.
    refused: Option<(u16, &'static str)>,
}

/// A handle on the shards. Cheap to clone.
#[derive(Clone)]
pub struct Shards {
    intakes: Arc<[Intake]>,
    next: Arc<AtomicUsize>,
    counts: Arc<ConnectionCounts>,
    limits: SocketConfig,
    /// Of all connections of one address.
    joins_rate: Option<Rate>,
    auth: Arc<Auth>,
    /// Handshakes whose 101 is being written.
    handshakes: TaskTracker,
}

struct Intake {
    queue: SyncSender<AcceptedSocket>,
    bell: Bell,
}

/// Resolves when the shard has ended; with an error if it ended too early.
pub type ShardEnd = oneshot::Receiver<Result<(), std::io::Error>>;

impl Shards {
    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.counts.total.load(Ordering::Relaxed)
    }

    /// Waits for `end`, and then until the last handshake under way is over: its 101 is written, or its connection has ended.
    pub async fn finish_handshakes(self, end: CancellationToken) {
        end.cancelled().await;
        self.handshakes.close();
        self.handshakes.wait().await;
    }

    /// Hands a connection to the next shard in turn; `false` when its intake is full, or it
    /// has ended.
    fn adopt(&self, accepted: AcceptedSocket) -> bool {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.intakes.len();
        let intake = &self.intakes[turn];
        let taken = intake.queue.try_send(accepted).is_ok();
        intake.bell.ring();
        taken
    }

    fn joins_of_address(&self) -> Option<Arc<SharedTokenBucket>> {
        let rate = self.joins_rate?;
        let joins = SharedTokenBucket::full(rate.per_minute, rate.burst);
        Some(Arc::new(joins))
    }

    /// Counts a connection, and says whether it is one too many.
    fn admit(&self, address: Network, place: Option<ConnectionPlace>) -> (Admission, bool) {
        let total = self.counts.total.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::CONNECTIONS.add(1);
        let (from_address, joins) = {
            let entry = self.counts.by_address.entry(address);
            let mut from_address = entry.or_insert_with(|| FromAddress {
                count: 0,
                joins: self.joins_of_address(),
            });
            from_address.count += 1;
            (from_address.count, from_address.joins.clone())
        };
        let per_address_max = self.limits.connections_per_address_max;
        let over = total > self.limits.connections_max
            || (per_address_max > 0 && from_address > per_address_max);
        metrics::CONNECTIONS_REFUSED.add(u64::from(over));
        (
            Admission {
                counts: self.counts.clone(),
                address,
                joins,
                _place: place,
            },
            over,
        )
    }
}

/// The niceness of shard threads (0 to 19): they get less of a busy processor than others.
const SHARD_NICENESS: i32 = 10;

/// Lowers the priority of this thread, so that viewers do not slow down buyers: shards use the time that bookings and Postgres
/// leave. If the system does not allow it, they run like all others.
fn give_way() {
    // On Linux each thread has a priority of its own; `None` means the calling thread.
    if let Err(error) = rustix::process::setpriority_process(None, SHARD_NICENESS) {
        tracing::debug!(%error, "shards have the priority of everybody");
    }
}

/// The number of shards of a configuration.
pub fn shard_count(limits: &SocketConfig) -> usize {
    match limits.shards {
        0 => thread::available_parallelism().map_or(2, usize::from),
        shards => shards,
    }
    // One mailbox of the hub is for server-sent events.
    .min(crate::hub::Hub::SHARDS_MAX - 1)
}

/// Starts the shards as watched tasks, and the handle that gives them connections.
///
/// # Errors
/// A poller or a thread cannot be made.
pub(crate) fn start(
    front: &mut Tasks,
    config: &Config,
    auth: &Auth,
    errands: Errands,
    mailboxes: Vec<Mailbox<ToShard>>,
) -> std::io::Result<Shards> {
    let (shards, ends) = spawn(mailboxes, Arc::new(auth.clone()), errands, config)?;
    for end in ends {
        front.spawn("a connection shard", async {
            // A shard that panicked drops its end unsent.
            end.await
                .map_err(|_| std::io::Error::other("it panicked"))?
        });
    }
    let handing_over = shards.clone().finish_handshakes(front.end());
    front.spawn_endless("the handshakes", handing_over);
    Ok(shards)
}

/// Starts one thread per mailbox.
///
/// # Errors
/// A poller or a thread cannot be made.
pub fn spawn(
    mailboxes: Vec<Mailbox<ToShard>>,
    auth: Arc<Auth>,
    errands: Errands,
    config: &Config,
) -> std::io::Result<(Shards, Vec<ShardEnd>)> {
    let limits = &config.socket;
    let shard_config = ShardConfig::of(config, auth.clone(), errands);
    let shard_config = Arc::new(shard_config);
    let counts = shard_config.counts.clone();
    let (mut intakes, mut ends) = (Vec::new(), Vec::new());
    for mailbox in mailboxes {
        let (queue, intake) = sync_channel(INTAKE_CONNECTIONS_MAX);
        intakes.push(Intake {
            queue,
            bell: mailbox.bell.clone(),
        });
        let name = format!("shard-{}", mailbox.asker.shard);
        let shard = shard::Shard::new(shard_config.clone(), mailbox, intake)?;
        let (end, ended) = oneshot::channel();
        // A shard that panics drops its end, which is seen as well.
        thread::Builder::new().name(name).spawn(move || {
            give_way();
            end.send(shard.run())
        })?;
        ends.push(ended);
    }
    let shards = Shards {
        intakes: intakes.into(),
        next: Arc::default(),
        counts,
        limits: limits.clone(),
        joins_rate: (config.limits.limits == Switch::On).then_some(config.limits.joins),
        auth,
        handshakes: TaskTracker::new(),
    };
    Ok((shards, ends))
}
