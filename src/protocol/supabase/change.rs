//! The payload of a `postgres_changes` message.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde::{Serialize, Serializer};

use super::table::{Cell, ColumnSet, PublishedTable, TableChange};
use crate::ticketing::live::Op;

/// A changed row, and the ids of the bindings that match it.
#[derive(Debug, Serialize)]
pub struct TableMessage<'a> {
    ids: Vec<u32>,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    schema: &'static str,
    table: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    commit_timestamp: String,
    #[serde(serialize_with = "columns")]
    columns: Shape,
    /// The row after the change; absent for a DELETE.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<SelectedCells<'a>>,
    /// The primary key. Absent for an INSERT; PyPI `realtime` does not take null here.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_record: Option<SelectedCells<'a>>,
    /// Always null, and never absent: PyPI `realtime` drops a message that lacks it.
    errors: Option<String>,
}

/// A table with some of its columns selected.
#[derive(Debug, Clone, Copy)]
struct Shape {
    table: &'static PublishedTable,
    columns: ColumnSet,
}

#[derive(Debug)]
struct SelectedCells<'a> {
    shape: Shape,
    cells: Vec<Cell<'a>>,
}

impl<'a> TableMessage<'a> {
    pub(super) fn new(
        ids: Vec<u32>,
        table: &'static PublishedTable,
        (op, columns): (Op, ColumnSet),
        change: &TableChange<'a>,
        commit_timestamp: &str,
    ) -> Self {
        let shape = Shape { table, columns };
        let record = |columns| SelectedCells {
            shape: Shape { table, columns },
            cells: change.row.clone(),
        };
        TableMessage {
            ids,
            data: Data {
                schema: table.schema,
                table: table.name,
                kind: kind(op),
                commit_timestamp: commit_timestamp.to_owned(),
                columns: shape,
                record: (op != Op::Delete).then(|| record(columns)),
                old_record: (op != Op::Insert).then(|| record(ColumnSet::PRIMARY_KEY)),
                errors: None,
            },
        }
    }
}

fn kind(op: Op) -> &'static str {
    match op {
        Op::Insert => "INSERT",
        Op::Update => "UPDATE",
        Op::Delete => "DELETE",
    }
}

/// The log's time as UTC with milliseconds and a Z; unchanged if it cannot be read.
pub(super) fn commit_timestamp(at: &str) -> String {
    let milliseconds = TimestampRound::new()
        .smallest(Unit::Millisecond)
        .mode(RoundMode::Trunc);
    match at
        .parse::<Timestamp>()
        .and_then(|at| at.round(milliseconds))
    {
        Ok(at) => format!("{at:.3}"),
        Err(_) => at.to_owned(),
    }
}

fn columns<S: Serializer>(shape: &Shape, serializer: S) -> Result<S::Ok, S::Error> {
    let columns = shape.table.columns.iter().enumerate();
    let chosen = columns.filter(|&(place, _)| shape.columns.has(place));
    serializer.collect_seq(chosen.map(|(_, column)| column))
}

impl Serialize for SelectedCells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.shape.table.columns.iter().zip(&self.cells).enumerate();
        let chosen = columns.filter(|&(place, _)| self.shape.columns.has(place));
        serializer.collect_map(chosen.map(|(_, (column, cell))| (column.name, cell)))
    }
}
