//! Packs a large seat map after it was drawn, so that nobody has to wait for that, on any node.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::seatmap::{self, Form, Packed, Packing};
use crate::store::packed_seatmaps::SEATMAP_JOB;
use crate::ticketing::EventId;

/// Written by a trigger, with the map. A map that is drawn again meanwhile rings it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackSeatmap {
    pub event_id: EventId,
}

impl Kind for PackSeatmap {
    const NAME: &'static str = SEATMAP_JOB;
    /// Without it the first reader of each node waits.
    const WORTH: Duration = Duration::from_secs(24 * 3_600);
    const DROPPED_WHEN_LATE: bool = true;

    fn key(&self, _: &Proofs) -> String {
        format!("seatmap:{}", self.event_id)
    }

    async fn carry_out(&self, hands: &JobHands, _: &Task<'_>) -> Result<End, Failed> {
        for form in Form::ALL {
            // Read for each, since it is large.
            let Some(geometry) = hands.store.geometry(self.event_id).await? else {
                return Ok(End::Done);
            };
            if !seatmap::is_large(&geometry) {
                return Ok(End::Done);
            }
            let layout = geometry.layout;
            let packing = spawn_blocking(move || {
                let data = seatmap::data(geometry, form)?;
                Packed::of(&data, Packing::Small)
            });
            let failed = |error: &dyn std::fmt::Display| Failed::Later(error.to_string());
            let packed = packing.await.map_err(|error| failed(&error))?;
            let packed = packed.map_err(|error| failed(&error))?;
            let stored = hands.store.store_packed_seatmap(
                self.event_id,
                layout,
                form.name(),
                packed.bytes(),
            );
            stored.await?;
        }
        Ok(End::Done)
    }
}
