//! A shard: one thread that owns its sockets, and serves their viewers from the topic entries that it keeps.
//!
//! Everything here belongs to this thread: no locks, no waiting but in the poller. What comes from
//! elsewhere comes through the mailbox (the feed) and the intake (new connections); both ring the
//! shard's bell.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use jiff::Timestamp;
use mio::{Events, Poll, Token, Waker};
use slab::Slab;

use super::channel::{Channel, ChannelKey};
use super::clock::Clock;
use super::connection::Connection;
use super::drain::Drain;
use super::private::Watched;
use super::session::Effect;
use super::topics::Topic;
use super::wheel::Wheel;
use super::whereabouts::Whereabouts;
use super::{Accepted, ShardConfig};
use crate::config::inside::{POLLED_EVENTS_MAX, SCRATCH_BYTES};
use crate::hub::{Mailbox, NotOpened, ToShard};
use crate::protocol::native::Checked;
use crate::ticketing::EventId;

const WAKE: Token = Token(usize::MAX);
/// A shard without connections sleeps this long at most.
const IDLE_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Shard {
    pub(super) config: Arc<ShardConfig>,
    pub(super) shard: u32,
    pub(super) mailbox: Mailbox<ToShard>,
    pub(super) intake: Receiver<Accepted>,
    pub(super) poll: Poll,
    pub(super) clock: Clock,
    pub(super) connections: Slab<Connection>,
    pub(super) topics: Slab<Topic>,
    pub(super) by_event: HashMap<EventId, usize>,
    pub(super) channels: Slab<Channel>,
    pub(super) by_key: HashMap<ChannelKey, usize>,
    /// Nobody keeps a read buffer at rest.
    pub(super) scratch: Box<[u8]>,
    /// Kept between turns to save the allocation.
    pub(super) effects: Vec<Effect>,
    /// Connections with more to read than one turn allowed.
    pub(super) unread: Vec<usize>,
    pub(super) wheel: Wheel,
    /// When the node last heard from the database.
    pub(super) checked: Checked,
    pub(super) whereabouts: Whereabouts,
    pub(super) private: Watched,
    pub(super) draining: Option<Drain>,
}

impl Shard {
    pub(super) fn new(
        config: Arc<ShardConfig>,
        mailbox: Mailbox<ToShard>,
        intake: Receiver<Accepted>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        mailbox.bell.connect(move || {
            // The poller of a live shard takes every wake; a dead shard has nobody to wake.
            let _ = waker.wake();
        });
        let wheel = Wheel::new(config.socket.beat_interval_ms);
        Ok(Self {
            shard: u32::try_from(mailbox.shard).unwrap_or(u32::MAX),
            config,
            mailbox,
            intake,
            poll,
            clock: Clock::default(),
            connections: Slab::new(),
            topics: Slab::new(),
            by_event: HashMap::new(),
            channels: Slab::new(),
            by_key: HashMap::new(),
            scratch: vec![0; SCRATCH_BYTES].into(),
            effects: Vec::new(),
            unread: Vec::new(),
            wheel,
            checked: Checked::up(Timestamp::now()),
            whereabouts: Whereabouts::default(),
            private: Watched::default(),
            draining: None,
        })
    }

    /// Runs until the node has drained.
    ///
    /// # Errors
    /// When the poller fails: the shard cannot serve anybody any more.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(POLLED_EVENTS_MAX);
        while !self.has_drained() {
            let patience = self.patience();
            self.turn(&mut events, patience)?;
        }
        Ok(())
    }

    /// Waits for something to happen, and sees to all that did.
    pub(super) fn turn(&mut self, events: &mut Events, patience: Duration) -> io::Result<()> {
        match self.poll.poll(events, Some(patience)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &*events {
            match event.token() {
                WAKE => {}
                Token(id) => {
                    if event.is_writable() {
                        self.on_writable(id);
                    }
                    if event.is_readable() || event.is_read_closed() || event.is_error() {
                        self.on_readable(id);
                    }
                }
            }
        }
        self.read_unread();
        self.mailbox.bell.answer();
        self.on_mail();
        self.on_intake();
        self.on_ticks();
        self.say_goodbyes();
        Ok(())
    }

    /// How long to sleep if nothing comes.
    pub(super) fn patience(&self) -> Duration {
        if !self.unread.is_empty() {
            return Duration::ZERO;
        }
        if self.connections.is_empty() && self.topics.is_empty() {
            return IDLE_PATIENCE;
        }
        Duration::from_millis(self.wheel.until_tick(self.now_ms()))
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn on_mail(&mut self) {
        // Believed when all is known that was lost before it was said.
        let mut checked = None;
        while let Some(message) = self.mailbox.next() {
            match message {
                ToShard::Publish(publication, span) => {
                    span.in_scope(|| self.on_publication(publication));
                }
                ToShard::Opened(opening) => self.on_opened(&opening),
                ToShard::NotOpened { event, why } => {
                    self.on_not_opened(event, why, why == NotOpened::NoSuchEvent)
                }
                ToShard::Closed { event, why } => self.on_not_opened(event, why, true),
                ToShard::Checked { at, database_up } => checked = Some((at, database_up)),
                ToShard::Present(view) => self.on_presence(view),
                ToShard::Answered(answer) => self.on_answer(*answer),
                ToShard::Private(picture, answers) => self.on_private(&picture, answers),
                ToShard::NoPrivate { topic, why } => self.on_no_private(topic, why),
            }
        }
        if self.mailbox.is_draining() && self.draining.is_none() {
            self.drain();
        }
        if self.mailbox.take_dropped() > 0 {
            tracing::warn!(
                shard = self.mailbox.shard,
                "mailbox overflow: all topics are opened anew"
            );
            let topics: Vec<usize> = self.topics.iter().map(|(id, _)| id).collect();
            topics.into_iter().for_each(|id| self.open_anew(id));
            self.reopen_private();
        }
        if let Some((at, database_up)) = checked {
            self.on_checked(at, database_up);
        }
    }

    /// A node that loses its database, or has it back, says so to everybody at once.
    fn on_checked(&mut self, at: Timestamp, database_up: bool) {
        let turned = self.checked.database_up != database_up;
        self.checked = Checked {
            at: self.checked.at.max(at),
            database_up,
        };
        if turned {
            let ids: Vec<usize> = self.connections.iter().map(|(id, _)| id).collect();
            ids.into_iter().for_each(|id| self.beat(id));
        }
    }
}
