//! Makes clients viewers of events, and ends that.

use super::channel::{ChannelKey, ChannelMember};
use super::channels::Relocated;
use super::connection::{Connection, Postponed};
use super::session::{JoinStage, OpenedEvent};
use super::shard::Shard;
use crate::auth::Caller;
use crate::clock::database_now;
use crate::hub::{self, NotOpened};
use crate::protocol::topic::Topic;
use crate::ticketing::live::{EventInfo, EventStatus};
use crate::ticketing::{EventId, Revision};

/// A join that waits for its answer.
#[derive(Debug)]
pub(super) struct WaitingJoin {
    pub(super) connection: usize,
    /// Of the connection: another one may have its number when the event is open.
    serial: u32,
    subscription: u32,
    /// Of the join: another one of the same topic may be at its place when the event is open.
    number: u32,
    key: ChannelKey,
    /// The client's revision.
    since: Option<Revision>,
    caller: Caller,
}

impl hub::Waiter for WaitingJoin {
    fn since(&self) -> Option<Revision> {
        self.since
    }

    fn may_see(&self, event: &EventInfo) -> bool {
        self.caller.may_see(event)
    }
}

impl Shard {
    pub(super) fn join(&mut self, id: usize, subscription: u32, key: ChannelKey, event: EventId) {
        let is_draining = self.draining.is_some();
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let session = &mut connection.session;
        if is_draining {
            let why = NotOpened::Restarting;
            return session.not_opened(subscription, event, why, &mut self.effects);
        }
        self.joins = self.joins.wrapping_add(1);
        session.number_join(subscription, self.joins);
        let waiter = WaitingJoin {
            connection: id,
            serial: connection.serial,
            subscription,
            number: self.joins,
            since: session.since(subscription, &key),
            caller: session.caller(),
            key,
        };
        let now_ms = self.now_ms();
        if let Some(waiter) = self.watching.arrive(event, waiter, now_ms) {
            self.answer(event, waiter);
        }
    }

    /// Answers a join whose event is open, and makes the client a viewer. Both happen in one turn, so nothing is published
    /// between the answer and the first frame.
    pub(super) fn answer(&mut self, event: EventId, waiter: WaitingJoin) {
        if !self.still_waits(&waiter) {
            return;
        }
        let WaitingJoin {
            connection: id,
            subscription,
            key,
            ..
        } = waiter;
        if self.postpone(id, subscription, &key, event) {
            return;
        }
        let (Some(connection), Some(history)) =
            (self.connections.get_mut(id), self.watching.history(event))
        else {
            return;
        };
        let is_counted = !matches!(key.name, Topic::Admin(_));
        let channel_id = self.channels.enter(key, event);
        let Some(channel) = self.channels.get_mut(channel_id) else {
            return;
        };
        let limits = &self.config.availability;
        let here = self.watching.here(event).map(|here| &**here);
        let opened = connection.session.opened(
            subscription,
            OpenedEvent {
                channel: channel_id,
                member: channel.members.len(),
                topic: channel.key.topic.clone(),
                event: &history.state().event,
                revision: history.revision(),
                here,
            },
            |view, since| channel.joined(view, history, since, here, limits, database_now()),
            self.config.rules(),
            &mut self.effects,
        );
        if !opened {
            return self.channels.drop_if_empty(channel_id);
        }
        if is_counted {
            self.private.count_join(event);
        }
        if !self.watching.checked().database_up {
            // The answer may be old, and the beat says so.
            connection.beat_in = 1;
        }
        let connection = u32::try_from(id).unwrap_or(u32::MAX);
        channel.members.push(ChannelMember {
            connection,
            subscription,
        });
        channel.era = self.watching.came(event);
    }

    /// Whether this very join still waits, on a connection that is still open. One that was left must not be taken for a
    /// later one of the same topic, which may ask for more.
    fn still_waits(&self, waiter: &WaitingJoin) -> bool {
        let connection = self.connections.get(waiter.connection);
        connection.is_some_and(|connection| {
            let (session, place) = (&connection.session, waiter.subscription);
            connection.serial == waiter.serial
                && session.waits_for(place, &waiter.key)
                && session.join_number(place) == waiter.number
        })
    }

    pub(super) fn refuse(&mut self, event: EventId, waiter: &WaitingJoin, why: NotOpened) {
        if !self.still_waits(waiter) {
            return;
        }
        let (id, subscription) = (waiter.connection, waiter.subscription);
        if let Some(connection) = self.connections.get_mut(id) {
            let session = &mut connection.session;
            session.not_opened(subscription, event, why, &mut self.effects);
            self.perform(id);
        }
    }

    /// Puts off a join of a client that does not read, until its socket has drained, so that it never has more states waiting than
    /// topics. Returns whether it did.
    fn postpone(&mut self, id: usize, subscription: u32, key: &ChannelKey, event: EventId) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        // A write error shows at the next read.
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

    /// Answers the joins that waited for the socket, until it is full again.
    pub(super) fn answer_postponed(&mut self, id: usize) {
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

    pub(super) fn leave(&mut self, id: usize, channel: usize, place: usize) {
        if let Some(channel) = self.channels.get(channel) {
            let member = channel.members.get(place);
            debug_assert!(
                member.is_some_and(|member| member.connection as usize == id),
                "connection {id} leaves another's place"
            );
            self.watching.left(channel.event, channel.era);
        }
        if let Some(Relocated { member, place }) = self.channels.leave(channel, place)
            && let Some(connection) = self.connections.get_mut(member.connection as usize)
            && let Some(subscription) = connection.session.subscription_mut(member.subscription)
            && let JoinStage::Live { member, .. } = &mut subscription.stage
        {
            *member = place;
        }
    }

    pub(super) fn end_viewers(&mut self, event: EventId, why: NotOpened) {
        let members = self.channels.members(event);
        if why == NotOpened::NoSuchEvent {
            // Viewers are sent the event's last change before they are ended.
            members
                .iter()
                .for_each(|member| self.bring(member.connection as usize));
        }
        self.end_members(&members, why);
    }

    /// Ends subscriptions, for good or so that clients join again. All are ended before anything is written, so that none is
    /// brought on: to another history, or to a change that it may not see. Each leaves its place at once: the viewer that
    /// moves there is told so only while its own subscription lasts.
    fn end_members(&mut self, members: &[ChannelMember], why: NotOpened) {
        for member in members {
            let id = member.connection as usize;
            if let Some(connection) = self.connections.get_mut(id) {
                let (session, mut effects) = (&mut connection.session, Vec::new());
                match why {
                    NotOpened::NoSuchEvent => session.end(member.subscription, &mut effects),
                    _ => session.fail(member.subscription, &mut effects),
                }
                effects.into_iter().for_each(|effect| self.act(id, effect));
            }
        }
        for member in members {
            self.perform(member.connection as usize);
        }
    }

    /// Ends viewers of an event that became a draft, except for its organizer.
    pub(super) fn end_unseen(&mut self, event: EventId) {
        let Some(history) = self.watching.history(event) else {
            return;
        };
        if history.state().event.status != EventStatus::Draft {
            return;
        }
        let state = history.state().clone();
        let mut members = self.channels.members(event);
        members.retain(|member| {
            let connection = self.connections.get_mut(member.connection as usize);
            connection.is_some_and(|connection| !connection.session.still_sees(&state.event))
        });
        self.end_members(&members, NotOpened::NoSuchEvent);
    }
}
