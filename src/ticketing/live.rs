//! The live state of one event, and the deltas that move it.
//!
//! A row of the change log is a [`Delta`] from `revision - 1` to `revision`. All values in a delta are absolute, so
//! deltas merge by «the later wins», and applying one twice does no harm; only `from` and `to` decide whether it may
//! be applied. `EventState` at revision N equals the tables at the commit that wrote N.
//!
//! A delta from revision 0 is a whole state, be it an event's first change or the answer to a viewer that lagged too
//! far: it replaces the state and does not merge with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{EventId, NoticeId, PoolId, Revision, TicketTypeId, UserId};

mod delta;
#[cfg(test)]
pub(crate) mod samples;
mod seat_map;
mod state;
#[cfg(test)]
mod tests;

pub use seat_map::{SeatCounts, SeatMap, SeatStatus};

/// Everything that viewers can see of one event, at one revision; and its hidden ticket types, which they do not see.
#[derive(Debug, Clone, PartialEq)]
pub struct EventState {
    pub revision: Revision,
    pub event: EventInfo,
    /// By id; views order them by `sort` and id.
    pub ticket_types: BTreeMap<TicketTypeId, TicketType>,
    /// By id, which is their order of creation.
    pub notices: BTreeMap<NoticeId, Notice>,
    pub seats: SeatMap,
}

/// The event's own fields, as the change log and the snapshot carry them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventInfo {
    pub id: EventId,
    pub organizer_id: UserId,
    pub title: String,
    pub description: String,
    pub venue: String,
    pub category: String,
    pub image_url: Option<String>,
    /// RFC 3339 with offset.
    pub starts_at: String,
    /// RFC 3339; `None` where the organizer does not say.
    #[serde(default)]
    pub ends_at: Option<String>,
    /// When people are let in, at `starts_at` or before.
    #[serde(default)]
    pub doors_at: Option<String>,
    /// IANA name.
    pub timezone: String,
    /// ISO 4217.
    pub currency: String,
    pub status: EventStatus,
    /// The most tickets of the event as a whole: the capacity of its root pool.
    pub capacity: i64,
    pub membership_required: bool,
    pub max_per_booking: i64,
    pub hold_minutes: i64,
    /// Version of the seat map's geometry; 0 without one.
    pub layout: u32,
    pub updated_at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// Visible to its organizer only.
    Draft,
    Active,
    Paused,
    Cancelled,
    Completed,
}

/// One price class with its counters. `available` is the least that any of its pools has left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketType {
    pub id: TicketTypeId,
    pub name: String,
    /// Minor units of the event's currency.
    pub price: i64,
    pub capacity: i64,
    pub available: i64,
    pub held: i64,
    pub sold: i64,
    /// RFC 3339; `None`: from the event's publication on.
    pub sale_from: Option<String>,
    /// RFC 3339; `None`: until the event begins. May be later than that.
    pub sale_to: Option<String>,
    pub sort: i64,
    pub updated_at: String,
    /// Units left of each section and allotment that the type draws on, and of the event if that has a hidden type: see
    /// [`super::sellable`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<(PoolId, i64)>,
    /// Viewers do not see it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub members_only: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub account_required: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub email_required: bool,
    /// `None`: one ticket is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_per_booking: Option<i64>,
    /// `None`: the event's own limit alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_booking: Option<i64>,
    /// `None`: a buyer may have any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_user: Option<i64>,
}

/// An organiser's broadcast, live until `until` (or for good).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Notice {
    pub id: NoticeId,
    #[serde(rename = "type")]
    pub kind: String,
    pub message: String,
    pub data: serde_json::Value,
    pub at: String,
    pub until: Option<String>,
    /// The event's revision that made it: a viewer with an older revision has not seen it.
    #[serde(default)]
    pub revision: Revision,
    /// The join that sent it as a broadcast, if one did. Never sent to clients.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub sender: Option<Uuid>,
    /// Of a notice that was sent as a broadcast: what is sent on as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<OriginalBroadcast>,
}

/// A broadcast's own name and payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OriginalBroadcast {
    pub event: String,
    pub payload: serde_json::Value,
}

/// The operation on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Insert,
    Update,
    Delete,
}

/// A changed row. `row` is absent only for [`Op::Delete`].
#[derive(Debug, Clone, PartialEq)]
pub struct RowChange<T> {
    pub op: Op,
    /// Of [`Op::Insert`]: updates of the row followed, and are in `row`. Who watches updates alone is told of them.
    pub updated: bool,
    pub row: Option<T>,
}

/// All changes after revision `from` up to `to`, in absolute values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Delta {
    pub from: Revision,
    pub to: Revision,
    /// When the newest change in here was committed (RFC 3339, from the log).
    pub at: String,
    pub event: Option<EventInfo>,
    pub ticket_types: BTreeMap<TicketTypeId, RowChange<TicketType>>,
    pub notices: BTreeMap<NoticeId, RowChange<Notice>>,
    /// Broadcasts that were stored and deleted again within this delta, by the bound on an event's notices or by hand. No
    /// state has them, but their senders were told that they are sent, so viewers of broadcasts are.
    pub passed: BTreeMap<NoticeId, Notice>,
    /// Broadcasts up to this revision are missing in `passed`, which is bounded.
    pub passed_lost: Revision,
    /// Seat position → status. With `layout`, seats from position `kept` on are available unless they are listed.
    pub seats: BTreeMap<u32, SeatStatus>,
    /// The new version of the seat map's geometry, which viewers have to fetch.
    pub layout: Option<u32>,
    /// The number of seats in that geometry; meaningless without `layout`.
    pub seat_count: u32,
    /// The first `kept` positions are the same seats as before, or are listed; meaningless without `layout`.
    pub kept: u32,
    /// The event was deleted: no change follows.
    pub deleted: bool,
}

/// Counts of an event as a whole, in tickets of the types that viewers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub capacity: i64,
    pub held: i64,
    pub sold: i64,
    pub available: i64,
}

/// A delta starts after the revision of the state: changes between are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("have revision {have}, the next change starts at {from}")]
pub struct Gap {
    pub have: Revision,
    pub from: Revision,
}
