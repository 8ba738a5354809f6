//! Gives back what a booking was paid, because it was cancelled. The tickets are void by the cancellation, which wrote this
//! job in its transaction.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::payments::give_back::{NotGiven, RefundOrder as Wish, give_back};
use crate::store::payments::MONEY_WORTH;
use crate::store::refunds::GIVE_BACK_JOB;
use crate::ticketing::BookingId;
use crate::ticketing::payment::{Attempt, PaymentState};
use crate::ticketing::refund::RefundWish;

/// While an attempt of the booking is still under way.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveBack {
    pub booking_id: BookingId,
    /// `None`: all that is left.
    pub amount: Option<i64>,
    pub reason: String,
}

impl Kind for GiveBack {
    const NAME: &'static str = GIVE_BACK_JOB;
    const WORTH: Duration = MONEY_WORTH;

    fn key(&self, _proofs: &Proofs) -> String {
        format!("give-back:{}", self.booking_id)
    }

    async fn carry_out(&self, hands: &JobHands, _task: &Task<'_>) -> Result<End, Failed> {
        let attempts = hands.store.payments_of(self.booking_id).await?;
        if attempts.iter().any(|attempt| attempt.state.is_live()) {
            return Ok(End::Rests(LOOK_AGAIN, Value::Null));
        }
        let left = |of: &Attempt| of.captured_amount - of.refunded_amount;
        let captured = attempts
            .iter()
            .filter(|of| of.state == PaymentState::Captured && left(of) > 0);
        let Some(payment) = captured.max_by_key(|of| left(of)) else {
            return Ok(End::Done);
        };
        let amount = self.amount.unwrap_or(i64::MAX).min(left(payment));
        let key = format!("cancelled:{}", payment.id);
        let wish = Wish {
            booking: self.booking_id,
            payment: Some(payment.id),
            wish: RefundWish::Amount(amount),
            reason: &self.reason,
            key: &key,
            audit: None,
        };
        match give_back(&hands.store, &hands.payments, wish).await? {
            // Another refund was first.
            Ok(_) | Err(NotGiven::Exceeds { .. }) => Ok(End::Done),
            Err(other) => Err(Failed::Hopeless(format!(
                "nothing was given back: {other:?}"
            ))),
        }
    }
}
