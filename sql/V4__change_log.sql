-- The change log, and the shapes in which rows leave the database.
--
-- One row per event and statement, with the new absolute values of what changed: replaying
-- an event's rows in order gives its state at any revision. `revision` has no gaps because
-- it is taken under the root pool's row lock, which is held until commit: nobody can commit
-- revision n + 1 before n. No foreign key: the log outlives the event whose end it tells.
create table changes (
    event_id bigint not null,
    revision bigint not null constraint changes_revision_positive check (revision > 0),
    at timestamptz not null default clock_timestamp(),
    payload jsonb not null,
    constraint changes_pkey primary key (event_id, revision)
);
-- Old rows are dropped by time.
create index changes_by_age on changes (at);

-- RFC 3339 in UTC, whatever the session's TimeZone and DateStyle say: two snapshots of one
-- state must be equal text.
create function rfc3339(at timestamptz) returns text language sql stable
    return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- 0 available, 1 held, 2 sold, 3 blocked: the two bits of a seat on the wire.
create function seat_status(blocked boolean, claim_state text) returns int language sql immutable
    return case claim_state when 'held' then 1 when 'sold' then 2
           else case when blocked then 3 else 0 end end;

-- How rows are written as JSON. The bodies are strings: one that is parsed at once would tie the
-- row's type down, and no later migration could add a column (Postgres 15.20 refuses it).
create function event_json(e events) returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', e.id, 'organizer_id', e.organizer_id, 'title', e.title, 'description', e.description,
        'venue', e.venue, 'category', e.category, 'image_url', e.image_url,
        'starts_at', public.rfc3339(e.starts_at), 'timezone', e.timezone, 'currency', e.currency,
        'status', e.status, 'capacity', e.capacity, 'membership_required', e.membership_required,
        'max_per_booking', e.max_per_booking, 'hold_minutes', e.hold_minutes, 'layout', e.layout,
        'updated_at', public.rfc3339(e.updated_at)) $$;

-- `moved_at` is when the type's own pool last moved; the later of the two is the row's age.
create function ticket_type_json(t ticket_types, available int, held int, sold int, moved_at timestamptz)
    returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', t.id, 'name', t.name, 'price', t.price_amount, 'capacity', t.capacity,
        'available', available, 'held', held, 'sold', sold,
        'sale_from', public.rfc3339(t.sale_from), 'sale_to', public.rfc3339(t.sale_to), 'sort', t.sort,
        'updated_at', public.rfc3339(greatest(t.updated_at, moved_at))) $$;

create function notice_json(n notices) returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', n.id, 'type', n.type, 'message', n.message, 'data', n.data,
        'at', public.rfc3339(n.created_at), 'until', public.rfc3339(n.until)) $$;

-- What viewers see of ticket types. `available_count` is the least that any of the type's
-- pools has left; reserved and sold are the type's own.
create view event_tickets as
    select t.id, t.event_id, t.name,
           (select min(p.capacity - p.held - p.sold)
              from ticket_type_pools l join pools p on p.id = l.pool_id
             where l.ticket_type_id = t.id) as available_count,
           own.held as reserved_count,
           own.sold as sold_count,
           greatest(t.updated_at, own.updated_at) as updated_at
      from ticket_types t join pools own on own.ticket_type_id = t.id;

create function ticket_types_json(event bigint) returns jsonb language sql stable
    begin atomic
        select coalesce(jsonb_agg(
                   ticket_type_json(t, c.available_count, c.reserved_count, c.sold_count, c.updated_at)
                   order by t.id), '[]')
          from ticket_types t join event_tickets c on c.id = t.id
         where t.event_id = event;
    end;

-- `[position, status]` of every seat that is not available. Positions that no seat has any
-- more read as blocked: a viewer's picture has no holes.
create function seats_json(event bigint) returns jsonb language sql stable
    begin atomic
        select coalesce(jsonb_agg(jsonb_build_array(place.position,
                   case when s.id is null then 3 else seat_status(s.blocked, c.state) end)
                   order by place.position), '[]')
          from generate_series(0, (select max(position) from seats where event_id = event)) place (position)
          left join seats s on s.event_id = event and s.position = place.position
          left join claims c on c.seat_id = s.id and c.state <> 'dead'
         where s.id is null or s.blocked or c.id is not null;
    end;

create function seat_count(event bigint) returns int language sql stable
    begin atomic
        select coalesce(max(position) + 1, 0) from seats where event_id = event;
    end;

-- Everything a viewer can see of an event, at its revision, in one snapshot. Null when there
-- is no such event or it was deleted.
create function live_state(event bigint) returns jsonb language sql stable
    begin atomic
        select jsonb_build_object(
                   'revision', root.revision,
                   'event', event_json(e),
                   'ticket_types', ticket_types_json(e.id),
                   'notices', (select coalesce(jsonb_agg(notice_json(n) order by n.id), '[]')
                                 from notices n
                                where n.event_id = e.id and (n.until is null or n.until > now())),
                   'layout', e.layout,
                   'seat_count', seat_count(e.id),
                   'seats', seats_json(e.id))
          from events e join pools root on root.event_id = e.id and root.kind = 'event'
         where e.id = event and e.deleted_at is null;
    end;

-- Takes the event's turn: from here until commit nobody else can change what its viewers
-- see. Multi-statement writers call it first, in event id order if there are several events.
create function take_turn(event bigint) returns void language plpgsql
    set search_path = public, pg_temp as $$
begin
    perform from pools where event_id = event and kind = 'event' for no key update;
end
$$;

-- The same for writers of `events`, `sections` and `seats`: those lock the event's row before its
-- turn, and whoever does it the other way round may meet one that waits for him.
create function take_turn_to_edit(event bigint) returns void language plpgsql
    set search_path = public, pg_temp as $$
begin
    perform from events where id = event for no key update;
    perform take_turn(event);
end
$$;

-- Logs a change at the event's next revision and rings. A deleted event has no root pool any
-- more, and nothing to say. For triggers only: the guard on `pools` refuses everybody else.
--
-- A null change is one that nobody sees: no row, no ring. Its root pool is written all the same,
-- so that a REPEATABLE READ transaction with an older picture of the event, of its links say,
-- ends in 40001 instead of counting by that picture.
create function log_change(event bigint, change jsonb) returns void language plpgsql
    set search_path = public, pg_temp as $$
declare
    next bigint;
begin
    update pools set revision = revision + (change is not null)::int
     where event_id = event and kind = 'event' returning revision into next;
    if found and change is not null then
        insert into changes (event_id, revision, payload) values (event, next, change);
        perform pg_notify('seatcast', event::text);
    end if;
end
$$;
