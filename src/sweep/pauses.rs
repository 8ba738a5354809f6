//! How long the sweeper sleeps, and which events it leaves alone meanwhile. No I/O.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::config::SweepConfig;
use crate::desk::DeskError;
use crate::pacing::Backoff;
use crate::store::StoreError;
use crate::telemetry::with_causes;
use crate::ticketing::EventId;

/// How long to sleep: until the next deadline, or, while the database fails, longer each time.
pub(super) struct Pauses {
    most: Duration,
    failing: Backoff,
    is_failing: bool,
}

impl Pauses {
    pub(super) fn new(config: &SweepConfig) -> Pauses {
        Pauses {
            most: Duration::from_millis(config.sweep_pause_ms_max),
            failing: failing(config),
            is_failing: false,
        }
    }

    /// The longest, while the database answers.
    pub(super) fn most(&self) -> Duration {
        self.most
    }

    pub(super) fn after(&mut self, swept: Result<Option<Duration>, StoreError>) -> Duration {
        match swept {
            Ok(next_in) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("holds are swept again");
                    self.failing.reset();
                }
                next_in.unwrap_or(self.most).min(self.most)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(error = %with_causes(&error), "holds cannot be swept");
                }
                self.failing.pause()
            }
        }
    }
}

/// Events whose holds could not be ended. Each is left alone for a while, longer each time.
pub(super) struct Rests {
    first: Backoff,
    /// No more than one look at the deadlines names.
    events: HashMap<EventId, Rest>,
}

struct Rest {
    backoff: Backoff,
    until: Instant,
}

/// The pauses after failures.
fn failing(config: &SweepConfig) -> Backoff {
    Backoff::new(
        Duration::from_millis(config.sweep_pause_ms_max),
        Duration::from_millis(config.sweep_failing_pause_ms_max),
    )
}

impl Rests {
    pub(super) fn new(config: &SweepConfig) -> Rests {
        Rests {
            first: failing(config),
            events: HashMap::new(),
        }
    }

    /// Those of the events due that do not rest. Who is not due any more is forgotten.
    pub(super) fn awake(&mut self, due: Vec<EventId>, now: Instant) -> Vec<EventId> {
        let named: HashSet<EventId> = due.iter().copied().collect();
        self.events.retain(|event, _| named.contains(event));
        let awake = |event: &EventId| {
            let rest = self.events.get(event);
            rest.is_none_or(|rest| rest.until <= now)
        };
        due.into_iter().filter(awake).collect()
    }

    /// Until the first of them is to be tried again.
    pub(super) fn next_in(&self, now: Instant) -> Option<Duration> {
        let ends = self.events.values().map(|rest| rest.until);
        Some(ends.min()?.saturating_duration_since(now))
    }

    pub(super) fn failed(&mut self, event: EventId, error: &DeskError, now: Instant) {
        let rest = self.events.entry(event).or_insert_with(|| {
            tracing::warn!(event = event.0, error = %with_causes(error), "an event's holds cannot be ended");
            Rest {
                backoff: self.first.clone(),
                until: now,
            }
        });
        rest.until = now + rest.backoff.pause();
    }

    pub(super) fn ended(&mut self, event: EventId) {
        if self.events.remove(&event).is_some() {
            tracing::info!(event = event.0, "an event's holds are ended again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn sleeps_to_the_next_deadline_and_backs_off_while_failing() {
        let config = Config::default().sweep;
        let most = Duration::from_millis(config.sweep_pause_ms_max);
        let mut pauses = Pauses::new(&config);
        let soon = Duration::from_millis(3);
        assert_eq!(pauses.after(Ok(Some(soon))), soon);
        assert_eq!(pauses.after(Ok(Some(Duration::from_secs(900)))), most);
        assert_eq!(pauses.after(Ok(None)), most);
        let failure = || Err(StoreError::Unavailable("gone".into()));
        assert_eq!(pauses.after(failure()), most);
        assert_eq!(pauses.after(failure()), most * 2);
        for _ in 0..40 {
            pauses.after(failure());
        }
        let longest = Duration::from_millis(config.sweep_failing_pause_ms_max);
        assert_eq!(pauses.after(failure()), longest);
        assert_eq!(pauses.after(Ok(Some(soon))), soon);
        assert_eq!(pauses.after(failure()), most);
    }

    #[test]
    fn an_event_that_fails_rests_alone() {
        let config = Config::default().sweep;
        let first = Duration::from_millis(config.sweep_pause_ms_max);
        let mut rests = Rests::new(&config);
        let error = DeskError::Internal;
        let start = Instant::now();
        assert_eq!(
            rests.awake(vec![EventId(1), EventId(2)], start),
            [EventId(1), EventId(2)]
        );
        assert_eq!(rests.next_in(start), None);
        rests.failed(EventId(1), &error, start);
        assert_eq!(
            rests.awake(vec![EventId(1), EventId(2)], start),
            [EventId(2)]
        );
        assert_eq!(rests.next_in(start), Some(first));
        let later = start + first;
        assert_eq!(
            rests.awake(vec![EventId(1), EventId(2)], later),
            [EventId(1), EventId(2)]
        );
        rests.failed(EventId(1), &error, later);
        assert_eq!(rests.next_in(later), Some(first * 2));
        // Ended here, or by another node.
        rests.ended(EventId(1));
        assert_eq!(rests.awake(vec![EventId(1)], later), [EventId(1)]);
        rests.failed(EventId(1), &error, later);
        assert_eq!(rests.awake(vec![EventId(2)], later), [EventId(2)]);
        assert_eq!(rests.next_in(later), None);
    }
}
