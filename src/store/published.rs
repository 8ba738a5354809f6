//! Reads the published tables: the rows that the Supabase dialect tells of, as they are now.
//!
//! Callers choose columns, conditions and order as they like, and no index serves every choice. So what is read is bounded:
//! rows are reached by a key that the caller names, or else in the order of an index, up to a bound, and only these
//! *candidates* are filtered, sorted and counted. A query whose answer may lie beyond them is refused.
//!
//! Values are parameters, always; names of columns come from the tables below.

mod path;
mod sql;

use serde_json::value::RawValue;

use self::path::Path;
use self::sql::Statement;
use super::{Store, StoreError};
use crate::auth::{Caller, Right};
use crate::protocol::supabase::{PublishedTable, Test};

/// A query on one published table.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) table: &'static PublishedTable,
    /// Places of the selected columns; at least one.
    pub(crate) columns: Vec<usize>,
    /// All of them must hold.
    pub(crate) filters: Vec<Filter>,
    pub(crate) order: Vec<OrderKey>,
    pub(crate) limit: i64,
    pub(crate) offset: i64,
    /// Whether to count all rows that pass.
    pub(crate) counted: bool,
}

#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) negated: bool,
    pub(crate) kind: FilterKind,
}

#[derive(Debug)]
pub(crate) enum FilterKind {
    /// A condition on the column at this place.
    Column(usize, Test),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderKey {
    pub(crate) column: usize,
    pub(crate) descending: bool,
    /// `None`: where Postgres puts nulls, last in ascending order.
    pub(crate) nulls_first: Option<bool>,
}

#[derive(Debug)]
pub(crate) enum Published {
    Page(PublishedPage),
    /// More rows would have to be read than a query may.
    TooMany,
}

#[derive(Debug)]
pub(crate) struct PublishedPage {
    /// The selected columns of each row, as JSON.
    pub(crate) rows: Vec<Vec<Box<RawValue>>>,
    /// How many rows pass the filters; `None` if that was not asked, or is more than may be counted.
    pub(crate) total: Option<i64>,
}

/// A published table's place in the schema. Of several tables each but the first is reached by the key of its rows one by
/// one (`lateral`, or a scalar subquery): a join may be planned as a scan of all of it.
struct RowSource {
    /// Expressions of the table's columns, in their order.
    cells: &'static [&'static str],
    from: &'static str,
    /// Of deleted events nothing is shown, drafts and hidden ticket types only to those who may organize them: $1 whether an admin, $2 the
    /// organizer's id.
    visible: &'static str,
    /// Columns that an index leads to.
    keys: &'static [&'static str],
    /// The indexes that rows can be read along; the first is that of the primary key.
    orders: &'static [ColumnOrder],
    /// A condition (column, value, expression) that an index for the last order holds for.
    partial: Option<(&'static str, &'static str, &'static str)>,
}

/// An index that rows can be read along.
struct ColumnOrder {
    columns: &'static [&'static str],
    /// The condition that the index holds for, or `true`. Elsewhere it is not said as the index says it: else a plan that
    /// was made while the table was small reads all of this index instead of the beginning of another one.
    holds: &'static str,
}

/// Every table of the dialect has one.
fn source(table: &PublishedTable) -> Result<&'static RowSource, StoreError> {
    match table.name {
        "event_tickets" => Ok(&EVENT_TICKETS),
        "events" => Ok(&EVENTS),
        "seats" => Ok(&SEATS),
        "notices" => Ok(&NOTICES),
        name => Err(StoreError::corrupt(format!("no table {name}"))),
    }
}

static EVENT_TICKETS: RowSource = RowSource {
    cells: &[
        "c.id",
        "c.event_id",
        "c.name",
        "c.available_count",
        "c.reserved_count",
        "c.sold_count",
        "c.updated_at",
    ],
    from: "event_tickets c cross join lateral
        (select deleted_at, status, organizer_id from events where id = c.event_id limit 1) e",
    visible: "e.deleted_at is null and (e.status <> 'draft' and not c.hidden or $1 or e.organizer_id = any($2))",
    keys: &["id", "event_id"],
    orders: &[ColumnOrder {
        columns: &["id"],
        holds: "true",
    }],
    partial: None,
};

static EVENTS: RowSource = RowSource {
    cells: &[
        "e.id",
        "e.organizer_id",
        "e.title",
        "e.description",
        "e.venue",
        "e.category",
        "e.image_url",
        "e.starts_at",
        "e.ends_at",
        "e.doors_at",
        "e.timezone",
        "e.currency::text",
        "e.status",
        "e.capacity",
        "e.membership_required",
        "e.max_per_booking",
        "e.hold_minutes",
        "t.layout",
        "e.updated_at",
    ],
    from: "events e cross join lateral (select layout from turns where event_id = e.id limit 1) t",
    visible: "case when e.deleted_at is null then e.status <> 'draft' or $1 or e.organizer_id = any($2) end",
    keys: &["id"],
    orders: &[
        ColumnOrder {
            columns: &["id"],
            holds: "true",
        },
        ColumnOrder {
            columns: &["starts_at", "id"],
            holds: "e.deleted_at is null",
        },
    ],
    partial: Some(("status", "active", "e.status = 'active'")),
};

static SEATS: RowSource = RowSource {
    cells: &[
        "s.position",
        "s.event_id",
        "(array['available', 'held', 'sold', 'blocked'])[1 + seat_status(
             s.blocked or exists (select from ticket_types t where t.id = s.ticket_type_id and t.hidden),
             (select c.state from claims c where c.seat_id = s.id and c.state <> 'dead'))]",
    ],
    from: "seats s cross join lateral
        (select deleted_at, status, organizer_id from events where id = s.event_id limit 1) e",
    visible: "e.deleted_at is null and (e.status <> 'draft' or $1 or e.organizer_id = any($2))",
    keys: &["event_id"],
    orders: &[ColumnOrder {
        columns: &["event_id", "position"],
        holds: "true",
    }],
    partial: None,
};

static NOTICES: RowSource = RowSource {
    cells: &[
        "n.id",
        "n.event_id",
        "n.type",
        "n.message",
        "n.data",
        "n.created_at",
        "n.until",
        "n.revision",
    ],
    from: "notices n cross join lateral
        (select deleted_at, status, organizer_id from events where id = n.event_id limit 1) e",
    visible: "e.deleted_at is null and (e.status <> 'draft' or $1 or e.organizer_id = any($2))
              and (n.until is null or n.until > now())",
    keys: &["id", "event_id"],
    orders: &[ColumnOrder {
        columns: &["id"],
        holds: "true",
    }],
    partial: None,
};

impl Store {
    /// The rows that `caller` may see.
    pub(crate) async fn published(
        &self,
        reading: &Reading,
        caller: &Caller,
    ) -> Result<Published, StoreError> {
        let source = source(reading.table)?;
        let path = Path::choose(reading, source);
        if path.candidates() < reading.offset.saturating_add(reading.limit) && path.is_short() {
            return Ok(Published::TooMany);
        }
        let mut statement = Statement::default();
        statement.bind(caller.is_admin());
        statement.bind(caller.organizations_with(Right::See));
        let text = statement.read(reading, source, &path);
        // Nobody closes it.
        let _reader = self.table_readers.acquire().await;
        let client = self.client().await?;
        let row = client.query_one(&text, &statement.values()).await?;
        let rows: String = row.try_get(0)?;
        let rows: Vec<Vec<Box<RawValue>>> = serde_json::from_str(&rows)
            .map_err(|error| StoreError::corrupt(format!("rows as JSON: {error}")))?;
        let is_past_bound = row.try_get::<_, i64>(1)? > path.candidates();
        // Rows that come as they are read are the first ones, however many follow.
        let is_full = path.is_in_order() && rows.len() as i64 == reading.limit;
        if is_past_bound && !is_full {
            return Ok(Published::TooMany);
        }
        let total = row.try_get::<_, Option<i64>>(2)?;
        let total = total.filter(|_| !is_past_bound);
        Ok(Published::Page(PublishedPage { rows, total }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::protocol::supabase::TABLES;

    #[test]
    fn every_published_column_has_an_expression_and_every_key_is_one() {
        for table in TABLES {
            let source = source(table).unwrap();
            assert_eq!(source.cells.len(), table.columns.len(), "{}", table.name);
            let ordering = source.orders.iter().flat_map(|order| order.columns);
            let named = source.keys.iter().chain(ordering);
            for name in named {
                assert!(table.column(name).is_some(), "{}.{name}", table.name);
            }
        }
    }
}
