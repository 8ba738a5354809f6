//! One clock for several processes.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Since the machine started, as every process on it counts.
pub(super) fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither is negative: the clock starts at zero.
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}
