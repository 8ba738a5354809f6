//! Many webhooks at once, as after an outage: each twice, in any order, among some of payments that nobody knows.

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use sha2::Sha256;

use super::shop::{GOOD, Held, Shop};
use crate::support::http_client;
use crate::support::show::one;
use crate::support::stripe::WEBHOOK_SECRET;

const PAYMENTS: usize = 120;
const UNKNOWN: usize = 20;
/// Buyers who begin to pay at a time.
const BUYERS: usize = 8;

fn signed(body: &str) -> String {
    let at = Timestamp::now().as_second();
    let mut mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    let digits = mac.finalize().into_bytes();
    let hex: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_webhooks_loses_none() {
    let shop = Shop::open(10_000).await;
    shop.stripe.tell(json!({"delivery": "drop"})).await;
    let begin = |_| async {
        let held = shop.hold(1).await;
        let intent = shop.begin(&held).await;
        (held, intent)
    };
    let begun = stream::iter(0..PAYMENTS)
        .map(begin)
        .buffer_unordered(BUYERS);
    let begun: Vec<(Held, String)> = begun.collect().await;
    for (_, intent) in &begun {
        shop.stripe.give_card(intent, GOOD).await;
    }
    let books = shop.stripe.books().await;
    let paid = |event: &&Value| event["type"] == "payment_intent.amount_capturable_updated";
    let events = books["events"].as_array().unwrap();
    let known: Vec<String> = events.iter().filter(paid).map(Value::to_string).collect();
    assert_eq!(known.len(), PAYMENTS);
    let unknown = (0..UNKNOWN).map(|number| {
        let object = json!({"id": format!("pi_unknown_{number}"), "object": "payment_intent", "metadata": {}});
        let event = json!({"id": format!("evt_unknown_{number}"), "object": "event", "created": 1,
                           "type": "payment_intent.succeeded", "data": {"object": object}});
        (event.to_string(), 503)
    });
    let twice = known.iter().chain(&known).map(|event| (event.clone(), 200));
    let mut all: Vec<(String, u16)> = twice.chain(unknown).collect();
    all.shuffle(&mut StdRng::seed_from_u64(1));

    let url = format!("http://{}/api/v1/webhooks/stripe", shop.server.address());
    let http = http_client();
    let told = all.into_iter().map(|(body, expected)| {
        let signature = signed(&body);
        let request = http.post(&url).header("stripe-signature", signature);
        async move {
            let answer = request.body(body).send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), expected);
        }
    });
    join_all(told).await;
    for (held, _) in &begun {
        shop.until_payment(held, "captured").await;
        shop.until_status(held, "confirmed").await;
    }
    let heard = "select count(*) from provider_events where type = 'payment_intent.amount_capturable_updated'";
    let heard: i64 = one(&shop.client, heard, &[]).await;
    assert_eq!(heard, PAYMENTS as i64, "each was taken in once");
    let unknown = "select count(*) from provider_events where id like 'evt_unknown%'";
    let unknown: i64 = one(&shop.client, unknown, &[]).await;
    assert_eq!(unknown, 0, "they come again");
    shop.server.audit().await;
}
