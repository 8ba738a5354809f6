//! The kinds of metrics, and how each is printed.

use std::fmt::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A number that only grows.
pub struct Counter(AtomicU64);

impl Counter {
    pub(super) const fn new() -> Counter {
        Counter(AtomicU64::new(0))
    }

    pub fn add(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// A number that goes up and down.
pub struct Gauge(AtomicI64);

impl Gauge {
    pub(super) const fn new() -> Gauge {
        Gauge(AtomicI64::new(0))
    }

    pub fn add(&self, count: i64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds one until the returned guard is dropped.
    pub fn hold(&'static self) -> GaugeGuard {
        self.add(1);
        GaugeGuard(self)
    }
}

#[must_use]
pub struct GaugeGuard(&'static Gauge);

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

/// Distinct values of one label; further ones count as `other`. Room for every code of a refusal: one that comes late in the
/// life of a process, as `BUSY` may, is counted as well.
pub(crate) const VALUES_MAX: usize = 384;

/// Counters of one name with a label, whose values are fixed words in the code.
pub struct Labelled {
    label: &'static str,
    values: [(OnceLock<&'static str>, AtomicU64); VALUES_MAX],
    other: AtomicU64,
}

impl Labelled {
    pub(super) const fn new(label: &'static str) -> Labelled {
        Labelled {
            label,
            values: [const { (OnceLock::new(), AtomicU64::new(0)) }; VALUES_MAX],
            other: AtomicU64::new(0),
        }
    }

    pub fn one(&self, value: &'static str) {
        let place = self
            .values
            .iter()
            .find(|(name, _)| *name.get_or_init(|| value) == value);
        let count = place.map_or(&self.other, |(_, count)| count);
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let known = self.values.iter().map_while(|(name, count)| {
            let name = *name.get()?;
            Some((name, count.load(Ordering::Relaxed)))
        });
        let other = self.other.load(Ordering::Relaxed);
        known.chain((other > 0).then_some(("other", other)))
    }
}

/// Seconds since something last happened.
pub struct Since(AtomicU64);

impl Since {
    pub(super) const fn new() -> Since {
        Since(AtomicU64::new(0))
    }

    pub fn now(&self) {
        self.0.store(uptime_ms(), Ordering::Relaxed);
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(uptime_ms().saturating_sub(self.0.load(Ordering::Relaxed)))
    }
}

/// Milliseconds since the first call, which is at the server's start.
fn uptime_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

const BUCKETS: usize = 14;

/// A Prometheus histogram: how many values were at most each bound.
pub struct Histogram {
    /// Upper bounds, in the unit of the recorded values.
    bounds: [u64; BUCKETS],
    /// Recorded units in one printed unit: 1,000,000 where microseconds are printed as seconds.
    per_unit: f64,
    /// The last one is for values above all bounds.
    buckets: [AtomicU64; BUCKETS + 1],
    sum: AtomicU64,
}

impl Histogram {
    const fn new(bounds: [u64; BUCKETS], per_unit: f64) -> Histogram {
        Histogram {
            bounds,
            per_unit,
            buckets: [const { AtomicU64::new(0) }; BUCKETS + 1],
            sum: AtomicU64::new(0),
        }
    }

    /// For durations from 500 µs to 10 s.
    pub(super) const fn seconds() -> Histogram {
        let bounds = [
            500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
            2_500_000, 5_000_000, 10_000_000,
        ];
        Histogram::new(bounds, 1e6)
    }

    /// For small numbers.
    pub(super) const fn counts() -> Histogram {
        let bounds = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];
        Histogram::new(bounds, 1.0)
    }

    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub fn took(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    fn write(&self, name: &str, out: &mut String) -> std::fmt::Result {
        let mut count = 0;
        for (bucket, bound) in self.buckets.iter().zip(self.bounds) {
            count += bucket.load(Ordering::Relaxed);
            let bound = bound as f64 / self.per_unit;
            writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {count}")?;
        }
        count += self.buckets[BUCKETS].load(Ordering::Relaxed);
        let sum = self.sum.load(Ordering::Relaxed) as f64 / self.per_unit;
        writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
        writeln!(out, "{name}_sum {sum}\n{name}_count {count}")
    }
}

/// One metric of the page: name, meaning, value.
pub(super) struct Metric(
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) MetricKind,
);

pub(super) enum MetricKind {
    Counter(&'static Counter),
    Gauge(&'static Gauge),
    Labelled(&'static Labelled),
    Since(&'static Since),
    Histogram(&'static Histogram),
}

impl Metric {
    pub(super) fn write(&self, out: &mut String) {
        // Writing into a string does not fail.
        let _ = self.try_write(out);
    }

    fn try_write(&self, out: &mut String) -> std::fmt::Result {
        let Metric(name, meaning, kind) = self;
        let kind_name = match kind {
            MetricKind::Counter(_) | MetricKind::Labelled(_) => "counter",
            MetricKind::Gauge(_) | MetricKind::Since(_) => "gauge",
            MetricKind::Histogram(_) => "histogram",
        };
        writeln!(out, "# HELP {name} {meaning}\n# TYPE {name} {kind_name}")?;
        match kind {
            MetricKind::Counter(counter) => {
                writeln!(out, "{name} {}", counter.0.load(Ordering::Relaxed))
            }
            MetricKind::Gauge(gauge) => writeln!(out, "{name} {}", gauge.0.load(Ordering::Relaxed)),
            MetricKind::Since(since) => writeln!(out, "{name} {}", since.elapsed().as_secs_f64()),
            MetricKind::Histogram(histogram) => histogram.write(name, out),
            MetricKind::Labelled(labelled) => labelled.counts().try_for_each(|(value, count)| {
                writeln!(out, "{name}{{{}=\"{value}\"}} {count}", labelled.label)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: MetricKind) -> String {
        let mut out = String::new();
        Metric("x", "An x.", kind).write(&mut out);
        out
    }

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        static BATCHES: Histogram = Histogram::counts();
        for value in [1, 1, 5, 1_000] {
            BATCHES.observe(value);
        }
        let text = written(MetricKind::Histogram(&BATCHES));
        for line in [
            "# TYPE x histogram",
            "x_bucket{le=\"1\"} 2",
            "x_bucket{le=\"4\"} 2",
            "x_bucket{le=\"6\"} 3",
            "x_bucket{le=\"128\"} 3",
            "x_bucket{le=\"+Inf\"} 4",
            "x_sum 1007",
            "x_count 4",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in {text}");
        }
    }

    #[test]
    fn seconds_are_shown_of_microseconds() {
        static LAGS: Histogram = Histogram::seconds();
        LAGS.took(Duration::from_millis(20));
        let text = written(MetricKind::Histogram(&LAGS));
        assert!(text.contains("x_bucket{le=\"0.01\"} 0\n"), "{text}");
        assert!(text.contains("x_bucket{le=\"0.025\"} 1\n"), "{text}");
    }

    #[test]
    fn a_label_has_a_line_for_each_value() {
        static CODES: Labelled = Labelled::new("code");
        CODES.one("SOLD_OUT");
        CODES.one("BUSY");
        CODES.one("SOLD_OUT");
        let text = written(MetricKind::Labelled(&CODES));
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(lines, ["x{code=\"SOLD_OUT\"} 2", "x{code=\"BUSY\"} 1"]);
    }
}
