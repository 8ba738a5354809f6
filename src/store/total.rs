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
        Ok(Total {
            rows,
            is_exact: rows <= counted_max,
        })
    }
}
