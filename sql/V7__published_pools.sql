-- Sections and allotments: their capacity and which ticket types draw on them are the
-- organizer's to change, and viewers see what that leaves of the types.

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
        perform log_change(event, case when rows is not null then jsonb_build_object('ticket_types', rows) end);
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
        perform log_change(event, case when rows is not null then jsonb_build_object('ticket_types', rows) end);
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
