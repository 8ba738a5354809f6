//! A link that can be cut, stalled and restored: a proxy before Postgres or before the server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const SOCKET: &str = ".s.PGSQL.5432";

/// Dropping it cuts the link for good.
pub(crate) struct Link {
    state: watch::Sender<LinkState>,
    /// Cancelled to cut the current connections, then replaced.
    connections: Arc<Mutex<CancellationToken>>,
    end: CancellationToken,
    _folder: Option<tempfile::TempDir>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Up,
    /// Connections stay and no byte passes, as in a network that loses everything.
    Stalled,
    /// New connections are closed at once.
    Down,
}

impl Link {
    /// A link to a Postgres on a unix socket; the second value is the URL that goes through the link.
    pub(crate) fn to_postgres(url: &str) -> (Link, String) {
        let (head, host_on) = url
            .split_once("host=")
            .expect("a URL with a socket's folder");
        let (host, rest) = host_on.split_once('&').unwrap_or((host_on, ""));
        let upstream = PathBuf::from(host).join(SOCKET);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
        let through = format!("{head}host={}&{rest}", folder.path().display());
        let link = Link::new(Some(folder));
        link.serve(listener, move || UnixStream::connect(upstream.clone()));
        (link, through)
    }

    /// A link to a server on TCP; the second value is the address to use in its place.
    pub(crate) async fn to_server(upstream: SocketAddr) -> (Link, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let link = Link::new(None);
        link.serve(listener, move || TcpStream::connect(upstream));
        (link, address)
    }

    /// Closes all connections and every new one, until [`Link::restore`].
    pub(crate) fn cut(&self) {
        self.state.send_replace(LinkState::Down);
        self.sever();
    }

    /// Closes all connections; new ones pass.
    pub(crate) fn sever(&self) {
        let mut connections = self.connections.lock().expect("no panic while held");
        std::mem::take(&mut *connections).cancel();
    }

    /// Holds back all bytes in both directions until [`Link::restore`].
    pub(crate) fn stall(&self) {
        self.state.send_replace(LinkState::Stalled);
    }

    pub(crate) fn restore(&self) {
        self.state.send_replace(LinkState::Up);
    }
}

impl Link {
    fn new(folder: Option<tempfile::TempDir>) -> Link {
        Link {
            state: watch::Sender::new(LinkState::Up),
            connections: Arc::default(),
            end: CancellationToken::new(),
            _folder: folder,
        }
    }

    fn serve<L, C, F>(&self, listener: L, connect: C)
    where
        L: Listen,
        C: Fn() -> F + Send + 'static,
        F: Future<Output = io::Result<L::Stream>> + Send + 'static,
    {
        let (state, connections) = (self.state.subscribe(), self.connections.clone());
        let accept = async move {
            while let Ok(near) = listener.accept().await {
                if *state.borrow() == LinkState::Down {
                    continue;
                }
                let cut = connections.lock().expect("no panic while held").clone();
                let (far, state) = (connect(), state.clone());
                tokio::spawn(async move {
                    cut.run_until_cancelled(relay(near, far, state)).await;
                });
            }
        };
        let end = self.end.clone();
        tokio::spawn(async move { end.run_until_cancelled(accept).await });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end.cancel();
        self.cut();
    }
}

/// A TCP or unix listener.
trait Listen: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Send + 'static;
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listen for TcpListener {
    type Stream = TcpStream;
    async fn accept(&self) -> io::Result<TcpStream> {
        Ok(TcpListener::accept(self).await?.0)
    }
}

impl Listen for UnixListener {
    type Stream = UnixStream;
    async fn accept(&self) -> io::Result<UnixStream> {
        Ok(UnixListener::accept(self).await?.0)
    }
}

/// Copies both ways until either side ends, and closes both streams.
async fn relay<S: AsyncRead + AsyncWrite>(
    near: S,
    far: impl Future<Output = io::Result<S>>,
    state: watch::Receiver<LinkState>,
) {
    let Ok(far) = far.await else { return };
    let (near_read, near_write) = tokio::io::split(near);
    let (far_read, far_write) = tokio::io::split(far);
    tokio::select! {
        _ = pump(near_read, far_write, state.clone()) => {}
        _ = pump(far_read, near_write, state) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<LinkState>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        let up = state.wait_for(|state| *state != LinkState::Stalled).await;
        up.map_err(io::Error::other)?;
        to.write_all(&buffer[..length]).await?;
    }
}

mod tests {
    use std::time::Duration;

    use super::super::database::{TestDatabase, connect};
    use super::*;

    #[tokio::test]
    async fn a_cut_closes_and_a_restore_lets_in() {
        let database = TestDatabase::new().await;
        let (link, url) = Link::to_postgres(database.url());
        let before = connect(&url).await;
        before.simple_query("select").await.unwrap();
        link.cut();
        assert!(before.simple_query("select").await.is_err());
        assert!(
            tokio_postgres::connect(&url, tokio_postgres::NoTls)
                .await
                .is_err()
        );
        link.restore();
        connect(&url).await.simple_query("select").await.unwrap();
    }

    #[tokio::test]
    async fn a_stalled_link_delivers_late_and_loses_nothing() {
        let database = TestDatabase::new().await;
        let (link, url) = Link::to_postgres(database.url());
        let client = connect(&url).await;
        link.stall();
        let mut answer = std::pin::pin!(client.simple_query("select"));
        let early = tokio::time::timeout(Duration::from_millis(100), &mut answer).await;
        assert!(early.is_err(), "nothing may come through");
        link.restore();
        answer.await.unwrap();
        link.sever();
        assert!(client.simple_query("select").await.is_err());
        connect(&url).await;
    }

    #[tokio::test]
    async fn a_server_is_reached_through_a_link() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (link, address) = Link::to_server(server.local_addr().unwrap()).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"seat").await.unwrap();
        let mut accepted = server.accept().await.unwrap().0;
        let mut bytes = [0; 4];
        accepted.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"seat");
        link.cut();
        assert_eq!(client.read(&mut bytes).await.unwrap(), 0);
    }
}
