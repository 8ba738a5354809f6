//! Commands to the desk, and its answers.

use jiff::Timestamp;

use crate::store::idempotency::{IdempotencyKey, Once};
use crate::ticketing::booking::Request;
use crate::ticketing::record::{Booking, Contact, PaidBy};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, Transition};
use crate::ticketing::{BookingId, EventId, Revision};

/// A booking to be made.
#[derive(Debug, Clone)]
pub struct Book {
    pub event_id: EventId,
    pub request: Request,
    /// SHA-256 of the token that will prove the booking to be that of a buyer without an account.
    pub token_hash: Option<[u8; 32]>,
    pub contact: Option<Contact>,
    pub key: Option<IdempotencyKey>,
}

/// Confirms a booking that was paid to staff.
#[derive(Debug, Clone, Copy)]
pub struct Confirm {
    pub event_id: EventId,
    pub booking_id: BookingId,
    pub paid_by: PaidBy,
}

/// Cancels a booking.
#[derive(Debug, Clone)]
pub struct Cancel {
    pub event_id: EventId,
    pub booking_id: BookingId,
    pub by: Canceller,
    pub reason: Option<String>,
}

/// Ends a hold, for a reason of the organizer's.
#[derive(Debug, Clone)]
pub struct Release {
    pub event_id: EventId,
    pub booking_id: BookingId,
    pub reason: String,
}

/// One request to change an event's claims.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Book(Box<Book>),
    Change {
        event_id: EventId,
        booking_id: BookingId,
        transition: Transition,
    },
    /// Ends the event's overdue holds.
    Expire {
        event_id: EventId,
    },
}

/// The booking as it was committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub booking: Booking,
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
}

pub(crate) type Verdict = Result<Said, DeskError>;

impl Command {
    pub(crate) fn event(&self) -> EventId {
        match self {
            Command::Book(book) => book.event_id,
            Command::Change { event_id, .. } | Command::Expire { event_id } => *event_id,
        }
    }
}

impl From<Confirm> for Command {
    fn from(confirm: Confirm) -> Command {
        let Confirm {
            event_id,
            booking_id,
            paid_by,
        } = confirm;
        Command::Change {
            event_id,
            booking_id,
            transition: Transition::Confirm { paid_by },
        }
    }
}

impl From<Cancel> for Command {
    fn from(cancel: Cancel) -> Command {
        let Cancel {
            event_id,
            booking_id,
            by,
            reason,
        } = cancel;
        Command::Change {
            event_id,
            booking_id,
            transition: Transition::Cancel { by, reason },
        }
    }
}

impl From<Release> for Command {
    fn from(release: Release) -> Command {
        let Release {
            event_id,
            booking_id,
            reason,
        } = release;
        Command::Change {
            event_id,
            booking_id,
            transition: Transition::Release { reason },
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
