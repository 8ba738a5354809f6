//! The server as a whole: it starts, serves, drains, and ends when a part of it does.

use seatcast::config::Config;
use seatcast::run::run;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::support::database::TestDatabase;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::Show;
use crate::support::websocket::WireVersion;

#[tokio::test]
async fn a_row_changed_by_hand_reaches_every_viewer_of_every_node() {
    let first = TestServer::start().await;
    let second = TestServer::builder().beside(&first).start().await;
    let client = first.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 100)
        .stage(&client)
        .await;
    let topic = format!("event:{}", show.event);
    let mut viewers = [
        first.ws(WireVersion::V1).await,
        second.ws(WireVersion::V2).await,
    ];
    for viewer in &mut viewers {
        let state = viewer.join(&topic, json!({})).await;
        assert_eq!(state["state"]["ticket_types"][0]["available"], 100);
    }
    show.sell(&client, 4).await;
    for viewer in &mut viewers {
        let update = viewer.next_on(&topic, "update").await;
        assert_eq!(update["ticket_types"][0]["available"], 96);
    }
    first.audit().await;
}

/// What search engines and previews of links read, without scripts.
#[tokio::test]
async fn the_served_page_of_an_event_says_what_is_left_of_it() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 100)
        .stage(&client)
        .await;
    show.sell(&client, 97).await;
    let path = format!("/events/{}", show.event);
    let page = server.anonymous().get(&path).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("\"remainingAttendeeCapacity\":3"),
        "{}",
        page.text
    );
    assert!(page.text.contains("https://schema.org/LimitedAvailability"));
    let draft = "update events set status = 'draft' where id = $1";
    client.execute(draft, &[&show.event]).await.unwrap();
    let page = server.anonymous().get(&path).await;
    assert_eq!(page.status, 404, "as one that is not there");
    assert!(!page.text.contains("schema.org"));
}

#[tokio::test]
async fn a_stopped_server_tells_its_viewers_to_come_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 100)
        .stage(&client)
        .await;
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer
        .join(&format!("event:{}", show.event), json!({}))
        .await;
    let stopped = tokio::spawn(server.stop());
    viewer.next_on("phoenix", "drain").await;
    assert_eq!(viewer.closed().await, Some(1001));
    stopped.await.unwrap().unwrap();
}

/// New connections are refused by then; who is connected, a load balancer say, hears it.
#[tokio::test]
async fn a_server_that_goes_down_says_that_it_is_not_ready() {
    let server = TestServer::start().await;
    let mut asking = TcpStream::connect(server.address()).await.unwrap();
    let head = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n";
    asking.write_all(head).await.unwrap();
    // Connections are accepted in turn: when this one is there, the other is.
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer.ask("phoenix", "heartbeat", json!({})).await;
    let stopped = tokio::spawn(server.stop());
    viewer.next_on("phoenix", "drain").await;
    asking.write_all(b"\r\n").await.unwrap();
    let mut answer = String::new();
    asking.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains(r#""why":"draining""#), "{answer}");
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_whose_database_lacks_a_migration_is_not_ready() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let (caller, newest) = (
        server.anonymous(),
        "(select max(version) from refinery_schema_history)",
    );
    caller.get("/readyz").await.data(200);
    for undo in [
        format!("delete from refinery_schema_history where version = {newest}"),
        "drop table refinery_schema_history".to_owned(),
    ] {
        client.batch_execute(&undo).await.unwrap();
        let ready = caller.get("/readyz").await;
        assert_eq!(ready.code(503), "UNAVAILABLE");
        assert_eq!(ready.body["data"]["why"], "migrations");
        let about = caller.get("/api").await;
        assert_eq!(about.code(503), "UNHEALTHY");
        assert_eq!(about.body["data"]["database"], true);
        assert_eq!(about.body["data"]["migrated"], false);
    }
}

/// The error that keeps a server with this configuration from starting.
async fn why_not(database_url: &str, change: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::default();
    change(&mut config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let ready = |_| panic!("it started");
    let error = run(config, database_url.to_owned(), listener, shutdown, ready).await;
    error.unwrap_err().to_string()
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let nowhere = "postgres:///seatcast?host=/nowhere";
    let no_key = why_not(nowhere, |_| {}).await;
    assert!(no_key.contains("--jwt-secret"), "{no_key}");
    let bad_value = why_not(nowhere, |config| config.feed.watched_events_max = 0).await;
    assert!(bad_value.contains("--feed-events-max is 0"), "{bad_value}");
    let no_database = why_not(nowhere, |config| {
        config.auth.dev = true;
        config.database.wait_s = 0;
    })
    .await;
    assert_eq!(no_database, "the database cannot be reached");
    let database = TestDatabase::new().await;
    let empty = database.sibling("empty").await;
    let no_schema = why_not(&empty, |config| {
        (config.auth.dev, config.no_migrate) = (true, true)
    });
    let no_schema = no_schema.await;
    assert!(no_schema.contains("run `seatcast migrate`"), "{no_schema}");
}

/// A proxy sends head and body apart, and its next request on the same connection: an early refusal loses none.
#[tokio::test]
async fn a_refused_request_leaves_its_connection_usable_or_says_that_it_ends() {
    let server = TestServer::start().await;
    let refused = |head: &str| {
        format!(
            "POST /api/v1/nothing HTTP/1.1\r\nhost: tickets\r\ncontent-type: application/json\r\n{head}\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    for (head, body) in [
        ("content-length: 13", "{\"quantity\":1".to_owned()),
        (
            "transfer-encoding: chunked",
            "d\r\n{\"quantity\":1\r\n0\r\n\r\n".to_owned(),
        ),
    ] {
        stream.write_all(refused(head).as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("http/1.1 404"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    for head in [
        "content-length: 900000",
        "content-length: 13\r\nexpect: 100-continue",
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(refused(head).as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("http/1.1 404"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

/// The next answer on a connection, in lower case.
async fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.expect("a length").parse::<usize>().unwrap() {
                return text;
            }
        }
        let reading = tokio::time::timeout(DEADLINE, stream.read_buf(&mut read)).await;
        let count = reading.expect("an answer in time").unwrap();
        assert_ne!(count, 0, "it ended after {text}");
    }
}
