//! Gives back what a booking was paid, because it was cancelled. The tickets are void by the cancellation, which wrote this
//! job in its transaction.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::payments::give_back::{GiveBack as Wish, NotGiven, give_back};
use crate::store::payments::MONEY_WORTH;
use crate::store::refunds::GIVE_BACK_JOB;
use crate::ticketing::PaymentId;
use crate::ticketing::refund::RefundWish;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveBack {
    pub payment_id: PaymentId,
    pub amount: i64,
    pub reason: String,
}

impl Kind for GiveBack {
    const NAME: &'static str = GIVE_BACK_JOB;
    const WORTH: Duration = MONEY_WORTH;

    fn key(&self, _proofs: &Proofs) -> String {
        format!("give-back:{}", self.payment_id)
    }

    async fn carry_out(&self, hands: &JobHands, _task: &Task<'_>) -> Result<End, Failed> {
        let Some(payment) = hands.store.payment(self.payment_id).await? else {
            return Ok(End::Done);
        };
        let left = payment.captured_amount - payment.refunded_amount;
        let key = self.key_of_refund();
        let wish = Wish {
            booking: payment.booking_id,
            payment: Some(self.payment_id),
            wish: RefundWish::Amount(self.amount.min(left)),
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

impl GiveBack {
    fn key_of_refund(&self) -> String {
        format!("cancelled:{}", self.payment_id)
    }
}
