-- Notices are pushed when they are made, changed or taken back.

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
