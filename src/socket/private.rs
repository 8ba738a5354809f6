//! Private topics on a shard: the latest picture (content) of each watched topic, answers to joins, and frames for
//! viewers. As with events, a slow viewer has a revision and no queue.
//!
//! A join is answered with a picture that was read after it came, so it contains everything that another node has shown.

use std::collections::HashMap;
use std::sync::Arc;

use super::channel::ChannelMember;
use super::shard::Shard;
use crate::hub::NotOpened;
use crate::hub::private::{AskNumber, Picture, TopicRequest};
use crate::protocol::topic::Topic;
use crate::ticketing::{EventId, Revision};

#[derive(Default)]
pub(super) struct WatchedPrivate {
    /// At most one for each join on this shard.
    kept: HashMap<Topic, KeptFrame>,
    /// The number of the latest question.
    asked: AskNumber,
    /// Joins of events that are not reported yet.
    joined: HashMap<EventId, i64>,
}

/// A topic with viewers on this shard.
#[derive(Default)]
struct KeptFrame {
    latest: Option<Arc<Picture>>,
    /// The latest question that it answers, or that one before it did.
    answers: AskNumber,
    viewers: Vec<ChannelMember>,
    /// Viewers whose join is not answered yet.
    waiting: Vec<PrivateWaiter>,
    /// When to repeat a request that was refused, because the queue or the number of topics was full.
    say_again_ms: Option<u64>,
}

/// Pause before a refused request is repeated.
const REFUSED_PAUSE_MS: u64 = 2_000;

struct PrivateWaiter {
    member: ChannelMember,
    /// The client's revision, from whichever node.
    since: Option<Revision>,
    /// The question whose answer, or a later one's, answers the join.
    ask: AskNumber,
}

impl WatchedPrivate {
    pub(super) fn latest(&self, name: Topic) -> Option<&Arc<Picture>> {
        self.kept.get(&name)?.latest.as_ref()
    }

    pub(super) fn count_join(&mut self, event: EventId) {
        *self.joined.entry(event).or_default() += 1;
    }
}

impl Shard {
    pub(super) fn watch_private(
        &mut self,
        id: usize,
        subscription: u32,
        name: Topic,
        since: Option<Revision>,
    ) {
        let (Some(connection), Ok(place)) = (self.connections.get_mut(id), u32::try_from(id))
        else {
            return;
        };
        if self.draining.is_some() {
            let (session, why) = (&mut connection.session, NotOpened::Restarting);
            return session.no_private(subscription, why, &mut self.effects);
        }
        let member = ChannelMember {
            connection: place,
            subscription,
        };
        let kept = self.private.kept.entry(name).or_default();
        kept.viewers.push(member);
        kept.waiting.push(PrivateWaiter {
            member,
            since,
            ask: self.private.asked + 1,
        });
        self.wish_for(name);
    }

    pub(super) fn unwatch_private(&mut self, id: usize, subscription: u32, name: Topic) {
        let Some(kept) = self.private.kept.get_mut(&name) else {
            return;
        };
        let other = |member: &ChannelMember| {
            (member.connection as usize, member.subscription) != (id, subscription)
        };
        kept.viewers.retain(other);
        kept.waiting.retain(|waiter| other(&waiter.member));
        if kept.viewers.is_empty() {
            self.wish_for(name);
        }
    }

    /// Reports whether the topic is watched here, and drops it if it is not.
    fn wish_for(&mut self, topic: Topic) {
        let Some(kept) = self.private.kept.get_mut(&topic) else {
            return;
        };
        let (shard, now_ms) = (self.shard as usize, self.clock.now_ms());
        self.private.asked += 1;
        let ask = self.private.asked;
        let wish = match kept.viewers.is_empty() {
            true => TopicRequest::Unwatch { topic, shard },
            false => TopicRequest::Watch { topic, shard, ask },
        };
        kept.say_again_ms = (!self.config.private.wish(wish)).then_some(now_ms);
        if kept.viewers.is_empty() && kept.say_again_ms.is_none() {
            self.private.kept.remove(&topic);
        }
    }

    /// Answers the joins that asked before this read, and brings all other viewers to it, now or when their sockets have
    /// drained.
    pub(super) fn on_private(&mut self, picture: &Arc<Picture>, answers: AskNumber) {
        let Some(kept) = self.private.kept.get_mut(&picture.topic) else {
            return;
        };
        kept.latest = Some(picture.clone());
        kept.answers = kept.answers.max(answers);
        for member in kept.viewers.clone() {
            self.answer_asking(member, picture.topic);
            let id = member.connection as usize;
            let Some(connection) = self.connections.get_mut(id) else {
                continue;
            };
            let (session, place) = (&mut connection.session, member.subscription);
            session.recheck_private(place, picture, &mut self.effects);
            self.perform(id);
        }
    }

    /// Answers a join whose picture has been read. One of a client that does not read waits until its socket has drained, so
    /// that no more states wait for it than it has topics.
    fn answer_asking(&mut self, member: ChannelMember, topic: Topic) {
        let (Some(connection), Some(kept)) = (
            self.connections.get_mut(member.connection as usize),
            self.private.kept.get_mut(&topic),
        ) else {
            return;
        };
        let is_read =
            |waiter: &PrivateWaiter| waiter.member == member && waiter.ask <= kept.answers;
        let (Some(place), Some(picture)) = (kept.waiting.iter().position(is_read), &kept.latest)
        else {
            return;
        };
        // A write error shows at the next read.
        let _ = connection.flush();
        if connection.is_blocked() {
            return;
        }
        let since = kept.waiting.swap_remove(place).since;
        let (session, rules) = (&mut connection.session, self.config.rules());
        session.answer_private(
            member.subscription,
            picture,
            since,
            rules,
            &mut self.effects,
        );
    }

    /// Answers the private joins of a connection that waited for its socket, until it is full again.
    pub(super) fn answer_postponed_private(&mut self, id: usize) {
        let (Some(connection), Ok(place)) = (self.connections.get_mut(id), u32::try_from(id))
        else {
            return;
        };
        for (subscription, topic) in connection.session.asking() {
            let member = ChannelMember {
                connection: place,
                subscription,
            };
            self.answer_asking(member, topic);
            self.perform(id);
        }
    }

    /// The topic cannot be read now, or is gone for good. Waiting joins are told why; other viewers keep their state while the
    /// request is repeated, or end with the topic.
    pub(super) fn on_no_private(&mut self, topic: Topic, why: NotOpened) {
        let again_at_ms = self.now_ms() + REFUSED_PAUSE_MS;
        let Some(kept) = self.private.kept.get_mut(&topic) else {
            return;
        };
        let mut ended = Vec::new();
        if why == NotOpened::NoSuchEvent {
            kept.latest = None;
            ended = kept.viewers.clone();
        } else {
            kept.say_again_ms = Some(again_at_ms);
        }
        let waiting = std::mem::take(&mut kept.waiting);
        for member in waiting.into_iter().map(|waiter| waiter.member) {
            let id = member.connection as usize;
            if let Some(connection) = self.connections.get_mut(id) {
                let session = &mut connection.session;
                session.no_private(member.subscription, why, &mut self.effects);
                self.perform(id);
            }
        }
        for member in ended {
            let id = member.connection as usize;
            if let Some(connection) = self.connections.get_mut(id) {
                let session = &mut connection.session;
                session.private_gone(member.subscription, topic, &mut self.effects);
                self.perform(id);
            }
        }
    }

    /// Repeats refused requests, and reports counted joins.
    pub(super) fn tend_private(&mut self) {
        let now_ms = self.now_ms();
        let is_due = |kept: &KeptFrame| kept.say_again_ms.is_some_and(|at| at <= now_ms);
        let unsaid = self.private.kept.iter().filter(|(_, kept)| is_due(kept));
        let mut unsaid: Vec<Topic> = unsaid.map(|(name, _)| *name).collect();
        // The map's order is another one in each process, and a simulated schedule has to be replayable.
        unsaid.sort_unstable();
        unsaid.into_iter().for_each(|name| self.wish_for(name));
        let said = &self.config.private;
        self.private
            .joined
            .retain(|&event, joins| !said.joined(event, *joins));
    }

    /// Messages to this shard were lost: asks for every picture again.
    pub(super) fn reopen_private(&mut self) {
        let mut all: Vec<Topic> = self.private.kept.keys().copied().collect();
        all.sort_unstable();
        all.into_iter().for_each(|name| self.wish_for(name));
    }
}
