//! Tells everybody who had a booking of a cancelled event. It goes through the bookings in the order in which they were
//! made, some at a time and only while few mails wait, so that nothing else waits for thousands of mails.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::store::jobs::JobLane;
use crate::store::letters::{EVENT_CANCELLED_JOB, LETTER_WORTH, ToldUpTo};
use crate::ticketing::EventId;

/// Bookings between two notes of progress.
const BATCH_MAX: i64 = 50;
/// Mails that may wait before more are written, and the pause until then. Jobs of other lanes are no reason to wait: messages to
/// browsers may stay due for months where no node sends them any more.
const WAITING_MAX: i64 = 50;
const PAUSE: Duration = Duration::from_secs(1);

/// Written by a trigger, with the event's cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCancelled {
    pub event_id: EventId,
    pub at: Timestamp,
}

impl Kind for EventCancelled {
    const NAME: &'static str = EVENT_CANCELLED_JOB;
    const WORTH: Duration = LETTER_WORTH;

    fn key(&self, _: &Proofs) -> String {
        format!("event-cancelled:{}", self.event_id)
    }

    /// Done at once on a node that sends no mails: then nobody was promised one.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        if hands.mailer.is_none() {
            return Ok(End::Done);
        }
        let store = &hands.store;
        if store.due_jobs(JobLane::Mail, WAITING_MAX).await? >= WAITING_MAX {
            return Ok(End::Rests(PAUSE, task.progress().clone()));
        }
        let after = serde_json::from_value::<Option<ToldUpTo>>(task.progress().clone());
        let after = after.ok().flatten();
        let told = store.tell_of_cancelled_event(self.event_id, self.at, after, BATCH_MAX);
        match told.await? {
            None => Ok(End::Done),
            Some(told) => {
                let progress = serde_json::to_value(told).unwrap_or(Value::Null);
                Ok(End::GoesOn(progress))
            }
        }
    }
}
