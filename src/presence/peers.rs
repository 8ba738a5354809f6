//! Exchanges presence counts with the other nodes, through the database. Pure: happenings and `now` go in, queries
//! come out, one at a time.
//!
//! - A node holds a lease and renews it; each renewal returns the nodes whose leases last. A node that stops
//!   renewing is gone, with all its counts, after [`PresenceConfig::lease_ms`] and one renewal more.
//! - Changed counts are stored at most once an interval, all events together. A node that is alone stores nothing
//!   but its lease.
//! - A write that the database refuses is repeated in halves until the offending event is alone; the others learn
//!   nothing new of that event until it changes.
//! - The counts of others are read for events with visitors or viewers here: when a node rings, when a node comes
//!   or goes, and once a lease in case a ring was lost.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::roster::Roster;
use crate::config::PresenceConfig;
use crate::pacing::halves;
use crate::protocol::presence::Counts;
use crate::store::presence::{NodeLease, PresenceRing};
use crate::ticketing::EventId;

/// Renewals within one lease, so that three may fail in a row.
const RENEWALS_PER_LEASE: u32 = 4;
/// Pause after a query that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A query to make.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PeerQuery {
    Renew,
    /// Counts to store; `None` deletes those of an event without visitors.
    Publish(Vec<(EventId, Option<Counts>)>),
    Read(Vec<EventId>),
}

/// The outcome of a query. Failures are logged already.
#[derive(Debug)]
pub(crate) enum PeerAnswer {
    Renewed(NodeLease),
    Published,
    /// Counts by event and node.
    Read(Vec<(EventId, Counts)>),
    /// The database refused this very query.
    Refused,
    Failed,
}

#[derive(Debug)]
pub(crate) struct Peers {
    node: Uuid,
    config: PresenceConfig,
    /// The other nodes whose lease lasts.
    others: Vec<Uuid>,
    /// Events whose counts here may differ from the published ones.
    moved: BTreeSet<EventId>,
    /// Halves of a refused write, to be tried before anything else.
    halves: Vec<Vec<EventId>>,
    /// This node's counts as the others can read them.
    published: HashMap<EventId, Counts>,
    /// Events whose last write failed, so that it is unknown whether it was stored.
    uncertain: BTreeSet<EventId>,
    /// Events whose counts on other nodes may have changed.
    unread: BTreeSet<EventId>,
    under_way: Option<PeerQuery>,
    renew_at: Instant,
    publish_at: Instant,
    /// When all events are read again, in case a ring was lost.
    read_all_at: Instant,
    retry_at: Instant,
}

type PeerRosters = HashMap<EventId, Roster>;

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

    /// The event's counts on this node have changed.
    pub(crate) fn moved(&mut self, event: EventId) {
        // A node that is alone stores no counts; it stores all of them when another node comes.
        if !self.others.is_empty() {
            self.moved.insert(event);
        }
    }

    /// The event has its first visitor or viewer here.
    pub(crate) fn wanted(&mut self, event: EventId) {
        if !self.others.is_empty() {
            self.unread.insert(event);
        }
    }

    /// Another node rang: its counts have changed.
    pub(crate) fn rang(&mut self, ring: &PresenceRing, rosters: &PeerRosters, now: Instant) {
        if ring.node == self.node {
            return;
        }
        if ring.events.is_empty() {
            // A ring without events: the node came or went.
            self.renew_at = now;
            self.read_all_at = now;
        }
        let wanted = |event: &&EventId| rosters.get(event).is_some_and(Roster::is_wanted);
        self.unread.extend(ring.events.iter().filter(wanted));
    }

    /// The query to make now, unless one is under way.
    pub(crate) fn query(&mut self, rosters: &PeerRosters, now: Instant) -> Option<PeerQuery> {
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

    /// When the next query is due if nothing happens before.
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

    /// Takes an answer in. Returns the other nodes' counts of the events that were read.
    pub(crate) fn answered(
        &mut self,
        answer: PeerAnswer,
        rosters: &PeerRosters,
        now: Instant,
    ) -> Vec<(EventId, Counts)> {
        let query = self.under_way.take();
        match (query, answer) {
            (Some(PeerQuery::Renew), PeerAnswer::Renewed(lease)) => {
                self.renewed(lease, rosters, now)
            }
            (Some(PeerQuery::Publish(counts)), PeerAnswer::Published) => self.is_published(counts),
            (Some(PeerQuery::Read(events)), PeerAnswer::Read(rows)) => return sums(events, &rows),
            (Some(PeerQuery::Publish(counts)), PeerAnswer::Refused) => self.halve(&counts),
            (query, _) => self.failed(query, now),
        }
        Vec::new()
    }

    fn renewal(&mut self, now: Instant) -> Option<PeerQuery> {
        if now < self.renew_at {
            return None;
        }
        self.renew_at = now + self.lease() / RENEWALS_PER_LEASE;
        Some(PeerQuery::Renew)
    }

    fn renewed(&mut self, lease: NodeLease, rosters: &PeerRosters, now: Instant) {
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

    fn publication(&mut self, rosters: &PeerRosters, now: Instant) -> Option<PeerQuery> {
        if self.others.is_empty() {
            return None;
        }
        while let Some(events) = self.next_to_publish(now) {
            let counts = self.unpublished(events, rosters);
            if !counts.is_empty() {
                self.publish_at = now + Duration::from_millis(self.config.counts_interval_ms);
                return Some(PeerQuery::Publish(counts));
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

    /// Events whose published counts are wrong or uncertain, with the right ones.
    fn unpublished(
        &self,
        events: Vec<EventId>,
        rosters: &PeerRosters,
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

    /// Splits a refused write, so that one offending event does not keep all others from being stored.
    fn halve(&mut self, counts: &[(EventId, Option<Counts>)]) {
        let events: Vec<EventId> = counts.iter().map(|(event, _)| *event).collect();
        self.uncertain.extend(&events);
        match halves(events) {
            Ok([first, second]) => self.halves.extend([second, first]),
            Err(event) => {
                tracing::error!(?event, "the other nodes are not told who is at this event");
            }
        }
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

    fn reading(&mut self, rosters: &PeerRosters, now: Instant) -> Option<PeerQuery> {
        if !self.others.is_empty() && self.read_all_at <= now {
            self.read_all(rosters, now);
        }
        let events = std::mem::take(&mut self.unread);
        (!events.is_empty()).then(|| PeerQuery::Read(events.into_iter().collect()))
    }

    fn read_all(&mut self, rosters: &PeerRosters, now: Instant) {
        self.read_all_at = now + self.lease();
        let wanted = rosters.iter().filter(|(_, roster)| roster.is_wanted());
        self.unread.extend(wanted.map(|(&event, _)| event));
    }

    /// Puts the query's work back. The other nodes' counts stay as they are: a database that is away says nothing
    /// about their visitors.
    fn failed(&mut self, query: Option<PeerQuery>, now: Instant) {
        self.retry_at = now + RETRY_PAUSE;
        match query {
            Some(PeerQuery::Renew) => self.renew_at = now,
            Some(PeerQuery::Publish(counts)) => {
                // It is unknown whether the write was stored.
                for (event, _) in counts {
                    self.uncertain.insert(event);
                    self.moved.insert(event);
                }
                self.renew_at = now;
            }
            Some(PeerQuery::Read(events)) => self.unread.extend(events),
            None => {}
        }
    }

    fn lease(&self) -> Duration {
        Duration::from_millis(self.config.lease_ms)
    }
}

/// The sum over all nodes, for each of `events`.
fn sums(events: Vec<EventId>, rows: &[(EventId, Counts)]) -> Vec<(EventId, Counts)> {
    let empty = events.into_iter().map(|event| (event, Counts::default()));
    let mut sums: BTreeMap<EventId, Counts> = empty.collect();
    for (event, counts) in rows {
        sums.entry(*event).or_default().merge(counts);
    }
    sums.into_iter().collect()
}

#[cfg(test)]
mod tests;
