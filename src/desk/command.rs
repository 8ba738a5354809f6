//! Commands to the desk, and its answers.

use std::sync::Arc;

use jiff::Timestamp;

use crate::lang::Lang;
use crate::store::audit_trail::AuditEntry;
use crate::store::idempotency::{IdempotencyKey, Once};
use crate::store::jobs::QueuedJob;
use crate::store::seats::SeatsChange;
use crate::ticketing::booking::Request;
use crate::ticketing::record::{Answers, Attendee, Booking, Contact};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::Transition;
use crate::ticketing::{BookingId, EventId, Revision};

/// A booking to be made.
#[derive(Debug, Clone)]
pub struct Book {
    pub event_id: EventId,
    pub request: Request,
    /// SHA-256 of the token that will prove the booking to be that of a buyer without an account.
    pub token_hash: Option<[u8; 32]>,
    pub contact: Option<Contact>,
    /// In the order of the tickets.
    pub attendees: Vec<Attendee>,
    pub answers: Option<Answers>,
    pub key: Option<IdempotencyKey>,
    /// The language in which the buyer is written to.
    pub lang: Lang,
}

/// Changes a booking that stands.
#[derive(Debug, Clone)]
pub struct Change {
    pub event_id: EventId,
    pub booking_id: BookingId,
    pub transition: Transition,
    pub with: Companions,
}

/// Rows that are written in the transaction of a change, if it happens now and did not happen before.
#[derive(Debug, Clone, Default)]
pub struct Companions {
    pub jobs: Vec<QueuedJob>,
    /// Written if the booking has been confirmed since it was read.
    pub if_confirmed: Option<QueuedJob>,
    /// Of what staff do.
    pub audit: Option<AuditEntry>,
}

/// Changes seats, and ends the holds that are in the way: all of it or nothing.
#[derive(Debug, Clone)]
pub struct Withdraw {
    pub event_id: EventId,
    pub change: SeatsChange,
    pub audit: Option<AuditEntry>,
}

/// One request to change an event's claims.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Book(Box<Book>),
    Change(Box<Change>),
    Withdraw(Box<Withdraw>),
    /// Ends the event's overdue holds.
    Expire {
        event_id: EventId,
    },
}

/// The booking as it was committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub booking: Arc<Booking>,
    /// The event's revision at or after the booking's commit.
    pub revision: Revision,
    /// Time by the database's clock, which deadlines refer to.
    pub now: Timestamp,
}

/// Holds that were ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    pub holds: u64,
    pub revision: Revision,
}

/// Seats that were changed, with the holds that ended for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withdrawn {
    pub holds: u64,
    pub revision: Revision,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeskError {
    #[error("refused: {}", .0.code())]
    Refused(Refusal),
    /// The database could not be reached, or the connection broke. The command may or may not have been committed:
    /// a retry with the same idempotency key tells.
    #[error("the outcome is not known")]
    Unavailable,
    /// The database's disk is full. Nothing was done.
    #[error("the database has no room left")]
    Full,
    /// A value that the database does not take, though nothing before it refused it.
    #[error("a value cannot be stored")]
    BadValue,
    /// A fault of ours; the cause is in the log.
    #[error("the command failed")]
    Internal,
}

/// `Once` says whether this command made the booking, or an earlier one with the same key or effect.
pub type Outcome = Result<Once<Answer>, DeskError>;

/// The answer to a command that was carried out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    Booking(Box<Once<Answer>>),
    Expired(Expired),
    Withdrawn(Withdrawn),
}

pub(crate) type Verdict = Result<Said, DeskError>;

impl Command {
    pub(crate) fn event(&self) -> EventId {
        match self {
            Command::Book(book) => book.event_id,
            Command::Change(change) => change.event_id,
            Command::Withdraw(withdraw) => withdraw.event_id,
            Command::Expire { event_id } => *event_id,
        }
    }
}

impl Change {
    pub fn new(event_id: EventId, booking_id: BookingId, transition: Transition) -> Change {
        Change {
            event_id,
            booking_id,
            transition,
            with: Companions::default(),
        }
    }
}

impl From<Refusal> for DeskError {
    fn from(refusal: Refusal) -> DeskError {
        DeskError::Refused(refusal)
    }
}

/// `Retry-After` of a caller that is told `BUSY`, in seconds.
const RETRY_AFTER_S: u64 = 1;

pub(super) fn busy() -> DeskError {
    DeskError::Refused(Refusal::Busy {
        retry_after_s: RETRY_AFTER_S,
    })
}

pub(super) fn too_late() -> DeskError {
    DeskError::Refused(Refusal::TooLate {
        retry_after_s: RETRY_AFTER_S,
    })
}
