//! Handles a database that grants fewer connections than the pool may open (53300: others use them, or the role has a
//! limit).
//!
//! A query then waits for a connection that comes back to the pool, instead of failing while others are idle. Only the
//! first in line looks, and a new connection is tried only now and then.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use tokio_postgres::error::SqlState;

/// After a refusal no new connection is tried for this long.
const REFUSED_FOR: Duration = Duration::from_millis(250);
/// How often the first in line looks for a returned connection.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
pub(super) struct PoolLine {
    /// Held by the first in line.
    line: tokio::sync::Mutex<()>,
    /// The time of the last refusal. Written at a refusal, read by all that want a connection.
    refused_at: Mutex<Option<Instant>>,
}

impl PoolLine {
    /// A connection of the pool, within `patience`.
    pub(super) async fn get(&self, pool: &Pool, patience: Duration) -> Result<Object, PoolError> {
        if !self.is_refused() {
            match pool.get().await {
                Err(error) if is_refusal(&error) => self.refused(),
                outcome => return outcome,
            }
        }
        let waiting = async {
            let _first = self.line.lock().await;
            loop {
                if pool.status().available > 0 || !self.is_refused() {
                    match pool.get().await {
                        Err(error) if is_refusal(&error) => self.refused(),
                        outcome => return outcome,
                    }
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        let waited = tokio::time::timeout(patience, waiting).await;
        waited.unwrap_or(Err(PoolError::Timeout(TimeoutType::Wait)))
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
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}
