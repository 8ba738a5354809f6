//! Means of payment at the provider, and the customers that it keeps.

use serde_json::{Value, json};

use super::shop::{GOOD, Held, PRICE, Shop};
use crate::support::show::{one, user};
use seatcast::ticketing::UserId;

/// A card whose bank works on it until it is told how that ends; for a debit, the days that it takes.
pub(super) const PROCESSES: &str = "4000000000000077";

async fn begin_with(shop: &Shop, held: &Held, method: &str) -> Value {
    let pay = format!("/api/v1/bookings/{}/payment", held.id);
    let wish = json!({ "method": method });
    let began = shop.buyer(held).post(&pay, &wish).await;
    began.data(201).clone()
}

async fn allow_days(shop: &Shop) {
    let terms = format!("/api/v1/events/{}/payment-terms", shop.show.event);
    let staff = shop.server.user(shop.show.organizer);
    let allowed = json!({"offline_days": 5});
    staff.put(&terms, &allowed).await.data(200);
}

async fn intent(shop: &Shop, held: &Held) -> (String, Value) {
    let intent = shop.stripe.intent_of(&held.id).await;
    (intent["id"].as_str().unwrap().to_owned(), intent)
}

#[tokio::test]
async fn what_cannot_be_set_aside_is_taken_and_sells_or_goes_back() {
    let shop = Shop::open(2).await;
    let held = shop.hold(2).await;
    begin_with(&shop, &held, "ideal").await;
    let (id, made) = intent(&shop, &held).await;
    let (types, capture) = (&made["payment_method_types"], &made["capture_method"]);
    assert_eq!((types, capture), (&json!(["ideal"]), &json!("automatic")));
    shop.stripe.give_card(&id, GOOD).await;
    shop.paid_and_sold(&held, &id, 2).await;
    let methods = "select count(*) from payments where method = 'ideal' and state = 'captured'";
    assert_eq!(one::<i64>(&shop.client, methods, &[]).await, 1);
}

#[tokio::test]
async fn money_that_was_taken_for_what_is_gone_goes_back_once() {
    let shop = Shop::open(2).await;
    shop.stripe.tell(json!({"delivery": "hold"})).await;
    let late = shop.hold(2).await;
    begin_with(&shop, &late, "ideal").await;
    let (id, _) = intent(&shop, &late).await;
    shop.stripe.give_card(&id, GOOD).await;
    shop.pass_the_deadline(&late).await;
    shop.hold(1).await;
    shop.stripe.tell(json!({"release": "as_happened"})).await;
    shop.in_the_end("select count(*) = 1 from refunds where state = 'succeeded'")
        .await;
    assert_eq!((shop.kept(&id).await, shop.tickets(&late).await), (0, 0));
    shop.server.audit().await;
}

#[tokio::test]
async fn a_debit_is_taken_where_the_event_waits_for_days() {
    let shop = Shop::open(10).await;
    let held = shop.hold(1).await;
    let pay = format!("/api/v1/bookings/{}/payment", held.id);
    let debit = json!({"method": "sepa_debit"});
    let refused = shop.buyer(&held).post(&pay, &debit).await;
    assert_eq!(refused.code(422), "OFFLINE_NOT_ALLOWED");

    allow_days(&shop).await;
    let days = format!(
        "select extract(epoch from expires_at - clock_timestamp())::float8 / 86400 from bookings where id = '{}'",
        held.id
    );
    begin_with(&shop, &held, "sepa_debit").await;
    let waits: f64 = one(&shop.client, &days, &[]).await;
    assert!(waits < 0.1, "nothing is under way yet: {waits} days");
    let (id, _) = intent(&shop, &held).await;
    shop.stripe.give_card(&id, PROCESSES).await;
    shop.until_payment(&held, "processing").await;
    let until = format!(
        "select expires_at > clock_timestamp() + interval '4 days' from bookings where id = '{}'",
        held.id
    );
    shop.until(&until).await;
    let done = json!({"act": {"intent": id, "processed": "succeeds"}});
    shop.stripe.tell(done).await;
    shop.paid_and_sold(&held, &id, 1).await;
}

/// The money of a debit is here before its sale, so between the sale and the books there is a moment in which its owner may
/// cancel: the policy counts for it as for any that was sold.
#[tokio::test]
async fn what_is_cancelled_before_its_money_is_booked_goes_back_by_the_policy() {
    let shop = Shop::open(10).await;
    allow_days(&shop).await;
    let event = shop.show.event;
    let staff = shop.server.user(shop.show.organizer);
    for (percent, kept) in [(50, PRICE / 2), (0, PRICE)] {
        let policy = format!("/api/v1/events/{event}/refund-policy");
        staff
            .put(&policy, &json!({ "percent": percent }))
            .await
            .data(200);
        let held = shop.hold(1).await;
        begin_with(&shop, &held, "sepa_debit").await;
        let (id, _) = intent(&shop, &held).await;
        shop.stripe.give_card(&id, PROCESSES).await;
        shop.until_payment(&held, "processing").await;
        let stop = "create function not_now() returns trigger language plpgsql as $$ begin raise 'not now'; end $$;
                    create trigger not_now before update on payments for each row when (new.state = 'captured')
                        execute function not_now()";
        shop.client.batch_execute(stop).await.unwrap();
        let done = json!({"act": {"intent": id, "processed": "succeeds"}});
        shop.stripe.tell(done).await;
        shop.until_status(&held, "confirmed").await;
        let status = format!("/api/v1/bookings/{}/status", held.id);
        let cancel = json!({"status": "cancelled"});
        shop.buyer(&held).put(&status, &cancel).await.data(200);
        let go_on = "drop function not_now cascade";
        shop.client.batch_execute(go_on).await.unwrap();
        shop.in_the_end(&format!(
            "select (select state = 'captured' from payments where booking_id = '{id}')
                and not exists (select from jobs where state in ('waiting', 'leased') and kind in ('give_back', 'refund', 'payment'))",
            id = held.id
        ))
        .await;
        assert_eq!(shop.kept(&id).await, kept, "{percent}");
        assert_eq!(shop.tickets(&held).await, 0);
        shop.server.audit().await;
    }
}

#[tokio::test]
async fn a_debit_that_fails_leaves_the_hold_to_another_way() {
    let shop = Shop::open(10).await;
    allow_days(&shop).await;
    let held = shop.hold(1).await;
    begin_with(&shop, &held, "sepa_debit").await;
    let (debit, _) = intent(&shop, &held).await;
    shop.stripe.give_card(&debit, PROCESSES).await;
    shop.until_payment(&held, "processing").await;
    let failed = json!({"act": {"intent": debit, "processed": "fails"}});
    shop.stripe.tell(failed).await;
    shop.until_payment(&held, "requires_action").await;
    let card = begin_with(&shop, &held, "card").await;
    let secret = card["client_secret"].as_str().unwrap();
    let card = secret.split("_secret_").next().unwrap();
    assert_ne!(card, debit);
    shop.stripe.give_card(card, GOOD).await;
    shop.paid_and_sold(&held, card, 1).await;
    assert_eq!(shop.kept(&debit).await, 0);
}

#[tokio::test]
async fn an_unknown_means_of_payment_is_refused_and_the_booking_stays_payable() {
    let shop = Shop::open(10).await;
    let held = shop.hold(1).await;
    let pay = format!("/api/v1/bookings/{}/payment", held.id);
    let shells = json!({"method": "cowrie_shells"});
    let refused = shop.buyer(&held).post(&pay, &shells).await;
    assert_eq!(refused.code(422), "PAYMENT_REFUSED");
    let intent = shop.begin(&held).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.paid_and_sold(&held, &intent, 1).await;
}

#[tokio::test]
async fn an_account_is_one_customer_and_a_guest_is_none() {
    let shop = Shop::open(10).await;
    let guest = shop.hold(1).await;
    shop.begin(&guest).await;
    assert_eq!(intent(&shop, &guest).await.1["customer"], Value::Null);

    let sql = "insert into users (name, email) values ('Ada', 'ada@example.org') returning id";
    let ada: UserId = one(&shop.client, sql, &[]).await;
    let buyer = shop.server.user(ada);
    let mut customers = Vec::new();
    for _ in 0..2 {
        let body = json!({"event_id": shop.show.event, "quantity": 1});
        let made = buyer.post("/api/v1/bookings", &body).await;
        let held = Held {
            id: made.data(201)["id"].as_str().unwrap().to_owned(),
            token: String::new(),
        };
        let pay = format!("/api/v1/bookings/{}/payment", held.id);
        buyer.post(&pay, &json!({})).await.data(201);
        let (id, made) = intent(&shop, &held).await;
        customers.push(made["customer"].clone());
        shop.stripe.give_card(&id, GOOD).await;
        shop.paid_and_sold(&held, &id, 1).await;
    }
    let books = shop.stripe.books().await;
    let kept = books["customers"].as_array().unwrap();
    let who = (&kept[0]["email"], &kept[0]["metadata"]["user"]);
    assert_eq!(who, (&json!("ada@example.org"), &json!(ada.0.to_string())));
    assert_eq!((kept.len(), &customers[0]), (1, &kept[0]["id"]));
    assert_eq!(customers[0], customers[1]);
}

#[tokio::test]
async fn a_refused_means_of_payment_leaves_the_customer() {
    let shop = Shop::open(10).await;
    let sql = "insert into users (name) values ('Ada') returning id";
    let ada: UserId = one(&shop.client, sql, &[]).await;
    let buyer = shop.server.user(ada);
    let body = json!({"event_id": shop.show.event, "quantity": 1});
    let made = buyer.post("/api/v1/bookings", &body).await;
    let id = made.data(201)["id"].as_str().unwrap().to_owned();
    let pay = format!("/api/v1/bookings/{id}/payment");
    let shells = json!({"method": "cowrie_shells"});
    let refused = buyer.post(&pay, &shells).await;
    assert_eq!(refused.code(422), "PAYMENT_REFUSED");
    let kept = "select count(*) from provider_customers";
    assert_eq!(one::<i64>(&shop.client, kept, &[]).await, 1);
}

/// Under the key of a request that failed at the provider it answers so for a day.
#[tokio::test]
async fn an_error_of_the_provider_keeps_nobody_from_paying() {
    let shop = Shop::open(10).await;
    for on in ["POST /v1/customers", "POST /v1/payment_intents"] {
        shop.stripe
            .tell(json!({"faults": [{"on": on, "does": "500_after"}]}))
            .await;
        let buyer = shop.server.user(user(&shop.client, "customer").await);
        let body = json!({"event_id": shop.show.event, "quantity": 1});
        let made = buyer.post("/api/v1/bookings", &body).await;
        let booking = made.data(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/bookings/{booking}/payment");
        // Unless its job was quicker than the answer.
        let began = buyer.post(&path, &json!({})).await;
        let status = began.data(201)["status"].as_str().unwrap();
        assert!(
            ["creating", "requires_action"].contains(&status),
            "{on}: {status}"
        );
        let began = buyer.post(&path, &json!({})).await;
        assert_eq!(began.data(201)["status"], "requires_action", "{on}");
    }
}

/// The provider lost its customers, or another account of it is used now.
#[tokio::test]
async fn a_customer_that_the_provider_does_not_know_keeps_nobody_from_paying() {
    let shop = Shop::open(10).await;
    let sql = "insert into users (name) values ('Ada') returning id";
    let ada: UserId = one(&shop.client, sql, &[]).await;
    let lost = "insert into provider_customers values ($1, 'stripe', 'cus_of_before')";
    shop.client.execute(lost, &[&ada]).await.unwrap();
    let buyer = shop.server.user(ada);
    let body = json!({"event_id": shop.show.event, "quantity": 1});
    let made = buyer.post("/api/v1/bookings", &body).await;
    let id = made.data(201)["id"].as_str().unwrap().to_owned();
    let pay = format!("/api/v1/bookings/{id}/payment");
    buyer.post(&pay, &json!({})).await.data(201);
    let made = shop.stripe.intent_of(&id).await;
    assert_eq!(
        (&made["customer"], &made["amount"]),
        (&Value::Null, &json!(PRICE))
    );
    let left = "select count(*) from provider_customers";
    assert_eq!(one::<i64>(&shop.client, left, &[]).await, 0);
}

/// Our row does not say yet that the debit is on its way, and nobody can stop it any more.
#[tokio::test]
async fn a_debit_on_its_way_stays_the_way_to_pay() {
    let shop = Shop::open(2).await;
    allow_days(&shop).await;
    let held = shop.hold(1).await;
    begin_with(&shop, &held, "sepa_debit").await;
    let (id, _) = intent(&shop, &held).await;
    shop.stripe.tell(json!({"delivery": "drop"})).await;
    shop.stripe.give_card(&id, PROCESSES).await;
    let stays = begin_with(&shop, &held, "card").await;
    assert_eq!(stays["status"], "processing");
    let waits = "select expires_at > clock_timestamp() + interval '2 days' from bookings";
    shop.in_the_end(waits).await;
    let done = json!({"act": {"intent": id, "processed": "succeeds"}});
    shop.stripe.tell(done).await;
    shop.in_the_end("select count(*) = 1 from payments where state = 'captured'")
        .await;
    shop.paid_and_sold(&held, &id, 1).await;
}

/// Two requests at once find one attempt, and the provider wants none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_provider_refuses_is_refused_to_all_who_ask() {
    let shop = Shop::open(20).await;
    for _ in 0..10 {
        let held = shop.hold(1).await;
        let pay = format!("/api/v1/bookings/{}/payment", held.id);
        let wish = json!({"method": "cowrie_shells"});
        let (one, other) = (shop.buyer(&held), shop.buyer(&held));
        let (one, other) = tokio::join!(one.post(&pay, &wish), other.post(&pay, &wish));
        let said = (one.status, other.status);
        assert_eq!(said, (422, 422), "{} {}", one.body, other.body);
    }
}

/// A debit that its bank works on for days keeps none of the others' bookings from their end, and its provider is not asked
/// about it all the time.
#[tokio::test]
async fn a_debit_under_way_holds_nothing_of_a_cancelled_event_up() {
    let shop = Shop::open(10).await;
    allow_days(&shop).await;
    let held = shop.hold(1).await;
    begin_with(&shop, &held, "sepa_debit").await;
    let (debit, _) = intent(&shop, &held).await;
    shop.stripe.give_card(&debit, PROCESSES).await;
    shop.until_payment(&held, "processing").await;
    // A gift of staff, which has no money to wait for.
    let gift = shop.hold(1).await;
    let staff = shop.server.user(shop.show.organizer);
    let comp = json!({"status": "confirmed", "paid_by": "comp"});
    let path = format!("/api/v1/bookings/{}/status", gift.id);
    staff.put(&path, &comp).await.data(200);

    let looks = async || {
        let books = shop.stripe.books().await;
        let calls = books["requests"].as_array().unwrap();
        let of = format!("/v1/payment_intents/{debit}");
        calls
            .iter()
            .filter(|call| call["path"] == of.as_str())
            .count()
    };
    let before = looks().await;
    let cancel = format!("/api/v1/events/{}/cancel", shop.show.event);
    staff.post(&cancel, &json!({})).await.data(202);
    shop.until_status(&gift, "cancelled").await;
    let rests = "select state = 'waiting' and run_at > clock_timestamp() + interval '10 s'
                   from jobs where kind = 'event_refunds'";
    shop.until(rests).await;
    let looked = looks().await - before;
    assert!(looked <= 2, "{looked} looks at one debit");

    let done = json!({"act": {"intent": debit, "processed": "succeeds"}});
    shop.stripe.tell(done).await;
    shop.in_the_end("select state = 'done' from jobs where kind = 'event_refunds'")
        .await;
    assert_eq!((shop.kept(&debit).await, shop.tickets(&held).await), (0, 0));
    shop.server.audit().await;
}
