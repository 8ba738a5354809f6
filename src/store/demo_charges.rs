//! The books of the demo's provider. It is asked like any other, so nothing here knows of bookings.

use tokio_postgres::Row;

use super::{Store, StoreError};
use crate::ticketing::PaymentId;

/// A charge of the demo's provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoCharge {
    pub id: PaymentId,
    pub amount: i64,
    pub currency: String,
    /// `open`, `challenged`, `processing`, `authorized`, `captured`, `canceled`.
    pub status: String,
    pub return_url: Option<String>,
    pub captured_amount: i64,
    pub failure: Option<String>,
}

/// A card that was typed, as the provider sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardSays {
    Yes,
    Declined,
    /// The bank asks its holder.
    Challenge,
    /// The bank never answers.
    Nothing,
}

/// A bank that does not answer within this time has declined, in seconds.
const SILENCE_S: i32 = 60;

const CHARGE: &str = "
    id, amount, currency,
    case when status = 'processing' and created_at < clock_timestamp() - $2 * interval '1 s' then 'open' else status end,
    return_url, captured_amount, failure";

impl Store {
    /// Makes the charge; `None`: there is one.
    pub async fn open_demo_charge(
        &self,
        id: PaymentId,
        amount: i64,
        currency: &str,
        return_url: Option<&str>,
    ) -> Result<Option<DemoCharge>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "insert into demo_charges (id, amount, currency, return_url) values ($1, $3, $4, $5) on conflict do nothing
             returning {CHARGE}"
        );
        let statement = client.prepare_cached(&sql).await?;
        let silence = f64::from(SILENCE_S);
        let row = client
            .query_opt(
                &statement,
                &[&id, &silence, &amount, &currency, &return_url],
            )
            .await?;
        row.map(|row| read(&row)).transpose()
    }

    pub async fn demo_charge(&self, id: PaymentId) -> Result<Option<DemoCharge>, StoreError> {
        let client = self.client().await?;
        let sql = format!("select {CHARGE} from demo_charges where id = $1");
        let statement = client.prepare_cached(&sql).await?;
        let row = client
            .query_opt(&statement, &[&id, &f64::from(SILENCE_S)])
            .await?;
        row.map(|row| read(&row)).transpose()
    }

    /// A card was typed; or its holder was asked and answered. `false`: the charge does not wait for it.
    pub async fn demo_card(&self, id: PaymentId, says: CardSays) -> Result<bool, StoreError> {
        let (status, failure) = match says {
            CardSays::Yes => ("authorized", None),
            CardSays::Declined => ("open", Some("card_declined")),
            CardSays::Challenge => ("challenged", None),
            CardSays::Nothing => ("processing", None),
        };
        let client = self.client().await?;
        let sql =
            "update demo_charges set status = $2, failure = $3, created_at = clock_timestamp()
                    where id = $1 and status in ('open', 'challenged')";
        let statement = client.prepare_cached(sql).await?;
        let changed = client
            .execute(&statement, &[&id, &status, &failure])
            .await?;
        Ok(changed > 0)
    }

    /// Takes what is authorised; answers the charge after it.
    pub async fn capture_demo_charge(
        &self,
        id: PaymentId,
    ) -> Result<Option<DemoCharge>, StoreError> {
        self.move_demo_charge(id, "authorized", "captured").await
    }

    /// Cancels what is not taken; answers the charge after it.
    pub async fn cancel_demo_charge(
        &self,
        id: PaymentId,
    ) -> Result<Option<DemoCharge>, StoreError> {
        self.move_demo_charge(id, "captured", "canceled").await
    }

    /// `captured` from that one status, `canceled` from any but that one.
    async fn move_demo_charge(
        &self,
        id: PaymentId,
        status: &str,
        to: &str,
    ) -> Result<Option<DemoCharge>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "update demo_charges
                set status = case when (status = $3) = ($4 = 'captured') then $4 else status end,
                    captured_amount = case when status = $3 and $4 = 'captured' then amount else captured_amount end
              where id = $1 returning {CHARGE}"
        );
        let statement = client.prepare_cached(&sql).await?;
        let silence = f64::from(SILENCE_S);
        let row = client
            .query_opt(&statement, &[&id, &silence, &status, &to])
            .await?;
        row.map(|row| read(&row)).transpose()
    }

    /// Gives back an amount, once for each key. `false`: not so much was taken.
    pub async fn refund_demo_charge(
        &self,
        id: PaymentId,
        key: &str,
        amount: i64,
    ) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let sql = "
            update demo_charges
               set refunded_amount = refunded_amount + case when refunds ? $2 then 0 else $3 end,
                   refunds = refunds || jsonb_build_object($2::text, $3::bigint)
             where id = $1 and (refunds ? $2 or refunded_amount + $3 <= captured_amount)";
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, &[&id, &key, &amount]).await? > 0)
    }
}

fn read(row: &Row) -> Result<DemoCharge, StoreError> {
    Ok(DemoCharge {
        id: row.try_get(0)?,
        amount: row.try_get(1)?,
        currency: row.try_get(2)?,
        status: row.try_get(3)?,
        return_url: row.try_get(4)?,
        captured_amount: row.try_get(5)?,
        failure: row.try_get(6)?,
    })
}
