//! Turns an error of the database into the answers of the waiting callers.
//!
//! The rules decided while holding the events' turns, so a constraint fails only for what they cannot see: another
//! program's statement, or a booking reference that two nodes drew at once.

use super::command::{Command, DeskError, busy};
use crate::store::StoreError;
use crate::store::constraint::{self, Rule};
use crate::ticketing::booking::{Item, Wish};
use crate::ticketing::record::BookingStatus;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::{SeatId, TicketTypeId};

/// Kinds of failure, by what has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// A command broke a rule of the schema.
    Rule(Rule),
    /// A lock timeout or a deadlock with another transaction: decide again.
    Crossed,
    /// The database is slow, away or full; no single command caused it.
    Database,
    Fault,
}

pub(super) fn failure(error: &StoreError) -> FailureKind {
    match error {
        StoreError::Contended(_) | StoreError::Busy(_) => FailureKind::Crossed,
        StoreError::Unavailable(_) | StoreError::Full(_) => FailureKind::Database,
        StoreError::Constraint { name, .. } => {
            constraint::rule(name).map_or(FailureKind::Fault, FailureKind::Rule)
        }
        _ => FailureKind::Fault,
    }
}

/// The answer to a command whose writes the database refused.
pub(super) fn refused(rule: Rule, command: &Command) -> DeskError {
    let items = items(command);
    // Nothing was read after the constraint failed, so the counts say «none left for this request».
    DeskError::Refused(match rule {
        Rule::Stock => Refusal::SoldOut {
            by_type: items.iter().filter_map(of_type).collect(),
        },
        Rule::Seat => Refusal::SeatTaken {
            seats: items.iter().filter_map(named_seat).collect(),
        },
        Rule::OnePending => Refusal::PendingBookingExists { booking_id: None },
        Rule::User => Refusal::UserNotFound,
        Rule::VoucherUses => Refusal::VoucherUsedUp { voucher: None },
        // It was deleted after it was read.
        Rule::VoucherInUse => return busy(),
        Rule::LetGo => Refusal::InvalidTransition {
            from: BookingStatus::Pending,
            to: BookingStatus::Confirmed,
            used: false,
            started: false,
        },
        Rule::Late | Rule::Changed | Rule::Again | Rule::UnitsClaimed => return busy(),
        Rule::Length | Rule::Bound => return DeskError::BadValue,
        _ => return DeskError::Internal,
    })
}

/// The answer to all commands when the database does not serve.
pub(super) fn of_database(error: &StoreError) -> DeskError {
    match error {
        StoreError::Unavailable(_) => DeskError::Unavailable,
        StoreError::Full(_) => DeskError::Full,
        StoreError::Busy(_) | StoreError::Contended(_) => busy(),
        _ => DeskError::Internal,
    }
}

fn items(command: &Command) -> &[Item] {
    match command {
        Command::Book(book) => match &book.request.wish {
            Wish::Items(items) => items,
            Wish::Cheapest { .. } => &[],
        },
        _ => &[],
    }
}

fn of_type(item: &Item) -> Option<(TicketTypeId, i64)> {
    match item {
        Item::Quantity { ticket_type_id, .. } | Item::BestAvailable { ticket_type_id, .. } => {
            Some((*ticket_type_id, 0))
        }
        Item::Seat { .. } => None,
    }
}

fn named_seat(item: &Item) -> Option<SeatId> {
    match item {
        Item::Seat { seat_id } => Some(*seat_id),
        _ => None,
    }
}
