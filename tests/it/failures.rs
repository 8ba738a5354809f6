//! Answers to callers when something below fails: a code and a request id, and nothing of the inside.

use serde_json::json;

use crate::support::binary::ServerProcess;
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
    let server = TestServer::builder().with(|config| config.http.request_timeout_ms = 300);
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
    let ready = caller.get("/readyz").await;
    assert_eq!(ready.code(503), "UNAVAILABLE");
    assert_eq!(ready.body["data"]["why"], "storage");
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
    caller.get("/readyz").await.data(200);
    describe("after").await.data(200);
}
