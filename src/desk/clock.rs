//! Deadlines of commands. No I/O.
//!
//! A caller's patience starts when the request arrives. Two things hide that moment:
//!
//! - A node that was stopped (SIGSTOP, a debugger, swapping) finds old requests in its sockets, and they look as
//!   if they had just come. [`Pulse`] notices the standstill; a request that is read shortly after it counts as
//!   having come when it began.
//! - A node whose clock stopped with it (a paused virtual machine) notices nothing. So the deadline is also kept
//!   by the database's clock, as the node knew it when the command came ([`DatabaseClock`]), and the database
//!   checks it when the command is written.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A pulse later than this means that the node stood still. A shorter standstill goes unnoticed and makes
/// deadlines late by as much, so the desk's patience has to be shorter than its callers' by this.
pub(crate) const STOOD_STILL: Duration = Duration::from_secs(1);
/// Time after a standstill in which the node still reads requests that had waited in its sockets.
const SETTLING: Duration = Duration::from_secs(3);

/// Interval of [`Pulse::beat`].
pub(crate) const PULSE: Duration = Duration::from_millis(200);

/// Notices when the node stands still.
#[derive(Debug)]
pub(crate) struct Pulse {
    last: Instant,
    still: Option<Still>,
}

/// A standstill that began at `since`; requests read before `settled` may have come at any time since then.
#[derive(Debug)]
struct Still {
    since: Instant,
    settled: Instant,
}

impl Pulse {
    pub(crate) fn new(now: Instant) -> Pulse {
        Pulse {
            last: now,
            still: None,
        }
    }

    /// To be called every [`PULSE`].
    pub(crate) fn beat(&mut self, now: Instant) {
        self.feel(now);
        self.last = now;
    }

    /// The earliest moment at which a request may have come that is read now.
    pub(crate) fn earliest_arrival(&mut self, now: Instant) -> Instant {
        self.feel(now);
        match &self.still {
            Some(still) if now < still.settled => still.since,
            _ => now,
        }
    }

    fn feel(&mut self, now: Instant) {
        if now.saturating_duration_since(self.last) > STOOD_STILL {
            let settled = now + SETTLING;
            // A standstill before the last one has settled prolongs it.
            let since = match self.still.take() {
                Some(still) if self.last < still.settled => still.since,
                _ => self.last,
            };
            self.still = Some(Still { since, settled });
            self.last = now;
        }
    }
}

/// Number of readings of the database's clock that are kept.
const READINGS: usize = 16;

/// A lower bound of the database's clock.
///
/// A reading says that the clock showed `at` before the answer was received, so at receipt it shows at least that,
/// however long the answer took. The highest of the latest readings counts.
#[derive(Debug)]
pub(crate) struct DatabaseClock {
    start: Instant,
    /// Each reading, as the earliest time that the database's clock can have shown at `start`.
    readings: VecDeque<Timestamp>,
}

impl DatabaseClock {
    pub(crate) fn new(start: Instant) -> DatabaseClock {
        let readings = VecDeque::with_capacity(READINGS);
        DatabaseClock { start, readings }
    }

    /// Notes a reading: the answer that was received at `received` says `at`.
    pub(crate) fn read(&mut self, at: Timestamp, received: Instant) {
        let since_start = signed(received.saturating_duration_since(self.start));
        if let Ok(at_start) = at.checked_sub(since_start) {
            if self.readings.len() == READINGS {
                self.readings.pop_front();
            }
            self.readings.push_back(at_start);
        }
    }

    /// The earliest time that the database's clock can show at that moment; `None` before the first reading.
    pub(crate) fn at(&self, moment: Instant) -> Option<Timestamp> {
        let at_start = self.readings.iter().max()?;
        let since_start = signed(moment.saturating_duration_since(self.start));
        at_start.checked_add(since_start).ok()
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_read_by_a_node_that_stood_still_may_be_old() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        pulse.beat(start + PULSE);
        assert_eq!(pulse.earliest_arrival(start + 2 * PULSE), start + 2 * PULSE);
        // Stopped for a minute; a request is read before the pulse is felt.
        let back = start + 60 * SECOND;
        assert_eq!(pulse.earliest_arrival(back), start + PULSE);
        let settled = back + SETTLING;
        let mut now = back;
        while now + PULSE < settled {
            now += PULSE;
            pulse.beat(now);
            assert_eq!(pulse.earliest_arrival(now), start + PULSE);
        }
        assert_eq!(pulse.earliest_arrival(settled), settled);
    }

    #[test]
    fn a_node_that_stands_still_twice_has_not_settled_between() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        pulse.beat(start + 10 * SECOND);
        pulse.beat(start + 12 * SECOND);
        assert_eq!(pulse.earliest_arrival(start + 12 * SECOND), start);
    }

    #[test]
    fn the_database_clock_is_never_thought_ahead_however_late_an_answer_is() {
        let start = Instant::now();
        let mut clock = DatabaseClock::new(start);
        assert_eq!(clock.at(start), None);
        let noon: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        clock.read(noon, start + SECOND);
        assert_eq!(clock.at(start + SECOND), Some(noon));
        // An answer that was read a minute late.
        clock.read(noon + SECOND, start + 62 * SECOND);
        let then = clock.at(start + 2 * SECOND).unwrap();
        assert_eq!(then, noon + SECOND, "the better reading counts");
    }

    #[test]
    fn core_11_a_node_whose_clock_is_off_goes_by_the_databases() {
        let start = Instant::now();
        let mut clock = DatabaseClock::new(start);
        let there = Timestamp::now() + 600 * SECOND;
        clock.read(there, start);
        assert_eq!(clock.at(start + 30 * SECOND), Some(there + 30 * SECOND));
    }

    #[test]
    fn a_machine_that_was_paused_learns_the_time_anew() {
        let start = Instant::now();
        let mut clock = DatabaseClock::new(start);
        let noon: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        clock.read(noon, start);
        // Both clocks advance by a second, then only the database's, for an hour.
        let before = clock.at(start + SECOND).unwrap();
        assert_eq!(before, noon + SECOND);
        let after_pause = noon + 3_600 * SECOND;
        clock.read(after_pause, start + 2 * SECOND);
        assert_eq!(clock.at(start + 2 * SECOND), Some(after_pause));
    }
}
