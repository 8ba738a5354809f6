//! Merges consecutive deltas into one.

use std::collections::BTreeMap;

use super::{Delta, Op, RowChange};

/// Broadcasts that a delta keeps although the database has deleted them: as many as one request may bring.
const BROADCASTS_PASSED_MAX: usize = 100;

impl Delta {
    /// Extends this delta to `later.to`, so that it has the effect of both.
    ///
    /// `later` has to start at or before this one's `to`, as neighbours in the log do.
    pub fn merge(&mut self, later: &Delta) {
        debug_assert!(
            later.from <= self.to,
            "a hole between {} and {}",
            self.to,
            later.from
        );
        if later.to <= self.to {
            return;
        }
        if later.from == 0 {
            *self = later.clone();
            return;
        }
        if later.event.is_some() {
            self.event.clone_from(&later.event);
        }
        merge_rows(&mut self.ticket_types, &later.ticket_types);
        self.keep_passing(later);
        merge_rows(&mut self.notices, &later.notices);
        if later.layout.is_some() {
            self.kept = match self.layout {
                Some(_) => self.kept.min(later.kept),
                None => later.kept,
            };
            self.layout = later.layout;
            self.seat_count = later.seat_count;
            self.seats.retain(|position, _| *position < later.kept);
        }
        self.seats.extend(&later.seats);
        self.at.clone_from(&later.at);
        self.deleted |= later.deleted;
        self.to = later.to;
    }

    /// Keeps the broadcasts that `later` deletes or has kept; at most [`BROADCASTS_PASSED_MAX`], the newest.
    fn keep_passing(&mut self, later: &Delta) {
        for (&id, change) in &later.notices {
            let row = self
                .notices
                .get(&id)
                .and_then(|earlier| earlier.row.as_ref());
            let broadcast = row.filter(|row| change.op == Op::Delete && row.sent.is_some());
            self.passed.extend(broadcast.map(|row| (id, row.clone())));
        }
        let passed = later.passed.iter();
        self.passed
            .extend(passed.map(|(&id, row)| (id, row.clone())));
        self.passed_lost = self.passed_lost.max(later.passed_lost);
        while self.passed.len() > BROADCASTS_PASSED_MAX {
            let lost = self.passed.pop_first().map(|(_, row)| row.revision);
            self.passed_lost = self.passed_lost.max(lost.unwrap_or_default());
        }
    }

    /// The delta of several in a row; `None` of none.
    pub fn merged<'a>(deltas: impl IntoIterator<Item = &'a Delta>) -> Option<Delta> {
        let mut deltas = deltas.into_iter();
        let mut all = deltas.next()?.clone();
        deltas.for_each(|later| all.merge(later));
        Some(all)
    }
}

impl<T> RowChange<T> {
    pub fn insert(row: T) -> Self {
        RowChange {
            op: Op::Insert,
            updated: false,
            row: Some(row),
        }
    }

    pub fn update(row: T) -> Self {
        RowChange {
            op: Op::Update,
            updated: false,
            row: Some(row),
        }
    }

    pub fn delete() -> Self {
        RowChange {
            op: Op::Delete,
            updated: false,
            row: None,
        }
    }
}

/// The later change wins. An insert followed by an update stays an insert, since the row is new to a reader of both,
/// and says that it was updated. An insert followed by a delete becomes a delete, since a viewer may have been sent the insert alone.
fn merge_rows<Id: Copy + Ord, T: Clone>(
    changes: &mut BTreeMap<Id, RowChange<T>>,
    later: &BTreeMap<Id, RowChange<T>>,
) {
    for (&id, change) in later {
        if mistaken!(MergeBackwards) && changes.contains_key(&id) {
            continue;
        }
        let new_to_reader = changes
            .get(&id)
            .is_some_and(|earlier| earlier.op == Op::Insert);
        let mut change = change.clone();
        if new_to_reader && change.op == Op::Update {
            change.op = Op::Insert;
            change.updated = true;
        }
        changes.insert(id, change);
    }
}
