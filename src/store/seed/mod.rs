//! Demo data: people, events from empty to sold out, bookings that fill them.
//!
//! Written through the same triggers as everything else, so an audit finds no fault in it and viewers see it appear.

mod hall;
mod orders;
mod programme;

use std::collections::VecDeque;
use std::fmt;

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use rand::seq::SliceRandom;

use super::seats::Stage;
use super::{Store, StoreError};
use crate::auth::password::Passwords;
use crate::ticketing::{EventId, SeatId, TicketTypeId};
use hall::{Hall, HallSeat};
use orders::{DemoOrder, DemoSale, Take, pay, place};
use programme::{Class, DemoShow, ORGANIZER, PASSWORD, PEOPLE, Prices, SHOWS};

/// Key of the advisory lock («demo» in ASCII), so that two seeds at once make one set of data.
const SEED_LOCK: i64 = 0x6465_6d6f;

const DAY_MIN: i32 = 24 * 60;
/// The sales began so long ago.
const SALE_DAYS: i32 = 21;
/// The last of them, or the end of its sale, was so long ago.
const SOLD_AGO_MIN: i32 = 30;

/// The data that were added.
#[derive(Debug, Default)]
pub struct SeedReport {
    pub users: u64,
    pub events: Vec<String>,
}

impl fmt::Display for SeedReport {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.users == 0 && self.events.is_empty() {
            return write!(to, "The demo data is there already.");
        }
        write!(to, "Demo data: {} new users", self.users)?;
        for title in &self.events {
            write!(to, ", «{title}»")?;
        }
        Ok(())
    }
}

/// Adds the demo's people and events. Users with these ids and events with these titles are left as they are, so running it
/// again does nothing.
pub async fn seed(store: &Store) -> Result<SeedReport, StoreError> {
    let mut tries = 1;
    loop {
        let added = store
            .transaction(&(), |tx, ()| Box::pin(add_what_is_missing(tx)))
            .await;
        match added {
            // Of thousands of random references, two may be equal.
            Err(error) if error.constraint() == Some("bookings_reference_unique") && tries < 4 => {
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Whether the database has the demo's people.
pub(super) async fn is_demo(client: &tokio_postgres::Client) -> Result<bool, StoreError> {
    let Some((id, _, email, ..)) = PEOPLE.first() else {
        return Ok(false);
    };
    let sql = "select exists (select from users where id = $1 and email = $2)";
    Ok(client.query_one(sql, &[id, email]).await?.try_get(0)?)
}

async fn add_what_is_missing(tx: &Transaction<'_>) -> Result<SeedReport, StoreError> {
    // Waiting for another node's seed may take as long as that needs.
    tx.batch_execute("set local statement_timeout = 0; set local lock_timeout = 0")
        .await?;
    tx.execute("select pg_advisory_xact_lock($1)", &[&SEED_LOCK])
        .await?;
    let mut report = SeedReport {
        users: add_people(tx).await?,
        ..SeedReport::default()
    };
    let now = tx.query_one("select now()", &[]).await?.try_get(0)?;
    let mut sales = Vec::new();
    for show in SHOWS {
        if !is_on(tx, show).await? {
            sales.extend(add_show(tx, show, now).await?);
            report.events.push(show.title.to_owned());
        }
    }
    pay(tx, sales).await?;
    Ok(report)
}

async fn add_people(tx: &Transaction<'_>) -> Result<u64, StoreError> {
    let mut added = 0;
    let hash = Passwords::default().hash(PASSWORD.to_owned()).await;
    let hash = hash.map_err(|error| StoreError::Unexpected(error.into()))?;
    for (id, name, email, role, member) in PEOPLE {
        added += tx
            .execute(
                "with added as (insert into users (id, name, email, role, password_hash, email_confirmed_at)
                                values ($1, $2, $3, $4, $6, clock_timestamp())
                                on conflict do nothing returning id),
                      joined as (insert into memberships (user_id) select id from added where $5)
                 select id from added",
                &[id, name, email, role, member, &hash],
            )
            .await?;
    }
    // Explicit ids do not advance the sequence.
    tx.execute(
        "select setval(pg_get_serial_sequence('users', 'id'),
                       greatest((select max(id) from users), (select last_value from users_id_seq)))",
        &[],
    )
    .await?;
    Ok(added)
}

async fn is_on(tx: &Transaction<'_>, show: &DemoShow) -> Result<bool, StoreError> {
    let row = tx
        .query_one(
            "select exists (select from events where organizer_id = $1 and title = $2)",
            &[&ORGANIZER, &show.title],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Answers what was paid for.
async fn add_show(
    tx: &Transaction<'_>,
    show: &'static DemoShow,
    now: Timestamp,
) -> Result<Vec<DemoSale>, StoreError> {
    let event = add_event(tx, show).await?;
    let seats = show.hall.map(Hall::seats).unwrap_or_default();
    let mut types = Vec::new();
    for (sort, class) in (0..).zip(show.types) {
        let capacity = match seats.iter().filter(|s| s.class == class.name).count() {
            0 => class.capacity,
            seats => i32::try_from(seats).unwrap_or(i32::MAX),
        };
        let id = add_type(tx, event, class, capacity, sort).await?;
        types.push((class, id));
    }
    if let Some((name, capacity, members)) = show.allotment {
        let drawing = types
            .iter()
            .filter(|(class, _)| members.contains(&class.name));
        let drawing: Vec<TicketTypeId> = drawing.map(|(_, id)| *id).collect();
        add_allotment(tx, event, name, capacity, &drawing).await?;
    }
    let seat_ids = add_seats(tx, event, show.hall, &seats, &types).await?;
    let mut sales = Vec::new();
    for (class, id) in &types {
        let free = free_seats(class, &seats, &seat_ids);
        let orders = orders_for(class, *id, &free);
        sales.extend(place(tx, event, show.currency, &orders, now).await?);
    }
    if let Some(prices) = &show.prices {
        add_prices(tx, event, prices).await?;
    }
    add_notices(tx, event, show).await?;
    Ok(sales)
}

async fn add_event(tx: &Transaction<'_>, show: &DemoShow) -> Result<EventId, StoreError> {
    let row = tx
        .query_one(
            "insert into events (organizer_id, title, description, venue, category, starts_at,
                                 timezone, currency, capacity, status, city)
             values ($1, $2, $3, $4, $5,
                     (date_trunc('day', now() at time zone $6) + make_interval(days => $7, mins => $8))
                     at time zone $6,
                     $6, $9, $10, 'active', $11)
             returning id",
            &[
                &ORGANIZER,
                &show.title,
                &show.description,
                &show.venue,
                &show.category,
                &show.timezone,
                &show.in_days,
                &show.at_minutes,
                &show.currency,
                &show.capacity,
                &show.city,
            ],
        )
        .await?;
    Ok(row.try_get(0)?)
}

async fn add_type(
    tx: &Transaction<'_>,
    event: EventId,
    class: &Class,
    capacity: i32,
    sort: i32,
) -> Result<TicketTypeId, StoreError> {
    let row = tx
        .query_one(
            "insert into ticket_types (event_id, name, price_amount, capacity, sort, sale_from,
                                       sale_to, members_only)
             values ($1, $2, $3, $4, $5,
                     now() + make_interval(days => $6), now() + make_interval(days => $7), $8)
             returning id",
            &[
                &event,
                &class.name,
                &class.price,
                &capacity,
                &sort,
                &class.sale_from_days,
                &class.sale_to_days,
                &class.members_only,
            ],
        )
        .await?;
    Ok(row.try_get(0)?)
}

async fn add_allotment(
    tx: &Transaction<'_>,
    event: EventId,
    name: &str,
    capacity: i32,
    drawing: &[TicketTypeId],
) -> Result<(), StoreError> {
    tx.execute(
        "with pool as (insert into pools (event_id, kind, name, capacity)
                       values ($1, 'allotment', $2, $3) returning id)
         insert into ticket_type_pools (ticket_type_id, pool_id)
         select ticket_type_id, pool.id from unnest($4::bigint[]) as t (ticket_type_id), pool",
        &[&event, &name, &capacity, &drawing],
    )
    .await?;
    Ok(())
}

/// Returns the seats' ids in layout order, the order of `seats`.
async fn add_seats(
    tx: &Transaction<'_>,
    event: EventId,
    hall: Option<Hall>,
    seats: &[HallSeat],
    types: &[(&Class, TicketTypeId)],
) -> Result<Vec<SeatId>, StoreError> {
    let Some(hall) = hall else {
        return Ok(Vec::new());
    };
    let sections = hall.sections();
    tx.execute(
        "insert into sections (event_id, name) select $1, unnest($2::text[])",
        &[&event, &sections],
    )
    .await?;
    let Stage {
        x,
        y,
        width,
        height,
        label,
    } = &hall.stage();
    tx.execute(
        "insert into stages (event_id, x, y, width, height, label) values ($1, $2, $3, $4, $5, $6)",
        &[&event, x, y, width, height, label],
    )
    .await?;
    let type_of = |seat: &HallSeat| {
        let found = types.iter().find(|(class, _)| class.name == seat.class);
        found.map(|(_, id)| *id)
    };
    let rows = tx
        .query(
            "insert into seats (event_id, section_id, ticket_type_id, row_label, number, x, y, blocked, kind, position)
             select $1, s.id, place.ticket_type_id, place.row_label, place.number::text,
                    place.x, place.y, place.blocked, place.kind, place.nth - 1
               from unnest($2::text[], $3::bigint[], $4::text[], $5::int[], $6::real[], $7::real[], $8::bool[], $9::text[])
                    with ordinality
                    as place (section, ticket_type_id, row_label, number, x, y, blocked, kind, nth)
               join sections s on s.event_id = $1 and s.name = place.section
              order by place.nth
             returning id",
            &[
                &event,
                &column(seats, |s| s.section),
                &column(seats, type_of),
                &column(seats, |s| s.row.as_str()),
                &column(seats, |s| i32::from(s.number)),
                &column(seats, |s| s.x),
                &column(seats, |s| s.y),
                &column(seats, |s| s.blocked),
                &column(seats, |s| s.kind.name()),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn column<'a, T, C>(rows: &'a [T], of: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(of).collect()
}

/// The seats of a class that may be sold; empty for general admission.
fn free_seats(class: &Class, seats: &[HallSeat], ids: &[SeatId]) -> Vec<SeatId> {
    let of_class = seats
        .iter()
        .zip(ids)
        .filter(|(seat, _)| seat.class == class.name && !seat.blocked);
    of_class.map(|(_, id)| *id).collect()
}

/// Parties of one to four until the class is as full as the programme says. Seated parties sit together, at random places;
/// `free` is empty for a class without seats.
fn orders_for(class: &Class, ticket_type: TicketTypeId, free: &[SeatId]) -> Vec<DemoOrder> {
    let mut places: Vec<&[SeatId]> = free.chunks(4).collect();
    places.shuffle(&mut rand::rng());
    let mut places = VecDeque::from(places);
    let mut orders = Vec::new();
    let days = class.sale_to_days.map_or(0, |days| -days);
    let sold_ago = days * DAY_MIN + SOLD_AGO_MIN..SALE_DAYS * DAY_MIN;
    for (total, is_sold) in [(class.sold, true), (class.held, false)] {
        let mut missing = total;
        while missing > 0 {
            let size = missing.min(rand::random_range(1..=4));
            let take = match places.pop_front() {
                Some(seats) => {
                    let (taken, left) =
                        seats.split_at(seats.len().min(size.unsigned_abs() as usize));
                    // For those who come when all other places are gone.
                    places.extend((!left.is_empty()).then_some(left));
                    Take::Seats(taken.to_vec())
                }
                None if free.is_empty() => Take::Units(size),
                None => break,
            };
            missing -= take.quantity();
            orders.push(DemoOrder {
                ticket_type,
                price: class.price,
                take,
                sold_ago: is_sold.then(|| rand::random_range(sold_ago.clone())),
            });
        }
    }
    orders
}

async fn add_prices(
    tx: &Transaction<'_>,
    event: EventId,
    prices: &Prices,
) -> Result<(), StoreError> {
    let Prices { fee, tax, voucher } = prices;
    tx.execute(
        "with fee as (insert into fees (event_id, name, kind, value) values ($1, $2, 'per_ticket', $3)),
              tax as (insert into taxes (event_id, name, rate) values ($1, $4, $5))
         insert into vouchers (event_id, code, kind, value) values ($1, $6, 'percent', $7)",
        &[
            &event, &fee.0, &fee.1, &tax.0, &tax.1, &voucher.0, &voucher.1,
        ],
    )
    .await?;
    Ok(())
}

async fn add_notices(
    tx: &Transaction<'_>,
    event: EventId,
    show: &DemoShow,
) -> Result<(), StoreError> {
    for (kind, message) in show.notices {
        tx.execute(
            "insert into notices (event_id, type, message, created_by) values ($1, $2, $3, $4)",
            &[&event, kind, message, &ORGANIZER],
        )
        .await?;
    }
    Ok(())
}
