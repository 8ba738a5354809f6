//! A cancelled event gives back what was paid for it, payment by payment, and then ends the bookings that are left: those
//! that cost nothing, and those with which somebody was in already. The job's progress says how far it is, each refund has
//! the key of its payment, and a booking that was ended is not found again, so that it can be stopped anywhere and goes on.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::config::inside::PAYMENT_LOOK_S;
use crate::desk::{Change, DeskError};
use crate::payments::give_back::{NotGiven, RefundOrder, give_back, with_cancellation};
use crate::store::bookings::Name;
use crate::store::jobs::{JobReason, why};
use crate::store::refunds::RefundState;
use crate::store::refunds::{
    EVENT_CANCELLED, EVENT_REFUNDS_JOB, EVENT_REFUNDS_WORTH, Unreturned, event_refunds_key,
};
use crate::ticketing::record::BookingStatus;
use crate::ticketing::refund::RefundWish;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, Transition};
use crate::ticketing::{BookingId, EventId, PaymentId};

/// Payments that are given back between two notes of progress: few, so that an attempt gets through them while the provider does
/// not answer. Payments and bookings that are looked at otherwise, and what is done at a time.
const REFUNDS_MAX: i64 = 16;
const BATCH_MAX: i64 = 50;
const AT_ONCE_MAX: usize = 8;
/// Pause before it looks again at what is about to come to an end.
const LOOK: Duration = Duration::from_secs(2);
/// The same, of money that banks may move for days.
const LOOK_LATER: Duration = Duration::from_secs(PAYMENT_LOOK_S);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRefunds {
    pub event_id: EventId,
}

/// As `GET /jobs/{id}` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RefundsProgress {
    /// Payments that were captured.
    pub total: i64,
    /// Of those, how many the job has been through.
    pub done: i64,
    /// Bookings that it ended besides: they cost nothing, or somebody was in with one of their tickets.
    #[serde(default)]
    pub ended: i64,
    /// Refunds that a person has to look at.
    pub for_review: i64,
    /// The last payment that it has been through.
    pub after: Option<PaymentId>,
    /// The last attempt whose job it let run at once.
    #[serde(default)]
    pub rung: Option<PaymentId>,
}

impl Kind for EventRefunds {
    const NAME: &'static str = EVENT_REFUNDS_JOB;
    const OF_MONEY: bool = true;
    const WORTH: Duration = EVENT_REFUNDS_WORTH;

    fn key(&self, _proofs: &Proofs) -> String {
        event_refunds_key(self.event_id)
    }

    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let known = serde_json::from_value::<Option<RefundsProgress>>(task.progress().clone());
        let mut progress = known.ok().flatten().unwrap_or_default();
        let store = &hands.store;
        progress.total = store.captured_payments(self.event_id).await?;
        // Buyers who were paying: their attempts find the booking cancelled, and end or give the money back. Each is let run once,
        // and looks for itself after that: a debit may be under way for days, and its provider is not asked all the time.
        let live = store
            .live_payments(self.event_id, progress.rung, BATCH_MAX)
            .await?;
        for payment in &live {
            hands.payments.ring(*payment).await?;
        }
        progress.rung = live.last().copied().or(progress.rung);
        let batch = store
            .unreturned(self.event_id, progress.after, REFUNDS_MAX)
            .await?;
        let outcomes = stream::iter(batch.clone())
            .map(|one| self.one(hands, one))
            .buffer_unordered(AT_ONCE_MAX)
            .collect::<Vec<Result<(), Failed>>>()
            .await;
        // If one failed, the whole batch again: those that are begun have their keys.
        outcomes.into_iter().collect::<Result<(), Failed>>()?;
        if let Some(last) = batch.last() {
            progress.after = Some(last.payment_id);
            progress.done = (progress.done + count(batch.len())).min(progress.total);
            return Ok(End::GoesOn(as_json(&progress)));
        }
        let open = store.open_money(self.event_id).await?;
        progress.for_review = open.for_review;
        // Money that was captured meanwhile is given back, too; and if a person has it tried again, all that is left is.
        progress.after = None;
        if open.moves {
            return Ok(End::Rests(LOOK, as_json(&progress)));
        }
        let ended = self.end_bookings(hands).await?;
        if ended > 0 {
            progress.ended += count(ended);
            return Ok(End::GoesOn(as_json(&progress)));
        }
        if open.takes_days {
            return Ok(End::Rests(LOOK_LATER, as_json(&progress)));
        }
        progress.done = progress.total;
        progress.rung = None;
        task.note(store, &as_json(&progress)).await?;
        match open.for_review {
            0 => Ok(End::Done),
            some => Err(Failed::Hopeless(JobReason::text(
                why::REFUNDS_NEED_REVIEW,
                some,
            ))),
        }
    }
}

impl EventRefunds {
    async fn one(&self, hands: &JobHands, of: Unreturned) -> Result<(), Failed> {
        if of.amount <= 0 {
            return Ok(());
        }
        // The same refund, however often this node dies at it; after one that came to nothing another one: a person has
        // looked at it since, and had this tried again.
        let failed = hands.store.failed_refunds(of.payment_id).await?;
        let key = format!("evt:{}:{}:{failed}", self.event_id, of.payment_id);
        let all = RefundOrder {
            booking: of.booking_id,
            payment: Some(of.payment_id),
            wish: RefundWish::All,
            reason: EVENT_CANCELLED,
            key: &key,
            audit: None,
            asked: None,
        };
        let alone = format!("{key}:money");
        let money_alone = RefundOrder {
            wish: RefundWish::Amount(of.amount),
            key: &alone,
            ..all.clone()
        };
        let (store, payments) = (&hands.store, &hands.payments);
        let given = match give_back(store, payments, all).await? {
            // Somebody was in already: what is left of the booking ends without its money.
            Err(NotGiven::Tickets { .. }) => give_back(store, payments, money_alone).await?,
            Ok(refund) if refund.state == RefundState::Failed => {
                give_back(store, payments, money_alone).await?
            }
            given => given,
        };
        match given {
            // Somebody else gave a part of it back meanwhile: the rest is looked at again.
            Err(NotGiven::Exceeds { left }) if left.amount > 0 => {
                Err(Failed::Later("less is left of a payment by now".to_owned()))
            }
            Ok(_) | Err(NotGiven::Exceeds { .. } | NotGiven::NotCaptured) => Ok(()),
            Err(other) => Err(Failed::Later(format!(
                "a payment was not given back: {other:?}"
            ))),
        }
    }

    /// Ends the next bookings that are still confirmed; answers how many it has been through.
    async fn end_bookings(&self, hands: &JobHands) -> Result<usize, Failed> {
        let store = &hands.store;
        let batch = store.confirmed_bookings(self.event_id, BATCH_MAX).await?;
        let reason = store.event_cancel_reason(self.event_id).await?;
        let outcomes = stream::iter(batch.clone())
            .map(|id| self.end(hands, id, reason.clone()))
            .buffer_unordered(AT_ONCE_MAX)
            .collect::<Vec<Result<(), Failed>>>()
            .await;
        outcomes.into_iter().collect::<Result<(), Failed>>()?;
        Ok(batch.len())
    }

    /// `reason`: the organizer's. Without one the booking has none: its buyers are told in their own language that its event
    /// was cancelled.
    async fn end(
        &self,
        hands: &JobHands,
        id: BookingId,
        reason: Option<String>,
    ) -> Result<(), Failed> {
        let Some(found) = hands.store.booking(Name::Id(id)).await? else {
            return Ok(());
        };
        let transition = Transition::Cancel {
            by: Canceller::Event,
            reason,
            as_unpaid: false,
        };
        let mut change = Change::new(self.event_id, id, transition);
        // Its money may be about to come in.
        change.with = with_cancellation(&found.booking, None);
        match hands.desk.change(change).await {
            Ok(_) => Ok(()),
            // It was given back in this moment.
            Err(DeskError::Refused(Refusal::InvalidTransition { from, .. }))
                if from != BookingStatus::Confirmed =>
            {
                Ok(())
            }
            Err(error) => Err(Failed::Later(error.to_string())),
        }
    }
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn as_json(progress: &RefundsProgress) -> serde_json::Value {
    serde_json::to_value(progress).unwrap_or_default()
}
