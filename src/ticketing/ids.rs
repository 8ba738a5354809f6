//! The ids of things. Each is a type of its own, so that one cannot stand where another belongs; written down, whether
//! as text, JSON or SQL, it is its bare number.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident($inner:ty)) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = <$inner as FromStr>::Err;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map($name)
            }
        }

        impl From<$inner> for $name {
            fn from(id: $inner) -> Self {
                $name(id)
            }
        }
    };
}

// Events, ticket types, seats, notices, claims, users, keys, sessions and pools are numbered by the database.
id!(EventId(i64));
id!(TicketTypeId(i64));
id!(SeatId(i64));
id!(NoticeId(i64));
id!(ClaimId(i64));
id!(WaitingId(i64));
id!(
    /// One thing of which a browser is to be told.
    PushSubscriptionId(i64)
);
id!(UserId(i64));
id!(
    /// That of the user who founded the organization.
    OrganizationId(i64)
);
id!(ApiKeyId(i64));
id!(VoucherId(i64));
id!(TaxId(i64));
id!(FeeId(i64));
id!(
    /// A sign-in, from its first token to its end.
    SessionId(i64)
);
id!(TicketId(i64));
id!(
    /// A scan that counts.
    CheckinId(i64)
);
id!(
    /// An event's root pool comes first.
    #[derive(Default)]
    PoolId(i64)
);
id!(
    /// UUIDv7: sorts by the time of the booking.
    BookingId(Uuid)
);
id!(
    /// An attempt to pay a booking. UUIDv7: sorts by the time of the attempt.
    PaymentId(Uuid)
);
id!(
    /// Money on its way back. UUIDv7.
    RefundId(Uuid)
);

id!(
    /// A ticket that was offered to somebody. UUIDv7.
    TransferId(Uuid)
);

impl OrganizationId {
    pub fn founder(self) -> UserId {
        UserId(self.0)
    }
}

impl From<UserId> for OrganizationId {
    fn from(founder: UserId) -> OrganizationId {
        OrganizationId(founder.0)
    }
}

/// The number of a row in the OpenAPI document, with one of the demo's as its example.
macro_rules! described {
    ($($name:ident as $example:literal),*) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let number = ObjectBuilder::new()
                        .schema_type(Type::Integer)
                        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                        .minimum(Some(1))
                        .maximum(Some(i64::MAX as isize))
                        .examples([$example]);
                    number.build().into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
            }
        )*
    };
}

described!(WaitingId as 1, EventId as 2, TicketTypeId as 3, SeatId as 1, NoticeId as 1, UserId as 3, OrganizationId as 2, ApiKeyId as 1,
    VoucherId as 1, TaxId as 1, FeeId as 1, TicketId as 1, CheckinId as 1, PushSubscriptionId as 1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_id_is_written_and_read_as_its_bare_number() {
        let event = EventId(7);
        assert_eq!(format!("{event} {event:?}"), "7 7");
        assert_eq!("-7".parse(), Ok(EventId(-7)));
        let text = r#"{"7":[8,null]}"#;
        let read: BTreeMap<EventId, Vec<Option<SeatId>>> = serde_json::from_str(text).unwrap();
        assert_eq!(read, BTreeMap::from([(event, vec![Some(SeatId(8)), None])]));
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        let booking = BookingId(Uuid::from_u128(1));
        let text = r#""00000000-0000-0000-0000-000000000001""#;
        assert_eq!(serde_json::to_string(&booking).unwrap(), text);
        assert_eq!(serde_json::from_str::<BookingId>(text).unwrap(), booking);
    }
}
