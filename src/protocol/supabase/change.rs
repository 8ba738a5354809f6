//! The payload of a `postgres_changes` message.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde::{Serialize, Serializer};

use super::table::{Cell, ColumnSet, RowChange, Table};
use crate::ticketing::live::Op;

/// A changed row, for the bindings with these ids.
#[derive(Debug, Serialize)]
pub struct Message<'a> {
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
    /// The row after the change; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Record<'a>>,
    /// The primary key. Absent for an INSERT; PyPI `realtime` does not take null here.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_record: Option<Record<'a>>,
    /// Always null, and never absent: PyPI `realtime` drops a message that lacks it.
    errors: Option<String>,
}

/// A table, narrowed to some of its columns.
#[derive(Debug, Clone, Copy)]
struct Shape {
    table: &'static Table,
    columns: ColumnSet,
}

#[derive(Debug)]
struct Record<'a> {
    shape: Shape,
    cells: Vec<Cell<'a>>,
}

impl<'a> Message<'a> {
    pub(super) fn new(
        ids: Vec<u32>,
        table: &'static Table,
        columns: ColumnSet,
        change: &RowChange<'a>,
        commit_timestamp: &str,
    ) -> Self {
        let shape = Shape { table, columns };
        let record = |columns| Record {
            shape: Shape { table, columns },
            cells: change.row.clone(),
        };
        Message {
            ids,
            data: Data {
                schema: table.schema,
                table: table.name,
                kind: kind(change.op),
                commit_timestamp: commit_timestamp.to_owned(),
                columns: shape,
                record: (change.op != Op::Delete).then(|| record(columns)),
                old_record: (change.op != Op::Insert).then(|| record(ColumnSet::PRIMARY_KEY)),
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

/// UTC with milliseconds and a Z, from the log's time. What cannot be read stays as it is.
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

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.shape.table.columns.iter().zip(&self.cells).enumerate();
        let chosen = columns.filter(|&(place, _)| self.shape.columns.has(place));
        serializer.collect_map(chosen.map(|(_, (column, cell))| (column.name, cell)))
    }
}
