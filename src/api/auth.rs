//! Accounts: to register, to sign in and out, to stay signed in.
//!
//! No answer tells who has an account, neither by its words nor by its time: registering with a known address answers as
//! with a new one, and whether it was known is said by a mail only.

pub(super) mod links;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::contact::{email, phone};
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::Body;
use super::fields::{Fields, Input};
use crate::auth::password::{Compared, PasswordError};
use crate::auth::secrets::{self, hash_of};
use crate::auth::{Caller, StaffRole, Staffs};
use crate::config::inside::ACCESS_TOKEN_S;
use crate::config::rest::{NAME_CHARS_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
use crate::jobs::{AccountMail, Purpose};
use crate::lang::Lang;
use crate::limits::rates::{RateKind, Who};
use crate::schema;
use crate::store::accounts::{EndedFamily, Login, Refreshed, Registered, SignedIn};
use crate::store::users::User;
use crate::ticketing::OrganizationId;

/// `Retry-After` while too many passwords wait to be hashed.
const RETRY_AFTER_PASSWORDS_S: u64 = 2;

/// An organization that a user works for.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Work {
    organization_id: OrganizationId,
    role: StaffRole,
}

/// The caller's account.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Me {
    #[serde(flatten)]
    user: User,
    /// Whether the e-mail address is proven.
    email_confirmed: bool,
    /// The organizations that the user works for, beside the own one of an organizer.
    organizations: Vec<Work>,
}

/// The answer to a sign-in.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Tokens {
    /// For `Authorization: Bearer …`.
    access_token: String,
    token_type: &'static str,
    /// Until the access token ends, in seconds.
    expires_in: u64,
    /// Good once, for the next pair of tokens.
    refresh_token: String,
    user: Me,
}

fn account_of(user: User, staffs: &Staffs, email_confirmed: bool) -> Me {
    let work = |(organization_id, role)| Work {
        organization_id,
        role,
    };
    Me {
        user,
        email_confirmed,
        organizations: staffs.iter().map(work).collect(),
    }
}

fn tokens(state: &ApiState, signed_in: SignedIn, refresh_token: String) -> ApiResult<Tokens> {
    let SignedIn {
        user,
        session,
        staffs,
        confirmed,
    } = signed_in;
    let token = state
        .auth
        .issue_for(user.id, user.role, &session, &staffs)
        .map_err(ApiError::internal)?;
    Ok(Tokens {
        access_token: token,
        token_type: "bearer",
        expires_in: ACCESS_TOKEN_S,
        refresh_token,
        user: account_of(user, &staffs, confirmed),
    })
}

/// 501 where another server makes the tokens.
fn can_sign_in(state: &ApiState) -> ApiResult<()> {
    match state.auth.can_issue() {
        true => Ok(()),
        false => Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "NO_SIGN_IN")),
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> ApiError {
        match error {
            PasswordError::Busy => ApiError::unavailable("BUSY", RETRY_AFTER_PASSWORDS_S),
            PasswordError::Failed => ApiError::internal(error),
        }
    }
}

/// A password to be set. Any signs will do; there have to be enough of them.
fn new_password(fields: &mut Fields, name: &str) -> Option<String> {
    let password = fields.text(name, PASSWORD_CHARS_MAX)?;
    if password.chars().count() < PASSWORD_CHARS_MIN {
        fields.refuse(name, "TOO_SHORT", PASSWORD_CHARS_MIN);
        return None;
    }
    Some(password)
}

/// A new account. An e-mail address or a phone number is required.
#[derive(ToSchema)]
#[schema(example = json!({"name": "Mary Somerville", "email": "mary@example.org", "password": "correct horse battery"}))]
#[expect(dead_code, reason = "describes the body; `NewAccount` reads it")]
pub(in crate::api) struct RegistrationInput {
    #[schema(schema_with = schema::name)]
    name: String,
    #[schema(schema_with = schema::email, required = false)]
    email: Option<String>,
    #[schema(schema_with = schema::phone, required = false)]
    phone: Option<String>,
    #[schema(schema_with = schema::password)]
    password: String,
}

pub(in crate::api) struct NewAccount {
    name: String,
    email: Option<String>,
    phone: Option<String>,
    password: String,
}

impl Input for NewAccount {
    fn read(fields: &mut Fields) -> Option<NewAccount> {
        fields.require(&["name", "password"]);
        if !fields.has("email") && !fields.has("phone") {
            fields.refuse("email", "MISSING_CONTACT", "");
        }
        let name = fields.filled_text("name", NAME_CHARS_MAX);
        let (email, phone) = (email(fields), phone(fields));
        let password = new_password(fields, "password");
        Some(NewAccount {
            name: name?,
            email,
            phone,
            password: password?,
        })
    }
}

/// Register
///
/// The answer is the same whether or not there is an account already; the mail that follows tells its owner. An account with
/// an address is good for signing in when the mailed link was opened (`POST /auth/confirm`), one with a number alone at once.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = RegistrationInput,
    responses(
        (status = 202, body = Envelope<Option<bool>>, description = "Heard"),
        (status = 501, body = Failure, description = "`NO_MAIL`: this server has no way to send mails, so no address can be proven"),
    ))]
pub(in crate::api) async fn register(
    State(state): State<ApiState>,
    _: Caller,
    headers: HeaderMap,
    Body { input, .. }: Body<NewAccount>,
) -> ApiResult<Reply<Option<bool>>> {
    if input.email.is_some() && !state.jobs.sends_mails() {
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "NO_MAIL"));
    }
    let hash = state.passwords.hash(input.password).await?;
    let (email, phone) = (input.email.as_deref(), input.phone.as_deref());
    let registered = state
        .store
        .register(&input.name, email, phone, &hash)
        .await?;
    let Some(email) = input.email else {
        return Ok(Reply::accepted("REGISTERED_PHONE", None));
    };
    let purpose = match registered {
        Registered::Unproven => Purpose::Confirm,
        Registered::Known => Purpose::Known,
    };
    mail(&state, purpose, email, &headers).await?;
    Ok(Reply::accepted("REGISTERED", None))
}

async fn mail(
    state: &ApiState,
    purpose: Purpose,
    email: String,
    headers: &HeaderMap,
) -> ApiResult<crate::jobs::Accepted> {
    let job = AccountMail {
        purpose,
        email,
        lang: Lang::of(headers),
    };
    Ok(state.jobs.ask(&job).await?)
}

#[derive(ToSchema)]
#[schema(example = json!({"email": "aiko@seatcast.example", "password": "seatcast-demo"}))]
#[expect(dead_code, reason = "describes the body; `Attempt` reads it")]
pub(in crate::api) struct LoginInput {
    /// Or `phone`, and not both.
    #[schema(schema_with = schema::email, required = false)]
    email: Option<String>,
    #[schema(schema_with = schema::phone, required = false)]
    phone: Option<String>,
    #[schema(schema_with = schema::any_password)]
    password: String,
}

pub(in crate::api) struct SignInAttempt {
    login: Login,
    password: String,
}

impl Input for SignInAttempt {
    fn read(fields: &mut Fields) -> Option<SignInAttempt> {
        fields.require(&["password"]);
        if !fields.has("email") && !fields.has("phone") {
            fields.refuse("email", "MISSING_CONTACT", "");
        }
        if fields.has("email") && fields.has("phone") {
            fields.refuse("phone", "DUPLICATE", "");
        }
        let email = email(fields).map(Login::Email);
        let phone = phone(fields).map(Login::Phone);
        let password = fields.text("password", PASSWORD_CHARS_MAX);
        Some(SignInAttempt {
            login: email.or(phone)?,
            password: password?,
        })
    }
}

/// Sign in
///
/// Attempts are counted by address and by what was typed as account, whether or not there is one. An account whose address
/// is not proven is answered like none: anybody may register any address.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = LoginInput,
    responses(
        (status = 200, body = Envelope<Tokens>),
        (status = 401, body = Failure, description = "`BAD_CREDENTIALS`: no such account, another password, or the address is not confirmed yet"),
        (status = 501, body = Failure, description = "`NO_SIGN_IN`: another server makes the tokens"),
    ))]
pub(in crate::api) async fn login(
    State(state): State<ApiState>,
    _: Caller,
    Body { input, .. }: Body<SignInAttempt>,
) -> ApiResult<Reply<Tokens>> {
    can_sign_in(&state)?;
    state.rates.count(RateKind::SignIns, tried(&input.login))?;
    let account = state.store.account(&input.login).await?;
    let (user, known) = match account {
        Some(account) => (
            account.has_proof.then_some(account.user),
            account.password_hash,
        ),
        None => (None, None),
    };
    let compared = state.passwords.compare(input.password, known.clone());
    let compared = compared.await?;
    let (Some(user), Some(known), Compared::Right { rehashed }) = (user, known, compared) else {
        return Err(bad_credentials());
    };
    let refresh = secrets::random();
    let hashes = (known.as_str(), rehashed.as_deref());
    let signed_in = state
        .store
        .sign_in(user, hashes, &hash_of(&refresh))
        .await?;
    let signed_in = signed_in.ok_or_else(bad_credentials)?;
    Ok(Reply::ok("SIGNED_IN", tokens(&state, signed_in, refresh)?))
}

fn bad_credentials() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "BAD_CREDENTIALS")
}

fn tried(login: &Login) -> Who {
    let (Login::Email(text) | Login::Phone(text)) = login;
    let hash = hash_of(text);
    let mut short = [0; 16];
    short.copy_from_slice(&hash[..16]);
    Who::Login(short)
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body; `RefreshToken` reads it")]
pub(in crate::api) struct RefreshInput {
    #[schema(schema_with = schema::name)]
    refresh_token: String,
}

pub(in crate::api) struct RefreshToken(String);

impl Input for RefreshToken {
    fn read(fields: &mut Fields) -> Option<RefreshToken> {
        fields.require(&["refresh_token"]);
        let token = fields.filled_text("refresh_token", NAME_CHARS_MAX);
        token.map(RefreshToken)
    }
}

/// Stay signed in
///
/// A refresh token is good once. One that comes again within ten seconds is another tab's: that one has the next token
/// (409). Later it was stolen, and the session ends.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = RefreshInput,
    responses(
        (status = 200, body = Envelope<Tokens>),
        (status = 401, body = Failure, description = "`BAD_REFRESH_TOKEN`: sign in again"),
        (status = 409, body = Failure, description = "`REFRESHED_MEANWHILE`: the next token was just given out"),
        (status = 501, body = Failure, description = "`NO_SIGN_IN`: another server makes the tokens"),
    ))]
pub(in crate::api) async fn refresh(
    State(state): State<ApiState>,
    Body { input, .. }: Body<RefreshToken>,
) -> ApiResult<Reply<Tokens>> {
    can_sign_in(&state)?;
    let next = secrets::random();
    let bad = || ApiError::new(StatusCode::UNAUTHORIZED, "BAD_REFRESH_TOKEN");
    match state
        .store
        .refresh(&hash_of(&input.0), &hash_of(&next))
        .await?
    {
        Refreshed::Next(signed_in) => Ok(Reply::ok("REFRESHED", tokens(&state, *signed_in, next)?)),
        Refreshed::Meanwhile => Err(ApiError::conflict("REFRESHED_MEANWHILE")),
        Refreshed::Reused(session) => {
            state.auth.ended().end_session(session);
            Err(bad())
        }
        Refreshed::Unknown => Err(bad()),
    }
}

#[derive(ToSchema)]
#[schema(example = json!({"everywhere": false}))]
#[expect(dead_code, reason = "describes the body; `Leaving` reads it")]
pub(in crate::api) struct LogoutInput {
    /// Also ends the user's other sessions.
    #[schema(required = false)]
    everywhere: Option<bool>,
    /// In place of an access token: one of the session, the newest or an earlier one.
    #[schema(schema_with = schema::name, required = false)]
    refresh_token: Option<String>,
}

pub(in crate::api) struct Leaving {
    everywhere: bool,
    refresh_token: Option<String>,
}

impl Input for Leaving {
    fn read(fields: &mut Fields) -> Option<Leaving> {
        let everywhere = fields.boolean("everywhere").unwrap_or_default();
        let refresh_token = fields.filled_text("refresh_token", NAME_CHARS_MAX);
        Some(Leaving {
            everywhere,
            refresh_token,
        })
    }
}

/// Sign out, here or everywhere
///
/// Tokens end with their session, and so do sockets that they opened: on this node at once, on others within a second. A
/// `refresh_token` ends its session without an access token, also where it was renewed meanwhile; one that is unknown has
/// nothing that could end.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = LogoutInput,
    responses((status = 200, body = Envelope<Option<bool>>)))]
pub(in crate::api) async fn logout(
    State(state): State<ApiState>,
    caller: Caller,
    Body { input, .. }: Body<Leaving>,
) -> ApiResult<Reply<Option<bool>>> {
    let signed_out = Reply::ok("SIGNED_OUT", None);
    let ended = state.auth.ended();
    if let Some(token) = input.refresh_token {
        match state
            .store
            .end_family(&hash_of(&token), input.everywhere)
            .await?
        {
            EndedFamily::Session(session) => ended.end_session(session),
            EndedFamily::User(user, first) => ended.end_before(user, first),
            EndedFamily::Unknown => {}
        }
        return Ok(signed_out);
    }
    let Caller::User { id, session, .. } = caller else {
        return Err(ApiError::unauthenticated());
    };
    if input.everywhere {
        let first = state.store.end_all_sessions(id).await?;
        ended.end_before(id, first);
    } else if let Some(session) = session.and_then(|session| session.id) {
        state.store.end_session(session).await?;
        ended.end_session(session);
    }
    Ok(signed_out)
}

/// The caller's account
#[utoipa::path(get, path = "/auth/me", tag = "auth",
    responses(
        (status = 200, body = Envelope<Me>),
        (status = 404, body = Failure, description = "`USER_NOT_FOUND`: the token is good, but its user is not here"),
    ))]
pub(in crate::api) async fn me(
    State(state): State<ApiState>,
    caller: Caller,
) -> ApiResult<Reply<Me>> {
    let user = caller.user_id().ok_or_else(ApiError::unauthenticated)?;
    let found = state.store.user_in_full(user).await?;
    let (user, staffs, confirmed) = found.ok_or_else(|| ApiError::not_found("USER_NOT_FOUND"))?;
    Ok(Reply::ok("ME", account_of(user, &staffs, confirmed)))
}

#[derive(ToSchema)]
#[schema(example = json!({"password": "seatcast-demo", "new_password": "correct horse battery"}))]
#[expect(dead_code, reason = "describes the body; `Change` reads it")]
pub(in crate::api) struct PasswordInput {
    /// The one that it is now.
    #[schema(schema_with = schema::any_password)]
    password: String,
    #[schema(schema_with = schema::password)]
    new_password: String,
}

pub(in crate::api) struct PasswordChange {
    password: String,
    new: String,
}

impl Input for PasswordChange {
    fn read(fields: &mut Fields) -> Option<PasswordChange> {
        fields.require(&["password", "new_password"]);
        let password = fields.text("password", PASSWORD_CHARS_MAX);
        let new = new_password(fields, "new_password");
        Some(PasswordChange {
            password: password?,
            new: new?,
        })
    }
}

/// Change the password
///
/// All other sessions end; this one's access token, too: refresh it.
#[utoipa::path(put, path = "/auth/password", tag = "auth", request_body = PasswordInput,
    responses(
        (status = 200, body = Envelope<Option<bool>>),
        (status = 401, body = Failure, description = "`BAD_CREDENTIALS`: another password"),
        (status = 404, body = Failure, description = "`USER_NOT_FOUND`"),
    ))]
pub(in crate::api) async fn change_password(
    State(state): State<ApiState>,
    caller: Caller,
    Body { input, .. }: Body<PasswordChange>,
) -> ApiResult<Reply<Option<bool>>> {
    let Caller::User { id, session, .. } = caller else {
        return Err(ApiError::unauthenticated());
    };
    let account = state.store.account_of(id).await?;
    let account = account.ok_or_else(|| ApiError::not_found("USER_NOT_FOUND"))?;
    let known = account.password_hash;
    let compared = state.passwords.compare(input.password, known.clone());
    let (Some(known), Compared::Right { .. }) = (known, compared.await?) else {
        return Err(bad_credentials());
    };
    let hash = state.passwords.hash(input.new).await?;
    let keep = session.and_then(|session| session.id);
    let changed = state.store.change_password(id, (&known, &hash), keep);
    let first = changed.await?.ok_or_else(bad_credentials)?;
    state.auth.ended().end_before(id, first);
    Ok(Reply::ok("PASSWORD_CHANGED", None))
}
