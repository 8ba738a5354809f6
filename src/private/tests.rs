//! Tests the planner with a manual clock and a database that is a map of numbers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::planner::*;
use super::*;
use crate::config::Config;
use crate::hub::NotOpened;
use crate::hub::private::{AskNumber, FoundContent, Listed, Picture, TopicRequest};
use crate::protocol::native::EntityId;
use crate::protocol::phoenix::{Vsn, encoded};
use crate::protocol::topic::Topic;
use crate::store::QueryFailure;
use crate::ticketing::{BookingId, EventId, UserId};

/// Users and the version of the one booking that each has.
struct PrivateWorld {
    now: Instant,
    planner: TopicPlanner,
    /// The database's clock, in microseconds.
    clock: u64,
    asks: AskNumber,
    /// Questions that were answered.
    answered: BTreeSet<(usize, AskNumber)>,
    rows: BTreeMap<UserId, u64>,
    reads: Vec<(Batch, VersionRows)>,
    /// A read that includes one of these topics fails.
    spoiled: BTreeSet<Topic>,
    /// The last version that each shard got.
    shown: BTreeMap<(usize, UserId), u64>,
    refused: Vec<(usize, Topic, NotOpened)>,
}

/// The rows of a read, and when it began.
type VersionRows = (u64, BTreeMap<UserId, u64>);

fn version(picture: &Picture) -> u64 {
    let frame = picture.frame(Vsn::V2, 0).expect("the whole");
    let start = frame.iter().position(|byte| *byte == b'[').unwrap();
    let frame: Value = serde_json::from_slice(&frame[start..]).unwrap();
    frame[4]["bookings"][0]["version"].as_u64().unwrap()
}

impl PrivateWorld {
    fn new() -> Self {
        let config = Config::default();
        let now = Instant::now();
        PrivateWorld {
            now,
            clock: 1_000,
            asks: 0,
            answered: BTreeSet::new(),
            planner: TopicPlanner::new(config.private, &config.feed, now),
            rows: (1..=3).map(|user| (UserId(user), 1)).collect(),
            reads: Vec::new(),
            spoiled: BTreeSet::new(),
            shown: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    fn on(&mut self, cause: TopicCause) {
        for effect in self.planner.on(cause, self.now) {
            match effect {
                // A read finds the rows at its beginning.
                TopicEffect::Read(batch) => {
                    self.clock += 10;
                    self.reads.push((batch, (self.clock, self.rows.clone())));
                }
                TopicEffect::Tell(shards, picture) => {
                    shards.iter().for_each(|shard| self.show(shard, &picture));
                }
                TopicEffect::Answer(shard, ask, picture) => {
                    self.answered.insert((shard, ask));
                    self.show(shard, &picture);
                }
                TopicEffect::Refuse(shards, topic, why) => {
                    self.refused
                        .extend(shards.iter().map(|shard| (shard, topic, why)));
                }
            }
        }
        assert!(self.reads.len() <= 4, "few reads at a time");
    }

    fn show(&mut self, shard: usize, picture: &Picture) {
        if let Topic::User(user) = picture.topic {
            let version = version(picture);
            let before = self.shown.insert((shard, user), version);
            assert!(before.unwrap_or_default() <= version, "no step back");
        }
    }

    fn watch(&mut self, shard: usize, user: UserId) {
        self.asks += 1;
        let (topic, ask) = (Topic::User(user), self.asks);
        self.on(TopicCause::Wish(TopicRequest::Watch { topic, shard, ask }));
    }

    fn unwatch(&mut self, shard: usize, user: UserId) {
        self.shown.remove(&(shard, user));
        let topic = Topic::User(user);
        self.on(TopicCause::Wish(TopicRequest::Unwatch { topic, shard }));
    }

    fn commit(&mut self, user: UserId, rings: bool) {
        *self.rows.get_mut(&user).unwrap() += 1;
        if rings {
            self.on(TopicCause::Rang(PrivateRing::Users(vec![user])));
        }
    }

    fn finish_read(&mut self) {
        for (batch, rows) in std::mem::take(&mut self.reads) {
            let is_spoiled = |asked: &AskedTopic| self.spoiled.contains(&asked.topic);
            let answer = match batch.asked.iter().any(is_spoiled) {
                true => Err(QueryFailure::Unusable),
                false => Ok(self.answer(&batch, &rows)),
            };
            self.on(TopicCause::Read(batch, answer));
        }
    }

    fn answer(&self, batch: &Batch, (read, rows): &VersionRows) -> TopicAnswers {
        let read = *read;
        let told = batch.asked.iter().map(|asked| {
            let (owner, found) = match asked.topic {
                Topic::User(user) => (user, own(user, rows[&user] as i64, asked)),
                _ => (
                    UserId(1),
                    FoundContent::Figures(encoded(&json!({"sold": 1})).into()),
                ),
            };
            (asked.topic, ToldTopic { owner, read, found })
        });
        told.collect()
    }

    fn fail_read(&mut self) {
        if let Some((batch, _)) = self.reads.pop() {
            self.on(TopicCause::Read(batch, Err(QueryFailure::Unavailable)));
        }
    }

    fn finish_reads(&mut self) {
        while !self.reads.is_empty() {
            self.finish_read();
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.planner.next_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.on(TopicCause::Time);
            self.finish_reads();
        }
        self.now = end;
        self.on(TopicCause::Time);
        self.finish_reads();
    }
}

/// The store's result: a booking's body is included unless its version is known.
fn own(user: UserId, version: i64, asked: &AskedTopic) -> FoundContent {
    let id = EntityId::Booking(BookingId(Uuid::from_u128(user.0 as u128)));
    let lacks = Picture::lacks(asked.known.as_deref(), &[(id, version)]);
    let body = encoded(&json!({"id": id, "version": version}));
    FoundContent::Own(vec![Listed {
        id,
        version,
        body: (!lacks.is_empty()).then(|| body.into()),
    }])
}

#[test]
fn what_spoils_a_read_is_read_alone_and_others_go_on() {
    let mut world = PrivateWorld::new();
    (1..=100).for_each(|user| {
        world.rows.insert(UserId(user), 1);
    });
    world.spoiled.insert(Topic::User(UserId(7)));
    (1..=100).for_each(|user| world.watch(0, UserId(user)));
    world.pass(Duration::from_millis(100));
    let shown = |world: &PrivateWorld| world.shown.len();
    assert_eq!(shown(&world), 99, "all others");
    (1..=100).for_each(|user| world.commit(UserId(user), true));
    world.pass(Duration::from_millis(100));
    assert!((1..=100).all(|user| user == 7 || world.shown[&(0, UserId(user))] == 2));
    world.spoiled.clear();
    world.pass(Duration::from_secs(10));
    assert_eq!(
        world.shown[&(0, UserId(7))],
        2,
        "it is tried again by itself"
    );
}

#[test]
fn figures_that_take_long_keep_nobody_waiting_and_are_read_more_rarely() {
    let mut world = PrivateWorld::new();
    let topic = Topic::Admin(EventId(42));
    let (shard, ask) = (0, 1_000);
    world.on(TopicCause::Wish(TopicRequest::Watch { topic, shard, ask }));
    world.watch(0, UserId(1));
    assert_eq!(world.reads.len(), 2, "read apart");
    let (figures, rows) = world.reads.remove(0);
    world.finish_read();
    assert_eq!(world.shown[&(0, UserId(1))], 1);
    world.now += Duration::from_secs(2);
    let answer = world.answer(&figures, &rows);
    world.on(TopicCause::Read(figures, Ok(answer)));
    world.on(TopicCause::Rang(PrivateRing::Event(EventId(42))));
    let of_event = |(batch, _): &(Batch, _)| batch.asked[0].topic == topic;
    world.now += Duration::from_secs(7);
    world.on(TopicCause::Time);
    assert!(!world.reads.iter().any(of_event), "four times as long");
    world.now += Duration::from_secs(1);
    world.on(TopicCause::Time);
    assert!(world.reads.iter().any(of_event));
}

#[test]
fn what_rings_during_a_read_is_read_after_it() {
    let mut world = PrivateWorld::new();
    world.watch(0, UserId(1));
    world.commit(UserId(1), true);
    world.finish_read();
    assert_eq!(
        world.shown[&(0, UserId(1))],
        1,
        "the read began before the commit"
    );
    world.pass(Duration::from_millis(50));
    assert_eq!(world.shown[&(0, UserId(1))], 2);
}

#[test]
fn whoever_asks_is_answered_by_a_read_that_began_after_the_question() {
    let mut world = PrivateWorld::new();
    world.watch(0, UserId(1));
    world.commit(UserId(1), false);
    world.watch(1, UserId(1));
    let ask = world.asks;
    world.finish_read();
    assert!(!world.answered.contains(&(1, ask)), "it began too early");
    world.finish_read();
    assert!(world.answered.contains(&(1, ask)));
    assert_eq!(
        world.shown[&(1, UserId(1))],
        2,
        "though its doorbell never rang"
    );
    // A second question of a shard that has the picture waits for a read as well.
    world.commit(UserId(1), false);
    world.watch(1, UserId(1));
    assert!(!world.answered.contains(&(1, world.asks)));
    world.finish_read();
    assert!(world.answered.contains(&(1, world.asks)));
    assert_eq!(world.shown[&(1, UserId(1))], 3);
}

#[test]
fn who_comes_back_soon_is_told_only_what_changed_meanwhile() {
    let mut world = PrivateWorld::new();
    world.watch(0, UserId(1));
    world.finish_read();
    let known = |world: &PrivateWorld| world.reads[0].0.asked[0].known.is_some();
    world.unwatch(0, UserId(1));
    world.commit(UserId(1), true);
    assert!(world.reads.is_empty(), "nobody watches it");
    world.watch(0, UserId(1));
    assert!(known(&world));
    world.finish_read();
    assert_eq!(world.shown[&(0, UserId(1))], 2);
    world.unwatch(0, UserId(1));
    world.pass(Duration::from_secs(
        Config::default().feed.unwatch_grace_s + 1,
    ));
    assert_eq!(world.planner.next_at(), None, "it is forgotten");
    world.watch(0, UserId(1));
    assert!(!known(&world));
}

/// An unwatched topic makes room for a new one.
#[test]
fn there_are_no_more_topics_than_configured() {
    let mut world = PrivateWorld::new();
    let config = Config::default();
    let few = crate::config::PrivateConfig {
        private_topics_max: 1,
        ..config.private
    };
    world.planner = TopicPlanner::new(few, &config.feed, world.now);
    world.watch(0, UserId(1));
    world.finish_read();
    world.watch(0, UserId(2));
    assert_eq!(
        world.refused,
        [(0, Topic::User(UserId(2)), NotOpened::Unavailable)]
    );
    world.unwatch(0, UserId(1));
    world.watch(0, UserId(2));
    world.finish_read();
    assert_eq!(
        world.shown.keys().copied().collect::<Vec<_>>(),
        [(0, UserId(2))]
    );
}

#[test]
fn rings_are_conflated_and_a_lost_one_costs_a_poll() {
    let mut world = PrivateWorld::new();
    world.watch(0, UserId(1));
    world.finish_read();
    for _ in 0..10 {
        world.commit(UserId(1), true);
    }
    assert!(world.reads.is_empty(), "the window is not over");
    world.pass(Duration::from_millis(50));
    assert_eq!(world.shown[&(0, UserId(1))], 11);
    world.commit(UserId(1), false);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.shown[&(0, UserId(1))], 12);
    // This topic has no viewers.
    world.commit(UserId(2), true);
    assert!(world.reads.is_empty());
}

#[test]
fn who_asks_while_the_database_is_away_is_told_to_come_later() {
    let mut world = PrivateWorld::new();
    world.watch(0, UserId(1));
    for _ in 0..20 {
        world.fail_read();
        world.now += Duration::from_secs(1);
        world.on(TopicCause::Time);
    }
    assert_eq!(
        world.refused,
        [(0, Topic::User(UserId(1)), NotOpened::Unavailable)]
    );
    world.finish_read();
    assert_eq!(
        world.shown[&(0, UserId(1))],
        1,
        "it is told all the same once it can be"
    );
}

#[derive(Debug, Clone)]
enum PrivateStep {
    Watch(usize, UserId),
    Unwatch(usize, UserId),
    Commit(UserId, bool),
    Finish,
    Fail,
    Spoil(UserId),
    Listen,
    Pass(u64),
}

fn step() -> impl Strategy<Value = PrivateStep> {
    prop_oneof![
        (0..3_usize, 1..=3_i64).prop_map(|(shard, user)| PrivateStep::Watch(shard, UserId(user))),
        (0..3_usize, 1..=3_i64).prop_map(|(shard, user)| PrivateStep::Unwatch(shard, UserId(user))),
        (1..=3_i64, any::<bool>())
            .prop_map(|(user, rings)| PrivateStep::Commit(UserId(user), rings)),
        Just(PrivateStep::Finish),
        Just(PrivateStep::Fail),
        (1..=3_i64).prop_map(|user| PrivateStep::Spoil(UserId(user))),
        Just(PrivateStep::Listen),
        (1..200_u64).prop_map(PrivateStep::Pass),
    ]
}

proptest! {
    #[test]
    fn every_viewer_ends_with_the_databases_state(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = PrivateWorld::new();
        let mut watching = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                PrivateStep::Watch(shard, user) => {
                    watching.insert((shard, user));
                    world.watch(shard, user);
                }
                PrivateStep::Unwatch(shard, user) => {
                    watching.remove(&(shard, user));
                    world.unwatch(shard, user);
                }
                PrivateStep::Commit(user, rings) => world.commit(user, rings),
                PrivateStep::Finish => world.finish_read(),
                PrivateStep::Fail => world.fail_read(),
                PrivateStep::Spoil(user) => {
                    world.spoiled.insert(Topic::User(user));
                }
                PrivateStep::Listen => world.on(TopicCause::Rang(PrivateRing::Listening)),
                PrivateStep::Pass(ms) => {
                    world.now += Duration::from_millis(ms);
                    world.on(TopicCause::Time);
                }
            }
        }
        world.spoiled.clear();
        world.finish_read();
        world.pass(Duration::from_secs(12));
        for (shard, user) in watching {
            prop_assert_eq!(world.shown.get(&(shard, user)), Some(&world.rows[&user]));
        }
    }
}
