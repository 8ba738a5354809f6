//! The server as a whole: it starts, serves, drains, and ends when a part of it does.

use seatcast::config::Config;
use seatcast::run::run;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::server::TestServer;
use crate::support::show::Show;
use crate::support::websocket::Vsn;

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
    let mut viewers = [first.ws(Vsn::V1).await, second.ws(Vsn::V2).await];
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

#[tokio::test]
async fn a_stopped_server_tells_its_viewers_to_come_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 100)
        .stage(&client)
        .await;
    let mut viewer = server.ws(Vsn::V2).await;
    viewer
        .join(&format!("event:{}", show.event), json!({}))
        .await;
    let stopped = tokio::spawn(server.stop());
    viewer.next_on("phoenix", "drain").await;
    assert_eq!(viewer.closed().await, Some(1001));
    stopped.await.unwrap().unwrap();
}

/// What keeps a server with this configuration from starting.
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
    let bad_value = why_not(nowhere, |config| config.feed.log_rows_max = 0).await;
    assert!(bad_value.contains("--log-rows-max is 0"), "{bad_value}");
    let no_database = why_not(nowhere, |config| config.auth.dev = true).await;
    assert_eq!(no_database, "the database cannot be reached");
}
