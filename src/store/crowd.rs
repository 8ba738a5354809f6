//! Handles a database that grants fewer connections than the pool may open (53300: others use them, or the role has a
//! limit).
//!
//! A query then waits for a connection that comes back to the pool, instead of failing while others are idle. Only the
//! first in line looks, and a new connection is tried only now and then. Connections outside of the pool, as the desk's and
//! the doorbell's, cannot wait for others: the pool gives some of its own up for them ([`Room`]).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use tokio_postgres::error::SqlState;

use super::address::{Connection, DatabaseAddress};

/// After a refusal no new connection is tried for this long.
const REFUSED_FOR: Duration = Duration::from_millis(250);
/// How often the first in line looks for a returned connection.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// Time for the database to notice that a connection was given up.
const ROOM_PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub(super) struct PoolLine {
    /// Held by the first in line.
    line: tokio::sync::Mutex<()>,
    /// The time of the last refusal. Written at a refusal, read by all that want a connection.
    refused_at: Mutex<Option<Instant>>,
    /// The next connection that somebody gets is to be given up.
    is_asked: AtomicBool,
}

/// A pool that gives connections up for others.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) pool: Pool,
    pub(super) line: Arc<PoolLine>,
}

impl Room {
    /// A connection outside of the pool. Where the database grants no more, the pool gives one up for it, within `patience`.
    pub(super) async fn connect(
        &self,
        address: &DatabaseAddress,
        patience: Duration,
    ) -> Result<(tokio_postgres::Client, Connection), tokio_postgres::Error> {
        let asked = Instant::now();
        loop {
            match address.connect().await {
                Err(error) if is_crowded(&error) && asked.elapsed() < patience => self.make(),
                outcome => return outcome,
            }
            tokio::time::sleep(ROOM_PAUSE).await;
        }
    }

    /// Gives up a connection: the one that was idle longest, or the next one that comes back. The last one is kept.
    fn make(&self) {
        self.line.refused();
        if self.pool.status().size <= 1 {
            return;
        }
        let mut gave_up = false;
        self.pool
            .retain(|_, _| std::mem::replace(&mut gave_up, true));
        self.line.is_asked.store(!gave_up, Ordering::Relaxed);
    }
}

impl PoolLine {
    /// A connection of the pool, within `patience`. A pool that has none is given `room`.
    pub(super) async fn get(
        &self,
        pool: &Pool,
        room: &Room,
        patience: Duration,
    ) -> Result<Object, PoolError> {
        if !self.is_refused()
            && let Some(outcome) = self.try_get(pool, room).await
        {
            return outcome;
        }
        let waiting = async {
            let _first = self.line.lock().await;
            loop {
                if (pool.status().available > 0 || !self.is_refused())
                    && let Some(outcome) = self.try_get(pool, room).await
                {
                    return outcome;
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        let waited = tokio::time::timeout(patience, waiting).await;
        waited.unwrap_or(Err(PoolError::Timeout(TimeoutType::Wait)))
    }

    /// `None`: there was none, or it was given up.
    async fn try_get(&self, pool: &Pool, room: &Room) -> Option<Result<Object, PoolError>> {
        match pool.get().await {
            Err(error) if is_refusal(&error) => {
                self.refused();
                if pool.status().size == 0 {
                    room.make();
                }
                None
            }
            Ok(connection) if self.is_asked.swap(false, Ordering::Relaxed) => {
                drop(Object::take(connection));
                None
            }
            outcome => Some(outcome),
        }
    }

    fn refused(&self) {
        *self
            .refused_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_refused(&self) -> bool {
        let at = *self
            .refused_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at.elapsed() < REFUSED_FOR)
    }
}

fn is_refusal(error: &PoolError) -> bool {
    let PoolError::Backend(error) = error else {
        return false;
    };
    is_crowded(error)
}

fn is_crowded(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}
