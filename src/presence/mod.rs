//! WHO IS HERE. Its source is sockets, not tables.
//!
//! Shards say who came, moved on and left; one task merges what they say with what other nodes
//! say, and hands every shard a [`View`] of each
//! event when it changed. Counts are absolute and
//! leave at most once a second; the dialect's list of members is bounded and goes out as diffs.
//! A viewer has the serials of what it was last sent, so presence needs no queue either.
//!
//! - [`roster`] is one event's presence, pure: who is there, what changed since the last view.
//! - Cost: what shards say is merged by event, so a tick costs the events that changed and their
//!   viewers, however many came and went in between.

pub mod roster;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::roster::{Listed, Roster};
use crate::config::PresenceConfig;
use crate::hub::Hub;
use crate::hub::presence::View;
use crate::protocol::presence::Counts;
use crate::ticketing::EventId;

/// Who tracked something: unique on this node, for as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    pub shard: u32,
    pub serial: u64,
}

/// What a shard says.
#[derive(Debug)]
pub enum Said {
    /// How many native viewers of the event are at which step, on this shard, now.
    Counted {
        shard: usize,
        event: EventId,
        counts: Counts,
    },
    /// A member of the dialect's `registration:` channel, new or changed.
    Tracked {
        event: EventId,
        owner: Owner,
        member: Listed,
    },
    Untracked {
        event: EventId,
        owner: Owner,
    },
}

impl Said {
    fn event(&self) -> EventId {
        match self {
            Said::Counted { event, .. }
            | Said::Tracked { event, .. }
            | Said::Untracked { event, .. } => *event,
        }
    }
}

/// The shards' way to say something. Cheap to clone.
#[derive(Clone)]
pub struct Presence {
    said: mpsc::Sender<Said>,
}

impl Presence {
    /// Messages that may wait for the task.
    const SAID_MAX: usize = 65_536;

    pub fn new() -> (Presence, mpsc::Receiver<Said>) {
        let (said, heard) = mpsc::channel(Self::SAID_MAX);
        (Presence { said }, heard)
    }

    /// Says it, or gives it back when too much waits: the shard says it again at its next tick.
    ///
    /// # Errors
    /// What was to be said.
    pub fn say(&self, said: Said) -> Result<(), Said> {
        self.said.try_send(said).map_err(|error| error.into_inner())
    }
}

/// Runs until `cancel`.
pub async fn run(
    mut heard: mpsc::Receiver<Said>,
    hub: Hub,
    config: PresenceConfig,
    cancel: CancellationToken,
) {
    let mut rosters = Rosters {
        by_event: HashMap::new(),
        timers: BTreeSet::new(),
        serial: 0,
        config,
    };
    loop {
        let wake_at = rosters.next_at();
        let mut batch = Vec::new();
        tokio::select! {
            () = cancel.cancelled() => return,
            count = heard.recv_many(&mut batch, SAID_AT_ONCE_MAX) => if count == 0 { return },
            () = until(wake_at) => {}
        }
        batch.into_iter().for_each(|said| rosters.hear(said, now()));
        for view in rosters.due(now()) {
            hub.present(Arc::new(view));
        }
    }
}

/// Messages taken in before views are made.
const SAID_AT_ONCE_MAX: usize = 4_096;

struct Rosters {
    /// Events that somebody is at. Bounded by the connections' own bounds.
    by_event: HashMap<EventId, Roster>,
    /// Events that have something to show, by when they may.
    timers: BTreeSet<(Instant, EventId)>,
    /// Of all events together, so that an event which comes back does not count from the start.
    serial: u64,
    config: PresenceConfig,
}

impl Rosters {
    fn hear(&mut self, said: Said, now: Instant) {
        let event = said.event();
        let roster = self
            .by_event
            .entry(event)
            .or_insert_with(|| Roster::new(&self.config));
        match said {
            Said::Counted { shard, counts, .. } => roster.count(shard, counts),
            Said::Tracked { owner, member, .. } => roster.track(owner, member),
            Said::Untracked { owner, .. } => roster.untrack(owner),
        }
        self.timers.insert((roster.next_at().unwrap_or(now), event));
    }

    /// The views that are due.
    fn due(&mut self, now: Instant) -> Vec<View> {
        let mut views = Vec::new();
        while let Some(&(at, event)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            let Some(roster) = self.by_event.get_mut(&event) else {
                continue;
            };
            views.extend(
                roster
                    .view(now, &mut self.serial)
                    .map(|(counted, listing)| View {
                        event,
                        counted,
                        listing,
                    }),
            );
            match roster.next_at() {
                Some(at) => drop(self.timers.insert((at, event))),
                None if roster.is_over() => drop(self.by_event.remove(&event)),
                None => {}
            }
        }
        views
    }

    fn next_at(&self) -> Option<Instant> {
        self.timers.first().map(|&(at, _)| at)
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
