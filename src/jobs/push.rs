//! Tells a browser, by its push service, what its owner asked to be told.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::push::words::{Notification, PushNews, direction, words};
use crate::push::{PushError, PushMessage, Pusher, Urgency};
use crate::store::push::{
    HoldToTell, PUSH_JOB, PUSH_JOB_WORTH, PushJob, PushKind, PushRecipient, PushToSend,
};
use crate::store::{Store, StoreError};
use crate::ticketing::PushSubscriptionId;
use crate::ticketing::record::BookingStatus;

/// How long «tickets are back» is worth delivering: they sell again.
const BACK_WORTH: Duration = Duration::from_secs(3_600);
/// How long the word of a cancelled event is worth delivering.
const OVER_WORTH: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The longest that push services keep a message: four weeks.
const TTL_MAX: Duration = Duration::from_secs(28 * 24 * 3_600);
/// Until a hold is looked at again whose payment is being worked on.
const PROCESSING_PAUSE: Duration = Duration::from_secs(15);
/// Longest pause between two attempts: a hold's last minutes are few.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Attempts without an answer; then it may have arrived often enough.
const UNANSWERED_MAX: i32 = 3;

/// The outcome by how things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushStep {
    Send {
        ttl: Duration,
    },
    /// It is not time yet.
    Waits(Duration),
    /// Tickets that were back are gone: it waits until there are some again.
    WaitsAnew,
    /// There is nothing to tell any more.
    Over,
    /// A later message tells it.
    Stale,
}

/// The outcome of an attempt to send.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AfterPush {
    /// It was told, or never will be.
    Forget,
    ForgetBrowser,
    Rests(Duration),
    Again(PushError),
}

impl Kind for PushJob {
    const NAME: &'static str = PUSH_JOB;
    const WORTH: Duration = PUSH_JOB_WORTH;
    const DROPPED_WHEN_LATE: bool = true;
    const NEEDS_PUSH: bool = true;
    const PAUSE_MAX: Duration = PAUSE_MAX;

    /// Those that the database writes say more.
    fn key(&self, _: &Proofs) -> String {
        format!("{PUSH_JOB}-{}", self.subscription_id)
    }

    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        tell(&hands.store, hands.pusher()?, self, task.failures()).await
    }
}

/// The rows of what is to be told.
pub(crate) trait PushTable {
    fn push_to_send(
        &self,
        id: PushSubscriptionId,
    ) -> impl Future<Output = Result<Option<PushToSend>, StoreError>> + Send;
    /// It waits until its tickets are back again.
    fn rearm_push(
        &self,
        id: PushSubscriptionId,
        fires: i32,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn forget_push(
        &self,
        id: PushSubscriptionId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn forget_browser(
        &self,
        endpoint_id: i64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The way to the browser.
pub(crate) trait PushWay {
    fn send(
        &self,
        to: &PushRecipient,
        message: &PushMessage,
    ) -> impl Future<Output = Result<(), PushError>> + Send;
}

/// Tells it, if that is still so. A message that was taken and whose job is done again says nothing: its subscription is gone.
/// `failures`: attempts before this one that failed.
pub(crate) async fn tell(
    table: &impl PushTable,
    way: &impl PushWay,
    job: &PushJob,
    failures: i32,
) -> Result<End, Failed> {
    let id = job.subscription_id;
    let Some(told) = table.push_to_send(id).await? else {
        return Ok(End::Done);
    };
    let ttl = match step(&told, job) {
        PushStep::Send { ttl } => ttl,
        PushStep::Waits(pause) => return Ok(End::Rests(pause, Value::Null)),
        PushStep::WaitsAnew => {
            table.rearm_push(id, job.fires).await?;
            return Ok(End::Done);
        }
        PushStep::Over => {
            table.forget_push(id).await?;
            return Ok(End::Done);
        }
        PushStep::Stale => return Ok(End::Done),
    };
    let sent = way.send(&told.to, &message(&told, id, ttl)?).await;
    match after(sent, failures) {
        AfterPush::Forget => table.forget_push(id).await?,
        AfterPush::ForgetBrowser => table.forget_browser(told.endpoint_id).await?,
        AfterPush::Rests(pause) => return Ok(End::Rests(pause, Value::Null)),
        AfterPush::Again(error) => return Err(error.into()),
    }
    Ok(End::Done)
}

impl PushTable for Store {
    async fn push_to_send(&self, id: PushSubscriptionId) -> Result<Option<PushToSend>, StoreError> {
        Store::push_to_send(self, id).await
    }

    async fn rearm_push(&self, id: PushSubscriptionId, fires: i32) -> Result<(), StoreError> {
        Store::rearm_push(self, id, fires).await
    }

    async fn forget_push(&self, id: PushSubscriptionId) -> Result<(), StoreError> {
        Store::forget_push(self, id).await
    }

    async fn forget_browser(&self, endpoint_id: i64) -> Result<(), StoreError> {
        Store::forget_browser(self, endpoint_id).await
    }
}

impl PushWay for Pusher {
    async fn send(&self, to: &PushRecipient, message: &PushMessage) -> Result<(), PushError> {
        Pusher::send(self, to, message).await
    }
}

pub(crate) fn step(told: &PushToSend, job: &PushJob) -> PushStep {
    match told.kind {
        PushKind::TicketsBack if !told.is_fired || told.fires != job.fires => PushStep::Stale,
        PushKind::TicketsBack if told.is_back => PushStep::Send { ttl: BACK_WORTH },
        PushKind::TicketsBack => PushStep::WaitsAnew,
        PushKind::HoldEnds => told.hold.map_or(PushStep::Over, |hold| {
            hold_step(&hold, Duration::from_secs(job.lead_s), told.now)
        }),
        PushKind::WaitlistOffer => match told.offer_until {
            Some(until) => sent_until(until, told.now),
            None if told.is_over => PushStep::Send { ttl: OVER_WORTH },
            None => PushStep::Over,
        },
    }
}

/// A hold is told of `lead` before its end, wherever that is by now. While a payment is being worked on it does not end.
pub(crate) fn hold_step(hold: &HoldToTell, lead: Duration, now: Timestamp) -> PushStep {
    let stands = hold.status == BookingStatus::Pending || mistaken!(PushPaid);
    let Some(until) = hold.expires_at.filter(|_| stands) else {
        return PushStep::Over;
    };
    let early = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    match early.checked_sub(lead) {
        Some(wait) if wait > Duration::ZERO => PushStep::Waits(wait),
        _ if hold.is_processing => PushStep::Waits(PROCESSING_PAUSE),
        _ => sent_until(until, now),
    }
}

fn sent_until(until: Timestamp, now: Timestamp) -> PushStep {
    match Duration::try_from(until.duration_since(now)) {
        Ok(ttl) if ttl > Duration::ZERO => PushStep::Send {
            ttl: ttl.min(TTL_MAX),
        },
        _ => PushStep::Over,
    }
}

/// `failures`: attempts before this one that failed.
pub(crate) fn after(sent: Result<(), PushError>, failures: i32) -> AfterPush {
    match sent {
        Ok(()) if mistaken!(PushTwice) => AfterPush::Rests(Duration::from_secs(1)),
        Ok(()) => AfterPush::Forget,
        Err(PushError::Gone) => AfterPush::ForgetBrowser,
        Err(PushError::Refused(why)) => {
            tracing::warn!(why, "a push service refused a message for good");
            AfterPush::Forget
        }
        Err(PushError::Later {
            after: Some(after), ..
        }) => AfterPush::Rests(after),
        Err(PushError::Unanswered) if failures + 1 >= UNANSWERED_MAX => AfterPush::Forget,
        Err(error) => AfterPush::Again(error),
    }
}

fn message(
    told: &PushToSend,
    id: PushSubscriptionId,
    ttl: Duration,
) -> Result<PushMessage, Failed> {
    let event = &*told.title;
    let of_event = format!("/events/{}", told.event_id);
    let (news, url, until) = match (told.kind, told.hold) {
        (PushKind::HoldEnds, Some(hold)) => {
            let url = format!("/bookings/{}", hold.booking_id);
            (PushNews::HoldEnds { event }, url, hold.expires_at)
        }
        (PushKind::WaitlistOffer, _) if told.offer_until.is_none() => {
            (PushNews::EventCancelled { event }, of_event, None)
        }
        (PushKind::WaitlistOffer, _) => {
            let url = "/bookings".to_owned();
            (PushNews::WaitlistOffer { event }, url, told.offer_until)
        }
        _ => {
            let ticket_type = told.ticket_type.as_deref();
            (PushNews::TicketsBack { event, ticket_type }, of_event, None)
        }
    };
    let (title, body) = words(news, told.lang);
    let tag = format!("seatcast-{id}");
    let notification = Notification {
        title,
        body,
        url,
        tag: tag.clone(),
        lang: told.lang.tag(),
        dir: direction(told.lang),
        until,
    };
    let payload = serde_json::to_vec(&notification);
    Ok(PushMessage {
        payload: payload.map_err(|error| Failed::Hopeless(error.to_string()))?,
        ttl,
        urgency: match told.kind {
            PushKind::TicketsBack | PushKind::HoldEnds => Urgency::High,
            PushKind::WaitlistOffer => Urgency::Normal,
        },
        topic: tag,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(status: BookingStatus, ends_in_s: i64) -> HoldToTell {
        HoldToTell {
            booking_id: crate::ticketing::BookingId(uuid::Uuid::nil()),
            status,
            expires_at: Timestamp::from_second(ends_in_s).ok(),
            is_processing: false,
        }
    }

    #[test]
    fn a_hold_is_told_of_before_its_end_wherever_that_is_and_not_once_it_is_paid() {
        let lead = Duration::from_secs(180);
        let step = |hold: HoldToTell| hold_step(&hold, lead, Timestamp::UNIX_EPOCH);
        let waits = |seconds| PushStep::Waits(Duration::from_secs(seconds));
        let sends = |seconds| PushStep::Send {
            ttl: Duration::from_secs(seconds),
        };
        assert_eq!(step(hold(BookingStatus::Pending, 600)), waits(420));
        assert_eq!(step(hold(BookingStatus::Pending, 180)), sends(180));
        assert_eq!(step(hold(BookingStatus::Pending, 20)), sends(20));
        assert_eq!(step(hold(BookingStatus::Pending, 0)), PushStep::Over);
        for over in [
            BookingStatus::Confirmed,
            BookingStatus::Cancelled,
            BookingStatus::Expired,
        ] {
            assert_eq!(step(hold(over, 600)), PushStep::Over);
        }
        let mut working = hold(BookingStatus::Pending, 20);
        working.is_processing = true;
        assert_eq!(step(working), PushStep::Waits(PROCESSING_PAUSE));
    }

    #[test]
    fn what_helps_nobody_is_not_tried_again() {
        let later = |after: Option<u64>| PushError::Later {
            after: after.map(Duration::from_secs),
            why: "503".to_owned(),
        };
        assert_eq!(after(Ok(()), 0), AfterPush::Forget);
        assert_eq!(after(Err(PushError::Gone), 0), AfterPush::ForgetBrowser);
        let refused = PushError::Refused("403".to_owned());
        assert_eq!(after(Err(refused), 0), AfterPush::Forget);
        let pause = Duration::from_secs(30);
        assert_eq!(after(Err(later(Some(30))), 0), AfterPush::Rests(pause));
        assert_eq!(after(Err(later(None)), 9), AfterPush::Again(later(None)));
        let silent = AfterPush::Again(PushError::Unanswered);
        assert_eq!(after(Err(PushError::Unanswered), 0), silent);
        assert_eq!(after(Err(PushError::Unanswered), 2), AfterPush::Forget);
    }
}
