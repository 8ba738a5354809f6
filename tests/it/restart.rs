//! Nodes that go down with many clients on them: by SIGTERM, in order; by SIGKILL, in a storm.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::binary::ServerProcess;
use crate::support::caller::Caller;
use crate::support::database::TestDatabase;
use crate::support::http_client;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged};
use crate::support::websocket::{Socket, SocketEnd, WireVersion};

const VIEWERS: usize = 2_000;
/// Viewers on their way to being joined at a time.
const JOINING_MAX: usize = 50;
/// Time for a storm to be over.
const STORM: Duration = Duration::from_secs(15);
/// The first backoff of `web/src/sdk`: anything up to this.
const JITTER_MS: u64 = 250;

/// So many viewers of a topic, in the order in which they came, with their revisions.
async fn crowd(address: SocketAddr, topic: &str) -> Vec<(Socket, u64)> {
    let mut crowd = Vec::with_capacity(VIEWERS);
    while crowd.len() < VIEWERS {
        let joining = (0..JOINING_MAX).map(|_| async {
            let mut viewer = Socket::connect(address, WireVersion::V2).await;
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
    // Leaves a second and a half to close 2,000 clients, who may come back over two.
    let server = TestServer::builder()
        .with(|config| config.http.drain_timeout_ms = 4_000)
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

    // In the order of closing, which is that of coming: shares of the half second that closing fell short.
    let quarters: Vec<usize> = away
        .chunks(VIEWERS / 4)
        .map(|quarter| quarter.iter().sum::<usize>() / quarter.len())
        .collect();
    assert!(quarters.is_sorted(), "{quarters:?}");
    away.sort_unstable();
    for (place, part) in [(VIEWERS / 4, 125), (VIEWERS / 2, 250), (VIEWERS - 1, 500)] {
        let difference = away[place].abs_diff(part);
        assert!(difference < 50, "the {place}th is away {} ms", away[place]);
    }
}

/// A balancer goes on sending people until its checks have failed, so nobody is refused before.
#[tokio::test]
async fn a_node_that_was_told_to_stop_serves_until_balancers_have_seen_it() {
    let server = TestServer::builder()
        .with(|config| config.http.drain_delay_ms = 6_000)
        .start()
        .await;
    let (address, anonymous) = (server.address(), server.anonymous());
    let event = stage(&server.client().await).await.event;
    anonymous.get("/readyz").await.data(200);
    let began = Instant::now();
    let stopped = tokio::spawn(server.stop());
    let draining = async {
        while anonymous.get("/readyz").await.status == 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, draining).await.unwrap();
    // On connections of their own, as new people come.
    let mut served = 0;
    while served < 4 || began.elapsed() < Duration::from_millis(1_200) {
        let newcomer = Caller::new(http_client(), format!("http://{address}"));
        let ready = newcomer.get("/readyz").await;
        assert_eq!(ready.code(503), "UNAVAILABLE");
        assert_eq!(ready.body["data"]["why"], "draining");
        let body = json!({"event_id": event, "quantity": 1});
        newcomer.post("/api/v1/bookings", &body).await.data(201);
        served += 1;
    }
    let mut viewer = Socket::connect(address, WireVersion::V2).await;
    viewer.join(&format!("event:{event}"), json!({})).await;
    viewer.next_on("phoenix", "drain").await;
    stopped.await.unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(6_000));
    assert!(TcpStream::connect(address).await.is_err(), "it is gone");
}

fn reconnect_in_ms(drain: &Value) -> usize {
    let delay = drain["reconnect_in_ms"].as_u64();
    delay
        .and_then(|ms| usize::try_from(ms).ok())
        .expect("a delay")
}

/// After a node's death all of its viewers come to another one, which nobody watched the event on: they
/// bring `since`, and the node asks the database once for all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_viewers_of_a_killed_node_are_soon_current_on_another() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let staged = stage(&client).await;
    let node = || ServerProcess::start(&["--database-url", database.url()]);
    let (first, second) = (node(), node());
    let topic = format!("event:{}", staged.event);
    let viewers = crowd(first.address(), &topic).await;

    let killed = Instant::now();
    first.kill();
    staged.sell(&client, 3).await;
    let mut coming_back = JoinSet::new();
    for (viewer, revision) in viewers {
        coming_back.spawn(come_back(viewer, revision, second.address(), topic.clone()));
    }
    let resumed = coming_back.join_all().await;
    assert!(killed.elapsed() < STORM, "{:?}", killed.elapsed());
    assert!(
        resumed.iter().all(|resumed| *resumed),
        "all of them from the ring"
    );
    let page = http_client()
        .get(format!("{}/metrics", second.url))
        .send()
        .await;
    let page = page.expect("an answer").text().await.expect("a page");
    let loads = page
        .lines()
        .find_map(|line| line.strip_prefix("seatcast_event_loads_total "));
    assert_eq!(loads, Some("1"), "{page}");
}

/// Waits for the end, comes back as clients do, and reads until the sale of 3 is seen; says whether the
/// join was answered with what changed only.
async fn come_back(mut lost: Socket, since: u64, address: SocketAddr, topic: String) -> bool {
    while !matches!(lost.next_frame(DEADLINE).await, Err(SocketEnd::Closed(_))) {}
    let pause = rand::random_range(0..=JITTER_MS);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    let mut viewer = Socket::connect(address, WireVersion::V2).await;
    let joined = viewer.join(&topic, json!({ "since": since })).await;
    let mut state = joined["state"].clone();
    while state["ticket_types"][0]["sold"] != 3 {
        state = viewer.next_on(&topic, "update").await;
    }
    joined["resumed"] == true
}
