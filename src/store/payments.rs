//! Attempts to pay: written, moved on and settled, each step in one transaction with the job that goes on with it and the
//! posting that it makes.

use std::time::{Duration, Instant};

use deadpool_postgres::GenericClient;
use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::jobs::{QueuedJob, keep, ring};
use super::letters::payment_owed_job;
use super::reviews::another_reason;
use super::together::{Answers, FREE, LOCKED, in_order, place_of};
use super::{Store, StoreError};
use crate::config::inside::PAYMENT_FIRST_LOOK_S;
use crate::ticketing::payment::{
    Attempt, Attempted, Charge, PaymentState, ProviderName, Wait, stays_unwanted, wait_of,
};
use crate::ticketing::record::{BookingStatus, Money};
use crate::ticketing::transition::EXTENSION_S;
use crate::ticketing::{BookingId, EventId, PaymentId};

/// The job that goes on with an attempt.
pub const PAYMENT_JOB: &str = "payment";
/// The job that books what staff were paid.
pub const STAFF_PAID_JOB: &str = "staff_paid";
/// The job that asks a provider for events which did not come by themselves.
pub const PROVIDER_EVENTS_JOB: &str = "provider_events";
/// It goes on for as long as there is a shop.
pub const PROVIDER_EVENTS_WORTH: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
/// An attempt may be decided by its provider weeks later, and a transfer be waited for as long as an organizer says: its job
/// has to outlive that to end it.
pub const MONEY_WORTH: Duration = Duration::from_secs(90 * 24 * 3_600);

pub(super) const ATTEMPT: &str = "
    p.id, p.booking_id, p.event_id, p.provider, p.method, p.state, p.amount, p.currency, p.provider_ref, p.client_secret,
    p.redirect_url, p.return_url, p.captured_amount, p.refunded_amount, p.fee_amount, p.failure, p.created_at,
    p.pay_by, p.unwanted, p.owed, p.instead_of";
const ATTEMPT_COLUMNS: usize = 21;
/// The columns up to the end of [`HOLD`].
const HOLD_END: usize = ATTEMPT_COLUMNS + 4;
pub(super) const LIVE: &str =
    "state in ('creating', 'requires_action', 'authorized', 'processing')";

/// The way to pay that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentWay<'a> {
    pub provider: ProviderName,
    /// Somebody named the provider; else it is the usual one.
    pub is_named: bool,
    pub method: Option<&'a str>,
}

/// How the request for an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    New(Attempt, Hold),
    /// There was one already.
    Live(Attempt, Hold),
    /// There was one, for another total than the booking's, or by another way than is asked for: it has to be let go first.
    InTheWay(PaymentId),
    /// The one that there was ended in this moment: try again.
    JustEnded,
    /// The booking is not held any more, or never was for money.
    NotPayable(BookingStatus),
    NoBooking,
    /// The event lets nobody pay in days.
    NoTerms,
}

/// A booking as its buyer, who is about to pay, has to know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    pub reference: String,
    pub expires_at: Option<Timestamp>,
    /// It has ended, or ends so soon that its deadline should be moved: the desk knows.
    pub is_short: bool,
    /// By the database's clock, when this was read.
    pub now: Timestamp,
    pub read_at: Instant,
}

impl Hold {
    /// By the database's clock. The provider may have taken its time since the booking was read.
    pub fn moment(&self) -> Timestamp {
        let later = self.now.saturating_add(self.read_at.elapsed());
        later.unwrap_or(self.now)
    }
}

/// A request for an attempt.
#[derive(Debug, Clone)]
pub(super) struct AttemptWish {
    booking: BookingId,
    provider: ProviderName,
    method: Option<String>,
    return_url: Option<String>,
}

/// A provider's charge, to be noted with its attempt.
#[derive(Debug, Clone)]
pub(super) struct HeardCharge {
    payment: PaymentId,
    provider_ref: String,
    state: PaymentState,
    client_secret: Option<String>,
    redirect_url: Option<String>,
    failure: Option<String>,
    stays_unwanted: bool,
}

/// How far the books are with what staff were paid for a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaffPayment {
    /// It is booked, or a person looks at it, or nothing was paid to them.
    Booked,
    /// This attempt is live: theirs, which is about to be settled, or another one, which has to end first.
    Live(PaymentId),
}

/// Whether an event of a provider was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Taken,
    /// It was taken in before.
    Double,
    /// Nothing here is known by that name, yet.
    Unknown,
}

pub fn payment_job(id: PaymentId) -> QueuedJob {
    QueuedJob {
        kind: PAYMENT_JOB,
        key: format!("payment:{id}"),
        payload: json!({ "payment_id": id }),
        worth: MONEY_WORTH,
    }
}

/// Asks a provider, now and then, for events of refunds and disputes that did not come by themselves.
pub fn provider_events_job(provider: ProviderName) -> QueuedJob {
    QueuedJob {
        kind: PROVIDER_EVENTS_JOB,
        key: format!("provider-events:{}", provider.as_str()),
        payload: json!({ "provider": provider }),
        worth: PROVIDER_EVENTS_WORTH,
    }
}

/// Books what staff were paid for a booking.
pub fn staff_paid_job(booking: BookingId) -> QueuedJob {
    QueuedJob {
        kind: STAFF_PAID_JOB,
        key: format!("staff-paid:{booking}"),
        payload: json!({ "booking_id": booking }),
        worth: MONEY_WORTH,
    }
}

impl Store {
    /// Begins an attempt to pay a booking that is held, or finds the one that is live. The job that goes on with it is
    /// written along, so it is not forgotten if this node dies.
    pub async fn begin_payment(
        &self,
        booking: BookingId,
        PaymentWay {
            provider,
            is_named,
            method,
        }: PaymentWay<'_>,
        return_url: Option<&str>,
    ) -> Result<Begun, StoreError> {
        let wish = AttemptWish {
            booking,
            provider,
            method: method.map(str::to_owned),
            return_url: return_url.map(str::to_owned),
        };
        let needs_terms = wait_of(provider, method) == Wait::Days;
        let mut begun = self.lines.begun_payments.ask(self, wish.clone()).await?;
        if begun.is_none() {
            // Somebody writes the booking at this moment, or it cannot be.
            let Some(event) = self.event_of(booking).await? else {
                return Ok(Begun::NoBooking);
            };
            let client = self.client_of(event).await?;
            begun = begin(&*client, &[wish], LOCKED).await?.pop().flatten();
        }
        if let Some((attempt, hold)) = begun {
            if provider == ProviderName::Stripe {
                keep(&self.client().await?, &provider_events_job(provider)).await?;
            }
            return Ok(Begun::New(attempt, hold));
        }
        let client = self.client().await?;
        let sql = format!(
            "select {ATTEMPT}, {HOLD}, b.status = 'pending' and b.total_amount <> p.amount as is_stale
               from (select * from payments where booking_id = $1 and {LIVE} limit 1) p
              cross join lateral (select * from bookings where id = p.booking_id limit 1) b"
        );
        let live_of = client.prepare_cached(&sql).await?;
        let extension = EXTENSION_S as f64;
        if let Some(row) = client.query_opt(&live_of, &[&booking, &extension]).await? {
            let live = attempt(&row)?;
            let is_other = match is_named {
                true => {
                    live.provider != provider
                        || method.is_some_and(|method| live.method.as_deref() != Some(method))
                }
                // Staff were asked to take the money, whenever; whoever comes again without a word wants the usual way.
                false => {
                    live.provider != provider
                        && live.provider == ProviderName::Offline
                        && (live.pay_by.is_none() || live.method.is_none())
                }
            };
            if row.try_get("is_stale")? || live.unwanted {
                return Ok(Begun::InTheWay(live.id));
            }
            if is_other && is_permitted(&client, booking, needs_terms).await? {
                // Money that it has taken, or is about to take, it keeps.
                // The booking is locked as whoever sells it has it: a sale that is about to commit is waited for, and one that
                // comes later sees the mark.
                let sql = "
                    with live as materialized (
                             select id, booking_id, instead_of from payments
                              where id = $1 and state in ('creating', 'requires_action') for no key update),
                         held as materialized (
                             select live.id from live cross join lateral (
                                 select from bookings
                                  where id = live.booking_id
                                    and (status = 'pending' or status = 'confirmed' and payment_id = live.instead_of)
                                  limit 1 for no key update) b)
                    update payments set unwanted = true where id = any(array(select id from held))";
                let statement = client.prepare_cached(sql).await?;
                if client.execute(&statement, &[&live.id]).await? > 0 {
                    return Ok(Begun::InTheWay(live.id));
                }
                // It may have moved since it was read, and is shown as it is now.
                let row = client.query_opt(&live_of, &[&booking, &extension]).await?;
                let Some(row) = row else {
                    return Ok(Begun::JustEnded);
                };
                let live = attempt(&row)?;
                return Ok(match live.unwanted {
                    true => Begun::InTheWay(live.id),
                    false => Begun::Live(live, hold(&row)?),
                });
            }
            return Ok(Begun::Live(live, hold(&row)?));
        }
        let sql = "
            select b.status, coalesce(b.expires_at <= statement_timestamp(), false), b.total_amount > 0,
                   exists (select from events e join payment_terms t on t.event_id = e.id
                            where e.id = b.event_id and t.offline_days > 0 and e.starts_at > statement_timestamp()),
                   exists (select from payments p where p.id = b.payment_id and p.owed)
              from bookings b where b.id = $1";
        let statement = client.prepare_cached(sql).await?;
        let Some(row) = client.query_opt(&statement, &[&booking]).await? else {
            return Ok(Begun::NoBooking);
        };
        let status: &str = row.try_get(0)?;
        let unknown = |_| StoreError::corrupt(format!("booking status {status}"));
        let status: BookingStatus = status.parse().map_err(unknown)?;
        let (is_over, costs, has_terms): (bool, bool, bool) =
            (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let is_owed = status == BookingStatus::Confirmed && row.try_get(4)?;
        let is_offline = provider == ProviderName::Offline;
        Ok(match status {
            // Money that is paid to staff is a matter for the person who decides.
            BookingStatus::Confirmed if is_owed && (is_offline || needs_terms && !has_terms) => {
                Begun::NoTerms
            }
            BookingStatus::Confirmed if is_owed => Begun::JustEnded,
            BookingStatus::Pending if is_over => Begun::NotPayable(BookingStatus::Expired),
            BookingStatus::Pending if needs_terms && !has_terms => Begun::NoTerms,
            BookingStatus::Pending if costs => Begun::JustEnded,
            status => Begun::NotPayable(status),
        })
    }

    async fn event_of(&self, booking: BookingId) -> Result<Option<EventId>, StoreError> {
        let client = self.client().await?;
        let sql = "select event_id from bookings where id = $1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&booking]).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// The attempt of this booking that is live.
    pub async fn live_payment(&self, booking: BookingId) -> Result<Option<PaymentId>, StoreError> {
        let client = self.client().await?;
        let sql = format!("select id from payments where booking_id = $1 and {LIVE}");
        let statement = client.prepare_cached(&sql).await?;
        let row = client.query_opt(&statement, &[&booking]).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Writes what staff were paid for a booking, as an attempt of theirs that is about to be settled, whatever became of
    /// the booking since.
    pub async fn begin_staff_payment(
        &self,
        booking: BookingId,
    ) -> Result<StaffPayment, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let live = format!("select id from payments where booking_id = $1 and {LIVE}");
        let live = transaction.prepare_cached(&live).await?;
        let found = async || -> Result<Option<PaymentId>, StoreError> {
            let row = transaction.query_opt(&live, &[&booking]).await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        };
        if let Some(id) = found().await? {
            ring(&transaction, &payment_job(id), Duration::ZERO).await?;
            transaction.commit().await?;
            return Ok(StaffPayment::Live(id));
        }
        let sql = format!(
            "insert into payments as p (booking_id, event_id, provider, method, amount, currency)
             select b.id, b.event_id, 'offline', b.paid_by, b.total_amount, b.currency from bookings b
              where b.id = $1 and b.confirmed_at is not null and b.paid_by <> 'comp' and b.total_amount > 0
                and not exists (select from payments earlier
                                 where earlier.booking_id = b.id and earlier.provider = 'offline'
                                   and earlier.state in ('captured', 'needs_review'))
                for no key update of b
                 on conflict (booking_id) where {LIVE} do nothing
             returning p.id"
        );
        let statement = transaction.prepare_cached(&sql).await?;
        let row = transaction.query_opt(&statement, &[&booking]).await?;
        let mut begun: Option<PaymentId> = row.map(|row| row.try_get(0)).transpose()?;
        match begun {
            Some(id) => ring(&transaction, &payment_job(id), Duration::ZERO).await?,
            // Another one may have begun it in this moment, and rings for it.
            None => begun = found().await?,
        }
        transaction.commit().await?;
        Ok(begun.map_or(StaffPayment::Booked, StaffPayment::Live))
    }

    /// Lets the attempt's job run now.
    pub async fn ring_payment(&self, id: PaymentId) -> Result<(), StoreError> {
        if !self.lines.rung_payments.ask(self, id).await? {
            // Somebody has locked the job.
            ring(&self.client().await?, &payment_job(id), Duration::ZERO).await?;
        }
        Ok(())
    }

    pub async fn payment(&self, id: PaymentId) -> Result<Option<Attempt>, StoreError> {
        let client = self.client().await?;
        let sql = format!("select {ATTEMPT} from payments p where id = $1");
        let statement = client.prepare_cached(&sql).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        row.map(|row| attempt(&row)).transpose()
    }

    /// An attempt, its booking, and the time by the database's clock.
    pub async fn payment_and_booking(
        &self,
        id: PaymentId,
    ) -> Result<Option<Attempted>, StoreError> {
        self.lines.payments.ask(self, id).await
    }

    /// Of a booking, the newest first.
    pub async fn payments_of(&self, booking: BookingId) -> Result<Vec<Attempt>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select {ATTEMPT} from payments p where booking_id = $1 order by id desc limit 100"
        );
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&booking]).await?;
        rows.iter().map(attempt).collect()
    }

    /// Notes what the provider has for a live attempt; answers the attempt as it is then, `None` if nothing changed.
    pub async fn payment_heard(
        &self,
        of: &Attempt,
        charge: &Charge,
    ) -> Result<Option<Attempt>, StoreError> {
        let state = match charge.status.state() {
            // It ends by a step of its own.
            PaymentState::Canceled => of.state,
            state => state,
        };
        let heard = HeardCharge {
            payment: of.id,
            provider_ref: charge.provider_ref.clone(),
            state,
            client_secret: charge.client_secret.clone(),
            redirect_url: charge.redirect_url.clone(),
            failure: charge.failure.clone(),
            stays_unwanted: stays_unwanted(charge.status),
        };
        let noted = self.lines.heard_charges.ask(self, heard.clone()).await?;
        if noted.is_some() {
            return Ok(noted);
        }
        let client = self.client_of(of.event_id).await?;
        Ok(hear(&*client, &[heard], LOCKED).await?.pop().flatten())
    }

    /// The attempt ended without money, or a person has to look. `false`: it stays as it is. An attempt that its booking is sold
    /// to does not end without a person, nor does one fail that the provider has begun.
    pub async fn end_payment(
        &self,
        of: &Attempt,
        state: PaymentState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        let client = self.client_of(of.event_id).await?;
        let review = match state {
            PaymentState::NeedsReview => another_reason("$3"),
            _ => "review = null".to_owned(),
        };
        let sql = format!(
            "with asked as materialized (
                 select id, booking_id, provider_ref from payments where id = $1 and {LIVE} {LOCKED}
             ), found as materialized (
                 -- Locked, so that a sale which is written in this moment is seen.
                 select asked.*, b.status = 'confirmed' and coalesce(b.payment_id = asked.id, false) as is_sold
                   from asked cross join lateral (
                        select status, payment_id from bookings where id = asked.booking_id limit 1 {LOCKED}) b
             )
             update payments p
                set state = $2, failure = coalesce($3, failure), {review}
               from found
              where p.id = found.id
                and case $2
                        when 'needs_review' then true
                        when 'failed' then not found.is_sold and found.provider_ref is null
                        else not found.is_sold end"
        );
        let statement = client.prepare_cached(&sql).await?;
        let reason: Option<String> = reason.map(|reason| reason.chars().take(500).collect());
        let ended = client
            .execute(&statement, &[&of.id, &state.as_str(), &reason])
            .await?;
        Ok(ended > 0)
    }

    /// The booking is sold to the attempt and its money will not come: a person has to look, and the buyer is asked to pay again,
    /// all in one transaction. `false`: it is not so any more.
    pub async fn owe_payment(&self, of: &Attempt, reason: &str) -> Result<bool, StoreError> {
        let mut client = self.client_of(of.event_id).await?;
        let transaction = client.transaction().await?;
        let review = another_reason("$2");
        let sql = format!(
            "with asked as materialized (
                 select id, booking_id from payments where id = $1 and {LIVE} {LOCKED}
             ), sold as materialized (
                 select asked.id from asked cross join lateral (
                        select from bookings
                         where id = asked.booking_id and status = 'confirmed' and payment_id = asked.id limit 1 {LOCKED}) b
             )
             update payments p set state = 'needs_review', owed = true, failure = $2, {review}
              where p.id = any(array(select id from sold))"
        );
        let statement = transaction.prepare_cached(&sql).await?;
        let reason: String = reason.chars().take(500).collect();
        if transaction.execute(&statement, &[&of.id, &reason]).await? == 0 {
            return Ok(false);
        }
        // The booking owes this one's money by now.
        let sql = "
            update payments set state = 'canceled', review = null, owed = false where id = $1 and owed";
        let statement = transaction.prepare_cached(sql).await?;
        transaction.execute(&statement, &[&of.instead_of]).await?;
        keep(&transaction, &payment_owed_job(of)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes in an event of a provider, and rings for the attempt that it is of, in one transaction. Of an attempt that is
    /// settled only those are looked at that are `after_sale`.
    pub async fn hear_provider(
        &self,
        provider: ProviderName,
        event: &str,
        kind: &str,
        provider_ref: &str,
        attempt: Option<PaymentId>,
        after_sale: bool,
    ) -> Result<Heard, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let sql = "insert into provider_events (provider, id, type) values ($1, $2, $3) on conflict do nothing";
        let statement = transaction.prepare_cached(sql).await?;
        let provider = provider.as_str();
        if transaction
            .execute(&statement, &[&provider, &event, &kind])
            .await?
            == 0
        {
            return Ok(Heard::Double);
        }
        let sql = "
            select id, state = 'captured' from payments where provider = $1 and provider_ref = $2
            union all
            select id, state = 'captured' from payments where id = $3 and provider = $1 limit 1";
        let statement = transaction.prepare_cached(sql).await?;
        let found = transaction
            .query_opt(&statement, &[&provider, &provider_ref, &attempt])
            .await?;
        let Some(row) = found else {
            return Ok(Heard::Unknown);
        };
        let is_settled: bool = row.try_get(1)?;
        if after_sale || !is_settled {
            ring(&transaction, &payment_job(row.try_get(0)?), Duration::ZERO).await?;
        }
        transaction.commit().await?;
        Ok(Heard::Taken)
    }
}

/// Whether the event lets its buyers pay in this time: an attempt is not let go for one that cannot be.
async fn is_permitted(
    client: &impl GenericClient,
    booking: BookingId,
    needs_terms: bool,
) -> Result<bool, StoreError> {
    if !needs_terms {
        return Ok(true);
    }
    let sql = "
        select exists (select from events e join payment_terms t on t.event_id = e.id
                        where e.id = b.event_id and t.offline_days > 0 and e.starts_at > statement_timestamp())
          from bookings b where b.id = $1";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&booking]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// Booking `b` as [`Hold`], for attempt `p`. What is sold already has no deadline any more.
const HOLD: &str = "
    b.reference, case when p.instead_of is null then b.expires_at end as expires_at,
    p.instead_of is null
        and (b.status <> 'pending' or b.expires_at <= statement_timestamp()
             or b.extended_at is null and b.expires_at < statement_timestamp() + $2 * interval '1 s') as is_short,
    statement_timestamp() as now";

/// Begins the attempts of bookings that are free. `None`: there is one, or it is not held, or somebody writes it.
pub(super) fn begin_all<'a>(
    store: &'a Store,
    asked: &'a [AttemptWish],
) -> Answers<'a, Option<(Attempt, Hold)>> {
    async move { begin(&store.client().await?, asked, FREE).await }.boxed()
}

/// Attempts and their jobs, in one statement. The keys are those of `payment_job`.
async fn begin(
    client: &impl GenericClient,
    asked: &[AttemptWish],
    lock: &str,
) -> Result<Vec<Option<(Attempt, Hold)>>, StoreError> {
    let sql = format!(
        "with asked as materialized (
             select asked.*, b.*
               from unnest((select $1::uuid[]), (select $3::text[]), (select $4::text[]), (select $5::text[]), (select $6::boolean[]),
                           (select $9::boolean[]))
                    with ordinality as asked (booking_id, provider, method, return_url, takes_days, needs_terms, place)
              cross join lateral (
                    select event_id, status, total_amount, currency, reference, expires_at, extended_at,
                           case status when 'confirmed' then payment_id end as instead_of from bookings
                     where id = asked.booking_id and total_amount > 0
                       and (status = 'pending' and expires_at > statement_timestamp()
                            -- Its money did not come, and it is paid again.
                            or status = 'confirmed' and asked.provider <> 'offline'
                               and exists (select from payments owing where owing.id = bookings.payment_id and owing.owed))
                       -- Attempts are locked before bookings: who ends one is not waited for with its booking locked.
                       and not exists (select from payments where booking_id = asked.booking_id and {LIVE})
                     limit 1 {lock}) b
         ), payable as materialized (
             -- Each booking once, so that who asked is known of the attempt.
             select distinct on (b.booking_id) b.*, terms.pay_by
               from asked b
               left join lateral (
                    select least(e.starts_at, statement_timestamp() + make_interval(days => t.offline_days)) as pay_by
                      from events e join payment_terms t on t.event_id = e.id
                     where e.id = b.event_id and t.offline_days > 0 and e.starts_at > statement_timestamp()
                     limit 1) terms on b.takes_days
              where terms.pay_by is not null or not b.needs_terms
              order by b.booking_id, b.place
         ), made as (
             insert into payments as p (booking_id, event_id, provider, method, amount, currency, return_url, pay_by, instead_of)
             select booking_id, event_id, provider, method, total_amount, currency, return_url, pay_by, instead_of from payable
                 on conflict (booking_id) where {LIVE} do nothing
             returning *
         ), rung as (
             insert into jobs (kind, key, payload, run_at, expires_at)
             select '{PAYMENT_JOB}', '{PAYMENT_JOB}:' || made.id, jsonb_build_object('payment_id', made.id),
                    clock_timestamp() + $7 * interval '1 s', clock_timestamp() + $8 * interval '1 s' from made
         )
         select {ATTEMPT}, {HOLD}, b.place::int
           from made p
          cross join lateral (select * from payable where booking_id = p.booking_id limit 1) b"
    );
    let order = in_order(asked, |wish| wish.booking.0);
    let sorted = || order.iter().map(|place| &asked[*place]);
    let statement = client.prepare_cached(&sql).await?;
    let wait = |wish: &AttemptWish| wait_of(wish.provider, wish.method.as_deref());
    let (after, worth) = (PAYMENT_FIRST_LOOK_S as f64, MONEY_WORTH.as_secs_f64());
    let values: [&(dyn ToSql + Sync); 9] = [
        &sorted().map(|wish| wish.booking).collect::<Vec<_>>(),
        &(EXTENSION_S as f64),
        &sorted()
            .map(|wish| wish.provider.as_str())
            .collect::<Vec<_>>(),
        &sorted()
            .map(|wish| wish.method.as_deref())
            .collect::<Vec<_>>(),
        &sorted()
            .map(|wish| wish.return_url.as_deref())
            .collect::<Vec<_>>(),
        &sorted()
            .map(|wish| wait(wish) != Wait::Minutes)
            .collect::<Vec<_>>(),
        &after,
        &worth,
        &sorted()
            .map(|wish| wait(wish) == Wait::Days)
            .collect::<Vec<_>>(),
    ];
    let mut answers = vec![None; asked.len()];
    for row in client.query(&statement, &values).await? {
        let place = place_of(&row, HOLD_END, &order)?;
        answers[place] = Some((attempt(&row)?, hold(&row)?));
    }
    Ok(answers)
}

/// Notes what providers have, of bookings that are free. `None`: nothing changed, or somebody writes the booking.
pub(super) fn hear_all<'a>(
    store: &'a Store,
    heard: &'a [HeardCharge],
) -> Answers<'a, Option<Attempt>> {
    async move { hear(&store.client().await?, heard, FREE).await }.boxed()
}

async fn hear(
    client: &impl GenericClient,
    heard: &[HeardCharge],
    lock: &str,
) -> Result<Vec<Option<Attempt>>, StoreError> {
    let sql = format!(
        "with free as materialized (
             select p.id
               from unnest((select $1::uuid[])) as asked (id)
              cross join lateral (select id, booking_id from payments where id = asked.id and {LIVE} limit 1 {lock}) p
              cross join lateral (select id from bookings where id = p.booking_id limit 1 {lock}) b
         )
         update payments p
            -- The charge that its buyer was told of stays its charge.
            set provider_ref = ($2::text[])[array_position($1, p.id)], state = ($3::text[])[array_position($1, p.id)],
                client_secret = coalesce(($4::text[])[array_position($1, p.id)], client_secret),
                redirect_url = coalesce(($5::text[])[array_position($1, p.id)], redirect_url),
                failure = ($6::text[])[array_position($1, p.id)],
                unwanted = unwanted and ($7::boolean[])[array_position($1, p.id)]
          where p.id = any(array(select id from free)) and p.{LIVE}
            and coalesce(p.provider_ref = ($2::text[])[array_position($1, p.id)], true)
            and (provider_ref, state, failure, unwanted) is distinct from
                (($2::text[])[array_position($1, p.id)], ($3::text[])[array_position($1, p.id)],
                 ($6::text[])[array_position($1, p.id)], unwanted and ($7::boolean[])[array_position($1, p.id)])
         returning {ATTEMPT}, array_position($1, p.id)"
    );
    let order = in_order(heard, |heard| heard.payment.0);
    let sorted = || order.iter().map(|place| &heard[*place]);
    let statement = client.prepare_cached(&sql).await?;
    let values: [&(dyn ToSql + Sync); 7] = [
        &sorted().map(|heard| heard.payment).collect::<Vec<_>>(),
        &sorted()
            .map(|heard| heard.provider_ref.as_str())
            .collect::<Vec<_>>(),
        &sorted()
            .map(|heard| heard.state.as_str())
            .collect::<Vec<_>>(),
        &sorted()
            .map(|heard| heard.client_secret.as_deref())
            .collect::<Vec<_>>(),
        &sorted()
            .map(|heard| heard.redirect_url.as_deref())
            .collect::<Vec<_>>(),
        &sorted()
            .map(|heard| heard.failure.as_deref())
            .collect::<Vec<_>>(),
        &sorted()
            .map(|heard| heard.stays_unwanted)
            .collect::<Vec<_>>(),
    ];
    let mut answers = vec![None; heard.len()];
    for row in client.query(&statement, &values).await? {
        answers[place_of(&row, ATTEMPT_COLUMNS, &order)?] = Some(attempt(&row)?);
    }
    Ok(answers)
}

/// Attempts, their bookings, and the time by the database's clock.
pub(super) fn read_all<'a>(
    store: &'a Store,
    ids: &'a [PaymentId],
) -> Answers<'a, Option<Attempted>> {
    async move {
        let client = store.client().await?;
        let sql = format!(
            "with p as materialized (
                 select asked.place, p.* from unnest((select $1::uuid[])) with ordinality as asked (id, place)
                  cross join lateral (select * from payments where id = asked.id limit 1) p
             ), shown as materialized (
                 select * from bookings_json(array(
                     select one.whole from p
                      cross join lateral (select b as whole from bookings b where b.id = p.booking_id limit 1) one))
             )
             select {ATTEMPT}, b.booking, statement_timestamp(), p.place::int
               from p cross join lateral (select booking from shown where id = p.booking_id limit 1) b"
        );
        let statement = client.prepare_cached(&sql).await?;
        let order: Vec<usize> = (0..ids.len()).collect();
        let mut answers = vec![None; ids.len()];
        for row in client.query(&statement, &[&ids]).await? {
            let Json(booking) = row.try_get(ATTEMPT_COLUMNS)?;
            let now = row.try_get(ATTEMPT_COLUMNS + 1)?;
            let place = place_of(&row, ATTEMPT_COLUMNS + 2, &order)?;
            answers[place] = Some(Attempted {
                attempt: attempt(&row)?,
                booking,
                now,
            });
        }
        Ok(answers)
    }
    .boxed()
}

/// The columns of [`HOLD`], which come after those of [`ATTEMPT`].
fn hold(row: &Row) -> Result<Hold, StoreError> {
    Ok(Hold {
        reference: row.try_get(ATTEMPT_COLUMNS)?,
        expires_at: row.try_get(ATTEMPT_COLUMNS + 1)?,
        is_short: row.try_get(ATTEMPT_COLUMNS + 2)?,
        now: row.try_get(ATTEMPT_COLUMNS + 3)?,
        read_at: Instant::now(),
    })
}

pub(super) fn attempt(row: &Row) -> Result<Attempt, StoreError> {
    let (provider, state): (&str, &str) = (row.try_get(3)?, row.try_get(5)?);
    let unknown = || StoreError::corrupt(format!("a payment of {provider} is {state}"));
    Ok(Attempt {
        id: row.try_get(0)?,
        booking_id: row.try_get(1)?,
        event_id: row.try_get(2)?,
        provider: ProviderName::parse(provider).ok_or_else(unknown)?,
        method: row.try_get(4)?,
        state: PaymentState::parse(state).ok_or_else(unknown)?,
        amount: Money {
            amount: row.try_get(6)?,
            currency: row.try_get(7)?,
        },
        provider_ref: row.try_get(8)?,
        client_secret: row.try_get(9)?,
        redirect_url: row.try_get(10)?,
        return_url: row.try_get(11)?,
        captured_amount: row.try_get(12)?,
        refunded_amount: row.try_get(13)?,
        fee_amount: row.try_get(14)?,
        failure: row.try_get(15)?,
        created_at: row.try_get(16)?,
        pay_by: row.try_get(17)?,
        unwanted: row.try_get(18)?,
        owed: row.try_get(19)?,
        instead_of: row.try_get(20)?,
    })
}
