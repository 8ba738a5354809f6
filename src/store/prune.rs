//! Deletes old rows, a bounded number at a time. It compares with `statement_timestamp()`, which can bound an index scan;
//! `clock_timestamp()` would scan the whole index.

use super::{Store, StoreError};

impl Store {
    /// Deletes old changes, oldest first, and returns their number; if it is `rows_max`, there are more. Each event's newest
    /// change stays, so that a reader that fell behind finds a gap instead of nothing.
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

    /// Deletes old stored answers; their keys may then be used again.
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

    /// Deletes old interactions.
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

    /// Deletes old names of providers' events. One that comes again afterwards is too old to be signed.
    pub async fn prune_provider_events(
        &self,
        older_than_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        self.prune(
            "delete from provider_events where ctid = any(array(
                 select ctid from provider_events
                  where received_at < statement_timestamp() - make_interval(hours => $1)
                  order by received_at limit $2))",
            older_than_hours,
            rows_max,
        )
        .await
    }

    /// Deletes sessions that ended by themselves, with their refresh tokens.
    pub async fn prune_sessions(
        &self,
        older_than_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        self.prune(
            "delete from sessions where id = any(array(
                 select id from sessions
                  where expires_at < statement_timestamp() - make_interval(hours => $1)
                  order by expires_at limit $2))",
            older_than_hours,
            rows_max,
        )
        .await
    }

    /// Deletes links to accounts that are good for nothing any more.
    pub async fn prune_account_links(
        &self,
        older_than_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        self.prune(
            "delete from account_links where ctid = any(array(
                 select ctid from account_links
                  where expires_at < statement_timestamp() - make_interval(hours => $1)
                  order by expires_at limit $2))",
            older_than_hours,
            rows_max,
        )
        .await
    }

    /// Deletes the news of tokens that have ended by themselves since.
    pub async fn prune_ended_tokens(
        &self,
        older_than_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        self.prune(
            "delete from ended_tokens where ctid = any(array(
                 select ctid from ended_tokens
                  where at < statement_timestamp() - make_interval(hours => $1)
                  order by at limit $2))",
            older_than_hours,
            rows_max,
        )
        .await
    }

    /// Ends offers of tickets whose event has begun or does not take place, and forgets whom they were made to.
    pub async fn prune_transfers(
        &self,
        begun_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        self.prune(
            "with ended as (
                 update transfers set state = 'cancelled', ended_at = clock_timestamp()
                  where state = 'pending' and id = any(array(
                      select t.id from transfers t
                        join lateral (select starts_at, status from events where id = t.event_id limit 1) e on true
                       where t.state = 'pending'
                         and (e.starts_at < statement_timestamp() - make_interval(hours => $1)
                              or e.status in ('cancelled', 'completed'))
                       order by t.ticket_id limit $2))
                 returning id)
             delete from transfer_contacts where transfer_id = any(array(select id from ended))",
            begun_hours,
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
