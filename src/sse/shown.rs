//! The hub's machine behind a lock, and the texts that were sent last.
//!
//! There is no clock and no waiting here: the streams' task hands in the time, and so does the simulation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::text;
use super::viewer::{Position, StreamViewer};
use crate::auth::Caller;
use crate::clock::database_now;
use crate::config::inside::{PREPARED_BYTES_MAX, PREPARED_REVISIONS_MAX};
use crate::config::{AvailabilityConfig, Config};
use crate::hub::frames::Prepared;
use crate::hub::history::{History, HistoryStep};
use crate::hub::presence::PresenceView;
use crate::hub::watching::{Bounds, Then, Watching};
use crate::hub::{Mailbox, NativeView, NotOpened, ToShard, Waiter};
use crate::metrics;
use crate::presence::Presence;
use crate::presence::whereabouts::Whereabouts;
use crate::protocol::native::{self, Checked};
use crate::protocol::presence::{Counts, PRESENCE};
use crate::protocol::topic::Topic;
use crate::ticketing::live::EventInfo;
use crate::ticketing::{EventId, Revision};

/// How often events without streams are checked, in milliseconds.
const TEND_INTERVAL_MS: u64 = 1_000;

pub(crate) struct ShownEvents {
    /// Written by the task, read by each woken stream. The lock is held while a text is made, which happens once for all
    /// streams of the same revision.
    now: Mutex<Now>,
    limits: AvailabilityConfig,
    steps_max: usize,
    /// Whether the database answers. Streams beat at once when it changes.
    pub(super) database_up: watch::Sender<bool>,
    /// Cancelled when the node shuts down.
    pub(super) drain: CancellationToken,
}

struct Now {
    mailbox: Mailbox<ToShard>,
    watching: Watching<Ask>,
    whereabouts: Whereabouts,
    texts: HashMap<EventId, Texts>,
    now_ms: u64,
    tended_ms: u64,
}

/// A client that wants a stream of an event.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) since: Option<Revision>,
    pub(crate) caller: Caller,
    /// Answered when the stream may open, or with the reason why not.
    pub(crate) answer: oneshot::Sender<Result<(), NotOpened>>,
}

impl Waiter for Ask {
    fn since(&self) -> Option<Revision> {
        self.since
    }

    fn may_see(&self, event: &EventInfo) -> bool {
        self.caller.may_see(event)
    }
}

/// The texts of one event.
struct Texts {
    /// Wakes the streams; carries nothing.
    moved: watch::Sender<()>,
    /// Texts that lead to the current revision, by view and origin; 0 is the whole state.
    prepared: Prepared<(NativeView, Revision), Bytes>,
    /// The time at which the first notice in a prepared state ends.
    good_until: Option<Timestamp>,
    last: Last,
}

/// The final history of a deleted event, for streams that still show it.
type Last = Arc<OnceLock<History>>;

impl Texts {
    fn wake(&mut self) {
        self.prepared.clear();
        self.moved.send_replace(());
    }
}

/// A stream's place among the viewers of an event; given back when dropped.
pub(crate) struct StreamSeat {
    pub(super) shown: Arc<ShownEvents>,
    pub(super) event: EventId,
    era: u64,
    pub(super) moved: watch::Receiver<()>,
    last: Last,
}

impl Drop for StreamSeat {
    fn drop(&mut self) {
        self.shown.lock().watching.left(self.event, self.era);
    }
}

impl ShownEvents {
    pub(crate) fn new(config: &Config, presence: Presence, mailbox: Mailbox<ToShard>) -> Self {
        let bounds = Bounds {
            ring_deltas_max: config.feed.ring_deltas_max,
            grace_ms: config.feed.unwatch_grace_s * 1_000,
            road: "streams",
        };
        let checked = Checked::up(database_now());
        let shard = u32::try_from(mailbox.asker.shard).unwrap_or(u32::MAX);
        let now = Now {
            watching: Watching::new(mailbox.asker.clone(), bounds, checked),
            mailbox,
            whereabouts: Whereabouts::new(shard, presence),
            texts: HashMap::new(),
            now_ms: 0,
            tended_ms: 0,
        };
        Self {
            now: Mutex::new(now),
            limits: config.availability.clone(),
            steps_max: config.presence.steps_max,
            database_up: watch::Sender::new(true),
            drain: CancellationToken::new(),
        }
    }

    /// `wake` is called when mail comes, so that a turn is due.
    pub(crate) fn connect(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.lock().mailbox.bell.connect(wake);
    }

    /// Reads the mail and checks timers.
    pub(crate) fn turn(&self, now_ms: u64) {
        let mut now = self.lock();
        now.now_ms = now_ms;
        now.mailbox.bell.answer();
        while let Some(message) = now.mailbox.next() {
            // Streams watch events only, so there are no such messages for them.
            if let ToShard::News(news) = message {
                now.watching.on(news, now_ms);
                self.carry_out(&mut now);
            }
        }
        if now.mailbox.is_draining() {
            self.drain.cancel();
        }
        let lost = now.mailbox.take_dropped() > 0;
        now.watching.mail_is_read(lost);
        now.watching.answer_overdue(now_ms);
        if now_ms >= now.tended_ms + TEND_INTERVAL_MS {
            now.tended_ms = now_ms;
            now.watching.tend(now_ms);
        }
        self.carry_out(&mut now);
        now.whereabouts.say_changes(self.steps_max);
    }

    fn carry_out(&self, now: &mut Now) {
        while let Some(then) = now.watching.take_next() {
            match then {
                Then::Watched(event, true) => {
                    now.whereabouts.say_watched(event, true);
                    now.texts.insert(event, Texts::default());
                }
                Then::Watched(event, false) => {
                    now.whereabouts.say_watched(event, false);
                    now.texts.remove(&event);
                }
                // The client may have gone meanwhile.
                Then::Answer(_, ask) => drop(ask.answer.send(Ok(()))),
                Then::Refuse(_, ask, why) => drop(ask.answer.send(Err(why))),
                Then::Moved(event, _, span) => {
                    let _within = span.entered();
                    now.wake(event);
                }
                Then::Present(event) => now.wake(event),
                Then::End(event, why) => now.end(event, why),
                Then::Turned => {
                    let up = now.watching.checked().database_up;
                    self.database_up.send_replace(up);
                }
            }
        }
    }

    /// Asks for an event; answered now or later.
    pub(crate) fn ask(&self, event: EventId, ask: Ask) {
        let mut now = self.lock();
        let now_ms = now.now_ms;
        if let Some(ask) = now.watching.arrive(event, ask, now_ms) {
            let _ = ask.answer.send(Ok(()));
        }
        self.carry_out(&mut now);
    }

    /// Makes a client a viewer of an open event that it may see; `since` is its revision.
    pub(crate) fn admit(
        self: &Arc<Self>,
        event: EventId,
        view: NativeView,
        since: Option<Revision>,
        caller: Caller,
    ) -> Result<StreamViewer, NotOpened> {
        let mut now = self.lock();
        let now = &mut *now;
        let Some(history) = now.watching.history(event) else {
            return Err(NotOpened::Unavailable);
        };
        let info = &history.state().event;
        if !caller.may_see(info) {
            return Err(NotOpened::NoSuchEvent);
        }
        let have = since.filter(|&since| history.resumes(since));
        let texts = now.texts.entry(event).or_default();
        let (moved, last) = (texts.moved.subscribe(), texts.last.clone());
        let seat = StreamSeat {
            shown: self.clone(),
            event,
            era: now.watching.came(event),
            moved,
            last,
        };
        Ok(StreamViewer::new(seat, view, have, since.is_some(), caller))
    }

    /// The text that brings a stream to the current revision, followed by a beat if one is due. Notes it as sent. `None` if the
    /// stream is over.
    pub(super) fn bring(
        &self,
        seat: &StreamSeat,
        position: &mut Position,
        caller: Caller,
        beat: Option<Topic>,
    ) -> Option<Vec<Bytes>> {
        let mut now = self.lock();
        let now = &mut *now;
        if now.watching.era(seat.event) != Some(seat.era) {
            let last = seat.last.get()?;
            if position.have == Some(last.revision()) || !caller.may_see(&last.state().event) {
                return None;
            }
            let (text, _) = Texts::default().lead(position, last, None, &self.limits);
            position.have = Some(last.revision());
            return Some(vec![text]);
        }
        let history = now.watching.history(seat.event)?;
        if !caller.may_see(&history.state().event) {
            return None;
        }
        let mut out = Vec::new();
        let beat = |have| {
            let checked = now.watching.proof(seat.event, have)?;
            let revisions = [(beat?, have)];
            let beat = native::beat(&revisions, checked);
            Some(text::event(native::BEAT, None, &beat))
        };
        if mistaken!(BeatBeforeFrames) {
            out.extend(beat(position.have.unwrap_or(0)));
        }
        let here = now.watching.here(seat.event).map(|here| &**here);
        if position.have != Some(history.revision()) {
            let texts = now.texts.entry(seat.event).or_default();
            let (text, whole) = texts.lead(position, history, here, &self.limits);
            out.push(text);
            position.have = Some(history.revision());
            if whole {
                position.shown = Some(here.map_or(0, |here| here.counted.serial));
            }
        }
        let serial = here.map_or(0, |here| here.counted.serial);
        if position.view == NativeView::Event && position.shown.is_none_or(|shown| shown < serial) {
            // A client that comes back may have other counts, so it is sent even an empty count.
            position.shown = Some(serial);
            let nobody = Counts::default();
            let counts = here.map_or(&nobody, |here| &here.counted.counts);
            out.push(text::event(PRESENCE, None, counts));
        }
        metrics::DELIVERIES.add(out.len() as u64);
        if !mistaken!(BeatBeforeFrames) {
            out.extend(beat(history.revision()));
        }
        Some(out)
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn end(&mut self, event: EventId, why: NotOpened) {
        if let Some(texts) = self.texts.get_mut(&event) {
            let last = std::mem::take(&mut texts.last);
            if let Some(history) = self.watching.history(event)
                && why == NotOpened::NoSuchEvent
            {
                // Set only once, since each era has its own.
                let _ = last.set(history.clone());
            }
            texts.wake();
        }
    }

    fn wake(&mut self, event: EventId) {
        if let Some(texts) = self.texts.get_mut(&event) {
            texts.wake();
        }
    }
}

impl Default for Texts {
    fn default() -> Self {
        Texts {
            moved: watch::Sender::new(()),
            prepared: Prepared::new(PREPARED_REVISIONS_MAX, PREPARED_BYTES_MAX),
            good_until: None,
            last: Last::default(),
        }
    }
}

impl Texts {
    /// The text that leads from a position to the current revision, and whether it is the whole state.
    fn lead(
        &mut self,
        position: &Position,
        history: &History,
        here: Option<&PresenceView>,
        limits: &AvailabilityConfig,
    ) -> (Bytes, bool) {
        let (view, state) = (position.view, history.state());
        let have = position.have.unwrap_or(0);
        let step = history.step_from(have);
        let delta = match &step {
            HistoryStep::Latest(publication) => Some(&*publication.delta),
            HistoryStep::Merged(delta) => Some(&**delta),
            HistoryStep::Level | HistoryStep::Whole(_) => None,
        };
        let delta = delta.filter(|delta| delta.from > 0);
        let now = database_now();
        if self.good_until.take_if(|until| *until <= now).is_some() {
            self.prepared.clear();
        }
        // The whole state is the same for all.
        let key = (view, delta.map_or(0, |_| history.origin(have)));
        let whole = delta.is_none();
        if let Some(text) = self.prepared.get(&key) {
            return (text, whole);
        }
        let text = match delta {
            Some(delta) => text::update(view, delta, state, limits),
            None => {
                self.good_until = state.first_end_after(now);
                text::snapshot(view, state, now, here, limits)
            }
        };
        self.prepared.keep(key, text.clone());
        (text, whole)
    }
}
