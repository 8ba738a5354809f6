-- Claims move the counters, in the same transaction, whoever writes them.
--
-- Statement-level triggers with transition tables, over sets of events: one move of the counters,
-- one row of the log for each event, one ring, however many claims and events a statement has.
--
-- A rule keeps the cost linear and the plans good, here and in the files that follow. A transition
-- table is only aggregated, or full-joined to the other one (which cannot be a nested loop), or its first row is read; its rows
-- go on as arrays, of which a generic plan expects few, so tables are reached by index.

-- Applies what a statement changed: `types[i]` moved by `held_by[i]` and `sold_by[i]` units, and the
-- status of `seat_ids` may have changed.
--
-- The turns are taken before anything is read, so that what is read is the state after the last
-- commit and stays so.
--
-- Mostly the rows of the types that moved are all that changes for viewers of an event. Another type has less only if the
-- event's own pool is, or was, the one of its pools that has least: so if some type's own pool has more than that.
-- Sections, allotments and hidden types have more to tell. The first statement moves the counters, and logs the events
-- of the first kind with one look at an event's pools. Of the others the second one looks at every type and its pools.
create function move_stock(events bigint[], types bigint[], held_by int[], sold_by int[], seat_ids bigint[])
    returns void language plpgsql as $$
declare
    moved_at timestamptz;
    blocked_seat bigint;
    seated_events bigint[];
    seated_seats jsonb[];
    logged record;
    others bigint[];
    rest record;
    -- Of the rows as JSON, as `change_json` has it.
    head text := '{"revision": ';
    middle text;
begin
    perform take_turns(events);
    moved_at := clock_timestamp();
    middle := ', "at": "' || rfc3339(moved_at) || '", "payload": ';
    if seat_ids is not null then
        select min(s.id) into blocked_seat
          from unnest(seat_ids) as concerned (id)
          cross join lateral (select * from seats where id = concerned.id and blocked limit 1) s
         where exists (select from claims c where c.seat_id = s.id and c.state <> 'dead');
        if blocked_seat is not null then
            raise exception 'seat % is blocked', blocked_seat
                using errcode = '23514', constraint = 'claims_seat_not_blocked', table = 'claims';
        end if;
        select array_agg(event_id), array_agg(seats) into seated_events, seated_seats
          from (select s.event_id,
                       jsonb_agg(jsonb_build_array(s.position, seat_status(s.blocked or t.hidden, c.state)) order by s.position) as seats
                  from unnest(seat_ids) as concerned (id)
                  cross join lateral (select * from seats where id = concerned.id limit 1) s
                  cross join lateral (select hidden from ticket_types where id = s.ticket_type_id limit 1) t
                  left join claims c on c.seat_id = s.id and c.state <> 'dead'
                 group by s.event_id) as of_event;
    end if;
    -- The look at the pools still finds the counters as they were: a statement does not see its own updates.
    with moved as (
        select l.pool_id, sum(m.held)::int as held, sum(m.sold)::int as sold
          from unnest(types, held_by, sold_by) as m (ticket_type_id, held, sold)
          join ticket_type_pools l on l.ticket_type_id = m.ticket_type_id
         group by l.pool_id
    ), counted as (
        update pools p set held = p.held + m.held, sold = p.sold + m.sold, updated_at = moved_at
          from moved m
         where p.id = m.pool_id and (m.held <> 0 or m.sold <> 0)
        returning p.event_id, p.kind, p.ticket_type_id, p.held, p.sold, m.held + m.sold as units,
                  p.capacity - p.held - p.sold - p.blocked as units_left
    ), plain as (
        select root.*
          from (select event_id, max(units_left) filter (where kind = 'event') as units_left,
                       max(units) filter (where kind = 'event') as units,
                       array_agg(ticket_type_id) filter (where kind = 'ticket_type') as types,
                       array_agg(held) filter (where kind = 'ticket_type') as held,
                       array_agg(sold) filter (where kind = 'ticket_type') as sold,
                       array_agg(units_left) filter (where kind = 'ticket_type') as types_left
                  from counted group by event_id) root
         where root.units_left is not null
           and not exists (
               select from pools o
                where o.event_id = root.event_id and o.kind <> 'event'
                  and (o.kind <> 'ticket_type'
                       or root.units <> 0
                          and o.capacity - o.held - o.sold - o.blocked > least(root.units_left, root.units_left + root.units)
                          and o.ticket_type_id <> all(root.types)))
           and not exists (select from ticket_types h where h.event_id = root.event_id and h.hidden)
    ), told as (
        select event_id, jsonb_object_agg(part, rows) as payload
          from (select plain.event_id, 'ticket_types' as part,
                       jsonb_agg('{"op": "update"}' || ticket_type_json(t, least(own.units_left, plain.units_left),
                                                                       own.held, own.sold, moved_at, null) order by t.id) as rows
                  from plain
                  cross join lateral unnest(plain.types, plain.held, plain.sold, plain.types_left) own (ticket_type_id, held, sold, units_left)
                  cross join lateral (select * from ticket_types where id = own.ticket_type_id limit 1) t
                 group by plain.event_id
                union all
                select event_id, 'seats', seats from unnest(seated_events, seated_seats) s (event_id, seats)) as parts
         group by event_id
        having bool_or(part = 'ticket_types')
    ), moved_turns as (
        update turns turn set revision = turn.revision + 1
          from told
         where turn.event_id = told.event_id
        returning turn.event_id, turn.revision, moved_at, told.payload
    ), log as (
        insert into changes as c (event_id, revision, at, payload) select * from moved_turns
        returning event_id, case when cardinality(events) <= 350 then head || c.revision || middle || c.payload::text || '}' end as row
    )
    select array_agg(event_id) as events, array_agg(row) as rows into logged from log;
    if cardinality(logged.events) is distinct from cardinality(events) then
        others := array(select unnest(events) except select unnest(logged.events));
        with moved as (
            select l.pool_id, sum(m.held)::int as held, sum(m.sold)::int as sold
              from unnest(types, held_by, sold_by) as m (ticket_type_id, held, sold)
              join ticket_type_pools l on l.ticket_type_id = m.ticket_type_id
             group by l.pool_id
        ), stock as (
            select e.id as event_id, l.ticket_type_id,
                   min(p.capacity - p.held - p.sold - p.blocked + coalesce(m.held + m.sold, 0)) as left_before,
                   min(p.capacity - p.held - p.sold - p.blocked) as left_after,
                   max(p.held) filter (where p.ticket_type_id = l.ticket_type_id) as held,
                   max(p.sold) filter (where p.ticket_type_id = l.ticket_type_id) as sold,
                   max(p.updated_at) filter (where p.ticket_type_id = l.ticket_type_id) as updated_at,
                   jsonb_agg(jsonb_build_array(p.id, p.capacity - p.held - p.sold) order by p.id)
                       filter (where p.kind in ('section', 'allotment') or p.kind = 'event' and e.hides) as shared,
                   coalesce(bool_or(m.pool_id is not null
                                    and (p.kind in ('section', 'allotment') or p.kind = 'event' and e.hides)), false) as shared_moved
              from ((select given.id, exists (select from ticket_types h where h.event_id = given.id and h.hidden) as hides
                       from unnest(others) as given (id) offset 0) e
                    join ticket_types t on t.event_id = e.id
                    join ticket_type_pools l on l.ticket_type_id = t.id
                    join pools p on p.id = l.pool_id)
              full join moved m on m.pool_id = p.id
             group by e.id, l.ticket_type_id
        ), told as (
            select event_id, coalesce(jsonb_object_agg(part, rows) filter (where rows is not null), '{}') as payload
              from (select stock.event_id, 'ticket_types' as part,
                           jsonb_agg('{"op": "update"}'
                                     || ticket_type_json(t, left_after, held, sold, stock.updated_at, shared) order by t.id)
                               filter (where t.id is not null) as rows
                      from stock
                      left join lateral (
                          select * from ticket_types t
                           where t.id = stock.ticket_type_id
                             and (left_after <> left_before or stock.updated_at = moved_at or shared_moved)
                           limit 1) t on true
                     group by stock.event_id
                    union all
                    select event_id, 'seats', seats from unnest(seated_events, seated_seats) s (event_id, seats)
                     where event_id = any(others)) as parts
             group by event_id
        ), moved_turns as (
            update turns turn set revision = turn.revision + 1
              from told
             where turn.event_id = told.event_id
            returning turn.event_id, turn.revision, moved_at, told.payload
        ), log as (
            insert into changes as c (event_id, revision, at, payload) select * from moved_turns
            returning event_id, case when cardinality(events) <= 350 then head || c.revision || middle || c.payload::text || '}' end as row
        )
        select array_agg(event_id) as events, array_agg(row) as rows into rest from log;
        logged.events := logged.events || rest.events;
        logged.rows := logged.rows || rest.rows;
    end if;
    if cardinality(logged.events) is distinct from cardinality(events) then
        raise exception 'claims of events % have no ticket type or no turn to count by', events
            using errcode = '23503', constraint = 'claims_counted', table = 'claims';
    end if;
    perform ring_changes(logged.events, logged.rows);
end
$$;

-- Claims are of a booking and of a ticket type of their event, of one with seats by the seat and of any other by units: foreign
-- keys in all but their form, which asked for each row. Under the turns nobody has to lock a ticket type: the end of a type,
-- and its first and last seat, take them as well before they look for claims.
create function check_types(events bigint[], types bigint[], are_seated boolean[]) returns void language plpgsql as $$
declare
    fit record;
begin
    select count(*) as types, count(*) filter (where claimed.is_seated <> t.seated) as mistaken
      into fit
      from unnest(types, events, are_seated) as claimed (ticket_type_id, event_id, is_seated)
     cross join lateral (select seated from ticket_types
                          where id = claimed.ticket_type_id and event_id = claimed.event_id limit 1) t;
    if fit.types <> cardinality(types) then
        perform refuse_claim('claims_type_of_event');
    elsif fit.mistaken > 0 then
        perform refuse_claim('claims_seated_as_type');
    end if;
end
$$;

-- The same with bookings, which are locked as a key does it. The server's desk is spared this: it makes the bookings in the
-- same statement, or has just changed their rows (`src/store/desk/write.rs`); and a booking that has had a claim stays of its
-- event.
--
-- `are_seated[i]` is null of a dead claim. It moves no counter, so the turns of such are written here: a REPEATABLE READ
-- transaction that began before and deletes the type ends in 40001.
create function check_claims(booking_ids uuid[], events bigint[], types bigint[], are_seated boolean[])
    returns void language plpgsql as $$
begin
    perform take_turns(events);
    if array_position(are_seated, null) is not null then
        perform log_changes(array(select distinct event_id from unnest(events, are_seated) as c (event_id, is_seated)
                                   where is_seated is null), null);
    end if;
    if (select count(*) from unnest(booking_ids, events) as claimed (booking_id, event_id)
         cross join lateral (select from bookings where id = claimed.booking_id and event_id = claimed.event_id
                              limit 1 for key share) b) <> cardinality(booking_ids) then
        perform refuse_claim('claims_booking_of_event');
    end if;
    perform check_types(events, types, are_seated);
end
$$;

create function refuse_claim(by_constraint text) returns void language plpgsql as $$
begin
    raise exception 'claims are of a booking and a ticket type of their event, by the seat where the type has seats'
        using errcode = '23503', constraint = by_constraint, table = 'claims',
              hint = 'It is also refused to delete or change what claims refer to so that they would be none.';
end
$$;

-- Counts a version of the booking of one claim, as `count_versions` does it, and proves with the same look that it is a booking
-- of this event. If this transaction has written the booking's row, that is locked and has its new version.
create function count_claimed(booking uuid, event bigint) returns void language plpgsql set xmlbinary = base64 as $$
declare
    nothing text;
    claimed record;
begin
    select user_id, xmin = pg_current_xact_id()::xid as is_own into claimed from bookings where id = booking and event_id = event;
    if claimed.is_own then
        return;
    end if;
    nothing := set_config('seatcast.only_versions', 'on', true);
    update bookings set version = version + 1, updated_at = clock_timestamp() where id = booking and event_id = event;
    if not found then
        perform refuse_claim('claims_booking_of_event');
    end if;
    nothing := set_config('seatcast.only_versions', '', true);
    if claimed.user_id is not null then
        perform ring('users:', array[claimed.user_id]);
    end if;
end
$$;

-- The same as `move_stock` for one ticket type and no seats: most statements. `move_stock` prepares half a millisecond for
-- sets; this reads what one event has, statement by statement under its turn. Functions are called by assigning their result
-- to `nothing`, here and where single claims are counted: `perform` would run a query for each.
--
-- Mostly the type's own row is all that changes for viewers. Another type has less only if the event's own pool is, or was,
-- the one of its pools that has least: so if some type's own pool has more than that. Sections, allotments and hidden types
-- have more to tell. Then, and only then, the pools of every type of the event are looked at.
create function move_units(event bigint, moved_type bigint, held_by int, sold_by int) returns void language plpgsql as $$
declare
    nothing text;
    moved_at timestamptz;
    next bigint;
    is_hiding boolean;
    logged text;
begin
    update turns t set revision = t.revision + 1 where t.event_id = event returning t.revision, t.hides into next, is_hiding;
    if next is null then
        perform refuse_units(event, moved_type);
    end if;
    moved_at := clock_timestamp();
    with moved as (
        update pools p set held = p.held + held_by, sold = p.sold + sold_by, updated_at = moved_at
          from ticket_type_pools l
         where l.ticket_type_id = moved_type and p.id = l.pool_id
        returning p.kind, p.held, p.sold, p.capacity - p.held - p.sold - p.blocked as units
    )
    insert into changes as c (event_id, revision, at, payload)
    select event, next, moved_at,
           jsonb_build_object('ticket_types', jsonb_build_array(
               '{"op": "update"}' || ticket_type_json(t, stock.units, stock.held, stock.sold, moved_at, null)))
      from (select min(units) as units, max(units) filter (where kind = 'event') as of_event,
                   max(held) filter (where kind = 'ticket_type') as held,
                   max(sold) filter (where kind = 'ticket_type') as sold
              from moved) stock
      cross join ticket_types t
     where t.id = moved_type and t.event_id = event and not t.seated and not is_hiding
       and not exists (
           select from pools o
            where o.event_id = event and o.kind <> 'event' and o.ticket_type_id is distinct from moved_type
              and (o.kind <> 'ticket_type'
                   or held_by + sold_by <> 0
                      and o.capacity - o.held - o.sold - o.blocked > least(stock.of_event, stock.of_event + held_by + sold_by)))
    returning c.payload::text into logged;
    if logged is null then
        if not exists (select from ticket_types where id = moved_type and event_id = event and not seated)
           or not exists (select from ticket_type_pools where ticket_type_id = moved_type) then
            perform refuse_units(event, moved_type);
        end if;
        -- The pools that moved are those with this time.
        insert into changes as c (event_id, revision, at, payload)
        select event, next, moved_at,
               jsonb_build_object('ticket_types', jsonb_agg(
                   '{"op": "update"}' || ticket_type_json(t, stock.left_after, stock.held, stock.sold, stock.updated_at, stock.shared)
                   order by t.id))
          from ticket_types t
          cross join lateral (
              select min(p.capacity - p.held - p.sold - p.blocked) as left_after,
                     min(p.capacity - p.held - p.sold - p.blocked
                         + case when p.updated_at = moved_at then held_by + sold_by else 0 end) as left_before,
                     max(p.held) filter (where p.ticket_type_id = t.id) as held,
                     max(p.sold) filter (where p.ticket_type_id = t.id) as sold,
                     max(p.updated_at) filter (where p.ticket_type_id = t.id) as updated_at,
                     jsonb_agg(jsonb_build_array(p.id, p.capacity - p.held - p.sold) order by p.id)
                         filter (where p.kind in ('section', 'allotment') or p.kind = 'event' and is_hiding) as shared,
                     coalesce(bool_or(p.updated_at = moved_at
                                      and (p.kind in ('section', 'allotment') or p.kind = 'event' and is_hiding)), false) as shared_moved
                from ticket_type_pools l join pools p on p.id = l.pool_id
               where l.ticket_type_id = t.id) stock
         where t.event_id = event and (t.id = moved_type or stock.left_after <> stock.left_before or stock.shared_moved)
        returning c.payload::text into logged;
    end if;
    -- As `change_json` has it.
    logged := '{"revision": ' || next || ', "at": "' || rfc3339(moved_at) || '", "payload": ' || logged || '}';
    if octet_length(logged) <= 2000 then
        nothing := pg_notify(current_schema(), 'change:' || event || ':' || logged);
    else
        perform ring('', array[event]);
    end if;
end
$$;

-- Says why units of this type cannot be counted for this event.
create function refuse_units(event bigint, of_type bigint) returns void language plpgsql as $$
declare
    is_seated boolean;
begin
    select seated into is_seated from ticket_types where id = of_type and event_id = event;
    if is_seated is null then
        perform refuse_claim('claims_type_of_event');
    elsif is_seated then
        perform refuse_claim('claims_seated_as_type');
    end if;
    raise exception 'claims of event % have no turn or no ticket type to count by', event
        using errcode = '23503', constraint = 'claims_counted', table = 'claims';
end
$$;

-- Units that claims take of what vouchers set aside, or give back (`V12__prices.sql`): `units[i]` of `vouchers[i]`, by claims of
-- that event and ticket type. Answers what is set aside more or less, by event and type: it counts as held, so a claim on it
-- moves the counters by what it takes of the common stock alone. In one move with the claim, so nobody ever sees the units free.
create function draw_reserves(vouchers bigint[], events bigint[], types bigint[], units int[],
                              out of_events bigint[], out of_types bigint[], out held int[], out sold int[])
    language plpgsql as $$
declare
    found_of bigint;
begin
    perform take_turns(events);
    with drawn as (
        update vouchers v set reserved_taken = v.reserved_taken + d.by
          from unnest(draw_reserves.vouchers, draw_reserves.events, draw_reserves.types, draw_reserves.units)
                as d (voucher_id, event_id, ticket_type_id, by)
         where v.id = d.voucher_id and v.event_id = d.event_id and v.ticket_type_ids = array[d.ticket_type_id]
        returning d.event_id, d.ticket_type_id,
                  v.reserved_left - case when v.reserve_open then greatest(v.reserved - v.reserved_taken + d.by, 0) else 0 end as held
    ), per_type as (
        select event_id, ticket_type_id, sum(drawn.held)::int as held, count(*) as vouchers
          from drawn group by event_id, ticket_type_id
    )
    select array_agg(event_id), array_agg(ticket_type_id), array_agg(per_type.held), array_agg(0), sum(per_type.vouchers)
      into of_events, of_types, held, sold, found_of
      from per_type;
    if found_of is distinct from cardinality(vouchers) then
        perform refuse_claim('claims_voucher_of_type');
    end if;
end
$$;

-- Nets a statement per event and type; dead claims count nothing. An update is a deletion and an
-- insertion that may cancel out: a seat is concerned when it is not in the same state before and
-- after, and an event that nets to nothing is left out.
--
-- After the counters, and so under the turns, come the numbers of tickets that were sold or given back
-- (`V17__numbers.sql`) and the versions of the bookings. All of it is in one function, since each function of a
-- statement costs a call, and each query over a transition table half of one.
create function claims_inserted() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    nothing text;
    is_desk boolean;
    one record;
    net record;
    moved record;
    -- Changes of reserved units, by event and type.
    drawn_events bigint[];
    drawn_types bigint[];
    drawn_held int[];
    drawn_sold int[];
begin
    select event_id, ticket_type_id, booking_id, quantity, state, seat_id, voucher_id, (select count(*) from new_rows) as rows
      into one from new_rows limit 1;
    if one.rows is null then
        return null;
    end if;
    -- Units that one booking holds: most statements of a single buyer.
    if one.rows = 1 and one.state = 'held' and one.seat_id is null then
        if one.voucher_id is not null then
            select one.quantity + held[1] into one.quantity
              from draw_reserves(array[one.voucher_id], array[one.event_id], array[one.ticket_type_id], array[one.quantity]);
        end if;
        nothing := move_units(one.event_id, one.ticket_type_id, one.quantity, 0);
        if current_setting('seatcast.writer', true) is distinct from 'desk' then
            nothing := count_claimed(one.booking_id, one.event_id);
        end if;
        return null;
    end if;
    is_desk := current_setting('seatcast.writer', true) is not distinct from 'desk';
    select min(event_id) as event, max(event_id) as last_event, min(ticket_type_id) as type, max(ticket_type_id) as last_type,
           sum(quantity)::int as units, array_agg(booking_id) as bookings, bool_or(state = 'sold') as are_sold,
           max(seat_id) is not null or min(state) <> max(state) or min(state) = 'dead' as is_mixed,
           max(voucher_id) is not null as draw
      into net from new_rows;
    if not is_desk then
        perform check_claims(array_agg(booking_id), array_agg(event_id), array_agg(ticket_type_id), array_agg(is_seated))
           from (select distinct booking_id, event_id, ticket_type_id,
                        case when state <> 'dead' then seat_id is not null end as is_seated
                   from new_rows) as claimed;
    end if;
    if net.draw then
        select d.* into drawn_events, drawn_types, drawn_held, drawn_sold
          from (select array_agg(voucher_id) as vouchers, array_agg(event_id) as events, array_agg(ticket_type_id) as types,
                       array_agg(units) as units
                  from (select voucher_id, event_id, ticket_type_id, sum(quantity)::int as units from new_rows
                         where voucher_id is not null and state <> 'dead' group by voucher_id, event_id, ticket_type_id) each) g
         cross join lateral draw_reserves(g.vouchers, g.events, g.types, g.units) d
         where g.vouchers is not null;
    end if;
    if net.event = net.last_event and net.type = net.last_type and not net.is_mixed then
        if net.are_sold then
            nothing := move_units(net.event, net.type, coalesce(drawn_held[1], 0), net.units);
        else
            nothing := move_units(net.event, net.type, net.units + coalesce(drawn_held[1], 0), 0);
        end if;
    else
        select array_agg(distinct event_id) as events, array_agg(event_id) as events_of, array_agg(ticket_type_id) as types,
               array_agg(is_seated) as are_seated, array_agg(held) as held, array_agg(sold) as sold
          into moved
          from (select event_id, ticket_type_id, seat_id is not null as is_seated,
                       coalesce(sum(quantity) filter (where state = 'held'), 0)::int as held,
                       coalesce(sum(quantity) filter (where state = 'sold'), 0)::int as sold
                  from new_rows where state <> 'dead' group by event_id, ticket_type_id, seat_id is not null) as per_type;
        if moved.events is not null then
            if is_desk then
                nothing := check_types(moved.events_of, moved.types, moved.are_seated);
            end if;
            perform move_stock(moved.events, moved.types || drawn_types, moved.held || drawn_held, moved.sold || drawn_sold,
                (select array_agg(seat_id) from new_rows where seat_id is not null and state <> 'dead'));
        end if;
    end if;
    if net.are_sold then
        select array_agg(event_id) as events, array_agg(ticket_type_id) as types, array_agg(booking_id) as bookings,
               array_agg(units) as units
          into moved
          from (select event_id, ticket_type_id, booking_id, sum(quantity)::int as units
                  from new_rows where state = 'sold' group by event_id, ticket_type_id, booking_id) as sold;
        perform add_ticket_numbers(moved.events, moved.types, moved.bookings, moved.units);
    end if;
    if not is_desk then
        perform count_versions(net.bookings);
    end if;
    return null;
end
$$;

create function claims_changed() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    one record;
    net record;
    moved record;
    -- Changes of reserved units, by event and type.
    drawn_events bigint[];
    drawn_types bigint[];
    drawn_held int[];
    drawn_sold int[];
begin
    select n.event_id, n.ticket_type_id, n.booking_id, n.voucher_id,
           case n.state when 'held' then n.quantity else 0 end - case o.state when 'held' then o.quantity else 0 end as held,
           case n.state when 'sold' then n.quantity else 0 end - case o.state when 'sold' then o.quantity else 0 end as sold,
           n.seat_id is null and o.seat_id is null and (n.event_id, n.ticket_type_id, n.booking_id)
               = (o.event_id, o.ticket_type_id, o.booking_id) and n.voucher_id is not distinct from o.voucher_id as is_simple,
           (select count(*) from new_rows) as rows
      into one from old_rows o, new_rows n limit 1;
    if one.rows is null then
        return null;
    end if;
    -- One claim on units, of which something that counts has changed: most statements of a single buyer.
    if one.rows = 1 and one.is_simple and (one.held <> 0 or one.sold <> 0) then
        if one.voucher_id is not null and one.held + one.sold <> 0 then
            select one.held + d.held[1] into one.held
              from draw_reserves(array[one.voucher_id], array[one.event_id], array[one.ticket_type_id], array[one.held + one.sold]) d;
        end if;
        perform move_units(one.event_id, one.ticket_type_id, one.held, one.sold);
        if one.sold <> 0 then
            perform add_ticket_numbers(array[one.event_id], array[one.ticket_type_id], array[one.booking_id], array[one.sold]);
        end if;
        if current_setting('seatcast.writer', true) is distinct from 'desk' then
            perform count_versions(array[one.booking_id]);
        end if;
        return null;
    end if;
    if current_setting('seatcast.writer', true) is distinct from 'desk' then
        -- Those of another booking, event or type than before, or on a seat instead of units.
        select array_agg(booking_id) as bookings, array_agg(event_id) as events, array_agg(ticket_type_id) as types,
               array_agg(is_seated) as are_seated
          into net
          from (select booking_id, event_id, ticket_type_id, case when state <> 'dead' then seat_id is not null end as is_seated
                  from new_rows
                except
                select booking_id, event_id, ticket_type_id, kind
                  from old_rows cross join lateral (values (case when state <> 'dead' then seat_id is not null end), (null))
                                      as either (kind)) as changed;
        if net.bookings is not null then
            perform check_claims(net.bookings, net.events, net.types, net.are_seated);
        end if;
    end if;
    select min(event_id) as event, max(event_id) as last_event, min(ticket_type_id) as type, max(ticket_type_id) as last_type,
           coalesce(sum(sign * quantity) filter (where state = 'held'), 0)::int as held,
           coalesce(sum(sign * quantity) filter (where state = 'sold'), 0)::int as sold,
           max(seat_id) is not null as has_seats, bool_or(state = 'sold') as were_or_are_sold,
           max(voucher_id) is not null as draw
      into net
      from (select 1 as sign, event_id, ticket_type_id, seat_id, quantity, state, voucher_id from new_rows
            union all
            select -1, event_id, ticket_type_id, seat_id, quantity, state, voucher_id from old_rows) as signed;
    if net.draw then
        select d.* into drawn_events, drawn_types, drawn_held, drawn_sold
          from (select array_agg(voucher_id) as vouchers, array_agg(event_id) as events, array_agg(ticket_type_id) as types,
                       array_agg(units) as units
                  from (select voucher_id, event_id, ticket_type_id, sum(quantity)::int as units
                          from (select voucher_id, event_id, ticket_type_id, quantity from new_rows
                                 where voucher_id is not null and state <> 'dead'
                                union all
                                select voucher_id, event_id, ticket_type_id, -quantity from old_rows
                                 where voucher_id is not null and state <> 'dead') as signed
                         group by voucher_id, event_id, ticket_type_id having sum(quantity) <> 0) each) g
         cross join lateral draw_reserves(g.vouchers, g.events, g.types, g.units) d
         where g.vouchers is not null;
    end if;
    if net.event = net.last_event and net.type = net.last_type and not net.has_seats then
        if net.held <> 0 or net.sold <> 0 or drawn_types is not null then
            perform move_units(net.event, net.type, net.held + coalesce(drawn_held[1], 0), net.sold);
        end if;
    else
        with signed as (
            select event_id, ticket_type_id, seat_id, state, quantity from new_rows where state <> 'dead'
            union all
            select event_id, ticket_type_id, seat_id, state, -quantity from old_rows where state <> 'dead'
        ), per_type as (
            select event_id, ticket_type_id,
                   coalesce(sum(quantity) filter (where state = 'held'), 0)::int as held,
                   coalesce(sum(quantity) filter (where state = 'sold'), 0)::int as sold
              from signed group by event_id, ticket_type_id
        ), per_seat as (
            select event_id, seat_id from signed
             where seat_id is not null group by event_id, seat_id, state having sum(quantity) <> 0
        ), moved as (
            select event_id from per_type where held <> 0 or sold <> 0
            union
            select event_id from per_seat
            union
            select unnest(drawn_events)
        )
        select array_agg(distinct event_id) as events, array_agg(ticket_type_id) as types,
               array_agg(held) as held, array_agg(sold) as sold,
               (select array_agg(distinct seat_id) from per_seat) as seats
          into moved
          from per_type where event_id in (select event_id from moved);
        if moved.events is not null then
            perform move_stock(moved.events, moved.types || drawn_types, moved.held || drawn_held, moved.sold || drawn_sold,
                               moved.seats);
        end if;
    end if;
    if net.were_or_are_sold then
        select array_agg(event_id) as events, array_agg(ticket_type_id) as types, array_agg(booking_id) as bookings,
               array_agg(units) as units
          into moved
          from (select event_id, ticket_type_id, booking_id, sum(quantity)::int as units
                  from (select event_id, ticket_type_id, booking_id, quantity from new_rows where state = 'sold'
                        union all
                        select event_id, ticket_type_id, booking_id, -quantity from old_rows where state = 'sold') as signed
                 group by event_id, ticket_type_id, booking_id having sum(quantity) <> 0) as sold;
        if moved.events is not null then
            perform add_ticket_numbers(moved.events, moved.types, moved.bookings, moved.units);
        end if;
    end if;
    if current_setting('seatcast.writer', true) is distinct from 'desk' then
        -- A claim that moves to another booking is news of both.
        perform count_versions(array(
            select booking_id from (select * from old_rows except select * from new_rows) as gone
            union
            select booking_id from (select * from new_rows except select * from old_rows) as come));
    end if;
    return null;
end
$$;

create function claims_deleted() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    net record;
    moved record;
    -- Changes of reserved units, by event and type.
    drawn_events bigint[];
    drawn_types bigint[];
    drawn_held int[];
    drawn_sold int[];
begin
    select array_agg(distinct event_id) as events, array_agg(ticket_type_id) as types,
           array_agg(held) as held, array_agg(sold) as sold, bool_or(draw) as draw
      into net
      from (select event_id, ticket_type_id, max(voucher_id) is not null as draw,
                   -coalesce(sum(quantity) filter (where state = 'held'), 0)::int as held,
                   -coalesce(sum(quantity) filter (where state = 'sold'), 0)::int as sold
              from old_rows where state <> 'dead' group by event_id, ticket_type_id) as per_type;
    if net.draw then
        select d.* into drawn_events, drawn_types, drawn_held, drawn_sold
          from (select array_agg(voucher_id) as vouchers, array_agg(event_id) as events, array_agg(ticket_type_id) as types,
                       array_agg(units) as units
                  from (select voucher_id, event_id, ticket_type_id, -sum(quantity)::int as units from old_rows
                         where voucher_id is not null and state <> 'dead' group by voucher_id, event_id, ticket_type_id) each) g
         cross join lateral draw_reserves(g.vouchers, g.events, g.types, g.units) d
         where g.vouchers is not null;
    end if;
    if net.events is not null then
        perform move_stock(net.events, net.types || drawn_types, net.held || drawn_held, net.sold || drawn_sold,
            (select array_agg(seat_id) from old_rows where seat_id is not null and state <> 'dead'));
        select array_agg(event_id) as events, array_agg(ticket_type_id) as types, array_agg(booking_id) as bookings,
               array_agg(units) as units
          into moved
          from (select event_id, ticket_type_id, booking_id, -sum(quantity)::int as units
                  from old_rows where state = 'sold' group by event_id, ticket_type_id, booking_id) as sold;
        if moved.events is not null then
            perform add_ticket_numbers(moved.events, moved.types, moved.bookings, moved.units);
        end if;
    end if;
    perform count_versions(array(select distinct booking_id from old_rows));
    return null;
end
$$;

create trigger claims_count_insert after insert on claims referencing new table as new_rows
    for each statement execute function claims_inserted();
create trigger claims_count_update after update on claims referencing old table as old_rows new table as new_rows
    for each statement execute function claims_changed();
create trigger claims_count_delete after delete on claims referencing old table as old_rows
    for each statement execute function claims_deleted();
create trigger claims_no_truncate before truncate on claims
    for each statement execute function refuse_truncate();

-- A claim on a seat takes the event's turn before it stands in `claims_one_live_seat`, not after. A
-- writer that had the index entry and waited for the turn would be waited for by whoever has the
-- turn and wants the same seat: a deadlock, a second of standstill, and maybe a whole batch to be
-- decided again. Per row, because only a row knows its seat; the setting, gone with the transaction,
-- spares all but an event's first seat the lock. General admission has no such index and does not pay.
create function claims_take_turn() returns trigger language plpgsql
    security definer set search_path from current as $$
begin
    perform from turns where event_id = new.event_id for no key update;
    perform set_config('seatcast.turn_taken', new.event_id::text, true);
    return new;
end
$$;
create trigger claims_take_turn before insert on claims for each row
    when (new.seat_id is not null
          and current_setting('seatcast.turn_taken', true) is distinct from new.event_id::text)
    execute function claims_take_turn();

-- The counters are derived, so nobody writes them by hand, nor the capacity that mirrors an event's
-- or a ticket type's. The capacity of a section or an allotment is the organizer's to edit.
create function refuse_pool_write() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and not exists (select from events where id = old.event_id)
       or tg_op = 'DELETE' and old.kind = 'ticket_type'
          and not exists (select from ticket_types where id = old.ticket_type_id) then
        return old; -- goes with its event or ticket type
    end if;
    if tg_op = 'UPDATE' and (old.id, old.event_id, old.kind, old.ticket_type_id, old.held, old.sold, old.blocked)
                            is not distinct from (new.id, new.event_id, new.kind, new.ticket_type_id, new.held, new.sold, new.blocked)
       and (old.capacity = new.capacity or old.kind not in ('event', 'ticket_type')) then
        return new;
    end if;
    raise exception 'counters and mirrored capacity of pools are moved by triggers only'
        using errcode = '42501', constraint = 'pools_derived', table = 'pools',
              hint = 'Write claims to move the counters, and events or ticket_types to move the capacity.';
end
$$;
create trigger pools_guard_insert before insert on pools for each row
    when (current_setting('xmlbinary') <> 'hex'
          and (new.kind in ('event', 'ticket_type') or new.held <> 0 or new.sold <> 0 or new.blocked <> 0))
    execute function refuse_pool_write();
-- The condition is parsed anew in each statement that updates pools, so it is short.
create trigger pools_guard_update before update on pools for each row
    when (current_setting('xmlbinary') <> 'hex') execute function refuse_pool_write();
create trigger pools_guard_delete before delete on pools for each row
    when (old.kind in ('event', 'ticket_type')) execute function refuse_pool_write();
-- `xmlbinary = hex` tells the guards that one of our own functions writes, which run as the tables' owner. A session of another
-- role can set it as well, and would get past them. Beside the guards, and only for columns that the roles may write, since
-- the counters move with every sale.
create function refuse_foreign_hex() returns trigger language plpgsql set search_path from current as $$
begin
    if not pg_has_role((select relowner from pg_class where oid = tg_relid), 'usage') then
        raise exception '% is not written while xmlbinary is hex', tg_table_name
            using errcode = '42501', constraint = tg_argv[0], table = tg_table_name, hint = 'Reset xmlbinary.';
    end if;
    return coalesce(new, old);
end
$$;
create trigger pools_guard_hex before insert or update of name, capacity on pools for each row
    when (current_setting('xmlbinary') = 'hex') execute function refuse_foreign_hex('pools_derived');
create trigger pools_no_truncate before truncate on pools
    for each statement execute function refuse_truncate();

-- A type draws on the root and on its own pool for as long as it lives, never on another type's own
-- pool, and never on a pool of another event.
create function check_pool_link() returns trigger language plpgsql set search_path from current as $$
declare
    link ticket_type_pools := case when tg_op = 'DELETE' then old else new end;
    pool pools;
    type_event bigint;
begin
    if tg_op = 'UPDATE' then
        raise exception 'a link between ticket type and pool is inserted or deleted, not changed'
            using errcode = '23514', constraint = 'ticket_type_pools_fixed', table = 'ticket_type_pools';
    end if;
    select * into pool from pools where id = link.pool_id;
    select event_id into type_event from ticket_types where id = link.ticket_type_id;
    if pool.kind in ('event', 'ticket_type') and type_event is not null then
        raise exception 'the links to the root pool and to the own pool are made by triggers and stay'
            using errcode = '23514', constraint = 'ticket_type_pools_derived', table = 'ticket_type_pools';
    end if;
    if tg_op = 'INSERT' and pool.event_id <> type_event then
        raise exception 'pool % belongs to another event than ticket type %', link.pool_id, link.ticket_type_id
            using errcode = '23514', constraint = 'ticket_type_pools_same_event', table = 'ticket_type_pools';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;
create trigger ticket_type_pools_check before insert or update or delete on ticket_type_pools for each row
    when (current_setting('xmlbinary') <> 'hex') execute function check_pool_link();
create trigger ticket_type_pools_guard_hex before insert or delete on ticket_type_pools for each row
    when (current_setting('xmlbinary') = 'hex') execute function refuse_foreign_hex('ticket_type_pools_derived');
create trigger ticket_type_pools_no_truncate before truncate on ticket_type_pools
    for each statement execute function refuse_truncate();
