//! Changes that developers make by hand, in development mode only.

use super::{Store, StoreError};
use crate::ticketing::BookingId;

impl Store {
    /// Sets a hold's deadline to now. `false`: there is no such hold.
    pub async fn let_hold_end(&self, booking: BookingId) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let sql = "
            update bookings set expires_at = clock_timestamp()
             where id = $1 and status = 'pending' and expires_at > clock_timestamp()";
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, &[&booking]).await? > 0)
    }
}
