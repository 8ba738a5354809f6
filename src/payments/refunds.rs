//! Moves a refund on: takes its tickets back at the desk, asks the provider, posts. Each step may be repeated: tickets
//! that are void stay so, and the provider knows the refund by its id.

use std::time::Duration;

use super::drive::Driven;
use super::{Provider, ProviderError, Returned, is_final};
use crate::config::inside::REFUND_LOOK_S;
use crate::desk::{Change, Desk, DeskError};
use crate::metrics;
use crate::store::payments::{Refund, RefundState};
use crate::store::{Store, StoreError};
use crate::ticketing::RefundId;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::Transition;

#[derive(Debug, thiserror::Error)]
enum RefundStopped {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

pub(super) async fn drive(
    store: &Store,
    provider: &impl Provider,
    desk: &Desk,
    id: RefundId,
) -> Driven {
    match step(store, provider, desk, id).await {
        Ok(driven) => driven,
        Err(stopped) => Driven::Later(stopped.to_string()),
    }
}

async fn step(
    store: &Store,
    provider: &impl Provider,
    desk: &Desk,
    id: RefundId,
) -> Result<Driven, RefundStopped> {
    let Some(refund) = store.refund(id).await? else {
        return Ok(Driven::Done);
    };
    if !refund.state.is_open() {
        return Ok(Driven::Done);
    }
    let Some(payment) = store.payment(refund.payment_id).await? else {
        return Ok(Driven::Done);
    };
    if let Err(refusal) = take_back(desk, &refund).await? {
        let why = format!("its tickets cannot be taken back: {}", refusal.code());
        store
            .refund_failed(&refund, RefundState::Failed, &why)
            .await?;
        metrics::REFUNDS.one("refused");
        return Ok(Driven::Done);
    }
    match provider.refund(&payment, &refund).await {
        Ok(Returned::Done { provider_ref }) => {
            store
                .settle_refund(&refund, &payment, &provider_ref)
                .await?;
            metrics::REFUNDS.one("succeeded");
            tracing::info!(refund = %refund.id, booking = %refund.booking_id, event = refund.event_id.0, "money went back");
            Ok(Driven::Done)
        }
        Ok(Returned::Pending { provider_ref }) => {
            store.refund_pending(refund.id, &provider_ref).await?;
            Ok(Driven::Waits {
                after: Duration::from_secs(REFUND_LOOK_S),
            })
        }
        Ok(Returned::Failed { reason }) | Err(ProviderError::Refused(reason)) => {
            tracing::error!(refund = %refund.id, booking = %refund.booking_id, reason, "a refund needs a person");
            let review = RefundState::NeedsReview;
            store.refund_failed(&refund, review, &reason).await?;
            metrics::REFUNDS.one("needs_review");
            Ok(Driven::Done)
        }
        Err(error) => Err(error.into()),
    }
}

/// Lets the desk void the tickets that the refund names, and free what they stood for.
pub(super) async fn take_back(
    desk: &Desk,
    refund: &Refund,
) -> Result<Result<(), Refusal>, DeskError> {
    let Some(tickets) = &refund.tickets else {
        return Ok(Ok(()));
    };
    let back = Transition::Refund {
        tickets: Some(tickets.iter().cloned().collect()),
        used_too: false,
    };
    let change = Change::new(refund.event_id, refund.booking_id, back);
    match desk.change(change).await {
        Ok(_) => Ok(Ok(())),
        Err(DeskError::Refused(refusal)) if is_final(&refusal) => Ok(Err(refusal)),
        Err(error) => Err(error),
    }
}
