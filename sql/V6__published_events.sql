-- Events and ticket types are published the same way as claims (and so are the tables of the
-- files after this one): by statement-level triggers that take the event's turn, compare before
-- with after, log what differs and ring. A statement that changes nothing logs nothing.

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
        else
            perform log_change(e.id, null);
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
