//! A catalogue to read from: many events with words to search for, and one large hall, half sold.

use std::f64::consts::TAU;

use super::StagedEvent;
use super::fill::{IMPATIENT, PATIENT};
use crate::store::{Store, StoreError};
use crate::ticketing::{EventId, UserId};

/// Events of one statement.
const EVENTS_EACH: i64 = 5_000;
/// Of the large hall.
const SEATS_A_ROW: i64 = 50;
const SEATS_A_BOOKING: i32 = 25;

/// An event with seats.
#[derive(Debug, Clone)]
pub struct BenchHall {
    pub stage: StagedEvent,
    /// Of all of its bookings.
    pub buyer: UserId,
    pub bookings: u64,
}

impl Store {
    /// New events on sale, with two ticket types each, of ten categories and an organizer for each thousand. Every
    /// thousandth is paused. The words «evening» and «hall» are in all of them, «jazz» in every tenth, `rehearsal <n>` in
    /// every thousandth.
    pub async fn fill_catalogue(&self, events: i64) -> Result<(), StoreError> {
        let sql = "
            with organizers as (
                insert into users (name, role)
                select 'Organizer ' || n, 'organizer' from generate_series(1, $2::bigint / 1000) n returning id
            ), made as (
                insert into events (organizer_id, title, description, venue, category, starts_at, capacity, status)
                select (select array_agg(id) from organizers)[1 + n % greatest(1, $2 / 1000)],
                       (array['Jazz', 'Rock', 'Opéra', 'Ballet', 'Comedy', 'Football', 'Théâtre', 'Film', 'Märchen', 'Tango'])[1 + n % 10]
                           || ' evening ' || n || case n % 1000 when 7 then ' rehearsal ' || n else '' end,
                       'An evening with ' || md5(n::text) || ' and friends.', 'Hall ' || n % 97,
                       (array['jazz', 'rock', 'opera', 'ballet', 'comedy', 'sports', 'stage', 'film', 'family', 'dance'])[1 + n % 10],
                       clock_timestamp() + n * interval '1 minute', 100, case n % 1000 when 1 then 'paused' else 'active' end
                  from generate_series($1::bigint + 1, $1 + $2) n
                returning id
            )
            insert into ticket_types (event_id, name, price_amount, capacity)
            select id, type, 4500, 50 from made, unnest(array['Standing', 'Balcony']) type";
        let client = self.client().await?;
        client.batch_execute(PATIENT).await?;
        for first in (0..events).step_by(EVENTS_EACH as usize) {
            client
                .execute(sql, &[&first, &EVENTS_EACH.min(events - first)])
                .await?;
        }
        Ok(client.batch_execute(IMPATIENT).await?)
    }

    /// An event with so many seats in ten sections, rows of a bowl, of which half are sold.
    pub async fn fill_hall(&self, seats: i64) -> Result<BenchHall, StoreError> {
        let stage = self.set_stages(1, 1).await?.pop();
        let stage = stage.ok_or_else(|| StoreError::corrupt("no event was made"))?;
        let client = self.client().await?;
        client.batch_execute(PATIENT).await?;
        let draw = "
            with named as (
                insert into sections (event_id, name) select $1, 'Block ' || n from generate_series(1, 10) n returning id
            ), blocks as (
                select array_agg(id order by id) as ids from named
            )
            insert into seats (event_id, section_id, ticket_type_id, row_label, number, x, y, position)
            select $1, ids[1 + n * 10 / $3], $2, (n / $4)::text, (1 + n % $4)::text,
                   (300 + n / $4 % 40 * 9) * cos(turn), (300 + n / $4 % 40 * 9) * sin(turn), n
              from blocks, generate_series(0, $3::bigint - 1) n,
                   lateral (select $5::float8 * (n / $4 / 40 + (n % $4)::float8 / $4) / (1 + $3 / $4 / 40)) of (turn)";
        let (event, ticket_type) = (stage.event, stage.ticket_types[0]);
        client
            .execute(draw, &[&event, &ticket_type, &seats, &SEATS_A_ROW, &TAU])
            .await?;
        let buyer = "insert into users (name) values ('Buyer') returning id";
        let buyer: UserId = client.query_one(buyer, &[]).await?.get(0);
        let sell = "
            with sold as (
                select array_agg(id order by position) as ids, (position / 2) / $4 as lot
                  from seats where event_id = $1 and position % 2 = 0 group by lot
            ), booked as (
                insert into bookings (reference, event_id, user_id, status, quantity, total_amount, currency, confirmed_at,
                                      paid_by)
                select 'BK-' || $1 || '-' || lot, $1, $3, 'confirmed', cardinality(ids), 4500 * cardinality(ids), 'EUR',
                       clock_timestamp(), 'cash'
                  from sold
                returning id, reference
            ), listed as (
                insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                select id, 1, $2, $4, 4500 from booked
            ), seated as (
                select booked.id, seat
                  from booked join sold on booked.reference = 'BK-' || $1 || '-' || lot, unnest(ids) seat
            ), claimed as (
                insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, state)
                select id, $1, $2, seat, 1, 'sold' from seated
            )
            insert into tickets (booking_id, event_id, ticket_type_id, seat_id, code)
            select id, $1, $2, seat, 'TKT-' || seat from seated";
        client
            .execute(sell, &[&event, &ticket_type, &buyer, &SEATS_A_BOOKING])
            .await?;
        client.batch_execute(IMPATIENT).await?;
        let bookings = seats.unsigned_abs() / 2 / u64::from(SEATS_A_BOOKING.unsigned_abs());
        Ok(BenchHall {
            stage,
            buyer,
            bookings,
        })
    }

    /// So many events on sale, the first to begin first.
    pub async fn first_events(&self, events: i64) -> Result<Vec<EventId>, StoreError> {
        let sql = "select id from events where status = 'active' order by starts_at, id limit $1";
        let rows = self.client().await?.query(sql, &[&events]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
