//! Keys with which programs act for an organization.

use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::needs;
use crate::api::ApiState;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::ApiResult;
use crate::api::extract::{At, Body, NoBody, Query};
use crate::api::fields::{Fields, Input, in_the_future};
use crate::api::idempotency::{self, IdempotencyHeader};
use crate::api::page::{self, Page, RequestedUri};
use crate::auth::secrets::{self, API_KEY_PREFIX};
use crate::auth::{Caller, Right};
use crate::config::rest::NAME_CHARS_MAX;
use crate::schema;
use crate::store::idempotency::Once;
use crate::store::organizations::{self, NewApiKey};
use crate::ticketing::{ApiKeyId, OrganizationId};

/// Signs of a key that are kept, for people to tell their keys apart.
const PREFIX_SIGNS: usize = 10;
/// The rights that a key may have: all but those over people and keys.
const SCOPES: [(&str, Right); 6] = [
    ("see", Right::See),
    ("manage", Right::Manage),
    ("sell", Right::Sell),
    ("check_in", Right::CheckIn),
    ("figures", Right::Figures),
    ("money", Right::Money),
];

#[derive(ToSchema)]
#[schema(example = json!({"name": "Till at the door", "scopes": ["see", "sell", "check_in"]}))]
#[expect(dead_code, reason = "describes the body; `KeyWish` reads it")]
pub(in crate::api) struct ApiKeyInput {
    #[schema(schema_with = schema::name)]
    name: String,
    #[schema(schema_with = scopes)]
    scopes: Vec<Right>,
    /// Without it the key ends when it is revoked.
    #[schema(schema_with = schema::time, required = false)]
    expires_at: Option<String>,
}

fn scopes() -> utoipa::openapi::schema::Array {
    utoipa::openapi::schema::ArrayBuilder::new()
        .items(schema::choice(SCOPES.map(|(name, _)| name)))
        .min_items(Some(1))
        .max_items(Some(SCOPES.len()))
        .build()
}

pub(in crate::api) struct KeyWish {
    name: String,
    scopes: Vec<Right>,
    expires_at: Option<Timestamp>,
}

impl Input for KeyWish {
    fn read(fields: &mut Fields) -> Option<KeyWish> {
        fields.require(&["name", "scopes"]);
        let name = fields.filled_text("name", NAME_CHARS_MAX);
        let expires_at = fields.time("expires_at");
        let given = fields.take("scopes");
        let names = given.as_ref().and_then(|given| given.as_array());
        let mut wished = Vec::new();
        for name in names.into_iter().flatten() {
            let known = SCOPES.iter().find(|(known, _)| name == known);
            match known {
                Some((_, right)) if !wished.contains(right) => wished.push(*right),
                Some(_) => fields.refuse("scopes", "DUPLICATE", ""),
                None => {
                    fields.refuse(
                        "scopes",
                        "NOT_A_CHOICE",
                        SCOPES.map(|(name, _)| name).join(", "),
                    );
                }
            }
        }
        if given.is_some() && names.is_none_or(Vec::is_empty) {
            fields.refuse("scopes", "EMPTY", "");
        }
        Some(KeyWish {
            name: name?,
            scopes: wished,
            expires_at,
        })
    }
}

/// A key, as it is shown once.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct NewKey {
    #[serde(flatten)]
    about: organizations::ApiKey,
    /// The key itself, for `Authorization: Bearer …` or `X-Api-Key`. It is shown this once; null in a replay.
    key: Option<String>,
}

/// Make a key for a program
///
/// It has the rights in `scopes`, in this organization, until it ends.
#[utoipa::path(post, path = "/organizations/{organization_id}/api-keys", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), IdempotencyHeader), request_body = ApiKeyInput,
    responses(
        (status = 201, body = Envelope<NewKey>, headers(("Idempotent-Replay" = bool))),
        (status = 404, body = Failure, description = "`ORGANIZATION_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`LIMIT_REACHED {max}`, `IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(organization): At<OrganizationId>,
    headers: HeaderMap,
    body: Body<KeyWish>,
) -> ApiResult<Reply<NewKey>> {
    needs(&caller, Right::People, organization)?;
    let route = format!("POST /organizations/{organization}/api-keys");
    let keyed = state
        .in_flight
        .begin(&headers, &caller, &route, body.hash())?;
    let input = body.input;
    let ends = in_the_future("expires_at", input.expires_at, state.desk.now());
    idempotency::unless_asked_before(&state.store, &keyed, ends).await?;
    let secret = format!("{API_KEY_PREFIX}{}", secrets::random());
    let wish = NewApiKey {
        name: input.name,
        scopes: input.scopes,
        expires_at: input.expires_at,
        hash: secrets::hash_of(&secret),
        prefix: secret.chars().take(PREFIX_SIGNS).collect(),
    };
    let stored = keyed.stored();
    let once = state
        .store
        .create_api_key(&caller, organization, &wish, stored)
        .await??;
    let key = matches!(once, Once::Made(_)).then_some(secret);
    let (about, replayed) = idempotency::made(once)?;
    let reply = Reply::created("API_KEY_CREATED", NewKey { about, key });
    Ok(idempotency::replayed(reply, replayed))
}

/// The keys of an organization that were not revoked
#[utoipa::path(get, path = "/organizations/{organization_id}/api-keys", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), Page),
    responses((status = 200, body = Envelope<Vec<organizations::ApiKey>>,
        headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(organization): At<OrganizationId>,
    Query(page): Query<Page>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<organizations::ApiKey>>> {
    needs(&caller, Right::People, organization)?;
    let after = page.after_id("api-keys")?;
    let keys = state
        .store
        .api_keys(organization, after, page.rows_wanted(), page.offset)
        .await?;
    let asked = (&page, &asked);
    Ok(page::by_id("API_KEYS", "api-keys", keys, asked, |key| {
        key.id
    }))
}

/// Revoke a key
///
/// This node refuses it at once, others within five seconds.
#[utoipa::path(delete, path = "/organizations/{organization_id}/api-keys/{api_key_id}", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), ("api_key_id" = ApiKeyId, Path)),
    responses(
        (status = 200, body = Envelope<Option<bool>>),
        (status = 404, body = Failure, description = "`API_KEY_NOT_FOUND`"),
    ))]
pub(in crate::api) async fn revoke(
    State(state): State<ApiState>,
    caller: Caller,
    At((organization, key)): At<(OrganizationId, ApiKeyId)>,
    _: NoBody,
) -> ApiResult<Reply<Option<bool>>> {
    needs(&caller, Right::People, organization)?;
    state
        .store
        .revoke_api_key(&caller, organization, key)
        .await??;
    state.roles.forget_keys();
    Ok(Reply::ok("API_KEY_REVOKED", None))
}
