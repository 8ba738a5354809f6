//! Payments and jobs that wait for a person, listed and worked off. Decisions are in the audit trail, written in
//! the same transaction.

use std::time::Duration;

use deadpool_postgres::Transaction;
use serde_json::json;
use tokio_postgres::types::ToSql;

use super::audit_trail::AuditEntry;
use super::jobs::{KnownJob, known_job, ring};
use super::payments::{ATTEMPT, LIVE, attempt, payment_job};
use super::refunds::{explain_refunds, keep_rest};
use super::{Store, StoreError, Total};
use crate::auth::Caller;
use crate::config::rest::LIST_COUNTED_MAX;
use crate::ticketing::payment::Attempt;
use crate::ticketing::record::BookingStatus;
use crate::ticketing::review::Decision;
use crate::ticketing::{BookingId, EventId, OrganizationId, PaymentId, UserId};

/// A payment that waits for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct PaymentForReview {
    pub attempt: Attempt,
    /// The newest first.
    pub reasons: Vec<String>,
    /// Reasons that there ever were, so that a decision can say which it has read.
    pub reason_count: i32,
    pub reference: String,
    pub booking: BookingStatus,
    pub organizer: UserId,
    /// Disputed amounts that cardholders' banks kept.
    pub lost_amount: i64,
    /// Amounts of refunds that came to nothing and wait for a person: still reserved.
    pub stuck_amount: i64,
    /// Another attempt of the booking is live.
    pub is_rivalled: bool,
}

/// Sets a reason to look at a payment before those that nobody has looked at yet; `reason` is SQL.
pub(super) fn another_reason(reason: &str) -> String {
    format!(
        "review = left(concat_ws(chr(10), left(translate({reason}, chr(10), ' '), {REASON_CHARS_MAX}), review), {REASONS_CHARS_MAX}),
         review_count = review_count + 1"
    )
}

/// Of one reason.
const REASON_CHARS_MAX: usize = 500;
/// Of all that wait: the oldest are not shown any more then. The table says the same.
const REASONS_CHARS_MAX: usize = 2_000;

/// Columns besides those of the attempt `p`, its booking `b` and its event `e`.
const MORE: &str = "p.review, b.reference, b.status, e.organizer_id,
    (select coalesce(sum(amount), 0)::bigint from disputes where payment_id = p.id and state = 'lost'),
    exists (select from payments other where other.booking_id = p.booking_id and other.id <> p.id
               and other.state in ('creating', 'requires_action', 'authorized', 'processing')),
    (select coalesce(sum(amount), 0)::bigint from refunds where payment_id = p.id and state = 'needs_review'),
    p.review_count";

/// The constraint that keeps a booking from two live attempts.
const ONE_LIVE: &str = "payments_one_live";

/// A job that waits is worth so much longer when it is tried again.
const JOB_AGAIN: Duration = Duration::from_secs(24 * 3_600);

impl Store {
    /// Payments that wait for a person, the oldest first, after `after`; `organizations: None` means all. Where an event or a
    /// booking is named, its own alone.
    pub async fn payments_for_review(
        &self,
        organizations: Option<&[OrganizationId]>,
        (event, booking): (Option<EventId>, Option<BookingId>),
        after: Option<PaymentId>,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<PaymentForReview>, Total), StoreError> {
        let client = self.client().await?;
        let (more, whose) = (
            "cross join lateral (select organizer_id from events where id = p.event_id limit 1) e
             cross join lateral (select reference, status from bookings where id = p.booking_id limit 1) b",
            "p.review is not null and ($1::bigint[] is null or e.organizer_id = any($1))
               and ($2::bigint is null or p.event_id = $2) and ($3::uuid is null or p.booking_id = $3)",
        );
        let sql = format!(
            "select {ATTEMPT}, {MORE} from payments p {more}
              where {whose} and p.id > coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')
              order by p.id limit $5 offset $6"
        );
        let statement = client.prepare_cached(&sql).await?;
        let rows = client
            .query(
                &statement,
                &[&organizations, &event, &booking, &after, &limit, &offset],
            )
            .await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        let all = format!("from payments p {more} where {whose}");
        let which: [&(dyn ToSql + Sync); 3] = [&organizations, &event, &booking];
        let total = Total::of(&client, &all, &which, LIST_COUNTED_MAX).await?;
        Ok((rows, total))
    }

    /// `None`: there is no such payment, or it waits for nobody.
    pub async fn payment_for_review(
        &self,
        id: PaymentId,
    ) -> Result<Option<PaymentForReview>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select {ATTEMPT}, {MORE}
               from payments p join events e on e.id = p.event_id join bookings b on b.id = p.booking_id
              where p.id = $1 and p.review is not null"
        );
        let statement = client.prepare_cached(&sql).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        row.map(|row| read(&row)).transpose()
    }

    /// Takes a payment off the list, as was decided; `false`: it is not on it any more, there is a reason that was not read, or
    /// another attempt of its booking is live, so that this one cannot be.
    pub async fn decide_payment(
        &self,
        caller: &Caller,
        of: &PaymentForReview,
        decision: Decision,
        note: &str,
    ) -> Result<bool, StoreError> {
        let given = (caller, of, decision, note);
        let decided = self
            .transaction(&given, |tx, (caller, of, decision, note)| {
                Box::pin(decide(tx, caller, of, *decision, note))
            })
            .await;
        match decided {
            // Another attempt began in this moment.
            Err(error) if error.constraint() == Some(ONE_LIVE) => Ok(false),
            decided => decided,
        }
    }

    /// Frees the amounts of refunds of a payment that came to nothing, so that they can be given back otherwise.
    pub async fn give_up_refunds(&self, payment: PaymentId) -> Result<(), StoreError> {
        self.transaction(&payment, |tx, payment| {
            Box::pin(async move {
                // Payments before refunds, as everybody takes them.
                let sql = "select from payments where id = $1 for no key update";
                let statement = tx.prepare_cached(sql).await?;
                tx.query_opt(&statement, &[payment]).await?;
                give_up_refunds(tx, *payment).await
            })
        })
        .await
    }

    /// Refunds of a payment that came to nothing.
    pub async fn failed_refunds(&self, payment: PaymentId) -> Result<i64, StoreError> {
        let client = self.client().await?;
        let sql = "
            select count(*) from (select state from refunds where payment_id = $1 order by payment_id, id limit 10000) r
             where state = 'failed'";
        let statement = client.prepare_cached(sql).await?;
        Ok(client
            .query_one(&statement, &[&payment])
            .await?
            .try_get(0)?)
    }

    /// Jobs that wait for a person, by organization and the oldest first, after that job of that organization (0: of none);
    /// `organizations: None` means all.
    pub async fn jobs_for_review(
        &self,
        organizations: Option<&[OrganizationId]>,
        after: Option<(i64, i64)>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<KnownJob>, Total), StoreError> {
        let client = self.client().await?;
        let waiting = "from jobs where state = 'needs_review'";
        // Of each organization as many as the page could need, along the index of its jobs.
        let (page, all) = match organizations {
            Some(_) => (
                format!(
                    "select j.* from unnest($1::bigint[]) own (id)
                      cross join lateral (select * {waiting} and coalesce(organization_id, 0) = own.id
                                                         and (coalesce(organization_id, 0), id) > ($2, $3)
                                           order by coalesce(organization_id, 0), id limit $4::bigint + $5::bigint) j"
                ),
                format!(
                    "from unnest($1::bigint[]) own (id)
                      cross join lateral (select {waiting} and coalesce(organization_id, 0) = own.id) j"
                ),
            ),
            None => (
                format!(
                    "select * {waiting} and $1::bigint[] is null and (coalesce(organization_id, 0), id) > ($2, $3)"
                ),
                format!("{waiting} and $1::bigint[] is null"),
            ),
        };
        let sql = format!(
            "select id, kind, state, payload, progress, reason, created_at, organization_id, key
               from ({page} order by coalesce(organization_id, 0), id limit $4 offset $5) as page
              order by coalesce(organization_id, 0), id"
        );
        let statement = client.prepare_cached(&sql).await?;
        let (organization, id) = after.unwrap_or((-1, 0));
        let values: [&(dyn ToSql + Sync); 5] =
            [&organizations, &organization, &id, &limit, &offset];
        let rows = client.query(&statement, &values).await?;
        let jobs = rows.iter().map(known_job).collect::<Result<_, _>>()?;
        let total = Total::of(&client, &all, &[&organizations], LIST_COUNTED_MAX).await?;
        Ok((jobs, total))
    }

    /// Lets a job that waits for a person be tried again; `false`: it does not wait for one.
    pub async fn retry_job(&self, caller: &Caller, job: &KnownJob) -> Result<bool, StoreError> {
        let sql = "
            update jobs set state = 'waiting', run_at = clock_timestamp(), failures = 0, reason = null,
                   expires_at = greatest(expires_at, clock_timestamp() + $2::float8 * interval '1 s')
             where id = $1 and state = 'needs_review'";
        self.settle_review(caller, job, sql, "retry").await
    }

    /// Drops a job that waits for a person; `false`: it does not wait for one.
    pub async fn drop_job(&self, caller: &Caller, job: &KnownJob) -> Result<bool, StoreError> {
        let sql = "delete from jobs where id = $1 and state = 'needs_review' and $2::float8 >= 0";
        self.settle_review(caller, job, sql, "drop").await
    }

    async fn settle_review(
        &self,
        caller: &Caller,
        job: &KnownJob,
        sql: &str,
        act: &str,
    ) -> Result<bool, StoreError> {
        let given = (caller, job, sql, act);
        self.transaction(&given, |tx, (caller, job, sql, act)| {
            Box::pin(async move {
                let statement = tx.prepare_cached(sql).await?;
                let worth = JOB_AGAIN.as_secs_f64();
                if tx.execute(&statement, &[&job.id, &worth]).await? == 0 {
                    return Ok(false);
                }
                let organization = job.organization;
                let entry = AuditEntry::new(caller, organization, format!("job:{}", job.id));
                let mut detail = json!({ "kind": job.kind, "decision": act });
                if let Some(key) = job.told_key() {
                    detail["key"] = key.into();
                }
                entry.with(detail).write(tx).await?;
                Ok(true)
            })
        })
        .await
    }
}

/// Of a payment whose row this transaction has locked.
async fn give_up_refunds(tx: &Transaction<'_>, payment: PaymentId) -> Result<(), StoreError> {
    let sql = "
        with ended as (
            update refunds set state = 'failed'
             where id = any(array(select id from refunds where payment_id = $1 and state = 'needs_review'
                                   order by payment_id, id limit 1000))
               and state = 'needs_review'
            returning amount
        )
        update payments set refunded_amount = refunded_amount - coalesce((select sum(amount) from ended), 0)::bigint
         where id = $1 and exists (select from ended)";
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, &[&payment]).await?;
    Ok(())
}

async fn decide(
    tx: &Transaction<'_>,
    caller: &Caller,
    of: &PaymentForReview,
    decision: Decision,
    note: &str,
) -> Result<bool, StoreError> {
    let id = of.attempt.id;
    let sql = match decision {
        Decision::Retry => format!(
            "update payments p set state = 'requires_action', review = null
              where id = $1 and not owed and state = 'needs_review' and review_count = $2
                and not exists (select from payments other where other.booking_id = p.booking_id and other.{LIVE})"
        ),
        _ => "update payments
                 set state = case state when 'needs_review' then 'canceled' else state end, review = null, owed = false
               where id = $1 and review is not null and review_count = $2"
            .to_owned(),
    };
    let statement = tx.prepare_cached(&sql).await?;
    if tx.execute(&statement, &[&id, &of.reason_count]).await? == 0 {
        return Ok(false);
    }
    match decision {
        Decision::Retry => ring(tx, &payment_job(id), Duration::ZERO).await?,
        _ => {
            // Nobody waits for them any more, and what they reserved may be given back another time.
            give_up_refunds(tx, id).await?;
            // Somebody has looked at what was given back at the provider.
            explain_refunds(tx, &of.attempt, of.organizer).await?;
            keep_rest(tx, id).await?;
            if of.attempt.owed {
                // Nothing is owed any more: whoever is paying again is let go.
                ring_others(tx, &of.attempt).await?;
            }
        }
    }
    let organization = Some(of.organizer.into());
    let entry = AuditEntry::new(caller, organization, format!("payment:{id}"));
    let detail = json!({ "decision": decision, "why": of.reasons.join("; "), "note": note });
    entry.with(detail).write(tx).await?;
    Ok(true)
}

/// Lets the live attempts of the same booking be looked at now.
async fn ring_others(tx: &Transaction<'_>, of: &Attempt) -> Result<(), StoreError> {
    let sql = format!("select id from payments where booking_id = $1 and {LIVE}");
    let statement = tx.prepare_cached(&sql).await?;
    for row in tx.query(&statement, &[&of.booking_id]).await? {
        ring(tx, &payment_job(row.try_get(0)?), Duration::ZERO).await?;
    }
    Ok(())
}

fn read(row: &tokio_postgres::Row) -> Result<PaymentForReview, StoreError> {
    let status: &str = row.try_get(23)?;
    let unknown = |_| StoreError::corrupt(format!("booking status {status}"));
    Ok(PaymentForReview {
        attempt: attempt(row)?,
        reasons: row
            .try_get::<_, &str>(21)?
            .lines()
            .map(str::to_owned)
            .collect(),
        reason_count: row.try_get(28)?,
        reference: row.try_get(22)?,
        booking: status.parse().map_err(unknown)?,
        organizer: row.try_get(24)?,
        lost_amount: row.try_get(25)?,
        is_rivalled: row.try_get(26)?,
        stuck_amount: row.try_get(27)?,
    })
}
