-- What viewers of an event have to be told is told by the database itself: a change of capacity, of time
-- or venue, sales that pause or go on, a cancellation become notices, whoever makes the change.
--
-- Every notice knows the revision that made it. A viewer is told of those that are newer than what it has,
-- so each is heard once, also by who comes back after a long time and is given the whole state.

alter table notices
    add column revision bigint not null default 0
        constraint notices_revision_counts check (revision >= 0),
    -- The join that said it, where it was said through a channel: it need not hear it again.
    add column sender uuid;

create or replace function notice_json(n notices) returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', n.id, 'type', n.type, 'message', n.message, 'data', n.data,
        'at', public.rfc3339(n.created_at), 'until', public.rfc3339(n.until),
        'revision', n.revision, 'sender', n.sender) $$;

create function refuse_notice_revision() returns trigger language plpgsql as $$
begin
    raise exception 'the revision of a notice is the one that made it'
        using errcode = '42501', constraint = 'notices_revision_derived', table = 'notices';
end
$$;
create trigger notices_guard_revision before update of revision on notices for each row
    when (pg_trigger_depth() = 0 and old.revision <> new.revision) execute function refuse_notice_revision();

-- Writes the event's next revision, which its turn keeps for us, into notices that are about to be logged.
create function stamp_notices(event bigint, ids bigint[]) returns void language plpgsql
    set search_path = public, pg_temp as $$
begin
    perform take_turn(event);
    update notices n set revision = root.revision + 1
      from pools root
     where root.event_id = event and root.kind = 'event' and n.id = any(ids);
end
$$;

create or replace function notices_written() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    ids bigint[];
begin
    for event, ids in
        select event_id, array_agg(id) from new_rows group by event_id order by event_id
    loop
        perform stamp_notices(event, ids);
        perform log_change(event, jsonb_build_object('notices',
            (select jsonb_agg('{"op": "insert"}' || notice_json(n) order by n.id)
               from notices n where n.id = any(ids))));
    end loop;
    return null;
end
$$;

-- A revision that is stamped is no change of its own. A notice that moves to another event is new there.
create or replace function notices_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    come bigint[];
    changed bigint[];
    gone bigint[];
begin
    for event, come, changed, gone in
        select event_id, array_agg(id) filter (where what = 'come'), array_agg(id) filter (where what = 'changed'),
               array_agg(id) filter (where what = 'gone')
          from (select n.event_id, n.id, case when o.id is null then 'come' else 'changed' end as what
                  from new_rows n left join old_rows o on o.id = n.id and o.event_id = n.event_id
                 where o.id is null or notice_json(o) - 'revision' <> notice_json(n) - 'revision'
                union all
                select o.event_id, o.id, 'gone'
                  from old_rows o left join new_rows n on o.id = n.id and o.event_id = n.event_id
                 where n.id is null) as written
         group by event_id order by event_id
    loop
        perform stamp_notices(event, come);
        perform log_change(event, jsonb_build_object('notices',
            (select jsonb_agg(row order by (row ->> 'id')::bigint)
               from (select case when n.id = any(come) then '{"op": "insert"}' else '{"op": "update"}' end::jsonb
                            || notice_json(n) as row
                       from notices n where n.id = any(come) or n.id = any(changed)
                     union all
                     select jsonb_build_object('op', 'delete', 'id', id) from unnest(gone) as id) as rows)));
    end loop;
    return null;
end
$$;

-- ------------------------------------------------------------- notices that make themselves

-- On the clock of the place. A name of a zone that Postgres does not know reads as UTC: what an organizer
-- wrote there must not stop the change.
create function local_time(at timestamptz, zone text) returns text language plpgsql stable as $$
begin
    return to_char(at at time zone zone, 'YYYY-MM-DD HH24:MI') || ' (' || zone || ')';
exception when invalid_parameter_value then
    return to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' (UTC)';
end
$$;

-- One notice of what a statement did to an event, however much that was: the gravest gives it its type,
-- `data` has the fields that changed as `{"old": {…}, "new": {…}}`. Null when there is nothing to tell.
create function told_of(was events, e events) returns notices language plpgsql stable
    set search_path = public, pg_temp as $$
declare
    told notices;
    sentences text[] := '{}';
    old_fields jsonb;
    new_fields jsonb;
begin
    if was.status <> e.status then
        sentences := sentences || case e.status
            when 'cancelled' then 'The event was cancelled.'
            when 'paused' then 'Sales are paused.'
            when 'completed' then 'The event is over.'
            when 'active' then 'Sales are open again.'
            else 'The event is not on sale any more.' end;
    end if;
    if was.starts_at <> e.starts_at or was.timezone <> e.timezone then
        sentences := sentences || ('The event now begins at ' || local_time(e.starts_at, e.timezone) || '.');
    end if;
    if was.venue <> e.venue then
        sentences := sentences || ('The event moved to ' || e.venue || '.');
    end if;
    if was.capacity <> e.capacity then
        sentences := sentences || format('The capacity changed from %s to %s.', was.capacity, e.capacity);
    end if;
    if sentences = '{}' then
        return null;
    end if;
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, n.value) into old_fields, new_fields
      from jsonb_each(event_json(was)) o join jsonb_each(event_json(e)) n on n.key = o.key
     where o.key in ('status', 'starts_at', 'timezone', 'venue', 'capacity') and o.value <> n.value;
    told.event_id := e.id;
    told.type := case when was.status <> e.status and e.status = 'cancelled' then 'cancellation'
                      when cardinality(sentences) = 1 and was.capacity <> e.capacity then 'capacity_change'
                      else 'info_update' end;
    told.message := array_to_string(sentences, ' ');
    told.data := jsonb_build_object('old', old_fields, 'new', new_fields);
    return told;
end
$$;

-- Runs after `events_publish_update`, by its name: first the event is what it is, then it is told of.
-- A draft has no viewers, and its publication is no news to anybody.
create function events_told() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    insert into notices (event_id, type, message, data)
    select (told).event_id, (told).type, (told).message, (told).data
      from (select told_of(o, n) as told
              from old_rows o join new_rows n on n.id = o.id
             where o.status <> 'draft' and n.status <> 'draft'
               and o.deleted_at is null and n.deleted_at is null
             order by n.id offset 0) as each_event
     where (told).event_id is not null;
    return null;
end
$$;
create trigger events_tell_update after update on events referencing old table as old_rows new table as new_rows
    for each statement execute function events_told();
