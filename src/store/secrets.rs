//! Random bytes that all nodes share.

use super::{Store, StoreError};

impl Store {
    /// The key under which addresses of buyers without an account are hashed.
    pub async fn guests_secret(&self) -> Result<[u8; 32], StoreError> {
        self.secret("guests").await
    }

    /// The key that links and codes in mails are signed with.
    pub async fn mails_secret(&self) -> Result<[u8; 32], StoreError> {
        self.secret("mails").await
    }

    pub(super) async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let sql = "select value from secrets where name = $1";
        let row = self.client().await?.query_opt(sql, &[&name]).await?;
        let row = row.ok_or_else(|| StoreError::corrupt("a secret is missing"))?;
        let value: &[u8] = row.try_get(0)?;
        value
            .try_into()
            .map_err(|_| StoreError::corrupt("a secret of another length"))
    }
}
