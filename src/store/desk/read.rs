//! The first round trip of the desk's transaction: takes the turns and reads the rows that the rules need.

use std::collections::BTreeSet;

use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::connection::statements;
use super::facts::{StockReading, stored_answer};
use super::{Facts, Questions, Turns};
use crate::config::inside::{PRICED_EVENTS_MAX, SHARE_MAX};
use crate::store::StoreError;
use crate::store::prices;
use crate::ticketing::{EventId, TicketTypeId, UserId};

/// Most overdue holds that one transaction ends, of one event and of all its events together.
pub const OVERDUE_PER_EVENT_MAX: i64 = 500;
const OVERDUE_MAX: i64 = 1_000;

/// People on an event's waitlist whom one transaction may serve.
const WAITING_MAX: i64 = 200;

/// People on an event's waitlist that are gone through for them.
const WAITING_LOOKED_AT_MAX: i64 = 5_000;

/// Bookings that are counted of what one buyer has of an event; each has a ticket at least. Staff may have more, and
/// have no share.
const COUNTED_BOOKINGS_MAX: i64 = SHARE_MAX;

/// The turns that this transaction holds. It may take one more that has become free, but never waits.
const MINE: &str = "
    mine as materialized (
        select event_id from turns where event_id = any($1) order by event_id for no key update skip locked)";

/// One row a ticket type, its pools as arrays; one row where there is none. Where a table is long for all events together
/// its first row is asked for, since `exists` may be answered from the whole index.
const EVENTS: &str = "
    select e.id, e.organizer_id, e.status, e.starts_at, e.currency, e.membership_required, e.max_per_booking,
           e.hold_minutes, e.deleted_at is not null, statement_timestamp(),
           (select min(due_at) from bookings b where b.event_id = e.id and b.due_at is not null),
           t.id, t.name, t.price_amount, t.sort, t.sale_from, t.sale_to, t.min_per_booking, t.max_per_booking,
           t.max_per_user, t.members_only, t.seated,
           p.ids, p.roots, p.capacities, p.held, p.sold, t.account_required,
           t.email_required, e.offer_minutes,
           coalesce((select true from waitlist w where w.event_id = e.id and w.status = 'waiting' limit 1), false), t.hidden,
           coalesce((select true from taxes where event_id = e.id limit 1),
                    (select true from fees where event_id = e.id limit 1),
                    (select true from taxes where organization_id = e.organizer_id limit 1), false)
      from unnest($1::bigint[], $2::bigint[]) wanted (id, ticket_type_id)
      cross join lateral (select * from events where id = wanted.id limit 1) e
      left join lateral (
          select * from ticket_types where wanted.ticket_type_id is null and event_id = wanted.id
          union all
          select * from ticket_types where id = wanted.ticket_type_id and event_id = wanted.id) t on true
      left join lateral (
          select array_agg(p.id) as ids, array_agg(p.kind = 'event') as roots,
                 array_agg(p.capacity - p.blocked) as capacities, array_agg(p.held) as held, array_agg(p.sold) as sold
            from ticket_type_pools l cross join lateral (select * from pools where id = l.pool_id limit 1) p
           where l.ticket_type_id = t.id) p on true";

const SEATS: &str = "
    select s.event_id, s.id, s.ticket_type_id, section.name, s.row_label, s.number,
           s.blocked or exists (select from claims c where c.seat_id = s.id and c.state <> 'dead')
      from unnest($1::bigint[]) wanted (id)
      cross join lateral (select * from seats where id = wanted.id limit 1) s
      cross join lateral (select name from sections where id = s.section_id limit 1) section";

/// The time, in the form of an answer that has no turns.
const CLOCK: &str = "select null::text[], null::bigint, null::bigint, statement_timestamp()";

/// Live counts only where a ticket type of the event has a limit for each user, and through
/// the buyers' own bookings: the claims of a popular ticket type are many.
fn buyers() -> String {
    format!(
        "
    select asked.event_id, u.id, is_member(u.id, statement_timestamp()),
           (select b.id from bookings b
             where b.event_id = asked.event_id and b.user_id = u.id and b.status = 'pending' and b.kind = 'checkout'),
           live.types, live.quantities,
           (select coalesce(sum(mine.quantity), 0)::bigint
              from (select quantity from bookings b
                     where b.event_id = asked.event_id and b.user_id = u.id and b.status in ('pending', 'confirmed')
                     limit {COUNTED_BOOKINGS_MAX}) mine)
      from unnest($1::bigint[], $2::bigint[]) as asked (event_id, user_id)
      cross join lateral (select * from users where id = asked.user_id limit 1) u
      left join lateral (
          select array_agg(ticket_type_id) as types, array_agg(quantity) as quantities
            from (select c.ticket_type_id, sum(c.quantity)::bigint as quantity
                    from bookings b join claims c on c.booking_id = b.id
                   where b.user_id = u.id and b.event_id = asked.event_id
                     and b.status in ('pending', 'confirmed') and c.state <> 'dead'
                     and exists (select from ticket_types limited
                                  where limited.event_id = asked.event_id and limited.max_per_user is not null)
                   group by c.ticket_type_id) per_type) live on true"
    )
}

statements! {
    free_turns = "
        select (select array_agg(reference) from bookings where reference = any($2)), turn.event_id, turn.revision,
               statement_timestamp()
          from (values (1)) one (row)
          left join lateral (
              select event_id, revision from turns where event_id = any($1)
               order by event_id for no key update skip locked) turn on true";
    all_turns = "
        select (select array_agg(reference) from bookings where reference = any($2)), turn.event_id, turn.revision,
               statement_timestamp()
          from (values (1)) one (row)
          left join lateral (
              select event_id, revision from turns where event_id = any($1)
               order by event_id for no key update) turn on true";
    events = EVENTS;
    buyers = buyers();
    // The same of buyers without an account. Overdue holds are not theirs any more, whether this transaction ends them or
    // another one.
    guests = format!("
        select asked.event_id, asked.buyer_hash, had.pending, had.tickets, live.types, live.quantities
          from unnest($1::bigint[], $2::bytea[]) as asked (event_id, buyer_hash)
          cross join lateral (
              select count(*) filter (where status = 'pending') as pending,
                     coalesce(sum(quantity), 0)::bigint as tickets, array_agg(id) as ids
                from (select b.id, b.status, b.quantity from bookings b
                       where b.event_id = asked.event_id and b.buyer_hash = asked.buyer_hash
                         and b.status in ('pending', 'confirmed')
                         and (b.due_at is null or b.due_at > statement_timestamp())
                       limit {COUNTED_BOOKINGS_MAX}) theirs) had
          left join lateral (
              select array_agg(ticket_type_id) as types, array_agg(quantity) as quantities
                from (select c.ticket_type_id, sum(c.quantity)::bigint as quantity
                        from unnest(had.ids) theirs (id)
                        cross join lateral (
                            select * from claims where booking_id = theirs.id and state <> 'dead' limit 10000) c
                       where exists (select from ticket_types limited
                                      where limited.event_id = asked.event_id and limited.max_per_user is not null)
                       group by c.ticket_type_id) per_type) live on true");
    keys = "
        select k.scope, k.key, k.body_hash, k.status, k.response
          from unnest($1::text[], $2::text[]) as asked (scope, key)
          cross join lateral (
              select * from idempotency_keys k where k.scope = asked.scope and k.key = asked.key limit 1) k";
    seats = SEATS;
    // Whole rows, since a seat of another ticket type between two seats parts them.
    rows = "
        with wanted as (
            select distinct s.section_id, s.row_label
              from unnest($1::bigint[]) as chosen (ticket_type_id)
              join seats s on s.ticket_type_id = chosen.ticket_type_id
        )
        select section.event_id, s.section_id, section.name, s.row_label,
               array_agg(s.id order by s.position), array_agg(s.ticket_type_id order by s.position),
               array_agg(s.number order by s.position),
               array_agg(s.x order by s.position), array_agg(s.y order by s.position),
               array_agg(s.blocked or c.id is not null order by s.position)
          from wanted
          join seats s on s.section_id = wanted.section_id and s.row_label = wanted.row_label
          join sections section on section.id = s.section_id
          left join claims c on c.seat_id = s.id and c.state <> 'dead'
         group by section.event_id, s.section_id, section.name, s.row_label
         order by min(s.position)";
    // Locked, so that nobody changes them before the desk does. Locked ones are skipped until the next time, since their
    // holder may be waiting for the turn.
    overdue = format!("
        with {MINE}
        select hold.event_id, hold.id, hold.user_id, c.id, c.ticket_type_id, c.seat_id, c.quantity, c.state,
               c.voucher_id
          from (select of_event.*
                  from mine
                  cross join lateral (
                      select event_id, id, user_id from bookings b
                       where b.event_id = mine.event_id and b.due_at is not null and b.due_at <= statement_timestamp()
                       order by b.due_at limit {OVERDUE_PER_EVENT_MAX} for no key update skip locked) of_event
                 limit {OVERDUE_MAX}) hold
          left join lateral (
              select * from claims c where c.booking_id = hold.id and c.state <> 'dead' limit 10000) c on true");
    // Only those whom a ticket type could serve, by the terms that are given here: others may be many, and stand first. What
    // else is in the way, the rules find. Whether they are members is asked once for each of them, and only where something is
    // for members. Locked, so that nobody leaves the line meanwhile.
    waiting = format!("
        select w.event_id, w.id, w.user_id, w.quantity, w.ticket_type_ids, w.member, w.lang
          from unnest($1::bigint[]) asked (event_id)
          cross join lateral (
              select coalesce(bool_or(members_only), false) as asked_for
                from unnest($2::bigint[], $6::bool[]) open (event_id, members_only)
               where open.event_id = asked.event_id) membership
          cross join lateral (
              select line.id
                from (select id, user_id, quantity, ticket_type_ids, member from waitlist
                       where event_id = asked.event_id and status = 'waiting'
                       order by id limit {WAITING_LOOKED_AT_MAX}) line
               cross join lateral (
                   select line.member or membership.asked_for and is_member(line.user_id, statement_timestamp()) as is_member
                   offset 0) person
               where exists (
                   select from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bool[], $7::bigint[])
                               open (event_id, ticket_type_id, at_least, at_most, members_only, per_user)
                    where open.event_id = asked.event_id and line.quantity between open.at_least and open.at_most
                      and (line.ticket_type_ids is null or open.ticket_type_id = any(line.ticket_type_ids))
                      and (not open.members_only or person.is_member)
                      and (open.per_user is null or line.quantity <= open.per_user - (
                          select coalesce(sum(c.quantity), 0) from bookings b
                           cross join lateral (
                               select quantity from claims
                                where booking_id = b.id and ticket_type_id = open.ticket_type_id and state <> 'dead'
                                limit 10000) c
                           where b.event_id = asked.event_id and b.user_id = line.user_id
                             and b.status in ('pending', 'confirmed')
                             and (b.due_at is null or b.due_at > statement_timestamp()))))
               order by line.id limit {WAITING_MAX}) served
          cross join lateral (
              select * from waitlist where id = served.id and status = 'waiting' limit 1 for no key update skip locked) w
         order by w.event_id, w.id");
    rules = prices::RULES;
    vouchers = prices::VOUCHERS;
    reserves = prices::RESERVES;
    free_bookings = standing(ASKED, "skip locked");
    all_bookings = standing(ASKED, "");
    // Not locked: who has one of these rows is waited for by the write, which refuses what has changed.
    holders = standing(HOLDERS, "");
}

/// Bookings that were asked for.
const ASKED: &str = "unnest($2::uuid[]) wanted (id)";

/// Bookings that hold one of these seats.
const HOLDERS: &str = "(
                select distinct held.booking_id
                  from unnest($2::bigint[]) named (seat_id)
                  cross join lateral (
                      select booking_id, state from claims
                       where seat_id = named.seat_id and state <> 'dead' limit 1) held
                 where held.state = 'held') wanted (id)";

/// One row per live claim. Where locked rows are skipped, a booking that another transaction has locked gives one row in
/// which only `id` is set.
fn standing(wanted: &str, locked: &str) -> String {
    let lock = match locked {
        "" => "",
        skip => &format!("for no key update {skip}"),
    };
    format!(
        "
        with {MINE}, found as materialized (
            select wanted.id, b.held, b.id is not null as is_here
              from {wanted}
              cross join lateral (select from bookings where id = wanted.id limit 1) there
              left join lateral (
                  select held, held.id from bookings held
                   where held.id = wanted.id and held.event_id in (select event_id from mine) limit 1 {lock}) b on true
        ), shown as materialized (
            select * from bookings_json(array(select held from found where is_here))
        )
        select found.id, is_here, shown.booking, c.id, c.ticket_type_id, c.seat_id, c.quantity, c.state,
               (held).user_id is not null
                   or coalesce((select email is not null from booking_contacts where booking_id = found.id limit 1), false),
               c.voucher_id
          from found
          left join lateral (select booking from shown where id = found.id limit 1) shown on true
          left join lateral (
              select * from claims where booking_id = found.id and is_here and state <> 'dead' limit 10000) c on true"
    )
}

/// Events that had taxes or fees when they were last booked. For those they are read with the rest; most events have none,
/// and a statement is a large part of a small batch. A hint: the rows of events say who has some.
#[derive(Default)]
pub(super) struct PricedEvents(BTreeSet<EventId>);

impl PricedEvents {
    fn among(&self, booked: &[EventId]) -> Vec<EventId> {
        let booked = booked.iter().copied();
        booked.filter(|event| self.0.contains(event)).collect()
    }

    fn learn(&mut self, booked: &[EventId], priced: &BTreeSet<EventId>) {
        for event in booked {
            match priced.contains(event) {
                true => self.0.insert(*event),
                false => self.0.remove(event),
            };
        }
        if self.0.len() > PRICED_EVENTS_MAX {
            self.0.clear();
        }
    }
}

/// Begins, takes turns and reads.
pub(super) async fn begin(
    client: &Client,
    sql: &Statements,
    known_priced: &mut PricedEvents,
    asked: &Questions,
    turns: Turns,
) -> Result<Facts, StoreError> {
    let (take, bookings) = match turns {
        Turns::Free => (&sql.free_turns, &sql.free_bookings),
        Turns::Wait => (&sql.all_turns, &sql.all_bookings),
    };
    let of_turns: Parameters<'_, 2> = [&asked.events, &asked.references];
    let (types_of, types): (Vec<EventId>, Vec<Option<TicketTypeId>>) =
        asked.types.iter().copied().unzip();
    let of_events: Parameters<'_, 2> = [&types_of, &types];
    let (buyers_of, users): (Vec<EventId>, Vec<UserId>) = asked.buyers.iter().copied().unzip();
    let of_buyers: Parameters<'_, 2> = [&buyers_of, &users];
    let (guests_of, hashes): (Vec<EventId>, Vec<&[u8]>) = asked
        .guests
        .iter()
        .map(|(event, guest)| (*event, guest.0.as_slice()))
        .unzip();
    let of_guests: Parameters<'_, 2> = [&guests_of, &hashes];
    let scopes: Vec<&str> = asked.keys.iter().map(|key| key.scope.as_str()).collect();
    let digests: Vec<&str> = asked.keys.iter().map(|key| key.digest.as_str()).collect();
    let of_keys: Parameters<'_, 2> = [&scopes, &digests];
    let of_seats: Parameters<'_, 1> = [&asked.seats];
    let priced = known_priced.among(&asked.booked);
    let of_prices: Parameters<'_, 1> = [&priced];
    let (vouchers_of, codes): (Vec<EventId>, Vec<&str>) = asked
        .vouchers
        .iter()
        .map(|(event, code)| (*event, code.as_str()))
        .unzip();
    let of_vouchers: Parameters<'_, 2> = [&vouchers_of, &codes];
    let of_bookings: Parameters<'_, 2> = [&asked.events, &asked.bookings];
    let of_holders: Parameters<'_, 2> = [&asked.events, &asked.held_seats];
    let of_overdue: Parameters<'_, 1> = [&asked.overdue];
    // Joined futures send in order: nothing is read before the turns are taken.
    let (
        (),
        turns,
        events,
        overdue,
        bookings,
        holders,
        buyers,
        guests,
        keys,
        seats,
        rules,
        vouchers,
    ) = tokio::try_join!(
        biased;
        client.batch_execute("begin isolation level read committed"),
        client.query(take, &of_turns),
        client.query(&sql.events, &of_events),
        ask_if(client, !asked.overdue.is_empty(), &sql.overdue, &of_overdue),
        ask_if(client, !asked.bookings.is_empty(), bookings, &of_bookings),
        ask_if(client, !asked.held_seats.is_empty(), &sql.holders, &of_holders),
        ask_if(client, !asked.buyers.is_empty(), &sql.buyers, &of_buyers),
        ask_if(client, !asked.guests.is_empty(), &sql.guests, &of_guests),
        ask_if(client, !asked.keys.is_empty(), &sql.keys, &of_keys),
        ask_if(client, !asked.seats.is_empty(), &sql.seats, &of_seats),
        ask_if(client, !priced.is_empty(), &sql.rules, &of_prices),
        ask_if(client, !asked.vouchers.is_empty(), &sql.vouchers, &of_vouchers),
    )?;
    let mut facts = StockReading::new(&turns, &events)?;
    for row in &buyers {
        facts.buyer(row)?;
    }
    let late = facts.overdue_not_asked_for(asked);
    let waited_for = facts.waited_for(asked);
    let mut types = facts.seats_to_choose_from(asked);
    let whole: Vec<EventId> = late.iter().chain(&waited_for).copied().collect();
    let (of_late, of_types): (Parameters<'_, 1>, Parameters<'_, 1>) = ([&late], [&types]);
    let all: Vec<Option<TicketTypeId>> = vec![None; whole.len()];
    let of_whole: Parameters<'_, 2> = [&whole, &all];
    // Rare: one more round trip. Ended holds give back stock of any ticket type, so all types are read.
    let more_priced = facts.priced_beside(&priced, &asked.booked, &waited_for);
    let of_more_priced: Parameters<'_, 1> = [&more_priced];
    known_priced.learn(&asked.booked, &facts.priced);
    let (more_overdue, more_events, more_rules, mut rows) =
        match whole.is_empty() && types.is_empty() && more_priced.is_empty() {
            true => (Vec::new(), Vec::new(), Vec::new(), Vec::new()),
            false => tokio::try_join!(
                biased;
                ask_if(client, !late.is_empty(), &sql.overdue, &of_late),
                ask_if(client, !whole.is_empty(), &sql.events, &of_whole),
                ask_if(client, !more_priced.is_empty(), &sql.rules, &of_more_priced),
                ask_if(client, !types.is_empty() && waited_for.is_empty(), &sql.rows, &of_types),
            )?,
        };
    for row in &more_events {
        facts.ticket_type(row)?;
    }
    for row in overdue.iter().chain(&more_overdue) {
        facts.overdue(row)?;
    }
    for row in bookings.iter().chain(&holders) {
        facts.booking(row)?;
    }
    // Rarer still. Before it is known what may come free for those who wait.
    let drawn_on = facts.vouchers_drawn_on();
    let given_again = facts.facts.ended_among(&asked.reclaimed);
    let of_reserves: Parameters<'_, 2> = [&drawn_on, &given_again];
    let has_reserves = !drawn_on.is_empty() || !given_again.is_empty();
    for row in &ask_if(client, has_reserves, &sql.reserves, &of_reserves).await? {
        facts.reserve(row)?;
    }
    if !waited_for.is_empty() {
        let open = facts.open_types(&waited_for);
        let of_line: Parameters<'_, 7> = [
            &waited_for,
            &open.events,
            &open.types,
            &open.at_least,
            &open.at_most,
            &open.members_only,
            &open.per_user,
        ];
        for row in &ask_if(client, !open.types.is_empty(), &sql.waiting, &of_line).await? {
            facts.waiting(row)?;
        }
        // Only now is it known for whom and for which seats.
        types.extend(facts.seats_waited_for(&waited_for));
        types.sort_unstable();
        types.dedup();
        let (of, users) = facts.waiting_users(&waited_for);
        let of_users: Parameters<'_, 2> = [&of, &users];
        let of_types: Parameters<'_, 1> = [&types];
        let (buyers, all_rows) = tokio::try_join!(
            biased;
            ask_if(client, !users.is_empty(), &sql.buyers, &of_users),
            ask_if(client, !types.is_empty(), &sql.rows, &of_types),
        )?;
        for row in &buyers {
            facts.buyer(row)?;
        }
        rows = all_rows;
    }
    for row in &seats {
        facts.seat(row)?;
    }
    facts.rows(&rows)?;
    for row in rules.iter().chain(&more_rules) {
        facts.rule(row)?;
    }
    for row in &vouchers {
        facts.voucher(row)?;
    }
    for row in &guests {
        facts.guest(row)?;
    }
    for row in &keys {
        let (key, answer) = stored_answer(row)?;
        facts.facts.stored.insert(key, answer);
    }
    Ok(facts.facts)
}

/// Reads what the price of the bookings depends on, without a turn: it may be another one when the answer arrives.
pub(super) async fn look(client: &Object, asked: &Questions) -> Result<Facts, StoreError> {
    let (types_of, types): (Vec<EventId>, Vec<Option<TicketTypeId>>) =
        asked.types.iter().copied().unzip();
    let (buyers_of, users): (Vec<EventId>, Vec<UserId>) = asked.buyers.iter().copied().unzip();
    let (vouchers_of, codes): (Vec<EventId>, Vec<&str>) = asked
        .vouchers
        .iter()
        .map(|(event, code)| (*event, code.as_str()))
        .unzip();
    let of_events: Parameters<'_, 2> = [&types_of, &types];
    let of_buyers: Parameters<'_, 2> = [&buyers_of, &users];
    let of_seats: Parameters<'_, 1> = [&asked.seats];
    let of_prices: Parameters<'_, 1> = [&asked.booked];
    let of_vouchers: Parameters<'_, 2> = [&vouchers_of, &codes];
    let buyers = buyers();
    let (clock, events, buyers, seats, rules, vouchers) = tokio::try_join!(
        biased;
        ask(client, true, CLOCK, &[]),
        ask(client, true, EVENTS, &of_events),
        ask(client, !asked.buyers.is_empty(), &buyers, &of_buyers),
        ask(client, !asked.seats.is_empty(), SEATS, &of_seats),
        ask(client, true, prices::RULES, &of_prices),
        ask(client, !asked.vouchers.is_empty(), prices::VOUCHERS, &of_vouchers),
    )?;
    let mut facts = StockReading::new(&clock, &events)?;
    for row in &seats {
        facts.seat(row)?;
    }
    for row in &rules {
        facts.rule(row)?;
    }
    for row in &vouchers {
        facts.voucher(row)?;
    }
    for row in &buyers {
        facts.buyer(row)?;
    }
    Ok(facts.facts)
}

/// Runs a query of the pool's connections if it is needed.
async fn ask(
    client: &Object,
    needed: bool,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    if !needed {
        return Ok(Vec::new());
    }
    let statement = client.prepare_cached(sql).await?;
    client.query(&statement, parameters).await
}

type Parameters<'a, const N: usize> = [&'a (dyn ToSql + Sync); N];

/// Runs a query if it is needed; most batches need only some.
async fn ask_if(
    client: &Client,
    needed: bool,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    match needed {
        true => client.query(statement, parameters).await,
        false => Ok(Vec::new()),
    }
}
