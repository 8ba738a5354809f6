//! The price of a request, and the vouchers that it names.

use jiff::Timestamp;

use super::{Request, RequestedType, is_staff, ticket_type};
use crate::ticketing::currency;
use crate::ticketing::price::{Price, Tickets, Voucher, price};
use crate::ticketing::record::Money;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::stock::Stock;
use crate::ticketing::{TicketTypeId, VoucherId};

/// The vouchers named, each known, in its time and not used up.
pub(super) fn good(
    stock: &Stock,
    request: &Request,
    now: Timestamp,
) -> Result<Vec<Voucher>, Refusal> {
    let codes = request.vouchers.iter();
    codes.map(|code| one(stock, code, now).cloned()).collect()
}

fn one<'a>(stock: &'a Stock, code: &str, now: Timestamp) -> Result<&'a Voucher, Refusal> {
    let voucher = code.to_owned();
    let Some(found) = stock.prices.voucher(code) else {
        return Err(Refusal::VoucherNotFound { voucher });
    };
    if let Some(from) = found.valid_from.filter(|from| *from > now) {
        let valid_from = from.to_string();
        return Err(Refusal::VoucherNotStarted {
            voucher,
            valid_from,
        });
    }
    if let Some(to) = found.valid_to.filter(|to| *to <= now) {
        let valid_to = to.to_string();
        return Err(Refusal::VoucherEnded { voucher, valid_to });
    }
    match found.uses_left {
        Some(..=0) => Err(Refusal::VoucherUsedUp {
            voucher: Some(voucher),
        }),
        _ => Ok(found),
    }
}

/// Whether the buyer may book a hidden ticket type: by a voucher, or as the organizer.
pub(super) fn reveal(
    stock: &Stock,
    request: &Request,
    vouchers: &[Voucher],
    ticket_type: TicketTypeId,
) -> bool {
    let mut vouchers = vouchers.iter();
    is_staff(&stock.event, request)
        || vouchers.any(|voucher| voucher.reveals_hidden && voucher.applies_to(ticket_type))
}

/// Of the vouchers that set units of the ticket type aside, the first that has enough of them, or else the one that has most.
pub(super) fn reserve(
    stock: &Stock,
    vouchers: &[Voucher],
    ticket_type: TicketTypeId,
    quantity: i64,
) -> Option<VoucherId> {
    let of_type = vouchers.iter().filter(|voucher| {
        let reserve = stock.reserves.get(&voucher.id);
        reserve.is_some_and(|reserve| reserve.ticket_type_id == ticket_type && reserve.reserved > 0)
    });
    let left = |voucher: &&Voucher| stock.set_aside(Some(voucher.id), ticket_type).min(quantity);
    // Of equal ones the last would be taken.
    of_type.rev().max_by_key(left).map(|voucher| voucher.id)
}

/// Every voucher is for one of the ticket types asked for.
pub(super) fn check_applicable(
    vouchers: &[Voucher],
    lines: &[RequestedType],
) -> Result<(), Refusal> {
    let idle = vouchers.iter().find(|voucher| {
        let mut types = lines.iter().map(|line| line.ticket_type_id);
        !types.any(|ticket_type| voucher.applies_to(ticket_type))
    });
    match idle {
        None => Ok(()),
        Some(voucher) => Err(Refusal::VoucherNotApplicable {
            voucher: voucher.code.clone(),
        }),
    }
}

/// The price of the lines, if it is what the buyer was shown and enough to be charged.
pub(super) fn priced(
    stock: &Stock,
    request: &Request,
    lines: &[RequestedType],
    vouchers: &[Voucher],
) -> Result<Price, Refusal> {
    let mut tickets = Vec::with_capacity(lines.len());
    for line in lines {
        let terms = ticket_type(stock, line.ticket_type_id)?;
        tickets.push(Tickets {
            ticket_type_id: line.ticket_type_id,
            name: &terms.name,
            quantity: line.quantity,
            unit_amount: terms.price_amount,
        });
    }
    let code = &stock.event.currency;
    let used: Vec<&Voucher> = vouchers.iter().collect();
    let price = price(currency::step(code), &stock.prices, &tickets, &used);
    let price = price.map_err(|_| too_much(&tickets))?;
    check_total(request, price.total, code)?;
    let minimum = match request.least_charge && !is_staff(&stock.event, request) {
        true => currency::minimum_charge(code),
        false => 0,
    };
    match (1..minimum).contains(&price.total) {
        true => Err(Refusal::BelowMinimumCharge {
            minimum: money(minimum, code),
            total: money(price.total, code),
        }),
        false => Ok(price),
    }
}

/// More money than an amount can say: as many as it could say are allowed.
fn too_much(tickets: &[Tickets<'_>]) -> Refusal {
    let mut total: i64 = 0;
    for line in tickets {
        let amount = line.unit_amount.checked_mul(line.quantity);
        match amount.and_then(|amount| total.checked_add(amount)) {
            Some(sum) => total = sum,
            None => {
                return Refusal::LimitExceeded {
                    max: (i64::MAX - total) / line.unit_amount.max(1),
                    ticket_type_id: Some(line.ticket_type_id),
                };
            }
        }
    }
    // Fees and taxes make it too much.
    Refusal::LimitExceeded {
        max: 0,
        ticket_type_id: None,
    }
}

/// Prices may have changed since the buyer chose.
fn check_total(request: &Request, amount: i64, currency: &str) -> Result<(), Refusal> {
    let as_shown = request.expected_total.as_ref().is_none_or(|expected| {
        let same_currency = expected.currency.as_ref().is_none_or(|own| own == currency);
        expected.amount == amount && same_currency
    });
    match as_shown {
        true => Ok(()),
        false => Err(Refusal::PriceChanged {
            total: money(amount, currency),
        }),
    }
}

fn money(amount: i64, currency: &str) -> Money {
    Money {
        amount,
        currency: currency.to_owned(),
    }
}
