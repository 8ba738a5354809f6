//! Writes postings, in the transaction of the movement that they are of. `sql/V13__payments.sql` keeps them balanced and
//! as they are.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;

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
    /// When it happened; `None`: now.
    pub(super) at: Option<Timestamp>,
}

/// Posts a movement, unless it was posted before.
pub(super) async fn post(
    client: &impl GenericClient,
    of: Belonging<'_>,
    posting: &Posting,
) -> Result<(), StoreError> {
    post_all(client, &[(of, posting)]).await
}

/// Posts each movement that was not posted before, in one statement.
pub(super) async fn post_all(
    client: &impl GenericClient,
    postings: &[(Belonging<'_>, &Posting)],
) -> Result<(), StoreError> {
    let postings: Vec<_> = postings
        .iter()
        .filter(|(_, posting)| !posting.entries.is_empty())
        .collect();
    if postings.is_empty() {
        return Ok(());
    }
    let (mut places, mut names, mut kinds, mut amounts) = (vec![], vec![], vec![], vec![]);
    for (place, (_, posting)) in (1_i32..).zip(&postings) {
        for (account, amount) in &posting.entries {
            places.push(place);
            names.push(account.name());
            kinds.push(account.kind());
            amounts.push(*amount);
        }
    }
    let owners = || postings.iter().map(|(of, _)| of);
    let statement = client
        .prepare_cached("select ledger_post($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
        .await?;
    let times: Vec<Option<Timestamp>> = owners().map(|of| of.at).collect();
    let causes = postings.iter().map(|(_, posting)| posting.cause.as_str());
    client
        .query_one(
            &statement,
            &[
                &owners().map(|of| of.key).collect::<Vec<_>>(),
                &causes.collect::<Vec<_>>(),
                &owners().map(|of| of.organization).collect::<Vec<_>>(),
                &owners().map(|of| of.event).collect::<Vec<_>>(),
                &owners().map(|of| of.booking).collect::<Vec<_>>(),
                &owners().map(|of| of.payment).collect::<Vec<_>>(),
                &owners().map(|of| of.currency).collect::<Vec<_>>(),
                &places,
                &names,
                &kinds,
                &amounts,
                &times,
            ],
        )
        .await?;
    Ok(())
}
