//! Postings: every movement of money as entries that come to nothing together. Debits are positive, credits negative.
//!
//! | movement | debit | credit |
//! |---|---|---|
//! | sale | where the money is | revenue, fee income, tax payable, tax payable on fees |
//! | fee that the organizer pays, with the sale | absorbed fees | fee income |
//! | fee of the provider | provider fees | where the money is |
//! | refund | revenue, fee income, tax payable, tax payable on fees | where the money is |
//! | refund that leaves the fees | revenue, tax payable | where the money is |
//! | fee that the organizer pays, with the refund | fee income | absorbed fees |
//! | refund that others made | money to be explained | where the money is |
//! | the same, once a person accepts it | revenue, fee income, tax payable, tax payable on fees | money to be explained |
//! | refund made again, after one that had succeeded failed | money to be explained | where the money is |
//! | refund that had succeeded and failed, and a person keeps the money | money to be explained | revenue, fee income, tax payable, tax payable on fees |
//! | dispute: money taken | disputed money, provider fees | where the money is |
//! | dispute: money back | where the money is | disputed money |
//!
//! A bank may return a refund that had succeeded. Its money is then to be explained, and its credit note stands, as the buyer
//! is still owed it: whatever goes back next pays that first, without another credit note. Once a person lets the money stay,
//! the rest is sold again, with an invoice.
//!
//! The provider's fee of a sale stays an expense when the sale is refunded. A fee that the organizer absorbs is income like
//! one that the buyer pays, and an expense of the same amount, so that the books show it and the net is as without it; it
//! goes back with refunds by the rule of all fees. The tax of fees has an account of its own, since it stays where they stay.

use std::cmp::Ordering;

use super::payment::ProviderName;

/// An account of an organization, in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BookAccount {
    /// Money that a provider has for us, or that staff took.
    Money(ProviderName),
    Revenue,
    FeeIncome,
    /// Of tickets.
    TaxPayable,
    FeeTaxPayable,
    ProviderFees,
    /// Fees that the organizer pays in place of buyers.
    AbsorbedFees,
    /// Money that moved without us.
    Unexplained,
    /// Money that cardholders' banks took.
    Disputed,
}

impl BookAccount {
    pub fn name(self) -> &'static str {
        match self {
            BookAccount::Money(ProviderName::Stripe) => "money at stripe",
            BookAccount::Money(ProviderName::Demo) => "money at the demo provider",
            BookAccount::Money(ProviderName::Offline) => "money with staff",
            BookAccount::Revenue => "ticket revenue",
            BookAccount::FeeIncome => "fee income",
            BookAccount::TaxPayable => "tax payable",
            BookAccount::FeeTaxPayable => "tax payable on fees",
            BookAccount::ProviderFees => "provider fees",
            BookAccount::AbsorbedFees => "absorbed fees",
            BookAccount::Unexplained => "unexplained movements",
            BookAccount::Disputed => "disputed money",
        }
    }

    pub fn kind(self) -> &'static str {
        match self {
            BookAccount::Money(_) => "asset",
            BookAccount::Revenue | BookAccount::FeeIncome => "income",
            BookAccount::TaxPayable | BookAccount::FeeTaxPayable => "liability",
            BookAccount::ProviderFees
            | BookAccount::AbsorbedFees
            | BookAccount::Unexplained
            | BookAccount::Disputed => "expense",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Sale,
    Fee,
    Refund,
    ForeignRefund,
    /// In place of a refund that had succeeded and failed, and has its credit note.
    RefundAgain,
    /// Such a refund that nobody makes again.
    RefundKept,
    /// Money that was taken for a dispute.
    Dispute,
    /// Money of a dispute that came back.
    DisputeWon,
}

impl Cause {
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Sale => "sale",
            Cause::Fee => "fee",
            Cause::Refund => "refund",
            Cause::ForeignRefund => "foreign_refund",
            Cause::RefundAgain => "refund_again",
            Cause::RefundKept => "refund_kept",
            Cause::Dispute => "dispute",
            Cause::DisputeWon => "dispute_won",
        }
    }
}

/// The parts of a paid amount. None of them is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// Of tickets, without tax.
    pub revenue: i64,
    /// Of fees, without tax.
    pub fees: i64,
    /// Of tickets.
    pub tax: i64,
    pub fee_tax: i64,
    /// Fees that the organizer pays: no part of the total.
    pub absorbed: i64,
}

impl Parts {
    pub fn total(&self) -> i64 {
        self.revenue + self.fees + self.tax + self.fee_tax
    }

    /// The parts of the first `amount` of it, rounded so that all parts of all amounts come to these.
    ///
    /// The units of all parts have one order, and these are the first of it: unit `k` of a part comes where its share reaches
    /// `k - 1/2` (the method of Webster and Sainte-Laguë). So no part ever falls as the amount grows, and none passes its end.
    fn up_to(&self, amount: i64) -> Parts {
        let total = i128::from(self.total().max(1));
        let share = |part: i64| {
            let exact = i128::from(part) * i128::from(amount);
            // Half up; both are at least 0.
            let share = i64::try_from((2 * exact + total) / (2 * total)).unwrap_or(i64::MAX);
            share.clamp(0, part.max(0))
        };
        // Of units in the same place, tax comes first and revenue last.
        let whole = [self.tax, self.fees, self.fee_tax, self.revenue];
        let mut shares = whole.map(share);
        // Each was rounded by itself: a unit or two too many or too few.
        let mut over = shares.iter().sum::<i64>() - amount;
        while over != 0 {
            let there = (0..whole.len()).filter(|at| match over > 0 {
                true => shares[*at] > 0,
                false => shares[*at] < whole[*at],
            });
            let found = match over > 0 {
                true => {
                    there.max_by(|a, b| order((shares[*a], whole[*a]), (shares[*b], whole[*b])))
                }
                // The first of equal ones.
                false => there
                    .min_by(|a, b| order((shares[*a] + 1, whole[*a]), (shares[*b] + 1, whole[*b]))),
            };
            let Some(at) = found else { break };
            shares[at] -= over.signum();
            over -= over.signum();
        }
        let [tax, fees, fee_tax, _] = shares;
        Parts {
            revenue: amount - tax - fees - fee_tax,
            fees,
            tax,
            fee_tax,
            absorbed: share(self.absorbed),
        }
    }

    /// The parts of `amount`, of which `before` went back already: cumulative, so that nothing is left of the last one.
    pub fn of_refund(&self, before: i64, amount: i64) -> Parts {
        let then = self.up_to(before);
        self.up_to(before + amount).plus(then.negated())
    }

    /// The parts of `amount`, when `returned` went back already.
    pub fn given_back(&self, returned: &ReturnedParts, amount: i64, of: RefundedParts) -> Parts {
        if !of.is_uneven() && !returned.uneven {
            return self.of_refund(returned.parts.total(), amount);
        }
        let rest = self.plus(returned.parts.negated());
        let share = match of.keeps_fees {
            true => rest.of_tickets_first(amount),
            false => rest.up_to(amount),
        };
        match of.tax {
            Some(tax) => share.with_tax(tax, &rest),
            None => share,
        }
    }

    /// The parts of `amount`, fees only for what is more than all tickets cost.
    fn of_tickets_first(&self, amount: i64) -> Parts {
        let tickets = Parts {
            fees: 0,
            fee_tax: 0,
            absorbed: 0,
            ..*self
        };
        let fees = self.plus(tickets.negated());
        let of_tickets = amount.min(tickets.total());
        let of_fees = fees.up_to(amount - of_tickets);
        tickets.up_to(of_tickets).plus(of_fees)
    }

    /// The parts that are left after these refunds, which were made in this order.
    pub fn after(&self, refunds: impl IntoIterator<Item = (i64, RefundedParts)>) -> Parts {
        let mut returned = ReturnedParts::default();
        for (amount, of) in refunds {
            let left = self.total() - returned.parts.total();
            let share = self.given_back(&returned, amount.min(left), of);
            returned.parts = returned.parts.plus(share);
            returned.uneven |= of.is_uneven();
        }
        self.plus(returned.parts.negated())
    }

    /// The parts of money that came: these, if it is the price. Money that came for other tickets than the booking has now is
    /// given back.
    pub fn of_money(self, captured: i64) -> Parts {
        match self.total() == captured {
            true => self,
            false => Parts {
                revenue: captured,
                ..Parts::default()
            },
        }
    }

    /// The parts of `amount` that is sold again, of a refund of `refunded` parts that failed; `returned` counts it still.
    pub fn kept(&self, returned: &ReturnedParts, refunded: &Parts, amount: i64) -> Parts {
        match returned.uneven {
            true => refunded.up_to(amount),
            // The part that stays given back is the first of the whole again, as `of_refund` wants it.
            false => self.of_refund(returned.parts.total() - amount, amount),
        }
    }

    /// With so much tax in the money of tickets, as far as there is so much of both in `rest`.
    fn with_tax(self, tax: i64, rest: &Parts) -> Parts {
        let tickets = self.revenue + self.tax;
        let tax = tax.max(tickets - rest.revenue).min(rest.tax).min(tickets);
        Parts {
            revenue: tickets - tax,
            tax,
            ..self
        }
    }

    pub fn plus(self, other: Parts) -> Parts {
        Parts {
            revenue: self.revenue + other.revenue,
            fees: self.fees + other.fees,
            tax: self.tax + other.tax,
            fee_tax: self.fee_tax + other.fee_tax,
            absorbed: self.absorbed + other.absorbed,
        }
    }

    pub fn negated(self) -> Parts {
        Parts {
            revenue: -self.revenue,
            fees: -self.fees,
            tax: -self.tax,
            fee_tax: -self.fee_tax,
            absorbed: -self.absorbed,
        }
    }

    /// The amounts that a sale of these parts adds to the accounts besides the money; a refund takes them away.
    fn earned(&self) -> [(BookAccount, i64); 5] {
        [
            (BookAccount::Revenue, -self.revenue),
            (BookAccount::FeeIncome, -self.fees - self.absorbed),
            (BookAccount::TaxPayable, -self.tax),
            (BookAccount::FeeTaxPayable, -self.fee_tax),
            (BookAccount::AbsorbedFees, self.absorbed),
        ]
    }

    /// The parts of a sale, as its entries say; the others are left out.
    pub fn of_entries<'a>(entries: impl Iterator<Item = (&'a str, i64)>) -> Parts {
        let (mut parts, mut fee_income) = (Parts::default(), 0);
        for (account, amount) in entries {
            let named = |one: BookAccount| one.name() == account;
            match () {
                () if named(BookAccount::Revenue) => parts.revenue -= amount,
                () if named(BookAccount::FeeIncome) => fee_income -= amount,
                () if named(BookAccount::TaxPayable) => parts.tax -= amount,
                () if named(BookAccount::FeeTaxPayable) => parts.fee_tax -= amount,
                () if named(BookAccount::AbsorbedFees) => parts.absorbed += amount,
                () => {}
            }
        }
        parts.fees = fee_income - parts.absorbed;
        parts
    }
}

/// The order of unit `k` of a part of `n` and another one: by where the shares reach `k - 1/2`, (2k - 1) / 2n.
fn order((k, n): (i64, i64), (other_k, other_n): (i64, i64)) -> Ordering {
    let place = |k: i64, other_n: i64| (2 * i128::from(k) - 1) * i128::from(other_n);
    place(k, other_n).cmp(&place(other_k, n))
}

/// The parts that a refund takes its amount from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefundedParts {
    /// Of tickets and their tax alone, as long as there is so much of them.
    pub keeps_fees: bool,
    /// Of the amount, tax of tickets; `None`: its share.
    pub tax: Option<i64>,
}

impl RefundedParts {
    /// Its parts are not the shares of the whole.
    pub fn is_uneven(&self) -> bool {
        self.keeps_fees || self.tax.is_some()
    }
}

/// Refunds of a sale, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReturnedParts {
    pub parts: Parts,
    /// One of them was, see [`RefundedParts::is_uneven`].
    pub uneven: bool,
}

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    pub cause: Cause,
    /// In minor units; no amount is 0.
    pub entries: Vec<(BookAccount, i64)>,
}

fn posting(cause: Cause, entries: &[(BookAccount, i64)]) -> Posting {
    let entries = entries.iter().copied();
    Posting {
        cause,
        entries: entries.filter(|(_, amount)| *amount != 0).collect(),
    }
}

pub fn sale(provider: ProviderName, parts: Parts) -> Posting {
    let mut entries = vec![(BookAccount::Money(provider), parts.total())];
    entries.extend(parts.earned());
    posting(Cause::Sale, &entries)
}

/// The provider's fee of a sale.
pub fn fee(provider: ProviderName, amount: i64) -> Posting {
    posting(
        Cause::Fee,
        &[
            (BookAccount::ProviderFees, amount),
            (BookAccount::Money(provider), -amount),
        ],
    )
}

pub fn refund(provider: ProviderName, parts: Parts) -> Posting {
    given_back(BookAccount::Money(provider), parts)
}

/// A person accepts that money was given back at the provider: it was a refund of these parts.
pub fn explained(parts: Parts) -> Posting {
    given_back(BookAccount::Unexplained, parts)
}

fn given_back(from: BookAccount, parts: Parts) -> Posting {
    let earned = parts.earned().map(|(account, amount)| (account, -amount));
    let mut entries = earned.to_vec();
    entries.push((from, -parts.total()));
    posting(Cause::Refund, &entries)
}

/// Money that the provider gave back without us; a person explains it. Negative: it came back.
pub fn foreign_refund(provider: ProviderName, amount: i64) -> Posting {
    posting(
        Cause::ForeignRefund,
        &[
            (BookAccount::Unexplained, amount),
            (BookAccount::Money(provider), -amount),
        ],
    )
}

/// Money goes back for the second time, since it did not arrive for the first time.
pub fn refund_again(provider: ProviderName, amount: i64) -> Posting {
    posting(
        Cause::RefundAgain,
        &[
            (BookAccount::Unexplained, amount),
            (BookAccount::Money(provider), -amount),
        ],
    )
}

/// A refund that others made stands for one that had failed: one entry to be explained ends the other.
pub fn explained_again(amount: i64) -> Posting {
    posting(
        Cause::RefundAgain,
        &[
            (BookAccount::Unexplained, amount),
            (BookAccount::Unexplained, -amount),
        ],
    )
}

/// The money of a refund that failed stays here.
pub fn refund_kept(parts: Parts) -> Posting {
    let mut entries = vec![(BookAccount::Unexplained, parts.total())];
    entries.extend(parts.earned());
    posting(Cause::RefundKept, &entries)
}

/// Money of a dispute: taken from us, if `moved` is negative, or given back; and what the provider keeps for it.
pub fn dispute(provider: ProviderName, moved: i64, fee: i64) -> Posting {
    let cause = match moved < 0 {
        true => Cause::Dispute,
        false => Cause::DisputeWon,
    };
    posting(
        cause,
        &[
            (BookAccount::Disputed, -moved),
            (BookAccount::ProviderFees, fee),
            (BookAccount::Money(provider), moved - fee),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(posting: &Posting) -> i64 {
        posting.entries.iter().map(|(_, amount)| amount).sum()
    }

    /// No part is negative or more than there is.
    fn lies_within(share: Parts, rest: Parts) -> bool {
        let Parts {
            revenue,
            fees,
            tax,
            fee_tax,
            absorbed,
        } = rest;
        (0..=revenue).contains(&share.revenue)
            && (0..=fees).contains(&share.fees)
            && (0..=tax).contains(&share.tax)
            && (0..=fee_tax).contains(&share.fee_tax)
            && (0..=absorbed).contains(&share.absorbed)
    }

    proptest! {
        #[test]
        fn every_posting_comes_to_nothing(
            (revenue, fees, tax, fee_tax) in (0..1_000_000_i64, 0..10_000_i64, 0..200_000_i64, 0..2_000_i64), kept in 0..1_000_i64,
            absorbed in 0..10_000_i64,
        ) {
            let parts = Parts { revenue, fees, tax, fee_tax, absorbed };
            let provider = ProviderName::Stripe;
            for posting in [sale(provider, parts), fee(provider, kept), refund(provider, parts), foreign_refund(provider, kept),
                            explained(parts), refund_again(provider, kept), explained_again(kept), refund_kept(parts),
                            dispute(provider, -revenue, kept), dispute(provider, revenue, 0)] {
                prop_assert_eq!(sum(&posting), 0);
                prop_assert!(posting.entries.iter().all(|(_, amount)| *amount != 0));
            }
            let sold = sale(provider, parts);
            let entries = sold.entries.iter().map(|(account, amount)| (account.name(), *amount));
            prop_assert_eq!(Parts::of_entries(entries), parts);
        }

        /// Fees that are kept stay, tax is that of the tickets, and whatever comes later comes to the sale to the last unit.
        #[test]
        fn kept_fees_stay(
            (revenue, fees, tax, fee_tax) in (1..100_000_i64, 0..1_000_i64, 0..20_000_i64, 0..300_i64),
            absorbed in 0..3_000_i64,
            cuts in prop::collection::vec((1..40_000_i64, any::<bool>(), prop::option::of(0..10_000_i64)), 0..12),
        ) {
            let parts = Parts { revenue, fees, tax, fee_tax, absorbed };
            let mut returned = ReturnedParts::default();
            for (cut, keeps_fees, tax) in cuts.into_iter().chain([(i64::MAX, false, None)]) {
                let left = parts.total() - returned.parts.total();
                let rest = left - (parts.fees - returned.parts.fees) - (parts.fee_tax - returned.parts.fee_tax);
                let amount = cut.min(if keeps_fees { rest } else { left });
                if amount <= 0 {
                    continue;
                }
                let of = RefundedParts { keeps_fees, tax };
                let rest = parts.plus(returned.parts.negated());
                let share = parts.given_back(&returned, amount, of);
                prop_assert_eq!(share.total(), amount);
                prop_assert!(lies_within(share, rest), "{share:?} of {rest:?}");
                if let Some(tax) = tax {
                    let tickets = share.revenue + share.tax;
                    let is_there = tax <= rest.tax && tax <= tickets && tickets - tax <= rest.revenue;
                    prop_assert!(!is_there || share.tax == tax);
                    prop_assert!(share.tax <= rest.tax.max(0), "{share:?} of {rest:?}");
                }
                prop_assert!(!keeps_fees || share.fees == 0 && share.fee_tax == 0 && share.absorbed == 0);
                returned.parts = returned.parts.plus(share);
                returned.uneven |= of.is_uneven();
            }
            prop_assert_eq!(returned.parts.total(), parts.total());
            prop_assert_eq!((returned.parts.fees, returned.parts.fee_tax), (parts.fees, parts.fee_tax));
        }

        #[test]
        fn refunds_come_to_the_sale_to_the_last_unit(
            (revenue, fees, tax, fee_tax) in (1..100_000_i64, 0..1_000_i64, 0..20_000_i64, 0..300_i64),
            absorbed in 0..3_000_i64,
            cuts in prop::collection::vec(1..40_000_i64, 0..12),
        ) {
            let parts = Parts { revenue, fees, tax, fee_tax, absorbed };
            let (mut before, mut back) = (0, Parts::default());
            for cut in cuts.into_iter().chain([i64::MAX]) {
                let amount = cut.min(parts.total() - before);
                let share = parts.of_refund(before, amount);
                prop_assert_eq!(share.total(), amount);
                prop_assert!(lies_within(share, parts.plus(back.negated())), "{share:?} after {back:?} of {parts:?}");
                back = back.plus(share);
                before += amount;
            }
            prop_assert_eq!(back, parts);
        }

        /// Refunds fail after they succeeded, in any order and in part, and stay: what goes back in the end is the sale.
        #[test]
        fn refunds_that_stay_are_sold_again_to_the_last_unit(
            (revenue, fees, tax, fee_tax) in (1..100_000_i64, 0..1_000_i64, 0..20_000_i64, 0..300_i64),
            absorbed in 0..3_000_i64,
            cuts in prop::collection::vec((1..40_000_i64, any::<bool>(), any::<bool>(), 0..40_000_i64), 0..12),
        ) {
            let parts = Parts { revenue, fees, tax, fee_tax, absorbed };
            let mut returned = ReturnedParts::default();
            let mut keeps_last = false;
            for (cut, keeps_fees, fails, again) in cuts.into_iter().chain([(i64::MAX, false, false, 0)]) {
                let rest = parts.plus(returned.parts.negated());
                let of = RefundedParts { keeps_fees, tax: None };
                let amount = cut.min(if keeps_fees { rest.revenue + rest.tax } else { rest.total() });
                if amount <= 0 {
                    continue;
                }
                keeps_last = keeps_fees;
                let share = parts.given_back(&returned, amount, of);
                returned.parts = returned.parts.plus(share);
                returned.uneven |= of.is_uneven();
                if fails {
                    let stays = amount - again.min(amount);
                    let kept = parts.kept(&returned, &share, stays);
                    prop_assert_eq!(kept.total(), stays);
                    prop_assert!(lies_within(kept, returned.parts), "{kept:?} of {returned:?}");
                    returned.parts = returned.parts.plus(kept.negated());
                }
                prop_assert!(lies_within(returned.parts, parts), "{returned:?} of {parts:?}");
            }
            // The refund that left nothing may have left the organizer's fees as well.
            let absorbed = if keeps_last { returned.parts.absorbed } else { absorbed };
            prop_assert_eq!(returned.parts, Parts { absorbed, ..parts });
        }

        /// By single units, where all parts are rounded alike.
        #[test]
        fn refunds_unit_by_unit_never_pass_a_part(
            (revenue, fees, tax, fee_tax) in (0..6_i64, 0..40_i64, 0..40_i64, 0..40_i64), absorbed in 0..20_i64,
        ) {
            let parts = Parts { revenue, fees, tax, fee_tax, absorbed };
            let mut back = Parts::default();
            for before in 0..parts.total() {
                let share = parts.of_refund(before, 1);
                prop_assert_eq!(share.total(), 1);
                prop_assert!(lies_within(share, parts.plus(back.negated())), "{share:?} after {back:?} of {parts:?}");
                back = back.plus(share);
            }
            prop_assert!(parts.total() == 0 || back == parts);
        }
    }
}
