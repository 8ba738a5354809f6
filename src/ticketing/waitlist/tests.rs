#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::ticketing::booking::Terms;
use crate::ticketing::live::EventStatus;
use crate::ticketing::price::PriceTerms;
use crate::ticketing::record::BookingKind;
use crate::ticketing::stock::{Buyer, EventTerms, Pool, Proof, TicketTypeTerms};
use crate::ticketing::{EventId, PoolId};

const ROOT: PoolId = PoolId(1);

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// Two ticket types, of which so many are left.
fn stock(left: [i64; 2]) -> Stock {
    let pool = |left| Pool {
        capacity: 100,
        held: 0,
        sold: 100 - left,
    };
    let terms = |own| TicketTypeTerms {
        name: "Standing".into(),
        price_amount: 1_500,
        sort: 0,
        sale_from: None,
        sale_to: None,
        min_per_booking: 1,
        max_per_booking: None,
        max_per_user: None,
        members_only: false,
        proof: Proof::Nothing,
        seated: false,
        hidden: false,
        pools: vec![ROOT, own],
    };
    let buyers = (1..=50).map(|user| (UserId(user), Buyer::default()));
    Stock {
        prices: PriceTerms::default(),
        reserves: Default::default(),
        event: EventTerms {
            id: EventId(1),
            organizer_id: UserId(99),
            status: EventStatus::Active,
            starts_at: now() + SignedDuration::from_hours(3),
            currency: "EUR".into(),
            membership_required: false,
            max_per_booking: 10,
            hold_minutes: 15,
            offer_minutes: 720,
            deleted: false,
        },
        ticket_types: [
            (TicketTypeId(1), terms(PoolId(2))),
            (TicketTypeId(2), terms(PoolId(3))),
        ]
        .into(),
        pools: [
            (ROOT, pool(left[0] + left[1])),
            (PoolId(2), pool(left[0])),
            (PoolId(3), pool(left[1])),
        ]
        .into(),
        root: ROOT,
        seats: [].into(),
        rows: Vec::new(),
        buyers: buyers.collect(),
        guests: [].into(),
    }
}

fn waiting(id: i64, quantity: i64, ticket_type: Option<i64>) -> WaitingBuyer {
    WaitingBuyer {
        id: WaitingId(id),
        user_id: UserId(id),
        quantity,
        ticket_types: ticket_type.map(|one| vec![TicketTypeId(one)]),
        member: false,
        lang: "en".into(),
    }
}

#[test]
fn those_whom_the_stock_cannot_serve_are_passed_over_and_stay() {
    let mut stock = stock([2, 0]);
    let mut line = vec![
        waiting(1, 3, None),
        waiting(2, 1, Some(2)),
        waiting(3, 1, None),
        waiting(4, 1, Some(1)),
        waiting(5, 1, Some(1)),
    ];
    let made = offers(&mut stock, &mut line, now());
    let served: Vec<i64> = made.iter().map(|offer| offer.to.id.0).collect();
    assert_eq!(served, [3, 4]);
    let left: Vec<i64> = line.iter().map(|one| one.id.0).collect();
    assert_eq!(left, [1, 2, 5]);
    assert_ne!(made[0].booking_id, made[1].booking_id);
    for offer in &made {
        assert_eq!(offer.grant.kind, BookingKind::Offer);
        // Until the event begins at the latest.
        let expires_at = stock.event.starts_at;
        assert_eq!(offer.grant.terms, Terms::Pending { expires_at });
    }
}

#[test]
fn shortly_before_the_event_nobody_is_offered_anything() {
    let mut stock = stock([2, 0]);
    stock.event.starts_at = now() + SignedDuration::from_secs(59);
    assert!(offers(&mut stock, &mut vec![waiting(1, 1, None)], now()).is_empty());
}

proptest! {
    #[test]
    fn offers_are_in_order_complete_and_never_more_than_there_is(
        left in [0..6_i64, 0..6_i64],
        wishes in prop::collection::vec((1..4_i64, prop::option::of(1..=2_i64)), 0..20),
    ) {
        let before = stock(left);
        let mut after = before.clone();
        let ids = 1..;
        let all: Vec<WaitingBuyer> = ids.zip(&wishes).map(|(id, (quantity, of))| waiting(id, *quantity, *of)).collect();
        let mut line = all.clone();
        let made = offers(&mut after, &mut line, now());
        let given: i64 = made.iter().map(|offer| offer.grant.quantity).sum();
        prop_assert_eq!(after.pool_left(ROOT), before.pool_left(ROOT) - given);
        prop_assert!(after.pools.values().all(|pool| pool.left() >= 0));
        // Each is offered something or waits on, in the order in which they came.
        prop_assert_eq!(made.len() + line.len(), all.len());
        prop_assert!(made.iter().is_sorted_by_key(|offer| offer.to.id));
        prop_assert!(line.is_sorted_by_key(|one| one.id));
        // Nobody who waits on could be served.
        let again = offers(&mut after, &mut line, now());
        prop_assert!(again.is_empty());
    }
}
