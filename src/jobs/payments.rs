//! The jobs of money: an attempt to pay is moved on, a refund is, and what staff were paid is booked. The rows and their
//! jobs are written together (`store/payments.rs`, `store/refunds.rs`).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::payments::drive::Driven;
use crate::store::payments::{
    MONEY_WORTH, PAYMENT_JOB, STAFF_PAID_JOB, payment_job, staff_paid_job,
};
use crate::store::refunds::{REFUND_JOB, refund_job};
use crate::ticketing::{BookingId, PaymentId, RefundId};

/// A provider that was away is asked again soon after it is back: somebody waits for tickets or money.
const PAUSE_MAX: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentJob {
    pub payment_id: PaymentId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundJob {
    pub refund_id: RefundId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffPaidJob {
    pub booking_id: BookingId,
}

pub(crate) fn end(driven: Driven) -> Result<End, Failed> {
    match driven {
        Driven::Done => Ok(End::Done),
        Driven::Waits { after } => Ok(End::Rests(after, Value::Bool(true))),
        Driven::Later(why) => Err(Failed::Later(why)),
    }
}

impl Kind for PaymentJob {
    const NAME: &'static str = PAYMENT_JOB;
    const OF_MONEY: bool = true;
    const WORTH: Duration = MONEY_WORTH;
    const PAUSE_MAX: Duration = PAUSE_MAX;

    fn key(&self, _proofs: &Proofs) -> String {
        payment_job(self.payment_id).key
    }

    async fn carry_out(&self, hands: &JobHands, _task: &Task<'_>) -> Result<End, Failed> {
        end(hands.payments.drive(self.payment_id).await)
    }
}

impl Kind for RefundJob {
    const NAME: &'static str = REFUND_JOB;
    const OF_MONEY: bool = true;
    const WORTH: Duration = MONEY_WORTH;
    const PAUSE_MAX: Duration = PAUSE_MAX;

    fn key(&self, _proofs: &Proofs) -> String {
        refund_job(self.refund_id).key
    }

    async fn carry_out(&self, hands: &JobHands, _task: &Task<'_>) -> Result<End, Failed> {
        end(hands.payments.drive_refund(self.refund_id).await)
    }
}

impl Kind for StaffPaidJob {
    const NAME: &'static str = STAFF_PAID_JOB;
    const OF_MONEY: bool = true;
    const WORTH: Duration = MONEY_WORTH;
    const PAUSE_MAX: Duration = PAUSE_MAX;

    fn key(&self, _proofs: &Proofs) -> String {
        staff_paid_job(self.booking_id).key
    }

    async fn carry_out(&self, hands: &JobHands, _task: &Task<'_>) -> Result<End, Failed> {
        end(hands.payments.book_staff_payment(self.booking_id).await)
    }
}
