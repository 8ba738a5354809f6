//! Money that came for an attempt: the attempt is captured, and its sale and the provider's fee are posted, in one transaction.

use std::time::Duration;

use deadpool_postgres::Transaction;
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use super::jobs::ring;
use super::ledger::{Belonging, post_all};
use super::payments::LIVE;
use super::refunds::{NewRefund, PAID_TOO_LATE, insert_refund, refund_job};
use super::together::{Answers, FREE, LOCKED, in_order, place_of};
use super::{Store, StoreError};
use crate::ticketing::ledger::{Parts, Posting, RefundedParts, fee, sale};
use crate::ticketing::payment::{Attempt, Charge, ProviderName, goes_back};
use crate::ticketing::price::LineKind;
use crate::ticketing::record::{Booking, BookingStatus};
use crate::ticketing::{BookingId, EventId, PaymentId, UserId};

/// An attempt whose money came.
#[derive(Debug, Clone)]
pub(super) struct Settlement {
    pub(super) payment: PaymentId,
    pub(super) booking: BookingId,
    pub(super) event: EventId,
    pub(super) provider: ProviderName,
    pub(super) currency: String,
    pub(super) captured: i64,
    pub(super) fee: i64,
    pub(super) method: Option<String>,
    pub(super) parts: Parts,
    /// The fee that the organizer pays is booked as well; only the booking's row knows it.
    pub(super) absorbs: bool,
    /// When the money came; `None`: now.
    pub(super) at: Option<Timestamp>,
}

/// The bookings whose attempts are settled, as SQL of booking `b`, and how their rows are locked.
#[derive(Debug, Clone, Copy)]
struct Which {
    condition: &'static str,
    lock: &'static str,
}

/// Sold ones that nobody writes at this moment.
const SOLD_AND_FREE: Which = Which {
    condition: "b.status = 'confirmed'",
    lock: FREE,
};
const ANY: Which = Which {
    condition: "true",
    lock: LOCKED,
};

impl Store {
    /// The money is ours: posts it. If the booking is not sold, or with `gives_back` is not sold to this attempt, all of it is on
    /// its way back in the same transaction.
    pub async fn settle_payment(
        &self,
        of: &Attempt,
        charge: &Charge,
        parts: Parts,
        gives_back: bool,
    ) -> Result<(), StoreError> {
        let is_price = parts.total() == charge.captured_amount;
        let parts = parts.of_money(charge.captured_amount);
        let settlement = Settlement {
            payment: of.id,
            booking: of.booking_id,
            event: of.event_id,
            provider: of.provider,
            currency: of.amount.currency.clone(),
            captured: charge.captured_amount,
            fee: charge.fee_amount,
            method: charge.method.clone(),
            parts,
            absorbs: is_price,
            at: None,
        };
        if !gives_back {
            let sold = self.lines.settlements.ask(self, settlement.clone());
            if sold.await? {
                return Ok(());
            }
        }
        let with_turn = of.provider == ProviderName::Offline;
        match self
            .settle_alone(of, settlement, gives_back, with_turn)
            .await?
        {
            Some(settlement) => {
                let again = self.settle_alone(of, settlement, gives_back, true);
                again.await.map(|_| ())
            }
            None => Ok(()),
        }
    }

    /// Settles one attempt, whatever became of its booking. `Some`: nothing was done, for the booking's row has to be written
    /// and the turn was not taken.
    async fn settle_alone(
        &self,
        of: &Attempt,
        mut settlement: Settlement,
        gives_back: bool,
        with_turn: bool,
    ) -> Result<Option<Settlement>, StoreError> {
        let mut client = self.client_of(of.event_id).await?;
        let transaction = client.transaction().await?;
        let sql = "select from payments where id = $1 for no key update";
        let statement = transaction.prepare_cached(sql).await?;
        transaction.query_opt(&statement, &[&of.id]).await?;
        if with_turn {
            // The booking's row may have to be written, which takes the turn.
            let statement = transaction.prepare_cached("select take_turn($1)").await?;
            transaction.execute(&statement, &[&of.event_id]).await?;
        }
        // It may be sold or cancelled in this moment: then that waits for this, or this for that.
        let sql = "select status, confirmed_at is not null and paid_by is not null, payment_id from bookings
                    where id = $1 for no key update";
        let statement = transaction.prepare_cached(sql).await?;
        let row = transaction.query_one(&statement, &[&of.booking_id]).await?;
        let status: &str = row.try_get(0)?;
        let unknown = |_| StoreError::corrupt(format!("booking status {status}"));
        let status: BookingStatus = status.parse().map_err(unknown)?;
        let is_sold = status == BookingStatus::Confirmed;
        // Of money that staff took, and of a booking that was sold for this money, the booking's end says what goes back.
        let sold_for: Option<PaymentId> = row.try_get(2)?;
        let is_staffs = of.provider == ProviderName::Offline && row.try_get(1)?;
        let is_kept = is_staffs || sold_for == Some(of.id);
        if is_kept && !is_sold && !with_turn {
            return Ok(Some(settlement));
        }
        let gives_back = goes_back(gives_back, is_sold, is_staffs, sold_for == Some(of.id));
        // Nothing is owed for a sale that did not come about.
        settlement.absorbs &= !gives_back;
        let settled = settle(&transaction, std::slice::from_ref(&settlement), ANY).await?;
        let is_settled = settled.contains(&true);
        if is_settled && is_kept && !is_sold {
            // It was sold after all: what is kept of the money is revenue.
            let sql =
                "update bookings set ended_paid = true where id = $1 and ended_at is not null";
            let statement = transaction.prepare_cached(sql).await?;
            transaction.execute(&statement, &[&of.booking_id]).await?;
        }
        if is_settled && gives_back {
            let new = NewRefund {
                event: of.event_id,
                payment: of.id,
                amount: settlement.captured,
                reason: PAID_TOO_LATE,
                tickets: None,
                by_owner: false,
                parts: RefundedParts::default(),
                key: &format!("late:{}", of.id),
                audit: None,
                asked: None,
            };
            if let Some(refund) = insert_refund(&transaction, &new).await? {
                ring(&transaction, &refund_job(refund.id), Duration::ZERO).await?;
            }
        }
        transaction.commit().await?;
        Ok(None)
    }
}

/// Settles those whose bookings are sold, together. `false`: it is not, or is being written, or is settled already.
pub(super) fn settle_sold<'a>(store: &'a Store, asked: &'a [Settlement]) -> Answers<'a, bool> {
    async move {
        store
            .transaction(asked, |tx, asked| settle(tx, asked, SOLD_AND_FREE).boxed())
            .await
    }
    .boxed()
}

/// Settles those whose bookings are there, in a transaction of somebody else. They are posted in this order.
pub(super) async fn settle_all(
    tx: &Transaction<'_>,
    asked: &[Settlement],
) -> Result<Vec<bool>, StoreError> {
    settle(tx, asked, ANY).await
}

/// Answers in the order of what is asked. Rows are locked in the order of whatever writes them: the attempt, the turn where it
/// is needed, the booking.
async fn settle(
    tx: &Transaction<'_>,
    asked: &[Settlement],
    which: Which,
) -> Result<Vec<bool>, StoreError> {
    let Which { condition, lock } = which;
    let sql = format!(
        "with asked as (
             -- Each attempt once: its job and somebody else may settle it at the same moment.
             select * from unnest((select $1::uuid[]), (select $2::uuid[])) with ordinality as asked (payment_id, booking_id, place)
              where place = array_position($1, payment_id)
         ), booking as materialized (
             select asked.payment_id, asked.place, b.absorbed, b.sold_to, e.organizer_id
               from asked
              cross join lateral (select from payments where id = asked.payment_id and {LIVE} limit 1 {lock}) p
              cross join lateral (select b.event_id, b.absorbed_fee_amount as absorbed, b.payment_id as sold_to from bookings b
                                   where b.id = asked.booking_id and {condition} limit 1 {lock}) b
              cross join lateral (select organizer_id from events where id = b.event_id limit 1) e
         ), settled as (
             update payments p
                set state = 'captured', captured_amount = ($3::bigint[])[array_position($1, p.id)],
                    fee_amount = ($4::bigint[])[array_position($1, p.id)],
                    method = coalesce(p.method, ($5::text[])[array_position($1, p.id)]), failure = null
              where p.id = any(array(select payment_id from booking)) and p.{LIVE}
                and p.booking_id = ($2::uuid[])[array_position($1, p.id)]
             returning p.id, p.instead_of
         ), closed as (
             -- The booking owes nothing any more.
             update payments owing set state = 'canceled', review = null, owed = false
              where owing.id = any(array(select settled.instead_of from settled
                                           join booking on booking.payment_id = settled.id and booking.sold_to = settled.id))
                and owing.owed
         )
         select booking.place::int, booking.organizer_id, booking.absorbed
           from settled join booking on booking.payment_id = settled.id"
    );
    let order = in_order(asked, |of| of.booking.0);
    let sorted = || order.iter().map(|place| &asked[*place]);
    let statement = tx.prepare_cached(&sql).await?;
    let values: [&(dyn ToSql + Sync); 5] = [
        &sorted().map(|of| of.payment).collect::<Vec<_>>(),
        &sorted().map(|of| of.booking).collect::<Vec<_>>(),
        &sorted().map(|of| of.captured).collect::<Vec<_>>(),
        &sorted().map(|of| of.fee).collect::<Vec<_>>(),
        &sorted().map(|of| of.method.as_deref()).collect::<Vec<_>>(),
    ];
    let mut answers = vec![false; asked.len()];
    let mut posted: Vec<(usize, UserId, [String; 2], [Posting; 2])> = Vec::new();
    for row in tx.query(&statement, &values).await? {
        let place = place_of(&row, 0, &order)?;
        answers[place] = true;
        let of = &asked[place];
        let absorbed: i64 = row.try_get(2)?;
        let parts = Parts {
            absorbed: if of.absorbs { absorbed } else { 0 },
            ..of.parts
        };
        let keys = [
            format!("sale:{}", of.payment),
            format!("fee:{}", of.payment),
        ];
        let postings = [sale(of.provider, parts), fee(of.provider, of.fee)];
        posted.push((place, row.try_get(1)?, keys, postings));
    }
    // The order in which invoices are numbered.
    posted.sort_unstable_by_key(|(place, ..)| *place);
    let mut all = Vec::with_capacity(2 * posted.len());
    for (place, organization, keys, postings) in &posted {
        let of = &asked[*place];
        for (key, posting) in keys.iter().zip(postings) {
            let belonging = Belonging {
                key,
                organization: *organization,
                event: of.event,
                booking: of.booking,
                payment: of.payment,
                currency: &of.currency,
                at: of.at,
            };
            all.push((belonging, posting));
        }
    }
    post_all(tx, &all).await?;
    Ok(answers)
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
