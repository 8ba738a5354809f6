//! Links the span of a publication with the span that committed the change.
//!
//! A booking ends at its commit and a push begins there; they meet only in the database, so no span can be handed
//! from one to the other. Both know the event and the revision: each leaves a mark with them, and the second to
//! come links its span to the first one's. Either may be second, since the feed can publish a commit before the
//! desk hears of it. Across nodes there is no link; the spans share the attributes `event` and `revision` (`from`,
//! `to`).

use tracing::Span;

#[cfg(feature = "otlp")]
use super::marks::{Side, meet};
use crate::ticketing::{EventId, Revision};

/// Records in a request's span the booking that it made or changed, and the revision.
pub fn booked(request: &Span, event: EventId, reference: &str, revision: Revision) {
    request.record("event", event.0);
    request.record("reference", reference);
    request.record("revision", revision);
}

/// `span` made this revision.
#[cfg(feature = "otlp")]
pub fn committed(event: EventId, revision: Revision, span: &Span) {
    let from = revision.saturating_sub(1);
    meet(Side::Commit, event, (from, revision), span);
}

/// `span` shows viewers what changed after revision `from` up to `to`.
#[cfg(feature = "otlp")]
pub fn published(event: EventId, from: Revision, to: Revision, span: &Span) {
    meet(Side::Publication, event, (from, to), span);
}

#[cfg(not(feature = "otlp"))]
pub fn committed(_: EventId, _: Revision, _: &Span) {}

#[cfg(not(feature = "otlp"))]
pub fn published(_: EventId, _: Revision, _: Revision, _: &Span) {}
