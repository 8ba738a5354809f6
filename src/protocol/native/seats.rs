//! Seat statuses of an event: all of them packed, or pairs of position and status.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Serialize, Serializer};

use crate::config::inside::SEAT_PAIRS_MAX;
use crate::ticketing::Revision;
use crate::ticketing::live::{Delta, EventState, SeatMap, SeatStatus};

/// The whole state for `seats:` viewers: `{"layout": 3, "seats": "<base64>"}`, two bits a seat in layout order.
pub fn seats_state(state: &EventState) -> impl Serialize + use<> {
    SeatsBody::whole(state.event.layout, &state.seats)
}

/// The changes for a `seats:` viewer, as the state of a resumed join. `state` is the one after the delta.
pub fn seats_changes<'a>(delta: &'a Delta, state: &EventState) -> impl Serialize + use<'a> {
    SeatsBody::new(delta, state)
}

/// An `update` for `seats:` viewers: `{"from", "to", "seats": [[position, status], …]}`.
///
/// From revision 0, with a new layout, or with more than [`SEAT_PAIRS_MAX`] changes it holds the layout and every seat,
/// like the whole state: 100,000 seats are 33 KB then, and 1 MB as pairs.
pub fn seats_update<'a>(delta: &'a Delta, state: &EventState) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    struct SeatsUpdate<'a> {
        from: Revision,
        to: Revision,
        #[serde(flatten)]
        changes: SeatsBody<'a>,
    }
    SeatsUpdate {
        from: delta.from,
        to: delta.to,
        changes: SeatsBody::new(delta, state),
    }
}

#[derive(Serialize)]
struct SeatsBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<Seats<'a>>,
    /// The event is gone: nothing comes after.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

impl<'a> SeatsBody<'a> {
    fn new(delta: &'a Delta, state: &EventState) -> Self {
        if delta.layout.is_some() || delta.seats.len() > SEAT_PAIRS_MAX {
            return SeatsBody {
                deleted: delta.deleted,
                ..SeatsBody::whole(state.event.layout, &state.seats)
            };
        }
        let pairs = (!delta.seats.is_empty()).then_some(&delta.seats);
        SeatsBody {
            layout: None,
            seats: pairs.map(Seats::Pairs),
            deleted: delta.deleted,
        }
    }

    fn whole(layout: u32, seats: &SeatMap) -> Self {
        SeatsBody {
            layout: Some(layout),
            seats: Some(Seats::Packed(BASE64.encode(seats.bytes()))),
            deleted: false,
        }
    }
}

enum Seats<'a> {
    Packed(String),
    Pairs(&'a BTreeMap<u32, SeatStatus>),
}

impl Serialize for Seats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Seats::Packed(base64) => serializer.serialize_str(base64),
            Seats::Pairs(seats) => {
                let pairs = seats
                    .iter()
                    .map(|(&position, &status)| (position, status as u8));
                serializer.collect_seq(pairs)
            }
        }
    }
}
