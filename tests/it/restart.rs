//! Nodes that go down with many clients on them: by SIGTERM, in order; by SIGKILL, in a storm.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::server::TestServer;
use crate::support::show::{Show, Staged};
use crate::support::websocket::{Socket, Vsn};

const VIEWERS: usize = 2_000;
/// Viewers on their way to being joined at a time.
const JOINING_MAX: usize = 50;

/// So many viewers of a topic, in the order in which they came, with their revisions.
async fn crowd(address: SocketAddr, topic: &str) -> Vec<(Socket, u64)> {
    let mut crowd = Vec::with_capacity(VIEWERS);
    while crowd.len() < VIEWERS {
        let joining = (0..JOINING_MAX).map(|_| async {
            let mut viewer = Socket::connect(address, Vsn::V2).await;
            let joined = viewer.join(topic, json!({})).await;
            let revision = joined["revision"].as_u64().expect("a revision");
            (viewer, revision)
        });
        crowd.extend(futures_util::future::join_all(joining).await);
    }
    crowd
}

async fn stage(client: &tokio_postgres::Client) -> Staged {
    let show = Show::new().ticket_type("Standing", 1_000, 500);
    show.stage(client).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_goes_down_sends_its_clients_away_one_after_the_other() {
    // Leaves one second to close 2,000 clients, who may come back over two.
    let server = TestServer::builder()
        .with(|config| config.http.drain_timeout_ms = 3_500)
        .start()
        .await;
    let address = server.address();
    let event = stage(&server.client().await).await.event;
    let mut viewers = crowd(address, &format!("event:{event}")).await;
    let (mut last, _) = viewers.pop().expect("a crowd");
    let stopped = tokio::spawn(server.stop());
    let (first, _) = &mut viewers[0];
    let away = vec![reconnect_in_ms(&first.next_on("phoenix", "drain").await)];
    assert_eq!(first.closed().await, Some(1001));

    // Until its own slot a client is served, but nothing new is begun for it.
    let beat = last.ask("phoenix", "heartbeat", json!({})).await;
    assert_eq!(beat["status"], "ok");
    let seats = format!("seats:{event}");
    let refused = last.ask(&seats, "phx_join", json!({})).await;
    assert_eq!(refused["response"]["code"], "RESTARTING", "{refused}");
    assert_eq!(refused["response"]["retry"], "later", "{refused}");
    viewers.push((last, 0));

    let leaving = viewers
        .into_iter()
        .skip(1)
        .map(|(mut viewer, _)| async move {
            let drain = viewer.next_on("phoenix", "drain").await;
            assert_eq!(viewer.closed().await, Some(1001));
            reconnect_in_ms(&drain)
        });
    let mut away = [away, futures_util::future::join_all(leaving).await].concat();
    stopped.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "it is gone");

    // In the order of closing, which is that of coming: shares of the second that closing fell short.
    let quarters: Vec<usize> = away
        .chunks(VIEWERS / 4)
        .map(|quarter| quarter.iter().sum::<usize>() / quarter.len())
        .collect();
    assert!(quarters.is_sorted(), "{quarters:?}");
    away.sort_unstable();
    for (place, part) in [(VIEWERS / 4, 250), (VIEWERS / 2, 500), (VIEWERS - 1, 1_000)] {
        let difference = away[place].abs_diff(part);
        assert!(difference < 50, "the {place}th is away {} ms", away[place]);
    }
}

fn reconnect_in_ms(drain: &Value) -> usize {
    let delay = drain["reconnect_in_ms"].as_u64();
    delay
        .and_then(|ms| usize::try_from(ms).ok())
        .expect("a delay")
}
