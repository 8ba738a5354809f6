//! The published tables `event_tickets`, `events`, `seats` and `notices`, made from the live state.
//!
//! A whole state is never sent as rows, since clients would not learn which rows are gone.

use super::table::{Cell, ColumnType, PublishedTable, TableChange, column};
use crate::ticketing::live::{Delta, EventInfo, EventState, Op, SeatStatus};

/// Every table that is published.
pub(crate) const TABLES: [&PublishedTable; 4] = [&EVENT_TICKETS, &EVENTS, &SEATS, &NOTICES];

/// The view `event_tickets`: the counts of each ticket type. One that is hidden is a DELETE.
static EVENT_TICKETS: PublishedTable = PublishedTable {
    schema: "public",
    name: "event_tickets",
    columns: &[
        column("id", ColumnType::Int8),
        column("event_id", ColumnType::Int8),
        column("name", ColumnType::Text),
        column("available_count", ColumnType::Int4),
        column("reserved_count", ColumnType::Int4),
        column("sold_count", ColumnType::Int4),
        column("updated_at", ColumnType::Timestamptz),
    ],
    changes: event_tickets,
    rows: |delta| delta.ticket_types.len(),
};

fn event_tickets<'a>(delta: &'a Delta, state: &'a EventState) -> Vec<TableChange<'a>> {
    let event = Cell::Int(state.event.id.0);
    let changes = delta.ticket_types.iter().map(|(&id, change)| {
        let row = change.row.as_ref().filter(|row| !row.hidden);
        let change = (change.op, change.updated, row);
        row_of(&EVENT_TICKETS, [Cell::Int(id.0), event], change, |row| {
            vec![
                Cell::Text(&row.name),
                Cell::Int(row.available),
                Cell::Int(row.held),
                Cell::Int(row.sold),
                Cell::Time(&row.updated_at),
            ]
        })
    });
    changes.collect()
}

/// A row that begins with its id and its event; for one that is gone nothing else is known.
fn row_of<'a, T>(
    table: &PublishedTable,
    keys: [Cell<'a>; 2],
    (op, updated, row): (Op, bool, Option<&'a T>),
    others: impl FnOnce(&'a T) -> Vec<Cell<'a>>,
) -> TableChange<'a> {
    let mut cells = keys.to_vec();
    match row {
        Some(row) => cells.extend(others(row)),
        None => cells.resize(table.columns.len(), Cell::Unknown),
    }
    let op = if row.is_some() { op } else { Op::Delete };
    TableChange {
        op,
        updated,
        row: cells,
    }
}

/// The event of the channel, as one row.
static EVENTS: PublishedTable = PublishedTable {
    schema: "public",
    name: "events",
    columns: &[
        column("id", ColumnType::Int8),
        column("organizer_id", ColumnType::Int8),
        column("title", ColumnType::Text),
        column("description", ColumnType::Text),
        column("venue", ColumnType::Text),
        column("category", ColumnType::Text),
        column("image_url", ColumnType::Text),
        column("starts_at", ColumnType::Timestamptz),
        column("ends_at", ColumnType::Timestamptz),
        column("doors_at", ColumnType::Timestamptz),
        column("timezone", ColumnType::Text),
        column("currency", ColumnType::Text),
        column("status", ColumnType::Text),
        column("capacity", ColumnType::Int4),
        column("membership_required", ColumnType::Bool),
        column("max_per_booking", ColumnType::Int4),
        column("hold_minutes", ColumnType::Int4),
        column("layout", ColumnType::Int4),
        column("updated_at", ColumnType::Timestamptz),
    ],
    changes: events,
    rows: |delta| usize::from(event_op(delta).is_some()),
};

/// There is no INSERT, since an event cannot be watched before it exists. A new seat map changes `layout`.
fn events<'a>(delta: &'a Delta, state: &'a EventState) -> Vec<TableChange<'a>> {
    let row = |op| TableChange {
        op,
        updated: false,
        row: event(&state.event),
    };
    event_op(delta).map(row).into_iter().collect()
}

fn event_op(delta: &Delta) -> Option<Op> {
    if delta.deleted {
        return Some(Op::Delete);
    }
    (delta.event.is_some() || delta.layout.is_some()).then_some(Op::Update)
}

fn event(event: &EventInfo) -> Vec<Cell<'_>> {
    vec![
        Cell::Int(event.id.0),
        Cell::Int(event.organizer_id.0),
        Cell::Text(&event.title),
        Cell::Text(&event.description),
        Cell::Text(&event.venue),
        Cell::Text(&event.category),
        text_or_null(event.image_url.as_deref()),
        Cell::Time(&event.starts_at),
        event.ends_at.as_deref().map_or(Cell::Null, Cell::Time),
        event.doors_at.as_deref().map_or(Cell::Null, Cell::Time),
        Cell::Text(&event.timezone),
        Cell::Text(&event.currency),
        Cell::Text(event.status.name()),
        Cell::Int(event.capacity),
        Cell::Bool(event.membership_required),
        Cell::Int(event.max_per_booking),
        Cell::Int(event.hold_minutes),
        Cell::Int(event.layout.into()),
        Cell::Time(&event.updated_at),
    ]
}

fn text_or_null(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Null, Cell::Text)
}

/// Seat statuses. The key is the seat's position in the layout: the geometry is not pushed, clients fetch it when
/// `events.layout` changes.
static SEATS: PublishedTable = PublishedTable {
    schema: "public",
    name: "seats",
    columns: &[
        column("position", ColumnType::Int4),
        column("event_id", ColumnType::Int8),
        column("status", ColumnType::Text),
    ],
    changes: seats,
    rows: |delta| match delta.layout {
        Some(_) => delta.seat_count as usize,
        None => delta.seats.len(),
    },
};

/// A new layout is an INSERT of each of its seats, which replace all earlier ones. Those that are listed beside it may have
/// moved since, where more than the layout was merged.
fn seats<'a>(delta: &'a Delta, state: &'a EventState) -> Vec<TableChange<'a>> {
    let event = Cell::Int(state.event.id.0);
    let is_merged = delta.to - delta.from > 1;
    let change = |op, position: u32, status: SeatStatus| TableChange {
        op,
        updated: op == Op::Insert && is_merged && delta.seats.contains_key(&position),
        row: vec![
            Cell::Int(position.into()),
            event,
            Cell::Text(seat_status(status)),
        ],
    };
    if delta.layout.is_none() {
        let moved = delta.seats.iter();
        return moved
            .map(|(&position, &status)| change(Op::Update, position, status))
            .collect();
    }
    let seats = state.seats.iter();
    seats
        .map(|(position, status)| change(Op::Insert, position, status))
        .collect()
}

fn seat_status(status: SeatStatus) -> &'static str {
    match status {
        SeatStatus::Available => "available",
        SeatStatus::Held => "held",
        SeatStatus::Sold => "sold",
        SeatStatus::Blocked => "blocked",
    }
}

/// Notices of the organizer.
static NOTICES: PublishedTable = PublishedTable {
    schema: "public",
    name: "notices",
    columns: &[
        column("id", ColumnType::Int8),
        column("event_id", ColumnType::Int8),
        column("type", ColumnType::Text),
        column("message", ColumnType::Text),
        column("data", ColumnType::Jsonb),
        column("created_at", ColumnType::Timestamptz),
        column("until", ColumnType::Timestamptz),
        column("revision", ColumnType::Int8),
    ],
    changes: notices,
    rows: |delta| delta.notices.len(),
};

fn notices<'a>(delta: &'a Delta, state: &'a EventState) -> Vec<TableChange<'a>> {
    let event = Cell::Int(state.event.id.0);
    let changes = delta.notices.iter().map(|(&id, change)| {
        let change = (change.op, change.updated, change.row.as_ref());
        row_of(&NOTICES, [Cell::Int(id.0), event], change, |notice| {
            vec![
                Cell::Text(&notice.kind),
                Cell::Text(&notice.message),
                Cell::Json(&notice.data),
                Cell::Time(&notice.at),
                notice.until.as_deref().map_or(Cell::Null, Cell::Time),
                Cell::Int(i64::try_from(notice.revision).unwrap_or(i64::MAX)),
            ]
        })
    });
    changes.collect()
}
