//! Numbered seats: their places (`seatmap`) and their statuses.

mod csv;
mod input;
mod kept;
pub(super) mod seatmap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use self::kept::KeptKey;
pub(super) use self::kept::KeptMaps;
use super::ApiState;
use super::availability::{self, EventStock};
use super::cache::{self, IfNoneMatch, PRIVATE, is_known, marked, tagged};
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::events::{KnownCode, KnownVoucher, opened};
use super::extract::{At, Body, Query};
use super::fields::{FieldError, Fields, Input};
use crate::auth::Caller;
use crate::config::rest::{HELD_SEATS_FORCED_MAX, SEATS_CHANGED_MAX};
use crate::desk::{DeskError, Withdraw};
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::store::availability::SectionStand;
use crate::store::edit::EditError;
use crate::store::seats::{HiddenSeats, SeatsChange, SeatsRow};
use crate::ticketing::availability::EventVersion;
use crate::ticketing::edit::EditRefusal;
use crate::ticketing::live::{Delta, EventState};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::{EventId, Revision, SeatId, TicketTypeId};

/// The revision to start from.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SinceRevision {
    /// The revision that the caller has. The answer then has only later changes, if the log reaches back that far.
    #[param(schema_with = schema::revision, required = false)]
    since: Option<i64>,
}

impl Input for SinceRevision {
    fn read(fields: &mut Fields) -> Option<SinceRevision> {
        Some(SinceRevision {
            since: fields.integer("since", 0..=i64::MAX),
        })
    }
}

/// The status of every seat (`seats`), or of those that changed (`changed`). Seats are counted in the order of
/// the seat map of version `layout`. Status: 0 available, 1 held, 2 sold, 3 blocked.
#[derive(Serialize, ToSchema)]
pub(super) struct SeatStatuses {
    layout: u32,
    revision: Revision,
    /// Base64; two bits a seat, four seats a byte, the first seat in the lowest bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<String>,
    /// `[place, status]` of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Vec<(u32, u8)>>,
    /// Places of the free seats of hidden ticket types, which are told as blocked: of those that the `voucher` reveals, or that the
    /// caller's own event has.
    #[serde(skip_serializing_if = "Option::is_none")]
    revealed: Option<Vec<u32>>,
}

/// Changes of some seats.
#[derive(ToSchema)]
#[schema(example = json!({"seat_ids": [1, 2], "blocked": false}))]
pub(super) struct SeatsPatch {
    #[schema(min_items = 1, max_items = 10_000)]
    seat_ids: Vec<SeatId>,
    /// `true` takes the seats off sale, `false` puts them back.
    blocked: Option<bool>,
    /// Moves the seats to this ticket type of the event.
    ticket_type_id: Option<TicketTypeId>,
    /// Cancel pending bookings that hold one of the seats, as wholes; no more than 2,000 seats may be held. Those who were
    /// offered one of them wait on at their place.
    #[schema(required = false, default = false)]
    force: bool,
}

/// The seats that were changed.
#[derive(Serialize, ToSchema)]
pub(super) struct SeatsChanged {
    seat_ids: Vec<SeatId>,
}

impl Input for SeatsPatch {
    fn read(fields: &mut Fields) -> Option<SeatsPatch> {
        fields.require(&["seat_ids"]);
        if !fields.has("blocked") && !fields.has("ticket_type_id") {
            fields.refuse("blocked", "NOTHING_TO_CHANGE", "");
        }
        let seat_ids = fields.ids("seat_ids", SEATS_CHANGED_MAX);
        let blocked = fields.boolean("blocked");
        let ticket_type_id = fields.id("ticket_type_id");
        let force = fields.boolean("force").unwrap_or(false);
        let mut seat_ids = seat_ids?;
        seat_ids.sort_unstable();
        seat_ids.dedup();
        if seat_ids.is_empty() {
            fields.refuse("seat_ids", "EMPTY", "");
        }
        Some(SeatsPatch {
            seat_ids,
            blocked,
            ticket_type_id,
            force,
        })
    }
}

/// Which seats are free
///
/// Free seats of hidden ticket types are told as blocked. `revealed` lists them for the event's people, and for whoever names a
/// `voucher` that reveals some; such an answer is for the caller alone, and never 304.
#[utoipa::path(get, path = "/events/{event_id}/seats", tag = "seats",
    params(("event_id" = EventId, Path), IfNoneMatch, SinceRevision, KnownVoucher),
    responses(
        (status = 200, body = Envelope<SeatStatuses>, headers(("ETag" = String))),
        (status = 304, description = "Nothing changed since the version in `If-None-Match`"),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
    ))]
pub(super) async fn statuses(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(since): Query<SinceRevision>,
    known: KnownCode,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let event = availability::visible(&state, &caller, event_id).await?;
    let since = since.since.map(|since| since as Revision);
    let current = event.revision().to_string();
    let is_staff = event.is_unveiled_to(&caller);
    let is_private = is_staff || known.is_named();
    if event.stale_since().is_none() && !is_private && is_known(&headers, &current) {
        let answer = tagged(&headers, &current, event.moment(), "SEATS", || ());
        return Ok(by_caller(answer));
    }
    // A caller who is ahead of this node was told of a map that it may not have heard of. A map that is drawn after this look
    // is among the changes.
    let layout = match since {
        Some(since) if since > event.revision() && event.stale_since().is_none() => {
            let layout = state.store.layout(event_id).await?;
            layout.map_or(event.event().layout, i32::unsigned_abs)
        }
        _ => event.event().layout,
    };
    let delta = match since {
        // The log cannot be read.
        _ if event.stale_since().is_some() => None,
        // The caller is current.
        Some(since) if since == event.revision() => Some(unchanged(since)),
        Some(since) => {
            let rows_max = state.config.feed.log_rows_max;
            state.store.changed_since(event_id, since, rows_max).await?
        }
        None => None,
    };
    let delta = delta.filter(|delta| delta.layout.is_none() && !delta.deleted);
    let mut answer = match delta {
        Some(delta) => SeatStatuses::changed(layout, &delta),
        None => whole(&state, event_id, &event, since).await?,
    };
    if is_private {
        let types = match is_staff {
            true => Some(Vec::new()),
            false => opened(&state, event_id, known).await?.hidden,
        };
        if let Some(types) = types {
            // The delta may be newer than what this node has in memory.
            let version = event.version().at_least(answer.revision);
            let (layout, places) = hidden(&state, event_id, version, &types).await?;
            if layout != answer.layout {
                // The map was drawn anew, and this node has not heard of it: its places are of other seats.
                let read = state.store.seat_statuses(event_id).await?;
                answer = read.map_or(answer, SeatStatuses::read);
            }
            // Drawn yet again meanwhile: the caller hears of that, and asks anew.
            let is_of_map = layout == answer.layout;
            answer.revealed = Some(if is_of_map { places } else { Vec::new() });
        }
        let tag = answer.revision.to_string();
        let answer = marked(Reply::ok("SEATS", answer).into_response(), &tag, PRIVATE);
        return Ok(cache::stale(by_caller(answer), event.stale_since()));
    }
    let tag = answer.revision.to_string();
    let control = event.moment();
    let answer = tagged(&headers, &tag, control, "SEATS", || answer);
    Ok(cache::stale(by_caller(answer), event.stale_since()))
}

/// The event's people are told more at the same address, so a shared cache may not give them what it has for everybody. Of all
/// events: elsewhere it would say that there are hidden types.
fn by_caller(mut answer: Response) -> Response {
    let vary = HeaderValue::from_static("authorization, x-api-key, x-user-id");
    answer.headers_mut().append(header::VARY, vary);
    answer
}

fn unchanged(revision: Revision) -> Delta {
    Delta {
        from: revision,
        to: revision,
        ..Delta::default()
    }
}

/// The statuses of all seats: of a watched event as they are in memory, else as they were read at this revision. Whoever was
/// told a newer one by another node is given those in the database.
async fn whole(
    state: &ApiState,
    event_id: EventId,
    seen: &EventStock,
    since: Option<Revision>,
) -> ApiResult<SeatStatuses> {
    let not_found = || ApiError::not_found("EVENT_NOT_FOUND");
    let is_ahead = since.is_some_and(|since| since > seen.revision());
    // One row first: it may be nobody's revision at all.
    if is_ahead
        && seen.stale_since().is_none()
        && state.store.revision(event_id).await? > Some(seen.revision())
    {
        let read = state.store.seat_statuses(event_id).await?;
        return read.map(SeatStatuses::read).ok_or_else(not_found);
    }
    if let Some(known) = state.board.get(event_id) {
        let EventState {
            event,
            revision,
            seats,
            ..
        } = &*known.state;
        return Ok(SeatStatuses::all(event.layout, *revision, seats.bytes()));
    }
    let (version, layout) = (seen.version(), seen.event().layout);
    let revision = version.revision;
    let key = KeptKey::Statuses {
        event: event_id,
        version,
    };
    let read = async {
        let read = state.store.seat_statuses(event_id).await;
        let read = read.map_err(ApiError::from)?;
        let read = read.ok_or_else(not_found)?;
        match read.revision == revision {
            true => Ok(Bytes::copy_from_slice(read.seats.bytes())),
            false => Err(NotKept::Moved(read)),
        }
    };
    match state.seatmaps.get(key, read).await {
        Ok(seats) => Ok(SeatStatuses::all(layout, revision, &seats)),
        Err(NotKept::Moved(read)) => Ok(SeatStatuses::read(read)),
        Err(NotKept::Failed(error)) => Err(error),
    }
}

/// The numbers of seats by section, kept for the revision at which they were read.
pub(super) async fn by_section(
    state: &ApiState,
    event_id: EventId,
    version: EventVersion,
) -> ApiResult<Vec<SectionStand>> {
    let key = KeptKey::Sections {
        event: event_id,
        version,
    };
    let read = async {
        let read = state.store.section_stands(event_id).await;
        let read = read.map_err(ApiError::from)?;
        let (now, sections) = read.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
        match now == version.revision {
            true => Ok(serde_json::to_vec(&sections)
                .map_err(ApiError::internal)?
                .into()),
            false => Err(NotKept::Moved(sections)),
        }
    };
    match state.seatmaps.get(key, read).await {
        Ok(kept) => Ok(serde_json::from_slice(&kept).map_err(ApiError::internal)?),
        Err(NotKept::Moved(sections)) => Ok(sections),
        Err(NotKept::Failed(error)) => Err(error),
    }
}

/// Places of the free seats of hidden types, of `types` or of all if that is empty, ascending, with the layout that they are
/// of. All bearers of codes ask whenever the event changes: they are read once for each revision.
async fn hidden(
    state: &ApiState,
    event_id: EventId,
    version: EventVersion,
    types: &[TicketTypeId],
) -> ApiResult<(u32, Vec<u32>)> {
    let key = KeptKey::Hidden {
        event: event_id,
        version,
    };
    let read = async {
        let read = state.store.hidden_free_seats(event_id).await;
        let read = read.map_err(ApiError::from)?;
        let read = read.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
        let seats = (read.layout, read.of_types);
        match read.revision == version.revision {
            true => Ok(serde_json::to_vec(&seats)
                .map_err(ApiError::internal)?
                .into()),
            false => Err(NotKept::Moved(seats)),
        }
    };
    let (layout, seats): (u32, Vec<HiddenSeats>) = match state.seatmaps.get(key, read).await {
        Ok(kept) => serde_json::from_slice(&kept).map_err(ApiError::internal)?,
        Err(NotKept::Moved(seats)) => seats,
        Err(NotKept::Failed(error)) => return Err(error),
    };
    let of_types = seats
        .into_iter()
        .filter(|(id, _)| types.is_empty() || types.contains(id));
    let mut places: Vec<u32> = of_types.flat_map(|(_, places)| places).collect();
    places.sort_unstable();
    Ok((layout, places))
}

/// Why something is not kept for the revision that the event had a moment ago.
enum NotKept<T> {
    /// It has another one now.
    Moved(T),
    Failed(ApiError),
}

impl<T> From<ApiError> for NotKept<T> {
    fn from(error: ApiError) -> NotKept<T> {
        NotKept::Failed(error)
    }
}

impl SeatStatuses {
    fn all(layout: u32, revision: Revision, seats: &[u8]) -> SeatStatuses {
        SeatStatuses {
            layout,
            revision,
            seats: Some(STANDARD.encode(seats)),
            changed: None,
            revealed: None,
        }
    }

    fn read(read: SeatsRow) -> SeatStatuses {
        SeatStatuses::all(read.layout, read.revision, read.seats.bytes())
    }

    fn changed(layout: u32, delta: &Delta) -> SeatStatuses {
        let seats = delta.seats.iter();
        SeatStatuses {
            layout,
            revision: delta.to,
            seats: None,
            changed: Some(
                seats
                    .map(|(place, status)| (*place, *status as u8))
                    .collect(),
            ),
            revealed: None,
        }
    }
}

/// Looks at seats that are changed by force. Another one follows only where a seat was sold, or left the map, between the look
/// and the command.
const FORCED_LOOKS_MAX: u32 = 3;

/// Take seats off sale, put them back, or move them to another ticket type
#[utoipa::path(patch, path = "/events/{event_id}/seats", tag = "seats",
    params(("event_id" = EventId, Path, example = 4)), request_body = SeatsPatch,
    responses(
        (status = 200, body = Envelope<SeatsChanged>, headers(("X-Event-Revision" = i64))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`, `SEAT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`SEAT_SOLD`, `SEAT_HELD` (unless `force`), with `seats`; `TICKET_TYPE_HAS_UNITS`"),
    ))]
pub(super) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    body: Body<SeatsPatch>,
) -> ApiResult<Reply<SeatsChanged>> {
    let patch = body.input;
    let change = SeatsChange {
        seats: patch.seat_ids,
        blocked: patch.blocked,
        ticket_type: patch.ticket_type_id,
    };
    let mut looks = 0;
    let revision = loop {
        looks += 1;
        match state.store.change_seats(event_id, &caller, &change).await {
            Err(EditError::Refused(EditRefusal::SeatHeld { seats }))
                if patch.force && looks < FORCED_LOOKS_MAX =>
            {
                if seats.len() > HELD_SEATS_FORCED_MAX {
                    let error = FieldError::new("seat_ids", "TOO_MANY", HELD_SEATS_FORCED_MAX);
                    return Err(ApiError::invalid(vec![error]));
                }
                let organizer = state.store.organizer_of(event_id).await?;
                let entry = |organizer| AuditEntry::of_event(&caller, organizer, event_id);
                let withdraw = Withdraw {
                    event_id,
                    change: change.clone(),
                    audit: organizer.map(entry),
                };
                match state.desk.withdraw(withdraw).await {
                    Ok(withdrawn) => break withdrawn.revision,
                    // The next look says why.
                    Err(DeskError::Refused(
                        Refusal::SeatTaken { .. }
                        | Refusal::SeatNotFound { .. }
                        | Refusal::TicketTypeNotFound { .. },
                    )) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            outcome => break outcome?.revision,
        }
    };
    state.board.committed(event_id, revision);
    let seat_ids = change.seats;
    Ok(Reply::ok("SEATS_UPDATED", SeatsChanged { seat_ids }).revision(revision))
}
