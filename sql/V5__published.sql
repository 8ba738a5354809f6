-- Events, ticket types, pools, links and the seat map are published the same way as claims: by
-- statement-level triggers that take the turns of the events, compare before with after, log what
-- differs and ring. A statement that changes nothing logs nothing.

-- Units left of each ticket type of the events, by its id, to be compared after a change.
-- `capacities` has those of pools (by id) that were changed already, as they were before.
create function stock_left(events bigint[], capacities jsonb default '{}') returns jsonb language plpgsql as $$
begin
    return (
        select coalesce(jsonb_object_agg(id, units), '{}')
          from (select t.id, min(coalesce((capacities ->> p.id::text)::int, p.capacity) - p.held - p.sold - p.blocked) as units
                  from unnest(events) e (id)
                  join ticket_types t on t.event_id = e.id
                  join ticket_type_pools l on l.ticket_type_id = t.id
                  join pools p on p.id = l.pool_id
                 group by t.id) as stock);
end
$$;

-- Logs what became of the events' stock: full rows of the types that are now not as `before` says, of
-- those that share a pool, and of those in `told`. `parts` has what else is to be logged, by event id. The types in `come`
-- are new to viewers.
create function log_stock(events bigint[], before jsonb, told bigint[] default '{}', parts jsonb default '{}',
                          come bigint[] default '{}')
    returns void language plpgsql as $$
declare
    logged record;
begin
    with stock as (
        select t, min(p.capacity - p.held - p.sold - p.blocked) as units,
               max(p.held) filter (where p.ticket_type_id = t.id) as held,
               max(p.sold) filter (where p.ticket_type_id = t.id) as sold,
               max(p.updated_at) filter (where p.ticket_type_id = t.id) as updated_at,
               jsonb_agg(jsonb_build_array(p.id, p.capacity - p.held - p.sold) order by p.id)
                   filter (where p.kind in ('section', 'allotment') or p.kind = 'event' and e.hides) as shared
          from (select given.id, exists (select from ticket_types h where h.event_id = given.id and h.hidden) as hides
                  from unnest(events) as given (id) offset 0) e
          join ticket_types t on t.event_id = e.id
          join ticket_type_pools l on l.ticket_type_id = t.id
          join pools p on p.id = l.pool_id
         group by t.id
    ), differing as (
        select (t).event_id, jsonb_agg(jsonb_build_object('op', case when (t).id in (select unnest(come)) then 'insert' else 'update' end)
                   || ticket_type_json(t, units, held, sold, updated_at, shared) order by (t).id) as rows
          from stock
         where units is distinct from (before ->> (t).id::text)::int or shared is not null
            or (t).id in (select unnest(told))
         group by (t).event_id
    )
    select array_agg(e.id) as events,
           array_agg(case when d.rows is null then parts -> e.id::text
                          else coalesce(parts -> e.id::text, '{}') || jsonb_build_object(
                              'ticket_types', coalesce(parts -> e.id::text -> 'ticket_types', '[]') || d.rows) end)
               as payloads
      into logged
      from unnest(events) e (id) full join differing d on d.event_id = e.id;
    perform log_changes(logged.events, logged.payloads);
end
$$;

-- An event has no more seats than its capacity: the others would show as free and could not be sold.
create function check_seats_fit(events bigint[]) returns void language plpgsql as $$
declare
    full_event record;
begin
    select e.id, root.capacity, types.seats into full_event
      from unnest(events) e (id)
      cross join lateral (select capacity from pools p where p.event_id = e.id and p.kind = 'event' limit 1) as root
      cross join lateral (select sum(capacity) as seats from ticket_types t where t.event_id = e.id and t.seated) as types
     where types.seats > root.capacity
     limit 1;
    if full_event.id is not null then
        raise exception 'event % has % seats and a capacity of %', full_event.id, full_event.seats, full_event.capacity
            using errcode = '23514', constraint = 'seats_within_capacity', table = 'seats',
                  hint = 'Raise the capacity of the event first.';
    end if;
end
$$;

-- ---------------------------------------------------------------- events

create function events_inserted() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
begin
    -- An id that was used before goes on counting where its log ends.
    insert into turns (event_id, revision)
    select id, coalesce((select max(c.revision) from changes c where c.event_id = n.id), 0)
      from new_rows n order by id;
    insert into pools (event_id, kind, name, capacity) select id, 'event', 'event', capacity from new_rows order by id;
    perform log_changes(array_agg(n.id order by n.id),
                        array_agg(jsonb_build_object('event', event_json(n, 0)) order by n.id))
       from new_rows n;
    return null;
end
$$;

create function as_insertions(rows jsonb) returns jsonb language sql immutable
    begin atomic
        select coalesce(jsonb_agg('{"op": "insert"}' || value), '[]') from jsonb_array_elements(rows);
    end;

-- Deleting softly ends the event for its viewers; undeleting begins it again with the whole state.
-- While it is deleted its fields change unseen.
create function events_updated() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    changed record;
    before jsonb;
    parts jsonb;
begin
    select array_agg(n.id) as ids,
           array_agg(n.id) filter (where o.capacity <> n.capacity) as resized,
           array_agg(n.capacity) filter (where o.capacity <> n.capacity) as capacities,
           array_agg(n.id) filter (where o.deleted_at is null and n.deleted_at is null) as seen,
           array_agg(n.id) filter (where o.deleted_at is null and n.deleted_at is not null) as ended,
           array_agg(n.id) filter (where o.deleted_at is not null and n.deleted_at is null) as begun,
           array_agg(n.id) filter (where o.deleted_at is null and n.deleted_at is null
                                     and o.capacity <> n.capacity) as restocked
      into changed
      from old_rows o full join new_rows n on n.id = o.id
     where o is distinct from n;
    if changed.ids is null then
        return null;
    end if;
    perform take_turns(changed.ids);
    before := stock_left(changed.restocked);
    update pools p set capacity = r.capacity, updated_at = clock_timestamp()
      from unnest(changed.resized, changed.capacities) as r (event_id, capacity)
     where p.event_id = r.event_id and p.kind = 'event';
    perform check_seats_fit(changed.resized);
    select jsonb_object_agg(id, part) into parts
      from (select e.id, jsonb_build_object('event', event_json(e, t.layout)) as part
              from unnest(changed.seen) s (id) join events e on e.id = s.id join turns t on t.event_id = s.id
            union all
            select id, '{"deleted": true}' from unnest(changed.ended) as id
            union all
            select id, whole - 'revision'
                   || jsonb_build_object('ticket_types', as_insertions(whole -> 'ticket_types'),
                                         'notices', as_insertions(whole -> 'notices'))
              from (select id, live_state(id) as whole from unnest(changed.begun) as id offset 0) as live) as each_event;
    perform log_stock(changed.restocked, before, '{}', parts);
    perform log_changes(array_agg(id), array_agg(parts -> id::text))
       from (select unnest(changed.ids) as id except select unnest(changed.restocked)) as others;
    return null;
end
$$;

-- Before the row goes, because its turn, and with it the revision, goes too. Bookings forbid the
-- deletion by foreign key; then this is rolled back with the rest.
create function events_deleting() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
begin
    perform log_changes(array[old.id], array['{"deleted": true}'::jsonb]);
    return old;
end
$$;

create trigger events_publish_insert after insert on events referencing new table as new_rows
    for each statement execute function events_inserted();
create trigger events_publish_update after update on events referencing old table as old_rows new table as new_rows
    for each statement execute function events_updated();
create trigger events_publish_delete before delete on events for each row execute function events_deleting();
create trigger events_no_truncate before truncate on events
    for each statement execute function refuse_truncate();

-- ---------------------------------------------------------- ticket types

-- The hidden types of these events, of which the turns are taken, may have become some or none.
create function note_hidden(events bigint[]) returns void language plpgsql as $$
begin
    update turns t set hides = not t.hides
     where t.event_id = any(events)
       and t.hides <> exists (select from ticket_types h where h.event_id = t.event_id and h.hidden);
end
$$;

-- A new type gets its own pool and its two links, and is seen with what the root has left for it.
create function ticket_types_inserted() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    events bigint[] := array(select distinct event_id from new_rows);
    ids bigint[] := array(select id from new_rows);
    now_at timestamptz;
begin
    perform take_turns(events);
    now_at := clock_timestamp();
    with own as (
        insert into pools (event_id, kind, ticket_type_id, name, capacity, updated_at)
        select event_id, 'ticket_type', id, name, capacity, now_at from new_rows order by id
        returning id, ticket_type_id, event_id
    )
    insert into ticket_type_pools (ticket_type_id, pool_id)
    select ticket_type_id, id from own
    union all
    select own.ticket_type_id, root.id
      from own cross join lateral
           (select id from pools p where p.event_id = own.event_id and p.kind = 'event' limit 1) as root;
    if exists (select from new_rows where hidden) then
        perform note_hidden(events);
    end if;
    perform log_stock(events, stock_left(events), ids, '{}', ids);
    return null;
end
$$;

-- `seated` alone is no news: viewers do not see it.
create function ticket_types_updated() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    changed record;
    before jsonb;
    parts jsonb;
begin
    select array_agg(distinct n.event_id) as events, array_agg(n.id) as ids,
           array_agg(n.id) filter (where o.capacity <> n.capacity) as resized,
           array_agg(n.capacity) filter (where o.capacity <> n.capacity) as capacities,
           array_agg(n.id) filter (where o.hidden and not n.hidden) as revealed,
           array_agg(n.event_id) filter (where o.hidden <> n.hidden) as rearranged,
           array_agg(n.id) filter (where o.hidden <> n.hidden and n.seated) as veiled
      into changed
      from old_rows o full join new_rows n on n.id = o.id
     -- Not when seats were counted: `seats_changed` logs that.
     where (o.updated_at, o.name, o.price_amount, o.sort, o.sale_from, o.sale_to, o.hidden) is distinct from
           (n.updated_at, n.name, n.price_amount, n.sort, n.sale_from, n.sale_to, n.hidden)
        or o.capacity <> n.capacity and not (o.seated or n.seated);
    if changed.ids is null then
        return null;
    end if;
    perform take_turns(changed.events);
    perform note_hidden(changed.rearranged);
    before := stock_left(changed.events);
    update pools p set capacity = r.capacity, updated_at = clock_timestamp()
      from unnest(changed.resized, changed.capacities) as r (id, capacity)
     where p.ticket_type_id = r.id;
    -- Free seats of a hidden type are told as blocked.
    select jsonb_object_agg(event_id, jsonb_build_object('seats', seats)) into parts
      from (select s.event_id, jsonb_agg(jsonb_build_array(s.position, seat_status(s.blocked or t.hidden, c.state))
                                         order by s.position) as seats
              from unnest(changed.veiled) as of_type (id)
             cross join lateral (select hidden from ticket_types where id = of_type.id limit 1) t
              join seats s on s.ticket_type_id = of_type.id
              left join claims c on c.seat_id = s.id and c.state <> 'dead'
             group by s.event_id) as each;
    -- With the first hidden type, and without the last one, the pools change that the event's other types tell of.
    perform log_stock(changed.events, before,
                      changed.ids || array(select id from ticket_types where event_id = any(changed.rearranged)),
                      coalesce(parts, '{}'), coalesce(changed.revealed, '{}'));
    return null;
end
$$;

-- Rows that go with their event have nothing to say: here, and below for seats and sections.
--
-- `in (…) is true`: Postgres looks events up in a table of hashes; joined, each row would be compared with each of them.
create function ticket_types_deleted() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    events bigint[] := array(select distinct o.event_id from old_rows o
                              where exists (select from events e where e.id = o.event_id));
    -- The others may tell something else of their pools with a hidden type.
    rearranged bigint[] := array(select distinct event_id from old_rows where hidden and (event_id in (select unnest(events))) is true);
    parts jsonb;
begin
    perform take_turns(events);
    if exists (select from unnest(array(select id from old_rows)) as gone (id)
                cross join lateral (select from claims where ticket_type_id = gone.id limit 1) claimed)
       or exists (select from unnest(array(select id from old_rows where (event_id in (select unnest(events))) is true)) as gone (id)
                   cross join lateral (select from vouchers where reserved_type_id = gone.id and reserved_left > 0 limit 1) set_aside) then
        perform refuse_claim('claims_type_of_event');
    end if;
    perform note_hidden(rearranged);
    select jsonb_object_agg(event_id, jsonb_build_object('ticket_types', rows)) into parts
      from (select event_id, jsonb_agg(jsonb_build_object('op', 'delete', 'id', id) order by id) as rows
              from old_rows where (event_id in (select unnest(events))) is true group by event_id) as per_event;
    perform log_changes(array_agg(id), array_agg(parts -> id::text))
       from (select unnest(events) as id except select unnest(rearranged)) as others;
    perform log_stock(rearranged, stock_left(rearranged),
                      array(select id from ticket_types where event_id = any(rearranged)), parts);
    return null;
end
$$;

create function refuse_seated_write() returns trigger language plpgsql as $$
begin
    raise exception 'a ticket type is seated when it has seats'
        using errcode = '42501', constraint = 'ticket_types_seated_derived', table = 'ticket_types';
end
$$;
create function refuse_seats_capacity() returns trigger language plpgsql as $$
begin
    raise exception 'the capacity of ticket type % is the number of its seats', old.id
        using errcode = '23514', constraint = 'ticket_types_capacity_is_seats', table = 'ticket_types';
end
$$;
create trigger ticket_types_guard_capacity before update of capacity on ticket_types for each row
    when (current_setting('xmlbinary') <> 'hex' and old.seated and old.capacity <> new.capacity)
    execute function refuse_seats_capacity();
create trigger ticket_types_guard_insert before insert on ticket_types for each row
    when (new.seated) execute function refuse_seated_write();
create trigger ticket_types_guard_update before update of seated on ticket_types for each row
    when (current_setting('xmlbinary') <> 'hex' and old.seated <> new.seated)
    execute function refuse_seated_write();
create trigger ticket_types_guard_hex before update of capacity, seated on ticket_types for each row
    when (current_setting('xmlbinary') = 'hex') execute function refuse_foreign_hex('ticket_types_seated_derived');
-- No claim was on units of a type that gets its first seat, and no voucher sets some aside; and none is on a seat of one that
-- has lost its last. The turn is
-- taken: seats are counted under it.
create function claims_stay_as_type() returns trigger language plpgsql
    security definer set search_path from current as $$
begin
    if exists (select from claims where ticket_type_id = new.id and state <> 'dead' and (seat_id is not null) <> new.seated)
       or new.seated and exists (select from vouchers where reserved_type_id = new.id and reserved_left > 0) then
        perform refuse_claim('claims_seated_as_type');
    end if;
    return null;
end
$$;
create trigger ticket_types_claimed_as_seated after update of seated on ticket_types for each row
    when (old.seated <> new.seated) execute function claims_stay_as_type();
create trigger ticket_types_publish_insert after insert on ticket_types referencing new table as new_rows
    for each statement execute function ticket_types_inserted();
create trigger ticket_types_publish_update after update on ticket_types
    referencing old table as old_rows new table as new_rows
    for each statement execute function ticket_types_updated();
create trigger ticket_types_publish_delete after delete on ticket_types referencing old table as old_rows
    for each statement execute function ticket_types_deleted();
create trigger ticket_types_no_truncate before truncate on ticket_types
    for each statement execute function refuse_truncate();

-- ---------------------------------------------------------- sections and allotments as pools

-- An organizer edited the capacity of sections or allotments (the only direct update that the guard
-- lets through, beside a new name).
create function pools_edited() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    edited record;
begin
    select array_agg(distinct n.event_id) as events, jsonb_object_agg(o.id, o.capacity) as capacities
      into edited
      from old_rows o full join new_rows n on n.id = o.id
     where o.capacity is distinct from n.capacity;
    if edited.events is not null then
        perform take_turns(edited.events);
        perform log_stock(edited.events, stock_left(edited.events, edited.capacities));
    end if;
    return null;
end
$$;
create trigger pools_publish_update after update on pools referencing old table as old_rows new table as new_rows
    for each statement when (current_setting('xmlbinary') <> 'hex')
    execute function pools_edited();

-- A pool goes when no type draws on it any more: cutting a link is what changes the counts that
-- viewers see, and is logged. Only the end of the whole event takes pools with their links.
create function pools_deleting() returns trigger language plpgsql
    security definer set search_path from current as $$
begin
    if exists (select from ticket_type_pools where pool_id = old.id)
       and exists (select from events where id = old.event_id) then
        raise exception 'ticket types still draw on pool %: delete its links first', old.id
            using errcode = '23503', constraint = 'pools_links_cut_first', table = 'pools';
    end if;
    return old;
end
$$;
create trigger pools_guard_links before delete on pools for each row
    when (old.kind in ('section', 'allotment')) execute function pools_deleting();

-- A link made or cut later takes the type's claims into, or out of, the pool's counters. Links that
-- our own functions make, and those that go with their type, move nothing.
create function pool_links_changed() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    sign int := case tg_op when 'INSERT' then 1 else -1 end;
    types bigint[];
    pool_ids bigint[];
    events bigint[];
    before jsonb;
begin
    select array_agg(ticket_type_id), array_agg(pool_id) into types, pool_ids from changed_links;
    select array_agg(distinct p.event_id) into events
      from unnest(types, pool_ids) as l (type_id, pool_id)
      join pools p on p.id = l.pool_id join ticket_types t on t.id = l.type_id
     where p.kind in ('section', 'allotment');
    if events is null then
        return null;
    end if;
    perform take_turns(events);
    -- As it was before the statement: without the links it made, with the links it cut.
    select jsonb_object_agg(id, units) into before
      from (select t.id, min(p.capacity - p.held - p.sold - p.blocked) as units
              from unnest(events) e (id)
              join ticket_types t on t.event_id = e.id
              join lateral (select pool_id from ticket_type_pools where ticket_type_id = t.id
                            except
                            select pool_id from unnest(types, pool_ids) as made (type_id, pool_id)
                             where type_id = t.id and sign > 0
                            union all
                            select pool_id from unnest(types, pool_ids) as cut (type_id, pool_id)
                             where type_id = t.id and sign < 0) as l on true
              join pools p on p.id = l.pool_id
             group by t.id) as stock;
    update pools p
       set held = p.held + sign * own.held, sold = p.sold + sign * own.sold, updated_at = clock_timestamp()
      from (select l.pool_id, sum(o.held)::int as held, sum(o.sold)::int as sold
              from unnest(types, pool_ids) as l (type_id, pool_id)
              join pools o on o.ticket_type_id = l.type_id
             group by l.pool_id) as own
     where p.id = own.pool_id and p.kind in ('section', 'allotment') and (own.held <> 0 or own.sold <> 0);
    -- A type that leaves a pool is told even if as many of it are left: it no longer counts against that pool.
    perform log_stock(events, coalesce(before, '{}'), types);
    return null;
end
$$;
create trigger ticket_type_pools_publish_insert after insert on ticket_type_pools
    referencing new table as changed_links
    for each statement when (current_setting('xmlbinary') <> 'hex')
    execute function pool_links_changed();
create trigger ticket_type_pools_publish_delete after delete on ticket_type_pools
    referencing old table as changed_links
    for each statement execute function pool_links_changed();

-- ---------------------------------------------------------- the seat map

-- Large maps as they are sent, packed by a job (`src/jobs/seatmap.rs`): the newest version of each form. Derived, and
-- made again whenever it is missing.
create table packed_seatmaps (
    event_id bigint not null constraint packed_seatmaps_event_exists references events on delete cascade,
    form text not null,
    layout int not null,
    packed bytea not null,
    constraint packed_seatmaps_pkey primary key (event_id, form)
);
-- It is packed already.
alter table packed_seatmaps alter column packed set storage external;

-- The seat map is published as a version of its geometry, which viewers fetch anew, and as statuses
-- of the positions that a statement touched: what one seat costs does not grow with its map.

-- Gives a seat without a position the next one of its event, in the event's turn: two map imports
-- at once would otherwise compute the same.
create function seats_place() returns trigger language plpgsql
    security definer set search_path from current as $$
begin
    perform from turns where event_id = new.event_id for no key update;
    new.position := coalesce((select max(position) + 1 from seats where event_id = new.event_id), 0);
    return new;
end
$$;
create trigger seats_place before insert on seats
    for each row when (new.position is null) execute function seats_place();

-- Gives, by event id, the payload to be logged of `positions[i]` of event `place_events[i]`, and of a new geometry of
-- `relaid`, which is numbered here. The turns are taken. Of the picture's first `kept` positions only those that
-- are listed changed; those after are new, and available unless they are listed.
--
-- The number of a version is the second in which it was drawn, since 2026, or the next one. Browsers keep a version for
-- ever, so a restored backup that draws other maps must not give their numbers again.
create function draw_seats(place_events bigint[], positions int[], relaid bigint[])
    returns jsonb language plpgsql as $$
declare
    shapes record;
    parts jsonb;
begin
    select array_agg(event_id) as events, array_agg(least(before, after)) as kept, array_agg(after) as counts
      into shapes
      from (select t.event_id, t.seat_count as before,
                   coalesce((select max(s.position) + 1 from seats s where s.event_id = t.event_id), 0) as after
              from turns t where t.event_id = any(relaid)) as shape;
    with places as (
        select touched.event_id, touched.position, false as is_new
          from (select distinct * from unnest(place_events, positions)) as touched (event_id, position)
         cross join lateral (select seat_count from turns t where t.event_id = touched.event_id limit 1) as turn
         where touched.position < turn.seat_count
        union all
        select shape.event_id, generate_series(shape.kept, shape.seat_count - 1), true
          from unnest(shapes.events, shapes.kept, shapes.counts) as shape (event_id, kept, seat_count)
    ), statuses as (
        select event_id, jsonb_agg(jsonb_build_array(position, status) order by position) as seats
          from (select p.event_id, p.position, p.is_new, coalesce(seat.status, 3) as status
                  from places p left join lateral
                       (select seat_status(s.blocked or t.hidden, c.state) as status
                          from seats s
                         cross join lateral (select hidden from ticket_types where id = s.ticket_type_id limit 1) t
                          left join claims c on c.seat_id = s.id and c.state <> 'dead'
                         where s.event_id = p.event_id and s.position = p.position limit 1) as seat on true) as place
         where not is_new or status <> 0
         group by event_id
    ), geometry as (
        update turns t set layout = greatest(t.layout + 1, floor(extract(epoch from clock_timestamp() - timestamptz '2026-01-01z'))::int),
                           seat_count = shape.seat_count
          from unnest(shapes.events, shapes.kept, shapes.counts) as shape (event_id, kept, seat_count)
         where t.event_id = shape.event_id
        returning t.event_id, t.layout, shape.kept, shape.seat_count
    ), drawn as (
        select g.event_id, jsonb_build_object('event', event_json(e, g.layout), 'layout', g.layout, 'kept', g.kept,
                                              'seat_count', g.seat_count, 'seats', '[]'::jsonb) as part
          from geometry g cross join lateral (select * from events where id = g.event_id limit 1) e
         where e.deleted_at is null
    )
    select jsonb_object_agg(coalesce(d.event_id, s.event_id), coalesce(d.part, '{}')
               || case when s.seats is null then '{}' else jsonb_build_object('seats', s.seats) end)
      into parts
      from drawn d full join statuses s on s.event_id = d.event_id;
    -- One that is being packed is packed once more.
    insert into jobs (kind, key, payload, expires_at)
    select 'seatmap', 'seatmap:' || event_id, jsonb_build_object('event_id', event_id), clock_timestamp() + interval '1 day'
      from unnest(shapes.events, shapes.counts) as shape (event_id, places)
     where places >= 5000
     order by event_id
        on conflict (key) do update
       set rung = jobs.state = 'leased', expires_at = excluded.expires_at, reason = null, failures = 0,
           attempts = case jobs.state when 'leased' then jobs.attempts else 0 end,
           times = case jobs.state when 'leased' then jobs.times else jobs.times + 1 end,
           run_at = case jobs.state when 'leased' then jobs.run_at else excluded.run_at end,
           state = case jobs.state when 'leased' then 'leased' else 'waiting' end;
    return coalesce(parts, '{}');
end
$$;

-- Ticket type `types[i]` has `seats_by[i]` more seats, and `blocked_by[i]` more of them are blocked. A type that had
-- none counted units until now, and begins anew.
create function count_seats(types bigint[], seats_by int[], blocked_by int[]) returns void language plpgsql as $$
begin
    update ticket_types t set capacity = more.seats + case when t.seated then t.capacity else 0 end,
                              seated = more.seats + case when t.seated then t.capacity else 0 end > 0
      from unnest(types, seats_by) as more (id, seats)
     where t.id = more.id and more.seats <> 0;
    update pools p set capacity = t.capacity, blocked = p.blocked + more.blocked, updated_at = clock_timestamp()
      from unnest(types, blocked_by) as more (id, blocked) join ticket_types t on t.id = more.id
     where p.ticket_type_id = t.id;
end
$$;

-- The flag `blocked` alone is no new geometry, only a new status. A seat that somebody holds cannot
-- be blocked: its claim goes first, or the holder would learn of it at the door.
create function seats_changed() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    touched record;
    claimed_seat bigint;
    before jsonb;
    parts jsonb;
begin
    -- `types[i]` has `seats_by[i]` more seats, of which `blocked_by[i]` more are blocked.
    if tg_op = 'UPDATE' then
        -- Each seat as it was (-1) and as it is (1).
        with changed as (
            select o, n, (o.event_id, o.position) is distinct from (n.event_id, n.position) as moved,
                   (o.section_id, o.row_label, o.number, o.x, o.y, o.ticket_type_id, o.kind) is distinct from
                   (n.section_id, n.row_label, n.number, n.x, n.y, n.ticket_type_id, n.kind) as redrawn,
                   o.ticket_type_id <> n.ticket_type_id
                   and exists (select from ticket_types t where t.id in (o.ticket_type_id, n.ticket_type_id) and t.hidden) as veiled
              from old_rows o full join new_rows n on n.id = o.id
             where o is distinct from n
        ), sides as (
            select 1 as sign, n as seat, moved or redrawn as relaid, moved or (o).blocked <> (n).blocked or veiled as seen from changed
            union all
            select -1, o, moved, moved from changed
        ), types as (
            select (seat).ticket_type_id as id, sum(sign)::int as seats, sum(sign * (seat).blocked::int)::int as blocked
              from sides group by (seat).ticket_type_id
            having sum(sign) <> 0 or sum(sign * (seat).blocked::int) <> 0
        )
        select array_agg(distinct (seat).event_id) as events,
               array_agg((seat).event_id) filter (where seen) as place_events,
               array_agg((seat).position) filter (where seen) as positions,
               array_agg(distinct (seat).event_id) filter (where relaid) as relaid,
               array_agg((seat).id) filter (where sign = 1 and (seat).blocked) as blocked,
               (select array_agg(id order by id) from types) as types,
               (select array_agg(seats order by id) from types) as seats_by,
               (select array_agg(blocked order by id) from types) as blocked_by
          into touched from sides;
    else
        with here as (
            select * from changed_rows r where exists (select from events e where e.id = r.event_id)
        ), types as (
            select ticket_type_id as id, count(*)::int as seats, count(*) filter (where blocked)::int as blocked
              from here group by ticket_type_id
        )
        select array_agg(distinct event_id) as events, array_agg(event_id) as place_events,
               array_agg(position) as positions, array_agg(distinct event_id) as relaid, null::bigint[] as blocked,
               (select array_agg(id order by id) from types) as types,
               (select array_agg(case tg_op when 'INSERT' then seats else -seats end order by id) from types) as seats_by,
               (select array_agg(case tg_op when 'INSERT' then blocked else -blocked end order by id) from types) as blocked_by
          into touched from here;
    end if;
    if touched.events is null then
        return null;
    end if;
    perform take_turns(touched.events);
    select min(c.seat_id) into claimed_seat from claims c where c.seat_id = any(touched.blocked) and c.state <> 'dead';
    if claimed_seat is not null then
        raise exception 'seat % is held or sold', claimed_seat
            using errcode = '23514', constraint = 'seats_blocked_not_claimed', table = 'seats';
    end if;
    if touched.types is not null then
        before := stock_left(touched.events);
        perform count_seats(touched.types, touched.seats_by, touched.blocked_by);
        perform check_seats_fit(touched.events);
    end if;
    parts := draw_seats(touched.place_events, touched.positions, touched.relaid);
    if touched.types is null then
        perform log_changes(array_agg(id), array_agg(parts -> id::text)) from unnest(touched.events) as id;
    else
        perform log_stock(touched.events, before, touched.types, parts);
    end if;
    return null;
end
$$;

create trigger seats_publish_insert after insert on seats referencing new table as changed_rows
    for each statement execute function seats_changed();
create trigger seats_publish_update after update on seats referencing old table as old_rows new table as new_rows
    for each statement execute function seats_changed();
create trigger seats_publish_delete after delete on seats referencing old table as changed_rows
    for each statement execute function seats_changed();
create trigger seats_no_truncate before truncate on seats
    for each statement execute function refuse_truncate();

-- Section names and the stage are part of the geometry.
create function hall_changed() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    events bigint[];
    parts jsonb;
begin
    if tg_op = 'UPDATE' then
        events := array(select event_id from (select * from old_rows except select * from new_rows) as gone
                        union
                        select event_id from (select * from new_rows except select * from old_rows) as come);
    else
        events := array(select distinct event_id from changed_rows r
                         where exists (select from events e where e.id = r.event_id));
    end if;
    perform take_turns(events);
    parts := draw_seats('{}', '{}', events);
    perform log_changes(array_agg(id), array_agg(parts -> id::text)) from unnest(events) as id;
    return null;
end
$$;
create trigger sections_publish_insert after insert on sections referencing new table as changed_rows
    for each statement execute function hall_changed();
create trigger sections_publish_update after update on sections
    referencing old table as old_rows new table as new_rows
    for each statement execute function hall_changed();
create trigger sections_publish_delete after delete on sections referencing old table as changed_rows
    for each statement execute function hall_changed();
create trigger sections_no_truncate before truncate on sections
    for each statement execute function refuse_truncate();
create trigger stages_publish_insert after insert on stages referencing new table as changed_rows
    for each statement execute function hall_changed();
create trigger stages_publish_update after update on stages
    referencing old table as old_rows new table as new_rows
    for each statement execute function hall_changed();
create trigger stages_publish_delete after delete on stages referencing old table as changed_rows
    for each statement execute function hall_changed();
create trigger stages_no_truncate before truncate on stages
    for each statement execute function refuse_truncate();
