//! The database before its first use: waited for while it comes up, and refused where it is reached through a pooler
//! that cannot serve us.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::poll_fn;
use tokio_postgres::{AsyncMessage, Client, SimpleQueryMessage};
use uuid::Uuid;

use super::StoreError;
use super::address::{Address, Connection};
use crate::config::DatabaseConfig;
use crate::pacing::Backoff;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often two sessions are asked who they are: a pooler may be busy with others between two of our statements.
const LOOKS: usize = 3;
/// Time that a notification has to arrive.
const RING_PATIENCE: Duration = Duration::from_secs(5);

/// Returns when the database can be used: `database_wait_s` at most, as long as it is not there yet, starts or
/// recovers. Everything else that keeps us from it is an error at once.
///
/// # Errors
/// [`StoreError::Pooler`] when a pooler lies between that gives each transaction another session.
pub async fn until_ready(config: &DatabaseConfig, url: &str) -> Result<(), StoreError> {
    let address = Address::read(config, url)?;
    let patience = Duration::from_millis(config.connect_timeout_ms);
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

async fn look(address: &Address) -> Result<(), StoreError> {
    let mut one = Session::open(address).await?;
    if one.value("select pg_is_in_recovery()").await? == "t" {
        return Err(StoreError::Standby);
    }
    let mut two = Session::open(address).await?;
    if are_pooled(&mut one, &mut two).await? || !hears(&mut one, &mut two).await? {
        return Err(StoreError::Pooler);
    }
    Ok(())
}

/// Whether the two share their sessions: sessions of their own have numbers that differ and stay.
async fn are_pooled(one: &mut Session, two: &mut Session) -> Result<bool, StoreError> {
    const WHO: &str = "select pg_backend_pid()";
    let (first, second) = (one.value(WHO).await?, two.value(WHO).await?);
    for _ in 1..LOOKS {
        if first == second || one.value(WHO).await? != first || two.value(WHO).await? != second {
            return Ok(true);
        }
    }
    Ok(first == second)
}

/// Whether what one notifies comes to the other, who listens.
async fn hears(one: &mut Session, two: &mut Session) -> Result<bool, StoreError> {
    let channel = format!("seatcast_start_{}", Uuid::new_v4().simple());
    one.value(&format!("listen {channel}")).await?;
    two.value(&format!("notify {channel}")).await?;
    Ok(tokio::time::timeout(RING_PATIENCE, one.notified())
        .await
        .is_ok())
}

/// A connection that is moved along by whoever waits for it.
struct Session {
    client: Client,
    connection: Connection,
    notified: bool,
}

impl Session {
    async fn open(address: &Address) -> Result<Session, StoreError> {
        let (client, connection) = address.connect().await?;
        Ok(Session {
            client,
            connection,
            notified: false,
        })
    }

    /// The first value of the first row, or nothing. Not prepared: poolers lose what is.
    async fn value(&mut self, sql: &str) -> Result<String, StoreError> {
        let mut asking = pin!(self.client.simple_query(sql));
        let answer = loop {
            tokio::select! {
                answer = &mut asking => break answer?,
                message = poll_fn(|context| self.connection.poll_message(context)) => match message {
                    Some(Ok(message)) => self.notified |= matches!(message, AsyncMessage::Notification(_)),
                    // The question then ends with an error of its own.
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

    async fn notified(&mut self) {
        while !self.notified {
            match poll_fn(|context| self.connection.poll_message(context)).await {
                Some(Ok(message)) => {
                    self.notified |= matches!(message, AsyncMessage::Notification(_))
                }
                // Nothing will come any more; the caller's patience says so.
                Some(Err(_)) | None => std::future::pending().await,
            }
        }
    }
}
