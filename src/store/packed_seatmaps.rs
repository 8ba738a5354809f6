//! Large seat maps, packed once for all nodes.

use super::{Store, StoreError};
use crate::ticketing::EventId;

/// The job that packs a map; `draw_seats` in `sql/V5__published.sql` writes it.
pub const SEATMAP_JOB: &str = "seatmap";

impl Store {
    /// The map of this version in a form, if it was packed.
    pub async fn packed_seatmap(
        &self,
        event: EventId,
        layout: i32,
        form: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select packed from packed_seatmaps where event_id = $1 and form = $2 and layout = $3",
            )
            .await?;
        let row = client
            .query_opt(&statement, &[&event, &form, &layout])
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Stores the map of this version in a form, unless there is a newer one.
    pub async fn store_packed_seatmap(
        &self,
        event: EventId,
        layout: i32,
        form: &str,
        packed: &[u8],
    ) -> Result<(), StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "insert into packed_seatmaps as p (event_id, form, layout, packed)
                 select e.id, $2, $3, $4 from events e where e.id = $1
                     on conflict (event_id, form) do update set layout = excluded.layout, packed = excluded.packed
                  where p.layout < excluded.layout",
            )
            .await?;
        client
            .execute(&statement, &[&event, &form, &layout, &packed])
            .await?;
        Ok(())
    }
}
