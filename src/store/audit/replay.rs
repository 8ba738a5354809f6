//! Replays the log of every event and compares with the tables. Where old changes were dropped, what is left names some of the
//! event's values, each absolute, so these are compared.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use deadpool_postgres::Transaction;
use jiff::Timestamp;

use crate::store::StoreError;
use crate::store::changes::{decoded, log_after, unsigned};
use crate::store::snapshot::Snapshot;
use crate::ticketing::live::{Delta, EventState, RowChange, SeatStatus};
use crate::ticketing::{EventId, Revision};

pub(super) const PROMISE: &str = "replaying an event's log gives its state";

/// Changes read at a time.
const ROWS_MAX: usize = 5_000;

/// An event by its log.
enum Replayed {
    Whole(EventState),
    /// The log has no beginning any more: the last that it says of each value that it names.
    Rest(Delta),
    /// Nothing is left to be read, or the event was deleted. What follows counts from a change that has the event's fields.
    Nothing {
        is_deleted: bool,
    },
}

/// A line for every event whose replayed state differs from the tables.
pub(super) async fn differences(snapshot: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    let events = snapshot
        .query(
            "select event_id, min(revision), now() from changes group by event_id order by event_id",
            &[],
        )
        .await?;
    let mut differences = Vec::new();
    for row in &events {
        let event: EventId = row.try_get(0)?;
        let begins_at = unsigned(row.try_get(1)?)?;
        match both(snapshot, event, begins_at).await {
            Ok((replayed, stored)) => {
                compare(event, replayed, stored, row.try_get(2)?, &mut differences);
            }
            // Rows that cannot be decoded are a difference, too; a lost connection is not.
            Err(StoreError::Corrupt { what }) => {
                differences.push(format!("event {event}: {what}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(differences)
}

/// The event by its log, and by its tables.
async fn both(
    snapshot: &Transaction<'_>,
    event: EventId,
    begins_at: Revision,
) -> Result<(Replayed, Option<EventState>), StoreError> {
    let replayed = replay(snapshot, event, begins_at).await?;
    Ok((replayed, live_state(snapshot, event).await?))
}

async fn replay(
    snapshot: &Transaction<'_>,
    event: EventId,
    begins_at: Revision,
) -> Result<Replayed, StoreError> {
    let mut replayed = match begins_at {
        0 | 1 => Replayed::Nothing { is_deleted: false },
        at => Replayed::Rest(Delta {
            from: at - 1,
            to: at - 1,
            ..Delta::default()
        }),
    };
    let mut head: Revision = 0;
    loop {
        let rows = log_after(snapshot, &[(event, head)], ROWS_MAX).await?;
        let full = rows.len() == ROWS_MAX;
        for (_, delta) in rows {
            head = delta.to;
            replayed = step(replayed, delta);
        }
        if !full {
            return Ok(replayed);
        }
    }
}

fn step(replayed: Replayed, delta: Delta) -> Replayed {
    match replayed {
        _ if delta.deleted => Replayed::Nothing { is_deleted: true },
        // A gap is reported by the check for gaps; the comparison will differ as well.
        Replayed::Whole(mut state) => {
            let _ = state.apply(&delta);
            Replayed::Whole(state)
        }
        // Values from before a gap may be out of date.
        Replayed::Rest(rest) if delta.from > rest.to => Replayed::Rest(delta),
        Replayed::Rest(mut rest) => {
            rest.merge(&delta);
            Replayed::Rest(rest)
        }
        Replayed::Nothing { is_deleted } => match EventState::from_whole(&delta) {
            Some(state) => Replayed::Whole(state),
            None => Replayed::Nothing { is_deleted },
        },
    }
}

async fn live_state(
    snapshot: &Transaction<'_>,
    event: EventId,
) -> Result<Option<EventState>, StoreError> {
    let row = snapshot
        .query_one("select live_state($1)", &[&event])
        .await?;
    let stored = decoded::<Snapshot>(&row, 0)?;
    stored.map(Snapshot::into_state).transpose()
}

fn compare(
    event: EventId,
    replayed: Replayed,
    stored: Option<EventState>,
    now: Timestamp,
    differences: &mut Vec<String>,
) {
    let mut differ = |what: &str, log: &dyn Debug, tables: &dyn Debug| {
        differences.push(format!(
            "event {event}, {what}: the log says {log:?}, the tables {tables:?}"
        ));
    };
    match (replayed, stored) {
        (Replayed::Whole(replayed), Some(stored)) => {
            compare_whole(replayed, &stored, now, &mut differ);
        }
        (Replayed::Rest(rest), Some(stored)) => compare_rest(rest, &stored, now, &mut differ),
        (Replayed::Nothing { .. }, None) => {}
        // That it was deleted may have been dropped with the rest, where its parts were changed since; not that it was there.
        (Replayed::Rest(rest), None) if rest.event.is_none() => {}
        (Replayed::Whole(_) | Replayed::Rest(_), None) => {
            differences.push(format!("event {event}: gone, and its log does not say so"));
        }
        (Replayed::Nothing { is_deleted: true }, Some(_)) => {
            differences.push(format!("event {event}: there, and its log says deleted"));
        }
        (Replayed::Nothing { is_deleted: false }, Some(_)) => {
            differences.push(format!(
                "event {event}: there, and its log has no beginning"
            ));
        }
    }
}

fn compare_whole(
    mut replayed: EventState,
    stored: &EventState,
    now: Timestamp,
    differ: &mut impl FnMut(&str, &dyn Debug, &dyn Debug),
) {
    // Notices end by the clock without a change; `live_state` has left them out already.
    replayed.notices.retain(|_, notice| !notice.has_ended(now));
    if replayed.revision != stored.revision {
        differ("revision", &replayed.revision, &stored.revision);
    }
    if replayed.event != stored.event {
        differ("fields", &replayed.event, &stored.event);
    }
    compare_rows(
        "ticket type",
        &replayed.ticket_types,
        &stored.ticket_types,
        differ,
    );
    compare_rows("notice", &replayed.notices, &stored.notices, differ);
    if replayed.seats.len() != stored.seats.len() {
        differ("seats", &replayed.seats.len(), &stored.seats.len());
    }
    for ((position, log), (_, tables)) in replayed.seats.iter().zip(stored.seats.iter()) {
        if log != tables {
            differ(&format!("seat at {position}"), &log, &tables);
        }
    }
}

fn compare_rest(
    mut rest: Delta,
    stored: &EventState,
    now: Timestamp,
    differ: &mut impl FnMut(&str, &dyn Debug, &dyn Debug),
) {
    if rest.to != stored.revision {
        differ("revision", &rest.to, &stored.revision);
    }
    if let Some(event) = &mut rest.event {
        // The map may have changed since.
        event.layout = event.layout.max(rest.layout.unwrap_or(0));
        if *event != stored.event {
            differ("fields", event, &stored.event);
        }
    }
    compare_named(
        "ticket type",
        &rest.ticket_types,
        &stored.ticket_types,
        differ,
    );
    (rest.notices).retain(|_, change| !change.row.as_ref().is_some_and(|row| row.has_ended(now)));
    compare_named("notice", &rest.notices, &stored.notices, differ);
    if let Some(layout) = rest.layout {
        if rest.event.is_none() && layout != stored.event.layout {
            differ("layout", &layout, &stored.event.layout);
        }
        if rest.seat_count != stored.seats.len() {
            differ("seats", &rest.seat_count, &stored.seats.len());
        }
        // New places, but for those that are named.
        for position in rest.kept..rest.seat_count {
            (rest.seats.entry(position)).or_insert(SeatStatus::Available);
        }
    }
    for (position, log) in &rest.seats {
        let tables = stored.seats.get(*position);
        if tables != Some(*log) {
            differ(&format!("seat at {position}"), &Some(log), &tables);
        }
    }
}

fn compare_rows<Id: Ord + Display, T: Debug + PartialEq>(
    kind: &str,
    replayed: &BTreeMap<Id, T>,
    stored: &BTreeMap<Id, T>,
    differ: &mut impl FnMut(&str, &dyn Debug, &dyn Debug),
) {
    let more = stored.keys().filter(|id| !replayed.contains_key(id));
    for id in replayed.keys().chain(more) {
        let (log, tables) = (replayed.get(id), stored.get(id));
        if log != tables {
            differ(&format!("{kind} {id}"), &log, &tables);
        }
    }
}

/// The rows that the log names, and no others.
fn compare_named<Id: Ord + Display, T: Debug + PartialEq>(
    kind: &str,
    named: &BTreeMap<Id, RowChange<T>>,
    stored: &BTreeMap<Id, T>,
    differ: &mut impl FnMut(&str, &dyn Debug, &dyn Debug),
) {
    for (id, change) in named {
        let (log, tables) = (change.row.as_ref(), stored.get(id));
        if log != tables {
            differ(&format!("{kind} {id}"), &log, &tables);
        }
    }
}
