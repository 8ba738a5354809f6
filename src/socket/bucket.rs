//! A token bucket: so many a second, twice as many in a burst.

/// Pure: the caller says what time it is, in milliseconds of any clock that only goes forward.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// Thousandths of a token, so that slow rates refill smoothly.
    millitokens: u64,
    per_s: u32,
    refilled_ms: u64,
}

impl Bucket {
    pub(crate) fn new(per_s: u32, now_ms: u64) -> Self {
        Self {
            millitokens: Self::burst(per_s),
            per_s,
            refilled_ms: now_ms,
        }
    }

    /// Takes one token; `false` when there is none.
    pub(crate) fn take(&mut self, now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.refilled_ms);
        self.refilled_ms = now_ms;
        self.millitokens = self
            .millitokens
            .saturating_add(passed_ms.saturating_mul(u64::from(self.per_s)))
            .min(Self::burst(self.per_s));
        let taken = self.millitokens >= 1_000;
        if taken {
            self.millitokens -= 1_000;
        }
        taken
    }

    fn burst(per_s: u32) -> u64 {
        u64::from(per_s) * 2_000
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;

    #[test]
    fn allows_a_burst_of_two_seconds_then_the_rate() {
        let mut bucket = Bucket::new(10, 0);
        assert_eq!((0..100).filter(|_| bucket.take(0)).count(), 20);
        assert!(!bucket.take(99));
        assert!(bucket.take(100));
        assert!(!bucket.take(100));
        assert_eq!((0..100).filter(|_| bucket.take(1_000_000)).count(), 20);
    }
}
