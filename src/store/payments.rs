//! Attempts to pay: written, moved on and settled, each step in one transaction with the job that goes on with it and the
//! posting that it makes.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::bookings::BOOKING;
use super::jobs::{QueuedJob, keep, ring};
use super::ledger::Columns;
use super::refunds::{NewRefund, PAID_TOO_LATE, insert_refund, refund_job};
use super::{Store, StoreError};
use crate::config::inside::PAYMENT_FIRST_LOOK_S;
use crate::ticketing::ledger::{ABSORBED, Parts, fee, sale};
use crate::ticketing::payment::{Attempt, Charge, PaymentState, ProviderName, takes_days};
use crate::ticketing::price::LineKind;
use crate::ticketing::record::{Booking, BookingStatus, Money};
use crate::ticketing::transition::EXTENSION_S;
use crate::ticketing::{BookingId, PaymentId};

/// The job that goes on with an attempt.
pub const PAYMENT_JOB: &str = "payment";
/// The job that books what staff were paid.
pub const STAFF_PAID_JOB: &str = "staff_paid";
/// The job that asks a provider for events which did not come by themselves.
pub const PROVIDER_EVENTS_JOB: &str = "provider_events";
/// It goes on for as long as there is a shop.
pub const PROVIDER_EVENTS_WORTH: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
/// An attempt may be decided by its provider weeks later.
pub const MONEY_WORTH: Duration = Duration::from_secs(60 * 24 * 3_600);

pub(super) const ATTEMPT: &str = "
    p.id, p.booking_id, p.event_id, p.provider, p.method, p.state, p.amount, p.currency, p.provider_ref, p.client_secret,
    p.redirect_url, p.return_url, p.captured_amount, p.refunded_amount, p.fee_amount, p.failure, p.created_at,
    p.pay_by, p.unwanted";
const ATTEMPT_COLUMNS: usize = 19;
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
    New {
        attempt: Attempt,
        /// The hold ends so soon that its deadline should be moved.
        is_short: bool,
    },
    /// There was one already.
    Live(Attempt),
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
        let takes_days = takes_days(provider, method);
        let client = self.client().await?;
        // An attempt and its job, in one statement. The key is that of `payment_job`.
        let sql = format!(
            "with made as (
                 insert into payments as p (booking_id, event_id, provider, method, amount, currency, return_url, pay_by)
                 select b.id, b.event_id, $2, $3, b.total_amount, b.currency, $4, terms.pay_by
                   from bookings b
                   left join lateral (
                        select least(e.starts_at, statement_timestamp() + make_interval(days => t.offline_days)) as pay_by
                          from events e join payment_terms t on t.event_id = e.id
                         where e.id = b.event_id and t.offline_days > 0 and e.starts_at > statement_timestamp()
                         limit 1) terms on $5
                  where b.id = $1 and b.status = 'pending' and b.expires_at > statement_timestamp() and b.total_amount > 0
                    and (terms.pay_by is not null or not $5)
                     on conflict (booking_id) where {LIVE} do nothing
                 returning *
             ), rung as (
                 insert into jobs (kind, key, payload, run_at, expires_at)
                 select '{PAYMENT_JOB}', '{PAYMENT_JOB}:' || made.id, jsonb_build_object('payment_id', made.id),
                        clock_timestamp() + $6 * interval '1 s', clock_timestamp() + $7 * interval '1 s' from made
             )
             select {ATTEMPT},
                    (select b.extended_at is null and b.expires_at < statement_timestamp() + $8 * interval '1 s'
                       from bookings b where b.id = p.booking_id) as is_short
               from made p"
        );
        let statement = client.prepare_cached(&sql).await?;
        let (after, worth) = (PAYMENT_FIRST_LOOK_S as f64, MONEY_WORTH.as_secs_f64());
        let values: [&(dyn ToSql + Sync); 8] = [
            &booking,
            &provider.as_str(),
            &method,
            &return_url,
            &takes_days,
            &after,
            &worth,
            &(EXTENSION_S as f64),
        ];
        if let Some(row) = client.query_opt(&statement, &values).await? {
            if provider == ProviderName::Stripe {
                keep(&client, &provider_events_job(provider)).await?;
            }
            return Ok(Begun::New {
                attempt: attempt(&row)?,
                is_short: row.try_get("is_short")?,
            });
        }
        let sql = format!(
            "select {ATTEMPT}, (select b.status = 'pending' and b.total_amount <> p.amount from bookings b
                                 where b.id = p.booking_id) as is_stale
               from payments p where booking_id = $1 and {LIVE}"
        );
        let statement = client.prepare_cached(&sql).await?;
        if let Some(row) = client.query_opt(&statement, &[&booking]).await? {
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
                        && live.pay_by.is_none()
                }
            };
            if row.try_get("is_stale")? || live.unwanted {
                return Ok(Begun::InTheWay(live.id));
            }
            if is_other && is_permitted(&client, booking, takes_days).await? {
                // Money that it has taken, or is about to take, it keeps.
                let sql = "update payments set unwanted = true
                            where id = $1 and state in ('creating', 'requires_action')";
                let statement = client.prepare_cached(sql).await?;
                if client.execute(&statement, &[&live.id]).await? > 0 {
                    return Ok(Begun::InTheWay(live.id));
                }
            }
            return Ok(Begun::Live(live));
        }
        let sql = "
            select b.status, coalesce(b.expires_at <= statement_timestamp(), false), b.total_amount > 0,
                   exists (select from events e join payment_terms t on t.event_id = e.id
                            where e.id = b.event_id and t.offline_days > 0 and e.starts_at > statement_timestamp())
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
        Ok(match status {
            BookingStatus::Pending if is_over => Begun::NotPayable(BookingStatus::Expired),
            BookingStatus::Pending if takes_days && !has_terms => Begun::NoTerms,
            BookingStatus::Pending if costs => Begun::JustEnded,
            status => Begun::NotPayable(status),
        })
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
        ring(&self.client().await?, &payment_job(id), Duration::ZERO).await
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
    ) -> Result<Option<(Attempt, Booking, Timestamp)>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select {ATTEMPT}, {BOOKING}, statement_timestamp()
               from payments p join bookings b on b.id = p.booking_id where p.id = $1"
        );
        let statement = client.prepare_cached(&sql).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        let read = |row: Row| {
            let Json(booking) = row.try_get(ATTEMPT_COLUMNS)?;
            Ok((attempt(&row)?, booking, row.try_get(ATTEMPT_COLUMNS + 1)?))
        };
        row.map(read).transpose()
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
        let client = self.client().await?;
        let sql = format!(
            "update payments p set provider_ref = $2, state = $3, client_secret = coalesce($4, client_secret),
                    redirect_url = coalesce($5, redirect_url), failure = $6
              where id = $1 and {LIVE}
                and (provider_ref, state, failure) is distinct from ($2, $3, $6)
             returning {ATTEMPT}"
        );
        let state = match charge.status.state() {
            // It ends by a step of its own.
            PaymentState::Canceled => of.state,
            state => state,
        };
        let statement = client.prepare_cached(&sql).await?;
        let values: [&(dyn ToSql + Sync); 6] = [
            &of.id,
            &charge.provider_ref,
            &state.as_str(),
            &charge.client_secret,
            &charge.redirect_url,
            &charge.failure,
        ];
        let row = client.query_opt(&statement, &values).await?;
        row.map(|row| attempt(&row)).transpose()
    }

    /// The attempt ended without money, or a person has to look.
    pub async fn end_payment(
        &self,
        id: PaymentId,
        state: PaymentState,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "update payments
                set state = $2, failure = coalesce($3, failure), review = case $2 when 'needs_review' then $3 end
              where id = $1 and {LIVE}"
        );
        let statement = client.prepare_cached(&sql).await?;
        let reason: Option<String> = reason.map(|reason| reason.chars().take(500).collect());
        client
            .execute(&statement, &[&id, &state.as_str(), &reason])
            .await?;
        Ok(())
    }

    /// The money is ours: posts it. With `gives_back`, or if the booking is not sold, all of it is on its way back in the
    /// same transaction.
    pub async fn settle_payment(
        &self,
        of: &Attempt,
        charge: &Charge,
        parts: Parts,
        gives_back: bool,
    ) -> Result<(), StoreError> {
        // Money that came for other tickets than the booking has now is given back.
        let is_price = parts.total() == charge.captured_amount;
        let parts = match is_price {
            true => parts,
            false => Parts {
                revenue: charge.captured_amount,
                ..Parts::default()
            },
        };
        let mut client = self.client().await?;
        if !gives_back && settle(&client, of, charge, parts, (IS_SOLD, is_price)).await? {
            return Ok(());
        }
        let transaction = client.transaction().await?;
        // It may be sold or cancelled in this moment: then that waits for this, or this for that.
        let sql = "select status, confirmed_at is not null and paid_by is not null from bookings where id = $1 for no key update";
        let statement = transaction.prepare_cached(sql).await?;
        let row = transaction.query_one(&statement, &[&of.booking_id]).await?;
        let is_sold = row.try_get::<_, &str>(0)? == "confirmed";
        // Of money that staff took, the booking's end says what goes back.
        let is_kept = of.provider == ProviderName::Offline && row.try_get(1)?;
        let gives_back = gives_back || !is_sold && !is_kept;
        // Nothing is owed for a sale that did not come about.
        let absorbs = is_price && !gives_back;
        let is_settled = settle(&transaction, of, charge, parts, (IS_ANY, absorbs)).await?;
        if is_settled && is_kept && !is_sold {
            // It was sold after all: what is kept of the money is revenue.
            let sql =
                "update bookings set ended_paid = true where id = $1 and ended_at is not null";
            let statement = transaction.prepare_cached(sql).await?;
            transaction.execute(&statement, &[&of.booking_id]).await?;
        }
        if is_settled && gives_back {
            let new = NewRefund {
                payment: of.id,
                amount: charge.captured_amount,
                reason: PAID_TOO_LATE,
                tickets: None,
                keeps_fees: false,
                key: &format!("late:{}", of.id),
                audit: None,
            };
            if let Some(refund) = insert_refund(&transaction, &new).await? {
                ring(&transaction, &refund_job(refund.id), Duration::ZERO).await?;
            }
        }
        Ok(transaction.commit().await?)
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
    takes_days: bool,
) -> Result<bool, StoreError> {
    if !takes_days {
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

/// The bookings whose attempts a settlement may settle, as SQL of booking `b`.
const IS_SOLD: &str = "b.status = 'confirmed'";
const IS_ANY: &str = "true";

/// The attempt is captured, and its sale and the provider's fee are posted, in one statement. The booking's row is locked
/// first, as whatever cancels it does. `absorbs`: the fee that the organizer pays is booked as well; only the booking's row
/// knows it. `false`: it is settled, or its booking is not one of `which`.
async fn settle(
    client: &impl GenericClient,
    of: &Attempt,
    charge: &Charge,
    parts: Parts,
    (which, absorbs): (&str, bool),
) -> Result<bool, StoreError> {
    let sql = format!(
        "with booking as materialized (
             select b.id, e.organizer_id, b.absorbed_fee_amount as absorbed from bookings b join events e on e.id = b.event_id
              where b.id = $2 and {which} for no key update of b
         ), settled as (
             update payments p set state = 'captured', captured_amount = $3, fee_amount = $4, method = coalesce(p.method, $5), failure = null
               from booking where p.id = $1 and p.{LIVE} and p.booking_id = booking.id returning booking.organizer_id, booking.absorbed
         )
         select ledger_post($6, $7, organizer_id, $8, $2, $1, $9, $10::text[] || own.names, $11::text[] || own.kinds, $12::bigint[] || own.amounts),
                $13::text[] = '{{}}' or ledger_post($14, $15, organizer_id, $8, $2, $1, $9, $13, $16, $17)
           from settled
          cross join lateral (
                select $18::text[] as names, $19::text[] as kinds, array[-absorbed, absorbed] as amounts
                 where absorbed > 0 and $18 <> '{{}}'
                union all
                select '{{}}', '{{}}', '{{}}' where absorbed = 0 or $18 = '{{}}') own"
    );
    let (sale, fee) = (
        sale(of.provider, parts),
        fee(of.provider, charge.fee_amount),
    );
    let (sold, cost) = (Columns::of(&sale), Columns::of(&fee));
    let own = ABSORBED.iter().filter(|_| absorbs);
    let names: Vec<&str> = own.clone().map(|account| account.name()).collect();
    let kinds: Vec<&str> = own.map(|account| account.kind()).collect();
    let values: [&(dyn ToSql + Sync); 19] = [
        &of.id,
        &of.booking_id,
        &charge.captured_amount,
        &charge.fee_amount,
        &charge.method,
        &format!("sale:{}", of.id),
        &sale.cause.as_str(),
        &of.event_id,
        &of.amount.currency,
        &sold.names,
        &sold.kinds,
        &sold.amounts,
        &cost.names,
        &format!("fee:{}", of.id),
        &fee.cause.as_str(),
        &cost.kinds,
        &cost.amounts,
        &names,
        &kinds,
    ];
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.query_opt(&statement, &values).await?.is_some())
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
    })
}

/// The parts of a booking's price. Discounts are taken off the tickets.
pub fn parts_of(booking: &Booking) -> Parts {
    let mut parts = Parts::default();
    for line in &booking.lines {
        match line.kind {
            LineKind::Discount | LineKind::Tax => {}
            LineKind::Ticket => parts.tax += line.tax_amount,
            LineKind::Fee => {
                let included = line.tax.is_some_and(|tax| tax.included);
                parts.fees += line.amount - if included { line.tax_amount } else { 0 };
                parts.fee_tax += line.tax_amount;
            }
        }
    }
    // The remainder, so that the parts come to the total.
    parts.revenue = booking.total.amount - parts.fees - parts.tax - parts.fee_tax;
    parts
}
