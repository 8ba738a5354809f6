//! One watched event in a shard or in the streams, from the request to the feed until some time after the last viewer has
//! left. Pure.

use std::sync::Arc;

use jiff::Timestamp;

use super::history::{History, HistoryGap};
use super::{Looked, Opening, Publication};
use crate::config::inside::REACH_PATIENCE_MS;
use crate::ticketing::Revision;
use crate::ticketing::live::EventInfo;

/// A client that wants to become a viewer of an event.
pub trait Waiter {
    /// The revision that the client says it has.
    fn since(&self) -> Option<Revision>;
    /// Whether the client may see the event.
    fn may_see(&self, event: &EventInfo) -> bool;
}

#[derive(Debug)]
pub(super) struct Watched<W> {
    /// `None` until the feed has opened it.
    history: Option<History>,
    waiting: Vec<WaitingClient<W>>,
    /// The number of joined viewers. Without any, and without waiting ones, the event may be dropped.
    pub(super) viewers: usize,
    empty_since_ms: Option<u64>,
    /// Ask the feed again: its queue was full, or it had no answer.
    pub(super) ask_again: bool,
    /// Set while it waits for a new opening after a lost message, and after one until it is proven as current as the others:
    /// no beat may claim that the state is current later than this.
    proven_at: Option<Timestamp>,
    /// Changes whenever all viewers were ended; no value is used twice, so a late leave is not counted in the next era.
    pub(super) era: u64,
}

#[derive(Debug)]
struct WaitingClient<W> {
    who: W,
    /// Set if the client is ahead and the feed was asked to look.
    reach: Option<Reach>,
}

#[derive(Debug, Clone, Copy)]
struct Reach {
    until_ms: u64,
    /// The number of the question to the feed.
    look: u64,
    /// The database's revision in the read after the question.
    read: Option<Revision>,
}

/// The outcome for a waiting client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WatchVerdict {
    Waits,
    Answer,
    /// This node is behind the client and cannot read the database.
    Later,
}

/// The effect of an opening on current viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// It brings nothing new.
    Same,
    Moved,
    /// The database lost revisions that viewers have been shown: they have to start again.
    Restarted,
}

impl<W: Waiter> Watched<W> {
    pub(super) fn new(era: u64) -> Self {
        Self {
            history: None,
            waiting: Vec::new(),
            viewers: 0,
            empty_since_ms: None,
            ask_again: false,
            proven_at: None,
            era,
        }
    }

    pub(super) fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    pub(super) fn proven_at(&self) -> Option<Timestamp> {
        self.proven_at
    }

    /// Notes that a message was lost; the state is proven current only up to `proven_at`.
    pub(super) fn doubt(&mut self, proven_at: Timestamp) {
        self.proven_at.get_or_insert(proven_at);
    }

    /// Notes that the state is proven current up to `at`. Returns whether it is as current as what was `checked` by then.
    pub(super) fn prove(&mut self, at: Timestamp, checked: Timestamp) -> bool {
        let proven_at = self.proven_at.map(|proven| proven.max(at));
        self.proven_at = proven_at.filter(|proven| *proven < checked);
        self.proven_at.is_none()
    }

    pub(super) fn open(&mut self, opening: &Opening, ring_deltas_max: usize) -> Opened {
        self.proven_at = opening.proven_at.filter(|_| !mistaken!(ProveByOthers));
        let opened = match &self.history {
            Some(known) if known.is_lost_to(opening) => Opened::Restarted,
            Some(known) if known.revision() == opening.state.revision => return Opened::Same,
            _ => Opened::Moved,
        };
        self.history = Some(History::open(opening, ring_deltas_max));
        opened
    }

    pub(super) fn publish(&mut self, publication: Arc<Publication>) -> Result<bool, HistoryGap> {
        match &mut self.history {
            Some(history) => history.publish(publication),
            None => Ok(false),
        }
    }

    /// Whether a client has a revision that has not arrived here yet: from another node, or from a REST answer. `false` for a
    /// client that may not see the event, so that it does not learn that the event exists.
    fn is_behind(&self, who: &W) -> bool {
        let Some(history) = &self.history else {
            return false;
        };
        let ahead = who.since().is_some_and(|since| since > history.revision());
        ahead && who.may_see(&history.state().event)
    }

    fn judge(&self, waiting: &WaitingClient<W>, now_ms: u64) -> WatchVerdict {
        let Some(history) = &self.history else {
            return WatchVerdict::Waits;
        };
        if !self.is_behind(&waiting.who) {
            return WatchVerdict::Answer;
        }
        match waiting.reach {
            // The database was read after the question, and the result is here: no more revisions exist.
            Some(Reach {
                read: Some(read), ..
            }) if read <= history.revision() => WatchVerdict::Answer,
            Some(reach) if reach.until_ms <= now_ms && mistaken!(AnswerBehind) => {
                WatchVerdict::Answer
            }
            Some(reach) if reach.until_ms <= now_ms => WatchVerdict::Later,
            _ => WatchVerdict::Waits,
        }
    }

    /// Admits a client, or makes it wait. `look` asks the feed to look for a revision, and returns the question's number.
    pub(super) fn arrive(
        &mut self,
        who: W,
        now_ms: u64,
        look: impl FnOnce(Revision) -> u64,
    ) -> Option<W> {
        let waiting = WaitingClient { who, reach: None };
        if self.judge(&waiting, now_ms) == WatchVerdict::Answer {
            return Some(waiting.who);
        }
        self.waiting.push(waiting);
        self.look_for_ahead(now_ms, look);
        None
    }

    /// Asks the feed for revisions that waiting clients have and this node does not: one question for all of them.
    pub(super) fn look_for_ahead(&mut self, now_ms: u64, look: impl FnOnce(Revision) -> u64) {
        let Some(history) = &self.history else {
            return;
        };
        let revision = history.revision();
        let is_new = |waiting: &&mut WaitingClient<W>| {
            waiting.reach.is_none() && waiting.who.since() > Some(revision)
        };
        let mut new: Vec<_> = self.waiting.iter_mut().filter(is_new).collect();
        let Some(most) = new.iter().filter_map(|waiting| waiting.who.since()).max() else {
            return;
        };
        let look = look(most);
        for waiting in &mut new {
            waiting.reach = Some(Reach {
                until_ms: now_ms + REACH_PATIENCE_MS,
                look,
                read: None,
            });
        }
    }

    /// Takes the feed's answer to a question; `false` if its publication has not arrived here.
    pub(super) fn looked(&mut self, looked: Looked) -> bool {
        for reach in self.waiting.iter_mut().filter_map(|w| w.reach.as_mut()) {
            if reach.look <= looked.look {
                reach.read = Some(looked.revision);
            }
        }
        let known = self.history.as_ref().map(History::revision);
        known.is_none_or(|known| known >= looked.revision)
    }

    /// The waiting clients that can be answered now, or that have waited too long.
    pub(super) fn settled(&mut self, now_ms: u64) -> Vec<(W, WatchVerdict)> {
        let (mut settled, mut waiting) = (Vec::new(), Vec::new());
        for one in std::mem::take(&mut self.waiting) {
            match self.judge(&one, now_ms) {
                WatchVerdict::Waits => waiting.push(one),
                verdict => settled.push((one.who, verdict)),
            }
        }
        self.waiting = waiting;
        settled
    }

    pub(super) fn has_overdue(&self, now_ms: u64) -> bool {
        let reach = |waiting: &WaitingClient<W>| waiting.reach;
        let mut reaches = self.waiting.iter().filter_map(reach);
        reaches.any(|reach| reach.until_ms <= now_ms)
    }

    pub(super) fn give_up_waiting(&mut self) -> Vec<W> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().map(|waiting| waiting.who).collect()
    }

    /// Whether the event has had no viewers for `grace_ms`. Call it regularly: it also notes when the last one left.
    pub(super) fn is_forgotten(&mut self, now_ms: u64, grace_ms: u64) -> bool {
        if self.viewers > 0 || !self.waiting.is_empty() {
            self.empty_since_ms = None;
            return false;
        }
        now_ms >= *self.empty_since_ms.get_or_insert(now_ms) + grace_ms
    }
}
