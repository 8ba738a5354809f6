//! Ends connections whose clients do not read. hyper waits for a full socket for ever, and the connection would keep its place.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::metrics;

/// A connection that fails once it took nothing of what is to be written for `patience`.
pub(crate) struct StallGuard<S> {
    inner: S,
    patience: Duration,
    /// Since something waits to be written.
    due: Option<Pin<Box<Sleep>>>,
}

impl<S> StallGuard<S> {
    pub(super) fn new(inner: S, patience: Duration) -> StallGuard<S> {
        StallGuard {
            inner,
            patience,
            due: None,
        }
    }

    /// For whoever takes the connection over, and has bounds of its own.
    pub(crate) fn into_inner(self) -> S {
        self.inner
    }

    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.due = None;
            return written;
        }
        let patience = self.patience;
        let due = self.due.get_or_insert_with(|| Box::pin(sleep(patience)));
        if due.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        metrics::STALLED_ANSWERS.add(1);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallGuard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::convert::Infallible;
    use std::net::SocketAddr;

    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream::{StreamExt, pending, repeat};
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
    /// More than the kernel keeps for a client that does not read.
    const LARGE_BYTES: usize = 64 * 1024 * 1024;

    /// Sends a message when it is dropped.
    struct DropSignal(mpsc::Sender<&'static str>, &'static str);

    impl Drop for DropSignal {
        fn drop(&mut self) {
            let _ = self.0.try_send(self.1);
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
        let (over, mut is_over) = mpsc::channel(2);
        let of_large = over.clone();
        let flood = async move || {
            let held = DropSignal(over.clone(), "flood");
            let chunks = repeat(Bytes::from_static(&[b'x'; 65_536])).map(move |chunk| {
                let _ = &held;
                Ok::<_, Infallible>(chunk)
            });
            Body::from_stream(chunks)
        };
        // As a page or a seat map: its length is known, and all of it is there.
        let large = async move || {
            let held = DropSignal(of_large.clone(), "large");
            Body::from(Bytes::from_owner(Large(vec![b'x'; LARGE_BYTES], held)))
        };
        let word = async || {
            let word = repeat(Ok::<_, Infallible>(Bytes::from_static(b"word"))).take(1);
            Body::from_stream(word.chain(pending()))
        };
        let router = Router::new()
            .route("/flood", get(flood))
            .route("/large", get(large))
            .route("/word", get(word));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, end) = (listener.local_addr().unwrap(), CancellationToken::new());
        let until = end.clone();
        let routers = Routers {
            spare: router.clone(),
            all: router,
        };
        let mut config = Config::default().http;
        config.stall_timeout_ms = u64::try_from(PATIENCE.as_millis()).unwrap();
        tokio::spawn(async move { serve(listener, routers, &config, 8, until).await });
        let mut waits = asked(address, "/word").await;
        let _deaf = (
            asked(address, "/flood").await,
            asked(address, "/large").await,
        );
        let mut cut = Vec::new();
        for _ in 0..2 {
            let one = timeout(DEADLINE, is_over.recv()).await;
            cut.push(one.expect("what nobody reads ends").unwrap());
        }
        cut.sort_unstable();
        assert_eq!(cut, ["flood", "large"]);
        let mut text = Vec::new();
        let rest = timeout(PATIENCE, waits.read_to_end(&mut text)).await;
        assert!(rest.is_err(), "the other one goes on");
        assert!(String::from_utf8(text).unwrap().contains("word"));
        end.cancel();
    }

    struct Large(
        Vec<u8>,
        #[expect(dead_code, reason = "says when it is dropped")] DropSignal,
    );

    impl AsRef<[u8]> for Large {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
}
