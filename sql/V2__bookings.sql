-- Bookings, their items, the claims on stock, the tickets.
--
-- A booking is a sentence («two adults, one child»), its items say what it costs, its claims are
-- what it takes from the stock. Only claims move the counters.

-- UUIDv7: 48 bits of milliseconds, then chance. Keys that grow with time keep their indexes' hot
-- pages few; random ones touch a page of their own each (a third of a batch's cost at 1 M rows).
create function uuid_by_time() returns uuid language sql volatile
    return encode(set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
                placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
        52, 1), 53, 1), 'hex')::uuid;

-- Ends the transaction as the violation of a constraint of that name, unless `holds`. Stable, so that a
-- statement with it in its `where` asks once and not for every row.
create function insist(holds boolean, name text) returns boolean language plpgsql stable as $$
begin
    if not holds then
        raise exception 'refused by %', name using errcode = '23514', constraint = name;
    end if;
    return true;
end
$$;

-- Random bytes that all nodes of this database share, by what they are for. `guests` is the key under which the
-- addresses of buyers without an account are hashed: an IPv4 address could be found from a plain hash by trying all.
create table secrets (
    name text not null constraint secrets_pkey primary key,
    value bytea not null constraint secrets_value_length check (octet_length(value) = 32)
);
insert into secrets (name, value)
values ('guests', sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

create table bookings (
    id uuid not null default uuid_by_time() constraint bookings_pkey primary key,
    -- For people to read to each other: BK-7F3K9Q.
    reference text not null constraint bookings_reference_unique unique,
    event_id bigint not null constraint bookings_event_exists references events,
    -- Null for anonymous buyers, who prove themselves by the token whose SHA-256 is kept here.
    user_id bigint constraint bookings_user_exists references users,
    token_hash bytea,
    -- Of an anonymous buyer: the address, hashed under a secret and with the event. Bookings with the same one count
    -- together against what one guest may have of the event.
    buyer_hash bytea constraint bookings_buyer_hash_length check (octet_length(buyer_hash) = 16),
    status text not null default 'pending'
        constraint bookings_status_known check (status = any ('{pending,confirmed,expired,cancelled,refunded}')),
    -- `checkout`: a buyer's own. `offer`: held for somebody on the waitlist who has not answered yet. `staff`: made by the
    -- people of its organization, who may have several at a time.
    kind text not null default 'checkout' constraint bookings_kind_known check (kind = any ('{checkout,offer,staff}')),
    quantity int not null constraint bookings_quantity_positive check (quantity > 0),
    total_amount bigint not null constraint bookings_total_counts check (total_amount >= 0),
    currency char(3) not null,
    expires_at timestamptz
        constraint bookings_expires_at_bound check (expires_at >= '1900-01-01z' and expires_at < '9999-01-01z'),
    -- When a pending booking ends; null for all others. The indexes of deadlines name this column
    -- and no status: one with `where status = 'pending'` would be taken for the look-up of a
    -- buyer's pending booking as well, and filter everybody's holds for it.
    due_at timestamptz generated always as (case when status = 'pending' then expires_at end) stored,
    cancel_reason text,
    -- Grows with everything that is shown of the booking (`V7__private_topics.sql`).
    version bigint not null default 1,
    created_at timestamptz not null default clock_timestamp(),
    confirmed_at timestamptz,
    -- When it expired or was cancelled; a trigger sets it (`V7__private_topics.sql`).
    ended_at timestamptz,
    -- It was sold, and money had come for it when it ended: what of its revenue is returned is what goes back of that money
    -- (`V17__numbers.sql`). The same trigger sets it.
    ended_paid boolean not null default false,
    -- Of a booking that staff confirmed: how it was paid.
    paid_by text
        constraint bookings_paid_by_known check (paid_by = any ('{cash,terminal,transfer,comp}')),
    -- The attempt that paid it.
    payment_id uuid,
    -- When its deadline was moved because the buyer had begun to pay: once.
    extended_at timestamptz,
    -- Since when the provider has been working on a payment, for which the hold waits.
    processing_since timestamptz,
    updated_at timestamptz not null default clock_timestamp(),
    -- A hold always ends by itself; one without a deadline would keep its seats for ever.
    constraint bookings_pending_ends check (status <> 'pending' or expires_at is not null)
);
create index bookings_due on bookings (due_at) where due_at is not null;
create index bookings_due_by_event on bookings (event_id, due_at) where due_at is not null;
-- In the order of lists.
create index bookings_by_event on bookings (event_id, created_at, id);
create index bookings_by_user on bookings (user_id, created_at, id) where user_id is not null;
-- The same of one status, which may be rare among an event's bookings. Those that are pending are found by their deadline.
create index bookings_settled_by_event on bookings (event_id, status, created_at, id)
    where status in ('confirmed', 'expired', 'cancelled', 'refunded');
-- Two tabs of one buyer race for the same event: one pending booking wins. Offers stand beside it, and so do those of staff.
create unique index bookings_one_pending on bookings (event_id, user_id)
    where status = 'pending' and kind = 'checkout' and user_id is not null;
-- Counts what one buyer has of an event now, by account or by address. Dead bookings are left out: they are without end.
create index bookings_live_by_user on bookings (event_id, user_id)
    where user_id is not null and status in ('pending', 'confirmed');
create index bookings_live_by_guest on bookings (event_id, buyer_hash)
    where buyer_hash is not null and status in ('pending', 'confirmed');
-- Made last, as `V1__catalogue.sql` says.
alter table bookings add constraint bookings_of_event unique (id, event_id);

-- How buyers can be reached, those without an account above all. Personal, so it is a table of its own: it can be
-- emptied while bookings stay, and travels neither with the booking's row nor with any ring.
create table booking_contacts (
    -- That it exists is proved by triggers (`V7__private_topics.sql`).
    booking_id uuid not null constraint booking_contacts_pkey primary key,
    name text constraint booking_contacts_name_length check (char_length(name) <= 200),
    -- Compared as it is stored.
    email text constraint booking_contacts_email_length check (char_length(email) <= 200),
    phone text constraint booking_contacts_phone_length check (char_length(phone) <= 40),
    -- The language of mails to the buyer.
    lang text not null default 'en' constraint booking_contacts_lang_known check (lang = any ('{en,th,fa}'))
);
-- A guest's bookings join the account that proves the address.
create index booking_contacts_by_email on booking_contacts (email) where email is not null;

-- The lines of a booking's price, as they were when it was made; `src/ticketing/price.rs` makes them. Tickets have a line
-- for each type, whose name is that of the type; discounts of vouchers are negative; a tax that prices contain adds
-- nothing. The amounts add up to the booking's total. That the type exists is proved by the booking's claims, which
-- stay when they are dead. That the booking exists is proved by triggers (`V7__private_topics.sql`).
create table booking_items (
    booking_id uuid not null,
    line int not null,
    kind text not null default 'ticket'
        constraint booking_items_kind_known check (kind = any ('{ticket,discount,fee,tax}')),
    ticket_type_id bigint,
    name text constraint booking_items_name_length check (char_length(name) <= 200),
    quantity int not null constraint booking_items_quantity_positive check (quantity > 0),
    unit_amount bigint not null,
    amount bigint not null generated always as (unit_amount * quantity) stored,
    -- Of tickets and fees their share of the tax, after discounts; of a tax all of it.
    tax_amount bigint not null default 0 constraint booking_items_tax_counts check (tax_amount >= 0),
    -- Rate of that tax in basis points, and whether the price contains it.
    tax_rate int,
    tax_included boolean,
    constraint booking_items_amount_counts check (case kind when 'discount' then unit_amount <= 0 else unit_amount >= 0 end),
    constraint booking_items_ticket_has_type check (ticket_type_id is not null or kind <> all ('{ticket,discount}')),
    constraint booking_items_named check (kind = 'ticket' or name is not null),
    constraint booking_items_tax_has_rate check ((tax_rate is null) = (tax_included is null)),
    constraint booking_items_pkey primary key (booking_id, line)
);

-- A booking's hold on stock: units of a ticket type, or exactly one seat.
--
-- `claims_one_live_seat` is why a seat is never sold twice. The composite foreign key proves that type and seat belong
-- together; it is a row lock too, so no seat can be deleted under a claim that is being made.
--
-- That booking and type are of the claim's event is proved by the triggers that count claims, under the event's turn
-- (`claims_booking_of_event` and `claims_type_of_event`, `V4__counters.sql`). So is that a type which has seats is claimed by
-- the seat and any other by units: `claims_seated_as_type` stores neither a claim of the other kind, nor the first seat of a
-- type of which units are claimed. As foreign keys these three asked for each row: a fifth of the cost of a booking.
--
-- `live_type_id` is null in a dead claim, so that its key is not checked: dead claims are history and must not pin a seat to
-- the type, or to the map, that it had then.
create table claims (
    id bigint generated by default as identity constraint claims_pkey primary key,
    booking_id uuid not null,
    event_id bigint not null,
    ticket_type_id bigint not null,
    seat_id bigint,
    quantity int not null constraint claims_quantity_positive check (quantity > 0),
    state text not null default 'held'
        constraint claims_state_known check (state = any ('{held,sold,dead}')),
    live_type_id bigint generated always as (case when state <> 'dead' then ticket_type_id end) stored,
    -- The voucher of which the booking takes what is set aside for its bearers (`V12__prices.sql`). That it is one of this
    -- ticket type is proved by the triggers that count claims.
    voucher_id bigint,
    constraint claims_seat_is_one check (seat_id is null or quantity = 1),
    constraint claims_seat_of_type
        foreign key (seat_id, live_type_id) references seats (id, ticket_type_id)
);
-- The one that finds fewest rows is made last (`V1__catalogue.sql` says why).
create index claims_by_type on claims (ticket_type_id);
create index claims_by_seat on claims (seat_id) where seat_id is not null;
create unique index claims_one_live_seat on claims (seat_id) where seat_id is not null and state <> 'dead';
create index claims_by_booking on claims (booking_id);
-- Of a map's seats, without those that were held once: an event's dead claims grow for as long as it is on sale. Last, so
-- that on an empty table the planner takes this one.
create index claims_taken_by_type on claims (ticket_type_id) where seat_id is not null and state <> 'dead';

-- A dead claim never comes back: its stock may be somebody else's by now. A late payment makes
-- new claims instead.
create function claims_stay_dead() returns trigger language plpgsql as $$
begin
    if (new.id, new.booking_id, new.event_id, new.ticket_type_id, new.seat_id, new.quantity, new.state, new.voucher_id)
        is distinct from
       (old.id, old.booking_id, old.event_id, old.ticket_type_id, old.seat_id, old.quantity, old.state, old.voucher_id) then
        raise exception 'claim % is dead and stays as it was', old.id
            using errcode = '23514', constraint = 'claims_dead_is_final', table = 'claims';
    end if;
    return new;
end
$$;
create trigger claims_stay_dead before update on claims
    for each row when (old.state = 'dead') execute function claims_stay_dead();

-- One admission. `used` and `void` never go back to the stock by themselves: claims do that. A `transferred` ticket admits
-- its holder, by a code of the holder's own (`V15__tickets.sql`); `code` stays the name by which its booking shows it.
create table tickets (
    id bigint generated by default as identity constraint tickets_pkey primary key,
    booking_id uuid not null,
    event_id bigint not null,
    ticket_type_id bigint not null,
    seat_id bigint constraint tickets_seat_exists references seats on delete set null,
    code text not null constraint tickets_code_unique unique,
    status text not null default 'valid'
        constraint tickets_status_known check (status = any ('{valid,used,transferred,void}')),
    -- Grows with each transfer. A QR says its own: one of an earlier generation admits nobody.
    generation int not null default 1
        constraint tickets_generation_bound check (generation between 1 and 65535),
    created_at timestamptz not null default clock_timestamp(),
    constraint tickets_booking_of_event
        foreign key (booking_id, event_id) references bookings (id, event_id),
    constraint tickets_type_of_event
        foreign key (ticket_type_id, event_id) references ticket_types (id, event_id)
);
create index tickets_by_type on tickets (ticket_type_id);
create index tickets_by_event on tickets (event_id, id);
create index tickets_by_seat on tickets (seat_id) where seat_id is not null;
create index tickets_by_booking on tickets (booking_id, id);

-- Stored answers of requests that carried an Idempotency-Key. The row is written in the
-- transaction of the effect, so that the same request after a crash finds either both or neither.
-- Refusals are not stored: they changed nothing and may be tried again.
create table idempotency_keys (
    scope text not null,
    key text not null,
    body_hash bytea not null,
    status int not null,
    -- JSON. As text, since nothing here looks into it, and making `jsonb` of it costs more than storing the row.
    response text not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint idempotency_keys_pkey primary key (scope, key)
)
-- Compressing what a booking has to say takes longer than writing it, and the row is deleted soon.
with (toast_tuple_target = 8160);
create index idempotency_keys_by_age on idempotency_keys (created_at);
