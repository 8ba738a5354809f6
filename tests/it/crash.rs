//! `kill -9` in the middle of a rush: a retry of everything finds each booking made exactly once. And a server
//! that stands still: nothing is sold to people who left meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use rustix::process::{Signal, kill_process};
use seatcast::store::audit::audit;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::binary::ServerProcess;
use crate::support::caller::Caller;
use crate::support::database::TestDatabase;
use crate::support::http_client;
use crate::support::server::DEADLINE;
use crate::support::show::{Show, one};
use seatcast::ticketing::EventId;

const ORDERS: usize = 1_000;
/// Clients that order at the same time.
const CLIENTS: usize = 32;
/// Answers after which the server is killed.
const ANSWERS: usize = 300;

/// The true binary in a process of its own.
struct Binary {
    process: Child,
    base: String,
}

impl Binary {
    async fn start(database: &TestDatabase) -> Binary {
        let mut process = Command::new(env!("CARGO_BIN_EXE_seatcast"))
            .args(["serve", "--dev", "--port", "0", "--log-level", "warn"])
            .args(["--limits", "off"])
            .args(["--database-url", database.url()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let base = tokio::time::timeout(DEADLINE, async {
            loop {
                let line = lines.next_line().await.expect("text").expect("an address");
                if let Some(address) = line.strip_prefix("Seatcast is on ") {
                    return address.trim().to_owned();
                }
            }
        });
        let base = base.await.expect("ready in time");
        Binary { process, base }
    }

    /// SIGKILL: nothing is finished, nothing is said.
    async fn kill(mut self) {
        self.process.kill().await.expect("killed");
    }
}

fn key(order: usize) -> String {
    format!("order-{order:04}-of-the-rush")
}

/// Orders everything, each order once; answers the booking's id by order. An order that the server
/// did not answer is missing.
async fn order_all(
    base: &str,
    event: EventId,
    answered: Arc<AtomicUsize>,
) -> BTreeMap<usize, String> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (next, answered, base) = (next.clone(), answered.clone(), base.to_owned());
        clients.spawn(async move {
            let nobody = Caller::new(http_client(), base);
            let mut made = Vec::new();
            loop {
                let order = next.fetch_add(1, Ordering::Relaxed);
                if order >= ORDERS {
                    return made;
                }
                let caller = nobody.clone().with_header("idempotency-key", key(order));
                let body = json!({"event_id": event, "quantity": 1 + order % 3}).to_string();
                let sent = caller.try_send(Method::POST, "/api/v1/bookings", Some(body));
                if let Ok(answer) = sent.await {
                    let id = answer.data(201)["id"].as_str().expect("an id").to_owned();
                    made.push((order, id));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_each_order_exists_once() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .capacity(10_000)
        .ticket_type("Standing", 1_500, 10_000)
        .stage(&client)
        .await;

    let server = Binary::start(&database).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let base = server.base.clone();
    let rush = tokio::spawn({
        let answered = answered.clone();
        async move { order_all(&base, show.event, answered).await }
    });
    while answered.load(Ordering::Relaxed) < ANSWERS {
        assert!(!rush.is_finished(), "the rush was over too soon");
        tokio::task::yield_now().await;
    }
    server.kill().await;
    let before = rush.await.unwrap();
    assert!(
        before.len() >= ANSWERS && before.len() < ORDERS,
        "{}",
        before.len()
    );

    let server = Binary::start(&database).await;
    let after = order_all(&server.base, show.event, Arc::default()).await;
    assert_eq!(after.len(), ORDERS);
    // The answers of before the crash are given again.
    for (order, id) in &before {
        assert_eq!(after.get(order), Some(id), "order {order}");
    }
    let ids: BTreeSet<&String> = after.values().collect();
    assert_eq!(ids.len(), ORDERS);
    let sql = "select count(*) from bookings where event_id = $1";
    assert_eq!(
        one::<i64>(&client, sql, &[&show.event]).await,
        ORDERS as i64
    );
    let report = audit(&database.store().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
    server.kill().await;
}

/// A booking whose caller has given up and gone elsewhere while the server stood still. One ticket, free, so whoever
/// gets it has it for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stood_still_sells_nothing_to_people_who_left() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new().ticket_type("Free", 0, 1).stage(&client).await;
    let patience = ["--desk-patience-ms", "1200"];
    let url = ["--database-url", database.url()];
    let stopped = ServerProcess::start(&[patience, url].concat());
    let other = ServerProcess::start(&url);
    let caller = |server: &ServerProcess| {
        let http = http_client();
        Caller::new(http, server.url.clone()).with_header("idempotency-key", key(7))
    };
    let body = json!({"event_id": show.event, "quantity": 1});
    let pid = stopped.pid();
    let send = || {
        let (caller, body) = (caller(&stopped), body.clone());
        tokio::spawn(async move { caller.post("/api/v1/bookings", &body).await })
    };

    // Somebody else has the ticket when the caller comes again, and gives it back.
    let rival = Caller::new(http_client(), other.url.clone());
    let taken = rival.post("/api/v1/bookings", &body).await;
    kill_process(pid, Signal::STOP).unwrap();
    let waiting = send();
    let elsewhere = caller(&other).post("/api/v1/bookings", &body).await;
    assert_eq!(elsewhere.status, 409, "{}", elsewhere.text);
    let id = taken.data(201)["id"].as_str().unwrap();
    let rival = rival.with_header(
        "x-booking-token",
        taken.data(201)["token"].as_str().unwrap(),
    );
    let status = format!("/api/v1/bookings/{id}/status");
    rival
        .put(&status, &json!({"status": "cancelled"}))
        .await
        .data(200);
    let sql = "select clock_timestamp() + interval '2 seconds'";
    let gone: jiff::Timestamp = one(&client, sql, &[]).await;
    while !one::<bool>(&client, "select clock_timestamp() > $1", &[&gone]).await {
        tokio::task::yield_now().await;
    }
    kill_process(pid, Signal::CONT).unwrap();
    let answer = waiting.await.unwrap();
    assert_eq!(answer.code(503), "TOO_LATE");
    let sold = "select count(*) from claims where event_id = $1 and state <> 'dead'";
    assert_eq!(one::<i64>(&client, sold, &[&show.event]).await, 0);

    // It is its absence that counts: whoever still waits is served.
    let patience = Instant::now() + DEADLINE;
    loop {
        let answer = send().await.unwrap();
        if answer.status == 201 {
            break;
        }
        assert_eq!(answer.code(503), "TOO_LATE", "it settles");
        assert!(Instant::now() < patience, "it does not settle");
    }
    assert_eq!(one::<i64>(&client, sold, &[&show.event]).await, 1);
    let report = audit(&database.store().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
}
