-- An event that is cancelled sells nothing any more: whoever cancels it, its holds end with it. What is
-- confirmed stays as it is: it was paid, and giving money back is not the database's to do.

-- Why, in the organizer's words; viewers are told it by the notice.
alter table events
    add column cancel_reason text
        constraint events_cancel_reason_length check (char_length(cancel_reason) <= 500);

-- As in V10; a cancellation says why.
create or replace function told_of(was events, e events) returns notices language plpgsql stable
    set search_path = public, pg_temp as $$
declare
    told notices;
    sentences text[] := '{}';
    old_fields jsonb;
    new_fields jsonb;
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

-- Runs between `events_publish_update`, which has taken the turns of the events in id order, and
-- `events_tell_update`, by its name: who reads the notice finds the stock given back.
create function events_cancelled() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    with gone as (
        update bookings b
           set status = 'cancelled', cancel_reason = coalesce(n.cancel_reason, 'the event was cancelled')
          from new_rows n join old_rows o on o.id = n.id
         where n.status = 'cancelled' and o.status <> 'cancelled'
           and b.event_id = n.id and b.status = 'pending'
        returning b.id
    )
    update claims c set state = 'dead' from gone where c.booking_id = gone.id and c.state <> 'dead';
    return null;
end
$$;
create trigger events_release_update after update on events referencing old table as old_rows new table as new_rows
    for each statement execute function events_cancelled();
