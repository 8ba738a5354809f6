//! Links that are mailed to the owner of an account. Only a POST uses one up: mail programs open what they find.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use utoipa::ToSchema;

use super::{Tokens, can_sign_in, mail, new_password, tokens};
use crate::api::ApiState;
use crate::api::contact::{EmailAddress, EmailInput};
use crate::api::email_codes::taken;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::Body;
use crate::api::fields::{Fields, Input};
use crate::auth::Caller;
use crate::auth::password::Compared;
use crate::auth::secrets::{self, hash_of};
use crate::config::rest::NAME_CHARS_MAX;
use crate::jobs::Purpose;
use crate::schema;
use crate::store::accounts::LinkPurpose;

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body; `Link` reads it")]
pub(in crate::api) struct LinkInput {
    /// The part of the mailed address that follows `=`.
    #[schema(schema_with = schema::name)]
    token: String,
}

pub(in crate::api) struct AccountLink(String);

impl Input for AccountLink {
    fn read(fields: &mut Fields) -> Option<AccountLink> {
        fields.require(&["token"]);
        fields.filled_text("token", NAME_CHARS_MAX).map(AccountLink)
    }
}

fn used_up() -> ApiError {
    ApiError::new(StatusCode::GONE, "LINK_EXPIRED")
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body; `LinkAndPassword` reads it")]
pub(in crate::api) struct ConfirmInput {
    /// The part of the mailed address that follows `#confirm=`.
    #[schema(schema_with = schema::name)]
    token: String,
    /// The account's password from now on.
    #[schema(schema_with = schema::password)]
    password: String,
}

/// Confirm an e-mail address by the mailed link
///
/// Sets the account's password: the one of the registration may be a stranger's, and counts no more. So do sessions, tokens,
/// and, unless the passwords are the same, the number of the registration. Bookings that were made with the address and
/// without an account join the account.
#[utoipa::path(post, path = "/auth/confirm", tag = "auth", request_body = ConfirmInput,
    responses(
        (status = 200, body = Envelope<Option<bool>>),
        (status = 410, body = Failure, description = "`LINK_EXPIRED`: it was used, has ended, or never was"),
    ))]
pub(in crate::api) async fn confirm(
    State(state): State<ApiState>,
    Body { input, .. }: Body<LinkAndPassword>,
) -> ApiResult<Reply<Option<bool>>> {
    let link = hash_of(&input.token);
    let account = state
        .store
        .account_of_link(&link, LinkPurpose::Confirm)
        .await?;
    let known = account.ok_or_else(used_up)?.password_hash;
    let compared = state
        .passwords
        .compare(input.password.clone(), known.clone())
        .await?;
    let registered = known.filter(|_| compared != Compared::Wrong);
    let hash = state.passwords.hash(input.password).await?;
    let confirmed = state
        .store
        .confirm(&link, &hash, registered.as_deref())
        .await?;
    let (user, first) = confirmed.ok_or_else(used_up)?;
    state.auth.ended().end_before(user, first);
    Ok(Reply::ok("EMAIL_CONFIRMED", None))
}

/// Have a link mailed with which to choose a new password
#[utoipa::path(post, path = "/auth/password/forgot", tag = "auth", request_body = EmailInput,
    responses(
        (status = 202, body = Envelope<Option<bool>>, description = "Heard, whether or not there is an account"),
        (status = 501, body = Failure, description = "`NO_MAIL`: this server has no way to send mails"),
    ))]
pub(in crate::api) async fn forgot(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Body { input, .. }: Body<EmailAddress>,
) -> ApiResult<Reply<Option<bool>>> {
    taken(mail(&state, Purpose::Reset, input.0, &headers).await?)?;
    Ok(Reply::accepted("LINK_ASKED", None))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body; `LinkAndPassword` reads it")]
pub(in crate::api) struct ResetInput {
    /// The part of the mailed address that follows `#reset=`.
    #[schema(schema_with = schema::name)]
    token: String,
    #[schema(schema_with = schema::password)]
    password: String,
}

/// A link, and the password that it sets.
pub(in crate::api) struct LinkAndPassword {
    token: String,
    password: String,
}

impl Input for LinkAndPassword {
    fn read(fields: &mut Fields) -> Option<LinkAndPassword> {
        fields.require(&["token", "password"]);
        let token = fields.filled_text("token", NAME_CHARS_MAX);
        let password = new_password(fields, "password");
        Some(LinkAndPassword {
            token: token?,
            password: password?,
        })
    }
}

/// Choose a new password by the mailed link
///
/// Every session and socket of the account ends.
#[utoipa::path(post, path = "/auth/password/reset", tag = "auth", request_body = ResetInput,
    responses(
        (status = 200, body = Envelope<Option<bool>>),
        (status = 410, body = Failure, description = "`LINK_EXPIRED`: it was used, has ended, or never was"),
    ))]
pub(in crate::api) async fn reset(
    State(state): State<ApiState>,
    Body { input, .. }: Body<LinkAndPassword>,
) -> ApiResult<Reply<Option<bool>>> {
    let link = hash_of(&input.token);
    let account = state.store.account_of_link(&link, LinkPurpose::Reset);
    account.await?.ok_or_else(used_up)?;
    let hash = state.passwords.hash(input.password).await?;
    let reset = state.store.reset_password(&link, &hash).await?;
    let (user, first) = reset.ok_or_else(used_up)?;
    state.auth.ended().end_before(user, first);
    Ok(Reply::ok("PASSWORD_CHANGED", None))
}

/// Have a link mailed that signs in
#[utoipa::path(post, path = "/auth/link", tag = "auth", request_body = EmailInput,
    responses(
        (status = 202, body = Envelope<Option<bool>>, description = "Heard, whether or not there is an account"),
        (status = 501, body = Failure, description = "`NO_MAIL`, `NO_SIGN_IN`"),
    ))]
pub(in crate::api) async fn ask(
    State(state): State<ApiState>,
    _: Caller,
    headers: HeaderMap,
    Body { input, .. }: Body<EmailAddress>,
) -> ApiResult<Reply<Option<bool>>> {
    can_sign_in(&state)?;
    taken(mail(&state, Purpose::SignIn, input.0, &headers).await?)?;
    Ok(Reply::accepted("LINK_ASKED", None))
}

/// Sign in by the mailed link
///
/// It proves the address. A password that was chosen before anybody proved it counts no more, nor does anything else of that
/// registration.
#[utoipa::path(post, path = "/auth/link/open", tag = "auth", request_body = LinkInput,
    responses(
        (status = 200, body = Envelope<Tokens>),
        (status = 410, body = Failure, description = "`LINK_EXPIRED`: it was used, has ended, or never was"),
        (status = 501, body = Failure, description = "`NO_SIGN_IN`: another server makes the tokens"),
    ))]
pub(in crate::api) async fn open(
    State(state): State<ApiState>,
    Body { input, .. }: Body<AccountLink>,
) -> ApiResult<Reply<Tokens>> {
    can_sign_in(&state)?;
    let refresh = secrets::random();
    let opened = state
        .store
        .open_link(&hash_of(&input.0), &hash_of(&refresh))
        .await?;
    let signed_in = opened.ok_or_else(used_up)?;
    // If the address was not proven before, earlier tokens have ended: here at once, on other nodes within a second.
    let (user, first) = (signed_in.user.id, signed_in.session.generation);
    state.auth.ended().end_before(user, first);
    Ok(Reply::ok("SIGNED_IN", tokens(&state, signed_in, refresh)?))
}
