//! Bookings by the hundred, with their items, claims and tickets.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use uuid::Uuid;

use super::programme::CUSTOMERS;
use crate::store::StoreError;
use crate::ticketing::reference::{booking_reference, ticket_code};
use crate::ticketing::{BookingId, EventId, SeatId, TicketTypeId, UserId};

/// Tickets of one type that a customer of the demo has: so few that they may buy more of the event. Guests bought the others.
const TICKETS_EACH_MAX: i32 = 6;

/// One party's booking of one ticket type, paid or still held.
pub(super) struct DemoOrder {
    pub(super) ticket_type: TicketTypeId,
    pub(super) price: i64,
    pub(super) take: Take,
    pub(super) confirmed: bool,
}

pub(super) enum Take {
    Units(i32),
    Seats(Vec<SeatId>),
}

impl Take {
    pub(super) fn quantity(&self) -> i32 {
        match self {
            Take::Units(units) => *units,
            Take::Seats(seats) => i32::try_from(seats.len()).unwrap_or(i32::MAX),
        }
    }

    /// `(seat, quantity)` of each claim.
    fn claims(&self) -> Vec<(Option<SeatId>, i32)> {
        match self {
            Take::Units(units) => vec![(None, *units)],
            Take::Seats(seats) => seats.iter().map(|&seat| (Some(seat), 1)).collect(),
        }
    }
}

/// Writes the orders of a ticket type. Sold ones are spread over the last three weeks and over customers and guests; holds are
/// anonymous, since a user may have only one, and end between half an hour and three hours from now.
pub(super) async fn place(
    tx: &Transaction<'_>,
    event: EventId,
    currency: &str,
    orders: &[DemoOrder],
) -> Result<(), StoreError> {
    if orders.is_empty() {
        return Ok(());
    }
    let ids = orders.iter().map(|_| BookingId(Uuid::now_v7()));
    let ids: Vec<BookingId> = ids.collect();
    add_bookings(tx, event, currency, orders, &ids).await?;
    add_claims(tx, event, orders, &ids).await?;
    add_tickets(tx, event, orders, &ids).await
}

async fn add_bookings(
    tx: &Transaction<'_>,
    event: EventId,
    currency: &str,
    orders: &[DemoOrder],
    ids: &[BookingId],
) -> Result<(), StoreError> {
    let references: Vec<String> = orders
        .iter()
        .map(|_| booking_reference(&mut rand::rng()))
        .collect();
    let mut bought: HashMap<UserId, i32> = HashMap::new();
    let buyers: Vec<Option<UserId>> = orders
        .iter()
        .zip(CUSTOMERS.map(UserId).cycle())
        .map(|(order, customer)| {
            let tickets = bought.entry(customer).or_default();
            let buys = order.confirmed && *tickets + order.take.quantity() <= TICKETS_EACH_MAX;
            buys.then(|| {
                *tickets += order.take.quantity();
                customer
            })
        })
        .collect();
    let types: Vec<TicketTypeId> = orders.iter().map(|order| order.ticket_type).collect();
    let prices: Vec<i64> = orders.iter().map(|order| order.price).collect();
    let quantities: Vec<i32> = orders.iter().map(|order| order.take.quantity()).collect();
    let minutes_ago: Vec<Option<i32>> = orders
        .iter()
        .map(|order| {
            order
                .confirmed
                .then(|| rand::random_range(30..21 * 24 * 60))
        })
        .collect();
    tx.execute(
        "with orders as (
             select * from unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::int[], $9::int[])
                 as o (id, reference, user_id, ticket_type_id, price, quantity, minutes_ago)
         ), booked as (
             insert into bookings (id, reference, event_id, user_id, token_hash, status, quantity,
                                   total_amount, currency, expires_at, created_at, confirmed_at)
             select id, reference, $1, user_id,
                    case when user_id is null then sha256(uuid_send(gen_random_uuid())) end,
                    case when minutes_ago is null then 'pending' else 'confirmed' end,
                    quantity, price * quantity, $2,
                    case when minutes_ago is null then now() + make_interval(mins => 30 + (random() * 150)::int) end,
                    now() - make_interval(mins => coalesce(minutes_ago, 0)),
                    now() - make_interval(mins => minutes_ago - 2)
               from orders
         )
         insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
         select id, 1, ticket_type_id, quantity, price from orders",
        &[
            &event,
            &currency,
            &ids,
            &references,
            &buyers,
            &types,
            &prices,
            &quantities,
            &minutes_ago,
        ],
    )
    .await?;
    Ok(())
}

async fn add_claims(
    tx: &Transaction<'_>,
    event: EventId,
    orders: &[DemoOrder],
    ids: &[BookingId],
) -> Result<(), StoreError> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (order, &id) in orders.iter().zip(ids) {
        for (seat, quantity) in order.take.claims() {
            columns.0.push(id);
            columns.1.push(order.ticket_type);
            columns.2.push(seat);
            columns.3.push(quantity);
            columns
                .4
                .push(if order.confirmed { "sold" } else { "held" });
        }
    }
    tx.execute(
        "insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, state)
         select booking_id, $1, ticket_type_id, seat_id, quantity, state
           from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::int[], $6::text[])
                as c (booking_id, ticket_type_id, seat_id, quantity, state)",
        &[
            &event, &columns.0, &columns.1, &columns.2, &columns.3, &columns.4,
        ],
    )
    .await?;
    Ok(())
}

async fn add_tickets(
    tx: &Transaction<'_>,
    event: EventId,
    orders: &[DemoOrder],
    ids: &[BookingId],
) -> Result<(), StoreError> {
    let today = Timestamp::now();
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (order, &id) in orders.iter().zip(ids).filter(|(order, _)| order.confirmed) {
        for (seat, quantity) in order.take.claims() {
            for _ in 0..quantity {
                columns.0.push(id);
                columns.1.push(order.ticket_type);
                columns.2.push(seat);
                columns.3.push(ticket_code(today, &mut rand::rng()));
            }
        }
    }
    tx.execute(
        "insert into tickets (booking_id, event_id, ticket_type_id, seat_id, code)
         select booking_id, $1, ticket_type_id, seat_id, code
           from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::text[])
                as t (booking_id, ticket_type_id, seat_id, code)",
        &[&event, &columns.0, &columns.1, &columns.2, &columns.3],
    )
    .await?;
    Ok(())
}
