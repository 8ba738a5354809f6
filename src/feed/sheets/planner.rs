//! Which sheets are read, and who is told: causes in, effects out, no I/O and no clock.
//!
//! One read at a time, of all that needs one. What rings while it is under way is read by the next, since it
//! may have begun too early. Whoever asks is answered by a read that began after the question: what another
//! node has shown before is never taken back.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use crate::config::{FeedConfig, SheetConfig};
use crate::feed::cause::Failure;
use crate::hub::sheet::{Sheet, Wish};
use crate::hub::{NotOpened, ShardSet};
use crate::protocol::topic::Topic;
use crate::store::doorbell::SheetRing;
use crate::ticketing::{Revision, UserId};

/// First and longest pause between attempts to reach a database that does not answer.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) enum Cause {
    Wish(Wish),
    Rang(SheetRing),
    Read(Vec<Asked>, Result<HashMap<Topic, Told>, Failure>),
    /// Time passed; see [`Planner::next_at`].
    Time,
}

#[derive(Debug)]
pub(super) enum Effect {
    /// Read these; answer with [`Cause::Read`].
    Read(Vec<Asked>),
    Tell(ShardSet, Arc<Sheet>),
    Refuse(ShardSet, Topic, NotOpened),
}

/// A sheet to be read.
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
    latest: Option<Arc<Sheet>>,
    /// Least time between two sheets: not read again before.
    quiet_until: Instant,
}

impl Slot {
    fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty() || !self.answered.is_empty()
    }
}

#[derive(Debug)]
pub(super) struct Planner {
    config: SheetConfig,
    open_timeout: Duration,
    window: Duration,
    slots: HashMap<Topic, Slot>,
    /// To be read.
    stale: BTreeSet<Topic>,
    /// Those with somebody who waits.
    waited_for: BTreeSet<Topic>,
    reading: bool,
    retry_at: Option<Instant>,
    pause: Duration,
    poll_at: Instant,
    serial: u64,
    effects: Vec<Effect>,
}

impl Planner {
    pub(super) fn new(config: SheetConfig, feed: &FeedConfig, now: Instant) -> Self {
        Planner {
            open_timeout: Duration::from_millis(feed.open_timeout_ms),
            window: Duration::from_millis(feed.conflation_window_ms),
            slots: HashMap::new(),
            stale: BTreeSet::new(),
            waited_for: BTreeSet::new(),
            reading: false,
            retry_at: None,
            pause: RETRY_PAUSE_MIN,
            poll_at: now + Duration::from_millis(config.sheet_poll_interval_ms),
            serial: 0,
            effects: Vec::new(),
            config,
        }
    }

    pub(super) fn on(&mut self, cause: Cause, now: Instant) -> Vec<Effect> {
        match cause {
            Cause::Wish(Wish::Watch { topic, shard }) => self.watch(topic, shard, now),
            Cause::Wish(Wish::Unwatch { topic, shard }) => self.unwatch(topic, shard),
            Cause::Rang(SheetRing::Users(users)) => {
                users
                    .into_iter()
                    .for_each(|user| self.rang(Topic::User(user)));
            }
            Cause::Rang(SheetRing::Event(event)) => self.rang(Topic::Admin(event)),
            // Whatever was committed before may have gone unheard.
            Cause::Rang(SheetRing::Listening) => self.read_all_soon(now),
            Cause::Read(asked, told) => self.read(asked, told, now),
            Cause::Time => {}
        }
        if self.poll_at <= now {
            self.poll_at = now + Duration::from_millis(self.config.sheet_poll_interval_ms);
            self.stale.extend(self.slots.keys());
        }
        self.give_up(now);
        self.ask(now);
        mem::take(&mut self.effects)
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        let slot = |topic: &Topic| self.slots.get(topic);
        let give_up_at = self.waited_for.iter().filter_map(slot);
        let give_up_at = give_up_at.map(|slot| slot.give_up_at).min();
        let read_at = match self.retry_at {
            _ if self.reading => None,
            Some(at) => (!self.stale.is_empty()).then_some(at),
            None => {
                let stale = self.stale.iter().filter_map(slot);
                stale.map(|slot| slot.quiet_until).min()
            }
        };
        let poll_at = (!self.slots.is_empty()).then_some(self.poll_at);
        [give_up_at, read_at, poll_at].into_iter().flatten().min()
    }

    fn watch(&mut self, topic: Topic, shard: usize, now: Instant) {
        let mut shards = ShardSet::default();
        shards.insert(shard);
        if self.slots.len() >= self.config.sheets_max && !self.slots.contains_key(&topic) {
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
        });
        if !slot.is_waited_for() {
            slot.give_up_at = give_up_at;
        }
        slot.shards.insert(shard);
        slot.waiting.insert(shard);
        self.stale.insert(topic);
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
        self.stale.remove(&topic);
        self.waited_for.remove(&topic);
        self.slots.remove(&topic)
    }

    fn rang(&mut self, topic: Topic) {
        if self.slots.contains_key(&topic) {
            self.stale.insert(topic);
        }
    }

    fn read_all_soon(&mut self, now: Instant) {
        self.stale.extend(self.slots.keys());
        if let Some(retry_at) = &mut self.retry_at {
            *retry_at = now;
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

    /// Begins the next read, if there is something to be read and nothing under way.
    fn ask(&mut self, now: Instant) {
        if self.reading || self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        let mut asked = Vec::new();
        for &topic in &self.stale {
            let Some(slot) = self.slots.get_mut(&topic) else {
                continue;
            };
            if slot.quiet_until > now && slot.waiting.is_empty() {
                continue;
            }
            slot.answered = mem::take(&mut slot.waiting);
            let known = slot.latest.as_ref().map(|sheet| sheet.revision);
            asked.push(Asked { topic, known });
            if asked.len() == self.config.sheets_per_read_max {
                break;
            }
        }
        if !asked.is_empty() {
            for asked in &asked {
                self.stale.remove(&asked.topic);
            }
            self.reading = true;
            self.effects.push(Effect::Read(asked));
        }
    }

    fn read(
        &mut self,
        asked: Vec<Asked>,
        told: Result<HashMap<Topic, Told>, Failure>,
        now: Instant,
    ) {
        self.reading = false;
        match told {
            Ok(mut told) => {
                (self.retry_at, self.pause) = (None, RETRY_PAUSE_MIN);
                for Asked { topic, .. } in asked {
                    match told.remove(&topic) {
                        Some(told) => self.told(topic, told, now),
                        None => self.gone(topic),
                    }
                }
            }
            Err(_) => {
                self.retry_at = Some(now + self.pause);
                self.pause = (self.pause * 2).min(RETRY_PAUSE_MAX);
                for Asked { topic, .. } in asked {
                    if let Some(slot) = self.slots.get_mut(&topic) {
                        let unanswered = mem::take(&mut slot.answered);
                        unanswered
                            .iter()
                            .for_each(|shard| slot.waiting.insert(shard));
                        self.stale.insert(topic);
                    }
                }
            }
        }
    }

    fn told(&mut self, topic: Topic, told: Told, now: Instant) {
        let Some(slot) = self.slots.get_mut(&topic) else {
            return;
        };
        let mut answered = mem::take(&mut slot.answered);
        mem::take(&mut slot.owed)
            .iter()
            .for_each(|shard| answered.insert(shard));
        if slot.waiting.is_empty() {
            self.waited_for.remove(&topic);
        }
        let differs = |sheet: &Arc<Sheet>| {
            let body = told.body.as_ref();
            body.is_some_and(|body| body.get() != sheet.body.get()) || told.owner != sheet.owner
        };
        if let Some(latest) = slot.latest.as_ref().filter(|latest| !differs(latest)) {
            if !answered.is_empty() {
                self.effects.push(Effect::Tell(answered, latest.clone()));
            }
            return;
        }
        // Without a body it is what is known, and that is there.
        let known = slot.latest.as_ref().map(|sheet| sheet.body.clone());
        let Some(body) = told.body.or(known) else {
            return;
        };
        self.serial += 1;
        let sheet = Sheet::new(topic, self.serial, told.revision, told.owner, body);
        let sheet = Arc::new(sheet);
        slot.latest = Some(sheet.clone());
        slot.quiet_until = now
            + match topic {
                Topic::Admin(_) => Duration::from_millis(self.config.figures_interval_ms),
                _ => self.window,
            };
        self.effects.push(Effect::Tell(slot.shards, sheet));
    }

    /// There is no such event any more.
    fn gone(&mut self, topic: Topic) {
        if let Some(slot) = self.remove(topic) {
            let why = NotOpened::NoSuchEvent;
            self.effects.push(Effect::Refuse(slot.shards, topic, why));
        }
    }
}
