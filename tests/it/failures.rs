//! Answers to callers when something below fails: a code and a request id, and nothing of the inside.

use std::time::Duration;

use serde_json::json;

use crate::support::binary::{ServerProcess, output, seatcast};
use crate::support::caller::Caller;
use crate::support::cut::Link;
use crate::support::database::{TestDatabase, connect};
use crate::support::http_client;
use crate::support::postgres::{Scratch, ThrowawayPostgres};
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, user};

#[tokio::test]
async fn a_database_out_of_reach_is_said_and_healed() {
    let database = std::sync::Arc::new(TestDatabase::new().await);
    let (link, url) = Link::to_postgres(database.url());
    let server = TestServer::builder()
        .on(database)
        .through(url)
        .start()
        .await;
    let anonymous = server.anonymous();
    anonymous.get("/readyz").await.data(200);
    link.cut();
    for path in ["/api/v1/events", "/api/v1/availability/1", "/readyz"] {
        let answer = anonymous.get(path).await;
        assert_eq!(answer.code(503), "UNAVAILABLE", "{path}");
        assert!(answer.header("retry-after").is_some(), "{path}");
    }
    let about = anonymous.get("/api").await;
    assert_eq!(about.code(503), "UNHEALTHY");
    assert_eq!(about.body["data"]["database"], false);
    assert_eq!(
        anonymous.get("/healthz").await.status,
        200,
        "the process lives"
    );
    link.restore();
    let healed = async {
        while anonymous.get("/api").await.status != 200 {}
        anonymous.get("/api/v1/events").await.data(200);
    };
    tokio::time::timeout(DEADLINE, healed)
        .await
        .expect("it heals");
}

#[tokio::test]
async fn a_request_that_takes_too_long_ends_and_changes_nothing() {
    let server = TestServer::builder().with(|config| config.http.request_timeout_ms = 3_000);
    let server = server.start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 0, 10).stage(&client).await;
    let mut other = server.client().await;
    let turn = other.transaction().await.unwrap();
    turn.execute("select take_turn($1)", &[&show.event])
        .await
        .unwrap();
    let path = format!("/api/v1/events/{}", show.event);
    let organizer = server.user(show.organizer);
    let answer = organizer.patch(&path, &json!({"title": "Too late"})).await;
    assert_eq!(answer.code(503), "TIMEOUT");
    assert_eq!(answer.header("retry-after"), Some("2"));
    turn.rollback().await.unwrap();
    let title = server.anonymous().get(&path).await.data(200)["title"].clone();
    assert_eq!(title, "A show");
    organizer
        .patch(&path, &json!({"title": "In time"}))
        .await
        .data(200);
}

#[tokio::test]
async fn a_failure_of_ours_tells_a_request_id_and_nothing_else() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let admin = server
        .user(user(&client, "admin").await)
        .with_header("x-request-id", "trace-7");
    admin.get("/api/v1/users").await.data(200);
    let break_it = "alter table users rename column phone to telephone";
    client.batch_execute(break_it).await.unwrap();
    let answer = admin.get("/api/v1/users").await;
    assert_eq!(
        answer.data(500),
        &json!({"code": "INTERNAL", "request_id": "trace-7"})
    );
    for secret in ["phone", "column", "users", "postgres", "select"] {
        assert!(!answer.text.contains(secret), "{}", answer.text);
    }
}

/// Providers make a database read-only when its disk is full; sessions that begin meanwhile stay so.
#[tokio::test]
async fn a_read_only_database_is_said_and_healed() {
    let postgres = ThrowawayPostgres::start().unwrap();
    // A process of its own: that the database is read-only is known to all of a process.
    let server = ServerProcess::start(&["--database-url", postgres.url()]);
    let caller = Caller::new(http_client(), server.url.clone());
    let client = connect(postgres.url()).await;
    let show = Show::new().ticket_type("Seat", 0, 100).stage(&client).await;
    let organizer = caller
        .clone()
        .with_header("x-user-id", show.organizer.to_string());
    let path = format!("/api/v1/events/{}", show.event);
    let set = async |change: &str| {
        let sql = format!(
            "alter database seatcast {change};
             select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and application_name = 'seatcast'"
        );
        client.batch_execute(&sql).await.unwrap();
    };
    let becomes = async |why: &serde_json::Value| {
        let turned = async {
            loop {
                let ready = caller.get("/readyz").await;
                if ready.status == 200 && ready.body["data"]["why"] == *why {
                    break;
                }
            }
        };
        let turned = tokio::time::timeout(DEADLINE, turned).await;
        turned.unwrap_or_else(|_| panic!("/readyz does not say {why}"));
    };
    set("set default_transaction_read_only = on").await;
    becomes(&json!("read_only")).await;
    let refused = organizer.patch(&path, &json!({"title": "Now"})).await;
    assert_eq!(refused.code(503), "UNAVAILABLE");
    caller.get(&path).await.data(200);
    let about = caller.get("/api").await;
    assert_eq!(about.code(503), "UNHEALTHY");
    assert_eq!(about.body["data"]["writable"], json!(false));
    let page = caller.get("/metrics").await.text;
    assert!(page.contains("\nseatcast_database_read_only 1\n"));
    let said = output(&mut seatcast(&["doctor", "--database-url", postgres.url()]));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("FAIL  writes"), "{said}");

    // The sessions that the server has stay as they are.
    let again = "alter database seatcast reset default_transaction_read_only";
    client.batch_execute(again).await.unwrap();
    becomes(&json!(null)).await;
    organizer
        .patch(&path, &json!({"title": "Then"}))
        .await
        .data(200);
    let bought = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[0], "quantity": 1}]});
    organizer.post("/api/v1/bookings", &bought).await.data(201);
}

/// It once was answered with BUSY, «too many requests at once», while `/readyz` said that all was well.
#[tokio::test]
async fn faults_7_a_full_disk_is_said_and_healed() {
    let Some(scratch) = Scratch::of_size(160) else {
        return eprintln!("not tested: it takes the right to mount");
    };
    let postgres = ThrowawayPostgres::start_in(scratch).unwrap();
    // A process of its own: that the disk is full is known to all of a process.
    let log = tempfile::NamedTempFile::new().unwrap();
    let stderr = log.reopen().unwrap().into();
    let server = ServerProcess::start_logging(&["--database-url", postgres.url()], stderr);
    let caller = Caller::new(http_client(), server.url.clone());
    caller.get("/readyz").await.data(200);
    let client = connect(postgres.url()).await;
    let show = Show::new().ticket_type("Seat", 0, 10).stage(&client).await;
    let organizer = caller
        .clone()
        .with_header("x-user-id", show.organizer.to_string());
    let path = format!("/api/v1/events/{}", show.event);
    let describe = async |text: &str| {
        // Of no use to a compressor.
        let text: String = (0..9_000)
            .map(|_| rand::random_range('a'..='z'))
            .collect::<String>()
            + text;
        organizer
            .patch(&path, &json!({ "description": text }))
            .await
    };
    describe("before").await.data(200);
    postgres.scratch().fill();
    let refused = async {
        loop {
            let answer = describe("while it is full").await;
            if answer.status != 200 {
                return answer;
            }
        }
    };
    let refused = tokio::time::timeout(DEADLINE, refused)
        .await
        .expect("it fills up");
    assert_eq!(refused.code(503), "STORAGE_FULL");
    assert!(refused.header("retry-after").is_some());
    // No other node would be better off, and reads go on.
    let ready = caller.get("/readyz").await;
    assert_eq!(ready.data(200)["why"], "storage");
    let about = caller.get("/api").await;
    assert_eq!(about.code(503), "UNHEALTHY");
    assert_eq!(about.body["data"]["writable"], json!(false));
    caller.get(&path).await.data(200);
    for _ in 0..30 {
        describe("while it is full").await;
    }
    let said = |line: &str| {
        let log = std::fs::read_to_string(log.path()).unwrap();
        log.lines().filter(|said| said.contains(line)).count()
    };
    assert_eq!(said("request not served"), 1, "one line for all of them");
    assert_eq!(said("the disk of the database is full"), 1);

    postgres.scratch().make_room();
    // Nobody asks for its health.
    let noticed = async {
        while !(caller.get("/metrics").await.text).contains("\nseatcast_storage_full 0\n") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, noticed)
        .await
        .expect("noticed by itself");
    let ready = caller.get("/readyz").await;
    assert_eq!(ready.data(200).get("why"), None);
    describe("after").await.data(200);
}
