//! Private topics: users' bookings and the tickets that they took over, each node's reads of them, and checks of what clients
//! show.
//!
//! A read has a beginning, a snapshot of the list, maybe a second one for the bodies, and an arrival; commits may come
//! in between, and a node may be cut off from the database while others are not.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::check::{Check, Fault};
use super::client::SimulatedClient;
use super::world::{DAWN_S, Thing, World};
use crate::hub::private::{FoundContent, Listed, Picture, TopicRequest};
use crate::private::planner::{AskedTopic, Batch, ToldTopic, TopicCause, TopicEffect};
use crate::protocol::native::{EntityId, EntityKind};
use crate::protocol::phoenix::encoded;
use crate::protocol::topic::Topic;
use crate::store::doorbell::PrivateRing;
use crate::ticketing::{BookingId, Revision, TicketId, UserId};

/// Users, numbered from 1.
pub(super) const USERS: i64 = 2;
/// Bookings and tickets that a user is told of.
const BOOKINGS_MAX: usize = 3;
const TICKETS_MAX: usize = 2;
/// Percent of commits that are about a ticket.
const TICKETS_PERCENT: u64 = 40;
/// Percent of reads that are slow, and their longest way: time for a client to come from another node meanwhile.
const SLOW_PERCENT: u64 = 30;
const SLOW_MS: u64 = 500;

/// A step of private topics.
pub(super) enum Own {
    Commit(UserId),
    Ring(usize, UserId),
    Wish(usize, TopicRequest),
    /// A read begins; then follow its snapshot of the list, that of the missing bodies, and its arrival.
    Begin(usize, Batch),
    List(usize, Batch, Revision),
    Bodies(usize, Batch, Revision, Lists),
    Answer(usize, TopicCause),
    Wake(usize),
}

/// The ids and versions that a read found for each user.
type Lists = BTreeMap<UserId, Vec<(EntityId, i64)>>;
/// Versions by id.
pub(super) type OwnVersions = BTreeMap<EntityId, i64>;

/// A booking or a ticket.
#[derive(Debug, Clone, Copy)]
struct OwnRow {
    /// Whose it is, while it is an account's.
    owner: Option<UserId>,
    version: i64,
    /// When it came to its owner.
    since: Revision,
}

/// Users' bookings and tickets as they are and as they were.
pub(super) struct OwnRows {
    now: BTreeMap<EntityId, OwnRow>,
    /// Versions to be shown of a user, each since a time of the database, the first from 0.
    shown: BTreeMap<UserId, Vec<(Revision, OwnVersions)>>,
    /// When a version of something of a user ceased to be the latest.
    ended: BTreeMap<(UserId, EntityId, i64), Revision>,
    /// The last reading of the database's clock.
    clock: Revision,
}

impl OwnRows {
    pub(super) fn new() -> Self {
        let shown = (1..=USERS).map(|user| (UserId(user), vec![(0, OwnVersions::new())]));
        OwnRows {
            now: BTreeMap::new(),
            shown: shown.collect(),
            ended: BTreeMap::new(),
            clock: 0,
        }
    }

    /// The database's clock in microseconds: no two readings are the same.
    fn clock(&mut self, now_ms: u64) -> Revision {
        let ms = DAWN_S as u64 * 1_000 + now_ms;
        self.clock = (ms * 1_000).max(self.clock + 1);
        self.clock
    }

    /// The tickets that a user took over last, and the newest bookings.
    fn listed(&self, user: UserId) -> Vec<(EntityId, i64)> {
        let own = self.now.iter().rev();
        let own = own.filter(|(_, row)| row.owner == Some(user));
        let (bookings, mut tickets): (Vec<_>, Vec<_>) =
            own.partition(|(id, _)| id.kind() == EntityKind::Booking);
        tickets.sort_by_key(|(_, row)| Reverse(row.since));
        let tickets = tickets.into_iter().take(TICKETS_MAX);
        let listed = tickets.chain(bookings.into_iter().take(BOOKINGS_MAX));
        listed.map(|(id, row)| (*id, row.version)).collect()
    }

    fn latest(&self, user: UserId) -> &OwnVersions {
        &self.shown[&user].last().expect("a first picture").1
    }

    /// Writes a booking or a ticket in one transaction.
    fn write(&mut self, id: EntityId, owner: Option<UserId>, now_ms: u64) {
        let at = self.clock(now_ms);
        let before = self.now.get(&id).copied();
        if let Some(OwnRow {
            owner: Some(user),
            version,
            ..
        }) = before
        {
            self.ended.insert((user, id, version), at);
        }
        let stayed = before.filter(|before| before.owner == owner);
        let row = OwnRow {
            owner,
            version: before.map_or(1, |before| before.version + 1),
            since: stayed.map_or(at, |before| before.since),
        };
        self.now.insert(id, row);
        for user in (1..=USERS).map(UserId) {
            let shown: OwnVersions = self.listed(user).into_iter().collect();
            if *self.latest(user) != shown {
                self.shown.entry(user).or_default().push((at, shown));
            }
        }
    }

    /// The fault, if a viewer that has all commits before `since` shows something older.
    fn outdated(&self, user: UserId, has: &OwnVersions, since: Revision) -> Option<String> {
        for (&id, &version) in has {
            let ended = self.ended.get(&(user, id, version));
            if let Some(ended) = ended.filter(|ended| **ended < since) {
                return Some(format!(
                    "{id:?} at version {version}, which ended at {ended}"
                ));
            }
        }
        let shown = &self.shown[&user];
        let first = shown.partition_point(|(at, _)| *at < since).max(1) - 1;
        let since = &shown[first..];
        let mut lacking = since[0].1.keys().filter(|id| !has.contains_key(*id));
        let lacking = lacking.find(|id| since.iter().all(|(_, was)| was.contains_key(*id)));
        let mut gone = has.keys();
        let gone = gone.find(|id| !since.iter().any(|(_, was)| was.contains_key(*id)));
        let lacking = lacking.map(|id| format!("{id:?} is not shown"));
        lacking.or_else(|| gone.map(|id| format!("{id:?} is shown, and is gone")))
    }
}

/// Rows that a frame has, and those that it says are gone.
pub(super) fn entities(body: &Value) -> impl Iterator<Item = (EntityId, i64)> {
    let told = EntityKind::ALL.map(|kind| {
        let of_kind = body[kind.key()].as_array().into_iter().flatten();
        of_kind.map(move |one| {
            let version = one["version"].as_i64();
            (id(kind, &one["id"]), version.expect("a version"))
        })
    });
    told.into_iter().flatten()
}

pub(super) fn gone(body: &Value) -> impl Iterator<Item = EntityId> {
    let gone = EntityKind::ALL.map(|kind| {
        let of_kind = body[kind.gone_key()].as_array().into_iter().flatten();
        of_kind.map(move |one| id(kind, one))
    });
    gone.into_iter().flatten()
}

fn id(kind: EntityKind, value: &Value) -> EntityId {
    match kind {
        EntityKind::Booking => {
            let id = value.as_str().expect("an id");
            EntityId::Booking(id.parse().expect("an id"))
        }
        EntityKind::Ticket => EntityId::Ticket(TicketId(value.as_i64().expect("an id"))),
    }
}

impl World<'_> {
    pub(super) fn own(&mut self, own: Own) {
        match own {
            Own::Commit(user) => self.commit_own(user),
            Own::Ring(node, user) => {
                if self.nodes[node].listening {
                    self.private(node, TopicCause::Rang(PrivateRing::Users(vec![user])));
                }
            }
            Own::Wish(node, wish) => self.private(node, TopicCause::Wish(wish)),
            Own::Begin(node, batch) => {
                let began = self.rows.clock(self.now_ms);
                self.soon(Thing::Own(Own::List(node, batch, began)));
            }
            Own::List(node, batch, began) => self.list(node, batch, began),
            Own::Bodies(node, batch, began, lists) => self.bodies(node, batch, began, &lists),
            Own::Answer(node, cause) => self.private(node, cause),
            Own::Wake(node) => {
                let due = &mut self.nodes[node].private_at_ms;
                if due.take_if(|at| *at <= self.now_ms).is_some() {
                    self.private(node, TopicCause::Time);
                }
            }
        }
    }

    /// One transaction: a booking is made, changes, goes to another user, or goes away; or a ticket is taken over, used, handed
    /// on to another account, or to somebody without one.
    fn commit_own(&mut self, user: UserId) {
        if !self.database.up {
            return;
        }
        let kind = match self.fails(TICKETS_PERCENT) {
            true => EntityKind::Ticket,
            false => EntityKind::Booking,
        };
        let mut own = self.rows.listed(user);
        own.retain(|(id, _)| id.kind() == kind);
        let some = (!own.is_empty()).then(|| own[self.dice.below(own.len())].0);
        let next = self.rows.now.len() + 1;
        let other = UserId(USERS + 1 - user.0);
        let (id, owner) = match (self.dice.below(8), some) {
            (0, Some(id)) => (id, None),
            (1, Some(id)) => (id, Some(other)),
            (2..6, Some(id)) => (id, Some(user)),
            _ => match kind {
                EntityKind::Booking => {
                    let id = BookingId(Uuid::from_u128(next as u128));
                    (EntityId::Booking(id), Some(user))
                }
                EntityKind::Ticket => (EntityId::Ticket(TicketId(next as i64)), Some(user)),
            },
        };
        self.rows.write(id, owner, self.now_ms);
        for node in 0..self.nodes.len() {
            // The user rings even when another's booking changed; then a read finds nothing new.
            if self.nodes[node].listening && !self.fails(self.odds.ring_lost) {
                let doubled = self.fails(self.odds.ring_doubled);
                for _ in 0..=usize::from(doubled) {
                    self.soon(Thing::Own(Own::Ring(node, user)));
                    if owner == Some(other) {
                        self.soon(Thing::Own(Own::Ring(node, other)));
                    }
                }
            }
        }
    }

    /// Hands a cause to a node's planner of private topics, and plans its effects.
    pub(super) fn private(&mut self, node: usize, cause: TopicCause) {
        let now = self.now();
        for effect in self.nodes[node].private.on(cause, now) {
            let hub = &self.nodes[node].hub;
            match effect {
                TopicEffect::Read(batch) => self.soon(Thing::Own(Own::Begin(node, batch))),
                TopicEffect::Tell(shards, picture) => hub.private(shards, &picture),
                TopicEffect::Answer(shard, ask, picture) => hub.answer_private(shard, ask, picture),
                TopicEffect::Refuse(shards, topic, why) => hub.no_private(shards, topic, why),
            }
        }
        self.after_mail(node);
        let next_at = self.nodes[node].private.next_at();
        if let Some(ms) = next_at.map(|at| self.ms_of(at))
            && self.nodes[node]
                .private_at_ms
                .is_none_or(|planned| ms < planned)
        {
            self.nodes[node].private_at_ms = Some(ms);
            self.at(ms, Thing::Own(Own::Wake(node)));
        }
    }

    fn list(&mut self, node: usize, batch: Batch, began: Revision) {
        if let Some(failure) = self.failure(node) {
            return self.soon(Thing::Own(Own::Answer(
                node,
                TopicCause::Read(batch, Err(failure)),
            )));
        }
        let users = batch.asked.iter().filter_map(|asked| user_of(asked.topic));
        let lists: Lists = users.map(|user| (user, self.rows.listed(user))).collect();
        let lacks = |asked: &AskedTopic| {
            let listed = user_of(asked.topic).map(|user| &lists[&user]);
            listed.is_some_and(|listed| !Picture::lacks(asked.known.as_deref(), listed).is_empty())
        };
        if batch.asked.iter().any(lacks) {
            self.soon(Thing::Own(Own::Bodies(node, batch, began, lists)));
        } else {
            self.bodies(node, batch, began, &lists);
        }
    }

    /// Reads missing bodies like the store: as they are now, if they are still the user's.
    fn bodies(&mut self, node: usize, batch: Batch, began: Revision, lists: &Lists) {
        let read = match mistaken!(ClaimReadsEnd) {
            true => self.rows.clock(self.now_ms),
            false => began,
        };
        let told = batch.asked.iter().filter_map(|asked| {
            let user = user_of(asked.topic)?;
            let lacks = Picture::lacks(asked.known.as_deref(), &lists[&user]);
            let listed = lists[&user].iter().map(|&(id, version)| {
                let row = self.rows.now.get(&id);
                let row = row.filter(|row| row.owner == Some(user) && lacks.contains(&id));
                let version = row.map_or(version, |row| row.version);
                Listed {
                    id,
                    version,
                    body: row.map(|_| encoded(&json!({"id": id, "version": version})).into()),
                }
            });
            let found = FoundContent::Own(listed.collect());
            let owner = user;
            Some((asked.topic, ToldTopic { owner, read, found }))
        });
        let answer = told.collect();
        let answer = Thing::Own(Own::Answer(node, TopicCause::Read(batch, Ok(answer))));
        if self.fails(SLOW_PERCENT) {
            let ms = self.now_ms + self.dice.between(0, SLOW_MS);
            return self.at(ms, answer);
        }
        self.soon(answer);
    }

    // --- checks

    /// Checks that no frame has a lower version of something than the client was sent before, by whichever node.
    pub(super) fn is_no_older(&mut self, client: usize, told: &Value) {
        let told_before = &mut self.clients[client].told;
        let older = entities(told).find_map(|(id, version)| {
            let before = told_before.insert(id, version)?;
            (before > version).then(|| format!("{id:?} at version {version} after {before}"))
        });
        if let Some(what) = older {
            self.fail(Check::Picture, what);
        }
    }

    /// Checks that the client shows nothing older than its revision.
    pub(super) fn is_true_of_own(&mut self, client: usize, before: Option<Revision>) {
        let client = &self.clients[client];
        let (topic, user) = (&client.topic, client.user());
        let Some((revision, picture)) = &client.have else {
            return;
        };
        let what = match before {
            Some(before) if before > *revision => {
                format!("{topic} went from {before} to {revision}")
            }
            _ => match self.rows.outdated(user, &picture.own, *revision) {
                Some(what) => format!("{topic} at {revision}: {what}"),
                None => return,
            },
        };
        self.fail(Check::Picture, what);
    }

    /// Checks that a client at the beat's revision shows all that was committed before its `checked_at`.
    pub(super) fn claims_of_own(&mut self, client: usize, revision: Revision, checked_us: i64) {
        let client = &self.clients[client];
        let shown = client.have.as_ref().filter(|(have, _)| *have == revision);
        let Some((_, picture)) = shown else {
            return;
        };
        let checked = Revision::try_from(checked_us).unwrap_or_default();
        let outdated = self.rows.outdated(client.user(), &picture.own, checked);
        if let Some(what) = outdated {
            let topic = &client.topic;
            self.fail(
                Check::Freshness,
                format!("{topic} is said to be current at {checked}: {what}"),
            );
        }
    }

    pub(super) fn differs_from_own(&self, client: &SimulatedClient) -> Option<Fault> {
        let latest = self.rows.latest(client.user());
        let shown = client.have.as_ref().map(|(_, picture)| &picture.own);
        let what = format!("{} shows {shown:?} of {latest:?}", client.topic);
        (shown != Some(latest)).then_some(Fault {
            check: Check::Convergence,
            what,
        })
    }
}

fn user_of(topic: Topic) -> Option<UserId> {
    match topic {
        Topic::User(user) => Some(user),
        _ => None,
    }
}
