//! What the benches ask of the database: an event to change, and the naive way to sell.

use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;

use super::{Store, StoreError};
use crate::ticketing::{EventId, Revision, TicketTypeId};

/// An event of a bench.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    pub event: EventId,
    pub ticket_type: TicketTypeId,
    /// After it was made.
    pub revision: Revision,
}

/// More than any bench sells.
const CAPACITY: i32 = 100_000_000;

impl Store {
    /// A new event on sale, with one ticket type.
    pub async fn set_stage(&self) -> Result<Stage, StoreError> {
        let client = self.client().await?;
        let sql = "
            with organizer as (
                insert into users (name, role) values ('Bench', 'organizer') returning id
            )
            insert into events (organizer_id, title, venue, starts_at, capacity, status)
            select id, 'Bench', 'Loopback', clock_timestamp() + interval '30 days', $1, 'active'
            from organizer
            returning id";
        let event: EventId = client.query_one(sql, &[&CAPACITY]).await?.get(0);
        let sql = "
            insert into ticket_types (event_id, name, price_amount, capacity)
            values ($1, 'Standing', 4500, $2)
            returning id";
        let row = client.query_one(sql, &[&event, &CAPACITY]).await?;
        let ticket_type = row.get(0);
        let sql = "select revision from pools where event_id = $1 and kind = 'event'";
        let revision: i64 = client.query_one(sql, &[&event]).await?.get(0);
        Ok(Stage {
            event,
            ticket_type,
            revision: revision.cast_unsigned(),
        })
    }

    /// Changes the event's ticket type so many times, each in a transaction of its own, all sent
    /// at once on one connection. Each moves the event's revision by one.
    pub async fn change(&self, stage: &Stage, times: u64) -> Result<(), StoreError> {
        let client = self.client().await?;
        let sql = "update ticket_types set price_amount = price_amount # 1 where id = $1";
        let statement = client.prepare_cached(sql).await?;
        let parameters: [&(dyn ToSql + Sync); 1] = [&stage.ticket_type];
        let one = |_| client.execute(&statement, &parameters);
        // tokio-postgres sends what is polled together without waiting for answers between.
        try_join_all((0..times).map(one)).await?;
        Ok(())
    }
}
