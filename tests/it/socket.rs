//! The WebSocket endpoint: handshake, joins, limits, and bad input.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, one, user};
use crate::support::websocket::{Socket, SocketEnd, WireVersion};

async fn stage(server: &TestServer) -> Staged {
    let show = Show::new()
        .capacity(100)
        .ticket_type("Standing", 1_000, 80)
        .ticket_type("Seat", 2_000, 8)
        .row(8);
    show.stage(&server.client().await).await
}

/// Clients that are no browsers send headers.
#[tokio::test]
async fn a_handshake_says_by_headers_who_calls() {
    let server = TestServer::start().await;
    let buyer = user(&server.client().await, "customer").await;
    let topic = format!("user:{buyer}");
    for headers in [
        format!("x-user-id: {buyer}\r\n"),
        format!("authorization: bearer dev:{buyer}\r\n"),
    ] {
        let stream = handshake(server.address(), "?vsn=2.0.0&apikey=any", &headers).await;
        let mut own = Socket::over(stream, WireVersion::V2).await;
        own.join(&topic, json!({})).await;
    }
}

/// Half of the viewers of an event that was deleted stayed in its list, by the numbers of their connections. What came next on
/// these, to whomever they belonged then, was the frames of that event, and was taken for theirs.
#[tokio::test]
async fn viewers_whose_event_has_ended_are_shown_nothing_of_it_any_more() {
    let server = TestServer::builder()
        .with(|config| config.socket.shards = 1)
        .start()
        .await;
    let client = server.client().await;
    let (ended, other) = (stage(&server).await, stage(&server).await);
    for _ in 0..5 {
        ended.sell(&client, 1).await;
    }
    let topic = format!("event:{}", ended.event);
    let mut viewers = Vec::new();
    for _ in 0..5 {
        let mut viewer = server.ws(WireVersion::V2).await;
        viewer.join(&topic, json!({})).await;
        viewers.push(viewer);
    }
    let deleted = |at: &str| {
        format!(
            "update events set deleted_at = {at} where id = {}",
            ended.event
        )
    };
    client.batch_execute(&deleted("now()")).await.unwrap();
    for viewer in &mut viewers {
        viewer.next_on(&topic, "phx_close").await;
    }
    client.batch_execute(&deleted("null")).await.unwrap();
    let mut back = server.ws(WireVersion::V2).await;
    let joined = async { while back.ask(&topic, "phx_join", json!({})).await["status"] != "ok" {} };
    tokio::time::timeout(DEADLINE, joined).await.unwrap();
    let others = format!("event:{}", other.event);
    for viewer in &mut viewers {
        viewer.join(&others, json!({})).await;
    }
    ended.sell(&client, 1).await;
    back.next_on(&topic, "update").await;
    other.sell(&client, 1).await;
    for viewer in &mut viewers {
        loop {
            let frame = viewer.next_frame(DEADLINE).await.expect("an update");
            assert_ne!(frame.topic, topic, "{frame:?}");
            if frame.topic == others && frame.event == "update" {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_row_changed_by_hand_reaches_viewers_of_both_versions() {
    let server = TestServer::start().await;
    let staged = stage(&server).await;
    let topic = format!("event:{}", staged.event);
    let mut viewers = [
        server.ws(WireVersion::V1).await,
        server.ws(WireVersion::V2).await,
    ];
    let mut revisions = Vec::new();
    for viewer in &mut viewers {
        let joined = viewer.join(&topic, json!({})).await;
        assert_eq!(joined["resumed"], false);
        assert_eq!(joined["state"]["ticket_types"][0]["available"], 80);
        revisions.push(joined["revision"].as_u64().expect("a revision"));
    }
    staged.sell(&server.client().await, 3).await;
    for (viewer, revision) in viewers.iter_mut().zip(revisions) {
        let update = viewer.next_on(&topic, "update").await;
        assert!(
            update["from"].as_u64() <= Some(revision) && update["to"].as_u64() > Some(revision)
        );
        let row = &update["ticket_types"][0];
        assert_eq!((&row["available"], &row["sold"]), (&json!(77), &json!(3)));
    }
    server.audit().await;
}

#[tokio::test]
async fn a_seat_changes_on_the_map_and_a_resume_brings_only_what_changed() {
    let server = TestServer::start().await;
    let staged = stage(&server).await;
    let topic = format!("seats:{}", staged.event);
    let mut viewer = server.ws(WireVersion::V2).await;
    let joined = viewer.join(&topic, json!({})).await;
    assert_eq!(joined["state"]["seats"], "AAA=");
    let since = joined["revision"].clone();
    drop(viewer);

    let client = server.client().await;
    let block = format!(
        "update seats set blocked = true where id = {}",
        staged.seats[5]
    );
    client.batch_execute(&block).await.expect("an update");
    let mut viewer = server.ws(WireVersion::V2).await;
    // The feed may hear of the change only after this join: then it comes as an update.
    let joined = viewer.join(&topic, json!({ "since": since })).await;
    assert_eq!(joined["resumed"], true);
    let seats = match &joined["state"]["seats"] {
        Value::Array(pairs) if !pairs.is_empty() => json!(pairs),
        _ => viewer.next_on(&topic, "update").await["seats"].clone(),
    };
    assert_eq!(seats, json!([[5, 3]]));
    let joined = viewer.join(&topic, json!({ "since": 1_000_000 })).await;
    assert_eq!(joined["resumed"], false, "a revision that never was");
}

/// The answer to a write outruns the window, in which its change waits: whoever joins with the revision
/// that it was answered is kept for a moment, and never shown less.
#[tokio::test]
async fn whoever_is_ahead_is_not_taken_back_in_time() {
    const WINDOW: Duration = Duration::from_secs(60);
    let server = TestServer::builder()
        .with(|config| config.feed.conflation_window_ms = WINDOW.as_millis() as u64)
        .start()
        .await;
    let staged = stage(&server).await;
    let client = server.client().await;
    let topics = ["event", "seats"].map(|kind| format!("{kind}:{}", staged.event));
    let mut first = server.ws(WireVersion::V2).await;
    first.join(&topics[0], json!({})).await;
    staged.sell(&client, 1).await;
    first.next_on(&topics[0], "update").await;
    let asked = Instant::now();
    staged.sell(&client, 2).await;
    let revision = "select revision from turns where event_id = $1";
    let revision: i64 = one(&client, revision, &[&staged.event]).await;
    for topic in &topics {
        let mut viewer = server.ws(WireVersion::V2).await;
        let joined = viewer.join(topic, json!({ "since": revision })).await;
        assert_eq!(
            (&joined["revision"], &joined["resumed"]),
            (&json!(revision), &json!(true))
        );
    }
    let update = first.next_on(&topics[0], "update").await;
    assert_eq!(
        update["to"],
        json!(revision),
        "all are shown what one was waited for with"
    );
    assert!(asked.elapsed() < WINDOW / 4);
    // A revision that the database does not have never was: another database, a restored backup.
    let asked = Instant::now();
    let joined = first
        .join(&topics[0], json!({ "since": revision + 1 }))
        .await;
    assert_eq!(
        (&joined["revision"], &joined["resumed"]),
        (&json!(revision), &json!(false))
    );
    assert!(asked.elapsed() < WINDOW / 4);
    // Some clients send all parameters as text.
    let since = revision.to_string();
    let joined = first.join(&topics[0], json!({ "since": since })).await;
    assert_eq!(joined["resumed"], json!(true));
}

#[tokio::test]
async fn beats_name_the_revisions_of_what_is_joined() {
    let server = TestServer::builder()
        .with(|config| config.socket.beat_interval_ms = 100)
        .start()
        .await;
    let staged = stage(&server).await;
    let mut viewer = server.ws(WireVersion::V2).await;
    let (event, seats) = (
        format!("event:{}", staged.event),
        format!("seats:{}", staged.event),
    );
    let joined = viewer.join(&event, json!({})).await;
    let beat = viewer.next_on("phoenix", "beat").await;
    assert_eq!(
        beat["revisions"],
        json!({ event.as_str(): joined["revision"] })
    );
    assert!(
        beat["checked_at"]
            .as_str()
            .is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok())
    );
    viewer.join(&seats, json!({})).await;
    loop {
        let beat = viewer.next_on("phoenix", "beat").await;
        if beat["revisions"]
            .as_object()
            .is_some_and(|revisions| revisions.len() == 2)
        {
            break;
        }
    }
}

#[tokio::test]
async fn an_event_that_is_not_there_is_refused_and_a_deleted_one_closes_its_topics() {
    let server = TestServer::start().await;
    let staged = stage(&server).await;
    let mut viewer = server.ws(WireVersion::V2).await;
    let reply = viewer.ask("event:999999", "phx_join", json!({})).await;
    assert_eq!(reply["response"]["code"], "EVENT_NOT_FOUND");
    let topic = format!("event:{}", staged.event);
    viewer.join(&topic, json!({})).await;
    let client = server.client().await;
    let delete = format!(
        "update events set deleted_at = now() where id = {}",
        staged.event
    );
    client
        .batch_execute(&delete)
        .await
        .expect("a soft deletion");
    viewer.next_on(&topic, "phx_close").await;
    let reply = viewer.ask(&topic, "phx_join", json!({})).await;
    assert_eq!(reply["response"]["code"], "EVENT_NOT_FOUND");
}

/// Every bad frame gets an answer or a clean close, and no other client notices.
#[tokio::test]
async fn bad_frames_are_answered_and_harm_nobody() {
    let server = TestServer::start().await;
    let staged = stage(&server).await;
    let topic = format!("event:{}", staged.event);
    let mut bystander = server.ws(WireVersion::V2).await;
    bystander.join(&topic, json!({})).await;
    let deep = format!(
        "[null,\"x\",\"{topic}\",\"phx_join\",{}1{}]",
        "[".repeat(500),
        "]".repeat(500)
    );
    let long = format!("[null,\"x\",\"{}\",\"phx_join\",{{}}]", "x".repeat(10_000));
    let bad = [
        "",
        "}{",
        "null",
        "42",
        "\"text\"",
        "[]",
        "[null]",
        "[null,null,null,null,null]",
        "[1,2,3,4,5]",
        r#"{"topic":"phoenix"}"#,
        r#"[null,"x","phoenix","heartbeat"]"#,
        r#"[null,"x","phoenix","heartbeat",null]"#,
        r#"["x","x","event:-1","phx_join",{}]"#,
        r#"["x","x","event:1e3","phx_join",{}]"#,
        r#"["x","x","event:99999999999999999999","phx_join",{}]"#,
        r#"["x","x","nothing","phx_join",{}]"#,
        r#"["x","x","event:1","phx_join",{"since":-1}]"#,
        r#"["x","x","event:1","phx_join",[]]"#,
        r#"["x","x","event:1","\u0000",{}]"#,
        "[null,\"x\",\"a\\ud800\",\"phx_join\",{}]",
        &deep,
        &long,
    ];
    for vsn in [WireVersion::V1, WireVersion::V2] {
        for text in bad {
            let mut socket = server.ws(vsn).await;
            socket.send_text(text).await;
            // Still there: a heartbeat is answered.
            let alive = socket.ask("phoenix", "heartbeat", json!({})).await;
            assert_eq!(alive["status"], "ok", "after {text:.80}");
        }
    }
    let alive = bystander.ask("phoenix", "heartbeat", json!({})).await;
    assert_eq!(alive["status"], "ok");
    staged.sell(&server.client().await, 1).await;
    bystander.next_on(&topic, "update").await;
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_its_code() {
    let server = TestServer::start().await;
    let mut socket = server.ws(WireVersion::V2).await;
    socket.send_text(&"x".repeat(70_000)).await;
    assert_eq!(socket.closed().await, Some(1009));
    // Nothing joined in time.
    let hasty = TestServer::builder().with(|config| config.socket.first_join_timeout_ms = 300);
    let hasty = hasty.start().await;
    assert_eq!(hasty.ws(WireVersion::V2).await.closed().await, Some(1008));
    for (frame, code) in [
        // Not masked; a reserved bit; an unknown opcode; text that is not UTF-8; a ping in parts.
        (&b"\x81\x02hi"[..], 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (b"\x09\x80\0\0\0\0", 1002),
        // Longer than any message may be, by its header alone.
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1009),
    ] {
        assert_eq!(
            close_code_of(server.address(), frame).await,
            Some(code),
            "{frame:?}"
        );
    }
}

/// Sends raw bytes after the handshake, and reads until the close frame.
async fn close_code_of(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let mut stream = handshake(address, "?vsn=2.0.0", "").await;
    stream.write_all(bytes).await.expect("a write");
    let mut got = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut got)).await;
    read.expect("an end in time").ok()?;
    let at = got.windows(1).position(|byte| byte[0] == 0x88)?;
    Some(u16::from_be_bytes([got[at + 2], got[at + 3]]))
}

/// A WebSocket handshake by hand; the stream stands behind the response's head.
async fn handshake(address: SocketAddr, query: &str, more: &str) -> TcpStream {
    let (status, stream, head) = request(address, query, &format!("{UPGRADE}{more}")).await;
    assert_eq!(status, 101, "{head}");
    stream
}

const UPGRADE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

async fn request(address: SocketAddr, query: &str, headers: &str) -> (u16, TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request =
        format!("GET /realtime/v1/websocket{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("a write");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a response"));
    }
    let head = String::from_utf8(head).expect("text");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), stream, head)
}

#[tokio::test]
async fn a_handshake_is_checked() {
    let server = TestServer::start().await;
    let address = server.address();
    let (status, _, head) = request(address, "?vsn=2.0.0", UPGRADE).await;
    assert_eq!(status, 101);
    assert!(
        head.to_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
    assert_eq!(request(address, "?vsn=9", UPGRADE).await.0, 403);
    assert_eq!(request(address, "", "").await.0, 426);
    let old = UPGRADE.replace("13", "8");
    let (status, _, head) = request(address, "", &old).await;
    assert!(
        status == 426 && head.to_lowercase().contains("sec-websocket-version: 13"),
        "{head}"
    );
    assert_eq!(
        request(address, "", &UPGRADE.replace("dGhl", "x")).await.0,
        400
    );
    assert_eq!(
        request(
            address,
            "",
            &format!("{UPGRADE}Authorization: Bearer no\r\n")
        )
        .await
        .0,
        401
    );
    // Clients add their parameters to those of the address; as in Phoenix, the last ones count.
    let doubled = "?vsn=9&apikey=any&token=no&apikey=other&vsn=2.0.0&token=";
    assert_eq!(request(address, doubled, UPGRADE).await.0, 101);
    // As npm `phoenix` offers its token: the protocol has to be picked.
    let offer = format!("{UPGRADE}Sec-WebSocket-Protocol: phoenix\r\n");
    let (status, _, head) = request(address, "?vsn=2.0.0", &offer).await;
    assert!(
        status == 101
            && head
                .to_lowercase()
                .contains("sec-websocket-protocol: phoenix"),
        "{head}"
    );
}

#[tokio::test]
async fn a_client_that_falls_silent_is_told_to_come_back() {
    let server = TestServer::builder()
        .with(|config| config.socket.idle_timeout_ms = 3_000)
        .start()
        .await;
    let staged = stage(&server).await;
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer
        .join(&format!("event:{}", staged.event), json!({}))
        .await;
    assert_eq!(viewer.closed().await, Some(1001));
}

#[tokio::test]
async fn connections_past_the_limit_are_told_so() {
    let server = TestServer::builder()
        .with(|config| config.socket.connections_per_address_max = 2)
        .start()
        .await;
    let mut first = server.ws(WireVersion::V2).await;
    assert_eq!(
        first.ask("phoenix", "heartbeat", json!({})).await["status"],
        "ok"
    );
    // A connection is counted when a shard gets it, which is after the client has read its 101.
    let mut second = server.ws(WireVersion::V2).await;
    second.ask("phoenix", "heartbeat", json!({})).await;
    assert_eq!(server.ws(WireVersion::V2).await.closed().await, Some(4002));
    drop(second);
    // The place is free again as soon as the server has seen the end.
    loop {
        let mut again = server.ws(WireVersion::V2).await;
        again.send("phoenix", "heartbeat", json!({})).await;
        match again.next_frame(DEADLINE).await {
            Ok(frame) if frame.event == "phx_reply" => break,
            // Its heartbeat may cross the close and be answered by a reset.
            Ok(_) | Err(SocketEnd::Closed(Some(4002) | None)) => {}
            Err(end) => panic!("{end:?}"),
        }
    }
}

/// A viewer that reads nothing while much happens is brought to now by few frames, and the server
/// has kept none of what came between.
#[tokio::test]
async fn a_stalled_viewer_converges_without_a_queue() {
    let server = TestServer::builder()
        .with(|config| config.feed.conflation_window_ms = 1)
        .start()
        .await;
    let show = Show::new()
        .capacity(5_000)
        .ticket_type("Seat", 2_000, 5_000);
    let show = (0..10).fold(show, |show, _| show.row(500));
    let staged = show.stage(&server.client().await).await;
    let topic = format!("seats:{}", staged.event);
    let stalled = handshake(server.address(), "?vsn=2.0.0", "").await;
    // The kernel's own buffers are not what this is about.
    rustix::net::sockopt::set_socket_recv_buffer_size(&stalled, 16 * 1024)
        .expect("a socket option");
    let mut stalled = Socket::over(stalled, WireVersion::V2).await;
    let mut lively = server.ws(WireVersion::V2).await;
    stalled.join(&topic, json!({})).await;
    let mut have = lively.join(&topic, json!({})).await["revision"]
        .as_u64()
        .expect("a revision");

    let client = server.client().await;
    let flip = format!(
        "update seats set blocked = not blocked where event_id = {}",
        staged.event
    );
    let mut received = 0;
    for _ in 0..30 {
        client
            .batch_execute(&flip)
            .await
            .expect("an update of 5,000 seats");
        let update = lively.next_on(&topic, "update").await;
        have = update["to"].as_u64().expect("a revision");
        received += 1;
        // Clients that say nothing for a minute are closed, and so long may this take on a busy machine.
        for socket in [&mut stalled, &mut lively] {
            socket.send("phoenix", "heartbeat", json!({})).await;
        }
    }
    let mut frames = 0;
    let mut reached = 0;
    while reached < have {
        let update = stalled.next_on(&topic, "update").await;
        reached = update["to"].as_u64().expect("a revision");
        frames += 1;
    }
    assert!(
        frames < received,
        "{frames} of {received} frames of a viewer that did not read"
    );
}

/// Control frames count as well: a client that pings without end is closed, and costs its
/// neighbours nothing.
#[tokio::test]
async fn a_flood_of_pings_is_closed() {
    let server = TestServer::start().await;
    let mut flood = handshake(server.address(), "?vsn=2.0.0", "").await;
    let pings = b"\x89\x80\0\0\0\0".repeat(10_000);
    // The server may close before all is written.
    let _ = flood.write_all(&pings).await;
    let mut got = Vec::new();
    let read = tokio::time::timeout(DEADLINE, flood.read_to_end(&mut got)).await;
    let _ = read.expect("an end in time");
    let pongs = got.chunks(2).filter(|frame| frame == b"\x8a\0").count();
    assert!((1..1_000).contains(&pongs), "{pongs} pongs");
}

/// After a reconnect a client rejoins all it had in one burst: however large the states, it is not
/// closed for reading at the speed of its network.
#[tokio::test]
async fn a_burst_of_large_joins_is_answered_whole() {
    let server = TestServer::builder()
        .with(|config| config.socket.outbox_bytes_max = 20_000)
        .start()
        .await;
    let client = server.client().await;
    let mut topics = Vec::new();
    for _ in 0..8 {
        let show = Show::new()
            .capacity(20_000)
            .ticket_type("Seat", 2_000, 20_000);
        let staged = (0..10)
            .fold(show, |show, _| show.row(2_000))
            .stage(&client)
            .await;
        topics.push(format!("seats:{}", staged.event));
    }
    let stream = handshake(server.address(), "?vsn=2.0.0", "").await;
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4 * 1024).expect("a socket option");
    let mut viewer = Socket::over(stream, WireVersion::V2).await;
    let (mut latest, mut all) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        latest.clear();
        for topic in &topics {
            latest.push(viewer.send(topic, "phx_join", json!({})).await);
        }
        all.extend_from_slice(&latest);
    }
    // Every one is answered: those that were overtaken may be told so.
    while !all.is_empty() {
        let frame = viewer.next_frame(DEADLINE).await.expect("a reply");
        if frame.event == "phx_reply" {
            let is_answer = |reference: &_| frame.reference == json!(reference);
            let overtaken = frame.payload["response"]["code"] == "JOIN_ENDED";
            assert!(frame.payload["status"] == "ok" || overtaken && !latest.iter().any(is_answer));
            all.retain(|reference| !is_answer(reference));
        }
    }
}

#[tokio::test]
async fn an_event_that_becomes_a_draft_is_hidden_from_who_watched_it() {
    let server = TestServer::start().await;
    let staged = stage(&server).await;
    let topic = format!("event:{}", staged.event);
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer.join(&topic, json!({})).await;
    let sql = format!(
        "update events set status = 'draft', title = 'Secret' where id = {}",
        staged.event
    );
    server
        .client()
        .await
        .batch_execute(&sql)
        .await
        .expect("an update");
    loop {
        let frame = viewer.next_frame(DEADLINE).await.expect("a frame");
        assert!(!frame.payload.to_string().contains("Secret"), "{frame:?}");
        if frame.event == "phx_close" {
            break;
        }
    }
}
