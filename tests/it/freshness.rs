//! A node that loses its database tells clients at once over REST, WebSocket and streams, and again when it is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sse::Stream;
use crate::support::cut::Link;
use crate::support::database::{TestDatabase, connect};
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged};
use crate::support::websocket::{Socket, WireVersion};

/// The longest time from the loss of the database until viewers are told.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

struct CutOffNode {
    link: Link,
    server: TestServer,
    show: Staged,
}

async fn world() -> CutOffNode {
    let database = Arc::new(TestDatabase::new().await);
    let show = Show::new().ticket_type("Stalls", 4_500, 100);
    let show = show.stage(&database.client().await).await;
    let (link, url) = Link::to_postgres(database.url());
    let server = TestServer::builder()
        .on(database)
        .through(url)
        .with(|config| {
            config.desk.batch_timeout_ms = 1_000;
            config.database.reconnect_pause_ms_max = 200;
        })
        .start()
        .await;
    CutOffNode { link, server, show }
}

/// The next beat that says this of the database.
async fn beat(socket: &mut Socket, database: &Value) -> Value {
    loop {
        let frame = socket.next_frame(DEADLINE).await.expect("a beat");
        if frame.event == "beat" && frame.payload["database"] == *database {
            return frame.payload;
        }
    }
}

/// Waits until a health route answers with this status.
async fn turns(world: &CutOffNode, path: &str, status: u16) -> Value {
    let caller = world.server.anonymous();
    let wait = async {
        loop {
            let answer = caller.get(path).await;
            if answer.status == status {
                return answer.body;
            }
        }
    };
    let turned = tokio::time::timeout(DEADLINE, wait).await;
    turned.unwrap_or_else(|_| panic!("{path} does not turn {status}"))
}

async fn lost_and_found(lose: fn(&Link)) {
    let world = world().await;
    let topic = format!("event:{}", world.show.event);
    let mut socket = world.server.ws(WireVersion::V2).await;
    socket.join(&topic, json!({})).await;
    beat(&mut socket, &Value::Null).await;

    lose(&world.link);
    let lost_at = Instant::now();
    let told = beat(&mut socket, &json!("down")).await;
    let took = lost_at.elapsed();
    assert!(took < TOLD_WITHIN, "told after {took:?}");
    assert!(told["revisions"][&topic].is_u64(), "{told}");
    let ready = turns(&world, "/readyz", 503).await;
    assert_eq!(ready["data"]["code"], "UNAVAILABLE");
    assert_eq!(ready["data"]["why"], "database");
    let about = turns(&world, "/api", 503).await;
    assert_eq!(about["data"]["database"], json!(false));
    let alive = world.server.anonymous().get("/healthz").await;
    assert_eq!(alive.status, 200, "restarting it would not help");

    world.link.restore();
    let back = beat(&mut socket, &Value::Null).await;
    let at =
        |beat: &Value| -> jiff::Timestamp { beat["checked_at"].as_str().unwrap().parse().unwrap() };
    assert!(at(&back) > at(&told), "{back} after {told}");
    turns(&world, "/readyz", 200).await;
    turns(&world, "/api", 200).await;
    world.show.sell(&world.server.client().await, 1).await;
    socket.next_on(&topic, "update").await;
}

#[tokio::test]
async fn a_database_that_is_cut_off_is_missed_at_once() {
    lost_and_found(Link::cut).await;
}

#[tokio::test]
async fn a_database_that_says_nothing_any_more_is_missed_within_5_s() {
    lost_and_found(Link::stall).await;
}

/// Requests do not wait for a database that is away, and leave nothing half done.
#[tokio::test]
async fn bookings_are_answered_without_a_database() {
    for lose in [Link::cut as fn(&Link), Link::stall] {
        let world = world().await;
        let buyer = world.server.anonymous();
        let booking = json!({"event_id": world.show.event, "quantity": 1});
        buyer.post("/api/v1/bookings", &booking).await.data(201);
        lose(&world.link);
        let asked_at = Instant::now();
        let refused = buyer.post("/api/v1/bookings", &booking).await;
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert!(refused.header("retry-after").is_some(), "{}", refused.text);
        let took = asked_at.elapsed();
        assert!(took < Duration::from_secs(5), "answered after {took:?}");
        world.link.restore();
        let again = async { while buyer.post("/api/v1/bookings", &booking).await.status != 201 {} };
        let sold = tokio::time::timeout(DEADLINE, again).await;
        sold.expect("bookings go on when the database is back");
        world.server.audit().await;
    }
}

/// A viewer that comes from a node that reaches the database is never given an older state by one that does not: it is
/// told to come later, by WebSocket and by stream.
#[tokio::test]
async fn core_22_faults_4_a_node_that_is_cut_off_answers_later_to_whoever_has_more() {
    let database = Arc::new(TestDatabase::new().await);
    let client = database.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 100);
    let show = show.stage(&client).await;
    let (link, url) = Link::to_postgres(database.url());
    let cut_off = TestServer::builder().on(database.clone()).through(url);
    let cut_off = cut_off.start().await;
    let other = TestServer::builder().on(database).start().await;
    let topic = format!("event:{}", show.event);
    let mut watcher = cut_off.ws(WireVersion::V2).await;
    watcher.join(&topic, json!({})).await;
    let mut viewer = other.ws(WireVersion::V2).await;
    viewer.join(&topic, json!({})).await;

    link.cut();
    beat(&mut watcher, &json!("down")).await;
    show.sell(&client, 1).await;
    let have = viewer.next_on(&topic, "update").await["to"].clone();
    let since = json!({ "since": have });
    let refused = watcher.ask(&topic, "phx_join", since.clone()).await;
    assert_eq!(refused["status"], "error", "{refused}");
    assert_eq!(refused["response"]["code"], "UNAVAILABLE");
    assert_eq!(refused["response"]["retry"], "later");
    let path = format!("/api/v1/events/{}/stream?since={have}", show.event);
    let refused = cut_off.anonymous().get(&path).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.header("retry-after").is_some());
    // A client that is not ahead of the node is served, and told that the state may be old.
    let old = cut_off
        .ws(WireVersion::V2)
        .await
        .join(&topic, json!({}))
        .await;
    assert!(old["revision"].as_u64() < have.as_u64());

    link.restore();
    let served = async {
        loop {
            let reply = watcher.ask(&topic, "phx_join", since.clone()).await;
            if reply["status"] == "ok" {
                return reply;
            }
        }
    };
    let served = tokio::time::timeout(DEADLINE, served).await;
    let served = served.expect("it is served when the node reaches the database again");
    assert_eq!(served["response"]["revision"], have);
    let mut stream = Stream::open(&cut_off, &path, &[]).await;
    let beat = stream.next_of("beat").await;
    assert_eq!(beat.data["revisions"][&topic], have);
}

/// A backup was restored, or a lagging replica took over: revisions that were shown do not exist any more.
#[tokio::test]
async fn core_23_viewers_of_a_database_that_went_back_start_anew() {
    let world = world().await;
    let (server, show) = (&world.server, &world.show);
    let client = server.client().await;
    let (topic, seats) = (
        format!("event:{}", show.event),
        format!("seats:{}", show.event),
    );
    let mut socket = server.ws(WireVersion::V2).await;
    let first = socket.join(&topic, json!({})).await;
    socket.join(&seats, json!({})).await;
    let mut have = first["revision"].as_u64().unwrap();
    let restored = have;
    for _ in 0..3 {
        show.sell(&client, 1).await;
    }
    while have < restored + 3 {
        have = socket.next_on(&topic, "update").await["to"]
            .as_u64()
            .unwrap();
    }
    let go_back = format!(
        "set xmlbinary = hex;
         begin;
         delete from changes where event_id = {0} and revision > {restored};
         update turns set revision = {restored} where event_id = {0};
         commit;
         reset xmlbinary",
        show.event
    );
    client.batch_execute(&go_back).await.expect("a step back");
    socket.next_on(&topic, "phx_error").await;
    socket.next_on(&seats, "phx_error").await;
    // Before they come back, the database writes their revisions again, and further ones.
    for _ in 0..5 {
        show.sell(&client, 1).await;
    }
    for topic in [&topic, &seats] {
        for since in have - 1..=have + 2 {
            let anew = socket.join(topic, json!({"since": since})).await;
            assert_eq!(anew["resumed"], json!(false), "{since}: {anew}");
            assert_eq!(anew["revision"], json!(restored + 5));
        }
    }
    let path = format!("/api/v1/events/{}/stream?since={have}", show.event);
    let mut stream = Stream::open(server, &path, &[]).await;
    let whole = stream.next_of("snapshot").await;
    assert_eq!(whole.data["revision"], json!(restored + 5));
    show.sell(&client, 1).await;
    let update = socket.next_on(&topic, "update").await;
    assert_eq!(update["to"], json!(restored + 6));
}

/// A replica that lagged takes over, and is written past what it lacks before anybody looks: the same revision is another state.
#[tokio::test]
async fn core_23_viewers_of_a_database_that_was_written_again_start_anew() {
    let world = world().await;
    let (server, show) = (&world.server, &world.show);
    let client = server.client().await;
    let topic = format!("event:{}", show.event);
    let mut socket = server.ws(WireVersion::V2).await;
    let first = socket.join(&topic, json!({})).await;
    let restored = first["revision"].as_u64().unwrap();
    let mut have = restored;
    for _ in 0..3 {
        show.sell(&client, 1).await;
    }
    while have < restored + 3 {
        have = socket.next_on(&topic, "update").await["to"]
            .as_u64()
            .unwrap();
    }
    let go_back = format!(
        "begin;
         set local xmlbinary = hex;
         delete from changes where event_id = {0} and revision > {restored};
         update turns set revision = {restored} where event_id = {0};
         set local xmlbinary = base64",
        show.event
    );
    client.batch_execute(&go_back).await.expect("a step back");
    for _ in 0..3 {
        show.sell(&client, 1).await;
    }
    client.batch_execute("commit").await.expect("other changes");
    socket.next_on(&topic, "phx_error").await;
    let anew = socket.join(&topic, json!({"since": have})).await;
    assert_eq!(anew["resumed"], json!(false), "{anew}");
    assert_eq!(anew["revision"], json!(have));
    let path = format!("/api/v1/events/{}/stream?since={have}", show.event);
    let mut stream = Stream::open(server, &path, &[]).await;
    let whole = stream.next_of("snapshot").await;
    assert_eq!(whole.data["revision"], json!(have));
}

/// A dump was restored and the server started anew, so no node remembers what was lost; then as much was sold as had been.
#[tokio::test]
async fn core_23_nobody_resumes_from_what_another_database_had() {
    let database = Arc::new(TestDatabase::new().await);
    let start = async || TestServer::builder().on(database.clone()).start().await;
    let server = start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 4_500, 100);
    let show = show.stage(&client).await;
    show.sell(&client, 1).await;
    let topics = [
        format!("event:{}", show.event),
        format!("seats:{}", show.event),
    ];
    let mut socket = server.ws(WireVersion::V2).await;
    let first = socket.join(&topics[0], json!({})).await;
    let have = first["revision"].as_u64().unwrap();
    let noted = async {
        let sql = "select exists (select from history where place = history_place())";
        while !client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0) {}
    };
    tokio::time::timeout(DEADLINE, noted).await.expect("noted");
    drop((socket, server));

    let server = start().await;
    let resumed = server.ws(WireVersion::V2).await;
    let resumed = { resumed }.join(&topics[0], json!({"since": have})).await;
    assert_eq!(resumed["resumed"], json!(true), "it is the same database");
    drop(server);

    let other = TestDatabase::new().await;
    let place = "select history_place()";
    let places = [&client, &connect(other.url()).await];
    let [here, there] = places.map(async |client| client.query_one(place, &[]).await.unwrap());
    let [here, there] = [here.await, there.await].map(|row| row.get::<_, String>(0));
    assert_ne!(here, there);
    let moved = "update history set place = $1";
    client.execute(moved, &[&there]).await.unwrap();
    let server = start().await;
    show.sell(&client, 1).await;
    let mut socket = server.ws(WireVersion::V2).await;
    for topic in &topics {
        for since in have - 1..=have + 2 {
            let anew = socket.join(topic, json!({"since": since})).await;
            assert_eq!(anew["resumed"], json!(false), "{since}: {anew}");
            assert_eq!(anew["revision"], json!(have + 1));
        }
    }
    let path = format!("/api/v1/events/{}/stream?since={have}", show.event);
    let mut stream = Stream::open(&server, &path, &[]).await;
    let whole = stream.next_of("snapshot").await;
    assert_eq!(whole.data["revision"], json!(have + 1));
}

/// Watched events were once answered 503 although they were in memory.
#[tokio::test]
async fn faults_11_a_node_without_its_database_answers_from_memory_and_says_since_when() {
    let world = world().await;
    let topic = format!("event:{}", world.show.event);
    let mut socket = world.server.ws(WireVersion::V2).await;
    socket.join(&topic, json!({})).await;
    let caller = world.server.anonymous();
    let paths = [
        format!("/api/v1/availability/{}", world.show.event),
        format!("/api/v1/availability?event_ids={}", world.show.event),
        format!("/api/v1/events/{}/seats", world.show.event),
    ];
    for path in &paths {
        let fresh = caller.get(path).await;
        fresh.data(200);
        assert_eq!(fresh.header("x-stale-since"), None, "{path}");
    }
    world.link.stall();
    beat(&mut socket, &json!("down")).await;
    for path in &paths {
        let asked_at = Instant::now();
        let stale = caller.get(path).await;
        stale.data(200);
        let since = stale.header("x-stale-since").expect("since when");
        since.parse::<jiff::Timestamp>().expect("a time");
        assert_eq!(stale.header("cache-control"), Some("private, no-store"));
        assert!(asked_at.elapsed() < Duration::from_secs(2), "{path}");
    }
    world.link.restore();
    beat(&mut socket, &Value::Null).await;
    assert_eq!(caller.get(&paths[0]).await.header("x-stale-since"), None);
}

/// A booking with `X-User-Id` once took 15 s to be refused.
#[tokio::test]
async fn faults_11_users_of_development_mode_do_not_wait_for_a_database_that_says_nothing() {
    let world = world().await;
    let client = world.server.client().await;
    let known = crate::support::show::user(&client, "customer").await;
    let unknown = crate::support::show::user(&client, "customer").await;
    let booking = json!({"event_id": world.show.event, "quantity": 1});
    let path = format!("/api/v1/availability/{}", world.show.event);
    let topic = format!("event:{}", world.show.event);
    let mut socket = world.server.ws(WireVersion::V2).await;
    socket.join(&topic, json!({})).await;
    world.server.user(known).get(&path).await.data(200);
    world.link.stall();
    beat(&mut socket, &json!("down")).await;
    // The last known role counts.
    world.server.user(known).get(&path).await.data(200);
    for user in [known, unknown] {
        let asked_at = Instant::now();
        let refused = world
            .server
            .user(user)
            .post("/api/v1/bookings", &booking)
            .await;
        assert_eq!(refused.code(503), "UNAVAILABLE");
        let took = asked_at.elapsed();
        assert!(took < Duration::from_secs(4), "answered after {took:?}");
    }
    world.link.restore();
}
