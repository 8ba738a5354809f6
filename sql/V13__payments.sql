-- Money: attempts to pay, refunds, what providers told, and the double-entry ledger of all of it.
--
-- An attempt is a row before its provider is called, and its id is the provider's idempotency key, so a call that is
-- repeated after a crash is the same call. What the provider has is asked for, never believed from somebody else; the
-- job that asks is the row's own (`payment:<id>`).

create table payments (
    id uuid not null default uuid_by_time() constraint payments_pkey primary key,
    booking_id uuid not null,
    event_id bigint not null,
    provider text not null constraint payments_provider_known check (provider = any ('{stripe,demo,offline}')),
    -- As staff were paid, or as the provider names it: `cash`, `card` …
    method text constraint payments_method_length check (char_length(method) <= 50),
    state text not null default 'creating' constraint payments_state_known
        check (state = any ('{creating,requires_action,authorized,processing,captured,failed,canceled,needs_review}')),
    amount bigint not null constraint payments_amount_positive check (amount > 0),
    currency char(3) not null,
    -- The provider's name for it.
    provider_ref text constraint payments_provider_ref_length check (char_length(provider_ref) <= 200),
    -- With it the buyer's browser speaks to the provider.
    client_secret text constraint payments_client_secret_length check (char_length(client_secret) <= 500),
    redirect_url text constraint payments_redirect_url_length check (char_length(redirect_url) <= 2000),
    -- Where the provider sends the buyer's browser in the end.
    return_url text constraint payments_return_url_length check (char_length(return_url) <= 2000),
    -- Where the money takes days: the hold waits until then, from the beginning where staff take it, and from when it is on its way elsewhere.
    pay_by timestamptz
        constraint payments_pay_by_bound check (pay_by >= '1900-01-01z' and pay_by < '9999-01-01z'),
    -- Its buyer wants to pay another way: what it has not taken, it does not take.
    unwanted boolean not null default false,
    -- Its booking was sold to it, and its money will not come: its buyer is asked to pay again, until a person decides otherwise.
    owed boolean not null default false,
    -- The attempt that owes the booking its money, which this one pays in its place.
    instead_of uuid,
    captured_amount bigint not null default 0 constraint payments_captured_counts check (captured_amount >= 0),
    -- Given back, or about to be.
    refunded_amount bigint not null default 0,
    -- The part that the provider keeps.
    fee_amount bigint not null default 0 constraint payments_fee_counts check (fee_amount >= 0),
    -- Why the last card was declined, or why a person has to look.
    failure text constraint payments_failure_length check (char_length(failure) <= 500),
    -- Why a person has to look, in any state: a line for each reason, the newest first; null: nobody has to.
    review text constraint payments_review_length check (char_length(review) <= 2000),
    -- Reasons that there ever were. A decision is about those that were read: of one that came since it says nothing.
    review_count int not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    -- Nothing is given back that did not come.
    constraint payments_refunds_covered check (refunded_amount between 0 and captured_amount),
    -- Where the provider has taken nothing, and as long as somebody looks.
    constraint payments_owed_waits check (not owed or state = 'needs_review' and review is not null and captured_amount = 0),
    constraint payments_booking_of_event foreign key (booking_id, event_id) references bookings (id, event_id)
);
create index payments_by_event on payments (event_id, id);
create index payments_for_review on payments (id) where review is not null;
create unique index payments_ref_unique on payments (provider, provider_ref) where provider_ref is not null;
create index payments_by_booking on payments (booking_id, id);
-- One attempt at a time: two cards for one booking would be paid twice.
create unique index payments_one_live on payments (booking_id)
    where state in ('creating', 'requires_action', 'authorized', 'processing');

-- Money on its way back. The row reserves its amount (`payments.refunded_amount`) in the transaction that writes it.
create table refunds (
    id uuid not null default uuid_by_time() constraint refunds_pkey primary key,
    payment_id uuid not null constraint refunds_payment_exists references payments,
    booking_id uuid not null,
    event_id bigint not null,
    amount bigint not null constraint refunds_amount_positive check (amount > 0),
    reason text not null default '' constraint refunds_reason_length check (char_length(reason) <= 500),
    -- Tickets that are void by it; null: none.
    tickets text[],
    -- It is of what the tickets cost, and the fees stay: the books say so.
    keeps_fees boolean not null default false,
    -- Of the amount, tax of the tickets; null: the same share as of the whole payment.
    tax_amount bigint constraint refunds_tax_bound check (tax_amount between 0 and amount),
    state text not null default 'requested'
        constraint refunds_state_known check (state = any ('{requested,pending,succeeded,failed,needs_review}')),
    -- Two refunds for one reason are one.
    key text not null constraint refunds_key_unique unique constraint refunds_key_length check (char_length(key) <= 200),
    provider_ref text constraint refunds_provider_ref_length check (char_length(provider_ref) <= 200),
    failure text constraint refunds_failure_length check (char_length(failure) <= 500),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp()
);
create index refunds_by_event on refunds (event_id, id);
create index refunds_for_review on refunds (id) where state = 'needs_review';
create index refunds_by_payment on refunds (payment_id, id);
create index refunds_by_booking on refunds (booking_id, id);

-- Tickets that went back, or are about to, each by one refund, whoever asks for it and however the ticket stands meanwhile.
-- A refund that will never happen lets its tickets go.
create table refunded_tickets (
    code text not null,
    refund_id uuid not null constraint refunded_tickets_refund_exists references refunds
);
create index refunded_tickets_by_refund on refunded_tickets (refund_id);
alter table refunded_tickets add constraint refunded_tickets_once primary key (code);

create function keep_refunded_tickets() returns trigger
    language plpgsql security definer set search_path from current as $$
begin
    if tg_op = 'UPDATE' then
        delete from refunded_tickets
         where refund_id = any(array(select id from new_rows where state = 'failed' and tickets is not null));
    else
        insert into refunded_tickets (code, refund_id)
        select distinct code, n.id from new_rows n cross join lateral unnest(n.tickets) code where n.state <> 'failed'
         order by code;
    end if;
    return null;
end
$$;
create trigger refunds_keep_tickets_insert after insert on refunds
    referencing new table as new_rows for each statement execute function keep_refunded_tickets();
create trigger refunds_keep_tickets_update after update on refunds
    referencing new table as new_rows for each statement execute function keep_refunded_tickets();

-- Every event of a provider that was taken in, so that a doubled one does nothing.
create table provider_events (
    provider text not null,
    id text not null constraint provider_events_id_length check (char_length(id) <= 200),
    type text not null constraint provider_events_type_length check (char_length(type) <= 200),
    received_at timestamptz not null default clock_timestamp()
);
create index provider_events_by_age on provider_events (received_at);
alter table provider_events add constraint provider_events_pkey primary key (provider, id);

-- Buyers as a provider knows them, so that it keeps one customer for each account.
create table provider_customers (
    user_id bigint not null constraint provider_customers_user_exists references users on delete cascade,
    provider text not null constraint provider_customers_provider_known check (provider = 'stripe'),
    customer_ref text not null constraint provider_customers_ref_length check (char_length(customer_ref) <= 200),
    constraint provider_customers_pkey primary key (user_id, provider)
);

-- The books of the demo's provider, which is a machine of its own that happens to live here: it is asked like any other.
create table demo_charges (
    id uuid not null constraint demo_charges_pkey primary key,
    amount bigint not null,
    currency char(3) not null,
    status text not null default 'open'
        constraint demo_charges_status_known check (status = any ('{open,challenged,processing,authorized,captured,canceled}')),
    return_url text,
    captured_amount bigint not null default 0,
    refunded_amount bigint not null default 0,
    failure text,
    -- Refunds that were asked for, by their keys.
    refunds jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    constraint demo_charges_refunds_covered check (refunded_amount between 0 and captured_amount)
);

-- ------------------------------------------------------------------ ledger

-- Purposes of money, by organization and currency. Debits are positive, credits negative.
create table ledger_accounts (
    id bigint generated by default as identity,
    organization_id bigint not null,
    name text not null constraint ledger_accounts_name_length check (char_length(name) <= 100),
    kind text not null constraint ledger_accounts_kind_known check (kind = any ('{asset,liability,income,expense}')),
    currency char(3) not null,
    constraint ledger_accounts_unique unique (organization_id, name, currency)
);
alter table ledger_accounts add constraint ledger_accounts_pkey primary key (id);

create table ledger_transactions (
    id bigint generated by default as identity,
    -- One movement of money is posted once.
    key text not null constraint ledger_transactions_key_unique unique,
    cause text not null constraint ledger_transactions_cause_known
        check (cause = any ('{sale,fee,refund,foreign_refund,refund_again,refund_kept,dispute,dispute_won,payout}')),
    event_id bigint not null,
    booking_id uuid,
    payment_id uuid,
    at timestamptz not null default clock_timestamp()
);
create index ledger_transactions_by_event on ledger_transactions (event_id, id);
alter table ledger_transactions add constraint ledger_transactions_pkey primary key (id);

create table ledger_entries (
    id bigint generated by default as identity,
    -- That both exist is proved by a trigger.
    transaction_id bigint not null,
    account_id bigint not null,
    amount bigint not null constraint ledger_entries_amount_moves check (amount <> 0)
);
create index ledger_entries_by_account on ledger_entries (account_id, id);
alter table ledger_entries add constraint ledger_entries_pkey primary key (id);
create index ledger_entries_by_transaction on ledger_entries (transaction_id);

-- Sums of the entries of each account, which are too many to be added up for each reader. Several rows an account,
-- so that transactions that post at the same time do not wait for each other. Only the trigger of entries writes here.
create table ledger_sums (
    account_id bigint not null constraint ledger_sums_account_exists references ledger_accounts,
    part int not null constraint ledger_sums_part_known check (part between 0 and 63),
    debits bigint not null constraint ledger_sums_debits_positive check (debits >= 0),
    credits bigint not null constraint ledger_sums_credits_positive check (credits >= 0),
    constraint ledger_sums_pkey primary key (account_id, part)
) with (fillfactor = 50);

-- The part of the sums that the transaction adds to until it ends: one that no other transaction has, mostly the first.
create function ledger_part() returns int language plpgsql as $$
declare
    lock_class constant int := 778301;
    free int;
begin
    select part into free from generate_series(0, 63) part where pg_try_advisory_xact_lock(lock_class, part) limit 1;
    if free is null then
        free := pg_backend_pid() % 64;
        perform pg_advisory_xact_lock(lock_class, free);
    end if;
    return free;
end
$$;

-- Postings that are not whole yet: rows of a transaction that is under way, which nobody else sees, and which ends with none.
create table ledger_unfinished (
    transaction_id bigint not null constraint ledger_unfinished_pkey primary key
);

-- At the end of a transaction, the entries of each posting are there and come to nothing in every currency. A statement whose
-- entries come to nothing leaves that as it was, so mostly nothing is left to be looked at then.
create function ledger_balanced() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    uneven record;
begin
    if not exists (select from ledger_entries where transaction_id = new.transaction_id) then
        raise exception 'posting % has no entries', new.transaction_id using errcode = '23514', constraint = 'ledger_balanced';
    end if;
    select a.currency, sum(e.amount) as rest into uneven
      from ledger_entries e join ledger_accounts a on a.id = e.account_id
     where e.transaction_id = new.transaction_id group by a.currency having sum(e.amount) <> 0 limit 1;
    if found then
        raise exception 'posting % is off by % %', new.transaction_id, uneven.rest, uneven.currency
            using errcode = '23514', constraint = 'ledger_balanced';
    end if;
    delete from ledger_unfinished where transaction_id = new.transaction_id;
    return null;
end
$$;
create constraint trigger ledger_unfinished_balanced after insert on ledger_unfinished
    deferrable initially deferred for each row execute function ledger_balanced();

create function ledger_transactions_written() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    empty bigint[];
begin
    select array_agg(n.id) into empty
      from new_rows n left join lateral (select true as is_there from ledger_entries where transaction_id = n.id limit 1) e on true
     where is_there is null;
    if empty is not null then
        insert into ledger_unfinished select unnest(empty) on conflict do nothing;
    end if;
    return null;
end
$$;
create trigger ledger_transactions_balanced after insert on ledger_transactions referencing new table as new_rows
    for each statement execute function ledger_transactions_written();

-- That transaction and account exist is asked here, too: as foreign keys these asked for each row. Neither can be deleted.
create function ledger_entries_written() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    net record;
    part constant int := ledger_part();
begin
    select array_agg(added.transaction_id) filter (where rest <> 0) as uneven, bool_and(t.id is not null) as have_transaction,
           bool_and(currency is not null) as have_account
      into net
      from (select e.transaction_id, a.currency, sum(e.amount) as rest
              from new_rows e
              left join lateral (select currency from ledger_accounts where id = e.account_id limit 1) a on true
             group by e.transaction_id, a.currency) added
      left join lateral (select id from ledger_transactions where id = added.transaction_id limit 1) t on true;
    if not net.have_transaction or not net.have_account then
        raise exception 'an entry of a posting or an account that does not exist' using errcode = '23503', table = 'ledger_entries',
            constraint = case when net.have_account then 'ledger_entries_transaction_exists' else 'ledger_entries_account_exists' end;
    end if;
    if net.uneven is not null then
        insert into ledger_unfinished select distinct unnest(net.uneven) on conflict do nothing;
    end if;
    insert into ledger_sums (account_id, part, debits, credits)
    select account_id, part, coalesce(sum(amount) filter (where amount > 0), 0),
           coalesce(-sum(amount) filter (where amount < 0), 0)
      from new_rows group by account_id
        on conflict on constraint ledger_sums_pkey do update
       set debits = ledger_sums.debits + excluded.debits, credits = ledger_sums.credits + excluded.credits;
    return null;
end
$$;
create trigger ledger_entries_balanced after insert on ledger_entries referencing new table as new_rows
    for each statement execute function ledger_entries_written();

-- Postings stay. A mistake is put right by another posting.
create function ledger_is_final() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is only added to' using errcode = '42501', constraint = 'ledger_is_final', table = tg_table_name;
end
$$;
do $$
declare
    part text;
begin
    foreach part in array array['ledger_accounts', 'ledger_transactions', 'ledger_entries'] loop
        execute format('create trigger %1$s_final before update or delete or truncate on %1$s
                        for each statement execute function ledger_is_final()', part);
    end loop;
end
$$;

-- Posts movements of money, each in one currency and once under its key; answers how many are new. `places` says to which
-- of the movements an entry belongs, from 1; `times` when they happened, where that is not now.
create function ledger_post(keys text[], causes text[], organizations bigint[], events bigint[], bookings uuid[], payments uuid[],
                            currencies text[], places int[], names text[], kinds text[], amounts bigint[],
                            times timestamptz[] default null)
    returns int language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
    posted int;
begin
    -- In one order, since two such statements may make the same accounts.
    insert into ledger_accounts (organization_id, name, kind, currency)
    select distinct organizations[entry.place], entry.account, entry.kind, currencies[entry.place]
      from unnest(places, names, kinds) as entry (place, account, kind)
     order by 1, 2, 4
        on conflict do nothing;
    with new as (
        insert into ledger_transactions (key, cause, event_id, booking_id, payment_id, at)
        select key, cause, event_id, booking_id, payment_id, coalesce(at, clock_timestamp())
          from unnest(keys, causes, events, bookings, payments, times) as new (key, cause, event_id, booking_id, payment_id, at)
            on conflict (key) do nothing returning id, key
    ), entered as (
        insert into ledger_entries (transaction_id, account_id, amount)
        select new.id, a.id, entry.amount
          from unnest(places, names, amounts) as entry (place, account, amount)
          join new on entry.place = array_position(keys, new.key)
         cross join lateral (select id from ledger_accounts
                              where organization_id = organizations[entry.place] and name = entry.account
                                and currency = currencies[entry.place] limit 1) a
    )
    select count(*) into posted from new;
    return posted;
end
$$;

create trigger payments_touch before update on payments
    for each row when (old.* is distinct from new.*) execute function touch_updated_at();
create trigger refunds_touch before update on refunds
    for each row when (old.* is distinct from new.*) execute function touch_updated_at();

-- A booking is shown with its payments and refunds, so they count in its version.
do $$
declare
    part text;
begin
    foreach part in array array['payments', 'refunds'] loop
        execute format('
            create trigger %1$s_version_insert after insert on %1$s referencing new table as new_rows
                for each statement execute function booking_parts_written();
            create trigger %1$s_version_update after update on %1$s
                referencing old table as old_rows new table as new_rows
                for each statement execute function booking_parts_written();
            create trigger %1$s_version_delete after delete on %1$s referencing old table as old_rows
                for each statement execute function booking_parts_written();
            create trigger %1$s_no_truncate before truncate on %1$s
                for each statement execute function refuse_truncate()', part);
    end loop;
end
$$;

call settle_triggers();
