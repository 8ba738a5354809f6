//! Failures that come again and again are said when they begin, once a minute while they go on, and when they are over.
//! A full disk fails thousands of batches and requests, and one line for each would fill the next disk.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::with_causes;

/// How often a failure that goes on is said again.
const OUTAGE_SAID_EVERY: Duration = Duration::from_secs(60);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// One kind of failure; a static where it is logged.
#[derive(Debug)]
pub(crate) struct Outage {
    is_on: AtomicBool,
    /// When the next line may be said, in milliseconds since [`START`].
    quiet_until_ms: AtomicU64,
    /// Failures since the last line.
    unsaid: AtomicU64,
}

impl Outage {
    pub(crate) const fn new() -> Self {
        Self {
            is_on: AtomicBool::new(false),
            quiet_until_ms: AtomicU64::new(0),
            unsaid: AtomicU64::new(0),
        }
    }

    /// Notes a failure. Returns the number of failures since the last line, this one included, if it is time for a line.
    pub(crate) fn failed(&self) -> Option<u64> {
        self.failed_at(START.elapsed())
    }

    fn failed_at(&self, now: Duration) -> Option<u64> {
        let ms = |at: Duration| u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        let begins = !self.is_on.swap(true, Ordering::Relaxed);
        let (now, next) = (ms(now), ms(now + OUTAGE_SAID_EVERY));
        let is_due = |until: u64| (begins || until <= now).then_some(next);
        let order = Ordering::Relaxed;
        let due = self.quiet_until_ms.fetch_update(order, order, is_due);
        due.ok().map(|_| self.unsaid.swap(0, Ordering::Relaxed))
    }

    /// Notes a success. Returns whether it ends an outage.
    pub(crate) fn over(&self) -> bool {
        let was_on =
            self.is_on.load(Ordering::Relaxed) && self.is_on.swap(false, Ordering::Relaxed);
        if was_on {
            self.unsaid.store(0, Ordering::Relaxed);
        }
        was_on
    }
}

/// Logs that a request was answered 503; of each code the first one, and then one a minute. The surrounding span carries
/// the request's id.
pub(crate) fn not_served(code: &'static str, cause: &(dyn Error + 'static)) {
    /// By code, of which there are as many as the sources name.
    static CODES: Mutex<BTreeMap<&'static str, Outage>> = Mutex::new(BTreeMap::new());
    let mut codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
    let said = codes.entry(code).or_insert_with(Outage::new).failed();
    drop(codes);
    match said {
        Some(requests) => {
            tracing::warn!(code, requests, cause = %with_causes(cause), "request not served");
        }
        None => tracing::debug!(code, cause = %with_causes(cause), "request not served"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_said_when_it_begins_at_intervals_and_when_it_ends() {
        let outage = Outage::new();
        assert!(!outage.over());
        let start = Duration::from_secs(7);
        assert_eq!(outage.failed_at(start), Some(1));
        for _ in 0..1_000 {
            assert_eq!(outage.failed_at(start + OUTAGE_SAID_EVERY / 2), None);
        }
        assert_eq!(outage.failed_at(start + OUTAGE_SAID_EVERY), Some(1_001));
        assert_eq!(outage.failed_at(start + OUTAGE_SAID_EVERY), None);
        assert!(outage.over() && !outage.over());
        // Another one is said at once.
        assert_eq!(outage.failed_at(start + OUTAGE_SAID_EVERY), Some(1));
    }
}
