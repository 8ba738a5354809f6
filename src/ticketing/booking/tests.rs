#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ticketing::live::EventStatus;
use crate::ticketing::record::Money;
use crate::ticketing::refusal::BuyerLimit;
use crate::ticketing::stock::{Buyer, Claim, Pool, Proof, Reserve, Seat};
use crate::ticketing::{EventId, PoolId};

const VIP: TicketTypeId = TicketTypeId(1);
const STANDING: TicketTypeId = TicketTypeId(2);
const SEATED: TicketTypeId = TicketTypeId(3);
const ROOT: PoolId = PoolId(10);
const MEMBER: UserId = UserId(7);
const CUSTOMER: UserId = UserId(8);
const ORGANIZER: UserId = UserId(2);

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn pool(capacity: i64) -> Pool {
    Pool {
        capacity,
        held: 0,
        sold: 0,
    }
}

fn terms(price_amount: i64, pools: &[PoolId]) -> TicketTypeTerms {
    TicketTypeTerms {
        name: "type".into(),
        price_amount,
        sort: 0,
        sale_from: None,
        sale_to: None,
        min_per_booking: 1,
        max_per_booking: None,
        max_per_user: None,
        members_only: false,
        hidden: false,
        proof: Proof::Nothing,
        seated: false,
        pools: pools.to_vec(),
    }
}

/// 100 in all: 10 VIP, 100 standing, 8 seats in one row (ids 1 to 8).
fn stock() -> Stock {
    let seats = (1..=8).map(|id| {
        let seat = Seat {
            ticket_type_id: SEATED,
            section: "Stalls".into(),
            row: "A".into(),
            number: id.to_string(),
            taken: false,
            place: None,
        };
        (SeatId(id), seat, (id as f32, 0.0))
    });
    let mut seated = terms(2_000, &[ROOT, PoolId(13)]);
    seated.seated = true;
    let mut stock = Stock {
        event: EventTerms {
            id: EventId(1),
            organizer_id: ORGANIZER,
            status: EventStatus::Active,
            starts_at: "2026-12-24T18:00:00Z".parse().unwrap(),
            currency: "EUR".into(),
            membership_required: false,
            max_per_booking: 10,
            hold_minutes: 15,
            offer_minutes: 720,
            deleted: false,
        },
        ticket_types: [
            (VIP, terms(9_000, &[ROOT, PoolId(11)])),
            (STANDING, terms(1_500, &[ROOT, PoolId(12)])),
            (SEATED, seated),
        ]
        .into(),
        pools: [
            (ROOT, pool(100)),
            (PoolId(11), pool(10)),
            (PoolId(12), pool(100)),
            (PoolId(13), pool(8)),
        ]
        .into(),
        root: ROOT,
        seats: BTreeMap::new(),
        rows: Vec::new(),
        buyers: [
            (
                MEMBER,
                Buyer {
                    member: true,
                    ..Buyer::default()
                },
            ),
            (CUSTOMER, Buyer::default()),
            (ORGANIZER, Buyer::default()),
        ]
        .into(),
        guests: BTreeMap::new(),
        prices: crate::ticketing::price::PriceTerms::default(),
        reserves: BTreeMap::new(),
    };
    stock.add_row(0, seats.collect());
    stock
}

fn quantity(ticket_type_id: TicketTypeId, quantity: i64) -> Item {
    Item::Quantity {
        ticket_type_id,
        quantity,
    }
}

fn seat(seat_id: SeatId) -> Item {
    Item::Seat { seat_id }
}

fn request(buyer: Option<UserId>, wish: Wish) -> Request {
    Request {
        booking_id: BookingId(uuid::Uuid::nil()),
        buyer,
        guest: None,
        share: Share::default(),
        sells: Sells::Nowhere,
        member: false,
        email_proven: false,
        wish,
        expected_total: None,
        vouchers: Vec::new(),
        least_charge: false,
    }
}

fn ask(stock: &mut Stock, buyer: Option<UserId>, items: &[Item]) -> Result<Grant, Refusal> {
    let before = stock.clone();
    let request = request(buyer, Wish::Items(items.to_vec()));
    let answer = decide(stock, &request, now());
    if answer.is_err() {
        assert_eq!(*stock, before, "a refusal moved the stock");
    }
    answer
}

fn ask_cheapest(stock: &mut Stock, quantity: i64) -> Result<Grant, Refusal> {
    let request = request(None, Wish::Cheapest { quantity });
    decide(stock, &request, now())
}

fn code(answer: Result<Grant, Refusal>) -> &'static str {
    answer.map_or_else(|refusal| refusal.code(), |_| "granted")
}

#[test]
fn a_booking_of_several_kinds_is_one_pending_booking() {
    let mut stock = stock();
    let items = [
        quantity(VIP, 2),
        seat(SeatId(4)),
        seat(SeatId(5)),
        quantity(VIP, 1),
    ];
    let grant = ask(&mut stock, Some(CUSTOMER), &items).unwrap();
    assert_eq!(grant.quantity, 5);
    assert_eq!(grant.total_amount, 3 * 9_000 + 2 * 2_000);
    assert_eq!(
        grant.terms,
        Terms::Pending {
            expires_at: "2026-11-21T12:15:00Z".parse().unwrap()
        }
    );
    assert_eq!(grant.lines[0].quantity, 3);
    assert_eq!(grant.lines[1].seats, [SeatId(4), SeatId(5)]);
    assert_eq!(stock.pools[&ROOT].held, 5);
    assert_eq!(stock.pools[&PoolId(11)].held, 3);
    assert_eq!(stock.pools[&PoolId(13)].held, 2);
    assert!(!stock.seat_free(SeatId(4)));
}

#[test]
fn what_costs_nothing_is_sold_at_once() {
    let mut stock = stock();
    stock
        .ticket_types
        .insert(VIP, terms(0, &[ROOT, PoolId(11)]));
    let grant = ask(&mut stock, None, &[quantity(VIP, 2)]).unwrap();
    assert_eq!(grant.terms, Terms::Confirmed);
    assert_eq!(
        (stock.pools[&PoolId(11)].held, stock.pools[&PoolId(11)].sold),
        (0, 2)
    );
}

#[test]
fn core_13_shortages_say_what_is_short_and_what_is_left() {
    let mut stock = stock();
    stock.pools.insert(PoolId(11), pool(1));
    assert_eq!(
        ask(&mut stock, None, &[quantity(VIP, 2), quantity(STANDING, 1)]),
        Err(Refusal::NotEnoughLeft {
            left: 1,
            ticket_type_id: Some(VIP),
            by_type: [(VIP, 1), (STANDING, 100)].into(),
        })
    );
    stock.pools.insert(ROOT, pool(4));
    assert_eq!(
        ask(&mut stock, None, &[quantity(STANDING, 5)]),
        Err(Refusal::NotEnoughLeft {
            left: 4,
            ticket_type_id: None,
            by_type: [(STANDING, 4)].into(),
        })
    );
    assert_eq!(
        ask(&mut stock, None, &[quantity(VIP, 3), quantity(STANDING, 2)]),
        Err(Refusal::NotEnoughLeft {
            left: 4,
            ticket_type_id: None,
            by_type: [(VIP, 1), (STANDING, 4)].into(),
        })
    );
    stock.pools.insert(ROOT, pool(0));
    assert_eq!(
        ask(&mut stock, None, &[quantity(STANDING, 5)]),
        Err(Refusal::EventAtCapacity { available: 0 })
    );
    stock.pools.insert(ROOT, pool(100));
    stock.pools.insert(PoolId(11), pool(0));
    assert_eq!(
        ask(&mut stock, None, &[quantity(VIP, 2), quantity(STANDING, 1)]),
        Err(Refusal::TicketTypeSoldOut {
            ticket_type_id: VIP,
            available: 0,
        })
    );
    stock.pools.insert(PoolId(12), pool(0));
    stock.pools.insert(ROOT, pool(0));
    assert_eq!(
        ask(&mut stock, None, &[quantity(STANDING, 1)]),
        Err(Refusal::SoldOut {
            by_type: [(STANDING, 0)].into()
        })
    );
}

#[test]
fn pools_shared_by_two_lines_count_both() {
    let mut stock = stock();
    for id in [VIP, STANDING] {
        let terms = stock.ticket_types.get_mut(&id).unwrap();
        terms.pools.push(PoolId(20));
    }
    stock.pools.insert(PoolId(20), pool(5));
    let items = [quantity(VIP, 3), quantity(STANDING, 3)];
    let short = ask(&mut stock, None, &items);
    assert!(matches!(short, Err(Refusal::NotEnoughLeft { left: 5, .. })));
    let items = [quantity(VIP, 3), quantity(STANDING, 2)];
    assert_eq!(code(ask(&mut stock, None, &items)), "granted");
}

#[test]
fn seats_taken_are_named() {
    let mut stock = stock();
    ask(&mut stock, None, &[seat(SeatId(2)), seat(SeatId(3))]).unwrap();
    assert_eq!(
        ask(
            &mut stock,
            None,
            &[seat(SeatId(1)), seat(SeatId(2)), seat(SeatId(3))]
        ),
        Err(Refusal::SeatTaken {
            seats: vec![SeatId(2), SeatId(3)]
        })
    );
    assert_eq!(
        ask(&mut stock, None, &[seat(SeatId(1)), seat(SeatId(1))]),
        Err(Refusal::SeatTaken {
            seats: vec![SeatId(1)]
        })
    );
    assert_eq!(
        ask(&mut stock, None, &[seat(SeatId(99))]),
        Err(Refusal::SeatNotFound {
            seats: vec![SeatId(99)]
        })
    );
}

#[test]
fn blocks_of_seats_stay_together() {
    let mut stock = stock();
    let best = |count| Item::BestAvailable {
        ticket_type_id: SEATED,
        quantity: count,
    };
    let grant = ask(
        &mut stock,
        None,
        &[best(2), seat(SeatId(1)), quantity(SEATED, 4)],
    )
    .unwrap();
    assert_eq!(grant.quantity, 7);
    let seats: BTreeSet<SeatId> = grant.lines[0].seats.iter().copied().collect();
    assert_eq!(seats.len(), 7);
    assert_eq!(
        ask(&mut stock, None, &[best(2)]),
        Err(Refusal::NotEnoughLeft {
            left: 1,
            ticket_type_id: Some(SEATED),
            by_type: [(SEATED, 1)].into(),
        })
    );
    let mut stock = self::stock();
    for taken in [2, 4, 6, 8] {
        ask(&mut stock, None, &[seat(SeatId(taken))]).unwrap();
    }
    assert_eq!(code(ask(&mut stock, None, &[best(2)])), "NO_ADJACENT_SEATS");
    assert_eq!(code(ask(&mut stock, None, &[best(1)])), "granted");
    let not_seated = Item::BestAvailable {
        ticket_type_id: VIP,
        quantity: 1,
    };
    assert_eq!(code(ask(&mut stock, None, &[not_seated])), "NOT_SEATED");
}

#[test]
fn the_short_form_takes_the_cheapest_price_on_sale() {
    let mut stock = stock();
    let grant = ask_cheapest(&mut stock, 2).unwrap();
    assert_eq!(grant.lines[0].ticket_type_id, STANDING);
    // Seats of a dearer type need not be read for it, unless what is cheaper is not for everybody.
    assert!(may_be_cheapest(&stock, STANDING, now()));
    assert!(!may_be_cheapest(&stock, SEATED, now()));
    let mut closed = stock.clone();
    closed.ticket_types.get_mut(&STANDING).unwrap().members_only = true;
    assert!(may_be_cheapest(&closed, SEATED, now()));
    // The same price twice: the one that has enough.
    stock
        .ticket_types
        .insert(TicketTypeId(4), terms(1_500, &[ROOT, PoolId(14)]));
    stock.pools.insert(PoolId(14), pool(9));
    stock.pools.insert(PoolId(12), pool(1));
    let grant = ask_cheapest(&mut stock, 2).unwrap();
    assert_eq!(grant.lines[0].ticket_type_id, TicketTypeId(4));
    // Never a dearer one.
    stock.pools.insert(PoolId(14), pool(0));
    stock.pools.insert(PoolId(12), pool(0));
    assert_eq!(code(ask_cheapest(&mut stock, 1)), "TICKET_TYPE_SOLD_OUT");
    // Types that are not on sale to this buyer are not offered.
    for terms in stock.ticket_types.values_mut() {
        terms.members_only = true;
    }
    assert_eq!(code(ask_cheapest(&mut stock, 1)), "MEMBERSHIP_REQUIRED");
    for terms in stock.ticket_types.values_mut() {
        terms.sale_from = Some("2026-11-22T12:00:00Z".parse().unwrap());
    }
    assert_eq!(code(ask_cheapest(&mut stock, 1)), "SALES_NOT_STARTED");
    for terms in stock.ticket_types.values_mut() {
        terms.sale_from = None;
        terms.sale_to = Some(now());
    }
    assert_eq!(code(ask_cheapest(&mut stock, 1)), "SALES_CLOSED");
    stock.ticket_types.clear();
    assert_eq!(code(ask_cheapest(&mut stock, 1)), "SALES_CLOSED");
}

#[test]
fn the_short_form_takes_free_tickets_only_where_all_are_free() {
    let mut stock = stock();
    stock
        .ticket_types
        .insert(TicketTypeId(4), terms(0, &[ROOT, PoolId(14)]));
    stock.pools.insert(PoolId(14), pool(9));
    let grant = ask_cheapest(&mut stock, 2).unwrap();
    assert_eq!(grant.lines[0].ticket_type_id, STANDING);
    assert_eq!(grant.total_amount, 3_000);
    // Nor when what is paid is not on sale any more: the answer is about that.
    for terms in stock.ticket_types.values_mut() {
        terms.sale_to = (terms.price_amount > 0).then(now);
    }
    assert_eq!(code(ask_cheapest(&mut stock, 1)), "SALES_CLOSED");
    // By its name it is given, and where there is nothing else.
    assert_eq!(
        code(ask(&mut stock, None, &[quantity(TicketTypeId(4), 1)])),
        "granted"
    );
    stock.ticket_types.retain(|id, _| *id == TicketTypeId(4));
    let grant = ask_cheapest(&mut stock, 2).unwrap();
    assert_eq!(grant.lines[0].ticket_type_id, TicketTypeId(4));
    assert_eq!(grant.terms, Terms::Confirmed);
}

#[test]
fn the_event_decides_first() {
    let one = [quantity(STANDING, 1)];
    for (status, expected) in [
        (EventStatus::Draft, "EVENT_NOT_FOUND"),
        (EventStatus::Paused, "SALES_CLOSED"),
        (EventStatus::Completed, "SALES_CLOSED"),
        (EventStatus::Cancelled, "EVENT_CANCELLED"),
    ] {
        let mut stock = stock();
        stock.event.status = status;
        assert_eq!(code(ask(&mut stock, None, &one)), expected);
    }
    let mut stock = stock();
    stock.event.status = EventStatus::Draft;
    let mut ask_for = |sells| {
        let wish = Wish::Items(one.to_vec());
        let request = Request {
            sells,
            ..request(Some(ORGANIZER), wish)
        };
        code(decide(&mut stock, &request, now()))
    };
    let own = Sells::Of(vec![OrganizationId::from(ORGANIZER)]);
    assert_eq!(ask_for(own), "SALES_NOT_STARTED");
    // Whose role as an organizer was taken sells no more, whoever founded the organization.
    assert_eq!(ask_for(Sells::Nowhere), "EVENT_NOT_FOUND");
    // core_8: the start ends the sale of a type that has no end of its own.
    let mut stock = self::stock();
    stock.event.starts_at = now();
    assert_eq!(code(ask(&mut stock, None, &one)), "SALES_CLOSED");
    let hour = SignedDuration::from_hours(1);
    stock.ticket_types.get_mut(&STANDING).unwrap().sale_to = Some(now() + hour);
    assert_eq!(code(ask(&mut stock, None, &one)), "granted");
    assert_eq!(
        code(ask(&mut stock, None, &[quantity(VIP, 1)])),
        "SALES_CLOSED"
    );
    let mut stock = self::stock();
    stock.event.membership_required = true;
    assert_eq!(code(ask(&mut stock, None, &one)), "MEMBERSHIP_REQUIRED");
    assert_eq!(
        code(ask(&mut stock, Some(CUSTOMER), &one)),
        "MEMBERSHIP_REQUIRED"
    );
    assert_eq!(code(ask(&mut stock, Some(MEMBER), &one)), "granted");
    assert_eq!(
        code(ask(&mut stock, Some(UserId(99)), &one)),
        "USER_NOT_FOUND"
    );
}

#[test]
fn sale_windows_bound_each_ticket_type() {
    let mut stock = stock();
    let standing = stock.ticket_types.get_mut(&STANDING).unwrap();
    standing.sale_from = Some("2026-11-21T12:00:00.000001Z".parse().unwrap());
    assert_eq!(
        code(ask(&mut stock, None, &[quantity(STANDING, 1)])),
        "SALES_NOT_STARTED"
    );
    let standing = stock.ticket_types.get_mut(&STANDING).unwrap();
    standing.sale_from = Some(now());
    standing.sale_to = Some("2026-11-21T12:00:00.000001Z".parse().unwrap());
    assert_eq!(
        code(ask(&mut stock, None, &[quantity(STANDING, 1)])),
        "granted"
    );
    assert_eq!(
        code(ask(&mut stock, None, &[quantity(TicketTypeId(77), 1)])),
        "TICKET_TYPE_NOT_FOUND"
    );
}

#[test]
fn limits_say_how_many_would_do() {
    let mut stock = stock();
    let limit = |max, id: Option<TicketTypeId>| {
        Err(Refusal::LimitExceeded {
            max,
            ticket_type_id: id,
        })
    };
    for quantities in [[6, 5], [i64::MAX, i64::MAX]] {
        let items = quantities.map(|n| quantity(STANDING, n));
        assert_eq!(ask(&mut stock, None, &items), limit(10, None));
    }
    for wrong in [0, -1, i64::MIN] {
        let items = [quantity(STANDING, 5), quantity(VIP, wrong)];
        assert_eq!(code(ask(&mut stock, None, &items)), "BELOW_MINIMUM");
    }
    let items = [quantity(SEATED, 3), quantity(SEATED, -2)];
    assert_eq!(code(ask(&mut stock, None, &items)), "BELOW_MINIMUM");
    assert_eq!(ask(&mut stock, None, &[]), limit(10, None));

    let vip = stock.ticket_types.get_mut(&VIP).unwrap();
    (vip.min_per_booking, vip.max_per_booking, vip.max_per_user) = (2, Some(4), Some(5));
    assert_eq!(
        code(ask(&mut stock, None, &[quantity(VIP, 1)])),
        "BELOW_MINIMUM"
    );
    assert_eq!(
        ask(&mut stock, None, &[quantity(VIP, 5)]),
        limit(4, Some(VIP))
    );
    let customer = stock.buyers.get_mut(&CUSTOMER).unwrap();
    customer.live.insert(VIP, 3);
    assert_eq!(
        ask(&mut stock, Some(CUSTOMER), &[quantity(VIP, 3)]),
        limit(2, Some(VIP))
    );
}

#[test]
fn a_second_pending_booking_of_a_user_waits_for_the_first() {
    let mut stock = stock();
    let one = [quantity(STANDING, 1)];
    ask(&mut stock, Some(CUSTOMER), &one).unwrap();
    assert_eq!(
        ask(&mut stock, Some(CUSTOMER), &one),
        Err(Refusal::PendingBookingExists {
            booking_id: Some(BookingId(uuid::Uuid::nil()))
        })
    );
    // Without an account there is no telling who is who.
    ask(&mut stock, None, &one).unwrap();
    ask(&mut stock, None, &one).unwrap();
}

#[test]
fn an_amount_that_cannot_be_said_is_refused() {
    let mut stock = stock();
    let vip = stock.ticket_types.get_mut(&VIP).unwrap();
    vip.price_amount = i64::MAX / 2;
    assert_eq!(
        ask(&mut stock, None, &[quantity(VIP, 3)]),
        Err(Refusal::LimitExceeded {
            max: 2,
            ticket_type_id: Some(VIP)
        })
    );
}

fn any_item() -> impl Strategy<Value = Item> {
    prop_oneof![
        (1i64..=3, -1i64..6).prop_map(|(id, n)| quantity(TicketTypeId(id), n)),
        (0i64..10).prop_map(|id| seat(SeatId(id))),
        (1i64..=3, 0i64..4).prop_map(|(ticket_type_id, quantity)| Item::BestAvailable {
            ticket_type_id: TicketTypeId(ticket_type_id),
            quantity
        }),
    ]
}

proptest! {
    #[test]
    fn never_grants_more_than_there_is(
        capacities in [0i64..40, 0i64..10, 0i64..40, 0i64..9],
        requests in prop::collection::vec(prop::collection::vec(any_item(), 0..4), 1..40),
    ) {
        let mut stock = stock();
        for (pool, capacity) in stock.pools.values_mut().zip(capacities) {
            pool.capacity = capacity;
        }
        let mut granted: BTreeMap<TicketTypeId, i64> = BTreeMap::new();
        let mut seats = BTreeSet::new();
        for items in &requests {
            // `ask` checks that a refusal leaves the stock as it was.
            let Ok(grant) = ask(&mut stock, None, items) else { continue };
            prop_assert_eq!(grant.quantity, grant.lines.iter().map(|l| l.quantity).sum::<i64>());
            let total: i64 = grant.lines.iter().map(|l| l.quantity * l.unit_amount).sum();
            prop_assert_eq!(grant.total_amount, total);
            for line in grant.lines {
                *granted.entry(line.ticket_type_id).or_default() += line.quantity;
                let expected = if line.ticket_type_id == SEATED { line.quantity } else { 0 };
                prop_assert_eq!(line.seats.len() as i64, expected);
                for seat in line.seats {
                    prop_assert!(seats.insert(seat), "seat {} was granted twice", seat);
                }
            }
        }
        for (id, pool) in &stock.pools {
            let drawn: i64 = granted
                .iter()
                .filter(|(t, _)| stock.ticket_types[*t].pools.contains(id))
                .map(|(_, quantity)| quantity)
                .sum();
            prop_assert_eq!(pool.held + pool.sold, drawn);
            prop_assert!(drawn <= pool.capacity);
        }
    }
}

const HOME: GuestHash = GuestHash([1; 16]);
const ELSEWHERE: GuestHash = GuestHash([2; 16]);
const SHARE: Share = Share {
    pending: Some(2),
    tickets: Some(5),
};

fn ask_as(
    stock: &mut Stock,
    buyer: Option<UserId>,
    guest: Option<GuestHash>,
    item: Item,
) -> Result<Grant, Refusal> {
    let request = Request {
        booking_id: BookingId(uuid::Uuid::nil()),
        buyer,
        guest,
        share: SHARE,
        sells: Sells::Nowhere,
        member: false,
        wish: Wish::Items(vec![item]),
        email_proven: false,
        expected_total: None,
        vouchers: Vec::new(),
        least_charge: false,
    };
    decide(stock, &request, now())
}

#[test]
fn guests_of_one_address_get_one_share_whatever_the_batch() {
    let mut stock = stock();
    let exceeded = |max, of| Err(Refusal::HoldsExceeded { max, of });
    let mut ask = |guest, count| ask_as(&mut stock, None, Some(guest), quantity(STANDING, count));
    assert_eq!(ask(HOME, 6), exceeded(5, BuyerLimit::Tickets));
    assert!(ask(HOME, 3).is_ok());
    assert_eq!(ask(HOME, 3), exceeded(5, BuyerLimit::Tickets));
    assert!(ask(HOME, 1).is_ok());
    assert_eq!(ask(HOME, 1), exceeded(2, BuyerLimit::PendingBookings));
    assert!(ask(ELSEWHERE, 5).is_ok());
}

#[test]
fn an_account_gets_its_share_and_the_organizer_any_number() {
    let mut stock = stock();
    stock.buyers.get_mut(&CUSTOMER).unwrap().tickets = 4;
    stock.buyers.get_mut(&ORGANIZER).unwrap().tickets = 400;
    let mut ask = |user, count| ask_as(&mut stock, Some(user), None, quantity(STANDING, count));
    assert_eq!(code(ask(CUSTOMER, 2)), "HOLDS_EXCEEDED");
    assert!(ask(CUSTOMER, 1).is_ok());
    assert_eq!(code(ask(ORGANIZER, 1)), "HOLDS_EXCEEDED");
    let selling = Request {
        share: SHARE,
        sells: Sells::Of(vec![OrganizationId::from(ORGANIZER)]),
        ..request(Some(ORGANIZER), Wish::Items(vec![quantity(STANDING, 10)]))
    };
    assert!(decide(&mut stock, &selling, now()).is_ok());
}

#[test]
fn a_limit_for_each_user_binds_guests_by_their_address() {
    let mut stock = stock();
    stock.ticket_types.get_mut(&STANDING).unwrap().max_per_user = Some(2);
    let mut ask = |guest, count| ask_as(&mut stock, None, guest, quantity(STANDING, count));
    assert!(ask(Some(HOME), 1).is_ok());
    let refused = Refusal::LimitExceeded {
        max: 1,
        ticket_type_id: Some(STANDING),
    };
    assert_eq!(ask(Some(HOME), 2), Err(refused));
    assert!(ask(Some(ELSEWHERE), 2).is_ok());
    assert!(ask(None, 2).is_ok());
}

#[test]
fn some_types_are_sold_to_accounts_only() {
    let mut stock = stock();
    stock.ticket_types.get_mut(&VIP).unwrap().proof = Proof::Account;
    let refused = Refusal::AccountRequired {
        ticket_type_id: VIP,
    };
    let vip = [quantity(VIP, 1)];
    assert_eq!(ask(&mut stock, None, &vip), Err(refused.clone()));
    assert!(ask(&mut stock, Some(CUSTOMER), &vip).is_ok());
    // Others are there for guests; where there are none, they are told why.
    assert!(ask_cheapest(&mut stock, 1).is_ok());
    stock.ticket_types.retain(|id, _| *id == VIP);
    assert_eq!(ask_cheapest(&mut stock, 1), Err(refused));
}

#[test]
fn some_types_are_sold_to_proven_addresses_and_to_accounts() {
    let mut stock = stock();
    stock.ticket_types.get_mut(&VIP).unwrap().proof = Proof::Email;
    let mut ask = |buyer, email_proven| {
        let request = Request {
            email_proven,
            ..request(buyer, Wish::Items(vec![quantity(VIP, 1)]))
        };
        decide(&mut stock, &request, now()).map(|_| ())
    };
    let refused = Refusal::EmailProofRequired {
        ticket_type_id: VIP,
    };
    assert_eq!(ask(None, false), Err(refused));
    assert_eq!(ask(None, true), Ok(()));
    assert_eq!(ask(Some(CUSTOMER), false), Ok(()));
}

#[test]
fn core_20_another_total_than_was_shown_is_refused() {
    let ask = |amount, currency: Option<&str>| {
        let request = Request {
            email_proven: false,
            booking_id: BookingId(uuid::Uuid::nil()),
            buyer: None,
            guest: None,
            share: Share::default(),
            sells: Sells::Nowhere,
            member: false,
            wish: Wish::Items(vec![quantity(STANDING, 2), quantity(VIP, 1)]),
            expected_total: Some(ExpectedTotal {
                amount,
                currency: currency.map(str::to_owned),
            }),
            vouchers: Vec::new(),
            least_charge: false,
        };
        let mut stock = stock();
        let before = stock.clone();
        let answer = decide(&mut stock, &request, now());
        assert_eq!(answer.is_err(), stock == before, "a refusal moves nothing");
        answer
    };
    assert_eq!(code(ask(12_000, None)), "granted");
    assert_eq!(code(ask(12_000, Some("EUR"))), "granted");
    let total = Money {
        amount: 12_000,
        currency: "EUR".into(),
    };
    let changed = Err(Refusal::PriceChanged { total });
    assert_eq!(ask(11_999, None), changed);
    assert_eq!(ask(12_000, Some("USD")), changed);
}

#[test]
fn people_of_the_organization_hold_several_bookings_at_a_time() {
    let mut stock = stock();
    for sells in [
        Sells::Of(vec![OrganizationId::from(stock.event.organizer_id)]),
        Sells::Everywhere,
    ] {
        for _ in 0..2 {
            let request = Request {
                sells: sells.clone(),
                share: SHARE,
                ..request(Some(CUSTOMER), Wish::Items(vec![quantity(VIP, 1)]))
            };
            let grant = decide(&mut stock, &request, now()).unwrap();
            assert_eq!(grant.kind, BookingKind::Staff);
        }
    }
    let elsewhere = Request {
        sells: Sells::Of(vec![OrganizationId(99)]),
        ..request(Some(CUSTOMER), Wish::Items(vec![quantity(VIP, 1)]))
    };
    let grant = decide(&mut stock, &elsewhere, now()).unwrap();
    assert_eq!(grant.kind, BookingKind::Checkout);
    let again = decide(&mut stock, &elsewhere, now());
    assert!(matches!(again, Err(Refusal::PendingBookingExists { .. })));
}

#[test]
fn an_offer_stands_beside_what_its_buyer_has() {
    let mut stock = stock();
    let request = request(Some(CUSTOMER), Wish::Items(vec![quantity(VIP, 1)]));
    decide(&mut stock, &request, now()).unwrap();
    let until = now() + jiff::SignedDuration::from_hours(1);
    let grant = offer(&mut stock, &request, until, now()).unwrap();
    assert_eq!(grant.kind, BookingKind::Offer);
    assert_eq!(grant.terms, Terms::Pending { expires_at: until });
    assert_eq!(grant.claim_state(), ClaimState::Held);
}

#[test]
fn a_total_that_no_card_is_charged_for_is_refused_to_buyers_and_not_to_staff() {
    let own = Sells::Of(vec![OrganizationId::from(ORGANIZER)]);
    let ask = |price: i64, sells: &Sells, least_charge: bool| {
        let mut stock = stock();
        stock
            .ticket_types
            .insert(VIP, terms(price, &[ROOT, PoolId(11)]));
        let wish = Wish::Items(vec![quantity(VIP, 1)]);
        let request = Request {
            sells: sells.clone(),
            least_charge,
            ..request(Some(CUSTOMER), wish)
        };
        code(decide(&mut stock, &request, now()))
    };
    for price in [1, 49] {
        assert_eq!(
            ask(price, &Sells::Nowhere, true),
            "BELOW_MINIMUM_CHARGE",
            "{price}"
        );
        assert_eq!(ask(price, &own, true), "granted", "{price}");
        assert_eq!(ask(price, &Sells::Nowhere, false), "granted", "{price}");
    }
    for price in [0, 50] {
        assert_eq!(ask(price, &Sells::Nowhere, true), "granted", "{price}");
    }
}

/// Ten of the dearest type, of which a voucher sets some aside.
fn with_reserve(reserved: i64) -> Stock {
    let mut stock = stock();
    let id = VoucherId(4);
    stock.prices.vouchers.push(Voucher {
        id,
        code: "KEPT".into(),
        benefit: crate::ticketing::price::Benefit::Percent(0),
        uses_left: None,
        valid_from: None,
        valid_to: None,
        ticket_types: vec![VIP],
        max_per_booking: None,
        reveals_hidden: false,
    });
    let reserve = Reserve {
        ticket_type_id: VIP,
        reserved,
        taken: 0,
        open: true,
    };
    stock.reserves.insert(id, reserve);
    for pool in [ROOT, PoolId(11)] {
        stock.pools.get_mut(&pool).unwrap().held += reserved;
    }
    stock.event.max_per_booking = 100;
    stock
}

fn ask_for_kept(stock: &mut Stock, has_code: bool, count: i64) -> Result<Grant, Refusal> {
    let mut asked = request(None, Wish::Items(vec![quantity(VIP, count)]));
    asked.vouchers = has_code.then(|| "KEPT".to_owned()).into_iter().collect();
    decide(stock, &asked, now())
}

#[test]
fn bearers_are_told_of_what_is_set_aside_for_them_and_others_are_not() {
    let mut stock = with_reserve(4);
    let left = |answer: Result<Grant, Refusal>| match answer {
        Err(Refusal::NotEnoughLeft { left, .. }) => left,
        other => panic!("{other:?}"),
    };
    assert_eq!(left(ask_for_kept(&mut stock, false, 7)), 6);
    assert_eq!(left(ask_for_kept(&mut stock, true, 11)), 10);
    assert!(ask_for_kept(&mut stock, false, 6).is_ok());
    assert_eq!(
        code(ask_for_kept(&mut stock, false, 1)),
        "TICKET_TYPE_SOLD_OUT"
    );
    assert_eq!(left(ask_for_kept(&mut stock, true, 5)), 4);
    let grant = ask_for_kept(&mut stock, true, 4).unwrap();
    assert_eq!(grant.reserves(), [(VIP, VoucherId(4))].into());
    assert_eq!(
        code(ask_for_kept(&mut stock, true, 1)),
        "TICKET_TYPE_SOLD_OUT"
    );
}

#[test]
fn the_short_form_counts_what_is_set_aside_for_its_buyer() {
    let mut stock = with_reserve(4);
    let same = |terms: &mut TicketTypeTerms| terms.price_amount = 9_000;
    stock.ticket_types.values_mut().for_each(same);
    stock.ticket_types.remove(&SEATED);
    let mut asked = request(None, Wish::Cheapest { quantity: 8 });
    let of = |grant: Grant| grant.lines[0].ticket_type_id;
    assert_eq!(
        of(decide(&mut stock.clone(), &asked, now()).unwrap()),
        STANDING
    );
    asked.vouchers = vec!["KEPT".to_owned()];
    assert_eq!(of(decide(&mut stock, &asked, now()).unwrap()), VIP);
}

/// The fault, if there is one, while people book with and without the code, and give back.
fn kept_aside(reserved: i64, steps: &[(bool, i64, usize)]) -> Result<(), String> {
    let mut stock = with_reserve(reserved);
    let mut live: Vec<Claim> = Vec::new();
    for (has_code, count, back) in steps {
        let taken: i64 = live.iter().map(|claim| claim.quantity).sum();
        let bearers = live.iter().filter(|claim| claim.voucher_id.is_some());
        let bearers: i64 = bearers.map(|claim| claim.quantity).sum();
        let set_aside = (reserved - bearers).max(0);
        let common = 10 - taken - set_aside;
        let pool = stock.pools[&PoolId(11)];
        if (pool.held, common >= 0) != (taken + set_aside, true) {
            return Err(format!("{live:?} of {pool:?}, {set_aside} set aside"));
        }
        let left = common + if *has_code { set_aside } else { 0 };
        match ask_for_kept(&mut stock, *has_code, *count) {
            Ok(grant) if left >= *count => live.push(Claim {
                id: Claim::UNSTORED,
                ticket_type_id: VIP,
                seat_id: None,
                quantity: *count,
                state: ClaimState::Held,
                voucher_id: grant.reserves().get(&VIP).copied(),
            }),
            Err(_) if left < *count => {}
            other => return Err(format!("{count} of {left}: {other:?}")),
        }
        if *back < live.len() {
            let ended = live.remove(*back);
            crate::ticketing::transition::free(&mut stock, &[ended]);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_is_set_aside_is_there_for_bearers_and_nobody_else(
        reserved in 0_i64..=10,
        steps in proptest::collection::vec((any::<bool>(), 1_i64..5, 0_usize..6), 1..30),
    ) {
        prop_assert_eq!(kept_aside(reserved, &steps), Ok(()));
    }
}

#[test]
fn a_reserve_that_is_hoarded_or_kept_too_long_is_noticed() {
    use crate::simulation::mistake::{self, Mistake};
    // A bearer after the last common ones; a stranger after what a bearer took.
    let bearer_last = [(false, 4, 9), (false, 2, 9), (true, 4, 9)];
    let stranger_last = [(true, 4, 9), (false, 4, 9), (false, 2, 9)];
    for (mistake, steps) in [
        (Mistake::HoardReserve, bearer_last),
        (Mistake::KeepReserveAside, stranger_last),
    ] {
        assert_eq!(kept_aside(4, &steps), Ok(()));
        mistake::make(Some(mistake));
        let wrong = kept_aside(4, &steps);
        mistake::make(None);
        assert!(wrong.is_err(), "{mistake:?}");
    }
}
