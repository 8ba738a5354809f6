#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Bookings of a stored form, so that fields that others add need no change here.
pub(crate) fn booking(total: i64, prices: &[i64]) -> Booking {
    let money = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    let items = prices.iter().enumerate().map(|(index, price)| {
        json!({"ticket_type_id": index + 1, "name": "Floor", "quantity": 1, "unit_price": money(*price), "seats": []})
    });
    let tickets = prices.iter().enumerate().map(|(index, _)| {
        json!({"code": format!("T{index}"), "ticket_type_id": index + 1, "seat_id": null, "status": "valid"})
    });
    serde_json::from_value(json!({
        "id": uuid::Uuid::nil(), "version": 1, "reference": "BK-1", "event_id": 1, "user_id": null,
        "status": "confirmed", "kind": "checkout", "quantity": prices.len(), "total": money(total),
        "items": items.collect::<Vec<_>>(), "lines": [], "tickets": tickets.collect::<Vec<_>>(),
        "expires_at": null, "created_at": Timestamp::UNIX_EPOCH, "confirmed_at": Timestamp::UNIX_EPOCH,
        "paid_by": "cash", "payment_id": null, "extended_at": null, "processing_since": null, "cancel_reason": null,
        "payment": null, "vouchers": [],
    }))
    .unwrap()
}

fn tickets(codes: &[&str]) -> RefundWish {
    RefundWish::Tickets(codes.iter().map(|code| (*code).to_owned()).collect())
}

fn paid(left: i64) -> PaidMoney {
    PaidMoney {
        captured: 1_000,
        fees: 0,
        left,
        fees_left: 0,
    }
}

fn none() -> BTreeSet<String> {
    BTreeSet::new()
}

#[test]
fn a_ticket_that_is_on_its_way_back_is_not_given_back_again() {
    let booking = booking(1_000, &[400, 600]);
    let given = BTreeSet::from(["T0".to_owned()]);
    let again = decide(&booking, paid(600), &given, &tickets(&["T0"]));
    let refused = Err(RefundRefusal::NotRefundable { used: Vec::new() });
    assert_eq!(again, refused);
    let rest = decide(&booking, paid(600), &given, &RefundWish::All).unwrap();
    assert_eq!(
        (rest.amount, rest.tickets),
        (600, Some(vec!["T1".to_owned()]))
    );
}

#[test]
fn all_is_what_is_left_and_every_ticket() {
    let booking = booking(1_000, &[400, 600]);
    let back = decide(&booking, paid(700), &none(), &RefundWish::All).unwrap();
    assert_eq!(back.amount, 700);
    assert_eq!(back.tickets.unwrap(), ["T0", "T1"]);
    let nothing = decide(&booking, paid(0), &none(), &RefundWish::All);
    assert_eq!(nothing, Err(RefundRefusal::Exceeds { left: 0 }));
}

#[test]
fn used_void_and_unknown_tickets_are_not_given_back() {
    let mut booking = booking(1_000, &[400, 600]);
    booking.tickets[0].status = TicketStatus::Used;
    for wish in [RefundWish::All, tickets(&["T0"])] {
        let used = vec!["T0".to_owned()];
        let refused = Err(RefundRefusal::NotRefundable { used });
        assert_eq!(decide(&booking, paid(1_000), &none(), &wish), refused);
    }
    assert_eq!(
        decide(&booking, paid(1_000), &none(), &tickets(&["T1"]))
            .unwrap()
            .amount,
        600
    );
    booking.tickets[1].status = TicketStatus::Void;
    for wish in [tickets(&["T1"]), tickets(&["T9"]), tickets(&[])] {
        let refused = Err(RefundRefusal::NotRefundable { used: Vec::new() });
        assert_eq!(decide(&booking, paid(1_000), &none(), &wish), refused);
    }
}

#[test]
fn money_alone_leaves_the_tickets() {
    let booking = booking(1_000, &[1_000]);
    let back = decide(&booking, paid(300), &none(), &RefundWish::Amount(300)).unwrap();
    assert_eq!((back.amount, back.tickets), (300, None));
    for amount in [301, 0, -1] {
        let refused = decide(&booking, paid(300), &none(), &RefundWish::Amount(amount));
        assert_eq!(refused, Err(RefundRefusal::Exceeds { left: 300 }));
    }
}

proptest! {
    /// Whatever a booking cost (vouchers and fees make the total differ from the prices), its tickets given back one by
    /// one, in any order, come to the total to the last unit. Shares that are rounded alone do not.
    #[test]
    fn tickets_come_to_the_total_to_the_last_unit(
        (prices, order) in prop::collection::vec(0..5_000_i64, 1..8)
            .prop_flat_map(|prices| { let n = prices.len(); (Just(prices), Just((0..n).collect::<Vec<_>>()).prop_shuffle()) }),
        total in 1..40_000_i64,
    ) {
        let booking = booking(total, &prices);
        let mut sum = 0;
        for index in order {
            let code = format!("T{index}");
            let part = worth(&booking, total, &[code].into());
            prop_assert!(part >= 0);
            sum += part;
        }
        prop_assert_eq!(sum, total);
    }
}

/// 3 tickets at 50.00, of which a voucher leaves 20.00 each; 2 at 10.00 with 5 % tax on top; 1 that is free; a fee of 8.10.
fn discounted() -> Booking {
    let mut booking = booking(8_910, &[5_000, 1_000, 0]);
    booking.items[0].quantity = 3;
    booking.items[1].quantity = 2;
    let line = |kind: &str, of: Option<i64>, amount: i64, tax: i64| {
        let rate = (tax > 0).then(|| json!({"basis_points": 500, "included": false}));
        json!({
            "kind": kind, "ticket_type_id": of, "name": "", "quantity": 1, "unit_amount": amount, "amount": amount,
            "tax_amount": tax, "tax": rate,
        })
    };
    booking.lines = serde_json::from_value(json!([
        line("ticket", Some(1), 15_000, 0),
        line("ticket", Some(2), 2_000, 100),
        line("ticket", Some(3), 0, 0),
        line("discount", Some(1), -9_000, 0),
        line("fee", None, 810, 0),
        line("tax", None, 100, 100),
    ]))
    .unwrap();
    let types = [1, 1, 1, 2, 2, 3];
    let tickets = types.iter().enumerate().map(|(index, of)| {
        json!({"code": format!("T{index}"), "ticket_type_id": of, "seat_id": null, "status": "valid"})
    });
    booking.tickets = serde_json::from_value(tickets.collect()).unwrap();
    booking
}

/// Not what it would have cost without the voucher: else a buyer with a policy by ticket gives back what was cheap, and keeps
/// what was dear.
#[test]
fn a_ticket_comes_to_what_it_cost_after_its_discount_and_with_its_tax() {
    let booking = discounted();
    let parts: Vec<i64> = (0..6)
        .map(|index| worth(&booking, 8_910, &[format!("T{index}")].into()))
        .collect();
    assert_eq!(parts, [2_200, 2_200, 2_200, 1_155, 1_155, 0]);
}

#[test]
fn a_ticket_that_cost_nothing_gives_nothing_back() {
    let nothing = decide(&discounted(), paid(8_910), &none(), &tickets(&["T5"]));
    assert_eq!(nothing, Err(RefundRefusal::Nothing));
    let with_another = decide(&discounted(), paid(8_910), &none(), &tickets(&["T4", "T5"]));
    assert_eq!(with_another.unwrap().amount, 1_155);
}

/// Only tickets of the second type are taxed.
#[test]
fn a_refund_has_the_tax_of_its_tickets() {
    let back = |codes: &[&str]| decide(&discounted(), paid(8_910), &none(), &tickets(codes));
    for (codes, tax) in [(["T0", "T5"], 0), (["T0", "T3"], 50), (["T3", "T4"], 100)] {
        assert_eq!(back(&codes).unwrap().tax, Some(tax), "{codes:?}");
    }
    let policy = RefundPolicy {
        percent: 50,
        ..RefundPolicy::default()
    };
    let tickets = OwnersTickets::These(BTreeSet::from(["T3".to_owned()]));
    let wish = RefundWish::ByPolicy { policy, tickets };
    let all = PaidMoney {
        captured: 8_910,
        ..paid(8_910)
    };
    let half = decide(&discounted(), all, &none(), &wish).unwrap();
    assert_eq!((half.amount, half.tax), (577, Some(25)));
    // Where all are taxed alike, or the refund is of no tickets, it has its share.
    let alike = booking(1_000, &[400, 600]);
    let back = decide(
        &alike,
        paid(1_000),
        &none(),
        &RefundWish::Tickets(["T0".to_owned()].into()),
    );
    assert_eq!(back.unwrap().tax, None);
    let money = decide(&discounted(), paid(8_910), &none(), &RefundWish::Amount(9));
    assert_eq!(money.unwrap().tax, None);
}

/// Dinars have three decimals, of which the last is always 0.
#[test]
fn shares_are_amounts_that_there_are() {
    let mut booking = booking(4_000, &[1, 1, 1]);
    booking.total.currency = "KWD".to_owned();
    let all = ["T0", "T1", "T2"].map(|code| worth(&booking, 4_000, &[code.to_owned()].into()));
    assert_eq!(all, [1_330, 1_340, 1_330]);
    let policy = RefundPolicy {
        percent: 33,
        ..RefundPolicy::default()
    };
    let tickets = OwnersTickets::Rest { gone: none() };
    let part = decide(
        &booking,
        paid(1_000),
        &none(),
        &RefundWish::ByPolicy { policy, tickets },
    );
    assert_eq!(part.unwrap().amount, 330);
}

/// The negative control of the property.
#[test]
fn parts_that_are_rounded_alone_do_not_come_to_the_total() {
    let alone = (2 * 100 + 3) / (2 * 3);
    assert_ne!(3 * alone, 100);
    let booking = booking(100, &[1, 1, 1]);
    let all = ["T0", "T1", "T2"].map(|code| worth(&booking, 100, &[code.to_owned()].into()));
    assert_eq!(all.iter().sum::<i64>(), 100);
}
