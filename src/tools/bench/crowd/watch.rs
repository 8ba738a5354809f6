//! How late each viewer had each change, however many came at once.
//!
//! A stall is many late changes, not one: each counts from when it was due, also those that were due while an earlier one
//! had not come to all.

use std::time::Duration;

use super::lags::Lags;
use crate::ticketing::Revision;

/// The changes after a revision. Times are by [`crate::tools::bench::clock`].
pub(super) struct Watch {
    after: Revision,
    /// In the order of their revisions.
    rounds: Vec<Round>,
    /// Updates that came before it was told when their changes were due: the two take different ways here.
    early: Vec<Arrival>,
}

/// The changes after those of the round before and up to this revision, which were due at one time.
struct Round {
    to: Revision,
    due: Duration,
}

/// A viewer that had `had` got the changes up to `to`.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) had: Revision,
    pub(super) to: Revision,
    pub(super) at: Duration,
}

impl Watch {
    pub(super) fn after(revision: Revision) -> Watch {
        Watch {
            after: revision,
            rounds: Vec::new(),
            early: Vec::new(),
        }
    }

    pub(super) fn due(&mut self, to: Revision, due: Duration, lags: &mut Lags) {
        self.rounds.push(Round { to, due });
        for arrival in std::mem::take(&mut self.early) {
            self.arrived(arrival, lags);
        }
    }

    pub(super) fn arrived(&mut self, arrival: Arrival, lags: &mut Lags) {
        let Arrival { had, to, at } = arrival;
        let mut counted = had.max(self.after);
        let first = self.rounds.partition_point(|round| round.to <= counted);
        for round in &self.rounds[first..] {
            if counted >= to {
                return;
            }
            let until = round.to.min(to);
            lags.add(at.saturating_sub(round.due), until - counted);
            counted = until;
        }
        if counted < to {
            let had = counted;
            self.early.push(Arrival { had, to, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn arrival(had: Revision, to: Revision, at_ms: u32) -> Arrival {
        let at = MS * at_ms;
        Arrival { had, to, at }
    }

    #[test]
    fn a_stall_counts_for_every_change_in_it() {
        let (mut watch, mut lags) = (Watch::after(1_000), Lags::default());
        for change in 1..=1_000 {
            watch.due(1_000 + change, MS * 10 * change as u32, &mut lags);
        }
        // One that is at once there, then 3 s in which nothing comes, then all of them together, then each at once.
        watch.arrived(arrival(1_000, 1_001, 10), &mut lags);
        watch.arrived(arrival(1_001, 1_301, 3_010), &mut lags);
        for change in 302..=1_000 {
            let at = 10 * change as u32;
            watch.arrived(arrival(999 + change, 1_000 + change, at), &mut lags);
        }
        assert_eq!(lags.count(), 1_000);
        assert_eq!(lags.percentile(50), MS / 10, "at once, rounded up");
        assert!(
            lags.percentile(99) > MS * 2_850,
            "{:?}",
            lags.percentile(99)
        );
        assert!(lags.percentile(75) > MS * 400, "{:?}", lags.percentile(75));
    }

    #[test]
    fn rounds_of_many_changes_are_counted_change_by_change() {
        let (mut watch, mut lags) = (Watch::after(0), Lags::default());
        watch.due(20, MS, &mut lags);
        watch.due(40, MS * 101, &mut lags);
        // The end of the first round, with the beginning of the second one.
        watch.arrived(arrival(0, 7, 2), &mut lags);
        assert_eq!(lags.count(), 7);
        watch.arrived(arrival(7, 25, 102), &mut lags);
        assert_eq!(lags.count(), 25);
        let mut expected = Lags::default();
        expected.add(MS, 7 + 5);
        expected.add(MS * 101, 13);
        assert_eq!(lags, expected);
    }

    #[test]
    fn a_change_that_came_before_its_round_was_told_is_counted_then() {
        let (mut watch, mut lags) = (Watch::after(5), Lags::default());
        // Earlier changes are not watched.
        watch.arrived(arrival(3, 5, 1), &mut lags);
        watch.arrived(arrival(5, 8, 9), &mut lags);
        assert_eq!(lags.count(), 0);
        watch.due(6, MS * 4, &mut lags);
        assert_eq!(lags.count(), 1);
        watch.due(9, MS * 6, &mut lags);
        watch.arrived(arrival(8, 9, 20), &mut lags);
        let mut expected = Lags::default();
        expected.add(MS * 5, 1);
        expected.add(MS * 3, 2);
        expected.add(MS * 14, 1);
        assert_eq!(lags, expected);
    }
}
