-- Tickets at the door: the keys that sign their QR, transfers to other people, check-ins.

-- Ed25519. The newest key signs; the public halves of all verify, so a key may be changed while its tickets are out. The
-- number is in every QR, in one byte.
create table ticket_keys (
    id smallint constraint ticket_keys_pkey primary key constraint ticket_keys_id_bound check (id between 1 and 255),
    secret bytea not null constraint ticket_keys_secret_length check (octet_length(secret) = 32),
    public bytea not null constraint ticket_keys_public_length check (octet_length(public) = 32),
    created_at timestamptz not null default clock_timestamp()
);

-- The person who holds a transferred ticket. Personal, so it is a table of its own. `code` is the one that opens the
-- door; the booking's owner, who sees `tickets.code`, never sees it.
--
-- An account sees the tickets that it took over on its private topic. So the row has a version, as a booking has: it grows
-- with all that is shown with such a ticket, and goes on counting when the ticket goes on to somebody else.
create table ticket_holders (
    ticket_id bigint not null constraint ticket_holders_ticket_exists references tickets on delete cascade,
    code text not null constraint ticket_holders_code_unique unique,
    user_id bigint constraint ticket_holders_user_exists references users,
    name text constraint ticket_holders_name_length check (char_length(name) <= 200),
    email text constraint ticket_holders_email_length check (char_length(email) <= 200),
    lang text not null default 'en' constraint ticket_holders_lang_known check (lang in ('en', 'th', 'fa')),
    since timestamptz not null default clock_timestamp(),
    version bigint not null default 1
);
create index ticket_holders_by_user on ticket_holders (user_id, since, ticket_id) where user_id is not null;
-- For an account that proves the address: it gets what was taken over by it without an account.
create index ticket_holders_of_guests on ticket_holders (email) where user_id is null;
alter table ticket_holders add constraint ticket_holders_pkey primary key (ticket_id);

-- A ticket that was offered to somebody. It goes over when the link in the mail is used; until then it is as it was.
create table transfers (
    id uuid not null default uuid_by_time() constraint transfers_pkey primary key,
    ticket_id bigint not null constraint transfers_ticket_exists references tickets on delete cascade,
    event_id bigint not null constraint transfers_event_exists references events,
    state text not null default 'pending'
        constraint transfers_state_known check (state in ('pending', 'accepted', 'cancelled')),
    -- The ticket's generation when it was offered: a link of an earlier one is dead.
    generation int not null,
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    constraint transfers_end check ((state = 'pending') = (ended_at is null))
);
create index transfers_by_event on transfers (event_id);
create index transfers_by_ticket on transfers (ticket_id, id);
-- Two tabs of one owner offer the same ticket: one of them does.
create unique index transfers_one_pending on transfers (ticket_id) where state = 'pending';

-- Whom a ticket was offered to; personal, and deleted with the transfer's end.
create table transfer_contacts (
    transfer_id uuid not null constraint transfer_contacts_pkey primary key
        constraint transfer_contacts_transfer_exists references transfers on delete cascade,
    name text not null constraint transfer_contacts_name_length check (char_length(name) <= 200),
    email text not null constraint transfer_contacts_email_length check (char_length(email) <= 200),
    lang text not null default 'en' constraint transfer_contacts_lang_known check (lang in ('en', 'th', 'fa'))
);

-- An address by which somebody who knows it knows it again: `g…@example.org`.
create function masked_address(email text) returns text language sql immutable parallel safe
    as $$ select left(email, 1) || '…' || substr(email, strpos(email, '@')) $$;

-- Shown with a booking, also to roles that may not read the address itself.
create function offered_to(transfer uuid) returns text language sql stable security definer set search_path from current
    as $$ select masked_address(email) from transfer_contacts where transfer_id = transfer $$;

-- Every real change adds one to the version; a version that the writer sets is ignored.
create function ticket_holders_touch() returns trigger language plpgsql as $$
begin
    if new is distinct from old then
        new.version := old.version + 1;
    end if;
    return new;
end
$$;
create trigger ticket_holders_touch before update on ticket_holders for each row execute function ticket_holders_touch();

-- Rings for whoever has the ticket, and for whoever had it.
create function ticket_holders_written() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    users bigint[];
begin
    if tg_op = 'INSERT' then
        users := array(select distinct user_id from new_rows where user_id is not null);
    elsif tg_op = 'DELETE' then
        users := array(select distinct user_id from old_rows where user_id is not null);
    else
        users := array(select user_id from old_rows where user_id is not null
                       union
                       select user_id from new_rows where user_id is not null);
    end if;
    perform ring('users:', users);
    return null;
end
$$;
create trigger ticket_holders_ring_insert after insert on ticket_holders referencing new table as new_rows
    for each statement execute function ticket_holders_written();
create trigger ticket_holders_ring_update after update on ticket_holders
    referencing old table as old_rows new table as new_rows
    for each statement execute function ticket_holders_written();
create trigger ticket_holders_ring_delete after delete on ticket_holders referencing old table as old_rows
    for each statement execute function ticket_holders_written();
create trigger ticket_holders_no_truncate before truncate on ticket_holders
    for each statement execute function refuse_truncate();

-- Adds one to the version of tickets that an account took over, if these are among them.
create function count_held(ids bigint[]) returns void language plpgsql as $$
begin
    if cardinality(ids) > 0 then
        update ticket_holders set version = version + 1 where ticket_id = any(ids) and user_id is not null;
    end if;
end
$$;

-- A ticket that was used, taken back, or given another seat. The desk, too, writes tickets and knows no holder.
create function held_tickets_written() returns trigger language plpgsql
    security definer set search_path from current as $$
begin
    perform count_held(array(select id from (select * from new_rows where generation > 1
                                             except select * from old_rows) as changed));
    return null;
end
$$;
create trigger tickets_held_update after update on tickets referencing old table as old_rows new table as new_rows
    for each statement execute function held_tickets_written();

-- An event is cancelled, moved or named anew. Few of its tickets were handed on, and this finds them alone.
create index tickets_handed_on on tickets (event_id) where generation > 1;
create function held_events_written() returns trigger language plpgsql
    security definer set search_path from current as $$
declare
    ids bigint[] := array(select id from (select id, title, venue, status, starts_at, timezone from new_rows
                                          except
                                          select id, title, venue, status, starts_at, timezone from old_rows) as changed);
begin
    if cardinality(ids) > 0 then
        perform count_held(array(select id from tickets where event_id = any(ids) and generation > 1));
    end if;
    return null;
end
$$;
create trigger events_held_update after update on events referencing old table as old_rows new table as new_rows
    for each statement execute function held_events_written();

-- A booking is shown with the offers of its tickets, so each counts for its version, and for that of a ticket whose holder
-- offers it. An offer's address is written and deleted with it.
create function transfers_written() returns trigger language plpgsql security definer set search_path from current as $$
declare
    nothing text;
begin
    nothing := count_versions(array(
        select distinct k.booking_id
          from (select distinct ticket_id from written) w
         cross join lateral (select booking_id from tickets where id = w.ticket_id limit 1) k));
    perform count_held(array(select distinct ticket_id from written));
    return null;
end
$$;
create trigger transfers_version_insert after insert on transfers referencing new table as written
    for each statement execute function transfers_written();
create trigger transfers_version_update after update on transfers referencing new table as written
    for each statement execute function transfers_written();
create trigger transfers_version_delete after delete on transfers referencing old table as written
    for each statement execute function transfers_written();

-- Scans that count: those that let somebody in, and all that a gate made without network, whatever came of them. A scanner
-- draws a nonce for each scan and sends it again until it is answered: the same nonce is the same scan, if the same was shown.
create table checkins (
    id bigint generated by default as identity constraint checkins_pkey primary key,
    event_id bigint not null constraint checkins_event_exists references events,
    -- Null: the code or payload was of no ticket.
    ticket_id bigint constraint checkins_ticket_exists references tickets on delete set null,
    nonce text not null constraint checkins_nonce_length check (char_length(nonce) between 8 and 100),
    -- SHA-256 of the code or payload.
    shown_hash bytea not null constraint checkins_shown_hash_length check (octet_length(shown_hash) = 32),
    gate text constraint checkins_gate_length check (char_length(gate) <= 100),
    -- By the scanner's clock.
    scanned_at timestamptz not null,
    at timestamptz not null default clock_timestamp(),
    offline boolean not null default false,
    result text not null constraint checkins_result_known
        check (result in ('admitted', 'already_used', 'void', 'replaced', 'wrong_event', 'unknown')),
    by_user bigint constraint checkins_user_exists references users,
    undone_at timestamptz,
    undone_by bigint constraint checkins_undoer_exists references users,
    constraint checkins_admits_a_ticket check (result <> 'admitted' or ticket_id is not null)
);
create index checkins_by_event on checkins (event_id, id);
create index checkins_by_result on checkins (event_id, result, id);
create index checkins_by_ticket on checkins (ticket_id, id) where ticket_id is not null;
-- A ticket admits once, whatever two gates believe.
create unique index checkins_one_admission on checkins (ticket_id) where result = 'admitted' and undone_at is null;
create unique index checkins_by_nonce on checkins (event_id, nonce);

call settle_triggers();
