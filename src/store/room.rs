//! Whether the database's disk has room.
//!
//! A full disk fails the writes that need a new page and lets all others through, so no write of every day
//! proves that there is room again. Once a write failed for it, [`Store::has_room`] makes one that surely needs
//! pages, until that succeeds.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Store, StoreError};

/// Set by the first write that failed, cleared by a probe that did not. One for the process, as it has one
/// database.
static MISSING: AtomicBool = AtomicBool::new(false);

/// Some pages of a table that nobody sees and that is gone with the transaction.
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
