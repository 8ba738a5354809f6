//! A shard: one thread that owns its sockets, and serves their viewers from the topic entries that it keeps.
//!
//! Everything here belongs to this thread: no locks, no waiting but in the poller. What comes from
//! elsewhere comes through the mailbox (the feed) and the intake (new connections); both ring the
//! shard's bell.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::channel::{Channel, ChannelKey, Member};
use super::connection::{Connection, Postponed, Turn};
use super::drain::Drain;
use super::session::{Effect, Opened, Session, Stage};
use super::wheel::Wheel;
use super::whereabouts::Whereabouts;
use super::{Accepted, ShardConfig};
use crate::hub::topic::TopicEntry;
use crate::hub::{Mailbox, NotOpened, Opening, Publication, ToShard, Watch};
use crate::metrics;
use crate::protocol::code;
use crate::protocol::native::Checked;
use crate::ticketing::EventId;
use crate::ticketing::live::EventStatus;

const WAKE: Token = Token(usize::MAX);
/// Events taken from the poller at a time.
const EVENTS_MAX: usize = 1_024;
/// Shared by all connections of the shard: nobody keeps a read buffer at rest.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Effects whose room is kept between turns.
const EFFECTS_KEPT_MAX: usize = 1_024;
/// A shard without connections sleeps this long at most.
const IDLE_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Shard {
    pub(super) config: Arc<ShardConfig>,
    pub(super) shard: u32,
    mailbox: Mailbox<ToShard>,
    intake: Receiver<Accepted>,
    poll: Poll,
    clock: Instant,
    pub(super) connections: Slab<Connection>,
    pub(super) topics: Slab<Topic>,
    by_event: HashMap<EventId, usize>,
    pub(super) channels: Slab<Channel>,
    by_key: HashMap<ChannelKey, usize>,
    scratch: Box<[u8]>,
    /// Kept between turns to save the allocation.
    pub(super) effects: Vec<Effect>,
    /// Connections with more to read than one turn allowed.
    unread: Vec<usize>,
    pub(super) wheel: Wheel,
    /// When the node last heard from the database.
    pub(super) checked: Checked,
    pub(super) whereabouts: Whereabouts,
    pub(super) draining: Option<Drain>,
}

/// An event that somebody here watches, or waits for.
pub(super) struct Topic {
    pub(super) event: EventId,
    /// `None` until the feed has opened it.
    pub(super) entry: Option<TopicEntry>,
    waiting: Vec<Waiter>,
    channels: Vec<usize>,
    /// The feed's queue was full when it was asked to watch: ask again.
    ask_again: bool,
    /// Since when nobody watches it (shard's clock).
    empty_since_ms: Option<u64>,
}

struct Waiter {
    connection: usize,
    subscription: u32,
    key: ChannelKey,
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
            clock: Instant::now(),
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
            draining: None,
        })
    }

    /// Runs until the node has drained.
    ///
    /// # Errors
    /// When the poller fails: the shard cannot serve anybody any more.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            match self.poll.poll(&mut events, Some(self.patience())) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
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
            if self.has_drained() {
                return Ok(());
            }
        }
    }

    /// How long to sleep if nothing comes.
    fn patience(&self) -> Duration {
        if !self.unread.is_empty() {
            return Duration::ZERO;
        }
        if self.connections.is_empty() && self.topics.is_empty() {
            return IDLE_PATIENCE;
        }
        Duration::from_millis(self.wheel.until_tick(self.now_ms()))
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    // --- what comes from the feed

    fn on_mail(&mut self) {
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
                ToShard::Checked { at, database_up } => self.on_checked(at, database_up),
                ToShard::Present(view) => self.on_presence(view),
                ToShard::Answered(answer) => self.on_answer(*answer),
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
            topics.into_iter().for_each(|id| self.watch(id));
        }
    }

    fn on_publication(&mut self, publication: Arc<Publication>) {
        let Some(&topic) = self.by_event.get(&publication.event) else {
            return;
        };
        let Some(entry) = &mut self.topics[topic].entry else {
            return;
        };
        let committed_at = publication.committed_at;
        match entry.publish(publication) {
            Ok(true) => {
                self.end_unseen(topic);
                self.fan_out(topic);
                if let Some(committed_at) = committed_at {
                    let lag = committed_at.duration_until(Timestamp::now());
                    metrics::COMMIT_TO_SEND.took(lag.try_into().unwrap_or_default());
                }
            }
            Ok(false) => {}
            Err(gap) => {
                metrics::GAPS.one("shard");
                tracing::debug!(
                    ?gap,
                    topic,
                    "a publication was lost on its way: opening anew"
                );
                self.watch(topic);
            }
        }
    }

    fn on_opened(&mut self, opening: &Opening) {
        let Some(&topic) = self.by_event.get(&opening.event) else {
            return;
        };
        let known = self.topics[topic].entry.as_ref().map(TopicEntry::revision);
        match known.map(|known| known.cmp(&opening.state.revision)) {
            Some(Ordering::Equal) => return,
            // The database went back, and the mailbox was too full for the word of it.
            Some(Ordering::Greater) => self.end_viewers(topic, NotOpened::Unavailable),
            Some(Ordering::Less) | None => {}
        }
        let place = &mut self.topics[topic];
        place.entry = Some(TopicEntry::open(opening, self.config.ring_deltas_max));
        for waiter in std::mem::take(&mut place.waiting) {
            self.answer(topic, waiter.connection, waiter.subscription, waiter.key);
            self.perform(waiter.connection);
        }
        // Viewers of an entry that was opened anew after a gap.
        self.end_unseen(topic);
        self.fan_out(topic);
        self.note_if_empty(topic);
    }

    /// The event is not there (any more), or cannot be loaded now: everybody who waits for it or
    /// watches it is told. `over`: the feed lets go of it, and so do its viewers.
    fn on_not_opened(&mut self, event: EventId, why: NotOpened, over: bool) {
        let Some(&topic) = self.by_event.get(&event) else {
            return;
        };
        for waiter in std::mem::take(&mut self.topics[topic].waiting) {
            if let Some(connection) = self.connections.get_mut(waiter.connection) {
                let session = &mut connection.session;
                if session.waits_for(waiter.subscription, &waiter.key) {
                    session.not_opened(waiter.subscription, event, why, &mut self.effects);
                    self.perform(waiter.connection);
                }
            }
        }
        if over {
            self.end_viewers(topic, why);
        }
        if self.topics[topic].entry.is_none() || over {
            // Whoever joins next asks anew; the feed has forgotten it, too.
            self.topics.remove(topic);
            self.by_event.remove(&event);
            self.say_watched(event, false);
        } else {
            // It was to be opened anew, after a gap: ask until it is.
            self.topics[topic].ask_again = true;
        }
    }

    fn end_viewers(&mut self, topic: usize, why: NotOpened) {
        for channel in self.channels_of(topic) {
            let channel = self.channels.get(channel);
            for member in channel.map_or(Vec::new(), |channel| channel.members.clone()) {
                let id = member.connection as usize;
                if let Some(connection) = self.connections.get_mut(id) {
                    let (session, effects) = (&mut connection.session, &mut self.effects);
                    match why {
                        NotOpened::NoSuchEvent => session.end(member.subscription, effects),
                        NotOpened::Unavailable | NotOpened::Restarting => {
                            session.fail(member.subscription, effects);
                        }
                    }
                    self.perform(id);
                }
            }
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

    // --- what comes from clients

    fn on_intake(&mut self) {
        while let Ok(accepted) = self.intake.try_recv() {
            if let Err(error) = self.adopt(accepted) {
                tracing::debug!(%error, "a new connection was gone before it was served");
            }
        }
    }

    fn adopt(&mut self, accepted: Accepted) -> io::Result<()> {
        let now_ms = self.now_ms();
        let send_buffer = self.config.socket.send_buffer_bytes;
        rustix::net::sockopt::set_socket_send_buffer_size(&accepted.stream, send_buffer)?;
        let mut socket = mio::net::TcpStream::from_std(accepted.stream);
        let entry = self.connections.vacant_entry();
        let id = entry.key();
        self.poll.registry().register(
            &mut socket,
            Token(id),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let session = Session::new(
            accepted.vsn,
            accepted.caller,
            accepted.api_key,
            &self.config.socket,
            now_ms,
        );
        let connection = entry.insert(Connection::new(socket, session, accepted.admission, now_ms));
        connection.beat_in = self.wheel.beat_visits();
        if let Some((code, reason)) = accepted.refused {
            self.effects.push(Effect::Close { code, reason });
        } else if !accepted.leftover.is_empty() {
            let rules = self.config.rules();
            connection.take(
                &mut accepted.leftover.to_vec(),
                now_ms,
                rules,
                &mut self.effects,
            );
        }
        self.perform(id);
        self.send_away(id);
        self.on_readable(id);
        Ok(())
    }

    fn on_readable(&mut self, id: usize) {
        let now_ms = self.now_ms();
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let rules = self.config.rules();
        let turn = connection.read(&mut self.scratch, now_ms, rules, &mut self.effects);
        self.perform(id);
        match turn {
            Turn::Done => {}
            Turn::More => self.read_again(id),
            Turn::Gone => self.remove(id),
        }
    }

    /// Once, however often there is more: else a busy client would have more turns than others.
    fn read_again(&mut self, id: usize) {
        if let Some(connection) = self.connections.get_mut(id)
            && !std::mem::replace(&mut connection.unread, true)
        {
            self.unread.push(id);
        }
    }

    fn read_unread(&mut self) {
        for id in std::mem::take(&mut self.unread) {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.unread = false;
                self.on_readable(id);
            }
        }
    }

    fn on_writable(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.is_blocked() {
            connection.unblock();
            self.bring(id);
            self.answer_postponed(id);
        }
    }

    /// Answers the joins that waited for the socket, until it is full again.
    fn answer_postponed(&mut self, id: usize) {
        while let Some(connection) = self.connections.get_mut(id)
            && connection.is_clear()
            && !connection.postponed.is_empty()
        {
            let Postponed {
                subscription,
                key,
                event,
            } = connection.postponed.remove(0);
            if connection.session.waits_for(subscription, &key) {
                self.join(id, subscription, key, event);
                self.perform(id);
            }
        }
    }

    /// A client that does not read is not owed more states than it has topics: its join is answered
    /// when its socket has drained. `true` when it was put off.
    fn postpone(&mut self, id: usize, subscription: u32, key: &ChannelKey, event: EventId) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        // An error shows itself at the next read.
        let _ = connection.flush();
        if !connection.is_blocked() {
            return false;
        }
        let Connection {
            session, postponed, ..
        } = connection;
        postponed.retain(|other| session.waits_for(other.subscription, &other.key));
        postponed.push(Postponed {
            subscription,
            key: key.clone(),
            event,
        });
        true
    }

    /// Does what the session asked for, then writes.
    pub(super) fn perform(&mut self, id: usize) {
        let mut effects = std::mem::take(&mut self.effects);
        // Answering a join may ask for more; it comes to the end of the same list.
        let mut next = 0;
        while next < effects.len() {
            let effect = std::mem::replace(&mut effects[next], Effect::Send(bytes::Bytes::new()));
            next += 1;
            match effect {
                Effect::Send(frame) => self.send(id, frame),
                Effect::Close { code, reason } => self.close(id, code, reason),
                Effect::Step { channel, was, is } => self.step(channel, was, is),
                Effect::Track {
                    subscription,
                    channel,
                    key,
                    tracked,
                } => self.track(id, subscription, channel, key, tracked),
                Effect::Untrack { channel, owner } => self.untrack(channel, owner),
                Effect::Say {
                    subscription,
                    channel,
                    saying,
                } => self.pass_on(id, subscription, channel, *saying),
                Effect::Leave { channel, member } => self.leave(channel, member),
                Effect::Join {
                    subscription,
                    key,
                    event,
                } => self.join(id, subscription, key, event),
            }
            effects.append(&mut self.effects);
        }
        effects.clear();
        effects.shrink_to(EFFECTS_KEPT_MAX);
        self.effects = effects;
        self.recheck(id);
        self.bring(id);
    }

    /// After another token came: ends what its bearer may not see.
    fn recheck(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if !connection.session.take_caller_changed() {
            return;
        }
        let mut hidden = Vec::new();
        for (place, subscription) in connection.session.subscriptions_mut() {
            if let Stage::Live { channel, .. } = subscription.stage
                && let Some(entry) = &self.topics[self.channels[channel].topic].entry
            {
                hidden.push((place, entry.state().clone()));
            }
        }
        let session = &mut connection.session;
        hidden.retain(|(_, state)| !session.may_see(&state.event));
        for (place, _) in hidden {
            session.end(place, &mut self.effects);
        }
        if !self.effects.is_empty() {
            self.perform(id);
        }
    }

    /// An event that became a draft is nobody's business any more but its organizer's.
    fn end_unseen(&mut self, topic: usize) {
        let Some(state) = self.topics[topic]
            .entry
            .as_ref()
            .map(|entry| entry.state().clone())
        else {
            return;
        };
        if state.event.status != EventStatus::Draft {
            return;
        }
        for channel in self.channels_of(topic) {
            let channel = self.channels.get(channel);
            for member in channel.map_or(Vec::new(), |channel| channel.members.clone()) {
                let id = member.connection as usize;
                if let Some(connection) = self.connections.get_mut(id)
                    && !connection.session.may_see(&state.event)
                {
                    connection
                        .session
                        .end(member.subscription, &mut self.effects);
                    self.perform(id);
                }
            }
        }
    }

    pub(super) fn send(&mut self, id: usize, frame: bytes::Bytes) {
        let max = self.config.socket.outbox_bytes_max;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.is_open() && connection.send(frame, max).is_err() {
            self.close(id, code::OUTBOX_OVERFLOW.number, "read faster, then resume");
        }
    }

    pub(super) fn close(&mut self, id: usize, code: u16, reason: &str) {
        let now_ms = self.now_ms();
        if let Some(connection) = self.connections.get_mut(id) {
            connection.close(code, reason, now_ms);
        }
    }

    /// Takes a connection that has ended out of everything.
    pub(super) fn remove(&mut self, id: usize) {
        let Some(mut connection) = self.connections.try_remove(id) else {
            return;
        };
        // The socket's end also ends its registration; an error here changes nothing.
        let _ = self.poll.registry().deregister(&mut connection.socket);
        for (_, subscription) in connection.session.subscriptions_mut() {
            if let Stage::Live {
                channel, member, ..
            } = subscription.stage
            {
                match subscription.presence.leave(channel) {
                    Some(Effect::Step { channel, was, is }) => self.step(channel, was, is),
                    Some(Effect::Untrack { channel, owner }) => self.untrack(channel, owner),
                    _ => {}
                }
                self.leave(channel, member);
            }
        }
    }

    // --- topics and channels

    fn join(&mut self, id: usize, subscription: u32, key: ChannelKey, event: EventId) {
        if self.draining.is_some()
            && let Some(connection) = self.connections.get_mut(id)
        {
            let (session, why) = (&mut connection.session, NotOpened::Restarting);
            return session.not_opened(subscription, event, why, &mut self.effects);
        }
        let topic = match self.by_event.get(&event) {
            Some(&topic) => topic,
            None => self.create_topic(event),
        };
        self.topics[topic].empty_since_ms = None;
        if self.topics[topic].entry.is_some() {
            self.answer(topic, id, subscription, key);
            self.note_if_empty(topic);
        } else {
            self.topics[topic].waiting.push(Waiter {
                connection: id,
                subscription,
                key,
            });
        }
    }

    fn create_topic(&mut self, event: EventId) -> usize {
        let topic = self.topics.insert(Topic {
            event,
            entry: None,
            waiting: Vec::new(),
            channels: Vec::new(),
            ask_again: false,
            empty_since_ms: None,
        });
        self.by_event.insert(event, topic);
        self.watch(topic);
        self.say_watched(event, true);
        topic
    }

    pub(super) fn watch(&mut self, topic: usize) {
        let event = self.topics[topic].event;
        let asked = self.mailbox.ask(Watch::Watch {
            event,
            shard: self.mailbox.shard,
        });
        self.topics[topic].ask_again = !asked;
    }

    /// Answers a join whose event is open, and makes the client a viewer. Subscribing comes first,
    /// in the same turn: nothing can be published between the answer and the first frame.
    fn answer(&mut self, topic: usize, id: usize, subscription: u32, key: ChannelKey) {
        let event = self.topics[topic].event;
        if self.postpone(id, subscription, &key, event) {
            return;
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let Topic {
            event,
            entry: Some(entry),
            channels,
            ..
        } = &mut self.topics[topic]
        else {
            return;
        };
        if !connection.session.waits_for(subscription, &key) {
            return;
        }
        let channel_id = match self.by_key.get(&key) {
            Some(&channel) => channel,
            None => {
                let channel = self.channels.insert(Channel::new(key.clone(), topic));
                self.by_key.insert(key, channel);
                channels.push(channel);
                channel
            }
        };
        let channel = &mut self.channels[channel_id];
        let limits = &self.config.availability;
        let here = self.whereabouts.view(*event);
        let opened = connection.session.opened(
            subscription,
            Opened {
                channel: channel_id,
                member: channel.members.len(),
                event: &entry.state().event,
                revision: entry.revision(),
                here,
            },
            |view, since| channel.joined(view, entry, since, here, limits, Timestamp::now()),
            &mut self.effects,
        );
        if opened {
            if !self.checked.database_up {
                // What was just answered may be old, and its beat says so.
                connection.beat_in = 1;
            }
            let connection = u32::try_from(id).unwrap_or(u32::MAX);
            channel.members.push(Member {
                connection,
                subscription,
            });
        } else {
            self.drop_if_empty(channel_id);
        }
    }

    fn leave(&mut self, channel_id: usize, member: usize) {
        let Some(channel) = self.channels.get_mut(channel_id) else {
            return;
        };
        if member < channel.members.len() {
            channel.members.swap_remove(member);
        }
        if let Some(moved) = channel.members.get(member)
            && let Some(connection) = self.connections.get_mut(moved.connection as usize)
            && let Some(subscription) = connection.session.subscription_mut(moved.subscription)
            && let Stage::Live { member: place, .. } = &mut subscription.stage
        {
            *place = member;
        }
        self.drop_if_empty(channel_id);
    }

    fn drop_if_empty(&mut self, channel_id: usize) {
        if self.channels[channel_id].members.is_empty() {
            let channel = self.channels.remove(channel_id);
            self.by_key.remove(&channel.key);
            self.topics[channel.topic]
                .channels
                .retain(|&other| other != channel_id);
            self.note_if_empty(channel.topic);
        }
    }

    /// The event that a channel sees.
    pub(super) fn event_of(&self, channel: usize) -> Option<EventId> {
        Some(self.topics[self.channels.get(channel)?.topic].event)
    }

    pub(super) fn topic_of(&self, event: EventId) -> Option<usize> {
        self.by_event.get(&event).copied()
    }

    fn note_if_empty(&mut self, topic: usize) {
        let now_ms = self.now_ms();
        let topic = &mut self.topics[topic];
        if topic.channels.is_empty() && topic.waiting.is_empty() {
            topic.empty_since_ms.get_or_insert(now_ms);
        }
    }

    /// Forgets topics that nobody has watched for a while; asks again where the feed was too busy.
    pub(super) fn tend_topics(&mut self, now_ms: u64) {
        let grace_ms = self.config.unwatch_grace_ms;
        let ended = |topic: &Topic| {
            topic
                .empty_since_ms
                .is_some_and(|since| now_ms >= since + grace_ms)
        };
        let ids: Vec<usize> = self
            .topics
            .iter()
            .filter(|(_, t)| ended(t) || t.ask_again)
            .map(|(id, _)| id)
            .collect();
        for id in ids {
            if !ended(&self.topics[id]) {
                self.watch(id);
            } else {
                let event = self.topics[id].event;
                if self.mailbox.ask(Watch::Unwatch {
                    event,
                    shard: self.mailbox.shard,
                }) {
                    self.topics.remove(id);
                    self.by_event.remove(&event);
                    self.say_watched(event, false);
                }
            }
        }
    }

    pub(super) fn channels_of(&self, topic: usize) -> Vec<usize> {
        self.topics[topic].channels.clone()
    }
}
