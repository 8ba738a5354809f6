//! Whether what was shown last may still be called current. Pure: told the time.

use std::time::Duration;

use tokio::time::Instant;

/// Nothing heard for this long, and nobody can say that the numbers are current.
const BEAT_PATIENCE: Duration = Duration::from_secs(12);
/// A beat may overtake the frame of the revision that it names, not for longer than this.
const FRAME_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Freshness {
    /// The server's last beat or frame.
    heard_at: Instant,
    /// When the server last heard from the database: its word, and when it was new to us.
    checked: (String, Instant),
    /// The server says that it does not hear from the database.
    database_down: bool,
    /// Since when a revision is known that has not come.
    missing_since: Option<Instant>,
}

impl Freshness {
    pub(super) fn new(now: Instant) -> Freshness {
        Freshness {
            heard_at: now,
            checked: (String::new(), now),
            database_down: false,
            missing_since: None,
        }
    }

    /// A state or an update: news from the database, and nothing is missing after it.
    pub(super) fn frame(&mut self, now: Instant) {
        self.heard_at = now;
        self.checked.1 = now;
        self.database_down = false;
        self.missing_since = None;
    }

    /// The server says that it lost the database: what it sent last may be old already.
    pub(super) fn database_lost(&mut self) {
        self.database_down = true;
    }

    /// A beat. `behind`: it names a revision that we do not have.
    pub(super) fn beat(&mut self, checked_at: &str, behind: bool, now: Instant) {
        self.heard_at = now;
        self.database_down = false;
        if self.checked.0 != checked_at {
            self.checked = (checked_at.to_owned(), now);
        }
        self.missing_since = behind.then(|| self.missing_since.unwrap_or(now));
    }

    /// Whether the server still hears from the database.
    pub(super) fn is_current(&self, now: Instant) -> bool {
        !self.database_down && now < self.checked.1 + BEAT_PATIENCE
    }

    /// When to give the connection up, and why, if nothing comes until then.
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
        let mut freshness = Freshness::new(start);
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
        let mut freshness = Freshness::new(start);
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
        let mut freshness = Freshness::new(start);
        freshness.beat("10:00:00", false, start);
        assert!(freshness.is_current(start));
        freshness.beat("10:00:00", false, start);
        freshness.database_lost();
        assert!(!freshness.is_current(start));
        freshness.beat("10:00:01", false, start + SECOND);
        assert!(freshness.is_current(start + SECOND));
    }
}
