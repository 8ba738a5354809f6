//! A shard's clock.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds since it was made. Tests may stop it.
pub(super) struct Clock {
    start: Instant,
    #[cfg(test)]
    pub(super) held_at_ms: Option<u64>,
}

/// The beginning of a piece of work: time, and CPU time of the thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch {
    at_ms: u64,
    worked_ms: u64,
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

    pub(super) fn begin(&self) -> Stopwatch {
        Stopwatch {
            at_ms: self.now_ms(),
            worked_ms: self.worked_ms(),
        }
    }

    /// How long the thread has waited for a processor since then.
    pub(super) fn kept_waiting_ms(&self, since: Stopwatch) -> u64 {
        let passed_ms = self.now_ms().saturating_sub(since.at_ms);
        passed_ms.saturating_sub(self.worked_ms().saturating_sub(since.worked_ms))
    }

    fn worked_ms(&self) -> u64 {
        #[cfg(test)]
        if let Some(held_at_ms) = self.held_at_ms {
            // Half of a test's time counts as waiting for a processor.
            return held_at_ms / 2;
        }
        let worked = clock_gettime(ClockId::ThreadCPUTime);
        let ms = worked.tv_sec * 1_000 + worked.tv_nsec / 1_000_000;
        u64::try_from(ms).unwrap_or(0)
    }
}
