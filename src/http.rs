//! The accept loop: HTTP/1.1 over TCP in front of the router.
//!
//! hyper is given the `TokioIo<TcpStream>` itself, so the WebSocket handshake can take the bare socket back with
//! `Upgraded::downcast`.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::config::HttpConfig;
use crate::metrics;
use crate::pacing::Backoff;

/// First and longest pause after accepting failed, as it does when file descriptors run out.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Ends the connection of a request at once, even if an answer is still being sent. Every request has one among its
/// extensions.
#[derive(Debug, Clone, Default)]
pub struct Cut(CancellationToken);

impl Cut {
    pub fn cut(&self) {
        self.0.cancel();
    }
}

/// Serves until `shutdown`. Then it accepts nothing more, gives the requests under way the configured time, and cuts
/// the rest.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    shutdown: CancellationToken,
) {
    let mut connections = JoinSet::new();
    let mut backoff = Backoff::new(ACCEPT_PAUSE_MIN, ACCEPT_PAUSE_MAX);
    loop {
        let room = connections.len() < config.http_connections_max;
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => {
                if let Err(cause) = ended {
                    tracing::error!(%cause, "a connection's task died");
                }
                continue;
            }
            accepted = listener.accept(), if room => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                backoff.reset();
                let connection = connection(stream, peer, router.clone(), config, shutdown.clone());
                connections.spawn(connection);
            }
            Err(cause) if is_the_peers_fault(&cause) => {}
            Err(cause) => {
                let pause = backoff.pause();
                tracing::warn!(%cause, pause_ms = pause.as_millis(), "cannot accept connections");
                wait(pause, &shutdown).await;
            }
        }
    }
    drop(listener);
    drain(connections, Duration::from_millis(config.drain_timeout_ms)).await;
}

/// One connection from its first byte to its end, or to its upgrade.
fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    config: &HttpConfig,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let header_timeout = Duration::from_millis(config.header_timeout_ms);
    let header_bytes_max = config.header_bytes_max;
    let cut = Cut::default();
    let is_cut = cut.0.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(cut.clone());
        router.clone().oneshot(request)
    });
    async move {
        // Small frames must not wait for the acknowledgement of earlier ones. An error means that the peer has gone, which
        // the first read reports as well.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(header_bytes_max)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ending = async {
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        let Some(ended) = is_cut.run_until_cancelled(ending).await else {
            return;
        };
        if let Err(cause) = ended {
            metrics::LATE_HEADS.add(u64::from(cause.is_timeout()));
            tracing::debug!(%peer, %cause, "connection ended early");
        }
    }
}

async fn drain(mut connections: JoinSet<()>, patience: Duration) {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(patience, all_ended).await.is_err() {
        tracing::warn!(
            open = connections.len(),
            "cutting connections that did not finish in time"
        );
    }
}

/// Whether the client went away between its handshake and our accept, which is no fault of ours.
fn is_the_peers_fault(cause: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        cause.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

async fn wait(pause: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = shutdown.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::sync::Arc;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::config::Config;

    const DEADLINE: Duration = Duration::from_secs(10);

    struct Serving {
        address: SocketAddr,
        shutdown: CancellationToken,
        served: JoinHandle<()>,
    }

    async fn start(router: Router, change: impl FnOnce(&mut HttpConfig)) -> Serving {
        let mut config = Config::default().http;
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let served = tokio::spawn(async move { serve(listener, router, &config, stop).await });
        Serving {
            address,
            shutdown,
            served,
        }
    }

    async fn read_all(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        tokio::time::timeout(DEADLINE, read)
            .await
            .expect("the server closes")
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    async fn ended(served: JoinHandle<()>) {
        tokio::time::timeout(DEADLINE, served)
            .await
            .expect("the server ends")
            .unwrap();
    }

    async fn request(address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        stream
    }

    /// A handler that says when it has been entered and answers when told to.
    fn slow_router() -> (Router, Arc<Notify>, Arc<Notify>) {
        let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (says, waits) = (entered.clone(), go_on.clone());
        let handler = move |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
            says.notify_one();
            waits.notified().await;
            peer.to_string()
        };
        (Router::new().route("/", get(handler)), entered, go_on)
    }

    #[tokio::test]
    async fn a_request_under_way_at_shutdown_is_answered() {
        let (router, entered, go_on) = slow_router();
        let serving = start(router, |_| {}).await;
        let mut client = request(serving.address).await;
        entered.notified().await;
        serving.shutdown.cancel();
        go_on.notify_one();
        let answer = read_all(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer.ends_with(&client.local_addr().unwrap().to_string()),
            "{answer}"
        );
        ended(serving.served).await;
    }

    #[tokio::test]
    async fn a_request_that_never_ends_does_not_hold_up_the_shutdown() {
        let (router, entered, _) = slow_router();
        let serving = start(router, |http| http.drain_timeout_ms = 20).await;
        let mut client = request(serving.address).await;
        entered.notified().await;
        serving.shutdown.cancel();
        ended(serving.served).await;
        assert_eq!(read_all(&mut client).await, "");
    }

    #[tokio::test]
    async fn a_client_that_does_not_send_its_headers_is_cut() {
        let serving = start(Router::new(), |http| http.header_timeout_ms = 20).await;
        let mut client = TcpStream::connect(serving.address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        assert_eq!(read_all(&mut client).await, "");
        serving.shutdown.cancel();
        ended(serving.served).await;
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_is_refused() {
        let serving = start(Router::new(), |http| http.header_bytes_max = 8_192).await;
        let mut client = TcpStream::connect(serving.address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}", "x".repeat(8_192));
        client.write_all(head.as_bytes()).await.unwrap();
        let answer = read_all(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        serving.shutdown.cancel();
        ended(serving.served).await;
    }

    #[tokio::test]
    async fn one_connection_more_than_allowed_waits_its_turn() {
        let (router, entered, go_on) = slow_router();
        let serving = start(router, |http| http.http_connections_max = 1).await;
        let mut first = request(serving.address).await;
        entered.notified().await;
        let mut second = request(serving.address).await;
        first
            .write_all(b"GET / HTTP/1.1\r\nconnection: close\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        go_on.notify_one();
        entered.notified().await;
        go_on.notify_one();
        read_all(&mut first).await;
        entered.notified().await;
        go_on.notify_one();
        serving.shutdown.cancel();
        assert!(read_all(&mut second).await.starts_with("HTTP/1.1 200"));
        ended(serving.served).await;
    }
}
