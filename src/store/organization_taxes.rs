//! Taxes of an organization: of its events in one country, or in any, that say nothing themselves. What changes here is for
//! bookings that are made later, and is told in the audit trail.

use deadpool_postgres::Transaction;
use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::audit_trail::AuditEntry;
use super::idempotency::{self, IdempotencyKey, Once};
use super::organizations::{People, PeopleRefusal, locked};
use super::price_rules::RuleColumns;
use super::{Store, StoreError, Total};
use crate::auth::Caller;
use crate::config::rest::{LIST_COUNTED_MAX, PRICE_RULES_MAX};
use crate::ticketing::rules::OrganizationTax;
use crate::ticketing::{OrganizationId, TaxId};

/// The columns that people write.
const COLUMNS: &str = "country, name, rate, included";

impl Store {
    /// One page of the organization's taxes, oldest first, and how many there are in all.
    pub async fn organization_taxes(
        &self,
        organization: OrganizationId,
        after: Option<TaxId>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<OrganizationTax>, Total), StoreError> {
        let from = "from taxes r where organization_id = $1";
        // A handful, found by their organization.
        let sql = format!("select to_jsonb(r) {from} and id > $2 order by id limit $3 offset $4");
        let client = self.client().await?;
        let after = after.map_or(i64::MIN, |id| id.0);
        let rows = client
            .query(&sql, &[&organization, &after, &limit, &offset])
            .await?;
        let total = Total::of(&client, from, &[&organization], LIST_COUNTED_MAX).await?;
        Ok((rows.iter().map(tax).collect::<Result<_, _>>()?, total))
    }

    /// Makes a tax, once for each `key`. Fails by `taxes_one_a_country` if the country has one.
    pub async fn create_organization_tax(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        columns: &RuleColumns,
        key: Option<&IdempotencyKey>,
    ) -> People<Once<OrganizationTax>> {
        let lent = (caller, organization, columns, key);
        self.transaction(&lent, |tx, (caller, organization, columns, key)| {
            Box::pin(async move {
                if let Err(refusal) = locked(tx, *organization).await? {
                    return Ok(Err(refusal));
                }
                // After the lock, so that the same request on another node has stored its answer.
                if let Some(known) = idempotency::recall_made(tx, *key).await? {
                    return Ok(Ok(known));
                }
                let count = "select count(*) from taxes where organization_id = $1";
                let count = tx.query_one(count, &[organization]).await?;
                if count.try_get::<_, i64>(0)? >= PRICE_RULES_MAX {
                    let most = usize::try_from(PRICE_RULES_MAX).unwrap_or_default();
                    return Ok(Err(PeopleRefusal::TooMany(most)));
                }
                let insert = format!(
                    "insert into taxes (organization_id, {COLUMNS})
                     select $1::bigint, {COLUMNS} from jsonb_populate_record(null::taxes, $2)
                     returning to_jsonb(taxes.*)"
                );
                let row = tx
                    .query_one(&insert, &[organization, &Json(columns)])
                    .await?;
                let made = tax(&row)?;
                tell(tx, caller, *organization, &made).await?;
                idempotency::remember_made(tx, *key, &made).await?;
                Ok(Ok(Once::Made(made)))
            })
        })
        .await
    }

    /// Columns that are not named stay.
    pub async fn change_organization_tax(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        id: TaxId,
        columns: &RuleColumns,
    ) -> People<OrganizationTax> {
        let lent = (caller, organization, id, columns);
        self.transaction(&lent, |tx, (caller, organization, id, columns)| {
            Box::pin(async move {
                let update = format!(
                    "update taxes r set ({COLUMNS}) = (select {COLUMNS} from jsonb_populate_record(r, $3))
                      where organization_id = $1 and id = $2 returning to_jsonb(r.*)"
                );
                let given = Json(columns);
                let row = tx.query_opt(&update, &[organization, id, &given]).await?;
                let Some(row) = row else {
                    return Ok(Err(PeopleRefusal::TaxNotFound));
                };
                let changed = tax(&row)?;
                tell(tx, caller, *organization, &changed).await?;
                Ok(Ok(changed))
            })
        })
        .await
    }

    pub async fn delete_organization_tax(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        id: TaxId,
    ) -> People<()> {
        let lent = (caller, organization, id);
        self.transaction(&lent, |tx, (caller, organization, id)| {
            Box::pin(async move {
                let delete = "delete from taxes r where organization_id = $1 and id = $2 returning to_jsonb(r.*)";
                let Some(row) = tx.query_opt(delete, &[organization, id]).await? else {
                    return Ok(Err(PeopleRefusal::TaxNotFound));
                };
                tell(tx, caller, *organization, &tax(&row)?).await?;
                Ok(Ok(()))
            })
        })
        .await
    }
}

async fn tell(
    tx: &Transaction<'_>,
    caller: &Caller,
    organization: OrganizationId,
    tax: &OrganizationTax,
) -> Result<(), StoreError> {
    let entry = AuditEntry::new(caller, Some(organization), format!("tax:{}", tax.id));
    let detail = json!({"country": tax.country, "rate": tax.rate, "included": tax.included});
    entry.with(detail).write(tx).await
}

fn tax(row: &Row) -> Result<OrganizationTax, StoreError> {
    let Json(tax) = row.try_get(0)?;
    Ok(tax)
}
