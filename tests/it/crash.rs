//! `kill -9` in the middle of a rush: a retry of everything finds each booking made exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use seatcast::store::audit::audit;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::support::caller::Caller;
use crate::support::database::TestDatabase;
use crate::support::server::DEADLINE;
use crate::support::show::{Show, one};

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
async fn order_all(base: &str, event: i64, answered: Arc<AtomicUsize>) -> BTreeMap<usize, String> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (next, answered, base) = (next.clone(), answered.clone(), base.to_owned());
        clients.spawn(async move {
            let nobody = Caller::new(reqwest::Client::new(), base);
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
    // What was answered before the crash is answered again.
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
