//! The checks at a run's end.

use super::bank::SimCharge;
use super::world::MoneyShared;
use super::{MoneyCheck, MoneyFault};
use crate::store::refunds::{Refund, RefundState};
use crate::ticketing::PaymentId;
use crate::ticketing::payment::{Attempt, ChargeStatus, PaymentState};
use crate::ticketing::record::BookingStatus;

/// The books at the end.
pub(super) fn closing(shared: &mut MoneyShared) -> Result<(), MoneyFault> {
    let fault = |check, what| Err(MoneyFault { check, what });
    for attempt in shared.attempts.values() {
        if attempt.state.is_live() {
            return fault(MoneyCheck::Ends, format!("{attempt:?} has no end"));
        }
    }
    for refund in shared.refunds.values() {
        if refund.state.is_open() {
            return fault(MoneyCheck::Ends, format!("{refund:?} has no end"));
        }
    }
    reviewed(shared)?;
    for (id, charge) in &shared.charges {
        covered(shared, *id, charge)?;
    }
    for ticket in shared
        .sales
        .values()
        .flat_map(|sale| &sale.standing.booking.tickets)
    {
        let times = shared.times_given(&ticket.code);
        if times > 1 {
            let what = format!("ticket {} went back {times} times", ticket.code);
            return fault(MoneyCheck::TicketOnce, what);
        }
    }
    for sale in shared.sales.values() {
        let booking = &sale.standing.booking;
        let paid = booking.payment_id.and_then(|id| shared.charges.get(&id));
        let came_too_late = |id| shared.refund_keys.contains_key(&format!("late:{id}"));
        let is_paid = paid.is_some_and(|charge| charge.captured == booking.total.amount)
            && !booking.payment_id.is_some_and(came_too_late);
        let attempt = booking.payment_id.and_then(|id| shared.attempts.get(&id));
        let is_looked_at = attempt.is_some_and(|of| of.state == PaymentState::NeedsReview);
        if booking.status == BookingStatus::Confirmed && !is_paid && !is_looked_at {
            return fault(MoneyCheck::Paid, format!("{booking:?} is not paid"));
        }
    }
    if let Some(id) = shared.pushes.keys().next() {
        return fault(
            MoneyCheck::Ends,
            format!("browser {id} is still to be told"),
        );
    }
    let unsent = shared.unsent();
    if !unsent.is_empty() {
        return fault(MoneyCheck::Mailed, format!("nobody got {unsent:?}"));
    }
    Ok(())
}

/// Nothing waits for a person that the server could have ended.
fn reviewed(shared: &MoneyShared) -> Result<(), MoneyFault> {
    let fault = |what| {
        Err(MoneyFault {
            check: MoneyCheck::Review,
            what,
        })
    };
    let waits = |attempt: &&Attempt| attempt.state == PaymentState::NeedsReview;
    for attempt in shared.attempts.values().filter(waits) {
        let charge = shared.charges.get(&attempt.id);
        let is_gone = charge.is_some_and(|charge| charge.status == ChargeStatus::Canceled);
        let booking = &shared.sales[&attempt.booking_id].standing.booking;
        // One that was cancelled is left to a person all the same.
        let is_paid_for =
            booking.status == BookingStatus::Confirmed && booking.payment_id != Some(attempt.id);
        if !is_gone || !attempt.owed || is_paid_for {
            return fault(format!("{attempt:?} waits for a person: {charge:?}"));
        }
    }
    let waits = |refund: &&Refund| refund.state == RefundState::NeedsReview;
    for refund in shared.refunds.values().filter(waits) {
        let charge = shared.charges.get(&refund.payment_id);
        if charge.is_none_or(|charge| charge.refunded_by_others() == 0) {
            return fault(format!("{refund:?} waits for a person: {charge:?}"));
        }
    }
    Ok(())
}

/// All that was taken belongs to the booking, or went back, as is written down.
fn covered(shared: &MoneyShared, id: PaymentId, charge: &SimCharge) -> Result<(), MoneyFault> {
    let fault = |what| {
        Err(MoneyFault {
            check: MoneyCheck::Covered,
            what,
        })
    };
    let of_others = charge.refunded_by_others();
    let noted = shared.noted.values().filter(|(of, _)| *of == id);
    if of_others != noted.map(|(_, amount)| amount).sum::<i64>() {
        let what = format!("what others gave back of {id} is not written down: {charge:?}");
        return fault(what);
    }
    let refunds = || shared.refunds.values().filter(|one| one.payment_id == id);
    let written = refunds().filter(|one| one.state == RefundState::Succeeded);
    let written: i64 = written.map(|one| one.amount).sum();
    let waits = shared.attempts[&id].state == PaymentState::NeedsReview
        || of_others > 0
        || refunds().any(|one| one.state == RefundState::NeedsReview);
    // Then a person has to decide.
    if waits {
        return Ok(());
    }
    if charge.refunded() - of_others != written {
        let what = format!("{written} of {id} went back as is written, but {charge:?}");
        return fault(what);
    }
    let booking = &shared.sales[&charge.booking].standing.booking;
    let kept = charge.captured - charge.refunded();
    let is_for_this = booking.status == BookingStatus::Confirmed && booking.payment_id == Some(id);
    if kept != 0 && !is_for_this {
        return fault(format!("{kept} kept of {id}: {charge:?} for {booking:?}"));
    }
    Ok(())
}
