//! How late each viewer was, of millions of deliveries: counted in steps, not kept.

use std::time::Duration;

use crate::tools::bench::report::NEVER;

const STEP_MICROS: u64 = 100;
/// Ten minutes; what is later counts as so late. No bench waits that long.
const STEPS_MAX: usize = 6_000_000;

/// How many were so many steps late. A frame adds one for each change in it, so that has to be cheap: the viewers share
/// their cores with others.
#[derive(Debug, Default, PartialEq)]
pub(in crate::tools::bench) struct Lags(Vec<u64>);

impl Lags {
    /// Of so many deliveries.
    pub(in crate::tools::bench) fn add(&mut self, lag: Duration, deliveries: u64) {
        let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        let step = usize::try_from(micros / STEP_MICROS).unwrap_or(usize::MAX);
        self.add_at(step.min(STEPS_MAX), deliveries);
    }

    fn add_at(&mut self, step: usize, deliveries: u64) {
        if self.0.len() <= step {
            self.0.resize(step + 1, 0);
        }
        self.0[step] += deliveries;
    }

    pub(in crate::tools::bench) fn merge(&mut self, other: &Lags) {
        for (step, count) in other.steps() {
            self.add_at(step, count);
        }
    }

    pub(in crate::tools::bench) fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The lag that `percent` of all do not exceed, rounded up to a whole step; [`NEVER`] without any.
    pub(in crate::tools::bench) fn percentile(&self, percent: u64) -> Duration {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut below = 0;
        let step = self.steps().find(|(_, count)| {
            below += count;
            below >= rank
        });
        step.map_or(NEVER, |(step, _)| {
            Duration::from_micros(STEP_MICROS * (step as u64 + 1))
        })
    }

    /// `12:3 14:9`, which [`Lags::read`] reads.
    pub(in crate::tools::bench) fn written(&self) -> String {
        let steps = self.steps().map(|(step, count)| format!("{step}:{count}"));
        steps.collect::<Vec<_>>().join(" ")
    }

    pub(in crate::tools::bench) fn read(text: &str) -> Option<Lags> {
        let mut lags = Lags::default();
        for pair in text.split_whitespace() {
            let (step, count) = pair.split_once(':')?;
            let step = step.parse::<usize>().ok()?;
            if step > STEPS_MAX {
                return None;
            }
            lags.add_at(step, count.parse().ok()?);
        }
        Some(lags)
    }

    fn steps(&self) -> impl Iterator<Item = (usize, u64)> {
        let all = self.0.iter().copied().enumerate();
        all.filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_rounded_up_to_a_step() {
        let mut lags = Lags::default();
        assert_eq!(lags.percentile(99), NEVER);
        for lag in 1..=98 {
            lags.add(Duration::from_micros(lag), 1);
        }
        lags.add(Duration::from_millis(7), 1);
        lags.add(Duration::from_millis(9), 1);
        assert_eq!(lags.percentile(50), Duration::from_micros(100));
        assert_eq!(lags.percentile(99), Duration::from_micros(7_100));
        assert_eq!(lags.percentile(100), Duration::from_micros(9_100));
    }

    #[test]
    fn what_is_written_is_read() {
        let (mut lags, mut both) = (Lags::default(), Lags::default());
        lags.add(Duration::from_millis(3), 1);
        lags.add(Duration::from_secs(3), 1);
        assert_eq!(Lags::read(&lags.written()).as_ref(), Some(&lags));
        assert_eq!(Lags::read(""), Some(Lags::default()));
        for odd in ["3:4 5", "6000001:1"] {
            assert_eq!(Lags::read(odd), None, "{odd}");
        }
        both.merge(&lags);
        both.merge(&lags);
        assert_eq!(both.count(), 4);
    }
}
