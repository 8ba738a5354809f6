-- The turn (row lock) that serialises an event's writers, the log of changes, the doorbell (NOTIFY), and rows as JSON.

-- One row per event. Every writer of anything that viewers of the event can see locks it until
-- commit (this is the event's turn) and takes the next revision from it. So revisions have no gaps, and are in commit
-- order.
create table turns (
    event_id bigint not null constraint turns_pkey primary key
        constraint turns_event_exists references events on delete cascade,
    revision bigint not null default 0,
    -- Version of the seat map's geometry, and its number of positions.
    layout int not null default 0,
    seat_count int not null default 0,
    -- Whether the event has a hidden ticket type, of which each claim would have to ask.
    hides boolean not null default false
) with (fillfactor = 50);

-- One row per event and statement, with the new absolute values of what changed: replaying an
-- event's rows in order gives its state at any revision. No foreign key: the row that says that the event is deleted
-- stays.
create table changes (
    event_id bigint not null,
    revision bigint not null constraint changes_revision_positive check (revision > 0),
    at timestamptz not null default clock_timestamp(),
    payload jsonb not null,
    constraint changes_pkey primary key (event_id, revision)
);
-- Old rows are dropped by time.
create index changes_by_age on changes (at);

-- ------------------------------------------------------------- history

-- The place in which the log is written, and since when. A restored dump and a replica that took over may lack changes that
-- viewers were shown, and write the same revisions again with other changes. Nothing in the rows tells; the place does.
create table history (
    one boolean not null default true constraint history_pkey primary key constraint history_one check (one),
    place text not null,
    -- `-infinity` for the place where the schema was made.
    begun_at timestamptz not null
);

-- The cluster, its timeline (a replica that takes over begins a new one), the database in it, and the log in that. Where
-- one of them may not be asked for, the others have to do.
create function history_place() returns text language plpgsql stable as $$
declare
    cluster text := '';
    timeline text := '';
begin
    begin
        cluster := (select system_identifier from pg_control_system());
    exception when insufficient_privilege or undefined_function or feature_not_supported then null;
    end;
    begin
        timeline := left(pg_walfile_name(pg_current_wal_lsn()), 8);
    exception when insufficient_privilege or object_not_in_prerequisite_state or undefined_function or feature_not_supported then null;
    end;
    return concat_ws('/', cluster, timeline, (select oid from pg_database where datname = current_database()),
                     'changes'::regclass::oid);
end
$$;

-- Notes the place, where it is another one, and answers it. Every node calls it when it has connected. It writes only then,
-- so that nodes listen to a database that takes no writes.
create function note_history() returns text language plpgsql as $$
declare
    here text := history_place();
begin
    if here is distinct from (select place from history) then
        insert into history (place, begun_at) values (here, '-infinity')
        on conflict on constraint history_pkey do update set place = excluded.place, begun_at = clock_timestamp()
                 where history.place <> excluded.place;
    end if;
    return here;
end
$$;

-- The event's revision when its history went on in another place: in the last `looked_back` changes, and in the last days.
-- Null if it did not. Changes that are not in the log any more are older than all that were written here.
create function moved_at(event bigint, looked_back int) returns bigint language sql stable as
    $$ select case when h.place <> here.place then turn.revision
                   when h.begun_at > now() - interval '7 days' then
                       (select case when min(c.at) <= h.begun_at then max(c.revision) filter (where c.at <= h.begun_at)
                                    when count(*) < looked_back then coalesce(min(c.revision) - 1, turn.revision) end
                          from (select c.revision, c.at from changes c
                                 where c.event_id = turn.event_id and c.revision > turn.revision - looked_back
                                 order by c.revision desc limit looked_back) c) end
         from history h
        cross join lateral (select history_place() as place offset 0) here
        cross join lateral (select t.event_id, t.revision from turns t where t.event_id = event limit 1) turn $$;

-- ------------------------------------------------------------- shapes

-- RFC 3339 in UTC, whatever the session's TimeZone and DateStyle are, so that two snapshots of one state are equal text.
create function rfc3339(at timestamptz) returns text language sql stable
    return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- 0 available, 1 held, 2 sold, 3 blocked: the two bits of a seat on the wire. A free seat of a hidden ticket type is told as
-- blocked, since only who has its voucher can book it.
create function seat_status(blocked boolean, claim_state text) returns int language sql immutable
    return case claim_state when 'held' then 1 when 'sold' then 2
           else case when blocked then 3 else 0 end end;

-- Rows as JSON. Bodies are strings and set no `search_path`, so that Postgres can inline them; callers have our schema
-- first in theirs. (A body that is parsed at creation depends on the row's type, and no later migration could add a
-- column.)
create function event_json(e events, layout int) returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', e.id, 'organizer_id', e.organizer_id, 'title', e.title, 'description', e.description,
        'venue', e.venue, 'category', e.category, 'image_url', e.image_url,
        'starts_at', rfc3339(e.starts_at), 'ends_at', rfc3339(e.ends_at), 'doors_at', rfc3339(e.doors_at),
        'timezone', e.timezone, 'currency', e.currency,
        'status', e.status, 'capacity', e.capacity, 'membership_required', e.membership_required,
        'max_per_booking', e.max_per_booking, 'hold_minutes', e.hold_minutes, 'layout', layout,
        'updated_at', rfc3339(e.updated_at)) $$;

-- `moved_at` is when the counters of the type's own pool last changed; `updated_at` is the later of the two. `shared`
-- has `[pool, left]` of each section and allotment that the type draws on: an event's total needs them. Where an event has
-- a hidden type, the event's own pool is among them: viewers, who do not see what is taken of that type, could not tell
-- what is left of it. Terms that bind nobody are left out, since a row travels with every booking.
create function ticket_type_json(t ticket_types, available int, held int, sold int, moved_at timestamptz, shared jsonb)
    returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', t.id, 'name', t.name, 'price', t.price_amount, 'capacity', t.capacity,
        'available', available, 'held', held, 'sold', sold,
        'sale_from', rfc3339(t.sale_from), 'sale_to', rfc3339(t.sale_to), 'sort', t.sort,
        'updated_at', rfc3339(greatest(t.updated_at, moved_at)))
        || case when shared is null then '{}' else jsonb_build_object('shared', shared) end
        || case when t.hidden then '{"hidden": true}' else '{}'::jsonb end
        || case when t.members_only then '{"members_only": true}' else '{}'::jsonb end
        || case when t.email_required then '{"email_required": true}' else '{}'::jsonb end
        || case when t.account_required then '{"account_required": true}' else '{}'::jsonb end
        || case when t.min_per_booking = 1 then '{}' else jsonb_build_object('min_per_booking', t.min_per_booking) end
        || case when t.max_per_booking is null then '{}'
                else jsonb_build_object('max_per_booking', t.max_per_booking) end
        || case when t.max_per_user is null then '{}' else jsonb_build_object('max_per_user', t.max_per_user) end $$;

create function notice_json(n notices) returns jsonb language sql stable
    as $$ select jsonb_build_object(
        'id', n.id, 'type', n.type, 'message', n.message, 'data', n.data,
        'at', rfc3339(n.created_at), 'until', rfc3339(n.until),
        'revision', n.revision, 'sender', n.sender)
        || case when n.sent is null then '{}' else jsonb_build_object('sent', n.sent) end $$;

-- Ticket types as viewers see them, but for the hidden ones. `available_count` is the least that any of the type's pools
-- has left; reserved and sold are those of the type's own pool.
create view event_tickets as
    select t.id, t.event_id, t.name,
           (select min(p.capacity - p.held - p.sold - p.blocked)
              from ticket_type_pools l join pools p on p.id = l.pool_id
             where l.ticket_type_id = t.id) as available_count,
           own.held as reserved_count,
           own.sold as sold_count,
           greatest(t.updated_at, own.updated_at) as updated_at,
           t.hidden
      from ticket_types t join pools own on own.ticket_type_id = t.id;

-- Seats by section and ticket type, as organizers plan a hall: `allocated` is how many there are, and each of them is
-- available, held, sold or blocked.
create view section_tickets as
    select n.event_id, n.section_id, section.name as section, n.ticket_type_id, t.name as ticket_type,
           n.allocated, n.available, n.held, n.sold, n.blocked, t.hidden
      from (select s.event_id, s.section_id, s.ticket_type_id,
                   count(*) as allocated,
                   count(*) filter (where c.state is null and not s.blocked) as available,
                   count(*) filter (where c.state = 'held') as held,
                   count(*) filter (where c.state = 'sold') as sold,
                   count(*) filter (where c.state is null and s.blocked) as blocked
              from seats s
              left join claims c on c.seat_id = s.id and c.state <> 'dead'
             group by s.event_id, s.section_id, s.ticket_type_id) n
      join sections section on section.id = n.section_id
      join ticket_types t on t.id = n.ticket_type_id;

-- The ticket types of an event as viewers see them, one row. Called in `from`, where Postgres puts the body in its place: a
-- function that is called for each row plans its statement for each query and begins it for each event, ten times the work.
create function ticket_types_of(event bigint) returns table (types jsonb) language sql stable
    begin atomic
        select coalesce(jsonb_agg(ticket_type_json(t, stock.available, stock.held, stock.sold, stock.updated_at, stock.shared)
                                  order by t.id), '[]')
          from (select exists (select from ticket_types h where h.event_id = event and h.hidden) as hides offset 0) e
          cross join ticket_types t
          cross join lateral (
              select min(p.capacity - p.held - p.sold - p.blocked) as available,
                     max(p.held) filter (where p.ticket_type_id = t.id) as held,
                     max(p.sold) filter (where p.ticket_type_id = t.id) as sold,
                     max(p.updated_at) filter (where p.ticket_type_id = t.id) as updated_at,
                     jsonb_agg(jsonb_build_array(p.id, p.capacity - p.held - p.sold) order by p.id)
                         filter (where p.kind in ('section', 'allotment') or p.kind = 'event' and e.hides) as shared
                from ticket_type_pools l join pools p on p.id = l.pool_id
               where l.ticket_type_id = t.id) stock
         where t.event_id = event;
    end;

-- Every seat that is not available: its position, and at the same place in `statuses` its status as a digit. They are in
-- no order. Positions below `seat_count` without a seat count as blocked, so that every position has a status.
--
-- A plan that was made while the tables were small could look through all claims again for every seat, so they are joined by hash.
create function taken_seats(event bigint, seat_count int, out positions int[], out statuses text)
    language plpgsql stable set enable_nestloop = off set enable_mergejoin = off as $$
declare
    seats bigint;
    gaps int[];
    veiled bigint[] := array(select t.id from ticket_types t where t.event_id = event and t.hidden);
begin
    -- Built of one word a seat: a function's call for each would take as long as the join.
    select array_agg(s.position),
           string_agg(case c.state when 'held' then '1' when 'sold' then '2' else '3' end, '')
      into positions, statuses
      from (select id, position, blocked or ticket_type_id = any(veiled) as blocked
              from seats where event_id = event offset 0) s
      left join (select seat_id, state from claims
                  where ticket_type_id = any(array(select id from ticket_types where event_id = event and seated))
                    and seat_id is not null and state <> 'dead' offset 0) c on c.seat_id = s.id
     where s.blocked or c.state is not null;
    -- A type that has seats has as many as its capacity says.
    select coalesce(sum(capacity), 0) into seats from ticket_types where event_id = event and seated;
    if seats < seat_count then
        gaps := array(select generate_series(0, seat_count - 1)
                      except
                      select position from seats where event_id = event);
        positions := positions || gaps;
        statuses := coalesce(statuses, '') || repeat('3', cardinality(gaps));
    end if;
end
$$;

-- The event's seats by section and ticket type, each counted as what it is. As above, its plan goes by the event's seats and
-- claims alone.
create function seats_by_section(event bigint)
    returns table (section_id bigint, ticket_type_id bigint, allocated bigint, available bigint, held bigint, sold bigint, blocked bigint)
    language plpgsql stable set enable_nestloop = off set enable_mergejoin = off as $$
begin
    -- No seat is both taken and blocked.
    return query
        select n.section_id, n.ticket_type_id, n.allocated, n.allocated - n.taken - n.blocked, n.held, n.taken - n.held, n.blocked
          from (select s.section_id, s.ticket_type_id, count(*) as allocated, count(c.state) as taken,
                       count(*) filter (where c.state = 'held') as held, count(*) filter (where s.blocked) as blocked
                  from (select s.id, s.section_id, s.ticket_type_id, s.blocked from seats s where s.event_id = event offset 0) s
                  left join (select c.seat_id, c.state from claims c
                              where c.ticket_type_id = any(array(select t.id from ticket_types t where t.event_id = event and t.seated))
                                and c.seat_id is not null and c.state <> 'dead' offset 0) c on c.seat_id = s.id
                 group by s.section_id, s.ticket_type_id) n;
end
$$;

-- `[position, status]` of these.
create function seats_json(event bigint, seat_count int) returns jsonb language sql stable
    begin atomic
        select coalesce(jsonb_agg(jsonb_build_array(seat.position, digit::int) order by seat.position), '[]')
          from taken_seats(event, seat_count) as taken,
               unnest(taken.positions, string_to_array(taken.statuses, null)) as seat (position, digit);
    end;

-- Everything a viewer can see of an event, at its revision, in one snapshot. Null when there is
-- no such event or it was deleted.
create function live_state(event bigint) returns jsonb language sql stable set search_path from current
    begin atomic
        select jsonb_build_object(
                   'revision', turn.revision,
                   'event', event_json(e, turn.layout),
                   'ticket_types', t.types,
                   'notices', (select coalesce(jsonb_agg(notice_json(n) order by n.id), '[]')
                                 from notices n
                                where n.event_id = e.id and (n.until is null or n.until > now())),
                   'layout', turn.layout,
                   'seat_count', turn.seat_count,
                   'seats', seats_json(e.id, turn.seat_count))
          from events e join turns turn on turn.event_id = e.id cross join lateral ticket_types_of(e.id) t
         where e.id = event and e.deleted_at is null;
    end;

-- ------------------------------------------------------------- turns

-- Takes the turns of several events, in id order so that two callers cannot deadlock.
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

-- The same for writers of `events`. A plain `update events` locks the event's row before its turn; locking them the
-- other way round could deadlock with it.
create function take_turn_to_edit(event bigint) returns void language plpgsql
    security definer set search_path from current as $$
begin
    perform from events where id = event for no key update;
    perform from turns where event_id = event for no key update;
end
$$;

-- Derived columns (counters, revisions) are written only by our own functions. Those have the setting
-- `xmlbinary = hex`, by which the guards recognise their writes, however deep in triggers; nothing here uses xmlbinary
-- otherwise, and only a superuser may attach a setting of our own naming to a function. Roles keep other programs out
-- (`roles.sql`); the guards keep the owner from writing by mistake.
create function refuse_turn_write() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and not exists (select from events where id = old.event_id) then
        return old; -- goes with its event
    end if;
    raise exception 'the turn of an event is moved by triggers only'
        using errcode = '42501', constraint = 'turns_derived', table = 'turns';
end
$$;
create trigger turns_guard before insert or update or delete on turns for each row
    when (current_setting('xmlbinary') <> 'hex') execute function refuse_turn_write();

-- Refuses TRUNCATE, which gives triggers no rows to count or to log.
create function refuse_truncate() returns trigger language plpgsql as $$
begin
    raise exception '% is published row by row: delete its rows instead of truncating it', tg_table_name
        using errcode = '0A000';
end
$$;

create trigger turns_no_truncate before truncate on turns
    for each statement execute function refuse_truncate();
-- Of an empty log a reader that is behind would think that nothing has happened.
create trigger changes_no_truncate before truncate on changes
    for each statement execute function refuse_truncate();

-- ------------------------------------------------------------- doorbell and log

-- Rings for many ids at once: `<prefix>1,2,3` on the channel that has the schema's name. A payload has at most
-- 8,000 bytes, an id at most 20.
create function ring(prefix text, ids bigint[]) returns void language plpgsql as $$
begin
    for nth in 1 .. coalesce(cardinality(ids), 0) by 350 loop
        perform pg_notify(current_schema(), prefix || array_to_string(ids[nth : nth + 349], ','));
    end loop;
end
$$;

-- Rings for new rows of the log (`rows[i]` of event `events[i]`). A small row is sent in the payload, which saves
-- readers a query; for many events at once, and for large rows, only ids are sent.
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

-- A row of the log as JSON, for NOTIFY and NATS.
create function change_json(c changes) returns jsonb language sql stable
    as $$ select jsonb_build_object('revision', c.revision, 'at', rfc3339(c.at), 'payload', c.payload) $$;

-- Logs `payloads[i]` at the next revision of `events[i]`, and rings. The caller holds the turns. An event without a
-- row in `turns` is deleted, and skipped.
--
-- A null payload is a change that viewers do not see: no row, no ring. The turn is updated all the same, so that a
-- REPEATABLE READ transaction with an older snapshot (of the links of pools, say) ends in 40001 instead of counting by
-- that snapshot.
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
-- Trigger functions with the owner's rights get generic plans that reach tables only by index: a plan that was made
-- while a table was empty lives as long as its connection, and would go on reading the whole table, or a whole index.
-- JIT is off, since the estimates of such plans are too rough to decide on it.
--
-- Triggers are set to run whatever `session_replication_role` says. Logical replication is refused: what applies it
-- runs no trigger of a statement, so its rows would be stored and neither counted nor logged. So every table that has such
-- triggers gets one that looks at each row, in replicas only; after the row, since one before it would have every update lock
-- its row once more.
create function refuse_replicated() returns trigger language plpgsql as $$
begin
    if exists (select from pg_stat_get_activity(pg_backend_pid()) where backend_type like 'logical replication%') then
        raise exception '% cannot be a target of logical replication: its rows would be neither counted nor logged', tg_table_name
            using errcode = '0A000', hint = 'Write the rows by SQL, as any other program does.';
    end if;
    return null;
end
$$;

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
        select c.oid::regclass as relation, c.relname || '_not_replicated' as name from pg_class c
         where c.relnamespace = current_schema()::regnamespace
           -- Of a statement that inserts, deletes or updates: `TRIGGER_TYPE_…` in Postgres's catalog/pg_trigger.h.
           and exists (select from pg_trigger where tgrelid = c.oid and tgtype & 1 = 0 and tgtype & (4 | 8 | 16) <> 0)
           and not exists (select from pg_trigger where tgrelid = c.oid and tgname = c.relname || '_not_replicated')
    loop
        execute format('create trigger %I after insert or update or delete on %s
                        for each row execute function refuse_replicated()', one.name, one.relation);
    end loop;
    for one in
        select t.tgrelid::regclass as relation, t.tgname as name from pg_trigger t join pg_class c on c.oid = t.tgrelid
         where c.relnamespace = current_schema()::regnamespace and not t.tgisinternal
    loop
        execute format('alter table %s enable %s trigger %I', one.relation,
                       case when one.name like '%\_not\_replicated' then 'replica' else 'always' end, one.name);
    end loop;
end
$$;
