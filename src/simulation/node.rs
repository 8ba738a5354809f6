//! A node: feed, hub, shards, streams and presence, put together as `run.rs` does, without tasks and threads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::Ground;
use crate::board::Board;
use crate::config::Config;
use crate::feed::cause::FeedCause;
use crate::feed::publisher::{FeedQuery, Moment, Outputs, Publisher};
use crate::hub::private::{self as asking, PrivateTopics, TopicRequest};
use crate::hub::{Hub, Watch};
use crate::nats::Interest;
use crate::presence::peers::{self, Peers};
use crate::presence::rosters::Rosters;
use crate::presence::showing::Showing;
use crate::presence::{Presence, PresenceReport};
use crate::private::planner::TopicPlanner;
use crate::socket::held::HeldShard;
use crate::sse::shown::ShownEvents;
use crate::store::doorbell::HistoryPlace;
use crate::store::presence::PresenceRing;
use crate::ticketing::EventId;

/// How often the streams check their timers.
const STREAMS_TICK: Duration = Duration::from_millis(50);

pub(super) struct Node {
    pub(super) publisher: Publisher,
    pub(super) shards: Vec<HeldShard>,
    /// Whether the doorbell is connected, and whether the bus brings changes.
    pub(super) listening: bool,
    pub(super) carried: bool,
    /// The planned times of the next wake-up and of the shards' next turns.
    pub(super) wakes_at_ms: Option<u64>,
    pub(super) turns_at_ms: Vec<Option<u64>>,
    pub(super) stunned_until_ms: Vec<u64>,
    pub(super) presence_at_ms: Option<u64>,
    pub(super) private: TopicPlanner,
    pub(super) private_at_ms: Option<u64>,
    pub(super) hub: Hub,
    /// Events of which the node noticed that the database went back.
    pub(super) missed: BTreeSet<EventId>,
    /// The place of the log that it was told last.
    pub(super) place: Option<HistoryPlace>,
    /// Arrival of the shards' latest question: questions arrive in the order of asking.
    pub(super) last_watch_ms: u64,
    pub(super) id: Uuid,
    rosters: Rosters,
    peers: Peers,
    showing: Showing,
    pub(super) streams: Arc<ShownEvents>,
    /// Whether this node cannot reach the database, which others may reach.
    pub(super) cut: bool,
    watches: mpsc::Receiver<Watch>,
    said: mpsc::Receiver<PresenceReport>,
    asked_in_private: mpsc::Receiver<asking::TopicReport>,
}

impl Node {
    pub(super) fn new(
        number: usize,
        shards: usize,
        mail_max: usize,
        config: &Config,
        ground: &Ground,
        start: Moment,
    ) -> Self {
        let (hub, mailboxes, watches) = Hub::with_room(shards, mail_max);
        let (presence, said) = Presence::new();
        let (topics, asked_in_private) = PrivateTopics::new();
        let outputs = Outputs {
            hub: hub.clone(),
            board: Board::default(),
            interest: Interest::default(),
        };
        let streams = ShownEvents::new(config, presence.clone(), mailboxes.streams);
        let shard = |mailbox| {
            let (auth, presence) = (ground.auth.clone(), presence.clone());
            HeldShard::new(config, auth, presence, topics.clone(), mailbox)
        };
        let id = Uuid::from_u128(number as u128 + 1);
        Self {
            publisher: Publisher::new(config.feed.clone(), outputs, start),
            shards: mailboxes.shards.into_iter().map(shard).collect(),
            listening: false,
            carried: false,
            wakes_at_ms: None,
            turns_at_ms: vec![None; shards + 1],
            stunned_until_ms: vec![0; shards + 1],
            presence_at_ms: None,
            private: TopicPlanner::new(config.private.clone(), &config.feed, start.now),
            private_at_ms: None,
            hub: hub.clone(),
            missed: BTreeSet::new(),
            place: None,
            last_watch_ms: 0,
            id,
            rosters: Rosters::new(config.presence.clone()),
            peers: Peers::new(id, &config.presence, start.now),
            showing: Showing::new(hub),
            streams: Arc::new(streams),
            cut: false,
            watches,
            said,
            asked_in_private,
        }
    }

    pub(super) fn on(&mut self, cause: FeedCause, moment: Moment) -> Vec<FeedQuery> {
        self.publisher.on(cause, moment)
    }

    /// Whether the event is in memory here, or being loaded.
    pub(super) fn watches(&self, event: EventId) -> bool {
        self.publisher.watches(event)
    }

    /// Runs one turn of a shard, or of the streams. Returns the time to its next turn, if nothing comes before.
    pub(super) fn turn(&mut self, shard: usize, now_ms: u64) -> Duration {
        match self.shards.get_mut(shard) {
            Some(shard) => shard.turn(now_ms),
            None => {
                self.streams.turn(now_ms);
                STREAMS_TICK
            }
        }
    }

    /// The shards' requests to the feed.
    pub(super) fn asked(&mut self) -> Vec<Watch> {
        std::iter::from_fn(|| self.watches.try_recv().ok()).collect()
    }

    /// The shards' requests for private topics.
    pub(super) fn wishes(&mut self) -> Vec<TopicRequest> {
        let said = std::iter::from_fn(|| self.asked_in_private.try_recv().ok());
        said.filter_map(|said| match said {
            asking::TopicReport::Wish(wish) => Some(wish),
            asking::TopicReport::Joined(..) => None,
        })
        .collect()
    }

    /// Runs a turn of presence: takes in the shards' reports, and sends the views that are due.
    pub(super) fn presence(&mut self, now: Instant) -> Option<peers::PeerQuery> {
        while let Ok(said) = self.said.try_recv() {
            self.rosters.hear(said, &mut self.peers, now);
        }
        for view in self.rosters.due(now) {
            self.showing.show(view, now);
        }
        self.showing.show_missed(now);
        self.peers.query(self.rosters.all(), now)
    }

    pub(super) fn presence_at(&self) -> Option<Instant> {
        let (rosters, peers) = (self.rosters.next_at(), self.peers.next_at());
        let due = [rosters, peers, self.showing.next_at()];
        due.into_iter().flatten().min()
    }

    pub(super) fn presence_rang(&mut self, ring: &PresenceRing, now: Instant) {
        self.peers.rang(ring, self.rosters.all(), now);
    }

    pub(super) fn presence_answered(&mut self, answer: peers::PeerAnswer, now: Instant) {
        let elsewhere = self.peers.answered(answer, self.rosters.all(), now);
        self.rosters.count_elsewhere(elsewhere, now);
    }
}
