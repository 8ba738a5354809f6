//! Everything that one shard watches: the one machine of a live event, for all roads. WebSocket viewers of
//! native topics and of the dialect go through it in each shard, server-sent events in the streams' task,
//! and the simulation runs both.
//!
//! Pure: messages of the hub, arrivals and time go in; what the owner is to do comes out, in order
//! ([`Watching::take_next`]). What its viewers have is the owner's to keep, a revision for each; the machine says
//! what leads from there to now ([`History::step_from`]), what may be claimed of it ([`Watching::proof`]), and
//! whether a client that comes back may go on from what it has.
//!
//! The rules that every road has from here:
//! - one load, however many arrive; viewers of an event come after its opening or its gap is bridged;
//! - a client that is ahead of the node waits until the feed has looked. It is answered with less than it has
//!   only after the database was really read and does not have it; a node that cannot read says «later»;
//! - where the database lost history, viewers start anew and resume nothing of it;
//! - a beat proves nothing of a viewer that has not been brought to now.
//!
//! A topic that is not an event's (`user:`, `admin:`) has its own state beside this, and the same delivery: its
//! subscription keeps a position, and whenever its socket has taken everything, the shard's `bring` asks
//! what leads from there to now. A new kind of topic adds a line there, and nothing here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tracing::Span;

use super::history::History;
use super::mailbox::Asker;
use super::presence::View;
use super::watched::{Opened, Verdict, Waiter, Watched};
use super::{News, NotOpened, Opening, Publication, Watch};
use crate::metrics;
use crate::protocol::native::Checked;
use crate::ticketing::{EventId, Revision};

/// To be done by the owner.
#[derive(Debug)]
pub enum Then<W> {
    /// Somebody here watches the event now, or nobody does any more: presence wants to know.
    Watched(EventId, bool),
    /// Make it a viewer, and say to [`Watching::came`] that it is one.
    Answer(EventId, W),
    Refuse(EventId, W, NotOpened),
    /// Bring the viewers to now; with the span of the publication that moved it.
    Moved(EventId, Option<Arc<Publication>>, Span),
    /// Who is at the event has changed.
    Present(EventId),
    /// Send all viewers away, or to join anew. Where the event is gone, they are to be brought to now first: its end
    /// is the last that they are told.
    End(EventId, NotOpened),
    /// The node lost its database, or has it back: beat at once.
    Turned,
}

/// Bounds, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub ring_deltas_max: usize,
    /// How long an event is kept after its last viewer.
    pub grace_ms: u64,
    /// Where gaps are counted.
    pub road: &'static str,
}

#[derive(Debug)]
pub struct Watching<W> {
    asker: Asker,
    bounds: Bounds,
    /// In order, so that a simulated schedule can be replayed.
    events: BTreeMap<EventId, Watched<W>>,
    /// Every event that somebody is at, as last shown.
    views: HashMap<EventId, Arc<View>>,
    /// What the node knows of its database.
    checked: Checked,
    /// The same as the mail has it: believed when all is known that was lost before it was said.
    said: Option<Checked>,
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
            looks: 0,
            eras: 0,
            then: VecDeque::new(),
        }
    }

    // --- what is known

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// `None` until the event is open.
    pub fn history(&self, event: EventId) -> Option<&History> {
        self.events.get(&event)?.history()
    }

    /// Another one after each time that the event's viewers were ended; `None` when nobody watches it.
    pub fn era(&self, event: EventId) -> Option<u64> {
        Some(self.events.get(&event)?.era)
    }

    pub fn here(&self, event: EventId) -> Option<&Arc<View>> {
        self.views.get(&event)
    }

    pub fn checked(&self) -> Checked {
        self.checked
    }

    /// What a beat may claim of a viewer that has been sent everything up to `have`. `None` of one that lacks
    /// something: it is to be brought to now first.
    pub fn proof(&self, event: EventId, have: Revision) -> Option<Checked> {
        let watched = self.events.get(&event)?;
        if watched.history()?.revision() > have && !mistaken!(BeatBeforeFrames) {
            return None;
        }
        // What waits to be opened anew may lack something.
        let at = self.checked.at;
        let at = watched.proven_at().map_or(at, |proven| proven.min(at));
        Some(Checked { at, ..self.checked })
    }

    // --- viewers

    /// Somebody wants to watch. Given back when it can be answered at once; else it is said later what
    /// becomes of it.
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

    /// Somebody is a viewer of the event now; in which era, [`Watching::left`] is to be told.
    pub fn came(&mut self, event: EventId) -> u64 {
        let Some(watched) = self.events.get_mut(&event) else {
            return 0;
        };
        watched.viewers += 1;
        watched.era
    }

    /// The era is over with the first word of [`Then::End`]; its viewers are counted no more.
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

    /// The mailbox is empty; `lost`: it had been full, and messages were dropped.
    pub fn mail_is_read(&mut self, lost: bool) {
        if lost {
            tracing::warn!(
                road = self.bounds.road,
                "mailbox overflow: all events are opened anew"
            );
            let events: Vec<_> = self.events.keys().copied().collect();
            events.into_iter().for_each(|event| self.open_anew(event));
        }
        if let Some(said) = self.said.take() {
            let turned = self.checked.database_up != said.database_up;
            self.checked = Checked {
                at: self.checked.at.max(said.at),
                ..said
            };
            if turned {
                self.then.push_back(Then::Turned);
            }
        }
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
        if opened == Opened::Same {
            return;
        }
        self.then.push_back(Then::Moved(event, None, Span::none()));
        if opened == Opened::Restarted && !forgets {
            // The mailbox was too full for the word of it.
            self.end(event, NotOpened::Unavailable);
        }
        self.settle(event, now_ms);
        if let Some(watched) = self.events.get_mut(&event) {
            watched.look_for_ahead(now_ms, look(&mut self.looks, &self.asker, event));
        }
    }

    /// The event is not there (any more), or cannot be loaded now: everybody who waits for it or watches it
    /// is told. `over`: the feed lets go of it, and so do its viewers.
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
            // Whoever joins next asks anew; the feed has forgotten it, too.
            self.forget(event);
        } else {
            // It was to be opened anew, after a gap: ask until it is.
            watched.ask_again = true;
            watched.doubt(self.checked.at);
        }
    }

    /// A mistake of one road.
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

    /// Forgets what nobody has watched for a while; asks again where the feed was too busy. To be called
    /// about once a second.
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

    /// Sees to those who waited long enough for a revision that does not come.
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

    /// What the owner is to do next.
    pub fn take_next(&mut self) -> Option<Then<W>> {
        let then = self.then.pop_front();
        if let Some(Then::Watched(event, false)) = then {
            // Not before its viewers have been told the last of it.
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
                Verdict::Later => Then::Refuse(event, who, NotOpened::Behind),
                _ => Then::Answer(event, who),
            });
        }
    }

    fn lost_one(&mut self, event: EventId) {
        metrics::GAPS.one(self.bounds.road);
        tracing::debug!(event, "a publication was lost on its way: opening anew");
        self.open_anew(event);
    }

    /// Something was lost on the way here: asks for a new opening.
    fn open_anew(&mut self, event: EventId) {
        if let Some(watched) = self.events.get_mut(&event) {
            watched.doubt(self.checked.at);
        }
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

/// Asks the feed to look for a revision of an event. A feed that is too busy to be asked says nothing, and
/// who waits for it is told to come later.
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
