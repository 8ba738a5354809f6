//! An event to sell, made by plain SQL: `Show::new().ticket_type("Standing", 1_500, 50).stage(&client).await`.

use seatcast::ticketing::{EventId, SeatId, TicketTypeId, UserId};
use tokio_postgres::{Client, Error, GenericClient};
use uuid::Uuid;

/// An event to be made. By default: active, in a month, capacity 1,000, paid in euros.
pub(crate) struct Show {
    capacity: i32,
    hold_minutes: i32,
    ticket_types: Vec<(String, i64, i32)>,
    rows: Vec<(usize, i32)>,
    sql: Vec<String>,
    organizer: Option<UserId>,
}

/// An event on sale.
pub(crate) struct Staged {
    pub(crate) event: EventId,
    /// In the order of [`Show::ticket_type`] calls.
    pub(crate) ticket_types: Vec<TicketTypeId>,
    /// In the order of their rows.
    pub(crate) seats: Vec<SeatId>,
    pub(crate) organizer: UserId,
}

impl Show {
    pub(crate) fn new() -> Show {
        Show {
            capacity: 1_000,
            hold_minutes: 15,
            ticket_types: Vec::new(),
            rows: Vec::new(),
            sql: Vec::new(),
            organizer: None,
        }
    }

    /// Of an organizer that there is, for those who may make none.
    pub(crate) fn by(mut self, organizer: UserId) -> Show {
        self.organizer = Some(organizer);
        self
    }

    pub(crate) fn capacity(mut self, capacity: i32) -> Show {
        self.capacity = capacity;
        self
    }

    /// Price in cents.
    pub(crate) fn ticket_type(mut self, name: &str, price: i64, capacity: i32) -> Show {
        self.ticket_types.push((name.to_owned(), price, capacity));
        self
    }

    /// A row of seats of the ticket type named last.
    pub(crate) fn row(mut self, seats: i32) -> Show {
        self.rows.push((self.ticket_types.len() - 1, seats));
        self
    }

    /// A statement to run at the end; `$event` stands for the event's id.
    pub(crate) fn then(mut self, sql: &str) -> Show {
        self.sql.push(sql.to_owned());
        self
    }

    pub(crate) async fn stage(self, client: &Client) -> Staged {
        let organizer = match self.organizer {
            Some(organizer) => organizer,
            None => user(client, "organizer").await,
        };
        let sql = "insert into events (organizer_id, title, venue, starts_at, capacity, status, hold_minutes)
                   values ($1, 'A show', 'Town hall', now() + interval '30 days', $2, 'active', $3) returning id";
        let event: EventId = one(
            client,
            sql,
            &[&organizer, &self.capacity, &self.hold_minutes],
        )
        .await;
        let mut ticket_types = Vec::new();
        for (name, price, capacity) in &self.ticket_types {
            let sql = "insert into ticket_types (event_id, name, price_amount, capacity)
                       values ($1, $2, $3, $4) returning id";
            ticket_types.push(one(client, sql, &[&event, name, price, capacity]).await);
        }
        let mut seats = Vec::new();
        if !self.rows.is_empty() {
            let sql = "insert into sections (event_id, name) values ($1, 'Stalls') returning id";
            let section: i64 = one(client, sql, &[&event]).await;
            for (row, (ticket_type, count)) in self.rows.iter().enumerate() {
                let ticket_type: TicketTypeId = ticket_types[*ticket_type];
                let label = format!("R{row}");
                let sql = "insert into seats (event_id, section_id, ticket_type_id, row_label, number, x, y)
                           select $1, $2, $3, $4, n::text, n, $5::int from generate_series(1, $6::int) as place (n) order by place.n
                           returning id";
                let row = i32::try_from(row).expect("a few rows");
                let inserted = client
                    .query(sql, &[&event, &section, &ticket_type, &label, &row, count])
                    .await
                    .expect("seats");
                seats.extend(inserted.iter().map(|row| row.get::<_, SeatId>(0)));
            }
        }
        for sql in &self.sql {
            let sql = sql.replace("$event", &event.to_string());
            client
                .batch_execute(&sql)
                .await
                .expect("the closing statement");
        }
        Staged {
            event,
            ticket_types,
            seats,
            organizer,
        }
    }
}

impl Staged {
    /// Sells tickets of the first type by plain SQL: a confirmed booking in one statement.
    pub(crate) async fn sell(&self, client: &impl GenericClient, quantity: i32) {
        let sold = self.try_sell(client, 0, None, quantity).await;
        sold.expect("a sale");
    }

    /// The same for any of the show's ticket types, or for one of its seats; fails as the schema does.
    pub(crate) async fn try_sell(
        &self,
        client: &impl GenericClient,
        ticket_type: usize,
        seat: Option<SeatId>,
        quantity: i32,
    ) -> Result<(), Error> {
        let sql = "with booking as (
                       insert into bookings (id, reference, event_id, status, quantity, total_amount, currency, confirmed_at)
                       values ($1, $2, $3, 'confirmed', $5, 0, 'EUR', now())),
                   item as (
                       insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                       values ($1, 1, $4, $5, 0)),
                   ticket as (
                       insert into tickets (booking_id, event_id, ticket_type_id, seat_id, code)
                       select $1, $3, $4, $6, $2 || '-' || n from generate_series(1, $5) as n)
                   insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, state)
                   values ($1, $3, $4, $6, $5, 'sold')";
        let id = Uuid::now_v7();
        let (reference, ticket_type) = (id.simple().to_string(), self.ticket_types[ticket_type]);
        client
            .execute(
                sql,
                &[&id, &reference, &self.event, &ticket_type, &quantity, &seat],
            )
            .await?;
        Ok(())
    }
}

/// Makes a user of this role.
pub(crate) async fn user(client: &Client, role: &str) -> UserId {
    let sql = "insert into users (name, role) values ($1, $1) returning id";
    one(client, sql, &[&role]).await
}

/// Whether the jobs that take money and give it back have come to an end. A refund's own looks after it once more later,
/// when the money has long been back, so there the refund is asked. A hold whose buyer was declined and left is looked after
/// until its deadline.
pub(crate) const MONEY_AT_REST: &str = "
    select not exists (select from jobs where state in ('waiting', 'leased')
                          and kind in ('staff_paid', 'payment', 'give_back')
                          and not exists (select from payments p join bookings b on b.id = p.booking_id
                                           where p.id::text = jobs.payload->>'payment_id' and p.state = 'requires_action'
                                             and p.failure is not null and b.status = 'pending'))
       and not exists (select from refunds where state in ('requested', 'pending'))";

/// The one value of a query's one row.
pub(crate) async fn one<T>(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> T
where
    T: for<'a> tokio_postgres::types::FromSql<'a>,
{
    let row = client.query_one(sql, parameters).await;
    row.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
        .get(0)
}
