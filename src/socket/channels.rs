//! The channels of one shard, and their viewers.

use std::collections::HashMap;

use slab::Slab;

use super::channel::{Channel, ChannelKey, ChannelMember};
use crate::ticketing::EventId;

#[derive(Default)]
pub(super) struct Channels {
    all: Slab<Channel>,
    by_key: HashMap<ChannelKey, usize>,
    by_event: HashMap<EventId, Vec<usize>>,
}

/// A viewer whose place in its channel has changed.
pub(super) struct Relocated {
    pub(super) member: ChannelMember,
    pub(super) place: usize,
}

impl Channels {
    /// The channel of this key, made if needed. If the join then fails, call [`Channels::drop_if_empty`].
    pub(super) fn enter(&mut self, key: ChannelKey, event: EventId) -> usize {
        if let Some(&channel) = self.by_key.get(&key) {
            return channel;
        }
        let channel = self.all.insert(Channel::new(key.clone(), event));
        self.by_key.insert(key, channel);
        self.by_event.entry(event).or_default().push(channel);
        channel
    }

    pub(super) fn get(&self, channel: usize) -> Option<&Channel> {
        self.all.get(channel)
    }

    pub(super) fn get_mut(&mut self, channel: usize) -> Option<&mut Channel> {
        self.all.get_mut(channel)
    }

    /// The event of a channel.
    pub(super) fn event_of(&self, channel: usize) -> Option<EventId> {
        Some(self.all.get(channel)?.event)
    }

    pub(super) fn of(&self, event: EventId) -> &[usize] {
        self.by_event.get(&event).map_or(&[], Vec::as_slice)
    }

    /// All viewers of an event.
    pub(super) fn members(&self, event: EventId) -> Vec<ChannelMember> {
        let channels = self.of(event).iter().filter_map(|&id| self.all.get(id));
        channels
            .flat_map(|channel| channel.members.iter().copied())
            .collect()
    }

    /// The event changed: drops prepared frames.
    pub(super) fn moved(&mut self, event: EventId) {
        for &channel in self.by_event.get(&event).into_iter().flatten() {
            if let Some(channel) = self.all.get_mut(channel) {
                channel.moved();
            }
        }
    }

    /// Removes a viewer. The last viewer of the channel moves to its place.
    pub(super) fn leave(&mut self, channel: usize, place: usize) -> Option<Relocated> {
        let members = &mut self.all.get_mut(channel)?.members;
        if place < members.len() {
            members.swap_remove(place);
        }
        let relocated = members.get(place).copied();
        self.drop_if_empty(channel);
        relocated.map(|member| Relocated { member, place })
    }

    pub(super) fn drop_if_empty(&mut self, channel: usize) {
        let empty = self.all.get(channel);
        if empty.is_none_or(|channel| !channel.members.is_empty()) {
            return;
        }
        let Channel { key, event, .. } = self.all.remove(channel);
        self.by_key.remove(&key);
        if let Some(channels) = self.by_event.get_mut(&event) {
            channels.retain(|&other| other != channel);
            if channels.is_empty() {
                self.by_event.remove(&event);
            }
        }
    }
}
