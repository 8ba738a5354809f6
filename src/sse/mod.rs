//! The same frames as server-sent events: `GET /api/v1/events/{id}/stream`, for whoever cannot or does
//! not want to open a WebSocket.
//!
//! To the hub this stage is one more shard: a mailbox of its own, watches of its own. The `desk` here is one
//! task that keeps a [`Place`](place::Place) per event; each stream is a response body that looks into its
//! place when that has moved. A stream has the revision that it was last sent, no queue: one that
//! reads slowly is given what it missed in one frame.
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

mod keeper;
mod place;
mod route;
mod stall;
mod viewer;

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use self::place::Place;
use crate::auth::Auth;
use crate::config::Config;
use crate::hub::{Mailbox, NotOpened, ToShard};
use crate::metrics;
use crate::presence::Presence;
use crate::protocol::native::Checked;
use crate::tasks::Tasks;
use crate::ticketing::EventId;

pub use keeper::{Keeper, new};
pub use route::{document, router};

/// Starts the task that keeps the streams' places.
pub(crate) fn start(
    back: &mut Tasks,
    config: &Arc<Config>,
    auth: &Auth,
    presence: Presence,
    mailbox: Mailbox<ToShard>,
) -> Streams {
    let (streams, keeper) = new(config.clone(), auth.clone(), presence, mailbox);
    back.spawn_endless("the streams", keeper.run(back.end()));
    streams
}

/// The way to the places. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    asks: mpsc::Sender<Ask>,
    node: Arc<Node>,
}

/// A stream that wants to see an event.
struct Ask {
    event: EventId,
    answer: oneshot::Sender<Result<Arc<Place>, NotOpened>>,
}

/// What all streams share.
struct Node {
    config: Arc<Config>,
    auth: Auth,
    open: AtomicUsize,
    by_address: DashMap<IpAddr, usize>,
    /// Written by the keeper about once a second, read for each beat.
    checked: Mutex<Checked>,
    /// Whether the database answers; its change is a reason to beat at once.
    database_up: watch::Sender<bool>,
    /// The node goes down.
    drain: CancellationToken,
}

impl Node {
    fn new(config: Arc<Config>, auth: Auth) -> Node {
        Node {
            config,
            auth,
            open: AtomicUsize::new(0),
            by_address: DashMap::new(),
            checked: Mutex::new(Checked::up(Timestamp::now())),
            database_up: watch::Sender::new(true),
            drain: CancellationToken::new(),
        }
    }

    fn checked(&self) -> Checked {
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_checked(&self, at: Timestamp, database_up: bool) {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.at = checked.at.max(at);
        checked.database_up = database_up;
        drop(checked);
        self.database_up
            .send_if_modified(|up| std::mem::replace(up, database_up) != database_up);
    }
}

/// One stream's place in the counts; given back when dropped.
struct Admission {
    node: Arc<Node>,
    address: IpAddr,
}

impl Admission {
    /// `None` when there are as many as there may be, in all or from this address.
    fn to(node: &Arc<Node>, address: IpAddr) -> Option<Admission> {
        let before = node.open.fetch_add(1, Ordering::Relaxed);
        metrics::STREAMS.add(1);
        let from_address = {
            let mut count = node.by_address.entry(address).or_insert(0);
            *count += 1;
            *count
        };
        let admission = Admission {
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

impl Drop for Admission {
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
