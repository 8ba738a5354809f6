//! A refund from its request on: decides what is given back, writes it, and moves it on at once, so that whoever asked sees
//! how it ended. If this node dies in between, the refund's job goes on.

use std::collections::{BTreeMap, BTreeSet};

use super::Payments;
use super::drive::Driven;
use super::refunds::RefundTable;
use crate::desk::Companions;
use crate::store::audit_trail::AuditEntry;
use crate::store::idempotency::IdempotencyKey;
use crate::store::refunds::{BOOKING_CANCELLED, give_back_job};
use crate::store::refunds::{NewRefund, Refund, RefundBegun, RefundState};
use crate::store::settlements::parts_of;
use crate::store::{Store, StoreError};
use crate::ticketing::ledger::RefundedParts;
use crate::ticketing::payment::{Attempt, PaymentState, ProviderName};
use crate::ticketing::record::{Booking, BookingStatus, Money, PaidBy};
use crate::ticketing::refund::{
    self, Back, OwnersTickets, PaidMoney, RefundRefusal, RefundWish, void_tickets,
};
use crate::ticketing::refund_policy::RefundPolicy;
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
    /// The request's own key, which is stored with what it asked for.
    pub asked: Option<&'a IdempotencyKey>,
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
    /// The policy gives nothing back.
    Nothing,
    /// The booking has no such tickets, they went back before, or somebody was admitted with those in `used`.
    Tickets {
        used: Vec<String>,
    },
    /// Its owner asks, and somebody else holds one of its tickets.
    HandedOn,
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
    let drive = |id| payments.drive_refund(id);
    match give(store, drive, wish.clone()).await? {
        // It may have been sold a moment ago.
        Err(NotGiven::NotCaptured) => {
            if let Some(booking) = store.booking_of(wish.booking).await? {
                payments.book_sale(&booking).await;
            }
            give(store, drive, wish).await
        }
        given => Ok(given),
    }
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

/// Looks at a booking's money, which is read before the row is locked: a second one where another refund came in between.
const LOOKS: u32 = 2;

async fn begin(
    table: &impl RefundTable,
    wish: &RefundOrder<'_>,
) -> Result<Result<Refund, NotGiven>, StoreError> {
    let mut ended = Err(NotGiven::NotCaptured);
    for _ in 0..LOOKS {
        ended = begin_as_read(table, wish).await?;
        match &ended {
            Err(NotGiven::Exceeds { .. } | NotGiven::Tickets { .. })
                if wish.wish.is_of_the_rest() => {}
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
    let (payment, back) = match decided(table, &booking, wish.payment, &wish.wish).await? {
        Ok(decided) => decided,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let new = NewRefund {
        event: booking.event_id,
        payment: payment.id,
        amount: back.amount,
        reason: wish.reason,
        tickets: back.tickets.as_deref().filter(|codes| !codes.is_empty()),
        by_owner: matches!(wish.wish, RefundWish::ByPolicy { .. }),
        parts: RefundedParts {
            keeps_fees: wish.wish.keeps_fees(),
            tax: back.tax,
        },
        key: wish.key,
        audit: wish.audit.as_ref(),
        asked: wish.asked,
    };
    Ok(match table.begin_refund(&new).await? {
        RefundBegun::New(refund) | RefundBegun::Before(refund) => Ok(refund),
        RefundBegun::Exceeds { left } => Err(exceeds(left, &booking)),
        RefundBegun::GivenBefore => Err(NotGiven::Tickets { used: Vec::new() }),
        RefundBegun::HandedOn => Err(NotGiven::HandedOn),
        RefundBegun::NotCaptured => Err(NotGiven::NotCaptured),
    })
}

fn exceeds(left: i64, of: &Booking) -> NotGiven {
    let currency = of.total.currency.clone();
    NotGiven::Exceeds {
        left: Money {
            amount: left,
            currency,
        },
    }
}

/// The amount and tickets that the wish gives back, and their payment. `payment` as in [`RefundOrder`].
async fn decided(
    table: &impl RefundTable,
    booking: &Booking,
    payment: Option<PaymentId>,
    wish: &RefundWish,
) -> Result<Result<(Attempt, Back), NotGiven>, StoreError> {
    let attempts = table.payments_of(booking.id).await?;
    let lost = table.lost_of(booking.id).await?;
    let payment = (attempts.into_iter())
        .filter(|attempt| attempt.state == PaymentState::Captured)
        .filter(|attempt| payment.is_none_or(|payment| payment == attempt.id))
        .max_by_key(|attempt| left_of(attempt, &lost));
    let Some(payment) = payment else {
        return Ok(Err(NotGiven::NotCaptured));
    };
    let refunds = table.refunds_of(booking.id).await?;
    let given = given_tickets(&refunds);
    // They are the newest first.
    let of_it = refunds.iter().rev();
    let of_it =
        of_it.filter(|one| one.payment_id == payment.id && one.state != RefundState::Failed);
    let paid = PaidMoney::of(
        &parts_of(booking).of_money(payment.captured_amount),
        left_of(&payment, &lost),
        of_it.map(|one| (one.amount, one.parts)),
    );
    let back = refund::decide(booking, paid, &given, wish);
    Ok(back
        .map(|back| (payment, back))
        .map_err(|refusal| refused(refusal, booking)))
}

/// The amount that can still be given back of a payment: what came in, less what went back, by us or by the cardholder's bank.
fn left_of(payment: &Attempt, lost: &BTreeMap<PaymentId, i64>) -> i64 {
    let lost = lost.get(&payment.id).copied().unwrap_or(0);
    (payment.captured_amount - payment.refunded_amount - lost).max(0)
}

fn refused(refusal: RefundRefusal, of: &Booking) -> NotGiven {
    match refusal {
        RefundRefusal::Nothing => NotGiven::Nothing,
        RefundRefusal::Exceeds { left } => exceeds(left, of),
        RefundRefusal::NotRefundable { used } => NotGiven::Tickets { used },
    }
}

/// The amount in minor units that [`give_back`] would give back now. Of a booking that staff were paid for a moment ago, and
/// whose payment is not booked yet, it is as if it were.
///
/// # Errors
/// The database.
pub async fn would_give_back(
    store: &Store,
    booking: &Booking,
    wish: &RefundWish,
) -> Result<Result<i64, NotGiven>, StoreError> {
    match decided(store, booking, None, wish).await? {
        Err(NotGiven::NotCaptured) if booking.is_paid() => {
            let paid = PaidMoney::of(&parts_of(booking), booking.total.amount, []);
            let back = refund::decide(booking, paid, &BTreeSet::new(), wish);
            Ok(back
                .map(|back| back.amount)
                .map_err(|refusal| refused(refusal, booking)))
        }
        decided => Ok(decided.map(|(_, back)| back.amount)),
    }
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

/// The job that gives the booking's money back, as the `policy` says or all that is left, to be written with its
/// cancellation; none where it cost nothing, or nothing is given back. The job looks at what came in and what went back, since
/// both may change while the booking is cancelled. If the booking was read as not paid and its payment is first, all of it
/// goes back.
pub fn with_cancellation(booking: &Booking, policy: Option<RefundPolicy>) -> Companions {
    let gone = void_tickets(booking);
    let job = |policy| give_back_job(booking.id, policy, &gone, BOOKING_CANCELLED);
    let mut with = Companions::default();
    match booking.status {
        _ if booking.total.amount <= 0 => {}
        BookingStatus::Confirmed if policy.is_some_and(|policy| policy.percent == 0) => {}
        BookingStatus::Confirmed => with.jobs.push(job(policy)),
        // Held, or expired and sold again to late money.
        _ => with.if_confirmed = Some(job(None)),
    }
    with
}

/// The end of a look at a cancelled booking's money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AfterCancellation {
    Done,
    /// An attempt is under way, or a refund: it may still fail, and what it reserves is free again. Or less is left than was
    /// read.
    Waits,
    /// A person has to look.
    Stuck(NotGiven),
}

/// Gives back what came in for a booking that was cancelled: what the `policy` says of the tickets that were not `gone`
/// before, or all that is left.
pub(crate) async fn give_after_cancellation<F: Future<Output = Driven>>(
    table: &impl RefundTable,
    drive: impl Fn(RefundId) -> F,
    booking: BookingId,
    (policy, gone): (Option<RefundPolicy>, &BTreeSet<String>),
    reason: &str,
) -> Result<AfterCancellation, StoreError> {
    let attempts = table.payments_of(booking).await?;
    let refunds = table.refunds_of(booking).await?;
    if attempts.iter().any(|attempt| attempt.state.is_live())
        || refunds.iter().any(|refund| refund.state.is_open())
    {
        return Ok(AfterCancellation::Waits);
    }
    let lost = table.lost_of(booking).await?;
    let left = |of: &Attempt| left_of(of, &lost);
    let captured = attempts
        .iter()
        .filter(|of| of.state == PaymentState::Captured && left(of) > 0);
    let Some(payment) = captured.max_by_key(|of| left(of)) else {
        let booking = table.booking_of(booking).await?;
        let may_come = booking.is_some_and(|booking| {
            is_unbooked(&booking, &attempts) || is_undecided(&booking, &attempts)
        });
        return Ok(match may_come {
            true => AfterCancellation::Waits,
            false => AfterCancellation::Done,
        });
    };
    let wish = match policy {
        None => RefundWish::Amount(left(payment)),
        Some(policy) => RefundWish::ByPolicy {
            policy,
            tickets: OwnersTickets::Rest { gone: gone.clone() },
        },
    };
    let key = format!("cancelled:{}", payment.id);
    let wish = RefundOrder {
        booking,
        payment: Some(payment.id),
        wish,
        reason,
        key: &key,
        audit: None,
        asked: None,
    };
    Ok(match give(table, drive, wish).await? {
        Err(NotGiven::Exceeds { .. }) if mistaken!(KeepRest) => AfterCancellation::Done,
        // Another refund came in since the money was looked at. It may be of a part of it, and may fail.
        Err(NotGiven::Exceeds { .. }) => AfterCancellation::Waits,
        Ok(_) | Err(NotGiven::Nothing) => AfterCancellation::Done,
        Err(other) => AfterCancellation::Stuck(other),
    })
}

/// A person may still have the provider asked for the money that it was sold for. What is owed is not asked for again.
fn is_undecided(booking: &Booking, attempts: &[Attempt]) -> bool {
    attempts.iter().any(|of| {
        booking.payment_id == Some(of.id) && of.state == PaymentState::NeedsReview && !of.owed
    })
}

/// Staff were paid for it, and that is not in the books yet.
fn is_unbooked(booking: &Booking, attempts: &[Attempt]) -> bool {
    let is_booked = attempts.iter().any(|of| {
        of.provider == ProviderName::Offline
            && matches!(of.state, PaymentState::Captured | PaymentState::NeedsReview)
    });
    let is_paid = booking.paid_by.is_some_and(|by| by != PaidBy::Comp);
    is_paid && booking.total.amount > 0 && !is_booked
}
