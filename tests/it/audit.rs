//! Every check of the audit bites: each promise is broken behind the triggers' back, and found.

use futures_util::{StreamExt, stream};
use seatcast::store::audit::{Finding, audit, promises};
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
    insert into refunds (id, payment_id, booking_id, event_id, amount, state, key)
    select '00000000-0000-0000-0000-000000000008', id, booking_id, event_id, 200, 'succeeded', 'one' from payments;
    select ledger_post('{sale:9,refund:00000000-0000-0000-0000-000000000008}', '{sale,refund}', '{2,2}', '{1,1}',
                       array[booking_id, booking_id], array[id, id],
                       '{EUR,EUR}', '{1,1,2,2}', '{money,revenue,money,revenue}', '{asset,income,asset,income}',
                       '{500,-500,-200,200}')
      from payments";

/// The beginning of a promise, a part of the line that names the broken row, and what breaks it.
const BREAKS: &[(&str, &str, &str)] = &[
    ("the counters of a pool", "sold 3, claims and vouchers held 0 sold 2", "update pools set sold = sold + 1 where ticket_type_id = 1"),
    ("the counters of a pool", "held 0 sold 2, claims and vouchers held 3 sold 2",
        "insert into vouchers (event_id, code, kind, value, reserved, reserve_open, ticket_type_ids)
        values (1, 'KEPT', 'percent', 0, 3, true, '{1}')"),
    ("the numbers of sales over time", "quarter 20", "update booking_numbers set sold = sold + 1 where quarter > '-infinity'"),
    ("the numbers of sales over time", "quarter -infinity", "update booking_numbers set made = made + 1 where quarter = '-infinity'"),
    ("the revenue of an event", "kept 500, by quarters 500; the ledger has 300", "update refund_numbers set amount = 0"),
    ("the revenue of an event", "kept 300, by quarters 301", "update refund_numbers set amount = 199 where quarter > '-infinity'"),
    ("the revenue of an event", "unpaid bookings 70",
        "insert into bookings (reference, event_id, status, quantity, total_amount, currency, confirmed_at)
        values ('BK-3', 1, 'confirmed', 1, 70, 'EUR', now())"),
    ("the numbers of tickets sold", "kept 1, by quarters 2", "update ticket_numbers set returned = returned + 1 where quarter = '-infinity'"),
    ("the numbers of tickets sold", "kept 2, by quarters 1", "update ticket_numbers set returned = returned + 1 where quarter > '-infinity'"),
    ("nothing is oversold", "held 99", "alter table pools drop constraint pools_no_oversell; update pools set held = 99 where id = 1"),
    ("every event has one root", "event 1 of capacity 10: root pools {11}", "update pools set capacity = capacity + 1 where kind = 'event'"),
    ("every event has one root", "root pools {}", "delete from pools where kind = 'event'"),
    ("every ticket type draws on its own", "ticket type 1 of capacity 5", "update ticket_types set capacity = 5 where id = 1"),
    ("every ticket type draws on its own", "linked to it t, to the root f",
        "delete from ticket_type_pools where pool_id in (select id from pools where kind = 'event')"),
    ("every ticket type draws on its own", "linked to it f, to the root t",
        "delete from ticket_type_pools where pool_id in (select id from pools where kind = 'ticket_type')"),
    ("ticket types draw on pools of their own event", "ticket type 1 of event 1 draws on pool 5 (ticket_type) of event 2",
        "insert into ticket_type_pools values (1, (select max(id) from pools))"),
    ("ticket types draw on pools of their own event", "(ticket_type) of event 1",
        "insert into ticket_type_pools select 1, id from pools where ticket_type_id = 2"),
    ("what is said to be left", "ticket type 1: ", "update pools set sold = sold + 6 where kind = 'event' and event_id = 1"),
    ("a seat has one live claim", "seat 1: live claims {2,3}", "drop index claims_one_live_seat;
        insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity)
        select booking_id, event_id, ticket_type_id, seat_id, quantity from claims where seat_id = 1"),
    ("a claimed seat exists", "seat of event 1, ticket type 2, blocked t", "update seats set blocked = true"),
    ("a claimed seat exists", "seat of event ,", "delete from seats"),
    ("a claimed seat exists", "seat of event 2", "update seats set event_id = 2"),
    ("a claimed seat exists", "ticket type 1, blocked f", "update seats set ticket_type_id = 1"),
    ("a claimed seat exists", "claim 2 of event 1", "alter table claims drop constraint claims_seat_is_one;
        update claims set quantity = 2 where seat_id = 1"),
    ("claims belong to a booking", "booking of event 1, ticket type of event 1", "update claims set event_id = 2"),
    ("claims belong to a booking", "booking of event , ticket type of event 1", "delete from bookings"),
    ("claims belong to a booking", "booking of event 1, ticket type of event 2", "update ticket_types set event_id = 2"),
    ("pending bookings hold", "expired) of 1: claims held 1", "update bookings set status = 'expired' where quantity = 1"),
    ("pending bookings hold", "confirmed) of 2: claims held 2, sold 0", "update claims set state = 'held'"),
    ("pending bookings hold", "confirmed) of 2: claims held 0, sold 2", "update tickets set status = 'void' where code = 'TKT-1'"),
    ("a booking's items", "of 2: its items say 3", "update booking_items set quantity = 3 where quantity = 2"),
    ("a booking's items", "of 2: its items say 0", "delete from booking_items"),
    ("a booking's items", "booking BK-1, ticket type 2: 2 items, 0 claims", "update booking_items set ticket_type_id = 2"),
    ("a booking's total", "booking BK-1 of 5: its lines say 500", "update bookings set total_amount = 5 where quantity = 2"),
    ("a booking's total", "does not exist, has 1 lines", "delete from bookings"),
    ("a booking's total", "does not exist, has a contact", "insert into booking_contacts (booking_id) values (gen_random_uuid())"),
    ("a voucher's uses", "3 uses, 0 live", "insert into vouchers (event_id, code, kind, value, uses) values (1, 'SUMMER', 'percent', 100, 3)"),
    ("a voucher's uses", "does not exist, uses voucher 7", "insert into voucher_uses (booking_id, voucher_id, position)
        values (gen_random_uuid(), 7, 1)"),
    ("what bearers have taken", "3 taken, claims of 0",
        "insert into vouchers (event_id, code, kind, value, reserved, reserved_taken, ticket_type_ids)
        values (1, 'KEPT', 'percent', 0, 3, 3, '{1}')"),
    ("what bearers have taken", "on what voucher 7 sets aside",
        "insert into vouchers (id, event_id, code, kind, value, reserved, reserved_taken, ticket_type_ids)
        values (7, 1, 'KEPT', 'percent', 0, 3, 2, '{1}'); update claims set voucher_id = 7 where quantity = 2"),
    ("what bearers have taken", "voucher 7:  taken, claims of 3", "update claims set voucher_id = 7"),
    ("a voucher whose window has ended", "3 are set aside",
        "insert into vouchers (event_id, code, kind, value, reserved, reserve_open, valid_to, ticket_type_ids)
        values (1, 'KEPT', 'percent', 0, 3, true, now() - interval '1 hour', '{1}')"),
    ("a confirmed booking has a ticket", "seat : 2 sold, 1 tickets", "delete from tickets where code = 'TKT-1'"),
    ("a confirmed booking has a ticket", "seat 2: 0 sold, 2 tickets", "update tickets set seat_id = 2"),
    ("a confirmed booking has a ticket", "(cancelled), ticket type 1, seat : 0 sold, 2 tickets",
        "update tickets set status = 'used'; update claims set state = 'dead'; update bookings set status = 'cancelled'"),
    ("a user has one pending", "user 3, event 1: 2 pending",
        "drop index bookings_one_pending; update bookings set status = 'pending', expires_at = now()"),
    ("an event's revision", "event 2: revision 2, log ends at 1", "delete from changes where revision = 2 and event_id = 2"),
    ("an event's revision", "revision 99", "update turns set revision = 99"),
    ("an event's revision", "event 2: revision , log", "delete from turns where event_id = 2"),
    ("an event's picture", "9 places", "update turns set seat_count = 9 where event_id = 1"),
    ("an event's turn says", "event 1: hides f", "update ticket_types set hidden = true where id = 1"),
    ("a ticket type with seats", "(seated: t): capacity 6, blocked 0; seats 0", "update ticket_types set seated = true where id = 1"),
    ("a ticket type with seats", "capacity 3, blocked 0; seats 2", "update ticket_types set capacity = 3 where id = 2"),
    ("a ticket type with seats", "blocked 1; seats 2, of which blocked 0", "update pools set blocked = 1 where ticket_type_id = 2"),
    ("ticket types with seats are claimed by the seat", "claim 1 on seat , ticket type 2 of event 1 (seated: t)",
        "update claims set ticket_type_id = 2, quantity = 1 where quantity = 2"),
    ("ticket types with seats are claimed by the seat", "claim 2 on seat 1, ticket type 1 of event 1 (seated: f)",
        "update claims set ticket_type_id = 1"),
    ("an event has no more seats", "event 1 of capacity 1: seats 2", "update events set capacity = 1"),
    ("an event's log", "nothing between revision 2 and 4", "delete from changes where revision = 3"),
    ("money that was taken", "(confirmed): captured 500", "update bookings set paid_by = null"),
    ("money that was taken", "(confirmed): captured 500", "update bookings set confirmed_at = null"),
    ("money that was taken", "(confirmed): captured 500", "update payments set provider = 'demo'"),
    ("a booking that is confirmed by a payment", "is canceled",
        "update bookings set payment_id = (select id from payments) where quantity = 2; update payments set state = 'canceled'"),
    ("a booking that is confirmed by a payment", "is failed",
        "update bookings set payment_id = (select id from payments) where quantity = 2; update payments set state = 'failed'"),
    ("nothing is sold to money that went back", "200 of it goes back",
        "update bookings set payment_id = (select id from payments) where quantity = 2; update refunds set key = 'late:' || payment_id"),
    ("the refunds of a payment", "refunded 200, refunds 201", "update refunds set amount = 201"),
    ("the refunds of a payment", "refunded 200, refunds 0", "delete from refunds"),
    ("the refunds of a payment", "captured 100, refunded 200, refunds 200",
        "alter table payments drop constraint payments_refunds_covered; update payments set captured_amount = 100"),
    ("a ticket goes back by one refund", "given back 2 times, kept 0", "update refunds set tickets = '{TKT-1,TKT-1}'"),
    ("a ticket goes back by one refund", "given back 0 times, kept 1", "insert into refunded_tickets select 'TKT-1', id from refunds"),
    ("a ticket goes back by one refund", "given back 1 times, kept 0", "update refunds set tickets = '{TKT-1}'"),
    ("every transaction of the ledger has entries", "entries 1, off by 500", "delete from ledger_entries where amount = -500"),
    ("every transaction of the ledger has entries", "entries 0, off by 0", "delete from ledger_entries"),
    ("the sums of each account of the ledger", "entries of 500 and 200, sums of 501 and 200",
        "update ledger_sums set debits = debits + 1"),
    ("the sums of each account of the ledger", "entries of 500 and 200, sums of  and ", "delete from ledger_sums"),
    ("the ledger says of each payment", "captured 501, fee 0, given back 200; in the ledger 300",
        "update payments set captured_amount = 501"),
    ("the ledger says of each payment", "captured 500, fee 0, given back 0; in the ledger 300", "update refunds set state = 'pending'"),
    ("the ledger says of each payment", "captured , fee , given back 0; in the ledger 300", "delete from refunds; delete from payments"),
    ("the ledger has the fee that the organizer pays", "fee 5, in the ledger 0", "update bookings set absorbed_fee_amount = 5"),
    ("money that moved without us", "5 to be explained",
        "select ledger_post('{foreign:9}', '{foreign_refund}', '{2}', '{1}', array[booking_id], array[id],
        '{EUR}', '{1,1}', '{unexplained movements,money}', '{expense,asset}', '{5,-5}') from payments"),
    ("every sale and refund of the ledger", "): none", "delete from invoices where kind = 'credit_note'"),
    ("every sale and refund of the ledger", "(sale:9): credit_note", "update invoices set kind = 'credit_note'"),
    ("invoices and credit notes are numbered", "1 numbers, the last 2, the counter 0", "update invoices set number = 2 where kind = 'invoice'"),
    ("invoices and credit notes are numbered", "0 numbers, the last 0, the counter 1",
        "insert into invoice_counters values (2, 2026, 'invoice', 1)"),
    ("invoices and credit notes are numbered", "2 numbers, the last 2, the counter 2",
        "drop index invoices_number_unique; update invoices set kind = 'invoice', number = 2;
        insert into invoice_counters select distinct organization_id, year, kind, 2 from invoices"),
    ("a ticket is used by one", "(used)", "update tickets set status = 'used' where code = 'TKT-1'"),
    ("a ticket is used by one", "(valid) of booking 00000000-0000-0000-0000-000000000001: admitted 1 times",
        "insert into checkins (event_id, ticket_id, nonce, shown_hash, scanned_at, result)
        select 1, 1, 'nonce-01', sha256('1'), now(), 'admitted'"),
    ("a ticket is used by one", "(void) of booking 00000000-0000-0000-0000-000000000001: admitted 2 times",
        "drop index checkins_one_admission; update tickets set status = 'void';
        insert into checkins (event_id, ticket_id, nonce, shown_hash, scanned_at, result)
        select 1, 1, 'nonce-0' || n, sha256('1'), now(), 'admitted' from generate_series(1, 2) n"),
    ("a ticket is used by one", "of event 2: it admitted ticket 1 of event 1",
        "update tickets set status = 'used' where id = 1;
        insert into checkins (event_id, ticket_id, nonce, shown_hash, scanned_at, result)
        select 2, 1, 'nonce-01', sha256('1'), now(), 'admitted'"),
    ("a ticket was handed on", "ticket 1 (valid) of generation 1: 1 offers accepted, holder f",
        "insert into transfers (ticket_id, event_id, state, generation, ended_at) values (1, 1, 'accepted', 1, now())"),
    ("a ticket was handed on", "ticket 1 (transferred) of generation 2: 0 offers accepted, holder t",
        "update tickets set status = 'transferred', generation = 2; insert into ticket_holders (ticket_id, code) values (1, 'H')"),
    ("a ticket was handed on", "ticket 1 (valid) of generation 1: 0 offers accepted, holder t",
        "insert into ticket_holders (ticket_id, code) values (1, 'H')"),
    ("a ticket was handed on", "ticket 1 (valid) of generation 2: 1 offers accepted, holder t",
        "update tickets set generation = 2 where id = 1; insert into ticket_holders (ticket_id, code) values (1, 'H');
        insert into transfers (ticket_id, event_id, state, generation, ended_at) values (1, 1, 'accepted', 1, now())"),
    ("a ticket was handed on", "ticket 1 (transferred) of generation 1: 0 offers accepted, holder f",
        "update tickets set status = 'transferred'"),
    ("an offer that waits", "generation 1: ticket 1 (void)",
        "insert into transfers (ticket_id, event_id, generation) values (1, 1, 1); update tickets set status = 'void'"),
    ("an offer that waits", "generation 2: ticket 1 (valid) is of generation 1",
        "insert into transfers (ticket_id, event_id, generation) values (1, 1, 2)"),
    ("an offer that waits", "(pending): recipient known f", "insert into transfers (ticket_id, event_id, generation) values (1, 1, 1)"),
    ("an offer that waits", "(cancelled): recipient known t",
        "insert into transfers (ticket_id, event_id, state, generation, ended_at) values (1, 1, 'cancelled', 1, now());
        insert into transfer_contacts (transfer_id, name, email) select id, 'Bo', 'bo@example.org' from transfers"),
    ("a confirmed booking that costs", "booking BK-1", "update bookings set paid_by = null"),
    ("attempts to pay, refunds", "of event 1 in EUR: booking BK-1 of event 1 in SEK", "update bookings set currency = 'SEK'"),
    ("attempts to pay, refunds", "of event 2 in EUR: booking BK-1 of event 1", "update payments set event_id = 2"),
    ("attempts to pay, refunds", "refund 00000000-0000-0000-0000-000000000008 of booking 00000000-0000-0000-0000-000000000002",
        "update refunds set booking_id = '00000000-0000-0000-0000-000000000002'"),
    ("attempts to pay, refunds", "dispute dp of event 2", "insert into disputes (provider, provider_ref, payment_id, event_id, amount)
        select 'stripe', 'dp', id, 2, 1 from payments"),
    ("attempts to pay, refunds", "(sale:9) of booking 00000000-0000-0000-0000-000000000001, event 2",
        "update ledger_transactions set event_id = 2"),
    ("a payment that waits for a person", "no reason", "update payments set state = 'needs_review'"),
    ("a refund is in the ledger", "(succeeded) of 201: in the ledger 200", "update refunds set amount = 201"),
    ("a refund is in the ledger", "(failed) of 200: in the ledger 200", "update refunds set state = 'failed'"),
    ("a refund is in the ledger", "(gone) of 0: in the ledger 200", "delete from refunds"),
    ("a refund is in the ledger", "(succeeded) of 100: in the ledger 0",
        "insert into refunds (payment_id, booking_id, event_id, amount, state, key)
        select id, booking_id, event_id, 100, 'succeeded', 'foreign:stripe:re' from payments"),
    ("the disputed money", "disputed 0 in the ledger; its disputes say 9 at least, 9 at most",
        "insert into disputes (provider, provider_ref, payment_id, event_id, amount, state, updated_at)
        select 'stripe', 'dp', id, 1, 9, 'lost', now() - interval '2 days' from payments"),
    ("the disputed money", "disputed 9 in the ledger; its disputes say 0 at least, 0 at most",
        "insert into disputes (provider, provider_ref, payment_id, event_id, amount, state, updated_at)
        select 'stripe', 'dp', id, 1, 9, 'won', now() - interval '2 days' from payments;
        select ledger_post('{dispute:9}', '{dispute}', '{2}', '{1}', array[booking_id], array[id],
        '{EUR}', '{1,1}', '{disputed money,money}', '{expense,asset}', '{9,-9}') from payments"),
    ("a job goes on with every attempt", "it is authorized, and has no job", "update payments set state = 'authorized'"),
    ("a job goes on with every attempt", "it is pending, and has no job", "update refunds set state = 'pending';
        insert into jobs (kind, key, payload, state, expires_at) select 'refund', 'refund:' || id, '{}', 'done', now() from refunds"),
    ("a job ends what is left of a cancelled event", "booking BK-1 is confirmed", "update events set status = 'cancelled'"),
    ("a job ends what is left of a cancelled event", "has 300 left", "update events set status = 'cancelled'"),
    ("a job whose node was lost", "(a): leased until",
        "insert into jobs (kind, key, payload, state, lease_until, expires_at)
        values ('a', 'a', '{}', 'leased', now() - interval '1 hour', now()), ('b', 'b', '{}', 'leased', now(), now())"),
    ("a job whose node was lost", "(a): leased until",
        "update bookings set status = 'expired', ended_at = now() - interval '2 minutes' where quantity = 1;
        insert into jobs (kind, key, payload, state, lease_until, expires_at)
        values ('a', 'a', '{}', 'leased', now() - interval '1 hour', now())"),
    ("a hold ends within a minute", "booking BK-2",
        "update bookings set expires_at = now() - interval '1 hour', updated_at = now() - interval '1 hour' where quantity = 1;
        insert into bookings (reference, event_id, status, quantity, total_amount, currency, ended_at)
        values ('BK-3', 1, 'expired', 1, 0, 'EUR', now() - interval '2 minutes')"),
    ("what somebody on the waitlist", "place 1 (offered) of user 3, event 1: booking BK-2 (checkout, pending)",
        "insert into waitlist (event_id, user_id, quantity, status, booking_id)
        select 1, 3, 1, 'offered', id from bookings where quantity = 1"),
    ("what somebody on the waitlist", "place 1 (accepted) of user 3, event 1: booking BK-2 (offer, pending)",
        "update bookings set kind = 'offer' where quantity = 1; insert into waitlist (event_id, user_id, quantity, status, booking_id)
        select 1, 3, 1, 'accepted', id from bookings where quantity = 1"),
    ("what somebody on the waitlist", "place 1 (offered) of user 2",
        "update bookings set kind = 'offer' where quantity = 1; insert into waitlist (event_id, user_id, quantity, status, booking_id)
        select 1, 2, 1, 'offered', id from bookings where quantity = 1"),
    ("what somebody on the waitlist", "booking BK-2 of event 1: offered to 0", "update bookings set kind = 'offer' where quantity = 1"),
    ("what somebody on the waitlist", "booking BK-2 of event 1: offered to 2",
        "update bookings set kind = 'offer' where quantity = 1; drop index waitlist_one;
        insert into waitlist (event_id, user_id, quantity, status, booking_id)
        select 1, 3, 1, 'offered', id from bookings, generate_series(1, 2) where quantity = 1"),
    ("replaying", "event 1, fields", "update events set title = 'Tampered'"),
    ("replaying", "event 1, seats: the log says 0, the tables 2", "update changes set payload = payload - 'layout'"),
    ("replaying", "event 1, seat at 0", "update changes set payload = payload - 'seats'"),
    ("replaying", "event 1, notice 1: the log says None", "insert into notices (event_id, type, message) values (1, 'custom', 'unheard')"),
    ("replaying", "event 1, ticket type 1", "update ticket_types set name = 'Tampered'"),
    ("replaying", "event 1, revision", "update turns set revision = 99"),
    ("replaying", "event 2: there, and its log says deleted", "update changes set payload = '{\"deleted\": true}'"),
    ("replaying", "event 2: there, and its log has no beginning", "update changes set payload = payload - 'event'"),
    ("replaying", "event 2: gone, and its log does not say so",
        "delete from events where id = 2; delete from ticket_types where id = 3; delete from pools where event_id = 2;
        delete from turns where event_id = 2; delete from ticket_type_pools where ticket_type_id = 3"),
    // Old changes were dropped.
    ("replaying", "event 1, ticket type 1", "delete from changes where revision = 1; update ticket_types set name = 'Tampered'"),
    ("replaying", "event 1, seat at 0: the log says Some(Held)",
        "delete from changes where revision = 1; update claims set state = 'sold'"),
    ("replaying", "event 1, seat at 1: the log says Some(Available)",
        "delete from changes where revision = 1; update seats set blocked = true"),
    ("replaying", "event 1, seats: the log says 2, the tables 3",
        "delete from changes where revision = 1; update turns set seat_count = 3"),
    ("replaying", "event 1, layout", "delete from changes where revision = 1; update changes set payload = payload - 'event'; update turns set layout = layout + 1"),
    ("replaying", "event 1, revision", "delete from changes where revision = 1; update turns set revision = 99"),
    ("replaying", "event 1, fields", "delete from changes where revision = 1;
        update changes c set payload = jsonb_build_object('event', event_json(e, t.layout) || '{\"title\": \"Old\"}')
          from turns t join events e on e.id = t.event_id where (c.event_id, c.revision) = (t.event_id, t.revision)"),
    ("replaying", "event 1, notice 7: the log says None", "delete from changes where revision = 1;
        insert into notices (id, event_id, type, message) values (7, 1, 'custom', 'back');
        update changes c set payload = '{\"notices\": [{\"op\": \"delete\", \"id\": 7}]}'
          from turns t where (c.event_id, c.revision) = (t.event_id, t.revision)"),
    ("replaying", "event 2: there, and its log says deleted",
        "delete from changes where revision = 1; update changes set payload = '{\"deleted\": true}'"),
    ("replaying", "event 2: gone, and its log does not say so", "delete from changes where revision = 1;
        update changes c set payload = jsonb_build_object('event', event_json(e, 0)) from events e where e.id = c.event_id;
        delete from events where id = 2; delete from ticket_types where id = 3; delete from pools where event_id = 2;
        delete from turns where event_id = 2; delete from ticket_type_pools where ticket_type_id = 3"),
];

/// States that are under way, have ended, or were dropped as old: they break nothing.
const SOUND: &[&str] = &[
    "delete from changes where revision = 1",
    "delete from changes c where revision < (select max(revision) from changes where event_id = c.event_id)",
    "update events set title = 'Another', deleted_at = now() where id = 2;
     update ticket_types set name = 'Unseen' where event_id = 2;
     update events set deleted_at = null where id = 2;
     delete from changes where event_id = 2 and revision < 3",
    "update seats set blocked = true where id = 2; delete from changes where event_id = 1 and revision < 5;
     insert into seats (event_id, section_id, ticket_type_id, row_label, number) values (1, 1, 2, 'A', '3')",
    // A buyer pays, and a person has dropped the work for another one.
    "insert into payments (booking_id, event_id, provider, amount, currency)
     select id, event_id, 'demo', 1, 'EUR' from bookings where status = 'pending';
     insert into jobs (kind, key, payload, state, expires_at)
     select 'payment', 'payment:' || id, '{}', 'needs_review', now() from payments where state = 'creating'",
    "insert into payments (booking_id, event_id, provider, amount, currency)
     select id, event_id, 'demo', 1, 'EUR' from bookings where status = 'pending';
     insert into audit_trail (action, object, detail)
     select 'job given up', 'job:1', jsonb_build_object('kind', 'payment', 'key', 'payment:' || id) from payments where state = 'creating'",
    "update payments set refunded_amount = 300;
     insert into refunds (id, payment_id, booking_id, event_id, amount, key)
     select '00000000-0000-0000-0000-000000000007', id, booking_id, event_id, 100, 'two' from payments;
     insert into jobs (kind, key, payload, expires_at)
     values ('refund', 'refund:00000000-0000-0000-0000-000000000007', '{}', now())",
    "update events set status = 'cancelled' where id = 1",
    // Cancelled for the second time, soon after the first one came to its end.
    "update events set status = 'cancelled' where id = 1; update jobs set state = 'done' where kind = 'event_refunds';
     update events set status = 'active' where id = 1; update events set status = 'cancelled' where id = 1",
    "update events set status = 'cancelled' where id = 1;
     update bookings set status = 'cancelled'; update claims set state = 'dead' where state <> 'dead'; update tickets set status = 'void';
     update jobs set state = 'done' where kind = 'event_refunds';
     insert into jobs (kind, key, payload, expires_at) select 'give_back', 'give-back:' || booking_id, '{}', now() from payments",
    // No server has run since, or it has just begun to.
    "update bookings set expires_at = now() - interval '1 hour' where status = 'pending';
     insert into jobs (kind, key, payload, state, lease_until, expires_at)
     values ('a', 'a', '{}', 'leased', now() - interval '1 hour', now())",
    "insert into bookings (reference, event_id, quantity, total_amount, currency, expires_at)
     values ('BK-3', 1, 1, 0, 'EUR', now());
     insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
     select id, 1, 1, 1, 0 from bookings where reference = 'BK-3';
     update bookings set expires_at = now() - interval '1 hour' where reference = 'BK-2';
     update bookings set status = 'expired' where reference = 'BK-3'",
    "update tickets set status = 'used' where id = 1;
     insert into checkins (event_id, ticket_id, nonce, shown_hash, scanned_at, result)
     select 1, 1, 'nonce-01', sha256('1'), now(), 'admitted'",
    "update tickets set status = 'void' where id = 1; update claims set quantity = 1 where state = 'sold';
     insert into checkins (event_id, ticket_id, nonce, shown_hash, scanned_at, result)
     select 1, 1, 'nonce-01', sha256('1'), now(), 'admitted'",
    "update tickets set status = 'transferred', generation = 2 where id = 1;
     insert into ticket_holders (ticket_id, code) values (1, 'H');
     insert into transfers (ticket_id, event_id, state, generation, ended_at)
     values (1, 1, 'cancelled', 1, now()), (1, 1, 'accepted', 1, now());
     insert into transfers (ticket_id, event_id, generation) values (1, 1, 2);
     insert into transfer_contacts (transfer_id, name, email)
     select id, 'Bo', 'bo@example.org' from transfers where state = 'pending'",
    "update bookings set kind = 'offer' where status = 'pending';
     insert into waitlist (event_id, user_id, quantity, status, booking_id)
     select 1, 3, 1, 'offered', id from bookings where status = 'pending';
     insert into waitlist (event_id, user_id, quantity, status, booking_id)
     select 1, 3, 2, 'accepted', id from bookings where status = 'confirmed'",
    // A bank asks before it takes the money, and has just decided.
    "insert into disputes (provider, provider_ref, payment_id, event_id, amount, state, updated_at)
     select 'stripe', 'dp-1', id, 1, 9, 'open', now() - interval '9 days' from payments;
     insert into disputes (provider, provider_ref, payment_id, event_id, amount, state)
     select 'stripe', 'dp-2', id, 1, 9, 'lost' from payments",
];

/// Databases at a time.
const AT_ONCE: usize = 4;

#[tokio::test]
async fn what_is_under_way_is_no_difference() {
    for change in SOUND {
        let database = TestDatabase::new().await;
        let client = database.client().await;
        client.batch_execute(WORLD).await.unwrap();
        client.batch_execute(change).await.unwrap();
        let found = found(&database).await;
        assert!(found.is_empty(), "{change}: {found:#?}");
    }
}

#[tokio::test]
async fn every_broken_promise_is_found() {
    let all = stream::iter(BREAKS).map(|(promise, line, tampering)| async move {
        let database = TestDatabase::new().await;
        let client = database.client().await;
        client.batch_execute(WORLD).await.unwrap();
        behind_the_triggers(&client, tampering).await;
        let found = found(&database).await;
        let of_it = (found.iter()).filter(|found| found.promise.starts_with(promise));
        let mut lines = of_it.flat_map(|found| &found.listed);
        let is_noticed = lines.any(|listed| listed.contains(line));
        (!is_noticed).then(|| format!("{tampering}: no «{line}» in {found:#?}"))
    });
    let all = all.buffered(AT_ONCE).collect::<Vec<Option<String>>>().await;
    let missed: Vec<String> = all.into_iter().flatten().collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_promise_is_broken_by_a_test() {
    for promise in promises() {
        let broken = BREAKS.iter().any(|(start, ..)| promise.starts_with(start));
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

async fn found(database: &TestDatabase) -> Vec<Finding> {
    audit(&database.store().await).await.unwrap().findings
}
