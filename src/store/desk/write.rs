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
use tokio_postgres::types::{Json, ToSql};

use super::connection::statements;
use super::{AS_READ, ChangedBooking, IN_TIME, NewBooking, WriteEnd, Writes};
use crate::lang::Lang;
use crate::store::StoreError;
use crate::store::audit_trail::AuditRows;
use crate::store::idempotency;
use crate::store::jobs::{QueuedJob, millis};
use crate::ticketing::price::LineKind;
use crate::ticketing::record::{Answers, Booking, BookingKind, BookingLine};
use crate::ticketing::stock::ClaimState;
use crate::ticketing::{
    BookingId, ClaimId, EventId, PaymentId, SeatId, TicketTypeId, UserId, VoucherId, WaitingId,
};

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
    change_claims = "
        update claims c set state = change.state, quantity = change.quantity
          from unnest($1::bigint[], $2::text[], $3::int[]) as change (id, state, quantity)
         where c.id = change.id and c.state <> 'dead'";
    drop_items = "
        delete from booking_items where booking_id = any($1)";
    add_items = "
        insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount, kind, name, tax_amount, tax_rate,
                                   tax_included)
        select * from unnest($1::uuid[], $2::int[], $3::bigint[], $4::int[], $5::bigint[], $6::text[], $7::text[],
                             $8::bigint[], $9::int[], $10::boolean[])";
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
    add_bookings = new_bookings("");
    add_bookings_with_parts = new_bookings(PARTS);
    make_offers = "
        update waitlist w set status = 'offered', booking_id = offer.booking_id, updated_at = clock_timestamp()
          from unnest($1::bigint[], $2::uuid[]) as offer (id, booking_id)
         where w.id = offer.id and w.status = 'waiting'";
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
fn new_bookings(parts: &str) -> String {
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
        insert into claims (event_id, booking_id, ticket_type_id, seat_id, quantity, state)
        select unnest($19::bigint[]), unnest($20::uuid[]), unnest($21::bigint[]), unnest($22::bigint[]),
               unnest($23::int[]), unnest($24::text[])"
    )
}

/// How buyers can be reached, and the vouchers that they use: in order of voucher, as the triggers lock them. A statement of
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

/// HTTP status of the answer that is stored under a key.
const CREATED: i32 = 201;

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
    let claims_of: [&(dyn ToSql + Sync); 3] =
        [&changes.claims, &changes.states, &changes.quantities];
    let swapped_of: [&(dyn ToSql + Sync); 1] = [&changes.swapped];
    let items_of = changes.items.columns();
    let void_of: [&(dyn ToSql + Sync); 1] = [&changes.void];
    let tickets_of = tickets.columns();
    let contacts = ContactRows::of(&writes.new)?;
    let vouchers = VoucherRows::of(&writes.new)?;
    let mut bookings_of = bookings.columns(&writes.in_time).to_vec();
    let add_bookings = match contacts.places.is_empty() && vouchers.places.is_empty() {
        true => &sql.add_bookings,
        false => {
            bookings_of.extend(contacts.columns());
            bookings_of.extend(vouchers.columns());
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
            execute(client, changes.claims.is_empty(), &sql.change_claims, &claims_of),
            execute(client, changes.swapped.is_empty(), &sql.drop_items, &swapped_of),
            execute(client, changes.swapped.is_empty(), &sql.add_items, &items_of),
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

/// Columns of changed bookings.
#[derive(Default)]
struct ChangeRows<'a> {
    ids: Vec<BookingId>,
    was: Vec<&'a str>,
    statuses: Vec<&'a str>,
    reasons: Vec<Option<&'a str>>,
    confirmed_at: Vec<Option<Timestamp>>,
    paid_by: Vec<Option<&'a str>>,
    payments: Vec<Option<PaymentId>>,
    deadlines: Vec<Option<Timestamp>>,
    extended_at: Vec<Option<Timestamp>>,
    processing_since: Vec<Option<Timestamp>>,
    kinds: Vec<Option<&'a str>>,
    booked: Vec<Option<i32>>,
    totals: Vec<Option<i64>>,
    absorbed: Vec<Option<i64>>,
    swapped: Vec<BookingId>,
    items: Items<'a>,
    claims: Vec<ClaimId>,
    states: Vec<&'a str>,
    quantities: Vec<i32>,
    void: Vec<&'a str>,
}

impl<'a> ChangeRows<'a> {
    fn of(changed: &'a [ChangedBooking]) -> Result<ChangeRows<'a>, StoreError> {
        let mut columns = ChangeRows::default();
        for one in changed {
            columns.ids.push(one.id);
            columns.was.push(one.from.as_str());
            columns.statuses.push(one.to.as_str());
            columns.reasons.push(one.cancel_reason.as_deref());
            columns.confirmed_at.push(one.confirmed_at);
            columns.paid_by.push(one.paid_by.map(|by| by.as_str()));
            columns.payments.push(one.payment_id);
            columns.deadlines.push(one.expires_at);
            columns.extended_at.push(one.extended_at);
            columns.processing_since.push(one.processing_since);
            columns.kinds.push(one.kind.map(BookingKind::as_str));
            let contents = one.contents.as_ref();
            let quantity = contents.map(|contents| small(contents.quantity));
            columns.booked.push(quantity.transpose()?);
            let total = contents.map(|contents| contents.total_amount);
            columns.totals.push(total);
            let absorbed = contents.and_then(|contents| contents.absorbed_fee_amount);
            columns.absorbed.push(absorbed);
            if let Some(contents) = contents {
                columns.swapped.push(one.id);
                columns.items.add(one.id, &contents.lines)?;
            }
            for claim in &one.claims {
                columns.claims.push(claim.was.id);
                let state = claim.is.map(|is| state_name(is.state));
                columns.states.push(state.unwrap_or("dead"));
                let quantity = claim.is.unwrap_or(claim.was).quantity;
                columns.quantities.push(small(quantity)?);
            }
            columns.void.extend(one.void.iter().map(String::as_str));
        }
        Ok(columns)
    }

    fn bookings<'b>(&'b self, in_time: &'b Option<Timestamp>) -> [&'b (dyn ToSql + Sync); 15] {
        [
            in_time,
            &self.ids,
            &self.was,
            &self.statuses,
            &self.reasons,
            &self.confirmed_at,
            &self.paid_by,
            &self.payments,
            &self.deadlines,
            &self.extended_at,
            &self.processing_since,
            &self.kinds,
            &self.booked,
            &self.totals,
            &self.absorbed,
        ]
    }
}

fn state_name(state: ClaimState) -> &'static str {
    match state {
        ClaimState::Held => "held",
        ClaimState::Sold => "sold",
    }
}

/// Columns of jobs.
#[derive(Default)]
struct JobRows<'a> {
    kinds: Vec<&'a str>,
    keys: Vec<&'a str>,
    payloads: Vec<Json<&'a serde_json::Value>>,
    worth_ms: Vec<f64>,
}

impl<'a> JobRows<'a> {
    fn of(jobs: &'a [QueuedJob]) -> JobRows<'a> {
        let mut columns = JobRows::default();
        for job in jobs {
            columns.kinds.push(job.kind);
            columns.keys.push(&job.key);
            columns.payloads.push(Json(&job.payload));
            columns.worth_ms.push(millis(job.worth) as f64);
        }
        columns
    }

    fn columns(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.kinds, &self.keys, &self.payloads, &self.worth_ms]
    }
}

/// Columns of tickets: of new bookings that are confirmed at once, and of those that are confirmed now.
#[derive(Default)]
struct NewTickets<'a> {
    events: Vec<EventId>,
    bookings: Vec<BookingId>,
    types: Vec<TicketTypeId>,
    seats: Vec<Option<SeatId>>,
    codes: Vec<&'a str>,
}

impl<'a> NewTickets<'a> {
    fn of(writes: &'a Writes) -> Result<NewTickets<'a>, StoreError> {
        let mut columns = NewTickets::default();
        let new = writes.new.iter().map(|new| &new.booking);
        let new = new.map(|booking| (booking.event_id, booking.id, &booking.tickets));
        let changed = writes.changed.iter();
        let changed = changed.map(|one| (one.event_id, one.id, &one.new_tickets));
        for (event, booking, tickets) in new.chain(changed) {
            for ticket in tickets {
                columns.events.push(event);
                columns.bookings.push(booking);
                columns.types.push(ticket.ticket_type_id);
                columns.seats.push(ticket.seat_id);
                columns.codes.push(&ticket.code);
            }
        }
        Ok(columns)
    }

    fn columns(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.events,
            &self.bookings,
            &self.types,
            &self.seats,
            &self.codes,
        ]
    }
}

/// Columns of answers to be stored under idempotency keys.
struct KeyRows<'a> {
    scopes: Vec<&'a str>,
    digests: Vec<&'a str>,
    bodies: Vec<&'a [u8]>,
    statuses: Vec<i32>,
    responses: Vec<String>,
}

impl<'a> KeyRows<'a> {
    fn of(new: &'a [NewBooking]) -> Result<KeyRows<'a>, StoreError> {
        let keyed = || {
            let new = new.iter();
            new.filter_map(|new| Some((new.key.as_ref()?, &new.booking)))
        };
        let responses = keyed().map(|(_, booking)| idempotency::text(booking));
        Ok(KeyRows {
            scopes: keyed().map(|(key, _)| key.scope.as_str()).collect(),
            digests: keyed().map(|(key, _)| key.digest.as_str()).collect(),
            bodies: keyed().map(|(key, _)| key.body_hash.as_slice()).collect(),
            statuses: keyed().map(|_| CREATED).collect(),
            responses: responses.collect::<Result<_, _>>()?,
        })
    }

    fn columns(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.scopes,
            &self.digests,
            &self.bodies,
            &self.statuses,
            &self.responses,
        ]
    }
}

/// Columns of how buyers can be reached.
#[derive(Default)]
struct ContactRows<'a> {
    /// Of the booking among the new ones, from 1.
    places: Vec<i32>,
    names: Vec<Option<&'a str>>,
    emails: Vec<Option<&'a str>>,
    phones: Vec<Option<&'a str>>,
    langs: Vec<&'a str>,
}

impl<'a> ContactRows<'a> {
    fn of(new: &'a [NewBooking]) -> Result<ContactRows<'a>, StoreError> {
        let mut columns = ContactRows::default();
        for (nth, new) in (1..).zip(new) {
            // Without one, a row only tells the language of an account's mails, where that is not English.
            if new.contact.is_none() && (new.lang == Lang::En || new.booking.user_id.is_none()) {
                continue;
            }
            let contact = new.contact.as_ref();
            columns.places.push(place(nth)?);
            columns
                .names
                .push(contact.and_then(|one| one.name.as_deref()));
            columns
                .emails
                .push(contact.and_then(|one| one.email.as_deref()));
            columns
                .phones
                .push(contact.and_then(|one| one.phone.as_deref()));
            columns.langs.push(new.lang.tag());
        }
        Ok(columns)
    }

    fn columns(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.places,
            &self.names,
            &self.emails,
            &self.phones,
            &self.langs,
        ]
    }
}

/// Columns of what bookings say of those who come.
#[derive(Default)]
struct PeopleRows<'a> {
    bookings: Vec<BookingId>,
    positions: Vec<i32>,
    names: Vec<&'a str>,
    emails: Vec<Option<&'a str>>,
    answering: Vec<BookingId>,
    answers: Vec<Json<&'a Answers>>,
}

impl<'a> PeopleRows<'a> {
    fn of(new: &'a [NewBooking]) -> PeopleRows<'a> {
        let mut columns = PeopleRows::default();
        for new in new {
            for (position, attendee) in (1..).zip(&new.attendees) {
                columns.bookings.push(new.booking.id);
                columns.positions.push(position);
                columns.names.push(&attendee.name);
                columns.emails.push(attendee.email.as_deref());
            }
            if let Some(answers) = &new.answers {
                columns.answering.push(new.booking.id);
                columns.answers.push(Json(answers));
            }
        }
        columns
    }

    fn attendees(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.bookings, &self.positions, &self.names, &self.emails]
    }
}

/// Columns of the vouchers that bookings use, and the order in which these apply.
#[derive(Default)]
struct VoucherRows {
    /// Of the booking among the new ones, from 1.
    places: Vec<i32>,
    vouchers: Vec<VoucherId>,
    positions: Vec<i32>,
}

impl VoucherRows {
    fn of(new: &[NewBooking]) -> Result<VoucherRows, StoreError> {
        let mut columns = VoucherRows::default();
        for (nth, new) in (1..).zip(new) {
            for (position, voucher) in (1..).zip(&new.vouchers) {
                columns.places.push(place(nth)?);
                columns.vouchers.push(*voucher);
                columns.positions.push(position);
            }
        }
        Ok(columns)
    }

    fn columns(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.places, &self.vouchers, &self.positions]
    }
}

/// Columns of new bookings, their items and their claims.
#[derive(Default)]
struct BookingRows<'a> {
    ids: Vec<BookingId>,
    references: Vec<&'a str>,
    events: Vec<EventId>,
    users: Vec<Option<UserId>>,
    tokens: Vec<Option<&'a [u8]>>,
    statuses: Vec<&'a str>,
    quantities: Vec<i32>,
    totals: Vec<i64>,
    currencies: Vec<&'a str>,
    deadlines: Vec<Option<Timestamp>>,
    created: Vec<Timestamp>,
    confirmed: Vec<Option<Timestamp>>,
    guests: Vec<Option<&'a [u8]>>,
    kinds: Vec<&'a str>,
    absorbed: Vec<i64>,
    /// Of each item's booking among `ids`, from 1.
    item_places: Vec<i32>,
    items: Items<'a>,
    claims: ClaimRows<'a>,
}

/// Columns of the lines of prices.
#[derive(Default)]
struct Items<'a> {
    bookings: Vec<BookingId>,
    lines: Vec<i32>,
    types: Vec<Option<TicketTypeId>>,
    quantities: Vec<i32>,
    amounts: Vec<i64>,
    kinds: Vec<&'static str>,
    /// Tickets have the name of their type.
    names: Vec<Option<&'a str>>,
    tax_amounts: Vec<i64>,
    tax_rates: Vec<Option<i32>>,
    tax_included: Vec<Option<bool>>,
}

/// Columns of claims: one per seat; for general admission one per item.
#[derive(Default)]
struct ClaimRows<'a> {
    events: Vec<EventId>,
    bookings: Vec<BookingId>,
    types: Vec<TicketTypeId>,
    seats: Vec<Option<SeatId>>,
    quantities: Vec<i32>,
    states: Vec<&'a str>,
}

impl<'a> BookingRows<'a> {
    fn of(writes: &'a Writes) -> Result<BookingRows<'a>, StoreError> {
        let mut columns = BookingRows::default();
        for new in &writes.new {
            let booking = &new.booking;
            columns.ids.push(booking.id);
            columns.references.push(&booking.reference);
            columns.events.push(booking.event_id);
            columns.users.push(booking.user_id);
            let token = new.token_hash.as_ref();
            columns.tokens.push(token.map(<[u8; 32]>::as_slice));
            columns.statuses.push(booking.status.as_str());
            columns.quantities.push(small(booking.quantity)?);
            columns.totals.push(booking.total.amount);
            columns.currencies.push(&booking.total.currency);
            columns.deadlines.push(booking.expires_at);
            columns.created.push(booking.created_at);
            columns.confirmed.push(booking.confirmed_at);
            let guest = new.guest.as_ref();
            columns.guests.push(guest.map(|guest| guest.0.as_slice()));
            columns.kinds.push(booking.kind.as_str());
            columns.absorbed.push(new.absorbed_fee_amount);
            let place = place(columns.ids.len())?;
            let places = booking.lines.iter().map(|_| place);
            columns.item_places.extend(places);
            columns.items.add(booking.id, &booking.lines)?;
            columns.claims.add(booking, new.state)?;
        }
        for one in &writes.changed {
            columns.claims.add_again(one)?;
        }
        Ok(columns)
    }

    fn columns<'b>(&'b self, in_time: &'b Option<Timestamp>) -> [&'b (dyn ToSql + Sync); 32] {
        let (items, claims) = (&self.items, &self.claims);
        [
            in_time,
            &self.ids,
            &self.references,
            &self.events,
            &self.users,
            &self.tokens,
            &self.statuses,
            &self.quantities,
            &self.totals,
            &self.currencies,
            &self.deadlines,
            &self.created,
            &self.confirmed,
            &self.item_places,
            &items.lines,
            &items.types,
            &items.quantities,
            &items.amounts,
            &claims.events,
            &claims.bookings,
            &claims.types,
            &claims.seats,
            &claims.quantities,
            &claims.states,
            &self.guests,
            &self.kinds,
            &items.kinds,
            &items.names,
            &items.tax_amounts,
            &items.tax_rates,
            &items.tax_included,
            &self.absorbed,
        ]
    }
}

impl<'a> Items<'a> {
    fn columns(&self) -> [&(dyn ToSql + Sync); 10] {
        [
            &self.bookings,
            &self.lines,
            &self.types,
            &self.quantities,
            &self.amounts,
            &self.kinds,
            &self.names,
            &self.tax_amounts,
            &self.tax_rates,
            &self.tax_included,
        ]
    }

    fn add(&mut self, booking: BookingId, lines: &'a [BookingLine]) -> Result<(), StoreError> {
        for (line, item) in (1..).zip(lines) {
            self.bookings.push(booking);
            self.lines.push(line);
            self.types.push(item.ticket_type_id);
            self.quantities.push(small(item.quantity)?);
            self.amounts.push(item.unit_amount);
            self.kinds.push(item.kind.as_str());
            let own_name = item.kind != LineKind::Ticket;
            self.names.push(own_name.then_some(item.name.as_str()));
            self.tax_amounts.push(item.tax_amount);
            let rate = item.tax.map(|tax| small(tax.basis_points)).transpose()?;
            self.tax_rates.push(rate);
            self.tax_included.push(item.tax.map(|tax| tax.included));
        }
        Ok(())
    }
}

impl ClaimRows<'_> {
    fn add(&mut self, booking: &Booking, state: ClaimState) -> Result<(), StoreError> {
        let state = state_name(state);
        for item in &booking.items {
            let units = (None, small(item.quantity)?);
            let units = item.seats.is_empty().then_some(units);
            let seats = item.seats.iter().map(|seat| (Some(seat.id), 1));
            for (seat, quantity) in seats.chain(units) {
                self.events.push(booking.event_id);
                self.bookings.push(booking.id);
                self.types.push(item.ticket_type_id);
                self.seats.push(seat);
                self.quantities.push(quantity);
                self.states.push(state);
            }
        }
        Ok(())
    }

    /// A booking's claims that were dead, as new ones.
    fn add_again(&mut self, changed: &ChangedBooking) -> Result<(), StoreError> {
        for claim in &changed.new_claims {
            self.events.push(changed.event_id);
            self.bookings.push(changed.id);
            self.types.push(claim.ticket_type_id);
            self.seats.push(claim.seat_id);
            self.quantities.push(small(claim.quantity)?);
            self.states.push(state_name(claim.state));
        }
        Ok(())
    }
}

/// The database counts elements of arrays in 32 bits.
fn place(nth: usize) -> Result<i32, StoreError> {
    i32::try_from(nth).map_err(|_| StoreError::corrupt(format!("a batch of {nth} bookings")))
}

/// The database counts tickets in 32 bits; the rules allow no booking beyond them.
fn small(quantity: i64) -> Result<i32, StoreError> {
    i32::try_from(quantity).map_err(|_| StoreError::corrupt(format!("a quantity of {quantity}")))
}
