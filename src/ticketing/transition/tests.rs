#![allow(clippy::unwrap_used)]

use super::*;
use crate::ticketing::booking::{Item, Sells, Wish};
use crate::ticketing::record::{BookedSeat, BookingItem, Money, Ticket};
use crate::ticketing::stock::{Buyer, EventTerms, Pool, Proof, Seat, Share, TicketTypeTerms};
use crate::ticketing::{ClaimId, EventId, PoolId, SeatId, TicketTypeId};

const ROOT: PoolId = PoolId(10);
const OWN: PoolId = PoolId(11);
const TYPE: TicketTypeId = TicketTypeId(1);
const SEATED: TicketTypeId = TicketTypeId(2);
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
        hidden: false,
        proof: Proof::Nothing,
        seated: false,
        pools: vec![ROOT, OWN],
    };
    let seated = TicketTypeTerms {
        seated: true,
        ..terms.clone()
    };
    let seat = Seat {
        ticket_type_id: SEATED,
        section: "Stalls".into(),
        row: "A".into(),
        number: "5".into(),
        taken: true,
        place: None,
    };
    let buyer = Buyer {
        member: false,
        pending: Some(BookingId(uuid::Uuid::nil())),
        live: [(TYPE, 2), (SEATED, 1)].into(),
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
            offer_minutes: 720,
            deleted: false,
        },
        ticket_types: [(TYPE, terms), (SEATED, seated)].into(),
        pools: [(ROOT, pool(10)), (OWN, pool(10))].into(),
        root: ROOT,
        seats: [(SEAT, seat)].into(),
        rows: Vec::new(),
        buyers: [(BUYER, buyer)].into(),
        guests: [].into(),
        prices: crate::ticketing::price::PriceTerms::default(),
        reserves: BTreeMap::new(),
    }
}

fn claims() -> Vec<Claim> {
    let claim = |id, ticket_type_id, seat_id, quantity| Claim {
        id,
        ticket_type_id,
        seat_id,
        quantity,
        state: ClaimState::Held,
        voucher_id: None,
    };
    vec![
        claim(ClaimId(1), TYPE, None, 2),
        claim(ClaimId(2), SEATED, Some(SEAT), 1),
    ]
}

fn pending() -> Standing {
    let booking = Booking {
        id: BookingId(uuid::Uuid::nil()),
        version: 1,
        reference: "BK-7F3K9Q".into(),
        event_id: EventId(1),
        user_id: Some(BUYER),
        status: BookingStatus::Pending,
        kind: BookingKind::Checkout,
        quantity: 3,
        total: Money {
            amount: 4_500,
            currency: "EUR".into(),
        },
        items: Vec::new(),
        lines: Vec::new(),
        tickets: Vec::new(),
        expires_at: Some(at("12:10:00")),
        created_at: at("11:55:00"),
        confirmed_at: None,
        paid_by: None,
        payment_id: None,
        extended_at: None,
        processing_since: None,
        cancel_reason: None,
        payment: None,
    };
    Standing {
        booking,
        claims: claims(),
        absorbed_fee_amount: None,
        has_address: true,
        drew: BTreeMap::new(),
    }
}

fn cash() -> Transition {
    Transition::Confirm {
        paid: Paid::ByStaff(PaidBy::Cash),
    }
}

#[test]
fn a_release_ends_a_hold_and_nothing_that_was_paid() {
    let release = Transition::Release {
        by: Canceller::Staff,
        reason: Some("seats withdrawn".to_owned()),
        only: Releases::Any,
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
    Transition::Cancel {
        by,
        reason,
        as_unpaid: false,
    }
}

#[test]
fn a_release_of_an_offer_leaves_what_was_accepted() {
    let decline = Transition::Release {
        by: Canceller::Owner,
        reason: None,
        only: Releases::Offers,
    };
    let mut standing = pending();
    let accepted = standing.clone();
    let moved = decide(&mut stock(), &mut standing, &decline, now());
    assert_eq!((moved, standing.clone()), (Ok(Moved::Before), accepted));
    standing.booking.kind = BookingKind::Offer;
    let moved = decide(&mut stock(), &mut standing, &decline, now());
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(standing.booking.status, BookingStatus::Cancelled);
}

#[test]
fn what_was_paid_since_is_not_cancelled_as_unpaid() {
    let cancel = Transition::Cancel {
        by: Canceller::Staff,
        reason: None,
        as_unpaid: true,
    };
    let (mut event, mut standing) = (stock(), pending());
    decide(&mut event, &mut standing, &cash(), now()).unwrap();
    let before = standing.clone();
    let refused = decide(&mut event, &mut standing, &cancel, now());
    assert!(matches!(refused, Err(Refusal::InvalidTransition { .. })));
    assert_eq!(standing, before);
    let mut held = pending();
    let moved = decide(&mut stock(), &mut held, &cancel, now());
    assert_eq!(moved, Ok(Moved::Now));
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
        offer: None,
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
    assert_eq!(stock.buyers[&BUYER].live[&TYPE], 2);
}

#[test]
fn whoever_repeats_is_told_what_was_done() {
    let (mut stock, mut standing) = confirmed();
    let as_it_was = (stock.clone(), standing.clone());
    let again = decide(&mut stock, &mut standing, &cash(), now());
    assert_eq!(again, Ok(Moved::Before));
    assert_eq!((&stock, &standing), (&as_it_was.0, &as_it_was.1));
    let other = Transition::Confirm {
        paid: Paid::ByStaff(PaidBy::Comp),
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
fn only_staff_cancels_what_somebody_else_holds() {
    let (stock, mut standing) = confirmed();
    standing.booking.tickets[0].status = TicketStatus::Transferred;
    let refusal = refused(&stock, &standing, &cancel_by(Canceller::Owner), now());
    assert_eq!(refusal, Refusal::TicketTransferred);
    let mut stock = stock;
    let moved = decide(
        &mut stock,
        &mut standing,
        &cancel_by(Canceller::Staff),
        now(),
    );
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(standing.booking.tickets[0].status, TicketStatus::Void);
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

const PAYMENT: PaymentId = PaymentId(uuid::Uuid::from_u128(9));

fn by_payment() -> Transition {
    Transition::Reclaim {
        payment: PAYMENT,
        amount: pending().booking.total,
        seats: vec![SEAT],
        instead_of: None,
    }
}

#[test]
fn whoever_begins_to_pay_late_gets_time_once() {
    let (mut event, mut standing) = (stock(), pending());
    // Ten minutes are left: enough.
    let early = decide(&mut event, &mut standing, &Transition::Extend, now());
    assert_eq!(
        (early, standing.booking.extended_at),
        (Ok(Moved::Before), None)
    );
    let late = at("12:08:00");
    let moved = decide(&mut event, &mut standing, &Transition::Extend, late);
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(standing.booking.expires_at, Some(at("12:13:00")));
    let again = decide(
        &mut event,
        &mut standing,
        &Transition::Extend,
        at("12:12:00"),
    );
    assert_eq!(again, Ok(Moved::Before));
    assert_eq!(standing.booking.expires_at, Some(at("12:13:00")));
    let over = refused(&event, &standing, &Transition::Extend, at("12:13:00"));
    assert_eq!(over.code(), "INVALID_TRANSITION");
}

#[test]
fn a_hold_waits_for_a_payment_that_is_being_processed() {
    let (mut event, mut standing) = (stock(), pending());
    let until = at("12:38:00");
    let processing = Transition::Processing { until };
    let moved = decide(&mut event, &mut standing, &processing, at("12:08:00"));
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(standing.booking.expires_at, Some(until));
    let again = decide(&mut event, &mut standing, &processing, at("12:20:00"));
    assert_eq!(again, Ok(Moved::Before));
    assert_eq!(standing.booking.processing_since, Some(at("12:08:00")));
    // A deadline never comes earlier.
    let sooner = Transition::Processing {
        until: at("12:21:00"),
    };
    decide(&mut event, &mut standing, &sooner, at("12:20:00")).unwrap();
    assert_eq!(standing.booking.expires_at, Some(until));
}

/// The hold of `pending`, ended: two units and a seat.
fn expired() -> (Stock, Standing) {
    let (mut stock, mut standing) = (stock(), pending());
    let hold = OverdueHold {
        booking_id: standing.booking.id,
        user_id: Some(BUYER),
        claims: claims(),
    };
    expire(&mut stock, &hold);
    let item = |ticket_type_id, quantity, seats| BookingItem {
        ticket_type_id,
        name: "Stalls".into(),
        quantity,
        unit_price: standing.booking.total.clone(),
        seats,
    };
    let seat = BookedSeat {
        id: SEAT,
        section: "Stalls".into(),
        row: "A".into(),
        number: "5".into(),
    };
    standing.booking.items = vec![item(TYPE, 2, Vec::new()), item(SEATED, 1, vec![seat])];
    standing.booking.status = BookingStatus::Expired;
    standing.claims.clear();
    (stock, standing)
}

#[test]
fn late_money_takes_the_same_stock_again() {
    let (mut stock, mut standing) = expired();
    let moved = decide(&mut stock, &mut standing, &by_payment(), at("12:30:00"));
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(counts(&stock), [(0, 3), (0, 3)]);
    assert!(stock.seats[&SEAT].taken);
    let claims: Vec<_> = standing
        .claims
        .iter()
        .map(|claim| (claim.seat_id, claim.quantity))
        .collect();
    assert_eq!(claims, [(None, 2), (Some(SEAT), 1)]);
    assert_eq!(standing.booking.payment_id, Some(PAYMENT));
    let again = decide(&mut stock, &mut standing, &by_payment(), at("12:31:00"));
    assert_eq!(again, Ok(Moved::Before));
    let other = Transition::Reclaim {
        payment: PaymentId(uuid::Uuid::nil()),
        amount: pending().booking.total,
        seats: Vec::new(),
        instead_of: None,
    };
    let refusal = refused(&stock, &standing, &other, now());
    assert_eq!(refusal.code(), "INVALID_TRANSITION");
}

#[test]
fn late_money_takes_nothing_from_others() {
    let late = at("12:30:00");
    let (mut stock, standing) = expired();
    stock.seats.get_mut(&SEAT).unwrap().taken = true;
    let refusal = refused(&stock, &standing, &by_payment(), late);
    assert_eq!(refusal, Refusal::SeatTaken { seats: vec![SEAT] });

    let (mut stock, standing) = expired();
    stock.pools.get_mut(&OWN).unwrap().sold = 8;
    let refusal = refused(&stock, &standing, &by_payment(), late);
    assert!(matches!(refusal, Refusal::NotEnoughLeft { left: 2, .. }));

    let (mut stock, standing) = expired();
    stock.event.status = EventStatus::Cancelled;
    assert_eq!(
        refused(&stock, &standing, &by_payment(), late),
        Refusal::EventCancelled
    );
    let (stock, standing) = expired();
    let refusal = refused(&stock, &standing, &by_payment(), at("20:00:00"));
    assert_eq!(refusal.code(), "SALES_CLOSED");
}

/// The database would refuse such claims at each try, and the money would wait for ever.
#[test]
fn late_money_does_not_buy_seats_as_units_nor_units_as_seats() {
    let late = at("12:30:00");
    // The seat was deleted, and its dead claim names none any more.
    let (stock, mut standing) = expired();
    standing.booking.items[1].seats.clear();
    let refusal = refused(&stock, &standing, &by_payment(), late);
    assert_eq!(refusal, Refusal::SeatTaken { seats: Vec::new() });

    let (mut stock, standing) = expired();
    stock.ticket_types.get_mut(&TYPE).unwrap().seated = true;
    let refusal = refused(&stock, &standing, &by_payment(), late);
    assert_eq!(refusal, Refusal::SeatTaken { seats: Vec::new() });

    let (mut stock, standing) = expired();
    stock.ticket_types.get_mut(&SEATED).unwrap().seated = false;
    let refusal = refused(&stock, &standing, &by_payment(), late);
    assert_eq!(refusal, Refusal::SeatTaken { seats: vec![SEAT] });

    // The seat was moved to another type meanwhile, and its own has others.
    let (mut stock, standing) = expired();
    let other = stock.ticket_types[&SEATED].clone();
    stock.ticket_types.insert(TicketTypeId(3), other);
    stock.seats.get_mut(&SEAT).unwrap().ticket_type_id = TicketTypeId(3);
    let refusal = refused(&stock, &standing, &by_payment(), late);
    assert_eq!(refusal, Refusal::SeatTaken { seats: vec![SEAT] });
}

/// A program has killed one of its claims, and left the booking as it was.
#[test]
fn a_hold_that_has_lost_stock_is_not_sold() {
    let free = Transition::Accept;
    for transition in [by_payment(), cash(), free] {
        for lost in [1, 2] {
            let (stock, mut standing) = (stock(), pending());
            if transition == Transition::Accept {
                standing.booking.kind = BookingKind::Offer;
                standing.booking.total.amount = 0;
            }
            standing.claims.drain(..lost);
            let refusal = refused(&stock, &standing, &transition, now());
            assert!(matches!(refusal, Refusal::SeatTaken { .. }), "{refusal:?}");
        }
    }
}

#[test]
fn a_hold_that_nobody_has_ended_yet_is_paid_as_it_stands() {
    let (mut stock, mut standing) = (stock(), pending());
    let moved = decide(&mut stock, &mut standing, &by_payment(), at("12:10:01"));
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(counts(&stock), [(0, 3), (0, 3)]);
    assert!(
        standing
            .claims
            .iter()
            .all(|claim| claim.id != Claim::UNSTORED)
    );
}

/// Three tickets, the last one of the seat.
fn with_tickets() -> (Stock, Standing) {
    let (stock, mut standing) = confirmed();
    let ticket = |code: &str, ticket_type_id, seat_id| Ticket {
        code: code.into(),
        ticket_type_id,
        seat_id,
        status: TicketStatus::Valid,
        offer: None,
    };
    standing.booking.tickets = vec![
        ticket("A", TYPE, None),
        ticket("B", TYPE, None),
        ticket("C", SEATED, Some(SEAT)),
    ];
    (stock, standing)
}

fn refund_of(codes: &[&str]) -> Transition {
    Transition::Refund {
        tickets: Some(codes.iter().map(|code| (*code).to_owned()).collect()),
        used_too: false,
        by_owner: false,
    }
}

#[test]
fn tickets_are_taken_back_one_by_one_with_their_stock() {
    let (mut stock, mut standing) = with_tickets();
    for (codes, sold, status) in [
        (["C"].as_slice(), 2, BookingStatus::Confirmed),
        (&["A"], 1, BookingStatus::Confirmed),
        (&["B"], 0, BookingStatus::Refunded),
    ] {
        let moved = decide(&mut stock, &mut standing, &refund_of(codes), now());
        assert_eq!(moved, Ok(Moved::Now));
        assert_eq!(counts(&stock), [(0, sold), (0, sold)]);
        assert_eq!(standing.booking.status, status);
        let claimed: i64 = standing.claims.iter().map(|claim| claim.quantity).sum();
        assert_eq!(claimed, sold);
        let again = decide(&mut stock, &mut standing, &refund_of(codes), now());
        assert_eq!(again, Ok(Moved::Before));
    }
    assert!(!stock.seats[&SEAT].taken);
    assert_eq!(stock.buyers[&BUYER].tickets, 0);
}

/// A program has moved the claim of a seat to another seat, and killed that of the units: the tickets are void nevertheless, and
/// with the last of them nothing stays sold.
#[test]
fn tickets_are_taken_back_whatever_became_of_their_claims() {
    let (mut stock, mut standing) = with_tickets();
    standing.claims.remove(0);
    standing.claims[0].seat_id = Some(SeatId(6));
    for (code, status) in [
        ("C", BookingStatus::Confirmed),
        ("A", BookingStatus::Confirmed),
        ("B", BookingStatus::Refunded),
    ] {
        let version = standing.booking.version;
        let moved = decide(&mut stock, &mut standing, &refund_of(&[code]), now());
        assert_eq!(moved, Ok(Moved::Now), "{code}");
        assert_eq!(standing.booking.status, status);
        assert_eq!(standing.booking.version, version + 1);
        let ticket = standing.booking.tickets.iter();
        let mut ticket = ticket.filter(|ticket| ticket.code == code);
        assert_eq!(ticket.next().unwrap().status, TicketStatus::Void);
        let again = decide(&mut stock, &mut standing, &refund_of(&[code]), now());
        assert_eq!(again, Ok(Moved::Before));
    }
    assert!(standing.claims.is_empty());
    assert_eq!(counts(&stock), [(0, 2), (0, 2)]);
}

#[test]
fn an_owner_takes_back_no_ticket_that_somebody_else_holds() {
    let (stock, mut standing) = with_tickets();
    standing.booking.tickets[1].status = TicketStatus::Transferred;
    let by_owner = |codes: &[&str]| match refund_of(codes) {
        Transition::Refund {
            tickets, used_too, ..
        } => Transition::Refund {
            tickets,
            used_too,
            by_owner: true,
        },
        other => other,
    };
    let refusal = refused(&stock, &standing, &by_owner(&["A", "B"]), now());
    assert_eq!(refusal, Refusal::TicketTransferred);
    let mut stock = stock;
    for transition in [by_owner(&["A"]), refund_of(&["B"])] {
        let moved = decide(&mut stock, &mut standing, &transition, now());
        assert_eq!(moved, Ok(Moved::Now));
    }
}

#[test]
fn used_and_foreign_tickets_are_not_taken_back() {
    let (stock, mut standing) = with_tickets();
    standing.booking.tickets[1].status = TicketStatus::Used;
    let refusal = refused(&stock, &standing, &refund_of(&["A", "B"]), now());
    assert_eq!(
        refusal,
        Refusal::NotRefundable {
            used: vec!["B".into()]
        }
    );
    let refusal = refused(&stock, &standing, &refund_of(&["A", "Z"]), now());
    assert_eq!(refusal, Refusal::NotRefundable { used: Vec::new() });
    let (mut stock, mut standing) = (stock, standing);
    let all = Transition::Refund {
        tickets: None,
        used_too: true,
        by_owner: false,
    };
    decide(&mut stock, &mut standing, &all, now()).unwrap();
    assert_eq!(counts(&stock), [(0, 0), (0, 0)]);
    assert_eq!(standing.booking.status, BookingStatus::Refunded);
    let held = refused(&self::stock(), &pending(), &all, now());
    assert_eq!(held.code(), "INVALID_TRANSITION");
}

fn swap_to(items: Vec<Item>) -> Transition {
    Transition::Swap(Box::new(Request {
        booking_id: BookingId(uuid::Uuid::nil()),
        buyer: Some(BUYER),
        guest: None,
        share: Share {
            pending: Some(1),
            tickets: Some(4),
        },
        sells: Sells::Nowhere,
        member: false,
        email_proven: false,
        wish: Wish::Items(items),
        expected_total: None,
        vouchers: Vec::new(),
        least_charge: false,
    }))
}

fn units(quantity: i64) -> Item {
    Item::Quantity {
        ticket_type_id: TYPE,
        quantity,
    }
}

#[test]
fn other_tickets_take_the_place_of_those_held() {
    let (mut stock, mut standing) = (stock(), pending());
    let seat = Item::Seat { seat_id: SEAT };
    // Its own seat and units count as free, and its claims stay where they serve.
    let swap = swap_to(vec![units(1)]);
    let moved = decide(&mut stock, &mut standing, &swap, now());
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(counts(&stock), [(1, 0), (1, 0)]);
    assert!(!stock.seats[&SEAT].taken);
    assert_eq!(standing.claims.len(), 1);
    assert_eq!(
        (standing.claims[0].id, standing.claims[0].quantity),
        (ClaimId(1), 1)
    );
    assert_eq!(standing.booking.total.amount, 1_500);
    assert_eq!(
        (standing.booking.quantity, standing.booking.version),
        (1, 2)
    );
    assert_eq!(standing.booking.expires_at, pending().booking.expires_at);
    assert_eq!(stock.buyers[&BUYER].tickets, 1);
    assert_eq!(stock.buyers[&BUYER].pending, Some(standing.booking.id));
    let again = decide(&mut stock, &mut standing, &swap, now());
    assert_eq!(again, Ok(Moved::Before));
    let moved = decide(&mut stock, &mut standing, &swap_to(vec![seat]), now());
    assert_eq!(moved, Ok(Moved::Now));
    assert!(stock.seats[&SEAT].taken);
    assert_eq!(standing.claims[0].id, Claim::UNSTORED);
}

#[test]
fn a_swap_that_is_refused_leaves_all_as_it_was() {
    for (wish, at, code) in [
        (vec![units(5)], now(), "LIMIT_EXCEEDED"),
        (vec![units(0)], now(), "BELOW_MINIMUM"),
        (vec![units(1)], at("12:10:00"), "INVALID_TRANSITION"),
        (vec![units(1)], at("20:00:00"), "INVALID_TRANSITION"),
    ] {
        let refusal = refused(&stock(), &pending(), &swap_to(wish), at);
        assert_eq!(refusal.code(), code);
    }
    let mut short = stock();
    short.pools.get_mut(&ROOT).unwrap().sold = 7;
    let refusal = refused(&short, &pending(), &swap_to(vec![units(4)]), now());
    assert!(matches!(refusal, Refusal::NotEnoughLeft { left: 3, .. }));
    let (mut stock, mut standing) = (short, pending());
    let moved = decide(&mut stock, &mut standing, &swap_to(vec![units(3)]), now());
    assert_eq!(moved, Ok(Moved::Now));
    let mut processing = pending();
    processing.booking.processing_since = Some(now());
    let refusal = refused(&self::stock(), &processing, &swap_to(vec![units(1)]), now());
    assert_eq!(refusal.code(), "INVALID_TRANSITION");
    let mut offer = pending();
    offer.booking.kind = BookingKind::Offer;
    let refusal = refused(&self::stock(), &offer, &swap_to(vec![units(1)]), now());
    assert_eq!(refusal.code(), "INVALID_TRANSITION");
}

#[test]
fn an_offer_becomes_a_checkout_once() {
    let (mut event, mut standing) = (stock(), pending());
    standing.booking.kind = BookingKind::Offer;
    let refusal = refused(&event, &standing, &Transition::Accept, now());
    assert_eq!(refusal.code(), "PENDING_BOOKING_EXISTS");
    event.buyers.get_mut(&BUYER).unwrap().pending = None;
    let moved = decide(&mut event, &mut standing, &Transition::Accept, now());
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(standing.booking.kind, BookingKind::Checkout);
    assert_eq!(standing.booking.status, BookingStatus::Pending);
    let again = decide(&mut event, &mut standing, &Transition::Accept, now());
    assert_eq!(again, Ok(Moved::Before));
    let late = at("12:10:00");
    let mut offer = pending();
    offer.booking.kind = BookingKind::Offer;
    let refusal = refused(&event, &offer, &Transition::Accept, late);
    assert_eq!(refusal.code(), "INVALID_TRANSITION");
    // Free of charge it is the buyer's at once.
    let (mut event, mut standing) = (stock(), offer);
    standing.booking.total.amount = 0;
    let moved = decide(&mut event, &mut standing, &Transition::Accept, now());
    assert_eq!(moved, Ok(Moved::Now));
    assert_eq!(standing.booking.status, BookingStatus::Confirmed);
    assert_eq!(counts(&event), [(0, 3), (0, 3)]);
}

#[test]
fn the_money_for_other_tickets_buys_none() {
    let (mut stock, mut standing) = (stock(), pending());
    standing.booking.total.amount += 1;
    let refusal = refused(&stock, &standing, &by_payment(), now());
    assert_eq!(refusal.code(), "PRICE_CHANGED");
    let (_, mut late) = expired();
    late.booking.total.amount -= 1;
    let refusal = decide(&mut stock, &mut late, &by_payment(), now()).unwrap_err();
    assert_eq!(refusal.code(), "PRICE_CHANGED");
}
