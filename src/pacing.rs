//! The back-off, the halving and the token bucket that all modules share: when something is tried again, how much of
//! it at a time, and how often a client may ask. Pure, except for [`now`], [`until`] and the jitter of pauses.

use std::sync::atomic::{AtomicU64, Ordering};
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
        self.pause().mul_f64(share(0.5))
    }

    /// The same, shortened at random to anything above 0, so that transactions that collided do not collide again.
    pub(crate) fn fully_jittered(&mut self) -> Duration {
        self.pause().mul_f64(share(0.0))
    }

    /// Call it after a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.least;
    }
}

/// A random share, from `least` to the whole.
fn share(least: f64) -> f64 {
    #[cfg(test)]
    if let Some(share) = SHARES.with_borrow_mut(|next| Some(next.as_mut()?())) {
        return least + (1.0 - least) * share;
    }
    rand::random_range(least..=1.0)
}

#[cfg(test)]
type Shares = Box<dyn FnMut() -> f64>;

#[cfg(test)]
thread_local! {
    /// The source of this thread's jitter, where a run has to be replayed to the letter.
    static SHARES: std::cell::RefCell<Option<Shares>> = const { std::cell::RefCell::new(None) };
}

/// From now on these decide this thread's jitter; each is between 0 and 1.
#[cfg(test)]
pub(crate) fn jitter_by(shares: Shares) {
    SHARES.set(Some(shares));
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

/// How a token bucket fills, and how many tokens it has room for.
#[derive(Debug, Clone, Copy)]
struct Filling {
    per_minute: u32,
    burst: u32,
}

/// Of a token: the milliseconds of a minute, so that a bucket gains `per_minute` of these in a millisecond.
const PARTS: u64 = 60_000;

impl Filling {
    /// When the bucket will be full after `tokens` were taken from it, in parts since the clock's start; `None` if it
    /// has fewer. `full_at` is when it would have been full.
    fn take(self, full_at: u64, tokens: usize, now_ms: u64) -> Option<u64> {
        let now = now_ms.saturating_mul(self.per_minute.into());
        let wanted = u64::try_from(tokens).unwrap_or(u64::MAX);
        let full_at = full_at.max(now).checked_add(wanted.checked_mul(PARTS)?)?;
        (full_at - now <= u64::from(self.burst) * PARTS).then_some(full_at)
    }
}

/// A token bucket: fills at a rate, up to a burst.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    full_at: u64,
    filling: Filling,
}

impl TokenBucket {
    /// `per_s` tokens a second, twice as many in a burst. Full. Any monotonic clock may count its milliseconds.
    pub(crate) fn new(per_s: u32) -> Self {
        Self::full(per_s.saturating_mul(60), per_s.saturating_mul(2))
    }

    pub(crate) fn full(per_minute: u32, burst: u32) -> Self {
        let filling = Filling { per_minute, burst };
        Self {
            full_at: 0,
            filling,
        }
    }

    /// Takes one token; `false` if there is none.
    pub(crate) fn take(&mut self, now_ms: u64) -> bool {
        self.take_all(1, now_ms)
    }

    /// Takes all `tokens`, or none and returns `false` if there are fewer.
    pub(crate) fn take_all(&mut self, tokens: usize, now_ms: u64) -> bool {
        let taken = self.filling.take(self.full_at, tokens, now_ms);
        self.full_at = taken.unwrap_or(self.full_at);
        taken.is_some()
    }

    /// Gives one token back.
    pub(crate) fn give_back(&mut self) {
        self.full_at = self.full_at.saturating_sub(PARTS);
    }

    /// Time until there are so many tokens; for ever is [`u64::MAX`].
    pub(crate) fn wait_ms(&self, tokens: usize, now_ms: u64) -> u64 {
        let Filling { per_minute, burst } = self.filling;
        let now = now_ms.saturating_mul(per_minute.into());
        let room = (u64::from(burst) * PARTS).saturating_add(now);
        let wanted = u64::try_from(tokens)
            .unwrap_or(u64::MAX)
            .saturating_mul(PARTS);
        let missing = self.full_at.saturating_add(wanted).saturating_sub(room);
        match u64::from(per_minute) {
            _ if missing == 0 => 0,
            0 => u64::MAX,
            per_minute => missing.div_ceil(per_minute),
        }
    }
}

/// A token bucket that several threads take from without a lock. Their clocks have to start at about the same time.
#[derive(Debug)]
pub(crate) struct SharedTokenBucket {
    full_at: AtomicU64,
    filling: Filling,
}

impl SharedTokenBucket {
    pub(crate) fn full(per_minute: u32, burst: u32) -> Self {
        let filling = Filling { per_minute, burst };
        Self {
            full_at: AtomicU64::new(0),
            filling,
        }
    }

    /// Takes one token; `false` if there is none.
    pub(crate) fn take(&self, now_ms: u64) -> bool {
        let take = |full_at| self.filling.take(full_at, 1, now_ms);
        let (order, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.full_at.fetch_update(order, read, take).is_ok()
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
        let mut bucket = TokenBucket::new(10);
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
        let mut bucket = TokenBucket::full(6, 2);
        assert!(bucket.take(0) && bucket.take(0) && !bucket.take(0));
        assert_eq!(bucket.wait_ms(1, 0), 10_000);
        assert!((1..10_000).all(|ms| !bucket.take(ms)));
        assert_eq!(bucket.wait_ms(1, 9_999), 1);
        assert!(bucket.take(10_000));
    }

    #[test]
    fn threads_take_no_more_from_a_shared_bucket_than_it_has() {
        let bucket = SharedTokenBucket::full(60, 1_000);
        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..1_000).filter(|_| bucket.take(1_000)).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            let threads = threads.into_iter();
            threads.map(|thread| thread.join().unwrap_or(0)).sum()
        });
        assert_eq!(taken, 1_000);
        assert!(bucket.take(2_000) && !bucket.take(2_000));
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
