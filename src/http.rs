//! The accept loop: HTTP/1.1 over TCP in front of the router.
//!
//! hyper is given the [`Transport`] itself, so the WebSocket handshake can take the bare socket back with
//! `Upgraded::downcast`.

mod crowding;
mod stall;
mod unread;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use self::crowding::{Crowding, NetworkPlace};
use self::stall::StallGuard;
use crate::config::HttpConfig;
use crate::config::inside::{SPARE_CONNECTION_MS, SPARE_CONNECTIONS_MAX};
use crate::limits::address::{Client, Proxies, X_FORWARDED_FOR, X_REAL_IP};
use crate::limits::proxy_protocol::{self, ProxySource};
use crate::metrics;
use crate::pacing::Backoff;
use crate::tasks::Tasks;

/// First and longest pause after accepting failed, as it does when file descriptors run out.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// The connection that hyper reads from and writes to.
pub(crate) type Transport = TokioIo<StallGuard<TcpStream>>;

/// A connection's place among those of all clients. Every request has it among its extensions; a task that takes the
/// connection over (a WebSocket's shard) keeps it until the connection ends.
#[derive(Debug, Clone)]
pub struct ConnectionPlace(
    #[expect(dead_code, reason = "held, to be given back when dropped")] Arc<OwnedSemaphorePermit>,
);

/// The routes for connections with a place, and for spare ones.
pub struct Routers {
    pub all: Router,
    /// Served when all places are taken: health and metrics; other requests are told to come back.
    pub spare: Router,
}

/// Starts the accept loop.
pub(crate) fn start(
    front: &mut Tasks,
    config: &HttpConfig,
    clients_max: usize,
    listener: TcpListener,
    routers: Routers,
) {
    let (config, end) = (config.clone(), front.end());
    let accepting = async move { serve(listener, routers, &config, clients_max, end).await };
    front.spawn_endless("the accept loop", accepting);
}

/// Serves until `shutdown`, then accepts nothing more, lets the requests under way finish for as
/// long as the configuration says, and cuts the rest.
///
/// At most `clients_max` connections have a place, including upgraded ones, and no network has more than its part of those
/// that are not; further ones get a few seconds on one of a few spare connections.
pub async fn serve(
    listener: TcpListener,
    routers: Routers,
    config: &HttpConfig,
    clients_max: usize,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(clients_max.min(Semaphore::MAX_PERMITS)));
    let (mut connections, mut spare) = (JoinSet::new(), Spare::default());
    let crowding = Crowding::new(config, clients_max);
    let header_timeout = Duration::from_millis(config.header_timeout_ms);
    let mut backoff = Backoff::new(ACCEPT_PAUSE_MIN, ACCEPT_PAUSE_MAX);
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => {
                if let Err(cause) = ended {
                    tracing::error!(%cause, "a connection's task died");
                }
                continue;
            }
            Some(_) = spare.tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                backoff.reset();
                let place = places.clone().try_acquire_owned().ok();
                let place = place.filter(|_| connections.len() < config.http_connections_max);
                match place.zip(crowding.admit(peer.ip())) {
                    Some((place, of_network)) => {
                        let visit = Visit {
                            peer,
                            router: routers.all.clone(),
                            place: Some(ConnectionPlace(Arc::new(place))),
                            of_network,
                            crowding: crowding.clone(),
                            header_timeout,
                        };
                        connections.spawn(visit.run(stream, config, shutdown.clone()));
                    }
                    None => {
                        metrics::SPARE_CONNECTIONS.add(1);
                        let visit = Visit {
                            peer,
                            router: routers.spare.clone(),
                            place: None,
                            of_network: NetworkPlace::default(),
                            crowding: crowding.clone(),
                            header_timeout: header_timeout.min(SPARE_TIME / 2),
                        };
                        let visit = visit.run(stream, config, shutdown.clone());
                        spare.serve(visit).await;
                    }
                }
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

/// Connections without a place, oldest first.
#[derive(Default)]
struct Spare {
    tasks: JoinSet<()>,
    order: VecDeque<AbortHandle>,
}

impl Spare {
    /// Serves a spare connection, and ends the oldest if there are too many: a health check sends its request at once,
    /// and a connection that stays silent is the one that should go.
    async fn serve(&mut self, visit: impl Future<Output = ()> + Send + 'static) {
        self.order.retain(|task| !task.is_finished());
        while self.tasks.len() >= SPARE_CONNECTIONS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                oldest.abort();
            }
            // The aborted connection's descriptor is closed only when its task has ended.
            self.tasks.join_next().await;
        }
        let visit = async {
            // An error means that its time is up.
            let _ = tokio::time::timeout(SPARE_TIME, visit).await;
        };
        self.order.push_back(self.tasks.spawn(visit));
    }
}

const SPARE_TIME: Duration = Duration::from_millis(SPARE_CONNECTION_MS);

/// A connection, with the routes that it is served.
struct Visit {
    peer: SocketAddr,
    router: Router,
    /// `None` for a spare one.
    place: Option<ConnectionPlace>,
    /// Given back when the connection ends or is upgraded.
    of_network: NetworkPlace,
    crowding: Crowding,
    header_timeout: Duration,
}

impl Visit {
    /// One connection from its first byte to its end, or to its upgrade.
    fn run(
        self,
        stream: TcpStream,
        config: &HttpConfig,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let Visit {
            peer,
            router,
            place,
            mut of_network,
            crowding,
            header_timeout,
        } = self;
        let header_bytes_max = config.header_bytes_max;
        let stall_timeout = Duration::from_millis(config.stall_timeout_ms);
        let keep_alive = place.is_some();
        let proxies = Proxies::of(config);
        let is_announced = config.proxy_protocol && proxies.trusts(peer.ip());
        async move {
            let mut stream = stream;
            let peer = match is_announced {
                false => peer.ip(),
                true => match announced(&mut stream, peer.ip(), header_timeout).await {
                    Ok(client) => match crowding.admit(client) {
                        Some(place) => {
                            of_network = place;
                            client
                        }
                        None => return,
                    },
                    Err(cause) => {
                        tracing::debug!(%peer, %cause, "a proxy did not say whom it connects");
                        return;
                    }
                },
            };
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let (mut request, unread) = unread::kept(request);
                let client = Client::of(peer, request.headers(), &proxies);
                hint_at_proxy(peer, request.headers(), &proxies);
                request.extensions_mut().insert(client);
                if let Some(place) = &place {
                    request.extensions_mut().insert(place.clone());
                }
                let answering = router.clone().oneshot(request);
                async move {
                    let answer = unread.before(answering.await?).await;
                    Ok::<_, Infallible>(with_one_vary(answer))
                }
            });
            // Small frames must not wait for the acknowledgement of the one before. An error means
            // that the peer has gone, which the first read shows as well.
            let _ = stream.set_nodelay(true);
            let transport: Transport = TokioIo::new(StallGuard::new(stream, stall_timeout));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(keep_alive)
                .header_read_timeout(header_timeout)
                .max_buf_size(header_bytes_max)
                .serve_connection(transport, service)
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
            if let Err(cause) = ending.await {
                metrics::LATE_HEADS.add(u64::from(cause.is_timeout()));
                tracing::debug!(%peer, %cause, "connection ended early");
            }
            drop(of_network);
        }
    }
}

/// Behind a proxy that is not trusted all clients count as one, and get one buyer's share of an event. That shows only
/// when many have come, so it is said at the first request.
fn hint_at_proxy(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) {
    static SAID: Once = Once::new();
    let peer = peer.to_canonical();
    let is_near = match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
    };
    let is_forwarded = || {
        let names = [header::FORWARDED, X_FORWARDED_FOR, X_REAL_IP, header::VIA];
        names.iter().any(|name| headers.contains_key(name))
    };
    if is_near && !SAID.is_completed() && is_forwarded() && !proxies.trusts(peer) {
        SAID.call_once(|| {
            tracing::warn!(
                %peer,
                "requests are forwarded by a proxy that is not among --trusted-proxies: all its clients count as one, \
                 and have one buyer's share of an event. Start with --trusted-proxies {peer}"
            );
        });
    }
}

/// Layers each add a line of their own, and caches such as nginx before 1.23 go by the last one alone.
fn with_one_vary(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if headers.get_all(header::VARY).iter().count() > 1 {
        let lines = headers.get_all(header::VARY).iter();
        let lines: Vec<&[u8]> = lines.map(HeaderValue::as_bytes).collect();
        if let Ok(line) = HeaderValue::from_bytes(&lines.join(&b", "[..])) {
            headers.insert(header::VARY, line);
        }
    }
    response
}

/// The address that a proxy says it connects; its own where it connects for itself.
async fn announced(
    stream: &mut TcpStream,
    proxy: IpAddr,
    patience: Duration,
) -> io::Result<IpAddr> {
    match tokio::time::timeout(patience, proxy_protocol::read(stream)).await {
        Ok(source) => Ok(match source? {
            ProxySource::Address(client) => client,
            ProxySource::Unknown => proxy,
        }),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
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
        let routers = Routers {
            all: router,
            spare: Router::new().fallback(async || "spare"),
        };
        let served = tokio::spawn(async move { serve(listener, routers, &config, 8, stop).await });
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

    /// A handler that signals when it is called, and answers on a signal.
    fn slow_router() -> (Router, Arc<Notify>, Arc<Notify>) {
        let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (says, waits) = (entered.clone(), go_on.clone());
        let handler = move |client: Client| async move {
            says.notify_one();
            waits.notified().await;
            client.to_string()
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
        assert!(answer.ends_with("127.0.0.1"), "{answer}");
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

    /// Health routes are answered even when all places for connections are taken.
    #[tokio::test]
    async fn one_connection_more_than_allowed_gets_a_spare_one() {
        let (router, entered, go_on) = slow_router();
        let serving = start(router, |http| http.http_connections_max = 1).await;
        let mut first = request(serving.address).await;
        entered.notified().await;
        // The server closes it by itself.
        let spare = read_all(&mut request(serving.address).await).await;
        assert!(spare.ends_with("spare"), "{spare}");
        go_on.notify_one();
        first.shutdown().await.unwrap();
        assert!(read_all(&mut first).await.starts_with("HTTP/1.1 200"));
        let mut second = request(serving.address).await;
        entered.notified().await;
        go_on.notify_one();
        serving.shutdown.cancel();
        assert!(read_all(&mut second).await.starts_with("HTTP/1.1 200"));
        ended(serving.served).await;
    }

    /// Takes the connection over, as WebSockets do; it is then no HTTP connection any more.
    #[tokio::test]
    async fn a_place_is_taken_for_as_long_as_somebody_keeps_it() {
        let kept = Arc::new(std::sync::Mutex::new(Vec::new()));
        let keeps = kept.clone();
        let router = Router::new().route(
            "/",
            get(
                async move |axum::Extension(place): axum::Extension<ConnectionPlace>| {
                    keeps.lock().unwrap().push(place);
                    "kept"
                },
            ),
        );
        let serving = start(router, |_| {}).await;
        let ask = async || {
            let mut client = TcpStream::connect(serving.address).await.unwrap();
            let head = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            client.write_all(head).await.unwrap();
            read_all(&mut client).await
        };
        for _ in 0..8 {
            assert!(ask().await.ends_with("kept"));
        }
        assert!(ask().await.ends_with("spare"));
        kept.lock().unwrap().pop();
        assert!(ask().await.ends_with("kept"));
        serving.shutdown.cancel();
        ended(serving.served).await;
    }
}
