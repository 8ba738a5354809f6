//! Organizations: their people, invitations and API keys. Every change is told in the audit trail.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::audit_trail::AuditEntry;
use super::idempotency::{self, IdempotencyKey, Once};
use super::{Store, StoreError, Total};
use crate::auth::rights::MEMBERSHIPS_MAX;
use crate::auth::{Caller, Right, Rights, StaffRole};
use crate::config::inside::{
    API_KEYS_PER_ORGANIZATION_MAX, INVITATIONS_PER_ORGANIZATION_MAX, MEMBERS_PER_ORGANIZATION_MAX,
};
use crate::config::rest::LIST_COUNTED_MAX;
use crate::ticketing::{ApiKeyId, OrganizationId, UserId};

/// How long an invitation may be accepted.
const INVITATION_DAYS: i32 = 7;

/// Somebody who works for an organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    pub user_id: UserId,
    pub name: String,
    pub email: Option<String>,
    pub role: StaffRole,
    /// RFC 3339.
    pub since: String,
}

/// An invitation that was not accepted yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    #[schema(minimum = 1)]
    pub id: i64,
    pub organization_id: OrganizationId,
    pub email: String,
    pub role: StaffRole,
    /// RFC 3339.
    pub invited_at: String,
    /// RFC 3339.
    pub expires_at: String,
}

/// A key of a program. The key itself is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub organization_id: OrganizationId,
    pub name: String,
    /// Its first letters.
    pub prefix: String,
    pub scopes: Vec<Right>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; null: it does not end by itself.
    pub expires_at: Option<String>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApiKey {
    pub name: String,
    pub scopes: Vec<Right>,
    pub expires_at: Option<Timestamp>,
    pub hash: [u8; 32],
    pub prefix: String,
}

/// The rights of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyRights {
    pub id: ApiKeyId,
    pub organization: OrganizationId,
    pub rights: Rights,
    pub expires_at: Option<Timestamp>,
}

/// Why the people or keys of an organization stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeopleRefusal {
    OrganizationNotFound,
    UserNotFound,
    MemberNotFound,
    ApiKeyNotFound,
    InvitationNotFound,
    /// The token is of no invitation that may still be accepted.
    InvitationEnded,
    /// The user has not proven the address that was invited.
    AnothersInvitation,
    /// The founder owns the organization for good.
    FounderStays,
    TaxNotFound,
    /// The user is in as many organizations as one may be.
    TooManyOrganizations,
    /// The organization has as many members, invitations or keys as it may have.
    TooMany(usize),
}

pub type People<T> = Result<Result<T, PeopleRefusal>, StoreError>;

const MEMBER: &str = "m.user_id, u.name, u.email, m.role, rfc3339(m.created_at)";
const INVITATION: &str =
    "id, organization_id, email, role, rfc3339(created_at), rfc3339(expires_at)";
const API_KEY: &str =
    "id, organization_id, name, prefix, scopes, rfc3339(created_at), rfc3339(expires_at)";

impl Store {
    /// One page of the people of an organization, by user, and how many they are.
    pub async fn members(
        &self,
        organization: OrganizationId,
        after: Option<UserId>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Member>, Total), StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select {MEMBER} from (select * from organization_members where organization_id = $1 and user_id > $2
                                    order by user_id limit $3 offset $4) m
               cross join lateral (select * from users where id = m.user_id limit 1) u order by m.user_id"
        );
        let after = after.map_or(i64::MIN, |id| id.0);
        let rows = client
            .query(&sql, &[&organization, &after, &limit, &offset])
            .await?;
        let from = "from organization_members where organization_id = $1";
        let total = Total::of(&client, from, &[&organization], LIST_COUNTED_MAX).await?;
        Ok((rows.iter().map(member).collect::<Result<_, _>>()?, total))
    }

    /// Gives a user a role in an organization, a new one or another one.
    pub async fn set_member(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        user: UserId,
        role: StaffRole,
        must_be_there: bool,
    ) -> People<Member> {
        let lent = (caller, organization, user, role, must_be_there);
        self.transaction(&lent, |tx, (caller, organization, user, role, there)| {
            Box::pin(async move {
                if user.0 == organization.0 && *role != StaffRole::Owner {
                    return Ok(Err(PeopleRefusal::FounderStays));
                }
                if let Err(refusal) = locked(tx, *organization).await? {
                    return Ok(Err(refusal));
                }
                let known = "select role from organization_members where organization_id = $1 and user_id = $2";
                let known = tx.query_opt(known, &[organization, user]).await?;
                let was = known.map(|row| row.try_get::<_, String>(0)).transpose()?;
                if was.is_none() {
                    if *there {
                        return Ok(Err(PeopleRefusal::MemberNotFound));
                    }
                    if let Err(refusal) = may_join(tx, *organization, *user).await? {
                        return Ok(Err(refusal));
                    }
                }
                let member = join(tx, *organization, *user, *role).await?;
                let entry = AuditEntry::new(caller, Some(*organization), format!("user:{user}"));
                let detail = json!({"was": was, "role": role});
                entry.with(detail).write(tx).await?;
                Ok(Ok(member))
            })
        })
        .await
    }

    pub async fn remove_member(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        user: UserId,
    ) -> People<()> {
        if user.0 == organization.0 {
            return Ok(Err(PeopleRefusal::FounderStays));
        }
        let lent = (caller, organization, user);
        self.transaction(&lent, |tx, (caller, organization, user)| {
            Box::pin(async move {
                let sql =
                    "delete from organization_members where organization_id = $1 and user_id = $2";
                if tx.execute(sql, &[organization, user]).await? == 0 {
                    return Ok(Err(PeopleRefusal::MemberNotFound));
                }
                let object = format!("user:{user}");
                let entry = AuditEntry::new(caller, Some(*organization), object);
                entry.write(tx).await?;
                Ok(Ok(()))
            })
        })
        .await
    }

    /// Invites the owner of an address. An invitation that is there already says something else from now on, and its token stays
    /// good: who is invited again and again gets few mails. The token is made when the mail is.
    pub async fn invite(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        email: &str,
        role: StaffRole,
    ) -> People<Invitation> {
        let lent = (caller, organization, email, role);
        self.transaction(&lent, |tx, (caller, organization, email, role)| {
            Box::pin(async move {
                if let Err(refusal) = locked(tx, *organization).await? {
                    return Ok(Err(refusal));
                }
                let many = "select count(*) from organization_invitations
                             where organization_id = $1 and email <> $2 and expires_at > clock_timestamp()";
                let most = INVITATIONS_PER_ORGANIZATION_MAX;
                if tx.query_one(many, &[organization, email]).await?.try_get::<_, i64>(0)? >= most as i64 {
                    return Ok(Err(PeopleRefusal::TooMany(most)));
                }
                let sql = format!(
                    "insert into organization_invitations as i (organization_id, email, role, invited_by, expires_at)
                     values ($1, $2, $3, (select id from users where id = $4),
                             clock_timestamp() + make_interval(days => $5))
                     on conflict (organization_id, email) do update
                        set role = excluded.role, invited_by = excluded.invited_by, created_at = excluded.created_at,
                            token_hash = case when i.expires_at > clock_timestamp() then i.token_hash end,
                            expires_at = excluded.expires_at
                     returning {INVITATION}"
                );
                let by = caller.user_id();
                let row = tx
                    .query_one(&sql, &[organization, email, &role.name(), &by, &INVITATION_DAYS])
                    .await?;
                let invitation = invitation(&row)?;
                let object = format!("invitation:{}", invitation.id);
                let entry = AuditEntry::new(caller, Some(*organization), object);
                entry.with(json!({"role": role})).write(tx).await?;
                Ok(Ok(invitation))
            })
        })
        .await
    }

    /// The invitations that may still be accepted, oldest first: at most [`INVITATIONS_PER_ORGANIZATION_MAX`].
    pub async fn open_invitations(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<Invitation>, StoreError> {
        let sql = format!(
            "select {INVITATION} from organization_invitations
              where organization_id = $1 and expires_at > clock_timestamp() order by id"
        );
        let client = self.client().await?;
        let rows = client.query(&sql, &[&organization]).await?;
        rows.iter().map(invitation).collect()
    }

    /// Ends an invitation. Its mail is not sent any more, and the link in one that was sent is refused.
    pub async fn withdraw_invitation(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        id: i64,
    ) -> People<()> {
        let lent = (caller, organization, id);
        self.transaction(&lent, |tx, (caller, organization, id)| {
            Box::pin(async move {
                let sql = "delete from organization_invitations
                            where id = $1 and organization_id = $2 and expires_at > clock_timestamp() returning role";
                let Some(row) = tx.query_opt(sql, &[id, organization]).await? else {
                    return Ok(Err(PeopleRefusal::InvitationNotFound));
                };
                let role: &str = row.try_get(0)?;
                let object = format!("invitation:{id}");
                let entry = AuditEntry::new(caller, Some(*organization), object);
                entry.with(json!({"role": role})).write(tx).await?;
                Ok(Ok(()))
            })
        })
        .await
    }

    /// Gives an invitation the token that is mailed, and tells of what it is; `None`: it is gone, or has ended.
    pub async fn token_of_invitation(
        &self,
        (organization, email): (OrganizationId, &str),
        hash: &[u8],
    ) -> Result<Option<(Invitation, String)>, StoreError> {
        let sql = format!(
            "update organization_invitations i set token_hash = $3
              where organization_id = $1 and email = $2 and expires_at > clock_timestamp()
             returning {INVITATION}, (select name from organizations where id = i.organization_id)"
        );
        let client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&organization, &email, &hash])
            .await?;
        row.map(|row| Ok((invitation(&row)?, row.try_get(6)?)))
            .transpose()
    }

    /// Makes the user a member by an invitation, which is good once, and for the account that has proven its address.
    pub async fn accept_invitation(
        &self,
        caller: &Caller,
        user: UserId,
        hash: &[u8],
    ) -> People<(OrganizationId, Member)> {
        let lent = (caller, user, hash);
        self.transaction(&lent, |tx, (caller, user, hash)| {
            Box::pin(async move {
                let sql = "select organization_id, role, id, email from organization_invitations
                            where token_hash = $1 and expires_at > clock_timestamp() for update";
                let Some(row) = tx.query_opt(sql, &[hash]).await? else {
                    return Ok(Err(PeopleRefusal::InvitationEnded));
                };
                let invited = "select coalesce(email = $2 and email_confirmed_at is not null, false) from users where id = $1";
                let email: &str = row.try_get(3)?;
                match tx.query_opt(invited, &[user, &email]).await? {
                    None => return Ok(Err(PeopleRefusal::UserNotFound)),
                    Some(is) if !is.try_get::<_, bool>(0)? => {
                        return Ok(Err(PeopleRefusal::AnothersInvitation));
                    }
                    Some(_) => {}
                }
                let (organization, role) = (row.try_get(0)?, staff_role(row.try_get(1)?)?);
                if let Err(refusal) = locked(tx, organization).await? {
                    return Ok(Err(refusal));
                }
                let known =
                    "select from organization_members where organization_id = $1 and user_id = $2";
                if tx.query_opt(known, &[&organization, user]).await?.is_none()
                    && let Err(refusal) = may_join(tx, organization, *user).await?
                {
                    return Ok(Err(refusal));
                }
                let used = "delete from organization_invitations where id = $1";
                tx.execute(used, &[&row.try_get::<_, i64>(2)?]).await?;
                let role = match user.0 == organization.0 {
                    true => StaffRole::Owner,
                    false => role,
                };
                let member = join(tx, organization, *user, role).await?;
                let object = format!("user:{user}");
                let entry = AuditEntry::new(caller, Some(organization), object);
                entry.with(json!({"role": role})).write(tx).await?;
                Ok(Ok((organization, member)))
            })
        })
        .await
    }

    /// Makes a key, once for each `idempotency`. The answer that is kept has no key in it.
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        key: &NewApiKey,
        idempotency: Option<&IdempotencyKey>,
    ) -> People<Once<ApiKey>> {
        let lent = (caller, organization, key, idempotency);
        self.transaction(&lent, |tx, (caller, organization, key, idempotency)| {
            Box::pin(async move {
                if let Err(refusal) = locked(tx, *organization).await? {
                    return Ok(Err(refusal));
                }
                // After the lock, so that the same request on another node has stored its answer.
                if let Some(known) = idempotency::recall_made(tx, *idempotency).await? {
                    return Ok(Ok(known));
                }
                let many = "select count(*) from api_keys where organization_id = $1 and revoked_at is null";
                let most = API_KEYS_PER_ORGANIZATION_MAX;
                if tx.query_one(many, &[organization]).await?.try_get::<_, i64>(0)? >= most as i64 {
                    return Ok(Err(PeopleRefusal::TooMany(most)));
                }
                let sql = format!(
                    "insert into api_keys (organization_id, name, hash, prefix, scopes, created_by, expires_at)
                     values ($1, $2, $3, $4, $5, (select id from users where id = $6), $7) returning {API_KEY}"
                );
                let scopes: Vec<&str> = key.scopes.iter().map(|right| right.name()).collect();
                let (hash, by) = (key.hash.as_slice(), caller.user_id());
                let row = tx
                    .query_one(
                        &sql,
                        &[organization, &key.name, &hash, &key.prefix, &scopes, &by, &key.expires_at],
                    )
                    .await?;
                let made = api_key(&row)?;
                let object = format!("api-key:{}", made.id);
                let entry = AuditEntry::new(caller, Some(*organization), object);
                let detail = json!({"scopes": made.scopes, "expires_at": made.expires_at});
                entry.with(detail).write(tx).await?;
                idempotency::remember_made(tx, *idempotency, &made).await?;
                Ok(Ok(Once::Made(made)))
            })
        })
        .await
    }

    /// One page of the keys that were not revoked, by age, and how many they are.
    pub async fn api_keys(
        &self,
        organization: OrganizationId,
        after: Option<ApiKeyId>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ApiKey>, Total), StoreError> {
        let client = self.client().await?;
        let from = "from api_keys where organization_id = $1 and revoked_at is null";
        let sql = format!("select {API_KEY} {from} and id > $2 order by id limit $3 offset $4");
        let after = after.map_or(i64::MIN, |id| id.0);
        let rows = client
            .query(&sql, &[&organization, &after, &limit, &offset])
            .await?;
        let total = Total::of(&client, from, &[&organization], LIST_COUNTED_MAX).await?;
        Ok((rows.iter().map(api_key).collect::<Result<_, _>>()?, total))
    }

    pub async fn revoke_api_key(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        key: ApiKeyId,
    ) -> People<()> {
        let lent = (caller, organization, key);
        self.transaction(&lent, |tx, (caller, organization, key)| {
            Box::pin(async move {
                let sql = "update api_keys set revoked_at = clock_timestamp()
                            where id = $1 and organization_id = $2 and revoked_at is null";
                if tx.execute(sql, &[key, organization]).await? == 0 {
                    return Ok(Err(PeopleRefusal::ApiKeyNotFound));
                }
                let object = format!("api-key:{key}");
                let entry = AuditEntry::new(caller, Some(*organization), object);
                entry.write(tx).await?;
                Ok(Ok(()))
            })
        })
        .await
    }

    /// The key with this hash, if it is good.
    pub async fn key_rights(&self, hash: &[u8]) -> Result<Option<KeyRights>, StoreError> {
        let client = self.client().await?;
        let sql = "select id, organization_id, scopes, expires_at from api_keys
                    where hash = $1 and revoked_at is null
                      and (expires_at is null or expires_at > clock_timestamp())";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&hash]).await?;
        row.map(|row| {
            Ok(KeyRights {
                id: row.try_get(0)?,
                organization: row.try_get(1)?,
                rights: Rights::of(&scopes(row.try_get(2)?)),
                expires_at: row.try_get(3)?,
            })
        })
        .transpose()
    }
}

/// Locks the organization against other changes of its people.
pub(super) async fn locked(
    tx: &Transaction<'_>,
    organization: OrganizationId,
) -> Result<Result<(), PeopleRefusal>, StoreError> {
    let sql = "select from organizations where id = $1 for no key update";
    let found = tx.query_opt(sql, &[&organization]).await?;
    Ok(found.map(|_| ()).ok_or(PeopleRefusal::OrganizationNotFound))
}

/// Whether there is room for one more, here and with the user. Locks the user: two organizations may ask at once.
async fn may_join(
    tx: &Transaction<'_>,
    organization: OrganizationId,
    user: UserId,
) -> Result<Result<(), PeopleRefusal>, StoreError> {
    let there = "select from users where id = $1 for no key update";
    if tx.query_opt(there, &[&user]).await?.is_none() {
        return Ok(Err(PeopleRefusal::UserNotFound));
    }
    let sql = "select (select count(*) from organization_members where organization_id = $1),
                      (select count(*) from organization_members where user_id = $2 and organization_id <> $2)";
    let row = tx.query_one(sql, &[&organization, &user]).await?;
    let (here, elsewhere): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let most = MEMBERS_PER_ORGANIZATION_MAX;
    Ok(if here >= most as i64 {
        Err(PeopleRefusal::TooMany(most))
    } else if elsewhere >= MEMBERSHIPS_MAX as i64 {
        Err(PeopleRefusal::TooManyOrganizations)
    } else {
        Ok(())
    })
}

async fn join(
    tx: &Transaction<'_>,
    organization: OrganizationId,
    user: UserId,
    role: StaffRole,
) -> Result<Member, StoreError> {
    let sql = format!(
        "with m as (insert into organization_members (organization_id, user_id, role) values ($1, $2, $3)
                    on conflict (organization_id, user_id) do update set role = excluded.role returning *)
         select {MEMBER} from m cross join lateral (select * from users where id = m.user_id limit 1) u"
    );
    let row = tx
        .query_one(&sql, &[&organization, &user, &role.name()])
        .await?;
    member(&row)
}

fn member(row: &Row) -> Result<Member, StoreError> {
    Ok(Member {
        user_id: row.try_get(0)?,
        name: row.try_get(1)?,
        email: row.try_get(2)?,
        role: staff_role(row.try_get(3)?)?,
        since: row.try_get(4)?,
    })
}

fn invitation(row: &Row) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        id: row.try_get(0)?,
        organization_id: row.try_get(1)?,
        email: row.try_get(2)?,
        role: staff_role(row.try_get(3)?)?,
        invited_at: row.try_get(4)?,
        expires_at: row.try_get(5)?,
    })
}

fn api_key(row: &Row) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: row.try_get(0)?,
        organization_id: row.try_get(1)?,
        name: row.try_get(2)?,
        prefix: row.try_get(3)?,
        scopes: scopes(row.try_get(4)?),
        created_at: row.try_get(5)?,
        expires_at: row.try_get(6)?,
    })
}

/// A scope that a later version wrote is none that this one could grant.
fn scopes(names: Vec<&str>) -> Vec<Right> {
    names.into_iter().filter_map(Right::parse).collect()
}

fn staff_role(name: &str) -> Result<StaffRole, StoreError> {
    StaffRole::parse(name).ok_or_else(|| StoreError::corrupt(format!("role {name}")))
}
