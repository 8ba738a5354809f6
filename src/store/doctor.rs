//! Findings of `seatcast doctor` about the database, with a sentence and a mend for everything that is in the way. It
//! reads, and writes nothing but one notification on a channel of its own.

use std::fmt;

use jiff::Timestamp;
use tokio_postgres::Client;

use super::address::{APPLICATION_NAME, DatabaseAddress, GOODBYE_MAX};
use super::{StoreError, migrate, room, seed, start};
use crate::config::Config;
use crate::config::inside::{DESK_CONNECTIONS_MAX, FEED_CONNECTIONS_MAX};
use crate::telemetry::with_causes;

/// The node's clock may be off the database's by so much.
const SKEW_MS_MAX: i64 = 1_000;
/// A transaction older than this keeps dead rows of every table.
const TRANSACTION_MINUTES_MAX: i64 = 10;
/// Share of Postgres's notification queue that may be in use; a full one refuses every commit that rings.
const NOTIFY_QUEUE_SHARE_MAX: f64 = 0.1;
/// WAL that replication slots may keep back, in bytes.
const KEPT_WAL_BYTES_MAX: i64 = 4 << 30;
/// Free space below which a disk is nearly full, in bytes.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// The subject that a diagnosis has of a demo only.
const DEMO: &str = "demo";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    Well,
    /// It serves, and something is to be seen to.
    Warning,
    /// It will not serve, or not safely.
    Ill,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// The subject, in a word or two.
    pub of: &'static str,
    pub condition: Condition,
    pub says: String,
    /// The mend; empty where all is well.
    pub mend: &'static str,
}

#[derive(Debug, Default)]
pub struct Diagnosis(pub Vec<Symptom>);

impl Diagnosis {
    pub fn worst(&self) -> Condition {
        let conditions = self.0.iter().map(|symptom| symptom.condition);
        conditions.max().unwrap_or(Condition::Well)
    }

    /// A demo that serves its own machine.
    pub fn is_demo(&self) -> bool {
        let well = |symptom: &Symptom| symptom.condition == Condition::Well;
        self.0
            .iter()
            .any(|symptom| symptom.of == DEMO && well(symptom))
    }

    pub fn note(
        &mut self,
        of: &'static str,
        says: impl Into<String>,
        bad: Option<(Condition, &'static str)>,
    ) {
        let (condition, mend) = bad.unwrap_or((Condition::Well, ""));
        let says = says.into();
        self.0.push(Symptom {
            of,
            condition,
            says,
            mend,
        });
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for symptom in &self.0 {
            let mark = match symptom.condition {
                Condition::Well => "ok  ",
                Condition::Warning => "WARN",
                Condition::Ill => "FAIL",
            };
            writeln!(to, "{mark}  {}: {}", symptom.of, symptom.says)?;
            if !symptom.mend.is_empty() {
                writeln!(to, "      → {}", symptom.mend)?;
            }
        }
        Ok(())
    }
}

/// Looks at everything that can be looked at; what cannot be reached is a symptom, not an error.
///
/// # Errors
/// The address cannot be read.
pub async fn examine(config: &Config, url: &str) -> Result<Diagnosis, StoreError> {
    let mut found = Diagnosis::default();
    let address = DatabaseAddress::read(&config.database, url)?;
    if !sessions(&address, &mut found).await {
        return Ok(found);
    }
    let looked = async {
        let (client, connection) = address.connect().await?;
        let connection = tokio::spawn(connection);
        let looked = database(&client, config, &mut found).await;
        drop(client);
        let _ = tokio::time::timeout(GOODBYE_MAX, connection).await;
        looked
    };
    if let Err(error) = looked.await {
        let mend = "see the message; the checks after it were not made";
        let says = with_causes(&error);
        found.note("database", says, Some((Condition::Ill, mend)));
    }
    Ok(found)
}

/// Whether the database can be reached, keeps sessions and delivers notifications.
async fn sessions(address: &DatabaseAddress, found: &mut Diagnosis) -> bool {
    let Err(error) = start::look(address).await else {
        let says = "each connection keeps its session, and hears notifications";
        found.note("sessions", says, None);
        return true;
    };
    let mend = match &error {
        StoreError::Pooler => "connect to Postgres itself, or let the pooler pool sessions",
        StoreError::Standby => "name the primary; in a list of hosts it is found by itself",
        _ => "check address, password and TLS, and that the database runs",
    };
    let says = with_causes(&error);
    found.note("sessions", says, Some((Condition::Ill, mend)));
    false
}

async fn database(
    client: &Client,
    config: &Config,
    found: &mut Diagnosis,
) -> Result<(), StoreError> {
    settings(client, found).await?;
    clock(client, found).await?;
    connections(client, config, found).await?;
    let reads = may_read(client, config, found).await?;
    if reads && schema(client, found).await? {
        demo(client, config, found).await?;
        rights(client, config, found).await?;
    }
    load(client, found).await?;
    disk(client, found).await
}

/// Settings that Postgres has to have, or should.
async fn settings(client: &Client, found: &mut Diagnosis) -> Result<(), StoreError> {
    let sql = "
        select current_setting('server_version_num')::int, current_setting('server_version'),
               current_setting('server_encoding'), d.datctype, current_setting('fsync'),
               current_setting('full_page_writes'), current_setting('synchronous_commit')
          from pg_database d where d.datname = current_database()";
    let row = client.query_one(sql, &[]).await?;
    let (number, version): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
    let old = (Condition::Ill, "upgrade Postgres to 15 or newer");
    found.note(
        "version",
        format!("Postgres {version}"),
        (number < 150_000).then_some(old),
    );
    let (encoding, ctype): (String, String) = (row.try_get(2)?, row.try_get(3)?);
    let foreign = (Condition::Ill, "make the database anew with encoding UTF8");
    let ascii = (
        Condition::Warning,
        "make the database anew with a UTF-8 locale such as C.UTF-8",
    );
    let bad = match (&*encoding, &*ctype) {
        ("UTF8", "C" | "POSIX") => Some(ascii),
        ("UTF8", _) => None,
        _ => Some(foreign),
    };
    let says = match bad {
        Some((Condition::Warning, _)) => {
            format!("{encoding}, locale {ctype}: search finds other cases of Latin letters only")
        }
        _ => format!("{encoding}, locale {ctype}"),
    };
    found.note("locale", says, bad);
    let (fsync, pages, commit): (String, String, String) =
        (row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
    let unsafe_now = fsync != "on" || pages != "on";
    let bad = match (unsafe_now, commit == "off") {
        (true, _) => Some((Condition::Ill, "set fsync and full_page_writes to on")),
        (false, true) => Some((Condition::Warning, "set synchronous_commit to on")),
        (false, false) => None,
    };
    let says = match bad {
        None => "a commit is on disk before it is answered".to_owned(),
        Some(_) => format!(
            "fsync {fsync}, full_page_writes {pages}, synchronous_commit {commit}: a crash loses bookings"
        ),
    };
    found.note("durability", says, bad);
    let sql = "
        select current_setting('transaction_read_only') = 'on',
               has_database_privilege(current_database(), 'temporary')";
    let row = client.query_one(sql, &[]).await?;
    let (is_read_only, tries): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    let (says, bad) = match (is_read_only, tries) {
        (true, _) => (
            "the database is read-only: nothing can be booked",
            Some((
                Condition::Ill,
                "see why default_transaction_read_only is on: providers set it when the disk is full",
            )),
        ),
        (false, false) => (
            "the database takes writes; after a full disk nobody can try whether there is room again",
            Some((
                Condition::Warning,
                "grant temporary on the database to the role, as sql/roles.sql does",
            )),
        ),
        (false, true) => ("the database takes writes", None),
    };
    found.note("writes", says, bad);
    Ok(())
}

/// The node's clock beside the database's, which all deadlines go by.
async fn clock(client: &Client, found: &mut Diagnosis) -> Result<(), StoreError> {
    let before = Timestamp::now();
    let theirs: Timestamp = client
        .query_one("select clock_timestamp()", &[])
        .await?
        .try_get(0)?;
    let after = Timestamp::now();
    let middle = before.as_millisecond() / 2 + after.as_millisecond() / 2;
    let skew_ms = theirs.as_millisecond() - middle;
    let bad = (skew_ms.abs() > SKEW_MS_MAX)
        .then_some((Condition::Warning, "let both machines keep time by NTP"));
    found.note("clock", format!("{skew_ms} ms off the database's"), bad);
    Ok(())
}

/// Nodes for which the database has connections, beside those of other programs. Those of nodes that run are not held
/// against them.
async fn connections(
    client: &Client,
    config: &Config,
    found: &mut Diagnosis,
) -> Result<(), StoreError> {
    // Of other roles' sessions only some columns can be read by everybody: `backend_type` is not among them.
    let sql = "
        with session as (
            select usesysid, application_name = $1 and datname = current_database() as is_ours
              from pg_stat_activity
             where datid is not null and coalesce(backend_type, 'client backend') = 'client backend' and pid <> pg_backend_pid()
        ), role as (select oid, nullif(rolconnlimit, -1)::bigint as most from pg_roles where rolname = current_user)
        select least(current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                         - coalesce(current_setting('reserved_connections', true), '0')::bigint
                         - (select count(*) from session where not is_ours),
                     (select most - (select count(*) from session where not is_ours and usesysid = role.oid) from role)),
               (select count(*) from session where is_ours)";
    let row = client.query_one(sql, &[&APPLICATION_NAME]).await?;
    let (free, ours): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let wanted = config.database.pool_connections_max
        + FEED_CONNECTIONS_MAX
        + DESK_CONNECTIONS_MAX
        + config.feed.loads_parallel_max
        + 1;
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let (nodes, is_enough) = nodes_in(free, ours, wanted);
    let bad = (!is_enough).then_some((
        Condition::Warning,
        "raise max_connections, or lower --database-connections-max",
    ));
    let nodes = match nodes {
        1 => "1 node".to_owned(),
        _ => format!("{nodes} nodes"),
    };
    let says = format!(
        "{free} for Seatcast, {ours} in use; a node opens up to {wanted}: room for {nodes}"
    );
    found.note("connections", says, bad);
    Ok(())
}

/// Nodes that find room in `free` connections of which they use `ours`, and whether that is enough for those that run; for
/// one, where none does.
fn nodes_in(free: i64, ours: i64, a_node: i64) -> (i64, bool) {
    let nodes = free.max(0) / a_node;
    let running = (ours + a_node - 1) / a_node;
    (nodes, nodes >= running.max(1))
}

async fn schema(client: &Client, found: &mut Diagnosis) -> Result<bool, StoreError> {
    let (applied, known) = migrate::versions(client).await?;
    let bad = match applied {
        0 => Some((
            Condition::Warning,
            "run `seatcast migrate`, or start the server, which does it",
        )),
        applied if applied < known => Some((Condition::Warning, "run `seatcast migrate`")),
        _ => None,
    };
    found.note("schema", format!("at version {applied} of {known}"), bad);
    Ok(applied > 0)
}

/// The demo's people, whose password everybody can read.
async fn demo(client: &Client, config: &Config, found: &mut Diagnosis) -> Result<(), StoreError> {
    if !seed::is_demo(client).await? {
        return Ok(());
    }
    let is_private = config.database.given_url().is_none() && config.http.host.is_loopback();
    let known = (
        Condition::Warning,
        "sell from another database, made by `seatcast migrate` alone",
    );
    let says = "this is the demo, with people whose password is in the documentation";
    found.note(DEMO, says, (!is_private).then_some(known));
    Ok(())
}

/// Whether the role may read all that is there; without that, nothing can be said of the schema.
async fn may_read(
    client: &Client,
    config: &Config,
    found: &mut Diagnosis,
) -> Result<bool, StoreError> {
    let sql = "
        select current_user::text,
               case when has_schema_privilege(n.oid, 'usage')
                    then (select c.relname::text from pg_class c
                           where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v')
                             and not has_table_privilege(c.oid, 'select')
                           order by c.relname limit 1)
                    else 'anything' end
          from pg_namespace n where n.nspname = $1";
    let row = client.query_opt(sql, &[&config.database.schema]).await?;
    let Some(row) = row else { return Ok(true) };
    let (user, closed): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    let Some(closed) = closed else {
        return Ok(true);
    };
    let mend =
        "run sql/roles.sql, again after each `seatcast migrate`, and connect as its server's role";
    let says = format!("{user} may not read {closed} of {}", config.database.schema);
    found.note("role", says, Some((Condition::Ill, mend)));
    Ok(false)
}

/// Rights of the role: enough to serve, and no more.
async fn rights(client: &Client, config: &Config, found: &mut Diagnosis) -> Result<(), StoreError> {
    let sql = "
        select current_user::text, (select rolsuper from pg_roles where rolname = current_user),
               has_column_privilege('pools', 'held', 'update'),
               has_table_privilege('bookings', 'insert, update') and has_table_privilege('claims', 'insert, update')
                   and has_table_privilege('idempotency_keys', 'insert') and has_table_privilege('changes', 'delete')
                   and has_table_privilege('payments', 'insert') and has_table_privilege('ledger_entries', 'insert')";
    let row = client.query_one(sql, &[]).await?;
    let (user, is_super, counts, serves): (String, bool, bool, bool) = (
        row.try_get(0)?,
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
    );
    let (says, bad) = match (serves, is_super, counts) {
        (true, ..) if config.database.given_url().is_none() => {
            (format!("{user} has the private Postgres to itself"), None)
        }
        (false, ..) => (
            format!("{user} may not sell"),
            Some((
                Condition::Ill,
                "grant it the server's role of sql/roles.sql",
            )),
        ),
        (true, true, _) => (
            format!("{user} is a superuser"),
            Some((
                Condition::Warning,
                "on a shared database connect as the server's role of sql/roles.sql",
            )),
        ),
        (true, false, true) => (
            format!("{user} owns the tables, and may write counters"),
            Some((
                Condition::Warning,
                "on a shared database connect as the server's role of sql/roles.sql",
            )),
        ),
        (true, false, false) => (format!("{user} may serve, and not write counters"), None),
    };
    found.note("role", says, bad);
    Ok(())
}

/// Load that other programs put on the database.
async fn load(client: &Client, found: &mut Diagnosis) -> Result<(), StoreError> {
    let share: f64 = client
        .query_one("select pg_notification_queue_usage()", &[])
        .await?
        .try_get(0)?;
    let bad = (share > NOTIFY_QUEUE_SHARE_MAX).then_some((
        Condition::Warning,
        "end sessions that LISTEN inside a long transaction: a full queue refuses every commit",
    ));
    found.note(
        "notifications",
        format!("{:.1} % of the queue in use", share * 100.0),
        bad,
    );
    // Those of other roles are shown to members of pg_read_all_stats only.
    let sql = "
        select coalesce(max(extract(epoch from clock_timestamp() - xact_start)) / 60, 0)::bigint,
               pg_has_role('pg_read_all_stats', 'usage')
          from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'";
    let row = client.query_one(sql, &[]).await?;
    let (minutes, sees_all): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    let bad = (minutes >= TRANSACTION_MINUTES_MAX).then_some((
        Condition::Warning,
        "end it, or set idle_in_transaction_session_timeout: it keeps dead rows and may keep turns",
    ));
    found.note(
        "transactions",
        match sees_all {
            true => format!("the oldest is {minutes} min old"),
            false => format!(
                "the oldest of this role is {minutes} min old; those of others are not shown to it"
            ),
        },
        bad,
    );
    Ok(())
}

async fn disk(client: &Client, found: &mut Diagnosis) -> Result<(), StoreError> {
    let sql = "
        select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint
          from pg_replication_slots where not active";
    let kept: i64 = client.query_one(sql, &[]).await?.try_get(0)?;
    let bad = (kept > KEPT_WAL_BYTES_MAX).then_some((
        Condition::Warning,
        "drop the replication slots that nobody reads, or set max_slot_wal_keep_size",
    ));
    found.note(
        "WAL",
        format!("unread replication slots keep {} MB", kept >> 20),
        bad,
    );
    if let Some(free) = room::free_bytes(client).await {
        let bad = (free < FREE_BYTES_MIN).then_some((
            Condition::Ill,
            "make room: with a full disk every booking is refused",
        ));
        found.note("disk", format!("{} MB free", free >> 20), bad);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 45 connections, a node that uses 20 of them and may open 34: it needs no room beside itself.
    #[test]
    fn a_node_that_runs_is_not_held_against_itself() {
        assert_eq!(nodes_in(45, 20, 34), (1, true));
        assert_eq!(nodes_in(45, 0, 34), (1, true));
        assert_eq!(nodes_in(30, 0, 34), (0, false));
        assert_eq!(nodes_in(-2, 0, 34), (0, false));
        // Two nodes run, and there is room for what one may open.
        assert_eq!(nodes_in(60, 50, 34), (1, false));
        assert_eq!(nodes_in(70, 50, 34), (2, true));
    }
}
