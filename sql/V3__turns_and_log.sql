-- The turn that puts an event's writers in line, the log of changes, the doorbell, and the shapes
-- in which rows leave the database.

-- One row per event. Every writer of anything that viewers of the event can see locks it until
-- commit (its turn) and takes the next revision from it. That is why revisions have no gaps, and
-- why commit order is revision order.
create table turns (
    event_id bigint not null constraint turns_pkey primary key
        constraint turns_event_exists references events on delete cascade,
    revision bigint not null default 0,
    -- Version of the seat map's geometry, and how many positions its picture has.
    layout int not null default 0,
    seat_count int not null default 0
) with (fillfactor = 50);

-- One row per event and statement, with the new absolute values of what changed: replaying an
-- event's rows in order gives its state at any revision. No foreign key: the log outlives the
-- event whose end it tells.
create table changes (
    event_id bigint not null,
    revision bigint not null constraint changes_revision_positive check (revision > 0),
    at timestamptz not null default clock_timestamp(),
    payload jsonb not null,
    constraint changes_pkey primary key (event_id, revision)
);
-- Old rows are dropped by time.
create index changes_by_age on changes (at);

-- ------------------------------------------------------------- shapes

-- RFC 3339 in UTC, whatever the session's TimeZone and DateStyle say: two snapshots of one state
-- must be equal text.
create function rfc3339(at timestamptz) returns text language sql stable
    return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- 0 available, 1 held, 2 sold, 3 blocked: the two bits of a seat on the wire.
create function seat_status(blocked boolean, claim_state text) returns int language sql immutable
    return case claim_state when 'held' then 1 when 'sold' then 2
           else case when blocked then 3 else 0 end end;

-- How rows are written as JSON. Unpinned strings, so that they are inlined where they are called,
-- which is in functions and on connections that have our schema in front. (Bodies that are parsed
-- at once would tie the row's type down, and no later migration could add a column.)
create function event_json(e events, layout int) returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', e.id, 'organizer_id', e.organizer_id, 'title', e.title, 'description', e.description,
        'venue', e.venue, 'category', e.category, 'image_url', e.image_url,
        'starts_at', rfc3339(e.starts_at), 'timezone', e.timezone, 'currency', e.currency,
        'status', e.status, 'capacity', e.capacity, 'membership_required', e.membership_required,
        'max_per_booking', e.max_per_booking, 'hold_minutes', e.hold_minutes, 'layout', layout,
        'updated_at', rfc3339(e.updated_at)) $$;

-- `moved_at` is when the type's own pool last moved; the later of the two is the row's age. `shared` has
-- `[pool, left]` of each section and allotment that the type draws on: an event's total needs them.
create function ticket_type_json(t ticket_types, available int, held int, sold int, moved_at timestamptz, shared jsonb)
    returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', t.id, 'name', t.name, 'price', t.price_amount, 'capacity', t.capacity,
        'available', available, 'held', held, 'sold', sold,
        'sale_from', rfc3339(t.sale_from), 'sale_to', rfc3339(t.sale_to), 'sort', t.sort,
        'updated_at', rfc3339(greatest(t.updated_at, moved_at)))
        || case when shared is null then '{}' else jsonb_build_object('shared', shared) end $$;

create function notice_json(n notices) returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', n.id, 'type', n.type, 'message', n.message, 'data', n.data,
        'at', rfc3339(n.created_at), 'until', rfc3339(n.until),
        'revision', n.revision, 'sender', n.sender) $$;

-- Ticket types as viewers see them. `available_count` is the least that any of the type's pools
-- has left; reserved and sold are the type's own.
create view event_tickets as
    select t.id, t.event_id, t.name,
           (select min(p.capacity - p.held - p.sold - p.blocked)
              from ticket_type_pools l join pools p on p.id = l.pool_id
             where l.ticket_type_id = t.id) as available_count,
           own.held as reserved_count,
           own.sold as sold_count,
           greatest(t.updated_at, own.updated_at) as updated_at
      from ticket_types t join pools own on own.ticket_type_id = t.id;

-- Seats by section and ticket type, as organizers plan a hall: `allocated` is how many there are, and each of them is
-- available, held, sold or blocked.
create view section_tickets as
    select s.event_id, s.section_id, section.name as section, s.ticket_type_id, t.name as ticket_type,
           count(*) as allocated,
           count(*) filter (where c.id is null and not s.blocked) as available,
           count(*) filter (where c.state = 'held') as held,
           count(*) filter (where c.state = 'sold') as sold,
           count(*) filter (where c.id is null and s.blocked) as blocked
      from seats s
      join sections section on section.id = s.section_id
      join ticket_types t on t.id = s.ticket_type_id
      left join claims c on c.seat_id = s.id and c.state <> 'dead'
     group by s.event_id, s.section_id, section.name, s.ticket_type_id, t.name;

create function ticket_types_json(event bigint) returns jsonb language sql stable
    begin atomic
        select coalesce(jsonb_agg(
                   ticket_type_json(t, c.available_count, c.reserved_count, c.sold_count, c.updated_at,
                       (select jsonb_agg(jsonb_build_array(p.id, p.capacity - p.held - p.sold) order by p.id)
                          from ticket_type_pools l join pools p on p.id = l.pool_id
                         where l.ticket_type_id = t.id and p.kind in ('section', 'allotment')))
                   order by t.id), '[]')
          from ticket_types t join event_tickets c on c.id = t.id
         where t.event_id = event;
    end;

-- `[position, status]` of every seat that is not available. Positions below `seat_count` that no
-- seat has read as blocked: a viewer's picture has no holes.
create function seats_json(event bigint, seat_count int) returns jsonb language sql stable
    begin atomic
        select coalesce(jsonb_agg(jsonb_build_array(place.position,
                   case when s.id is null then 3 else seat_status(s.blocked, c.state) end)
                   order by place.position), '[]')
          from generate_series(0, seat_count - 1) place (position)
          left join seats s on s.event_id = event and s.position = place.position
          left join claims c on c.seat_id = s.id and c.state <> 'dead'
         where s.id is null or s.blocked or c.id is not null;
    end;

-- Everything a viewer can see of an event, at its revision, in one snapshot. Null when there is
-- no such event or it was deleted.
create function live_state(event bigint) returns jsonb language sql stable set search_path from current
    begin atomic
        select jsonb_build_object(
                   'revision', turn.revision,
                   'event', event_json(e, turn.layout),
                   'ticket_types', ticket_types_json(e.id),
                   'notices', (select coalesce(jsonb_agg(notice_json(n) order by n.id), '[]')
                                 from notices n
                                where n.event_id = e.id and (n.until is null or n.until > now())),
                   'layout', turn.layout,
                   'seat_count', turn.seat_count,
                   'seats', seats_json(e.id, turn.seat_count))
          from events e join turns turn on turn.event_id = e.id
         where e.id = event and e.deleted_at is null;
    end;

-- ------------------------------------------------------------- turns

-- In id order, like all who need several.
create function take_turns(events bigint[]) returns void language plpgsql as $$
begin
    perform from turns where event_id = any(events) order by event_id for no key update;
end
$$;

-- Takes the event's turn: from here until commit nobody else can change what its viewers see.
-- Writers of several statements call it first; for several events in id order.
create function take_turn(event bigint) returns void language plpgsql
    security definer set search_path from current as $$
begin
    perform from turns where event_id = event for no key update;
end
$$;

-- The same for writers of `events`: those lock the event's row before its turn, and a writer that
-- does it the other way round may meet one that waits for it.
create function take_turn_to_edit(event bigint) returns void language plpgsql
    security definer set search_path from current as $$
begin
    perform from events where id = event for no key update;
    perform from turns where event_id = event for no key update;
end
$$;

-- Only our own functions derive. They are marked by a setting of theirs, `xmlbinary = hex`, which means
-- nothing here and is in nobody's way (settings of our own naming are a superuser's to attach), and the
-- guards of what is derived (counters, revisions) look at that, however deep in triggers a write is.
-- Roles are what keeps others out (`roles.sql`); the guards keep an owner from a mistake.
create function refuse_turn_write() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and not exists (select from events where id = old.event_id) then
        return old; -- goes with its event
    end if;
    raise exception 'revision and layout of an event are moved by triggers only'
        using errcode = '42501', constraint = 'turns_derived', table = 'turns';
end
$$;
create trigger turns_guard before insert or update or delete on turns for each row
    when (current_setting('xmlbinary') <> 'hex') execute function refuse_turn_write();

-- TRUNCATE has no rows to count or to log.
create function refuse_truncate() returns trigger language plpgsql as $$
begin
    raise exception '% is published row by row: delete its rows instead of truncating it', tg_table_name
        using errcode = '0A000';
end
$$;

create trigger turns_no_truncate before truncate on turns
    for each statement execute function refuse_truncate();

-- ------------------------------------------------------------- doorbell and log

-- Rings for many ids at once: `<prefix>1,2,3` on the channel that has the schema's name. A payload
-- ends at 8,000 bytes, an id at 20.
create function ring(prefix text, ids bigint[]) returns void language plpgsql as $$
begin
    for nth in 1 .. coalesce(cardinality(ids), 0) by 350 loop
        perform pg_notify(current_schema(), prefix || array_to_string(ids[nth : nth + 349], ','));
    end loop;
end
$$;

-- Rings for new rows of the log (`rows[i]` of event `events[i]`). A small row rides on its ring, and
-- spares readers the look into the log; of many events at once, or with large rows, only ids ring.
create function ring_changes(events bigint[], rows text[]) returns void language plpgsql as $$
declare
    ids bigint[] := '{}';
begin
    if cardinality(events) > 350 then
        perform ring('', events);
        return;
    end if;
    for nth in 1 .. coalesce(cardinality(events), 0) loop
        if octet_length(rows[nth]) <= 2000 then
            perform pg_notify(current_schema(), 'change:' || events[nth] || ':' || rows[nth]);
        else
            ids := ids || events[nth];
        end if;
    end loop;
    perform ring('', ids);
end
$$;

-- A row of the log as it travels between machines.
create function change_json(c changes) returns jsonb language sql stable
    as $$ select jsonb_build_object('revision', c.revision, 'at', rfc3339(c.at), 'payload', c.payload) $$;

-- Logs `payloads[i]` at the next revision of `events[i]`, and rings. The turns are taken. An event
-- that is gone has no turn, and nothing to say.
--
-- A null payload is a change that nobody sees: no row, no ring. Its turn is written all the same,
-- so that a REPEATABLE READ transaction with an older picture of the event, of its links say, ends
-- in 40001 instead of counting by that picture.
create function log_changes(events bigint[], payloads jsonb[]) returns void language plpgsql as $$
declare
    logged record;
begin
    with next as (
        update turns t set revision = t.revision + (c.payload is not null)::int
          from unnest(events, payloads) as c (event_id, payload)
         where t.event_id = c.event_id
        returning t.event_id, t.revision, c.payload
    ), log as (
        insert into changes as c (event_id, revision, payload)
        select * from next where payload is not null
        returning event_id, case when cardinality(events) <= 350 then change_json(c)::text end as row
    )
    select array_agg(event_id) as events, array_agg(row) as rows into logged from log;
    perform ring_changes(logged.events, logged.rows);
end
$$;

-- ------------------------------------------------------------- how triggers run

-- Called at the end of V7, and by every later migration that makes triggers.
--
-- Trigger functions with the owner's rights have their plans cached once and generic, and reach tables by
-- index alone: a plan made while a table was empty lives as long as its connection, and would go on reading
-- the whole table, or a whole index to join or to intersect with. Estimates of such plans are too rough to
-- let them start a compiler.
--
-- Triggers run whichever way a row comes in, replication included: else a replicated claim would be
-- stored and not counted.
create procedure settle_triggers() language plpgsql set search_path from current as $$
declare
    one record;
    shape text;
begin
    for one in
        select p.oid::regprocedure as name from pg_proc p
         where p.pronamespace = current_schema()::regnamespace and p.prorettype = 'trigger'::regtype and p.prosecdef
    loop
        execute format('alter function %s set plan_cache_mode = force_generic_plan', one.name);
        foreach shape in array array['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin'] loop
            execute format('alter function %s set enable_%s = off', one.name, shape);
        end loop;
        execute format('alter function %s set jit = off', one.name);
    end loop;
    for one in
        select t.tgrelid::regclass as relation, t.tgname as name from pg_trigger t join pg_class c on c.oid = t.tgrelid
         where c.relnamespace = current_schema()::regnamespace and not t.tgisinternal
    loop
        execute format('alter table %s enable always trigger %I', one.relation, one.name);
    end loop;
end
$$;
