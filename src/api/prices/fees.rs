//! Fees of an event, which its buyers pay beside the tickets, or its organizer.

use axum::extract::State;
use axum::http::HeaderMap;
use utoipa::ToSchema;

use super::{changed, made, name, page_of, read, removed, value};
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
use crate::ticketing::rules::{FeeKind, FeeRule};
use crate::ticketing::{EventId, FeeId};

fn columns(fields: &mut Fields, is_new: bool) -> RuleColumns {
    read(fields, |reading| {
        reading.put("name", name);
        reading.kind_and_value(&[
            ("per_ticket", "per_ticket"),
            ("per_booking", "per_booking"),
            ("percent", "percent"),
        ]);
        reading.switch("absorbed", false, is_new);
    })
}

/// A new fee.
#[derive(ToSchema)]
#[schema(as = FeeInput, example = json!({"name": "Service fee", "kind": "per_ticket", "value": 150}))]
#[expect(dead_code, reason = "documents the body that `NewFee` reads")]
pub(in crate::api) struct FeeBody {
    #[schema(schema_with = schema::name)]
    name: String,
    kind: FeeKind,
    /// Minor units; of percentages hundredths of a percent.
    #[schema(schema_with = value)]
    value: i64,
    /// The organizer pays it: it is no line of a booking.
    #[schema(required = false, default = false)]
    absorbed: bool,
}

/// Changes of a fee; fields that are left out stay.
#[derive(ToSchema)]
#[schema(as = FeePatch, example = json!({"absorbed": true}))]
#[expect(dead_code, reason = "documents the body that `FeeChange` reads")]
pub(in crate::api) struct FeePatchBody {
    #[schema(schema_with = schema::name, required = false)]
    name: Option<String>,
    #[schema(required = false)]
    kind: FeeKind,
    /// Minor units; of percentages hundredths of a percent.
    #[schema(schema_with = value, required = false)]
    value: Option<i64>,
    /// The organizer pays it: it is no line of a booking.
    #[schema(required = false)]
    absorbed: bool,
}

pub(in crate::api) struct NewFee(RuleColumns);

impl Input for NewFee {
    fn read(fields: &mut Fields) -> Option<NewFee> {
        fields.require(&["name", "kind", "value"]);
        Some(NewFee(columns(fields, true)))
    }
}

pub(in crate::api) struct FeeChange(RuleColumns);

impl Input for FeeChange {
    const IS_CHANGE: bool = true;

    fn read(fields: &mut Fields) -> Option<FeeChange> {
        Some(FeeChange(columns(fields, false)))
    }
}

/// The fees of an event, oldest first
///
/// Without `limit` at most 100. Needs the right `manage`.
#[utoipa::path(get, path = "/events/{event_id}/fees", tag = "prices", params(("event_id" = EventId, Path), LongPage),
    responses(
        (status = 200, body = Envelope<Vec<FeeRule>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<FeeRule>>> {
    let of = (&state, &caller, event_id);
    page_of::<FeeRule>(of, "FEES", (page, &asked)).await
}

/// Make a fee
///
/// For bookings that are made later.
#[utoipa::path(post, path = "/events/{event_id}/fees", tag = "prices",
    params(("event_id" = EventId, Path), IdempotencyHeader),
    request_body = FeeBody,
    responses(
        (status = 201, body = Envelope<FeeRule>,
            headers(("X-Event-Revision" = i64), ("Idempotent-Replay" = bool))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`TOO_MANY_RULES {max}`, `IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<NewFee>,
) -> ApiResult<Reply<FeeRule>> {
    let of = (&state, &caller, event_id);
    let given = (&body.input.0, body.hash());
    made(of, "FEE_CREATED", &headers, given).await
}

/// Change a fee
///
/// For bookings that are made later.
#[utoipa::path(patch, path = "/events/{event_id}/fees/{fee_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("fee_id" = FeeId, Path)), request_body = FeePatchBody,
    responses(
        (status = 200, body = Envelope<FeeRule>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `FEE_NOT_FOUND`"),
    ))]
pub(in crate::api) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, FeeId)>,
    body: Body<FeeChange>,
) -> ApiResult<Reply<FeeRule>> {
    let of = (&state, &caller, event_id);
    changed(of, id.0, "FEE_UPDATED", &body.input.0).await
}

/// Delete a fee
#[utoipa::path(delete, path = "/events/{event_id}/fees/{fee_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("fee_id" = FeeId, Path)),
    responses(
        (status = 200, body = Envelope<Deleted>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `FEE_NOT_FOUND`"),
    ))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, FeeId)>,
    _: NoBody,
) -> ApiResult<Reply<Deleted>> {
    let of = (&state, &caller, event_id);
    removed::<FeeRule>(of, id.0, "FEE_DELETED").await
}
