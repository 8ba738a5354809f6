//! Marks of spans by event and revision, so that a commit and its publication find each other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::ticketing::{EventId, Revision};

/// Marks kept. Older ones have found their counterpart, or belong to events that nobody watches here.
const MARKS_MAX: usize = 1_024;

/// Set when traces begin to be sent; before that no marks are kept.
static ON: AtomicBool = AtomicBool::new(false);
/// The oldest first. The lock is held for one scan of plain numbers.
static MARKS: Mutex<VecDeque<SpanMark>> = Mutex::new(VecDeque::new());

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Commit,
    Publication,
}

struct SpanMark {
    side: Side,
    event: EventId,
    /// The mark covers the revisions after `from` up to `to`.
    from: Revision,
    to: Revision,
    span: SpanContext,
}

pub(super) fn begin() {
    ON.store(true, Ordering::Relaxed);
}

pub(super) fn meet(side: Side, event: EventId, (from, to): (Revision, Revision), span: &Span) {
    if !ON.load(Ordering::Relaxed) {
        return;
    }
    let mark = SpanMark {
        side,
        event,
        from,
        to,
        span: span.context().span().span_context().clone(),
    };
    let met = leave(
        &mut MARKS.lock().unwrap_or_else(PoisonError::into_inner),
        mark,
    );
    met.into_iter().for_each(|other| span.add_link(other));
}

/// Adds the mark; returns the spans of the other side's marks that share a revision with it.
fn leave(marks: &mut VecDeque<SpanMark>, mark: SpanMark) -> Vec<SpanContext> {
    let meets = |other: &&SpanMark| {
        other.side != mark.side
            && other.event == mark.event
            && other.from < mark.to
            && mark.from < other.to
    };
    let met = marks.iter().filter(meets);
    let met = met.map(|other| other.span.clone()).collect();
    if marks.len() == MARKS_MAX {
        marks.pop_front();
    }
    marks.push_back(mark);
    met
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    /// A mark for the test; `span` identifies it.
    fn mark(side: Side, event: EventId, (from, to): (Revision, Revision), span: u64) -> SpanMark {
        let (trace, state) = (TraceId::from(1), TraceState::NONE);
        let flags = TraceFlags::SAMPLED;
        SpanMark {
            side,
            event,
            from,
            to,
            span: SpanContext::new(trace, SpanId::from(span), flags, false, state),
        }
    }

    fn spans(met: Vec<SpanContext>) -> Vec<SpanId> {
        met.iter().map(SpanContext::span_id).collect()
    }

    #[test]
    fn a_publication_meets_every_commit_that_it_shows() {
        let mut marks = VecDeque::new();
        for (revision, span) in [(4, 1), (5, 2), (6, 3), (7, 4)] {
            let commit = mark(Side::Commit, EventId(1), (revision - 1, revision), span);
            assert!(leave(&mut marks, commit).is_empty());
        }
        leave(&mut marks, mark(Side::Commit, EventId(2), (4, 5), 5));
        let met = leave(&mut marks, mark(Side::Publication, EventId(1), (4, 6), 6));
        assert_eq!(spans(met), [SpanId::from(2), SpanId::from(3)]);
    }

    #[test]
    fn a_commit_that_is_told_late_meets_its_publication() {
        let mut marks = VecDeque::new();
        leave(&mut marks, mark(Side::Publication, EventId(1), (4, 6), 1));
        let met = leave(&mut marks, mark(Side::Commit, EventId(1), (5, 6), 2));
        assert_eq!(spans(met), [SpanId::from(1)]);
        let met = leave(&mut marks, mark(Side::Commit, EventId(1), (6, 7), 3));
        assert_eq!(spans(met), []);
    }

    #[test]
    fn old_marks_make_room() {
        let mut marks = VecDeque::new();
        for revision in 1..=2 * MARKS_MAX as Revision {
            leave(
                &mut marks,
                mark(Side::Commit, EventId(1), (revision - 1, revision), 1),
            );
        }
        assert_eq!(marks.len(), MARKS_MAX);
        assert_eq!(marks[0].to, MARKS_MAX as Revision + 1);
    }
}
