//! A shard's topics: one for each event that somebody here watches, from the question to the feed until
//! nobody has watched for a while.

use std::sync::Arc;

use jiff::Timestamp;

use super::channel::ChannelKey;
use super::shard::Shard;
use crate::hub::topic::TopicEntry;
use crate::hub::{NotOpened, Opening, Publication, Watch};
use crate::metrics;
use crate::ticketing::EventId;
use crate::ticketing::live::EventStatus;

/// An event that somebody here watches, or waits for.
pub(super) struct Topic {
    pub(super) event: EventId,
    /// `None` until the feed has opened it.
    pub(super) entry: Option<TopicEntry>,
    pub(super) waiting: Vec<Waiter>,
    pub(super) channels: Vec<usize>,
    /// The feed's queue was full when it was asked to watch: ask again.
    pub(super) ask_again: bool,
    /// Set while it waits to be opened anew, since something was lost on the way: what is here is known to be
    /// all of until then. No beat claims more.
    pub(super) proven_at: Option<Timestamp>,
    /// Since when nobody watches it (shard's clock).
    pub(super) empty_since_ms: Option<u64>,
}

pub(super) struct Waiter {
    pub(super) connection: usize,
    pub(super) subscription: u32,
    pub(super) key: ChannelKey,
    /// Until when it waits for the revision that its client has (shard's clock); unset while it waits for
    /// the event.
    pub(super) reach_until_ms: Option<u64>,
}

impl Shard {
    pub(super) fn create_topic(&mut self, event: EventId) -> usize {
        let topic = self.topics.insert(Topic {
            event,
            entry: None,
            waiting: Vec::new(),
            channels: Vec::new(),
            ask_again: false,
            proven_at: None,
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

    /// Something was lost on the way here: asks for a new opening.
    pub(super) fn open_anew(&mut self, topic: usize) {
        let proven_at = self.checked.at;
        self.topics[topic].proven_at.get_or_insert(proven_at);
        self.watch(topic);
    }

    pub(super) fn on_publication(&mut self, publication: Arc<Publication>) {
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
                self.answer_waiting(topic);
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
                self.open_anew(topic);
            }
        }
    }

    pub(super) fn on_opened(&mut self, opening: &Opening) {
        let Some(&topic) = self.by_event.get(&opening.event) else {
            return;
        };
        self.topics[topic].proven_at = None;
        match &self.topics[topic].entry {
            // The database went back, and the mailbox was too full for the word of it.
            Some(known) if known.is_lost_to(opening) => {
                self.end_viewers(topic, NotOpened::Unavailable);
            }
            Some(known) if known.revision() == opening.state.revision => return,
            Some(_) | None => {}
        }
        let place = &mut self.topics[topic];
        place.entry = Some(TopicEntry::open(opening, self.config.ring_deltas_max));
        self.answer_waiting(topic);
        // Viewers of an entry that was opened anew after a gap.
        self.end_unseen(topic);
        self.fan_out(topic);
        self.note_if_empty(topic);
    }

    /// The event is not there (any more), or cannot be loaded now: everybody who waits for it or
    /// watches it is told. `over`: the feed lets go of it, and so do its viewers.
    pub(super) fn on_not_opened(&mut self, event: EventId, why: NotOpened, over: bool) {
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
            let (topic, proven_at) = (&mut self.topics[topic], self.checked.at);
            topic.ask_again = true;
            topic.proven_at.get_or_insert(proven_at);
        }
    }

    pub(super) fn end_viewers(&mut self, topic: usize, why: NotOpened) {
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

    /// An event that became a draft is nobody's business any more but its organizer's.
    pub(super) fn end_unseen(&mut self, topic: usize) {
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

    pub(super) fn note_if_empty(&mut self, topic: usize) {
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

    /// Answers all who wait for the event, but those who still are ahead of it.
    pub(super) fn answer_waiting(&mut self, topic: usize) {
        for waiter in std::mem::take(&mut self.topics[topic].waiting) {
            let id = waiter.connection;
            self.answer(topic, waiter);
            self.perform(id);
        }
        self.note_if_empty(topic);
    }

    /// Answers those who waited long enough for a revision that does not come.
    pub(super) fn answer_overdue(&mut self, now_ms: u64) {
        let is_overdue = |waiter: &Waiter| waiter.reach_until_ms.is_some_and(|at| at <= now_ms);
        let topics = self.topics.iter();
        let overdue = topics.filter(|(_, topic)| topic.waiting.iter().any(is_overdue));
        let overdue: Vec<usize> = overdue.map(|(id, _)| id).collect();
        overdue.into_iter().for_each(|id| self.answer_waiting(id));
    }

    pub(super) fn topic_of(&self, event: EventId) -> Option<usize> {
        self.by_event.get(&event).copied()
    }

    pub(super) fn channels_of(&self, topic: usize) -> Vec<usize> {
        self.topics[topic].channels.clone()
    }
}

#[cfg(test)]
mod tests;
