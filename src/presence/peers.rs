//! What this node and the others tell each other of who is here, through the database. Pure: what
//! happened and `now` go in, queries come out, one at a time.
//!
//! - A node holds a lease and renews it; with each renewal it hears whose leases last. Who does not
//!   renew is gone with all that it counted, after [`PresenceConfig::lease_ms`] and one renewal more.
//! - What changed here is stored at most once an interval, all events together. A node that is alone
//!   stores nothing but its lease.
//! - What the database refuses is stored in halves, until the one event that it refuses is alone: the
//!   others are told nothing new of that one until it changes.
//! - What others say is read for events that somebody here is at or watches: when a node rings for
//!   it, when a node comes or goes, and, in case a ring was lost, once a lease.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::roster::Roster;
use crate::config::PresenceConfig;
use crate::protocol::presence::Counts;
use crate::store::presence::{Lease, PresenceRing};
use crate::ticketing::EventId;

/// Renewals within one lease: three may fail in a row.
const RENEWALS_PER_LEASE: u32 = 4;
/// Pause after a query that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A query to be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Query {
    Renew,
    /// `None`: nobody is there any more.
    Publish(Vec<(EventId, Option<Counts>)>),
    Read(Vec<EventId>),
}

/// What became of it. What went wrong has been logged, the loss of the database once.
#[derive(Debug)]
pub(crate) enum Answer {
    Renewed(Lease),
    Published,
    /// By event and node.
    Read(Vec<(EventId, Counts)>),
    /// The database answered, and refused this very query.
    Refused,
    Failed,
}

#[derive(Debug)]
pub(crate) struct Peers {
    node: Uuid,
    config: PresenceConfig,
    /// The other nodes whose lease lasts.
    others: Vec<Uuid>,
    /// Events whose counts here may differ from what is published.
    moved: BTreeSet<EventId>,
    /// Parts of a publication that was refused as a whole, to be made before any other.
    halves: Vec<Vec<EventId>>,
    /// What the others can read of this node.
    published: HashMap<EventId, Counts>,
    /// Events of which they can read what is published, or what was to be: a query failed.
    uncertain: BTreeSet<EventId>,
    /// Events of which the others may say something new.
    unread: BTreeSet<EventId>,
    under_way: Option<Query>,
    renew_at: Instant,
    publish_at: Instant,
    /// When everything is read, rung for or not.
    read_all_at: Instant,
    retry_at: Instant,
}

type Rosters = HashMap<EventId, Roster>;

impl Peers {
    pub(crate) fn new(node: Uuid, config: &PresenceConfig, now: Instant) -> Self {
        Self {
            node,
            config: config.clone(),
            others: Vec::new(),
            moved: BTreeSet::new(),
            halves: Vec::new(),
            published: HashMap::new(),
            uncertain: BTreeSet::new(),
            unread: BTreeSet::new(),
            under_way: None,
            renew_at: now,
            publish_at: now,
            read_all_at: now,
            retry_at: now,
        }
    }

    /// Who is at this event, here, has changed.
    pub(crate) fn moved(&mut self, event: EventId) {
        // A node that is alone tells nobody; it tells everything when it no longer is.
        if !self.others.is_empty() {
            self.moved.insert(event);
        }
    }

    /// Somebody here began to be at this event, or to watch it.
    pub(crate) fn wanted(&mut self, event: EventId) {
        if !self.others.is_empty() {
            self.unread.insert(event);
        }
    }

    /// A node says that its counts have changed.
    pub(crate) fn rang(&mut self, ring: &PresenceRing, rosters: &Rosters, now: Instant) {
        if ring.node == self.node {
            return;
        }
        if ring.events.is_empty() {
            // It came or went.
            self.renew_at = now;
            self.read_all_at = now;
        }
        let wanted = |event: &&EventId| rosters.get(event).is_some_and(Roster::is_wanted);
        self.unread.extend(ring.events.iter().filter(wanted));
    }

    /// The query to be made now, if there is one and none is under way.
    pub(crate) fn query(&mut self, rosters: &Rosters, now: Instant) -> Option<Query> {
        if self.under_way.is_some() || now < self.retry_at {
            return None;
        }
        let query = self
            .renewal(now)
            .or_else(|| self.publication(rosters, now))
            .or_else(|| self.reading(rosters, now))?;
        self.under_way = Some(query.clone());
        Some(query)
    }

    /// When there will be a query without anything happening before.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        if self.under_way.is_some() {
            return None;
        }
        let alone = self.others.is_empty();
        let publish_at = (!alone && !self.moved.is_empty()).then_some(self.publish_at);
        let read_all_at = (!alone).then_some(self.read_all_at);
        let halves_at = (!alone && !self.halves.is_empty()).then_some(self.retry_at);
        let read_at = (!self.unread.is_empty()).then_some(self.retry_at);
        let renew_at = Some(self.renew_at);
        let next = [renew_at, publish_at, halves_at, read_all_at, read_at];
        let next = next.into_iter().flatten().min();
        next.map(|at| at.max(self.retry_at))
    }

    /// Takes an answer in; what the others count comes back, for the events that were read.
    pub(crate) fn answered(
        &mut self,
        answer: Answer,
        rosters: &Rosters,
        now: Instant,
    ) -> Vec<(EventId, Counts)> {
        let query = self.under_way.take();
        match (query, answer) {
            (Some(Query::Renew), Answer::Renewed(lease)) => self.renewed(lease, rosters, now),
            (Some(Query::Publish(counts)), Answer::Published) => self.is_published(counts),
            (Some(Query::Read(events)), Answer::Read(rows)) => return sums(events, &rows),
            (Some(Query::Publish(counts)), Answer::Refused) => self.halve(&counts),
            (query, _) => self.failed(query, now),
        }
        Vec::new()
    }

    fn renewal(&mut self, now: Instant) -> Option<Query> {
        if now < self.renew_at {
            return None;
        }
        self.renew_at = now + self.lease() / RENEWALS_PER_LEASE;
        Some(Query::Renew)
    }

    fn renewed(&mut self, lease: Lease, rosters: &Rosters, now: Instant) {
        let was_alone = self.others.is_empty();
        if lease.is_new {
            self.published.clear();
            self.uncertain.clear();
        }
        if lease.is_new || was_alone {
            self.moved.extend(rosters.keys());
            self.moved.extend(self.published.keys());
            self.moved.extend(&self.uncertain);
        }
        if lease.others != self.others {
            self.others = lease.others;
            self.read_all(rosters, now);
        }
    }

    fn publication(&mut self, rosters: &Rosters, now: Instant) -> Option<Query> {
        if self.others.is_empty() {
            return None;
        }
        while let Some(events) = self.next_to_publish(now) {
            let counts = self.unpublished(events, rosters);
            if !counts.is_empty() {
                self.publish_at = now + Duration::from_millis(self.config.counts_interval_ms);
                return Some(Query::Publish(counts));
            }
        }
        None
    }

    fn next_to_publish(&mut self, now: Instant) -> Option<Vec<EventId>> {
        self.halves.pop().or_else(|| {
            let moved = !self.moved.is_empty() && self.publish_at <= now;
            moved.then(|| std::mem::take(&mut self.moved).into_iter().collect())
        })
    }

    /// What the others cannot read, or cannot be known to.
    fn unpublished(
        &self,
        events: Vec<EventId>,
        rosters: &Rosters,
    ) -> Vec<(EventId, Option<Counts>)> {
        let here = |event: EventId| {
            let here = rosters.get(&event).map(Roster::here);
            (event, here.filter(|here| !here.is_empty()))
        };
        let differs = |(event, here): &(EventId, Option<Counts>)| {
            here.as_ref() != self.published.get(event) || self.uncertain.contains(event)
        };
        events.into_iter().map(here).filter(differs).collect()
    }

    /// One event that the database refuses must not hide the people of all others.
    fn halve(&mut self, counts: &[(EventId, Option<Counts>)]) {
        let events: Vec<EventId> = counts.iter().map(|(event, _)| *event).collect();
        self.uncertain.extend(&events);
        if let [event] = events[..] {
            tracing::error!(event, "the other nodes are not told who is at this event");
            return;
        }
        let (first, second) = events.split_at(events.len() / 2);
        self.halves.extend([second.to_vec(), first.to_vec()]);
    }

    fn is_published(&mut self, counts: Vec<(EventId, Option<Counts>)>) {
        for (event, counts) in counts {
            self.uncertain.remove(&event);
            match counts {
                Some(counts) => self.published.insert(event, counts),
                None => self.published.remove(&event),
            };
        }
    }

    fn reading(&mut self, rosters: &Rosters, now: Instant) -> Option<Query> {
        if !self.others.is_empty() && self.read_all_at <= now {
            self.read_all(rosters, now);
        }
        let events = std::mem::take(&mut self.unread);
        (!events.is_empty()).then(|| Query::Read(events.into_iter().collect()))
    }

    fn read_all(&mut self, rosters: &Rosters, now: Instant) {
        self.read_all_at = now + self.lease();
        let wanted = rosters.iter().filter(|(_, roster)| roster.is_wanted());
        self.unread.extend(wanted.map(|(&event, _)| event));
    }

    /// What it was to do is still to be done. What others were known to count stays until they are heard
    /// of again: a database that is away says nothing of who is.
    fn failed(&mut self, query: Option<Query>, now: Instant) {
        self.retry_at = now + RETRY_PAUSE;
        match query {
            Some(Query::Renew) => self.renew_at = now,
            Some(Query::Publish(counts)) => {
                // Whether it was stored is not known: nothing may pass as published, nor as never published.
                for (event, _) in counts {
                    self.uncertain.insert(event);
                    self.moved.insert(event);
                }
                self.renew_at = now;
            }
            Some(Query::Read(events)) => self.unread.extend(events),
            None => {}
        }
    }

    fn lease(&self) -> Duration {
        Duration::from_millis(self.config.lease_ms)
    }
}

/// All nodes together, for each event that was asked for.
fn sums(events: Vec<EventId>, rows: &[(EventId, Counts)]) -> Vec<(EventId, Counts)> {
    let empty = events.into_iter().map(|event| (event, Counts::default()));
    let mut sums: HashMap<EventId, Counts> = empty.collect();
    for (event, counts) in rows {
        sums.entry(*event).or_default().merge(counts);
    }
    sums.into_iter().collect()
}

#[cfg(test)]
mod tests;
