-- Everything else that viewers see is published the same way: by statement-level triggers
-- that take the event's turn, compare before with after, log what differs and ring. A
-- statement that changes nothing logs nothing.

-- What is left of each ticket type of an event, to be compared after a change.
create function stock_left(event bigint) returns jsonb language sql stable
    set search_path = public, pg_temp
    begin atomic
        select coalesce(jsonb_object_agg(id, available_count), '{}') from event_tickets where event_id = event;
    end;

-- The full rows of the ticket types that are now not as `before` says, or whose counters were
-- moved; null when there are none.
create function stock_changes(event bigint, before jsonb, moved bigint[] default '{}')
    returns jsonb language sql stable set search_path = public, pg_temp
    begin atomic
        select jsonb_agg('{"op": "update"}' || ticket_type_json(t, c.available_count, c.reserved_count,
                                                                c.sold_count, c.updated_at) order by t.id)
          from ticket_types t join event_tickets c on c.id = t.id
         where t.event_id = event
           and (t.id = any(moved) or c.available_count is distinct from (before -> t.id::text)::int);
    end;

-- ---------------------------------------------------------------- events

create function events_inserted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    e events;
begin
    for e in select * from new_rows order by id loop
        -- An id that was used before goes on counting where its log ends.
        insert into pools (event_id, kind, name, capacity, revision)
        values (e.id, 'event', 'event', e.capacity,
                coalesce((select max(revision) from changes where event_id = e.id), 0));
        perform log_change(e.id, jsonb_build_object('event', event_json(e)));
    end loop;
    return null;
end
$$;

-- Deleting softly ends the event for its viewers; undeleting begins it again with the whole
-- state. While it is deleted its fields change unseen.
create function events_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    was events;
    e events;
    stock jsonb;
    rows jsonb;
    whole jsonb;
begin
    for e in
        select n.* from new_rows n join old_rows o on o.id = n.id
         where (to_jsonb(o) - 'layout' - 'updated_at') is distinct from (to_jsonb(n) - 'layout' - 'updated_at')
         order by n.id
    loop
        select * into was from old_rows where id = e.id;
        perform take_turn(e.id);
        stock := stock_left(e.id);
        if was.capacity <> e.capacity then
            update pools set capacity = e.capacity, updated_at = clock_timestamp()
             where event_id = e.id and kind = 'event';
        end if;
        if was.deleted_at is null and e.deleted_at is null then
            rows := stock_changes(e.id, stock);
            perform log_change(e.id, jsonb_build_object('event', event_json(e))
                || case when rows is null then '{}' else jsonb_build_object('ticket_types', rows) end);
        elsif was.deleted_at is null then
            perform log_change(e.id, '{"deleted": true}');
        elsif e.deleted_at is null then
            whole := live_state(e.id);
            perform log_change(e.id, (whole - 'revision')
                || jsonb_build_object('ticket_types', as_insertions(whole -> 'ticket_types'),
                                      'notices', as_insertions(whole -> 'notices')));
        end if;
    end loop;
    return null;
end
$$;

create function as_insertions(rows jsonb) returns jsonb language sql immutable
    begin atomic
        select coalesce(jsonb_agg('{"op": "insert"}' || value), '[]') from jsonb_array_elements(rows);
    end;

-- Before the row goes, because its root pool, and with it the revision, goes too. Bookings
-- forbid the deletion by foreign key; then this is rolled back with the rest.
create function events_deleting() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform log_change(old.id, '{"deleted": true}');
    return old;
end
$$;

create function refuse_layout_write() returns trigger language plpgsql as $$
begin
    raise exception 'layout counts the changes of the seat map and is moved by triggers only'
        using errcode = '42501', constraint = 'events_layout_derived', table = 'events';
end
$$;

create trigger events_publish_insert after insert on events referencing new table as new_rows
    for each statement execute function events_inserted();
create trigger events_publish_update after update on events referencing old table as old_rows new table as new_rows
    for each statement execute function events_updated();
create trigger events_publish_delete before delete on events
    for each row execute function events_deleting();
create trigger events_guard_layout before update of layout on events for each row
    when (pg_trigger_depth() = 0 and old.layout <> new.layout) execute function refuse_layout_write();
create trigger events_no_truncate before truncate on events
    for each statement execute function refuse_truncate();

-- ---------------------------------------------------------- ticket types

-- A new type gets its own pool and its two links, and is seen with what the root has left for it.
create function ticket_types_inserted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    rows jsonb;
begin
    for event in select distinct event_id from new_rows order by event_id loop
        perform take_turn(event);
        insert into pools (event_id, kind, ticket_type_id, name, capacity)
        select event_id, 'ticket_type', id, name, capacity from new_rows where event_id = event order by id;
        insert into ticket_type_pools (ticket_type_id, pool_id)
        select n.id, p.id
          from new_rows n join pools p on p.event_id = n.event_id
                                      and (p.kind = 'event' or p.ticket_type_id = n.id)
         where n.event_id = event;
        select jsonb_agg('{"op": "insert"}' || ticket_type_json(n, c.available_count, c.reserved_count,
                                                                c.sold_count, c.updated_at) order by n.id)
          into rows
          from new_rows n join event_tickets c on c.id = n.id
         where n.event_id = event;
        perform log_change(event, jsonb_build_object('ticket_types', rows));
    end loop;
    return null;
end
$$;

create function ticket_types_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    moved bigint[];
begin
    for event, moved in
        select n.event_id, array_agg(n.id) from new_rows n join old_rows o on o.id = n.id
         where o is distinct from n
         group by n.event_id order by n.event_id
    loop
        perform take_turn(event);
        update pools p set capacity = n.capacity, updated_at = clock_timestamp()
          from new_rows n
         where p.ticket_type_id = n.id and n.event_id = event and p.capacity <> n.capacity;
        perform log_change(event,
            jsonb_build_object('ticket_types', stock_changes(event, stock_left(event), moved)));
    end loop;
    return null;
end
$$;

create function ticket_types_deleted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    rows jsonb;
begin
    for event, rows in
        select event_id, jsonb_agg(jsonb_build_object('op', 'delete', 'id', id) order by id)
          from old_rows group by event_id order by event_id
    loop
        perform log_change(event, jsonb_build_object('ticket_types', rows));
    end loop;
    return null;
end
$$;

create trigger ticket_types_publish_insert after insert on ticket_types referencing new table as new_rows
    for each statement execute function ticket_types_inserted();
create trigger ticket_types_publish_update after update on ticket_types
    referencing old table as old_rows new table as new_rows
    for each statement execute function ticket_types_updated();
create trigger ticket_types_publish_delete after delete on ticket_types referencing old table as old_rows
    for each statement execute function ticket_types_deleted();
create trigger ticket_types_no_truncate before truncate on ticket_types
    for each statement execute function refuse_truncate();

-- ----------------------------------------------------- pools and links

-- An organizer edited the capacity of sections or allotments (the only direct update that
-- the guard of V5 lets through, beside a new name).
create function pools_edited() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    stock jsonb;
    rows jsonb;
begin
    for event in
        select distinct n.event_id from new_rows n join old_rows o on o.id = n.id
         where o.capacity <> n.capacity order by n.event_id
    loop
        perform take_turn(event);
        select jsonb_object_agg(id, available) into stock
          from (select t.id, min(coalesce(o.capacity, p.capacity) - p.held - p.sold) as available
                  from ticket_types t
                  join ticket_type_pools l on l.ticket_type_id = t.id
                  join pools p on p.id = l.pool_id
                  left join old_rows o on o.id = p.id
                 where t.event_id = event
                 group by t.id) as before;
        rows := stock_changes(event, coalesce(stock, '{}'));
        if rows is not null then
            perform log_change(event, jsonb_build_object('ticket_types', rows));
        end if;
    end loop;
    return null;
end
$$;
create trigger pools_publish_update after update on pools referencing old table as old_rows new table as new_rows
    for each statement when (pg_trigger_depth() = 0) execute function pools_edited();

-- A pool goes when no type draws on it any more: cutting a link is what changes the counts that
-- viewers see, and is logged. Only the end of the whole event takes pools with their links.
create function pools_deleting() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
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

-- A link made or cut later takes the type's claims into, or out of, the pool's counters.
create function pool_links_changed() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    sign int := case tg_op when 'INSERT' then 1 else -1 end;
    event bigint;
    stock jsonb;
    rows jsonb;
begin
    for event in
        select distinct p.event_id
          from changed_links l join pools p on p.id = l.pool_id join ticket_types t on t.id = l.ticket_type_id
         where p.kind in ('section', 'allotment') order by p.event_id
    loop
        perform take_turn(event);
        -- As it was before the statement: without the links it made, with the links it cut.
        select jsonb_object_agg(id, available) into stock
          from (select t.id, min(p.capacity - p.held - p.sold) as available
                  from ticket_types t
                  join (select ticket_type_id, pool_id from ticket_type_pools
                         where sign < 0 or (ticket_type_id, pool_id) not in
                                           (select ticket_type_id, pool_id from changed_links)
                        union all
                        select ticket_type_id, pool_id from changed_links where sign < 0) as l
                    on l.ticket_type_id = t.id
                  join pools p on p.id = l.pool_id
                 where t.event_id = event
                 group by t.id) as before;
        update pools p
           set held = p.held + sign * own.held, sold = p.sold + sign * own.sold, updated_at = clock_timestamp()
          from (select l.pool_id, sum(o.held)::int as held, sum(o.sold)::int as sold
                  from changed_links l join pools o on o.ticket_type_id = l.ticket_type_id
                 group by l.pool_id) as own
         where p.id = own.pool_id and p.event_id = event and p.kind in ('section', 'allotment')
           and (own.held <> 0 or own.sold <> 0);
        rows := stock_changes(event, coalesce(stock, '{}'));
        if rows is not null then
            perform log_change(event, jsonb_build_object('ticket_types', rows));
        end if;
    end loop;
    return null;
end
$$;
create trigger ticket_type_pools_publish_insert after insert on ticket_type_pools
    referencing new table as changed_links
    for each statement execute function pool_links_changed();
create trigger ticket_type_pools_publish_delete after delete on ticket_type_pools
    referencing old table as changed_links
    for each statement execute function pool_links_changed();

-- ---------------------------------------------------------------- notices

create function notices_written() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    rows jsonb;
begin
    for event, rows in
        select event_id, jsonb_agg(row order by (row ->> 'id')::bigint)
          from (select n.event_id, '{"op": "insert"}' || notice_json(n) as row from new_rows n) as written
         group by event_id order by event_id
    loop
        perform log_change(event, jsonb_build_object('notices', rows));
    end loop;
    return null;
end
$$;

create function notices_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    rows jsonb;
begin
    for event, rows in
        select event_id, jsonb_agg(row order by (row ->> 'id')::bigint)
          from (select n.event_id, case when o.id is null then '{"op": "insert"}' else '{"op": "update"}' end::jsonb
                                   || notice_json(n) as row
                  from new_rows n left join old_rows o on o.id = n.id and o.event_id = n.event_id
                 where o.id is null or notice_json(o) <> notice_json(n)
                union all
                select o.event_id, jsonb_build_object('op', 'delete', 'id', o.id)
                  from old_rows o left join new_rows n on o.id = n.id and o.event_id = n.event_id
                 where n.id is null) as written
         group by event_id order by event_id
    loop
        perform log_change(event, jsonb_build_object('notices', rows));
    end loop;
    return null;
end
$$;

create function notices_deleted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    rows jsonb;
begin
    for event, rows in
        select event_id, jsonb_agg(jsonb_build_object('op', 'delete', 'id', id) order by id)
          from old_rows group by event_id order by event_id
    loop
        perform log_change(event, jsonb_build_object('notices', rows));
    end loop;
    return null;
end
$$;

create trigger notices_publish_insert after insert on notices referencing new table as new_rows
    for each statement execute function notices_written();
create trigger notices_publish_update after update on notices
    referencing old table as old_rows new table as new_rows
    for each statement execute function notices_updated();
create trigger notices_publish_delete after delete on notices referencing old table as old_rows
    for each statement execute function notices_deleted();
create trigger notices_no_truncate before truncate on notices
    for each statement execute function refuse_truncate();

-- ------------------------------------------------------- sections and seats

-- Gives a seat without a position the next one of its event. The event's row is locked first:
-- two map imports at once would otherwise compute the same.
create function seats_place() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform from events where id = new.event_id for no key update;
    new.position := seat_count(new.event_id);
    return new;
end
$$;
create trigger seats_place before insert on seats
    for each row when (new.position is null) execute function seats_place();

-- A new version of the seat map: viewers fetch the geometry anew, and are given every seat
-- that is not available, because positions may mean other seats now.
create function publish_layout(event bigint) returns void language plpgsql
    set search_path = public, pg_temp as $$
declare
    e events;
begin
    -- The event's row before its turn, as `update events` takes them: the other way round
    -- the two would wait for each other.
    update events set layout = layout + 1 where id = event returning * into e;
    if found and e.deleted_at is null then
        perform take_turn(event);
        perform log_change(event, jsonb_build_object(
            'event', event_json(e), 'layout', e.layout,
            'seat_count', seat_count(event), 'seats', seats_json(event)));
    end if;
end
$$;

create function seats_reshaped() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform publish_layout(event_id) from (select distinct event_id from changed_rows order by event_id) as e;
    return null;
end
$$;

-- The flag alone is no new geometry, only a new status. A seat that somebody holds cannot be
-- blocked: its claim goes first, or the holder would learn of it at the door.
create function seats_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    reshaped boolean;
    statuses jsonb;
    claimed_seat bigint;
begin
    for event, reshaped in
        select event_id, bool_or(geometry)
          from (select n.event_id, (o.position, o.section_id, o.row_label, o.number, o.x, o.y, o.ticket_type_id)
                                   is distinct from
                                   (n.position, n.section_id, n.row_label, n.number, n.x, n.y, n.ticket_type_id)
                                   as geometry
                  from old_rows o join new_rows n on n.id = o.id where o is distinct from n
                union all
                select event_id, true from old_rows o
                 where not exists (select from new_rows n where n.id = o.id and n.event_id = o.event_id)
                union all
                select event_id, true from new_rows n
                 where not exists (select from old_rows o where o.id = n.id and o.event_id = n.event_id)) as changed
         group by event_id order by event_id
    loop
        if reshaped then
            perform publish_layout(event);
        end if;
        perform take_turn(event);
        select jsonb_agg(jsonb_build_array(n.position, seat_status(n.blocked, c.state)) order by n.position)
                   filter (where n.blocked <> o.blocked),
               min(n.id) filter (where n.blocked and c.id is not null)
          into statuses, claimed_seat
          from new_rows n
          left join old_rows o on o.id = n.id
          left join claims c on c.seat_id = n.id and c.state <> 'dead'
         where n.event_id = event;
        if claimed_seat is not null then
            raise exception 'seat % is held or sold', claimed_seat
                using errcode = '23514', constraint = 'seats_blocked_not_claimed', table = 'seats';
        end if;
        if not reshaped then
            perform log_change(event, jsonb_build_object('seats', statuses));
        end if;
    end loop;
    return null;
end
$$;

create trigger seats_publish_insert after insert on seats referencing new table as changed_rows
    for each statement execute function seats_reshaped();
create trigger seats_publish_update after update on seats referencing old table as old_rows new table as new_rows
    for each statement execute function seats_updated();
create trigger seats_publish_delete after delete on seats referencing old table as changed_rows
    for each statement execute function seats_reshaped();
create trigger seats_no_truncate before truncate on seats
    for each statement execute function refuse_truncate();

-- Section names are part of the geometry.
create function sections_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform publish_layout(event_id)
       from (select event_id from (select * from old_rows except select * from new_rows) as gone
             union
             select event_id from (select * from new_rows except select * from old_rows) as come
             order by event_id) as e;
    return null;
end
$$;
create trigger sections_publish_insert after insert on sections referencing new table as changed_rows
    for each statement execute function seats_reshaped();
create trigger sections_publish_update after update on sections
    referencing old table as old_rows new table as new_rows
    for each statement execute function sections_updated();
create trigger sections_publish_delete after delete on sections referencing old table as changed_rows
    for each statement execute function seats_reshaped();
create trigger sections_no_truncate before truncate on sections
    for each statement execute function refuse_truncate();
