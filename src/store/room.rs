//! Detects whether the database's disk has room.
//!
//! A full disk fails only writes that need a new page, so ordinary writes do not prove that there is room again. Once a
//! write has failed for this reason, [`Store::has_room`] makes writes that certainly need pages, until one succeeds.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::Client;

use super::{Store, StoreError};
use crate::metrics;
use crate::telemetry::with_causes;

/// Set by the first failed write, cleared by a successful probe. One for the process, since it has one database.
static MISSING: AtomicBool = AtomicBool::new(false);

/// Fills some pages of a temporary table that ends with the transaction.
const PROBE: &str = "create temporary table seatcast_room on commit drop as \
    select repeat(md5(n::text), 30) from generate_series(1, 64) n";

pub(super) fn was_missing() {
    metrics::STORAGE_FULL.set(1);
    if !MISSING.swap(true, Ordering::Relaxed) {
        tracing::error!(
            "the disk of the database is full: nothing can be booked until there is room"
        );
    }
}

/// Only a superuser is told where the files are, and only on the same machine are they here.
pub(super) async fn free_bytes(client: &Client) -> Option<u64> {
    let sql = "select current_setting('data_directory')";
    let row = client.query_one(sql, &[]).await.ok()?;
    let folder: String = row.try_get(0).ok()?;
    let space = rustix::fs::statvfs(&*folder).ok()?;
    Some(space.f_bavail * space.f_frsize)
}

impl Store {
    /// Asks the database only after a write has failed for want of room.
    pub async fn has_room(&self) -> Result<bool, StoreError> {
        if !MISSING.load(Ordering::Relaxed) {
            return Ok(true);
        }
        match self
            .client()
            .await?
            .batch_execute(PROBE)
            .await
            .map_err(StoreError::from)
        {
            Ok(()) => {}
            Err(StoreError::Full(_)) => return Ok(false),
            Err(error) if error.is_transient() => return Err(error),
            // It cannot be tried: the role may make no temporary tables, say. The next write that fails tells again.
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(error, "whether the disk has room again cannot be tried");
            }
        }
        MISSING.store(false, Ordering::Relaxed);
        metrics::STORAGE_FULL.set(0);
        tracing::info!("the disk of the database has room again");
        Ok(true)
    }

    /// Bytes free where the database's files are; `None` where they are on another machine, or its user may not know.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(free_bytes(&*self.client().await?).await)
    }
}
