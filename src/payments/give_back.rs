//! A refund from its request on: decides what is given back, writes it, and moves it on at once, so that whoever asked sees
//! how it ended. If this node dies in between, the refund's job goes on.

use std::collections::BTreeSet;

use super::Payments;
use super::drive::Driven;
use super::refunds::RefundTable;
use crate::desk::Companions;
use crate::store::audit_trail::AuditEntry;
use crate::store::payments::{NewRefund, Refund, RefundBegun, RefundState};
use crate::store::refunds::{BOOKING_CANCELLED, give_back_job};
use crate::store::{Store, StoreError};
use crate::ticketing::payment::{Attempt, PaymentState};
use crate::ticketing::record::{Booking, BookingStatus, Money};
use crate::ticketing::refund::{self, RefundRefusal, RefundWish};
use crate::ticketing::{BookingId, PaymentId, RefundId};

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
    /// The booking has no such tickets, they went back before, or somebody was admitted with those in `used`.
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
    give(store, |id| payments.drive_refund(id), wish).await
}

/// As [`give_back`]; `drive` moves the refund on.
pub(crate) async fn give<F: Future<Output = Driven>>(
    table: &impl RefundTable,
    drive: impl Fn(RefundId) -> F,
    wish: RefundOrder<'_>,
) -> Result<Result<Refund, NotGiven>, StoreError> {
    let known = table.refund_by_key(wish.key).await?;
    let refund = match known {
        Some(refund) => refund,
        None => match begin(table, &wish).await? {
            Ok(refund) => refund,
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    if refund.state.is_open() {
        drive(refund.id).await;
    }
    let now = table.refund(refund.id).await?;
    Ok(Ok(now.unwrap_or(refund)))
}

/// What there is to give is read before the row is locked: once more for a wish that is right whatever was given meanwhile.
const LOOKS: u32 = 2;

async fn begin(
    table: &impl RefundTable,
    wish: &RefundOrder<'_>,
) -> Result<Result<Refund, NotGiven>, StoreError> {
    let mut ended = Err(NotGiven::NotCaptured);
    for _ in 0..LOOKS {
        ended = begin_as_read(table, wish).await?;
        match (&ended, &wish.wish) {
            (Err(NotGiven::Exceeds { .. } | NotGiven::Tickets { .. }), RefundWish::All) => {}
            _ => break,
        }
    }
    Ok(ended)
}

async fn begin_as_read(
    table: &impl RefundTable,
    wish: &RefundOrder<'_>,
) -> Result<Result<Refund, NotGiven>, StoreError> {
    let Some(booking) = table.booking_of(wish.booking).await? else {
        return Ok(Err(NotGiven::NoBooking));
    };
    let attempts = table.payments_of(wish.booking).await?;
    let payment = (attempts.iter())
        .filter(|attempt| attempt.state == PaymentState::Captured)
        .filter(|attempt| wish.payment.is_none_or(|payment| payment == attempt.id))
        .max_by_key(|attempt| attempt.captured_amount - attempt.refunded_amount);
    let Some(payment) = payment else {
        return Ok(Err(NotGiven::NotCaptured));
    };
    let given = given_tickets(&table.refunds_of(wish.booking).await?);
    let left = payment.captured_amount - payment.refunded_amount;
    let exceeds = |amount| NotGiven::Exceeds {
        left: Money {
            amount,
            currency: payment.amount.currency.clone(),
        },
    };
    let back = match refund::decide(&booking, left, &given, &wish.wish) {
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
    Ok(match table.begin_refund(&new).await? {
        RefundBegun::New(refund) | RefundBegun::Before(refund) => Ok(refund),
        RefundBegun::Exceeds { left } => Err(exceeds(left)),
        RefundBegun::GivenBefore => Err(NotGiven::Tickets { used: Vec::new() }),
        RefundBegun::NotCaptured => Err(NotGiven::NotCaptured),
    })
}

/// Tickets that went back by these refunds, or are about to.
fn given_tickets(refunds: &[Refund]) -> BTreeSet<String> {
    let stand = refunds
        .iter()
        .filter(|refund| refund.state != RefundState::Failed);
    stand
        .filter_map(|refund| refund.tickets.as_ref())
        .flatten()
        .cloned()
        .collect()
}

/// The job that gives the booking's money back, `amount` of it or all that is left, to be written with its cancellation; none
/// where it cost nothing, or nothing is given back. The job looks at what came in, since a payment may be settled while
/// the booking is cancelled. If the booking was read as not paid and its payment is first, all of it goes back.
pub fn with_cancellation(booking: &Booking, amount: Option<i64>) -> Companions {
    let job = |amount| give_back_job(booking.id, amount, BOOKING_CANCELLED);
    let mut with = Companions::default();
    match booking.status {
        _ if booking.total.amount <= 0 => {}
        BookingStatus::Confirmed if amount != Some(0) => with.jobs.push(job(amount)),
        BookingStatus::Confirmed => {}
        // Held, or expired and sold again to late money.
        _ => with.if_confirmed = Some(job(None)),
    }
    with
}

/// The end of a look at a cancelled booking's money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AfterCancellation {
    Done,
    /// An attempt is under way, or a refund: it may still fail, and what it reserves is free again.
    Waits,
    /// A person has to look.
    Stuck(NotGiven),
}

/// Gives back what came in for a booking that was cancelled: `amount` of it, or all that is left.
pub(crate) async fn give_after_cancellation<F: Future<Output = Driven>>(
    table: &impl RefundTable,
    drive: impl Fn(RefundId) -> F,
    booking: BookingId,
    amount: Option<i64>,
    reason: &str,
) -> Result<AfterCancellation, StoreError> {
    let attempts = table.payments_of(booking).await?;
    let refunds = table.refunds_of(booking).await?;
    if attempts.iter().any(|attempt| attempt.state.is_live())
        || refunds.iter().any(|refund| refund.state.is_open())
    {
        return Ok(AfterCancellation::Waits);
    }
    let left = |of: &Attempt| of.captured_amount - of.refunded_amount;
    let captured = attempts
        .iter()
        .filter(|of| of.state == PaymentState::Captured && left(of) > 0);
    let Some(payment) = captured.max_by_key(|of| left(of)) else {
        return Ok(AfterCancellation::Done);
    };
    let amount = amount.unwrap_or(i64::MAX).min(left(payment));
    let key = format!("cancelled:{}", payment.id);
    let wish = RefundOrder {
        booking,
        payment: Some(payment.id),
        wish: RefundWish::Amount(amount),
        reason,
        key: &key,
        audit: None,
    };
    Ok(match give(table, drive, wish).await? {
        // Another refund was first.
        Ok(_) | Err(NotGiven::Exceeds { .. }) => AfterCancellation::Done,
        Err(other) => AfterCancellation::Stuck(other),
    })
}
