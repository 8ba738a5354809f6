//! `/metrics` counts what happens, tested on a server in a process of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use seatcast::nats::Subjects;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::binary::ServerProcess;
use crate::support::caller::Caller;
use crate::support::database::TestDatabase;
use crate::support::http_client;
use crate::support::nats::Nats;
use crate::support::numbers::{page, reads};
use crate::support::server::DEADLINE;
use crate::support::show::Show;
use crate::support::websocket::{Socket, WireVersion};

#[tokio::test]
async fn the_numbers_follow_what_happens() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 3);
    let show = show.stage(&client).await;
    let server = ServerProcess::start(&["--database-url", database.url()]);
    let caller = Caller::new(http_client(), server.url.clone());
    let address = server.url.trim_start_matches("http://").parse().unwrap();

    let topic = format!("event:{}", show.event);
    let mut viewer = Socket::connect(address, WireVersion::V2).await;
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
    let mut resumed = Socket::connect(address, WireVersion::V2).await;
    let since = json!({"since": joined["revision"]});
    resumed.join(&topic, since).await;

    reads(&caller, "seatcast_connections", 2.0).await;
    // Counted after the pass, which the viewer may be quicker than.
    reads(&caller, "seatcast_deliveries_total", 1.0).await;
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
        ("seatcast_bookings_total{outcome=\"made\"}", 1.0),
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

/// The sum of a sample over nodes.
async fn sum(nodes: &[&Caller], name: &str) -> f64 {
    let mut sum = 0.0;
    for node in nodes {
        sum += page(node).await.get(name).copied().unwrap_or_default();
    }
    sum
}

async fn sums(nodes: &[&Caller], name: &str, value: f64) {
    let wait = async { while sum(nodes, name).await != value {} };
    if tokio::time::timeout(DEADLINE, wait).await.is_err() {
        panic!("{name} is not {value} but {}", sum(nodes, name).await);
    }
}

#[tokio::test]
async fn the_bus_counts_what_it_carries_and_what_it_loses() {
    let mut nats = tokio::task::spawn_blocking(Nats::start).await.unwrap();
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 3);
    let show = show.stage(&client).await;
    let url = nats.url();
    let args = [
        "--database-url",
        database.url(),
        "--bus",
        "nats",
        "--nats-url",
        &url,
    ];
    let servers = [ServerProcess::start(&args), ServerProcess::start(&args)];
    let callers = servers
        .each_ref()
        .map(|server| Caller::new(http_client(), server.url.clone()));
    let nodes = &callers.each_ref()[..];
    sums(nodes, "seatcast_bus_connected", 2.0).await;
    sums(nodes, "seatcast_bus_leader", 1.0).await;
    sums(nodes, "seatcast_bus_carried", 2.0).await;

    let topic = format!("event:{}", show.event);
    let mut viewers = Vec::new();
    for server in &servers {
        let mut viewer = Socket::connect(server.address(), WireVersion::V2).await;
        viewer.join(&topic, json!({})).await;
        viewers.push(viewer);
    }
    let bus = nats.client().await;
    let installation = database.store().await.installation().await.unwrap();
    let subject = Subjects::of(&installation).change(show.event);
    // Published until both have subscribed: what cannot be read is dropped, and counted.
    let unreadable = "seatcast_bus_changes_dropped_total{why=\"unreadable\"}";
    let heard = async {
        for node in nodes {
            while sum(&[*node], unreadable).await == 0.0 {
                bus.publish(subject.clone(), "?".into()).await.unwrap();
            }
        }
    };
    tokio::time::timeout(DEADLINE, heard).await.unwrap();
    let (received, sent) = (
        "seatcast_bus_changes_received_total",
        "seatcast_bus_changes_sent_total",
    );
    let before = sum(nodes, sent).await;
    show.sell(&client, 1).await;
    for viewer in &mut viewers {
        viewer.next_on(&topic, "update").await;
    }
    sums(nodes, sent, before + 1.0).await;
    assert!(sum(nodes, received).await >= 2.0);

    // A change from far ahead: those before it are missing.
    let gaps = "seatcast_gaps_total{at=\"delivery\"}";
    let ahead = json!({"revision": 999, "at": "2026-01-01T00:00:00Z", "payload": {}});
    bus.publish(subject, ahead.to_string().into())
        .await
        .unwrap();
    sums(nodes, gaps, 2.0).await;

    nats.kill();
    sums(nodes, "seatcast_bus_connected", 0.0).await;
    sums(nodes, "seatcast_bus_lost_total", 2.0).await;
    sums(nodes, "seatcast_bus_leader", 0.0).await;
    sums(nodes, "seatcast_bus_carried", 0.0).await;
}

/// The names that a text has, without what a histogram adds to them.
fn named(text: &str) -> BTreeSet<String> {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    parts
        .filter(|part| part.starts_with("seatcast_"))
        .map(|name| name.trim_end_matches("_bucket").to_owned())
        .collect()
}

/// The names of all metrics that a server has.
async fn exported() -> BTreeSet<String> {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = seatcast::metrics::router().oneshot(request).await.unwrap();
    let page = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.flat_map(named).collect()
}

/// A file of the folder `ops`.
fn ops(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ops").join(file);
    fs::read_to_string(path).unwrap()
}

/// `promtool` knows only that the rules are well formed: one on a number that is not there never fires.
#[tokio::test]
async fn alerts_are_on_numbers_that_there_are() {
    let exported = exported().await;
    for file in ["prometheus/alerts.yml", "prometheus/alerts.test.yml"] {
        let unknown: Vec<_> = named(&ops(file)).difference(&exported).cloned().collect();
        assert_eq!(unknown, [""; 0], "{file}");
    }
}

#[tokio::test]
async fn wrong_counters_and_the_disk_are_measured() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 3);
    let show = show.stage(&client).await;
    show.sell(&client, 1).await;
    let wrong = format!(
        "alter table pools disable trigger user;
         update pools set sold = sold + 1 where event_id = {} and kind = 'event'",
        show.event
    );
    client.batch_execute(&wrong).await.unwrap();
    let server = ServerProcess::start(&["--database-url", database.url()]);
    let caller = Caller::new(http_client(), server.url.clone());
    reads(&caller, "seatcast_counters_wrong", 1.0).await;
    let page = page(&caller).await;
    assert!(page["seatcast_database_free_bytes"] > 0.0);
    assert_eq!(page["seatcast_on_sale_capacity_tickets"], 1_000.0);
    // With the wrong one.
    assert_eq!(page["seatcast_on_sale_sold_tickets"], 2.0);
    assert_eq!(page["seatcast_on_sale_held_tickets"], 0.0);
    assert_eq!(page["seatcast_storage_full"], 0.0);
}

#[tokio::test]
async fn the_dashboard_shows_the_numbers_that_there_are() {
    let exported = exported().await;
    let dashboard: Value = serde_json::from_str(&ops("grafana/dashboards/seatcast.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let shown: BTreeSet<String> = targets
        .flat_map(|target| named(target["expr"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, exported, "shown, and exported");
}
