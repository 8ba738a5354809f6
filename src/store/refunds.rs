//! Refund policies of events, and what a cancelled event, or a cancelled booking, has to give back. The rows of refunds are
//! written in `payments.rs`.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::audit_trail::AuditEntry;
use super::idempotency::{self, IdempotencyKey, Once};
use super::jobs::QueuedJob;
use super::payments::MONEY_WORTH;
use super::{Store, StoreError};
use crate::auth::Caller;
use crate::ticketing::refund_policy::RefundPolicy;
use crate::ticketing::{BookingId, EventId, PaymentId, UserId};

/// Why money goes back where nobody gave a reason. `jobs/refund_mail.rs` tells buyers in their language.
pub const PAID_TOO_LATE: &str = "paid too late";
pub const BOOKING_CANCELLED: &str = "the booking was cancelled";
pub const EVENT_CANCELLED: &str = "the event was cancelled";
pub const TICKETS_GIVEN_BACK: &str = "tickets were given back";
/// By a person, who says why in the audit trail.
pub const DECIDED: &str = "decided by a person";

/// The job that gives back what a booking was paid when its owner, or staff, cancelled it.
pub const GIVE_BACK_JOB: &str = "give_back";
/// The job that gives back what a cancelled event took. `sql/V14__ledger.sql` writes it.
pub const EVENT_REFUNDS_JOB: &str = "event_refunds";
/// The time in which a cancelled event has to come to an end; the trigger says the same.
pub const EVENT_REFUNDS_WORTH: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The key of that job.
pub fn event_refunds_key(event: EventId) -> String {
    format!("event-refunds:{event}")
}

/// An event's policy, and when the event begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolicyOf {
    pub policy: RefundPolicy,
    pub starts_at: Timestamp,
    /// By the database's clock.
    pub now: Timestamp,
}

/// Ways to pay of an event that take days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"offline_days": 7, "instructions": "IBAN DE02 1203 0000 0000 2020 51"}))]
pub struct PaymentTerms {
    /// Holds of those who pay by transfer or on an invoice wait so many days; 0: nobody may.
    #[schema(minimum = 0, maximum = 60, default = 0, required = false)]
    pub offline_days: i64,
    /// For the buyer: the bank account, and what else there is to know.
    #[schema(max_length = 1000, required = false)]
    pub instructions: String,
}

/// Money of a booking that was not given back yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreturned {
    pub booking_id: BookingId,
    pub payment_id: PaymentId,
    pub amount: i64,
}

/// Refunds that a cancelled event has still to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenRefunds {
    pub open: i64,
    pub for_review: i64,
}

/// Gives money of a booking back, without its tickets: they are void by the change that comes with this job.
/// `policy`: of an owner's own cancellation; `None`: all that is left.
pub fn give_back_job(booking: BookingId, policy: Option<RefundPolicy>, reason: &str) -> QueuedJob {
    QueuedJob {
        kind: GIVE_BACK_JOB,
        key: format!("give-back:{booking}"),
        payload: json!({ "booking_id": booking, "policy": policy, "reason": reason }),
        worth: MONEY_WORTH,
    }
}

impl Store {
    /// Whether a request with this key was answered before.
    pub async fn recall_answer(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Once<()>>, StoreError> {
        let known = idempotency::recall(&self.client().await?, key).await?;
        Ok(known.map(|once| once.map(|_| ())))
    }

    /// Stores the answer of a request whose effect has a key of its own.
    pub async fn remember_answer(
        &self,
        key: &IdempotencyKey,
        answer: &Value,
    ) -> Result<(), StoreError> {
        let remembered = idempotency::remember(&self.client().await?, key, 201, answer).await;
        match remembered {
            Err(error) if error.constraint() == Some(idempotency::KEY_TAKEN) => Ok(()),
            remembered => remembered,
        }
    }

    /// `None`: there is no such event.
    pub async fn refund_policy(&self, event: EventId) -> Result<Option<PolicyOf>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select e.starts_at, statement_timestamp(), p.percent, p.until_minutes, p.by_ticket, p.keeps_fees
              from events e
              left join lateral (select * from refund_policies where event_id = e.id limit 1) p on true
             where e.id = $1 and e.deleted_at is null";
        let statement = client.prepare_cached(sql).await?;
        let Some(row) = client.query_opt(&statement, &[&event]).await? else {
            return Ok(None);
        };
        let percent: Option<i32> = row.try_get(2)?;
        let policy = match percent {
            None => RefundPolicy::default(),
            Some(percent) => RefundPolicy {
                percent: percent.into(),
                until_minutes: row.try_get::<_, i32>(3)?.into(),
                by_ticket: row.try_get(4)?,
                keeps_fees: row.try_get(5)?,
            },
        };
        Ok(Some(PolicyOf {
            policy,
            starts_at: row.try_get(0)?,
            now: row.try_get(1)?,
        }))
    }

    pub async fn set_refund_policy(
        &self,
        caller: &Caller,
        (organizer, event): (UserId, EventId),
        policy: &RefundPolicy,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let sql = "
            insert into refund_policies (event_id, percent, until_minutes, by_ticket, keeps_fees) values ($1, $2, $3, $4, $5)
                on conflict (event_id) do update
               set percent = excluded.percent, until_minutes = excluded.until_minutes, by_ticket = excluded.by_ticket,
                   keeps_fees = excluded.keeps_fees, updated_at = clock_timestamp()";
        let statement = transaction.prepare_cached(sql).await?;
        let small = |number: i64| i32::try_from(number).unwrap_or(0);
        let (percent, until) = (small(policy.percent), small(policy.until_minutes));
        transaction
            .execute(
                &statement,
                &[
                    &event,
                    &percent,
                    &until,
                    &policy.by_ticket,
                    &policy.keeps_fees,
                ],
            )
            .await?;
        AuditEntry::of_event(caller, organizer, event)
            .with(json!({ "refund_policy": policy }))
            .write(&transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Ways to pay that take days; `None`: there is no such event.
    pub async fn payment_terms(&self, event: EventId) -> Result<Option<PaymentTerms>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select t.offline_days, t.instructions from events e
              left join lateral (select * from payment_terms where event_id = e.id limit 1) t on true
             where e.id = $1 and e.deleted_at is null";
        let statement = client.prepare_cached(sql).await?;
        let Some(row) = client.query_opt(&statement, &[&event]).await? else {
            return Ok(None);
        };
        let days: Option<i32> = row.try_get(0)?;
        Ok(Some(PaymentTerms {
            offline_days: days.unwrap_or(0).into(),
            instructions: row.try_get::<_, Option<String>>(1)?.unwrap_or_default(),
        }))
    }

    pub async fn set_payment_terms(
        &self,
        caller: &Caller,
        (organizer, event): (UserId, EventId),
        terms: &PaymentTerms,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let sql = "
            insert into payment_terms (event_id, offline_days, instructions) values ($1, $2, $3)
                on conflict (event_id) do update
               set offline_days = excluded.offline_days, instructions = excluded.instructions,
                   updated_at = clock_timestamp()";
        let statement = transaction.prepare_cached(sql).await?;
        let days = i32::try_from(terms.offline_days).unwrap_or(0);
        transaction
            .execute(&statement, &[&event, &days, &terms.instructions])
            .await?;
        AuditEntry::of_event(caller, organizer, event)
            .with(json!({ "payment_terms": terms }))
            .write(&transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Payments of an event that have money which was not given back, in the order of their ids, after `after`.
    pub async fn unreturned(
        &self,
        event: EventId,
        after: Option<PaymentId>,
        limit: i64,
    ) -> Result<Vec<Unreturned>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select booking_id, id, captured_amount - refunded_amount from payments
             where event_id = $1 and id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
               and state = 'captured' and captured_amount > refunded_amount
             order by event_id, id limit $3";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&event, &after, &limit]).await?;
        rows.iter()
            .map(|row| {
                Ok(Unreturned {
                    booking_id: row.try_get(0)?,
                    payment_id: row.try_get(1)?,
                    amount: row.try_get(2)?,
                })
            })
            .collect()
    }

    /// Confirmed bookings of an event, the oldest first.
    pub async fn confirmed_bookings(
        &self,
        event: EventId,
        limit: i64,
    ) -> Result<Vec<BookingId>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select id from bookings where event_id = $1 and status = 'confirmed'
             order by event_id, status, created_at, id limit $2";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&event, &limit]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// How many payments of an event were captured.
    pub async fn captured_payments(&self, event: EventId) -> Result<i64, StoreError> {
        let client = self.client().await?;
        let sql = "select count(*) from payments where event_id = $1 and captured_amount > 0";
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query_one(&statement, &[&event]).await?.try_get(0)?)
    }

    /// Attempts of an event that have not ended, in the order of their ids.
    pub async fn live_payments(
        &self,
        event: EventId,
        limit: i64,
    ) -> Result<Vec<PaymentId>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select id from payments
             where event_id = $1 and state in ('creating', 'requires_action', 'authorized', 'processing')
             order by event_id, id limit $2";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&event, &limit]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Refunds of an event that have not come to an end.
    pub async fn open_refunds(&self, event: EventId) -> Result<OpenRefunds, StoreError> {
        let client = self.client().await?;
        let sql = "
            select count(*) filter (where state in ('requested', 'pending')),
                   count(*) filter (where state in ('needs_review', 'failed'))
              from refunds where event_id = $1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_one(&statement, &[&event]).await?;
        Ok(OpenRefunds {
            open: row.try_get(0)?,
            for_review: row.try_get(1)?,
        })
    }
}
