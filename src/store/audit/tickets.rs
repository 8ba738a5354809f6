//! Tickets at the door and in other hands: what a ticket says is what its check-ins and transfers say.

use super::checks::AuditCheck;

pub(super) const CHECKS: &[AuditCheck] = &[
    AuditCheck {
        // A used ticket that goes back is void, and keeps its check-in.
        promise: "a ticket is used by one check-in that was not undone, and by no other event's",
        differences: "
            with admitted as (
                select ticket_id, count(*) as times from checkins where result = 'admitted' and undone_at is null group by ticket_id
            )
            select format('ticket %s (%s) of booking %s: admitted %s times', k.id, k.status, k.booking_id, coalesce(a.times, 0))
              from tickets k left join admitted a on a.ticket_id = k.id
             where case k.status when 'used' then coalesce(a.times, 0) <> 1
                                 when 'void' then a.times > 1
                                 else a.times is not null end
            union all
            select format('check-in %s of event %s: it admitted ticket %s of event %s', c.id, c.event_id, k.id, k.event_id)
              from checkins c join tickets k on k.id = c.ticket_id
             where c.result = 'admitted' and c.event_id <> k.event_id",
    },
    AuditCheck {
        promise: "a ticket was handed on as often as offers of it were accepted, and then it has a holder",
        differences: "
            with accepted as (
                select ticket_id, count(*) as times from transfers where state = 'accepted' group by ticket_id
            )
            select format('ticket %s (%s) of generation %s: %s offers accepted, holder %s', k.id, k.status, k.generation,
                          coalesce(a.times, 0), h.ticket_id is not null)
              from tickets k
              left join accepted a on a.ticket_id = k.id
              left join ticket_holders h on h.ticket_id = k.id
             where k.generation - 1 <> coalesce(a.times, 0)
                or (k.generation > 1) <> (h.ticket_id is not null)
                or k.status = 'valid' and k.generation > 1
                or k.status = 'transferred' and k.generation = 1
             order by k.id",
    },
    AuditCheck {
        // With a used ticket an offer stands as well: its check-in may be undone.
        promise: "an offer that waits is of a ticket as it is now, and only of such an offer it is known to whom",
        differences: "
            select format('transfer %s, offered in generation %s: ticket %s (%s) is of generation %s', t.id, t.generation, k.id,
                          k.status, k.generation)
              from transfers t join tickets k on k.id = t.ticket_id
             where t.state = 'pending' and (k.status = 'void' or k.generation <> t.generation)
            union all
            select format('transfer %s (%s): recipient known %s', t.id, t.state, c.transfer_id is not null)
              from transfers t left join transfer_contacts c on c.transfer_id = t.id
             where (t.state = 'pending') <> (c.transfer_id is not null)",
    },
];
