//! Transfers, invoices, and cash at the door: paid in days, to staff.

use serde_json::json;

use super::shop::{GOOD, PRICE, Shop};
use crate::support::server::TestServer;
use crate::support::show::{Show, one};

#[tokio::test]
async fn a_transfer_is_waited_for_in_days_and_marked_paid_by_staff() {
    let shop = Shop::open(10).await;
    let staff = shop.server.user(shop.show.organizer);
    let transfer = json!({"provider": "offline", "method": "transfer"});
    let held = shop.hold(2).await;
    let pay = format!("/api/v1/bookings/{}/payment", held.id);
    let refused = shop.buyer(&held).post(&pay, &transfer).await;
    assert_eq!(refused.code(422), "OFFLINE_NOT_ALLOWED");
    let attempts = "select count(*) from payments";
    assert_eq!(one::<i64>(&shop.client, attempts, &[]).await, 0);

    let terms = format!("/api/v1/events/{}/payment-terms", shop.show.event);
    let allowed = json!({"offline_days": 5, "instructions": "IBAN DE02 1203 0000"});
    staff.put(&terms, &allowed).await.data(200);
    let began = shop.buyer(&held).post(&pay, &transfer).await;
    let began = began.data(201);
    let said = began["instructions"].as_str().unwrap();
    assert!(said.contains("IBAN DE02") && said.contains("BK-"), "{said}");
    let days =
        "select extract(epoch from expires_at - clock_timestamp())::float8 / 86400 from bookings";
    let waits: f64 = one(&shop.client, days, &[]).await;
    assert!((4.9..5.1).contains(&waits), "{waits} days");
    let again = shop.buyer(&held).post(&pay, &transfer).await;
    assert_eq!(again.data(201)["expires_at"], began["expires_at"]);

    let status = format!("/api/v1/bookings/{}/status", held.id);
    let paid = json!({"status": "confirmed", "paid_by": "transfer"});
    staff.put(&status, &paid).await.data(200);
    shop.until_payment(&held, "captured").await;
    assert_eq!(shop.tickets(&held).await, 2);
    let told = "select count(*) from audit_trail where object like 'booking:%' and detail->>'paid_by' = 'transfer'";
    assert_eq!(one::<i64>(&shop.client, told, &[]).await, 1);
    let money = "select sum(e.amount)::bigint from ledger_entries e join ledger_accounts a on a.id = e.account_id
                  where a.name = 'money with staff'";
    assert_eq!(one::<i64>(&shop.client, money, &[]).await, 2 * PRICE);
    shop.server.audit().await;
}

/// Cash may also be taken by staff who stand before the buyer: then the hold is one like any other.
#[tokio::test]
async fn cash_at_the_door_is_waited_for_in_days_where_the_event_has_terms() {
    let shop = Shop::open(10).await;
    let staff = shop.server.user(shop.show.organizer);
    let wishes = [
        json!({"provider": "offline", "method": "cash"}),
        json!({"provider": "offline"}),
    ];
    let waits = "select expires_at > clock_timestamp() + interval '4 days' from bookings where id = $1::text::uuid";
    for wish in &wishes {
        let held = shop.hold(1).await;
        let pay = format!("/api/v1/bookings/{}/payment", held.id);
        let began = shop.buyer(&held).post(&pay, wish).await.data(201).clone();
        assert!(began["instructions"].as_str().unwrap().starts_with("BK-"));
        let is_long: bool = one(&shop.client, waits, &[&held.id]).await;
        assert!(!is_long, "{wish} without terms");
    }
    let terms = format!("/api/v1/events/{}/payment-terms", shop.show.event);
    let allowed = json!({"offline_days": 5, "instructions": "Box office, from 18:00"});
    staff.put(&terms, &allowed).await.data(200);
    for wish in &wishes {
        let held = shop.hold(1).await;
        let pay = format!("/api/v1/bookings/{}/payment", held.id);
        let began = shop.buyer(&held).post(&pay, wish).await.data(201).clone();
        let said = began["instructions"].as_str().unwrap();
        assert!(said.ends_with("\nBox office, from 18:00"), "{wish}: {said}");
        let is_long: bool = one(&shop.client, waits, &[&held.id]).await;
        assert!(is_long, "{wish} with terms");
        let status = format!("/api/v1/bookings/{}/status", held.id);
        let paid = json!({"status": "confirmed", "paid_by": "cash"});
        staff.put(&status, &paid).await.data(200);
        shop.until_payment(&held, "captured").await;
    }
    shop.server.audit().await;
}

/// A box office without a provider: the shop's button to pay names no way at all.
#[tokio::test]
async fn where_staff_alone_take_money_the_usual_way_waits_in_days() {
    let server = TestServer::builder()
        .with(|config| {
            config.auth.dev = false;
            config.auth.jwt_secret = Some("a secret of more than thirty-two bytes".to_owned());
        })
        .start()
        .await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(5)
        .ticket_type("Standing", PRICE, 5)
        .stage(&client)
        .await;
    let terms = "insert into payment_terms (event_id, offline_days, instructions) values ($1, 5, 'IBAN DE02 1203 0000')";
    client.execute(terms, &[&show.event]).await.unwrap();
    let buyer = server.anonymous();
    let body = json!({"event_id": show.event, "quantity": 1});
    let held = buyer
        .post("/api/v1/bookings", &body)
        .await
        .data(201)
        .clone();
    let (id, token) = (
        held["id"].as_str().unwrap(),
        held["token"].as_str().unwrap(),
    );
    let buyer = buyer.with_header("x-booking-token", token.to_owned());
    let page = json!({"return_url": "/bookings"});
    let pay = format!("/api/v1/bookings/{id}/payment");
    let began = buyer.post(&pay, &page).await.data(201).clone();
    assert_eq!(began["provider"], "offline");
    let said = began["instructions"].as_str().unwrap();
    assert!(said.contains("IBAN DE02"), "{said}");
    let waits = "select expires_at > clock_timestamp() + interval '4 days' from bookings";
    assert!(one::<bool>(&client, waits, &[]).await);
    let again = buyer.post(&pay, &page).await.data(201).clone();
    assert_eq!(
        (&again["attempt"], &again["expires_at"]),
        (&began["attempt"], &began["expires_at"])
    );
    server.audit().await;
}

#[tokio::test]
async fn a_transfer_that_does_not_come_ends_with_its_hold() {
    let shop = Shop::open(10).await;
    let terms = format!("/api/v1/events/{}/payment-terms", shop.show.event);
    let staff = shop.server.user(shop.show.organizer);
    staff
        .put(&terms, &json!({"offline_days": 5}))
        .await
        .data(200);
    let held = shop.hold(2).await;
    let pay = format!("/api/v1/bookings/{}/payment", held.id);
    let invoice = json!({"provider": "offline", "method": "invoice"});
    shop.buyer(&held).post(&pay, &invoice).await.data(201);
    shop.pass_the_deadline(&held).await;
    shop.in_the_end("select count(*) = 1 from payments where state = 'canceled'")
        .await;
    shop.server.audit().await;
}

/// Cash for what the buyer has now, whatever was begun before.
#[tokio::test]
async fn other_tickets_after_an_offline_attempt_are_paid_at_their_own_price() {
    let shop = Shop::open(10).await;
    let staff = shop.server.user(shop.show.organizer);
    for asks_again in [true, false] {
        let held = shop.hold(1).await;
        let buyer = shop.buyer(&held);
        let booking = format!("/api/v1/bookings/{}", held.id);
        let pay = format!("{booking}/payment");
        let offline = json!({"provider": "offline"});
        buyer.post(&pay, &offline).await.data(201);
        let types = &shop.show.ticket_types;
        let other = json!({"items": [{"ticket_type_id": types[0], "quantity": 3}]});
        buyer.patch(&booking, &other).await.data(200);
        if asks_again {
            let again = buyer.post(&pay, &offline).await;
            assert_eq!(again.data(201)["amount"]["amount"], 3 * PRICE);
        }
        let paid = json!({"status": "confirmed", "paid_by": "cash"});
        staff
            .put(&format!("{booking}/status"), &paid)
            .await
            .data(200);
        shop.until_payment(&held, "captured").await;
        let captured = format!(
            "select sum(captured_amount)::bigint from payments where booking_id = '{}'",
            held.id
        );
        assert_eq!(one::<i64>(&shop.client, &captured, &[]).await, 3 * PRICE);
    }
    shop.server.audit().await;
}

/// Staff take cash while the buyer's card is being asked for, and cancel at once: what they took is in the books, and goes
/// back.
#[tokio::test]
async fn cash_for_a_booking_that_ends_at_once_is_booked_and_given_back() {
    let shop = Shop::open(10).await;
    let staff = shop.server.user(shop.show.organizer);
    let held = shop.hold(2).await;
    let intent = shop.begin(&held).await;
    let status = format!("/api/v1/bookings/{}/status", held.id);
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    staff.put(&status, &paid).await.data(200);
    let cancel = json!({"status": "cancelled"});
    staff.put(&status, &cancel).await.data(200);
    let books = "select count(*) filter (where cause = 'sale') = 1 and count(*) filter (where cause = 'refund') = 1
                   from ledger_transactions";
    shop.in_the_end(books).await;
    let invoices = "select count(*) = 2 and count(number) = 2 from invoices";
    shop.in_the_end(invoices).await;
    shop.in_the_end("select count(*) = 1 from payments where state = 'canceled'")
        .await;
    assert_eq!(shop.kept(&intent).await, 0);
    shop.server.audit().await;

    // A refund does not wait for the books either.
    let held = shop.hold(1).await;
    shop.begin(&held).await;
    let booking = format!("/api/v1/bookings/{}", held.id);
    let status = format!("{booking}/status");
    staff.put(&status, &paid).await.data(200);
    let all = json!({"all": true});
    let back = staff.post(&format!("{booking}/refunds"), &all).await;
    assert_eq!(back.data(201)["amount"]["amount"], PRICE);
    shop.server.audit().await;
}

/// Other tickets while a transfer is awaited: the attempt is let go, and the same way to pay asks for the new total.
#[tokio::test]
async fn other_tickets_while_a_transfer_is_awaited_are_awaited_at_their_own_price() {
    let shop = Shop::open(10).await;
    let staff = shop.server.user(shop.show.organizer);
    let terms = format!("/api/v1/events/{}/payment-terms", shop.show.event);
    let days = json!({"offline_days": 5});
    staff.put(&terms, &days).await.data(200);
    let held = shop.hold(1).await;
    let buyer = shop.buyer(&held);
    let booking = format!("/api/v1/bookings/{}", held.id);
    let invoice = json!({"provider": "offline", "method": "invoice"});
    let pay = format!("{booking}/payment");
    let began = buyer.post(&pay, &invoice).await.data(201).clone();
    let two = json!({"quantity": 2});
    let changed = buyer.patch(&booking, &two).await;
    assert_eq!(changed.data(200)["total"]["amount"], 2 * PRICE);
    assert_eq!(changed.data(200)["expires_at"], began["expires_at"]);
    let live = "select count(*) = 1 from payments where state = 'requires_action' and amount = 3000 and method = 'invoice'";
    shop.in_the_end(live).await;
    let again = buyer.post(&pay, &invoice).await.data(201).clone();
    assert_eq!(again["amount"]["amount"], 2 * PRICE);
    let paid = json!({"status": "confirmed", "paid_by": "transfer"});
    staff
        .put(&format!("{booking}/status"), &paid)
        .await
        .data(200);
    shop.until_payment(&held, "captured").await;
    shop.server.audit().await;
}

/// A buyer who has not paid yet may pay another way: the attempt of before is let go first.
#[tokio::test]
async fn another_way_to_pay_takes_the_place_of_one_that_has_taken_no_money() {
    let shop = Shop::open(10).await;
    let staff = shop.server.user(shop.show.organizer);
    let terms = format!("/api/v1/events/{}/payment-terms", shop.show.event);
    let days = json!({"offline_days": 5});
    staff.put(&terms, &days).await.data(200);
    let held = shop.hold(1).await;
    let buyer = shop.buyer(&held);
    let pay = format!("/api/v1/bookings/{}/payment", held.id);
    let intent = shop.begin(&held).await;
    let transfer = json!({"provider": "offline", "method": "transfer"});
    let began = buyer.post(&pay, &transfer).await.data(201).clone();
    assert_eq!(began["provider"], "offline");
    let gone = shop.stripe.books().await["payment_intents"].to_string();
    assert!(gone.contains("canceled"), "{gone}");
    // And back to a card, which pays it.
    let card = json!({"provider": "stripe"});
    let card = buyer.post(&pay, &card).await.data(201).clone();
    assert_eq!(card["provider"], "stripe");
    let other = card["client_secret"].as_str().unwrap();
    let other = other.split("_secret_").next().unwrap();
    assert_ne!(other, intent);
    shop.stripe.give_card(other, GOOD).await;
    shop.paid_and_sold(&held, other, 1).await;
    // Staff who are asked to take the money, and no more, do not keep cards out.
    let held = shop.hold(1).await;
    let buyer = shop.buyer(&held);
    let pay = format!("/api/v1/bookings/{}/payment", held.id);
    let offline = json!({"provider": "offline"});
    buyer.post(&pay, &offline).await.data(201);
    let intent = shop.begin(&held).await;
    // A card that has been authorised is not let go for another wish.
    shop.stripe.give_card(&intent, GOOD).await;
    shop.until_status(&held, "confirmed").await;
    shop.until_payment(&held, "captured").await;
    shop.server.audit().await;
}
