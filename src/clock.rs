//! The database's clock as this node knows it, for all that judges whether something has ended: a node's own clock may be
//! off, and then two nodes would show two things.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// How far the database's clock is ahead of ours, in microseconds; 0 until it was read.
static AHEAD: Ahead = Ahead(AtomicI64::new(0));

/// The time by the database's clock, a little late at most.
pub(crate) fn database_now() -> Timestamp {
    AHEAD.after(Timestamp::now())
}

/// Notes that the database's clock shows at least `at`.
pub(crate) fn learn(at: Timestamp) {
    AHEAD.learn(at, Timestamp::now());
}

struct Ahead(AtomicI64);

impl Ahead {
    fn learn(&self, at: Timestamp, ours: Timestamp) {
        let ahead = i64::try_from(ours.duration_until(at).as_micros()).unwrap_or(0);
        self.0.store(ahead, Ordering::Relaxed);
    }

    fn after(&self, ours: Timestamp) -> Timestamp {
        let ahead = SignedDuration::from_micros(self.0.load(Ordering::Relaxed));
        ours.checked_add(ahead).unwrap_or(ours)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn core_11_the_databases_clock_is_known_by_how_far_it_is_ahead_or_behind() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let ahead = Ahead(AtomicI64::new(0));
        assert_eq!(
            ahead.after(at("2026-11-28T12:00:00Z")),
            at("2026-11-28T12:00:00Z")
        );
        for database in ["2026-11-28T13:00:00Z", "2026-11-28T11:59:00Z"] {
            ahead.learn(at(database), at("2026-11-28T12:00:00Z"));
            let later = ahead.after(at("2026-11-28T12:00:01Z"));
            assert_eq!(later, at(database) + SignedDuration::from_secs(1));
        }
    }
}
