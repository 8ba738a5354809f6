#![allow(clippy::unwrap_used)]

use super::*;
use crate::ticketing::record::{Money, Ticket};
use crate::ticketing::stock::{Buyer, EventTerms, Pool, Proof, Seat, TicketTypeTerms};
use crate::ticketing::{ClaimId, EventId, PoolId, SeatId, TicketTypeId};

const ROOT: PoolId = PoolId(10);
const OWN: PoolId = PoolId(11);
const TYPE: TicketTypeId = TicketTypeId(1);
const SEAT: SeatId = SeatId(5);
const BUYER: UserId = UserId(7);

fn at(text: &str) -> Timestamp {
    format!("2026-11-21T{text}Z").parse().unwrap()
}

fn now() -> Timestamp {
    at("12:00:00")
}

/// Three of ten are held, one of them a seat.
fn stock() -> Stock {
    let pool = |capacity| Pool {
        capacity,
        held: 3,
        sold: 0,
    };
    let terms = TicketTypeTerms {
        name: "Stalls".into(),
        price_amount: 1_500,
        sort: 0,
        sale_from: None,
        sale_to: None,
        min_per_booking: 1,
        max_per_booking: None,
        max_per_user: Some(4),
        members_only: false,
        proof: Proof::Nothing,
        seated: false,
        pools: vec![ROOT, OWN],
    };
    let seat = Seat {
        ticket_type_id: TYPE,
        section: "Stalls".into(),
        row: "A".into(),
        number: "5".into(),
        taken: true,
    };
    let buyer = Buyer {
        member: false,
        pending: Some(BookingId(uuid::Uuid::nil())),
        live: [(TYPE, 3)].into(),
        tickets: 3,
    };
    Stock {
        event: EventTerms {
            id: EventId(1),
            organizer_id: UserId(2),
            status: EventStatus::Active,
            starts_at: at("20:00:00"),
            currency: "EUR".into(),
            membership_required: false,
            max_per_booking: 10,
            hold_minutes: 15,
            deleted: false,
        },
        ticket_types: [(TYPE, terms)].into(),
        pools: [(ROOT, pool(10)), (OWN, pool(10))].into(),
        root: ROOT,
        seats: [(SEAT, seat)].into(),
        rows: Vec::new(),
        buyers: [(BUYER, buyer)].into(),
        guests: [].into(),
    }
}

fn claims() -> Vec<Claim> {
    let claim = |id, seat_id, quantity| Claim {
        id,
        ticket_type_id: TYPE,
        seat_id,
        quantity,
        state: ClaimState::Held,
    };
    vec![claim(ClaimId(1), None, 2), claim(ClaimId(2), Some(SEAT), 1)]
}

fn pending() -> Standing {
    let booking = Booking {
        id: BookingId(uuid::Uuid::nil()),
        version: 1,
        reference: "BK-7F3K9Q".into(),
        event_id: EventId(1),
        user_id: Some(BUYER),
        status: BookingStatus::Pending,
        quantity: 3,
        total: Money {
            amount: 4_500,
            currency: "EUR".into(),
        },
        items: Vec::new(),
        tickets: Vec::new(),
        expires_at: Some(at("12:10:00")),
        created_at: at("11:55:00"),
        confirmed_at: None,
        paid_by: None,
        cancel_reason: None,
    };
    Standing {
        booking,
        claims: claims(),
    }
}

fn cash() -> Transition {
    Transition::Confirm {
        paid_by: PaidBy::Cash,
    }
}

#[test]
fn a_release_ends_a_hold_and_nothing_that_was_paid() {
    let release = Transition::Release {
        reason: "seats withdrawn".to_owned(),
    };
    let mut standing = pending();
    let moved = decide(&mut stock(), &mut standing, &release, now());
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(standing.booking.status, BookingStatus::Cancelled);

    let (mut event, mut standing) = (stock(), pending());
    decide(&mut event, &mut standing, &cash(), now()).unwrap();
    let before = standing.clone();
    let refused = decide(&mut event, &mut standing, &release, now());
    assert!(matches!(refused, Err(Refusal::InvalidTransition { .. })));
    assert_eq!(standing, before);
}

fn cancel_by(by: Canceller) -> Transition {
    let reason = Some("ill".to_owned());
    Transition::Cancel { by, reason }
}

fn counts(stock: &Stock) -> Vec<(i64, i64)> {
    let pools = stock.pools.values();
    pools.map(|pool| (pool.held, pool.sold)).collect()
}

/// Refused, and nothing moved.
fn refused(stock: &Stock, standing: &Standing, transition: &Transition, now: Timestamp) -> Refusal {
    let (mut stock_after, mut after) = (stock.clone(), standing.clone());
    let refusal = decide(&mut stock_after, &mut after, transition, now).unwrap_err();
    assert_eq!((&stock_after, &after), (stock, standing));
    refusal
}

fn confirmed() -> (Stock, Standing) {
    let (mut stock, mut standing) = (stock(), pending());
    let moved = decide(&mut stock, &mut standing, &cash(), now()).unwrap();
    assert_eq!(moved, Moved::Now);
    let ticket = |status| Ticket {
        code: "TKT-1".into(),
        ticket_type_id: TYPE,
        seat_id: None,
        status,
    };
    standing.booking.tickets = vec![ticket(TicketStatus::Valid)];
    (stock, standing)
}

#[test]
fn a_paid_hold_becomes_a_sale() {
    let (stock, standing) = confirmed();
    assert_eq!(counts(&stock), [(0, 3), (0, 3)]);
    assert_eq!(standing.booking.status, BookingStatus::Confirmed);
    assert_eq!(standing.booking.confirmed_at, Some(now()));
    assert_eq!(standing.booking.version, 2);
    assert!(stock.seats[&SEAT].taken);
    // It may be booked again, within the limit of the type.
    assert_eq!(stock.buyers[&BUYER].pending, None);
    assert_eq!(stock.buyers[&BUYER].live[&TYPE], 3);
}

#[test]
fn whoever_repeats_is_told_what_was_done() {
    let (mut stock, mut standing) = confirmed();
    let as_it_was = (stock.clone(), standing.clone());
    let again = decide(&mut stock, &mut standing, &cash(), now());
    assert_eq!(again, Ok(Moved::Before));
    assert_eq!((&stock, &standing), (&as_it_was.0, &as_it_was.1));
    let other = Transition::Confirm {
        paid_by: PaidBy::Comp,
    };
    assert_eq!(
        refused(&stock, &standing, &other, now()).code(),
        "INVALID_TRANSITION"
    );

    let cancel = cancel_by(Canceller::Staff);
    decide(&mut stock, &mut standing, &cancel, now()).unwrap();
    let again = decide(&mut stock, &mut standing, &cancel, now());
    assert_eq!(again, Ok(Moved::Before));
    assert_eq!(counts(&stock), [(0, 0), (0, 0)]);
}

#[test]
fn a_cancelled_booking_gives_its_stock_back() {
    let (mut stock, mut standing) = (stock(), pending());
    let cancel = cancel_by(Canceller::Owner);
    decide(&mut stock, &mut standing, &cancel, now()).unwrap();
    assert_eq!(counts(&stock), [(0, 0), (0, 0)]);
    assert!(!stock.seats[&SEAT].taken);
    assert_eq!(stock.buyers[&BUYER].pending, None);
    assert_eq!(stock.buyers[&BUYER].live[&TYPE], 0);
    assert_eq!(standing.booking.cancel_reason.as_deref(), Some("ill"));

    let (mut stock, mut standing) = confirmed();
    decide(&mut stock, &mut standing, &cancel, now()).unwrap();
    assert_eq!(counts(&stock), [(0, 0), (0, 0)]);
    assert_eq!(standing.booking.tickets[0].status, TicketStatus::Void);
    assert_eq!(standing.booking.version, 3);
}

#[test]
fn core_9_nobody_cancels_for_himself_once_it_has_begun() {
    let (mut stock, standing) = confirmed();
    let begun = at("20:00:00");
    let refusal = refused(&stock, &standing, &cancel_by(Canceller::Owner), begun);
    assert!(matches!(
        refusal,
        Refusal::InvalidTransition { started: true, .. }
    ));
    let mut by_staff = standing.clone();
    let cancel = cancel_by(Canceller::Staff);
    decide(&mut stock.clone(), &mut by_staff, &cancel, begun).unwrap();

    stock.event.status = EventStatus::Completed;
    let refusal = refused(&stock, &standing, &cancel_by(Canceller::Owner), now());
    assert!(matches!(
        refusal,
        Refusal::InvalidTransition { started: true, .. }
    ));
}

#[test]
fn with_a_used_ticket_nobody_cancels() {
    let (stock, mut standing) = confirmed();
    standing.booking.tickets[0].status = TicketStatus::Used;
    let refusal = refused(&stock, &standing, &cancel_by(Canceller::Staff), now());
    assert!(matches!(
        refusal,
        Refusal::InvalidTransition { used: true, .. }
    ));
}

#[test]
fn past_its_deadline_a_hold_counts_as_expired() {
    let deadline = at("12:10:00");
    for transition in [cash(), cancel_by(Canceller::Staff)] {
        let refusal = refused(&stock(), &pending(), &transition, deadline);
        let from_expired = Refusal::InvalidTransition {
            from: BookingStatus::Expired,
            to: transition.to(),
            used: false,
            started: false,
        };
        assert_eq!(refusal, from_expired);
    }
    let mut stock = stock();
    let hold = OverdueHold {
        booking_id: BookingId(uuid::Uuid::nil()),
        user_id: Some(BUYER),
        claims: claims(),
    };
    expire(&mut stock, &hold);
    assert_eq!(counts(&stock), [(0, 0), (0, 0)]);
    assert!(!stock.seats[&SEAT].taken);
    assert_eq!(stock.buyers[&BUYER].pending, None);
}
