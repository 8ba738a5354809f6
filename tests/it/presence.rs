//! Presence: native visitors and the dialect's members are one number, on all shards.

use serde_json::{Value, json};

use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::Show;
use crate::support::websocket::{Socket, WireVersion};
use seatcast::ticketing::EventId;

async fn server() -> (TestServer, EventId) {
    let server = TestServer::builder()
        .with(|config| config.presence.counts_interval_ms = 50)
        .start()
        .await;
    let show = Show::new()
        .ticket_type("Standing", 1_000, 80)
        .stage(&server.client().await)
        .await;
    (server, show.event)
}

/// Reads presence frames until one says this.
async fn sees(viewer: &mut Socket, topic: &str, counts: &Value) {
    while viewer.next_on(topic, "presence").await != *counts {}
}

#[tokio::test]
async fn people_are_counted_by_step_from_join_to_loss() {
    let (server, event) = server().await;
    let topic = format!("event:{event}");
    let mut watcher = server.ws(WireVersion::V1).await;
    let joined = watcher.join(&topic, json!({})).await;
    assert_eq!(
        joined["state"]["presence"],
        json!({"total": 0, "by_step": {}})
    );
    let mut buyers = Vec::new();
    for _ in 0..5 {
        let mut buyer = server.ws(WireVersion::V2).await;
        buyer
            .join(&topic, json!({"presence": {"step": "ticket_selection"}}))
            .await;
        buyers.push(buyer);
    }
    sees(
        &mut watcher,
        &topic,
        &json!({"total": 5, "by_step": {"ticket_selection": 5}}),
    )
    .await;
    let moved = buyers[0]
        .ask(&topic, "presence", json!({"step": "payment"}))
        .await;
    assert_eq!(moved["status"], "ok");
    sees(
        &mut watcher,
        &topic,
        &json!({"total": 5, "by_step": {"ticket_selection": 4, "payment": 1}}),
    )
    .await;
    // One leaves the topic, one says so, one is lost; a late joiner finds the count in its state.
    buyers[0].ask(&topic, "phx_leave", json!({})).await;
    buyers[1]
        .ask(&topic, "presence", json!({"step": null}))
        .await;
    drop(buyers.pop());
    let two = json!({"total": 2, "by_step": {"ticket_selection": 2}});
    sees(&mut watcher, &topic, &two).await;
    let late = server
        .ws(WireVersion::V2)
        .await
        .join(&topic, json!({}))
        .await;
    assert_eq!(late["state"]["presence"], two);
    drop(buyers);
    sees(&mut watcher, &topic, &json!({"total": 0, "by_step": {}})).await;
}

fn config() -> Value {
    json!({"config": {"presence": {"key": "", "enabled": true}}})
}

fn track(step: &str) -> Value {
    json!({"type": "presence", "event": "track", "payload": {"userId": "u1", "step": step}})
}

#[tokio::test]
async fn the_dialect_lists_members_and_they_count_natively() {
    let (server, event) = server().await;
    let (topic, native) = (
        format!("realtime:registration:{event}"),
        format!("event:{event}"),
    );
    let mut watcher = server.ws(WireVersion::V2).await;
    watcher.join(&native, json!({})).await;
    let mut first = server.ws(WireVersion::V2).await;
    first.join(&topic, config()).await;
    assert_eq!(first.next_on(&topic, "presence_state").await, json!({}));
    let mut second = server.ws(WireVersion::V1).await;
    second.join(&topic, config()).await;
    second.next_on(&topic, "presence_state").await;

    assert_eq!(
        second.ask(&topic, "presence", track("look")).await["status"],
        "ok"
    );
    let diff = first.next_on(&topic, "presence_diff").await;
    let (key, entry) = diff["joins"]
        .as_object()
        .and_then(|joins| joins.iter().next())
        .expect("a join");
    assert_eq!(
        (&entry["metas"][0]["step"], &diff["leaves"]),
        (&json!("look"), &json!({}))
    );
    let before = entry["metas"][0]["phx_ref"].clone();
    sees(
        &mut watcher,
        &native,
        &json!({"total": 1, "by_step": {"look": 1}}),
    )
    .await;
    // The tracker sees itself, too.
    assert_eq!(second.next_on(&topic, "presence_diff").await, diff);

    second.ask(&topic, "presence", track("pay")).await;
    let moved = first.next_on(&topic, "presence_diff").await;
    assert_eq!(moved["leaves"][key]["metas"][0]["phx_ref"], before);
    assert_eq!(moved["joins"][key]["metas"][0]["phx_ref_prev"], before);
    let mut late = server.ws(WireVersion::V2).await;
    late.join(&topic, config()).await;
    let state = late.next_on(&topic, "presence_state").await;
    assert_eq!(state[key]["metas"][0]["step"], "pay");

    drop(second);
    let left = first.next_on(&topic, "presence_diff").await;
    assert_eq!(left["leaves"][key], state[key]);
    sees(&mut watcher, &native, &json!({"total": 0, "by_step": {}})).await;
}

/// A client that does not wait for the answer to its join, as Phoenix allows.
#[tokio::test]
async fn a_join_and_its_messages_may_be_sent_in_one_go() {
    let (server, event) = server().await;
    let (topic, native) = (
        format!("realtime:registration:{event}"),
        format!("event:{event}"),
    );
    let mut socket = server.ws(WireVersion::V2).await;
    let look = json!({"step": "look"});
    let sent = [
        socket.send(&native, "phx_join", json!({})).await,
        socket.send(&native, "presence", look).await,
        socket.send(&topic, "phx_join", config()).await,
        socket.send(&topic, "presence", track("pay")).await,
    ];
    let mut answered = Vec::new();
    while answered.len() < sent.len() {
        let frame = socket.next_frame(DEADLINE).await.expect("an answer");
        if frame.event == "phx_reply" {
            assert_eq!(frame.payload["status"], "ok", "{frame:?}");
            answered.push(frame.reference.as_str().map(str::to_owned));
        }
    }
    for (join, message) in [(0, 1), (2, 3)] {
        let at = |n: usize| {
            answered
                .iter()
                .position(|own| own.as_ref() == Some(&sent[n]))
        };
        assert!(at(join) < at(message), "{answered:?} of {sent:?}");
    }
    let both = json!({"total": 2, "by_step": {"look": 1, "pay": 1}});
    sees(&mut socket, &native, &both).await;
}
