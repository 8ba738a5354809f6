//! People of other issuers, and the users that they are.

use deadpool_postgres::Transaction;

use super::accounts;
use super::users::UserRights;
use super::{Store, StoreError};
use crate::auth::issuers::Identity;
use crate::ticketing::UserId;

/// Name of a user whose issuer says none.
const NAMELESS: &str = "Guest";

impl Store {
    /// The user of a person, with rights. At first sight it is the one with the same proven address, or a new one. `None`: the
    /// account is shut, or was deleted meanwhile.
    pub async fn identify(
        &self,
        identity: &Identity,
    ) -> Result<Option<(UserId, UserRights)>, StoreError> {
        let sql = "select u.id, u.email is null
                     from (select user_id from identities where issuer = $1 and subject = $2 limit 1) i
                    cross join lateral (select id, email from users where id = i.user_id limit 1) u";
        let client = self.client().await?;
        let known = client.prepare_cached(sql).await?;
        let row = client
            .query_opt(&known, &[&&*identity.issuer, &&*identity.subject])
            .await?;
        drop(client);
        let user: UserId = match row {
            Some(row) if !row.try_get::<_, bool>(1)? || identity.email.is_none() => {
                row.try_get(0)?
            }
            _ => {
                self.transaction(identity, |tx, identity| Box::pin(meet(tx, identity)))
                    .await?
            }
        };
        let rights = self.standing(user).await?;
        Ok(rights.map(|rights| (user, rights)))
    }
}

/// The person's user, at first sight, or once an address is proven that was not before.
async fn meet(tx: &Transaction<'_>, identity: &Identity) -> Result<UserId, StoreError> {
    let (issuer, subject) = (&*identity.issuer, &*identity.subject);
    // Two requests may be the first at once, on two nodes.
    let lock = "select pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))";
    tx.execute(lock, &[&issuer, &subject]).await?;
    let known = "select user_id from identities where issuer = $1 and subject = $2";
    let known = tx.query_opt(known, &[&issuer, &subject]).await?;
    if let Some(row) = known {
        let user: UserId = row.try_get(0)?;
        if let Some(email) = &identity.email {
            prove(tx, user, email).await?;
        }
        return Ok(user);
    }
    let user = match &identity.email {
        Some(email) => join_or_make(tx, identity, email).await?,
        None => make(tx, identity).await?,
    };
    let keep = "insert into identities (issuer, subject, user_id) values ($1, $2, $3)";
    tx.execute(keep, &[&issuer, &subject, &user]).await?;
    Ok(user)
}

/// Gives the user an address that is proven now, unless another user has it.
async fn prove(tx: &Transaction<'_>, user: UserId, email: &str) -> Result<(), StoreError> {
    let sql = "update users set email = $2 where id = $1 and email is null
                  and not exists (select from users where email = $2)";
    if tx.execute(sql, &[&user, &email]).await? > 0 {
        accounts::prove(tx, user, None).await?;
    }
    Ok(())
}

async fn join_or_make(
    tx: &Transaction<'_>,
    identity: &Identity,
    email: &str,
) -> Result<UserId, StoreError> {
    let made =
        "insert into users (name, email) values ($1, $2) on conflict do nothing returning id";
    let name = identity.name.as_deref().unwrap_or(NAMELESS);
    let user = match tx.query_opt(made, &[&name, &email]).await? {
        Some(row) => row.try_get(0)?,
        None => {
            let sql = "select id from users where email = $1 for no key update";
            tx.query_one(sql, &[&email]).await?.try_get(0)?
        }
    };
    accounts::prove(tx, user, None).await?;
    Ok(user)
}

async fn make(tx: &Transaction<'_>, identity: &Identity) -> Result<UserId, StoreError> {
    let name = identity.name.as_deref().unwrap_or(NAMELESS);
    let row = tx
        .query_one(
            "insert into users (name) values ($1) returning id",
            &[&name],
        )
        .await?;
    Ok(row.try_get(0)?)
}
