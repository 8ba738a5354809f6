//! Refunds: of tickets their part of the price, of a booking what is left of it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::TicketTypeId;
use super::currency::step;
use super::ledger::{Parts, RefundedParts};
use super::price::LineKind;
use super::record::{Booking, BookingLine, Ticket, TicketStatus};
use super::refund_policy::RefundPolicy;

const WHOLE_PERCENT: i64 = 100;

/// Why nothing can be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundRefusal {
    /// The booking has no such tickets any more, they are on their way back, or somebody was admitted with those in `used`.
    NotRefundable { used: Vec<String> },
    /// So much can still be given back.
    Exceeds { left: i64 },
    /// The policy gives nothing back, or the tickets cost nothing.
    Nothing,
}

/// Money that came in for a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaidMoney {
    pub captured: i64,
    /// Of it, fees with their tax.
    pub fees: i64,
    /// Of it, what was not given back before.
    pub left: i64,
    /// Of the fees, those that did not go back with what was given back before.
    pub fees_left: i64,
}

impl PaidMoney {
    /// `refunds`: of this money, as far as they stand, in the order in which they were made.
    pub fn of(
        parts: &Parts,
        left: i64,
        refunds: impl IntoIterator<Item = (i64, RefundedParts)>,
    ) -> PaidMoney {
        let rest = parts.after(refunds);
        PaidMoney {
            captured: parts.total(),
            fees: parts.fees + parts.fee_tax,
            left,
            fees_left: rest.fees + rest.fee_tax,
        }
    }
}

/// The refund that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundWish {
    /// All that is left, and every ticket.
    All,
    /// These tickets, and what they cost.
    Tickets(BTreeSet<String>),
    /// Money alone: the tickets stay good.
    Amount(i64),
    /// The policy's share of these tickets, for their owner.
    ByPolicy {
        policy: RefundPolicy,
        tickets: OwnersTickets,
    },
}

/// The tickets that an owner gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnersTickets {
    These(BTreeSet<String>),
    /// All that were not given back before, which the booking's cancellation makes void. `gone`: codes of those that were void
    /// before it; no money may have gone back for them.
    Rest {
        gone: BTreeSet<String>,
    },
}

/// Codes of the booking's tickets that are void now.
pub fn void_tickets(booking: &Booking) -> BTreeSet<String> {
    let tickets = booking.tickets.iter();
    tickets
        .filter(|ticket| ticket.status == TicketStatus::Void)
        .map(|ticket| ticket.code.clone())
        .collect()
}

impl RefundWish {
    /// Fees that were paid stay.
    pub fn keeps_fees(&self) -> bool {
        matches!(self, RefundWish::ByPolicy { policy, .. } if policy.keeps_fees)
    }

    /// It is right whatever was given back meanwhile.
    pub fn is_of_the_rest(&self) -> bool {
        matches!(
            self,
            RefundWish::All
                | RefundWish::ByPolicy {
                    tickets: OwnersTickets::Rest { .. },
                    ..
                }
        )
    }
}

/// The refund that is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    pub amount: i64,
    /// Codes of tickets that become void; `None`: none does.
    pub tickets: Option<Vec<String>>,
    /// Of the amount, tax of tickets; `None`: as much of it as of the whole payment.
    pub tax: Option<i64>,
}

/// `given`: codes of tickets that were given back before, or are about to be, also while they are still valid.
pub fn decide(
    booking: &Booking,
    paid: PaidMoney,
    given: &BTreeSet<String>,
    wish: &RefundWish,
) -> Result<Back, RefundRefusal> {
    let used = |codes: &BTreeSet<&str>| -> Vec<String> {
        let tickets = booking.tickets.iter();
        tickets
            .filter(|ticket| ticket.status == TicketStatus::Used)
            .filter(|ticket| codes.contains(&*ticket.code))
            .map(|ticket| ticket.code.clone())
            .collect()
    };
    let valid: BTreeSet<&str> = (booking.tickets.iter())
        .filter(|ticket| ticket.status != TicketStatus::Void && !given.contains(&ticket.code))
        .map(|ticket| &*ticket.code)
        .collect();
    let left = paid.left;
    let chosen = |codes: &BTreeSet<String>| -> Result<(), RefundRefusal> {
        let codes: BTreeSet<&str> = codes.iter().map(|code| &**code).collect();
        let used = used(&codes);
        match used.is_empty() && !codes.is_empty() && codes.is_subset(&valid) {
            true => Ok(()),
            false => Err(RefundRefusal::NotRefundable { used }),
        }
    };
    let back = match wish {
        RefundWish::Amount(amount) => Back {
            amount: *amount,
            tickets: None,
            tax: None,
        },
        RefundWish::All => {
            let used = used(&valid);
            if !used.is_empty() {
                return Err(RefundRefusal::NotRefundable { used });
            }
            Back {
                amount: left,
                tickets: Some(valid.iter().map(|code| (*code).to_owned()).collect()),
                tax: None,
            }
        }
        RefundWish::Tickets(codes) => {
            chosen(codes)?;
            let amount = worth(booking, booking.total.amount, codes);
            if amount == 0 {
                return Err(RefundRefusal::Nothing);
            }
            Back {
                amount,
                tickets: Some(codes.iter().cloned().collect()),
                tax: tax(booking, codes, WHOLE_PERCENT),
            }
        }
        RefundWish::ByPolicy { policy, tickets } => {
            let codes = match tickets {
                OwnersTickets::These(codes) => {
                    chosen(codes)?;
                    codes.clone()
                }
                OwnersTickets::Rest { gone } => (booking.tickets.iter().map(|ticket| &ticket.code))
                    .filter(|code| !given.contains(*code) && !gone.contains(*code))
                    .cloned()
                    .collect(),
            };
            let amount = policy.gives_back(booking, paid, &codes);
            if amount <= 0 {
                return Err(RefundRefusal::Nothing);
            }
            Back {
                amount,
                tax: tax(booking, &codes, policy.percent),
                tickets: match tickets {
                    OwnersTickets::These(codes) => Some(codes.iter().cloned().collect()),
                    OwnersTickets::Rest { .. } => None,
                },
            }
        }
    };
    if back.amount > left || back.amount <= 0 {
        return Err(RefundRefusal::Exceeds { left });
    }
    let tax = back.tax.map(|tax| tax.min(back.amount));
    Ok(Back { tax, ..back })
}

/// The part of `total` that falls to these tickets, by what they cost: a ticket type has its part by its price after
/// discounts, with the tax that came on top, and its tickets have equal parts of that. The parts of all tickets add up to
/// `total`: each is the difference of two roundings of what it and those before it cost, to an amount that there is in the
/// currency.
pub fn worth(booking: &Booking, total: i64, codes: &BTreeSet<String>) -> i64 {
    let mut counts: BTreeMap<TicketTypeId, i128> = BTreeMap::new();
    for ticket in &booking.tickets {
        *counts.entry(ticket.ticket_type_id).or_default() += 1;
    }
    let mut costs: BTreeMap<TicketTypeId, i128> = (counts.keys())
        .map(|ticket_type| (*ticket_type, cost(booking, *ticket_type)))
        .collect();
    if costs.values().all(|cost| *cost == 0) {
        // No ticket cost anything: all have the same part.
        costs.clone_from(&counts);
    }
    let step = step(&booking.total.currency);
    let parts = Portions::new(total, costs.values().sum(), step);
    let mut before = 0;
    let mut of_types: BTreeMap<TicketTypeId, Portions> = BTreeMap::new();
    for (ticket_type, cost) in costs {
        let part = parts.up_to(before + cost) - parts.up_to(before);
        before += cost;
        let count = counts.get(&ticket_type).copied().unwrap_or(0);
        of_types.insert(ticket_type, Portions::new(part, count, step));
    }
    let (mut places, mut worth) = (BTreeMap::new(), 0);
    for ticket in &booking.tickets {
        let place: &mut i128 = places.entry(ticket.ticket_type_id).or_default();
        let of_type = of_types.get(&ticket.ticket_type_id);
        if let Some(of_type) = of_type.filter(|_| codes.contains(&ticket.code)) {
            worth += of_type.up_to(*place + 1) - of_type.up_to(*place);
        }
        *place += 1;
    }
    worth
}

/// The amount that a booking's tickets of a type cost, without fees.
fn cost(booking: &Booking, ticket_type: TicketTypeId) -> i128 {
    let items = booking.items.iter();
    let items = items.filter(|item| item.ticket_type_id == ticket_type);
    let price = items.map(|item| i128::from(item.unit_price.amount) * i128::from(item.quantity));
    let lines = booking.lines.iter();
    let lines = lines.filter(|line| line.ticket_type_id == Some(ticket_type));
    let added = lines.map(|line| match line.kind {
        LineKind::Ticket if line.tax.is_some_and(|tax| !tax.included) => line.tax_amount,
        LineKind::Ticket | LineKind::Fee | LineKind::Tax => 0,
        LineKind::Discount => line.amount,
    });
    let cost = price.sum::<i128>() + added.map(i128::from).sum::<i128>();
    cost.max(0)
}

/// The tax of so much percent of these tickets. `None`: all tickets are taxed alike, so any part of the payment has its
/// share.
fn tax(booking: &Booking, codes: &BTreeSet<String>, percent: i64) -> Option<i64> {
    let lines = booking.lines.iter();
    let lines = lines.filter(|line| line.kind == LineKind::Ticket);
    let taxed: BTreeMap<TicketTypeId, &BookingLine> = lines
        .filter_map(|line| Some((line.ticket_type_id?, line)))
        .filter(|(ticket_type, _)| cost(booking, *ticket_type) > 0)
        .collect();
    let mut rates = taxed.values().map(|line| line.tax);
    let first = rates.next()?;
    if rates.all(|rate| rate == first) {
        return None;
    }
    let percent = i128::from(percent.clamp(0, WHOLE_PERCENT));
    let parts = taxed.iter().map(|(ticket_type, line)| {
        let tickets = booking.tickets.iter();
        let of_type: Vec<&Ticket> = tickets
            .filter(|ticket| ticket.ticket_type_id == *ticket_type)
            .collect();
        let chosen = of_type.iter().filter(|ticket| codes.contains(&ticket.code));
        let (chosen, count) = (chosen.count() as i128, of_type.len().max(1) as i128);
        let whole = count * i128::from(WHOLE_PERCENT);
        (2 * i128::from(line.tax_amount) * chosen * percent + whole) / (2 * whole)
    });
    i64::try_from(parts.sum::<i128>()).ok()
}

/// An amount, spread over a whole.
struct Portions {
    amount: i64,
    whole: i128,
    step: i64,
}

impl Portions {
    fn new(amount: i64, whole: i128, step: i64) -> Portions {
        Portions {
            amount,
            whole,
            step,
        }
    }

    /// The portion of the first `part` of the whole: a multiple of `step`, rounded half up.
    fn up_to(&self, part: i128) -> i64 {
        if part >= self.whole {
            return self.amount;
        }
        let (amount, step) = (i128::from(self.amount), i128::from(self.step));
        let unit = self.whole.max(1) * step;
        let portion = (2 * part * amount + unit) / (2 * unit) * step;
        // Between 0 and `amount`.
        i64::try_from(portion.min(amount)).unwrap_or(self.amount)
    }
}

#[cfg(test)]
pub(super) mod tests;
