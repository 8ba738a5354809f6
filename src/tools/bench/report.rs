//! Figures beside their floors: what a bench prints.

use std::fmt;
use std::time::Duration;

/// The lag of what did not come, and any percentile of nothing: a bench that measured nothing reaches no bound.
pub(super) const NEVER: Duration = Duration::MAX;

/// The bound that a ratio has to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn is_reached(self, value: f64) -> bool {
        // A ratio to a floor that did nothing is not finite, and says nothing.
        value.is_finite()
            && match self {
                Target::AtMost(bound) => value <= bound,
                Target::AtLeast(bound) => value >= bound,
            }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::AtMost(bound) => write!(f, "≤ {bound}"),
            Target::AtLeast(bound) => write!(f, "≥ {bound}"),
        }
    }
}

/// One line of the table.
#[derive(Clone)]
struct Figure {
    name: String,
    ours: String,
    floor: String,
    ratio: Option<f64>,
    target: Option<Target>,
}

impl Figure {
    /// `None` without a target.
    fn is_reached(&self) -> Option<bool> {
        let (target, ratio) = (self.target?, self.ratio?);
        Some(target.is_reached(ratio))
    }
}

/// A table with a heading.
pub(super) struct Report {
    heading: String,
    figures: Vec<Figure>,
}

impl Report {
    pub(super) fn new(heading: impl Into<String>) -> Report {
        Report {
            heading: heading.into(),
            figures: Vec::new(),
        }
    }

    /// Prints it, and gives it back.
    pub(super) fn printed(self) -> Report {
        println!("{self}");
        self
    }

    /// The figures that have something to reach, of all these.
    pub(super) fn summary(reports: &[Report]) -> Report {
        let mut summary = Report::new("What was to be reached");
        for report in reports {
            let subject = report
                .heading
                .split_once(". ")
                .map_or(report.heading.as_str(), |(it, _)| it);
            let aims = report
                .figures
                .iter()
                .filter(|figure| figure.target.is_some());
            summary.figures.extend(aims.map(|figure| Figure {
                name: format!("{} ({subject})", figure.name),
                ..figure.clone()
            }));
        }
        summary
    }

    /// How many of its targets were missed.
    pub(super) fn missed(&self) -> usize {
        let missed = self
            .figures
            .iter()
            .filter(|figure| figure.is_reached() == Some(false));
        missed.count()
    }

    /// A figure with nothing to compare it to.
    pub(super) fn fact(&mut self, name: &str, ours: impl fmt::Display) {
        self.push(name, ours.to_string(), String::new(), None, None);
    }

    /// A figure that is its own ratio: a target in absolute units.
    pub(super) fn bounded(&mut self, name: &str, ours: String, value: f64, target: Target) {
        self.push(name, ours, String::new(), Some(value), Some(target));
    }

    /// A figure beside its floor, with the ratio that is to be reached.
    pub(super) fn compared(
        &mut self,
        name: &str,
        (ours, floor): (String, String),
        ratio: f64,
        target: Option<Target>,
    ) {
        self.push(name, ours, floor, Some(ratio), target);
    }

    /// A figure beside its floor, where dividing them says nothing.
    pub(super) fn beside(&mut self, name: &str, (ours, floor): (String, String)) {
        self.push(name, ours, floor, None, None);
    }

    fn push(
        &mut self,
        name: &str,
        ours: String,
        floor: String,
        ratio: Option<f64>,
        target: Option<Target>,
    ) {
        self.figures.push(Figure {
            name: name.to_owned(),
            ours,
            floor,
            ratio,
            target,
        });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.heading)?;
        writeln!(
            f,
            "  {:<46} {:>12} {:>12} {:>8}  {:<8}",
            "", "ours", "floor", "ratio", "target"
        )?;
        for figure in &self.figures {
            let ratio = figure.ratio.map(|ratio| format!("{ratio:.2}"));
            let target = figure.target.map(|target| target.to_string());
            let verdict = match figure.is_reached() {
                Some(true) => "reached",
                Some(false) => "MISSED",
                None => "",
            };
            writeln!(
                f,
                "  {:<46} {:>12} {:>12} {:>8}  {:<8} {verdict}",
                figure.name,
                figure.ours,
                figure.floor,
                ratio.unwrap_or_default(),
                target.unwrap_or_default(),
            )?;
        }
        Ok(())
    }
}

/// Not a number where the floor is that of nothing.
pub(super) fn ratio(ours: Duration, floor: Duration) -> f64 {
    match floor {
        NEVER => f64::NAN,
        floor => ours.as_secs_f64() / floor.as_secs_f64(),
    }
}

pub(super) fn micros(duration: Duration) -> String {
    format!("{:.2} µs", duration.as_secs_f64() * 1e6)
}

pub(super) fn millis(duration: Duration) -> String {
    rounded_millis(duration, 1)
}

pub(super) fn finer_millis(duration: Duration) -> String {
    rounded_millis(duration, 2)
}

fn rounded_millis(duration: Duration, decimals: usize) -> String {
    match duration {
        NEVER => "never".to_owned(),
        duration => format!("{:.decimals$} ms", duration.as_secs_f64() * 1e3),
    }
}

pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1024.0 / 1024.0)
}

/// `12,345`
pub(super) fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The smallest sample that `percent` of all are not above; [`NEVER`] without any.
pub(super) fn percentile(samples: &mut [Duration], percent: usize) -> Duration {
    samples.sort_unstable();
    let rank = (samples.len() * percent).div_ceil(100).max(1);
    samples.get(rank - 1).copied().unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut samples: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut samples, 50), Duration::from_millis(100));
        assert_eq!(percentile(&mut samples, 99), Duration::from_millis(198));
        assert_eq!(percentile(&mut [], 99), NEVER);
        assert_eq!(millis(NEVER), "never");
    }

    #[test]
    fn a_line_says_whether_the_target_is_reached() {
        let mut report = Report::new("fan-out");
        let pair = || ("5.00 µs".to_owned(), "4.00 µs".to_owned());
        report.compared("CPU", pair(), 1.25, Some(Target::AtMost(1.25)));
        report.compared("speed", pair(), 7.9, Some(Target::AtLeast(8.0)));
        let table = report.to_string();
        assert!(table.contains("1.25  ≤ 1.25   reached"), "{table}");
        assert!(table.contains("7.90  ≥ 8      MISSED"), "{table}");
        report.fact("nothing to reach", "3");
        assert_eq!(report.missed(), 1);
    }

    #[test]
    fn nothing_reaches_no_bound() {
        let nothing = percentile(&mut [], 99).as_secs_f64();
        assert!(!Target::AtMost(1_000.0).is_reached(nothing));
        let beside_nothing = ratio(Duration::from_secs(1), NEVER);
        assert!(!Target::AtMost(1_000.0).is_reached(beside_nothing));
        for value in [f64::NAN, f64::INFINITY] {
            assert!(!Target::AtLeast(1.0).is_reached(value), "{value}");
            assert!(!Target::AtMost(1.0).is_reached(value), "{value}");
        }
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(count(999.6), "1,000");
        assert_eq!(count(123456.0), "123,456");
        assert_eq!(count(12.0), "12");
    }
}
