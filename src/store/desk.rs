//! The desk's transaction: takes the turns of many events, reads what the rules need, writes what was decided.
//!
//! Two round trips: [`DeskConnection::begin`] sends `begin`, the lock and every read at once,
//! [`DeskConnection::write`] every write and `commit`. A third read is sent where seats have to be chosen or
//! overdue holds ended. The statements of a round trip are pipelined: joined flat and polled in order, because
//! a future that waits between two statements would send the second one behind all others, `commit` included.
//!
//! # The turn comes first
//! A row of `turns` is an event's turn, and the triggers lock it before they move a counter. Every
//! transaction of ours takes the turns first, in id order, and everything else after, so no two of them can each hold
//! what the other waits for. The first round never waits for a turn: it skips the events whose turn somebody else
//! has. A second round, on a connection of its own, waits for one event alone.
//! What is read after the lock is the truth until commit. Writers of plain SQL that lock a booking or claim before
//! they take the turn may cross with us; then one of the two gets 40P01 or runs into `lock_timeout`, and
//! we decide again.
//!
//! # Plans
//! These connections plan once, generically, and only with look-ups by key (`connection.rs`): a plan that was made
//! while a table was small would stay a full scan for the life of the connection.
//! `from unnest(…) cross join lateral (… limit)` says how many rows a look-up finds.
//!
//! Clock: `statement_timestamp()` of statements that begin after the lock was granted. Unlike `clock_timestamp()`
//! it can bound an index scan.

mod connection;
mod read;
mod write;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

pub use self::connection::DeskConnection;
use super::StoreError;
use super::idempotency::{IdempotencyKey, StoredAnswer};
use crate::ticketing::record::{Booking, BookingStatus, PaidBy, Ticket};
use crate::ticketing::stock::{ClaimState, Stock};
use crate::ticketing::transition::{OverdueHold, Standing};
use crate::ticketing::{BookingId, ClaimId, EventId, Revision, SeatId, TicketTypeId, UserId};

/// The constraint by which the database's clock refuses a write whose callers have left.
pub const IN_TIME: &str = "command_in_time";
/// The constraint that refuses a change of a booking that somebody else has changed meanwhile.
pub const AS_READ: &str = "booking_as_read";

/// A database as the desk uses it. The simulation has another one.
pub(crate) trait DeskDatabase: Send {
    /// Begins a transaction, takes turns and reads. After an error there is no transaction.
    fn begin(
        &mut self,
        questions: &Questions,
        turns: Turns,
    ) -> impl Future<Output = Result<Facts, StoreError>> + Send;

    /// All of `writes` or nothing. After an error with [`End::Commit`] there is no transaction any more, and
    /// [`StoreError::Unavailable`] leaves open whether it was committed; after one with [`End::Savepoint`] the
    /// transaction is as it was before, unless the error says that the connection is lost.
    fn write(
        &mut self,
        writes: &Writes,
        end: End,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Commits what savepoints hold, if it is not later than `in_time` by the database's clock.
    fn commit(
        &mut self,
        in_time: Option<Timestamp>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends the transaction, if there is one.
    fn rollback(&mut self) -> impl Future<Output = ()> + Send;
}

/// How turns are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// Those that are free; events whose turn somebody else has are left out.
    Free,
    /// All of them; waits, for at most the desk's lock timeout.
    Wait,
}

/// What follows the writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Commit,
    /// Nothing: they are in a savepoint, so that a failure undoes them alone.
    Savepoint,
}

/// What the commands of a batch make it necessary to read.
#[derive(Debug, Default)]
pub struct Questions {
    /// In id order, each once.
    pub events: Vec<EventId>,
    /// Ticket types whose terms and pools the rules need; `None`: all of the event's. Every event has a row here.
    pub types: Vec<(EventId, Option<TicketTypeId>)>,
    pub buyers: Vec<(EventId, UserId)>,
    /// Seats asked for by name.
    pub seats: Vec<SeatId>,
    /// Ticket types of which seats may have to be chosen; `None`: any of the event's.
    pub choices: Vec<(EventId, Option<TicketTypeId>)>,
    pub keys: Vec<IdempotencyKey>,
    pub bookings: Vec<BookingId>,
    /// Candidates, some of which may be taken.
    pub references: Vec<String>,
    /// Events whose overdue holds are to be ended, whether or not it is known that there are any.
    pub overdue: Vec<EventId>,
}

/// What the rules decide on: the truth until the transaction ends.
#[derive(Debug)]
pub struct Facts {
    pub now: Timestamp,
    /// An event that is missing does not exist.
    pub events: BTreeMap<EventId, EventFacts>,
    /// A booking that is missing does not exist.
    pub bookings: BTreeMap<BookingId, Found>,
    /// By scope and digest of the key.
    pub stored: HashMap<(String, String), StoredAnswer>,
    pub references_taken: Vec<String>,
}

#[derive(Debug)]
pub struct EventFacts {
    /// `None`: somebody else has the event's turn, and nothing may be decided about it.
    pub revision: Option<Revision>,
    pub stock: Stock,
    pub overdue: Vec<OverdueHold>,
}

#[derive(Debug)]
pub enum Found {
    Here(Box<Standing>),
    /// Somebody else is changing it at this moment.
    Locked,
}

/// What a transaction writes.
#[derive(Debug, Default)]
pub struct Writes {
    pub new: Vec<NewBooking>,
    pub changed: Vec<ChangedBooking>,
    /// By the database's clock: past it nothing is written, because somebody among the callers has left.
    pub in_time: Option<Timestamp>,
}

/// A booking to be written: row, items, claims, tickets, and the answer to be remembered.
#[derive(Debug, Clone)]
pub struct NewBooking {
    pub booking: Booking,
    pub state: ClaimState,
    /// SHA-256 of the token of a buyer without an account.
    pub token_hash: Option<[u8; 32]>,
    pub key: Option<IdempotencyKey>,
}

/// A booking that changes its status.
#[derive(Debug, Clone)]
pub struct ChangedBooking {
    pub id: BookingId,
    pub event_id: EventId,
    pub from: BookingStatus,
    pub to: BookingStatus,
    pub cancel_reason: Option<String>,
    pub confirmed_at: Option<Timestamp>,
    pub paid_by: Option<PaidBy>,
    /// Its live claims: they are sold when it is confirmed, else they die.
    pub claims: Vec<ClaimId>,
    pub new_tickets: Vec<Ticket>,
    /// Whether it has valid tickets, which end with it.
    pub voids_tickets: bool,
}

impl Writes {
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.changed.is_empty()
    }

    /// How many revisions these writes make for each event: one for each statement that moves its claims.
    pub fn revisions(&self) -> BTreeMap<EventId, Revision> {
        let moved = self.changed.iter().filter(|one| !one.claims.is_empty());
        let moved: std::collections::BTreeSet<_> = moved.map(|one| one.event_id).collect();
        let made = self.new.iter().map(|one| one.booking.event_id);
        let made: std::collections::BTreeSet<_> = made.collect();
        let mut revisions = BTreeMap::new();
        for event in moved.into_iter().chain(made) {
            *revisions.entry(event).or_default() += 1;
        }
        revisions
    }
}
