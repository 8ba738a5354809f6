-- Money back by rule: what owners get who cancel, the job that gives everybody back what a cancelled event took, invoices
-- and credit notes, disputes. The ledger itself is in `V13__payments.sql`.

-- The part that an owner's own cancellation gives back. An event without a row gives back all until it begins.
create table refund_policies (
    event_id bigint not null constraint refund_policies_pkey primary key
        constraint refund_policies_event_exists references events,
    -- Of the price that was paid.
    percent int not null constraint refund_policies_percent_bound check (percent between 0 and 100),
    -- Until so long before the event begins; afterwards owners cannot cancel what they paid for.
    until_minutes int not null constraint refund_policies_until_bound check (until_minutes between 0 and 525600),
    -- Single tickets can be given back, not only the booking as a whole.
    by_ticket boolean not null,
    -- Fees that the buyer paid are not given back.
    keeps_fees boolean not null,
    updated_at timestamptz not null default clock_timestamp()
);

-- Ways to pay of an event that take days: a bank transfer, or an invoice. An event without a row has none.
create table payment_terms (
    event_id bigint not null constraint payment_terms_pkey primary key
        constraint payment_terms_event_exists references events,
    -- A hold waits so long for the money, and no longer than until the event begins.
    offline_days int not null constraint payment_terms_days_bound check (offline_days between 0 and 60),
    -- For the buyer: the bank account, and what else there is to know.
    instructions text not null default ''
        constraint payment_terms_instructions_length check (char_length(instructions) <= 1000),
    updated_at timestamptz not null default clock_timestamp()
);

-- A cancelled event gives back what was paid for it, and tells its buyers, whoever cancels it: the jobs are written by the
-- statement that does.
create function queue_refunds_of_events() returns trigger
    language plpgsql security definer set search_path from current as $$
begin
    insert into jobs (kind, key, payload, expires_at)
    select job.kind, job.key, job.payload, clock_timestamp() + job.worth
      from new_rows n join old_rows o on o.id = n.id
     cross join lateral (values
            ('event_refunds', 'event-refunds:' || n.id, jsonb_build_object('event_id', n.id), interval '365 days'),
            -- The holds end after this, in `events_release_update`: who had a booking now is told.
            ('event_cancelled', 'event-cancelled:' || n.id,
             jsonb_build_object('event_id', n.id, 'at', clock_timestamp()), interval '7 days')) as job (kind, key, payload, worth)
     where n.status = 'cancelled' and o.status <> 'cancelled'
     order by job.key
        -- It took place again for a while, by another program, and the job of the first time is not forgotten yet.
        on conflict (key) do update
       set rung = jobs.state = 'leased', payload = excluded.payload, progress = null, reason = null, failures = 0,
           attempts = case jobs.state when 'leased' then jobs.attempts else 0 end,
           times = case jobs.state when 'leased' then jobs.times else jobs.times + 1 end,
           run_at = excluded.run_at, expires_at = excluded.expires_at,
           state = case jobs.state when 'leased' then 'leased' else 'waiting' end;
    return null;
end
$$;
create trigger events_queue_refunds after update on events
    referencing old table as old_rows new table as new_rows
    for each statement execute function queue_refunds_of_events();

-- Invoices of sales, also of what was refunded and did not arrive, and credit notes of refunds, one for each such
-- transaction of the ledger. The row is written with the transaction and has no number yet: numbers have no gaps, so they
-- are taken one after the other, by a job after the sale.
create table invoices (
    transaction_id bigint not null constraint invoices_transaction_exists references ledger_transactions,
    organization_id bigint not null,
    event_id bigint not null,
    booking_id uuid not null,
    kind text not null constraint invoices_kind_known check (kind = any ('{invoice,credit_note}')),
    -- Of the date that it bears: the transaction's, where the event is.
    year int not null,
    number int constraint invoices_number_counts check (number > 0)
);
create index invoices_of_booking on invoices (booking_id, transaction_id);
create unique index invoices_number_unique on invoices (organization_id, year, kind, number);
create index invoices_unnumbered on invoices (organization_id, year, kind, transaction_id) where number is null;
alter table invoices add constraint invoices_pkey primary key (transaction_id);

-- The last number of each series.
create table invoice_counters (
    organization_id bigint not null,
    year int not null,
    kind text not null,
    last int not null constraint invoice_counters_last_counts check (last >= 0),
    constraint invoice_counters_pkey primary key (organization_id, year, kind)
);

-- The year where the event is. Only near its turn the zone matters, and only there it costs anything. A zone that Postgres
-- does not know is read as UTC, since a sale must be booked.
create function invoice_year(at timestamptz, zone text) returns int language plpgsql stable as $$
declare
    least_year constant int := extract(year from (at - interval '15 hours') at time zone 'UTC');
begin
    if least_year = extract(year from (at + interval '15 hours') at time zone 'UTC') then
        return least_year;
    end if;
    begin
        return extract(year from at at time zone zone);
    exception when invalid_parameter_value then
        return extract(year from at at time zone 'UTC');
    end;
end
$$;

create function prepare_invoices() returns trigger
    language plpgsql security definer set search_path from current as $$
begin
    insert into invoices (transaction_id, organization_id, event_id, booking_id, kind, year)
    select n.id, e.organizer_id, n.event_id, n.booking_id,
           case n.cause when 'refund' then 'credit_note' else 'invoice' end, invoice_year(n.at, e.timezone)
      from new_rows n cross join lateral (select organizer_id, timezone from events where id = n.event_id limit 1) e
     where n.cause in ('sale', 'refund', 'refund_kept') and n.booking_id is not null;
    -- One job for each series: who numbers the last of them has numbered those before it.
    insert into jobs (kind, key, payload, expires_at)
    select 'invoice', 'invoice:' || last.id, jsonb_build_object('transaction_id', last.id), clock_timestamp() + interval '365 days'
      from (select max(n.id) as id
              from new_rows n cross join lateral (select organizer_id, timezone from events where id = n.event_id limit 1) e
             where n.cause in ('sale', 'refund', 'refund_kept') and n.booking_id is not null
             group by e.organizer_id, n.cause, invoice_year(n.at, e.timezone)) last
     order by last.id
        on conflict (key) do nothing;
    return null;
end
$$;
create trigger ledger_transactions_prepare_invoices after insert on ledger_transactions
    referencing new table as new_rows for each statement execute function prepare_invoices();

-- A number is given once, and an invoice stays.
create function invoices_stay() returns trigger language plpgsql as $$
begin
    if tg_op <> 'UPDATE' or old.number is not null
       or (new.transaction_id, new.organization_id, new.event_id, new.booking_id, new.kind, new.year)
          is distinct from (old.transaction_id, old.organization_id, old.event_id, old.booking_id, old.kind, old.year) then
        raise exception 'invoice % stays as it is', old.transaction_id
            using errcode = '23514', constraint = 'invoices_final', table = 'invoices';
    end if;
    return new;
end
$$;
create trigger invoices_stay before update or delete on invoices for each row execute function invoices_stay();
create trigger invoices_no_truncate before truncate on invoices for each statement execute function refuse_truncate();

-- Money that a cardholder's bank took back, or tries to. It moves money and never stock.
create table disputes (
    provider text not null,
    provider_ref text not null constraint disputes_ref_length check (char_length(provider_ref) <= 200),
    payment_id uuid not null constraint disputes_payment_exists references payments,
    event_id bigint not null,
    amount bigint not null constraint disputes_amount_positive check (amount > 0),
    state text not null default 'open' constraint disputes_state_known check (state = any ('{open,won,lost}')),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp()
);
create index disputes_by_payment on disputes (payment_id);
create index disputes_by_event on disputes (event_id);
alter table disputes add constraint disputes_pkey primary key (provider, provider_ref);

call settle_triggers();
