//! Decisions of a person about a payment that waits for one. Pure.
//!
//! | the payment | decisions |
//! |---|---|
//! | its money is here, the booking stands | leave all as it is; give the rest back, with the tickets; or, if nothing is left, cancel the booking |
//! | its money is here, the booking ended | leave all as it is; give the rest back |
//! | its money did not come | ask the provider again, unless another attempt is live; end the attempt; end it and cancel the booking |
//! | its money did not come and is owed, since the provider has let it go | end the attempt; end it and cancel the booking |

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::payment::PaymentState;
use super::record::BookingStatus;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// All stays as it is. An attempt whose money did not come ends, and so does a refund that failed.
    Accept,
    /// The remainder goes back, and the tickets become void.
    Refund,
    /// The booking is cancelled. The payment moves no money; what another one has paid goes back.
    Cancel,
    /// The provider is asked again.
    Retry,
}

impl Decision {
    pub const ALL: [(&'static str, Decision); 4] = [
        ("accept", Decision::Accept),
        ("refund", Decision::Refund),
        ("cancel", Decision::Cancel),
        ("retry", Decision::Retry),
    ];

    pub fn as_str(self) -> &'static str {
        let mut all = Decision::ALL.into_iter();
        let found = all.find(|(_, decision)| *decision == self);
        found.map_or("accept", |(name, _)| name)
    }
}

/// The decisions that are possible; `left`: what can still be given back; `is_gone`: there is nothing to ask the provider for
/// again, since it has let the payment go, or another attempt of the booking is live.
pub fn possible(
    state: PaymentState,
    booking: BookingStatus,
    left: i64,
    is_gone: bool,
) -> Vec<Decision> {
    let is_open = matches!(booking, BookingStatus::Pending | BookingStatus::Confirmed);
    let mut decisions = match (state, is_open, left) {
        (PaymentState::Captured, _, 1..) => vec![Decision::Accept, Decision::Refund],
        (PaymentState::Captured, true, _) => vec![Decision::Accept, Decision::Cancel],
        (PaymentState::Captured, false, _) => vec![Decision::Accept],
        (_, true, _) => vec![Decision::Accept, Decision::Cancel, Decision::Retry],
        (_, false, _) => vec![Decision::Accept, Decision::Retry],
    };
    decisions.retain(|decision| *decision != Decision::Retry || !is_gone);
    decisions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_back_that_is_not_there() {
        use BookingStatus::{Cancelled, Confirmed, Expired, Pending};
        use Decision::{Accept, Cancel, Refund, Retry};
        for (state, booking, left, decisions) in [
            (PaymentState::Captured, Confirmed, 1, vec![Accept, Refund]),
            (PaymentState::Captured, Confirmed, 0, vec![Accept, Cancel]),
            (PaymentState::Captured, Cancelled, 1, vec![Accept, Refund]),
            (PaymentState::Captured, Cancelled, 0, vec![Accept]),
            (
                PaymentState::NeedsReview,
                Pending,
                0,
                vec![Accept, Cancel, Retry],
            ),
            (PaymentState::NeedsReview, Expired, 0, vec![Accept, Retry]),
        ] {
            assert_eq!(
                possible(state, booking, left, false),
                decisions,
                "{state:?} {booking:?} {left}"
            );
            let beside = possible(state, booking, left, true);
            assert!(!beside.contains(&Retry) && beside.len() + 1 >= decisions.len());
        }
    }
}
