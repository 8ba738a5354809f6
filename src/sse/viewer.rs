//! One stream: what it is sent next, and when.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, sleep_until};

use super::place::{Place, Sent, text};
use super::{Admission, Node};
use crate::hub::NativeView;
use crate::metrics;
use crate::protocol::native;
use crate::protocol::topic::Topic;
use crate::ticketing::{EventId, Revision};

/// How long a client waits before it comes back after a loss: half of this to all of it.
const RETRY_MS: u64 = 2_000;
/// Streams told to come back per second of the window that they are spread over at shutdown.
const DRAIN_STREAMS_PER_S: usize = 1_000;

/// How the text of a whole state begins.
const SNAPSHOT: &[u8] = b"event: snapshot";

pub(super) struct Viewer {
    place: Arc<Place>,
    moved: watch::Receiver<()>,
    database_up: watch::Receiver<bool>,
    topic: Topic,
    sent: Sent,
    beats: Interval,
    /// When the token ends that this stream needs.
    ends_at: Option<Instant>,
    stage: Stage,
    admission: Admission,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Open,
    /// Its last words are said.
    Over,
}

impl Viewer {
    /// `since`: the revision that the client has.
    pub(super) fn new(
        event: EventId,
        place: Arc<Place>,
        view: NativeView,
        since: Option<Revision>,
        ends_at: Option<Instant>,
        admission: Admission,
    ) -> Viewer {
        let interval = Duration::from_millis(admission.node.config.socket.beat_interval_ms);
        // Spread: streams that came together do not beat together.
        let first = interval.mul_f64(rand::random_range(0.5..=1.0));
        let mut beats = interval_at(Instant::now() + first, interval);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Viewer {
            moved: place.subscribe(),
            database_up: admission.node.database_up.subscribe(),
            place,
            topic: match view {
                NativeView::Event => Topic::Event(event),
                NativeView::Seats => Topic::Seats(event),
                NativeView::Admin => Topic::Admin(event),
            },
            sent: Sent {
                view,
                have: since,
                shown: 0,
            },
            beats,
            ends_at,
            stage: Stage::New,
            admission,
        }
    }

    /// The response's body.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(self, async |mut viewer| {
            let bytes = viewer.next().await?;
            Some((Ok(bytes), viewer))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::Over => return None,
            Stage::New => {
                self.stage = Stage::Open;
                return Some(self.greeting());
            }
            Stage::Open => {}
        }
        loop {
            // Seen before it is looked at: what moves in between wakes us again.
            self.moved.mark_unchanged();
            let texts = self.missing();
            if !texts.is_empty() {
                return Some(texts.concat().into());
            }
            if self.place.is_over() {
                return None;
            }
            let silence = Duration::from_millis(self.node().config.stream.comment_interval_ms);
            let drain = self.node().drain.clone();
            tokio::select! {
                // The keeper forgot the place: its event is gone.
                moved = self.moved.changed() => if moved.is_err() { return None },
                () = drain.cancelled() => {
                    self.stage = Stage::Over;
                    return Some(self.farewell());
                }
                _ = self.database_up.changed() => return Some(self.beat()),
                _ = self.beats.tick() => return Some(self.beat()),
                () = until(self.ends_at) => return None,
                () = sleep(silence) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }

    /// How soon to come back, what is missing, and proof that nothing else is.
    fn greeting(&mut self) -> Bytes {
        let retry_ms = rand::random_range(RETRY_MS / 2..=RETRY_MS);
        let mut texts = vec![Bytes::from(format!("retry: {retry_ms}\n\n"))];
        let resumes = self.sent.have.is_some();
        let missing = self.missing();
        let is_whole = missing
            .first()
            .is_some_and(|text| text.starts_with(SNAPSHOT));
        metrics::JOINS.one(match (resumes, is_whole) {
            (false, _) => "state",
            (true, false) => "ring",
            (true, true) => "snapshot",
        });
        texts.extend(missing);
        texts.push(self.beat());
        texts.concat().into()
    }

    fn missing(&mut self) -> Vec<Bytes> {
        let node = self.admission.node.clone();
        let texts = self.place.bring(&mut self.sent, &node.config.availability);
        metrics::DELIVERIES.add(texts.len() as u64);
        texts
    }

    /// Says the revision that was sent, as the socket's beat does: a newer one is sent first.
    fn beat(&mut self) -> Bytes {
        let revisions = [(self.topic, self.sent.have.unwrap_or(0))];
        let mut checked = self.node().checked();
        if let Some(at) = self.place.proven_at() {
            checked.at = checked.at.min(at);
        }
        let beat = native::beat(&revisions, checked);
        text(native::BEAT, None, &beat)
    }

    /// When to come back: a slot in a window that grows with the number of streams.
    fn farewell(&self) -> Bytes {
        let open = self.node().open.load(std::sync::atomic::Ordering::Relaxed);
        let window_ms = 1_000 * (1 + open / DRAIN_STREAMS_PER_S) as u64;
        let reconnect_in_ms = rand::random_range(0..window_ms);
        let drain = text(native::DRAIN, None, &native::drain(reconnect_in_ms));
        [format!("retry: {reconnect_in_ms}\n").into(), drain]
            .concat()
            .into()
    }

    fn node(&self) -> &Node {
        &self.admission.node
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
