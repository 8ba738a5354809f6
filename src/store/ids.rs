//! Ids as columns and as arrays of them: to Postgres they are what is in them.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::ticketing::{
    ApiKeyId, BookingId, CheckinId, ClaimId, EventId, FeeId, NoticeId, OrganizationId, PaymentId,
    PoolId, PushSubscriptionId, RefundId, SeatId, SessionId, TaxId, TicketId, TicketTypeId,
    TransferId, UserId, VoucherId, WaitingId,
};

macro_rules! stored_as {
    ($inner:ty: $($name:ident),*) => {
        $(
            impl ToSql for $name {
                fn to_sql(
                    &self,
                    ty: &Type,
                    out: &mut BytesMut,
                ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
                    self.0.to_sql(ty, out)
                }

                fn accepts(ty: &Type) -> bool {
                    <$inner as ToSql>::accepts(ty)
                }

                to_sql_checked!();
            }

            impl<'a> FromSql<'a> for $name {
                fn from_sql(
                    ty: &Type,
                    raw: &'a [u8],
                ) -> Result<Self, Box<dyn Error + Sync + Send>> {
                    <$inner>::from_sql(ty, raw).map($name)
                }

                fn accepts(ty: &Type) -> bool {
                    <$inner as FromSql>::accepts(ty)
                }
            }
        )*
    };
}

stored_as!(i64: EventId, TicketTypeId, SeatId, NoticeId, ClaimId, WaitingId, UserId, PoolId, OrganizationId, ApiKeyId, SessionId, VoucherId, TaxId, FeeId, TicketId, CheckinId, PushSubscriptionId);
stored_as!(Uuid: BookingId, PaymentId, RefundId, TransferId);
