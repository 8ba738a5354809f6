//! Invoices and credit notes: numbered after the sale, without gaps, and read with what their ledger transactions say.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Store, StoreError};
use crate::ticketing::record::Money;
use crate::ticketing::{BookingId, EventId};

/// The job that numbers. `sql/V14__ledger.sql` writes it with the ledger's transaction.
pub const INVOICE_JOB: &str = "invoice";
/// Invoices that one transaction numbers.
const BATCH_MAX: i64 = 100;

/// An invoice of a sale, or of a refund that failed and whose money stays; or a credit note of a refund.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Invoice {
    /// `invoice` or `credit_note`.
    #[schema(example = "invoice")]
    pub kind: String,
    /// Without gaps for each organization, year and kind: `INV-2026-000001`. Absent for a moment after the sale.
    #[schema(example = "INV-2026-000001")]
    pub number: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    /// The organization that sold.
    #[schema(example = "Harbour Music")]
    pub seller: String,
    pub event_id: EventId,
    #[schema(value_type = uuid::Uuid)]
    pub booking_id: BookingId,
    #[schema(example = "BK-7F3K9Q")]
    pub reference: String,
    pub total: Money,
    /// Of the total.
    pub tax: Money,
    /// It is of the whole sale, and not of money that stayed when a refund failed.
    #[serde(skip)]
    pub is_of_sale: bool,
}

impl Store {
    /// Numbers the invoice of a ledger transaction, with those of its series that wait as well: a batch takes the lock of the
    /// counter once. `false`: somebody else numbers the series now, and perhaps this one with it; look again.
    pub async fn number_invoices(&self, transaction_id: i64) -> Result<bool, StoreError> {
        let lent = transaction_id;
        loop {
            // Each round numbers the first that wait; in the end this one is among them.
            match self
                .transaction(&lent, |tx, id| Box::pin(number(tx, *id)))
                .await?
            {
                Numbered::Some => {}
                Numbered::This => return Ok(true),
                Numbered::Busy => return Ok(false),
            }
        }
    }

    /// Of a booking, in order.
    pub async fn invoices_of(&self, booking: BookingId) -> Result<Vec<Invoice>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select i.kind, i.year, i.number, t.at, o.name, i.event_id, i.booking_id, b.reference, sums.total, sums.tax, sums.currency,
                   t.cause = 'sale'
              from invoices i
             cross join lateral (select at, cause from ledger_transactions where id = i.transaction_id limit 1) t
             cross join lateral (select reference from bookings where id = i.booking_id limit 1) b
             cross join lateral (
                   select abs(coalesce(sum(e.amount) filter (where a.kind in ('income', 'liability') or a.name = 'absorbed fees'),
                                       0))::bigint as total,
                          abs(coalesce(sum(e.amount) filter (where a.kind = 'liability'), 0))::bigint as tax,
                          min(a.currency) as currency
                     from ledger_entries e
                    cross join lateral (select name, kind, currency from ledger_accounts where id = e.account_id limit 1) a
                    where e.transaction_id = i.transaction_id) sums
              left join lateral (select name from organizations where id = i.organization_id limit 1) o on true
             where i.booking_id = $1
             order by i.booking_id, i.transaction_id limit 1000";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&booking]).await?;
        rows.iter()
            .map(|row| {
                let (kind, year): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
                let number: Option<i32> = row.try_get(2)?;
                let currency: String = row.try_get(10)?;
                let money = |amount| Money {
                    amount,
                    currency: currency.clone(),
                };
                Ok(Invoice {
                    number: number.map(|number| shown(&kind, year, number)),
                    kind,
                    issued_at: row.try_get(3)?,
                    seller: row.try_get::<_, Option<String>>(4)?.unwrap_or_default(),
                    event_id: row.try_get(5)?,
                    booking_id: row.try_get(6)?,
                    reference: row.try_get(7)?,
                    total: money(row.try_get(8)?),
                    tax: money(row.try_get(9)?),
                    is_of_sale: row.try_get(11)?,
                })
            })
            .collect()
    }
}

/// As it is written: `INV-2026-000001`.
fn shown(kind: &str, year: i32, number: i32) -> String {
    let series = if kind == "invoice" { "INV" } else { "CN" };
    format!("{series}-{year}-{number:06}")
}

/// How a round of numbering ended.
enum Numbered {
    /// Some have their numbers; this one may be among them.
    Some,
    /// This one has its number.
    This,
    Busy,
}

/// The counter's row is locked before the invoices are read, so a number is never taken twice, and the numbers follow the
/// order of the transactions as far as these are known. Nobody waits for the lock with a connection in hand.
async fn number(tx: &Transaction<'_>, id: i64) -> Result<Numbered, StoreError> {
    let sql = "
        insert into invoice_counters (organization_id, year, kind, last)
        select i.organization_id, i.year, i.kind, 0 from invoices i
         where i.transaction_id = $1 and i.number is null
           and not exists (select from invoice_counters c
                            where c.organization_id = i.organization_id and c.year = i.year and c.kind = i.kind)
            on conflict do nothing";
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, &[&id]).await?;
    let sql = "
        select i.number is null, c.organization_id, c.year, c.kind, c.last
          from invoices i
          left join lateral (
               select * from invoice_counters
                where organization_id = i.organization_id and year = i.year and kind = i.kind and i.number is null
                limit 1 for no key update skip locked) c on true
         where i.transaction_id = $1";
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_opt(&statement, &[&id]).await?;
    let waiting = row.filter(|row| row.try_get(0).unwrap_or(false));
    let Some(row) = waiting else {
        return Ok(Numbered::This);
    };
    let Some(organization) = row.try_get::<_, Option<i64>>(1)? else {
        return Ok(Numbered::Busy);
    };
    let year: i32 = row.try_get(2)?;
    let (kind, last): (String, i32) = (row.try_get(3)?, row.try_get(4)?);
    let sql = "
        with waiting as materialized (
            select transaction_id, row_number() over (order by transaction_id) as place
              from (select transaction_id from invoices
                     where organization_id = $1 and year = $2 and kind = $3 and number is null
                     order by organization_id, year, kind, transaction_id limit $5) w
        )
        update invoices i set number = $4 + waiting.place::int
          from waiting where i.transaction_id = waiting.transaction_id";
    let statement = tx.prepare_cached(sql).await?;
    let numbered = tx
        .execute(
            &statement,
            &[&organization, &year, &kind, &last, &BATCH_MAX],
        )
        .await?;
    let last = last.saturating_add(i32::try_from(numbered).unwrap_or(0));
    let sql = "update invoice_counters set last = $4 where organization_id = $1 and year = $2 and kind = $3";
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, &[&organization, &year, &kind, &last])
        .await?;
    Ok(Numbered::Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_kind_and_year() {
        assert_eq!(shown("invoice", 2026, 7), "INV-2026-000007");
        assert_eq!(shown("credit_note", 2026, 1_234_567), "CN-2026-1234567");
    }
}
