//! Tests the machine against a model of the feed, with messages lost and clients arriving at any time.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::*;
use crate::config::inside::REACH_PATIENCE_MS;
use crate::hub::history::HistoryStep;
use crate::hub::{Hub, Looked, Mailbox, ToShard};
use crate::ticketing::live::{Delta, EventInfo, samples};

const EVENT: EventId = EventId(1);
const GRACE_MS: u64 = 5_000;

/// A client: its number and its revision.
#[derive(Debug, PartialEq, Eq)]
struct ArrivingClient(usize, Option<Revision>);

impl Waiter for ArrivingClient {
    fn since(&self) -> Option<Revision> {
        self.1
    }

    fn may_see(&self, _: &EventInfo) -> bool {
        true
    }
}

struct WatchingWorld {
    watching: Watching<ArrivingClient>,
    hub: Hub,
    mailbox: Mailbox<ToShard>,
    watches: mpsc::Receiver<Watch>,
    now_ms: u64,
    /// Whether the mailbox was full.
    lost: bool,
}

impl WatchingWorld {
    fn new() -> Self {
        let (hub, mut mailboxes, watches) = Hub::with_room(1, 4);
        let mailbox = mailboxes.shards.remove(0);
        let bounds = Bounds {
            ring_deltas_max: 4,
            grace_ms: GRACE_MS,
            road: "shard",
        };
        let checked = Checked::up(Timestamp::UNIX_EPOCH);
        WatchingWorld {
            watching: Watching::new(mailbox.asker.clone(), bounds, checked),
            hub,
            mailbox,
            watches,
            now_ms: 0,
            lost: false,
        }
    }

    fn arrive(&mut self, client: ArrivingClient) -> Option<ArrivingClient> {
        self.watching.arrive(EVENT, client, self.now_ms)
    }

    /// Reads the mail.
    fn turn(&mut self) -> Vec<Then<ArrivingClient>> {
        while let Some(message) = self.mailbox.next() {
            if let ToShard::News(news) = message {
                self.watching.on(news, self.now_ms);
            }
        }
        let lost = self.mailbox.take_dropped() > 0;
        self.watching
            .mail_is_read(lost || std::mem::take(&mut self.lost));
        self.watching.answer_overdue(self.now_ms);
        std::iter::from_fn(|| self.watching.take_next()).collect()
    }

    fn asked(&mut self) -> Vec<Watch> {
        std::iter::from_fn(|| self.watches.try_recv().ok()).collect()
    }
}

fn opening(from: Revision, at: Revision, lost: Revision) -> Arc<Opening> {
    Arc::new(Opening {
        event: EVENT,
        state: Arc::new(samples::state(at)),
        ring: (from..at)
            .map(|from| Arc::new(delta(from, from + 1)))
            .collect(),
        lost,
        proven_at: None,
    })
}

fn delta(from: Revision, to: Revision) -> Delta {
    Delta {
        from,
        to,
        ..Delta::default()
    }
}

fn publication(from: Revision, to: Revision) -> Arc<Publication> {
    let state = Arc::new(samples::state(to));
    Arc::new(Publication::new(EVENT, Arc::new(delta(from, to)), state))
}

fn shards() -> crate::hub::ShardSet {
    [0].into_iter().collect()
}

#[test]
fn one_load_serves_all_who_arrive() {
    let mut world = WatchingWorld::new();
    for client in 0..5 {
        assert!(world.arrive(ArrivingClient(client, None)).is_none());
    }
    assert_eq!(world.asked().len(), 1);
    world.hub.opened(0, opening(5, 5, 0));
    let answered = world.turn();
    let answers = answered
        .iter()
        .filter(|then| matches!(then, Then::Answer(..)));
    assert_eq!(answers.count(), 5);
    assert_eq!(
        world.arrive(ArrivingClient(6, Some(5))),
        Some(ArrivingClient(6, Some(5)))
    );
    assert!(world.asked().is_empty());
}

/// Such a client was once taken back to the node's older state.
#[test]
fn a_client_that_is_ahead_is_never_answered_with_less_while_the_database_is_not_read() {
    let mut world = WatchingWorld::new();
    world.arrive(ArrivingClient(0, None));
    world.hub.opened(0, opening(6, 6, 0));
    world.turn();
    world.asked();
    assert!(world.arrive(ArrivingClient(1, Some(16))).is_none());
    let [
        Watch::Look {
            revision: 16, look, ..
        },
    ] = world.asked()[..]
    else {
        panic!("the feed is asked to look")
    };
    world.now_ms = REACH_PATIENCE_MS - 1;
    assert!(world.turn().is_empty());
    world.now_ms += 1;
    let then = world.turn();
    assert!(
        matches!(
            then[..],
            [Then::Refuse(EVENT, ArrivingClient(1, _), NotOpened::Behind)]
        ),
        "{then:?}"
    );
    // The answer to that question does not count for a client that asked later.
    assert!(world.arrive(ArrivingClient(2, Some(16))).is_none());
    let looked = |look| Looked { look, revision: 6 };
    world.hub.looked(0, EVENT, looked(look));
    assert!(world.turn().is_empty());
    world.hub.looked(0, EVENT, looked(look + 1));
    assert!(matches!(
        world.turn()[..],
        [Then::Answer(EVENT, ArrivingClient(2, _))]
    ));
}

/// Comparing revisions alone does not show lost history.
#[test]
fn viewers_start_anew_when_history_was_lost_whatever_the_revisions_are() {
    for at in [3, 5, 9] {
        let mut world = WatchingWorld::new();
        world.arrive(ArrivingClient(0, None));
        world.hub.opened(0, opening(2, 5, 0));
        world.turn();
        let era = world.watching.came(EVENT);
        world.hub.opened(0, opening(2, at, 10_005));
        let then = world.turn();
        assert!(
            matches!(
                then[..],
                [Then::Moved(..), Then::End(EVENT, NotOpened::Unavailable)]
            ),
            "{then:?}"
        );
        assert_ne!(world.watching.era(EVENT), Some(era));
        let history = world.watching.history(EVENT).unwrap();
        assert_eq!(history.revision(), at);
        assert!((0..=at).all(|since| !history.resumes(since)));
    }
}

/// A beat once came before the frames that made it true.
#[test]
fn nothing_is_proven_of_a_viewer_that_lacks_something() {
    let mut world = WatchingWorld::new();
    world.arrive(ArrivingClient(0, None));
    world.hub.opened(0, opening(2, 5, 0));
    world.turn();
    assert!(world.watching.proof(EVENT, 4).is_none());
    assert!(world.watching.proof(EVENT, 5).is_some());
    world.hub.publish(shards(), publication(5, 6));
    world.hub.checked(Timestamp::now(), true);
    world.turn();
    assert!(world.watching.proof(EVENT, 5).is_none());
}

/// A load may take longer than the reads that prove the other events.
#[test]
fn an_opening_is_proven_by_its_load_until_the_log_was_read() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut world = WatchingWorld::new();
    world.arrive(ArrivingClient(0, None));
    world.hub.checked(at(10), true);
    world.turn();
    // Said before the opening, so not of this event.
    world.hub.checked(at(11), true);
    let mut late = Arc::unwrap_or_clone(opening(2, 5, 0));
    late.proven_at = Some(at(5));
    world.hub.opened(0, Arc::new(late.clone()));
    world.turn();
    let proven = |world: &WatchingWorld| world.watching.proof(EVENT, 5).unwrap().at;
    assert_eq!(proven(&world), at(5));
    // The read under way did not cover it.
    world.hub.checked(at(5), true);
    world.turn();
    assert_eq!(proven(&world), at(5));
    // Nor does an outage prove anything, which repeats the time of before.
    world.hub.checked(at(11), false);
    world.turn();
    assert_eq!(proven(&world), at(5));
    world.hub.checked(at(5), true);
    // A message after a lost one proves nothing until the event is opened anew.
    world.hub.publish(shards(), publication(6, 7));
    world.hub.checked(at(12), true);
    world.turn();
    assert_eq!(proven(&world), at(5));
    world.hub.opened(0, Arc::new(late));
    world.turn();
    world.hub.checked(at(13), true);
    world.turn();
    assert_eq!(proven(&world), at(13));
    world.hub.opened(0, opening(2, 5, 0));
    world.turn();
    assert_eq!(proven(&world), at(13));
}

#[test]
fn what_nobody_watches_is_let_go_of_when_its_grace_is_over() {
    let mut world = WatchingWorld::new();
    world.arrive(ArrivingClient(0, None));
    world.hub.opened(0, opening(2, 5, 0));
    world.turn();
    let era = world.watching.came(EVENT);
    world.asked();
    world.watching.tend(1_000_000);
    world.watching.left(EVENT, era);
    world.watching.tend(2_000_000);
    assert!(world.asked().is_empty());
    world.watching.tend(2_000_000 + GRACE_MS);
    assert_eq!(
        world.asked(),
        [Watch::Unwatch {
            event: EVENT,
            shard: 0
        }]
    );
    assert!(matches!(
        world.watching.take_next(),
        Some(Then::Watched(EVENT, false))
    ));
    assert!(world.watching.is_empty());
}

/// An event in the life of a shard.
#[derive(Debug, Clone)]
enum Happens {
    /// A commit, which the feed publishes, or whose publication is lost.
    Publish {
        revisions: u64,
        lost: bool,
    },
    /// More messages than the mailbox holds.
    Flood,
    /// The database loses history and is written again.
    Rewind {
        by: u64,
        then: u64,
    },
    Arrive {
        ahead: u64,
        behind: u64,
    },
    /// The feed answers the shard's requests.
    Feed,
    /// The feed reports the state of the database.
    Check,
    Read,
    Pass(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (1_u64..4, prop::bool::weighted(0.3))
            .prop_map(|(revisions, lost)| Happens::Publish { revisions, lost }),
        1 => Just(Happens::Flood),
        1 => (1_u64..4, 0_u64..6).prop_map(|(by, then)| Happens::Rewind { by, then }),
        3 => (0_u64..3, 0_u64..5).prop_map(|(ahead, behind)| Happens::Arrive { ahead, behind }),
        4 => Just(Happens::Feed),
        3 => Just(Happens::Check),
        6 => Just(Happens::Read),
        2 => (1_u64..600).prop_map(Happens::Pass),
    ]
}

/// A model of database and feed with one viewer, and the checks on it.
struct Model {
    world: WatchingWorld,
    /// The number of the current history; each has its own revisions.
    history: u64,
    revision: Revision,
    lost: Revision,
    /// The history and revision that the feed has published.
    fed: Option<(u64, Revision)>,
    questions: Vec<Watch>,
    /// The history and revision at each check of the database.
    checks: Vec<(u64, Revision)>,
    /// The viewer's history and revision; `None` if it has to join again.
    viewer: Option<(u64, Revision)>,
    /// Waiting clients, with the history and revision at their arrival.
    waiting: BTreeMap<usize, (u64, Revision)>,
    clients: usize,
}

impl Model {
    fn new() -> Self {
        Model {
            world: WatchingWorld::new(),
            history: 0,
            revision: 5,
            lost: 0,
            fed: None,
            questions: Vec::new(),
            checks: Vec::new(),
            viewer: None,
            waiting: BTreeMap::new(),
            clients: 0,
        }
    }

    fn on(&mut self, happens: Happens) {
        match happens {
            Happens::Publish { revisions, lost } => {
                let from = self.revision;
                self.revision += revisions;
                if self.fed.is_some() {
                    self.fed = Some((self.history, self.revision));
                    self.world.lost |= lost;
                    if !lost {
                        let publication = publication(from, self.revision);
                        self.world.hub.publish(shards(), publication);
                    }
                }
            }
            Happens::Flood => (0..8).for_each(|event| {
                let why = NotOpened::Unavailable;
                self.world.hub.not_opened(0, EventId(100 + event), why);
            }),
            Happens::Rewind { by, then } => {
                self.lost = self.revision.max(self.lost) + 10;
                self.history += 1;
                self.revision = self.revision.saturating_sub(by).max(1) + then;
                if self.fed.take().is_some() {
                    let why = NotOpened::Unavailable;
                    self.world.hub.closed(shards(), EVENT, why);
                }
            }
            Happens::Arrive { ahead, behind } => {
                let since = (self.revision + ahead).saturating_sub(behind).max(1);
                self.arrive(Some(since));
            }
            Happens::Feed => self.feed(),
            Happens::Check => {
                // Reported once all commits have been published.
                self.checks.push((self.history, self.revision));
                let at = SignedDuration::from_secs(self.checks.len() as i64);
                self.world.hub.checked(Timestamp::UNIX_EPOCH + at, true);
            }
            Happens::Read => {
                let then = self.world.turn();
                then.into_iter().for_each(|then| self.carry_out(then));
                self.bring();
            }
            Happens::Pass(ms) => {
                self.world.now_ms += ms;
                self.world.watching.tend(self.world.now_ms);
            }
        }
    }

    fn feed(&mut self) {
        self.questions.extend(self.world.asked());
        for question in std::mem::take(&mut self.questions) {
            match question {
                Watch::Watch { .. } => {
                    self.fed = Some((self.history, self.revision));
                    let from = self.revision.saturating_sub(2).max(1);
                    let opening = opening(from, self.revision, self.lost);
                    self.world.hub.opened(0, opening);
                }
                Watch::Look { look, .. } if self.fed.is_some() => {
                    let revision = self.revision;
                    let looked = Looked { look, revision };
                    self.world.hub.looked(0, EVENT, looked);
                }
                Watch::Look { .. } => {}
                Watch::Unwatch { .. } => self.fed = None,
            }
        }
    }

    fn arrive(&mut self, since: Option<Revision>) {
        self.clients += 1;
        let client = ArrivingClient(self.clients, since);
        let now = (self.history, self.revision);
        self.waiting.insert(self.clients, now);
        if let Some(client) = self.world.arrive(client) {
            self.answered(client);
        }
    }

    fn carry_out(&mut self, then: Then<ArrivingClient>) {
        match then {
            Then::Answer(_, client) => self.answered(client),
            Then::Refuse(_, ArrivingClient(client, _), _) => {
                self.waiting.remove(&client).expect("answered once");
            }
            Then::End(..) => self.viewer = None,
            _ => {}
        }
    }

    /// Checks that a client is not answered with an older state than its own of this history, unless the database has less.
    fn answered(&mut self, ArrivingClient(client, since): ArrivingClient) {
        let (history, had) = self.waiting.remove(&client).expect("answered once");
        let Some(known) = self.world.watching.history(EVENT) else {
            // Closed in the same turn.
            return;
        };
        let back = since.is_some_and(|since| since > known.revision());
        assert!(
            !back || since > Some(had) || history != self.history,
            "{since:?} was answered with {} of {had}",
            known.revision()
        );
        self.viewer = self.fed.map(|(history, _)| (history, known.revision()));
        self.world.watching.came(EVENT);
    }

    /// Brings the viewer to the current revision, and checks that the way begins at its own.
    fn bring(&mut self) {
        let Some((_, have)) = self.viewer else { return };
        let Some(known) = self.world.watching.history(EVENT) else {
            self.viewer = None;
            return;
        };
        match known.step_from(have) {
            HistoryStep::Level => assert_eq!(have, known.revision()),
            HistoryStep::Latest(publication) => assert_eq!(publication.delta.from, have),
            HistoryStep::Merged(delta) => {
                assert!(delta.from <= have && delta.to == known.revision());
            }
            HistoryStep::Whole(_) => {}
        }
        let revision = known.revision();
        self.viewer = self.viewer.map(|(history, _)| (history, revision));
        // The claim of a beat was true at the time of its check.
        let proof = self
            .world
            .watching
            .proof(EVENT, revision)
            .expect("it is level");
        let checks = proof.at.as_second() as usize;
        if let Some(&(history, checked)) = checks.checked_sub(1).and_then(|n| self.checks.get(n))
            && self.viewer.is_some_and(|(own, _)| own == history)
        {
            assert!(
                revision >= checked,
                "{revision} is said to be all of {checked}"
            );
        }
    }
}

proptest! {
    #[test]
    fn nobody_is_answered_with_less_or_told_to_be_current_with_less(
        happens in prop::collection::vec(happens(), 1..120)
    ) {
        let mut model = Model::new();
        model.arrive(None);
        happens.into_iter().for_each(|happens| model.on(happens));
        // Without further faults all clients are answered, and the viewer is current.
        for _ in 0..8 {
            model.on(Happens::Feed);
            model.on(Happens::Read);
            model.on(Happens::Pass(1_000));
        }
        model.on(Happens::Read);
        prop_assert!(model.waiting.is_empty(), "{:?}", model.waiting);
        if let (Some((_, have)), Some(known)) = (model.viewer, model.world.watching.history(EVENT)) {
            prop_assert_eq!(have, known.revision());
        }
    }
}
