//! Confirmed bookings whose money did not come: an authorisation lapsed before it was captured, or the provider refused to take
//! it. The tickets stand, the booking shows `needs_review`, its buyer is asked to pay again, and a person may decide otherwise.

use serde_json::{Value, json};

use super::shop::{GOOD, Held, PAGES, Shop};
use crate::support::show::one;
use crate::support::smtp::Smtp;

/// How the money does not come.
#[derive(Debug, Clone, Copy)]
enum Why {
    Lapsed,
    Refused,
}

impl Shop {
    /// Sells to an authorisation, whose money does not come.
    async fn sell_and_lose(&self, held: &Held, why: Why) -> String {
        let intent = self.begin(held).await;
        let capture = "POST /v1/payment_intents/.*/capture";
        let broken = match why {
            Why::Lapsed => json!([{"on": capture, "does": "500_before", "times": 1_000}]),
            Why::Refused => json!([{"on": capture, "does": "404", "times": 1_000}]),
        };
        self.stripe.tell(json!({ "faults": broken })).await;
        self.stripe.give_card(&intent, GOOD).await;
        self.until_status(held, "confirmed").await;
        if matches!(why, Why::Lapsed) {
            let lapse = json!({"faults": [], "advance_s": 7 * 24 * 3_600 + 1});
            self.stripe.tell(lapse).await;
        }
        let of = format!(
            "select count(*) = 1 from payments where booking_id = '{}' and owed and review is not null",
            held.id
        );
        self.in_the_end(&of).await;
        self.stripe.tell(json!({"faults": []})).await;
        intent
    }

    /// The intent by which the booking is paid again.
    async fn begin_again(&self, held: &Held) -> String {
        let again = self.begin(held).await;
        assert_eq!(self.begin(held).await, again, "one at a time");
        again
    }

    async fn shown(&self, held: &Held) -> Value {
        let path = format!("/api/v1/bookings/{}", held.id);
        self.buyer(held).get(&path).await.data(200).clone()
    }

    async fn reviews(&self) -> Value {
        let staff = self.server.user(self.show.organizer);
        let listed = staff.get("/api/v1/payments?state=needs_review").await;
        listed.data(200).clone()
    }

    async fn decide_about_it(&self, decision: &str) {
        let waits = self.reviews().await[0].clone();
        let path = format!("/api/v1/payments/{}/review", waits["id"].as_str().unwrap());
        let verdict = json!({"decision": decision, "note": "as agreed", "reason_count": waits["reason_count"]});
        let staff = self.server.user(self.show.organizer);
        staff.post(&path, &verdict).await.data(200);
    }
}

#[tokio::test]
async fn a_sale_whose_money_did_not_come_is_paid_again() {
    for why in [Why::Lapsed, Why::Refused] {
        let shop = Shop::open(2).await;
        let held = shop.hold(2).await;
        let lost = shop.sell_and_lose(&held, why).await;
        assert_eq!((shop.kept(&lost).await, shop.tickets(&held).await), (0, 2));
        let books = shop.stripe.books().await;
        // It is not taken beside the other one.
        assert_eq!(books["payment_intents"][0]["status"], "canceled", "{why:?}");
        let booking = shop.shown(&held).await;
        assert_eq!(booking["status"], "confirmed");
        let payment = &booking["payment"];
        assert_eq!(
            (&payment["state"], &payment["owed"]),
            (&json!("needs_review"), &json!(true))
        );
        assert_eq!(
            shop.reviews().await[0]["decisions"],
            json!(["accept", "cancel"])
        );
        shop.server.audit().await;

        let path = format!("/api/v1/bookings/{}/payment", held.id);
        let began = shop.buyer(&held).post(&path, &json!({})).await;
        assert_eq!(
            began.data(201)["expires_at"],
            Value::Null,
            "nothing ends it"
        );
        let again = shop.begin_again(&held).await;
        assert_ne!(again, lost);
        // Until it is paid somebody looks, and a card that is declined leaves it so.
        assert_eq!(shop.reviews().await.as_array().unwrap().len(), 1);
        shop.stripe.give_card(&again, super::rules::DECLINED).await;
        shop.until("select count(*) = 1 from payments where failure is not null and not owed")
            .await;
        assert_eq!(shop.shown(&held).await["payment"]["owed"], true);
        shop.stripe.give_card(&again, GOOD).await;
        shop.paid_and_sold(&held, &again, 2).await;
        assert_eq!(shop.kept(&lost).await, 0);
        assert_eq!(shop.reviews().await, json!([]));
        let payment = shop.shown(&held).await["payment"].clone();
        assert_eq!(
            (&payment["state"], &payment["owed"]),
            (&json!("captured"), &json!(false))
        );
        let sales = "select count(*) from ledger_transactions where cause = 'sale'";
        assert_eq!(one::<i64>(&shop.client, sales, &[]).await, 1);
        let over = shop.buyer(&held).post(&path, &json!({})).await;
        assert_eq!(over.code(409), "INVALID_TRANSITION");
    }
}

/// The second attempt may be lost as the first was.
#[tokio::test]
async fn money_that_does_not_come_twice_is_owed_once() {
    let shop = Shop::open(2).await;
    let held = shop.hold(1).await;
    shop.sell_and_lose(&held, Why::Refused).await;
    let capture =
        json!({"on": "POST /v1/payment_intents/.*/capture", "does": "404", "times": 1_000});
    let again = shop.begin(&held).await;
    shop.stripe.tell(json!({"faults": [capture]})).await;
    shop.stripe.give_card(&again, GOOD).await;
    shop.in_the_end(&format!(
        "select count(*) = 1 from payments where owed and provider_ref = '{again}'"
    ))
    .await;
    shop.stripe.tell(json!({"faults": []})).await;
    assert_eq!(shop.reviews().await.as_array().unwrap().len(), 1);
    shop.server.audit().await;
    let third = shop.begin(&held).await;
    shop.stripe.give_card(&third, GOOD).await;
    shop.paid_and_sold(&held, &third, 1).await;
    assert_eq!(shop.reviews().await, json!([]));
}

/// A person decides while the buyer has the card form open: the booking stands unpaid, or ends, and nothing is taken.
#[tokio::test]
async fn a_person_may_decide_while_it_is_being_paid_again() {
    for (decision, status, tickets) in [("accept", "confirmed", 1), ("cancel", "cancelled", 0)] {
        let shop = Shop::open(2).await;
        let held = shop.hold(1).await;
        shop.sell_and_lose(&held, Why::Lapsed).await;
        let again = shop.begin(&held).await;
        shop.decide_about_it(decision).await;
        shop.in_the_end("select count(*) = 2 from payments where state = 'canceled'")
            .await;
        shop.stripe.give_card(&again, GOOD).await;
        shop.until_status(&held, status).await;
        assert_eq!(
            (shop.kept(&again).await, shop.tickets(&held).await),
            (0, tickets)
        );
        let path = format!("/api/v1/bookings/{}/payment", held.id);
        let over = shop.buyer(&held).post(&path, &json!({})).await;
        assert_eq!(over.code(409), "INVALID_TRANSITION");
        shop.server.audit().await;
    }
}

/// Whoever pays staff has no hold to wait for: a person decides about it.
#[tokio::test]
async fn what_is_owed_is_not_awaited_from_staff() {
    let shop = Shop::open(2).await;
    let held = shop.hold(1).await;
    shop.sell_and_lose(&held, Why::Lapsed).await;
    let path = format!("/api/v1/bookings/{}/payment", held.id);
    let offline = json!({"provider": "offline"});
    let refused = shop.buyer(&held).post(&path, &offline).await;
    assert_eq!(refused.code(422), "OFFLINE_NOT_ALLOWED");
    // Another means of payment takes the place of one that has taken nothing.
    let card = shop.begin(&held).await;
    let ideal = json!({"method": "ideal"});
    let other = shop.buyer(&held).post(&path, &ideal).await;
    let secret = other.data(201)["client_secret"].as_str().unwrap();
    let ideal = secret.split("_secret_").next().unwrap();
    assert_ne!(ideal, card);
    shop.stripe.give_card(ideal, GOOD).await;
    shop.paid_and_sold(&held, ideal, 1).await;
}

/// An attempt that nobody goes on with ends, and the event's end waits for none.
#[tokio::test]
async fn a_cancelled_event_ends_what_is_owed() {
    let shop = Shop::open(2).await;
    let held = shop.hold(1).await;
    shop.sell_and_lose(&held, Why::Lapsed).await;
    let again = shop.begin(&held).await;
    let cancel = format!("/api/v1/events/{}/cancel", shop.show.event);
    let staff = shop.server.user(shop.show.organizer);
    staff.post(&cancel, &json!({})).await.data(202);
    shop.until_status(&held, "cancelled").await;
    shop.in_the_end("select state = 'done' from jobs where kind = 'event_refunds'")
        .await;
    shop.stripe.give_card(&again, GOOD).await;
    assert_eq!((shop.kept(&again).await, shop.tickets(&held).await), (0, 0));
    shop.server.audit().await;
}

#[tokio::test]
async fn the_buyer_is_asked_to_pay_again_in_their_language() {
    let mut smtp = Smtp::start().await;
    let shop = Shop::open_mailing(&smtp, 9).await;
    for (lang, words) in [
        ("en", "pay again"),
        ("th", "ชำระเงินอีกครั้ง"),
        ("fa", "دوباره بپردازید"),
    ] {
        let contact = json!({"name": "Ada", "email": "ada@example.org"});
        let body = json!({"event_id": shop.show.event, "quantity": 1, "contact": contact});
        let anonymous = shop.server.anonymous().with_header("accept-language", lang);
        let made = anonymous.post("/api/v1/bookings", &body).await;
        let text = |name: &str| made.data(201)[name].as_str().unwrap().to_owned();
        let held = Held {
            id: text("id"),
            token: text("token"),
        };
        shop.sell_and_lose(&held, Why::Refused).await;
        let mut mail = smtp.mail().await;
        while !mail["subject"].as_str().unwrap().contains(words) {
            mail = smtp.mail().await;
        }
        let text = mail["text"].as_str().unwrap();
        assert!(text.contains(&format!("{PAGES}/bookings#link=")), "{text}");
    }
    let sent = "select count(*) = 3 from jobs where kind = 'payment_owed' and state = 'done'";
    shop.until(sent).await;
}
