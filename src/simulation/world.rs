//! Carries out one schedule in virtual time; the seed alone decides the order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::Ground;
use super::check::{Check, Fault};
use super::client::{ClientKind, SimulatedClient};
use super::database::Database;
use super::dice::Dice;
use super::line::Line;
use super::node::Node;
use super::own::{self, Own};
use super::plan::Odds;
use crate::config::FeedConfig;
use crate::feed::cause::{FeedCause, LogPage, QueryFailure};
use crate::feed::publisher::{FeedQuery, Moment, cause_of};
use crate::nats::BusMessage;
use crate::presence::peers;
use crate::private;
use crate::store::doorbell::{PrivateRing, Ring};
use crate::store::presence::PresenceRing;
use crate::ticketing::EventId;
use crate::ticketing::live::Delta;

/// Time at which faults and changes end, in milliseconds.
pub(super) const FAULTS_END_MS: u64 = 2_000;
/// Time after that within which every client has to show the database's state.
const CONVERGE_MS: u64 = 8_000;
const CHECK_INTERVAL_MS: u64 = 50;
/// Longest duration of a query, of a frame's way, of a shard's turn.
pub(super) const DELAY_MS: u64 = 12;
/// The bus takes longer, so that changes overtake one another.
const BUS_DELAY_MS: u64 = 60;
/// Longest delay of an answer that is late: longer than most outages.
const LATE_MS: u64 = 600;
/// Percent of loads during which another change is committed.
const CROSSED_LOADS: u64 = 30;
/// Beginning of the run by the clock that viewers are told of: later than any real time.
pub(super) const DAWN_S: i64 = 4_102_444_800;

/// A step of the schedule.
pub(super) enum Thing {
    Commit(EventId),
    Prune(EventId),
    Outage(bool),
    Rewind(EventId),
    /// A node is cut from its database, or reaches it again.
    Cut(usize, bool),
    Bell(usize, bool),
    Ring(usize, EventId),
    /// A ring with the change in its payload.
    Ride(usize, EventId, Box<Delta>),
    Carrier(usize, bool),
    BusMessage(usize, BusMessage),
    /// A query's snapshot of the database; the arrival of its answer follows.
    Look(usize, FeedQuery),
    Answer(usize, FeedCause),
    Wake(usize),
    Turn(usize, usize),
    /// The shard has no turn before this time.
    Stun(usize, usize, u64),
    Presence(usize),
    PresenceLook(usize, peers::PeerQuery),
    PresenceAnswer(usize, peers::PeerAnswer),
    PresenceRing(usize, PresenceRing),
    Connect(usize),
    /// The client loses its socket.
    Lose(usize),
    Stall(usize, bool),
    Move(usize),
    /// The client joins again, though nothing is wrong.
    Rejoin(usize),
    Say(usize, String),
    Deliver(usize),
    /// A stream's beat is due.
    Beat(usize),
    /// A step of private topics.
    Own(Own),
    Check,
}

pub(super) struct World<'a> {
    pub(super) ground: &'a Ground,
    pub(super) dice: Dice,
    pub(super) odds: Odds,
    start: Instant,
    pub(super) now_ms: u64,
    things: BTreeMap<(u64, u64), Thing>,
    pub(super) order: u64,
    config: FeedConfig,
    lease_ms: u64,
    pub(super) database: Database,
    /// Users' bookings.
    pub(super) rows: own::OwnRows,
    pub(super) nodes: Vec<Node>,
    /// Whether the last node has no clients until the database was put back, and then all of them.
    pub(super) spare: bool,
    pub(super) moved: bool,
    pub(super) clients: Vec<SimulatedClient>,
    pub(super) lines: BTreeMap<usize, Line>,
    /// The first check that failed.
    fault: Option<Fault>,
    /// Whether messages are printed, for the replay of one schedule.
    pub(super) is_told: bool,
}

impl<'a> World<'a> {
    pub(super) fn new(ground: &'a Ground, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let odds = Odds::roll(&mut dice);
        let config = odds.config(ground, &mut dice);
        let mut world = World {
            ground,
            database: Database::new(odds.events),
            rows: own::OwnRows::new(),
            odds,
            start: Instant::now(),
            now_ms: 0,
            things: BTreeMap::new(),
            order: 0,
            nodes: Vec::new(),
            spare: false,
            moved: false,
            clients: Vec::new(),
            lines: BTreeMap::new(),
            config: config.feed.clone(),
            lease_ms: config.presence.lease_ms,
            fault: None,
            is_told: false,
            dice,
        };
        let start = world.moment();
        world.build(&config, start);
        world.plan();
        world
    }

    /// # Errors
    /// The check that failed, and when.
    pub(super) fn run(mut self) -> Result<(), Fault> {
        while let Some(((ms, _), thing)) = self.things.pop_first() {
            self.now_ms = ms;
            if matches!(thing, Thing::Check) {
                let Some(difference) = self.differs() else {
                    return Ok(());
                };
                if ms > FAULTS_END_MS + CONVERGE_MS {
                    let what = format!("no convergence: {}", difference.what);
                    self.fail(difference.check, what);
                }
                self.at(ms + CHECK_INTERVAL_MS, Thing::Check);
            }
            self.carry_out(thing);
            if let Some(Fault { check, what }) = self.fault {
                let what = format!("{what}, at {ms} ms");
                return Err(Fault { check, what });
            }
        }
        Err(Fault {
            check: Check::Convergence,
            what: "nothing happens any more".to_owned(),
        })
    }

    pub(super) fn tell(&self, client: usize, what: impl std::fmt::Display) {
        if self.is_told {
            println!("{:>5} ms, client {client}: {what}", self.now_ms);
        }
    }

    pub(super) fn fail(&mut self, check: Check, what: String) {
        self.fault.get_or_insert(Fault { check, what });
    }

    // --- time and chance

    pub(super) fn at(&mut self, ms: u64, thing: Thing) {
        self.order += 1;
        self.things.insert((ms, self.order), thing);
    }

    pub(super) fn soon(&mut self, thing: Thing) {
        let ms = self.now_ms + self.dice.between(0, DELAY_MS);
        self.at(ms, thing);
    }

    /// Rolls a fault of this percentage; none after [`FAULTS_END_MS`].
    pub(super) fn fails(&mut self, percent: u64) -> bool {
        self.now_ms < FAULTS_END_MS && percent > 0 && self.dice.percent(percent)
    }

    fn moment(&self) -> Moment {
        let dawn = Timestamp::from_second(DAWN_S).expect("a time");
        let since = SignedDuration::from_millis(self.now_ms as i64);
        Moment {
            now: self.now(),
            at: dawn + since,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    pub(super) fn ms_of(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        (since.as_millis() as u64).max(self.now_ms)
    }

    fn carry_out(&mut self, thing: Thing) {
        match thing {
            Thing::Commit(event) => self.commit(event),
            Thing::Prune(event) => {
                // The newest change always stays, as in the real log: a reader that fell behind has to find a gap.
                let kept = self.dice.between(1, 6);
                self.database.prune(event, kept);
            }
            Thing::Outage(up) => {
                self.database.up = up;
                for node in 0..self.nodes.len() {
                    self.soon(Thing::Bell(node, up));
                }
            }
            // A rewind needs an outage: rings of lost changes are lost with the connection.
            Thing::Rewind(_) if self.database.up => {}
            Thing::Rewind(event) => {
                let changes = 1 + self.dice.below(5);
                self.database.rewind(event, changes, self.now_ms);
                self.move_to_spare();
            }
            Thing::Cut(node, cut) => {
                self.nodes[node].cut = cut;
                self.soon(Thing::Bell(node, !cut));
            }
            Thing::Bell(node, listens) => {
                let reaches = self.database.up && !self.nodes[node].cut;
                self.bell(node, listens && reaches);
            }
            Thing::Ring(node, event) => self.rung(node, Ring::Event(event)),
            Thing::Ride(node, event, change) => {
                // The cause that the publisher makes of such a ring.
                if self.nodes[node].listening {
                    self.cause(node, FeedCause::Delivered(event, change));
                }
            }
            Thing::Carrier(node, carried) => {
                self.nodes[node].carried = carried;
                self.cause(node, cause_of(BusMessage::Carried(carried)));
            }
            Thing::BusMessage(node, heard) => self.cause(node, cause_of(heard)),
            Thing::Look(node, query) => self.look(node, query),
            Thing::Answer(node, cause) => {
                if let FeedCause::Read(Ok(page)) = &cause {
                    self.nodes[node].missed.extend(&page.ahead_of);
                }
                self.cause(node, cause);
            }
            Thing::Wake(node) => {
                if self.nodes[node]
                    .wakes_at_ms
                    .take_if(|at| *at <= self.now_ms)
                    .is_some()
                {
                    self.cause(node, FeedCause::Time);
                }
            }
            Thing::Turn(node, shard) => self.turn(node, shard),
            Thing::Stun(node, shard, until_ms) => {
                self.nodes[node].stunned_until_ms[shard] = until_ms;
            }
            Thing::Presence(node) => {
                let due = &mut self.nodes[node].presence_at_ms;
                if due.take_if(|at| *at <= self.now_ms).is_some() || self.now_ms == 0 {
                    self.presence(node);
                }
            }
            Thing::PresenceLook(node, query) => self.presence_look(node, query),
            Thing::PresenceAnswer(node, answer) => {
                let now = self.now();
                self.nodes[node].presence_answered(answer, now);
                self.presence(node);
            }
            Thing::PresenceRing(node, ring) => {
                let now = self.now();
                self.nodes[node].presence_rang(&ring, now);
                self.presence(node);
            }
            Thing::Connect(client) => self.connect(client),
            Thing::Lose(client) => self.lose(client),
            Thing::Stall(client, stalls) => {
                self.tell(client, if stalls { "stalls" } else { "wakes" });
                self.clients[client].stall(stalls);
                if let Some(line) = self.clients[client].connection {
                    self.at(self.now_ms, Thing::Deliver(line));
                }
            }
            Thing::Move(client) => {
                let moved = &mut self.clients[client];
                moved.present = !moved.present && moved.kind != ClientKind::Own;
                if let Some(text) = moved.declare() {
                    self.say(client, text);
                }
            }
            Thing::Rejoin(client) => self.join(client),
            Thing::Say(line, text) => {
                if let Some(line) = self.lines.get_mut(&line) {
                    line.write(&text);
                    let (node, shard) = (line.node, line.shard);
                    self.turn_soon(node, shard);
                }
            }
            Thing::Deliver(line) => self.deliver(line),
            Thing::Beat(line) => self.beat_stream(line),
            Thing::Own(own) => self.own(own),
            Thing::Check => {}
        }
    }

    // --- the database and its doorbell

    fn commit(&mut self, event: EventId) {
        if !self.database.up || !self.may_be_told(event) {
            return;
        }
        self.database.commit(event, self.now_ms, &mut self.dice);
        for node in 0..self.nodes.len() {
            if self.nodes[node].listening && !self.fails(self.odds.ring_lost) {
                self.ring(node, event);
                if self.fails(self.odds.ring_doubled) {
                    self.ring(node, event);
                }
            }
            if self.nodes[node].carried && !self.fails(self.odds.change_lost) {
                self.carry(node, event);
                if self.fails(self.odds.change_doubled) {
                    self.carry(node, event);
                }
            }
        }
    }

    /// Rings, with the change in the payload if it is small enough.
    fn ring(&mut self, node: usize, event: EventId) {
        let ring = match self.dice.percent(self.odds.rides) {
            true => Thing::Ride(
                node,
                event,
                Box::new(self.database.last_change(event).clone()),
            ),
            false => Thing::Ring(node, event),
        };
        self.soon(ring);
    }

    /// Whether the event may be written now. If it is written past the lost revisions before every node that watches it has
    /// noticed the loss or the new place of the log, such a node can tell it only by the log, which may be pruned. Others are
    /// told when they load it.
    fn may_be_told(&self, event: EventId) -> bool {
        let rewound_ms = self.database.rewound_ms(event);
        rewound_ms.is_none_or(|at| {
            // By then the bus has delivered all changes of the lost history.
            let carried = at + BUS_DELAY_MS < self.now_ms;
            let place = Some(self.database.place());
            let knows = |node: &Node| {
                node.missed.contains(&event) || node.place == place || !node.watches(event)
            };
            carried && self.nodes.iter().all(knows)
        })
    }

    fn carry(&mut self, node: usize, event: EventId) {
        let change = Box::new(self.database.last_change(event).clone());
        let heard = match self.dice.percent(5) {
            true => BusMessage::LookAgain(event),
            false => BusMessage::Change(event, change),
        };
        let ms = self.now_ms + self.dice.between(0, BUS_DELAY_MS);
        self.at(ms, Thing::BusMessage(node, heard));
    }

    fn bell(&mut self, node: usize, listens: bool) {
        let before = std::mem::replace(&mut self.nodes[node].listening, listens);
        if listens {
            let place = (!self.dice.percent(30)).then(|| self.database.place());
            self.nodes[node].place.clone_from(&place);
            self.rung(node, Ring::Listening(place));
            self.private(
                node,
                private::planner::TopicCause::Rang(PrivateRing::Listening),
            );
        } else if before {
            self.rung(node, Ring::Lost);
        }
    }

    /// A ring arrives, unless its connection was lost on the way.
    fn rung(&mut self, node: usize, ring: Ring) {
        let heard = self.nodes[node].listening || matches!(ring, Ring::Lost);
        if let Some(cause) = self.nodes[node].publisher.rang(ring).filter(|_| heard) {
            self.cause(node, cause);
        }
    }

    pub(super) fn failure(&mut self, node: usize) -> Option<QueryFailure> {
        if !self.database.up || self.nodes[node].cut {
            Some(QueryFailure::Unavailable)
        } else if self.fails(self.odds.unusable) {
            Some(QueryFailure::Unusable)
        } else {
            let fails = self.fails(self.odds.query_failed);
            fails.then_some(QueryFailure::Unavailable)
        }
    }

    fn look(&mut self, node: usize, query: FeedQuery) {
        // A commit between a snapshot and its arrival: at its ring the event is not open yet.
        let crossed = match &query {
            FeedQuery::State(event) if self.dice.percent(CROSSED_LOADS) => Some(*event),
            _ => None,
        };
        let failure = self.failure(node);
        let (database, config) = (&self.database, &self.config);
        let cause = match (query, failure) {
            (FeedQuery::Log { .. }, Some(failure)) => FeedCause::Read(Err(failure)),
            (FeedQuery::State(event), Some(failure)) => FeedCause::Loaded(event, Err(failure)),
            (FeedQuery::Log { heads, marks }, None) => {
                let rows = database.changes_after(&heads, config.log_rows_max);
                let ahead_of = match marks {
                    Some(marks) => database.behind(&heads, &marks),
                    None => Vec::new(),
                };
                FeedCause::Read(Ok(LogPage { rows, ahead_of }))
            }
            (FeedQuery::State(event), None) => {
                let live = database.live_event(event, config.ring_deltas_max);
                FeedCause::Loaded(event, Ok(Some(live)))
            }
        };
        let delay_ms = match self.fails(self.odds.answer_late) {
            true => LATE_MS,
            false => DELAY_MS,
        };
        let ms = self.now_ms + self.dice.between(0, delay_ms);
        self.at(ms, Thing::Answer(node, cause));
        if let Some(event) = crossed.filter(|_| self.now_ms < FAULTS_END_MS) {
            self.commit(event);
        }
    }

    // --- feed, shards, presence

    fn cause(&mut self, node: usize, cause: FeedCause) {
        let moment = self.moment();
        for query in self.nodes[node].on(cause, moment) {
            self.soon(Thing::Look(node, query));
        }
        self.after_mail(node);
        let next_at = self.nodes[node].publisher.next_at();
        if let Some(ms) = next_at.map(|at| self.ms_of(at))
            && self.nodes[node]
                .wakes_at_ms
                .is_none_or(|planned| ms < planned)
        {
            self.nodes[node].wakes_at_ms = Some(ms);
            self.at(ms, Thing::Wake(node));
        }
    }

    /// Plans turns of shards that may have mail.
    pub(super) fn after_mail(&mut self, node: usize) {
        for shard in 0..=self.nodes[node].shards.len() {
            self.turn_soon(node, shard);
        }
    }

    pub(super) fn turn_soon(&mut self, node: usize, shard: usize) {
        let planned = self.nodes[node].turns_at_ms[shard];
        if planned.is_none_or(|at| at >= self.now_ms + DELAY_MS) {
            let ms = self.now_ms + self.dice.between(0, DELAY_MS);
            self.turn_by(node, shard, ms);
        }
    }

    pub(super) fn turn_by(&mut self, node: usize, shard: usize, ms: u64) {
        self.nodes[node].turns_at_ms[shard] = Some(ms);
        self.at(ms, Thing::Turn(node, shard));
    }

    fn turn(&mut self, node: usize, shard: usize) {
        let place = &mut self.nodes[node];
        if place.turns_at_ms[shard] != Some(self.now_ms) {
            // The turn was moved to another time.
            return;
        }
        let stunned_until_ms = place.stunned_until_ms[shard];
        if self.now_ms < stunned_until_ms {
            return self.turn_by(node, shard, stunned_until_ms);
        }
        let patience = place.turn(shard, self.now_ms);
        let asked = place.asked();
        self.turn_by(node, shard, self.now_ms + patience.as_millis() as u64);
        for watch in asked {
            let place = &mut self.nodes[node];
            let ms = self.now_ms + self.dice.between(0, DELAY_MS);
            place.last_watch_ms = place.last_watch_ms.max(ms);
            let ms = place.last_watch_ms;
            self.at(ms, Thing::Answer(node, FeedCause::Watch(watch)));
        }
        for wish in self.nodes[node].wishes() {
            let place = &mut self.nodes[node];
            let ms = self.now_ms + self.dice.between(0, DELAY_MS);
            place.last_watch_ms = place.last_watch_ms.max(ms);
            let ms = place.last_watch_ms;
            self.at(ms, Thing::Own(Own::Wish(node, wish)));
        }
        let here = |(_, line): &(&usize, &Line)| (line.node, line.shard) == (node, shard);
        let lines: Vec<usize> = self.lines.iter().filter(here).map(|(&id, _)| id).collect();
        for line in lines {
            self.deliver_soon(line);
        }
        self.presence(node);
    }

    fn presence(&mut self, node: usize) {
        let now = self.now();
        let place = &mut self.nodes[node];
        if let Some(query) = place.presence(now) {
            self.soon(Thing::PresenceLook(node, query));
        }
        self.after_mail(node);
        let next_at = self.nodes[node].presence_at();
        if let Some(ms) = next_at.map(|at| self.ms_of(at))
            && self.nodes[node]
                .presence_at_ms
                .is_none_or(|planned| ms < planned)
        {
            self.nodes[node].presence_at_ms = Some(ms);
            self.at(ms, Thing::Presence(node));
        }
    }

    fn presence_look(&mut self, node: usize, query: peers::PeerQuery) {
        let (lease_ms, now_ms, id) = (self.lease_ms, self.now_ms, self.nodes[node].id);
        let (answer, ring) = match self.failure(node) {
            Some(_) => (peers::PeerAnswer::Failed, None),
            None => self.database.presence(id, query, lease_ms, now_ms),
        };
        self.soon(Thing::PresenceAnswer(node, answer));
        let Some(ring) = ring else { return };
        for other in 0..self.nodes.len() {
            if self.nodes[other].listening && !self.fails(self.odds.ring_lost) {
                self.soon(Thing::PresenceRing(other, ring.clone()));
            }
        }
    }
}
