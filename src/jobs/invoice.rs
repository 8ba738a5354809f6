//! Numbers the invoice of a sale, or the credit note of a refund, after its transaction.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::store::invoices::INVOICE_JOB;

/// By then whoever numbers the series has come further.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberInvoice {
    /// Of the ledger.
    pub transaction_id: i64,
}

impl Kind for NumberInvoice {
    const NAME: &'static str = INVOICE_JOB;
    const OF_MONEY: bool = true;
    const WORTH: Duration = Duration::from_secs(365 * 24 * 3_600);

    fn key(&self, _proofs: &Proofs) -> String {
        format!("invoice:{}", self.transaction_id)
    }

    async fn carry_out(&self, hands: &JobHands, _task: &Task<'_>) -> Result<End, Failed> {
        Ok(
            match hands.store.number_invoices(self.transaction_id).await? {
                true => End::Done,
                false => End::Rests(LOOK_AGAIN, Value::Null),
            },
        )
    }
}
