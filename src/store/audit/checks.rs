//! Checks of stock, bookings and the ledger, one query each. A query returns a line of text for each row that breaks the promise.

pub(super) struct AuditCheck {
    /// The promise that holds if the query finds nothing.
    pub(super) promise: &'static str,
    pub(super) differences: &'static str,
}

/// Pools whose counters are not the sums of their live claims and of what vouchers set aside: what to select of them, `p`, and which claims and pools to
/// look at.
macro_rules! counters_that_differ {
    ($selected:literal, $claims:literal, $pools:literal) => {
        concat!(
            "with taken as (
                select ticket_type_id,
                       coalesce(sum(quantity) filter (where state = 'held'), 0) as held,
                       coalesce(sum(quantity) filter (where state = 'sold'), 0) as sold
                  from (select ticket_type_id, state, quantity from claims where state <> 'dead'
                        union all
                        select reserved_type_id, 'held', reserved_left from vouchers where reserved_left > 0) live
                 where true ",
            $claims,
            " group by ticket_type_id
            ), per_pool as (
                select l.pool_id, sum(taken.held) as held, sum(taken.sold) as sold
                  from ticket_type_pools l join taken on taken.ticket_type_id = l.ticket_type_id
                 group by l.pool_id
            )
            select ",
            $selected,
            " from pools p left join per_pool c on c.pool_id = p.id
             where (p.held, p.sold) is distinct from (coalesce(c.held, 0), coalesce(c.sold, 0)) ",
            $pools
        )
    };
}

/// The number of such pools of some events.
pub(super) const COUNTERS_OF_EVENTS: &str = counters_that_differ!(
    "count(*)",
    "and ticket_type_id in (select t.id from ticket_types t where t.event_id = any($1))",
    "and p.event_id = any($1)"
);

pub(super) const CHECKS: &[AuditCheck] = &[
    AuditCheck {
        promise: "the numbers of sales over time are the sums of the bookings",
        differences: "
            with counted as (
                select b.event_id, coalesce(date_bin('15 minutes', part.at, 'epoch'), '-infinity') as quarter,
                       sum(made) as made, sum(made * b.quantity) as made_tickets,
                       sum(sold) as sold,
                       coalesce(sum(sold * b.total_amount) filter (where b.paid_by is distinct from 'comp'), 0) as sold_amount,
                       count(*) filter (where ended and b.status = 'expired') as expired,
                       count(*) filter (where ended and b.status = 'cancelled') as cancelled,
                       count(*) filter (where ended and b.status = 'refunded') as refunded,
                       count(*) filter (where ended and b.confirmed_at is not null) as returned,
                       coalesce(sum(b.total_amount) filter (where ended and b.confirmed_at is not null and not b.ended_paid
                                                              and b.paid_by is distinct from 'comp'), 0) as returned_amount
                  from bookings b
                 cross join lateral (values
                        (b.created_at, 1, 0, false),
                        (case when b.status = 'confirmed' then coalesce(b.confirmed_at, b.created_at) else b.confirmed_at end,
                         0, 1, false),
                        (case when b.status in ('expired', 'cancelled', 'refunded')
                              then coalesce(b.ended_at, b.created_at) end, 0, 0, true)) as part (at, made, sold, ended)
                 where part.at is not null
                 group by grouping sets ((b.event_id, date_bin('15 minutes', part.at, 'epoch')), (b.event_id))
            )
            select format('event %s, quarter %s: kept %s, counted %s', event_id, quarter, to_jsonb(n), to_jsonb(c))
              from counted c full join booking_numbers n using (event_id, quarter)
             where (coalesce(n.made, 0), coalesce(n.made_tickets, 0), coalesce(n.sold, 0), coalesce(n.sold_amount, 0),
                    coalesce(n.expired, 0), coalesce(n.cancelled, 0), coalesce(n.refunded, 0), coalesce(n.returned, 0),
                    coalesce(n.returned_amount, 0))
                is distinct from
                   (coalesce(c.made, 0), coalesce(c.made_tickets, 0), coalesce(c.sold, 0), coalesce(c.sold_amount, 0),
                    coalesce(c.expired, 0), coalesce(c.cancelled, 0), coalesce(c.refunded, 0), coalesce(c.returned, 0),
                    coalesce(c.returned_amount, 0))
             order by event_id, quarter",
    },
    AuditCheck {
        promise: "the revenue of an event is what the ledger says of the bookings that were paid, and the totals of the others",
        differences: "
            with paid as (
                select b.id, b.event_id, p.id as payment_id from bookings b
                  join payments p on p.booking_id = b.id and p.captured_amount > 0
                   and (p.id = b.payment_id or p.provider = 'offline' and b.paid_by is not null)
                 where b.status in ('pending', 'confirmed') or b.ended_paid
            ), booked as (
                select paid.event_id, sum(-e.amount) as amount
                  from paid
                  join ledger_transactions t on t.payment_id = paid.payment_id and t.booking_id = paid.id
                  join ledger_entries e on e.transaction_id = t.id
                  join ledger_accounts a on a.id = e.account_id
                 where t.cause in ('sale', 'refund', 'foreign_refund', 'refund_again', 'dispute', 'dispute_won')
                   and a.kind <> 'asset' and a.name <> 'provider fees'
                 group by paid.event_id
            ), others as (
                select b.event_id, sum(b.total_amount) as amount from bookings b
                 where b.status = 'confirmed' and b.paid_by is distinct from 'comp'
                   and not exists (select from paid where paid.id = b.id)
                 group by b.event_id
            ), kept as (
                select event_id, sum(n.sold_amount - n.returned_amount) - coalesce(sum(r.amount), 0) as amount
                  from booking_numbers n left join refund_numbers r using (event_id, quarter)
                 where quarter = '-infinity' group by event_id
            ), by_quarters as (
                select event_id, sum(amount) as amount
                  from (select event_id, sold_amount - returned_amount as amount from booking_numbers where quarter > '-infinity'
                        union all
                        select event_id, -amount from refund_numbers where quarter > '-infinity') each
                 group by event_id
            )
            select format('event %s: kept %s, by quarters %s; the ledger has %s, unpaid bookings %s', event_id, k.amount,
                          q.amount, coalesce(b.amount, 0), coalesce(o.amount, 0))
              from kept k full join booked b using (event_id) full join others o using (event_id)
              full join by_quarters q using (event_id)
             where coalesce(k.amount, 0) <> coalesce(b.amount, 0) + coalesce(o.amount, 0)
                or coalesce(q.amount, 0) <> coalesce(k.amount, 0)
             order by event_id",
    },
    AuditCheck {
        promise: "the numbers of tickets sold over time are the sums of the sold claims",
        differences: "
            with counted as (
                select event_id, ticket_type_id, sum(quantity) as left_sold from claims where state = 'sold' group by 1, 2
            ), kept as (
                select event_id, ticket_type_id,
                       sum(sold - returned) filter (where quarter = '-infinity') as left_sold,
                       sum(sold - returned) filter (where quarter > '-infinity') as by_quarters
                  from ticket_numbers group by 1, 2
            )
            select format('event %s, ticket type %s: kept %s, by quarters %s, counted %s', event_id, ticket_type_id,
                          k.left_sold, k.by_quarters, c.left_sold)
              from counted c full join kept k using (event_id, ticket_type_id)
             where coalesce(k.left_sold, 0) <> coalesce(c.left_sold, 0)
                or coalesce(k.by_quarters, 0) <> coalesce(c.left_sold, 0)
             order by event_id, ticket_type_id",
    },
    AuditCheck {
        promise: "the counters of a pool are the sums of its live claims and of what vouchers set aside",
        differences: counters_that_differ!(
            "format('event %s, pool %s (%s): counters held %s sold %s, claims and vouchers held %s sold %s',
                    p.event_id, p.id, p.name, p.held, p.sold, coalesce(c.held, 0), coalesce(c.sold, 0))",
            "",
            "order by p.id"
        ),
    },
    AuditCheck {
        promise: "nothing is oversold: held + sold + blocked <= capacity in every pool",
        differences: "
            select format('event %s, pool %s (%s): held %s + sold %s + blocked %s of capacity %s',
                          event_id, id, name, held, sold, blocked, capacity)
              from pools
             where held < 0 or sold < 0 or blocked < 0 or held + sold + blocked > capacity
             order by id",
    },
    AuditCheck {
        promise: "a ticket type with seats has them as its capacity, and its blocked ones as blocked",
        differences: "
            with counted as (
                select ticket_type_id, count(*) as seats, count(*) filter (where blocked) as blocked
                  from seats group by ticket_type_id
            )
            select format('ticket type %s of event %s (seated: %s): capacity %s, blocked %s; seats %s, of which blocked %s',
                          t.id, t.event_id, t.seated, t.capacity, own.blocked,
                          coalesce(c.seats, 0), coalesce(c.blocked, 0))
              from ticket_types t
              left join pools own on own.ticket_type_id = t.id
              left join counted c on c.ticket_type_id = t.id
             where t.seated <> (c.seats is not null)
                or coalesce(c.seats, t.capacity) <> t.capacity
                or coalesce(own.blocked, 0) <> coalesce(c.blocked, 0)
             order by t.id",
    },
    AuditCheck {
        promise: "ticket types with seats are claimed by the seat, others by units",
        differences: "
            select format('claim %s on seat %s, ticket type %s of event %s (seated: %s)',
                          c.id, c.seat_id, t.id, t.event_id, t.seated)
              from claims c join ticket_types t on t.id = c.ticket_type_id
             where c.state <> 'dead' and (c.seat_id is not null) <> t.seated
             order by c.id",
    },
    AuditCheck {
        promise: "an event has no more seats than its capacity",
        differences: "
            select format('event %s of capacity %s: seats %s', e.id, e.capacity, count(*))
              from events e join seats s on s.event_id = e.id
             group by e.id
            having count(*) > e.capacity
             order by e.id",
    },
    AuditCheck {
        promise: "every event has one root pool with its capacity",
        differences: "
            select format('event %s of capacity %s: root pools %s', e.id, e.capacity,
                          coalesce(array_agg(p.capacity) filter (where p.id is not null), '{}'))
              from events e left join pools p on p.event_id = e.id and p.kind = 'event'
             group by e.id
            having count(p.id) <> 1 or min(p.capacity) <> e.capacity
             order by e.id",
    },
    AuditCheck {
        promise: "every ticket type draws on its own pool, of its capacity, and on the event's root",
        differences: "
            select format('ticket type %s of capacity %s: own pool %s of capacity %s, linked to it %s, to the root %s',
                          t.id, t.capacity, own.id, own.capacity,
                          exists (select from ticket_type_pools l where l.ticket_type_id = t.id and l.pool_id = own.id),
                          exists (select from ticket_type_pools l where l.ticket_type_id = t.id and l.pool_id = root.id))
              from ticket_types t
              left join pools own on own.ticket_type_id = t.id and own.kind = 'ticket_type'
              left join pools root on root.event_id = t.event_id and root.kind = 'event'
             where own.capacity is distinct from t.capacity
                or not exists (select from ticket_type_pools l where l.ticket_type_id = t.id and l.pool_id = own.id)
                or not exists (select from ticket_type_pools l where l.ticket_type_id = t.id and l.pool_id = root.id)
             order by t.id",
    },
    AuditCheck {
        promise: "ticket types draw on pools of their own event only, never on another type's own",
        differences: "
            select format('ticket type %s of event %s draws on pool %s (%s) of event %s',
                          t.id, t.event_id, p.id, p.kind, p.event_id)
              from ticket_type_pools l
              join ticket_types t on t.id = l.ticket_type_id
              join pools p on p.id = l.pool_id
             where p.event_id <> t.event_id or p.ticket_type_id <> t.id
             order by t.id, p.id",
    },
    AuditCheck {
        promise: "what is said to be left of a ticket type is the least that its pools have left",
        differences: "
            with taken as (
                select l.pool_id, sum(live.quantity) as units
                  from (select ticket_type_id, quantity from claims where state <> 'dead'
                        union all
                        select reserved_type_id, reserved_left from vouchers where reserved_left > 0) live
                  join ticket_type_pools l on l.ticket_type_id = live.ticket_type_id
                 group by l.pool_id
            ), stock as (
                select l.ticket_type_id, min(p.capacity - p.blocked - coalesce(taken.units, 0)) as units
                  from ticket_type_pools l
                  join pools p on p.id = l.pool_id
                  left join taken on taken.pool_id = p.id
                 group by l.ticket_type_id
            )
            select format('ticket type %s: %s said to be left, %s are', c.id, c.available_count, stock.units)
              from event_tickets c left join stock on stock.ticket_type_id = c.id
             where c.available_count is distinct from stock.units
             order by c.id",
    },
    AuditCheck {
        promise: "a seat has one live claim at most",
        differences: "
            select format('seat %s: live claims %s', seat_id, array_agg(id order by id))
              from claims
             where seat_id is not null and state <> 'dead'
             group by seat_id
            having count(*) > 1
             order by seat_id",
    },
    AuditCheck {
        promise: "a claimed seat exists, is not blocked, and is of the claim's event and ticket type",
        differences: "
            select format('claim %s of event %s, ticket type %s, seat %s: seat of event %s, ticket type %s, blocked %s',
                          c.id, c.event_id, c.ticket_type_id, c.seat_id, s.event_id, s.ticket_type_id, s.blocked)
              from claims c left join seats s on s.id = c.seat_id
             where c.state <> 'dead' and c.seat_id is not null
               and (s.id is null or s.blocked or s.event_id <> c.event_id
                    or s.ticket_type_id <> c.ticket_type_id or c.quantity <> 1)
             order by c.id",
    },
    AuditCheck {
        promise: "claims belong to a booking and a ticket type of their event",
        differences: "
            select format('claim %s of event %s: booking of event %s, ticket type of event %s',
                          c.id, c.event_id, b.event_id, t.event_id)
              from claims c
              left join bookings b on b.id = c.booking_id
              left join ticket_types t on t.id = c.ticket_type_id
             where b.event_id is distinct from c.event_id or t.event_id is distinct from c.event_id
             order by c.id",
    },
    AuditCheck {
        promise: "pending bookings hold all they asked for, confirmed ones own what was not given back, ended ones have nothing",
        differences: "
            with taken as (
                select booking_id,
                       coalesce(sum(quantity) filter (where state = 'held'), 0) as held,
                       coalesce(sum(quantity) filter (where state = 'sold'), 0) as sold
                  from claims group by booking_id
            ), back as (
                select booking_id, count(*) as units from tickets where status = 'void' group by booking_id
            )
            select format('booking %s (%s, %s) of %s: claims held %s, sold %s',
                          b.reference, b.id, b.status, b.quantity, coalesce(c.held, 0), coalesce(c.sold, 0))
              from bookings b left join taken c on c.booking_id = b.id left join back on back.booking_id = b.id
             where (coalesce(c.held, 0), coalesce(c.sold, 0)) is distinct from
                   (case b.status when 'pending' then b.quantity else 0 end,
                    case b.status when 'confirmed' then b.quantity - coalesce(back.units, 0) else 0 end)
             order by b.created_at",
    },
    AuditCheck {
        promise: "a booking's items add up to its quantity, type by type as its live claims and the tickets given back",
        differences: "
            with listed as (
                select booking_id, ticket_type_id, sum(quantity) as units
                  from booking_items where kind = 'ticket' group by booking_id, ticket_type_id
            ), taken as (
                select booking_id, ticket_type_id, sum(units) as units
                  from (select booking_id, ticket_type_id, quantity as units from claims where state <> 'dead'
                        union all
                        select booking_id, ticket_type_id, 1 from tickets where status = 'void') each
                 group by booking_id, ticket_type_id
            ), totals as (
                select booking_id, sum(units) as units from listed group by booking_id
            )
            select format('booking %s of %s: its items say %s', b.reference, b.quantity, coalesce(totals.units, 0))
              from bookings b left join totals on totals.booking_id = b.id
             where b.quantity is distinct from totals.units
            union all
            select format('booking %s, ticket type %s: %s items, %s claims', b.reference,
                          coalesce(listed.ticket_type_id, taken.ticket_type_id),
                          coalesce(listed.units, 0), coalesce(taken.units, 0))
              from (listed full join taken using (booking_id, ticket_type_id))
              join bookings b on b.id = booking_id
             where b.status in ('pending', 'confirmed') and listed.units is distinct from taken.units",
    },
    AuditCheck {
        promise: "a booking's total is the sum of its lines, and all lines and contacts are of a booking",
        differences: "
            select format('booking %s of %s: its lines say %s', b.reference, b.total_amount, sum(i.amount))
              from bookings b join booking_items i on i.booking_id = b.id
             group by b.id having b.total_amount <> sum(i.amount)
            union all
            select format('booking %s, which does not exist, has %s lines', i.booking_id, count(*))
              from booking_items i where not exists (select from bookings where id = i.booking_id)
             group by i.booking_id
            union all
            select format('booking %s, which does not exist, has a contact', c.booking_id)
              from booking_contacts c where not exists (select from bookings where id = c.booking_id)",
    },
    AuditCheck {
        promise: "a voucher's uses are the live bookings that use it",
        differences: "
            select format('voucher %s (%s): %s uses, %s live bookings', v.code, v.id, v.uses, count(b.id))
              from vouchers v left join voucher_uses u on u.voucher_id = v.id and u.live
              left join bookings b on b.id = u.booking_id and b.status in ('pending', 'confirmed')
             group by v.id having v.uses <> count(b.id)
            union all
            select format('booking %s, which does not exist, uses voucher %s', u.booking_id, u.voucher_id)
              from voucher_uses u where not exists (select from bookings where id = u.booking_id)",
    },
    AuditCheck {
        promise: "what bearers have taken of a voucher's reserve are the live claims on it, of its ticket type and of bookings \
                  that use it",
        differences: "
            with taken as (
                select voucher_id, sum(quantity) as units from claims where state <> 'dead' and voucher_id is not null group by 1
            )
            select format('voucher %s: %s taken, claims of %s', voucher_id, v.reserved_taken, coalesce(taken.units, 0))
              from taken full join (select id as voucher_id, reserved_taken from vouchers) v using (voucher_id)
             where coalesce(taken.units, 0) is distinct from v.reserved_taken
            union all
            select format('claim %s of booking %s, ticket type %s, on what voucher %s sets aside', c.id, c.booking_id,
                          c.ticket_type_id, c.voucher_id)
              from claims c
              left join vouchers v on v.id = c.voucher_id and v.event_id = c.event_id
                                  and v.ticket_type_ids = array[c.ticket_type_id]
              left join voucher_uses u on u.voucher_id = c.voucher_id and u.booking_id = c.booking_id and u.live
             where c.state <> 'dead' and c.voucher_id is not null and (v.id is null or u.booking_id is null)",
    },
    // The sweeper ends them within seconds. Where nothing at all was written since, no server has run, as in a restored database.
    AuditCheck {
        promise: "a voucher whose window has ended sets nothing aside",
        differences: "
            select format('voucher %s (%s) of event %s: its window ended at %s, and %s are set aside', code, id, event_id,
                          valid_to, reserved_left)
              from vouchers v
             where reserve_open and valid_to is not null and valid_to < statement_timestamp() - interval '1 minute'
               and exists (select from changes c where c.at > v.valid_to + interval '1 minute')
             order by id",
    },
    AuditCheck {
        promise: "a confirmed booking has a ticket for every unit and seat it owns; the others have none that admit, but \
                  those that let somebody in before their event was cancelled",
        differences: "
            with owned as (
                select booking_id, ticket_type_id, coalesce(seat_id, 0) as seat_id, sum(quantity) as units
                  from claims where state = 'sold' group by 1, 2, 3
            ), issued as (
                select booking_id, ticket_type_id, coalesce(seat_id, 0) as seat_id, count(*) as units
                  from tickets k
                 where status <> 'void' and (status <> 'used' or not exists (
                       select from bookings b join events e on e.id = b.event_id
                        where b.id = k.booking_id and b.status in ('cancelled', 'refunded') and e.status = 'cancelled'))
                 group by 1, 2, 3
            )
            select format('booking %s (%s), ticket type %s, seat %s: %s sold, %s tickets', b.reference, b.status,
                          ticket_type_id, nullif(seat_id, 0), coalesce(owned.units, 0), coalesce(issued.units, 0))
              from (owned full join issued using (booking_id, ticket_type_id, seat_id))
              join bookings b on b.id = booking_id
             where coalesce(owned.units, 0) <> coalesce(issued.units, 0)
             order by b.created_at",
    },
    AuditCheck {
        // Offers and what staff hold stand beside it.
        promise: "a user has one pending booking of an event at most",
        differences: "
            select format('user %s, event %s: %s pending', user_id, event_id, count(*))
              from bookings
             where status = 'pending' and kind = 'checkout' and user_id is not null
             group by user_id, event_id
            having count(*) > 1",
    },
    AuditCheck {
        promise: "an event's revision is the last that its log has",
        differences: "
            select format('event %s: revision %s, log ends at %s', e.id, t.revision, max(c.revision))
              from events e
              left join turns t on t.event_id = e.id
              left join changes c on c.event_id = e.id
             group by e.id, t.event_id
            having t.revision is null or t.revision is distinct from max(c.revision)
             order by e.id",
    },
    AuditCheck {
        promise: "an event's picture has a place for each of its seats, and none behind the last",
        differences: "
            select format('event %s: %s places, the last seat is at %s', t.event_id, t.seat_count, max(s.position))
              from turns t left join seats s on s.event_id = t.event_id
             group by t.event_id
            having t.seat_count <> coalesce(max(s.position) + 1, 0)
             order by t.event_id",
    },
    AuditCheck {
        promise: "an event's turn says whether it has a hidden ticket type",
        differences: "
            select format('event %s: hides %s', turn.event_id, turn.hides)
              from turns turn
             where turn.hides <> exists (select from ticket_types h where h.event_id = turn.event_id and h.hidden)
             order by turn.event_id",
    },
    AuditCheck {
        promise: "an event's log has no gaps",
        differences: "
            select format('event %s: nothing between revision %s and %s', event_id, before, revision)
              from (select event_id, revision,
                           lag(revision) over (partition by event_id order by revision) as before
                      from changes) as log
             where revision <> before + 1
             order by event_id, revision",
    },
    AuditCheck {
        promise: "money that was taken is of a booking that it paid for, or on its way back, or its bank has it, or a person \
                  looks at it, or has decided",
        differences: "
            select format('payment %s of booking %s (%s): captured %s, refunded %s, lost %s',
                          p.id, p.booking_id, b.status, p.captured_amount, p.refunded_amount, lost.amount)
              from payments p left join bookings b on b.id = p.booking_id
             cross join lateral (select coalesce(sum(amount), 0) as amount from disputes
                                  where payment_id = p.id and state = 'lost') lost
             where p.state = 'captured' and p.captured_amount > p.refunded_amount + lost.amount
               and (b.confirmed_at is null
                    or b.payment_id is distinct from p.id and not (p.provider = 'offline' and b.paid_by is not null))
               and p.review is null
               and not exists (select from audit_trail a
                                where a.object = 'payment:' || p.id and a.detail ->> 'decision' <> 'retry')
             order by p.id",
    },
    AuditCheck {
        promise: "the refunds of a payment are within what was captured, and their sum is what it says",
        differences: "
            with given as (
                select payment_id, sum(amount) as amount from refunds where state <> 'failed' group by payment_id
            )
            select format('payment %s: captured %s, refunded %s, refunds %s',
                          p.id, p.captured_amount, p.refunded_amount, coalesce(g.amount, 0))
              from payments p left join given g on g.payment_id = p.id
             where p.refunded_amount <> coalesce(g.amount, 0) or p.refunded_amount > p.captured_amount
             order by p.id",
    },
    AuditCheck {
        promise: "a ticket goes back by one refund",
        differences: "
            with given as (
                select code, count(*) as times from refunds r cross join lateral unnest(r.tickets) code
                 where r.state <> 'failed' group by code
            ), kept as (
                select code, count(*) as times from refunded_tickets group by code
            )
            select format('ticket %s: given back %s times, kept %s times', code, coalesce(g.times, 0), coalesce(k.times, 0))
              from given g full join kept k using (code)
             where coalesce(g.times, 0) <> coalesce(k.times, 0) or g.times > 1
             order by code",
    },
    AuditCheck {
        promise: "a booking that is confirmed by a payment has its money, or a person looks at it, or has decided",
        differences: "
            select format('booking %s: payment %s is %s', b.reference, p.id, p.state)
              from bookings b join payments p on p.id = b.payment_id
             where b.status = 'confirmed' and p.state in ('canceled', 'failed') and p.review is null
               and not exists (select from audit_trail a
                                where a.object = 'payment:' || p.id and a.detail ->> 'decision' <> 'retry')
             order by b.id",
    },
    AuditCheck {
        promise: "nothing is sold to money that went back as too late",
        differences: "
            select format('booking %s: payment %s came too late, and %s of it goes back', b.reference, p.id, r.amount)
              from bookings b
              join payments p on p.id = b.payment_id
              join refunds r on r.key = 'late:' || p.id
             where b.status = 'confirmed' and r.state <> 'failed'
             order by b.id",
    },
    AuditCheck {
        promise: "every transaction of the ledger has entries, which come to nothing in each currency",
        differences: "
            select format('ledger transaction %s (%s) of %s: entries %s, off by %s',
                          t.id, t.key, coalesce(a.currency, '-'), count(e.id), coalesce(sum(e.amount), 0))
              from ledger_transactions t
              left join ledger_entries e on e.transaction_id = t.id
              left join ledger_accounts a on a.id = e.account_id
             group by t.id, a.currency
            having count(e.id) = 0 or sum(e.amount) <> 0
             order by t.id",
    },
    AuditCheck {
        promise: "the sums of each account of the ledger are those of its entries",
        differences: "
            with entered as (
                select account_id, coalesce(sum(amount) filter (where amount > 0), 0) as debits,
                       coalesce(-sum(amount) filter (where amount < 0), 0) as credits
                  from ledger_entries group by account_id
            ), summed as (
                select account_id, sum(debits) as debits, sum(credits) as credits from ledger_sums group by account_id
            )
            select format('ledger account %s: entries of %s and %s, sums of %s and %s', account_id, e.debits, e.credits, s.debits,
                          s.credits)
              from entered e full join summed s using (account_id)
             where (e.debits, e.credits) is distinct from (s.debits, s.credits)
             order by account_id",
    },
    AuditCheck {
        promise: "the ledger says of each payment what its row and its refunds say",
        differences: "
            with booked as (
                select t.payment_id, sum(e.amount) filter (where a.kind = 'asset') as amount
                  from ledger_transactions t
                  join ledger_entries e on e.transaction_id = t.id
                  join ledger_accounts a on a.id = e.account_id
                 where t.cause in ('sale', 'fee', 'refund', 'foreign_refund', 'refund_again')
                 group by t.payment_id
            ), given as (
                select payment_id, sum(amount) as amount from refunds where state = 'succeeded' group by payment_id
            )
            select format('payment %s: captured %s, fee %s, given back %s; in the ledger %s',
                          coalesce(p.id, b.payment_id), p.captured_amount, p.fee_amount, coalesce(g.amount, 0),
                          coalesce(b.amount, 0))
              from payments p
              left join given g on g.payment_id = p.id
              full join booked b on b.payment_id = p.id
             where coalesce(b.amount, 0) is distinct from p.captured_amount - p.fee_amount - coalesce(g.amount, 0)
               and (b.payment_id is not null or p.id is not null)
             order by 1",
    },
    AuditCheck {
        promise: "the ledger has the fee that the organizer pays of every booking that was paid",
        differences: "
            with booked as (
                select t.payment_id, sum(e.amount) as amount
                  from ledger_transactions t
                  join ledger_entries e on e.transaction_id = t.id
                  join ledger_accounts a on a.id = e.account_id
                 where t.cause = 'sale' and a.name = 'absorbed fees' group by t.payment_id
            )
            select format('payment %s of booking %s: fee %s, in the ledger %s', p.id, b.reference, b.absorbed_fee_amount,
                          coalesce(booked.amount, 0))
              from payments p join bookings b on b.id = p.booking_id left join booked on booked.payment_id = p.id
             where p.captured_amount = b.total_amount and p.captured_amount > 0
               and (p.id = b.payment_id or p.provider = 'offline' and b.paid_by is not null)
               and (b.status = 'confirmed' or b.ended_paid)
               and coalesce(booked.amount, 0) <> b.absorbed_fee_amount
             order by p.id",
    },
    AuditCheck {
        promise: "money that moved without us is explained, on its way back, or waits for a person",
        differences: "
            with moved as (
                select t.payment_id, sum(e.amount) as amount
                  from ledger_transactions t
                  join ledger_entries e on e.transaction_id = t.id
                  join ledger_accounts a on a.id = e.account_id
                 where a.name = 'unexplained movements' group by t.payment_id having sum(e.amount) <> 0
            )
            select format('payment %s: %s to be explained', p.id, m.amount)
              from moved m join payments p on p.id = m.payment_id
             where p.review is null
               and not exists (select from refunds r where r.payment_id = p.id and r.state in ('requested', 'pending'))
             order by p.id",
    },
    AuditCheck {
        promise: "every sale and refund of the ledger has its invoice or credit note",
        differences: "
            select format('ledger transaction %s (%s): %s', t.id, t.key, coalesce(i.kind, 'none'))
              from ledger_transactions t left join invoices i on i.transaction_id = t.id
             where t.cause in ('sale', 'refund', 'refund_kept') and t.booking_id is not null
               and i.kind is distinct from case t.cause when 'refund' then 'credit_note' else 'invoice' end
             order by t.id",
    },
    AuditCheck {
        promise: "invoices and credit notes are numbered without gaps",
        differences: "
            with numbered as (
                select organization_id, year, kind, count(number) as rows, count(distinct number) as numbers,
                       coalesce(max(number), 0) as last
                  from invoices group by organization_id, year, kind
            )
            select format('%s of organization %s in %s: %s numbers, the last %s, the counter %s',
                          coalesce(n.kind, c.kind), coalesce(n.organization_id, c.organization_id),
                          coalesce(n.year, c.year), coalesce(n.rows, 0), coalesce(n.last, 0), coalesce(c.last, 0))
              from numbered n full join invoice_counters c using (organization_id, year, kind)
             where coalesce(n.rows, 0) <> coalesce(n.last, 0) or coalesce(n.rows, 0) <> coalesce(n.numbers, 0)
                or coalesce(n.last, 0) <> coalesce(c.last, 0)
             order by 1",
    },
];
