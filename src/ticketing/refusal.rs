//! A business «no»: a stable code, and the data that a caller needs to go on.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::{BookingStatus, Money};
use super::{BookingId, SeatId, TicketTypeId};

/// Why a booking was not made or changed. Serializes to the `data` of the answer: the code, and what
/// belongs to it (`{"code": "SOLD_OUT", "by_type": {"12": 3}}`).
///
/// A refusal changes nothing, so the same request may be tried again at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Refusal {
    /// There is no such event, or it is a draft of somebody else's.
    EventNotFound,
    /// The event has no such ticket type.
    TicketTypeNotFound { ticket_type_id: TicketTypeId },
    /// The event has no such seats.
    SeatNotFound { seats: Vec<SeatId> },
    /// The caller's token names somebody who is not a user here.
    UserNotFound,
    /// The event or the ticket type is for members.
    MembershipRequired,
    /// The event was cancelled.
    EventCancelled,
    /// Sales begin later: at `sale_from` (RFC 3339), or, when it is absent, when the event is published.
    SalesNotStarted { sale_from: Option<String> },
    /// Sales ended (`sale_to`, RFC 3339), or the event is paused, completed or has begun.
    SalesClosed { sale_to: Option<String> },
    /// More than a booking, or this buyer, may have; `max` is how many would be allowed.
    LimitExceeded {
        max: i64,
        ticket_type_id: Option<TicketTypeId>,
    },
    /// Fewer than the ticket type is sold in.
    BelowMinimum {
        min: i64,
        ticket_type_id: TicketTypeId,
    },
    /// `best_available` was asked of a ticket type without seats.
    NotSeated { ticket_type_id: TicketTypeId },
    /// The buyer already has a pending booking for this event: pay or cancel that one first.
    PendingBookingExists { booking_id: Option<BookingId> },
    /// The buyer has as many pending bookings or tickets of this event as one buyer may have, or would have more
    /// with this booking. Buyers without an account count together if they have the same address.
    HoldsExceeded { max: i64, of: BuyerLimit },
    /// The ticket type is sold only to buyers with an account.
    AccountRequired { ticket_type_id: TicketTypeId },
    /// The ticket type is sold only to buyers with an account or a proven e-mail address.
    EmailProofRequired { ticket_type_id: TicketTypeId },
    /// These of the seats asked for are held, sold or blocked.
    SeatTaken { seats: Vec<SeatId> },
    /// There are tickets, but not this many free seats side by side in one row.
    NoAdjacentSeats {
        ticket_type_id: TicketTypeId,
        quantity: i64,
        /// Blocks of seats that could be booked instead; there is one unless too few seats are free.
        alternatives: Vec<SeatsApart>,
    },
    /// Fewer are left than were asked for, but some are.
    NotEnoughLeft {
        /// Of all the ticket types asked for together, or, where it is named, of this one.
        left: i64,
        ticket_type_id: Option<TicketTypeId>,
        /// Units that are left of each type asked for.
        by_type: BTreeMap<TicketTypeId, i64>,
    },
    /// Nothing is left of one ticket type, while the event could still take the booking in other types.
    TicketTypeSoldOut {
        ticket_type_id: TicketTypeId,
        available: i64,
    },
    /// Ticket types asked for have some left, but the event as a whole has nothing.
    EventAtCapacity { available: i64 },
    /// Nothing is left: of the event, or of several ticket types.
    /// `by_type`: what is left of each type asked for.
    SoldOut {
        by_type: BTreeMap<TicketTypeId, i64>,
    },
    /// The booking costs `total`, not what the buyer was shown.
    PriceChanged { total: Money },
    /// The event has no such voucher.
    VoucherNotFound { voucher: String },
    /// As many bookings have the voucher as may.
    VoucherUsedUp { voucher: Option<String> },
    /// The voucher is for none of the ticket types asked for.
    VoucherNotApplicable { voucher: String },
    /// The voucher is good from then on (RFC 3339).
    VoucherNotStarted { voucher: String, valid_from: String },
    /// The voucher was good until then (RFC 3339).
    VoucherEnded { voucher: String, valid_to: String },
    /// Less than the payment provider charges.
    BelowMinimumCharge { minimum: Money, total: Money },
    /// There is no such booking.
    BookingNotFound,
    /// The booking's status does not allow it. `used`: somebody was admitted with one of its tickets.
    /// `started`: the event has begun or is over, and only staff cancels from then on.
    InvalidTransition {
        from: BookingStatus,
        to: BookingStatus,
        used: bool,
        started: bool,
    },
    /// Somebody else holds one of the tickets: only staff takes it back.
    TicketTransferred,
    /// These tickets cannot be taken back: somebody was admitted with those in `used`, or the booking has no such tickets.
    NotRefundable { used: Vec<String> },
    /// More requests wait than the desk takes on. Nothing was done.
    Busy { retry_after_s: u64 },
    /// The request waited for longer than its caller does, so it was dropped. Nothing was done.
    TooLate { retry_after_s: u64 },
}

/// The things of which a buyer has too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BuyerLimit {
    PendingBookings,
    Tickets,
}

/// As many free seats as were asked for side by side, in few blocks, those of one block next to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeatsApart {
    pub seats: Vec<SeatId>,
}

impl Refusal {
    /// The stable code, as it stands in `data.code`.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::EventNotFound => "EVENT_NOT_FOUND",
            Refusal::TicketTypeNotFound { .. } => "TICKET_TYPE_NOT_FOUND",
            Refusal::SeatNotFound { .. } => "SEAT_NOT_FOUND",
            Refusal::UserNotFound => "USER_NOT_FOUND",
            Refusal::MembershipRequired => "MEMBERSHIP_REQUIRED",
            Refusal::EventCancelled => "EVENT_CANCELLED",
            Refusal::SalesNotStarted { .. } => "SALES_NOT_STARTED",
            Refusal::SalesClosed { .. } => "SALES_CLOSED",
            Refusal::LimitExceeded { .. } => "LIMIT_EXCEEDED",
            Refusal::BelowMinimum { .. } => "BELOW_MINIMUM",
            Refusal::NotSeated { .. } => "NOT_SEATED",
            Refusal::PendingBookingExists { .. } => "PENDING_BOOKING_EXISTS",
            Refusal::HoldsExceeded { .. } => "HOLDS_EXCEEDED",
            Refusal::AccountRequired { .. } => "ACCOUNT_REQUIRED",
            Refusal::EmailProofRequired { .. } => "EMAIL_PROOF_REQUIRED",
            Refusal::SeatTaken { .. } => "SEAT_TAKEN",
            Refusal::NoAdjacentSeats { .. } => "NO_ADJACENT_SEATS",
            Refusal::NotEnoughLeft { .. } => "NOT_ENOUGH_LEFT",
            Refusal::TicketTypeSoldOut { .. } => "TICKET_TYPE_SOLD_OUT",
            Refusal::EventAtCapacity { .. } => "EVENT_AT_CAPACITY",
            Refusal::SoldOut { .. } => "SOLD_OUT",
            Refusal::PriceChanged { .. } => "PRICE_CHANGED",
            Refusal::VoucherNotFound { .. } => "VOUCHER_NOT_FOUND",
            Refusal::VoucherUsedUp { .. } => "VOUCHER_USED_UP",
            Refusal::VoucherNotApplicable { .. } => "VOUCHER_NOT_APPLICABLE",
            Refusal::VoucherNotStarted { .. } => "VOUCHER_NOT_STARTED",
            Refusal::VoucherEnded { .. } => "VOUCHER_ENDED",
            Refusal::BelowMinimumCharge { .. } => "BELOW_MINIMUM_CHARGE",
            Refusal::BookingNotFound => "BOOKING_NOT_FOUND",
            Refusal::InvalidTransition { .. } => "INVALID_TRANSITION",
            Refusal::TicketTransferred => "TICKET_TRANSFERRED",
            Refusal::NotRefundable { .. } => "NOT_REFUNDABLE",
            Refusal::Busy { .. } => "BUSY",
            Refusal::TooLate { .. } => "TOO_LATE",
        }
    }

    /// The HTTP status that says the same.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::MembershipRequired
            | Refusal::AccountRequired { .. }
            | Refusal::EmailProofRequired { .. } => 403,
            Refusal::HoldsExceeded { .. } => 429,
            Refusal::EventNotFound
            | Refusal::TicketTypeNotFound { .. }
            | Refusal::SeatNotFound { .. }
            | Refusal::UserNotFound
            | Refusal::VoucherNotFound { .. }
            | Refusal::BookingNotFound => 404,
            Refusal::SalesNotStarted { .. }
            | Refusal::SalesClosed { .. }
            | Refusal::PendingBookingExists { .. }
            | Refusal::SeatTaken { .. }
            | Refusal::NoAdjacentSeats { .. }
            | Refusal::NotEnoughLeft { .. }
            | Refusal::TicketTypeSoldOut { .. }
            | Refusal::EventAtCapacity { .. }
            | Refusal::SoldOut { .. }
            | Refusal::PriceChanged { .. }
            | Refusal::VoucherUsedUp { .. }
            | Refusal::VoucherNotApplicable { .. }
            | Refusal::VoucherNotStarted { .. }
            | Refusal::VoucherEnded { .. }
            | Refusal::InvalidTransition { .. }
            | Refusal::TicketTransferred
            | Refusal::NotRefundable { .. } => 409,
            Refusal::EventCancelled => 410,
            Refusal::LimitExceeded { .. }
            | Refusal::BelowMinimum { .. }
            | Refusal::BelowMinimumCharge { .. }
            | Refusal::NotSeated { .. } => 422,
            Refusal::Busy { .. } | Refusal::TooLate { .. } => 503,
        }
    }

    /// Whether other ticket types might do: there was too little of what was asked for.
    pub fn is_shortage(&self) -> bool {
        matches!(
            self,
            Refusal::NotEnoughLeft { .. }
                | Refusal::TicketTypeSoldOut { .. }
                | Refusal::EventAtCapacity { .. }
                | Refusal::SoldOut { .. }
                | Refusal::SeatTaken { .. }
                | Refusal::NoAdjacentSeats { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_data_carries_the_code_and_what_belongs_to_it() {
        let refusal = Refusal::SoldOut {
            by_type: [(TicketTypeId(12), 3), (TicketTypeId(13), 0)].into(),
        };
        let data = serde_json::to_value(&refusal).unwrap();
        assert_eq!(data["code"], refusal.code());
        assert_eq!(data["by_type"], serde_json::json!({"12": 3, "13": 0}));
    }

    #[test]
    fn serialized_codes_are_the_codes() {
        let id = BookingId(uuid::Uuid::nil());
        for refusal in [
            Refusal::EventNotFound,
            Refusal::TicketTypeNotFound {
                ticket_type_id: TicketTypeId(1),
            },
            Refusal::SeatNotFound {
                seats: vec![SeatId(1)],
            },
            Refusal::UserNotFound,
            Refusal::MembershipRequired,
            Refusal::EventCancelled,
            Refusal::SalesNotStarted { sale_from: None },
            Refusal::SalesClosed { sale_to: None },
            Refusal::LimitExceeded {
                max: 1,
                ticket_type_id: None,
            },
            Refusal::BelowMinimum {
                min: 1,
                ticket_type_id: TicketTypeId(1),
            },
            Refusal::NotSeated {
                ticket_type_id: TicketTypeId(1),
            },
            Refusal::PendingBookingExists {
                booking_id: Some(id),
            },
            Refusal::HoldsExceeded {
                max: 4,
                of: BuyerLimit::PendingBookings,
            },
            Refusal::AccountRequired {
                ticket_type_id: TicketTypeId(1),
            },
            Refusal::EmailProofRequired {
                ticket_type_id: TicketTypeId(1),
            },
            Refusal::SeatTaken {
                seats: vec![SeatId(1)],
            },
            Refusal::NoAdjacentSeats {
                ticket_type_id: TicketTypeId(1),
                quantity: 2,
                alternatives: vec![SeatsApart {
                    seats: vec![SeatId(1), SeatId(3)],
                }],
            },
            Refusal::NotEnoughLeft {
                left: 2,
                ticket_type_id: None,
                by_type: BTreeMap::new(),
            },
            Refusal::TicketTypeSoldOut {
                ticket_type_id: TicketTypeId(1),
                available: 0,
            },
            Refusal::EventAtCapacity { available: 0 },
            Refusal::PriceChanged {
                total: Money {
                    amount: 1,
                    currency: "EUR".to_owned(),
                },
            },
            Refusal::BookingNotFound,
            Refusal::InvalidTransition {
                from: BookingStatus::Expired,
                to: BookingStatus::Confirmed,
                used: false,
                started: false,
            },
            Refusal::TicketTransferred,
            Refusal::NotRefundable {
                used: vec!["TKT-20261121-7F3K9QWX".to_owned()],
            },
            Refusal::Busy { retry_after_s: 1 },
            Refusal::TooLate { retry_after_s: 1 },
        ] {
            let data = serde_json::to_value(&refusal).unwrap();
            assert_eq!(data["code"], refusal.code());
            assert!((403..=503).contains(&refusal.status()));
        }
    }
}
