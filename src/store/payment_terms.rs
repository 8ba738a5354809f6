//! An organizer's terms for the money of an event: what owners get back, and whether somebody may pay in days.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::audit_trail::AuditEntry;
use super::{Store, StoreError, edit};
use crate::auth::Caller;
use crate::ticketing::live::EventStatus;
use crate::ticketing::refund_policy::RefundPolicy;
use crate::ticketing::{EventId, UserId};

/// An event's policy, and what else decides whether owners may cancel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolicyOf {
    pub policy: RefundPolicy,
    pub starts_at: Timestamp,
    pub status: EventStatus,
    /// By the database's clock.
    pub now: Timestamp,
}

/// Ways to pay of an event that take days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"offline_days": 7, "instructions": "IBAN DE02 1203 0000 0000 2020 51"}))]
pub struct PaymentTerms {
    /// Holds of those who pay by transfer, on an invoice or in cash at the door wait so many days; 0: nobody may.
    #[schema(minimum = 0, maximum = 60, default = 0, required = false)]
    pub offline_days: i64,
    /// For the buyer: the bank account, and what else there is to know.
    #[schema(max_length = 1000, required = false)]
    pub instructions: String,
}

impl Store {
    /// `None`: there is no such event.
    pub async fn refund_policy(&self, event: EventId) -> Result<Option<PolicyOf>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select e.starts_at, statement_timestamp(), p.percent, p.until_minutes, p.by_ticket, p.keeps_fees, e.status
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
            status: edit::status(row.try_get(6)?)?,
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
}
