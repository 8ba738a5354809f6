//! Events as answers show them.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::events::{EventInFull, EventRow, ManagedEvent, TypeTerms};
use crate::ticketing::availability::{SaleState, StockStatus, Thresholds, TicketTypeAvailability};
use crate::ticketing::live::{EventStatus, TicketType, Totals};
use crate::ticketing::record::Money;
use crate::ticketing::{EventId, Revision, TicketTypeId, UserId};

/// An event in a list.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Event {
    id: EventId,
    organizer_id: UserId,
    title: String,
    description: String,
    venue: String,
    category: String,
    image_url: Option<String>,
    /// RFC 3339, UTC.
    starts_at: String,
    /// RFC 3339, UTC; `null` where the organizer does not say, as is `doors_at`.
    ends_at: Option<String>,
    doors_at: Option<String>,
    /// IANA name of the zone to show times in.
    timezone: String,
    /// ISO 3166-1, as in `TH`: whose taxes its organization has for it. `null`: it has those of no country.
    country: Option<String>,
    /// `null` where the organizer does not say.
    city: Option<String>,
    currency: String,
    status: EventStatus,
    /// The best sale state among its ticket types.
    sale_state: SaleState,
    /// The lowest price of its ticket types; `null` without any.
    price: Option<Money>,
    capacity: i64,
    available_tickets: i64,
    held_tickets: i64,
    booked_tickets: i64,
    stock_status: StockStatus,
    membership_required: bool,
    max_per_booking: i64,
    hold_minutes: i64,
    /// How long an offer of the waitlist may wait for its answer.
    offer_minutes: i64,
    /// Version of the seat map; 0 without one.
    layout: u32,
    /// The event's counter of changes.
    revision: Revision,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

/// An event with its ticket types and sections.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct EventDetail {
    #[serde(flatten)]
    event: Event,
    /// By `sort`, then id.
    ticket_types: Vec<TicketTypeDetail>,
    sections: Vec<SectionView>,
}

/// A price class with its availability and terms.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct TicketTypeDetail {
    #[serde(flatten)]
    stock: TicketTypeAvailability,
    sort: i64,
    /// RFC 3339; `null`: from the event's publication on.
    sale_from: Option<String>,
    /// RFC 3339; `null`: until the event begins. May be later than that.
    sale_to: Option<String>,
    min_per_booking: i64,
    max_per_booking: Option<i64>,
    max_per_user: Option<i64>,
    members_only: bool,
    /// Sold only to callers with an account.
    account_required: bool,
    /// Sold only to callers with an account, or with a code from their mail.
    email_required: bool,
    /// Sold by the seat: choose seats on the map, or let `best_available` choose.
    seated: bool,
    /// Shown to the event's people only, and booked with a voucher that reveals it.
    hidden: bool,
    /// How many of those available are set aside for the bearers of the `voucher` that was named; 0 without one.
    reserved: i64,
}

#[derive(Serialize, ToSchema)]
pub(in crate::api) struct SectionView {
    id: i64,
    name: String,
    /// The number of its seats.
    seats: i64,
}

/// An event with its sales, for its people. Bookings and revenue count confirmed bookings only.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Management {
    #[serde(flatten)]
    event: Event,
    /// Of hidden ticket types as well.
    total_tickets_sold: i64,
    /// For those who may see figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_revenue: Option<Money>,
    /// For those who may see figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_bookings: Option<i64>,
    /// Sold, in percent of the capacity, to two decimals.
    occupancy_percentage: f64,
}

/// Thresholds and the current time: whatever a view needs beside the event.
#[derive(Clone, Copy)]
pub(in crate::api) struct ViewContext {
    pub(in crate::api) thresholds: Thresholds,
    pub(in crate::api) now: Timestamp,
}

impl Event {
    pub(in crate::api) fn of(row: EventRow, context: ViewContext) -> Event {
        let totals = Totals::of(&row.event, &row.ticket_types);
        let shown = || row.ticket_types.iter().filter(|t| !t.hidden);
        let sale_state = SaleState::of_event(&row.event, shown(), context.now);
        let lowest = shown().map(|t| t.price).min();
        let event = row.event;
        Event {
            sale_state,
            price: lowest.map(|amount| Money {
                amount,
                currency: event.currency.clone(),
            }),
            capacity: totals.capacity,
            available_tickets: totals.available,
            held_tickets: totals.held,
            booked_tickets: totals.sold,
            stock_status: StockStatus::of(totals.available, totals.capacity, &context.thresholds),
            id: event.id,
            organizer_id: event.organizer_id,
            title: event.title,
            description: event.description,
            venue: event.venue,
            category: event.category,
            image_url: event.image_url,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            doors_at: event.doors_at,
            timezone: event.timezone,
            country: row.country,
            city: row.city,
            currency: event.currency,
            status: event.status,
            membership_required: event.membership_required,
            max_per_booking: event.max_per_booking,
            hold_minutes: event.hold_minutes,
            offer_minutes: row.offer_minutes,
            layout: event.layout,
            revision: row.revision,
            created_at: row.created_at,
            updated_at: event.updated_at,
        }
    }
}

impl EventDetail {
    pub(in crate::api) fn of(full: EventInFull, context: ViewContext) -> EventDetail {
        let ticket_types = TicketTypeDetail::all(&full, context);
        let sections = full.sections.into_iter().map(|section| SectionView {
            id: section.id,
            name: section.name,
            seats: section.seats,
        });
        EventDetail {
            ticket_types,
            sections: sections.collect(),
            event: Event::of(full.row, context),
        }
    }
}

impl TicketTypeDetail {
    /// By `sort`, then id. Types and terms are of one snapshot, both by id.
    pub(in crate::api) fn all(full: &EventInFull, context: ViewContext) -> Vec<TicketTypeDetail> {
        let mut pairs: Vec<(&TicketType, &TypeTerms)> =
            full.row.ticket_types.iter().zip(&full.terms).collect();
        pairs.sort_by_key(|(ticket_type, _)| (ticket_type.sort, ticket_type.id));
        let of = |(ticket_type, terms): (&TicketType, &TypeTerms)| TicketTypeDetail {
            stock: TicketTypeAvailability::of(
                &full.row.event,
                ticket_type,
                &context.thresholds,
                context.now,
            ),
            sort: ticket_type.sort,
            sale_from: ticket_type.sale_from.clone(),
            sale_to: ticket_type.sale_to.clone(),
            min_per_booking: terms.min_per_booking,
            max_per_booking: terms.max_per_booking,
            max_per_user: terms.max_per_user,
            members_only: terms.members_only,
            account_required: terms.account_required,
            email_required: terms.email_required,
            seated: terms.seated,
            hidden: ticket_type.hidden,
            reserved: match full.reserved {
                Some((of, left)) if of == ticket_type.id => left,
                _ => 0,
            },
        };
        pairs.into_iter().map(of).collect()
    }

    pub(in crate::api) fn id(&self) -> TicketTypeId {
        self.stock.id
    }
}

impl Management {
    pub(in crate::api) fn of(
        managed: ManagedEvent,
        sees_figures: bool,
        context: ViewContext,
    ) -> Management {
        let types = &managed.row.ticket_types;
        let sold = types.iter().map(|one| one.sold).sum();
        let held = types.iter().map(|one| one.held).sum();
        let event = Event {
            held_tickets: held,
            booked_tickets: sold,
            ..Event::of(managed.row, context)
        };
        Management {
            total_tickets_sold: sold,
            total_revenue: sees_figures.then(|| Money {
                amount: managed.revenue,
                currency: event.currency.clone(),
            }),
            total_bookings: sees_figures.then_some(managed.bookings),
            occupancy_percentage: crate::ticketing::availability::percentage(sold, event.capacity),
            event,
        }
    }
}
