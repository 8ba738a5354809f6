//! Memberships of buyers, for those who may book what is for members.

use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use utoipa::ToSchema;

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Body, NoBody, Query};
use super::fields::{Fields, Input};
use super::idempotency::{IdempotencyHeader, made, replayed};
use super::page::{self, LongPage, RequestedUri};
use crate::auth::Caller;
use crate::schema;
use crate::store::StoreError;
use crate::store::memberships::{Membership, MembershipRefusal, NewMembership};
use crate::ticketing::UserId;

const KIND_CHARS_MAX: usize = 100;

#[derive(ToSchema)]
#[schema(example = json!({"kind": "season 2099", "valid_to": "2099-12-31T23:59:59Z"}))]
#[expect(dead_code, reason = "describes the body; `Wish` reads it")]
pub(super) struct MembershipInput {
    #[schema(schema_with = kind, required = false)]
    kind: Option<String>,
    /// Without it: from now on, or as before.
    #[schema(schema_with = schema::time, required = false)]
    valid_from: Option<String>,
    /// Without it: without end.
    #[schema(schema_with = schema::time, required = false)]
    valid_to: Option<String>,
}

fn kind() -> utoipa::openapi::schema::ObjectBuilder {
    schema::filled_up_to(KIND_CHARS_MAX)
}

pub(super) struct WantedMembership(NewMembership);

impl Input for WantedMembership {
    fn read(fields: &mut Fields) -> Option<WantedMembership> {
        let kind = fields.filled_text("kind", KIND_CHARS_MAX);
        let valid_from: Option<Timestamp> = fields.time("valid_from");
        let valid_to = fields.time("valid_to");
        if let (Some(from), Some(to)) = (valid_from, valid_to)
            && to <= from
        {
            fields.refuse("valid_to", "NOT_AFTER_VALID_FROM", "");
        }
        Some(WantedMembership(NewMembership {
            kind: kind.unwrap_or_else(|| "standard".to_owned()),
            valid_from,
            valid_to,
        }))
    }
}

impl From<MembershipRefusal> for ApiError {
    fn from(refusal: MembershipRefusal) -> ApiError {
        match refusal {
            MembershipRefusal::UserNotFound => ApiError::not_found("USER_NOT_FOUND"),
            MembershipRefusal::MembershipNotFound => ApiError::not_found("MEMBERSHIP_NOT_FOUND"),
            MembershipRefusal::TooMany(most) => {
                ApiError::conflict("LIMIT_REACHED").with("max", most)
            }
        }
    }
}

/// A user's memberships, past ones included
///
/// For that user and admins. Without `limit` at most 100.
#[utoipa::path(get, path = "/users/{user_id}/memberships", tag = "users", params(("user_id" = UserId, Path), LongPage),
    responses(
        (status = 200, body = Envelope<Vec<Membership>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 403, body = Failure, description = "Somebody else's"),
    ))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(user): At<UserId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Membership>>> {
    if !caller.may_act_for(user) {
        return Err(ApiError::forbidden());
    }
    let memberships = state.store.memberships(user).await?;
    let asked = (&page, &asked);
    page::of_whole("MEMBERSHIPS", "memberships", memberships, asked, |one| {
        one.id
    })
}

/// An end that is before the beginning that was not named.
fn refused(error: StoreError) -> ApiError {
    match error {
        StoreError::Constraint { name, .. } if name == "memberships_window" => {
            ApiError::invalid_field("valid_to", "NOT_AFTER_VALID_FROM")
        }
        error => error.into(),
    }
}

/// Make a user a member
#[utoipa::path(post, path = "/users/{user_id}/memberships", tag = "users", params(("user_id" = UserId, Path), IdempotencyHeader),
    request_body = MembershipInput,
    responses(
        (status = 201, body = Envelope<Membership>, headers(("Idempotent-Replay" = bool))),
        (status = 404, body = Failure, description = "`USER_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`LIMIT_REACHED {max}`, `IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(user): At<UserId>,
    headers: HeaderMap,
    body: Body<WantedMembership>,
) -> ApiResult<Reply<Membership>> {
    let route = format!("POST /users/{user}/memberships");
    let keyed = state
        .in_flight
        .begin(&headers, &caller, &route, body.hash())?;
    let key = keyed.stored();
    let once = state
        .store
        .create_membership(&caller, user, &body.input.0, key)
        .await
        .map_err(refused)??;
    state.roles.forget(user);
    let (membership, again) = made(once)?;
    Ok(replayed(
        Reply::created("MEMBERSHIP_CREATED", membership),
        again,
    ))
}

/// Change a membership
#[utoipa::path(put, path = "/users/{user_id}/memberships/{membership_id}", tag = "users",
    params(("user_id" = UserId, Path), ("membership_id" = i64, Path, minimum = 1)), request_body = MembershipInput,
    responses(
        (status = 200, body = Envelope<Membership>),
        (status = 404, body = Failure, description = "`MEMBERSHIP_NOT_FOUND`"),
    ))]
pub(super) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    At((user, id)): At<(UserId, i64)>,
    Body { input, .. }: Body<WantedMembership>,
) -> ApiResult<Reply<Membership>> {
    let changed = state
        .store
        .change_membership(&caller, user, id, &input.0)
        .await
        .map_err(refused)??;
    state.roles.forget(user);
    Ok(Reply::ok("MEMBERSHIP_CHANGED", changed))
}

/// End a membership
#[utoipa::path(delete, path = "/users/{user_id}/memberships/{membership_id}", tag = "users",
    params(("user_id" = UserId, Path), ("membership_id" = i64, Path, minimum = 1)),
    responses(
        (status = 200, body = Envelope<Option<bool>>),
        (status = 404, body = Failure, description = "`MEMBERSHIP_NOT_FOUND`"),
    ))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At((user, id)): At<(UserId, i64)>,
    _: NoBody,
) -> ApiResult<Reply<Option<bool>>> {
    state.store.remove_membership(&caller, user, id).await??;
    state.roles.forget(user);
    Ok(Reply::ok("MEMBERSHIP_REMOVED", None))
}
