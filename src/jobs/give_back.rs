//! Gives back what a booking was paid, because it was cancelled. The tickets are void by the cancellation, which wrote this
//! job in its transaction.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::payments::give_back::{AfterCancellation, give_after_cancellation};
use crate::store::jobs::{JobReason, why};
use crate::store::payments::MONEY_WORTH;
use crate::store::refunds::GIVE_BACK_JOB;
use crate::ticketing::BookingId;
use crate::ticketing::refund_policy::RefundPolicy;

/// While an attempt of the booking is still under way.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GiveBack {
    pub booking_id: BookingId,
    /// Of an owner's own cancellation; `None`: all that is left.
    #[serde(default)]
    pub policy: Option<RefundPolicy>,
    /// Codes of tickets that were void before the cancellation: the policy gives nothing back for them.
    #[serde(default)]
    pub gone: BTreeSet<String>,
    pub reason: String,
}

impl Kind for GiveBack {
    const NAME: &'static str = GIVE_BACK_JOB;
    const OF_MONEY: bool = true;
    const WORTH: Duration = MONEY_WORTH;

    fn key(&self, _proofs: &Proofs) -> String {
        format!("give-back:{}", self.booking_id)
    }

    async fn carry_out(&self, hands: &JobHands, _task: &Task<'_>) -> Result<End, Failed> {
        let drive = |id| hands.payments.drive_refund(id);
        let (of, reason) = (self.booking_id, &self.reason);
        let by = (self.policy, &self.gone);
        match give_after_cancellation(&hands.store, drive, of, by, reason).await? {
            AfterCancellation::Done => Ok(End::Done),
            AfterCancellation::Waits => Ok(End::Rests(LOOK_AGAIN, Value::Null)),
            AfterCancellation::Stuck(why) => {
                let why = JobReason::text(why::NOTHING_GIVEN_BACK, format_args!("{why:?}"));
                Err(Failed::Hopeless(why))
            }
        }
    }
}
