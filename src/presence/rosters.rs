//! The rosters of all events, and when each has a view to send. Pure: `now` is handed in.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::PresenceReport;
use super::peers::Peers;
use super::roster::Roster;
use crate::config::PresenceConfig;
use crate::hub::presence::PresenceView;
use crate::protocol::presence::Counts;
use crate::ticketing::EventId;

pub(crate) struct Rosters {
    /// Events with visitors or viewers. Bounded by the bounds of connections and joins.
    by_event: HashMap<EventId, Roster>,
    /// Events with a view to send, by when it is due.
    timers: BTreeSet<(Instant, EventId)>,
    /// One counter for all events, so that an event that is watched again does not start at 1.
    serial: u64,
    config: PresenceConfig,
}

impl Rosters {
    pub(crate) fn new(config: PresenceConfig) -> Self {
        Self {
            by_event: HashMap::new(),
            timers: BTreeSet::new(),
            serial: 0,
            config,
        }
    }

    pub(crate) fn all(&self) -> &HashMap<EventId, Roster> {
        &self.by_event
    }

    /// Takes in a report, and tells `peers` what concerns the other nodes.
    pub(crate) fn hear(&mut self, said: PresenceReport, peers: &mut Peers, now: Instant) {
        let event = said.event();
        let roster = self
            .by_event
            .entry(event)
            .or_insert_with(|| Roster::new(&self.config));
        let was_wanted = roster.is_wanted();
        let counts = !matches!(said, PresenceReport::Watched { .. });
        match said {
            PresenceReport::Watched { shard, watched, .. } => roster.watch(shard, watched),
            PresenceReport::Counted { shard, counts, .. } => roster.count(shard, counts),
            PresenceReport::Tracked { owner, member, .. } => roster.track(owner, member),
            PresenceReport::Untracked { owner, .. } => roster.untrack(owner),
        }
        match (was_wanted, roster.is_wanted()) {
            (false, true) => peers.wanted(event),
            // The others' counts of this event are no longer read, so they must not stay as they were.
            (true, false) => roster.count_elsewhere(Counts::default()),
            _ => {}
        }
        if counts {
            peers.moved(event);
        }
        self.timers
            .insert((roster.next_at(now).unwrap_or(now), event));
    }

    /// Replaces the counts of the other nodes.
    pub(crate) fn count_elsewhere(&mut self, counts: Vec<(EventId, Counts)>, now: Instant) {
        for (event, counts) in counts {
            let roster = self.by_event.get_mut(&event);
            if let Some(roster) = roster.filter(|roster| roster.is_wanted()) {
                roster.count_elsewhere(counts);
                self.timers
                    .insert((roster.next_at(now).unwrap_or(now), event));
            }
        }
    }

    /// The views that are due.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<PresenceView> {
        let mut views = Vec::new();
        while let Some(&(at, event)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            let Some(roster) = self.by_event.get_mut(&event) else {
                continue;
            };
            views.extend(
                roster
                    .view(now, &mut self.serial)
                    .map(|(counted, listing)| PresenceView {
                        event,
                        counted,
                        listing,
                    }),
            );
            match roster.next_at(now) {
                Some(at) => drop(self.timers.insert((at, event))),
                None if roster.is_over() => drop(self.by_event.remove(&event)),
                None => {}
            }
        }
        views
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.timers.first().map(|&(at, _)| at)
    }
}
