//! An event's live state and the end of its log, in one snapshot of the database.

use serde::Deserialize;

use super::changes::{LoggedChange, SeatPairs, decoded, decoded_some, statuses, unsigned};
use super::{Store, StoreError};
use crate::config::inside::LOST_UNSEEN_MAX;
use crate::ticketing::live::{Delta, EventInfo, EventState, Notice, SeatMap, TicketType};
use crate::ticketing::{EventId, Revision};

/// `recent` is contiguous and ends at the state's revision; it is empty where the log is.
#[derive(Debug)]
pub struct LiveEvent {
    pub state: EventState,
    pub recent: Vec<Delta>,
    /// The event's revision when its history went on in another database, if that is not long ago: a restored dump, or a
    /// replica that took over. Clients may have later revisions of the history before.
    pub moved_at: Option<Revision>,
}

impl Store {
    /// The event's live state, with at most `recent_max` of its last changes. `None` if there is no such event, or it was
    /// deleted.
    pub async fn live_event(
        &self,
        event: EventId,
        recent_max: usize,
    ) -> Result<Option<LiveEvent>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select live_state($1),
                        (select coalesce(jsonb_agg(jsonb_build_object(
                                    'revision', revision, 'at', rfc3339(at), 'payload', payload)
                                    order by revision), '[]')
                           from (select * from changes where event_id = $1
                                  order by revision desc limit $2) as recent),
                        moved_at($1, $3)",
            )
            .await?;
        let looked_back = LOST_UNSEEN_MAX.saturating_add(recent_max as u64);
        let looked_back = i32::try_from(looked_back).unwrap_or(i32::MAX);
        let recent_max = i64::try_from(recent_max).unwrap_or(i64::MAX);
        let row = client
            .query_one(&statement, &[&event, &recent_max, &looked_back])
            .await?;
        let Some(snapshot) = decoded::<Snapshot>(&row, 0)? else {
            return Ok(None);
        };
        let changes: Vec<LoggedChange> = decoded_some(&row, 1)?;
        let state = snapshot.into_state()?;
        let deltas = changes.into_iter().map(LoggedChange::into_delta);
        let recent = contiguous_end(deltas.collect::<Result<_, _>>()?, state.revision);
        let moved_at: Option<i64> = row.try_get(2)?;
        Ok(Some(LiveEvent {
            state,
            recent,
            moved_at: moved_at.map(unsigned).transpose()?,
        }))
    }
}

/// The part of the log that leads to `revision` without a gap and without a deletion (an undeleted event begins again).
fn contiguous_end(mut deltas: Vec<Delta>, revision: Revision) -> Vec<Delta> {
    let mut wanted = revision;
    let fitting = deltas
        .iter()
        .rev()
        .take_while(|delta| {
            let fits = delta.to == wanted && !delta.deleted;
            wanted = delta.from;
            fits
        })
        .count();
    deltas.split_off(deltas.len() - fitting)
}

/// The result of `live_state`.
#[derive(Deserialize)]
pub(super) struct Snapshot {
    revision: Revision,
    event: EventInfo,
    ticket_types: Vec<TicketType>,
    notices: Vec<Notice>,
    seat_count: u32,
    seats: SeatPairs,
}

impl Snapshot {
    pub(super) fn into_state(self) -> Result<EventState, StoreError> {
        let mut seats = SeatMap::new(self.seat_count);
        for (position, status) in statuses(self.seats)? {
            seats.set(position, status);
        }
        Ok(EventState {
            revision: self.revision,
            event: self.event,
            ticket_types: self.ticket_types.into_iter().map(|t| (t.id, t)).collect(),
            notices: self.notices.into_iter().map(|n| (n.id, n)).collect(),
            seats,
        })
    }
}
