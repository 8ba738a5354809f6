//! Several nodes on one database: presence is one number for all of them.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::binary::ServerProcess;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::Show;
use crate::support::websocket::{Socket, WireVersion};
use seatcast::ticketing::EventId;

const LEASE_MS: u64 = 2_000;

/// So many nodes on one database, and an event.
async fn nodes(count: usize) -> (Vec<TestServer>, EventId) {
    let builder = || {
        TestServer::builder().with(|config| {
            config.presence.counts_interval_ms = 50;
            config.presence.lease_ms = LEASE_MS;
        })
    };
    let mut nodes = vec![builder().start().await];
    for _ in 1..count {
        nodes.push(builder().beside(&nodes[0]).start().await);
    }
    let show = Show::new().ticket_type("Standing", 1_000, 80);
    let event = show.stage(&nodes[0].client().await).await.event;
    (nodes, event)
}

async fn at_step(node: SocketAddr, event: EventId, step: &str) -> Socket {
    let mut buyer = Socket::connect(node, WireVersion::V2).await;
    let whereabouts = json!({"presence": {"step": step}});
    buyer.join(&format!("event:{event}"), whereabouts).await;
    buyer
}

/// A viewer who is counted nowhere.
async fn watcher(node: &TestServer, event: EventId) -> Socket {
    let mut watcher = node.ws(WireVersion::V2).await;
    watcher.join(&format!("event:{event}"), json!({})).await;
    watcher
}

/// Reads presence frames until one says this.
async fn sees(watcher: &mut Socket, event: EventId, counts: Value) {
    let topic = format!("event:{event}");
    let reading = async { while watcher.next_on(&topic, "presence").await != counts {} };
    let seen = tokio::time::timeout(DEADLINE, reading).await;
    seen.unwrap_or_else(|_| panic!("never saw {counts}"));
}

#[tokio::test]
async fn people_on_three_nodes_are_one_number() {
    let (mut nodes, event) = nodes(3).await;
    let mut watchers = Vec::new();
    for node in &nodes {
        watchers.push(watcher(node, event).await);
    }
    let mut buyers = Vec::new();
    for (node, step) in [(0, "look"), (0, "pay"), (1, "look"), (2, "look")] {
        buyers.push(at_step(nodes[node].address(), event, step).await);
    }
    let all = json!({"total": 4, "by_step": {"look": 3, "pay": 1}});
    for watcher in &mut watchers {
        sees(watcher, event, all.clone()).await;
    }
    buyers[2]
        .ask(
            &format!("event:{event}"),
            "presence",
            json!({"step": "pay"}),
        )
        .await;
    for watcher in &mut watchers {
        sees(
            watcher,
            event,
            json!({"total": 4, "by_step": {"look": 2, "pay": 2}}),
        )
        .await;
    }
    // A node that stops takes its people with it, and leaves nothing behind.
    nodes
        .pop()
        .expect("three")
        .stop()
        .await
        .expect("an orderly end");
    watchers.pop();
    sees(
        &mut watchers[0],
        event,
        json!({"total": 3, "by_step": {"look": 1, "pay": 2}}),
    )
    .await;
    drop(buyers);
    sees(&mut watchers[0], event, json!({"total": 0, "by_step": {}})).await;
    let client = nodes[0].client().await;
    let rows = client
        .query_one("select count(*) from presence_nodes", &[])
        .await
        .expect("a count");
    assert_eq!(rows.get::<_, i64>(0), 2);
}

#[tokio::test]
async fn a_watcher_who_comes_last_finds_those_of_other_nodes() {
    let (nodes, event) = nodes(2).await;
    let _buyer = at_step(nodes[1].address(), event, "pay").await;
    let one = json!({"total": 1, "by_step": {"pay": 1}});
    let topic = format!("event:{event}");
    let mut first = nodes[0].ws(WireVersion::V2).await;
    // The node asks the others when it is first asked itself; their answer may come after its own.
    if first.join(&topic, json!({})).await["state"]["presence"] != one {
        sees(&mut first, event, one.clone()).await;
    }
    let mut late = nodes[0].ws(WireVersion::V1).await;
    let joined = late.join(&topic, json!({})).await;
    assert_eq!(joined["state"]["presence"], one);
}

/// The presence of one viewer must not hide the people of other events from the other nodes.
#[tokio::test]
async fn a_step_with_nul_is_refused_and_an_event_that_the_database_refuses_is_alone_in_it() {
    let (nodes, event) = nodes(2).await;
    let client = nodes[0].client().await;
    let mut others = Vec::new();
    for _ in 0..2 {
        let show = Show::new().ticket_type("Standing", 1_000, 80);
        others.push(show.stage(&client).await.event);
    }
    let refuse = format!(
        "alter table presence_counts add constraint odd check (event_id <> {})",
        others[0]
    );
    client.batch_execute(&refuse).await.expect("a constraint");
    let mut watcher = watcher(&nodes[0], event).await;
    let _bad = at_step(nodes[1].address(), others[0], "pay").await;
    let _good = at_step(nodes[1].address(), others[1], "pay").await;
    let mut buyer = at_step(nodes[1].address(), event, "pay").await;
    let topic = format!("event:{event}");
    let answer = buyer.ask(&topic, "presence", json!({"step": "x\0y"})).await;
    assert_eq!(answer["response"]["code"], "INVALID_PAYLOAD");
    let one = json!({"total": 1, "by_step": {"pay": 1}});
    sees(&mut watcher, event, one).await;
}

#[tokio::test]
async fn the_people_of_a_killed_node_vanish_within_the_lease() {
    let (nodes, event) = nodes(1).await;
    let mut watcher = watcher(&nodes[0], event).await;
    let url = nodes[0].database.url().to_owned();
    let start = move || {
        let lease = LEASE_MS.to_string();
        ServerProcess::start(&["--presence-lease-ms", &lease, "--database-url", &url])
    };
    let killed = tokio::task::spawn_blocking(start).await.expect("a server");
    let address = killed.url.strip_prefix("http://").expect("an address");
    let _buyer = at_step(address.parse().expect("an address"), event, "pay").await;
    sees(
        &mut watcher,
        event,
        json!({"total": 1, "by_step": {"pay": 1}}),
    )
    .await;
    killed.kill();
    let start = Instant::now();
    sees(&mut watcher, event, json!({"total": 0, "by_step": {}})).await;
    // One renewal more, in which it is noticed, and what a busy machine takes.
    let took = start.elapsed();
    assert!(
        took.as_millis() < u128::from(LEASE_MS) * 3 / 2 + 1_000,
        "{took:?}"
    );
}

#[tokio::test]
async fn a_database_that_forgot_everything_is_told_again() {
    let (nodes, event) = nodes(2).await;
    let mut watcher = watcher(&nodes[0], event).await;
    let _buyer = at_step(nodes[1].address(), event, "pay").await;
    let one = json!({"total": 1, "by_step": {"pay": 1}});
    sees(&mut watcher, event, one.clone()).await;
    // Empty, as a crash of Postgres leaves unlogged tables.
    let client = nodes[0].client().await;
    let forget = "truncate presence_nodes, presence_counts";
    client.batch_execute(forget).await.expect("a truncate");
    let _second = at_step(nodes[1].address(), event, "pay").await;
    sees(
        &mut watcher,
        event,
        json!({"total": 2, "by_step": {"pay": 2}}),
    )
    .await;
}
