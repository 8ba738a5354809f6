//! Contents of mails about bookings, and the jobs that send them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::types::ToSql;

use super::jobs::{JobReason, JobState, QueuedJob, millis};
use super::transfers::{TICKET_GIVEN_JOB, TICKET_SENT_JOB, TRANSFER_OFFER_JOB};
use super::{Store, StoreError, Total};
use crate::config::rest::LIST_COUNTED_MAX;
use crate::lang::Lang;
use crate::ticketing::payment::Attempt;
use crate::ticketing::record::{BookingStatus, Money};
use crate::ticketing::{BookingId, EventId, RefundId};

/// The job that sends the tickets.
pub const CONFIRMATION_JOB: &str = "confirmation";
/// How long a mail about a booking is worth sending.
pub const LETTER_WORTH: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Sends a booking's tickets to its buyer.
pub fn confirmation_job(booking: BookingId, event: EventId) -> QueuedJob {
    QueuedJob {
        kind: CONFIRMATION_JOB,
        key: format!("{CONFIRMATION_JOB}-{booking}"),
        payload: json!({ "booking_id": booking, "event_id": event }),
        worth: LETTER_WORTH,
    }
}

/// The job that tells a buyer that staff cancelled the booking, or the event.
pub const CANCELLATION_JOB: &str = "cancellation";
/// The job that tells the holder of a ticket that it was taken back.
pub const TICKET_VOID_JOB: &str = "ticket_void";
/// The job that tells a buyer that money went back.
pub const REFUND_MAIL_JOB: &str = "refund_mail";
/// The job that reminds a buyer who has not begun to pay.
pub const PAYMENT_REMINDER_JOB: &str = "payment_reminder";
/// The job that asks a buyer to pay again, whose money did not come.
pub const PAYMENT_OWED_JOB: &str = "payment_owed";
/// The job that tells everybody who had a booking of a cancelled event, or waited for one. `sql/V14__ledger.sql` writes it.
pub const EVENT_CANCELLED_JOB: &str = "event_cancelled";
/// Holds that one look for reminders goes through, and reminders that it writes.
const HOLDS_LOOKED_AT_MAX: i64 = 10_000;
const REMINDERS_MAX: i64 = 1_000;

/// Tells a buyer that the booking was cancelled.
pub fn cancellation_job(booking: BookingId, event: EventId) -> QueuedJob {
    QueuedJob {
        kind: CANCELLATION_JOB,
        key: format!("{CANCELLATION_JOB}-{booking}"),
        payload: json!({ "booking_id": booking, "event_id": event }),
        worth: LETTER_WORTH,
    }
}

/// Tells the holder of a ticket, which its booking knows by `code`, that it was taken back.
pub fn ticket_void_job(code: &str, event: EventId) -> QueuedJob {
    QueuedJob {
        kind: TICKET_VOID_JOB,
        key: format!("ticket-void-{code}"),
        payload: json!({ "code": code, "event_id": event }),
        worth: LETTER_WORTH,
    }
}

/// Tells a buyer that money went back.
pub fn refund_mail_job(refund: RefundId, booking: BookingId, event: EventId) -> QueuedJob {
    QueuedJob {
        kind: REFUND_MAIL_JOB,
        key: format!("refund-mail-{refund}"),
        payload: json!({ "refund_id": refund, "booking_id": booking, "event_id": event }),
        worth: LETTER_WORTH,
    }
}

/// Asks a buyer, whose booking is sold to this attempt, to pay again.
pub fn payment_owed_job(of: &Attempt) -> QueuedJob {
    QueuedJob {
        kind: PAYMENT_OWED_JOB,
        key: format!("payment-owed-{}", of.id),
        payload: json!({ "payment_id": of.id, "booking_id": of.booking_id, "event_id": of.event_id }),
        worth: LETTER_WORTH,
    }
}

/// How far the buyers of a cancelled event were told: the last booking, in the order in which they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldUpTo {
    pub created_at: Timestamp,
    pub id: BookingId,
}

/// Kinds of jobs that are mails about an event's bookings and tickets.
const MAILS_OF_EVENTS: [&str; 9] = [
    CONFIRMATION_JOB,
    PAYMENT_REMINDER_JOB,
    PAYMENT_OWED_JOB,
    CANCELLATION_JOB,
    REFUND_MAIL_JOB,
    TICKET_VOID_JOB,
    TRANSFER_OFFER_JOB,
    TICKET_SENT_JOB,
    TICKET_GIVEN_JOB,
];

/// A mail about a booking or a ticket, and whether it went out.
#[derive(Debug, Clone, PartialEq)]
pub struct EventMail {
    pub id: i64,
    pub kind: String,
    pub status: JobState,
    pub booking_id: Option<BookingId>,
    /// Whether the booking has an address, or its buyer's account. Without one a mail to the buyer is `done`, and was not
    /// sent. True of mails that name no booking.
    pub has_address: bool,
    /// Why the last attempt failed.
    pub reason: Option<JobReason>,
    /// Attempts so far.
    pub attempts: i32,
    pub created_at: Timestamp,
}

/// A booking, for a mail to its buyer.
#[derive(Debug, Clone, PartialEq)]
pub struct BookingToTell {
    pub id: BookingId,
    pub event_id: EventId,
    pub email: String,
    pub lang: Lang,
    /// Its buyer has an account.
    pub has_account: bool,
    pub status: BookingStatus,
    pub reference: String,
    pub total: Money,
    pub expires_at: Option<Timestamp>,
    pub cancel_reason: Option<String>,
    /// It was offered to somebody on the waitlist, who had not accepted it.
    pub is_offer: bool,
    /// A payment was begun, or staff took one.
    pub has_payment: bool,
    /// Money was taken for it.
    pub was_paid: bool,
    /// It is confirmed, its money did not come, and nobody has decided otherwise.
    pub is_owed: bool,
    pub event_cancelled: bool,
    pub event_cancel_reason: Option<String>,
    pub title: String,
    pub venue: String,
    pub starts_at: Timestamp,
    /// IANA.
    pub timezone: String,
    /// By the database's clock.
    pub now: Timestamp,
}

/// Something that keeps a booking's tickets from being mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketsUnmailed {
    /// They open nothing any more.
    EventCancelled,
    NotConfirmed,
    /// All were taken back, or handed on.
    NoTicket,
    NoAddress,
}

impl TicketsUnmailed {
    pub fn code(self) -> &'static str {
        match self {
            TicketsUnmailed::EventCancelled => "EVENT_CANCELLED",
            TicketsUnmailed::NotConfirmed => "NOT_CONFIRMED",
            TicketsUnmailed::NoTicket => "TICKET_NOT_FOUND",
            TicketsUnmailed::NoAddress => "NO_ADDRESS",
        }
    }
}

impl Store {
    /// Where a booking's tickets are mailed, or why they cannot be, as the job that mails them would find.
    pub async fn ticket_mail_address(
        &self,
        booking: BookingId,
    ) -> Result<Result<String, TicketsUnmailed>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select e.status = 'cancelled', b.status = 'confirmed',
                   (select true from tickets k
                     where k.booking_id = b.id and k.status <> 'void'
                       and (select true from ticket_holders h where h.ticket_id = k.id limit 1) is null limit 1) is true,
                   coalesce(c.email, u.email)
              from bookings b
              join events e on e.id = b.event_id
              left join lateral (select email from booking_contacts where booking_id = b.id limit 1) c on true
              left join lateral (select email from users where id = owner_of(b) limit 1) u on true
             where b.id = $1";
        let statement = client.prepare_cached(sql).await?;
        let Some(row) = client.query_opt(&statement, &[&booking]).await? else {
            return Ok(Err(TicketsUnmailed::NoTicket));
        };
        let (is_cancelled, is_confirmed): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
        let (has_ticket, address): (bool, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
        // The bookings of a cancelled event end soon after it, which is no news to whoever is told of the event.
        Ok(match (is_cancelled, is_confirmed, has_ticket, address) {
            (true, _, _, _) => Err(TicketsUnmailed::EventCancelled),
            (_, false, _, _) => Err(TicketsUnmailed::NotConfirmed),
            (_, _, false, _) => Err(TicketsUnmailed::NoTicket),
            (_, _, _, None) => Err(TicketsUnmailed::NoAddress),
            (false, true, true, Some(address)) => Ok(address),
        })
    }

    /// `None`: there is no such booking, or no address to write to.
    pub async fn booking_to_tell(
        &self,
        booking: BookingId,
    ) -> Result<Option<BookingToTell>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select b.event_id, coalesce(c.email, u.email), coalesce(c.lang, 'en'), b.user_id is not null and b.kind <> 'staff', b.status,
                   b.reference, b.total_amount, b.currency, b.expires_at, b.cancel_reason,
                   exists (select from payments p where p.booking_id = b.id), e.title, e.venue, e.starts_at, e.timezone,
                   statement_timestamp(), e.status = 'cancelled', e.cancel_reason,
                   exists (select from payments p where p.booking_id = b.id and p.captured_amount > 0),
                   b.status = 'confirmed' and exists (select from payments p where p.id = b.payment_id and p.owed),
                   b.kind = 'offer'
              from bookings b
              join events e on e.id = b.event_id
              left join lateral (select email, lang from booking_contacts where booking_id = b.id limit 1) c on true
              left join lateral (select email from users where id = owner_of(b) limit 1) u on true
             where b.id = $1";
        let statement = client.prepare_cached(sql).await?;
        let Some(row) = client.query_opt(&statement, &[&booking]).await? else {
            return Ok(None);
        };
        let Some(email) = row.try_get(1)? else {
            return Ok(None);
        };
        let status: &str = row.try_get(4)?;
        Ok(Some(BookingToTell {
            id: booking,
            event_id: row.try_get(0)?,
            email,
            lang: Lang::parse(row.try_get(2)?).unwrap_or(Lang::En),
            has_account: row.try_get(3)?,
            status: (BookingStatus::ALL.into_iter())
                .find(|known| known.as_str() == status)
                .ok_or_else(|| StoreError::corrupt(format!("booking status {status}")))?,
            reference: row.try_get(5)?,
            total: Money {
                amount: row.try_get(6)?,
                currency: row.try_get(7)?,
            },
            expires_at: row.try_get(8)?,
            cancel_reason: row.try_get(9)?,
            has_payment: row.try_get(10)?,
            title: row.try_get(11)?,
            venue: row.try_get(12)?,
            starts_at: row.try_get(13)?,
            timezone: row.try_get(14)?,
            now: row.try_get(15)?,
            event_cancelled: row.try_get(16)?,
            event_cancel_reason: row.try_get(17)?,
            was_paid: row.try_get(18)?,
            is_owed: row.try_get(19)?,
            is_offer: row.try_get(20)?,
        }))
    }

    /// Writes the mails to the buyers of the next bookings of an event that was cancelled at `cancelled_at`, and to those
    /// who hold their tickets: all who had something then. Answers where to go on; `None`: there are no more.
    pub async fn tell_of_cancelled_event(
        &self,
        event: EventId,
        cancelled_at: Timestamp,
        after: Option<ToldUpTo>,
        limit: i64,
    ) -> Result<Option<ToldUpTo>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "with batch as materialized (
                 select id, created_at, status = 'confirmed' or status in ('cancelled', 'refunded') and ended_at >= $2 as had
                   from bookings where event_id = $1 and (created_at, id) > ($3, $4)
                  order by event_id, created_at, id limit $5
             ), told as (
                 insert into jobs (kind, key, payload, expires_at)
                 select '{CANCELLATION_JOB}', '{CANCELLATION_JOB}-' || id, jsonb_build_object('booking_id', id, 'event_id', $1),
                        clock_timestamp() + $6 * interval '1 ms'
                   from batch where had order by id
                     on conflict (key) do nothing
             ), holders as (
                 insert into jobs (kind, key, payload, expires_at)
                 select '{TICKET_VOID_JOB}', 'ticket-void-' || k.code, jsonb_build_object('code', k.code, 'event_id', $1),
                        clock_timestamp() + $6 * interval '1 ms'
                   from batch cross join lateral (select code, status from tickets where booking_id = batch.id) k
                  where had and k.status = 'transferred' order by k.code
                     on conflict (key) do nothing
             )
             select created_at, id from batch order by created_at desc, id desc limit 1"
        );
        let statement = client.prepare_cached(&sql).await?;
        let (at, id) = match after {
            None => (Timestamp::UNIX_EPOCH, BookingId(uuid::Uuid::nil())),
            Some(after) => (after.created_at, after.id),
        };
        let worth = millis(LETTER_WORTH) as f64;
        let row = client
            .query_opt(
                &statement,
                &[&event, &cancelled_at, &at, &id, &limit, &worth],
            )
            .await?;
        row.map(|row| {
            Ok(ToldUpTo {
                created_at: row.try_get(0)?,
                id: row.try_get(1)?,
            })
        })
        .transpose()
    }

    /// Writes the reminders of holds that end within `before`, were made as long ago, and whose buyers have not begun to
    /// pay; answers how many.
    pub async fn queue_reminders(&self, before: Duration) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "insert into jobs (kind, key, payload, expires_at)
             select '{PAYMENT_REMINDER_JOB}', '{PAYMENT_REMINDER_JOB}-' || b.id, jsonb_build_object('booking_id', b.id, 'event_id', b.event_id), b.due_at
               from (select id, event_id, due_at, created_at, kind, processing_since from bookings
                      where due_at is not null and due_at > statement_timestamp()
                        and due_at <= statement_timestamp() + $1 * interval '1 ms'
                      order by due_at limit $2) b
              where b.created_at <= statement_timestamp() - $1 * interval '1 ms'
                and b.kind = 'checkout' and b.processing_since is null
                and not exists (select from payments p where p.booking_id = b.id)
                and not exists (select from jobs j where j.key = '{PAYMENT_REMINDER_JOB}-' || b.id)
              order by b.id limit $3
                 on conflict (key) do nothing"
        );
        let statement = client.prepare_cached(&sql).await?;
        let before = millis(before) as f64;
        let written = client
            .execute(&statement, &[&before, &HOLDS_LOOKED_AT_MAX, &REMINDERS_MAX])
            .await?;
        Ok(written)
    }

    /// A page of the mails about an event's bookings and tickets, the newest first, and how many there are. `before`: behind
    /// the one with this id. Those that went out are known for an hour.
    pub async fn mails_of_event(
        &self,
        event: EventId,
        booking: Option<BookingId>,
        status: Option<JobState>,
        before: Option<i64>,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<EventMail>, Total), StoreError> {
        let client = self.client().await?;
        let sql = "
            select j.id, j.kind, j.state, j.booking_id, j.reason, j.attempts, j.created_at,
                   j.booking_id is null or c.email is not null or u.email is not null
              from (select id, kind, state, (payload->>'booking_id')::uuid as booking_id, reason, attempts, created_at
                      from jobs where event_id = $1 and id < $2 and kind = any($3) and ($4::text is null or state = $4)
                       and ($5::text is null or payload->>'booking_id' = $5)
                     order by event_id desc, id desc limit $6 offset $7) j
              left join lateral (select owner_of(bookings) as user_id from bookings where id = j.booking_id limit 1) b on true
              left join lateral (select email from booking_contacts where booking_id = j.booking_id limit 1) c on true
              left join lateral (select email from users where id = b.user_id limit 1) u on true
             order by j.id desc";
        let statement = client.prepare_cached(sql).await?;
        let before = before.unwrap_or(i64::MAX);
        let kinds = MAILS_OF_EVENTS.as_slice();
        let status = status.map(JobState::as_str);
        let booking = booking.map(|booking| booking.to_string());
        let rows = client
            .query(
                &statement,
                &[&event, &before, &kinds, &status, &booking, &limit, &offset],
            )
            .await?;
        let matches =
            "from jobs where event_id = $1 and kind = any($2) and ($3::text is null or state = $3)
                         and ($4::text is null or payload->>'booking_id' = $4)";
        let values: [&(dyn ToSql + Sync); 4] = [&event, &kinds, &status, &booking];
        let total = Total::of(&client, matches, &values, LIST_COUNTED_MAX).await?;
        let read = |row: &tokio_postgres::Row| {
            Ok(EventMail {
                id: row.try_get(0)?,
                kind: row.try_get(1)?,
                status: JobState::of(row.try_get(2)?),
                booking_id: row.try_get(3)?,
                has_address: row.try_get(7)?,
                reason: row.try_get::<_, Option<&str>>(4)?.map(JobReason::read),
                attempts: row.try_get(5)?,
                created_at: row.try_get(6)?,
            })
        };
        let rows = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok((rows, total))
    }
}
