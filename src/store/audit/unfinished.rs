//! Unfinished business has somebody who ends it: a job, the sweep, a person.

use super::checks::AuditCheck;

/// As SQL: keys of jobs that a person has dropped, or about which nobody decided for too long, and payments about which a person
/// has decided. The audit trail tells of both; it is read once, since it is long and these are few.
macro_rules! given_up {
    () => {
        "with given_up as materialized (
             select detail ->> 'key' as key from audit_trail
              where object like 'job:%' and detail ->> 'key' is not null and detail ->> 'decision' is distinct from 'retry'
         ), decided as materialized (
             select object from audit_trail where object like 'payment:%' and detail ->> 'decision' <> 'retry'
         )"
    };
}

/// As SQL: no job with this key goes on, or waits for a person, and none was given up.
macro_rules! nobody_goes_on {
    ($key:literal) => {
        concat!(
            "not exists (select from jobs j where j.key = ",
            $key,
            " and j.state <> 'done')
             and not exists (select from given_up g where g.key = ",
            $key,
            ")"
        )
    };
}

pub(super) const CHECKS: &[AuditCheck] = &[
    AuditCheck {
        promise: "a job goes on with every attempt to pay and every refund that has not ended",
        differences: concat!(
            given_up!(),
            " select format('payment %s of booking %s: it is %s, and has no job', p.id, p.booking_id, p.state)
               from payments p
              where p.state in ('creating', 'requires_action', 'authorized', 'processing') and ",
            nobody_goes_on!("'payment:' || p.id"),
            " union all
              select format('refund %s of booking %s: it is %s, and has no job', r.id, r.booking_id, r.state)
                from refunds r
               where r.state in ('requested', 'pending') and ",
            nobody_goes_on!("'refund:' || r.id")
        ),
    },
    AuditCheck {
        // A booking that ended has a job of its own. Money that a bank keeps is gone, and of some a person decides.
        promise: "a job ends what is left of a cancelled event, its bookings and its money",
        differences: concat!(
            given_up!(),
            ", left_alone as materialized (
                 select e.id from events e where e.status = 'cancelled' and ",
            nobody_goes_on!("'event-refunds:' || e.id"),
            ")
             select format('event %s: booking %s is %s', b.event_id, b.reference, b.status)
               from bookings b
              where b.status in ('pending', 'confirmed') and b.event_id in (select id from left_alone)
              union all
             select format('event %s: payment %s has %s left', p.event_id, p.id, p.captured_amount - p.refunded_amount - lost.amount)
               from payments p
              cross join lateral (select coalesce(sum(amount), 0) as amount from disputes
                                   where payment_id = p.id and state = 'lost') lost
              where p.event_id in (select id from left_alone) and p.state = 'captured'
                and p.captured_amount > p.refunded_amount + lost.amount and p.review is null
                and not exists (select from decided d where d.object = 'payment:' || p.id) and ",
            nobody_goes_on!("'give-back:' || p.booking_id")
        ),
    },
    AuditCheck {
        // Where no other job was leased since and no hold ended, no server has run, as in a restored database.
        promise: "a job whose node was lost is given to another one",
        differences: "
            with worked as (
                select greatest((select max(lease_until) - interval '1 minute' from jobs where state = 'leased'),
                                (select max(ended_at) from bookings
                                  where status = 'expired' and ended_at < now() - interval '1 minute')) as at
            )
            select format('job %s (%s): leased until %s', j.id, j.key, j.lease_until)
              from jobs j cross join worked
             where j.state = 'leased' and j.lease_until < worked.at - interval '1 minute'
             order by j.id",
    },
    AuditCheck {
        // Where no other hold ended since, no server has run. One that has just begun to run has some to end.
        promise: "a hold ends within a minute of its deadline",
        differences: "
            with swept as (
                select max(ended_at) as at from bookings where status = 'expired' and ended_at < now() - interval '1 minute'
            )
            select format('booking %s (%s) of event %s: its hold was to end at %s', b.reference, b.id, b.event_id, b.due_at)
              from bookings b cross join swept
             where b.due_at is not null and greatest(b.due_at, b.updated_at) < swept.at - interval '1 minute'
             order by b.id",
    },
    AuditCheck {
        promise: "what somebody on the waitlist is offered is held for them, and all that is held so is offered to one",
        differences: "
            select format('place %s (%s) of user %s, event %s: booking %s (%s, %s) of user %s, event %s', w.id, w.status, w.user_id,
                          w.event_id, b.reference, b.kind, b.status, b.user_id, b.event_id)
              from waitlist w join bookings b on b.id = w.booking_id
             where (w.status = 'offered') <> (b.kind = 'offer' and b.status = 'pending')
                or (w.event_id, w.user_id) is distinct from (b.event_id, b.user_id)
            union all
            select format('booking %s of event %s: offered to %s', b.reference, b.event_id, count(w.id))
              from bookings b left join waitlist w on w.booking_id = b.id and w.status = 'offered'
             where b.kind = 'offer' and b.status = 'pending'
             group by b.id having count(w.id) <> 1",
    },
];
