//! Brings the schema up to date with the numbered files of `sql/`.

use std::sync::LazyLock;

use tokio_postgres::Client;

use super::address::DatabaseAddress;
use super::{Store, StoreError};
use crate::config::DatabaseConfig;

// Made by the macro: `runner()` over the embedded files.
#[allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used)]
mod embedded {
    refinery::embed_migrations!("sql");
}

/// Key of the advisory lock («seatcast» in ASCII), so that nodes that start together migrate one after the other.
const MIGRATION_LOCK: i64 = 0x7365_6174_6361_7374;

/// Applies missing migrations, and returns their number.
///
/// refinery takes no lock of its own: of four nodes that start at once, three would fail. The
/// advisory lock lives on the same connection, so it ends with the process at the latest.
pub async fn migrate(config: &DatabaseConfig, url: &str) -> Result<usize, StoreError> {
    let (mut client, connection) = DatabaseAddress::read(config, url)?.connect().await?;
    let connection = tokio::spawn(connection);
    let applied = under_lock(&mut client, &config.schema).await;
    drop(client);
    // `applied` has the connection's error as well.
    let _ = connection.await;
    applied
}

/// The newest migration that this program knows.
static NEWEST: LazyLock<i64> = LazyLock::new(|| {
    let runner = embedded::migrations::runner();
    let versions = runner
        .get_migrations()
        .iter()
        .map(|one| i64::from(one.version()));
    versions.max().unwrap_or_default()
});

impl Store {
    /// Whether the database has every migration that this program knows. It may have newer ones, from newer nodes.
    pub async fn is_migrated(&self) -> Result<bool, StoreError> {
        let (applied, known) = versions(&*self.client().await?).await?;
        Ok(applied >= known)
    }

    /// # Errors
    /// [`StoreError::NotMigrated`]: the database has nothing of ours.
    pub async fn insist_on_a_schema(&self) -> Result<(), StoreError> {
        match versions(&*self.client().await?).await? {
            (0, _) => Err(StoreError::NotMigrated),
            _ => Ok(()),
        }
    }
}

/// The newest migration that the database has (0: none), and the newest that this program knows.
pub(super) async fn versions(client: &tokio_postgres::Client) -> Result<(i64, i64), StoreError> {
    let table = "select to_regclass('refinery_schema_history') is not null";
    if !client.query_one(table, &[]).await?.try_get::<_, bool>(0)? {
        return Ok((0, *NEWEST));
    }
    let newest = "select coalesce(max(version), 0)::bigint from refinery_schema_history";
    let newest: i64 = client.query_one(newest, &[]).await?.try_get(0)?;
    Ok((newest, *NEWEST))
}

async fn under_lock(client: &mut Client, schema: &str) -> Result<usize, StoreError> {
    // Waiting for another node's migration may take as long as that needs.
    client
        .batch_execute("set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0")
        .await?;
    client
        .execute("select pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .await?;
    let applied = apply(client, schema).await;
    client
        .execute("select pg_advisory_unlock($1)", &[&MIGRATION_LOCK])
        .await?;
    applied
}

/// Tables, views and types of the files.
fn names() -> Vec<String> {
    let runner = embedded::migrations::runner();
    let files = runner.get_migrations().iter();
    let lines = files.flat_map(|file| file.sql().unwrap_or_default().lines());
    let made = lines.filter_map(|line| {
        let kinds = [
            "create table ",
            "create unlogged table ",
            "create view ",
            "create type ",
        ];
        let made = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
        made.split([' ', '(']).next().map(str::to_owned)
    });
    made.collect()
}

/// A first migration fails at a name that is taken, after the files before it were applied, so it is refused whole.
async fn refuse_namesakes(client: &Client, schema: &str) -> Result<(), StoreError> {
    let sql = "
        select name from unnest($1::text[]) name
         where not exists (select from pg_class where relname = 'refinery_schema_history' and relnamespace = $2::text::regnamespace)
           and (exists (select from pg_class where relname = name and relnamespace = $2::text::regnamespace)
                or exists (select from pg_type where typname = name and typnamespace = $2::text::regnamespace))
         order by name";
    let taken = client.query(sql, &[&names(), &schema]).await?;
    let taken = taken.iter().map(|row| row.try_get::<_, String>(0));
    let taken = taken.collect::<Result<Vec<_>, _>>()?;
    match taken.is_empty() {
        true => Ok(()),
        false => Err(StoreError::TakenSchema {
            schema: schema.to_owned(),
            names: taken.join(", "),
        }),
    }
}

/// Applies the files. Names in them, and refinery's own table, are in our schema through the connection's search path.
async fn apply(client: &mut Client, schema: &str) -> Result<usize, StoreError> {
    let exists = "select exists (select from pg_namespace where nspname = $1)";
    if !client
        .query_one(exists, &[&schema])
        .await?
        .try_get::<_, bool>(0)?
    {
        // Checked first, since even `if not exists` needs the right to create schemas.
        client
            .batch_execute(&format!("create schema {schema}"))
            .await?;
    }
    refuse_namesakes(client, schema).await?;
    let report = embedded::migrations::runner().run_async(client).await;
    let report = report.map_err(|error| StoreError::Migration(error.into()))?;
    Ok(report.applied_migrations().len())
}
