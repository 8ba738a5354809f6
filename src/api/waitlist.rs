//! The waitlist of an event that is sold out: people join, leave, and answer their offers.

use axum::extract::State;
use axum::http::HeaderMap;
use utoipa::ToSchema;

use super::ApiState;
use super::availability;
use super::bookings::BookingData;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Body, NoBody, Query};
use super::fields::{Fields, Input};
use super::idempotency::{IdempotencyHeader, made, replayed};
use super::page::{self, Page, RequestedUri};
use super::refunds::with_revision;
use crate::auth::{Caller, Right};
use crate::config::rest::{BOOKING_ITEMS_MAX, CAPACITY_MAX};
use crate::desk::{Change, DeskError};
use crate::lang::Lang;
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::store::waitlist::{NewWaiting, WaitingRow, WaitingStatus};
use crate::ticketing::availability::SaleState;
use crate::ticketing::live::{EventStatus, TicketType};
use crate::ticketing::record::BookingStatus;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, Releases, Transition};
use crate::ticketing::{EventId, OrganizationId, TicketTypeId, WaitingId, waitlist};

/// A wish for tickets that may come free.
#[derive(ToSchema)]
#[schema(example = json!({"quantity": 2}))]
#[expect(dead_code, reason = "describes the body; `WishInput` reads it")]
pub(super) struct WishBody {
    /// So many together, or none.
    #[schema(schema_with = schema::quantity)]
    quantity: i64,
    /// Any one of these, the first that has enough; without it, any of the event's.
    #[schema(min_items = 1, max_items = 100)]
    ticket_type_ids: Option<Vec<TicketTypeId>>,
}

pub(super) struct WishInput {
    quantity: i64,
    ticket_types: Option<Vec<TicketTypeId>>,
}

impl Input for WishInput {
    fn read(fields: &mut Fields) -> Option<WishInput> {
        fields.require(&["quantity"]);
        let quantity = fields.quantity("quantity", 1..=CAPACITY_MAX);
        let ticket_types: Option<Vec<TicketTypeId>> =
            fields.ids("ticket_type_ids", BOOKING_ITEMS_MAX);
        if ticket_types.as_ref().is_some_and(Vec::is_empty) {
            fields.refuse("ticket_type_ids", "EMPTY", "");
        }
        Some(WishInput {
            quantity: quantity?,
            ticket_types,
        })
    }
}

/// Wait for tickets
///
/// Where an event, or the ticket types named, have not enough left. Tickets that come free are offered in order: they are
/// held as a booking of kind `offer` until its `expires_at`, to be accepted or declined. `place` is the caller's place in
/// the line.
#[utoipa::path(
    post, path = "/events/{event_id}/waitlist", tag = "waitlist", request_body = WishBody,
    params(("event_id" = EventId, Path), IdempotencyHeader),
    responses(
        (status = 201, body = Envelope<WaitingRow>, headers(("Idempotent-Replay" = bool))),
        (status = 403, description = "`MEMBERSHIP_REQUIRED`: what is waited for is sold to members", body = Failure),
        (status = 404, description = "`EVENT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`", body = Failure),
        (status = 409, description = "`NOT_SOLD_OUT`: there is enough left, book it; `ALREADY_WAITING`; `SALES_CLOSED`: the \
            event does not sell; `IDEMPOTENCY_IN_FLIGHT`", body = Failure),
        (status = 410, description = "`EVENT_CANCELLED`", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`, `LIMIT_EXCEEDED {max}`: more than one \
            booking, or one buyer, may have; `BELOW_MINIMUM {min}`: less than one booking has to have", body = Failure),
    )
)]
pub(super) async fn join(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
    body: Body<WishInput>,
) -> ApiResult<Reply<WaitingRow>> {
    let user_id = caller.user_id().ok_or_else(ApiError::unauthenticated)?;
    let route = format!("POST /events/{event_id}/waitlist");
    let keyed = state
        .in_flight
        .begin(&headers, &caller, &route, body.hash())?;
    let key = keyed.stored();
    if let Some(known) = state.store.waited_by(key).await? {
        let (waiting, again) = made(known)?;
        return Ok(replayed(Reply::created("WAITING", waiting), again));
    }
    let WishInput {
        quantity,
        ticket_types,
    } = body.input;
    let stock = availability::visible(&state, &caller, event_id).await?;
    if stock.event().status == EventStatus::Cancelled {
        return Err(Refusal::EventCancelled.into());
    }
    let now = state.desk.now();
    let types = stock.ticket_types();
    let asked = ticket_types.iter().flatten();
    let unknown = asked
        .clone()
        .find(|id| types.iter().all(|one| one.id != **id));
    if let Some(unknown) = unknown {
        return Err(ApiError::not_found("TICKET_TYPE_NOT_FOUND").with("ticket_type_id", unknown.0));
    }
    let wanted = types.iter().filter(|one| {
        let asked = ticket_types.as_ref();
        asked.is_none_or(|asked| asked.contains(&one.id))
    });
    let on_sale = wanted.filter(|one| {
        let sale = SaleState::of(stock.event(), one, now);
        sale == SaleState::OnSale
    });
    let on_sale: Vec<_> = on_sale.collect();
    if on_sale.is_empty() {
        return Err(ApiError::conflict("SALES_CLOSED"));
    }
    let max = stock.event().max_per_booking;
    if quantity > max {
        return Err(Refusal::LimitExceeded {
            max,
            ticket_type_id: None,
        }
        .into());
    }
    // Nobody waits for what can never be offered.
    let may_have = |one: &TicketType| waitlist::may_have(one, quantity);
    let fitting = on_sale.iter().filter(|one| may_have(one).is_ok());
    let fitting: Vec<_> = fitting.collect();
    if let (true, Some(one)) = (fitting.is_empty(), on_sale.first()) {
        may_have(one)?;
    }
    // Nor for what is sold to others only.
    let for_members = |one: &TicketType| one.members_only || stock.event().membership_required;
    let by_token = matches!(caller, Caller::User { member: true, .. });
    let mut in_table = false;
    if fitting.iter().any(|one| for_members(one)) {
        in_table = state.store.is_member(user_id).await?;
    }
    let is_member = by_token || in_table;
    let fitting: Vec<_> = fitting
        .into_iter()
        .filter(|one| is_member || !for_members(one))
        .collect();
    if fitting.is_empty() {
        return Err(Refusal::MembershipRequired.into());
    }
    if fitting.iter().any(|one| one.available >= quantity) {
        return Err(ApiError::conflict("NOT_SOLD_OUT"));
    }
    let new = NewWaiting {
        event_id,
        user_id,
        quantity,
        ticket_types,
        member: by_token && !in_table,
        lang: Lang::of(&headers).tag(),
    };
    let waiting = state.store.wait_for(&new, key).await?;
    let waiting = waiting.ok_or_else(|| ApiError::conflict("ALREADY_WAITING"))?;
    let (waiting, again) = made(waiting)?;
    Ok(replayed(Reply::created("WAITING", waiting), again))
}

/// A place on a waitlist
#[utoipa::path(
    get, path = "/waitlist/{waiting_id}", tag = "waitlist", params(("waiting_id" = WaitingId, Path)),
    responses(
        (status = 200, body = Envelope<WaitingRow>),
        (status = 404, description = "`WAITING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<WaitingId>,
) -> ApiResult<Reply<WaitingRow>> {
    Ok(Reply::ok("WAITING", own(&state, &caller, id).await?))
}

/// The caller's places on waitlists, the newest first
#[utoipa::path(
    get, path = "/waitlist/mine", tag = "waitlist", params(Page),
    responses((status = 200, description = "A page of them", body = Envelope<Vec<WaitingRow>>,
        headers(("X-Total-Count" = i64), ("Link" = String))))
)]
pub(super) async fn mine(
    State(state): State<ApiState>,
    caller: Caller,
    Query(page): Query<Page>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<WaitingRow>>> {
    let user = caller.user_id().ok_or_else(ApiError::unauthenticated)?;
    let before = page.after_id("own_places")?;
    let found = state
        .store
        .waiting_of_user(user, before, page.rows_wanted(), page.offset);
    let (found, asked) = (found.await?, (&page, &asked));
    Ok(page::by_id("WAITLIST", "own_places", found, asked, |one| {
        one.id
    }))
}

/// An event's waitlist, in the order in which people came
#[utoipa::path(
    get, path = "/events/{event_id}/waitlist", tag = "waitlist", params(("event_id" = EventId, Path), Page),
    responses(
        (status = 200, description = "A page of it", body = Envelope<Vec<WaitingRow>>,
            headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn of_event(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(page): Query<Page>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<WaitingRow>>> {
    let stock = availability::visible(&state, &caller, event_id).await?;
    if !caller.may(Right::Sell, stock.event().organizer_id) {
        return Err(ApiError::forbidden());
    }
    let after = page.after_id("waitlist")?;
    let found = state
        .store
        .waiting_of_event(event_id, after, page.rows_wanted(), page.offset);
    let (found, asked) = (found.await?, (&page, &asked));
    Ok(page::by_id("WAITLIST", "waitlist", found, asked, |one| {
        one.id
    }))
}

/// Leave a waitlist
///
/// An offer is declined by it. Repeated, it is answered with what was done.
#[utoipa::path(
    delete, path = "/waitlist/{waiting_id}", tag = "waitlist", params(("waiting_id" = WaitingId, Path)),
    responses(
        (status = 200, body = Envelope<WaitingRow>, headers(("X-Event-Revision" = i64))),
        (status = 404, description = "`WAITING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 503, description = "`BUSY`, `TOO_LATE`, `UNAVAILABLE`: come again after `Retry-After`", body = Failure),
    )
)]
pub(super) async fn leave(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<WaitingId>,
    _: NoBody,
) -> ApiResult<Reply<WaitingRow>> {
    let waiting = own(&state, &caller, id).await?;
    let entry = audit(&state, &caller, &waiting).await?;
    state.store.leave_waitlist(id, entry.as_ref()).await?;
    // While it was being left, an offer may have been made.
    let waiting = own(&state, &caller, id).await?;
    let waiting = match waiting.status {
        WaitingStatus::Offered => give_back(&state, &caller, &waiting).await?,
        _ => waiting,
    };
    let event = waiting.event_id;
    with_revision(&state, event, Reply::ok("LEFT", waiting)).await
}

/// Accept an offer
///
/// The booking that was offered becomes a pending one of the caller, to be paid until its `expires_at`; what costs nothing
/// is confirmed at once.
#[utoipa::path(
    post, path = "/waitlist/{waiting_id}/accept", tag = "waitlist", params(("waiting_id" = WaitingId, Path)),
    responses(
        (status = 200, description = "Done, now or before", body = Envelope<BookingData>,
            headers(("X-Event-Revision" = u64, description = "The event's revision, with this in it"))),
        (status = 404, description = "`WAITING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`NO_OFFER {status}`: none was made, or it is over; `PENDING_BOOKING_EXISTS {booking_id}`: pay or \
            cancel that one first", body = Failure),
        (status = 503, description = "`BUSY`, `TOO_LATE`, `UNAVAILABLE`: come again after `Retry-After`", body = Failure),
    )
)]
pub(super) async fn accept(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<WaitingId>,
    _: NoBody,
) -> ApiResult<Reply<BookingData>> {
    let waiting = own(&state, &caller, id).await?;
    let (WaitingStatus::Offered | WaitingStatus::Accepted, Some(booking)) =
        (waiting.status, waiting.booking_id)
    else {
        return Err(no_offer(waiting.status));
    };
    let mut change = Change::new(waiting.event_id, booking, Transition::Accept);
    change.with.audit = audit(&state, &caller, &waiting).await?;
    let (answer, _) = match state.desk.change(change).await {
        // It ran out meanwhile.
        Err(DeskError::Refused(Refusal::InvalidTransition { .. })) => {
            return Err(no_offer(WaitingStatus::Expired));
        }
        Err(DeskError::Refused(Refusal::PendingBookingExists { .. })) => {
            let (event, user) = (waiting.event_id, waiting.user_id);
            let booking_id = state.store.pending_of(event, user).await?;
            return Err(Refusal::PendingBookingExists { booking_id }.into());
        }
        outcome => made(outcome?)?,
    };
    state.board.committed(waiting.event_id, answer.revision);
    let said = match answer.booking.status {
        BookingStatus::Confirmed => "BOOKING_CONFIRMED",
        _ => "BOOKING_CREATED",
    };
    let data = BookingData::answered(answer.booking, answer.now);
    Ok(Reply::ok(said, data).revision(answer.revision))
}

/// Decline an offer
///
/// The places held for the caller go to the next in line. Repeated, it is answered with what was done.
#[utoipa::path(
    post, path = "/waitlist/{waiting_id}/decline", tag = "waitlist", params(("waiting_id" = WaitingId, Path)),
    responses(
        (status = 200, description = "Done, now or before", body = Envelope<WaitingRow>,
            headers(("X-Event-Revision" = i64))),
        (status = 404, description = "`WAITING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`NO_OFFER {status}`: none was made, or it is over", body = Failure),
        (status = 503, description = "`BUSY`, `TOO_LATE`, `UNAVAILABLE`: come again after `Retry-After`", body = Failure),
    )
)]
pub(super) async fn decline(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<WaitingId>,
    _: NoBody,
) -> ApiResult<Reply<WaitingRow>> {
    let waiting = own(&state, &caller, id).await?;
    let waiting = match waiting.status {
        WaitingStatus::Offered => give_back(&state, &caller, &waiting).await?,
        WaitingStatus::Declined => waiting,
        status => return Err(no_offer(status)),
    };
    if waiting.status == WaitingStatus::Accepted {
        // It was accepted or paid in this moment: what it has become is cancelled, if at all, as a booking.
        return Err(no_offer(WaitingStatus::Accepted));
    }
    let event = waiting.event_id;
    with_revision(&state, event, Reply::ok("LEFT", waiting)).await
}

/// A place on a waitlist, if it is the caller's.
async fn own(state: &ApiState, caller: &Caller, id: WaitingId) -> ApiResult<WaitingRow> {
    let row = state.store.waiting(id).await?;
    let row = row.filter(|row| caller.may_act_for(row.user_id));
    row.ok_or_else(|| ApiError::not_found("WAITING_NOT_FOUND"))
}

/// The audit trail's entry of somebody who does it for the one who waits.
async fn audit(
    state: &ApiState,
    caller: &Caller,
    waiting: &WaitingRow,
) -> ApiResult<Option<AuditEntry>> {
    if caller.user_id() == Some(waiting.user_id) {
        return Ok(None);
    }
    let organizer = state.store.organizer_of(waiting.event_id).await?;
    let organization = organizer.map(OrganizationId::from);
    let object = format!("waiting:{}", waiting.id);
    Ok(Some(AuditEntry::new(caller, organization, object)))
}

fn no_offer(status: WaitingStatus) -> ApiError {
    ApiError::conflict("NO_OFFER").with("status", status.as_str())
}

async fn give_back(
    state: &ApiState,
    caller: &Caller,
    waiting: &WaitingRow,
) -> ApiResult<WaitingRow> {
    if let Some(booking) = waiting.booking_id {
        // Without a reason, which would be in one language: the place says that it was declined.
        let release = Transition::Release {
            by: Canceller::Owner,
            reason: None,
            only: Releases::Offers,
        };
        let mut change = Change::new(waiting.event_id, booking, release);
        change.with.audit = audit(state, caller, waiting).await?;
        match state.desk.change(change).await {
            Ok(outcome) => {
                let (answer, _) = made(outcome)?;
                state.board.committed(waiting.event_id, answer.revision);
            }
            // It ran out meanwhile, or was paid. One that was accepted stays.
            Err(DeskError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    own(state, caller, waiting.id).await
}
