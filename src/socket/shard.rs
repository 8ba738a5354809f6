//! A shard: one thread that owns its sockets, and serves their viewers.
//!
//! Everything here belongs to this thread: it takes no locks, and waits only in the poller. Messages of the hub come through
//! the mailbox, new connections through the intake; both ring the shard's bell.
//!
//! The shard only puts its parts together. Each part owns its data: `connections` the sockets, `watching` (the hub's machine)
//! the events, `channels` the viewers of each view, `fan_outs` the sends to many viewers, `whereabouts` and `private` the
//! topics without a log, `wheel` the timers.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use super::channels::Channels;
use super::clock::Clock;
use super::connections::Connections;
use super::drain::ShardDrain;
use super::fan_out::{FanOuts, PassContent, PendingChange};
use super::joins::WaitingJoin;
use super::private::WatchedPrivate;
use super::session::Effect;
use super::wheel::Wheel;
use super::{AcceptedSocket, ShardConfig};
use crate::clock::database_now;
use crate::config::inside::POLLED_EVENTS_MAX;
use crate::hub::watching::{Bounds, Then, Watching};
use crate::hub::{Mailbox, ToShard};
use crate::presence::whereabouts::Whereabouts;
use crate::protocol::native::Checked;

const WAKE: Token = Token(usize::MAX);
/// The longest sleep of a shard.
const IDLE_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Shard {
    pub(super) config: Arc<ShardConfig>,
    pub(super) shard: u32,
    mailbox: Mailbox<ToShard>,
    intake: Receiver<AcceptedSocket>,
    poll: Poll,
    pub(super) clock: Clock,
    pub(super) wheel: Wheel,
    pub(super) connections: Connections,
    pub(super) watching: Watching<WaitingJoin>,
    pub(super) channels: Channels,
    fan_outs: FanOuts,
    pub(super) whereabouts: Whereabouts,
    pub(super) private: WatchedPrivate,
    pub(super) draining: Option<ShardDrain>,
    /// The number of the last join that waited.
    pub(super) joins: u32,
    /// Effects of sessions. Kept between turns to save the allocation.
    pub(super) effects: Vec<Effect>,
}

impl Shard {
    pub(super) fn new(
        config: Arc<ShardConfig>,
        mailbox: Mailbox<ToShard>,
        intake: Receiver<AcceptedSocket>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        mailbox.bell.connect(move || {
            // The poller of a live shard takes every wake; a dead shard has nobody to wake.
            let _ = waker.wake();
        });
        let bounds = Bounds {
            ring_deltas_max: config.ring_deltas_max,
            grace_ms: config.unwatch_grace_ms,
            road: "shard",
        };
        let (asker, checked) = (mailbox.asker.clone(), Checked::up(database_now()));
        let shard = u32::try_from(asker.shard).unwrap_or(u32::MAX);
        Ok(Self {
            shard,
            clock: Clock::default(),
            wheel: Wheel::new(config.socket.beat_interval_ms),
            connections: Connections::new(poll.registry().try_clone()?),
            watching: Watching::new(asker, bounds, checked),
            channels: Channels::default(),
            fan_outs: FanOuts::default(),
            whereabouts: Whereabouts::new(shard, config.presence_task.clone()),
            private: WatchedPrivate::default(),
            draining: None,
            joins: 0,
            effects: Vec::new(),
            config,
            mailbox,
            intake,
            poll,
        })
    }

    /// Runs until the node has drained.
    ///
    /// # Errors
    /// The poller failed, so the shard cannot go on.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(POLLED_EVENTS_MAX);
        while !self.has_drained() {
            let patience = self.patience();
            self.turn(&mut events, patience)?;
        }
        Ok(())
    }

    /// Waits for input and handles all of it, and sends one portion of a fan-out.
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
        while let Ok(accepted) = self.intake.try_recv() {
            if let Err(error) = self.adopt(accepted) {
                tracing::debug!(%error, "a new connection was gone before it was served");
            }
        }
        self.carry_out();
        self.fan_out();
        self.on_ticks();
        self.say_goodbyes();
        Ok(())
    }

    /// The longest time to sleep now.
    pub(super) fn patience(&self) -> Duration {
        if self.connections.has_unread() || self.fan_outs.is_under_way() {
            return Duration::ZERO;
        }
        if self.connections.is_empty() && self.watching.is_empty() {
            return IDLE_PATIENCE;
        }
        let now_ms = self.now_ms();
        let rested = self.fan_outs.next_ms();
        let rested_ms = rested.map_or(u64::MAX, |at| at.saturating_sub(now_ms));
        Duration::from_millis(self.wheel.until_tick(now_ms).min(rested_ms))
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn on_mail(&mut self) {
        let now_ms = self.now_ms();
        while let Some(message) = self.mailbox.next() {
            match message {
                ToShard::News(news) => self.watching.on(news, now_ms),
                ToShard::Answered(answer) => self.on_answer(*answer),
                ToShard::Private(picture, answers) => self.on_private(&picture, answers),
                ToShard::NoPrivate { topic, why } => self.on_no_private(topic, why),
            }
            self.carry_out();
        }
        if self.mailbox.is_draining() && self.draining.is_none() {
            self.drain();
        }
        let lost = self.mailbox.take_dropped() > 0;
        self.watching.mail_is_read(lost);
        if lost {
            self.reopen_private();
        }
        self.carry_out();
    }

    /// Carries out the actions of `watching`.
    pub(super) fn carry_out(&mut self) {
        while let Some(then) = self.watching.take_next() {
            match then {
                Then::Watched(event, watched) => self.whereabouts.say_watched(event, watched),
                Then::Answer(event, waiter) => {
                    let id = waiter.connection;
                    self.answer(event, waiter);
                    self.perform(id);
                }
                Then::Refuse(event, waiter, why) => self.refuse(event, &waiter, why),
                Then::Moved(event, publication, span) => {
                    self.end_unseen(event);
                    self.channels.moved(event);
                    let moved = PendingChange::by(publication.as_deref(), span);
                    let (channels, clock) = (&self.channels, &self.clock);
                    self.fan_outs.moved(event, moved, channels, clock);
                }
                Then::Present(event) => {
                    let moved = PendingChange::by(None, tracing::Span::none());
                    let (channels, clock) = (&self.channels, &self.clock);
                    self.fan_outs.moved(event, moved, channels, clock);
                }
                Then::End(event, why) => self.end_viewers(event, why),
                // A node that loses its database, or has it back, tells all clients at once.
                Then::Turned => {
                    for id in self.connections.ids() {
                        self.beat(id);
                    }
                }
            }
        }
    }

    /// Sends one portion of a fan-out.
    fn fan_out(&mut self) {
        self.fan_outs.wake(&self.channels, &self.clock);
        let mut budget = self.config.portion_viewers;
        while budget > 0
            && let Some(mut pass) = self.fan_outs.next()
        {
            let event = pass.event();
            if let Some(history) = self.watching.history(event) {
                let shown = PassContent {
                    history,
                    here: self.watching.here(event).map(|here| &**here),
                    limits: &self.config.availability,
                };
                let (channels, connections) = (&mut self.channels, &mut self.connections);
                let portion = pass.go_on(&mut budget, &shown, channels, connections);
                portion.gone.into_iter().for_each(|id| self.remove(id));
                portion.with_beat.into_iter().for_each(|id| self.beat(id));
                portion.to_bring.into_iter().for_each(|id| self.bring(id));
                for (id, subscription) in portion.to_read_anew {
                    self.let_read_anew(id, &[subscription]);
                }
            } else {
                pass.give_up();
            }
            self.fan_outs.put_back(pass, &self.channels, &self.clock);
        }
    }
}

#[cfg(test)]
mod tests;
