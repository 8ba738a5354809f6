//! Presence on the wire: absolute counts for native viewers, state and diff for the dialect's.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::config::inside::STEP_BYTES_MAX;

/// `presence` on `event:` topics, and the field of that name in a join's state.
pub const PRESENCE: &str = "presence";
/// `presence_state` and `presence_diff` on `realtime:registration:` topics.
pub const PRESENCE_STATE: &str = "presence_state";
pub const PRESENCE_DIFF: &str = "presence_diff";

/// The name under which surplus steps are counted together.
const OTHER: &str = "other";

/// Whether `name` can be the name of a step: not too long, and without control characters, of which Postgres cannot
/// store NUL.
pub fn is_step(name: &str) -> bool {
    (1..=STEP_BYTES_MAX).contains(&name.len()) && !name.contains(char::is_control)
}

/// The number of visitors, in total and at each step: `{"total", "by_step"}`.
///
/// A visitor without a step counts in the total only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub total: u64,
    pub by_step: BTreeMap<Arc<str>, u64>,
}

impl Counts {
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    pub fn add(&mut self, step: Option<&Arc<str>>) {
        self.total += 1;
        if let Some(step) = step {
            *self.by_step.entry(step.clone()).or_default() += 1;
        }
    }

    /// Removes a visitor that was added with the same step.
    pub fn remove(&mut self, step: Option<&Arc<str>>) {
        self.total = self.total.saturating_sub(1);
        if let Some(step) = step
            && let Some(count) = self.by_step.get_mut(step)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_step.remove(step);
            }
        }
    }

    /// The same with at most `steps_max` steps: the least frequent ones are merged into `other`.
    pub fn with_steps(self, steps_max: usize) -> Counts {
        if self.by_step.len() <= steps_max {
            return self;
        }
        let mut steps: Vec<_> = self.by_step.into_iter().collect();
        steps.sort_by(|(name, count), (other, others)| others.cmp(count).then(name.cmp(other)));
        let rest = steps.split_off(steps_max.saturating_sub(1));
        let mut by_step: BTreeMap<_, _> = steps.into_iter().collect();
        *by_step.entry(OTHER.into()).or_default() +=
            rest.iter().map(|(_, count)| count).sum::<u64>();
        Counts {
            total: self.total,
            by_step,
        }
    }

    pub fn merge(&mut self, other: &Counts) {
        self.total += other.total;
        for (step, count) in &other.by_step {
            *self.by_step.entry(step.clone()).or_default() += count;
        }
    }
}

/// A member's tracked object, as others see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// The tracked object.
    pub tracked: Arc<Map<String, Value>>,
    /// Fresh with every change; clients identify a meta by it.
    pub phx_ref: Arc<str>,
    /// The previous `phx_ref`, after a change.
    pub phx_ref_prev: Option<Arc<str>>,
}

impl Serialize for Meta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ours = |name: &str| name == "phx_ref" || name == "phx_ref_prev";
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.tracked.iter().filter(|(name, _)| !ours(name)) {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("phx_ref", &self.phx_ref)?;
        if let Some(before) = &self.phx_ref_prev {
            map.serialize_entry("phx_ref_prev", before)?;
        }
        map.end()
    }
}

/// `{"<key>": {"metas": […]}}`: several members may share a key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Members<'a>(BTreeMap<&'a str, Vec<&'a Meta>>);

impl<'a> FromIterator<(&'a str, &'a Meta)> for Members<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a Meta)>>(members: I) -> Self {
        let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (key, meta) in members {
            by_key.entry(key).or_default().push(meta);
        }
        Members(by_key)
    }
}

impl Members<'_> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Metas<'a> {
            metas: &'a [&'a Meta],
        }
        serializer.collect_map(self.0.iter().map(|(key, metas)| (key, Metas { metas })))
    }
}

/// `presence_diff`: both members always present.
#[derive(Debug, Serialize)]
pub struct Diff<'a> {
    pub joins: Members<'a>,
    pub leaves: Members<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_steps_are_counted_as_one() {
        let mut counts = Counts::default();
        for (step, count) in [("pay", 3), ("look", 5), ("a", 1), ("b", 1)] {
            (0..count).for_each(|_| counts.add(Some(&step.into())));
        }
        let bounded = counts.clone().with_steps(3);
        let expected = [("look", 5), ("other", 2), ("pay", 3)];
        assert_eq!(
            bounded.by_step,
            expected.map(|(step, count)| (step.into(), count)).into()
        );
        assert_eq!(bounded.total, 10);
        assert_eq!(counts.clone().with_steps(4), counts);
    }
}
