//! Interactions are accepted at once, stored soon, and bounded; nothing else waits for them.

use std::time::Instant;

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, user};
use crate::support::websocket::WireVersion;

const PATH: &str = "/api/v1/interactions";

async fn server(change: impl FnOnce(&mut seatcast::config::InteractionsConfig)) -> TestServer {
    let builder = TestServer::builder().with(|config| {
        config.interactions.interactions_interval_ms = 50;
        change(&mut config.interactions);
    });
    builder.start().await
}

/// Waits for so many rows.
async fn stored(client: &Client, count: i64) {
    let sql = "select count(*) from interactions";
    let begun = Instant::now();
    while client
        .query_one(sql, &[])
        .await
        .expect("a count")
        .get::<_, i64>(0)
        != count
    {
        assert!(begun.elapsed() < DEADLINE, "never {count} rows");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// `navigator.sendBeacon` sends text without asking first, when a page closes and nothing can be sent again.
#[tokio::test]
async fn a_closing_page_sends_text() {
    let server = server(|_| {}).await;
    let body = json!({"interactions": [{"action": "page_closed"}]}).to_string();
    let text = ("content-type", "text/plain;charset=UTF-8");
    let caller = server.anonymous();
    let told = caller
        .send_bytes(
            reqwest::Method::POST,
            PATH,
            &[text],
            body.clone().into_bytes(),
        )
        .await;
    assert_eq!(told.data(202)["accepted"], 1);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let refused = caller
        .send_bytes(reqwest::Method::POST, PATH, &[form], body.into_bytes())
        .await;
    assert_eq!(refused.code(415), "NOT_JSON");
    stored(&server.client().await, 1).await;
}

#[tokio::test]
async fn both_doors_lead_to_one_table() {
    let server = server(|_| {}).await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_000, 80)
        .stage(&client)
        .await;
    let one = user(&client, "customer").await;
    let batch: Vec<Value> = (0..200)
        .map(|n| json!({"action": "ticket_selected", "user_id": 1, "data": {"eventId": show.event, "n": n}}))
        .collect();
    let (first, second) = batch.split_at(100);
    for (name, half) in [("interactions", first), ("items", second)] {
        let told = server.user(one).post(PATH, &json!({ name: half })).await;
        assert_eq!(told.data(202)["accepted"], 100);
    }
    let mut socket = server.ws(WireVersion::V2).await;
    let topic = format!("event:{}", show.event);
    socket.join(&topic, json!({})).await;
    let track = json!({"action": "payment_initiated", "timestamp": "2027-03-01T19:30:00Z"});
    let answer = socket.ask(&topic, "track", track).await;
    assert_eq!(answer["status"], "ok");
    stored(&client, 201).await;
    let sql = "select count(*) filter (where user_id = $1 and event_id = $2 and action = 'ticket_selected'),
                      count(*) filter (where user_id is null and event_id = $2 and happened_at is not null)
                 from interactions";
    let row = client
        .query_one(sql, &[&one, &show.event])
        .await
        .expect("counts");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (200, 1));
}

#[tokio::test]
async fn what_is_wrong_is_named_and_what_does_not_fit_is_refused() {
    let server = server(|config| {
        config.interactions_per_s_max = 1;
    })
    .await;
    let anyone = server.anonymous();
    let wrong = json!({"interactions": [{"action": "x"}, {"action": 7}]});
    let answer = anyone.post(PATH, &wrong).await;
    let errors = &answer.data(422)["errors"];
    assert_eq!(errors[0]["field"], "interactions[1].action");
    let wrong = json!({"items": [{"action": "x"}, {"action": 7}]});
    let answer = anyone.post(PATH, &wrong).await;
    assert_eq!(
        answer.data(422)["errors"][0]["field"],
        "items[1].action",
        "another name, which the answer keeps"
    );
    let many = json!({"interactions": vec![json!({"action": "x"}); 201]});
    assert_eq!(
        anyone.post(PATH, &many).await.code(422),
        "VALIDATION_FAILED"
    );
    let three = json!({"interactions": vec![json!({"action": "x"}); 3]});
    let refused = anyone.post(PATH, &three).await;
    assert_eq!(refused.code(503), "BUSY");
    assert!(refused.header("retry-after").is_some());
    let text = anyone.get("/metrics").await.text;
    let dropped = text
        .lines()
        .find(|line| line.starts_with("seatcast_interactions_dropped_total "));
    assert!(
        dropped.is_some_and(|line| !line.ends_with(" 0")),
        "{dropped:?}"
    );
}

#[tokio::test]
async fn a_node_that_ends_stores_what_it_has() {
    let server = server(|config| config.interactions_interval_ms = 60_000).await;
    let client = server.client().await;
    let told = json!({"interactions": [{"action": "x"}]});
    server.anonymous().post(PATH, &told).await.data(202);
    // The database ends with the server's value, so another node keeps it.
    let other = TestServer::builder().beside(&server).start().await;
    server.stop().await.expect("a good end");
    stored(&client, 1).await;
    drop(other);
}
