//! Reads the change log as [`Delta`]s.

use std::collections::BTreeMap;
use std::error::Error;

use deadpool_postgres::GenericClient;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::{Store, StoreError};
use crate::ticketing::live::{Delta, EventInfo, Notice, RowChange, SeatStatus, TicketType};
use crate::ticketing::{EventId, NoticeId, Revision, TicketTypeId};

/// A change that was read from the log. Its time tells it from the change that a database which lost it wrote in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogMark {
    pub event: EventId,
    pub revision: Revision,
    /// As the log says it.
    pub at: String,
}

impl Store {
    /// The rows of each event after the revision given with it: by event, in order of revision, at most `rows_max` in all. If
    /// there are that many, there may be more: ask again from the new heads. If an event's first row does not follow its head,
    /// the log in between was pruned.
    pub async fn changes_after(
        &self,
        heads: &[(EventId, Revision)],
        rows_max: usize,
    ) -> Result<Vec<(EventId, Delta)>, StoreError> {
        let client = self.client().await?;
        log_after(&client, heads, rows_max).await
    }

    /// The events of which the database has a lower revision than the given one, or nothing; and those of which it has another
    /// change at a mark. Revisions only grow and changes stay, so the database has lost history. A deleted event still has its
    /// last change in the log.
    pub async fn events_behind(
        &self,
        heads: &[(EventId, Revision)],
        marks: &[LogMark],
    ) -> Result<Vec<EventId>, StoreError> {
        let (events, revisions) = columns(heads);
        let marked: Vec<EventId> = marks.iter().map(|mark| mark.event).collect();
        let at_revisions: Vec<i64> = marks.iter().map(|mark| signed(mark.revision)).collect();
        let times: Vec<&str> = marks.iter().map(|mark| mark.at.as_str()).collect();
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select head.event_id
                   from unnest($1::bigint[], $2::bigint[]) as head (event_id, revision)
                   left join turns t on t.event_id = head.event_id
                  where coalesce(t.revision,
                                 (select max(c.revision) from changes c
                                   where c.event_id = head.event_id),
                                 -1) < head.revision
                 union
                 select mark.event_id
                   from unnest($3::bigint[], $4::bigint[], $5::text[]) as mark (event_id, revision, at)
                  cross join lateral (select at from changes c
                                       where c.event_id = mark.event_id and c.revision = mark.revision limit 1) kept
                  where rfc3339(kept.at) <> mark.at",
            )
            .await?;
        let rows = client
            .query(
                &statement,
                &[&events, &revisions, &marked, &at_revisions, &times],
            )
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// [`Store::changes_after`] on a pooled connection or in a snapshot.
pub(super) async fn log_after(
    client: &impl GenericClient,
    heads: &[(EventId, Revision)],
    rows_max: usize,
) -> Result<Vec<(EventId, Delta)>, StoreError> {
    let (events, revisions) = columns(heads);
    let statement = client
        .prepare_cached(
            "select c.event_id, c.revision, rfc3339(c.at), c.payload
               from unnest($1::bigint[], $2::bigint[]) as head (event_id, revision)
               join changes c on c.event_id = head.event_id and c.revision > head.revision
              order by c.event_id, c.revision
              limit $3",
        )
        .await?;
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let rows = client
        .query(&statement, &[&events, &revisions, &rows_max])
        .await?;
    rows.iter()
        .map(|row| {
            let payload = decoded_some(row, 3)?;
            let change = LoggedChange {
                revision: unsigned(row.try_get(1)?)?,
                at: row.try_get(2)?,
                payload,
            };
            Ok((row.try_get(0)?, change.into_delta()?))
        })
        .collect()
}

fn columns(heads: &[(EventId, Revision)]) -> (Vec<EventId>, Vec<i64>) {
    heads
        .iter()
        .map(|&(event, revision)| (event, signed(revision)))
        .unzip()
}

/// Decodes a JSON column that the schema's own functions wrote; failure means that the database is corrupt.
pub(super) fn decoded<T: DeserializeOwned>(
    row: &Row,
    column: usize,
) -> Result<Option<T>, StoreError> {
    let json = row.try_get::<_, Option<Json<T>>>(column);
    let json = json.map_err(|error| match error.source() {
        Some(source) => StoreError::corrupt(source.to_string()),
        None => StoreError::corrupt(error.to_string()),
    })?;
    Ok(json.map(|Json(value)| value))
}

/// Decodes a JSON column that is never null.
pub(super) fn decoded_some<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, StoreError> {
    decoded(row, column)?.ok_or_else(|| StoreError::corrupt("null in place of JSON"))
}

/// One row of the log.
#[derive(Deserialize)]
pub(super) struct LoggedChange {
    revision: Revision,
    at: String,
    payload: LogPayload,
}

/// The payload of a row of the log, as `sql/README.md` describes it.
#[derive(Deserialize)]
struct LogPayload {
    event: Option<EventInfo>,
    #[serde(default)]
    ticket_types: Vec<Logged<TicketType, TicketTypeId>>,
    #[serde(default)]
    notices: Vec<Logged<Notice, NoticeId>>,
    #[serde(default)]
    seats: SeatPairs,
    layout: Option<u32>,
    #[serde(default)]
    seat_count: u32,
    /// The first `kept` seats keep their status unless they are listed.
    #[serde(default)]
    kept: u32,
    #[serde(default)]
    deleted: bool,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Logged<T, Id> {
    Insert(T),
    Update(T),
    Delete { id: Id },
}

/// `[[position, status], …]`.
pub(super) type SeatPairs = Vec<(u32, i64)>;

impl LoggedChange {
    pub(super) fn into_delta(self) -> Result<Delta, StoreError> {
        let LoggedChange {
            revision,
            at,
            payload,
        } = self;
        let from = revision
            .checked_sub(1)
            .ok_or_else(|| StoreError::corrupt("a change at revision 0"))?;
        Ok(Delta {
            from,
            to: revision,
            at,
            event: payload.event,
            ticket_types: by_id(payload.ticket_types, |row| row.id),
            notices: by_id(payload.notices, |row| row.id),
            seats: statuses(payload.seats)?,
            layout: payload.layout,
            seat_count: payload.seat_count,
            kept: payload.kept,
            deleted: payload.deleted,
            ..Delta::default()
        })
    }
}

fn by_id<T, Id: Ord>(rows: Vec<Logged<T, Id>>, id_of: fn(&T) -> Id) -> BTreeMap<Id, RowChange<T>> {
    rows.into_iter()
        .map(|row| match row {
            Logged::Insert(row) => (id_of(&row), RowChange::insert(row)),
            Logged::Update(row) => (id_of(&row), RowChange::update(row)),
            Logged::Delete { id } => (id, RowChange::delete()),
        })
        .collect()
}

pub(super) fn statuses(seats: SeatPairs) -> Result<BTreeMap<u32, SeatStatus>, StoreError> {
    seats
        .into_iter()
        .map(|(position, status)| match SeatStatus::try_from(status) {
            Ok(status) => Ok((position, status)),
            Err(error) => Err(StoreError::corrupt(error.to_string())),
        })
        .collect()
}

/// A revision as Postgres's signed number.
pub(super) fn signed(revision: Revision) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(revision: i64) -> Result<Revision, StoreError> {
    Revision::try_from(revision).map_err(|_| StoreError::corrupt(format!("revision {revision}")))
}
