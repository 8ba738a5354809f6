//! Views of presence: made by `presence/`, shared by all shards, encoded once.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::frames::PerVsn;
use crate::protocol::phoenix::Vsn;
use crate::protocol::presence::Counts;
use crate::ticketing::EventId;

/// One event's presence.
#[derive(Debug)]
pub struct PresenceView {
    pub event: EventId,
    pub counted: Arc<Counted>,
    pub listing: Arc<Listing>,
}

impl PresenceView {
    /// Whether the event has no visitors.
    pub fn is_empty(&self) -> bool {
        self.counted.counts.is_empty() && self.listing.state.get() == "{}"
    }
}

/// Counts, and their frames once encoded.
#[derive(Debug)]
pub struct Counted {
    /// Grows with each change of any event; a viewer with a lower serial is sent these counts.
    pub serial: u64,
    pub counts: Counts,
    frames: PerVsn,
}

/// The listed members, and the difference from the listing before.
#[derive(Debug)]
pub struct Listing {
    pub serial: u64,
    /// The serial of the listing that `diff` begins at.
    pub follows: u64,
    /// Payload of `presence_state`.
    pub state: Box<RawValue>,
    /// Payload of `presence_diff`.
    pub diff: Box<RawValue>,
    states: PerVsn,
    diffs: PerVsn,
}

impl Counted {
    pub fn new(serial: u64, counts: Counts) -> Self {
        Self {
            serial,
            counts,
            frames: PerVsn::default(),
        }
    }

    /// The frame with these counts, encoded once for all shards.
    pub fn frame(&self, vsn: Vsn, encode: impl FnOnce() -> Bytes) -> Bytes {
        self.frames.of(vsn, encode)
    }
}

impl Listing {
    pub fn new(serial: u64, follows: u64, state: Box<RawValue>, diff: Box<RawValue>) -> Self {
        Self {
            serial,
            follows,
            state,
            diff,
            states: PerVsn::default(),
            diffs: PerVsn::default(),
        }
    }

    pub fn state_frame(&self, vsn: Vsn, encode: impl FnOnce() -> Bytes) -> Bytes {
        self.states.of(vsn, encode)
    }

    pub fn diff_frame(&self, vsn: Vsn, encode: impl FnOnce() -> Bytes) -> Bytes {
        self.diffs.of(vsn, encode)
    }
}
