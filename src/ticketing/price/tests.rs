#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

const FULL: TaxRate = TaxRate {
    basis_points: 1900,
    included: true,
};
const ON_TOP: TaxRate = TaxRate {
    basis_points: 1900,
    included: false,
};

fn tickets(id: i64, quantity: i64, unit_amount: i64) -> Tickets<'static> {
    Tickets {
        ticket_type_id: TicketTypeId(id),
        name: "Stalls",
        quantity,
        unit_amount,
    }
}

fn tax(rate: TaxRate) -> Tax {
    Tax {
        name: "VAT".to_owned(),
        rate,
        ticket_type_id: None,
    }
}

fn fee(charge: FeeCharge, absorbed: bool) -> Fee {
    Fee {
        name: "Booking fee".to_owned(),
        charge,
        absorbed,
    }
}

fn voucher(benefit: Benefit) -> Voucher {
    Voucher {
        id: VoucherId(1),
        code: "SUMMER".to_owned(),
        benefit,
        uses_left: None,
        valid_from: None,
        valid_to: None,
        ticket_types: Vec::new(),
        max_per_booking: None,
        reveals_hidden: false,
    }
}

fn amounts(price: &Price, kind: LineKind) -> Vec<i64> {
    let lines = price.lines.iter().filter(|line| line.kind == kind);
    lines.map(PriceLine::amount).collect()
}

#[test]
fn tax_is_rounded_once_for_a_booking() {
    let terms = PriceTerms {
        taxes: vec![tax(FULL)],
        ..PriceTerms::default()
    };
    let many: Vec<Tickets<'_>> = (0..1000).map(|id| tickets(id, 1, 499)).collect();
    let price = price(1, &terms, &many, &[]).unwrap();
    assert_eq!(price.total, 499_000);
    let line = price.lines.last().unwrap();
    assert_eq!(
        (line.kind, line.amount(), line.tax_amount),
        (LineKind::Tax, 0, 79_672)
    );
}

#[test]
fn fees_follow_discounts_and_taxes_follow_both() {
    let terms = PriceTerms {
        taxes: vec![tax(ON_TOP)],
        fees: vec![
            fee(FeeCharge::PerTicket(100), false),
            fee(FeeCharge::PerBooking(50), false),
            fee(FeeCharge::Percent(1000), false),
            fee(FeeCharge::Percent(500), true),
        ],
        ..PriceTerms::default()
    };
    let price = price(
        1,
        &terms,
        &[tickets(1, 2, 1000)],
        &[&voucher(Benefit::Percent(5000))],
    )
    .unwrap();
    assert_eq!(amounts(&price, LineKind::Discount), [-1000]);
    assert_eq!(amounts(&price, LineKind::Fee), [200, 50, 100]);
    // 19 % of 1,000 + 350.
    assert_eq!(amounts(&price, LineKind::Tax), [257]);
    assert_eq!((price.total, price.absorbed_amount), (1607, 50));
}

#[test]
fn a_ticket_type_has_its_own_tax_before_that_of_the_event() {
    let own = Tax {
        ticket_type_id: Some(TicketTypeId(1)),
        ..tax(TaxRate {
            basis_points: 700,
            included: false,
        })
    };
    let terms = PriceTerms {
        taxes: vec![own, tax(ON_TOP)],
        ..PriceTerms::default()
    };
    let price = price(1, &terms, &[tickets(1, 1, 1000), tickets(2, 1, 1000)], &[]).unwrap();
    assert_eq!(amounts(&price, LineKind::Tax), [70, 190]);
}

#[test]
fn what_costs_nothing_has_no_fee() {
    let terms = PriceTerms {
        taxes: vec![tax(ON_TOP)],
        fees: vec![
            fee(FeeCharge::PerBooking(50), false),
            fee(FeeCharge::PerTicket(5), true),
        ],
        ..PriceTerms::default()
    };
    let all_off = voucher(Benefit::Percent(WHOLE_BP));
    let free = price(1, &terms, &[tickets(1, 3, 1000)], &[&all_off]).unwrap();
    assert_eq!((free.total, free.absorbed_amount), (0, 0));
    assert_eq!(amounts(&free, LineKind::Fee), [0; 0]);
    // Nor beside what costs something: of the ten tickets three are paid for.
    let mut one_off = voucher(Benefit::FixedPrice(0));
    one_off.max_per_booking = Some(1);
    let chosen = [tickets(1, 4, 1000), tickets(2, 6, 0)];
    let mixed = price(1, &terms, &chosen, &[&one_off]).unwrap();
    assert_eq!(amounts(&mixed, LineKind::Fee), [50]);
    assert_eq!(mixed.absorbed_amount, 15);
}

/// As if each of its tickets were on a line of its own.
#[test]
fn a_ticket_that_one_voucher_made_free_is_not_the_dearest_of_the_next() {
    let once = |price: i64| Voucher {
        max_per_booking: Some(1),
        ..voucher(Benefit::FixedPrice(price))
    };
    let chosen = [tickets(1, 2, 5000), tickets(2, 1, 3000)];
    let total = |vouchers: &[&Voucher]| {
        let price = price(1, &PriceTerms::default(), &chosen, vouchers).unwrap();
        price.total
    };
    assert_eq!(total(&[&once(0)]), 8000);
    assert_eq!(total(&[&once(0), &once(0)]), 3000);
    assert_eq!(
        total(&[&once(0), &voucher(Benefit::FixedPrice(2000))]),
        4000
    );
}

#[test]
fn a_voucher_makes_the_dearest_tickets_cheaper() {
    let mut three = voucher(Benefit::FixedPrice(500));
    three.max_per_booking = Some(3);
    let chosen = [tickets(1, 2, 1000), tickets(2, 2, 2000)];
    let price = price(1, &PriceTerms::default(), &chosen, &[&three]).unwrap();
    assert_eq!(amounts(&price, LineKind::Discount), [-500, -3000]);
    assert_eq!(price.total, 2500);
}

#[test]
fn three_decimals_are_sold_in_multiples_of_ten() {
    let terms = PriceTerms {
        taxes: vec![tax(ON_TOP)],
        fees: vec![fee(FeeCharge::Percent(333), false)],
        ..PriceTerms::default()
    };
    let off = voucher(Benefit::Percent(1234));
    let price = price(10, &terms, &[tickets(1, 3, 12340)], &[&off]).unwrap();
    assert!(price.lines.iter().all(|line| line.amount() % 10 == 0));
}

#[test]
fn more_than_an_amount_can_say_is_refused() {
    let chosen = [tickets(1, i64::MAX, i64::MAX)];
    assert_eq!(price(1, &PriceTerms::default(), &chosen, &[]), Err(TooMuch));
}

/// An amount off is given whole, whatever the lines are.
fn benefit() -> impl Strategy<Value = Benefit> {
    prop_oneof![
        (0..=WHOLE_BP).prop_map(Benefit::Percent),
        (0..200_000_i64).prop_map(|amount| Benefit::Amount(amount * 10)),
        (0..5_000_i64).prop_map(|amount| Benefit::FixedPrice(amount * 10)),
    ]
}

fn any_voucher() -> impl Strategy<Value = Voucher> {
    (
        benefit(),
        proptest::option::of(0..8_i64),
        proptest::collection::vec(1..6_i64, 0..3),
    )
        .prop_map(|(benefit, max_per_booking, types)| Voucher {
            max_per_booking,
            ticket_types: types.into_iter().map(TicketTypeId).collect(),
            ..voucher(benefit)
        })
}

fn any_terms() -> impl Strategy<Value = PriceTerms> {
    let tax = (0..=WHOLE_BP, any::<bool>(), proptest::option::of(1..6_i64)).prop_map(
        |(basis_points, included, id)| Tax {
            name: "Tax".to_owned(),
            rate: TaxRate {
                basis_points,
                included,
            },
            ticket_type_id: id.map(TicketTypeId),
        },
    );
    let charge = prop_oneof![
        (0..500_i64).prop_map(|amount| FeeCharge::PerTicket(amount * 10)),
        (0..500_i64).prop_map(|amount| FeeCharge::PerBooking(amount * 10)),
        (0..=WHOLE_BP).prop_map(FeeCharge::Percent),
    ];
    let fee = (charge, any::<bool>()).prop_map(|(charge, absorbed)| fee(charge, absorbed));
    (
        proptest::collection::vec(tax, 0..4),
        proptest::collection::vec(fee, 0..4),
    )
        .prop_map(|(taxes, fees)| PriceTerms {
            taxes,
            fees,
            vouchers: Vec::new(),
        })
}

fn any_tickets() -> impl Strategy<Value = Vec<Tickets<'static>>> {
    proptest::collection::vec((1..20_i64, 0..10_000_i64), 1..6).prop_map(|lines| {
        let lines = (1..).zip(lines);
        lines
            .map(|(id, (quantity, unit))| tickets(id, quantity, unit * 10))
            .collect()
    })
}

/// Of amounts that are multiples of 10,000 no four of them round anything.
fn exact_voucher() -> impl Strategy<Value = Voucher> {
    let benefit = prop_oneof![
        (0..=10_i64).prop_map(|tenths| Benefit::Percent(tenths * 1_000)),
        (0..10_i64).prop_map(|price| Benefit::FixedPrice(price * 10_000)),
    ];
    (any_voucher(), benefit).prop_map(|(any, benefit)| Voucher { benefit, ..any })
}

proptest! {
    /// Discounts, fees and taxes are of tickets: those of a type cost what they would on lines of their own.
    #[test]
    fn tickets_cost_the_same_one_by_one(
        terms in any_terms(), lines in proptest::collection::vec((1..6_i64, 0..10_i64), 1..5),
        vouchers in proptest::collection::vec(exact_voucher(), 0..=4),
    ) {
        let lines = (1..).zip(lines);
        let chosen: Vec<Tickets<'_>> = lines.map(|(id, (quantity, unit))| tickets(id, quantity, unit * 10_000)).collect();
        let apart = chosen.iter().flat_map(|of| (0..of.quantity).map(|_| Tickets { quantity: 1, ..*of }));
        let apart: Vec<Tickets<'_>> = apart.collect();
        let used: Vec<&Voucher> = vouchers.iter().collect();
        let together = price(1, &terms, &chosen, &used).unwrap();
        let apart = price(1, &terms, &apart, &used).unwrap();
        prop_assert_eq!((together.total, together.absorbed_amount), (apart.total, apart.absorbed_amount));
    }

    #[test]
    fn every_booking_adds_up(
        terms in any_terms(), chosen in any_tickets(), vouchers in proptest::collection::vec(any_voucher(), 0..4), three: bool,
    ) {
        let step = if three { 10 } else { 1 };
        let used: Vec<&Voucher> = vouchers.iter().collect();
        let price = price(step, &terms, &chosen, &used).unwrap();
        prop_assert!(price.total >= 0);
        prop_assert_eq!(price.lines.iter().map(PriceLine::amount).sum::<i64>(), price.total);
        prop_assert!(price.lines.iter().all(|line| line.amount() % step == 0));

        let of = |kind| price.lines.iter().filter(move |line| line.kind == kind);
        // Each ticket line after its discounts, and each fee: what it costs, and its tax.
        let mut cost_of: Vec<(i64, &PriceLine)> = Vec::new();
        for line in of(LineKind::Ticket) {
            let off = of(LineKind::Discount).filter(|one| one.ticket_type_id == line.ticket_type_id);
            cost_of.push((line.amount() + off.map(PriceLine::amount).sum::<i64>(), line));
        }
        cost_of.extend(of(LineKind::Fee).map(|line| (line.amount(), line)));
        for (cost, line) in &cost_of {
            prop_assert!(*cost >= 0);
            prop_assert!(line.tax_amount >= 0);
            if let Some(tax) = line.tax {
                let (cost, rate, unit) = (i128::from(*cost), i128::from(tax.basis_points), i128::from(step));
                let (whole, unit) = match tax.included {
                    true => (i128::from(WHOLE_BP) + rate, 1),
                    false => (i128::from(WHOLE_BP), unit),
                };
                let own = half_up(cost * rate, whole * unit) * unit;
                prop_assert!((i128::from(line.tax_amount) - own).abs() <= unit, "{line:?}: {own}");
                prop_assert!(!tax.included || i128::from(line.tax_amount) <= cost);
            }
        }
        let shares: i64 = cost_of.iter().map(|(_, line)| line.tax_amount).sum();
        prop_assert_eq!(shares, of(LineKind::Tax).map(|line| line.tax_amount).sum::<i64>());
    }

    #[test]
    fn an_amount_off_is_given_whole(chosen in any_tickets(), amount in 0..5_000_000_i64) {
        let cost: i64 = chosen.iter().map(|line| line.quantity * line.unit_amount).sum();
        let price = price(1, &PriceTerms::default(), &chosen, &[&voucher(Benefit::Amount(amount))]).unwrap();
        prop_assert_eq!(price.total, cost - amount.min(cost));
    }
}
