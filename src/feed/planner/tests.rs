//! Tests the planner in virtual time, with a database that is a few vectors.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bus;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::feed::cause::{LogPage, QueryFailure};
use crate::store::{LiveEvent, LogMark};
use crate::ticketing::live::samples::{state, ticket_type};
use crate::ticketing::live::{Delta, EventState, RowChange};
use crate::ticketing::{Revision, TicketTypeId};

const WINDOW: Duration = Duration::from_millis(50);
const POLL: Duration = Duration::from_millis(1_000);

/// An event in the database: its revision, and the revision up to which the log was pruned.
#[derive(Debug, Clone, Copy)]
struct LogHead {
    revision: Revision,
    pruned: Revision,
    /// The time of its changes, which is another one where they were written again.
    history: &'static str,
}

/// A database, shards with their states, and the planner between them.
struct PlannerWorld {
    now: Instant,
    planner: Planner,
    rows: BTreeMap<EventId, LogHead>,
    /// Each shard's state of the events that it opened.
    shown: BTreeMap<(usize, EventId), EventState>,
    reads: Vec<Vec<(EventId, Revision)>>,
    reads_all: bool,
    marks: Vec<LogMark>,
    loads: Vec<EventId>,
    /// The events that bus and board were told to expect.
    expected: BTreeSet<EventId>,
    not_opened: Vec<(usize, EventId, NotOpened)>,
    closed: Vec<(usize, EventId, NotOpened)>,
    looked: Vec<(usize, EventId, u64)>,
    looks: u64,
    checked: Vec<bool>,
    /// The bound in the last opening.
    opened_not_after: Option<Instant>,
    /// The bound in the last report that all is current.
    not_after: Option<Instant>,
    /// Time and final revision of each event's publications.
    published: BTreeMap<EventId, Vec<(Instant, Revision)>>,
    left: Vec<EventId>,
    /// The next publication may come before its window ends.
    hurried: bool,
}

fn at_revision(revision: Revision) -> EventState {
    let mut state = state(revision);
    state.ticket_types.insert(
        TicketTypeId(1),
        ticket_type(TicketTypeId(1), 0, revision as i64, 0),
    );
    state
}

fn change(revision: Revision) -> Delta {
    Delta {
        from: revision - 1,
        to: revision,
        ticket_types: [(
            TicketTypeId(1),
            RowChange::update(ticket_type(TicketTypeId(1), 0, revision as i64, 0)),
        )]
        .into(),
        ..Delta::default()
    }
}

impl PlannerWorld {
    /// Events 1 to 3 at revision 5, a window of 50 ms, a poll a second, pages of four rows.
    fn new() -> Self {
        let mut config = Config::default().feed;
        config.log_rows_max = 4;
        config.ring_deltas_max = 8;
        config.loads_parallel_max = 2;
        config.watched_events_max = 3;
        let now = Instant::now();
        let mut world = PlannerWorld {
            now,
            planner: Planner::new(config, now),
            rows: (1..=3)
                .map(|event| {
                    (
                        EventId(event),
                        LogHead {
                            revision: 5,
                            pruned: 2,
                            history: "",
                        },
                    )
                })
                .collect(),
            shown: BTreeMap::new(),
            reads: Vec::new(),
            reads_all: false,
            marks: Vec::new(),
            loads: Vec::new(),
            expected: BTreeSet::new(),
            not_opened: Vec::new(),
            closed: Vec::new(),
            looked: Vec::new(),
            looks: 0,
            checked: Vec::new(),
            opened_not_after: None,
            not_after: None,
            published: BTreeMap::new(),
            left: Vec::new(),
            hurried: false,
        };
        world.on(FeedCause::Listening(None));
        world
    }

    fn on(&mut self, cause: FeedCause) {
        for effect in self.planner.on(cause, self.now) {
            self.carry_out(effect);
        }
        assert!(self.reads.len() <= 1, "one read at a time");
        assert!(self.loads.len() <= 2, "as many loads as configured");
    }

    fn carry_out(&mut self, effect: FeedEffect) {
        match effect {
            FeedEffect::Read { heads, marks } => {
                self.reads.push(heads);
                self.reads_all = marks.is_some();
                self.marks = marks.unwrap_or_default();
            }
            FeedEffect::Expect(event) => drop(self.expected.insert(event)),
            FeedEffect::Load(event) => {
                self.expected.insert(event);
                self.loads.push(event);
            }
            FeedEffect::Opened(shards, opening, not_after) => {
                assert!(self.expected.contains(&opening.event), "by bus and board");
                self.opened_not_after = not_after;
                let mut revision = opening.state.revision;
                for delta in opening.ring.iter().rev() {
                    assert_eq!(delta.to, revision, "the ring leads to the state");
                    revision = delta.from;
                }
                for shard in shards.iter() {
                    self.shown
                        .insert((shard, opening.event), (*opening.state).clone());
                }
            }
            FeedEffect::NotOpened(shards, event, why) => {
                self.not_opened
                    .extend(shards.iter().map(|shard| (shard, event, why)));
            }
            FeedEffect::Publish(shards, event, flush) => {
                for shard in shards.iter() {
                    let shown = self.shown.get_mut(&(shard, event)).expect("opened before");
                    shown.apply(&flush.delta).expect("no gap");
                    assert_eq!(*shown, *flush.state);
                }
                let published = self.published.entry(event).or_default();
                if let Some(&(at, to)) = published.last() {
                    let hurried = std::mem::take(&mut self.hurried);
                    assert!(self.now >= at + WINDOW || hurried, "conflated");
                    assert!(flush.delta.to > to);
                }
                published.push((self.now, flush.delta.to));
            }
            FeedEffect::Looked(shard, event, looked) => {
                let shown = self.revision_shown(shard, event);
                assert_eq!(shown, Some(looked.revision), "what was read is shown");
                self.looked.push((shard, event, looked.look));
            }
            FeedEffect::Closed(shards, event, why) => {
                for shard in shards.iter() {
                    self.closed.push((shard, event, why));
                    self.shown.remove(&(shard, event));
                }
            }
            FeedEffect::Left(event) => {
                self.expected.remove(&event);
                self.published.remove(&event);
                self.left.push(event);
            }
            FeedEffect::Checked { not_after } => {
                self.checked.push(true);
                self.not_after = not_after;
            }
            FeedEffect::DatabaseDown => self.checked.push(false),
        }
    }

    fn watch(&mut self, shard: usize, event: EventId) {
        self.on(FeedCause::Watch(Watch::Watch { event, shard }));
    }

    /// A viewer on shard 0 has this revision.
    fn look(&mut self, event: EventId, revision: Revision) {
        self.looks += 1;
        let (shard, look) = (0, self.looks);
        self.on(FeedCause::Watch(Watch::Look {
            event,
            revision,
            shard,
            look,
        }));
    }

    fn unwatch(&mut self, shard: usize, event: EventId) {
        self.shown.remove(&(shard, event));
        self.on(FeedCause::Watch(Watch::Unwatch { event, shard }));
    }

    /// Commits changes, without a ring.
    fn commit(&mut self, event: EventId, changes: u64) {
        self.rows.get_mut(&event).unwrap().revision += changes;
    }

    fn commit_and_ring(&mut self, event: EventId, changes: u64) {
        self.commit(event, changes);
        self.on(FeedCause::Rang(event));
    }

    fn finish_read(&mut self) {
        if let Some(mut heads) = self.reads.pop() {
            // Sorted by event, like the result of the real query.
            heads.sort_unstable();
            let rows = heads.iter().flat_map(|&(event, head)| {
                let row = self.rows[&event];
                (head.max(row.pruned) + 1..=row.revision)
                    .map(move |revision| (event, change(revision)))
            });
            let rows = rows.take(4).collect();
            let behind = |&&(event, head): &&(EventId, Revision)| self.rows[&event].revision < head;
            let ahead_of = heads.iter().filter(|_| self.reads_all).filter(behind);
            let ahead_of = ahead_of.map(|&(event, _)| event);
            let marks = std::mem::take(&mut self.marks).into_iter();
            let rewritten = marks.filter(|mark| mark.at != self.rows[&mark.event].history);
            let rewritten = rewritten.map(|mark| mark.event);
            let ahead_of = ahead_of.chain(rewritten).collect();
            self.on(FeedCause::Read(Ok(LogPage { rows, ahead_of })));
        }
    }

    fn finish_load(&mut self) {
        if let Some(event) = self.loads.pop() {
            let live = self.rows.get(&event).map(|row| {
                Box::new(LiveEvent {
                    state: at_revision(row.revision),
                    recent: (row.pruned.max(row.revision.saturating_sub(8)) + 1..=row.revision)
                        .map(change)
                        .collect(),
                    moved_at: None,
                })
            });
            self.on(FeedCause::Loaded(event, Ok(live)));
        }
    }

    fn fail_read(&mut self, failure: QueryFailure) {
        if self.reads.pop().is_some() {
            self.on(FeedCause::Read(Err(failure)));
        }
    }

    fn fail_load(&mut self, failure: QueryFailure) {
        if let Some(event) = self.loads.pop() {
            self.on(FeedCause::Loaded(event, Err(failure)));
        }
    }

    /// Lets time pass, and wakes the planner whenever it is due.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.planner.next_at().filter(|&at| at <= end) {
            assert!(at >= self.now, "what is due is done at once");
            self.now = at;
            self.on(FeedCause::Time);
        }
        self.now = end;
    }

    /// Lets time pass while the database answers everything at once.
    fn pass_healthy(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            while !self.reads.is_empty() || !self.loads.is_empty() {
                self.finish_read();
                self.finish_load();
            }
            match self.planner.next_at().filter(|&at| at <= end) {
                Some(at) => self.pass(at.saturating_duration_since(self.now)),
                None => break,
            }
        }
        self.pass(end - self.now);
    }

    fn revision_shown(&self, shard: usize, event: EventId) -> Option<Revision> {
        Some(self.shown.get(&(shard, event))?.revision)
    }
}

/// Event 1 opened on shard 0, nothing under way.
fn watched() -> PlannerWorld {
    let mut world = PlannerWorld::new();
    world.watch(0, EventId(1));
    world.pass_healthy(WINDOW);
    assert_eq!(world.revision_shown(0, EventId(1)), Some(5));
    world.checked.clear();
    world
}

#[test]
fn a_read_proves_no_more_of_an_event_that_was_opened_meanwhile_than_its_load_does() {
    let mut world = PlannerWorld::new();
    world.watch(0, EventId(1));
    world.finish_load();
    for _ in 0..3 {
        world.finish_read();
        world.pass(Duration::from_millis(60));
    }
    // The load of event 2 begins, then a read of all that does not cover it, and the load ends first.
    world.watch(0, EventId(2));
    let load_began = world.now;
    world.pass(POLL);
    assert!(world.reads_all && world.reads.len() == 1);
    world.finish_load();
    world.finish_read();
    assert_eq!(world.not_after, Some(load_began));
    // So is whoever opens it meanwhile, until the log was read.
    assert_eq!(world.opened_not_after, Some(load_began));
    world.watch(1, EventId(2));
    assert_eq!(world.opened_not_after, Some(load_began));
    // The next read of all covers both events.
    while !world.reads_all || world.reads.is_empty() {
        world.finish_read();
        world.pass(POLL);
    }
    world.finish_read();
    assert_eq!(world.not_after, None);
}

#[test]
fn an_event_that_is_made_behind_a_loads_back_is_loaded_again() {
    for cause in [FeedCause::Rang(EventId(9)), FeedCause::Listening(None)] {
        let mut world = watched();
        world.watch(0, EventId(9));
        assert_eq!(world.loads.pop(), Some(EventId(9)));
        let made = LogHead {
            revision: 1,
            pruned: 0,
            history: "",
        };
        world.rows.insert(EventId(9), made);
        world.on(cause);
        world.on(FeedCause::Loaded(EventId(9), Ok(None)));
        assert_eq!(world.not_opened, [], "clients would not ask again");
        world.finish_load();
        assert_eq!(world.revision_shown(0, EventId(9)), Some(1));
    }
    // Without a ring it is believed.
    let mut world = watched();
    world.watch(0, EventId(9));
    world.finish_load();
    assert_eq!(world.not_opened.len(), 1);
}

/// [`PlannerWorld::carry_out`] asks for it whenever an event opens.
#[test]
fn an_event_that_is_watched_again_while_it_is_reloaded_is_expected_again() {
    let mut world = watched();
    let pruned = LogHead {
        revision: 10,
        pruned: 9,
        history: "",
    };
    world.rows.insert(EventId(1), pruned);
    world.on(FeedCause::Rang(EventId(1)));
    world.finish_read();
    assert_eq!(world.loads, [EventId(1)]);
    world.unwatch(0, EventId(1));
    assert_eq!(world.left, [EventId(1)]);
    world.watch(0, EventId(1));
    world.finish_load();
    assert_eq!(world.revision_shown(0, EventId(1)), Some(10));
}

#[test]
fn the_first_change_goes_out_at_once_and_the_next_ones_as_one() {
    let mut world = watched();
    let start = world.now;
    world.commit_and_ring(EventId(1), 1);
    world.finish_read();
    assert_eq!(world.revision_shown(0, EventId(1)), Some(6));
    for _ in 0..3 {
        world.pass(Duration::from_millis(10));
        world.commit_and_ring(EventId(1), 1);
        assert_eq!(world.reads.len(), 0, "nothing could be published yet");
    }
    world.pass_healthy(WINDOW);
    assert_eq!(
        world.published[&EventId(1)],
        [(start, 6), (start + WINDOW, 9)]
    );
}

#[test]
fn whoever_is_ahead_has_it_read_and_shown_before_the_window_ends() {
    let mut world = watched();
    world.commit_and_ring(EventId(1), 1);
    world.finish_read();
    // A client may learn of this commit before its NOTIFY, or while its change waits for the window.
    world.commit(EventId(1), 1);
    world.hurried = true;
    world.look(EventId(1), 7);
    world.finish_read();
    assert_eq!(world.revision_shown(0, EventId(1)), Some(7));
    // A revision that is shown needs no read, and one that does not exist costs one read a window.
    world.look(EventId(1), 7);
    assert!(world.reads.is_empty());
    world.look(EventId(1), 1_000);
    assert!(world.reads.is_empty());
    world.pass(WINDOW);
    assert_eq!(world.reads, [[(EventId(1), 7)]]);
    for _ in 0..9 {
        world.look(EventId(1), 1_000);
    }
    world.finish_read();
    assert!(world.reads.is_empty());
    world.look(EventId(3), 9);
    assert!(world.reads.is_empty(), "nobody watches it");
}

/// Only a read that begins after the question answers it; one for an earlier question does not.
#[test]
fn a_question_is_answered_by_a_read_that_began_after_it_and_by_no_other() {
    let mut world = watched();
    world.look(EventId(1), 16);
    assert_eq!(world.reads, [[(EventId(1), 5)]]);
    // Asked while that read is under way.
    world.look(EventId(1), 7);
    world.commit(EventId(1), 2);
    world.finish_read();
    assert_eq!(world.looked, [(0, EventId(1), 1)]);
    world.hurried = true;
    world.pass(WINDOW);
    world.fail_read(QueryFailure::Unavailable);
    assert_eq!(
        world.looked,
        [(0, EventId(1), 1)],
        "a database that is away says nothing"
    );
    world.pass(Duration::from_secs(1));
    world.finish_read();
    assert_eq!(world.looked, [(0, EventId(1), 1), (0, EventId(1), 2)]);
    assert_eq!(world.revision_shown(0, EventId(1)), Some(7));
}

/// The rows of the read are published before the answer, even within the window of another change.
#[test]
fn a_question_is_answered_behind_what_was_read() {
    let mut world = watched();
    world.look(EventId(1), 16);
    world.commit(EventId(1), 1);
    world.on(FeedCause::Delivered(EventId(1), Box::new(change(6))));
    assert_eq!(world.revision_shown(0, EventId(1)), Some(6));
    world.commit(EventId(1), 1);
    world.hurried = true;
    world.finish_read();
    assert_eq!(world.looked, [(0, EventId(1), 1)]);
}

#[test]
fn rings_during_a_read_are_one_read_after_it() {
    let mut world = watched();
    world.watch(0, EventId(2));
    world.watch(0, EventId(3));
    world.pass_healthy(WINDOW);
    world.commit_and_ring(EventId(1), 1);
    world.commit_and_ring(EventId(2), 1);
    world.commit_and_ring(EventId(3), 1);
    world.finish_read();
    assert_eq!(world.reads, [[(EventId(2), 5), (EventId(3), 5)]]);
}

#[test]
fn one_load_serves_all_who_ask_meanwhile() {
    let mut world = PlannerWorld::new();
    world.watch(0, EventId(1));
    world.watch(1, EventId(1));
    world.watch(2, EventId(1));
    assert_eq!(world.loads, [EventId(1)]);
    world.commit_and_ring(EventId(1), 1);
    world.rows.get_mut(&EventId(1)).unwrap().revision = 5;
    world.finish_load();
    assert_eq!(world.revision_shown(2, EventId(1)), Some(5));
    world.commit(EventId(1), 1);
    world.pass_healthy(Duration::ZERO);
    assert_eq!(
        world.revision_shown(1, EventId(1)),
        Some(6),
        "rung while loading, read after it"
    );
}

#[test]
fn a_lost_ring_costs_at_most_a_poll_interval() {
    let mut world = watched();
    world.commit(EventId(1), 1);
    world.pass_healthy(POLL);
    assert_eq!(world.revision_shown(0, EventId(1)), Some(6));
    assert_eq!(world.checked, [true]);
}

#[test]
fn a_full_page_is_read_on_at_once() {
    let mut world = watched();
    world.commit_and_ring(EventId(1), 11);
    for _ in 0..3 {
        world.finish_read();
    }
    world.pass(WINDOW);
    assert_eq!(world.revision_shown(0, EventId(1)), Some(16));
}

#[test]
fn a_pruned_log_is_bridged_by_what_differs() {
    let mut world = watched();
    world.commit(EventId(1), 4);
    world.rows.get_mut(&EventId(1)).unwrap().pruned = 7;
    world.on(FeedCause::Rang(EventId(1)));
    world.pass_healthy(WINDOW);
    assert_eq!(world.revision_shown(0, EventId(1)), Some(9));
}

#[test]
fn an_event_whose_log_was_pruned_does_not_starve_others() {
    let mut world = watched();
    world.watch(0, EventId(2));
    world.pass_healthy(WINDOW);
    world.commit(EventId(1), 14);
    world.rows.get_mut(&EventId(1)).unwrap().pruned = 7;
    world.commit(EventId(2), 1);
    world.on(FeedCause::Listening(None));
    world.finish_read();
    assert_eq!(world.loads, [EventId(1)]);
    assert_eq!(
        world.reads,
        [[(EventId(2), 5)]],
        "the page is read on without it"
    );
    world.finish_read();
    assert_eq!(world.reads.len(), 0, "no read without end");
    assert_eq!(world.revision_shown(0, EventId(2)), Some(6));
    world.pass_healthy(WINDOW);
    assert_eq!(world.revision_shown(0, EventId(1)), Some(19));
}

#[test]
fn nobody_is_told_that_all_is_current_while_a_log_has_a_gap() {
    let mut world = watched();
    world.commit(EventId(1), 4);
    world.rows.get_mut(&EventId(1)).unwrap().pruned = 7;
    world.on(FeedCause::Listening(None));
    world.finish_read();
    assert_eq!(world.loads, [EventId(1)]);
    world.pass(POLL);
    world.finish_read();
    world.pass(POLL);
    assert_eq!(
        world.reads.len(),
        1,
        "a read of all that began without the event"
    );
    world.finish_load();
    world.finish_read();
    assert!(world.checked.is_empty());
    world.finish_read();
    assert_eq!(
        world.checked,
        [true],
        "asked for as soon as the gap was bridged"
    );
}

#[test]
fn viewers_of_a_gap_that_cannot_be_bridged_are_sent_to_join_anew() {
    let mut world = watched();
    world.commit(EventId(1), 4);
    world.rows.get_mut(&EventId(1)).unwrap().pruned = 7;
    let start = world.now;
    while world.closed.is_empty() {
        world.finish_read();
        world.fail_load(QueryFailure::Unusable);
        world.pass(Duration::from_millis(100));
        assert!(world.now < start + Duration::from_secs(8));
    }
    assert_eq!(world.closed, [(0, EventId(1), NotOpened::Unavailable)]);
    assert!(world.checked.is_empty());
    world.pass_healthy(POLL);
    assert_eq!(world.checked.last(), Some(&true));
    world.watch(0, EventId(1));
    world.pass_healthy(WINDOW);
    assert_eq!(world.revision_shown(0, EventId(1)), Some(9));
}

#[test]
fn a_database_that_went_back_is_noticed_and_its_viewers_start_anew() {
    let mut world = watched();
    world.rows.get_mut(&EventId(1)).unwrap().revision = 3;
    world.on(FeedCause::Listening(None));
    world.pass_healthy(WINDOW);
    assert_eq!(world.closed, [(0, EventId(1), NotOpened::Unavailable)]);
    world.watch(0, EventId(1));
    world.pass_healthy(WINDOW);
    assert_eq!(world.revision_shown(0, EventId(1)), Some(3));
}

#[test]
fn a_database_that_wrote_lost_changes_again_is_noticed_at_whatever_revision_it_is() {
    for revision in [5, 8] {
        let mut world = watched();
        // A change makes sure that the last one is known.
        world.commit_and_ring(EventId(1), 1);
        world.pass_healthy(WINDOW);
        let row = world.rows.get_mut(&EventId(1)).unwrap();
        (row.revision, row.history) = (revision + 1, "other");
        world.on(FeedCause::Listening(None));
        // It would follow on the lost one.
        world.on(FeedCause::Delivered(EventId(1), Box::new(change(7))));
        world.pass(WINDOW);
        assert_eq!(world.revision_shown(0, EventId(1)), Some(6));
        world.pass_healthy(WINDOW);
        assert_eq!(world.closed, [(0, EventId(1), NotOpened::Unavailable)]);
        world.rows.get_mut(&EventId(1)).unwrap().history = "";
        world.watch(0, EventId(1));
        world.pass_healthy(WINDOW);
        assert_eq!(world.revision_shown(0, EventId(1)), Some(revision + 1));
    }
}

/// Its rows follow on changes that the database has lost.
#[test]
fn a_read_that_began_before_the_doorbell_was_connected_brings_nothing() {
    for place in [None, Some("elsewhere")] {
        let place = place.map(|name| HistoryPlace(name.to_owned()));
        let mut world = watched();
        world.commit_and_ring(EventId(1), 1);
        world.pass_healthy(WINDOW);
        world.commit_and_ring(EventId(1), 1);
        world.pass(WINDOW);
        assert_eq!(world.reads.pop(), Some(vec![(EventId(1), 6)]));
        // Put back to revision 6, which may have another change.
        world.rows.get_mut(&EventId(1)).unwrap().revision = 6;
        world.on(FeedCause::Listening(place.clone()));
        world.watch(0, EventId(1));
        world.finish_load();
        let rows = vec![(EventId(1), change(7))];
        let ahead_of = Vec::new();
        world.checked.clear();
        world.on(FeedCause::Read(Ok(LogPage { rows, ahead_of })));
        let told = format!("{place:?}");
        assert_eq!(world.revision_shown(0, EventId(1)), Some(6), "{told}");
        assert!(world.checked.is_empty(), "{told}");
        assert!(world.reads_all && world.reads.len() == 1, "{told}");
        world.pass_healthy(WINDOW);
        assert_eq!(world.revision_shown(0, EventId(1)), Some(6), "{told}");
        assert_eq!(world.checked, [true], "{told}");
    }
}

#[test]
fn a_dead_database_is_said_at_once_and_asked_again() {
    let mut world = watched();
    world.commit_and_ring(EventId(1), 1);
    world.fail_read(QueryFailure::Unavailable);
    assert_eq!(world.checked, [false]);
    world.watch(1, EventId(1));
    assert_eq!(
        world.revision_shown(1, EventId(1)),
        Some(5),
        "opened from memory"
    );
    world.pass(RETRY_PAUSE_MIN);
    world.fail_read(QueryFailure::Unavailable);
    world.pass(RETRY_PAUSE_MIN);
    assert_eq!(world.reads.len(), 0, "the pause grows");
    world.pass_healthy(RETRY_PAUSE_MIN);
    assert_eq!(world.checked, [false, false, true]);
    assert_eq!(world.revision_shown(1, EventId(1)), Some(6));
}

#[test]
fn a_lost_bell_is_said_at_once_and_the_log_read_without_it() {
    let mut world = watched();
    world.commit(EventId(1), 1);
    world.on(FeedCause::BellLost);
    assert_eq!(world.checked, [false]);
    world.finish_read();
    world.on(FeedCause::BellLost);
    assert_eq!(world.checked, [false, true], "said once");
    assert_eq!(world.revision_shown(0, EventId(1)), Some(6));
}

#[test]
fn whoever_asks_during_an_outage_is_told_to_come_later() {
    let mut world = PlannerWorld::new();
    world.watch(0, EventId(1));
    world.fail_load(QueryFailure::Unavailable);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.not_opened, [(0, EventId(1), NotOpened::Unavailable)]);
    world.watch(1, EventId(1));
    world.pass_healthy(RETRY_PAUSE_MAX);
    assert_eq!(world.revision_shown(1, EventId(1)), Some(5));
    assert_eq!(world.revision_shown(0, EventId(1)), None);
}

#[test]
fn an_event_that_nobody_waits_for_any_more_is_not_loaded() {
    let mut world = PlannerWorld::new();
    world.watch(0, EventId(1));
    world.fail_load(QueryFailure::Unavailable);
    world.unwatch(0, EventId(1));
    world.pass_healthy(RETRY_PAUSE_MAX);
    assert_eq!((world.left, world.shown.len()), (vec![EventId(1)], 0));
}

#[test]
fn an_unknown_event_and_one_too_many_are_refused() {
    let mut world = PlannerWorld::new();
    world.watch(0, EventId(404));
    world.finish_load();
    assert_eq!(
        world.not_opened,
        [(0, EventId(404), NotOpened::NoSuchEvent)]
    );
    for event in [1, 2, 3, 4] {
        world.watch(0, EventId(event));
    }
    assert_eq!(
        world.not_opened[1..],
        [(0, EventId(4), NotOpened::Unavailable)]
    );
}

/// Repeated requests for an event that does not exist do not reach the database each time.
#[test]
fn an_event_that_is_not_there_is_looked_for_once_a_second_or_when_it_rings() {
    let mut world = PlannerWorld::new();
    world.finish_read();
    let absent = (0, EventId(4), NotOpened::NoSuchEvent);
    world.watch(0, EventId(4));
    world.finish_load();
    for _ in 0..10 {
        world.watch(0, EventId(4));
        assert!(world.loads.is_empty(), "it is known not to be there");
    }
    assert_eq!(world.not_opened, [absent; 11]);
    world.on(FeedCause::Rang(EventId(4)));
    world.watch(0, EventId(4));
    assert_eq!(world.loads, [EventId(4)], "it may be there now");
    world.finish_load();
    world.pass(Duration::from_secs(1));
    world.watch(0, EventId(4));
    assert_eq!(world.loads, [EventId(4)]);
    let row = LogHead {
        revision: 1,
        pruned: 0,
        history: "",
    };
    world.rows.insert(EventId(4), row);
    world.finish_load();
    assert!(world.shown.contains_key(&(0, EventId(4))));
}

#[test]
fn the_memory_of_what_is_not_there_is_bounded() {
    let mut config = Config::default().feed;
    config.absent_events_max = 2;
    let (mut absent, now) = (Absent::new(&config), Instant::now());
    (1..=3).for_each(|event| absent.note(EventId(event), now));
    assert_eq!(
        [1, 2, 3].map(|event| absent.has(EventId(event), now)),
        [false, true, true]
    );
    let later = now + Duration::from_secs(1);
    assert!(!absent.has(EventId(3), later));
}

#[test]
fn an_event_leaves_with_its_last_shard() {
    let mut world = watched();
    world.watch(1, EventId(1));
    world.unwatch(0, EventId(1));
    assert!(world.left.is_empty());
    world.unwatch(1, EventId(1));
    assert_eq!(world.left, [EventId(1)]);
}

#[test]
fn an_event_that_came_too_late_waits_for_those_who_gave_up() {
    let mut world = PlannerWorld::new();
    world.watch(0, EventId(1));
    world.pass(Duration::from_secs(6));
    assert_eq!(world.not_opened, [(0, EventId(1), NotOpened::Unavailable)]);
    world.pass_healthy(Duration::from_secs(20));
    world.commit_and_ring(EventId(1), 1);
    world.pass_healthy(WINDOW);
    world.watch(0, EventId(1));
    assert_eq!(world.revision_shown(0, EventId(1)), Some(6), "kept current");
    world.pass_healthy(Duration::from_secs(60));
    assert!(world.left.is_empty());
}

#[test]
fn a_row_that_cannot_be_used_does_not_blind_other_events() {
    let mut world = watched();
    world.watch(0, EventId(2));
    world.watch(0, EventId(3));
    world.pass_healthy(WINDOW);
    for event in [1, 2, 3] {
        world.commit(EventId(event), 1);
    }
    world.on(FeedCause::Listening(None));
    while let Some(heads) = world.reads.first() {
        if heads.iter().any(|&(event, _)| event == EventId(2)) {
            world.fail_read(QueryFailure::Unusable);
        } else {
            world.finish_read();
        }
    }
    assert_eq!(world.loads, [EventId(2)]);
    world.finish_load();
    assert_eq!(
        [1, 2, 3].map(|event| world.revision_shown(0, EventId(event))),
        [Some(6); 3]
    );
}

#[test]
fn a_deleted_event_is_published_and_closed() {
    let mut world = watched();
    world.commit_and_ring(EventId(1), 1);
    world.reads.clear();
    let deleted = Delta {
        deleted: true,
        ..change(6)
    };
    world.on(FeedCause::Read(Ok(LogPage {
        rows: vec![(EventId(1), deleted)],
        ..LogPage::default()
    })));
    assert_eq!(world.published.get(&EventId(1)), None);
    assert_eq!(
        (world.left.as_slice(), world.shown.len()),
        ([EventId(1)].as_slice(), 0)
    );
}

#[derive(Debug, Clone)]
enum FeedStep {
    Watch(usize, EventId),
    Unwatch(usize, EventId),
    Commit {
        event: EventId,
        changes: u64,
        heard: bool,
    },
    Prune(EventId),
    FinishRead,
    FinishLoad,
    FailRead(bool),
    FailLoad(bool),
    LoseBell,
    Listen,
    Pass(u64),
}

fn step() -> impl Strategy<Value = FeedStep> {
    let (shard, event) = (0usize..3, 1i64..=3);
    prop_oneof![
        3 => (shard.clone(), event.clone()).prop_map(|(shard, event)| FeedStep::Watch(shard, EventId(event))),
        1 => (shard, event.clone()).prop_map(|(shard, event)| FeedStep::Unwatch(shard, EventId(event))),
        6 => (event.clone(), 1u64..7, any::<bool>())
            .prop_map(|(event, changes, heard)| FeedStep::Commit { event: EventId(event), changes, heard }),
        1 => event.prop_map(|event| FeedStep::Prune(EventId(event))),
        6 => Just(FeedStep::FinishRead),
        4 => Just(FeedStep::FinishLoad),
        1 => any::<bool>().prop_map(FeedStep::FailRead),
        1 => any::<bool>().prop_map(FeedStep::FailLoad),
        1 => Just(FeedStep::LoseBell),
        1 => Just(FeedStep::Listen),
        4 => (1u64..2_000).prop_map(FeedStep::Pass),
    ]
}

fn failure(unavailable: bool) -> QueryFailure {
    if unavailable {
        QueryFailure::Unavailable
    } else {
        QueryFailure::Unusable
    }
}

proptest! {
    /// After any schedule, one second without faults brings every shard to the database's state; no publication leaves a gap
    /// or breaks the window.
    #[test]
    fn every_viewer_ends_with_the_databases_state(steps in proptest::collection::vec(step(), 1..80)) {
        let mut world = PlannerWorld::new();
        let mut watching: BTreeSet<(usize, EventId)> = BTreeSet::new();
        for step in steps {
            match step {
                FeedStep::Watch(shard, event) => {
                    watching.insert((shard, event));
                    world.watch(shard, event);
                }
                FeedStep::Unwatch(shard, event) => {
                    watching.remove(&(shard, event));
                    world.unwatch(shard, event);
                }
                FeedStep::Commit { event, changes, heard: true } => world.commit_and_ring(event, changes),
                FeedStep::Commit { event, changes, heard: false } => world.commit(event, changes),
                FeedStep::Prune(event) => {
                    // The log keeps an event's last row whatever its age.
                    let row = world.rows.get_mut(&event).unwrap();
                    row.pruned = row.revision - 1;
                }
                FeedStep::FinishRead => world.finish_read(),
                FeedStep::FinishLoad => world.finish_load(),
                FeedStep::FailRead(unavailable) => world.fail_read(failure(unavailable)),
                FeedStep::FailLoad(unavailable) => world.fail_load(failure(unavailable)),
                FeedStep::LoseBell => world.on(FeedCause::BellLost),
                FeedStep::Listen => world.on(FeedCause::Listening(None)),
                FeedStep::Pass(ms) => world.pass(Duration::from_millis(ms)),
            }
        }
        for (shard, event, _) in world.not_opened.drain(..).chain(world.closed.drain(..)) {
            if !world.shown.contains_key(&(shard, event)) {
                watching.remove(&(shard, event));
            }
        }
        world.pass_healthy(RETRY_PAUSE_MAX + POLL + WINDOW);
        prop_assert_eq!(world.checked.last(), Some(&true));
        // One that asked long before may be told in that second that it waited too long.
        for (shard, event, _) in world.not_opened.drain(..) {
            watching.remove(&(shard, event));
        }
        for (shard, event) in watching {
            let expected = at_revision(world.rows[&event].revision);
            prop_assert_eq!(world.shown.get(&(shard, event)), Some(&expected));
        }
    }
}
