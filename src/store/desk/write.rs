//! The second round trip of a turn: every insert of a batch, one statement a table, and `commit`.
//!
//! The columns go over as arrays. The triggers then see each batch as one statement: one move of the
//! counters, one revision, one ring (`sql/V4__counters.sql`).

use deadpool_postgres::Client;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::read::run;
use super::{NewBooking, statements};
use crate::store::StoreError;
use crate::store::changes::unsigned;
use crate::ticketing::record::Booking;
use crate::ticketing::stock::ClaimState;
use crate::ticketing::{EventId, Revision, SeatId, TicketTypeId};

statements! {
    bookings = "
        insert into bookings (event_id, id, reference, user_id, token_hash, status, quantity, total_amount,
                              currency, expires_at, created_at, confirmed_at, updated_at)
        select $1, id, reference, user_id, token_hash, status, quantity, total_amount,
               currency, expires_at, created_at, confirmed_at, created_at
          from unnest($2::uuid[], $3::text[], $4::bigint[], $5::bytea[], $6::text[], $7::int[], $8::bigint[],
                      $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[])
               as new (id, reference, user_id, token_hash, status, quantity, total_amount,
                       currency, expires_at, created_at, confirmed_at)";
    items = "
        insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
        select * from unnest($1::uuid[], $2::int[], $3::bigint[], $4::int[], $5::bigint[])";
    tickets = "
        insert into tickets (event_id, booking_id, ticket_type_id, seat_id, code)
        select $1, * from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::text[])";
    // By key, so that desks of two events that store the same keys wait in one direction.
    keys = "
        insert into idempotency_keys (scope, key, body_hash, status, response)
        select * from unnest($1::text[], $2::text[], $3::bytea[], $4::int[], $5::jsonb[]) as new (scope, key)
         order by scope, key";
    claims = "
        insert into claims (event_id, booking_id, ticket_type_id, seat_id, quantity, state)
        select $1, * from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::int[], $6::text[])";
    revision = "
        select revision from turns where event_id = $1";
}

/// The first request of a batch with this key was answered so.
const CREATED: i32 = 201;

/// Inserts everything and commits, in one round trip.
pub(super) async fn commit(
    client: &Client,
    sql: &Statements,
    event: EventId,
    new: &[NewBooking],
) -> Result<Revision, StoreError> {
    let of_event: [&(dyn ToSql + Sync); 1] = [&event];
    // Sent in this order. The first that fails turns the rest, `commit` included, into a rollback.
    let (_, _, _, _, _, row, ()) = tokio::try_join!(
        biased;
        insert_bookings(client, sql, event, new),
        insert_items(client, sql, new),
        insert_tickets(client, sql, event, new),
        insert_keys(client, sql, new),
        insert_claims(client, sql, event, new),
        run(client.query_one(&sql.revision, &of_event)),
        run(client.batch_execute("commit")),
    )?;
    unsigned(row.try_get(0)?)
}

async fn insert_bookings(
    client: &Client,
    sql: &Statements,
    event: EventId,
    new: &[NewBooking],
) -> Result<(), StoreError> {
    let ids = column(new, |new| new.booking.id);
    let references = column(new, |new| new.booking.reference.as_str());
    let users = column(new, |new| new.booking.user_id);
    let tokens = column(new, |new| new.token_hash.as_ref().map(<[u8; 32]>::as_slice));
    let statuses = column(new, |new| new.booking.status.as_str());
    let quantities = new.iter().map(|new| small(new.booking.quantity));
    let quantities = quantities.collect::<Result<Vec<i32>, _>>()?;
    let totals = column(new, |new| new.booking.total.amount);
    let currencies = column(new, |new| new.booking.total.currency.as_str());
    let deadlines = column(new, |new| new.booking.expires_at);
    let created = column(new, |new| new.booking.created_at);
    let confirmed = column(new, |new| new.booking.confirmed_at);
    let columns: [&(dyn ToSql + Sync); 12] = [
        &event,
        &ids,
        &references,
        &users,
        &tokens,
        &statuses,
        &quantities,
        &totals,
        &currencies,
        &deadlines,
        &created,
        &confirmed,
    ];
    client.execute(&sql.bookings, &columns).await?;
    Ok(())
}

async fn insert_items(
    client: &Client,
    sql: &Statements,
    new: &[NewBooking],
) -> Result<(), StoreError> {
    let mut bookings: Vec<Uuid> = Vec::new();
    let mut lines: Vec<i32> = Vec::new();
    let mut types: Vec<TicketTypeId> = Vec::new();
    let mut quantities: Vec<i32> = Vec::new();
    let mut amounts: Vec<i64> = Vec::new();
    for new in new {
        for (line, item) in (1..).zip(&new.booking.items) {
            bookings.push(new.booking.id);
            lines.push(line);
            types.push(item.ticket_type_id);
            quantities.push(small(item.quantity)?);
            amounts.push(item.unit_price.amount);
        }
    }
    let columns: [&(dyn ToSql + Sync); 5] = [&bookings, &lines, &types, &quantities, &amounts];
    client.execute(&sql.items, &columns).await?;
    Ok(())
}

async fn insert_tickets(
    client: &Client,
    sql: &Statements,
    event: EventId,
    new: &[NewBooking],
) -> Result<(), StoreError> {
    let tickets = || {
        let bookings = new.iter().map(|new| &new.booking);
        bookings.flat_map(|booking| booking.tickets.iter().map(|ticket| (booking.id, ticket)))
    };
    if tickets().next().is_none() {
        return Ok(());
    }
    let bookings: Vec<Uuid> = tickets().map(|(booking, _)| booking).collect();
    let types: Vec<TicketTypeId> = tickets().map(|(_, ticket)| ticket.ticket_type_id).collect();
    let seats: Vec<Option<SeatId>> = tickets().map(|(_, ticket)| ticket.seat_id).collect();
    let codes: Vec<&str> = tickets().map(|(_, ticket)| ticket.code.as_str()).collect();
    let columns: [&(dyn ToSql + Sync); 5] = [&event, &bookings, &types, &seats, &codes];
    client.execute(&sql.tickets, &columns).await?;
    Ok(())
}

async fn insert_keys(
    client: &Client,
    sql: &Statements,
    new: &[NewBooking],
) -> Result<(), StoreError> {
    let keyed = || {
        new.iter()
            .filter_map(|new| Some((new.key.as_ref()?, &new.booking)))
    };
    if keyed().next().is_none() {
        return Ok(());
    }
    let scopes: Vec<&str> = keyed().map(|(key, _)| key.scope.as_str()).collect();
    let digests: Vec<&str> = keyed().map(|(key, _)| key.digest.as_str()).collect();
    let bodies: Vec<&[u8]> = keyed().map(|(key, _)| key.body_hash.as_slice()).collect();
    let statuses: Vec<i32> = keyed().map(|_| CREATED).collect();
    let responses: Vec<Json<&Booking>> = keyed().map(|(_, booking)| Json(booking)).collect();
    let columns: [&(dyn ToSql + Sync); 5] = [&scopes, &digests, &bodies, &statuses, &responses];
    client.execute(&sql.keys, &columns).await?;
    Ok(())
}

/// One claim a seat; general admission: one an item.
async fn insert_claims(
    client: &Client,
    sql: &Statements,
    event: EventId,
    new: &[NewBooking],
) -> Result<(), StoreError> {
    let mut bookings: Vec<Uuid> = Vec::new();
    let mut types: Vec<TicketTypeId> = Vec::new();
    let mut seats: Vec<Option<SeatId>> = Vec::new();
    let mut quantities: Vec<i32> = Vec::new();
    let mut states: Vec<&str> = Vec::new();
    for new in new {
        for item in &new.booking.items {
            let unseated = item
                .seats
                .is_empty()
                .then_some((None, small(item.quantity)?));
            let seated = item.seats.iter().map(|seat| (Some(seat.id), 1));
            for (seat, quantity) in seated.chain(unseated) {
                bookings.push(new.booking.id);
                types.push(item.ticket_type_id);
                seats.push(seat);
                quantities.push(quantity);
                states.push(claim_state(new.state));
            }
        }
    }
    let columns: [&(dyn ToSql + Sync); 6] =
        [&event, &bookings, &types, &seats, &quantities, &states];
    client.execute(&sql.claims, &columns).await?;
    Ok(())
}

fn claim_state(state: ClaimState) -> &'static str {
    match state {
        ClaimState::Held => "held",
        ClaimState::Sold => "sold",
    }
}

fn column<'a, T>(new: &'a [NewBooking], value: impl Fn(&'a NewBooking) -> T) -> Vec<T> {
    new.iter().map(value).collect()
}

/// The database counts tickets in 32 bits; the rules allow no booking beyond them.
fn small(quantity: i64) -> Result<i32, StoreError> {
    i32::try_from(quantity).map_err(|_| StoreError::corrupt(format!("a quantity of {quantity}")))
}
