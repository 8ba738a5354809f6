-- The seat map is published: its geometry as a version that viewers fetch anew, a blocked flag
-- as the status of its seat.

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
    if found then
        perform take_turn(event);
        perform log_change(event, case when e.deleted_at is null then jsonb_build_object(
            'event', event_json(e), 'layout', e.layout,
            'seat_count', seat_count(event), 'seats', seats_json(event)) end);
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
