//! Random bytes that all nodes share.

use super::{Store, StoreError};

impl Store {
    /// The key under which addresses of buyers without an account are hashed.
    pub async fn guests_secret(&self) -> Result<[u8; 32], StoreError> {
        let sql = "select value from secrets where name = 'guests'";
        let row = self.client().await?.query_opt(sql, &[]).await?;
        let row = row.ok_or_else(|| StoreError::corrupt("there is no secret for guests"))?;
        let value: &[u8] = row.try_get(0)?;
        value
            .try_into()
            .map_err(|_| StoreError::corrupt("a secret of another length"))
    }
}
