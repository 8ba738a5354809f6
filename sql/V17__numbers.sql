-- Numbers of sales over time, for people: a row for each quarter of an hour in which something happened to an event's
-- bookings, and one of all of them (`quarter` is -infinity).
--
-- Counting bookings when somebody asks would read all of an event's, a million of them in a second, so that its
-- organizer's page alone would keep a processor busy. Triggers keep the sums in the transaction of each change, by
-- statement: one upsert for a batch of the desk. Quarters of an hour, since a day or an hour begins so in every time zone
-- (Tehran, Kolkata, Kathmandu).
--
-- A booking adds to a row what its columns say, and nothing else: one when it was made, to the row of `created_at`; one
-- when it was sold, to that of `confirmed_at`; one when it ended, to that of `ended_at`. A change takes away what the old
-- row added and adds the new, so the sums equal the table, whoever writes it, and `seatcast audit` can compare them.
--
-- Revenue, everywhere: the totals of the bookings that were sold (nothing of those that staff gave away), less what was
-- returned. Returned is the total of a sold booking that ended before any money came for it, when it ended; and of all
-- others what the ledger says went back of the money that paid them, when it was posted: refunds whole or in part, those
-- that somebody made at the provider, and what cardholders' banks took. Money that paid for no booking, because it came
-- too late, is in neither.
--
-- The sums of bookings and tickets are locked under the event's turn only, so they deadlock with nobody. The triggers take it
-- first; but not for the server's desk, whose connections have the setting `seatcast.writer`: it begins with the turns. Those
-- of money that goes back are locked without it, last in their transactions.

create table booking_numbers (
    event_id bigint not null constraint booking_numbers_event_exists references events on delete cascade,
    quarter timestamptz not null,
    made bigint not null default 0,
    made_tickets bigint not null default 0,
    -- Confirmed, whatever became of it later.
    sold bigint not null default 0,
    -- Of those, all that were not given away.
    sold_amount bigint not null default 0,
    -- The ones that were held first, and how long it took until they were confirmed.
    paid bigint not null default 0,
    paid_after_ms bigint not null default 0,
    expired bigint not null default 0,
    cancelled bigint not null default 0,
    refunded bigint not null default 0,
    -- Of those that ended, the ones that had been sold; and the totals of those for which no money had come.
    returned bigint not null default 0,
    returned_amount bigint not null default 0,
    constraint booking_numbers_pkey primary key (event_id, quarter)
);

-- Money that went back of what sold bookings were paid: a row for each quarter of an hour, and one of all of them.
create table refund_numbers (
    event_id bigint not null constraint refund_numbers_event_exists references events on delete cascade,
    quarter timestamptz not null,
    amount bigint not null default 0,
    constraint refund_numbers_pkey primary key (event_id, quarter)
);

-- Tickets by type, counted from the claims, since a sale may be given back in part. The amounts are those of the booking's
-- items: prices of tickets, without what fees and discounts make of a whole booking.
create table ticket_numbers (
    event_id bigint not null constraint ticket_numbers_event_exists references events on delete cascade,
    quarter timestamptz not null,
    ticket_type_id bigint not null,
    sold bigint not null default 0,
    sold_amount bigint not null default 0,
    returned bigint not null default 0,
    returned_amount bigint not null default 0,
    constraint ticket_numbers_pkey primary key (event_id, quarter, ticket_type_id)
);

-- Sales of the last minute.
create index bookings_by_confirmation on bookings (event_id, confirmed_at) where confirmed_at is not null;

-- Adds up what bookings say: each row is of one quarter and event, or of one event.
create function add_booking_numbers(moved booking_numbers[]) returns void language plpgsql as $$
begin
    if moved is null then
        return;
    end if;
    if current_setting('seatcast.writer', true) is distinct from 'desk' then
        perform take_turns(array(select distinct event_id from unnest(moved)));
    end if;
    insert into booking_numbers as n
    select event_id, quarter, made, made_tickets, sold, sold_amount, paid, paid_after_ms, expired, cancelled, refunded,
           returned, returned_amount
      from unnest(moved)
    on conflict (event_id, quarter) do update
       set made = n.made + excluded.made, made_tickets = n.made_tickets + excluded.made_tickets,
           sold = n.sold + excluded.sold, sold_amount = n.sold_amount + excluded.sold_amount,
           paid = n.paid + excluded.paid, paid_after_ms = n.paid_after_ms + excluded.paid_after_ms,
           expired = n.expired + excluded.expired, cancelled = n.cancelled + excluded.cancelled,
           refunded = n.refunded + excluded.refunded,
           returned = n.returned + excluded.returned, returned_amount = n.returned_amount + excluded.returned_amount;
end
$$;

-- The same triggers ring for the users whose bookings were written, since each function of a statement costs a call; for
-- both users, when a booking moves to another one. (What only counts versions rings itself: `V7__private_topics.sql`.)
--
-- The three functions differ only in the tables that they read, and in what they try first: new holds, which most statements of
-- the desk are, need half of the work; those of one event and one quarter of an hour a third.
do $do$
declare
    one record;
begin
    for one in
        select * from (values
            ('insert', 'referencing new table as new_rows', 'select 1 as sign, * from new_rows', $first$
                select min(event_id) as event, max(event_id) as last_event, min(quarter) as quarter, max(quarter) as last_quarter,
                       count(*) as made, sum(quantity) as tickets, bool_and(status = 'pending' and confirmed_at is null) as are_held,
                       count(user_id) as of_users
                  into first
                  from (select event_id, date_bin('15 minutes', created_at, 'epoch') as quarter, quantity, status, confirmed_at,
                               user_id
                          from new_rows) as b;
                if first.of_users > 0 then
                    perform ring('users:', array(select distinct user_id from new_rows where user_id is not null));
                end if;
                if first.are_held then
                    if current_setting('seatcast.writer', true) is distinct from 'desk' then
                        perform take_turns(array(select distinct event_id from new_rows));
                    end if;
                    if first.event = first.last_event and first.quarter = first.last_quarter then
                        insert into booking_numbers as n (event_id, quarter, made, made_tickets)
                        values (first.event, first.quarter, first.made, first.tickets),
                               (first.event, '-infinity', first.made, first.tickets)
                        on conflict (event_id, quarter) do update
                           set made = n.made + excluded.made, made_tickets = n.made_tickets + excluded.made_tickets;
                    else
                        insert into booking_numbers as n (event_id, quarter, made, made_tickets)
                        select event_id, coalesce(quarter, '-infinity'), count(*), sum(quantity)
                          from (select event_id, date_bin('15 minutes', created_at, 'epoch') as quarter, quantity from new_rows) as b
                         group by grouping sets ((event_id, quarter), (event_id))
                        on conflict (event_id, quarter) do update
                           set made = n.made + excluded.made, made_tickets = n.made_tickets + excluded.made_tickets;
                    end if;
                    return null;
                end if;$first$, ''),
            ('delete', 'referencing old table as old_rows', 'select -1 as sign, * from old_rows', $first$
                select array_agg(distinct user_id) as users into first from old_rows where user_id is not null;
                perform ring('users:', first.users);$first$, ''),
            ('update', 'referencing old table as old_rows new table as new_rows',
             'select 1 as sign, * from new_rows union all select -1, * from old_rows', $first$
                select array_agg(distinct user_id) as users into first
                  from (select user_id from new_rows union all select user_id from old_rows) as b where user_id is not null;
                if first.users is not null then
                    perform ring('users:', first.users);
                end if;$first$, 'when (current_setting(''seatcast.only_versions'', true) is distinct from ''on'')')
            ) as one (what, tables, signed, first, condition)
    loop
        execute format($make$
            create function booking_numbers_%1$s() returns trigger language plpgsql
                security definer set search_path from current as $$
            declare
                moved booking_numbers[];
                first record;
            begin%4$s
                select array_agg(row(event_id, coalesce(quarter, '-infinity'), made, made_tickets, sold, sold_amount, paid,
                                     paid_after_ms, expired, cancelled, refunded, returned,
                                     returned_amount)::booking_numbers)
                  into moved
                  from (
                    select b.event_id, date_bin('15 minutes', part.at, 'epoch') as quarter,
                           sum(b.sign * made) as made, sum(b.sign * made * b.quantity) as made_tickets,
                           sum(b.sign * sold) as sold,
                           coalesce(sum(b.sign * sold * b.total_amount) filter (where b.paid_by is distinct from 'comp'), 0)
                               as sold_amount,
                           sum(b.sign * paid) as paid,
                           coalesce(sum(b.sign * paid * round(extract(epoch from b.confirmed_at - b.created_at) * 1000)), 0)
                               as paid_after_ms,
                           coalesce(sum(b.sign * ended) filter (where b.status = 'expired'), 0) as expired,
                           coalesce(sum(b.sign * ended) filter (where b.status = 'cancelled'), 0) as cancelled,
                           coalesce(sum(b.sign * ended) filter (where b.status = 'refunded'), 0) as refunded,
                           coalesce(sum(b.sign * ended) filter (where b.confirmed_at is not null), 0) as returned,
                           coalesce(sum(b.sign * ended * b.total_amount)
                                    filter (where b.confirmed_at is not null and not b.ended_paid
                                              and b.paid_by is distinct from 'comp'), 0)
                               as returned_amount
                      from (%2$s) b
                     cross join lateral (values
                            (b.created_at, 1, 0, 0, 0),
                            (case when b.status = 'confirmed' then coalesce(b.confirmed_at, b.created_at) else b.confirmed_at end,
                             0, 1, case when b.expires_at is not null and b.confirmed_at is not null then 1 else 0 end, 0),
                            (case when b.status in ('expired', 'cancelled', 'refunded')
                                  then coalesce(b.ended_at, b.created_at) end, 0, 0, 0, 1)
                         ) as part (at, made, sold, paid, ended)
                     where part.at is not null
                     group by grouping sets ((b.event_id, date_bin('15 minutes', part.at, 'epoch')), (b.event_id))
                  ) as net (event_id, quarter, made, made_tickets, sold, sold_amount, paid, paid_after_ms, expired, cancelled,
                            refunded, returned, returned_amount)
                 where (made, made_tickets, sold, sold_amount, paid, paid_after_ms, expired, cancelled, refunded, returned,
                        returned_amount) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
                perform add_booking_numbers(moved);
                return null;
            end
            $$;
            create trigger bookings_numbers_%1$s after %1$s on bookings %3$s
                for each statement %5$s execute function booking_numbers_%1$s()$make$,
            one.what, one.signed, one.tables, one.first, one.condition);
    end loop;
end
$do$;

-- The same of claims that became sold, or are no longer; called by the triggers of claims (`V4__counters.sql`), under the
-- turns. Claims are the last that is written of a booking, so its items are there.
create function add_ticket_numbers(events bigint[], types bigint[], bookings uuid[], units int[])
    returns void language plpgsql as $$
begin
    insert into ticket_numbers as n (event_id, quarter, ticket_type_id, sold, sold_amount, returned, returned_amount)
    select moved.event_id, place.quarter, moved.ticket_type_id,
           sum(greatest(moved.units, 0)), sum(greatest(moved.amount, 0)),
           sum(greatest(-moved.units, 0)), sum(greatest(-moved.amount, 0))
      from (select m.event_id, m.ticket_type_id, m.units,
                   case when (select paid_by from bookings b where b.id = m.booking_id) is distinct from 'comp'
                        then round(m.units * coalesce(i.amount / i.quantity, 0)) else 0 end as amount,
                   -- Of a sale, when its booking was confirmed, which may have been long ago where it is imported.
                   case when m.units > 0 then (select confirmed_at from bookings b where b.id = m.booking_id) end as at
              from unnest(events, types, bookings, units) as m (event_id, ticket_type_id, booking_id, units)
             cross join lateral (select sum(i.unit_amount * i.quantity) as amount, sum(i.quantity) as quantity
                                   from booking_items i
                                  where i.booking_id = m.booking_id and i.ticket_type_id = m.ticket_type_id
                                    and i.kind = 'ticket') i) as moved
     cross join lateral (values (date_bin('15 minutes', coalesce(moved.at, statement_timestamp()), 'epoch')),
                                ('-infinity')) as place (quarter)
     group by moved.event_id, place.quarter, moved.ticket_type_id
     order by moved.event_id, place.quarter, moved.ticket_type_id
    on conflict (event_id, quarter, ticket_type_id) do update
       set sold = n.sold + excluded.sold, sold_amount = n.sold_amount + excluded.sold_amount,
           returned = n.returned + excluded.returned, returned_amount = n.returned_amount + excluded.returned_amount;
end
$$;

-- Money that goes back, from the entries of the ledger. Fees that a provider keeps are no part of it.
create function add_refund_numbers() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    events bigint[];
begin
    -- Most postings are of sales and fees.
    if not exists (select from (select distinct transaction_id from new_rows) e
                    cross join lateral (select cause from ledger_transactions where id = e.transaction_id limit 1) t
                    where t.cause in ('refund', 'foreign_refund', 'refund_again', 'dispute', 'dispute_won')) then
        return null;
    end if;
    with moved as (
        select t.event_id, t.at, sum(e.amount) as amount
          from new_rows e
         cross join lateral (select kind, name from ledger_accounts where id = e.account_id limit 1) a
         cross join lateral (select * from ledger_transactions where id = e.transaction_id limit 1) t
         cross join lateral (select * from payments where id = t.payment_id limit 1) p
         cross join lateral (select * from bookings where id = t.booking_id limit 1) b
         where t.cause in ('refund', 'foreign_refund', 'refund_again', 'dispute', 'dispute_won')
           and a.kind <> 'asset' and a.name <> 'provider fees'
           and (p.id = b.payment_id or p.provider = 'offline' and b.paid_by is not null)
           and (b.status in ('pending', 'confirmed') or b.ended_paid)
         group by t.event_id, t.at
    ), added as (
        insert into refund_numbers as n (event_id, quarter, amount)
        select m.event_id, place.quarter, sum(m.amount)
          from moved m
         cross join lateral (values (date_bin('15 minutes', m.at, 'epoch')), ('-infinity')) as place (quarter)
         group by m.event_id, place.quarter
        having sum(m.amount) <> 0
         order by m.event_id, place.quarter
        on conflict (event_id, quarter) do update set amount = n.amount + excluded.amount
        returning n.event_id
    )
    select array_agg(distinct event_id) into events from added;
    -- An organizer's figures follow the event's ring, and money goes back without any other.
    perform ring('', events);
    return null;
end
$$;
create trigger ledger_entries_numbers after insert on ledger_entries referencing new table as new_rows
    for each statement execute function add_refund_numbers();

call settle_triggers();
