//! The description of a published table.
//!
//! To publish another table, add a [`PublishedTable`] to `tables`: its columns with their Postgres types, the primary key first;
//! a function from a delta to the changed rows, with cells in the columns' order; and one to their number. Then add to
//! `store::published` where its rows are read.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::ticketing::live::{Delta, EventState, Op};

pub(crate) use super::tables::TABLES;

#[derive(Debug)]
pub(crate) struct PublishedTable {
    pub(super) schema: &'static str,
    pub(crate) name: &'static str,
    /// At most 32; the primary key first.
    pub(crate) columns: &'static [Column],
    /// The rows of this table that the delta changes; the state is the one after the delta.
    pub(super) changes: for<'a> fn(&'a Delta, &'a EventState) -> Vec<TableChange<'a>>,
    /// Their number, without making them.
    pub(super) rows: fn(&Delta) -> usize,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    #[serde(rename = "type")]
    pub(crate) kind: ColumnType,
}

/// Postgres types, by the names that clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ColumnType {
    Bool,
    Int4,
    Int8,
    Jsonb,
    Text,
    Timestamptz,
}

impl ColumnType {
    /// The name that Postgres gives it in messages.
    pub(crate) fn spelled_out(self) -> &'static str {
        match self {
            ColumnType::Bool => "boolean",
            ColumnType::Int4 => "integer",
            ColumnType::Int8 => "bigint",
            ColumnType::Jsonb => "jsonb",
            ColumnType::Text => "text",
            ColumnType::Timestamptz => "timestamp with time zone",
        }
    }
}

#[derive(Debug)]
pub(super) struct TableChange<'a> {
    pub(super) op: Op,
    /// Of [`Op::Insert`]: the row was changed after it was made.
    pub(super) updated: bool,
    /// The new row; for a deleted one the cells that are still known.
    pub(super) row: Vec<Cell<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    Bool(bool),
    Int(i64),
    Json(&'a Value),
    Text(&'a str),
    /// RFC 3339.
    Time(&'a str),
    Null,
    /// A cell of a deleted row that was not kept.
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
            Cell::Bool(flag) => serializer.serialize_bool(*flag),
            Cell::Int(number) => serializer.serialize_i64(*number),
            Cell::Json(value) => value.serialize(serializer),
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

impl PublishedTable {
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

pub(super) const fn column(name: &'static str, kind: ColumnType) -> Column {
    Column { name, kind }
}
