//! The tables whose changes can be bound, as data.
//!
//! To publish another one, add a [`Table`]: its columns with their Postgres types, the primary key
//! first, and a function from a delta to its changed rows, cells in the columns' order.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::ticketing::live::{Delta, EventState, Op};

/// Every table that is published.
pub(super) const TABLES: [&Table; 1] = [&EVENT_TICKETS];

#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: &'static str,
    pub(super) name: &'static str,
    /// At most 32; the primary key first.
    pub(super) columns: &'static [Column],
    /// The rows of this table that the delta changes; the state is that after it.
    pub(super) changes: for<'a> fn(&'a Delta, &'a EventState) -> Vec<RowChange<'a>>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Column {
    pub(super) name: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: ColumnType,
}

/// Postgres types, by the names that clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ColumnType {
    Int4,
    Int8,
    Text,
    Timestamptz,
}

#[derive(Debug)]
pub(super) struct RowChange<'a> {
    pub(super) op: Op,
    /// The new row; of a deleted one what is still known.
    pub(super) row: Vec<Cell<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    Int(i64),
    Text(&'a str),
    /// RFC 3339.
    Time(&'a str),
    Null,
    /// The row is gone, and this of it was not kept.
    Unknown,
}

impl Cell<'_> {
    pub(super) fn time(self) -> Option<Timestamp> {
        match self {
            Cell::Time(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Int(number) => serializer.serialize_i64(*number),
            Cell::Text(text) | Cell::Time(text) => serializer.serialize_str(text),
            Cell::Null | Cell::Unknown => serializer.serialize_none(),
        }
    }
}

/// A set of a table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnSet(u32);

impl ColumnSet {
    pub(super) const ALL: ColumnSet = ColumnSet(u32::MAX);
    pub(super) const PRIMARY_KEY: ColumnSet = ColumnSet(1);

    pub(super) fn insert(&mut self, column: usize) {
        self.0 |= 1 << column;
    }

    pub(super) fn has(self, column: usize) -> bool {
        self.0 >> column & 1 == 1
    }
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

const fn column(name: &'static str, kind: ColumnType) -> Column {
    Column { name, kind }
}

/// The view `event_tickets`: what is left of each ticket type.
static EVENT_TICKETS: Table = Table {
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
};

fn event_tickets<'a>(delta: &'a Delta, state: &'a EventState) -> Vec<RowChange<'a>> {
    let event = Cell::Int(state.event.id);
    let changes = delta.ticket_types.iter().map(|(&id, change)| {
        let id = Cell::Int(id);
        match &change.row {
            Some(row) => RowChange {
                op: change.op,
                row: vec![
                    id,
                    event,
                    Cell::Text(&row.name),
                    Cell::Int(row.available),
                    Cell::Int(row.held),
                    Cell::Int(row.sold),
                    Cell::Time(&row.updated_at),
                ],
            },
            None => {
                let mut row = vec![Cell::Unknown; EVENT_TICKETS.columns.len()];
                row[..2].copy_from_slice(&[id, event]);
                RowChange {
                    op: Op::Delete,
                    row,
                }
            }
        }
    });
    changes.collect()
}
