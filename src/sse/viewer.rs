//! One stream: its position, and the text that it is sent next.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, sleep_until};

use super::shown::StreamSeat;
use super::{StreamAdmission, text};
use crate::auth::Caller;
use crate::hub::NativeView;
use crate::metrics;
use crate::protocol::native;
use crate::protocol::topic::Topic;
use crate::ticketing::Revision;

/// Longest delay before a client reconnects; each is given a random one of at least half of it.
const RETRY_MS: u64 = 2_000;
/// At shutdown, streams told to come back per second.
const DRAIN_STREAMS_PER_S: usize = 1_000;

/// The position of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) view: NativeView,
    /// Its revision; `None` if it has nothing yet.
    pub(super) have: Option<Revision>,
    /// The serial of the presence that it was sent; `None` if none.
    pub(super) shown: Option<u64>,
}

/// Makes the texts for one stream. Pure, except for the lock of [`ShownEvents`](super::shown::ShownEvents).
pub(crate) struct StreamViewer {
    seat: StreamSeat,
    position: Position,
    topic: Topic,
    caller: Caller,
    /// Whether the client named its revision.
    comes_back: bool,
}

impl StreamViewer {
    pub(super) fn new(
        seat: StreamSeat,
        view: NativeView,
        have: Option<Revision>,
        comes_back: bool,
        caller: Caller,
    ) -> StreamViewer {
        StreamViewer {
            topic: match view {
                NativeView::Event => Topic::Event(seat.event),
                NativeView::Seats => Topic::Seats(seat.event),
                NativeView::Admin => Topic::Admin(seat.event),
            },
            position: Position {
                view,
                have,
                shown: None,
            },
            seat,
            caller,
            comes_back,
        }
    }

    /// The first text: the reconnection delay, missing changes, and a beat.
    pub(crate) fn greeting(&mut self) -> Option<Bytes> {
        let texts = self.bring(Some(self.topic))?;
        let first = texts.first()?;
        let is_whole = first.starts_with(text::SNAPSHOT);
        metrics::JOINS.one(match (self.comes_back, is_whole) {
            (false, _) => "state",
            (true, false) => "ring",
            (true, true) => "snapshot",
        });
        let retry_ms = rand::random_range(RETRY_MS / 2..=RETRY_MS);
        Some(text::with_retry(retry_ms, &texts.concat()))
    }

    /// The missing changes; empty if there are none, `None` if the stream is over.
    pub(crate) fn missing(&mut self) -> Option<Bytes> {
        Some(self.bring(None)?.concat().into())
    }

    /// The missing changes and then a beat, so that the beat's claim is true.
    pub(crate) fn beat(&mut self) -> Option<Bytes> {
        Some(self.bring(Some(self.topic))?.concat().into())
    }

    /// From now on it sees no more than everybody does: its caller's rights have ended.
    fn sign_out(&mut self) {
        self.caller = Caller::Anonymous;
    }

    fn bring(&mut self, beat: Option<Topic>) -> Option<Vec<Bytes>> {
        let shown = self.seat.shown.clone();
        shown.bring(&self.seat, &mut self.position, self.caller, beat)
    }
}

/// A viewer as a response's body.
pub(super) struct StreamBody {
    viewer: StreamViewer,
    moved: watch::Receiver<()>,
    database_up: watch::Receiver<bool>,
    beats: Interval,
    /// The end of the caller's token.
    ends_at: Option<Instant>,
    stage: StreamStage,
    admission: StreamAdmission,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamStage {
    New,
    Open,
    /// The last text was sent.
    Over,
}

impl StreamBody {
    /// `ends_at` is the end of the caller's token.
    pub(super) fn new(
        viewer: StreamViewer,
        ends_at: Option<Instant>,
        admission: StreamAdmission,
    ) -> StreamBody {
        let interval = Duration::from_millis(admission.node.config.socket.beat_interval_ms);
        // Random, so that streams that opened together do not beat together.
        let first = interval.mul_f64(rand::random_range(0.5..=1.0));
        let mut beats = interval_at(Instant::now() + first, interval);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        StreamBody {
            moved: viewer.seat.moved.clone(),
            database_up: viewer.seat.shown.database_up.subscribe(),
            ends_at,
            viewer,
            beats,
            stage: StreamStage::New,
            admission,
        }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(self, async |mut body| {
            let bytes = body.next().await?;
            Some((Ok(bytes), body))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            StreamStage::Over => return None,
            StreamStage::New => {
                self.stage = StreamStage::Open;
                return self.viewer.greeting();
            }
            StreamStage::Open => {}
        }
        loop {
            self.check_rights();
            // Marked as seen before the read: a change in between wakes the stream again.
            self.moved.mark_unchanged();
            let missing = self.viewer.missing()?;
            if !missing.is_empty() {
                return Some(missing);
            }
            let config = &self.admission.node.config;
            let silence = Duration::from_millis(config.stream.comment_interval_ms);
            let drain = self.viewer.seat.shown.drain.clone();
            tokio::select! {
                // The event is deleted.
                moved = self.moved.changed() => if moved.is_err() { return None },
                () = drain.cancelled() => {
                    self.stage = StreamStage::Over;
                    return Some(self.farewell());
                }
                _ = self.database_up.changed() => break,
                _ = self.beats.tick() => break,
                () = until(self.ends_at) => {}
                () = sleep(silence) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
        self.check_rights();
        self.viewer.beat()
    }

    /// The caller of a token that has ended, by itself or with its session, is nobody. A stream of a draft then ends.
    fn check_rights(&mut self) {
        let is_over = self.ends_at.is_some_and(|at| at <= Instant::now());
        if is_over || self.admission.node.auth.has_ended(&self.viewer.caller) {
            self.ends_at = None;
            self.viewer.sign_out();
        }
    }

    /// The farewell at shutdown: a time to come back, in a window that grows with the number of streams.
    fn farewell(&self) -> Bytes {
        let open = self.admission.node.open.load(Ordering::Relaxed);
        let window_ms = 1_000 * (1 + open / DRAIN_STREAMS_PER_S) as u64;
        let reconnect_in_ms = rand::random_range(0..window_ms);
        let drain = text::event(native::DRAIN, None, &native::drain(reconnect_in_ms));
        text::with_retry(reconnect_in_ms, &drain)
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
