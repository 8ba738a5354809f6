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
pub(crate) mod viewer;
pub(crate) mod websocket;

/// A client of HTTP. The process has one provider of cryptography for all of its clients.
pub(crate) fn http_client() -> reqwest::Client {
    seatcast::telemetry::choose_cryptography();
    reqwest::Client::new()
}
