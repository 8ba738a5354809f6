//! The change log of an event for its people: what was sold, held and put back, step by step, to see a sale again.

use std::ops::RangeInclusive;

use axum::extract::State;
use serde::Serialize;
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::ApiResult;
use super::extract::{At, Query};
use super::fields::{Fields, Input};
use super::numbers::event_with;
use crate::auth::{Caller, Right};
use crate::config::inside::{HISTORY_ROWS_DEFAULT, HISTORY_ROWS_MAX};
use crate::schema;
use crate::ticketing::live::{Delta, EventStatus, RowChange, TicketType};
use crate::ticketing::{EventId, Revision, TicketTypeId};

/// Revisions are numbers that JavaScript can count with.
const REVISIONS: RangeInclusive<i64> = 0..=9_007_199_254_740_991;

/// The changes asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesQuery {
    /// Only those after this revision; without it, from the oldest that is kept.
    #[param(schema_with = revision, required = false)]
    after: i64,
    #[param(schema_with = rows, required = false)]
    limit: i64,
}

fn revision() -> Object {
    schema::integer(*REVISIONS.start(), *REVISIONS.end()).build()
}

fn rows() -> Object {
    let default = Some(HISTORY_ROWS_DEFAULT.into());
    schema::integer(1, HISTORY_ROWS_MAX)
        .default(default)
        .build()
}

impl Input for ChangesQuery {
    fn read(fields: &mut Fields) -> Option<ChangesQuery> {
        let limit = fields.integer("limit", 1..=HISTORY_ROWS_MAX);
        Some(ChangesQuery {
            after: fields.integer("after", REVISIONS).unwrap_or(0),
            limit: limit.unwrap_or(HISTORY_ROWS_DEFAULT),
        })
    }
}

/// A part of an event's change log.
#[derive(Serialize, ToSchema)]
pub(super) struct EventHistory {
    event_id: EventId,
    /// Oldest first. The first one has a revision that follows `after`, unless older ones were dropped meanwhile.
    changes: Vec<HistoryChange>,
    /// Ask again with this `after`; `null` where nothing came after these.
    next: Option<Revision>,
}

/// One change, in absolute values: what is left out stayed.
#[derive(Serialize, ToSchema)]
struct HistoryChange {
    revision: Revision,
    /// RFC 3339, UTC.
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventThen>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ticket_types: Vec<TypeThen>,
    /// `[position, status]`: 0 available, 1 held, 2 sold, 3 blocked. With `layout`, seats from position `kept` on are
    /// available unless they are listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seats: Vec<(u32, u8)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<u32>,
}

#[derive(Serialize, ToSchema)]
struct EventThen {
    status: EventStatus,
    capacity: i64,
}

/// A ticket type, of hidden ones as well. One that was deleted has its `id` only.
#[derive(Serialize, ToSchema)]
struct TypeThen {
    id: TicketTypeId,
    #[serde(flatten)]
    numbers: Option<TypeNumbers>,
}

#[derive(Serialize, ToSchema)]
struct TypeNumbers {
    name: String,
    capacity: i64,
    available: i64,
    held: i64,
    sold: i64,
}

impl HistoryChange {
    fn of(delta: Delta) -> HistoryChange {
        let then = |(id, change): (TicketTypeId, RowChange<TicketType>)| TypeThen {
            id,
            numbers: change.row.map(|row| TypeNumbers {
                name: row.name,
                capacity: row.capacity,
                available: row.available,
                held: row.held,
                sold: row.sold,
            }),
        };
        let seats = delta.seats.into_iter();
        HistoryChange {
            revision: delta.to,
            at: delta.at,
            event: delta.event.map(|event| EventThen {
                status: event.status,
                capacity: event.capacity,
            }),
            ticket_types: delta.ticket_types.into_iter().map(then).collect(),
            seats: seats
                .map(|(position, status)| (position, status as u8))
                .collect(),
            kept: delta.layout.map(|_| delta.kept),
            layout: delta.layout,
        }
    }
}

/// The change log of an event
///
/// Tickets that were held, sold and put back, oldest first, as long as the log is kept (`--changes-retention-hours`): a sale can be seen
/// again by it. Needs the right `figures`.
#[utoipa::path(get, path = "/events/{event_id}/changes", tag = "numbers",
    params(("event_id" = EventId, Path), ChangesQuery),
    responses(
        (status = 200, body = Envelope<EventHistory>),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`"),
    ))]
pub(super) async fn changes(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(asked): Query<ChangesQuery>,
) -> ApiResult<Reply<EventHistory>> {
    event_with(&state, &caller, Right::Figures, event_id).await?;
    let after = Revision::try_from(asked.after).unwrap_or_default();
    let rows_max = usize::try_from(asked.limit).unwrap_or_default();
    // One more shows whether there are more.
    let log = state
        .store
        .changes_after(&[(event_id, after)], rows_max + 1)
        .await?;
    let has_more = log.len() > rows_max;
    let changes: Vec<HistoryChange> = log
        .into_iter()
        .take(rows_max)
        .map(|(_, delta)| HistoryChange::of(delta))
        .collect();
    let next = changes.last().map(|change| change.revision);
    let history = EventHistory {
        event_id,
        next: next.filter(|_| has_more),
        changes,
    };
    Ok(Reply::ok("HISTORY", history))
}
