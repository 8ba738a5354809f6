//! What a shard goes by.

use std::time::Instant;

/// Milliseconds since it was made. Tests may hold it.
pub(super) struct Clock {
    start: Instant,
    #[cfg(test)]
    pub(super) held_at_ms: Option<u64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            #[cfg(test)]
            held_at_ms: None,
        }
    }
}

impl Clock {
    pub(super) fn now_ms(&self) -> u64 {
        #[cfg(test)]
        if let Some(held_at_ms) = self.held_at_ms {
            return held_at_ms;
        }
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
