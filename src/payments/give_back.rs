//! A refund from its request on: decides what is given back, writes it, and moves it on at once, so that whoever asked sees
//! how it ended. If this node dies in between, the refund's job goes on.

use super::Payments;
use crate::store::audit_trail::AuditEntry;
use crate::store::bookings::Name;
use crate::store::jobs::QueuedJob;
use crate::store::payments::{NewRefund, Refund, RefundBegun};
use crate::store::refunds::{BOOKING_CANCELLED, give_back_job};
use crate::store::{Store, StoreError};
use crate::ticketing::payment::PaymentState;
use crate::ticketing::record::{Booking, BookingStatus, Money};
use crate::ticketing::refund::{self, RefundRefusal, RefundWish};
use crate::ticketing::{BookingId, PaymentId};

/// Amounts to be given back, by payer.
#[derive(Debug, Clone)]
pub struct RefundOrder<'a> {
    pub booking: BookingId,
    /// `None`: the payment that has most left.
    pub payment: Option<PaymentId>,
    pub wish: RefundWish,
    pub reason: &'a str,
    /// Two requests with one key are one refund.
    pub key: &'a str,
    /// Of those whom staff ask for.
    pub audit: Option<AuditEntry>,
}

/// Why nothing is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotGiven {
    NoBooking,
    /// Nothing came in for the booking.
    NotCaptured,
    Exceeds {
        left: Money,
    },
    /// The booking has no such tickets, or somebody was admitted with those in `used`.
    Tickets {
        used: Vec<String>,
    },
}

/// The refund as it is now. `Err` inside: nothing was done.
///
/// # Errors
/// The database.
pub async fn give_back(
    store: &Store,
    payments: &Payments,
    wish: RefundOrder<'_>,
) -> Result<Result<Refund, NotGiven>, StoreError> {
    let known = store.refund_by_key(wish.key).await?;
    let refund = match known {
        Some(refund) => refund,
        None => match begin(store, &wish).await? {
            Ok(refund) => refund,
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    if refund.state.is_open() {
        payments.drive_refund(refund.id).await;
    }
    let now = store.refund(refund.id).await?;
    Ok(Ok(now.unwrap_or(refund)))
}

async fn begin(
    store: &Store,
    wish: &RefundOrder<'_>,
) -> Result<Result<Refund, NotGiven>, StoreError> {
    let Some(found) = store.booking(Name::Id(wish.booking)).await? else {
        return Ok(Err(NotGiven::NoBooking));
    };
    let attempts = store.payments_of(wish.booking).await?;
    let payment = (attempts.iter())
        .filter(|attempt| attempt.state == PaymentState::Captured)
        .filter(|attempt| wish.payment.is_none_or(|payment| payment == attempt.id))
        .max_by_key(|attempt| attempt.captured_amount - attempt.refunded_amount);
    let Some(payment) = payment else {
        return Ok(Err(NotGiven::NotCaptured));
    };
    let left = payment.captured_amount - payment.refunded_amount;
    let exceeds = |amount| NotGiven::Exceeds {
        left: Money {
            amount,
            currency: payment.amount.currency.clone(),
        },
    };
    let back = match refund::decide(&found.booking, left, &wish.wish) {
        Ok(back) => back,
        Err(RefundRefusal::Exceeds { left }) => return Ok(Err(exceeds(left))),
        Err(RefundRefusal::NotRefundable { used }) => return Ok(Err(NotGiven::Tickets { used })),
    };
    let new = NewRefund {
        payment: payment.id,
        amount: back.amount,
        reason: wish.reason,
        tickets: back.tickets.as_deref().filter(|codes| !codes.is_empty()),
        key: wish.key,
        audit: wish.audit.as_ref(),
    };
    Ok(match store.begin_refund(&new).await? {
        RefundBegun::New(refund) | RefundBegun::Before(refund) => Ok(refund),
        RefundBegun::Exceeds { left } => Err(exceeds(left)),
        RefundBegun::NotCaptured => Err(NotGiven::NotCaptured),
    })
}

/// The job that gives a confirmed booking's money back, `amount` of it or all that is left, to be written with its
/// cancellation; `None`: it cost nothing, or nothing is given back. The job looks at what came in, since a payment may be
/// settled while the booking is cancelled.
pub fn after_cancellation(booking: &Booking, amount: Option<i64>) -> Option<QueuedJob> {
    let is_paid = booking.status == BookingStatus::Confirmed && booking.total.amount > 0;
    let job = || give_back_job(booking.id, amount, BOOKING_CANCELLED);
    (is_paid && amount != Some(0)).then(job)
}
