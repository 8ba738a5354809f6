//! Server-sent events as text.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use crate::config::AvailabilityConfig;
use crate::hub::NativeView;
use crate::hub::presence::PresenceView;
use crate::protocol::native::{self, Response};
use crate::protocol::presence::Counts;
use crate::ticketing::Revision;
use crate::ticketing::live::{Delta, EventState};

/// The beginning of the text of a whole state.
pub(super) const SNAPSHOT: &[u8] = b"event: snapshot";

pub(super) fn update(
    view: NativeView,
    delta: &Delta,
    state: &EventState,
    limits: &AvailabilityConfig,
) -> Bytes {
    let id = Some(delta.to);
    match view {
        NativeView::Event | NativeView::Admin => event(
            native::UPDATE,
            id,
            &native::event_update(delta, state, limits),
        ),
        NativeView::Seats => event(native::UPDATE, id, &native::seats_update(delta, state)),
    }
}

pub(super) fn snapshot(
    view: NativeView,
    state: &EventState,
    now: Timestamp,
    here: Option<&PresenceView>,
    limits: &AvailabilityConfig,
) -> Bytes {
    let nobody = Counts::default();
    let counts = here.map_or(&nobody, |here| &here.counted.counts);
    match view {
        NativeView::Event | NativeView::Admin => {
            whole(state, native::event_state(state, now, counts, limits))
        }
        NativeView::Seats => whole(state, native::seats_state(state)),
    }
}

fn whole(state: &EventState, body: impl Serialize) -> Bytes {
    let revision = state.revision;
    let response = Response {
        revision,
        resumed: false,
        state: body,
    };
    event("snapshot", Some(revision), &response)
}

/// One server-sent event. JSON as serde writes it has no line breaks of its own.
pub(super) fn event(name: &str, id: Option<Revision>, data: &impl Serialize) -> Bytes {
    let id = id.map_or(String::new(), |id| format!("id: {id}\n"));
    // Structs with string keys and finite numbers always serialize.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n").into()
}

/// Adds `retry:` to an event's block. In a block of its own some clients would take it for an event without data.
pub(super) fn with_retry(retry_ms: u64, event: &[u8]) -> Bytes {
    let mut text = format!("retry: {retry_ms}\n").into_bytes();
    text.extend_from_slice(event);
    text.into()
}
