//! nginx, HAProxy and Caddy with the files of `ops/proxy`: everything passes, clients are told apart, and below another
//! path what can be served is.

use std::net::IpAddr;

use seatcast::config::{Config, ForwardedHeader, Rate};
use serde_json::json;

use crate::sse::Stream;
use crate::support::caller::Caller;
use crate::support::http_client;
use crate::support::proxy::{Kind, Proxy};
use crate::support::server::TestServer;
use crate::support::show::Show;
use crate::support::websocket::{Socket, WireVersion};

/// As the files say.
fn settings(config: &mut Config) {
    config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    config.http.forwarded_header = Some(ForwardedHeader::XForwardedFor);
}

/// Rest, socket and stream below this base, as in `127.0.0.1:80/tickets`.
async fn everything_passes(server: &TestServer, base: &str, prefix: &str) {
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 4_500, 100);
    let show = show.stage(&client).await;
    let caller = Caller::new(http_client(), format!("http://{base}"));
    let packed = caller.clone().with_header("accept-encoding", "gzip");
    let path = format!("/api/v1/events/{}", show.event);
    packed.get(&path).await.data(200);
    let rows = caller.get("/rest/v1/events?select=id").await;
    assert_eq!(rows.status, 200);
    for path in ["/embed/seatcast.js", "/api"] {
        assert_eq!(caller.get(path).await.status, 200, "{path}");
    }

    let topic = format!("event:{}", show.event);
    let mut socket = Socket::connect_at(base, WireVersion::V2).await;
    let joined = socket.join(&topic, json!({})).await;
    let mut stream = Stream::open_at(base, &format!("{path}/stream"), &[]).await;
    let snapshot = stream.next_of("snapshot").await;
    assert_eq!(snapshot.data, joined);
    let body = json!({"event_id": show.event, "quantity": 2});
    caller.post("/api/v1/bookings", &body).await.data(201);
    // Neither waits in a buffer: the stream is open, and nothing follows.
    let update = stream.next_of("update").await;
    assert_eq!(update.data, socket.next_on(&topic, "update").await);
    let body = json!({"name": "Ann", "email": format!("ann{}@example.org", prefix.len())});
    let made = caller.post("/api/v1/users", &body).await;
    let location = format!("{prefix}/api/v1/users/{}", made.data(201)["id"]);
    assert_eq!(made.header("location"), Some(location.as_str()));
    // web_16: lists are read on below the proxy's path, too.
    Show::new().stage(&client).await;
    let first = caller.get("/api/v1/events?sort=created_at&limit=1").await;
    let second = caller.get(&first.next_page().unwrap()).await;
    let ids = [&first, &second].map(|page| page.data(200)[0]["id"].clone());
    assert!(ids[1].is_number() && ids[0] != ids[1], "{ids:?}");
    let seat_map = json!({"sections": "x".repeat(2 << 20)});
    let organizer = caller.with_header("x-user-id", show.organizer.to_string());
    let map = organizer.put(&format!("{path}/seatmap"), &seat_map).await;
    assert_eq!(map.status, 422, "a seat map may be large: {map:?}");
}

async fn serves(kind: Kind) {
    let server = TestServer::builder().with(settings).start().await;
    let proxy = Proxy::start(kind, server.address());
    let address = proxy.address();
    everything_passes(&server, &address.to_string(), "").await;
    everything_passes(&server, &format!("{address}/tickets"), "/tickets").await;
    let caller = Caller::new(http_client(), format!("http://{address}"));
    for path in ["/", "/events/1", "/healthz"] {
        assert_eq!(caller.get(path).await.status, 200, "{path}");
    }
    assert_eq!(caller.get("/metrics").await.status, 404);
    assert_eq!(caller.get("/tickets/metrics").await.status, 404);
    for path in ["/tickets/", "/tickets/events/1", "/tickets/apiary"] {
        let refused = caller.get(path).await;
        assert_eq!(refused.status, 404, "{path}");
        assert!(refused.text.contains("root of a host name"), "{refused:?}");
    }
}

/// Each client has its own address and limits, whatever it says of itself.
async fn tells_clients_apart(address: std::net::SocketAddr) {
    let ask = async |from: &str, forged: &str| {
        let from: IpAddr = from.parse().unwrap();
        let http = reqwest::Client::builder().local_address(from);
        let caller = Caller::new(http.build().unwrap(), format!("http://{address}"));
        let caller = caller
            .with_header("x-forwarded-for", forged)
            .with_header("forwarded", format!("for={forged}"))
            .with_header("x-real-ip", forged);
        caller.get("/api/v1/events").await.status
    };
    assert_eq!(ask("127.0.0.2", "198.51.100.1").await, 200);
    assert_eq!(ask("127.0.0.2", "198.51.100.2").await, 429);
    assert_eq!(ask("127.0.0.3", "127.0.0.2").await, 200);
    assert_eq!(ask("127.0.0.3", "127.0.0.1").await, 429);
}

fn once_a_minute(config: &mut Config) {
    settings(config);
    config.limits.reads = Rate {
        per_minute: 1,
        burst: 1,
    };
}

async fn limits(kind: Kind) {
    let server = TestServer::builder().limited().with(once_a_minute);
    let server = server.start().await;
    let proxy = Proxy::start(kind, server.address());
    tells_clients_apart(proxy.address()).await;
}

#[tokio::test]
async fn nginx_passes_everything() {
    serves(Kind::Nginx).await;
}

#[tokio::test]
async fn haproxy_passes_everything() {
    serves(Kind::HaProxy).await;
}

#[tokio::test]
async fn caddy_passes_everything() {
    serves(Kind::Caddy).await;
}

#[tokio::test]
async fn clients_of_nginx_are_told_apart() {
    limits(Kind::Nginx).await;
}

#[tokio::test]
async fn clients_of_haproxy_are_told_apart() {
    limits(Kind::HaProxy).await;
}

#[tokio::test]
async fn clients_of_caddy_are_told_apart() {
    limits(Kind::Caddy).await;
}

/// The addition that `haproxy.cfg` names.
#[tokio::test]
async fn clients_of_haproxy_are_told_apart_by_the_proxy_protocol() {
    let server = TestServer::builder().limited().with(|config| {
        once_a_minute(config);
        config.http.proxy_protocol = true;
    });
    let server = server.start().await;
    let proxy = Proxy::start_changed(Kind::HaProxy, server.address(), |config| {
        config.replace(
            " check inter 2s",
            " check inter 2s send-proxy-v2 check-send-proxy",
        )
    });
    tells_clients_apart(proxy.address()).await;
}
