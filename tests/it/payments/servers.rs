//! Servers in processes of their own that die and come back, beside a provider that does not.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::Method;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use crate::support::binary::{ServerProcess, seatcast};
use crate::support::caller::{Answer, Caller};
use crate::support::http_client;
use crate::support::stripe::{Stripe, WEBHOOK_SECRET};
use crate::support::viewer::Address;

/// Time within which everything is answered, whatever dies.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// The clients' pause before they ask again.
const AGAIN: Duration = Duration::from_millis(50);

pub(super) struct Servers {
    pub(super) stripe: Stripe,
    database: String,
    /// The living one, and where it is.
    living: Mutex<Option<ServerProcess>>,
    base: Mutex<String>,
    address: watch::Sender<Option<SocketAddr>>,
}

impl Servers {
    pub(super) async fn start(database: &str) -> Servers {
        let servers = Servers {
            stripe: Stripe::start().await,
            database: database.to_owned(),
            living: Mutex::default(),
            base: Mutex::default(),
            address: watch::Sender::new(None),
        };
        servers.boot().await;
        servers
    }

    async fn boot(&self) {
        let mut command = seatcast(&["serve", "--dev", "--port", "0", "--limits", "off"]);
        command.args(["--database-url", &self.database]);
        command.args(["--stripe-secret-key", "sk_test_1"]);
        command.args(["--stripe-webhook-secret", WEBHOOK_SECRET]);
        command.args(["--stripe-api-base", &self.stripe.base()]);
        // Starting blocks.
        let start = || ServerProcess::run(command, Stdio::null());
        let server = tokio::task::block_in_place(start);
        self.stripe.notify(&server.url).await;
        *self.base.lock().unwrap() = server.url.clone();
        self.address.send_replace(Some(server.address()));
        *self.living.lock().unwrap() = Some(server);
    }

    /// SIGKILL; then another one starts.
    pub(super) async fn kill(&self) {
        let server = self.living.lock().unwrap().take();
        server.expect("one lives").kill();
        self.boot().await;
    }

    /// For viewers.
    pub(super) fn address(&self) -> Address {
        self.address.subscribe()
    }

    fn base(&self) -> String {
        self.base.lock().unwrap().clone()
    }

    /// Asks until it is answered by something that is not the server's own state.
    pub(super) async fn ask(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Option<&Value>,
    ) -> Answer {
        let started = Instant::now();
        loop {
            let mut caller = Caller::new(http_client(), self.base());
            for (name, value) in headers {
                caller = caller.with_header(name, value.clone());
            }
            let answer = caller.try_send(method.clone(), path, body.map(Value::to_string));
            let said = match answer.await {
                Ok(answer) if answer.status < 500 => return answer,
                Ok(answer) => answer.text,
                Err(error) => error.to_string(),
            };
            assert!(started.elapsed() < PATIENCE, "{method} {path}: {said}");
            sleep(AGAIN).await;
        }
    }
}

/// A connection, as soon as the database takes one.
pub(super) async fn again(url: &str) -> Client {
    let started = Instant::now();
    loop {
        match tokio_postgres::connect(url, tokio_postgres::NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                return client;
            }
            Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
        }
        sleep(AGAIN).await;
    }
}

/// Kills one backend: Postgres ends all of them and recovers. `false` if there was none, or it ended by itself just now.
pub(super) async fn crash(url: &str) -> bool {
    let client = again(url).await;
    let sql = "select pid from pg_stat_activity
                where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1";
    let Ok(Some(row)) = client.query_opt(sql, &[]).await else {
        return false;
    };
    let pid = Pid::from_raw(row.get(0)).unwrap();
    match kill_process(pid, Signal::KILL) {
        Ok(()) => true,
        Err(Errno::SRCH) => false,
        Err(error) => panic!("{error}"),
    }
}
