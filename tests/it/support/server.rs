//! The real server on a free port, with a database of its own.
//!
//! ```ignore
//! let server = TestServer::start().await;
//! let server = TestServer::builder().with(|config| config.feed.poll_interval_ms = 100).start().await;
//! let second_node = TestServer::builder().beside(&server).start().await;
//! ```
//!
//! It runs on a thread with a runtime of its own, much like in its own process; dropping it drains it. Development mode
//! is on, so `X-User-Id` names callers. Limits by address and account are off unless it is [`Builder::limited`].

use super::http_client;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use seatcast::config::{Config, Switch};
use seatcast::run::{RunError, run};
use seatcast::store::audit::audit;
use seatcast::ticketing::UserId;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::database::{TestDatabase, acting_as};
use super::websocket::{Socket, WireVersion};

/// The longest time that a test waits for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct TestServer {
    pub(crate) database: Arc<TestDatabase>,
    address: SocketAddr,
    shutdown: CancellationToken,
    /// `None` once it was waited for.
    thread: Option<JoinHandle<Result<(), RunError>>>,
    http: reqwest::Client,
}

/// Settings of the server. By default: the command line's defaults, development mode, a database of its own.
pub(crate) struct Builder {
    config: Config,
    database: Option<Arc<TestDatabase>>,
    url: Option<String>,
}

impl Builder {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Config)) -> Builder {
        change(&mut self.config);
        self
    }

    /// With the limits by address and account that it has by default.
    pub(crate) fn limited(self) -> Builder {
        self.with(|config| config.limits.limits = Switch::On)
    }

    /// On a database that is there already.
    pub(crate) fn on(mut self, database: Arc<TestDatabase>) -> Builder {
        self.database = Some(database);
        self
    }

    /// One more node on the database of `other`.
    pub(crate) fn beside(self, other: &TestServer) -> Builder {
        self.on(other.database.clone())
    }

    /// The server reaches its database by this URL, for example through a link that can be cut.
    pub(crate) fn through(mut self, url: String) -> Builder {
        self.url = Some(url);
        self
    }

    pub(crate) async fn start(self) -> TestServer {
        let database = match self.database {
            Some(database) => database,
            None => Arc::new(TestDatabase::new().await),
        };
        // With no right that `sql/roles.sql` does not give; a pooler in between knows no roles.
        let own = || acting_as("server", database.url());
        let url = self.url.unwrap_or_else(own);
        let (config, shutdown) = (self.config, CancellationToken::new());
        let (ready, started) = oneshot::channel();
        let stop = shutdown.clone();
        let thread = std::thread::spawn(move || serve(config, url, stop, ready));
        let Ok(address) = started.await else {
            panic!("the server did not start: {:?}", thread.join());
        };
        TestServer {
            database,
            address,
            shutdown,
            thread: Some(thread),
            http: http_client(),
        }
    }
}

fn serve(
    config: Config,
    url: String,
    shutdown: CancellationToken,
    ready: oneshot::Sender<SocketAddr>,
) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        run(config, url, listener, shutdown, |address| {
            let _ = ready.send(address);
        })
        .await
    })
}

impl TestServer {
    pub(crate) fn builder() -> Builder {
        let mut config = Config::default();
        config.auth.dev = true;
        config.no_migrate = true;
        config.socket.shards = 2;
        config.database.pool_connections_max = 8;
        // All callers of a test have one address.
        config.limits.limits = Switch::Off;
        Builder {
            config,
            database: None,
            url: None,
        }
    }

    pub(crate) async fn start() -> TestServer {
        Self::builder().start().await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Another program that writes to the database.
    pub(crate) async fn client(&self) -> Client {
        self.database.client().await
    }

    /// A REST caller without an account.
    pub(crate) fn anonymous(&self) -> Caller {
        Caller::new(self.http.clone(), format!("http://{}", self.address))
    }

    /// A REST caller with this `X-User-Id`.
    pub(crate) fn user(&self, id: UserId) -> Caller {
        self.anonymous().with_header("x-user-id", id.to_string())
    }

    /// A WebSocket connection without an account.
    pub(crate) async fn ws(&self, vsn: WireVersion) -> Socket {
        Socket::connect(self.address, vsn).await
    }

    /// Checks the whole database against its promises.
    pub(crate) async fn audit(&self) {
        let report = audit(&self.database.store().await).await.expect("an audit");
        assert!(report.is_clean(), "{report}");
    }

    /// Drains the server, waits for its end, and returns how it ended.
    pub(crate) async fn stop(mut self) -> Result<(), RunError> {
        self.shutdown.cancel();
        let thread = self.thread.take().expect("waited for once");
        let ended = tokio::task::spawn_blocking(move || thread.join());
        ended.await.expect("a blocking thread").expect("no panic")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
        // The server has to end before its database, which is dropped after this.
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}
