//! Events: lists and single ones for everybody; the organizer's view of own events, and changes (`edits`).

pub(super) mod edits;
pub(super) mod input;
mod view;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use jiff::Timestamp;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use super::ApiState;
use super::bookings::holder;
use super::counted::Counted;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Query};
use super::fields::{Fields, Input};
use super::page::{self, Cursor, Page, RequestedUri};
use super::people::voucher_code;
use crate::auth::{Caller, Right};
use crate::config::rest::NAME_CHARS_MAX;
use crate::limits::address::Client;
use crate::schema;
use crate::store::bookings::{EventOwner, Holder};
use crate::store::events::{EventFilter, EventInFull, EventSort, ManagedFilter};
use crate::store::price_rules::{Opened, OpenedBy};
use crate::ticketing::edit;
use crate::ticketing::live::EventStatus;
use crate::ticketing::{EventId, TicketTypeId, UserId};

pub(super) use view::TicketTypeDetail;
use view::{Event, EventDetail, Management, ViewContext};

/// The events asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// A part of the title, venue or description, in any case, with or without accents.
    #[param(schema_with = schema::search, required = false)]
    q: Option<String>,
    status: Option<EventStatus>,
    #[param(schema_with = schema::category, required = false)]
    category: Option<String>,
    #[param(schema_with = schema::city, required = false)]
    city: Option<String>,
    /// Only events that begin at or after this time (RFC 3339).
    #[param(schema_with = schema::time, required = false)]
    from: Option<Timestamp>,
    /// Only events that begin before this time (RFC 3339).
    #[param(schema_with = schema::time, required = false)]
    to: Option<Timestamp>,
    /// `starts_at` (default), `title` or `created_at`; with `-` in front, descending.
    #[param(schema_with = sorts, required = false)]
    sort: EventSort,
    #[param(ignore)]
    page: Page,
}

/// The own events asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OwnSearch {
    /// A part of the title, venue or description, in any case, with or without accents.
    #[param(schema_with = schema::search, required = false)]
    q: Option<String>,
    status: Option<EventStatus>,
    #[param(ignore)]
    page: Page,
}

impl Input for OwnSearch {
    fn read(fields: &mut Fields) -> Option<OwnSearch> {
        let statuses = EventStatus::ALL.map(|status| (status.name(), status));
        let page = Page::read(fields)?;
        Some(OwnSearch {
            q: sought(fields),
            status: fields.choice("status", &statuses),
            page,
        })
    }
}

/// A part of texts that is looked for.
fn sought(fields: &mut Fields) -> Option<String> {
    fields
        .text("q", NAME_CHARS_MAX)
        .filter(|part| !part.is_empty())
}

/// The list of managed events, in cursors.
const MANAGED: &str = "managed";
/// The list of events with doors, in cursors.
const DOORS: &str = "doors";

const SORTS: [(&str, EventSort); 6] = [
    ("starts_at", EventSort::SoonestFirst),
    ("-starts_at", EventSort::LatestFirst),
    ("title", EventSort::Title),
    ("-title", EventSort::TitleBackwards),
    ("created_at", EventSort::OldestFirst),
    ("-created_at", EventSort::NewestFirst),
];

fn sorts() -> Object {
    schema::choice(SORTS.map(|(name, _)| name))
}

impl Input for Search {
    fn read(fields: &mut Fields) -> Option<Search> {
        let statuses = EventStatus::ALL.map(|status| (status.name(), status));
        let page = Page::read(fields)?;
        Some(Search {
            q: sought(fields),
            status: fields.choice("status", &statuses),
            category: fields.filled_text("category", NAME_CHARS_MAX),
            city: fields.filled_text("city", NAME_CHARS_MAX),
            from: fields.time("from"),
            to: fields.time("to"),
            sort: fields.choice("sort", &SORTS).unwrap_or_default(),
            page,
        })
    }
}

/// Events
///
/// Drafts are listed for their organizers only.
#[utoipa::path(get, path = "/events", tag = "events", params(Search, Page),
    responses((status = 200, body = Envelope<Vec<Event>>, headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Query(search): Query<Search>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Event>>> {
    let (page, sort) = (search.page, search.sort);
    let list = format!("events {}", sort.name());
    let place = |text: &str| match sort.is_by_time() {
        true => page::time(text).map(|at| at.to_string()),
        false => Some(text.to_owned()),
    };
    let filter = EventFilter {
        q: search.q,
        status: search.status,
        category: search.category,
        city: search.city,
        from: search.from,
        to: search.to,
        sort,
        after: page.after(&list, place, |id| id.parse().ok().map(EventId))?,
        limit: page.rows_wanted(),
        offset: page.offset,
    };
    let (mut rows, total) = state.store.events(&filter, &caller).await?;
    let next = page.cut(&mut rows, |row| {
        Cursor::new(&list, sort.place_of(row), row.event.id)
    });
    let context = context(&state);
    let events = rows
        .into_iter()
        .map(|row| Event::of(row, context))
        .collect();
    Ok(page::reply("EVENTS", events, total, (&page, next), &asked))
}

/// One event with its ticket types and sections
///
/// Hidden ticket types are shown to the event's people, and to whoever names a `voucher` that reveals them. What it sets aside
/// for its bearers is `reserved`, and `available` to them.
#[utoipa::path(get, path = "/events/{event_id}", tag = "events", params(("event_id" = EventId, Path), KnownVoucher),
    responses(
        (status = 200, body = Envelope<EventDetail>, headers(("ETag" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(super) async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    known: KnownCode,
) -> ApiResult<Reply<EventDetail>> {
    let event = revealed(&state, &caller, event_id, known).await?;
    Ok(shown("EVENT", &state, event))
}

/// Own events (admins: all) with their sales
///
/// Of all organizations that the caller works for; bookings and revenue of those where the caller may see `figures`.
#[utoipa::path(get, path = "/events/management/view", tag = "events", params(OwnSearch, Page),
    responses((status = 200, body = Envelope<Vec<Management>>, headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(super) async fn management(
    State(state): State<ApiState>,
    caller: Caller,
    Query(search): Query<OwnSearch>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Management>>> {
    let page = search.page;
    // A key may have the one right without the other.
    let mut own = caller.organizations_with(Right::See);
    own.extend(caller.organizations_with(Right::Figures));
    own.sort_unstable();
    own.dedup();
    let whose = (!caller.is_admin()).then_some(&own[..]);
    let after = page.after(MANAGED, page::time, |id| id.parse().ok().map(EventId))?;
    let filter = ManagedFilter {
        q: search.q,
        status: search.status,
        before: None,
        after,
        limit: page.rows_wanted(),
        offset: page.offset,
    };
    let (mut rows, total) = state.store.managed_events(whose, &filter).await?;
    let next = page.cut(&mut rows, |managed| {
        let event = &managed.row.event;
        Cursor::new(MANAGED, &event.starts_at, event.id)
    });
    let context = context(&state);
    let events = rows
        .into_iter()
        .map(|row| {
            let sees_figures = caller.may(Right::Figures, row.row.event.organizer_id);
            Management::of(row, sees_figures, context)
        })
        .collect();
    Ok(page::reply(
        "MANAGEMENT",
        events,
        total,
        (&page, next),
        &asked,
    ))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DoorsList {
    /// Only events that begin before this time (RFC 3339).
    #[param(schema_with = schema::time, required = false)]
    to: Option<Timestamp>,
    #[param(ignore)]
    page: Page,
}

impl Input for DoorsList {
    fn read(fields: &mut Fields) -> Option<DoorsList> {
        let to = fields.time("to");
        let page = Page::read(fields)?;
        Some(DoorsList { to, page })
    }
}

/// Events at whose doors the caller may scan
///
/// Of the organizations for which the caller may `check_in` (admins: all), the one that begins last first.
#[utoipa::path(get, path = "/events/doors/view", tag = "events", params(DoorsList, Page),
    responses((status = 200, body = Envelope<Vec<Event>>, headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(super) async fn doors(
    State(state): State<ApiState>,
    caller: Caller,
    Query(DoorsList { to, page }): Query<DoorsList>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Event>>> {
    let own = caller.organizations_with(Right::CheckIn);
    let whose = (!caller.is_admin()).then_some(&own[..]);
    let after = page.after(DOORS, page::time, |id| id.parse().ok().map(EventId))?;
    let filter = ManagedFilter {
        before: to,
        after,
        limit: page.rows_wanted(),
        offset: page.offset,
        ..ManagedFilter::default()
    };
    let (mut rows, total) = state.store.managed_events(whose, &filter).await?;
    let next = page.cut(&mut rows, |managed| {
        let event = &managed.row.event;
        Cursor::new(DOORS, &event.starts_at, event.id)
    });
    let context = context(&state);
    let events = rows.into_iter();
    let events = events
        .map(|managed| Event::of(managed.row, context))
        .collect();
    Ok(page::reply("EVENTS", events, total, (&page, next), &asked))
}

/// A voucher that somebody knows.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct KnownVoucher {
    /// Code of a voucher that reveals hidden ticket types, or sets tickets aside. One that does neither is as good as none.
    #[param(schema_with = schema::name, required = false)]
    voucher: Option<String>,
}

/// A code, if the caller names one, and who knows it: what is used up by their own hold is there for them.
pub(super) struct KnownCode {
    typed: Option<String>,
    client: Client,
    holder: Holder,
}

impl KnownCode {
    pub(super) fn is_named(&self) -> bool {
        self.typed.is_some()
    }
}

impl FromRequestParts<ApiState> for KnownCode {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<KnownCode> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let Query(known) = Query::<KnownVoucher>::from_request_parts(parts, state).await?;
        let Ok(client) = Client::from_request_parts(parts, state).await;
        Ok(KnownCode {
            typed: known.voucher,
            client,
            holder: holder(&caller, &parts.headers),
        })
    }
}

impl Input for KnownVoucher {
    fn read(fields: &mut Fields) -> Option<KnownVoucher> {
        Some(KnownVoucher {
            voucher: fields.filled_text("voucher", NAME_CHARS_MAX),
        })
    }
}

/// The event, if it exists and the caller may see it; with the hidden ticket types that the caller's voucher reveals, and what
/// it sets aside counted as available.
pub(super) async fn revealed(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
    known: KnownCode,
) -> ApiResult<EventInFull> {
    let opened = opened(state, event_id, known).await?;
    let mut event = seen(state, caller, event_id, |id| opened.reveals(id)).await?;
    if let Some((ticket_type, left)) = opened.reserve {
        event.give_reserve(ticket_type, left);
    }
    Ok(event)
}

/// The types that the caller's voucher opens; none without one. The bearer of a right code asks again whenever the event changes.
pub(super) async fn opened(
    state: &ApiState,
    event_id: EventId,
    known: KnownCode,
) -> ApiResult<Opened> {
    let Some(typed) = known.typed else {
        return Ok(Opened::default());
    };
    let guess = Counted::code(state, known.client).await?;
    let opened = match voucher_code(&typed) {
        Some(code) => {
            state
                .store
                .opened_by(event_id, &code, &known.holder)
                .await?
        }
        None => OpenedBy::NoCode,
    };
    Ok(match opened {
        OpenedBy::NoCode => {
            guess.counts();
            Opened::default()
        }
        OpenedBy::Voucher(opened) => opened,
    })
}

/// The event, if it exists and the caller may see it; with its hidden ticket types for its people.
pub(super) async fn visible(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
) -> ApiResult<EventInFull> {
    seen(state, caller, event_id, |_| false).await
}

/// The event's organizer, if the caller has one of these rights there. To others neither drafts nor deleted events exist.
pub(super) async fn organizer_with(
    state: &ApiState,
    caller: &Caller,
    rights: &[Right],
    event_id: EventId,
) -> ApiResult<UserId> {
    Ok(owner_with(state, caller, rights, event_id).await?.organizer)
}

/// The same for a change, which a deleted event does not have any more.
pub(super) async fn organizer_to_change(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
) -> ApiResult<UserId> {
    let owner = owner_with(state, caller, &[Right::Manage], event_id).await?;
    match owner.is_deleted {
        false => Ok(owner.organizer),
        true => Err(ApiError::not_found("EVENT_NOT_FOUND")),
    }
}

async fn owner_with(
    state: &ApiState,
    caller: &Caller,
    rights: &[Right],
    event_id: EventId,
) -> ApiResult<EventOwner> {
    let not_found = || ApiError::not_found("EVENT_NOT_FOUND");
    let owner = state.store.event_owner(event_id).await?;
    let owner = owner.ok_or_else(not_found)?;
    let may = |right: &Right| caller.may(*right, owner.organizer);
    if rights.iter().any(may) {
        return Ok(owner);
    }
    match may(&Right::See) || (owner.was_public && !owner.is_deleted) {
        true => Err(ApiError::forbidden()),
        false => Err(not_found()),
    }
}

async fn seen(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
    is_known: impl Fn(TicketTypeId) -> bool,
) -> ApiResult<EventInFull> {
    let not_found = || ApiError::not_found("EVENT_NOT_FOUND");
    let mut event = state.store.event(event_id).await?.ok_or_else(not_found)?;
    let sees_all = caller.may(Right::See, event.row.event.organizer_id);
    if !edit::visible(sees_all, event.row.event.status) {
        return Err(not_found());
    }
    if !sees_all {
        event.conceal(is_known);
    }
    Ok(event)
}

pub(super) fn context(state: &ApiState) -> ViewContext {
    ViewContext {
        thresholds: state.config.availability.thresholds(),
        now: state.desk.now(),
    }
}

/// The event with its revision as `ETag`, for `If-Match` in a later change.
fn shown(said: &'static str, state: &ApiState, event: EventInFull) -> Reply<EventDetail> {
    let tag = HeaderValue::from_str(&format!("\"{}\"", event.row.revision));
    let reply = Reply::ok(said, EventDetail::of(event, context(state)));
    match tag {
        Ok(tag) => reply.header(header::ETAG, tag),
        Err(_) => reply,
    }
}
