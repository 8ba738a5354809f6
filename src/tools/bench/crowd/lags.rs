//! How late each viewer was, of millions of deliveries: counted in steps, not kept.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::tools::bench::report::NEVER;

const STEP: Duration = Duration::from_micros(100);

/// Number of the step → how many were as late as that.
#[derive(Debug, Default, PartialEq)]
pub(in crate::tools::bench) struct Lags(BTreeMap<u64, u64>);

impl Lags {
    /// Of so many deliveries.
    pub(in crate::tools::bench) fn add(&mut self, lag: Duration, deliveries: u64) {
        let step = u64::try_from(lag.as_micros() / STEP.as_micros()).unwrap_or(u64::MAX);
        *self.0.entry(step).or_default() += deliveries;
    }

    pub(in crate::tools::bench) fn merge(&mut self, other: &Lags) {
        for (&step, count) in &other.0 {
            *self.0.entry(step).or_default() += count;
        }
    }

    pub(in crate::tools::bench) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The lag that `percent` of all do not exceed, rounded up to a whole step; [`NEVER`] without any.
    pub(in crate::tools::bench) fn percentile(&self, percent: u64) -> Duration {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut below = 0;
        let step = self.0.iter().find(|(_, count)| {
            below += **count;
            below >= rank
        });
        step.map_or(NEVER, |(&step, _)| {
            STEP * u32::try_from(step.saturating_add(1)).unwrap_or(u32::MAX)
        })
    }

    /// `12:3 14:9`, which [`Lags::read`] reads.
    pub(in crate::tools::bench) fn written(&self) -> String {
        let steps = self.0.iter().map(|(step, count)| format!("{step}:{count}"));
        steps.collect::<Vec<_>>().join(" ")
    }

    pub(in crate::tools::bench) fn read(text: &str) -> Option<Lags> {
        let step = |pair: &str| {
            let (step, count) = pair.split_once(':')?;
            Some((step.parse().ok()?, count.parse().ok()?))
        };
        let steps: Option<_> = text.split_whitespace().map(step).collect();
        steps.map(Lags)
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
        assert_eq!(Lags::read("3:4 5"), None);
        both.merge(&lags);
        both.merge(&lags);
        assert_eq!(both.count(), 4);
    }
}
