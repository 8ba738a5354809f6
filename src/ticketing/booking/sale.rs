//! Whether there is a sale at all: the event's status, the ticket types' windows, members.

use jiff::Timestamp;

use super::BuyerStanding;
use crate::ticketing::TicketTypeId;
use crate::ticketing::live::EventStatus;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::stock::{EventTerms, Proof, Stock, TicketTypeTerms};

/// The event is on sale, and to this buyer. Only its staff hear of a draft.
pub(super) fn check_event(
    event: &EventTerms,
    is_staff: bool,
    standing: BuyerStanding,
) -> Result<(), Refusal> {
    if event.deleted {
        return Err(Refusal::EventNotFound);
    }
    match event.status {
        EventStatus::Draft if is_staff => {
            return Err(Refusal::SalesNotStarted { sale_from: None });
        }
        EventStatus::Draft => return Err(Refusal::EventNotFound),
        EventStatus::Cancelled => return Err(Refusal::EventCancelled),
        EventStatus::Paused | EventStatus::Completed => {
            return Err(Refusal::SalesClosed { sale_to: None });
        }
        EventStatus::Active => {}
    }
    if event.membership_required && !standing.member {
        return Err(Refusal::MembershipRequired);
    }
    Ok(())
}

/// See [`super::Wish::Cheapest`].
pub(super) fn cheapest(
    stock: &Stock,
    is_enough: &dyn Fn(TicketTypeId, &TicketTypeTerms) -> bool,
    standing: BuyerStanding,
    reveals: &dyn Fn(TicketTypeId) -> bool,
    now: Timestamp,
) -> Result<TicketTypeId, Refusal> {
    let offered = offered(stock, reveals);
    let starts_at = stock.event.starts_at;
    let on_sale = offered.iter().copied();
    let open: Vec<_> = on_sale
        .filter(|(_, t)| t.on_sale(starts_at, now) && (standing.member || !t.members_only))
        .filter(|(_, t)| standing.proof >= t.proof)
        .collect();
    let Some(price) = open.iter().map(|(_, t)| t.price_amount).min() else {
        return Err(why_nothing_is_on_sale(&offered, starts_at, standing, now));
    };
    let mut cheapest: Vec<_> = open
        .into_iter()
        .filter(|(_, t)| t.price_amount == price)
        .collect();
    cheapest.sort_by_key(|(id, t)| (!is_enough(*id, t), t.sort, *id));
    match cheapest.first() {
        Some((id, _)) => Ok(*id),
        None => Err(why_nothing_is_on_sale(&offered, starts_at, standing, now)),
    }
}

/// Whether [`super::Wish::Cheapest`] of some buyer may mean this ticket type: none that is cheaper is on sale to everybody.
pub fn may_be_cheapest(stock: &Stock, id: TicketTypeId, now: Timestamp) -> bool {
    let starts_at = stock.event.starts_at;
    let is_for_all = |terms: &TicketTypeTerms| {
        let is_open = !terms.hidden && !terms.members_only && terms.proof == Proof::Nothing;
        // Free ones are for whoever names them.
        is_open && terms.price_amount > 0 && terms.on_sale(starts_at, now)
    };
    stock.ticket_types.get(&id).is_some_and(|terms| {
        let mut others = stock.ticket_types.values();
        !others.any(|other| is_for_all(other) && other.price_amount < terms.price_amount)
    })
}

/// The types that are sold without being named: beside paid ones, free ones (children, companions) are for whoever
/// asks for them.
fn offered<'a>(
    stock: &'a Stock,
    reveals: &dyn Fn(TicketTypeId) -> bool,
) -> Vec<(TicketTypeId, &'a TicketTypeTerms)> {
    let types = || {
        let all = stock.ticket_types.iter().map(|(id, t)| (*id, t));
        all.filter(|(id, t)| !t.hidden || reveals(*id))
    };
    let any_paid = types().any(|(_, t)| t.price_amount > 0);
    types()
        .filter(|(_, t)| !any_paid || t.price_amount > 0)
        .collect()
}

fn why_nothing_is_on_sale(
    offered: &[(TicketTypeId, &TicketTypeTerms)],
    starts_at: Timestamp,
    standing: BuyerStanding,
    now: Timestamp,
) -> Refusal {
    let types = || offered.iter().map(|(_, t)| *t);
    let open = offered
        .iter()
        .filter(|(_, t)| t.on_sale(starts_at, now) && (standing.member || !t.members_only));
    let least_asking =
        open.filter_map(|(id, t)| unproven(*id, t, standing).map(|no| (t.proof, no)));
    if let Some((_, refusal)) = least_asking.min_by_key(|(proof, _)| *proof) {
        return refusal;
    }
    if types().any(|t| t.on_sale(starts_at, now)) {
        return Refusal::MembershipRequired;
    }
    let next = types()
        .filter(|t| !t.started(now))
        .filter_map(|t| t.sale_from);
    match next.min() {
        Some(from) => Refusal::SalesNotStarted {
            sale_from: Some(from.to_string()),
        },
        None => Refusal::SalesClosed {
            sale_to: types()
                .map(|t| t.closes_at(starts_at))
                .max()
                .map(|to| to.to_string()),
        },
    }
}

/// The ticket type is on sale, and to this buyer.
pub(super) fn check_ticket_type(
    (id, terms): (TicketTypeId, &TicketTypeTerms),
    starts_at: Timestamp,
    standing: BuyerStanding,
    now: Timestamp,
) -> Result<(), Refusal> {
    if !terms.started(now) {
        let sale_from = terms.sale_from.map(|from| from.to_string());
        return Err(Refusal::SalesNotStarted { sale_from });
    }
    let closes_at = terms.closes_at(starts_at);
    if closes_at <= now {
        return Err(Refusal::SalesClosed {
            sale_to: Some(closes_at.to_string()),
        });
    }
    if terms.members_only && !standing.member {
        return Err(Refusal::MembershipRequired);
    }
    unproven(id, terms, standing).map_or(Ok(()), Err)
}

/// The ticket type asks for more than the buyer has shown.
fn unproven(
    ticket_type_id: TicketTypeId,
    terms: &TicketTypeTerms,
    standing: BuyerStanding,
) -> Option<Refusal> {
    (standing.proof < terms.proof).then_some(match terms.proof {
        Proof::Account => Refusal::AccountRequired { ticket_type_id },
        Proof::Email | Proof::Nothing => Refusal::EmailProofRequired { ticket_type_id },
    })
}
