//! The books of the demo's provider. It is asked like any other, so nothing here knows of bookings.

use futures_util::FutureExt;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::together::{Answers, in_order, place_of};
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

/// The provider's fee: 2 % and 25 minor units, as a card's might be.
const FEE_PERCENT: i64 = 2;
const FEE_FIXED: i64 = 25;

impl DemoCharge {
    /// The part of what was taken that the provider keeps.
    pub fn fee_amount(&self) -> i64 {
        fee_amount(self.captured_amount)
    }
}

pub(super) fn fee_amount(captured: i64) -> i64 {
    match captured {
        0 => 0,
        captured => (captured * FEE_PERCENT / 100 + FEE_FIXED).min(captured),
    }
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

/// A charge to be made.
#[derive(Debug)]
pub(super) struct NewDemoCharge {
    id: PaymentId,
    amount: i64,
    currency: String,
    return_url: Option<String>,
}

impl Store {
    /// Makes the charge; `None`: there is one.
    pub async fn open_demo_charge(
        &self,
        id: PaymentId,
        amount: i64,
        currency: &str,
        return_url: Option<&str>,
    ) -> Result<Option<DemoCharge>, StoreError> {
        let opening = NewDemoCharge {
            id,
            amount,
            currency: currency.to_owned(),
            return_url: return_url.map(str::to_owned),
        };
        self.lines.demo_openings.ask(self, opening).await
    }

    pub async fn demo_charge(&self, id: PaymentId) -> Result<Option<DemoCharge>, StoreError> {
        self.lines.demo_charges.ask(self, id).await
    }

    /// A card was typed; or its holder was asked and answered. `false`: the charge does not wait for it.
    pub async fn demo_card(&self, id: PaymentId, says: CardSays) -> Result<bool, StoreError> {
        self.lines.demo_cards.ask(self, (id, says)).await
    }

    /// Takes what is authorised; answers the charge after it.
    pub async fn capture_demo_charge(
        &self,
        id: PaymentId,
    ) -> Result<Option<DemoCharge>, StoreError> {
        self.lines.demo_captures.ask(self, id).await
    }

    /// Cancels what is not taken; answers the charge after it.
    pub async fn cancel_demo_charge(
        &self,
        id: PaymentId,
    ) -> Result<Option<DemoCharge>, StoreError> {
        let moved = move_all(self, &[id], "captured", "canceled").await?;
        Ok(moved.into_iter().next().flatten())
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

/// Makes charges. `None`: there is one.
pub(super) fn open_all<'a>(
    store: &'a Store,
    asked: &'a [NewDemoCharge],
) -> Answers<'a, Option<DemoCharge>> {
    async move {
        let client = store.client().await?;
        let sql = format!(
            "insert into demo_charges (id, amount, currency, return_url)
             select * from unnest((select $1::uuid[]), (select $3::bigint[]), (select $4::text[]), (select $5::text[]))
                 on conflict do nothing returning {CHARGE}"
        );
        let order = in_order(asked, |opening| opening.id.0);
        let sorted = || order.iter().map(|place| &asked[*place]);
        let statement = client.prepare_cached(&sql).await?;
        let values: [&(dyn ToSql + Sync); 5] = [
            &sorted().map(|opening| opening.id).collect::<Vec<_>>(),
            &f64::from(SILENCE_S),
            &sorted().map(|opening| opening.amount).collect::<Vec<_>>(),
            &sorted()
                .map(|opening| opening.currency.as_str())
                .collect::<Vec<_>>(),
            &sorted()
                .map(|opening| opening.return_url.as_deref())
                .collect::<Vec<_>>(),
        ];
        let rows = client.query(&statement, &values).await?;
        answers(
            &asked.iter().map(|opening| opening.id).collect::<Vec<_>>(),
            &rows,
        )
    }
    .boxed()
}

pub(super) fn read_all<'a>(
    store: &'a Store,
    ids: &'a [PaymentId],
) -> Answers<'a, Option<DemoCharge>> {
    async move {
        let client = store.client().await?;
        let sql = format!(
            "select {CHARGE} from demo_charges where id = any((select $1::uuid[])::uuid[])"
        );
        let statement = client.prepare_cached(&sql).await?;
        let silence = f64::from(SILENCE_S);
        answers(ids, &client.query(&statement, &[&ids, &silence]).await?)
    }
    .boxed()
}

/// `false`: the charge does not wait for a card.
pub(super) fn pay_all<'a>(
    store: &'a Store,
    cards: &'a [(PaymentId, CardSays)],
) -> Answers<'a, bool> {
    async move {
        let says = |says: &CardSays| match says {
            CardSays::Yes => ("authorized", None),
            CardSays::Declined => ("open", Some("card_declined")),
            CardSays::Challenge => ("challenged", None),
            CardSays::Nothing => ("processing", None),
        };
        let ids: Vec<PaymentId> = cards.iter().map(|(id, _)| *id).collect();
        let client = store.client().await?;
        // Of two cards for one charge the first is taken.
        let sql = "update demo_charges
                      set status = ($2::text[])[array_position($1, id)], failure = ($3::text[])[array_position($1, id)],
                          created_at = clock_timestamp()
                    where id = any((select $1::uuid[])::uuid[]) and status in ('open', 'challenged') returning array_position($1, id)";
        let statement = client.prepare_cached(sql).await?;
        let values: [&(dyn ToSql + Sync); 3] = [
            &ids,
            &cards.iter().map(|(_, card)| says(card).0).collect::<Vec<_>>(),
            &cards.iter().map(|(_, card)| says(card).1).collect::<Vec<_>>(),
        ];
        let order: Vec<usize> = (0..cards.len()).collect();
        let mut answers = vec![false; cards.len()];
        for row in client.query(&statement, &values).await? {
            answers[place_of(&row, 0, &order)?] = true;
        }
        Ok(answers)
    }
    .boxed()
}

/// Takes what is authorised; answers the charges after it.
pub(super) fn capture_all<'a>(
    store: &'a Store,
    ids: &'a [PaymentId],
) -> Answers<'a, Option<DemoCharge>> {
    move_all(store, ids, "authorized", "captured").boxed()
}

/// `captured` from that one status, `canceled` from any but that one.
async fn move_all(
    store: &Store,
    ids: &[PaymentId],
    status: &str,
    to: &str,
) -> Result<Vec<Option<DemoCharge>>, StoreError> {
    let client = store.client().await?;
    let sql = format!(
        "update demo_charges
            set status = case when (status = $3) = ($4 = 'captured') then $4 else status end,
                captured_amount = case when status = $3 and $4 = 'captured' then amount else captured_amount end
          where id = any((select $1::uuid[])::uuid[]) returning {CHARGE}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let values: [&(dyn ToSql + Sync); 4] = [&ids, &f64::from(SILENCE_S), &status, &to];
    answers(ids, &client.query(&statement, &values).await?)
}

/// The charges of rows, in the order of `ids`.
fn answers(ids: &[PaymentId], rows: &[Row]) -> Result<Vec<Option<DemoCharge>>, StoreError> {
    let charges: Vec<DemoCharge> = rows.iter().map(read).collect::<Result<_, _>>()?;
    let found = |id: &PaymentId| charges.iter().find(|charge| charge.id == *id).cloned();
    Ok(ids.iter().map(found).collect())
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
