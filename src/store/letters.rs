//! What mails about bookings say, and the jobs that send them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::jobs::QueuedJob;
use super::{Store, StoreError};
use crate::lang::Lang;
use crate::ticketing::record::{BookingStatus, Money};
use crate::ticketing::{BookingId, EventId};

/// The job that sends the tickets.
pub const CONFIRMATION_JOB: &str = "confirmation";
/// How long a mail about a booking is worth sending.
pub const LETTER_WORTH: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Sends a booking's tickets to its buyer.
pub fn confirmation_job(booking: BookingId) -> QueuedJob {
    QueuedJob {
        kind: CONFIRMATION_JOB,
        key: format!("{CONFIRMATION_JOB}-{booking}"),
        payload: json!({ "booking_id": booking }),
        worth: LETTER_WORTH,
    }
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
    /// A payment was begun, or staff took one.
    pub has_payment: bool,
    pub title: String,
    pub venue: String,
    pub starts_at: Timestamp,
    /// IANA.
    pub timezone: String,
    /// By the database's clock.
    pub now: Timestamp,
}

impl Store {
    /// `None`: there is no such booking, or no address to write to.
    pub async fn booking_to_tell(
        &self,
        booking: BookingId,
    ) -> Result<Option<BookingToTell>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select b.event_id, coalesce(c.email, u.email), coalesce(c.lang, 'en'), b.user_id is not null, b.status,
                   b.reference, b.total_amount, b.currency, b.expires_at, b.cancel_reason,
                   exists (select from payments p where p.booking_id = b.id), e.title, e.venue, e.starts_at, e.timezone,
                   statement_timestamp()
              from bookings b
              join events e on e.id = b.event_id
              left join lateral (select email, lang from booking_contacts where booking_id = b.id limit 1) c on true
              left join lateral (select email from users where id = b.user_id limit 1) u on true
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
        }))
    }
}
