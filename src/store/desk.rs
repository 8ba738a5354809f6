//! The desk's transaction: takes the turns of many events, reads the rows that the rules need, writes the decisions.
//!
//! Two round trips: [`DeskConnection::begin`] sends `begin`, the lock and every read at once,
//! [`DeskConnection::write`] every write and `commit`. One more is made where seats have to be chosen, overdue
//! holds ended, or taxes and fees read of an event that had none before. The statements of a round trip are
//! pipelined, as futures that are joined flat and polled in order: a future that waits between two statements would
//! send the second one after all others, even after `commit`. Writes go in two lots for one reason: the answers are
//! put into words while the database works on the bookings. `commit` is the last of the second.
//!
//! # The turn comes first
//! A row of `turns` is an event's turn, and the triggers lock it before they move a counter. Every
//! transaction of the server locks the turns first, in id order, and all other rows after, so no two of them can
//! deadlock. The first round never waits for a turn: it skips events whose turn another transaction holds. A second
//! round, on a connection of its own, waits for one event alone.
//! Rows that are read after the lock stay as they are until commit. A writer of plain SQL that locks a booking or
//! claim before the turn may deadlock with the desk; then one of the two gets 40P01 or runs into `lock_timeout`, and
//! the desk decides again.
//!
//! # Plans
//! These connections plan once, generically, and only with look-ups by key (`connection.rs`): a plan that was made
//! while a table was small would stay a full scan for the life of the connection.
//! `from unnest(…) cross join lateral (… limit)` tells the planner how many rows a look-up finds.
//!
//! Time is `statement_timestamp()` of statements that begin after the lock was granted. Unlike `clock_timestamp()`
//! it can bound an index scan.

mod connection;
mod facts;
mod read;
mod rows;
mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

pub use self::connection::DeskConnection;
pub use self::read::OVERDUE_PER_EVENT_MAX;
use super::audit_trail::AuditEntry;
use super::idempotency::{IdempotencyKey, StoredAnswer};
use super::jobs::QueuedJob;
use super::seats::SeatsChange;
use super::{Store, StoreError};
use crate::lang::Lang;
use crate::ticketing::record::{
    Answers, Attendee, Booking, BookingItem, BookingKind, BookingLine, BookingStatus, Contact,
    PaidBy, Ticket,
};
use crate::ticketing::stock::{Claim, ClaimState, GuestHash, Stock};
use crate::ticketing::transition::{KeptPlace, OverdueHold, Standing, kept_places};
use crate::ticketing::waitlist::WaitingBuyer;
use crate::ticketing::{
    BookingId, EventId, PaymentId, Revision, SeatId, TicketTypeId, UserId, VoucherId, WaitingId,
};

/// The constraint that refuses a write after its deadline, by the database's clock.
pub const IN_TIME: &str = "command_in_time";
/// The constraint that refuses to change a booking that another transaction has changed since it was read.
pub const AS_READ: &str = "booking_as_read";
/// The constraint that refuses to sell to an attempt that ended, or that its buyer does not want any more.
pub const STILL_PAYING: &str = "payment_still_wanted";

/// A database as the desk uses it. The simulation has another one.
pub(crate) trait DeskDatabase: Send {
    /// Begins a transaction, takes turns and reads. After an error there is no transaction.
    fn begin(
        &mut self,
        questions: &Questions,
        turns: Turns,
    ) -> impl Future<Output = Result<Facts, StoreError>> + Send;

    /// All of `writes` or nothing. After an error with [`WriteEnd::Commit`] there is no transaction any more, and
    /// [`StoreError::Unavailable`] leaves open whether it was committed; after one with [`WriteEnd::Savepoint`] the
    /// transaction is as it was before, unless the error says that the connection is lost.
    fn write(
        &mut self,
        writes: &Writes,
        end: WriteEnd,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Commits the writes of all savepoints, unless it is later than `in_time` by the database's clock.
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
    /// Take the free ones; events whose turn another transaction holds are left out.
    Free,
    /// Take all of them; waits for at most the desk's lock timeout.
    Wait,
}

/// The end of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteEnd {
    Commit,
    /// The writes are in a savepoint, so that a failure undoes them alone.
    Savepoint,
}

/// The rows that the commands of a batch need.
#[derive(Debug, Default)]
pub struct Questions {
    /// In id order, each once.
    pub events: Vec<EventId>,
    /// Ticket types whose terms and pools the rules need; `None`: all of the event's. Every event has a row here.
    pub types: Vec<(EventId, Option<TicketTypeId>)>,
    pub buyers: Vec<(EventId, UserId)>,
    pub guests: Vec<(EventId, GuestHash)>,
    /// Events of which something is booked: their taxes and fees are needed.
    pub booked: Vec<EventId>,
    /// Vouchers by code.
    pub vouchers: Vec<(EventId, String)>,
    /// Seats asked for by name.
    pub seats: Vec<SeatId>,
    /// Seats whose holders' bookings are needed.
    pub held_seats: Vec<SeatId>,
    /// Ticket types whose seats the server may have to choose; `None`: any of the event's.
    pub choices: Vec<(EventId, Option<TicketTypeId>)>,
    pub keys: Vec<IdempotencyKey>,
    pub bookings: Vec<BookingId>,
    /// Those of `bookings` that are given again if they have ended.
    pub reclaimed: Vec<BookingId>,
    /// Candidates for new bookings' references; some may be in use.
    pub references: Vec<String>,
    /// Events of which commands may free stock.
    pub freeing: BTreeSet<EventId>,
    /// Events whose overdue holds are to be ended, if there are any.
    pub overdue: Vec<EventId>,
    /// Units booked of events of which nothing is asked but units of named ticket types, without a voucher.
    pub units: BTreeMap<EventId, i64>,
}

/// The rows that the rules decide on. What the turn guards stays as it is until the transaction ends. Bookings that
/// were read with [`Turns::Wait`] are not locked; a write refuses those that have changed ([`AS_READ`]).
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
    /// `None`: another transaction holds the event's turn, so nothing may be decided.
    pub revision: Option<Revision>,
    pub stock: Stock,
    pub overdue: Vec<OverdueHold>,
    /// Those who wait for its tickets, in order; read where the batch may have something for them.
    pub waiting: Vec<WaitingBuyer>,
}

#[derive(Debug)]
pub enum Found {
    Here(Box<Standing>),
    /// Another transaction has locked the row.
    Locked,
}

/// The writes of a transaction.
#[derive(Debug, Default)]
pub struct Writes {
    pub new: Vec<NewBooking>,
    pub changed: Vec<ChangedBooking>,
    /// Those who waited, and the new bookings that they are offered.
    pub offers: Vec<(WaitingId, BookingId)>,
    /// Offers that staff withdrew: whoever had one waits on at their old place.
    pub withdrawn_offers: Vec<BookingId>,
    /// Written after the changed bookings, whose claims may be on them.
    pub seats: Vec<ChangedSeats>,
    /// Jobs that follow; one with the key of an earlier one is not written.
    pub jobs: Vec<QueuedJob>,
    /// Of what staff did.
    pub audit: Vec<AuditEntry>,
    /// Deadline by the database's clock: after it nothing is written, since one of the callers no longer waits.
    pub in_time: Option<Timestamp>,
}

/// A booking to be written: row, items, claims, tickets, and the answer to be stored under its idempotency key.
#[derive(Debug, Clone)]
pub struct NewBooking {
    pub booking: Arc<Booking>,
    pub state: ClaimState,
    /// SHA-256 of the token of a buyer without an account.
    pub token_hash: Option<[u8; 32]>,
    pub guest: Option<GuestHash>,
    pub contact: Option<Contact>,
    pub attendees: Vec<Attendee>,
    pub answers: Option<Answers>,
    pub vouchers: Vec<VoucherId>,
    /// The vouchers from whose reserves tickets are taken, by ticket type.
    pub reserves: BTreeMap<TicketTypeId, VoucherId>,
    /// Fees that the organizer pays.
    pub absorbed_fee_amount: i64,
    pub key: Option<IdempotencyKey>,
    /// The language in which the buyer is written to.
    pub lang: Lang,
}

/// A booking that changes. `None` and empty: as it was.
#[derive(Debug, Clone)]
pub struct ChangedBooking {
    pub id: BookingId,
    pub event_id: EventId,
    pub from: BookingStatus,
    pub to: BookingStatus,
    pub cancel_reason: Option<String>,
    pub confirmed_at: Option<Timestamp>,
    pub paid_by: Option<PaidBy>,
    pub payment_id: Option<PaymentId>,
    /// The payment, where the booking is sold to it by this change.
    pub sold_to: Option<PaymentId>,
    pub expires_at: Option<Timestamp>,
    pub extended_at: Option<Timestamp>,
    pub processing_since: Option<Timestamp>,
    pub kind: Option<BookingKind>,
    pub contents: Option<Contents>,
    pub claims: Vec<ChangedClaim>,
    /// Of a booking that takes its stock again, or other stock.
    pub new_claims: Vec<Claim>,
    pub new_tickets: Vec<Ticket>,
    /// Codes of tickets that are void now.
    pub void: Vec<String>,
}

/// Seats of an event that become something else, where they are not so already.
#[derive(Debug, Clone)]
pub struct ChangedSeats {
    pub event_id: EventId,
    /// One of them is not: that makes a revision.
    pub differs: bool,
    pub change: SeatsChange,
}

/// A live claim that changes.
#[derive(Debug, Clone, Copy)]
pub struct ChangedClaim {
    pub was: Claim,
    /// `None`: it dies.
    pub is: Option<Claim>,
}

/// The tickets and the price of a booking.
#[derive(Debug, Clone)]
pub struct Contents {
    pub quantity: i64,
    pub total_amount: i64,
    /// Fees that the organizer pays; `None`: as it was.
    pub absorbed_fee_amount: Option<i64>,
    pub items: Vec<BookingItem>,
    pub lines: Vec<BookingLine>,
    /// Tickets whose names stay.
    pub kept: Vec<KeptPlace>,
}

impl Contents {
    pub fn of(was: &Standing, standing: &Standing) -> Contents {
        let booking = &standing.booking;
        Contents {
            quantity: booking.quantity,
            total_amount: booking.total.amount,
            absorbed_fee_amount: standing.absorbed_fee_amount,
            items: booking.items.clone(),
            lines: booking.lines.clone(),
            kept: kept_places(&was.claims, &standing.claims),
        }
    }
}

impl Questions {
    /// Whether holds that are overdue may decide what the commands on the event are answered. They do not where all find
    /// enough and have nothing themselves: those bookings do not wait for thousands of holds that ran out at the same moment.
    /// An event with a waitlist is none of them, since what comes free is offered.
    pub(crate) fn turns_on_overdue(&self, event: EventId, stock: &Stock) -> bool {
        if mistaken!(LeaveOverdue) {
            return false;
        }
        let Some(units) = self.units.get(&event) else {
            return true;
        };
        let mut types = stock.ticket_types.values();
        let mut buyers = stock.buyers.values();
        types.any(|terms| terms.seated || stock.left(terms) < *units)
            || buyers.any(|buyer| buyer.pending.is_some() || buyer.tickets > 0)
    }
}

impl Store {
    /// The rows that the price of bookings depends on, read without a turn.
    pub async fn look(&self, asked: &Questions) -> Result<Facts, StoreError> {
        read::look(&self.client().await?, asked).await
    }
}

impl Writes {
    pub fn is_empty(&self) -> bool {
        let Writes {
            new,
            changed,
            seats,
            jobs,
            ..
        } = self;
        new.is_empty() && changed.is_empty() && seats.is_empty() && jobs.is_empty()
    }

    /// Adds other writes; the deadline stays.
    pub(crate) fn extend(&mut self, other: Writes) {
        self.new.extend(other.new);
        self.changed.extend(other.changed);
        self.offers.extend(other.offers);
        self.withdrawn_offers.extend(other.withdrawn_offers);
        self.seats.extend(other.seats);
        self.jobs.extend(other.jobs);
        self.audit.extend(other.audit);
    }

    /// Events whose counters or seats the changed claims move: what one gives up, another may take in the same statement.
    fn moved(&self) -> BTreeSet<EventId> {
        let mut units: BTreeMap<(EventId, TicketTypeId, bool), i64> = BTreeMap::new();
        let mut seats: BTreeMap<(EventId, SeatId, bool), i64> = BTreeMap::new();
        // Of reserves: what the one gives back may be set aside, and the other takes of the common stock.
        let mut drawn: BTreeMap<(EventId, VoucherId), i64> = BTreeMap::new();
        for change in &self.changed {
            for claim in &change.claims {
                let signed = [(Some(claim.was), -1), (claim.is, 1)];
                let signed = signed
                    .into_iter()
                    .filter_map(|(claim, by)| Some((claim?, by)));
                for (claim, by) in signed {
                    let (event, sold) = (change.event_id, claim.state == ClaimState::Sold);
                    *units
                        .entry((event, claim.ticket_type_id, sold))
                        .or_default() += by * claim.quantity;
                    if let Some(seat) = claim.seat_id {
                        *seats.entry((event, seat, sold)).or_default() += by;
                    }
                    if let Some(voucher) = claim.voucher_id {
                        *drawn.entry((event, voucher)).or_default() += by * claim.quantity;
                    }
                }
            }
        }
        let units = units.into_iter().filter(|(_, by)| *by != 0);
        let seats = seats.into_iter().filter(|(_, by)| *by != 0);
        let drawn = drawn.into_iter().filter(|(_, by)| *by != 0);
        let units = units.map(|((event, ..), _)| event);
        let drawn = drawn.map(|((event, _), _)| event);
        let seats = seats.map(|((event, ..), _)| event);
        units.chain(drawn).chain(seats).collect()
    }

    /// How many revisions these writes make for each event: one for each statement that moves its claims or changes its seats.
    pub fn revisions(&self) -> BTreeMap<EventId, Revision> {
        let moved = self.moved();
        let again = self.changed.iter().filter(|one| !one.new_claims.is_empty());
        let made = self.new.iter().map(|one| one.booking.event_id);
        let made: BTreeSet<_> = made.chain(again.map(|one| one.event_id)).collect();
        let seats = self.seats.iter().filter(|one| one.differs);
        let seats: BTreeSet<_> = seats.map(|one| one.event_id).collect();
        let mut revisions = BTreeMap::new();
        for event in moved.into_iter().chain(made).chain(seats) {
            *revisions.entry(event).or_default() += 1;
        }
        revisions
    }
}
