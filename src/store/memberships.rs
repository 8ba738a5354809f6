//! Memberships of buyers, each with a window of time.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::audit_trail::AuditEntry;
use super::idempotency::{self, IdempotencyKey, Once};
use super::{Store, StoreError};
use crate::auth::Caller;
use crate::config::inside::MEMBERSHIPS_PER_USER_MAX;
use crate::ticketing::UserId;

/// While it is valid, its user may book what is for members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    #[schema(minimum = 1)]
    pub id: i64,
    pub user_id: UserId,
    pub kind: String,
    /// RFC 3339.
    pub valid_from: String,
    /// RFC 3339; null: without end.
    pub valid_to: Option<String>,
}

/// A membership as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMembership {
    pub kind: String,
    /// `None`: from now on.
    pub valid_from: Option<Timestamp>,
    pub valid_to: Option<Timestamp>,
}

/// Why a membership stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipRefusal {
    UserNotFound,
    MembershipNotFound,
    /// The user has so many.
    TooMany(usize),
}

const COLUMNS: &str = "id, user_id, kind, rfc3339(valid_from), rfc3339(valid_to)";

impl Store {
    /// A user's memberships, past ones included, by age.
    pub async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from memberships where user_id = $1 order by valid_from, id limit $2"
        );
        let most = MEMBERSHIPS_PER_USER_MAX as i64;
        let rows = self.client().await?.query(&sql, &[&user, &most]).await?;
        rows.iter().map(read).collect()
    }

    /// Whether a row says that the user is a member now.
    pub async fn is_member(&self, user: UserId) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let sql = "select is_member($1, clock_timestamp())";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_one(&statement, &[&user]).await?;
        Ok(row.try_get(0)?)
    }

    pub async fn create_membership(
        &self,
        caller: &Caller,
        user: UserId,
        new: &NewMembership,
        key: Option<&IdempotencyKey>,
    ) -> Result<Result<Once<Membership>, MembershipRefusal>, StoreError> {
        let lent = (caller, user, new, key);
        self.transaction(&lent, |tx, (caller, user, new, key)| {
            Box::pin(async move {
                let there = "select from users where id = $1 for no key update";
                if tx.query_opt(there, &[user]).await?.is_none() {
                    return Ok(Err(MembershipRefusal::UserNotFound));
                }
                // After the lock, so that the same request on another node has stored its answer.
                if let Some(known) = idempotency::recall_made(tx, *key).await? {
                    return Ok(Ok(known));
                }
                let many = "select count(*) from memberships where user_id = $1";
                let most = MEMBERSHIPS_PER_USER_MAX;
                if tx.query_one(many, &[user]).await?.try_get::<_, i64>(0)? >= most as i64 {
                    return Ok(Err(MembershipRefusal::TooMany(most)));
                }
                let sql = format!(
                    "insert into memberships (user_id, kind, valid_from, valid_to)
                     values ($1, $2, coalesce($3, clock_timestamp()), $4) returning {COLUMNS}"
                );
                let row = tx
                    .query_one(&sql, &[user, &new.kind, &new.valid_from, &new.valid_to])
                    .await?;
                let made = read(&row)?;
                tell(tx, caller, *user, Some(&made)).await?;
                idempotency::remember_made(tx, *key, &made).await?;
                Ok(Ok(Once::Made(made)))
            })
        })
        .await
    }

    pub async fn change_membership(
        &self,
        caller: &Caller,
        user: UserId,
        id: i64,
        new: &NewMembership,
    ) -> Result<Result<Membership, MembershipRefusal>, StoreError> {
        let lent = (caller, user, id, new);
        self.transaction(&lent, |tx, (caller, user, id, new)| {
            Box::pin(async move {
                let sql = format!(
                    "update memberships set kind = $3, valid_from = coalesce($4, valid_from), valid_to = $5
                      where id = $1 and user_id = $2 returning {COLUMNS}"
                );
                let row = tx
                    .query_opt(&sql, &[id, user, &new.kind, &new.valid_from, &new.valid_to])
                    .await?;
                let Some(row) = row else {
                    return Ok(Err(MembershipRefusal::MembershipNotFound));
                };
                let changed = read(&row)?;
                tell(tx, caller, *user, Some(&changed)).await?;
                Ok(Ok(changed))
            })
        })
        .await
    }

    pub async fn remove_membership(
        &self,
        caller: &Caller,
        user: UserId,
        id: i64,
    ) -> Result<Result<(), MembershipRefusal>, StoreError> {
        let lent = (caller, user, id);
        self.transaction(&lent, |tx, (caller, user, id)| {
            Box::pin(async move {
                let sql = "delete from memberships where id = $1 and user_id = $2";
                if tx.execute(sql, &[id, user]).await? == 0 {
                    return Ok(Err(MembershipRefusal::MembershipNotFound));
                }
                tell(tx, caller, *user, None).await?;
                Ok(Ok(()))
            })
        })
        .await
    }
}

async fn tell(
    tx: &Transaction<'_>,
    caller: &Caller,
    user: UserId,
    is: Option<&Membership>,
) -> Result<(), StoreError> {
    let entry = AuditEntry::new(caller, None, format!("user:{user}"));
    entry.with(json!({ "membership": is })).write(tx).await
}

fn read(row: &Row) -> Result<Membership, StoreError> {
    Ok(Membership {
        id: row.try_get(0)?,
        user_id: row.try_get(1)?,
        kind: row.try_get(2)?,
        valid_from: row.try_get(3)?,
        valid_to: row.try_get(4)?,
    })
}
