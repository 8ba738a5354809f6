-- What could make the number of a user's bookings (V13) step back, or stand still while they look otherwise.

-- 1. Their lines and seats are shown by names that are the event's. How often those were changed counts for each
--    booking of the event; viewers read it at their next look, since a ring for every buyer would be a flood.
create table event_names (
    event_id bigint not null constraint event_names_pkey primary key,
    versions bigint not null
);

create function count_names(events bigint[]) returns void language sql
    set search_path = public, pg_temp as $$
    insert into event_names as n (event_id, versions)
    select distinct id, 1 from unnest(events) as id where id is not null order by 1
    on conflict (event_id) do update set versions = n.versions + 1
$$;

create function ticket_types_renamed() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform count_names(array_agg(n.event_id)) from new_rows n join old_rows o on o.id = n.id
      where n.name is distinct from o.name having count(*) > 0;
    return null;
end
$$;
create function sections_renamed() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform count_names(array_agg(n.event_id)) from new_rows n join old_rows o on o.id = n.id
      where n.name is distinct from o.name having count(*) > 0;
    return null;
end
$$;
create function seats_renamed() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform count_names(array_agg(n.event_id)) from new_rows n join old_rows o on o.id = n.id
      where (n.row_label, n.number, n.section_id, n.position)
            is distinct from (o.row_label, o.number, o.section_id, o.position) having count(*) > 0;
    return null;
end
$$;
create trigger ticket_types_renamed after update on ticket_types
    referencing old table as old_rows new table as new_rows
    for each statement execute function ticket_types_renamed();
create trigger sections_renamed after update on sections
    referencing old table as old_rows new table as new_rows
    for each statement execute function sections_renamed();
create trigger seats_renamed after update on seats
    referencing old table as old_rows new table as new_rows
    for each statement execute function seats_renamed();

create or replace function bookings_revision(member bigint) returns bigint language sql stable
    begin atomic
        select (coalesce((select sum(b.version + coalesce(n.versions, 0))
                            from bookings b left join event_names n on n.event_id = b.event_id
                           where b.user_id = member), 0)
              + coalesce((select sum(t.version) from tickets t join bookings b on b.id = t.booking_id
                           where b.user_id = member), 0)
              + coalesce((select g.versions from bookings_gone g where g.what = 'user' and g.id = member), 0))::bigint;
    end;

-- 2. Tickets that go with their booking, in one statement: its owner is noted before the row is gone.
create table bookings_left (
    booking_id uuid not null constraint bookings_left_pkey primary key,
    user_id bigint not null
);
create function note_left() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    insert into bookings_left values (old.id, old.user_id)
    on conflict (booking_id) do update set user_id = excluded.user_id;
    return old;
end
$$;
create trigger bookings_left before delete on bookings
    for each row when (old.user_id is not null) execute function note_left();

create or replace function tickets_deleted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform ring_bookings(array_agg(owner.user_id), null),
            count_gone(array_agg('user'::text), array_agg(owner.user_id), array_agg(owner.version + 1))
       from (select case when b.id is null then l.user_id else b.user_id end as user_id, o.version
               from old_rows o
               left join bookings b on b.id = o.booking_id
               left join bookings_left l on l.booking_id = o.booking_id) as owner
     having count(*) > 0;
    return null;
end
$$;

-- 3. A ticket that moves to another booking is news for both owners, and leaves the first one's sum.
create function tickets_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform ring_bookings(array_agg(b.user_id), null)
       from bookings b
      where b.id in (select booking_id from new_rows union all select booking_id from old_rows)
        and b.user_id is not null;
    perform count_gone(array_agg('user'::text), array_agg(b.user_id), array_agg(o.version + 1))
       from old_rows o join new_rows n on n.id = o.id join bookings b on b.id = o.booking_id
      where o.booking_id <> n.booking_id
     having count(*) > 0;
    return null;
end
$$;
drop trigger tickets_ring_update on tickets;
create trigger tickets_ring_update after update on tickets
    referencing old table as old_rows new table as new_rows
    for each statement execute function tickets_updated();

-- Bookings that leave take the names' part of their number along.
create or replace function bookings_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform ring_bookings(array_agg(user_id), array_agg(event_id))
       from (select n.user_id, n.event_id from new_rows n
             union all
             select o.user_id, o.event_id from old_rows o) as concerned;
    perform count_gone(array_agg('user'::text), array_agg(o.user_id), array_agg((o.version + 1
               + coalesce((select sum(t.version) from tickets t where t.booking_id = o.id), 0)
               + coalesce((select e.versions from event_names e where e.event_id = o.event_id), 0))::bigint))
       from old_rows o join new_rows n on n.id = o.id
      where o.user_id is distinct from n.user_id or (o.event_id <> n.event_id)
     having count(*) > 0;
    perform count_gone(array_agg('event'::text), array_agg(o.event_id), array_agg(o.version + 1))
       from old_rows o join new_rows n on n.id = o.id
      where o.event_id <> n.event_id
     having count(*) > 0;
    return null;
end
$$;

create or replace function bookings_deleted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform ring_bookings(array_agg(user_id), array_agg(event_id)) from old_rows;
    perform count_gone(array_agg(gone.what), array_agg(gone.id), array_agg(gone.version + 1))
       from (select 'user' as what, o.user_id as id, o.version + coalesce(e.versions, 0) as version
               from old_rows o left join event_names e on e.event_id = o.event_id
             union all
             select 'event', event_id, version from old_rows) as gone;
    return null;
end
$$;
