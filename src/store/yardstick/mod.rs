//! The benches' side of the database: databases of their own, events to sell and to change, full tables ([`fill`],
//! [`catalogue`], [`money`]),
//! and plain ways to do the same as Seatcast, for comparison ([`naive`], [`writing`]).

pub mod catalogue;
pub mod fill;
pub mod money;
pub mod naive;
pub mod writing;

use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;

use super::address::DatabaseAddress;
use super::{Store, StoreError};
use crate::config::DatabaseConfig;
use crate::ticketing::{EventId, Revision, TicketTypeId, UserId};

/// An event of a bench.
#[derive(Debug, Clone)]
pub struct StagedEvent {
    pub event: EventId,
    pub ticket_types: Vec<TicketTypeId>,
    pub organizer: UserId,
    /// The event's revision after it was made.
    pub revision: Revision,
}

/// More than any bench sells.
const CAPACITY: i32 = 100_000_000;

/// A new database beside the one that `url` names; returns its address.
pub async fn make_database(
    config: &DatabaseConfig,
    url: &str,
    name: &str,
) -> Result<String, StoreError> {
    command(config, url, &format!("create database {name}")).await?;
    Ok(with_database(url, name))
}

/// Drops the database, and ends all connections to it.
pub async fn drop_database(
    config: &DatabaseConfig,
    url: &str,
    name: &str,
) -> Result<(), StoreError> {
    let sql = format!("drop database if exists {name} with (force)");
    command(config, url, &sql).await
}

async fn command(config: &DatabaseConfig, url: &str, sql: &str) -> Result<(), StoreError> {
    let (client, connection) = DatabaseAddress::read(config, url)?.connect().await?;
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await?;
    drop(client);
    let _ = connection.await;
    Ok(())
}

/// The same address with another database. `key=value` addresses may repeat a key; the last one counts.
fn with_database(url: &str, name: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return format!("{url} dbname={name}");
    };
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (rest, String::new()),
    };
    let host = path.split('/').next().unwrap_or_default();
    format!("{scheme}://{host}/{name}{query}")
}

impl Store {
    /// The pid of a backend that serves a connection of this pool, on the database's machine.
    pub async fn backend(&self) -> Result<u32, StoreError> {
        let client = self.client().await?;
        let pid: i32 = client
            .query_one("select pg_backend_pid()", &[])
            .await?
            .get(0);
        Ok(pid.unsigned_abs())
    }

    /// A new event on sale, with one ticket type.
    pub async fn set_stage(&self) -> Result<StagedEvent, StoreError> {
        let stage = self.set_stages(1, 1).await?.pop();
        stage.ok_or_else(|| StoreError::corrupt("no event was made"))
    }

    /// New events on sale, with `types` ticket types each, which share the event's capacity evenly.
    pub async fn set_stages(
        &self,
        events: i64,
        types: i32,
    ) -> Result<Vec<StagedEvent>, StoreError> {
        let client = self.client().await?;
        let sql = "insert into users (name, role) values ('Bench', 'organizer') returning id";
        let organizer: UserId = client.query_one(sql, &[]).await?.get(0);
        let sql = "
            insert into events (organizer_id, title, venue, starts_at, capacity, status)
            select $1, 'Bench ' || n, 'Loopback', clock_timestamp() + interval '30 days', $2, 'active'
            from generate_series(1, $3::bigint) n
            returning id";
        let rows = client.query(sql, &[&organizer, &CAPACITY, &events]).await?;
        let ids: Vec<EventId> = rows.iter().map(|row| row.get(0)).collect();
        let sql = "
            insert into ticket_types (event_id, name, price_amount, capacity)
            select event, 'Standing ' || n, 4500, $2
            from unnest($1::bigint[]) event, generate_series(1, $3) n";
        let share = CAPACITY / types;
        client.execute(sql, &[&ids, &share, &types]).await?;
        let sql = "
            select event, t.revision, (select array_agg(id order by id) from ticket_types where event_id = event)
            from unnest($1::bigint[]) event join turns t on t.event_id = event
            order by event";
        let rows = client.query(sql, &[&ids]).await?;
        let stage = |row: &tokio_postgres::Row| StagedEvent {
            event: row.get(0),
            revision: row.get::<_, i64>(1).cast_unsigned(),
            ticket_types: row.get(2),
            organizer,
        };
        Ok(rows.iter().map(stage).collect())
    }

    /// Gives events what a price may have: a tax, a fee, a voucher of this code, and a limit for each user.
    pub async fn set_price_rules(
        &self,
        stages: &[StagedEvent],
        voucher: &str,
    ) -> Result<(), StoreError> {
        let events: Vec<EventId> = stages.iter().map(|stage| stage.event).collect();
        let client = self.client().await?;
        for sql in [
            "insert into taxes (event_id, name, rate) select event, 'VAT', 1900 from unnest($1::bigint[]) event",
            "insert into fees (event_id, name, kind, value)
             select event, 'Service', 'per_ticket', 100 from unnest($1::bigint[]) event",
            "update ticket_types set max_per_user = 10, max_per_booking = 8 where event_id = any($1)",
        ] {
            client.execute(sql, &[&events]).await?;
        }
        let sql = "insert into vouchers (event_id, code, kind, value, uses_max)
                   select event, $2, 'percent', 1000, 2000000000 from unnest($1::bigint[]) event";
        client.execute(sql, &[&events, &voucher]).await?;
        Ok(())
    }

    /// Updates the planner's statistics, so that plans are those for full tables.
    pub async fn analyze(&self) -> Result<(), StoreError> {
        let client = self.client().await?;
        client
            .batch_execute("set statement_timeout = 0; analyze; reset statement_timeout")
            .await?;
        Ok(())
    }

    /// Changes the event's first ticket type `times` times, each in a transaction of its own, all sent at once on one
    /// connection. Each moves the event's revision by one.
    pub async fn change(&self, stage: &StagedEvent, times: u64) -> Result<(), StoreError> {
        let client = self.client().await?;
        let sql = "update ticket_types set price_amount = price_amount # 1 where id = $1";
        let statement = client.prepare_cached(sql).await?;
        let parameters: [&(dyn ToSql + Sync); 1] = [&stage.ticket_types[0]];
        let one = |_| client.execute(&statement, &parameters);
        // tokio-postgres pipelines queries that are polled together.
        try_join_all((0..times).map(one)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn an_address_is_given_another_database() {
        for (url, expected) in [
            (
                "postgres://u:p@h/old?sslmode=require",
                "postgres://u:p@h/new?sslmode=require",
            ),
            (
                "postgres:///old?host=/run/p&user=u",
                "postgres:///new?host=/run/p&user=u",
            ),
            ("postgres://h", "postgres://h/new"),
            ("host=h dbname=old", "host=h dbname=old dbname=new"),
        ] {
            assert_eq!(with_database(url, "new"), expected);
        }
    }
}
