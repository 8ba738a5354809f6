//! Taxes of an event, in its prices or on top of them.

use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::{changed, made, name, page_of, read, removed};
use crate::api::ApiState;
use crate::api::envelope::{Deleted, Envelope, Failure, Reply};
use crate::api::error::ApiResult;
use crate::api::extract::{At, Body, NoBody, Query};
use crate::api::fields::{Fields, Input};
use crate::api::idempotency::IdempotencyHeader;
use crate::api::page::{LongPage, RequestedUri};
use crate::auth::Caller;
use crate::schema;
use crate::store::price_rules::RuleColumns;
use crate::ticketing::price::WHOLE_BP;
use crate::ticketing::rules::TaxRule;
use crate::ticketing::{EventId, TaxId, TicketTypeId};

pub(in crate::api) fn rate() -> Object {
    schema::integer(0, WHOLE_BP).build()
}

/// Columns of every tax, whomever it belongs to.
pub(in crate::api) fn shared_columns(fields: &mut Fields, is_new: bool) -> RuleColumns {
    read(fields, |reading| {
        reading.put("name", name);
        reading.put("rate", |fields, name| {
            fields.integer(name, 0..=WHOLE_BP).map(Value::from)
        });
        reading.switch("included", true, is_new);
    })
}

fn columns(fields: &mut Fields, is_new: bool) -> RuleColumns {
    let mut columns = shared_columns(fields, is_new);
    columns.extend(read(fields, |reading| {
        reading.put_or_null("ticket_type_id", |fields, name| {
            fields.id::<TicketTypeId>(name).map(|id| json!(id))
        });
    }));
    columns
}

/// A new tax.
#[derive(ToSchema)]
#[schema(as = TaxInput, example = json!({"name": "VAT", "rate": 1900, "included": true}))]
#[expect(dead_code, reason = "documents the body that `NewTax` reads")]
pub(in crate::api) struct TaxBody {
    #[schema(schema_with = schema::name)]
    name: String,
    /// Hundredths of a percent.
    #[schema(schema_with = rate)]
    rate: i64,
    /// Prices contain it; otherwise it is added to them.
    #[schema(required = false, default = true)]
    included: bool,
    /// Without it: of all ticket types that have no tax of their own, and of fees.
    #[schema(value_type = Option<TicketTypeId>)]
    ticket_type_id: Option<TicketTypeId>,
}

/// Changes of a tax; fields that are left out stay.
#[derive(ToSchema)]
#[schema(as = TaxPatch, example = json!({"rate": 700}))]
#[expect(dead_code, reason = "documents the body that `TaxChange` reads")]
pub(in crate::api) struct TaxPatchBody {
    #[schema(schema_with = schema::name, required = false)]
    name: Option<String>,
    /// Hundredths of a percent.
    #[schema(schema_with = rate, required = false)]
    rate: Option<i64>,
    /// Prices contain it; otherwise it is added to them.
    #[schema(required = false)]
    included: bool,
    /// Without it: of all ticket types that have no tax of their own, and of fees.
    #[schema(value_type = Option<TicketTypeId>)]
    ticket_type_id: Option<TicketTypeId>,
}

pub(in crate::api) struct NewTax(RuleColumns);

impl Input for NewTax {
    fn read(fields: &mut Fields) -> Option<NewTax> {
        fields.require(&["name", "rate"]);
        Some(NewTax(columns(fields, true)))
    }
}

pub(in crate::api) struct TaxChange(RuleColumns);

impl Input for TaxChange {
    const IS_CHANGE: bool = true;

    fn read(fields: &mut Fields) -> Option<TaxChange> {
        Some(TaxChange(columns(fields, false)))
    }
}

/// The taxes of an event, oldest first
///
/// Without `limit` at most 100. Needs the right `manage`.
#[utoipa::path(get, path = "/events/{event_id}/taxes", tag = "prices", params(("event_id" = EventId, Path), LongPage),
    responses(
        (status = 200, body = Envelope<Vec<TaxRule>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<TaxRule>>> {
    let of = (&state, &caller, event_id);
    page_of::<TaxRule>(of, "TAXES", (page, &asked)).await
}

/// Make a tax
///
/// For bookings that are made later.
#[utoipa::path(post, path = "/events/{event_id}/taxes", tag = "prices",
    params(("event_id" = EventId, Path), IdempotencyHeader),
    request_body = TaxBody,
    responses(
        (status = 201, body = Envelope<TaxRule>,
            headers(("X-Event-Revision" = i64), ("Idempotent-Replay" = bool))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`TAX_EXISTS`, `TOO_MANY_RULES {max}`, `IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<NewTax>,
) -> ApiResult<Reply<TaxRule>> {
    let of = (&state, &caller, event_id);
    let given = (&body.input.0, body.hash());
    made(of, "TAX_CREATED", &headers, given).await
}

/// Change a tax
///
/// For bookings that are made later.
#[utoipa::path(patch, path = "/events/{event_id}/taxes/{tax_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("tax_id" = TaxId, Path)), request_body = TaxPatchBody,
    responses(
        (status = 200, body = Envelope<TaxRule>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `TAX_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`TAX_EXISTS`"),
    ))]
pub(in crate::api) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, TaxId)>,
    body: Body<TaxChange>,
) -> ApiResult<Reply<TaxRule>> {
    let of = (&state, &caller, event_id);
    changed(of, id.0, "TAX_UPDATED", &body.input.0).await
}

/// Delete a tax
#[utoipa::path(delete, path = "/events/{event_id}/taxes/{tax_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("tax_id" = TaxId, Path)),
    responses(
        (status = 200, body = Envelope<Deleted>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `TAX_NOT_FOUND`"),
    ))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, TaxId)>,
    _: NoBody,
) -> ApiResult<Reply<Deleted>> {
    let of = (&state, &caller, event_id);
    removed::<TaxRule>(of, id.0, "TAX_DELETED").await
}
