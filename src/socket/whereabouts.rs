//! A shard's part in presence: it counts its own viewers and members, says what changed at the next
//! tick, and shows its viewers what the whole of the nodes counts.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::session::Presence;
use super::shard::Shard;
use crate::config::inside::WHEREABOUTS_UNSAID_MAX;
use crate::hub::presence::View;
use crate::presence::roster::Listed;
use crate::presence::{Owner, Said};
use crate::protocol::code;
use crate::protocol::presence::{Counts, is_step};
use crate::ticketing::EventId;

/// What a saying replaces when it waits: the one before about the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Watched(EventId),
    Member(Owner),
}

#[derive(Default)]
pub(super) struct Whereabouts {
    /// This shard's native viewers who named a step.
    here: HashMap<EventId, Counts>,
    /// Events whose counts have changed since they were last said.
    moved: BTreeSet<EventId>,
    /// What the task had no room for, the latest of each: said at the next tick. Whose coming and going
    /// would wait together is not said at all; members wait up to [`WHEREABOUTS_UNSAID_MAX`].
    unsaid: BTreeMap<Subject, Said>,
    /// Every event that somebody is at, as last shown.
    views: HashMap<EventId, Arc<View>>,
    serial: u64,
}

impl Whereabouts {
    /// Forgets where nobody is, unless somebody here may still have to be told.
    pub(super) fn tend(&mut self, is_watched: impl Fn(EventId) -> bool) {
        self.views
            .retain(|&event, view| !view.is_empty() || is_watched(event));
    }

    pub(super) fn view(&self, event: EventId) -> Option<&View> {
        self.views.get(&event).map(|view| &**view)
    }
}

impl Shard {
    pub(super) fn step(&mut self, channel: usize, was: Option<Arc<str>>, is: Option<Arc<str>>) {
        let Some(event) = self.event_of(channel) else {
            return;
        };
        let counts = self.whereabouts.here.entry(event).or_default();
        if let Some(was) = was {
            counts.remove(Some(&was));
        }
        if let Some(is) = is {
            counts.add(Some(&is));
        }
        self.whereabouts.moved.insert(event);
    }

    pub(super) fn track(
        &mut self,
        id: usize,
        subscription: u32,
        channel: usize,
        key: Option<Arc<str>>,
        tracked: Map<String, Value>,
    ) {
        let (Some(event), Some(connection)) =
            (self.event_of(channel), self.connections.get_mut(id))
        else {
            return;
        };
        let Some(subscription) = connection.session.subscription_mut(subscription) else {
            return;
        };
        if !subscription.is_live_in(channel) {
            // Joined again right behind this: the member has gone with the join before.
            return;
        }
        let Presence::Listed {
            owner,
            key: own_key,
            ..
        } = &mut subscription.presence
        else {
            return;
        };
        let owner = *owner.get_or_insert_with(|| {
            self.whereabouts.serial += 1;
            Owner {
                shard: self.shard,
                serial: self.whereabouts.serial,
            }
        });
        // A join that named no key is listed under one of its own, which it keeps.
        let key = key.unwrap_or_else(|| Uuid::now_v7().to_string().into());
        *own_key = Some(key.clone());
        // A step that is too long, or empty, counts as none.
        let step = tracked
            .get("step")
            .and_then(Value::as_str)
            .filter(|step| is_step(step));
        let member = Listed {
            key,
            step: step.map(Arc::from),
            tracked: Arc::new(tracked),
        };
        let subject = Subject::Member(owner);
        let said = Said::Tracked {
            event,
            owner,
            member,
        };
        self.say(subject, said);
        if self.whereabouts.unsaid.len() > WHEREABOUTS_UNSAID_MAX {
            // Its end takes the member out again; one that is back later finds room.
            let code = code::OUTBOX_OVERFLOW.number;
            self.close(id, code, "too many members at once: come back");
        }
    }

    pub(super) fn untrack(&mut self, id: usize, subscription: u32, channel: usize) {
        let connection = self.connections.get_mut(id);
        let subscription = connection.and_then(|c| c.session.subscription_mut(subscription));
        let presence = subscription.map(|subscription| &mut subscription.presence);
        if let Some(Presence::Listed { owner, .. }) = presence
            && let Some(owner) = owner.take()
        {
            self.depart(channel, owner);
        }
    }

    pub(super) fn depart(&mut self, channel: usize, owner: Owner) {
        if let Some(event) = self.event_of(channel) {
            self.say(Subject::Member(owner), Said::Untracked { event, owner });
        }
    }

    /// The other nodes' people count here only where somebody sees it.
    pub(super) fn say_watched(&mut self, event: EventId, watched: bool) {
        let shard = self.shard as usize;
        let subject = Subject::Watched(event);
        if let Entry::Occupied(waits) = self.whereabouts.unsaid.entry(subject) {
            // The opposite of what waits: the task knows it as it is now.
            waits.remove();
            return;
        }
        let said = Said::Watched {
            shard,
            event,
            watched,
        };
        self.say(subject, said);
    }

    /// Says what changed, once a tick however much it was.
    pub(super) fn say_whereabouts(&mut self) {
        while let Some((subject, said)) = self.whereabouts.unsaid.pop_first() {
            if let Err(said) = self.config.presence_task.say(said) {
                self.whereabouts.unsaid.insert(subject, said);
                return;
            }
        }
        for event in std::mem::take(&mut self.whereabouts.moved) {
            let counts = self
                .whereabouts
                .here
                .get(&event)
                .cloned()
                .unwrap_or_default();
            if counts.is_empty() {
                self.whereabouts.here.remove(&event);
            }
            // Told apart here as many as there are viewers, and to others as many as are worth it.
            let counts = counts.with_steps(self.config.presence.steps_max);
            let shard = self.shard as usize;
            let said = Said::Counted {
                shard,
                event,
                counts,
            };
            if self.config.presence_task.say(said).is_err() {
                self.whereabouts.moved.insert(event);
            }
        }
    }

    /// What waits to be said goes first.
    fn say(&mut self, subject: Subject, said: Said) {
        let unsaid = &mut self.whereabouts.unsaid;
        if !unsaid.is_empty() {
            unsaid.insert(subject, said);
        } else if let Err(said) = self.config.presence_task.say(said) {
            unsaid.insert(subject, said);
        }
    }

    pub(super) fn tend_whereabouts(&mut self) {
        let mut whereabouts = std::mem::take(&mut self.whereabouts);
        whereabouts.tend(|event| self.topic_of(event).is_some());
        self.whereabouts = whereabouts;
    }

    /// Who is at an event has changed: its viewers are shown, as far as their sockets take it.
    pub(super) fn on_presence(&mut self, view: Arc<View>) {
        let event = view.event;
        self.whereabouts.views.insert(event, view.clone());
        let Some(topic) = self.topic_of(event) else {
            return;
        };
        let mut gone = Vec::new();
        for channel in self.channels_of(topic) {
            let channel = &self.channels[channel];
            for member in &channel.members {
                let id = member.connection as usize;
                let Some(connection) = self.connections.get_mut(id) else {
                    continue;
                };
                if !connection.is_clear() {
                    continue;
                }
                let vsn = connection.session.vsn;
                let subscription = connection.session.subscription_mut(member.subscription);
                let Some(sent) = subscription.and_then(|subscription| subscription.presence.sent())
                else {
                    continue;
                };
                let Some((serial, frame)) = channel.presence(&view, *sent, vsn) else {
                    continue;
                };
                let before = std::mem::replace(sent, serial);
                match connection.write_shared(&frame) {
                    Ok(true) => {}
                    Ok(false) => connection
                        .session
                        .presence_not_sent(member.subscription, before),
                    Err(_) => gone.push(id),
                }
            }
        }
        gone.into_iter().for_each(|id| self.remove(id));
    }
}
