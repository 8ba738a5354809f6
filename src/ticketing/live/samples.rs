//! An event for tests: «Concert» with two ticket types and nine seats.

use std::collections::BTreeMap;

use super::*;
use crate::ticketing::{NoticeId, Revision, TicketTypeId};

pub(crate) fn event(title: &str, capacity: i64, layout: u32) -> EventInfo {
    EventInfo {
        id: EventId(1),
        organizer_id: UserId(2),
        title: title.to_owned(),
        description: String::new(),
        venue: "Hall".to_owned(),
        category: "music".to_owned(),
        image_url: None,
        starts_at: "2027-01-01T20:00:00Z".to_owned(),
        ends_at: None,
        doors_at: None,
        timezone: "UTC".to_owned(),
        currency: "EUR".to_owned(),
        status: EventStatus::Active,
        capacity,
        membership_required: false,
        max_per_booking: 10,
        hold_minutes: 15,
        layout,
        updated_at: "2026-11-21T10:00:00Z".to_owned(),
    }
}

pub(crate) fn ticket_type(id: TicketTypeId, held: i64, sold: i64, available: i64) -> TicketType {
    TicketType {
        id,
        name: format!("type {id}"),
        price: 1_000,
        capacity: 100,
        available,
        held,
        sold,
        sale_from: None,
        sale_to: None,
        sort: id.0,
        updated_at: "2026-11-21T10:00:00Z".to_owned(),
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

pub(crate) fn notice(id: NoticeId) -> Notice {
    Notice {
        id,
        kind: "custom".to_owned(),
        message: "Doors open late".to_owned(),
        data: serde_json::Value::Null,
        at: "2026-11-21T10:00:00Z".to_owned(),
        until: None,
        revision: 1,
        sender: None,
        sent: None,
    }
}

pub(crate) fn state(revision: Revision) -> EventState {
    EventState {
        revision,
        event: event("Concert", 150, 1),
        ticket_types: [
            ticket_type(TicketTypeId(1), 5, 10, 85),
            ticket_type(TicketTypeId(2), 0, 20, 80),
        ]
        .map(|t| (t.id, t))
        .into(),
        notices: BTreeMap::new(),
        seats: SeatMap::new(9),
    }
}
