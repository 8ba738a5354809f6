//! The relay: the node that reads the log for all. It is elected by an advisory lock on a connection of its own,
//! reads every event that rings, and publishes row by row.
//!
//! A term begins when the doorbell listens, and is announced under a fresh name. A node that hears a new name reads
//! the log once: that covers everything committed before the term, and everything after it rings here. So no
//! relay hands its position to the next one. A relay begins with the newest row of an event that it has not seen
//! yet; a node that lacks earlier rows finds a gap and reads them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Subjects;
use super::follower::{ANNOUNCE_INTERVAL, PATIENCE};
use crate::config::BusConfig;
use crate::config::inside::RINGS_MAX;
use crate::metrics;
use crate::store::Store;
use crate::store::doorbell::{self, Ring};
use crate::store::relay::{Candidacy, LogRow};
use crate::tasks::BoxError;
use crate::telemetry::outage::Outage;
use crate::telemetry::with_causes;
use crate::ticketing::{EventId, Revision};

/// Pause between two attempts to be elected.
const CANDIDACY_PAUSE: Duration = Duration::from_millis(500);
/// Time that the database has to answer.
const QUERY_PATIENCE: Duration = Duration::from_secs(3);

/// Tries to be elected, and publishes the log while it is, until `cancel`.
pub(super) async fn run(
    store: Store,
    (client, subjects): (Client, Subjects),
    config: BusConfig,
    probe_interval: Duration,
    cancel: CancellationToken,
) {
    let outage = Outage::new();
    let standing = async {
        loop {
            let carried = stand_and_carry(
                &store,
                (&client, &subjects),
                &config,
                probe_interval,
                &outage,
            );
            if let Err(error) = carried.await
                && let Some(tries) = outage.failed()
            {
                tracing::warn!(
                    tries,
                    error = %with_causes(&*error),
                    "this node cannot carry the log"
                );
            }
            sleep(CANDIDACY_PAUSE).await;
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = standing => {}
    }
}

async fn stand_and_carry(
    store: &Store,
    (client, subjects): (&Client, &Subjects),
    config: &BusConfig,
    probe_interval: Duration,
    outage: &Outage,
) -> Result<(), BoxError> {
    let candidacy = timeout(QUERY_PATIENCE, store.stand_for_relay()).await??;
    // A node that cannot reach NATS must not be the relay.
    while !is_connected(client) || !timeout(QUERY_PATIENCE, candidacy.is_elected()).await?? {
        // It could, if it were elected.
        if is_connected(client) && outage.over() {
            tracing::info!("this node can carry the log again");
        }
        sleep(CANDIDACY_PAUSE).await;
    }
    tracing::info!("this node carries the log");
    let _leads = metrics::BUS_LEADER.hold();
    let relay = Relay {
        store,
        client,
        subjects,
        config,
        candidacy,
        term: None,
        heads: HashMap::new(),
        rung: BTreeSet::new(),
        outage,
    };
    let (log, rings) = mpsc::channel(RINGS_MAX);
    let end = CancellationToken::new();
    let bell = doorbell::run(store.clone(), probe_interval, log, end.clone());
    tokio::select! {
        ended = relay.carry(rings) => ended,
        () = bell => Ok(()),
    }
}

fn is_connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

struct Relay<'a> {
    store: &'a Store,
    client: &'a Client,
    subjects: &'a Subjects,
    config: &'a BusConfig,
    candidacy: Candidacy,
    /// The name of this term; `None` while the doorbell is not connected.
    term: Option<Uuid>,
    /// The last published revision of each event that rang in this term.
    heads: HashMap<EventId, Revision>,
    /// Events that rang and are not read yet.
    rung: BTreeSet<EventId>,
    /// Over when something was announced.
    outage: &'a Outage,
}

impl Relay<'_> {
    async fn carry(mut self, mut rings: mpsc::Receiver<Ring>) -> Result<(), BoxError> {
        let mut tick = interval(ANNOUNCE_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ring = rings.recv() => match ring {
                    Some(ring) => self.rang(ring).await?,
                    None => return Ok(()),
                },
                _ = tick.tick() => {
                    timeout(QUERY_PATIENCE, self.candidacy.check()).await??;
                    self.announce().await?;
                }
            }
            while let Ok(ring) = rings.try_recv() {
                self.rang(ring).await?;
            }
            self.publish().await?;
        }
    }

    async fn rang(&mut self, ring: Ring) -> Result<(), BoxError> {
        match ring {
            // The row is read even where it rode along: what is published has no gap.
            Ring::Event(event) | Ring::Change(event, _) => drop(self.rung.insert(event)),
            Ring::Probe => {}
            Ring::Listening(_) => {
                self.term = Some(Uuid::new_v4());
                self.heads.clear();
                self.announce().await?;
            }
            Ring::Lost => self.term = None,
        }
        Ok(())
    }

    async fn announce(&self) -> Result<(), BoxError> {
        if !is_connected(self.client) {
            return Err("the connection to NATS is lost".into());
        }
        if let Some(term) = self.term {
            self.send(self.subjects.relay(), term.to_string().into())
                .await?;
            if self.outage.over() {
                tracing::info!("this node carries the log again");
            }
        }
        Ok(())
    }

    /// Reads the events that rang, and publishes their new rows.
    async fn publish(&mut self) -> Result<(), BoxError> {
        while !self.rung.is_empty() {
            let rung = self.rung.iter();
            let heads: Vec<_> = rung
                .map(|&event| (event, self.heads.get(&event).copied()))
                .collect();
            let rows_max = self.config.relay_rows_max;
            let reading = self.store.log_rows_after(&heads, rows_max);
            let rows = timeout(QUERY_PATIENCE, reading).await??;
            if rows.len() < rows_max {
                self.rung.clear();
            }
            for row in rows {
                self.publish_row(row).await?;
            }
        }
        Ok(())
    }

    async fn publish_row(&mut self, row: LogRow) -> Result<(), BoxError> {
        // A row that is too big for NATS goes out as an empty message: «read the log».
        let fits = row.json.len() <= self.client.max_payload();
        let payload = if fits {
            row.json.into()
        } else {
            metrics::BUS_DROPPED.one("large");
            Bytes::new()
        };
        self.send(self.subjects.change(row.event), payload).await?;
        metrics::BUS_SENT.add(1);
        if self.heads.len() >= self.config.relay_events_max {
            self.heads.clear();
        }
        self.heads.insert(row.event, row.revision);
        Ok(())
    }

    async fn send(&self, subject: String, payload: Bytes) -> Result<(), BoxError> {
        Ok(timeout(PATIENCE, self.client.publish(subject, payload)).await??)
    }
}
