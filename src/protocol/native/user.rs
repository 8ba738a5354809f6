//! Frames of `user:{id}`, entity by entity, and the figures of `admin:{id}`.
//!
//! Revisions of these topics are times of the database in microseconds, taken at the beginning of the read that a frame
//! comes from; so revisions of all nodes can be compared.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::ticketing::{BookingId, Revision, TicketId};

/// The kinds of entities in `user:`, each under its own key in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityKind {
    Booking,
    /// A ticket that the user took over from somebody else.
    Ticket,
}

/// An entity of `user:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum EntityId {
    Booking(BookingId),
    Ticket(TicketId),
}

impl EntityKind {
    pub const ALL: [EntityKind; 2] = [EntityKind::Booking, EntityKind::Ticket];

    /// The key in a frame.
    pub fn key(self) -> &'static str {
        match self {
            EntityKind::Booking => "bookings",
            EntityKind::Ticket => "tickets",
        }
    }

    /// The key of the ids that went away.
    pub fn gone_key(self) -> &'static str {
        match self {
            EntityKind::Booking => "gone",
            EntityKind::Ticket => "gone_tickets",
        }
    }
}

impl EntityId {
    pub fn kind(self) -> EntityKind {
        match self {
            EntityId::Booking(_) => EntityKind::Booking,
            EntityId::Ticket(_) => EntityKind::Ticket,
        }
    }
}

/// The content of a frame of `user:`: whole entities, each with its `version`, and the ids of removed ones.
///
/// It is the whole state or a change; in a change, a kind without changes has no key. Serialized, it is the state of a
/// join's reply.
#[derive(Debug, Default)]
pub struct Told<'a> {
    /// Whether it is the whole state: the receiver drops everything that is not in it.
    pub is_whole: bool,
    pub entities: Vec<(EntityKind, &'a RawValue)>,
    pub gone: Vec<EntityId>,
}

impl Told<'_> {
    fn fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for kind in EntityKind::ALL {
            let of_kind = self.entities.iter().filter(|(of, _)| *of == kind);
            let of_kind: Vec<&RawValue> = of_kind.map(|(_, body)| *body).collect();
            if self.is_whole || !of_kind.is_empty() {
                map.serialize_entry(kind.key(), &of_kind)?;
            }
        }
        for kind in EntityKind::ALL {
            let of_kind = self.gone.iter().filter(|id| id.kind() == kind);
            let of_kind: Vec<&EntityId> = of_kind.collect();
            if !of_kind.is_empty() {
                map.serialize_entry(kind.gone_key(), &of_kind)?;
            }
        }
        Ok(())
    }
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.fields(&mut map)?;
        map.end()
    }
}

/// An `update` of `user:`: `{"from", "to", "bookings": […], "tickets": […], "gone": ["<uuid>", …], "gone_tickets": [7, …]}`. From 0
/// it is the whole state.
pub fn user_update<'a>(
    from: Revision,
    to: Revision,
    told: &'a Told<'a>,
) -> impl Serialize + use<'a> {
    struct UserUpdate<'a>(Revision, Revision, &'a Told<'a>);
    impl Serialize for UserUpdate<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("from", &self.0)?;
            map.serialize_entry("to", &self.1)?;
            self.2.fields(&mut map)?;
            map.end()
        }
    }
    UserUpdate(from, to, told)
}

/// `figures` of `admin:`: `{"as_of": …, "revenue": …, …}`. Of two, the one with the later `as_of` counts. `body` is an
/// object that is not empty.
pub fn figures(as_of: Revision, body: &RawValue) -> Box<RawValue> {
    let fields = body.get().strip_prefix('{').unwrap_or("}");
    RawValue::from_string(format!("{{\"as_of\":{as_of},{fields}"))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}
