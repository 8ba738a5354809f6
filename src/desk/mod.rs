//! Carries out the commands that change claims (book, confirm, cancel, expire, withdraw), in batches over many events.
//!
//! ```text
//! Desk::book, change, … ───────► queue, by event ──► worker ──► store::desk (one transaction a batch)
//!                                                      │            ▲ stock        │ writes
//!                                                      └─► batch ───┴─► ticketing ─┘
//! ```
//!
//! A worker takes all that waits, for many events, up to a bound; the rules decide in the order of arrival, and
//! all are answered after the commit: one fsync and one NOTIFY for all. It never waits for a batch to fill:
//! a lone command is served at once. While nothing waits there is no worker.
//!
//! Several nodes may write to one event; its turn (its locked row of `turns`) lets one after the other. The first
//! round waits for no turn. An event whose turn another transaction holds goes to a second round, on one more
//! connection, so only its own callers wait. Nothing is kept between batches, so a node can die at any time.
//!
//! A command has a deadline, after which its caller no longer waits; then it is dropped undecided (`clock`).

mod batch;
pub(crate) mod clock;
mod command;
pub(crate) mod queue;
mod verdict;
pub(crate) mod worker;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

#[cfg(test)]
pub(crate) use self::batch::jobs;
use self::clock::PULSE;
pub(crate) use self::command::Command;
pub use self::command::{
    Answer, Book, Change, Companions, DeskError, Expired, Outcome, Withdraw, Withdrawn,
};
#[cfg(test)]
pub(crate) use self::command::{Said as CommandSaid, Verdict as CommandVerdict};
use self::command::{Said, Verdict, busy, too_late};
use self::queue::{CommandBatch, QueueLimits, Start};
use self::worker::{DeskShared, Enqueued, serve};
use crate::clock::learn;
use crate::config::DeskConfig;
use crate::config::inside::{ANOTHER_WORKER_FROM, DESK_CLOCK_INTERVAL_MS};
use crate::store::bookings::Holder;
use crate::store::desk::{DeskConnection, Turns};
use crate::store::turn_places::TurnPlaces;
use crate::store::{Store, StoreError};
use crate::telemetry::with_causes;
use crate::ticketing::EventId;
use crate::ticketing::booking::{self, Request};
use crate::ticketing::price::{Price, Voucher};
use crate::ticketing::refusal::Refusal;

/// The desk of this node. Clones share it.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<DeskInner>,
    /// Of the worker of jobs.
    job_places: Option<Arc<TurnPlaces>>,
}

/// How long a command of a job waits beside those that have a place. An event whose turn nobody holds serves it by then.
const JOB_PATIENCE: Duration = Duration::from_millis(250);

struct DeskInner {
    store: Store,
    config: DeskConfig,
    shared: DeskShared,
    /// Idle connections: at most one for each worker that may run.
    idle: Mutex<Vec<DeskConnection>>,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

/// The price that a booking would have.
#[derive(Debug, Clone, PartialEq)]
pub struct Quote {
    pub price: Price,
    pub currency: String,
    /// Time by the database's clock.
    pub now: Timestamp,
}

impl Desk {
    /// `mails`: buyers are written to. Workers are tasks of `tracker`. After `cancel` no command is accepted; those that wait are served, then all end.
    pub fn new(
        store: Store,
        config: DeskConfig,
        mails: bool,
        tracker: TaskTracker,
        cancel: CancellationToken,
    ) -> Desk {
        let limits = QueueLimits {
            of_event_max: config.queue_commands_max.max(1),
            in_all_max: config.queued_commands_max.max(1),
            batch_max: config.batch_commands_max.max(1),
            another_worker_from: ANOTHER_WORKER_FROM,
        };
        let inner = Arc::new(DeskInner {
            store,
            config,
            shared: DeskShared::new(limits, Instant::now).mailing(mails),
            idle: Mutex::default(),
            tracker,
            cancel,
        });
        inner.tracker.spawn(feel_the_pulse(inner.clone()));
        inner.tracker.spawn(keep_the_time(inner.clone()));
        Desk {
            inner,
            job_places: None,
        }
    }

    /// The same desk for a worker that has so many jobs under way. Of one event whose turn somebody holds, few of them wait;
    /// the others are told to come again, so that jobs of other events have their turn.
    pub fn for_jobs(&self, at_once_max: usize) -> Desk {
        Desk {
            inner: self.inner.clone(),
            job_places: Some(Arc::new(TurnPlaces::new(at_once_max))),
        }
    }

    /// The time by the database's clock. Sales begin and end by it; the node's own counts only before the database was
    /// heard for the first time.
    pub fn now(&self) -> Timestamp {
        let shared = &self.inner.shared;
        let now = shared.now();
        let at = shared.clock().at(now);
        at.unwrap_or_else(Timestamp::now)
    }

    /// Whether buyers are written to.
    pub fn mails(&self) -> bool {
        self.inner.shared.mails
    }

    /// Told of every commit that wrote jobs.
    pub fn jobs_written(&self) -> Arc<Notify> {
        self.inner.shared.jobs_written.clone()
    }

    /// Asks the database for its clock.
    pub async fn learn_the_time(&self) {
        self.inner.learn_the_time().await;
    }

    /// Makes a booking, once for each idempotency key, and answers after the commit. Dropping the future withdraws a
    /// command that still waits in the queue, but not one that a worker has taken.
    pub async fn book(&self, book: Book) -> Outcome {
        self.booking(Command::Book(Box::new(book))).await
    }

    /// The price of the booking now. Nothing is held and no turn is taken.
    pub async fn quote(
        &self,
        event_id: EventId,
        request: &Request,
        holder: &Holder,
    ) -> Result<Result<Quote, Refusal>, StoreError> {
        let questions = batch::price_questions(event_id, request);
        let mut facts = self.inner.store.look(&questions).await?;
        let Some(event) = facts.events.remove(&event_id) else {
            return Ok(Err(Refusal::EventNotFound));
        };
        let mut stock = event.stock;
        let mut price = booking::quote(&stock, request, facts.now);
        if let Err(Refusal::VoucherUsedUp { .. }) = price {
            let own = self
                .inner
                .store
                .vouchers_held(event_id, &request.vouchers, holder);
            for code in own.await? {
                let own = |voucher: &&mut Voucher| voucher.code == code;
                if let Some(voucher) = stock.prices.vouchers.iter_mut().find(own) {
                    voucher.uses_left = voucher.uses_left.map(|left| left.saturating_add(1));
                }
            }
            price = booking::quote(&stock, request, facts.now);
        }
        Ok(price.map(|price| Quote {
            price,
            currency: stock.event.currency,
            now: facts.now,
        }))
    }

    /// Changes a booking that stands, as `ticketing::transition` says.
    pub async fn change(&self, change: Change) -> Outcome {
        self.booking(Command::Change(Box::new(change))).await
    }

    /// Ends the event's overdue holds, as many as one transaction takes.
    pub async fn expire(&self, event_id: EventId) -> Result<Expired, DeskError> {
        match self.ask(Command::Expire { event_id }).await? {
            Said::Expired(expired) => Ok(expired),
            Said::Booking(_) | Said::Withdrawn(_) => Err(DeskError::Internal),
        }
    }

    /// Changes seats that somebody may hold, and ends those holds with it.
    pub async fn withdraw(&self, withdraw: Withdraw) -> Result<Withdrawn, DeskError> {
        match self.ask(Command::Withdraw(Box::new(withdraw))).await? {
            Said::Withdrawn(withdrawn) => Ok(withdrawn),
            Said::Booking(_) | Said::Expired(_) => Err(DeskError::Internal),
        }
    }

    async fn booking(&self, command: Command) -> Outcome {
        match self.ask(command).await? {
            Said::Booking(once) => Ok(*once),
            Said::Expired(_) | Said::Withdrawn(_) => Err(DeskError::Internal),
        }
    }

    async fn ask(&self, command: Command) -> Verdict {
        let Some(places) = &self.job_places else {
            return self.wait(command).await;
        };
        match places.free(command.event()) {
            Some(_place) => self.wait(command).await,
            // It may be carried out nevertheless: jobs bear that.
            None => tokio::time::timeout(JOB_PATIENCE, self.wait(command))
                .await
                .unwrap_or_else(|_| Err(busy())),
        }
    }

    async fn wait(&self, command: Command) -> Verdict {
        let inner = &self.inner;
        if inner.cancel.is_cancelled() {
            return Err(DeskError::Unavailable);
        }
        let event = command.event();
        let patience = Duration::from_millis(inner.config.patience_ms);
        let Enqueued {
            id,
            deadline,
            mut verdict,
            start,
        } = inner.shared.enqueue(command, patience)?;
        inner.start(start);
        let waited = tokio::time::timeout_at(deadline.into(), &mut verdict).await;
        let verdict = match waited {
            Ok(verdict) => verdict,
            Err(_) if inner.shared.queue().withdraw(event, id) => return Err(too_late()),
            // A worker is deciding it, and will answer soon.
            Err(_) => verdict.await,
        };
        // The worker died and its answers are lost, though it may have committed.
        verdict.unwrap_or(Err(DeskError::Unavailable))
    }
}

impl DeskInner {
    fn start(self: &Arc<DeskInner>, start: Start) {
        if start.worker {
            self.tracker.spawn(work(self.clone(), Turns::Free));
        }
        if start.waiter {
            self.tracker.spawn(work(self.clone(), Turns::Wait));
        }
    }

    fn take(self: &Arc<DeskInner>, turns: Turns) -> Option<CommandBatch> {
        let now = self.shared.now();
        let (batch, start) = match turns {
            Turns::Free => self.shared.queue().take(now)?,
            Turns::Wait => (self.shared.queue().take_blocked(now)?, Start::default()),
        };
        self.start(start);
        Some(batch)
    }

    async fn learn_the_time(&self) {
        match self.store.clock().await {
            Ok(at) => {
                let now = self.shared.now();
                let mut known = self.shared.clock();
                known.read(at, now);
                learn(known.at(now).unwrap_or(at));
            }
            Err(error) => {
                tracing::debug!(
                    error = %with_causes(&error),
                    "the clock was not read"
                );
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<DeskConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves batches until the queue is empty. A worker that panics is replaced.
async fn work(inner: Arc<DeskInner>, turns: Turns) {
    let mut alive = WorkerAlive {
        inner: inner.clone(),
        turns,
        ended: false,
    };
    let idle = inner.idle().pop();
    let patience = Duration::from_millis(inner.config.batch_timeout_ms);
    let mut database = idle.unwrap_or_else(|| inner.store.desk_connection(patience));
    while let Some(batch) = inner.take(turns) {
        let span = span(&batch);
        let start = serve(&inner.shared, &mut database, batch, turns);
        let start = start.instrument(span).await;
        inner.start(start);
    }
    alive.ended = true;
    inner.idle().push(database);
}

fn span(batch: &CommandBatch) -> Span {
    use tracing::field::Empty;

    let (commands, events) = (batch.commands.len(), batch.events.len());
    let span = tracing::info_span!("batch", commands, events, event = Empty, revision = Empty);
    for waiting in &batch.commands {
        span.follows_from(&waiting.span);
    }
    span
}

struct WorkerAlive {
    inner: Arc<DeskInner>,
    turns: Turns,
    ended: bool,
}

impl Drop for WorkerAlive {
    fn drop(&mut self) {
        if !self.ended {
            tracing::error!("a worker of the desk died");
            let mut queue = self.inner.shared.queue();
            let start = match self.turns {
                Turns::Free => queue.worker_died(),
                Turns::Wait => queue.waiter_died(),
            };
            drop(queue);
            self.inner.start(start);
        }
    }
}

/// Bookings tell the time as well, but there may be none for hours.
async fn keep_the_time(inner: Arc<DeskInner>) {
    let pause = Duration::from_millis(DESK_CLOCK_INTERVAL_MS);
    loop {
        tokio::select! {
            () = inner.cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => inner.learn_the_time().await,
        }
    }
}

async fn feel_the_pulse(inner: Arc<DeskInner>) {
    loop {
        tokio::select! {
            () = inner.cancel.cancelled() => return,
            () = tokio::time::sleep(PULSE) => {
                let now = inner.shared.now();
                inner.shared.pulse().beat(now);
            }
        }
    }
}
