//! The rules for organizers' changes: current row + wanted change → the change to store, or a refusal.
//!
//! Pure, like the rules of booking. Triggers in the database tell the viewers.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::live::{EventStatus, OriginalBroadcast};
use super::{Revision, SeatId, TicketTypeId, UserId};

/// The refusal of an organizer's change. Serializes to the `data` of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EditRefusal {
    /// There is no such event, or it is a draft of somebody else's.
    EventNotFound,
    /// The event is somebody else's.
    Forbidden,
    TicketTypeNotFound {
        ticket_type_id: TicketTypeId,
    },
    SeatNotFound {
        seats: Vec<SeatId>,
    },
    NoticeNotFound,
    VoucherNotFound,
    TaxNotFound,
    FeeNotFound,
    /// The event has as many ticket types, taxes, fees or vouchers as it may.
    TooManyRules {
        max: i64,
    },
    /// The new owner of the event, or the caller, is not in the users table.
    UserNotFound,
    /// The event is at another revision than `If-Match` says.
    VersionConflict {
        revision: Revision,
    },
    /// More tickets are sold or held than the new capacity allows.
    CapacityBelowCommitted {
        minimum: i64,
    },
    InvalidTransition {
        from: EventStatus,
        to: EventStatus,
    },
    /// Bookings are pending or confirmed: cancel the event and its confirmed bookings first.
    EventHasBookings {
        live_bookings: i64,
    },
    /// The event has several ticket types, each with a price of its own.
    SeveralTicketTypes,
    TicketTypeInUse,
    SeatSold {
        seats: Vec<SeatId>,
    },
    SeatHeld {
        seats: Vec<SeatId>,
    },
    /// A seat map has more seats than the event's capacity, as one of the two would be: the others could never be sold.
    MapBeyondCapacity {
        seats: i64,
        capacity: i64,
    },
    /// The capacity of a ticket type with seats is their number.
    CapacityIsSeats {
        seats: i64,
    },
    /// Units of the ticket type are held or sold, so it cannot be sold by the seat.
    TicketTypeHasUnits,
    /// The `value` is an amount that the event's currency does not have.
    NotAMultiple {
        step: i64,
    },
    /// Fewer units are left than a voucher would set aside: it may have so many `reserved` now.
    NotEnoughToReserve {
        most: i64,
    },
    /// A voucher sets units of exactly one ticket type aside.
    ReserveNeedsOneType,
    /// Nothing can be set aside of a ticket type with seats.
    ReserveOfSeats {
        ticket_type_id: TicketTypeId,
    },
    /// Bookings have taken of what the voucher sets aside, so it stays of its ticket type.
    ReserveInUse {
        taken: i64,
    },
}

/// Whether a text in here holds the character NUL, which Postgres stores neither in text nor in JSON.
pub fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

impl EditRefusal {
    /// The stable code, as it stands in `data.code`.
    pub fn code(&self) -> &'static str {
        match self {
            EditRefusal::EventNotFound => "EVENT_NOT_FOUND",
            EditRefusal::Forbidden => "FORBIDDEN",
            EditRefusal::TicketTypeNotFound { .. } => "TICKET_TYPE_NOT_FOUND",
            EditRefusal::SeatNotFound { .. } => "SEAT_NOT_FOUND",
            EditRefusal::NoticeNotFound => "NOTICE_NOT_FOUND",
            EditRefusal::VoucherNotFound => "VOUCHER_NOT_FOUND",
            EditRefusal::TaxNotFound => "TAX_NOT_FOUND",
            EditRefusal::FeeNotFound => "FEE_NOT_FOUND",
            EditRefusal::TooManyRules { .. } => "TOO_MANY_RULES",
            EditRefusal::UserNotFound => "USER_NOT_FOUND",
            EditRefusal::VersionConflict { .. } => "VERSION_CONFLICT",
            EditRefusal::CapacityBelowCommitted { .. } => "CAPACITY_BELOW_COMMITTED",
            EditRefusal::InvalidTransition { .. } => "INVALID_TRANSITION",
            EditRefusal::EventHasBookings { .. } => "EVENT_HAS_BOOKINGS",
            EditRefusal::SeveralTicketTypes => "SEVERAL_TICKET_TYPES",
            EditRefusal::TicketTypeInUse => "TICKET_TYPE_IN_USE",
            EditRefusal::SeatSold { .. } => "SEAT_SOLD",
            EditRefusal::SeatHeld { .. } => "SEAT_HELD",
            EditRefusal::MapBeyondCapacity { .. } => "MAP_BEYOND_CAPACITY",
            EditRefusal::CapacityIsSeats { .. } => "CAPACITY_IS_SEATS",
            EditRefusal::TicketTypeHasUnits => "TICKET_TYPE_HAS_UNITS",
            EditRefusal::NotAMultiple { .. } => "NOT_A_MULTIPLE",
            EditRefusal::NotEnoughToReserve { .. } => "NOT_ENOUGH_TO_RESERVE",
            EditRefusal::ReserveNeedsOneType => "RESERVE_NEEDS_ONE_TYPE",
            EditRefusal::ReserveOfSeats { .. } => "RESERVE_OF_SEATS",
            EditRefusal::ReserveInUse { .. } => "RESERVE_IN_USE",
        }
    }

    /// The HTTP status that says the same.
    pub fn status(&self) -> u16 {
        match self {
            EditRefusal::Forbidden => 403,
            EditRefusal::NotAMultiple { .. }
            | EditRefusal::ReserveNeedsOneType
            | EditRefusal::ReserveOfSeats { .. } => 422,
            EditRefusal::EventNotFound
            | EditRefusal::TicketTypeNotFound { .. }
            | EditRefusal::SeatNotFound { .. }
            | EditRefusal::NoticeNotFound
            | EditRefusal::VoucherNotFound
            | EditRefusal::TaxNotFound
            | EditRefusal::FeeNotFound
            | EditRefusal::UserNotFound => 404,
            _ => 409,
        }
    }
}

/// The event before the change, read under its lock.
#[derive(Debug, Clone, PartialEq)]
pub struct EventBefore {
    pub organizer_id: UserId,
    pub revision: Revision,
    pub status: EventStatus,
    pub capacity: i64,
    pub held: i64,
    pub sold: i64,
    /// Seats of its map.
    pub seats: i64,
    /// The event's ticket type, if it has exactly one.
    pub only_type: Option<OnlyType>,
    pub ticket_type_count: i64,
}

impl EventBefore {
    /// Refuses a change by one who knows other revisions alone.
    pub fn require(&self, if_match: Option<&[Revision]>) -> Result<(), EditRefusal> {
        match if_match {
            Some(known) if !known.contains(&self.revision) => Err(EditRefusal::VersionConflict {
                revision: self.revision,
            }),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnlyType {
    pub id: TicketTypeId,
    pub capacity: i64,
    pub seated: bool,
}

/// A wanted change; fields that are `None` stay as they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventChange {
    pub title: Option<String>,
    pub description: Option<String>,
    pub venue: Option<String>,
    pub category: Option<String>,
    /// `Some(None)` removes the image.
    pub image_url: Option<Option<String>>,
    pub starts_at: Option<Timestamp>,
    /// `Some(None)` removes it, here and below.
    pub ends_at: Option<Option<Timestamp>>,
    pub doors_at: Option<Option<Timestamp>>,
    pub timezone: Option<String>,
    pub country: Option<Option<String>>,
    pub city: Option<Option<String>>,
    pub status: Option<EventStatus>,
    /// The reason, for a change that cancels the event.
    pub cancel_reason: Option<String>,
    pub capacity: Option<i64>,
    /// The price of the only ticket type, in minor units.
    pub price: Option<i64>,
    pub membership_required: Option<bool>,
    pub max_per_booking: Option<i64>,
    pub hold_minutes: Option<i64>,
    pub offer_minutes: Option<i64>,
}

/// An allowed change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventEdit {
    pub change: EventChange,
    /// The only ticket type, with its new capacity and price.
    pub only_type: Option<(TicketTypeId, Option<i64>, Option<i64>)>,
}

/// A new notice.
#[derive(Debug, Clone, PartialEq)]
pub struct NewNotice {
    pub kind: &'static str,
    pub message: String,
    /// A JSON object.
    pub data: Value,
    pub until: Option<Timestamp>,
    /// The join that sends it as a broadcast.
    pub sender: Option<Uuid>,
    /// The broadcast itself.
    pub sent: Option<OriginalBroadcast>,
}

/// Whether a caller with or without the right to organize the event may change it in this status.
pub fn authorize(may_organize: bool, status: EventStatus) -> Result<(), EditRefusal> {
    if may_organize {
        Ok(())
    } else if visible(may_organize, status) {
        Err(EditRefusal::Forbidden)
    } else {
        Err(EditRefusal::EventNotFound)
    }
}

/// Whether the event is visible: a draft only to callers who may organize it.
pub fn visible(may_organize: bool, status: EventStatus) -> bool {
    may_organize || status != EventStatus::Draft
}

/// Whether an event may change its status in this way. A draft cannot be cancelled; it is deleted, since it was never
/// public.
pub fn may_become(from: EventStatus, to: EventStatus) -> bool {
    use EventStatus::{Active, Cancelled, Completed, Draft, Paused};
    from == to
        || matches!(
            (from, to),
            (Draft, Active)
                | (Active, Paused)
                | (Paused, Active)
                | (Active | Paused, Completed | Cancelled)
        )
}

/// Decides a change of an event. If its only ticket type had the event's capacity, it gets the new one too, so that an
/// organizer who does not use ticket types sees the new number on sale.
pub fn edit_event(
    before: &EventBefore,
    change: EventChange,
    if_match: Option<&[Revision]>,
) -> Result<EventEdit, EditRefusal> {
    before.require(if_match)?;
    if let Some(to) = change.status
        && !may_become(before.status, to)
    {
        let from = before.status;
        return Err(EditRefusal::InvalidTransition { from, to });
    }
    if let Some(capacity) = change.capacity {
        let (committed, seats) = (before.held + before.sold, before.seats);
        if capacity < committed {
            let minimum = committed.max(seats);
            return Err(EditRefusal::CapacityBelowCommitted { minimum });
        }
        if capacity < seats {
            return Err(EditRefusal::MapBeyondCapacity { seats, capacity });
        }
    }
    if change.price.is_some() && before.only_type.is_none() {
        return Err(EditRefusal::SeveralTicketTypes);
    }
    let only_type = before.only_type.map(|only| {
        let follows = only.capacity == before.capacity && !only.seated;
        (only.id, change.capacity.filter(|_| follows), change.price)
    });
    Ok(EventEdit { change, only_type })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn nul_is_a_character_and_not_the_text_that_escapes_it() {
        use serde_json::json;
        for (value, holds) in [
            (json!({"a": ["x\0y"]}), true),
            (json!({"a\0": 1}), true),
            (json!({"a": r"C:\u0000"}), false),
            (json!([null, true, 1, "\u{1}"]), false),
        ] {
            assert_eq!(holds_nul(&value), holds, "{value}");
        }
    }

    fn before() -> EventBefore {
        EventBefore {
            organizer_id: UserId(2),
            revision: 41,
            status: EventStatus::Active,
            capacity: 100,
            held: 10,
            sold: 50,
            seats: 0,
            only_type: Some(OnlyType {
                id: TicketTypeId(9),
                capacity: 100,
                seated: false,
            }),
            ticket_type_count: 1,
        }
    }

    fn capacity(capacity: i64) -> EventChange {
        EventChange {
            capacity: Some(capacity),
            ..EventChange::default()
        }
    }

    #[test]
    fn a_capacity_cannot_fall_below_what_is_committed() {
        let refused = edit_event(&before(), capacity(59), None);
        assert_eq!(
            refused,
            Err(EditRefusal::CapacityBelowCommitted { minimum: 60 })
        );
        assert!(edit_event(&before(), capacity(60), None).is_ok());
    }

    #[test]
    fn a_capacity_below_the_seats_is_refused_for_the_seats() {
        let mut hall = before();
        hall.seats = 80;
        let refused = edit_event(&hall, capacity(70), None).unwrap_err();
        assert_eq!(refused.code(), "MAP_BEYOND_CAPACITY");
        // Both forbid it, and what is sold is said first, with a number that is enough for both.
        let refused = edit_event(&hall, capacity(59), None);
        let minimum = 80;
        assert_eq!(
            refused,
            Err(EditRefusal::CapacityBelowCommitted { minimum })
        );
        assert!(edit_event(&hall, capacity(80), None).is_ok());
    }

    #[test]
    fn an_only_type_follows_the_event_while_it_has_its_capacity() {
        let edit = edit_event(&before(), capacity(150), None).unwrap();
        assert_eq!(edit.only_type, Some((TicketTypeId(9), Some(150), None)));
        let mut smaller = before();
        smaller.only_type = Some(OnlyType {
            id: TicketTypeId(9),
            capacity: 80,
            seated: false,
        });
        let edit = edit_event(&smaller, capacity(150), None).unwrap();
        assert_eq!(edit.only_type, Some((TicketTypeId(9), None, None)));
    }

    #[test]
    fn another_revision_than_expected_is_a_conflict() {
        let conflict = edit_event(&before(), EventChange::default(), Some(&[40]));
        assert_eq!(conflict, Err(EditRefusal::VersionConflict { revision: 41 }));
        assert!(edit_event(&before(), EventChange::default(), Some(&[7, 41])).is_ok());
    }

    #[test]
    fn an_event_goes_its_way_and_not_back() {
        use EventStatus::{Active, Cancelled, Completed, Draft, Paused};
        assert!(may_become(Draft, Active) && may_become(Active, Paused));
        assert!(may_become(Paused, Active) && may_become(Paused, Completed));
        assert!(!may_become(Active, Draft) && !may_become(Completed, Active));
        assert!(may_become(Active, Cancelled) && may_become(Paused, Cancelled));
        assert!(!may_become(Cancelled, Active) && !may_become(Completed, Cancelled));
        assert!(!may_become(Draft, Cancelled));
    }

    #[test]
    fn drafts_are_not_even_refused_to_others() {
        assert_eq!(authorize(true, EventStatus::Draft), Ok(()));
        assert_eq!(
            authorize(false, EventStatus::Draft),
            Err(EditRefusal::EventNotFound)
        );
        assert_eq!(
            authorize(false, EventStatus::Active),
            Err(EditRefusal::Forbidden)
        );
    }
}
