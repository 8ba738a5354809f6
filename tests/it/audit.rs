//! Every check of the audit bites: each promise is broken behind the triggers' back, and found.

use std::collections::BTreeSet;

use seatcast::store::audit::{audit, promises};
use tokio_postgres::Client;

use crate::support::database::TestDatabase;
use seatcast::store::prune::OldRows;
use seatcast::ticketing::EventId;

/// Two events; in the first a confirmed booking of two units and a pending one of a seat.
const WORLD: &str = "
    insert into users (id, name) values (2, 'Organizer'), (3, 'Customer');
    insert into events (organizer_id, title, venue, starts_at, capacity)
    values (2, 'Show', 'Hall', now(), 10), (2, 'Other', 'Hall', now(), 10);
    insert into ticket_types (event_id, name, capacity) values (1, 'Floor', 6), (1, 'Seats', 4), (2, 'Other', 5);
    insert into sections (event_id, name) values (1, 'Stalls');
    insert into seats (event_id, section_id, ticket_type_id, row_label, number)
    values (1, 1, 2, 'A', '1'), (1, 1, 2, 'A', '2');
    insert into bookings (id, reference, event_id, user_id, status, quantity, total_amount, currency, expires_at)
    values ('00000000-0000-0000-0000-000000000001', 'BK-1', 1, 3, 'confirmed', 2, 500, 'EUR', null),
           ('00000000-0000-0000-0000-000000000002', 'BK-2', 1, 3, 'pending', 1, 0, 'EUR', now());
    insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
    select id, 1, 3 - quantity, quantity, total_amount / quantity from bookings;
    insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, state)
    values ('00000000-0000-0000-0000-000000000001', 1, 1, null, 2, 'sold'),
           ('00000000-0000-0000-0000-000000000002', 1, 2, 1, 1, 'held');
    insert into tickets (booking_id, event_id, ticket_type_id, code)
    select booking_id, 1, 1, 'TKT-' || n from claims, generate_series(1, 2) n where state = 'sold';
    update bookings set paid_by = 'cash', confirmed_at = now() where status = 'confirmed';
    insert into payments (id, booking_id, event_id, provider, state, amount, currency, captured_amount, refunded_amount)
    select '00000000-0000-0000-0000-000000000009', id, 1, 'offline', 'captured', 500, 'EUR', 500, 200
      from bookings where status = 'confirmed';
    insert into refunds (payment_id, booking_id, event_id, amount, state, key)
    select id, booking_id, event_id, 200, 'succeeded', 'one' from payments;
    select ledger_post('{sale:9,refund:9}', '{sale,refund}', '{2,2}', '{1,1}', array[booking_id, booking_id], array[id, id],
                       '{EUR,EUR}', '{1,1,2,2}', '{money,revenue,money,revenue}', '{asset,income,asset,income}',
                       '{500,-500,-200,200}')
      from payments";

/// The beginning of a promise, and what breaks it.
const BREAKS: &[(&str, &str)] = &[
    ("the counters of a pool", "update pools set sold = sold + 1 where ticket_type_id = 1"),
    ("the numbers of sales over time", "update booking_numbers set sold = sold + 1 where quarter > '-infinity'"),
    ("the revenue of an event", "update refund_numbers set amount = 0"),
    ("the revenue of an event", "update refund_numbers set amount = 199 where quarter > '-infinity'"),
    ("the numbers of tickets sold", "update ticket_numbers set returned = returned + 1 where quarter = '-infinity'"),
    ("nothing is oversold", "alter table pools drop constraint pools_no_oversell; update pools set held = 99 where id = 1"),
    ("every event has one root", "update pools set capacity = capacity + 1 where kind = 'event'"),
    ("every event has one root", "delete from pools where kind = 'event'"),
    ("every ticket type draws on its own", "update ticket_types set capacity = 5 where id = 1"),
    ("every ticket type draws on its own", "delete from ticket_type_pools where ticket_type_id = 2"),
    ("ticket types draw on pools of their own event", "insert into ticket_type_pools values (1, (select max(id) from pools))"),
    ("what is said to be left", "update pools set sold = sold + 6 where kind = 'event' and event_id = 1"),
    ("a seat has one live claim", "drop index claims_one_live_seat;
        insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity)
        select booking_id, event_id, ticket_type_id, seat_id, quantity from claims where seat_id = 1"),
    ("a claimed seat exists", "update seats set blocked = true"),
    ("a claimed seat exists", "delete from seats"),
    ("claims belong to a booking", "update claims set event_id = 2"),
    ("claims belong to a booking", "delete from bookings"),
    ("pending bookings hold", "update bookings set status = 'expired' where quantity = 1"),
    ("pending bookings hold", "update claims set state = 'held'"),
    ("a booking's items", "update booking_items set quantity = 3 where quantity = 2"),
    ("a booking's items", "delete from booking_items"),
    ("a booking's items", "update booking_items set ticket_type_id = 2"),
    ("a booking's total", "update bookings set total_amount = 5 where quantity = 2"),
    ("a booking's total", "delete from bookings"),
    ("a voucher's uses", "insert into vouchers (event_id, code, kind, value, uses) values (1, 'SUMMER', 'percent', 100, 3)"),
    ("the counters of a pool", "insert into vouchers (event_id, code, kind, value, reserved, reserve_open, ticket_type_ids)
        values (1, 'KEPT', 'percent', 0, 3, true, '{1}')"),
    ("what bearers have taken", "insert into vouchers (event_id, code, kind, value, reserved, reserved_taken, ticket_type_ids)
        values (1, 'KEPT', 'percent', 0, 3, 3, '{1}')"),
    ("what bearers have taken", "insert into vouchers (id, event_id, code, kind, value, reserved, reserved_taken, ticket_type_ids)
        values (7, 1, 'KEPT', 'percent', 0, 3, 2, '{1}'); update claims set voucher_id = 7 where quantity = 2"),
    ("what bearers have taken", "update claims set voucher_id = 7"),
    ("a voucher whose window has ended", "insert into vouchers (event_id, code, kind, value, reserved, reserve_open, valid_to, ticket_type_ids)
        values (1, 'KEPT', 'percent', 0, 3, true, now() - interval '1 hour', '{1}')"),
    ("a confirmed booking has a ticket", "delete from tickets where code = 'TKT-1'"),
    ("a confirmed booking has a ticket", "update tickets set seat_id = 2"),
    ("a user has one pending", "drop index bookings_one_pending; update bookings set status = 'pending', expires_at = now()"),
    ("an event's revision", "delete from changes where revision = 2 and event_id = 2"),
    ("an event's revision", "update turns set revision = 99"),
    ("an event's picture", "update turns set seat_count = 9 where event_id = 1"),
    ("an event's turn says", "update ticket_types set hidden = true where id = 1"),
    ("a ticket type with seats", "update ticket_types set seated = true where id = 1"),
    ("a ticket type with seats", "update pools set blocked = 1 where ticket_type_id = 2"),
    ("ticket types with seats are claimed by the seat", "update claims set ticket_type_id = 2, quantity = 1 where quantity = 2"),
    ("an event has no more seats", "update events set capacity = 1"),
    ("an event's log", "delete from changes where revision = 3"),
    ("money that was taken", "update bookings set paid_by = null"),
    ("money that was taken", "update bookings set confirmed_at = null"),
    ("a booking that is confirmed by a payment", "update bookings set payment_id = (select id from payments) where quantity = 2;
        update payments set state = 'canceled'"),
    ("nothing is sold to money that went back", "update bookings set payment_id = (select id from payments) where quantity = 2;
        update refunds set key = 'late:' || payment_id"),
    ("the refunds of a payment", "update refunds set amount = 201"),
    ("the refunds of a payment", "delete from refunds"),
    ("a ticket goes back by one refund", "update refunds set tickets = '{TKT-1,TKT-1}'"),
    ("a ticket goes back by one refund", "insert into refunded_tickets select 'TKT-1', id from refunds"),
    ("every transaction of the ledger has entries", "delete from ledger_entries where amount = -500"),
    ("every transaction of the ledger has entries", "delete from ledger_entries"),
    ("the sums of each account of the ledger", "update ledger_sums set debits = debits + 1"),
    ("the ledger says of each payment", "update payments set captured_amount = 501"),
    ("the ledger says of each payment", "update refunds set state = 'pending'"),
    ("the ledger says of each payment", "delete from refunds; delete from payments"),
    ("the ledger has the fee that the organizer pays", "update bookings set absorbed_fee_amount = 5"),
    ("money that moved without us", "select ledger_post('{foreign:9}', '{foreign_refund}', '{2}', '{1}', array[booking_id], array[id],
        '{EUR}', '{1,1}', '{unexplained movements,money}', '{expense,asset}', '{5,-5}') from payments"),
    ("every sale and refund of the ledger", "delete from invoices where kind = 'credit_note'"),
    ("invoices and credit notes are numbered", "update invoices set number = 2 where kind = 'invoice'"),
    ("invoices and credit notes are numbered", "insert into invoice_counters values (2, 2026, 'invoice', 1)"),
    ("replaying", "update events set title = 'Tampered'"),
    ("replaying", "update changes set payload = payload - 'seats'"),
    ("replaying", "insert into notices (event_id, type, message) values (1, 'custom', 'unheard')"),
    ("replaying", "delete from events where id = 2; delete from ticket_types where id = 3; delete from pools where event_id = 2;
        delete from turns where event_id = 2; delete from ticket_type_pools where ticket_type_id = 3"),
];

#[tokio::test]
async fn every_broken_promise_is_found() {
    for (promise, tampering) in BREAKS {
        let database = TestDatabase::new().await;
        let client = database.client().await;
        client.batch_execute(WORLD).await.unwrap();
        behind_the_triggers(&client, tampering).await;
        let found = found(&database).await;
        let noticed = found.iter().any(|found| found.starts_with(promise));
        assert!(noticed, "{tampering}: found only {found:?}");
    }
}

#[test]
fn every_promise_is_broken_by_a_test() {
    for promise in promises() {
        let broken = BREAKS.iter().any(|(start, _)| promise.starts_with(start));
        assert!(broken, "nothing breaks «{promise}»");
    }
}

/// Old changes go, the newest stays: whoever fell behind meets a gap, and the audit is content.
#[tokio::test]
async fn a_pruned_log_has_an_end_and_no_gaps() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client.batch_execute(WORLD).await.unwrap();
    client
        .batch_execute("update changes set at = at - interval '2 days'")
        .await
        .unwrap();
    let store = database.store().await;
    let logged = store
        .changes_after(&[(EventId(1), 0), (EventId(2), 0)], 100)
        .await
        .unwrap();
    let ends: Vec<u64> = [1, 2]
        .map(|id| logged.iter().filter(|row| row.0 == EventId(id)).count() as u64)
        .to_vec();
    assert_eq!(store.prune(OldRows::Changes, 72, 100).await.unwrap(), 0);
    assert_eq!(store.prune(OldRows::Changes, 24, 1).await.unwrap(), 1);
    let pruned = store.prune(OldRows::Changes, 24, 100).await.unwrap();
    assert_eq!(pruned, logged.len() as u64 - 3);
    let rest = store
        .changes_after(&[(EventId(1), 1), (EventId(2), 1)], 100)
        .await
        .unwrap();
    let revisions: Vec<_> = rest.iter().map(|(id, delta)| (*id, delta.to)).collect();
    assert_eq!(revisions, [(EventId(1), ends[0]), (EventId(2), ends[1])]);
    let live = store.live_event(EventId(1), 100).await.unwrap().unwrap();
    assert_eq!(live.recent.len(), 1);
    assert!(found(&database).await.is_empty());
}

/// As an owner can, and a bad restore does.
async fn behind_the_triggers(client: &Client, tampering: &str) {
    let off = "do $$ declare t regclass; begin
                   for t in select oid from pg_class where relnamespace = 'seatcast'::regnamespace and relkind = 'r' loop
                       execute format('alter table %s disable trigger all', t);
                   end loop;
               end $$";
    let sql = format!("{off}; {tampering}");
    client.batch_execute(&sql).await.unwrap();
}

async fn found(database: &TestDatabase) -> BTreeSet<&'static str> {
    let report = audit(&database.store().await).await.unwrap();
    report.findings.iter().map(|found| found.promise).collect()
}
