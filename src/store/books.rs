//! The books as people read them: accounts with their balances, entries, the trial balance, what an event earned.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::{Store, StoreError, Total};
use crate::config::rest::LIST_COUNTED_MAX;
use crate::ticketing::record::Money;
use crate::ticketing::{BookingId, EventId, PaymentId, UserId};

/// An account of an organization, with what its entries come to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LedgerAccount {
    #[schema(example = 1)]
    pub id: i64,
    pub organization_id: UserId,
    #[schema(example = "ticket revenue")]
    pub name: String,
    /// `asset`, `liability`, `income` or `expense`.
    #[schema(example = "income")]
    pub kind: String,
    /// A debit is positive, a credit negative.
    pub balance: Money,
}

/// A line of a posting.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LedgerEntry {
    #[schema(example = 1)]
    pub id: i64,
    /// Entries of one posting come to nothing together.
    #[schema(example = 1)]
    pub transaction_id: i64,
    /// `sale`, `fee`, `refund`, …
    #[schema(example = "sale")]
    pub cause: String,
    #[schema(example = "ticket revenue")]
    pub account: String,
    /// A debit is positive, a credit negative.
    pub amount: Money,
    pub organization_id: UserId,
    pub event_id: EventId,
    #[schema(value_type = Option<uuid::Uuid>)]
    pub booking_id: Option<BookingId>,
    #[schema(value_type = Option<uuid::Uuid>)]
    pub payment_id: Option<PaymentId>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// The sums of an organization's accounts in one currency.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrialBalance {
    #[schema(example = "EUR")]
    pub currency: String,
    /// The sum of all debits.
    #[schema(example = 4500)]
    pub debits: i64,
    /// The sum of all credits, as a positive number. The books are right if both are the same.
    #[schema(example = 4500)]
    pub credits: i64,
    /// Of all organizations the first ones; all of an organization that is named.
    pub accounts: Vec<LedgerAccount>,
}

/// An event's earnings in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Payout {
    #[schema(example = "EUR")]
    pub currency: String,
    /// Sales, with fees and taxes.
    #[schema(example = 9000)]
    pub sales: i64,
    /// Refunds.
    #[schema(example = 4500)]
    pub refunds: i64,
    /// Amounts that cardholders' banks hold, or kept.
    #[schema(example = 0)]
    pub disputed: i64,
    /// Fees that providers kept.
    #[schema(example = 60)]
    pub provider_fees: i64,
    /// Of sales less refunds, fees: those that buyers paid, and those that the organizer paid in their place.
    #[schema(example = 300)]
    pub fees: i64,
    /// Of these fees, the ones that the organizer paid. They are income and expense alike, so the net is as without them.
    #[schema(example = 100)]
    pub absorbed_fees: i64,
    /// Of sales less refunds, what is owed to tax offices.
    #[schema(example = 700)]
    pub taxes: i64,
    /// All that came in less all that went out.
    #[schema(example = 4440)]
    pub net: i64,
}

/// Selection of entries.
#[derive(Debug, Clone, Copy, Default)]
pub struct EntriesOf {
    /// `None`: all of them.
    pub organization: Option<UserId>,
    pub account: Option<i64>,
    /// The last id of the page before.
    pub before: Option<i64>,
}

const ACCOUNTS: &str = "
    select a.id, a.organization_id, a.name, a.kind, a.currency, sums.balance, sums.debits, sums.credits
      from ledger_accounts a
     cross join lateral (
           select coalesce(sum(debits - credits), 0)::bigint as balance,
                  coalesce(sum(debits), 0)::bigint as debits, coalesce(sum(credits), 0)::bigint as credits
             from ledger_sums where account_id = a.id) sums";

impl Store {
    /// Accounts with their balances, by organization, currency and name; at most `limit`.
    pub async fn ledger_accounts(
        &self,
        organization: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<LedgerAccount>, StoreError> {
        let rows = self.account_rows(organization, limit).await?;
        rows.iter().map(account).collect()
    }

    async fn account_rows(
        &self,
        organization: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.client().await?;
        let order = "order by a.organization_id, a.name, a.currency limit $1";
        Ok(match organization {
            None => {
                let sql = format!("{ACCOUNTS} {order}");
                let statement = client.prepare_cached(&sql).await?;
                client.query(&statement, &[&limit]).await?
            }
            Some(organization) => {
                let sql = format!("{ACCOUNTS} where a.organization_id = $2 {order}");
                let statement = client.prepare_cached(&sql).await?;
                client.query(&statement, &[&limit, &organization]).await?
            }
        })
    }

    /// Debits and credits by currency, of all accounts; of these at most `shown` are told.
    pub async fn trial_balance(
        &self,
        organization: Option<UserId>,
        shown: i64,
    ) -> Result<Vec<TrialBalance>, StoreError> {
        let mut balances = self.sums_by_currency(organization).await?;
        for row in self.account_rows(organization, shown).await? {
            let account = account(&row)?;
            let mut of_currency = balances.iter_mut();
            // An account of a new currency came after the sums.
            if let Some(balance) =
                of_currency.find(|balance| balance.currency == account.balance.currency)
            {
                balance.accounts.push(account);
            }
        }
        Ok(balances)
    }

    async fn sums_by_currency(
        &self,
        organization: Option<UserId>,
    ) -> Result<Vec<TrialBalance>, StoreError> {
        let client = self.client().await?;
        let sums = |whose: &str| {
            format!(
                "select currency, sum(debits)::bigint, sum(credits)::bigint from ({ACCOUNTS} {whose}) a
                  group by currency order by currency"
            )
        };
        let rows = match organization {
            None => {
                let statement = client.prepare_cached(&sums("")).await?;
                client.query(&statement, &[]).await?
            }
            Some(organization) => {
                let sql = sums("where a.organization_id = $1");
                let statement = client.prepare_cached(&sql).await?;
                client.query(&statement, &[&organization]).await?
            }
        };
        rows.iter()
            .map(|row| {
                Ok(TrialBalance {
                    currency: row.try_get(0)?,
                    debits: row.try_get(1)?,
                    credits: row.try_get(2)?,
                    accounts: Vec::new(),
                })
            })
            .collect()
    }

    /// Entries, the newest first, but for the first `offset`.
    pub async fn ledger_entries(
        &self,
        of: EntriesOf,
        (limit, offset): (i64, i64),
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let client = self.client().await?;
        let before = of.before.unwrap_or(i64::MAX);
        // Ids first, along an index, so that nothing is read of what the page skips.
        let shown = |page: &str, whose: &str| {
            format!(
                "select e.id, e.transaction_id, t.cause, a.name, e.amount, a.currency, a.organization_id, t.event_id, t.booking_id,
                        t.payment_id, t.at
                   from ({page}) page
                  cross join lateral (select * from ledger_entries where id = page.id limit 1) e
                  cross join lateral (select * from ledger_accounts where id = e.account_id limit 1) a
                  cross join lateral (select * from ledger_transactions where id = e.transaction_id limit 1) t
                  where {whose} order by e.id desc"
            )
        };
        let rows = match (of.account, of.organization) {
            (Some(account), organization) => {
                let sql = shown(
                    "select id from ledger_entries where account_id = $4 and id < $1
                      order by account_id desc, id desc limit $2 offset $3",
                    "$5::bigint is null or a.organization_id = $5",
                );
                let statement = client.prepare_cached(&sql).await?;
                client
                    .query(
                        &statement,
                        &[&before, &limit, &offset, &account, &organization],
                    )
                    .await?
            }
            (None, None) => {
                let sql = shown(
                    "select id from ledger_entries where id < $1 order by id desc limit $2 offset $3",
                    "true",
                );
                let statement = client.prepare_cached(&sql).await?;
                client
                    .query(&statement, &[&before, &limit, &offset])
                    .await?
            }
            (None, Some(organization)) => {
                // The newest of each of its accounts, which are few.
                let sql = shown(
                    "select newest.id from ledger_accounts own
                      cross join lateral (select id from ledger_entries where account_id = own.id and id < $1
                                           order by account_id desc, id desc limit $2::bigint + $3::bigint) newest
                      where own.organization_id = $4 order by newest.id desc limit $2 offset $3",
                    "true",
                );
                let statement = client.prepare_cached(&sql).await?;
                client
                    .query(&statement, &[&before, &limit, &offset, &organization])
                    .await?
            }
        };
        rows.iter().map(entry).collect()
    }

    /// How many such entries there are, on all pages.
    pub async fn ledger_entries_total(&self, of: EntriesOf) -> Result<Total, StoreError> {
        let client = self.client().await?;
        let counted = LIST_COUNTED_MAX;
        match (of.account, of.organization) {
            (Some(account), organization) => {
                let matches = "from ledger_entries e
                     cross join lateral (select organization_id from ledger_accounts where id = e.account_id limit 1) a
                     where e.account_id = $1 and ($2::bigint is null or a.organization_id = $2)";
                Total::of(&client, matches, &[&account, &organization], counted).await
            }
            (None, None) => Total::of(&client, "from ledger_entries", &[], counted).await,
            (None, Some(organization)) => {
                let matches = "from ledger_accounts a join ledger_entries e on e.account_id = a.id
                     where a.organization_id = $1";
                Total::of(&client, matches, &[&organization], counted).await
            }
        }
    }

    /// An event's earnings, by currency. Adds up all that was ever posted for the event, since kept sums are of accounts, which
    /// an organization's events share: bounded by the bookings that its stock allows, and by the time that a statement may take.
    pub async fn payout(&self, event: EventId) -> Result<Vec<Payout>, StoreError> {
        let client = self.client().await?;
        // Each account is looked at once a cause, instead of once an entry.
        let sql = "
            select a.currency,
                   coalesce(sum(s.amount) filter (where a.kind = 'asset' and s.cause = 'sale'), 0)::bigint,
                   coalesce(-sum(s.amount) filter (where a.kind = 'asset' and s.cause in ('refund', 'foreign_refund', 'refund_again')), 0)::bigint,
                   coalesce(sum(s.amount) filter (where a.name = 'provider fees'), 0)::bigint,
                   coalesce(-sum(s.amount) filter (where a.kind = 'liability'), 0)::bigint,
                   coalesce(sum(s.amount) filter (where a.kind = 'asset'), 0)::bigint,
                   coalesce(sum(s.amount) filter (where a.name = 'disputed money'), 0)::bigint,
                   coalesce(-sum(s.amount) filter (where a.name = 'fee income'), 0)::bigint,
                   coalesce(sum(s.amount) filter (where a.name = 'absorbed fees'), 0)::bigint
              from (select e.account_id, t.cause, sum(e.amount) as amount
                      from ledger_transactions t
                     cross join lateral (select * from ledger_entries where transaction_id = t.id) e
                     where t.event_id = $1
                     group by e.account_id, t.cause) s
             cross join lateral (select * from ledger_accounts where id = s.account_id limit 1) a
             group by a.currency order by a.currency";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&event]).await?;
        rows.iter()
            .map(|row| {
                Ok(Payout {
                    currency: row.try_get(0)?,
                    sales: row.try_get(1)?,
                    refunds: row.try_get(2)?,
                    provider_fees: row.try_get(3)?,
                    taxes: row.try_get(4)?,
                    net: row.try_get(5)?,
                    disputed: row.try_get(6)?,
                    fees: row.try_get(7)?,
                    absorbed_fees: row.try_get(8)?,
                })
            })
            .collect()
    }
}

fn account(row: &Row) -> Result<LedgerAccount, StoreError> {
    Ok(LedgerAccount {
        id: row.try_get(0)?,
        organization_id: row.try_get(1)?,
        name: row.try_get(2)?,
        kind: row.try_get(3)?,
        balance: Money {
            amount: row.try_get(5)?,
            currency: row.try_get(4)?,
        },
    })
}

fn entry(row: &Row) -> Result<LedgerEntry, StoreError> {
    Ok(LedgerEntry {
        id: row.try_get(0)?,
        transaction_id: row.try_get(1)?,
        cause: row.try_get(2)?,
        account: row.try_get(3)?,
        amount: Money {
            amount: row.try_get(4)?,
            currency: row.try_get(5)?,
        },
        organization_id: row.try_get(6)?,
        event_id: row.try_get(7)?,
        booking_id: row.try_get(8)?,
        payment_id: row.try_get(9)?,
        at: row.try_get(10)?,
    })
}
