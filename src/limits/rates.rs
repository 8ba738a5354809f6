//! How often one client may ask: a token bucket for each address and each account, by kind of request.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::address::Network;
use crate::config::{LimitsConfig, Rate, Switch};
use crate::pacing::TokenBucket;
use crate::ticketing::{ApiKeyId, UserId};

/// Kinds of requests, each with a rate of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateKind {
    Reads,
    Writes,
    Bookings,
    SignUps,
    /// Attempts to sign in, by address and by the account that is tried.
    SignIns,
    /// Codes of vouchers that are no codes, by address.
    Codes,
    /// Mails about bookings of free tickets, by the address of whoever has them sent and by the one that they go to.
    Mails,
    /// WebSocket connections and streams that are opened.
    Connections,
    /// Rows of interactions, whatever brings them.
    Interactions,
}

/// Somebody whose requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    Network(Network),
    Account(UserId),
    Key(ApiKeyId),
    /// The hash of what somebody calls an account, or of an address that a mail goes to, whether or not there is one.
    Login([u8; 16]),
}

/// A request too many, or more rows than are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften {
    pub kind: RateKind,
    pub rate: Rate,
    /// When the next one is allowed, in seconds: at least 1.
    pub retry_after_s: u64,
}

/// Locks among which clients are spread, so that requests seldom wait for each other.
const LOCKS: usize = 16;

/// The buckets of this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rates {
    buckets: Arc<[Mutex<Generations>; LOCKS]>,
    /// Spreads clients over the locks; keyed, so that nobody can choose theirs.
    spread: Arc<RandomState>,
    config: LimitsConfig,
    since: Instant,
}

impl Rates {
    pub fn new(config: &LimitsConfig) -> Rates {
        Rates {
            buckets: Arc::default(),
            spread: Arc::default(),
            config: config.clone(),
            since: Instant::now(),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// It is one too many.
    pub fn count(&self, kind: RateKind, who: Who) -> Result<(), TooOften> {
        self.count_many(kind, who, 1)
    }

    /// Counts `many` of something that comes in one request; all of them, or none.
    ///
    /// # Errors
    /// They are more than are allowed.
    pub fn count_many(&self, kind: RateKind, who: Who, many: usize) -> Result<(), TooOften> {
        self.count_at(kind, who, many, self.now_ms())
    }

    /// Takes back that a request was counted.
    pub fn uncount(&self, kind: RateKind, who: Who) {
        if self.config.limits == Switch::On {
            self.bucket((kind, who), self.rate(kind), TokenBucket::give_back);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn count_at(&self, kind: RateKind, who: Who, many: usize, now_ms: u64) -> Result<(), TooOften> {
        self.take_at(kind, who, many, now_ms, TokenBucket::take_all)
    }

    fn take_at(
        &self,
        kind: RateKind,
        who: Who,
        many: usize,
        now_ms: u64,
        take: impl FnOnce(&mut TokenBucket, usize, u64) -> bool,
    ) -> Result<(), TooOften> {
        if self.config.limits == Switch::Off {
            return Ok(());
        }
        let rate = self.rate(kind);
        self.bucket((kind, who), rate, |bucket| {
            match take(bucket, many, now_ms) {
                true => Ok(()),
                false => Err(TooOften {
                    kind,
                    rate,
                    retry_after_s: bucket.wait_ms(many, now_ms).div_ceil(1_000).max(1),
                }),
            }
        })
    }

    fn bucket<T>(
        &self,
        key: (RateKind, Who),
        rate: Rate,
        work: impl FnOnce(&mut TokenBucket) -> T,
    ) -> T {
        let lock = usize::try_from(self.spread.hash_one(key)).unwrap_or(0) % LOCKS;
        // A panic cannot leave a bucket half changed.
        let mut buckets = self.buckets[lock]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let most = self.config.limited_clients_max.div_ceil(LOCKS);
        work(buckets.of(key, most, || TokenBucket::full(rate.per_minute, rate.burst)))
    }

    fn rate(&self, kind: RateKind) -> Rate {
        match kind {
            RateKind::Reads => self.config.reads,
            RateKind::Writes => self.config.writes,
            RateKind::Bookings => self.config.bookings,
            RateKind::SignUps => self.config.sign_ups,
            RateKind::SignIns => self.config.sign_ins,
            RateKind::Codes => self.config.codes,
            RateKind::Mails => self.config.mails_of_address(),
            RateKind::Connections => self.config.connections,
            RateKind::Interactions => self.config.interactions,
        }
    }
}

impl RateKind {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            RateKind::Reads => "reads",
            RateKind::Writes => "writes",
            RateKind::Bookings => "bookings",
            RateKind::SignUps => "sign-ups",
            RateKind::SignIns => "sign-ins",
            RateKind::Codes => "codes",
            RateKind::Mails => "mails",
            RateKind::Connections => "connections",
            RateKind::Interactions => "interactions",
        }
    }
}

/// Buckets in two halves, so that memory is bounded without ever looking through it: when the young half is full it
/// becomes the old one, whose buckets are forgotten unless they are used before that happens again. A forgotten one
/// was idle while so many others came, so it would be full by now, or nearly.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<(RateKind, Who), TokenBucket>,
    old: HashMap<(RateKind, Who), TokenBucket>,
}

impl Generations {
    /// The bucket of `key`. There are at most `most` in all.
    fn of(
        &mut self,
        key: (RateKind, Who),
        most: usize,
        new: impl FnOnce() -> TokenBucket,
    ) -> &mut TokenBucket {
        // Taken out first: it is in use, so it must not go with the old half.
        let kept = self.old.remove(&key);
        if !self.young.contains_key(&key) && self.young.len() >= (most / 2).max(1) {
            self.old = mem::take(&mut self.young);
        }
        let young = self.young.entry(key);
        young.or_insert_with(|| kept.unwrap_or_else(new))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::Ipv4Addr;

    use super::*;
    use crate::config::Config;
    use crate::limits::address::Client;

    fn rates(change: impl FnOnce(&mut LimitsConfig)) -> Rates {
        let mut config = Config::default().limits;
        change(&mut config);
        Rates::new(&config)
    }

    fn network(bits: u32) -> Who {
        Who::Network(Client::new(Ipv4Addr::from_bits(bits).into()).network())
    }

    #[test]
    fn a_burst_then_the_rate_and_nobody_pays_for_others() {
        let rates = rates(|_| {});
        let granted = |who, ms| {
            let all = (0..1_000).filter(|_| rates.count_at(RateKind::Bookings, who, 1, ms).is_ok());
            all.count()
        };
        assert_eq!(granted(network(1), 0), 30);
        assert_eq!(granted(network(1), 1_000), 5);
        assert_eq!(granted(network(2), 1_000), 30);
        assert_eq!(granted(Who::Account(UserId(1)), 1_000), 30);
        assert!(
            rates
                .count_at(RateKind::Reads, network(1), 1, 1_000)
                .is_ok()
        );
    }

    #[test]
    fn who_is_refused_is_told_when_to_come_again() {
        let rates = rates(|_| {});
        let ask = |ms| rates.count_at(RateKind::SignUps, network(1), 1, ms);
        for _ in 0..10 {
            assert!(ask(0).is_ok());
        }
        assert_eq!(ask(0).unwrap_err().retry_after_s, 10);
        assert_eq!(ask(9_500).unwrap_err().retry_after_s, 1);
        assert!(ask(10_000).is_ok());
    }

    #[test]
    fn faults_1_rows_are_counted_and_not_what_brings_them() {
        let rates = rates(|_| {});
        let ask = |many, ms| rates.count_at(RateKind::Interactions, network(1), many, ms);
        for _ in 0..2 {
            assert!(ask(1_000, 0).is_ok());
        }
        // All or none: five rows come back in half a second, a thousand in a hundred.
        assert_eq!(ask(1_000, 500).unwrap_err().retry_after_s, 100);
        assert!(ask(5, 500).is_ok());
        assert!(ask(1, 500).is_err());
        assert!(ask(1_000, 100_500).is_ok());
    }

    #[test]
    fn what_is_taken_back_is_there_again_and_never_more() {
        let rates = rates(|limits| (limits.codes.per_minute, limits.codes.burst) = (0, 2));
        let count = || rates.count(RateKind::Codes, network(1));
        let uncount = || rates.uncount(RateKind::Codes, network(1));
        uncount();
        assert!(count().is_ok() && count().is_ok() && count().is_err());
        uncount();
        assert!(count().is_ok() && count().is_err());
    }

    /// An operator who lets a whole campus book from one address has it written to.
    #[test]
    fn mails_follow_what_one_address_may_have() {
        for (tickets, burst, per_minute) in
            [(20, 20, 6), (5, 20, 6), (0, 20, 6), (1_000, 1_000, 300)]
        {
            let rates = rates(|limits| limits.tickets_per_address_max = tickets);
            assert_eq!(rates.rate(RateKind::Mails), Rate { per_minute, burst });
        }
    }

    #[test]
    fn all_limits_can_be_lifted() {
        let rates = rates(|limits| limits.limits = Switch::Off);
        assert!((0..1_000).all(|_| rates.count_at(RateKind::SignUps, network(1), 1, 0).is_ok()));
    }

    /// A flood of addresses neither takes memory without end nor gives the flooder a new burst.
    #[test]
    fn buckets_are_bounded_and_those_in_use_are_kept() {
        let rates = rates(|limits| limits.limited_clients_max = 1_600);
        let busy = network(0);
        let mut granted = 0;
        for one in 1..50_000_u32 {
            let _ = rates.count_at(RateKind::Reads, network(one), 1, 0);
            if one % 10 == 0 {
                granted += usize::from(rates.count_at(RateKind::Bookings, busy, 1, 0).is_ok());
            }
        }
        assert_eq!(granted, 30);
        let kept = rates.buckets.iter().map(|lock| {
            let buckets = lock.lock().unwrap();
            buckets.young.len() + buckets.old.len()
        });
        assert!(kept.sum::<usize>() <= 1_600);
    }
}
