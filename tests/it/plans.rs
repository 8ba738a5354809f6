//! Plans that cannot flip: what the server runs on its hot path, triggers included, is read from Postgres's own
//! log (`auto_explain`). No statement scans a table that grows with what else is on sale, or reads more rows than its
//! event has.
//!
//! Two databases. One was full and analysed when the server came: 10,000 events, a million seats, a million bookings,
//! 100,000 of them pending. The other was empty when the server came and made
//! its plans, has grown since, and was never analysed.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::binary::ServerProcess;
use crate::support::caller::{Answer, Caller};
use crate::support::database::{TestDatabase, connect};
use crate::support::http_client;
use crate::support::postgres::ThrowawayPostgres;
use crate::support::show::{Show, Staged, user};
use crate::support::websocket::{Socket, WireVersion};
use seatcast::ticketing::UserId;

/// Sales of other people. Triggers and keys are off: it is the rows that count here. Half of the events have 200 seats
/// each, each event has 100 bookings, one in ten of them pending.
const FILL: &str = "
    do $$ declare t regclass; begin
        for t in select oid from pg_class where relnamespace = 'seatcast'::regnamespace and relkind = 'r' loop
            execute format('alter table %s disable trigger all', t);
        end loop;
    end $$;
    insert into users (id, name) select n, 'Buyer ' || n from generate_series(100001, 120000) n;
    insert into events (id, organizer_id, title, venue, starts_at, capacity, status)
    select n, 100001, 'Event ' || n, 'Hall', now() + n * interval '1 hour', 400, 'active' from generate_series(100001, 110000) n;
    insert into turns (event_id, revision, seat_count) select n, 1, 200 * (n % 2) from generate_series(100001, 110000) n;
    insert into changes (event_id, revision, payload) select n, 1, '{}' from generate_series(100001, 110000) n;
    insert into ticket_types (id, event_id, name, capacity, seated)
    select 2 * n + k, n, 'Type ' || k, 200, k = 0 and n % 2 = 1 from generate_series(100001, 110000) n, generate_series(0, 1) k;
    insert into pools (id, event_id, kind, name, capacity) select 3 * n, n, 'event', 'event', 400 from generate_series(100001, 110000) n;
    insert into pools (id, event_id, kind, ticket_type_id, name, capacity)
    select 3 * n + 1 + k, n, 'ticket_type', 2 * n + k, 'type', 200 from generate_series(100001, 110000) n, generate_series(0, 1) k;
    insert into ticket_type_pools
    select 2 * n + k, pool from generate_series(100001, 110000) n, generate_series(0, 1) k, unnest(array[3 * n, 3 * n + 1 + k]) pool;
    insert into sections (id, event_id, name) select n, n, 'Stalls' from generate_series(100001, 110000, 2) n;
    insert into seats (id, event_id, section_id, ticket_type_id, row_label, number, position)
    select 1000 * n + s, n, n, 2 * n, (s / 10)::text, (s % 10)::text, s
      from generate_series(100001, 110000, 2) n, generate_series(0, 199) s;
    insert into bookings (id, reference, event_id, user_id, buyer_hash, status, quantity, total_amount, currency, expires_at)
    select lpad(to_hex(n), 32, '0')::uuid, 'BK-' || n, 100001 + n / 100, 100001 + n % 20000, decode(md5((n % 200)::text), 'hex'),
           case n % 20 when 7 then 'pending' when 17 then 'pending' else 'confirmed' end, 1, 0, 'EUR', now() + interval '1 day'
      from generate_series(0, 999999) n;
    insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
    select id, 1, 2 * event_id + 1, 1, 0 from bookings where event_id > 100000;
    insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
    select id, event_id, 2 * event_id + 1, 1, case status when 'pending' then 'held' else 'sold' end
      from bookings where event_id > 100000;
    insert into notices (event_id, type, message, revision)
    select n, 'custom', 'Doors open at seven', 1 from generate_series(100001, 110000) n;
    insert into tickets (booking_id, event_id, ticket_type_id, code)
    select id, event_id, 2 * event_id + 1, 'TKT-' || reference from bookings where event_id > 100000 and status = 'confirmed';
    insert into jobs (kind, key, payload, run_at, state, expires_at, organization_id)
    select 'email_code', 'job-' || n, '{}', now() + interval '1 day', (array['waiting', 'needs_review'])[1 + n % 2],
           now() + interval '2 days', 100001 from generate_series(1, 100000) n;
    insert into booking_numbers (event_id, quarter, made)
    select n, q, 1 from generate_series(100001, 110000) n,
           unnest(array['-infinity'::timestamptz, date_bin('15 minutes', now(), 'epoch'), '2026-01-01']) q;
    insert into refund_numbers (event_id, quarter, amount)
    select event_id, quarter, 1 from booking_numbers where event_id > 100000;
    insert into ticket_numbers (event_id, quarter, ticket_type_id, sold)
    select event_id, quarter, 2 * event_id, 1 from booking_numbers where event_id > 100000;
    insert into interactions (event_id, action, session_id, received_at)
    select 100001 + n % 10000, 'event_viewed', 's' || n, now() - n * interval '1 s' from generate_series(1, 30000) n;
    insert into booking_contacts (booking_id, name) select id, 'Buyer' from bookings where event_id > 100000;
    insert into payments (id, booking_id, event_id, provider, state, amount, currency, provider_ref, captured_amount, refunded_amount)
    select b.id, b.id, event_id, 'demo', 'captured', 100, 'EUR', b.id::text, 100, 50 from bookings b
     where event_id > 100000 and status = 'confirmed' order by b.id limit 100000;
    insert into demo_charges (id, amount, currency, status, captured_amount)
    select id, amount, currency, 'captured', amount from payments;
    insert into refunds (payment_id, booking_id, event_id, amount, state, key)
    select id, booking_id, event_id, 50, 'succeeded', 'refund-' || id from payments;
    insert into refunded_tickets (code, refund_id) select 'TKT-' || id, id from refunds;
    insert into ledger_accounts (id, organization_id, name, kind, currency)
    overriding system value select n, 100000 + n, 'cash', 'asset', 'EUR' from generate_series(1000001, 1001000) n;
    insert into ledger_transactions (id, key, cause, event_id, booking_id, payment_id)
    overriding system value
    select 1000000 + row_number() over (), 'sale:' || id, 'sale', event_id, booking_id, id from payments;
    insert into ledger_entries (transaction_id, account_id, amount)
    select id, 1000001 + id % 1000, amount from ledger_transactions, unnest(array[1, -1]) amount;
    insert into invoices (transaction_id, organization_id, event_id, booking_id, kind, year, number)
    select id, 100001, event_id, booking_id, 'invoice', 2026, id - 1000000 from ledger_transactions;
    insert into vouchers (id, event_id, code, kind, value)
    overriding system value
    select 10 * n + k, n, 'CODE-' || k, 'percent', 100 from generate_series(100001, 110000) n, generate_series(1, 5) k;
    insert into voucher_uses (booking_id, voucher_id) select booking_id, 10 * event_id + 1 from payments;
    insert into fees (event_id, name, kind, value) select n, 'Fee', 'per_ticket', 1 from generate_series(100001, 110000) n;
    insert into taxes (event_id, name, rate) select n, 'VAT', 700 from generate_series(100001, 110000) n;
    insert into booking_attendees (booking_id, position, name) select booking_id, 1, 'Ada' from payments;
    insert into checkins (event_id, ticket_id, nonce, scanned_at, result, shown_hash)
    select event_id, id, 'nonce-of-' || id, now(), 'admitted', sha256('') from tickets where event_id > 100000 order by id limit 100000;
    update events set status = 'paused' where id = 100002;
    insert into push_endpoints (id, endpoint, p256dh, auth)
    overriding system value
    select n, 'https://push.example.org/' || n, decode(repeat('04', 65), 'hex'), decode(md5(n::text), 'hex')
      from generate_series(100001, 104000) n;
    insert into push_subscriptions (endpoint_id, user_id, kind, event_id)
    select n, n, kind, 100002 from generate_series(100001, 104000) n, unnest(array['tickets_back', 'waitlist_offer']) kind;
    insert into memberships (user_id, valid_to)
    select n, case n % 2 when 0 then now() + interval '1 year' end from generate_series(100001, 120000) n;
    insert into waitlist (event_id, user_id, quantity, status)
    select 100001 + n % 10000, 100001 + n % 20000, 2, 'left' from generate_series(1, 200000) n;
    insert into waitlist (event_id, user_id, quantity)
    select n, 100000 + k, 2 from generate_series(108001, 108300) n, generate_series(1, 100) k;
    update pools set sold = capacity where event_id between 108001 and 108300;
    insert into ticket_holders (ticket_id, code, user_id)
    select id, code, 100001 + id % 20000 from tickets where event_id > 100000 order by id limit 50000;
    insert into transfers (ticket_id, event_id, generation, state, ended_at)
    select id, event_id, 1, 'cancelled', now() from tickets where event_id > 100000 order by id limit 100000;
    insert into sessions (user_id, expires_at) select n, now() + interval '1 day' from generate_series(100001, 120000) n;
    insert into refresh_tokens (hash, session_id) select sha256(id::text::bytea), id from sessions;
    insert into audit_trail (organization_id, user_id, action, object)
    select 100001, 100001, 'PATCH /events/{event_id}', 'event:' || n % 10000 from generate_series(1, 100000) n;
    insert into ledger_sums (account_id, part, debits, credits)
    select 1000000 + n, part, 1, 1 from generate_series(1, 1000) n, generate_series(0, 9) part;
    insert into provider_events (provider, id, type)
    select 'stripe', 'evt_' || n, 'payment_intent.succeeded' from generate_series(1, 50000) n;
    insert into event_joins (event_id, at, joins)
    select n, now() + interval '1 hour', 1 from generate_series(100001, 110000) n;
    do $$ declare t record; begin
        for t in select c.oid::regclass as name from pg_class c
                  where relnamespace = 'seatcast'::regnamespace and relkind = 'r' loop
            execute format('alter table %s enable trigger all', t.name);
        end loop;
    end $$;
    call settle_triggers()";

/// The same by the triggers, in a database that a server has its plans for: whatever alters a table would have them made
/// anew. Those who wait do so for events that are sold out.
const GROWTH: &str = "
    insert into users (id, name) select n, 'Buyer ' || n from generate_series(100001, 104000) n;
    insert into events (id, organizer_id, title, venue, starts_at, capacity, status)
    select n, 100001, 'Event ' || n, 'Hall', now() + n * interval '1 hour', case when n > 102000 and n % 2 = 0 then 10 else 100 end, 'active'
      from generate_series(100001, 103000) n;
    insert into ticket_types (id, event_id, name, capacity)
    select 2 * n + k, n, 'Type ' || k, 50 from generate_series(100001, 103000) n, generate_series(0, 1) k;
    insert into sections (id, event_id, name) select n, n, 'Stalls' from generate_series(100001, 103000, 2) n;
    insert into seats (id, event_id, section_id, ticket_type_id, row_label, number, position)
    select 100 * n + s, n, n, 2 * n, (s / 10)::text, (s % 10)::text, s
      from generate_series(100001, 103000, 2) n, generate_series(0, 39) s;
    insert into bookings (id, reference, event_id, user_id, buyer_hash, status, quantity, total_amount, currency, expires_at)
    select lpad(to_hex(n), 32, '0')::uuid, 'BK-' || n, 100001 + n / 10, 100001 + n % 4000, decode(md5((n % 5)::text), 'hex'),
           case n % 10 when 7 then 'pending' else 'confirmed' end, 1, 0, 'EUR', now() + interval '1 day'
      from generate_series(0, 29999) n;
    insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
    select id, 1, 2 * event_id + 1, 1, 0 from bookings where event_id > 100000;
    insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
    select id, event_id, 2 * event_id + 1, 1, case status when 'pending' then 'held' else 'sold' end
      from bookings where event_id > 100000;
    insert into notices (event_id, type, message)
    select n, 'custom', 'Doors open at seven' from generate_series(100001, 103000) n;
    insert into tickets (booking_id, event_id, ticket_type_id, code)
    select id, event_id, 2 * event_id + 1, 'TKT-' || reference from bookings where event_id > 100000 and status = 'confirmed';
    insert into jobs (kind, key, payload, run_at, state, expires_at)
    select 'email_code', 'job-' || n, jsonb_build_object('organization_id', 100001), now() + interval '1 day',
           (array['waiting', 'needs_review'])[1 + n % 2], now() + interval '2 days' from generate_series(100001, 140000) n;
    insert into interactions (event_id, action, session_id, received_at)
    select 100001 + n % 3000, 'event_viewed', 's' || n, now() - n * interval '1 s' from generate_series(1, 30000) n;
    insert into booking_contacts (booking_id, name) select id, 'Buyer' from bookings where event_id > 100000;
    insert into payments (id, booking_id, event_id, provider, state, amount, currency, provider_ref, captured_amount, refunded_amount)
    select id, id, event_id, 'demo', 'captured', 100, 'EUR', id::text, 100, 50 from bookings
     where event_id > 100000 and status = 'confirmed';
    insert into demo_charges (id, amount, currency, status, captured_amount)
    select id, amount, currency, 'captured', amount from payments where booking_id in (select id from bookings where event_id > 100000);
    insert into refunds (payment_id, booking_id, event_id, amount, state, key, tickets)
    select id, booking_id, event_id, 50, 'succeeded', 'refund-' || id, array['TKT-' || id] from payments where event_id > 100000;
    insert into vouchers (event_id, code, kind, value)
    select n, 'CODE-' || k, 'percent', 100 from generate_series(100001, 103000) n, generate_series(1, 5) k;
    insert into voucher_uses (booking_id, voucher_id)
    select p.booking_id, min(v.id) from payments p join vouchers v on v.event_id = p.event_id where p.event_id > 100000 group by 1;
    insert into fees (event_id, name, kind, value) select n, 'Fee', 'per_ticket', 1 from generate_series(100001, 103000) n;
    insert into taxes (event_id, name, rate) select n, 'VAT', 700 from generate_series(100001, 103000) n;
    insert into booking_attendees (booking_id, position, name) select booking_id, 1, 'Ada' from payments where event_id > 100000;
    insert into checkins (event_id, ticket_id, nonce, scanned_at, result, shown_hash)
    select event_id, id, 'nonce-of-' || id, now(), 'admitted', sha256('') from tickets where event_id > 100000;
    update events set status = 'paused' where id = 100002;
    insert into push_endpoints (id, endpoint, p256dh, auth)
    overriding system value
    select n, 'https://push.example.org/' || n, decode(repeat('04', 65), 'hex'), decode(md5(n::text), 'hex')
      from generate_series(100001, 104000) n;
    insert into push_subscriptions (endpoint_id, user_id, kind, event_id)
    select n, n, kind, 100002 from generate_series(100001, 104000) n, unnest(array['tickets_back', 'waitlist_offer']) kind;
    insert into memberships (user_id, valid_to)
    select n, case n % 2 when 0 then now() + interval '1 year' end from generate_series(100001, 104000) n;
    insert into waitlist (event_id, user_id, quantity, status)
    select 100001 + n % 3000, 100001 + n % 4000, 2, 'left' from generate_series(1, 30000) n;
    insert into waitlist (event_id, user_id, quantity)
    select n, 100000 + k, 2 from generate_series(102002, 103000, 2) n, generate_series(1, 10) k;
    insert into ticket_holders (ticket_id, code, user_id)
    select id, code, 100001 + id % 4000 from tickets where event_id > 100000 order by id limit 10000;
    insert into transfers (ticket_id, event_id, generation, state, ended_at)
    select id, event_id, 1, 'cancelled', now() from tickets where event_id > 100000;
    insert into sessions (user_id, expires_at) select n, now() + interval '1 day' from generate_series(100001, 104000) n;
    insert into refresh_tokens (hash, session_id) select sha256(id::text::bytea), id from sessions where user_id > 100000;
    insert into audit_trail (organization_id, user_id, action, object)
    select 100001, 100001, 'PATCH /events/{event_id}', 'event:' || n % 3000 from generate_series(1, 20000) n;
    insert into provider_events (provider, id, type)
    select 'stripe', 'evt_' || n, 'payment_intent.succeeded' from generate_series(1, 20000) n;
    insert into event_joins (event_id, at, joins)
    select n, now() + interval '1 hour', 1 from generate_series(100001, 103000) n";

/// The event on sale has a past: of each of its ticket types, more holds have run out than a statement may read.
fn past(show: &Staged) -> String {
    format!(
        "with past as (
             insert into bookings (reference, event_id, status, quantity, total_amount, currency, ended_at)
             select 'BK-P' || n, {event}, 'expired', 2, 9000, 'EUR', now() from generate_series(1, 3000) n returning id
         ), items as (
             insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
             select id, line, type, 1, 4500 from past, unnest(array[{floor}, {seats}]) with ordinality as types (type, line)
         )
         insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, state)
         select id, {event}, type, case type when {seats} then {seat} end, 1, 'dead'
           from past, unnest(array[{floor}, {seats}]) type",
        event = show.event,
        floor = show.ticket_types[0],
        seats = show.ticket_types[1],
        seat = show.seats[0],
    )
}

/// Tables that grow with what is on sale and sold.
const GROWING: &[&str] = &[
    "users",
    "events",
    "ticket_types",
    "pools",
    "ticket_type_pools",
    "turns",
    "sections",
    "seats",
    "bookings",
    "booking_items",
    "claims",
    "tickets",
    "ticket_holders",
    "notices",
    "changes",
    "idempotency_keys",
    "jobs",
    "booking_numbers",
    "refund_numbers",
    "ticket_numbers",
    "booking_contacts",
    "interactions",
    "payments",
    "refunds",
    "refunded_tickets",
    "demo_charges",
    "ledger_transactions",
    "ledger_entries",
    "invoices",
    "vouchers",
    "voucher_uses",
    "fees",
    "taxes",
    "booking_attendees",
    "checkins",
    "push_endpoints",
    "push_subscriptions",
    "memberships",
    "waitlist",
    "transfers",
    "sessions",
    "refresh_tokens",
    "audit_trail",
    "ledger_sums",
    "provider_events",
    "event_joins",
];

/// More rows than one event has here, fewer than all have.
const ROWS_MAX: f64 = 2_000.0;

/// Long lists: events in every order, an event and a user with many bookings, and users. Of each hundred events one has a
/// rare category and another a rare status; bookings the same. One event has a single booking that did not expire, and drafts are
/// another organizer's. An account of the ledger has many entries.
const LISTS: &str = "
    do $$ declare t record; begin
        for t in select c.oid::regclass as name from pg_class c
                  where relnamespace = 'seatcast'::regnamespace and relkind = 'r' loop
            execute format('alter table %s disable trigger all', t.name);
        end loop;
    end $$;
    insert into users (id, name, role) select n, 'Buyer ' || n, 'organizer' from generate_series(100001, 110000) n;
    insert into events (id, organizer_id, title, venue, category, starts_at, created_at, capacity, status)
    select n, 100001, 'Event ' || n * 7919 % 10007, 'Hall', case n % 100 when 0 then 'Rare' else 'general' end,
           now() + n * interval '1 hour', now() - n * 7907 % 10009 * interval '1 hour', 400,
           case n % 100 when 1 then 'paused' else 'active' end
      from generate_series(100001, 110000) n;
    insert into turns (event_id, revision) select n, 1 from generate_series(100001, 110000) n;
    insert into ticket_types (id, event_id, name, capacity) select n, n, 'Type', 400 from generate_series(100001, 110000) n;
    insert into pools (id, event_id, kind, name, capacity)
    select n, n, 'event', 'event', 400 from generate_series(100001, 110000) n;
    insert into pools (id, event_id, kind, ticket_type_id, name, capacity)
    select n + 10000, n, 'ticket_type', n, 'type', 400 from generate_series(100001, 110000) n;
    insert into ticket_type_pools select n, pool from generate_series(100001, 110000) n, unnest(array[n, n + 10000]) pool;
    insert into bookings (id, reference, event_id, user_id, status, quantity, total_amount, currency, expires_at, created_at)
    select lpad(to_hex(n), 32, '0')::uuid, 'BK-' || n, case when n < 5000 then 100001 else 100002 + n end,
           case when n < 5000 then 100001 + n else 100001 end,
           case n % 100 when 7 then 'pending' when 17 then 'refunded' else 'confirmed' end, 1, 0, 'EUR',
           now() + interval '1 day', now() - n * interval '1 minute'
      from generate_series(0, 9997) n;
    insert into bookings (id, reference, event_id, status, quantity, total_amount, currency, created_at, ended_at)
    select lpad(to_hex(n), 32, '0')::uuid, 'BK-' || n, 100002, case n when 20000 then 'confirmed' else 'expired' end, 1, 0, 'EUR',
           now() - n * interval '1 minute', now() from generate_series(20000, 24999) n;
    insert into events (id, organizer_id, title, venue, starts_at, created_at, capacity)
    select n, 100002, 'Event ' || n * 7919 % 10007, 'Hall', now() + (2 * n - 120000) * interval '1 hour',
           now() - n * 7907 % 10009 * interval '1 hour', 400
      from generate_series(110001, 115000) n;
    insert into turns (event_id, revision) select n, 1 from generate_series(110001, 115000) n;
    insert into jobs (kind, key, payload, state, expires_at, organization_id)
    select 'email_code', 'job-' || n, '{}', 'needs_review', now() + interval '2 days', 100001 from generate_series(1, 10000) n;
    insert into ledger_accounts (id, organization_id, name, kind, currency) values (100001, 100001, 'cash', 'asset', 'EUR');
    insert into ledger_transactions (id, key, cause, event_id) select n, 'sale:' || n, 'sale', 100001 from generate_series(1, 5000) n;
    insert into ledger_entries (transaction_id, account_id, amount)
    select id, 100001, amount from ledger_transactions, unnest(array[1, -1]) amount;
    do $$ declare t record; begin
        for t in select c.oid::regclass as name from pg_class c
                  where relnamespace = 'seatcast'::regnamespace and relkind = 'r' loop
            execute format('alter table %s enable trigger all', t.name);
        end loop;
    end $$;
    call settle_triggers()";

/// More rows than two pages have here.
const PAGE_ROWS_MAX: f64 = 250.0;

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_scans_what_grows() {
    let explaining = Explaining::start().await;
    let full = explaining.database("filled").await;
    full.client
        .batch_execute(FILL)
        .await
        .expect("a full database");
    let server = full.server();
    let show = full.show().await;
    full.client
        .batch_execute(&past(&show))
        .await
        .expect("a past");
    full.client.batch_execute("analyze").await.unwrap();
    sell(&full.client, &server, &show).await;
    explaining.listen().await;
    sell(&full.client, &server, &show).await;
    let faults: Vec<_> = explaining.faults().await.into_iter().collect();
    server.stop();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_planned_on_empty_tables_scans_what_they_become() {
    let explaining = Explaining::start().await;
    let young = explaining.database("young").await;
    // A statement that runs by the clock comes to its sixth execution in some runs and not in others.
    let settled = "alter database young set plan_cache_mode = force_generic_plan";
    young
        .client
        .batch_execute(settled)
        .await
        .expect("a setting");
    let server = young.server();
    let show = young.show().await;
    // Postgres settles on a statement's generic plan at its sixth execution.
    for _ in 0..6 {
        sell(&young.client, &server, &show).await;
    }
    young.client.batch_execute(GROWTH).await.expect("growth");
    young
        .client
        .batch_execute(&past(&show))
        .await
        .expect("a past");
    explaining.listen().await;
    sell(&young.client, &server, &show).await;
    // Reads of tables by their names are prepared for one execution, so they are planned with their values.
    let is_kept = |fault: &String| !fault.contains("with candidates as materialized");
    let faults: Vec<_> = (explaining.faults().await.into_iter())
        .filter(is_kept)
        .collect();
    server.stop();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// The first page of a list, the next one, and one far down read as many rows, in every order and of what is rare.
/// Only the total is counted, up to its bound.
#[tokio::test(flavor = "multi_thread")]
async fn speed_e_f_h_no_page_reads_more_than_its_rows() {
    let explaining = Explaining::start().await;
    let long = explaining.database("lists").await;
    for sql in [LISTS, "vacuum analyze"] {
        long.client.batch_execute(sql).await.expect("lists");
    }
    let server = long.server();
    let caller = |id: UserId| {
        Caller::new(http_client(), server.url.clone()).with_header("x-user-id", id.to_string())
    };
    let organizer = caller(UserId(100_001));
    let admin = caller(user(&long.client, "admin").await);
    let mut lists = Vec::new();
    for sort in [
        "starts_at",
        "title",
        "created_at",
        "-starts_at",
        "-title",
        "-created_at",
    ] {
        lists.push((&organizer, format!("/events?sort={sort}")));
    }
    for list in [
        "/events?category=rare",
        "/events?sort=-starts_at&category=rare",
        "/events?status=paused",
        "/events?sort=-starts_at&status=paused",
        "/events?q=%C3%89vent%204242",
        "/events/management/view?",
        "/events/doors/view?to=2100-01-01T00:00:00Z",
        "/availability/all/active?",
        "/bookings/mine?",
        "/jobs?state=needs_review",
        "/bookings/event/100001?",
        "/bookings/event/100001?q=ada",
        "/bookings/event/100001?status=pending",
        "/bookings/event/100001?status=refunded",
        "/bookings/event/100002?status=confirmed",
        "/events?status=draft",
        "/ledger/accounts?",
        "/ledger/entries?",
        "/ledger/trial-balance?",
    ] {
        lists.push((&organizer, list.to_owned()));
    }
    lists.push((&admin, "/users?".to_owned()));
    lists.push((&admin, "/jobs?state=needs_review".to_owned()));
    // Rows that are skipped by their number are read, so the way down begins before the plans are written down.
    let mut far = Vec::new();
    for (caller, list) in &lists {
        let path = format!("/api/v1{list}&limit=10&offset=4000");
        let page = caller.get(&path).await;
        page.data(200);
        far.extend(page.next_page().map(|path| (*caller, path)));
    }
    assert!(far.len() > 10, "few lists are long");
    explaining.listen().await;
    for (caller, list) in &lists {
        let page = caller.get(&format!("/api/v1{list}&limit=10")).await;
        page.data(200);
        if let Some(path) = page.next_page() {
            caller.get(&path).await.data(200);
        }
    }
    for (caller, path) in far {
        caller.get(&path).await.data(200);
    }
    // Names of buyers have no index, since they are personal: they are looked for along the bookings of their event.
    let is_search = |fault: &String| {
        fault.contains("lower(concat_ws(' ', c.name, c.email))") && !fault.contains("Seq Scan")
    };
    let faults: Vec<_> = explaining
        .faults_beyond(PAGE_ROWS_MAX)
        .await
        .into_iter()
        .filter(|fault| !is_search(fault))
        .collect();
    server.stop();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Foreign keys are checked by statements of Postgres's own. On our connections, and on empty tables, too, they go by an
/// index that begins with the key.
#[tokio::test]
async fn keys_are_checked_by_their_own_index() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client
        .batch_execute("set enable_seqscan = off")
        .await
        .unwrap();
    let keys = "
        select k.conname::text, k.confrelid::regclass::text, array_agg(a.attname::text order by nth),
               array_agg(format_type(a.atttypid, a.atttypmod) order by nth)
          from pg_constraint k
          cross join unnest(k.confkey) with ordinality as key (column_number, nth)
          join pg_attribute a on a.attrelid = k.confrelid and a.attnum = key.column_number
         where k.contype = 'f' and k.connamespace = current_schema()::regnamespace
         group by k.oid, k.conname, k.confrelid";
    for state in ["new", "emptied"] {
        for key in client.query(keys, &[]).await.expect("foreign keys") {
            let (name, table): (String, String) = (key.get(0), key.get(1));
            let (columns, types): (Vec<String>, Vec<String>) = (key.get(2), key.get(3));
            let conditions = columns.iter().zip(&types).enumerate();
            let conditions: Vec<String> = conditions
                .map(|(nth, (column, _))| format!("{column} = ${}", nth + 1))
                .collect();
            let nulls = vec!["null"; columns.len()].join(", ");
            let plan = format!(
                "set plan_cache_mode = force_generic_plan;
                 prepare checked ({}) as select 1 from only {table} x where {} for key share of x",
                types.join(", "),
                conditions.join(" and ")
            );
            client.batch_execute(&plan).await.expect("a statement");
            let explained = format!("explain (format text) execute checked({nulls})");
            let plan: Vec<String> = client
                .simple_query(&explained)
                .await
                .expect("a plan")
                .into_iter()
                .filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                    _ => None,
                })
                .collect();
            client.batch_execute("deallocate checked").await.unwrap();
            let plan = plan.join("\n");
            // The first column of each key finds one row.
            let by_key = format!("({} = $1)", columns[0]);
            let by_index = plan.contains("Index Cond") && plan.contains(&by_key);
            assert!(by_index, "{name}, tables {state}:\n{plan}");
        }
        client.batch_execute("vacuum").await.expect("a vacuum");
    }
}

/// Everything that buyers, viewers and an organizer do all the time.
async fn sell(client: &Client, server: &ServerProcess, show: &Staged) {
    let buyer = user(client, "customer").await;
    let caller = |id: UserId| {
        Caller::new(http_client(), server.url.clone()).with_header("x-user-id", id.to_string())
    };
    let (mine, organizer) = (caller(buyer), caller(show.organizer));
    let topics = [
        format!("event:{}", show.event),
        format!("seats:{}", show.event),
        format!("user:{buyer}"),
    ];
    let token = format!("dev:{buyer}");
    let mut socket = Socket::connect(server.address(), WireVersion::V2).await;
    for topic in &topics {
        let join = json!({"access_token": token});
        socket.join(topic, join).await;
    }
    let book = async |item: Value| {
        let key = rand::random::<u64>().to_string();
        let buying = caller(buyer).with_header("idempotency-key", key);
        let body = json!({"event_id": show.event, "items": [item]});
        let made = buying.post("/api/v1/bookings", &body).await;
        made.data(201)["id"].as_str().expect("an id").to_owned()
    };
    let units = json!({"ticket_type_id": show.ticket_types[0], "quantity": 2});
    let chosen = json!({"ticket_type_id": show.ticket_types[1], "quantity": 2});
    let free = "/* by hand */ select s.id from seats s where s.event_id = $1 and not exists (select from claims where seat_id = s.id)
                 order by s.id desc limit 1";
    let free: i64 = client
        .query_one(free, &[&show.event])
        .await
        .expect("a seat")
        .get(0);
    let status = |id: &str| format!("/api/v1/bookings/{id}/status");
    for item in [units.clone(), chosen, json!({"seat_id": free})] {
        let id = book(item).await;
        socket.next_on(&topics[0], "update").await;
        mine.get(&format!("/api/v1/bookings/{id}")).await.data(200);
        mine.put(&status(&id), &json!({"status": "cancelled"}))
            .await
            .data(200);
    }
    // Without an account; its address is counted.
    let guest = Caller::new(http_client(), server.url.clone());
    let body = json!({"event_id": show.event, "items": [units]});
    let made = guest.post("/api/v1/bookings", &body).await;
    let id = made.data(201)["id"].as_str().expect("an id").to_owned();
    let token = made.header("x-booking-token").expect("a token").to_owned();
    let guest = guest.with_header("x-booking-token", token);
    guest
        .put(&status(&id), &json!({"status": "cancelled"}))
        .await
        .data(200);
    let wish = json!({"email": format!("{buyer}@example.org")});
    mine.post("/api/v1/email-codes", &wish).await.data(202);
    pay(client, server, show, buyer).await;
    // Confirmed, and one that expires.
    let id = book(units.clone()).await;
    organizer
        .put(
            &status(&id),
            &json!({"status": "confirmed", "paid_by": "cash"}),
        )
        .await
        .data(200);
    mine.put(&status(&id), &json!({"status": "cancelled"}))
        .await
        .data(200);
    let id = book(units).await;
    let pushes = "/api/v1/push/subscriptions";
    let browser = json!({
        "endpoint": format!("https://push.example.org/of-{buyer}"), "kind": "hold_ends", "booking_id": id,
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    });
    let asked = mine.post(pushes, &browser).await.data(201).clone();
    mine.get(&format!("{pushes}/mine")).await.data(200);
    let known = mine
        .clone()
        .with_header("x-push-auth", "BTBZMqHH6r4Tts7J_aSIgg");
    known.get(&format!("{pushes}/mine")).await.data(200);
    mine.delete(&format!("{pushes}/{}", asked["id"]))
        .await
        .data(200);
    let line = format!("/api/v1/events/{}/waitlist", show.event);
    let too_many = json!({"quantity": 10});
    mine.post(&line, &too_many).await;
    mine.get("/api/v1/waitlist/mine").await.data(200);
    organizer.get(&line).await.data(200);
    let other = json!({"items": [{"ticket_type_id": show.ticket_types[0], "quantity": 3}]});
    mine.patch(&format!("/api/v1/bookings/{id}"), &other)
        .await
        .data(200);
    let late = format!("update bookings set expires_at = now() where id = '{id}'");
    client.batch_execute(&late).await.expect("a deadline");
    let expired = async {
        while mine.get(&format!("/api/v1/bookings/{id}")).await.data(200)["status"] != "expired" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), expired)
        .await
        .expect("it expires");
    for path in [
        "/events".to_owned(),
        format!("/events?q=show%20{buyer}"),
        format!("/events/{}", show.event),
        format!("/availability/{}", show.event),
        format!("/availability?event_ids={},100007,100011", show.event),
        "/availability/all/active".to_owned(),
        format!("/events/{}/seats", show.event),
        format!("/events/{}/seatmap", show.event),
        format!("/events/{}/notices", show.event),
        "/bookings/mine".to_owned(),
    ] {
        mine.get(&format!("/api/v1{path}")).await.data(200);
    }
    // Seats of a hidden type, by a code.
    let vouchers = format!("/api/v1/events/{}/vouchers", show.event);
    let code = json!({"code": "SEEN", "kind": "percent", "value": 0, "reveals_hidden": true});
    organizer.post(&vouchers, &code).await;
    let hidden = format!(
        "/api/v1/events/{}/ticket-types/{}",
        show.event, show.ticket_types[1]
    );
    organizer
        .patch(&hidden, &json!({"hidden": true}))
        .await
        .data(200);
    let seats = format!("/api/v1/events/{}/seats?voucher=SEEN", show.event);
    let seats = mine.get(&seats).await;
    assert!(seats.data(200)["revealed"].is_array(), "{}", seats.text);
    organizer
        .patch(&hidden, &json!({"hidden": false}))
        .await
        .data(200);
    for query in [
        format!("event_tickets?event_id=eq.{}", show.event),
        format!(
            "event_tickets?event_id=in.({},100007)&name=like.T*&order=name",
            show.event
        ),
        format!("event_tickets?id=eq.{}", show.ticket_types[0]),
        "event_tickets?limit=10".to_owned(),
        format!("seats?event_id=eq.{}", show.event),
        format!(
            "seats?event_id=eq.{}&position=lt.9&status=neq.sold",
            show.event
        ),
        "seats?limit=10".to_owned(),
        format!("notices?event_id=eq.{}&order=created_at.desc", show.event),
        format!("events?id=eq.{}", show.event),
        "events?status=eq.active&order=starts_at&limit=10".to_owned(),
        "events?order=id.desc&limit=10".to_owned(),
    ] {
        let answer = mine.get(&format!("/rest/v1/{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    }
    for path in [
        format!("/bookings/event/{}", show.event),
        format!("/bookings/event/{}/stats", show.event),
        "/events/management/view".to_owned(),
        format!("/events/{}/analytics?step=hour", show.event),
        format!("/events/{}/funnel", show.event),
        format!("/events/{}/attendees?q=nobody", show.event),
        format!("/events/{}/checkins", show.event),
        format!("/events/{}/checkins?result=void", show.event),
    ] {
        organizer.get(&format!("/api/v1{path}")).await.data(200);
    }
    for table in ["report.csv", "doors.csv"] {
        let path = format!("/api/v1/events/{}/{table}", show.event);
        let answer = organizer.get(&path).await;
        assert!(answer.text.contains("# end, "), "{}", answer.text);
    }
    let edit = json!({"title": format!("Show {buyer}")});
    organizer
        .patch(&format!("/api/v1/events/{}", show.event), &edit)
        .await;
    // Plain SQL of an operator runs the same triggers.
    let by_hand = format!(
        "/* by hand */
         insert into seats (event_id, section_id, ticket_type_id, row_label, number)
         select {0}, min(section_id), min(ticket_type_id), 'X', '{buyer}' from seats where event_id = {0};
         update ticket_types set price_amount = price_amount + 1 where event_id = {0};
         insert into notices (event_id, type, message) values ({0}, 'custom', 'Hear');
         update tickets set status = 'used' where event_id = {0}",
        show.event
    );
    client.batch_execute(&by_hand).await.expect("by hand");
}

/// A sale with a voucher, by a card of the demo's; its ticket opens the door, and another one is given back.
async fn pay(client: &Client, server: &ServerProcess, show: &Staged, buyer: UserId) {
    // Each sale comes from somewhere else, so that all of them fit into the limits of an address on a quick machine.
    let [.., high, middle, low] = buyer.0.to_be_bytes();
    let address = format!("10.{high}.{middle}.{low}");
    let caller = |id: UserId| {
        let caller = Caller::new(http_client(), server.url.clone());
        let caller = caller.with_header("x-user-id", id.to_string());
        caller.with_header("x-forwarded-for", address.clone())
    };
    let (mine, organizer) = (caller(buyer), caller(show.organizer));
    let code = format!("OFF-{buyer}");
    let event = format!("/api/v1/events/{}", show.event);
    let voucher = json!({"code": code, "kind": "percent", "value": 1_000, "reserved": 3, "ticket_type_ids": [show.ticket_types[0]]});
    let vouchers = format!("{event}/vouchers");
    organizer.post(&vouchers, &voucher).await.data(201);
    organizer.get(&vouchers).await.data(200);
    let body = json!({
        "event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[0], "quantity": 2}], "vouchers": [code],
        "contact": {"name": "Ada", "email": format!("ada{buyer}@example.org")}, "attendees": [{"name": "Ada"}],
    });
    mine.post("/api/v1/bookings/quote", &body).await.data(200);
    let held = mine.post("/api/v1/bookings", &body).await;
    let id = held.data(201)["id"].as_str().expect("an id").to_owned();
    let booking = format!("/api/v1/bookings/{id}");
    let wish = json!({"provider": "demo"});
    let began = mine.post(&format!("{booking}/payment"), &wish).await;
    let page = began.data(201)["redirect_url"].as_str().expect("a page");
    let card = b"card=4242424242424242".to_vec();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    mine.send_bytes(Method::POST, page, &form, card).await;
    let paid = format!(
        "/* by hand */ select count(*) > 0 from payments where booking_id = '{id}' and state = 'captured'"
    );
    let captured = async {
        while !client
            .query_one(&paid, &[])
            .await
            .expect("a payment")
            .get::<_, bool>(0)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let captured = tokio::time::timeout(Duration::from_secs(20), captured).await;
    captured.expect("it is paid");
    let sold = mine.get(&booking).await.data(200).clone();
    let codes: Vec<&str> = sold["tickets"]
        .as_array()
        .expect("tickets")
        .iter()
        .filter_map(|ticket| ticket["code"].as_str())
        .collect();
    for path in [
        "/api/v1/tickets/mine".to_owned(),
        "/api/v1/tickets/mine?taken_over=true&limit=1".to_owned(),
        format!("/api/v1/tickets/{}", codes[0]),
        format!("/api/v1/tickets/{}/qr.svg", codes[0]),
        format!("{booking}/tickets.pdf"),
        format!("{booking}/calendar.ics"),
    ] {
        assert_eq!(mine.get(&path).await.status, 200, "{path}");
    }
    let scan = json!({"code": codes[0], "nonce": format!("nonce-of-{buyer}")});
    let admitted = post_in_time(&organizer, "/api/v1/checkins", &scan).await;
    let undo = format!("/api/v1/checkins/{}/undo", admitted.data(200)["id"]);
    post_in_time(&organizer, &undo, &json!({})).await.data(200);
    let back = json!({"ticket_ids": [codes[1]]});
    let refunds = format!("{booking}/refunds");
    post_in_time(&organizer, &refunds, &back).await.data(201);
    for path in [
        refunds,
        format!("{booking}/invoices"),
        format!("{event}/payout"),
        format!("{event}/checkin-bundle"),
        format!("/api/v1/mails?event_id={}", show.event),
        format!(
            "/api/v1/mails?event_id={}&booking_id={}",
            show.event,
            uuid::Uuid::nil()
        ),
        "/api/v1/payments?state=needs_review".to_owned(),
        "/api/v1/jobs?state=needs_review".to_owned(),
    ] {
        let answer = organizer.get(&path).await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
    }
}

/// A Postgres that writes down plans.
struct Explaining {
    postgres: ThrowawayPostgres,
}

struct Database {
    url: String,
    client: Client,
}

impl Explaining {
    /// Nothing is analysed but by the test.
    async fn start() -> Explaining {
        let postgres = ThrowawayPostgres::start().expect("a throw-away Postgres");
        let admin = connect_plainly(postgres.url()).await;
        for sql in [
            "alter system set autovacuum = off",
            "select pg_reload_conf()",
        ] {
            admin.batch_execute(sql).await.expect("a setting");
        }
        Explaining { postgres }
    }

    /// Migrated, and loading `auto_explain` in every session.
    async fn database(&self, name: &str) -> Database {
        let admin = connect_plainly(self.postgres.url()).await;
        admin
            .batch_execute(&format!("create database {name}"))
            .await
            .expect("a database");
        let set = format!("alter database {name} set session_preload_libraries = 'auto_explain'");
        admin.batch_execute(&set).await.expect("a setting");
        let url = self
            .postgres
            .url()
            .replacen("///seatcast?", &format!("///{name}?"), 1);
        let config = seatcast::config::Config::default().database;
        seatcast::store::migrate::migrate(&config, &url)
            .await
            .expect("it migrates");
        let client = connect(&url).await;
        Database { url, client }
    }

    /// From here on plans are written down.
    async fn listen(&self) {
        self.set("auto_explain.log_min_duration", "0").await;
    }

    async fn set(&self, name: &str, value: &str) {
        let admin = connect_plainly(self.postgres.url()).await;
        for (name, value) in [
            ("auto_explain.log_nested_statements", "on"),
            ("auto_explain.log_analyze", "on"),
            ("auto_explain.log_timing", "off"),
            ("auto_explain.log_format", "json"),
            (name, value),
        ] {
            let sql = format!("load 'auto_explain'; alter system set {name} = '{value}'");
            for sql in sql.split(';') {
                admin.batch_execute(sql).await.expect("a setting");
            }
        }
        admin
            .batch_execute("select pg_reload_conf()")
            .await
            .expect("a reload");
        // The postmaster tells the sessions there are when it reads the file, and then makes new ones with it. A session
        // that was told hears of it before its next statement.
        let is_read = async {
            loop {
                let newcomer = connect_plainly(self.postgres.url()).await;
                let shown = format!("load 'auto_explain'; select current_setting('{name}')");
                let shown = newcomer.simple_query(&shown).await.expect("a setting");
                let is_value = |message: &SimpleQueryMessage| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).is_some_and(|now| now == value),
                    _ => false,
                };
                if shown.iter().any(is_value) {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), is_read)
            .await
            .expect("the setting is read");
    }

    /// Faults since it listened. Listens no more.
    async fn faults(&self) -> BTreeSet<String> {
        self.faults_beyond(ROWS_MAX).await
    }

    /// The same where a statement may read so many rows.
    async fn faults_beyond(&self, rows_max: f64) -> BTreeSet<String> {
        self.set("auto_explain.log_min_duration", "-1").await;
        let log = self.postgres.scratch().path().join("postgres/postgres.log");
        let log = std::fs::read_to_string(&log).expect("a log");
        let mut plans = 0;
        let mut faults = BTreeSet::new();
        for part in log.split("  plan:\n").skip(1) {
            let mut documents = serde_json::Deserializer::from_str(part).into_iter::<Value>();
            let Some(Ok(plan)) = documents.next() else {
                continue;
            };
            plans += 1;
            let text = plan["Query Text"].as_str().unwrap_or_default();
            let mut wrong = Vec::new();
            look(&plan["Plan"], rows_max, &mut wrong);
            if !wrong.is_empty() && !is_by_hand(text) {
                faults.insert(format!("{}\n{text}", wrong.join(", ")));
            }
        }
        assert!(plans > 100, "only {plans} plans were written down");
        std::fs::write(
            self.postgres.scratch().path().join("postgres/postgres.log"),
            "",
        )
        .ok();
        faults
    }
}

/// Queries of the test itself, which it marks; the total of a list and the backlog of jobs, which are counted up to a bound;
/// the report of an event, which is of all its bookings.
fn is_by_hand(text: &str) -> bool {
    let is_ours = text.contains("/* by hand */") || text.trim_start().starts_with("analyze");
    is_ours
        || text
            .trim_start()
            .starts_with("select count(*) from (select from ")
        || text.contains("from jobs where state = 'needs_review' limit $1) as review")
        || text.contains("coalesce(b.paid_by, p.means), b.quantity")
}

fn look(plan: &Value, rows_max: f64, wrong: &mut Vec<String>) {
    let table = plan["Relation Name"].as_str().unwrap_or_default();
    let node = plan["Node Type"].as_str().unwrap_or_default();
    let loops = plan["Actual Loops"].as_f64().unwrap_or(1.0);
    let number = |key: &str| plan[key].as_f64().unwrap_or_default() * loops;
    let rows = number("Actual Rows")
        + number("Rows Removed by Filter")
        + number("Rows Removed by Index Recheck");
    if GROWING.contains(&table) && node == "Seq Scan" && loops > 0.0 {
        wrong.push(format!("a full scan of {table}"));
    } else if GROWING.contains(&table) && rows > rows_max {
        wrong.push(format!("{node} of {table} reads {rows} rows"));
    }
    if node.ends_with("Sort") && rows > rows_max {
        wrong.push(format!("{node} of {rows} rows"));
    }
    // It has no relation's name.
    if node == "Bitmap Index Scan" && rows > rows_max {
        let index = plan["Index Name"].as_str().unwrap_or_default();
        wrong.push(format!("{node} of {index} reads {rows} rows"));
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        look(child, rows_max, wrong);
    }
}

/// As a program that heeds `Retry-After`: a quick machine gets here sooner than the limits of writes allow.
async fn post_in_time(caller: &Caller, path: &str, body: &Value) -> Answer {
    loop {
        let answer = caller.post(path, body).await;
        if answer.status != 429 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn connect_plainly(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    client
}

impl Database {
    fn server(&self) -> ServerProcess {
        let proxies = ["--trusted-proxies", "127.0.0.1/32"];
        let database = ["--database-url", &self.url, "--limits", "on"];
        ServerProcess::start(&[database.as_slice(), &proxies].concat())
    }

    /// With units and with seats.
    async fn show(&self) -> Staged {
        let show = Show::new()
            .ticket_type("Floor", 4_500, 500)
            .ticket_type("Seats", 4_500, 100);
        show.row(50).row(50).stage(&self.client).await
    }
}
