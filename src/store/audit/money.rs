//! Money, row by row: what was sold was paid, and each movement is of its booking and in the ledger.

use super::checks::AuditCheck;

pub(super) const CHECKS: &[AuditCheck] = &[
    AuditCheck {
        promise: "a confirmed booking that costs something was paid, or staff gave it away",
        differences: "
            select format('booking %s (%s) of %s: nobody paid it', reference, id, total_amount)
              from bookings
             where status = 'confirmed' and total_amount > 0 and paid_by is null and payment_id is null
             order by id",
    },
    AuditCheck {
        promise: "attempts to pay, refunds, disputes and postings are of their booking's event and currency",
        differences: "
            select format('payment %s of event %s in %s: booking %s of event %s in %s', p.id, p.event_id, p.currency, b.reference,
                          b.event_id, b.currency)
              from payments p join bookings b on b.id = p.booking_id
             where p.event_id <> b.event_id or p.currency <> b.currency
            union all
            select format('refund %s of booking %s, event %s: payment %s of booking %s, event %s', r.id, r.booking_id, r.event_id,
                          p.id, p.booking_id, p.event_id)
              from refunds r join payments p on p.id = r.payment_id
             where (r.booking_id, r.event_id) is distinct from (p.booking_id, p.event_id)
            union all
            select format('dispute %s of event %s: payment %s of event %s', d.provider_ref, d.event_id, p.id, p.event_id)
              from disputes d join payments p on p.id = d.payment_id
             where d.event_id <> p.event_id
            union all
            select format('ledger transaction %s (%s) of booking %s, event %s: payment %s of booking %s, event %s', t.id, t.key,
                          t.booking_id, t.event_id, p.id, p.booking_id, p.event_id)
              from ledger_transactions t join payments p on p.id = t.payment_id
             where (t.booking_id, t.event_id) is distinct from (p.booking_id, p.event_id)",
    },
    AuditCheck {
        promise: "a payment that waits for a person says why, so that it is listed",
        differences: "
            select format('payment %s of booking %s: no reason', id, booking_id)
              from payments where state = 'needs_review' and review is null
             order by id",
    },
    AuditCheck {
        // A refund that had succeeded and failed at its provider is posted back.
        promise: "a refund is in the ledger if it succeeded, and no other",
        differences: "
            with posted as (
                select case when t.key like 'foreign:%' then regexp_replace(t.key, ':failed$', '')
                            else split_part(t.key, ':', 2) end as name,
                       sum(e.amount) as amount
                  from ledger_transactions t
                  join ledger_entries e on e.transaction_id = t.id
                  join ledger_accounts a on a.id = e.account_id
                 where t.cause in ('refund', 'foreign_refund', 'refund_again') and a.kind = 'asset'
                 group by 1
            ), given as (
                select case when key like 'foreign:%' then key else id::text end as name, id, state, amount from refunds
            )
            select format('refund %s (%s) of %s: in the ledger %s', coalesce(g.id::text, name), coalesce(g.state, 'gone'),
                          coalesce(g.amount, 0), coalesce(-p.amount, 0))
              from given g full join posted p using (name)
             where coalesce(-p.amount, 0) <> case g.state when 'succeeded' then g.amount else 0 end
             order by name",
    },
    AuditCheck {
        // Its provider may move the money some time after it has decided.
        promise: "the disputed money of a payment is what its bank holds or kept, a day after the bank's decision at the latest",
        differences: "
            with booked as (
                select t.payment_id, sum(e.amount) as amount
                  from ledger_transactions t
                  join ledger_entries e on e.transaction_id = t.id
                  join ledger_accounts a on a.id = e.account_id
                 where a.name = 'disputed money' group by t.payment_id
            ), said as (
                select payment_id,
                       coalesce(sum(amount) filter (where state = 'lost' and updated_at < now() - interval '1 day'), 0) as at_least,
                       coalesce(sum(amount) filter (where state <> 'won' or updated_at >= now() - interval '1 day'), 0) as at_most
                  from disputes group by payment_id
            )
            select format('payment %s: disputed %s in the ledger; its disputes say %s at least, %s at most', payment_id,
                          coalesce(b.amount, 0), coalesce(s.at_least, 0), coalesce(s.at_most, 0))
              from booked b full join said s using (payment_id)
             where coalesce(b.amount, 0) not between coalesce(s.at_least, 0) and coalesce(s.at_most, 0)
             order by payment_id",
    },
];
