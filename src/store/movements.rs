//! Money that moved without us, written down once: refunds that somebody made at the provider, and disputes. They move
//! money and state, and never stock; a person decides what becomes of the tickets.

use deadpool_postgres::Transaction;

use super::ledger::{self, Belonging};
use super::reviews::another_reason;
use super::{Store, StoreError};
use crate::ticketing::ledger::{dispute, fee, foreign_refund};
use crate::ticketing::movement::{
    DisputeState, Going, Movements, Noted, ProviderDispute, ProviderFee, ProviderRefund, Reserved,
    to_give_up,
};
use crate::ticketing::payment::Attempt;
use crate::ticketing::{BookingId, UserId};

pub const REFUNDED_ELSEWHERE: &str = "money was given back at the provider, and not by us";

/// A dispute of a booking's payment.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownDispute {
    pub provider_ref: String,
    pub amount: i64,
    pub state: DisputeState,
    pub created_at: jiff::Timestamp,
}

impl Store {
    /// Writes down what the provider has seen of a captured payment that was not written down before.
    pub async fn note_movements(
        &self,
        of: &Attempt,
        seen: &Movements,
    ) -> Result<Noted, StoreError> {
        let mut client = self.client_of(of.event_id).await?;
        let tx = client.transaction().await?;
        // The row is locked, so that two readers are one after the other.
        let sql = "select e.organizer_id from payments p join events e on e.id = p.event_id where p.id = $1
                    for no key update of p";
        let statement = tx.prepare_cached(sql).await?;
        let organization: UserId = tx.query_one(&statement, &[&of.id]).await?.try_get(0)?;
        let books = Books {
            tx: &tx,
            of,
            organization,
        };
        let mut noted = Noted::All;
        for refund in &seen.refunds {
            if books.note_refund(refund, &seen.refunds).await? == Noted::Waits {
                noted = Noted::Waits;
            }
        }
        for dispute in &seen.disputes {
            books.note_dispute(dispute).await?;
        }
        match seen.fee {
            Some(ProviderFee::Known(amount)) if amount > 0 => books.note_fee(amount).await?,
            Some(ProviderFee::Follows) => noted = Noted::Waits,
            _ => {}
        }
        tx.commit().await?;
        Ok(noted)
    }

    /// Disputes of a booking, the oldest first.
    pub async fn disputes_of(&self, booking: BookingId) -> Result<Vec<KnownDispute>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select d.provider_ref, d.amount, d.state, d.created_at
              from (select id from payments where booking_id = $1 order by booking_id, id limit 100) p
             cross join lateral (select * from disputes where payment_id = p.id limit 100) d
             order by d.created_at, d.provider_ref";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&booking]).await?;
        rows.iter()
            .map(|row| {
                Ok(KnownDispute {
                    provider_ref: row.try_get(0)?,
                    amount: row.try_get(1)?,
                    state: state(row.try_get(2)?)?,
                    created_at: row.try_get(3)?,
                })
            })
            .collect()
    }
}

fn state(text: &str) -> Result<DisputeState, StoreError> {
    let unknown = || StoreError::corrupt(format!("a dispute is {text}"));
    DisputeState::parse(text).ok_or_else(unknown)
}

struct Books<'a> {
    tx: &'a Transaction<'a>,
    of: &'a Attempt,
    organization: UserId,
}

impl Books<'_> {
    async fn note_refund(
        &self,
        seen: &ProviderRefund,
        all: &[ProviderRefund],
    ) -> Result<Noted, StoreError> {
        let ours = self.refunds().await?;
        let of_ours = seen.ours.filter(|id| ours.iter().any(|one| one.id == *id));
        if let Some(id) = of_ours {
            // A bank may return what had arrived.
            if seen.state == Going::Failed {
                let key = format!("refund:{id}");
                self.take_refund_back("id", &id, &key, seen).await?;
            }
            return Ok(Noted::All);
        }
        let key = format!(
            "foreign:{}:{}",
            self.of.provider.as_str(),
            seen.provider_ref
        );
        let sql = "select state from refunds where key = $1";
        let statement = self.tx.prepare_cached(sql).await?;
        let known = self.tx.query_opt(&statement, &[&key]).await?;
        let known: Option<String> = known.map(|row| row.try_get(0)).transpose()?;
        match (seen.state, known.as_deref()) {
            (Going::Pending, None) => Ok(Noted::Waits),
            (Going::Done, None) => self.add_refund(&key, seen, &ours, all).await,
            (Going::Failed, Some("succeeded")) => {
                self.take_refund_back("key", &key, &key, seen).await?;
                Ok(Noted::All)
            }
            _ => Ok(Noted::All),
        }
    }

    async fn add_refund(
        &self,
        key: &str,
        seen: &ProviderRefund,
        ours: &[Reserved],
        all: &[ProviderRefund],
    ) -> Result<Noted, StoreError> {
        let Some(given_up) = to_give_up(seen.amount, self.of.captured_amount, ours, all) else {
            return Ok(Noted::Waits);
        };
        let reason = another_reason("$2");
        let sql = format!(
            "with ended as (
                update refunds set state = 'failed', failure = $2 where id = any($1) returning amount
            )
            update payments
               set refunded_amount = refunded_amount + $3 - coalesce((select sum(amount) from ended), 0)::bigint, {reason}
             where id = $4"
        );
        let statement = self.tx.prepare_cached(&sql).await?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&given_up, &REFUNDED_ELSEWHERE, &seen.amount, &self.of.id];
        self.tx.execute(&statement, &values).await?;
        let sql = "
            insert into refunds (payment_id, booking_id, event_id, amount, reason, state, key, provider_ref)
            values ($1, $2, $3, $4, $5, 'succeeded', $6, $7)";
        let statement = self.tx.prepare_cached(sql).await?;
        let of = self.of;
        self.tx
            .execute(
                &statement,
                &[
                    &of.id,
                    &of.booking_id,
                    &of.event_id,
                    &seen.amount,
                    &REFUNDED_ELSEWHERE,
                    &key,
                    &seen.provider_ref,
                ],
            )
            .await?;
        ledger::post(
            self.tx,
            self.belonging(key),
            &foreign_refund(of.provider, seen.amount),
        )
        .await?;
        tracing::warn!(payment = %of.id, booking = %of.booking_id, amount = seen.amount, "money was given back at the provider");
        Ok(Noted::All)
    }

    /// A refund that had succeeded did not arrive: the one whose `column` is `name`. The money is here again.
    async fn take_refund_back(
        &self,
        column: &'static str,
        name: &(dyn tokio_postgres::types::ToSql + Sync),
        key: &str,
        seen: &ProviderRefund,
    ) -> Result<(), StoreError> {
        let reason = another_reason("'a refund failed at the provider after it had succeeded'");
        let sql = format!(
            "with ended as (
                update refunds set state = 'failed', failure = 'it failed at the provider'
                 where {column} = $1 and state = 'succeeded' returning amount
            )
            update payments
               set refunded_amount = refunded_amount - (select sum(amount) from ended)::bigint, {reason}
             where id = $2 and exists (select from ended)"
        );
        let statement = self.tx.prepare_cached(&sql).await?;
        if self.tx.execute(&statement, &[name, &self.of.id]).await? == 0 {
            return Ok(());
        }
        let back = format!("{key}:failed");
        let posting = foreign_refund(self.of.provider, -seen.amount);
        ledger::post(self.tx, self.belonging(&back), &posting).await
    }

    /// The provider says its fee after the sale.
    async fn note_fee(&self, amount: i64) -> Result<(), StoreError> {
        let sql = "update payments set fee_amount = $2 where id = $1 and state = 'captured' and fee_amount = 0";
        let statement = self.tx.prepare_cached(sql).await?;
        if self.tx.execute(&statement, &[&self.of.id, &amount]).await? == 0 {
            return Ok(());
        }
        let key = format!("fee:{}", self.of.id);
        let posting = fee(self.of.provider, amount);
        ledger::post(self.tx, self.belonging(&key), &posting).await
    }

    async fn note_dispute(&self, seen: &ProviderDispute) -> Result<(), StoreError> {
        let of = self.of;
        let provider = of.provider.as_str();
        let sql = "select state from disputes where provider = $1 and provider_ref = $2";
        let statement = self.tx.prepare_cached(sql).await?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&provider, &seen.provider_ref];
        let known = self.tx.query_opt(&statement, &values).await?;
        let known = known.map(|row| state(row.try_get(0)?)).transpose()?;
        let now = known.map_or(seen.state, |known| known.after(seen.state));
        let sql = "
            insert into disputes (provider, provider_ref, payment_id, event_id, amount, state) values ($1, $2, $3, $4, $5, $6)
                on conflict (provider, provider_ref) do update
               set amount = excluded.amount, state = excluded.state, updated_at = clock_timestamp()
             where (disputes.amount, disputes.state) is distinct from (excluded.amount, excluded.state)";
        let statement = self.tx.prepare_cached(sql).await?;
        self.tx
            .execute(
                &statement,
                &[
                    &provider,
                    &seen.provider_ref,
                    &of.id,
                    &of.event_id,
                    &seen.amount,
                    &now.as_str(),
                ],
            )
            .await?;
        if known != Some(now) && now != DisputeState::Won {
            let another = another_reason("$2::text");
            let sql = format!("update payments set {another} where id = $1");
            let statement = self.tx.prepare_cached(&sql).await?;
            let reason = match now {
                DisputeState::Lost => "the cardholder's bank took the money back",
                _ => "the cardholder disputes the payment",
            };
            self.tx.execute(&statement, &[&of.id, &reason]).await?;
            tracing::warn!(payment = %of.id, booking = %of.booking_id, state = now.as_str(), "a payment is disputed");
        }
        for transfer in &seen.transfers {
            let key = format!("dispute:{provider}:{}", transfer.provider_ref);
            let posting = dispute(of.provider, transfer.amount, transfer.fee);
            ledger::post(self.tx, self.belonging(&key), &posting).await?;
        }
        Ok(())
    }

    /// Refunds that have their amount reserved, of ours and of others.
    async fn refunds(&self) -> Result<Vec<Reserved>, StoreError> {
        let sql = "
            select id, amount, state <> 'succeeded' from refunds
             where payment_id = $1 and state <> 'failed' order by payment_id, id limit 1000";
        let statement = self.tx.prepare_cached(sql).await?;
        let rows = self.tx.query(&statement, &[&self.of.id]).await?;
        rows.iter()
            .map(|row| {
                Ok(Reserved {
                    id: row.try_get(0)?,
                    amount: row.try_get(1)?,
                    is_open: row.try_get(2)?,
                })
            })
            .collect()
    }

    fn belonging<'b>(&'b self, key: &'b str) -> Belonging<'b> {
        Belonging {
            key,
            organization: self.organization,
            event: self.of.event_id,
            booking: self.of.booking_id,
            payment: self.of.id,
            currency: &self.of.amount.currency,
            at: None,
        }
    }
}
