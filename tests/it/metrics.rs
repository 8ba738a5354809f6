//! `/metrics` says what happened: a server of its own process is driven, and its numbers are read.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::binary::ServerProcess;
use crate::support::caller::Caller;
use crate::support::database::TestDatabase;
use crate::support::server::DEADLINE;
use crate::support::show::Show;
use crate::support::websocket::{Socket, Vsn};

/// Every sample by its name and labels.
type Page = BTreeMap<String, f64>;

async fn page(caller: &Caller) -> Page {
    let answer = caller.get("/metrics").await;
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let mut described = None;
    let mut page = Page::new();
    for line in answer.text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            described = comment.split(' ').nth(1).map(str::to_owned);
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        let described = described.as_deref().expect("a description first");
        assert!(name.starts_with(described), "{name} under {described}");
        let twice = page.insert(name.to_owned(), value.parse().expect("a number"));
        assert_eq!(twice, None, "{name}");
    }
    page
}

/// Reads until the sample has this value.
async fn reads(caller: &Caller, name: &str, value: f64) {
    let wait = async { while page(caller).await.get(name) != Some(&value) {} };
    if tokio::time::timeout(DEADLINE, wait).await.is_err() {
        panic!("{name} is not {value}: {:#?}", page(caller).await);
    }
}

#[tokio::test]
async fn the_numbers_follow_what_happens() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 3);
    let show = show.stage(&client).await;
    let server = ServerProcess::start(&["--database-url", database.url()]);
    let caller = Caller::new(reqwest::Client::new(), server.url.clone());
    let address = server.url.trim_start_matches("http://").parse().unwrap();

    let topic = format!("event:{}", show.event);
    let mut viewer = Socket::connect(address, Vsn::V2).await;
    let joined = viewer
        .join(&topic, json!({"presence": {"step": "payment"}}))
        .await;
    viewer.ask("event:999999", "phx_join", json!({})).await;
    reads(&caller, "seatcast_connections", 1.0).await;
    reads(&caller, "seatcast_present", 1.0).await;
    let before = page(&caller).await;
    assert_eq!(before["seatcast_joins_total{source=\"state\"}"], 1.0);
    assert_eq!(before["seatcast_event_loads_total"], 2.0);
    assert_eq!(
        before["seatcast_socket_refusals_total{code=\"EVENT_NOT_FOUND\"}"],
        1.0
    );
    assert_eq!(before["seatcast_deliveries_total"], 0.0);

    let booking = json!({"event_id": show.event, "quantity": 2});
    caller.post("/api/v1/bookings", &booking).await.data(201);
    viewer.next_on(&topic, "update").await;
    caller.post("/api/v1/bookings", &booking).await.data(409);
    let mut resumed = Socket::connect(address, Vsn::V2).await;
    let since = json!({"since": joined["revision"]});
    resumed.join(&topic, since).await;

    reads(&caller, "seatcast_connections", 2.0).await;
    let after = page(&caller).await;
    for (name, value) in [
        ("seatcast_deliveries_total", 1.0),
        ("seatcast_publications_total", 1.0),
        ("seatcast_commit_to_send_seconds_count", 1.0),
        ("seatcast_joins_total{source=\"ring\"}", 1.0),
        ("seatcast_event_loads_total", 2.0),
        ("seatcast_desk_batch_requests_count", 2.0),
        ("seatcast_desk_batch_requests_sum", 2.0),
        ("seatcast_desk_queue_requests", 0.0),
        ("seatcast_database_up", 1.0),
    ] {
        assert_eq!(after.get(name), Some(&value), "{name}");
    }
    let refused: f64 = after
        .iter()
        .filter(|(name, _)| name.starts_with("seatcast_refusals_total"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(refused, 1.0);
    assert!(after["seatcast_doorbell_rings_total"] >= 1.0);
    assert!(after["seatcast_pool_wait_seconds_count"] >= 2.0);
    assert!(after["seatcast_doorbell_silence_seconds"] < 60.0);
    assert!(after["seatcast_commit_to_send_seconds_sum"] < 20.0);
    drop(resumed);
    reads(&caller, "seatcast_connections", 1.0).await;
}
