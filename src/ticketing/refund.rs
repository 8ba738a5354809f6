//! Refunds: of tickets their part of the price, of a booking what is left of it. Pure.

use std::collections::BTreeSet;

use super::record::{Booking, TicketStatus};

/// Why nothing can be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundRefusal {
    /// The booking has no such tickets any more, they are on their way back, or somebody was admitted with those in `used`.
    NotRefundable { used: Vec<String> },
    /// So much can still be given back.
    Exceeds { left: i64 },
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
}

/// The refund that is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    pub amount: i64,
    /// Codes of tickets that become void; `None`: none does.
    pub tickets: Option<Vec<String>>,
}

/// `left`: what of the payment was not given back before; `given`: codes of tickets that were, or are about to be, also
/// while they are still valid.
pub fn decide(
    booking: &Booking,
    left: i64,
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
            let codes: BTreeSet<&str> = codes.iter().map(|code| &**code).collect();
            let used = used(&codes);
            if !used.is_empty() || codes.is_empty() || !codes.is_subset(&valid) {
                return Err(RefundRefusal::NotRefundable { used });
            }
            Back {
                amount: worth(booking, booking.total.amount, &codes),
                tickets: Some(codes.iter().map(|code| (*code).to_owned()).collect()),
            }
        }
    };
    if back.amount > left || back.amount <= 0 {
        return Err(RefundRefusal::Exceeds { left });
    }
    Ok(back)
}

/// The part of `total` that falls to these tickets, by their prices. The parts of all tickets add up to it: each is the
/// difference of two roundings of what it and the tickets before it cost.
pub fn worth(booking: &Booking, total: i64, codes: &BTreeSet<&str>) -> i64 {
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
    let total = i128::from(total);
    let up_to = |cost: i128| (2 * cost * total + sum) / (2 * sum.max(1));
    let (mut cost, mut worth) = (0, 0);
    for (ticket, price) in booking.tickets.iter().zip(prices) {
        if codes.contains(&*ticket.code) {
            worth += up_to(cost + price) - up_to(cost);
        }
        cost += price;
    }
    // Between 0 and `total`.
    i64::try_from(worth).unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests;
