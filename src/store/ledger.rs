//! Writes postings, in the transaction of the movement that they are of. `sql/V13__payments.sql` keeps them balanced and
//! as they are.

use deadpool_postgres::GenericClient;

use super::StoreError;
use crate::ticketing::ledger::Posting;
use crate::ticketing::{BookingId, EventId, PaymentId, UserId};

/// The owner of a posting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belonging<'a> {
    /// A movement is posted once under its key.
    pub(super) key: &'a str,
    pub(super) organization: UserId,
    pub(super) event: EventId,
    pub(super) booking: BookingId,
    pub(super) payment: PaymentId,
    pub(super) currency: &'a str,
}

/// The entries of a posting, as columns.
pub(super) struct Columns {
    pub(super) names: Vec<&'static str>,
    pub(super) kinds: Vec<&'static str>,
    pub(super) amounts: Vec<i64>,
}

impl Columns {
    pub(super) fn of(posting: &Posting) -> Columns {
        let entries = posting.entries.iter();
        Columns {
            names: entries.clone().map(|(account, _)| account.name()).collect(),
            kinds: entries.clone().map(|(account, _)| account.kind()).collect(),
            amounts: entries.map(|(_, amount)| *amount).collect(),
        }
    }
}

/// Posts a movement, unless it was posted before.
pub(super) async fn post(
    client: &impl GenericClient,
    of: Belonging<'_>,
    posting: &Posting,
) -> Result<(), StoreError> {
    if posting.entries.is_empty() {
        return Ok(());
    }
    let Columns {
        names,
        kinds,
        amounts,
    } = Columns::of(posting);
    let sql = "select ledger_post($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let statement = client.prepare_cached(sql).await?;
    client
        .query_one(
            &statement,
            &[
                &of.key,
                &posting.cause.as_str(),
                &of.organization,
                &of.event,
                &of.booking,
                &of.payment,
                &of.currency,
                &names,
                &kinds,
                &amounts,
            ],
        )
        .await?;
    Ok(())
}
