//! Money that moves without us: refunds at the provider's own page, and disputes.

use serde_json::{Value, json};

use super::shop::{GOOD, Held, PRICE, Shop};
use crate::support::server::DEADLINE;
use crate::support::show::{Show, one};

impl Shop {
    /// A sale of two tickets; its hold and its intent.
    async fn sell_two(&self) -> (Held, String) {
        let held = self.hold(2).await;
        let intent = self.begin(&held).await;
        self.stripe.give_card(&intent, GOOD).await;
        self.paid_and_sold(&held, &intent, 2).await;
        (held, intent)
    }

    /// The sum of an account's entries.
    async fn account(&self, name: &str) -> i64 {
        let sql = "select coalesce(sum(e.amount), 0)::bigint from ledger_entries e
                     join ledger_accounts a on a.id = e.account_id where a.name = $1";
        one(&self.client, sql, &[&name]).await
    }

    async fn dispute(&self, intent: &str) -> String {
        let opened = self.stripe.tell(json!({"dispute": intent})).await;
        opened["id"].as_str().unwrap().to_owned()
    }

    async fn until_dispute(&self, state: &str) {
        let sql = format!("select count(*) = 1 from disputes where state = '{state}'");
        self.until(&sql).await;
    }

    /// All jobs have come to an end, but for the one that asks for events now and then.
    async fn until_quiet(&self) {
        let sql = "select count(*) = 0 from jobs where state in ('waiting', 'leased') and kind <> 'provider_events'";
        self.in_the_end(sql).await;
    }
}

/// The provider forgets the keys of requests after a day, and keeps its own errors under them until then.
#[tokio::test]
async fn a_refund_is_made_once_however_late_it_is_asked_for_again() {
    let shop = Shop::open(20).await;
    for (does, hours) in [("500_after", 0), ("cut_after", 25), ("500_after", 25)] {
        let (held, intent) = shop.sell_two().await;
        let faults = json!({"faults": [{"on": "POST /v1/refunds", "does": does, "times": 2}]});
        shop.stripe.tell(faults).await;
        let staff = shop.server.user(shop.show.organizer);
        let path = format!("/api/v1/bookings/{}/refunds", held.id);
        let asked = staff.post(&path, &json!({"amount": 500})).await;
        assert_eq!(asked.data(201)["status"], "requested", "{does}");
        // As if no node had run meanwhile.
        shop.stripe.tell(json!({"advance_s": hours * 3_600})).await;
        let earlier = format!(
            "update refunds set created_at = created_at - interval '{hours} hours' where booking_id = '{}'",
            held.id
        );
        shop.client.execute(&earlier, &[]).await.unwrap();
        shop.stripe.tell(json!({"faults": []})).await;
        shop.in_the_end(&format!(
            "select count(*) = 1 from refunds where state = 'succeeded' and booking_id = '{}'",
            held.id
        ))
        .await;
        assert_eq!(shop.kept(&intent).await, 2 * PRICE - 500, "{does} {hours}");
    }
    shop.server.audit().await;
}

#[tokio::test]
async fn a_refund_that_others_made_is_booked_once_and_waits_for_a_person() {
    let shop = Shop::open(10).await;
    for delivery in ["double", "drop"] {
        let before = shop.account("unexplained movements").await;
        let (held, intent) = shop.sell_two().await;
        shop.stripe.tell(json!({"delivery": delivery})).await;
        let refund = json!({"refund_intent": intent, "amount": 1_000});
        shop.stripe.tell(refund).await;
        let noted = format!(
            "select count(*) = 1 from payments where booking_id = '{}' and review is not null and refunded_amount = 1000",
            held.id
        );
        match delivery {
            // Its webhooks are lost: the events are asked for.
            "drop" => shop.in_the_end(&noted).await,
            _ => shop.until(&noted).await,
        }
        shop.stripe.tell(json!({"delivery": "send"})).await;
        shop.until_quiet().await;
        assert_eq!(shop.tickets(&held).await, 2, "they stay as they are");
        let unexplained = shop.account("unexplained movements").await;
        assert_eq!(unexplained - before, 1_000);
        let path = format!("/api/v1/bookings/{}", held.id);
        let shown = shop.buyer(&held).get(&path).await;
        assert_eq!(shown.data(200)["payment"]["state"], "needs_review");
        assert_eq!(shown.data(200)["status"], "confirmed");
        shop.server.audit().await;
    }
}

#[tokio::test]
async fn a_refund_that_others_made_takes_the_place_of_ours() {
    let shop = Shop::open(10).await;
    let (held, intent) = shop.sell_two().await;
    // Ours does not reach the provider before all of the money is gone.
    let broken = json!([{"on": "POST /v1/refunds", "does": "500_before", "times": 1_000}]);
    shop.stripe.tell(json!({"faults": broken})).await;
    let staff = shop.server.user(shop.show.organizer);
    let path = format!("/api/v1/bookings/{}/refunds", held.id);
    let asked = staff.post(&path, &json!({"all": true})).await;
    assert_eq!(asked.data(201)["status"], "requested");
    shop.stripe.tell(json!({"refund_intent": intent})).await;
    shop.until(
        "select count(*) = 1 from refunds where state = 'succeeded' and key like 'foreign:%'",
    )
    .await;
    shop.stripe.tell(json!({"faults": []})).await;
    shop.until_quiet().await;
    assert_eq!(shop.kept(&intent).await, 0);
    let failed = "select count(*) from refunds where state = 'failed' and key like 'asked:%'";
    assert_eq!(one::<i64>(&shop.client, failed, &[]).await, 1);
    assert_eq!(shop.account("unexplained movements").await, 2 * PRICE);
    shop.server.audit().await;
}

/// The rest of it goes back when the booking or its event is cancelled, and by a person's «all».
#[tokio::test]
async fn the_rest_of_a_payment_of_which_a_part_was_lost_is_given_back() {
    for by in ["booking", "event", "staff"] {
        let shop = Shop::open(10).await;
        let (held, intent) = shop.sell_two().await;
        let part = json!({"dispute": intent, "amount": 500});
        let dispute = shop.stripe.tell(part).await["id"].clone();
        let lost = json!({"dispute_closed": dispute, "status": "lost"});
        shop.stripe.tell(lost).await;
        shop.until_dispute("lost").await;
        shop.until_quiet().await;
        let staff = shop.server.user(shop.show.organizer);
        let booking = format!("/api/v1/bookings/{}", held.id);
        match by {
            "booking" => {
                let cancel = json!({"status": "cancelled"});
                let cancelled = staff.put(&format!("{booking}/status"), &cancel).await;
                cancelled.data(200);
            }
            "event" => {
                let cancel = format!("/api/v1/events/{}/cancel", shop.show.event);
                let storm = json!({"reason": "Storm"});
                staff.post(&cancel, &storm).await.data(202);
            }
            _ => {
                let all = json!({"all": true});
                let asked = staff.post(&format!("{booking}/refunds"), &all).await;
                assert_eq!(asked.data(201)["amount"]["amount"], 2 * PRICE - 500);
            }
        }
        // This provider gives nothing back of what was disputed, and a person hears of it.
        let asked = format!(
            "select count(*) = 1 and sum(amount) = {} and bool_and(state = 'needs_review') from refunds",
            2 * PRICE - 500
        );
        shop.in_the_end(&asked).await;
        shop.server.audit().await;
    }
}

#[tokio::test]
async fn a_dispute_moves_money_and_state_and_never_stock() {
    let shop = Shop::open(10).await;
    let mut disputed = 0;
    for (delivery, order, end) in [
        ("double", "", "lost"),
        ("hold", "as_happened", "won"),
        ("hold", "reversed", "won"),
        ("hold", "reversed", "lost"),
    ] {
        let (held, intent) = shop.sell_two().await;
        shop.stripe.tell(json!({"delivery": delivery})).await;
        let dispute = shop.dispute(&intent).await;
        if delivery != "hold" {
            shop.until_dispute("open").await;
            shop.until_quiet().await;
            assert_eq!(shop.account("disputed money").await, disputed + 2 * PRICE);
            let path = format!("/api/v1/bookings/{}", held.id);
            let staff = shop.server.user(shop.show.organizer);
            let shown = staff.get(&path).await;
            let shown = shown.data(200);
            assert_eq!(shown["disputes"][0]["status"], "open");
            assert_eq!(shown["disputes"][0]["amount"]["amount"], 2 * PRICE);
            assert_eq!(shown["payment"]["state"], "needs_review");
            let own = shop.buyer(&held).get(&path).await;
            assert_eq!(own.data(200)["disputes"], Value::Null, "it is for staff");
        }
        shop.stripe
            .tell(json!({"dispute_closed": dispute, "status": end}))
            .await;
        if delivery == "hold" {
            shop.stripe.tell(json!({"release": order})).await;
        }
        shop.until(&format!(
            "select count(*) = 1 from disputes where state = '{end}' and provider_ref = '{dispute}'"
        ))
        .await;
        shop.stripe.tell(json!({"delivery": "send"})).await;
        shop.until_quiet().await;
        if end == "lost" {
            disputed += 2 * PRICE;
            let staff = shop.server.user(shop.show.organizer);
            let path = format!("/api/v1/bookings/{}/refunds", held.id);
            let asked = staff.post(&path, &json!({"amount": 1})).await;
            assert_eq!(asked.code(409), "REFUND_EXCEEDS", "their bank did");
        }
        assert_eq!(shop.account("disputed money").await, disputed);
        assert_eq!(shop.tickets(&held).await, 2, "they stay as they are");
        shop.server.audit().await;
    }
    // The provider's books say the same.
    let books = shop.stripe.books().await;
    let net = books["balance_transactions"].as_array().unwrap().iter();
    let net: i64 = net.map(|one| one["net"].as_i64().unwrap()).sum();
    assert_eq!(shop.account("money at stripe").await, net);
}

#[tokio::test]
async fn a_refund_of_ours_that_fails_after_it_had_succeeded_waits_for_a_person() {
    let shop = Shop::open(10).await;
    let (held, intent) = shop.sell_two().await;
    let refunds = format!("/api/v1/bookings/{}/refunds", held.id);
    let staff = shop.server.user(shop.show.organizer);
    let refund = staff.post(&refunds, &json!({"amount": 1_000})).await;
    assert_eq!(refund.data(201)["status"], "succeeded");
    let books = shop.stripe.books().await;
    let id = books["refunds"][0]["id"].clone();
    let failed = json!({"refund": id, "ends": "failed", "even_if_succeeded": true});
    shop.stripe.tell(failed).await;
    let noted = format!(
        "select count(*) = 1 from payments where booking_id = '{}' and review is not null and refunded_amount = 0",
        held.id
    );
    shop.until(&noted).await;
    shop.until_quiet().await;
    assert_eq!(shop.kept(&intent).await, 2 * PRICE);
    shop.server.audit().await;
}

/// More refunds than one page of the provider's list has are all booked.
#[tokio::test]
async fn refunds_of_more_than_one_page_are_booked() {
    const REFUNDS: i64 = 101;
    let shop = Shop::open(10).await;
    shop.stripe.tell(json!({"delivery": "drop"})).await;
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.in_the_end("select count(*) = 1 from payments where state = 'captured'")
        .await;
    for _ in 0..REFUNDS {
        let one = json!({"refund_intent": intent, "amount": 1});
        shop.stripe.tell(one).await;
    }
    let look = "insert into jobs (kind, key, payload, expires_at)
                select 'payment', 'payment:' || id, jsonb_build_object('payment_id', id), now() + interval '1 day' from payments
                    on conflict (key) do update
                   set rung = jobs.state = 'leased', run_at = clock_timestamp(),
                       state = case jobs.state when 'leased' then 'leased' else 'waiting' end";
    shop.client.execute(look, &[]).await.unwrap();
    shop.in_the_end(&format!("select refunded_amount = {REFUNDS} from payments"))
        .await;
    shop.server.audit().await;
}

/// A fee that the provider says only after the sale is booked then.
#[tokio::test]
async fn a_fee_that_follows_is_booked_when_it_is_known() {
    let shop = Shop::open(10).await;
    shop.stripe.tell(json!({"fees": "follow"})).await;
    let held = shop.hold(2).await;
    let intent = shop.begin(&held).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.paid_and_sold(&held, &intent, 2).await;
    assert_eq!(
        one::<i64>(&shop.client, "select fee_amount from payments", &[]).await,
        0
    );
    shop.stripe.tell(json!({"fees": "known"})).await;
    shop.in_the_end("select fee_amount > 0 from payments").await;
    shop.in_the_end("select count(*) = 1 from ledger_transactions where cause = 'fee'")
        .await;
    shop.server.audit().await;
}

/// Stripe's units are those of the currency, but for krónur and shillings, of which it has hundredths.
#[tokio::test]
async fn amounts_are_the_same_in_both_books_whatever_the_currency() {
    for (currency, price, there) in [
        ("ISK", 9_900, 990_000),
        ("UGX", 90_000, 9_000_000),
        ("MGA", 50_000, 50_000),
        ("JPY", 4_500, 4_500),
        ("KWD", 4_500, 4_500),
    ] {
        let shop = Shop::open(1).await;
        let show = Show::new()
            .ticket_type("Standing", price, 10)
            .then(&format!(
                "update events set currency = '{currency}' where id = $event"
            ))
            .stage(&shop.client)
            .await;
        let held = shop.hold_of(show.event, 2).await;
        let intent = shop.begin(&held).await;
        let made = shop.stripe.intent_of(&held.id).await;
        assert_eq!(made["amount"], 2 * there, "{currency}");
        shop.stripe.give_card(&intent, GOOD).await;
        shop.until_payment(&held, "captured").await;
        let sql = "select captured_amount from payments";
        assert_eq!(one::<i64>(&shop.client, sql, &[]).await, 2 * price);
        // A part by staff, a part at the provider's page, and the rest is disputed.
        let staff = shop.server.user(show.organizer);
        let path = format!("/api/v1/bookings/{}/refunds", held.id);
        staff.post(&path, &json!({"amount": 500})).await.data(201);
        let given = "select count(*) = 1 from refunds where state = 'succeeded'";
        shop.in_the_end(given).await;
        let part = 500 * there / price;
        assert_eq!(shop.kept(&intent).await, 2 * there - part, "{currency}");
        let foreign = json!({"refund_intent": intent, "amount": part});
        shop.stripe.tell(foreign).await;
        shop.in_the_end("select coalesce(sum(refunded_amount), 0) = 1000 from payments")
            .await;
        let rest = json!({"dispute": intent, "amount": 2 * there - 2 * part});
        shop.stripe.tell(rest).await;
        shop.until_dispute("open").await;
        shop.until_quiet().await;
        let disputed = shop.account("disputed money").await;
        assert_eq!(disputed.abs(), 2 * price - 1_000, "{currency}");
        let books = shop.stripe.books().await;
        let moved = books["balance_transactions"].as_array().unwrap();
        let net: i64 = moved.iter().filter_map(|one| one["net"].as_i64()).sum();
        let at_stripe = shop.account("money at stripe").await;
        let differs = (at_stripe * there / price - net).abs();
        // Fees are rounded, one of the sale and one of the dispute.
        assert!(
            differs <= 2 * there / price,
            "{at_stripe} and {net} of {currency}"
        );
        shop.server.audit().await;
    }
}

/// What a booking's line of the report leaves of its total is what analytics have: money that the cardholder's bank took went
/// back as well.
#[tokio::test]
async fn a_report_has_what_went_back_of_the_money_that_paid() {
    let shop = Shop::open(10).await;
    let staff = shop.server.user(shop.show.organizer);
    let reported = async |total: &str, refunded: &str, left: i64| {
        shop.until_quiet().await;
        let path = format!("/api/v1/events/{}/report.csv", shop.show.event);
        let report = staff.get(&path).await.text;
        let amounts = format!(",{total},{refunded},EUR,");
        assert!(report.contains(&amounts), "{amounts} in {report}");
        let path = format!("/api/v1/events/{}/analytics", shop.show.event);
        let numbers = staff.get(&path).await;
        let net = &numbers.data(200)["total"]["revenue_net"]["amount"];
        assert_eq!(net, &json!(left));
    };
    // A part is given back, and the bank takes the rest.
    let (held, intent) = shop.sell_two().await;
    let refunds = format!("/api/v1/bookings/{}/refunds", held.id);
    staff
        .post(&refunds, &json!({"amount": 100}))
        .await
        .data(201);
    reported("30.00", "1.00", 2 * PRICE - 100).await;
    let rest = json!({"dispute": intent, "amount": 2 * PRICE - 100});
    let dispute = shop.stripe.tell(rest).await["id"].clone();
    for (state, tells) in [("open", None), ("lost", Some("lost"))] {
        if let Some(end) = tells {
            let closed = json!({"dispute_closed": dispute, "status": end});
            shop.stripe.tell(closed).await;
        }
        shop.until_dispute(state).await;
        reported("30.00", "30.00", 0).await;
    }
}

/// The provider tells the newest events first: those behind the first page are asked for, too.
#[tokio::test]
async fn what_others_gave_back_is_found_behind_many_newer_events() {
    let shop = Shop::open(10).await;
    let (first, intent) = shop.sell_two().await;
    let (_, newer) = shop.sell_two().await;
    shop.until_quiet().await;
    shop.stripe.tell(json!({"delivery": "drop"})).await;
    let before = shop.stripe.books().await["events"]
        .as_array()
        .unwrap()
        .len();
    let refund = |of: &str| json!({"refund_intent": of, "amount": 1});
    shop.stripe.tell(refund(&intent)).await;
    for _ in 0..60 {
        shop.stripe.tell(refund(&newer)).await;
    }
    let told = shop.stripe.books().await["events"]
        .as_array()
        .unwrap()
        .len()
        - before;
    assert!(told > 100, "{told} events are one page");
    // Only what asks for events is let run: no attempt is looked at by itself.
    let look = "update jobs set run_at = clock_timestamp() where kind = 'provider_events' and state = 'waiting'";
    let told = format!(
        "select count(*) = 1 from payments where booking_id = '{}' and refunded_amount = 1",
        first.id
    );
    // The job may be under way at first.
    let asked = async {
        while !one::<bool>(&shop.client, &told, &[]).await {
            shop.client.execute(look, &[]).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, asked)
        .await
        .expect("it asks");
    shop.until("select count(*) = 1 from payments where refunded_amount = 60")
        .await;
    shop.until_quiet().await;
    shop.server.audit().await;
}
