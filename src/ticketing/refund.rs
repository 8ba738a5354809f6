//! Refunds: of tickets their part of the price, of a booking what is left of it. Pure.

use std::collections::BTreeSet;

use super::currency::step;
use super::record::{Booking, TicketStatus};
use super::refund_policy::RefundPolicy;

/// Why nothing can be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundRefusal {
    /// The booking has no such tickets any more, they are on their way back, or somebody was admitted with those in `used`.
    NotRefundable { used: Vec<String> },
    /// So much can still be given back.
    Exceeds { left: i64 },
    /// The policy gives nothing back.
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
    /// The policy's share of these tickets, for their owner. `None`: for all that were not given back before, which are
    /// void by something else.
    ByPolicy {
        policy: RefundPolicy,
        tickets: Option<BTreeSet<String>>,
    },
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
            RefundWish::All | RefundWish::ByPolicy { tickets: None, .. }
        )
    }
}

/// The refund that is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    pub amount: i64,
    /// Codes of tickets that become void; `None`: none does.
    pub tickets: Option<Vec<String>>,
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
        },
        RefundWish::All => {
            let used = used(&valid);
            if !used.is_empty() {
                return Err(RefundRefusal::NotRefundable { used });
            }
            Back {
                amount: left,
                tickets: Some(valid.iter().map(|code| (*code).to_owned()).collect()),
            }
        }
        RefundWish::Tickets(codes) => {
            chosen(codes)?;
            Back {
                amount: worth(booking, booking.total.amount, codes),
                tickets: Some(codes.iter().cloned().collect()),
            }
        }
        RefundWish::ByPolicy { policy, tickets } => {
            let codes = match tickets {
                Some(codes) => {
                    chosen(codes)?;
                    codes.clone()
                }
                None => (booking.tickets.iter().map(|ticket| &ticket.code))
                    .filter(|code| !given.contains(*code))
                    .cloned()
                    .collect(),
            };
            let amount = policy.gives_back(booking, paid, &codes);
            if amount <= 0 {
                return Err(RefundRefusal::Nothing);
            }
            Back {
                amount,
                tickets: tickets
                    .as_ref()
                    .map(|codes| codes.iter().cloned().collect()),
            }
        }
    };
    if back.amount > left || back.amount <= 0 {
        return Err(RefundRefusal::Exceeds { left });
    }
    Ok(back)
}

/// The part of `total` that falls to these tickets, by their prices. The parts of all tickets add up to it: each is the
/// difference of two roundings of what it and the tickets before it cost, to an amount that there is in the currency.
pub fn worth(booking: &Booking, total: i64, codes: &BTreeSet<String>) -> i64 {
    let price = |ticket_type| {
        let mut items = booking.items.iter();
        let item = items.find(|item| item.ticket_type_id == ticket_type);
        item.map_or(0, |item| i128::from(item.unit_price.amount))
    };
    let prices: Vec<i128> = (booking.tickets.iter())
        .map(|ticket| price(ticket.ticket_type_id))
        .collect();
    let sum: i128 = prices.iter().sum();
    // Where no ticket has a price, all have the same part.
    let (prices, sum) = match sum {
        0 => (vec![1; prices.len()], prices.len() as i128),
        sum => (prices, sum),
    };
    let (total, step) = (i128::from(total), i128::from(step(&booking.total.currency)));
    let unit = sum.max(1) * step;
    let up_to = |cost: i128| match cost == sum {
        true => total,
        false => ((2 * cost * total + unit) / (2 * unit) * step).min(total),
    };
    let (mut cost, mut worth) = (0, 0);
    for (ticket, price) in booking.tickets.iter().zip(prices) {
        if codes.contains(&ticket.code) {
            worth += up_to(cost + price) - up_to(cost);
        }
        cost += price;
    }
    // Between 0 and `total`.
    i64::try_from(worth).unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests;
