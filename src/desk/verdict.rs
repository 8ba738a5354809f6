//! What an error of the database means for those who wait: the one place where a constraint's name
//! becomes a refusal.
//!
//! The rules have decided under the event's lock, so a constraint speaks only when something went
//! around it: a statement of somebody else's, a reference that two desks drew at once.

use super::{BookingRequest, DeskError, busy};
use crate::store::StoreError;
use crate::store::idempotency::KEY_TAKEN;
use crate::ticketing::SeatId;
use crate::ticketing::booking::{Item, Wish};
use crate::ticketing::refusal::Refusal;

/// What to do with a batch that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Decide it again: what it met has passed.
    Again,
    /// One of its requests broke a rule of the schema.
    Refuse(Rule),
    /// The database is slow, or away: nobody's fault, and nobody is decided alone.
    Wait,
    Fault,
}

/// A rule of the schema that a request can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Stock,
    Seat,
    OnePending,
    User,
}

pub(super) fn verdict(error: &StoreError) -> Verdict {
    match error {
        StoreError::Contended(_) => Verdict::Again,
        StoreError::Busy(_) | StoreError::Unavailable(_) | StoreError::Full(_) => Verdict::Wait,
        StoreError::Constraint { name, .. } => by_constraint(name),
        _ => Verdict::Fault,
    }
}

fn by_constraint(name: &str) -> Verdict {
    match name {
        "bookings_reference_unique" | "tickets_code_unique" | KEY_TAKEN => Verdict::Again,
        "pools_no_oversell" => Verdict::Refuse(Rule::Stock),
        "claims_one_live_seat" | "claims_seat_not_blocked" | "claims_seat_of_type" => {
            Verdict::Refuse(Rule::Seat)
        }
        "bookings_one_pending" => Verdict::Refuse(Rule::OnePending),
        "bookings_user_exists" => Verdict::Refuse(Rule::User),
        _ => Verdict::Fault,
    }
}

/// Whether one of the batch's requests may have given the reason; also by crossing another writer
/// again and again. A slow or absent database is nobody's fault.
pub(super) fn of_one_request(error: &StoreError) -> bool {
    verdict(error) != Verdict::Wait
}

/// What a request is told when the database said this of it.
pub(super) fn of(error: &StoreError, request: &BookingRequest) -> DeskError {
    match verdict(error) {
        Verdict::Refuse(rule) => DeskError::Refused(refusal(rule, &request.request.wish)),
        Verdict::Again => busy(),
        Verdict::Wait if matches!(error, StoreError::Busy(_)) => busy(),
        Verdict::Wait => DeskError::Unavailable,
        Verdict::Fault => DeskError::Internal,
    }
}

/// Nothing was read after the constraint spoke, so counts are said as «none for this request».
fn refusal(rule: Rule, wish: &Wish) -> Refusal {
    match rule {
        Rule::Stock => Refusal::SoldOut {
            by_type: items(wish).iter().filter_map(of_type).collect(),
        },
        Rule::Seat => Refusal::SeatTaken {
            seats: items(wish).iter().filter_map(named_seat).collect(),
        },
        Rule::OnePending => Refusal::PendingBookingExists { booking_id: None },
        Rule::User => Refusal::UserNotFound,
    }
}

fn items(wish: &Wish) -> &[Item] {
    match wish {
        Wish::Cheapest { .. } => &[],
        Wish::Items(items) => items,
    }
}

fn of_type(item: &Item) -> Option<(i64, i64)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_of_the_schema_have_a_meaning() {
        let said = |name: &str| {
            verdict(&StoreError::Constraint {
                name: name.to_owned(),
                source: name.into(),
            })
        };
        assert_eq!(said("pools_no_oversell"), Verdict::Refuse(Rule::Stock));
        assert_eq!(said("claims_one_live_seat"), Verdict::Refuse(Rule::Seat));
        assert_eq!(said("idempotency_keys_pkey"), Verdict::Again);
        assert_eq!(said("booking_items_pkey"), Verdict::Fault);
    }
}
