//! Tickets that a whole event can still sell: of all its ticket types together, at most.
//!
//! Every ticket counts against several pools at once: its type's own, the event's, and the sections and allotments that
//! its type draws on. A sum over the types would count a place twice that two of them share. Where these pools are nested
//! in each other, or fall into two such families (sections and price groups, say), the most that can be sold is the
//! greatest flow from the event's pool through one family, the types and the other family. Pools of further families are
//! left out, so there the answer may be too high.
//!
//! `tests/wire/sellable.json` has cases that `web/src/sdk/sellable.ts` is tested with, too.

use std::collections::{BTreeMap, BTreeSet};

use super::PoolId;

/// A ticket type, and the pools that it shares with others.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// Left of the type: the least that any of its pools has left.
    pub available: i64,
    /// `(pool, left of it)`.
    pub shared: &'a [(PoolId, i64)],
}

/// Types that draw on a pool, by their index; and what it has left.
struct SharedPool {
    types: BTreeSet<usize>,
    left: i64,
}

/// `left` is what the event's own pool has left.
pub fn sellable(left: i64, types: &[Source<'_>]) -> i64 {
    let sum: i64 = types.iter().map(|one| one.available.max(0)).sum();
    let most = left.max(0).min(sum);
    if types.iter().all(|one| one.shared.is_empty()) {
        return most;
    }
    let [first, second] = families(types);
    FlowNetwork::of(left, types, &first, &second)
        .greatest_flow()
        .min(most)
}

/// The pools in two families of nested ones, each from the smallest to the largest.
fn families(types: &[Source<'_>]) -> [Vec<SharedPool>; 2] {
    let mut pools: BTreeMap<PoolId, SharedPool> = BTreeMap::new();
    for (index, one) in types.iter().enumerate() {
        for (id, left) in one.shared {
            let pool = pools.entry(*id).or_insert_with(|| SharedPool {
                types: BTreeSet::new(),
                left: (*left).max(0),
            });
            pool.types.insert(index);
        }
    }
    let mut pools: Vec<SharedPool> = pools.into_values().collect();
    pools.sort_by_key(|pool| pool.types.len());
    let mut families = [Vec::new(), Vec::new()];
    for pool in pools {
        let fits = |family: &&mut Vec<SharedPool>| {
            family.iter().all(|other| {
                other.types.is_subset(&pool.types) || other.types.is_disjoint(&pool.types)
            })
        };
        if let Some(family) = families.iter_mut().find(fits) {
            family.push(pool);
        }
    }
    families
}

/// Nodes 0 and 1 are source and sink; the capacity of each edge between two nodes.
struct FlowNetwork {
    capacities: Vec<Vec<i64>>,
}

const SOURCE: usize = 0;
const SINK: usize = 1;

impl FlowNetwork {
    /// From the source through the event's pool and the first family to the types, which are edges; through the second
    /// family to the sink.
    fn of(
        left: i64,
        types: &[Source<'_>],
        first: &[SharedPool],
        second: &[SharedPool],
    ) -> FlowNetwork {
        let root = 2;
        let first_at = root + 1;
        let second_at = first_at + first.len();
        let nodes = second_at + second.len();
        let mut capacities = vec![vec![0; nodes]; nodes];
        capacities[SOURCE][root] = left.max(0);
        for (index, pool) in first.iter().enumerate() {
            let parent = larger(first, index).map_or(root, |parent| first_at + parent);
            capacities[parent][first_at + index] = pool.left;
        }
        for (index, pool) in second.iter().enumerate() {
            let parent = larger(second, index).map_or(SINK, |parent| second_at + parent);
            capacities[second_at + index][parent] = pool.left;
        }
        for (index, one) in types.iter().enumerate() {
            let holds = |pool: &SharedPool| pool.types.contains(&index);
            let from = first
                .iter()
                .position(holds)
                .map_or(root, |at| first_at + at);
            let to = second
                .iter()
                .position(holds)
                .map_or(SINK, |at| second_at + at);
            capacities[from][to] += one.available.max(0);
        }
        FlowNetwork { capacities }
    }

    /// Augments along shortest paths until none is left.
    fn greatest_flow(mut self) -> i64 {
        let mut flow = 0;
        while let Some(path) = self.path() {
            let edges = || path.windows(2).map(|pair| (pair[0], pair[1]));
            let room = edges().map(|(from, to)| self.capacities[from][to]).min();
            let room = room.unwrap_or(0);
            for (from, to) in edges() {
                self.capacities[from][to] -= room;
                self.capacities[to][from] += room;
            }
            flow += room;
        }
        flow
    }

    fn path(&self) -> Option<Vec<usize>> {
        let mut reached_from: Vec<Option<usize>> = vec![None; self.capacities.len()];
        let mut next = std::collections::VecDeque::from([SOURCE]);
        while let Some(node) = next.pop_front() {
            for (to, capacity) in self.capacities[node].iter().enumerate() {
                if *capacity > 0 && to != SOURCE && reached_from[to].is_none() {
                    reached_from[to] = Some(node);
                    next.push_back(to);
                }
            }
        }
        let mut path = vec![SINK];
        let mut node = SINK;
        while node != SOURCE {
            node = reached_from[node]?;
            path.push(node);
        }
        path.reverse();
        Some(path)
    }
}

/// The next larger pool of the family that holds this one.
fn larger(family: &[SharedPool], index: usize) -> Option<usize> {
    let inner = &family[index].types;
    let holds = |outer: &SharedPool| inner.is_subset(&outer.types);
    (index + 1..family.len()).find(|at| holds(&family[*at]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        why: String,
        left: i64,
        types: Vec<CaseType>,
        sellable: i64,
    }

    #[derive(Deserialize)]
    struct CaseType {
        available: i64,
        #[serde(default)]
        shared: Vec<(PoolId, i64)>,
    }

    fn of(left: i64, types: &[CaseType]) -> i64 {
        let sources: Vec<Source<'_>> = types
            .iter()
            .map(|one| Source {
                available: one.available,
                shared: &one.shared,
            })
            .collect();
        sellable(left, &sources)
    }

    #[test]
    fn the_cases_of_the_wire() {
        let cases = include_str!("../../tests/wire/sellable.json");
        let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
        for case in cases {
            assert_eq!(of(case.left, &case.types), case.sellable, "{}", case.why);
        }
    }

    /// Tries every number of every type.
    fn by_trying(left: i64, types: &[CaseType], taken: &mut Vec<i64>) -> i64 {
        if taken.len() < types.len() {
            let most = types[taken.len()].available;
            let mut best = 0;
            for units in 0..=most {
                taken.push(units);
                best = best.max(by_trying(left, types, taken));
                taken.pop();
            }
            return best;
        }
        let mut pools: BTreeMap<PoolId, (i64, i64)> = BTreeMap::new();
        for (one, units) in types.iter().zip(taken.iter()) {
            for (pool, left) in &one.shared {
                pools.entry(*pool).or_insert((0, *left)).0 += units;
            }
        }
        let sum: i64 = taken.iter().sum();
        match sum <= left && pools.values().all(|(units, left)| units <= left) {
            true => sum,
            false => 0,
        }
    }

    proptest! {
        /// Three types; pools 1 and 2 of one family, 3 and 4 of the other, and one that holds all of them.
        #[test]
        fn as_much_as_trying_finds(
            left in 0_i64..8,
            available in proptest::collection::vec(0_i64..5, 3),
            of_first in proptest::collection::vec(0_i64..3, 3),
            of_second in proptest::collection::vec(0_i64..3, 3),
            lefts in proptest::collection::vec(0_i64..6, 5),
        ) {
            let types: Vec<CaseType> = (0..3).map(|at| {
                let mut shared = vec![(PoolId(5), lefts[4])];
                let pools = [(of_first[at], 0), (of_second[at], 2)];
                for (which, base) in pools {
                    if which > 0 {
                        let pool = base + which;
                        shared.push((PoolId(pool), lefts[usize::try_from(pool).unwrap() - 1]));
                    }
                }
                let least = shared.iter().map(|(_, left)| *left).min().unwrap();
                CaseType { available: available[at].min(least).min(left), shared }
            }).collect();
            prop_assert_eq!(of(left, &types), by_trying(left, &types, &mut Vec::new()));
        }
    }
}
