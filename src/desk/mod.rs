//! BOOKING WRITES in batches: one desk per event on sale.
//!
//! ```text
//! Desks::book ──► queue of the event's desk ──► task ──► store::Turn (one transaction a batch)
//!                                                 │            ▲ stock        │ new bookings
//!                                                 └─► batch ───┴─► ticketing::booking::decide
//! ```
//!
//! A desk takes whatever waits, up to a bound, decides it in the order of arrival and answers all
//! after the commit. It never waits for company: alone, a request is served at once; the more
//! come, the more share one commit, one revision and one ring of the doorbell.
//!
//! Several nodes may run a desk for one event; the event's turn in the database puts their
//! batches one after the other. Nothing is kept between batches, so a desk can die at any time.

mod batch;
mod task;
mod verdict;

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Span;

use crate::config::DeskConfig;
use crate::metrics;
use crate::store::Store;
use crate::store::idempotency::IdempotencyKey;
use crate::ticketing::booking::Request;
use crate::ticketing::record::Booking;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::{EventId, Revision};

/// One booking, as a desk is asked for it.
#[derive(Debug, Clone)]
pub struct BookingRequest {
    pub event_id: EventId,
    pub request: Request,
    /// SHA-256 of the token by which a buyer without an account will hold the booking.
    pub token_hash: Option<[u8; 32]>,
    pub key: Option<IdempotencyKey>,
}

/// The booking is committed.
#[derive(Debug, Clone, PartialEq)]
pub struct BookingAnswer {
    pub booking: Booking,
    /// The event's, at or after the commit of the booking.
    pub revision: Revision,
    /// The database's clock, by which deadlines are measured.
    pub now: Timestamp,
    /// The booking was made by an earlier request with the same idempotency key.
    pub replayed: bool,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeskError {
    #[error("refused: {}", .0.code())]
    Refused(Refusal),
    #[error("the idempotency key belongs to another body")]
    IdempotencyMismatch,
    /// The database could not be reached, or broke off. The booking may or may not have been made: a
    /// retry with the same idempotency key tells.
    #[error("the booking's outcome is not known")]
    Unavailable,
    /// Something that should not happen; it was logged where it did.
    #[error("the booking failed")]
    Internal,
}

impl From<Refusal> for DeskError {
    fn from(refusal: Refusal) -> DeskError {
        DeskError::Refused(refusal)
    }
}

/// All desks of this node. Clones share them.
#[derive(Clone)]
pub struct Desks {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    config: DeskConfig,
    /// Written by `book` (a desk opens) and by the desk itself (it goes home). A request is
    /// enqueued under the entry's lock, so a desk that sees its queue empty under the same lock
    /// leaves nobody behind.
    queues: DashMap<EventId, mpsc::Sender<Waiting>>,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

/// A request in a desk's queue.
struct Waiting {
    request: BookingRequest,
    answer: oneshot::Sender<Outcome>,
    /// Of the request, which is told what became of it.
    span: Span,
}

type Outcome = Result<BookingAnswer, DeskError>;

/// What a caller is told to wait before coming back to a full desk.
const RETRY_AFTER_S: u64 = 1;

fn busy() -> DeskError {
    DeskError::Refused(Refusal::Busy {
        retry_after_s: RETRY_AFTER_S,
    })
}

impl Desks {
    /// Desks run as tasks of `tracker`. After `cancel` they take nothing new, serve what waits,
    /// and end.
    pub fn new(
        store: Store,
        config: DeskConfig,
        tracker: TaskTracker,
        cancel: CancellationToken,
    ) -> Desks {
        Desks {
            inner: Arc::new(Inner {
                store,
                config,
                queues: DashMap::new(),
                tracker,
                cancel,
            }),
        }
    }

    /// Answers after the commit. Dropping the future does not take the request back once a desk
    /// has begun to decide it; one that still waits in the queue is skipped.
    pub async fn book(&self, request: BookingRequest) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        self.enqueue(Waiting {
            request,
            answer,
            span: Span::current(),
        })?;
        // A desk that died took its answers with it; what it committed stands.
        outcome.await.unwrap_or(Err(DeskError::Unavailable))
    }

    fn enqueue(&self, waiting: Waiting) -> Result<(), DeskError> {
        let inner = &self.inner;
        if inner.cancel.is_cancelled() {
            return Err(DeskError::Unavailable);
        }
        let event = waiting.request.event_id;
        // Not exact under a race, and need not be: it bounds memory. Asked before the entry is
        // locked, because `len` locks every shard of the map in turn.
        let full = inner.queues.len() >= inner.config.desks_max;
        match inner.queues.entry(event) {
            Entry::Occupied(mut desk) => match desk.get().try_send(waiting) {
                Ok(()) => {
                    metrics::DESK_QUEUE.add(1);
                    Ok(())
                }
                Err(mpsc::error::TrySendError::Full(_)) => Err(busy()),
                // The desk died; the next one takes its place.
                Err(mpsc::error::TrySendError::Closed(waiting)) => {
                    desk.insert(self.open(event, waiting)?);
                    Ok(())
                }
            },
            Entry::Vacant(_) if full => Err(busy()),
            Entry::Vacant(place) => {
                place.insert(self.open(event, waiting)?);
                Ok(())
            }
        }
    }

    /// Starts a desk with its first request.
    fn open(&self, event: EventId, first: Waiting) -> Result<mpsc::Sender<Waiting>, DeskError> {
        let (queue, inbox) = mpsc::channel(self.inner.config.queue_requests_max.max(1));
        queue.try_send(first).map_err(|_| busy())?;
        metrics::DESK_QUEUE.add(1);
        let desk = task::Desk {
            event,
            inbox,
            inner: self.inner.clone(),
        };
        self.inner.tracker.spawn(desk.run());
        Ok(queue)
    }
}
