//! Moves an attempt on until nothing is left to do: ask, compare, act, again. The table, the provider and the desk are
//! traits, so that the simulation runs the same code.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Provider, ProviderError};
use crate::config::inside::{OFFLINE_LOOK_S, PAYMENT_FIRST_LOOK_S, PAYMENT_LOOK_S, REFUND_LOOK_S};
use crate::desk::DeskError;
use crate::metrics;
use crate::store::StoreError;
use crate::store::refunds::Refund;
use crate::ticketing::PaymentId;
use crate::ticketing::movement::{Movements, Noted};
use crate::ticketing::payment::{
    Attempt, Attempted, Buyer, Charge, ChargeStatus, Next, PaymentState, ProviderName, captured,
    next, offline_charge, refused, sold,
};
use crate::ticketing::record::Booking;
use crate::ticketing::refusal::Refusal;

/// Steps of one attempt at the job; a sale takes four.
const STEPS_MAX: u32 = 8;

/// The rows of attempts.
pub(crate) trait PaymentTable: Sync {
    /// The attempt, its booking, and the time by the database's clock.
    fn attempt(
        &self,
        id: PaymentId,
    ) -> impl Future<Output = Result<Option<Attempted>, StoreError>> + Send;
    /// The account of the attempt's booking, with its name at the attempt's provider; `None` for buyers without one.
    fn buyer(&self, of: &Attempt)
    -> impl Future<Output = Result<Option<Buyer>, StoreError>> + Send;
    /// Keeps the provider's name for the buyer, or forgets it.
    fn keep_customer(
        &self,
        of: &Buyer,
        customer: Option<&str>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn heard(
        &self,
        of: &Attempt,
        charge: &Charge,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// The money is ours, once; `gives_back`: and on its way back.
    fn settle(
        &self,
        of: &Attempt,
        charge: &Charge,
        booking: &Booking,
        gives_back: bool,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Ends an attempt that brings no money, or lays it before a person. `false`: it stays as it is, since it ended before, its
    /// booking is sold to it, or the provider has begun after all.
    fn end(
        &self,
        of: &Attempt,
        state: PaymentState,
        reason: Option<&str>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// The booking is sold to it and its money will not come: lays it before a person, and has the buyer asked to pay again, once.
    /// `false`: it is not so any more.
    fn owe(
        &self,
        of: &Attempt,
        reason: &str,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// Writes down what became of captured money without us, each movement once.
    fn moved(
        &self,
        of: &Attempt,
        seen: &Movements,
    ) -> impl Future<Output = Result<Noted, StoreError>> + Send;
}

/// The desk, as payments use it.
pub(crate) trait Sales: Sync {
    /// Sells what the booking holds, or held, to the attempt.
    fn sell(
        &self,
        of: &Attempt,
        booking: &Booking,
    ) -> impl Future<Output = Result<Sold, DeskError>> + Send;
    /// Keeps the hold until then.
    fn hold(
        &self,
        of: &Attempt,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), DeskError>> + Send;
    /// Ends the hold; what was paid meanwhile stays.
    fn release(&self, of: &Attempt) -> impl Future<Output = Result<(), DeskError>> + Send;
    /// Voids the tickets that the refund names, and frees what they stood for. `Err` inside: that cannot be.
    fn take_back(
        &self,
        of: &Refund,
    ) -> impl Future<Output = Result<Result<(), Refusal>, DeskError>> + Send;
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sold {
    /// Now or before; the booking as it was sold.
    Now(Arc<Booking>),
    /// Somebody else has it, or it is not sold any more.
    Refused,
}

/// How an attempt at the job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Driven {
    Done,
    /// Nothing is to be done before the buyer or the provider does something; look again then.
    Waits {
        after: Duration,
    },
    Later(String),
}

enum Step {
    /// Something changed: look again.
    On,
    End(Driven),
}

#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

pub(crate) async fn drive(
    table: &impl PaymentTable,
    provider: &impl Provider,
    desk: &impl Sales,
    id: PaymentId,
) -> Driven {
    for _ in 0..STEPS_MAX {
        match step(table, provider, desk, id).await {
            Ok(Step::On) => {}
            Ok(Step::End(driven)) => return driven,
            Err(stopped) => return Driven::Later(stopped.to_string()),
        }
    }
    Driven::Later("it does not come to an end".to_owned())
}

async fn step(
    table: &impl PaymentTable,
    provider: &impl Provider,
    desk: &impl Sales,
    id: PaymentId,
) -> Result<Step, Stopped> {
    let Some(Attempted {
        attempt,
        mut booking,
        now,
    }) = table.attempt(id).await?
    else {
        return Ok(Step::End(Driven::Done));
    };
    if attempt.state == PaymentState::Captured {
        return watch(table, provider, &attempt).await;
    }
    if !attempt.state.is_live() {
        return Ok(Step::End(Driven::Done));
    }
    let asked = match &attempt.provider_ref {
        None => start(table, provider, &attempt).await,
        Some(_) => provider.look(&attempt).await,
    };
    let mut charge = match asked {
        Ok(charge) => charge,
        Err(ProviderError::Refused(why)) if attempt.provider_ref.is_none() => {
            return fail(table, &attempt, &why).await;
        }
        // It may have the money, and the booking may be sold.
        Err(ProviderError::Refused(why)) => {
            let why = format!("the provider does not show a charge that it began: {why}");
            return review(table, &attempt, &why).await;
        }
        Err(error) => return Err(error.into()),
    };
    if attempt.provider == ProviderName::Offline {
        charge = offline_charge(&attempt, &booking);
    }
    let mut step = next(&attempt, &charge, &booking, now);
    if is_news(&attempt, &charge, &step) {
        table.heard(&attempt, &charge).await?;
        if let Some(failure) = charge
            .failure
            .as_ref()
            .filter(|_| attempt.failure != charge.failure)
        {
            let (booking, intent) = (attempt.booking_id.0, &charge.provider_ref);
            tracing::info!(payment = %attempt.id, %booking, intent, failure, "a payment was declined");
        }
    }
    if mistaken!(CaptureUnsold) && step == Next::Sell {
        step = Next::Capture;
    }
    if step == Next::Sell {
        match desk.sell(&attempt, &booking).await? {
            Sold::Now(as_sold) => {
                booking = Arc::unwrap_or_clone(as_sold);
                step = sold(&charge);
            }
            Sold::Refused => step = refused(&charge),
        }
    }
    if step == Next::Capture {
        match provider.capture(&attempt).await {
            Ok(taken) => {
                charge = taken;
                step = captured(&attempt, &charge);
            }
            Err(ProviderError::Refused(why)) => {
                let why =
                    format!("the booking is confirmed and its money could not be taken: {why}");
                if mistaken!(ReviewTaken) {
                    return review(table, &attempt, &why).await;
                }
                return owe(table, provider, &attempt, charge.status, &why).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    match step {
        Next::Wait | Next::Sell => Ok(Step::End(waits(&attempt, now))),
        Next::Hold { until } => {
            desk.hold(&attempt, until).await?;
            Ok(Step::End(waits(&attempt, now)))
        }
        // The provider has not taken it yet, although it said so.
        Next::Capture => Ok(Step::End(waits(&attempt, now))),
        Next::CancelCharge => match provider.cancel(&attempt).await {
            Ok(()) => end(table, &attempt, &charge).await,
            // It was paid in this moment: look again.
            Err(ProviderError::Refused(why)) => Ok(Step::End(Driven::Later(why))),
            Err(error) => Err(error.into()),
        },
        Next::Settle | Next::GiveBack => {
            let gives_back = step == Next::GiveBack;
            table
                .settle(&attempt, &charge, &booking, gives_back)
                .await?;
            let outcome = if gives_back { "too_late" } else { "captured" };
            count(&attempt, Some(&charge), outcome);
            Ok(match (charge.has_moved, charge.fee_follows) {
                (true, _) => Step::On,
                // Then it is asked for.
                (false, true) => Step::End(Driven::Waits {
                    after: Duration::from_secs(REFUND_LOOK_S),
                }),
                (false, false) => Step::End(Driven::Done),
            })
        }
        Next::End => end(table, &attempt, &charge).await,
        Next::Release => {
            // Since it was read, a request may have let it go at the provider, for its buyer pays otherwise.
            let again = table.attempt(id).await?;
            let stands = again.is_some_and(|again| {
                let Attempted {
                    attempt,
                    booking,
                    now,
                } = &again;
                attempt.state.is_live() && next(attempt, &charge, booking, *now) == step
            });
            if !stands && !mistaken!(ReleaseUnread) {
                return Ok(Step::On);
            }
            desk.release(&attempt).await?;
            end(table, &attempt, &charge).await
        }
        Next::Owe { reason } => owe(table, provider, &attempt, charge.status, reason).await,
        Next::Review { reason } => review(table, &attempt, reason).await,
    }
}

/// The booking is sold to it, and its money will not come. What the provider still holds is let go first: the buyer is asked to
/// pay again, and should not pay twice.
async fn owe(
    table: &impl PaymentTable,
    provider: &impl Provider,
    of: &Attempt,
    status: ChargeStatus,
    why: &str,
) -> Result<Step, Stopped> {
    if status != ChargeStatus::Canceled {
        match provider.cancel(of).await {
            Ok(()) => {}
            // It may have ended in this moment, or somebody else may have taken its money.
            Err(ProviderError::Refused(_)) => match provider.look(of).await?.status {
                ChargeStatus::Canceled => {}
                ChargeStatus::Captured => return Ok(Step::On),
                _ => return review(table, of, why).await,
            },
            Err(error) => return Err(error.into()),
        }
    }
    if !table.owe(of, why).await? {
        return Ok(Step::On);
    }
    tracing::error!(payment = %of.id, booking = %of.booking_id, why, "a payment needs a person");
    count(of, None, "needs_review");
    Ok(Step::End(Driven::Done))
}

/// Ends an attempt that brings no money.
async fn end(table: &impl PaymentTable, of: &Attempt, charge: &Charge) -> Result<Step, Stopped> {
    if !table.end(of, PaymentState::Canceled, None).await? {
        return Ok(Step::On);
    }
    count(of, Some(charge), "canceled");
    Ok(Step::End(Driven::Done))
}

/// Lets the provider begin, for the buyer's own customer where it keeps customers. It begins without one where it wants none:
/// nobody should fail to pay for that.
pub(crate) async fn start(
    table: &impl PaymentTable,
    provider: &impl Provider,
    of: &Attempt,
) -> Result<Charge, ProviderError> {
    if !of.provider.keeps_customers() {
        return provider.start(of, None).await;
    }
    let away = |error: StoreError| ProviderError::Unanswered(error.to_string());
    let Some(buyer) = table.buyer(of).await.map_err(away)? else {
        return provider.start(of, None).await;
    };
    let customer = match &buyer.customer {
        Some(known) => Some(known.clone()),
        None => match provider.customer(&buyer).await {
            Ok(made) => made,
            Err(ProviderError::Refused(why)) => {
                tracing::warn!(payment = %of.id, user = buyer.user.0, why, "the provider wants no customer for a buyer");
                None
            }
            Err(unanswered) => return Err(unanswered),
        },
    };
    let Some(customer) = customer else {
        return provider.start(of, None).await;
    };
    if buyer.customer.is_none() {
        let kept = table.keep_customer(&buyer, Some(&customer)).await;
        kept.map_err(away)?;
    }
    match provider.start(of, Some(&customer)).await {
        Err(ProviderError::Refused(why)) if !mistaken!(NeedCustomer) => {
            let charge = provider.start(of, None).await?;
            // So it was for the customer, which the provider may have lost: another one is made next time.
            tracing::warn!(payment = %of.id, user = buyer.user.0, why, "the provider does not begin with its customer");
            let lost = Buyer {
                customer: Some(customer),
                ..buyer
            };
            table.keep_customer(&lost, None).await.map_err(away)?;
            Ok(charge)
        }
        answered => answered,
    }
}

/// Whether the charge says what the attempt's row does not, and no step that follows at once writes.
fn is_news(of: &Attempt, charge: &Charge, next: &Next) -> bool {
    let state = match charge.status {
        ChargeStatus::Canceled => of.state,
        status => status.state(),
    };
    let is_moving = matches!(next, Next::Sell | Next::Capture | Next::Settle);
    of.provider_ref.as_ref() != Some(&charge.provider_ref)
        || !is_moving && (of.state != state || of.failure != charge.failure)
}

/// Looks at money that is ours already.
async fn watch(
    table: &impl PaymentTable,
    provider: &impl Provider,
    of: &Attempt,
) -> Result<Step, Stopped> {
    let seen = match provider.movements(of).await {
        Ok(seen) => seen,
        Err(ProviderError::Refused(why)) => {
            tracing::error!(payment = %of.id, booking = %of.booking_id, intent = of.provider_ref, why, "the provider does not say what became of a payment");
            return Ok(Step::End(Driven::Done));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Step::End(match table.moved(of, &seen).await? {
        Noted::All => Driven::Done,
        Noted::Waits => Driven::Waits {
            after: Duration::from_secs(REFUND_LOOK_S),
        },
    }))
}

/// A webhook that was lost is soon made up for, and buyers who take their time are not asked after all the time.
fn waits(of: &Attempt, now: Timestamp) -> Driven {
    let age = now.duration_since(of.created_at).as_secs();
    let age = u64::try_from(age).unwrap_or(0);
    let after = match (of.provider, of.pay_by) {
        // Staff ring when they are paid; only the end of the hold is looked for.
        (ProviderName::Offline, Some(_)) => OFFLINE_LOOK_S,
        _ => age.clamp(PAYMENT_FIRST_LOOK_S, PAYMENT_LOOK_S),
    };
    Driven::Waits {
        after: Duration::from_secs(after),
    }
}

async fn fail(table: &impl PaymentTable, of: &Attempt, why: &str) -> Result<Step, Stopped> {
    if !table.end(of, PaymentState::Failed, Some(why)).await? {
        return Ok(Step::On);
    }
    count(of, None, "failed");
    Ok(Step::End(Driven::Done))
}

async fn review(table: &impl PaymentTable, of: &Attempt, why: &str) -> Result<Step, Stopped> {
    if table.end(of, PaymentState::NeedsReview, Some(why)).await? {
        tracing::error!(payment = %of.id, booking = %of.booking_id, intent = of.provider_ref, why, "a payment needs a person");
        count(of, None, "needs_review");
    }
    Ok(Step::End(Driven::Done))
}

fn count(of: &Attempt, charge: Option<&Charge>, outcome: &'static str) {
    metrics::PAYMENTS.one(outcome);
    let named = charge.and_then(|charge| charge.method.as_deref());
    let method = method(of, named.or(of.method.as_deref()));
    match outcome {
        "captured" => {
            metrics::PAYMENTS_CAPTURED.one(of.provider.as_str());
            metrics::PAYMENTS_BY_METHOD.one(method);
        }
        "too_late" => metrics::PAYMENTS_BY_METHOD.one(method),
        _ => metrics::PAYMENTS_LOST_BY_METHOD.one(method),
    }
    let intent = charge.map(|charge| charge.provider_ref.as_str());
    let intent = intent.or(of.provider_ref.as_deref());
    tracing::info!(payment = %of.id, booking = %of.booking_id, event = of.event_id.0, intent, method, outcome, "a payment ended");
}

/// The means of payment, of those that are counted by name.
fn method(of: &Attempt, named: Option<&str>) -> &'static str {
    let known = [
        "card",
        "cash",
        "terminal",
        "transfer",
        "invoice",
        "sepa_debit",
        "ideal",
        "promptpay",
    ];
    let found = known.into_iter().find(|known| Some(*known) == named);
    match (found, of.provider) {
        (Some(found), _) => found,
        // An attempt at a card that never came to one.
        (None, ProviderName::Stripe | ProviderName::Demo) if named.is_none() => "card",
        _ => "another",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::ticketing::record::Money;
    use crate::ticketing::{BookingId, EventId};

    /// The promise to whoever's webhook is lost.
    const LOOKED_AT_S: u64 = 60;

    #[test]
    fn an_attempt_is_looked_at_every_minute_however_old_it_is() {
        let created_at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let attempt = Attempt {
            id: PaymentId(Uuid::nil()),
            booking_id: BookingId(Uuid::nil()),
            event_id: EventId(1),
            provider: ProviderName::Stripe,
            method: None,
            state: PaymentState::RequiresAction,
            amount: Money {
                amount: 4_500,
                currency: "EUR".to_owned(),
            },
            provider_ref: None,
            client_secret: None,
            redirect_url: None,
            return_url: None,
            pay_by: None,
            unwanted: false,
            owed: false,
            instead_of: None,
            captured_amount: 0,
            refunded_amount: 0,
            fee_amount: 0,
            failure: None,
            created_at,
        };
        for age_s in [-5, 0, 20, 59, 60, 86_400] {
            let now = created_at + SignedDuration::from_secs(age_s);
            let Driven::Waits { after } = waits(&attempt, now) else {
                panic!("it waits");
            };
            assert!(
                (1..=LOOKED_AT_S).contains(&after.as_secs()),
                "{age_s}: {after:?}"
            );
        }
        const { assert!(PAYMENT_FIRST_LOOK_S <= LOOKED_AT_S) };
    }
}
