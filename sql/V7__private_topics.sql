-- For a user's own bookings and an organizer's figures: a version of each booking, and rings that name the users whose
-- bookings were written.
--
-- They need no log: a viewer is sent the whole bookings that changed, and never replaces one by a lower version of it.
-- A version grows with every table that is shown with the booking. There is no counter per user, since its lock would
-- serialise the desk: a batch writes bookings of a hundred users.

-- Every real change adds one to the version; a version that the writer sets is ignored.
create function bookings_touch() returns trigger language plpgsql as $$
begin
    new.due_at := old.due_at; -- generated, and not computed yet in a before trigger
    if new.status <> old.status then
        new.ended_at := case when new.status in ('expired', 'cancelled', 'refunded')
                             then coalesce(old.ended_at, clock_timestamp()) end;
        new.ended_paid := false;
        -- Asked for only where it may be: an expression with a query in it costs as one.
        if new.ended_at is not null and new.confirmed_at is not null then
            new.ended_paid := exists (
                select from payments p
                 where p.booking_id = new.id and p.captured_amount > 0
                   and (p.id = new.payment_id or p.provider = 'offline' and new.paid_by is not null));
        end if;
    end if;
    if new is distinct from old then
        new.version := old.version + 1;
        new.updated_at := clock_timestamp();
    end if;
    return new;
end
$$;
create trigger bookings_touch before update on bookings for each row
    when (current_setting('seatcast.only_versions', true) is distinct from 'on') execute function bookings_touch();

-- Adds one to the version of bookings whose parts were written, unless this transaction wrote the booking's row as
-- well: a booking that is made or confirmed with all its parts gets one new version.
--
-- The server's desk, whose connections have the setting `seatcast.writer`, needs none of it: whenever it writes a part of a
-- booking, it writes the booking's row in the same transaction.
--
-- Its callers are marked as ours (`V3__turns_and_log.sql`); triggers that others have on bookings are not. While it counts,
-- the setting `seatcast.only_versions` spares our triggers of bookings: it does itself what they would do for a version.
create function count_versions(ids uuid[]) returns void language plpgsql set xmlbinary = base64 as $$
declare
    users bigint[];
begin
    if current_setting('seatcast.writer', true) = 'desk' then
        return;
    end if;
    -- An update fires all triggers of bookings, also one that finds no row.
    if not exists (select from bookings where id = any(ids) and xmin <> pg_current_xact_id()::xid) then
        return;
    end if;
    perform set_config('seatcast.only_versions', 'on', true);
    if cardinality(ids) = 1 then
        -- The same without a set.
        update bookings set version = version + 1, updated_at = clock_timestamp() where id = ids[1]
        returning case when user_id is not null then array[user_id] end into users;
    else
        with counted as (
            update bookings set version = version + 1, updated_at = clock_timestamp()
             where id = any(ids) and xmin <> pg_current_xact_id()::xid
            returning user_id
        )
        select array_agg(distinct user_id) into users from counted where user_id is not null;
    end if;
    perform set_config('seatcast.only_versions', '', true);
    if users is not null then
        perform ring('users:', users);
    end if;
end
$$;

-- For items and tickets; the triggers of claims do the same (`V4__counters.sql`). A row that moves to another booking
-- counts for both.
create function booking_parts_written() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    ids uuid[];
    nothing text;
begin
    if tg_op = 'INSERT' then
        ids := array(select distinct booking_id from new_rows);
    elsif tg_op = 'DELETE' then
        ids := array(select distinct booking_id from old_rows);
    else
        ids := array(select booking_id from (select * from old_rows except select * from new_rows) as gone
                     union
                     select booking_id from (select * from new_rows except select * from old_rows) as come);
    end if;
    nothing := count_versions(ids);
    return null;
end
$$;
do $$
declare
    part text;
begin
    foreach part in array array['booking_items', 'tickets'] loop
        execute format('
            create trigger %1$s_version_update after update on %1$s
                referencing old table as old_rows new table as new_rows
                for each statement %2$s execute function booking_parts_written();
            create trigger %1$s_version_delete after delete on %1$s referencing old table as old_rows
                for each statement %2$s execute function booking_parts_written()',
            part, 'when (current_setting(''seatcast.writer'', true) is distinct from ''desk'')');
    end loop;
end
$$;
create trigger tickets_version_insert after insert on tickets referencing new table as new_rows
    for each statement when (current_setting('seatcast.writer', true) is distinct from 'desk')
    execute function booking_parts_written();

-- Items, contacts and uses of vouchers are of a booking that exists, and go with it: foreign keys in all but their form. A
-- key asks for each row, and a booking with a voucher, a fee and a tax has ten; this asks once for a statement. It locks as a
-- key does, so that no booking is deleted while parts of it are written.
--
-- The server's desk is spared it: such rows name their booking by its place among those that the same statement makes, or
-- are of a booking whose row it has just changed (`src/store/desk/write.rs`).
create function booking_parts_have_booking() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    ids uuid[] := array(select distinct booking_id from new_rows);
begin
    if (select count(*) from (select from bookings where id = any(ids) for key share) as there) <> cardinality(ids) then
        raise exception '% of a booking that does not exist', tg_table_name
            using errcode = '23503', constraint = tg_table_name || '_booking_exists', table = tg_table_name;
    end if;
    if tg_op = 'INSERT' and tg_table_name = 'booking_items' then
        perform count_versions(ids);
    end if;
    return null;
end
$$;
create procedure give_parts_a_booking(part text) language plpgsql set search_path from current as $$
begin
    execute format('
        create trigger %1$s_booking_insert after insert on %1$s referencing new table as new_rows
            for each statement when (current_setting(''seatcast.writer'', true) is distinct from ''desk'')
            execute function booking_parts_have_booking();
        create trigger %1$s_booking_update after update on %1$s referencing new table as new_rows
            for each statement execute function booking_parts_have_booking()', part);
end
$$;
call give_parts_a_booking('booking_items');
call give_parts_a_booking('booking_contacts');

create function bookings_take_parts() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    ids uuid[] := array(select id from old_rows);
begin
    if exists (select from unnest(ids) as gone (id)
                cross join lateral (select from claims where booking_id = gone.id limit 1) claimed) then
        perform refuse_claim('claims_booking_of_event');
    end if;
    delete from booking_items where booking_id = any(ids);
    delete from booking_contacts where booking_id = any(ids);
    delete from voucher_uses where booking_id = any(ids);
    return null;
end
$$;
create trigger bookings_take_parts after delete on bookings referencing old table as old_rows
    for each statement execute function bookings_take_parts();

-- For tables whose rows others name without a foreign key.
create function keep_id() returns trigger language plpgsql as $$
begin
    raise exception '% % keeps its id', tg_table_name, old.id
        using errcode = '23514', constraint = tg_table_name || '_id_final', table = tg_table_name;
end
$$;
create function claims_stay_of_event() returns trigger language plpgsql
    security definer set search_path from current as $$
begin
    if exists (select from claims where booking_id = new.id and event_id <> new.event_id) then
        perform refuse_claim('claims_booking_of_event');
    end if;
    return null;
end
$$;
create trigger bookings_claimed_of_event after update of event_id on bookings for each row
    when (old.event_id <> new.event_id) execute function claims_stay_of_event();
create trigger bookings_keep_id before update of id on bookings
    for each row when (new.id <> old.id) execute function keep_id();

-- A new name of a ticket type, section or seat counts for the bookings that show it, and for the tickets that were taken over
-- (`count_held` in `V15__tickets.sql`).
create function names_changed() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    ids bigint[];
begin
    if tg_table_name = 'ticket_types' then
        select array_agg(n.id) into ids from old_rows o full join new_rows n on n.id = o.id
         where o.name is distinct from n.name;
        perform count_versions(array(select distinct c.booking_id from claims c
                                      where c.ticket_type_id = any(ids)));
        perform count_held(array(select k.id from tickets k where k.ticket_type_id = any(ids) and k.generation > 1));
    else
        if tg_table_name = 'seats' then
            select array_agg(n.id) into ids from old_rows o full join new_rows n on n.id = o.id
             where (o.section_id, o.row_label, o.number) is distinct from (n.section_id, n.row_label, n.number);
        else
            select array_agg(s.id) into ids from seats s
             where s.section_id = any(array(select id from (select id, name from new_rows
                                                            except select id, name from old_rows) as renamed));
        end if;
        perform count_versions(array(select distinct c.booking_id from claims c
                                      where c.seat_id = any(ids)));
        perform count_held(array(select k.id from tickets k where k.seat_id = any(ids) and k.generation > 1));
    end if;
    return null;
end
$$;
create trigger ticket_types_version_update after update on ticket_types
    referencing old table as old_rows new table as new_rows
    for each statement execute function names_changed();
create trigger sections_version_update after update on sections
    referencing old table as old_rows new table as new_rows
    for each statement execute function names_changed();
create trigger seats_version_update after update on seats
    referencing old table as old_rows new table as new_rows
    for each statement execute function names_changed();

create trigger bookings_no_truncate before truncate on bookings
    for each statement execute function refuse_truncate();
create trigger booking_items_no_truncate before truncate on booking_items
    for each statement execute function refuse_truncate();
create trigger tickets_no_truncate before truncate on tickets
    for each statement execute function refuse_truncate();

-- Numbers of joins of an event's topics, in steps of five seconds, summed over all nodes: a rate for the organizer.
-- Unlogged, since they are not worth the WAL; rows are kept for minutes.
create unlogged table event_joins (
    event_id bigint not null,
    at timestamptz not null,
    joins bigint not null,
    constraint event_joins_pkey primary key (event_id, at)
);
create index event_joins_by_age on event_joins (at);

-- Bookings as they are shown, in the shape of `ticketing::record::Booking`.
--
-- A plan of its own in each session, made once: inlined, so many subqueries were planned anew for almost every read while
-- the tables grew, which took ten times as long as to read. For many rows at once, since to begin this plan takes longer than
-- to read a booking by it. As `json`, since making `jsonb` of it takes half as long again.
create function bookings_json(rows bookings[]) returns table (id uuid, booking json) language plpgsql stable strict rows 10
    set search_path from current set plan_cache_mode = force_generic_plan as $$
begin
    return query
    select b.id, json_build_object(
        'id', b.id, 'version', b.version, 'reference', b.reference, 'event_id', b.event_id, 'user_id', b.user_id,
        'status', b.status, 'kind', b.kind, 'quantity', b.quantity,
        'total', json_build_object('amount', b.total_amount, 'currency', b.currency),
        'expires_at', rfc3339(b.expires_at), 'created_at', rfc3339(b.created_at),
        'confirmed_at', rfc3339(b.confirmed_at), 'paid_by', b.paid_by,
        'payment_id', b.payment_id, 'extended_at', rfc3339(b.extended_at), 'processing_since', rfc3339(b.processing_since),
        'cancel_reason', b.cancel_reason,
        'payment', (select json_build_object(
                        'id', p.id, 'provider', p.provider, 'method', p.method,
                        'state', case when p.review is null then p.state else 'needs_review' end,
                        'amount', json_build_object('amount', p.amount, 'currency', p.currency),
                        'refunded', json_build_object('amount', p.refunded_amount, 'currency', p.currency),
                        'failure', p.failure,
                        'owed', b.status = 'confirmed' and b.payment_id is not null
                                and exists (select from payments o where o.id = b.payment_id and o.owed))
                      from payments p where p.booking_id = b.id order by p.booking_id desc, p.id desc limit 1),
        'items', priced.items, 'lines', priced.lines,
        'tickets', (select coalesce(json_agg(json_build_object(
                        'code', k.code, 'ticket_type_id', k.ticket_type_id, 'seat_id', k.seat_id, 'status', k.status,
                        -- The buyer's own offer: those of whoever a ticket was handed to are not shown (`V15__tickets.sql`).
                        'offer', (select json_build_object('to', offered_to(t.id), 'at', rfc3339(t.created_at))
                                    from transfers t
                                   where t.ticket_id = k.id and t.state = 'pending' and k.status = 'valid' limit 1))), '[]')
                      from (select * from tickets where booking_id = b.id order by booking_id, tickets.id) k))
      from unnest(rows) b
     cross join lateral (
        select coalesce(json_agg(json_build_object(
                   'ticket_type_id', i.ticket_type_id, 'name', i.type_name, 'quantity', i.quantity,
                   'unit_price', json_build_object('amount', i.unit_amount, 'currency', b.currency),
                   'seats', (select coalesce(json_agg(json_build_object(
                                 'id', s.id, 'section', s.section, 'row', s.row_label, 'number', s.number) order by s.position), '[]')
                               -- By the booking and nothing else: a ticket type has as many claims as were ever made.
                               from (select seat_id, ticket_type_id, state from claims where booking_id = b.id limit 10000) c
                              cross join lateral (select one.id, row_label, number, position,
                                                         (select name from sections where sections.id = one.section_id limit 1) as section
                                                    from seats one where one.id = c.seat_id limit 1) s
                              where c.ticket_type_id = i.ticket_type_id
                                and (c.state <> 'dead' or b.status not in ('pending', 'confirmed')))))
                   filter (where i.kind = 'ticket'), '[]') as items,
               coalesce(json_agg(json_build_object(
                   'kind', i.kind, 'ticket_type_id', i.ticket_type_id, 'name', coalesce(i.name, i.type_name, ''),
                   'quantity', i.quantity, 'unit_amount', i.unit_amount, 'amount', i.amount,
                   'tax_amount', i.tax_amount, 'tax', case when i.tax_rate is not null then json_build_object(
                       'basis_points', i.tax_rate, 'included', i.tax_included) end)), '[]') as lines
          from (select line.*, (select t.name from ticket_types t where t.id = line.ticket_type_id limit 1) as type_name
                  from booking_items line where line.booking_id = b.id order by line.booking_id, line.line offset 0) i) priced;
end
$$;

create function booking_json(b bookings) returns json language sql stable
    as $$ select booking from bookings_json(array[b]) $$;

call settle_triggers();
