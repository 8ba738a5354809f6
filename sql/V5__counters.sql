-- Claims move the counters, in the same transaction, whoever writes them.
--
-- Statement-level triggers with transition tables: one set-based move per statement, however
-- many claims it has. A batch of 128 bookings costs one update of the counters, one row of
-- the log and one ring; row-level triggers made it 128 of each and halved the throughput.

-- Applies what one statement changed of one event: the type `type_ids[i]` moves by
-- `held_by[i]` and `sold_by[i]` units, and the status of the seats may have changed.
--
-- The root pool is locked before anything is read, so that what is read is the state after
-- the last commit and stays so. Inside the one big statement `pools` still shows the counters
-- before the move (a statement does not see its own updates); after = before + move, with no
-- second read.
create function move_counters(event bigint, type_ids bigint[], held_by int[], sold_by int[], seat_ids bigint[])
    returns void language plpgsql set search_path = public, pg_temp as $$
declare
    moved_at timestamptz;
    statuses jsonb;
    blocked_seat bigint;
begin
    perform take_turn(event);
    moved_at := clock_timestamp();

    if seat_ids is not null then
        select jsonb_agg(jsonb_build_array(s.position, seat_status(s.blocked, c.state)) order by s.position),
               min(s.id) filter (where s.blocked and c.id is not null)
          into statuses, blocked_seat
          from seats s
          left join claims c on c.seat_id = s.id and c.state <> 'dead'
         where s.id = any(seat_ids);
        if blocked_seat is not null then
            raise exception 'seat % is blocked', blocked_seat
                using errcode = '23514', constraint = 'claims_seat_not_blocked', table = 'claims';
        end if;
    end if;

    with moved_types as (
        select * from unnest(type_ids, held_by, sold_by) as m (ticket_type_id, held, sold)
    ), moved_pools as (
        select l.pool_id, sum(m.held)::int as held, sum(m.sold)::int as sold
          from moved_types m join ticket_type_pools l on l.ticket_type_id = m.ticket_type_id
         group by l.pool_id
    ), counted as (
        update pools p
           set held = p.held + m.held,
               sold = p.sold + m.sold,
               revision = p.revision + (p.kind = 'event')::int,
               updated_at = case when m.held = 0 and m.sold = 0 then p.updated_at else moved_at end
          from moved_pools m
         where p.id = m.pool_id and (m.held <> 0 or m.sold <> 0 or p.kind = 'event')
        returning p.kind, p.revision
    ), stock as (
        select l.ticket_type_id,
               min(p.capacity - p.held - p.sold) as left_before,
               min(p.capacity - p.held - p.sold - coalesce(m.held + m.sold, 0)) as left_after
          from ticket_types t
          join ticket_type_pools l on l.ticket_type_id = t.id
          join pools p on p.id = l.pool_id
          left join moved_pools m on m.pool_id = p.id
         where t.event_id = event
         group by l.ticket_type_id
    ), changed as (
        select jsonb_agg('{"op": "update"}' || ticket_type_json(t, stock.left_after,
                   own.held + coalesce(m.held, 0), own.sold + coalesce(m.sold, 0),
                   case when m.held <> 0 or m.sold <> 0 then moved_at else own.updated_at end)
                   order by t.id) as rows
          from stock
          join ticket_types t on t.id = stock.ticket_type_id
          join pools own on own.ticket_type_id = t.id
          left join moved_types m on m.ticket_type_id = t.id
         where stock.left_after <> stock.left_before or m.held <> 0 or m.sold <> 0
    )
    insert into changes (event_id, revision, at, payload)
    select event, counted.revision, moved_at,
           case when statuses is null then '{}' else jsonb_build_object('seats', statuses) end
           || case when changed.rows is null then '{}' else jsonb_build_object('ticket_types', changed.rows) end
      from counted, changed
     where counted.kind = 'event';

    perform pg_notify('seatcast', event::text);
end
$$;

-- The three triggers differ only in the rows they are shown. Each nets its statement per
-- event and ticket type; dead claims count nothing. Events go in id order, so that two
-- statements over the same events cannot wait for each other.
create function claims_inserted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    net record;
begin
    for net in
        select event_id, array_agg(ticket_type_id) as type_ids, array_agg(held) as held, array_agg(sold) as sold
          from (select event_id, ticket_type_id,
                       coalesce(sum(quantity) filter (where state = 'held'), 0)::int as held,
                       coalesce(sum(quantity) filter (where state = 'sold'), 0)::int as sold
                  from new_rows
                 where state <> 'dead'
                 group by event_id, ticket_type_id) as per_type
         group by event_id
         order by event_id
    loop
        perform move_counters(net.event_id, net.type_ids, net.held, net.sold,
            (select array_agg(seat_id) from new_rows
              where event_id = net.event_id and seat_id is not null and state <> 'dead'));
    end loop;
    return null;
end
$$;

create function claims_deleted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    net record;
begin
    for net in
        select event_id, array_agg(ticket_type_id) as type_ids, array_agg(held) as held, array_agg(sold) as sold
          from (select event_id, ticket_type_id,
                       -coalesce(sum(quantity) filter (where state = 'held'), 0)::int as held,
                       -coalesce(sum(quantity) filter (where state = 'sold'), 0)::int as sold
                  from old_rows
                 where state <> 'dead'
                 group by event_id, ticket_type_id) as per_type
         group by event_id
         order by event_id
    loop
        perform move_counters(net.event_id, net.type_ids, net.held, net.sold,
            (select array_agg(seat_id) from old_rows
              where event_id = net.event_id and seat_id is not null and state <> 'dead'));
    end loop;
    return null;
end
$$;

-- An update is a deletion and an insertion that may cancel out. A seat is concerned when it
-- is not in the same state before and after; a statement that nets to nothing logs nothing.
create function claims_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    net record;
begin
    for net in
        with signed as (
            select event_id, ticket_type_id, seat_id, state, quantity from new_rows where state <> 'dead'
            union all
            select event_id, ticket_type_id, seat_id, state, -quantity from old_rows where state <> 'dead'
        ), per_type as (
            select event_id, ticket_type_id,
                   coalesce(sum(quantity) filter (where state = 'held'), 0)::int as held,
                   coalesce(sum(quantity) filter (where state = 'sold'), 0)::int as sold
              from signed
             group by event_id, ticket_type_id
        ), per_seat as (
            select event_id, array_agg(distinct seat_id) as seat_ids
              from (select event_id, seat_id
                      from signed
                     where seat_id is not null
                     group by event_id, seat_id, state
                    having sum(quantity) <> 0) as moved
             group by event_id
        )
        select t.event_id, array_agg(t.ticket_type_id) as type_ids, array_agg(t.held) as held,
               array_agg(t.sold) as sold, s.seat_ids
          from per_type t
          left join per_seat s on s.event_id = t.event_id
         group by t.event_id, s.seat_ids
        having bool_or(t.held <> 0 or t.sold <> 0) or s.seat_ids is not null
         order by t.event_id
    loop
        perform move_counters(net.event_id, net.type_ids, net.held, net.sold, net.seat_ids);
    end loop;
    return null;
end
$$;

create trigger claims_count_insert after insert on claims referencing new table as new_rows
    for each statement execute function claims_inserted();
create trigger claims_count_update after update on claims referencing old table as old_rows new table as new_rows
    for each statement execute function claims_updated();
create trigger claims_count_delete after delete on claims referencing old table as old_rows
    for each statement execute function claims_deleted();

-- A claim on a seat takes the event's turn before it stands in `claims_one_live_seat`, not after. A
-- writer that had the index entry and waited for the turn would be waited for by whoever has the
-- turn and wants the same seat: a deadlock, a second of standstill, and maybe a whole batch to be
-- decided again. Per row, because only a row knows its seat; the setting, gone with the transaction,
-- spares all but an event's first seat the lock. General admission has no such index and does not pay.
create function claims_take_turn() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform take_turn(new.event_id);
    perform set_config('seatcast.turn_taken', new.event_id::text, true);
    return new;
end
$$;
create trigger claims_take_turn before insert on claims for each row
    when (new.seat_id is not null
          and current_setting('seatcast.turn_taken', true) is distinct from new.event_id::text)
    execute function claims_take_turn();

-- TRUNCATE has no transition table: the counters would keep what is gone.
create function refuse_truncate() returns trigger language plpgsql as $$
begin
    raise exception '% is published row by row: delete its rows instead of truncating it', tg_table_name
        using errcode = '0A000';
end
$$;
create trigger claims_no_truncate before truncate on claims
    for each statement execute function refuse_truncate();

-- The counters are derived, so nobody writes them by hand: not the revision, nor the capacity
-- that mirrors an event's or a ticket type's. Our own writes to `pools` come from within
-- triggers (depth > 0), everybody else's do not. The capacity of a section or an allotment
-- is the organizer's to edit, but not from within another trigger, where it would go unlogged.
create function refuse_pool_write() returns trigger language plpgsql as $$
begin
    raise exception 'counters, revision and mirrored capacity of pools are moved by triggers only'
        using errcode = '42501', constraint = 'pools_derived', table = 'pools',
              hint = 'Write claims to move the counters, and events or ticket_types to move the capacity.';
end
$$;
create trigger pools_guard_insert before insert on pools for each row
    when (pg_trigger_depth() = 0
          and (new.kind in ('event', 'ticket_type') or new.held <> 0 or new.sold <> 0 or new.revision <> 0))
    execute function refuse_pool_write();
create trigger pools_guard_update before update on pools for each row
    when (case when pg_trigger_depth() = 0
               then (old.id, old.event_id, old.kind, old.ticket_type_id, old.held, old.sold, old.revision)
                    is distinct from
                    (new.id, new.event_id, new.kind, new.ticket_type_id, new.held, new.sold, new.revision)
                    or old.capacity <> new.capacity and old.kind in ('event', 'ticket_type')
               else old.capacity <> new.capacity and old.kind in ('section', 'allotment') end)
    execute function refuse_pool_write();
create trigger pools_guard_delete before delete on pools for each row
    when (pg_trigger_depth() = 0 and old.kind in ('event', 'ticket_type'))
    execute function refuse_pool_write();
create trigger pools_no_truncate before truncate on pools
    for each statement execute function refuse_truncate();

-- A type draws on the root and on its own pool for as long as it lives, never on another
-- type's own pool, and never on a pool of another event.
create function check_pool_link() returns trigger language plpgsql
    set search_path = public, pg_temp as $$
declare
    link ticket_type_pools := case when tg_op = 'DELETE' then old else new end;
    pool pools;
begin
    if tg_op = 'UPDATE' then
        raise exception 'a link between ticket type and pool is inserted or deleted, not changed'
            using errcode = '23514', constraint = 'ticket_type_pools_fixed', table = 'ticket_type_pools';
    end if;
    select * into pool from pools where id = link.pool_id;
    if pool.kind in ('event', 'ticket_type') then
        raise exception 'the links to the root pool and to the own pool are made by triggers and stay'
            using errcode = '23514', constraint = 'ticket_type_pools_derived', table = 'ticket_type_pools';
    end if;
    if tg_op = 'INSERT' and pool.event_id <> (select event_id from ticket_types where id = link.ticket_type_id) then
        raise exception 'pool % belongs to another event than ticket type %', link.pool_id, link.ticket_type_id
            using errcode = '23514', constraint = 'ticket_type_pools_same_event', table = 'ticket_type_pools';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;
create trigger ticket_type_pools_check before insert or update or delete on ticket_type_pools
    for each row when (pg_trigger_depth() = 0) execute function check_pool_link();
create trigger ticket_type_pools_no_truncate before truncate on ticket_type_pools
    for each statement execute function refuse_truncate();
