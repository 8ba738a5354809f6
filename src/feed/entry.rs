//! One watched event: its published state, and the changes that wait to be published.
//!
//! Conflation happens here. The first change after a pause is published at once; further ones are merged until the window
//! that it opened has passed. No clock and no I/O: `now` is handed in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::{Opening, ShardSet};
use crate::store::LogMark;
use crate::ticketing::live::{Delta, EventState, Gap};
use crate::ticketing::{EventId, Revision};

/// A question for a revision that does not exist is answered within this time, even if the window is longer.
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(250);

/// Bounds of an entry, from [`crate::config::FeedConfig`].
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryLimits {
    /// Least time between two publications.
    pub(super) window: Duration,
    /// Time that an entry waits for a shard that gave up asking.
    pub(super) grace: Duration,
    /// Deltas kept for resumes and slow viewers.
    pub(super) ring_deltas_max: usize,
}

/// A watched event whose state is known.
#[derive(Debug)]
pub(super) struct Entry {
    /// The shards with viewers.
    pub(super) shards: ShardSet,
    /// The event rang; its log is to be read when the window has passed.
    pub(super) unread: bool,
    /// Part of the log is gone: a snapshot is on its way.
    pub(super) reloading: bool,
    /// When the load began that the state is of; `None` once the log was read to its end since.
    pub(super) loaded_since: Option<Instant>,
    /// Set while no shard has viewers: when the entry is dropped.
    pub(super) leaves_at: Option<Instant>,
    /// The last published state; a shard that opens the event starts here.
    state: Arc<EventState>,
    /// Published deltas, each starting where the one before ended, the last ending at `state`.
    ring: VecDeque<Arc<Delta>>,
    /// Read from the log, not published yet.
    pending: Option<Delta>,
    /// The newest change that was read: its revision, and its time in the log.
    mark: Option<(Revision, String)>,
    /// End of the window opened by the last publication.
    quiet_until: Instant,
    /// At most one early read per window (or [`LOOK_PAUSE_MAX`]), so that asking for a missing revision cannot force
    /// reads.
    hurried_until: Instant,
    looks: Looks,
    /// See [`Opening::lost`].
    lost: Revision,
    limits: EntryLimits,
}

/// Questions of shards whether the database has newer revisions: the latest one of each shard.
#[derive(Debug, Default)]
struct Looks {
    /// Questions for the next read.
    asked: Vec<(usize, u64)>,
    /// Questions that the read under way answers.
    under_way: Vec<(usize, u64)>,
}

/// The result of a flush, for the shards.
#[derive(Debug, Clone)]
pub(crate) struct Flush {
    pub(crate) delta: Arc<Delta>,
    pub(crate) state: Arc<EventState>,
}

impl Entry {
    /// `recent` are the deltas that lead to `state`, oldest first and without a gap.
    pub(super) fn new(
        shards: ShardSet,
        state: EventState,
        recent: Vec<Delta>,
        now: Instant,
        limits: EntryLimits,
    ) -> Self {
        let mark = mark(&recent);
        Entry {
            shards,
            unread: false,
            reloading: false,
            loaded_since: None,
            leaves_at: None,
            ring: recent.into_iter().map(Arc::new).collect(),
            state: Arc::new(state),
            pending: None,
            mark,
            quiet_until: now,
            hurried_until: now,
            looks: Looks::default(),
            lost: 0,
            limits,
        }
    }

    /// The same for an event whose database lost history; viewers may have been shown lost revisions up to `lost`.
    pub(super) fn after(self, lost: Revision) -> Self {
        Entry { lost, ..self }
    }

    /// The revision up to which the log has been read.
    pub(super) fn head(&self) -> Revision {
        self.pending
            .as_ref()
            .map_or(self.state.revision, |pending| pending.to)
    }

    /// The change at the head, where the log had it.
    pub(super) fn mark(&self, event: EventId) -> Option<LogMark> {
        let (revision, at) = self.mark.as_ref()?;
        (*revision == self.head()).then(|| LogMark {
            event,
            revision: *revision,
            at: at.clone(),
        })
    }

    /// The opening for a shard.
    pub(super) fn opening(&self, event: EventId) -> Arc<Opening> {
        let ring = self.ring.iter().cloned().collect();
        let state = self.state.clone();
        let lost = self.lost;
        Arc::new(Opening {
            event,
            state,
            ring,
            lost,
            proven_at: None,
        })
    }

    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        now < self.quiet_until
    }

    /// The last published revision.
    pub(super) fn revision(&self) -> Revision {
        self.state.revision
    }

    pub(super) fn has_shown(&self, revision: Revision) -> bool {
        self.state.revision >= revision
    }

    /// Notes a shard's question whether the database has newer revisions. Returns `true` if the log has to be read now;
    /// otherwise it is read when the window ends.
    pub(super) fn look(&mut self, shard: usize, look: u64, now: Instant) -> bool {
        self.looks.asked.retain(|&(other, _)| other != shard);
        self.looks.asked.push((shard, look));
        let may = now >= self.hurried_until;
        if may {
            self.hurried_until = now + self.look_pause();
            self.quiet_until = self.quiet_until.min(now);
        } else {
            self.unread = true;
        }
        may
    }

    fn look_pause(&self) -> Duration {
        self.limits.window.min(LOOK_PAUSE_MAX)
    }

    /// A read of the log that includes the event begins.
    pub(super) fn is_read(&mut self, now: Instant) {
        let asked = std::mem::take(&mut self.looks.asked);
        if !asked.is_empty() {
            self.hurried_until = self.hurried_until.max(now + self.look_pause());
        }
        let under_way = &mut self.looks.under_way;
        under_way.retain(|(shard, _)| !asked.iter().any(|(other, _)| other == shard));
        under_way.extend(asked);
    }

    /// The read failed, or did not reach the end of the log.
    pub(super) fn is_not_read(&mut self) {
        let newer = std::mem::take(&mut self.looks.asked);
        self.looks.asked = std::mem::take(&mut self.looks.under_way);
        self.looks
            .asked
            .retain(|(shard, _)| !newer.iter().any(|(other, _)| other == shard));
        self.looks.asked.extend(newer);
    }

    /// The log was read to its end. Returns the shards and questions that this answers once the rows are flushed, which then
    /// happens at once, regardless of the window.
    pub(super) fn has_looked(&mut self, now: Instant) -> Vec<(usize, u64)> {
        let answered = std::mem::take(&mut self.looks.under_way);
        if !answered.is_empty() {
            self.quiet_until = self.quiet_until.min(now);
        }
        answered
    }

    /// When this entry is next due without input.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let window_ends = (self.unread || self.pending.is_some()).then_some(self.quiet_until);
        let looks_at = (self.unread && !self.looks.asked.is_empty()).then_some(self.hurried_until);
        let reads_at = match (window_ends, looks_at) {
            (Some(window_ends), Some(looks_at)) => Some(window_ends.max(looks_at)),
            (window_ends, _) => window_ends,
        };
        [reads_at, self.leaves_at].into_iter().flatten().min()
    }

    /// Takes in the next row of the log; ignores rows that are not newer.
    pub(super) fn absorb(&mut self, delta: Delta) -> Result<(), Gap> {
        let have = self.head();
        if delta.to <= have {
            return Ok(());
        }
        if delta.from > have {
            let from = delta.from;
            return Err(Gap { have, from });
        }
        self.mark = Some((delta.to, delta.at.clone()));
        match &mut self.pending {
            Some(pending) => pending.merge(&delta),
            None => self.pending = Some(delta),
        }
        Ok(())
    }

    /// Bridges a gap in the log by a whole snapshot. A difference from the published state would not do: a viewer from another
    /// node may have a revision in between, in which a row changed that has changed back since.
    /// `recent` are the last changes before the snapshot.
    pub(super) fn catch_up(&mut self, snapshot: &EventState, recent: &[Delta]) {
        self.reloading = false;
        if snapshot.revision > self.head() {
            self.pending = Some(snapshot.whole());
            self.mark = mark(recent);
        }
    }

    /// The changes to publish now, if there are any and the window allows it.
    pub(super) fn flush(&mut self, now: Instant) -> Option<Flush> {
        if self.is_quiet(now) {
            return None;
        }
        let delta = self.pending.take()?;
        self.quiet_until = now + self.limits.window;
        // It cannot fail: `absorb` and `catch_up` only take in deltas that start at the state or before.
        let applied = Arc::make_mut(&mut self.state).apply(&delta);
        debug_assert_eq!(applied, Ok(()));
        if mistaken!(ForgetPending) && delta.to > delta.from + 1 {
            return None;
        }
        let delta = Arc::new(delta);
        if delta.from == 0 {
            // Deltas before a whole state do not lead to it.
            self.ring.clear();
        }
        if self.ring.len() == self.limits.ring_deltas_max {
            self.ring.pop_front();
        }
        self.ring.push_back(delta.clone());
        Some(Flush {
            delta,
            state: self.state.clone(),
        })
    }
}

fn mark(recent: &[Delta]) -> Option<(Revision, String)> {
    let newest = recent.last()?;
    Some((newest.to, newest.at.clone()))
}
