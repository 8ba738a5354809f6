//! Moves a refund on: takes its tickets back at the desk, asks the provider, posts. Each step may be repeated: tickets
//! that are void stay so, and the provider knows the refund by its key. The table, the provider and the desk are traits,
//! so that the simulation runs the same code.

use std::collections::BTreeMap;
use std::time::Duration;

use super::drive::{Driven, PaymentTable, Sales};
use super::{Provider, ProviderError, Returned, is_final};
use crate::config::inside::REFUND_LOOK_S;
use crate::desk::{Change, Desk, DeskError};
use crate::metrics;
use crate::store::bookings::Name;
use crate::store::refunds::{NewRefund, Refund, RefundBegun, RefundState};
use crate::store::{Store, StoreError};
use crate::ticketing::payment::{Attempt, Attempted};
use crate::ticketing::record::{Booking, BookingStatus};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::Transition;
use crate::ticketing::{BookingId, PaymentId, RefundId};

/// The rows of refunds.
pub(crate) trait RefundTable: PaymentTable {
    fn booking_of(
        &self,
        id: BookingId,
    ) -> impl Future<Output = Result<Option<Booking>, StoreError>> + Send;
    fn refund(
        &self,
        id: RefundId,
    ) -> impl Future<Output = Result<Option<Refund>, StoreError>> + Send;
    fn refund_by_key(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<Refund>, StoreError>> + Send;
    fn payments_of(
        &self,
        booking: BookingId,
    ) -> impl Future<Output = Result<Vec<Attempt>, StoreError>> + Send;
    fn refunds_of(
        &self,
        booking: BookingId,
    ) -> impl Future<Output = Result<Vec<Refund>, StoreError>> + Send;
    /// Lost disputes of the booking's payments: amounts that cardholders' banks took back for good.
    fn lost_of(
        &self,
        booking: BookingId,
    ) -> impl Future<Output = Result<BTreeMap<PaymentId, i64>, StoreError>> + Send;
    /// Writes a refund, reserves its amount, and writes the job that goes on with it.
    fn begin_refund(
        &self,
        new: &NewRefund<'_>,
    ) -> impl Future<Output = Result<RefundBegun, StoreError>> + Send;
    /// The provider has taken it on.
    fn refund_pending(
        &self,
        id: RefundId,
        provider_ref: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// The money went back, once.
    fn settle_refund(
        &self,
        of: &Refund,
        payment: &Attempt,
        provider_ref: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn refund_failed(
        &self,
        of: &Refund,
        state: RefundState,
        reason: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

#[derive(Debug, thiserror::Error)]
enum RefundStopped {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// The provider knows a refund by this, however often it is asked for.
pub(crate) fn provider_key(of: &Refund) -> String {
    if mistaken!(RefundByBooking) {
        return of.booking_id.to_string();
    }
    if mistaken!(RefundTwice) {
        return uuid::Uuid::now_v7().to_string();
    }
    of.id.to_string()
}

pub(crate) async fn drive(
    table: &impl RefundTable,
    provider: &impl Provider,
    desk: &impl Sales,
    id: RefundId,
) -> Driven {
    match step(table, provider, desk, id).await {
        Ok(driven) => driven,
        Err(stopped) => Driven::Later(stopped.to_string()),
    }
}

async fn step(
    table: &impl RefundTable,
    provider: &impl Provider,
    desk: &impl Sales,
    id: RefundId,
) -> Result<Driven, RefundStopped> {
    let Some(refund) = table.refund(id).await? else {
        return Ok(Driven::Done);
    };
    if !refund.state.is_open() {
        return Ok(Driven::Done);
    }
    let Some(Attempted {
        attempt: payment, ..
    }) = table.attempt(refund.payment_id).await?
    else {
        return Ok(Driven::Done);
    };
    if let Err(refusal) = desk.take_back(&refund).await? {
        let why = format!("its tickets cannot be taken back: {}", refusal.code());
        table
            .refund_failed(&refund, RefundState::Failed, &why)
            .await?;
        metrics::REFUNDS.one("refused");
        return Ok(Driven::Done);
    }
    match provider.refund(&payment, &refund).await {
        Ok(Returned::Done { provider_ref }) => {
            table
                .settle_refund(&refund, &payment, &provider_ref)
                .await?;
            metrics::REFUNDS.one("succeeded");
            tracing::info!(refund = %refund.id, booking = %refund.booking_id, event = refund.event_id.0, "money went back");
            Ok(Driven::Done)
        }
        Ok(Returned::Pending { provider_ref }) => {
            table.refund_pending(refund.id, &provider_ref).await?;
            Ok(Driven::Waits {
                after: Duration::from_secs(REFUND_LOOK_S),
            })
        }
        Ok(Returned::Failed { reason }) | Err(ProviderError::Refused(reason)) => {
            let (payment, intent) = (refund.payment_id, payment.provider_ref.as_deref());
            tracing::error!(refund = %refund.id, booking = %refund.booking_id, %payment, intent, reason, "a refund needs a person");
            let review = RefundState::NeedsReview;
            table.refund_failed(&refund, review, &reason).await?;
            metrics::REFUNDS.one("needs_review");
            Ok(Driven::Done)
        }
        Err(error) => Err(error.into()),
    }
}

/// The change by which the desk takes the refund's tickets back; `None`: it names none.
pub(crate) fn taking_back(refund: &Refund) -> Option<Transition> {
    let tickets = refund.tickets.as_ref()?;
    Some(Transition::Refund {
        tickets: Some(tickets.iter().cloned().collect()),
        used_too: false,
        // The refund was written for those that nobody else held then, and nobody else came to hold since.
        by_owner: false,
    })
}

pub(super) async fn take_back(
    desk: &Desk,
    refund: &Refund,
) -> Result<Result<(), Refusal>, DeskError> {
    let Some(back) = taking_back(refund) else {
        return Ok(Ok(()));
    };
    let change = Change::new(refund.event_id, refund.booking_id, back);
    taken_back(desk.change(change).await.map(|_| ()))
}

/// Whether the desk took the tickets back. Those of a booking that was cancelled meanwhile are void by that.
pub(crate) fn taken_back(changed: Result<(), DeskError>) -> Result<Result<(), Refusal>, DeskError> {
    match changed {
        Ok(()) => Ok(Ok(())),
        Err(DeskError::Refused(Refusal::InvalidTransition {
            from: BookingStatus::Cancelled,
            ..
        })) => Ok(Ok(())),
        Err(DeskError::Refused(refusal)) if is_final(&refusal) => Ok(Err(refusal)),
        Err(error) => Err(error),
    }
}

impl RefundTable for Store {
    async fn booking_of(&self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        let found = self.booking(Name::Id(id)).await?;
        Ok(found.map(|found| found.booking))
    }

    async fn refund(&self, id: RefundId) -> Result<Option<Refund>, StoreError> {
        self.refund(id).await
    }

    async fn refund_by_key(&self, key: &str) -> Result<Option<Refund>, StoreError> {
        self.refund_by_key(key).await
    }

    async fn payments_of(&self, booking: BookingId) -> Result<Vec<Attempt>, StoreError> {
        self.payments_of(booking).await
    }

    async fn refunds_of(&self, booking: BookingId) -> Result<Vec<Refund>, StoreError> {
        self.refunds_of(booking).await
    }

    async fn lost_of(&self, booking: BookingId) -> Result<BTreeMap<PaymentId, i64>, StoreError> {
        self.lost_of(booking).await
    }

    async fn begin_refund(&self, new: &NewRefund<'_>) -> Result<RefundBegun, StoreError> {
        self.begin_refund(new).await
    }

    async fn refund_pending(&self, id: RefundId, provider_ref: &str) -> Result<(), StoreError> {
        self.refund_pending(id, provider_ref).await
    }

    async fn settle_refund(
        &self,
        of: &Refund,
        payment: &Attempt,
        provider_ref: &str,
    ) -> Result<(), StoreError> {
        self.settle_refund(of, payment, provider_ref).await
    }

    async fn refund_failed(
        &self,
        of: &Refund,
        state: RefundState,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.refund_failed(of, state, reason).await
    }
}
