//! The schedule of faults and changes, rolled from the seed before the run.

use super::client::{ClientKind, SimulatedClient};
use super::dice::Dice;
use super::own::{self, Own};
use super::world::{FAULTS_END_MS, Thing, World};
use crate::config::Config;
use crate::feed::publisher::Moment;
use crate::ticketing::{EventId, UserId};

use super::Ground;
use super::node::Node;

/// Poll interval of runs in which rings or changes may get lost.
const POLL_MS: u64 = 300;
/// Poll interval of other runs, longer than a run: only lost rings may need a poll.
const NEVER_MS: u64 = 60_000;
/// No fault begins later, so that each is over before [`FAULTS_END_MS`].
const LAST_FAULT_MS: u64 = FAULTS_END_MS - 600;
/// Room in the sockets, in bytes: a few frames.
const SEND_BUFFER_BYTES: usize = 4_608;

/// The kind of run, and the percentage of each fault.
pub(super) struct Odds {
    pub(super) events: i64,
    /// Whether a bus brings changes.
    pub(super) bus: bool,
    /// Whether the database is put back once.
    pub(super) rewind: bool,
    /// Capacity of a shard's mailbox, in messages.
    pub(super) mail_max: usize,
    pub(super) ring_lost: u64,
    pub(super) ring_doubled: u64,
    /// Rings that have the change in their payload.
    pub(super) rides: u64,
    pub(super) change_lost: u64,
    pub(super) change_doubled: u64,
    pub(super) query_failed: u64,
    /// Answers that wait on their way, maybe until after an outage.
    pub(super) answer_late: u64,
    pub(super) unusable: u64,
    pub(super) frame_lost: u64,
    polls: bool,
}

/// Capacity of a mailbox that never overflows.
pub(super) const AMPLE: usize = 256;

impl Odds {
    pub(super) fn roll(dice: &mut Dice) -> Self {
        let (bus, rewind) = (dice.percent(25), dice.percent(10));
        let polls = bus || dice.percent(50);
        let mut chance = |of: bool, max: u64| match of && dice.percent(40) {
            true => dice.between(0, max),
            false => 0,
        };
        let (ring_lost, ring_doubled) = (chance(polls, 60), chance(true, 40));
        let (change_lost, change_doubled) = (chance(bus, 60), chance(bus, 40));
        let (query_failed, unusable) = (chance(true, 30), chance(polls, 40));
        let (frame_lost, rides) = (chance(true, 10), chance(true, 100));
        let answer_late = chance(true, 30);
        let mail_max = match dice.percent(30) {
            true => dice.between(2, 8) as usize,
            false => AMPLE,
        };
        Self {
            events: dice.between(1, 3) as i64,
            bus,
            rewind,
            mail_max,
            ring_lost,
            ring_doubled,
            rides,
            change_lost,
            change_doubled,
            query_failed,
            answer_late,
            unusable,
            frame_lost,
            polls,
        }
    }

    /// The limits of this run.
    pub(super) fn config(&self, ground: &Ground, dice: &mut Dice) -> Config {
        let mut config = ground.config.clone();
        let feed = &mut config.feed;
        feed.log_rows_max = dice.between(3, 12) as usize;
        feed.ring_deltas_max = dice.between(2, 8) as usize;
        feed.loads_parallel_max = 2;
        feed.open_timeout_ms = 300;
        feed.unwatch_grace_s = dice.between(0, 3);
        feed.poll_interval_ms = if self.polls { POLL_MS } else { NEVER_MS };
        config.private.private_poll_interval_ms = feed.poll_interval_ms;
        config.private.private_per_read_max = dice.between(1, 3) as usize;
        config.socket.beat_interval_ms = 500;
        config.socket.send_buffer_bytes = SEND_BUFFER_BYTES;
        config.presence.counts_interval_ms = 300;
        config.presence.lease_ms = 2_000;
        config
    }
}

impl World<'_> {
    pub(super) fn build(&mut self, config: &Config, start: Moment) {
        let shards = 1 + self.dice.below(2);
        for number in 0..=self.dice.below(2) {
            let room = self.odds.mail_max;
            let node = Node::new(number, shards, room, config, self.ground, start);
            self.nodes.push(node);
        }
        if self.odds.rewind && self.dice.percent(50) {
            let (number, room) = (self.nodes.len(), self.odds.mail_max);
            let node = Node::new(number, shards, room, config, self.ground, start);
            self.nodes.push(node);
            self.spare = true;
        }
        for index in 0..2 + self.dice.below(3) {
            let kinds = [
                ClientKind::Event,
                ClientKind::Seats,
                ClientKind::Event,
                ClientKind::Registration,
            ];
            let (kind, event) = (kinds[self.dice.below(4)], self.some_event());
            let streams = kind != ClientKind::Registration && self.dice.percent(35);
            self.clients
                .push(SimulatedClient::new(index, kind, streams, event));
        }
        self.build_own();
    }

    fn build_own(&mut self) {
        for _ in 0..self.dice.below(4) {
            let user = self.some_user();
            let token = &self.ground.tokens[user.0 as usize - 1];
            let client = SimulatedClient::own(self.clients.len(), user, token);
            self.clients.push(client);
        }
    }

    fn plan_own(&mut self) {
        for _ in 0..self.dice.between(3, 15) {
            let (user, first) = (self.some_user(), self.some_time());
            for burst in 0..=self.dice.below(3) as u64 {
                self.at(first + burst, Thing::Own(Own::Commit(user)));
            }
        }
    }

    fn some_user(&mut self) -> UserId {
        UserId(self.dice.between(1, own::USERS as u64 + 1) as i64)
    }

    /// Schedules the faults and changes of this seed.
    pub(super) fn plan(&mut self) {
        for node in 0..self.nodes.len() {
            self.plan_node(node);
        }
        for client in 0..self.clients.len() {
            self.plan_client(client);
        }
        for _ in 0..self.dice.between(5, 30) {
            let (event, first) = (self.some_event(), self.some_time());
            for burst in 0..=self.dice.below(3) as u64 {
                self.at(first + burst, Thing::Commit(event));
            }
        }
        for _ in 0..self.dice.below(3) {
            let (event, when) = (self.some_event(), self.some_time());
            self.at(when, Thing::Prune(event));
        }
        if self.dice.percent(20) {
            self.plan_outage(None);
        }
        if self.odds.rewind {
            let event = self.some_event();
            self.plan_outage(Some(event));
        }
        self.plan_own();
        self.at(FAULTS_END_MS, Thing::Check);
    }

    fn plan_node(&mut self, node: usize) {
        self.at(0, Thing::Bell(node, true));
        self.at(0, Thing::Presence(node));
        for shard in 0..=self.nodes[node].shards.len() {
            self.turn_by(node, shard, 0);
            if self.odds.mail_max < AMPLE {
                let begin = self.some_time();
                let end = begin + self.dice.between(50, 400);
                self.at(begin, Thing::Stun(node, shard, end));
            }
        }
        for _ in 0..self.dice.below(3) {
            let lost = self.some_time();
            let back = lost + self.dice.between(30, 500);
            self.at(lost, Thing::Bell(node, false));
            self.at(back, Thing::Bell(node, true));
        }
        if self.dice.percent(20) {
            let cut = self.some_time();
            let back = cut + self.dice.between(50, 2_000);
            self.at(cut, Thing::Cut(node, true));
            self.at(back, Thing::Cut(node, false));
        }
        if self.odds.bus {
            for carried in [true, false, true] {
                let when = self.some_time();
                self.at(when, Thing::Carrier(node, carried));
            }
        }
    }

    fn plan_client(&mut self, client: usize) {
        let come = self.dice.between(0, 300);
        self.at(come, Thing::Connect(client));
        let losses = match self.clients[client].kind {
            ClientKind::Own => 6,
            _ => 3,
        };
        for _ in 0..self.dice.below(losses) {
            let lose = self.some_time();
            self.at(lose, Thing::Lose(client));
        }
        if self.dice.percent(25) {
            // In the middle of the join: while its text, or the answer, is on its way.
            let lose = come + self.dice.between(0, 30);
            self.at(lose, Thing::Lose(client));
        }
        if self.dice.percent(40) {
            let stall = self.some_time();
            let wake = stall + self.dice.between(50, 600);
            self.at(stall, Thing::Stall(client, true));
            self.at(wake, Thing::Stall(client, false));
        }
        for _ in 0..self.dice.below(4) {
            let when = self.some_time();
            self.at(when, Thing::Move(client));
        }
        if self.dice.percent(20) {
            let when = self.some_time();
            self.at(when, Thing::Rejoin(client));
        }
    }

    /// Schedules an outage of the database, after which it may have an older state of an event.
    fn plan_outage(&mut self, rewound: Option<EventId>) {
        let down = self.some_time();
        let up = down + self.dice.between(50, 600);
        self.at(down, Thing::Outage(false));
        if let Some(event) = rewound {
            self.at(up, Thing::Rewind(event));
            // More changes follow, past the revisions that were shown, while some nodes have not noticed the loss yet.
            for _ in 0..self.dice.below(8) {
                let when = up + self.dice.between(20, 600);
                self.at(when, Thing::Commit(event));
            }
        }
        self.at(up, Thing::Outage(true));
    }

    pub(super) fn some_event(&mut self) -> EventId {
        EventId(self.dice.between(1, self.odds.events as u64 + 1) as i64)
    }

    fn some_time(&mut self) -> u64 {
        self.dice.between(0, LAST_FAULT_MS)
    }
}
