//! The presence counts of each node, under a lease that the node renews.
//!
//! All times are by the database's clock. Counts are opaque JSON here. Other nodes are told by a ring
//! `presence:<node>:<event>,<event>,…`; without events it means all of them.

use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::changes::decoded_some;
use super::{Store, StoreError};
use crate::ticketing::EventId;

const PREFIX: &str = "presence:";
/// Events in one ring: a payload has at most 8,000 bytes, an id at most 20.
const EVENTS_PER_RING_MAX: usize = 350;

/// A ring of a node whose counts have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceRing {
    pub node: Uuid,
    /// The events; empty means any.
    pub events: Vec<EventId>,
}

impl PresenceRing {
    fn payload(node: Uuid, events: &[EventId]) -> String {
        let events: Vec<String> = events.iter().map(EventId::to_string).collect();
        format!("{PREFIX}{node}:{}", events.join(","))
    }

    /// Reads a payload; `None` for one of another version of the program that cannot be read.
    pub(super) fn read(payload: &str) -> Option<PresenceRing> {
        let (node, events) = payload.strip_prefix(PREFIX)?.split_once(':')?;
        let events = events.split(',').filter(|event| !event.is_empty());
        Some(PresenceRing {
            node: node.parse().ok()?,
            events: events.map(str::parse).collect::<Result<_, _>>().ok()?,
        })
    }
}

/// A node's lease, just renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLease {
    /// Whether it is a new lease: the node's earlier counts are gone.
    pub is_new: bool,
    /// The other nodes whose lease lasts, in order.
    pub others: Vec<Uuid>,
}

impl Store {
    /// Renews the node's lease, or takes a new one and tells the others.
    pub async fn renew_presence_lease(
        &self,
        node: Uuid,
        lease: Duration,
    ) -> Result<NodeLease, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "with deadline as (
                     select clock_timestamp() + make_interval(secs => $2) as at
                 ), renewed as (
                     update presence_nodes set expires_at = deadline.at from deadline
                      where node = $1 returning node
                 ), taken as (
                     insert into presence_nodes (node, expires_at)
                     select $1, deadline.at from deadline where not exists (select from renewed)
                     returning pg_notify(current_schema(), $3)
                 )
                 select exists (select from taken),
                        array(select node from presence_nodes
                               where node <> $1 and expires_at > clock_timestamp() order by node)",
            )
            .await?;
        let everything = PresenceRing::payload(node, &[]);
        let row = client
            .query_one(&statement, &[&node, &lease.as_secs_f64(), &everything])
            .await?;
        Ok(NodeLease {
            is_new: row.try_get(0)?,
            others: row.try_get(1)?,
        })
    }

    /// Ends the node's lease, deletes its counts, and tells the others.
    pub async fn end_presence_lease(&self, node: Uuid) -> Result<(), StoreError> {
        let client = self.client().await?;
        let everything = PresenceRing::payload(node, &[]);
        let sql = "with gone as (delete from presence_nodes where node = $1 returning node)
                   select pg_notify(current_schema(), $2) from gone";
        client.query(sql, &[&node, &everything]).await?;
        Ok(())
    }

    /// Removes rows of nodes whose lease ended longer ago than `age`.
    pub async fn remove_ended_leases(&self, age: Duration) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let sql = "delete from presence_nodes
                    where expires_at < clock_timestamp() - make_interval(secs => $1)";
        Ok(client.execute(sql, &[&age.as_secs_f64()]).await?)
    }

    /// Stores the node's counts of each event (`None` deletes them), and tells the others. Without a lease it does nothing; the
    /// next renewal reports that.
    pub async fn publish_presence<C: Serialize + Debug + Sync>(
        &self,
        node: Uuid,
        counts: &[(EventId, Option<C>)],
    ) -> Result<(), StoreError> {
        let events: Vec<EventId> = counts.iter().map(|(event, _)| *event).collect();
        let counts: Vec<Option<Json<&C>>> = counts
            .iter()
            .map(|(_, counts)| counts.as_ref().map(Json))
            .collect();
        let rings: Vec<String> = events
            .chunks(EVENTS_PER_RING_MAX)
            .map(|events| PresenceRing::payload(node, events))
            .collect();
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "with said as (
                     select * from unnest($2::bigint[], $3::jsonb[]) as said (event_id, counts)
                 ), left_behind as (
                     delete from presence_counts c using said
                      where c.node = $1 and c.event_id = said.event_id and said.counts is null
                 ), stored as (
                     insert into presence_counts (node, event_id, counts)
                     select n.node, said.event_id, said.counts
                       from said, presence_nodes n where n.node = $1 and said.counts is not null
                         on conflict (event_id, node) do update set counts = excluded.counts
                 )
                 select pg_notify(current_schema(), ring) from unnest($4::text[]) as ring",
            )
            .await?;
        client
            .query(&statement, &[&node, &events, &counts, &rings])
            .await?;
        Ok(())
    }

    /// The counts of these events on every other node whose lease lasts.
    pub async fn presence_elsewhere<C: DeserializeOwned>(
        &self,
        node: Uuid,
        events: &[EventId],
    ) -> Result<Vec<(EventId, C)>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select c.event_id, c.counts
                   from presence_nodes n join presence_counts c on c.node = n.node
                  where n.node <> $1 and n.expires_at > clock_timestamp() and c.event_id = any($2)",
            )
            .await?;
        let rows = client.query(&statement, &[&node, &events]).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, decoded_some(row, 1)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_read_as_it_was_written() {
        let node = Uuid::now_v7();
        for events in [vec![], vec![42], vec![1, 2, i64::MAX]] {
            let events: Vec<EventId> = events.into_iter().map(EventId).collect();
            let payload = PresenceRing::payload(node, &events);
            assert_eq!(
                PresenceRing::read(&payload),
                Some(PresenceRing { node, events })
            );
        }
        for other in ["42", "probe:x", "presence:x:1", "presence:", "presence:1,2"] {
            assert_eq!(PresenceRing::read(other), None, "{other}");
        }
    }
}
