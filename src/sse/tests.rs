//! Tests streams after lost messages, and after lost history in the database.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::shown::{Ask, ShownEvents};
use super::viewer::StreamViewer;
use crate::auth::Caller;
use crate::config::Config;
use crate::hub::{Hub, Looked, NativeView, NotOpened, Opening, Publication, ShardSet, Watch};
use crate::presence::{Presence, PresenceReport};
use crate::ticketing::live::{Delta, samples};
use crate::ticketing::{EventId, Revision};

const WATCH: Watch = Watch::Watch {
    event: EventId(1),
    shard: 1,
};

/// The streams, with the hub and presence that they are connected to.
struct StreamWorld {
    hub: Hub,
    shown: Arc<ShownEvents>,
    watches: mpsc::Receiver<Watch>,
    now_ms: u64,
    _said: mpsc::Receiver<PresenceReport>,
}

impl StreamWorld {
    fn new() -> Self {
        let (hub, mailboxes, watches) = Hub::new(1);
        let (presence, said) = Presence::new();
        let shown = ShownEvents::new(&Config::default(), presence, mailboxes.streams);
        StreamWorld {
            hub,
            shown: Arc::new(shown),
            watches,
            now_ms: 0,
            _said: said,
        }
    }

    /// The same with the event open at a revision.
    fn at(revision: Revision) -> Self {
        let mut world = StreamWorld::new();
        let mut asked = world.ask(None);
        world.hub.opened(1, opening(revision, 0));
        world.turn(0);
        assert_eq!(asked.try_recv().ok(), Some(Ok(())));
        assert_eq!(world.watches.try_recv().ok(), Some(WATCH));
        world
    }

    fn ask(&self, since: Option<Revision>) -> oneshot::Receiver<Result<(), NotOpened>> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask {
            since,
            caller: Caller::Anonymous,
            answer,
        };
        self.shown.ask(EventId(1), ask);
        answered
    }

    fn stream(&self, since: Option<Revision>) -> StreamViewer {
        let (view, caller) = (NativeView::Event, Caller::Anonymous);
        self.shown
            .admit(EventId(1), view, since, caller)
            .ok()
            .unwrap()
    }

    fn turn(&mut self, pass_ms: u64) {
        self.now_ms += pass_ms;
        self.shown.turn(self.now_ms);
    }

    fn publish(&mut self, from: Revision, to: Revision) {
        let delta = Delta {
            from,
            to,
            ..Delta::default()
        };
        let publication =
            Publication::new(EventId(1), Arc::new(delta), Arc::new(samples::state(to)));
        let streams: ShardSet = [1].into_iter().collect();
        self.hub.publish(streams, Arc::new(publication));
        self.turn(0);
    }
}

fn opening(revision: Revision, lost: Revision) -> Arc<Opening> {
    Arc::new(Opening {
        event: EventId(1),
        state: Arc::new(samples::state(revision)),
        ring: Vec::new(),
        lost,
        proven_at: None,
    })
}

/// Names and data of the events that a stream was sent.
fn events(text: Option<bytes::Bytes>) -> Vec<(String, Value)> {
    let text = String::from_utf8(text.expect("a stream that goes on").to_vec()).unwrap();
    let blocks = text.split_terminator("\n\n");
    let of = |block: &str, field: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(field));
        line.expect("every block has it").to_owned()
    };
    blocks
        .map(|block| {
            let data = serde_json::from_str(&of(block, "data: ")).unwrap();
            (of(block, "event: "), data)
        })
        .collect()
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

/// `checked_at` of the beat, which is the last.
fn checked_at(events: &[(String, Value)]) -> Timestamp {
    let (name, beat) = events.last().unwrap();
    assert_eq!(name, "beat");
    beat["checked_at"].as_str().unwrap().parse().unwrap()
}

/// Some clients take a block with nothing but `retry:` for an empty event.
#[test]
fn core_28b_the_first_block_is_an_event_and_says_when_to_come_back() {
    let world = StreamWorld::at(5);
    for since in [None, Some(5)] {
        let greeting = world.stream(since).greeting().unwrap();
        assert!(greeting.starts_with(b"retry: "));
        let all = events(Some(greeting));
        let first = if since.is_none() {
            "snapshot"
        } else {
            "presence"
        };
        assert_eq!(all[0].0, first);
    }
}

/// A beat once came before the frames that made it true.
#[test]
fn faults_9_a_beat_comes_behind_the_frames_that_make_it_true() {
    let mut world = StreamWorld::at(5);
    let mut stream = world.stream(None);
    events(stream.greeting());
    world.hub.checked(Timestamp::now(), true);
    world.publish(5, 6);
    let sent = events(stream.beat());
    assert_eq!(names(&sent), ["update", "beat"]);
    assert_eq!(sent[1].1["revisions"]["event:1"], 6);
    assert_eq!(names(&events(stream.beat())), ["beat"]);
    assert_eq!(stream.missing().unwrap(), "");
}

/// Such a client was once taken back to the node's older state.
#[test]
fn a_client_that_is_ahead_waits_and_is_told_later_unless_the_database_was_read() {
    let mut world = StreamWorld::at(6);
    let mut ahead = world.ask(Some(16));
    let look = Watch::Look {
        event: EventId(1),
        revision: 16,
        shard: 1,
        look: 1,
    };
    assert_eq!(world.watches.try_recv().ok(), Some(look));
    world.turn(999);
    assert!(ahead.try_recv().is_err(), "it waits");
    world.turn(1);
    assert_eq!(ahead.try_recv().ok(), Some(Err(NotOpened::Behind)));
    // For the next one the database is read, and really has no more.
    let mut ahead = world.ask(Some(16));
    let looked = |look| Looked { look, revision: 6 };
    world.hub.looked(1, EventId(1), looked(1));
    world.turn(0);
    assert!(ahead.try_recv().is_err(), "that answers an older question");
    world.hub.looked(1, EventId(1), looked(2));
    world.turn(0);
    assert_eq!(ahead.try_recv().ok(), Some(Ok(())));
    let sent = events(world.stream(Some(16)).greeting());
    assert_eq!(names(&sent), ["snapshot", "beat"]);
    // A client that is one revision ahead is answered when that revision is published.
    let mut ahead = world.ask(Some(7));
    world.publish(6, 7);
    assert_eq!(ahead.try_recv().ok(), Some(Ok(())));
}

/// Comparing revisions alone does not show lost history.
#[test]
fn core_23_streams_of_a_history_that_was_lost_end_and_are_given_everything_when_they_come_back() {
    for revision in [3, 5, 9] {
        let mut world = StreamWorld::at(5);
        let mut stream = world.stream(None);
        events(stream.greeting());
        // The database lost history and was written again; the message about it was lost in a full mailbox.
        world.hub.opened(1, opening(revision, 10_005));
        world.turn(0);
        assert!(stream.missing().is_none());
        let sent = events(world.stream(Some(5)).greeting());
        assert_eq!(names(&sent), ["snapshot", "beat"]);
        assert_eq!(sent[0].1["revision"], revision);
    }
}

#[test]
fn after_a_gap_it_is_asked_until_it_is_open_and_nothing_is_proven_till_then() {
    let mut world = StreamWorld::at(5);
    let before = Timestamp::now() + SignedDuration::from_secs(100);
    world.hub.checked(before, true);
    world.turn(0);
    let mut stream = world.stream(None);
    assert_eq!(checked_at(&events(stream.greeting())), before);

    // The publication of revision 6 was lost, so later checks prove nothing here.
    let after = before + SignedDuration::from_secs(9);
    world.hub.checked(after, true);
    world.publish(6, 7);
    assert_eq!(checked_at(&events(stream.beat())), before);
    assert_eq!(world.watches.try_recv().ok(), Some(WATCH));
    // The feed cannot open it now: it is asked again and again.
    for _ in 0..3 {
        world.hub.not_opened(1, EventId(1), NotOpened::Unavailable);
        world.turn(0);
        assert!(world.watches.try_recv().is_err());
        world.turn(1_000);
        assert_eq!(world.watches.try_recv().ok(), Some(WATCH));
        assert_eq!(checked_at(&events(stream.beat())), before);
    }
    world.hub.opened(1, opening(7, 0));
    world.turn(1_000);
    let sent = events(stream.beat());
    assert_eq!(
        (names(&sent), checked_at(&sent)),
        (vec!["snapshot", "beat"], after)
    );
    assert!(world.watches.try_recv().is_err());
}

#[test]
fn an_event_that_nobody_looks_at_is_let_go_of_and_one_that_is_watched_is_not() {
    let mut world = StreamWorld::at(5);
    let grace_ms = Config::default().feed.unwatch_grace_s * 1_000;
    let stream = world.stream(None);
    for _ in 0..3 {
        world.turn(grace_ms + 1_000);
    }
    assert!(world.watches.try_recv().is_err());
    drop(stream);
    world.turn(1_000);
    world.turn(grace_ms);
    let unwatch = Watch::Unwatch {
        event: EventId(1),
        shard: 1,
    };
    assert_eq!(world.watches.try_recv().ok(), Some(unwatch));
}

#[test]
fn the_end_of_an_event_is_the_last_that_its_streams_tell() {
    let mut world = StreamWorld::at(5);
    let mut stream = world.stream(None);
    events(stream.greeting());
    let delta = Delta {
        from: 5,
        to: 6,
        deleted: true,
        ..Delta::default()
    };
    let publication = Publication::new(EventId(1), Arc::new(delta), Arc::new(samples::state(6)));
    let streams: ShardSet = [1].into_iter().collect();
    world.hub.publish(streams, Arc::new(publication));
    world
        .hub
        .closed(streams, EventId(1), NotOpened::NoSuchEvent);
    world.turn(0);
    let sent = events(stream.missing());
    assert_eq!(names(&sent), ["update"]);
    assert_eq!(sent[0].1["deleted"], true);
    assert!(stream.missing().is_none());
}

#[test]
fn streams_of_an_event_that_became_a_draft_end() {
    let mut world = StreamWorld::at(5);
    let mut stream = world.stream(None);
    events(stream.greeting());
    let mut draft = samples::state(6);
    draft.event.status = crate::ticketing::live::EventStatus::Draft;
    let opening = Opening {
        event: EventId(1),
        state: Arc::new(draft),
        ring: Vec::new(),
        lost: 0,
        proven_at: None,
    };
    world.hub.opened(1, Arc::new(opening));
    world.turn(0);
    assert!(stream.missing().is_none());
}
