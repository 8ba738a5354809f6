//! How many rows a list has. Counting costs as much as reading them, so it ends at a bound.

use deadpool_postgres::GenericClient;
use tokio_postgres::types::ToSql;

use super::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// Where there are more than are counted, one more than that.
    pub rows: i64,
    /// Whether these are all.
    pub is_exact: bool,
}

/// A page that was read.
pub(super) struct CountedPage {
    pub(super) rows: i64,
    pub(super) limit: i64,
    pub(super) offset: i64,
    /// It begins after some row, not at a number.
    pub(super) is_after: bool,
}

impl CountedPage {
    /// How many rows there are in all, if this page is the last one and so tells.
    pub(super) fn total(&self) -> Option<i64> {
        let is_last = self.rows < self.limit && (self.rows > 0 || self.offset == 0);
        (is_last && !self.is_after).then_some(self.offset + self.rows)
    }
}

impl Total {
    /// Counts the rows of `matches` (`from … where …`) up to `counted_max`. It is planned for these values.
    pub(super) async fn of(
        client: &impl GenericClient,
        matches: &str,
        values: &[&(dyn ToSql + Sync)],
        counted_max: i64,
    ) -> Result<Total, StoreError> {
        let count =
            format!("select count(*) from (select {matches} limit {counted_max} + 1) as counted");
        let rows: i64 = client.query_one(&count, values).await?.try_get(0)?;
        Ok(Total::counted(rows, counted_max))
    }

    /// The same of rows that were counted by the way.
    pub(super) fn counted(rows: i64, counted_max: i64) -> Total {
        Total {
            rows: rows.min(counted_max + 1),
            is_exact: rows <= counted_max,
        }
    }
}
