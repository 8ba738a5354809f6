//! Availability of one event, of several, of all active ones. Watched events are answered from memory.
//!
//! The same three reads are served under `/availability` and `/event-availability`, since existing clients use
//! either.

use std::fmt::Write;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use super::ApiState;
use super::cache::{self, IfNoneMatch, is_known, tagged};
use super::envelope::{Envelope, Failure};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Query};
use super::fields::{Fields, Input};
use super::page::{self, Cursor, LongPage, RequestedUri};
use super::seats;
use crate::auth::{Caller, Right};
use crate::board::Known;
use crate::config::rest::AVAILABILITY_EVENTS_MAX;
use crate::store::StoreError;
use crate::store::availability::{SectionStand, Stand};
use crate::ticketing::availability::{Availability, EventVersion, times_passed};
use crate::ticketing::edit;
use crate::ticketing::live::{EventInfo, EventStatus, TicketType};
use crate::ticketing::{EventId, Revision};

/// The events asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Several {
    /// `1,2,3` or `[1,2,3]`, also several times; unknown ids, and what is no id, are skipped.
    #[param(style = Form, explode = false, min_items = 1, max_items = 1_000, example = json!([1, 2, 3]))]
    event_ids: Vec<EventId>,
}

impl Input for Several {
    fn read(fields: &mut Fields) -> Option<Several> {
        let texts = fields.texts("event_ids");
        if texts.iter().all(String::is_empty) {
            fields.refuse("event_ids", "REQUIRED", "");
            return None;
        }
        let lists = texts
            .iter()
            .map(|text| text.trim().trim_start_matches('[').trim_end_matches(']'));
        let names = lists.flat_map(|list| list.split(',')).map(str::trim);
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        if names.len() > AVAILABILITY_EVENTS_MAX {
            fields.refuse("event_ids", "TOO_MANY", AVAILABILITY_EVENTS_MAX);
            return None;
        }
        // A page that polls many events must not lose all of them for one bad id: it names no event, as an unknown one.
        let mut event_ids: Vec<EventId> =
            names.iter().filter_map(|name| name.parse().ok()).collect();
        event_ids.sort_unstable();
        event_ids.dedup();
        Some(Several { event_ids })
    }
}

/// Availability of one event
///
/// `ETag` is the event's revision; it has a suffix while a sale has begun or ended by the clock since. While the node
/// cannot ask the database, `X-Stale-Since` says when this was last known to be so.
#[utoipa::path(get, path = "/{event_id}", tag = "availability",
    params(("event_id" = EventId, Path), IfNoneMatch),
    responses(
        (status = 200, body = Envelope<Availability>, headers(("ETag" = String))),
        (status = 304, description = "Nothing changed since the version in `If-None-Match`"),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(super) async fn one(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let now = state.desk.now();
    let stock = visible(&state, &caller, event_id).await?;
    let (tag, control) = (stock.tag(now), stock.moment());
    let answer = tagged(&headers, &tag, control, "AVAILABILITY", || {
        stock.availability(&state, now)
    });
    Ok(cache::stale(answer, stock.stale_since()))
}

/// Seats of an event by section and ticket type
///
/// Each seat is available, held, sold or blocked. Empty for an event without seats. `ETag` is the event's revision.
#[utoipa::path(get, path = "/{event_id}/sections", tag = "availability",
    params(("event_id" = EventId, Path), IfNoneMatch),
    responses(
        (status = 200, body = Envelope<Vec<SectionStand>>, headers(("ETag" = String))),
        (status = 304, description = "Nothing changed since the version in `If-None-Match`"),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(super) async fn sections(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let stock = visible(&state, &caller, event_id).await?;
    let tag = stock.revision().to_string();
    if is_known(&headers, &tag) {
        return Ok(tagged(&headers, &tag, stock.moment(), "SECTIONS", || ()));
    }
    let sections = seats::by_section(&state, event_id, stock.version()).await?;
    Ok(tagged(&headers, &tag, stock.moment(), "SECTIONS", || {
        sections
    }))
}

/// The event's stock, if it exists and the caller may see it.
pub(super) async fn visible(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
) -> ApiResult<EventStock> {
    let stock = known_or_read(state, &[event_id]).await?.pop();
    let stock = stock.filter(|stock| stock.visible_to(caller));
    stock.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))
}

/// An event and its stock as everybody sees them.
pub(super) async fn public(
    state: &ApiState,
    event_id: EventId,
) -> Result<Option<(EventInfo, Availability)>, StoreError> {
    let stock = known_or_read(state, &[event_id]).await?.pop();
    let stock = stock.filter(|stock| !stock.is_draft());
    let now = state.desk.now();
    Ok(stock.map(|stock| (stock.event().clone(), stock.availability(state, now))))
}

/// Availability of several events
///
/// By id. Unknown events are left out. `ETag` is over all their revisions.
#[utoipa::path(get, path = "", tag = "availability", params(Several, IfNoneMatch),
    responses(
        (status = 200, body = Envelope<Vec<Availability>>, headers(("ETag" = String))),
        (status = 304, description = "Nothing changed since the version in `If-None-Match`"),
        (status = 422, body = Failure, description = "`event_ids` is missing, or too long"),
    ))]
pub(super) async fn several(
    State(state): State<ApiState>,
    Query(several): Query<Several>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let stocks = known_or_read(&state, &several.event_ids).await?;
    Ok(listed(&state, &headers, stocks))
}

/// Availability of all active events
///
/// The next to begin first. Without `limit` at most 100. `ETag` is over the revisions of the page.
#[utoipa::path(get, path = "/all/active", tag = "availability", params(IfNoneMatch, LongPage),
    responses(
        (status = 200, body = Envelope<Vec<Availability>>,
            headers(("ETag" = String), ("X-Total-Count" = i64), ("Link" = String))),
        (status = 304, description = "Nothing changed since the version in `If-None-Match`"),
    ))]
pub(super) async fn active(
    State(state): State<ApiState>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let after = page.after(ACTIVE, page::time, |id| id.parse().ok().map(EventId))?;
    let (mut stands, total) = state
        .store
        .active_stands(after, page.rows_wanted(), page.offset)
        .await?;
    let next = page.cut(&mut stands, |stand| {
        Cursor::new(ACTIVE, &stand.event.starts_at, stand.event.id)
    });
    let stocks = stands.into_iter().map(EventStock::from).collect();
    let mut answer = listed(&state, &headers, stocks);
    let paging = page::headers(total, (&page, next.as_ref()), &asked);
    answer.headers_mut().extend(paging);
    Ok(answer)
}

/// The list of active events, in cursors.
const ACTIVE: &str = "active";

/// An event's counts, from memory or from the database.
pub(super) enum EventStock {
    Watched(Known),
    Read(Box<Stand>),
}

impl From<Stand> for EventStock {
    fn from(stand: Stand) -> EventStock {
        EventStock::Read(Box::new(stand))
    }
}

/// The stocks of those events that exist, by id: watched ones from the board, the others in one query.
async fn known_or_read(
    state: &ApiState,
    events: &[EventId],
) -> Result<Vec<EventStock>, StoreError> {
    let mut stocks = Vec::with_capacity(events.len());
    let mut unknown = Vec::new();
    for event in events {
        match state.board.get(*event) {
            Some(known) => stocks.push(EventStock::Watched(known)),
            None => unknown.push(*event),
        }
    }
    if !unknown.is_empty() {
        let read = state.store.stands(&unknown).await?;
        stocks.extend(read.into_iter().map(EventStock::from));
        stocks.sort_by_key(|stock| stock.event().id);
    }
    Ok(stocks)
}

/// Drafts are left out of lists, even for their organizers: lists are cached for everybody.
fn listed(state: &ApiState, headers: &HeaderMap, mut stocks: Vec<EventStock>) -> Response {
    let now = state.desk.now();
    stocks.retain(|stock| !stock.is_draft());
    let mut hash = Sha256::new();
    for stock in &stocks {
        hash.update(format!("{}:{},", stock.event().id, stock.tag(now)));
    }
    let mut tag = String::new();
    for byte in hash.finalize().iter().take(12) {
        let _ = write!(tag, "{byte:02x}");
    }
    let answer = tagged(headers, &tag, cache::MOMENT, "AVAILABILITY", || {
        let availabilities = stocks.iter().map(|stock| stock.availability(state, now));
        availabilities.collect::<Vec<_>>()
    });
    let stale_since = stocks.iter().filter_map(EventStock::stale_since).min();
    cache::stale(answer, stale_since)
}

impl EventStock {
    pub(super) fn event(&self) -> &EventInfo {
        match self {
            EventStock::Watched(known) => &known.state.event,
            EventStock::Read(stand) => &stand.event,
        }
    }

    fn all_ticket_types(&self) -> Vec<&TicketType> {
        match self {
            EventStock::Watched(known) => known.state.ticket_types.values().collect(),
            EventStock::Read(stand) => stand.ticket_types.iter().collect(),
        }
    }

    /// Whether it has ticket types that are shown to its people alone, and the caller is one of these.
    pub(super) fn is_unveiled_to(&self, caller: &Caller) -> bool {
        let mut types = self.all_ticket_types().into_iter();
        types.any(|ticket_type| ticket_type.hidden)
            && caller.may(Right::See, self.event().organizer_id)
    }

    /// Those that are not hidden.
    pub(super) fn ticket_types(&self) -> Vec<&TicketType> {
        let mut types = self.all_ticket_types();
        types.retain(|ticket_type| !ticket_type.hidden);
        types
    }

    pub(super) fn version(&self) -> EventVersion {
        EventVersion::of(self.revision(), self.event(), self.all_ticket_types())
    }

    pub(super) fn revision(&self) -> Revision {
        match self {
            EventStock::Watched(known) => known.state.revision,
            EventStock::Read(stand) => stand.revision,
        }
    }

    /// When the database was last known to say so, if it cannot be asked now.
    pub(super) fn stale_since(&self) -> Option<Timestamp> {
        match self {
            EventStock::Watched(known) => known.stale_since,
            EventStock::Read(_) => None,
        }
    }

    pub(super) fn is_draft(&self) -> bool {
        self.event().status == EventStatus::Draft
    }

    /// `Cache-Control` of an answer about this event.
    pub(super) fn moment(&self) -> &'static str {
        match self.is_draft() {
            true => cache::PRIVATE,
            false => cache::MOMENT,
        }
    }

    fn visible_to(&self, caller: &Caller) -> bool {
        let event = self.event();
        edit::visible(caller.may(Right::See, event.organizer_id), event.status)
    }

    /// The revision; with a suffix when a sale began or ended by the clock since, which makes no revision.
    fn tag(&self, now: Timestamp) -> String {
        match times_passed(self.event(), &self.ticket_types(), now) {
            0 => self.revision().to_string(),
            passed => format!("{}-{passed}", self.revision()),
        }
    }

    fn availability(&self, state: &ApiState, now: Timestamp) -> Availability {
        let thresholds = state.config.availability.thresholds();
        Availability::of(
            self.revision(),
            self.event(),
            &self.ticket_types(),
            &thresholds,
            now,
        )
    }
}
