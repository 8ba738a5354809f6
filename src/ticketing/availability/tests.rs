#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::ticketing::UserId;

const NOON: &str = "2027-05-01T12:00:00.000000Z";

const THRESHOLDS: Thresholds = Thresholds {
    limited_percent: 25,
    almost_sold_out_percent: 10,
    low_stock_below: 10,
};

fn event(capacity: i64) -> EventInfo {
    EventInfo {
        id: EventId(7),
        organizer_id: UserId(2),
        title: "Concert".to_owned(),
        description: String::new(),
        venue: "Hall".to_owned(),
        category: "music".to_owned(),
        image_url: None,
        starts_at: "2027-06-01T18:00:00.000000Z".to_owned(),
        ends_at: None,
        doors_at: None,
        timezone: "UTC".to_owned(),
        currency: "EUR".to_owned(),
        status: EventStatus::Active,
        capacity,
        membership_required: false,
        max_per_booking: 10,
        hold_minutes: 15,
        layout: 0,
        updated_at: "2027-04-01T08:00:00.000000Z".to_owned(),
    }
}

fn ticket_type(id: i64, capacity: i64, held: i64, sold: i64) -> TicketType {
    TicketType {
        id: TicketTypeId(id),
        name: format!("Type {id}"),
        price: 4_500,
        capacity,
        available: capacity - held - sold,
        held,
        sold,
        sale_from: None,
        sale_to: None,
        sort: 0,
        updated_at: "2027-04-02T08:00:00.000000Z".to_owned(),
        shared: Vec::new(),
        hidden: false,
        members_only: false,
        account_required: false,
        email_required: false,
        min_per_booking: None,
        max_per_booking: None,
        max_per_user: None,
    }
}

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

fn of(event: &EventInfo, ticket_types: &[&TicketType]) -> Availability {
    Availability::of(41, event, ticket_types, &THRESHOLDS, noon())
}

#[test]
fn the_words_follow_the_share_that_is_left() {
    let status = |left| StockStatus::of(left, 100, &THRESHOLDS);
    let expected = [
        (100, StockStatus::Available),
        (26, StockStatus::Available),
        (25, StockStatus::Limited),
        (11, StockStatus::Limited),
        (10, StockStatus::AlmostSoldOut),
        (1, StockStatus::AlmostSoldOut),
        (0, StockStatus::SoldOut),
    ];
    for (left, word) in expected {
        assert_eq!(status(left), word, "{left} left");
    }
    assert_eq!(StockStatus::of(0, 0, &THRESHOLDS), StockStatus::SoldOut);
}

#[test]
fn the_flags_nest_and_held_tickets_are_not_available() {
    let (event, ticket_type) = (event(1_000), ticket_type(1, 1_000, 40, 900));
    let availability = of(&event, &[&ticket_type]);
    assert_eq!(availability.available_tickets, 60);
    assert_eq!(
        (availability.booked_tickets, availability.held_tickets),
        (900, 40)
    );
    assert_eq!(availability.occupancy_percentage, 90.0);
    assert_eq!(availability.status, StockStatus::AlmostSoldOut);
    assert!(availability.is_almost_sold_out && availability.is_limited);
    assert!(!availability.is_sold_out && !availability.low_stock);
    assert_eq!(availability.last_updated, "2027-04-02T08:00:00.000000Z");
}

#[test]
fn the_event_binds_what_its_types_add_up_to() {
    let (first, second) = (ticket_type(1, 80, 0, 60), ticket_type(2, 80, 0, 35));
    let availability = of(&event(100), &[&first, &second]);
    assert_eq!(availability.available_tickets, 5);
    assert!(availability.low_stock);
    assert_eq!(availability.occupancy_percentage, 95.0);
}

#[test]
fn ticket_types_come_by_sort_then_id() {
    let mut first = ticket_type(1, 10, 0, 0);
    first.sort = 5;
    let (second, third) = (ticket_type(3, 10, 0, 0), ticket_type(2, 10, 0, 0));
    let availability = of(&event(100), &[&first, &second, &third]);
    let ids: Vec<_> = availability.ticket_types.iter().map(|t| t.id).collect();
    assert_eq!(ids, [2, 3, 1].map(TicketTypeId));
}

#[test]
fn a_sale_is_open_within_its_window_while_the_event_is_active() {
    let mut event = event(100);
    let mut ticket_type = ticket_type(1, 100, 0, 0);
    let state = |event: &EventInfo, ticket_type: &TicketType| {
        let of_event = SaleState::of_event(event, [ticket_type], noon());
        assert_eq!(of_event, SaleState::of(event, ticket_type, noon()));
        of_event
    };
    assert_eq!(state(&event, &ticket_type), SaleState::OnSale);
    ticket_type.sale_from = Some("2027-05-01T12:00:00.000001Z".to_owned());
    assert_eq!(state(&event, &ticket_type), SaleState::NotStarted);
    ticket_type.sale_from = Some(NOON.to_owned());
    assert_eq!(state(&event, &ticket_type), SaleState::OnSale);
    ticket_type.sale_to = Some(NOON.to_owned());
    assert_eq!(state(&event, &ticket_type), SaleState::Closed);
    ticket_type.sale_to = None;
    event.starts_at = NOON.to_owned();
    assert_eq!(state(&event, &ticket_type), SaleState::Closed);
    event.starts_at = "2027-06-01T18:00:00.000000Z".to_owned();
    for (status, expected) in [
        (EventStatus::Draft, SaleState::NotStarted),
        (EventStatus::Paused, SaleState::Closed),
        (EventStatus::Cancelled, SaleState::Closed),
        (EventStatus::Completed, SaleState::Closed),
    ] {
        event.status = status;
        assert_eq!(state(&event, &ticket_type), expected);
    }
}

#[test]
fn times_that_passed_since_the_last_change_are_counted() {
    let event = event(100);
    let mut ticket_type = ticket_type(1, 100, 0, 0);
    assert_eq!(times_passed(&event, &[&ticket_type], noon()), 0);
    ticket_type.sale_from = Some("2027-03-01T00:00:00.000000Z".to_owned());
    assert_eq!(times_passed(&event, &[&ticket_type], noon()), 0);
    ticket_type.sale_from = Some("2027-04-20T00:00:00.000000Z".to_owned());
    assert_eq!(times_passed(&event, &[&ticket_type], noon()), 1);
}

#[test]
fn core_8_a_sale_may_go_on_after_the_start() {
    let mut event = event(100);
    event.starts_at = "2027-05-01T11:00:00.000000Z".to_owned();
    let now: Timestamp = "2027-05-01T12:00:00Z".parse().unwrap();
    let mut at_the_door = ticket_type(1, 10, 0, 0);
    assert_eq!(SaleState::of(&event, &at_the_door, now), SaleState::Closed);
    at_the_door.sale_to = Some("2027-05-01T12:00:00.000001Z".to_owned());
    assert_eq!(SaleState::of(&event, &at_the_door, now), SaleState::OnSale);
    at_the_door.sale_to = Some("2027-05-01T12:00:00.000000Z".to_owned());
    assert_eq!(SaleState::of(&event, &at_the_door, now), SaleState::Closed);
}
