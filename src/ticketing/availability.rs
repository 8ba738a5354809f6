//! Availability as counts and as words. The words («almost sold out») are rules here, so that all pages agree.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::live::{EventInfo, EventStatus, TicketType, Totals};
use super::record::Money;
use super::{EventId, Revision, TicketTypeId};

/// Thresholds of the words «limited», «almost sold out» and «low stock».
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    pub limited_percent: u8,
    pub almost_sold_out_percent: u8,
    pub low_stock_below: i64,
}

/// The availability in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockStatus {
    Available,
    Limited,
    AlmostSoldOut,
    SoldOut,
}

/// Whether sales are open, regardless of stock. The names match the refusals of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    /// The event is not published, or `sale_from` is not reached.
    NotStarted,
    OnSale,
    /// `sale_to` has passed or, without one, the event has begun; or it is paused, cancelled or completed.
    Closed,
}

/// Availability of an event at one revision.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Availability {
    pub event_id: EventId,
    pub total_capacity: i64,
    /// Tickets sold.
    pub booked_tickets: i64,
    /// Tickets in pending bookings: neither sold nor available.
    pub held_tickets: i64,
    /// Tickets that can be bought now, limited by the capacities of the event and of each ticket type.
    pub available_tickets: i64,
    /// Sold, in percent of the capacity, to two decimals.
    pub occupancy_percentage: f64,
    pub is_sold_out: bool,
    /// At most 10 % left (configurable); also true when sold out.
    pub is_almost_sold_out: bool,
    /// At most 25 % left (configurable); also true when almost or entirely sold out.
    pub is_limited: bool,
    /// The strongest of the three that holds.
    pub status: StockStatus,
    /// Fewer than 10 left (configurable).
    pub low_stock: bool,
    pub event_status: EventStatus,
    /// The event's counter of changes; newer numbers have a higher one.
    pub revision: Revision,
    /// The time at which the newest of these numbers was written (RFC 3339).
    pub last_updated: String,
    /// By `sort`, then id.
    pub ticket_types: Vec<TicketTypeAvailability>,
}

/// Availability of one ticket type.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TicketTypeAvailability {
    pub id: TicketTypeId,
    pub name: String,
    pub price: Money,
    pub capacity: i64,
    pub available: i64,
    pub held: i64,
    pub sold: i64,
    pub status: StockStatus,
    pub sale_state: SaleState,
}

impl StockStatus {
    pub fn of(available: i64, capacity: i64, thresholds: &Thresholds) -> StockStatus {
        let at_most = |percent: u8| available * 100 <= capacity * i64::from(percent);
        if available <= 0 {
            StockStatus::SoldOut
        } else if at_most(thresholds.almost_sold_out_percent) {
            StockStatus::AlmostSoldOut
        } else if at_most(thresholds.limited_percent) {
            StockStatus::Limited
        } else {
            StockStatus::Available
        }
    }
}

impl SaleState {
    /// The sale state of one ticket type.
    pub fn of(event: &EventInfo, ticket_type: &TicketType, now: Timestamp) -> SaleState {
        let passed = |time: &Option<String>| time.as_deref().and_then(parsed).map(|at| at <= now);
        let closes_at = ticket_type.sale_to.as_ref().unwrap_or(&event.starts_at);
        let closed = parsed(closes_at).is_some_and(|at| at <= now);
        match event.status {
            EventStatus::Draft => SaleState::NotStarted,
            EventStatus::Active if closed => SaleState::Closed,
            EventStatus::Active if passed(&ticket_type.sale_from) == Some(false) => {
                SaleState::NotStarted
            }
            EventStatus::Active => SaleState::OnSale,
            EventStatus::Paused | EventStatus::Cancelled | EventStatus::Completed => {
                SaleState::Closed
            }
        }
    }

    /// The sale state of the event: the best one among its ticket types; without types, the one that a new type would have.
    pub fn of_event<'a>(
        event: &EventInfo,
        ticket_types: impl IntoIterator<Item = &'a TicketType>,
        now: Timestamp,
    ) -> SaleState {
        let states = ticket_types
            .into_iter()
            .map(|ticket_type| SaleState::of(event, ticket_type, now));
        let rank = |state: &SaleState| match state {
            SaleState::OnSale => 2,
            SaleState::NotStarted => 1,
            SaleState::Closed => 0,
        };
        states.max_by_key(rank).unwrap_or(match event.status {
            EventStatus::Draft | EventStatus::Active => SaleState::NotStarted,
            _ => SaleState::Closed,
        })
    }
}

impl Availability {
    pub fn of(
        revision: Revision,
        event: &EventInfo,
        ticket_types: &[&TicketType],
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Availability {
        let totals = Totals::of(event, ticket_types.iter().copied());
        let status = StockStatus::of(totals.available, totals.capacity, thresholds);
        let mut sorted = ticket_types.to_vec();
        sorted.sort_by_key(|ticket_type| (ticket_type.sort, ticket_type.id));
        Availability {
            event_id: event.id,
            total_capacity: totals.capacity,
            booked_tickets: totals.sold,
            held_tickets: totals.held,
            available_tickets: totals.available,
            occupancy_percentage: percentage(totals.sold, totals.capacity),
            is_sold_out: status == StockStatus::SoldOut,
            is_almost_sold_out: matches!(status, StockStatus::SoldOut | StockStatus::AlmostSoldOut),
            is_limited: status != StockStatus::Available,
            status,
            low_stock: totals.available < thresholds.low_stock_below,
            event_status: event.status,
            revision,
            last_updated: last_updated(event, ticket_types.iter().copied()).to_owned(),
            ticket_types: sorted
                .into_iter()
                .map(|ticket_type| TicketTypeAvailability::of(event, ticket_type, thresholds, now))
                .collect(),
        }
    }
}

impl TicketTypeAvailability {
    pub fn of(
        event: &EventInfo,
        ticket_type: &TicketType,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> TicketTypeAvailability {
        TicketTypeAvailability {
            id: ticket_type.id,
            name: ticket_type.name.clone(),
            price: Money {
                amount: ticket_type.price,
                currency: event.currency.clone(),
            },
            capacity: ticket_type.capacity,
            available: ticket_type.available,
            held: ticket_type.held,
            sold: ticket_type.sold,
            status: StockStatus::of(ticket_type.available, ticket_type.capacity, thresholds),
            sale_state: SaleState::of(event, ticket_type, now),
        }
    }
}

/// A version of an event's numbers and seats. A restored backup writes the same revisions again, but later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventVersion {
    pub revision: Revision,
    /// When the newest number was written.
    written: Timestamp,
    /// Of the seat map.
    layout: u32,
}

impl EventVersion {
    /// `ticket_types` are all of the event, since a hidden one has seats as well.
    pub fn of<'a>(
        revision: Revision,
        event: &'a EventInfo,
        ticket_types: impl IntoIterator<Item = &'a TicketType>,
    ) -> EventVersion {
        let written = parsed(last_updated(event, ticket_types));
        EventVersion {
            revision,
            written: written.unwrap_or_default(),
            layout: event.layout,
        }
    }

    /// The version of something that was read beside a revision that may be later.
    pub fn at_least(self, revision: Revision) -> EventVersion {
        EventVersion {
            revision: self.revision.max(revision),
            ..self
        }
    }
}

/// The number of the event's times (its beginning, its types' sale windows) that have passed since its last change. A
/// sale that opens by the clock makes no revision, so ETags have to add this number.
pub fn times_passed(event: &EventInfo, ticket_types: &[&TicketType], now: Timestamp) -> usize {
    let changed =
        parsed(last_updated(event, ticket_types.iter().copied())).unwrap_or(Timestamp::MIN);
    let windows = ticket_types
        .iter()
        .flat_map(|ticket_type| [&ticket_type.sale_from, &ticket_type.sale_to]);
    std::iter::once(event.starts_at.as_str())
        .chain(windows.filter_map(Option::as_deref))
        .filter_map(parsed)
        .filter(|at| changed < *at && *at <= now)
        .count()
}

/// The latest time. All texts come from one writer, in UTC and of one length, so the greatest text is the latest.
fn last_updated<'a>(
    event: &'a EventInfo,
    ticket_types: impl IntoIterator<Item = &'a TicketType>,
) -> &'a str {
    let types = ticket_types.into_iter().map(|t| &t.updated_at);
    types.fold(&event.updated_at, |latest, at| latest.max(at))
}

/// `part` in percent of `whole`, to two decimals; 0 if `whole` is 0.
pub fn percentage(part: i64, whole: i64) -> f64 {
    if whole <= 0 {
        return 0.0;
    }
    (part as f64 * 10_000.0 / whole as f64).round() / 100.0
}

fn parsed(time: &str) -> Option<Timestamp> {
    time.parse().ok()
}

#[cfg(test)]
mod tests;
