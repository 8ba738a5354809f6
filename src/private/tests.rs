//! The planner under a hand-held clock, against a database made of numbers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;

use super::planner::*;
use super::*;
use crate::config::Config;
use crate::hub::NotOpened;
use crate::hub::private::Wish;
use crate::store::Failure;
use crate::ticketing::UserId;

/// Users and what their bookings are: a number is all that there is to see.
struct World {
    now: Instant,
    planner: Planner,
    rows: BTreeMap<UserId, u64>,
    reads: Vec<(Batch, BTreeMap<UserId, u64>)>,
    /// A read that has one of these fails.
    spoiled: BTreeSet<Topic>,
    /// What each shard was last told.
    shown: BTreeMap<(usize, UserId), u64>,
    refused: Vec<(usize, Topic, NotOpened)>,
}

impl World {
    fn new() -> Self {
        let config = Config::default();
        let now = Instant::now();
        World {
            now,
            planner: Planner::new(config.private, &config.feed, now),
            rows: (1..=3).map(|user| (user, 1)).collect(),
            reads: Vec::new(),
            spoiled: BTreeSet::new(),
            shown: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    fn on(&mut self, cause: Cause) {
        for effect in self.planner.on(cause, self.now) {
            match effect {
                // What a read finds is what is when it begins.
                Effect::Read(batch) => self.reads.push((batch, self.rows.clone())),
                Effect::Tell(shards, picture) => {
                    let Topic::User(user) = picture.topic else {
                        continue;
                    };
                    for shard in shards.iter() {
                        let before = self.shown.insert((shard, user), picture.revision);
                        assert!(
                            before.unwrap_or_default() <= picture.revision,
                            "no step back"
                        );
                    }
                }
                Effect::Refuse(shards, topic, why) => {
                    self.refused
                        .extend(shards.iter().map(|shard| (shard, topic, why)));
                }
            }
        }
        assert!(self.reads.len() <= 4, "few reads at a time");
    }

    fn watch(&mut self, shard: usize, user: UserId) {
        let topic = Topic::User(user);
        self.on(Cause::Wish(Wish::Watch { topic, shard }));
    }

    fn unwatch(&mut self, shard: usize, user: UserId) {
        self.shown.remove(&(shard, user));
        let topic = Topic::User(user);
        self.on(Cause::Wish(Wish::Unwatch { topic, shard }));
    }

    fn commit(&mut self, user: UserId, rings: bool) {
        *self.rows.get_mut(&user).unwrap() += 1;
        if rings {
            self.on(Cause::Rang(PrivateRing::Users(vec![user])));
        }
    }

    fn finish_read(&mut self) {
        for (batch, rows) in std::mem::take(&mut self.reads) {
            let is_spoiled = |asked: &Asked| self.spoiled.contains(&asked.topic);
            let answer = match batch.asked.iter().any(is_spoiled) {
                true => Err(Failure::Unusable),
                false => Ok(answer(&batch, &rows)),
            };
            self.on(Cause::Read(batch, answer));
        }
    }

    fn fail_read(&mut self) {
        if let Some((batch, _)) = self.reads.pop() {
            self.on(Cause::Read(batch, Err(Failure::Unavailable)));
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
            self.on(Cause::Time);
            self.finish_reads();
        }
        self.now = end;
        self.on(Cause::Time);
        self.finish_reads();
    }
}

fn answer(batch: &Batch, rows: &BTreeMap<UserId, u64>) -> Answer {
    let told = batch.asked.iter().map(|asked| {
        let (revision, owner) = match asked.topic {
            Topic::User(user) => (rows[&user], user),
            _ => (1, 1),
        };
        let body = (asked.known != Some(revision)).then(|| raw(&json!({"bookings": [revision]})));
        let told = Told {
            revision,
            owner,
            body,
        };
        (asked.topic, told)
    });
    Answer {
        at: Timestamp::now(),
        told: told.collect(),
    }
}

#[test]
fn what_spoils_a_read_is_read_alone_and_others_go_on() {
    let mut world = World::new();
    (1..=100).for_each(|user| {
        world.rows.insert(user, 1);
    });
    world.spoiled.insert(Topic::User(7));
    (1..=100).for_each(|user| world.watch(0, user));
    world.pass(Duration::from_millis(100));
    let shown = |world: &World| world.shown.len();
    assert_eq!(shown(&world), 99, "all others");
    (1..=100).for_each(|user| world.commit(user, true));
    world.pass(Duration::from_millis(100));
    assert!((1..=100).all(|user| user == 7 || world.shown[&(0, user)] == 2));
    world.spoiled.clear();
    world.pass(Duration::from_secs(10));
    assert_eq!(world.shown[&(0, 7)], 2, "it is tried again by itself");
}

#[test]
fn figures_that_take_long_keep_nobody_waiting_and_are_read_more_rarely() {
    let mut world = World::new();
    let topic = Topic::Admin(42);
    world.on(Cause::Wish(Wish::Watch { topic, shard: 0 }));
    world.watch(0, 1);
    assert_eq!(world.reads.len(), 2, "read apart");
    let (figures, rows) = world.reads.remove(0);
    world.finish_read();
    assert_eq!(world.shown[&(0, 1)], 1);
    world.now += Duration::from_secs(2);
    let answer = answer(&figures, &rows);
    world.on(Cause::Read(figures, Ok(answer)));
    world.on(Cause::Rang(PrivateRing::Event(42)));
    let of_event = |(batch, _): &(Batch, _)| batch.asked[0].topic == topic;
    world.now += Duration::from_secs(7);
    world.on(Cause::Time);
    assert!(!world.reads.iter().any(of_event), "four times as long");
    world.now += Duration::from_secs(1);
    world.on(Cause::Time);
    assert!(world.reads.iter().any(of_event));
}

#[test]
fn what_rings_during_a_read_is_read_after_it() {
    let mut world = World::new();
    world.watch(0, 1);
    world.commit(1, true);
    world.finish_read();
    assert_eq!(world.shown[&(0, 1)], 1, "the read began before the commit");
    world.pass(Duration::from_millis(50));
    assert_eq!(world.shown[&(0, 1)], 2);
}

#[test]
fn whoever_asks_is_answered_by_a_read_that_began_after_the_question() {
    let mut world = World::new();
    world.watch(0, 1);
    world.commit(1, false);
    world.watch(1, 1);
    world.finish_read();
    world.finish_read();
    assert_eq!(world.shown[&(1, 1)], 2, "though its doorbell never rang");
}

#[test]
fn rings_are_conflated_and_a_lost_one_costs_a_poll() {
    let mut world = World::new();
    world.watch(0, 1);
    world.finish_read();
    for _ in 0..10 {
        world.commit(1, true);
    }
    assert!(world.reads.is_empty(), "the window is not over");
    world.pass(Duration::from_millis(50));
    assert_eq!(world.shown[&(0, 1)], 11);
    world.commit(1, false);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.shown[&(0, 1)], 12);
    // Nobody watches this one.
    world.commit(2, true);
    assert!(world.reads.is_empty());
}

#[test]
fn who_asks_while_the_database_is_away_is_told_to_come_later() {
    let mut world = World::new();
    world.watch(0, 1);
    for _ in 0..20 {
        world.fail_read();
        world.now += Duration::from_secs(1);
        world.on(Cause::Time);
    }
    assert_eq!(world.refused, [(0, Topic::User(1), NotOpened::Unavailable)]);
    world.finish_read();
    assert_eq!(
        world.shown[&(0, 1)],
        1,
        "it is told all the same once it can be"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Watch(usize, UserId),
    Unwatch(usize, UserId),
    Commit(UserId, bool),
    Finish,
    Fail,
    Spoil(UserId),
    Listen,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_usize, 1..=3_i64).prop_map(|(shard, user)| Step::Watch(shard, user)),
        (0..3_usize, 1..=3_i64).prop_map(|(shard, user)| Step::Unwatch(shard, user)),
        (1..=3_i64, any::<bool>()).prop_map(|(user, rings)| Step::Commit(user, rings)),
        Just(Step::Finish),
        Just(Step::Fail),
        (1..=3_i64).prop_map(Step::Spoil),
        Just(Step::Listen),
        (1..200_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn every_viewer_ends_with_the_databases_state(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        let mut watching = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Watch(shard, user) => {
                    watching.insert((shard, user));
                    world.watch(shard, user);
                }
                Step::Unwatch(shard, user) => {
                    watching.remove(&(shard, user));
                    world.unwatch(shard, user);
                }
                Step::Commit(user, rings) => world.commit(user, rings),
                Step::Finish => world.finish_read(),
                Step::Fail => world.fail_read(),
                Step::Spoil(user) => {
                    world.spoiled.insert(Topic::User(user));
                }
                Step::Listen => world.on(Cause::Rang(PrivateRing::Listening)),
                Step::Pass(ms) => {
                    world.now += Duration::from_millis(ms);
                    world.on(Cause::Time);
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
