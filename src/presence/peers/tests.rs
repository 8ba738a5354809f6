#![allow(clippy::unwrap_used)]

use super::*;

const EVENT: EventId = EventId(42);

/// A node with its rosters and a clock, whose database is the test.
struct PeersUnderTest {
    peers: Peers,
    rosters: PeerRosters,
    now: Instant,
}

impl PeersUnderTest {
    fn new() -> PeersUnderTest {
        let config = crate::config::Config::default().presence;
        let now = Instant::now();
        PeersUnderTest {
            peers: Peers::new(Uuid::from_u128(1), &config, now),
            rosters: HashMap::from([(EVENT, Roster::new(&config))]),
            now,
        }
    }

    /// Beside another node, whose counts have all been read.
    fn in_company() -> PeersUnderTest {
        let mut node = PeersUnderTest::new();
        node.watches();
        node.renews(false, &[2]);
        assert_eq!(node.query(), Some(PeerQuery::Read(vec![EVENT])));
        node.answered(PeerAnswer::Read(Vec::new()));
        node
    }

    fn roster(&mut self) -> &mut Roster {
        self.rosters.get_mut(&EVENT).unwrap()
    }

    fn watches(&mut self) {
        self.roster().watch(0, true);
        self.peers.wanted(EVENT);
    }

    fn count(&mut self, total: u64) {
        self.roster().count(0, counts(total));
        self.peers.moved(EVENT);
    }

    fn query(&mut self) -> Option<PeerQuery> {
        self.peers.query(&self.rosters, self.now)
    }

    fn answered(&mut self, answer: PeerAnswer) -> Vec<(EventId, Counts)> {
        self.peers.answered(answer, &self.rosters, self.now)
    }

    fn renews(&mut self, is_new: bool, others: &[u128]) {
        assert_eq!(self.query(), Some(PeerQuery::Renew));
        let others = others.iter().map(|&node| Uuid::from_u128(node)).collect();
        self.answered(PeerAnswer::Renewed(NodeLease { is_new, others }));
    }

    fn publishes(&mut self, total: Option<u64>) {
        let wanted = PeerQuery::Publish(vec![(EVENT, total.map(counts))]);
        assert_eq!(self.query(), Some(wanted));
        self.answered(PeerAnswer::Published);
    }

    fn answers_reads(&mut self) {
        while let Some(PeerQuery::Read(_)) = self.query() {
            self.answered(PeerAnswer::Read(Vec::new()));
        }
    }

    /// To the next renewal, which is due in any case.
    fn wait(&mut self) {
        self.now += self.peers.lease() / RENEWALS_PER_LEASE;
    }

    fn rings(&mut self, node: u128, events: &[EventId]) {
        let (node, events) = (Uuid::from_u128(node), events.to_vec());
        let ring = PresenceRing { node, events };
        self.peers.rang(&ring, &self.rosters, self.now);
    }
}

fn counts(total: u64) -> Counts {
    Counts {
        total,
        ..Counts::default()
    }
}

#[test]
fn a_node_that_is_alone_renews_its_lease_and_nothing_else() {
    let mut node = PeersUnderTest::new();
    node.watches();
    node.count(3);
    node.renews(true, &[]);
    assert_eq!(node.query(), None);
    assert_eq!(
        node.peers.next_at(),
        Some(node.now + Duration::from_secs(1))
    );
    node.wait();
    node.renews(false, &[]);
    assert_eq!(node.query(), None);
    // It is no longer alone, so it stores all its counts.
    node.wait();
    node.renews(false, &[2]);
    node.publishes(Some(3));
}

#[test]
fn what_moved_is_published_once_an_interval_and_only_when_it_differs() {
    let mut node = PeersUnderTest::in_company();
    node.count(1);
    node.publishes(Some(1));
    node.count(2);
    assert_eq!(node.query(), None);
    assert_eq!(
        node.peers.next_at(),
        Some(node.now + Duration::from_secs(1))
    );
    node.wait();
    node.renews(false, &[2]);
    node.publishes(Some(2));
    node.wait();
    node.renews(false, &[2]);
    node.count(5);
    node.count(2);
    assert_eq!(node.query(), None);
    // The last visitor leaves; the roster may be gone already.
    node.rosters.clear();
    node.peers.moved(EVENT);
    node.publishes(None);
}

#[test]
fn others_are_read_when_they_ring_for_what_is_wanted_here() {
    let mut node = PeersUnderTest::in_company();
    node.rings(2, &[EventId(7), EVENT, EventId(8)]);
    assert_eq!(node.query(), Some(PeerQuery::Read(vec![EVENT])));
    let rows = vec![(EVENT, counts(1)), (EVENT, counts(2))];
    assert_eq!(node.answered(PeerAnswer::Read(rows)), [(EVENT, counts(3))]);
    node.rings(2, &[EventId(7)]);
    node.rings(1, &[EVENT]);
    assert_eq!(node.query(), None);
}

#[test]
fn a_node_that_comes_or_goes_is_noticed_and_its_people_with_it() {
    let mut node = PeersUnderTest::in_company();
    node.rings(2, &[]);
    node.renews(false, &[]);
    assert_eq!(node.query(), Some(PeerQuery::Read(vec![EVENT])));
    // A node without a row has no visitors.
    assert_eq!(
        node.answered(PeerAnswer::Read(Vec::new())),
        [(EVENT, counts(0))]
    );
}

#[test]
fn a_lost_ring_costs_a_lease_at_most() {
    let mut node = PeersUnderTest::in_company();
    for _ in 0..RENEWALS_PER_LEASE - 1 {
        node.wait();
        node.renews(false, &[2]);
        assert_eq!(node.query(), None);
    }
    node.wait();
    node.renews(false, &[2]);
    assert_eq!(node.query(), Some(PeerQuery::Read(vec![EVENT])));
}

#[test]
fn a_lost_lease_is_taken_anew_and_everything_said_again() {
    let mut node = PeersUnderTest::in_company();
    node.count(1);
    node.publishes(Some(1));
    node.wait();
    node.renews(true, &[2]);
    node.publishes(Some(1));
}

#[test]
fn what_failed_is_done_again_after_a_pause() {
    let mut node = PeersUnderTest::in_company();
    node.count(1);
    assert!(matches!(node.query(), Some(PeerQuery::Publish(_))));
    node.answered(PeerAnswer::Failed);
    assert_eq!(node.query(), None);
    node.now = node.peers.next_at().unwrap();
    node.renews(false, &[2]);
    node.now += Duration::from_secs(1);
    node.renews(false, &[2]);
    node.publishes(Some(1));
}

#[test]
fn that_the_last_one_left_is_said_again_when_saying_so_failed() {
    let mut node = PeersUnderTest::in_company();
    node.count(1);
    node.publishes(Some(1));
    node.count(0);
    node.wait();
    node.renews(false, &[2]);
    assert_eq!(node.query(), Some(PeerQuery::Publish(vec![(EVENT, None)])));
    node.answered(PeerAnswer::Failed);
    node.wait();
    node.renews(false, &[2]);
    node.publishes(None);
    // That one was stored: nothing is left to store.
    node.peers.moved(EVENT);
    node.wait();
    node.renews(false, &[2]);
    assert_eq!(node.query(), None);
}

#[test]
fn who_left_while_a_node_was_alone_is_gone_when_others_come_back() {
    let mut node = PeersUnderTest::in_company();
    node.count(1);
    node.publishes(Some(1));
    node.wait();
    node.renews(false, &[]);
    node.answers_reads();
    node.count(0);
    node.rosters.clear();
    node.wait();
    node.renews(false, &[3]);
    node.publishes(None);
}

#[test]
fn a_publication_that_is_refused_is_halved_until_the_bad_event_is_alone() {
    let mut node = PeersUnderTest::in_company();
    let config = crate::config::Config::default().presence;
    for event in 1..=8 {
        let mut roster = Roster::new(&config);
        roster.count(0, counts(1));
        node.rosters.insert(EventId(event), roster);
        node.peers.moved(EventId(event));
    }
    let (mut told, mut queries) = (BTreeSet::new(), 0);
    while let Some(query) = node.query() {
        let PeerQuery::Publish(said) = query else {
            panic!("{query:?}");
        };
        queries += 1;
        if said.iter().any(|(event, _)| *event == EventId(5)) {
            node.answered(PeerAnswer::Refused);
        } else {
            told.extend(said.iter().map(|(event, _)| *event));
            node.answered(PeerAnswer::Published);
        }
    }
    assert_eq!(told, BTreeSet::from([1, 2, 3, 4, 6, 7, 8].map(EventId)));
    assert_eq!(queries, 7, "no more than its halves");
    // It is tried again when it changes.
    node.peers.moved(EventId(5));
    node.wait();
    node.renews(false, &[2]);
    assert_eq!(
        node.query(),
        Some(PeerQuery::Publish(vec![(EventId(5), Some(counts(1)))]))
    );
}
