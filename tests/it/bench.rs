//! `seatcast bench` measures to its end, keeps the database's promises, and leaves nothing behind.
//!
//! Small numbers: whether the figures are good is not asked here, only whether there are any.

use std::process::Stdio;

use crate::support::binary::seatcast;
use crate::support::database::TestDatabase;

/// The printed report. It has to have ended well.
async fn bench(args: &[&str]) -> String {
    let (ended_well, printed) = measured(args).await;
    assert!(ended_well, "{printed}");
    printed
}

/// Whether it ended well, and the printed report. Its databases have to be gone.
async fn measured(args: &[&str]) -> (bool, String) {
    let database = TestDatabase::new().await;
    let command = seatcast(&["bench"])
        .args(args)
        .args(["--database-url", database.url()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = command.id();
    let ended = tokio::task::spawn_blocking(move || command.wait_with_output());
    let output = ended.await.unwrap().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let left = format!(
        "select count(*) from pg_database where datname like 'seatcast\\_bench\\_{pid}\\_%'"
    );
    let left: i64 = database
        .client()
        .await
        .query_one(&left, &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(left, 0);
    (output.status.success(), printed)
}

fn has(printed: &str, lines: &[&str]) {
    for line in lines {
        assert!(printed.contains(line), "no «{line}» in {printed}");
    }
}

/// Those figures have reached their targets: ones that say whether anything was lost, not how fast a busy machine is.
fn has_reached(printed: &str, names: &[&str]) {
    for name in names {
        let line = printed.lines().find(|line| line.contains(name));
        let line = line.unwrap_or_else(|| panic!("no «{name}» in {printed}"));
        assert!(line.ends_with("reached"), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_are_measured() {
    let printed = bench(&[
        "holds",
        "--events",
        "1,2",
        "--buyers",
        "2",
        "--seconds",
        "1",
    ])
    .await;
    has(
        &printed,
        &[
            "2 buyers on 2 events",
            "bookings/s at the desk",
            "cancellations/s, beside bookings, at the desk",
            "confirmations/s, beside bookings, by REST",
            "audit: 0 differences",
        ],
    );
}

/// More buyers than the database takes connections.
#[tokio::test(flavor = "multi_thread")]
async fn speed_j_many_buyers_are_measured() {
    let args = [
        "holds",
        "--events",
        "1",
        "--buyers",
        "256",
        "--seconds",
        "1",
    ];
    let printed = bench(&args).await;
    has(
        &printed,
        &["bookings/s at the desk", "audit: 0 differences"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_is_beside_an_empty_one() {
    let printed = bench(&[
        "holds",
        "--beside",
        "2000",
        "--buyers",
        "1",
        "--seconds",
        "1",
    ])
    .await;
    has(&printed, &["bookings/s by REST", "audit: 0 differences"]);
    assert_eq!(
        printed.matches("audit: 0 differences").count(),
        2,
        "{printed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_are_measured() {
    let overload = [
        "overload",
        "--viewers",
        "20",
        "--windows",
        "0",
        "--seconds",
        "1",
    ];
    has(
        &bench(&overload).await,
        &["heartbeat → answer, p99", "audit: 0 differences"],
    );
    let together = [
        "together",
        "--viewers",
        "20",
        "--buyers",
        "2",
        "--seconds",
        "1",
    ];
    has(
        &bench(&together).await,
        &["frames/s that a viewer got", "audit: 0 differences"],
    );
}

/// To 20 viewers an update costs more than its bytes do, on any machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_missed_target_fails_where_it_is_checked() {
    let args = ["--check", "fanout", "--viewers", "20", "--windows", "0"];
    let (ended_well, printed) = measured(&args).await;
    has(&printed, &["MISSED", "audit: 0 differences"]);
    assert!(!ended_well, "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_measured() {
    let printed = bench(&["latency", "--events", "2", "--seconds", "2"]).await;
    // Every commit came to its viewer and to the raw LISTEN.
    has(
        &printed,
        &[
            "n = 20 commits, 20 of them seen, 20 heard",
            "audit: 0 differences",
        ],
    );
    has_reached(&printed, &["commits that the viewer was sent, of all"]);
    let printed = bench(&["statement", "--events", "10,20"]).await;
    has(
        &printed,
        &["on 100 event(s), backend CPU", "audit: 0 differences"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_at_one_instant_are_measured() {
    let args = [
        "deadlines",
        "--holds",
        "600",
        "--buyers",
        "2",
        "--seconds",
        "3",
    ];
    has(
        &bench(&args).await,
        &[
            "the longest booking",
            "all have ended after",
            "audit: 0 differences",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_at_once_are_measured() {
    let args = ["webhooks", "--webhooks", "20"];
    let printed = bench(&args).await;
    // Two of them come twice.
    has(
        &printed,
        &[
            "the last is answered after",
            "22; 20",
            "audit: 0 differences",
        ],
    );
    has_reached(
        &printed,
        &[
            "payments that ended in tickets",
            "events that were taken in",
        ],
    );
}
