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
use crate::support::show::{Show, one};
use crate::support::smtp::Smtp;
use crate::support::stripe::{Stripe, WEBHOOK_SECRET};
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

/// One sale that is refunded, one whose refund the provider refuses, and one card that is declined until its hold ends. The provider
/// says nothing by itself, so that each webhook is one that the test sends.
#[tokio::test]
async fn the_numbers_of_a_sale_follow_its_money() {
    let (stripe, smtp) = (Stripe::start().await, Smtp::start().await);
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 10);
    let show = show.stage(&client).await;
    // Of a kind that this node does not know, so nobody takes it.
    let forgotten = "insert into jobs (kind, key, payload, run_at, expires_at)
                     values ('of_the_next_version', 'forgotten', '{}', now() - interval '1 hour', now() + interval '1 day')";
    client.execute(forgotten, &[]).await.unwrap();
    let server = ServerProcess::start(&[
        "--database-url",
        database.url(),
        "--stripe-secret-key",
        "sk_test_1",
        "--stripe-webhook-secret",
        WEBHOOK_SECRET,
        "--stripe-api-base",
        &stripe.base(),
        "--smtp-url",
        &smtp.url(),
        "--mail-from",
        "Box office <tickets@example.org>",
        "--public-url",
        "https://tickets.example.org",
    ]);
    stripe.notify(&server.url).await;
    stripe.tell(json!({"delivery": "hold"})).await;
    let caller = Caller::new(http_client(), server.url.clone());
    let staff = caller
        .clone()
        .with_header("x-user-id", show.organizer.to_string());
    let until = async |sql: &str| {
        let waiting = async {
            while !one::<bool>(&client, sql, &[]).await {
                let soon = "update jobs set run_at = clock_timestamp() where state = 'waiting' and kind <> 'of_the_next_version'";
                client.execute(soon, &[]).await.unwrap();
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect(sql);
    };

    let mut bookings = Vec::new();
    // The mail server refuses the first of these for good.
    for (email, card) in [
        ("never@example.org", "4242424242424242"),
        ("ada@example.org", "4242424242424242"),
        ("eve@example.org", "4000000000000002"),
    ] {
        let contact = json!({"name": "Ada", "email": email});
        let body = json!({"event_id": show.event, "quantity": 1, "contact": contact});
        let held = caller.post("/api/v1/bookings", &body).await;
        let held = held.data(201).clone();
        let booking = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
        let token = held["token"].as_str().unwrap().to_owned();
        let buyer = caller.clone().with_header("x-booking-token", token);
        let began = buyer.post(&format!("{booking}/payment"), &json!({})).await;
        let secret = began.data(201)["client_secret"].as_str().unwrap();
        let intent = secret.split("_secret_").next().unwrap();
        stripe.give_card(intent, card).await;
        bookings.push(booking);
    }
    until("select count(*) = 2 from payments where state = 'captured'").await;
    let over = "update bookings set expires_at = clock_timestamp() where status = 'pending'";
    client.execute(over, &[]).await.unwrap();
    until("select count(*) = 1 from payments where state = 'canceled'").await;

    let all = json!({"all": true});
    let refund = async |booking: &str| {
        let path = format!("{booking}/refunds");
        staff.post(&path, &all).await.data(201);
    };
    refund(&bookings[0]).await;
    until("select count(*) = 1 from refunds where state = 'succeeded'").await;
    let fault = json!({"on": "POST /v1/refunds", "does": "404", "times": 1});
    stripe.tell(json!({ "faults": [fault] })).await;
    refund(&bookings[1]).await;
    until("select count(*) = 1 from refunds where state = 'needs_review'").await;

    let books = stripe.books().await;
    let paid = books["events"].as_array().unwrap();
    let paid = paid
        .iter()
        .find(|one| one["type"] == "payment_intent.created");
    let event = paid.unwrap()["id"].clone();
    let nobody = json!({"object": "payment_intent", "id": "pi_of_nobody", "metadata": {}});
    let nothing = json!({"object": "account", "id": "acct_1"});
    for (said, status) in [
        (json!({"resend": event}), 200),
        (json!({"resend": event}), 200),
        (json!({"resend": event, "secret": "whsec_forged"}), 400),
        (
            json!({"forge": {"type": "payment_intent.succeeded", "object": nobody}}),
            503,
        ),
        (
            json!({"forge": {"type": "account.updated", "object": nothing}}),
            200,
        ),
    ] {
        let answer = stripe.tell(said.clone()).await;
        assert_eq!(answer["statuses"], json!([status]), "{said}");
    }
    until("select count(*) = 0 from jobs where state in ('waiting', 'leased') and kind not in ('of_the_next_version', 'provider_events')").await;

    for (name, value) in [
        ("seatcast_bookings_total{outcome=\"made\"}", 3.0),
        ("seatcast_bookings_total{outcome=\"confirmed\"}", 2.0),
        ("seatcast_bookings_total{outcome=\"expired\"}", 1.0),
        ("seatcast_payments_total{outcome=\"captured\"}", 2.0),
        ("seatcast_payments_total{outcome=\"canceled\"}", 1.0),
        ("seatcast_payments_captured_total{provider=\"stripe\"}", 2.0),
        (
            "seatcast_payments_captured_by_method_total{method=\"card\"}",
            2.0,
        ),
        (
            "seatcast_payments_lost_by_method_total{method=\"card\"}",
            1.0,
        ),
        ("seatcast_payments_for_review", 1.0),
        ("seatcast_refunds_total{outcome=\"succeeded\"}", 1.0),
        ("seatcast_refunds_total{outcome=\"needs_review\"}", 1.0),
        ("seatcast_refunds_for_review", 1.0),
        ("seatcast_webhooks_total{result=\"taken\"}", 1.0),
        ("seatcast_webhooks_total{result=\"double\"}", 1.0),
        ("seatcast_webhooks_total{result=\"bad_signature\"}", 1.0),
        ("seatcast_webhooks_total{result=\"unknown\"}", 1.0),
        ("seatcast_webhooks_total{result=\"of_no_interest\"}", 1.0),
        ("seatcast_jobs_due", 1.0),
    ] {
        reads(&caller, name, value).await;
    }
    let waits = "select count(*) from jobs where state = 'needs_review'";
    let refused: i64 = one(&client, waits, &[]).await;
    assert!(refused >= 1, "the first buyer's mails");
    reads(&caller, "seatcast_jobs_for_review", refused as f64).await;
    let page = page(&caller).await;
    assert_eq!(
        page["seatcast_jobs_total{outcome=\"needs_review\"}"],
        refused as f64
    );
    // A mail that a slow server did not answer in time is tried again.
    assert!(page["seatcast_mails_total{outcome=\"failed\"}"] >= refused as f64);
    assert!(page["seatcast_mails_total{outcome=\"sent\"}"] >= 1.0);
    assert!(page["seatcast_jobs_total{outcome=\"done\"}"] >= 3.0);
    assert!(page["seatcast_jobs_oldest_milliseconds"] >= 3_600_000.0);
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
