//! Messages to browsers: some buyers want to be told before their hold ends. Their push service is slow, refuses for now, says
//! that the browser is gone, or takes a message and says nothing.

use std::time::Duration;

use serde_json::json;

use super::super::clockwork::{now_ms, pause};
use super::EVENT;
use super::world::{MoneyShared, MoneyWorld, SimJob, at};
use crate::jobs::push::{PushTable, PushWay, tell};
use crate::jobs::{End, Failed};
use crate::lang::Lang;
use crate::push::{PushError, PushMessage};
use crate::store::StoreError;
use crate::store::jobs::{QueuedJob, TakenJob};
use crate::store::letters::LETTER_WORTH;
use crate::store::push::{HoldToTell, PUSH_JOB, PushJob, PushKind, PushRecipient, PushToSend};
use crate::ticketing::{BookingId, PushSubscriptionId};

/// How long before a hold's end its buyer is told.
const LEAD_S: u64 = 20;

/// The world as one job sees it.
struct SimPushWay<'a> {
    world: &'a MoneyWorld,
    job: &'a TakenJob,
}

pub(super) async fn send(world: &MoneyWorld, job: &TakenJob, of: PushJob) -> Result<End, Failed> {
    let way = SimPushWay { world, job };
    tell(&way, &way, &of, job.failures).await
}

impl MoneyShared {
    /// The buyer wants to be told before the hold ends.
    pub(super) fn subscribe(&mut self, booking: BookingId) {
        let id = PushSubscriptionId(self.pushes.len() as i64 + self.told.len() as i64 + 1);
        self.pushes.insert(id, booking);
        let job = QueuedJob {
            kind: PUSH_JOB,
            key: format!("{PUSH_JOB}-{id}-hold"),
            payload: json!({ "subscription_id": id, "event_id": EVENT, "lead_s": LEAD_S }),
            worth: LETTER_WORTH,
        };
        self.keep(&job);
    }

    fn to_tell(&self, id: PushSubscriptionId) -> Option<PushToSend> {
        let booking_id = *self.pushes.get(&id)?;
        let booking = &self.sales.get(&booking_id)?.standing.booking;
        let hold = HoldToTell {
            booking_id,
            status: booking.status,
            expires_at: booking.expires_at,
            is_processing: booking.processing_since.is_some(),
        };
        Some(PushToSend {
            to: PushRecipient {
                endpoint: "https://push.example.org/1".to_owned(),
                p256dh: Vec::new(),
                auth: Vec::new(),
            },
            endpoint_id: id.0,
            lang: Lang::En,
            kind: PushKind::HoldEnds,
            event_id: EVENT,
            title: "Opening night".to_owned(),
            ticket_type: None,
            fires: 0,
            is_fired: false,
            is_back: false,
            hold: Some(hold),
            offer_until: None,
            is_over: false,
            now: at(now_ms()),
        })
    }

    fn forget(&mut self, id: PushSubscriptionId) {
        if let Some(booking) = self.pushes.remove(&id) {
            self.told.insert(id, booking);
        }
    }

    /// The booking that a job tells of.
    pub(super) fn pushed(&self, id: PushSubscriptionId) -> Option<BookingId> {
        let known = self.pushes.get(&id).or_else(|| self.told.get(&id));
        known.copied()
    }
}

impl PushTable for SimPushWay<'_> {
    async fn push_to_send(&self, id: PushSubscriptionId) -> Result<Option<PushToSend>, StoreError> {
        self.world.store(|shared| shared.to_tell(id)).await
    }

    async fn rearm_push(&self, _: PushSubscriptionId, _: i32) -> Result<(), StoreError> {
        Ok(())
    }

    /// News that were told and not forgotten are told again: the browser drops the double by its tag.
    async fn forget_push(&self, id: PushSubscriptionId) -> Result<(), StoreError> {
        let excuse = |by: i32| {
            let excuse = |job: &mut SimJob| job.excuses = job.excuses.saturating_add_signed(by);
            self.world.with(|shared| shared.with_job(self.job, excuse));
        };
        excuse(1);
        self.world.store(|shared| shared.forget(id)).await?;
        excuse(-1);
        Ok(())
    }

    async fn forget_browser(&self, endpoint_id: i64) -> Result<(), StoreError> {
        self.forget_push(PushSubscriptionId(endpoint_id)).await
    }
}

impl PushWay for SimPushWay<'_> {
    async fn send(&self, _: &PushRecipient, _: &PushMessage) -> Result<(), PushError> {
        let (world, job) = (self.world, self.job);
        let (there, back) = world.with(|shared| (shared.travel(), shared.travel()));
        pause(there).await;
        if world.with(|shared| shared.goes_wrong(8)) {
            let after = world.with(|shared| shared.dice.percent(50));
            return Err(PushError::Later {
                after: after.then_some(Duration::from_secs(2)),
                why: "503".to_owned(),
            });
        }
        if world.with(|shared| shared.goes_wrong(2)) {
            return Err(PushError::Gone);
        }
        world.with(|shared| shared.deliver(job));
        // The answer may be lost, or too late for the attempt, or the browser is forgotten too late.
        let is_lost = world.with(|shared| {
            let is_lost = shared.goes_wrong(4);
            if is_lost || MoneyShared::is_long(back) {
                shared.with_job(job, |of| of.excuses += 1);
            }
            is_lost
        });
        pause(back).await;
        match is_lost {
            true => Err(PushError::Unanswered),
            false => Ok(()),
        }
    }
}
