//! The rules of money and time, one by one, against a provider that keeps books of its own.
//!
//! Every test ends with both books: what the provider has taken, and what we think of it.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use seatcast::config::Config;
use seatcast::ticketing::{EventId, SeatId};
use serde_json::{Value, json};

use super::methods::PROCESSES;
use super::shop::{GOOD, Held, PRICE, Shop};
use crate::support::database::wait_for_a_lock;
use crate::support::show::{Show, one, user};
use crate::support::stripe::Stripe;

pub(super) const DECLINED: &str = "4000000000000002";

/// The desk waits for a turn that somebody holds: what is asked of the same event next comes after it.
const SALE_WAITS: &str = "select exists (
    select from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock' and query like '%for no key update) turn on true%')";

#[tokio::test]
async fn a_declined_card_ends_nothing_and_another_one_pays() {
    let shop = Shop::open(10).await;
    let held = shop.hold(2).await;
    let intent = shop.begin(&held).await;
    shop.stripe.give_card(&intent, DECLINED).await;
    shop.until(&format!(
        "select failure is not null from payments where booking_id = '{}'",
        held.id
    ))
    .await;
    shop.until_status(&held, "pending").await;
    assert_eq!(shop.begin(&held).await, intent, "it is still the one");
    shop.stripe.give_card(&intent, GOOD).await;
    shop.paid_and_sold(&held, &intent, 2).await;
    let failures = "select count(failure) from payments";
    assert_eq!(one::<i64>(&shop.client, failures, &[]).await, 0);
}

#[tokio::test]
async fn webhooks_that_come_twice_or_in_any_order_sell_once() {
    let shop = Shop::open(10).await;
    for (delivery, order) in [
        ("double", ""),
        ("hold", "as_happened"),
        ("hold", "reversed"),
    ] {
        let held = shop.hold(1).await;
        shop.stripe.tell(json!({"delivery": delivery})).await;
        let intent = shop.begin(&held).await;
        shop.stripe.give_card(&intent, GOOD).await;
        if delivery == "hold" {
            shop.stripe.tell(json!({"release": order})).await;
        }
        shop.paid_and_sold(&held, &intent, 1).await;
    }
}

#[tokio::test]
async fn a_webhook_that_is_lost_is_not_missed() {
    let shop = Shop::open(10).await;
    shop.stripe.tell(json!({"delivery": "drop"})).await;
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.in_the_end("select count(*) = 1 from bookings where status = 'confirmed'")
        .await;
    shop.in_the_end("select count(*) = 1 from payments where state = 'captured'")
        .await;
    shop.paid_and_sold(&held, &intent, 1).await;
}

#[tokio::test]
async fn webhooks_that_are_forged_old_or_of_nobody_change_nothing() {
    let shop = Shop::open(10).await;
    shop.stripe.tell(json!({"delivery": "hold"})).await;
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    shop.stripe.give_card(&intent, GOOD).await;
    let books = shop.stripe.books().await;
    let event = books["events"].as_array().unwrap().last().unwrap()["id"].clone();
    for bad in [json!({"secret": "whsec_forged"}), json!({"ahead_s": -301})] {
        let mut said = json!({"resend": event});
        let more = bad.as_object().unwrap().clone();
        said.as_object_mut().unwrap().extend(more);
        let answer = shop.stripe.tell(said).await;
        assert_eq!(answer["statuses"], json!([400]));
    }
    let stranger = json!({"object": "payment_intent", "id": "pi_of_nobody", "metadata": {}});
    let forge = json!({"forge": {"type": "payment_intent.succeeded", "object": stranger}});
    let answer = shop.stripe.tell(forge).await;
    assert_eq!(answer["statuses"], json!([503]), "it comes again");
    let heard: i64 = one(&shop.client, "select count(*) from provider_events", &[]).await;
    assert_eq!(heard, 0);
    // Signed a while ago, three days late, with the secret that is being replaced.
    let older = json!({"resend": event, "secret": "whsec_older", "ahead_s": -290});
    assert_eq!(shop.stripe.tell(older).await["statuses"], json!([200]));
    shop.paid_and_sold(&held, &intent, 1).await;
}

#[tokio::test]
async fn money_that_comes_late_takes_what_is_left_and_nothing_that_is_sold() {
    let shop = Shop::open(2).await;
    shop.stripe.tell(json!({"delivery": "hold"})).await;
    let late = shop.hold(2).await;
    let intent = shop.begin(&late).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.pass_the_deadline(&late).await;
    shop.stripe.tell(json!({"release": "as_happened"})).await;
    shop.paid_and_sold(&late, &intent, 2).await;
}

/// What a swap gave up is not taken again by money that comes late, nor shown; and what was taken again is there once.
#[tokio::test]
async fn money_that_comes_late_buys_what_the_booking_was_when_it_ended() {
    let shop = Shop::open(2).await;
    let hall = Show::new().ticket_type("Stalls", PRICE, 3).row(3);
    let hall = hall.stage(&shop.client).await;
    let items = |seats: &[SeatId]| -> Vec<Value> {
        seats.iter().map(|seat| json!({"seat_id": seat})).collect()
    };
    let body = json!({"event_id": hall.event, "items": items(&hall.seats)});
    let made = shop
        .server
        .anonymous()
        .post("/api/v1/bookings", &body)
        .await;
    let text = |name: &str| made.data(201)[name].as_str().unwrap().to_owned();
    let late = Held {
        id: text("id"),
        token: text("token"),
    };
    let (path, buyer) = (format!("/api/v1/bookings/{}", late.id), shop.buyer(&late));
    let fewer = json!({"items": items(&hall.seats[..1])});
    buyer.patch(&path, &fewer).await.data(200);
    shop.stripe.tell(json!({"delivery": "hold"})).await;
    let intent = shop.begin(&late).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.pass_the_deadline(&late).await;
    let seats = async || {
        let booking = buyer.get(&path).await;
        let seats = booking.data(200)["items"][0]["seats"]
            .as_array()
            .unwrap()
            .clone();
        seats
            .iter()
            .map(|seat| seat["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(seats().await, [json!(hall.seats[0])]);
    shop.stripe.tell(json!({"release": "as_happened"})).await;
    shop.paid_and_sold(&late, &intent, 1).await;
    assert_eq!(seats().await, [json!(hall.seats[0])]);
    let organizer = shop.server.user(hall.organizer);
    let refund = json!({"all": true});
    organizer
        .post(&format!("{path}/refunds"), &refund)
        .await
        .data(201);
    shop.until_status(&late, "refunded").await;
    assert_eq!(seats().await, [json!(hall.seats[0])]);
    shop.server.audit().await;
}

/// `payment_intent.canceled` cancels the order, as the source has it; what we let go ourselves ends nothing.
#[tokio::test]
async fn a_payment_that_is_cancelled_at_the_provider_ends_the_booking() {
    let shop = Shop::open(2).await;
    let left = shop.hold(2).await;
    let intent = shop.begin(&left).await;
    shop.stripe.give_card(&intent, DECLINED).await;
    shop.until_status(&left, "pending").await;
    shop.stripe.cancel(&intent).await;
    shop.until_status(&left, "cancelled").await;
    shop.until_payment(&left, "canceled").await;
    let path = format!("/api/v1/bookings/{}", left.id);
    let booking = shop.buyer(&left).get(&path).await;
    assert_eq!(
        booking.data(200)["cancel_reason"],
        "the payment was cancelled at the provider"
    );

    // Its two are on sale again; one is swapped away, which lets its first intent go.
    let swapped = shop.hold(2).await;
    let first = shop.begin(&swapped).await;
    let path = format!("/api/v1/bookings/{}", swapped.id);
    let fewer = json!({"quantity": 1});
    shop.buyer(&swapped).patch(&path, &fewer).await.data(200);
    shop.until_payment(&swapped, "canceled").await;
    assert_eq!(shop.stripe.books().await["payment_intents"][1]["id"], first);
    let second = shop.begin(&swapped).await;
    shop.stripe.give_card(&second, GOOD).await;
    shop.paid_and_sold(&swapped, &second, 1).await;
    shop.server.audit().await;
}

#[tokio::test]
async fn an_authorisation_for_what_is_gone_is_let_go() {
    let shop = Shop::open(2).await;
    shop.stripe.tell(json!({"delivery": "hold"})).await;
    let late = shop.hold(2).await;
    let intent = shop.begin(&late).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.pass_the_deadline(&late).await;
    let other = shop.hold(1).await;
    shop.stripe.tell(json!({"release": "as_happened"})).await;
    shop.until_payment(&late, "canceled").await;
    shop.until_status(&late, "expired").await;
    let books = shop.stripe.books().await;
    assert_eq!(books["payment_intents"][0]["status"], "canceled");
    assert_eq!(books["refunds"], json!([]));
    assert_eq!(
        (shop.kept(&intent).await, shop.tickets(&late).await),
        (0, 0)
    );
    shop.until_status(&other, "pending").await;
    shop.server.audit().await;
}

#[tokio::test]
async fn money_taken_for_what_is_gone_goes_back_once() {
    let shop = Shop::open(2).await;
    shop.stripe.tell(json!({"delivery": "hold"})).await;
    let late = shop.hold(2).await;
    let intent = shop.begin(&late).await;
    // A method without authorisation.
    shop.stripe
        .tell(json!({"tamper": {"intent": intent, "capture_method": "automatic"}}))
        .await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.pass_the_deadline(&late).await;
    let _other = shop.hold(1).await;
    // The first answer to the refund is lost.
    shop.stripe
        .tell(json!({"faults": [{"on": "POST /v1/refunds", "does": "500_after"}]}))
        .await;
    shop.stripe.tell(json!({"release": "reversed"})).await;
    shop.in_the_end("select count(*) = 1 from refunds where state = 'succeeded'")
        .await;
    let books = shop.stripe.books().await;
    let refunds = books["refunds"].as_array().unwrap();
    assert_eq!(refunds.len(), 1, "{refunds:?}");
    assert_eq!(
        (shop.kept(&intent).await, shop.tickets(&late).await),
        (0, 0)
    );
    shop.server.audit().await;
}

#[tokio::test]
async fn a_sale_whose_money_cannot_be_taken_is_left_to_a_person() {
    let shop = Shop::open(2).await;
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    let broken = json!([{"on": "POST /v1/payment_intents/.*/capture", "does": "500_before", "times": 1_000}]);
    shop.stripe.tell(json!({"faults": broken})).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.until_status(&held, "confirmed").await;
    shop.stripe
        .tell(json!({"faults": [], "advance_s": 7 * 24 * 3_600 + 1}))
        .await;
    shop.in_the_end("select count(*) = 1 from payments where state = 'needs_review'")
        .await;
    assert_eq!(shop.kept(&intent).await, 0);
}

/// The node died after the sale, or the provider did not answer: its owner's cancellation takes the money first, so that the
/// policy counts.
#[tokio::test]
async fn a_sale_whose_money_is_not_taken_yet_is_cancelled_by_the_policy() {
    let shop = Shop::open(4).await;
    let staff = shop.server.user(shop.show.organizer);
    let policy = format!("/api/v1/events/{}/refund-policy", shop.show.event);
    let half = json!({"percent": 50, "by_ticket": true});
    staff.put(&policy, &half).await.data(200);
    let broken =
        json!({"on": "POST /v1/payment_intents/.*/capture", "does": "cut_before", "times": 1_000});
    for is_whole in [true, false] {
        let held = shop.hold(2).await;
        let intent = shop.begin(&held).await;
        shop.stripe.tell(json!({"faults": [&broken]})).await;
        shop.stripe.give_card(&intent, GOOD).await;
        shop.until_status(&held, "confirmed").await;
        shop.stripe.tell(json!({"faults": []})).await;
        let (path, buyer) = (format!("/api/v1/bookings/{}", held.id), shop.buyer(&held));
        let mut cancel = json!({"status": "cancelled"});
        let kept = match is_whole {
            true => PRICE,
            false => {
                let booking = buyer.get(&path).await.data(200).clone();
                cancel["ticket_ids"] = json!([booking["tickets"][0]["code"]]);
                PRICE + PRICE / 2
            }
        };
        let status = format!("{path}/status");
        buyer.put(&status, &cancel).await.data(200);
        shop.in_the_end(
            "select not exists (select from jobs where state in ('waiting', 'leased') and kind in ('give_back', 'refund'))
                and not exists (select from payments where state <> 'captured')",
        )
        .await;
        assert_eq!(shop.kept(&intent).await, kept);
        shop.server.audit().await;
    }
}

/// As with the key of another account, which does not know what was begun.
#[tokio::test]
async fn a_sale_whose_charge_the_provider_denies_is_left_to_a_person() {
    let shop = Shop::open(2).await;
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    let broken =
        json!({"on": "POST /v1/payment_intents/.*/capture", "does": "cut_before", "times": 1_000});
    shop.stripe.tell(json!({"faults": [&broken]})).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.until_status(&held, "confirmed").await;
    // It is confirmed before its charge is captured.
    let denied = json!({"on": "GET /v1/payment_intents/.*", "does": "404", "times": 1_000});
    shop.stripe.tell(json!({"faults": [broken, denied]})).await;
    shop.in_the_end(
        "select count(*) = 1 from payments where state = 'needs_review' and review is not null",
    )
    .await;
    shop.server.audit().await;
}

/// The sale waits for its turn while its buyer, who sees nothing, asks to pay otherwise: a card is let go, and money that was
/// taken at once goes back. Either way nothing is sold to it any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_buyer_lets_go_while_the_sale_waits_sells_nothing() {
    for method in ["card", "ideal"] {
        let shop = Shop::open(2).await;
        let held = shop.hold(1).await;
        let path = format!("/api/v1/bookings/{}/payment", held.id);
        let pay = async |wish: Value| {
            shop.buyer(&held).post(&path, &wish).await.data(201);
        };
        pay(json!({ "method": method })).await;
        let intent = shop.stripe.intent_of(&held.id).await["id"].clone();
        let intent = intent.as_str().unwrap();
        let mut somebody = shop.server.client().await;
        let turn = somebody.transaction().await.unwrap();
        let hold = "select from turns where event_id = $1 for no key update";
        turn.execute(hold, &[&shop.show.event]).await.unwrap();
        shop.stripe.give_card(intent, GOOD).await;
        shop.until(SALE_WAITS).await;
        pay(json!({"provider": "offline"})).await;
        turn.commit().await.unwrap();
        let rests = "select count(*) = 0 from jobs j join payments p on j.key = 'payment:' || p.id
                      where p.provider = 'stripe' and j.state in ('waiting', 'leased')";
        shop.in_the_end(rests).await;
        shop.until_status(&held, "pending").await;
        shop.in_the_end("select count(*) = 0 from refunds where state <> 'succeeded'")
            .await;
        assert_eq!(
            (shop.kept(intent).await, shop.tickets(&held).await),
            (0, 0),
            "{method}"
        );
        let offline = "select count(*) = 1 from payments where provider = 'offline' and state = 'requires_action'";
        assert!(one::<bool>(&shop.client, offline, &[]).await, "{method}");
        // Paid at the door after all: what came and went before is no refund of that.
        let staff = shop.server.user(shop.show.organizer);
        let status = format!("/api/v1/bookings/{}/status", held.id);
        let cash = json!({"status": "confirmed", "paid_by": "cash"});
        staff.put(&status, &cash).await.data(200);
        shop.in_the_end(
            "select count(*) = 1 from payments where provider = 'offline' and state = 'captured'",
        )
        .await;
        let report = format!("/api/v1/events/{}/report.csv", shop.show.event);
        let report = staff.get(&report).await.text;
        assert!(report.contains(",15.00,0.00,EUR,"), "{method}: {report}");
        shop.server.audit().await;
    }
}

/// Who cancels sees a hold, whose sale is first: what a paid booking may be cancelled for is asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_is_sold_before_its_cancellation_is_judged_as_sold() {
    let shop = Shop::open(4).await;
    let policy = format!("/api/v1/events/{}/refund-policy", shop.show.event);
    let over = json!({"percent": 100, "until_minutes": 525_600});
    let staff = shop.server.user(shop.show.organizer);
    staff.put(&policy, &over).await.data(200);
    let seller = user(&shop.client, "customer").await;
    let sql = "insert into organization_members (organization_id, user_id, role) values ($1, $2, 'box_office')";
    let of: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&shop.show.organizer.0, &seller.0];
    shop.client.execute(sql, &of).await.unwrap();
    for by_staff in [false, true] {
        let held = shop.hold(1).await;
        let intent = shop.begin(&held).await;
        let mut somebody = shop.server.client().await;
        let turn = somebody.transaction().await.unwrap();
        let hold = "select from turns where event_id = $1 for no key update";
        turn.execute(hold, &[&shop.show.event]).await.unwrap();
        shop.stripe.give_card(&intent, GOOD).await;
        shop.until(SALE_WAITS).await;
        let caller = match by_staff {
            true => shop.server.user(seller),
            false => shop.buyer(&held),
        };
        let path = format!("/api/v1/bookings/{}/status", held.id);
        let wish = json!({"status": "cancelled"});
        let then = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            turn.commit().await.unwrap();
        };
        let (cancelled, ()) = join(caller.put(&path, &wish), then).await;
        match by_staff {
            true => assert_eq!(cancelled.code(403), "FORBIDDEN"),
            false => assert_eq!(cancelled.code(409), "REFUND_POLICY"),
        }
        shop.paid_and_sold(&held, &intent, 1).await;
    }
}

/// An offer of the waitlist is paid, and its sale waits for its turn when its buyer, who sees nothing, declines it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_was_paid_is_not_declined() {
    let shop = Shop::open(1).await;
    let first = shop.hold(1).await;
    let waiting = shop.server.user(user(&shop.client, "customer").await);
    let path = format!("/api/v1/events/{}/waitlist", shop.show.event);
    let joined = waiting.post(&path, &json!({"quantity": 1})).await;
    let place = format!("/api/v1/waitlist/{}", joined.data(201)["id"]);
    let cancel = format!("/api/v1/bookings/{}/status", first.id);
    let cancelled = json!({"status": "cancelled"});
    shop.buyer(&first).put(&cancel, &cancelled).await.data(200);
    let offered = waiting.get(&place).await.data(200).clone();
    let id = offered["booking_id"].as_str().unwrap();
    let pay = format!("/api/v1/bookings/{id}/payment");
    let ideal = json!({"method": "ideal"});
    waiting.post(&pay, &ideal).await.data(201);
    let intent = shop.stripe.intent_of(id).await["id"].clone();
    let intent = intent.as_str().unwrap();
    let mut somebody = shop.server.client().await;
    let turn = somebody.transaction().await.unwrap();
    let hold = "select from turns where event_id = $1 for no key update";
    turn.execute(hold, &[&shop.show.event]).await.unwrap();
    shop.stripe.give_card(intent, GOOD).await;
    shop.until(SALE_WAITS).await;
    let (decline, nothing) = (format!("{place}/decline"), json!({}));
    let then = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        turn.commit().await.unwrap();
    };
    let (declined, ()) = join(waiting.post(&decline, &nothing), then).await;
    assert_eq!(declined.code(409), "NO_OFFER");
    assert_eq!(declined.body["data"]["status"], "accepted");
    let of = Held {
        id: id.to_owned(),
        token: String::new(),
    };
    shop.paid_and_sold(&of, intent, 1).await;
}

#[tokio::test]
async fn another_amount_or_currency_sells_nothing() {
    for wrong in [json!({"amount": 1}), json!({"currency": "usd"})] {
        let shop = Shop::open(2).await;
        let held = shop.hold(1).await;
        let intent = shop.begin(&held).await;
        let mut said = json!({"intent": intent});
        let more = wrong.as_object().unwrap().clone();
        said.as_object_mut().unwrap().extend(more);
        shop.stripe.tell(json!({"tamper": said})).await;
        shop.stripe.give_card(&intent, GOOD).await;
        shop.until_payment(&held, "needs_review").await;
        shop.until_status(&held, "pending").await;
        assert_eq!(
            (shop.kept(&intent).await, shop.tickets(&held).await),
            (0, 0)
        );
    }
}

#[tokio::test]
async fn a_provider_that_fails_at_every_step_is_paid_once() {
    let shop = Shop::open(10).await;
    for does in ["429", "500_before", "500_after", "cut_before", "cut_after"] {
        let held = shop.hold(1).await;
        let faults = json!([
            {"on": "POST /v1/payment_intents", "does": does},
            {"on": "GET /v1/payment_intents/.*", "does": does},
            {"on": "POST /v1/payment_intents/.*/capture", "does": does},
        ]);
        shop.stripe.tell(json!({"faults": faults})).await;
        let path = format!("/api/v1/bookings/{}/payment", held.id);
        let began = shop.buyer(&held).post(&path, &json!({})).await;
        began.data(201);
        shop.in_the_end(&format!(
            "select provider_ref is not null from payments where booking_id = '{}'",
            held.id
        ))
        .await;
        let of = format!(
            "select provider_ref from payments where booking_id = '{}'",
            held.id
        );
        let intent: String = one(&shop.client, &of, &[]).await;
        shop.stripe.give_card(&intent, GOOD).await;
        shop.in_the_end(&format!(
            "select count(*) = 1 from payments where state = 'captured' and booking_id = '{}'",
            held.id
        ))
        .await;
        shop.paid_and_sold(&held, &intent, 1).await;
    }
}

/// More than the jobs that a node has under way.
const WAITING: usize = 80;
/// Less than those wait who have a place: as long as the desk's patience, which is 8 s.
const SOON: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_of_an_event_whose_turn_somebody_holds_delay_no_others() {
    let shop = Shop::open(100).await;
    let other = Show::new()
        .ticket_type("Standing", PRICE, 10)
        .stage(&shop.client)
        .await;
    let begun = async || {
        let held = shop.hold(1).await;
        (shop.begin(&held).await, held)
    };
    let begun = join_all((0..WAITING).map(|_| begun())).await;
    let mut somebody = shop.server.client().await;
    let turn = somebody.transaction().await.unwrap();
    let hold = "select from turns where event_id = $1 for no key update";
    turn.execute(hold, &[&shop.show.event]).await.unwrap();
    for (intent, _) in &begun {
        shop.stripe.give_card(intent, GOOD).await;
    }
    shop.until("select count(*) >= 64 from jobs where kind = 'payment' and attempts > 0")
        .await;
    let start = Instant::now();
    let held = shop.hold_of(other.event, 1).await;
    let intent = shop.begin(&held).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.until_payment(&held, "captured").await;
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    turn.commit().await.unwrap();
    let all: EventId = shop.show.event;
    shop.in_the_end(&format!(
        "select count(*) = {WAITING} from payments where event_id = {all} and state = 'captured'"
    ))
    .await;
    for (intent, held) in &begun {
        assert_eq!(shop.kept(intent).await, PRICE);
        assert_eq!(shop.tickets(held).await, 1);
    }
    shop.server.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buyers_whose_bookings_somebody_writes_keep_no_others_from_paying() {
    let stripe = Stripe::start().await;
    let base = stripe.base();
    // Longer than others may take.
    let patient = |config: &mut Config| config.database.lock_timeout_ms = 9_000;
    let shop = Shop::open_with(stripe, base, 100, patient).await;
    let other = Show::new()
        .ticket_type("Standing", PRICE, 10)
        .stage(&shop.client)
        .await;
    let holds = join_all((0..WAITING).map(|_| shop.hold(1))).await;
    let mut somebody = shop.server.client().await;
    let writes = somebody.transaction().await.unwrap();
    let all = "update bookings set cancel_reason = cancel_reason where event_id = $1";
    writes.execute(all, &[&shop.show.event]).await.unwrap();
    let pressed = holds.iter().map(async |held| {
        let path = format!("/api/v1/bookings/{}/payment", held.id);
        shop.buyer(held).post(&path, &json!({})).await.status
    });
    let others = async {
        wait_for_a_lock(&shop.client).await;
        let start = Instant::now();
        let held = shop.hold_of(other.event, 1).await;
        let intent = shop.begin(&held).await;
        shop.stripe.give_card(&intent, GOOD).await;
        shop.until_payment(&held, "captured").await;
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    };
    let (pressed, ()) = join(join_all(pressed), others).await;
    assert!(pressed.iter().all(|status| *status == 503), "{pressed:?}");
    writes.commit().await.unwrap();
    shop.begin(&holds[0]).await;
}

/// Else buyers would have a hold that nobody takes money for.
#[tokio::test]
async fn a_total_below_what_the_provider_charges_is_refused_before_any_hold() {
    let shop = Shop::open(10).await;
    let kinds = Show::new()
        .ticket_type("Programme", 49, 10)
        .ticket_type("Seat", 50, 10);
    let cheap = kinds.stage(&shop.client).await;
    let of = |kind: usize| {
        let item = json!({"ticket_type_id": cheap.ticket_types[kind], "quantity": 1});
        json!({"event_id": cheap.event, "items": [item]})
    };
    let buyer = shop.server.anonymous();
    for path in ["/api/v1/bookings/quote", "/api/v1/bookings"] {
        let refused = buyer.post(path, &of(0)).await;
        assert_eq!(refused.code(422), "BELOW_MINIMUM_CHARGE", "{path}");
        let minimum = json!({"amount": 50, "currency": "EUR"});
        assert_eq!(refused.body["data"]["minimum"], minimum);
    }
    let held = "select count(*) from bookings";
    assert_eq!(one::<i64>(&shop.client, held, &[]).await, 0);
    let quoted = buyer.post("/api/v1/bookings/quote", &of(1)).await;
    assert_eq!(quoted.data(200)["total"]["amount"], 50);
    let made = buyer.post("/api/v1/bookings", &of(1)).await;
    let text = |name: &str| made.data(201)[name].as_str().unwrap().to_owned();
    let held = Held {
        id: text("id"),
        token: text("token"),
    };
    let path = format!("/api/v1/bookings/{}", held.id);
    let cheaper = json!({"items": of(0)["items"]});
    let refused = shop.buyer(&held).patch(&path, &cheaper).await;
    assert_eq!(refused.code(422), "BELOW_MINIMUM_CHARGE");
    let total = "select total_amount from bookings";
    assert_eq!(one::<i64>(&shop.client, total, &[]).await, 50);
    shop.begin(&held).await;
    // Staff take any sum.
    let staff = shop.server.user(cheap.organizer);
    staff.post("/api/v1/bookings", &of(0)).await.data(201);
}

/// Seconds until the hold ends.
async fn left_s(shop: &Shop, held: &Held) -> f64 {
    let sql = format!(
        "select extract(epoch from expires_at - clock_timestamp())::float8 from bookings where id = '{}'",
        held.id
    );
    one(&shop.client, &sql, &[]).await
}

/// They should not lose the tickets while they look for their card.
#[tokio::test]
async fn whoever_begins_to_pay_late_has_five_minutes_once() {
    let shop = Shop::open(10).await;
    let held = shop.hold(1).await;
    let path = format!("/api/v1/bookings/{}/payment", held.id);
    let a_minute_is_left = format!(
        "update bookings set expires_at = clock_timestamp() + interval '60 s' where id = '{}'",
        held.id
    );
    shop.client.execute(&a_minute_is_left, &[]).await.unwrap();
    let began = shop.buyer(&held).post(&path, &json!({})).await;
    let left = left_s(&shop, &held).await;
    assert!((290.0..=300.0).contains(&left), "{left}");
    let said = began.data(201)["expires_at"].as_str().unwrap();
    let is_said = "select expires_at = $1::text::timestamptz from bookings";
    assert!(one::<bool>(&shop.client, is_said, &[&said]).await, "{said}");
    shop.client.execute(&a_minute_is_left, &[]).await.unwrap();
    shop.begin(&held).await;
    let left = left_s(&shop, &held).await;
    assert!(left <= 60.0, "{left}");
}

/// The page says meanwhile that the tickets stay theirs.
#[tokio::test]
async fn a_hold_waits_half_an_hour_for_a_card_that_its_bank_works_on() {
    let shop = Shop::open(10).await;
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    shop.stripe.give_card(&intent, PROCESSES).await;
    let waits = format!(
        "select processing_since is not null from bookings where id = '{}'",
        held.id
    );
    shop.until(&waits).await;
    let left = left_s(&shop, &held).await;
    assert!((29.0 * 60.0..=30.0 * 60.0).contains(&left), "{left}");
    // However long it is looked at, it is not half an hour from then.
    let sooner = format!(
        "update bookings set expires_at = expires_at - interval '10 min' where id = '{}'",
        held.id
    );
    shop.client.execute(&sooner, &[]).await.unwrap();
    let looked = "select attempts from jobs where kind = 'payment'";
    let before: i32 = one(&shop.client, looked, &[]).await;
    shop.in_the_end(&format!(
        "select attempts > {before} and state = 'waiting' from jobs where kind = 'payment'"
    ))
    .await;
    let left = left_s(&shop, &held).await;
    assert!(left <= 20.0 * 60.0, "{left}");
    let done = json!({"act": {"intent": intent, "processed": "succeeds"}});
    shop.stripe.tell(done).await;
    shop.paid_and_sold(&held, &intent, 1).await;
}

/// The provider may tell of a payment before its answer to us is there. The event names our attempt.
#[tokio::test]
async fn a_webhook_that_is_quicker_than_the_answer_is_taken_in() {
    let shop = Shop::open(10).await;
    let held = shop.hold(1).await;
    let slow = json!({"on": "POST /v1/payment_intents", "does": "slow", "ms": 5_000});
    shop.stripe.tell(json!({"faults": [slow]})).await;
    let path = format!("/api/v1/bookings/{}/payment", held.id);
    let (buyer, wish) = (shop.buyer(&held), json!({}));
    let told = async {
        shop.until("select count(*) = 1 from payments").await;
        let id: String = one(&shop.client, "select id::text from payments", &[]).await;
        let object =
            json!({"object": "payment_intent", "id": "pi_quick", "metadata": {"payment": id}});
        let forge = json!({"forge": {"type": "payment_intent.created", "object": object}});
        let answer = shop.stripe.tell(forge).await;
        assert_eq!(answer["statuses"], json!([200]));
        let waits = "select provider_ref is null from payments";
        assert!(
            one::<bool>(&shop.client, waits, &[]).await,
            "the answer was quicker"
        );
    };
    let (began, ()) = join(buyer.post(&path, &wish), told).await;
    began.data(201);
    shop.in_the_end("select provider_ref is not null from payments")
        .await;
    let intent = shop.stripe.intent_of(&held.id).await["id"].clone();
    let intent = intent.as_str().unwrap();
    shop.stripe.give_card(intent, GOOD).await;
    shop.paid_and_sold(&held, intent, 1).await;
}

/// As after a weekend on which the server was away: the event is as old as that, its signature is new.
#[tokio::test]
async fn a_webhook_that_comes_three_days_late_sells() {
    let shop = Shop::open(10).await;
    shop.stripe
        .tell(json!({"delivery": "drop", "advance_s": -3 * 24 * 3_600}))
        .await;
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    shop.stripe.give_card(&intent, GOOD).await;
    let books = shop.stripe.books().await;
    let event = books["events"].as_array().unwrap().last().unwrap().clone();
    let age_s = jiff::Timestamp::now().as_second() - event["created"].as_i64().unwrap();
    assert!(age_s >= 3 * 24 * 3_600, "{event}");
    let answer = shop.stripe.tell(json!({"resend": event["id"]})).await;
    assert_eq!(answer["statuses"], json!([200]));
    shop.paid_and_sold(&held, &intent, 1).await;
}

/// Whoever's webhook is lost waits no longer than that for the tickets.
#[tokio::test]
async fn an_attempt_is_looked_at_within_a_minute_also_when_it_is_old() {
    let shop = Shop::open(10).await;
    let held = shop.hold(1).await;
    shop.begin(&held).await;
    let soon =
        "select run_at <= clock_timestamp() + interval '60 s' from jobs where kind = 'payment'";
    assert!(one::<bool>(&shop.client, soon, &[]).await, "after it began");
    let older = "update payments set created_at = created_at - interval '2 hours'";
    shop.client.execute(older, &[]).await.unwrap();
    shop.a_minute_later().await;
    shop.until(
        "select state = 'waiting' and run_at > clock_timestamp() from jobs where kind = 'payment'",
    )
    .await;
    assert!(one::<bool>(&shop.client, soon, &[]).await, "after a look");
}
