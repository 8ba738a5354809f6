//! Holds and counts for the benches of deadlines and of webhooks.

use std::time::Duration;

use super::StagedEvent;
use super::fill::{IMPATIENT, PATIENT};
use crate::store::{Store, StoreError};

/// The state of an event's sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoldSoFar {
    pub pending: i64,
    pub confirmed: i64,
    /// Payments whose money is booked.
    pub captured: i64,
    /// Events that providers told, of any sale.
    pub told: i64,
}

impl Store {
    /// Adds holds of one ticket each, by buyers without an account, that all end at the same instant.
    pub async fn fill_holds(
        &self,
        stage: &StagedEvent,
        holds: i64,
        after: Duration,
    ) -> Result<(), StoreError> {
        let sql = "
            with booked as (
                insert into bookings (reference, event_id, status, quantity, total_amount, currency, expires_at)
                select 'HOLD-' || gen_random_uuid(), $1, 'pending', 1, 4500, 'EUR',
                       statement_timestamp() + $3::float8 * interval '1 ms'
                  from generate_series(1, $4::bigint)
                returning id
            ), listed as (
                insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                select id, 1, $2, 1, 4500 from booked
            )
            insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
            select id, $1, $2, 1, 'held' from booked";
        let client = self.client().await?;
        client.batch_execute(PATIENT).await?;
        let after = after.as_secs_f64() * 1e3;
        let first = stage.ticket_types.first();
        client
            .execute(sql, &[&stage.event, &first, &after, &holds])
            .await?;
        Ok(client.batch_execute(IMPATIENT).await?)
    }

    /// Holds that should have ended.
    pub async fn overdue(&self, stage: &StagedEvent) -> Result<i64, StoreError> {
        let client = self.client().await?;
        let sql = "select count(*) from bookings
                    where event_id = $1 and due_at is not null and due_at <= statement_timestamp()";
        Ok(client.query_one(sql, &[&stage.event]).await?.try_get(0)?)
    }

    pub async fn sold_so_far(&self, stage: &StagedEvent) -> Result<SoldSoFar, StoreError> {
        let client = self.client().await?;
        let sql = "
            select (select count(*) from bookings where event_id = $1 and due_at is not null),
                   (select count(*) from bookings where event_id = $1 and status = 'confirmed'),
                   (select count(*) from payments where event_id = $1 and state = 'captured'),
                   (select count(*) from provider_events where received_at > '-infinity')";
        let row = client.query_one(sql, &[&stage.event]).await?;
        Ok(SoldSoFar {
            pending: row.try_get(0)?,
            confirmed: row.try_get(1)?,
            captured: row.try_get(2)?,
            told: row.try_get(3)?,
        })
    }
}
