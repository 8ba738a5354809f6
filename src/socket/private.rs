//! A shard's part in topics that are told whole: it keeps the latest picture of each that somebody here watches,
//! and brings its viewers to it as it brings them to an event's revision: what a slow one missed is not sent.

use std::collections::HashMap;
use std::sync::Arc;

use super::channel::Member;
use super::shard::Shard;
use crate::hub::NotOpened;
use crate::hub::private::{Picture, Wish};
use crate::protocol::topic::Topic;
use crate::ticketing::{EventId, Revision};

#[derive(Default)]
pub(super) struct Watched {
    /// As many as there are joins here.
    kept: HashMap<Topic, Kept>,
    /// Joins of events since they were last said.
    joined: HashMap<EventId, i64>,
}

/// A topic that somebody here watches.
#[derive(Default)]
struct Kept {
    latest: Option<Arc<Picture>>,
    viewers: Vec<Member>,
    /// Those of the viewers whose join is not answered yet.
    waiting: Vec<Waiter>,
    /// The feed's queue was full, or it has no place for the topic yet: say it again then.
    say_again_ms: Option<u64>,
}

/// How long to wait before asking again for what the feed refused.
const REFUSED_PAUSE_MS: u64 = 2_000;

struct Waiter {
    member: Member,
    /// What the client has: an older picture does not answer it.
    since: Option<Revision>,
    /// An older one came all the same: the next one answers, whatever it is.
    was_put_off: bool,
}

impl Waiter {
    fn is_answered_by(&self, picture: &Picture) -> bool {
        self.was_put_off || self.since.is_none_or(|since| since <= picture.revision)
    }
}

impl Watched {
    pub(super) fn latest(&self, name: Topic) -> Option<&Picture> {
        self.kept.get(&name)?.latest.as_deref()
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
        let member = Member {
            connection: place,
            subscription,
        };
        let waiter = Waiter {
            member,
            since,
            was_put_off: false,
        };
        let kept = self.private.kept.entry(name).or_default();
        kept.viewers.push(member);
        match &kept.latest {
            Some(latest) if waiter.is_answered_by(latest) => {
                let session = &mut connection.session;
                session.on_private(subscription, latest, &mut self.effects);
            }
            _ => {
                kept.waiting.push(waiter);
                self.wish_for(name);
            }
        }
    }

    pub(super) fn unwatch_private(&mut self, id: usize, subscription: u32, name: Topic) {
        let Some(kept) = self.private.kept.get_mut(&name) else {
            return;
        };
        let other = |member: &Member| {
            (member.connection as usize, member.subscription) != (id, subscription)
        };
        kept.viewers.retain(other);
        kept.waiting.retain(|waiter| other(&waiter.member));
        if kept.viewers.is_empty() {
            self.wish_for(name);
        }
    }

    /// Tells the feed whether the topic is watched here, and forgets it if it is not.
    fn wish_for(&mut self, topic: Topic) {
        let Some(kept) = self.private.kept.get_mut(&topic) else {
            return;
        };
        let (shard, now_ms) = (self.shard as usize, self.clock.now_ms());
        let wish = match kept.viewers.is_empty() {
            true => Wish::Unwatch { topic, shard },
            false => Wish::Watch { topic, shard },
        };
        kept.say_again_ms = (!self.config.private.wish(wish)).then_some(now_ms);
        if kept.viewers.is_empty() && kept.say_again_ms.is_none() {
            self.private.kept.remove(&topic);
        }
    }

    /// Each viewer is brought to the picture, now or when its socket has drained.
    pub(super) fn on_private(&mut self, picture: &Arc<Picture>) {
        let Some(kept) = self.private.kept.get_mut(&picture.topic) else {
            return;
        };
        if kept
            .latest
            .as_ref()
            .is_none_or(|latest| latest.serial < picture.serial)
        {
            kept.latest = Some(picture.clone());
        }
        kept.waiting.retain_mut(|waiter| {
            let waits = !waiter.is_answered_by(picture);
            waiter.was_put_off = true;
            waits
        });
        let waiting =
            |member: &&Member| !kept.waiting.iter().any(|waiter| waiter.member == **member);
        let shown: Vec<Member> = kept.viewers.iter().filter(waiting).copied().collect();
        if !kept.waiting.is_empty() {
            self.wish_for(picture.topic);
        }
        for member in shown {
            let id = member.connection as usize;
            if let Some(connection) = self.connections.get_mut(id) {
                let session = &mut connection.session;
                session.on_private(member.subscription, picture, &mut self.effects);
                self.perform(id);
            }
        }
    }

    /// The feed has no picture of the topic for now, or never again. Whoever waits to join is told why, and the
    /// others are not forgotten: it is asked again, or they end with what they watched.
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

    /// Says what could not be said, and what was counted.
    pub(super) fn tend_private(&mut self) {
        let now_ms = self.now_ms();
        let is_due = |kept: &Kept| kept.say_again_ms.is_some_and(|at| at <= now_ms);
        let unsaid = self.private.kept.iter().filter(|(_, kept)| is_due(kept));
        let unsaid: Vec<Topic> = unsaid.map(|(name, _)| *name).collect();
        unsaid.into_iter().for_each(|name| self.wish_for(name));
        let said = &self.config.private;
        self.private
            .joined
            .retain(|&event, joins| !said.joined(event, *joins));
    }

    /// Some messages were lost: every picture is asked for again.
    pub(super) fn reopen_private(&mut self) {
        let all: Vec<Topic> = self.private.kept.keys().copied().collect();
        all.into_iter().for_each(|name| self.wish_for(name));
    }
}
