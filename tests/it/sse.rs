//! Server-sent events: the same numbers as on the socket, resumed, and ended in order.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use crate::support::http_client;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged};
use crate::support::websocket::WireVersion;

/// A message as an `EventSource` would hand it to its page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StreamEvent {
    name: String,
    id: Option<u64>,
    pub(crate) data: Value,
}

pub(crate) struct Stream {
    response: Response,
    read: String,
}

impl Stream {
    pub(crate) async fn open(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Stream {
        Self::open_at(&server.address().to_string(), path, headers).await
    }

    /// Below a base other than a server's own, as in `127.0.0.1:80/tickets`.
    pub(crate) async fn open_at(base: &str, path: &str, headers: &[(&str, &str)]) -> Stream {
        let response = request_at(base, path, headers).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let read = String::new();
        Stream { response, read }
    }

    /// The next event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let event = parsed(block);
                self.read = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(DEADLINE, self.response.chunk()).await;
            let chunk = chunk.expect("an event in time").ok()??;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next one of this name.
    pub(crate) async fn next_of(&mut self, name: &str) -> StreamEvent {
        loop {
            let event = self.next().await.expect("a stream that goes on");
            if event.name == name {
                return event;
            }
        }
    }
}

/// `None` of comments and of what speaks to the browser only.
fn parsed(block: &str) -> Option<StreamEvent> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    Some(StreamEvent {
        name: field("event: ")?.to_owned(),
        id: field("id: ").map(|id| id.parse().unwrap()),
        data: serde_json::from_str(field("data: ")?).unwrap(),
    })
}

async fn request(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Response {
    request_at(&server.address().to_string(), path, headers).await
}

async fn request_at(base: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = http_client().get(format!("http://{base}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn world() -> (TestServer, Staged, String) {
    let server = TestServer::start().await;
    let staged = stage(&server).await;
    let path = format!("/api/v1/events/{}/stream", staged.event);
    (server, staged, path)
}

async fn stage(server: &TestServer) -> Staged {
    let show = Show::new()
        .ticket_type("Standing", 4_500, 100)
        .ticket_type("Stalls", 4_500, 100)
        .row(8);
    show.stage(&server.client().await).await
}

#[tokio::test]
async fn stream_and_socket_carry_the_same() {
    let (server, staged, path) = world().await;
    let client = server.client().await;
    let topic = format!("event:{}", staged.event);
    let mut socket = server.ws(WireVersion::V2).await;
    let joined = socket.join(&topic, json!({})).await;
    let mut stream = Stream::open(&server, &path, &[]).await;
    let snapshot = stream.next().await.unwrap();
    assert_eq!(snapshot.name, "snapshot");
    assert_eq!(snapshot.data, joined);
    assert_eq!(json!(snapshot.id), joined["revision"]);
    let beat = stream.next().await.unwrap();
    assert_eq!(beat.name, "beat");
    assert_eq!(beat.data["revisions"][&topic], joined["revision"]);
    for _ in 0..3 {
        staged.sell(&client, 2).await;
        let update = stream.next_of("update").await;
        assert_eq!(update.data, socket.next_on(&topic, "update").await);
        assert_eq!(json!(update.id), update.data["to"]);
    }
}

#[tokio::test]
async fn seats_have_a_stream_of_their_own() {
    let (server, staged, path) = world().await;
    let mut stream = Stream::open(&server, &format!("{path}?topic=seats"), &[]).await;
    let snapshot = stream.next_of("snapshot").await;
    assert!(snapshot.data["state"]["seats"].is_string(), "{snapshot:?}");
    let client = server.client().await;
    let sold = staged.try_sell(&client, 1, Some(staged.seats[3]), 1).await;
    sold.unwrap();
    let update = stream.next_of("update").await;
    assert_eq!(update.data["seats"], json!([[3, 2]]));
}

/// Whatever road a client comes from: with the revision that it has, it is given what came after.
#[tokio::test]
async fn a_stream_resumes_where_another_road_ended() {
    let (server, staged, path) = world().await;
    let client = server.client().await;
    let topic = format!("event:{}", staged.event);
    let mut socket = server.ws(WireVersion::V1).await;
    let joined = socket.join(&topic, json!({})).await;
    let have = joined["revision"].as_u64().unwrap();
    let since = format!("{path}?since={have}");

    // Level: who is here, which has no revision, and the proof that nothing else is missing.
    let mut level = Stream::open(&server, &since, &[]).await;
    assert_eq!(level.next().await.unwrap().name, "presence");
    let proof = level.next().await.unwrap();
    assert_eq!((&*proof.name, proof.id), ("beat", None));
    assert_eq!(proof.data["revisions"][&topic], json!(have));

    for _ in 0..3 {
        staged.sell(&client, 1).await;
    }
    let now = loop {
        let update = level.next_of("update").await;
        if update.data["ticket_types"][0]["sold"] == 3 {
            break update.id.unwrap();
        }
    };
    let id = have.to_string();
    for (path, headers) in [(&since, &[][..]), (&path, &[("last-event-id", &*id)][..])] {
        let mut behind = Stream::open(&server, path, headers).await;
        let update = behind.next().await.unwrap();
        assert_eq!((&*update.name, update.id), ("update", Some(now)));
        assert_eq!(update.data["from"], json!(have));
        assert_eq!(update.data["ticket_types"][0]["sold"], json!(3));
    }
    // Polling with what the stream gave as the tag: nothing is newer.
    let poll = server
        .anonymous()
        .with_header("if-none-match", format!("\"{now}\""));
    let poll = poll
        .get(&format!("/api/v1/availability/{}", staged.event))
        .await;
    assert_eq!(poll.status, 304);
}

#[tokio::test]
async fn what_memory_does_not_reach_is_answered_with_a_snapshot() {
    let server = TestServer::builder()
        .with(|config| config.feed.ring_deltas_max = 1)
        .start()
        .await;
    let staged = stage(&server).await;
    let path = format!("/api/v1/events/{}/stream?since=1", staged.event);
    let mut stream = Stream::open(&server, &path, &[]).await;
    let first = stream.next().await.unwrap();
    assert_eq!(first.name, "snapshot");
    assert_eq!(first.data["resumed"], json!(false));
}

#[tokio::test]
async fn presence_and_notices_come_too() {
    let (server, staged, path) = world().await;
    let mut stream = Stream::open(&server, &path, &[]).await;
    stream.next_of("snapshot").await;
    let mut buyer = server.ws(WireVersion::V2).await;
    let topic = format!("event:{}", staged.event);
    let here = json!({"presence": {"step": "payment"}});
    buyer.join(&topic, here).await;
    let presence = stream.next_of("presence").await;
    assert_eq!(
        presence,
        StreamEvent {
            name: "presence".to_owned(),
            id: None,
            data: json!({"total": 1, "by_step": {"payment": 1}}),
        }
    );
    let organizer = server.user(staged.organizer);
    let notices = format!("/api/v1/events/{}/notices", staged.event);
    let notice = json!({"type": "info_update", "message": "Doors open at 19:00"});
    organizer.post(&notices, &notice).await.data(201);
    let update = stream.next_of("update").await;
    assert_eq!(update.data["notices"][0]["message"], notice["message"]);
}

#[tokio::test]
async fn drafts_are_streamed_to_their_organizer_only() {
    let (server, staged, path) = world().await;
    let client = server.client().await;
    let draft = format!(
        "update events set status = 'draft' where id = {}",
        staged.event
    );
    client.batch_execute(&draft).await.unwrap();
    let organizer = staged.organizer.to_string();
    let mut stream = Stream::open(&server, &path, &[("x-user-id", &organizer)]).await;
    while stream.next_of("snapshot").await.data["state"]["event"]["status"] != "draft" {}
    for headers in [&[][..], &[("x-user-id", "999999")][..]] {
        let refused = request(&server, &path, headers).await.status();
        assert!([401, 404].contains(&refused.as_u16()), "{refused}");
    }
}

#[tokio::test]
async fn what_cannot_be_streamed_is_refused() {
    let (server, _, path) = world().await;
    for (path, status, code) in [
        ("/api/v1/events/999999/stream", 404, "EVENT_NOT_FOUND"),
        ("/api/v1/events/x/stream", 400, "BAD_ID"),
        (&format!("{path}?since=x"), 422, "VALIDATION_FAILED"),
        (&format!("{path}?since=-1"), 422, "VALIDATION_FAILED"),
        (&format!("{path}?since="), 422, "VALIDATION_FAILED"),
        (&format!("{path}?topic=x"), 422, "VALIDATION_FAILED"),
        (&format!("{path}?access_token=x"), 401, "INVALID_TOKEN"),
    ] {
        let answer = server.anonymous().get(path).await;
        assert_eq!(answer.code(status), code, "{path}");
    }
}

#[tokio::test]
async fn one_stream_more_than_allowed_is_told_to_come_later() {
    let server = TestServer::builder()
        .with(|config| config.stream.streams_max = 1)
        .start()
        .await;
    let staged = stage(&server).await;
    let path = format!("/api/v1/events/{}/stream", staged.event);
    let mut only = Stream::open(&server, &path, &[]).await;
    only.next_of("beat").await;
    let refused = server.anonymous().get(&path).await;
    assert_eq!(refused.code(503), "BUSY");
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn one_address_does_not_take_the_streams_of_others() {
    let server = TestServer::builder()
        .with(|config| config.stream.streams_per_address_max = 1)
        .start()
        .await;
    let staged = stage(&server).await;
    let path = format!("/api/v1/events/{}/stream", staged.event);
    let mut only = Stream::open(&server, &path, &[]).await;
    only.next_of("beat").await;
    assert_eq!(server.anonymous().get(&path).await.code(503), "BUSY");
    let url = format!("http://{}{path}", server.address());
    let elsewhere =
        reqwest::Client::builder().local_address(std::net::IpAddr::from([127, 0, 0, 2]));
    let other = elsewhere.build().unwrap().get(url).send().await.unwrap();
    assert_eq!(other.status(), 200);
    // Its place is free again once it has gone.
    drop(only);
    let again = async {
        while request(&server, &path, &[]).await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    let again = tokio::time::timeout(DEADLINE, again).await;
    again.expect("a free place");
}

#[tokio::test]
async fn a_stream_ends_with_its_event_and_with_the_node() {
    let (server, staged, path) = world().await;
    let client = server.client().await;
    let other = stage(&server).await;
    let other_path = format!("/api/v1/events/{}/stream", other.event);
    let mut doomed = Stream::open(&server, &path, &[]).await;
    let mut drained = Stream::open(&server, &other_path, &[]).await;
    doomed.next_of("snapshot").await;
    drained.next_of("snapshot").await;
    let delete = format!("delete from events where id = {}", staged.event);
    client.batch_execute(&delete).await.unwrap();
    let last = doomed.next_of("update").await;
    assert_eq!(last.data["deleted"], json!(true));
    while doomed.next().await.is_some() {}

    let stopped = tokio::spawn(server.stop());
    let drain = drained.next_of("drain").await;
    assert!(drain.data["reconnect_in_ms"].as_u64().unwrap() < 2_000);
    assert_eq!(drained.next().await, None);
    let ended = tokio::time::timeout(Duration::from_secs(8), stopped).await;
    ended
        .expect("streams do not hold up the shutdown")
        .unwrap()
        .unwrap();
}
