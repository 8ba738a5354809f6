//! Takes in what a provider tells: an event is acknowledged once its effect is stored. The table is a trait, so that the
//! simulation runs the same code.

use crate::store::payments::Heard;
use crate::store::{Store, StoreError};
use crate::ticketing::PaymentId;
use crate::ticketing::payment::ProviderName;

/// An event of a provider. It only tells which attempt to look at.
#[derive(Debug, Clone, Copy)]
pub struct ProviderEvent<'a> {
    pub provider: ProviderName,
    /// Two events with one id are one.
    pub id: &'a str,
    pub kind: &'a str,
    /// The provider's name for the charge.
    pub provider_ref: &'a str,
    pub attempt: Option<PaymentId>,
    /// It tells of money that was ours.
    pub is_after_sale: bool,
}

/// The events that were taken in.
pub(crate) trait EventTable: Sync {
    /// Takes an event in, and lets the job of its attempt look, in one transaction.
    fn hear(
        &self,
        event: &ProviderEvent<'_>,
    ) -> impl Future<Output = Result<Heard, StoreError>> + Send;
}

/// The event may be acknowledged, unless the answer is an error or [`Heard::Unknown`].
pub(crate) async fn take_in(
    table: &impl EventTable,
    event: &ProviderEvent<'_>,
) -> Result<Heard, StoreError> {
    match table.hear(event).await {
        Err(_) if mistaken!(AckFirst) => Ok(Heard::Taken),
        heard => heard,
    }
}

impl EventTable for Store {
    async fn hear(&self, event: &ProviderEvent<'_>) -> Result<Heard, StoreError> {
        self.hear_provider(
            event.provider,
            event.id,
            event.kind,
            event.provider_ref,
            event.attempt,
            event.is_after_sale,
        )
        .await
    }
}
