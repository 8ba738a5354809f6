//! What the desk is asked for, and what it answers.

use jiff::Timestamp;

use crate::store::idempotency::{IdempotencyKey, Once};
use crate::ticketing::booking::Request;
use crate::ticketing::record::{Booking, PaidBy};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, Transition};
use crate::ticketing::{BookingId, EventId, Revision};

/// A booking to be made.
#[derive(Debug, Clone)]
pub struct Book {
    pub event_id: EventId,
    pub request: Request,
    /// SHA-256 of the token by which a buyer without an account will hold the booking.
    pub token_hash: Option<[u8; 32]>,
    pub key: Option<IdempotencyKey>,
}

/// A booking that was paid to staff.
#[derive(Debug, Clone, Copy)]
pub struct Confirm {
    pub event_id: EventId,
    pub booking_id: BookingId,
    pub paid_by: PaidBy,
}

/// A booking to be given back.
#[derive(Debug, Clone)]
pub struct Cancel {
    pub event_id: EventId,
    pub booking_id: BookingId,
    pub by: Canceller,
    pub reason: Option<String>,
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
    /// The overdue holds of an event are to be ended.
    Expire {
        event_id: EventId,
    },
}

/// The booking as it is committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub booking: Booking,
    /// The event's, at or after the commit of the booking.
    pub revision: Revision,
    /// The database's clock, by which deadlines are measured.
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
    /// The database could not be reached, or broke off. What was asked for may or may not have been done: a
    /// retry with the same idempotency key tells.
    #[error("the outcome is not known")]
    Unavailable,
    /// The database's disk is full. Nothing was done.
    #[error("the database has no room left")]
    Full,
    /// Something that should not happen; it was logged where it did.
    #[error("the command failed")]
    Internal,
}

/// Made by this command, or before: by an earlier one with the same key, or with the same effect.
pub type Outcome = Result<Once<Answer>, DeskError>;

/// What a command comes to.
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

impl From<Refusal> for DeskError {
    fn from(refusal: Refusal) -> DeskError {
        DeskError::Refused(refusal)
    }
}

/// When a caller is told to come again.
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
