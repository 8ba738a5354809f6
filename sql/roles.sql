-- Roles for a database that Seatcast shares with others. Run it with psql as a role that may create roles (CREATEROLE) and
-- schemas in the database, before the first `seatcast migrate` and again after each one (it may be repeated):
--
--     psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f sql/roles.sql
--
-- A role that is no superuser becomes a member of the owner, as it could not make or grant what is the owner's otherwise.
--
-- For another schema change the next line. The roles' names begin with the schema's.
set search_path = seatcast;

-- | role | for | may |
-- |---|---|---|
-- | `seatcast_owner` | `seatcast migrate`, `seed` | everything in the schema, which it owns |
-- | `seatcast_server` | `seatcast serve --no-migrate`, `audit` | what the server does; not counters, not revisions |
-- | `seatcast_writer` | other programs that sell or edit | claims, bookings, events … and take turns; no password, no key; of people: add customers, rename |
-- | `seatcast_reader` | reports, replicas of the log | read, but no password, token, code of a ticket, contact or stored answer |
--
-- They cannot log in. Grant them to roles of yours that can; the one for migrations has to act as the owner, so that
-- the owner gets the tables that it makes:
--
--     create role shop_migrate login in role seatcast_owner; alter role shop_migrate set role = seatcast_owner;
--     create role shop login in role seatcast_server;
--
-- Triggers run with the owner's rights, so a role needs rights only on the tables that it writes. Only the owner may
-- write derived data: counters, revisions, the log.

do $roles$
declare
    home text := coalesce(current_schema(), split_part(current_setting('search_path'), ',', 1));
    role text;
    -- Tables that other programs may write without restriction.
    written text := 'events, sections, seats, stages, bookings, booking_items, claims, tickets, taxes, fees, voucher_uses';
    partly text;
    columns text;
begin
    foreach role in array array['owner', 'server', 'writer', 'reader'] loop
        if not exists (select from pg_roles where rolname = home || '_' || role) then
            execute format('create role %I', home || '_' || role);
        end if;
    end loop;
    if not (select rolsuper from pg_roles where rolname = current_user) then
        begin
            execute format('grant %I to %I', home || '_owner', current_user);
        exception when insufficient_privilege then
            -- Somebody else made the roles; if this one is a member already, the rest succeeds.
            null;
        end;
    end if;
    execute format('create schema if not exists %I authorization %I', home, home || '_owner');
    execute format('grant usage on schema %I to %I, %I, %I', home, home || '_server', home || '_writer', home || '_reader');
    -- After a full disk the server tries in a temporary table whether there is room again. Everybody may make some where nobody
    -- took that right from public.
    if not has_database_privilege(home || '_server', current_database(), 'temporary') then
        execute format('grant temporary on database %I to %I', current_database(), home || '_server');
    end if;
    if to_regclass('turns') is null then
        raise notice 'roles are there; run `seatcast migrate` as %_owner, and this file again', home;
        return;
    end if;

    -- Functions that only triggers should call are closed to all others.
    execute format('revoke all on all functions in schema %I from public', home);
    execute format('revoke all on all procedures in schema %I from public', home);
    execute format('grant execute on function take_turn, take_turn_to_edit, live_state, ticket_types_of, seats_by_section, seats_json, taken_seats,
                    event_json, booking_json, bookings_json, ticket_type_json, notice_json, change_json, seat_status, rfc3339, uuid_by_time,
                    as_insertions, insist, searchable, ngrams, sought_ngrams, is_member, bookable_types, history_place, moved_at to %I, %I, %I', home || '_server', home || '_writer', home || '_reader');

    execute format('grant select on all tables in schema %I to %I, %I', home, home || '_server', home || '_writer');
    foreach role in array array['server', 'writer'] loop
        role := home || '_' || role;
        execute format('grant insert, update, delete on %s to %I', written, role);
        -- All but the column that triggers derive.
        foreach partly in array array['ticket_types', 'notices', 'vouchers'] loop
            select string_agg(quote_ident(attname), ', ') into columns from pg_attribute
             where attrelid = partly::regclass and attnum > 0 and not attisdropped and attname not in ('seated', 'revision', 'uses', 'reserved_taken', 'reserve_open')
               and attgenerated = '';
            execute format('grant delete, insert (%1$s), update (%1$s) on %2$I to %3$I', columns, partly, role);
        end loop;
        execute format('grant insert (event_id, kind, name, capacity), update (name, capacity), delete on pools to %I', role);
        execute format('grant insert, delete on ticket_type_pools to %I', role);
        execute format('grant execute on function offered_to to %I', role);
    end loop;
    revoke select on idempotency_keys, secrets, booking_contacts, booking_attendees, booking_answers, jobs, sessions,
        refresh_tokens, account_links, identities, api_keys, organization_invitations, audit_trail, waitlist,
        ticket_keys, ticket_holders, transfer_contacts, provider_customers, push_endpoints, push_subscriptions from public;
    execute format('revoke select on idempotency_keys, secrets, booking_contacts, booking_attendees, booking_answers, jobs,
                    sessions, refresh_tokens, account_links, identities, api_keys, organization_invitations, audit_trail,
                    waitlist, ticket_keys, ticket_holders, transfer_contacts, provider_customers, push_endpoints, push_subscriptions from %I', home || '_writer');

    -- Passwords can be guessed from their hashes, and whoever sets one signs in, as does whoever gives an account an address of
    -- their own (a link is mailed there) or says that it is proven. With a role of their choice they would be admins. So other
    -- programs make customers, and change nothing of an account but its name; a payment's secret is its buyer's.
    role := home || '_writer';
    execute format('revoke select, insert, update, delete on users from %1$I; revoke select on payments from %1$I', role);
    select string_agg(quote_ident(attname), ', ') into columns from pg_attribute
     where attrelid = 'users'::regclass and attnum > 0 and not attisdropped and attname not in ('password_hash', 'token_generation');
    execute format('grant select (%s) on users to %I', columns, role);
    execute format('grant insert (id, name, email, phone, created_at, updated_at), update (name, updated_at) on users to %I', role);
    select string_agg(quote_ident(attname), ', ') into columns from pg_attribute
     where attrelid = 'payments'::regclass and attnum > 0 and not attisdropped and attname not in ('client_secret', 'redirect_url');
    execute format('grant select (%s) on payments to %I', columns, role);

    role := home || '_server';
    execute format('grant insert, update, delete on users, idempotency_keys, booking_contacts, booking_attendees, booking_answers, presence_nodes,
                    presence_counts, event_joins, interactions, jobs, organizations, organization_members,
                    organization_invitations, memberships, sessions, refresh_tokens, account_links, ended_tokens, identities,
                    packed_seatmaps, provider_customers, api_keys, waitlist, ticket_keys, ticket_holders, transfers, transfer_contacts, checkins, push_endpoints, push_subscriptions to %I', role);
    execute format('grant insert, update on payments, refunds, demo_charges, refund_policies, payment_terms, invoice_counters, disputes to %I', role);
    execute format('grant insert, delete on provider_events to %I', role);
    execute format('grant update (number) on invoices to %I', role);
    -- Nobody changes what the audit trail and the ledger say.
    execute format('grant insert on audit_trail, ledger_accounts, ledger_transactions, ledger_entries to %I', role);
    execute format('grant execute on function ledger_post, job_organization, sells_for, owner_of to %I', role);
    -- The server deletes old changes, and locks turns: a row lock needs the right to update some column, and primary and
    -- foreign key leave no other value for this one.
    execute format('grant delete on changes to %I', role);
    execute format('grant insert, update on history to %I', role);
    execute format('grant execute on function note_history to %I', role);
    execute format('grant update (event_id) on turns to %I', role);

    role := home || '_reader';
    execute format('grant select on events, ticket_types, pools, ticket_type_pools, sections, seats, stages, notices, booking_items,
                    claims, taxes, fees, vouchers, voucher_uses, turns, changes, history, event_tickets, section_tickets, interactions, booking_numbers, refund_numbers,
                    ticket_numbers, organizations, organization_members,
                    memberships, transfers, checkins to %I', role);
    execute format('grant select (id, name, email, phone, role, created_at, updated_at) on users to %I', role);
    -- A code opens the door.
    execute format('revoke select on tickets from %I', role);
    select string_agg(quote_ident(attname), ', ') into columns from pg_attribute
     where attrelid = 'tickets'::regclass and attnum > 0 and not attisdropped and attname <> 'code';
    execute format('grant select (%s) on tickets to %I', columns, role);
    execute format('grant select (id, reference, event_id, user_id, status, kind, quantity, total_amount, absorbed_fee_amount, currency, expires_at,
                    due_at, cancel_reason, paid_by, payment_id, extended_at, processing_since, version, created_at, confirmed_at, updated_at) on bookings to %I', role);
end
$roles$;
