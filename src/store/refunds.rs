//! Refunds: written, moved on and settled, each step in one transaction with the job that goes on with it and the posting
//! that it makes; and what a cancelled event, or a cancelled booking, has to give back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::Row;

use super::audit_trail::AuditEntry;
use super::idempotency::{self, IdempotencyKey};
use super::jobs::{QueuedJob, keep, ring};
use super::ledger::{self, Belonging};
use super::letters::refund_mail_job;
use super::payments::{LIVE, MONEY_WORTH};
use super::reviews::another_reason;
use super::tickets::ticket_status;
use super::{Store, StoreError};
use crate::config::inside::REFUND_LOOK_S;
use crate::ticketing::ledger::{
    Parts, RefundedParts, ReturnedParts, explained, explained_again, refund, refund_again,
    refund_kept,
};
use crate::ticketing::payment::Attempt;
use crate::ticketing::record::TicketStatus;
use crate::ticketing::refund_policy::RefundPolicy;
use crate::ticketing::{BookingId, EventId, PaymentId, RefundId, UserId};

/// Why money goes back where nobody gave a reason. `jobs/refund_mail.rs` tells buyers in their language.
pub const PAID_TOO_LATE: &str = "paid too late";
pub const BOOKING_CANCELLED: &str = "the booking was cancelled";
pub const EVENT_CANCELLED: &str = "the event was cancelled";
pub const TICKETS_GIVEN_BACK: &str = "tickets were given back";
/// By a person, who says why in the audit trail.
pub const DECIDED: &str = "decided by a person";

/// The job that goes on with a refund.
pub const REFUND_JOB: &str = "refund";
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

/// Money on its way back.
#[derive(Debug, Clone, PartialEq)]
pub struct Refund {
    pub id: RefundId,
    pub payment_id: PaymentId,
    pub booking_id: BookingId,
    pub event_id: EventId,
    pub amount: i64,
    pub currency: String,
    pub reason: String,
    /// Tickets that go with it, by code.
    pub tickets: Option<Vec<String>>,
    pub state: RefundState,
    pub provider_ref: Option<String>,
    pub failure: Option<String>,
    pub created_at: Timestamp,
    pub parts: RefundedParts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    Requested,
    /// The provider has it.
    Pending,
    Succeeded,
    Failed,
    NeedsReview,
}

impl RefundState {
    const ALL: [(RefundState, &str); 5] = [
        (RefundState::Requested, "requested"),
        (RefundState::Pending, "pending"),
        (RefundState::Succeeded, "succeeded"),
        (RefundState::Failed, "failed"),
        (RefundState::NeedsReview, "needs_review"),
    ];

    pub fn as_str(self) -> &'static str {
        let found = RefundState::ALL
            .into_iter()
            .find(|(state, _)| *state == self);
        found.map_or("needs_review", |(_, name)| name)
    }

    pub fn is_open(self) -> bool {
        matches!(self, RefundState::Requested | RefundState::Pending)
    }
}

/// A refund to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewRefund<'a> {
    pub event: EventId,
    pub payment: PaymentId,
    pub amount: i64,
    pub reason: &'a str,
    pub tickets: Option<&'a [String]>,
    /// The booking's owner asks, who can give no ticket back that somebody else holds.
    pub by_owner: bool,
    pub parts: RefundedParts,
    /// Two refunds with one key are one.
    pub key: &'a str,
    /// Of those whom staff ask for.
    pub audit: Option<&'a AuditEntry>,
    /// Stored with the refund, so that its request is known again whatever dies in between.
    pub asked: Option<&'a IdempotencyKey>,
}

/// How the request for a refund ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RefundBegun {
    New(Refund),
    /// There was one with its key.
    Before(Refund),
    /// So much can still be given back.
    Exceeds {
        left: i64,
    },
    /// One of its tickets went back by another refund, or is about to.
    GivenBefore,
    /// Its owner asks, and somebody else holds one of its tickets.
    HandedOn,
    /// There is no such payment, or nothing came in by it.
    NotCaptured,
}

/// Each ticket goes back by one refund.
const TICKET_ONCE: &str = "refunded_tickets_once";

pub fn refund_job(id: RefundId) -> QueuedJob {
    QueuedJob {
        kind: REFUND_JOB,
        key: format!("refund:{id}"),
        payload: json!({ "refund_id": id }),
        worth: MONEY_WORTH,
    }
}

/// Money of a booking that was not given back yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreturned {
    pub booking_id: BookingId,
    pub payment_id: PaymentId,
    pub amount: i64,
}

/// Money of a cancelled event that has not come to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenMoney {
    /// An attempt is about to end, or a refund about to be made: in seconds, unless its provider is away.
    pub moves: bool,
    /// A bank has a payment in process, or a refund. Its tickets went back before.
    pub takes_days: bool,
    /// Refunds that failed, and payments of which money was not given back.
    pub for_review: i64,
}

/// Gives money of a booking back, without its tickets: they are void by the change that comes with this job.
/// `policy`: of an owner's own cancellation; `None`: all that is left. `gone`: codes of tickets that were void before it.
pub fn give_back_job(
    booking: BookingId,
    policy: Option<RefundPolicy>,
    gone: &BTreeSet<String>,
    reason: &str,
) -> QueuedJob {
    QueuedJob {
        kind: GIVE_BACK_JOB,
        key: format!("give-back:{booking}"),
        payload: json!({ "booking_id": booking, "policy": policy, "gone": gone, "reason": reason }),
        worth: MONEY_WORTH,
    }
}

impl Store {
    /// Writes a refund, reserves its amount, and writes the job that goes on with it.
    pub async fn begin_refund(&self, new: &NewRefund<'_>) -> Result<RefundBegun, StoreError> {
        let mut client = self.client_of(new.event).await?;
        let transaction = client.transaction().await?;
        // The row is locked, so that two refunds are one after the other; and then read, with what was written while this one
        // waited for it.
        let sql = "select from payments p where id = $1 and state = 'captured' for no key update";
        let statement = transaction.prepare_cached(sql).await?;
        if transaction
            .query_opt(&statement, &[&new.payment])
            .await?
            .is_none()
        {
            return Ok(RefundBegun::NotCaptured);
        }
        let sql = format!("select {LEFT} from payments p where id = $1");
        let statement = transaction.prepare_cached(&sql).await?;
        let row = transaction.query_one(&statement, &[&new.payment]).await?;
        let left: i64 = row.try_get(0)?;
        let known = format!("select {REFUND} from refunds r where key = $1");
        let known = transaction.prepare_cached(&known).await?;
        if let Some(row) = transaction.query_opt(&known, &[&new.key]).await? {
            return Ok(RefundBegun::Before(read_refund(&row)?));
        }
        if new.amount > left {
            return Ok(RefundBegun::Exceeds { left });
        }
        if let Some(codes) = new.tickets {
            // They are handed on before this, or not at all.
            let sql = "select status from tickets where code = any($1) order by id for key share";
            let statement = transaction.prepare_cached(sql).await?;
            for row in transaction.query(&statement, &[&codes]).await? {
                if new.by_owner && ticket_status(row.try_get(0)?)? == TicketStatus::Transferred {
                    return Ok(RefundBegun::HandedOn);
                }
            }
        }
        let made = match insert_refund(&transaction, new).await {
            Err(error) if error.constraint() == Some(TICKET_ONCE) => {
                return Ok(RefundBegun::GivenBefore);
            }
            made => made?,
        };
        let made = made.ok_or_else(|| StoreError::corrupt("a refund that was not written"))?;
        let after = Duration::from_secs(REFUND_LOOK_S);
        ring(&transaction, &refund_job(made.id), after).await?;
        if let Some(entry) = new.audit {
            let detail = json!({ "refund": made.id, "amount": made.amount });
            entry.clone().with(detail).write(&transaction).await?;
        }
        let answer = json!({ "refund_id": made.id });
        idempotency::remember_made(&transaction, new.asked, &answer).await?;
        transaction.commit().await?;
        Ok(RefundBegun::New(made))
    }

    pub async fn refund(&self, id: RefundId) -> Result<Option<Refund>, StoreError> {
        let client = self.client().await?;
        let sql = format!("select {REFUND} from refunds r where id = $1");
        let statement = client.prepare_cached(&sql).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        row.map(|row| read_refund(&row)).transpose()
    }

    pub async fn refund_by_key(&self, key: &str) -> Result<Option<Refund>, StoreError> {
        let client = self.client().await?;
        let sql = format!("select {REFUND} from refunds r where key = $1");
        let statement = client.prepare_cached(&sql).await?;
        let row = client.query_opt(&statement, &[&key]).await?;
        row.map(|row| read_refund(&row)).transpose()
    }

    /// Of a booking, the newest first.
    pub async fn refunds_of(&self, booking: BookingId) -> Result<Vec<Refund>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select {REFUND} from refunds r where booking_id = $1 order by id desc limit 1000"
        );
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&booking]).await?;
        rows.iter().map(read_refund).collect()
    }

    /// Lost disputes of a booking's payments: amounts that cardholders' banks took back for good.
    pub async fn lost_of(
        &self,
        booking: BookingId,
    ) -> Result<BTreeMap<PaymentId, i64>, StoreError> {
        let client = self.client().await?;
        let sql = "select p.id, d.amount
                     from (select id from payments where booking_id = $1 order by booking_id desc, id desc limit 100) p
                    cross join lateral (select sum(amount)::bigint as amount
                                          from (select amount, state from disputes where payment_id = p.id limit 100) d
                                         where state = 'lost') d
                    where d.amount > 0";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&booking]).await?;
        let read = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(read).collect()
    }

    /// The provider has taken the refund on.
    pub async fn refund_pending(&self, id: RefundId, provider_ref: &str) -> Result<(), StoreError> {
        let client = self.client().await?;
        let sql = "update refunds set state = 'pending', provider_ref = $2
                    where id = $1 and state in ('requested', 'pending')";
        let statement = client.prepare_cached(sql).await?;
        client.execute(&statement, &[&id, &provider_ref]).await?;
        Ok(())
    }

    /// The money went back: posts it.
    pub async fn settle_refund(
        &self,
        of: &Refund,
        payment: &Attempt,
        provider_ref: &str,
    ) -> Result<(), StoreError> {
        let mut client = self.client_of(of.event_id).await?;
        let transaction = client.transaction().await?;
        let lock = "select e.organizer_id from payments p join events e on e.id = p.event_id where p.id = $1
                    for no key update of p";
        let lock = transaction.prepare_cached(lock).await?;
        let organization: UserId = transaction
            .query_one(&lock, &[&of.payment_id])
            .await?
            .try_get(0)?;
        let booked = booked(&transaction, of.payment_id).await?;
        let sql = "update refunds set state = 'succeeded', provider_ref = $2
                    where id = $1 and state in ('requested', 'pending', 'needs_review')";
        let statement = transaction.prepare_cached(sql).await?;
        if transaction
            .execute(&statement, &[&of.id, &provider_ref])
            .await?
            == 0
        {
            return Ok(());
        }
        let (first, again) = booked.parts_of(of);
        let keys = [format!("refund:{}", of.id), format!("again:{}", of.id)];
        let belonging = |key| Belonging {
            key,
            organization,
            event: of.event_id,
            booking: of.booking_id,
            payment: of.payment_id,
            currency: &payment.amount.currency,
            at: None,
        };
        let postings = [
            (belonging(&keys[0]), &refund(payment.provider, first)),
            (belonging(&keys[1]), &refund_again(payment.provider, again)),
        ];
        ledger::post_all(&transaction, &postings).await?;
        if booked.rest > again {
            keep_rest(&transaction, of.payment_id).await?;
        }
        keep(
            &transaction,
            &refund_mail_job(of.id, of.booking_id, of.event_id),
        )
        .await?;
        Ok(transaction.commit().await?)
    }

    /// The refund did not happen. If it never will, its amount can be given back by another one; if a person has to
    /// look, it stays reserved.
    pub async fn refund_failed(
        &self,
        of: &Refund,
        state: RefundState,
        reason: &str,
    ) -> Result<(), StoreError> {
        let mut client = self.client_of(of.event_id).await?;
        let transaction = client.transaction().await?;
        // Payments before refunds, as everybody takes them.
        let sql = "select from payments where id = $1 for no key update";
        let statement = transaction.prepare_cached(sql).await?;
        transaction.query_opt(&statement, &[&of.payment_id]).await?;
        let sql = "update refunds set state = $2, failure = left($3, 500)
                    where id = $1 and state in ('requested', 'pending')";
        let statement = transaction.prepare_cached(sql).await?;
        let changed = transaction
            .execute(&statement, &[&of.id, &state.as_str(), &reason])
            .await?;
        if changed > 0 && state == RefundState::NeedsReview {
            let reason = another_reason("'a refund failed: ' || $2");
            let sql = format!("update payments set {reason} where id = $1");
            let statement = transaction.prepare_cached(&sql).await?;
            transaction
                .execute(&statement, &[&of.payment_id, &reason])
                .await?;
        }
        if changed > 0 && state == RefundState::Failed {
            let sql = "update payments set refunded_amount = refunded_amount - $2 where id = $1";
            let statement = transaction.prepare_cached(sql).await?;
            transaction
                .execute(&statement, &[&of.payment_id, &of.amount])
                .await?;
            keep_rest(&transaction, of.payment_id).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Payments of an event that have money which was not given back, in the order of their ids, after `after`; of some
    /// nothing is left, since the cardholder's bank took it.
    pub async fn unreturned(
        &self,
        event: EventId,
        after: Option<PaymentId>,
        limit: i64,
    ) -> Result<Vec<Unreturned>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select booking_id, id, {LEFT} from payments p
              where event_id = $1 and id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
                and state = 'captured' and captured_amount > refunded_amount
              order by event_id, id limit $3"
        );
        let statement = client.prepare_cached(&sql).await?;
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

    /// The organizer's reason for the end of an event.
    pub async fn event_cancel_reason(&self, event: EventId) -> Result<Option<String>, StoreError> {
        let client = self.client().await?;
        let sql = "select cancel_reason from events where id = $1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&event]).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
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

    /// Attempts of an event that have not ended, in the order of their ids, after `after`.
    pub async fn live_payments(
        &self,
        event: EventId,
        after: Option<PaymentId>,
        limit: i64,
    ) -> Result<Vec<PaymentId>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select id from payments
              where event_id = $1 and id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000') and {LIVE}
              order by event_id, id limit $3"
        );
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&event, &after, &limit]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Attempts and refunds of an event that have not come to an end, and what a person has to see to.
    pub async fn open_money(&self, event: EventId) -> Result<OpenMoney, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select r.requested > 0 or p.begun > 0, r.pending > 0 or p.processing > 0, r.for_review + p.for_review
               from (select count(*) filter (where state = 'requested') as requested,
                            count(*) filter (where state = 'pending') as pending,
                            count(*) filter (where state = 'needs_review') as for_review
                       from refunds where event_id = $1) r
              cross join (select count(*) filter (where {LIVE} and state <> 'processing' and instead_of is null) as begun,
                                 -- Of a booking that is sold and paid again nothing moves before that booking ends.
                                 count(*) filter (where state = 'processing' or {LIVE} and instead_of is not null) as processing,
                                 count(*) filter (where state = 'captured' and captured_amount > refunded_amount and {LEFT} > 0)
                                     as for_review
                            from payments p where event_id = $1) p"
        );
        let statement = client.prepare_cached(&sql).await?;
        let row = client.query_one(&statement, &[&event]).await?;
        Ok(OpenMoney {
            moves: row.try_get(0)?,
            takes_days: row.try_get(1)?,
            for_review: row.try_get(2)?,
        })
    }
}

/// The books of a payment: its sale, and what went back.
struct Booked {
    whole: Parts,
    /// By refunds, also by those that failed after they had succeeded, less what was kept of these.
    returned: ReturnedParts,
    /// Refunds that failed after they had succeeded: what is still booked of them, the newest first.
    failed: Vec<(RefundId, Parts)>,
    /// Of the money that came back with them, what was neither given back again nor kept.
    rest: i64,
}

impl Booked {
    /// The parts of a refund that is not booked yet, and the amount of it that is in the place of one that failed: this one
    /// has its credit note.
    fn parts_of(&self, refund: &Refund) -> (Parts, i64) {
        let again = self.rest.clamp(0, refund.amount);
        let first = refund.amount - again;
        if first == 0 {
            return (Parts::default(), again);
        }
        let parts = self.whole.given_back(&self.returned, first, refund.parts);
        (parts, again)
    }
}

async fn booked(client: &impl GenericClient, payment: PaymentId) -> Result<Booked, StoreError> {
    let sql = "
        select a.name, e.amount from ledger_transactions t
         cross join lateral (select * from ledger_entries where transaction_id = t.id) e
         cross join lateral (select name from ledger_accounts where id = e.account_id limit 1) a
         where t.key = $1";
    let statement = client.prepare_cached(sql).await?;
    let sale = client
        .query(&statement, &[&format!("sale:{payment}")])
        .await?;
    let sql = "
        select a.name, e.amount, r.id, r.state, r.amount, r.keeps_fees or r.tax_amount is not null
          from refunds r
         cross join lateral (select id from ledger_transactions
                              where key = any(array['refund:' || r.id, 'explained:' || r.id, 'again:' || r.id, 'kept:' || r.id])
                              limit 4) t
         cross join lateral (select * from ledger_entries where transaction_id = t.id) e
         cross join lateral (select name from ledger_accounts where id = e.account_id limit 1) a
         where r.payment_id = $1";
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&payment]).await?;
    let (mut uneven, mut given) = (false, BTreeMap::new());
    let mut failed: BTreeMap<RefundId, Vec<(&str, i64)>> = BTreeMap::new();
    for row in &rows {
        let (id, state): (RefundId, &str) = (row.try_get(2)?, row.try_get(3)?);
        uneven |= row.try_get::<_, bool>(5)?;
        match state {
            "succeeded" => drop(given.insert(id, row.try_get::<_, i64>(4)?)),
            _ => (failed.entry(id).or_default()).push((row.try_get(0)?, row.try_get(1)?)),
        }
    }
    let parts = parts_in(&rows)?.negated();
    let failed = failed.into_iter().rev();
    let failed = failed.map(|(id, entries)| (id, Parts::of_entries(entries.into_iter()).negated()));
    Ok(Booked {
        whole: parts_in(&sale)?,
        rest: parts.total() - given.values().sum::<i64>(),
        returned: ReturnedParts { parts, uneven },
        failed: failed.collect(),
    })
}

/// Sells again what is left of refunds that failed after they had succeeded, if nobody is to decide about the payment and
/// nothing is on its way back: its money stays.
pub(super) async fn keep_rest(tx: &Transaction<'_>, payment: PaymentId) -> Result<(), StoreError> {
    let sql = "
        select e.organizer_id, p.event_id, p.booking_id, p.currency from payments p join events e on e.id = p.event_id
         where p.id = $1 and p.review is null
           and not exists (select from refunds where payment_id = p.id and state in ('requested', 'pending'))
           for no key update of p";
    let statement = tx.prepare_cached(sql).await?;
    let Some(row) = tx.query_opt(&statement, &[&payment]).await? else {
        return Ok(());
    };
    let currency: String = row.try_get(3)?;
    // Each refund that came back has a key of its own. What one gave back may stay in two parts, the second after another one
    // came back.
    let sql = "
        select r.id from refunds r
         where r.payment_id = $1 and r.state <> 'succeeded'
           and exists (select from ledger_transactions
                        where key = any(array['refund:' || r.id, 'explained:' || r.id, 'again:' || r.id]))
           and not exists (select from ledger_transactions where key = 'kept:' || r.id)
         order by r.id desc limit 1000";
    let statement = tx.prepare_cached(sql).await?;
    let unused = tx.query(&statement, &[&payment]).await?;
    let mut unused = unused.iter();
    let mut booked = booked(tx, payment).await?;
    for (_, refunded) in &booked.failed {
        let amount = booked.rest.min(refunded.total());
        if amount <= 0 {
            continue;
        }
        let Some(unused) = unused.next() else { break };
        let id: RefundId = unused.try_get(0)?;
        let parts = booked.whole.kept(&booked.returned, refunded, amount);
        let belonging = Belonging {
            key: &format!("kept:{id}"),
            organization: row.try_get(0)?,
            event: row.try_get(1)?,
            booking: row.try_get(2)?,
            payment,
            currency: &currency,
            at: None,
        };
        ledger::post(tx, belonging, &refund_kept(parts)).await?;
        booked.returned.parts = booked.returned.parts.plus(parts.negated());
        booked.rest -= amount;
    }
    Ok(())
}

/// The parts that these entries are of: names of accounts, with amounts.
fn parts_in(rows: &[Row]) -> Result<Parts, StoreError> {
    let mut entries: Vec<(&str, i64)> = Vec::with_capacity(rows.len());
    for row in rows {
        entries.push((row.try_get(0)?, row.try_get(1)?));
    }
    Ok(Parts::of_entries(entries.into_iter()))
}

/// Books refunds of a payment that somebody made at its provider as what they were, now that a person has accepted them,
/// and tells the buyer.
pub(super) async fn explain_refunds(
    tx: &Transaction<'_>,
    payment: &Attempt,
    organization: UserId,
) -> Result<(), StoreError> {
    // The row is locked, so that refunds are posted one after the other.
    let sql = "select from payments where id = $1 for no key update";
    let statement = tx.prepare_cached(sql).await?;
    tx.query_opt(&statement, &[&payment.id]).await?;
    let sql = format!(
        "select {REFUND} from refunds r
          where payment_id = $1 and state = 'succeeded' and key like 'foreign:%'
            and not exists (select from ledger_transactions t where t.key in ('explained:' || r.id, 'again:' || r.id))
          order by payment_id, id limit 1000"
    );
    let statement = tx.prepare_cached(&sql).await?;
    for row in tx.query(&statement, &[&payment.id]).await? {
        let of = read_refund(&row)?;
        let (first, again) = booked(tx, payment.id).await?.parts_of(&of);
        let keys = [format!("explained:{}", of.id), format!("again:{}", of.id)];
        let belonging = |key| Belonging {
            key,
            organization,
            event: of.event_id,
            booking: of.booking_id,
            payment: payment.id,
            currency: &payment.amount.currency,
            at: None,
        };
        let postings = [
            (belonging(&keys[0]), &explained(first)),
            (belonging(&keys[1]), &explained_again(again)),
        ];
        ledger::post_all(tx, &postings).await?;
        keep(tx, &refund_mail_job(of.id, of.booking_id, of.event_id)).await?;
    }
    Ok(())
}

/// The amount that can be given back of payment `p`: a cardholder's bank may have done it.
const LEFT: &str = "
    p.captured_amount - p.refunded_amount
        - (select coalesce(sum(amount), 0)::bigint from disputes where payment_id = p.id and state = 'lost')";

const REFUND: &str = "
    r.id, r.payment_id, r.booking_id, r.event_id, r.amount, r.reason, r.tickets, r.state, r.provider_ref, r.failure, r.created_at,
    (select currency from payments where id = r.payment_id), r.keeps_fees, r.tax_amount";

pub(super) async fn insert_refund(
    client: &impl GenericClient,
    new: &NewRefund<'_>,
) -> Result<Option<Refund>, StoreError> {
    let sql = format!(
        "with reserved as (
             update payments set refunded_amount = refunded_amount + $2 where id = $1 returning id, booking_id, event_id
         )
         insert into refunds as r (payment_id, booking_id, event_id, amount, reason, tickets, key, keeps_fees, tax_amount)
         select id, booking_id, event_id, $2, left($3, 500), $4, $5, $6, $7 from reserved
         returning {REFUND}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(
            &statement,
            &[
                &new.payment,
                &new.amount,
                &new.reason,
                &new.tickets,
                &new.key,
                &new.parts.keeps_fees,
                &new.parts.tax,
            ],
        )
        .await?;
    row.map(|row| read_refund(&row)).transpose()
}

fn read_refund(row: &Row) -> Result<Refund, StoreError> {
    let state: &str = row.try_get(7)?;
    let known = RefundState::ALL
        .into_iter()
        .find(|(_, name)| *name == state);
    let (state, _) = known.ok_or_else(|| StoreError::corrupt(format!("a refund is {state}")))?;
    Ok(Refund {
        id: row.try_get(0)?,
        payment_id: row.try_get(1)?,
        booking_id: row.try_get(2)?,
        event_id: row.try_get(3)?,
        amount: row.try_get(4)?,
        reason: row.try_get(5)?,
        tickets: row.try_get(6)?,
        state,
        provider_ref: row.try_get(8)?,
        failure: row.try_get(9)?,
        created_at: row.try_get(10)?,
        currency: row.try_get(11)?,
        parts: RefundedParts {
            keeps_fees: row.try_get(12)?,
            tax: row.try_get(13)?,
        },
    })
}
