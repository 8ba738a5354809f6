//! Surroundings for tests: databases, servers, callers, viewers, and links that can be cut.

pub(crate) mod binary;
pub(crate) mod caller;
pub(crate) mod collector;
pub(crate) mod cut;
pub(crate) mod database;
pub(crate) mod issuer;
pub(crate) mod nats;
pub(crate) mod node;
pub(crate) mod numbers;
pub(crate) mod own;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod push;
pub(crate) mod rush;
pub(crate) mod server;
pub(crate) mod show;
pub(crate) mod smtp;
pub(crate) mod stripe;
pub(crate) mod tokens;
pub(crate) mod viewer;
pub(crate) mod websocket;

/// A client of HTTP. The process has one provider of cryptography for all of its clients.
pub(crate) fn http_client() -> reqwest::Client {
    seatcast::telemetry::choose_cryptography();
    reqwest::Client::new()
}

/// A port that nobody else is given meanwhile: below those that the kernel chooses from, and each time another one.
pub(crate) fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU32, Ordering};
    const FIRST: u16 = 20_000;
    const PORTS: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let begin = std::process::id().wrapping_mul(97);
        let nth = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = FIRST + u16::try_from(nth).expect("small");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
