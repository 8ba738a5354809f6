-- Notices are logged when they are made, changed or deleted. A trigger makes one itself when any program changes an
-- event's capacity, time or venue, pauses or resumes sales, or cancels the event.

-- Keeps an event's newest notices, at most 32 of together 512 KiB, and deletes the others, ended ones first: a viewer is
-- sent all of them in one frame, which may have 1 MiB with the event. Broadcasts of clients (`sent`) are bounded by
-- themselves, 32 of together 256 KiB: a lively channel must not take down the notice that the event is cancelled. The log
-- has the deletion at a revision of its own, before the new notices: of a thousand that one statement makes, only those
-- that stay are logged.
--
-- Then gives the new ones the event's next revision, which nobody else can take, since the caller holds the turn.
create function settle_notices(events bigint[], fresh bigint[]) returns void language plpgsql as $$
begin
    -- Rows are named by arrays, here and below: joined, a plan that was made while the table was empty read all of it, and ranked
    -- the notices of all events again for each of its rows.
    delete from notices
     where id = any(array(
         select ranked.id
           from (select n.id, n.sent is null as is_ours, row_number() over newest as place,
                        sum(octet_length(to_json(n.message)::text) + octet_length(n.data::text)
                            + coalesce(octet_length(n.sent::text), 0)) over newest as bytes
                   from unnest(events) e (id) cross join lateral (select * from notices where event_id = e.id offset 0) n
                 window newest as (partition by n.event_id, n.sent is null
                                   order by coalesce(n.until <= now(), false), n.id desc)) as ranked
          where ranked.place > 32 or ranked.bytes > case when ranked.is_ours then 512 else 256 end * 1024));
    update notices n set revision = (select t.revision + 1 from turns t where t.event_id = n.event_id)
     where n.id = any(fresh);
end
$$;

create function notices_inserted() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    fresh bigint[];
    events bigint[];
begin
    select array_agg(id), array_agg(distinct event_id) into fresh, events from new_rows;
    perform take_turns(events);
    perform settle_notices(events, fresh);
    perform log_changes(array_agg(event_id), array_agg(jsonb_build_object('notices', rows)))
       from (select n.event_id, jsonb_agg('{"op": "insert"}' || notice_json(n) order by n.id) as rows
               from notices n where n.id = any(fresh)
              group by n.event_id) as per_event;
    return null;
end
$$;

-- Setting `revision` (`settle_notices`) is not logged as a change. A notice that moves to another event is new there.
create function notices_updated() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    written record;
begin
    select array_agg(n.id) filter (where n.event_id <> o.event_id) as moved,
           array_agg(o.event_id) filter (where n.event_id <> o.event_id) as left_events,
           array_agg(n.event_id) filter (where n.event_id <> o.event_id) as entered,
           array_agg(n.id) filter (where n.event_id = o.event_id) as changed,
           array_agg(n.event_id) as events
      into written
      from old_rows o full join new_rows n on n.id = o.id
     where (o.event_id, o.type, o.message, o.data, o.created_at, o.until, o.sender, o.sent) is distinct from
           (n.event_id, n.type, n.message, n.data, n.created_at, n.until, n.sender, n.sent);
    if written.events is null then
        return null;
    end if;
    perform take_turns(written.events || written.left_events);
    perform settle_notices(written.entered, written.moved);
    perform log_changes(array_agg(event_id), array_agg(jsonb_build_object('notices', rows)))
       from (select event_id, jsonb_agg(part order by id) as rows
               from (select n.event_id, n.id, '{"op": "insert"}' || notice_json(n) as part
                       from notices n where n.id = any(written.moved)
                     union all
                     select n.event_id, n.id, '{"op": "update"}' || notice_json(n)
                       from notices n where n.id = any(written.changed)
                     union all
                     select event_id, id, jsonb_build_object('op', 'delete', 'id', id)
                       from unnest(written.left_events, written.moved) as l (event_id, id)) as parts
              group by event_id) as per_event;
    return null;
end
$$;

create function notices_deleted() returns trigger language plpgsql
    security definer set search_path from current set xmlbinary = hex as $$
declare
    events bigint[] := array(select distinct o.event_id from old_rows o
                              where exists (select from events e where e.id = o.event_id));
begin
    perform take_turns(events);
    perform log_changes(array_agg(event_id), array_agg(jsonb_build_object('notices', rows)))
       from (select event_id, jsonb_agg(jsonb_build_object('op', 'delete', 'id', id) order by id) as rows
               from old_rows where (event_id in (select unnest(events))) is true group by event_id) as per_event;
    return null;
end
$$;

create function refuse_notice_revision() returns trigger language plpgsql as $$
begin
    raise exception 'the revision of a notice is the one that made it'
        using errcode = '42501', constraint = 'notices_revision_derived', table = 'notices';
end
$$;
create trigger notices_guard_revision before update of revision on notices for each row
    when (current_setting('xmlbinary') <> 'hex' and old.revision <> new.revision)
    execute function refuse_notice_revision();
create trigger notices_publish_insert after insert on notices referencing new table as new_rows
    for each statement execute function notices_inserted();
create trigger notices_publish_update after update on notices
    referencing old table as old_rows new table as new_rows
    for each statement execute function notices_updated();
create trigger notices_publish_delete after delete on notices referencing old table as old_rows
    for each statement execute function notices_deleted();
create trigger notices_no_truncate before truncate on notices
    for each statement execute function refuse_truncate();

-- ------------------------------------------------------------- automatic notices

-- The local time of the event. A time zone that Postgres does not know is read as UTC, since a misspelt name must not
-- stop the organizer's change.
create function local_time(at timestamptz, zone text) returns text language plpgsql stable as $$
begin
    return to_char(at at time zone zone, 'YYYY-MM-DD HH24:MI') || ' (' || zone || ')';
exception when invalid_parameter_value then
    return to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' (UTC)';
end
$$;

-- One notice for all changes of a statement to an event. The gravest change decides its type; `data` has the changed
-- fields as `{"old": {…}, "new": {…}}`. Null if no change is worth a notice.
create function notice_of(was events, e events) returns notices language plpgsql stable as $$
declare
    told notices;
    sentences text[] := '{}';
begin
    if was.status <> e.status then
        sentences := sentences || case e.status
            when 'cancelled' then concat_ws(' ', 'The event was cancelled.', e.cancel_reason)
            when 'paused' then 'Sales are paused.'
            when 'completed' then 'The event is over.'
            when 'active' then 'Sales are open again.'
            else 'The event is not on sale any more.' end;
    end if;
    if was.starts_at <> e.starts_at or was.timezone <> e.timezone then
        sentences := sentences || ('The event now begins at ' || local_time(e.starts_at, e.timezone) || '.');
    end if;
    if was.doors_at is distinct from e.doors_at and e.doors_at is not null then
        sentences := sentences || ('The doors now open at ' || local_time(e.doors_at, e.timezone) || '.');
    end if;
    if was.ends_at is distinct from e.ends_at and e.ends_at is not null then
        sentences := sentences || ('The event now ends at ' || local_time(e.ends_at, e.timezone) || '.');
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
    select jsonb_build_object('old', jsonb_object_agg(o.key, o.value), 'new', jsonb_object_agg(o.key, n.value))
      into told.data
      from jsonb_each(event_json(was, 0)) o join jsonb_each(event_json(e, 0)) n on n.key = o.key
     where o.key in ('status', 'starts_at', 'ends_at', 'doors_at', 'timezone', 'venue', 'capacity')
       and o.value <> n.value;
    told.event_id := e.id;
    told.type := case when was.status <> e.status and e.status = 'cancelled' then 'cancellation'
                      when cardinality(sentences) = 1 and was.capacity <> e.capacity then 'capacity_change'
                      else 'info_update' end;
    told.message := array_to_string(sentences, ' ');
    -- Ends after a day; the notice of a cancellation does not end.
    told.until := case when told.type <> 'cancellation' then date_trunc('second', now() + interval '24 hours') end;
    return told;
end
$$;

-- Not for drafts, which have no viewers, nor for their publication.
create function events_told() returns trigger language plpgsql
    security definer set search_path from current as $$
begin
    insert into notices (event_id, type, message, data, until)
    select (told).event_id, (told).type, (told).message, (told).data, (told).until
      from (select notice_of(o, n) as told
              from old_rows o full join new_rows n on n.id = o.id
             where (o.status, o.starts_at, o.ends_at, o.doors_at, o.timezone, o.venue, o.capacity) is distinct from
                   (n.status, n.starts_at, n.ends_at, n.doors_at, n.timezone, n.venue, n.capacity)
               and (o.status = 'draft') is not true and (n.status = 'draft') is not true
               and o.deleted_at is null and n.deleted_at is null
             order by n.id offset 0) as each_event
     where (told).event_id is not null;
    return null;
end
$$;

-- Ends the holds of a cancelled event, whichever program cancels it. Confirmed bookings stay, since they are paid and
-- the database cannot give money back.
create function events_cancelled() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    cancelled bigint[] := array(select id from new_rows where status = 'cancelled'
                                except select id from old_rows where status = 'cancelled');
begin
    if cancelled <> '{}' then
        with gone as (
            update bookings b
               set status = 'cancelled', cancel_reason = e.cancel_reason
              from unnest(cancelled) c (id) join events e on e.id = c.id
             where b.event_id = e.id and b.due_at is not null
            returning b.id
        )
        update claims c set state = 'dead' from gone where c.booking_id = gone.id and c.state <> 'dead';
    end if;
    return null;
end
$$;

-- Triggers run in the order of their names: `events_publish_update` logs the event, then these give back the stock and
-- make the notice.
create trigger events_release_update after update on events referencing old table as old_rows new table as new_rows
    for each statement execute function events_cancelled();
create trigger events_tell_update after update on events referencing old table as old_rows new table as new_rows
    for each statement execute function events_told();
