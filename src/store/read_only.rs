//! Notices a database that answers and takes no writes (25006): providers make it read-only when its disk is full, and a
//! server that is about to be replaced is made so as well.
//!
//! The setting is a session's: one that began while the database was read-only may stay so when the database is not any more,
//! and a pool would keep it. So every session that is older than a refusal is given up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use super::migrate::NEWEST;
use super::{Store, StoreError};
use crate::metrics;

/// Sessions are given up no more often than this, since while it lasts each write is refused.
const REFUSALS_APART: Duration = Duration::from_secs(5);

/// Set by a refusal, and by each look. One for the process, as below.
static IS_ON: AtomicBool = AtomicBool::new(false);
/// The last refusal that counted. One for the process, since it has one database.
static REFUSED_AT: Mutex<Option<Instant>> = Mutex::new(None);

/// A write was refused.
pub(super) fn refused() {
    set(true);
    let mut at = REFUSED_AT.lock().unwrap_or_else(PoisonError::into_inner);
    if at.is_none_or(|at| at.elapsed() >= REFUSALS_APART) {
        *at = Some(Instant::now());
    }
}

/// Whether a session that began then may still be read-only though the database is not.
pub(super) fn is_of_before(began: Instant) -> bool {
    let at = *REFUSED_AT.lock().unwrap_or_else(PoisonError::into_inner);
    at.is_some_and(|at| began <= at)
}

fn set(is_read_only: bool) {
    metrics::DATABASE_READ_ONLY.set(i64::from(is_read_only));
    match (IS_ON.swap(is_read_only, Ordering::Relaxed), is_read_only) {
        (false, true) => {
            tracing::error!(
                "the database is read-only: nothing can be booked until it takes writes"
            );
        }
        (true, false) => tracing::info!("the database takes writes again"),
        _ => {}
    }
}

/// How a database that answers can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// It has every migration that this program knows. It may have newer ones, from newer nodes.
    pub is_migrated: bool,
    pub takes_writes: bool,
}

impl Store {
    /// How the database can be used; asks it each time, in one question.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn condition(&self) -> Result<Condition, StoreError> {
        let client = self.client().await?;
        let sql = "select current_setting('transaction_read_only') = 'off', coalesce(max(version), 0)::bigint
                     from refinery_schema_history";
        let asked = async {
            let statement = client.prepare_cached(sql).await?;
            client.query_one(&statement, &[]).await
        };
        let row = match asked.await {
            Ok(row) => row,
            // Somebody took everything away.
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                return Ok(Condition {
                    is_migrated: false,
                    takes_writes: true,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let (takes_writes, applied): (bool, i64) = (row.try_get(0)?, row.try_get(1)?);
        set(!takes_writes);
        Ok(Condition {
            is_migrated: applied >= *NEWEST,
            takes_writes,
        })
    }
}
