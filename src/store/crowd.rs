//! Fewer connections than the pool may have: the database grants no more of them (53300; others have them, or the
//! role has a limit).
//!
//! Then a query waits in line for one that comes back to the pool, instead of failing beside idle ones. Only the
//! first of the line looks, and a further connection is asked for only now and then.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use tokio_postgres::error::SqlState;

/// How long after a refusal no further connection is asked for.
const REFUSED_FOR: Duration = Duration::from_millis(250);
/// So often the first of the line looks whether a connection came back.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// The one who holds it is the first of the line.
    line: tokio::sync::Mutex<()>,
    /// When a connection was refused last. Written by whoever is refused one, read by all who want one.
    refused_at: Mutex<Option<Instant>>,
}

impl Crowd {
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
