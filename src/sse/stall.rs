//! Ends streams whose clients do not read. hyper does not poll the body of such a stream any more, so the stream cannot end
//! by itself: its connection is cut from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt, poll_fn};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::http::Cut;
use crate::metrics;

/// How often a stream is checked within its patience.
const LOOKS: u32 = 4;
/// 0: the client took the last chunk.
const TAKEN: u64 = 0;

/// Wraps a stream: if the client does not take a chunk within `patience` (checked four times in that), its connection is
/// cut.
pub(super) fn guard<T>(
    stream: impl Stream<Item = T>,
    patience: Duration,
    cut: Cut,
) -> impl Stream<Item = T> {
    let start = Instant::now();
    // Milliseconds since the start at which a chunk was handed over, plus one, until it is taken.
    let given = Arc::new(AtomicU64::new(TAKEN));
    let mut watcher = JoinSet::new();
    watcher.spawn(watch(given.clone(), start, patience, cut));
    let mut stream = Box::pin(stream);
    poll_fn(move |context| {
        let _ends_with_the_stream = &watcher;
        given.store(TAKEN, Ordering::Relaxed);
        let polled = stream.poll_next_unpin(context);
        if let Poll::Ready(Some(_)) = &polled {
            given.store(1 + ms_since(start), Ordering::Relaxed);
        }
        polled
    })
}

async fn watch(given: Arc<AtomicU64>, start: Instant, patience: Duration, cut: Cut) {
    let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    loop {
        sleep(patience / LOOKS).await;
        let given = given.load(Ordering::Relaxed);
        if given != TAKEN && ms_since(start).saturating_sub(given) >= patience_ms {
            metrics::STALLED_STREAMS.add(1);
            return cut.cut();
        }
    }
}

fn ms_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::convert::Infallible;
    use std::net::SocketAddr;

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use axum::{Extension, Router};
    use futures_util::stream::{pending, repeat};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;
    use tokio::time::timeout;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::Config;
    use crate::http::{Routers, serve};

    const DEADLINE: Duration = Duration::from_secs(20);
    const PATIENCE: Duration = Duration::from_millis(200);

    /// Sends a message when it is dropped.
    struct DropSignal(mpsc::Sender<()>);

    impl Drop for DropSignal {
        fn drop(&mut self) {
            let _ = self.0.try_send(());
        }
    }

    async fn asked(address: SocketAddr, path: &str) -> TcpStream {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        client
    }

    #[tokio::test]
    async fn who_does_not_read_is_cut_and_who_has_read_all_may_wait() {
        let (over, mut is_over) = mpsc::channel(1);
        let flood = async move |Extension(cut): Extension<Cut>| {
            let held = DropSignal(over.clone());
            let chunks = repeat(Bytes::from_static(&[b'x'; 65_536])).map(move |chunk| {
                let _ = &held;
                Ok::<_, Infallible>(chunk)
            });
            Body::from_stream(guard(chunks, PATIENCE, cut))
        };
        let word = async |Extension(cut): Extension<Cut>| {
            let word = repeat(Ok::<_, Infallible>(Bytes::from_static(b"word"))).take(1);
            Body::from_stream(guard(word.chain(pending()), PATIENCE, cut))
        };
        let router = Router::new()
            .route("/flood", get(flood))
            .route("/word", get(word));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, end) = (listener.local_addr().unwrap(), CancellationToken::new());
        let until = end.clone();
        let routers = Routers {
            spare: router.clone(),
            all: router,
        };
        tokio::spawn(
            async move { serve(listener, routers, &Config::default().http, 8, until).await },
        );
        let mut waits = asked(address, "/word").await;
        let _deaf = asked(address, "/flood").await;
        let cut = timeout(DEADLINE, is_over.recv()).await;
        cut.expect("the stream that nobody reads ends");
        let mut text = Vec::new();
        let rest = timeout(PATIENCE, waits.read_to_end(&mut text)).await;
        assert!(rest.is_err(), "the other one goes on");
        assert!(String::from_utf8(text).unwrap().contains("word"));
        end.cancel();
    }
}
