//! The price classes of an event.

use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::ApiState;
use super::envelope::{Deleted, Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::events::{self, TicketTypeDetail};
use super::extract::{At, Body, NoBody, Query};
use super::fields::{Fields, Input};
use super::idempotency::{self, IdempotencyHeader};
use super::money::{self, Amount};
use super::page::{self, LongPage, RequestedUri};
use crate::auth::Caller;
use crate::config::rest::{CAPACITY_MAX, NAME_CHARS_MAX};
use crate::schema;
use crate::store::events::EventInFull;
use crate::store::ticket_types::{NewTicketType, TicketTypeChange};
use crate::ticketing::currency::STEPS_MAX;
use crate::ticketing::{EventId, TicketTypeId};

/// A new ticket type.
#[derive(Clone, ToSchema)]
#[schema(example = json!({"name": "Balcony", "price": 2900, "capacity": 80, "max_per_booking": 4}))]
pub(super) struct TicketTypeBody {
    #[schema(schema_with = schema::name)]
    name: String,
    /// A bare number is an amount in minor units of the event's currency.
    #[schema(value_type = Amount)]
    price: Amount,
    /// The number of tickets; the event's capacity limits them as well.
    #[schema(schema_with = schema::type_capacity)]
    capacity: i64,
    #[schema(schema_with = sort, required = false)]
    sort: Option<i64>,
    /// RFC 3339; without it, sales begin at once.
    #[schema(schema_with = schema::time, required = false)]
    sale_from: Option<Timestamp>,
    /// RFC 3339; without it, sales end when the event begins. May be later than that.
    #[schema(schema_with = schema::time, required = false)]
    sale_to: Option<Timestamp>,
    #[schema(schema_with = schema::quantity, required = false)]
    min_per_booking: i64,
    /// The event's own limit applies as well.
    #[schema(schema_with = schema::quantity, required = false)]
    max_per_booking: Option<i64>,
    /// Over all bookings of one user; of buyers without an account, of one address.
    #[schema(schema_with = schema::quantity, required = false)]
    max_per_user: Option<i64>,
    /// Not shown in public, and booked only with a voucher that reveals it.
    #[schema(required = false, default = false)]
    hidden: bool,
    #[schema(required = false, default = false)]
    members_only: bool,
    /// Sold only to callers with an account: for what is free or scarce.
    #[schema(required = false, default = false)]
    account_required: bool,
    /// Sold only to callers with an account, or with a code that was mailed to them (`POST /email-codes`).
    #[schema(required = false, default = false)]
    email_required: bool,
}

/// Changes of a ticket type; fields that are left out stay, `null` removes a limit.
#[derive(ToSchema)]
#[schema(example = json!({"name": "Balcony, left", "max_per_booking": null}))]
pub(super) struct TicketTypePatch {
    #[schema(schema_with = schema::name)]
    name: Option<String>,
    #[schema(value_type = Amount, required = false)]
    price: Option<Amount>,
    /// Not below what is sold and held.
    #[schema(schema_with = schema::type_capacity)]
    capacity: Option<i64>,
    #[schema(schema_with = sort)]
    sort: Option<i64>,
    #[schema(schema_with = schema::time, required = false)]
    sale_from: Option<Option<Timestamp>>,
    #[schema(schema_with = schema::time, required = false)]
    sale_to: Option<Option<Timestamp>>,
    #[schema(schema_with = schema::quantity, required = false)]
    min_per_booking: Option<i64>,
    #[schema(schema_with = schema::quantity, required = false)]
    max_per_booking: Option<Option<i64>>,
    #[schema(schema_with = schema::quantity, required = false)]
    max_per_user: Option<Option<i64>>,
    #[schema(value_type = bool, required = false)]
    hidden: Option<bool>,
    #[schema(value_type = bool, required = false)]
    members_only: Option<bool>,
    #[schema(value_type = bool, required = false)]
    account_required: Option<bool>,
    #[schema(value_type = bool, required = false)]
    email_required: Option<bool>,
}

/// Largest `sort`.
const SORT_MAX: i64 = 1_000_000;

fn sort() -> Object {
    schema::integer(-SORT_MAX, SORT_MAX).build()
}

impl Input for TicketTypePatch {
    const IS_CHANGE: bool = true;

    fn read(fields: &mut Fields) -> Option<TicketTypePatch> {
        fn bound<T>(
            fields: &mut Fields,
            name: &str,
            read: impl FnOnce(&mut Fields, &str) -> Option<T>,
        ) -> Option<Option<T>> {
            match fields.is_null(name) {
                true => Some(None),
                false => read(fields, name).map(Some),
            }
        }
        let many = |fields: &mut Fields, name: &str| fields.integer(name, 1..=CAPACITY_MAX);
        Some(TicketTypePatch {
            name: fields.filled_text("name", NAME_CHARS_MAX),
            price: money::amount(fields, "price"),
            capacity: fields.integer("capacity", 0..=CAPACITY_MAX),
            sort: fields.integer("sort", -SORT_MAX..=SORT_MAX),
            sale_from: bound(fields, "sale_from", Fields::time),
            sale_to: bound(fields, "sale_to", Fields::time),
            min_per_booking: many(fields, "min_per_booking"),
            max_per_booking: bound(fields, "max_per_booking", many),
            max_per_user: bound(fields, "max_per_user", many),
            hidden: fields.boolean("hidden"),
            members_only: fields.boolean("members_only"),
            account_required: fields.boolean("account_required"),
            email_required: fields.boolean("email_required"),
        })
    }
}

impl Input for TicketTypeBody {
    fn read(fields: &mut Fields) -> Option<TicketTypeBody> {
        fields.require(&["name", "price", "capacity"]);
        let read = TicketTypePatch::read(fields)?;
        let (sale_from, sale_to) = (read.sale_from.flatten(), read.sale_to.flatten());
        if sale_from.zip(sale_to).is_some_and(|(from, to)| to <= from) {
            fields.refuse("sale_to", "NOT_AFTER_SALE_FROM", "");
        }
        let min_per_booking = read.min_per_booking.unwrap_or(1);
        let max_per_booking = read.max_per_booking.flatten();
        if max_per_booking.is_some_and(|max| max < min_per_booking) {
            fields.refuse("max_per_booking", "BELOW_MIN_PER_BOOKING", "");
        }
        Some(TicketTypeBody {
            name: read.name?,
            price: read.price?,
            capacity: read.capacity?,
            sort: read.sort,
            sale_from,
            sale_to,
            min_per_booking,
            max_per_booking,
            max_per_user: read.max_per_user.flatten(),
            hidden: read.hidden.unwrap_or(false),
            members_only: read.members_only.unwrap_or(false),
            account_required: read.account_required.unwrap_or(false),
            email_required: read.email_required.unwrap_or(false),
        })
    }
}

impl TicketTypeBody {
    pub(super) fn price(&self) -> &Amount {
        &self.price
    }

    /// The type to store; `place`, its position in the request, is its order unless it names one.
    pub(super) fn into_type(self, place: i64) -> NewTicketType {
        NewTicketType {
            name: self.name,
            price: self.price.amount,
            capacity: self.capacity,
            sort: self.sort.unwrap_or(place),
            sale_from: self.sale_from,
            sale_to: self.sale_to,
            min_per_booking: self.min_per_booking,
            max_per_booking: self.max_per_booking,
            max_per_user: self.max_per_user,
            hidden: self.hidden,
            members_only: self.members_only,
            account_required: self.account_required,
            email_required: self.email_required,
        }
    }
}

impl TicketTypePatch {
    fn into_change(self) -> TicketTypeChange {
        TicketTypeChange {
            name: self.name,
            price: self.price.map(|price| price.amount),
            capacity: self.capacity,
            sort: self.sort,
            sale_from: self.sale_from,
            sale_to: self.sale_to,
            min_per_booking: self.min_per_booking,
            max_per_booking: self.max_per_booking,
            max_per_user: self.max_per_user,
            hidden: self.hidden,
            members_only: self.members_only,
            account_required: self.account_required,
            email_required: self.email_required,
        }
    }
}

/// The ticket types of an event
///
/// Hidden ones are shown to the event's people, and to whoever names a `voucher` that reveals them. What it sets aside for its
/// bearers is `reserved`, and `available` to them. Without `limit` at most 100.
#[utoipa::path(get, path = "/events/{event_id}/ticket-types", tag = "events",
    params(("event_id" = EventId, Path), events::KnownVoucher, LongPage),
    responses(
        (status = 200, body = Envelope<Vec<TicketTypeDetail>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    known: events::KnownCode,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<TicketTypeDetail>>> {
    let event = events::revealed(&state, &caller, event_id, known).await?;
    let types = TicketTypeDetail::all(&event, events::context(&state));
    page::of_whole(
        "TICKET_TYPES",
        "ticket_types",
        types,
        (&page, &asked),
        |one| one.id(),
    )
}

/// Make a ticket type
#[utoipa::path(post, path = "/events/{event_id}/ticket-types", tag = "events",
    params(("event_id" = EventId, Path), IdempotencyHeader),
    request_body = TicketTypeBody,
    responses(
        (status = 201, body = Envelope<TicketTypeDetail>,
            headers(("X-Event-Revision" = i64), ("Idempotent-Replay" = bool))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`TOO_MANY_RULES {max}`, `IDEMPOTENCY_IN_FLIGHT`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`"),
    ))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<TicketTypeBody>,
) -> ApiResult<Reply<Value>> {
    let route = format!("POST /events/{event_id}/ticket-types");
    let keyed = state
        .in_flight
        .begin(&headers, &caller, &route, body.hash())?;
    let key = keyed.stored();
    fits_currency(&state, &caller, event_id, Some(&body.input.price)).await?;
    let ticket_type = body.input.into_type(0);
    let context = events::context(&state);
    let render = |event: EventInFull, id| {
        let types = TicketTypeDetail::all(&event, context);
        json!(types.into_iter().find(|view| view.id() == id))
    };
    let once = state
        .store
        .create_ticket_type(event_id, &caller, &ticket_type, key, render)
        .await?;
    let (made, replayed) = idempotency::made(once)?;
    state.board.committed(event_id, made.revision);
    let reply = Reply::created("TICKET_TYPE_CREATED", made.value).revision(made.revision);
    Ok(idempotency::replayed(reply, replayed))
}

/// Change a ticket type
#[utoipa::path(patch, path = "/events/{event_id}/ticket-types/{ticket_type_id}", tag = "events",
    params(("event_id" = EventId, Path), ("ticket_type_id" = TicketTypeId, Path)), request_body = TicketTypePatch,
    responses(
        (status = 200, body = Envelope<TicketTypeDetail>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`CAPACITY_BELOW_COMMITTED` with `minimum`, `CAPACITY_IS_SEATS {seats}`"),
    ))]
pub(super) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, ticket_type_id)): At<(EventId, TicketTypeId)>,
    body: Body<TicketTypePatch>,
) -> ApiResult<Reply<TicketTypeDetail>> {
    fits_currency(&state, &caller, event_id, body.input.price.as_ref()).await?;
    let change = body.input.into_change();
    let changed = state
        .store
        .change_ticket_type(event_id, ticket_type_id, &caller, &change)
        .await?;
    state.board.committed(event_id, changed.revision);
    let view = shown(&state, &caller, event_id, ticket_type_id).await?;
    Ok(Reply::ok("TICKET_TYPE_UPDATED", view).revision(changed.revision))
}

/// Delete a ticket type that nobody ever booked
#[utoipa::path(delete, path = "/events/{event_id}/ticket-types/{ticket_type_id}", tag = "events",
    params(("event_id" = EventId, Path), ("ticket_type_id" = TicketTypeId, Path)),
    responses(
        (status = 200, body = Envelope<Deleted>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`TICKET_TYPE_IN_USE`"),
    ))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, ticket_type_id)): At<(EventId, TicketTypeId)>,
    _: NoBody,
) -> ApiResult<Reply<Deleted>> {
    let removed = state
        .store
        .delete_ticket_type(event_id, ticket_type_id, &caller)
        .await?;
    state.board.committed(event_id, removed.revision);
    Ok(Reply::ok(
        "TICKET_TYPE_DELETED",
        Deleted {
            id: ticket_type_id.0,
        },
    )
    .revision(removed.revision))
}

/// Refuses a price in another currency than the event's, or one that this does not have.
async fn fits_currency(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
    price: Option<&Amount>,
) -> ApiResult<()> {
    let is_odd = |price: &&Amount| price.currency.is_some() || price.amount % STEPS_MAX != 0;
    let Some(price) = price.filter(is_odd) else {
        return Ok(());
    };
    let event = events::visible(state, caller, event_id).await?;
    let currency = &event.row.event.currency;
    if price.is_other(currency) {
        return Err(ApiError::invalid_field("price", "OTHER_CURRENCY"));
    }
    match money::off_step("price", price.amount, currency) {
        Some(error) => Err(ApiError::invalid(vec![error])),
        None => Ok(()),
    }
}

async fn shown(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
    ticket_type_id: TicketTypeId,
) -> ApiResult<TicketTypeDetail> {
    let event = events::visible(state, caller, event_id).await?;
    let types = TicketTypeDetail::all(&event, events::context(state));
    let found = types.into_iter().find(|view| view.id() == ticket_type_id);
    found.ok_or_else(|| ApiError::not_found("TICKET_TYPE_NOT_FOUND"))
}
