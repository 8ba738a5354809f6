//! Whether the numbers on the screen may still be called current. Pure: it is told the time.

use std::time::Duration;

use tokio::time::Instant;

/// A server that was silent for this long is given up: its numbers may be old.
const BEAT_PATIENCE: Duration = Duration::from_secs(12);
/// Time that a frame may lag behind a beat that names its revision.
const FRAME_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct ShownFreshness {
    /// The server's last beat or frame.
    heard_at: Instant,
    /// The server's latest `checked_at`, and when it came here first.
    checked: (String, Instant),
    /// The server's latest beat says that its database does not answer.
    database_down: bool,
    /// When a beat first named a revision whose frame has not come.
    missing_since: Option<Instant>,
}

impl ShownFreshness {
    pub(super) fn new(now: Instant) -> ShownFreshness {
        ShownFreshness {
            heard_at: now,
            checked: (String::new(), now),
            database_down: false,
            missing_since: None,
        }
    }

    /// A state or an update has come: the server had it from the database, and nothing is missing.
    pub(super) fn frame(&mut self, now: Instant) {
        self.heard_at = now;
        self.checked.1 = now;
        self.database_down = false;
        self.missing_since = None;
    }

    /// The server has lost its database: the numbers it sent may be old.
    pub(super) fn database_lost(&mut self) {
        self.database_down = true;
    }

    /// A beat has come; `behind` if it names a revision whose frame has not.
    pub(super) fn beat(&mut self, checked_at: &str, behind: bool, now: Instant) {
        self.heard_at = now;
        self.database_down = false;
        if self.checked.0 != checked_at {
            self.checked = (checked_at.to_owned(), now);
        }
        self.missing_since = behind.then(|| self.missing_since.unwrap_or(now));
    }

    /// Whether the server's database answered lately.
    pub(super) fn is_current(&self, now: Instant) -> bool {
        !self.database_down && now < self.checked.1 + BEAT_PATIENCE
    }

    /// The time at which the connection is given up if nothing comes until then, and the reason.
    pub(super) fn deadline(&self) -> (Instant, &'static str) {
        let silent = (self.heard_at + BEAT_PATIENCE, "the server is silent");
        match self.missing_since {
            Some(since) => silent.min((since + FRAME_PATIENCE, "a change did not come")),
            None => silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_and_missing_frames_end_the_patience() {
        let start = Instant::now();
        let mut freshness = ShownFreshness::new(start);
        assert_eq!(freshness.deadline().0, start + 12 * SECOND);
        freshness.beat("10:00:05", true, start + 5 * SECOND);
        freshness.beat("10:00:06", true, start + 5 * SECOND + SECOND / 2);
        assert_eq!(freshness.deadline().0, start + 6 * SECOND);
        freshness.frame(start + 6 * SECOND);
        assert_eq!(freshness.deadline().0, start + 18 * SECOND);
    }

    #[test]
    fn a_server_without_its_database_is_not_current() {
        let start = Instant::now();
        let mut freshness = ShownFreshness::new(start);
        for beat in 0..4 {
            freshness.beat("10:00:00", false, start + beat * 5 * SECOND);
        }
        assert!(!freshness.is_current(start + 15 * SECOND));
        freshness.beat("10:00:20", false, start + 20 * SECOND);
        assert!(freshness.is_current(start + 20 * SECOND));
    }

    #[test]
    fn a_server_without_its_database_is_not_believed_until_it_is_back() {
        let start = Instant::now();
        let mut freshness = ShownFreshness::new(start);
        freshness.beat("10:00:00", false, start);
        assert!(freshness.is_current(start));
        freshness.beat("10:00:00", false, start);
        freshness.database_lost();
        assert!(!freshness.is_current(start));
        freshness.beat("10:00:01", false, start + SECOND);
        assert!(freshness.is_current(start + SECOND));
    }
}
