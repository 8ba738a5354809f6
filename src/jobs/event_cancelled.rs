//! Tells everybody who had a booking of a cancelled event, or is on its waitlist. It goes through the bookings in the order in
//! which they were made, then through the waitlist, some at a time and only while few mails wait, so that nothing else waits for
//! thousands of mails.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::store::jobs::JobLane;
use crate::store::letters::{EVENT_CANCELLED_JOB, LETTER_WORTH, ToldUpTo};
use crate::ticketing::{EventId, WaitingId};

/// Bookings, or people on the waitlist, between two notes of progress.
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

/// The last of those who were told.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum Told {
    Buyers(ToldUpTo),
    Waitlist { waiting_up_to: Option<WaitingId> },
}

impl Kind for EventCancelled {
    const NAME: &'static str = EVENT_CANCELLED_JOB;
    const WORTH: Duration = LETTER_WORTH;

    fn key(&self, _: &Proofs) -> String {
        format!("event-cancelled:{}", self.event_id)
    }

    /// On a node that sends no mails nobody was promised one: then it is about messages to browsers only.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let (store, mails) = (&hands.store, hands.mailer.is_some());
        if mails && store.due_jobs(JobLane::Mail, WAITING_MAX).await? >= WAITING_MAX {
            return Ok(End::Rests(PAUSE, task.progress().clone()));
        }
        let told = serde_json::from_value::<Option<Told>>(task.progress().clone());
        let after = match told.ok().flatten() {
            None if !mails => None,
            Some(Told::Waitlist { waiting_up_to }) => waiting_up_to,
            buyers => {
                let after = match buyers {
                    Some(Told::Buyers(after)) => Some(after),
                    _ => None,
                };
                let told = store.tell_of_cancelled_event(self.event_id, self.at, after, BATCH_MAX);
                let next = match told.await? {
                    Some(told) => Told::Buyers(told),
                    None => Told::Waitlist {
                        waiting_up_to: None,
                    },
                };
                return Ok(End::GoesOn(as_json(next)));
            }
        };
        let told = store.tell_waitlist_of_cancelled_event(self.event_id, after, mails, BATCH_MAX);
        Ok(match told.await? {
            None => End::Done,
            waiting_up_to => End::GoesOn(as_json(Told::Waitlist { waiting_up_to })),
        })
    }
}

fn as_json(told: Told) -> Value {
    serde_json::to_value(told).unwrap_or(Value::Null)
}
