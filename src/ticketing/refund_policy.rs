//! The refund for an owner's own cancellation. Pure, with a clock that is handed in.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::currency::step;
use super::record::Booking;
use super::refund::{PaidMoney, worth};

pub const UNTIL_MINUTES_MAX: i64 = 525_600;

/// The organizer's rules for owners who cancel or change their bookings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"percent": 80, "until_minutes": 1440, "by_ticket": false, "keeps_fees": true}))]
pub struct RefundPolicy {
    /// How much of the price is given back: 100 is all of it, 0 nothing.
    #[schema(minimum = 0, maximum = 100, example = 80, required = false)]
    pub percent: i64,
    /// Owners can cancel until so many minutes before the event begins; never afterwards.
    #[schema(minimum = 0, maximum = 525_600, example = 1440, required = false)]
    pub until_minutes: i64,
    /// Single tickets can be given back.
    #[schema(required = false)]
    pub by_ticket: bool,
    /// Fees are not given back.
    #[schema(required = false)]
    pub keeps_fees: bool,
}

/// All is given back until the event begins.
impl Default for RefundPolicy {
    fn default() -> RefundPolicy {
        RefundPolicy {
            percent: 100,
            until_minutes: 0,
            by_ticket: false,
            keeps_fees: false,
        }
    }
}

/// Why an owner cannot cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyRefusal {
    /// It was possible until then.
    TooLate { until: Timestamp },
    /// Only the booking as a whole.
    WholeOnly,
}

impl RefundPolicy {
    /// Until when owners can cancel.
    pub fn until(&self, starts_at: Timestamp) -> Timestamp {
        let before = SignedDuration::from_mins(self.until_minutes.clamp(0, UNTIL_MINUTES_MAX));
        starts_at.saturating_sub(before).unwrap_or(Timestamp::MIN)
    }

    /// Whether an owner can cancel now; `by_ticket`: single tickets.
    pub fn allows(
        &self,
        by_ticket: bool,
        starts_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), PolicyRefusal> {
        let until = self.until(starts_at);
        if now >= until {
            return Err(PolicyRefusal::TooLate { until });
        }
        match by_ticket && !self.by_ticket {
            true => Err(PolicyRefusal::WholeOnly),
            false => Ok(()),
        }
    }

    /// Not all of the price goes back.
    pub fn keeps_something(&self) -> bool {
        self.percent < 100 || self.keeps_fees
    }

    /// The refund of these tickets.
    pub fn gives_back(&self, booking: &Booking, paid: PaidMoney, codes: &BTreeSet<String>) -> i64 {
        let base = match self.keeps_fees {
            true => paid.captured - paid.fees.clamp(0, paid.captured),
            false => paid.captured,
        };
        let worth = i128::from(worth(booking, base, codes));
        // Never more than the percentage says, and an amount that there is.
        let back = worth * i128::from(self.percent.clamp(0, 100)) / 100;
        let back = i64::try_from(back).unwrap_or(0);
        let back = back - back % step(&booking.total.currency);
        // A part of the fees may have gone back before; the others are not given back in place of the tickets' money.
        let kept = match self.keeps_fees {
            true => paid.fees_left.max(0),
            false => 0,
        };
        let there = (paid.left - kept).max(0);
        back.min(there - there % step(&booking.total.currency))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::super::ledger::{Parts, RefundedParts};
    use super::super::refund::tests::booking;
    use super::super::refund::{OwnersTickets, RefundWish, decide};
    use super::*;

    const START: i64 = 1_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn codes(of: &[&str]) -> BTreeSet<String> {
        of.iter().map(|code| (*code).to_owned()).collect()
    }

    fn back(policy: RefundPolicy, of: &[&str], now: i64) -> Result<i64, PolicyRefusal> {
        policy.allows(of.len() < 2, at(START), at(now))?;
        let (fees, captured) = (100, 1_000);
        let paid = PaidMoney {
            captured,
            fees,
            left: captured,
            fees_left: fees,
        };
        Ok(policy.gives_back(&booking(1_000, &[400, 600]), paid, &codes(of)))
    }

    fn whole(policy: RefundPolicy, now: i64) -> Result<i64, PolicyRefusal> {
        back(policy, &["T0", "T1"], now)
    }

    #[test]
    fn all_is_given_back_until_the_event_begins() {
        let policy = RefundPolicy::default();
        assert_eq!(whole(policy, START - 1), Ok(1_000));
        let until = at(START);
        for now in [START, START + 1] {
            assert_eq!(whole(policy, now), Err(PolicyRefusal::TooLate { until }));
        }
    }

    #[test]
    fn the_organizer_says_how_much_and_until_when() {
        let policy = RefundPolicy {
            percent: 50,
            until_minutes: 60,
            by_ticket: true,
            keeps_fees: true,
        };
        assert_eq!(whole(policy, START - 3_601), Ok(450));
        let until = at(START - 3_600);
        let late = Err(PolicyRefusal::TooLate { until });
        assert_eq!(whole(policy, START - 3_600), late);
        let part = |policy: RefundPolicy| back(policy, &["T0"], 0);
        assert_eq!(part(policy), Ok(180));
        let whole_only = RefundPolicy {
            by_ticket: false,
            ..policy
        };
        assert_eq!(part(whole_only), Err(PolicyRefusal::WholeOnly));
        let nothing = RefundPolicy {
            percent: 0,
            ..policy
        };
        assert_eq!(whole(nothing, 0), Ok(0));
    }

    proptest! {
        #[test]
        fn no_policy_gives_back_more_than_was_paid(
            percent in 0..=100_i64, keeps_fees: bool, paid in 1..100_000_i64, fees in 0..200_000_i64, left in 0..100_000_i64,
        ) {
            let policy = RefundPolicy { percent, until_minutes: 0, by_ticket: true, keeps_fees };
            let booking = booking(paid, &[300, 500, 200]);
            let money = PaidMoney { captured: paid, fees, left, fees_left: fees.min(left) };
            let back = policy.gives_back(&booking, money, &codes(&["T0", "T1", "T2"]));
            prop_assert!((0..=paid.min(left)).contains(&back));
        }

        /// Tickets and amounts go back in any order, by staff and by owners, and fees that a policy keeps stay in the books.
        #[test]
        fn fees_that_are_kept_are_not_given_back(
            (revenue, fees, tax, fee_tax) in (1..100_000_i64, 0..10_000_i64, 0..20_000_i64, 0..2_000_i64),
            acts in prop::collection::vec((0..4_usize, 1..30_000_i64, 1..=100_i64), 0..8),
        ) {
            let parts = Parts { revenue, fees, tax, fee_tax, absorbed: 0 };
            let mut booking = booking(parts.total(), &[300, 500, 0, 200]);
            booking.lines.clear();
            let (mut refunds, mut given): (Vec<(i64, RefundedParts)>, BTreeSet<String>) = Default::default();
            for (ticket, amount, percent) in acts {
                let back: i64 = refunds.iter().map(|(amount, _)| amount).sum();
                let paid = PaidMoney::of(&parts, parts.total() - back, refunds.iter().copied());
                let code = format!("T{ticket}");
                let policy = RefundPolicy { percent, until_minutes: 0, by_ticket: true, keeps_fees: true };
                let wish = match amount % 4 {
                    0 => RefundWish::Amount(amount.min(paid.left)),
                    1 => RefundWish::Tickets([code].into()),
                    2 => RefundWish::ByPolicy { policy, tickets: OwnersTickets::These([code].into()) },
                    _ => RefundWish::ByPolicy { policy, tickets: OwnersTickets::Rest { gone: BTreeSet::new() } },
                };
                let Ok(back) = decide(&booking, paid, &given, &wish) else {
                    continue;
                };
                let of = RefundedParts { keeps_fees: wish.keeps_fees(), tax: back.tax };
                let rest = parts.after(refunds.iter().copied());
                refunds.push((back.amount, of));
                let then = parts.after(refunds.iter().copied());
                prop_assert_eq!(then.total(), rest.total() - back.amount);
                if wish.keeps_fees() {
                    prop_assert_eq!((then.fees, then.fee_tax), (rest.fees, rest.fee_tax), "{:?}", refunds);
                }
                given.extend(back.tickets.into_iter().flatten());
            }
        }
    }
}
