//! Decides what the feed does next: causes in, effects out, no I/O and no clock.
//!
//! The driver in `feed/mod.rs` hands in causes and carries out effects, so the simulation can put any database, delay and
//! fault in its place.
//!
//! At most one read of the log is under way. It includes every event that rang since the last read began, so under load
//! reads become longer and not more. An event within its conflation window is left out, since nothing could be published
//! before the window ends.

mod absent;
mod loads;
mod reads;
mod rewinds;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem;
use std::time::{Duration, Instant};

use self::absent::Absent;
use self::rewinds::Rewinds;
use super::cause::{FeedCause, FeedEffect};
use super::entry::{Entry, EntryLimits};
use crate::config::FeedConfig;
use crate::hub::{NotOpened, ShardSet, Watch};
use crate::pacing::Backoff;
use crate::store::doorbell::HistoryPlace;
use crate::ticketing::EventId;

/// First and longest pause between attempts to reach a database that does not answer.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

/// The state of one event in the planner, and when it is next due without input.
#[derive(Debug)]
struct EventSlot {
    watched: WatchedEvent,
    timer: Option<Instant>,
}

#[derive(Debug)]
enum WatchedEvent {
    /// Its state is being loaded. Waiting shards are answered at `give_up_at` at the latest; the load goes on for the next
    /// request.
    Loading {
        waiting: ShardSet,
        give_up_at: Instant,
    },
    Open(Box<Entry>),
}

/// A read of the log, under way or planned.
#[derive(Debug)]
struct PlannedRead {
    events: Vec<EventId>,
    /// Whether it covers every open event, so that its success proves all of them current.
    all: bool,
    /// Whether it was planned as such a read: its success proves that the history of no open event was lost.
    proves: bool,
    /// When the oldest load began whose event was opened since this read was planned. The read does not cover that event,
    /// so it proves it current only up to the load.
    opened_since: Option<Instant>,
    /// The doorbell was connected since it began: it may answer from a database whose changes were lost.
    outdated: bool,
}

#[derive(Debug, Clone, Copy)]
enum DatabaseState {
    Up,
    /// The next attempt is made at `retry_at`.
    Down {
        retry_at: Instant,
    },
}

#[derive(Debug)]
pub(super) struct Planner {
    config: FeedConfig,
    slots: HashMap<EventId, EventSlot>,
    /// The timers of all slots.
    timers: BTreeSet<(Instant, EventId)>,
    /// Events that rang since the last read began.
    rung: BTreeSet<EventId>,
    reading: Option<PlannedRead>,
    /// Reads to be made before any other: the rest of a page, and the halves of a failed read.
    again: Vec<PlannedRead>,
    /// Open events with a gap in their log, and since when. While there is one, nothing is reported as current.
    gaps: HashMap<EventId, Instant>,
    /// Events to be loaded, in the order of the requests.
    to_load: VecDeque<EventId>,
    /// The loads under way, and when each began.
    loading_since: HashMap<EventId, Instant>,
    /// Those of them that may answer from a database of before.
    outdated: BTreeSet<EventId>,
    /// Those of them whose event rang since, or may have: it may have been made behind the load's back.
    rung_unloaded: BTreeSet<EventId>,
    absent: Absent,
    rewinds: Rewinds,
    /// The log that the doorbell came to last, of those that could be noted.
    place: Option<HistoryPlace>,
    has_listened: bool,
    database: DatabaseState,
    /// The pauses between attempts to reach the database.
    backoff: Backoff,
    /// Whether the bus brings changes.
    carried: bool,
    /// Whether the doorbell is connected.
    listening: bool,
    /// The doorbell was connected anew, maybe to a database that lost changes, and this was not looked at yet. Until then no
    /// change is taken that may follow on other ones.
    unproven: bool,
    poll_at: Instant,
    effects: Vec<FeedEffect>,
}

impl Planner {
    pub(super) fn new(config: FeedConfig, now: Instant) -> Self {
        Planner {
            absent: Absent::new(&config),
            rewinds: Rewinds::default(),
            place: None,
            has_listened: false,
            config,
            slots: HashMap::new(),
            timers: BTreeSet::new(),
            rung: BTreeSet::new(),
            reading: None,
            again: Vec::new(),
            gaps: HashMap::new(),
            to_load: VecDeque::new(),
            loading_since: HashMap::new(),
            outdated: BTreeSet::new(),
            rung_unloaded: BTreeSet::new(),
            database: DatabaseState::Up,
            backoff: Backoff::new(RETRY_PAUSE_MIN, RETRY_PAUSE_MAX),
            carried: false,
            listening: false,
            unproven: false,
            poll_at: now,
            effects: Vec::new(),
        }
    }

    /// Takes in a cause; the returned effects have to be carried out in order.
    pub(super) fn on(&mut self, cause: FeedCause, now: Instant) -> Vec<FeedEffect> {
        if let FeedCause::Rang(event) | FeedCause::LookAgain(event) = cause {
            self.absent.forget(event);
            if self.loading_since.contains_key(&event) {
                self.rung_unloaded.insert(event);
            }
        }
        match cause {
            FeedCause::Watch(Watch::Watch { event, shard }) => self.watch(event, shard, now),
            FeedCause::Watch(Watch::Unwatch { event, shard }) => self.unwatch(event, shard),
            FeedCause::Watch(Watch::Look {
                event,
                revision,
                shard,
                look,
            }) => self.look(event, revision, (shard, look), now),
            FeedCause::Listening(place) => {
                self.came_to(place);
                self.listening = true;
                self.unproven = true;
                // Their rows would be taken before.
                self.again.clear();
                if let Some(reading) = &mut self.reading {
                    reading.outdated = true;
                }
                self.absent.clear();
                self.rung_unloaded.extend(self.loading_since.keys());
                if !mistaken!(SkipReread) {
                    self.read_all_soon(now);
                }
            }
            // The bus brings this change as well; if it loses it, the poll finds it.
            FeedCause::Rang(_) if self.carried => {}
            FeedCause::Rang(event) | FeedCause::LookAgain(event) => self.rang(event),
            FeedCause::Delivered(event, delta) => self.delivered(event, *delta, now),
            FeedCause::Carried(carried) => {
                self.carried = carried;
                self.read_all_soon(now);
            }
            // Reported once: a failed attempt to reconnect is not news.
            FeedCause::BellLost if mem::take(&mut self.listening) => {
                self.effects.push(FeedEffect::DatabaseDown);
                self.poll_at = now;
            }
            FeedCause::BellLost => {}
            FeedCause::Read(result) => self.read(result, now),
            FeedCause::Loaded(event, result) => self.loaded(event, result, now),
            FeedCause::Time => {}
        }
        self.tend(now);
        self.ask(now);
        mem::take(&mut self.effects)
    }

    /// When [`FeedCause::Time`] is due, unless something else happens before.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|&(at, _)| at);
        let read_at = match self.database {
            _ if self.reading.is_some() => None,
            DatabaseState::Up => Some(self.poll_at),
            DatabaseState::Down { retry_at } => Some(retry_at),
        };
        [timer, read_at].into_iter().flatten().min()
    }

    /// Handles the events whose timer is due.
    fn tend(&mut self, now: Instant) {
        while let Some(&(at, event)) = self.timers.first().filter(|&&(at, _)| at <= now) {
            self.timers.remove(&(at, event));
            let Some(slot) = self.slots.get_mut(&event) else {
                continue;
            };
            slot.timer = None;
            match &mut slot.watched {
                WatchedEvent::Loading { waiting, .. } => {
                    let gave_up = mem::take(waiting);
                    self.effects.push(FeedEffect::NotOpened(
                        gave_up,
                        event,
                        NotOpened::Unavailable,
                    ));
                }
                WatchedEvent::Open(entry) if entry.leaves_at.is_some_and(|at| at <= now) => {
                    self.remove(event);
                }
                WatchedEvent::Open(entry) => {
                    if mem::take(&mut entry.unread) {
                        self.rung.insert(event);
                    }
                    self.flush(event, now);
                }
            }
            self.schedule(event);
        }
    }

    /// Starts the next queries: one read, and as many loads as are allowed at a time.
    fn ask(&mut self, now: Instant) {
        if self.reading.is_none()
            && let Some(reading) = self.next_read(now)
        {
            self.begin(reading, now);
        }
        while matches!(self.database, DatabaseState::Up)
            && self.loading_since.len() < self.config.loads_parallel_max
            && let Some(event) = self.to_load.pop_front()
        {
            self.load(event, now);
        }
    }

    fn flush(&mut self, event: EventId, now: Instant) {
        let Some(entry) = self.open(event) else {
            return;
        };
        if let Some(flush) = entry.flush(now) {
            let (shards, deleted) = (entry.shards, flush.delta.deleted);
            self.effects.push(FeedEffect::Publish(shards, event, flush));
            if deleted {
                return self.gone(event);
            }
        }
        self.schedule(event);
    }

    /// Whether the event is watched and its state known.
    pub(super) fn is_open(&self, event: EventId) -> bool {
        let slot = self.slots.get(&event);
        slot.is_some_and(|slot| matches!(slot.watched, WatchedEvent::Open(_)))
    }

    #[cfg(test)]
    pub(super) fn watches(&self, event: EventId) -> bool {
        self.slots.contains_key(&event) || self.loading_since.contains_key(&event)
    }

    fn open(&mut self, event: EventId) -> Option<&mut Entry> {
        match &mut self.slots.get_mut(&event)?.watched {
            WatchedEvent::Open(entry) => Some(entry),
            WatchedEvent::Loading { .. } => None,
        }
    }

    /// Sets the event's timer.
    fn schedule(&mut self, event: EventId) {
        let Some(slot) = self.slots.get_mut(&event) else {
            return;
        };
        let next_at = match &slot.watched {
            WatchedEvent::Open(entry) => entry.next_at(),
            WatchedEvent::Loading {
                waiting,
                give_up_at,
            } => (!waiting.is_empty()).then_some(*give_up_at),
        };
        if let Some(at) = mem::replace(&mut slot.timer, next_at) {
            self.timers.remove(&(at, event));
        }
        if let Some(at) = next_at {
            self.timers.insert((at, event));
        }
    }

    fn remove(&mut self, event: EventId) -> Option<EventSlot> {
        let slot = self.slots.remove(&event)?;
        self.gaps.remove(&event);
        if let Some(at) = slot.timer {
            self.timers.remove(&(at, event));
        }
        self.effects.push(FeedEffect::Left(event));
        Some(slot)
    }

    fn limits(&self) -> EntryLimits {
        EntryLimits {
            window: Duration::from_millis(self.config.conflation_window_ms),
            grace: Duration::from_secs(self.config.unwatch_grace_s),
            ring_deltas_max: self.config.ring_deltas_max,
        }
    }
}
