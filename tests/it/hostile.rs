//! Slow, silent and hostile clients: each is bounded and answered, and the others do not notice.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::binary::ServerProcess;
use crate::support::caller::Caller;
use crate::support::cut::Link;
use crate::support::database::TestDatabase;
use crate::support::http_client;
use crate::support::numbers::{page, reads};
use crate::support::server::DEADLINE;
use crate::support::show::{Show, Staged};
use crate::support::websocket::{Socket, SocketEnd, WireVersion};

/// The real binary, with a show. Metrics are global in a process, and these tests read the refusals from them.
struct House {
    process: ServerProcess,
    database: TestDatabase,
    staged: Staged,
    caller: Caller,
}

impl House {
    async fn open(flags: &[(&str, u64)]) -> House {
        let database = TestDatabase::new().await;
        let show = Show::new().ticket_type("Standing", 1_000, 500);
        let staged = show.stage(&database.client().await).await;
        let flags = flags
            .iter()
            .map(|(name, value)| format!("--{name}={value}"));
        let mut args = vec!["--socket-shards=2".to_owned()];
        args.push(format!("--database-url={}", database.url()));
        args.extend(flags);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let process = ServerProcess::start(&args);
        let caller = Caller::new(http_client(), process.url.clone());
        House {
            process,
            database,
            staged,
            caller,
        }
    }

    fn address(&self) -> SocketAddr {
        self.process.address()
    }

    async fn ws(&self, vsn: WireVersion) -> Socket {
        Socket::connect(self.address(), vsn).await
    }

    /// How many joins and pushes were refused with this code.
    async fn refused(&self, code: &str) -> u64 {
        self.counted(&format!(
            r#"seatcast_socket_refusals_total{{code="{code}"}}"#
        ))
        .await
    }

    async fn counted(&self, name: &str) -> u64 {
        let page = page(&self.caller).await;
        // Counts are small whole numbers.
        page.get(name).map_or(0, |count| *count as u64)
    }

    /// Waits until this counter reaches the number.
    async fn counts(&self, name: &str, count: u32) {
        reads(&self.caller, name, f64::from(count)).await;
    }
}

/// The sample of closes with this code.
fn closes(code: &str) -> String {
    format!(r#"seatcast_closes_total{{code="{code}"}}"#)
}

const SILENT: &str = "seatcast_silent_closes_total";

/// Shorter than any idle limit here.
const HEARTBEAT: Duration = Duration::from_millis(300);

/// A well-behaved viewer, before and while others misbehave.
struct Bystander {
    socket: Socket,
    topic: String,
}

impl Bystander {
    async fn join(house: &House) -> Bystander {
        let topic = format!("event:{}", house.staged.event);
        let mut socket = house.ws(WireVersion::V2).await;
        socket.join(&topic, json!({})).await;
        Bystander { socket, topic }
    }

    /// Checks that it is answered, and sees a sale.
    async fn is_served(&mut self, house: &House) {
        let alive = self.socket.ask("phoenix", "heartbeat", json!({})).await;
        assert_eq!(alive["status"], "ok");
        house.staged.sell(&house.database.client().await, 1).await;
        self.socket.next_on(&self.topic, "update").await;
    }

    /// Sends heartbeats until presence has this count.
    async fn sees(&mut self, total: u64) {
        let deadline = Instant::now() + DEADLINE;
        let mut spoke = Instant::now();
        loop {
            assert!(Instant::now() < deadline, "presence never says {total}");
            if spoke.elapsed() > HEARTBEAT {
                self.socket.send("phoenix", "heartbeat", json!({})).await;
                spoke = Instant::now();
            }
            match self.socket.next_frame(HEARTBEAT).await {
                Ok(frame) if frame.event == "presence" && frame.payload["total"] == total => return,
                Ok(_) | Err(SocketEnd::Silence) => {}
                Err(end) => panic!("{end:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_peer_that_vanished_is_let_go_and_no_longer_counted() {
    let house = House::open(&[
        ("socket-idle-timeout-ms", 5_000),
        ("presence-counts-interval-ms", 50),
    ])
    .await;
    let mut bystander = Bystander::join(&house).await;
    let (link, address) = Link::to_server(house.address()).await;
    let mut vanished = Socket::connect(address, WireVersion::V2).await;
    let step = json!({"presence": {"step": "payment"}});
    vanished.join(&bystander.topic, step).await;
    bystander.sees(1).await;
    // From here on the link silently drops everything.
    link.stall();
    bystander.sees(0).await;
    house.counts(SILENT, 1).await;
    house.counts(&closes("GOING_AWAY"), 1).await;
    bystander.is_served(&house).await;
}

#[tokio::test]
async fn slow_handshakes_are_cut_and_do_not_keep_others_out_for_long() {
    const PLACES: usize = 8;
    let places = ("http-connections-max", PLACES as u64);
    let house = House::open(&[("http-header-timeout-ms", 300), places]).await;
    let address = house.address();
    let mut bystander = Bystander::join(&house).await;
    let slow = (0..2 * PLACES).map(|_| async move {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let head = b"GET /realtime/v1/websocket HTTP/1.1\r\nHost: ";
        stream.write_all(head).await.expect("a write");
        // The stream ends because the server closes it.
        let mut rest = Vec::new();
        let cut = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
        cut.expect("cut in time").ok();
    });
    let newcomer = async {
        // Sent away while all places are taken, and told to come back.
        let let_in = async {
            loop {
                if let Ok(newcomer) = Socket::try_connect(address, WireVersion::V2).await {
                    return newcomer;
                }
            }
        };
        let let_in = tokio::time::timeout(DEADLINE, let_in).await;
        let mut newcomer = let_in.expect("there is a place soon");
        newcomer.join(&bystander.topic, json!({})).await;
    };
    tokio::join!(join_all(slow), newcomer);
    let late = house.counted("seatcast_late_heads_total").await;
    assert!(late >= 2 * PLACES as u64, "{late}");
    bystander.is_served(&house).await;
}

/// A client's text frame; the mask is zero, which leaves the payload as it is.
fn text_frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short text");
    assert!(length < 126);
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// A TCP stream after a WebSocket handshake.
async fn raw(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    let request = "GET /realtime/v1/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: localhost\r\n\
        Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("a write");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a response"));
    }
    stream
}

#[tokio::test]
async fn a_byte_at_a_time_is_understood_but_keeps_nobody_alive() {
    let house = House::open(&[("socket-idle-timeout-ms", 1_500)]).await;
    let join = text_frame(&format!(
        r#"["1","1","event:{}","phx_join",{{}}]"#,
        house.staged.event
    ));
    let mut stream = raw(house.address()).await;
    for byte in join {
        stream.write_all(&[byte]).await.expect("a write");
    }
    let mut slow = Socket::over(stream, WireVersion::V2).await;
    let reply = slow.next_frame(DEADLINE).await.expect("a reply");
    assert_eq!(reply.payload["status"], "ok");
    drop(slow);

    // A message that never ends does not count as activity.
    let mut stream = raw(house.address()).await;
    stream
        .write_all(b"\x81\xfe\xff\xff\0\0\0\0")
        .await
        .expect("a write");
    let (mut read, mut write) = stream.split();
    let drip = async {
        let mut drops = tokio::time::interval(Duration::from_millis(20));
        loop {
            drops.tick().await;
            if write.write_all(b" ").await.is_err() {
                return;
            }
        }
    };
    let end = async {
        let mut got = Vec::new();
        let _ = read.read_to_end(&mut got).await;
        got
    };
    let closed = tokio::time::timeout(DEADLINE, async {
        tokio::select! {
            got = end => got,
            () = drip => panic!("it was cut without a word"),
        }
    });
    let got = closed.await.expect("closed in time");
    assert_eq!(got.first(), Some(&0x88), "a close frame: {got:?}");
    house.counts(SILENT, 1).await;
}

/// Sends all at once; then reads the answers until none is missing or the connection ends.
async fn flood(socket: &mut Socket, messages: impl Iterator<Item = String>) -> FloodAnswers {
    let mut sent = 0;
    for message in messages {
        if !socket.try_send_text(&message).await {
            break;
        }
        sent += 1;
    }
    let mut answers = FloodAnswers::default();
    while answers.codes.len() < sent.max(1) {
        match socket.next_frame(DEADLINE).await {
            Ok(frame) if frame.event == "phx_reply" => {
                let response = &frame.payload["response"];
                answers
                    .codes
                    .push(response["code"].as_str().unwrap_or("ok").to_owned());
            }
            Ok(_) => {}
            Err(SocketEnd::Closed(code)) => {
                answers.closed = code;
                break;
            }
            Err(SocketEnd::Silence) => panic!("{} of {sent} are answered", answers.codes.len()),
        }
    }
    answers
}

#[derive(Debug, Default)]
struct FloodAnswers {
    codes: Vec<String>,
    closed: Option<u16>,
}

impl FloodAnswers {
    fn count(&self, code: &str) -> u64 {
        self.codes.iter().filter(|other| *other == code).count() as u64
    }
}

#[tokio::test]
async fn five_hundred_malformed_frames_are_answered_one_by_one() {
    let house = House::open(&[]).await;
    let mut bystander = Bystander::join(&house).await;
    let bad = ["}{", "[1,2,3]", "[null,null,7,null,{}]", "null", "\u{0}"];
    let (mut malformed_in_all, mut too_many_in_all) = (0, 0);
    for vsn in [WireVersion::V1, WireVersion::V2] {
        let mut hostile = house.ws(vsn).await;
        let answers = flood(
            &mut hostile,
            (0..500).map(|n| bad[n % bad.len()].to_owned()),
        )
        .await;
        let malformed = answers.count("MALFORMED_FRAME");
        let too_many = answers.count("PUSH_RATE");
        assert_eq!(malformed + too_many, 500, "{answers:?}");
        // A burst is accepted, and the connection stays open.
        assert!(malformed >= 400 && answers.closed.is_none(), "{answers:?}");
        malformed_in_all += malformed;
        too_many_in_all += too_many;
    }
    assert_eq!(house.refused("MALFORMED_FRAME").await, malformed_in_all);
    assert_eq!(house.refused("PUSH_RATE").await, too_many_in_all);
    bystander.is_served(&house).await;
}

#[tokio::test]
async fn a_flood_of_joins_is_slowed_down_and_ended_when_it_goes_on() {
    let house = House::open(&[("socket-joins-max", 10), ("socket-joins-per-s-max", 20)]).await;
    let mut bystander = Bystander::join(&house).await;
    let mut hostile = house.ws(WireVersion::V2).await;
    // Each joins another event; only one of them exists.
    let first = house.staged.event.0;
    let join = |n: usize| {
        let event = first + i64::try_from(n).expect("small");
        format!(r#"["{n}","{n}","event:{event}","phx_join",{{}}]"#)
    };
    let answers = flood(&mut hostile, (0..300).map(join)).await;
    assert_eq!(answers.codes.len(), 300, "{answers:?}");
    assert_eq!(answers.count("ok"), 1, "{answers:?}");
    assert!(answers.count("JOIN_RATE") >= 200, "{answers:?}");
    for code in ["JOIN_RATE", "EVENT_NOT_FOUND", "TOO_MANY_JOINS"] {
        assert_eq!(house.refused(code).await, answers.count(code), "{code}");
    }
    bystander.is_served(&house).await;

    // A client that never pauses is closed: it sends far more than it may, however busy the machine is.
    let house = House::open(&[("socket-pushes-per-s-max", 10)]).await;
    let mut bystander = Bystander::join(&house).await;
    let mut hostile = house.ws(WireVersion::V2).await;
    let answers = flood(&mut hostile, (0..5_000).map(join)).await;
    assert_eq!(answers.closed, Some(1008), "{:?}", answers.codes.last());
    house.counts(&closes("POLICY"), 1).await;
    assert!(house.refused("PUSH_RATE").await >= answers.count("PUSH_RATE"));
    bystander.is_served(&house).await;
}

/// The presence counts that a bystander has been sent.
#[derive(Default)]
struct SeenPresence {
    frames: u128,
}

impl SeenPresence {
    /// Reads until there are this many visitors, and checks that no more steps are told apart than the bound and `other`.
    async fn until(&mut self, total: u64, bystander: &mut Bystander) {
        let mut last = Value::Null;
        while last["total"] != total {
            last = bystander.socket.next_on(&bystander.topic, "presence").await;
            self.frames += 1;
            let steps = last["by_step"].as_object().expect("counts");
            assert!(steps.len() <= 33, "{last}");
        }
    }
}

#[tokio::test]
async fn a_flood_of_presence_reaches_the_others_as_few_counts() {
    const CLIENTS: u64 = 5;
    // More than a burst: some are refused.
    const MOVES: u64 = 600;
    let house = House::open(&[("presence-counts-interval-ms", 100)]).await;
    let mut bystander = Bystander::join(&house).await;
    let topic = bystander.topic.clone();
    let begun = Instant::now();
    let mut restless = Vec::new();
    for _ in 0..CLIENTS {
        let mut socket = house.ws(WireVersion::V2).await;
        let step = json!({"presence": {"step": "look"}});
        socket.join(&topic, step).await;
        restless.push(socket);
    }
    // All are counted before anybody moves or leaves: a visitor who comes and goes between two ticks is never counted.
    let mut seen = SeenPresence::default();
    seen.until(CLIENTS, &mut bystander).await;
    let mut refused = 0;
    for (client, socket) in restless.iter_mut().enumerate() {
        let moves = (0..MOVES)
            .map(|n| format!(r#"["1","{n}","{topic}","presence",{{"step":"step {client} {n}"}}]"#));
        let answers = flood(socket, moves).await;
        let too_many = answers.count("PUSH_RATE");
        assert_eq!(answers.count("ok") + too_many, MOVES, "{answers:?}");
        refused += too_many;
    }
    drop(restless);
    seen.until(0, &mut bystander).await;
    let frames = seen.frames;
    let intervals = begun.elapsed().as_millis() / 100 + 2;
    assert!(
        frames <= intervals,
        "{frames} frames in {intervals} intervals"
    );
    assert!(refused > 0);
    assert_eq!(house.refused("PUSH_RATE").await, refused);
    bystander.is_served(&house).await;
}

const VIEWERS: usize = 100;
const STALLED: usize = VIEWERS / 10;
const CHANGES: usize = 80;

/// The real binary, since memory is measured per process. A tenth of the viewers stops reading, while the others are
/// sent frames of 20 KB; the kernel keeps the first few for the stalled ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_that_stop_reading_cost_no_memory_and_wake_up_current() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .capacity(5_000)
        .ticket_type("Seat", 2_000, 5_000);
    let show = (0..10).fold(show, |show, _| show.row(500));
    let staged = show.stage(&client).await;
    let process = ServerProcess::start(&[
        // They send no heartbeats.
        "--socket-idle-timeout-ms=600000",
        "--database-url",
        database.url(),
    ]);
    let address = process.address();
    let topic = format!("seats:{}", staged.event);

    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        let stream = raw(address).await;
        let mut viewer = Socket::over(stream, WireVersion::V2).await;
        let joined = viewer.join(&topic, json!({})).await;
        viewers.push((viewer, joined["revision"].as_u64().expect("a revision")));
    }
    let mut reading = viewers.split_off(STALLED);
    let (mut lively, _) = reading.pop().expect("a viewer");
    for (viewer, _) in reading {
        tokio::spawn(viewer.drain());
    }
    // Every second seat. Memory is read when buffers and allocator are warm.
    let flip = format!(
        "update seats set blocked = not blocked where event_id = {} and id % 2 = 0",
        staged.event
    );
    let (mut before, mut have) = (0, 0);
    for change in 0..CHANGES {
        client.batch_execute(&flip).await.expect("an update");
        let update = lively.next_on(&topic, "update").await;
        have = update["to"].as_u64().expect("a revision");
        if change == CHANGES / 4 {
            before = process.memory();
        }
    }
    let growth = process.memory().saturating_sub(before);
    // Recent deltas are shared by all viewers; queues would hold 60 frames for each stalled one, and go on growing.
    assert!(growth < 24 << 20, "{} KB", growth >> 10);

    for (mut viewer, mut revision) in viewers {
        let mut frames = 0;
        while revision < have {
            let update = viewer.next_on(&topic, "update").await;
            assert!(update["from"].as_u64() <= Some(revision), "a gap");
            revision = update["to"].as_u64().expect("a revision");
            frames += 1;
        }
        assert!(frames < CHANGES / 2, "{frames} frames of {CHANGES}");
    }
    let caller = Caller::new(http_client(), process.url.clone());
    let page = page(&caller).await;
    assert!(page["seatcast_viewers_skipped_total"] > 0.0);
    assert!(page["seatcast_catch_ups_total"] >= STALLED as f64);
}

/// Viewers once took all descriptors, so a database that came back could not be reached for 20 to 50 s.
#[tokio::test]
async fn faults_3_viewers_cannot_take_the_open_files_of_the_database_and_of_operators() {
    let database = TestDatabase::new().await;
    let (link, url) = Link::to_postgres(database.url());
    let log = tempfile::NamedTempFile::new().unwrap();
    let stderr = log.reopen().unwrap().into();
    let start = move || {
        let args = [
            "--socket-shards=2",
            // All of these come from one address.
            "--socket-connections-per-address-max=0",
            "--http-connections-per-address-max=0",
            "--database-url",
            &url,
        ];
        ServerProcess::with_open_files(256, &args, stderr)
    };
    let server = tokio::task::spawn_blocking(start).await.unwrap();
    let mut viewers = Vec::new();
    while viewers.len() < 256 {
        let Ok(mut viewer) = Socket::try_connect(server.address(), WireVersion::V2).await else {
            break;
        };
        // Answered, or closed as one connection too many.
        let _ = viewer.try_send("phoenix", "heartbeat", json!({})).await;
        if viewer.next_frame(DEADLINE).await.is_err() {
            break;
        }
        viewers.push(viewer);
    }
    assert!(
        (64..192).contains(&viewers.len()),
        "{} viewers",
        viewers.len()
    );
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(server.address()).await.unwrap());
    }
    // Each request opens a new connection.
    let fresh = || Caller::new(http_client(), server.url.clone());
    fresh().get("/readyz").await.data(200);
    assert_eq!(fresh().get("/metrics").await.status, 200);
    assert_eq!(fresh().get("/api/v1/events").await.code(503), "BUSY");
    link.cut();
    let turns = async |status: u16| {
        let turned = async { while fresh().get("/readyz").await.status != status {} };
        tokio::time::timeout(DEADLINE, turned)
            .await
            .expect("it turns");
    };
    turns(503).await;
    link.restore();
    let restored = Instant::now();
    turns(200).await;
    assert!(
        restored.elapsed() < Duration::from_secs(15),
        "{:?}",
        restored.elapsed()
    );
    let said = std::fs::read_to_string(log.path()).unwrap();
    assert!(!said.contains("Too many open files"), "{said}");
    assert!(
        said.contains("256 open files, so --socket-connections-max is"),
        "{said}"
    );
    drop(silent);
    let served = async { while fresh().get("/api/v1/events").await.status != 200 {} };
    tokio::time::timeout(DEADLINE, served)
        .await
        .expect("there is room again");
}
