//! Visitors as one shard, or the streams, report them: counts and members of its own, and which events
//! somebody looks at.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::roster::ListedMember;
use super::{Owner, Presence, PresenceReport};
use crate::config::inside::WHEREABOUTS_UNSAID_MAX;
use crate::protocol::presence::Counts;
use crate::ticketing::EventId;

/// Key of a queued message; a newer message with the same key replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Watched(EventId),
    Member(Owner),
}

pub(crate) struct Whereabouts {
    shard: u32,
    task: Presence,
    /// Native viewers who named a step.
    here: HashMap<EventId, Counts>,
    /// Events whose counts have changed since they were last said.
    moved: BTreeSet<EventId>,
    /// Reports that the task had no room for, the latest of each subject; the next tick sends them. A member
    /// who came and went meanwhile is not reported at all; members wait up to [`WHEREABOUTS_UNSAID_MAX`].
    unsaid: BTreeMap<Subject, PresenceReport>,
    serial: u64,
}

/// Too many members wait to be said: somebody has to be sent away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Whereabouts {
    pub(crate) fn new(shard: u32, task: Presence) -> Self {
        Self {
            shard,
            task,
            here: HashMap::new(),
            moved: BTreeSet::new(),
            unsaid: BTreeMap::new(),
            serial: 0,
        }
    }

    /// The other nodes' people count here only where somebody sees it.
    pub(crate) fn say_watched(&mut self, event: EventId, watched: bool) {
        let subject = Subject::Watched(event);
        if let Entry::Occupied(waits) = self.unsaid.entry(subject) {
            // The opposite of what waits: the task knows it as it is now.
            waits.remove();
            return;
        }
        let shard = self.shard as usize;
        self.say(
            subject,
            PresenceReport::Watched {
                shard,
                event,
                watched,
            },
        );
    }

    /// A viewer is at another step than before, or came, or left.
    pub(crate) fn step(&mut self, event: EventId, was: Option<&Arc<str>>, is: Option<&Arc<str>>) {
        let counts = self.here.entry(event).or_default();
        if let Some(was) = was {
            counts.remove(Some(was));
        }
        if let Some(is) = is {
            counts.add(Some(is));
        }
        self.moved.insert(event);
    }

    /// Somebody who may track something.
    pub(crate) fn new_owner(&mut self) -> Owner {
        self.serial += 1;
        Owner {
            shard: self.shard,
            serial: self.serial,
        }
    }

    /// # Errors
    /// When as many wait as may: its client is to be sent away, which takes the member out again.
    pub(crate) fn track(
        &mut self,
        event: EventId,
        owner: Owner,
        member: ListedMember,
    ) -> Result<(), TooMany> {
        let said = PresenceReport::Tracked {
            event,
            owner,
            member,
        };
        self.say(Subject::Member(owner), said);
        match self.unsaid.len() > WHEREABOUTS_UNSAID_MAX {
            true => Err(TooMany),
            false => Ok(()),
        }
    }

    pub(crate) fn untrack(&mut self, event: EventId, owner: Owner) {
        self.say(
            Subject::Member(owner),
            PresenceReport::Untracked { event, owner },
        );
    }

    /// Says what changed; to be called once a tick, however much it was.
    pub(crate) fn say_changes(&mut self, steps_max: usize) {
        while let Some((subject, said)) = self.unsaid.pop_first() {
            if let Err(said) = self.task.say(said) {
                self.unsaid.insert(subject, said);
                return;
            }
        }
        for event in std::mem::take(&mut self.moved) {
            let counts = self.here.get(&event).cloned().unwrap_or_default();
            if counts.is_empty() {
                self.here.remove(&event);
            }
            // Told apart here as many as there are viewers, and to others as many as are worth it.
            let counts = counts.with_steps(steps_max);
            let shard = self.shard as usize;
            let said = PresenceReport::Counted {
                shard,
                event,
                counts,
            };
            if self.task.say(said).is_err() {
                self.moved.insert(event);
            }
        }
    }

    /// Reports that wait go first.
    fn say(&mut self, subject: Subject, said: PresenceReport) {
        if !self.unsaid.is_empty() {
            self.unsaid.insert(subject, said);
        } else if let Err(said) = self.task.say(said) {
            self.unsaid.insert(subject, said);
        }
    }
}
