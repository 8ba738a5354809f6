//! One timing wheel for all connections of a shard: beats, idle timeouts, overdue joins and closes.
//!
//! In place of a timer per connection, the shard visits every n-th place of its slab at each tick. So each connection is
//! visited once per visit interval, and the visits, and with them the beats, are spread evenly.

/// Time between two ticks, in milliseconds.
const TICK_MS: u64 = 50;
/// Each connection is visited about this often, in milliseconds, or more often when beats ask for it.
const VISIT_INTERVAL_MS: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Wheel {
    stride: u64,
    beat_visits: u16,
    ticks: u64,
}

impl Wheel {
    pub(super) fn new(beat_interval_ms: u64) -> Self {
        let visit_interval_ms = VISIT_INTERVAL_MS.min(beat_interval_ms).max(TICK_MS);
        let beat_visits = beat_interval_ms.div_euclid(visit_interval_ms).max(1);
        Self {
            stride: visit_interval_ms / TICK_MS,
            beat_visits: u16::try_from(beat_visits).unwrap_or(u16::MAX),
            ticks: 0,
        }
    }

    /// Visits from one beat of a connection to the next.
    pub(super) fn beat_visits(&self) -> u16 {
        self.beat_visits
    }

    /// Milliseconds until the next tick.
    pub(super) fn until_tick(&self, now_ms: u64) -> u64 {
        ((self.ticks + 1) * TICK_MS).saturating_sub(now_ms)
    }

    /// The first place and the step of the next due tick. After a long stall at most one round is made up for.
    pub(super) fn next(&mut self, now_ms: u64) -> Option<(usize, usize)> {
        let due = now_ms / TICK_MS;
        self.ticks = self.ticks.max(due.saturating_sub(self.stride));
        if self.ticks >= due {
            return None;
        }
        self.ticks += 1;
        let phase = self.ticks % self.stride;
        Some((
            usize::try_from(phase).ok()?,
            usize::try_from(self.stride).ok()?,
        ))
    }

    /// Whether a whole round has just ended, for work that is done once a visit interval.
    pub(super) fn is_round(&self) -> bool {
        self.ticks.is_multiple_of(self.stride)
    }
}

#[cfg(test)]
mod tests {
    use super::Wheel;

    #[test]
    fn every_place_is_visited_once_a_round() {
        let mut wheel = Wheel::new(5_000);
        let mut visits = [0; 97];
        for now_ms in (0..=1_000).step_by(7) {
            while let Some((first, step)) = wheel.next(now_ms) {
                (first..visits.len())
                    .step_by(step)
                    .for_each(|place| visits[place] += 1);
            }
        }
        assert!(visits.iter().all(|&count| (0..=1).contains(&count)));
        while let Some((first, step)) = wheel.next(1_000) {
            (first..visits.len())
                .step_by(step)
                .for_each(|place| visits[place] += 1);
        }
        assert_eq!(visits, [1; 97]);
        assert_eq!(wheel.beat_visits(), 5);
    }

    #[test]
    fn a_stall_is_made_up_for_by_one_round() {
        let mut wheel = Wheel::new(5_000);
        assert_eq!(std::iter::from_fn(|| wheel.next(60_000)).count(), 20);
        assert_eq!(wheel.until_tick(60_010), 40);
    }
}
