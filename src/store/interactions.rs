//! The table of interactions: written in batches, pruned by age.

use tokio_postgres::types::Json;

use super::{Store, StoreError};
use crate::ticketing::interaction::Interaction;

impl Store {
    /// Stores all of them in one statement.
    pub async fn store_interactions(&self, batch: &[Interaction]) -> Result<(), StoreError> {
        fn column<'a, T>(batch: &'a [Interaction], of: impl Fn(&'a Interaction) -> T) -> Vec<T> {
            batch.iter().map(of).collect()
        }
        let client = self.client().await?;
        let sql = "
            insert into interactions
                   (action, event_id, user_id, session_id, page_url, user_agent, data, happened_at)
            select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                                 $7::jsonb[], $8::timestamptz[])";
        let statement = client.prepare_cached(sql).await?;
        client
            .execute(
                &statement,
                &[
                    &column(batch, |one| &*one.action),
                    &column(batch, |one| one.event_id),
                    &column(batch, |one| one.user_id),
                    &column(batch, |one| one.session_id.as_deref()),
                    &column(batch, |one| one.page_url.as_deref()),
                    &column(batch, |one| one.user_agent.as_deref()),
                    &column(batch, |one| Json(&one.data)),
                    &column(batch, |one| one.happened_at),
                ],
            )
            .await?;
        Ok(())
    }
}
