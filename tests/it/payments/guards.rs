//! The database's guards: each with a write that it refuses, and how it is taken away.
//!
//! The model's people never do what a guard refuses, as long as the code before it is right. So after them a hand at the
//! database tries each wrong write itself, and a guard that lets it through is gone. It tries it once more with the guard taken away,
//! so that no guard stands here that a write never met.

use tokio_postgres::Client;
use tokio_postgres::error::{DbError, SqlState};

use crate::support::database::TestDatabase;

/// Something that the database does not let happen, whatever the code before it does.
pub(super) struct Guard {
    /// Its constraint, as a refusal names it.
    pub(super) name: &'static str,
    pub(super) removed_by: &'static str,
    /// A write that it refuses, of rows that people left behind. Some refuse nothing and do their part: of these it says by their
    /// names that they did.
    pub(super) wrong: &'static str,
}

/// Pool, claims, bookings, vouchers, money, ledger, jobs, doors: in the order of the files that make them.
pub(super) const GUARDS: &[Guard] = &[
    Guard {
        name: "pools_no_oversell",
        removed_by: "alter table pools drop constraint pools_no_oversell",
        wrong: "insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
                select b.id, b.event_id, t.id, 1000, 'held' from bookings b join ticket_types t on t.event_id = b.event_id
                 where not t.seated limit 1",
    },
    Guard {
        name: "pools_derived",
        removed_by: "drop trigger pools_guard_update on pools",
        wrong: "update pools set sold = sold + 1 where kind = 'event'",
    },
    Guard {
        name: "turns_derived",
        removed_by: "drop trigger turns_guard on turns",
        wrong: "update turns set revision = revision + 1",
    },
    Guard {
        name: "claims_one_live_seat",
        removed_by: "drop index claims_one_live_seat",
        wrong: "insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, state)
                select b.id, s.event_id, s.ticket_type_id, s.id, 1, 'held'
                  from (select * from seats where not blocked order by id limit 1) s
                  join lateral (select id from bookings where event_id = s.event_id limit 2) b on true
                 union all
                select b.id, s.event_id, s.ticket_type_id, s.id, 1, 'held'
                  from (select * from seats where not blocked order by id limit 1) s
                  join lateral (select id from bookings where event_id = s.event_id limit 1) b on true",
    },
    Guard {
        name: "claims_seat_not_blocked",
        removed_by: "do $$ begin
                         execute replace(pg_get_functiondef('move_stock'::regproc), 'if blocked_seat is not null then', 'if false then');
                     end $$",
        wrong: "update claims set state = 'dead' where seat_id = (select min(id) from seats) and state <> 'dead';
                update seats set blocked = true where id = (select min(id) from seats);
                insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, state)
                select b.id, s.event_id, s.ticket_type_id, s.id, 1, 'held'
                  from (select * from seats order by id limit 1) s
                  join lateral (select id from bookings where event_id = s.event_id limit 1) b on true",
    },
    Guard {
        name: "seats_blocked_not_claimed",
        removed_by: "do $$ begin
                         execute replace(pg_get_functiondef('seats_changed'::regproc), 'if claimed_seat is not null then', 'if false then');
                     end $$",
        wrong: "update claims set state = 'dead' where seat_id = (select min(id) from seats) and state <> 'dead';
                update seats set blocked = false where id = (select min(id) from seats);
                insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, state)
                select b.id, s.event_id, s.ticket_type_id, s.id, 1, 'held'
                  from (select * from seats order by id limit 1) s
                  join lateral (select id from bookings where event_id = s.event_id limit 1) b on true;
                update seats set blocked = true where id = (select min(id) from seats)",
    },
    Guard {
        name: "seats_within_capacity",
        removed_by: "create or replace function check_seats_fit(events bigint[]) returns void language plpgsql as $$ begin end $$",
        wrong: "insert into seats (event_id, section_id, ticket_type_id, row_label, number)
                select event_id, section_id, ticket_type_id, row_label, 'more-' || n
                  from (select * from seats order by id limit 1) s, generate_series(1, 6) n",
    },
    Guard {
        name: "ticket_types_capacity_is_seats",
        removed_by: "drop trigger ticket_types_guard_capacity on ticket_types",
        wrong: "update ticket_types set capacity = capacity - 1 where seated",
    },
    Guard {
        name: "claims_dead_is_final",
        removed_by: "drop trigger claims_stay_dead on claims",
        wrong: "update claims set state = 'held' where id = (select min(id) from claims where state = 'dead')",
    },
    Guard {
        name: "claims_count_insert",
        removed_by: "drop trigger claims_count_insert on claims",
        wrong: "do $$ declare before int := (select sum(held) from pools); begin
                    insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
                    select b.id, b.event_id, t.id, 1, 'held' from bookings b join ticket_types t on t.event_id = b.event_id
                     where not t.seated order by b.event_id limit 1;
                    if (select sum(held) from pools) > before then
                        raise exception 'counted' using constraint = 'claims_count_insert';
                    end if;
                end $$",
    },
    Guard {
        name: "claims_count_update",
        removed_by: "drop trigger claims_count_update on claims",
        wrong: "do $$ declare before int; one bigint; begin
                    insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
                    select b.id, b.event_id, t.id, 1, 'held' from bookings b join ticket_types t on t.event_id = b.event_id
                     where not t.seated order by b.event_id limit 1 returning id into one;
                    before := (select sum(held) from pools);
                    update claims set state = 'dead' where id = one;
                    if (select sum(held) from pools) < before then
                        raise exception 'counted' using constraint = 'claims_count_update';
                    end if;
                end $$",
    },
    Guard {
        name: "bookings_one_pending",
        removed_by: "drop index bookings_one_pending",
        wrong: "insert into bookings (reference, event_id, user_id, status, quantity, total_amount, currency, expires_at)
                select 'TWICE-' || n, b.event_id, b.user_id, 'pending', 1, 0, 'EUR', clock_timestamp() + interval '1 hour'
                  from (select event_id, user_id from bookings where user_id is not null limit 1) b, generate_series(1, 2) n",
    },
    Guard {
        name: "bookings_reference_unique",
        removed_by: "alter table bookings drop constraint bookings_reference_unique",
        wrong: "insert into bookings (reference, event_id, status, quantity, total_amount, currency, expires_at)
                select reference, event_id, 'expired', 1, 0, 'EUR', clock_timestamp() from bookings limit 1",
    },
    Guard {
        name: "tickets_code_unique",
        removed_by: "alter table tickets drop constraint tickets_code_unique",
        wrong: "insert into tickets (booking_id, event_id, ticket_type_id, code)
                select booking_id, event_id, ticket_type_id, code from tickets limit 1",
    },
    Guard {
        name: "idempotency_keys_pkey",
        removed_by: "alter table idempotency_keys drop constraint idempotency_keys_pkey",
        wrong: "insert into idempotency_keys select * from idempotency_keys limit 1",
    },
    Guard {
        name: "vouchers_not_overused",
        removed_by: "alter table vouchers drop constraint vouchers_not_overused",
        wrong: "update vouchers set uses = uses_max + 1 where uses_max is not null",
    },
    Guard {
        name: "vouchers_reserve_of_one_type",
        removed_by: "alter table vouchers drop constraint vouchers_reserve_of_one_type",
        wrong: "update vouchers set reserved = 1 where code = 'TENTH'",
    },
    Guard {
        name: "vouchers_reserve_in_use",
        removed_by: "drop trigger vouchers_reserve_set on vouchers",
        wrong: "insert into claims (booking_id, event_id, ticket_type_id, quantity, state, voucher_id)
                select b.id, v.event_id, v.reserved_type_id, 1, 'held', v.id from vouchers v
                  join lateral (select id from bookings where event_id = v.event_id limit 1) b on true
                 where v.code = 'KEPT';
                update vouchers v set ticket_type_ids = array(
                    select id from ticket_types t where t.event_id = v.event_id and t.id <> v.reserved_type_id limit 1)
                 where code = 'KEPT'",
    },
    Guard {
        name: "vouchers_reserve_derived",
        removed_by: "drop trigger vouchers_guard_taken on vouchers",
        wrong: "update vouchers set reserved_taken = reserved_taken + 1 where code = 'KEPT'",
    },
    // More is set aside than there is.
    Guard {
        name: "pools_no_oversell",
        removed_by: "drop trigger vouchers_reserve_insert on vouchers",
        wrong: "insert into vouchers (event_id, code, kind, value, ticket_type_ids, reserved)
                select event_id, 'MUCH', 'percent', 0, ticket_type_ids, 1000 from vouchers where code = 'KEPT'",
    },
    Guard {
        name: "pools_no_oversell",
        removed_by: "drop trigger vouchers_reserve_update on vouchers",
        wrong: "update vouchers set reserved = 1000 where code = 'KEPT'",
    },
    Guard {
        name: "voucher_uses_voucher_exists",
        removed_by: "drop trigger voucher_uses_count_insert on voucher_uses",
        wrong: "insert into voucher_uses (booking_id, voucher_id) select id, -1 from bookings limit 1",
    },
    Guard {
        name: "voucher_uses_voucher_exists",
        removed_by: "drop trigger voucher_uses_count_update on voucher_uses",
        wrong: "update voucher_uses set voucher_id = -1, live = true where booking_id = (select booking_id from voucher_uses limit 1)",
    },
    Guard {
        name: "vouchers_reserve_delete",
        removed_by: "drop trigger vouchers_reserve_delete on vouchers",
        wrong: "do $$ declare before int; begin
                    insert into vouchers (event_id, code, kind, value, ticket_type_ids, reserved)
                    select event_id, 'MORE', 'percent', 0, ticket_type_ids, 1 from vouchers where code = 'KEPT';
                    before := (select sum(held) from pools);
                    delete from vouchers where code = 'MORE';
                    if (select sum(held) from pools) < before then
                        raise exception 'given back' using constraint = 'vouchers_reserve_delete';
                    end if;
                end $$",
    },
    Guard {
        name: "voucher_uses_voucher_exists",
        removed_by: "drop trigger vouchers_stay on vouchers",
        wrong: "delete from vouchers where id = (select min(voucher_id) from voucher_uses)",
    },
    Guard {
        name: "voucher_uses_count_delete",
        removed_by: "drop trigger voucher_uses_count_delete on voucher_uses",
        wrong: "do $$ declare before int; begin
                    insert into voucher_uses (booking_id, voucher_id)
                    select b.id, v.id from vouchers v join bookings b on b.event_id = v.event_id
                     where v.code = 'FIVER' and not exists (select from voucher_uses where booking_id = b.id) limit 1;
                    before := (select uses from vouchers where code = 'FIVER');
                    delete from voucher_uses where live and voucher_id = (select id from vouchers where code = 'FIVER');
                    if (select uses from vouchers where code = 'FIVER') < before then
                        raise exception 'counted' using constraint = 'voucher_uses_count_delete';
                    end if;
                end $$",
    },
    Guard {
        name: "voucher_uses_pkey",
        removed_by: "alter table voucher_uses drop constraint voucher_uses_pkey",
        wrong: "insert into voucher_uses select * from voucher_uses limit 1",
    },
    Guard {
        name: "bookings_voucher_uses",
        removed_by: "drop trigger bookings_voucher_uses on bookings",
        wrong: "do $$ begin
                    insert into bookings (reference, event_id, status, quantity, total_amount, currency, expires_at)
                    select 'ONCE', event_id, 'pending', 1, 0, 'EUR', clock_timestamp() + interval '1 hour'
                      from vouchers where code = 'FIVER';
                    insert into voucher_uses (booking_id, voucher_id)
                    select b.id, v.id from bookings b, vouchers v where b.reference = 'ONCE' and v.code = 'FIVER';
                    update bookings set status = 'expired' where reference = 'ONCE';
                    if exists (select from voucher_uses u join bookings b on b.id = u.booking_id where b.reference = 'ONCE' and not live) then
                        raise exception 'given back' using constraint = 'bookings_voucher_uses';
                    end if;
                end $$",
    },
    Guard {
        name: "payments_one_live",
        removed_by: "drop index payments_one_live",
        wrong: "insert into payments (booking_id, event_id, provider, amount, currency)
                select b.id, b.event_id, 'demo', 100, 'EUR' from (select id, event_id from bookings limit 1) b, generate_series(1, 2)",
    },
    Guard {
        name: "payments_ref_unique",
        removed_by: "drop index payments_ref_unique",
        wrong: "insert into payments (booking_id, event_id, provider, provider_ref, state, amount, currency)
                select booking_id, event_id, provider, provider_ref, 'failed', amount, currency
                  from payments where provider_ref is not null limit 1",
    },
    Guard {
        name: "payments_refunds_covered",
        removed_by: "alter table payments drop constraint payments_refunds_covered",
        wrong: "update payments set refunded_amount = captured_amount + 1 where captured_amount > 0",
    },
    Guard {
        name: "refunds_key_unique",
        removed_by: "alter table refunds drop constraint refunds_key_unique",
        wrong: "insert into refunds (payment_id, booking_id, event_id, amount, key)
                select id, booking_id, event_id, 1, 'the same' from (select * from payments limit 1) p, generate_series(1, 2)",
    },
    Guard {
        name: "refunded_tickets_once",
        removed_by: "alter table refunded_tickets drop constraint refunded_tickets_once",
        wrong: "insert into refunds (payment_id, booking_id, event_id, amount, tickets, key)
                select id, booking_id, event_id, 1, '{TKT-TWICE}', 'twice-' || n from (select * from payments limit 1) p, generate_series(1, 2) n",
    },
    Guard {
        name: "refunded_tickets_once",
        removed_by: "drop trigger refunds_keep_tickets_insert on refunds",
        wrong: "insert into refunds (payment_id, booking_id, event_id, amount, tickets, key)
                select id, booking_id, event_id, 1, '{TKT-TWICE}', 'twice-' || n from (select * from payments limit 1) p, generate_series(1, 2) n",
    },
    Guard {
        name: "refunds_keep_tickets_update",
        removed_by: "drop trigger refunds_keep_tickets_update on refunds",
        wrong: "do $$ begin
                    insert into refunds (payment_id, booking_id, event_id, amount, tickets, key)
                    select id, booking_id, event_id, 1, '{TKT-ONCE}', 'once' from payments limit 1;
                    update refunds set state = 'failed' where key = 'once';
                    if not exists (select from refunded_tickets where code = 'TKT-ONCE') then
                        raise exception 'let go' using constraint = 'refunds_keep_tickets_update';
                    end if;
                end $$",
    },
    Guard {
        name: "provider_events_pkey",
        removed_by: "alter table provider_events drop constraint provider_events_pkey",
        wrong: "insert into provider_events (provider, id, type) select 'stripe', 'evt_twice', 'x' from generate_series(1, 2)",
    },
    Guard {
        name: "ledger_transactions_key_unique",
        removed_by: "alter table ledger_transactions drop constraint ledger_transactions_key_unique",
        wrong: "insert into ledger_transactions (key, cause, event_id) select key, cause, event_id from ledger_transactions limit 1",
    },
    Guard {
        name: "ledger_balanced",
        removed_by: "drop trigger ledger_entries_balanced on ledger_entries",
        wrong: "insert into ledger_entries (transaction_id, account_id, amount)
                select transaction_id, account_id, 1 from ledger_entries limit 1",
    },
    Guard {
        name: "ledger_balanced",
        removed_by: "drop trigger ledger_unfinished_balanced on ledger_unfinished",
        wrong: "insert into ledger_entries (transaction_id, account_id, amount)
                select transaction_id, account_id, -1 from ledger_entries limit 1",
    },
    Guard {
        name: "ledger_balanced",
        removed_by: "drop trigger ledger_transactions_balanced on ledger_transactions",
        wrong: "insert into ledger_transactions (key, cause, event_id) select 'empty', 'payout', event_id from ledger_transactions limit 1",
    },
    Guard {
        name: "ledger_entries_account_exists",
        removed_by: "drop trigger ledger_entries_balanced on ledger_entries",
        wrong: "insert into ledger_entries (transaction_id, account_id, amount)
                select transaction_id, -1, n from (select transaction_id from ledger_entries limit 1) e, unnest(array[1, -1]) n",
    },
    Guard {
        name: "ledger_entries_transaction_exists",
        removed_by: "drop trigger ledger_entries_balanced on ledger_entries",
        wrong: "insert into ledger_entries (transaction_id, account_id, amount)
                select -1, account_id, n from (select account_id from ledger_entries limit 1) e, unnest(array[1, -1]) n",
    },
    Guard {
        name: "ledger_is_final",
        removed_by: "drop trigger ledger_entries_final on ledger_entries",
        wrong: "update ledger_entries set amount = amount * 2",
    },
    Guard {
        name: "ledger_is_final",
        removed_by: "drop trigger ledger_transactions_final on ledger_transactions",
        wrong: "update ledger_transactions set cause = 'payout'",
    },
    Guard {
        name: "ledger_is_final",
        removed_by: "drop trigger ledger_accounts_final on ledger_accounts",
        wrong: "update ledger_accounts set kind = 'asset'",
    },
    Guard {
        name: "audit_trail_append_only",
        removed_by: "drop trigger audit_trail_stays on audit_trail",
        wrong: "update audit_trail set detail = '{}'",
    },
    Guard {
        name: "invoices_final",
        removed_by: "drop trigger invoices_stay on invoices",
        wrong: "update invoices set year = year + 1",
    },
    Guard {
        name: "invoices_number_unique",
        removed_by: "drop index invoices_number_unique",
        wrong: "update invoices set number = 1000000 where number is null;
                insert into invoices (transaction_id, organization_id, event_id, booking_id, kind, year, number)
                select t.id, i.organization_id, i.event_id, i.booking_id, i.kind, i.year, i.number
                  from (select * from invoices where number is not null limit 1) i
                  join lateral (select id from ledger_transactions where cause not in ('sale', 'refund') limit 1) t on true",
    },
    Guard {
        name: "jobs_key_unique",
        removed_by: "alter table jobs drop constraint jobs_key_unique",
        wrong: "insert into jobs (kind, key, payload, expires_at)
                select 'none', 'the same', '{}', clock_timestamp() from generate_series(1, 2)",
    },
    Guard {
        name: "transfers_one_pending",
        removed_by: "drop index transfers_one_pending",
        wrong: "insert into transfers (ticket_id, event_id, generation)
                select id, event_id, 1 from (select * from tickets limit 1) t, generate_series(1, 2)",
    },
    Guard {
        name: "checkins_one_admission",
        removed_by: "drop index checkins_one_admission",
        wrong: "insert into checkins (event_id, ticket_id, nonce, scanned_at, result, offline, shown_hash)
                select event_id, id, 'nonce-number-' || n, clock_timestamp(), 'admitted', false, sha256('x')
                  from (select * from tickets limit 1) t, generate_series(1, 2) n",
    },
    Guard {
        name: "checkins_by_nonce",
        removed_by: "drop index checkins_by_nonce",
        wrong: "insert into checkins (event_id, ticket_id, nonce, scanned_at, result, offline, shown_hash)
                select event_id, id, 'one nonce', clock_timestamp(), 'void', false, sha256('x')
                  from (select * from tickets limit 1) t, generate_series(1, 2)",
    },
    Guard {
        name: "waitlist_one",
        removed_by: "drop index waitlist_one",
        wrong: "insert into waitlist (event_id, user_id, quantity)
                select b.event_id, u.id, 1 from (select event_id from bookings limit 1) b,
                       (select max(id) as id from users) u, generate_series(1, 2)",
    },
];

/// Tries every wrong write; answers the guards that let it through.
pub(super) async fn gone(client: &mut Client) -> Vec<String> {
    let mut gone = Vec::new();
    for guard in GUARDS {
        let refused = refusal(client, "", guard.wrong).await;
        if refused.as_ref().and_then(DbError::constraint) != Some(guard.name) {
            gone.push(format!("{}: {refused:?}", guard.name));
        }
    }
    gone
}

/// Tries every wrong write without its guard; answers those that are refused all the same, or fail.
pub(super) async fn unmet(client: &mut Client) -> Vec<String> {
    let mut unmet = Vec::new();
    for guard in GUARDS {
        let refused = refusal(client, guard.removed_by, guard.wrong).await;
        let Some(refused) = refused else { continue };
        // Another guard may stand behind it.
        if refused.constraint().is_none_or(|by| by == guard.name) {
            unmet.push(format!("{}: {refused:?}", guard.removed_by));
        }
    }
    unmet
}

/// The refusal of a write, before which something else is done, and after which all of it is taken back.
async fn refusal(client: &mut Client, before: &str, write: &str) -> Option<DbError> {
    loop {
        let transaction = client.transaction().await.unwrap();
        // Those that wait for the transaction's end speak up at once.
        let tried = format!("{before}; set constraints all immediate; {write}");
        let refused = transaction.batch_execute(&tried).await;
        transaction.rollback().await.unwrap();
        let refused = refused
            .err()
            .map(|error| error.as_db_error().expect("an answer").clone());
        // The server, which looks at its tables now and then, had one of them, and waited for another.
        if refused.as_ref().map(DbError::code) != Some(&SqlState::T_R_DEADLOCK_DETECTED) {
            return refused;
        }
    }
}

/// By hand, a posting may be written in as many statements as it likes; it is looked at when the transaction ends.
#[tokio::test]
async fn postings_are_even_when_a_transaction_ends() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let accounts = "insert into ledger_accounts (id, organization_id, name, kind, currency)
                    values (1, 1, 'cash', 'asset', 'EUR'), (2, 1, 'sales', 'income', 'EUR'), (3, 1, 'sales', 'income', 'USD')";
    client.batch_execute(accounts).await.unwrap();
    let posting = "insert into ledger_transactions (id, key, cause, event_id) values (1, 'by hand', 'payout', 1)";
    let entry = |account: i64, amount: i64| {
        format!(
            "insert into ledger_entries (transaction_id, account_id, amount) values (1, {account}, {amount})"
        )
    };
    let both = |first: i64, second: i64| {
        format!(
            "insert into ledger_entries (transaction_id, account_id, amount) values (1, {first}, 7), (1, {second}, -7)"
        )
    };
    for (statements, refused_by) in [
        (vec![posting.to_owned()], Some("ledger_balanced")),
        (
            vec![posting.to_owned(), entry(1, 5)],
            Some("ledger_balanced"),
        ),
        (
            vec![posting.to_owned(), both(1, 3)],
            Some("ledger_balanced"),
        ),
        (
            vec![posting.to_owned(), entry(1, 5), entry(2, -4)],
            Some("ledger_balanced"),
        ),
        (
            vec![posting.to_owned(), entry(1, 5), both(1, 2)],
            Some("ledger_balanced"),
        ),
        (
            vec![posting.to_owned(), entry(1, 5), entry(2, -4), entry(2, -1)],
            None,
        ),
        // What is there already stays even.
        (vec![entry(1, 5)], Some("ledger_balanced")),
        (vec![entry(1, 5), entry(2, -5)], None),
        (vec![both(2, 1)], None),
        (vec![both(4, 4)], Some("ledger_entries_account_exists")),
    ] {
        let all = format!("begin; {}; commit", statements.join("; "));
        let written = client.batch_execute(&all).await;
        let error = written.as_ref().err().and_then(|error| error.as_db_error());
        assert_eq!(
            error.and_then(|error| error.constraint()),
            refused_by,
            "{all}"
        );
        if refused_by.is_some() {
            client.batch_execute("rollback").await.unwrap();
        }
        let left = "select count(*) from ledger_unfinished";
        let left: i64 = client.query_one(left, &[]).await.unwrap().get(0);
        assert_eq!(left, 0, "{all}");
    }
}
