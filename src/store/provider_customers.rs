//! Buyers as a provider of payments knows them: one customer for each account.

use super::{Store, StoreError};
use crate::ticketing::PaymentId;
use crate::ticketing::payment::{Buyer, ProviderName};

impl Store {
    /// The account that an attempt's booking belongs to, and its name at the attempt's provider; `None` for bookings
    /// without one.
    pub async fn payment_buyer(&self, of: PaymentId) -> Result<Option<Buyer>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select u.id, u.name, u.email, p.provider, c.customer_ref
                   from payments p join bookings b on b.id = p.booking_id join users u on u.id = b.user_id
                   left join provider_customers c on c.user_id = u.id and c.provider = p.provider
                  where p.id = $1",
            )
            .await?;
        let row = client.query_opt(&statement, &[&of]).await?;
        row.map(|row| {
            let provider: &str = row.try_get(3)?;
            let unknown = || StoreError::corrupt(format!("payment provider {provider}"));
            Ok(Buyer {
                user: row.try_get(0)?,
                name: row.try_get(1)?,
                email: row.try_get(2)?,
                provider: ProviderName::parse(provider).ok_or_else(unknown)?,
                customer: row.try_get(4)?,
            })
        })
        .transpose()
    }

    /// Keeps the provider's name for the buyer, or forgets the one that `of` has. The first one that is kept stays.
    pub async fn keep_provider_customer(
        &self,
        of: &Buyer,
        customer: Option<&str>,
    ) -> Result<(), StoreError> {
        let client = self.client().await?;
        let sql = match customer {
            Some(_) => {
                "insert into provider_customers (user_id, provider, customer_ref) values ($1, $2, $3)
                     on conflict (user_id, provider) do nothing"
            }
            None => {
                "delete from provider_customers
                  where user_id = $1 and provider = $2 and customer_ref is not distinct from $3"
            }
        };
        let statement = client.prepare_cached(sql).await?;
        let (provider, named) = (of.provider.as_str(), customer.or(of.customer.as_deref()));
        client
            .execute(&statement, &[&of.user, &provider, &named])
            .await?;
        Ok(())
    }
}
