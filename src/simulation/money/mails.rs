//! The mails: each is a job, and whether it is still due is asked of the rules of its own file. The mail server is slow,
//! refuses for now or for ever, or takes a mail and says nothing.

use serde_json::Value;

use super::super::clockwork::{now_ms, pause};
use super::nodes::read;
use super::pushes;
use super::world::{Handed, MoneyShared, MoneyWorld, Sale, SimJob, SimJobRow, at};
use super::{EVENT, LATER_MS, MoneyCheck};
use crate::jobs::{
    Cancellation, Confirmation, End, Failed, PaymentOwed, PaymentReminder, RefundMail, TicketGiven,
    TicketSent, TicketVoid, TransferOffer, cancellation, confirmation, payment_owed,
    payment_reminder, refund_mail, transfer_mail,
};
use crate::lang::Lang;
use crate::mail::MailError;
use crate::store::jobs::{QueuedJob, TakenJob};
use crate::store::letters::{
    BookingToTell, CANCELLATION_JOB, CONFIRMATION_JOB, LETTER_WORTH, PAYMENT_OWED_JOB,
    PAYMENT_REMINDER_JOB, REFUND_MAIL_JOB, TICKET_VOID_JOB, payment_owed_job,
};
use crate::store::push::{PUSH_JOB, PushJob};
use crate::store::transfers::{
    TICKET_GIVEN_JOB, TICKET_SENT_JOB, TRANSFER_OFFER_JOB, given_key, sent_key,
};
use crate::ticketing::record::{BookingStatus, TicketStatus};
use crate::ticketing::{BookingId, TransferId};

/// Generations of a ticket: as it was made, and after it was handed on.
const HANDED_ON: u16 = 1;

/// A mail that is written along with what it tells of.
pub(super) fn letter_job(kind: &'static str, key: String, payload: Value) -> QueuedJob {
    QueuedJob {
        kind,
        key,
        payload,
        worth: LETTER_WORTH,
    }
}

pub(super) fn reminder_key(booking: BookingId) -> String {
    format!("{PAYMENT_REMINDER_JOB}-{booking}")
}

pub(super) fn offer_key(transfer: TransferId) -> String {
    format!("transfer-offer-{transfer}")
}

/// Sends the job's mail, if it is still due.
pub(super) async fn send(world: &MoneyWorld, job: &TakenJob) -> Result<End, Failed> {
    if job.kind == PUSH_JOB {
        return pushes::send(world, job, read(job)?).await;
    }
    if !is_due(world, job).await? {
        return Ok(End::Done);
    }
    post(world, job).await?;
    Ok(End::Done)
}

async fn is_due(world: &MoneyWorld, job: &TakenJob) -> Result<bool, Failed> {
    Ok(match &*job.kind {
        CONFIRMATION_JOB => {
            let of: Confirmation = read(job)?;
            let told = told(world, of.booking_id).await?;
            told.as_ref().is_some_and(confirmation::is_due)
        }
        PAYMENT_REMINDER_JOB => {
            let of: PaymentReminder = read(job)?;
            let told = told(world, of.booking_id).await?;
            told.as_ref().is_some_and(payment_reminder::is_due)
        }
        PAYMENT_OWED_JOB => {
            let of: PaymentOwed = read(job)?;
            let told = told(world, of.booking_id).await?;
            told.as_ref().is_some_and(payment_owed::is_due)
        }
        CANCELLATION_JOB => {
            let of: Cancellation = read(job)?;
            let told = told(world, of.booking_id).await?;
            told.as_ref().is_some_and(cancellation::is_cancelled)
        }
        REFUND_MAIL_JOB => {
            let of: RefundMail = read(job)?;
            let refund = world.store(|shared| shared.refunds.get(&of.refund_id).cloned());
            refund.await?.as_ref().is_some_and(refund_mail::is_due)
        }
        TRANSFER_OFFER_JOB => {
            let of: TransferOffer = read(job)?;
            let handed = handed(world, of.transfer_id).await?;
            handed.is_some_and(|(handed, _)| handed.closed_ms.is_none())
        }
        TICKET_SENT_JOB => {
            let of: TicketSent = read(job)?;
            let handed = handed(world, of.transfer_id).await?;
            handed.is_some_and(|(handed, status)| {
                let is = u16::from(handed.is_accepted);
                transfer_mail::is_theirs(of.generation, is, status)
            })
        }
        TICKET_GIVEN_JOB => {
            let of: TicketGiven = read(job)?;
            handed(world, of.transfer_id).await?.is_some()
        }
        TICKET_VOID_JOB => {
            let of: TicketVoid = read(job)?;
            let status = world.store(|shared| shared.ticket(&of.code));
            status.await? == Some(TicketStatus::Void)
        }
        kind => return Err(Failed::Hopeless(format!("nobody knows {kind}"))),
    })
}

async fn told(world: &MoneyWorld, id: BookingId) -> Result<Option<BookingToTell>, Failed> {
    let told = world.store(|shared| {
        let sale = shared.sales.get(&id)?;
        let mut attempts = shared.attempts.values().filter(|of| of.booking_id == id);
        let was_paid = attempts.any(|of| of.captured_amount > 0);
        let is_owed = shared.is_owed(&sale.standing.booking);
        Some(to_tell(sale, was_paid, is_owed))
    });
    Ok(told.await?)
}

fn to_tell(sale: &Sale, was_paid: bool, is_owed: bool) -> BookingToTell {
    let booking = &sale.standing.booking;
    BookingToTell {
        id: booking.id,
        event_id: EVENT,
        email: "buyer@example.org".to_owned(),
        lang: Lang::En,
        has_account: false,
        status: booking.status,
        reference: booking.reference.clone(),
        total: booking.total.clone(),
        expires_at: booking.expires_at,
        cancel_reason: booking.cancel_reason.clone(),
        is_offer: false,
        has_payment: sale.begun_ms.is_some(),
        was_paid,
        is_owed,
        event_cancelled: false,
        event_cancel_reason: None,
        title: "Opening night".to_owned(),
        venue: "Hall".to_owned(),
        starts_at: at(LATER_MS),
        timezone: "UTC".to_owned(),
        now: at(now_ms()),
    }
}

async fn handed(
    world: &MoneyWorld,
    id: TransferId,
) -> Result<Option<(Handed, TicketStatus)>, Failed> {
    let found = world.store(|shared| {
        let handed = shared.handed.get(&id)?.clone();
        let status = shared.ticket(&handed.code)?;
        Some((handed, status))
    });
    Ok(found.await?)
}

async fn post(world: &MoneyWorld, job: &TakenJob) -> Result<(), MailError> {
    let (there, back) = world.with(|shared| (shared.travel(), shared.travel()));
    pause(there).await;
    if world.with(|shared| shared.goes_wrong(10)) {
        return Err(MailError::Later("come again".to_owned()));
    }
    if world.with(|shared| shared.goes_wrong(2)) {
        world.with(|shared| shared.with_job(job, |of| of.unanswered += 1));
        return Err(MailError::Unanswered);
    }
    if world.with(|shared| shared.goes_wrong(1)) {
        world.with(|shared| shared.with_job(job, |of| of.refused = true));
        return Err(MailError::Refused("no such address".to_owned()));
    }
    world.with(|shared| shared.deliver(job));
    let is_lost = world.with(|shared| {
        let is_lost = shared.goes_wrong(4);
        // The attempt may be over before the answer is there.
        if is_lost || MoneyShared::is_long(back) {
            shared.with_job(job, |of| of.excuses += 1);
        }
        if is_lost {
            shared.with_job(job, |of| of.unanswered += 1);
        }
        is_lost
    });
    pause(back).await;
    match is_lost {
        true => Err(MailError::Unanswered),
        false => Ok(()),
    }
}

impl MoneyShared {
    pub(super) fn ticket(&self, code: &str) -> Option<TicketStatus> {
        let bookings = self.sales.values().map(|sale| &sale.standing.booking);
        let mut tickets = bookings.flat_map(|booking| &booking.tickets);
        Some(tickets.find(|ticket| ticket.code == code)?.status)
    }

    /// A mail arrives.
    pub(super) fn deliver(&mut self, taken: &TakenJob) {
        self.tell(|| format!("the mail {} is there", taken.key));
        let undone = self.undone_ms(taken);
        let Some(job) = self.jobs.get_mut(&taken.id) else {
            return;
        };
        job.delivered += 1;
        let (delivered, allowed) = (job.delivered, 1 + job.excuses);
        // A thing that is undone while the attempt is under way may still be told.
        let taken_ms = job.taken_ms;
        if delivered > allowed {
            let what = format!("{} went out {delivered} times", taken.key);
            self.fail(MoneyCheck::MailedOnce, what);
        }
        if undone.is_some_and(|undone_ms| undone_ms < taken_ms) {
            let what = format!("{} went out for what was undone", taken.key);
            self.fail(MoneyCheck::MailedDue, what);
        }
    }

    /// Since when there is nothing to tell any more.
    fn undone_ms(&self, job: &TakenJob) -> Option<u64> {
        let sale = |id: BookingId| self.sales.get(&id);
        match &*job.kind {
            CONFIRMATION_JOB => sale(read::<Confirmation>(job).ok()?.booking_id)?.undone_ms,
            PUSH_JOB => {
                let of: PushJob = read(job).ok()?;
                sale(self.pushed(of.subscription_id)?)?.over_ms
            }
            PAYMENT_REMINDER_JOB => sale(read::<PaymentReminder>(job).ok()?.booking_id)?.begun_ms,
            TRANSFER_OFFER_JOB => {
                let of: TransferOffer = read(job).ok()?;
                self.handed.get(&of.transfer_id)?.closed_ms
            }
            TICKET_SENT_JOB => {
                let of: TicketSent = read(job).ok()?;
                let handed = self.handed.get(&of.transfer_id)?;
                let is_void = self.ticket(&handed.code) == Some(TicketStatus::Void);
                sale(handed.booking)?.undone_ms.filter(|_| is_void)
            }
            _ => None,
        }
    }

    /// Mails that nobody got although they are due.
    pub(super) fn unsent(&mut self) -> Vec<String> {
        let mut due = Vec::new();
        for (id, sale) in &self.sales {
            let status = sale.standing.booking.status;
            if status == BookingStatus::Confirmed {
                due.push(format!("{CONFIRMATION_JOB}-{id}"));
            }
            if status == BookingStatus::Cancelled && sale.is_cancelled_by_staff {
                due.push(format!("{CANCELLATION_JOB}-{id}"));
            }
        }
        for attempt in self.attempts.values().filter(|one| one.owed) {
            let booking = &self.sales[&attempt.booking_id].standing.booking;
            if self.is_owed(booking) && booking.payment_id == Some(attempt.id) {
                due.push(payment_owed_job(attempt).key);
            }
        }
        for refund in self.refunds.values().filter(|one| refund_mail::is_due(one)) {
            due.push(format!("refund-mail-{}", refund.id));
        }
        for (id, handed) in &self.handed {
            let is_void = self.ticket(&handed.code) == Some(TicketStatus::Void);
            match (handed.is_accepted, is_void) {
                (true, true) => due.push(format!("ticket-void-{}", handed.code)),
                (true, false) => due.extend([sent_key(*id), given_key(*id)]),
                (false, _) if handed.closed_ms.is_none() && !is_void => due.push(offer_key(*id)),
                (false, _) => {}
            }
        }
        due.retain(|key| {
            let job = self.job_ids.get(key).and_then(|id| self.jobs.get(id));
            // Else a person looks at it.
            let for_review =
                |job: &SimJob| job.row == SimJobRow::Review && (job.refused || job.unanswered > 0);
            !job.is_some_and(|job| job.delivered > 0 || for_review(job))
        });
        due
    }
}

/// The payload of a new holder's mail.
pub(super) fn sent_payload(transfer: TransferId) -> Value {
    serde_json::json!({ "transfer_id": transfer, "event_id": EVENT, "generation": HANDED_ON })
}
