//! Fills the database with other events, so that measurements run on large tables.

use futures_util::future::try_join_all;

use super::StagedEvent;
use crate::store::{Store, StoreError};
use crate::ticketing::UserId;

/// Seats of one such event, bookings of one, and events filled by one statement.
const SEATS_EACH: u32 = 100_000;
const BOOKINGS_EACH: u32 = 1_000;
const EVENTS_EACH: usize = 10;
/// Statements that run at a time.
const WRITERS: usize = 3;

impl Store {
    /// Adds `rows` seats and `rows` bookings, one in ten of them pending, of other events, and analyses the tables.
    pub async fn fill(&self, rows: u32) -> Result<(), StoreError> {
        let halls = self.set_stages(rows.div_ceil(SEATS_EACH).into(), 1).await?;
        for hall in &halls {
            self.fill_seats(hall, rows.min(SEATS_EACH).into()).await?;
        }
        self.fill_sales(rows).await?;
        self.analyze().await
    }

    /// Adds so many bookings, in whole thousands, one in ten of them pending, of other events.
    pub async fn fill_sales(&self, bookings: u32) -> Result<(), StoreError> {
        let shows = self
            .set_stages(bookings.div_ceil(BOOKINGS_EACH).into(), 1)
            .await?;
        let buyers = self.fill_users().await?;
        let statements: Vec<&[StagedEvent]> = shows.chunks(EVENTS_EACH).collect();
        let write = async |writer: usize| {
            for shows in statements.iter().skip(writer).step_by(WRITERS) {
                self.fill_bookings(shows, &buyers).await?;
            }
            Ok::<_, StoreError>(())
        };
        try_join_all((0..WRITERS).map(write)).await?;
        Ok(())
    }

    async fn fill_users(&self) -> Result<Vec<UserId>, StoreError> {
        let sql = "
            with made as (
                insert into users (name) select 'Buyer ' || n from generate_series(1, $1::bigint) n returning id
            )
            select array_agg(id) from made";
        let client = self.client().await?;
        Ok(client
            .query_one(sql, &[&i64::from(BOOKINGS_EACH)])
            .await?
            .get(0))
    }

    async fn fill_seats(&self, hall: &StagedEvent, seats: i64) -> Result<(), StoreError> {
        let sql = "
            with hall as (
                insert into sections (event_id, name) values ($1, 'Hall') returning id
            )
            insert into seats (event_id, section_id, ticket_type_id, row_label, number, position)
            select $1, hall.id, $2, (n / 100)::text, (n % 100)::text, n
            from hall, generate_series(0, $3::bigint - 1) n";
        let client = self.client().await?;
        client.batch_execute(PATIENT).await?;
        let values = (&hall.event, &hall.ticket_types[0], &seats);
        client.execute(sql, &[values.0, values.1, values.2]).await?;
        Ok(client.batch_execute(IMPATIENT).await?)
    }

    /// Adds bookings as buyers would make them: with items and claims, and with tickets if they are paid.
    async fn fill_bookings(
        &self,
        shows: &[StagedEvent],
        buyers: &[UserId],
    ) -> Result<(), StoreError> {
        let sql = "
            with booked as (
                insert into bookings (reference, event_id, user_id, status, quantity, total_amount, currency,
                                      expires_at, confirmed_at, paid_by)
                select 'BK-' || event || '-' || n, event, buyer, status, 1, 4500, 'EUR',
                       clock_timestamp() + interval '1 day',
                       case status when 'confirmed' then clock_timestamp() end, case status when 'confirmed' then 'cash' end
                from unnest($1::bigint[]) event,
                     unnest($3::bigint[]) with ordinality buyers (buyer, n),
                     lateral (select case n % 10 when 0 then 'pending' else 'confirmed' end) of (status)
                returning id, event_id, status, reference
            ), typed as (
                select booked.*, type
                from booked join unnest($1::bigint[], $2::bigint[]) of_event (event, type) on event = event_id
            ), listed as (
                insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                select id, 1, type, 1, 4500 from typed
            ), claimed as (
                insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
                select id, event_id, type, 1, case status when 'pending' then 'held' else 'sold' end from typed
            )
            insert into tickets (booking_id, event_id, ticket_type_id, code)
            select id, event_id, type, 'TKT-' || reference from typed where status = 'confirmed'";
        let events: Vec<_> = shows.iter().map(|show| show.event).collect();
        let types: Vec<_> = shows.iter().map(|show| show.ticket_types[0]).collect();
        let client = self.client().await?;
        client.batch_execute(PATIENT).await?;
        client.execute(sql, &[&events, &types, &buyers]).await?;
        Ok(client.batch_execute(IMPATIENT).await?)
    }
}

/// No timeout, since many rows take long; no waiting for fsync, since a bench can fill them in again.
pub(super) const PATIENT: &str = "set statement_timeout = 0; set synchronous_commit = off";
pub(super) const IMPATIENT: &str = "reset statement_timeout; reset synchronous_commit";
