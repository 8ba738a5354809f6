//! The doors: who a client is, behind proxies, too; how often one may ask; what one may have of an event.

use std::process::Stdio;

use reqwest::Method;
use seatcast::config::Rate;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::binary::ServerProcess;
use crate::support::caller::{Answer, Caller};
use crate::support::database::TestDatabase;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::user;

/// So many requests, then none for a long time.
fn at_most(burst: u32) -> Rate {
    Rate {
        per_minute: 1,
        burst,
    }
}

/// Sends these bytes and reads the answer to its end.
async fn raw(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(DEADLINE, read)
        .await
        .expect("an answer")
        .ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn behind(server: &TestServer, address: &str) -> Caller {
    server.anonymous().with_header("x-forwarded-for", address)
}

async fn sign_up(caller: &Caller, name: &str) -> Answer {
    let body = json!({"name": name, "email": format!("{name}@example.org")});
    caller.post("/api/v1/users", &body).await
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let server = TestServer::builder()
        .limited()
        .with(|config| config.limits.reads = at_most(3))
        .start()
        .await;
    let caller = server.anonymous();
    for _ in 0..3 {
        caller.get("/api/v1/events").await.data(200);
    }
    let refused = caller
        .clone()
        .with_header("accept-language", "th")
        .get("/api/v1/events")
        .await;
    assert_eq!(refused.code(429), "RATE_LIMITED");
    assert!(refused.body["message"].as_str().unwrap().contains("โปรด"));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"reads\";q=3;w=180")
    );
    let expected = format!("\"reads\";r=0;t={seconds}");
    assert_eq!(refused.header("ratelimit"), Some(expected.as_str()));
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
    assert!(refused.header("x-request-id").is_some());
    // Pages are counted as well; how the node is can always be asked.
    assert_eq!(caller.get("/events/1").await.code(429), "RATE_LIMITED");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(caller.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn every_kind_of_request_has_its_own_rate() {
    let server = TestServer::builder()
        .limited()
        .with(|config| {
            config.limits.sign_ups = at_most(2);
            config.limits.bookings = at_most(1);
            config.limits.connections = at_most(1);
        })
        .start()
        .await;
    let caller = server.anonymous();
    sign_up(&caller, "one").await.data(201);
    sign_up(&caller, "two").await.data(201);
    assert_eq!(sign_up(&caller, "two").await.code(429), "RATE_LIMITED");
    let book = json!({"event_id": 1, "quantity": 1});
    caller.post("/api/v1/bookings", &book).await.code(404);
    let refused = caller.post("/api/v1/bookings", &book).await;
    assert_eq!(refused.code(429), "RATE_LIMITED");
    let stream = "/api/v1/events/1/stream";
    caller.get(stream).await.code(404);
    assert_eq!(caller.get(stream).await.code(429), "RATE_LIMITED");
    let handshake = caller.get("/realtime/v1/websocket").await;
    assert_eq!(handshake.code(429), "RATE_LIMITED");
    caller.get("/api/v1/events").await.data(200);
}

#[tokio::test]
async fn an_account_is_counted_wherever_it_asks_from() {
    let server = TestServer::builder()
        .limited()
        .with(|config| {
            config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
            config.limits.bookings = at_most(2);
        })
        .start()
        .await;
    let client = server.client().await;
    let (one, other) = (
        user(&client, "customer").await,
        user(&client, "customer").await,
    );
    let book = async |who: i64, from: &str| {
        let caller = behind(&server, from).with_header("x-user-id", who.to_string());
        let body = json!({"event_id": 1, "quantity": 1});
        caller.post("/api/v1/bookings", &body).await.status
    };
    assert_eq!(book(one.0, "192.0.2.1").await, 404);
    assert_eq!(book(one.0, "192.0.2.2").await, 404);
    assert_eq!(book(one.0, "192.0.2.3").await, 429);
    assert_eq!(book(other.0, "192.0.2.3").await, 404);
    // And an address whoever asks.
    assert_eq!(book(other.0, "192.0.2.3").await, 429);
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart_and_others_are_not_believed() {
    let limited = |trusted: &'static str| async move {
        TestServer::builder()
            .limited()
            .with(|config| {
                config.http.trusted_proxies = vec![trusted.parse().unwrap()];
                config.limits.reads = at_most(1);
            })
            .start()
            .await
    };
    let server = limited("127.0.0.1").await;
    let from = async |address: &str| behind(&server, address).get("/api/v1/events").await.status;
    assert_eq!(from("192.0.2.1").await, 200);
    assert_eq!(from("192.0.2.1").await, 429);
    assert_eq!(from("192.0.2.2").await, 200);
    // What a client says of itself stands before what the proxy says.
    assert_eq!(from("198.51.100.1, 192.0.2.2").await, 429);
    assert_eq!(from("2001:db8::1").await, 200);
    assert_eq!(from("2001:db8::2").await, 429);
    let standard = async |value: &'static str| {
        let caller = server.anonymous().with_header("forwarded", value);
        caller.get("/api/v1/events").await.status
    };
    assert_eq!(standard("for=\"[2001:db8::3]:4711\"").await, 429);
    assert_eq!(standard("for=192.0.2.3;proto=https").await, 200);

    let direct = limited("10.0.0.0/8").await;
    let from = async |address: &str| behind(&direct, address).get("/api/v1/events").await.status;
    assert_eq!(from("192.0.2.1").await, 200);
    assert_eq!(from("192.0.2.2").await, 429);
}

#[tokio::test]
async fn a_trusted_proxy_announces_its_clients_by_the_proxy_protocol() {
    let server = TestServer::builder()
        .limited()
        .with(|config| {
            config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
            config.http.proxy_protocol = true;
            config.limits.reads = at_most(1);
        })
        .start()
        .await;
    let head = "GET /api/v1/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let line = |address: &str| format!("PROXY TCP4 {address} 127.0.0.1 4711 80\r\n{head}");
    let ask = async |text: String| raw(&server, text.as_bytes()).await;
    assert!(ask(line("192.0.2.1")).await.starts_with("HTTP/1.1 200"));
    assert!(ask(line("192.0.2.1")).await.starts_with("HTTP/1.1 429"));
    assert!(ask(line("192.0.2.2")).await.starts_with("HTTP/1.1 200"));
    let mut version_2 =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x03\x7f\0\0\x01\x12\x67\0\x50".to_vec();
    version_2.extend(head.as_bytes());
    assert!(raw(&server, &version_2).await.starts_with("HTTP/1.1 200"));
    assert!(raw(&server, &version_2).await.starts_with("HTTP/1.1 429"));
    // One that does not say whom it connects is not served.
    assert_eq!(ask(head.to_owned()).await, "");
}

#[tokio::test]
async fn limits_can_be_lifted_and_the_log_says_so() {
    let database = TestDatabase::new().await;
    let log = tempfile::NamedTempFile::new().unwrap();
    let written = Stdio::from(log.reopen().unwrap());
    let args = ["--database-url", database.url()];
    let server = ServerProcess::start_logging(&args, written);
    let caller = Caller::new(reqwest::Client::new(), server.url.clone());
    for turn in 0..20 {
        sign_up(&caller, &format!("user{turn}")).await.data(201);
    }
    server.stop();
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("limits are off"), "{log}");
}

/// Finding faults.md 13.
#[tokio::test]
async fn a_request_names_one_host() {
    let server = TestServer::start().await;
    let ask = async |hosts: &str| {
        let head = format!("GET /api/v1/events HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        raw(&server, head.as_bytes()).await
    };
    assert!(ask("host: a\r\n").await.starts_with("HTTP/1.1 200"));
    for hosts in ["", "host: a\r\nhost: b\r\n", "host: a\r\nhost: a\r\n"] {
        let answer = ask(hosts).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{hosts:?}: {answer}");
        assert!(answer.contains("BAD_HOST"), "{answer}");
    }
    let page = raw(&server, b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 400"), "{page}");
}

/// Finding faults.md 13.
#[tokio::test]
async fn a_body_that_comes_too_slowly_is_not_waited_for() {
    let server = TestServer::builder().with(|config| config.http.request_timeout_ms = 600);
    let server = server.start().await;
    let head = "POST /api/v1/bookings HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{\"event_id\"";
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("BODY_TOO_SLOW"), "{answer}");
}

/// Findings faults.md 13 and core.md 19: what needs no preflight could be sent by any page.
#[tokio::test]
async fn json_is_sent_as_json() {
    let server = TestServer::start().await;
    let send = async |kind: Option<&str>, method: Method, path: &str| {
        let url = format!("http://{}{path}", server.address());
        let body = r#"{"event_id": 1, "quantity": 1}"#;
        let mut request = reqwest::Client::new().request(method, url).body(body);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let path = "/api/v1/bookings";
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data"),
        Some("application/jsonp"),
    ] {
        assert_eq!(send(kind, Method::POST, path).await, 415, "{kind:?}");
    }
    for kind in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.api+json",
    ] {
        assert_eq!(send(Some(kind), Method::POST, path).await, 404, "{kind}");
    }
}

/// Finding faults.md 16: some caches go by the last line alone.
#[tokio::test]
async fn an_answer_has_one_vary_line() {
    let server = TestServer::start().await;
    let caller = server
        .anonymous()
        .with_header("origin", "https://example.org")
        .with_header("accept-encoding", "gzip");
    for path in ["/api/v1/events", "/api/v1/events/999", "/openapi.json", "/"] {
        let answer = caller.get(path).await;
        let lines: Vec<_> = answer.headers.get_all("vary").iter().collect();
        assert_eq!(lines.len(), 1, "{path}: {lines:?}");
    }
    let answer = caller.get("/api/v1/events").await;
    assert!(answer.header("vary").unwrap().contains("accept-language"));
}
