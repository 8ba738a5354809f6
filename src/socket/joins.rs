//! How a client becomes a viewer of a channel, and how it ceases to be one.

use jiff::Timestamp;

use super::channel::{Channel, ChannelKey, Member};
use super::connection::{Connection, Postponed};
use super::session::{Opened, Stage};
use super::shard::Shard;
use super::topics::{Topic, Waiter};
use crate::config::inside::REACH_PATIENCE_MS;
use crate::hub::{NotOpened, Watch};
use crate::protocol::topic::Topic as Name;
use crate::ticketing::EventId;

impl Shard {
    pub(super) fn join(&mut self, id: usize, subscription: u32, key: ChannelKey, event: EventId) {
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
        let waiter = Waiter {
            connection: id,
            subscription,
            key,
            reach_until_ms: None,
        };
        if self.topics[topic].entry.is_some() {
            self.answer(topic, waiter);
            self.note_if_empty(topic);
        } else {
            self.topics[topic].waiting.push(waiter);
        }
    }

    /// Whether a join is to wait, because its client has a revision that has not come here yet: another
    /// node's, or one that REST has just answered with. To be taken back in time is worse than to wait for
    /// a moment, in which the feed looks for it.
    fn is_ahead(&mut self, topic: usize, waiter: &mut Waiter) -> bool {
        let now_ms = self.now_ms();
        let Topic { event, entry, .. } = &self.topics[topic];
        let (Some(entry), Some(connection)) = (entry, self.connections.get(waiter.connection))
        else {
            return false;
        };
        let session = &connection.session;
        let Some(revision) = session.since(waiter.subscription, &waiter.key) else {
            return false;
        };
        // Who may not see the event is not to find out that it is there.
        if revision <= entry.revision() || !session.may_see(&entry.state().event) {
            return false;
        }
        if waiter.reach_until_ms.is_none() {
            waiter.reach_until_ms = Some(now_ms + REACH_PATIENCE_MS);
            let event = *event;
            // A feed that is too busy to be asked reads all the same, a little later.
            self.mailbox.ask(Watch::Look { event, revision });
        }
        waiter.reach_until_ms.is_some_and(|at| now_ms < at)
    }

    /// Answers a join whose event is open, and makes the client a viewer. Subscribing comes first,
    /// in the same turn: nothing can be published between the answer and the first frame.
    pub(super) fn answer(&mut self, topic: usize, mut waiter: Waiter) {
        if self.is_ahead(topic, &mut waiter) {
            return self.topics[topic].waiting.push(waiter);
        }
        let Waiter {
            connection: id,
            subscription,
            key,
            ..
        } = waiter;
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
            if !matches!(channel.key.name, Name::Admin(_)) {
                self.private.count_join(*event);
            }
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

    /// A client that does not read is not owed more states than it has topics: its join is answered
    /// when its socket has drained. `true` when it was put off.
    pub(super) fn postpone(
        &mut self,
        id: usize,
        subscription: u32,
        key: &ChannelKey,
        event: EventId,
    ) -> bool {
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

    pub(super) fn leave(&mut self, channel_id: usize, member: usize) {
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

    pub(super) fn drop_if_empty(&mut self, channel_id: usize) {
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
}
