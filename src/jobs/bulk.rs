//! The same done to many bookings: cancelled, given back, or their tickets mailed again. One after the other, each by the
//! rules of its own request, so the job can be stopped anywhere and goes on.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Confirmation, End, Failed, JobHands, Kind, Task, row};
use crate::auth::proofs::Proofs;
use crate::desk::{Change, DeskError};
use crate::payments::give_back::{NotGiven, RefundOrder, give_back, with_cancellation};
use crate::store::audit_trail::AuditEntry;
use crate::store::bookings::Name;
use crate::store::refunds::RefundState;
use crate::ticketing::record::BookingStatus;
use crate::ticketing::refund::RefundWish;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, Transition};
use crate::ticketing::{BookingId, OrganizationId};

/// Bookings of one job.
pub const BULK_BOOKINGS_MAX: usize = 1_000;
/// Bookings between two notes of progress.
const BATCH_MAX: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// Every payment is given back whole. Of those who may not give money back, what was paid is refused.
    Cancel,
    /// All that is left, with every ticket.
    Refund,
    /// Mails the tickets of a confirmed booking again.
    Resend,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkBookings {
    /// Names this job: the same request is the same job.
    pub key: String,
    pub organization_id: OrganizationId,
    pub action: BulkAction,
    pub reason: String,
    pub booking_ids: Vec<BookingId>,
    /// Whether the one who asks may give money back.
    pub may_refund: bool,
    /// The entry of the request, with the one who asks; each booking that is changed has one of its own.
    pub audit: AuditEntry,
}

/// As `GET /jobs/{id}` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BulkProgress {
    pub total: usize,
    pub done: usize,
    pub failed: Vec<BulkFailure>,
}

/// A booking to which it could not be done, and the code that says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkFailure {
    pub booking_id: BookingId,
    pub code: String,
}

impl BulkAction {
    pub const ALL: [(&'static str, BulkAction); 3] = [
        ("cancel", BulkAction::Cancel),
        ("refund", BulkAction::Refund),
        ("resend", BulkAction::Resend),
    ];
}

impl Kind for BulkBookings {
    const NAME: &'static str = "bulk_bookings";
    const WORTH: Duration = Duration::from_secs(30 * 24 * 3_600);
    /// The key holds as long as that of a request.
    const QUIET: Duration = Duration::from_secs(24 * 3_600);

    fn key(&self, _proofs: &Proofs) -> String {
        format!("bulk:{}", self.key)
    }

    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let known = serde_json::from_value::<Option<BulkProgress>>(task.progress().clone());
        let mut progress = known.ok().flatten().unwrap_or_default();
        progress.total = self.booking_ids.len();
        let batch = self.booking_ids.iter().skip(progress.done).take(BATCH_MAX);
        for id in batch {
            if let Err(code) = self.one(hands, *id).await? {
                progress.failed.push(BulkFailure {
                    booking_id: *id,
                    code: code.to_owned(),
                });
            }
            progress.done += 1;
        }
        let json = serde_json::to_value(&progress).unwrap_or(Value::Null);
        if progress.done < progress.total {
            return Ok(End::GoesOn(json));
        }
        task.note(&hands.store, &json).await?;
        Ok(End::Done)
    }
}

impl BulkBookings {
    fn entry(&self, id: BookingId) -> AuditEntry {
        let detail = json!({ "action": self.action });
        self.audit.clone().to_booking(id).with(detail)
    }

    async fn one(
        &self,
        hands: &JobHands,
        id: BookingId,
    ) -> Result<Result<(), &'static str>, Failed> {
        match self.action {
            BulkAction::Cancel => self.cancel(hands, id).await,
            BulkAction::Refund => self.refund(hands, id).await,
            BulkAction::Resend => resend(hands, id, &self.key).await,
        }
    }

    async fn cancel(
        &self,
        hands: &JobHands,
        id: BookingId,
    ) -> Result<Result<(), &'static str>, Failed> {
        loop {
            let Some(found) = hands.store.booking(Name::Id(id)).await? else {
                return Ok(Err("BOOKING_NOT_FOUND"));
            };
            let booking = found.booking;
            if booking.is_paid() && !self.may_refund {
                return Ok(Err("FORBIDDEN"));
            }
            let transition = Transition::Cancel {
                by: Canceller::Staff,
                reason: Some(self.reason.clone()).filter(|reason| !reason.is_empty()),
                as_unpaid: !booking.is_paid(),
            };
            let mut change = Change::new(booking.event_id, id, transition);
            change.with = with_cancellation(&booking, None);
            change.with.audit = Some(self.entry(id));
            return match hands.desk.change(change).await {
                Ok(_) => Ok(Ok(())),
                // It was a hold, and was sold meanwhile: it is judged again, once.
                Err(DeskError::Refused(Refusal::InvalidTransition {
                    from: BookingStatus::Confirmed,
                    ..
                })) if booking.status != BookingStatus::Confirmed => continue,
                Err(DeskError::Refused(refusal)) if refusal.status() < 500 => {
                    Ok(Err(refusal.code()))
                }
                Err(error) => Err(Failed::Later(error.to_string())),
            };
        }
    }

    async fn refund(
        &self,
        hands: &JobHands,
        id: BookingId,
    ) -> Result<Result<(), &'static str>, Failed> {
        let key = format!("bulk:{}:{id}", self.key);
        let wish = RefundOrder {
            booking: id,
            payment: None,
            wish: RefundWish::All,
            reason: &self.reason,
            key: &key,
            audit: Some(self.entry(id)),
            asked: None,
        };
        Ok(
            match give_back(&hands.store, &hands.payments, wish).await? {
                // Somebody was admitted meanwhile.
                Ok(refund) if refund.state == RefundState::Failed => Err("NOT_REFUNDABLE"),
                Ok(_) => Ok(()),
                Err(NotGiven::NoBooking) => Err("BOOKING_NOT_FOUND"),
                Err(NotGiven::Exceeds { .. }) => Err("REFUND_EXCEEDS"),
                Err(
                    NotGiven::NotCaptured
                    | NotGiven::Nothing
                    | NotGiven::Tickets { .. }
                    | NotGiven::HandedOn,
                ) => Err("NOT_REFUNDABLE"),
            },
        )
    }
}

async fn resend(
    hands: &JobHands,
    id: BookingId,
    key: &str,
) -> Result<Result<(), &'static str>, Failed> {
    let Some(found) = hands.store.booking(Name::Id(id)).await? else {
        return Ok(Err("BOOKING_NOT_FOUND"));
    };
    if let Err(why) = hands.store.ticket_mail_address(id).await? {
        return Ok(Err(why.code()));
    }
    let letter = Confirmation {
        booking_id: id,
        event_id: found.booking.event_id,
        again: Some(key.to_owned()),
    };
    hands.store.queue_job(&row(&letter, &hands.proofs)).await?;
    Ok(Ok(()))
}
