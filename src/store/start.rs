//! Waits for the database at the start, and refuses one that is reached through a pooler without sessions.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::poll_fn;
use tokio_postgres::{AsyncMessage, Client, SimpleQueryMessage};
use uuid::Uuid;

use super::StoreError;
use super::address::{Connection, DatabaseAddress, GOODBYE_MAX, is_of_standby};
use crate::config::DatabaseConfig;
use crate::pacing::Backoff;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often two sessions are compared, since a pooler may mix them only now and then.
const LOOKS: usize = 3;
/// Time that a notification has to arrive.
const RING_PATIENCE: Duration = Duration::from_secs(5);
/// Connections that one look opens.
const LOOK_CONNECTIONS: u32 = 2;

/// Returns when the database can be used. Waits at most `wait_s` for one that cannot be reached, starts or recovers; any
/// other obstacle is an error at once.
///
/// # Errors
/// [`StoreError::Pooler`] if a pooler between us and the database gives each transaction another session.
pub async fn until_ready(config: &DatabaseConfig, url: &str) -> Result<(), StoreError> {
    let address = DatabaseAddress::read(config, url)?;
    // For the whole look: a notification that never arrives is a pooler's doing, and to be told as such.
    let patience =
        Duration::from_millis(config.connect_timeout_ms) * LOOK_CONNECTIONS + RING_PATIENCE;
    let deadline = Instant::now() + Duration::from_secs(config.wait_s);
    let mut back_off = Backoff::new(PAUSE_MIN, PAUSE_MAX);
    let mut said = "";
    loop {
        let error = match tokio::time::timeout(patience, look(&address)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(elapsed) => StoreError::Unavailable(elapsed.into()),
        };
        let Some(why) = error.passes_by() else {
            return Err(error);
        };
        let pause = back_off.pause();
        if Instant::now() + pause > deadline {
            return Err(error);
        }
        if said != why {
            said = why;
            let wait_s = config.wait_s;
            tracing::warn!("waiting for the database: {why} (for {wait_s} s at most)");
        }
        tokio::time::sleep(pause).await;
    }
}

pub(super) async fn look(address: &DatabaseAddress) -> Result<(), StoreError> {
    let mut one = ProbeSession::open(address).await?;
    let mut two = ProbeSession::open(address).await?;
    let good = !are_pooled(&mut one, &mut two).await? && hears(&mut one, &mut two).await?;
    one.end().await;
    two.end().await;
    match good {
        true => Ok(()),
        false => Err(StoreError::Pooler),
    }
}

/// Whether a pooler mixes the two sessions: real ones have backend pids that differ and do not change.
async fn are_pooled(one: &mut ProbeSession, two: &mut ProbeSession) -> Result<bool, StoreError> {
    const WHO: &str = "select pg_backend_pid()";
    let (first, second) = (one.value(WHO).await?, two.value(WHO).await?);
    for _ in 1..LOOKS {
        if first == second || one.value(WHO).await? != first || two.value(WHO).await? != second {
            return Ok(true);
        }
    }
    Ok(first == second)
}

/// Whether a notification of `two` arrives at `one`, which listens.
async fn hears(one: &mut ProbeSession, two: &mut ProbeSession) -> Result<bool, StoreError> {
    let channel = format!("seatcast_start_{}", Uuid::new_v4().simple());
    one.value(&format!("listen {channel}")).await?;
    two.value(&format!("notify {channel}")).await?;
    Ok(tokio::time::timeout(RING_PATIENCE, one.notified())
        .await
        .is_ok())
}

/// A connection that is polled by the functions that wait for it.
struct ProbeSession {
    client: Client,
    connection: Connection,
    notified: bool,
}

impl ProbeSession {
    async fn open(address: &DatabaseAddress) -> Result<ProbeSession, StoreError> {
        let (client, connection) = match address.connect().await {
            Err(error) if is_of_standby(&error) => return Err(StoreError::Standby),
            opened => opened?,
        };
        Ok(ProbeSession {
            client,
            connection,
            notified: false,
        })
    }

    /// The first value of the first row, or an empty text. Not prepared, since poolers lose prepared statements.
    async fn value(&mut self, sql: &str) -> Result<String, StoreError> {
        let mut asking = pin!(self.client.simple_query(sql));
        let answer = loop {
            tokio::select! {
                answer = &mut asking => break answer?,
                message = poll_fn(|context| self.connection.poll_message(context)) => match message {
                    Some(Ok(message)) => self.notified |= matches!(message, AsyncMessage::Notification(_)),
                    // The connection ended; the query reports why.
                    Some(Err(_)) | None => break asking.await?,
                },
            }
        };
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok(row.unwrap_or_default().to_owned())
    }

    async fn end(self) {
        drop(self.client);
        let _ = tokio::time::timeout(GOODBYE_MAX, self.connection).await;
    }

    async fn notified(&mut self) {
        while !self.notified {
            match poll_fn(|context| self.connection.poll_message(context)).await {
                Some(Ok(message)) => {
                    self.notified |= matches!(message, AsyncMessage::Notification(_))
                }
                // No notification can come any more; the caller's timeout ends the wait.
                Some(Err(_)) | None => std::future::pending().await,
            }
        }
    }
}
