//! What is dropped by age, a bounded number of rows at a time. `statement_timestamp()`, because an
//! index scan can be bounded by it; `clock_timestamp()` would walk the whole index.

use super::{Store, StoreError};

impl Store {
    /// Drops changes older than so many hours, oldest first, and says how many; `rows_max` of them
    /// mean that there are more. Each event's newest change stays, so that a reader who fell
    /// behind finds a gap instead of nothing.
    pub async fn prune_changes(
        &self,
        older_than_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        self.prune(
            "delete from changes where ctid = any(array(
                 select old.ctid from changes old
                  where old.at < statement_timestamp() - make_interval(hours => $1)
                    and exists (select from changes newer
                                 where newer.event_id = old.event_id and newer.revision > old.revision)
                  order by old.at limit $2))",
            older_than_hours,
            rows_max,
        )
        .await
    }

    /// Drops stored answers older than so many hours; their keys may then be used again.
    pub async fn prune_idempotency_keys(
        &self,
        older_than_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        self.prune(
            "delete from idempotency_keys where ctid = any(array(
                 select ctid from idempotency_keys
                  where created_at < statement_timestamp() - make_interval(hours => $1)
                  order by created_at limit $2))",
            older_than_hours,
            rows_max,
        )
        .await
    }

    /// Drops interactions older than so many hours.
    pub async fn prune_interactions(
        &self,
        older_than_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        self.prune(
            "delete from interactions where ctid = any(array(
                 select ctid from interactions
                  where received_at < statement_timestamp() - make_interval(hours => $1)
                  order by received_at limit $2))",
            older_than_hours,
            rows_max,
        )
        .await
    }

    async fn prune(
        &self,
        statement: &str,
        older_than_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        let hours = i32::try_from(older_than_hours).unwrap_or(i32::MAX);
        let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
        let client = self.client().await?;
        Ok(client.execute(statement, &[&hours, &rows_max]).await?)
    }
}
