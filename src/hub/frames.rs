//! Frames that are encoded once and shared.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::protocol::phoenix::Vsn;

/// One slot for each encoding, filled by the first shard that needs it.
#[derive(Debug)]
pub struct Encoded<const SLOTS: usize>([OnceLock<Bytes>; SLOTS]);

/// Encoded for both versions of the wire.
pub type PerVsn = Encoded<2>;

impl<const SLOTS: usize> Default for Encoded<SLOTS> {
    fn default() -> Self {
        Encoded([const { OnceLock::new() }; SLOTS])
    }
}

impl<const SLOTS: usize> Encoded<SLOTS> {
    pub fn get(&self, slot: usize, encode: impl FnOnce() -> Bytes) -> Bytes {
        self.0[slot].get_or_init(encode).clone()
    }
}

impl PerVsn {
    pub fn of(&self, vsn: Vsn, encode: impl FnOnce() -> Bytes) -> Bytes {
        self.get(usize::from(vsn == Vsn::V2), encode)
    }
}

/// A small cache of catch-up frames: viewers with equal keys receive identical bytes, so a thousand that lag alike cost one
/// encoding. Emptied at every change, since the frames lead to the current revision.
#[derive(Debug)]
pub struct Prepared<K, F> {
    /// The first ones serve viewers that have the previous state, which are the most.
    kept: Vec<(K, F)>,
    bytes: usize,
    frames_max: usize,
    bytes_max: usize,
}

/// The size of a frame in memory, in bytes.
pub trait Weight {
    fn bytes(&self) -> usize;
}

impl Weight for Bytes {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl<K: PartialEq, F: Clone + Weight> Prepared<K, F> {
    pub fn new(frames_max: usize, bytes_max: usize) -> Self {
        Self {
            kept: Vec::new(),
            bytes: 0,
            frames_max,
            bytes_max,
        }
    }

    pub fn get(&self, key: &K) -> Option<F> {
        let known = self.kept.iter().find(|(of, _)| of == key);
        known.map(|(_, frame)| frame.clone())
    }

    /// Keeps a frame; if there is no room, it replaces the latest ones.
    pub fn keep(&mut self, key: K, frame: F) {
        let bytes = frame.bytes();
        while self.kept.len() >= self.frames_max || self.bytes + bytes > self.bytes_max {
            let Some((_, last)) = self.kept.pop() else {
                break;
            };
            self.bytes -= last.bytes();
        }
        self.bytes += bytes;
        self.kept.push((key, frame));
    }

    pub fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ones_stay_and_bounds_hold() {
        let mut prepared = Prepared::new(3, 10);
        for key in 0..5 {
            prepared.keep(key, Bytes::from_static(b"one"));
        }
        let kept: Vec<i32> = (0..5).filter(|key| prepared.get(key).is_some()).collect();
        assert_eq!(kept, [0, 1, 4]);
        prepared.keep(7, Bytes::from_static(b"seven ."));
        assert!(prepared.get(&0).is_some() && prepared.get(&1).is_none());
        prepared.keep(8, Bytes::from_static(b"more than all that fits"));
        assert!(prepared.get(&8).is_some() && prepared.get(&0).is_none());
        prepared.clear();
        assert!(prepared.get(&8).is_none());
    }
}
