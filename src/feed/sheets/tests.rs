//! The planner under a hand-held clock, against a database made of numbers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;

use super::planner::*;
use super::*;
use crate::config::Config;
use crate::feed::cause::Failure;
use crate::hub::NotOpened;
use crate::hub::sheet::Wish;
use crate::ticketing::UserId;

/// Users and what their bookings are: a number is all that there is to see.
struct World {
    now: Instant,
    planner: Planner,
    rows: BTreeMap<UserId, u64>,
    reads: Vec<(Vec<Asked>, BTreeMap<UserId, u64>)>,
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
            planner: Planner::new(config.sheet, &config.feed, now),
            rows: (1..=3).map(|user| (user, 1)).collect(),
            reads: Vec::new(),
            shown: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    fn on(&mut self, cause: Cause) {
        for effect in self.planner.on(cause, self.now) {
            match effect {
                // What a read finds is what is when it begins.
                Effect::Read(asked) => self.reads.push((asked, self.rows.clone())),
                Effect::Tell(shards, sheet) => {
                    let Topic::User(user) = sheet.topic else {
                        panic!("a user's");
                    };
                    for shard in shards.iter() {
                        let before = self.shown.insert((shard, user), sheet.revision);
                        assert!(before.unwrap_or_default() <= sheet.revision, "no step back");
                    }
                }
                Effect::Refuse(shards, topic, why) => {
                    self.refused
                        .extend(shards.iter().map(|shard| (shard, topic, why)));
                }
            }
        }
        assert!(self.reads.len() <= 1, "one read at a time");
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
            self.on(Cause::Rang(SheetRing::Users(vec![user])));
        }
    }

    fn finish_read(&mut self) {
        let Some((asked, rows)) = self.reads.pop() else {
            return;
        };
        let told = asked.iter().map(|asked| {
            let Topic::User(user) = asked.topic else {
                panic!("a user's");
            };
            let revision = rows[&user];
            let body =
                (asked.known != Some(revision)).then(|| raw(&json!({"bookings": [revision]})));
            (
                asked.topic,
                Told {
                    revision,
                    owner: user,
                    body,
                },
            )
        });
        let told = told.collect();
        self.on(Cause::Read(asked, Ok(told)));
    }

    fn fail_read(&mut self) {
        if let Some((asked, _)) = self.reads.pop() {
            self.on(Cause::Read(asked, Err(Failure::Unavailable)));
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.planner.next_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.on(Cause::Time);
            self.finish_read();
        }
        self.now = end;
        self.on(Cause::Time);
        self.finish_read();
    }
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
                Step::Listen => world.on(Cause::Rang(SheetRing::Listening)),
                Step::Pass(ms) => {
                    world.now += Duration::from_millis(ms);
                    world.on(Cause::Time);
                }
            }
        }
        world.finish_read();
        world.pass(Duration::from_secs(8));
        for (shard, user) in watching {
            prop_assert_eq!(world.shown.get(&(shard, user)), Some(&world.rows[&user]));
        }
    }
}
