//! Taxes, fees and vouchers of an event: what its bookings cost besides the tickets' prices.

use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::ApiState;
use super::envelope::{Deleted, Envelope, Failure, Reply};
use super::error::ApiResult;
use super::extract::{At, Body, Query};
use super::fields::{Fields, Input};
use super::idempotency::{self, IdempotencyHeader};
use super::numbers::event_with;
use super::page::{self, Cursor, LongPage, Page, RequestedUri};
use super::people::voucher_code;
use crate::auth::{Caller, Right};
use crate::config::rest::{NAME_CHARS_MAX, PRICE_AMOUNT_MAX, VOUCHER_TYPES_MAX, VOUCHER_USES_MAX};
use crate::schema;
use crate::store::price_rules::{Columns, PriceRule};
use crate::ticketing::price::WHOLE_BP;
use crate::ticketing::rules::{FeeKind, FeeRule, TaxRule, VoucherKind, VoucherRule};
use crate::ticketing::{EventId, FeeId, TaxId, TicketTypeId, VoucherId};

/// Minor units, or of percentages hundredths of a percent.
fn value() -> Object {
    schema::integer(0, PRICE_AMOUNT_MAX).build()
}

fn rate() -> Object {
    schema::integer(0, WHOLE_BP).build()
}

fn uses() -> Object {
    schema::integer(0, VOUCHER_USES_MAX).build()
}

fn code() -> Object {
    schema::filled_up_to(crate::config::rest::VOUCHER_CODE_CHARS_MAX)
        .pattern(Some("^[A-Za-z0-9_-]+$"))
        .build()
}

/// Reads columns into `columns`; `null` empties one that may be empty.
struct Reading<'a> {
    fields: &'a mut Fields,
    columns: Columns,
}

impl Reading<'_> {
    fn put(&mut self, name: &str, read: impl FnOnce(&mut Fields, &str) -> Option<Value>) {
        if let Some(value) = read(self.fields, name) {
            self.columns.insert(name.to_owned(), value);
        }
    }

    fn put_or_null(&mut self, name: &str, read: impl FnOnce(&mut Fields, &str) -> Option<Value>) {
        match self.fields.is_null(name) {
            true => drop(self.columns.insert(name.to_owned(), Value::Null)),
            false => self.put(name, read),
        }
    }

    /// A switch that has a column of its own, and `usual` in what is new.
    fn switch(&mut self, name: &str, usual: bool, is_new: bool) {
        if is_new {
            self.columns.insert(name.to_owned(), usual.into());
        }
        self.put(name, |fields, name| fields.boolean(name).map(Value::from));
    }

    /// A kind, and the value that fits it.
    fn kind_and_value(&mut self, kinds: &[(&str, &'static str)]) {
        self.put("kind", |fields, name| {
            fields.choice(name, kinds).map(Value::from)
        });
        let max = match self.columns.get("kind").and_then(Value::as_str) {
            Some("percent") => WHOLE_BP,
            _ => PRICE_AMOUNT_MAX,
        };
        self.put("value", |fields, name| {
            fields.integer(name, 0..=max).map(Value::from)
        });
    }
}

fn read(fields: &mut Fields, into: impl FnOnce(&mut Reading<'_>)) -> Columns {
    let mut reading = Reading {
        fields,
        columns: Columns::new(),
    };
    into(&mut reading);
    reading.columns
}

fn name(fields: &mut Fields, name: &str) -> Option<Value> {
    fields.filled_text(name, NAME_CHARS_MAX).map(Value::from)
}

fn time(fields: &mut Fields, name: &str) -> Option<Value> {
    fields.time(name).map(|time| json!(time))
}

fn voucher(fields: &mut Fields, is_new: bool) -> Columns {
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
    })
}

fn tax(fields: &mut Fields, is_new: bool) -> Columns {
    read(fields, |reading| {
        reading.put("name", name);
        reading.put("rate", |fields, name| {
            fields.integer(name, 0..=WHOLE_BP).map(Value::from)
        });
        reading.switch("included", true, is_new);
        reading.put_or_null("ticket_type_id", |fields, name| {
            fields.id::<TicketTypeId>(name).map(|id| json!(id))
        });
    })
}

fn fee(fields: &mut Fields, is_new: bool) -> Columns {
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

async fn page_of<R: PriceRule>(
    (state, caller, event_id): (&ApiState, &Caller, EventId),
    (page, asked): (Page, &RequestedUri),
    (said, list): (&'static str, &'static str),
    id: impl Fn(&R) -> i64,
) -> ApiResult<Reply<Vec<R>>> {
    event_with(state, caller, Right::Manage, event_id).await?;
    let after = page.after(list, |_| Some(()), |id| id.parse().ok())?;
    let after: Option<i64> = after.map(|(_, id)| id);
    let found = state
        .store
        .price_rules::<R>(event_id, after, page.rows_wanted(), page.offset);
    let (mut rules, total) = found.await?;
    let next = page.cut(&mut rules, |rule| Cursor::new(list, "", id(rule)));
    Ok(page::reply(said, rules, total, (&page, next), asked))
}

async fn made<R: PriceRule>(
    (state, caller, event_id): (&ApiState, &Caller, EventId),
    (said, list): (&'static str, &'static str),
    headers: &HeaderMap,
    (columns, hash): (&Columns, [u8; 32]),
) -> ApiResult<Reply<R>> {
    let route = format!("POST /events/{event_id}/{list}");
    let key = idempotency::given_key(headers, caller, &route, hash)?;
    let working = key.as_ref().map(|key| state.in_flight.enter(key));
    let _working = working.transpose()?;
    let key = key.as_ref().map(|key| &key.stored);
    let once = state
        .store
        .create_price_rule::<R>(event_id, caller, columns, key)
        .await?;
    let (made, replayed) = idempotency::made(once)?;
    let reply = Reply::created(said, made.value).revision(made.revision);
    Ok(idempotency::replayed(reply, replayed))
}

/// A new voucher.
#[derive(ToSchema)]
#[schema(as = VoucherInput, example = json!({"code": "EARLY", "kind": "percent", "value": 1000, "uses_max": 100}))]
#[expect(dead_code, reason = "documents the body that `NewVoucher` reads")]
pub(super) struct VoucherBody {
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
}

/// Changes of a voucher; fields that are left out stay.
#[derive(ToSchema)]
#[schema(as = VoucherPatch, example = json!({"uses_max": 50, "valid_to": null}))]
#[expect(dead_code, reason = "documents the body that `VoucherChange` reads")]
pub(super) struct VoucherPatchBody {
    /// Letters a-z in any case, digits, `-` and `_`.
    #[schema(schema_with = code, required = false)]
    code: Option<String>,
    #[schema(value_type = Option<VoucherKind>)]
    kind: Option<VoucherKind>,
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
}

pub(super) struct NewVoucher(Columns);

impl Input for NewVoucher {
    fn read(fields: &mut Fields) -> Option<NewVoucher> {
        fields.require(&["code", "kind", "value"]);
        Some(NewVoucher(voucher(fields, true)))
    }
}

pub(super) struct VoucherChange(Columns);

impl Input for VoucherChange {
    fn read(fields: &mut Fields) -> Option<VoucherChange> {
        Some(VoucherChange(voucher(fields, false)))
    }
}

/// The vouchers of an event, oldest first
///
/// Without `limit` at most 100. Needs the right `manage`.
#[utoipa::path(get, path = "/events/{event_id}/vouchers", tag = "prices", params(("event_id" = EventId, Path), Page),
    responses(
        (status = 200, body = Envelope<Vec<VoucherRule>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(super) async fn vouchers(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<VoucherRule>>> {
    let of = (&state, &caller, event_id);
    page_of(
        of,
        (page, &asked),
        ("VOUCHERS", "vouchers"),
        |rule: &VoucherRule| rule.id.0,
    )
    .await
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
        (status = 409, body = Failure, description = "`VOUCHER_CODE_TAKEN`, `TOO_MANY_RULES {max}`, `IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(super) async fn create_voucher(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<NewVoucher>,
) -> ApiResult<Reply<VoucherRule>> {
    let of = (&state, &caller, event_id);
    let given = (&body.input.0, body.hash());
    made(of, ("VOUCHER_CREATED", "vouchers"), &headers, given).await
}

/// Change a voucher
///
/// For bookings that are made later.
#[utoipa::path(patch, path = "/events/{event_id}/vouchers/{voucher_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("voucher_id" = VoucherId, Path)), request_body = VoucherPatchBody,
    responses(
        (status = 200, body = Envelope<VoucherRule>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `VOUCHER_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`VOUCHER_CODE_TAKEN`, `VOUCHER_USES_BELOW_USED`"),
    ))]
pub(super) async fn change_voucher(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, VoucherId)>,
    body: Body<VoucherChange>,
) -> ApiResult<Reply<VoucherRule>> {
    let columns = &body.input.0;
    let changed = state
        .store
        .change_price_rule(event_id, id.0, &caller, columns)
        .await?;
    Ok(Reply::ok("VOUCHER_UPDATED", changed.value).revision(changed.revision))
}

/// Delete a voucher
#[utoipa::path(delete, path = "/events/{event_id}/vouchers/{voucher_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("voucher_id" = VoucherId, Path)),
    responses(
        (status = 200, body = Envelope<Deleted>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `VOUCHER_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`VOUCHER_IN_USE`: bookings have used it; let it end instead"),
    ))]
pub(super) async fn remove_voucher(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, VoucherId)>,
) -> ApiResult<Reply<Deleted>> {
    let removed = state
        .store
        .delete_price_rule::<VoucherRule>(event_id, id.0, &caller)
        .await?;
    Ok(Reply::ok("VOUCHER_DELETED", Deleted { id: id.0 }).revision(removed.revision))
}

/// A new tax.
#[derive(ToSchema)]
#[schema(as = TaxInput, example = json!({"name": "VAT", "rate": 1900, "included": true}))]
#[expect(dead_code, reason = "documents the body that `NewTax` reads")]
pub(super) struct TaxBody {
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
pub(super) struct TaxPatchBody {
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

pub(super) struct NewTax(Columns);

impl Input for NewTax {
    fn read(fields: &mut Fields) -> Option<NewTax> {
        fields.require(&["name", "rate"]);
        Some(NewTax(tax(fields, true)))
    }
}

pub(super) struct TaxChange(Columns);

impl Input for TaxChange {
    fn read(fields: &mut Fields) -> Option<TaxChange> {
        Some(TaxChange(tax(fields, false)))
    }
}

/// The taxes of an event, oldest first
///
/// Without `limit` at most 100. Needs the right `manage`.
#[utoipa::path(get, path = "/events/{event_id}/taxes", tag = "prices", params(("event_id" = EventId, Path), Page),
    responses(
        (status = 200, body = Envelope<Vec<TaxRule>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(super) async fn taxes(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<TaxRule>>> {
    let of = (&state, &caller, event_id);
    page_of(of, (page, &asked), ("TAXES", "taxes"), |rule: &TaxRule| {
        rule.id.0
    })
    .await
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
pub(super) async fn create_tax(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<NewTax>,
) -> ApiResult<Reply<TaxRule>> {
    let of = (&state, &caller, event_id);
    let given = (&body.input.0, body.hash());
    made(of, ("TAX_CREATED", "taxes"), &headers, given).await
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
pub(super) async fn change_tax(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, TaxId)>,
    body: Body<TaxChange>,
) -> ApiResult<Reply<TaxRule>> {
    let columns = &body.input.0;
    let changed = state
        .store
        .change_price_rule(event_id, id.0, &caller, columns)
        .await?;
    Ok(Reply::ok("TAX_UPDATED", changed.value).revision(changed.revision))
}

/// Delete a tax
#[utoipa::path(delete, path = "/events/{event_id}/taxes/{tax_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("tax_id" = TaxId, Path)),
    responses(
        (status = 200, body = Envelope<Deleted>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `TAX_NOT_FOUND`"),
    ))]
pub(super) async fn remove_tax(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, TaxId)>,
) -> ApiResult<Reply<Deleted>> {
    let removed = state
        .store
        .delete_price_rule::<TaxRule>(event_id, id.0, &caller)
        .await?;
    Ok(Reply::ok("TAX_DELETED", Deleted { id: id.0 }).revision(removed.revision))
}

/// A new fee.
#[derive(ToSchema)]
#[schema(as = FeeInput, example = json!({"name": "Service fee", "kind": "per_ticket", "value": 150}))]
#[expect(dead_code, reason = "documents the body that `NewFee` reads")]
pub(super) struct FeeBody {
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
pub(super) struct FeePatchBody {
    #[schema(schema_with = schema::name, required = false)]
    name: Option<String>,
    #[schema(value_type = Option<FeeKind>)]
    kind: Option<FeeKind>,
    /// Minor units; of percentages hundredths of a percent.
    #[schema(schema_with = value, required = false)]
    value: Option<i64>,
    /// The organizer pays it: it is no line of a booking.
    #[schema(required = false)]
    absorbed: bool,
}

pub(super) struct NewFee(Columns);

impl Input for NewFee {
    fn read(fields: &mut Fields) -> Option<NewFee> {
        fields.require(&["name", "kind", "value"]);
        Some(NewFee(fee(fields, true)))
    }
}

pub(super) struct FeeChange(Columns);

impl Input for FeeChange {
    fn read(fields: &mut Fields) -> Option<FeeChange> {
        Some(FeeChange(fee(fields, false)))
    }
}

/// The fees of an event, oldest first
///
/// Without `limit` at most 100. Needs the right `manage`.
#[utoipa::path(get, path = "/events/{event_id}/fees", tag = "prices", params(("event_id" = EventId, Path), Page),
    responses(
        (status = 200, body = Envelope<Vec<FeeRule>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(super) async fn fees(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<FeeRule>>> {
    let of = (&state, &caller, event_id);
    page_of(of, (page, &asked), ("FEES", "fees"), |rule: &FeeRule| {
        rule.id.0
    })
    .await
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
pub(super) async fn create_fee(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<NewFee>,
) -> ApiResult<Reply<FeeRule>> {
    let of = (&state, &caller, event_id);
    let given = (&body.input.0, body.hash());
    made(of, ("FEE_CREATED", "fees"), &headers, given).await
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
pub(super) async fn change_fee(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, FeeId)>,
    body: Body<FeeChange>,
) -> ApiResult<Reply<FeeRule>> {
    let columns = &body.input.0;
    let changed = state
        .store
        .change_price_rule(event_id, id.0, &caller, columns)
        .await?;
    Ok(Reply::ok("FEE_UPDATED", changed.value).revision(changed.revision))
}

/// Delete a fee
#[utoipa::path(delete, path = "/events/{event_id}/fees/{fee_id}", tag = "prices",
    params(("event_id" = EventId, Path), ("fee_id" = FeeId, Path)),
    responses(
        (status = 200, body = Envelope<Deleted>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `FEE_NOT_FOUND`"),
    ))]
pub(super) async fn remove_fee(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, id)): At<(EventId, FeeId)>,
) -> ApiResult<Reply<Deleted>> {
    let removed = state
        .store
        .delete_price_rule::<FeeRule>(event_id, id.0, &caller)
        .await?;
    Ok(Reply::ok("FEE_DELETED", Deleted { id: id.0 }).revision(removed.revision))
}
