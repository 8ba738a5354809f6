//! Replays the log of every event from its first revision and compares with the tables.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use deadpool_postgres::Transaction;
use jiff::Timestamp;

use crate::store::StoreError;
use crate::store::changes::{decoded, log_after, unsigned};
use crate::store::snapshot::Snapshot;
use crate::ticketing::live::{Delta, EventState};
use crate::ticketing::{EventId, Revision};

pub(super) const PROMISE: &str = "replaying an event's log gives its state";

/// Changes read at a time.
const ROWS_MAX: usize = 5_000;

/// A line for every event whose replayed state differs from the tables. A log whose beginning was pruned cannot be
/// replayed; another check looks for gaps.
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
        if begins_at == 1 {
            match both(snapshot, event).await {
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
    }
    Ok(differences)
}

/// The event by its log, and by its tables.
async fn both(
    snapshot: &Transaction<'_>,
    event: EventId,
) -> Result<(Option<EventState>, Option<EventState>), StoreError> {
    let replayed = replay(snapshot, event).await?;
    Ok((replayed, live_state(snapshot, event).await?))
}

async fn replay(
    snapshot: &Transaction<'_>,
    event: EventId,
) -> Result<Option<EventState>, StoreError> {
    let mut state = None;
    let mut head: Revision = 0;
    loop {
        let rows = log_after(snapshot, &[(event, head)], ROWS_MAX).await?;
        let full = rows.len() == ROWS_MAX;
        for (_, delta) in rows {
            head = delta.to;
            step(&mut state, &delta);
        }
        if !full {
            return Ok(state);
        }
    }
}

/// Applies a delta. A deleted event has no state; it begins again with a change that has the event's fields.
fn step(state: &mut Option<EventState>, delta: &Delta) {
    match state {
        _ if delta.deleted => *state = None,
        // A gap is reported by the check for gaps; the comparison will differ as well.
        Some(state) => drop(state.apply(delta)),
        None => *state = EventState::from_whole(delta),
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
    replayed: Option<EventState>,
    stored: Option<EventState>,
    now: Timestamp,
    differences: &mut Vec<String>,
) {
    let (mut replayed, stored) = match (replayed, stored) {
        (Some(replayed), Some(stored)) => (replayed, stored),
        (None, None) => return,
        (Some(_), None) => {
            return differences.push(format!("event {event}: gone, and its log does not say so"));
        }
        (None, Some(_)) => {
            return differences.push(format!("event {event}: there, and its log says deleted"));
        }
    };
    // Notices end by the clock without a change; `live_state` has left them out already.
    replayed.notices.retain(|_, notice| !notice.has_ended(now));
    let mut differ = |what: &str, log: &dyn Debug, tables: &dyn Debug| {
        differences.push(format!(
            "event {event}, {what}: the log says {log:?}, the tables {tables:?}"
        ));
    };
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
        &mut differ,
    );
    compare_rows("notice", &replayed.notices, &stored.notices, &mut differ);
    if replayed.seats.len() != stored.seats.len() {
        differ("seats", &replayed.seats.len(), &stored.seats.len());
    }
    for ((position, log), (_, tables)) in replayed.seats.iter().zip(stored.seats.iter()) {
        if log != tables {
            differ(&format!("seat at {position}"), &log, &tables);
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
