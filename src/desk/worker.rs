//! Serves a batch in one transaction for many events, and deals with its failures.
//!
//! ```text
//! batch ──► begin, turns, reads ──► decide ──► write, commit ──► answers
//!              │ turn elsewhere        │ too late       │ refused, or crossed
//!              ▼                       ▼                ▼
//!         second round             dropped       one by one, each in a savepoint,
//!                                                 still one transaction and one commit
//! ```
//!
//! A command that the database refuses costs the others of its batch one retry at most; the same batch is never
//! tried unchanged. Nothing here uses tokio's clock or a socket, so the simulation runs it as it is.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use tracing::Span;

use super::batch::{self, CommandDecision, CommandEffect, Deciding};
use super::clock::{DatabaseClock, Pulse};
use super::command::{Command, DeskError, Said, Verdict, busy, too_late};
use super::queue::{CommandBatch, Queue, QueueLimits, Start, WaitingCommand};
use super::verdict::{self, FailureKind};
use crate::metrics;
use crate::store::StoreError;
use crate::store::constraint::Rule;
use crate::store::desk::{DeskDatabase, Facts, Questions, Turns, WriteEnd, Writes};
use crate::store::idempotency::Once;
use crate::telemetry::outage::Outage;
use crate::telemetry::trail;
use crate::telemetry::with_causes;
use crate::ticketing::EventId;
use crate::ticketing::record::BookingStatus;

/// How often a command is decided when other writers, or the deadline of another command in its batch, stop the commit.
const TRIES_MAX: u32 = 4;

/// Batches that could not be carried out because the database is slow, away or full.
static AWAY: Outage = Outage::new();
/// Batches that could not, because others hold rows or connections.
static CROSSED: Outage = Outage::new();

/// State shared by a desk's workers and callers.
pub(crate) struct DeskShared {
    queue: Mutex<Queue>,
    clock: Mutex<DatabaseClock>,
    pulse: Mutex<Pulse>,
    /// Whether the database did not serve the last batch.
    away: AtomicBool,
    /// The node's clock. The simulation has its own.
    now: fn() -> Instant,
    /// Told of every commit that wrote jobs.
    pub(super) jobs_written: Arc<Notify>,
    /// Mails go out, so the changes that buyers are told of write jobs.
    pub(super) mails: bool,
}

impl DeskShared {
    pub(crate) fn new(limits: QueueLimits, now: fn() -> Instant) -> DeskShared {
        DeskShared {
            queue: Mutex::new(Queue::new(limits)),
            clock: Mutex::new(DatabaseClock::new(now())),
            pulse: Mutex::new(Pulse::new(now())),
            away: AtomicBool::new(false),
            now,
            jobs_written: Arc::default(),
            mails: false,
        }
    }

    pub(super) fn mailing(self, mails: bool) -> DeskShared {
        DeskShared { mails, ..self }
    }

    /// Puts a command into the queue, with the deadline that follows from its caller's patience.
    ///
    /// # Errors
    /// The queue is full.
    pub(crate) fn enqueue(
        &self,
        command: Command,
        patience: Duration,
    ) -> Result<Enqueued, DeskError> {
        let arrived = self.pulse().earliest_arrival(self.now());
        let deadline = arrived + patience;
        let in_time = self.clock().at(deadline);
        let (answer, verdict) = oneshot::channel();
        let mut queue = self.queue();
        let id = queue.id();
        let waiting = WaitingCommand {
            id,
            command,
            answer,
            deadline,
            in_time,
            tries: 0,
            span: Span::current(),
        };
        let start = queue.enqueue(waiting).map_err(|_| busy())?;
        Ok(Enqueued {
            id,
            deadline,
            verdict,
            start,
        })
    }

    /// Whether the database served neither this batch nor the one before: then nobody waits for batches that would fail as they
    /// did. One failure may be of a connection.
    fn is_away(&self, fates: &[Fate]) -> bool {
        let failed = |fate: &Fate| matches!(fate, Fate::Answer(Err(DeskError::Unavailable)));
        let failed = fates.iter().all(failed);
        self.away.swap(failed, Ordering::Relaxed) && failed
    }

    pub(crate) fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> std::sync::MutexGuard<'_, DatabaseClock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pulse(&self) -> std::sync::MutexGuard<'_, Pulse> {
        self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Instant {
        (self.now)()
    }
}

/// The caller's end of a waiting command.
pub(crate) struct Enqueued {
    pub(crate) id: u64,
    pub(crate) deadline: Instant,
    pub(crate) verdict: oneshot::Receiver<Verdict>,
    pub(crate) start: Start,
}

/// The events of the batch that a worker serves. Dropping it gives them back to the queue, also on a panic.
struct Held<'a> {
    shared: &'a DeskShared,
    events: BTreeSet<EventId>,
    back: HashMap<EventId, Vec<WaitingCommand>>,
    blocked: BTreeSet<EventId>,
}

impl Held<'_> {
    fn put_back(&mut self, waiting: WaitingCommand, blocked: bool) {
        let event = waiting.command.event();
        if blocked {
            self.blocked.insert(event);
        }
        self.back.entry(event).or_default().push(waiting);
    }

    /// Gives the events back, and returns the tasks to start for what is left.
    fn release(&mut self) -> Start {
        self.give_back().start()
    }

    fn give_back(&mut self) -> std::sync::MutexGuard<'_, Queue> {
        let mut queue = self.shared.queue();
        for event in std::mem::take(&mut self.events) {
            let back = self.back.remove(&event).unwrap_or_default();
            queue.put_back(event, back, self.blocked.contains(&event));
        }
        queue
    }
}

/// A task that ends here starts no others: its death is noticed, and they are started then.
impl Drop for Held<'_> {
    fn drop(&mut self) {
        drop(self.give_back());
    }
}

/// The fate of a command after its batch.
enum Fate {
    Answer(Verdict),
    /// Another transaction holds the event's turn, or the booking's row: it waits in the second round.
    Blocked,
    /// The command goes back to the queue, to be decided again.
    Again,
}

/// Serves a batch to its end, and returns the tasks to start for what is left.
pub(crate) async fn serve(
    shared: &DeskShared,
    database: &mut impl DeskDatabase,
    batch: CommandBatch,
    turns: Turns,
) -> Start {
    let mut held = Held {
        shared,
        events: batch.events,
        back: HashMap::new(),
        blocked: BTreeSet::new(),
    };
    let begun = shared.now();
    metrics::DESK_BATCH.observe(batch.commands.len() as u64);
    let fates = ServingWorker {
        shared,
        database,
        turns,
        waiting: &batch.commands,
    };
    let fates = fates.fates().await;
    metrics::DESK_BATCH_TIME.took(shared.now().saturating_duration_since(begun));
    if shared.is_away(&fates) {
        for waiting in shared.queue().take_all() {
            answer(waiting, Err(DeskError::Unavailable));
        }
    }
    for (mut waiting, fate) in batch.commands.into_iter().zip(fates) {
        match fate {
            Fate::Answer(verdict) => answer(waiting, verdict),
            Fate::Blocked => held.put_back(waiting, true),
            Fate::Again => {
                waiting.tries += 1;
                match waiting.tries < TRIES_MAX {
                    true => held.put_back(waiting, false),
                    false => answer(waiting, Err(busy())),
                }
            }
        }
    }
    held.release()
}

fn answer(waiting: WaitingCommand, verdict: Verdict) {
    if let Ok(Said::Booking(once)) = &verdict
        && let Once::Made(said) | Once::Replayed(said) = once.as_ref()
    {
        let (event, reference) = (waiting.command.event(), &said.booking.reference);
        trail::booked(&waiting.span, event, reference, said.revision);
    }
    // The caller may have gone meanwhile; the booking stands, and its idempotency key finds it.
    let _ = waiting.answer.send(verdict);
}

struct ServingWorker<'a, D> {
    shared: &'a DeskShared,
    database: &'a mut D,
    turns: Turns,
    waiting: &'a [WaitingCommand],
}

impl<D: DeskDatabase> ServingWorker<'_, D> {
    async fn fates(mut self) -> Vec<Fate> {
        match self.together().await {
            Ok(fates) => fates,
            Err(error) if mistaken!(OffenderTakesAll) => self.all(&error),
            Err(error) => match verdict::failure(&error) {
                FailureKind::Database => self.all(&error),
                _ if self.waiting.len() == 1 => vec![self.fate(&self.waiting[0], &error)],
                _ => {
                    tracing::debug!(error = %with_causes(&error), "a batch is decided one by one");
                    self.one_by_one().await
                }
            },
        }
    }

    /// Writes all commands together: one statement per table.
    async fn together(&mut self) -> Result<Vec<Fate>, StoreError> {
        let mut deciding = match self.begin().await {
            Ok(deciding) => deciding,
            Err(error) => return self.not_begun(error),
        };
        let mut writes = Writes::default();
        for event in deciding.overdue() {
            writes.changed.extend(deciding.end_overdue(event));
        }
        for event in deciding.waited_for(self.commands()) {
            writes.extend(deciding.offer(event));
        }
        let mut decided = Vec::with_capacity(self.waiting.len());
        for waiting in self.waiting {
            decided.push(match self.is_late(waiting, &deciding) {
                true => CommandDecision::Said(Err(too_late())),
                false => deciding.decide(&waiting.command),
            });
        }
        for (waiting, decided) in self.waiting.iter().zip(&mut decided) {
            if let CommandDecision::Effect(effect) = decided {
                add(&mut writes, effect, self.in_time(waiting));
            }
        }
        match writes.is_empty() {
            true => self.database.rollback().await,
            false => self.database.write(&writes, WriteEnd::Commit).await?,
        }
        deciding.written(&writes);
        self.committed(&deciding, &writes);
        Ok(decided
            .into_iter()
            .map(|one| fate(one, &deciding))
            .collect())
    }

    /// Each command in a savepoint of its own: one that breaks a rule or meets another writer is undone alone.
    async fn one_by_one(&mut self) -> Vec<Fate> {
        let mut deciding = match self.begin().await {
            Ok(deciding) => deciding,
            Err(error) => {
                return self
                    .not_begun(error)
                    .unwrap_or_else(|error| self.all(&error));
            }
        };
        let mut all = Writes::default();
        let mut kept = HashMap::new();
        for event in deciding.overdue() {
            let Some(stock) = deciding.stock(event) else {
                continue;
            };
            let writes = Writes {
                changed: deciding.end_overdue(event),
                ..Writes::default()
            };
            match self.database.write(&writes, WriteEnd::Savepoint).await {
                Ok(()) => note(&mut deciding, &mut all, writes),
                Err(error) if is_lost(&error) => return self.lost(&error).await,
                Err(error) => {
                    deciding.keep_overdue(event, &writes.changed, stock);
                    tracing::warn!(event = event.0, error = %with_causes(&error), "overdue holds cannot be ended");
                    kept.insert(event, verdict::of_database(&error));
                }
            }
        }
        for event in deciding.waited_for(self.commands()) {
            let Some(stock) = deciding.stock(event) else {
                continue;
            };
            let writes = deciding.offer(event);
            let written = match writes.is_empty() {
                true => continue,
                false => self.database.write(&writes, WriteEnd::Savepoint).await,
            };
            match written {
                Ok(()) => note(&mut deciding, &mut all, writes),
                Err(error) if is_lost(&error) => return self.lost(&error).await,
                Err(error) => {
                    deciding.keep_offers(event, stock);
                    tracing::warn!(event = event.0, error = %with_causes(&error), "offers cannot be made");
                }
            }
        }
        let mut fates = Vec::with_capacity(self.waiting.len());
        let mut effects = Vec::new();
        for waiting in self.waiting {
            let event = waiting.command.event();
            let failed = kept.get(&event);
            if let (Command::Expire { .. }, Some(error)) = (&waiting.command, failed) {
                fates.push(Some(Fate::Answer(Err(error.clone()))));
                continue;
            }
            if self.is_late(waiting, &deciding) {
                fates.push(Some(Fate::Answer(Err(too_late()))));
                continue;
            }
            let before = deciding.before(&waiting.command);
            let mut effect = match deciding.decide(&waiting.command) {
                CommandDecision::Effect(effect) => effect,
                decided => {
                    fates.push(Some(fate(decided, &deciding)));
                    continue;
                }
            };
            let mut writes = Writes::default();
            add(&mut writes, &mut effect, self.in_time(waiting));
            let written = match writes.is_empty() {
                true => Ok(()),
                false => self.database.write(&writes, WriteEnd::Savepoint).await,
            };
            match written {
                Ok(()) => {
                    note(&mut deciding, &mut all, writes);
                    effects.push((fates.len(), effect));
                    fates.push(None);
                }
                Err(error) if is_lost(&error) => return self.lost(&error).await,
                Err(error) => {
                    deciding.undo(&waiting.command, before);
                    fates.push(Some(self.fate(waiting, &error)));
                }
            }
        }
        match all.is_empty() {
            true => self.database.rollback().await,
            false => {
                if let Err(error) = self.database.commit(all.in_time).await {
                    return match verdict::failure(&error) {
                        // A deadline has passed: decide again, which drops the late commands and keeps the others.
                        FailureKind::Rule(Rule::Late) => {
                            self.waiting.iter().map(|_| Fate::Again).collect()
                        }
                        _ => self.all(&error),
                    };
                }
            }
        }
        self.committed(&deciding, &all);
        for (index, effect) in effects {
            fates[index] = Some(Fate::Answer(deciding.said(effect)));
        }
        let fates = fates.into_iter();
        fates.map(|fate| fate.unwrap_or(Fate::Again)).collect()
    }

    fn committed(&self, deciding: &Deciding, writes: &Writes) {
        // Where nothing was written, a full disk may be full still.
        if !writes.is_empty() && CROSSED.over() | AWAY.over() {
            tracing::info!("the database takes commands again");
        }
        count(writes);
        mark(deciding, writes);
        if !writes.jobs.is_empty() {
            self.shared.jobs_written.notify_one();
        }
    }

    fn commands(&self) -> impl Iterator<Item = &Command> {
        self.waiting.iter().map(|waiting| &waiting.command)
    }

    async fn begin(&mut self) -> Result<Deciding, StoreError> {
        let mut questions: Questions = batch::questions(self.commands());
        let facts: Facts = self.database.begin(&questions, self.turns).await?;
        let received = self.shared.now();
        self.shared.clock().read(facts.now, received);
        Ok(Deciding::new(
            facts,
            std::mem::take(&mut questions.references),
            self.shared.mails,
        ))
    }

    /// Fates when `begin` failed. A wait for a turn, or for rows, goes on until the deadline.
    fn not_begun(&self, error: StoreError) -> Result<Vec<Fate>, StoreError> {
        match (verdict::failure(&error), self.turns) {
            (FailureKind::Crossed, Turns::Wait) => {
                Ok(self.waiting.iter().map(|_| Fate::Blocked).collect())
            }
            _ => Ok(self.all(&error)),
        }
    }

    /// Whether the command's deadline has passed by either clock: its caller has left.
    fn is_late(&self, waiting: &WaitingCommand, deciding: &Deciding) -> bool {
        let by_ours = waiting.deadline <= self.shared.now();
        let in_time = self.in_time(waiting);
        let by_the_databases = in_time.is_some_and(|at| at <= deciding.now());
        (by_ours || by_the_databases) && !mistaken!(DecideTooLate)
    }

    /// The deadline by the database's clock; if that was not known when the command came, as it is known now.
    fn in_time(&self, waiting: &WaitingCommand) -> Option<Timestamp> {
        let known_now = || self.shared.clock().at(waiting.deadline);
        waiting.in_time.or_else(known_now)
    }

    /// Ends the transaction: all callers are told that nothing was done. A full disk undoes one savepoint only; what the others
    /// have written would keep its turns, and be committed by the next batch of this connection.
    async fn lost(&mut self, error: &StoreError) -> Vec<Fate> {
        if !mistaken!(LeaveOpen) {
            self.database.rollback().await;
        }
        self.all(error)
    }

    /// The same answer for all, since no command is at fault.
    fn all(&self, error: &StoreError) -> Vec<Fate> {
        let commands = self.waiting.len();
        match verdict::failure(error) {
            FailureKind::Crossed => {
                if let Some(batches) = CROSSED.failed() {
                    tracing::warn!(batches, commands, error = %with_causes(error), "commands wait too long");
                }
            }
            FailureKind::Database => {
                if let Some(batches) = AWAY.failed() {
                    tracing::error!(batches, commands, error = %with_causes(error), "the database takes no commands");
                }
            }
            _ => tracing::error!(commands, error = %with_causes(error), "commands failed"),
        }
        let said = verdict::of_database(error);
        let fates = self.waiting.iter();
        fates.map(|_| Fate::Answer(Err(said.clone()))).collect()
    }

    /// The fate of a single command that the database refused.
    fn fate(&self, waiting: &WaitingCommand, error: &StoreError) -> Fate {
        let event = waiting.command.event();
        match verdict::failure(error) {
            FailureKind::Crossed => Fate::Blocked,
            FailureKind::Rule(Rule::Late) => Fate::Answer(Err(too_late())),
            FailureKind::Rule(Rule::Again | Rule::Changed) => Fate::Again,
            FailureKind::Rule(rule) => {
                tracing::warn!(event = event.0, error = %with_causes(error), "the database refused a command");
                Fate::Answer(Err(verdict::refused(rule, &waiting.command)))
            }
            FailureKind::Database => Fate::Answer(Err(verdict::of_database(error))),
            FailureKind::Fault => {
                tracing::error!(event = event.0, error = %with_causes(error), "a command failed");
                Fate::Answer(Err(DeskError::Internal))
            }
        }
    }
}

fn fate(decided: CommandDecision, deciding: &Deciding) -> Fate {
    match decided {
        CommandDecision::Said(verdict) => Fate::Answer(verdict),
        CommandDecision::Effect(effect) => Fate::Answer(deciding.said(effect)),
        CommandDecision::Blocked => Fate::Blocked,
        CommandDecision::Again => Fate::Again,
    }
}

/// Adds a command's writes and deadline to those of the batch.
fn add(writes: &mut Writes, effect: &mut CommandEffect, in_time: Option<Timestamp>) {
    let own = std::mem::take(&mut effect.writes);
    if !own.is_empty() && !mistaken!(DecideTooLate) {
        writes.in_time = writes.in_time.into_iter().chain(in_time).min();
    }
    writes.extend(own);
}

fn note(deciding: &mut Deciding, all: &mut Writes, writes: Writes) {
    deciding.written(&writes);
    all.in_time = all.in_time.into_iter().chain(writes.in_time).min();
    all.extend(writes);
}

/// Counts what was committed, and says it to operators: ids, and nothing of a person.
fn count(writes: &Writes) {
    for new in &writes.new {
        let (event, booking) = (new.booking.event_id.0, new.booking.id.0);
        metrics::BOOKINGS.one("made");
        let user = new.booking.user_id.map(|user| user.0);
        tracing::info!(%booking, event, user, "booking made");
        if new.booking.status == BookingStatus::Confirmed {
            became(BookingStatus::Confirmed, booking, event);
        }
    }
    for changed in writes.changed.iter().filter(|one| one.from != one.to) {
        became(changed.to, changed.id.0, changed.event_id.0);
    }
    let expired = writes
        .changed
        .iter()
        .filter(|one| one.to == BookingStatus::Expired);
    metrics::HOLDS_EXPIRED.add(expired.map(|one| one.claims.len() as u64).sum());
}

fn became(status: BookingStatus, booking: uuid::Uuid, event: i64) {
    metrics::BOOKINGS.one(status.as_str());
    match status {
        BookingStatus::Confirmed => tracing::info!(%booking, event, "booking confirmed"),
        _ => tracing::debug!(%booking, event, status = status.as_str(), "booking ended"),
    }
}

/// Records in traces and log which revisions of which events this transaction made.
fn mark(deciding: &Deciding, writes: &Writes) {
    let span = tracing::Span::current();
    for event in writes.revisions().into_keys() {
        if let Some(revision) = deciding.revision(event) {
            span.record("event", event.0);
            span.record("revision", revision);
            trail::committed(event, revision, &span);
        }
    }
    let (new, changed) = (writes.new.len(), writes.changed.len());
    tracing::debug!(new, changed, "committed");
}

fn is_lost(error: &StoreError) -> bool {
    verdict::failure(error) == FailureKind::Database
}
