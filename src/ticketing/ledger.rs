//! Postings: every movement of money as entries that come to nothing together. Debits are positive, credits negative.
//!
//! | movement | debit | credit |
//! |---|---|---|
//! | sale | where the money is | revenue, fee income, tax payable |
//! | fee of the provider | provider fees | where the money is |
//! | refund | revenue, fee income, tax payable | where the money is |
//! | refund that others made | money to be explained | where the money is |
//! | dispute: money taken | disputed money, provider fees | where the money is |
//! | dispute: money back | where the money is | disputed money |
//!
//! The provider's fee of a sale stays an expense when the sale is refunded.

use super::payment::ProviderName;

/// An account of an organization, in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BookAccount {
    /// Money that a provider has for us, or that staff took.
    Money(ProviderName),
    Revenue,
    FeeIncome,
    TaxPayable,
    ProviderFees,
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
            BookAccount::ProviderFees => "provider fees",
            BookAccount::Unexplained => "unexplained movements",
            BookAccount::Disputed => "disputed money",
        }
    }

    pub fn kind(self) -> &'static str {
        match self {
            BookAccount::Money(_) => "asset",
            BookAccount::Revenue | BookAccount::FeeIncome => "income",
            BookAccount::TaxPayable => "liability",
            BookAccount::ProviderFees | BookAccount::Unexplained | BookAccount::Disputed => {
                "expense"
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Sale,
    Fee,
    Refund,
    ForeignRefund,
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
    pub tax: i64,
}

impl Parts {
    pub fn total(&self) -> i64 {
        self.revenue + self.fees + self.tax
    }

    /// The parts of the first `amount` of it, rounded so that all parts of all amounts come to these.
    fn up_to(&self, amount: i64) -> Parts {
        let total = i128::from(self.total().max(1));
        let share = |part: i64| {
            let exact = i128::from(part) * i128::from(amount);
            // Half up; both are at least 0.
            i64::try_from((2 * exact + total) / (2 * total)).unwrap_or(i64::MAX)
        };
        let (tax, fees) = (share(self.tax), share(self.fees));
        Parts {
            revenue: amount - tax - fees,
            fees,
            tax,
        }
    }

    /// The parts of `amount`, of which `before` went back already: cumulative, so that nothing is left of the last one.
    pub fn of_refund(&self, before: i64, amount: i64) -> Parts {
        let (then, now) = (self.up_to(before), self.up_to(before + amount));
        Parts {
            revenue: now.revenue - then.revenue,
            fees: now.fees - then.fees,
            tax: now.tax - then.tax,
        }
    }
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
    posting(
        Cause::Sale,
        &[
            (BookAccount::Money(provider), parts.total()),
            (BookAccount::Revenue, -parts.revenue),
            (BookAccount::FeeIncome, -parts.fees),
            (BookAccount::TaxPayable, -parts.tax),
        ],
    )
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
    posting(
        Cause::Refund,
        &[
            (BookAccount::Revenue, parts.revenue),
            (BookAccount::FeeIncome, parts.fees),
            (BookAccount::TaxPayable, parts.tax),
            (BookAccount::Money(provider), -parts.total()),
        ],
    )
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

    proptest! {
        #[test]
        fn every_posting_comes_to_nothing(
            (revenue, fees, tax) in (0..1_000_000_i64, 0..10_000_i64, 0..200_000_i64), kept in 0..1_000_i64,
        ) {
            let parts = Parts { revenue, fees, tax };
            let provider = ProviderName::Stripe;
            for posting in [sale(provider, parts), fee(provider, kept), refund(provider, parts), foreign_refund(provider, kept),
                            dispute(provider, -revenue, kept), dispute(provider, revenue, 0)] {
                prop_assert_eq!(sum(&posting), 0);
                prop_assert!(posting.entries.iter().all(|(_, amount)| *amount != 0));
            }
        }

        #[test]
        fn refunds_come_to_the_sale_to_the_last_unit(
            (revenue, fees, tax) in (1..100_000_i64, 0..1_000_i64, 0..20_000_i64),
            cuts in prop::collection::vec(1..40_000_i64, 0..12),
        ) {
            let parts = Parts { revenue, fees, tax };
            let (mut before, mut back) = (0, Parts::default());
            for cut in cuts.into_iter().chain([i64::MAX]) {
                let amount = cut.min(parts.total() - before);
                let share = parts.of_refund(before, amount);
                prop_assert_eq!(share.total(), amount);
                prop_assert!(share.fees >= 0 && share.tax >= 0);
                back.revenue += share.revenue;
                back.fees += share.fees;
                back.tax += share.tax;
                before += amount;
            }
            prop_assert_eq!(back, parts);
        }
    }
}
