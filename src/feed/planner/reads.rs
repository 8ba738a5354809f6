//! Reads of the log: their events, their time, and the handling of their rows.

use std::mem;
use std::time::{Duration, Instant};

use super::{DatabaseState, PlannedRead, Planner, WatchedEvent};
use crate::feed::cause::{FeedEffect, LogPage, QueryFailure};
use crate::hub::Looked;
use crate::metrics;
use crate::pacing::halves;
use crate::ticketing::live::Delta;
use crate::ticketing::{EventId, Revision};

impl PlannedRead {
    pub(super) fn of(events: Vec<EventId>, all: bool) -> Self {
        PlannedRead {
            events,
            all,
            proves: all,
            opened_since: None,
            outdated: false,
        }
    }

    /// An event that this read does not cover was opened by a load that began at this time.
    pub(super) fn opened(&mut self, began: Instant) {
        let oldest = self.opened_since.map_or(began, |since| since.min(began));
        self.opened_since = Some(oldest);
    }
}

impl Planner {
    pub(super) fn rang(&mut self, event: EventId) {
        // A load under way may have begun too early to see this change; the read after it will.
        if self.open(event).is_some() {
            self.rung.insert(event);
        }
    }

    /// A viewer has a newer revision than its shard: the log is read, and its rows are published, before the window ends.
    pub(super) fn look(
        &mut self,
        event: EventId,
        revision: Revision,
        (shard, look): (usize, u64),
        now: Instant,
    ) {
        let Some(entry) = self.open(event) else {
            return;
        };
        if entry.has_shown(revision) {
            return;
        }
        if entry.look(shard, look, now) {
            self.rung.insert(event);
            self.flush(event, now);
        } else {
            self.schedule(event);
        }
    }

    pub(super) fn read_all_soon(&mut self, now: Instant) {
        self.poll_at = now;
        if let DatabaseState::Down { retry_at } = &mut self.database {
            *retry_at = now;
        }
    }

    pub(super) fn read(&mut self, result: Result<LogPage, QueryFailure>, now: Instant) {
        let Some(reading) = self.reading.take() else {
            return;
        };
        // Everything is read since the doorbell was connected, so this read is not repeated.
        if reading.outdated {
            self.backoff.reset();
            return self.not_read(&reading);
        }
        let LogPage { rows, ahead_of } = match result {
            Ok(page) => page,
            Err(failure) => {
                self.not_read(&reading);
                return match failure {
                    QueryFailure::Unusable if !reading.events.is_empty() => {
                        self.halve(reading, now)
                    }
                    _ => self.database_failed(now),
                };
            }
        };
        self.database = DatabaseState::Up;
        self.backoff.reset();
        self.unproven &= !reading.proves;
        let page_is_full = rows.len() >= self.config.log_rows_max;
        // Handled first: rows after such a head belong to another history.
        for event in ahead_of.into_iter().filter(|_| !mistaken!(KeepRewound)) {
            tracing::warn!(
                event = event.0,
                "the database lost changes that were shown, their viewers start anew"
            );
            self.begin_anew(event);
        }
        for (event, delta) in rows {
            self.absorb(event, delta, now);
        }
        for &event in &reading.events {
            if page_is_full {
                self.flush(event, now);
                continue;
            }
            if let Some(entry) = self.open(event).filter(|entry| !entry.reloading) {
                entry.loaded_since = None;
                self.bridged(event, now);
                self.has_looked(event, now);
            }
            self.flush(event, now);
        }
        if page_is_full {
            self.not_read(&reading);
            self.again.push(reading);
        } else if reading.all && self.has_all() {
            let not_after = reading.opened_since;
            self.effects.push(FeedEffect::Checked { not_after });
        }
    }

    fn has_looked(&mut self, event: EventId, now: Instant) {
        let looks = self.open(event).map(|entry| entry.has_looked(now));
        let looks = looks.unwrap_or_default();
        if looks.is_empty() {
            return;
        }
        self.flush(event, now);
        // A dropped event has answered all questions.
        let Some(revision) = self.open(event).map(|entry| entry.revision()) else {
            return;
        };
        for (shard, look) in looks {
            let looked = Looked { look, revision };
            self.effects.push(FeedEffect::Looked(shard, event, looked));
        }
    }

    fn not_read(&mut self, reading: &PlannedRead) {
        for &event in &reading.events {
            if let Some(entry) = self.open(event) {
                entry.is_not_read();
            }
        }
    }

    /// Takes in a change from the bus or from a ring, if it is the next revision; otherwise the log is read.
    pub(super) fn delivered(&mut self, event: EventId, delta: Delta, now: Instant) {
        if self.unproven {
            return self.rang(event);
        }
        let Some(entry) = self.open(event).filter(|entry| !entry.reloading) else {
            return;
        };
        match entry.absorb(delta) {
            Ok(()) => self.flush(event, now),
            Err(gap) => {
                // Each change beyond the gap finds it again, until the log is read.
                if self.rung.insert(event) {
                    metrics::GAPS.one("delivery");
                    tracing::debug!(event = event.0, %gap, "a change was not brought, reading the log");
                }
            }
        }
    }

    /// Repeats a failed read in halves, so that one bad row does not stop other events. Once the offending event is alone, a
    /// snapshot skips the row.
    fn halve(&mut self, reading: PlannedRead, now: Instant) {
        match halves(reading.events) {
            Ok([first, second]) => {
                let parts = [second, first].map(|events| PlannedRead::of(events, false));
                self.again.extend(parts);
            }
            Err(alone) => alone.into_iter().for_each(|event| self.reload(event, now)),
        }
    }

    fn absorb(&mut self, event: EventId, delta: Delta, now: Instant) {
        let Some(entry) = self.open(event) else {
            return;
        };
        if entry.reloading {
            return;
        }
        if let Err(gap) = entry.absorb(delta) {
            metrics::GAPS.one("log");
            tracing::warn!(event = event.0, %gap, "the log was pruned, loading the whole state");
            self.reload(event, now);
        }
    }

    /// Whether no open event has a gap.
    fn has_all(&self) -> bool {
        self.gaps.is_empty() || mistaken!(ClaimOverGap)
    }

    /// Begins a read. Events that are being reloaded since it was planned are left out: their rows would be dropped, and could
    /// fill whole pages before those of others. Such a read does not cover all events any more, even if the snapshot comes
    /// before its answer.
    pub(super) fn begin(&mut self, mut reading: PlannedRead, now: Instant) {
        let mut heads = Vec::with_capacity(reading.events.len());
        let mut marks = reading.all.then(Vec::new);
        reading.events.retain(|&event| {
            let Some(entry) = self.open(event).filter(|entry| !entry.reloading) else {
                return false;
            };
            entry.is_read(now);
            heads.push((event, entry.head()));
            if let Some(marks) = &mut marks {
                marks.extend(entry.mark(event));
            }
            true
        });
        reading.all &= self.has_all();
        self.effects.push(FeedEffect::Read { heads, marks });
        self.reading = Some(reading);
    }

    pub(super) fn next_read(&mut self, now: Instant) -> Option<PlannedRead> {
        match self.database {
            DatabaseState::Down { retry_at } => (retry_at <= now).then(|| self.read_all(now)),
            DatabaseState::Up if let Some(reading) = self.again.pop() => Some(reading),
            DatabaseState::Up if self.poll_at <= now => Some(self.read_all(now)),
            DatabaseState::Up => self.read_rung(now),
        }
    }

    fn read_all(&mut self, now: Instant) -> PlannedRead {
        self.poll_at = now + Duration::from_millis(self.config.poll_interval_ms);
        self.again.clear();
        self.rung.clear();
        let mut events = Vec::with_capacity(self.slots.len());
        for (&event, slot) in &mut self.slots {
            if let WatchedEvent::Open(entry) = &mut slot.watched
                && !entry.reloading
            {
                entry.unread = false;
                events.push(event);
            }
        }
        // The map's order is another in each process; a simulated schedule has to be replayable.
        events.sort_unstable();
        PlannedRead::of(events, true)
    }

    fn read_rung(&mut self, now: Instant) -> Option<PlannedRead> {
        let mut events = Vec::new();
        for event in mem::take(&mut self.rung) {
            let Some(entry) = self.open(event).filter(|entry| !entry.reloading) else {
                continue;
            };
            if entry.is_quiet(now) {
                entry.unread = true;
                self.schedule(event);
            } else {
                events.push(event);
            }
        }
        (!events.is_empty()).then(|| PlannedRead::of(events, false))
    }

    pub(super) fn database_failed(&mut self, now: Instant) {
        let retry_at = now + self.backoff.pause();
        self.database = DatabaseState::Down { retry_at };
        self.effects.push(FeedEffect::DatabaseDown);
    }
}
