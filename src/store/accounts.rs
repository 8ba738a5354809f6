//! Accounts: passwords, sessions with their refresh tokens, and links that were mailed. Secrets are here as hashes only.

use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::turns::turns_soon;
use super::users::{self, User};
use super::{Store, StoreError};
use crate::auth::rights::MEMBERSHIPS_MAX;
use crate::auth::{Staffs, TokenSession};
use crate::config::inside::{REFRESH_GRACE_S, SESSION_DAYS, SESSIONS_PER_USER_MAX};
use crate::ticketing::{BookingId, EventId, SessionId, UserId};

/// Guests' bookings that join an account at once, at a confirmation or sign-in; the others follow at the next.
const JOINED_BOOKINGS_MAX: i64 = 500;
/// The same of tickets that somebody took over without an account.
const JOINED_TICKETS_MAX: i64 = 500;

/// The name by which a person signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    Email(String),
    Phone(String),
}

/// Why a link is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    Confirm,
    Reset,
    SignIn,
}

impl LinkPurpose {
    fn name(self) -> &'static str {
        match self {
            LinkPurpose::Confirm => "confirm",
            LinkPurpose::Reset => "reset",
            LinkPurpose::SignIn => "sign_in",
        }
    }

    /// How long the link is good, in minutes.
    fn minutes(self) -> i32 {
        match self {
            LinkPurpose::Confirm => 7 * 24 * 60,
            LinkPurpose::Reset => 60,
            LinkPurpose::SignIn => 15,
        }
    }
}

/// An account's user and password.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    pub user: UserId,
    /// In PHC form; `None`: none was chosen.
    pub password_hash: Option<String>,
    pub name: String,
    /// Whether its password signs in. It does not while the account has an address that nobody has proven.
    pub has_proof: bool,
}

/// The outcome of a registration, which only a mail tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// The account is to prove its address, whether it is new or was never proven.
    Unproven,
    /// The address has an account that has proven it.
    Known,
}

/// The bearer of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedIn {
    pub user: User,
    pub session: TokenSession,
    pub staffs: Staffs,
    /// Whether the e-mail address is proven.
    pub confirmed: bool,
}

/// The outcome of presenting a refresh token.
#[derive(Debug, Clone, PartialEq)]
pub enum Refreshed {
    Next(Box<SignedIn>),
    /// It was used a moment ago, by another tab of the same person: that one has the next.
    Meanwhile,
    /// It was used long ago, so somebody stole it: its session has ended.
    Reused(SessionId),
    Unknown,
}

/// The sessions that ended with a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedFamily {
    Session(SessionId),
    /// All tokens of the user before this generation.
    User(UserId, i32),
    Unknown,
}

const ACCOUNT: &str = "id, password_hash, name, email is null or email_confirmed_at is not null";

/// A user with what a token says; the generation is $2 of those that use it.
const BEARER: &str = "u.token_generation, u.email_confirmed_at is not null,
    array(select organization_id from organization_members where user_id = u.id order by organization_id limit $1),
    array(select role from organization_members where user_id = u.id order by organization_id limit $1)";

impl Store {
    /// Makes an account. One that has never proven its address is whoever registers last, until somebody proves it. A number
    /// that another account has is left out where there is an address.
    pub async fn register(
        &self,
        name: &str,
        email: Option<&str>,
        phone: Option<&str>,
        password_hash: &str,
    ) -> Result<Registered, StoreError> {
        let lent = (name, email, phone, password_hash);
        self.transaction(&lent, |tx, (name, email, phone, password_hash)| {
            Box::pin(async move {
                let free = "case when $2::text is null or not exists (select from users where phone = $3) then $3 end";
                let make = format!(
                    "insert into users (name, email, phone, password_hash) values ($1, $2, {free}, $4)
                     on conflict do nothing returning id"
                );
                let given: [&(dyn ToSql + Sync); 4] = [name, email, phone, password_hash];
                if tx.query_opt(&make, &given).await?.is_some() {
                    return Ok(Registered::Unproven);
                }
                let again = "update users u set name = $1, password_hash = $4,
                                    phone = case when not exists (select from users where phone = $3 and id <> u.id) then $3 end
                              where email = $2 and email_confirmed_at is null and role = 'customer' returning id";
                if tx.query_opt(again, &given).await?.is_some() {
                    return Ok(Registered::Unproven);
                }
                let proven = "select email_confirmed_at is not null from users where email = $1";
                match tx.query_opt(proven, &[email]).await? {
                    Some(row) if !row.try_get::<_, bool>(0)? => Ok(Registered::Unproven),
                    _ => Ok(Registered::Known),
                }
            })
        })
        .await
    }

    pub async fn account(&self, login: &Login) -> Result<Option<Account>, StoreError> {
        let (column, value) = match login {
            Login::Email(email) => ("email", email),
            Login::Phone(phone) => ("phone", phone),
        };
        let sql = format!("select {ACCOUNT} from users where {column} = $1");
        let row = self.client().await?.query_opt(&sql, &[value]).await?;
        row.map(|row| account(&row)).transpose()
    }

    pub async fn account_of(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        let sql = format!("select {ACCOUNT} from users where id = $1");
        let row = self.client().await?.query_opt(&sql, &[&user]).await?;
        row.map(|row| account(&row)).transpose()
    }

    /// Opens a session with its first refresh token, if the password's hash is still the one that was compared. The other
    /// replaces it, if its parameters are weaker than today's.
    pub async fn sign_in(
        &self,
        user: UserId,
        (compared, rehashed): (&str, Option<&str>),
        refresh_hash: &[u8],
    ) -> Result<Option<SignedIn>, StoreError> {
        let lent = (user, compared, rehashed, refresh_hash);
        self.transaction(&lent, |tx, (user, compared, rehashed, refresh_hash)| {
            Box::pin(async move {
                if !is_password(tx, *user, compared).await? {
                    return Ok(None);
                }
                if let Some(hash) = rehashed {
                    set_password(tx, *user, hash).await?;
                }
                open(tx, *user, refresh_hash).await
            })
        })
        .await
    }

    /// Takes a refresh token, once, and gives its session the next one.
    pub async fn refresh(&self, hash: &[u8], next: &[u8]) -> Result<Refreshed, StoreError> {
        self.transaction(&(hash, next), |tx, (hash, next)| {
            Box::pin(async move {
                let take = "update refresh_tokens t set used_at = clock_timestamp()
                             where t.hash = $1 and t.used_at is null
                               and exists (select from sessions s where s.id = t.session_id and s.ended_at is null
                                              and s.expires_at > clock_timestamp())
                            returning t.session_id";
                if let Some(row) = tx.query_opt(take, &[hash]).await? {
                    let session: SessionId = row.try_get(0)?;
                    let add = "insert into refresh_tokens (hash, session_id) values ($1, $2)";
                    tx.execute(add, &[next, &session]).await?;
                    let signed_in = signed_in(tx, session).await?;
                    if signed_in.confirmed {
                        join_guests(tx, signed_in.user.id).await?;
                    }
                    return Ok(Refreshed::Next(Box::new(signed_in)));
                }
                let known = "select t.session_id,
                                    t.used_at is not null,
                                    t.used_at > clock_timestamp() - make_interval(secs => $2),
                                    s.ended_at is null and s.expires_at > clock_timestamp()
                               from refresh_tokens t cross join lateral (select * from sessions where id = t.session_id limit 1) s
                              where t.hash = $1";
                let grace = f64::from(REFRESH_GRACE_S);
                let Some(row) = tx.query_opt(known, &[hash, &grace]).await? else {
                    return Ok(Refreshed::Unknown);
                };
                let session: SessionId = row.try_get(0)?;
                let (used, just_now, open): (bool, Option<bool>, Option<bool>) =
                    (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
                match (used, open) {
                    (true, Some(true)) if just_now == Some(true) => Ok(Refreshed::Meanwhile),
                    (true, Some(true)) => {
                        let end = "update sessions set ended_at = clock_timestamp(), end_reason = 'reused'
                                    where id = $1 and ended_at is null";
                        tx.execute(end, &[&session]).await?;
                        Ok(Refreshed::Reused(session))
                    }
                    _ => Ok(Refreshed::Unknown),
                }
            })
        })
        .await
    }

    pub async fn end_session(&self, session: SessionId) -> Result<(), StoreError> {
        let sql = "update sessions set ended_at = clock_timestamp(), end_reason = 'logout'
                    where id = $1 and ended_at is null";
        self.client().await?.execute(sql, &[&session]).await?;
        Ok(())
    }

    /// Ends the session of a refresh token, whether it is the newest or was renewed since; with `everywhere` all of its user.
    pub async fn end_family(
        &self,
        hash: &[u8],
        everywhere: bool,
    ) -> Result<EndedFamily, StoreError> {
        let sql = "select s.id, s.user_id
                     from refresh_tokens t cross join lateral (select * from sessions where id = t.session_id limit 1) s
                    where t.hash = $1";
        let row = self.client().await?.query_opt(sql, &[&hash]).await?;
        let Some(row) = row else {
            return Ok(EndedFamily::Unknown);
        };
        let (session, user) = (row.try_get(0)?, row.try_get(1)?);
        if everywhere {
            let first = self.end_all_sessions(user).await?;
            return Ok(EndedFamily::User(user, first));
        }
        self.end_session(session).await?;
        Ok(EndedFamily::Session(session))
    }

    /// Ends all sessions of the user, and all tokens; returns the first generation that is good.
    pub async fn end_all_sessions(&self, user: UserId) -> Result<i32, StoreError> {
        self.transaction(&user, |tx, user| {
            Box::pin(async move { end_all(tx, *user, "everywhere", None).await })
        })
        .await
    }

    /// A link of an account, before it is mailed; `None`: the address has no account.
    pub async fn add_link(
        &self,
        email: &str,
        purpose: LinkPurpose,
        hash: &[u8],
    ) -> Result<Option<Account>, StoreError> {
        let sql = format!(
            "with u as (select {ACCOUNT} from users where email = $1),
                  made as (insert into account_links (hash, user_id, purpose, email, expires_at)
                           select $2, id, $3, $1, clock_timestamp() + make_interval(mins => $4) from u)
             select * from u"
        );
        let client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&email, &hash, &purpose.name(), &purpose.minutes()])
            .await?;
        row.map(|row| account(&row)).transpose()
    }

    /// The account that a mailed link is about, while the link is good. Asked before a password is hashed: that is work.
    pub async fn account_of_link(
        &self,
        hash: &[u8],
        purpose: LinkPurpose,
    ) -> Result<Option<Account>, StoreError> {
        let sql = format!(
            "select {ACCOUNT} from users
              where id = (select user_id from account_links
                           where hash = $1 and purpose = $2 and expires_at > clock_timestamp())"
        );
        let client = self.client().await?;
        let row = client.query_opt(&sql, &[&hash, &purpose.name()]).await?;
        row.map(|row| account(&row)).transpose()
    }

    /// Proves an address by a mailed link, which is good once, and sets the account's password: that of the registration
    /// may be anybody's. `registered`: the hash of the one that was compared with it and is the same, so the account is of
    /// the person who registered it. Returns the user and the first generation of tokens that is good.
    pub async fn confirm(
        &self,
        hash: &[u8],
        password_hash: &str,
        registered: Option<&str>,
    ) -> Result<Option<(UserId, i32)>, StoreError> {
        let lent = (hash, password_hash, registered);
        self.transaction(&lent, |tx, (hash, password_hash, registered)| {
            Box::pin(async move {
                let Some(user) = use_link(tx, hash, LinkPurpose::Confirm).await? else {
                    return Ok(None);
                };
                prove(tx, user, *registered).await?;
                set_password(tx, user, password_hash).await?;
                let generation = end_all(tx, user, "password", None).await?;
                Ok(Some((user, generation)))
            })
        })
        .await
    }

    /// Sets a password by a mailed link, which is good once, and ends every session: returns the user and the first
    /// generation of tokens that is good.
    pub async fn reset_password(
        &self,
        hash: &[u8],
        password_hash: &str,
    ) -> Result<Option<(UserId, i32)>, StoreError> {
        self.transaction(&(hash, password_hash), |tx, (hash, password_hash)| {
            Box::pin(async move {
                let Some(user) = use_link(tx, hash, LinkPurpose::Reset).await? else {
                    return Ok(None);
                };
                prove(tx, user, None).await?;
                set_password(tx, user, password_hash).await?;
                let generation = end_all(tx, user, "password", None).await?;
                Ok(Some((user, generation)))
            })
        })
        .await
    }

    /// Signs in by a mailed link, which is good once.
    pub async fn open_link(
        &self,
        hash: &[u8],
        refresh_hash: &[u8],
    ) -> Result<Option<SignedIn>, StoreError> {
        self.transaction(&(hash, refresh_hash), |tx, (hash, refresh_hash)| {
            Box::pin(async move {
                let Some(user) = use_link(tx, hash, LinkPurpose::SignIn).await? else {
                    return Ok(None);
                };
                prove(tx, user, None).await?;
                open(tx, user, refresh_hash).await
            })
        })
        .await
    }

    /// Changes the password, if its hash is still the one that was compared, and ends all other sessions than this one;
    /// returns the tokens' first good generation.
    pub async fn change_password(
        &self,
        user: UserId,
        (compared, password_hash): (&str, &str),
        keep: Option<SessionId>,
    ) -> Result<Option<i32>, StoreError> {
        let lent = (user, compared, password_hash, keep);
        self.transaction(&lent, |tx, (user, compared, password_hash, keep)| {
            Box::pin(async move {
                if !is_password(tx, *user, compared).await? {
                    return Ok(None);
                }
                set_password(tx, *user, password_hash).await?;
                end_all(tx, *user, "password", *keep).await.map(Some)
            })
        })
        .await
    }

    /// A user with the organizations that one works for.
    pub async fn user_in_full(
        &self,
        user: UserId,
    ) -> Result<Option<(User, Staffs, bool)>, StoreError> {
        let client = self.client().await?;
        let Some(known) = self.user(user).await? else {
            return Ok(None);
        };
        let (_, confirmed, staffs) = bearer(&client, user).await?;
        Ok(Some((known, staffs, confirmed)))
    }

    /// Sessions and generations of tokens that have ended in the last seconds.
    pub async fn ended_tokens(
        &self,
        seconds: f64,
        rows_max: i64,
    ) -> Result<Vec<Ended>, StoreError> {
        let sql = "select session_id, user_id, generation from ended_tokens
                    where at > statement_timestamp() - make_interval(secs => $1) order by at desc limit $2";
        let client = self.client().await?;
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&seconds, &rows_max]).await?;
        rows.iter()
            .map(|row| {
                let session: Option<SessionId> = row.try_get(0)?;
                let user: Option<UserId> = row.try_get(1)?;
                let generation: Option<i32> = row.try_get(2)?;
                match (session, user.zip(generation)) {
                    (Some(session), _) => Ok(Ended::Session(session)),
                    (None, Some((user, generation))) => Ok(Ended::Before(user, generation)),
                    (None, None) => Err(StoreError::corrupt("an end of nothing")),
                }
            })
            .collect()
    }
}

/// Tokens that are good no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Session(SessionId),
    /// The user's tokens of earlier generations.
    Before(UserId, i32),
}

/// `None`: the account is shut.
async fn open(
    tx: &Transaction<'_>,
    user: UserId,
    refresh_hash: &[u8],
) -> Result<Option<SignedIn>, StoreError> {
    // The oldest give way; locked, so that two sign-ins do not each count before the other, and neither opens what is shut
    // meanwhile.
    let lock = "select from users where id = $1 and active for no key update";
    if tx.query_opt(lock, &[&user]).await?.is_none() {
        return Ok(None);
    }
    let surplus = "update sessions set ended_at = clock_timestamp(), end_reason = 'logout'
                    where id = any (array(select id from sessions where user_id = $1 and ended_at is null
                                           order by id desc offset $2))";
    tx.execute(surplus, &[&user, &(SESSIONS_PER_USER_MAX - 1)])
        .await?;
    let session = "insert into sessions (user_id, expires_at)
                   values ($1, clock_timestamp() + make_interval(days => $2)) returning id";
    let row = tx.query_one(session, &[&user, &SESSION_DAYS]).await?;
    let session: SessionId = row.try_get(0)?;
    let first = "insert into refresh_tokens (hash, session_id) values ($1, $2)";
    tx.execute(first, &[&refresh_hash, &session]).await?;
    let signed_in = signed_in(tx, session).await?;
    if signed_in.confirmed {
        join_guests(tx, user).await?;
    }
    Ok(Some(signed_in))
}

async fn signed_in(tx: &Transaction<'_>, session: SessionId) -> Result<SignedIn, StoreError> {
    let sql = "select user_id from sessions where id = $1";
    let user: UserId = tx.query_one(sql, &[&session]).await?.try_get(0)?;
    let (generation, confirmed, staffs) = bearer(tx, user).await?;
    let user = users::find(tx, user).await?;
    Ok(SignedIn {
        user: user.ok_or_else(|| StoreError::corrupt("a session of nobody"))?,
        session: TokenSession {
            id: Some(session),
            generation,
        },
        staffs,
        confirmed,
    })
}

async fn bearer(
    client: &impl GenericClient,
    user: UserId,
) -> Result<(i32, bool, Staffs), StoreError> {
    let sql = format!("select {BEARER} from users u where id = $2");
    let row = client
        .query_one(&sql, &[&(MEMBERSHIPS_MAX as i64), &user])
        .await?;
    let staffs = users::staffs(user, row.try_get(2)?, row.try_get(3)?)?;
    Ok((row.try_get(0)?, row.try_get(1)?, staffs))
}

/// Ends all sessions but `keep`, and all tokens of generations up to now; those of `keep` have to be refreshed. The user is
/// locked first, as a sign-in does, whose session would not be seen while it is being opened.
pub(super) async fn end_all(
    tx: &Transaction<'_>,
    user: UserId,
    reason: &str,
    keep: Option<SessionId>,
) -> Result<i32, StoreError> {
    let lock = "select from users where id = $1 for no key update";
    tx.execute(lock, &[&user]).await?;
    let sessions = "update sessions set ended_at = clock_timestamp(), end_reason = $2
                     where user_id = $1 and ended_at is null and id is distinct from $3";
    tx.execute(sessions, &[&user, &reason, &keep]).await?;
    let links = "delete from account_links where user_id = $1 and purpose <> 'confirm'";
    tx.execute(links, &[&user]).await?;
    let next = "update users set token_generation = token_generation + 1 where id = $1 returning token_generation";
    Ok(tx.query_one(next, &[&user]).await?.try_get(0)?)
}

/// The user of a link that is good, which it is no more after this. It counts for the address that it went to only.
async fn use_link(
    tx: &Transaction<'_>,
    hash: &[u8],
    purpose: LinkPurpose,
) -> Result<Option<UserId>, StoreError> {
    let sql = "delete from account_links l
                where hash = $1 and purpose = $2 and expires_at > clock_timestamp()
                  and exists (select from users u where u.id = l.user_id and u.email = l.email)
               returning user_id";
    let row = tx.query_opt(sql, &[&hash, &purpose.name()]).await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Gives the account to whoever has just proven its address. If nobody had before, everything that the registration had
/// may be a stranger's, and ends: its password, number, sessions, tokens and links. `registered` is the hash of a password
/// that the person knows: the account is theirs if it is still its password, and the number stays.
pub(super) async fn prove(
    tx: &Transaction<'_>,
    user: UserId,
    registered: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "update users set email_confirmed_at = clock_timestamp(), password_hash = null,
                      phone = case when password_hash is null or password_hash = $2 then phone end
                where id = $1 and email_confirmed_at is null";
    if tx.execute(sql, &[&user, &registered]).await? > 0 {
        end_all(tx, user, "proven", None).await?;
        let links = "delete from account_links where user_id = $1";
        tx.execute(links, &[&user]).await?;
    }
    join_guests(tx, user).await
}

/// Whether this is the password's hash, which then stays until the transaction ends. A password is compared outside of a
/// transaction, and may be replaced meanwhile: whoever knows the earlier one neither signs in nor changes the new one.
async fn is_password(
    tx: &Transaction<'_>,
    user: UserId,
    password_hash: &str,
) -> Result<bool, StoreError> {
    let sql = "select from users where id = $1 and password_hash = $2 for no key update";
    let row = tx.query_opt(sql, &[&user, &password_hash]).await?;
    Ok(row.is_some())
}

async fn set_password(
    tx: &Transaction<'_>,
    user: UserId,
    password_hash: &str,
) -> Result<(), StoreError> {
    let sql = "update users set password_hash = $2 where id = $1";
    tx.execute(sql, &[&user, &password_hash]).await?;
    Ok(())
}

/// Gives the account what its person got without one.
async fn join_guests(tx: &Transaction<'_>, user: UserId) -> Result<(), StoreError> {
    join_guest_bookings(tx, user).await?;
    join_guest_tickets(tx, user).await
}

/// Gives the account the bookings that were made without one for its address, and those that staff sold to it: they name the
/// seller until then, and are the buyer's own from now on. Holds stay with the token that their buyer has: an account has one
/// for each event at most. Triggers count the versions, and ring for the users.
///
/// Bookings of an event whose turn somebody holds for longer stay as they are, as do those that somebody writes: they join
/// when the session is refreshed, or at the next sign-in.
async fn join_guest_bookings(tx: &Transaction<'_>, user: UserId) -> Result<(), StoreError> {
    let found = "select b.event_id, b.id
                   from users u cross join lateral (select * from booking_contacts where email = u.email limit 10000) c
                  cross join lateral (select * from bookings where id = c.booking_id limit 1) b
                  where u.id = $1 and u.email is not null and (b.user_id is null or b.kind = 'staff') and b.status <> 'pending'
                  order by b.event_id, b.id limit $2";
    let rows = tx.query(found, &[&user, &JOINED_BOOKINGS_MAX]).await?;
    let (mut events, mut ids) = (Vec::new(), Vec::new());
    for row in &rows {
        events.push(row.try_get::<_, EventId>(0)?);
        ids.push(row.try_get::<_, BookingId>(1)?);
    }
    if ids.is_empty() {
        return Ok(());
    }
    events.dedup();
    let turns = turns_soon(tx, &events).await?;
    let join = "update bookings set user_id = $1, kind = case kind when 'staff' then 'checkout' else kind end
                 where id = any(array(select id from bookings
                                       where id = any($2) and event_id = any($3) and (user_id is null or kind = 'staff')
                                         and status <> 'pending'
                                       order by id for no key update skip locked))";
    tx.execute(join, &[&user, &ids, &turns]).await?;
    Ok(())
}

/// Gives the account the tickets that were taken over without one, by the link that was mailed to its address. A ticket that
/// somebody writes at this moment joins the next time. Whoever has its token goes on using it.
async fn join_guest_tickets(tx: &Transaction<'_>, user: UserId) -> Result<(), StoreError> {
    let join = "update ticket_holders set user_id = $1
                 where ticket_id = any(array(select ticket_id from ticket_holders
                                              where email = (select email from users where id = $1) and user_id is null
                                              order by ticket_id limit $2 for no key update skip locked))";
    tx.execute(join, &[&user, &JOINED_TICKETS_MAX]).await?;
    Ok(())
}

fn account(row: &Row) -> Result<Account, StoreError> {
    Ok(Account {
        user: row.try_get(0)?,
        password_hash: row.try_get(1)?,
        name: row.try_get(2)?,
        has_proof: row.try_get(3)?,
    })
}
