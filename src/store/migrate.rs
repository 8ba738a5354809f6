//! Brings the schema up to date with the numbered files of `sql/`.

use std::error::Error;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

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
/// Time that a file waits for a table that somebody reads, as pg_dump does for hours. Whoever wants the table meanwhile, as
/// every booking does, waits behind it.
const TABLE_WAIT_S: u64 = 2;
/// Pause before the file is tried again, in which those who waited behind it come through.
const TABLE_PAUSE: Duration = Duration::from_secs(3);
/// After this the migration fails, and whoever started it is told.
const TABLE_PATIENCE: Duration = Duration::from_secs(30 * 60);

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
pub(super) static NEWEST: LazyLock<i64> = LazyLock::new(|| {
    let runner = embedded::migrations::runner();
    let versions = runner
        .get_migrations()
        .iter()
        .map(|one| i64::from(one.version()));
    versions.max().unwrap_or_default()
});

impl Store {
    /// # Errors
    /// [`StoreError::NotMigrated`]: the database has nothing of ours; [`StoreError::NoRights`]: nothing that the role may see;
    /// [`StoreError::OldSchema`]: not all that this program needs.
    pub async fn insist_on_a_schema(&self) -> Result<(), StoreError> {
        let client = self.client().await?;
        let (applied, needed) = versions(&client).await?;
        if applied >= needed {
            return Ok(());
        }
        if applied > 0 {
            return Err(StoreError::OldSchema { applied, needed });
        }
        let schema = self.address().schema();
        let sql = "select current_user::text from pg_namespace
                    where nspname = $1 and not has_schema_privilege(oid, 'usage')";
        match client.query_opt(sql, &[&schema]).await? {
            None => Err(StoreError::NotMigrated),
            Some(row) => Err(StoreError::NoRights {
                role: row.try_get(0)?,
                schema: schema.to_owned(),
            }),
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

/// The number of migrations that the database has.
async fn applied(client: &Client) -> Result<usize, StoreError> {
    if versions(client).await?.0 == 0 {
        return Ok(0);
    }
    let count = "select count(*) from refinery_schema_history";
    let count: i64 = client.query_one(count, &[]).await?.try_get(0)?;
    Ok(usize::try_from(count).unwrap_or_default())
}

async fn under_lock(client: &mut Client, schema: &str) -> Result<usize, StoreError> {
    // Waiting for another node's migration may take as long as that needs.
    client
        .batch_execute("set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0")
        .await?;
    client
        .execute("select pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .await?;
    client
        .batch_execute(&format!("set lock_timeout = '{TABLE_WAIT_S}s'"))
        .await?;
    let applied = with_patience(client, schema).await;
    client
        .execute("select pg_advisory_unlock($1)", &[&MIGRATION_LOCK])
        .await?;
    applied
}

/// Files that were applied stay so when a later one has to be tried again.
async fn with_patience(client: &mut Client, schema: &str) -> Result<usize, StoreError> {
    let mut before = None;
    let deadline = Instant::now() + TABLE_PATIENCE;
    let mut is_said = false;
    loop {
        match apply(client, schema, &mut before).await {
            Err(error) if waits_for_a_table(&error) && Instant::now() < deadline => {
                if !std::mem::replace(&mut is_said, true) {
                    tracing::warn!(
                        "a migration waits for a table that somebody else uses: a backup, or a transaction that stays open"
                    );
                }
                tokio::time::sleep(TABLE_PAUSE).await;
            }
            Err(error) => return Err(error),
            Ok(()) => {
                let before = before.unwrap_or_default();
                return Ok(applied(client).await?.saturating_sub(before));
            }
        }
    }
}

fn waits_for_a_table(error: &StoreError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let postgres = error.downcast_ref::<tokio_postgres::Error>();
        if postgres.and_then(tokio_postgres::Error::code) == Some(&SqlState::LOCK_NOT_AVAILABLE) {
            return true;
        }
        cause = error.source();
    }
    false
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

/// Applies the files, and notes how many there were before. Names in them, and refinery's own table, are in our schema through
/// the connection's search path.
async fn apply(
    client: &mut Client,
    schema: &str,
    before: &mut Option<usize>,
) -> Result<(), StoreError> {
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
    if before.is_none() {
        *before = Some(applied(client).await?);
    }
    let (newest, known) = versions(client).await?;
    if newest > known {
        // In the middle of an upgrade: refinery takes a file that it does not have for a fault, and a node that ended by accident
        // could not start again.
        tracing::warn!(
            "the database has migration {newest}, of a newer version of Seatcast; this one knows {known} and leaves it as it is"
        );
        return Ok(());
    }
    let read_only = "select current_setting('transaction_read_only') = 'on'";
    if newest == known && client.query_one(read_only, &[]).await?.try_get(0)? {
        // Nothing is to be done, and refinery would not even look.
        tracing::warn!("the database takes no writes; its schema is up to date");
        return Ok(());
    }
    refuse_namesakes(client, schema).await?;
    let report = embedded::migrations::runner().run_async(client).await;
    report.map_err(|error| StoreError::Migration(error.into()))?;
    Ok(())
}
