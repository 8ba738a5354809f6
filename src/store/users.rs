//! Users: buyers and organizers.

use deadpool_postgres::{GenericClient, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::audit_trail::AuditEntry;
use super::idempotency::{self, IdempotencyKey, Once};
use super::{Store, StoreError, Total};
use crate::auth::rights::MEMBERSHIPS_MAX;
use crate::auth::{Caller, Role, StaffRole, Staffs};
use crate::config::rest::LIST_COUNTED_MAX;
use crate::ticketing::{OrganizationId, UserId};

/// A user, as shown to that user and to admins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub role: Role,
    /// May book tickets for members.
    pub member: bool,
    /// Nobody signs in to an account that is not.
    #[serde(default = "is_active")]
    pub active: bool,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

/// Of users in answers that were stored.
fn is_active() -> bool {
    true
}

/// A change of a user; what is `None` stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserChange {
    pub role: Option<Role>,
    pub active: Option<bool>,
}

/// The outcome of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangedUser {
    Done(User),
    Nobody,
    /// There would be no admin any more.
    LastAdmin,
}

/// A new user.
#[derive(Debug, Clone, PartialEq)]
pub struct NewUser {
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub role: Role,
    pub member: bool,
}

/// The rights of a caller, without the rest of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRights {
    pub role: Role,
    pub member: bool,
    pub staffs: Staffs,
    /// The generation of the user's tokens, which is a new one whenever these rights change.
    pub generation: i32,
}

const COLUMNS: &str = "id, name, email, phone, role, is_member(id, clock_timestamp()),
    rfc3339(created_at), rfc3339(updated_at), active";

impl Store {
    /// Makes a user, once for each `key`. Fails by `users_email_unique` or `users_phone_unique` if another user has the address.
    pub async fn create_user(
        &self,
        user: &NewUser,
        key: Option<&IdempotencyKey>,
    ) -> Result<Once<User>, StoreError> {
        match self.try_create_user(user, key).await {
            // The same request may have taken the address or the key meanwhile: then read its answer.
            Err(error) if key.is_some() && error.constraint().is_some() => {
                self.try_create_user(user, key).await
            }
            created => created,
        }
    }

    async fn try_create_user(
        &self,
        user: &NewUser,
        key: Option<&IdempotencyKey>,
    ) -> Result<Once<User>, StoreError> {
        self.transaction(&(user, key), |tx, (user, key)| {
            Box::pin(async move {
                if let Some(known) = idempotency::recall_made(tx, *key).await? {
                    return Ok(known);
                }
                let made = insert(tx, user).await?;
                idempotency::remember_made(tx, *key, &made).await?;
                Ok(Once::Made(made))
            })
        })
        .await
    }

    /// Gives a user another role, or shuts or opens the account. Tokens that say otherwise end.
    pub async fn change_user(
        &self,
        caller: &Caller,
        id: UserId,
        change: UserChange,
    ) -> Result<ChangedUser, StoreError> {
        let given = (caller, id, change);
        self.transaction(&given, |tx, (caller, id, change)| {
            Box::pin(async move {
                let UserChange { role, active } = change;
                let stays = role.is_none_or(|role| role == Role::Admin) && *active != Some(false);
                // Two admins who shut each other out wait here for one another.
                let admins = "select id from users where role = 'admin' and active order by id for no key update";
                let admins = tx.query(admins, &[]).await?;
                let last = match &admins[..] {
                    [last] => Some(last.try_get::<_, UserId>(0)?),
                    _ => None,
                };
                if !stays && last == Some(*id) {
                    return Ok(ChangedUser::LastAdmin);
                }
                let sql = format!(
                    "with changed as (update users set role = coalesce($2, role), active = coalesce($3, active),
                                             updated_at = clock_timestamp()
                                       where id = $1 returning *)
                     select {COLUMNS} from changed"
                );
                let role = role.map(|role| role.name());
                let Some(row) = tx.query_opt(&sql, &[id, &role, active]).await? else {
                    return Ok(ChangedUser::Nobody);
                };
                let user = read(&row)?;
                let entry = AuditEntry::new(caller, None, format!("user:{id}"));
                let detail = json!({ "role": user.role, "active": user.active });
                entry.with(detail).write(tx).await?;
                Ok(ChangedUser::Done(user))
            })
        })
        .await
    }

    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        find(&self.client().await?, id).await
    }

    /// One page, by id, and how many there are in all.
    pub async fn users(
        &self,
        after: Option<UserId>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<User>, Total), StoreError> {
        let statement = format!(
            "select {COLUMNS} from (select * from users where id > $3 order by id limit $1 offset $2) as page order by id"
        );
        let after = after.map_or(i64::MIN, |id| id.0);
        let client = self.client().await?;
        let rows = client.query(&statement, &[&limit, &offset, &after]).await?;
        let total = Total::of(&client, "from users", &[], LIST_COUNTED_MAX).await?;
        let users = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((users, total))
    }

    /// `None`: there is no such user, or the account is shut.
    pub async fn standing(&self, id: UserId) -> Result<Option<UserRights>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select role, is_member(id, clock_timestamp()),
                        array(select organization_id from organization_members where user_id = u.id
                               order by organization_id limit $2),
                        array(select role from organization_members where user_id = u.id
                               order by organization_id limit $2),
                        token_generation
                   from users u where id = $1 and active",
            )
            .await?;
        let most = MEMBERSHIPS_MAX as i64;
        let row = client.query_opt(&statement, &[&id, &most]).await?;
        row.map(|row| {
            Ok(UserRights {
                role: role(row.try_get(0)?)?,
                member: row.try_get(1)?,
                staffs: staffs(id, row.try_get(2)?, row.try_get(3)?)?,
                generation: row.try_get(4)?,
            })
        })
        .transpose()
    }
}

pub(super) async fn find(
    client: &impl GenericClient,
    id: UserId,
) -> Result<Option<User>, StoreError> {
    let statement = format!("select {COLUMNS} from users where id = $1");
    let row = client.query_opt(&statement, &[&id]).await?;
    row.map(|row| read(&row)).transpose()
}

/// The organizations of a user, without the own one, whose founder needs no row to own it.
pub(super) fn staffs(
    user: UserId,
    organizations: Vec<OrganizationId>,
    roles: Vec<&str>,
) -> Result<Staffs, StoreError> {
    let all = organizations.into_iter().zip(roles);
    let others = all.filter(|(organization, _)| *organization != user.into());
    let read = |(organization, role)| {
        let role = StaffRole::parse(role);
        let role = role.ok_or_else(|| StoreError::corrupt("role in an organization"))?;
        Ok((organization, role))
    };
    others.map(read).collect()
}

async fn insert(tx: &Transaction<'_>, user: &NewUser) -> Result<User, StoreError> {
    let statement = format!(
        "with made as (insert into users (name, email, phone, role) values ($1, $2, $3, $4) returning *)
         select {COLUMNS} from made"
    );
    let NewUser {
        name,
        email,
        phone,
        role,
        member,
    } = user;
    let row = tx
        .query_one(&statement, &[name, email, phone, &role.name()])
        .await?;
    let mut user = read(&row)?;
    if *member {
        let sql = "insert into memberships (user_id) values ($1)";
        tx.execute(sql, &[&user.id]).await?;
        user.member = true;
    }
    Ok(user)
}

fn read(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        email: row.try_get(2)?,
        phone: row.try_get(3)?,
        role: role(row.try_get(4)?)?,
        member: row.try_get(5)?,
        created_at: row.try_get(6)?,
        updated_at: row.try_get(7)?,
        active: row.try_get(8)?,
    })
}

fn role(name: &str) -> Result<Role, StoreError> {
    Role::parse(name).ok_or_else(|| StoreError::corrupt(format!("role {name}")))
}
