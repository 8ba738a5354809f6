//! The second round trip of the desk's transaction: at most one statement per table, and `commit`.
//!
//! Columns are sent as arrays, so the triggers see each batch as one statement: one update of the counters and one
//! revision for each event, one NOTIFY for all (`sql/V4__counters.sql`).
//!
//! Changed bookings are written first, since new ones may take the stock that they give back. All rows of a new
//! booking are one statement, so its foreign keys are checked when all of them exist.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::future::{Either, ready};
use jiff::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::connection::statements;
use super::rows::{
    BookingRows, ChangeRows, ContactRows, JobRows, KeyRows, NewTickets, PeopleRows, SeatRows,
    VoucherRows,
};
use super::{AS_READ, IN_TIME, STILL_PAYING, WriteEnd, Writes};
use crate::store::StoreError;
use crate::store::audit_trail::AuditRows;
use crate::store::payments::LIVE;
use crate::ticketing::{BookingId, WaitingId};

statements! {
    change_bookings = format!("
        with change as materialized (
            select * from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::uuid[],
                                 $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::int[], $14::bigint[], $15::bigint[])
                as change (id, was, status, cancel_reason, confirmed_at, paid_by, payment_id, expires_at, extended_at,
                           processing_since, kind, quantity, total_amount, absorbed_fee_amount)
             where insist($1::timestamptz is null or statement_timestamp() <= $1, '{IN_TIME}')
        ), changed as (
            update bookings b
               set status = change.status,
                   -- Counted anew by a trigger, also where nothing else of the row changes.
                   version = b.version + 1,
                   cancel_reason = coalesce(change.cancel_reason, b.cancel_reason),
                   confirmed_at = coalesce(change.confirmed_at, b.confirmed_at),
                   paid_by = coalesce(change.paid_by, b.paid_by),
                   payment_id = coalesce(change.payment_id, b.payment_id),
                   expires_at = coalesce(change.expires_at, b.expires_at),
                   extended_at = coalesce(change.extended_at, b.extended_at),
                   processing_since = coalesce(change.processing_since, b.processing_since),
                   kind = coalesce(change.kind, b.kind),
                   quantity = coalesce(change.quantity, b.quantity),
                   total_amount = coalesce(change.total_amount, b.total_amount),
                   absorbed_fee_amount = coalesce(change.absorbed_fee_amount, b.absorbed_fee_amount)
              from change where b.id = change.id and b.status = change.was
            returning 1
        )
        select insist(count(*) = cardinality($2), '{AS_READ}') from changed");
    // A sale may have waited for its turn while its buyer asked to pay otherwise: then the charge is let go, or its money is on
    // its way back. After the bookings are changed, and so locked: whoever ends an attempt locks its booking as well, and is
    // either seen here or sees the sale. The attempts themselves are not locked, since they are locked before bookings.
    sold_to = format!("
        select insist(not exists (select from payments where id = any($1) and (unwanted or not {LIVE})), '{STILL_PAYING}')");
    change_claims = "
        update claims c set state = change.state, quantity = change.quantity
          from unnest($1::bigint[], $2::text[], $3::int[]) as change (id, state, quantity)
         where c.id = change.id and c.state <> 'dead'";
    change_seats = format!("
        update seats s set blocked = coalesce(change.blocked, s.blocked),
                           ticket_type_id = coalesce(change.ticket_type_id, s.ticket_type_id)
          from unnest($2::bigint[], $3::boolean[], $4::bigint[]) as change (id, blocked, ticket_type_id)
         where s.id = change.id and insist($1::timestamptz is null or statement_timestamp() <= $1, '{IN_TIME}')");
    // The dead claims of an ended booking are what it had: it is shown with their seats, and takes them again if its money
    // comes late. Neither what a swap gave up is among them, nor what was taken again.
    drop_dead = "
        delete from claims where booking_id = any($1) and state = 'dead'";
    drop_items = "
        delete from booking_items where booking_id = any($1)";
    add_items = "
        insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount, kind, name, tax_amount, tax_rate,
                                   tax_included)
        select * from unnest($1::uuid[], $2::int[], $3::bigint[], $4::int[], $5::bigint[], $6::text[], $7::text[],
                             $8::bigint[], $9::int[], $10::boolean[])";
    // Sorted, so that the old places are empty before new ones are taken.
    keep_names = "
        with gone as (
            delete from booking_attendees where booking_id = any($1) returning booking_id, position, name, email
        )
        insert into booking_attendees (booking_id, position, name, email)
        select gone.booking_id, kept.position, gone.name, gone.email
          from gone join unnest($2::uuid[], $3::int[], $4::int[]) as kept (booking_id, was, position)
            on kept.booking_id = gone.booking_id and kept.was = gone.position
         order by gone.booking_id, kept.position";
    // Whom it was offered to is forgotten.
    void_tickets = "
        with void as (
            update tickets set status = 'void' where code = any($1) and status <> 'void' returning id
        ), ended as (
            update transfers set state = 'cancelled', ended_at = clock_timestamp()
             where ticket_id = any(array(select id from void)) and state = 'pending' returning id
        )
        delete from transfer_contacts where transfer_id = any(array(select id from ended))";
    add_tickets = "
        insert into tickets (event_id, booking_id, ticket_type_id, seat_id, code)
        select * from unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[])";
    // In order of key, so that nodes that store the same keys cannot deadlock.
    add_keys = "
        insert into idempotency_keys (scope, key, body_hash, status, response)
        select * from unnest($1::text[], $2::text[], $3::bytea[], $4::int[], $5::text[]) as new (scope, key)
         order by scope, key";
    add_bookings = new_bookings("", ("", ""));
    add_bookings_with_parts = new_bookings(PARTS, (", voucher_id", ", unnest($41::bigint[])"));
    make_offers = "
        update waitlist w set status = 'offered', booking_id = offer.booking_id, updated_at = clock_timestamp()
          from unnest($1::bigint[], $2::uuid[]) as offer (id, booking_id)
         where w.id = offer.id and w.status = 'waiting'";
    // A trigger took the end of the offer for their answer.
    wait_on = "
        update waitlist w set status = 'waiting', booking_id = null, updated_at = clock_timestamp()
          from unnest($1::uuid[]) as withdrawn (booking_id)
         where w.booking_id = withdrawn.booking_id and w.status = 'declined'";
    add_attendees = "
        insert into booking_attendees (booking_id, position, name, email)
        select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[])";
    add_answers = "
        insert into booking_answers (booking_id, answers) select * from unnest($1::uuid[], $2::jsonb[])";
    add_jobs = "
        insert into jobs (kind, key, payload, expires_at)
        select kind, key, payload, clock_timestamp() + worth_ms * interval '1 ms'
          from unnest($1::text[], $2::text[], $3::jsonb[], $4::float8[]) as new (kind, key, payload, worth_ms)
         order by key
            on conflict (key) do nothing";
    add_audit = "
        insert into audit_trail (organization_id, user_id, api_key_id, action, object, detail, request_id, address_hash)
        select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::jsonb[], $7::text[],
                             $8::bytea[])";
    in_time = format!("
        select insist($1::timestamptz is null or statement_timestamp() <= $1, '{IN_TIME}')");
}

/// Rows of new bookings, with items and claims.
///
/// `unnest` of several arrays in `from` fills a table for each of them first. An element by its number is found by walking
/// there, where elements differ in length, so that is for bookings, which are fewer than their items.
///
/// All but claims name their booking by its place among the new ones, so there are none without a booking. It spares them
/// the look-up of a foreign key for each row (`sql/V7__private_topics.sql`).
fn new_bookings(parts: &str, (drawn_on, vouchers): (&str, &str)) -> String {
    format!(
        "
        with made as (
            insert into bookings (id, reference, event_id, user_id, token_hash, status, quantity, total_amount,
                                  currency, expires_at, created_at, confirmed_at, buyer_hash, kind,
                                  absorbed_fee_amount, updated_at)
            select ($2::uuid[])[n], ($3::text[])[n], ($4::bigint[])[n], ($5::bigint[])[n], ($6::bytea[])[n],
                   ($7::text[])[n], ($8::int[])[n], ($9::bigint[])[n], ($10::text[])[n], ($11::timestamptz[])[n],
                   ($12::timestamptz[])[n], ($13::timestamptz[])[n], ($25::bytea[])[n], ($26::text[])[n],
                   ($32::bigint[])[n], ($12::timestamptz[])[n]
              from generate_series(1, cardinality($2::uuid[])) n
             where insist($1::timestamptz is null or statement_timestamp() <= $1, '{IN_TIME}')
        ), itemised as (
            insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount, kind, name, tax_amount,
                                       tax_rate, tax_included)
            select ($2::uuid[])[unnest($14::int[])], unnest($15::int[]), unnest($16::bigint[]), unnest($17::int[]),
                   unnest($18::bigint[]), unnest($27::text[]), unnest($28::text[]), unnest($29::bigint[]),
                   unnest($30::int[]), unnest($31::boolean[])
        ){parts}
        insert into claims (event_id, booking_id, ticket_type_id, seat_id, quantity, state{drawn_on})
        select unnest($19::bigint[]), unnest($20::uuid[]), unnest($21::bigint[]), unnest($22::bigint[]),
               unnest($23::int[]), unnest($24::text[]){vouchers}"
    )
}

/// How buyers can be reached, and the vouchers that they use: in order of voucher, as the triggers lock them. Claims name those on
/// whose reserves they draw. A statement of
/// its own, since most batches of few bookings have neither, and every table that a statement may write costs.
const PARTS: &str = ", reached as (
            insert into booking_contacts (booking_id, name, email, phone, lang)
            select ($2::uuid[])[unnest($33::int[])], unnest($34::text[]), unnest($35::text[]), unnest($36::text[]),
                   unnest($37::text[])
        ), used as (
            insert into voucher_uses (booking_id, voucher_id, position)
            select ($2::uuid[])[place], voucher_id, position
              from (select unnest($38::int[]) as place, unnest($39::bigint[]) as voucher_id,
                           unnest($40::int[]) as position) as new
             order by voucher_id
        )";

/// Sends every statement at once. After one that fails, the rest fail too, and `commit` rolls back.
pub(super) async fn write(
    client: &Client,
    sql: &Statements,
    writes: &Writes,
    end: WriteEnd,
) -> Result<(), StoreError> {
    let (before, after) = match end {
        WriteEnd::Commit => (None, Some("commit")),
        WriteEnd::Savepoint => (Some("savepoint command"), Some("release savepoint command")),
    };
    let changes = ChangeRows::of(&writes.changed)?;
    let tickets = NewTickets::of(writes)?;
    let bookings = BookingRows::of(writes)?;
    let changes_of = changes.bookings(&writes.in_time);
    let sold_to_of: [&(dyn ToSql + Sync); 1] = [&changes.sold_to];
    let claims_of: [&(dyn ToSql + Sync); 3] =
        [&changes.claims, &changes.states, &changes.quantities];
    let forgetting_of: [&(dyn ToSql + Sync); 1] = [&changes.forgetting];
    let swapped_of: [&(dyn ToSql + Sync); 1] = [&changes.swapped];
    let items_of = changes.items.columns();
    let kept = &changes.kept;
    let kept_of: [&(dyn ToSql + Sync); 4] = [&changes.swapped, &kept.bookings, &kept.was, &kept.is];
    let void_of: [&(dyn ToSql + Sync); 1] = [&changes.void];
    let seats = SeatRows::of(&writes.seats);
    let seats_of = seats.columns(&writes.in_time);
    let withdrawn = &writes.withdrawn_offers;
    let wait_on_of: [&(dyn ToSql + Sync); 1] = [withdrawn];
    let tickets_of = tickets.columns();
    let contacts = ContactRows::of(&writes.new)?;
    let vouchers = VoucherRows::of(&writes.new)?;
    let mut bookings_of = bookings.columns(&writes.in_time).to_vec();
    let is_plain = contacts.places.is_empty()
        && vouchers.places.is_empty()
        && !bookings.claims.draw_on_reserves();
    let add_bookings = match is_plain {
        true => &sql.add_bookings,
        false => {
            bookings_of.extend(contacts.columns());
            bookings_of.extend(vouchers.columns());
            bookings_of.push(&bookings.claims.vouchers);
            &sql.add_bookings_with_parts
        }
    };
    let (waiting, offered): (Vec<WaitingId>, Vec<BookingId>) =
        writes.offers.iter().copied().unzip();
    let offers_of: [&(dyn ToSql + Sync); 2] = [&waiting, &offered];
    let people = PeopleRows::of(&writes.new);
    let attendees_of = people.attendees();
    let answers_of: [&(dyn ToSql + Sync); 2] = [&people.answering, &people.answers];
    let jobs = JobRows::of(&writes.jobs);
    let jobs_of = jobs.columns();
    let audit = AuditRows::of(&writes.audit);
    let audit_of = audit.columns();
    let first = async {
        tokio::try_join!(
            biased;
            simple(client, before),
            execute(client, changes.ids.is_empty(), &sql.change_bookings, &changes_of),
            execute(client, changes.sold_to.is_empty(), &sql.sold_to, &sold_to_of),
            execute(client, changes.claims.is_empty(), &sql.change_claims, &claims_of),
            execute(client, seats.ids.is_empty(), &sql.change_seats, &seats_of),
            execute(client, changes.forgetting.is_empty(), &sql.drop_dead, &forgetting_of),
            execute(client, changes.swapped.is_empty(), &sql.drop_items, &swapped_of),
            execute(client, changes.swapped.is_empty(), &sql.add_items, &items_of),
            execute(client, changes.swapped.is_empty(), &sql.keep_names, &kept_of),
            execute(client, changes.void.is_empty(), &sql.void_tickets, &void_of),
            execute(client, bookings.claims.bookings.is_empty(), add_bookings, &bookings_of),
        )?;
        Ok(())
    };
    let then = async {
        first_are_sent().await;
        // The database need not wait until the answers are put into words.
        let keys = KeyRows::of(&writes.new)?;
        let keys_of = keys.columns();
        tokio::try_join!(
            biased;
            execute(client, withdrawn.is_empty(), &sql.wait_on, &wait_on_of),
            execute(client, waiting.is_empty(), &sql.make_offers, &offers_of),
            execute(client, people.bookings.is_empty(), &sql.add_attendees, &attendees_of),
            execute(client, people.answering.is_empty(), &sql.add_answers, &answers_of),
            execute(client, tickets.codes.is_empty(), &sql.add_tickets, &tickets_of),
            execute(client, keys.digests.is_empty(), &sql.add_keys, &keys_of),
            execute(client, jobs.keys.is_empty(), &sql.add_jobs, &jobs_of),
            execute(client, writes.audit.is_empty(), &sql.add_audit, &audit_of),
            simple(client, after),
        )?;
        Ok::<_, StoreError>(())
    };
    tokio::try_join!(biased; first, then)?;
    Ok(())
}

/// Pending once: whoever drives the connection sends what is under way, and comes back.
async fn first_are_sent() {
    let mut are_sent = false;
    poll_fn(|context| match std::mem::replace(&mut are_sent, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// Commits the writes of all savepoints.
pub(super) async fn commit(
    client: &Client,
    sql: &Statements,
    in_time: Option<Timestamp>,
) -> Result<(), StoreError> {
    let of_time: [&(dyn ToSql + Sync); 1] = [&in_time];
    tokio::try_join!(
        biased;
        execute(client, in_time.is_none(), &sql.in_time, &of_time),
        simple(client, Some("commit")),
    )?;
    Ok(())
}

async fn simple(client: &Client, text: Option<&str>) -> Result<(), tokio_postgres::Error> {
    match text {
        Some(text) => client.batch_execute(text).await,
        None => Ok(()),
    }
}

/// Runs a write if it is needed; most batches write only some of the tables.
fn execute<'a>(
    client: &'a Client,
    is_empty: bool,
    statement: &'a tokio_postgres::Statement,
    columns: &'a [&'a (dyn ToSql + Sync)],
) -> impl Future<Output = Result<u64, tokio_postgres::Error>> + 'a {
    match is_empty {
        true => Either::Left(ready(Ok(0))),
        false => Either::Right(client.execute(statement, columns)),
    }
}
