//! Actions of programs that know the tables, one statement or a few each.

use futures_util::SinkExt;
use rand::Rng;
use rand::rngs::StdRng;
use tokio_postgres::{Client, Error};

/// Three events: two with general admission and an allotment, one of them near sold out, and
/// one with sixty seats. Small numbers, so that the writers meet.
pub(super) const WORLD: &str = "
    insert into users (id, name, role) values (2, 'Organizer', 'organizer');
    insert into events (organizer_id, title, venue, starts_at, capacity, status)
    select 2, 'Event ' || n, 'Hall', now() + interval '9 days', (array[60, 40, 70])[n], 'active'
      from generate_series(1, 3) n;
    insert into ticket_types (event_id, name, price_amount, capacity)
    select 1 + n % 3, 'Type ' || n, 100 * n, 30 from generate_series(1, 8) n;
    insert into pools (event_id, kind, name, capacity)
    values (1, 'allotment', 'VIP', 25), (2, 'section', 'Stalls', 20);
    insert into ticket_type_pools
    select t.id, p.id from ticket_types t join pools p on p.event_id = t.event_id
     where p.kind in ('allotment', 'section') and t.id % 2 = 0;
    insert into sections (event_id, name) values (3, 'Stalls'), (3, 'Circle');
    insert into seats (event_id, section_id, ticket_type_id, row_label, number)
    select 3, 1 + n % 2, (select min(id) from ticket_types where event_id = 3), 'A', n::text
      from generate_series(0, 59) n;";

pub(super) const ACTIONS: &[&str] = &[
    "book",
    "book",
    "book",
    "book many",
    "take seats",
    "take seats",
    "confirm",
    "confirm",
    "cancel",
    "expire",
    "grow",
    "change type",
    "change seat",
    "remove",
    "edit event",
    "event capacity",
    "delete softly",
    "new event",
    "drop event",
    "edit type",
    "type capacity",
    "new type",
    "drop type",
    "hide type",
    "notice",
    "edit notice",
    "drop notice",
    "block",
    "unblock",
    "move seats",
    "new seat",
    "drop seat",
    "mirror seats",
    "rename section",
    "pool capacity",
    "link",
    "unlink",
    "copy claims",
    "merge claims",
    "merge end",
    "merge types",
    "nothing",
];

pub(super) async fn act(client: &Client, action: &str, random: &mut StdRng) -> Result<(), Error> {
    let n = random.random_range(1..=3);
    let statements = match action {
        "book" => book(1, n),
        "book many" => book(5, 1),
        "take seats" => take_seats("order by random()", n),
        "confirm" => return confirm(client).await,
        "cancel" => return end(client, "status in ('pending', 'confirmed')", "cancelled").await,
        "expire" => return end(client, "status = 'pending'", "expired").await,
        "grow" => return grow(client).await,
        "change type" => return change_type(client).await,
        "change seat" => return change_seat(client).await,
        "remove" => return remove(client).await,
        "copy claims" => return copy_claims(client, n).await,
        "merge claims" => with_parties(
            2,
            n,
            "merge into claims c using party on c.booking_id = party.id
              when not matched then insert (booking_id, event_id, ticket_type_id, quantity)
                                    values (party.id, party.event_id, party.ticket_type_id, party.quantity)",
        ),
        "merge end" => return merge_end(client).await,
        "merge types" => format!(
            "merge into ticket_types t using (values ({n}, 'New one'), ({n}, 'New two')) as given (event_id, name)
                on t.event_id = given.event_id and t.name = given.name
              when matched and random() < 0.5 then delete
              when matched then update set price_amount = t.price_amount + 1
              when not matched then insert (event_id, name, capacity) values (given.event_id, given.name, 4)"
        ),
        "edit event" => format!(
            "update events set title = title || '{n}', max_per_booking = 3 + {n},
                    status = (array['active', 'paused', 'completed'])[{n}] where id = {n}"
        ),
        "event capacity" => {
            format!("update events set capacity = capacity + {} where id <= 3", random.random_range(-4..=4))
        }
        "delete softly" => format!(
            "update events set deleted_at = case when deleted_at is null then now() end where id = {n}"
        ),
        "new event" => NEW_EVENT.to_owned(),
        "drop event" => "delete from events where id = (select id from events where id > 3 order by random() limit 1)".to_owned(),
        "edit type" => format!(
            "update ticket_types set price_amount = price_amount + 1, sort = {n} where id % 4 = {n}"
        ),
        "type capacity" => format!(
            "update ticket_types set capacity = capacity + {} where event_id = {n}",
            random.random_range(-3..=3)
        ),
        "new type" => format!("insert into ticket_types (event_id, name, capacity, hidden) values ({n}, 'New', 5, random() < 0.3), (2, 'Newer', 5, false)"),
        "hide type" => format!("update ticket_types set hidden = random() < 0.3, sort = sort + {n} where event_id <= {n}"),
        "drop type" => "delete from ticket_types where id = (select id from ticket_types where name like 'New%' order by random() limit 1)".to_owned(),
        "notice" => format!(
            "insert into notices (event_id, type, message) values ({n}, 'custom', 'Hear'), (1, 'info_update', 'hear')"
        ),
        "edit notice" => format!(
            "update notices set message = message || '!', event_id = {n},
                    until = case when random() < 0.3 then now() end where random() < 0.3"
        ),
        "drop notice" => "delete from notices where random() < 0.2".to_owned(),
        "block" => "update seats set blocked = true where random() < 0.03".to_owned(),
        "unblock" => "update seats set blocked = false where random() < 0.4".to_owned(),
        "move seats" => "update seats set x = x + 1, blocked = false where random() < 0.1".to_owned(),
        "new seat" => "insert into seats (event_id, section_id, ticket_type_id, row_label, number)
                       select 3, 1, min(id), 'B', gen_random_uuid()::text from ticket_types where event_id = 3".to_owned(),
        "drop seat" => "delete from seats where id = (select id from seats order by random() limit 1)".to_owned(),
        "mirror seats" => "update seats set position = (select max(position) from seats) - position".to_owned(),
        "rename section" => format!("update sections set name = name || '{n}' where id = 1"),
        "pool capacity" => format!(
            "update pools set capacity = greatest(0, capacity + {}) where kind in ('allotment', 'section')",
            random.random_range(-5..=5)
        ),
        "link" => "insert into ticket_type_pools
                   select t.id, p.id from ticket_types t join pools p on p.event_id = t.event_id
                    where p.kind in ('allotment', 'section') order by random() limit 1
                   on conflict do nothing".to_owned(),
        "unlink" => "delete from ticket_type_pools l using pools p
                      where p.id = l.pool_id and p.kind in ('allotment', 'section') and random() < 0.3".to_owned(),
        "nothing" => "update events set title = title; update seats set x = x;
                      update claims set state = state where state <> 'dead'; update claims set quantity = 0 where false;
                      update ticket_types set name = name; update notices set data = data".to_owned(),
        other => unreachable!("no action is called {other}"),
    };
    client.batch_execute(&statements).await
}

/// `parties` bookings in one statement, of types of any events.
fn book(parties: i32, quantity: i32) -> String {
    let claims = "insert into claims (booking_id, event_id, ticket_type_id, quantity)
                  select id, event_id, ticket_type_id, quantity from party";
    with_parties(parties, quantity, claims)
}

/// `claims` makes the claims of each `party`, whose booking the same statement makes.
fn with_parties(parties: i32, quantity: i32, claims: &str) -> String {
    format!(
        "with party as (select gen_random_uuid() as id, t.id as ticket_type_id, t.event_id, {quantity} as quantity
                          from generate_series(1, {parties}) n,
                               lateral (select * from ticket_types where id + n > 0 order by random() limit 1) t),
              b as (insert into bookings (id, reference, event_id, quantity, total_amount, currency, expires_at)
                    select id, id::text, event_id, {quantity}, 0, 'EUR', now() + interval '1 hour' from party),
              i as (insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                    select id, 1, ticket_type_id, {quantity}, 0 from party)
         {claims}"
    )
}

/// Bookings of two types, as a program loads them that has them in files: a table after the other.
async fn copy_claims(client: &Client, quantity: i32) -> Result<(), Error> {
    let types = "select id, event_id from ticket_types order by random() limit 2";
    let mut tables = [
        "bookings (id, reference, event_id, quantity, total_amount, currency, expires_at)",
        "booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)",
        "claims (booking_id, event_id, ticket_type_id, quantity)",
    ]
    .map(|columns| (columns, String::new()));
    for row in client.query(types, &[]).await? {
        let (ticket_type, event): (i64, i64) = (row.get(0), row.get(1));
        let booking = uuid::Uuid::now_v7();
        let [bookings, items, claims] = &mut tables;
        bookings.1 += &format!("{booking}\t{booking}\t{event}\t{quantity}\t0\tEUR\t2100-01-01\n");
        items.1 += &format!("{booking}\t1\t{ticket_type}\t{quantity}\t0\n");
        claims.1 += &format!("{booking}\t{event}\t{ticket_type}\t{quantity}\n");
    }
    for (columns, rows) in tables {
        let sink = client
            .copy_in(&format!("copy {columns} from stdin"))
            .await?;
        let mut sink = std::pin::pin!(sink);
        sink.send(bytes::Bytes::from(rows)).await?;
        sink.finish().await?;
    }
    Ok(())
}

fn take_seats(which: &str, count: i32) -> String {
    format!(
        "with taken as (select id, event_id, ticket_type_id from seats {which} limit {count}),
              b as (insert into bookings (reference, event_id, quantity, total_amount, currency, expires_at)
                    select gen_random_uuid()::text, min(event_id), count(*), 0, 'EUR', now() + interval '1 hour'
                      from taken having count(*) > 0 returning id, event_id),
              i as (insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                    select b.id, t.ticket_type_id, t.ticket_type_id, count(*), 0 from b, taken t group by 1, 2)
         insert into claims (booking_id, event_id, ticket_type_id, quantity, seat_id)
         select b.id, b.event_id, t.ticket_type_id, 1, t.id from b, taken t"
    )
}

pub(super) async fn take_seat(client: &Client, seat: i64) -> Result<(), Error> {
    let sql = take_seats(&format!("where id = {seat}"), 1);
    client.batch_execute(&sql).await
}

/// Locks a booking that nobody else is at, so that the statements after it see one state of it.
async fn pick(client: &Client, which: &str) -> Result<Option<String>, Error> {
    let sql = format!(
        "select id::text from bookings where {which} order by random() limit 1 for update skip locked"
    );
    let row = client.query_opt(&sql, &[]).await?;
    Ok(row.map(|row| row.get(0)))
}

async fn confirm(client: &Client) -> Result<(), Error> {
    let Some(id) = pick(client, "status = 'pending'").await? else {
        return Ok(());
    };
    client
        .batch_execute(&format!(
            "update bookings set status = 'confirmed', confirmed_at = now() where id = '{id}';
             update claims set state = 'sold' where booking_id = '{id}' and state = 'held';
             insert into tickets (booking_id, event_id, ticket_type_id, seat_id, code)
             select booking_id, event_id, ticket_type_id, seat_id, gen_random_uuid()::text
               from claims, generate_series(1, quantity) where booking_id = '{id}' and state = 'sold'"
        ))
        .await
}

async fn end(client: &Client, which: &str, status: &str) -> Result<(), Error> {
    let Some(id) = pick(client, which).await? else {
        return Ok(());
    };
    client
        .batch_execute(&format!(
            "update tickets set status = 'void' where booking_id = '{id}';
             update claims set state = 'dead' where booking_id = '{id}' and state <> 'dead';
             update bookings set status = '{status}' where id = '{id}'"
        ))
        .await
}

/// Of the booking's claims some die and the others go, in one statement.
async fn merge_end(client: &Client) -> Result<(), Error> {
    let Some(id) = pick(client, "status in ('pending', 'confirmed')").await? else {
        return Ok(());
    };
    client
        .batch_execute(&format!(
            "update tickets set status = 'void' where booking_id = '{id}';
             merge into claims c using (values ('{id}'::uuid)) as ended (id) on c.booking_id = ended.id
              when matched and c.id % 2 = 0 then delete
              when matched and c.state <> 'dead' then update set state = 'dead';
             update bookings set status = 'cancelled' where id = '{id}'"
        ))
        .await
}

const UNSEATED: &str = "status = 'pending' and exists
    (select from claims where booking_id = bookings.id and seat_id is null)";

async fn grow(client: &Client) -> Result<(), Error> {
    let Some(id) = pick(client, UNSEATED).await? else {
        return Ok(());
    };
    client
        .batch_execute(&format!(
            "update claims set quantity = quantity + 1 where booking_id = '{id}';
             update booking_items set quantity = quantity + 1 where booking_id = '{id}';
             update bookings set quantity = quantity + 1 where id = '{id}'"
        ))
        .await
}

async fn change_type(client: &Client) -> Result<(), Error> {
    let Some(id) = pick(client, UNSEATED).await? else {
        return Ok(());
    };
    client
        .batch_execute(&format!(
            "update claims c set ticket_type_id =
                    (select id from ticket_types where event_id = c.event_id order by random() limit 1)
              where booking_id = '{id}';
             update booking_items set ticket_type_id =
                    (select min(ticket_type_id) from claims where booking_id = '{id}')
              where booking_id = '{id}'"
        ))
        .await
}

async fn change_seat(client: &Client) -> Result<(), Error> {
    let seated = "status = 'pending' and exists
        (select from claims where booking_id = bookings.id and seat_id is not null)";
    let Some(id) = pick(client, seated).await? else {
        return Ok(());
    };
    client
        .batch_execute(&format!(
            "update claims c set seat_id =
                    (select id from seats where ticket_type_id = c.ticket_type_id order by random() limit 1)
              where id = (select min(id) from claims where booking_id = '{id}')"
        ))
        .await
}

async fn remove(client: &Client) -> Result<(), Error> {
    let Some(id) = pick(client, "status <> 'confirmed'").await? else {
        return Ok(());
    };
    client
        .batch_execute(&format!(
            "delete from tickets where booking_id = '{id}'; delete from claims where booking_id = '{id}';
             delete from bookings where id = '{id}'"
        ))
        .await
}

const NEW_EVENT: &str = "
    with e as (insert into events (organizer_id, title, venue, starts_at, capacity)
               values (2, 'Passing', 'Tent', now() + interval '2 days', 5), (2, 'Passing', 'Tent', now(), 6)
               returning id)
    insert into notices (event_id, type, message) select id, 'custom', 'new' from e;
    insert into ticket_types (event_id, name, capacity)
    select id, 'New', 4 from events where title = 'Passing'";
