-- What one event can make its viewers be sent is bounded: a whole state, as the answer to a join or as a
-- row of the log, stays below the 1 MiB that a frame may have.

-- Lengths are REST's, or a little above: `data` as jsonb has spaces that REST does not count. Not valid:
-- a longer text that is there already stays until it is written again.
alter table events
    add constraint events_title_length check (char_length(title) <= 200) not valid,
    add constraint events_description_length check (char_length(description) <= 10000) not valid,
    add constraint events_venue_length check (char_length(venue) <= 200) not valid,
    add constraint events_category_length check (char_length(category) <= 200) not valid,
    add constraint events_image_url_length check (char_length(image_url) <= 2000) not valid,
    add constraint events_timezone_length check (char_length(timezone) <= 200) not valid;
alter table ticket_types
    add constraint ticket_types_name_length check (char_length(name) <= 200) not valid;
alter table notices
    add constraint notices_message_length check (char_length(message) <= 2000) not valid,
    add constraint notices_data_length check (octet_length(data::text) <= 12288) not valid;

-- ------------------------------------------------------------- an event keeps its newest notices

-- At most 32, those that have ended going first. The others are deleted, which the log says like any
-- deletion: so whoever has the state and whoever replays the log drop the same ones.
create function drop_old_notices(event bigint) returns void language plpgsql
    set search_path = public, pg_temp as $$
begin
    perform take_turn(event);
    delete from notices where id in (
        select id from notices n where n.event_id = event
         order by coalesce(until <= now(), false), id desc offset 32);
end
$$;

-- The old ones go first, at a revision of their own: of a thousand that one statement makes, only those
-- that stay are ever told.
create or replace function notices_written() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    ids bigint[];
    rows jsonb;
begin
    for event, ids in
        select event_id, array_agg(id) from new_rows group by event_id order by event_id
    loop
        perform drop_old_notices(event);
        perform stamp_notices(event, ids);
        select jsonb_agg('{"op": "insert"}' || notice_json(n) order by n.id) into rows
          from notices n where n.id = any(ids);
        perform log_change(event, case when rows is not null then jsonb_build_object('notices', rows) end);
    end loop;
    return null;
end
$$;

create or replace function notices_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    event bigint;
    come bigint[];
    changed bigint[];
    gone bigint[];
    rows jsonb;
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
        if come is not null then
            perform drop_old_notices(event);
        end if;
        perform stamp_notices(event, come);
        select jsonb_agg(row order by (row ->> 'id')::bigint) into rows
          from (select case when n.id = any(come) then '{"op": "insert"}' else '{"op": "update"}' end::jsonb
                       || notice_json(n) as row
                  from notices n where n.id = any(come) or n.id = any(changed)
                union all
                select jsonb_build_object('op', 'delete', 'id', id) from unnest(gone) as id) as written;
        perform log_change(event, case when rows is not null then jsonb_build_object('notices', rows) end);
    end loop;
    return null;
end
$$;

-- What the database tells by itself is news for a day; that an event is cancelled stays.
create or replace function events_told() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    insert into notices (event_id, type, message, data, until)
    select (told).event_id, (told).type, (told).message, (told).data,
           case when (told).type <> 'cancellation' then date_trunc('second', now() + interval '24 hours') end
      from (select told_of(o, n) as told
              from old_rows o join new_rows n on n.id = o.id
             where o.status <> 'draft' and n.status <> 'draft'
               and o.deleted_at is null and n.deleted_at is null
             order by n.id offset 0) as each_event
     where (told).event_id is not null;
    return null;
end
$$;

-- In the order in which writers of several events take their turns.
do $$
declare
    event bigint;
begin
    for event in select event_id from notices group by event_id having count(*) > 32 order by event_id loop
        perform drop_old_notices(event);
    end loop;
end
$$;
