//! The database side of the relay: the advisory lock that elects it, and the log's rows in the form that it publishes.

use tokio_postgres::Client;
use tokio_util::task::AbortOnDropHandle;

use super::changes::{LoggedChange, signed, unsigned};
use super::doorbell::HistoryPlace;
use super::{Store, StoreError};
use crate::ticketing::live::Delta;
use crate::ticketing::{EventId, Revision};

/// First key of the advisory lock: «rela» in ASCII. The second one is the log's table, since a database may have several.
const RELAY_LOCK: i32 = 0x7265_6c61;

/// A row of the log on its way to other nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    pub event: EventId,
    pub revision: Revision,
    /// `{"revision", "at", "payload"}`; [`read_log_row`] parses it.
    pub json: String,
}

/// Parses a row's JSON.
///
/// # Errors
/// [`StoreError::Unexpected`] when it is not what this version of the program writes.
pub fn read_log_row(json: &[u8]) -> Result<Delta, StoreError> {
    let change: LoggedChange =
        serde_json::from_slice(json).map_err(|error| StoreError::corrupt(error.to_string()))?;
    change.into_delta()
}

/// A connection that tries to hold the relay's lock. The lock is released when the connection ends, in whatever way;
/// dropping this ends it.
pub struct Candidacy {
    client: Client,
    _connection: AbortOnDropHandle<()>,
}

impl Candidacy {
    /// Takes the lock if it is free. It is tried again and again, since waiting for it in a transaction would hold back the
    /// database's vacuum.
    pub async fn is_elected(&self) -> Result<bool, StoreError> {
        let sql = "select pg_try_advisory_lock($1, 'changes'::regclass::oid::int4)";
        Ok(self
            .client
            .query_one(sql, &[&RELAY_LOCK])
            .await?
            .try_get(0)?)
    }

    /// An error means that the lock is lost.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.client.simple_query("").await?;
        Ok(())
    }
}

impl Store {
    /// Names this log among all whose nodes may share a bus.
    pub async fn installation(&self) -> Result<String, StoreError> {
        let client = self.client().await?;
        let row = client.query_one("select history_place()", &[]).await?;
        Ok(HistoryPlace(row.try_get(0)?).installation())
    }

    pub async fn stand_for_relay(&self) -> Result<Candidacy, StoreError> {
        let (client, connection) = self
            .room
            .connect(self.address(), self.connect_timeout())
            .await?;
        let connection = tokio::spawn(async move {
            // The next query reports the end of the connection.
            let _ = connection.await;
        });
        Ok(Candidacy {
            client,
            _connection: AbortOnDropHandle::new(connection),
        })
    }

    /// The rows of each event after the revision given with it, or the newest row where none is given; by event, in order of
    /// revision, at most `rows_max` in all.
    pub async fn log_rows_after(
        &self,
        heads: &[(EventId, Option<Revision>)],
        rows_max: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let (events, revisions): (Vec<EventId>, Vec<Option<i64>>) = heads
            .iter()
            .map(|&(event, revision)| (event, revision.map(signed)))
            .unzip();
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select c.event_id, c.revision,
                        jsonb_build_object('revision', c.revision, 'at', rfc3339(c.at), 'payload', c.payload)::text
                   from unnest($1::bigint[], $2::bigint[]) as head (event_id, revision)
                   join changes c on c.event_id = head.event_id
                    and c.revision > coalesce(head.revision,
                            (select max(n.revision) - 1 from changes n where n.event_id = head.event_id))
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
                Ok(LogRow {
                    event: row.try_get(0)?,
                    revision: unsigned(row.try_get(1)?)?,
                    json: row.try_get(2)?,
                })
            })
            .collect()
    }
}
