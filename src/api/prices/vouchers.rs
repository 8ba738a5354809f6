//! Vouchers of an event: codes that make its bookings cheaper, or show what is hidden.

use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::{changed, made, page_of, read, removed, value};
use crate::api::ApiState;
use crate::api::envelope::{Deleted, Envelope, Failure, Reply};
use crate::api::error::ApiResult;
use crate::api::extract::{At, Body, NoBody, Query};
use crate::api::fields::{Fields, Input};
use crate::api::idempotency::IdempotencyHeader;
use crate::api::page::{LongPage, RequestedUri};
use crate::api::people::voucher_code;
use crate::auth::Caller;
use crate::config::rest::{
    NAME_CHARS_MAX, VOUCHER_CODE_CHARS_MAX, VOUCHER_TYPES_MAX, VOUCHER_USES_MAX,
};
use crate::schema;
use crate::store::price_rules::RuleColumns;
use crate::ticketing::rules::{VoucherKind, VoucherRule};
use crate::ticketing::{EventId, TicketTypeId, VoucherId};

fn uses() -> Object {
    schema::integer(0, VOUCHER_USES_MAX).build()
}

fn code() -> Object {
    schema::filled_up_to(VOUCHER_CODE_CHARS_MAX)
        .pattern(Some("^[A-Za-z0-9_-]+$"))
        .build()
}

fn time(fields: &mut Fields, name: &str) -> Option<Value> {
    fields.time(name).map(|time| json!(time))
}

fn columns(fields: &mut Fields, is_new: bool) -> RuleColumns {
    let many = |fields: &mut Fields, name: &str, least| {
        let number = fields.integer(name, least..=VOUCHER_USES_MAX);
        number.map(Value::from)
    };
    read(fields, |reading| {
        reading.put("code", |fields, name| {
            let typed = fields.filled_text(name, NAME_CHARS_MAX)?;
            let code = voucher_code(&typed);
            if code.is_none() {
                fields.refuse(name, "NOT_A_VOUCHER_CODE", "");
            }
            code.map(Value::from)
        });
        reading.kind_and_value(&[
            ("percent", "percent"),
            ("amount", "amount"),
            ("fixed_price", "fixed_price"),
        ]);
        reading.put_or_null("uses_max", |fields, name| many(fields, name, 0));
        reading.put_or_null("valid_from", time);
        reading.put_or_null("valid_to", time);
        reading.put_or_null("ticket_type_ids", |fields, name| {
            let ids: Vec<TicketTypeId> = fields.ids(name, VOUCHER_TYPES_MAX)?;
            Some(json!(ids))
        });
        reading.put_or_null("max_per_booking", |fields, name| many(fields, name, 1));
        reading.switch("reveals_hidden", false, is_new);
        if is_new {
            reading.columns.insert("reserved".to_owned(), 0.into());
        }
        reading.put("reserved", |fields, name| many(fields, name, 0));
    })
}

/// A new voucher.
#[derive(ToSchema)]
#[schema(as = VoucherInput, example = json!({"code": "EARLY", "kind": "percent", "value": 1000, "uses_max": 100}))]
#[expect(dead_code, reason = "documents the body that `NewVoucher` reads")]
pub(in crate::api) struct VoucherBody {
    /// Letters a-z in any case, digits, `-` and `_`.
    #[schema(schema_with = code)]
    code: String,
    kind: VoucherKind,
    /// Minor units; of percentages hundredths of a percent.
    #[schema(schema_with = value)]
    value: i64,
    /// Bookings that may use it at a time; `null` or left out: any number.
    #[schema(schema_with = uses, required = false)]
    uses_max: Option<i64>,
    /// RFC 3339.
    #[schema(schema_with = schema::time, required = false)]
    valid_from: Option<Timestamp>,
    /// RFC 3339.
    #[schema(schema_with = schema::time, required = false)]
    valid_to: Option<Timestamp>,
    /// Without it: all.
    #[schema(value_type = Option<Vec<TicketTypeId>>, max_items = 100)]
    ticket_type_ids: Option<Vec<TicketTypeId>>,
    /// Most tickets of a booking that become cheaper, the dearest first.
    #[schema(schema_with = schema::quantity, required = false)]
    max_per_booking: Option<i64>,
    /// Its bearer may book hidden ticket types.
    #[schema(required = false, default = false)]
    reveals_hidden: bool,
    /// Tickets that are set aside for its bearers until its window ends: `ticket_type_ids` names one type, without seats.
    #[schema(schema_with = uses, required = false)]
    reserved: i64,
}

/// Changes of a voucher; fields that are left out stay.
#[derive(ToSchema)]
#[schema(as = VoucherPatch, example = json!({"uses_max": 50, "valid_to": null}))]
#[expect(dead_code, reason = "documents the body that `VoucherChange` reads")]
pub(in crate::api) struct VoucherPatchBody {
    /// Letters a-z in any case, digits, `-` and `_`.
    #[schema(schema_with = code, required = false)]
    code: Option<String>,
    #[schema(required = false)]
    kind: VoucherKind,
    /// Minor units; of percentages hundredths of a percent.
    #[schema(schema_with = value, required = false)]
    value: Option<i64>,
    /// Bookings that may use it at a time; `null` or left out: any number.
    #[schema(schema_with = uses, required = false)]
    uses_max: Option<i64>,
    /// RFC 3339.
    #[schema(schema_with = schema::time, required = false)]
    valid_from: Option<Timestamp>,
    /// RFC 3339.
    #[schema(schema_with = schema::time, required = false)]
    valid_to: Option<Timestamp>,
    /// Without it: all.
    #[schema(value_type = Option<Vec<TicketTypeId>>, max_items = 100)]
    ticket_type_ids: Option<Vec<TicketTypeId>>,
    /// Most tickets of a booking that become cheaper, the dearest first.
    #[schema(schema_with = schema::quantity, required = false)]
    max_per_booking: Option<i64>,
    /// Its bearer may book hidden ticket types.
    #[schema(required = false)]
    reveals_hidden: bool,
    /// Tickets that are set aside for its bearers until its window ends: `ticket_type_ids` names one type, without seats.
    #[schema(schema_with = uses, required = false)]
    reserved: i64,
}

pub(in crate::api) struct NewVoucher(RuleColumns);

impl Input for NewVoucher {
    fn read(fields: &mut Fields) -> Option<NewVoucher> {
        fields.require(&["code", "kind", "value"]);
        Some(NewVoucher(columns(fields, true)))
    }
}

pub(in crate::api) struct VoucherChange(RuleColumns);

impl Input for VoucherChange {
    const IS_CHANGE: bool = true;

    fn read(fields: &mut Fields) -> Option<VoucherChange> {
        Some(VoucherChange(columns(fields, false)))
    }
}

/// The vouchers of an event, oldest first
///
/// Without `limit` at most 100. Needs the right `manage`.
#[utoipa::path(get, path = "/events/{event_id}/vouchers", tag = "prices", params(("event_id" = EventId, Path), LongPage),
    responses(
        (status = 200, body = Envelope<Vec<VoucherRule>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<VoucherRule>>> {
    let of = (&state, &caller, event_id);
    page_of::<VoucherRule>(of, "VOUCHERS", (page, &asked)).await
}

/// Make a voucher
///
/// For bookings that are made later.
#[utoipa::path(post, path = "/events/{event_id}/vouchers", tag = "prices",
    params(("event_id" = EventId, Path), IdempotencyHeader),
    request_body = VoucherBody,
    responses(
        (status = 201, body = Envelope<VoucherRule>,
            headers(("X-Event-Revision" = i64), ("Idempotent-Replay" = bool))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`VOUCHER_CODE_TAKEN`, `NOT_ENOUGH_TO_RESERVE {most}`, `TOO_MANY_RULES {max}`, `IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<NewVoucher>,
) -> ApiResult<Reply<VoucherRule>> {
    let of = (&state, &caller, event_id);
    let given = (&body.input.0, body.hash());
    made(of, "VOUCHER_CREATED", &headers, given).await
}

/// Change a voucher
///
/// For bookings that are made later.
#[utoipa::path(patch, path = "/events/{event_id}/vouchers/{voucher_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("voucher_id" = VoucherId, Path)), request_body = VoucherPatchBody,
    responses(
        (status = 200, body = Envelope<VoucherRule>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `VOUCHER_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`"),
        (status = 409, body = Failure,
            description = "`VOUCHER_CODE_TAKEN`, `VOUCHER_USES_BELOW_USED`, `NOT_ENOUGH_TO_RESERVE {most}`, `RESERVE_IN_USE {taken}`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`"),
    ))]
pub(in crate::api) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, VoucherId)>,
    body: Body<VoucherChange>,
) -> ApiResult<Reply<VoucherRule>> {
    let of = (&state, &caller, event_id);
    changed(of, id.0, "VOUCHER_UPDATED", &body.input.0).await
}

/// Delete a voucher
#[utoipa::path(delete, path = "/events/{event_id}/vouchers/{voucher_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("voucher_id" = VoucherId, Path)),
    responses(
        (status = 200, body = Envelope<Deleted>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `VOUCHER_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`VOUCHER_IN_USE`: bookings have used it; let it end instead"),
    ))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, VoucherId)>,
    _: NoBody,
) -> ApiResult<Reply<Deleted>> {
    let of = (&state, &caller, event_id);
    removed::<VoucherRule>(of, id.0, "VOUCHER_DELETED").await
}
