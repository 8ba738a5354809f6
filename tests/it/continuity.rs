//! No viewer misses a change without knowing it, whatever dies.
//!
//! Writers change one event by plain SQL while connections are cut, the database's link is cut,
//! Postgres is restarted and the server is killed. Each viewer notes every picture that it could
//! have shown, with the revision that it claimed for it. In the end the log is replayed from its
//! first row, and every noted picture must be the replay's at that revision; the last one the
//! database's own.

use std::net::SocketAddr;

use seatcast::config::Config;
use seatcast::store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::binary::ServerProcess;
use crate::support::cut::Link;
use crate::support::database::connect;
use crate::support::postgres::ThrowawayPostgres;
use crate::support::rush::{grows, show, write};
use crate::support::server::{DEADLINE, TestServer};
use crate::support::viewer::{finish, viewers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_and_a_cut_database_leave_no_viewer_behind() {
    let database = std::sync::Arc::new(crate::support::database::TestDatabase::new().await);
    let staged = std::sync::Arc::new(show().stage(&database.client().await).await);
    let (to_postgres, url) = Link::to_postgres(database.url());
    let server = TestServer::builder()
        .on(database.clone())
        .through(url)
        .with(|config| {
            config.socket.beat_interval_ms = 500;
            config.feed.ring_deltas_max = 50;
        })
        .start()
        .await;
    let (to_server, address) = Link::to_server(server.address()).await;
    let (_address, where_) = watch::channel(Some(address));
    let store = database.store().await;

    let stop = CancellationToken::new();
    let writers: Vec<_> = (0..3)
        .map(|seed| {
            tokio::spawn(write(
                database.url().to_owned(),
                staged.clone(),
                seed,
                stop.clone(),
            ))
        })
        .collect();
    let viewers = viewers(&where_, staged.event, 4);
    for round in 0..8 {
        grows(&store, staged.event, 30).await;
        match round % 4 {
            0 => to_server.sever(),
            1 => to_postgres.sever(),
            2 => {
                to_postgres.cut();
                grows(&store, staged.event, 120).await;
                to_postgres.restore();
            }
            _ => {
                to_server.cut();
                grows(&store, staged.event, 120).await;
                to_server.restore();
            }
        }
    }
    grows(&store, staged.event, 30).await;
    stop.cancel();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let diaries = finish(&store, staged.event, viewers).await;
    assert!(
        diaries
            .iter()
            .all(|(_, diary)| diary.connected > 2 && diary.resumed > 0),
        "nothing was cut"
    );
    server.audit().await;
}

/// The real binary, which can be killed.
async fn serve(database_url: &str) -> ServerProcess {
    let url = database_url.to_owned();
    let start =
        move || ServerProcess::start(&["--beat-interval-ms", "500", "--database-url", &url]);
    tokio::task::spawn_blocking(start).await.expect("a server")
}

fn address_of(server: &ServerProcess) -> SocketAddr {
    server
        .url
        .strip_prefix("http://")
        .and_then(|address| address.parse().ok())
        .expect("an address")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_and_a_restarted_postgres_leave_no_viewer_behind() {
    let postgres = tokio::task::spawn_blocking(ThrowawayPostgres::start);
    let postgres = postgres.await.expect("a thread").expect("a Postgres");
    let url = postgres.url().to_owned();
    let mut server = serve(&url).await;
    let staged = std::sync::Arc::new(show().stage(&connect(&url).await).await);
    let store = Store::connect(&Config::default().database, &url)
        .await
        .expect("a store");
    let (address, where_) = watch::channel(Some(address_of(&server)));

    let stop = CancellationToken::new();
    let writers: Vec<_> = (0..3)
        .map(|seed| tokio::spawn(write(url.clone(), staged.clone(), seed, stop.clone())))
        .collect();
    let viewers = viewers(&where_, staged.event, 3);
    for viewer in &viewers {
        viewer.reach(1, DEADLINE).await;
    }
    let postgres = std::sync::Arc::new(postgres);
    for round in 0..4 {
        grows(&store, staged.event, 40).await;
        if round % 2 == 0 {
            address.send_replace(None);
            server.kill();
            grows(&store, staged.event, 40).await;
            server = serve(&url).await;
            address.send_replace(Some(address_of(&server)));
        } else {
            let postgres = postgres.clone();
            let restarted = tokio::task::spawn_blocking(move || postgres.restart());
            restarted
                .await
                .expect("a thread")
                .expect("a Postgres again");
        }
    }
    grows(&store, staged.event, 40).await;
    stop.cancel();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let diaries = finish(&store, staged.event, viewers).await;
    assert!(
        diaries.iter().all(|(_, diary)| diary.connected > 2),
        "nothing was killed"
    );
    let report = seatcast::store::audit::audit(&store)
        .await
        .expect("an audit");
    assert!(report.is_clean(), "{report}");
    server.kill();
}
