//! FAN-OUT in memory. No SQL, no HTTP.
//!
//! The hub is the seam between the feed, which knows what changed, and the shards, which own the
//! viewers' sockets. It holds no state of its own: a mailbox per shard, and a way back to the feed.
//!
//! - The feed answers a [`Watch`] with an [`Opening`] and from then on sends each [`Publication`].
//!   Both go through the same mailbox in order, so nothing falls between.
//! - A mailbox is bounded. A message that finds it full is dropped: the shard sees the gap in the
//!   next publication's `from` and asks for a new opening.
//! - Who is at an event shows no gap: `presence/` keeps a view that was not taken, and offers it again.
//! - What a shard, or the streams, do with them is one machine, [`watching`]: everything that is watched there,
//!   with [`history`], an event's state and ring, which knows what leads from a revision to now.
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
use self::presence::View;
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

/// What the feed publishes of one event: the change, the state after it, and a place for each
/// encoding of it, filled by the first shard that needs it and shared by all viewers.
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
    /// What [`NativeView::Event`] shows, to the organizer: topic `admin:{id}`.
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

/// All that a shard needs to serve viewers of an event: the state, and the recent deltas that lead
/// to it, oldest first, each beginning where the one before ended.
#[derive(Debug)]
pub struct Opening {
    pub event: EventId,
    pub state: Arc<EventState>,
    pub ring: Vec<Arc<Delta>>,
    /// Of revisions up to this one the database has lost some, and may have written others since: none
    /// of them is resumed from. 0 where nothing was lost.
    pub lost: Revision,
}

/// An answer to [`Watch::Look`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// The number of the question. Earlier ones are answered as well.
    pub look: u64,
    /// The database had this and no more when it was read, after the question. It was published before this.
    pub revision: Revision,
}

/// Why an event could not be opened, or not for this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    NoSuchEvent,
    /// The database did not answer in time; trying again later is worth it.
    Unavailable,
    /// The client has a newer revision than this node, which does not get to see the database: later, or
    /// elsewhere.
    Behind,
    /// The node goes down: its shards open nothing any more.
    Restarting,
}

/// What travels to a shard.
#[derive(Debug, Clone)]
pub enum ToShard {
    /// Of what is watched.
    News(News),
    /// What became of something that a client of the shard asked for.
    Answered(Box<Answer>),
    /// A private topic as it is now, by a read that began after this question of the shard.
    Private(Arc<Picture>, private::Ask),
    /// Why there is none.
    NoPrivate { topic: Topic, why: NotOpened },
}

/// What the feed and presence have to say of what a shard watches.
#[derive(Debug, Clone)]
pub enum News {
    Opened(Arc<Opening>),
    NotOpened {
        event: EventId,
        why: NotOpened,
    },
    /// With the span of this shard's fan-out to all of its viewers; what is done for each has none.
    Published(Arc<Publication>, Span),
    Looked {
        event: EventId,
        looked: Looked,
    },
    /// The event is let go of: its viewers are sent away if its row is gone, else to join anew.
    Closed {
        event: EventId,
        why: NotOpened,
    },
    /// Who is at an event has changed.
    Present(Arc<View>),
    /// When the node last heard from the database, and whether it does now.
    Checked(Checked),
}

/// What became of a client's request that took I/O.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The shard's names of the client and of its join.
    pub connection: u32,
    pub subscription: u32,
    /// Both names are given again; this one is not.
    pub sender: Uuid,
    /// Of the request.
    pub reference: Option<Ref>,
    pub outcome: Result<(), ErrorReply>,
}

/// What travels from a shard to the feed.
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
    /// Somebody has this revision, which the shard has not been told of: look now, do not wait, and say so when
    /// that has been done ([`News::Looked`]).
    Look {
        event: EventId,
        revision: Revision,
        shard: usize,
        /// Grows with each question of the shard.
        look: u64,
    },
}

/// Which shards watch an event. At most 64 shards ([`Hub::SHARDS_MAX`]).
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

/// Where the hub's messages arrive.
pub struct Mailboxes {
    /// By shard.
    pub shards: Vec<Mailbox<ToShard>>,
    /// To the hub the streams are one shard more, after the others.
    pub streams: Mailbox<ToShard>,
}

/// The feed's handle on all shards. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shards: Arc<[mailbox::Sender<ToShard>]>,
}

impl Hub {
    pub const SHARDS_MAX: usize = 64;

    /// A hub for `shards` shards (1 to [`Hub::SHARDS_MAX`] - 1) and the streams, what it sends to them, and
    /// the feed's end of the watches.
    pub fn new(shards: usize) -> (Hub, Mailboxes, mpsc::Receiver<Watch>) {
        Self::with_room(shards, MAILBOX_MESSAGES_MAX)
    }

    /// The same with mailboxes for so many messages.
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
            let span = tracing::debug_span!("fan_out", shard, event, from, to);
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

    /// Shows these shards who is at an event; those without viewers keep it for their first. Gives
    /// back those whose mailbox is full: they are to be shown it again, or what comes after it.
    pub fn present(&self, shards: ShardSet, view: &Arc<View>) -> ShardSet {
        let news = || ToShard::News(News::Present(view.clone()));
        let missed = |shard: &usize| !self.shards[*shard].offer(news());
        shards.iter().filter(missed).collect()
    }

    pub fn private(&self, shards: ShardSet, picture: &Arc<Picture>) {
        for shard in shards.iter() {
            self.shards[shard].send(ToShard::Private(picture.clone(), 0));
        }
    }

    /// Also answers the shard's questions up to this one.
    pub fn answer_private(&self, shard: usize, ask: private::Ask, picture: Arc<Picture>) {
        self.shards[shard].send(ToShard::Private(picture, ask));
    }

    pub fn no_private(&self, shards: ShardSet, topic: Topic, why: NotOpened) {
        for shard in shards.iter() {
            self.shards[shard].send(ToShard::NoPrivate { topic, why });
        }
    }

    /// A shard whose mailbox is full loses the answer: its client waits in vain, as it may with any network.
    pub fn answer(&self, shard: usize, answer: Answer) {
        if let Some(shard) = self.shards.get(shard) {
            shard.send(ToShard::Answered(Box::new(answer)));
        }
    }

    /// Tells every shard when the database last answered.
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
