//! Connections to the database are encrypted as its address says, all of them.

use std::error::Error;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use seatcast::config::Config;
use seatcast::store::Store;
use tokio_postgres::Client;

use crate::support::binary::{ServerProcess, output, seatcast};
use crate::support::database::connect;
use crate::support::free_port;
use crate::support::postgres::ThrowawayPostgres;
use crate::support::server::DEADLINE;

/// A certificate for `localhost`, signed by an authority of our own.
const SIGNED: &str = "
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=Authority -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
    echo subjectAltName=DNS:localhost > server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
        -extfile server.ext -out server.pem";

/// The quick way: a certificate for `localhost` that is its own authority.
const OWN: &str = "
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout server.key -out server.pem
    cp server.pem ca.pem";

/// A certificate as `openssl x509 -req` makes it without extensions: version 1.
const OLD: &str = "
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
    openssl x509 -req -in server.csr -signkey server.key -days 2 -out server.pem
    cp server.pem ca.pem";

/// A Postgres that listens on a port.
struct Listening {
    postgres: ThrowawayPostgres,
    certificates: PathBuf,
    port: u16,
}

impl Listening {
    /// It shows the certificate that the script leaves in `server.pem`, and takes no other account
    /// than `bound` over TLS only.
    async fn with(script: &'static str) -> Listening {
        let making = move || {
            let postgres = ThrowawayPostgres::start().expect("a throw-away Postgres");
            let certificates = postgres.data_dir().join("tls");
            make(
                script,
                &certificates,
                &postgres.data_dir().join("postgres/data"),
            );
            let mut listening = Listening {
                postgres,
                certificates,
                port: 0,
            };
            listening.restart(true);
            listening
        };
        let made = tokio::task::spawn_blocking(making);
        made.await.expect("a Postgres with TLS")
    }

    /// On another port: the one it had may be another's by now.
    fn restart(&mut self, encrypts: bool) {
        self.postgres.stop().expect("a stop");
        self.port = free_port();
        let mut options = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", self.port),
        ];
        if encrypts {
            options.extend([
                "ssl=on".to_owned(),
                format!("ssl_cert_file={}", self.file("server.pem")),
                format!("ssl_key_file={}", self.file("server.key")),
            ]);
        }
        self.postgres.resume_with(&options).expect("a start");
    }

    fn file(&self, name: &str) -> String {
        self.certificates.join(name).display().to_string()
    }

    fn data(&self) -> PathBuf {
        self.postgres.data_dir().join("postgres/data")
    }

    /// The URL at `host` with these parameters; `{ca}` stands for the authority's file.
    fn url(&self, host: &str, parameters: &str) -> String {
        let parameters = parameters.replace("{ca}", &self.file("ca.pem"));
        format!(
            "postgres://seatcast@{host}:{}/seatcast?{parameters}",
            self.port
        )
    }

    /// A connection of the test's own, without TLS.
    async fn client(&self) -> Client {
        connect(&self.url("127.0.0.1", "sslmode=disable")).await
    }

    /// Whether Postgres sees the store's connection as encrypted, or why there is none.
    async fn sees(&self, url: &str) -> Result<bool, String> {
        let database = Config::default().database;
        let store = Store::connect(&database, url)
            .await
            .map_err(|error| chain(&error))?;
        let seen = ours(&self.client().await).await;
        assert_eq!(seen.len(), 1, "{url}");
        drop(store);
        self.nobody_else().await;
        Ok(seen[0].0)
    }

    /// Waits until Postgres has seen our connections end.
    async fn nobody_else(&self) {
        until(&self.client().await, |seen| seen.is_empty()).await;
    }
}

/// Runs the script in a new folder that Postgres can read.
fn make(script: &str, folder: &Path, data: &Path) {
    std::fs::create_dir(folder).expect("a folder");
    let made = Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "openssl is there and works: {said}");
    // Postgres wants the key to be its own, and nobody else's.
    let owner = std::fs::metadata(data).expect("the cluster");
    let key = folder.join("server.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("its owner");
    chown(&key, Some(owner.uid()), Some(owner.gid())).expect("its owner, or root");
}

/// A connection of Seatcast's: whether it is encrypted, and its last statement.
type Seen = (bool, String);

async fn ours(client: &Client) -> Vec<Seen> {
    let sql = "select ssl, query from pg_stat_ssl join pg_stat_activity using (pid)
               where application_name = 'seatcast'";
    let rows = client.query(sql, &[]).await.expect("the statistics");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Looks again until they are as expected.
async fn until(client: &Client, expected: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
    let looking = async {
        loop {
            let seen = ours(client).await;
            if expected(&seen) {
                return seen;
            }
        }
    };
    let found = tokio::time::timeout(DEADLINE, looking).await;
    found.expect("Postgres sees what is expected")
}

fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

#[tokio::test]
async fn the_address_decides() {
    let server = Listening::with(SIGNED).await;
    for (host, parameters, encrypted) in [
        ("127.0.0.1", "", true),
        ("127.0.0.1", "sslmode=disable", false),
        ("127.0.0.1", "sslmode=prefer", true),
        ("127.0.0.1", "sslmode=require", true),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert={ca}", true),
        ("localhost", "sslmode=verify-full&sslrootcert={ca}", true),
    ] {
        let url = server.url(host, parameters);
        assert_eq!(server.sees(&url).await, Ok(encrypted), "{url}");
    }
}

#[tokio::test]
async fn a_server_that_is_another_is_refused() {
    let (server, another) = tokio::join!(Listening::with(SIGNED), Listening::with(OWN));
    let theirs = format!("sslrootcert={}", another.file("ca.pem"));
    for (host, parameters, why) in [
        (
            "127.0.0.1",
            "sslmode=verify-full&sslrootcert={ca}",
            "is for another host",
        ),
        (
            "localhost",
            &*format!("sslmode=verify-full&{theirs}"),
            "no trusted authority",
        ),
        (
            "localhost",
            &*format!("sslmode=verify-ca&{theirs}"),
            "no trusted authority",
        ),
        // As with libpq: who names an authority wants to know.
        (
            "localhost",
            &*format!("sslmode=require&{theirs}"),
            "no trusted authority",
        ),
    ] {
        let url = server.url(host, parameters);
        let error = server.sees(&url).await.unwrap_err();
        assert!(error.contains(why), "{url}: {error}");
    }
    server.nobody_else().await;
}

#[tokio::test]
async fn a_certificate_may_be_its_own_authority() {
    let server = Listening::with(OWN).await;
    let verified = "sslmode=verify-full&sslrootcert={ca}";
    assert_eq!(
        server.sees(&server.url("localhost", verified)).await,
        Ok(true)
    );
    let error = server.sees(&server.url("127.0.0.1", verified)).await;
    assert!(error.unwrap_err().contains("is for another host"));
    let signed = server.url("127.0.0.1", "sslmode=verify-ca&sslrootcert={ca}");
    assert_eq!(server.sees(&signed).await, Ok(true));
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_is_away() {
    let mut server = Listening::with(SIGNED).await;
    let server = tokio::task::spawn_blocking(move || {
        server.restart(false);
        server
    });
    let server = server.await.unwrap();
    let preferred = server.url("127.0.0.1", "sslmode=prefer");
    assert_eq!(server.sees(&preferred).await, Ok(false));
    let required = server.url("127.0.0.1", "sslmode=require");
    let output = output(&mut seatcast(&["migrate", "--database-url", &required]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        said.contains("the server offers no TLS: turn it on there"),
        "{said}"
    );
}

#[tokio::test]
async fn what_prefers_tls_goes_without_where_it_cannot_be() {
    let server = Listening::with(OLD).await;
    let preferred = server.url("127.0.0.1", "sslmode=prefer");
    assert_eq!(server.sees(&preferred).await, Ok(false));
    let error = server
        .sees(&server.url("127.0.0.1", "sslmode=require"))
        .await;
    assert!(error.unwrap_err().contains("TLS with the server failed"));
}

/// A password is bound to the connection that it was given on: one in the middle cannot pass it on.
#[tokio::test]
async fn passwords_are_bound_to_the_channel() {
    let server = Listening::with(SIGNED).await;
    let file = server.data().join("pg_hba.conf");
    let lines = std::fs::read_to_string(&file).unwrap();
    let first = "hostssl all bound 127.0.0.1/32 scram-sha-256";
    std::fs::write(&file, format!("{first}\n{lines}")).unwrap();
    let sql = "create role bound login password 'open sesame'; select pg_reload_conf()";
    server.client().await.batch_execute(sql).await.unwrap();
    let bound = |password: &str, parameters: &str| {
        let url = server.url("127.0.0.1", parameters);
        url.replace("seatcast@", &format!("bound:{password}@"))
    };
    let url = bound("open%20sesame", "sslmode=require&channel_binding=require");
    assert_eq!(server.sees(&url).await, Ok(true));
    let url = bound("guess", "sslmode=require");
    assert!(
        server
            .sees(&url)
            .await
            .unwrap_err()
            .contains("authentication")
    );
}

/// The pool, the doorbell, the relay, the migrations before them.
#[tokio::test]
async fn a_server_encrypts_all_its_connections() {
    let server = Listening::with(SIGNED).await;
    let url = server.url("localhost", "sslmode=verify-full&sslrootcert={ca}");
    let starting = move || ServerProcess::start(&["--database-url", &url]);
    let process = tokio::task::spawn_blocking(starting).await.unwrap();
    let client = server.client().await;
    let listens = |seen: &[Seen]| seen.iter().any(|(_, last)| last == "listen seatcast");
    let seen = until(&client, |seen| listens(seen) && seen.len() > 1).await;
    assert!(seen.iter().all(|(encrypted, _)| *encrypted), "{seen:?}");
    process.stop();
}
