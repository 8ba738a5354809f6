//! `seatcast audit`: checks that the database keeps its promises.
//!
//! Everything is read in one snapshot, so an audit may run while tickets are being sold. The counters are recomputed from
//! the claims, every booking is compared with its claims, items and tickets, what is under way with what goes on with it, and
//! the log is replayed and compared with the tables.

mod checks;
mod money;
mod replay;
mod tickets;
mod unfinished;

use std::fmt;

use deadpool_postgres::Transaction;
use tokio_postgres::IsolationLevel;

use super::{Store, StoreError};
use checks::{AuditCheck, COUNTERS_OF_EVENTS};

/// Differences listed per check; more are counted.
const LISTED_PER_CHECK_MAX: usize = 20;

/// Changes among whose events a running server looks for wrong counters, and so many of these events at most: their
/// claims are all read.
const LATEST_CHANGES: i64 = 200;
const LATEST_EVENTS_MAX: usize = 10;

/// The numbers of checked rows, and the broken promises.
#[derive(Debug, Default)]
pub struct AuditReport {
    pub events: u64,
    pub claims: u64,
    pub bookings: u64,
    pub changes: u64,
    pub findings: Vec<Finding>,
}

/// One broken promise.
#[derive(Debug)]
pub struct Finding {
    /// The promise, as a sentence.
    pub promise: &'static str,
    /// The number of rows that break it.
    pub differences: u64,
    /// The first of these rows, as lines of text.
    pub listed: Vec<String>,
}

impl AuditReport {
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    pub fn differences(&self) -> u64 {
        self.findings.iter().map(|found| found.differences).sum()
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in &self.findings {
            writeln!(to, "NOT SO: {}", found.promise)?;
            for difference in &found.listed {
                writeln!(to, "  {difference}")?;
            }
            let unlisted = found.differences - found.listed.len() as u64;
            if unlisted > 0 {
                writeln!(to, "  … and {unlisted} more")?;
            }
        }
        write!(
            to,
            "{} differences in {} events, {} bookings, {} claims, {} changes",
            self.differences(),
            self.events,
            self.bookings,
            self.claims,
            self.changes
        )
    }
}

/// The checks that are one query each, in order.
fn checks() -> impl Iterator<Item = &'static AuditCheck> {
    let all = [
        checks::CHECKS,
        tickets::CHECKS,
        money::CHECKS,
        unfinished::CHECKS,
    ];
    all.into_iter().flatten()
}

/// All promises that an audit checks, in order.
pub fn promises() -> impl Iterator<Item = &'static str> {
    let checked = checks().map(|check| check.promise);
    checked.chain([replay::PROMISE])
}

/// Recomputes everything that is derived. Reads the whole database once.
pub async fn audit(store: &Store) -> Result<AuditReport, StoreError> {
    let mut client = store.client().await?;
    let begin = client.build_transaction();
    let snapshot = begin
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    // An audit of a large database may take long, and reads whole tables.
    snapshot
        .batch_execute("set local statement_timeout = 0; set local enable_seqscan = on; set local enable_bitmapscan = on")
        .await?;
    let there = "select to_regclass('changes') is not null";
    if !snapshot
        .query_one(there, &[])
        .await?
        .try_get::<_, bool>(0)?
    {
        return Err(StoreError::NotMigrated);
    }
    let mut report = sizes(&snapshot).await?;
    for check in checks() {
        let rows = snapshot.query(check.differences, &[]).await?;
        let differences: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        report.add(check.promise, differences?);
    }
    let replayed = replay::differences(&snapshot).await?;
    report.add(replay::PROMISE, replayed);
    Ok(report)
}

impl Store {
    /// How many counters of the events that changed last differ from the claims. A running server asks it now and then: it
    /// is the one check that a full audit should not have to wait for.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn counters_that_differ(&self) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let sql = "
            select coalesce(array_agg(event_id order by last desc), '{}')
              from (select event_id, max(at) as last
                      from (select event_id, at from changes order by at desc limit $1) newest
                     group by event_id) events";
        let newest = client.prepare_cached(sql).await?;
        let row = client.query_one(&newest, &[&LATEST_CHANGES]).await?;
        let mut events: Vec<i64> = row.try_get(0)?;
        events.truncate(LATEST_EVENTS_MAX);
        let differing = client.prepare_cached(COUNTERS_OF_EVENTS).await?;
        let row = client.query_one(&differing, &[&events]).await?;
        Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
    }
}

async fn sizes(snapshot: &Transaction<'_>) -> Result<AuditReport, StoreError> {
    let row = snapshot
        .query_one(
            "select (select count(*) from events), (select count(*) from bookings),
                    (select count(*) from claims), (select count(*) from changes)",
            &[],
        )
        .await?;
    let count = |column| row.try_get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(AuditReport {
        events: count(0)?,
        bookings: count(1)?,
        claims: count(2)?,
        changes: count(3)?,
        findings: Vec::new(),
    })
}

impl AuditReport {
    fn add(&mut self, promise: &'static str, mut listed: Vec<String>) {
        if !listed.is_empty() {
            let differences = listed.len() as u64;
            listed.truncate(LISTED_PER_CHECK_MAX);
            self.findings.push(Finding {
                promise,
                differences,
                listed,
            });
        }
    }
}
