//! An event for the tests of the wire: number 42, in euros, with two ticket types, a notice and
//! ten seats, at revision 57.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::ticketing::live::{
    Delta, EventInfo, EventState, EventStatus, Notice, RowChange, SeatMap, SeatStatus, TicketType,
};
use crate::ticketing::price::LineKind;
use crate::ticketing::record::{
    BookedSeat, Booking, BookingItem, BookingKind, BookingLine, BookingStatus, HeldTicket, Money,
    Ticket, TicketOffer, TicketStatus,
};
use crate::ticketing::{BookingId, EventId, NoticeId, SeatId, TicketId, TicketTypeId, UserId};

pub(super) const STALLS: TicketTypeId = TicketTypeId(101);
pub(super) const VIP: TicketTypeId = TicketTypeId(102);

pub(super) fn state() -> EventState {
    EventState {
        revision: 57,
        event: event(),
        ticket_types: [(STALLS, stalls(40, 20, 40)), (VIP, vip())].into(),
        notices: [(NoticeId(7), notice())].into(),
        seats: seats(),
    }
}

fn event() -> EventInfo {
    EventInfo {
        id: EventId(42),
        organizer_id: UserId(2),
        title: "Nacht der Türme".into(),
        description: String::new(),
        venue: "Altes Werk".into(),
        category: "music".into(),
        image_url: None,
        starts_at: "2026-12-24T20:00:00+01:00".into(),
        ends_at: None,
        doors_at: None,
        timezone: "Europe/Berlin".into(),
        currency: "EUR".into(),
        status: EventStatus::Active,
        capacity: 120,
        membership_required: false,
        max_per_booking: 10,
        hold_minutes: 15,
        layout: 3,
        updated_at: "2026-11-21T01:00:00+00:00".into(),
    }
}

/// The second ticket type, shown after the VIPs.
pub(super) fn stalls(available: i64, held: i64, sold: i64) -> TicketType {
    TicketType {
        id: STALLS,
        name: "Stalls".into(),
        price: 4_500,
        capacity: 100,
        available,
        held,
        sold,
        sale_from: None,
        sale_to: None,
        sort: 2,
        updated_at: "2026-11-21T01:02:03.456789+00:00".into(),
        shared: Vec::new(),
        hidden: false,
        members_only: false,
        account_required: false,
        email_required: false,
        min_per_booking: None,
        max_per_booking: None,
        max_per_user: None,
    }
}

fn vip() -> TicketType {
    TicketType {
        id: VIP,
        name: "VIP".into(),
        price: 12_000,
        capacity: 20,
        available: 0,
        held: 0,
        sold: 20,
        sort: 1,
        ..stalls(0, 0, 0)
    }
}

fn notice() -> Notice {
    Notice {
        id: NoticeId(7),
        kind: "info_update".into(),
        message: "Doors open at 19:00".into(),
        data: serde_json::json!({}),
        at: "2026-11-20T10:00:00+00:00".into(),
        until: None,
        revision: 40,
        sender: None,
        sent: None,
    }
}

/// Ten seats: 1 is held, 2 sold, 9 blocked.
fn seats() -> SeatMap {
    let mut seats = SeatMap::new(10);
    seats.set(1, SeatStatus::Held);
    seats.set(2, SeatStatus::Sold);
    seats.set(9, SeatStatus::Blocked);
    seats
}

/// A delta from 57 to 58 without content.
pub(super) fn delta() -> Delta {
    Delta {
        from: 57,
        to: 58,
        at: "2026-11-21T01:02:03.456789+00:00".into(),
        ..Delta::default()
    }
}

/// One unit of the stalls went from held to sold.
pub(super) fn sold_one() -> Delta {
    Delta {
        ticket_types: BTreeMap::from([(STALLS, RowChange::update(stalls(40, 19, 41)))]),
        ..delta()
    }
}

/// The VIPs and the notice are gone.
pub(super) fn removed() -> Delta {
    Delta {
        ticket_types: BTreeMap::from([(VIP, RowChange::delete())]),
        notices: BTreeMap::from([(NoticeId(7), RowChange::delete())]),
        ..delta()
    }
}

/// Two seats were taken.
pub(super) fn seats_taken() -> Delta {
    Delta {
        seats: [(0, SeatStatus::Held), (3, SeatStatus::Sold)].into(),
        ..delta()
    }
}

/// A new layout with five seats, the last of which is sold.
pub(super) fn relaid() -> Delta {
    Delta {
        layout: Some(4),
        seat_count: 5,
        seats: [(4, SeatStatus::Sold)].into(),
        ..delta()
    }
}

/// The state that the delta leads to.
#[allow(clippy::expect_used)]
pub(super) fn after(delta: &Delta) -> EventState {
    let mut after = state();
    after.revision = delta.from;
    after.apply(delta).expect("no gap");
    after
}

fn booking(id: u128) -> BookingId {
    BookingId(uuid::Uuid::from_u128(id))
}

/// User 3 holds one unit of the stalls.
pub(super) fn held_booking() -> Booking {
    let price = |amount| Money {
        amount,
        currency: "EUR".into(),
    };
    Booking {
        id: booking(0x019a_9f00_0000_7000_8000_0000_0000_0002),
        version: 1,
        reference: "BK-7F3K9Q".into(),
        event_id: EventId(42),
        user_id: Some(UserId(3)),
        status: BookingStatus::Pending,
        kind: BookingKind::Checkout,
        quantity: 1,
        total: price(4_500),
        items: vec![BookingItem {
            ticket_type_id: STALLS,
            name: "Stalls".into(),
            quantity: 1,
            unit_price: price(4_500),
            seats: Vec::new(),
        }],
        lines: vec![ticket_line(STALLS, "Stalls", 4_500)],
        tickets: Vec::new(),
        expires_at: "2026-11-21T01:17:03.456789Z".parse().ok(),
        created_at: jiff::Timestamp::from_microsecond(1_795_222_923_456_789).unwrap_or_default(),
        confirmed_at: None,
        paid_by: None,
        payment_id: None,
        extended_at: None,
        processing_since: None,
        cancel_reason: None,
        payment: None,
    }
}

/// One ticket.
fn ticket_line(ticket_type_id: TicketTypeId, name: &str, amount: i64) -> BookingLine {
    BookingLine {
        kind: LineKind::Ticket,
        ticket_type_id: Some(ticket_type_id),
        name: name.into(),
        quantity: 1,
        unit_amount: amount,
        amount,
        tax_amount: 0,
        tax: None,
    }
}

/// User 3 took over somebody's ticket for the stalls.
pub(super) fn held_ticket() -> HeldTicket {
    let event = event();
    HeldTicket {
        id: TicketId(811),
        version: Some(1),
        code: "TKT-20261121-9G4M2RVX".into(),
        status: TicketStatus::Transferred,
        event_id: event.id,
        event_title: event.title,
        event_status: event.status,
        venue: event.venue,
        starts_at: Timestamp::constant(1_798_138_800, 0),
        timezone: event.timezone,
        ticket_type_id: STALLS,
        ticket_type: "Stalls".into(),
        seat: None,
        taken_over_at: Some(held_booking().created_at),
        offer: None,
    }
}

/// The same, offered to somebody else.
pub(super) fn offered_ticket() -> HeldTicket {
    HeldTicket {
        version: Some(2),
        offer: Some(TicketOffer {
            to: Some("g…@example.org".into()),
            at: held_booking().created_at,
        }),
        ..held_ticket()
    }
}

/// User 3 has bought a seat among the VIPs.
pub(super) fn sold_booking() -> Booking {
    let held = held_booking();
    let seat = BookedSeat {
        id: SeatId(903),
        section: "Balcony".into(),
        row: "A".into(),
        number: "3".into(),
    };
    let price = Money {
        amount: 12_000,
        ..held.total.clone()
    };
    Booking {
        id: booking(0x019a_9f00_0000_7000_8000_0000_0000_0001),
        version: 2,
        reference: "BK-2M8XWP".into(),
        status: BookingStatus::Confirmed,
        total: price.clone(),
        items: vec![BookingItem {
            ticket_type_id: VIP,
            name: "VIP".into(),
            quantity: 1,
            unit_price: price,
            seats: vec![seat],
        }],
        lines: vec![ticket_line(VIP, "VIP", 12_000)],
        tickets: vec![Ticket {
            code: "TKT-20261121-7F3K9QWX".into(),
            ticket_type_id: VIP,
            seat_id: Some(SeatId(903)),
            status: TicketStatus::Valid,
            offer: None,
        }],
        expires_at: None,
        confirmed_at: Some(held.created_at),
        ..held
    }
}
