//! The price of a booking: chosen tickets + the event's terms → price lines, whose amounts add up to the total.
//!
//! In this order: tickets; discounts of vouchers, each on what the ones before it left; fees, on what is left then; taxes.
//! Tickets that cost nothing after their discounts have neither fee nor tax. All of it is of tickets, and not of lines: those
//! of a type cost what they would on lines of their own.
//!
//! # Rounding
//! Half up, always of a whole booking: a discount in percent, a fee in percent, and a tax are computed of the sum of all
//! that they apply to, and rounded once. The result is then given to the lines by largest remainder; of equal remainders
//! the lowest line wins. So 1,000 tickets at 4.99 with 19 % included contain 796.72 of tax, not a thousand times 0.80.
//! In currencies with three decimals all that is added to a total is a multiple of 10 (`currency.rs`).
//!
//! No line is more than one unit off its own rounding (of a discount, for each price that earlier vouchers have left in the
//! line), and none has more tax or discount than it costs.
//!
//! A refund gives back parts of what was paid (`refund.rs`, `ledger.rs`), and never computes a booking again: by largest
//! remainder the share of a line may fall when the sum grows.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{TicketTypeId, VoucherId};

/// A whole, in basis points.
pub const WHOLE_BP: i64 = 10_000;

/// The kind of a line of a booking's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    Ticket,
    /// A voucher's discount on one ticket type's price; the amount is negative.
    Discount,
    Fee,
    /// All of one tax. Included in the prices it adds nothing.
    Tax,
}

impl LineKind {
    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            LineKind::Ticket => "ticket",
            LineKind::Discount => "discount",
            LineKind::Fee => "fee",
            LineKind::Tax => "tax",
        }
    }
}

/// A part of a booking's price. Amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceLine {
    pub kind: LineKind,
    /// Of tickets and discounts.
    pub ticket_type_id: Option<TicketTypeId>,
    /// Of the ticket type, fee or tax; of a discount the voucher's code.
    pub name: String,
    pub quantity: i64,
    pub unit_amount: i64,
    /// Of tickets and fees: their share of the tax, after discounts. Of a tax: all of it. 0 of a discount.
    pub tax_amount: i64,
    /// Rate of that tax in basis points, and whether the prices contain it.
    pub tax: Option<TaxRate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxRate {
    /// In hundredths of a percent.
    #[schema(example = 1900)]
    pub basis_points: i64,
    /// Prices contain it; otherwise it is added to them.
    pub included: bool,
}

impl PriceLine {
    /// The line's part of the total.
    pub fn amount(&self) -> i64 {
        self.unit_amount.saturating_mul(self.quantity)
    }
}

/// The organizer's terms about prices, besides those of the ticket types.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PriceTerms {
    /// The most special first: the first that applies to a ticket type is its tax.
    pub taxes: Vec<Tax>,
    pub fees: Vec<Fee>,
    /// Those that requests of the batch named.
    pub vouchers: Vec<Voucher>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Tax {
    pub name: String,
    pub rate: TaxRate,
    /// `None`: of all ticket types that have no tax of their own, and of fees.
    pub ticket_type_id: Option<TicketTypeId>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Fee {
    pub name: String,
    pub charge: FeeCharge,
    /// The organizer pays it: it is no line of the booking, only known to the books.
    pub absorbed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeeCharge {
    PerTicket(i64),
    PerBooking(i64),
    /// Basis points of what the tickets cost after discounts.
    Percent(i64),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Voucher {
    pub id: VoucherId,
    /// In upper case.
    pub code: String,
    pub benefit: Benefit,
    /// Live bookings that may still use it; `None` means any number.
    pub uses_left: Option<i64>,
    pub valid_from: Option<Timestamp>,
    pub valid_to: Option<Timestamp>,
    /// Empty: all.
    pub ticket_types: Vec<TicketTypeId>,
    /// Most tickets of a booking that it makes cheaper: the dearest ones, by what the vouchers before it left of their price.
    pub max_per_booking: Option<i64>,
    /// Its bearer may see and book hidden ticket types.
    pub reveals_hidden: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Benefit {
    /// Basis points off.
    Percent(i64),
    /// Off the whole booking, at most what its tickets cost.
    Amount(i64),
    /// The price of each ticket that costs more.
    FixedPrice(i64),
}

/// All tickets of one type in a booking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tickets<'a> {
    pub ticket_type_id: TicketTypeId,
    pub name: &'a str,
    pub quantity: i64,
    pub unit_amount: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    pub lines: Vec<PriceLine>,
    pub total: i64,
    /// Fees that the organizer pays.
    pub absorbed_amount: i64,
}

/// More money than an amount can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch;

impl Voucher {
    pub fn applies_to(&self, ticket_type: TicketTypeId) -> bool {
        self.ticket_types.is_empty() || self.ticket_types.contains(&ticket_type)
    }
}

impl PriceTerms {
    pub fn voucher(&self, code: &str) -> Option<&Voucher> {
        self.vouchers.iter().find(|voucher| voucher.code == code)
    }
}

/// `step`: all that is computed is a multiple of it. `vouchers` apply in this order, each to what is left.
pub fn price(
    step: i64,
    terms: &PriceTerms,
    tickets: &[Tickets<'_>],
    vouchers: &[&Voucher],
) -> Result<Price, TooMuch> {
    let step = i128::from(step.max(1));
    let mut lines: Vec<PriceLine> = tickets.iter().map(ticket_line).collect();
    let mut alike: Vec<AlikeTickets> = (0..).zip(tickets).filter_map(AlikeTickets::of).collect();
    // Also more than their products can say.
    small(cost_of(&alike))?;
    for voucher in vouchers {
        let (discounted, off) = discounted(step, voucher, tickets, alike);
        alike = discounted;
        for (of, off) in tickets.iter().zip(off) {
            if off > 0 {
                lines.push(PriceLine {
                    kind: LineKind::Discount,
                    ticket_type_id: Some(of.ticket_type_id),
                    name: voucher.code.clone(),
                    quantity: 1,
                    unit_amount: small(-off)?,
                    tax_amount: 0,
                    tax: None,
                });
            }
        }
    }
    let tickets_cost = cost_of(&alike);
    let mut absorbed: i128 = 0;
    if tickets_cost > 0 {
        let with_price = alike.iter().filter(|of| of.cost > 0);
        let quantity = with_price.map(|of| of.quantity).sum();
        for fee in &terms.fees {
            let (quantity, unit) = charged(step, fee.charge, quantity, tickets_cost);
            match fee.absorbed {
                true => absorbed += unit * i128::from(quantity),
                false if unit == 0 => {}
                false => lines.push(PriceLine {
                    kind: LineKind::Fee,
                    ticket_type_id: None,
                    name: fee.name.clone(),
                    quantity,
                    unit_amount: small(unit)?,
                    tax_amount: 0,
                    tax: None,
                }),
            }
        }
        let mut left = vec![0; tickets.len()];
        add_by_line(&mut left, alike.iter().map(|of| (of.line, of.cost)));
        add_taxes(step, &terms.taxes, &mut lines, &left)?;
    }
    let amounts = lines
        .iter()
        .map(|line| i128::from(line.unit_amount) * i128::from(line.quantity));
    Ok(Price {
        total: small(amounts.sum())?,
        lines,
        absorbed_amount: small(absorbed)?,
    })
}

fn ticket_line(tickets: &Tickets<'_>) -> PriceLine {
    PriceLine {
        kind: LineKind::Ticket,
        ticket_type_id: Some(tickets.ticket_type_id),
        name: tickets.name.to_owned(),
        quantity: tickets.quantity,
        unit_amount: tickets.unit_amount,
        tax_amount: 0,
        tax: None,
    }
}

/// Tickets of one line that cost the same: a voucher that makes some of a line cheaper leaves two kinds of them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct AlikeTickets {
    /// Place of their line.
    line: usize,
    /// At least 1.
    quantity: i64,
    /// Of all of them, after the discounts so far.
    cost: i128,
}

impl AlikeTickets {
    fn of((line, tickets): (usize, &Tickets<'_>)) -> Option<AlikeTickets> {
        (tickets.quantity > 0).then(|| AlikeTickets {
            line,
            quantity: tickets.quantity,
            cost: i128::from(tickets.unit_amount) * i128::from(tickets.quantity),
        })
    }

    /// So many of them, and the others.
    fn split(self, quantity: i64, step: i128) -> (Option<AlikeTickets>, Option<AlikeTickets>) {
        if quantity <= 0 {
            return (None, Some(self));
        }
        if quantity >= self.quantity {
            return (Some(self), None);
        }
        let cost = self.cost * i128::from(quantity) / i128::from(self.quantity);
        let cost = cost - cost % step;
        let these = AlikeTickets {
            quantity,
            cost,
            ..self
        };
        let others = AlikeTickets {
            quantity: self.quantity - quantity,
            cost: self.cost - cost,
            ..self
        };
        (Some(these), Some(others))
    }

    /// The dearer first, each at what it costs now; of equal ones those of the lower line.
    fn by_price(&self, other: &AlikeTickets) -> Ordering {
        let own_price = self.cost * i128::from(other.quantity);
        let other_price = other.cost * i128::from(self.quantity);
        let by_price = other_price.cmp(&own_price);
        by_price.then(self.line.cmp(&other.line))
    }
}

fn cost_of(alike: &[AlikeTickets]) -> i128 {
    alike.iter().map(|of| of.cost).sum()
}

fn add_by_line(sums: &mut [i128], amounts: impl Iterator<Item = (usize, i128)>) {
    for (line, amount) in amounts {
        if let Some(sum) = sums.get_mut(line) {
            *sum += amount;
        }
    }
}

/// The tickets after the voucher, and its discount on each line.
fn discounted(
    step: i128,
    voucher: &Voucher,
    tickets: &[Tickets<'_>],
    alike: Vec<AlikeTickets>,
) -> (Vec<AlikeTickets>, Vec<i128>) {
    let (mut covered, others) = covered(step, voucher, tickets, alike);
    let bases: Vec<i128> = (covered.iter())
        .map(|of| of.cost - of.cost % step)
        .collect();
    let sum: i128 = bases.iter().sum();
    let off = match voucher.benefit {
        Benefit::Percent(bp) => {
            let parts: Vec<i128> = bases.iter().map(|base| base * i128::from(bp)).collect();
            apportion(&parts, i128::from(WHOLE_BP), step)
        }
        Benefit::Amount(amount) => {
            let amount = i128::from(amount).min(sum);
            let parts: Vec<i128> = bases.iter().map(|base| base * amount).collect();
            apportion(&parts, sum.max(1), step)
        }
        Benefit::FixedPrice(price) => (bases.iter().zip(&covered))
            .map(|(base, of)| (base - i128::from(price) * i128::from(of.quantity)).max(0))
            .collect(),
    };
    let mut of_lines = vec![0; tickets.len()];
    for ((of, off), base) in covered.iter_mut().zip(off).zip(bases) {
        // A price that is no multiple of the step, of a booking in plain SQL, still never falls below 0.
        let off = off.min(base);
        of.cost -= off;
        add_by_line(&mut of_lines, std::iter::once((of.line, off)));
    }
    covered.extend(others);
    (covered, of_lines)
}

/// The tickets that the voucher makes cheaper, in the order of their lines, and the others: as many as it may, the dearest
/// first.
fn covered(
    step: i128,
    voucher: &Voucher,
    tickets: &[Tickets<'_>],
    mut alike: Vec<AlikeTickets>,
) -> (Vec<AlikeTickets>, Vec<AlikeTickets>) {
    alike.sort_by(AlikeTickets::by_price);
    let mut may = voucher.max_per_booking.unwrap_or(i64::MAX).max(0);
    let (mut covered, mut others) = (Vec::new(), Vec::new());
    for of in alike {
        let line = tickets.get(of.line);
        let quantity = match line.is_some_and(|line| voucher.applies_to(line.ticket_type_id)) {
            true => of.quantity.min(may),
            false => 0,
        };
        may -= quantity;
        let (these, rest) = of.split(quantity, step);
        covered.extend(these);
        others.extend(rest);
    }
    covered.sort_by_key(|of| of.line);
    (covered, others)
}

/// Quantity and amount of each.
fn charged(step: i128, charge: FeeCharge, tickets: i64, cost: i128) -> (i64, i128) {
    match charge {
        FeeCharge::PerTicket(amount) => (tickets, amount.into()),
        FeeCharge::PerBooking(amount) => (1, amount.into()),
        FeeCharge::Percent(bp) => {
            let steps = half_up(cost * i128::from(bp), i128::from(WHOLE_BP) * step);
            (1, steps * step)
        }
    }
}

/// Gives tickets and fees their tax, and adds a line for each tax. `left` is what the ticket lines, which come first, cost
/// after discounts.
fn add_taxes(
    step: i128,
    taxes: &[Tax],
    lines: &mut Vec<PriceLine>,
    left: &[i128],
) -> Result<(), TooMuch> {
    let mut bases: Vec<Vec<(usize, i128)>> = vec![Vec::new(); taxes.len()];
    for (index, line) in lines.iter().enumerate() {
        let base = match line.kind {
            LineKind::Ticket => left.get(index).copied().unwrap_or(0),
            LineKind::Fee => line.amount().into(),
            LineKind::Discount | LineKind::Tax => continue,
        };
        let of_line = |tax: &Tax| {
            tax.ticket_type_id
                .is_none_or(|id| Some(id) == line.ticket_type_id)
        };
        let tax = taxes.iter().position(of_line);
        if let Some(bases) = tax.and_then(|tax| bases.get_mut(tax)) {
            bases.push((index, base));
        }
    }
    for (tax, bases) in taxes.iter().zip(bases) {
        let rate = i128::from(tax.rate.basis_points);
        let parts: Vec<i128> = bases.iter().map(|(_, base)| base * rate).collect();
        let shares = match tax.rate.included {
            // Nothing is added to the total, so nothing has to be a multiple of the step.
            true => apportion(&parts, i128::from(WHOLE_BP) + rate, 1),
            false => apportion(&parts, WHOLE_BP.into(), step),
        };
        let sum = small(shares.iter().sum())?;
        for ((index, _), share) in bases.iter().zip(shares) {
            if let Some(line) = lines.get_mut(*index) {
                line.tax_amount = small(share)?;
                line.tax = Some(tax.rate);
            }
        }
        if !bases.is_empty() {
            lines.push(PriceLine {
                kind: LineKind::Tax,
                ticket_type_id: None,
                name: tax.name.clone(),
                quantity: 1,
                unit_amount: if tax.rate.included { 0 } else { sum },
                tax_amount: sum,
                tax: Some(tax.rate),
            });
        }
    }
    Ok(())
}

/// The sum of `parts / whole`, rounded half up to a multiple of `step`, as one share for each part, by largest remainder.
/// No part is negative.
fn apportion(parts: &[i128], whole: i128, step: i128) -> Vec<i128> {
    let whole = whole.max(1) * step;
    let total = half_up(parts.iter().sum(), whole);
    let mut shares: Vec<i128> = parts.iter().map(|part| part / whole).collect();
    let given: i128 = shares.iter().sum();
    let mut order: Vec<(i128, usize)> = (0..)
        .zip(parts)
        .map(|(index, part)| (-(part % whole), index))
        .collect();
    order.sort_unstable();
    let more = usize::try_from(total - given).unwrap_or(0);
    for (_, index) in order.into_iter().take(more) {
        if let Some(share) = shares.get_mut(index) {
            *share += 1;
        }
    }
    shares.into_iter().map(|share| share * step).collect()
}

/// Of what is not negative.
fn half_up(part: i128, whole: i128) -> i128 {
    (2 * part + whole) / (2 * whole)
}

fn small(amount: i128) -> Result<i64, TooMuch> {
    i64::try_from(amount).map_err(|_| TooMuch)
}

#[cfg(test)]
mod tests;
