//! Waiting commands by event, and the order in which workers take them. No I/O, no clock.
//!
//! An event's commands are decided in the order in which they came, by one worker at a time. Events are served
//! round-robin: one whose commands were served goes to the end.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tracing::Span;

use super::command::{Command, Verdict, too_late};
use crate::config::inside::DESK_WORKERS_MAX;
use crate::metrics;
use crate::ticketing::{BookingId, EventId};

/// A command in the queue.
#[derive(Debug)]
pub(crate) struct WaitingCommand {
    pub(crate) id: u64,
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Verdict>,
    /// Time at which the caller stops waiting, by this node's clock.
    pub(crate) deadline: Instant,
    /// The same by the database's clock; `None` if that was not known yet when the command came.
    pub(crate) in_time: Option<Timestamp>,
    /// How often the command was decided without being committed.
    pub(crate) tries: u32,
    /// Span of the request; the booking's reference and revision are recorded in it.
    pub(crate) span: Span,
}

/// Bounds of the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    pub(crate) of_event_max: usize,
    pub(crate) in_all_max: usize,
    pub(crate) batch_max: usize,
    /// Commands that can be taken and wait for a worker, for which another one starts.
    pub(crate) another_worker_from: usize,
}

/// Commands in one transaction.
#[derive(Debug)]
pub(crate) struct CommandBatch {
    pub(crate) commands: Vec<WaitingCommand>,
    pub(crate) events: BTreeSet<EventId>,
}

/// Tasks that the caller has to start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Start {
    /// Serves many events at once and waits for no turn.
    pub(crate) worker: bool,
    /// Waits for the turn of one event.
    pub(crate) waiter: bool,
}

#[derive(Debug)]
pub(crate) struct Queue {
    limits: QueueLimits,
    lines: HashMap<EventId, EventLine>,
    /// Events whose commands can be taken.
    ready: VecDeque<EventId>,
    /// Events whose turn another transaction holds.
    blocked: VecDeque<EventId>,
    waiting: usize,
    workers: usize,
    waits: bool,
    last_id: u64,
}

#[derive(Debug)]
struct EventLine {
    commands: VecDeque<WaitingCommand>,
    place: LinePlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinePlace {
    Ready,
    Blocked,
    /// A worker is serving the event.
    Taken,
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Queue {
        Queue {
            limits,
            lines: HashMap::new(),
            ready: VecDeque::new(),
            blocked: VecDeque::new(),
            waiting: 0,
            workers: 0,
            waits: false,
            last_id: 0,
        }
    }

    /// A new number for a command.
    pub(crate) fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// # Errors
    /// The queue is full.
    pub(crate) fn enqueue(
        &mut self,
        waiting: WaitingCommand,
    ) -> Result<Start, Box<WaitingCommand>> {
        let event = waiting.command.event();
        let line = self.lines.get(&event);
        let of_event = line.map_or(0, |line| line.commands.len());
        if of_event >= self.limits.of_event_max || self.waiting >= self.limits.in_all_max {
            return Err(Box::new(waiting));
        }
        self.count(1);
        let line = self.lines.entry(event).or_insert_with(|| {
            self.ready.push_back(event);
            EventLine {
                commands: VecDeque::new(),
                place: LinePlace::Ready,
            }
        });
        line.commands.push_back(waiting);
        Ok(self.start())
    }

    /// The next batch, over many events. `None` ends the worker.
    pub(crate) fn take(&mut self, now: Instant) -> Option<(CommandBatch, Start)> {
        let mut batch = CommandBatch {
            commands: Vec::new(),
            events: BTreeSet::new(),
        };
        let mut bookings = HashSet::new();
        for _ in 0..self.ready.len() {
            if batch.commands.len() < self.limits.batch_max
                && let Some(event) = self.ready.pop_front()
            {
                self.take_line(event, now, &mut batch, &mut bookings);
            }
        }
        if batch.commands.is_empty() {
            self.workers = self.workers.saturating_sub(1);
            return None;
        }
        Some((batch, self.start()))
    }

    /// The commands of one event whose turn another transaction holds. `None` ends the waiter.
    pub(crate) fn take_blocked(&mut self, now: Instant) -> Option<CommandBatch> {
        let mut batch = CommandBatch {
            commands: Vec::new(),
            events: BTreeSet::new(),
        };
        while batch.commands.is_empty()
            && let Some(event) = self.blocked.pop_front()
        {
            self.take_line(event, now, &mut batch, &mut HashSet::new());
        }
        self.waits = !batch.commands.is_empty();
        self.waits.then_some(batch)
    }

    /// Moves an event's commands into the batch. A second change of the same booking is left to the next batch, which
    /// reads the result of the first. The end of holds goes alone: it may be of hundreds, and whoever comes meanwhile waits for
    /// it once, not with the next of them again. So do changes of seats: what they leave is read anew for the next command.
    fn take_line(
        &mut self,
        event: EventId,
        now: Instant,
        batch: &mut CommandBatch,
        bookings: &mut HashSet<BookingId>,
    ) {
        let Some(line) = self.lines.get_mut(&event) else {
            return;
        };
        let mut gone = 0;
        while batch.commands.len() < self.limits.batch_max
            && let Some(waiting) = line.commands.pop_front()
        {
            // The caller has gone: drop the command.
            if waiting.answer.is_closed() {
                gone += 1;
                continue;
            }
            if waiting.deadline <= now && !mistaken!(DecideTooLate) {
                gone += 1;
                let _ = waiting.answer.send(Err(too_late()));
                continue;
            }
            let has_company = batch.events.contains(&event);
            let (goes_alone, waits) = match &waiting.command {
                Command::Change(change) => (false, !bookings.insert(change.booking_id)),
                Command::Withdraw(_) if mistaken!(WithdrawInCompany) => (false, false),
                Command::Expire { .. } | Command::Withdraw(_) => (true, has_company),
                Command::Book(_) => (false, false),
            };
            if waits {
                line.commands.push_front(waiting);
                break;
            }
            gone += 1;
            batch.commands.push(waiting);
            batch.events.insert(event);
            if goes_alone {
                break;
            }
        }
        match (batch.events.contains(&event), line.commands.is_empty()) {
            (true, _) => line.place = LinePlace::Taken,
            (false, true) => drop(self.lines.remove(&event)),
            (false, false) => {
                line.place = LinePlace::Ready;
                self.ready.push_back(event);
            }
        }
        self.count(-gone);
    }

    /// Ends a worker's hold of an event; the commands in `back` go to the front of its line. [`Queue::start`] says who is to
    /// serve them.
    pub(crate) fn put_back(&mut self, event: EventId, back: Vec<WaitingCommand>, blocked: bool) {
        let Some(line) = self.lines.get_mut(&event) else {
            return;
        };
        let count = i64::try_from(back.len()).unwrap_or(0);
        for waiting in back.into_iter().rev() {
            line.commands.push_front(waiting);
        }
        if line.commands.is_empty() {
            self.lines.remove(&event);
        } else if blocked {
            line.place = LinePlace::Blocked;
            self.blocked.push_back(event);
        } else {
            line.place = LinePlace::Ready;
            self.ready.push_back(event);
        }
        self.count(count);
    }

    /// Removes a command whose caller stops waiting. `false`: a worker has taken it.
    pub(crate) fn withdraw(&mut self, event: EventId, id: u64) -> bool {
        let Some(line) = self.lines.get_mut(&event) else {
            return false;
        };
        let Some(index) = line.commands.iter().position(|one| one.id == id) else {
            return false;
        };
        line.commands.remove(index);
        if line.commands.is_empty() && line.place != LinePlace::Taken {
            self.lines.remove(&event);
            self.ready.retain(|ready| *ready != event);
            self.blocked.retain(|blocked| *blocked != event);
        }
        self.count(-1);
        true
    }

    /// Takes every command that waits.
    pub(crate) fn take_all(&mut self) -> Vec<WaitingCommand> {
        let mut lines: Vec<_> = self.lines.iter_mut().collect();
        lines.sort_unstable_by_key(|(event, _)| **event);
        let lines = lines.into_iter().map(|(_, line)| line);
        let all: Vec<_> = lines.flat_map(|line| line.commands.drain(..)).collect();
        self.lines.retain(|_, line| line.place == LinePlace::Taken);
        self.ready.clear();
        self.blocked.clear();
        self.count(-i64::try_from(all.len()).unwrap_or(0));
        all
    }

    /// Counts off a worker that panicked.
    pub(crate) fn worker_died(&mut self) -> Start {
        self.workers = self.workers.saturating_sub(1);
        self.start()
    }

    pub(crate) fn waiter_died(&mut self) -> Start {
        self.waits = false;
        self.start()
    }

    /// The tasks to start for what can be taken now. They count as started, so all of them have to be.
    pub(crate) fn start(&mut self) -> Start {
        let worker = match self.workers {
            0 => !self.ready.is_empty(),
            workers if workers < DESK_WORKERS_MAX => self.has_enough_for_another(),
            _ => false,
        };
        self.workers += usize::from(worker);
        let waiter = !self.waits && !self.blocked.is_empty();
        self.waits |= waiter;
        Start { worker, waiter }
    }

    fn has_enough_for_another(&self) -> bool {
        let mut commands = 0;
        for event in &self.ready {
            commands += self.lines.get(event).map_or(0, |line| line.commands.len());
            if commands >= self.limits.another_worker_from {
                return true;
            }
        }
        false
    }

    fn count(&mut self, by: i64) {
        let by_size = isize::try_from(by).unwrap_or(0);
        self.waiting = self.waiting.saturating_add_signed(by_size);
        metrics::DESK_QUEUE.add(by);
    }
}

#[cfg(test)]
mod tests;
