//! Server-sent events: `GET /api/v1/events/{id}/stream` sends the same frames to clients that cannot or do not want to open
//! a WebSocket.
//!
//! To the hub this stage is one more shard: it has a mailbox, requests of its own, and the same machine
//! ([`watching`](crate::hub::watching)), which [`shown`] keeps behind a lock. A task reads the mail and wakes the streams.
//! A stream is a response body; when woken, it asks for the way from its revision to the current one. It has no queue:
//! a slow one is sent all missed changes in one frame.
//!
//! | `event:` | `data:` | `id:` |
//! |---|---|---|
//! | `snapshot` | the response of a join: `{"revision", "resumed": false, "state"}` | the revision |
//! | `update` | as on the socket: `{"from", "to", …}`; apply iff `from <= have < to` | `to` |
//! | `presence` | `{"total", "by_step"}` | |
//! | `beat` | `{"revisions", "checked_at"}` | |
//! | `drain` | `{"reconnect_in_ms"}`, with `retry:` saying the same | |
//!
//! `Last-Event-ID` or `?since=` resume: what follows is an `update` from there, or, where memory does
//! not reach back so far, a `snapshot`. `?topic=seats` streams the seats in place of the counts.

mod route;
pub(crate) mod shown;
mod text;
pub(crate) mod viewer;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::shown::ShownEvents;
use crate::auth::Auth;
use crate::config::Config;
use crate::hub::{Mailbox, ToShard};
use crate::limits::address::Network;
use crate::metrics;
use crate::presence::Presence;
use crate::tasks::Tasks;

pub use route::{document, router};

/// How often timers are checked.
const TICK: Duration = Duration::from_millis(250);

/// Starts the task that reads the streams' mail.
pub(crate) fn start(
    back: &mut Tasks,
    config: &Arc<Config>,
    auth: &Auth,
    presence: Presence,
    mailbox: Mailbox<ToShard>,
) -> Streams {
    let streams = Streams::new(config.clone(), auth.clone(), presence, mailbox);
    back.spawn_endless("the streams", streams.clone().run(back.end()));
    streams
}

/// A handle on the streams. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    node: Arc<StreamNode>,
}

/// State that all streams share.
struct StreamNode {
    config: Arc<Config>,
    auth: Auth,
    shown: Arc<ShownEvents>,
    open: AtomicUsize,
    by_address: DashMap<Network, usize>,
}

impl Streams {
    pub fn new(
        config: Arc<Config>,
        auth: Auth,
        presence: Presence,
        mailbox: Mailbox<ToShard>,
    ) -> Streams {
        let shown = Arc::new(ShownEvents::new(&config, presence, mailbox));
        let node = StreamNode {
            config,
            auth,
            shown,
            open: AtomicUsize::new(0),
            by_address: DashMap::new(),
        };
        Streams {
            node: Arc::new(node),
        }
    }

    /// Reads the mail and checks timers until `cancel`.
    pub async fn run(self, cancel: CancellationToken) {
        let shown = &self.node.shown;
        let (mail, start) = (Arc::new(Notify::new()), Instant::now());
        let bell = mail.clone();
        shown.connect(move || bell.notify_one());
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = mail.notified() => {}
                _ = tick.tick() => {}
            }
            let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            shown.turn(now_ms);
        }
    }
}

/// One stream's place in the counts; given back when dropped.
struct StreamAdmission {
    node: Arc<StreamNode>,
    address: Network,
}

impl StreamAdmission {
    /// Counts a stream; `None` if there are too many, in all or from this address.
    fn to(node: &Arc<StreamNode>, address: Network) -> Option<StreamAdmission> {
        let before = node.open.fetch_add(1, Ordering::Relaxed);
        metrics::STREAMS.add(1);
        let from_address = {
            let mut count = node.by_address.entry(address).or_insert(0);
            *count += 1;
            *count
        };
        let admission = StreamAdmission {
            node: node.clone(),
            address,
        };
        let limits = &node.config.stream;
        let per_address_max = limits.streams_per_address_max;
        let over =
            before >= limits.streams_max || (per_address_max > 0 && from_address > per_address_max);
        (!over).then_some(admission)
    }
}

impl Drop for StreamAdmission {
    fn drop(&mut self) {
        self.node.open.fetch_sub(1, Ordering::Relaxed);
        metrics::STREAMS.add(-1);
        self.node
            .by_address
            .remove_if_mut(&self.address, |_, count| {
                *count -= 1;
                *count == 0
            });
    }
}
