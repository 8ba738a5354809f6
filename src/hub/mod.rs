//! Carries changes from the feed to the shards, which own the viewers' sockets. No SQL, no HTTP.
//!
//! The hub has no state of its own: a mailbox per shard, and a queue for the shards' questions to the feed.
//!
//! - The feed answers a [`Watch`] with an [`Opening`] and from then on sends each [`Publication`].
//!   Both go through the same mailbox in order, so nothing falls between.
//! - A mailbox is bounded. A message that finds it full is dropped: the shard sees the gap in the
//!   next publication's `from` and asks for a new opening.
//! - A lost view of presence would leave no gap to notice, so `presence/` offers a view again until it is taken.
//! - [`watching`] handles these messages for shards and server-sent events alike: all watched events, each with its
//!   [`history`] (state and recent deltas), from which follows the way from any revision to the current one.
//! - [`frames`] are encoded once and shared.

pub mod frames;
pub mod history;
pub mod mailbox;
pub mod presence;
pub mod private;
mod watched;
pub mod watching;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::Span;
use uuid::Uuid;

use self::frames::Encoded;
use self::presence::PresenceView;
use self::private::Picture;
pub use mailbox::{Asker, Bell, Mailbox};
pub use watched::Waiter;

use crate::config::inside::{MAILBOX_MESSAGES_MAX, WATCHES_MAX};
use crate::protocol::code::ErrorReply;
use crate::protocol::native::Checked;
use crate::protocol::phoenix::{Ref, Vsn};
use crate::protocol::topic::Topic;
use crate::ticketing::live::{Delta, EventState};
use crate::ticketing::{EventId, Revision};

/// A publication of the feed for one event: the change, the state after it, and slots for its encodings, each filled by the
/// first shard that needs it and shared by all viewers.
#[derive(Debug)]
pub struct Publication {
    pub event: EventId,
    pub delta: Arc<Delta>,
    pub state: Arc<EventState>,
    /// When the newest change in it was made, by the database's clock.
    pub committed_at: Option<Timestamp>,
    frames: Encoded<6>,
}

/// The native views of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NativeView {
    /// Counts, fields and notices: topic `event:{id}`.
    Event,
    /// Seat statuses: topic `seats:{id}`.
    Seats,
    /// The same as [`NativeView::Event`], for the organizer: topic `admin:{id}`.
    Admin,
}

impl Publication {
    pub fn new(event: EventId, delta: Arc<Delta>, state: Arc<EventState>) -> Self {
        Self {
            event,
            committed_at: delta.at.parse().ok(),
            delta,
            state,
            frames: Default::default(),
        }
    }

    /// The frame of this publication for one view and wire version, encoded on first use.
    pub fn frame(&self, view: NativeView, vsn: Vsn, encode: impl FnOnce() -> Bytes) -> Bytes {
        let slot = view as usize * 2 + matches!(vsn, Vsn::V2) as usize;
        self.frames.get(slot, encode)
    }
}

/// Everything that a shard needs to serve viewers of an event: the state, and the recent deltas that lead to it, oldest
/// first, each beginning where the one before ended.
#[derive(Debug, Clone)]
pub struct Opening {
    pub event: EventId,
    pub state: Arc<EventState>,
    pub ring: Vec<Arc<Delta>>,
    /// The database lost history up to here, and may have written these revisions again with other content; never resume at or
    /// below it. 0 if nothing was lost.
    pub lost: Revision,
    /// Set while the log was not read since the event was loaded: the state is proven current up to then, however current the
    /// other events are.
    pub proven_at: Option<Timestamp>,
}

/// An answer to [`Watch::Look`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// The number of the question; earlier ones are answered by this, too.
    pub look: u64,
    /// The database's revision when it was read after the question. It is published already.
    pub revision: Revision,
}

/// The reason why an event could not be opened, for all or for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    NoSuchEvent,
    /// The database did not answer in time; trying again later is worth it.
    Unavailable,
    /// The client has a newer revision than this node, which cannot read the database: come back later, or to another node.
    Behind,
    /// The node is shutting down: its shards open nothing any more.
    Restarting,
}

/// A message to a shard.
#[derive(Debug, Clone)]
pub enum ToShard {
    /// News of a watched event, or of the database.
    News(News),
    /// The outcome of a client's request that took I/O.
    Answered(Box<ErrandAnswer>),
    /// The content of a private topic, from a read that began after this question of the shard.
    Private(Arc<Picture>, private::AskNumber),
    /// A private topic has no content to show.
    NoPrivate { topic: Topic, why: NotOpened },
}

/// A message of the feed or of presence about watched events.
#[derive(Debug, Clone)]
pub enum News {
    Opened(Arc<Opening>),
    NotOpened {
        event: EventId,
        why: NotOpened,
    },
    /// A publication, with the span of this shard's fan-out.
    Published(Arc<Publication>, Span),
    Looked {
        event: EventId,
        looked: Looked,
    },
    /// The feed no longer watches the event: its viewers are ended if it is deleted, else they have to join again.
    Closed {
        event: EventId,
        why: NotOpened,
    },
    /// The presence of an event has changed.
    Present(Arc<PresenceView>),
    /// The time at which the node last heard from the database, and whether it does now.
    Checked(Checked),
}

/// The outcome of a client's request that took I/O.
#[derive(Debug, Clone)]
pub struct ErrandAnswer {
    /// The shard's index of the client's connection.
    pub connection: u32,
    pub subscription: u32,
    /// Identifies the join; indexes are reused, this is not.
    pub sender: Uuid,
    /// The ref of the request.
    pub reference: Option<Ref>,
    pub outcome: Result<(), ErrorReply>,
}

/// A request of a shard to the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    Watch {
        event: EventId,
        shard: usize,
    },
    Unwatch {
        event: EventId,
        shard: usize,
    },
    /// A client has this revision, which the shard has not seen: read the log now, without waiting for the window, and answer
    /// with [`News::Looked`].
    Look {
        event: EventId,
        revision: Revision,
        shard: usize,
        /// The number of the question; it grows with each one of the shard.
        look: u64,
    },
}

/// A set of shards, of which there are at most 64 ([`Hub::SHARDS_MAX`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShardSet(u64);

impl ShardSet {
    pub fn insert(&mut self, shard: usize) {
        self.0 |= 1 << shard;
    }

    pub fn remove(&mut self, shard: usize) {
        self.0 &= !(1 << shard);
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |shard| self.0 >> shard & 1 == 1)
    }
}

impl FromIterator<usize> for ShardSet {
    fn from_iter<I: IntoIterator<Item = usize>>(shards: I) -> Self {
        let mut set = ShardSet::default();
        shards.into_iter().for_each(|shard| set.insert(shard));
        set
    }
}

/// The receiving ends of the hub.
pub struct Mailboxes {
    /// Those of the shards, by index.
    pub shards: Vec<Mailbox<ToShard>>,
    /// That of server-sent events: to the hub they are one more shard, after the others.
    pub streams: Mailbox<ToShard>,
}

/// The feed's handle on all shards. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shards: Arc<[mailbox::Sender<ToShard>]>,
}

impl Hub {
    pub const SHARDS_MAX: usize = 64;

    /// A hub for `shards` shards (1 to [`Hub::SHARDS_MAX`] - 1) and the streams, their mailboxes, and the feed's receiver of
    /// requests.
    pub fn new(shards: usize) -> (Hub, Mailboxes, mpsc::Receiver<Watch>) {
        Self::with_room(shards, MAILBOX_MESSAGES_MAX)
    }

    /// The same with mailboxes of a given capacity.
    pub(crate) fn with_room(
        shards: usize,
        messages_max: usize,
    ) -> (Hub, Mailboxes, mpsc::Receiver<Watch>) {
        let (watch, watches) = mpsc::channel(WATCHES_MAX);
        let shards = shards.clamp(1, Self::SHARDS_MAX - 1);
        let (mut senders, mailboxes) = (0..shards)
            .map(|shard| mailbox::channel(shard, watch.clone(), messages_max))
            .unzip::<_, _, Vec<_>, Vec<_>>();
        let (sender, streams) = mailbox::channel(shards, watch, messages_max);
        senders.push(sender);
        let mailboxes = Mailboxes {
            shards: mailboxes,
            streams,
        };
        let shards = senders.into();
        (Hub { shards }, mailboxes, watches)
    }

    fn tell(&self, shard: usize, news: News) {
        self.shards[shard].send(ToShard::News(news));
    }

    pub fn opened(&self, shard: usize, opening: Arc<Opening>) {
        self.tell(shard, News::Opened(opening));
    }

    pub fn not_opened(&self, shard: usize, event: EventId, why: NotOpened) {
        self.tell(shard, News::NotOpened { event, why });
    }

    pub fn looked(&self, shard: usize, event: EventId, looked: Looked) {
        self.tell(shard, News::Looked { event, looked });
    }

    pub fn publish(&self, shards: ShardSet, publication: Arc<Publication>) {
        let (event, Delta { from, to, .. }) = (publication.event, &*publication.delta);
        for shard in shards.iter() {
            let span = tracing::debug_span!("fan_out", shard, event = event.0, from, to);
            self.tell(shard, News::Published(publication.clone(), span));
        }
    }

    pub fn closed(&self, shards: ShardSet, event: EventId, why: NotOpened) {
        for shard in shards.iter() {
            self.tell(shard, News::Closed { event, why });
        }
    }

    /// Every shard.
    pub fn shards(&self) -> ShardSet {
        (0..self.shards.len()).collect()
    }

    /// Sends a view of presence to these shards; those without viewers keep it for their first one. Returns the shards whose
    /// mailbox is full: they have to be sent this view or a later one again.
    pub fn present(&self, shards: ShardSet, view: &Arc<PresenceView>) -> ShardSet {
        let news = || ToShard::News(News::Present(view.clone()));
        let missed = |shard: &usize| !self.shards[*shard].offer(news());
        shards.iter().filter(missed).collect()
    }

    pub fn private(&self, shards: ShardSet, picture: &Arc<Picture>) {
        for shard in shards.iter() {
            self.shards[shard].send(ToShard::Private(picture.clone(), 0));
        }
    }

    /// Sends a picture; it answers the shard's questions up to `ask`.
    pub fn answer_private(&self, shard: usize, ask: private::AskNumber, picture: Arc<Picture>) {
        self.shards[shard].send(ToShard::Private(picture, ask));
    }

    pub fn no_private(&self, shards: ShardSet, topic: Topic, why: NotOpened) {
        for shard in shards.iter() {
            self.shards[shard].send(ToShard::NoPrivate { topic, why });
        }
    }

    /// Sends an answer. A shard whose mailbox is full loses it, and its client gets none, as on a bad network.
    pub fn answer(&self, shard: usize, answer: ErrandAnswer) {
        if let Some(shard) = self.shards.get(shard) {
            shard.send(ToShard::Answered(Box::new(answer)));
        }
    }

    /// Tells every shard the time at which the database last answered.
    pub fn checked(&self, at: Timestamp, database_up: bool) {
        let checked = Checked { at, database_up };
        for shard in 0..self.shards.len() {
            self.tell(shard, News::Checked(checked));
        }
    }

    pub fn drain(&self) {
        for shard in self.shards.iter() {
            shard.drain();
        }
    }
}
