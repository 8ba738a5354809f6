-- What is told whole: a user's own bookings, an organizer's figures of an event.
--
-- These need no log: whoever looks is told everything anew at each change. What they need is a ring that
-- says whose bookings changed, and a number that tells an older picture from a newer one, on every node and
-- without a lock of its own, since one batch of the desk writes bookings of a hundred users.
--
-- The number is how often their bookings and tickets were written: the sum of the rows' versions. Every commit
-- that a snapshot sees makes it higher than without, so of two snapshots the newer one never has a lower
-- number, and the same number means the same rows.

alter table bookings add column version bigint not null default 1;
alter table tickets add column version bigint not null default 1;

create function count_version() returns trigger language plpgsql as $$
begin
    new.version := old.version + 1;
    return new;
end
$$;
create trigger bookings_version before update on bookings
    for each row when (old.* is distinct from new.*) execute function count_version();
create trigger tickets_version before update on tickets
    for each row when (old.* is distinct from new.*) execute function count_version();

-- What rows had counted that are gone, or somebody else's now: a sum that lost a row would step back.
create table bookings_gone (
    what text not null constraint bookings_gone_what_known check (what in ('user', 'event')),
    id bigint not null,
    versions bigint not null,
    constraint bookings_gone_pkey primary key (what, id)
);

-- One statement's worth of `(what, id, versions)`, in an order that two statements share.
create function count_gone(whats text[], ids bigint[], versions bigint[]) returns void language sql
    set search_path = public, pg_temp as $$
    insert into bookings_gone as g (what, id, versions)
    select gone.what, gone.id, sum(gone.n) from unnest(whats, ids, versions) as gone (what, id, n)
     where gone.id is not null group by 1, 2 order by 1, 2
    on conflict (what, id) do update set versions = g.versions + excluded.versions
$$;

-- Rings for users and for events, each once. A payload ends at 8,000 bytes, an id at 20. A ring of an event is
-- the one that its claims ring anyhow, and folds with it.
create function ring_bookings(users bigint[], events bigint[]) returns void language plpgsql
    set search_path = public, pg_temp as $$
begin
    perform pg_notify('seatcast', 'users:' || string_agg(id::text, ','))
       from (select id, (row_number() over () - 1) / 350 as page
               from (select distinct id from unnest(users) as id where id is not null) as once) as paged
      group by page;
    perform pg_notify('seatcast', id::text)
       from (select distinct id from unnest(events) as id where id is not null order by id) as once;
end
$$;

create function bookings_inserted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform ring_bookings(array_agg(user_id), array_agg(event_id)) from new_rows;
    return null;
end
$$;

create function bookings_updated() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform ring_bookings(array_agg(user_id), array_agg(event_id))
       from (select n.user_id, n.event_id from new_rows n
             union all
             select o.user_id, o.event_id from old_rows o) as concerned;
    perform count_gone(array_agg('user'::text), array_agg(o.user_id), array_agg(o.version + 1 + coalesce(
               (select sum(t.version) from tickets t where t.booking_id = o.id), 0)::bigint))
       from old_rows o join new_rows n on n.id = o.id
      where o.user_id is distinct from n.user_id
     having count(*) > 0;
    perform count_gone(array_agg('event'::text), array_agg(o.event_id), array_agg(o.version + 1))
       from old_rows o join new_rows n on n.id = o.id
      where o.event_id <> n.event_id
     having count(*) > 0;
    return null;
end
$$;

create function bookings_deleted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform ring_bookings(array_agg(user_id), array_agg(event_id)) from old_rows;
    perform count_gone(array_agg(gone.what), array_agg(gone.id), array_agg(gone.version + 1))
       from (select 'user' as what, user_id as id, version from old_rows
             union all
             select 'event', event_id, version from old_rows) as gone;
    return null;
end
$$;

create trigger bookings_ring_insert after insert on bookings referencing new table as new_rows
    for each statement execute function bookings_inserted();
create trigger bookings_ring_update after update on bookings referencing old table as old_rows new table as new_rows
    for each statement execute function bookings_updated();
create trigger bookings_ring_delete after delete on bookings referencing old table as old_rows
    for each statement execute function bookings_deleted();
create trigger bookings_no_truncate before truncate on bookings
    for each statement execute function refuse_truncate();

-- A ticket that is used, void or new is its booking's news.
create function tickets_written() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform ring_bookings(array_agg(b.user_id), null)
       from bookings b where b.id in (select booking_id from new_rows) and b.user_id is not null;
    return null;
end
$$;
create function tickets_deleted() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform ring_bookings(array_agg(b.user_id), null),
            count_gone(array_agg('user'::text), array_agg(b.user_id), array_agg(o.version + 1))
       from old_rows o join bookings b on b.id = o.booking_id;
    return null;
end
$$;
create trigger tickets_ring_insert after insert on tickets referencing new table as new_rows
    for each statement execute function tickets_written();
create trigger tickets_ring_update after update on tickets referencing new table as new_rows
    for each statement execute function tickets_written();
create trigger tickets_ring_delete after delete on tickets referencing old table as old_rows
    for each statement execute function tickets_deleted();

create function bookings_revision(member bigint) returns bigint language sql stable
    begin atomic
        select (coalesce((select sum(b.version) from bookings b where b.user_id = member), 0)
              + coalesce((select sum(t.version) from tickets t join bookings b on b.id = t.booking_id
                           where b.user_id = member), 0)
              + coalesce((select g.versions from bookings_gone g where g.what = 'user' and g.id = member), 0))::bigint;
    end;

-- How many joined an event's topics, in steps of five seconds: a rate for the organizer, summed over all nodes.
-- Not worth the WAL; rows of the last minutes only.
create unlogged table event_joins (
    event_id bigint not null,
    at timestamptz not null,
    joins bigint not null,
    constraint event_joins_pkey primary key (event_id, at)
);
create index event_joins_by_age on event_joins (at);
