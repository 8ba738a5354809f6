//! One event, for all streams that show it: its topic entry, and the text of what was sent last.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::config::AvailabilityConfig;
use crate::config::inside::PREPARED_REVISIONS_MAX;
use crate::hub::presence::View;
use crate::hub::topic::{Gap, Step, TopicEntry};
use crate::hub::{NativeView, Opening, Publication};
use crate::protocol::native::{self, Response};
use crate::protocol::presence::{Counts, PRESENCE};
use crate::ticketing::Revision;
use crate::ticketing::live::{Delta, EventInfo, EventState};

pub(super) struct Place {
    /// Written by the keeper, read by each stream when it has been woken. Held while a text is made, which
    /// happens once for all who have the same revision.
    now: Mutex<Now>,
    /// Wakes the streams; carries nothing.
    moved: watch::Sender<()>,
}

struct Now {
    entry: TopicEntry,
    here: Option<Arc<View>>,
    /// Set while it waits to be opened anew, since something was lost on the way: what is here is known to be
    /// all of until then. No beat claims more.
    proven_at: Option<Timestamp>,
    /// The event's row is gone, or the database went back: whoever has its last revision ends.
    over: bool,
    /// Texts that lead to the entry's revision. Emptied whenever anything moves.
    prepared: Vec<(NativeView, Option<Revision>, Bytes)>,
    /// When the first notice of a state that was prepared ends.
    good_until: Option<Timestamp>,
}

/// What a stream was last sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) view: NativeView,
    /// `None`: nothing, it wants everything.
    pub(super) have: Option<Revision>,
    /// The serial of presence.
    pub(super) shown: u64,
}

impl Place {
    pub(super) fn new(opening: &Opening, here: Option<Arc<View>>, ring_deltas_max: usize) -> Place {
        Place {
            now: Mutex::new(Now {
                entry: TopicEntry::open(opening, ring_deltas_max),
                here,
                proven_at: None,
                over: false,
                prepared: Vec::new(),
                good_until: None,
            }),
            moved: watch::Sender::new(()),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    pub(super) fn event(&self) -> EventInfo {
        self.lock().entry.state().event.clone()
    }

    pub(super) fn revision(&self) -> Revision {
        self.lock().entry.revision()
    }

    /// Whether a stream may go on from a revision; see [`TopicEntry::resumes`].
    pub(super) fn resumes(&self, since: Revision) -> bool {
        let now = self.lock();
        since <= now.entry.revision() && now.entry.resumes(since)
    }

    /// Waits until the event has this revision, for a moment: another node may have been ahead of us.
    pub(super) async fn reach(&self, revision: Revision, patience: Duration) {
        let mut moved = self.subscribe();
        let there = async { while self.revision() < revision && moved.changed().await.is_ok() {} };
        let _ = timeout(patience, there).await;
    }

    pub(super) fn publish(&self, publication: Arc<Publication>) -> Result<(), Gap> {
        let mut now = self.lock();
        if now.entry.publish(publication)? {
            self.wake(now);
        }
        Ok(())
    }

    /// Something was lost on the way here, after this time.
    pub(super) fn doubt(&self, proven_at: Timestamp) {
        self.lock().proven_at.get_or_insert(proven_at);
    }

    /// Until when what is here is known to be all, if less far than the node knows.
    pub(super) fn proven_at(&self) -> Option<Timestamp> {
        self.lock().proven_at
    }

    /// Takes a newer opening over, as after a gap. `false` when it is older, since the database went back:
    /// what is here is not true any more, all streams end, and who comes back wants another place.
    #[must_use]
    pub(super) fn reopen(&self, opening: &Opening, ring_deltas_max: usize) -> bool {
        let mut now = self.lock();
        match now.entry.revision().cmp(&opening.state.revision) {
            // In doubt as it was: the last beats of its streams prove nothing.
            Ordering::Greater => {
                now.over = true;
                self.wake(now);
                return false;
            }
            Ordering::Equal => now.proven_at = None,
            Ordering::Less => {
                now.proven_at = None;
                now.entry = TopicEntry::open(opening, ring_deltas_max);
                self.wake(now);
            }
        }
        true
    }

    pub(super) fn present(&self, here: Arc<View>) {
        let mut now = self.lock();
        now.here = Some(here);
        self.wake(now);
    }

    pub(super) fn end(&self) {
        let mut now = self.lock();
        now.over = true;
        self.wake(now);
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// What brings a stream to now, and notes it as sent; empty when it is level.
    pub(super) fn bring(&self, sent: &mut Sent, limits: &AvailabilityConfig) -> Vec<Bytes> {
        let mut now = self.lock();
        let mut texts = Vec::new();
        if sent.have != Some(now.entry.revision()) {
            let (text, whole) = now.text(sent.view, sent.have, limits);
            texts.push(text);
            sent.have = Some(now.entry.revision());
            if whole && let Some(here) = &now.here {
                sent.shown = here.counted.serial;
            }
        }
        if let Some(here) = &now.here
            && sent.view == NativeView::Event
            && sent.shown < here.counted.serial
        {
            sent.shown = here.counted.serial;
            texts.push(text(PRESENCE, None, &here.counted.counts));
        }
        texts
    }

    /// What was prepared leads to yesterday, and must be gone before anybody can look again.
    fn wake(&self, mut now: MutexGuard<'_, Now>) {
        now.prepared.clear();
        drop(now);
        self.moved.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    /// The text, and whether it is the whole state.
    fn text(
        &mut self,
        view: NativeView,
        have: Option<Revision>,
        limits: &AvailabilityConfig,
    ) -> (Bytes, bool) {
        // Level is answered before; 0 is nobody's revision.
        let step = self.entry.step_from(have.unwrap_or(0));
        let delta = match &step {
            Step::Latest(publication) => Some(&*publication.delta),
            Step::Merged(delta) => Some(&**delta),
            Step::Level | Step::Whole(_) => None,
        }
        .filter(|delta| delta.from > 0);
        // Whoever is given everything is given the same.
        let have = delta.and(have);
        let whole = delta.is_none();
        let now = Timestamp::now();
        if self.good_until.take_if(|until| *until <= now).is_some() {
            self.prepared.clear();
        }
        let known =
            |(of, from, _): &&(NativeView, Option<Revision>, Bytes)| (*of, *from) == (view, have);
        if let Some((_, _, text)) = self.prepared.iter().find(known) {
            return (text.clone(), whole);
        }
        let state = self.entry.state();
        let text = match delta {
            Some(delta) => update(view, delta, state, limits),
            None => {
                self.good_until = state.first_end_after(now);
                snapshot(view, state, now, self.here.as_deref(), limits)
            }
        };
        if self.prepared.len() < PREPARED_REVISIONS_MAX {
            self.prepared.push((view, have, text.clone()));
        }
        (text, whole)
    }
}

fn update(
    view: NativeView,
    delta: &Delta,
    state: &EventState,
    limits: &AvailabilityConfig,
) -> Bytes {
    let id = Some(delta.to);
    match view {
        NativeView::Event | NativeView::Admin => text(
            native::UPDATE,
            id,
            &native::event_update(delta, state, limits),
        ),
        NativeView::Seats => text(native::UPDATE, id, &native::seats_update(delta, state)),
    }
}

fn snapshot(
    view: NativeView,
    state: &EventState,
    now: Timestamp,
    here: Option<&View>,
    limits: &AvailabilityConfig,
) -> Bytes {
    let nobody = Counts::default();
    let counts = here.map_or(&nobody, |here| &here.counted.counts);
    match view {
        NativeView::Event | NativeView::Admin => {
            whole(state, native::event_state(state, now, counts, limits))
        }
        NativeView::Seats => whole(state, native::seats_state(state)),
    }
}

fn whole(state: &EventState, body: impl Serialize) -> Bytes {
    let revision = state.revision;
    let response = Response {
        revision,
        resumed: false,
        state: body,
    };
    text("snapshot", Some(revision), &response)
}

/// One server-sent event. JSON as serde writes it has no line breaks of its own.
pub(super) fn text(event: &str, id: Option<Revision>, data: &impl Serialize) -> Bytes {
    let id = id.map_or(String::new(), |id| format!("id: {id}\n"));
    // Our own structs have string keys and finite numbers: they always become JSON.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {event}\n{id}data: {data}\n\n").into()
}
