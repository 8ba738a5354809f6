//! What shards show of who is here. Made by `presence/`, shared by all shards, encoded once.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::frames::PerVsn;
use crate::protocol::phoenix::Vsn;
use crate::protocol::presence::Counts;
use crate::ticketing::EventId;

/// One event's presence as viewers see it.
#[derive(Debug)]
pub struct View {
    pub event: EventId,
    pub counted: Arc<Counted>,
    pub listing: Arc<Listing>,
}

impl View {
    /// Nobody is there.
    pub fn is_empty(&self) -> bool {
        self.counted.counts.is_empty() && self.listing.state.get() == "{}"
    }
}

/// Counts, and their frames once somebody needed them.
#[derive(Debug)]
pub struct Counted {
    /// Grows with each change, also over other events; a viewer that has a lower one is sent these.
    pub serial: u64,
    pub counts: Counts,
    frames: PerVsn,
}

/// The members that are listed, and what led here from the listing before.
#[derive(Debug)]
pub struct Listing {
    pub serial: u64,
    /// The listing that `diff` leads on from.
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
