//! Tests the planner with a bus that loses, doubles and delays changes.

use super::*;

/// One viewer of event 1 at revision 5, whose changes come by the bus, and nothing left to read.
fn carried() -> PlannerWorld {
    let mut world = PlannerWorld::new();
    world.watch(0, EventId(1));
    world.finish_load();
    world.on(FeedCause::Carried(true));
    for _ in 0..3 {
        world.finish_read();
        world.pass(Duration::from_millis(60));
    }
    assert!(world.reads.is_empty());
    world
}

fn deliver(world: &mut PlannerWorld, revision: Revision) {
    world.on(FeedCause::Delivered(EventId(1), Box::new(change(revision))));
}

fn shown(world: &PlannerWorld) -> Revision {
    world.shown[&(0, EventId(1))].revision
}

#[test]
fn the_next_change_is_shown_at_once_and_nothing_is_read_for_it() {
    let mut world = carried();
    world.commit_and_ring(EventId(1), 1);
    deliver(&mut world, 6);
    deliver(&mut world, 6);
    assert_eq!(shown(&world), 6);
    assert!(world.reads.is_empty());
}

#[test]
fn a_lost_change_is_a_gap_that_the_log_fills() {
    let mut world = carried();
    world.commit_and_ring(EventId(1), 2);
    deliver(&mut world, 7);
    assert_eq!(shown(&world), 5);
    world.finish_read();
    assert_eq!(shown(&world), 7);
}

#[test]
fn a_change_that_nothing_followed_is_found_by_the_poll() {
    let mut world = carried();
    world.commit_and_ring(EventId(1), 1);
    assert!(world.reads.is_empty());
    world.pass(POLL);
    world.finish_read();
    assert_eq!(shown(&world), 6);
}

#[test]
fn what_is_committed_before_another_carries_or_nobody_is_read() {
    for carried_on in [true, false] {
        let mut world = carried();
        world.commit_and_ring(EventId(1), 1);
        world.on(FeedCause::Carried(carried_on));
        world.finish_read();
        assert_eq!(shown(&world), 6);
        world.pass(WINDOW);
        world.commit_and_ring(EventId(1), 1);
        assert_eq!(world.reads.len(), usize::from(!carried_on));
    }
}

#[test]
fn a_late_answer_of_the_log_takes_nothing_back() {
    let mut world = carried();
    world.commit(EventId(1), 1);
    world.on(FeedCause::LookAgain(EventId(1)));
    world.commit(EventId(1), 1);
    deliver(&mut world, 6);
    world.pass(WINDOW);
    deliver(&mut world, 7);
    world.finish_read();
    world.pass(WINDOW);
    assert_eq!(shown(&world), 7);
}

#[test]
fn a_change_on_a_ring_is_believed_as_the_next_revision_only() {
    let mut world = PlannerWorld::new();
    world.watch(0, EventId(1));
    world.finish_load();
    for _ in 0..3 {
        world.finish_read();
        world.pass(Duration::from_millis(60));
    }
    assert!(world.reads.is_empty());
    // The next revision is published without a read.
    world.commit(EventId(1), 1);
    deliver(&mut world, 6);
    assert_eq!(shown(&world), 6);
    assert!(world.reads.is_empty());
    // A later revision shows that a ring was lost: the log is read.
    world.pass(Duration::from_millis(60));
    world.commit(EventId(1), 2);
    deliver(&mut world, 8);
    assert_eq!(shown(&world), 6);
    world.finish_read();
    assert_eq!(shown(&world), 8);
}
