//! Users: buyers and organizers. Passwords and registration are not part of it.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::ApiState;
use super::contact::{email, phone};
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Body, Query};
use super::fields::{Fields, Input};
use super::idempotency::{self, IdempotencyHeader};
use super::page::{self, Page, RequestedUri};
use crate::auth::{Caller, Role};
use crate::config::rest::NAME_CHARS_MAX;
use crate::schema;
use crate::store::users::{ChangedUser, NewUser, User, UserChange};
use crate::ticketing::UserId;

/// A new user. An e-mail address or a phone number is required.
#[derive(ToSchema, Deserialize)]
#[schema(example = json!({"name": "Ada Byron", "email": "ada@example.org"}))]
pub(super) struct UserInput {
    #[schema(schema_with = schema::name)]
    name: String,
    #[schema(schema_with = schema::email, required = false)]
    email: Option<String>,
    /// Digits, with an optional `+` in front; spaces and dashes are dropped. Digits of any script.
    #[schema(schema_with = schema::phone, required = false)]
    phone: Option<String>,
    /// Only admins may give another role than `customer`.
    role: Option<Role>,
    /// Only admins may make members.
    member: Option<bool>,
}

const ROLES: [(&str, Role); 3] = [
    ("customer", Role::Customer),
    ("organizer", Role::Organizer),
    ("admin", Role::Admin),
];

impl Input for UserInput {
    fn read(fields: &mut Fields) -> Option<UserInput> {
        fields.require(&["name"]);
        if !fields.has("email") && !fields.has("phone") {
            fields.refuse("phone", "MISSING_CONTACT", "");
        }
        let name = fields.filled_text("name", NAME_CHARS_MAX);
        let email = email(fields);
        let phone = phone(fields);
        let role = fields.choice("role", &ROLES);
        let member = fields.boolean("member");
        Some(UserInput {
            name: name?,
            email,
            phone,
            role,
            member,
        })
    }
}

/// Make a user
#[utoipa::path(post, path = "/users", tag = "users", request_body = UserInput,
    params(IdempotencyHeader),
    responses(
        (status = 201, body = Envelope<User>, headers(("Location" = String), ("Idempotent-Replay" = bool))),
        (status = 403, body = Failure, description = "Only admins may give a role or membership"),
        (status = 409, body = Failure, description = "`EMAIL_TAKEN`, `PHONE_TAKEN`, `IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<UserInput>,
) -> ApiResult<Reply<User>> {
    let keyed = state
        .in_flight
        .begin(&headers, &caller, "POST /users", body.hash())?;
    let key = keyed.stored();
    let input = body.input;
    let user = NewUser {
        name: input.name,
        email: input.email,
        phone: input.phone,
        role: input.role.unwrap_or(Role::Customer),
        member: input.member.unwrap_or(false),
    };
    if (user.role != Role::Customer || user.member) && !caller.is_admin() {
        return Err(ApiError::forbidden());
    }
    let once = state.store.create_user(&user, key).await?;
    let (user, replayed) = idempotency::made(once)?;
    let address = format!("/api/v1/users/{}", user.id);
    let reply = Reply::created("USER_CREATED", user).at(&address);
    Ok(idempotency::replayed(reply, replayed))
}

/// A change of a user. What is missing stays as it is.
#[derive(ToSchema)]
#[schema(example = json!({"active": true}))]
#[expect(dead_code, reason = "describes the body; `WantedChange` reads it")]
pub(super) struct UserChangeInput {
    #[schema(required = false)]
    role: Role,
    /// `false` shuts the account: its sessions end, nobody signs in to it, and no token is accepted. Bookings stay.
    #[schema(required = false)]
    active: bool,
}

pub(super) struct WantedChange(UserChange);

impl Input for WantedChange {
    fn read(fields: &mut Fields) -> Option<WantedChange> {
        let role = fields.choice("role", &ROLES);
        let active = fields.boolean("active");
        Some(WantedChange(UserChange { role, active }))
    }
}

/// Give a user another role, or shut or open the account
///
/// Sessions and tokens that say otherwise end at once; those of `seatcast token` with their own time. API keys are their
/// organization's, whoever founded it or made them: they stay good until somebody revokes them. Nobody changes the own account,
/// and an admin is always left.
#[utoipa::path(patch, path = "/users/{user_id}", tag = "users", params(("user_id" = UserId, Path)),
    request_body = UserChangeInput,
    responses(
        (status = 200, body = Envelope<User>),
        (status = 404, body = Failure, description = "`USER_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`OWN_ACCOUNT`; `LAST_ADMIN`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`"),
    ))]
pub(super) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    At(user_id): At<UserId>,
    Body { input, .. }: Body<WantedChange>,
) -> ApiResult<Reply<User>> {
    if caller.user_id() == Some(user_id) {
        return Err(ApiError::conflict("OWN_ACCOUNT"));
    }
    let user = match state.store.change_user(&caller, user_id, input.0).await? {
        ChangedUser::Done(user) => user,
        ChangedUser::Nobody => return Err(ApiError::not_found("USER_NOT_FOUND")),
        ChangedUser::LastAdmin => return Err(ApiError::conflict("LAST_ADMIN")),
    };
    state.roles.forget(user_id);
    Ok(Reply::ok("USER_CHANGED", user))
}

/// All users, by id
#[utoipa::path(get, path = "/users", tag = "users", params(Page),
    responses((status = 200, body = Envelope<Vec<User>>, headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Query(page): Query<Page>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<User>>> {
    let after = page.after_id("users")?;
    let users = state
        .store
        .users(after, page.rows_wanted(), page.offset)
        .await?;
    let asked = (&page, &asked);
    Ok(page::by_id("USERS", "users", users, asked, |user| user.id))
}

/// One user: oneself, or anybody for admins
#[utoipa::path(get, path = "/users/{user_id}", tag = "users", params(("user_id" = UserId, Path)),
    responses(
        (status = 200, body = Envelope<User>),
        (status = 404, body = Failure, description = "`USER_NOT_FOUND`"),
    ))]
pub(super) async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    At(user_id): At<UserId>,
) -> ApiResult<Reply<User>> {
    if !caller.may_act_for(user_id) {
        return Err(ApiError::forbidden());
    }
    let user = state.store.user(user_id).await?;
    let user = user.ok_or_else(|| ApiError::not_found("USER_NOT_FOUND"))?;
    Ok(Reply::ok("USER", user))
}
