//! State machine of all events that one shard watches. Each shard has one for its WebSocket viewers (native topics and the
//! Supabase dialect), the streams' task has one for server-sent events, and the simulation runs both.
//!
//! Pure: messages of the hub, arriving clients and time go in; actions for the owner come out, in order
//! ([`Watching::take_next`]). The owner keeps each viewer's revision. The machine knows the way from there to the current
//! one ([`History::step_from`]), the time up to which a viewer is proven current ([`Watching::proof`]), and whether a
//! client that comes back may resume.
//!
//! Its rules:
//! - An event is loaded once, however many clients arrive. They become viewers after it is open, or after its gap is
//!   bridged.
//! - A client that is ahead of the node waits until the feed has looked. It is answered with an older state only if the
//!   database was really read and does not have its revision; a node that cannot read answers «later».
//! - Where the database lost history, viewers start again and never resume from lost revisions.
//! - A beat proves nothing for a viewer that has not been brought to the current revision, and of an event that was loaded
//!   no more than the load does, until the log was read.
//!
//! Private topics (`user:`, `admin:`) keep their own state, but are delivered in the same way: a subscription has a
//! position, and whenever its socket has taken everything, `socket/bring.rs` asks for the way from there to the newest
//! state. A new kind of topic adds a line there, and nothing here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;

use tracing::Span;

use super::history::History;
use super::mailbox::Asker;
use super::presence::PresenceView;
use super::watched::{Opened, Waiter, WatchVerdict, Watched};
use super::{News, NotOpened, Opening, Publication, Watch};
use crate::metrics;
use crate::protocol::native::Checked;
use crate::ticketing::{EventId, Revision};

/// An action for the owner.
#[derive(Debug)]
pub enum Then<W> {
    /// Tell presence whether the event has viewers here.
    Watched(EventId, bool),
    /// Answer the client and make it a viewer; then call [`Watching::came`].
    Answer(EventId, W),
    Refuse(EventId, W, NotOpened),
    /// Bring the viewers to the current revision; with the publication that changed it, and its span.
    Moved(EventId, Option<Arc<Publication>>, Span),
    /// Send the event's new presence.
    Present(EventId),
    /// End all viewers, for good or so that they join again. If the event is deleted, bring them to the current revision first,
    /// so that they are told of its end.
    End(EventId, NotOpened),
    /// The node lost its database or has it back: beat at once.
    Turned,
}

/// Bounds, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub ring_deltas_max: usize,
    /// How long an event is kept after its last viewer.
    pub grace_ms: u64,
    /// The label under which gaps are counted.
    pub road: &'static str,
}

#[derive(Debug)]
pub struct Watching<W> {
    asker: Asker,
    bounds: Bounds,
    /// Ordered, so that a simulated schedule can be replayed.
    events: BTreeMap<EventId, Watched<W>>,
    /// The latest view of every event with visitors.
    views: HashMap<EventId, Arc<PresenceView>>,
    /// How recently the node heard from its database.
    checked: Checked,
    /// The newest [`Checked`] in the mail; believed once the mail is read and messages lost before it have been noticed.
    said: Option<Checked>,
    /// Events that were opened and are not proven as current as the others yet, and whether that was since the mail was read
    /// last: what waits in [`Watching::said`] may be older.
    opened: BTreeMap<EventId, bool>,
    looks: u64,
    eras: u64,
    then: VecDeque<Then<W>>,
}

impl<W: Waiter> Watching<W> {
    pub fn new(asker: Asker, bounds: Bounds, checked: Checked) -> Self {
        Self {
            asker,
            bounds,
            events: BTreeMap::new(),
            views: HashMap::new(),
            checked,
            said: None,
            opened: BTreeMap::new(),
            looks: 0,
            eras: 0,
            then: VecDeque::new(),
        }
    }

    // --- queries

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// `None` until the event is open.
    pub fn history(&self, event: EventId) -> Option<&History> {
        self.events.get(&event)?.history()
    }

    /// A number that changes whenever the event's viewers were ended; `None` if it is not watched.
    pub fn era(&self, event: EventId) -> Option<u64> {
        Some(self.events.get(&event)?.era)
    }

    pub fn here(&self, event: EventId) -> Option<&Arc<PresenceView>> {
        self.views.get(&event)
    }

    pub fn checked(&self) -> Checked {
        self.checked
    }

    /// The freshness that a beat may claim for a viewer at revision `have`; `None` for one that lags, which has to be brought to
    /// the current revision first.
    pub fn proof(&self, event: EventId, have: Revision) -> Option<Checked> {
        let watched = self.events.get(&event)?;
        if watched.history()?.revision() > have && !mistaken!(BeatBeforeFrames) {
            return None;
        }
        // An event that waits for a new opening may lack changes.
        let at = self.checked.at;
        let at = watched.proven_at().map_or(at, |proven| proven.min(at));
        Some(Checked { at, ..self.checked })
    }

    // --- viewers

    /// A client wants to watch an event. Returns it if it can be answered at once; otherwise an action comes later.
    pub fn arrive(&mut self, event: EventId, who: W, now_ms: u64) -> Option<W> {
        if !self.events.contains_key(&event) {
            self.eras += 1;
            self.events.insert(event, Watched::new(self.eras));
            self.then.push_back(Then::Watched(event, true));
            self.watch(event);
        }
        let look = look(&mut self.looks, &self.asker, event);
        self.events.get_mut(&event)?.arrive(who, now_ms, look)
    }

    /// A client became a viewer of the event. Returns the era, which [`Watching::left`] needs.
    pub fn came(&mut self, event: EventId) -> u64 {
        let Some(watched) = self.events.get_mut(&event) else {
            return 0;
        };
        watched.viewers += 1;
        watched.era
    }

    /// A viewer of this era has left. After [`Then::End`] the era is over, and its viewers no longer count.
    pub fn left(&mut self, event: EventId, era: u64) {
        let watched = self.events.get_mut(&event);
        if let Some(watched) = watched.filter(|watched| watched.era == era) {
            watched.viewers = watched.viewers.saturating_sub(1);
        }
    }

    // --- mail

    pub fn on(&mut self, news: News, now_ms: u64) {
        match news {
            News::Published(publication, span) => self.on_publication(publication, span, now_ms),
            News::Opened(opening) => self.on_opened(&opening, now_ms),
            News::NotOpened { event, why } => {
                self.on_not_opened(event, why, why == NotOpened::NoSuchEvent);
            }
            News::Closed { event, why } => {
                let forgets = why == NotOpened::Unavailable && self.forgets_lost();
                self.on_not_opened(event, why, !forgets);
            }
            News::Looked { event, looked } => {
                let watched = self.events.get_mut(&event);
                if watched.is_some_and(|watched| !watched.looked(looked)) {
                    self.lost_one(event);
                }
                self.settle(event, now_ms);
            }
            News::Present(view) => {
                let event = view.event;
                self.views.insert(event, view);
                if self.events.contains_key(&event) {
                    self.then.push_back(Then::Present(event));
                }
            }
            News::Checked(checked) => self.said = Some(checked),
        }
    }

    /// The mailbox is empty. `lost`: it was full before, and messages were dropped.
    pub fn mail_is_read(&mut self, lost: bool) {
        if lost {
            tracing::warn!(
                road = self.bounds.road,
                "mailbox overflow: all events are opened anew"
            );
            let events: Vec<_> = self.events.keys().copied().collect();
            events.into_iter().for_each(|event| self.open_anew(event));
        }
        let said = self.said.take();
        if let Some(said) = said {
            let turned = self.checked.database_up != said.database_up;
            self.checked = Checked {
                at: self.checked.at.max(said.at),
                ..said
            };
            if turned {
                self.then.push_back(Then::Turned);
            }
        }
        let (events, checked) = (&mut self.events, self.checked.at);
        self.opened.retain(|event, is_new| {
            let Some(watched) = events.get_mut(event) else {
                return false;
            };
            let was_new = mem::take(is_new);
            // An outage repeats the time of before.
            let proof = said.filter(|said| said.database_up && !was_new);
            !proof.is_some_and(|said| watched.prove(said.at, checked))
        });
    }

    fn on_publication(&mut self, publication: Arc<Publication>, span: Span, now_ms: u64) {
        let event = publication.event;
        let Some(watched) = self.events.get_mut(&event) else {
            return;
        };
        match watched.publish(publication.clone()) {
            Ok(true) => {
                let moved = Then::Moved(event, Some(publication), span);
                self.then.push_back(moved);
                self.settle(event, now_ms);
            }
            Ok(false) => {}
            Err(_) => self.lost_one(event),
        }
    }

    fn on_opened(&mut self, opening: &Opening, now_ms: u64) {
        let (event, forgets) = (opening.event, self.forgets_lost());
        let Some(watched) = self.events.get_mut(&event) else {
            return;
        };
        let opened = watched.open(opening, self.bounds.ring_deltas_max);
        match watched.proven_at() {
            Some(_) => drop(self.opened.insert(event, true)),
            None => drop(self.opened.remove(&event)),
        }
        if opened == Opened::Same {
            return;
        }
        self.then.push_back(Then::Moved(event, None, Span::none()));
        if opened == Opened::Restarted && !forgets {
            // The feed closed it, but a full mailbox lost that message.
            self.end(event, NotOpened::Unavailable);
        }
        self.settle(event, now_ms);
        if let Some(watched) = self.events.get_mut(&event) {
            watched.look_for_ahead(now_ms, look(&mut self.looks, &self.asker, event));
        }
    }

    /// The event does not exist (any more), or cannot be loaded now: waiting clients and viewers are told. `over`: the feed no
    /// longer watches it, and its viewers are ended.
    fn on_not_opened(&mut self, event: EventId, why: NotOpened, over: bool) {
        let Some(watched) = self.events.get_mut(&event) else {
            return;
        };
        for who in watched.give_up_waiting() {
            self.then.push_back(Then::Refuse(event, who, why));
        }
        if over || watched.history().is_none() {
            if over {
                self.end(event, why);
            }
            // The next join asks again; the feed has dropped it, too.
            self.forget(event);
        } else {
            // The event waits for a new opening after a gap: keep asking.
            watched.ask_again = true;
            watched.doubt(self.checked.at);
            self.opened.remove(&event);
        }
    }

    /// A planted mistake of one transport.
    fn forgets_lost(&self) -> bool {
        self.bounds.road == "streams" && mistaken!(ForgetLostOnStreams)
    }

    fn end(&mut self, event: EventId, why: NotOpened) {
        self.eras += 1;
        if let Some(watched) = self.events.get_mut(&event) {
            (watched.era, watched.viewers) = (self.eras, 0);
        }
        self.then.push_back(Then::End(event, why));
    }

    // --- time

    /// Drops events without viewers after a while, and repeats requests for which the feed was too busy. Call it about once a
    /// second.
    pub fn tend(&mut self, now_ms: u64) {
        let (mut again, mut forgotten) = (Vec::new(), Vec::new());
        for (&event, watched) in &mut self.events {
            if watched.is_forgotten(now_ms, self.bounds.grace_ms) {
                forgotten.push(event);
            } else if watched.ask_again {
                again.push(event);
            }
        }
        again.into_iter().for_each(|event| self.watch(event));
        for event in forgotten {
            let shard = self.asker.shard;
            if self.asker.ask(Watch::Unwatch { event, shard }) {
                self.forget(event);
            }
        }
        let events = &self.events;
        self.views
            .retain(|event, view| !view.is_empty() || events.contains_key(event));
    }

    /// Answers clients that have waited too long for a revision that does not come.
    pub fn answer_overdue(&mut self, now_ms: u64) {
        let overdue = |(_, watched): &(&EventId, &Watched<W>)| watched.has_overdue(now_ms);
        let overdue: Vec<_> = self
            .events
            .iter()
            .filter(overdue)
            .map(|(&e, _)| e)
            .collect();
        overdue
            .into_iter()
            .for_each(|event| self.settle(event, now_ms));
    }

    /// The next action for the owner.
    pub fn take_next(&mut self) -> Option<Then<W>> {
        let then = self.then.pop_front();
        if let Some(Then::Watched(event, false)) = then {
            // Removed only now: its viewers had to be sent its last change first.
            self.events.remove(&event);
        }
        then
    }

    // --- inside

    fn settle(&mut self, event: EventId, now_ms: u64) {
        let Some(watched) = self.events.get_mut(&event) else {
            return;
        };
        for (who, verdict) in watched.settled(now_ms) {
            self.then.push_back(match verdict {
                WatchVerdict::Later => Then::Refuse(event, who, NotOpened::Behind),
                _ => Then::Answer(event, who),
            });
        }
    }

    fn lost_one(&mut self, event: EventId) {
        metrics::GAPS.one(self.bounds.road);
        tracing::debug!(
            event = event.0,
            "a publication was lost on its way: opening anew"
        );
        self.open_anew(event);
    }

    /// A message was lost: asks for a new opening.
    fn open_anew(&mut self, event: EventId) {
        if let Some(watched) = self.events.get_mut(&event) {
            watched.doubt(self.checked.at);
        }
        self.opened.remove(&event);
        self.watch(event);
    }

    fn watch(&mut self, event: EventId) {
        let shard = self.asker.shard;
        let asked = self.asker.ask(Watch::Watch { event, shard });
        if let Some(watched) = self.events.get_mut(&event) {
            watched.ask_again = !asked;
        }
    }

    fn forget(&mut self, event: EventId) {
        self.then.push_back(Then::Watched(event, false));
    }
}

/// Asks the feed to look for a revision of an event. If the feed is too busy, there is no answer, and waiting clients are
/// told to come later.
fn look<'a>(
    looks: &'a mut u64,
    asker: &'a Asker,
    event: EventId,
) -> impl FnOnce(Revision) -> u64 + 'a {
    move |revision| {
        *looks += 1;
        let (look, shard) = (*looks, asker.shard);
        asker.ask(Watch::Look {
            event,
            revision,
            shard,
            look,
        });
        look
    }
}

#[cfg(test)]
mod tests;
