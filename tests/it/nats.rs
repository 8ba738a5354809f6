//! NATS carries the log between nodes and may lose it: whatever dies, no viewer falls behind.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt;
use seatcast::config::Bus;
use seatcast::nats::Subjects;
use seatcast::store::Store;
use seatcast::ticketing::EventId;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::support::binary::ServerProcess;
use crate::support::database::TestDatabase;
use crate::support::http_client;
use crate::support::nats::Nats;
use crate::support::rush::{grows, show, write};
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::Show;
use crate::support::viewer::{Viewer, finish, viewers};
use crate::support::websocket::{Socket, WireVersion};

/// Longer than any test: no poll finds a change that the bus did not bring.
const NEVER_MS: u64 = 60_000;

async fn nats() -> Nats {
    let start = tokio::task::spawn_blocking(Nats::start);
    start.await.expect("a NATS server")
}

/// Waits for the next message, and reads it.
async fn next(messages: &mut async_nats::Subscriber) -> bytes::Bytes {
    let message = tokio::time::timeout(DEADLINE, messages.next()).await;
    message.expect("in time").expect("a message").payload
}

async fn retitle(client: &Client, event: EventId, title: &str) {
    let sql = "update events set title = $2 where id = $1";
    client
        .execute(sql, &[&event, &title])
        .await
        .expect("an update");
}

/// Reads updates until one has this title.
async fn sees(viewer: &mut Socket, event: EventId, title: &str) {
    let topic = format!("event:{event}");
    let reading =
        async { while viewer.next_on(&topic, "update").await["event"]["title"] != title {} };
    let seen = tokio::time::timeout(DEADLINE, reading).await;
    seen.unwrap_or_else(|_| panic!("never saw {title}"));
}

/// A wrong address is said, and to be seen in the metrics: the server serves without NATS.
#[tokio::test]
async fn a_bus_that_was_never_reached_is_told() {
    let database = TestDatabase::new().await;
    let log = tempfile::NamedTempFile::new().unwrap();
    let stderr = log.reopen().unwrap().into();
    let wrong = ["--bus", "nats", "--nats-url", "nats://127.0.0.1:1"];
    let args = [&["--database-url", database.url()][..], &wrong].concat();
    let server = ServerProcess::start_logging(&args, stderr);
    let page = async |url: &str| http_client().get(format!("{url}/metrics")).send().await;
    let metrics = page(&server.url).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nseatcast_bus_connected 0\n"));
    let told = async {
        while !std::fs::read_to_string(log.path())
            .unwrap()
            .contains("NATS is not reached")
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, told).await.expect("told");
    drop(server);
    let server = ServerProcess::start(&["--database-url", database.url()]);
    let metrics = page(&server.url).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nseatcast_bus_connected -1\n"));
}

#[tokio::test]
async fn changes_come_by_the_bus_and_by_the_log_where_it_has_a_gap() {
    let mut nats = nats().await;
    let url = nats.url();
    let builder = || {
        TestServer::builder().with(|config| {
            config.bus.bus = Bus::Nats;
            config.bus.nats_url.clone_from(&url);
            config.feed.poll_interval_ms = NEVER_MS;
        })
    };
    let first = builder().start().await;
    let second = builder().beside(&first).start().await;
    let client = first.client().await;
    let show = Show::new().ticket_type("Standing", 1_000, 80);
    let event = show.stage(&client).await.event;
    let bus = nats.client().await;
    let subjects = subjects(&first).await;
    let subject = subjects.change(event);
    let mut changes = bus
        .subscribe(subject.clone())
        .await
        .expect("a subscription");
    let mut news = bus
        .subscribe(subjects.relay())
        .await
        .expect("a subscription");
    bus.flush().await.expect("a flush");
    let mut viewers = Vec::new();
    for node in [&first, &second] {
        let mut viewer = node.ws(WireVersion::V2).await;
        viewer.join(&format!("event:{event}"), json!({})).await;
        viewers.push(viewer);
    }
    let term = next(&mut news).await;

    retitle(&client, event, "One").await;
    // The carrier begins with the newest row of each event, which may be one of before.
    let mut row = Value::Null;
    while row["payload"]["event"]["title"] != "One" {
        row = serde_json::from_slice(&next(&mut changes).await).expect("JSON");
    }
    for viewer in &mut viewers {
        sees(viewer, event, "One").await;
    }

    // One node carries, and says so under one name.
    assert_eq!(next(&mut news).await, term);
    // A change that nobody brought leaves a gap before the next, and that is noticed: the log is read, and
    // what the bus says beyond it is not believed.
    let mut ahead = row.clone();
    ahead["revision"] = json!(row["revision"].as_u64().expect("a revision") + 7);
    ahead["payload"]["event"]["title"] = json!("Ahead");
    let ahead = ahead.to_string().into();
    bus.publish(subject, ahead).await.expect("a message");
    retitle(&client, event, "Two").await;
    for viewer in &mut viewers {
        sees(viewer, event, "Two").await;
    }

    // Without NATS the doorbell is heard again, and with it everything goes on.
    nats.kill();
    retitle(&client, event, "Three").await;
    for viewer in &mut viewers {
        sees(viewer, event, "Three").await;
    }
    nats.restart();
    retitle(&client, event, "Four").await;
    for viewer in &mut viewers {
        sees(viewer, event, "Four").await;
    }
}

async fn subjects(server: &TestServer) -> Subjects {
    let store = server.database.store().await;
    Subjects::of(&store.installation().await.expect("a name"))
}

/// A copy of the production's database, which has the same events.
#[tokio::test]
async fn two_installations_on_one_nats_hear_nothing_of_each_other() {
    let nats = nats().await;
    let url = nats.url();
    let start = async || {
        let builder = TestServer::builder().with(|config| {
            config.bus.bus = Bus::Nats;
            config.bus.nats_url.clone_from(&url);
            config.feed.poll_interval_ms = NEVER_MS;
        });
        builder.start().await
    };
    let (production, staging) = (start().await, start().await);
    let mut events = Vec::new();
    let bus = nats.client().await;
    let mut viewers = Vec::new();
    for server in [&production, &staging] {
        let subject = subjects(server).await.relay();
        let mut news = bus.subscribe(subject).await.expect("a subscription");
        bus.flush().await.expect("a flush");
        next(&mut news).await;
        let show = Show::new().ticket_type("Standing", 1_000, 80);
        let event = show.stage(&server.client().await).await.event;
        let mut viewer = server.ws(WireVersion::V2).await;
        viewer.join(&format!("event:{event}"), json!({})).await;
        events.push(event);
        viewers.push(viewer);
    }
    assert_eq!(events[0], events[1]);
    let event = events[0];
    retitle(&staging.client().await, event, "Staging").await;
    sees(&mut viewers[1], event, "Staging").await;
    retitle(&production.client().await, event, "Production").await;
    let update = viewers[0]
        .next_on(&format!("event:{event}"), "update")
        .await;
    assert_eq!(update["event"]["title"], "Production", "{update}");
}

/// One of three nodes, each a process, and where its viewers find it.
struct NodeProcess {
    args: Vec<String>,
    process: Option<ServerProcess>,
    address: watch::Sender<Option<SocketAddr>>,
}

impl NodeProcess {
    async fn start(database: &TestDatabase, nats: &Nats) -> NodeProcess {
        let args = [
            ["--beat-interval-ms", "500"],
            ["--bus", "nats"],
            ["--nats-url", &nats.url()],
            ["--database-url", database.url()],
        ];
        let mut node = NodeProcess {
            args: args.concat().into_iter().map(str::to_owned).collect(),
            process: None,
            address: watch::channel(None).0,
        };
        node.revive().await;
        node
    }

    async fn revive(&mut self) {
        let args = self.args.clone();
        let start = move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            ServerProcess::start(&args)
        };
        let process = tokio::task::spawn_blocking(start).await.expect("a server");
        let address = process.url.strip_prefix("http://").expect("an address");
        self.address
            .send_replace(Some(address.parse().expect("an address")));
        self.process = Some(process);
    }

    fn kill(&mut self) {
        self.address.send_replace(None);
        self.process.take().expect("it lives").kill();
    }
}

/// The database's process that serves the carrier's claim to its seat, once there is one that is not `before`.
async fn carrier(client: &Client, before: Option<i32>) -> Option<i32> {
    let sql = "select pid from pg_locks where locktype = 'advisory' and granted and classid = x'72656c61'::int
                and database = (select oid from pg_database where datname = current_database())";
    let waiting = async {
        loop {
            let row = client.query_opt(sql, &[]).await.expect("a row");
            let pid = row.map(|row| row.get::<_, i32>(0));
            if pid.is_some() && pid != before {
                return pid;
            }
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .expect("a carrier")
}

/// Ends what the nodes' own connections are served by; of one connection, or of all.
async fn disconnect(client: &Client, pid: Option<i32>) {
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                where application_name = 'seatcast' and datname = current_database()
                  and pid = coalesce($1, pid)";
    client.query(sql, &[&pid]).await.expect("backends ended");
}

/// Waits until all viewers have seen what is committed now.
async fn everybody_follows(store: &Store, event: EventId, audience: &[Viewer]) {
    let live = store.live_event(event, 1).await.expect("a snapshot");
    let revision = live.expect("an event").state.revision;
    for viewer in audience {
        viewer.reach(revision, DEADLINE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_lose_each_other_their_leader_nats_and_postgres() {
    let mut nats = nats().await;
    let database = Arc::new(TestDatabase::new().await);
    let client = database.client().await;
    let staged = Arc::new(show().stage(&client).await);
    let (store, event) = (database.store().await, staged.event);
    // The first one has the seat before the others come.
    let mut nodes = vec![NodeProcess::start(&database, &nats).await];
    let mut leads = carrier(&client, None).await;
    for _ in 0..2 {
        nodes.push(NodeProcess::start(&database, &nats).await);
    }
    let mut audience = Vec::new();
    for node in &nodes {
        audience.extend(viewers(&node.address.subscribe(), event, 1));
    }
    let stop = CancellationToken::new();
    let writing = (0..2).map(|seed| {
        let url = database.url().to_owned();
        tokio::spawn(write(url, staged.clone(), seed, stop.clone()))
    });
    let writing: Vec<_> = writing.collect();

    grows(&store, event, 40).await;
    // The leader, killed with all its connections; then the seat of the next one.
    nodes[0].kill();
    leads = carrier(&client, leads).await;
    grows(&store, event, 40).await;
    nodes[0].revive().await;
    disconnect(&client, leads).await;
    carrier(&client, leads).await;
    grows(&store, event, 40).await;
    nats.kill();
    grows(&store, event, 40).await;
    everybody_follows(&store, event, &audience).await;
    nats.restart();
    grows(&store, event, 40).await;
    everybody_follows(&store, event, &audience).await;
    disconnect(&client, None).await;
    for node in &mut nodes[1..] {
        grows(&store, event, 40).await;
        node.kill();
        grows(&store, event, 40).await;
        node.revive().await;
    }
    carrier(&client, None).await;
    grows(&store, event, 40).await;

    stop.cancel();
    for writer in writing {
        writer.await.expect("a writer");
    }
    // Every picture that anybody ever saw is the log's at its revision, the last one the database's own.
    let diaries = finish(&store, event, audience).await;
    assert!(
        diaries.iter().all(|(_, diary)| diary.connected > 1),
        "nothing was killed"
    );
    let report = seatcast::store::audit::audit(&store)
        .await
        .expect("an audit");
    assert!(report.is_clean(), "{report}");
}
