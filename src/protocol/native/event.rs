//! Counts, fields and notices of an event.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::config::AvailabilityConfig;
use crate::protocol::presence::Counts;
use crate::ticketing::availability::{StockStatus, Thresholds};
use crate::ticketing::live::{Delta, EventInfo, EventState, Notice, Op, RowChange, TicketType};
use crate::ticketing::{NoticeId, PoolId, Revision, TicketTypeId};

/// The whole state for `event:` viewers, with ticket types in display order.
pub fn event_state<'a>(
    state: &'a EventState,
    now: Timestamp,
    presence: &'a Counts,
    limits: &AvailabilityConfig,
) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    struct JoinedState<'a> {
        event: &'a EventInfo,
        ticket_types: Vec<TicketTypeRow<'a>>,
        notices: Vec<&'a Notice>,
        presence: &'a Counts,
    }
    let pricing = Pricing::of(state, limits);
    let types = shown_types(state).into_iter();
    JoinedState {
        event: &state.event,
        ticket_types: types.map(|row| pricing.row(row)).collect(),
        notices: state.notices_at(now).collect(),
        presence,
    }
}

/// The ticket types that viewers see, in the order in which they are to be shown.
fn shown_types(state: &EventState) -> Vec<&TicketType> {
    let shown = state.ticket_types.values().filter(|row| !row.hidden);
    let mut types: Vec<_> = shown.collect();
    types.sort_by_key(|row| (row.sort, row.id));
    types
}

/// The changes for an `event:` viewer, as the state of a resumed join.
///
/// `state` is the event's at `delta.to`; it gives the currency of prices.
pub fn event_changes<'a>(
    delta: &'a Delta,
    state: &'a EventState,
    presence: &'a Counts,
    limits: &AvailabilityConfig,
) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    struct Resumed<'a> {
        #[serde(flatten)]
        changes: EventChanges<'a>,
        /// Always whole: presence has no revision to resume from.
        presence: &'a Counts,
    }
    Resumed {
        changes: EventChanges::new(delta, state, limits),
        presence,
    }
}

/// An `update` for `event:` viewers. From revision 0 it holds everything as [`event_state`] does, including empty lists;
/// only presence, which has no revision, is missing.
pub fn event_update<'a>(
    delta: &'a Delta,
    state: &'a EventState,
    limits: &AvailabilityConfig,
) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    struct EventUpdate<'a> {
        from: Revision,
        to: Revision,
        #[serde(flatten)]
        changes: EventChanges<'a>,
    }
    EventUpdate {
        from: delta.from,
        to: delta.to,
        changes: EventChanges::new(delta, state, limits),
    }
}

#[derive(Serialize)]
struct EventChanges<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_types: Option<Rows<'a, TicketTypeId, TicketType, Pricing<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a EventInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notices: Option<Rows<'a, NoticeId, Notice, AsItIs>>,
    /// The event is gone: nothing comes after.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

impl<'a> EventChanges<'a> {
    fn new(delta: &'a Delta, state: &'a EventState, limits: &AvailabilityConfig) -> Self {
        let pricing = Pricing::of(state, limits);
        if delta.from == 0 {
            // Clients replace all that they have by these rows, so none may be a removed one, and their order is the one
            // that is shown. A delta has both removed and hidden rows, by id.
            return EventChanges {
                ticket_types: Some(Rows::whole(shown_types(state), |row| &row.id, pricing)),
                event: Some(&state.event),
                notices: Some(Rows::whole(state.notices.values(), |row| &row.id, AsItIs)),
                deleted: delta.deleted,
            };
        }
        // The layout's version is a field of the event, but a change of the seat map may come alone.
        let relaid = delta.layout.map(|_| &state.event);
        let types = Rows::changed(&delta.ticket_types, pricing);
        let notices = Rows::changed(&delta.notices, AsItIs);
        EventChanges {
            ticket_types: Some(types).filter(|rows| !rows.rows.is_empty()),
            event: delta.event.as_ref().or(relaid),
            notices: Some(notices).filter(|rows| !rows.rows.is_empty()),
            deleted: delta.deleted,
        }
    }
}

/// Rows as an array; a removed one, which has no row here, as `{"id", "removed": true}`.
struct Rows<'a, Id, T, V> {
    rows: Vec<(&'a Id, Option<&'a T>)>,
    view: V,
}

impl<'a, Id, T, V: WireForm<'a, T>> Rows<'a, Id, T, V> {
    fn whole(rows: impl IntoIterator<Item = &'a T>, id: fn(&T) -> &Id, view: V) -> Self {
        let rows = rows.into_iter().map(|row| (id(row), Some(row)));
        Rows {
            rows: rows.collect(),
            view,
        }
    }

    /// A row that is hidden from viewers is removed for them.
    fn changed(changes: &'a BTreeMap<Id, RowChange<T>>, view: V) -> Self {
        let shown = |change: &'a RowChange<T>| {
            let row = change.row.as_ref().filter(|row| V::is_shown(row));
            row.filter(|_| change.op != Op::Delete)
        };
        let rows = changes.iter().map(|(id, change)| (id, shown(change)));
        Rows {
            rows: rows.collect(),
            view,
        }
    }
}

impl<'a, Id: Serialize, T, V: WireForm<'a, T>> Serialize for Rows<'a, Id, T, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum ChangedRow<Id, R> {
            Row(R),
            Removed { id: Id, removed: bool },
        }
        serializer.collect_seq(self.rows.iter().map(|&(id, row)| match row {
            Some(row) => ChangedRow::Row(self.view.row(row)),
            None => ChangedRow::Removed { id, removed: true },
        }))
    }
}

/// The form of a row on the wire.
trait WireForm<'a, T> {
    type Row: Serialize;

    fn is_shown(_row: &T) -> bool {
        true
    }

    fn row(&self, row: &'a T) -> Self::Row;
}

/// Serializes a row as it is.
struct AsItIs;

impl<'a> WireForm<'a, Notice> for AsItIs {
    type Row = &'a Notice;

    fn row(&self, row: &'a Notice) -> &'a Notice {
        row
    }
}

/// Serializes a ticket type with its price's currency and its stock status.
#[derive(Clone, Copy)]
struct Pricing<'a> {
    currency: &'a str,
    thresholds: Thresholds,
}

impl<'a> Pricing<'a> {
    fn of(state: &'a EventState, limits: &AvailabilityConfig) -> Self {
        Pricing {
            currency: &state.event.currency,
            thresholds: limits.thresholds(),
        }
    }
}

impl<'a> WireForm<'a, TicketType> for Pricing<'a> {
    type Row = TicketTypeRow<'a>;

    fn is_shown(row: &TicketType) -> bool {
        !row.hidden
    }

    fn row(&self, row: &'a TicketType) -> TicketTypeRow<'a> {
        TicketTypeRow {
            id: row.id,
            name: &row.name,
            price: WirePrice {
                amount: row.price,
                currency: self.currency,
            },
            capacity: row.capacity,
            available: row.available,
            held: row.held,
            sold: row.sold,
            status: StockStatus::of(row.available, row.capacity, &self.thresholds),
            shared: &row.shared,
            sale_from: row.sale_from.as_deref(),
            sale_to: row.sale_to.as_deref(),
            members_only: row.members_only,
            account_required: row.account_required,
            email_required: row.email_required,
            min_per_booking: row.min_per_booking,
            max_per_booking: row.max_per_booking,
            max_per_user: row.max_per_user,
        }
    }
}

#[derive(Serialize)]
struct TicketTypeRow<'a> {
    id: TicketTypeId,
    name: &'a str,
    price: WirePrice<'a>,
    capacity: i64,
    available: i64,
    held: i64,
    sold: i64,
    status: StockStatus,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    shared: &'a [(PoolId, i64)],
    // Terms of sale; those that bind nobody are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_to: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    members_only: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    account_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    email_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_per_booking: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_booking: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_user: Option<i64>,
}

/// A price in minor units.
#[derive(Serialize)]
struct WirePrice<'a> {
    amount: i64,
    currency: &'a str,
}
