//! The shards that watch each event, and the loads: one per event, however many ask.

use std::mem;
use std::time::{Duration, Instant};

use super::{DatabaseState, EventSlot, Planner, WatchedEvent};
use crate::feed::cause::{FeedEffect, QueryFailure};
use crate::feed::entry::Entry;
use crate::hub::{NotOpened, ShardSet};
use crate::store::LiveEvent;
use crate::store::doorbell::HistoryPlace;
use crate::ticketing::EventId;

impl Planner {
    pub(super) fn watch(&mut self, event: EventId, shard: usize, now: Instant) {
        let mut shards = ShardSet::default();
        shards.insert(shard);
        if self.absent.has(event, now) {
            let why = NotOpened::NoSuchEvent;
            self.effects.push(FeedEffect::NotOpened(shards, event, why));
            return;
        }
        let give_up_at = now + Duration::from_millis(self.config.open_timeout_ms);
        if self.slots.len() >= self.config.watched_events_max && !self.slots.contains_key(&event) {
            self.effects
                .push(FeedEffect::NotOpened(shards, event, NotOpened::Unavailable));
            return;
        }
        let slot = self.slots.entry(event).or_insert_with(|| {
            self.to_load.push_back(event);
            let watched = WatchedEvent::Loading {
                waiting: ShardSet::default(),
                give_up_at,
            };
            EventSlot {
                watched,
                timer: None,
            }
        });
        match &mut slot.watched {
            WatchedEvent::Open(entry) => {
                entry.shards.insert(shard);
                entry.leaves_at = None;
                self.effects.push(FeedEffect::Opened(
                    shards,
                    entry.opening(event),
                    entry.loaded_since,
                ));
            }
            WatchedEvent::Loading {
                waiting,
                give_up_at: until,
            } => {
                if waiting.is_empty() {
                    *until = give_up_at;
                }
                waiting.insert(shard);
            }
        }
        self.schedule(event);
    }

    /// A shard has no viewers of the event any more, and its grace period is over.
    pub(super) fn unwatch(&mut self, event: EventId, shard: usize) {
        match self.slots.get_mut(&event).map(|slot| &mut slot.watched) {
            Some(WatchedEvent::Open(entry)) => {
                entry.shards.remove(shard);
                if entry.shards.is_empty() {
                    self.remove(event);
                }
            }
            Some(WatchedEvent::Loading { waiting, .. }) => waiting.remove(shard),
            None => {}
        }
        self.schedule(event);
    }

    pub(super) fn load(&mut self, event: EventId, now: Instant) {
        let nobody_waits = match self.slots.get(&event).map(|slot| &slot.watched) {
            None => return,
            Some(WatchedEvent::Open(_)) => false,
            Some(WatchedEvent::Loading { waiting, .. }) => waiting.is_empty(),
        };
        if nobody_waits {
            self.remove(event);
            return;
        }
        // One that was begun before everybody left and somebody came back serves as well: what it misses is read afterwards.
        if self.loading_since.contains_key(&event) {
            // Bus and board forgot the event when everybody left.
            self.effects.push(FeedEffect::Expect(event));
            return;
        }
        self.loading_since.insert(event, now);
        self.effects.push(FeedEffect::Load(event));
    }

    pub(super) fn reload(&mut self, event: EventId, now: Instant) {
        if let Some(entry) = self.open(event).filter(|entry| !entry.reloading) {
            entry.reloading = true;
            self.gaps.entry(event).or_insert(now);
            self.to_load.push_back(event);
        }
    }

    pub(super) fn loaded(
        &mut self,
        event: EventId,
        result: Result<Option<Box<LiveEvent>>, QueryFailure>,
        now: Instant,
    ) {
        let began = self.loading_since.remove(&event).unwrap_or(now);
        let is_outdated = self.outdated.remove(&event);
        let has_rung = self.rung_unloaded.remove(&event);
        match result {
            Ok(_) if is_outdated => self.to_load.push_front(event),
            // Clients do not ask again for an event that does not exist.
            Ok(None) if has_rung => self.to_load.push_front(event),
            Ok(Some(live)) => {
                let under_way = self.reading.iter_mut().chain(&mut self.again);
                under_way.for_each(|reading| reading.opened(began));
                self.opened(event, *live, began, now);
            }
            Ok(None) => {
                self.absent.note(event, now);
                self.gone(event);
            }
            Err(QueryFailure::Unusable) => self.cannot_load(event, now),
            Err(QueryFailure::Unavailable) => {
                self.to_load.push_front(event);
                if matches!(self.database, DatabaseState::Up) {
                    self.database_failed(now);
                }
            }
        }
    }

    fn opened(&mut self, event: EventId, live: LiveEvent, began: Instant, now: Instant) {
        if let Some(at) = live.moved_at.filter(|_| !mistaken!(ForgetMoved)) {
            self.rewinds.moved(event, at);
        }
        let (limits, lost) = (self.limits(), self.rewinds.lost(event));
        let Some(slot) = self.slots.get_mut(&event) else {
            return;
        };
        match &mut slot.watched {
            WatchedEvent::Open(entry) => {
                entry.catch_up(&live.state, &live.recent);
                self.bridged(event, now);
            }
            WatchedEvent::Loading { waiting, .. } => {
                let shards = mem::take(waiting);
                let entry = Entry::new(shards, live.state, live.recent, now, limits);
                let mut entry = entry.after(lost);
                entry.loaded_since = Some(began);
                if shards.is_empty() {
                    // All waiting shards have given up. Their clients come back and should find it loaded; otherwise a slow database would
                    // keep them out for ever.
                    entry.leaves_at = Some(now + limits.grace);
                }
                self.effects.push(FeedEffect::Opened(
                    shards,
                    entry.opening(event),
                    Some(began),
                ));
                slot.watched = WatchedEvent::Open(Box::new(entry));
            }
        }
        self.flush(event, now);
        // Commits since the snapshot rang before the event was open.
        if !mistaken!(LoadThenListen) {
            self.rung.insert(event);
        }
    }

    /// A gap was bridged. After the last one, a read of all events can prove them current again.
    pub(super) fn bridged(&mut self, event: EventId, now: Instant) {
        if self.gaps.remove(&event).is_some() && self.gaps.is_empty() {
            self.poll_at = now;
        }
    }

    pub(super) fn gone(&mut self, event: EventId) {
        self.close(event, NotOpened::NoSuchEvent);
    }

    /// Drops an event, and tells shards that watch it or wait for it why.
    pub(super) fn close(&mut self, event: EventId, why: NotOpened) {
        let Some(slot) = self.remove(event) else {
            return;
        };
        self.effects.push(match slot.watched {
            WatchedEvent::Open(entry) => FeedEffect::Closed(entry.shards, event, why),
            WatchedEvent::Loading { waiting, .. } => FeedEffect::NotOpened(waiting, event, why),
        });
    }

    /// The history of an open event was lost, so nobody goes on from it.
    pub(super) fn begin_anew(&mut self, event: EventId) {
        if let Some(head) = self.open(event).map(|entry| entry.head()) {
            self.rewinds.note(event, head);
        }
        self.close(event, NotOpened::Unavailable);
    }

    /// The doorbell is connected. In another place than before each event may have lost changes, also those that were
    /// not shown here but elsewhere; so all of them begin anew. Where the place could not be noted, the next one tells.
    pub(super) fn came_to(&mut self, place: Option<HistoryPlace>) {
        let is_first = !mem::replace(&mut self.has_listened, true);
        let Some(place) = place else {
            return;
        };
        let before = self.place.replace(place);
        if is_first || before == self.place || mistaken!(StayAtPlace) {
            return;
        }
        tracing::warn!("the log goes on in another database, the viewers of all events start anew");
        self.outdated.extend(self.loading_since.keys());
        let slots = self.slots.iter();
        let mut open: Vec<EventId> = slots
            .filter(|(_, slot)| matches!(slot.watched, WatchedEvent::Open(_)))
            .map(|(event, _)| *event)
            .collect();
        open.sort_unstable();
        for event in open {
            self.begin_anew(event);
        }
    }

    /// The event cannot be loaded to bridge its gap. If that lasts as long as a join would wait, the event is closed.
    fn cannot_load(&mut self, event: EventId, now: Instant) {
        let patience = Duration::from_millis(self.config.open_timeout_ms);
        let in_time = |&since: &Instant| now < since + patience;
        let may_wait = self.gaps.get(&event).is_none_or(in_time);
        match self.open(event) {
            // The next read finds the gap again, and asks for a load again.
            Some(entry) if may_wait => entry.reloading = false,
            _ => self.close(event, NotOpened::Unavailable),
        }
    }
}
