//! Which private are read, and who is told: causes in, effects out, no I/O and no clock.
//!
//! Users and figures are read apart, each by one read at a time, of all that needs one. What rings while it is
//! under way is read by the next, since it may have begun too early. Whoever asks is answered by a read that
//! began after the question: what another node has shown before is never taken back.
//!
//! A read that fails is set aside and made again in halves, so that others do not wait for what spoiled it.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::config::{FeedConfig, PrivateConfig};
use crate::hub::private::{Picture, Wish};
use crate::hub::{NotOpened, ShardSet};
use crate::pacing::{Backoff, Halving};
use crate::protocol::topic::Topic;
use crate::store::Failure;
use crate::store::doorbell::PrivateRing;
use crate::ticketing::{Revision, UserId};

/// First and longest pause between attempts to reach a database that does not answer.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

/// First and longest pause before a topic that cannot be read alone is read again.
const ALONE_PAUSE_MIN: Duration = Duration::from_millis(500);
const ALONE_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Figures are not read for so many times what their last read took: at most a fifth of the time.
const FIGURES_REST: u32 = 4;

#[derive(Debug)]
pub(super) enum Cause {
    Wish(Wish),
    Rang(PrivateRing),
    Read(Batch, Result<Answer, Failure>),
    /// Time passed; see [`Planner::next_at`].
    Time,
}

#[derive(Debug)]
pub(super) enum Effect {
    /// Read these; answer with [`Cause::Read`].
    Read(Batch),
    Tell(ShardSet, Arc<Picture>),
    Refuse(ShardSet, Topic, NotOpened),
}

/// One read's worth: users, or events whose figures are wanted.
#[derive(Debug)]
pub(super) struct Batch {
    id: u64,
    pub(super) asked: Vec<Asked>,
    began: Instant,
    /// Set aside earlier; the pauses between its attempts.
    doubted: Option<Backoff>,
}

impl Batch {
    /// A batch is of one kind.
    fn kind(&self) -> usize {
        self.asked.first().map_or(0, |asked| kind(asked.topic))
    }
}

/// Which of the lanes reads the topic: users' bookings, or figures.
fn kind(topic: Topic) -> usize {
    usize::from(matches!(topic, Topic::Admin(_)))
}

/// What a read found. What is not told is not there.
#[derive(Debug)]
pub(super) struct Answer {
    /// When the read began: all that was committed before is in it.
    pub(super) at: Timestamp,
    pub(super) told: HashMap<Topic, Told>,
}

/// A picture to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) topic: Topic,
    /// What was shown; the same need not be read whole again.
    pub(super) known: Option<Revision>,
}

/// What the database tells of a topic.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) revision: Revision,
    pub(super) owner: UserId,
    /// `None`: the same as is known.
    pub(super) body: Option<Arc<RawValue>>,
}

#[derive(Debug)]
struct Slot {
    shards: ShardSet,
    /// Who waits to be answered, by a read that has not begun yet.
    waiting: ShardSet,
    /// Who is answered by the read under way.
    answered: ShardSet,
    /// Who gave up waiting: told by the next read that succeeds, for whoever is still there.
    owed: ShardSet,
    give_up_at: Instant,
    latest: Option<Arc<Picture>>,
    /// Least time between two private: not read again before.
    quiet_until: Instant,
    /// The read under way.
    asked_by: Option<u64>,
    /// A read that it was part of failed: it is read apart until that succeeds.
    doubted: bool,
}

impl Slot {
    fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty() || !self.answered.is_empty()
    }

    /// Whether the read of all that is stale takes it along. Who asks for its bookings is answered at once;
    /// figures keep their distance, since each costs a pass over the event's bookings.
    fn is_due(&self, topic: Topic, now: Instant) -> bool {
        let asks = !self.waiting.is_empty() && !matches!(topic, Topic::Admin(_));
        !self.doubted && (self.quiet_until <= now || asks)
    }
}

/// The reads of one kind: one at a time, and beside it one of what is in doubt.
#[derive(Debug)]
struct Lane {
    /// To be read.
    stale: BTreeSet<Topic>,
    reading: bool,
    /// The database is away.
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
pub(super) struct Planner {
    config: PrivateConfig,
    open_timeout: Duration,
    window: Duration,
    slots: HashMap<Topic, Slot>,
    lanes: [Lane; 2],
    /// Those with somebody who waits.
    waited_for: BTreeSet<Topic>,
    poll_at: Instant,
    serial: u64,
    reads: u64,
    effects: Vec<Effect>,
}

impl Planner {
    pub(super) fn new(config: PrivateConfig, feed: &FeedConfig, now: Instant) -> Self {
        Planner {
            open_timeout: Duration::from_millis(feed.open_timeout_ms),
            window: Duration::from_millis(feed.conflation_window_ms),
            slots: HashMap::new(),
            lanes: Default::default(),
            waited_for: BTreeSet::new(),
            poll_at: now + Duration::from_millis(config.private_poll_interval_ms),
            serial: 0,
            reads: 0,
            effects: Vec::new(),
            config,
        }
    }

    pub(super) fn on(&mut self, cause: Cause, now: Instant) -> Vec<Effect> {
        match cause {
            Cause::Wish(Wish::Watch { topic, shard }) => self.watch(topic, shard, now),
            Cause::Wish(Wish::Unwatch { topic, shard }) => self.unwatch(topic, shard),
            Cause::Rang(PrivateRing::Users(users)) => {
                users
                    .into_iter()
                    .for_each(|user| self.rang(Topic::User(user)));
            }
            Cause::Rang(PrivateRing::Event(event)) => self.rang(Topic::Admin(event)),
            // Whatever was committed before may have gone unheard.
            Cause::Rang(PrivateRing::Listening) => self.read_all_soon(now),
            Cause::Read(batch, answer) => self.read(batch, answer, now),
            Cause::Time => {}
        }
        if self.poll_at <= now {
            self.poll_at = now + Duration::from_millis(self.config.private_poll_interval_ms);
            self.all_are_stale();
        }
        self.give_up(now);
        for kind in 0..self.lanes.len() {
            self.ask(kind, now);
            self.ask_aside(kind, now);
        }
        mem::take(&mut self.effects)
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
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
        let all = [give_up_at, read_at, doubts.min(), poll_at];
        all.into_iter().flatten().min()
    }

    fn all_are_stale(&mut self) {
        for &topic in self.slots.keys() {
            self.lanes[kind(topic)].stale.insert(topic);
        }
    }

    fn watch(&mut self, topic: Topic, shard: usize, now: Instant) {
        let mut shards = ShardSet::default();
        shards.insert(shard);
        if self.slots.len() >= self.config.private_topics_max && !self.slots.contains_key(&topic) {
            let why = NotOpened::Unavailable;
            self.effects.push(Effect::Refuse(shards, topic, why));
            return;
        }
        let give_up_at = now + self.open_timeout;
        let slot = self.slots.entry(topic).or_insert_with(|| Slot {
            shards: ShardSet::default(),
            waiting: ShardSet::default(),
            answered: ShardSet::default(),
            owed: ShardSet::default(),
            give_up_at,
            latest: None,
            quiet_until: now,
            asked_by: None,
            doubted: false,
        });
        if !slot.is_waited_for() {
            slot.give_up_at = give_up_at;
        }
        slot.shards.insert(shard);
        slot.waiting.insert(shard);
        self.lanes[kind(topic)].stale.insert(topic);
        self.waited_for.insert(topic);
    }

    fn unwatch(&mut self, topic: Topic, shard: usize) {
        let Some(slot) = self.slots.get_mut(&topic) else {
            return;
        };
        slot.shards.remove(shard);
        slot.waiting.remove(shard);
        slot.answered.remove(shard);
        slot.owed.remove(shard);
        if slot.shards.is_empty() {
            self.remove(topic);
        }
    }

    fn remove(&mut self, topic: Topic) -> Option<Slot> {
        self.lanes[kind(topic)].stale.remove(&topic);
        self.waited_for.remove(&topic);
        self.slots.remove(&topic)
    }

    fn rang(&mut self, topic: Topic) {
        if self.slots.contains_key(&topic) {
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

    /// Whoever waits for too long is told to come later; the read goes on, for the next to ask.
    fn give_up(&mut self, now: Instant) {
        let Planner {
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
            mem::take(&mut slot.answered)
                .iter()
                .for_each(|shard| gave_up.insert(shard));
            gave_up.iter().for_each(|shard| slot.owed.insert(shard));
            if !gave_up.is_empty() {
                effects.push(Effect::Refuse(gave_up, topic, NotOpened::Unavailable));
            }
            false
        });
    }

    /// Begins the next read of a kind, if there is something to be read and nothing under way.
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

    /// The same of what is in doubt.
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
            let known = slot.latest.as_ref().map(|picture| picture.revision);
            asked.push(Asked { topic, known });
        }
        let begins = !asked.is_empty();
        if begins {
            self.reads += 1;
            self.effects.push(Effect::Read(Batch {
                id,
                asked,
                began: now,
                doubted,
            }));
        }
        begins
    }

    fn read(&mut self, batch: Batch, answer: Result<Answer, Failure>, now: Instant) {
        let lane = &mut self.lanes[batch.kind()];
        match batch.doubted {
            None => lane.reading = false,
            Some(_) => lane.doubts.is_busy = false,
        }
        let Answer { at, mut told } = match answer {
            Ok(answer) => answer,
            Err(failure) => return self.failed(batch, failure, now),
        };
        lane.retry_at = None;
        lane.pause.reset();
        let took = now.saturating_duration_since(batch.began);
        for Asked { topic, .. } in batch.asked {
            if !self.is_asked_by(topic, batch.id) {
                continue;
            }
            match told.remove(&topic) {
                Some(told) => self.told(topic, told, (at, took), now),
                None => self.gone(topic),
            }
        }
    }

    /// Whether the topic waits for this read; not if it was left meanwhile, and watched anew.
    fn is_asked_by(&mut self, topic: Topic, batch: u64) -> bool {
        let slot = self.slots.get_mut(&topic);
        slot.is_some_and(|slot| slot.asked_by.take_if(|by| *by == batch).is_some())
    }

    fn failed(&mut self, batch: Batch, failure: Failure, now: Instant) {
        let kind = batch.kind();
        let mut topics = Vec::with_capacity(batch.asked.len());
        for Asked { topic, .. } in batch.asked {
            if self.is_asked_by(topic, batch.id)
                && let Some(slot) = self.slots.get_mut(&topic)
            {
                let unanswered = mem::take(&mut slot.answered);
                unanswered
                    .iter()
                    .for_each(|shard| slot.waiting.insert(shard));
                slot.doubted |= failure == Failure::Unusable;
                topics.push(topic);
            }
        }
        let lane = &mut self.lanes[kind];
        match (failure, batch.doubted) {
            // Nothing will succeed until the database is back.
            (Failure::Unavailable, None) => {
                lane.retry_at = Some(now + lane.pause.pause());
                lane.stale.extend(topics);
            }
            (Failure::Unavailable, Some(pause)) => {
                lane.doubts.again(topics, pause, now);
            }
            (Failure::Unusable, pause) => lane.doubts.halve(topics, pause, now),
        }
    }

    fn told(&mut self, topic: Topic, told: Told, (at, took): (Timestamp, Duration), now: Instant) {
        let Some(slot) = self.slots.get_mut(&topic) else {
            return;
        };
        slot.doubted = false;
        if let Topic::Admin(_) = topic {
            let interval = Duration::from_millis(self.config.figures_interval_ms);
            slot.quiet_until = now + interval.max(took * FIGURES_REST);
        }
        let mut answered = mem::take(&mut slot.answered);
        mem::take(&mut slot.owed)
            .iter()
            .for_each(|shard| answered.insert(shard));
        if slot.waiting.is_empty() {
            self.waited_for.remove(&topic);
        }
        let differs = |picture: &Arc<Picture>| {
            let body = told.body.as_ref();
            body.is_some_and(|body| body.get() != picture.body.get()) || told.owner != picture.owner
        };
        if let Some(latest) = slot.latest.as_ref().filter(|latest| !differs(latest)) {
            latest.was_read(at);
            if !answered.is_empty() {
                self.effects.push(Effect::Tell(answered, latest.clone()));
            }
            return;
        }
        // Without a body it is what is known, and that is there.
        let known = slot.latest.as_ref().map(|picture| picture.body.clone());
        let Some(body) = told.body.or(known) else {
            return;
        };
        self.serial += 1;
        let picture = Picture::new(topic, self.serial, told.revision, told.owner, body);
        picture.was_read(at);
        let picture = Arc::new(picture);
        slot.latest = Some(picture.clone());
        slot.quiet_until = slot.quiet_until.max(now + self.window);
        self.effects.push(Effect::Tell(slot.shards, picture));
    }

    /// There is no such event any more.
    fn gone(&mut self, topic: Topic) {
        if let Some(slot) = self.remove(topic) {
            let why = NotOpened::NoSuchEvent;
            self.effects.push(Effect::Refuse(slot.shards, topic, why));
        }
    }
}
