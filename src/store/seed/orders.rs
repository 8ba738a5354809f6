//! Bookings by the hundred, with their items, claims, tickets and payments.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use jiff::{SignedDuration, Timestamp};
use uuid::{NoContext, Uuid};

use super::programme::{CUSTOMERS, FIRST_NAMES, LAST_NAMES};
use crate::store::StoreError;
use crate::store::demo_charges::fee_amount;
use crate::store::settlements::{Settlement, settle_all};
use crate::ticketing::ledger::Parts;
use crate::ticketing::payment::ProviderName;
use crate::ticketing::reference::{booking_reference, ticket_code};
use crate::ticketing::{BookingId, EventId, PaymentId, SeatId, TicketTypeId, UserId};

/// Tickets of one type that a customer of the demo has: so few that they may buy more of the event. Guests bought the others.
const TICKETS_EACH_MAX: i32 = 6;

/// Sales that are settled by one statement: its work grows with their square.
const SETTLED_MAX: usize = 100;

/// Buyers took so long to pay, in minutes.
const PAID_AFTER_MIN: i32 = 2;

/// One party's booking of one ticket type, paid or still held.
pub(super) struct DemoOrder {
    pub(super) ticket_type: TicketTypeId,
    pub(super) price: i64,
    pub(super) take: Take,
    /// Minutes since it was made, of a booking that was sold.
    pub(super) sold_ago: Option<i32>,
}

/// A sold booking that was paid for.
pub(super) struct DemoSale {
    payment: PaymentId,
    booking: BookingId,
    event: EventId,
    amount: i64,
    currency: &'static str,
    at: Timestamp,
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

/// Writes the orders of a ticket type, and answers those that were paid for. Sold ones are spread over customers and guests;
/// holds are anonymous, since a user may have only one, and end between half an hour and three hours from now.
pub(super) async fn place(
    tx: &Transaction<'_>,
    event: EventId,
    currency: &'static str,
    orders: &[DemoOrder],
    now: Timestamp,
) -> Result<Vec<DemoSale>, StoreError> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let made = |order: &DemoOrder| before(now, order.sold_ago.unwrap_or(0));
    let ids: Vec<BookingId> = orders
        .iter()
        .map(|order| BookingId(id_of(made(order))))
        .collect();
    let sale = |(order, &booking): (&DemoOrder, &BookingId)| {
        let at = before(now, order.sold_ago? - PAID_AFTER_MIN);
        let amount = order.price * i64::from(order.take.quantity());
        (amount > 0).then(|| DemoSale {
            payment: PaymentId(id_of(made(order))),
            booking,
            event,
            amount,
            currency,
            at,
        })
    };
    let sales: Vec<Option<DemoSale>> = orders.iter().zip(&ids).map(sale).collect();
    add_bookings(tx, event, currency, orders, &ids, &sales).await?;
    add_claims(tx, event, orders, &ids).await?;
    add_tickets(tx, event, orders, &ids, now).await?;
    Ok(sales.into_iter().flatten().collect())
}

fn before(now: Timestamp, minutes: i32) -> Timestamp {
    let ago = SignedDuration::from_mins(i64::from(minutes));
    now.saturating_sub(ago).unwrap_or(now)
}

/// In the order of time, as the ids of real ones are.
fn id_of(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, 0))
}

/// Pays for what was sold: an attempt and the provider's charge for each, settled as every other one is. In the order of
/// time, so that invoices are numbered in it.
pub(super) async fn pay(tx: &Transaction<'_>, mut sales: Vec<DemoSale>) -> Result<(), StoreError> {
    sales.sort_by_key(|sale| sale.at);
    for sales in sales.chunks(SETTLED_MAX) {
        let payments: Vec<PaymentId> = sales.iter().map(|sale| sale.payment).collect();
        let bookings: Vec<BookingId> = sales.iter().map(|sale| sale.booking).collect();
        let events: Vec<EventId> = sales.iter().map(|sale| sale.event).collect();
        let amounts: Vec<i64> = sales.iter().map(|sale| sale.amount).collect();
        let currencies: Vec<&str> = sales.iter().map(|sale| sale.currency).collect();
        let times: Vec<Timestamp> = sales.iter().map(|sale| sale.at).collect();
        tx.execute(
            "with charged as (
                 insert into demo_charges (id, amount, currency, status, captured_amount, created_at)
                 select id, amount, currency, 'captured', amount, at
                   from unnest($1::uuid[], $4::bigint[], $5::text[], $6::timestamptz[]) as c (id, amount, currency, at)
             )
             insert into payments (id, booking_id, event_id, provider, provider_ref, state, amount, currency, created_at)
             select id, booking_id, event_id, 'demo', id::text, 'authorized', amount, currency, at
               from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[])
                    as p (id, booking_id, event_id, amount, currency, at)",
            &[
                &payments,
                &bookings,
                &events,
                &amounts,
                &currencies,
                &times,
            ],
        )
        .await?;
        let settlements: Vec<Settlement> = sales.iter().map(settlement).collect();
        settle_all(tx, &settlements).await?;
    }
    Ok(())
}

fn settlement(sale: &DemoSale) -> Settlement {
    Settlement {
        payment: sale.payment,
        booking: sale.booking,
        event: sale.event,
        provider: ProviderName::Demo,
        currency: sale.currency.to_owned(),
        captured: sale.amount,
        fee: fee_amount(sale.amount),
        method: Some("card".to_owned()),
        // They were sold before there were fees and taxes.
        parts: Parts {
            revenue: sale.amount,
            ..Parts::default()
        },
        absorbs: true,
        at: Some(sale.at),
    }
}

async fn add_bookings(
    tx: &Transaction<'_>,
    event: EventId,
    currency: &str,
    orders: &[DemoOrder],
    ids: &[BookingId],
    sales: &[Option<DemoSale>],
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
            let buys =
                order.sold_ago.is_some() && *tickets + order.take.quantity() <= TICKETS_EACH_MAX;
            buys.then(|| {
                *tickets += order.take.quantity();
                customer
            })
        })
        .collect();
    let types: Vec<TicketTypeId> = orders.iter().map(|order| order.ticket_type).collect();
    let prices: Vec<i64> = orders.iter().map(|order| order.price).collect();
    let quantities: Vec<i32> = orders.iter().map(|order| order.take.quantity()).collect();
    let minutes_ago: Vec<Option<i32>> = orders.iter().map(|order| order.sold_ago).collect();
    let payments: Vec<Option<PaymentId>> = sales
        .iter()
        .map(|sale| sale.as_ref().map(|sale| sale.payment))
        .collect();
    tx.execute(
        "with orders as (
             select * from unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::int[], $9::int[],
                                  $10::uuid[])
                 as o (id, reference, user_id, ticket_type_id, price, quantity, minutes_ago, payment_id)
         ), booked as (
             insert into bookings (id, reference, event_id, user_id, token_hash, status, quantity,
                                   total_amount, currency, expires_at, created_at, confirmed_at, payment_id)
             select id, reference, $1, user_id,
                    case when user_id is null then sha256(uuid_send(gen_random_uuid())) end,
                    case when minutes_ago is null then 'pending' else 'confirmed' end,
                    quantity, price * quantity, $2,
                    case when minutes_ago is null then now() + make_interval(mins => 30 + (random() * 150)::int) end,
                    now() - make_interval(mins => coalesce(minutes_ago, 0)),
                    now() - make_interval(mins => minutes_ago - $11), payment_id
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
            &payments,
            &PAID_AFTER_MIN,
        ],
    )
    .await?;
    add_guests(tx, orders, ids, &buyers).await
}

/// The names and addresses that those without an account left.
async fn add_guests(
    tx: &Transaction<'_>,
    orders: &[DemoOrder],
    ids: &[BookingId],
    buyers: &[Option<UserId>],
) -> Result<(), StoreError> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for ((order, id), buyer) in orders.iter().zip(ids).zip(buyers) {
        if order.sold_ago.is_some() && buyer.is_none() {
            let first = FIRST_NAMES[rand::random_range(0..FIRST_NAMES.len())];
            let last = LAST_NAMES[rand::random_range(0..LAST_NAMES.len())];
            columns.0.push(*id);
            columns.1.push(format!("{first} {last}"));
            let address = format!("{first}.{last}@guests.example");
            columns.2.push(address.to_lowercase());
        }
    }
    tx.execute(
        "insert into booking_contacts (booking_id, name, email)
         select * from unnest($1::uuid[], $2::text[], $3::text[])",
        &[&columns.0, &columns.1, &columns.2],
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
            columns.4.push(if order.sold_ago.is_some() {
                "sold"
            } else {
                "held"
            });
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
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (order, &id) in orders.iter().zip(ids) {
        let Some(sold_ago) = order.sold_ago else {
            continue;
        };
        for (seat, quantity) in order.take.claims() {
            for _ in 0..quantity {
                columns.0.push(id);
                columns.1.push(order.ticket_type);
                columns.2.push(seat);
                columns
                    .3
                    .push(ticket_code(before(now, sold_ago), &mut rand::rng()));
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
