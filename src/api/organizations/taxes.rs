//! Taxes of an organization, by the country of its events.

use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::Value;
use utoipa::ToSchema;

use super::needs;
use crate::api::ApiState;
use crate::api::envelope::{Deleted, Envelope, Failure, Reply};
use crate::api::error::ApiResult;
use crate::api::events::input::country;
use crate::api::extract::{At, Body, NoBody, Query};
use crate::api::fields::{Fields, Input};
use crate::api::idempotency::{self, IdempotencyHeader};
use crate::api::page::{self, LongPage, RequestedUri};
use crate::api::prices::taxes::{rate, shared_columns};
use crate::auth::{Caller, Right};
use crate::schema;
use crate::store::price_rules::RuleColumns;
use crate::ticketing::rules::OrganizationTax;
use crate::ticketing::{OrganizationId, TaxId};

fn columns(fields: &mut Fields, is_new: bool) -> RuleColumns {
    let mut columns = shared_columns(fields, is_new);
    let code = match fields.is_null("country") {
        true => Some(Value::Null),
        false => country(fields, "country").map(Value::from),
    };
    if let Some(code) = code {
        columns.insert("country".to_owned(), code);
    }
    columns
}

/// A new tax.
#[derive(ToSchema)]
#[schema(as = OrganizationTaxInput, example = json!({"country": "TH", "name": "VAT", "rate": 700, "included": true}))]
#[expect(dead_code, reason = "documents the body that `NewTax` reads")]
pub(in crate::api) struct OrganizationTaxBody {
    /// Of events in this country, ISO 3166-1; without it of those in countries that have none here.
    #[schema(schema_with = schema::country, required = false)]
    country: Option<String>,
    #[schema(schema_with = schema::name)]
    name: String,
    /// Hundredths of a percent.
    #[schema(schema_with = rate)]
    rate: i64,
    /// Prices contain it; otherwise it is added to them.
    #[schema(required = false, default = true)]
    included: bool,
}

/// Changes of a tax; fields that are left out stay.
#[derive(ToSchema)]
#[schema(as = OrganizationTaxPatch, example = json!({"rate": 1000}))]
#[expect(dead_code, reason = "documents the body that `TaxChange` reads")]
pub(in crate::api) struct OrganizationTaxPatchBody {
    /// `null`: of events in countries that have none here.
    #[schema(schema_with = schema::country, required = false)]
    country: Option<String>,
    #[schema(schema_with = schema::name, required = false)]
    name: Option<String>,
    /// Hundredths of a percent.
    #[schema(schema_with = rate, required = false)]
    rate: Option<i64>,
    /// Prices contain it; otherwise it is added to them.
    #[schema(required = false)]
    included: bool,
}

pub(in crate::api) struct NewOrganizationTax(RuleColumns);

impl Input for NewOrganizationTax {
    fn read(fields: &mut Fields) -> Option<NewOrganizationTax> {
        fields.require(&["name", "rate"]);
        Some(NewOrganizationTax(columns(fields, true)))
    }
}

pub(in crate::api) struct OrganizationTaxChange(RuleColumns);

impl Input for OrganizationTaxChange {
    const IS_CHANGE: bool = true;

    fn read(fields: &mut Fields) -> Option<OrganizationTaxChange> {
        Some(OrganizationTaxChange(columns(fields, false)))
    }
}

/// The taxes of an organization, oldest first
///
/// An event has its own taxes; one without has that of its `country` here, or else the one without country. Without `limit`
/// at most 100. Needs the right `manage`.
#[utoipa::path(get, path = "/organizations/{organization_id}/taxes", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), LongPage),
    responses((status = 200, body = Envelope<Vec<OrganizationTax>>, headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(organization): At<OrganizationId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<OrganizationTax>>> {
    needs(&caller, Right::Manage, organization)?;
    let after = page.after_id("organization-taxes")?;
    let found = state
        .store
        .organization_taxes(organization, after, page.rows_wanted(), page.offset)
        .await?;
    let asked = (&page, &asked);
    Ok(page::by_id(
        "TAXES",
        "organization-taxes",
        found,
        asked,
        |tax| tax.id,
    ))
}

/// Make a tax of an organization
///
/// For bookings that are made later.
#[utoipa::path(post, path = "/organizations/{organization_id}/taxes", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), IdempotencyHeader), request_body = OrganizationTaxBody,
    responses(
        (status = 201, body = Envelope<OrganizationTax>, headers(("Idempotent-Replay" = bool))),
        (status = 404, body = Failure, description = "`ORGANIZATION_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`TAX_EXISTS`, `LIMIT_REACHED {max}`, `IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(organization): At<OrganizationId>,
    headers: HeaderMap,
    body: Body<NewOrganizationTax>,
) -> ApiResult<Reply<OrganizationTax>> {
    needs(&caller, Right::Manage, organization)?;
    let route = format!("POST /organizations/{organization}/taxes");
    let keyed = state
        .in_flight
        .begin(&headers, &caller, &route, body.hash())?;
    let key = keyed.stored();
    let once = state
        .store
        .create_organization_tax(&caller, organization, &body.input.0, key)
        .await??;
    let (made, replayed) = idempotency::made(once)?;
    Ok(idempotency::replayed(
        Reply::created("TAX_CREATED", made),
        replayed,
    ))
}

/// Change a tax of an organization
///
/// For bookings that are made later.
#[utoipa::path(patch, path = "/organizations/{organization_id}/taxes/{tax_id}", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), ("tax_id" = TaxId, Path)), request_body = OrganizationTaxPatchBody,
    responses(
        (status = 200, body = Envelope<OrganizationTax>),
        (status = 404, body = Failure, description = "`TAX_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`TAX_EXISTS`"),
    ))]
pub(in crate::api) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    At((organization, id)): At<(OrganizationId, TaxId)>,
    body: Body<OrganizationTaxChange>,
) -> ApiResult<Reply<OrganizationTax>> {
    needs(&caller, Right::Manage, organization)?;
    let changed = state
        .store
        .change_organization_tax(&caller, organization, id, &body.input.0)
        .await??;
    Ok(Reply::ok("TAX_UPDATED", changed))
}

/// Delete a tax of an organization
#[utoipa::path(delete, path = "/organizations/{organization_id}/taxes/{tax_id}", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), ("tax_id" = TaxId, Path)),
    responses(
        (status = 200, body = Envelope<Deleted>),
        (status = 404, body = Failure, description = "`TAX_NOT_FOUND`"),
    ))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At((organization, id)): At<(OrganizationId, TaxId)>,
    _: NoBody,
) -> ApiResult<Reply<Deleted>> {
    needs(&caller, Right::Manage, organization)?;
    state
        .store
        .delete_organization_tax(&caller, organization, id)
        .await??;
    Ok(Reply::ok("TAX_DELETED", Deleted { id: id.0 }))
}
