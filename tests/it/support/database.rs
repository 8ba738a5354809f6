//! A database for each test, copied from a template that is migrated once per run.

use std::error::Error;
use std::sync::LazyLock;

use seatcast::config::{Config, DatabaseConfig};
use seatcast::store::Store;
use seatcast::store::migrate::migrate;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, NoTls};

use super::postgres::ThrowawayPostgres;
use super::server::DEADLINE;

const TEMPLATE: &str = "seatcast_template";

/// A migrated database without rows. It is dropped with the value.
pub(crate) struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    pub(crate) async fn new() -> TestDatabase {
        let (reply, answer) = oneshot::channel();
        CLERK.send(Job::Create(reply)).expect("the clerk lives");
        answer.await.expect("the clerk made a database")
    }

    /// For tokio-postgres, `psql` and `seatcast --database-url`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The store that the server would use.
    pub(crate) async fn store(&self) -> Store {
        Store::connect(&config(), &self.url).await.expect("a store")
    }

    /// Another database of the cluster, empty: not even migrated. It stays until the run ends.
    pub(crate) async fn sibling(&self, name: &str) -> String {
        let name = format!("{}_{name}", self.name);
        let sql = format!("create database {name}");
        self.client()
            .await
            .batch_execute(&sql)
            .await
            .expect("a database");
        in_database_of(&self.url, &self.name, &name)
    }

    /// A connection of the test's own, for Seatcast just another writer.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        // Without the clerk the cluster is going down, and the database with it.
        let _ = CLERK.send(Job::Drop(name));
    }
}

/// An address under which a session acts as one of the roles of `sql/roles.sql`.
pub(crate) fn acting_as(role: &str, url: &str) -> String {
    format!("{url}&options=-c%20role%3Dseatcast_{role}")
}

/// Makes the roles and gives them their rights, as operators do before and after each migration.
pub(crate) async fn grant(url: &str) {
    let roles = include_str!("../../../sql/roles.sql");
    let client = connect(url).await;
    client.batch_execute(roles).await.expect("roles.sql runs");
}

/// Connects and leaves the connection to a task that ends with the client.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the test cluster takes connections");
    tokio::spawn(connection);
    let ours = "set search_path = seatcast, public";
    client.batch_execute(ours).await.expect("a search path");
    client
}

enum Job {
    Create(oneshot::Sender<TestDatabase>),
    Drop(String),
}

/// Until a session of the client's database waits for a lock. The client has no transaction open: within one, what others
/// do is read once.
pub(crate) async fn wait_for_a_lock(client: &Client) {
    let waits = async {
        let sql = "select exists (select from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock')";
        while !client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waits)
        .await
        .expect("somebody waits");
}

/// The clerk: a thread that owns the cluster for the life of the process and makes databases one by one. A test could
/// not, since its runtime ends with it.
static CLERK: LazyLock<mpsc::UnboundedSender<Job>> = LazyLock::new(|| {
    let (jobs, inbox) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let postgres = ThrowawayPostgres::start().expect("a throw-away Postgres");
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(serve(&postgres, inbox));
    });
    jobs
});

async fn serve(postgres: &ThrowawayPostgres, mut inbox: mpsc::UnboundedReceiver<Job>) {
    let admin = connect(&in_database(postgres.url(), "postgres")).await;
    let sql = format!("create database {TEMPLATE}");
    admin.batch_execute(&sql).await.expect("a template");
    // As on a database that Seatcast shares with others: the owner migrates, the server may do what it needs.
    let template = in_database(postgres.url(), TEMPLATE);
    grant(&template).await;
    let migrated = migrate(&config(), &acting_as("owner", &template)).await;
    if let Err(error) = migrated {
        // Its debug form would print every migration.
        let cause = error.source().map(ToString::to_string);
        panic!("{error}: {}", cause.unwrap_or_default());
    }
    grant(&template).await;
    let mut count = 0;
    while let Some(job) = inbox.recv().await {
        match job {
            Job::Create(reply) => {
                count += 1;
                let name = format!("test_{count}");
                let sql = format!("create database {name} template {TEMPLATE}");
                admin
                    .batch_execute(&sql)
                    .await
                    .expect("a copy of the template");
                let url = in_database(postgres.url(), &name);
                let _ = reply.send(TestDatabase { name, url });
            }
            Job::Drop(name) => {
                let sql = format!("drop database {name} with (force)");
                admin.batch_execute(&sql).await.expect("a drop by force");
            }
        }
    }
}

fn config() -> DatabaseConfig {
    Config::default().database
}

/// The same cluster, another database.
fn in_database(url: &str, name: &str) -> String {
    in_database_of(url, "seatcast", name)
}

fn in_database_of(url: &str, old: &str, name: &str) -> String {
    url.replacen(&format!("///{old}?"), &format!("///{name}?"), 1)
}
