//! The doors: who a client is, behind proxies, too; how often one may ask; what one may have of an event.

use std::process::Stdio;

use futures_util::future::join_all;
use reqwest::Method;
use seatcast::config::{Config, ForwardedHeader, Rate};
use seatcast::ticketing::UserId;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::binary::ServerProcess;
use crate::support::caller::{Answer, Caller};
use crate::support::database::TestDatabase;
use crate::support::http_client;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, user};
use crate::support::smtp::Smtp;
use crate::support::websocket::WireVersion;

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

/// Whoever tries out whose addresses and numbers are known here is soon told nothing of them.
#[tokio::test]
async fn faults_14_sign_ups_are_few_and_then_nobody_is_told_who_is_known() {
    let server = TestServer::builder()
        .limited()
        .with(|config| config.limits.sign_ups = at_most(2))
        .start()
        .await;
    let caller = server.anonymous();
    sign_up(&caller, "known").await.data(201);
    sign_up(&caller, "another").await.data(201);
    let [of_known, of_unknown] = [
        sign_up(&caller, "known").await,
        sign_up(&caller, "unknown").await,
    ];
    assert_eq!(of_known.code(429), "RATE_LIMITED");
    assert_eq!(of_known.text, of_unknown.text);
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
    // The client's own claim stands before what the proxy says.
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
async fn faults_1_only_the_header_that_the_proxy_writes_is_believed() {
    let server = TestServer::builder().limited().with(|config| {
        config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.http.forwarded_header = Some(ForwardedHeader::XRealIp);
        config.limits.reads = at_most(1);
    });
    let server = server.start().await;
    let of = async |real: &str, other: (&'static str, &str)| {
        let caller = server.anonymous().with_header("x-real-ip", real);
        let caller = caller.with_header(other.0, other.1);
        caller.get("/api/v1/events").await.status
    };
    let forged = ("x-forwarded-for", "198.51.100.1");
    assert_eq!(of("192.0.2.1", forged).await, 200);
    // Another name each time, and the same client.
    let forged = ("forwarded", "for=198.51.100.2");
    assert_eq!(of("192.0.2.1", forged).await, 429);
    assert_eq!(of("192.0.2.2", forged).await, 200);
}

/// Rows cost what requests of one row each cost, on every road.
#[tokio::test]
async fn faults_1_one_address_does_not_fill_the_disk_with_interactions() {
    let server = TestServer::builder().limited().with(|config| {
        config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.limits.interactions = at_most(401);
    });
    let server = server.start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Floor", 100, 5);
    let show = show.stage(&client).await;
    let row = json!({"action": "click"});
    let (native, supabase) = ("/api/v1/interactions", "/rest/v1/user_interactions");
    let one = behind(&server, "192.0.2.1");
    let many = json!({"interactions": vec![row.clone(); 200]});
    one.post(native, &many).await.data(202);
    let inserted = one.post(supabase, &json!(vec![row.clone(); 200])).await;
    assert_eq!(inserted.status, 201, "{inserted:?}");
    let refused = one.post(native, &many).await;
    assert_eq!(refused.code(429), "RATE_LIMITED");
    assert!(
        refused
            .header("ratelimit")
            .unwrap()
            .starts_with("\"interactions\"")
    );
    let refused = one.post(supabase, &json!([row, row])).await;
    assert_eq!(refused.status, 429, "{refused:?}");
    assert_eq!(refused.body["code"], "53400");
    assert!(refused.header("retry-after").is_some());
    // All or none; others are not concerned, and an account brings its own rate along.
    one.post(supabase, &row).await;
    behind(&server, "192.0.2.2")
        .post(native, &many)
        .await
        .data(202);
    let buyer = user(&client, "customer").await;
    let roaming = |host| behind(&server, host).with_header("x-user-id", buyer.to_string());
    roaming("192.0.2.3").post(native, &many).await.data(202);
    roaming("192.0.2.4").post(native, &many).await.data(202);
    let refused = roaming("192.0.2.5").post(native, &many).await;
    assert_eq!(refused.code(429), "RATE_LIMITED");

    // Sockets of the test come from the proxy's own address.
    let topic = format!("event:{}", show.event);
    server.anonymous().post(native, &many).await.data(202);
    server.anonymous().post(native, &many).await.data(202);
    let mut socket = server.ws(WireVersion::V2).await;
    socket.join(&topic, json!({})).await;
    let last = socket.ask(&topic, "track", row.clone()).await;
    assert_eq!(last["status"], "ok", "{last}");
    let refused = socket.ask(&topic, "track", row).await;
    assert_eq!(refused["response"]["code"], "PUSH_RATE", "{refused}");
}

#[tokio::test]
async fn limits_can_be_lifted_and_the_log_says_so() {
    let database = TestDatabase::new().await;
    let log = tempfile::NamedTempFile::new().unwrap();
    let written = Stdio::from(log.reopen().unwrap());
    let args = ["--database-url", database.url()];
    let server = ServerProcess::start_logging(&args, written);
    let caller = Caller::new(http_client(), server.url.clone());
    for turn in 0..20 {
        sign_up(&caller, &format!("user{turn}")).await.data(201);
    }
    server.stop();
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("limits are off"), "{log}");
}

/// Finding faults.md 13.
#[tokio::test]
async fn faults_13_a_request_names_one_host() {
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
async fn faults_13_a_body_that_comes_too_slowly_is_not_waited_for() {
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
async fn faults_13_json_is_sent_as_json() {
    let server = TestServer::start().await;
    let send = async |kind: Option<&str>, method: Method, path: &str| {
        let url = format!("http://{}{path}", server.address());
        let body = r#"{"event_id": 1, "quantity": 1}"#;
        let mut request = http_client().request(method, url).body(body);
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
async fn faults_16_an_answer_has_one_vary_line() {
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

/// A server behind a proxy, so that a test has many addresses; only what one may hold is bounded.
async fn selling(change: impl FnOnce(&mut Config)) -> TestServer {
    let server = TestServer::builder().limited().with(|config| {
        config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.limits.bookings = at_most(10_000);
        change(config);
    });
    server.start().await
}

/// Books until nothing is granted, 50 requests at a time, and returns how many tickets that made.
async fn grab(caller: &Caller, show: &Staged, each: i64) -> i64 {
    let mut had = 0;
    loop {
        let body = json!({"event_id": show.event, "quantity": each});
        let asked = (0..50).map(|_| caller.post("/api/v1/bookings", &body));
        let granted = join_all(asked).await;
        let granted: Vec<_> = granted.iter().filter(|one| one.status == 201).collect();
        if granted.is_empty() {
            return had;
        }
        had += each * i64::try_from(granted.len()).unwrap();
    }
}

/// Finding faults.md 1: one script from one address had all tickets of an event in a second.
#[tokio::test]
async fn faults_1_one_script_gets_no_more_than_a_persons_share() {
    let server = selling(|_| {}).await;
    let client = server.client().await;
    for (price, share) in [(1_500, 4), (0, 20)] {
        let show = Show::new().ticket_type("Floor", price, 500);
        let show = show.stage(&client).await;
        let script = behind(&server, "192.0.2.1");
        assert_eq!(grab(&script, &show, 1).await, share, "at {price}");
        let body = json!({"event_id": show.event, "quantity": 1});
        let refused = script.post("/api/v1/bookings", &body).await;
        assert_eq!(refused.code(429), "HOLDS_EXCEEDED");
        assert_eq!(refused.body["data"]["max"], share);
        // Somebody else, and somebody with an account at the same address, may book.
        behind(&server, "192.0.2.2")
            .post("/api/v1/bookings", &body)
            .await
            .data(201);
        let buyer = user(&client, "customer").await;
        let signed_in = script.clone().with_header("x-user-id", buyer.to_string());
        signed_in.post("/api/v1/bookings", &body).await.data(201);
    }
    // Large bookings reach the bound of tickets, and so do several addresses of one IPv6 network.
    let show = Show::new()
        .ticket_type("Floor", 1_500, 500)
        .stage(&client)
        .await;
    let mut had = 0;
    for host in 1..=10 {
        let script = behind(&server, &format!("2001:db8::{host}"));
        had += grab(&script, &show, 10).await;
    }
    assert_eq!(had, 20);
    server.audit().await;
}

#[tokio::test]
async fn without_limits_one_script_gets_it_all() {
    let server = TestServer::start().await;
    let show = Show::new().ticket_type("Floor", 0, 500);
    let show = show.stage(&server.client().await).await;
    assert_eq!(grab(&server.anonymous(), &show, 1).await, 500);
    server.audit().await;
}

#[tokio::test]
async fn two_nodes_count_an_address_together_and_none_stores_it() {
    let server = selling(|_| {}).await;
    let other = TestServer::builder()
        .limited()
        .beside(&server)
        .with(|config| {
            config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
            config.limits.bookings = at_most(10_000);
        });
    let other = other.start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 0, 500)
        .stage(&client)
        .await;
    let (here, there) = (behind(&server, "192.0.2.1"), behind(&other, "192.0.2.1"));
    let (one, two) = tokio::join!(grab(&here, &show, 1), grab(&there, &show, 1));
    assert_eq!(one + two, 20);
    let sql = "select count(distinct buyer_hash), count(*) from bookings where event_id = $1";
    let row = client.query_one(sql, &[&show.event]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 20));
    let sql = "select count(*) from bookings b where b::text like '%192.0.2.1%'";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn what_a_guest_gives_back_or_lets_go_counts_no_more() {
    let server = selling(|config| config.limits.holds_per_address_max = 1).await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 1_500, 500)
        .stage(&client)
        .await;
    let guest = behind(&server, "192.0.2.1");
    let body = json!({"event_id": show.event, "quantity": 1});
    let book = async || guest.post("/api/v1/bookings", &body).await;
    let made = book().await;
    let id = made.data(201)["id"].as_str().unwrap().to_owned();
    let token = made.header("x-booking-token").unwrap().to_owned();
    assert_eq!(book().await.code(429), "HOLDS_EXCEEDED");
    let owner = guest.clone().with_header("x-booking-token", token);
    let cancel = json!({"status": "cancelled"});
    let path = format!("/api/v1/bookings/{id}/status");
    owner.put(&path, &cancel).await.data(200);
    let id = book().await.data(201)["id"].as_str().unwrap().to_owned();
    // Its deadline passes; the desk ends the hold on its way, if the sweeper has not.
    let late = format!("update bookings set expires_at = now() where id = '{id}'");
    client.batch_execute(&late).await.unwrap();
    book().await.data(201);
    server.audit().await;
}

#[tokio::test]
async fn an_account_has_a_share_as_well_and_staff_has_none() {
    let server = selling(|config| config.limits.tickets_per_account_max = 3).await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 0, 500)
        .stage(&client)
        .await;
    let buyer = user(&client, "customer").await;
    let admin = user(&client, "admin").await;
    let body = json!({"event_id": show.event, "quantity": 2});
    let book = async |who: UserId| server.user(who).post("/api/v1/bookings", &body).await;
    book(buyer).await.data(201);
    let refused = book(buyer).await;
    assert_eq!(refused.code(429), "HOLDS_EXCEEDED");
    assert_eq!(refused.body["data"]["of"], "tickets");
    for staff in [show.organizer, admin] {
        book(staff).await.data(201);
        book(staff).await.data(201);
    }
}

#[tokio::test]
async fn a_ticket_type_may_ask_for_an_account() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 50).stage(&client).await;
    let types = format!("/api/v1/events/{}/ticket-types", show.event);
    let organizer = server.user(show.organizer);
    let one = format!("{types}/{}", show.ticket_types[0]);
    let changed = organizer
        .patch(&one, &json!({"account_required": true}))
        .await;
    assert_eq!(changed.data(200)["account_required"], true);
    let made = json!({"name": "Scarce", "price": 100, "capacity": 5, "account_required": true});
    let made = organizer.post(&types, &made).await;
    assert_eq!(made.data(201)["account_required"], true);
    let body =
        json!({"event_id": show.event, "ticket_type_id": show.ticket_types[0], "quantity": 1});
    let refused = server.anonymous().post("/api/v1/bookings", &body).await;
    assert_eq!(refused.code(403), "ACCOUNT_REQUIRED");
    let buyer = user(&client, "customer").await;
    server
        .user(buyer)
        .post("/api/v1/bookings", &body)
        .await
        .data(201);
}

#[tokio::test]
async fn joins_of_one_address_are_counted_over_all_its_connections() {
    let server = TestServer::builder()
        .limited()
        .with(|config| config.limits.joins = at_most(3));
    let server = server.start().await;
    let show = Show::new().ticket_type("Floor", 100, 5);
    let show = show.stage(&server.client().await).await;
    let topic = format!("event:{}", show.event);
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = server.ws(WireVersion::V2).await;
        socket.join(&topic, json!({})).await;
        sockets.push(socket);
    }
    let mut one_more = server.ws(WireVersion::V2).await;
    let refused = one_more.ask(&topic, "phx_join", json!({})).await;
    assert_eq!(refused["status"], "error", "{refused}");
    assert_eq!(refused["response"]["code"], "JOIN_RATE", "{refused}");
    assert_eq!(refused["response"]["retry"], "later", "{refused}");
}

/// Places were once counted for all clients together: one that kept idle connections open left nobody else a place.
#[tokio::test]
async fn one_client_does_not_take_the_connections_of_all() {
    const ASK: &[u8] = b"GET /api/v1/events HTTP/1.1\r\nhost: x\r\n\r\n";
    let few = |config: &mut Config| config.http.http_connections_max = 8;
    let open = async |server: &TestServer, from: &str, bytes: &[u8]| {
        let socket = TcpSocket::new_v4().unwrap();
        let from = format!("{from}:0").parse().unwrap();
        socket.bind(from).unwrap();
        let mut stream = socket.connect(server.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut start = [0; 12];
        let read = stream.read_exact(&mut start);
        let read = tokio::time::timeout(DEADLINE, read).await.expect("an end");
        let start = read.map(|_| String::from_utf8_lossy(&start).into_owned());
        (start.unwrap_or_default(), stream)
    };
    let (served, spare) = ("HTTP/1.1 200", "HTTP/1.1 503");
    let server = TestServer::builder().with(few).start().await;
    let mut kept = Vec::new();
    for nth in 0..8 {
        let (start, stream) = open(&server, "127.0.0.1", ASK).await;
        assert_eq!(start, if nth < 4 { served } else { spare });
        kept.push(stream);
    }
    let (start, _) = open(&server, "127.0.0.2", ASK).await;
    assert_eq!(start, served);
    // Its places are free again as they are given back.
    kept.clear();
    let again = async { while open(&server, "127.0.0.1", ASK).await.0 != served {} };
    tokio::time::timeout(DEADLINE, again)
        .await
        .expect("a place");

    // A proxy that is trusted is nobody's client, and those whom it announces are.
    let server = TestServer::builder().with(few).with(|config| {
        config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.http.proxy_protocol = true;
    });
    let server = server.start().await;
    let announced = |client: &str| {
        let head = format!("PROXY TCP4 {client} 192.0.2.9 4711 80\r\n");
        [head.as_bytes(), ASK].concat()
    };
    let mut kept = Vec::new();
    for nth in 0..8 {
        let (start, stream) = open(&server, "127.0.0.1", &announced("192.0.2.1")).await;
        assert_eq!(start, if nth < 4 { served } else { "" });
        kept.push(stream);
    }
    let (start, _) = open(&server, "127.0.0.1", &announced("192.0.2.2")).await;
    assert_eq!(start, served);
}

/// What one caller is told was once stored by caches that heed no token, and told to the next.
#[tokio::test]
async fn nobody_keeps_an_answer_that_does_not_say_so() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 5).stage(&client).await;
    let body = json!({"event_id": show.event, "quantity": 1});
    let made = server.anonymous().post("/api/v1/bookings", &body).await;
    let made = made.data(201);
    let guest = server.anonymous();
    let guest = guest.with_header("x-booking-token", made["token"].as_str().unwrap());
    let booking = format!("/api/v1/bookings/{}", made["id"].as_str().unwrap());
    let staff = server.user(show.organizer);
    let of_event = format!("/api/v1/bookings/event/{}", show.event);
    let members = format!("/api/v1/organizations/{}/members", show.organizer);
    for (caller, path, status) in [
        (&guest, booking.as_str(), 200),
        (&staff, &booking, 200),
        (&staff, "/api/v1/bookings/mine", 200),
        (&staff, &of_event, 200),
        (&staff, "/api/v1/auth/me", 200),
        (&staff, &members, 200),
        (&staff, "/api/v1/events?status=draft", 200),
        (&staff, "/api/v1/events/0", 404),
        (&staff, "/rest/v1/event_tickets?select=id", 200),
        (&staff, "/rest/v1/nothing", 404),
    ] {
        let answer = caller.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        let control = answer.header("cache-control");
        assert_eq!(control, Some("private, no-store"), "{path}");
    }
}

/// Free tickets are the buyer's at once, and mailed to whatever address the booking names: 300 a minute, once.
#[tokio::test]
async fn mails_to_anybody_are_as_few_as_sign_ups() {
    let smtp = Smtp::start().await;
    let server = TestServer::builder().limited().with(|config| {
        config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.limits.tickets_per_address_max = 0;
        config.limits.holds_per_address_max = 0;
        config.limits.mails = at_most(20);
        config.mail.smtp_url = Some(smtp.url());
        config.mail.public_url = Some("https://tickets.example.org".to_owned());
        config.mail.mail_from = Some("Box office <tickets@example.org>".to_owned());
    });
    let server = server.start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Free", 0, 100)
        .ticket_type("Stalls", 1_500, 100);
    let show = show.stage(&client).await;
    let book = async |from: &str, item: usize, email: Option<String>| {
        let item = json!({"ticket_type_id": show.ticket_types[item], "quantity": 1});
        let mut body = json!({"event_id": show.event, "items": [item]});
        if let Some(email) = email {
            body["contact"] = json!({ "email": email });
        }
        let caller = behind(&server, from);
        (caller.post("/api/v1/bookings", &body).await, caller)
    };
    let at = |nth: u32| Some(format!("victim-{nth}@example.org"));
    let mut last = None;
    for nth in 0..20 {
        let (made, caller) = book("192.0.2.1", 0, at(nth)).await;
        made.data(201);
        last = Some((made, caller));
    }
    let (refused, _) = book("192.0.2.1", 0, at(20)).await;
    assert_eq!(refused.code(429), "RATE_LIMITED");
    let policy = refused.header("ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"mails\";"), "{policy}");
    // Nor is one that was sent sent again.
    let (made, caller) = last.unwrap();
    let token = made.data(201)["token"].as_str().unwrap();
    let caller = caller.with_header("x-booking-token", token);
    let path = format!(
        "/api/v1/bookings/{}/resend",
        made.data(201)["id"].as_str().unwrap()
    );
    let again = caller.post(&path, &json!({})).await;
    assert_eq!(again.code(429), "RATE_LIMITED");
    // Without an address nobody is written to.
    book("192.0.2.1", 0, None).await.0.data(201);

    // One that is to be paid sends no mail yet, and does not count.
    for nth in 0..25 {
        book("192.0.2.2", 1, at(nth)).await.0.data(201);
    }
    // Nor does what is made free of charge by a change come in another way.
    let (held, caller) = book("192.0.2.3", 1, at(99)).await;
    let path = format!(
        "/api/v1/bookings/{}",
        held.data(201)["id"].as_str().unwrap()
    );
    let caller = caller.with_header("x-booking-token", held.data(201)["token"].as_str().unwrap());
    for nth in 0..20 {
        book("192.0.2.3", 0, at(nth + 100)).await.0.data(201);
    }
    let free = json!({"items": [{"ticket_type_id": show.ticket_types[0], "quantity": 1}]});
    let swapped = caller.patch(&path, &free).await;
    assert_eq!(swapped.code(429), "RATE_LIMITED");

    // One address is not written to from everywhere.
    let ada = || Some("ada@example.org".to_owned());
    for nth in 0..20 {
        let from = format!("192.0.2.{}", 100 + nth);
        book(&from, 0, ada()).await.0.data(201);
    }
    let (refused, _) = book("192.0.2.200", 0, ada()).await;
    assert_eq!(refused.code(429), "RATE_LIMITED");
    // Staff sell as fast as people come.
    let staff = server.user(show.organizer);
    let contact = json!({"email": "ada@example.org"});
    let item = json!({"ticket_type_id": show.ticket_types[0], "quantity": 1});
    let body = json!({"event_id": show.event, "items": [item], "contact": contact});
    staff.post("/api/v1/bookings", &body).await.data(201);
    server.audit().await;
}
