//! One event's desk: takes a batch, has it decided and committed, answers, takes the next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use tokio::sync::mpsc;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::verdict::{self, Verdict};
use super::{BookingAnswer, BookingRequest, DeskError, Inner, Outcome, Waiting, batch};
use crate::metrics;
use crate::store::StoreError;
use crate::store::desk::{NewBooking, Turn};
use crate::telemetry::trail;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::{EventId, Revision};

/// How often a batch is decided in all when it met other writers.
const TRIES_MAX: u32 = 4;
/// The pause before the second try is up to this; it doubles with every further one.
const PAUSE_MS: u64 = 4;

pub(super) struct Desk {
    pub(super) event: EventId,
    pub(super) inbox: mpsc::Receiver<Waiting>,
    pub(super) inner: Arc<Inner>,
}

/// Why a batch was not committed.
struct Failure {
    error: StoreError,
    /// Statements of the write, and perhaps the commit, had been sent.
    writing: bool,
}

impl Desk {
    /// Serves until nobody came for a while, or until the server shuts down.
    pub(super) async fn run(mut self) {
        let idle = Duration::from_secs(self.inner.config.idle_s);
        let batch_max = self.inner.config.batch_requests_max.max(1);
        let cancel = self.inner.cancel.clone();
        loop {
            let mut batch = Vec::new();
            let taken = tokio::select! {
                taken = self.inbox.recv_many(&mut batch, batch_max) => Some(taken),
                () = cancel.cancelled(), if !self.inbox.is_closed() => {
                    self.inbox.close();
                    continue;
                }
                () = tokio::time::sleep(idle) => None,
            };
            match taken {
                Some(0) => return,
                Some(_) => {
                    let event_exists = self.serve(batch).await;
                    // Nobody's event: made-up ids must not fill the map of desks.
                    if !event_exists && self.go_home() {
                        return;
                    }
                }
                None if self.go_home() => return,
                None => {}
            }
        }
    }

    /// Leaves the map of desks, unless somebody has just come. Answers whether it left.
    fn go_home(&self) -> bool {
        let queues = &self.inner.queues;
        let left = queues.remove_if(&self.event, |_, _| self.inbox.is_empty());
        left.is_some()
    }

    /// Decides, commits, answers. Says whether the event exists.
    async fn serve(&self, mut batch: Vec<Waiting>) -> bool {
        metrics::DESK_QUEUE.add(-i64::try_from(batch.len()).unwrap_or(0));
        // Who has gone away (a client's timeout) wants nothing any more.
        batch.retain(|waiting| !waiting.answer.is_closed());
        if batch.is_empty() {
            return true;
        }
        let batch_span = tracing::info_span!(
            "batch",
            event = self.event,
            requests = batch.len(),
            revision = Empty
        );
        let (requests, waiters): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (waiting.request, (waiting.answer, waiting.span)))
            .unzip();
        for (_, request_span) in &waiters {
            batch_span.follows_from(request_span);
        }
        let taken_at = Instant::now();
        let outcomes = self.outcomes(&requests).instrument(batch_span).await;
        metrics::DESK_BATCH.observe(requests.len() as u64);
        metrics::DESK_BATCH_TIME.took(taken_at.elapsed());
        let unknown = Err(DeskError::Refused(Refusal::EventNotFound));
        let event_exists = outcomes.iter().any(|outcome| *outcome != unknown);
        for ((answer, request_span), outcome) in waiters.into_iter().zip(outcomes) {
            if let Ok(BookingAnswer {
                booking, revision, ..
            }) = &outcome
            {
                trail::booked(&request_span, self.event, &booking.reference, *revision);
            }
            // The waiter may have gone meanwhile; its booking stands, and its key finds it.
            let _ = answer.send(outcome);
        }
        event_exists
    }

    /// One outcome per request. When a batch fails for a reason that one of its requests may have
    /// given, each is decided alone, so that only the offender hears of it.
    async fn outcomes(&self, requests: &[BookingRequest]) -> Vec<Outcome> {
        match self.decide(requests).await {
            Ok(outcomes) => outcomes,
            Err(error) if requests.len() > 1 && verdict::of_one_request(&error) => {
                tracing::warn!(event = self.event, %error, "a batch is decided one by one");
                let mut outcomes = Vec::with_capacity(requests.len());
                for request in requests {
                    outcomes.push(self.outcome(request).await);
                }
                outcomes
            }
            Err(error) => {
                self.log(&error, requests);
                let failed = requests.iter();
                failed
                    .map(|request| Err(verdict::of(&error, request)))
                    .collect()
            }
        }
    }

    async fn outcome(&self, request: &BookingRequest) -> Outcome {
        let alone = std::slice::from_ref(request);
        match self.decide(alone).await {
            Ok(outcomes) => outcomes
                .into_iter()
                .next()
                .unwrap_or(Err(DeskError::Internal)),
            Err(error) => {
                self.log(&error, alone);
                Err(verdict::of(&error, request))
            }
        }
    }

    /// Once for all who wait: they are told what it means for them, not what it was.
    fn log(&self, error: &StoreError, requests: &[BookingRequest]) {
        let (event, requests) = (self.event, requests.len());
        let cause = std::error::Error::source(error);
        match verdict::verdict(error) {
            Verdict::Refuse(_) => {
                tracing::warn!(event, requests, %error, "the database refused a booking");
            }
            _ => tracing::error!(event, requests, %error, ?cause, "bookings failed"),
        }
    }

    /// Decides and commits the requests together, again if they met other writers.
    async fn decide(&self, requests: &[BookingRequest]) -> Result<Vec<Outcome>, StoreError> {
        let mut tries = 1;
        loop {
            match self.attempt(requests).await {
                Ok(outcomes) => return Ok(outcomes),
                Err(failure) if tries < TRIES_MAX && failure.may_pass(tries) => {
                    tracing::debug!(event = self.event, error = %failure.error, "a batch is tried again");
                    tokio::time::sleep(pause(tries)).await;
                    tries += 1;
                }
                Err(failure) => return Err(failure.error),
            }
        }
    }

    /// A database that swallows what it is sent must not keep buyers waiting: after a while it
    /// counts as unreachable, and the outcome as unknown.
    async fn attempt(&self, requests: &[BookingRequest]) -> Result<Vec<Outcome>, Failure> {
        let limit = Duration::from_millis(self.inner.config.batch_timeout_ms);
        match tokio::time::timeout(limit, self.try_once(requests)).await {
            Ok(outcomes) => outcomes,
            Err(elapsed) => Err(Failure::writing(StoreError::Unavailable(elapsed.into()))),
        }
    }

    async fn try_once(&self, requests: &[BookingRequest]) -> Result<Vec<Outcome>, Failure> {
        let questions = batch::questions(requests);
        let turn = self.inner.store.take_turn(self.event, &questions).await;
        let Some(mut turn) = turn.map_err(Failure::reading)? else {
            let unknown = Err(DeskError::Refused(Refusal::EventNotFound));
            return Ok(vec![unknown; requests.len()]);
        };
        let decided = batch::decide(&mut turn, questions.references, requests);
        let now = turn.now;
        let revision = match decided.new.is_empty() {
            true => turn.settle().await.map_err(Failure::reading)?,
            false => self.write(turn, &decided.new).await?,
        };
        Ok(decided.outcomes(revision, now))
    }

    async fn write(&self, turn: Turn, new: &[NewBooking]) -> Result<Revision, Failure> {
        let revision = turn.write(new).await.map_err(Failure::writing)?;
        let batch_span = Span::current();
        batch_span.record("revision", revision);
        trail::committed(self.event, revision, &batch_span);
        tracing::debug!(bookings = new.len(), "committed");
        Ok(revision)
    }
}

impl Failure {
    fn reading(error: StoreError) -> Failure {
        let writing = false;
        Failure { error, writing }
    }

    fn writing(error: StoreError) -> Failure {
        let writing = true;
        Failure { error, writing }
    }

    /// Whether the same batch may succeed when decided again. A connection that broke while
    /// nothing was written may have been a dead one from the pool: the next one tells.
    fn may_pass(&self, tries: u32) -> bool {
        match &self.error {
            StoreError::Unavailable(_) => !self.writing && tries == 1,
            error => matches!(verdict::verdict(error), Verdict::Again),
        }
    }
}

/// Full jitter: those who met now should not meet again.
fn pause(tries: u32) -> Duration {
    let most = PAUSE_MS << tries;
    Duration::from_millis(rand::rng().random_range(0..=most))
}
