//! Decides which private topics are read, and which shards get the result: causes in, effects out, no I/O and no clock.
//!
//! Users and figures are read separately, one read at a time for each kind, of all topics that need one. A topic that
//! rings during a read is read again by the next one, since the first may have begun too early. A join is answered by a
//! read that began after it, so a client is never shown less than another node has shown it.
//!
//! A read that fails is set aside and repeated in halves, so that other topics do not wait for the one that makes it
//! fail. A topic whose last viewer left is kept for a while without being read, for clients whose connection broke.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{FeedConfig, PrivateConfig};
use crate::hub::private::{AskNumber, FoundContent, Picture, TopicRequest};
use crate::hub::{NotOpened, ShardSet};
use crate::pacing::{Backoff, Halving};
use crate::protocol::topic::Topic;
use crate::store::QueryFailure;
use crate::store::doorbell::PrivateRing;
use crate::ticketing::{Revision, UserId};

/// First and longest pause between attempts to reach a database that does not answer.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

/// First and longest pause before a topic that cannot be read even alone is read again.
const ALONE_PAUSE_MIN: Duration = Duration::from_millis(500);
const ALONE_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Figures rest for this many times the duration of their last read, so that reading them takes at most a fifth of the
/// time.
const FIGURES_REST: u32 = 4;

#[derive(Debug)]
pub(crate) enum TopicCause {
    Wish(TopicRequest),
    Rang(PrivateRing),
    Read(Batch, Result<TopicAnswers, QueryFailure>),
    /// Time passed; see [`TopicPlanner::next_at`].
    Time,
}

#[derive(Debug)]
pub(crate) enum TopicEffect {
    /// Read these; answer with [`TopicCause::Read`].
    Read(Batch),
    /// Give these shards the topic's new picture.
    Tell(ShardSet, Arc<Picture>),
    /// Answer this question of a shard with a picture that was read after it.
    Answer(usize, AskNumber, Arc<Picture>),
    Refuse(ShardSet, Topic, NotOpened),
}

/// The topics of one read: users, or events whose figures are wanted.
#[derive(Debug)]
pub(crate) struct Batch {
    id: u64,
    pub(crate) asked: Vec<AskedTopic>,
    began: Instant,
    /// For a repeated read: the pauses between its attempts.
    doubted: Option<Backoff>,
}

impl Batch {
    /// The lane that reads it; all topics of a batch are of one kind.
    fn kind(&self) -> usize {
        self.asked.first().map_or(0, |asked| kind(asked.topic))
    }
}

/// The index of the lane that reads the topic: users' bookings, or figures.
fn kind(topic: Topic) -> usize {
    usize::from(matches!(topic, Topic::Admin(_)))
}

/// The result of a read by topic. A missing topic is not in the database (any more).
pub(crate) type TopicAnswers = HashMap<Topic, ToldTopic>;

/// A topic to be read.
#[derive(Debug, Clone)]
pub(crate) struct AskedTopic {
    pub(crate) topic: Topic,
    /// The known picture: entities whose version it has need not be read again.
    pub(crate) known: Option<Arc<Picture>>,
}

/// A topic's content in the database.
#[derive(Debug)]
pub(crate) struct ToldTopic {
    pub(crate) owner: UserId,
    /// When the read began, by the database's clock in microseconds.
    pub(crate) read: Revision,
    pub(crate) found: FoundContent,
}

/// The latest question of each shard.
type Asks = BTreeMap<usize, AskNumber>;

fn merge(asks: &mut Asks, others: Asks) {
    for (shard, ask) in others {
        let latest = asks.entry(shard).or_default();
        *latest = ask.max(*latest);
    }
}

#[derive(Debug)]
struct Slot {
    shards: ShardSet,
    /// Questions that the next read will answer.
    waiting: Asks,
    /// Questions that the read under way will answer.
    answered: Asks,
    /// Shards whose questions timed out. They get the picture of the next successful read, for viewers that are still there.
    owed: ShardSet,
    give_up_at: Instant,
    latest: Option<Arc<Picture>>,
    /// The topic is not read again before: the least time between two pictures.
    quiet_until: Instant,
    /// The read that it is part of.
    asked_by: Option<u64>,
    /// Whether a read that it was part of failed; it is then read apart until that succeeds.
    doubted: bool,
    /// When the last shard left it; `None` while it has viewers.
    left_at: Option<Instant>,
}

impl Slot {
    fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty() || !self.answered.is_empty()
    }

    /// Whether the next read includes it. A question about bookings is answered at once; figures keep their distance, since
    /// each read passes over the event's bookings.
    fn is_due(&self, topic: Topic, now: Instant) -> bool {
        let asks = !self.waiting.is_empty() && !matches!(topic, Topic::Admin(_));
        !self.doubted && (self.quiet_until <= now || asks)
    }
}

/// The reads of one kind: one at a time, and one retry beside it.
#[derive(Debug)]
struct Lane {
    /// Topics to be read.
    stale: BTreeSet<Topic>,
    reading: bool,
    /// When to try again; `None` unless the database is away.
    retry_at: Option<Instant>,
    pause: Backoff,
    doubts: Halving<Topic>,
}

impl Default for Lane {
    fn default() -> Self {
        Lane {
            stale: BTreeSet::new(),
            reading: false,
            retry_at: None,
            pause: Backoff::new(RETRY_PAUSE_MIN, RETRY_PAUSE_MAX),
            doubts: Halving::new(Backoff::new(ALONE_PAUSE_MIN, ALONE_PAUSE_MAX)),
        }
    }
}

#[derive(Debug)]
pub(crate) struct TopicPlanner {
    config: PrivateConfig,
    open_timeout: Duration,
    window: Duration,
    grace: Duration,
    slots: HashMap<Topic, Slot>,
    lanes: [Lane; 2],
    /// Topics with unanswered questions.
    waited_for: BTreeSet<Topic>,
    /// Topics without viewers, by the time at which the last one left.
    left: BTreeSet<(Instant, Topic)>,
    poll_at: Instant,
    reads: u64,
    effects: Vec<TopicEffect>,
}

impl TopicPlanner {
    pub(crate) fn new(config: PrivateConfig, feed: &FeedConfig, now: Instant) -> Self {
        TopicPlanner {
            open_timeout: Duration::from_millis(feed.open_timeout_ms),
            window: Duration::from_millis(feed.conflation_window_ms),
            grace: Duration::from_secs(feed.unwatch_grace_s),
            slots: HashMap::new(),
            lanes: Default::default(),
            waited_for: BTreeSet::new(),
            left: BTreeSet::new(),
            poll_at: now + Duration::from_millis(config.private_poll_interval_ms),
            reads: 0,
            effects: Vec::new(),
            config,
        }
    }

    pub(crate) fn on(&mut self, cause: TopicCause, now: Instant) -> Vec<TopicEffect> {
        match cause {
            TopicCause::Wish(TopicRequest::Watch { topic, shard, ask }) => {
                self.watch(topic, shard, ask, now)
            }
            TopicCause::Wish(TopicRequest::Unwatch { topic, shard }) => {
                self.unwatch(topic, shard, now)
            }
            TopicCause::Rang(PrivateRing::Users(users)) => {
                users
                    .into_iter()
                    .for_each(|user| self.rang(Topic::User(user)));
            }
            TopicCause::Rang(PrivateRing::Event(event)) => self.rang(Topic::Admin(event)),
            // Rings before this may have been missed.
            TopicCause::Rang(PrivateRing::Listening) => self.read_all_soon(now),
            TopicCause::Read(batch, answer) => self.read(batch, answer, now),
            TopicCause::Time => {}
        }
        if self.poll_at <= now {
            self.poll_at = now + Duration::from_millis(self.config.private_poll_interval_ms);
            self.all_are_stale();
        }
        self.give_up(now);
        self.forget_left(now);
        for kind in 0..self.lanes.len() {
            self.ask(kind, now);
            self.ask_aside(kind, now);
        }
        mem::take(&mut self.effects)
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        let slot = |topic: &Topic| self.slots.get(topic);
        let give_up_at = self.waited_for.iter().filter_map(slot);
        let give_up_at = give_up_at.map(|slot| slot.give_up_at).min();
        let read_at = |lane: &Lane| {
            if lane.reading {
                return None;
            }
            let stale = lane.stale.iter().filter_map(slot);
            let due = stale.filter(|slot| !slot.doubted);
            let due_at = due.map(|slot| slot.quiet_until).min()?;
            Some(lane.retry_at.map_or(due_at, |at| at.max(due_at)))
        };
        let read_at = self.lanes.iter().filter_map(read_at).min();
        let doubts = self.lanes.iter().filter_map(|lane| lane.doubts.next_at());
        let poll_at = (!self.slots.is_empty()).then_some(self.poll_at);
        let forget_at = self.left.first().map(|(left_at, _)| *left_at + self.grace);
        let all = [give_up_at, read_at, doubts.min(), poll_at, forget_at];
        all.into_iter().flatten().min()
    }

    fn all_are_stale(&mut self) {
        let watched = self.slots.iter().filter(|(_, slot)| slot.left_at.is_none());
        for (&topic, _) in watched {
            self.lanes[kind(topic)].stale.insert(topic);
        }
    }

    fn watch(&mut self, topic: Topic, shard: usize, ask: AskNumber, now: Instant) {
        if !self.slots.contains_key(&topic) && !self.has_room() {
            let (shards, why) = ([shard].into_iter().collect(), NotOpened::Unavailable);
            self.effects.push(TopicEffect::Refuse(shards, topic, why));
            return;
        }
        let give_up_at = now + self.open_timeout;
        let slot = self.slots.entry(topic).or_insert_with(|| Slot {
            shards: ShardSet::default(),
            waiting: Asks::new(),
            answered: Asks::new(),
            owed: ShardSet::default(),
            give_up_at,
            latest: None,
            quiet_until: now,
            asked_by: None,
            doubted: false,
            left_at: None,
        });
        if let Some(left_at) = slot.left_at.take() {
            self.left.remove(&(left_at, topic));
        }
        if !slot.is_waited_for() {
            slot.give_up_at = give_up_at;
        }
        slot.shards.insert(shard);
        let asks = match slot.asked_by {
            Some(_) if mistaken!(AnswerEarly) => &mut slot.answered,
            _ => &mut slot.waiting,
        };
        merge(asks, Asks::from([(shard, ask)]));
        self.lanes[kind(topic)].stale.insert(topic);
        self.waited_for.insert(topic);
    }

    /// Whether there is room for one more topic. Drops the longest unwatched one if needed.
    fn has_room(&mut self) -> bool {
        if self.slots.len() >= self.config.private_topics_max
            && let Some((_, topic)) = self.left.pop_first()
        {
            self.remove(topic);
        }
        self.slots.len() < self.config.private_topics_max
    }

    fn unwatch(&mut self, topic: Topic, shard: usize, now: Instant) {
        let Some(slot) = self.slots.get_mut(&topic) else {
            return;
        };
        slot.shards.remove(shard);
        slot.waiting.remove(&shard);
        slot.answered.remove(&shard);
        slot.owed.remove(shard);
        if !slot.shards.is_empty() || slot.left_at.is_some() {
            return;
        }
        self.lanes[kind(topic)].stale.remove(&topic);
        self.waited_for.remove(&topic);
        if slot.latest.is_none() || slot.doubted {
            // The topic has no viewers, so dropping it loses nothing.
            self.remove(topic);
        } else {
            slot.left_at = Some(now);
            self.left.insert((now, topic));
        }
    }

    fn forget_left(&mut self, now: Instant) {
        while let Some(&(left_at, topic)) = self.left.first()
            && left_at + self.grace <= now
        {
            self.remove(topic);
        }
    }

    fn remove(&mut self, topic: Topic) -> Option<Slot> {
        self.lanes[kind(topic)].stale.remove(&topic);
        self.waited_for.remove(&topic);
        let slot = self.slots.remove(&topic)?;
        if let Some(left_at) = slot.left_at {
            self.left.remove(&(left_at, topic));
        }
        Some(slot)
    }

    fn rang(&mut self, topic: Topic) {
        let watched = |slot: &&Slot| {
            let is_lost = mistaken!(LoseRing) && slot.asked_by.is_some();
            slot.left_at.is_none() && !is_lost
        };
        if self.slots.get(&topic).filter(watched).is_some() {
            self.lanes[kind(topic)].stale.insert(topic);
        }
    }

    fn read_all_soon(&mut self, now: Instant) {
        self.all_are_stale();
        for lane in &mut self.lanes {
            lane.retry_at = None;
            lane.doubts.hurry(now);
        }
    }

    /// Answers questions that wait for too long with «later». Their read goes on, for the next question.
    fn give_up(&mut self, now: Instant) {
        let TopicPlanner {
            slots,
            effects,
            waited_for,
            ..
        } = self;
        waited_for.retain(|&topic| {
            let Some(slot) = slots.get_mut(&topic) else {
                return false;
            };
            if slot.give_up_at > now {
                return true;
            }
            let mut gave_up = mem::take(&mut slot.waiting);
            merge(&mut gave_up, mem::take(&mut slot.answered));
            let gave_up: ShardSet = gave_up.into_keys().collect();
            gave_up.iter().for_each(|shard| slot.owed.insert(shard));
            if !gave_up.is_empty() {
                effects.push(TopicEffect::Refuse(gave_up, topic, NotOpened::Unavailable));
            }
            false
        });
    }

    /// Begins the next read of a kind, if topics need one and none is under way.
    fn ask(&mut self, kind: usize, now: Instant) {
        let lane = &self.lanes[kind];
        if lane.reading || lane.retry_at.is_some_and(|at| now < at) {
            return;
        }
        let is_due = |topic: &&Topic| {
            let slot = self.slots.get(topic);
            slot.is_some_and(|slot| slot.is_due(**topic, now))
        };
        let due = lane.stale.iter().filter(is_due);
        let due: Vec<Topic> = due
            .take(self.config.private_per_read_max)
            .copied()
            .collect();
        self.lanes[kind].reading = self.begin(&due, None, now);
    }

    /// Begins the next retry of a kind.
    fn ask_aside(&mut self, kind: usize, now: Instant) {
        while let Some(doubt) = self.lanes[kind].doubts.take_due(now) {
            let slots = &self.slots;
            let in_doubt = |topic: &Topic| {
                let slot = slots.get(topic);
                slot.is_some_and(|slot| slot.doubted && slot.asked_by.is_none())
            };
            let topics: Vec<Topic> = doubt.pieces.into_iter().filter(in_doubt).collect();
            if self.begin(&topics, Some(doubt.backoff), now) {
                self.lanes[kind].doubts.is_busy = true;
            }
        }
    }

    fn begin(&mut self, topics: &[Topic], doubted: Option<Backoff>, now: Instant) -> bool {
        let (id, mut asked) = (self.reads, Vec::with_capacity(topics.len()));
        for &topic in topics {
            let Some(slot) = self.slots.get_mut(&topic) else {
                continue;
            };
            self.lanes[kind(topic)].stale.remove(&topic);
            slot.asked_by = Some(id);
            slot.answered = mem::take(&mut slot.waiting);
            let known = slot.latest.clone();
            asked.push(AskedTopic { topic, known });
        }
        let begins = !asked.is_empty();
        if begins {
            self.reads += 1;
            self.effects.push(TopicEffect::Read(Batch {
                id,
                asked,
                began: now,
                doubted,
            }));
        }
        begins
    }

    fn read(&mut self, batch: Batch, answer: Result<TopicAnswers, QueryFailure>, now: Instant) {
        let lane = &mut self.lanes[batch.kind()];
        match batch.doubted {
            None => lane.reading = false,
            Some(_) => lane.doubts.is_busy = false,
        }
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return self.failed(batch, failure, now),
        };
        lane.retry_at = None;
        lane.pause.reset();
        let took = now.saturating_duration_since(batch.began);
        for AskedTopic { topic, .. } in batch.asked {
            if !self.is_asked_by(topic, batch.id) {
                continue;
            }
            match answer.remove(&topic) {
                Some(told) => self.told(topic, told, took, now),
                None => self.gone(topic),
            }
        }
    }

    /// Whether the topic still belongs to this read. It does not if it was left and watched again meanwhile.
    fn is_asked_by(&mut self, topic: Topic, batch: u64) -> bool {
        let slot = self.slots.get_mut(&topic);
        slot.is_some_and(|slot| slot.asked_by.take_if(|by| *by == batch).is_some())
    }

    fn failed(&mut self, batch: Batch, failure: QueryFailure, now: Instant) {
        let kind = batch.kind();
        let mut topics = Vec::with_capacity(batch.asked.len());
        for AskedTopic { topic, .. } in batch.asked {
            if self.is_asked_by(topic, batch.id)
                && let Some(slot) = self.slots.get_mut(&topic)
            {
                merge(&mut slot.waiting, mem::take(&mut slot.answered));
                if slot.left_at.is_none() {
                    slot.doubted |= failure == QueryFailure::Unusable;
                    topics.push(topic);
                }
            }
        }
        let lane = &mut self.lanes[kind];
        match (failure, batch.doubted) {
            // No read will succeed until the database is back.
            (QueryFailure::Unavailable, None) => {
                lane.retry_at = Some(now + lane.pause.pause());
                lane.stale.extend(topics);
            }
            (QueryFailure::Unavailable, Some(backoff)) => lane.doubts.again(topics, backoff, now),
            (QueryFailure::Unusable, backoff) => lane.doubts.halve(topics, backoff, now),
        }
    }

    fn told(&mut self, topic: Topic, told: ToldTopic, took: Duration, now: Instant) {
        let Some(slot) = self.slots.get_mut(&topic) else {
            return;
        };
        slot.doubted = false;
        if let Topic::Admin(_) = topic {
            let interval = Duration::from_millis(self.config.figures_interval_ms);
            slot.quiet_until = now + interval.max(took * FIGURES_REST);
        }
        if slot.waiting.is_empty() {
            self.waited_for.remove(&topic);
        }
        let ToldTopic { owner, read, found } = told;
        let newer = match &slot.latest {
            Some(latest) => latest.after(owner, read, found, !slot.answered.is_empty()),
            None => Some(Picture::first(topic, owner, read, found)),
        };
        let mut tell = mem::take(&mut slot.owed);
        if let Some(newer) = newer {
            let known = slot.latest.as_ref().map(|latest| latest.revision);
            if known != Some(newer.revision) {
                slot.quiet_until = slot.quiet_until.max(now + self.window);
            }
            // All shards need it, even if nothing changed: later reads prove only the latest picture current.
            slot.latest = Some(Arc::new(newer));
            tell = slot.shards;
        }
        let Some(picture) = &slot.latest else {
            return;
        };
        for (shard, ask) in mem::take(&mut slot.answered) {
            tell.remove(shard);
            let answer = TopicEffect::Answer(shard, ask, picture.clone());
            self.effects.push(answer);
        }
        if !tell.is_empty() {
            self.effects.push(TopicEffect::Tell(tell, picture.clone()));
        }
    }

    /// The event or user does not exist any more.
    fn gone(&mut self, topic: Topic) {
        if let Some(slot) = self.remove(topic) {
            let why = NotOpened::NoSuchEvent;
            self.effects
                .push(TopicEffect::Refuse(slot.shards, topic, why));
        }
    }
}
