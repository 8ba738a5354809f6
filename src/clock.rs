//! The database's clock as this node knows it, for all that judges whether something has ended: a node's own clock may be
//! off, and then two nodes would show two things.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The beginning of this node's own count of time. It is monotonic: a wall clock may be set between two readings of the
/// database's clock, and what is told by it would jump as far.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static DATABASE: LearntClock = LearntClock(AtomicI64::new(UNKNOWN));

const UNKNOWN: i64 = i64::MIN;

/// The time by the database's clock, a little late at most; by this node's until the database's was read.
pub(crate) fn database_now() -> Timestamp {
    let known = DATABASE.after(START.elapsed());
    known.unwrap_or_else(Timestamp::now)
}

/// Notes that the database's clock shows at least `at`.
pub(crate) fn learn(at: Timestamp) {
    DATABASE.learn(at, START.elapsed());
}

/// The time of another clock at [`START`], in microseconds since the epoch.
struct LearntClock(AtomicI64);

impl LearntClock {
    fn learn(&self, at: Timestamp, elapsed: Duration) {
        self.0
            .store(at.as_microsecond() - micros(elapsed), Ordering::Relaxed);
    }

    /// `None` until it was read.
    fn after(&self, elapsed: Duration) -> Option<Timestamp> {
        let start = self.0.load(Ordering::Relaxed);
        let is_known = start != UNKNOWN;
        let now =
            is_known.then(|| Timestamp::from_microsecond(start.saturating_add(micros(elapsed))));
        now?.ok()
    }
}

fn micros(elapsed: Duration) -> i64 {
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn core_11_the_databases_clock_is_what_it_said_last_and_the_time_since() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let clock = LearntClock(AtomicI64::new(UNKNOWN));
        assert_eq!(clock.after(Duration::from_secs(7)), None);
        for (database, elapsed_s) in [("2026-11-28T13:00:00Z", 7), ("2026-11-28T11:59:00Z", 8)] {
            let elapsed = Duration::from_secs(elapsed_s);
            clock.learn(at(database), elapsed);
            let later = clock.after(elapsed + Duration::from_secs(1));
            assert_eq!(later, Some(at(database) + SignedDuration::from_secs(1)));
        }
    }
}
