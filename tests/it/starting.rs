//! The start of a node: it waits for a database that comes up, refuses one that it cannot work with, and gets by with
//! fewer connections than it may have.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use seatcast::config::{Config, DatabaseConfig};
use seatcast::store::start::until_ready;
use seatcast::store::{Store, StoreError};
use serde_json::json;

use crate::support::binary::{ServerProcess, output, seatcast};
use crate::support::caller::Caller;
use crate::support::database::{TestDatabase, connect};
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::ThrowawayPostgres;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::Show;
use crate::support::websocket::WireVersion;
use crate::support::{free_port, http_client};

fn config(change: impl FnOnce(&mut DatabaseConfig)) -> DatabaseConfig {
    let mut config = Config::default().database;
    change(&mut config);
    config
}

/// A server once ended at once if its database was not up yet.
#[tokio::test]
async fn faults_8_a_server_waits_for_a_database_that_does_not_listen_yet() {
    let postgres = ThrowawayPostgres::start().unwrap();
    postgres.stop().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let (url, stderr) = (
        postgres.url().to_owned(),
        Stdio::from(log.reopen().unwrap()),
    );
    let start = move || ServerProcess::start_logging(&["--database-url", &url], stderr);
    let starting = tokio::task::spawn_blocking(start);
    let said = async {
        loop {
            let log = std::fs::read_to_string(log.path()).unwrap();
            if log.contains("waiting for the database: nothing answers there yet") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, said)
        .await
        .expect("it waits");
    postgres.resume().unwrap();
    let server = tokio::time::timeout(DEADLINE, starting).await;
    let server = server.expect("it starts").unwrap();
    assert!(server.stop().success());
}

/// Answers every connection with this error, as Postgres does, and counts the connections.
fn refuses_with(code: &str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let fields = format!("SFATAL\0VFATAL\0C{code}\0Mno\0\0");
    let mut message = vec![b'E'];
    message.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
    message.extend(fields.bytes());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = stream.and_then(|mut stream| stream.write_all(&message));
        }
    });
    let url = format!(
        "postgres://u@127.0.0.1:{}/d?sslmode=disable",
        address.port()
    );
    (url, count)
}

/// 57P03 is «the database system is starting up».
#[tokio::test]
async fn faults_8_a_database_that_starts_or_recovers_is_waited_for_within_bounds() {
    let (url, asked) = refuses_with("57P03");
    let began = Instant::now();
    let gave_up = until_ready(&config(|database| database.wait_s = 1), &url).await;
    assert!(
        matches!(gave_up, Err(StoreError::Unavailable(_))),
        "{gave_up:?}"
    );
    assert!(asked.load(Ordering::Relaxed) > 2);
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Behind a name that moves when a replica takes over, sessions on the replica would stay in a pool, and refuse every write.
#[tokio::test]
async fn a_standby_is_waited_for_and_has_no_sessions_of_ours() {
    let postgres = ThrowawayPostgres::start().unwrap();
    postgres.stop().unwrap();
    std::fs::write(postgres.cluster().join("standby.signal"), "").unwrap();
    postgres.resume().unwrap();
    let now = config(|database| database.wait_s = 0);
    let refused = until_ready(&now, postgres.url()).await;
    assert!(matches!(refused, Err(StoreError::Standby)), "{refused:?}");
    let refused = Store::connect(&now, postgres.url()).await.err();
    assert!(
        matches!(refused, Some(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    let client = connect(postgres.url()).await;
    client.batch_execute("select pg_promote()").await.unwrap();
    until_ready(&now, postgres.url()).await.unwrap();
    Store::connect(&now, postgres.url()).await.unwrap();
}

/// A supervisor that hears nothing would end the node in the middle of a migration, again and again.
#[tokio::test]
async fn a_node_that_starts_for_long_lives_and_is_not_ready() {
    let database = TestDatabase::new().await;
    let migrating = database.client().await;
    // As another node does that migrates: «seatcast» in ASCII.
    let lock = "select pg_advisory_lock(x'7365617463617374'::bigint)";
    migrating.batch_execute(lock).await.unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let port = address.port().to_string();
    let args = [
        "serve",
        "--dev",
        "--port",
        &port,
        "--database-url",
        database.url(),
    ];
    let node = Caller::new(http_client(), format!("http://{address}"));
    let says = async |why: &str| {
        let says = async {
            loop {
                let answer = node.try_send(Method::GET, "/readyz", None).await;
                if answer.is_ok_and(|answer| answer.body["data"]["why"] == why) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let said = tokio::time::timeout(DEADLINE, says).await;
        said.unwrap_or_else(|_| panic!("/readyz never says {why}"));
    };

    let mut ended = seatcast(&args).stdout(Stdio::null()).spawn().unwrap();
    says("starting").await;
    node.get("/healthz").await.data(200);
    assert_eq!(node.get("/api/v1/events").await.code(503), "UNAVAILABLE");
    let pid = Pid::from_child(&ended);
    kill_process(pid, Signal::TERM).unwrap();
    let ended = tokio::task::spawn_blocking(move || ended.wait().unwrap());
    let ended = tokio::time::timeout(DEADLINE, ended).await;
    assert!(ended.expect("it heeds the signal").unwrap().success());

    let starting = tokio::task::spawn_blocking({
        let command = seatcast(&args);
        move || ServerProcess::run(command, Stdio::inherit())
    });
    says("starting").await;
    drop(migrating);
    let server = tokio::time::timeout(DEADLINE, starting).await;
    let _server = server.expect("it starts").unwrap();
    node.get("/readyz").await.data(200);
}

/// It once said that a secret is missing, or that there is no database of ours.
#[tokio::test]
async fn a_schema_that_is_old_or_closed_is_named() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let refused = |url: &str| {
        let args = [
            "serve",
            "--dev",
            "--port=0",
            "--no-migrate",
            "--database-url",
            url,
        ];
        let refused = output(&mut seatcast(&args));
        assert!(!refused.status.success());
        String::from_utf8(refused.stderr).unwrap()
    };
    let older = "delete from refinery_schema_history
                  where version = (select max(version) from refinery_schema_history);
                 create role of_somebody_else";
    client.batch_execute(older).await.unwrap();
    let said = refused(database.url());
    assert!(said.contains("the schema is at version"), "{said}");
    let as_another = format!("{}&options=-c%20role%3Dof_somebody_else", database.url());
    let said = refused(&as_another);
    assert!(said.contains("of_somebody_else has no rights"), "{said}");
}

#[tokio::test]
async fn nobody_waits_for_what_does_not_pass() {
    let (url, asked) = refuses_with("28P01");
    let refused = until_ready(&config(|database| database.wait_s = 60), &url).await;
    assert!(refused.is_err());
    assert_eq!(
        asked.load(Ordering::Relaxed),
        1,
        "a wrong password stays wrong"
    );
}

/// Such an address once failed with «unexpected EOF».
#[test]
fn core_38_blanks_around_an_address_do_not_count() {
    let url = "\n postgres:///nowhere?host=/nowhere\t\n";
    let mut command = seatcast(&["migrate", "--database-wait-s", "0"]);
    let said = output(command.env("DATABASE_URL", url)).stderr;
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("the database cannot be reached"), "{said}");
}

/// The server once started behind such a pooler, reported that all is well, and answered nine in ten requests with 500.
#[tokio::test]
async fn core_34_a_pooler_without_sessions_is_refused() {
    let database = TestDatabase::new().await;
    for settings in [
        "pool_mode = transaction\nignore_startup_parameters = options,extra_float_digits",
        "pool_mode = transaction\nserver_round_robin = 1",
        "pool_mode = transaction\nmin_pool_size = 4",
        "pool_mode = statement",
    ] {
        let pooler = PgBouncer::start(database.url(), settings);
        let refused = until_ready(&Config::default().database, pooler.url()).await;
        assert!(
            matches!(refused, Err(StoreError::Pooler)),
            "{settings}: {refused:?}"
        );
    }
    let pooler = PgBouncer::start(database.url(), "pool_mode = transaction");
    let refused = output(&mut seatcast(&[
        "serve",
        "--dev",
        "--port=0",
        "--database-url",
        pooler.url(),
    ]));
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("a pooler that keeps no sessions"), "{said}");
}

/// A pooler that keeps sessions is enough for everything.
#[tokio::test]
async fn core_34_a_pooler_that_keeps_sessions_serves() {
    let database = Arc::new(TestDatabase::new().await);
    let pooler = PgBouncer::start(database.url(), "pool_mode = session");
    let server = TestServer::builder()
        .on(database.clone())
        .through(pooler.url().to_owned());
    let server = server.start().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 1_000)
        .stage(&client)
        .await;
    let topic = format!("event:{}", show.event);
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer.join(&topic, json!({})).await;
    let buyer = server.anonymous();
    let booking = json!({"event_id": show.event, "quantity": 1});
    let buyers = (0..200).map(|_| buyer.post("/api/v1/bookings", &booking));
    for booked in futures_util::future::join_all(buyers).await {
        booked.data(201);
    }
    viewer.next_on(&topic, "update").await;
    server.audit().await;
}

/// The desk and the doorbell have connections of their own, which the pool took from them: every booking was answered 503.
#[tokio::test]
async fn faults_10_bookings_and_live_numbers_get_a_connection_where_reads_have_taken_all() {
    let database = Arc::new(TestDatabase::new().await);
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 1_000)
        .stage(&client)
        .await;
    let role = format!("crowded_{}", rand::random::<u32>());
    let limited = format!("create role {role} login connection limit 6 in role seatcast_server");
    client.batch_execute(&limited).await.unwrap();
    let url = database
        .url()
        .replace("user=seatcast", &format!("user={role}"));
    let server = TestServer::builder().on(database.clone()).through(url);
    let server = server.start().await;
    let (buyer, organizer) = (server.anonymous(), server.user(show.organizer));
    let read = format!("/api/v1/bookings/event/{}", show.event);
    for _ in 0..3 {
        let reading = (0..60).map(|_| organizer.get(&read));
        for read in futures_util::future::join_all(reading).await {
            read.data(200);
        }
    }
    let topic = format!("event:{}", show.event);
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer.join(&topic, json!({})).await;
    let booking = json!({"event_id": show.event, "quantity": 1});
    let buyers = (0..60).map(|_| buyer.post("/api/v1/bookings", &booking));
    let reading = (0..60).map(|_| organizer.get(&read));
    let all = futures_util::future::join(
        futures_util::future::join_all(buyers),
        futures_util::future::join_all(reading),
    );
    let (booked, read) = all.await;
    booked.iter().for_each(|booked| {
        booked.data(201);
    });
    read.iter().for_each(|read| {
        read.data(200);
    });
    viewer.next_on(&topic, "update").await;
    server.audit().await;
    server.stop().await.unwrap();
    let gone = async {
        while client
            .batch_execute(&format!("drop role {role}"))
            .await
            .is_err()
        {}
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
}

/// Once, 294 of 600 requests were answered 503 while connections were idle.
#[tokio::test]
async fn faults_10_fewer_connections_than_the_pool_may_have_are_enough() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let role = format!("crowded_{}", rand::random::<u32>());
    let limited = format!("create role {role} login connection limit 3");
    client.batch_execute(&limited).await.unwrap();
    let url = database
        .url()
        .replace("user=seatcast", &format!("user={role}"));
    let store = Store::connect(&Config::default().database, &url)
        .await
        .unwrap();
    let asking = (0..600).map(|_| store.ping());
    let refused = futures_util::future::join_all(asking).await;
    let refused: Vec<_> = refused.into_iter().filter_map(Result::err).collect();
    assert!(
        refused.is_empty(),
        "{} refused, first {:?}",
        refused.len(),
        refused[0]
    );
    drop(store);
    let sql = "select count(*) from pg_stat_activity where usename = $1";
    let sessions = async {
        while client
            .query_one(sql, &[&role])
            .await
            .unwrap()
            .get::<_, i64>(0)
            > 0
        {}
    };
    tokio::time::timeout(DEADLINE, sessions).await.unwrap();
    client
        .batch_execute(&format!("drop role {role}"))
        .await
        .unwrap();
}
