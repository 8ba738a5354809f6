//! Payments by the demo's provider, from the card to the ticket: declined, late, lost, and never twice.

use std::time::Duration;

use seatcast::ticketing::UserId;
use serde_json::{Value, json};

use crate::support::own::Own;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};

const BOOKINGS: &str = "/api/v1/bookings";
const GOOD: &str = "4242 4242 4242 4242";
const DECLINED: &str = "4000 0000 0000 0002";
const CHALLENGED: &str = "4000 0025 0000 3155";

/// Somebody who buys, and sees the own bookings live.
struct Buyer {
    id: UserId,
    own: Own,
}

async fn world(capacity: i32) -> (TestServer, Staged) {
    let server = TestServer::start().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, capacity)
        .stage(&server.client().await)
        .await;
    (server, show)
}

impl Buyer {
    async fn new(server: &TestServer) -> Buyer {
        let id = user(&server.client().await, "customer").await;
        let own = Own::join(server, id, &format!("dev:{id}")).await;
        Buyer { id, own }
    }

    async fn hold(&self, server: &TestServer, show: &Staged, quantity: i64) -> String {
        let items = json!([{"ticket_type_id": show.ticket_types[0], "quantity": quantity}]);
        let body = json!({"event_id": show.event, "items": items});
        let made = server.user(self.id).post(BOOKINGS, &body).await;
        made.data(201)["id"].as_str().unwrap().to_owned()
    }

    async fn pay(&self, server: &TestServer, booking: &str) -> Value {
        let path = format!("{BOOKINGS}/{booking}/payment");
        let wish = json!({"return_url": "/bookings"});
        let started = server.user(self.id).post(&path, &wish).await;
        started.data(201).clone()
    }
}

/// Types a card on the provider's page, or answers its holder's bank.
async fn send(server: &TestServer, payment: &Value, field: &str, value: &str) -> reqwest::Response {
    let url = format!(
        "http://{}{}",
        server.address(),
        payment["redirect_url"].as_str().unwrap()
    );
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let sent = client.post(url).form(&[(field, value)]).send();
    sent.await.unwrap()
}

fn is(status: &'static str) -> impl Fn(&Value) -> bool {
    move |booking| booking["status"] == status
}

fn is_captured(booking: &Value) -> bool {
    booking["payment"]["state"] == "captured"
}

/// The sum of each account, by its name.
async fn balance(server: &TestServer, account: &str) -> i64 {
    let sql = "select coalesce(sum(e.amount), 0)::bigint from ledger_entries e join ledger_accounts a on a.id = e.account_id
                where a.name = $1";
    one(&server.client().await, sql, &[&account]).await
}

async fn provider_has(server: &TestServer, column: &str) -> i64 {
    let sql = format!("select coalesce(sum({column}), 0)::bigint from demo_charges");
    one(&server.client().await, &sql, &[]).await
}

#[tokio::test]
async fn a_declined_card_leaves_the_hold_and_another_one_pays_it() {
    let (server, show) = world(10).await;
    let mut buyer = Buyer::new(&server).await;
    let booking = buyer.hold(&server, &show, 2).await;
    let payment = buyer.pay(&server, &booking).await;
    assert_eq!(payment["status"], "requires_action");
    assert_eq!(
        payment["amount"],
        json!({"amount": 3_000, "currency": "EUR"})
    );
    let declined = send(&server, &payment, "card", DECLINED).await;
    assert_eq!(declined.status(), 303);
    let seen = buyer.own.sees(&booking, |booking| {
        booking["payment"]["failure"] == "card_declined"
    });
    assert_eq!(seen.await["status"], "pending");
    // The same attempt goes on.
    let again = buyer.pay(&server, &booking).await;
    assert_eq!(again["attempt"], payment["attempt"]);
    let paid = send(&server, &payment, "card", GOOD).await;
    assert_eq!(paid.headers()["location"], "/bookings");
    let booking = buyer.own.sees(&booking, is_captured).await;
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(booking["tickets"].as_array().unwrap().len(), 2);
    assert_eq!(booking["payment_id"], payment["attempt"]);
    assert_eq!(provider_has(&server, "captured_amount").await, 3_000);
    assert_eq!(balance(&server, "ticket revenue").await, -3_000);
    assert_eq!(balance(&server, "provider fees").await, 85);
    assert_eq!(balance(&server, "money at the demo provider").await, 2_915);
    server.audit().await;
}

/// The buyer chose it in the shop; the browser may speak another.
#[tokio::test]
async fn the_page_for_cards_speaks_as_the_page_that_led_to_it() {
    let (server, show) = world(10).await;
    let buyer = Buyer::new(&server).await;
    let booking = buyer.hold(&server, &show, 1).await;
    let path = format!("{BOOKINGS}/{booking}/payment");
    let caller = server.user(buyer.id);
    let thai = caller.with_header("accept-language", "th");
    let payment = thai.post(&path, &json!({})).await.data(201).clone();
    let english = server.anonymous().with_header("accept-language", "en");
    let page = async |address: &str| {
        let page = english.get(address).await.text;
        page.split(['<', '>']).nth(3).unwrap().to_owned()
    };
    let address = payment["redirect_url"].as_str().unwrap();
    assert_eq!(page(address).await, "html lang=\"th\" dir=\"ltr\"");
    let declined = send(&server, &payment, "card", DECLINED).await;
    let again = declined.headers()["location"].to_str().unwrap();
    assert_eq!(page(again).await, "html lang=\"th\" dir=\"ltr\"");
    let plain = address.split('?').next().unwrap();
    assert_eq!(page(plain).await, "html lang=\"en\" dir=\"ltr\"");
    let persian = format!("{plain}?lang=fa");
    assert_eq!(page(&persian).await, "html lang=\"fa\" dir=\"rtl\"");
}

/// Buyers count down by it.
#[tokio::test]
async fn the_time_that_is_told_is_that_of_the_answer_however_slow_the_provider_is() {
    let (server, show) = world(10).await;
    let buyer = Buyer::new(&server).await;
    let booking = buyer.hold(&server, &show, 1).await;
    let mut client = server.client().await;
    let slow = client.transaction().await.unwrap();
    let lock = "lock table demo_charges in exclusive mode";
    slow.batch_execute(lock).await.unwrap();
    let provider = async {
        let asked = "select clock_timestamp()::text from pg_locks
                      where relation = 'demo_charges'::regclass and not granted limit 1";
        let row = loop {
            if let Some(row) = slow.query_opt(asked, &[]).await.unwrap() {
                break row;
            }
        };
        // So slow it is.
        let slowly = slow.batch_execute("select pg_sleep(0.5)").await;
        slowly.unwrap();
        slow.commit().await.unwrap();
        row.get::<_, String>(0).parse::<jiff::Timestamp>().unwrap()
    };
    let (payment, asked) = tokio::join!(buyer.pay(&server, &booking), provider);
    let told = payment["server_time"].as_str().unwrap();
    let told: jiff::Timestamp = told.parse().unwrap();
    assert!(told > asked, "{told} is before {asked}");
}

#[tokio::test]
async fn a_bank_that_asks_its_holder_is_answered() {
    let (server, show) = world(10).await;
    let mut buyer = Buyer::new(&server).await;
    let booking = buyer.hold(&server, &show, 1).await;
    let payment = buyer.pay(&server, &booking).await;
    send(&server, &payment, "card", CHALLENGED).await;
    send(&server, &payment, "answer", "no").await;
    let refused = |booking: &Value| booking["payment"]["failure"] == "card_declined";
    buyer.own.sees(&booking, refused).await;
    send(&server, &payment, "card", CHALLENGED).await;
    send(&server, &payment, "answer", "yes").await;
    buyer.own.sees(&booking, is("confirmed")).await;
    server.audit().await;
}

/// The provider says yes and nobody hears of it, and the hold ends: the poller finds out.
async fn pays_unheard(server: &TestServer, show: &Staged, buyer: &mut Buyer) -> String {
    let booking = buyer.hold(server, show, 2).await;
    let payment = buyer.pay(server, &booking).await;
    let client = server.client().await;
    let sql = "update bookings set expires_at = clock_timestamp() where id = $1::text::uuid";
    client.execute(sql, &[&booking]).await.unwrap();
    buyer.own.sees(&booking, is("expired")).await;
    let sql = "update demo_charges set status = 'authorized' where id = $1::text::uuid";
    let charge = payment["attempt"].as_str().unwrap();
    client.execute(sql, &[&charge]).await.unwrap();
    booking
}

/// The job that would look a minute later looks now.
async fn look(server: &TestServer) {
    let sql =
        "update jobs set run_at = clock_timestamp() where kind = 'payment' and state = 'waiting'";
    server.client().await.execute(sql, &[]).await.unwrap();
}

#[tokio::test]
async fn late_money_gets_the_same_tickets_where_they_are_left() {
    let (server, show) = world(10).await;
    let mut buyer = Buyer::new(&server).await;
    let booking = pays_unheard(&server, &show, &mut buyer).await;
    look(&server).await;
    let booking = buyer.own.sees(&booking, is_captured).await;
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(booking["tickets"].as_array().unwrap().len(), 2);
    server.audit().await;
}

#[tokio::test]
async fn late_money_is_not_taken_where_the_tickets_are_gone() {
    let (server, show) = world(2).await;
    let mut buyer = Buyer::new(&server).await;
    let booking = pays_unheard(&server, &show, &mut buyer).await;
    show.sell(&server.client().await, 2).await;
    look(&server).await;
    let canceled = |booking: &Value| booking["payment"]["state"] == "canceled";
    let seen = buyer.own.sees(&booking, canceled).await;
    assert_eq!(seen["status"], "expired");
    assert_eq!(provider_has(&server, "captured_amount").await, 0);
    assert_eq!(balance(&server, "ticket revenue").await, 0);
    server.audit().await;
}

#[tokio::test]
async fn money_that_was_taken_for_tickets_that_are_gone_goes_back_once() {
    let (server, show) = world(2).await;
    let mut buyer = Buyer::new(&server).await;
    let booking = pays_unheard(&server, &show, &mut buyer).await;
    let client = server.client().await;
    // A method that takes the money at once.
    let sql = "update demo_charges set status = 'captured', captured_amount = amount";
    client.execute(sql, &[]).await.unwrap();
    show.sell(&client, 2).await;
    for _ in 0..3 {
        look(&server).await;
        let back = |booking: &Value| booking["payment"]["refunded"]["amount"] == 3_000;
        buyer.own.sees(&booking, back).await;
    }
    let sql = "select count(*) from refunds";
    assert_eq!(one::<i64>(&client, sql, &[]).await, 1);
    settled(&server).await;
    assert_eq!(provider_has(&server, "refunded_amount").await, 3_000);
    assert_eq!(balance(&server, "ticket revenue").await, 0);
    server.audit().await;
}

/// Waits until all refunds have ended.
async fn settled(server: &TestServer) {
    let client = server.client().await;
    let sql = "select count(*) from refunds where state <> 'succeeded'";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while one::<i64>(&client, sql, &[]).await > 0 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "a refund does not end"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn another_amount_at_the_provider_is_never_a_sale() {
    let (server, show) = world(10).await;
    let mut buyer = Buyer::new(&server).await;
    let booking = buyer.hold(&server, &show, 1).await;
    let payment = buyer.pay(&server, &booking).await;
    let client = server.client().await;
    client
        .execute("update demo_charges set amount = 1", &[])
        .await
        .unwrap();
    send(&server, &payment, "card", GOOD).await;
    let review = |booking: &Value| booking["payment"]["state"] == "needs_review";
    let seen = buyer.own.sees(&booking, review).await;
    assert_eq!(seen["status"], "pending");
    server.audit().await;
}

#[tokio::test]
async fn what_is_not_held_is_not_paid() {
    let (server, show) = world(10).await;
    let mut buyer = Buyer::new(&server).await;
    let booking = buyer.hold(&server, &show, 1).await;
    let path = format!("{BOOKINGS}/{booking}/payment");
    let stranger = server.user(user(&server.client().await, "customer").await);
    let hidden = stranger.post(&path, &json!({})).await;
    assert_eq!(hidden.code(404), "BOOKING_NOT_FOUND");
    let owner = server.user(buyer.id);
    let unknown = owner.post(&path, &json!({"provider": "stripe"})).await;
    assert_eq!(unknown.code(422), "PROVIDER_UNKNOWN");
    let evil = owner
        .post(&path, &json!({"return_url": "javascript:alert(1)"}))
        .await;
    assert_eq!(evil.code(422), "VALIDATION_FAILED");
    let cancel = json!({"status": "cancelled"});
    owner
        .put(&format!("{BOOKINGS}/{booking}/status"), &cancel)
        .await
        .data(200);
    buyer.own.sees(&booking, is("cancelled")).await;
    let refused = owner.post(&path, &json!({})).await;
    assert_eq!(refused.data(409)["from"], "cancelled");
    let forged = server
        .anonymous()
        .post("/api/v1/webhooks/stripe", &json!({"id": "evt_1"}))
        .await;
    assert_eq!(forged.code(400), "BAD_SIGNATURE");
}

#[tokio::test]
async fn what_staff_are_paid_is_in_the_books() {
    let (server, show) = world(10).await;
    let mut buyer = Buyer::new(&server).await;
    let booking = buyer.hold(&server, &show, 2).await;
    let cash = json!({"status": "confirmed", "paid_by": "cash"});
    let organizer = server.user(show.organizer);
    let status = format!("{BOOKINGS}/{booking}/status");
    organizer.put(&status, &cash).await.data(200);
    let booking = buyer.own.sees(&booking, is_captured).await;
    assert_eq!(booking["payment"]["method"], "cash");
    assert_eq!(balance(&server, "money with staff").await, 3_000);
    server.audit().await;
}
