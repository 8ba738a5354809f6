//! The private Postgres starts, keeps its data, ends with its owner and recovers.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use seatcast::embedded::{Embedded, EmbeddedError};
use tokio_postgres::Client;

use crate::support::binary::{ServerProcess, output, seatcast};
use crate::support::database::{TestDatabase, connect};
use crate::support::http_client;
use crate::support::postgres::{Scratch, ThrowawayPostgres, settings};

/// A kill is noticed within milliseconds; a busy machine may take its time.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn data_survives_a_restart() {
    let postgres = ThrowawayPostgres::start().unwrap();
    let client = connect(postgres.url()).await;
    client
        .batch_execute("create table kept as select 42 as answer")
        .await
        .unwrap();
    postgres.restart().unwrap();
    let client = connect(postgres.url()).await;
    let row = client
        .query_one("select answer from kept", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
}

#[tokio::test]
async fn it_listens_on_its_socket_only() {
    let postgres = ThrowawayPostgres::start().unwrap();
    let client = connect(postgres.url()).await;
    let row = client
        .query_one("show listen_addresses", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "");
}

#[test]
fn a_second_instance_is_refused() {
    let postgres = ThrowawayPostgres::start().unwrap();
    let error = Embedded::start_with(&settings(postgres.data_dir())).unwrap_err();
    assert!(matches!(error, EmbeddedError::InUse { .. }), "{error}");
}

#[tokio::test]
async fn databases_of_tests_are_migrated_and_apart() {
    let (one, other) = (TestDatabase::new().await, TestDatabase::new().await);
    one.store().await.ping().await.unwrap();
    let sql = "insert into users (name) values ('Ada') returning id";
    one.client().await.query_one(sql, &[]).await.unwrap();
    let other = other.client().await;
    let users = other.query("select from users", &[]).await.unwrap();
    assert!(users.is_empty());
}

/// A connection to the private Postgres of a server of ours.
async fn inside(data_dir: &Path) -> Client {
    let host = data_dir.join("postgres");
    connect(&format!(
        "postgres:///seatcast?host={}&user=seatcast",
        host.display()
    ))
    .await
}

/// The pid in the folder's `postmaster.pid`.
fn postmaster(data_dir: &Path) -> Option<Pid> {
    let file = std::fs::read_to_string(data_dir.join("postgres/data/postmaster.pid")).ok()?;
    Pid::from_raw(file.lines().next()?.parse().ok()?)
}

/// Polls, since nobody tells of the end of a process that is not our child.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

async fn count_of_ada(client: &Client) -> i64 {
    let sql = "select count(*) from users where name = 'Ada'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn postgres_ends_with_a_killed_server_and_keeps_what_was_committed() {
    let scratch = Scratch::new().unwrap();
    let server = ServerProcess::embedded(scratch.path());
    let client = inside(scratch.path()).await;
    client
        .execute("insert into users (name) values ('Ada')", &[])
        .await
        .unwrap();
    server.kill();
    wait_until("Postgres ends with its owner", || {
        postmaster(scratch.path()).is_none()
    });

    let server = ServerProcess::embedded(scratch.path());
    assert_eq!(count_of_ada(&inside(scratch.path()).await).await, 1);
    assert!(server.stop().success());
    assert_eq!(
        postmaster(scratch.path()),
        None,
        "a stopped server takes Postgres along"
    );
}

#[tokio::test]
async fn a_power_cut_is_recovered_from() {
    let scratch = Scratch::new().unwrap();
    let server = ServerProcess::embedded(scratch.path());
    let client = inside(scratch.path()).await;
    client
        .execute("insert into users (name) values ('Ada')", &[])
        .await
        .unwrap();
    // Postgres first: with its owner it would have the time for an orderly end.
    let postmaster = postmaster(scratch.path()).unwrap();
    kill_process(postmaster, Signal::KILL).unwrap();
    server.kill();
    assert!(
        scratch.path().join("postgres/data/postmaster.pid").exists(),
        "it could not tidy up"
    );

    let server = ServerProcess::embedded(scratch.path());
    assert_eq!(count_of_ada(&inside(scratch.path()).await).await, 1);
    let ready = http_client()
        .get(format!("{}/readyz", server.url))
        .send()
        .await
        .unwrap();
    assert!(ready.status().is_success());
}

/// Asks until it is ready again: nobody tells.
async fn ready_again(server: &ServerProcess) {
    let url = format!("{}/readyz", server.url);
    let ready = async {
        while !http_client()
            .get(&url)
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ready)
        .await
        .expect("it is ready again");
}

/// It once was never started again, and the server went on without it.
#[tokio::test]
async fn faults_2_a_killed_postgres_is_started_again_and_ends_with_its_owner_as_before() {
    let scratch = Scratch::new().unwrap();
    let log = scratch.path().join("server.log");
    let data_dir = scratch.path().to_str().unwrap();
    let stderr = std::fs::File::create(&log).unwrap().into();
    let server = ServerProcess::start_logging(&["--data-dir", data_dir], stderr);
    let client = inside(scratch.path()).await;
    let insert = "insert into users (name) values ('Ada')";
    client.execute(insert, &[]).await.unwrap();
    for _ in 0..2 {
        let killed = postmaster(scratch.path()).unwrap();
        kill_process(killed, Signal::KILL).unwrap();
        wait_until("another one runs", || {
            postmaster(scratch.path()).is_some_and(|pid| pid != killed)
        });
        ready_again(&server).await;
    }
    assert_eq!(count_of_ada(&inside(scratch.path()).await).await, 1);
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("the private Postgres runs again"), "{said}");

    server.kill();
    wait_until("the restarted Postgres ends with its owner", || {
        postmaster(scratch.path()).is_none()
    });
}

/// A full disk ends Postgres; room on it brings it back.
#[tokio::test]
async fn faults_2_a_postgres_that_found_no_room_for_its_log_comes_back_when_there_is() {
    let Some(scratch) = Scratch::of_size(160) else {
        return eprintln!("not tested: it takes the right to mount");
    };
    let server = ServerProcess::embedded(scratch.path());
    let client = inside(scratch.path()).await;
    scratch.fill();
    // Each switch takes a new file of 16 MB.
    let crash = async { while client.simple_query("select pg_switch_wal()").await.is_ok() {} };
    tokio::time::timeout(PATIENCE, crash)
        .await
        .expect("a panic");
    wait_until("Postgres ends", || !inside_is_reachable(scratch.path()));
    scratch.make_room();
    ready_again(&server).await;
    assert!(server.stop().success());
}

fn inside_is_reachable(data_dir: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(data_dir.join("postgres/.s.PGSQL.5432")).is_ok()
}

/// Without its database a server ends, and says so.
#[tokio::test]
async fn faults_2_a_postgres_that_cannot_be_started_again_is_lost() {
    let scratch = Scratch::new().unwrap();
    let mut settings = settings(scratch.path());
    settings.restarts.tries_max = 3;
    settings.restarts.pause_min = Duration::from_millis(1);
    let embedded = tokio::task::spawn_blocking(move || Embedded::start_with(&settings));
    let embedded = embedded.await.unwrap().unwrap();
    let lost = embedded.lost();
    let data = scratch.path().join("postgres/data");
    std::fs::rename(data.join("global"), data.join("gone")).unwrap();
    kill_process(postmaster(scratch.path()).unwrap(), Signal::KILL).unwrap();
    tokio::time::timeout(PATIENCE, lost.cancelled())
        .await
        .expect("it is given up");
    let error = embedded.stop().unwrap_err();
    assert!(
        matches!(error, EmbeddedError::Lost { tries: 3, .. }),
        "{error}"
    );
}

/// The supervisor of services starts it again, since it fails.
#[test]
fn faults_2_a_server_whose_postgres_is_lost_fails() {
    let scratch = Scratch::new().unwrap();
    let log = scratch.path().join("log");
    let mut server = ServerProcess::start_logging(
        &[
            "--data-dir",
            scratch.path().to_str().unwrap(),
            "--embedded-starts-max",
            "1",
            "--drain-delay-ms",
            "0",
        ],
        std::fs::File::create(&log).unwrap().into(),
    );
    let data = scratch.path().join("postgres/data");
    std::fs::rename(data.join("global"), data.join("gone")).unwrap();
    kill_process(postmaster(scratch.path()).unwrap(), Signal::KILL).unwrap();
    let mut ended = None;
    wait_until("the server ends", || {
        ended = server.ended();
        ended.is_some()
    });
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(1), "{said}");
    assert!(said.contains("private Postgres"), "{said}");
}

/// A process in another container, whose folder has the same path, once was stopped.
#[test]
fn faults_17_a_postgres_of_the_same_path_in_another_root_is_left_alone() {
    let scratch = Scratch::new().unwrap();
    drop(Embedded::start_with(&settings(scratch.path())).unwrap());
    let other = tempfile::tempdir().unwrap();
    let program = other.path().join("postgres");
    std::fs::copy("/bin/sleep", &program).unwrap();
    // In a mount namespace of its own, where our data's path is another folder.
    let mut namesake = Command::new("unshare");
    namesake.args([
        "--mount",
        "sh",
        "-c",
        r#"mount --bind "$1" "$2" && cd "$2" && exec "$3" 300"#,
        "sh",
    ]);
    namesake
        .arg(other.path())
        .arg(scratch.path().join("postgres/data"))
        .arg(&program);
    let mut namesake = namesake.stderr(Stdio::null()).spawn().unwrap();
    let proc = Path::new("/proc").join(namesake.id().to_string());
    let name = || std::fs::read_to_string(proc.join("comm")).unwrap_or_default();
    wait_until("it runs, or may not", || {
        name() == "postgres\n" || namesake.try_wait().unwrap().is_some()
    });
    if namesake.try_wait().unwrap().is_some() {
        return eprintln!("not tested: it takes the right to mount");
    }
    assert_eq!(
        std::fs::read_link(proc.join("cwd")).unwrap(),
        scratch.path().join("postgres/data"),
        "by the text of it, it works in our folder"
    );
    drop(Embedded::start_with(&settings(scratch.path())).unwrap());
    assert!(namesake.try_wait().unwrap().is_none(), "it was left alone");
    namesake.kill().unwrap();
    namesake.wait().unwrap();
}

#[tokio::test]
async fn case_is_folded_beyond_ascii_and_the_order_is_that_of_bytes() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let sql =
        "select lower('ÉCOLE ΑΘΉΝΑ ЗАЛ') = 'école αθήνα зал' and 'Ünder' ilike 'ü%' and 'Z' < 'a'";
    assert!(client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn commands_use_the_postgres_of_the_running_server() {
    let scratch = Scratch::new().unwrap();
    let server = ServerProcess::embedded(scratch.path());
    let data_dir = scratch.path().to_str().unwrap();
    let migrated = output(&mut seatcast(&["migrate", "--data-dir", data_dir]));
    assert_eq!(
        String::from_utf8_lossy(&migrated.stdout),
        "0 migrations applied\n"
    );
    // It was only visiting.
    assert_eq!(count_of_ada(&inside(scratch.path()).await).await, 0);
    drop(server);
}

#[test]
fn root_lends_postgres_another_account() {
    let scratch = Scratch::new().unwrap();
    let _server = ServerProcess::embedded(scratch.path());
    let pid = postmaster(scratch.path()).unwrap().as_raw_nonzero();
    let owner = std::fs::metadata(format!("/proc/{pid}")).unwrap().uid();
    assert_ne!(owner, 0);
    if !geteuid().is_root() {
        assert_eq!(owner, geteuid().as_raw());
    }
    let folder = std::fs::metadata(scratch.path().join("postgres")).unwrap();
    assert_eq!((folder.uid(), folder.mode() & 0o777), (owner, 0o700));
}

/// The output of `seatcast migrate` when it cannot start a Postgres.
fn why_not(args: &[&str], envs: &[(&str, &str)]) -> String {
    let failed = output(seatcast(&["migrate"]).args(args).envs(envs.iter().copied()));
    assert!(!failed.status.success());
    String::from_utf8(failed.stderr).unwrap()
}

#[test]
fn what_is_missing_is_said() {
    let scratch = Scratch::new().unwrap();
    let data_dir = scratch.path().to_str().unwrap();
    let none = why_not(&["--data-dir", data_dir], &[("PG_BIN_DIR", "/nowhere")]);
    assert!(none.contains("apt-get install postgresql"), "{none}");
    let deep = scratch.path().join("x".repeat(100));
    let long = why_not(&["--data-dir", deep.to_str().unwrap()], &[]);
    assert!(long.contains("too long for a unix socket"), "{long}");
}

#[test]
fn a_folder_that_postgres_cannot_enter_is_named() {
    let scratch = Scratch::new().unwrap();
    let closed = scratch.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    // For root it is the other account that stays outside, else we ourselves.
    let mode = if geteuid().is_root() { 0o700 } else { 0 };
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(mode)).unwrap();
    let inside = closed.join("data");
    let error = why_not(&["--data-dir", inside.to_str().unwrap()], &[]);
    assert!(error.contains(closed.to_str().unwrap()), "{error}");
}

#[test]
fn a_bench_that_a_signal_ends_leaves_no_folder() {
    let scratch = Scratch::new().unwrap();
    let mut bench = seatcast(&["bench", "connections", "--viewers", "10"])
        .env("TMPDIR", scratch.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let folders = || std::fs::read_dir(scratch.path()).unwrap().count();
    wait_until("it makes its folder", || folders() == 1);
    let pid = Pid::from_raw(bench.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    bench.wait().unwrap();
    assert_eq!(folders(), 0);
}
