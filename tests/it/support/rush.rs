//! Writers that change an event by plain SQL without pause, so that viewers have something to keep up with.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use seatcast::store::Store;
use seatcast::ticketing::EventId;
use tokio_util::sync::CancellationToken;

use super::server::DEADLINE;
use super::show::{Show, Staged};

/// Changes the event at random until told to stop: sells, holds, releases, renames, blocks.
pub(crate) async fn write(url: String, show: Arc<Staged>, seed: u64, stop: CancellationToken) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut client = None;
    while !stop.is_cancelled() {
        let Some(open) = &client else {
            client = tokio_postgres::connect(&url, tokio_postgres::NoTls)
                .await
                .ok()
                .map(|(client, connection)| {
                    tokio::spawn(connection);
                    client
                });
            tokio::task::yield_now().await;
            continue;
        };
        let event = show.event;
        let seat = show.seats[random.random_range(0..show.seats.len())];
        let sql = match random.random_range(0..10) {
            0..4 => format!("update seats set blocked = not blocked where id = {seat}"),
            4..6 => format!(
                "update events set title = 'Show {}' where id = {event}",
                random.random_range(0..1_000)
            ),
            6 => format!(
                "update events set capacity = {} where id = {event}",
                random.random_range(900..1_000)
            ),
            _ => {
                let ticket_type = show.ticket_types[0];
                let capacity = random.random_range(100..500);
                format!("update ticket_types set capacity = {capacity} where id = {ticket_type}")
            }
        };
        if open.batch_execute(&sql).await.is_err() && open.is_closed() {
            client = None;
        }
    }
}

/// The event that they change.
pub(crate) fn show() -> Show {
    Show::new()
        .capacity(1_000)
        .ticket_type("Standing", 1_000, 400)
        .ticket_type("Seat", 2_000, 60)
        .row(30)
        .row(30)
}

/// Waits until the event's revision has grown by `by`.
pub(crate) async fn grows(store: &Store, event: EventId, by: u64) {
    let revision = async || {
        store
            .live_event(event, 1)
            .await
            .ok()
            .flatten()
            .map(|live| live.state.revision)
    };
    let mut start = None;
    tokio::time::timeout(DEADLINE, async {
        loop {
            let now = revision().await;
            start = start.or(now);
            if now.zip(start).is_some_and(|(now, start)| now >= start + by) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("writers that write");
}
