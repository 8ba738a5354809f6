//! Movements of money after it was ours: refunds at the provider, and disputes. A provider is asked for all of it at
//! once, so messages that come twice, late, or in another order lead to the same end. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RefundId;

/// All that a provider has to say of the money of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Movements {
    pub refunds: Vec<ProviderRefund>,
    pub disputes: Vec<ProviderDispute>,
    /// Of a payment whose fee was not known when it was settled.
    pub fee: Option<ProviderFee>,
}

/// The part of a payment that its provider keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderFee {
    /// It does not say yet.
    Follows,
    Known(i64),
}

/// A refund in the provider's books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRefund {
    pub provider_ref: String,
    /// The refund of ours that it says it is.
    pub ours: Option<RefundId>,
    pub amount: i64,
    pub state: Going,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    Pending,
    Done,
    Failed,
}

/// A dispute in the provider's books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderDispute {
    pub provider_ref: String,
    pub amount: i64,
    pub state: DisputeState,
    pub transfers: Vec<DisputeTransfer>,
}

/// Money that the provider took for a dispute, or gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeTransfer {
    pub provider_ref: String,
    /// Negative: it was taken from us.
    pub amount: i64,
    /// The provider's fee.
    pub fee: i64,
}

/// Whether all that was seen is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    All,
    /// Something is on its way, there or here: look again.
    Waits,
}

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    Open,
    Won,
    Lost,
}

impl DisputeState {
    pub const ALL: [(DisputeState, &str); 3] = [
        (DisputeState::Open, "open"),
        (DisputeState::Won, "won"),
        (DisputeState::Lost, "lost"),
    ];

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            DisputeState::Open => "open",
            DisputeState::Won => "won",
            DisputeState::Lost => "lost",
        }
    }

    pub fn parse(text: &str) -> Option<DisputeState> {
        let mut all = DisputeState::ALL.into_iter();
        Some(all.find(|(_, name)| *name == text)?.0)
    }

    /// The state after `seen`, which may have been read before this one: a dispute that was decided is not open again.
    pub fn after(self, seen: DisputeState) -> DisputeState {
        match seen {
            DisputeState::Open => self,
            decided => decided,
        }
    }
}

/// A refund of ours, as far as its room in the payment is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    pub id: RefundId,
    pub amount: i64,
    /// The provider never said that it did it.
    pub is_open: bool,
}

/// Refunds of ours that cannot happen any more, since the provider has given the money back otherwise. Each keeps its
/// amount reserved; they are given up, as few as possible, until `amount` has room. `None`: there is no room yet, because a
/// refund of ours may still happen, or fail.
pub fn to_give_up(
    amount: i64,
    captured: i64,
    ours: &[Reserved],
    seen: &[ProviderRefund],
) -> Option<Vec<RefundId>> {
    let given: i64 = (seen.iter())
        .filter(|refund| refund.state != Going::Failed)
        .map(|refund| refund.amount)
        .sum();
    let left_there = captured - given;
    let of = |id| seen.iter().find(|refund| refund.ours == Some(id));
    let cannot_happen = |refund: &Reserved| match of(refund.id) {
        Some(seen) => seen.state == Going::Failed,
        None => refund.amount > left_there,
    };
    let mut room = captured - ours.iter().map(|refund| refund.amount).sum::<i64>();
    let mut given_up = Vec::new();
    for refund in ours {
        if room < amount && refund.is_open && cannot_happen(refund) {
            room += refund.amount;
            given_up.push(refund.id);
        }
    }
    (room >= amount).then_some(given_up)
}

/// Of a captured amount, what the provider still has, or may have again: a refund that is on its way may come back, and a
/// dispute may be won.
pub fn still_there(captured: i64, seen: &Movements) -> i64 {
    let refunds = seen.refunds.iter();
    let given = refunds.filter(|refund| refund.state == Going::Done);
    let given: i64 = given.map(|refund| refund.amount).sum();
    let disputes = seen.disputes.iter();
    let lost = disputes.filter(|dispute| dispute.state == DisputeState::Lost);
    let lost: i64 = lost.map(|dispute| dispute.amount).sum();
    (captured - given - lost).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn ours(id: u128, amount: i64, is_open: bool) -> Reserved {
        let id = RefundId(Uuid::from_u128(id));
        Reserved {
            id,
            amount,
            is_open,
        }
    }

    fn seen(ours: Option<u128>, amount: i64, state: Going) -> ProviderRefund {
        ProviderRefund {
            provider_ref: String::new(),
            ours: ours.map(|id| RefundId(Uuid::from_u128(id))),
            amount,
            state,
        }
    }

    #[test]
    fn a_refund_of_others_takes_the_room_of_ours_that_cannot_happen() {
        let id = |id| RefundId(Uuid::from_u128(id));
        let foreign = seen(None, 600, Going::Done);
        let there = std::slice::from_ref(&foreign);
        assert_eq!(to_give_up(600, 1_000, &[], there), Some(vec![]));
        assert_eq!(
            to_give_up(600, 1_000, &[ours(1, 400, true)], there),
            Some(vec![]),
            "both fit"
        );
        assert_eq!(
            to_give_up(600, 1_000, &[ours(1, 500, true)], there),
            Some(vec![id(1)]),
            "ours is more than is left"
        );
        let two = [ours(1, 300, true), ours(2, 300, true)];
        assert_eq!(
            to_give_up(600, 1_000, &two, there),
            None,
            "one of them may happen"
        );
        let both = [
            seen(None, 600, Going::Done),
            seen(Some(1), 300, Going::Failed),
        ];
        assert_eq!(to_give_up(600, 1_000, &two, &both), Some(vec![id(1)]));
        let done = [ours(1, 500, false)];
        assert_eq!(
            to_give_up(600, 1_000, &done, there),
            None,
            "what happened stays"
        );
    }

    #[test]
    fn a_dispute_that_was_decided_is_not_open_again() {
        use DisputeState::{Lost, Open, Won};
        assert_eq!(Open.after(Won), Won);
        assert_eq!(Won.after(Open), Won);
        assert_eq!(Lost.after(Won), Won);
    }

    #[test]
    fn only_what_is_gone_for_good_is_not_there() {
        let refund = |amount, state| ProviderRefund {
            provider_ref: "re".to_owned(),
            ours: None,
            amount,
            state,
        };
        let dispute = |amount, state| ProviderDispute {
            provider_ref: "dp".to_owned(),
            amount,
            state,
            transfers: Vec::new(),
        };
        for (refunds, disputes, left) in [
            (vec![], vec![], 50),
            (vec![refund(5, Going::Done)], vec![], 45),
            (vec![refund(50, Going::Pending)], vec![], 50),
            (vec![refund(50, Going::Failed)], vec![], 50),
            (
                vec![refund(30, Going::Done), refund(20, Going::Done)],
                vec![],
                0,
            ),
            (vec![], vec![dispute(50, DisputeState::Open)], 50),
            (vec![], vec![dispute(50, DisputeState::Won)], 50),
            (
                vec![refund(5, Going::Done)],
                vec![dispute(45, DisputeState::Lost)],
                0,
            ),
        ] {
            let seen = Movements {
                refunds,
                disputes,
                fee: None,
            };
            assert_eq!(still_there(50, &seen), left, "{seen:?}");
        }
    }
}
