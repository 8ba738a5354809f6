//! Detects whether the database's disk has room.
//!
//! A full disk fails only writes that need a new page, so ordinary writes do not prove that there is room again. Once a
//! write has failed for this reason, [`Store::has_room`] makes writes that certainly need pages, until one succeeds.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Store, StoreError};

/// Set by the first failed write, cleared by a successful probe. One for the process, since it has one database.
static MISSING: AtomicBool = AtomicBool::new(false);

/// Fills some pages of a temporary table that ends with the transaction.
const PROBE: &str = "create temporary table seatcast_room on commit drop as \
    select repeat(md5(n::text), 30) from generate_series(1, 64) n";

pub(super) fn was_missing() {
    if !MISSING.swap(true, Ordering::Relaxed) {
        tracing::error!(
            "the disk of the database is full: nothing can be booked until there is room"
        );
    }
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
            Err(error) => return Err(error),
        }
        MISSING.store(false, Ordering::Relaxed);
        tracing::info!("the disk of the database has room again");
        Ok(true)
    }
}
