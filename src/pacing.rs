//! The back-off, the halving and the token bucket that all modules share: when something is tried again, how much of
//! it at a time, and how often a client may ask. Pure, except for [`now`], [`until`] and the jitter of pauses.

use std::time::{Duration, Instant};

/// A pause that doubles with every consecutive failure, from a shortest to a longest one.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    least: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(least: Duration, longest: Duration) -> Self {
        Backoff {
            least,
            longest,
            next: least,
        }
    }

    /// The pause after a failure; the next one is twice as long.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }

    /// The same, shortened at random to between half and all of it, so that nodes that lost the same database do not
    /// reconnect in step.
    pub(crate) fn jittered(&mut self) -> Duration {
        self.pause().mul_f64(rand::random_range(0.5..=1.0))
    }

    /// The same, shortened at random to anything above 0, so that transactions that collided do not collide again.
    pub(crate) fn fully_jittered(&mut self) -> Duration {
        self.pause().mul_f64(rand::random_range(0.0..=1.0))
    }

    /// Call it after a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.least;
    }
}

/// Repeats a batch that failed in halves, until the offending piece is alone. That one is tried by itself, ever more
/// rarely.
#[derive(Debug)]
pub(crate) struct Halving<T> {
    parts: Vec<Part<T>>,
    /// Whether a part is being tried; there is one at a time.
    pub(crate) is_busy: bool,
    alone: Backoff,
}

/// Pieces that are tried together.
#[derive(Debug)]
pub(crate) struct Part<T> {
    pub(crate) pieces: Vec<T>,
    due: Instant,
    /// The pauses of a piece that fails alone.
    pub(crate) backoff: Backoff,
}

impl<T> Halving<T> {
    /// `alone` gives the pauses between attempts at a piece that fails by itself.
    pub(crate) fn new(alone: Backoff) -> Self {
        Halving {
            parts: Vec::new(),
            is_busy: false,
            alone,
        }
    }

    /// Takes the part that has waited longest, if it is due and none is being tried.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Part<T>> {
        if self.is_busy {
            return None;
        }
        let parts = self.parts.iter().enumerate();
        let first = parts.min_by_key(|(_, part)| part.due);
        let (place, _) = first.filter(|(_, part)| part.due <= now)?;
        Some(self.parts.swap_remove(place))
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        let due = self.parts.iter().map(|part| part.due);
        due.min().filter(|_| !self.is_busy)
    }

    /// Makes all parts due: their failures may have passed.
    pub(crate) fn hurry(&mut self, now: Instant) {
        for part in &mut self.parts {
            part.due = part.due.min(now);
        }
    }

    /// Puts the same pieces back, to be tried later.
    pub(crate) fn again(&mut self, pieces: Vec<T>, mut backoff: Backoff, now: Instant) {
        if !pieces.is_empty() {
            let due = now + backoff.pause();
            self.parts.push(Part {
                pieces,
                due,
                backoff,
            });
        }
    }

    /// Puts the pieces back in halves, to be tried now; a single piece later. `backoff` is that of the failed part, if it
    /// was one.
    pub(crate) fn halve(&mut self, pieces: Vec<T>, backoff: Option<Backoff>, now: Instant) {
        match halves(pieces) {
            Ok(parts) => self.parts.extend(parts.map(|pieces| Part {
                pieces,
                due: now,
                backoff: self.alone.clone(),
            })),
            Err(alone) => {
                let backoff = backoff.unwrap_or_else(|| self.alone.clone());
                self.again(alone, backoff, now);
            }
        }
    }
}

/// The first half and the second.
///
/// # Errors
/// The pieces, if there are fewer than two.
pub(crate) fn halves<T>(mut pieces: Vec<T>) -> Result<[Vec<T>; 2], Vec<T>> {
    if pieces.len() < 2 {
        return Err(pieces);
    }
    let second = pieces.split_off(pieces.len() / 2);
    Ok([pieces, second])
}

/// A token bucket: fills at a rate, up to a burst.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    /// Parts of tokens, so that slow rates refill smoothly: what one token a minute gains in a millisecond.
    parts: u64,
    per_minute: u32,
    burst: u32,
    refilled_ms: u64,
}

/// Of a token: the milliseconds of a minute.
const PARTS: u64 = 60_000;

impl TokenBucket {
    /// `per_s` tokens a second, twice as many in a burst. `now_ms` is the time of any monotonic clock.
    pub(crate) fn new(per_s: u32, now_ms: u64) -> Self {
        Self::full(per_s.saturating_mul(60), per_s.saturating_mul(2), now_ms)
    }

    pub(crate) fn full(per_minute: u32, burst: u32, now_ms: u64) -> Self {
        Self {
            parts: u64::from(burst) * PARTS,
            per_minute,
            burst,
            refilled_ms: now_ms,
        }
    }

    /// Takes one token; `false` if there is none.
    pub(crate) fn take(&mut self, now_ms: u64) -> bool {
        self.take_all(1, now_ms)
    }

    /// Takes all `tokens`, or none and returns `false` if there are fewer.
    pub(crate) fn take_all(&mut self, tokens: usize, now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.refilled_ms);
        self.refilled_ms = now_ms;
        self.parts = self
            .parts
            .saturating_add(passed_ms.saturating_mul(u64::from(self.per_minute)))
            .min(u64::from(self.burst) * PARTS);
        let wanted = u64::try_from(tokens)
            .unwrap_or(u64::MAX)
            .saturating_mul(PARTS);
        let taken = self.parts >= wanted;
        if taken {
            self.parts -= wanted;
        }
        taken
    }

    /// Time from the last take until there is a token; for ever is [`u64::MAX`].
    pub(crate) fn wait_ms(&self) -> u64 {
        let missing = PARTS.saturating_sub(self.parts);
        match u64::from(self.per_minute) {
            0 => u64::MAX,
            per_minute => missing.div_ceil(per_minute),
        }
    }
}

/// The runtime's clock, which tests may stop.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Waits until then; for ever if `at` is `None`.
pub(crate) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_bucket_allows_a_burst_of_two_seconds_then_the_rate() {
        let mut bucket = TokenBucket::new(10, 0);
        assert_eq!((0..100).filter(|_| bucket.take(0)).count(), 20);
        assert!(!bucket.take(99));
        assert!(bucket.take(100));
        assert!(!bucket.take(100));
        assert_eq!((0..100).filter(|_| bucket.take(1_000_000)).count(), 20);
        assert!(!bucket.take_all(21, 2_000_000), "all or none");
        assert!(bucket.take_all(20, 2_000_000));
    }

    #[test]
    fn a_slow_bucket_refills_by_parts_of_a_token() {
        let mut bucket = TokenBucket::full(6, 2, 0);
        assert!(bucket.take(0) && bucket.take(0) && !bucket.take(0));
        assert_eq!(bucket.wait_ms(), 10_000);
        assert!((1..10_000).all(|ms| !bucket.take(ms)));
        assert_eq!(bucket.wait_ms(), 1);
        assert!(bucket.take(10_000));
    }

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_millis(500), Duration::from_secs(10))
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut backoff = backoff();
        let pauses: Vec<u128> = (0..6).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 10_000]);
        backoff.reset();
        assert_eq!(backoff.pause().as_millis(), 500);
    }

    /// One of a hundred pieces fails whatever it is tried with.
    #[test]
    fn what_spoils_the_others_ends_alone_and_is_tried_ever_more_rarely() {
        let start = Instant::now();
        let (mut now, mut halving) = (start, Halving::new(backoff()));
        halving.halve((0..100).collect(), None, now);
        let (mut done, mut alone_at) = (Vec::new(), Vec::new());
        while let Some(at) = halving
            .next_at()
            .filter(|at| *at < start + Duration::from_secs(20))
        {
            now = now.max(at);
            let Some(part) = halving.take_due(now) else {
                panic!("it is due")
            };
            if !part.pieces.contains(&7) {
                done.extend(part.pieces);
            } else if part.pieces == [7] {
                alone_at.push((now - start).as_millis());
                halving.halve(part.pieces, Some(part.backoff), now);
            } else {
                halving.halve(part.pieces, None, now);
            }
        }
        assert_eq!(done.len(), 99);
        assert_eq!(alone_at, [0, 500, 1_500, 3_500, 7_500, 15_500]);
    }
}
